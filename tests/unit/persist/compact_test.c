/* Rounds of compaction: what they leave behind, when they are due, and what holds them back. */
#include "tests/unit/persist/shop_log.h"

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
    trade(f, 900);
    assert_true(compact(f));
    restart(f);
    assert_int_equal(f->report.groups, 0);
}

enum { CROWD = 300, CROWD_CHANGES = 120 };

/* The ids of so many orders that share a slot. */
static void choose_crowd(char ids[CROWD][16])
{
    uint32_t number = 0;
    for (uint32_t i = 0; i < CROWD; number++) {
        int bytes = snprintf(ids[i], sizeof ids[i], "c-%u", number);
        i += hash_slot(key_hash((struct text){ids[i], (uint32_t)bytes})) == 77;
    }
}

/* The orders that had to be loaded; all others are in the writer. */
static uint64_t fold_orders(struct fixture *f, struct snapshot_writer *writer)
{
    struct manifest *manifest = malloc(sizeof *manifest);
    struct fold *fold = malloc(sizeof *fold);
    struct fold_options options = {.directory = f->start.directory,
                                   .manifest = manifest,
                                   .snapshot = compact_counts(f->compact).seq,
                                   .seq = log_watermark(f->log),
                                   .lane_bytes_max = LANE_BYTES,
                                   .shard_bytes_max = SHARD_BYTES};
    void *memory = aligned_alloc(BLOCK_BYTES, fold_bytes(&options));
    uint64_t loaded = 0;
    enum fold_state now;
    assert_int_equal(manifest_read(f->env, f->start.directory, manifest), 0);
    fold_begin(fold, memory, f->env, &options);
    while ((now = fold_step(fold)) == FOLD_ON || now == FOLD_SLOT) {
        if (!fold->reading)
            fold->writer = writer;
        loaded += now == FOLD_SLOT ? shard_counts(fold->shard).orders : 0;
    }
    assert_int_equal(now, FOLD_DONE);
    fold_end(fold);
    free(memory);
    free(fold);
    free(manifest);
    return loaded;
}

static void an_order_that_no_event_changes_is_passed_on_once_and_not_loaded(void **state)
{
    struct fixture *f = *state;
    char ids[CROWD][16];
    struct shop_line line = {f->skus[0], 1, 100};
    struct snapshot_writer writer;
    struct snapshot_head facts = {.log_id = 1, .seq = 1};
    void *block = aligned_alloc(BLOCK_BYTES, SNAPSHOT_BLOCK_BYTES);
    choose_crowd(ids);
    trade(f, 20);
    for (uint32_t i = 0; i < CROWD; i++)
        assert_int_equal(shop_order(f->shop, ids[i], &line, 1)->code, CODE_CREATED);
    publish(f);
    assert_true(compact(f));
    /* More of one slot than it was expected to need room for: it is begun again. */
    for (uint32_t i = 0; i < CROWD_CHANGES; i++)
        assert_int_equal(shop_cancel(f->shop, ids[2 * i], NULL, 0, "")->code, CODE_OK);
    trade(f, 7);
    assert_int_equal(snapshot_create(&writer, f->env, f->start.directory, block, &facts), 0);
    assert_int_equal(fold_orders(f, &writer), CROWD_CHANGES + 7);
    assert_int_equal(writer.head.record_count, 20 + CROWD - CROWD_CHANGES);
    snapshot_abandon(&writer);
    assert_true(compact(f));
    restart(f);
    free(block);
}

/* The clock goes on by so much, while the shards live no longer than a millisecond. */
static void jump(struct fixture *f, uint64_t ns)
{
    for (uint32_t i = 0; i < f->shop->shard_count; i++)
        f->shop->shards[i]->options.expiry_grace_ns = ns;
    f->shop->clock_ns = 1000000;
    shop_wake(f->shop);
    f->shop->clock_ns += 1000000;
    f->shop->now_ns += ns;
    shop_wake(f->shop);
    f->shop->clock_ns = 0;
    publish(f);
}

/* They are those of orders that nothing in the log names. */
static void deadlines_that_are_extended_are_extended_in_the_next_snapshot(void **state)
{
    struct fixture *f = *state;
    trade(f, 60);
    assert_true(compact(f));
    jump(f, UINT64_C(600) * 1000000000);
    assert_int_equal(shop_events(f->shop, EVENT_DEADLINES_EXTENDED), f->shop->shard_count);
    trade(f, 20);
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

static void who_has_asked_for_a_snapshot_waits_for_others_for_half_a_minute(void **state)
{
    struct fixture *f = *state;
    struct compact_options options = compact_options_default();
    options.directory = f->start.directory;
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    options.rate_bytes = 1; /* a second */
    const uint64_t second = 1000000000;
    for (int asked_meanwhile = 0; asked_meanwhile < 2; asked_meanwhile++) {
        trade(f, 5);
        const struct compact_log log = {.watermark = log_watermark(f->log), .bytes = 1};
        options.every_bytes = (uint64_t)asked_meanwhile; /* so that it falls due by itself */
        f->compact = compact_init(f->compact_memory, &options);
        uint64_t begun_ns = env_clock(f->env);
        if (!asked_meanwhile)
            compact_ask(f->compact);
        (void)compact_step(f->compact, f->env, &log);
        assert_true(compact_is_running(f->compact));
        if (asked_meanwhile) {
            assert_true(compact_has_time(f->compact, &log, begun_ns + 3600 * second));
            compact_ask(f->compact);
        }
        assert_true(compact_has_time(f->compact, &log, begun_ns + 29 * second));
        assert_false(compact_has_time(f->compact, &log, begun_ns + 31 * second));
        f->env->clock_ns += 31 * second;
        while (compact_is_running(f->compact))
            assert_int_equal(compact_step(f->compact, f->env, &log), 0);
    }
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_snapshot_and_the_log_behind_it_are_the_state_that_is_served),
        TEST(a_slot_that_everybody_wants_goes_through_the_file_of_lanes),
        TEST(an_order_that_no_event_changes_is_passed_on_once_and_not_loaded),
        TEST(deadlines_that_are_extended_are_extended_in_the_next_snapshot),
        TEST(nothing_new_makes_no_snapshot),
        TEST(two_snapshots_are_kept_and_the_log_behind_the_older_one),
        TEST(a_full_disk_only_puts_it_off),
        TEST(a_round_is_held_back_until_the_next_one_is_due),
        TEST(the_budget_has_its_steps),
        TEST(who_is_in_no_hurry_is_held_back_and_who_is_is_not),
        TEST(who_has_asked_for_a_snapshot_waits_for_others_for_half_a_minute),
        TEST(epochs_behind_the_older_snapshot_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
