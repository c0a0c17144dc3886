/* io/lines.h - what the server says to whoever runs it: a ring of lines for each actor, one writer.
 *
 * An actor puts a line into its own ring and goes on: it never waits, and what finds no room is counted
 * and lost. The writer (tools/lines_writer.h) is a thread of its own, which may wait for whoever reads. */
#ifndef SPATE_IO_LINES_H
#define SPATE_IO_LINES_H

#include "core/atomics.h"
#include "core/check.h"
#include "persist/env.h"

#include <stddef.h>

enum { LINES_ACTORS_MAX = SHARDS_MAX + 2, LINES_RING = 64, LINE_BYTES_MAX = 480 };

struct line {
    uint64_t now_ns; /* since the epoch */
    uint32_t level;  /* enum env_level */
    uint32_t bytes;
    char text[LINE_BYTES_MAX];
};

/* Each index counts up for ever; what lies between the two belongs to the writer. */
struct lines_ring {
    _Alignas(128) struct atomic64 put; /* by the actor; pairs with the load in `oldest` */
    struct atomic64 lost;
    _Alignas(128) struct atomic64 taken; /* by the writer; pairs with the load in lines_put */
    struct line at[LINES_RING];
};

struct lines {
    struct lines_ring rings[LINES_ACTORS_MAX];
    struct atomic64 level; /* enum env_level: what is less urgent is not even put */
    int32_t bell;          /* an eventfd that is rung for the writer; -1: it looks by itself */
};

/* By the actor alone; any text. */
void lines_put(struct lines *lines, uint32_t actor, enum env_level level, uint64_t now_ns,
               const char *text);

/* Lines that found no room, since the start. */
static inline uint64_t lines_lost(const struct lines *lines)
{
    uint64_t lost = 0;
    for (uint32_t i = 0; i < LINES_ACTORS_MAX; i++)
        lost += atomic_load(&lines->rings[i].lost); /* pairs with the store in lines_put */
    return lost;
}

#endif
