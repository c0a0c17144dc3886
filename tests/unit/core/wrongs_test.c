/* What others get wrong: one case for each, under contention, and again with the process killed in the
 * midst of it. tests/README.md has the list, and the planted bug that turns each of them red. */
#include "tests/unit/core/parcels.h"

#include "core/shard_state.h"

/* Everybody's requests, sent while messages are on their way; their answers, as far as there are any. */
enum { RACERS_MAX = 24 };
struct race {
    struct shop *shop;
    bool is_killed;
    uint32_t count;
    union shop_command *commands[RACERS_MAX];
    enum code codes[RACERS_MAX];
};

/* Each case on one, two and four shards, every other time with a kill in its midst. What was decided
 * must balance and replay. */
static struct race race_open(uint64_t seed)
{
    return (struct race){.shop = shop_open(shop_sizes[seed / 2 % 3], seed),
                         .is_killed = seed % 2 == 1};
}

static void race_close(struct race *race)
{
    shop_audit(race->shop);
    shop_assert_replays(race->shop);
    shop_close(race->shop);
}

enum { RACES = 60 };
#define EACH_RACE(race)                                                                            \
    for (uint64_t seed = 0; seed < RACES; seed++)                                                  \
        for (struct race race = race_open(seed); race.shop != NULL;                                \
             race_close(&race), race.shop = NULL)

/* kill -9: what is on its way is lost, and with it every hold; the journal is there. */
static void race_kill(struct race *race)
{
    struct shop *shop = race->shop;
    struct shop *again = shop_replay(shop, shop_sizes[shop_random(shop) % 3]);
    again->now_ns = shop->now_ns;
    again->random = shop->random;
    again->journal = shop->journal;
    shop->journal = (struct shop_pile){0};
    shop_close(shop);
    race->shop = again;
}

static union shop_command *race_add(struct race *race)
{
    assert_true(race->count < RACERS_MAX);
    union shop_command *command = malloc(sizeof *command);
    race->commands[race->count++] = command;
    return command;
}

static void race_order(struct race *race, const char *id, const struct shop_line *lines,
                       uint32_t line_count)
{
    shop_order_of(race_add(race), id, "c778812", lines, line_count);
}

static void race_money(struct race *race, enum op op, struct shop_money said)
{
    shop_money_of(race_add(race), op, &said);
}

static void race_cancel(struct race *race, const char *id)
{
    union shop_command *command = race_add(race);
    memset(command, 0, sizeof *command);
    command->cancel.id_bytes = (uint8_t)strlen(id);
    memcpy(command->cancel.lines, id, strlen(id));
    shop_head(&command->head, OP_ORDER_CANCEL, sizeof command->cancel + strlen(id));
}

static void mix(struct race *race)
{
    for (uint32_t i = race->count; i > 1; i--) {
        uint32_t other = (uint32_t)(shop_random(race->shop) % i);
        union shop_command *command = race->commands[i - 1];
        race->commands[i - 1] = race->commands[other];
        race->commands[other] = command;
    }
}

static void send_all(struct race *race, uint64_t steps_between)
{
    uint64_t requests[RACERS_MAX];
    struct shop *shop = race->shop;
    for (uint32_t i = 0; i < race->count; i++) {
        requests[i] = race->codes[i] == 0xffff ? shop_send(shop, &race->commands[i]->head) : 0;
        for (uint64_t steps = shop_random(shop) % steps_between; steps > 0; steps--)
            (void)shop_step(shop);
    }
    if (steps_between > 1)
        shop_run(shop);
    for (uint32_t i = 0; i < race->count; i++)
        if (requests[i] != 0 && shop->answers[requests[i]] != NULL)
            race->codes[i] = (enum code)shop->answers[requests[i]]->code;
}

/* All at once. Who has no answer when the process is killed asks again, as a client does. */
static void race_run(struct race *race)
{
    for (uint32_t i = 0; i < race->count; i++)
        race->codes[i] = 0xffff;
    if (race->is_killed) {
        send_all(race, 1);
        for (uint64_t steps = shop_random(race->shop) % 12; steps > 0; steps--)
            (void)shop_step(race->shop);
        race_kill(race);
    }
    send_all(race, 6);
    for (uint32_t i = 0; i < race->count; i++)
        free(race->commands[i]);
}

/* How many had this answer; then the race may begin anew. */
static uint32_t race_had(const struct race *race, enum code code)
{
    uint32_t had = 0;
    for (uint32_t i = 0; i < race->count; i++)
        had += race->codes[i] == code;
    return had;
}

