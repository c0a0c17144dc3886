/* io/recovery.h - from the one who reads the log to the shards, which apply it all at once.
 *
 *   helper:  read ─▶ check sums and events (persist/start.h) ─▶ copy into a chunk ─▶ publish
 *   shard:   next chunk ─▶ fetch ahead ─▶ apply its own slices of every event ─▶ done with it
 *
 * A chunk holds groups, or a block of the snapshot, which comes before them; blocks come by turns
 * from as many parts of the snapshot as there are shards, each of which owns a run of slots. Chunks
 * lie one behind the other in a ring of bytes; one is overwritten when every shard is done with it.
 * A shard sees all groups in commit order, so each slot sees its own slices as they happened;
 * between slots no order is needed, since what concerns another's slot commutes. The ring is deep,
 * because on a busy machine a thread may have to wait for its turn longer than it takes the others
 * to use up a few chunks.
 *
 * When all is applied, each shard touches its share of the memory that will be worked with, so that no
 * order waits for the kernel to find a page. Not before: clearing pages can take longer than
 * recovering into them. */
#ifndef SPATE_IO_RECOVERY_H
#define SPATE_IO_RECOVERY_H

#include "core/atomics.h"
#include "core/shard.h"
#include "persist/start.h"

enum {
    RECOVERY_CHUNKS = 64,
    RECOVERY_MEMORY_BYTES =
        4 * WRITE_BYTES_MAX, /* what is published together, a group at most, fits */
};

struct recovery {
    struct start_visitor visitor; /* the helper's, for start_open */
    struct env *env;              /* the helper's */
    const struct atomic64 *stop;  /* not 0: nobody wants the server any more */
    bool stopped;                 /* for that reason */
    uint32_t shard_count;
    uint8_t *ring;
    uint64_t begin;        /* of the chunk that is not published yet, counted on over all rounds */
    uint32_t filled_bytes; /* of it */
    struct recovery_chunk {
        uint64_t begin;
        uint32_t used_bytes;
        uint16_t slots[2]; /* of a block: of its first record and its last, which are in order */
        enum recovery_kind {
            RECOVERY_GROUPS,
            RECOVERY_IMAGE, /* a block of the snapshot */
            RECOVERY_IMAGE_END,
            RECOVERY_FORGET, /* everything that has come until now */
            RECOVERY_OVER,   /* nothing comes any more */
        } kind;
    } chunks[RECOVERY_CHUNKS];
    _Alignas(128) struct atomic64 published; /* chunks */
    struct atomic64 too_small;               /* enum shard_table of whoever found it first */
    struct atomic64 untouchable; /* not 0: the system has no page for this one's share */
    struct recovery_shard {
        _Alignas(128) struct atomic64 done; /* chunks that it needs no more */
        struct env_memory share;            /* of what is touched at the end */
    } shards[SHARDS_MAX];
};

void recovery_init(struct recovery *recovery, void *memory, uint32_t shard_count,
                   const struct atomic64 *stop);
void recovery_share(struct recovery *recovery, uint32_t number, struct env_memory share);

/* By the helper: before start_open, and after it, when everything has been read: publishes what is
 * left and waits until every shard has applied it and touched its share. False: a table is too small,
 * there is not enough memory, or nobody wants it. */
void recovery_begin(struct recovery *recovery, struct env *env);
bool recovery_finish(struct recovery *recovery) MUST_LOOK;

/* By a shard: applies the next chunk; false: none is there now. */
bool recovery_apply(struct recovery *recovery, struct env *env, uint32_t number,
                    struct shard *shard);

#endif
