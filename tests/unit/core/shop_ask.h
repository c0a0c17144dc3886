/* tests/unit/core/shop_ask.h - what tests ask of a shop: commands put together from few words, and
 * what is answered. */
#ifndef SPATE_TESTS_UNIT_CORE_SHOP_ASK_H
#define SPATE_TESTS_UNIT_CORE_SHOP_ASK_H

#include "tests/unit/core/shop.h"

union shop_command {
    struct command head;
    struct order_create create;
    struct order_get get;
    struct order_cancel cancel;
    struct order_list list;
    struct order_money money;
    struct order_act act;
    struct order_parcel parcel;
    struct sku_put put;
    struct sku_resolve resolve;
    struct stock_get stock;
    struct stock_receive receive;
    struct stock_change change;
    struct stock_policy policy;
    struct transfer_ship ship;
    struct transfer_receive arrive;
    struct transfer_get transfer;
    struct cell_list cells;
    struct warehouse_put warehouse;
    struct region_costs costs;
    struct rules_put rules;
    uint64_t room[COMMAND_BYTES_MAX / 8];
};

static inline void shop_head(struct command *command, uint16_t op, size_t bytes)
{
    command->bytes = (uint32_t)((bytes + 7) & ~(size_t)7);
    command->op = op;
}

struct shop_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
};

static inline void shop_order_texts(union shop_command *command,
                                    const char *const texts[ORDER_TEXTS],
                                    const struct shop_line *lines, uint32_t line_count)
{
    memset(command, 0, sizeof *command);
    struct order_create *create = &command->create;
    create->currency = CURRENCY('C', 'N', 'Y');
    create->line_count = (uint16_t)line_count;
    memcpy(create->lines, lines, line_count * sizeof lines[0]);
    char *at = (char *)(create->lines + line_count);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        size_t bytes = texts[i] != NULL ? strlen(texts[i]) : 0;
        create->text_bytes[i] = (uint8_t)bytes;
        memcpy(at, bytes > 0 ? texts[i] : "", bytes);
        at += bytes;
    }
    shop_head(&create->head, OP_ORDER_CREATE, (size_t)(at - (char *)create));
}

/* One adjustment more for an order that is about to be placed. */
static inline void shop_adjust(union shop_command *command, uint8_t kind, int64_t amount)
{
    struct order_create *create = &command->create;
    const struct adjustment one = {.amount = amount, .kind = kind};
    char *at = (char *)(create->lines + create->line_count) + create->adjustment_count * sizeof one;
    memmove(at + sizeof one, at, create->head.bytes - (size_t)(at - (char *)create));
    memcpy(at, &one, sizeof one);
    create->adjustment_count++;
    shop_head(&create->head, OP_ORDER_CREATE, create->head.bytes + sizeof one);
}

static inline void shop_order_of(union shop_command *command, const char *id, const char *customer,
                                 const struct shop_line *lines, uint32_t line_count)
{
    const char *texts[ORDER_TEXTS] = {[ORDER_ID] = id, [ORDER_CUSTOMER] = customer};
    shop_order_texts(command, texts, lines, line_count);
}

static inline uint64_t shop_send_order(struct shop *shop, const char *id,
                                       const struct shop_line *lines, uint32_t line_count)
{
    union shop_command *command = malloc(sizeof *command);
    shop_order_of(command, id, "c778812", lines, line_count);
    uint64_t request = shop_send(shop, &command->head);
    free(command);
    return request;
}

static inline const struct result *shop_order(struct shop *shop, const char *id,
                                              const struct shop_line *lines, uint32_t line_count)
{
    uint64_t request = shop_send_order(shop, id, lines, line_count);
    shop_run(shop);
    return shop_answer(shop, request);
}

static inline const struct result *shop_get(struct shop *shop, const char *id)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.get.id_bytes = (uint8_t)strlen(id);
    memcpy(&command.get + 1, id, strlen(id));
    shop_head(&command.head, OP_ORDER_GET, sizeof command.get + strlen(id));
    return shop_ask(shop, &command.head);
}

/* No lines: all of it. No key: "". */
static inline const struct result *shop_cancel(struct shop *shop, const char *id,
                                               const struct cancel_line *lines, uint32_t line_count,
                                               const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    struct order_cancel *cancel = &command.cancel;
    cancel->line_count = (uint16_t)line_count;
    cancel->id_bytes = (uint8_t)strlen(id);
    cancel->key_bytes = (uint8_t)strlen(key);
    for (uint32_t i = 0; i < line_count; i++)
        cancel->lines[i] = lines[i];
    char *at = (char *)(cancel->lines + line_count);
    memcpy(at, id, strlen(id));
    memcpy(at + strlen(id), key, strlen(key));
    shop_head(&command.head, OP_ORDER_CANCEL,
              sizeof *cancel + line_count * sizeof lines[0] + strlen(id) + strlen(key));
    return shop_ask(shop, &command.head);
}

