/* Returns: through commands, on one to four shards, and again after recovery. */
#include "tests/unit/core/parcels.h"

#include "core/order.h"
#include "core/return.h"

static const struct child_return *return_of(const struct result *result)
{
    return (const void *)parcel_child(result, CHILD_RETURN);
}

static enum return_state return_is(struct shop *shop, const char *id)
{
    return (enum return_state)return_of(parcel_do(shop, OP_RETURN_GET, "o", id))->head.state;
}

/* Order "o", paid, sent and delivered. */
static void delivered(struct shop *shop, uint32_t skus[2])
{
    parcel_paid(shop, skus);
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1")->code, CODE_CREATED);
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1")->code, CODE_OK);
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1")->code, CODE_OK);
    assert_int_equal(parcel_order(shop, "o")->state, ORDER_DELIVERED);
}

static const struct result *ask(struct shop *shop, const char *id, enum parcel_choice kind,
                                uint32_t line, uint32_t units)
{
    return parcel(shop, OP_RETURN_CREATE,
                  (struct parcel_said){.order = "o",
                                       .id = id,
                                       .choice = (uint8_t)kind,
                                       .line_count = 1,
                                       .lines = {{.line = line, .units = units}}});
}

static const struct result *inspect(struct shop *shop, const char *id, uint32_t line,
                                    uint32_t accepted, uint32_t rejected)
{
    return parcel(
        shop, OP_RETURN_INSPECT,
        (struct parcel_said){.order = "o",
                             .id = id,
                             .line_count = 1,
                             .lines = {{.line = line, .units = accepted, .rejected = rejected}}});
}

static void receive(struct shop *shop, const char *id)
{
    assert_int_equal(parcel_do(shop, OP_RETURN_APPROVE, "o", id)->code, CODE_OK);
    assert_int_equal(parcel_do(shop, OP_RETURN_SHIP, "o", id)->code, CODE_OK);
    assert_int_equal(parcel_do(shop, OP_RETURN_RECEIVE, "o", id)->code, CODE_OK);
}

static void what_comes_back_is_quarantined_and_what_is_accepted_is_paid_back(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        delivered(shop, skus);
        const struct result *result = ask(shop, "r-1", RETURN_GOODS, 2, 3);
        assert_int_equal(result->code, CODE_CREATED);
        assert_int_equal(return_of(result)->head.state, RETURN_REQUESTED);
        receive(shop, "r-1");
        assert_int_equal(return_is(shop, "r-1"), RETURN_RECEIVED);
        assert_int_equal(shop_stock(shop, skus[1]).quarantined, 3);
        assert_int_equal(shop_stock(shop, skus[1]).free, 7);
        assert_int_equal(inspect(shop, "r-1", 2, 2, 2)->code, CODE_INVALID);
        assert_int_equal(inspect(shop, "r-1", 1, 2, 1)->code, CODE_INVALID);
        const struct child_return *inspected = return_of(inspect(shop, "r-1", 2, 2, 1));
        assert_int_equal(inspected->head.state, RETURN_REFUNDING);
        assert_int_equal(inspected->lines[0].accepted, 2);
        assert_int_equal(inspected->lines[0].rejected, 1);
        assert_int_equal(parcel_refunds(shop, "o"), 200);
        const struct result_order *order = parcel_order(shop, "o");
        assert_int_equal(order->state, ORDER_DELIVERED);
        assert_int_equal(order->lines[1].returned, 2);
        assert_int_equal(order->total, 500);
        /* It is closed when its money has arrived. */
        assert_int_equal(parcel_do(shop, OP_RETURN_CLOSE, "o", "r-1")->code, CODE_ILLEGAL);
        assert_int_equal(
            shop_money(shop, OP_REFUND_SUCCEED,
                       (struct shop_money){.order = "o", .payment = "p-1", .refund = "auto-1"})
                ->code,
            CODE_OK);
        assert_int_equal(parcel_do(shop, OP_RETURN_CLOSE, "o", "r-1")->code, CODE_OK);
        assert_int_equal(return_is(shop, "r-1"), RETURN_CLOSED);
    }
}

