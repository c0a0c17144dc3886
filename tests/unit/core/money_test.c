/* Payments and refunds: through commands, on one to four shards, and again after recovery. */
#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

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

static int64_t kept_of(const struct child_payment *payment)
{
    return payment->captured - payment->refund_pending - payment->refunded;
}

/* All that an order has of its payments. */
struct money {
    uint32_t payments;
    uint32_t refunds;
    int64_t captured;
    int64_t kept;
};

static struct money money_of(struct shop *shop, const char *id)
{
    const struct result_order *order = order_of(shop, id);
    const struct child *child = result_order_children(order);
    struct money sum = {0};
    for (uint32_t i = 0; i < order->child_count; i++, child = child_next(child)) {
        const struct child_payment *payment = (const void *)child;
        sum.refunds += child->kind == CHILD_REFUND;
        if (child->kind != CHILD_PAYMENT)
            continue;
        sum.payments++;
        sum.captured += payment->captured;
        sum.kept += kept_of(payment);
    }
    return sum;
}

static enum code create(struct shop *shop, const char *payment, int64_t amount)
{
    return (enum code)shop_money(
               shop, OP_PAYMENT_CREATE,
               (struct shop_money){.order = "o-1", .payment = payment, .amount = amount})
        ->code;
}

static const struct result *move(struct shop *shop, enum op op, const char *payment)
{
    return shop_money(shop, op, (struct shop_money){.order = "o-1", .payment = payment});
}

static const struct result *refund(struct shop *shop, const char *refund, int64_t amount)
{
    return shop_money(
        shop, OP_REFUND_CREATE,
        (struct shop_money){.order = "o-1", .payment = "p-1", .refund = refund, .amount = amount});
}

static struct shop_money notice_of(const char *id, const char *payment, enum notice_kind kind,
                                   int64_t amount)
{
    return (struct shop_money){.order = "o-1",
                               .payment = payment,
                               .method = "alipay",
                               .key = id,
                               .kind = (uint8_t)kind,
                               .amount = amount};
}

static enum code notice(struct shop *shop, const char *id, const char *payment,
                        enum notice_kind kind, int64_t amount)
{
    return (enum code)shop_money(shop, OP_PAYMENT_NOTICE, notice_of(id, payment, kind, amount))
        ->code;
}

/* Every other shop is killed here, and goes on from its journal with another number of shards. */
static struct shop *killed(struct shop *shop, uint64_t seed)
{
    if (seed / 3 % 2 == 0)
        return shop;
    shop_run(shop);
    return shop_kill(shop, 1 + (uint32_t)seed % 4);
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
        create(shop, "p-1", 3998);
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        shop = killed(shop, seed);
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

static void a_deposit_and_a_balance_make_an_order_paid(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        assert_int_equal(create(shop, "p-1", 1000), CODE_CREATED);
        move(shop, OP_PAYMENT_AUTHORIZE, "p-1");
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(shop_stock(shop, sku).reserved, 2);
        shop = killed(shop, seed);
        assert_int_equal(create(shop, "p-2", 2998), CODE_CREATED);
        move(shop, OP_PAYMENT_CAPTURE, "p-2");
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
        assert_int_equal(money_of(shop, "o-1").kept, 3998);
        assert_int_equal(money_of(shop, "o-1").refunds, 0);
    }
}

static void a_failed_payment_may_be_followed_by_another_until_the_first_deadline(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        uint64_t deadline_ns = order_of(shop, "o-1")->expires_ns;
        create(shop, "p-1", 3998);
        move(shop, OP_PAYMENT_FAIL, "p-1");
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAYMENT_FAILED);
        assert_int_equal(order_of(shop, "o-1")->expires_ns, deadline_ns);
        assert_int_equal(shop_stock(shop, sku).reserved, 2);
        shop->now_ns += UINT64_C(60) * 1000000000;
        shop = killed(shop, seed);
        assert_int_equal(create(shop, "p-2", 3998), CODE_CREATED);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(order_of(shop, "o-1")->expires_ns, deadline_ns);
        if (seed % 2 == 0) {
            assert_int_equal(notice(shop, "n-1", "p-1", NOTICE_CAPTURED, 3998), CODE_OK);
            assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
        } else {
            shop->now_ns = deadline_ns + (UINT64_C(1) << 21);
            shop_run(shop);
            assert_int_equal(order_of(shop, "o-1")->state, ORDER_EXPIRED);
            assert_int_equal(shop_stock(shop, sku).free, 10);
        }
    }
}

