/* A real shop, its events in a real log, and snapshots made of it while it goes on: whatever is
 * damaged, missing or cut off, a start finds the shop's state, or refuses. */
#include "core/shard_state.h"
#include "tests/unit/core/shop.h"

#include "core/shape.h"
#include "persist/compact.h"
#include "persist/history.h"
#include "persist/log.h"
#include "persist/remedy.h"
#include "persist/start.h"
#include "tests/unit/persist/env_memory.h"

enum { SKUS = 3, LANE_BYTES = 256 << 20, SHARD_BYTES = 64 << 20 };

static const struct log_options log_options = {
    .shard_count = 1,
    .ring_groups = 16,
    .group_bytes_max = 128 << 10,
    .write_bytes_max = 256 << 10,
    .segment_bytes = 512 << 10,
    .idle_ns = UINT64_C(1000000000),
    .sync = LOG_SYNC_DSYNC,
};
static const struct start_options wanted = {
    .directory = "data",
    .segment_bytes = 512 << 10,
    .write_bytes_max = 256 << 10,
};

struct fixture {
    struct start_visitor visitor;
    struct env *env;
    struct env *before; /* a copy of it to come back to */
    struct shop *shop;
    uint32_t skus[SKUS];
    uint32_t orders;
    size_t journal_at;  /* so far the log has it */
    uint32_t batch;     /* groups to a write */
    int32_t archive;    /* -1: none */
    struct shop *found; /* what the last start has found */
    void *scratch;
    void *log_memory;
    struct log *log;
    struct start start;
    struct start_report report;
    void *compact_memory;
    size_t compact_memory_bytes;
    struct compact *compact;
};

/* ---- a server without clients --------------------------------------------------------------------- */

static enum start_visit on_image(struct start_visitor *visitor, enum start_image what,
                                 const struct snapshot_block *block)
{
    struct fixture *f = (struct fixture *)visitor;
    struct shop *found = f->found;
    const struct record *record = block != NULL ? snapshot_records(block) : NULL;
    for (uint32_t i = 0; i < found->shard_count; i++) {
        if (what == START_IMAGE_END)
            shard_loaded(found->shards[i]);
        if (what == START_IMAGE_FORGET)
            shard_forget(found->shards[i]);
    }
    for (uint32_t n = 0; block != NULL && n < block->record_count;
         n++, record = record_next(record))
        for (uint32_t i = 0; i < found->shard_count; i++)
            assert_int_equal(shard_load(found->shards[i], record), SHARD_TABLE_NONE);
    return START_TAKEN;
}

static enum start_visit on_group(struct start_visitor *visitor, const struct group_head *head)
{
    struct fixture *f = (struct fixture *)visitor;
    const struct event *event = group_events(head);
    for (uint16_t n = 0; n < head->event_count; n++, event = event_next(event))
        for (uint32_t i = 0; i < f->found->shard_count; i++)
            assert_int_equal(
                shard_recover(f->found->shards[i], &(struct recorded){{head->seq, n}, event}, 1),
                SHARD_TABLE_NONE);
    return START_TAKEN;
}

static bool begin(struct fixture *f)
{
    if (f->found != NULL)
        shop_close(f->found);
    f->found = shop_open_with(&f->shop->options[0], 2, 1);
    f->visitor = (struct start_visitor){on_image, on_group};
    return start_open(&f->start, f->env, &wanted, f->scratch, &f->visitor, &f->report);
}

static void serve(struct fixture *f)
{
    memset(f->log_memory, 0, log_bytes(&log_options));
    f->log = log_init(f->log_memory, &log_options, &f->start.begin);
    struct compact_options options = compact_options_default();
    options.directory = f->start.directory;
    options.archive = f->archive;
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    options.seq = f->report.snapshot;
    f->compact = compact_init(f->compact_memory, &options);
}

static void work(struct fixture *f)
{
    int32_t failure = 0;
    struct env_done done;
    while (log_prepare(f->log, f->env, &failure) == 0 && failure == 0)
        ;
    assert_int_equal(failure, 0);
    log_drive(f->log, f->env, 0);
    while (f->env->queued > 0 && env_reap(f->env, &done, 1, 0) == 1)
        assert_int_equal(log_done(f->log, f->env, 0, &done), 0);
}

