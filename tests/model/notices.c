/* spate-notices - providers tell of payments and refunds: late, twice, in any order, before the
 * client's own call, or never. Nothing may be captured twice or refunded twice.
 *
 * A run is cut into episodes, each with a shop of its own. What truly happened at the providers is
 * drawn first; every notice of it is then dropped, or sent once or several times, under its own id
 * or a new one; all are shuffled, with the client's calls, cancels and expiry among them. At the end
 * the books of every order are compared with what happened, and the journal is put through recovery
 * into another number of shards. */
#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

#include "tools/options.h"

enum {
    ORDERS = 1000,
    EPISODE_NOTICES = 50000,
    SKUS = 8,
    EACH_MAX = 4, /* payments of an order */
    ANSWERS_KEPT = 8192,
};

struct truth {
    int64_t amount;
    uint8_t ends;     /* enum notice_kind: captured, failed or voided */
    int64_t refunded; /* at the provider, under the id f-N */
};

struct client_order {
    int64_t total;
    uint32_t payment_count;
    struct truth payments[EACH_MAX];
    bool told[EACH_MAX]; /* a captured notice of it has been delivered */
};

enum act { ACT_NOTICE, ACT_CREATE, ACT_CAPTURE, ACT_CANCEL };

struct delivery {
    uint32_t order;
    uint32_t id; /* of the notice */
    int64_t amount;
    uint8_t act;
    uint8_t payment;
    uint8_t kind;
};

struct run {
    struct shop *shop;
    struct client_order orders[ORDERS];
    struct delivery deliveries[2 * EPISODE_NOTICES];
    uint32_t delivery_count;
    uint32_t notice_count;
    uint64_t codes[CODE_LIMIT_NUMBER];
    uint64_t payments;
    uint64_t captured;
    uint64_t double_captures;
    uint64_t double_refunds;
    uint64_t wrong;
};

static uint64_t draw(struct run *run, uint64_t below)
{
    return shop_random(run->shop) % below;
}

/* ---- what happened, and who says so -------------------------------------------------------------- */

static void deliver(struct run *run, struct delivery delivery)
{
    run->deliveries[run->delivery_count++] = delivery;
    run->notice_count += delivery.act == ACT_NOTICE;
}

/* Dropped, or sent up to four times; a provider that lost its own note of it uses a new id. */
static void tell(struct run *run, struct delivery notice)
{
    if (draw(run, 10) == 0)
        return;
    for (uint64_t times = 1 + draw(run, 4); times > 0; times--) {
        if (draw(run, 8) == 0 || notice.id == 0)
            notice.id = run->notice_count + 1;
        deliver(run, notice);
    }
    if (notice.kind == NOTICE_CAPTURED)
        run->orders[notice.order].told[notice.payment] = true;
}

static void tell_payment(struct run *run, uint32_t order, uint8_t number)
{
    const struct truth *truth = &run->orders[order].payments[number];
    struct delivery notice = {
        .order = order, .payment = number, .amount = truth->amount, .kind = NOTICE_AUTHORIZED};
    tell(run, notice);
    if (draw(run, 8) == 0) {
        notice.kind = NOTICE_UNKNOWN;
        tell(run, notice);
    }
    notice.kind = truth->ends;
    tell(run, notice);
    if (truth->refunded == 0)
        return;
    notice.amount = truth->refunded;
    notice.kind = NOTICE_REFUND_PROCESSING;
    tell(run, notice);
    notice.kind = NOTICE_REFUND_SUCCEEDED;
    tell(run, notice);
}

/* A buyer who tries again, or pays twice. */
static void happen(struct run *run, uint32_t number)
{
    static const uint8_t ends[] = {NOTICE_CAPTURED, NOTICE_CAPTURED, NOTICE_CAPTURED, NOTICE_FAILED,
                                   NOTICE_VOIDED};
    struct client_order *order = &run->orders[number];
    order->payment_count = 1 + (uint32_t)draw(run, EACH_MAX);
    for (uint8_t i = 0; i < order->payment_count; i++) {
        struct truth *truth = &order->payments[i];
        truth->amount = draw(run, 4) == 0 ? 1 + (int64_t)draw(run, 9000) : order->total;
        truth->ends = ends[draw(run, sizeof ends)];
        if (truth->ends == NOTICE_CAPTURED && draw(run, 4) == 0)
            truth->refunded = 1 + (int64_t)draw(run, (uint64_t)truth->amount);
        tell_payment(run, number, i);
        struct delivery call = {
            .order = number, .act = ACT_CREATE, .payment = i, .amount = truth->amount};
        deliver(run, call);
        call.act = ACT_CAPTURE;
        if (truth->ends == NOTICE_CAPTURED && draw(run, 2) == 0)
            deliver(run, call);
    }
    if (draw(run, 20) == 0)
        deliver(run, (struct delivery){.order = number, .act = ACT_CANCEL});
}

