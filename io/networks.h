/* io/networks.h - addresses of clients, and the networks whose word about them is taken. */
#ifndef SPATE_IO_NETWORKS_H
#define SPATE_IO_NETWORKS_H

#include <stdbool.h>

#include "core/check.h"
#include "core/values.h"

struct address {
    uint8_t at[16]; /* as in IPv6; one of IPv4 is ::ffff:a.b.c.d */
};

enum { NETWORKS_MAX = 64, ADDRESS_TEXT_BYTES_MAX = 46 };

struct networks {
    uint32_t count;
    bool local; /* "unix": who comes through a socket of the file system */
    struct network {
        struct address address;
        uint32_t bits; /* that have to agree */
    } at[NETWORKS_MAX];
};

/* "10.0.0.0/8,::1,unix"; NULL, or what is wrong with it. */
const char *networks_read(struct networks *networks, const char *text) MUST_LOOK;
bool networks_have(const struct networks *networks, const struct address *address);

/* "203.0.113.9" or "2001:db8::1", nothing else. */
bool address_read(struct address *address, struct text text) MUST_LOOK;
struct text address_print(const struct address *address, char out[ADDRESS_TEXT_BYTES_MAX]);

/* The same, maybe with a port: "203.0.113.9:4242", "[2001:db8::9]:4242". */
bool address_read_node(struct address *address, struct text text) MUST_LOOK;

/* How those on a request's way tell whom they heard: X-Forwarded-For: 203.0.113.9, 10.0.0.1, or
 * RFC 7239's Forwarded: for=203.0.113.9;proto=https, for="[2001:db8::9]:4711". Only one of them is
 * believed: a balancer that writes the one lets the other pass, whoever has written it. */
enum forwarded { FORWARDED_FOR, FORWARDED_RFC7239 };

/* The client that such a list tells of: each has added whom it heard at the end, so from there the
 * first that is not one of ours. False: the list says nothing that can be read. */
bool networks_client(const struct networks *ours, enum forwarded form, struct text list,
                     struct address *client) MUST_LOOK;

#endif