/* What has happened in the shop goes into the log. */
static void publish(struct fixture *f)
{
    const struct shop_pile *journal = &f->shop->journal;
    uint32_t waiting = 0;
    while (f->journal_at < journal->used) {
        uint64_t head[2];
        memcpy(head, journal->at + f->journal_at, sizeof head);
        const uint8_t *events = journal->at + f->journal_at + sizeof head;
        const uint8_t *end = events;
        for (uint64_t i = 0; i < head[1]; i++)
            end += ((const struct event *)(const void *)end)->bytes;
        f->journal_at = (size_t)(end - journal->at);
        assert_int_equal(log_take(f->log, f->env), head[0]);
        log_publish(f->log, f->env, head[0],
                    &(struct log_group){.events = events,
                                        .event_bytes = (uint32_t)(end - events),
                                        .event_count = (uint32_t)head[1]});
        if (++waiting % f->batch == 0)
            work(f);
    }
    work(f);
    assert_int_equal(log_watermark(f->log), f->shop->seq);
}

static void trade(struct fixture *f, uint32_t orders)
{
    for (uint32_t i = 0; i < orders; i++, f->orders++) {
        char id[16];
        struct shop_line lines[2] = {{f->skus[0], 1, 100}, {f->skus[1 + i % 2], 2, 50}};
        snprintf(id, sizeof id, "o-%u", f->orders);
        assert_int_equal(shop_order(f->shop, id, lines, 1 + i % 2)->code, CODE_CREATED);
        if (i % 5 == 0)
            assert_int_equal(shop_cancel(f->shop, id, NULL, 0, "")->code, CODE_OK);
        f->shop->now_ns += 1000000;
    }
    publish(f);
}

/* True: there is one more snapshot. */
static bool compact(struct fixture *f)
{
    uint64_t rounds = compact_counts(f->compact).rounds;
    const struct compact_log log = {.watermark = log_watermark(f->log), .hurry = true};
    do
        (void)compact_step(f->compact, f->env, &log);
    while (compact_is_running(f->compact));
    return compact_counts(f->compact).rounds > rounds;
}

static void assert_found(struct fixture *f)
{
    assert_true(shop_hash(f->found) == shop_hash(f->shop));
    shop_audit(f->found);
}

static void restart(struct fixture *f)
{
    memory_kill(f->env);
    if (!begin(f))
        fail_msg("%s", f->report.message);
    assert_found(f);
    serve(f);
}

