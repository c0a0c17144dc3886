/* Every byte of a small log, cut off and flipped: what a start makes of it is exactly what the log's
 * rules promise, worked out here a second time from the bytes alone. And a start that is interrupted
 * after any of its changes can be run again. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <unistd.h>

#include "core/topology.h"
#include "persist/log.h"
#include "persist/manifest.h"
#include "persist/segment.h"
#include "persist/start.h"
#include "tests/unit/persist/env_memory.h"

enum { EVENT_BYTES = 64, SEQS_MAX = 64, ITEMS_MAX = 256 };

static const struct log_options options = {
    .shard_count = 1,
    .ring_groups = 16,
    .group_bytes_max = 1024,
    .write_bytes_max = 8192,
    .segment_bytes = 20480,
    .idle_ns = UINT64_C(1000000000),
    .sync = LOG_SYNC_DSYNC,
};
static const struct start_options wanted = {
    .directory = "data",
    .segment_bytes = 20480,
    .write_bytes_max = 8192,
};

struct fixture {
    struct env *pristine;
    struct env *env;
    void *scratch;
    void *memory;
    struct log *log;
    struct start start;
    struct start_report report;
    struct start_visitor visitor;
    uint32_t found_count;
    uint8_t events[SEQS_MAX][EVENT_BYTES];
};

static enum start_visit on_group(struct start_visitor *visitor, const struct group_head *head)
{
    struct fixture *f = (struct fixture *)((char *)visitor - offsetof(struct fixture, visitor));
    const struct event *event = group_events(head);
    f->found_count++;
    assert_int_equal(head->event_count, 1);
    assert_int_equal(head->seq, f->found_count);
    assert_int_equal(event->at_ns, f->found_count);
    return START_TAKEN;
}

static bool begin(struct fixture *f)
{
    f->found_count = 0;
    f->visitor.on_group = on_group;
    return start_open(&f->start, f->env, &wanted, f->scratch, &f->visitor, &f->report);
}

static void serve(struct fixture *f)
{
    memset(f->memory, 0, log_bytes(&options));
    f->log = log_init(f->memory, &options, &f->start.begin);
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

static void publish(struct fixture *f)
{
    uint64_t seq = log_take(f->log, f->env);
    uint8_t *at = f->events[seq];
    struct event event = {
        .bytes = EVENT_BYTES, .kind = EVENT_WAREHOUSE_PUT, .slice_count = 1, .at_ns = seq};
    memcpy(at, &event, sizeof event);
    struct slice_warehouse_put put = {
        .head = {EVENT_BYTES - sizeof event, TOPOLOGY_SLOT, SLICE_WAREHOUSE_PUT}, .id_bytes = 16};
    memcpy(at + sizeof event, &put, sizeof put);
    log_publish(f->log, f->env, seq,
                &(struct log_group){.events = at, .event_bytes = EVENT_BYTES, .event_count = 1});
}

static void append(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        publish(f);
    work(f);
}

/* Two lives of a server: several segments, writes of one group and of several, a tail that was copied
 * forward, a witness block in the middle, and a last group that nothing witnesses. */
static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->pristine = memory_open();
    f->env = memory_open();
    f->scratch = aligned_alloc(BLOCK_BYTES, start_scratch_bytes(&wanted));
    f->memory = aligned_alloc(BLOCK_BYTES, log_bytes(&options));
    assert_true(begin(f));
    serve(f);
    append(f, 1);
    append(f, 3);
    append(f, 2);
    append(f, 1);
    append(f, 2);
    memory_kill(f->env);
    assert_true(begin(f));
    serve(f);
    append(f, 2);
    f->env->clock_ns += 2 * options.idle_ns;
    work(f);
    append(f, 1);
    append(f, 1);
    append(f, 2);
    memory_kill(f->env);
    memory_copy(f->pristine, f->env);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    memory_close(f->pristine);
    memory_close(f->env);
    free(f->scratch);
    free(f->memory);
    free(f);
    return 0;
}

/* ---- the same rules, once more ------------------------------------------------------------------- */

