#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

#include "core/order.h"

static const struct result *put_rules(struct shop *shop, const char *text)
{
    union shop_command *command = calloc(1, sizeof *command);
    command->rules.text_bytes = (uint32_t)strlen(text);
    memcpy(&command->rules + 1, text, strlen(text));
    shop_head(&command->head, OP_RULES_PUT, sizeof command->rules + strlen(text));
    const struct result *result = shop_ask(shop, &command->head);
    free(command);
    return result;
}

static const struct result_placed *place(struct shop *shop, const char *id, uint32_t sku,
                                         uint32_t units, int64_t unit_price)
{
    const struct shop_line line = {sku, units, unit_price};
    const struct result *result = shop_order(shop, id, &line, 1);
    assert_int_equal(result->code, CODE_CREATED);
    return (const void *)result;
}

static const struct result_order *get(struct shop *shop, const char *id)
{
    const struct result *result = shop_get(shop, id);
    assert_int_equal(result->kind, RESULT_ORDER);
    return (const void *)result;
}

/* The first event of that kind. */
static const struct event *find_event(const struct shop *shop, enum event_kind kind)
{
    for (size_t at = 0; at < shop->journal.used;) {
        uint64_t head[2];
        memcpy(head, shop->journal.at + at, sizeof head);
        at += sizeof head;
        for (uint64_t i = 0; i < head[1]; i++) {
            const struct event *event = (const void *)(shop->journal.at + at);
            if (event->kind == kind)
                return event;
            at += event->bytes;
        }
    }
    fail_msg("no %s", event_name(kind));
    return NULL;
}

static const char rules_of_the_day[] =
    "rule big-order   on order.create when total >= 5000     then review\n"
    "rule wrong-price on order.create when line.price != sku.price then reject price_mismatch\n";

static void a_rule_decides_where_an_order_begins(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        const struct result_rules *rules = (const void *)put_rules(shop, rules_of_the_day);
        assert_int_equal(rules->head.code, CODE_OK);
        assert_int_equal(rules->rule_count, 2);
        assert_int_equal(rules->number, 1);
        assert_int_equal(place(shop, "o-1", sku, 1, 1999)->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(place(shop, "o-2", sku, 3, 1999)->state, ORDER_IN_REVIEW);
        assert_int_equal(place(shop, "o-3", sku, 1, 1)->state, ORDER_REJECTED);
        assert_int_equal(get(shop, "o-2")->state, ORDER_IN_REVIEW);
        assert_int_equal(get(shop, "o-3")->state, ORDER_REJECTED);
    }
}

static void what_is_reviewed_is_reserved_and_what_is_rejected_is_not(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        put_rules(shop, rules_of_the_day);
        place(shop, "o-1", sku, 3, 1999);
        place(shop, "o-2", sku, 10, 1);
        assert_int_equal(shop_stock(shop, sku).reserved, 3);
        assert_int_equal(shop_stock(shop, sku).free, 7);
        const struct result_order *rejected = get(shop, "o-2");
        assert_int_equal(rejected->lines[0].warehouse, WAREHOUSE_NONE);
        assert_int_equal(rejected->stage_ns[STAGE_CLOSED], shop->now_ns);
        assert_int_equal(rejected->expires_ns, 0);
    }
}

static void the_event_names_the_rule_its_reason_and_its_set(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        put_rules(shop, "rule old on order.create when total < 0 then review");
        put_rules(shop, rules_of_the_day);
        place(shop, "o-1", sku, 1, 1);
        const struct slice_order_placed *placed =
            (const void *)event_slices(find_event(shop, EVENT_ORDER_PLACED));
        assert_int_equal(placed->rules_number, 2);
        assert_int_equal(placed->rule_bytes, strlen("wrong-price"));
        assert_int_equal(placed->reason_bytes, strlen("price_mismatch"));
        const char *at = (const char *)(placed->lines + 1) + strlen("o-1") + strlen("c778812");
        assert_memory_equal(at, "wrong-priceprice_mismatch", strlen("wrong-priceprice_mismatch"));
    }
}

