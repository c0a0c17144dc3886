/* io/client/wire.h - one connection of a client: non-blocking bytes on one side, whole frames of
 * results on the other. It knows nothing of what the commands mean or of other connections. */
#ifndef SPATE_IO_CLIENT_WIRE_H
#define SPATE_IO_CLIENT_WIRE_H

#include "io/frame.h"

#include <sys/socket.h>

enum wire_state {
    WIRE_CLOSED,
    WIRE_CONNECTING,
    WIRE_GREETING, /* hello is under way */
    WIRE_READY,
};

enum { WIRE_WHY_BYTES = 160 };

struct wire {
    int file; /* -1: closed */
    enum wire_state state;
    bool ended;   /* no more bytes will come; what has come is still to be read */
    bool refused; /* ... and trying again would not help */
    bool writable_watched;
    char why[WIRE_WHY_BYTES];
    uint64_t deadline_ns; /* until READY */
    uint64_t received_ns; /* when bytes were last read */
    uint8_t *out;
    uint32_t out_sent;
    uint32_t out_bytes;
    uint8_t *in;
    uint32_t in_read;
    uint32_t in_bytes;
    uint32_t in_capacity;
    uint32_t results_left;
    uint32_t frame_bytes_max; /* as the server's welcome says, likewise below */
    uint32_t commands_max;
    uint32_t credits;
};

bool wire_init(struct wire *wire);
void wire_deinit(struct wire *wire);

/* Begins to connect; false: it cannot be (see why). */
bool wire_connect(struct wire *wire, const struct sockaddr *address, socklen_t bytes);
void wire_close(struct wire *wire);

/* The connection is there: says hello. */
void wire_greet(struct wire *wire, const char *token);

/* Room for one more frame of that many bytes; NULL: not now. */
struct frame *wire_frame(struct wire *wire, uint32_t bytes);
void wire_frame_done(struct wire *wire, uint32_t commands, uint32_t bytes);

/* Hands to the kernel, or takes from it, what goes without waiting. */
void wire_send(struct wire *wire);
void wire_receive(struct wire *wire, uint64_t now_ns);

/* The next result; NULL: none is here yet. A welcome is given through *welcome instead, once. What
 * is returned lies in the wire's memory until wire_receive. */
const struct result *wire_result(struct wire *wire, const struct frame_welcome **welcome);

#endif
