/* io/peer.h - for whom a connection speaks: the address at its other end, or the one that a trusted
 * balancer names in a PROXY header. Behind the caller's name it reaches the events. */
#ifndef SPATE_IO_PEER_H
#define SPATE_IO_PEER_H

#include "io/connection.h"

/* Who is at the other end of a socket; false: nobody who has an address. */
bool peer_address(struct env *env, int32_t file, struct address *peer) MUST_LOOK;

/* A connection has been accepted, where it is asked for whom it speaks. */
void peer_greet(struct connection *connection, struct env *env, const struct networks *trusted,
                bool proxy_protocol);

/* Takes the PROXY header, if one is due. False: it has not all come yet, or the connection ends: it is
 * none, or comes from a stranger. */
bool peer_introduced(struct connections *connections, struct env *env,
                     struct connection *connection, const struct networks *trusted);

/* Puts "@ADDRESS" behind the caller's name. */
void peer_sign(struct connection *connection, const struct address *client);

#endif