/* Something that a reader must find whole in order to go on. */
struct item {
    uint64_t serial;
    uint32_t offset;
    uint32_t bytes;
    uint32_t head_bytes; /* the witness in it counts if these are whole */
    enum { ITEM_HEAD, ITEM_GROUP, ITEM_MARK } kind;
    uint64_t seq; /* group: its own; else: of the group before */
    uint64_t witness;
    uint32_t epoch;
};

struct oracle {
    struct manifest manifest;
    struct item items[ITEMS_MAX];
    uint32_t count;
    uint64_t last_seq;
};

static uint32_t read_segment(struct oracle *o, const struct memory_file *file, uint64_t serial)
{
    uint32_t first = o->count;
    o->items[o->count++] = (struct item){.serial = serial, .bytes = 48, .kind = ITEM_HEAD};
    for (uint32_t at = BLOCK_BYTES; at + sizeof(struct group_head) <= file->bytes;) {
        struct group_head head;
        memcpy(&head, file->data + at, sizeof head);
        if (head.magic != GROUP_MAGIC) {
            at = (at / BLOCK_BYTES + 1) * BLOCK_BYTES;
            continue;
        }
        bool group = head.kind == GROUP_EVENTS;
        assert_true(o->count < ITEMS_MAX);
        o->items[o->count++] = (struct item){
            .serial = serial,
            .offset = at,
            .bytes = (uint32_t)sizeof head + head.event_bytes,
            .head_bytes = sizeof head,
            .kind = group ? ITEM_GROUP : ITEM_MARK,
            .seq = head.seq,
            .witness = head.witness,
            .epoch = head.epoch,
        };
        if (group && head.seq > o->last_seq)
            o->last_seq = head.seq;
        at += (uint32_t)sizeof head + head.event_bytes;
    }
    if (o->count > first + 1) {
        o->items[first].epoch = o->items[first + 1].epoch;
        o->items[first].seq = o->items[first + 1].kind == ITEM_GROUP ? o->items[first + 1].seq - 1
                                                                     : o->items[first + 1].seq;
    }
    return o->count - first;
}

static void read_oracle(struct fixture *f, struct oracle *o)
{
    memset(o, 0, sizeof *o);
    assert_int_equal(manifest_read(f->pristine, MEMORY_DIRECTORY, &o->manifest), 0);
    for (uint64_t serial = 1; serial < 32; serial++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(name, serial);
        const struct memory_file *file = memory_find(f->pristine, name);
        if (file != NULL && read_segment(o, file, serial) == 1)
            o->count--; /* made ready and never written */
    }
}

