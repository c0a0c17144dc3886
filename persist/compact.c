#include "persist/compact.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/sometimes.h"
#include "persist/archive.h"

enum { NAMES_BYTES = 4 << 20, STEP_BYTES = 1 << 20, WORTH_IT = 16, LAST_S = 10 };
static const uint64_t RETRY_NS = UINT64_C(10) * 1000 * 1000 * 1000;
static const uint64_t ASKED_NS = UINT64_C(30) * 1000 * 1000 * 1000;
static const uint64_t LOOK_NS = UINT64_C(100) * 1000 * 1000;

enum phase {
    PHASE_IDLE,
    PHASE_FOLDING,
    PHASE_WRITING,   /* the slot that the fold has brought together */
    PHASE_VERIFYING, /* what has been written */
    PHASE_RETIRING,  /* segments, one after the other */
};

enum {
    COUNT_ROUNDS,
    COUNT_FAILURES,
    COUNT_DAMAGED,
    COUNT_SEQ,
    COUNT_BYTES,
    COUNT_MADE,
    COUNT_NS,
    COUNT_STEPS,
    COUNT_RECORDS,
    COUNT_LOG,
    COUNT_LOG_BEFORE, /* COUNT_LOG of the round before: from there on the log is kept */
    COUNTS
};

struct compact {
    struct compact_options options;
    enum phase phase;
    struct manifest manifest;
    struct fold fold;
    struct snapshot_writer writer;
    struct snapshot_reader check;
    struct image_walk walk;
    uint64_t snapshots[SNAPSHOTS_MAX];
    uint32_t snapshot_count;
    uint32_t base;      /* which of them the round begins with; snapshot_count: none */
    int32_t base_error; /* why those before it were passed over: damaged, unless one may be whole */
    uint64_t log_bytes_now;    /* when the round that is under way began */
    uint64_t log_bytes_at_end; /* when the last round began that has succeeded */
    uint64_t begun_ns;
    bool was_asked; /* for the round that is under way */
    uint64_t ended_ns;
    uint64_t retry_ns;
    uint64_t said_bytes; /* of work, when the rate was last looked at */
    char message[320];

    uint32_t name_count;
    struct archive archive; /* while retiring */

    struct atomic64 asked;
    struct atomic64 counts[COUNTS];

    void *fold_memory;
    void *block;
    uint8_t *copy;
    char *names;
};

struct compact_options compact_options_default(void)
{
    return (struct compact_options){
        .directory = -1,
        .archive = -1,
        .segment_bytes = 64 << 20,
        .every_bytes = UINT64_C(4) << 30,
        .rate_bytes = UINT64_C(256) << 20,
        .lane_bytes_max = UINT64_C(16) << 30,
        .shard_bytes_max = UINT64_C(256) << 20,
    };
}

static struct fold_options fold_options(const struct compact *compact, uint64_t seq)
{
    bool has_base = compact->base < compact->snapshot_count;
    return (struct fold_options){
        .directory = compact->options.directory,
        .manifest = &compact->manifest,
        .snapshot = has_base ? compact->snapshots[compact->base] : 0,
        .seq = seq,
        .lane_bytes_max = compact->options.lane_bytes_max,
        .shard_bytes_max = compact->options.shard_bytes_max,
    };
}

static size_t head_bytes(void)
{
    return (sizeof(struct compact) + BLOCK_BYTES - 1) & ~(size_t)(BLOCK_BYTES - 1);
}

size_t compact_bytes(const struct compact_options *options)
{
    struct compact described = {.options = *options};
    struct fold_options fold = fold_options(&described, 0);
    return head_bytes() + SNAPSHOT_BLOCK_BYTES + ARCHIVE_MEMORY_BYTES + NAMES_BYTES +
           fold_bytes(&fold);
}

static void put_count(struct compact *compact, uint32_t which, uint64_t value)
{
    atomic_store(&compact->counts[which], value); /* pairs with the loads in compact_counts */
}

struct compact *compact_init(void *memory, const struct compact_options *options)
{
    struct compact *compact = memory;
    memset(compact, 0, sizeof *compact);
    compact->options = *options;
    uint8_t *at = (uint8_t *)memory + head_bytes();
    compact->block = at;
    at += SNAPSHOT_BLOCK_BYTES;
    compact->copy = at;
    at += ARCHIVE_MEMORY_BYTES;
    compact->names = (char *)at;
    at += NAMES_BYTES;
    compact->fold_memory = at;
    put_count(compact, COUNT_SEQ, options->seq);
    compact->writer.file = compact->check.file = -1;
    compact->fold.scan.file = compact->fold.reader.file = compact->fold.lanes.file = -1;
    return compact;
}

