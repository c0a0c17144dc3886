#include "persist/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/atomics.h"
#include "core/bug.h"
#include "core/sometimes.h"
#include "persist/group.h"
#include "persist/manifest.h"
#include "persist/segment.h"

/* Rules that keep it right, cited where they are kept:
 *   [1] Whoever holds the role gathers alone; the role is free again only after its write has been
 *       submitted. Whoever makes work (publishes, finishes, releases the role) fences and then looks
 *       whether the role is free; whoever releases it fences and then looks for work. So one of the
 *       two sees the other.
 *   [2] Write number k uses slot k mod 2. The slot is free when write k-2 has been advanced over, so
 *       at most two fly. Where a write needs a sync of its own, one: of two syncs of one file the
 *       kernel tells only the first that a page was lost, and it may be the other's.
 *   [3] The watermark moves over finished writes in the order of their numbers.
 *   [4] A sleeper sets its bit, fences, looks at the watermark again; who moves the watermark stores,
 *       fences, takes the bits and rings.
 *   [5] Who finds no segment ready sets `starved`, fences, looks again; who readies one stores, fences,
 *       takes `starved` and rings. While it is set, nobody tries. */

/* In the user data of a write's sync, beside its slot. */
enum { SYNCED = 1 << 8 };

enum { WRITES = 2, READY_WANTED = 2, READY_MAX = 4, RETIRED_MAX = 8, FILL_BYTES = 1 << 20 };
static const uint64_t RESERVE_RETRY_NS = 100ull * 1000 * 1000;

struct ring_slot {
    struct atomic64 seq; /* the group's, once it is published */
    struct log_group group;
};

struct write {
    struct atomic64 finished; /* the number, counted from 1, of the last write that finished here */
    struct atomic64 last_seq;
    uint64_t
        number; /* of the write that flies, counted from 1; with the rest its submitter's alone */
    uint32_t bytes;
    int32_t file;
    uint8_t *buffer;
};

struct segment {
    int32_t file;
    uint64_t serial;
};

struct log {
    struct log_options options;
    uint64_t log_id;
    uint32_t epoch;
    int32_t directory;
    struct ring_slot *ring;
    uint8_t *zeros;

    _Alignas(128) struct atomic64 next_seq; /* log_take */
    _Alignas(128) struct atomic64 watermark;
    struct atomic64 registered;         /* by shard: write buffers */
    struct atomic64 sleepers;           /* by shard */
    _Alignas(128) struct atomic64 role; /* 1: somebody gathers */
    struct atomic64 gathered;
    struct atomic64 submitted;     /* writes */
    struct atomic64 advanced;      /* writes that the watermark has passed */
    struct atomic64 waiting_bytes; /* published and not gathered */
    struct atomic64 witnessed;     /* the watermark that the last submitted write carries */
    struct atomic64 moved_ns;      /* when a write last finished */
    struct atomic64 starved;       /* no segment was ready */

    /* The role's alone. */
    _Alignas(128) struct segment segment;
    uint64_t segment_used;
    uint64_t chain;
    uint64_t next_gather;
    uint64_t seed;
    struct write writes[WRITES];

    /* Segments handed from the helper to the role (ready), and back to be closed (retired); each a
     * ring with one writer at a time and one reader at a time. */
    _Alignas(128) struct atomic64 ready_put;
    struct atomic64 ready_taken;
    struct segment ready[READY_MAX];
    struct atomic64 retired_put;
    struct atomic64 retired_taken;
    struct retired {
        int32_t file;
        uint64_t after; /* may be closed when this many writes have been advanced over */
    } retired[RETIRED_MAX];

    /* The helper's alone. */
    _Alignas(128) uint64_t next_serial;
    int32_t making_file; /* -1: none is being made */
    char making_name[SEGMENT_NAME_BYTES];
    uint64_t made_bytes;
    struct segment_head *head; /* a block */
    struct atomic64 full;
    struct atomic64 over_budget; /* of whoever makes snapshots */
    struct atomic64 counts[7];
};

enum { COUNT_GROUPS, COUNT_GROUP_BYTES, COUNT_WRITES, COUNT_WRITE_BYTES, COUNT_WITNESSES };

