/* Payments and refunds: through commands, on one to four shards, and again after recovery. */
#include "tests/unit/core/shop.h"

static const struct result_order *order_of(struct shop *shop, const char *id)
{
    const struct result *result = shop_get(shop, id);
    assert_int_equal(result->kind, RESULT_ORDER);
    return (const void *)result;
}

static const struct child_payment *payment_of(const struct result *result)
{
    assert_int_equal(result->kind, RESULT_CHILD);
    const struct child *child = result_children((const void *)result);
    assert_int_equal(child->kind, CHILD_PAYMENT);
    return (const void *)child;
}

/* Two units at 1999 each. */
static uint32_t order_two(struct shop *shop, const char *id)
{
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    assert_int_equal(shop_order(shop, id, &(struct shop_line){sku, 2, 1999}, 1)->code,
                     CODE_CREATED);
    return sku;
}

static void a_captured_payment_makes_its_order_paid_and_commits_its_stock(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        const struct shop_money p1 = {
            .order = "o-1", .payment = "p-1", .method = "alipay", .amount = 3998};
        const struct result *result = shop_money(shop, OP_PAYMENT_CREATE, p1);
        assert_int_equal(result->code, CODE_CREATED);
        assert_int_equal(payment_of(result)->head.state, PAYMENT_CREATED);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(shop_stock(shop, sku).reserved, 2);

        result = shop_money(shop, OP_PAYMENT_CAPTURE,
                            (struct shop_money){.order = "o-1", .payment = "p-1"});
        assert_int_equal(result->code, CODE_OK);
        const struct child_payment *payment = payment_of(result);
        assert_int_equal(payment->head.state, PAYMENT_CAPTURED);
        assert_int_equal(payment->authorized, 3998);
        assert_int_equal(payment->captured, 3998);
        const struct result_order *order = order_of(shop, "o-1");
        assert_int_equal(order->state, ORDER_PAID);
        assert_int_equal(order->version, 3);
        assert_int_equal(order->stage_ns[STAGE_PAID], shop->now_ns);
        assert_int_equal(order->expires_ns, 0);
        assert_int_equal(order->child_count, 1);
        assert_int_equal(shop_stock(shop, sku).reserved, 0);
        assert_int_equal(shop_stock(shop, sku).committed, 2);
    }
}

static void a_cancelled_paid_order_gives_its_stock_and_its_money_back(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        shop_money(shop, OP_PAYMENT_CREATE,
                   (struct shop_money){.order = "o-1", .payment = "p-1", .amount = 3998});
        shop_money(shop, OP_PAYMENT_CAPTURE, (struct shop_money){.order = "o-1", .payment = "p-1"});
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_OK);
        const struct result_order *order = order_of(shop, "o-1");
        assert_int_equal(order->state, ORDER_CANCELLED);
        assert_int_equal(order->child_count, 2);
        const struct child_payment *payment = (const void *)result_order_children(order);
        assert_int_equal(payment->refund_pending, 3998);
        assert_int_equal(shop_stock(shop, sku).free, 10);
        assert_int_equal(shop_stock(shop, sku).committed, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_captured_payment_makes_its_order_paid_and_commits_its_stock),
        cmocka_unit_test(a_cancelled_paid_order_gives_its_stock_and_its_money_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
