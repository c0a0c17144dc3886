/* core/turn.h - what a turn of a shard brings forth: events to be made durable, messages to other
 * shards, answers.
 *
 * The shard's loop owns the memory and empties it at the end of each turn; core only appends.
 * Before each command the loop asks turn_has_room, which covers the largest thing one command or
 * message can give rise to; so appending never fails. */
#ifndef SPATE_CORE_TURN_H
#define SPATE_CORE_TURN_H

#include <string.h>

#include "core/check.h"
#include "core/event.h"
#include "core/message.h"
#include "core/result.h"

/* Bytes that are only ever appended to, and then taken away whole. */
struct pile {
    uint8_t *at;
    uint32_t used_bytes;
    uint32_t capacity_bytes;
};

/* An answer for a connection of this shard: the token, then a struct result. */
struct answer {
    uint64_t token;
};

/* How the log's disk is. */
enum turn_storage {
    STORAGE_READY,
    STORAGE_FULL, /* no new orders: all else goes on from what is kept in reserve */
    STORAGE_SPENT, /* that comes to its end too: nothing that would have to be logged, no deadlines */
};

struct turn {
    uint64_t now_ns;      /* read once, when the turn began */
    uint64_t clock_ns;    /* likewise, of a clock that never jumps; 0: there is none */
    uint64_t extended_ns; /* brought forth: by how much deadlines were extended; 0: they were not */
    struct pile events;
    struct pile answers;
    struct pile outbox[SHARDS_MAX]; /* by target */
    uint32_t shard_count;
    uint32_t event_count;
    enum turn_storage storage;
};

enum {
    EVENT_BYTES_MAX = 512 + ORDER_LINES_MAX * 88 + PAYMENTS_MAX * 320 + SHIPMENTS_MAX * 96 +
                      (ADJUSTMENTS_MAX + ORDER_TEXTS * 4) * 16,
    MESSAGE_BYTES_MAX = 512 + ORDER_LINES_MAX * 80 + COMMAND_BYTES_MAX,
    ANSWER_BYTES_MAX = 8 + RESULT_BYTES_MAX,
};

/* Room for whatever one more command or message may bring forth. */
bool turn_has_room(const struct turn *turn);

/* Bytes at the end of the pile, for whoever fills in every one of them; `bytes` is rounded up to a
 * multiple of 8, and what that adds is zero. */
static inline void *pile_extend(struct pile *pile, uint32_t bytes)
{
    uint32_t all = bytes_padded(bytes);
    CHECK(all > 0 && pile->capacity_bytes - pile->used_bytes >= all);
    void *at = pile->at + pile->used_bytes;
    pile->used_bytes += all;
    memset(pile->at + pile->used_bytes - 8, 0, 8);
    return at;
}

/* Zeroed bytes at the end of the pile; likewise. */
static inline void *pile_append(struct pile *pile, uint32_t bytes)
{
    return memset(pile_extend(pile, bytes), 0, bytes_padded(bytes));
}

/* A message for another shard, its head filled in but for `seen`. */
void *turn_send(struct turn *turn, uint32_t from, uint32_t target, enum message_kind kind,
                uint32_t bytes);

/* An answer to `origin`, its head filled in but for `seq`: into `answers` if the origin is `self`,
 * otherwise as a message. `bytes` is the whole result. */
void *turn_answer(struct turn *turn, uint32_t self, struct origin origin, uint64_t request,
                  enum code code, enum result_kind kind, uint32_t bytes);

#endif
