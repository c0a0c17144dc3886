/* Parcels that are sent from another warehouse, sent again, or sent for an exchange: what they take of
 * free stock, on one to four shards, and again after recovery. */
#include "tests/unit/core/parcels.h"

#include "core/order.h"
#include "core/shipment.h"

static uint64_t units_in(struct shop *shop, uint32_t sku, const char *warehouse, size_t offset)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.stock.sku = sku;
    shop_head(&command.head, OP_STOCK_GET, sizeof command.stock);
    const struct result_stock *stock = (const void *)shop_ask(shop, &command.head);
    assert_int_equal(stock->head.code, CODE_OK);
    for (uint32_t i = 0; i < stock->cell_count; i++) {
        struct text name = shard_warehouse(shop->shards[0], stock->cells[i].warehouse);
        uint64_t units;
        memcpy(&units, (const char *)&stock->cells[i] + offset, sizeof units);
        if (name.bytes == strlen(warehouse) && memcmp(name.at, warehouse, name.bytes) == 0)
            return units;
    }
    return 0;
}

#define UNITS(sku, warehouse, which)                                                               \
    units_in(shop, sku, warehouse, offsetof(struct result_cell, which))

static enum shipment_state shipment_is(struct shop *shop, const char *id)
{
    const struct result *result = parcel_do(shop, OP_SHIPMENT_GET, "o", id);
    return (enum shipment_state)parcel_child(result, CHILD_SHIPMENT)->state;
}

static enum order_state order_is(struct shop *shop)
{
    return (enum order_state)parcel_order(shop, "o")->state;
}

/* Order "o" of 2 and 3 units, paid and in w1; so much of each is free in w2 and w3. */
static void two_warehouses(struct shop *shop, uint32_t skus[2], uint64_t w2, uint64_t w3)
{
    parcel_paid(shop, skus);
    shop_warehouse(shop, "w2", 2);
    shop_warehouse(shop, "w3", 3);
    for (uint32_t i = 0; i < 2; i++) {
        if (w2 > 0)
            shop_receive(shop, skus[i], "w2", w2);
        if (w3 > 0)
            shop_receive(shop, skus[i], "w3", w3);
    }
}

static struct parcel_said reship_from(const char *id, const char *warehouse)
{
    return (struct parcel_said){.order = "o",
                                .id = id,
                                .choice = RESOLVE_RESHIP,
                                .texts = {[PARCEL_WAREHOUSE] = warehouse}};
}

static const struct result *reship(struct shop *shop, const char *id, const char *warehouse)
{
    return parcel(shop, OP_SHIPMENT_RESOLVE, reship_from(id, warehouse));
}

static void fail_as(struct shop *shop, const char *id, enum parcel_choice how)
{
    assert_int_equal(parcel_choose(shop, OP_SHIPMENT_FAIL, "o", id, how)->code, CODE_OK);
}

static void made(struct shop *shop, const char *id)
{
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_CREATE, "o", id)->code, CODE_CREATED);
}

static void sent(struct shop *shop, const char *id)
{
    made(shop, id);
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", id)->code, CODE_OK);
}

static void a_failed_parcel_takes_stock_in_another_warehouse_and_its_commitment_moves(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 4, 9);
        made(shop, "s-1");
        fail_as(shop, "s-1", seed % 2 == 0 ? FAIL_PICK_SHORT : FAIL_CARRIER_REJECTED);
        assert_int_equal(order_is(shop), ORDER_SHIP_FAILED);
        const struct result *result = reship(shop, "s-1", NULL);
        assert_int_equal(result->code, CODE_OK);
        assert_int_equal(parcel_child(result, CHILD_SHIPMENT)->state, SHIPMENT_PLANNED);
        assert_int_equal(order_is(shop), ORDER_PAID);
        assert_int_equal(UNITS(skus[1], "w1", committed), 0);
        assert_int_equal(UNITS(skus[1], "w1", free), 10);
        assert_int_equal(UNITS(skus[1], "w2", committed), 3);
        assert_int_equal(UNITS(skus[1], "w2", free), 1);
        assert_int_equal(UNITS(skus[0], "w2", committed), 2);
        assert_int_equal(parcel_order(shop, "o")->lines[1].warehouse, 1);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1")->code, CODE_OK);
        assert_int_equal(UNITS(skus[1], "w2", committed), 0);
        assert_int_equal(order_is(shop), ORDER_SHIPPED);
    }
}

