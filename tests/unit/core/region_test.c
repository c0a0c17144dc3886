#include "core/shard_state.h"
#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

/* The golden case: rows (distance, weight) of three centres cost 80, 94, 80. */
static const struct shop_cost golden[] = {
    {"w1", {{10, 3}, {15, 2}, {20, 1}}, 3},
    {"w2", {{8, 5}, {12, 3}, {18, 1}}, 3},
    {"w3", {{6, 2}, {10, 4}, {14, 2}}, 3},
};
static const uint64_t golden_costs[] = {80, 94, 80};

static uint32_t number_of(const struct shop *shop, uint32_t shard, const char *warehouse)
{
    return topology_find(&shop->shards[shard]->topology,
                         (struct text){warehouse, (uint32_t)strlen(warehouse)});
}

/* Centres 1 to 3, of the same priority, with so many units of a SKU each. */
static uint32_t open_centres(struct shop *shop, uint64_t units)
{
    uint32_t sku = shop_sku(shop, "SKU-17");
    for (char name[] = "w3"; name[1] > '0'; name[1]--) {
        shop_warehouse(shop, name, 1);
        shop_receive(shop, sku, name, units);
    }
    return sku;
}

/* The number of the warehouse that a line of so many units got; -1: none. */
static char placed_in(struct shop *shop, const char *id, const char *region, uint32_t sku,
                      uint32_t units)
{
    union shop_command *command = malloc(sizeof *command);
    const char *texts[ORDER_TEXTS] = {
        [ORDER_ID] = id, [ORDER_CUSTOMER] = "c1", [ORDER_REGION] = region};
    shop_order_texts(command, texts, &(struct shop_line){sku, units, 100}, 1);
    enum code code = (enum code)shop_ask(shop, &command->head)->code;
    free(command);
    if (code != CODE_CREATED)
        return 0;
    const struct result_order *order = (const void *)shop_get(shop, id);
    return shard_warehouse(shop->shards[0], order->lines[0].warehouse).at[1];
}

static void the_golden_case_costs_80_94_80_and_goes_to_centre_1(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_centres(shop, 1);
        assert_int_equal(shop_costs(shop, "sh", golden, 3)->code, CODE_CREATED);
        for (uint32_t shard = 0; shard < shop->shard_count; shard++) {
            const struct topology *topology = &shop->shards[shard]->topology;
            const struct region *region =
                &topology->regions[topology_region(topology, (struct text){"sh", 2})];
            for (uint32_t i = 0; i < 3; i++)
                assert_int_equal(region->cost[number_of(shop, shard, golden[i].warehouse)],
                                 golden_costs[i]);
        }
        assert_int_equal(placed_in(shop, "o-1", "sh", sku, 1), '1');
        assert_int_equal(placed_in(shop, "o-2", "sh", sku, 1), '3');
        assert_int_equal(placed_in(shop, "o-3", "sh", sku, 1), '2');
        assert_int_equal(placed_in(shop, "o-4", "sh", sku, 1), 0);
    }
}

static void the_cheapest_warehouse_is_passed_by_if_it_cannot_ship_all_units(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_centres(shop, 4);
        shop_receive(shop, sku, "w2", 2);
        shop_costs(shop, "sh", golden, 3);
        assert_int_equal(placed_in(shop, "o-1", "sh", sku, 5), '2');
        assert_int_equal(placed_in(shop, "o-2", "sh", sku, 4), '1');
    }
}

static void what_costs_the_same_goes_by_priority_and_then_by_id(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_centres(shop, 9);
        shop_costs(shop, "sh", golden, 3);
        shop_warehouse(shop, "w3", 0);
        assert_int_equal(placed_in(shop, "o-1", "sh", sku, 1), '3');
        shop_warehouse(shop, "w3", 1);
        assert_int_equal(placed_in(shop, "o-2", "sh", sku, 1), '1');
    }
}

static void an_order_of_no_region_or_of_an_unknown_one_goes_by_priority(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_centres(shop, 9);
        shop_costs(shop, "sh", golden, 3);
        shop_warehouse(shop, "w2", 0);
        assert_int_equal(placed_in(shop, "o-1", NULL, sku, 1), '2');
        assert_int_equal(placed_in(shop, "o-2", "bj", sku, 1), '2');
        assert_int_equal(placed_in(shop, "o-3", "sh", sku, 1), '1');
    }
}

static void a_warehouse_without_rows_comes_behind_those_that_have_some(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_centres(shop, 1);
        shop_warehouse(shop, "w3", 0);
        shop_costs(shop, "sh", golden, 2);
        assert_int_equal(placed_in(shop, "o-1", "sh", sku, 1), '1');
        assert_int_equal(placed_in(shop, "o-2", "sh", sku, 1), '2');
        assert_int_equal(placed_in(shop, "o-3", "sh", sku, 1), '3');
    }
}

static void a_new_table_replaces_all_of_the_old_one(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = open_centres(shop, 9);
        shop_costs(shop, "sh", golden, 3);
        const struct shop_cost dear = {"w2", {{1, 1}}, 1};
        assert_int_equal(shop_costs(shop, "sh", &dear, 1)->code, CODE_OK);
        assert_int_equal(placed_in(shop, "o-1", "sh", sku, 1), '2');
        shop_costs(shop, "sh", NULL, 0);
        assert_int_equal(placed_in(shop, "o-2", "sh", sku, 1), '1');
    }
}

static void a_table_that_names_an_unknown_warehouse_is_refused_and_leaves_no_trace(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        open_centres(shop, 1);
        const struct shop_cost costs[] = {{"w1", {{1, 1}}, 1}, {"w9", {{1, 1}}, 1}};
        const struct result_fault *fault = (const void *)shop_costs(shop, "sh", costs, 2);
        assert_int_equal(fault->head.code, CODE_UNKNOWN_WAREHOUSE);
        assert_int_equal(fault->line, 2);
        assert_int_equal(shop_events(shop, EVENT_REGION_COSTS), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_case_costs_80_94_80_and_goes_to_centre_1),
        cmocka_unit_test(the_cheapest_warehouse_is_passed_by_if_it_cannot_ship_all_units),
        cmocka_unit_test(what_costs_the_same_goes_by_priority_and_then_by_id),
        cmocka_unit_test(an_order_of_no_region_or_of_an_unknown_one_goes_by_priority),
        cmocka_unit_test(a_warehouse_without_rows_comes_behind_those_that_have_some),
        cmocka_unit_test(a_new_table_replaces_all_of_the_old_one),
        cmocka_unit_test(a_table_that_names_an_unknown_warehouse_is_refused_and_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