size_t log_bytes(const struct log_options *options)
{
    return block_align(sizeof(struct log)) +
           block_align(options->ring_groups * sizeof(struct ring_slot)) +
           WRITES * block_align(options->write_bytes_max) + BLOCK_BYTES + FILL_BYTES;
}

struct log *log_init(void *zeroed_memory, const struct log_options *options,
                     const struct log_begin *begin)
{
    struct log *log = zeroed_memory;
    uint8_t *at = (uint8_t *)zeroed_memory + block_align(sizeof *log);
    CHECK((options->ring_groups & (options->ring_groups - 1)) == 0);
    CHECK(options->group_bytes_max + sizeof(struct group_head) + BLOCK_BYTES <=
          options->write_bytes_max);
    CHECK(options->write_bytes_max <= WRITE_BYTES_MAX);
    CHECK(options->write_bytes_max + 2 * BLOCK_BYTES <= options->segment_bytes);
    CHECK(options->segment_bytes % BLOCK_BYTES == 0);
    CHECK(options->sync != LOG_SYNC_AUTO);
    *log = (struct log){
        .options = *options,
        .log_id = begin->log_id,
        .epoch = begin->epoch,
        .directory = begin->directory,
        .next_seq.value = begin->next_seq,
        .watermark.value = begin->next_seq - 1,
        .gathered.value = begin->next_seq - 1,
        .witnessed.value = begin->next_seq - 1,
        .next_gather = begin->next_seq,
        .chain = begin->chain,
        .segment.file = -1,
        .next_serial = begin->next_serial,
        .making_file = -1,
    };
    log->ring = (void *)at;
    at += block_align(options->ring_groups * sizeof(struct ring_slot));
    for (uint32_t i = 0; i < WRITES; i++) {
        log->writes[i].buffer = at;
        at += block_align(options->write_bytes_max);
    }
    log->head = (void *)at;
    log->zeros = at + BLOCK_BYTES;
    return log;
}

void log_buffers(struct log *log, struct env_memory out[2])
{
    for (uint32_t i = 0; i < WRITES; i++)
        out[i] =
            (struct env_memory){log->writes[i].buffer, block_align(log->options.write_bytes_max)};
}

void log_registered(struct log *log, uint32_t shard)
{
    atomic_or(&log->registered, UINT64_C(1) << shard);
}

static void count(struct log *log, uint32_t which, uint64_t more)
{
    atomic_add(&log->counts[which], more);
}

/* ---- the shards' side ------------------------------------------------------------------------- */

bool log_has_room(const struct log *log)
{
    uint64_t watermark = atomic_load(&log->watermark); /* before the next sequence is looked at */
    uint64_t next = atomic_load(&log->next_seq);
    return next - watermark < log->options.ring_groups - log->options.shard_count;
}

uint64_t log_take(struct log *log, struct env *env)
{
    env_point(env, ENV_POINT_TAKE);
    return atomic_add(&log->next_seq, 1);
}

static struct ring_slot *slot_of(const struct log *log, uint64_t seq)
{
    return &log->ring[seq & (log->options.ring_groups - 1)];
}

void log_publish(struct log *log, struct env *env, uint64_t seq, const struct log_group *group)
{
    CHECK(group->event_bytes <= log->options.group_bytes_max && group->event_bytes % 8 == 0);
    env_point(env, ENV_POINT_PUBLISH);
    struct ring_slot *slot = slot_of(log, seq);
    slot->group = *group;
    atomic_add(&log->waiting_bytes, group->event_bytes);
    atomic_store(&slot->seq, seq); /* pairs with the load in is_published */
}

uint64_t log_watermark(const struct log *log)
{
    return atomic_load(&log->watermark);
}

bool log_is_quiet(const struct log *log)
{
    return atomic_load(&log->watermark) + 1 == atomic_load(&log->next_seq) &&
           atomic_load(&log->advanced) == atomic_load(&log->submitted);
}

uint64_t log_gathered(const struct log *log)
{
    return atomic_load(&log->gathered);
}

bool log_sleep(struct log *log, uint32_t shard, uint64_t seen)
{
    atomic_or(&log->sleepers, UINT64_C(1) << shard); /* [4] */
    atomic_fence();
    return atomic_load(&log->watermark) == seen;
}

void log_awake(struct log *log, uint32_t shard)
{
    atomic_and(&log->sleepers, ~(UINT64_C(1) << shard));
}