static void a_failed_parcel_goes_where_it_is_told_to_but_not_where_it_failed(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 4, 9);
        made(shop, "s-1");
        assert_int_equal(reship(shop, "s-1", "w3")->code, CODE_ILLEGAL);
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        const struct result_fault *fault = (const void *)reship(shop, "s-1", "w1");
        assert_int_equal(fault->head.code, CODE_INVALID);
        assert_memory_equal(fault->field, "warehouse", 9);
        assert_int_equal(reship(shop, "s-1", "w9")->code, CODE_UNKNOWN_WAREHOUSE);
        assert_int_equal(reship(shop, "s-1", "w3")->code, CODE_OK);
        assert_int_equal(UNITS(skus[0], "w3", committed), 2);
        /* And back again: what was cancelled there is free there. */
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        assert_int_equal(reship(shop, "s-1", "w1")->code, CODE_OK);
        assert_int_equal(UNITS(skus[0], "w3", free), 9);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(UNITS(skus[0], "w1", free), 10);
    }
}

static void a_parcel_that_no_warehouse_can_send_stays_failed_and_nothing_is_held(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 2, 0);
        shop_receive(shop, skus[1], "w3", 3); /* each has a part of it */
        made(shop, "s-1");
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        assert_int_equal(reship(shop, "s-1", NULL)->code, CODE_OUT_OF_STOCK);
        const struct result_short *refused = (const void *)reship(shop, "s-1", "w2");
        assert_int_equal(refused->head.code, CODE_OUT_OF_STOCK);
        assert_int_equal(refused->line_count, 1);
        assert_int_equal(refused->lines[0].sku, skus[1]);
        assert_int_equal(refused->lines[0].requested, 3);
        assert_int_equal(refused->lines[0].sellable, 2);
        assert_int_equal(order_is(shop), ORDER_SHIP_FAILED);
        assert_int_equal(shop_stock(shop, skus[0]).held, 0);
        assert_int_equal(shop_stock(shop, skus[1]).held, 0);
        assert_int_equal(UNITS(skus[1], "w1", committed), 3);
    }
}

static void all_that_is_left_of_a_line_goes_along(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 9, 0);
        struct parcel_said said = {
            .order = "o", .id = "s-1", .line_count = 1, .lines = {{.line = 2, .units = 1}}};
        assert_int_equal(parcel(shop, OP_SHIPMENT_CREATE, said)->code, CODE_CREATED);
        said.id = "s-2";
        assert_int_equal(parcel(shop, OP_SHIPMENT_CREATE, said)->code, CODE_CREATED);
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        /* Another parcel would stay behind with units of the same line. */
        const struct result_fault *fault = (const void *)reship(shop, "s-1", "w2");
        assert_int_equal(fault->head.code, CODE_INVALID);
        assert_int_equal(fault->line, 2);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CANCEL, "o", "s-2")->code, CODE_OK);
        assert_int_equal(reship(shop, "s-1", "w2")->code, CODE_OK);
        assert_int_equal(UNITS(skus[1], "w2", committed), 3);
        assert_int_equal(UNITS(skus[1], "w1", committed), 0);
        assert_int_equal(UNITS(skus[0], "w1", committed), 2);
    }
}

static void a_lost_or_returned_parcel_is_shipped_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 9, 0);
        sent(shop, "s-1");
        fail_as(shop, "s-1", seed % 2 == 0 ? FAIL_LOST : FAIL_RETURNED_TO_SENDER);
        assert_int_equal(order_is(shop), ORDER_SHIPPED);
        bool named = seed % 3 == 0;
        assert_int_equal(reship(shop, "s-1", named ? "w2" : NULL)->code, CODE_OK);
        assert_int_equal(shipment_is(shop, "s-1"), SHIPMENT_RESHIPPED);
        assert_int_equal(order_is(shop), ORDER_PAID);
        assert_int_equal(UNITS(skus[0], named ? "w2" : "w1", committed), 2);
        assert_int_equal(UNITS(skus[0], named ? "w2" : "w1", free), named ? 7 : 6);
        assert_int_equal(parcel_refunds(shop, "o"), 0);
        sent(shop, "s-2");
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-2")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        assert_int_equal(shop_stock(shop, skus[1]).committed, 0);
        assert_int_equal(shop_stock(shop, skus[1]).quarantined, seed % 2 == 0 ? 0 : 3);
        assert_int_equal(reship(shop, "s-1", NULL)->code, CODE_ILLEGAL);
    }
}