static uint32_t race_won(struct race *race)
{
    uint32_t won = race_had(race, CODE_CREATED) + race_had(race, CODE_REPLAYED);
    race->count = 0;
    return won;
}

static uint32_t stock_up(struct race *race, uint64_t units)
{
    uint32_t sku;
    shop_stock_up(race->shop, &sku, 1, units);
    return sku;
}

static void assert_stock(struct race *race, uint32_t sku, uint64_t free, uint64_t reserved,
                         uint64_t committed)
{
    struct result_cell cell = shop_stock(race->shop, sku);
    assert_int_equal(cell.free, free);
    assert_int_equal(cell.held, 0);
    assert_int_equal(cell.reserved, reserved);
    assert_int_equal(cell.committed, committed);
}

static enum order_state state_of(struct race *race, const char *id)
{
    return (enum order_state)parcel_order(race->shop, id)->state;
}

/* Orders "o-0" ... of one unit each. */
static void race_carts(struct race *race, uint32_t sku, uint32_t count, const char *prefix)
{
    const struct shop_line one = {sku, 1, 100};
    for (uint32_t i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "%s-%u", prefix, i);
        race_order(race, id, &one, 1);
    }
    race_run(race);
}

/* ---- stock ------------------------------------------------------------------------------------- */

static void two_buyers_of_one_last_unit(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = stock_up(&race, 1);
        race_carts(&race, sku, 2, "o");
        assert_int_equal(race_had(&race, CODE_OUT_OF_STOCK), 1);
        assert_int_equal(race_won(&race), 1);
        assert_stock(&race, sku, 0, 1, 0);
    }
}

static void one_order_with_the_same_sku_on_two_lines(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = stock_up(&race, 7);
        const struct shop_line lines[] = {{sku, 2, 100}, {sku, 2, 90}};
        race_order(&race, "o-1", lines, 2);
        race_order(&race, "o-2", lines, 2);
        race_run(&race);
        assert_int_equal(race_won(&race), 1);
        assert_stock(&race, sku, 3, 4, 0);
    }
}

static const struct shop_money pays = {.payment = "p-1", .method = "alipay", .amount = 100};

static void carts_for_the_last_unit_leave_no_paid_orphan(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = stock_up(&race, 1), paid = 0;
        race_carts(&race, sku, 8, "o");
        assert_int_equal(race_won(&race), 1);
        for (uint32_t i = 0; i < 8; i++) {
            char id[8];
            snprintf(id, sizeof id, "o-%u", i);
            struct shop_money said = pays;
            said.order = id;
            if (shop_money(race.shop, OP_PAYMENT_CREATE, said)->code == CODE_CREATED)
                paid += shop_money(race.shop, OP_PAYMENT_CAPTURE,
                                   (struct shop_money){.order = id, .payment = "p-1"})
                            ->code == CODE_OK;
        }
        assert_int_equal(paid, 1);
        race_carts(&race, sku, 8, "later");
        assert_int_equal(race_won(&race), 0);
        assert_stock(&race, sku, 0, 0, 1);
    }
}

static void an_unpaid_order_that_never_expires(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = stock_up(&race, 10);
        race_carts(&race, sku, 6, "o");
        assert_int_equal(race_won(&race), 6);
        race.shop->now_ns += 2 * race.shop->options[0].payment_deadline_ns;
        shop_run(race.shop);
        assert_int_equal(state_of(&race, "o-3"), ORDER_EXPIRED);
        assert_stock(&race, sku, 10, 0, 0);
    }
}

static void a_release_lost_when_a_step_fails(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t skus[4];
        shop_stock_up(race.shop, skus, 4, 5);
        const struct shop_line lines[] = {
            {skus[0], 3, 1}, {skus[1], 3, 1}, {skus[2], 3, 1}, {skus[3], 6, 1}};
        race_order(&race, "o-1", lines, 4);
        race_order(&race, "o-2", lines, 4);
        race_run(&race);
        assert_int_equal(race_won(&race), 0);
        for (uint32_t i = 0; i < 4; i++)
            assert_stock(&race, skus[i], 5, 0, 0);
    }
}

