#include "tests/model/history.h"

/* ---- SKUs and warehouses ---------------------------------------------------------------------------- */

static void sku_code(uint32_t sku, char out[16])
{
    snprintf(out, 16, "SKU-%u", sku);
}

static const char *const channel_names[NAIVE_CHANNELS] = {"online", "store"};

static struct naive_sku draw_sku(struct history *h)
{
    struct naive_sku sku = {.max_per_order = draw(h, 3) == 0 ? 4 + draw(h, 20) : 0};
    if (draw(h, 3) == 0) {
        sku.max_per_customer = 1 + draw(h, 40);
        sku.window_s = 1 + draw(h, 7200);
    }
    for (uint32_t i = 0; i < NAIVE_CHANNELS; i++) {
        sku.caps[i].is_there = draw(h, 3) == 0;
        sku.caps[i].units = draw(h, 60);
    }
    return sku;
}

static void put_sku(struct history *h, const struct step *step)
{
    union shop_command command;
    char code[16];
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS - 1); /* the last one is never there */
    struct naive_sku put = draw_sku(h);
    sku_code(sku, code);
    tell(h, "sku.put %s, at most %llu an order, %llu a buyer in %llu s, caps %d %d", code,
         (unsigned long long)put.max_per_order, (unsigned long long)put.max_per_customer,
         (unsigned long long)put.window_s, put.caps[0].is_there ? (int)put.caps[0].units : -1,
         put.caps[1].is_there ? (int)put.caps[1].units : -1);
    shop_sku_of(&command, code);
    command.put.max_per_order = (uint32_t)put.max_per_order;
    command.put.max_per_customer = (uint32_t)put.max_per_customer;
    command.put.customer_window_s = (uint32_t)put.window_s;
    for (uint32_t i = 0; i < NAIVE_CHANNELS; i++)
        if (put.caps[i].is_there)
            shop_cap_of(&command, code, channel_names[i], put.caps[i].units);
    const struct result *result =
        agree(h, step, &command.head, naive_sku_put(&h->naive, sku, &put));
    h->numbers[sku] = ((const struct result_sku *)(const void *)result)->sku;
}

static void compare_caps(const struct history *h, uint32_t sku,
                         const struct result_sku_record *record)
{
    const struct naive_sku *naive = &h->naive.skus[sku];
    const struct result_cap *cap = record->caps;
    for (uint32_t i = 0; i < NAIVE_CHANNELS; i++) {
        if (!naive->caps[i].is_there)
            continue;
        uint64_t used = naive_sold_through(&h->naive, sku, i);
        if (cap == record->caps + record->cap_count || cap->said.units != naive->caps[i].units ||
            cap->used != used)
            disagree(h, "a cap of SKU-%u is not what it is in the model: %llu used there", sku,
                     (unsigned long long)used);
        cap++;
    }
}

static void get_sku(struct history *h, const struct step *step)
{
    union shop_command command;
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    tell(h, "sku.get SKU-%u", sku);
    memset(&command, 0, sizeof command.stock);
    command.stock.sku = number_of(h, sku);
    shop_head(&command.head, OP_SKU_GET, sizeof command.stock);
    const struct result *result = agree(h, step, &command.head, naive_resolve(&h->naive, sku));
    if (result->code == CODE_OK)
        compare_caps(h, sku, (const void *)result);
}

static void resolve_sku(struct history *h, const struct step *step)
{
    union shop_command command;
    char code[16];
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    sku_code(sku, code);
    tell(h, "sku.resolve %s", code);
    memset(&command, 0, sizeof command.resolve + 16);
    command.resolve.code_bytes = (uint8_t)strlen(code);
    memcpy(&command.resolve + 1, code, strlen(code));
    shop_head(&command.head, OP_SKU_RESOLVE, sizeof command.resolve + strlen(code));
    const struct result *result = agree(h, step, &command.head, naive_resolve(&h->naive, sku));
    if (result->code == CODE_OK &&
        ((const struct result_sku *)(const void *)result)->sku != h->numbers[sku])
        disagree(h, "a SKU has another number than before");
}

