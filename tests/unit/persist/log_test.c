#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/topology.h"
#include "io/env_uring.h"
#include "persist/segment.h"
#include "persist/start.h"

/* A log on a real directory, driven by one thread that plays both the shards and the helper. */
struct fixture {
    char directory[64];
    struct env_world world;
    struct env *env;
    struct env *helper_env;
    struct log *log;
    struct start start;
    struct start_report report;
    void *memory;
    void *scratch;
    uint8_t events[8][16384];
    uint32_t next_buffer;
    /* what a start has found */
    struct start_visitor visitor;
    uint64_t found[4096];
    uint32_t found_count;
};

enum { SHARDS = 2, EVENT_BYTES = 64 };

/* Idle for longer than any test takes: witnesses only where a test asks for them. */
static struct log_options options = {
    .shard_count = SHARDS,
    .idle_ns = UINT64_C(3600) * 1000000000,
    .ring_groups = 16,
    .group_bytes_max = 16384,
    .write_bytes_max = 32768,
    .segment_bytes = 131072,
    .sync = LOG_SYNC_DSYNC,
};

static struct start_options start_options(const struct fixture *f)
{
    return (struct start_options){
        .directory = f->directory,
        .segment_bytes = options.segment_bytes,
        .write_bytes_max = options.write_bytes_max,
        .sync = options.sync,
        .process = (uint64_t)getpid(),
    };
}

static struct env *open_env(struct fixture *f, uint32_t actor)
{
    char message[ENV_MESSAGE_BYTES];
    int exit_code;
    struct env *env;
    assert_true(env_uring_open(&f->world, actor, 64, &env, message, &exit_code));
    return env;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->directory, sizeof f->directory, "log_test.XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->env = open_env(f, 0);
    f->helper_env = open_env(f, SHARDS);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    env_uring_close(f->env);
    env_uring_close(f->helper_env);
    snprintf(command, sizeof command, "rm -r %s", f->directory);
    assert_int_equal(system(command), 0);
    free(f->memory);
    free(f->scratch);
    free(f);
    return 0;
}

/* The number that `append` has written into the event's name. */
static enum start_visit on_group(struct start_visitor *visitor, const struct group_head *head)
{
    struct fixture *f = (struct fixture *)((char *)visitor - offsetof(struct fixture, visitor));
    const struct event *event = group_events(head);
    f->found[f->found_count++] = event->at_ns;
    assert_int_equal(head->seq, f->found_count);
    for (uint32_t i = 0; i < head->event_count; i++, event = event_next(event))
        assert_int_equal(event->at_ns, f->found[f->found_count - 1]);
    return START_TAKEN;
}

static bool begin(struct fixture *f)
{
    struct start_options wanted = start_options(f);
    f->found_count = 0;
    f->visitor.on_group = on_group;
    free(f->scratch);
    free(f->memory);
    f->memory = NULL;
    f->scratch = aligned_alloc(BLOCK_BYTES, start_scratch_bytes(&wanted));
    if (!start_open(&f->start, f->env, &wanted, f->scratch, &f->visitor, &f->report))
        return false;
    size_t bytes = (log_bytes(&options) + BLOCK_BYTES - 1) & ~(size_t)(BLOCK_BYTES - 1);
    f->memory = aligned_alloc(BLOCK_BYTES, bytes);
    memset(f->memory, 0, bytes);
    f->log = log_init(f->memory, &options, &f->start.begin);
    struct env_memory buffers[2];
    log_buffers(f->log, buffers);
    if (env_register(f->env, buffers, 2) == 0)
        log_registered(f->log, 0);
    return true;
}

static void help(struct fixture *f)
{
    int32_t failure = 0;
    while (log_prepare(f->log, f->helper_env, &failure) == 0)
        assert_int_equal(failure, 0);
}

