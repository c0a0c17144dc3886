#include "tests/sim/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

/* One end of a connection, or a listener. It stays until the net is closed: what is under way to it
 * may still arrive. */
struct socket {
    struct net *net;
    struct socket *next; /* of all */
    char address[NET_ADDRESS_BYTES];
    char peer_address[NET_ADDRESS_BYTES];
    void (*changed)(void *who);
    void *who;
    bool is_listener;
    bool is_deaf;
    bool is_closed;
    /* a listener */
    struct socket *waiting; /* who has come and was not yet accepted; oldest first */
    struct socket *waiting_next;
    struct socket *listener; /* that this end waits at */
    /* an end */
    struct socket *peer;
    uint8_t *in; /* what the peer has sent */
    uint32_t in_bytes;
    uint32_t in_arrived_bytes;
    uint64_t in_last_ns; /* when the last of it arrives */
    bool in_ended;
    bool is_shut;
    bool is_connected;
    int32_t error;
};

enum { PIECES_MAX = 64 /* of one send */ };

struct net {
    struct world *world;
    struct net_knobs knobs;
    struct socket *all;
    uint32_t count;
};

static struct stream *chance(struct net *net)
{
    return world_stream(net->world, STREAM_NETWORK);
}

struct net *net_open(struct world *world)
{
    struct net *net = calloc(1, sizeof *net);
    CHECK(net != NULL);
    net->world = world;
    net->knobs.socket_bytes = 65536;
    net->knobs.latency_ns_max = 100 * MICROSECOND_NS;
    return net;
}

void net_close(struct net *net)
{
    while (net->all != NULL) {
        struct socket *socket = net->all;
        net->all = socket->next;
        free(socket->in);
        free(socket);
    }
    free(net);
}

struct net_knobs *net_knobs(struct net *net)
{
    return &net->knobs;
}

static struct socket *socket_new(struct net *net, const char *address, const char *peer_address)
{
    struct socket *socket = calloc(1, sizeof *socket);
    CHECK(socket != NULL);
    socket->net = net;
    socket->next = net->all;
    net->all = socket;
    snprintf(socket->address, NET_ADDRESS_BYTES, "%s", address);
    snprintf(socket->peer_address, NET_ADDRESS_BYTES, "%s", peer_address);
    net->count++;
    return socket;
}

static void tell(struct socket *socket)
{
    if (socket->changed != NULL)
        socket->changed(socket->who);
}

static uint64_t arrival_ns(struct net *net, const struct socket *to)
{
    uint64_t at_ns = world_now(net->world) + MICROSECOND_NS +
                     stream_skewed(chance(net), net->knobs.latency_ns_max);
    return at_ns < to->in_last_ns ? to->in_last_ns : at_ns;
}

/* --- what arrives --- */

static void on_bytes(struct world *world, void *who, uint64_t bytes)
{
    struct socket *socket = who;
    (void)world;
    if (socket->is_closed || socket->error != 0)
        return;
    socket->in_arrived_bytes += (uint32_t)bytes;
    tell(socket);
}

static void on_end(struct world *world, void *who, uint64_t what)
{
    struct socket *socket = who;
    (void)world, (void)what;
    socket->in_ended = true;
    tell(socket);
}

static void on_reset(struct world *world, void *who, uint64_t error)
{
    struct socket *socket = who;
    (void)world;
    if (socket->is_closed || socket->error != 0)
        return;
    socket->error = -(int32_t)error;
    free(socket->in);
    socket->in = NULL;
    socket->in_bytes = socket->in_arrived_bytes = 0;
    tell(socket);
}

static void send_reset(struct socket *to, int32_t error)
{
    world_at(to->net->world, arrival_ns(to->net, to), on_reset, to, (uint64_t)error);
}

/* The sender's room has grown; he learns of it a little later. */
static void on_room(struct world *world, void *who, uint64_t what)
{
    (void)world, (void)what;
    tell(who);
}

/* --- connections --- */

struct socket *net_listen(struct net *net, const char *address)
{
    char bound[NET_ADDRESS_BYTES];
    size_t bytes = strlen(address);
    bool any_port = bytes > 2 && strcmp(address + bytes - 2, ":0") == 0;
    if (any_port)
        snprintf(bound, sizeof bound, "%.*s%u", (int)bytes - 1, address, 20000 + net->count);
    struct socket *listener = socket_new(net, any_port ? bound : address, "");
    listener->is_listener = true;
    return listener;
}

static struct socket *choose_listener(struct net *net, const char *address)
{
    struct socket *chosen = NULL;
    uint64_t count = 0;
    for (struct socket *socket = net->all; socket != NULL; socket = socket->next)
        if (socket->is_listener && !socket->is_closed && strcmp(socket->address, address) == 0 &&
            stream_below(chance(net), ++count) == 0)
            chosen = socket;
    return chosen;
}

static void on_connect(struct world *world, void *who, uint64_t what)
{
    struct socket *client = who;
    (void)what;
    if (client->is_closed)
        return;
    struct socket *listener = choose_listener(client->net, client->peer_address);
    if (listener == NULL) {
        on_reset(world, client, ECONNREFUSED);
        return;
    }
    if (listener->is_deaf) {
        world_at(world, world_now(world) + SECOND_NS, on_connect, client, 0);
        return;
    }
    struct socket *server = socket_new(client->net, listener->address, client->address);
    server->peer = client;
    client->peer = server;
    server->is_connected = client->is_connected = true;
    server->listener = listener;
    struct socket **last = &listener->waiting;
    while (*last != NULL)
        last = &(*last)->waiting_next;
    *last = server;
    tell(listener);
    tell(client);
}