static void shuffle(struct run *run)
{
    for (uint32_t i = run->delivery_count; i > 1; i--) {
        uint64_t other = draw(run, i);
        struct delivery last = run->deliveries[i - 1];
        run->deliveries[i - 1] = run->deliveries[other];
        run->deliveries[other] = last;
    }
}

/* ---- sending -------------------------------------------------------------------------------------- */

static void forget_answers(struct run *run)
{
    struct shop *shop = run->shop;
    shop_run(shop);
    for (uint64_t i = 0; i <= shop->request; i++) {
        if (shop->answers[i] != NULL)
            run->codes[shop->answers[i]->code]++;
        free(shop->answers[i]);
        shop->answers[i] = NULL;
    }
    shop->request = 0;
}

static void send(struct run *run, const struct delivery *delivery)
{
    static const char *const providers[EACH_MAX] = {"alipay", "wechat", "card", "bank"};
    char order[16], payment[8], refund[8], id[24];
    snprintf(order, sizeof order, "o-%u", delivery->order);
    snprintf(payment, sizeof payment, "p-%u", delivery->payment);
    snprintf(refund, sizeof refund, "f-%u", delivery->payment);
    snprintf(id, sizeof id, "n-%u", delivery->id);
    struct shop_money said = {.order = order, .payment = payment, .amount = delivery->amount};
    if (delivery->act == ACT_CREATE) {
        shop_send_money(run->shop, OP_PAYMENT_CREATE, said);
    } else if (delivery->act == ACT_CAPTURE) {
        shop_send_money(run->shop, OP_PAYMENT_CAPTURE, said);
    } else if (delivery->act == ACT_CANCEL) {
        shop_cancel(run->shop, order, NULL, 0, "");
    } else {
        said.method = providers[delivery->payment];
        said.key = id;
        said.kind = delivery->kind;
        said.refund = delivery->kind >= NOTICE_REFUND_PROCESSING ? refund : NULL;
        shop_send_money(run->shop, OP_PAYMENT_NOTICE, said);
    }
    if (run->shop->request > ANSWERS_KEPT)
        forget_answers(run);
    else if (draw(run, 16) == 0)
        shop_run(run->shop);
}

/* ---- the books ------------------------------------------------------------------------------------ */

static void look_at_payment(struct run *run, const struct client_order *order,
                            const struct child_payment *payment)
{
    uint32_t number = (uint32_t)(((const char *)(payment + 1))[2] - '0');
    const struct truth *truth = &order->payments[number];
    bool should = truth->ends == NOTICE_CAPTURED;
    run->payments++;
    run->captured += payment->captured > 0;
    run->double_captures += payment->captured > (should ? truth->amount : 0);
    run->double_refunds += payment->refunded + payment->refund_pending > payment->captured;
    if (order->told[number] && payment->captured != truth->amount)
        run->wrong++;
}

static void look_at_order(struct run *run, uint32_t number)
{
    char id[16];
    snprintf(id, sizeof id, "o-%u", number);
    const struct client_order *order = &run->orders[number];
    const struct result_order *record = (const void *)shop_get(run->shop, id);
    const struct child *child = result_order_children(record);
    int64_t kept = 0, captured = 0;
    for (uint32_t i = 0; i < record->child_count; i++, child = child_next(child)) {
        const struct child_payment *payment = (const void *)child;
        if (child->kind != CHILD_PAYMENT)
            continue;
        look_at_payment(run, order, payment);
        captured += payment->captured;
        kept += payment->captured - payment->refunded - payment->refund_pending;
    }
    bool ended = record->state == ORDER_CANCELLED || record->state == ORDER_EXPIRED;
    /* Never more than it costs; nothing once it has ended; and whoever has paid has the goods. */
    run->wrong += kept > (ended ? 0 : order->total);
    run->wrong += !ended && kept == order->total && record->state != ORDER_PAID;
    run->wrong += captured == 0 && record->state == ORDER_PAID;
}