static uint32_t files_like(const struct env *env, const char *beginning, char last[64])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (env->files[i].links > 0 &&
            strncmp(env->files[i].name, beginning, strlen(beginning)) == 0) {
            if (count++ == 0 || strcmp(env->files[i].name, last) > 0)
                strcpy(last, env->files[i].name);
        }
    return count;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct compact_options options = compact_options_default();
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    f->env = memory_open();
    f->before = memory_open();
    f->scratch = aligned_alloc(BLOCK_BYTES, start_scratch_bytes(&wanted));
    f->log_memory = aligned_alloc(BLOCK_BYTES, log_bytes(&log_options));
    f->compact_memory_bytes = compact_bytes(&options);
    f->compact_memory = mmap(NULL, f->compact_memory_bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    f->shop = shop_open(2, 5);
    f->batch = 1;
    f->archive = -1;
    assert_true(begin(f));
    serve(f);
    shop_stock_up(f->shop, f->skus, SKUS, 100000);
    publish(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    shop_close(f->found);
    shop_close(f->shop);
    memory_close(f->env);
    memory_close(f->before);
    munmap(f->compact_memory, f->compact_memory_bytes);
    free(f->scratch);
    free(f->log_memory);
    free(f);
    return 0;
}

/* ---- what must be true ----------------------------------------------------------------------------- */

static void a_snapshot_and_the_log_behind_it_are_the_state_that_is_served(void **state)
{
    struct fixture *f = *state;
    for (uint32_t round = 0; round < 5; round++) {
        trade(f, 60);
        assert_true(compact(f));
        restart(f);
        assert_int_equal(f->report.snapshot, f->shop->seq);
        assert_int_equal(f->report.groups, 0);
        trade(f, 20);
        restart(f);
        assert_int_equal(f->report.groups, 24); /* with the cancelled ones */
    }
}

/* One SKU is in every order: its slot's lane does not fit its chunk. */
static void a_slot_that_everybody_wants_goes_through_the_file_of_lanes(void **state)
{
    struct fixture *f = *state;
    trade(f, 450);
    assert_true(compact(f));
    restart(f);
    assert_int_equal(f->report.groups, 0);
}

static void nothing_new_makes_no_snapshot(void **state)
{
    struct fixture *f = *state;
    trade(f, 5);
    assert_true(compact(f));
    assert_false(compact(f));
    restart(f);
    assert_false(compact(f));
}

static void two_snapshots_are_kept_and_the_log_behind_the_older_one(void **state)
{
    struct fixture *f = *state;
    char last[64], first[64];
    for (uint32_t round = 0; round < 6; round++) {
        trade(f, 100);
        assert_true(compact(f));
    }
    assert_int_equal(files_like(f->env, "snapshot-", last), SNAPSHOTS_KEPT);
    assert_in_range(files_like(f->env, "log-", first), 1, 6);
    assert_in_range(files_like(f->env, "spare-", first), 1, SPARES_MAX);
    assert_null(memory_find(f->env, "lanes.tmp"));
    assert_null(memory_find(f->env, "snapshot.tmp"));
    restart(f);
    memory_kill(f->env);
    memory_find(f->env, last)->links = 0;
    assert_true(begin(f));
    assert_found(f);
    assert_int_not_equal(f->report.groups, 0);
}

/* Whatever byte of the newest one is wrong. */
static void a_damaged_snapshot_is_passed_over_for_the_older_one(void **state)
{
    struct fixture *f = *state;
    char last[64];
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 10);
    (void)files_like(f->env, "snapshot-", last);
    memory_kill(f->env);
    memory_copy(f->before, f->env);
    uint32_t bytes = memory_find(f->env, last)->bytes, older = 0, newest = 0;
    for (uint32_t at = 0; at < bytes; at += 127) {
        memory_copy(f->env, f->before);
        memory_find(f->env, last)->data[at] ^= 4;
        assert_true(begin(f));
        assert_found(f);
        older += f->report.groups > 12;
        newest += f->report.groups == 12;
    }
    assert_in_range(newest, 1, 200); /* zeros behind the head, and at the end of the last block */
    assert_in_range(older, 100, 100000);
}

static void what_was_loaded_before_the_damage_was_found_is_forgotten(void **state)
{
    struct fixture *f = *state;
    char last[64];
    trade(f, 40);
    assert_true(compact(f));
    f->batch = 8;
    trade(f, 7000);
    assert_true(compact(f));
    (void)files_like(f->env, "snapshot-", last);
    struct memory_file *file = memory_find(f->env, last);
    assert_in_range(file->bytes, BLOCK_BYTES + SNAPSHOT_BLOCK_BYTES + 5000, MEMORY_BYTES_MAX);
    file->data[BLOCK_BYTES + SNAPSHOT_BLOCK_BYTES + 4000] ^= 1;
    restart(f);
    assert_int_not_equal(f->report.groups, 0);
}

static void a_snapshot_that_is_cut_short_is_passed_over(void **state)
{
    struct fixture *f = *state;
    char last[64];
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 40);
    assert_true(compact(f));
    (void)files_like(f->env, "snapshot-", last);
    memory_kill(f->env);
    memory_copy(f->before, f->env);
    for (uint32_t bytes = 0; bytes < memory_find(f->before, last)->bytes; bytes += 1531) {
        memory_copy(f->env, f->before);
        memory_find(f->env, last)->bytes = bytes;
        assert_true(begin(f));
        assert_found(f);
    }
}

static void a_log_without_a_whole_snapshot_that_it_goes_on_from_is_refused(void **state)
{
    struct fixture *f = *state;
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 40);
    assert_true(compact(f));
    memory_kill(f->env);
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (strncmp(f->env->files[i].name, "snapshot-", 9) == 0)
            f->env->files[i].data[5000] ^= 1;
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
    assert_non_null(strstr(f->report.message, "no snapshot in data is whole"));
}