static void what_is_paid_too_much_goes_back_in_the_same_event(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        assert_int_equal(create(shop, "p-1", 5000), CODE_CREATED);
        shop = killed(shop, seed);
        const struct result *result = move(shop, OP_PAYMENT_CAPTURE, "p-1");
        assert_int_equal(payment_of(result)->captured, 5000);
        assert_int_equal(payment_of(result)->refund_pending, 1002);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
        assert_int_equal(shop_events(shop, EVENT_PAYMENT_CAPTURED), 1);
        assert_int_equal(shop_events(shop, EVENT_REFUND_REQUESTED), 0);
    }
}

static void authorisations_are_voided_and_captures_refunded_when_an_order_expires(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        create(shop, "p-1", 1000);
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        create(shop, "p-2", 2998);
        move(shop, OP_PAYMENT_AUTHORIZE, "p-2");
        shop = killed(shop, seed);
        shop->now_ns += UINT64_C(1801) * 1000000000;
        shop_run(shop);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_EXPIRED);
        assert_int_equal(money_of(shop, "o-1").kept, 0);
        assert_int_equal(payment_of(move(shop, OP_PAYMENT_GET, "p-2"))->head.state, PAYMENT_VOIDED);
        assert_int_equal(payment_of(move(shop, OP_PAYMENT_GET, "p-1"))->refund_pending, 1000);
    }
}

static void cancelled_lines_of_a_paid_order_take_their_money_along(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        create(shop, "p-1", 3998);
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        shop = killed(shop, seed);
        const struct cancel_line one = {1, 1};
        assert_int_equal(shop_cancel(shop, "o-1", &one, 1, "k-1")->code, CODE_OK);
        assert_int_equal(shop_cancel(shop, "o-1", &one, 1, "k-1")->code, CODE_REPLAYED);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
        assert_int_equal(order_of(shop, "o-1")->total, 1999);
        assert_int_equal(money_of(shop, "o-1").kept, 1999);
        assert_int_equal(shop_stock(shop, sku).committed, 1);
        assert_int_equal(shop_stock(shop, sku).free, 9);
    }
}

static void a_deposit_pays_what_is_left_after_lines_are_cancelled(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        create(shop, "p-1", 2100);
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        shop = killed(shop, seed);
        const struct cancel_line one = {1, 1};
        assert_int_equal(shop_cancel(shop, "o-1", &one, 1, "")->code, CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
        assert_int_equal(money_of(shop, "o-1").kept, 1999);
        assert_int_equal(shop_stock(shop, sku).committed, 1);
        assert_int_equal(shop_stock(shop, sku).reserved, 0);
    }
}

/* A provider may be quicker than whoever reviews the order. */
static void money_that_comes_before_the_verdict_waits_for_it(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        static const char rules[] = "rule all on order.create when total >= 0 then review\n";
        union shop_command *command = calloc(1, sizeof *command);
        command->rules.text_bytes = sizeof rules - 1;
        memcpy(&command->rules + 1, rules, sizeof rules - 1);
        shop_head(&command->head, OP_RULES_PUT, sizeof command->rules + sizeof rules - 1);
        assert_int_equal(shop_ask(shop, &command->head)->code, CODE_OK);
        free(command);
        uint32_t sku = order_two(shop, "o-1");
        assert_int_equal(create(shop, "p-1", 3998), CODE_ILLEGAL);
        assert_int_equal(notice(shop, "n-1", "p-1", NOTICE_CAPTURED, 3998), CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_IN_REVIEW);
        shop = killed(shop, seed);
        bool accepted = seed % 2 == 0;
        const struct result *verdict =
            shop_act(shop, OP_ORDER_REVIEW, "o-1", accepted ? REVIEW_ACCEPT : REVIEW_REJECT, "");
        assert_int_equal(verdict->code, CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, accepted ? ORDER_PAID : ORDER_REJECTED);
        assert_int_equal(money_of(shop, "o-1").kept, accepted ? 3998 : 0);
        assert_int_equal(shop_stock(shop, sku).committed, accepted ? 2 : 0);
        assert_int_equal(shop_stock(shop, sku).reserved, 0);
    }
}

