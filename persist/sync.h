/* persist/sync.h - which way of making a write durable is the faster one on this device.
 *
 * Drives differ by a factor of two, in either direction: so both are measured, in turns, on blocks
 * that are there already, as the log's are. */
#ifndef SPATE_PERSIST_SYNC_H
#define SPATE_PERSIST_SYNC_H

#include "persist/log.h"

struct sync_measure {
    uint64_t dsync_ns; /* of one block, the quickest: others disturb the rest */
    uint64_t fdatasync_ns;
};

enum { SYNC_SCRATCH_BYTES = 64 << 10 };

/* In a file of its own below `directory`, gone afterwards. `scratch`: SYNC_SCRATCH_BYTES, aligned to
 * 4096. 0, or a negative errno. */
int32_t sync_measure(struct env *env, int32_t directory, void *scratch,
                     struct sync_measure *out) MUST_LOOK;

/* fdatasync has to be faster by a third: it is one operation more, and a kernel thread's. */
enum log_sync sync_choose(const struct sync_measure *measure);

#endif
