#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

static void nothing_is_taken_below_zero(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 5);
        assert_int_equal(shop_change(shop, OP_STOCK_ADJUST, skus[0], "w1", -6), CODE_OUT_OF_STOCK);
        assert_int_equal(shop_change(shop, OP_STOCK_ADJUST, skus[0], "w1", -4), CODE_OK);
        assert_int_equal(shop_change(shop, OP_STOCK_QUARANTINE, skus[0], "w1", 2),
                         CODE_OUT_OF_STOCK);
        assert_int_equal(shop_change(shop, OP_STOCK_WRITE_OFF, skus[0], "w1", 1),
                         CODE_OUT_OF_STOCK);
        assert_int_equal(shop_change(shop, OP_STOCK_ADJUST, skus[0], "w1", 3), CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).free, 4);
    }
}

static void announced_units_arrive(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 0);
        assert_int_equal(shop_change(shop, OP_STOCK_EXPECT, skus[0], "w1", 10), CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).incoming, 10);
        shop_receive(shop, skus[0], "w1", 6);
        assert_int_equal(shop_stock(shop, skus[0]).incoming, 4);
        shop_receive(shop, skus[0], "w1", 6);
        assert_int_equal(shop_stock(shop, skus[0]).incoming, 0);
        assert_int_equal(shop_stock(shop, skus[0]).free, 12);
    }
}

/* Whoever counts is not told that the count is stale because of units that are not there yet. */
static void what_is_announced_or_on_its_way_leaves_the_version_alone(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 10);
        uint64_t version = shop_stock(shop, skus[0]).version;
        assert_int_equal(shop_change(shop, OP_STOCK_EXPECT, skus[0], "w1", 10), CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).version, version);
        shop_receive(shop, skus[0], "w1", 1);
        assert_int_equal(shop_stock(shop, skus[0]).version, version + 1);
        assert_int_equal(shop_change(shop, OP_STOCK_QUARANTINE, skus[0], "w1", 1), CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).version, version + 2);
    }
}

static void quarantined_units_are_cleared_or_written_off(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 10);
        assert_int_equal(shop_change(shop, OP_STOCK_QUARANTINE, skus[0], "w1", 6), CODE_OK);
        assert_int_equal(shop_change(shop, OP_STOCK_CLEAR, skus[0], "w1", 2), CODE_OK);
        assert_int_equal(shop_change(shop, OP_STOCK_WRITE_OFF, skus[0], "w1", 3), CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).free, 6);
        assert_int_equal(shop_stock(shop, skus[0]).quarantined, 1);
    }
}

static void safety_stock_is_not_sold(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 10);
        shop_policy(shop, skus[0], "w1", 7, 0);
        const struct shop_line four = {skus[0], 4, 1};
        const struct shop_line three = {skus[0], 3, 1};
        assert_int_equal(shop_stock(shop, skus[0]).sellable, 3);
        assert_int_equal(shop_order(shop, "o-1", &four, 1)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_order(shop, "o-1", &three, 1)->code, CODE_CREATED);
        assert_int_equal(shop_stock(shop, skus[0]).free, 7);
        assert_int_equal(shop_stock(shop, skus[0]).sellable, 0);
    }
}

static void what_a_count_misses_is_taken_as_units_come_free(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 10);
        const struct shop_line eight = {skus[0], 8, 1};
        const struct shop_line one = {skus[0], 1, 1};
        assert_int_equal(shop_order(shop, "o-1", &eight, 1)->code, CODE_CREATED);
        uint64_t version = shop_stock(shop, skus[0]).version;
        const struct result_change *counted =
            (const void *)shop_change_if(shop, OP_STOCK_COUNT, skus[0], "w1", 6, version, "count");
        assert_int_equal(counted->head.code, CODE_OK);
        assert_int_equal(counted->delta, -4);
        assert_int_equal(counted->missing, 2);
        assert_int_equal(shop_stock(shop, skus[0]).free, 0);
        assert_int_equal(shop_stock(shop, skus[0]).missing, 2);
        counted =
            (const void *)shop_change_if(shop, OP_STOCK_COUNT, skus[0], "w1", 6, version, "count");
        assert_int_equal(counted->head.code, CODE_REPLAYED);
        assert_int_equal(counted->delta, -4);
        assert_int_equal(counted->missing, 2);
        shop_receive(shop, skus[0], "w1", 1);
        assert_int_equal(shop_stock(shop, skus[0]).free, 0);
        assert_int_equal(shop_stock(shop, skus[0]).missing, 1);
        assert_int_equal(shop_order(shop, "o-2", &one, 1)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_OK);
        shop_run(shop);
        assert_int_equal(shop_stock(shop, skus[0]).missing, 0);
        assert_int_equal(shop_stock(shop, skus[0]).free, 7);
        assert_int_equal(shop_events(shop, EVENT_STOCK_FOUND_MISSING), 2);
    }
}