/* ---- what others get wrong ------------------------------------------------------------------------- */

/* Of the last unit: whoever has paid for it has it, and it cannot be bought again. */
static void paid_units_are_never_sold_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 1);
        const struct shop_line last = {sku, 1, 1999};
        shop_order(shop, "o-1", &last, 1);
        create(shop, "p-1", 1999);
        uint64_t paying = shop_send_money(shop, OP_PAYMENT_CAPTURE,
                                          (struct shop_money){.order = "o-1", .payment = "p-1"});
        uint64_t buying = shop_send_order(shop, "o-2", &last, 1);
        shop_run(shop);
        assert_int_equal(shop_answer(shop, paying)->code, CODE_OK);
        assert_int_equal(shop_answer(shop, buying)->code, CODE_OUT_OF_STOCK);
        shop = killed(shop, seed);
        assert_int_equal(shop_order(shop, "o-3", &last, 1)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_stock(shop, sku).committed, 1);
    }
}

static void no_reserved_count_stays_behind_on_paid_and_cancelled_orders(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        create(shop, "p-1", 3998);
        uint64_t paying = shop_send_money(shop, OP_PAYMENT_CAPTURE,
                                          (struct shop_money){.order = "o-1", .payment = "p-1"});
        if (seed % 2 == 0)
            shop_run(shop); /* or the cancel overtakes nothing of it on the way */
        shop_cancel(shop, "o-1", NULL, 0, "");
        assert_int_equal(shop_answer(shop, paying)->code, CODE_OK);
        shop = killed(shop, seed);
        assert_int_equal(shop_stock(shop, sku).reserved, 0);
        assert_int_equal(shop_stock(shop, sku).committed, 0);
        assert_int_equal(shop_stock(shop, sku).free, 10);
    }
}

/* Paid, then out of stock: its last unit was sold to somebody else in the meantime. */
static void late_money_goes_back_and_revives_nothing(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 1);
        const struct shop_line last = {sku, 1, 1999};
        shop_order(shop, "o-1", &last, 1);
        create(shop, "p-1", 1999);
        shop->now_ns += UINT64_C(1801) * 1000000000;
        shop_run(shop);
        assert_int_equal(shop_order(shop, "o-2", &last, 1)->code, CODE_CREATED);
        shop = killed(shop, seed);
        if (seed % 2 == 0)
            assert_int_equal(move(shop, OP_PAYMENT_CAPTURE, "p-1")->code, CODE_OK);
        else
            assert_int_equal(notice(shop, "n-1", "p-1", NOTICE_CAPTURED, 1999), CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_EXPIRED);
        assert_int_equal(money_of(shop, "o-1").captured, 1999);
        assert_int_equal(money_of(shop, "o-1").kept, 0);
        const struct child *child = result_order_children(order_of(shop, "o-1"));
        const struct child_refund *back = (const void *)child_next(child);
        assert_memory_equal((const char *)(back + 1) + back->head.id_bytes, "late_payment", 12);
        assert_int_equal(order_of(shop, "o-2")->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(shop_stock(shop, sku).reserved, 1);
    }
}

