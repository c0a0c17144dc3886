#include "tests/model/history.h"

/* ---- SKUs and warehouses ---------------------------------------------------------------------------- */

static void sku_code(uint32_t sku, char out[16])
{
    snprintf(out, 16, "SKU-%u", sku);
}

static void put_sku(struct history *h, const struct step *step)
{
    union shop_command command;
    char code[16];
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS - 1); /* the last one is never there */
    uint32_t most = draw(h, 3) == 0 ? 4 + (uint32_t)draw(h, 20) : 0;
    sku_code(sku, code);
    tell(h, "sku.put %s, at most %u an order", code, most);
    shop_sku_of(&command, code);
    command.put.max_per_order = most;
    const struct result *result =
        agree(h, step, &command.head, naive_sku_put(&h->naive, sku, most));
    h->numbers[sku] = ((const struct result_sku *)(const void *)result)->sku;
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

/* ---- looking ---------------------------------------------------------------------------------------- */

static void compare_cell(const struct history *h, const struct result_cell *cell,
                         const struct naive_cell *naive)
{
    if (cell->free != naive->free || cell->reserved != naive->reserved ||
        cell->committed != naive->committed || cell->quarantined != naive->quarantined ||
        cell->incoming != naive->incoming || cell->version != naive->version || cell->held != 0 ||
        cell->sellable != naive->free)
        disagree(h,
                 "a cell has free %llu, reserved %llu, quarantined %llu, incoming %llu, version "
                 "%llu in core; %llu, %llu, %llu, %llu, %llu in the model",
                 (unsigned long long)cell->free, (unsigned long long)cell->reserved,
                 (unsigned long long)cell->quarantined, (unsigned long long)cell->incoming,
                 (unsigned long long)cell->version, (unsigned long long)naive->free,
                 (unsigned long long)naive->reserved, (unsigned long long)naive->quarantined,
                 (unsigned long long)naive->incoming, (unsigned long long)naive->version);
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

static void get_stock(struct history *h, const struct step *step)
{
    (void)step;
    uint32_t sku = (uint32_t)draw(h, NAIVE_SKUS);
    tell(h, "stock.get SKU-%u", sku);
    h->codes[compare_stock(h, sku)]++;
}

/* ---- changes ---------------------------------------------------------------------------------------- */

static void send_change(struct history *h, const struct step *step, uint32_t key_number,
                        const struct naive_key *change)
{
    union shop_command command;
    char warehouse[3] = {'w', (char)('0' + change->warehouse), 0}, key[16];
    snprintf(key, sizeof key, "k-%u", key_number);
    tell(h, "%s SKU-%u %s, %lld units, %lld damaged, key %s", step->name, change->sku, warehouse,
         (long long)change->units, (long long)change->damaged, key);
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

static void change(struct history *h, const struct step *step)
{
    struct naive_key change = {.op = step->op,
                               .sku = (uint32_t)draw(h, NAIVE_SKUS),
                               .warehouse = (uint32_t)draw(h, NAIVE_WAREHOUSES),
                               .units = 1 + (int64_t)draw(h, 12)};
    if (step->op == OP_STOCK_RECEIVE) {
        change.units *= 3;
        change.damaged = (int64_t)draw(h, 5);
    }
    if (step->op == OP_STOCK_ADJUST && draw(h, 2) == 0)
        change.units = -change.units;
    send_change(h, step, h->key_count++, &change);
}

static bool draw_key(struct history *h, uint32_t *number)
{
    if (h->key_count == 0)
        return false;
    *number = (uint32_t)draw(h, h->key_count);
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
    if (++change.units != 0) /* an adjustment by nothing is refused before it is looked at */
        send_change(h, step, number, &change);
}

const struct step stock_steps[] = {
    {.name = "warehouse.put",
     .take = put_warehouse,
     .weight = 1,
     .codes = {CODE_CREATED, CODE_OK, 0xffff}},
    {.name = "sku.put", .take = put_sku, .weight = 2, .codes = {CODE_CREATED, CODE_OK, 0xffff}},
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
     .weight = 8,
     .op = OP_STOCK_RECEIVE,
     .codes = {CODE_OK, CODE_UNKNOWN_SKU, CODE_UNKNOWN_WAREHOUSE, 0xffff}},
    {.name = "stock.expect",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_EXPECT,
     .codes = {CODE_OK, CODE_UNKNOWN_SKU, 0xffff}},
    {.name = "stock.adjust",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_ADJUST,
     .codes = {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.quarantine",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_QUARANTINE,
     .codes = {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.clear",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_CLEAR,
     .codes = {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.write_off",
     .take = change,
     .weight = 3,
     .op = OP_STOCK_WRITE_OFF,
     .codes = {CODE_OK, CODE_OUT_OF_STOCK, 0xffff}},
    {.name = "stock.*, again", .take = change_again, .weight = 3, .codes = {CODE_REPLAYED, 0xffff}},
    {.name = "stock.*, other body",
     .take = change_other,
     .weight = 3,
     .codes = {CODE_KEY_REUSED, 0xffff}},
    {.name = NULL},
};
