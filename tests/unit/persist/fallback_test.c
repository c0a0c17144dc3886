/* Snapshots and logs that are damaged, missing or cut short: a start finds the shop's state without
 * them, or refuses; and compaction goes on, or stops and keeps everything. */
#include "core/digest.h"
#include "persist/remedy.h"
#include "tests/unit/persist/shop_log.h"

static struct memory_file *newest_snapshot(struct fixture *f)
{
    char last[64];
    assert_int_not_equal(files_like(f->env, "snapshot-", last), 0);
    return memory_find(f->env, last);
}

/* The older one first; the log no longer reaches back to its beginning. */
static void with_two_snapshots(struct fixture *f, struct memory_file *two[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        trade(f, 40);
        assert_true(compact(f));
        two[i] = newest_snapshot(f);
    }
}

/* Whatever byte of the newest one is wrong. */
static void a_damaged_snapshot_is_passed_over_for_the_older_one(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    trade(f, 10);
    memory_kill(f->env);
    memory_copy(f->before, f->env);
    uint32_t bytes = two[1]->bytes, older = 0, newest = 0;
    for (uint32_t at = 0; at < bytes; at += 61) {
        memory_copy(f->env, f->before);
        two[1]->data[at] ^= 4;
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
    trade(f, 40);
    assert_true(compact(f));
    f->batch = 8;
    trade(f, 11000);
    assert_true(compact(f));
    struct memory_file *file = newest_snapshot(f);
    assert_in_range(file->bytes, BLOCK_BYTES + SNAPSHOT_BLOCK_BYTES + 5000, MEMORY_BYTES_MAX);
    file->data[BLOCK_BYTES + SNAPSHOT_BLOCK_BYTES + 4000] ^= 1;
    restart(f);
    assert_int_not_equal(f->report.groups, 0);
}

/* The older one would serve, but whoever wrote the newer one can read both. */
static void a_snapshot_of_another_format_is_refused_and_said_to_be_one(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    memory_kill(f->env);
    memory_copy(f->before, f->env);
    for (uint32_t version = SNAPSHOT_VERSION - 1; version <= SNAPSHOT_VERSION + 1; version++) {
        memory_copy(f->env, f->before);
        struct snapshot_head *head = (void *)two[1]->data;
        head->version = version;
        head->checksum = 0;
        head->checksum = digest(head, sizeof *head, 0);
        assert_int_equal(begin(f), version == SNAPSHOT_VERSION);
        if (version == SNAPSHOT_VERSION)
            continue;
        assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
        assert_non_null(strstr(f->report.message, two[1]->name));
        assert_non_null(strstr(f->report.message, "with another format of snapshots; start that"));
    }
}

static void a_snapshot_that_is_cut_short_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    memory_kill(f->env);
    memory_copy(f->before, f->env);
    for (uint32_t bytes = 0, all = two[1]->bytes; bytes < all; bytes += 1531) {
        memory_copy(f->env, f->before);
        two[1]->bytes = bytes;
        assert_true(begin(f));
        assert_found(f);
    }
}

static void a_log_without_a_whole_snapshot_that_it_goes_on_from_is_refused(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    memory_kill(f->env);
    two[0]->data[5000] ^= 1;
    two[1]->data[5000] ^= 1;
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
    assert_non_null(strstr(f->report.message, "no snapshot in data is whole"));
}

/* It may be whole, so nothing need be restored; also where the other one is known to be damaged. */
static void a_snapshot_that_cannot_be_read_is_not_called_damaged(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    memory_kill(f->env);
    memory_copy(f->before, f->env);
    for (uint32_t unreadable = 1; unreadable <= 3; unreadable++) {
        memory_copy(f->env, f->before);
        for (uint32_t i = 0; i < 2; i++) {
            two[i]->unreadable = (unreadable & (1u << i)) != 0;
            two[i]->data[5000] ^= !two[i]->unreadable;
        }
        assert_false(begin(f));
        assert_int_equal(f->report.exit_code, EXIT_IO);
        assert_non_null(strstr(f->report.message, "cannot be read (Input/output error)"));
        assert_non_null(strstr(f->report.message, two[unreadable / 2]->name));
    }
    memory_copy(f->env, f->before);
    restart(f);
}

static void a_snapshot_that_cannot_be_read_is_passed_over_for_one_that_can(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    two[1]->unreadable = true;
    restart(f);
    assert_int_not_equal(f->report.groups, 0);
}

static void compaction_does_not_stop_for_good_where_snapshots_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    trade(f, 40);
    two[0]->data[5000] ^= 1;
    two[1]->unreadable = true;
    assert_false(compact(f));
    assert_non_null(strstr(compact_message(f->compact), "cannot be read"));
    assert_int_equal(compact_counts(f->compact).damaged, 0);
    two[1]->unreadable = false;
    f->env->clock_ns += UINT64_C(100000000000);
    assert_true(compact(f));
}

