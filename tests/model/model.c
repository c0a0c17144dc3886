/* spate-model - random histories of a shop, core against a model that is slow and obvious.
 *
 * A run is cut into episodes: each begins with an empty shop of one to four shards, and ends with its
 * journal put through recovery into another number of shards, which must arrive at the same state. After
 * every step the answers agree; after every hundred the equations are recomputed and all stock is
 * compared. What went wrong is printed with the step at which it did; the same seed goes there again. */
#include "tests/unit/core/shop.h"

#include "tests/model/naive.h"
#include "tools/options.h"

enum { TICK_NS = 1 << 21 };
enum { EPISODE_STEPS = 4000, EPISODE_ORDERS = 4096, EPISODE_KEYS = 4096, CODE_KINDS = 64 };

enum step {
    STEP_ORDER,
    STEP_ORDER_AGAIN,
    STEP_ORDER_OTHER,
    STEP_GET,
    STEP_CANCEL,
    STEP_CANCEL_LINE,
    STEP_SKU,
    STEP_RESOLVE,
    STEP_STOCK,
    STEP_RECEIVE,
    STEP_EXPECT,
    STEP_ADJUST,
    STEP_QUARANTINE,
    STEP_CLEAR,
    STEP_WRITE_OFF,
    STEP_CHANGE_AGAIN,
    STEP_CHANGE_OTHER,
    STEP_WAREHOUSE,
    STEP_TIME,
    STEPS
};

/* How often each is drawn, and what it must have been answered in a run: a code that never came is a
 * hole in the generator, and fails the run. */