/* Lets the log do what it can until the watermark is there. */
static void settle(struct fixture *f, uint64_t seq)
{
    struct env_done done[8];
    while (log_watermark(f->log) < seq) {
        help(f);
        log_drive(f->log, f->env, 0);
        uint32_t got = env_reap(f->env, done, 8, env_clock(f->env) + 1000000);
        for (uint32_t i = 0; i < got; i++)
            assert_int_equal(log_done(f->log, f->env, 0, &done[i]), 0);
    }
}

/* A group of `count` events that all say `number`. */
static uint64_t append_group(struct fixture *f, uint64_t number, uint32_t count)
{
    const struct event event = {.bytes = EVENT_BYTES, .slice_count = 1, .at_ns = number};
    const struct slice_warehouse_put put = {
        .head = {EVENT_BYTES - sizeof event, TOPOLOGY_SLOT, SLICE_WAREHOUSE_PUT}, .id_bytes = 16};
    uint8_t *at = f->events[f->next_buffer++ % 8];
    for (uint32_t i = 0; i < count; i++) {
        memcpy(at + i * EVENT_BYTES, &event, sizeof event);
        memcpy(at + i * EVENT_BYTES + sizeof event, &put, sizeof put);
    }
    struct log_group group = {.events = at,
                              .event_bytes = count * EVENT_BYTES,
                              .event_count = count,
                              .shard = number % SHARDS};
    uint64_t seq = log_take(f->log, f->env);
    log_publish(f->log, f->env, seq, &group);
    return seq;
}

static uint64_t append(struct fixture *f, uint64_t number)
{
    return append_group(f, number, 1);
}

static void append_many(struct fixture *f, uint64_t from, uint64_t to)
{
    for (uint64_t number = from; number <= to; number++)
        settle(f, append(f, number));
}

/* As if the process had been killed: nothing more is written, the lock is gone. */
static void leave(struct fixture *f)
{
    close(f->start.lock);
    close(f->start.directory);
    env_uring_close(f->env); /* the write buffers are registered once per ring */
    f->env = open_env(f, 0);
}

static void assert_found(const struct fixture *f, uint64_t count)
{
    assert_int_equal(f->found_count, count);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(f->found[i], i + 1);
}

static void segment_path(const struct fixture *f, uint64_t serial, char out[128])
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, serial);
    snprintf(out, 128, "%s/%s", f->directory, name);
}

/* Zeros over the first block that holds group `seq`. */
static void destroy_group(const struct fixture *f, uint64_t serial, uint64_t seq)
{
    static const char zeros[BLOCK_BYTES];
    char path[128];
    struct group_head head;
    segment_path(f, serial, path);
    int file = open(path, O_RDWR);
    assert_true(file >= 0);
    for (off_t at = BLOCK_BYTES; pread(file, &head, sizeof head, at) == sizeof head;
         at += BLOCK_BYTES) {
        if (head.kind == GROUP_EVENTS && head.seq == seq) {
            assert_int_equal(pwrite(file, zeros, sizeof zeros, at), sizeof zeros);
            close(file);
            return;
        }
    }
    fail_msg("group %lu is not in %s", (unsigned long)seq, path);
}

static void an_empty_directory_begins_at_sequence_one(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    assert_int_equal(f->start.begin.next_seq, 1);
    assert_found(f, 0);
    leave(f);
}

static void what_was_durable_is_there_after_a_kill(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    append_many(f, 1, 100); /* crosses segments: a write takes a block at least */
    leave(f);
    assert_true(begin(f));
    assert_found(f, 100);
    append_many(f, 101, 120);
    leave(f);
    assert_true(begin(f));
    assert_found(f, 120);
    leave(f);
}

static void every_way_of_syncing_leaves_the_same_log(void **state)
{
    struct fixture *f = *state;
    uint64_t last = 0;
    for (int sync = LOG_SYNC_DSYNC; sync <= LOG_SYNC_NONE; sync++) {
        options.sync = (enum log_sync)sync;
        assert_true(begin(f));
        assert_found(f, last);
        append_many(f, last + 1, last + 40);
        last += 40;
        leave(f);
    }
    options.sync = LOG_SYNC_DSYNC;
    assert_true(begin(f));
    assert_found(f, last);
    leave(f);
}