static void a_reserved_count_that_stays_behind_on_shipped_and_cancelled_orders(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = stock_up(&race, 10);
        race_carts(&race, sku, 4, "o");
        assert_int_equal(race_won(&race), 4);
        parcel_pay(race.shop, "o-0");
        parcel_pay(race.shop, "o-1");
        assert_stock(&race, sku, 6, 2, 2);
        race_cancel(&race, "o-1");
        race_cancel(&race, "o-2");
        race_run(&race);
        race.count = 0;
        parcel_do(race.shop, OP_SHIPMENT_CREATE, "o-0", "s-1");
        parcel_do(race.shop, OP_SHIPMENT_HAND_OVER, "o-0", "s-1");
        race.shop->now_ns += 2 * race.shop->options[0].payment_deadline_ns;
        shop_run(race.shop);
        assert_int_equal(state_of(&race, "o-0"), ORDER_SHIPPED);
        assert_int_equal(state_of(&race, "o-1"), ORDER_CANCELLED);
        assert_int_equal(state_of(&race, "o-2"), ORDER_CANCELLED);
        assert_int_equal(state_of(&race, "o-3"), ORDER_EXPIRED);
        assert_stock(&race, sku, 9, 0, 0);
    }
}

/* All of the stock, asked for by one client three times: it is sold once, and to it. */
static void a_duplicate_check_after_the_decrement(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t skus[3];
        shop_stock_up(race.shop, skus, 3, 5);
        const struct shop_line lines[] = {{skus[0], 5, 1}, {skus[1], 5, 1}, {skus[2], 5, 1}};
        for (uint32_t i = 0; i < 3; i++)
            race_order(&race, "o-1", lines, 3);
        race_run(&race);
        assert_int_equal(race_won(&race), 3);
        for (uint32_t i = 0; i < 3; i++)
            assert_stock(&race, skus[i], 0, 5, 0);
    }
}

static void a_buyer_locked_out_by_their_own_hold(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t skus[3];
        union shop_command command;
        shop_stock_up(race.shop, skus, 3, 5);
        shop_sku_of(&command, "S0");
        command.put.max_per_customer = 2;
        command.put.customer_window_s = 3600;
        assert_int_equal(shop_ask(race.shop, &command.head)->code, CODE_OK);
        const struct shop_line too_much[] = {{skus[0], 2, 1}, {skus[1], 6, 1}, {skus[2], 6, 1}};
        race_order(&race, "o-1", too_much, 3);
        race_order(&race, "o-2", too_much, 1);
        race_run(&race);
        assert_true(race.codes[1] == CODE_CREATED || race.codes[1] == CODE_REPLAYED);
        assert_int_equal(race_won(&race), 1);
        assert_stock(&race, skus[0], 3, 2, 0);
    }
}

/* The first SKU whose slot is that shard's, with so many units. */
static uint32_t sku_of_shard(struct shop *shop, const char *prefix, uint32_t shard, uint64_t units)
{
    for (uint32_t i = 0;; i++) {
        char code[16];
        snprintf(code, sizeof code, "%s-%u", prefix, i);
        uint32_t sku = shop_sku(shop, code);
        if (shop->slot_shard[sku_slot(sku)] != shard)
            continue;
        shop_receive(shop, sku, "w1", units);
        return sku;
    }
}

static const char *id_of_shard(const struct shop *shop, const char *prefix, uint32_t shard,
                               char out[16])
{
    for (uint32_t i = 0;; i++) {
        snprintf(out, 16, "%s-%u", prefix, i);
        struct text id = {out, (uint32_t)strlen(out)};
        if (shop->slot_shard[hash_slot(key_hash(id))] == shard)
            return out;
    }
}

/* By its home, shard 1, whether or not its answer has arrived. */
static bool is_placed(const struct shop *shop, const char *id)
{
    struct text text = {id, (uint32_t)strlen(id)};
    return order_find(&shop->shards[1]->orders, text, key_hash(text)) != 0;
}

/* Who wants the busy one waits for shard 0 to answer; who wants another one is served at once. */
static void a_busy_stock_row_that_holds_up_everybody_else(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SHOP_SEEDS; seed++) {
        struct shop *shop = shop_open(2, seed);
        char ids[3][16];
        shop_warehouse(shop, "w1", 1);
        uint32_t far = sku_of_shard(shop, "far", 0, 10);
        uint32_t busy = sku_of_shard(shop, "busy", 1, 4);
        uint32_t other = sku_of_shard(shop, "other", 1, 4);
        const struct shop_line both[] = {{far, 11, 1}, {busy, 4, 1}};
        const struct shop_line lines[] = {{busy, 1, 1}, {other, 1, 1}};
        uint64_t refused = shop_send_order(shop, id_of_shard(shop, "a", 1, ids[0]), both, 2);
        uint64_t waits = shop_send_order(shop, id_of_shard(shop, "b", 1, ids[1]), &lines[0], 1);
        uint64_t passes = shop_send_order(shop, id_of_shard(shop, "c", 1, ids[2]), &lines[1], 1);
        assert_false(is_placed(shop, ids[1]));
        assert_true(is_placed(shop, ids[2]));
        shop_run(shop);
        assert_int_equal(shop_answer(shop, refused)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_answer(shop, waits)->code, CODE_CREATED);
        assert_int_equal(shop_answer(shop, passes)->code, CODE_CREATED);
        shop_audit(shop);
        shop_assert_replays(shop);
        shop_close(shop);
    }
}