/* A command about an order's money; what is NULL is not said. */
struct shop_money {
    const char *order;
    const char *payment;
    const char *refund;
    const char *method; /* or provider */
    const char *reason;
    const char *key; /* or the notice's id */
    int64_t amount;  /* of 0: not said, unless the operation needs one */
    uint8_t kind;
};

static inline void shop_money_of(union shop_command *command, enum op op,
                                 const struct shop_money *said)
{
    const char *const texts[MONEY_TEXTS] = {said->order,  said->payment, said->refund,
                                            said->method, said->reason,  said->key};
    struct order_money *money = &command->money;
    memset(command, 0, sizeof *money + MONEY_TEXTS * TEXT_BYTES_MAX);
    bool needed = op == OP_PAYMENT_CREATE || op == OP_PAYMENT_NOTICE;
    money->amount = said->amount == 0 && !needed ? MONEY_NOT_SAID : said->amount;
    money->kind = said->kind;
    money->currency = op == OP_PAYMENT_NOTICE ? CURRENCY('C', 'N', 'Y') : 0;
    char *at = (char *)(money + 1);
    for (uint32_t i = 0; i < MONEY_TEXTS; i++) {
        size_t bytes = texts[i] != NULL ? strlen(texts[i]) : 0;
        money->text_bytes[i] = (uint8_t)bytes;
        if (bytes > 0)
            memcpy(at, texts[i], bytes);
        at += bytes;
    }
    shop_head(&command->head, (uint16_t)op, (size_t)(at - (char *)command));
}

static inline uint64_t shop_send_money(struct shop *shop, enum op op, struct shop_money said)
{
    union shop_command command;
    shop_money_of(&command, op, &said);
    return shop_send(shop, &command.head);
}

static inline const struct result *shop_money(struct shop *shop, enum op op, struct shop_money said)
{
    uint64_t request = shop_send_money(shop, op, said);
    shop_run(shop);
    return shop_answer(shop, request);
}

/* A decision about the order as a whole; 0: none, for a confirm. No key: "". */
static inline void shop_act_of(union shop_command *command, enum op op, const char *id,
                               uint8_t decision, const char *key)
{
    memset(command, 0, sizeof *command);
    command->act.decision = decision;
    command->act.text_bytes[ACT_ORDER] = (uint8_t)strlen(id);
    command->act.text_bytes[ACT_KEY] = (uint8_t)strlen(key);
    memcpy(&command->act + 1, id, strlen(id));
    memcpy((char *)(&command->act + 1) + strlen(id), key, strlen(key));
    shop_head(&command->head, (uint16_t)op, sizeof command->act + strlen(id) + strlen(key));
}

static inline const struct result *shop_act(struct shop *shop, enum op op, const char *id,
                                            uint8_t decision, const char *key)
{
    union shop_command command;
    shop_act_of(&command, op, id, decision, key);
    return shop_ask(shop, &command.head);
}

static inline void shop_sku_of(union shop_command *command, const char *code)
{
    memset(command, 0, sizeof *command);
    command->put.list_price = 1999;
    command->put.currency = CURRENCY('C', 'N', 'Y');
    command->put.code_bytes = (uint8_t)strlen(code);
    memcpy(&command->put + 1, code, strlen(code));
    shop_head(&command->head, OP_SKU_PUT, sizeof command->put + strlen(code));
}

/* A cap more for a SKU that is about to be put; the code stands behind the caps. */
static inline void shop_cap_of(union shop_command *command, const char *code, const char *channel,
                               uint64_t units)
{
    struct sku_put *put = &command->put;
    struct sku_cap *cap = &put->caps[put->cap_count++];
    *cap = (struct sku_cap){.units = units, .channel_bytes = (uint8_t)strlen(channel)};
    memcpy(cap->channel, channel, strlen(channel));
    memset(put->caps + put->cap_count, 0, 64);
    memcpy(put->caps + put->cap_count, code, strlen(code));
    shop_head(&put->head, OP_SKU_PUT, sizeof *put + put->cap_count * sizeof *cap + strlen(code));
}

static inline uint32_t shop_sku(struct shop *shop, const char *code)
{
    union shop_command command;
    shop_sku_of(&command, code);
    const struct result *result = shop_ask(shop, &command.head);
    assert_true(result->code == CODE_CREATED || result->code == CODE_OK);
    return ((const struct result_sku *)(const void *)result)->sku;
}