/* ---- the writer ------------------------------------------------------------------------------- */

static bool is_published(const struct log *log, uint64_t seq)
{
    return atomic_load(&slot_of(log, seq)->seq) == seq; /* pairs with the store in log_publish */
}

static bool is_planted(const struct log *log, enum bug bug)
{
    return log->options.bug != NULL && log->options.bug[bug];
}

/* [2] */
static bool slot_is_free(const struct log *log)
{
    bool alone = log->options.sync == LOG_SYNC_FDATASYNC && !is_planted(log, BUG_SYNCS_OVERLAP);
    uint64_t most = alone ? 1 : WRITES;
    return atomic_load(&log->submitted) - atomic_load(&log->advanced) < most;
}

/* Of two writes at once each takes longer, since the disk empties its cache for one after the other, and each
 * costs its core the same time. So beside one with groups only one flies that fills a block; what waits for
 * more is gathered when the other has finished. A witness alone is no reason to wait. */
static bool is_worth_it(const struct log *log)
{
    return atomic_load(&log->gathered) <= atomic_load(&log->watermark) ||
           atomic_load(&log->waiting_bytes) >= BLOCK_BYTES || is_planted(log, BUG_SYNCS_OVERLAP);
}

/* Whether there are groups that may be written now. */
static bool groups_wait(const struct log *log)
{
    return is_worth_it(log) && is_published(log, atomic_load(&log->gathered) + 1);
}

static bool witness_is_due(const struct log *log, struct env *env)
{
    return atomic_load(&log->watermark) != atomic_load(&log->witnessed) &&
           env_clock(env) >= atomic_load(&log->moved_ns) + log->options.idle_ns;
}

static struct group_head *begin_head(struct log *log, struct write *write, enum group_kind kind,
                                     uint64_t seq, uint32_t shard)
{
    struct group_head *head = (void *)(write->buffer + write->bytes);
    *head = (struct group_head){
        .magic = GROUP_MAGIC,
        .version = FORMAT_VERSION,
        .kind = (uint8_t)kind,
        .flags = log->options.sync == LOG_SYNC_NONE ? GROUP_UNSYNCED : 0,
        .log_id = log->log_id,
        .epoch = log->epoch,
        .shard = shard,
        .seq = seq,
        .witness = atomic_load(&log->watermark),
        .chain = log->chain,
    };
    return head;
}

static void copy_group(struct log *log, struct write *write, const struct log_group *group)
{
    struct group_head *head = begin_head(log, write, GROUP_EVENTS, log->next_gather, group->shard);
    head->event_bytes = group->event_bytes;
    head->event_count = group->event_count;
    memcpy(head + 1, group->events, group->event_bytes);
    group_seal(head, log->seed);
    log->chain = head->head_sum;
    write->bytes += (uint32_t)sizeof *head + group->event_bytes;
    log->next_gather++;
    atomic_add(&log->waiting_bytes, -(uint64_t)group->event_bytes);
    count(log, COUNT_GROUPS, 1);
    count(log, COUNT_GROUP_BYTES, group->event_bytes);
}

/* A block that holds no events: a witness or an end mark. */
static void mark(struct log *log, struct write *write, enum group_kind kind)
{
    struct group_head *head = begin_head(log, write, kind, log->next_gather - 1, 0);
    group_seal(head, log->seed);
    write->bytes += (uint32_t)sizeof *head;
}

/* What may still be written to the segment beside its end mark. */
static uint64_t segment_room(const struct log *log)
{
    return log->segment.file < 0 ? 0 : log->options.segment_bytes - BLOCK_BYTES - log->segment_used;
}

/* [5] */
static bool segment_is_ready(struct log *log)
{
    uint64_t taken = atomic_load(&log->ready_taken);
    if (atomic_load(&log->ready_put) != taken) /* pairs with the store in hand_over */
        return true;
    SOMETIMES("log: no segment is ready");
    atomic_store(&log->starved, 1);
    atomic_fence();
    if (atomic_load(&log->ready_put) == taken)
        return false;
    atomic_store(&log->starved, 0);
    return true;
}

static void next_segment(struct log *log)
{
    uint64_t taken = atomic_load(&log->ready_taken);
    log->segment = log->ready[taken % READY_MAX];
    atomic_store(&log->ready_taken, taken + 1); /* pairs with the load in log_prepare */
    log->segment_used = BLOCK_BYTES;
    log->seed = group_seed(log->log_id, log->segment.serial);
}

