/* The whole server under clients, faults and restarts with another number of shards.
 *
 * Lives follow each other until the faults stop; then everything must resolve: each order that was
 * ever asked for is there or is not, the units agree with the orders, what is left is sold to the
 * last unit and no further, and a clean stop and start arrive at the same state. */
#include <string.h>

#include "tests/sim/oracle.h"
#include "tests/sim/stage.h"

enum { CLIENTS_MAX = 6, BATCH_MAX = 8, COMMAND_ROOM = 1024, SERVER_LIVES = 6 };

enum wish_kind {
    WISH_CREATE,
    WISH_OTHER_BODY,
    WISH_GET,
    WISH_CANCEL,
    WISH_PAY,
    WISH_CAPTURE,
    WISH_NOTICE,
    WISH_REFUND,
    WISH_RECEIVE,
    WISH_STOCK
};

/* One command that is asked until it has an answer. */
struct wish {
    enum wish_kind kind;
    bool answered;
    struct order_fact *order;
    struct order_fact was;
    struct sku_fact *sku;
    uint64_t units;
    uint64_t received_before;
    uint64_t asked_ns;
    char key[24];
    uint32_t number; /* of all */
    uint32_t step;   /* in its order's history */
};

struct market;

struct buyer {
    struct market *market;
    struct client client;
    uint32_t number;
    uint32_t keys;
    struct wish batch[BATCH_MAX];
    uint32_t count;
    _Alignas(8) uint8_t commands[BATCH_MAX * COMMAND_ROOM];
    bool has_ended;
};

struct market {
    struct stage stage;
    struct run *run;
    struct oracle *oracle;
    uint32_t wish_count;
    struct buyer buyers[CLIENTS_MAX];
    uint32_t buyer_count;
    struct buyer auditor; /* the driver's own */
};

/* --- buyers -------------------------------------------------------------------------------------- */

static void *put_other_body(const struct wish *wish, void *at, uint64_t number)
{
    struct order_wish other = wish->order->wish;
    other.lines[0].unit_price++;
    return command_create(at, number, &other);
}

/* Each order has one payment, of its total, and at most one refund that somebody asks for. */
static void *put_money(const struct wish *wish, void *at, uint64_t number)
{
    struct money_wish money = {
        .order = wish->order->id, .payment = "p-1", .amount = wish->order->total};
    if (wish->kind == WISH_PAY) {
        money.op = OP_PAYMENT_CREATE;
    } else if (wish->kind == WISH_CAPTURE) {
        money.op = OP_PAYMENT_CAPTURE;
        money.amount = MONEY_NOT_SAID;
        money.key = wish->key;
    } else if (wish->kind == WISH_REFUND) {
        money.op = OP_REFUND_CREATE;
        money.refund = "f-1";
        money.amount = 1;
    } else {
        money.op = OP_PAYMENT_NOTICE;
        money.provider = "alipay";
        money.key = wish->key;
        money.kind = NOTICE_CAPTURED;
    }
    return command_money(at, number, &money);
}

static void *put_command(struct wish *wish, void *at, uint64_t number)
{
    switch (wish->kind) {
    case WISH_CREATE:
        return command_create(at, number, &wish->order->wish);
    case WISH_OTHER_BODY:
        return put_other_body(wish, at, number);
    case WISH_GET:
        return command_get(at, number, wish->order->id);
    case WISH_CANCEL:
        return command_cancel(at, number, wish->order->id, wish->key);
    case WISH_PAY:
    case WISH_CAPTURE:
    case WISH_NOTICE:
    case WISH_REFUND:
        return put_money(wish, at, number);
    case WISH_RECEIVE:
        return command_receive(at, number, wish->sku->sku, "w1", wish->key, wish->units);
    case WISH_STOCK:
        return command_stock_get(at, number, wish->sku->sku);
    }
    CHECK(false);
    return NULL;
}

