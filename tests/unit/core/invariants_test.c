/* What core/order.h, payment.h, shipment.h and return.h say of each state: an audit finds a record
 * that stands in another state than what is recorded with it allows. */
#include "tests/unit/core/parcels.h"

#include "core/payment.h"
#include "core/return.h"
#include "core/shard_state.h"
#include "core/shipment.h"

static struct order *order_in(struct shop *shop)
{
    struct orders *orders = &shop->shards[0]->orders;
    const struct text id = {"o", 1};
    return order_at(orders, order_find(orders, id, key_hash(id)));
}

static bool audit_finds_order(struct shop *shop, enum order_state state)
{
    struct order *order = order_in(shop);
    unsigned was = order->state;
    order->state = state & 15;
    bool found = orders_audit(&shop->shards[0]->orders) != NULL;
    order->state = was & 15;
    return found;
}

/* Each state but its own and those that allow the same. */
static void check_order(struct shop *shop, uint32_t alike)
{
    alike |= 1u << order_in(shop)->state;
    assert_null(orders_audit(&shop->shards[0]->orders));
    for (uint32_t state = 1; state < ORDER_STATES; state++)
        if (audit_finds_order(shop, state) == (alike >> state & 1))
            fail_msg("%s as %s", order_state_name(order_in(shop)->state), order_state_name(state));
}

static bool audit_finds_child(struct shop *shop, uint8_t *state, uint8_t as)
{
    uint8_t was = *state;
    *state = as;
    bool found = orders_audit(&shop->shards[0]->orders) != NULL;
    *state = was;
    return found;
}

static void no_order_passes_for_one_in_another_state(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    shop_stock_up(shop, skus, 2, 10);
    const struct shop_line lines[] = {{skus[0], 2, 100}, {skus[1], 3, 100}};
    assert_int_equal(shop_order(shop, "o", lines, 2)->code, CODE_CREATED);
    check_order(shop,
                1u << ORDER_PENDING_PAYMENT | 1u << ORDER_PAYMENT_FAILED | 1u << ORDER_IN_REVIEW);
    parcel_pay(shop, "o");
    check_order(shop, 0);
    parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1");
    parcel_choose(shop, OP_SHIPMENT_FAIL, "o", "s-1", FAIL_PICK_SHORT);
    assert_int_equal(order_in(shop)->state, ORDER_SHIP_FAILED);
    check_order(shop, 0);
    parcel_do(shop, OP_SHIPMENT_CANCEL, "o", "s-1");
    parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-2");
    parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-2");
    assert_int_equal(order_in(shop)->state, ORDER_SHIPPED);
    check_order(shop, 0);
    parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-2");
    assert_int_equal(order_in(shop)->state, ORDER_DELIVERED);
    check_order(shop, 1u << ORDER_COMPLETED); /* nothing tells them apart without a deadline */
    shop_close(shop);
}

static void no_payment_passes_for_one_in_another_state(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    parcel_paid(shop, skus);
    struct orders *orders = &shop->shards[0]->orders;
    struct payment *payment = payment_at(orders, order_more(orders, order_in(shop))->payments);
    for (uint8_t as = 1; as < PAYMENT_STATES; as++)
        assert_int_equal(audit_finds_child(shop, &payment->state, as), as != PAYMENT_CAPTURED);
    payment->captured = 0;
    assert_true(audit_finds_child(shop, &payment->state, PAYMENT_CREATED));
    shop_close(shop);
}

static void no_shipment_passes_for_one_in_another_state(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    parcel_paid(shop, skus);
    parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1");
    struct orders *orders = &shop->shards[0]->orders;
    struct shipment *shipment = shipment_at(orders, order_more(orders, order_in(shop))->shipments);
    for (uint8_t as = 1; as < SHIPMENT_STATES; as++)
        assert_int_equal(audit_finds_child(shop, &shipment->state, as),
                         as != SHIPMENT_PLANNED && as != SHIPMENT_PICKING);
    shop_close(shop);
}

static void no_return_passes_for_one_in_another_state(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    parcel_paid(shop, skus);
    parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1");
    parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1");
    parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1");
    parcel_choose(shop, OP_RETURN_CREATE, "o", "r-1", RETURN_GOODS);
    struct orders *orders = &shop->shards[0]->orders;
    struct order_return *r = return_at(orders, order_more(orders, order_in(shop))->returns);
    for (uint8_t as = 1; as < RETURN_STATES; as++)
        assert_int_equal(audit_finds_child(shop, &r->state, as),
                         as == RETURN_INSPECTED || as == RETURN_REFUNDING || as == RETURN_CLOSED ||
                             as == RETURN_REFUSED);
    shop_close(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_order_passes_for_one_in_another_state),
        cmocka_unit_test(no_payment_passes_for_one_in_another_state),
        cmocka_unit_test(no_shipment_passes_for_one_in_another_state),
        cmocka_unit_test(no_return_passes_for_one_in_another_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
