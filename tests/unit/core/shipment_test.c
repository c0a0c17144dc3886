/* Shipments: through commands, on one to four shards, and again after recovery. */
#include "tests/unit/core/parcels.h"

#include "core/order.h"
#include "core/shipment.h"

static enum shipment_state state_of(const struct result *result)
{
    return (enum shipment_state)parcel_child(result, CHILD_SHIPMENT)->state;
}

static enum shipment_state shipment_is(struct shop *shop, const char *id)
{
    return state_of(parcel_do(shop, OP_SHIPMENT_GET, "o", id));
}

static enum order_state order_is(struct shop *shop)
{
    return (enum order_state)parcel_order(shop, "o")->state;
}

/* A shipment of so many units of the two lines. */
static const struct result *plan(struct shop *shop, const char *id, uint32_t first, uint32_t second)
{
    struct parcel_said said = {.order = "o", .id = id};
    if (first > 0)
        said.lines[said.line_count++] = (struct parcel_line){.line = 1, .units = first};
    if (second > 0)
        said.lines[said.line_count++] = (struct parcel_line){.line = 2, .units = second};
    return parcel(shop, OP_SHIPMENT_CREATE, said);
}

static void send(struct shop *shop, const char *id, uint32_t first, uint32_t second)
{
    assert_int_equal(plan(shop, id, first, second)->code, CODE_CREATED);
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", id)->code, CODE_OK);
}

static void what_is_handed_over_leaves_the_stock_and_the_order_is_shipped(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        const struct result *result = parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1");
        assert_int_equal(result->code, CODE_CREATED);
        const struct child_shipment *shipment = (const void *)parcel_child(result, CHILD_SHIPMENT);
        assert_int_equal(shipment->head.state, SHIPMENT_PLANNED);
        assert_int_equal(shipment->line_count, 2);
        assert_int_equal(shipment->lines[1].line, 2);
        assert_int_equal(shipment->lines[1].units, 3);
        assert_int_equal(order_is(shop), ORDER_PAID);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_PICK, "o", "s-1")->code, CODE_OK);
        assert_int_equal(shop_stock(shop, skus[1]).committed, 3);
        shop->now_ns += 1000;
        result = parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1");
        assert_int_equal(state_of(result), SHIPMENT_HANDED_OVER);
        assert_int_equal(shop_stock(shop, skus[0]).committed, 0);
        assert_int_equal(shop_stock(shop, skus[1]).committed, 0);
        assert_int_equal(shop_stock(shop, skus[1]).free, 7);
        const struct result_order *order = parcel_order(shop, "o");
        assert_int_equal(order->state, ORDER_SHIPPED);
        assert_int_equal(order->stage_ns[STAGE_SHIPPED], shop->now_ns);
        assert_int_equal(order->lines[1].shipped, 3);
        assert_int_equal(order->child_count, 2);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        assert_int_equal(shop_act(shop, OP_ORDER_CONFIRM, "o", 0, "")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_COMPLETED);
    }
}

static void an_order_is_delivered_when_its_last_parcel_is(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 1);
        assert_int_equal(order_is(shop), ORDER_PARTIALLY_SHIPPED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_PARTIALLY_SHIPPED);
        send(shop, "s-2", 0, 2);
        assert_int_equal(order_is(shop), ORDER_SHIPPED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-2")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        /* And nothing is left for a third. */
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-3")->code, CODE_ILLEGAL);
    }
}

static void no_unit_is_in_two_parcels(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        assert_int_equal(plan(shop, "s-1", 2, 2)->code, CODE_CREATED);
        const struct result_fault *fault = (const void *)plan(shop, "s-2", 1, 1);
        assert_int_equal(fault->head.code, CODE_INVALID);
        assert_int_equal(fault->line, 1);
        assert_int_equal(plan(shop, "s-2", 0, 2)->code, CODE_INVALID);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-2")->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-3")->code, CODE_LIMIT);
        /* What is cancelled can be planned again. */
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CANCEL, "o", "s-1")->code, CODE_OK);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_PICK, "o", "s-1")->code, CODE_ILLEGAL);
        assert_int_equal(plan(shop, "s-4", 2, 2)->code, CODE_CREATED);
    }
}

static void a_known_shipment_gets_its_first_answer_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 0);
        const struct result *again = plan(shop, "s-1", 2, 0);
        assert_int_equal(again->code, CODE_REPLAYED);
        assert_int_equal(state_of(again), SHIPMENT_PLANNED);
        assert_int_equal(plan(shop, "s-1", 1, 0)->code, CODE_KEY_REUSED);
        struct parcel_said keyed = {.order = "o", .id = "s-1", .texts = {[PARCEL_KEY] = "k-1"}};
        assert_int_equal(parcel(shop, OP_SHIPMENT_DELIVER, keyed)->code, CODE_OK);
        assert_int_equal(parcel(shop, OP_SHIPMENT_DELIVER, keyed)->code, CODE_REPLAYED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1")->code, CODE_ILLEGAL);
        assert_int_equal(shop_events(shop, EVENT_SHIPMENT_DELIVERED), 1);
    }
}