static void no_unit_is_returned_twice(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        delivered(shop, skus);
        assert_int_equal(ask(shop, "r-1", RETURN_GOODS, 2, 2)->code, CODE_CREATED);
        assert_int_equal(ask(shop, "r-2", RETURN_GOODS, 2, 2)->code, CODE_INVALID);
        assert_int_equal(ask(shop, "r-2", RETURN_REFUND_ONLY, 2, 1)->code, CODE_CREATED);
        assert_int_equal(ask(shop, "r-3", RETURN_GOODS, 2, 1)->code, CODE_INVALID);
        /* What is refused stays with the buyer, and can be asked for again. */
        assert_int_equal(parcel_do(shop, OP_RETURN_REFUSE, "o", "r-1")->code, CODE_OK);
        assert_int_equal(ask(shop, "r-3", RETURN_GOODS, 2, 2)->code, CODE_CREATED);
        assert_int_equal(ask(shop, "r-4", RETURN_GOODS, 2, 1)->code, CODE_INVALID);
        /* So is what an inspection has rejected. */
        receive(shop, "r-3");
        assert_int_equal(inspect(shop, "r-3", 2, 0, 2)->code, CODE_OK);
        assert_int_equal(return_is(shop, "r-3"), RETURN_INSPECTED);
        assert_int_equal(parcel_refunds(shop, "o"), 0);
        assert_int_equal(ask(shop, "r-4", RETURN_GOODS, 2, 2)->code, CODE_CREATED);
    }
}

static void only_what_has_been_delivered_can_be_returned(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        assert_int_equal(ask(shop, "r-1", RETURN_GOODS, 1, 1)->code, CODE_INVALID);
        const struct parcel_said all = {.order = "o", .id = "r-1", .choice = RETURN_GOODS};
        assert_int_equal(parcel(shop, OP_RETURN_CREATE, all)->code, CODE_LIMIT);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1")->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1")->code, CODE_OK);
        assert_int_equal(ask(shop, "r-1", RETURN_GOODS, 1, 1)->code, CODE_INVALID);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1")->code, CODE_OK);
        assert_int_equal(parcel(shop, OP_RETURN_CREATE, all)->code, CODE_CREATED);
        assert_int_equal(parcel(shop, OP_RETURN_CREATE, all)->code, CODE_REPLAYED);
        assert_int_equal(ask(shop, "r-1", RETURN_GOODS, 1, 1)->code, CODE_KEY_REUSED);
        assert_int_equal(parcel_do(shop, OP_RETURN_RECEIVE, "o", "r-1")->code, CODE_ILLEGAL);
        assert_int_equal(parcel_do(shop, OP_RETURN_APPROVE, "o", "r-9")->code, CODE_NOT_FOUND);
    }
}

static void a_return_that_never_came_can_be_closed(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        delivered(shop, skus);
        assert_int_equal(ask(shop, "r-1", RETURN_GOODS, 2, 3)->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_RETURN_CLOSE, "o", "r-1")->code, CODE_ILLEGAL);
        assert_int_equal(parcel_do(shop, OP_RETURN_APPROVE, "o", "r-1")->code, CODE_OK);
        assert_int_equal(parcel_do(shop, OP_RETURN_CLOSE, "o", "r-1")->code, CODE_OK);
        assert_int_equal(return_is(shop, "r-1"), RETURN_CLOSED);
        assert_int_equal(parcel_refunds(shop, "o"), 0);
        assert_int_equal(ask(shop, "r-2", RETURN_GOODS, 2, 3)->code, CODE_CREATED);
    }
}

static void money_alone_comes_back_without_goods(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        delivered(shop, skus);
        assert_int_equal(ask(shop, "r-1", RETURN_REFUND_ONLY, 1, 1)->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_RETURN_APPROVE, "o", "r-1")->code, CODE_OK);
        assert_int_equal(return_is(shop, "r-1"), RETURN_REFUNDING);
        assert_int_equal(parcel_refunds(shop, "o"), 100);
        assert_int_equal(shop_stock(shop, skus[0]).quarantined, 0);
        assert_int_equal(parcel_do(shop, OP_RETURN_RECEIVE, "o", "r-1")->code, CODE_ILLEGAL);
    }
}

