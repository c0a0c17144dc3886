#include "tests/unit/core/parcels.h"

static const uint64_t day_ns = UINT64_C(86400) * 1000000000;

/* `remainder_days`: how long something is left of an order that has left. */
static struct shop *open_with(uint64_t remainder_days, uint32_t shard_count, uint64_t seed)
{
    struct shard_options options = shop_options();
    options.retention_ns = 10 * day_ns;
    options.remainder_ns = remainder_days * day_ns;
    options.confirm_deadline_ns = 7 * day_ns;
    options.order_count_max = 600;
    return shop_open_with(&options, shard_count, seed);
}

static struct shop *open_shop(uint32_t shard_count, uint64_t seed)
{
    return open_with(0, shard_count, seed);
}

#define EACH_SHOP_OF(seed, shop, remainder_days)                                                   \
    for (uint64_t seed = 0; seed < SHOP_SEEDS; seed++)                                             \
        for (struct shop *shop = open_with((remainder_days), shop_sizes[seed % 3], seed);          \
             shop != NULL;                                                                         \
             shop_audit(shop), shop_assert_replays(shop), shop_close(shop), shop = NULL)
#define EACH_KEEPER(seed, shop) EACH_SHOP_OF(seed, shop, 0)

/* Long enough for a walk over all tables. */
static void look_around(struct shop *shop)
{
    for (uint32_t i = 0; i < 40; i++) {
        shop->now_ns += 2000000;
        shop_wake(shop);
    }
    shop_run(shop);
}

static uint64_t bytes_of(const struct shop *shop)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < shop->shard_count; i++)
        bytes += shard_counts(shop->shards[i]).order_bytes;
    return bytes;
}

static void an_order_that_is_over_leaves_when_the_retention_has_passed(void **state)
{
    (void)state;
    EACH_KEEPER(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        const struct shop_line line = {sku, 1, 1};
        shop_order(shop, "o-1", &line, 1);
        shop_order(shop, "o-2", &line, 1);
        shop_cancel(shop, "o-1", NULL, 0, "");
        parcel_pay(shop, "o-2");
        shop->now_ns += 9 * day_ns;
        shop_run(shop);
        look_around(shop);
        assert_int_equal(shop_get(shop, "o-1")->code, CODE_OK);
        shop->now_ns += day_ns;
        look_around(shop);
        assert_int_equal(shop_get(shop, "o-1")->code, CODE_NOT_FOUND);
        shop->now_ns += 100 * day_ns;
        look_around(shop);
        assert_int_equal(shop_get(shop, "o-2")->code, CODE_OK);
        assert_int_equal(shop_stock(shop, sku).committed, 1);
    }
}

static void what_hangs_from_an_order_leaves_with_it_and_gives_its_memory_back(void **state)
{
    (void)state;
    EACH_KEEPER(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1")->code, CODE_CREATED);
        parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1");
        parcel_scan(shop, "o", "s-1", "in_transit", shop->now_ns);
        parcel_scan(shop, "o", "s-1", "at_the_door", shop->now_ns);
        parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1");
        assert_int_equal(parcel_order(shop, "o")->state, ORDER_DELIVERED);
        shop_act(shop, OP_ORDER_CONFIRM, "o", 0, "");
        assert_int_equal(parcel_order(shop, "o")->state, ORDER_COMPLETED);
        assert_true(bytes_of(shop) > 0);
        shop->now_ns += 11 * day_ns;
        shop_run(shop);
        look_around(shop);
        assert_int_equal(shop_get(shop, "o")->code, CODE_NOT_FOUND);
        assert_int_equal(bytes_of(shop), 0);
    }
}

/* ---- remainders -------------------------------------------------------------------------------- */

/* Two lines of 3 and 2 units at 100; one unit is given up, the rest is sent, delivered, confirmed. */
static const struct shop_line *complete_order(struct shop *shop)
{
    static struct shop_line lines[2];
    uint32_t skus[2];
    shop_stock_up(shop, skus, 2, 50);
    lines[0] = (struct shop_line){skus[0], 3, 100};
    lines[1] = (struct shop_line){skus[1], 2, 100};
    assert_int_equal(shop_order(shop, "o", lines, 2)->code, CODE_CREATED);
    const struct cancel_line one = {.line = 1, .units = 1};
    assert_int_equal(shop_cancel(shop, "o", &one, 1, "k-1")->code, CODE_OK);
    parcel_pay(shop, "o");
    parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1");
    parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1");
    parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1");
    assert_int_equal(shop_act(shop, OP_ORDER_CONFIRM, "o", 0, "")->code, CODE_OK);
    return lines;
}