static void put_warehouse(struct history *h, const struct step *step)
{
    union shop_command command;
    uint32_t warehouse = (uint32_t)draw(h, NAIVE_WAREHOUSES);
    char id[3] = {'w', (char)('0' + warehouse), 0};
    memset(&command, 0, sizeof command.warehouse + 8);
    command.warehouse.priority = (uint32_t)draw(h, 3);
    command.warehouse.id_bytes = 2;
    tell(h, "warehouse.put %s, priority %u", id, command.warehouse.priority);
    memcpy(&command.warehouse + 1, id, 2);
    shop_head(&command.head, OP_WAREHOUSE_PUT, sizeof command.warehouse + 2);
    agree(h, step, &command.head,
          naive_warehouse_put(&h->naive, warehouse, command.warehouse.priority));
}

static const char *const warehouse_names[NAIVE_WAREHOUSES] = {"w0", "w1", "w2", "w3"};

static void put_costs(struct history *h, const struct step *step)
{
    union shop_command command;
    struct shop_cost costs[NAIVE_WAREHOUSES];
    bool has_cost[NAIVE_WAREHOUSES] = {false};
    uint64_t cost[NAIVE_WAREHOUSES] = {0};
    uint32_t count = 0;
    uint32_t region = (uint32_t)draw(h, NAIVE_REGIONS);
    char id[] = {'r', (char)('0' + region), 0};
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++) {
        if (draw(h, 3) == 0 || (!h->naive.warehouse_known[w] && draw(h, 8) != 0))
            continue;
        struct shop_cost *row = &costs[count++];
        *row = (struct shop_cost){.warehouse = warehouse_names[w],
                                  .row_count = 1 + (uint32_t)draw(h, 3)};
        has_cost[w] = true;
        for (uint32_t i = 0; i < row->row_count; i++) {
            row->rows[i][0] = (uint32_t)draw(h, 4);
            row->rows[i][1] = (uint32_t)draw(h, 4);
            cost[w] += row->rows[i][0] * row->rows[i][1];
        }
    }
    tell(h, "region.costs %s: %llu %llu %llu %llu", id, (unsigned long long)cost[0],
         (unsigned long long)cost[1], (unsigned long long)cost[2], (unsigned long long)cost[3]);
    shop_costs_of(&command, id, costs, count);
    agree(h, step, &command.head, naive_costs_put(&h->naive, region, has_cost, cost));
}

/* ---- looking ---------------------------------------------------------------------------------------- */

static void compare_cell(const struct history *h, const struct result_cell *cell,
                         const struct naive_cell *naive)
{
    const uint64_t core[] = {cell->free,        cell->held,     cell->reserved,     cell->committed,
                             cell->quarantined, cell->incoming, cell->in_transfer,  cell->missing,
                             cell->sellable,    cell->safety,   cell->reorder_point};
    const uint64_t model[] = {naive->free,           0,
                              naive->reserved,       naive->committed,
                              naive->quarantined,    naive->incoming,
                              naive->in_transfer,    naive->missing,
                              naive_sellable(naive), naive->safety,
                              naive->reorder_point};
    static const char *const names[] = {"free",        "held",     "reserved",     "committed",
                                        "quarantined", "incoming", "in_transfer",  "missing",
                                        "sellable",    "safety",   "reorder_point"};
    for (uint32_t i = 0; i < sizeof core / sizeof core[0]; i++)
        if (core[i] != model[i])
            disagree(h, "%s of a cell is %llu in core, %llu in the model", names[i],
                     (unsigned long long)core[i], (unsigned long long)model[i]);
    if (cell->version != naive->version && !naive->version_varies)
        disagree(h, "a cell has version %llu in core, %llu in the model",
                 (unsigned long long)cell->version, (unsigned long long)naive->version);
    if (cell->warned != naive->warned || cell->task_ns != (naive->missing > 0 ? naive->task_ns : 0))
        disagree(h, "a cell's warning or task is not what it is in the model");
}