static void retire_segment(struct log *log)
{
    uint64_t put = atomic_load(&log->retired_put);
    CHECK(put - atomic_load(&log->retired_taken) < RETIRED_MAX);
    log->retired[put % RETIRED_MAX] =
        (struct retired){log->segment.file, atomic_load(&log->submitted) + 1};
    atomic_store(&log->retired_put, put + 1); /* pairs with the load in close_retired */
    log->segment.file = -1;
}

static void submit_write(struct log *log, struct env *env, uint32_t shard, struct write *write)
{
    uint32_t slot = (uint32_t)(write - log->writes);
    uint32_t bytes = (uint32_t)block_align(write->bytes);
    memset(write->buffer + write->bytes, 0, bytes - write->bytes);
    write->bytes = bytes;
    write->file = log->segment.file;
    atomic_store(&write->last_seq, log->next_gather - 1); /* pairs with the load in advance */
    uint32_t flags = (atomic_load(&log->registered) >> shard & 1) != 0 ? ENV_REGISTERED : 0;
    if (log->options.sync == LOG_SYNC_DSYNC)
        flags |= ENV_DSYNC;
    env_submit(env, &(struct env_op){.kind = ENV_WRITE,
                                     .file = write->file,
                                     .flags = flags,
                                     .bytes = bytes,
                                     .offset = log->segment_used,
                                     .data = write->buffer,
                                     .buffer = slot,
                                     .user = (uint64_t)LOG_USER << LOG_USER_SHIFT | slot});
    env_flush(env);
    log->segment_used += bytes;
    count(log, COUNT_WRITES, 1);
    count(log, COUNT_WRITE_BYTES, bytes);
}

/* An end mark promises that there is a next segment: one that has vanished is noticed. */
static uint32_t end_segment(struct log *log, struct write *write)
{
    if (!segment_is_ready(log))
        return 0;
    SOMETIMES("log: a segment is full");
    mark(log, write, GROUP_END);
    return GROUP_END;
}

/* Fills a write: the consecutive published groups; or the end mark when the next one does not fit;
 * or a witness when the log is idle. What stands in it now; 0: there is nothing to write. */
static uint32_t fill_write(struct log *log, struct env *env, struct write *write)
{
    const uint32_t most = log->options.write_bytes_max - BLOCK_BYTES;
    while (is_published(log, log->next_gather)) {
        const struct log_group *group = &slot_of(log, log->next_gather)->group;
        uint64_t bytes = write->bytes + sizeof(struct group_head) + group->event_bytes;
        bool fits = block_align(bytes) <= segment_room(log);
        if (!fits && write->bytes == 0)
            return end_segment(log, write);
        if (!fits || bytes > most)
            return GROUP_EVENTS;
        copy_group(log, write, group);
    }
    if (write->bytes > 0)
        return GROUP_EVENTS;
    if (!witness_is_due(log, env))
        return 0;
    count(log, COUNT_WITNESSES, 1);
    if (segment_room(log) < BLOCK_BYTES)
        return end_segment(log, write);
    SOMETIMES("log: an idle log writes a witness");
    mark(log, write, GROUP_WITNESS);
    return GROUP_WITNESS;
}

/* True if this has used up a ready segment. */
static bool gather(struct log *log, struct env *env, uint32_t shard)
{
    uint64_t number = atomic_load(&log->submitted) + 1;
    struct write *write = &log->writes[number % WRITES];
    bool fresh = log->segment.file < 0;
    if (!slot_is_free(log) || (fresh && !segment_is_ready(log)))
        return false;
    if (fresh)
        next_segment(log);
    uint64_t watermark = atomic_load(&log->watermark);
    write->bytes = 0;
    write->number = number;
    uint32_t kind = fill_write(log, env, write);
    if (kind == 0)
        return fresh;
    submit_write(log, env, shard, write);
    if (kind == GROUP_END)
        retire_segment(log);
    atomic_store(&log->gathered, log->next_gather - 1); /* pairs with log_gathered */
    atomic_store(&log->witnessed, watermark);
    atomic_store(&log->submitted, number);
    return fresh;
}