/* Longer than a read of it, so that groups lie across the seams; and with an end to be copied. */
static void a_log_of_some_megabytes_is_found_whole_again_and_again(void **state)
{
    struct fixture *f = *state;
    uint64_t last = 0;
    options.segment_bytes = 3 << 20;
    for (int life = 0; life < 3; life++) {
        assert_true(begin(f));
        assert_found(f, last);
        for (uint64_t end = last + 200; last < end; settle(f, last))
            for (uint32_t i = 0; i < 2; i++) {
                last++;
                append_group(f, last, (uint32_t)(last * 37 % 190 + 1));
            }
        leave(f);
    }
    assert_true(begin(f));
    assert_found(f, last);
    leave(f);
    options.segment_bytes = 131072;
}

static void groups_published_out_of_order_become_durable_in_order(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    uint64_t first = log_take(f->log, f->env);
    append(f, 2);
    log_drive(f->log, f->env, 0);
    assert_int_equal(log_gathered(f->log), 0); /* group 1 is still to come */
    struct event event = {.bytes = EVENT_BYTES, .slice_count = 1, .at_ns = 1};
    struct slice_warehouse_put put = {
        .head = {EVENT_BYTES - sizeof event, TOPOLOGY_SLOT, SLICE_WAREHOUSE_PUT}, .id_bytes = 16};
    uint8_t bytes[EVENT_BYTES] = {0};
    memcpy(bytes, &event, sizeof event);
    memcpy(bytes + sizeof event, &put, sizeof put);
    log_publish(
        f->log, f->env, first,
        &(struct log_group){.events = bytes, .event_bytes = sizeof bytes, .event_count = 1});
    settle(f, 2);
    leave(f);
    assert_true(begin(f));
    assert_found(f, 2);
    leave(f);
}

static void beside_a_write_in_flight_another_flies_once_it_fills_a_block(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    help(f);
    uint64_t flying = append(f, 1);
    log_drive(f->log, f->env, 0);
    assert_int_equal(log_gathered(f->log), flying);
    append(f, 2);
    log_drive(f->log, f->env, 0);
    assert_int_equal(log_gathered(f->log), flying); /* it waits for more */
    uint64_t large = append_group(f, 3, BLOCK_BYTES / EVENT_BYTES);
    log_drive(f->log, f->env, 0);
    assert_int_equal(log_gathered(f->log), large);
    settle(f, large);
    leave(f);
    assert_true(begin(f));
    assert_found(f, 3);
    leave(f);
}

static void what_waits_for_more_flies_when_the_write_before_it_has_finished(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    help(f);
    append(f, 1);
    log_drive(f->log, f->env, 0);
    uint64_t small = append(f, 2);
    log_drive(f->log, f->env, 0);
    struct env_done done;
    while (env_reap(f->env, &done, 1, env_clock(f->env) + 1000000) == 0)
        ;
    assert_int_equal(log_done(f->log, f->env, 0, &done), 0);
    assert_int_equal(log_gathered(f->log), small); /* nobody had to publish anything more */
    settle(f, small);
    leave(f);
}

static void beside_a_witness_in_flight_a_group_flies_at_once(void **state)
{
    struct fixture *f = *state;
    options.idle_ns = 1000000;
    assert_true(begin(f));
    help(f);
    append(f, 1);
    settle(f, 1);
    uint64_t patience = env_clock(f->env) + UINT64_C(1000000000);
    while (log_counts(f->log).witness_blocks == 0 && env_clock(f->env) < patience)
        log_drive(f->log, f->env, 0);
    assert_int_equal(log_counts(f->log).witness_blocks, 1); /* nobody has reaped it */
    uint64_t small = append(f, 2);
    log_drive(f->log, f->env, 0);
    assert_int_equal(log_gathered(f->log), small);
    settle(f, small);
    options.idle_ns = UINT64_C(3600) * 1000000000;
    leave(f);
}

