/* Every command there is, with any of its fields, about few orders and SKUs, while the server lives
 * and dies. Nobody knows what each answer has to be; but of every answer something is known:
 *   - what command_check finds wrong is answered so; nothing is answered with a mistake of ours;
 *   - an order's version never goes back for anybody, and a version looks the same to everybody;
 *   - what was done once under an id or a key is not done again, whenever it is asked for;
 *   - rules judge every order; the equations of an audit hold at any moment;
 *   - in the end, the stock's counts are the sums of the orders' lines, a start arrives at the state of
 *     the stop, and a new order is placed. */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "tests/sim/any_command.h"
#include "tests/sim/client.h"
#include "tests/sim/stage.h"

enum { CALLERS_MAX = 5, BATCH_MAX = 6, SHOP_LIVES = 6, AGAIN_MAX = 32 };

/* What anybody has heard of an order. */
struct order_heard {
    uint32_t version;
    uint64_t digest; /* of its record with that version; 0: not seen */
};

/* What was acknowledged, and may be asked again. */
struct again {
    uint16_t kind;
    int64_t total;
    _Alignas(8) uint8_t command[ANY_COMMAND_BYTES_MAX];
};

struct wish {
    bool answered;
    bool is_again; /* it was done already, and answered like this: */
    uint16_t kind;
    int64_t total;
    uint32_t version; /* of its order, as it was known when this was asked */
    uint32_t sku;     /* likewise the number of the new SKU that it is about */
    uint32_t asks;    /* how often it was asked: all but the last may have done it, unheard */
    _Alignas(8) uint8_t command[ANY_COMMAND_BYTES_MAX];
};

struct shop;

struct caller {
    struct shop *shop;
    struct client client;
    struct any any;
    struct wish batch[BATCH_MAX];
    uint32_t count;
    struct again again[AGAIN_MAX];
    uint32_t again_count;
    bool has_ended;
    _Alignas(8) uint8_t commands[BATCH_MAX * ANY_COMMAND_BYTES_MAX];
};

struct shop {
    struct stage stage;
    struct run *run;
    bool is_timed; /* deadlines are short: an order changes by itself */
    bool forgets;  /* so is its time after it has ended */
    bool
        ends_open; /* some goods were sent again or exchanged: lines do not tell the stock's counts */
    uint32_t skus[ANY_SKUS];
    uint32_t fresh_sku;
    uint32_t new_skus[ANY_NEW_SKUS + 1]; /* their numbers, once somebody has heard them */
    uint64_t drawn;                      /* commands */
    struct order_heard orders[ANY_ORDERS];
    struct caller callers[CALLERS_MAX];
    uint32_t caller_count;
    struct caller auditor;
    uint64_t reserved[ANY_SKUS][ANY_WAREHOUSES];
    uint64_t committed[ANY_SKUS][ANY_WAREHOUSES];
};

/* --- what is known of every answer --- */

static struct order_heard *heard_of(struct shop *shop, const struct command *command)
{
    struct text id = any_order(command);
    uint32_t number = 0;
    if (id.bytes < 3)
        return NULL;
    for (uint32_t i = 2; i < id.bytes; i++)
        number = number * 10 + (uint32_t)(id.at[i] - '0');
    return number < ANY_ORDERS && id.at[0] == 'o' ? &shop->orders[number] : NULL;
}

static void hear_version(struct shop *shop, struct order_heard *heard, const struct wish *wish,
                         uint32_t version)
{
    if (version < wish->version)
        run_fail(shop->run, "order o-%u is answered with version %u after version %u",
                 (unsigned)(heard - shop->orders), version, wish->version);
    if (version > heard->version) {
        heard->version = version;
        heard->digest = 0;
    }
}

/* All of it but its deadline, which a start extends by the time that nobody was there. */
static uint64_t digest_of(const struct result_order *order)
{
    const char *begin = (const void *)(&order->head + 1);
    const char *deadline = (const void *)&order->expires_ns;
    const char *behind = deadline + sizeof order->expires_ns;
    const char *end = (const char *)order + order->head.bytes;
    uint64_t digest = XXH3_64bits(begin, (size_t)(deadline - begin));
    return XXH3_64bits_withSeed(behind, (size_t)(end - behind), digest) | 1;
}