static const struct {
    const char *name;
    uint32_t weight;
    uint16_t codes[8]; /* end with 0xffff */
} steps[STEPS] = {
    [STEP_ORDER] = {"order.create",
                    30,
                    {CODE_CREATED, CODE_OUT_OF_STOCK, CODE_UNKNOWN_SKU, CODE_CURRENCY_MISMATCH,
                     CODE_LIMIT, 0xffff}},
    [STEP_ORDER_AGAIN] = {"order.create, again", 4, {CODE_REPLAYED, 0xffff}},
    [STEP_ORDER_OTHER] = {"order.create, other body", 3, {CODE_KEY_REUSED, 0xffff}},
    [STEP_GET] = {"order.get", 6, {CODE_OK, CODE_NOT_FOUND, 0xffff}},
    [STEP_CANCEL] = {"order.cancel", 6, {CODE_OK, CODE_NOT_FOUND, CODE_ILLEGAL, 0xffff}},
    [STEP_CANCEL_LINE] = {"order.cancel, a line",
                          6,
                          {CODE_OK, CODE_NOT_FOUND, CODE_ILLEGAL, CODE_INVALID, 0xffff}},
    [STEP_SKU] = {"sku.put", 2, {CODE_CREATED, CODE_OK, 0xffff}},
    [STEP_RESOLVE] = {"sku.resolve", 2, {CODE_OK, CODE_UNKNOWN_SKU, 0xffff}},
    [STEP_STOCK] = {"stock.get", 4, {CODE_OK, CODE_UNKNOWN_SKU, 0xffff}},
    [STEP_RECEIVE] = {"stock.receive",
                      8,
                      {CODE_OK, CODE_UNKNOWN_SKU, CODE_UNKNOWN_WAREHOUSE, 0xffff}},
    [STEP_EXPECT] = {"stock.expect", 3, {CODE_OK, 0xffff}},
    [STEP_ADJUST] = {"stock.adjust", 3, {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    [STEP_QUARANTINE] = {"stock.quarantine", 3, {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    [STEP_CLEAR] = {"stock.clear", 3, {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    [STEP_WRITE_OFF] = {"stock.write_off", 3, {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    [STEP_CHANGE_AGAIN] = {"stock.*, again", 3, {CODE_REPLAYED, 0xffff}},
    [STEP_CHANGE_OTHER] = {"stock.*, other body", 3, {CODE_KEY_REUSED, 0xffff}},
    [STEP_WAREHOUSE] = {"warehouse.put", 1, {CODE_CREATED, CODE_OK, 0xffff}},
    [STEP_TIME] = {"time", 7, {CODE_OK, 0xffff}},
};

struct history {
    uint64_t random;
    uint64_t step;
    uint64_t seed;
    struct shop *shop;
    struct naive naive;
    uint32_t numbers[NAIVE_SKUS]; /* of the SKUs, in core; 0: not there yet */
    struct naive_order *asked;    /* by order: the lines of the first body that was placed */
    uint32_t key_count;
    uint64_t expired;
    uint64_t taken[STEPS][CODE_KINDS];
};

static uint64_t draw(struct history *h, uint64_t below)
{
    uint64_t x = h->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % below;
}

__attribute__((format(printf, 2, 3))) static _Noreturn void disagree(const struct history *h,
                                                                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "step %llu of seed %llu (%u shards): ", (unsigned long long)h->step,
            (unsigned long long)h->seed, h->shop->shard_count);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    exit(1);
}

/* Core's answer, after everything that it set off has come to rest. Answers before it are forgotten. */
static const struct result *ask(struct history *h, struct command *command)
{
    struct shop *shop = h->shop;
    for (uint64_t i = 0; i <= shop->request; i++) {
        free(shop->answers[i]);
        shop->answers[i] = NULL;
    }
    shop->request = 0;
    return shop_ask(shop, command);
}

static const struct result *agree(struct history *h, enum step step, struct command *command,
                                  enum code expected)
{
    const struct result *result = ask(h, command);
    bool either = expected == CODE_LIMIT && h->naive.either && result->code == CODE_OUT_OF_STOCK;
    if (result->code != expected && !either)
        disagree(h, "%s: core says %s, the model %s", steps[step].name,
                 code_facts(result->code)->name, code_facts(expected)->name);
    h->taken[step][expected]++;
    return result;
}

/* ---- orders ----------------------------------------------------------------------------------------- */

static void id_of(uint32_t order, char out[16])
{
    snprintf(out, 16, "o-%u", order);
}

/* Numbers that no SKU has: a slot that may be there, an index beyond all. */
static uint32_t number_of(const struct history *h, uint32_t sku)
{
    return h->numbers[sku] != 0 ? h->numbers[sku] : (sku * 77 % SLOT_COUNT) << SKU_INDEX_BITS | 99;
}

static uint32_t draw_lines(struct history *h, struct naive_line lines[NAIVE_LINES])
{
    uint32_t count = 1 + (uint32_t)draw(h, draw(h, 3) == 0 ? NAIVE_LINES : 2);
    uint32_t known = draw(h, 40) == 0 ? NAIVE_SKUS : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
        for (uint32_t tries = 0; known == 0 && !h->naive.skus[sku].known && tries < 64; tries++)
            sku = (uint32_t)draw(h, NAIVE_SKUS);
        lines[i] = (struct naive_line){.sku = sku,
                                       .units = 1 + (uint32_t)draw(h, draw(h, 4) == 0 ? 30 : 3),
                                       .unit_price = (int64_t)draw(h, 5000)};
    }
    return count;
}

static void send_order(struct history *h, enum step step, uint32_t order, bool currency_fits,
                       const struct naive_line *lines, uint32_t line_count)
{
    union shop_command command;
    struct shop_line shop_lines[NAIVE_LINES];
    char id[16];
    id_of(order, id);
    for (uint32_t i = 0; i < line_count; i++)
        shop_lines[i] =
            (struct shop_line){number_of(h, lines[i].sku), lines[i].units, lines[i].unit_price};
    shop_order_of(&command, id, "c1", shop_lines, line_count);
    if (!currency_fits)
        command.create.currency = CURRENCY('U', 'S', 'D');
    enum code expected = naive_order_create(&h->naive, order, currency_fits, lines, line_count);
    const struct result *result = agree(h, step, &command.head, expected);
    const struct result_placed *placed = (const void *)result;
    if ((expected == CODE_CREATED || expected == CODE_REPLAYED) &&
        result->kind != RESULT_ORDER_PLACED)
        disagree(h, "%s: the answer does not say what was placed", steps[step].name);
    if (expected == CODE_CREATED && placed->total != h->naive.orders[order].total)
        disagree(h, "the total is %lld in core, %lld in the model", (long long)placed->total,
                 (long long)h->naive.orders[order].total);
}

static bool draw_placed(struct history *h, uint32_t *order)
{
    for (uint32_t tries = 0; tries < 8 && h->naive.order_count > 0; tries++) {
        *order = (uint32_t)draw(h, h->naive.order_count);
        if (h->naive.orders[*order].placed)
            return true;
    }
    return false;
}

static void step_order(struct history *h)
{
    struct naive_line lines[NAIVE_LINES];
    uint32_t count = draw_lines(h, lines);
    uint32_t order = h->naive.order_count++;
    struct naive_order *asked = &h->asked[order];
    asked->line_count = (uint8_t)count;
    memcpy(asked->lines, lines, count * sizeof lines[0]);
    send_order(h, STEP_ORDER, order, draw(h, 30) != 0, lines, count);
}

static void step_order_known(struct history *h, enum step step)
{
    uint32_t order;
    if (!draw_placed(h, &order))
        return;
    struct naive_order asked = h->asked[order];
    bool fits = true;
    if (step == STEP_ORDER_OTHER) {
        fits = draw(h, 3) != 0;
        asked.lines[0].units += fits;
    }
    send_order(h, step, order, fits, asked.lines, asked.line_count);
}

static void compare_order(const struct history *h, const struct naive_order *order,
                          const struct result_order *record)
{
    if (record->state != order->state || record->total != order->total ||
        record->version != order->version || record->line_count != order->line_count)
        disagree(h, "an order is %s, total %lld, version %u in core; %s, %lld, %u in the model",
                 order_state_name(record->state), (long long)record->total, record->version,
                 order_state_name(order->state), (long long)order->total, order->version);
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct result_line *line = &record->lines[i];
        if (line->units != order->lines[i].units || line->cancelled != order->lines[i].cancelled ||
            line->unit_price != order->lines[i].unit_price)
            disagree(h, "line %u of an order: %u units, %u cancelled in core; %u, %u in the model",
                     i + 1, line->units, line->cancelled, order->lines[i].units,
                     order->lines[i].cancelled);
    }
}

static void step_get(struct history *h)
{
    union shop_command command;
    char id[16];
    uint32_t order = (uint32_t)draw(h, h->naive.order_count + 2);
    memset(&command, 0, sizeof command.get + 16);
    id_of(order, id);
    command.get.id_bytes = (uint8_t)strlen(id);
    memcpy(&command.get + 1, id, strlen(id));
    shop_head(&command.head, OP_ORDER_GET, sizeof command.get + strlen(id));
    bool placed = h->naive.orders[order].placed;
    const struct result *result =
        agree(h, STEP_GET, &command.head, placed ? CODE_OK : CODE_NOT_FOUND);
    if (placed)
        compare_order(h, &h->naive.orders[order], (const void *)result);
}

static void send_cancel(struct history *h, enum step step, uint32_t order,
                        const struct cancel_line *line, enum code expected)
{
    union shop_command command;
    char id[16], key[24] = "";
    id_of(order, id);
    if (line != NULL)
        snprintf(key, sizeof key, "x-%llu", (unsigned long long)h->step);
    uint32_t count = line != NULL;
    memset(&command, 0, sizeof command.cancel + 64);
    command.cancel.line_count = (uint16_t)count;
    command.cancel.id_bytes = (uint8_t)strlen(id);
    command.cancel.key_bytes = (uint8_t)strlen(key);
    if (line != NULL)
        command.cancel.lines[0] = *line;
    char *at = (char *)(command.cancel.lines + count);
    memcpy(at, id, strlen(id));
    memcpy(at + strlen(id), key, strlen(key));
    shop_head(&command.head, OP_ORDER_CANCEL,
              sizeof command.cancel + count * sizeof *line + strlen(id) + strlen(key));
    agree(h, step, &command.head, expected);
}

static void step_cancel(struct history *h)
{
    uint32_t order = (uint32_t)draw(h, h->naive.order_count + 1);
    send_cancel(h, STEP_CANCEL, order, NULL, naive_cancel_all(&h->naive, order));
}

/* Never the last units of an order: what that means is another step. */
static void step_cancel_line(struct history *h)
{
    uint32_t order = (uint32_t)draw(h, h->naive.order_count + 1);
    const struct naive_order *known = &h->naive.orders[order];
    uint64_t left = 0;
    for (uint32_t i = 0; known->placed && i < known->line_count; i++)
        left += known->lines[i].units - known->lines[i].cancelled;
    struct cancel_line line = {.line = 1 + (uint32_t)draw(h, NAIVE_LINES),
                               .units = 1 + (uint32_t)draw(h, 4)};
    if (known->placed && known->state == ORDER_PENDING_PAYMENT && line.units >= left)
        return;
    send_cancel(h, STEP_CANCEL_LINE, order, &line,
                naive_cancel_line(&h->naive, order, line.line - 1, line.units));
}

/* ---- stock ------------------------------------------------------------------------------------------ */

static void sku_code(uint32_t sku, char out[16])
{
    snprintf(out, 16, "SKU-%u", sku);
}

static void step_sku(struct history *h)
{
    union shop_command command;
    char code[16];
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS - 1); /* the last one is never there */
    uint32_t most = draw(h, 3) == 0 ? 4 + (uint32_t)draw(h, 20) : 0;
    sku_code(sku, code);
    shop_sku_of(&command, code);
    command.put.max_per_order = most;
    const struct result *result =
        agree(h, STEP_SKU, &command.head, naive_sku_put(&h->naive, sku, most));
    h->numbers[sku] = ((const struct result_sku *)(const void *)result)->sku;
}

static void step_resolve(struct history *h)
{
    union shop_command command;
    char code[16];
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    sku_code(sku, code);
    memset(&command, 0, sizeof command.resolve + 16);
    command.resolve.code_bytes = (uint8_t)strlen(code);
    memcpy(&command.resolve + 1, code, strlen(code));
    shop_head(&command.head, OP_SKU_RESOLVE, sizeof command.resolve + strlen(code));
    const struct result *result =
        agree(h, STEP_RESOLVE, &command.head, naive_resolve(&h->naive, sku));
    if (result->code == CODE_OK &&
        ((const struct result_sku *)(const void *)result)->sku != h->numbers[sku])
        disagree(h, "a SKU has another number than before");
}

static void compare_cell(const struct history *h, const struct result_cell *cell,
                         const struct naive_cell *naive)
{
    if (cell->free != naive->free || cell->reserved != naive->reserved ||
        cell->quarantined != naive->quarantined || cell->incoming != naive->incoming ||
        cell->version != naive->version || cell->held != 0 || cell->sellable != naive->free)
        disagree(h,
                 "a cell has free %llu, reserved %llu, quarantined %llu, incoming %llu, version "
                 "%llu in core; %llu, %llu, %llu, %llu, %llu in the model",
                 (unsigned long long)cell->free, (unsigned long long)cell->reserved,
                 (unsigned long long)cell->quarantined, (unsigned long long)cell->incoming,
                 (unsigned long long)cell->version, (unsigned long long)naive->free,
                 (unsigned long long)naive->reserved, (unsigned long long)naive->quarantined,
                 (unsigned long long)naive->incoming, (unsigned long long)naive->version);
}

static void compare_stock(struct history *h, uint32_t sku, bool counted)
{
    union shop_command command;
    memset(&command, 0, sizeof command.stock);
    command.stock.sku = number_of(h, sku);
    shop_head(&command.head, OP_STOCK_GET, sizeof command.stock);
    enum code expected = h->naive.skus[sku].known ? CODE_OK : CODE_UNKNOWN_SKU;
    const struct result *result = ask(h, &command.head);
    const struct result_stock *stock = (const void *)result;
    if (result->code != expected)
        disagree(h, "stock.get: core says %s, the model %s", code_facts(result->code)->name,
                 code_facts(expected)->name);
    h->taken[STEP_STOCK][expected] += counted;
    uint32_t known = 0;
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++)
        known += h->naive.skus[sku].cells[w].known;
    if (expected == CODE_OK && stock->cell_count != known)
        disagree(h, "a SKU lies in %u warehouses in core, in %u in the model", stock->cell_count,
                 known);
    for (uint32_t i = 0; expected == CODE_OK && i < stock->cell_count; i++) {
        struct text name = shard_warehouse(h->shop->shards[0], stock->cells[i].warehouse);
        compare_cell(h, &stock->cells[i], &h->naive.skus[sku].cells[name.at[1] - '0']);
    }
}

static void send_change(struct history *h, enum step step, uint32_t key_number,
                        const struct naive_key *change)
{
    union shop_command command;
    char warehouse[3] = {'w', (char)('0' + change->warehouse), 0}, key[16];
    snprintf(key, sizeof key, "k-%u", key_number);
    memset(&command, 0, sizeof command.change + 32);
    size_t head;
    char *texts;
    if (change->op == OP_STOCK_RECEIVE) {
        command.receive.ok_units = (uint64_t)change->units;
        command.receive.damaged_units = (uint64_t)change->damaged;
        command.receive.sku = number_of(h, change->sku);
        command.receive.warehouse_bytes = 2;
        command.receive.key_bytes = (uint8_t)strlen(key);
        head = sizeof command.receive;
    } else {
        command.change.units = change->units;
        command.change.if_version = STOCK_ANY_VERSION;
        command.change.sku = number_of(h, change->sku);
        command.change.warehouse_bytes = 2;
        command.change.key_bytes = (uint8_t)strlen(key);
        head = sizeof command.change;
    }
    texts = (char *)&command + head;
    memcpy(texts, warehouse, 2);
    memcpy(texts + 2, key, strlen(key));
    shop_head(&command.head, change->op, head + 2 + strlen(key));
    agree(h, step, &command.head, naive_change(&h->naive, key_number, change));
}

static void step_change(struct history *h, enum step step)
{
    static const uint16_t ops[] = {OP_STOCK_RECEIVE,    OP_STOCK_EXPECT, OP_STOCK_ADJUST,
                                   OP_STOCK_QUARANTINE, OP_STOCK_CLEAR,  OP_STOCK_WRITE_OFF};
    struct naive_key change = {.op = ops[step - STEP_RECEIVE],
                               .sku = (uint32_t)draw(h, NAIVE_SKUS),
                               .warehouse = (uint32_t)draw(h, NAIVE_WAREHOUSES),
                               .units = 1 + (int64_t)draw(h, 12)};
    if (step == STEP_RECEIVE) {
        change.units *= 3;
        change.damaged = (int64_t)draw(h, 5);
    }
    if (step == STEP_ADJUST && draw(h, 2) == 0)
        change.units = -change.units;
    send_change(h, step, h->key_count++, &change);
}

static void step_change_known(struct history *h, enum step step)
{
    if (h->key_count == 0)
        return;
    uint32_t number = (uint32_t)draw(h, h->key_count);
    struct naive_key change = h->naive.keys[number];
    if (!change.used)
        return;
    if (step == STEP_CHANGE_OTHER)
        change.units++;
    if (change.units == 0)
        return; /* an adjustment by nothing is refused before it is looked at */
    send_change(h, step, number, &change);
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

static void step_warehouse(struct history *h)
{
    union shop_command command;
    uint32_t warehouse = (uint32_t)draw(h, NAIVE_WAREHOUSES);
    char id[3] = {'w', (char)('0' + warehouse), 0};
    memset(&command, 0, sizeof command.warehouse + 8);
    command.warehouse.priority = (uint32_t)draw(h, 3);
    command.warehouse.id_bytes = 2;
    memcpy(&command.warehouse + 1, id, 2);
    shop_head(&command.head, OP_WAREHOUSE_PUT, sizeof command.warehouse + 2);
    agree(h, STEP_WAREHOUSE, &command.head,
          naive_warehouse_put(&h->naive, warehouse, command.warehouse.priority));
}

static uint64_t count_expired(const struct history *h)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < h->naive.order_count; i++)
        count += h->naive.orders[i].state == ORDER_EXPIRED;
    return count;
}

/* A deadline is met within a tick of the wheel, not at once: no moment is compared at which one has
 * just passed. */
static bool just_passed(const struct history *h, uint64_t now_ns)
{
    for (uint32_t i = h->naive.expired_to; i < h->naive.order_count; i++) {
        const struct naive_order *order = &h->naive.orders[i];
        if (order->state == ORDER_PENDING_PAYMENT && order->deadline_ns <= now_ns &&
            order->deadline_ns + TICK_NS > now_ns)
            return true;
    }
    return false;
}

static void step_time(struct history *h)
{
    uint64_t before = count_expired(h);
    h->shop->now_ns += draw(h, 4) == 0 ? draw(h, UINT64_C(1500) * 1000000000) : draw(h, 1000000);
    while (just_passed(h, h->shop->now_ns))
        h->shop->now_ns += TICK_NS;
    naive_time(&h->naive, h->shop->now_ns);
    shop_run(h->shop);
    h->expired += count_expired(h) - before;
    h->taken[STEP_TIME][CODE_OK]++;
}

static void take_step(struct history *h, enum step step)
{
    switch (step) {
    case STEP_ORDER:
        step_order(h);
        break;
    case STEP_ORDER_AGAIN:
    case STEP_ORDER_OTHER:
        step_order_known(h, step);
        break;
    case STEP_GET:
        step_get(h);
        break;
    case STEP_CANCEL:
        step_cancel(h);
        break;
    case STEP_CANCEL_LINE:
        step_cancel_line(h);
        break;
    case STEP_SKU:
        step_sku(h);
        break;
    case STEP_RESOLVE:
        step_resolve(h);
        break;
    case STEP_STOCK:
        compare_stock(h, (uint32_t)draw(h, NAIVE_SKUS), true);
        break;
    case STEP_RECEIVE:
    case STEP_EXPECT:
    case STEP_ADJUST:
    case STEP_QUARANTINE:
    case STEP_CLEAR:
    case STEP_WRITE_OFF:
        step_change(h, step);
        break;
    case STEP_CHANGE_AGAIN:
    case STEP_CHANGE_OTHER:
        step_change_known(h, step);
        break;
    case STEP_WAREHOUSE:
        step_warehouse(h);
        break;
    case STEP_TIME:
    case STEPS:
        step_time(h);
        break;
    }
}

static enum step draw_step(struct history *h)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < STEPS; i++)
        sum += steps[i].weight;
    uint64_t at = draw(h, sum);
    uint32_t step = 0;
    while (at >= steps[step].weight)
        at -= steps[step++].weight;
    return (enum step)step;
}