/* What is asked of an order; the others are asked of a SKU. */
static const enum linear_op linear_ops[] = {
    [WISH_CREATE] = LINEAR_CREATE, [WISH_OTHER_BODY] = LINEAR_OTHER_BODY,
    [WISH_GET] = LINEAR_GET,       [WISH_CANCEL] = LINEAR_CANCEL,
    [WISH_PAY] = LINEAR_PAY,       [WISH_CAPTURE] = LINEAR_CAPTURE,
    [WISH_NOTICE] = LINEAR_NOTICE, [WISH_REFUND] = LINEAR_REFUND,
};

static void note_asking(struct oracle *oracle, struct wish *wish)
{
    if (wish->order != NULL) {
        wish->was = *wish->order;
        wish->step = oracle_asks(oracle, wish->order, linear_ops[wish->kind], wish->number);
    }
    if (wish->kind == WISH_CREATE)
        oracle_asks_create(oracle, wish->order, &wish->was);
    wish->asked_ns = world_now(oracle->run->world);
    if (wish->kind == WISH_STOCK)
        wish->received_before = wish->sku->received;
    if (wish->kind == WISH_CANCEL)
        wish->order->cancel_asked = true;
    if (wish->kind == WISH_PAY)
        wish->order->pay_asked++;
    if (wish->kind == WISH_CAPTURE || wish->kind == WISH_NOTICE)
        wish->order->capture_asked = true;
    if (wish->kind == WISH_REFUND)
        wish->order->refund_asked++;
}

static void on_result(void *who, const struct result *result)
{
    struct buyer *buyer = who;
    struct oracle *oracle = buyer->market->oracle;
    CHECK(result->request < buyer->count);
    struct wish *wish = &buyer->batch[result->request];
    if (wish->answered)
        run_fail(buyer->market->run, "a command is answered twice");
    world_trace(buyer->market->run->world, result->code);
    if (wish->order != NULL)
        oracle_hears(oracle, wish->order, wish->step, result);
    switch (wish->kind) {
    case WISH_CREATE:
        wish->answered = oracle_created(oracle, wish->order, &wish->was, result);
        break;
    case WISH_OTHER_BODY:
        wish->answered = oracle_other_body(oracle, &wish->was, result);
        break;
    case WISH_GET:
        wish->answered = oracle_got(oracle, wish->order, &wish->was, result);
        break;
    case WISH_CANCEL:
        wish->answered = oracle_cancelled(oracle, wish->order, &wish->was, result);
        break;
    case WISH_PAY:
        wish->answered = oracle_paid(oracle, wish->order, &wish->was, result);
        break;
    case WISH_CAPTURE:
    case WISH_NOTICE:
        wish->answered = oracle_captured(oracle, wish->order, &wish->was, result);
        break;
    case WISH_REFUND:
        wish->answered = oracle_refunded(oracle, wish->order, &wish->was, result);
        break;
    case WISH_RECEIVE:
        wish->answered = oracle_received(oracle, wish->sku, wish->units, result);
        break;
    case WISH_STOCK:
        wish->answered =
            oracle_stock(oracle, wish->sku, wish->received_before, wish->asked_ns, result);
        if (buyer == &buyer->market->auditor && wish->answered)
            oracle_check_cell(oracle, wish->sku, (const void *)result);
        break;
    }
    buyer->market->run->totals->operations += wish->answered;
}

/* Asks for what has no answer yet; true when everything has one. */
static bool ask_once(struct buyer *buyer)
{
    void *at = buyer->commands;
    uint32_t count = 0;
    for (uint32_t i = 0; i < buyer->count; i++)
        if (!buyer->batch[i].answered) {
            note_asking(buyer->market->oracle, &buyer->batch[i]);
            at = put_command(&buyer->batch[i], at, i);
            count++;
        }
    if (count == 0)
        return true;
    bool all = client_ask(&buyer->client, buyer->commands,
                          (uint32_t)((uint8_t *)at - buyer->commands), count, on_result, buyer);
    for (uint32_t i = 0; all && i < buyer->count; i++)
        all = buyer->batch[i].answered;
    return all;
}