/* A discount on the whole order is not paid out with the first line that comes back. */
static void a_return_pays_back_no_more_than_the_order_costs_less_without_it(void **state)
{
    (void)state;
    struct shop *shop = shop_open(2, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    union shop_command command;
    memset(&command, 0, sizeof command);
    struct order_create *create = &command.create;
    create->currency = CURRENCY('C', 'N', 'Y');
    create->line_count = 1;
    create->adjustment_count = 1;
    create->lines[0] = (struct command_line){sku, 2, 100};
    struct adjustment *discount = (void *)(create->lines + 1);
    *discount = (struct adjustment){.amount = -150, .kind = ADJUST_DISCOUNT};
    create->text_bytes[ORDER_ID] = create->text_bytes[ORDER_CUSTOMER] = 1;
    memcpy(discount + 1, "oc", 2);
    shop_head(&create->head, OP_ORDER_CREATE,
              sizeof *create + sizeof create->lines[0] + sizeof *discount + 2);
    assert_int_equal(shop_ask(shop, &command.head)->code, CODE_CREATED);
    parcel_pay(shop, "o");
    parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1");
    parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1");
    parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1");
    assert_int_equal(ask(shop, "r-1", RETURN_REFUND_ONLY, 1, 1)->code, CODE_CREATED);
    assert_int_equal(parcel_do(shop, OP_RETURN_APPROVE, "o", "r-1")->code, CODE_OK);
    assert_int_equal(parcel_refunds(shop, "o"), 50);
    shop_audit(shop);
    shop_assert_replays(shop);
    shop_close(shop);
}

static void an_open_return_stops_the_time_after_which_an_order_is_completed(void **state)
{
    (void)state;
    struct shard_options options = shop_options();
    options.confirm_deadline_ns = UINT64_C(7) * 86400 * 1000000000;
    for (uint32_t shards = 1; shards <= 4; shards *= 2) {
        struct shop *shop = shop_open_with(&options, shards, 1);
        uint32_t skus[2];
        delivered(shop, skus);
        assert_int_equal(ask(shop, "r-1", RETURN_GOODS, 1, 1)->code, CODE_CREATED);
        assert_int_equal(ask(shop, "r-2", RETURN_GOODS, 2, 1)->code, CODE_CREATED);
        assert_int_equal(parcel_order(shop, "o")->expires_ns, 0);
        shop->now_ns += 2 * options.confirm_deadline_ns;
        shop_run(shop);
        assert_int_equal(parcel_order(shop, "o")->state, ORDER_DELIVERED);
        assert_int_equal(parcel_do(shop, OP_RETURN_REFUSE, "o", "r-1")->code, CODE_OK);
        assert_int_equal(parcel_order(shop, "o")->expires_ns, 0);
        assert_int_equal(parcel_do(shop, OP_RETURN_REFUSE, "o", "r-2")->code, CODE_OK);
        assert_int_equal(parcel_order(shop, "o")->expires_ns,
                         shop->now_ns + options.confirm_deadline_ns);
        shop_assert_replays(shop);
        shop->now_ns += options.confirm_deadline_ns + (2 << 20);
        shop_run(shop);
        assert_int_equal(parcel_order(shop, "o")->state, ORDER_COMPLETED);
        /* After-sales goes on, and never changes the order. */
        assert_int_equal(ask(shop, "r-3", RETURN_REFUND_ONLY, 1, 2)->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_RETURN_APPROVE, "o", "r-3")->code, CODE_OK);
        assert_int_equal(parcel_order(shop, "o")->state, ORDER_COMPLETED);
        assert_int_equal(parcel_refunds(shop, "o"), 200);
        shop_audit(shop);
        shop_assert_replays(shop);
        shop_close(shop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_back_is_quarantined_and_what_is_accepted_is_paid_back),
        cmocka_unit_test(no_unit_is_returned_twice),
        cmocka_unit_test(only_what_has_been_delivered_can_be_returned),
        cmocka_unit_test(a_return_that_never_came_can_be_closed),
        cmocka_unit_test(money_alone_comes_back_without_goods),
        cmocka_unit_test(a_return_pays_back_no_more_than_the_order_costs_less_without_it),
        cmocka_unit_test(an_open_return_stops_the_time_after_which_an_order_is_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
