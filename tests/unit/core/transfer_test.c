#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

static const struct result_transfer *as_transfer(const struct result *result)
{
    assert_int_equal(result->kind, RESULT_TRANSFER);
    return (const void *)result;
}

/* 10 units of a SKU in w1, none in w2. */
static uint32_t open_two(struct shop *shop)
{
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    shop_warehouse(shop, "w2", 2);
    return sku;
}

static void shipped_units_are_in_transfer_until_they_arrive(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_two(shop);
        const struct shop_line four = {sku, 4, 1};
        assert_int_equal(shop_ship(shop, "x", sku, "w1", "w2", 7)->code, CODE_CREATED);
        assert_int_equal(shop_stock(shop, sku).free, 3);
        assert_int_equal(shop_stock(shop, sku).in_transfer, 7);
        assert_int_equal(shop_order(shop, "o-1", &four, 1)->code, CODE_OUT_OF_STOCK);
        const struct result_transfer *transfer =
            as_transfer(shop_arrive(shop, "x", sku, (struct shop_arrival){4, 2, 1}, "k-1"));
        assert_int_equal(transfer->head.code, CODE_OK);
        assert_int_equal(transfer->over_ns, shop->now_ns);
        assert_int_equal(shop_stock(shop, sku).free, 7);
        assert_int_equal(shop_stock(shop, sku).quarantined, 2);
        assert_int_equal(shop_stock(shop, sku).in_transfer, 0);
        assert_int_equal(shop_order(shop, "o-1", &four, 1)->code, CODE_CREATED);
        const struct result_order *order = (const void *)shop_get(shop, "o-1");
        assert_memory_equal(shard_warehouse(shop->shards[0], order->lines[0].warehouse).at, "w2",
                            2);
    }
}

static void a_transfer_may_arrive_in_parts_but_not_more_than_was_shipped(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_two(shop);
        shop_ship(shop, "x", sku, "w1", "w2", 7);
        assert_int_equal(shop_arrive(shop, "x", sku, (struct shop_arrival){8, 0, 0}, "k-0")->code,
                         CODE_INVALID);
        const struct result_transfer *transfer =
            as_transfer(shop_arrive(shop, "x", sku, (struct shop_arrival){3, 0, 0}, "k-1"));
        assert_int_equal(transfer->over_ns, 0);
        assert_int_equal(shop_arrive(shop, "x", sku, (struct shop_arrival){3, 1, 1}, "k-2")->code,
                         CODE_INVALID);
        transfer = as_transfer(shop_arrive(shop, "x", sku, (struct shop_arrival){3, 0, 1}, "k-2"));
        assert_int_equal(transfer->ok, 6);
        assert_int_equal(transfer->lost, 1);
        assert_int_equal(transfer->over_ns, shop->now_ns);
        assert_int_equal(shop_arrive(shop, "x", sku, (struct shop_arrival){1, 0, 0}, "k-3")->code,
                         CODE_ILLEGAL);
        assert_int_equal(shop_stock(shop, sku).free, 9);
    }
}

static void the_same_transfer_again_is_a_retry(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_two(shop);
        shop_ship(shop, "x", sku, "w1", "w2", 7);
        assert_int_equal(shop_ship(shop, "x", sku, "w1", "w2", 7)->code, CODE_REPLAYED);
        assert_int_equal(shop_ship(shop, "x", sku, "w1", "w2", 6)->code, CODE_KEY_REUSED);
        assert_int_equal(shop_ship(shop, "y", sku, "w1", "w2", 7)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_ship(shop, "y", sku, "w1", "w2", 1)->code, CODE_CREATED);
        assert_int_equal(shop_arrive(shop, "x", sku, (struct shop_arrival){7, 0, 0}, "")->code,
                         CODE_OK);
        assert_int_equal(shop_arrive(shop, "x", sku, (struct shop_arrival){7, 0, 0}, "")->code,
                         CODE_REPLAYED);
        assert_int_equal(shop_arrive(shop, "x", sku, (struct shop_arrival){6, 0, 0}, "")->code,
                         CODE_KEY_REUSED);
        assert_int_equal(shop_ship(shop, "x", sku, "w1", "w2", 7)->code, CODE_REPLAYED);
        assert_int_equal(shop_stock(shop, sku).free, 9);
    }
}