enum code compare_stock(struct history *h, uint32_t sku)
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
    if (expected != CODE_OK)
        return expected;
    uint32_t known = 0;
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++)
        known += h->naive.skus[sku].cells[w].known;
    if (stock->cell_count != known)
        disagree(h, "a SKU lies in %u warehouses in core, in %u in the model", stock->cell_count,
                 known);
    for (uint32_t i = 0; i < stock->cell_count; i++) {
        struct text name = shard_warehouse(h->shop->shards[0], stock->cells[i].warehouse);
        compare_cell(h, &stock->cells[i], &h->naive.skus[sku].cells[name.at[1] - '0']);
    }
    return expected;
}

/* How many cells of a kind there are. */
static void compare_listed(struct history *h, enum cells_wanted wanted, uint32_t expected)
{
    struct result_listed_cell cells[NAIVE_SKUS * NAIVE_WAREHOUSES];
    ask_nothing(h);
    uint32_t count = shop_cells(h->shop, wanted, cells);
    if (count != expected)
        disagree(h, "%u cells are %s in core, %u in the model", count,
                 wanted == CELLS_MISSING ? "short of units" : "low", expected);
}

void compare_tasks(struct history *h)
{
    uint32_t missing = 0, warned = 0;
    for (uint32_t sku = 0; sku < NAIVE_SKUS; sku++)
        for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++) {
            missing += h->naive.skus[sku].cells[w].missing > 0;
            warned += h->naive.skus[sku].cells[w].warned;
        }
    compare_listed(h, CELLS_MISSING, missing);
    compare_listed(h, CELLS_WARNED, warned);
}

static void list_cells(struct history *h, const struct step *step)
{
    (void)step;
    tell(h, "cell.list");
    compare_tasks(h);
    h->codes[CODE_OK]++;
}

static void get_stock(struct history *h, const struct step *step)
{
    (void)step;
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    tell(h, "stock.get SKU-%u", sku);
    h->codes[compare_stock(h, sku)]++;
}

/* ---- changes ---------------------------------------------------------------------------------------- */

static uint64_t version_of(struct history *h, uint32_t sku, uint32_t warehouse)
{
    union shop_command command;
    memset(&command, 0, sizeof command.stock);
    command.stock.sku = number_of(h, sku);
    shop_head(&command.head, OP_STOCK_GET, sizeof command.stock);
    const struct result_stock *stock = (const void *)ask(h, &command.head);
    for (uint32_t i = 0; stock->head.code == CODE_OK && i < stock->cell_count; i++)
        if (shard_warehouse(h->shop->shards[0], stock->cells[i].warehouse).at[1] ==
            (char)('0' + warehouse))
            return stock->cells[i].version;
    return 0;
}

/* Mostly just now, or not said. */
static uint64_t issued_at(struct history *h, bool too_old)
{
    return too_old ? 1 : draw(h, 2) == 0 ? h->shop->now_ns : 0;
}

static void send_change(struct history *h, const struct step *step, uint32_t key_number,
                        const struct naive_key *change)
{
    union shop_command command;
    char texts[48], reason[24] = "";
    int key_bytes = snprintf(texts, sizeof texts, "w%uk-%u", change->warehouse, key_number) - 2;
    if (change->reason != 0)
        snprintf(reason, sizeof reason, "reason %u", change->reason);
    tell(h, "%s SKU-%u w%u, %lld units, %lld damaged, key k-%u%s%s%s", step->name, change->sku,
         change->warehouse, (long long)change->units, (long long)change->damaged, key_number,
         change->terms.too_old ? ", too old" : "", change->terms.stale ? ", stale" : "", reason);
    memcpy(texts + 2 + key_bytes, reason, strlen(reason));
    memset(&command, 0, sizeof command.change + sizeof texts);
    size_t head;
    if (change->op == OP_STOCK_RECEIVE) {
        command.receive.ok_units = (uint64_t)change->units;
        command.receive.damaged_units = (uint64_t)change->damaged;
        command.receive.issued_at_ns = issued_at(h, change->terms.too_old);
        command.receive.sku = number_of(h, change->sku);
        command.receive.warehouse_bytes = 2;
        command.receive.key_bytes = (uint8_t)key_bytes;
        head = sizeof command.receive;
    } else {
        command.change.units = change->units;
        command.change.issued_at_ns = issued_at(h, change->terms.too_old);
        command.change.if_version = change->if_version;
        command.change.sku = number_of(h, change->sku);
        command.change.warehouse_bytes = 2;
        command.change.key_bytes = (uint8_t)key_bytes;
        command.change.reason_bytes = (uint8_t)strlen(reason);
        head = sizeof command.change;
    }
    size_t behind = 2 + (size_t)key_bytes + strlen(reason);
    memcpy((char *)&command + head, texts, behind);
    shop_head(&command.head, change->op, head + behind);
    agree(h, step, &command.head, naive_change(&h->naive, key_number, change));
}