static void hear_record(struct shop *shop, struct order_heard *heard, const struct wish *wish,
                        const struct result_order *order)
{
    uint64_t digest = digest_of(order);
    hear_version(shop, heard, wish, order->version);
    if (order->version != heard->version)
        return;
    if (heard->digest != 0 && heard->digest != digest)
        run_fail(shop->run, "order o-%u is seen in two ways, both of them version %u",
                 (unsigned)(heard - shop->orders), order->version);
    heard->digest = digest;
}

static void check_money(const struct shop *shop, const struct result_order *order)
{
    const struct child *child = result_order_children(order);
    for (uint32_t i = 0; i < order->child_count; i++, child = child_next(child)) {
        const struct child_payment *payment = (const void *)child;
        if (child->kind == CHILD_PAYMENT &&
            (payment->captured < payment->refunded + payment->refund_pending ||
             payment->refunded < 0 || payment->refund_pending < 0))
            run_fail(shop->run, "a payment of %lld has %lld pending and %lld refunded",
                     (long long)payment->captured, (long long)payment->refund_pending,
                     (long long)payment->refunded);
    }
}

static void check_judgement(const struct shop *shop, const struct order_create *create,
                            uint8_t state)
{
    struct text customer = order_create_text(create, ORDER_CUSTOMER);
    bool nobody = customer.bytes == strlen(ANY_NOBODY) && customer.at[0] == 'n';
    if (nobody && state != ORDER_REJECTED)
        run_fail(shop->run, "a rule says no, and the order is %s",
                 order_state_name((enum order_state)state));
}

static void check_cells(const struct shop *shop, const struct result_stock *stock)
{
    for (uint32_t i = 0; i < stock->cell_count; i++) {
        const struct result_cell *cell = &stock->cells[i];
        uint64_t sellable = cell->free > cell->safety ? cell->free - cell->safety : 0;
        if (cell->sellable != (cell->missing != 0 ? 0 : sellable))
            run_fail(shop->run, "%llu of %llu free units are sellable; safety %llu, missing %llu",
                     (unsigned long long)cell->sellable, (unsigned long long)cell->free,
                     (unsigned long long)cell->safety, (unsigned long long)cell->missing);
    }
}

static void check_equations(const struct shop *shop, const struct result_audit *audit)
{
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct result_equation *equation = &audit->equations[i];
        if (equation->left + equation->in_flight != equation->right)
            run_fail(shop->run, "%.24s: %lld and %lld on its way are not %lld", equation->name,
                     (long long)equation->left, (long long)equation->in_flight,
                     (long long)equation->right);
    }
}

/* A number that was heard once stays that SKU's. */
static void hear_sku(struct shop *shop, const struct wish *wish, uint32_t which,
                     const struct result *result)
{
    const struct result_sku *sku = (const void *)result;
    if (result->code == CODE_UNKNOWN_SKU && wish->sku != 0)
        run_fail(shop->run, "NEW-%u was there, and is gone", which);
    if (result->kind != RESULT_SKU)
        return;
    if (shop->new_skus[which] != 0 && shop->new_skus[which] != sku->sku)
        run_fail(shop->run, "NEW-%u has the number %u, and had %u", which, sku->sku,
                 shop->new_skus[which]);
    shop->new_skus[which] = sku->sku;
}

static void hear(struct shop *shop, const struct wish *wish, const struct result *result)
{
    const struct command *command = (const void *)wish->command;
    struct order_heard *heard = heard_of(shop, command);
    uint32_t new_sku = any_new_sku(command);
    if (new_sku != ANY_NEW_SKUS)
        hear_sku(shop, wish, new_sku, result);
    bool replayed = result->code == CODE_REPLAYED; /* says what was so when it was done */
    if (result->kind == RESULT_ORDER)
        check_money(shop, (const void *)result);
    if (result->kind == RESULT_STOCK)
        check_cells(shop, (const void *)result);
    if (result->kind == RESULT_AUDIT)
        check_equations(shop, (const void *)result);
    if (result->kind == RESULT_ORDER_PLACED)
        check_judgement(shop, (const void *)command,
                        ((const struct result_placed *)(const void *)result)->state);
    if (heard == NULL || shop->forgets || replayed)
        return;
    if (result->kind == RESULT_ORDER)
        hear_record(shop, heard, wish, (const void *)result);
    if (result->kind == RESULT_CHILD)
        hear_version(shop, heard, wish,
                     ((const struct result_child *)(const void *)result)->order_version);
    if (result->code == CODE_NOT_FOUND && command->op == OP_ORDER_GET && wish->version != 0)
        run_fail(shop->run, "order o-%u was there, and is gone", (unsigned)(heard - shop->orders));
}