static void a_line_of_which_some_is_left_is_shipped_again_from_where_that_is(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 9, 0);
        struct parcel_said said = {
            .order = "o", .id = "s-1", .line_count = 1, .lines = {{.line = 2, .units = 1}}};
        assert_int_equal(parcel(shop, OP_SHIPMENT_CREATE, said)->code, CODE_CREATED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1")->code, CODE_OK);
        fail_as(shop, "s-1", FAIL_LOST);
        assert_int_equal(reship(shop, "s-1", "w2")->code, CODE_INVALID);
        assert_int_equal(reship(shop, "s-1", NULL)->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_PAID);
        assert_int_equal(UNITS(skus[1], "w1", committed), 3);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_CANCELLED);
        assert_int_equal(parcel_refunds(shop, "o"), 500);
    }
}

static void what_is_shipped_again_counts_once_against_the_buyers_limit(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        union shop_command command;
        shop_warehouse(shop, "w1", 1);
        shop_warehouse(shop, "w2", 2);
        shop_sku_of(&command, "S0");
        command.put.max_per_customer = 2;
        command.put.customer_window_s = 86400;
        const struct result_sku *put = (const void *)shop_ask(shop, &command.head);
        uint32_t sku = put->sku;
        shop_receive(shop, sku, "w1", 5);
        shop_receive(shop, sku, "w2", 5);
        const struct shop_line two = {sku, 2, 100};
        assert_int_equal(shop_order(shop, "o", &two, 1)->code, CODE_CREATED);
        parcel_pay(shop, "o");
        made(shop, "s-1");
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        assert_int_equal(reship(shop, "s-1", NULL)->code, CODE_OK);
        const struct shop_line one = {sku, 1, 100};
        assert_int_equal(shop_order(shop, "o-2", &one, 1)->code, CODE_LIMIT);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "s-1")->code, CODE_OK);
        fail_as(shop, "s-1", FAIL_LOST);
        assert_int_equal(reship(shop, "s-1", NULL)->code, CODE_OK);
        assert_int_equal(shop_order(shop, "o-2", &one, 1)->code, CODE_LIMIT);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(shop_order(shop, "o-3", &two, 1)->code, CODE_CREATED);
    }
}

static void a_retry_of_a_reship_takes_nothing_more(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 9, 0);
        sent(shop, "s-1");
        fail_as(shop, "s-1", FAIL_LOST);
        struct parcel_said said = reship_from("s-1", "w2");
        said.texts[PARCEL_KEY] = "k-1";
        /* The second comes while the first is asking. */
        uint64_t first = parcel_send(shop, OP_SHIPMENT_RESOLVE, said);
        uint64_t second = parcel_send(shop, OP_SHIPMENT_RESOLVE, said);
        shop_run(shop);
        assert_int_equal(shop_answer(shop, first)->code, CODE_OK);
        assert_int_equal(shop_answer(shop, second)->code, CODE_REPLAYED);
        assert_int_equal(parcel(shop, OP_SHIPMENT_RESOLVE, said)->code, CODE_REPLAYED);
        said.texts[PARCEL_WAREHOUSE] = NULL;
        assert_int_equal(parcel(shop, OP_SHIPMENT_RESOLVE, said)->code, CODE_KEY_REUSED);
        assert_int_equal(UNITS(skus[1], "w2", committed), 3);
        assert_int_equal(UNITS(skus[1], "w2", free), 6);
        assert_int_equal(shop_events(shop, EVENT_SHIPMENT_RESOLVED), 1);
    }
}

