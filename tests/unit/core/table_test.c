#include "core/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/random.h"
#include "tests/unit/test.h"

static void *table_open(struct table *table, uint32_t capacity)
{
    void *memory = aligned_alloc(TABLE_LINE_BYTES, table_bytes(capacity));
    assert_non_null(memory);
    memset(memory, 0, table_bytes(capacity));
    table_init(table, memory, capacity);
    return memory;
}

static bool table_has(const struct table *table, uint64_t hash, uint32_t reference)
{
    uint64_t probe = 0;
    for (uint32_t found; (found = table_find(table, hash, &probe)) != 0;)
        if (found == reference)
            return true;
    return false;
}

static uint32_t candidate_count(const struct table *table, uint64_t hash)
{
    uint32_t count = 0;
    for (uint64_t probe = 0; table_find(table, hash, &probe) != 0;)
        count++;
    return count;
}

/* The naive table: every reference has at most one hash, in a plain array. */
struct naive {
    uint64_t *hash;
    bool *present;
    uint32_t reference_count;
};

static void compare(const struct table *table, const struct naive *naive)
{
    for (uint32_t i = 1; i < naive->reference_count; i++)
        if (table_has(table, naive->hash[i], i) != naive->present[i])
            fail_msg("reference %u of hash %lx", i, (unsigned long)naive->hash[i]);
}

/* Hashes drawn from so few values that many are equal, or from all of them. */
static uint64_t draw_hash(uint64_t *random, uint32_t kinds)
{
    uint64_t hash = random_next(random);
    return kinds == 0 ? hash : hash % kinds * UINT64_C(0x9e3779b97f4a7c15);
}

static void run_against_naive(uint32_t capacity, uint32_t percent, uint32_t kinds, uint32_t steps)
{
    uint64_t random = capacity + percent + kinds;
    uint32_t target = (uint32_t)((uint64_t)capacity * percent / 100);
    struct naive naive = {.reference_count = 2 * capacity + 1};
    naive.hash = calloc(naive.reference_count, sizeof *naive.hash);
    naive.present = calloc(naive.reference_count, sizeof *naive.present);
    struct table table;
    void *memory = table_open(&table, capacity);
    uint32_t used = 0;
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t reference = 1 + random_below(&random, naive.reference_count - 1);
        if (naive.present[reference]) {
            if (used < target && step < steps / 2)
                continue;
            table_remove(&table, naive.hash[reference], reference);
            naive.present[reference] = false;
            used--;
        } else if (used < target) {
            naive.hash[reference] = draw_hash(&random, kinds);
            assert_true(table_insert(&table, naive.hash[reference], reference));
            naive.present[reference] = true;
            used++;
        }
        assert_int_equal(table.used_count, used);
        if (step % (steps / 8) == 0)
            compare(&table, &naive);
    }
    compare(&table, &naive);
    free(naive.hash);
    free(naive.present);
    free(memory);
}

static void a_table_knows_what_a_naive_one_knows(void **state)
{
    (void)state;
    run_against_naive(1, 100, 0, 1000);
    run_against_naive(7, 100, 3, 10000);
    run_against_naive(100, 100, 0, 100000);
    run_against_naive(1000, 95, 0, 200000);
    run_against_naive(20000, 95, 0, 400000);
    run_against_naive(20000, 100, 0, 400000);
}

static void equal_hashes_are_all_candidates_and_removed_one_by_one(void **state)
{
    (void)state;
    run_against_naive(100, 100, 4, 50000);
    run_against_naive(1000, 95, 40, 50000);
    struct table table;
    void *memory = table_open(&table, 100);
    for (uint32_t i = 1; i <= 100; i++)
        assert_true(table_insert(&table, 42, i));
    assert_int_equal(candidate_count(&table, 42), 100);
    for (uint32_t i = 100; i >= 1; i--) {
        table_remove(&table, 42, i);
        assert_int_equal(candidate_count(&table, 42), i - 1);
    }
    free(memory);
}