/* A receipt has neither version nor reason. */
static void draw_version(struct history *h, struct naive_key *change)
{
    change->if_version = STOCK_ANY_VERSION;
    if (change->op == OP_STOCK_RECEIVE)
        return;
    change->reason = (uint32_t)draw(h, 3);
    if (draw(h, 3) != 0)
        return;
    change->terms.stale = draw(h, 3) == 0;
    change->if_version = version_of(h, change->sku, change->warehouse) + change->terms.stale;
}

static void change(struct history *h, const struct step *step)
{
    struct naive_key change = {.op = step->op,
                               .sku = (uint32_t)draw(h, NAIVE_SKUS),
                               .warehouse = (uint32_t)draw(h, NAIVE_WAREHOUSES),
                               .units = 1 + (int64_t)draw(h, 12)};
    if (step->op == OP_STOCK_RECEIVE) {
        change.units *= 5; /* what is shipped does not come back by itself */
        change.damaged = (int64_t)draw(h, 5);
    }
    if (step->op == OP_STOCK_ADJUST && draw(h, 2) == 0)
        change.units = -change.units;
    change.terms.too_old = draw(h, 8) == 0;
    draw_version(h, &change);
    send_change(h, step, h->naive.key_count++, &change);
}

static bool draw_key(struct history *h, uint32_t *number)
{
    if (h->naive.key_count == 0)
        return false;
    *number = (uint32_t)draw(h, h->naive.key_count);
    return h->naive.keys[*number].used;
}

static void change_again(struct history *h, const struct step *step)
{
    uint32_t number;
    if (draw_key(h, &number))
        send_change(h, step, number, &h->naive.keys[number]);
}

static void change_other(struct history *h, const struct step *step)
{
    uint32_t number;
    if (!draw_key(h, &number))
        return;
    struct naive_key change = h->naive.keys[number];
    bool receives = change.op == OP_STOCK_RECEIVE;
    switch (draw(h, receives ? 1 : 3)) {
    case 0:
        change.units += change.units == -1 ? 2 : 1; /* by nothing would be refused before */
        break;
    case 1:
        change.reason++;
        break;
    default:
        change.if_version = change.if_version == STOCK_ANY_VERSION ? 1 : STOCK_ANY_VERSION;
    }
    send_change(h, step, number, &change);
}

/* ---- counts and policies ---------------------------------------------------------------------------- */