static void what_is_left_of_an_order_answers_retries_and_queries(void **state)
{
    (void)state;
    EACH_SHOP_OF(seed, shop, 20)
    {
        const struct shop_line *lines = complete_order(shop);
        uint64_t closed_ns = shop->now_ns;
        uint64_t before = bytes_of(shop);
        shop->now_ns += 11 * day_ns;
        shop_run(shop);
        look_around(shop);
        assert_int_equal(shop_events(shop, EVENT_ORDERS_SHRUNK), 1);
        assert_true(bytes_of(shop) * 3 < before);
        const struct result_order *order = parcel_order(shop, "o");
        assert_int_equal(order->state, ORDER_COMPLETED);
        assert_int_equal(order->total, 400);
        assert_int_equal(order->stage_ns[STAGE_CLOSED], closed_ns);
        assert_int_equal(order->line_count, 0);
        assert_int_equal(order->adjustment_count, 0);
        assert_int_equal(order->child_count, 0);
        assert_memory_equal(result_order_text(order, ORDER_CUSTOMER).at, "c778812", 7);
        const struct result_placed *again = (const void *)shop_order(shop, "o", lines, 2);
        assert_int_equal(again->head.code, CODE_REPLAYED);
        assert_int_equal(again->total, 500);
        assert_int_equal(again->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(shop_order(shop, "o", lines, 1)->code, CODE_KEY_REUSED);
    }
}

static void what_is_left_of_an_order_leaves_in_its_time(void **state)
{
    (void)state;
    EACH_SHOP_OF(seed, shop, 20)
    {
        const struct shop_line *lines = complete_order(shop);
        for (uint32_t day = 0; day < 29; day += 7) {
            shop->now_ns += 7 * day_ns - (day == 0);
            shop_run(shop);
            look_around(shop);
            assert_int_equal(shop_get(shop, "o")->code, day < 28 ? CODE_OK : CODE_NOT_FOUND);
        }
        assert_int_equal(bytes_of(shop), 0);
        assert_int_equal(shop_stock(shop, lines[0].sku).free, 48);
        assert_int_equal(shop_order(shop, "o", lines, 1)->code, CODE_CREATED);
    }
}

/* Money that is late by so much is for the merchant to look at: its payment is not known any more. */
static void what_is_left_of_an_order_takes_no_moves(void **state)
{
    (void)state;
    EACH_SHOP_OF(seed, shop, 20)
    {
        complete_order(shop);
        shop->now_ns += 11 * day_ns;
        shop_run(shop);
        look_around(shop);
        struct shop_money said = {.order = "o", .payment = "p-1", .method = "alipay"};
        said.amount = 400;
        assert_int_equal(shop_money(shop, OP_PAYMENT_CREATE, said)->code, CODE_NOT_FOUND);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_ILLEGAL);
        assert_int_equal(shop_act(shop, OP_ORDER_CONFIRM, "o", 0, "")->code, CODE_ILLEGAL);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_GET, "o", "s-1")->code, CODE_NOT_FOUND);
        assert_int_equal(parcel_choose(shop, OP_RETURN_CREATE, "o", "r-1", RETURN_GOODS)->code,
                         CODE_NOT_FOUND);
    }
}

static void an_order_with_an_open_refund_stays(void **state)
{
    (void)state;
    EACH_KEEPER(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        shop_cancel(shop, "o", NULL, 0, "");
        assert_int_equal(parcel_refunds(shop, "o"), 500);
        shop->now_ns += 50 * day_ns;
        shop_run(shop);
        look_around(shop);
        assert_int_equal(parcel_order(shop, "o")->state, ORDER_CANCELLED);
        const struct result *payment =
            shop_money(shop, OP_PAYMENT_GET, (struct shop_money){.order = "o", .payment = "p-1"});
        const struct child_refund *refund =
            (const void *)child_next(result_children((const void *)payment));
        char id[ID_BYTES_MAX + 1] = {0};
        memcpy(id, refund + 1, refund->head.id_bytes);
        struct shop_money done = {.order = "o", .payment = "p-1", .refund = id};
        assert_int_equal(shop_money(shop, OP_REFUND_SUCCEED, done)->code, CODE_OK);
        look_around(shop);
        assert_int_equal(shop_get(shop, "o")->code, CODE_NOT_FOUND);
        assert_int_equal(bytes_of(shop), 0);
    }
}

/* Whichever leave: the oldest, the newest, or one between. */
static void the_other_orders_of_a_customer_are_still_listed(void **state)
{
    (void)state;
    EACH_KEEPER(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 50);
        const struct shop_line line = {sku, 1, 1};
        uint32_t left = 0;
        for (uint32_t i = 0; i < 12; i++) {
            char id[8];
            snprintf(id, sizeof id, "o-%u", i);
            shop_order(shop, id, &line, 1);
            bool stays = (seed + i) % 3 == 0;
            left += stays;
            if (stays)
                parcel_pay(shop, id);
        }
        shop->now_ns += 20 * day_ns;
        shop_run(shop);
        shop->now_ns += 20 * day_ns;
        look_around(shop);
        uint32_t listed = 0;
        for (uint32_t shard = 0; shard < shop->shard_count; shard++) {
            union shop_command command;
            memset(&command, 0, sizeof command.list + 16);
            command.list.slot = (uint16_t)shard; /* slot_shard[i] is i % shard_count */
            command.list.limit = 50;
            command.list.customer_bytes = 7;
            memcpy(&command.list + 1, "c778812", 7);
            shop_head(&command.head, OP_ORDER_LIST, sizeof command.list + 7);
            listed += ((const struct result_orders *)(const void *)shop_ask(shop, &command.head))
                          ->order_count;
        }
        assert_int_equal(listed, left);
    }
}