static inline void shop_warehouse(struct shop *shop, const char *id, uint32_t priority)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.warehouse.priority = priority;
    command.warehouse.id_bytes = (uint8_t)strlen(id);
    memcpy(&command.warehouse + 1, id, strlen(id));
    shop_head(&command.head, OP_WAREHOUSE_PUT, sizeof command.warehouse + strlen(id));
    const struct result *result = shop_ask(shop, &command.head);
    assert_true(result->code == CODE_CREATED || result->code == CODE_OK);
}

/* One warehouse's rows of a region's table. */
struct shop_cost {
    const char *warehouse;
    uint32_t rows[4][2]; /* distance, weight */
    uint32_t row_count;
};

static inline void shop_costs_of(union shop_command *command, const char *region,
                                 const struct shop_cost *costs, uint32_t count)
{
    memset(command, 0, sizeof *command);
    struct region_costs *put = &command->costs;
    put->region_bytes = (uint8_t)strlen(region);
    put->warehouse_count = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t row = 0; row < costs[i].row_count; row++) {
            put->rows[put->row_count].distance = costs[i].rows[row][0];
            put->rows[put->row_count].weight = costs[i].rows[row][1];
            put->rows[put->row_count++].warehouse = (uint8_t)i;
        }
    char *at = (char *)(put->rows + put->row_count);
    memcpy(at, region, strlen(region));
    at += strlen(region);
    for (uint32_t i = 0; i < count; i++) {
        put->warehouse_bytes[i] = (uint8_t)strlen(costs[i].warehouse);
        memcpy(at, costs[i].warehouse, strlen(costs[i].warehouse));
        at += strlen(costs[i].warehouse);
    }
    shop_head(&put->head, OP_REGION_COSTS, (size_t)(at - (char *)put));
}

static inline const struct result *shop_costs(struct shop *shop, const char *region,
                                              const struct shop_cost *costs, uint32_t count)
{
    union shop_command *command = malloc(sizeof *command);
    shop_costs_of(command, region, costs, count);
    const struct result *result = shop_ask(shop, &command->head);
    free(command);
    return result;
}

static inline const struct result *shop_receive_key(struct shop *shop, uint32_t sku,
                                                    const char *warehouse, uint64_t units,
                                                    const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.receive.ok_units = units;
    command.receive.sku = sku;
    command.receive.warehouse_bytes = (uint8_t)strlen(warehouse);
    command.receive.key_bytes = (uint8_t)strlen(key);
    memcpy(&command.receive + 1, warehouse, strlen(warehouse));
    memcpy((char *)(&command.receive + 1) + strlen(warehouse), key, strlen(key));
    shop_head(&command.head, OP_STOCK_RECEIVE,
              sizeof command.receive + strlen(warehouse) + strlen(key));
    return shop_ask(shop, &command.head);
}

static inline void shop_receive(struct shop *shop, uint32_t sku, const char *warehouse,
                                uint64_t units)
{
    char key[32];
    snprintf(key, sizeof key, "r-%llu", (unsigned long long)shop->request);
    assert_int_equal(shop_receive_key(shop, sku, warehouse, units, key)->code, CODE_OK);
}

static inline const struct result *shop_change_if(struct shop *shop, enum op op, uint32_t sku,
                                                  const char *warehouse, int64_t units,
                                                  uint64_t if_version, const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.change.units = units;
    command.change.if_version = if_version;
    command.change.sku = sku;
    command.change.warehouse_bytes = (uint8_t)strlen(warehouse);
    command.change.key_bytes = (uint8_t)strlen(key);
    memcpy(&command.change + 1, warehouse, strlen(warehouse));
    memcpy((char *)(&command.change + 1) + strlen(warehouse), key, strlen(key));
    shop_head(&command.head, (uint16_t)op, sizeof command.change + strlen(warehouse) + strlen(key));
    return shop_ask(shop, &command.head);
}

static inline enum code shop_change(struct shop *shop, enum op op, uint32_t sku,
                                    const char *warehouse, int64_t units)
{
    char key[32];
    snprintf(key, sizeof key, "c-%llu", (unsigned long long)shop->request);
    return (enum code)shop_change_if(shop, op, sku, warehouse, units, STOCK_ANY_VERSION, key)->code;
}