/* Made of what is left of the log, a snapshot would be of a state that never was. */
static void compaction_makes_no_snapshot_of_a_log_whose_snapshots_are_gone(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    char last[64];
    with_two_snapshots(f, two);
    trade(f, 40);
    two[1]->links = 0;
    snapshot_name(two[0]->name, 1); /* one from before the log's beginning is no better */
    for (uint32_t left = 1; left <= 1; left--) {
        two[0]->links = left;
        get_compact_ready(f);
        assert_false(compact(f));
        assert_non_null(
            strstr(compact_message(f->compact), "no snapshot that the log goes on from is whole"));
        assert_int_equal(files_like(f->env, "snapshot-", last), left);
    }
}

static void a_lost_end_of_the_log_that_a_snapshot_has_seen_is_refused(void **state)
{
    struct fixture *f = *state;
    struct memory_file *two[2];
    with_two_snapshots(f, two);
    memory_kill(f->env);
    two[1]->data[5000] ^= 1;
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
    struct memory_file *two[2];
    char rotten[64], after[64];
    with_two_snapshots(f, two);
    strcpy(rotten, two[1]->name);
    two[1]->data[5000] ^= 1;
    trade(f, 40);
    assert_true(compact(f));
    assert_null(memory_find(f->env, rotten));
    assert_int_equal(files_like(f->env, "snapshot-", after), SNAPSHOTS_KEPT);
    restart(f);
    assert_int_equal(f->report.groups, 0);
}

/* A round ends as if nothing had happened, and a later one succeeds. */
static void what_does_not_read_as_it_was_written_is_neither_published_nor_archived(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        uint64_t from;
        const char *said;
    } files[] = {{"snapshot.tmp", 0, "does not read the same"},
                 {"snapshot.tmp", BLOCK_BYTES, "does not read the same"},
                 {"archiving.tmp", 0, "cannot be put away"}};
    char last[64];
    f->archive = MEMORY_ARCHIVE;
    restart(f);
    trade(f, 130);
    assert_true(compact(f));
    trade(f, 130);
    assert_true(compact(f));
    for (uint32_t i = 0; i < sizeof files / sizeof *files; i++) {
        trade(f, 450);
        uint32_t snapshots = files_like(f->env, "snapshot-", last);
        uint32_t segments = files_like(f->env, "log-", last);
        f->env->rots = files[i].name;
        f->env->rots_from = files[i].from;
        assert_false(compact(f));
        assert_non_null(strstr(compact_message(f->compact), files[i].said));
        assert_int_equal(compact_counts(f->compact).damaged, 0);
        assert_int_equal(files_like(f->env, "log-", last), segments);
        assert_int_equal(files_like(f->env, "snapshot-", last), snapshots);
        f->env->rots = NULL;
        restart(f);
        trade(f, 1);
        assert_true(compact(f));
    }
    assert_non_null(memory_find_in(f->env, MEMORY_ARCHIVE, "log-000000000001.seg"));
}

static void damage_the_log(struct fixture *f)
{
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (strncmp(f->env->files[i].name, "log-", 4) == 0)
            f->env->files[i].data[BLOCK_BYTES * 60 + 100] ^= 1;
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
    damage_the_log(f);
    assert_false(compact(f));
    assert_int_equal(compact_counts(f->compact).damaged, 1);
    assert_non_null(strstr(compact_message(f->compact), "missing or invalid"));
    assert_int_equal(files_like(f->env, "snapshot-", again), 1);
    assert_int_equal(files_like(f->env, "log-", again), segments);
    assert_false(compact(f));
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_damaged_snapshot_is_passed_over_for_the_older_one),
        TEST(what_was_loaded_before_the_damage_was_found_is_forgotten),
        TEST(a_snapshot_of_another_format_is_refused_and_said_to_be_one),
        TEST(a_snapshot_that_is_cut_short_is_passed_over),
        TEST(a_log_without_a_whole_snapshot_that_it_goes_on_from_is_refused),
        TEST(a_snapshot_that_cannot_be_read_is_not_called_damaged),
        TEST(a_snapshot_that_cannot_be_read_is_passed_over_for_one_that_can),
        TEST(compaction_does_not_stop_for_good_where_snapshots_cannot_be_read),
        TEST(compaction_makes_no_snapshot_of_a_log_whose_snapshots_are_gone),
        TEST(a_lost_end_of_the_log_that_a_snapshot_has_seen_is_refused),
        TEST(compaction_goes_on_from_the_older_snapshot_if_the_newer_has_rotted),
        TEST(what_does_not_read_as_it_was_written_is_neither_published_nor_archived),
        TEST(a_damaged_group_stops_compaction_and_everything_is_kept),
        TEST(what_is_in_memory_is_a_snapshot_that_a_damaged_log_goes_on_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