static bool is_done(const struct result *result)
{
    return result->code == CODE_OK || result->code == CODE_CREATED || result->code == CODE_REPLAYED;
}

static bool is_later(const struct result *result)
{
    return result->code == CODE_BUSY || result->code == CODE_STORAGE_FULL ||
           result->code == CODE_RATE_LIMITED || result->code == CODE_BEHIND ||
           result->code == CODE_FULL;
}

static void check_again(const struct shop *shop, const struct wish *wish,
                        const struct result *result)
{
    const struct result_placed *placed = (const void *)result;
    const struct command *command = (const void *)wish->command;
    if (!wish->is_again || shop->forgets)
        return;
    if (result->code != CODE_REPLAYED)
        run_fail(shop->run, "a command of op %u that was done is answered %s when it comes again",
                 command->op, code_facts(result->code)->name);
    if (result->kind != wish->kind ||
        (result->kind == RESULT_ORDER_PLACED && placed->total != wish->total))
        run_fail(shop->run,
                 "a command of op %u was answered by kind %u, and by kind %u when it comes again",
                 command->op, wish->kind, result->kind);
}

static void remember(struct caller *caller, const struct wish *wish, const struct result *result)
{
    const struct result_placed *placed = (const void *)result;
    if (!is_done(result) || !any_is_known_again((const void *)wish->command))
        return;
    struct again *again = &caller->again[caller->again_count++ % AGAIN_MAX];
    again->kind = result->kind;
    again->total = result->kind == RESULT_ORDER_PLACED ? placed->total : 0;
    memcpy(again->command, wish->command, sizeof again->command);
}

static void note_what_is_open(struct shop *shop, const struct wish *wish)
{
    const struct order_parcel *parcel = (const void *)wish->command;
    bool sends_again = parcel->head.op == OP_SHIPMENT_RESOLVE && parcel->choice == RESOLVE_RESHIP;
    bool exchanges = parcel->head.op == OP_RETURN_CREATE && parcel->choice == RETURN_EXCHANGE;
    shop->ends_open |= sends_again || exchanges;
}

static void on_result(void *who, const struct result *result)
{
    struct caller *caller = who;
    struct shop *shop = caller->shop;
    struct command_fault fault;
    CHECK(result->request < caller->count);
    struct wish *wish = &caller->batch[result->request];
    const struct command *command = (const void *)wish->command;
    if (wish->answered)
        run_fail(shop->run, "a command is answered twice");
    world_trace(shop->run->world, result->code);
    enum code good = command_check(command, command->bytes, &fault);
    world_say(shop->run->world, "op %u: %s", command->op,
              code_facts(result->code) == NULL ? "?" : code_facts(result->code)->name);
    if (is_later(result))
        return;
    if (code_facts(result->code) == NULL || result->code == CODE_INTERNAL)
        run_fail(shop->run, "a command of op %u is answered with the code %u", command->op,
                 result->code);
    if (good != CODE_OK && result->code != good)
        run_fail(shop->run, "a command of op %u is wrong in %s, and answered %s", command->op,
                 fault.field, code_facts(result->code)->name);
    if (good == CODE_OK) {
        check_again(shop, wish, result);
        hear(shop, wish, result);
        if (!wish->is_again)
            remember(caller, wish, result);
        if (is_done(result) || wish->asks > 1)
            note_what_is_open(shop, wish);
    }
    wish->answered = true;
    shop->run->totals->operations++;
}

/* --- callers --- */

static void draw_wish(struct caller *caller, uint32_t number)
{
    struct shop *shop = caller->shop;
    struct stream *workload = caller->any.workload;
    struct wish *wish = &caller->batch[number];
    uint32_t known = caller->again_count < AGAIN_MAX ? caller->again_count : AGAIN_MAX;
    *wish = (struct wish){0};
    caller->any.now_ns = machine_wall_ns(shop->run->machine);
    if (known != 0 && stream_hit(workload, 8)) {
        const struct again *again = &caller->again[stream_below(workload, known)];
        wish->is_again = true;
        wish->kind = again->kind;
        wish->total = again->total;
        memcpy(wish->command, again->command, sizeof wish->command);
        ((struct command *)(void *)wish->command)->request = number;
        return;
    }
    (void)any_command(&caller->any, wish->command, number);
}

