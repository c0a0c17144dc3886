#include "core/order.h"
#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

static const uint64_t minute_ns = UINT64_C(60) * 1000000000;

/* Deadlines after 30 minutes; up to 15 minutes of grace. */
static struct shop *open_shop(uint32_t shard_count, uint64_t seed)
{
    struct shard_options options = shop_options();
    options.expiry_grace_ns = 15 * minute_ns;
    struct shop *shop = shop_open_with(&options, shard_count, seed);
    shop->clock_ns = 1000;
    shop_wake(shop);
    return shop;
}

#define EACH_SERVER(seed, shop)                                                                    \
    for (uint64_t seed = 0; seed < SHOP_SEEDS; seed++)                                             \
        for (struct shop *shop = open_shop(shop_sizes[seed % 3], seed); shop != NULL;              \
             shop_audit(shop), shop_assert_replays(shop), shop_close(shop), shop = NULL)

static void pass(struct shop *shop, uint64_t ns)
{
    shop->now_ns += ns;
    shop->clock_ns += ns;
    shop_wake(shop);
    shop_run(shop);
}

static void place(struct shop *shop, const char *id)
{
    uint32_t sku = shop_sku(shop, "S0");
    const struct shop_line line = {sku, 1, 1};
    assert_int_equal(shop_order(shop, id, &line, 1)->code, CODE_CREATED);
}

static enum order_state state_of(struct shop *shop, const char *id)
{
    return (enum order_state)((const struct result_order *)(const void *)shop_get(shop, id))->state;
}

/* `again` is the shop after its end: so much later. */
static struct shop *start_later(struct shop *again, uint64_t down_ns)
{
    again->now_ns += down_ns;
    again->clock_ns = 5;
    shop_wake(again);
    shop_run(again);
    return again;
}

/* The same shop again, from its log. */
static struct shop *start_again(struct shop *shop, uint64_t down_ns)
{
    return start_later(shop_kill(shop, 2), down_ns);
}

static void after_down_time_deadlines_are_extended_by_it(void **state)
{
    (void)state;
    struct shop *shop = open_shop(1, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    place(shop, "o-1");
    shop = start_again(shop, 10 * minute_ns);
    pass(shop, 29 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_PENDING_PAYMENT);
    pass(shop, 2 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_EXPIRED);
    shop_assert_replays(shop);
    shop_close(shop);
}

/* A snapshot does not say when somebody was there for the last time: its newest order does. */
static void
after_down_time_a_loaded_shop_extends_by_what_has_passed_since_its_newest_order(void **state)
{
    (void)state;
    struct shop *shop = open_shop(1, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    place(shop, "o-1");
    pass(shop, 5 * minute_ns);
    place(shop, "o-2");
    shop = start_later(shop_reopen(shop, 1), 10 * minute_ns);
    pass(shop, 24 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_PENDING_PAYMENT);
    pass(shop, 2 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_EXPIRED);
    assert_int_equal(state_of(shop, "o-2"), ORDER_PENDING_PAYMENT);
    shop_assert_replays(shop);
    shop_close(shop);
}

static void deadlines_are_extended_by_no_more_than_the_grace(void **state)
{
    (void)state;
    struct shop *shop = open_shop(1, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    place(shop, "o-1");
    shop = start_again(shop, 40 * minute_ns);
    const struct result_order *order = (const void *)shop_get(shop, "o-1");
    assert_int_equal(order->expires_ns, order->stage_ns[STAGE_CREATED] + 45 * minute_ns);
    pass(shop, 4 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_PENDING_PAYMENT);
    pass(shop, 2 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_EXPIRED);
    shop_assert_replays(shop);
    shop_close(shop);
}

static void two_times_of_down_time_count_both(void **state)
{
    (void)state;
    struct shop *shop = open_shop(1, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    place(shop, "o-1");
    shop = start_again(shop, 10 * minute_ns);
    pass(shop, 20 * minute_ns);
    place(shop, "o-2");
    shop = start_again(shop, 10 * minute_ns);
    pass(shop, 9 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_PENDING_PAYMENT);
    pass(shop, 2 * minute_ns);
    assert_int_equal(state_of(shop, "o-1"), ORDER_EXPIRED);
    assert_int_equal(state_of(shop, "o-2"), ORDER_PENDING_PAYMENT);
    shop_assert_replays(shop);
    shop_close(shop);
}

/* What was to end minutes apart still does. */
static void a_clock_that_jumps_forward_does_not_end_everything_at_once(void **state)
{
    (void)state;
    EACH_SERVER(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        place(shop, "o-1");
        pass(shop, 8 * minute_ns);
        place(shop, "o-2");
        pass(shop, 10 * minute_ns);
        shop->now_ns += 14 * minute_ns;
        shop_wake(shop);
        shop_run(shop);
        assert_true(shop_events(shop, EVENT_DEADLINES_EXTENDED) > 0);
        assert_int_equal(state_of(shop, "o-1"), ORDER_PENDING_PAYMENT);
        pass(shop, 13 * minute_ns);
        assert_int_equal(state_of(shop, "o-1"), ORDER_EXPIRED);
        assert_int_equal(state_of(shop, "o-2"), ORDER_PENDING_PAYMENT);
        pass(shop, 8 * minute_ns);
        assert_int_equal(state_of(shop, "o-2"), ORDER_EXPIRED);
    }
}

static void time_that_passes_by_itself_extends_nothing(void **state)
{
    (void)state;
    EACH_SERVER(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        place(shop, "o-1");
        pass(shop, 29 * minute_ns);
        assert_int_equal(state_of(shop, "o-1"), ORDER_PENDING_PAYMENT);
        pass(shop, 2 * minute_ns);
        assert_int_equal(state_of(shop, "o-1"), ORDER_EXPIRED);
        assert_int_equal(shop_events(shop, EVENT_DEADLINES_EXTENDED), 0);
    }
}

static void a_clock_that_goes_back_extends_nothing_and_loses_nothing(void **state)
{
    (void)state;
    EACH_SERVER(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        place(shop, "o-1");
        shop->now_ns -= 60 * minute_ns;
        pass(shop, 10 * minute_ns);
        assert_int_equal(state_of(shop, "o-1"), ORDER_PENDING_PAYMENT);
        pass(shop, 81 * minute_ns);
        assert_int_equal(state_of(shop, "o-1"), ORDER_EXPIRED);
        assert_int_equal(shop_events(shop, EVENT_DEADLINES_EXTENDED), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_down_time_deadlines_are_extended_by_it),
        cmocka_unit_test(
            after_down_time_a_loaded_shop_extends_by_what_has_passed_since_its_newest_order),
        cmocka_unit_test(deadlines_are_extended_by_no_more_than_the_grace),
        cmocka_unit_test(two_times_of_down_time_count_both),
        cmocka_unit_test(a_clock_that_jumps_forward_does_not_end_everything_at_once),
        cmocka_unit_test(time_that_passes_by_itself_extends_nothing),
        cmocka_unit_test(a_clock_that_goes_back_extends_nothing_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