static struct order_fact *some_order(struct oracle *oracle, struct stream *workload)
{
    return oracle->order_count == 0 ? oracle_new_order(oracle)
                                    : &oracle->orders[stream_below(workload, oracle->order_count)];
}

/* Mostly one of the newest, so that a payment finds its order before it ends. */
static struct order_fact *newest_order(struct oracle *oracle, struct stream *workload)
{
    uint32_t back = 1 + (uint32_t)stream_below(workload, 30);
    if (back > oracle->order_count || stream_hit(workload, 4))
        return some_order(oracle, workload);
    return &oracle->orders[oracle->order_count - back];
}

static void draw_wish(struct buyer *buyer, struct wish *wish)
{
    struct oracle *oracle = buyer->market->oracle;
    struct stream *workload = world_stream(buyer->market->run->world, STREAM_WORKLOAD);
    uint64_t drawn = stream_below(workload, 100);
    bool room = oracle->order_count < ORACLE_ORDERS_MAX - 100;
    *wish = (struct wish){.sku = &oracle->skus[stream_below(workload, oracle->sku_count)],
                          .number = buyer->market->wish_count++};
    if (oracle->rush.on) {
        bool more = oracle->order_count < oracle->rush.orders;
        wish->kind = more ? WISH_CREATE : WISH_GET;
        wish->order = more ? oracle_new_order(oracle) : some_order(oracle, workload);
        return;
    }
    snprintf(wish->key, sizeof wish->key, "k-%u-%u", buyer->number, buyer->keys++);
    if (drawn < 40 && room) {
        wish->order =
            stream_hit(workload, 8) ? some_order(oracle, workload) : oracle_new_order(oracle);
        if (wish->order->known == ORDER_IS_THERE && stream_hit(workload, 2))
            wish->kind = WISH_OTHER_BODY;
    } else if (drawn < 56) {
        wish->kind = WISH_GET;
        wish->order = some_order(oracle, workload);
    } else if (drawn < 64) {
        wish->kind = WISH_CANCEL;
        wish->order = some_order(oracle, workload);
    } else if (drawn < 84) {
        static const enum wish_kind kinds[] = {WISH_PAY, WISH_PAY, WISH_CAPTURE, WISH_NOTICE,
                                               WISH_REFUND};
        wish->kind = kinds[stream_below(workload, 5)];
        if (wish->kind == WISH_NOTICE && buyer->client.oracle != NULL)
            wish->kind = WISH_CAPTURE; /* over HTTP a notice is signed */
        wish->order = newest_order(oracle, workload);
    } else if (drawn < 90) {
        wish->kind = WISH_RECEIVE;
        wish->units = 1 + stream_skewed(workload, 60);
        wish->sku->received_asked += wish->units;
    } else {
        wish->kind = WISH_STOCK;
    }
}

static void buy_for_ever(void *argument)
{
    struct buyer *buyer = argument;
    struct world *world = buyer->market->run->world;
    struct stream *workload = world_stream(world, STREAM_WORKLOAD);
    while (!buyer->market->stage.guests_end) {
        buyer->count = 1 + (uint32_t)stream_below(workload, BATCH_MAX);
        for (uint32_t i = 0; i < buyer->count; i++)
            draw_wish(buyer, &buyer->batch[i]);
        while (!ask_once(buyer))
            world_sleep(world, world_now(world) + MILLISECOND_NS +
                                   stream_skewed(workload, 100 * MILLISECOND_NS));
        const struct rush *rush = &buyer->market->oracle->rush;
        if (!rush->on || buyer->market->oracle->order_count >= rush->orders)
            world_sleep(world, world_now(world) + MILLISECOND_NS / 5 +
                                   stream_skewed(workload, 20 * MILLISECOND_NS));
    }
    client_leave(&buyer->client);
    buyer->has_ended = true;
    world_wake(world, buyer->market->stage.driver, 0);
}

/* --- what the driver asks for itself -------------------------------------------------------------- */