static void a_lost_end_of_the_log_that_a_snapshot_has_seen_is_refused(void **state)
{
    struct fixture *f = *state;
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 40);
    assert_true(compact(f));
    char last[64];
    (void)files_like(f->env, "snapshot-", last);
    memory_kill(f->env);
    memory_find(f->env, last)->data[5000] ^= 1;
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (strncmp(f->env->files[i].name, "log-", 4) == 0)
            memset(f->env->files[i].data + BLOCK_BYTES * 70, 0,
                   f->env->files[i].bytes - BLOCK_BYTES * 70);
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
}

static void compaction_goes_on_from_the_older_snapshot_if_the_newer_has_rotted(void **state)
{
    struct fixture *f = *state;
    char last[64], after[64];
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 40);
    assert_true(compact(f));
    (void)files_like(f->env, "snapshot-", last);
    memory_find(f->env, last)->data[5000] ^= 1;
    trade(f, 40);
    assert_true(compact(f));
    assert_null(memory_find(f->env, last));
    assert_int_equal(files_like(f->env, "snapshot-", after), SNAPSHOTS_KEPT);
    restart(f);
    assert_int_equal(f->report.groups, 0);
}

static void a_damaged_group_stops_compaction_and_everything_is_kept(void **state)
{
    struct fixture *f = *state;
    char last[64], again[64];
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 40);
    (void)files_like(f->env, "log-", last);
    uint32_t segments = files_like(f->env, "log-", again);
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (strncmp(f->env->files[i].name, "log-", 4) == 0)
            f->env->files[i].data[BLOCK_BYTES * 60 + 100] ^= 1;
    assert_false(compact(f));
    assert_int_equal(compact_counts(f->compact).damaged, 1);
    assert_non_null(strstr(compact_message(f->compact), "missing or invalid"));
    assert_int_equal(files_like(f->env, "snapshot-", again), 1);
    assert_int_equal(files_like(f->env, "log-", again), segments);
    assert_false(compact(f));
}

static void damage_the_log(struct fixture *f)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (strncmp(f->env->files[i].name, "log-", 4) == 0)
            f->env->files[i].data[BLOCK_BYTES * 60 + 100] ^= 1;
}

static int32_t save_memory(struct fixture *f)
{
    static _Alignas(BLOCK_BYTES) uint8_t memory[REMEDY_BYTES_MIN];
    struct remedy remedy = {.env = f->env,
                            .directory = MEMORY_DIRECTORY,
                            .shards = f->shop->shards,
                            .shard_count = f->shop->shard_count,
                            .place = log_place(f->log),
                            .memory = memory,
                            .memory_bytes = sizeof memory};
    return remedy_snapshot(&remedy);
}

static void what_is_in_memory_is_a_snapshot_that_a_damaged_log_goes_on_from(void **state)
{
    struct fixture *f = *state;
    char last[64];
    trade(f, 40);
    assert_true(compact(f));
    trade(f, 40);
    damage_the_log(f);
    assert_false(compact(f));
    memory_copy(f->before, f->env);
    memory_kill(f->env);
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
    memory_copy(f->env, f->before);
    assert_int_equal(save_memory(f), 0);
    assert_int_equal(files_like(f->env, "snapshot-", last), 2);
    restart(f);
    trade(f, 40);
    restart(f);
    assert_true(compact(f)); /* and rounds go on from it */
    trade(f, 40);
    restart(f);
}

/* How a round ends before it is over. */
enum ending { KILLED, POWER_CUT, POWER_CUT_BUT_FOR_NAMES };

static void end(struct fixture *f, enum ending ending)
{
    if (ending == KILLED)
        memory_kill(f->env);
    else
        memory_cut(f->env, ending == POWER_CUT_BUT_FOR_NAMES);
}