/* ---- what goes wrong --------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void give_up(struct compact *compact, struct env *env,
                                                          int32_t error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int used = snprintf(compact->message, sizeof compact->message, "no snapshot: ");
    vsnprintf(compact->message + used, sizeof compact->message - (size_t)used, format, arguments);
    va_end(arguments);
    env_say_at(env, error == -EBADMSG ? ENV_ERROR : ENV_WARNING, compact->message);
    put_count(compact, COUNT_FAILURES, atomic_load(&compact->counts[COUNT_FAILURES]) + 1);
    if (error == -EBADMSG)
        put_count(compact, COUNT_DAMAGED, 1);
    compact->retry_ns = env_clock(env) + RETRY_NS;
    compact_end(compact);
}

void compact_end(struct compact *compact)
{
    if (compact->phase == PHASE_IDLE)
        return;
    fold_end(&compact->fold);
    snapshot_close(&compact->check);
    if (compact->phase == PHASE_RETIRING)
        archive_end(&compact->archive);
    else
        snapshot_abandon(&compact->writer);
    compact->phase = PHASE_IDLE;
}

/* ---- a round begins ---------------------------------------------------------------------------- */

static bool list_files(struct compact *compact, struct env *env)
{
    int32_t count = env_list(env, compact->options.directory, compact->names, NAMES_BYTES);
    if (count < 0) {
        give_up(compact, env, count, "the files cannot be listed: %s", strerror(-count));
        return false;
    }
    compact->name_count = (uint32_t)count;
    return true;
}

/* Whether the log goes on from what the round begins with. */
static bool reaches(const struct compact *compact)
{
    uint64_t begin_seq = compact->manifest.begin_seq;
    return begin_seq == 1 || (compact->base < compact->snapshot_count &&
                              compact->snapshots[compact->base] + 1 >= begin_seq);
}

static void begin_fold(struct compact *compact, struct env *env, uint64_t seq)
{
    struct fold_options options = fold_options(compact, seq);
    compact->writer.file = -1;
    compact->writer.env = env;
    compact->writer.directory = compact->options.directory;
    fold_begin(&compact->fold, compact->fold_memory, env, &options);
    compact->phase = PHASE_FOLDING;
    if (!reaches(compact))
        give_up(compact, env, compact->base_error,
                compact->base_error == -EIO
                    ? "a snapshot that the log goes on from cannot be read, and no other is whole"
                    : "no snapshot that the log goes on from is whole");
}

static void begin_round(struct compact *compact, struct env *env, uint64_t seq)
{
    compact->begun_ns = env_clock(env);
    compact->said_bytes = 0;
    int32_t error = manifest_read(env, compact->options.directory, &compact->manifest);
    if (error < 0) {
        give_up(compact, env, error, "the manifest cannot be read: %s", strerror(-error));
        return;
    }
    if (!list_files(compact, env))
        return;
    compact->snapshot_count =
        snapshot_list(compact->names, compact->name_count, compact->snapshots);
    compact->base = 0;
    compact->base_error = -EBADMSG;
    begin_fold(compact, env, seq);
}

/* ---- from slot to slot ------------------------------------------------------------------------- */

static bool write_failed(struct compact *compact, struct env *env, int32_t error)
{
    if (error < 0)
        give_up(compact, env, error, "%s cannot be written: %s", SNAPSHOT_MAKING, strerror(-error));
    return error < 0;
}

/* What nobody rests on yet may be made once more. */
static void reads_differently(struct compact *compact, struct env *env, int32_t error)
{
    give_up(compact, env, error == -EBADMSG ? -EIO : error,
            "what was written does not read the same: %s",
            error == -EBADMSG ? "it is damaged" : strerror(-error));
}

static void begin_writing(struct compact *compact, struct env *env)
{
    const struct place *place = &compact->fold.place;
    compact->fold.writer = &compact->writer;
    const struct snapshot_head facts = {
        .log_id = compact->manifest.log_id,
        .seq = place->seq - 1,
        .serial = place->serial,
        .offset = place->offset,
        .chain = place->chain,
        .made_ns = env_now(env),
    };
    (void)write_failed(
        compact, env,
        snapshot_create(&compact->writer, env, compact->options.directory, compact->block, &facts));
}