static void compare_all(struct history *h)
{
    for (uint32_t i = 0; i < h->shop->shard_count; i++) {
        const char *broken = shard_audit(h->shop->shards[i]);
        if (broken != NULL)
            disagree(h, "recomputed from scratch, this does not hold: %s", broken);
    }
    for (uint32_t sku = 0; sku < NAIVE_SKUS; sku++)
        compare_stock(h, sku, false);
}

/* The journal, put through recovery into another number of shards. */
static void compare_recovered(struct history *h)
{
    uint32_t shard_count = 1 + (uint32_t)draw(h, 4);
    struct shop *again = shop_replay(h->shop, shard_count);
    if (shop_hash(again) != shop_hash(h->shop))
        disagree(h, "%u shards that are recovered from the journal have another state",
                 shard_count);
    shop_close(again);
}

static void run_episode(struct history *h, uint64_t step_count)
{
    struct shard_options options = shop_options();
    options.retry_window_ns = UINT64_C(1000) * 86400 * 1000000000;
    options.retry_count_max = 2 * EPISODE_KEYS;
    uint32_t shard_count = 1 + (uint32_t)draw(h, 4);
    h->shop = shop_open_with(&options, shard_count, draw(h, UINT64_MAX));
    memset(h->numbers, 0, sizeof h->numbers);
    memset(h->asked, 0, EPISODE_ORDERS * sizeof *h->asked);
    memset(h->naive.orders, 0, EPISODE_ORDERS * sizeof *h->naive.orders);
    memset(h->naive.keys, 0, EPISODE_KEYS * sizeof *h->naive.keys);
    h->key_count = 0;
    h->naive = (struct naive){.now_ns = h->shop->now_ns,
                              .payment_deadline_ns = options.payment_deadline_ns,
                              .orders = h->naive.orders,
                              .keys = h->naive.keys};
    for (uint64_t i = 0; i < step_count; i++, h->step++) {
        take_step(h, draw_step(h));
        if (i % 100 == 99)
            compare_all(h);
    }
    compare_all(h);
    compare_recovered(h);
    shop_close(h->shop);
}