/* Whatever comes first: a parcel and its cancellation, new orders of what it wants, another key. */
static void whoever_races_a_reroute_no_unit_is_sold_twice(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 3, 0);
        made(shop, "s-1");
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        shop_change(shop, OP_STOCK_ADJUST, skus[0], "w1", -8);
        shop_change(shop, OP_STOCK_ADJUST, skus[1], "w1", -7);
        const struct shop_line lines[] = {{skus[1], 2, 100}, {skus[0], 2, 100}};
        uint64_t orders[4], routes[3];
        uint32_t placed = 0, moved = 0;
        for (uint32_t i = 0; i < 4; i++) {
            char id[8];
            snprintf(id, sizeof id, "x-%u", i);
            if (i < 3) {
                struct parcel_said said = reship_from("s-1", i == 1 ? NULL : "w2");
                said.texts[PARCEL_KEY] = id;
                routes[i] = parcel_send(shop, OP_SHIPMENT_RESOLVE, said);
            }
            orders[i] = shop_send_order(shop, id, lines, 2);
            for (uint64_t steps = shop_random(shop) % 6; steps > 0; steps--)
                shop_step(shop);
        }
        shop_run(shop);
        for (uint32_t i = 0; i < 4; i++)
            placed += shop_answer(shop, orders[i])->code == CODE_CREATED;
        for (uint32_t i = 0; i < 3; i++)
            moved += shop_answer(shop, routes[i])->code == CODE_OK;
        assert_int_equal(shop_stock(shop, skus[0]).held, 0);
        assert_int_equal(shop_stock(shop, skus[1]).held, 0);
        assert_true(moved <= 1);
        /* Those in w2, or what the parcel has left behind in w1: either way one order has them. */
        assert_int_equal(placed, 1);
        assert_int_equal(order_is(shop), moved ? ORDER_PAID : ORDER_SHIP_FAILED);
    }
}

static void an_order_that_is_cancelled_while_its_parcel_asks_takes_nothing(void **state)
{
    (void)state;
    uint32_t late = 0;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 9, 0);
        made(shop, "s-1");
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        uint64_t request = parcel_send(shop, OP_SHIPMENT_RESOLVE, reship_from("s-1", "w2"));
        for (uint64_t steps = shop_random(shop) % 4; steps > 0; steps--)
            shop_step(shop);
        assert_int_equal(shop_cancel(shop, "o", NULL, 0, "")->code, CODE_OK);
        shop_run(shop);
        enum code code = (enum code)shop_answer(shop, request)->code;
        assert_true(code == CODE_OK || code == CODE_ILLEGAL);
        late += code == CODE_ILLEGAL;
        assert_int_equal(order_is(shop), ORDER_CANCELLED);
        assert_int_equal(UNITS(skus[1], "w1", free), 10);
        assert_int_equal(UNITS(skus[1], "w2", free), 9);
    }
    assert_true(late > 0);
}

static void an_order_that_changes_while_its_parcel_asks_is_asked_for_again(void **state)
{
    (void)state;
    uint32_t late = 0;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 9, 0);
        struct parcel_said said = {
            .order = "o", .id = "s-1", .line_count = 1, .lines = {{.line = 2, .units = 1}}};
        assert_int_equal(parcel(shop, OP_SHIPMENT_CREATE, said)->code, CODE_CREATED);
        fail_as(shop, "s-1", FAIL_PICK_SHORT);
        uint64_t request = parcel_send(shop, OP_SHIPMENT_RESOLVE, reship_from("s-1", "w2"));
        for (uint64_t steps = shop_random(shop) % 4; steps > 0; steps--)
            shop_step(shop);
        const struct cancel_line one = {2, 1};
        assert_int_equal(shop_cancel(shop, "o", &one, 1, "")->code, CODE_OK);
        enum code code = (enum code)shop_answer(shop, request)->code;
        assert_true(code == CODE_OK || code == CODE_BUSY);
        late += code == CODE_BUSY;
        if (code == CODE_BUSY)
            assert_int_equal(reship(shop, "s-1", "w2")->code, CODE_OK);
        assert_int_equal(UNITS(skus[1], "w2", committed), 2);
        assert_int_equal(UNITS(skus[1], "w2", free), 7);
        assert_int_equal(UNITS(skus[1], "w1", free), 10);
    }
    assert_true(late > 0);
}

