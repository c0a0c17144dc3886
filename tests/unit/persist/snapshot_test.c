/* A snapshot of several blocks, written and read: from front to back, or from several parts of the file
 * by turns; whole, or with a bit of any block turned over. */
#include "tests/unit/test.h"

#define MEMORY_FILE_BYTES_MAX (8 << 20)
#include "core/retry.h"
#include "persist/snapshot.h"
#include "tests/unit/persist/env_memory.h"

enum { RECORDS = 60000, RUNS_MAX = 9, BLOCKS = 1 + SNAPSHOT_AHEAD, LOG_ID = 7, SEQ = 4711 };

struct fixture {
    struct env *env;
    uint8_t *blocks; /* BLOCKS of them */
    struct memory_file *file;
    struct snapshot_head head;
};

static uint8_t *block_memory(const struct fixture *f, uint32_t number)
{
    return f->blocks + (size_t)number * SNAPSHOT_BLOCK_BYTES;
}

static void write_one(struct fixture *f)
{
    struct snapshot_writer writer;
    const struct snapshot_head facts = {.log_id = LOG_ID, .seq = SEQ};
    assert_int_equal(snapshot_create(&writer, f->env, MEMORY_DIRECTORY, f->blocks, &facts), 0);
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint8_t space[256] __attribute__((aligned(8))) = {0};
        struct pile pile = {.at = space, .capacity_bytes = sizeof space};
        struct record *record = record_begin(&pile, i / (RECORDS / SLOT_COUNT + 1));
        struct part_retry *part = record_part(&pile, record, PART_RETRY, sizeof *part);
        part->at_ns = i;
        assert_int_equal(snapshot_add(&writer, record), 0);
    }
    assert_int_equal(snapshot_finish(&writer), 0);
    f->head = writer.head;
    f->file = memory_find(f->env, SNAPSHOT_MAKING);
    assert_non_null(f->file);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->env = memory_open();
    f->blocks = aligned_alloc(BLOCK_BYTES, (size_t)BLOCKS * SNAPSHOT_BLOCK_BYTES);
    write_one(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    memory_close(f->env);
    free(f->blocks);
    free(f);
    return 0;
}

static void open_in_runs(struct fixture *f, struct snapshot_reader *reader, uint32_t runs)
{
    assert_int_equal(snapshot_open(reader, f->env, MEMORY_DIRECTORY, SNAPSHOT_MAKING, LOG_ID,
                                   block_memory(f, 0)),
                     0);
    snapshot_read_ahead(reader, block_memory(f, 1), runs);
}

static uint64_t first_of(const struct snapshot_block *block)
{
    return ((const struct part_retry *)(const void *)record_first(snapshot_records(block)))->at_ns;
}

/* What the reader says at the end. */
static int32_t read_all(struct snapshot_reader *reader)
{
    int32_t error;
    while (snapshot_next(reader, &error) != NULL)
        continue;
    snapshot_close(reader);
    return error;
}

static void every_record_comes_once_in_however_many_runs(void **state)
{
    struct fixture *f = *state;
    assert_in_range(f->head.block_count, 4, RUNS_MAX - 1); /* so that some runs are empty */
    for (uint32_t runs = 1; runs <= RUNS_MAX; runs++) {
        struct snapshot_reader reader;
        open_in_runs(f, &reader, runs);
        reader.hashes = true;
        assert_int_equal(read_all(&reader), 0);
        assert_int_equal(reader.record_hash, f->head.state_hash);
        assert_int_equal(reader.next_block, f->head.block_count);
    }
}

static void runs_are_read_by_turns_and_each_from_front_to_back(void **state)
{
    struct fixture *f = *state;
    struct snapshot_reader reader;
    uint64_t last[2] = {0}, begin[2];
    int32_t error;
    open_in_runs(f, &reader, 2);
    for (uint32_t i = 0; i < f->head.block_count; i++) {
        const struct snapshot_block *block = snapshot_next(&reader, &error);
        assert_non_null(block);
        if (i < 2)
            begin[i] = first_of(block);
        else
            assert_true(first_of(block) > last[i % 2]);
        last[i % 2] = first_of(block);
    }
    assert_int_equal(begin[0], 0);
    assert_true(last[0] < begin[1]);
    snapshot_close(&reader);
}

static void a_bit_turned_over_in_any_block_is_found_in_however_many_runs(void **state)
{
    struct fixture *f = *state;
    for (uint32_t runs = 1; runs <= 3; runs++) {
        for (uint64_t number = 0; number < f->head.block_count; number++) {
            uint64_t at = BLOCK_BYTES + number * SNAPSHOT_BLOCK_BYTES + 12345;
            struct snapshot_reader reader;
            f->file->data[at] ^= 16;
            open_in_runs(f, &reader, runs);
            assert_int_equal(read_all(&reader), -EBADMSG);
            assert_true(reader.next_block < f->head.block_count);
            f->file->data[at] ^= 16;
        }
    }
}

static void records_that_do_not_come_to_the_hash_of_the_head_are_found(void **state)
{
    struct snapshot_reader reader;
    struct fixture *f = *state;
    open_in_runs(f, &reader, 1);
    reader.hashes = true;
    reader.head.state_hash ^= 1;
    assert_int_equal(read_all(&reader), -EBADMSG);
    assert_int_equal(reader.next_block, f->head.block_count);
    snapshot_close(&reader);
}

static void two_blocks_that_have_changed_places_are_found(void **state)
{
    struct fixture *f = *state;
    struct snapshot_reader reader;
    uint8_t *a = f->file->data + BLOCK_BYTES, *b = a + SNAPSHOT_BLOCK_BYTES;
    memcpy(f->blocks, a, SNAPSHOT_BLOCK_BYTES);
    memcpy(a, b, SNAPSHOT_BLOCK_BYTES);
    memcpy(b, f->blocks, SNAPSHOT_BLOCK_BYTES);
    open_in_runs(f, &reader, 2);
    assert_int_equal(read_all(&reader), -EBADMSG);
    assert_int_equal(reader.next_block, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_record_comes_once_in_however_many_runs),
        TEST(runs_are_read_by_turns_and_each_from_front_to_back),
        TEST(a_bit_turned_over_in_any_block_is_found_in_however_many_runs),
        TEST(records_that_do_not_come_to_the_hash_of_the_head_are_found),
        TEST(two_blocks_that_have_changed_places_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
