/* io/connection.h - the connections of one shard: bytes that came in, bytes that are to go out.
 *
 * Each connection has two stretches of address space, reserved once and touched only as far as they
 * are used; at rest it has no page of either. Input is whatever has been received and not yet
 * taken. Output is written by a turn, becomes *due* when the watermark has reached what the turn has
 * seen, and is sent with one send in flight.
 *
 *   output:  sent ........ due ........ written          (offsets of the stream, never reset)
 *
 * A connection goes away in steps: nothing more is armed, it is shut down, what is in flight is
 * cancelled, and when the last completion is in, it is closed. Its number may then be used again,
 * with the next generation, so that a late answer finds nobody. */
#ifndef SPATE_IO_CONNECTION_H
#define SPATE_IO_CONNECTION_H

#include "core/result.h"
#include "core/turn.h"
#include "io/frame.h"
#include "io/networks.h"
#include "persist/env.h"

enum protocol { PROTOCOL_BINARY, PROTOCOL_HTTP, PROTOCOL_ADMIN };

enum connection_phase {
    CONNECTION_FREE,
    CONNECTION_OPEN,
    CONNECTION_ENDING, /* takes nothing more; closes when all is answered and sent */
    CONNECTION_CLOSING /* waits for its operations to come back */
};

struct http;
struct walk;

struct connection {
    int32_t file;
    uint32_t generation;
    uint8_t phase;
    uint8_t protocol;
    bool receiving;      /* a receive is armed */
    bool sending;        /* a send is in flight */
    bool input_ended;    /* the peer has sent its last byte */
    bool ready;          /* stands in the list of those with input to look at */
    bool touched;        /* stands in the list of those that this turn has written to */
    bool welcomed;       /* hello has been answered */
    uint8_t warmth;      /* looks of connections_cool until its pages go back; 0: they have */
    bool waiting;        /* stands in the list of those that wait for a sequence */
    bool moved;          /* since the last look of connection_is_idle */
    bool held;           /* its commands wait until its answers have been read */
    uint8_t fault;       /* enum frame_fault it has been ended with, until that is counted */
    uint32_t operations; /* in flight */
    uint32_t open_commands;
    uint32_t answers;  /* that this turn has written */
    uint64_t asked_ns; /* env_clock: when its newest command was taken */
    uint32_t
        next; /* of the free, ready or touched list; each is in one list at a time but touched */
    uint32_t next_touched;
    uint32_t next_waiting;
    uint64_t wait_seq;
    uint64_t wait_until_ns;   /* env_clock */
    uint64_t linger_until_ns; /* env_clock; 0: does not linger */
    uint64_t moved_ns;        /* env_clock: when it was last seen to have moved */
    struct address peer;      /* at the other end of the socket; counted only with a limit */
    uint32_t next_peer;       /* of those with the same hash of it */
    bool peer_counted;

    uint8_t *input;
    uint32_t input_read;
    uint32_t input_bytes;
    uint64_t partial_since_ns; /* a request has begun and is not whole; env_clock, 0: none */
    uint32_t frame_left;       /* commands of the frame at input_read that are still to be taken */
    uint32_t input_asked;      /* up to here the commands of frames have been counted in `asked` */
    uint32_t asked;            /* commands that have come in and have no result */

    uint8_t *output;
    uint64_t output_base; /* stream offset of output[0] */
    uint64_t output_sent;
    uint64_t output_due;
    uint64_t output_written;
    struct frame *results; /* the frame that this turn's results go into */

    struct http *http;
    struct walk *walk;
    uint8_t caller_bytes;
    char caller[WHO_BYTES_MAX];
    struct address client; /* on whose behalf it speaks; only where some networks are trusted */
    bool client_known;
    bool client_trusted; /* so what it says about others is believed */
    bool proxy_due;      /* a PROXY header is to come first */
};

/* User data of a connection's operations: what, whose, which generation. */
enum connection_user {
    USER_ACCEPT = 1,
    USER_RECEIVE,
    USER_SEND,
    USER_END,
    USER_REFUSE, /* the answer to one connection too many; its descriptor in the lower half */
    USER_SHIFT = 56
};