/* Whether a look by the role would find something to do. */
static bool has_work(const struct log *log, struct env *env)
{
    return slot_is_free(log) && atomic_load(&log->starved) == 0 &&
           (groups_wait(log) || witness_is_due(log, env));
}

void log_drive(struct log *log, struct env *env, uint32_t shard)
{
    atomic_fence(); /* [1] after what the caller has published or finished */
    while (has_work(log, env) && atomic_swap_if(&log->role, 0, 1)) {
        env_point(env, ENV_POINT_GATHER);
        bool fresh = gather(log, env, shard);
        atomic_store(&log->role, 0);
        atomic_fence(); /* [1] */
        if (fresh)
            env_doorbell(env, log->options.shard_count); /* the helper makes the next one ready */
    }
}

/* [4] `self` is awake. */
static void wake_sleepers(struct log *log, struct env *env, uint32_t self)
{
    atomic_fence();
    if (atomic_load(&log->sleepers) == 0)
        return;
    uint64_t woken = atomic_and(&log->sleepers, 0) & ~(UINT64_C(1) << self);
    for (; woken != 0; woken &= woken - 1)
        env_doorbell(env, (uint32_t)__builtin_ctzll(woken));
}

static void raise_watermark(struct log *log, uint64_t seq)
{
    uint64_t now;
    while ((now = atomic_load(&log->watermark)) < seq)
        if (atomic_swap_if(&log->watermark, now, seq))
            return;
}

/* [3] Several may be here at once; each write is advanced over by one of them. */
static void advance(struct log *log)
{
    for (;;) {
        uint64_t number = atomic_load(&log->advanced) + 1;
        const struct write *write = &log->writes[number % WRITES];
        if (atomic_load(&write->finished) != number) /* pairs with the store in log_done */
            return;
        uint64_t last_seq = atomic_load(&write->last_seq);
        if (atomic_swap_if(&log->advanced, number - 1,
                           number)) /* else last_seq may be a later one */
            raise_watermark(log, last_seq + is_planted(log, BUG_WATERMARK_AHEAD));
    }
}

int32_t log_done(struct log *log, struct env *env, uint32_t shard, const struct env_done *done)
{
    struct write *write = &log->writes[done->user % WRITES];
    bool synced = (done->user & SYNCED) != 0;
    if (done->result < 0)
        return done->result;
    if (!synced && (uint32_t)done->result != write->bytes)
        return -EIO;
    if (!synced && log->options.sync == LOG_SYNC_FDATASYNC) {
        env_submit(env, &(struct env_op){.kind = ENV_FSYNC,
                                         .file = write->file,
                                         .flags = ENV_DATA_ONLY,
                                         .user = done->user | SYNCED});
        env_flush(env);
        return 0;
    }
    atomic_store(&log->moved_ns, env_clock(env));
    atomic_store(&write->finished, write->number); /* pairs with the load in advance */
    atomic_fence(); /* of two that finish at once, the later here sees both */
    env_point(env, ENV_POINT_WATERMARK);
    advance(log);
    log_drive(log, env, shard);
    wake_sleepers(log, env, shard);
    return 0;
}

uint64_t log_deadline(const struct log *log)
{
    bool impossible = !slot_is_free(log) || atomic_load(&log->starved) != 0;
    if (impossible || atomic_load(&log->watermark) == atomic_load(&log->witnessed))
        return UINT64_MAX;
    return atomic_load(&log->moved_ns) + log->options.idle_ns;
}

/* ---- the helper ------------------------------------------------------------------------------- */

static int32_t close_file(struct env *env, int32_t file)
{
    return env_do(env, &(struct env_op){.kind = ENV_CLOSE, .file = file});
}

static int32_t close_retired(struct log *log, struct env *env)
{
    uint64_t taken = atomic_load(&log->retired_taken);
    while (taken != atomic_load(&log->retired_put) && /* pairs with the store in retire_segment */
           atomic_load(&log->advanced) >= log->retired[taken % RETIRED_MAX].after) {
        int32_t error = close_file(env, log->retired[taken % RETIRED_MAX].file);
        if (error < 0)
            return error;
        atomic_store(&log->retired_taken, ++taken);
    }
    return 0;
}