/* A snapshot that has rotted is passed over, as long as the log reaches back to an older one. One that
 * cannot be read may be whole: that ends only the round. */
static void fold_failed(struct compact *compact, struct env *env)
{
    struct fold *fold = &compact->fold;
    if (!fold->bad_snapshot || compact->base >= compact->snapshot_count) {
        give_up(compact, env, fold->error, "%s", fold->message);
        return;
    }
    SOMETIMES("compact: a snapshot that has rotted is passed over");
    env_say_at(env, ENV_WARNING, fold->message);
    compact->base_error = fold->error == -EIO ? -EIO : compact->base_error;
    fold_end(fold);
    snapshot_abandon(&compact->writer);
    compact->base++;
    begin_fold(compact, env, fold->options.seq);
}

static void finish_writing(struct compact *compact, struct env *env)
{
    if (write_failed(compact, env, snapshot_finish(&compact->writer)))
        return;
    fold_end(&compact->fold);
    int32_t error = snapshot_open(&compact->check, env, compact->options.directory, SNAPSHOT_MAKING,
                                  compact->manifest.log_id, compact->block);
    compact->check.hashes = true;
    compact->phase = PHASE_VERIFYING;
    if (error < 0)
        reads_differently(compact, env, error);
}

static void step_fold(struct compact *compact, struct env *env)
{
    switch (fold_step(&compact->fold)) {
    case FOLD_ON:
        if (!compact->fold.reading)
            begin_writing(compact, env);
        break;
    case FOLD_SLOT:
        compact->walk = (struct image_walk){0};
        compact->phase = PHASE_WRITING;
        break;
    case FOLD_DONE:
        finish_writing(compact, env);
        break;
    case FOLD_FAILED:
        fold_failed(compact, env);
        break;
    }
}

static void write_slot(struct compact *compact, struct env *env)
{
    uint64_t end = compact->writer.head.record_bytes + STEP_BYTES;
    const struct record *record = NULL;
    while (compact->writer.head.record_bytes < end &&
           (record = shard_image_next(compact->fold.shard, &compact->walk)) != NULL)
        if (write_failed(compact, env, snapshot_add(&compact->writer, record)))
            return;
    if (record == NULL)
        compact->phase = PHASE_FOLDING;
}

/* ---- the end of a round ------------------------------------------------------------------------ */

/* The log that is kept begins behind the older of the two snapshots. */
static int32_t move_beginning(struct compact *compact, struct env *env)
{
    struct manifest *manifest = &compact->manifest;
    struct place begin = snapshot_place(&compact->fold.reader.head);
    if (compact->base >= compact->snapshot_count)
        return 0;
    manifest_begin(manifest, begin.serial, begin.offset, begin.seq, begin.chain);
    return manifest_write(env, compact->options.directory, manifest);
}

static int32_t drop_snapshots(struct compact *compact, struct env *env)
{
    int32_t error = 0;
    for (uint32_t i = 0; i < compact->snapshot_count && error == 0; i++) {
        char name[SNAPSHOT_NAME_BYTES];
        if (i == compact->base)
            continue;
        snapshot_name(name, compact->snapshots[i]);
        error = env_do(
            env,
            &(struct env_op){.kind = ENV_UNLINK, .file = compact->options.directory, .path = name});
    }
    return error;
}

static void round_is_over(struct compact *compact, struct env *env)
{
    const struct snapshot_head *head = &compact->writer.head;
    compact->ended_ns = env_clock(env);
    put_count(compact, COUNT_LOG_BEFORE, compact->log_bytes_at_end);
    compact->log_bytes_at_end = compact->log_bytes_now;
    put_count(compact, COUNT_LOG, compact->log_bytes_at_end);
    put_count(compact, COUNT_RECORDS, head->record_count);
    put_count(compact, COUNT_NS, compact->ended_ns - compact->begun_ns);
    put_count(compact, COUNT_SEQ, head->seq);
    put_count(compact, COUNT_BYTES, head->file_bytes);
    put_count(compact, COUNT_MADE, head->made_ns);
    put_count(compact, COUNT_ROUNDS, atomic_load(&compact->counts[COUNT_ROUNDS]) + 1);
    snprintf(compact->message, sizeof compact->message,
             "snapshot of everything up to sequence %llu: %llu records, %llu bytes, %llu ms",
             (unsigned long long)head->seq, (unsigned long long)head->record_count,
             (unsigned long long)head->file_bytes,
             (unsigned long long)(compact->ended_ns - compact->begun_ns) / 1000000);
    env_say(env, compact->message);
    compact->message[0] = 0;
    compact->phase = PHASE_IDLE;
}