static bool ask_once(struct caller *caller)
{
    uint32_t bytes = 0, count = 0;
    for (uint32_t i = 0; i < caller->count; i++) {
        struct wish *wish = &caller->batch[i];
        struct command *command = (void *)wish->command;
        const struct order_heard *heard = heard_of(caller->shop, command);
        if (wish->answered)
            continue;
        wish->version = heard != NULL ? heard->version : 0;
        wish->sku = caller->shop->new_skus[any_new_sku(command)];
        wish->asks++;
        memcpy(caller->commands + bytes, command, command->bytes);
        bytes += command->bytes;
        count++;
    }
    if (count == 0)
        return true;
    bool all = client_ask(&caller->client, caller->commands, bytes, count, on_result, caller);
    for (uint32_t i = 0; all && i < caller->count; i++)
        all = caller->batch[i].answered;
    return all;
}

static void call_for_ever(void *argument)
{
    struct caller *caller = argument;
    struct world *world = caller->shop->run->world;
    struct stream *workload = caller->any.workload;
    while (!caller->shop->stage.guests_end) {
        caller->count = 1 + (uint32_t)stream_below(workload, BATCH_MAX);
        for (uint32_t i = 0; i < caller->count; i++)
            draw_wish(caller, i);
        while (!ask_once(caller))
            world_sleep(world, world_now(world) + MILLISECOND_NS +
                                   stream_skewed(workload, 100 * MILLISECOND_NS));
        world_sleep(world, world_now(world) + MILLISECOND_NS / 5 +
                               stream_skewed(workload, 20 * MILLISECOND_NS));
    }
    client_leave(&caller->client);
    caller->has_ended = true;
    world_wake(world, caller->shop->stage.driver, 0);
}

static bool callers_are_done(const void *who)
{
    const struct shop *shop = who;
    for (uint32_t i = 0; i < shop->caller_count; i++)
        if (!shop->callers[i].has_ended)
            return false;
    return true;
}

/* --- what the driver asks for itself --- */

struct kept {
    _Alignas(8) uint8_t at[16384];
};

static void keep(void *who, const struct result *result)
{
    struct kept *kept = who;
    CHECK(result->bytes <= sizeof kept->at);
    memcpy(kept->at, result, result->bytes);
}

/* A calm server answers within a minute. */
static const struct result *ask_calmly(struct shop *shop, const void *command, const void *end)
{
    static struct kept kept;
    struct world *world = shop->run->world;
    uint64_t until = world_now(world) + 60ull * SECOND_NS;
    uint32_t bytes = (uint32_t)((const uint8_t *)end - (const uint8_t *)command);
    const struct result *result = (const void *)kept.at;
    while (!client_ask(&shop->auditor.client, command, bytes, 1, keep, &kept) || is_later(result)) {
        if (world_now(world) > until)
            run_fail(shop->run, "a calm server does not answer within a minute");
        world_sleep(world, world_now(world) + 10 * MILLISECOND_NS);
    }
    return result;
}

static void must_be_done(struct shop *shop, const void *command, const void *end)
{
    const struct result *result = ask_calmly(shop, command, end);
    if (!is_done(result))
        run_fail(shop->run, "setting up is answered %s", code_facts(result->code)->name);
}

static uint32_t put_sku(struct shop *shop, const char *code)
{
    uint8_t *at = shop->auditor.commands;
    const struct result *result = ask_calmly(shop, at, command_sku_put(at, 0, code, 100, 0));
    const struct result_sku *sku = (const void *)result;
    if (!is_done(result) || result->kind != RESULT_SKU)
        run_fail(shop->run, "a SKU cannot be made");
    return sku->sku;
}

static void set_up(struct shop *shop)
{
    uint8_t *at = shop->auditor.commands;
    for (uint32_t i = 0; i < ANY_WAREHOUSES; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%u", i);
        must_be_done(shop, at, command_warehouse(at, 0, name));
    }
    for (uint32_t i = 0; i < ANY_SKUS; i++) {
        char name[16];
        snprintf(name, sizeof name, "SKU-%u", i);
        shop->skus[i] = put_sku(shop, name);
        must_be_done(shop, at, command_receive(at, 0, shop->skus[i], "w0", name, 500));
    }
    shop->fresh_sku = put_sku(shop, "FRESH");
    must_be_done(shop, at, command_receive(at, 0, shop->fresh_sku, "w1", "fresh", 1));
    must_be_done(shop, at, command_rules(at, 0, ANY_RULE));
    for (uint32_t i = 0; i < CALLERS_MAX; i++)
        memcpy(shop->callers[i].any.skus, shop->skus, sizeof shop->skus);
}