static void hand_over(struct log *log, struct env *env)
{
    uint64_t put = atomic_load(&log->ready_put);
    log->ready[put % READY_MAX] = (struct segment){log->making_file, log->next_serial++};
    atomic_store(&log->ready_put, put + 1); /* pairs with the load in segment_is_ready */
    log->making_file = -1;
    atomic_fence(); /* [5] */
    if (atomic_load(&log->starved) != 0 && atomic_and(&log->starved, 0) != 0)
        env_doorbell(env, 0); /* any shard gathers what has waited */
}

/* Without syncs the page cache must not be passed by: then it is what decides when to write. */
static int32_t open_making(struct log *log, struct env *env, int flags)
{
    if (log->options.sync != LOG_SYNC_NONE)
        return segment_open(env, log->directory, log->making_name, flags | O_RDWR);
    return env_do(env, &(struct env_op){.kind = ENV_OPEN,
                                        .file = log->directory,
                                        .path = log->making_name,
                                        .flags = (uint32_t)(flags | O_RDWR | O_CLOEXEC)});
}

/* A spare needs no filling if it has the right length. -ENOENT: there is none. */
static int32_t begin_with_spare(struct log *log, struct env *env)
{
    int32_t file = -ENOENT;
    for (uint32_t spare = 0; file == -ENOENT && spare < SPARES_MAX; spare++) {
        segment_spare_name(log->making_name, spare);
        file = open_making(log, env, 0);
    }
    if (file < 0)
        return file;
    SOMETIMES("log: a spare becomes a segment");
    int64_t bytes = env_file_bytes(env, file);
    log->making_file = file;
    log->made_bytes = bytes == (int64_t)log->options.segment_bytes ? (uint64_t)bytes : 0;
    return bytes < 0 ? (int32_t)bytes : 0;
}

static int32_t begin_segment(struct log *log, struct env *env)
{
    int32_t error = begin_with_spare(log, env);
    if (error != -ENOENT)
        return error;
    int64_t free_bytes = env_free_bytes(env, log->directory);
    if (free_bytes < 0)
        return (int32_t)free_bytes;
    if ((uint64_t)free_bytes < log->options.segment_bytes)
        return -ENOSPC;
    memcpy(log->making_name, SEGMENT_MAKING, sizeof SEGMENT_MAKING);
    int32_t file = open_making(log, env, O_CREAT | O_TRUNC);
    if (file < 0)
        return file;
    log->making_file = file;
    log->made_bytes = 0;
    return 0;
}

/* Zeros all over, so that a later write only overwrites; the head comes last. */
static int32_t fill_segment(struct log *log, struct env *env)
{
    uint64_t left = log->options.segment_bytes - log->made_bytes;
    uint32_t bytes = left < FILL_BYTES ? (uint32_t)left : FILL_BYTES;
    int32_t wrote = env_do(env, &(struct env_op){.kind = ENV_WRITE,
                                                 .file = log->making_file,
                                                 .offset = log->made_bytes,
                                                 .data = log->zeros,
                                                 .bytes = bytes});
    if (wrote < 0)
        return wrote;
    if ((uint32_t)wrote != bytes)
        return -ENOSPC;
    log->made_bytes += bytes;
    return 0;
}

static int32_t finish_segment(struct log *log, struct env *env)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, log->next_serial);
    segment_head_fill(log->head, log->log_id, log->next_serial, log->options.segment_bytes);
    int32_t error = env_do(env, &(struct env_op){.kind = ENV_WRITE,
                                                 .file = log->making_file,
                                                 .data = log->head,
                                                 .bytes = BLOCK_BYTES});
    if (error >= 0 && error != BLOCK_BYTES)
        error = -EIO;
    if (error >= 0)
        error = env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = log->making_file});
    if (error >= 0)
        error = env_do(env, &(struct env_op){.kind = ENV_RENAME,
                                             .file = log->directory,
                                             .path = log->making_name,
                                             .path_to = name});
    if (error >= 0)
        error = env_do(env, &(struct env_op){.kind = ENV_FSYNC, .file = log->directory});
    if (error >= 0)
        hand_over(log, env);
    return error;
}

/* The segments that are ready are the reserve. What is half made goes away, so that its room is free
 * for others. */
