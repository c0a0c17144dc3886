#include "core/chain.h"

#include "tests/unit/test.h"

enum { RECORDS = 2000 };

struct pairs {
    uint32_t next[RECORDS + 1];
    uint32_t value[RECORDS + 1];
};

static uint32_t *next_of(void *records, uint32_t record)
{
    return &((struct pairs *)records)->next[record];
}

static bool is_before(void *records, uint32_t a, uint32_t b)
{
    const struct pairs *pairs = records;
    return pairs->value[a] < pairs->value[b];
}

/* Records 1..count in this order; equal values must keep it. */
static void sort_and_check(struct pairs *pairs, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++)
        pairs->next[i] = i < count ? i + 1 : 0;
    const struct chain chain = {pairs, next_of, is_before};
    uint32_t seen = 0;
    for (uint32_t at = chain_sort(&chain, count > 0), before = 0; at != 0;
         before = at, at = pairs->next[at], seen++) {
        if (before == 0)
            continue;
        assert_true(pairs->value[before] <= pairs->value[at]);
        assert_true(pairs->value[before] != pairs->value[at] || before < at);
    }
    assert_int_equal(seen, count);
}

static void chains_of_every_shape_come_out_sorted_and_whole(void **state)
{
    (void)state;
    static struct pairs pairs;
    uint32_t x = 1;
    for (uint32_t count = 0; count <= RECORDS; count += count < 20 ? 1 : 99) {
        for (uint32_t shape = 0; shape < 5; shape++) {
            for (uint32_t i = 1; i <= count; i++) {
                x = x * 1664525 + 1013904223;
                const uint32_t values[] = {i, count - i, x >> 8, x >> 29, i % 7};
                pairs.value[i] = values[shape];
            }
            sort_and_check(&pairs, count);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_every_shape_come_out_sorted_and_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