static void publish(struct compact *compact, struct env *env)
{
    snapshot_close(&compact->check);
    int32_t error = snapshot_publish(env, compact->options.directory, compact->writer.head.seq);
    if (error == 0)
        error = move_beginning(compact, env);
    if (error == 0)
        error = drop_snapshots(compact, env);
    if (error < 0) {
        give_up(compact, env, error, "it cannot be published: %s", strerror(-error));
        return;
    }
    archive_begin(&compact->archive, env,
                  &(struct archive_options){.directory = compact->options.directory,
                                            .archive = compact->options.archive,
                                            .end_serial = compact->manifest.begin_serial,
                                            .names = compact->names,
                                            .name_count = compact->name_count,
                                            .memory = compact->copy});
    compact->phase = PHASE_RETIRING;
}

static void verify(struct compact *compact, struct env *env)
{
    int32_t error;
    if (snapshot_next(&compact->check, &error) != NULL)
        return;
    if (error == 0)
        publish(compact, env);
    else
        reads_differently(compact, env, error);
}

/* Segments behind the older snapshot. */
static void retire_next(struct compact *compact, struct env *env)
{
    int32_t more = archive_step(&compact->archive);
    if (more == 0)
        round_is_over(compact, env);
    else if (more < 0)
        give_up(compact, env, more, "%s cannot be put away: %s", compact->archive.name,
                more == -EEXIST ? "the archive has a segment of that name from another log; "
                                  "each log wants an archive of its own"
                                : strerror(-more));
}

/* ---- when -------------------------------------------------------------------------------------- */

static bool is_due(struct compact *compact, const struct compact_log *log, uint64_t now_ns)
{
    const struct compact_options *options = &compact->options;
    if (now_ns < compact->retry_ns || log->watermark <= atomic_load(&compact->counts[COUNT_SEQ]))
        return false;
    compact->was_asked = atomic_and(&compact->asked, 0) != 0; /* pairs with compact_ask */
    return compact->was_asked || log->hurry ||
           (options->every_bytes > 0 &&
            log->bytes - compact->log_bytes_at_end >= options->every_bytes) ||
           (options->every_ns > 0 && now_ns - compact->ended_ns >= options->every_ns);
}

/* What has been read and written since the rate was last looked at. */
static uint64_t work_bytes(struct compact *compact)
{
    const struct fold *fold = &compact->fold;
    uint64_t blocks =
        fold->reader.next_block + compact->writer.head.block_count + compact->check.next_block;
    uint64_t bytes = fold->scan.read_bytes + blocks * SNAPSHOT_BLOCK_BYTES +
                     (uint64_t)fold->lanes.chunk_count * LANE_CHUNK_BYTES * 2;
    uint64_t more = bytes > compact->said_bytes ? bytes - compact->said_bytes : 0;
    compact->said_bytes = bytes;
    return more;
}

static void step(struct compact *compact, struct env *env)
{
    switch (compact->phase) {
    case PHASE_IDLE:
        break;
    case PHASE_FOLDING:
        step_fold(compact, env);
        break;
    case PHASE_WRITING:
        write_slot(compact, env);
        break;
    case PHASE_VERIFYING:
        verify(compact, env);
        break;
    case PHASE_RETIRING:
        retire_next(compact, env);
        break;
    }
}

bool compact_has_time(const struct compact *compact, const struct compact_log *log, uint64_t now_ns)
{
    uint64_t every_bytes = compact->options.every_bytes;
    bool behind = every_bytes > 0 && log->bytes - compact->log_bytes_now >= every_bytes;
    bool asked =
        compact->was_asked || atomic_load(&compact->asked) != 0; /* pairs with compact_ask */
    return !log->hurry && !behind && !(asked && now_ns - compact->begun_ns >= ASKED_NS);
}