static void which_rules_are_in_force_is_an_event_with_their_hash(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        const struct text text = {rules_of_the_day, sizeof rules_of_the_day - 1};
        put_rules(shop, rules_of_the_day);
        const struct slice_rules_put *put =
            (const void *)event_slices(find_event(shop, EVENT_RULES_PUT));
        assert_true(put->hash == rules_hash(text));
        assert_int_equal(put->text_bytes, text.bytes);
        assert_memory_equal(put + 1, text.at, text.bytes);
        /* The same rules again, as at every start, are no event. */
        assert_int_equal(
            ((const struct result_rules *)(const void *)put_rules(shop, rules_of_the_day))->number,
            1);
        assert_int_equal(shop_events(shop, EVENT_RULES_PUT), 1);
    }
}

static void rules_with_a_fault_change_nothing_and_say_where(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        put_rules(shop, rules_of_the_day);
        uint64_t before = shop_hash(shop);
        const struct result_rules_fault *fault =
            (const void *)put_rules(shop, "rule a on order.create\n  when totl > 1 then review");
        assert_int_equal(fault->head.code, CODE_INVALID);
        assert_int_equal(fault->head.kind, RESULT_RULES_FAULT);
        assert_int_equal(fault->line, 2);
        assert_int_equal(fault->column, 8);
        assert_memory_equal(fault + 1, "unknown field `totl`; did you mean `total`?",
                            fault->message_bytes);
        assert_true(shop_hash(shop) == before);
    }
}

static void no_rules_any_more_pass_everything(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        put_rules(shop, rules_of_the_day);
        put_rules(shop, "");
        assert_int_equal(place(shop, "o-1", sku, 3, 1)->state, ORDER_PENDING_PAYMENT);
    }
}

static void a_review_that_nobody_makes_ends_by_itself(void **state)
{
    (void)state;
    for (uint32_t accepts = 0; accepts < 2; accepts++) {
        struct shard_options options = shop_options();
        options.review_deadline_ns = UINT64_C(86400) * 1000000000;
        options.review_timeout = accepts ? REVIEW_TIMEOUT_ACCEPT : REVIEW_TIMEOUT_REJECT;
        struct shop *shop = shop_open_with(&options, 2, 1);
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 10);
        put_rules(shop, rules_of_the_day);
        place(shop, "o-1", sku, 3, 1999);
        assert_int_equal(get(shop, "o-1")->expires_ns, shop->now_ns + options.review_deadline_ns);
        shop->now_ns += options.review_deadline_ns + (2 << 20);
        shop_run(shop);
        const struct result_order *order = get(shop, "o-1");
        assert_int_equal(order->state, accepts ? ORDER_PENDING_PAYMENT : ORDER_REJECTED);
        assert_int_equal(order->expires_ns,
                         accepts ? shop->now_ns + options.payment_deadline_ns : 0);
        assert_int_equal(shop_stock(shop, sku).reserved, accepts ? 3 : 0);
        shop_audit(shop);
        shop_assert_replays(shop);
        shop_close(shop);
    }
}

/* What the buyer's shop said of the time to pay outlives the review. */
static void pay_by_counts_after_the_review(void **state)
{
    (void)state;
    struct shard_options options = shop_options();
    options.review_deadline_ns = UINT64_C(1000000000);
    options.review_timeout = REVIEW_TIMEOUT_ACCEPT;
    struct shop *shop = shop_open_with(&options, 2, 1);
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    put_rules(shop, rules_of_the_day);
    union shop_command command;
    const struct shop_line line = {sku, 3, 1999};
    shop_order_of(&command, "o-1", "c1", &line, 1);
    uint64_t pay_by_ns = command.create.pay_by_ns = shop->now_ns + UINT64_C(5000000000);
    assert_int_equal(shop_ask(shop, &command.head)->code, CODE_CREATED);
    shop->now_ns += UINT64_C(2000000000);
    shop_run(shop);
    assert_int_equal(get(shop, "o-1")->state, ORDER_PENDING_PAYMENT);
    assert_int_equal(get(shop, "o-1")->expires_ns, pay_by_ns);
    shop_assert_replays(shop);
    shop_close(shop);
}

/* A flash mark of another shard's SKU, and orders over several shards. */
static void rules_see_skus_of_every_shard(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[8];
        struct shop_line lines[8];
        shop_stock_up(shop, skus, 8, 10);
        put_rules(shop, "rule dear on order.create when line.price > sku.price * 2 then review");
        for (uint32_t i = 0; i < 8; i++)
            lines[i] = (struct shop_line){skus[i], 1, i == 7 ? 2 * 1999 + 1 : 1999};
        const struct result_placed *placed = (const void *)shop_order(shop, "o-1", lines, 8);
        assert_int_equal(placed->state, ORDER_IN_REVIEW);
        lines[7].unit_price = 2 * 1999;
        placed = (const void *)shop_order(shop, "o-2", lines, 8);
        assert_int_equal(placed->state, ORDER_PENDING_PAYMENT);
    }
}

