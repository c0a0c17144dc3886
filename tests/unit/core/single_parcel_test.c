#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

enum { SKUS = 4 };

static uint64_t send(struct shop *shop, const char *id, const uint32_t *skus, uint32_t units,
                     bool single)
{
    union shop_command *command = malloc(sizeof *command);
    struct shop_line lines[SKUS];
    for (uint32_t i = 0; i < SKUS; i++)
        lines[i] = (struct shop_line){skus[i], units, 1};
    shop_order_of(command, id, "c1", lines, SKUS);
    command->create.prefer = single ? PREFER_SINGLE_PARCEL : PREFER_NONE;
    uint64_t request = shop_send(shop, &command->head);
    free(command);
    return request;
}

/* One bit for each warehouse that the order's lines are in, by the digit of its name. */
static uint32_t placed_in(struct shop *shop, const char *id)
{
    const struct result_order *order = (const void *)shop_get(shop, id);
    uint32_t in = 0;
    assert_int_equal(order->head.code, CODE_OK);
    for (uint32_t i = 0; i < order->line_count; i++)
        in |= 1u << (shard_warehouse(shop->shards[0], order->lines[i].warehouse).at[1] - '0');
    return in;
}

static uint32_t place(struct shop *shop, const char *id, const uint32_t *skus, uint32_t units,
                      bool single)
{
    uint64_t request = send(shop, id, skus, units, single);
    shop_run(shop);
    assert_int_equal(shop_answer(shop, request)->code, CODE_CREATED);
    return placed_in(shop, id);
}

/* w1, tried first, has all SKUs but the last; w2 and w3 have so many of all. */
static void open_three(struct shop *shop, uint32_t *skus, uint64_t units)
{
    shop_stock_up(shop, skus, SKUS, 0);
    shop_warehouse(shop, "w2", 2);
    shop_warehouse(shop, "w3", 3);
    for (uint32_t i = 0; i < SKUS; i++) {
        if (i < SKUS - 1)
            shop_receive(shop, skus[i], "w1", 100);
        if (units > 0) {
            shop_receive(shop, skus[i], "w2", units);
            shop_receive(shop, skus[i], "w3", units);
        }
    }
}

static void an_order_that_prefers_one_parcel_comes_from_one_warehouse_if_any_can(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[SKUS];
        open_three(shop, skus, 5);
        assert_int_equal(place(shop, "o-1", skus, 1, false), 1u << 1 | 1u << 2);
        assert_int_equal(place(shop, "o-2", skus, 4, true), 1u << 2);
        assert_int_equal(place(shop, "o-3", skus, 4, true), 1u << 3);
    }
}

static void the_one_warehouse_is_the_cheapest_for_the_region(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[SKUS];
        open_three(shop, skus, 5);
        const struct shop_cost costs[] = {{"w2", {{9, 1}}, 1}, {"w3", {{8, 1}}, 1}};
        shop_costs(shop, "sh", costs, 2);
        union shop_command *command = malloc(sizeof *command);
        const char *texts[ORDER_TEXTS] = {
            [ORDER_ID] = "o-1", [ORDER_CUSTOMER] = "c1", [ORDER_REGION] = "sh"};
        struct shop_line lines[SKUS];
        for (uint32_t i = 0; i < SKUS; i++)
            lines[i] = (struct shop_line){skus[i], 1, 1};
        shop_order_texts(command, texts, lines, SKUS);
        command->create.prefer = PREFER_SINGLE_PARCEL;
        assert_int_equal(shop_ask(shop, &command->head)->code, CODE_CREATED);
        free(command);
        assert_int_equal(placed_in(shop, "o-1"), 1u << 3);
    }
}

static void where_no_warehouse_can_ship_all_it_is_chosen_line_by_line(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[SKUS];
        open_three(shop, skus, 0);
        shop_receive(shop, skus[SKUS - 1], "w3", 2);
        assert_int_equal(place(shop, "o-1", skus, 2, true), 1u << 1 | 1u << 3);
        uint64_t request = send(shop, "o-2", skus, 1, true);
        shop_run(shop);
        assert_int_equal(shop_answer(shop, request)->code, CODE_OUT_OF_STOCK);
    }
}

/* Two see the same warehouse able; who comes too late is placed all the same. */
static void who_loses_the_one_warehouse_to_another_is_placed_line_by_line(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[SKUS];
        const char *ids[] = {"o-0", "o-1", "o-2", "o-3"};
        uint64_t requests[4];
        uint32_t alone = 0;
        open_three(shop, skus, 0);
        for (uint32_t i = 0; i < SKUS; i++)
            shop_receive(shop, skus[i], "w2", 1);
        shop_receive(shop, skus[SKUS - 1], "w3", 3);
        for (uint32_t i = 0; i < 4; i++)
            requests[i] = send(shop, ids[i], skus, 1, true);
        shop_run(shop);
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(shop_answer(shop, requests[i])->code, CODE_CREATED);
            alone += placed_in(shop, ids[i]) == 1u << 2;
        }
        assert_true(alone <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_that_prefers_one_parcel_comes_from_one_warehouse_if_any_can),
        cmocka_unit_test(the_one_warehouse_is_the_cheapest_for_the_region),
        cmocka_unit_test(where_no_warehouse_can_ship_all_it_is_chosen_line_by_line),
        cmocka_unit_test(who_loses_the_one_warehouse_to_another_is_placed_line_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
