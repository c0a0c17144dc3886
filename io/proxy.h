/* io/proxy.h - the header that a balancer puts in front of a connection's first byte, to say for whom it
 * speaks: PROXY protocol, version 1 (a line of text) and 2 (binary).
 *
 * Sans-I/O; reads nothing beyond `count`. */
#ifndef SPATE_IO_PROXY_H
#define SPATE_IO_PROXY_H

#include "io/networks.h"

enum proxy_step {
    PROXY_MORE,     /* it is not whole yet */
    PROXY_CLIENT,   /* *client is whom it speaks for */
    PROXY_NOBODY,   /* it speaks for itself, or for somebody without an address of IP */
    PROXY_NO_HEADER /* this is none, or one that is longer than any is */
};

/* *consumed is set with PROXY_CLIENT and PROXY_NOBODY. */
enum proxy_step proxy_read(const void *bytes, uint32_t count, uint32_t *consumed,
                           struct address *client) MUST_LOOK;

#endif