static void no_more_is_missing_than_is_on_hand(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 5);
        assert_int_equal(shop_change(shop, OP_STOCK_QUARANTINE, skus[0], "w1", 5), CODE_OK);
        uint64_t version = shop_stock(shop, skus[0]).version;
        shop_change_if(shop, OP_STOCK_COUNT, skus[0], "w1", 1, version, "count");
        assert_int_equal(shop_stock(shop, skus[0]).missing, 4);
        assert_int_equal(shop_change(shop, OP_STOCK_WRITE_OFF, skus[0], "w1", 3), CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).missing, 2);
        assert_int_equal(shop_change(shop, OP_STOCK_WRITE_OFF, skus[0], "w1", 2), CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).missing, 0);
        shop_receive(shop, skus[0], "w1", 7);
        assert_int_equal(shop_stock(shop, skus[0]).free, 7);
    }
}

static void a_stale_count_is_refused(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 10);
        uint64_t version = shop_stock(shop, skus[0]).version;
        const struct shop_line one = {skus[0], 1, 1};
        /* Selling does not count as a change; receiving does. */
        assert_int_equal(shop_order(shop, "o-1", &one, 1)->code, CODE_CREATED);
        assert_int_equal(
            shop_change_if(shop, OP_STOCK_COUNT, skus[0], "w1", 12, version, "k-1")->code, CODE_OK);
        assert_int_equal(
            shop_change_if(shop, OP_STOCK_COUNT, skus[0], "w1", 12, version, "k-2")->code,
            CODE_STALE);
        assert_int_equal(shop_stock(shop, skus[0]).free, 11);
    }
}

static void a_level_warns_once_and_recovers_once(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 10);
        shop_policy(shop, skus[0], "w1", 0, 5);
        const char *ids[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        const struct shop_line one = {skus[0], 1, 1};
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(shop_order(shop, ids[i], &one, 1)->code, CODE_CREATED);
            assert_int_equal(shop_events(shop, EVENT_STOCK_WARNING), i >= 4);
        }
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(shop_cancel(shop, ids[i], NULL, 0, "")->code, CODE_OK);
            assert_int_equal(shop_events(shop, EVENT_STOCK_RECOVERED), i >= 3);
        }
        assert_int_equal(shop_events(shop, EVENT_STOCK_WARNING), 1);
    }
}

static void nothing_left_above_the_safety_stock_warns_once_too(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 10);
        shop_policy(shop, skus[0], "w1", 9, 0);
        assert_int_equal(shop_events(shop, EVENT_STOCK_WARNING), 0);
        const struct shop_line one = {skus[0], 1, 1};
        assert_int_equal(shop_order(shop, "o-1", &one, 1)->code, CODE_CREATED);
        assert_int_equal(shop_order(shop, "o-2", &one, 1)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_events(shop, EVENT_STOCK_WARNING), 1);
        shop_receive(shop, skus[0], "w1", 1);
        assert_int_equal(shop_events(shop, EVENT_STOCK_RECOVERED), 1);
        shop_policy(shop, skus[0], "w1", 10, 0);
        assert_int_equal(shop_events(shop, EVENT_STOCK_WARNING), 2);
        shop_policy(shop, skus[0], "w1", 0, 0);
        assert_int_equal(shop_events(shop, EVENT_STOCK_RECOVERED), 2);
    }
}

static void a_key_is_remembered_for_its_window_and_then_forgotten(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 0);
        uint64_t window_ns = shop->options[0].retry_window_ns;
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 5, "r-1")->code, CODE_OK);
        shop->now_ns += window_ns;
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 5, "r-1")->code, CODE_REPLAYED);
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 5, "r-2")->code, CODE_OK);
        shop->now_ns += 1;
        shop_run(shop);
        assert_int_equal(shop_events(shop, EVENT_RETRIES_FORGOTTEN), 1);
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 5, "r-1")->code, CODE_OK);
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 5, "r-2")->code, CODE_REPLAYED);
        uint64_t keys = 0;
        for (uint32_t i = 0; i < shop->shard_count; i++)
            keys += shard_counts(shop->shards[i]).retries;
        assert_int_equal(keys, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_taken_below_zero),
        cmocka_unit_test(announced_units_arrive),
        cmocka_unit_test(what_is_announced_or_on_its_way_leaves_the_version_alone),
        cmocka_unit_test(quarantined_units_are_cleared_or_written_off),
        cmocka_unit_test(safety_stock_is_not_sold),
        cmocka_unit_test(what_a_count_misses_is_taken_as_units_come_free),
        cmocka_unit_test(no_more_is_missing_than_is_on_hand),
        cmocka_unit_test(a_stale_count_is_refused),
        cmocka_unit_test(a_key_is_remembered_for_its_window_and_then_forgotten),
        cmocka_unit_test(a_level_warns_once_and_recovers_once),
        cmocka_unit_test(nothing_left_above_the_safety_stock_warns_once_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
