/* tests/sim/net.h - simulated stream sockets: bytes arrive in order, in whatever pieces, after
 * whatever time; or the connection breaks.
 *
 * Nothing here blocks. Who wants to know that something has become possible watches a socket; he is
 * called between the actors. Results are those of the kernel: >= 0, or a negative errno (-EAGAIN:
 * not now). */
#ifndef SPATE_TESTS_SIM_NET_H
#define SPATE_TESTS_SIM_NET_H

#include "tests/sim/world.h"

struct net;
struct socket;

enum { NET_ADDRESS_BYTES = 64 };

struct net_knobs {
    uint32_t socket_bytes;    /* that may be under way or unread in one direction */
    uint32_t piece_bytes_max; /* what arrives at once; 0: no cutting */
    uint64_t latency_ns_max;
    uint32_t reset_one_in; /* sends after which the connection breaks */
};

struct net *net_open(struct world *world);
void net_close(struct net *net);
struct net_knobs *net_knobs(struct net *net);

/* Several may listen on one address: each connection goes to one of them by chance. A port 0 becomes
 * one that nobody has. */
struct socket *net_listen(struct net *net, const char *address);
struct socket *socket_accept(struct socket *listener); /* NULL: nobody waits */

/* Who wants to connect goes unheard, and tries again after a second. */
void socket_deafen(struct socket *listener);

/* An end whose first send or receive finds out whether anybody listened; with nobody there it is
 * reset after a while. */
struct socket *net_connect(struct net *net, const char *address);
/* -EINPROGRESS, 0: accepted or queued, or the reason why not. */
int32_t socket_connected(const struct socket *socket);

int32_t socket_send(struct socket *socket, const void *data, uint32_t bytes);
int32_t socket_receive(struct socket *socket, void *data, uint32_t bytes); /* 0: the end */
/* A receive would give bytes. */
bool socket_is_readable(const struct socket *socket);
/* Both ways: the peer reads to the end of what was sent, then sees the end. */
void socket_shutdown(struct socket *socket);
/* As shutdown; a reset if there are bytes that nobody has read. A listener resets who waits. */
void socket_close(struct socket *socket);
/* Breaks the connection for both. */
void socket_reset(struct socket *socket);

void socket_watch(struct socket *socket, void (*changed)(void *who), void *who);

const char *socket_address(const struct socket *socket);
const char *socket_peer_address(const struct socket *socket);

#endif