static int32_t wait_for_room(struct log *log, struct env *env)
{
    SOMETIMES("log: the disk is full");
    atomic_store(&log->full, 1);
    if (log->making_file < 0)
        return 0;
    int32_t error = close_file(env, log->making_file);
    log->making_file = -1;
    int32_t unlinked = env_do(
        env,
        &(struct env_op){.kind = ENV_UNLINK, .file = log->directory, .path = log->making_name});
    return error < 0 ? error : unlinked;
}

static int32_t make_segment(struct log *log, struct env *env)
{
    if (log->making_file < 0)
        return begin_segment(log, env);
    if (log->made_bytes < log->options.segment_bytes)
        return fill_segment(log, env);
    return finish_segment(log, env);
}

uint64_t log_prepare(struct log *log, struct env *env, int32_t *failure)
{
    *failure = close_retired(log, env);
    if (*failure < 0)
        return 0;
    uint64_t ready = atomic_load(&log->ready_put) - atomic_load(&log->ready_taken);
    if (ready >= READY_WANTED) {
        atomic_store(&log->full, 0);
        return UINT64_MAX;
    }
    int32_t error = make_segment(log, env);
    if (error == -ENOSPC || error == -EDQUOT) {
        *failure = wait_for_room(log, env);
        return env_clock(env) + RESERVE_RETRY_NS;
    }
    *failure = error < 0 ? error : 0;
    return 0;
}

bool log_is_full(const struct log *log)
{
    return atomic_load(&log->full) != 0 || atomic_load(&log->over_budget) != 0;
}

void log_set_over_budget(struct log *log, bool over)
{
    if ((atomic_load(&log->over_budget) != 0) != over)
        atomic_store(&log->over_budget, over); /* pairs with the load in log_is_full */
}

bool log_is_spent(const struct log *log)
{
    return log_is_full(log) && atomic_load(&log->ready_put) == atomic_load(&log->ready_taken);
}

static int32_t write_last_word(struct log *log, struct env *env, uint64_t state_hash)
{
    struct manifest *manifest = (void *)log->zeros; /* nobody prepares segments any more */
    int32_t error = manifest_read(env, log->directory, manifest);
    if (error < 0)
        return error;
    manifest->witness = atomic_load(&log->watermark);
    bool all = manifest->witness + 1 == atomic_load(&log->next_seq);
    manifest->flags |= all ? MANIFEST_CLOSED : 0;
    manifest->state_seq = all ? manifest->witness : 0;
    manifest->state_hash = state_hash;
    return manifest_write(env, log->directory, manifest);
}

int32_t log_close(struct log *log, struct env *env, uint64_t state_hash)
{
    int32_t error = write_last_word(log, env, state_hash);
    uint64_t taken = atomic_load(&log->ready_taken), put = atomic_load(&log->ready_put);
    for (; error >= 0 && taken != put; taken++)
        error = close_file(env, log->ready[taken % READY_MAX].file);
    if (error >= 0 && log->segment.file >= 0)
        error = close_file(env, log->segment.file);
    if (error >= 0 && log->making_file >= 0)
        error = close_file(env, log->making_file);
    return error < 0 ? error : close_retired(log, env);
}

struct place log_place(const struct log *log)
{
    uint64_t taken = atomic_load(&log->ready_taken);
    struct place place = {.seq = log->next_gather, .chain = log->chain};
    if (log->segment.file >= 0) {
        place.serial = log->segment.serial;
        place.offset = log->segment_used;
    } else if (taken != atomic_load(&log->ready_put)) {
        place.serial = log->ready[taken % READY_MAX].serial;
        place.offset = BLOCK_BYTES;
    }
    return place;
}

const struct atomic64 *log_next_seq(const struct log *log)
{
    return &log->next_seq;
}

enum log_sync log_sync(const struct log *log)
{
    return log->options.sync;
}

struct log_counts log_counts(const struct log *log)
{
    return (struct log_counts){
        .taken = atomic_load(&log->next_seq) - 1,
        .groups = atomic_load(&log->counts[COUNT_GROUPS]),
        .group_bytes = atomic_load(&log->counts[COUNT_GROUP_BYTES]),
        .writes = atomic_load(&log->counts[COUNT_WRITES]),
        .write_bytes = atomic_load(&log->counts[COUNT_WRITE_BYTES]),
        .witness_blocks = atomic_load(&log->counts[COUNT_WITNESSES]),
        .segments_ready = atomic_load(&log->ready_put) - atomic_load(&log->ready_taken),
    };
}
