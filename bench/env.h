/* bench/env.h - persist/env.h without a world: every operation has succeeded when it is asked for. One
 * file there is, in memory, if somebody gives it; whatever is opened is that file, and what is written
 * is gone. */
#ifndef SPATE_BENCH_ENV_H
#define SPATE_BENCH_ENV_H

#include "persist/env.h"

enum { BENCH_ENV_QUEUE = 16 };

struct env {
    struct env_done done[BENCH_ENV_QUEUE];
    uint32_t first, count;
    const char *name; /* of the file; NULL: reads give nothing in particular */
    const uint8_t *bytes;
    uint64_t byte_count;
};

#endif