void socket_deafen(struct socket *listener)
{
    listener->is_deaf = true;
}

struct socket *net_connect(struct net *net, const char *address)
{
    char own[NET_ADDRESS_BYTES];
    snprintf(own, sizeof own, "10.0.%u.%u:%u", net->count / 250 % 250, net->count % 250,
             1024 + net->count % 60000);
    struct socket *client = socket_new(net, own, address);
    world_at(net->world, arrival_ns(net, client), on_connect, client, 0);
    return client;
}

int32_t socket_connected(const struct socket *socket)
{
    return socket->error != 0 ? socket->error : socket->is_connected ? 0 : -EINPROGRESS;
}

struct socket *socket_accept(struct socket *listener)
{
    struct socket *first = listener->waiting;
    if (first != NULL)
        listener->waiting = first->waiting_next;
    return first;
}

/* --- bytes --- */

static void put_under_way(struct net *net, struct socket *to, const void *data, uint32_t bytes)
{
    if (bytes == 0)
        return;
    to->in = realloc(to->in, to->in_bytes + bytes);
    CHECK(to->in != NULL);
    memcpy(to->in + to->in_bytes, data, bytes);
    to->in_bytes += bytes;
    uint32_t piece_max = net->knobs.piece_bytes_max;
    for (uint32_t left = bytes; left != 0;) {
        uint32_t piece =
            piece_max == 0 ? left : 1 + (uint32_t)stream_skewed(chance(net), piece_max);
        piece += bytes / PIECES_MAX;
        piece = piece > left ? left : piece;
        to->in_last_ns = arrival_ns(net, to);
        world_at(net->world, to->in_last_ns, on_bytes, to, piece);
        left -= piece;
    }
}

int32_t socket_send(struct socket *socket, const void *data, uint32_t bytes)
{
    struct net *net = socket->net;
    if (socket->error != 0)
        return socket->error;
    if (socket->is_shut)
        return -EPIPE;
    if (!socket->is_connected)
        return -EAGAIN;
    if (socket->peer->is_closed) {
        send_reset(socket, ECONNRESET);
        return (int32_t)bytes; /* the kernel takes it; the answer is a reset */
    }
    uint32_t unread = socket->peer->in_bytes;
    uint32_t room = unread < net->knobs.socket_bytes ? net->knobs.socket_bytes - unread : 0;
    if (room == 0 && bytes != 0)
        return -EAGAIN;
    uint32_t taken = bytes < room ? bytes : room;
    put_under_way(net, socket->peer, data, taken);
    if (stream_hit(chance(net), net->knobs.reset_one_in))
        socket_reset(socket);
    return (int32_t)taken;
}

int32_t socket_receive(struct socket *socket, void *data, uint32_t bytes)
{
    if (socket->error != 0)
        return socket->error;
    if (socket->is_shut)
        return 0;
    uint32_t taken = bytes < socket->in_arrived_bytes ? bytes : socket->in_arrived_bytes;
    if (taken == 0)
        return socket->in_ended && socket->in_bytes == 0 ? 0 : -EAGAIN;
    memcpy(data, socket->in, taken);
    socket->in_bytes -= taken;
    socket->in_arrived_bytes -= taken;
    memmove(socket->in, socket->in + taken, socket->in_bytes);
    world_at(socket->net->world, arrival_ns(socket->net, socket->peer), on_room, socket->peer, 0);
    return (int32_t)taken;
}

bool socket_is_readable(const struct socket *socket)
{
    return socket->error == 0 && !socket->is_shut && socket->in_arrived_bytes != 0;
}

void socket_shutdown(struct socket *socket)
{
    if (socket->is_shut || socket->is_listener)
        return;
    socket->is_shut = true;
    if (socket->peer != NULL && socket->error == 0) {
        socket->peer->in_last_ns = arrival_ns(socket->net, socket->peer);
        world_at(socket->net->world, socket->peer->in_last_ns, on_end, socket->peer, 0);
    }
    tell(socket);
}

static void refuse_waiting(struct socket *listener)
{
    for (struct socket *end; (end = socket_accept(listener)) != NULL;)
        socket_reset(end);
}

void socket_close(struct socket *socket)
{
    if (socket->is_closed)
        return;
    socket->changed = NULL;
    if (socket->is_listener)
        refuse_waiting(socket);
    else if (socket->in_bytes != 0)
        socket_reset(socket);
    else
        socket_shutdown(socket);
    socket->is_closed = true;
    free(socket->in);
    socket->in = NULL;
    socket->in_bytes = socket->in_arrived_bytes = 0;
}

void socket_reset(struct socket *socket)
{
    send_reset(socket, ECONNRESET);
    if (socket->peer != NULL)
        send_reset(socket->peer, ECONNRESET);
}

void socket_watch(struct socket *socket, void (*changed)(void *who), void *who)
{
    socket->changed = changed;
    socket->who = who;
}

const char *socket_address(const struct socket *socket)
{
    return socket->address;
}

const char *socket_peer_address(const struct socket *socket)
{
    return socket->peer_address;
}
