/* The whole server under clients, faults and restarts with another number of shards.
 *
 * Lives follow each other until the faults stop; then everything must resolve: each order that was
 * ever asked for is there or is not, the units agree with the orders, what is left is sold to the
 * last unit and no further, and a clean stop and start arrive at the same state. */
#include <string.h>

#include "io/server.h"
#include "tests/sim/intruder.h"
#include "tests/sim/oracle.h"

enum {
    CLIENTS_MAX = 6,
    BATCH_MAX = 8,
    STACK_BYTES = 1 << 20,
    COMMAND_ROOM = 1024,
    SERVER_LIVES = 6
};
static const char BINARY[] = "10.1.1.1:7001", HTTP[] = "10.1.1.1:7002";

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
};

struct stage;

struct buyer {
    struct stage *stage;
    struct client client;
    uint32_t number;
    uint32_t keys;
    struct wish batch[BATCH_MAX];
    uint32_t count;
    _Alignas(8) uint8_t commands[BATCH_MAX * COMMAND_ROOM];
    bool has_ended;
};

struct seat {
    struct stage *stage;
    struct env *env;
    uint32_t number;
    int exit_code;
    bool has_ended;
};

struct stage {
    struct run *run;
    struct actor *driver;
    struct oracle *oracle;
    struct process *process;
    struct server_options options;
    struct server *server;
    void *memory;
    size_t memory_bytes;
    bool close_ended;
    struct seat seats[SHARDS_MAX + 2];
    uint32_t seat_count;
    bool buyers_end;
    struct buyer buyers[CLIENTS_MAX];
    uint32_t buyer_count;
    struct buyer auditor; /* the driver's own */
    struct intruder intruder;
    bool has_intruder;
    bool rotten;         /* a bit has flipped since the last life */
    bool is_clean;       /* which came to its end */
    uint32_t rot_one_in; /* starts */
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

static void note_asking(struct oracle *oracle, struct wish *wish)
{
    if (wish->order != NULL)
        wish->was = *wish->order;
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
    struct oracle *oracle = buyer->stage->oracle;
    CHECK(result->request < buyer->count);
    struct wish *wish = &buyer->batch[result->request];
    if (wish->answered)
        run_fail(buyer->stage->run, "a command is answered twice");
    world_trace(buyer->stage->run->world, result->code);
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
        if (buyer == &buyer->stage->auditor && wish->answered)
            oracle_check_cell(oracle, wish->sku, (const void *)result);
        break;
    }
    buyer->stage->run->totals->operations += wish->answered;
}