static uint64_t last_of(const struct manifest *manifest, uint32_t epoch)
{
    for (uint32_t i = 0; i < manifest->epoch_count; i++)
        if (manifest->epochs[i].epoch == epoch)
            return i + 1 < manifest->epoch_count ? manifest->epochs[i + 1].first_seq - 1
                                                 : UINT64_MAX;
    return 0;
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

enum damage { FLIP, CUT };

static bool hit(const struct item *item, uint32_t bytes, enum damage damage, uint64_t serial,
                uint32_t offset)
{
    if (item->serial != serial)
        return false;
    return damage == CUT ? item->offset + bytes > offset
                         : offset >= item->offset && offset < item->offset + bytes;
}

/* The first group that cannot be reached, and the highest witness that is left. */
static void foresee(const struct oracle *o, enum damage damage, uint64_t serial, uint32_t offset,
                    uint64_t *first_missing, uint64_t *witness)
{
    *first_missing = o->last_seq + 1;
    *witness = o->manifest.witness;
    for (uint32_t i = 0; i < o->count; i++) {
        const struct item *item = &o->items[i];
        uint64_t last = last_of(&o->manifest, item->epoch);
        uint64_t needed_for = item->kind == ITEM_GROUP ? item->seq : item->seq + 1;
        if (needed_for <= last && hit(item, item->bytes, damage, serial, offset))
            *first_missing = lower(*first_missing, needed_for);
        if (item->head_bytes > 0 && !hit(item, item->head_bytes, damage, serial, offset) &&
            lower(item->witness, last) > *witness)
            *witness = lower(item->witness, last);
    }
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void expect(struct fixture *f, const struct oracle *o, enum damage damage, uint64_t serial,
                   uint32_t offset)
{
    uint64_t first_missing, witness;
    foresee(o, damage, serial, offset, &first_missing, &witness);
    bool started = begin(f);
    if (started != (witness < first_missing))
        print_error("%s segment %lu at %u: first missing %lu, witness %lu: %s\n",
                    damage == CUT ? "cut" : "flip", serial, offset, first_missing, witness,
                    f->report.message);
    assert_true(started == (witness < first_missing));
    assert_int_equal(f->found_count, first_missing - 1);
    if (started) {
        assert_int_equal(f->start.begin.next_seq, first_missing);
        return;
    }
    char numbers[128];
    snprintf(numbers, sizeof numbers, "group %lu is missing or invalid, but everything up to %lu",
             first_missing, witness);
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
    assert_non_null(strstr(f->report.message, numbers));
}

static void damage_all(struct fixture *f, enum damage damage)
{
    static struct oracle oracle;
    uint32_t refused = 0, accepted = 0;
    read_oracle(f, &oracle);
    assert_true(oracle.manifest.epoch_count == 2 && oracle.last_seq == 15);
    for (uint64_t serial = 1; serial < 32; serial++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(name, serial);
        const struct memory_file *file = memory_find(f->pristine, name);
        for (uint32_t offset = 0; file != NULL && offset < file->bytes; offset++) {
            memory_copy(f->env, f->pristine);
            struct memory_file *hurt = memory_find(f->env, name);
            if (damage == CUT)
                hurt->bytes = offset;
            else
                hurt->data[offset] ^= (uint8_t)(1u << offset % 8);
            expect(f, &oracle, damage, serial, offset);
            (f->report.exit_code == 0 ? &accepted : &refused)[0]++;
        }
    }
    assert_true(refused > 1000 && accepted > 1000);
}

static void a_flipped_bit_is_refused_or_lies_where_nothing_was_acknowledged(void **state)
{
    damage_all(*state, FLIP);
}

static void a_cut_file_is_refused_or_lost_nothing_that_was_acknowledged(void **state)
{
    damage_all(*state, CUT);
}

static void a_flipped_bit_in_the_manifest_is_healed_by_its_second_copy(void **state)
{
    struct fixture *f = *state;
    uint32_t bytes = memory_find(f->pristine, "manifest")->bytes;
    for (uint32_t offset = 0; offset < bytes; offset++) {
        memory_copy(f->env, f->pristine);
        memory_find(f->env, "manifest")->data[offset] ^= (uint8_t)(1u << offset % 8);
        assert_true(begin(f));
        assert_int_equal(f->found_count, 15);
    }
}

static void a_manifest_cut_short_is_whole_or_refused(void **state)
{
    struct fixture *f = *state;
    uint32_t bytes = memory_find(f->pristine, "manifest")->bytes;
    for (uint32_t offset = 0; offset < bytes; offset++) {
        memory_copy(f->env, f->pristine);
        memory_find(f->env, "manifest")->bytes = offset;
        if (begin(f))
            assert_int_equal(f->found_count, 15);
        else
            assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
    }
}

static void a_lost_segment_is_refused_or_held_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t refused = 0;
    for (uint64_t serial = 1; serial < 32; serial++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(name, serial);
        memory_copy(f->env, f->pristine);
        if (memory_do_unlink(f->env, MEMORY_DIRECTORY, name) < 0)
            continue;
        if (begin(f)) {
            assert_int_equal(f->found_count, 15);
            continue;
        }
        assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
        assert_non_null(strstr(f->report.message, name));
        refused++;
    }
    assert_true(refused >= 3);
}

static void an_older_manifest_than_the_log_is_refused(void **state)
{
    struct fixture *f = *state;
    static uint8_t old[1 << 16];
    memory_copy(f->env, f->pristine);
    struct memory_file *file = memory_find(f->env, "manifest");
    uint32_t bytes = file->bytes;
    memcpy(old, file->data, bytes);
    assert_true(begin(f));
    serve(f);
    append(f, 1);
    for (int tries = 0; tries < 3; tries++) {
        memory_kill(f->env);
        file = memory_find(f->env, "manifest");
        if (tries == 0) {
            memcpy(file->data, old, bytes);
            file->bytes = bytes;
        }
        assert_false(begin(f));
        assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
        assert_non_null(strstr(f->report.message, "older than the log"));
    }
}

/* Under an epoch that no start before it had: what that one wrote, and nobody has seen, is never taken for its
 * own. */
static bool begin_anew(struct fixture *f, uint32_t *epoch)
{
    if (!begin(f))
        return false;
    assert_true(f->start.begin.epoch > *epoch);
    *epoch = f->start.begin.epoch;
    return true;
}

/* Whatever a start has changed or synced before it was cut off, the next one finds the same groups. */
static void cut_starts_off(struct fixture *f, void (*end)(struct env *))
{
    bool finished = false;
    for (uint64_t changes = 0; !finished; changes++) {
        uint32_t epoch = 0;
        memory_copy(f->env, f->pristine);
        f->env->changes_left = changes;
        finished = begin_anew(f, &epoch);
        end(f->env);
        f->env->changes_left = changes / 2; /* and the second one too */
        finished = begin_anew(f, &epoch) && finished;
        end(f->env);
        assert_true(begin_anew(f, &epoch));
        assert_int_equal(f->found_count, 15);
        serve(f);
        append(f, 2);
        end(f->env);
        assert_true(begin_anew(f, &epoch));
        assert_int_equal(f->found_count, 17);
    }
}

static void a_start_can_be_killed_after_any_change_and_run_again(void **state)
{
    cut_starts_off(*state, memory_kill);
}

static void cut(struct env *env)
{
    memory_cut(env, NAMES_LOST);
}

static void cut_but_for_names(struct env *env)
{
    memory_cut(env, NAMES_KEPT);
}

static void power_can_be_cut_after_any_change_of_a_start(void **state)
{
    cut_starts_off(*state, cut);
    cut_starts_off(*state, cut_but_for_names);
}

/* Where a tail is copied, its segments bring the manifest's name along; here there is none. */
static void an_epoch_is_given_once_where_power_is_cut_before_anything_is_written(void **state)
{
    struct fixture *f = *state;
    uint32_t epoch = 0;
    assert_true(begin_anew(f, &epoch));
    serve(f);
    append(f, 2);
    f->env->clock_ns += 2 * options.idle_ns;
    work(f);
    for (uint32_t i = 0; i < 3; i++) {
        memory_cut(f->env, NAMES_LOST);
        assert_true(begin_anew(f, &epoch));
        assert_int_equal(f->found_count, 17);
    }
}

static void segments_made_ready_and_never_used_are_used_by_the_next_server(void **state)
{
    struct fixture *f = *state;
    uint32_t files[2];
    for (int life = 0; life < 2; life++) {
        files[life] = 0;
        for (int starts = 0; starts < 10; starts++) {
            memory_kill(f->env);
            assert_true(begin(f));
            serve(f);
            work(f);
        }
        for (uint32_t i = 0; i < MEMORY_FILES; i++)
            files[life] += f->env->files[i].links;
    }
    assert_int_equal(files[0], files[1]);
}

static void a_full_disk_is_said_and_the_log_resumes_by_itself(void **state)
{
    struct fixture *f = *state;
    assert_true(begin(f));
    serve(f);
    f->env->free_bytes = options.segment_bytes * 2;
    work(f);
    assert_false(log_is_full(f->log));
    int32_t failure = 0;
    while (!log_is_full(f->log)) {
        publish(f);
        log_drive(f->log, f->env, 0);
        struct env_done done;
        while (f->env->queued > 0 && env_reap(f->env, &done, 1, 0) == 1)
            assert_int_equal(log_done(f->log, f->env, 0, &done), 0);
        (void)log_prepare(f->log, f->env, &failure);
        assert_int_equal(failure, 0);
    }
    uint64_t before = log_watermark(f->log);
    publish(f); /* there is a reserve: what must go through goes through */
    work(f);
    assert_int_equal(log_watermark(f->log), before + 1);
    f->env->free_bytes = 100 * options.segment_bytes;
    work(f);
    assert_false(log_is_full(f->log));
    memory_kill(f->env);
    assert_true(begin(f));
    assert_int_equal(f->found_count, before + 1);
}

/* The item's head in a fresh copy of the log, to be changed and sealed again. */
static struct group_head *reopen(struct fixture *f, const struct item *item)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, item->serial);
    memory_copy(f->env, f->pristine);
    return (void *)(memory_find(f->env, name)->data + item->offset);
}