static void a_notice_and_the_clients_own_call_make_one_payment(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        const struct shop_money noticed = notice_of("n-1", "p-1", NOTICE_CAPTURED, 3998);
        const struct shop_money created = {
            .order = "o-1", .payment = "p-1", .method = "card", .amount = 3998};
        const struct shop_money captured = {.order = "o-1", .payment = "p-1"};
        uint64_t order = seed / 6 % 3;
        uint64_t first = order == 0 ? shop_send_money(shop, OP_PAYMENT_NOTICE, noticed) : 0;
        uint64_t made = shop_send_money(shop, OP_PAYMENT_CREATE, created);
        if (order == 1)
            first = shop_send_money(shop, OP_PAYMENT_NOTICE, noticed);
        uint64_t own = shop_send_money(shop, OP_PAYMENT_CAPTURE, captured);
        if (order == 2)
            first = shop_send_money(shop, OP_PAYMENT_NOTICE, noticed);
        shop_run(shop);
        assert_int_equal(shop_answer(shop, first)->code, CODE_OK);
        assert_int_equal(shop_answer(shop, made)->code, CODE_CREATED);
        assert_int_equal(shop_answer(shop, own)->code, order == 2 ? CODE_OK : CODE_ILLEGAL);
        shop = killed(shop, seed);
        for (uint32_t again = 0; again < 2; again++) {
            enum code code = notice(shop, "n-1", "p-1", NOTICE_CAPTURED, 3998);
            assert_true(code == CODE_OK || code == CODE_REPLAYED);
            assert_int_equal(notice(shop, again ? "n-2" : "n-3", "p-1", NOTICE_CAPTURED, 3998),
                             CODE_OK);
        }
        assert_int_equal(shop_money(shop, OP_PAYMENT_CREATE, created)->code, CODE_REPLAYED);
        assert_int_equal(money_of(shop, "o-1").payments, 1);
        assert_int_equal(money_of(shop, "o-1").captured, 3998);
        assert_int_equal(money_of(shop, "o-1").refunds, 0);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
    }
}

static void a_retry_under_a_new_id_charges_nobody_twice(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        assert_int_equal(create(shop, "p-1", 3998), CODE_CREATED);
        shop = killed(shop, seed);
        assert_int_equal(create(shop, "p-2", 3998), CODE_LIMIT);
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        assert_int_equal(create(shop, "p-2", 3998), CODE_ILLEGAL);
        assert_int_equal(create(shop, "p-1", 3998), CODE_REPLAYED);
        assert_int_equal(create(shop, "p-1", 3997), CODE_KEY_REUSED);
        assert_int_equal(money_of(shop, "o-1").payments, 1);
        assert_int_equal(money_of(shop, "o-1").captured, 3998);
    }
}

/* Nobody knows what came of it: until its provider has said so, nothing else is charged. */
static void a_capture_in_flight_keeps_every_other_out(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        create(shop, "p-1", 3998);
        move(shop, OP_PAYMENT_AUTHORIZE, "p-1");
        assert_int_equal(move(shop, OP_PAYMENT_LOSE, "p-1")->code, CODE_OK);
        shop = killed(shop, seed);
        assert_int_equal(create(shop, "p-2", 3998), CODE_LIMIT);
        const struct result *refused = move(shop, OP_PAYMENT_CAPTURE, "p-1");
        assert_int_equal(refused->code, CODE_ILLEGAL);
        const struct result_state *said = (const void *)refused;
        assert_int_equal(said->child, CHILD_PAYMENT);
        assert_int_equal(said->state, PAYMENT_UNKNOWN);
        assert_int_equal(said->allowed, 0);
        bool came = seed % 2 == 0;
        notice(shop, "n-1", "p-1", came ? NOTICE_CAPTURED : NOTICE_FAILED, 3998);
        assert_int_equal(order_of(shop, "o-1")->state, came ? ORDER_PAID : ORDER_PAYMENT_FAILED);
        assert_int_equal(create(shop, "p-2", 3998), came ? CODE_ILLEGAL : CODE_CREATED);
    }
}

/* Somebody pays twice at two providers, who both say so. */
static void what_is_charged_twice_goes_back_once(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        notice(shop, "n-1", "p-1", NOTICE_CAPTURED, 3998);
        shop = killed(shop, seed);
        notice(shop, "n-2", "p-2", NOTICE_CAPTURED, 3998);
        notice(shop, "n-3", "p-2", NOTICE_CAPTURED, 3998);
        assert_int_equal(money_of(shop, "o-1").captured, 2 * 3998);
        assert_int_equal(money_of(shop, "o-1").refunds, 1);
        assert_int_equal(money_of(shop, "o-1").kept, 3998);
    }
}

