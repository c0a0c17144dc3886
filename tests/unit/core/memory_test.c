#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/random.h"
#include "tests/unit/test.h"

static void *memory_open(struct memory *memory, uint32_t granule_count)
{
    void *bytes = aligned_alloc(64, memory_bytes(granule_count));
    assert_non_null(bytes);
    memset(bytes, 0, memory_bytes(granule_count));
    memory_init(memory, bytes, granule_count);
    return bytes;
}

struct record {
    uint32_t at;
    uint32_t bytes;
    uint8_t fill;
};

static void record_fill(const struct memory *memory, const struct record *record)
{
    memset(memory_at(memory, record->at), record->fill, record->bytes);
}

static void record_check(const struct memory *memory, const struct record *record)
{
    const uint8_t *bytes = memory_at(memory, record->at);
    for (uint32_t i = 0; i < record->bytes; i++)
        assert_int_equal(bytes[i], record->fill);
}

static uint32_t draw_bytes(uint64_t *random)
{
    switch (random_below(random, 8)) {
    case 0:
        return 1 + random_below(random, 40000);
    case 1:
        return 1 + random_below(random, 2000);
    default:
        return 1 + random_below(random, 200);
    }
}

enum { RECORDS = 2000 };

static void records_never_overlap_and_all_room_comes_back(void **state)
{
    (void)state;
    struct memory memory;
    void *bytes = memory_open(&memory, 200000);
    static struct record records[RECORDS];
    uint64_t random = 3;
    uint32_t refused = 0;
    for (uint32_t step = 0; step < 400000; step++) {
        struct record *record = &records[random_below(&random, RECORDS)];
        if (record->at != 0) {
            record_check(&memory, record);
            memory_give(&memory, record->at, record->bytes);
            record->at = 0;
        } else {
            record->bytes = draw_bytes(&random);
            record->fill = (uint8_t)random_next(&random);
            record->at = memory_take(&memory, record->bytes);
            if (record->at == 0)
                refused++;
            else
                record_fill(&memory, record);
        }
    }
    assert_true(refused > 0);
    for (uint32_t i = 0; i < RECORDS; i++)
        if (records[i].at != 0) {
            record_check(&memory, &records[i]);
            memory_give(&memory, records[i].at, records[i].bytes);
        }
    assert_int_equal(memory.used_count, 0);
    assert_int_equal(memory.top, 1);
    free(bytes);
}

static void what_was_given_back_can_be_taken_again(void **state)
{
    (void)state;
    struct memory memory;
    void *bytes = memory_open(&memory, 40000);
    struct record records[200];
    uint64_t random = 5;
    uint32_t count = 0;
    while (count < 200) {
        records[count].bytes = draw_bytes(&random);
        records[count].at = memory_take(&memory, records[count].bytes);
        if (records[count].at == 0)
            break;
        count++;
    }
    for (uint32_t step = 0; step < 100000; step++) {
        struct record *record = &records[random_below(&random, count)];
        memory_give(&memory, record->at, record->bytes);
        record->at = memory_take(&memory, record->bytes);
        assert_int_not_equal(record->at, 0);
    }
    free(bytes);
}

static void used_bytes_are_those_of_the_records(void **state)
{
    (void)state;
    struct memory memory;
    void *bytes = memory_open(&memory, 200000);
    uint64_t sum = 0;
    for (uint32_t length = 1; length < 40000; length += 1 + length / 3) {
        uint64_t room = memory_record_bytes(length);
        assert_true(room >= 16 && room >= length && room - length < 16 + length / 16);
        assert_int_equal(memory_record_bytes((uint32_t)room), room);
        assert_int_not_equal(memory_take(&memory, length), 0);
        sum += room;
    }
    assert_int_equal((uint64_t)memory.used_count * MEMORY_GRANULE_BYTES, sum);
    free(bytes);
}

static void a_full_block_takes_nothing_more_and_the_last_granule_is_used(void **state)
{
    (void)state;
    for (uint32_t records = 1; records < 200; records++) {
        struct memory memory;
        uint8_t *bytes = memory_open(&memory, 1 + 2 * records);
        for (uint32_t i = 0; i < records; i++) {
            uint32_t record = memory_take(&memory, 16);
            assert_int_equal(record, 1 + 2 * i);
            memset(memory_at(&memory, record), 0xff, 16);
        }
        assert_int_equal(memory_take(&memory, 1), 0);
        for (uint32_t i = 0; i < records; i += 2)
            memory_give(&memory, 1 + 2 * i, 16);
        assert_int_equal(memory_take(&memory, 17), 0);
        free(bytes);
    }
}

static void what_is_too_short_for_a_record_comes_back_with_its_neighbours(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        struct memory memory;
        void *bytes = memory_open(&memory, 16);
        uint32_t records[] = {memory_take(&memory, 24), memory_take(&memory, 24)};
        uint32_t behind = memory_take(&memory, 16);
        memory_shrink(&memory, records[0], 24, 16);
        memory_shrink(&memory, records[1], 24, 16);
        memory_give(&memory, records[first], 16);
        memory_give(&memory, records[!first], 16);
        assert_int_equal(memory_take(&memory, 48), records[0]);
        assert_true(behind > records[1]);
        free(bytes);
    }
}

static void neighbours_join_whatever_the_order_in_which_they_come_back(void **state)
{
    (void)state;
    static const uint8_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                        {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (uint32_t i = 0; i < 6; i++) {
        struct memory memory;
        void *bytes = memory_open(&memory, 63);
        uint32_t records[3];
        for (uint32_t j = 0; j < 3; j++)
            records[j] = memory_take(&memory, 10 * 16);
        assert_int_not_equal(memory_take(&memory, 16), 0);
        for (uint32_t j = 0; j < 3; j++)
            memory_give(&memory, records[orders[i][j]], 10 * 16);
        assert_int_equal(memory_take(&memory, 30 * 16), records[0]);
        free(bytes);
    }
}

static void what_a_record_shrinks_by_can_be_taken(void **state)
{
    (void)state;
    for (uint32_t bytes = 1; bytes < 3000; bytes += 1 + bytes / 5)
        for (uint32_t to_bytes = 1; to_bytes <= bytes; to_bytes += 1 + bytes / 7) {
            struct memory memory;
            void *block = memory_open(&memory, 800);
            uint32_t record = memory_take(&memory, bytes);
            uint32_t behind = memory_take(&memory, 16);
            memset(memory_at(&memory, record), 0xab, to_bytes);
            memory_shrink(&memory, record, bytes, to_bytes);
            uint64_t rest = memory_record_bytes(bytes) - memory_record_bytes(to_bytes);
            assert_int_equal((uint64_t)memory.used_count * MEMORY_GRANULE_BYTES,
                             memory_record_bytes(to_bytes) + 16);
            if (rest >= 16)
                assert_in_range(memory_take(&memory, 16), record, behind - 1);
            for (uint32_t i = 0; i < to_bytes; i++)
                assert_int_equal(((const uint8_t *)memory_at(&memory, record))[i], 0xab);
            free(block);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_never_overlap_and_all_room_comes_back),
        cmocka_unit_test(what_was_given_back_can_be_taken_again),
        cmocka_unit_test(used_bytes_are_those_of_the_records),
        cmocka_unit_test(a_full_block_takes_nothing_more_and_the_last_granule_is_used),
        cmocka_unit_test(what_a_record_shrinks_by_can_be_taken),
        cmocka_unit_test(what_is_too_short_for_a_record_comes_back_with_its_neighbours),
        cmocka_unit_test(neighbours_join_whatever_the_order_in_which_they_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
