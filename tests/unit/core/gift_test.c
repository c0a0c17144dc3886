/* Orders that cost nothing: nobody has to pay for them. */
#include "tests/unit/core/parcels.h"

#include "core/order.h"

static void put_rules(struct shop *shop, const char *text)
{
    union shop_command *command = calloc(1, sizeof *command);
    command->rules.text_bytes = (uint32_t)strlen(text);
    memcpy(&command->rules + 1, text, strlen(text));
    shop_head(&command->head, OP_RULES_PUT, sizeof command->rules + strlen(text));
    assert_int_equal(shop_ask(shop, &command->head)->code, CODE_OK);
    free(command);
}

static void an_order_that_costs_nothing_is_paid_at_once_and_shipped(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 10);
        const struct shop_line lines[] = {{skus[0], 2, 0}, {skus[1], 1, 0}};
        uint64_t request = shop_send_order(shop, "o", lines, 2);
        shop_run(shop);
        const struct result_placed *placed = (const void *)shop_answer(shop, request);
        assert_int_equal(placed->head.code, CODE_CREATED);
        assert_int_equal(placed->state, ORDER_PAID);
        placed = (const void *)shop_order(shop, "o", lines, 2);
        assert_int_equal(placed->head.code, CODE_REPLAYED);
        assert_int_equal(placed->state, ORDER_PAID);
        const struct result_order *order = parcel_order(shop, "o");
        assert_int_equal(order->state, ORDER_PAID);
        assert_int_equal(order->stage_ns[STAGE_PAID], shop->now_ns);
        assert_int_equal(order->expires_ns, 0);
        assert_int_equal(shop_stock(shop, skus[0]).committed, 2);
        assert_int_equal(shop_stock(shop, skus[0]).reserved, 0);
        const struct shop_money said = {.order = "o", .payment = "p-1", .method = "alipay"};
        assert_int_equal(shop_money(shop, OP_PAYMENT_CREATE, said)->code, CODE_ILLEGAL);
        shop->now_ns += UINT64_C(86400) * 1000000000;
        shop_run(shop);
        if (seed % 2 == 0) {
            assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1")->code, CODE_CREATED);
            assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1")->code, CODE_OK);
            assert_int_equal(parcel_order(shop, "o")->state, ORDER_SHIPPED);
        } else {
            assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_OK);
            assert_int_equal(shop_stock(shop, skus[0]).free, 10);
        }
    }
}

static void gifts_count_against_limits_and_cannot_be_sold_twice(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        union shop_command command;
        shop_warehouse(shop, "w1", 1);
        shop_sku_of(&command, "S0");
        command.put.max_per_customer = 2;
        command.put.customer_window_s = 86400;
        const struct result_sku *put = (const void *)shop_ask(shop, &command.head);
        uint32_t sku = put->sku, other = shop_sku(shop, "S1");
        shop_receive(shop, sku, "w1", 3);
        shop_receive(shop, other, "w1", 3);
        const struct shop_line lines[] = {{sku, 1, 0}, {other, 1, 0}};
        uint64_t requests[4];
        uint32_t placed = 0;
        for (uint32_t i = 0; i < 4; i++) {
            char id[8];
            snprintf(id, sizeof id, "o-%u", i);
            requests[i] = shop_send_order(shop, id, lines, 2);
        }
        shop_run(shop);
        for (uint32_t i = 0; i < 4; i++)
            placed += shop_answer(shop, requests[i])->code == CODE_CREATED;
        assert_int_equal(placed, 2);
        assert_int_equal(shop_stock(shop, other).committed, 2);
        assert_int_equal(shop_stock(shop, other).held, 0);
    }
}

static void what_a_person_accepts_or_a_cancellation_leaves_at_nothing_is_paid(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 10);
        const struct shop_line mixed[] = {{skus[0], 2, 100}, {skus[1], 1, 0}};
        assert_int_equal(shop_order(shop, "o", mixed, 2)->code, CODE_CREATED);
        const struct cancel_line first = {1, 2};
        assert_int_equal(shop_cancel(shop, "o", &first, 1, "")->code, CODE_OK);
        assert_int_equal(parcel_order(shop, "o")->state, ORDER_PAID);
        assert_int_equal(shop_stock(shop, skus[1]).committed, 1);
        put_rules(shop, "rule all on order.create when total >= 0 then review\n");
        assert_int_equal(shop_order(shop, "o-2", mixed + 1, 1)->code, CODE_CREATED);
        assert_int_equal(parcel_order(shop, "o-2")->state, ORDER_IN_REVIEW);
        assert_int_equal(shop_act(shop, OP_ORDER_REVIEW, "o-2", REVIEW_ACCEPT, "")->code, CODE_OK);
        assert_int_equal(parcel_order(shop, "o-2")->state, ORDER_PAID);
        put_rules(shop, "rule all on order.create when total >= 0 then reject gift\n");
        assert_int_equal(shop_order(shop, "o-3", mixed + 1, 1)->code, CODE_CREATED);
        assert_int_equal(parcel_order(shop, "o-3")->state, ORDER_REJECTED);
        assert_int_equal(shop_stock(shop, skus[1]).committed, 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_that_costs_nothing_is_paid_at_once_and_shipped),
        cmocka_unit_test(gifts_count_against_limits_and_cannot_be_sold_twice),
        cmocka_unit_test(what_a_person_accepts_or_a_cancellation_leaves_at_nothing_is_paid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