uint64_t compact_step(struct compact *compact, struct env *env, const struct compact_log *log)
{
    uint64_t now_ns = env_clock(env);
    if (compact->phase == PHASE_IDLE) {
        if (atomic_load(&compact->counts[COUNT_DAMAGED]) != 0)
            return UINT64_MAX;
        if (!is_due(compact, log, now_ns))
            return now_ns + LOOK_NS;
        compact->log_bytes_now = log->bytes;
        begin_round(compact, env, log->watermark);
        return 0;
    }
    put_count(compact, COUNT_STEPS, atomic_load(&compact->counts[COUNT_STEPS]) + 1);
    step(compact, env);
    uint64_t bytes = work_bytes(compact);
    uint64_t rate_bytes = compact->options.rate_bytes;
    return rate_bytes > 0 && compact_has_time(compact, log, now_ns)
               ? now_ns + bytes * UINT64_C(1000000000) / rate_bytes
               : 0;
}

enum compact_pressure compact_pressure(const struct compact *compact, uint64_t log_bytes)
{
    uint64_t kept = log_bytes - atomic_load(&compact->counts[COUNT_LOG_BEFORE]);
    uint64_t budget = compact->options.budget_bytes;
    if (budget == 0 || kept < budget / 4 * 3)
        return COMPACT_AT_EASE;
    if (kept < budget / 10 * 9)
        return COMPACT_HURRIES;
    return kept < budget / 20 * 19 ? COMPACT_SLOWS : COMPACT_OVER;
}

uint64_t compact_pace(const struct compact *compact)
{
    uint64_t ms = atomic_load(&compact->counts[COUNT_NS]) / 1000000;
    uint64_t least = compact->options.budget_bytes / 20 / LAST_S;
    uint64_t pace =
        ms == 0 ? 0
                : (compact->log_bytes_at_end - atomic_load(&compact->counts[COUNT_LOG_BEFORE])) /
                      ms * 1000;
    return pace > least ? pace : least;
}

bool compact_is_worth_it(const struct compact *compact, const struct compact_log *log)
{
    return log->bytes - compact->log_bytes_at_end >= compact->options.every_bytes / WORTH_IT;
}

bool compact_is_running(const struct compact *compact)
{
    return compact->phase != PHASE_IDLE;
}

struct compact_progress compact_progress(const struct compact *compact)
{
    const struct fold *fold = &compact->fold;
    switch (compact->phase) {
    case PHASE_IDLE:
        break;
    case PHASE_FOLDING:
    case PHASE_WRITING:
        return fold->reading ? (struct compact_progress){"reading the log", fold->place.seq - 1,
                                                         fold->options.seq}
                             : (struct compact_progress){"slot by slot", fold->slot, SLOT_COUNT};
    case PHASE_VERIFYING:
        return (struct compact_progress){"reading again what was written",
                                         compact->check.next_block,
                                         compact->check.head.block_count};
    case PHASE_RETIRING:
        return (struct compact_progress){"putting segments away",
                                         compact->name_count - compact->archive.left,
                                         compact->name_count};
    }
    return (struct compact_progress){.what = "nothing"};
}

const char *compact_message(const struct compact *compact)
{
    return compact->message;
}

void *compact_room(struct compact *compact, uint64_t *bytes)
{
    struct fold_options options = fold_options(compact, 0);
    CHECK(compact->phase == PHASE_IDLE);
    *bytes = fold_bytes(&options);
    return compact->fold_memory;
}

void compact_ask(struct compact *compact)
{
    atomic_store(&compact->asked, 1); /* pairs with the swap in is_due */
}

struct compact_counts compact_counts(const struct compact *compact)
{
    const struct atomic64 *counts = compact->counts;
    return (struct compact_counts){
        .steps = atomic_load(&counts[COUNT_STEPS]),
        .rounds = atomic_load(&counts[COUNT_ROUNDS]),
        .failures = atomic_load(&counts[COUNT_FAILURES]),
        .damaged = atomic_load(&counts[COUNT_DAMAGED]),
        .seq = atomic_load(&counts[COUNT_SEQ]),
        .file_bytes = atomic_load(&counts[COUNT_BYTES]),
        .made_ns = atomic_load(&counts[COUNT_MADE]),
        .round_ns = atomic_load(&counts[COUNT_NS]),
        .records = atomic_load(&counts[COUNT_RECORDS]),
        .log_bytes = atomic_load(&counts[COUNT_LOG]),
    };
}