/* What has a name in the archive is what had it in the directory; how many there are. */
static uint32_t look_into_the_archive(struct fixture *f)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        const struct memory_file *file = &f->env->files[i];
        if (file->links == 0 || file->directory != MEMORY_ARCHIVE ||
            strcmp(file->name, "archiving.tmp") == 0)
            continue;
        const struct memory_file *was = memory_find(f->before, file->name);
        assert_non_null(was);
        assert_int_equal(file->bytes, was->bytes);
        assert_memory_equal(file->data, was->data, was->bytes);
        count++;
    }
    return count;
}

/* After any change to the directory or the archive, and after any sync: what is there is whole, and the
 * next round succeeds. */
static void end_rounds(struct fixture *f, enum ending ending)
{
    f->archive = MEMORY_ARCHIVE;
    restart(f);
    trade(f, 130);
    assert_true(compact(f));
    trade(f, 150);
    end(f, ending);
    memory_copy(f->before, f->env);
    bool finished = false;
    for (uint64_t changes = 0; !finished; changes++) {
        memory_copy(f->env, f->before);
        restart(f);
        f->env->changes_left = changes;
        finished = compact(f);
        end(f, ending);
        restart(f);
        (void)look_into_the_archive(f);
        uint64_t now = env_clock(f->env);
        f->env->clock_ns = now + UINT64_C(100000000000);
        assert_true(finished || f->report.snapshot == f->shop->seq || compact(f));
        restart(f);
        assert_int_equal(f->report.groups, 0);
    }
    assert_true(look_into_the_archive(f) > 0);
}

static void a_round_can_be_killed_after_any_change_and_run_again(void **state)
{
    end_rounds(*state, KILLED);
}

static void power_can_be_cut_after_any_change_of_a_round(void **state)
{
    end_rounds(*state, POWER_CUT);
}

static void power_can_be_cut_when_names_have_reached_the_device_before_bytes(void **state)
{
    end_rounds(*state, POWER_CUT_BUT_FOR_NAMES);
}

static void a_full_disk_only_puts_it_off(void **state)
{
    struct fixture *f = *state;
    trade(f, 30);
    f->env->free_bytes = 3000;
    assert_false(compact(f));
    assert_int_equal(compact_counts(f->compact).failures, 1);
    assert_int_equal(compact_counts(f->compact).damaged, 0);
    assert_null(memory_find(f->env, "snapshot.tmp"));
    f->env->free_bytes = UINT64_C(1) << 40;
    assert_false(compact(f)); /* not at once */
    f->env->clock_ns += UINT64_C(60000000000);
    assert_true(compact(f));
    restart(f);
}

/* True: it wants to wait between two steps. */
static bool is_held_back(struct fixture *f, uint64_t bytes_meanwhile)
{
    struct compact_options options = compact_options_default();
    options.directory = f->start.directory;
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    options.every_bytes = 1000;
    options.rate_bytes = 1;
    f->compact = compact_init(f->compact_memory, &options);
    struct compact_log log = {.watermark = log_watermark(f->log), .bytes = options.every_bytes};
    bool waits = false;
    (void)compact_step(f->compact, f->env, &log);
    assert_true(compact_is_running(f->compact));
    log.bytes += bytes_meanwhile;
    while (compact_is_running(f->compact))
        waits |= compact_step(f->compact, f->env, &log) > env_clock(f->env);
    return waits;
}

static void a_round_is_held_back_until_the_next_one_is_due(void **state)
{
    struct fixture *f = *state;
    trade(f, 60);
    assert_true(is_held_back(f, 999));
    assert_false(is_held_back(f, 1000));
}

static void the_budget_has_its_steps(void **state)
{
    struct fixture *f = *state;
    struct compact_options options = compact_options_default();
    options.directory = f->start.directory;
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    options.budget_bytes = 10000;
    struct compact *small = compact_init(f->compact_memory, &options);
    assert_int_equal(compact_pressure(small, 7499), COMPACT_AT_EASE);
    assert_int_equal(compact_pressure(small, 7500), COMPACT_HURRIES);
    assert_int_equal(compact_pressure(small, 8999), COMPACT_HURRIES);
    assert_int_equal(compact_pressure(small, 9000), COMPACT_SLOWS);
    assert_int_equal(compact_pressure(small, 9499), COMPACT_SLOWS);
    assert_int_equal(compact_pressure(small, 9500), COMPACT_OVER);
    assert_int_equal(compact_pace(small), 10000 / 20 / 10); /* it has not made any yet */
    /* The log behind the older of two snapshots is what counts. */
    f->compact = small;
    trade(f, 30);
    assert_true(compact(f));
    trade(f, 30);
    assert_true(compact(f));
    assert_true(compact_counts(small).rounds == 2);
}

