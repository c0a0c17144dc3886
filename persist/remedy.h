/* persist/remedy.h - a snapshot of what is in memory, for when the log can no longer be brought
 * together: a group that was acknowledged has rotted, so compaction has stopped, and a start would
 * refuse.
 *
 * While nothing changes: all shards have ended well, and everything is durable. The log that counts
 * begins behind this snapshot from then on. Nothing is deleted: what was damaged stays where it is until
 * a later round of compaction puts it away.
 *
 * Records leave the shards by table and not by slot, so they are sorted in the memory that is given: as
 * many slots at a time as fit, each time with a walk over all shards. */
#ifndef SPATE_PERSIST_REMEDY_H
#define SPATE_PERSIST_REMEDY_H

#include "core/shard.h"
#include "persist/scan.h"

struct remedy {
    struct env *env;
    int32_t directory;
    struct shard *const *shards; /* all slots are in them */
    uint32_t shard_count;
    struct place place; /* behind the last group */
    void *memory;       /* aligned to 4096; no less than REMEDY_BYTES_MIN */
    uint64_t memory_bytes;
};

enum { REMEDY_BYTES_MIN = 8 << 20 };

/* 0, or a negative errno, and then nothing has changed. -EFBIG: one slot is larger than the memory. */
int32_t remedy_snapshot(const struct remedy *remedy) MUST_LOOK;

#endif