/* False: something was never taken. */
static bool print_coverage(const struct history *h)
{
    bool whole = true;
    for (uint32_t step = 0; step < STEPS; step++) {
        for (uint32_t i = 0; steps[step].codes[i] != 0xffff; i++) {
            uint64_t taken = h->taken[step][steps[step].codes[i]];
            printf("%-26s %-20s %10llu%s\n", steps[step].name,
                   code_facts(steps[step].codes[i])->name, (unsigned long long)taken,
                   taken == 0 ? "  NEVER" : "");
            whole &= taken > 0;
        }
    }
    printf("%-26s %-20s %10llu%s\n", "time", "order expired", (unsigned long long)h->expired,
           h->expired == 0 ? "  NEVER" : "");
    return whole && h->expired > 0;
}

int main(int argc, char **argv)
{
    uint64_t step_count = 100000;
    struct history h = {.seed = 1};
    const struct option table[] = {
        {.name = "steps",
         .value_name = "N",
         .help = "how long the run is (100k)",
         .kind = OPTION_COUNT,
         .into = &step_count,
         .min = 1,
         .max = UINT64_C(1000000000000)},
        {.name = "seed",
         .value_name = "S",
         .help = "the same seed goes the same way (1)",
         .kind = OPTION_COUNT,
         .into = &h.seed},
        {0},
    };
    const struct usage usage = {.command = "spate-model",
                                .arguments = "[OPTION...]",
                                .summary = "Random histories of a shop, compared step by step with "
                                           "a model that is slow and obvious.",
                                .options = table};
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    h.random = h.seed;
    h.asked = calloc(EPISODE_ORDERS, sizeof *h.asked);
    h.naive.orders = calloc(EPISODE_ORDERS, sizeof *h.naive.orders);
    h.naive.keys = calloc(EPISODE_KEYS, sizeof *h.naive.keys);
    if (h.asked == NULL || h.naive.orders == NULL || h.naive.keys == NULL)
        return 71;
    while (h.step < step_count)
        run_episode(&h, step_count - h.step < EPISODE_STEPS ? step_count - h.step : EPISODE_STEPS);
    free(h.asked);
    free(h.naive.orders);
    free(h.naive.keys);
    bool whole = print_coverage(&h);
    printf("%llu steps of seed %llu: core and model agree%s\n", (unsigned long long)h.step,
           (unsigned long long)h.seed, whole ? "" : ", but something was never taken");
    return whole ? 0 : 1;
}