static void who_is_in_no_hurry_is_held_back_and_who_is_is_not(void **state)
{
    struct fixture *f = *state;
    struct compact_options options = compact_options_default();
    options.directory = f->start.directory;
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    options.rate_bytes = 1; /* a second */
    for (int hurry = 0; hurry < 2; hurry++) {
        uint64_t latest = 0;
        trade(f, 30);
        struct compact *slow = compact_init(f->compact_memory, &options);
        compact_ask(slow);
        const struct compact_log log = {.watermark = log_watermark(f->log), .hurry = hurry == 1};
        do {
            uint64_t until = compact_step(slow, f->env, &log);
            if (until > latest)
                latest = until;
        } while (compact_is_running(slow));
        assert_int_equal(compact_counts(slow).rounds, 1);
        if (hurry == 1)
            assert_int_equal(latest, 0);
        else
            assert_true(latest > env_clock(f->env) + UINT64_C(1000000000000));
    }
    f->compact = compact_init(f->compact_memory, &options);
}

static void epochs_behind_the_older_snapshot_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct manifest *manifest = malloc(sizeof *manifest);
    for (uint32_t life = 0; life < 12; life++) {
        trade(f, 5);
        restart(f);
    }
    for (uint32_t round = 0; round < 2; round++) {
        trade(f, 5);
        assert_true(compact(f));
    }
    assert_int_equal(manifest_read(f->env, f->start.directory, manifest), 0);
    assert_int_equal(manifest->epoch_count, 1);
    free(manifest);
    restart(f);
}

static struct position last_event(const struct fixture *f, const char *id)
{
    struct text text = {id, (uint32_t)strlen(id)};
    for (uint32_t i = 0; i < f->shop->shard_count; i++) {
        const struct orders *orders = &f->shop->shards[i]->orders;
        uint32_t record = order_find(orders, text, key_hash(text));
        if (record != 0)
            return order_position(order_at(orders, record));
    }
    fail_msg("no order %s", id);
    return (struct position){0};
}

static void look_back(struct fixture *f, struct sparse *sparse, void *memory)
{
    memset(memory, 0, SPARSE_MEMORY_BYTES);
    sparse_init(sparse, memory, f->start.directory, f->archive, f->start.begin.log_id);
    sparse_begin(sparse, f->env);
}

static void an_orders_history_is_followed_back_as_far_as_the_log_goes(void **state)
{
    struct fixture *f = *state;
    struct sparse sparse;
    struct history history;
    struct position at;
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    f->batch = 8;
    trade(f, 100);
    assert_int_equal(
        shop_cancel(f->shop, "o-1", &(struct cancel_line){.line = 2, .units = 1}, 1, "k")->code,
        CODE_OK);
    trade(f, 100);
    assert_int_equal(shop_cancel(f->shop, "o-1", NULL, 0, "")->code, CODE_OK);
    publish(f);
    restart(f);
    trade(f, 10);
    static const uint16_t kinds[] = {EVENT_ORDER_CANCELLED, EVENT_LINES_CANCELLED,
                                     EVENT_ORDER_PLACED};
    look_back(f, &sparse, memory);
    for (uint32_t i = 0; i < f->orders; i++) {
        char id[16];
        snprintf(id, sizeof id, "o-%u", i);
        history_of_order(&history, &sparse, last_event(f, id));
        while (history_next(&history, &at) != NULL)
            continue;
        assert_int_equal(history.end, HISTORY_BEGAN);
    }
    history_of_order(&history, &sparse, last_event(f, "o-1"));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(history_next(&history, &at)->kind, kinds[i]);
    assert_null(history_next(&history, &at));
    assert_int_equal(history.end, HISTORY_BEGAN);
    sparse_end(&sparse);
    for (uint32_t round = 0; round < 3; round++) {
        trade(f, 100);
        assert_true(compact(f));
    }
    sparse_begin(&sparse, f->env);
    history_of_order(&history, &sparse, last_event(f, "o-1"));
    assert_null(history_next(&history, &at));
    assert_int_equal(history.end, HISTORY_TRUNCATED);
    history_of_order(&history, &sparse, last_event(f, "o-505"));
    assert_int_equal(history_next(&history, &at)->kind, EVENT_ORDER_CANCELLED);
    assert_int_equal(history_next(&history, &at)->kind, EVENT_ORDER_PLACED);
    assert_null(history_next(&history, &at));
    assert_int_equal(history.end, HISTORY_BEGAN);
    assert_int_equal(sparse.error, 0);
    sparse_end(&sparse);
    free(memory);
}