/* An order in review, of `units` at the list price. */
static uint32_t in_review(struct shop *shop, uint32_t units)
{
    uint32_t sku;
    shop_stock_up(shop, &sku, 1, 10);
    put_rules(shop, "rule all on order.create when total > 0 then review");
    place(shop, "o-1", sku, units, 1999);
    return sku;
}

static void who_accepts_lets_the_order_be_paid(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = in_review(shop, 2);
        shop->now_ns += 1000;
        const struct result *result = shop_act(shop, OP_ORDER_REVIEW, "o-1", REVIEW_ACCEPT, "");
        assert_int_equal(result->code, CODE_OK);
        const struct result_order *order = get(shop, "o-1");
        assert_int_equal(order->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(order->stage_ns[STAGE_REVIEWED], shop->now_ns);
        assert_int_equal(order->expires_ns, shop->now_ns + shop->options[0].payment_deadline_ns);
        assert_int_equal(shop_stock(shop, sku).reserved, 2);
        /* Once is enough; and who asks again hears what may be done now. */
        const struct result_state *again =
            (const void *)shop_act(shop, OP_ORDER_REVIEW, "o-1", REVIEW_REJECT, "");
        assert_int_equal(again->head.code, CODE_ILLEGAL);
        assert_int_equal(again->state, ORDER_PENDING_PAYMENT);
        assert_true(again->allowed >> MOVE_CANCEL & 1);
    }
}

static void who_rejects_frees_the_units(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = in_review(shop, 2);
        assert_int_equal(shop_act(shop, OP_ORDER_REVIEW, "o-1", REVIEW_REJECT, "k")->code, CODE_OK);
        assert_int_equal(get(shop, "o-1")->state, ORDER_REJECTED);
        assert_int_equal(get(shop, "o-1")->expires_ns, 0);
        assert_int_equal(shop_stock(shop, sku).reserved, 0);
        assert_int_equal(shop_stock(shop, sku).free, 10);
        assert_int_equal(shop_act(shop, OP_ORDER_REVIEW, "o-1", REVIEW_REJECT, "k")->code,
                         CODE_REPLAYED);
        assert_int_equal(shop_act(shop, OP_ORDER_REVIEW, "o-1", REVIEW_ACCEPT, "k")->code,
                         CODE_KEY_REUSED);
        assert_int_equal(shop_events(shop, EVENT_ORDER_REJECTED), 1);
    }
}

static void a_buyer_may_cancel_what_is_in_review(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku = in_review(shop, 2);
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(get(shop, "o-1")->state, ORDER_CANCELLED);
        assert_int_equal(shop_stock(shop, sku).free, 10);
        assert_int_equal(shop_act(shop, OP_ORDER_REVIEW, "o-1", REVIEW_ACCEPT, "")->code,
                         CODE_ILLEGAL);
    }
}

static void what_has_not_come_cannot_be_confirmed(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        in_review(shop, 1);
        assert_int_equal(shop_act(shop, OP_ORDER_CONFIRM, "o-1", 0, "")->code, CODE_ILLEGAL);
        assert_int_equal(shop_act(shop, OP_ORDER_CONFIRM, "o-2", 0, "")->code, CODE_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_decides_where_an_order_begins),
        cmocka_unit_test(what_is_reviewed_is_reserved_and_what_is_rejected_is_not),
        cmocka_unit_test(the_event_names_the_rule_its_reason_and_its_set),
        cmocka_unit_test(which_rules_are_in_force_is_an_event_with_their_hash),
        cmocka_unit_test(rules_with_a_fault_change_nothing_and_say_where),
        cmocka_unit_test(no_rules_any_more_pass_everything),
        cmocka_unit_test(a_review_that_nobody_makes_ends_by_itself),
        cmocka_unit_test(pay_by_counts_after_the_review),
        cmocka_unit_test(rules_see_skus_of_every_shard),
        cmocka_unit_test(who_accepts_lets_the_order_be_paid),
        cmocka_unit_test(who_rejects_frees_the_units),
        cmocka_unit_test(a_buyer_may_cancel_what_is_in_review),
        cmocka_unit_test(what_has_not_come_cannot_be_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