static uint32_t numbers[BATCH_MAX]; /* of the SKUs, as they were answered */

static void on_set_up(void *who, const struct result *result)
{
    struct market *market = who;
    if (result->code != CODE_OK && result->code != CODE_CREATED && result->code != CODE_REPLAYED)
        run_fail(market->run, "setting up is answered %u", result->code);
    if (result->kind == RESULT_SKU)
        numbers[0] = ((const struct result_sku *)(const void *)result)->sku;
}

static void ask_until_answered(struct market *market, const void *command, const void *end)
{
    struct world *world = market->run->world;
    uint64_t until = world_now(world) + 60ull * SECOND_NS;
    uint32_t bytes = (uint32_t)((const uint8_t *)end - (const uint8_t *)command);
    while (!client_ask(&market->auditor.client, command, bytes, 1, on_set_up, market)) {
        if (world_now(world) > until)
            run_fail(market->run, "a calm server does not answer within a minute");
        world_sleep(world, world_now(world) + 10 * MILLISECOND_NS);
    }
}

static void set_up_shop(struct market *market)
{
    struct oracle *oracle = market->oracle;
    struct stream *workload = world_stream(market->run->world, STREAM_WORKLOAD);
    uint8_t *command = market->auditor.commands;
    uint32_t wanted = 1 + (uint32_t)stream_below(workload, ORACLE_SKUS_MAX);
    ask_until_answered(market, command, command_warehouse(command, 0, "w1"));
    for (uint32_t i = 0; i < wanted; i++) {
        struct sku_fact *sku = &oracle->skus[i];
        snprintf(sku->code, sizeof sku->code, "SKU-%u", i);
        ask_until_answered(market, command,
                           command_sku_put(command, 0, sku->code, 100, oracle->rush.limit));
        sku->sku = numbers[0];
        oracle->sku_count = i + 1;
        uint64_t units = oracle->rush.on ? oracle->rush.baskets : stream_skewed(workload, 20000);
        if (units == 0)
            continue;
        ask_until_answered(market, command,
                           command_receive(command, 0, sku->sku, "w1", sku->code, units));
        sku->received_asked = sku->received = units;
    }
}

static void audit_wish(struct market *market, struct wish wish)
{
    struct buyer *auditor = &market->auditor;
    struct world *world = market->run->world;
    uint64_t until = world_now(world) + 60ull * SECOND_NS;
    auditor->batch[0] = wish;
    auditor->count = 1;
    while (!ask_once(auditor)) {
        if (world_now(world) > until)
            run_fail(market->run, "a calm server does not answer within a minute");
        world_sleep(world, world_now(world) + MILLISECOND_NS);
    }
}

static void audit(struct market *market)
{
    struct oracle *oracle = market->oracle;
    for (uint32_t i = 0; i < oracle->order_count; i++) {
        struct order_fact *order = &oracle->orders[i];
        order->waiting = 0; /* whoever asked has gone, and the server has started since */
        audit_wish(market, (struct wish){.kind = WISH_GET, .order = order});
        if (order->known == ORDER_OPEN)
            order->known = ORDER_REFUSED;
        if (oracle->orders_expire && order->known == ORDER_IS_THERE &&
            order->state == ORDER_PENDING_PAYMENT)
            run_fail(market->run, "order %s does not expire", order->id);
    }
    oracle_check_refusals(oracle);
    oracle_check_histories(oracle);
    if (oracle->rush.on)
        oracle_check_rush(oracle);
    for (uint32_t i = 0; i < oracle->sku_count; i++)
        audit_wish(market, (struct wish){.kind = WISH_STOCK, .sku = &oracle->skus[i]});
}

/* --- from the first life to the last --------------------------------------------------------------- */

static bool buyers_are_done(const void *who)
{
    const struct market *market = who;
    for (uint32_t i = 0; i < market->buyer_count; i++)
        if (!market->buyers[i].has_ended)
            return false;
    return true;
}

