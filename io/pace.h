/* io/pace.h - when nearly all of the log's budget is used up, each shard takes in only as much as
 * compaction gets through: what is left is spent slowly, and clients feel it before they are refused. */
#ifndef SPATE_IO_PACE_H
#define SPATE_IO_PACE_H

#include "core/atomics.h"
#include "core/check.h"

struct pace {
    uint64_t since_ns; /* when `bytes` was last added to; 0: nothing is held back */
    int64_t bytes;     /* of events that may still be brought forth */
};

/* Asked at the beginning of a turn: whether it may take commands from connections. `limit` is in bytes a
 * second, 0: there is none. What is not used is kept for a moment and no longer. */
static inline bool pace_allows(struct pace *pace, uint64_t limit, uint64_t clock_ns)
{
    if (limit == 0) {
        pace->since_ns = 0;
        return true;
    }
    if (pace->since_ns == 0)
        *pace = (struct pace){.since_ns = clock_ns};
    uint64_t passed_us = (clock_ns - pace->since_ns) / 1000;
    int64_t most = (int64_t)(limit / 50 + 1);
    pace->since_ns += passed_us * 1000;
    pace->bytes += (int64_t)(limit * (passed_us < 1000000 ? passed_us : 1000000) / 1000000);
    if (pace->bytes > most)
        pace->bytes = most;
    return pace->bytes > 0;
}

/* The turn has brought forth so many. */
static inline void pace_spend(struct pace *pace, uint32_t bytes)
{
    pace->bytes -= bytes;
}

#endif