static void a_whole_group_that_does_not_follow_the_one_before_it_ends_the_log(void **state)
{
    struct fixture *f = *state;
    static struct oracle oracle;
    read_oracle(f, &oracle);
    for (uint32_t i = 0; i < oracle.count; i++) {
        const struct item *item = &oracle.items[i];
        if (item->kind != ITEM_GROUP)
            continue;
        struct group_head *head = reopen(f, item);
        head->chain ^= 1;
        group_seal(head, group_seed(oracle.manifest.log_id, item->serial));
        /* As if its events were damaged: it is missing, and its witness counts. */
        expect(f, &oracle, FLIP, item->serial, item->offset + (uint32_t)sizeof *head);
    }
}

/* Marks are no part of the chain, so what one says can be changed without breaking it. */
static void a_witness_counts_for_what_its_own_epoch_owns_and_no_further(void **state)
{
    struct fixture *f = *state;
    static struct oracle oracle;
    uint32_t marks[2] = {0};
    read_oracle(f, &oracle);
    for (uint32_t i = 0; i < oracle.count; i++) {
        const struct item *item = &oracle.items[i];
        if (item->kind != ITEM_MARK)
            continue;
        bool is_latest = last_of(&oracle.manifest, item->epoch) == UINT64_MAX;
        struct group_head *head = reopen(f, item);
        head->witness = 1000;
        group_seal(head, group_seed(oracle.manifest.log_id, item->serial));
        assert_int_equal(begin(f), !is_latest);
        assert_int_equal(f->found_count, oracle.last_seq);
        if (is_latest)
            assert_non_null(strstr(f->report.message, "everything up to 1000"));
        marks[is_latest]++;
    }
    assert_true(marks[0] > 0 && marks[1] > 0);
}