/* Wherever it is interrupted: it has been done as a whole, or nothing of it; and a retry does it once. */
static void a_reroute_that_a_crash_interrupts_leaves_no_trace_or_is_done(void **state)
{
    (void)state;
    uint32_t undone = 0, done = 0;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        two_warehouses(shop, skus, 5, 0);
        made(shop, "s-1");
        fail_as(shop, "s-1", FAIL_CARRIER_REJECTED);
        struct parcel_said said = reship_from("s-1", seed % 2 == 0 ? NULL : "w2");
        said.texts[PARCEL_KEY] = "k-1";
        parcel_send(shop, OP_SHIPMENT_RESOLVE, said);
        for (uint64_t steps = seed / 3; steps > 0; steps--)
            shop_step(shop);
        shop = shop_kill(shop, 1 + (uint32_t)seed % 4);
        bool was_done = shipment_is(shop, "s-1") == SHIPMENT_PLANNED;
        done += was_done;
        undone += !was_done;
        assert_int_equal(order_is(shop), was_done ? ORDER_PAID : ORDER_SHIP_FAILED);
        assert_int_equal(UNITS(skus[1], "w2", committed), was_done ? 3 : 0);
        assert_int_equal(UNITS(skus[1], "w1", committed), was_done ? 0 : 3);
        assert_int_equal(shop_stock(shop, skus[1]).held, 0);
        assert_int_equal(parcel(shop, OP_SHIPMENT_RESOLVE, said)->code,
                         was_done ? CODE_REPLAYED : CODE_OK);
        assert_int_equal(UNITS(skus[1], "w2", committed), 3);
        assert_int_equal(UNITS(skus[1], "w2", free), 2);
        assert_int_equal(shop_events(shop, EVENT_SHIPMENT_RESOLVED), 1);
    }
    assert_true(done > 0 && undone > 0);
}

/* ---- exchanges --------------------------------------------------------------------------------- */

static const struct result *inspect(struct shop *shop, uint32_t accepted, uint32_t rejected)
{
    return parcel(
        shop, OP_RETURN_INSPECT,
        (struct parcel_said){.order = "o",
                             .id = "r-1",
                             .line_count = 1,
                             .lines = {{.line = 2, .units = accepted, .rejected = rejected}}});
}

/* Three units of the second line have come back to be exchanged. */
static void exchange(struct shop *shop, uint32_t skus[2])
{
    parcel_paid(shop, skus);
    sent(shop, "s-1");
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "s-1")->code, CODE_OK);
    const struct parcel_said said = {.order = "o",
                                     .id = "r-1",
                                     .choice = RETURN_EXCHANGE,
                                     .line_count = 1,
                                     .lines = {{.line = 2, .units = 3}}};
    assert_int_equal(parcel(shop, OP_RETURN_CREATE, said)->code, CODE_CREATED);
    assert_int_equal(parcel_do(shop, OP_RETURN_APPROVE, "o", "r-1")->code, CODE_OK);
    assert_int_equal(parcel_do(shop, OP_RETURN_RECEIVE, "o", "r-1")->code, CODE_OK);
}

static void an_exchange_sends_as_many_again_and_pays_nothing_back(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        exchange(shop, skus);
        const struct result *result = inspect(shop, 2, 1);
        assert_int_equal(result->code, CODE_OK);
        assert_int_equal(parcel_child(result, CHILD_RETURN)->state, RETURN_INSPECTED);
        assert_int_equal(shop_stock(shop, skus[1]).committed, 2);
        assert_int_equal(shop_stock(shop, skus[1]).free, 5);
        assert_int_equal(shop_stock(shop, skus[1]).quarantined, 3);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        assert_int_equal(shipment_is(shop, "exchange-02"), SHIPMENT_PLANNED);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_CANCEL, "o", "exchange-02")->code,
                         CODE_ILLEGAL);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "exchange-02")->code, CODE_OK);
        assert_int_equal(shop_stock(shop, skus[1]).committed, 0);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "exchange-02")->code, CODE_OK);
        assert_int_equal(parcel_refunds(shop, "o"), 0);
        assert_int_equal(parcel_do(shop, OP_RETURN_CLOSE, "o", "r-1")->code, CODE_OK);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
    }
}

static void what_an_exchange_cannot_send_is_paid_back_or_sent_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        exchange(shop, skus);
        shop_warehouse(shop, "w2", 2);
        shop_receive(shop, skus[1], "w2", 5);
        assert_int_equal(inspect(shop, 3, 0)->code, CODE_OK);
        fail_as(shop, "exchange-02", FAIL_PICK_SHORT);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        assert_int_equal(reship(shop, "exchange-02", NULL)->code, CODE_OK);
        assert_int_equal(UNITS(skus[1], "w2", committed), 3);
        assert_int_equal(UNITS(skus[1], "w1", free), 7);
        assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "exchange-02")->code, CODE_OK);
        fail_as(shop, "exchange-02", FAIL_LOST);
        assert_int_equal(reship(shop, "exchange-02", "w1")->code, CODE_OK);
        assert_int_equal(shipment_is(shop, "exchange-02"), SHIPMENT_RESHIPPED);
        assert_int_equal(shipment_is(shop, "exchange-03"), SHIPMENT_PLANNED);
        assert_int_equal(UNITS(skus[1], "w1", committed), 3);
        fail_as(shop, "exchange-03", FAIL_PICK_SHORT);
        assert_int_equal(
            parcel_choose(shop, OP_SHIPMENT_RESOLVE, "o", "exchange-03", RESOLVE_REFUND)->code,
            CODE_OK);
        assert_int_equal(parcel_refunds(shop, "o"), 300);
        assert_int_equal(UNITS(skus[1], "w1", committed), 0);
        assert_int_equal(order_is(shop), ORDER_DELIVERED);
        assert_int_equal(parcel_order(shop, "o")->lines[1].returned, 3);
    }
}