/* What is left of it after a flip is its newer end, and whoever asks is told that there was more. */
struct past_event {
    struct position position;
    uint32_t bytes;
    uint8_t event[1024];
};

static void check_past(struct history *history, const struct past_event *expected, uint32_t count)
{
    struct position at;
    const struct event *event;
    uint32_t got = 0;
    while ((event = history_next(history, &at)) != NULL) {
        assert_in_range(got, 0, count - 1);
        assert_int_equal(at.seq, expected[got].position.seq);
        assert_int_equal(at.index, expected[got].position.index);
        assert_int_equal(event->bytes, expected[got].bytes);
        assert_memory_equal(event, expected[got].event, event->bytes);
        got++;
    }
    assert_true(history->end == HISTORY_TRUNCATED || got == count);
}

static void
a_flipped_bit_in_log_or_archive_cuts_a_history_short_and_never_makes_it_wrong(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = {"o-0", "o-155", "o-295"}; /* each placed, then cancelled */
    struct sparse sparse;
    struct history history;
    struct past_event expected[3][2];
    uint32_t cut = 0, flips = 0;
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    f->archive = MEMORY_ARCHIVE;
    restart(f);
    for (uint32_t round = 0; round < 3; round++) {
        trade(f, 100);
        assert_true(compact(f));
    }
    assert_null(memory_find(f->env, "log-000000000001.seg"));
    assert_non_null(memory_find_in(f->env, MEMORY_ARCHIVE, "log-000000000001.seg"));
    look_back(f, &sparse, memory);
    for (uint32_t n = 0; n < 3; n++) {
        history_of_order(&history, &sparse, last_event(f, ids[n]));
        for (uint32_t i = 0; i < 2; i++) {
            const struct event *event = history_next(&history, &expected[n][i].position);
            assert_in_range(event->bytes, 1, sizeof expected[n][i].event);
            expected[n][i].bytes = event->bytes;
            memcpy(expected[n][i].event, event, event->bytes);
        }
    }
    sparse_end(&sparse);
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *file = &f->env->files[i];
        bool is_segment = file->links > 0 && strncmp(file->name, "log-", 4) == 0;
        for (uint32_t at = 0; is_segment && at < file->bytes;
             at += at % BLOCK_BYTES < 500 ? 83 : BLOCK_BYTES - at % BLOCK_BYTES, flips++) {
            file->data[at] ^= 16;
            memset(sparse.entries, 0, SPARSE_ENTRIES * sizeof *sparse.entries);
            sparse_begin(&sparse, f->env);
            for (uint32_t n = 0; n < 3; n++) {
                history_of_order(&history, &sparse, expected[n][0].position);
                check_past(&history, expected[n], 2);
                cut += history.end == HISTORY_TRUNCATED;
            }
            sparse_end(&sparse);
            file->data[at] ^= 16;
        }
    }
    assert_in_range(flips, 200, 100000);
    assert_in_range(cut, 1, flips);
    free(memory);
}

/* Of the journal: all that there is to be found. */
static uint32_t events_of_sku(const struct fixture *f, uint32_t sku, uint64_t seqs[4096])
{
    uint32_t count = 0;
    for (size_t at = 0; at < f->shop->journal.used;) {
        uint64_t head[2];
        memcpy(head, f->shop->journal.at + at, sizeof head);
        at += sizeof head;
        for (uint64_t i = 0; i < head[1]; i++) {
            const struct event *event = (const void *)(f->shop->journal.at + at);
            const struct slice *slice = event_slices(event);
            bool is_about = false;
            for (uint32_t n = 0; n < event->slice_count; n++, slice = slice_next(slice))
                is_about |= shape_sku(slice) == sku;
            if (is_about)
                seqs[count++] = head[0];
            at += event->bytes;
        }
    }
    return count;
}