static void look_at_all(struct run *run)
{
    shop_run(run->shop);
    shop_audit(run->shop);
    /* Never on fewer shards: their tables of retry keys would not do. */
    uint32_t shard_count = run->shop->shard_count + (uint32_t)draw(run, 4);
    struct shop *again = shop_replay(run->shop, shard_count);
    run->wrong += shop_hash(again) != shop_hash(run->shop);
    shop_close(again);
    for (uint32_t i = 0; i < ORDERS; i++) {
        look_at_order(run, i);
        forget_answers(run);
    }
}

/* ---- a run ------------------------------------------------------------------------------------------ */

static void episode(struct run *run, uint64_t seed, uint64_t number, uint32_t notice_count)
{
    struct shard_options options = shop_options();
    /* Fewer than there are notices, or next to none: that must not matter. */
    options.retry_count_max = number % 3 == 2 ? 8 : 4096;
    run->shop = shop_open_with(&options, 1 + (uint32_t)(number % 4), seed + number);
    memset(run->orders, 0, sizeof run->orders);
    run->delivery_count = run->notice_count = 0;
    uint32_t skus[SKUS];
    shop_stock_up(run->shop, skus, SKUS, 100000);
    for (uint32_t i = 0; i < ORDERS; i++) {
        char id[16];
        struct shop_line line = {skus[draw(run, SKUS)], 1, 1 + (int64_t)draw(run, 5000)};
        snprintf(id, sizeof id, "o-%u", i);
        run->orders[i].total = line.unit_price;
        assert_int_equal(shop_order(run->shop, id, &line, 1)->code, CODE_CREATED);
    }
    for (uint32_t i = 0; i < ORDERS; i++)
        happen(run, i);
    while (run->notice_count < notice_count) {
        struct delivery again = run->deliveries[draw(run, run->delivery_count)];
        if (again.act == ACT_NOTICE)
            deliver(run, again);
    }
    shuffle(run);
    uint64_t expires_at = draw(run, 2) == 0 ? draw(run, run->delivery_count) : UINT64_MAX;
    for (uint32_t i = 0; i < run->delivery_count; i++) {
        if (i == expires_at)
            run->shop->now_ns += UINT64_C(1801) * 1000000000;
        send(run, &run->deliveries[i]);
    }
    forget_answers(run);
    look_at_all(run);
    shop_close(run->shop);
}

int main(int argc, char **argv)
{
    uint64_t notice_count = 1000000, seed = 1, sent = 0;
    const struct option table[] = {
        {.name = "notices",
         .value_name = "N",
         .help = "how many are sent (1M)",
         .kind = OPTION_COUNT,
         .into = &notice_count,
         .min = 1,
         .max = UINT64_C(1000000000000)},
        {.name = "seed",
         .value_name = "S",
         .help = "the same seed goes the same way (1)",
         .kind = OPTION_COUNT,
         .into = &seed},
        {0},
    };
    const struct usage usage = {.command = "spate-notices",
                                .arguments = "[OPTION...]",
                                .summary = "Notices of payments, shuffled, sent twice and dropped: "
                                           "nothing is captured or refunded twice.",
                                .options = table};
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return 71;
    for (uint64_t number = 0; sent < notice_count; sent += run->notice_count, number++)
        episode(run, seed * 1000003, number, EPISODE_NOTICES);
    for (uint32_t code = 0; code < CODE_LIMIT_NUMBER; code++)
        if (run->codes[code] > 0)
            printf("%-26s %10llu\n", code_facts(code)->name, (unsigned long long)run->codes[code]);
    printf("%llu notices of %llu payments, %llu captured: %llu captured twice, %llu refunded "
           "twice, %llu otherwise wrong\n",
           (unsigned long long)sent, (unsigned long long)run->payments,
           (unsigned long long)run->captured, (unsigned long long)run->double_captures,
           (unsigned long long)run->double_refunds, (unsigned long long)run->wrong);
    bool good = run->double_captures + run->double_refunds + run->wrong == 0 && run->captured > 0;
    free(run);
    return good ? 0 : 1;
}