static void an_exchange_that_nothing_is_there_for_waits_for_stock(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        exchange(shop, skus);
        assert_int_equal(shop_change(shop, OP_STOCK_ADJUST, skus[1], "w1", -5), CODE_OK);
        assert_int_equal(inspect(shop, 3, 0)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(
            parcel_child(parcel_do(shop, OP_RETURN_GET, "o", "r-1"), CHILD_RETURN)->state,
            RETURN_RECEIVED);
        assert_int_equal(inspect(shop, 0, 3)->code, CODE_OK); /* nothing is to be sent for these */
    }
}

static void an_order_is_kept_as_long_as_its_exchange_is_under_way(void **state)
{
    (void)state;
    struct shard_options options = shop_options();
    options.retention_ns = UINT64_C(3600) * 1000000000;
    struct shop *shop = shop_open_with(&options, 2, 1);
    uint32_t skus[2];
    exchange(shop, skus);
    assert_int_equal(inspect(shop, 3, 0)->code, CODE_OK);
    assert_int_equal(parcel_do(shop, OP_RETURN_CLOSE, "o", "r-1")->code, CODE_OK);
    assert_int_equal(shop_act(shop, OP_ORDER_CONFIRM, "o", 0, "")->code, CODE_OK);
    for (uint32_t i = 0; i < 500; i++) {
        shop->now_ns += UINT64_C(3600) * 1000000000;
        shop_wake(shop);
        shop_run(shop);
    }
    assert_int_equal(shipment_is(shop, "exchange-02"), SHIPMENT_PLANNED);
    shop_audit(shop);
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_HAND_OVER, "o", "exchange-02")->code, CODE_OK);
    assert_int_equal(parcel_do(shop, OP_SHIPMENT_DELIVER, "o", "exchange-02")->code, CODE_OK);
    for (uint32_t i = 0; i < 500; i++) {
        shop->now_ns += UINT64_C(3600) * 1000000000;
        shop_wake(shop);
        shop_run(shop);
    }
    assert_int_equal(shop_get(shop, "o")->code, CODE_NOT_FOUND);
    shop_audit(shop);
    shop_assert_replays(shop);
    shop_close(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_parcel_takes_stock_in_another_warehouse_and_its_commitment_moves),
        cmocka_unit_test(a_failed_parcel_goes_where_it_is_told_to_but_not_where_it_failed),
        cmocka_unit_test(a_parcel_that_no_warehouse_can_send_stays_failed_and_nothing_is_held),
        cmocka_unit_test(all_that_is_left_of_a_line_goes_along),
        cmocka_unit_test(a_lost_or_returned_parcel_is_shipped_again),
        cmocka_unit_test(a_line_of_which_some_is_left_is_shipped_again_from_where_that_is),
        cmocka_unit_test(what_is_shipped_again_counts_once_against_the_buyers_limit),
        cmocka_unit_test(a_retry_of_a_reship_takes_nothing_more),
        cmocka_unit_test(whoever_races_a_reroute_no_unit_is_sold_twice),
        cmocka_unit_test(an_order_that_is_cancelled_while_its_parcel_asks_takes_nothing),
        cmocka_unit_test(an_order_that_changes_while_its_parcel_asks_is_asked_for_again),
        cmocka_unit_test(a_reroute_that_a_crash_interrupts_leaves_no_trace_or_is_done),
        cmocka_unit_test(an_exchange_sends_as_many_again_and_pays_nothing_back),
        cmocka_unit_test(what_an_exchange_cannot_send_is_paid_back_or_sent_again),
        cmocka_unit_test(an_exchange_that_nothing_is_there_for_waits_for_stock),
        cmocka_unit_test(an_order_is_kept_as_long_as_its_exchange_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
