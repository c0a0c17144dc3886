/* persist/log.h - the one log: groups of all shards, in commit order, made durable; the watermark.
 *
 *   shard:   take n ─▶ publish messages ─▶ publish group n ─▶ drive
 *   drive:   nobody gathers, and no write flies, or one that needs no sync of its own and what waits
 *            fills a block? copy groups n, n+1, ... into a write buffer, chain them, submit one write;
 *            role back
 *   reaped:  write finished ─▶ watermark over all finished writes in order ─▶ sleepers ─▶ drive
 *
 * Shared by all shards; lock-free, over core/atomics.h alone. Any shard may be the writer of any
 * write, and only the shard that submitted a write reaps it. Nothing is acknowledged above the
 * watermark. The bytes are drawn in persist/group.h. */
#ifndef SPATE_PERSIST_LOG_H
#define SPATE_PERSIST_LOG_H

#include "core/atomics.h"
#include "persist/env.h"
#include "persist/scan.h"

struct log;

/* AUTO is a wish, for persist/sync.h to fulfil: a log has one of the others. */
enum log_sync { LOG_SYNC_DSYNC, LOG_SYNC_FDATASYNC, LOG_SYNC_NONE, LOG_SYNC_AUTO };

struct log_options {
    uint32_t shard_count;
    uint32_t ring_groups;     /* R, a power of two */
    uint32_t group_bytes_max; /* G */
    uint32_t write_bytes_max; /* each of the two write buffers; >= G */
    uint64_t segment_bytes;
    uint64_t idle_ns; /* an idle log writes a witness block after this long */
    enum log_sync sync;
    const bool *bug; /* planted, by enum bug; tests only; NULL: none */
};

/* Where the log stands after a start: see persist/start.h. */
struct log_begin {
    uint64_t log_id;
    uint64_t next_seq;    /* the first that log_take gives */
    uint64_t chain;       /* checksum of the last group, for the next one's header */
    uint64_t next_serial; /* segment serials from here on were never used */
    uint32_t epoch;
    int32_t directory; /* of the segments */
};

/* A turn's events, in the shard's own memory until log_gathered has passed the group. */
struct log_group {
    const void *events;
    uint32_t event_bytes;
    uint32_t event_count;
    uint32_t shard;
};

/* User data of the log's own operations; the loop gives such completions to log_done. */
enum { LOG_USER_SHIFT = 56, LOG_USER = 0x4c };

size_t log_bytes(const struct log_options *options);
struct log *log_init(void *zeroed_memory, const struct log_options *options,
                     const struct log_begin *begin);

/* The two write buffers, to be registered in every shard's env, as buffers 0 and 1. */
void log_buffers(struct log *log, struct env_memory out[2]);
/* This shard's env has registered them; before, and where it cannot, its writes are plain. */
void log_registered(struct log *log, uint32_t shard);

/* n − watermark < R − shards: this turn may take a number. Asked before the turn decides anything.
 */
bool log_has_room(const struct log *log);

/* Steps 2 and 4 of the turn. Between them no system call. */
uint64_t log_take(struct log *log, struct env *env);
void log_publish(struct log *log, struct env *env, uint64_t seq, const struct log_group *group);

/* Gathers and submits if the role is free; never waits. `shard` is the caller's number. */
void log_drive(struct log *log, struct env *env, uint32_t shard);

/* A completion of ours; 0, or the negative errno that ends the process (exit 74). */
int32_t log_done(struct log *log, struct env *env, uint32_t shard,
                 const struct env_done *done) MUST_LOOK;

/* Everything up to here is durable. */
uint64_t log_watermark(const struct log *log);
/* Every sequence that was taken is durable, and no write flies. A shard that ends earlier may take the
 * completion along that all others wait for. */
bool log_is_quiet(const struct log *log);
/* Memory of groups up to here may be used again. */
uint64_t log_gathered(const struct log *log);

/* Before waiting: false if the watermark has moved beyond `seen` and the shard should look again.
 * The shard's doorbell rings when the watermark moves. log_awake afterwards. */
bool log_sleep(struct log *log, uint32_t shard, uint64_t seen);
void log_awake(struct log *log, uint32_t shard);

/* When an idle log wants a witness block written (log_drive does it); UINT64_MAX: not needed, or not
 * before something completes. */
uint64_t log_deadline(const struct log *log);

/* The helper: makes segments ready ahead of need, one bounded step a call. Returns when it wants to
 * be called next (env_clock), or a negative errno through *failure. */
uint64_t log_prepare(struct log *log, struct env *env, int32_t *failure);

/* Free space is below the reserve: new orders get CODE_STORAGE_FULL, all else goes on. */
bool log_is_full(const struct log *log);
/* And the last segment is being written: what still comes must be little. */
bool log_is_spent(const struct log *log);
/* The same, because more log is kept than it may be (persist/compact.h). */
void log_set_over_budget(struct log *log, bool over);

/* After the last group is durable and every shard has stopped: the last sequence goes into the
 * manifest, so that the next start knows that nothing is missing, and the hash of the state with it
 * (0: not known). */
int32_t log_close(struct log *log, struct env *env, uint64_t state_hash) MUST_LOOK;

/* Where the next group is going to stand, when all is quiet; serial 0: there is no segment for it. */
struct place log_place(const struct log *log);

struct log_counts {
    uint64_t taken; /* the last sequence */
    uint64_t groups;
    uint64_t group_bytes;
    uint64_t writes;
    uint64_t write_bytes;
    uint64_t witness_blocks;
    uint64_t segments_ready;
};
enum log_sync log_sync(const struct log *log);
/* The cell from which log_take takes, for whoever has to say it when all else is broken; also before
 * log_init. */
const struct atomic64 *log_next_seq(const struct log *log);

struct log_counts log_counts(const struct log *log);

#endif
