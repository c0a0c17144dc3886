/* core/message.h - what one shard says to another.
 *
 * Messages to one shard arrive in the order in which they were sent. An *effect* is run as it is
 * read; a *request* waits until every mailbox has been read, so that nobody is refused by an effect
 * that has been acknowledged elsewhere. */
#ifndef SPATE_CORE_MESSAGE_H
#define SPATE_CORE_MESSAGE_H

#include "core/command.h"

enum message_kind {
    /* requests */
    MESSAGE_COMMAND = 1, /* a command whose home is here */
    MESSAGE_HOLD,        /* set these units aside: all lines or none */
    MESSAGE_ASK_ABLE,    /* which warehouses could ship all of these lines? */
    /* effects */
    MESSAGE_RESULT = 32, /* the answer to a MESSAGE_COMMAND */
    MESSAGE_GRANTED,
    MESSAGE_SHORT,
    MESSAGE_BUSY,
    MESSAGE_SETTLE, /* the held units now belong to an order; carries the slices as in the log */
    MESSAGE_UNHOLD,
    MESSAGE_ABLE,   /* the answer to MESSAGE_ASK_ABLE */
    MESSAGE_SLICES, /* slices of a later event of an order or of the topology */
    MESSAGE_MARKER, /* core/audit.h: what comes behind it is not in the sender's sides */
    MESSAGE_AUDITED,
};

struct message {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t kind;
    uint16_t from;
    uint64_t seen; /* stamped when the turn is published */
};

static inline bool message_is_request(const struct message *message)
{
    return message->kind < MESSAGE_RESULT;
}

/* Who asked. `shard` has the connection, `token` is that shard's own name for it. */
struct origin {
    uint64_t token;
    uint32_t shard;
    uint32_t zero;
};

/* Behind it: the caller's name padded to 8, then the command. */
struct message_command {
    struct message head;
    struct origin origin;
    uint8_t caller_bytes;
    uint8_t zero[7];
};

struct message_result {
    struct message head;
    uint64_t token;
    /* struct result follows */
};

#endif
