/* io/loop.h - what one shard's loop has, for those who share its work: shard_loop.c (the walk),
 * gate.c (who is let in), drain.c (how it ends), loop_memory.c (where it all lies). */
#ifndef SPATE_IO_LOOP_H
#define SPATE_IO_LOOP_H

#include "io/pace.h"
#include "io/recall.h"
#include "io/shard_loop.h"
#include "io/time_text.h"

/* The listener of those who watch over the server has room of its own: a flood of customers must
 * not make it look dead. */
enum { ADMIN_CONNECTIONS = 16 };

/* A turn's output on one connection: it may leave when the watermark has reached `seq` and every
 * message of the turn has been published. */
struct due {
    uint64_t seq;
    uint64_t turn;
    uint64_t token;
    uint64_t offset;
    uint64_t asked_ns;
    uint32_t answers;
};

enum {
    BATCH_COMMANDS = 16, /* decoded and prefetched together */
    KEPT_BYTES_MAX = BATCH_COMMANDS *
                     ((int)sizeof(struct message_command) + WHO_BYTES_MAX + 8 + COMMAND_BYTES_MAX),
};

struct shard_loop {
    struct shared *shared;
    struct env *env;
    struct shard *shard;
    uint32_t number;
    uint32_t shard_count;
    struct listener listeners[LISTENERS_MAX];
    uint32_t listener_count;
    bool accepting;
    bool accepted; /* somebody, since the drain last looked */
    bool draining;
    uint64_t drain_at; /* env_clock; once http.draining */
    uint64_t came_at;  /* env_clock when somebody came in last; 0: nobody is turned away yet */
    bool drained;
    uint64_t stop_seen;

    struct turn turn;
    uint64_t turn_number;
    uint64_t turn_began; /* env_clock */
    uint64_t gauges_next;
    uint64_t gauges_noted;
    uint64_t slow_next;
    uint64_t watermark; /* as `release` last saw it */
    uint64_t seen;      /* the highest sequence that this shard's state depends on */
    struct pace pace;
    bool worked; /* this turn found something to do: look again before waiting */

    /* Groups in our own memory until the log has gathered them. */
    uint8_t *group_memory;
    uint64_t group_seq[GROUP_BUFFERS];
    uint32_t group_next;

    /* Messages that found no room stay in the outbox; those stamped have their `seen` already. */
    uint32_t outbox_stamped[SHARDS_MAX];
    uint64_t released_turn; /* every message of the turns up to here has been published */
    bool rang[SHARDS_MAX];  /* whom this turn has sent something */

    /* Requests from other shards: up to `covered` every mailbox has been read after they were. */
    struct pile requests;
    uint32_t requests_read;
    uint32_t requests_covered;
    uint32_t kept; /* of them, commands of our own connections that found no room in a turn */
    uint32_t
        forwarded; /* commands of our connections that other shards, or recall, are to answer */

    struct due *due;
    uint32_t due_mask;
    uint64_t due_head;
    uint64_t due_tail;

    struct connections connections;
    uint8_t *receive_memory;
    struct pile http_commands; /* of the batch */
    char date[TIME_HTTP_BYTES];
    uint64_t date_second;
    struct http_server http;
    struct http_server admin;
    struct metrics metrics;
};

static inline const struct http_server *http_server_of(const struct shard_loop *loop,
                                                       const struct connection *c)
{
    return c->protocol == PROTOCOL_ADMIN ? &loop->admin : &loop->http;
}

static inline bool mailboxes_empty(struct shard_loop *loop)
{
    for (uint32_t from = 0; from < loop->shard_count; from++) {
        struct mailbox *mailbox = loop->shared->mailboxes[from][loop->number];
        if (from != loop->number && !mailbox_empty(mailbox))
            return false;
    }
    return mailbox_empty(recall_answers(loop->shared->recall, loop->number));
}

/* Ends the process with that exit code: nothing more is acknowledged. (shard_loop.c) */
void loop_fail(struct shard_loop *loop, int exit_code, const char *line);

#endif