static void another_logs_segment_is_refused(void **state)
{
    struct fixture *f = *state;
    struct memory_file *file = memory_find(f->env, "log-000000000001.seg");
    segment_head_fill((void *)file->data, 4711, 1, options.segment_bytes);
    assert_false(begin(f));
    assert_int_equal(f->report.exit_code, EXIT_DAMAGED);
    assert_non_null(strstr(f->report.message, "belongs to another log"));
}

static void looking_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct start_options look = wanted;
    look.read_only = true;
    f->env->changes_left = 0;
    f->visitor.on_group = on_group;
    f->found_count = 0;
    assert_true(start_open(&f->start, f->env, &look, f->scratch, &f->visitor, &f->report));
    assert_int_equal(f->found_count, 15);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_flipped_bit_is_refused_or_lies_where_nothing_was_acknowledged),
        TEST(a_cut_file_is_refused_or_lost_nothing_that_was_acknowledged),
        TEST(a_flipped_bit_in_the_manifest_is_healed_by_its_second_copy),
        TEST(a_manifest_cut_short_is_whole_or_refused),
        TEST(a_lost_segment_is_refused_or_held_nothing),
        TEST(an_older_manifest_than_the_log_is_refused),
        TEST(a_start_can_be_killed_after_any_change_and_run_again),
        TEST(power_can_be_cut_after_any_change_of_a_start),
        TEST(an_epoch_is_given_once_where_power_is_cut_before_anything_is_written),
        TEST(segments_made_ready_and_never_used_are_used_by_the_next_server),
        TEST(a_full_disk_is_said_and_the_log_resumes_by_itself),
        TEST(a_whole_group_that_does_not_follow_the_one_before_it_ends_the_log),
        TEST(a_witness_counts_for_what_its_own_epoch_owns_and_no_further),
        TEST(another_logs_segment_is_refused),
        TEST(looking_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