/* Where orders expire, some have since the start. */
static void check_hash(struct market *market, uint64_t before)
{
    if (market->oracle->orders_expire)
        return;
    uint64_t after = server_state_hash(market->stage.server);
    if (after != before)
        run_fail(market->run, "a start arrives at state %016llx instead of %016llx",
                 (unsigned long long)after, (unsigned long long)before);
    world_trace(market->run->world, after);
}

static void drive(void *argument)
{
    struct market *market = argument;
    struct stage *stage = &market->stage;
    struct world *world = market->run->world;
    uint64_t lives = stream_below(world_stream(world, STREAM_WORKLOAD), SERVER_LIVES);
    run_calm(market->run);
    stage_begin_calmly(stage);
    set_up_shop(market);
    uint64_t hash = stage_stop(stage);
    for (uint32_t i = 0; i < market->buyer_count; i++)
        world_spawn(world, STAGE_STACK_BYTES, buy_for_ever, &market->buyers[i]);
    stage_live_through(stage, lives);
    world_sleep(world, world_now(world) + SECOND_NS);
    stage->guests_end = true;
    stage_await(stage, buyers_are_done, market,
                "buyers are not answered, though all faults have stopped");
    hash = stage_stop(stage);
    for (uint32_t i = 0; i < 2; i++) {
        stage_begin_calmly(stage);
        check_hash(market, hash);
        if (market->oracle->orders_expire)
            world_sleep(world, world_now(world) + 10ull * SECOND_NS);
        audit(market);
        hash = stage_stop(stage);
    }
    world_stop(world);
}

static void draw_rush(struct market *market)
{
    struct stream *swarm = world_stream(market->run->world, STREAM_SWARM);
    struct rush *rush = &market->oracle->rush;
    rush->limit = rush->on && stream_hit(swarm, 4) ? 1 + (uint32_t)stream_below(swarm, 20) : 0;
    rush->baskets = rush->limit != 0 ? 400 : 1 + (uint32_t)stream_skewed(swarm, 100);
    rush->orders = rush->baskets + (rush->limit != 0 ? 0 : (uint32_t)stream_below(swarm, 8));
    market->oracle->orders_expire = !rush->on && stream_hit(swarm, 4);
    if (!market->oracle->orders_expire)
        return;
    market->stage.options.payment_deadline_ns = SECOND_NS / 2;
    machine_knobs(market->run->machine)->wall_step_one_in = 0;
}

static void open_client(struct market *market, struct client *client)
{
    struct run *run = market->run;
    bool web = stream_hit(world_stream(run->world, STREAM_SWARM), 3);
    client_open(client, run, web ? STAGE_HTTP : STAGE_BINARY);
    client->oracle = web ? market->oracle : NULL;
    client->slow_one_in = run_knob(run, FAULT_SLOW_READERS, 5, 100);
    client->keep_one_in = run_knob(run, FAULT_OLD_ENDS, 1, 4);
}

static void run_scenario(struct run *run, bool rush)
{
    struct market *market = run_memory(sizeof *market);
    market->run = run;
    market->oracle = run_memory(sizeof *market->oracle);
    market->oracle->run = run;
    market->oracle->rush.on = rush;
    run_swarm(run);
    stage_open(&market->stage, run);
    draw_rush(market);
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    market->buyer_count = run_clients(run, 1 + (uint32_t)stream_below(swarm, CLIENTS_MAX));
    for (uint32_t i = 0; i < market->buyer_count; i++) {
        market->buyers[i].market = market;
        market->buyers[i].number = i;
        open_client(market, &market->buyers[i].client);
    }
    market->auditor.market = market;
    client_open(&market->auditor.client, run, STAGE_BINARY);
    market->stage.driver = world_spawn(run->world, STAGE_STACK_BYTES, drive, market);
    world_run(run->world, UINT64_MAX);
}

void server_scenario(struct run *run)
{
    run_scenario(run, false);
}

void rush_scenario(struct run *run)
{
    run_scenario(run, true);
}