static void deadlock_of_two_orders_over_the_same_two_skus(void **state)
{
    (void)state;
    enum { BUYERS = 20, UNITS = 7 };
    EACH_RACE(race)
    {
        uint32_t skus[2];
        shop_stock_up(race.shop, skus, 2, UNITS);
        for (uint32_t i = 0; i < BUYERS; i++) {
            char id[16];
            snprintf(id, sizeof id, "o-%u", i);
            const struct shop_line lines[] = {{skus[i % 2], 1, 1}, {skus[1 - i % 2], 1, 1}};
            race_order(&race, id, lines, 2);
        }
        race_run(&race);
        assert_int_equal(race_had(&race, CODE_OUT_OF_STOCK), BUYERS - UNITS);
        assert_int_equal(race_won(&race), UNITS);
        assert_stock(&race, skus[0], 0, UNITS, 0);
        assert_stock(&race, skus[1], 0, UNITS, 0);
    }
}

/* Every order that was acknowledged is there, and every unit that left free stock is in one of them. */
static void an_order_lost_between_the_stock_decrement_and_its_own_write(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t skus[3];
        shop_stock_up(race.shop, skus, 3, 40);
        for (uint32_t i = 0; i < 12; i++) {
            char id[16];
            snprintf(id, sizeof id, "o-%u", i);
            const struct shop_line lines[] = {{skus[i % 3], 2, 1}, {skus[(i + 1) % 3], 3, 1}};
            race_order(&race, id, lines, 2);
        }
        race_run(&race);
        assert_int_equal(race_won(&race), 12);
        for (uint32_t i = 0; i < 12; i++) {
            char id[16];
            snprintf(id, sizeof id, "o-%u", i);
            assert_int_equal(state_of(&race, id), ORDER_PENDING_PAYMENT);
        }
        for (uint32_t i = 0; i < 3; i++)
            assert_stock(&race, skus[i], 20, 20, 0);
    }
}

/* ---- money ------------------------------------------------------------------------------------- */

/* The money of "o-0": what its payments keep, what goes back, and how many payments there are. */
struct money {
    int64_t captured;
    int64_t back;
    uint32_t payments;
};

static struct money money_of(struct race *race)
{
    struct money money = {0};
    const struct result_order *order = parcel_order(race->shop, "o-0");
    const struct child *child = result_order_children(order);
    for (uint32_t i = 0; i < order->child_count; i++, child = child_next(child)) {
        const struct child_payment *payment = (const void *)child;
        if (child->kind != CHILD_PAYMENT)
            continue;
        money.captured += payment->captured;
        money.back += payment->refund_pending + payment->refunded;
        money.payments++;
    }
    return money;
}

/* "o-0": one unit at 100, one of ten. */
static uint32_t open_order(struct race *race)
{
    uint32_t sku = stock_up(race, 10);
    const struct shop_line one = {sku, 1, 100};
    assert_int_equal(shop_order(race->shop, "o-0", &one, 1)->code, CODE_CREATED);
    return sku;
}

static const struct shop_money notice = {.order = "o-0",
                                         .payment = "p-1",
                                         .method = "alipay",
                                         .key = "n-1",
                                         .kind = NOTICE_CAPTURED,
                                         .amount = 100};
static const struct shop_money creates = {
    .order = "o-0", .payment = "p-1", .method = "alipay", .amount = 100};
static const struct shop_money captures = {.order = "o-0", .payment = "p-1"};

static void paid_then_out_of_stock(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = open_order(&race);
        assert_int_equal(shop_money(race.shop, OP_PAYMENT_CREATE, creates)->code, CODE_CREATED);
        const struct shop_line rest = {sku, 9, 100};
        const struct shop_line more = {sku, 10, 100};
        race_money(&race, OP_PAYMENT_CAPTURE, captures);
        race_order(&race, "rival-1", &more, 1);
        race_order(&race, "rival-2", &rest, 1);
        mix(&race);
        race_run(&race);
        assert_int_equal(state_of(&race, "o-0"), ORDER_PAID);
        assert_stock(&race, sku, 0, 9, 1);
    }
}