/* The last home line, so that entries run over the end of the table to its beginning. */
static void entries_go_round_the_end(void **state)
{
    (void)state;
    struct table table;
    void *memory = table_open(&table, 30);
    for (uint32_t i = 1; i <= 30; i++)
        assert_true(table_insert(&table, i % 2 == 0 ? UINT32_MAX : UINT32_MAX - i, i));
    for (uint32_t i = 1; i <= 30; i += 3)
        table_remove(&table, i % 2 == 0 ? UINT32_MAX : UINT32_MAX - i, i);
    for (uint32_t i = 1; i <= 30; i++)
        assert_int_equal(table_has(&table, i % 2 == 0 ? UINT32_MAX : UINT32_MAX - i, i),
                         i % 3 != 1);
    free(memory);
}

static void a_full_table_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct table table;
    void *memory = table_open(&table, 10);
    for (uint32_t i = 1; i <= 10; i++)
        assert_true(table_insert(&table, i * UINT64_C(0x12345671), i));
    assert_false(table_insert(&table, 11, 11));
    assert_false(table_has(&table, 11, 11));
    table_remove(&table, UINT64_C(0x12345671), 1);
    assert_true(table_insert(&table, 11, 11));
    assert_true(table_has(&table, 11, 11));
    free(memory);
}

static void a_replaced_reference_is_found_in_its_place(void **state)
{
    (void)state;
    struct table table;
    void *memory = table_open(&table, 10);
    assert_true(table_insert(&table, 7, 1));
    assert_true(table_insert(&table, 7, 2));
    table_replace(&table, 7, 1, 3);
    assert_false(table_has(&table, 7, 1));
    assert_true(table_has(&table, 7, 2));
    assert_true(table_has(&table, 7, 3));
    assert_int_equal(table.used_count, 2);
    free(memory);
}

/* A writer inserts and publishes how far it is; a reader must find everything up to there, and may
 * find what comes later. */
struct shared {
    struct table table;
    struct atomic64 inserted;
    uint32_t count;
    uint32_t missed;
    uint32_t found_early;
};

static uint64_t hash_of(uint32_t reference)
{
    uint64_t seed = reference;
    return random_next(&seed);
}

static void *read_along(void *argument)
{
    struct shared *shared = argument;
    uint64_t random = 1;
    for (uint64_t upto = 0; upto < shared->count;) {
        upto = atomic_load(&shared->inserted); /* pairs with the store of the writer */
        if (upto == 0)
            continue;
        for (uint32_t i = 0; i < 16; i++) {
            uint32_t reference = 1 + random_below(&random, (uint32_t)upto);
            shared->missed += !table_has(&shared->table, hash_of(reference), reference);
            uint32_t later = (uint32_t)upto + 1 + i;
            shared->found_early += table_has(&shared->table, hash_of(later), later);
        }
    }
    return NULL;
}

static void a_reader_beside_the_writer_finds_all_that_was_inserted(void **state)
{
    (void)state;
    struct shared shared = {.count = 50000};
    void *memory = table_open(&shared.table, shared.count);
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_along, &shared), 0);
    for (uint32_t i = 1; i <= shared.count; i++) {
        assert_true(table_insert(&shared.table, hash_of(i), i));
        atomic_store(&shared.inserted, i); /* pairs with the load of the reader */
    }
    pthread_join(reader, NULL);
    assert_int_equal(shared.missed, 0);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_knows_what_a_naive_one_knows),
        cmocka_unit_test(equal_hashes_are_all_candidates_and_removed_one_by_one),
        cmocka_unit_test(entries_go_round_the_end),
        cmocka_unit_test(a_full_table_refuses_and_keeps_what_it_has),
        cmocka_unit_test(a_replaced_reference_is_found_in_its_place),
        cmocka_unit_test(a_reader_beside_the_writer_finds_all_that_was_inserted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