static void a_tail_that_nobody_has_witnessed_may_be_torn(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    append_many(f, 1, 3);
    leave(f);
    destroy_group(f, 1, 3); /* the block of group 3 witnesses 2 */
    assert_true(begin(f));
    assert_found(f, 2);
    append_many(f, 3, 3);
    leave(f);
    assert_true(begin(f));
    assert_found(f, 3);
    leave(f);
}

static void a_hole_below_a_witness_is_refused_with_file_and_numbers(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    append_many(f, 1, 5);
    leave(f);
    destroy_group(f, 1, 2);
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
    assert_non_null(strstr(f->report.message, "log-000000000001.seg"));
    assert_non_null(strstr(f->report.message, "group 2"));
    assert_non_null(strstr(f->report.message, "up to 4"));
}

static void a_clean_stop_witnesses_the_last_group(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    append_many(f, 1, 3);
    assert_int_equal(log_close(f->log, f->env, 0), 0);
    leave(f);
    destroy_group(f, 1, 3);
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
}

static void an_idle_log_witnesses_its_last_group_within_two_milliseconds(void **state)
{
    struct fixture *f = *state;
    options.idle_ns = 1000000;
    assert_true(begin(f));
    append_many(f, 1, 3);
    struct env_done done[8];
    while (log_counts(f->log).witness_blocks == 0 || log_deadline(f->log) != UINT64_MAX) {
        log_drive(f->log, f->env, 0);
        uint32_t got = env_reap(f->env, done, 8, log_deadline(f->log));
        for (uint32_t i = 0; i < got; i++)
            assert_int_equal(log_done(f->log, f->env, 0, &done[i]), 0);
    }
    leave(f);
    options.idle_ns = UINT64_C(3600) * 1000000000;
    destroy_group(f, 1, 3);
    assert_false(begin(f));
}

static void a_dead_tail_never_comes_back(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    append_many(f, 1, 2);
    append(f, 3);
    append(f, 4);
    settle(f, 4);
    leave(f);
    destroy_group(f, 1, 3); /* 3 and 4 are one write: 4 is gone with it, or stands beyond a hole */
    assert_true(begin(f));
    assert_found(f, 2);
    append_many(f, 3, 3);
    leave(f);
    assert_true(begin(f));
    assert_found(f, 3);
    leave(f);
}

static void a_second_server_is_refused_and_told_by_whom(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    struct start second;
    struct start_report report;
    struct start_options wanted = start_options(f);
    assert_false(start_open(&second, f->env, &wanted, f->scratch, &f->visitor, &report));
    assert_int_equal(report.exit_code, EXIT_UNAVAILABLE);
    char pid[32];
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_non_null(strstr(report.message, pid));
    leave(f);
}

static void somebody_elses_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/thesis.doc", f->directory);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_CANNOT_CREATE);
    assert_non_null(strstr(f->report.message, "thesis.doc"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_empty_directory_begins_at_sequence_one),
        TEST(what_was_durable_is_there_after_a_kill),
        TEST(every_way_of_syncing_leaves_the_same_log),
        TEST(a_log_of_some_megabytes_is_found_whole_again_and_again),
        TEST(groups_published_out_of_order_become_durable_in_order),
        TEST(beside_a_write_in_flight_another_flies_once_it_fills_a_block),
        TEST(what_waits_for_more_flies_when_the_write_before_it_has_finished),
        TEST(beside_a_witness_in_flight_a_group_flies_at_once),
        TEST(a_tail_that_nobody_has_witnessed_may_be_torn),
        TEST(a_hole_below_a_witness_is_refused_with_file_and_numbers),
        TEST(a_clean_stop_witnesses_the_last_group),
        TEST(an_idle_log_witnesses_its_last_group_within_two_milliseconds),
        TEST(a_dead_tail_never_comes_back),
        TEST(a_second_server_is_refused_and_told_by_whom),
        TEST(somebody_elses_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