static void refunds_that_race_never_give_back_more_than_was_captured(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        create(shop, "p-1", 3998);
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        uint64_t asked[4];
        uint32_t opened = 0;
        for (uint32_t i = 0; i < 4; i++) {
            char id[8];
            snprintf(id, sizeof id, "f-%u", i);
            asked[i] = shop_send_money(
                shop, OP_REFUND_CREATE,
                (struct shop_money){
                    .order = "o-1", .payment = "p-1", .refund = id, .amount = 1500});
        }
        shop_run(shop);
        for (uint32_t i = 0; i < 4; i++) {
            opened += shop_answer(shop, asked[i])->code == CODE_CREATED;
            if (shop_answer(shop, asked[i])->code != CODE_CREATED)
                assert_int_equal(shop_answer(shop, asked[i])->code, CODE_LIMIT);
        }
        assert_int_equal(opened, 2);
        shop = killed(shop, seed);
        assert_int_equal(refund(shop, "f-0", 1500)->code, CODE_REPLAYED);
        assert_int_equal(refund(shop, "f-0", 1400)->code, CODE_KEY_REUSED);
        assert_int_equal(money_of(shop, "o-1").kept, 998);
    }
}

static void a_failed_refund_may_be_followed_by_another(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        create(shop, "p-1", 3998);
        move(shop, OP_PAYMENT_CAPTURE, "p-1");
        refund(shop, "f-1", 0); /* all of it */
        assert_int_equal(refund(shop, "f-2", 1)->code, CODE_LIMIT);
        shop = killed(shop, seed);
        const struct shop_money first = {.order = "o-1", .payment = "p-1", .refund = "f-1"};
        assert_int_equal(shop_money(shop, OP_REFUND_FAIL, first)->code, CODE_OK);
        assert_int_equal(refund(shop, "f-2", 0)->code, CODE_CREATED);
        struct shop_money late = notice_of("n-1", "p-1", NOTICE_REFUND_SUCCEEDED, 3998);
        late.refund = "f-1";
        assert_int_equal(shop_money(shop, OP_PAYMENT_NOTICE, late)->code, CODE_LIMIT);
        assert_int_equal(money_of(shop, "o-1").kept, 0);
    }
}

/* Its provider tells of the refund first: so the money had come, and was on its way back. */
static void a_refund_that_fails_leaves_the_money_that_pays_the_order(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        struct shop_money said = notice_of("n-1", "p-1", NOTICE_REFUND_PROCESSING, 3998);
        said.refund = "f-1";
        assert_int_equal(shop_money(shop, OP_PAYMENT_NOTICE, said)->code, CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PENDING_PAYMENT);
        shop = killed(shop, seed);
        said = notice_of("n-2", "p-1", NOTICE_REFUND_FAILED, 3998);
        said.refund = "f-1";
        assert_int_equal(shop_money(shop, OP_PAYMENT_NOTICE, said)->code, CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
        assert_int_equal(shop_stock(shop, sku).committed, 2);
    }
}

/* Whichever comes first: either the order is paid, or what was captured goes back. */
static void cancel_and_capture_race_and_the_money_goes_where_the_order_goes(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = order_two(shop, "o-1");
        create(shop, "p-1", 3998);
        const struct shop_money capture = {.order = "o-1", .payment = "p-1"};
        const struct shop_money captured = notice_of("n-1", "p-1", NOTICE_CAPTURED, 3998);
        uint64_t paid = 0;
        bool first = shop_random(shop) % 2 == 0, by_notice = shop_random(shop) % 2 == 0;
        if (first)
            paid = shop_send_money(shop, by_notice ? OP_PAYMENT_NOTICE : OP_PAYMENT_CAPTURE,
                                   by_notice ? captured : capture);
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_OK);
        shop = killed(shop, seed);
        if (!first)
            paid = shop_send_money(shop, by_notice ? OP_PAYMENT_NOTICE : OP_PAYMENT_CAPTURE,
                                   by_notice ? captured : capture);
        shop_run(shop);
        assert_int_equal(shop_answer(shop, paid)->code, CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_CANCELLED);
        assert_int_equal(money_of(shop, "o-1").captured, 3998);
        assert_int_equal(money_of(shop, "o-1").kept, 0);
        assert_int_equal(money_of(shop, "o-1").refunds, 1);
        assert_int_equal(shop_stock(shop, sku).free, 10);
    }
}