static void a_providers_notice_racing_the_clients_own_call(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = open_order(&race);
        race_money(&race, OP_PAYMENT_CREATE, creates);
        race_money(&race, OP_PAYMENT_CAPTURE, captures);
        race_money(&race, OP_PAYMENT_NOTICE, notice);
        race_money(&race, OP_PAYMENT_NOTICE, notice);
        mix(&race);
        race_run(&race);
        struct money money = money_of(&race);
        assert_int_equal(money.payments, 1);
        assert_int_equal(money.captured, 100);
        assert_int_equal(money.back, 0);
        assert_stock(&race, sku, 9, 0, 1);
    }
}

static void a_retry_with_a_new_key_charges_once(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        open_order(&race);
        for (uint32_t i = 1; i <= 3; i++) {
            const char *ids[] = {"p-1", "p-2", "p-3"};
            struct shop_money said = creates;
            said.payment = ids[i - 1];
            race_money(&race, OP_PAYMENT_CREATE, said);
        }
        race_run(&race);
        assert_int_equal(race_had(&race, CODE_LIMIT), 2);
        assert_int_equal(money_of(&race).payments, 1);
    }
}

/* Each wants all of it, under a name of its own. */
static void refund_all(struct race *race)
{
    const char *ids[] = {"f-1", "f-2", "f-3", "f-4"};
    for (uint32_t i = 0; i < 4; i++)
        race_money(
            race, OP_REFUND_CREATE,
            (struct shop_money){.order = "o-0", .payment = "p-1", .refund = ids[i], .amount = 60});
    race_run(race);
}

static void a_retry_with_a_new_key_refunds_once(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        open_order(&race);
        parcel_pay(race.shop, "o-0");
        refund_all(&race);
        assert_int_equal(race_had(&race, CODE_LIMIT), 3);
        assert_int_equal(money_of(&race).back, 60);
    }
}

static void cancel_racing_pay(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = open_order(&race);
        race_money(&race, OP_PAYMENT_CREATE, creates);
        race_money(&race, OP_PAYMENT_NOTICE, notice);
        race_cancel(&race, "o-0");
        mix(&race);
        race_run(&race);
        struct money money = money_of(&race);
        assert_int_equal(state_of(&race, "o-0"), ORDER_CANCELLED);
        assert_int_equal(money.captured, 100);
        assert_int_equal(money.back, 100);
        assert_stock(&race, sku, 10, 0, 0);
    }
}

static void refund_racing_refund(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        open_order(&race);
        parcel_pay(race.shop, "o-0");
        race_cancel(&race, "o-0");
        refund_all(&race);
        struct money money = money_of(&race);
        assert_int_equal(money.captured, 100);
        assert_int_equal(money.back, 100);
    }
}

static void late_money_on_an_expired_order(void **state)
{
    (void)state;
    EACH_RACE(race)
    {
        uint32_t sku = open_order(&race);
        race.shop->now_ns += 2 * race.shop->options[0].payment_deadline_ns;
        shop_run(race.shop);
        race_money(&race, OP_PAYMENT_NOTICE, notice);
        race_money(&race, OP_PAYMENT_NOTICE, notice);
        race_run(&race);
        struct money money = money_of(&race);
        assert_int_equal(state_of(&race, "o-0"), ORDER_EXPIRED);
        assert_int_equal(money.captured, 100);
        assert_int_equal(money.back, 100);
        assert_stock(&race, sku, 10, 0, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_buyers_of_one_last_unit),
        cmocka_unit_test(one_order_with_the_same_sku_on_two_lines),
        cmocka_unit_test(carts_for_the_last_unit_leave_no_paid_orphan),
        cmocka_unit_test(paid_then_out_of_stock),
        cmocka_unit_test(a_providers_notice_racing_the_clients_own_call),
        cmocka_unit_test(a_retry_with_a_new_key_charges_once),
        cmocka_unit_test(a_retry_with_a_new_key_refunds_once),
        cmocka_unit_test(an_unpaid_order_that_never_expires),
        cmocka_unit_test(a_release_lost_when_a_step_fails),
        cmocka_unit_test(a_reserved_count_that_stays_behind_on_shipped_and_cancelled_orders),
        cmocka_unit_test(a_duplicate_check_after_the_decrement),
        cmocka_unit_test(a_buyer_locked_out_by_their_own_hold),
        cmocka_unit_test(cancel_racing_pay),
        cmocka_unit_test(refund_racing_refund),
        cmocka_unit_test(late_money_on_an_expired_order),
        cmocka_unit_test(a_busy_stock_row_that_holds_up_everybody_else),
        cmocka_unit_test(deadlock_of_two_orders_over_the_same_two_skus),
        cmocka_unit_test(an_order_lost_between_the_stock_decrement_and_its_own_write),
    };
    const char *only = getenv("SPATE_CASE"); /* for a planted bug: this one must notice */
    if (only != NULL)
        cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