static uint32_t index_of(const struct shop *shop, uint32_t sku)
{
    uint32_t i = 0;
    while (i < ANY_SKUS && shop->skus[i] != sku)
        i++;
    return i;
}

static void count_lines(struct shop *shop, const struct result_order *order)
{
    bool unpaid = order->state == ORDER_PENDING_PAYMENT || order->state == ORDER_IN_REVIEW ||
                  order->state == ORDER_PAYMENT_FAILED;
    bool unsent = order->state == ORDER_PAID || order->state == ORDER_PARTIALLY_SHIPPED ||
                  order->state == ORDER_SHIP_FAILED;
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct result_line *line = &order->lines[i];
        uint32_t sku = index_of(shop, line->sku);
        if (sku == ANY_SKUS || line->warehouse >= ANY_WAREHOUSES)
            continue;
        uint64_t left = line->units - line->cancelled;
        shop->reserved[sku][line->warehouse] += unpaid ? left : 0;
        shop->committed[sku][line->warehouse] += unsent ? left - line->shipped : 0;
    }
}

static void look_at_orders(struct shop *shop)
{
    uint8_t *at = shop->auditor.commands;
    memset(shop->reserved, 0, sizeof shop->reserved);
    memset(shop->committed, 0, sizeof shop->committed);
    for (uint32_t i = 0; i < ANY_ORDERS; i++) {
        char id[16];
        snprintf(id, sizeof id, "o-%u", i);
        const struct result *result = ask_calmly(shop, at, command_get(at, 0, id));
        struct wish wish = {.version = shop->orders[i].version};
        if (result->code == CODE_NOT_FOUND && (shop->orders[i].version == 0 || shop->forgets))
            continue;
        if (result->kind != RESULT_ORDER)
            run_fail(shop->run, "order %s was there, and is gone", id);
        if (!shop->forgets)
            hear_record(shop, &shop->orders[i], &wish, (const void *)result);
        check_money(shop, (const void *)result);
        count_lines(shop, (const void *)result);
    }
}

static void look_at_stock(struct shop *shop)
{
    uint8_t *at = shop->auditor.commands;
    for (uint32_t i = 0; i < ANY_SKUS; i++) {
        const struct result *result = ask_calmly(shop, at, command_stock_get(at, 0, shop->skus[i]));
        const struct result_stock *stock = (const void *)result;
        if (result->kind != RESULT_STOCK)
            run_fail(shop->run, "SKU-%u has no stock any more", i);
        check_cells(shop, stock);
        for (uint32_t k = 0; k < stock->cell_count; k++) {
            const struct result_cell *cell = &stock->cells[k];
            if (cell->held != 0 || (cell->missing != 0 && cell->free != 0))
                run_fail(shop->run, "SKU-%u in w%u: %llu held, %llu missing, %llu free", i,
                         cell->warehouse, (unsigned long long)cell->held,
                         (unsigned long long)cell->missing, (unsigned long long)cell->free);
            if (cell->warehouse >= ANY_WAREHOUSES || shop->ends_open || shop->is_timed)
                continue;
            uint64_t reserved = shop->reserved[i][cell->warehouse];
            uint64_t committed = shop->committed[i][cell->warehouse];
            if (cell->reserved != reserved || cell->committed != committed)
                run_fail(shop->run,
                         "SKU-%u in w%u: %llu reserved for lines of %llu, %llu committed for %llu",
                         i, cell->warehouse, (unsigned long long)cell->reserved,
                         (unsigned long long)reserved, (unsigned long long)cell->committed,
                         (unsigned long long)committed);
        }
    }
}

static void look_at_equations(struct shop *shop)
{
    struct command *at = (void *)shop->auditor.commands;
    *at = (struct command){.bytes = sizeof *at, .op = OP_AUDIT};
    const struct result *result = ask_calmly(shop, at, at + 1);
    if (result->kind == RESULT_AUDIT)
        check_equations(shop, (const void *)result);
}