static void a_skus_movements_are_all_found_newest_first_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct sparse sparse;
    struct history history;
    struct position at = {0};
    uint64_t seqs[4096];
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    f->batch = 8;
    trade(f, 300);
    restart(f);
    trade(f, 1200);
    look_back(f, &sparse, memory);
    for (uint32_t n = 0; n < SKUS; n++) {
        uint32_t left = events_of_sku(f, f->skus[n], seqs), pages = 0;
        struct position next = {f->shop->seq + 1, 0};
        for (bool more = true; more; pages++, next = history.next) {
            /* So little work that every page ends early. */
            history_of_sku(&history, &sparse, f->skus[n], next, 1);
            while (history_next(&history, &at) != NULL)
                assert_int_equal(at.seq, seqs[--left]);
            more = history.end == HISTORY_PAUSED;
        }
        assert_int_equal(left, 0);
        assert_int_equal(history.end, HISTORY_BEGAN);
        assert_true(pages > 2);
    }
    sparse_end(&sparse);
    free(memory);
}

static void a_group_that_is_known_costs_one_short_read(void **state)
{
    struct fixture *f = *state;
    struct sparse sparse;
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    trade(f, 1000);
    look_back(f, &sparse, memory);
    for (uint64_t seq = 1; seq <= f->shop->seq; seq++)
        assert_int_equal(sparse_group(&sparse, seq)->seq, seq);
    uint64_t read_bytes = sparse.read_bytes;
    for (uint64_t seq = 1; seq <= f->shop->seq; seq++)
        assert_int_equal(sparse_group(&sparse, seq)->seq, seq);
    assert_true(sparse.read_bytes - read_bytes <= f->shop->seq * 2 * SPARSE_STRIDE_BYTES);
    assert_null(sparse_group(&sparse, f->shop->seq + 1));
    sparse_end(&sparse);
    free(memory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_snapshot_and_the_log_behind_it_are_the_state_that_is_served),
        TEST(a_slot_that_everybody_wants_goes_through_the_file_of_lanes),
        TEST(nothing_new_makes_no_snapshot),
        TEST(two_snapshots_are_kept_and_the_log_behind_the_older_one),
        TEST(a_damaged_snapshot_is_passed_over_for_the_older_one),
        TEST(what_was_loaded_before_the_damage_was_found_is_forgotten),
        TEST(a_snapshot_that_is_cut_short_is_passed_over),
        TEST(a_log_without_a_whole_snapshot_that_it_goes_on_from_is_refused),
        TEST(a_lost_end_of_the_log_that_a_snapshot_has_seen_is_refused),
        TEST(compaction_goes_on_from_the_older_snapshot_if_the_newer_has_rotted),
        TEST(a_damaged_group_stops_compaction_and_everything_is_kept),
        TEST(what_is_in_memory_is_a_snapshot_that_a_damaged_log_goes_on_from),
        TEST(a_round_can_be_killed_after_any_change_and_run_again),
        TEST(power_can_be_cut_after_any_change_of_a_round),
        TEST(power_can_be_cut_when_names_have_reached_the_device_before_bytes),
        TEST(a_full_disk_only_puts_it_off),
        TEST(a_round_is_held_back_until_the_next_one_is_due),
        TEST(the_budget_has_its_steps),
        TEST(who_is_in_no_hurry_is_held_back_and_who_is_is_not),
        TEST(epochs_behind_the_older_snapshot_are_forgotten),
        TEST(an_orders_history_is_followed_back_as_far_as_the_log_goes),
        TEST(a_flipped_bit_in_log_or_archive_cuts_a_history_short_and_never_makes_it_wrong),
        TEST(a_skus_movements_are_all_found_newest_first_page_by_page),
        TEST(a_group_that_is_known_costs_one_short_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