static void a_full_table_has_room_again(void **state)
{
    (void)state;
    struct shop *shop = open_shop(1, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 5000);
    const struct shop_line line = {sku, 1, 1};
    uint32_t refused = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        char id[16];
        snprintf(id, sizeof id, "o-%u", i);
        enum code code = (enum code)shop_order(shop, id, &line, 1)->code;
        if (code == CODE_CREATED)
            continue;
        assert_int_equal(code, CODE_FULL);
        refused++;
        shop->now_ns += 11 * day_ns;
        shop_run(shop);
        shop->now_ns += 11 * day_ns;
        look_around(shop);
    }
    assert_in_range(refused, 1, 4);
    shop_audit(shop);
    shop_close(shop);
}

/* ---- windows of limits ------------------------------------------------------------------------- */

static uint64_t limits_of(const struct shop *shop)
{
    uint64_t limits = 0;
    for (uint32_t i = 0; i < shop->shard_count; i++)
        limits += shard_counts(shop->shards[i]).limits;
    return limits;
}

/* At most 3 units a buyer and hour. */
static uint32_t open_limited(struct shop *shop)
{
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 500);
    union shop_command command;
    shop_sku_of(&command, "S0");
    command.put.max_per_customer = 3;
    command.put.customer_window_s = 3600;
    assert_int_equal(shop_ask(shop, &command.head)->code, CODE_OK);
    return sku;
}

static void windows_that_are_over_leave_and_the_present_one_stays(void **state)
{
    (void)state;
    EACH_KEEPER(seed, shop)
    {
        uint32_t sku = open_limited(shop);
        const struct shop_line two = {sku, 2, 1};
        assert_int_equal(shop_order(shop, "o-1", &two, 1)->code, CODE_CREATED);
        parcel_pay(shop, "o-1");
        shop->now_ns += UINT64_C(3600) * 1000000000;
        look_around(shop);
        assert_int_equal(limits_of(shop), 1);
        shop->now_ns += 2 * day_ns;
        assert_int_equal(shop_order(shop, "o-2", &two, 1)->code, CODE_CREATED);
        parcel_pay(shop, "o-2");
        look_around(shop);
        assert_int_equal(limits_of(shop), 1);
        assert_int_equal(shop_events(shop, EVENT_WINDOWS_FORGOTTEN), 1);
        assert_int_equal(shop_order(shop, "o-3", &two, 1)->code, CODE_LIMIT);
    }
}

static void what_is_given_up_of_a_forgotten_window_is_not_counted_twice(void **state)
{
    (void)state;
    EACH_KEEPER(seed, shop)
    {
        uint32_t sku = open_limited(shop);
        const struct shop_line two = {sku, 2, 1};
        shop_order(shop, "o-1", &two, 1);
        parcel_pay(shop, "o-1");
        shop->now_ns += 3 * day_ns;
        look_around(shop);
        assert_int_equal(limits_of(shop), 0);
        assert_int_equal(shop_order(shop, "o-2", &two, 1)->code, CODE_CREATED);
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(shop_order(shop, "o-3", &two, 1)->code, CODE_LIMIT);
        assert_int_equal(shop_stock(shop, sku).free, 498);
    }
}

/* A window so long that it would begin at the floor or before. */
static void a_limit_that_gets_a_longer_window_counts_from_the_floor_on(void **state)
{
    (void)state;
    EACH_KEEPER(seed, shop)
    {
        uint32_t sku = open_limited(shop);
        const struct shop_line two = {sku, 2, 1};
        shop_order(shop, "o-1", &two, 1);
        parcel_pay(shop, "o-1");
        shop->now_ns += 3 * day_ns;
        look_around(shop);
        union shop_command command;
        shop_sku_of(&command, "S0");
        command.put.max_per_customer = 3;
        command.put.customer_window_s = 2000000000;
        assert_int_equal(shop_ask(shop, &command.head)->code, CODE_OK);
        assert_int_equal(shop_order(shop, "o-2", &two, 1)->code, CODE_CREATED);
        assert_int_equal(shop_order(shop, "o-3", &two, 1)->code, CODE_LIMIT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_that_is_over_leaves_when_the_retention_has_passed),
        cmocka_unit_test(what_hangs_from_an_order_leaves_with_it_and_gives_its_memory_back),
        cmocka_unit_test(what_is_left_of_an_order_answers_retries_and_queries),
        cmocka_unit_test(what_is_left_of_an_order_leaves_in_its_time),
        cmocka_unit_test(what_is_left_of_an_order_takes_no_moves),
        cmocka_unit_test(an_order_with_an_open_refund_stays),
        cmocka_unit_test(the_other_orders_of_a_customer_are_still_listed),
        cmocka_unit_test(a_full_table_has_room_again),
        cmocka_unit_test(windows_that_are_over_leave_and_the_present_one_stays),
        cmocka_unit_test(what_is_given_up_of_a_forgotten_window_is_not_counted_twice),
        cmocka_unit_test(a_limit_that_gets_a_longer_window_counts_from_the_floor_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