/* Once: whatever has happened, business goes on. */
static void place_a_new_order(struct shop *shop)
{
    uint8_t *at = shop->auditor.commands;
    struct order_wish wish = {.id = "fresh",
                              .customer = "somebody",
                              .currency = CURRENCY('C', 'N', 'Y'),
                              .line_count = 1,
                              .lines = {{.sku = shop->fresh_sku, .units = 1, .unit_price = 1}}};
    const struct result *result = ask_calmly(shop, at, command_create(at, 0, &wish));
    if (!is_done(result))
        run_fail(shop->run, "when all is over, a new order is answered %s",
                 code_facts(result->code)->name);
}

/* --- from the first life to the last --- */

static void drive(void *argument)
{
    struct shop *shop = argument;
    struct stage *stage = &shop->stage;
    struct world *world = shop->run->world;
    uint64_t lives = stream_below(world_stream(world, STREAM_WORKLOAD), SHOP_LIVES);
    run_calm(shop->run);
    stage_begin_calmly(stage);
    set_up(shop);
    (void)stage_stop(stage);
    for (uint32_t i = 0; i < shop->caller_count; i++)
        world_spawn(world, STAGE_STACK_BYTES, call_for_ever, &shop->callers[i]);
    stage_live_through(stage, lives);
    world_sleep(world, world_now(world) + SECOND_NS);
    stage->guests_end = true;
    stage_await(stage, callers_are_done, shop,
                "callers are not answered, though all faults have stopped");
    place_a_new_order(shop);
    uint64_t hash = stage_stop(stage);
    for (uint32_t i = 0; i < 2; i++) {
        stage_begin_calmly(stage);
        uint64_t after = server_state_hash(stage->server);
        if (after != hash && !shop->is_timed && !shop->forgets)
            run_fail(shop->run, "a start arrives at state %016llx instead of %016llx",
                     (unsigned long long)after, (unsigned long long)hash);
        look_at_orders(shop);
        look_at_stock(shop);
        look_at_equations(shop);
        place_a_new_order(shop); /* known by now */
        hash = stage_stop(stage);
    }
    world_stop(world);
}

static uint64_t draw_deadline(struct stream *swarm)
{
    return MILLISECOND_NS + stream_skewed(swarm, 10ull * SECOND_NS);
}

static void draw_times(struct shop *shop)
{
    struct stream *swarm = world_stream(shop->run->world, STREAM_SWARM);
    struct server_options *options = &shop->stage.options;
    const uint64_t year_ns = 365ull * 86400 * SECOND_NS;
    options->review_deadline_ns = options->confirm_deadline_ns = options->retention_ns = year_ns;
    shop->is_timed = stream_hit(swarm, 2);
    shop->forgets = shop->is_timed && stream_hit(swarm, 3);
    if (!shop->is_timed)
        return;
    options->payment_deadline_ns = draw_deadline(swarm);
    options->review_deadline_ns = draw_deadline(swarm);
    options->confirm_deadline_ns = draw_deadline(swarm);
    options->review_timeout = (enum review_timeout)stream_below(swarm, 2);
    options->expiry_grace_ns = stream_hit(swarm, 2) ? 0 : draw_deadline(swarm);
    if (shop->forgets)
        options->retention_ns = draw_deadline(swarm);
}

void shop_scenario(struct run *run)
{
    struct shop *shop = run_memory(sizeof *shop);
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    shop->run = run;
    run_swarm(run);
    stage_open(&shop->stage, run);
    draw_times(shop);
    shop->caller_count = run_clients(run, 1 + (uint32_t)stream_below(swarm, CALLERS_MAX));
    for (uint32_t i = 0; i < shop->caller_count; i++) {
        struct caller *caller = &shop->callers[i];
        caller->shop = shop;
        caller->any = (struct any){.workload = world_stream(run->world, STREAM_WORKLOAD),
                                   .pay_within_ns = shop->stage.options.payment_deadline_ns,
                                   .drawn = &shop->drawn,
                                   .caller = i};
        any_mix(&caller->any);
        client_open(&caller->client, run, STAGE_BINARY);
        caller->client.slow_one_in = run_knob(run, FAULT_SLOW_READERS, 5, 100);
        caller->client.keep_one_in = run_knob(run, FAULT_OLD_ENDS, 1, 4);
    }
    shop->auditor.shop = shop;
    client_open(&shop->auditor.client, run, STAGE_BINARY);
    shop->stage.driver = world_spawn(run->world, STAGE_STACK_BYTES, drive, shop);
    world_run(run->world, UINT64_MAX);
}