/* ---- limits are answers ------------------------------------------------------------------------------ */

static void an_order_has_so_many_payments_and_no_more(void **state)
{
    (void)state;
    struct shop *shop = shop_open(2, 1);
    order_two(shop, "o-1");
    char id[16];
    for (uint32_t i = 0; i < PAYMENTS_MAX; i++) {
        snprintf(id, sizeof id, "p-%u", i);
        assert_int_equal(create(shop, id, 3998), CODE_CREATED);
        assert_int_equal(move(shop, OP_PAYMENT_FAIL, id)->code, CODE_OK);
    }
    assert_int_equal(create(shop, "one-more", 3998), CODE_LIMIT);
    assert_int_equal(notice(shop, "n-1", "another", NOTICE_CAPTURED, 3998), CODE_LIMIT);
    assert_int_equal(notice(shop, "n-2", "p-7", NOTICE_CAPTURED, 3998), CODE_OK);
    assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
    uint32_t refunds = 0;
    do
        snprintf(id, sizeof id, "f-%u", refunds);
    while (
        shop_money(shop, OP_REFUND_CREATE,
                   (struct shop_money){.order = "o-1", .payment = "p-7", .refund = id, .amount = 1})
                ->code == CODE_CREATED &&
        ++refunds < REFUNDS_MAX);
    assert_int_equal(refunds, REFUNDS_MAX - PAYMENTS_MAX);
    assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_OK);
    assert_int_equal(money_of(shop, "o-1").kept, 0);
    shop_audit(shop);
    shop_assert_replays(shop);
    shop_close(shop);
}

static void no_sum_of_money_leaves_64_bits(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        order_two(shop, "o-1");
        assert_int_equal(notice(shop, "n-1", "p-1", NOTICE_CAPTURED, INT64_MAX), CODE_OK);
        assert_int_equal(order_of(shop, "o-1")->state, ORDER_PAID);
        shop = killed(shop, seed);
        assert_int_equal(money_of(shop, "o-1").kept, 3998);
        enum notice_kind kind = seed % 2 == 0 ? NOTICE_CAPTURED : NOTICE_AUTHORIZED;
        assert_int_equal(notice(shop, "n-2", "p-2", kind, 1), CODE_OVERFLOW);
        assert_int_equal(money_of(shop, "o-1").payments, 1);
        order_two(shop, "o-2");
        const struct shop_money most = {
            .order = "o-2", .payment = "p-1", .method = "card", .amount = INT64_MAX};
        assert_int_equal(shop_money(shop, OP_PAYMENT_CREATE, most)->code, CODE_CREATED);
        struct shop_money more = notice_of("n-3", "p-2", NOTICE_CAPTURED, 1);
        more.order = "o-2";
        assert_int_equal(shop_money(shop, OP_PAYMENT_NOTICE, more)->code, CODE_OVERFLOW);
        assert_int_equal(order_of(shop, "o-2")->state, ORDER_PENDING_PAYMENT);
    }
}

