#include "core/command.h"
#include "io/hot.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

#include <string.h>

static struct hot shards[2];
static const struct hot *const both[] = {&shards[0], &shards[1]};

static int empty(void **state)
{
    (void)state;
    memset(shards, 0, sizeof shards);
    return 0;
}

static void order(struct hot *hot, uint32_t sku, uint32_t times)
{
    const struct command_line line = {.sku = sku, .units = 1};
    for (uint32_t i = 0; i < times; i++)
        hot_order(hot, &line, 1);
}

static void nobody_is_hot_where_nobody_orders(void **state)
{
    (void)state;
    struct hot_sku most[HOT_SHOWN];
    assert_int_equal(hot_most(both, 2, most), 0);
}

static void the_rate_is_about_right_after_a_while(void **state)
{
    (void)state;
    struct hot_sku most[HOT_SHOWN];
    for (uint32_t second = 0; second < 60; second++) {
        order(&shards[0], 7, 8000);
        order(&shards[1], 7, 8000);
        order(&shards[1], 9, 1600);
        hot_forget(&shards[0]);
        hot_forget(&shards[1]);
    }
    assert_int_equal(hot_most(both, 2, most), 2);
    assert_int_equal(most[0].sku, 7);
    assert_in_range(most[0].lines_per_second, 13000, 16500);
    assert_int_equal(most[1].sku, 9);
    assert_in_range(most[1].lines_per_second, 1300, 1700);
}

static void few_hot_ones_stand_out_of_many_cold_ones(void **state)
{
    (void)state;
    struct hot_sku most[HOT_SHOWN];
    uint64_t random = 1;
    for (uint32_t i = 0; i < 400000; i++) {
        order(&shards[0], 1000 + random_below(&random, 100000), 1);
        if (random_below(&random, 4) == 0)
            order(&shards[0], 1 + random_below(&random, 3), 1);
        if (i % 20000 == 0)
            hot_forget(&shards[0]);
    }
    assert_int_equal(hot_most(both, 1, most), HOT_SHOWN);
    assert_int_equal(most[0].sku + most[1].sku + most[2].sku, 1 + 2 + 3);
}

static void what_was_hot_cools_down(void **state)
{
    (void)state;
    struct hot_sku most[HOT_SHOWN];
    order(&shards[0], 7, 16000);
    assert_int_equal(hot_most(both, 1, most), 1);
    for (uint32_t second = 0; second < 90; second++)
        hot_forget(&shards[0]);
    assert_int_equal(hot_most(both, 1, most), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, empty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_is_hot_where_nobody_orders),
        TEST(the_rate_is_about_right_after_a_while),
        TEST(few_hot_ones_stand_out_of_many_cold_ones),
        TEST(what_was_hot_cools_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