/* Asks for what has no answer yet; true when everything has one. */
static bool ask_once(struct buyer *buyer)
{
    void *at = buyer->commands;
    uint32_t count = 0;
    for (uint32_t i = 0; i < buyer->count; i++)
        if (!buyer->batch[i].answered) {
            note_asking(buyer->stage->oracle, &buyer->batch[i]);
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
    struct oracle *oracle = buyer->stage->oracle;
    struct stream *workload = world_stream(buyer->stage->run->world, STREAM_WORKLOAD);
    uint64_t drawn = stream_below(workload, 100);
    bool room = oracle->order_count < ORACLE_ORDERS_MAX - 100;
    *wish = (struct wish){.sku = &oracle->skus[stream_below(workload, oracle->sku_count)]};
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
    struct world *world = buyer->stage->run->world;
    struct stream *workload = world_stream(world, STREAM_WORKLOAD);
    while (!buyer->stage->buyers_end) {
        buyer->count = 1 + (uint32_t)stream_below(workload, BATCH_MAX);
        for (uint32_t i = 0; i < buyer->count; i++)
            draw_wish(buyer, &buyer->batch[i]);
        while (!ask_once(buyer))
            world_sleep(world, world_now(world) + MILLISECOND_NS +
                                   stream_skewed(workload, 100 * MILLISECOND_NS));
        const struct rush *rush = &buyer->stage->oracle->rush;
        if (!rush->on || buyer->stage->oracle->order_count >= rush->orders)
            world_sleep(world, world_now(world) + MILLISECOND_NS / 5 +
                                   stream_skewed(workload, 20 * MILLISECOND_NS));
    }
    client_leave(&buyer->client);
    buyer->has_ended = true;
    world_wake(world, buyer->stage->driver, 0);
}

/* --- the server's actors -------------------------------------------------------------------------- */

static void close_server(void *argument)
{
    struct stage *stage = argument;
    struct env *env = process_env(stage->process, stage->options.shard_count + 2);
    stage->seats[0].exit_code = server_close(stage->server, env);
    stage->close_ended = true;
    world_wake(stage->run->world, stage->driver, 0);
}

static void serve(void *argument)
{
    struct seat *seat = argument;
    seat->exit_code = server_run(seat->stage->server, seat->env, seat->number);
    seat->has_ended = true;
    world_wake(seat->stage->run->world, seat->stage->driver, 0);
}

static bool close_is_over(const struct stage *stage)
{
    return stage->close_ended;
}

/* Somebody has failed, or all have come to their end. */
static bool serving_is_over(const struct stage *stage)
{
    uint32_t ended = 0;
    for (uint32_t i = 0; i < stage->seat_count; i++) {
        if (stage->seats[i].has_ended && stage->seats[i].exit_code != 0)
            return true;
        ended += stage->seats[i].has_ended;
    }
    return ended == stage->seat_count;
}

static bool buyers_are_done(const struct stage *stage)
{
    for (uint32_t i = 0; i < stage->buyer_count; i++)
        if (!stage->buyers[i].has_ended)
            return false;
    return true;
}

static bool start_is_over(const struct stage *stage)
{
    return server_is_ready(stage->server) || serving_is_over(stage);
}

static void watch(struct stage *stage, bool (*over)(const struct stage *stage), uint64_t until_ns)
{
    struct world *world = stage->run->world;
    while (!process_is_doomed(stage->process) && !over(stage) && world_now(world) < until_ns)
        world_sleep(world, until_ns);
}

static void give_memory_back(struct stage *stage)
{
    run_free(stage->memory, stage->memory_bytes);
    stage->memory = NULL;
}

static void die(struct stage *stage)
{
    struct stream *crash = world_stream(stage->run->world, STREAM_CRASH);
    process_kill(stage->process, stream_hit(crash, 2) ? DEATH_POWER : DEATH_KILL);
    give_memory_back(stage);
}

static void doom_sometimes(struct stage *stage, uint32_t one_in, uint64_t calls_max)
{
    struct stream *crash = world_stream(stage->run->world, STREAM_CRASH);
    uint64_t calls = stream_skewed(crash, calls_max);
    if (stream_hit(crash, one_in))
        process_doom(stage->process, calls + 1, stage->driver);
}

static void draw_shards(struct stage *stage)
{
    struct stream *swarm = world_stream(stage->run->world, STREAM_SWARM);
    stage->options.shard_count = (uint32_t)stream_between(swarm, 1, 4);
}

static void check_refusal(struct stage *stage, bool calm)
{
    const struct start_report *report = server_report(stage->server);
    world_say(stage->run->world, "refused: %s", report->message);
    if (stage->rotten && report->exit_code == EXIT_DAMAGED)
        return;
    if (report->exit_code != EXIT_IO || calm)
        run_fail(stage->run, "a start refuses with %d: %s", report->exit_code, report->message);
}

static void seat_all(struct stage *stage)
{
    stage->seat_count = server_actor_count(stage->server);
    for (uint32_t i = 0; i < stage->seat_count; i++) {
        stage->seats[i] =
            (struct seat){.stage = stage, .number = i, .env = process_env(stage->process, i)};
        process_spawn(stage->process, i, STACK_BYTES, serve, &stage->seats[i]);
    }
}

/* Nobody rings when a server is ready. */
static void watch_start(struct stage *stage)
{
    struct world *world = stage->run->world;
    while (!process_is_doomed(stage->process) && !start_is_over(stage))
        watch(stage, start_is_over, world_now(world) + MILLISECOND_NS);
}

/* Once in a while a bit flips while nobody is there. In the log itself only behind a clean stop: what
 * a crash leaves at its end no witness covers yet. */
static void rot(struct stage *stage)
{
    struct world *world = stage->run->world;
    struct disk *disk = machine_disk(stage->run->machine);
    disk_heal(disk);
    stage->rotten = stream_hit(world_stream(world, STREAM_DISK), stage->rot_one_in) &&
                    disk_rot(disk, "/data", stage->is_clean);
}

/* True: it serves. */
static bool begin_life(struct stage *stage, bool calm)
{
    rot(stage);
    draw_shards(stage);
    stage->process = process_begin(stage->run->machine);
    stage->memory_bytes = server_bytes(&stage->options);
    stage->memory = run_memory(stage->memory_bytes);
    stage->server = server_init(stage->memory, &stage->options);
    if (!calm)
        doom_sometimes(stage, 6, 500);
    seat_all(stage);
    watch_start(stage);
    if (process_is_doomed(stage->process)) {
        die(stage);
        return false;
    }
    if (!server_is_ready(stage->server)) {
        check_refusal(stage, calm);
        process_kill(stage->process, DEATH_KILL);
        give_memory_back(stage);
        return false;
    }
    stage->run->totals->starts++;
    stage->is_clean = false;
    return true;
}

static void live(struct stage *stage)
{
    struct world *world = stage->run->world;
    struct stream *crash = world_stream(world, STREAM_CRASH);
    uint64_t lasts_ns = stream_skewed(crash, 4ull * SECOND_NS);
    doom_sometimes(stage, 2, 100000);
    watch(stage, serving_is_over, world_now(world) + lasts_ns);
    if (!process_is_doomed(stage->process) && serving_is_over(stage)) {
        bool failed = false;
        for (uint32_t i = 0; i < stage->seat_count; i++)
            failed |= stage->seats[i].exit_code != 0;
        if (!failed)
            run_fail(stage->run, "the server ends by itself");
    }
    die(stage);
}

/* Returns the state's hash; the process is over. */
static uint64_t stop_cleanly(struct stage *stage)
{
    struct world *world = stage->run->world;
    server_stop(stage->server);
    watch(stage, serving_is_over, world_now(world) + 60ull * SECOND_NS);
    for (uint32_t i = 0; i < stage->seat_count; i++)
        if (!stage->seats[i].has_ended || stage->seats[i].exit_code != 0)
            run_fail(stage->run, "a clean stop does not come to its end within a minute (actor %u)",
                     i);
    uint64_t hash = server_state_hash(stage->server);
    stage->close_ended = false;
    process_spawn(stage->process, stage->options.shard_count + 2, STACK_BYTES, close_server, stage);
    watch(stage, close_is_over, world_now(world) + 60ull * SECOND_NS);
    if (!stage->close_ended || stage->seats[0].exit_code != 0)
        run_fail(stage->run, "a stopped server cannot be closed");
    process_end(stage->process);
    give_memory_back(stage);
    stage->is_clean = true;
    return hash;
}

/* --- what the driver asks for itself -------------------------------------------------------------- */

static uint32_t numbers[BATCH_MAX]; /* of the SKUs, as they were answered */

static void on_set_up(void *who, const struct result *result)
{
    struct stage *stage = who;
    if (result->code != CODE_OK && result->code != CODE_CREATED && result->code != CODE_REPLAYED)
        run_fail(stage->run, "setting up is answered %u", result->code);
    if (result->kind == RESULT_SKU)
        numbers[0] = ((const struct result_sku *)(const void *)result)->sku;
}

static void ask_until_answered(struct stage *stage, const void *command, const void *end)
{
    struct world *world = stage->run->world;
    uint64_t until = world_now(world) + 60ull * SECOND_NS;
    uint32_t bytes = (uint32_t)((const uint8_t *)end - (const uint8_t *)command);
    while (!client_ask(&stage->auditor.client, command, bytes, 1, on_set_up, stage)) {
        if (world_now(world) > until)
            run_fail(stage->run, "a calm server does not answer within a minute");
        world_sleep(world, world_now(world) + 10 * MILLISECOND_NS);
    }
}

static void set_up_shop(struct stage *stage)
{
    struct oracle *oracle = stage->oracle;
    struct stream *workload = world_stream(stage->run->world, STREAM_WORKLOAD);
    uint8_t *command = stage->auditor.commands;
    uint32_t wanted = 1 + (uint32_t)stream_below(workload, ORACLE_SKUS_MAX);
    ask_until_answered(stage, command, command_warehouse(command, 0, "w1"));
    for (uint32_t i = 0; i < wanted; i++) {
        struct sku_fact *sku = &oracle->skus[i];
        snprintf(sku->code, sizeof sku->code, "SKU-%u", i);
        ask_until_answered(stage, command,
                           command_sku_put(command, 0, sku->code, 100, oracle->rush.limit));
        sku->sku = numbers[0];
        oracle->sku_count = i + 1;
        uint64_t units = oracle->rush.on ? oracle->rush.baskets : stream_skewed(workload, 20000);
        if (units == 0)
            continue;
        ask_until_answered(stage, command,
                           command_receive(command, 0, sku->sku, "w1", sku->code, units));
        sku->received_asked = sku->received = units;
    }
}

static void audit_wish(struct stage *stage, struct wish wish)
{
    struct buyer *auditor = &stage->auditor;
    struct world *world = stage->run->world;
    uint64_t until = world_now(world) + 60ull * SECOND_NS;
    auditor->batch[0] = wish;
    auditor->count = 1;
    while (!ask_once(auditor)) {
        if (world_now(world) > until)
            run_fail(stage->run, "a calm server does not answer within a minute");
        world_sleep(world, world_now(world) + MILLISECOND_NS);
    }
}

static void audit(struct stage *stage)
{
    struct oracle *oracle = stage->oracle;
    for (uint32_t i = 0; i < oracle->order_count; i++) {
        struct order_fact *order = &oracle->orders[i];
        order->waiting = 0; /* whoever asked has gone, and the server has started since */
        audit_wish(stage, (struct wish){.kind = WISH_GET, .order = order});
        if (order->known == ORDER_OPEN)
            order->known = ORDER_REFUSED;
        if (oracle->orders_expire && order->known == ORDER_IS_THERE &&
            order->state == ORDER_PENDING_PAYMENT)
            run_fail(stage->run, "order %s does not expire", order->id);
    }
    oracle_check_refusals(oracle);
    if (oracle->rush.on)
        oracle_check_rush(oracle);
    for (uint32_t i = 0; i < oracle->sku_count; i++)
        audit_wish(stage, (struct wish){.kind = WISH_STOCK, .sku = &oracle->skus[i]});
}

/* --- from the first life to the last --------------------------------------------------------------- */

static void live_calmly(struct stage *stage)
{
    while (!begin_life(stage, true))
        ;
}

static void finish_buyers(struct stage *stage)
{
    struct world *world = stage->run->world;
    stage->buyers_end = true;
    watch(stage, buyers_are_done, world_now(world) + 300ull * SECOND_NS);
    if (!buyers_are_done(stage))
        run_fail(stage->run, "buyers are not answered, though all faults have stopped");
}

/* Where orders expire, some have since the start. */
static void check_hash(struct stage *stage, uint64_t before)
{
    if (stage->oracle->orders_expire)
        return;
    uint64_t after = server_state_hash(stage->server);
    if (after != before)
        run_fail(stage->run, "a start arrives at state %016llx instead of %016llx",
                 (unsigned long long)after, (unsigned long long)before);
    world_trace(stage->run->world, after);
}

static void drive(void *argument)
{
    struct stage *stage = argument;
    struct world *world = stage->run->world;
    uint64_t lives = stream_below(world_stream(world, STREAM_WORKLOAD), SERVER_LIVES);
    run_calm(stage->run);
    live_calmly(stage);
    set_up_shop(stage);
    uint64_t hash = stop_cleanly(stage);
    for (uint32_t i = 0; i < stage->buyer_count; i++)
        world_spawn(world, STACK_BYTES, buy_for_ever, &stage->buyers[i]);
    if (stage->has_intruder)
        world_spawn(world, STACK_BYTES, intrude, &stage->intruder);
    run_resume(stage->run);
    while (lives-- > 0)
        if (begin_life(stage, false))
            live(stage);
    run_calm(stage->run);
    live_calmly(stage);
    world_sleep(world, world_now(world) + SECOND_NS);
    finish_buyers(stage);
    hash = stop_cleanly(stage);
    for (uint32_t i = 0; i < 2; i++) {
        while (!begin_life(stage, true))
            ;
        check_hash(stage, hash);
        if (stage->oracle->orders_expire)
            world_sleep(world, world_now(world) + 10ull * SECOND_NS);
        audit(stage);
        hash = stop_cleanly(stage);
    }
    world_stop(world);
}

static void draw_options(struct stage *stage)
{
    struct stream *swarm = world_stream(stage->run->world, STREAM_SWARM);
    struct rush *rush = &stage->oracle->rush;
    rush->limit = rush->on && stream_hit(swarm, 4) ? 1 + (uint32_t)stream_below(swarm, 20) : 0;
    rush->baskets = rush->limit != 0 ? 400 : 1 + (uint32_t)stream_skewed(swarm, 100);
    rush->orders = rush->baskets + (rush->limit != 0 ? 0 : (uint32_t)stream_below(swarm, 8));
    stage->oracle->orders_expire = !rush->on && stream_hit(swarm, 4);
    stage->options = server_options_default();
    struct server_options *options = &stage->options;
    options->directory = "/data";
    options->binary_address = BINARY;
    options->http_address = HTTP;
    options->connection_count_max = 8;
    options->mailbox_bytes = 1 << 20;
    options->order_count_max = 50000;
    options->order_bytes_max = 32 << 20;
    options->sku_count_max = 1024;
    options->cell_count_max = 2048;
    options->retry_count_max = 50000;
    options->flight_count_max = 64;
    options->expiry_grace_ns = 0; /* a start changes nothing, and what must expire does */
    options->payment_deadline_ns =
        stage->oracle->orders_expire ? SECOND_NS / 2 : 365ull * 86400 * SECOND_NS;
    options->retry_window_ns = 365ull * 86400 * SECOND_NS;
    options->log.ring_groups = 8u << stream_below(swarm, 6);
    options->log.segment_bytes = 2u << 20;
    options->log.idle_ns = stream_skewed(swarm, 10 * MILLISECOND_NS);
    options->compact.every_bytes = stream_hit(swarm, 3) ? 0 : 1 + stream_skewed(swarm, 4 << 20);
    options->compact.every_ns = stream_hit(swarm, 3) ? 1 + stream_skewed(swarm, SECOND_NS) : 0;
    options->compact.rate_bytes = stream_hit(swarm, 2) ? 0 : 1 + stream_skewed(swarm, 256 << 20);
    static const enum log_sync syncs[] = {LOG_SYNC_DSYNC, LOG_SYNC_FDATASYNC, LOG_SYNC_AUTO};
    options->log.sync = syncs[stream_below(swarm, 3)];
    memcpy(options->bug, stage->run->shard_bug, sizeof options->bug);
    if (stage->oracle->orders_expire)
        machine_knobs(stage->run->machine)->wall_step_one_in = 0;
}

static void open_client(struct stage *stage, struct client *client)
{
    struct run *run = stage->run;
    bool web = stream_hit(world_stream(run->world, STREAM_SWARM), 3);
    client_open(client, run, web ? HTTP : BINARY);
    client->oracle = web ? stage->oracle : NULL;
    client->slow_one_in = run_knob(run, 5, 100);
    client->keep_one_in = run_knob(run, 1, 4);
}

static void run_scenario(struct run *run, bool rush)
{
    struct stage *stage = run_memory(sizeof *stage);
    stage->run = run;
    stage->oracle = run_memory(sizeof *stage->oracle);
    stage->oracle->run = run;
    stage->oracle->rush.on = rush;
    run_swarm(run);
    draw_options(stage);
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    stage->buyer_count = 1 + (uint32_t)stream_below(swarm, CLIENTS_MAX);
    for (uint32_t i = 0; i < stage->buyer_count; i++) {
        stage->buyers[i].stage = stage;
        stage->buyers[i].number = i;
        open_client(stage, &stage->buyers[i].client);
    }
    stage->rot_one_in = run_knob(run, 1, 4);
    stage->has_intruder = stream_hit(swarm, 2);
    stage->intruder =
        (struct intruder){.run = run, .addresses = {BINARY, HTTP}, .end = &stage->buyers_end};
    stage->auditor.stage = stage;
    client_open(&stage->auditor.client, run, BINARY);
    stage->driver = world_spawn(run->world, STACK_BYTES, drive, stage);
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