struct connections {
    struct connection *at;
    uint32_t count_max;
    uint32_t open_count;
    uint32_t free_first; /* lists by number; CONNECTION_NONE ends them */
    uint32_t ready_first;
    uint32_t ready_last;
    uint32_t touched_first;
    uint32_t waiting_first;
    uint32_t input_capacity_bytes;
    uint32_t input_high_bytes; /* backlog from which a connection is not received from */
    uint32_t output_capacity_bytes;
    uint32_t output_high_bytes; /* unsent output from which on its commands wait */
    uint32_t pipelined_max;     /* and unanswered commands */
    uint32_t *peers;            /* first of each hash of an address */
    uint32_t peer_mask;
};

#define CONNECTION_NONE UINT32_MAX

struct connections_options {
    uint32_t count_max;
    uint32_t frame_bytes_max;
    uint32_t receive_bytes; /* of all provided buffers together */
    uint32_t http_bytes;    /* of one struct http */
    uint32_t walk_bytes;    /* of one struct walk */
    uint32_t output_bytes;  /* a connection's commands wait while so much output is unsent */
    uint32_t pipelined_max; /* or so many of them are unanswered */
};

enum { OUTPUT_ROOM_BYTES = 384 * 1024 };

size_t connections_bytes(const struct connections_options *options);
void connections_init(struct connections *connections, void *zeroed_memory,
                      const struct connections_options *options);

/* NULL: there are as many as there may be. */
struct connection *connection_open(struct connections *connections, struct env *env, int32_t file,
                                   enum protocol protocol);
/* Takes nothing more; closes when everything is answered and sent. */
void connection_end(struct connections *connections, struct env *env,
                    struct connection *connection);

/* The same, but what still comes is read and dropped until the peer has ended or `until_ns` (env_clock)
 * has passed: to close with bytes unread would destroy the answer that is on its way. */
void connection_linger(struct connections *connections, struct env *env,
                       struct connection *connection, uint64_t until_ns);
/* To be called now and then. */
void connection_lingered(struct connections *connections, struct env *env,
                         struct connection *connection, uint64_t clock_ns);

/* How many of those that are counted come from an address; and counts one more. */
uint32_t connections_from(const struct connections *connections, const struct address *peer);
void connection_count_peer(struct connections *connections, struct connection *connection,
                           const struct address *peer);

/* Ends at once, whatever is unsent. */
void connection_break(struct connections *connections, struct env *env,
                      struct connection *connection);

/* To be called now and then: whether nothing has moved on it for so long. Bytes that come in are no
 * movement while answers lie there that it does not read. */
bool connection_is_idle(struct connection *connection, uint64_t clock_ns, uint64_t idle_ns);

uint64_t connection_token(const struct connections *connections,
                          const struct connection *connection);
/* NULL if it has gone. */
struct connection *connection_find(struct connections *connections, uint64_t token);

/* A completion with one of our user kinds but USER_ACCEPT. `buffers` are the provided ones. */
void connection_done(struct connections *connections, struct env *env, const struct env_done *done,
                     const uint8_t *buffers, uint32_t buffer_bytes);

/* Connections with input that nobody has looked at, in order of arrival. */
void connection_ready(struct connections *connections, struct connection *connection);
struct connection *connection_next_ready(struct connections *connections);

/* Its input is looked at again when `seq` is durable, or when it is too late. */
void connection_wait(struct connections *connections, struct connection *connection, uint64_t seq,
                     uint64_t until_ns);
/* Those that have waited long enough become ready; `watermark`: what is durable. */
void connections_waited(struct connections *connections, struct env *env, uint64_t watermark,
                        uint64_t clock_ns);

/* Input from input_read on has been used up by that many bytes; receives again when it was too much. */
void connection_consume(struct connections *connections, struct env *env,
                        struct connection *connection, uint32_t bytes);

/* Whether its next command may be executed now. */
bool connection_may_ask(const struct connections *connections, const struct connection *connection);

/* OUTPUT_ROOM_BYTES for output; `wrote` says how much was used. */
void *connection_room(struct connections *connections, struct connection *connection);
void connection_wrote(struct connections *connections, struct connection *connection,
                      uint32_t bytes);

/* Takes it off the list of touched ones; NULL at the end. */
struct connection *connection_next_touched(struct connections *connections);

/* Every now and then: connections that have been at rest since the last time give their pages back.
 */
void connections_cool(struct connections *connections, struct env *env);

/* To be called when it was taken off a list and nothing more is to be done for it now. */
void connection_rest(struct connections *connections, struct env *env,
                     struct connection *connection);

/* Everything up to `offset` may leave; sends. */
void connection_due(struct connections *connections, struct env *env, struct connection *connection,
                    uint64_t offset);

#endif