static void count_stock(struct history *h, const struct step *step)
{
    union shop_command command;
    char texts[32];
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    uint32_t warehouse = (uint32_t)draw(h, NAIVE_WAREHOUSES);
    const struct naive_cell *cell = &h->naive.skus[sku].cells[warehouse];
    uint64_t on_hand = cell->free + cell->reserved + cell->committed + cell->quarantined;
    /* More, or less; and half of the time so much less that free units do not cover it. */
    uint64_t lack = draw(h, 8) + (draw(h, 2) == 0 ? cell->free : 0);
    uint64_t counted =
        draw(h, 3) == 0 ? on_hand + draw(h, 8) : on_hand - (lack < on_hand ? lack : on_hand);
    struct naive_terms terms = {.stale = draw(h, 4) == 0, .too_old = draw(h, 8) == 0};
    uint64_t version = version_of(h, sku, warehouse) + terms.stale;
    int bytes =
        snprintf(texts, sizeof texts, "w%ukc-%llu", warehouse, (unsigned long long)h->number);
    tell(h, "stock.count SKU-%u w%u: %llu of %llu", sku, warehouse, (unsigned long long)counted,
         (unsigned long long)on_hand);
    memset(&command, 0, sizeof command.change + 48);
    command.change.units = (int64_t)counted;
    command.change.if_version = version;
    command.change.issued_at_ns = issued_at(h, terms.too_old);
    command.change.sku = number_of(h, sku);
    command.change.warehouse_bytes = 2;
    command.change.key_bytes = (uint8_t)(bytes - 2);
    memcpy(&command.change + 1, texts, (size_t)bytes);
    shop_head(&command.head, OP_STOCK_COUNT, sizeof command.change + (size_t)bytes);
    agree(h, step, &command.head, naive_count(&h->naive, sku, warehouse, counted, terms));
}

static void set_policy(struct history *h, const struct step *step)
{
    union shop_command command;
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    uint32_t warehouse = (uint32_t)draw(h, NAIVE_WAREHOUSES);
    memset(&command, 0, sizeof command.policy + 8);
    command.policy.safety = draw(h, 2) == 0 ? 0 : draw(h, 10);
    command.policy.reorder_point = draw(h, 3) == 0 ? 0 : draw(h, 40);
    bool says = draw(h, 2) == 0, stale = says && draw(h, 3) == 0;
    uint64_t version = says ? version_of(h, sku, warehouse) + stale : STOCK_ANY_VERSION;
    command.policy.if_version = version;
    command.policy.sku = number_of(h, sku);
    command.policy.warehouse_bytes = 2;
    memcpy(&command.policy + 1, warehouse_names[warehouse], 2);
    tell(h, "stock.policy SKU-%u w%u: safety %llu, reorder point %llu", sku, warehouse,
         (unsigned long long)command.policy.safety,
         (unsigned long long)command.policy.reorder_point);
    shop_head(&command.head, OP_STOCK_POLICY, sizeof command.policy + 2);
    agree(h, step, &command.head,
          naive_policy(&h->naive, sku, warehouse, command.policy.safety,
                       command.policy.reorder_point, stale));
}

/* ---- transfers -------------------------------------------------------------------------------------- */

static void send_ship(struct history *h, const struct step *step, uint32_t number,
                      const struct naive_transfer *transfer)
{
    union shop_command command;
    char texts[32];
    int bytes = snprintf(texts, sizeof texts, "w%uw%ut-%u", transfer->from, transfer->to, number);
    tell(h, "transfer.ship t-%u SKU-%u from w%u to w%u: %llu", number, transfer->sku,
         transfer->from, transfer->to, (unsigned long long)transfer->units);
    memset(&command, 0, sizeof command.ship + 48);
    bool too_old = draw(h, 8) == 0;
    command.ship.issued_at_ns = issued_at(h, too_old);
    command.ship.units = transfer->units;
    command.ship.sku = number_of(h, transfer->sku);
    command.ship.from_bytes = command.ship.to_bytes = 2;
    command.ship.id_bytes = (uint8_t)(bytes - 4);
    memcpy(&command.ship + 1, texts, (size_t)bytes);
    shop_head(&command.head, OP_TRANSFER_SHIP, sizeof command.ship + (size_t)bytes);
    agree(h, step, &command.head, naive_ship(&h->naive, number, transfer, too_old));
}

static void ship(struct history *h, const struct step *step)
{
    uint32_t from = (uint32_t)draw(h, NAIVE_WAREHOUSES);
    struct naive_transfer transfer = {.sku = (uint32_t)draw(h, NAIVE_SKUS),
                                      .from = from,
                                      .to = (from + 1 + (uint32_t)draw(h, NAIVE_WAREHOUSES - 1)) %
                                            NAIVE_WAREHOUSES,
                                      .units = 1 + draw(h, 12)};
    send_ship(h, step, h->naive.transfer_count++, &transfer);
}