static void a_transfer_belongs_to_its_sku_and_goes_between_known_warehouses(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 10);
        shop_warehouse(shop, "w2", 2);
        assert_int_equal(shop_ship(shop, "x", skus[0], "w1", "w2", 1)->code, CODE_CREATED);
        assert_int_equal(shop_ship(shop, "x", skus[1], "w1", "w2", 2)->code, CODE_CREATED);
        assert_int_equal(shop_ship(shop, "y", skus[0], "w1", "w9", 1)->code,
                         CODE_UNKNOWN_WAREHOUSE);
        assert_int_equal(shop_ship(shop, "y", skus[0], "w9", "w1", 1)->code,
                         CODE_UNKNOWN_WAREHOUSE);
        assert_int_equal(shop_ship(shop, "y", skus[0] + 40, "w1", "w2", 1)->code, CODE_UNKNOWN_SKU);
        assert_int_equal(shop_arrive(shop, "y", skus[0], (struct shop_arrival){1, 0, 0}, "k")->code,
                         CODE_NOT_FOUND);
    }
}

static void a_transfer_that_is_over_leaves_when_nobody_can_ask_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_two(shop);
        shop_ship(shop, "x", sku, "w1", "w2", 3);
        shop_ship(shop, "y", sku, "w1", "w2", 3);
        shop_arrive(shop, "y", sku, (struct shop_arrival){3, 0, 0}, "k");
        shop->now_ns += UINT64_C(86400) * 1000000000;
        shop_run(shop);
        assert_int_equal(shop_arrive(shop, "y", sku, (struct shop_arrival){3, 0, 0}, "k")->code,
                         CODE_REPLAYED);
        shop->now_ns += UINT64_C(100) * 1000000000;
        shop_run(shop);
        assert_int_equal(shop_events(shop, EVENT_TRANSFER_FORGOTTEN), 1);
        assert_int_equal(shop_arrive(shop, "y", sku, (struct shop_arrival){3, 0, 0}, "k")->code,
                         CODE_NOT_FOUND);
        assert_int_equal(shop_arrive(shop, "x", sku, (struct shop_arrival){3, 0, 0}, "k")->code,
                         CODE_OK);
    }
}

/* ---- what a count finds missing ---------------------------------------------------------------- */

static void a_count_that_misses_units_opens_a_task_until_none_are_missing(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        struct result_listed_cell tasks[8];
        uint32_t sku = open_two(shop);
        const struct shop_line eight = {sku, 8, 1};
        shop_order(shop, "o-1", &eight, 1);
        const struct result_change *count =
            (const void *)shop_change_if(shop, OP_STOCK_COUNT, sku, "w1", 5, 1, "c-1");
        uint64_t opened_ns = shop->now_ns;
        assert_int_equal(count->missing, 3);
        assert_int_equal(count->task_ns, opened_ns);
        assert_int_equal(shop_cells(shop, CELLS_MISSING, tasks), 1);
        assert_int_equal(tasks[0].sku, sku);
        assert_int_equal(tasks[0].cell.missing, 3);
        assert_int_equal(tasks[0].cell.task_ns, opened_ns);
        shop->now_ns += 1000000000;
        count = (const void *)shop_change_if(shop, OP_STOCK_COUNT, sku, "w1", 6, 2, "c-2");
        assert_int_equal(count->missing, 2);
        assert_int_equal(count->task_ns, opened_ns);
        shop_cancel(shop, "o-1", &(struct cancel_line){1, 1}, 1, "k-1");
        assert_int_equal(shop_stock(shop, sku).missing, 1);
        shop_cancel(shop, "o-1", &(struct cancel_line){1, 4}, 1, "k-2");
        assert_int_equal(shop_cells(shop, CELLS_MISSING, tasks), 0);
        assert_int_equal(shop_stock(shop, sku).free, 3);
    }
}

static void cells_that_have_warned_are_listed(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        struct result_listed_cell low[8];
        uint32_t sku = open_two(shop);
        const struct shop_line eight = {sku, 8, 1};
        shop_policy(shop, sku, "w1", 0, 4);
        assert_int_equal(shop_cells(shop, CELLS_WARNED, low), 0);
        shop_order(shop, "o-1", &eight, 1);
        assert_int_equal(shop_cells(shop, CELLS_WARNED, low), 1);
        assert_int_equal(low[0].cell.reorder_point, 4);
        assert_int_equal(low[0].cell.sellable, 2);
        shop_cancel(shop, "o-1", NULL, 0, "");
        assert_int_equal(shop_cells(shop, CELLS_WARNED, low), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_units_are_in_transfer_until_they_arrive),
        cmocka_unit_test(a_transfer_may_arrive_in_parts_but_not_more_than_was_shipped),
        cmocka_unit_test(the_same_transfer_again_is_a_retry),
        cmocka_unit_test(a_transfer_belongs_to_its_sku_and_goes_between_known_warehouses),
        cmocka_unit_test(a_transfer_that_is_over_leaves_when_nobody_can_ask_again),
        cmocka_unit_test(a_count_that_misses_units_opens_a_task_until_none_are_missing),
        cmocka_unit_test(cells_that_have_warned_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