static inline const struct result *shop_ship(struct shop *shop, const char *id, uint32_t sku,
                                             const char *from, const char *to, uint64_t units)
{
    union shop_command command;
    memset(&command, 0, sizeof command.ship + 128);
    command.ship.units = units;
    command.ship.sku = sku;
    command.ship.from_bytes = (uint8_t)strlen(from);
    command.ship.to_bytes = (uint8_t)strlen(to);
    command.ship.id_bytes = (uint8_t)strlen(id);
    int bytes = sprintf((char *)(&command.ship + 1), "%s%s%s", from, to, id);
    shop_head(&command.head, OP_TRANSFER_SHIP, sizeof command.ship + (size_t)bytes);
    return shop_ask(shop, &command.head);
}

struct shop_arrival {
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
};

/* No key: "". */
static inline const struct result *shop_arrive(struct shop *shop, const char *id, uint32_t sku,
                                               struct shop_arrival arrival, const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command.arrive + 128);
    command.arrive.ok = arrival.ok;
    command.arrive.damaged = arrival.damaged;
    command.arrive.lost = arrival.lost;
    command.arrive.sku = sku;
    command.arrive.id_bytes = (uint8_t)strlen(id);
    command.arrive.key_bytes = (uint8_t)strlen(key);
    int bytes = sprintf((char *)(&command.arrive + 1), "%s%s", id, key);
    shop_head(&command.head, OP_TRANSFER_RECEIVE, sizeof command.arrive + (size_t)bytes);
    return shop_ask(shop, &command.head);
}

/* The cells of all shards with units missing, or that have warned. */
static inline uint32_t shop_cells(struct shop *shop, enum cells_wanted wanted,
                                  struct result_listed_cell *out)
{
    uint32_t count = 0;
    for (uint32_t shard = 0; shard < shop->shard_count; shard++) {
        const struct result_cells *cells;
        uint64_t cursor = 0;
        do {
            union shop_command command;
            memset(&command, 0, sizeof command.cells);
            command.cells.cursor = cursor;
            command.cells.slot = (uint16_t)shard; /* slot_shard[i] is i % shard_count */
            command.cells.limit = WAREHOUSES_MAX;
            command.cells.wanted = (uint8_t)wanted;
            shop_head(&command.head, OP_CELL_LIST, sizeof command.cells);
            cells = (const void *)shop_ask(shop, &command.head);
            assert_int_equal(cells->head.code, CODE_OK);
            memcpy(out + count, cells->cells, cells->cell_count * sizeof *out);
            count += cells->cell_count;
            cursor = cells->cursor;
        } while (!cells->is_end);
    }
    return count;
}

static inline void shop_policy(struct shop *shop, uint32_t sku, const char *warehouse,
                               uint64_t safety, uint64_t reorder_point)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.policy.safety = safety;
    command.policy.reorder_point = reorder_point;
    command.policy.if_version = STOCK_ANY_VERSION;
    command.policy.sku = sku;
    command.policy.warehouse_bytes = (uint8_t)strlen(warehouse);
    memcpy(&command.policy + 1, warehouse, strlen(warehouse));
    shop_head(&command.head, OP_STOCK_POLICY, sizeof command.policy + strlen(warehouse));
    assert_int_equal(shop_ask(shop, &command.head)->code, CODE_OK);
}

/* The sums over all warehouses. */
static inline struct result_cell shop_stock(struct shop *shop, uint32_t sku)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.stock.sku = sku;
    shop_head(&command.head, OP_STOCK_GET, sizeof command.stock);
    const struct result_stock *stock = (const void *)shop_ask(shop, &command.head);
    assert_int_equal(stock->head.code, CODE_OK);
    struct result_cell sum = {0};
    for (uint32_t i = 0; i < stock->cell_count; i++) {
        sum.free += stock->cells[i].free;
        sum.held += stock->cells[i].held;
        sum.reserved += stock->cells[i].reserved;
        sum.committed += stock->cells[i].committed;
        sum.quarantined += stock->cells[i].quarantined;
        sum.missing += stock->cells[i].missing;
        sum.incoming += stock->cells[i].incoming;
        sum.in_transfer += stock->cells[i].in_transfer;
        sum.sellable += stock->cells[i].sellable;
        sum.version += stock->cells[i].version;
    }
    return sum;
}

/* SKUs "S0", "S1", ... with so many units of each in w1. */
static inline void shop_stock_up(struct shop *shop, uint32_t *skus, uint32_t sku_count,
                                 uint64_t units)
{
    shop_warehouse(shop, "w1", 1);
    for (uint32_t i = 0; i < sku_count; i++) {
        char code[16];
        snprintf(code, sizeof code, "S%u", i);
        skus[i] = shop_sku(shop, code);
        if (units > 0)
            shop_receive(shop, skus[i], "w1", units);
    }
}

#endif
