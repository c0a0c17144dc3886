/* io/client/wire.c - see wire.h. */
#include "io/client/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OUT_BYTES = 1 << 18,
    IN_BYTES = 1 << 18,
    IN_BYTES_MAX = 1 << 26, /* a server that sends longer frames is none of ours */
};

static void wire_end(struct wire *wire, const char *why)
{
    if (!wire->ended)
        snprintf(wire->why, sizeof wire->why, "%s", why);
    wire->ended = true;
}

bool wire_init(struct wire *wire)
{
    *wire = (struct wire){.file = -1, .in_capacity = IN_BYTES};
    wire->out = malloc(OUT_BYTES);
    wire->in = malloc(IN_BYTES);
    return wire->out != NULL && wire->in != NULL;
}

void wire_deinit(struct wire *wire)
{
    wire_close(wire);
    free(wire->out);
    free(wire->in);
}

void wire_close(struct wire *wire)
{
    if (wire->file >= 0)
        close(wire->file);
    wire->file = -1;
    wire->state = WIRE_CLOSED;
    wire->ended = wire->refused = wire->writable_watched = false;
    wire->out_sent = wire->out_bytes = 0;
    wire->in_read = wire->in_bytes = 0;
    wire->results_left = 0;
}

bool wire_connect(struct wire *wire, const struct sockaddr *address, socklen_t bytes)
{
    static const int on = 1;
    wire_close(wire);
    wire->file = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    wire->state = WIRE_CONNECTING;
    if (wire->file >= 0 && address->sa_family != AF_UNIX) {
        setsockopt(wire->file, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(wire->file, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
    if (wire->file >= 0 && (connect(wire->file, address, bytes) == 0 || errno == EINPROGRESS))
        return true;
    wire_end(wire, strerror(errno));
    return false;
}

void wire_greet(struct wire *wire, const char *token)
{
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(wire->file, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error != 0) {
        wire_end(wire, strerror(error));
        return;
    }
    uint32_t token_bytes = token != NULL ? (uint32_t)strnlen(token, UINT8_MAX) : 0;
    uint32_t whole =
        (uint32_t)(sizeof(struct frame) + sizeof(struct frame_hello)) + ((token_bytes + 7u) & ~7u);
    struct frame *frame = wire_frame(wire, whole);
    if (frame == NULL) {
        wire_end(wire, strerror(ENOMEM));
        return;
    }
    struct frame_hello *hello = (void *)(frame + 1);
    memset(frame, 0, whole);
    *hello = (struct frame_hello){.version_min = FRAME_VERSION,
                                  .version_max = FRAME_VERSION,
                                  .token_bytes = (uint8_t)token_bytes};
    if (token_bytes > 0)
        memcpy(hello + 1, token, token_bytes);
    frame_seal(frame, FRAME_HELLO, whole, 0, 0);
    wire->out_bytes += whole;
    wire->state = WIRE_GREETING;
}

struct frame *wire_frame(struct wire *wire, uint32_t bytes)
{
    /* Frames stay where they were made, or they would lose their alignment; so the room comes back
     * when all has been sent. */
    if (wire->out_sent == wire->out_bytes)
        wire->out_sent = wire->out_bytes = 0;
    if (OUT_BYTES - wire->out_bytes < bytes)
        return NULL;
    return (void *)(wire->out + wire->out_bytes);
}

void wire_frame_done(struct wire *wire, uint32_t commands, uint32_t bytes)
{
    struct frame *frame = (void *)(wire->out + wire->out_bytes);
    frame_seal(frame, FRAME_COMMANDS, bytes, commands, 0);
    wire->out_bytes += bytes;
}

void wire_send(struct wire *wire)
{
    while (!wire->ended && wire->out_sent < wire->out_bytes) {
        ssize_t sent = send(wire->file, wire->out + wire->out_sent,
                            wire->out_bytes - wire->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            /* What the server said before it went away is still to be read: receiving sees the end.
             */
            return;
        }
        wire->out_sent += (uint32_t)sent;
    }
}

/* The frame that begins at in_read may be longer than all the room there is. */
static void make_room(struct wire *wire)
{
    if (wire->in_read > 0) {
        memmove(wire->in, wire->in + wire->in_read, wire->in_bytes - wire->in_read);
        wire->in_bytes -= wire->in_read;
        wire->in_read = 0;
    }
    if (wire->in_bytes < wire->in_capacity || wire->results_left > 0)
        return;
    if (wire->in_capacity >= IN_BYTES_MAX) {
        wire_end(wire, "the server sends frames without end");
        return;
    }
    uint8_t *larger = realloc(wire->in, wire->in_capacity * 2);
    if (larger == NULL) {
        wire_end(wire, "no memory for a long frame");
        return;
    }
    wire->in = larger;
    wire->in_capacity *= 2;
}

void wire_receive(struct wire *wire, uint64_t now_ns)
{
    wire->received_ns = now_ns;
    make_room(wire);
    while (!wire->ended && wire->in_bytes < wire->in_capacity) {
        uint32_t room = wire->in_capacity - wire->in_bytes;
        ssize_t got = recv(wire->file, wire->in + wire->in_bytes, room, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            wire_end(wire, got == 0 ? "the server closed the connection" : strerror(errno));
            return;
        }
        wire->in_bytes += (uint32_t)got;
        if ((uint32_t)got < room)
            return;
    }
}

static void take_error(struct wire *wire, const struct frame_error *error)
{
    wire_end(wire, "");
    snprintf(wire->why, sizeof wire->why, "the server refused us: %.*s", (int)error->reason_bytes,
             error->reason);
    wire->refused = error->fault == FRAME_BAD_TOKEN || error->fault == FRAME_BAD_VERSION;
}

static void take_welcome(struct wire *wire, const struct frame_welcome *welcome)
{
    if (welcome->version != FRAME_VERSION) {
        wire_end(wire, "the server chose a version that we do not speak");
        wire->refused = true;
        return;
    }
    wire->state = WIRE_READY;
    wire->frame_bytes_max = welcome->frame_bytes_max;
    wire->commands_max = welcome->commands_max;
    wire->credits = welcome->credits;
}

/* A frame that has been checked; false: it has no place in what is being said. */
static bool take_frame(struct wire *wire, const struct frame *frame,
                       const struct frame_welcome **welcome)
{
    const void *body = frame + 1;
    if (frame->kind == FRAME_WELCOME && wire->state == WIRE_GREETING) {
        take_welcome(wire, body);
        *welcome = wire->refused ? NULL : body;
    } else if (frame->kind == FRAME_RESULTS && wire->state == WIRE_READY) {
        wire->results_left = frame->count;
    } else if (frame->kind == FRAME_ERROR) {
        take_error(wire, body);
    } else if (frame->kind != FRAME_PONG) {
        return false;
    }
    wire->in_read += frame->kind == FRAME_RESULTS ? (uint32_t)sizeof *frame : frame->bytes;
    return true;
}

/* A whole frame at in_read, looked at; NULL: there is none, or what is there is no frame. */
static const struct frame *next_frame(struct wire *wire)
{
    enum frame_fault fault;
    const struct frame *frame = (const void *)(wire->in + wire->in_read);
    uint32_t available = wire->in_bytes - wire->in_read;
    uint32_t bytes = frame_bytes(frame, available, IN_BYTES_MAX, &fault);
    if (fault == FRAME_OK && (bytes == 0 || bytes > available)) {
        if (wire->ended) /* the rest of it will not come */
            wire->in_read = wire->in_bytes;
        return NULL;
    }
    if (fault == FRAME_OK)
        fault = frame_check(frame);
    if (fault == FRAME_OK)
        return frame;
    wire_end(wire, frame_fault_name(fault));
    wire->in_read = wire->in_bytes;
    return NULL;
}

const struct result *wire_result(struct wire *wire, const struct frame_welcome **welcome)
{
    *welcome = NULL;
    while (wire->results_left == 0) {
        const struct frame *frame = next_frame(wire);
        if (frame == NULL)
            return NULL;
        if (!take_frame(wire, frame, welcome)) {
            wire_end(wire, "the server sent a frame out of place");
            wire->in_read = wire->in_bytes;
        }
        if (*welcome != NULL)
            return NULL;
    }
    const struct result *result = (const void *)(wire->in + wire->in_read);
    wire->in_read += result->bytes;
    wire->results_left--;
    return result;
}