static void what_has_left_cannot_be_cancelled_but_the_rest_can(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 1);
        assert_int_equal(plan(shop, "s-2", 0, 1)->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CANCEL, "o", "s-1")->code, CODE_ILLEGAL);
        const struct cancel_line planned = {2, 2};
        assert_int_equal(shop_cancel(shop, "o", &planned, 1, "")->code, CODE_INVALID);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_SHIPPED);
        assert_int_equal(shipment_is(shop, "s-2"), SHIPMENT_CANCELLED);
        assert_int_equal(parcel_refunds(shop, "o"), 200);
        assert_int_equal(shop_stock(shop, skus[1]).free, 9);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_ILLEGAL);
    }
}

static void a_cancelled_order_takes_its_plans_along(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        assert_int_equal(plan(shop, "s-1", 2, 1)->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_PICK, "o", "s-1")->code, CODE_OK);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_CANCELLED);
        assert_int_equal(shipment_is(shop, "s-1"), SHIPMENT_CANCELLED);
        assert_int_equal(parcel_refunds(shop, "o"), 500);
        assert_int_equal(shop_stock(shop, skus[0]).free, 10);
    }
}

static void a_parcel_that_cannot_leave_stops_its_order(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 0);
        assert_int_equal(plan(shop, "s-2", 0, 3)->code, CODE_CREATED);
        enum parcel_choice why = seed % 2 == 0 ? FAIL_PICK_SHORT : FAIL_CARRIER_REJECTED;
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_FAIL, "o", "s-2", why)->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_SHIP_FAILED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-2")->code, CODE_ILLEGAL);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CANCEL, "o", "s-2")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_PARTIALLY_SHIPPED);
        assert_int_equal(plan(shop, "s-3", 0, 3)->code, CODE_CREATED);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_FAIL, "o", "s-3", why)->code, CODE_OK);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_RESOLVE, "o", "s-3", RESOLVE_REFUND)->code,
                         CODE_OK);
        assert_int_equal(order_is(shop), ORDER_SHIPPED);
        assert_int_equal(parcel_refunds(shop, "o"), 300);
        assert_int_equal(parcel_order(shop, "o")->lines[1].cancelled, 3);
        assert_int_equal(shop_stock(shop, skus[1]).free, 10);
    }
}

static void an_order_of_which_nothing_arrives_is_cancelled_when_all_is_paid_back(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 0);
        send(shop, "s-2", 0, 3);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_FAIL, "o", "s-1", FAIL_LOST)->code,
                         CODE_OK);
        assert_int_equal(order_is(shop), ORDER_SHIPPED);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_RESOLVE, "o", "s-1", RESOLVE_REFUND)->code,
                         CODE_OK);
        assert_int_equal(order_is(shop), ORDER_SHIPPED);
        assert_int_equal(parcel_refunds(shop, "o"), 200);
        assert_int_equal(
            parcel_choose(shop, OP_SHIPMENT_FAIL, "o", "s-2", FAIL_RETURNED_TO_SENDER)->code,
            CODE_OK);
        assert_int_equal(shop_stock(shop, skus[1]).quarantined, 3);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_RESOLVE, "o", "s-2", RESOLVE_REFUND)->code,
                         CODE_OK);
        assert_int_equal(order_is(shop), ORDER_CANCELLED);
        assert_int_equal(parcel_refunds(shop, "o"), 500);
        assert_int_equal(shop_stock(shop, skus[1]).quarantined, 3);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_RESOLVE, "o", "s-2", RESOLVE_REFUND)->code,
                         CODE_ILLEGAL);
    }
}

static void an_order_is_delivered_when_the_rest_of_it_is_lost_and_paid_back(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 0);
        send(shop, "s-2", 0, 3);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1")->code, CODE_OK);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_FAIL, "o", "s-2", FAIL_LOST)->code,
                         CODE_OK);
        assert_int_equal(parcel_choose(shop, OP_SHIPMENT_RESOLVE, "o", "s-2", RESOLVE_REFUND)->code,
                         CODE_OK);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        assert_int_equal(parcel_refunds(shop, "o"), 300);
    }
}

static void scans_never_go_back_and_count_once(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 3);
        assert_int_equal(state_of(parcel_scan(shop, "o", "s-1", "in_transit", 5)),
                         SHIPMENT_IN_TRANSIT);
        assert_int_equal(state_of(parcel_scan(shop, "o", "s-1", "delivered", 9)),
                         SHIPMENT_DELIVERED);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        uint32_t version = parcel_order(shop, "o")->version;
        assert_int_equal(state_of(parcel_scan(shop, "o", "s-1", "in_transit", 5)),
                         SHIPMENT_DELIVERED);
        assert_int_equal(parcel_order(shop, "o")->version, version);
        const struct child_shipment *shipment = (const void *)parcel_child(
            parcel_scan(shop, "o", "s-1", "in_transit", 7), CHILD_SHIPMENT);
        assert_int_equal(shipment->head.state, SHIPMENT_DELIVERED);
        assert_int_equal(shipment->scan_count, 3);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        const struct parcel_scan *scans = (const void *)(shipment->lines + shipment->line_count);
        assert_int_equal(scans[2].at_ns, 7);
        assert_int_equal(scans[2].code_bytes, 10);
    }
}