/* One that is there, complete or on its way; or any. */
static uint32_t draw_transfer(struct history *h, bool complete)
{
    uint32_t count = h->naive.transfer_count, number = count;
    for (uint32_t tries = 0; tries < 40 && count > 0; tries++) {
        number = (uint32_t)draw(h, count);
        const struct naive_transfer *t = &h->naive.transfers[number];
        if (t->used && (t->ok + t->damaged + t->lost == t->units) == complete)
            break;
    }
    return number;
}

static void ship_known(struct history *h, const struct step *step)
{
    uint32_t number = draw_transfer(h, draw(h, 2) == 0);
    struct naive_transfer transfer = h->naive.transfers[number];
    transfer.units += draw(h, 2);
    if (transfer.used)
        send_ship(h, step, number, &transfer);
}

/* Mostly what is on its way, in parts; sometimes what has just arrived, again. */
static void arrive(struct history *h, const struct step *step)
{
    union shop_command command;
    char texts[48];
    uint32_t number = draw(h, 8) == 0 ? h->naive.transfer_count : draw_transfer(h, draw(h, 4) == 0);
    const struct naive_transfer *transfer = &h->naive.transfers[number];
    uint64_t units[3] = {1 + draw(h, 5), draw(h, 3), draw(h, 2)};
    uint32_t key = (uint32_t)h->number + 1;
    if (transfer->last_key != 0 && draw(h, 3) == 0) {
        key = transfer->last_key;
        memcpy(units, transfer->last, sizeof units);
        units[0] += draw(h, 3) == 0;
    }
    int bytes = snprintf(texts, sizeof texts, "t-%uka-%u", number, key);
    tell(h, "transfer.receive t-%u: %llu, %llu damaged, %llu lost, key %u", number,
         (unsigned long long)units[0], (unsigned long long)units[1], (unsigned long long)units[2],
         key);
    memset(&command, 0, sizeof command.arrive + 48);
    bool too_old = draw(h, 8) == 0;
    command.arrive.issued_at_ns = issued_at(h, too_old);
    command.arrive.ok = units[0];
    command.arrive.damaged = units[1];
    command.arrive.lost = units[2];
    command.arrive.sku = number_of(h, transfer->sku);
    command.arrive.key_bytes = (uint8_t)strlen(strchr(texts, 'k'));
    command.arrive.id_bytes = (uint8_t)(bytes - command.arrive.key_bytes);
    memcpy(&command.arrive + 1, texts, (size_t)bytes);
    shop_head(&command.head, OP_TRANSFER_RECEIVE, sizeof command.arrive + (size_t)bytes);
    agree(h, step, &command.head, naive_arrive(&h->naive, number, key, units, too_old));
}

static void get_transfer(struct history *h, const struct step *step)
{
    union shop_command command;
    char id[16];
    uint32_t number = (uint32_t)draw(h, h->naive.transfer_count + 1);
    const struct naive_transfer *naive = &h->naive.transfers[number];
    snprintf(id, sizeof id, "t-%u", number);
    tell(h, "transfer.get %s", id);
    memset(&command, 0, sizeof command.transfer + 16);
    command.transfer.sku = number_of(h, naive->sku);
    command.transfer.id_bytes = (uint8_t)strlen(id);
    memcpy(&command.transfer + 1, id, strlen(id));
    shop_head(&command.head, OP_TRANSFER_GET, sizeof command.transfer + strlen(id));
    const struct result_transfer *transfer =
        (const void *)agree(h, step, &command.head, naive->used ? CODE_OK : CODE_NOT_FOUND);
    if (naive->used && (transfer->units != naive->units || transfer->ok != naive->ok ||
                        transfer->damaged != naive->damaged || transfer->lost != naive->lost))
        disagree(h, "transfer %s is not what it is in the model", id);
}