/* The orders' memory is filled with orders, and what is left of it with refunds. */
static void where_there_is_no_room_for_money_nothing_happens(void **state)
{
    (void)state;
    struct shard_options options = shop_options();
    options.order_bytes_max = 4096;
    struct shop *shop = shop_open_with(&options, 1, 1);
    order_two(shop, "o-1");
    create(shop, "p-1", 1000);
    move(shop, OP_PAYMENT_CAPTURE, "p-1");
    uint32_t sku = order_of(shop, "o-1")->lines[0].sku;
    char id[16];
    for (uint32_t i = 0;; i++) {
        snprintf(id, sizeof id, "x-%u", i);
        if (shop_order(shop, id, &(struct shop_line){sku, 1, 1}, 1)->code == CODE_FULL)
            break;
        shop_cancel(shop, id, NULL, 0, "");
    }
    enum code code = CODE_CREATED;
    for (uint32_t i = 0; code == CODE_CREATED; i++) {
        snprintf(id, sizeof id, "f-%u", i);
        code = (enum code)refund(shop, id, 1)->code;
    }
    assert_int_equal(code, CODE_FULL);
    uint64_t hash = shop_hash(shop);
    assert_int_equal(create(shop, "p-2", 2998), CODE_FULL);
    assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_FULL);
    shop->now_ns += UINT64_C(1801) * 1000000000;
    shop->turn.now_ns = shop->now_ns;
    shard_expire(shop->shards[0], &shop->turn); /* has nowhere to keep the refund, and waits */
    shop_end_turn(shop, 0);
    assert_int_equal(order_of(shop, "o-1")->state, ORDER_PENDING_PAYMENT);
    assert_true(shop_hash(shop) == hash);
    shop_audit(shop);
    shop_close(shop);
}

static void a_payment_takes_memory_only_once_it_is_there(void **state)
{
    (void)state;
    enum { ORDERS = 1000 };
    struct shop *shop = shop_open(1, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, ORDERS);
    char id[24];
    for (uint32_t i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "2020111100%08u", i);
        shop_order(shop, id, &(struct shop_line){sku, 1, 1999}, 1);
    }
    uint64_t unpaid = shard_counts(shop->shards[0]).order_bytes;
    for (uint32_t i = 0; i < ORDERS; i++) {
        snprintf(id, sizeof id, "2020111100%08u", i);
        struct shop_money payment = {
            .order = id, .payment = id, .method = "alipay", .amount = 1999};
        shop_money(shop, OP_PAYMENT_CREATE, payment);
        payment.method = NULL;
        shop_money(shop, OP_PAYMENT_CAPTURE, payment);
    }
    double paid = (double)(shard_counts(shop->shards[0]).order_bytes - unpaid) / ORDERS;
    print_message("# bytes that a paid order takes beside an unpaid one's: %.1f\n", paid);
    assert_true(paid <= 128);
    shop_close(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_captured_payment_makes_its_order_paid_and_commits_its_stock),
        cmocka_unit_test(a_cancelled_paid_order_gives_its_stock_and_its_money_back),
        cmocka_unit_test(a_deposit_and_a_balance_make_an_order_paid),
        cmocka_unit_test(a_failed_payment_may_be_followed_by_another_until_the_first_deadline),
        cmocka_unit_test(what_is_paid_too_much_goes_back_in_the_same_event),
        cmocka_unit_test(authorisations_are_voided_and_captures_refunded_when_an_order_expires),
        cmocka_unit_test(cancelled_lines_of_a_paid_order_take_their_money_along),
        cmocka_unit_test(a_deposit_pays_what_is_left_after_lines_are_cancelled),
        cmocka_unit_test(money_that_comes_before_the_verdict_waits_for_it),
        cmocka_unit_test(paid_units_are_never_sold_again),
        cmocka_unit_test(no_reserved_count_stays_behind_on_paid_and_cancelled_orders),
        cmocka_unit_test(late_money_goes_back_and_revives_nothing),
        cmocka_unit_test(a_notice_and_the_clients_own_call_make_one_payment),
        cmocka_unit_test(a_retry_under_a_new_id_charges_nobody_twice),
        cmocka_unit_test(a_capture_in_flight_keeps_every_other_out),
        cmocka_unit_test(what_is_charged_twice_goes_back_once),
        cmocka_unit_test(refunds_that_race_never_give_back_more_than_was_captured),
        cmocka_unit_test(a_failed_refund_may_be_followed_by_another),
        cmocka_unit_test(a_refund_that_fails_leaves_the_money_that_pays_the_order),
        cmocka_unit_test(cancel_and_capture_race_and_the_money_goes_where_the_order_goes),
        cmocka_unit_test(an_order_has_so_many_payments_and_no_more),
        cmocka_unit_test(no_sum_of_money_leaves_64_bits),
        cmocka_unit_test(where_there_is_no_room_for_money_nothing_happens),
        cmocka_unit_test(a_payment_takes_memory_only_once_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