static void a_late_scan_of_an_unsent_parcel_moves_nothing(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        assert_int_equal(plan(shop, "s-1", 2, 3)->code, CODE_CREATED);
        assert_int_equal(state_of(parcel_scan(shop, "o", "s-1", "delivered", 5)), SHIPMENT_PLANNED);
        assert_int_equal(order_is(shop), ORDER_PAID);
    }
}

static void tracking_may_be_told_at_the_hand_over(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        parcel_paid(shop, skus);
        assert_int_equal(plan(shop, "s-1", 2, 0)->code, CODE_CREATED);
        assert_int_equal(plan(shop, "s-2", 0, 3)->code, CODE_CREATED);
        const struct parcel_said said = {
            .order = "o", .id = "s-1", .texts = {[PARCEL_TRACKING] = "SF123"}};
        const struct result *result = parcel(shop, OP_SHIPMENT_HAND_OVER, said);
        const struct child_shipment *shipment = (const void *)parcel_child(result, CHILD_SHIPMENT);
        assert_int_equal(shipment->tracking_bytes, 5);
        assert_memory_equal(shipment->lines + shipment->line_count, "s-1SF123", 8);
        assert_int_equal(shipment_is(shop, "s-2"), SHIPMENT_PLANNED);
    }
}

static void an_order_is_completed_a_while_after_its_delivery(void **state)
{
    (void)state;
    struct shard_options options = shop_options();
    options.confirm_deadline_ns = UINT64_C(7) * 86400 * 1000000000;
    for (uint32_t shards = 1; shards <= 4; shards *= 2) {
        struct shop *shop = shop_open_with(&options, shards, 1);
        uint32_t skus[2];
        parcel_paid(shop, skus);
        send(shop, "s-1", 2, 3);
        parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1");
        assert_int_equal(parcel_order(shop, "o")->expires_ns,
                         shop->now_ns + options.confirm_deadline_ns);
        shop->now_ns += options.confirm_deadline_ns + (2 << 20);
        shop_run(shop);
        assert_int_equal(order_is(shop), ORDER_COMPLETED);
        assert_int_equal(parcel_refunds(shop, "o"), 0);
        shop_audit(shop);
        shop_assert_replays(shop);
        shop_close(shop);
    }
}

static void a_shipment_leaves_from_one_warehouse(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 0);
        shop_warehouse(shop, "w2", 2);
        shop_receive(shop, skus[0], "w1", 5);
        shop_receive(shop, skus[1], "w2", 5);
        const struct shop_line lines[] = {{skus[0], 2, 100}, {skus[1], 3, 100}};
        assert_int_equal(shop_order(shop, "o", lines, 2)->code, CODE_CREATED);
        parcel_pay(shop, "o");
        const struct result_fault *fault = (const void *)plan(shop, "s-1", 1, 1);
        assert_int_equal(fault->head.code, CODE_INVALID);
        assert_memory_equal(fault->field, "warehouse", 9);
        const struct result *result = parcel_do(shop, OP_SHIPMENT_CREATE, "o", "s-1");
        const struct child_shipment *shipment = (const void *)parcel_child(result, CHILD_SHIPMENT);
        assert_int_equal(shipment->line_count, 1);
        assert_int_equal(shipment->lines[0].line, 1);
        const struct parcel_said said = {
            .order = "o", .id = "s-2", .texts = {[PARCEL_WAREHOUSE] = "w2"}};
        assert_int_equal(parcel(shop, OP_SHIPMENT_CREATE, said)->code, CODE_CREATED);
        const struct parcel_said nowhere = {
            .order = "o", .id = "s-3", .texts = {[PARCEL_WAREHOUSE] = "w9"}};
        assert_int_equal(parcel(shop, OP_SHIPMENT_CREATE, nowhere)->code, CODE_UNKNOWN_WAREHOUSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_handed_over_leaves_the_stock_and_the_order_is_shipped),
        cmocka_unit_test(an_order_is_delivered_when_its_last_parcel_is),
        cmocka_unit_test(no_unit_is_in_two_parcels),
        cmocka_unit_test(a_known_shipment_gets_its_first_answer_again),
        cmocka_unit_test(what_has_left_cannot_be_cancelled_but_the_rest_can),
        cmocka_unit_test(a_cancelled_order_takes_its_plans_along),
        cmocka_unit_test(a_parcel_that_cannot_leave_stops_its_order),
        cmocka_unit_test(an_order_of_which_nothing_arrives_is_cancelled_when_all_is_paid_back),
        cmocka_unit_test(an_order_is_delivered_when_the_rest_of_it_is_lost_and_paid_back),
        cmocka_unit_test(scans_never_go_back_and_count_once),
        cmocka_unit_test(a_late_scan_of_an_unsent_parcel_moves_nothing),
        cmocka_unit_test(tracking_may_be_told_at_the_hand_over),
        cmocka_unit_test(an_order_is_completed_a_while_after_its_delivery),
        cmocka_unit_test(a_shipment_leaves_from_one_warehouse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