const struct step stock_steps[] = {
    {.name = "region.costs",
     .take = put_costs,
     .weight = 3,
     .codes = {CODE_CREATED, CODE_OK, CODE_UNKNOWN_WAREHOUSE, 0xffff}},
    {.name = "sku.get", .take = get_sku, .weight = 1, .codes = {CODE_OK, CODE_UNKNOWN_SKU, 0xffff}},
    {.name = "cell.list", .take = list_cells, .weight = 1, .codes = {CODE_OK, 0xffff}},
    {.name = "stock.count",
     .take = count_stock,
     .weight = 6,
     .codes = {CODE_OK, CODE_STALE, CODE_EXPIRED_REQUEST, CODE_UNKNOWN_SKU, CODE_UNKNOWN_WAREHOUSE,
               0xffff}},
    {.name = "stock.policy",
     .take = set_policy,
     .weight = 2,
     .codes = {CODE_OK, CODE_STALE, CODE_UNKNOWN_SKU, CODE_UNKNOWN_WAREHOUSE, 0xffff}},
    {.name = "transfer.ship",
     .take = ship,
     .weight = 6,
     .codes = {CODE_CREATED, CODE_OUT_OF_STOCK, CODE_EXPIRED_REQUEST, CODE_UNKNOWN_SKU,
               CODE_UNKNOWN_WAREHOUSE, 0xffff}},
    {.name = "transfer.ship, known",
     .take = ship_known,
     .weight = 6,
     .codes = {CODE_REPLAYED, CODE_KEY_REUSED, 0xffff}},
    {.name = "transfer.receive",
     .take = arrive,
     .weight = 24,
     .codes = {CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED, CODE_ILLEGAL, CODE_INVALID, CODE_NOT_FOUND,
               CODE_EXPIRED_REQUEST, 0xffff}},
    {.name = "transfer.get",
     .take = get_transfer,
     .weight = 6,
     .codes = {CODE_OK, CODE_NOT_FOUND, 0xffff}},
    {.name = "warehouse.put",
     .take = put_warehouse,
     .opens = true,
     .weight = 1,
     .codes = {CODE_CREATED, CODE_OK, 0xffff}},
    {.name = "sku.put",
     .take = put_sku,
     .opens = true,
     .weight = 3,
     .codes = {CODE_CREATED, CODE_OK, 0xffff}},
    {.name = "sku.resolve",
     .take = resolve_sku,
     .weight = 2,
     .codes = {CODE_OK, CODE_UNKNOWN_SKU, 0xffff}},
    {.name = "stock.get",
     .take = get_stock,
     .weight = 4,
     .codes = {CODE_OK, CODE_UNKNOWN_SKU, 0xffff}},
    {.name = "stock.receive",
     .take = change,
     .opens = true,
     .weight = 14,
     .op = OP_STOCK_RECEIVE,
     .codes = {CODE_OK, CODE_EXPIRED_REQUEST, CODE_UNKNOWN_SKU, CODE_UNKNOWN_WAREHOUSE, 0xffff}},
    {.name = "stock.expect",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_EXPECT,
     .codes = {CODE_OK, CODE_STALE, CODE_EXPIRED_REQUEST, CODE_UNKNOWN_SKU, 0xffff}},
    {.name = "stock.adjust",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_ADJUST,
     .codes = {CODE_OK, CODE_STALE, CODE_EXPIRED_REQUEST, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.quarantine",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_QUARANTINE,
     .codes = {CODE_OK, CODE_STALE, CODE_EXPIRED_REQUEST, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.clear",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_CLEAR,
     .codes = {CODE_OK, CODE_STALE, CODE_EXPIRED_REQUEST, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.write_off",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_WRITE_OFF,
     .codes = {CODE_OK, CODE_STALE, CODE_EXPIRED_REQUEST, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.*, again", .take = change_again, .weight = 3, .codes = {CODE_REPLAYED, 0xffff}},
    {.name = "stock.*, other body",
     .take = change_other,
     .weight = 3,
     .codes = {CODE_KEY_REUSED, 0xffff}},
    {.name = NULL},
};
