/* tests/unit/core/drafts.h - a good command of every shape, to be spoilt by tests. */
#ifndef SPATE_TESTS_UNIT_CORE_DRAFTS_H
#define SPATE_TESTS_UNIT_CORE_DRAFTS_H

#include "core/command.h"

#include <string.h>

/* A command as somebody would write it, to be spoilt. */
struct draft {
    _Alignas(8) uint8_t bytes[COMMAND_BYTES_MAX + 64];
};

static inline void *draft_begin(struct draft *draft, enum op op, uint32_t fixed_bytes)
{
    memset(draft, 0, sizeof *draft);
    struct command *head = (void *)draft->bytes;
    *head = (struct command){.bytes = fixed_bytes, .op = (uint16_t)op, .request = 7};
    return head;
}

static inline void draft_text(struct draft *draft, const char *text)
{
    struct command *head = (void *)draft->bytes;
    memcpy(draft->bytes + head->bytes, text, strlen(text));
    head->bytes += (uint32_t)strlen(text);
}

static inline void draft_end(struct draft *draft)
{
    struct command *head = (void *)draft->bytes;
    head->bytes = (head->bytes + 7) & ~7u;
}

static const char *const texts[ORDER_TEXTS] = {
    [ORDER_ID] = "20201111-1",  [ORDER_CUSTOMER] = "c778812",  [ORDER_CHANNEL] = "online",
    [ORDER_REGION] = "sh",      [ORDER_PAY_METHOD] = "alipay", [ORDER_CAMPAIGN] = "c11 early",
    [ORDER_SHIP_TO] = "Straße", [ORDER_DELIVERY] = "express",
};

static const uint32_t sku_17 = 5u << SKU_INDEX_BITS | 17;

/* Two lines, 2 x 1999 and 3 x 50, a discount of 500 and 7 for shipping. */
static inline struct order_create *draft_create(struct draft *draft)
{
    struct order_create *create = draft_begin(draft, OP_ORDER_CREATE, sizeof *create);
    create->currency = CURRENCY('C', 'N', 'Y');
    create->line_count = 2;
    create->adjustment_count = 2;
    create->lines[0] = (struct command_line){.sku = sku_17, .units = 2, .unit_price = 1999};
    create->lines[1] = (struct command_line){.sku = 1, .units = 3, .unit_price = 50};
    struct adjustment *adjustments = (void *)(create->lines + 2);
    adjustments[0] = (struct adjustment){.amount = -500, .kind = ADJUST_DISCOUNT};
    adjustments[1] = (struct adjustment){.amount = 7, .kind = ADJUST_SHIPPING};
    create->head.bytes += 2 * sizeof create->lines[0] + 2 * sizeof adjustments[0];
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        create->text_bytes[i] = (uint8_t)strlen(texts[i]);
        draft_text(draft, texts[i]);
    }
    draft_end(draft);
    return create;
}

static inline struct order_get *draft_get(struct draft *draft)
{
    struct order_get *get = draft_begin(draft, OP_ORDER_GET, sizeof *get);
    get->id_bytes = 10;
    draft_text(draft, "20201111-1");
    draft_end(draft);
    return get;
}

static inline struct order_cancel *draft_cancel(struct draft *draft)
{
    struct order_cancel *cancel = draft_begin(draft, OP_ORDER_CANCEL, sizeof *cancel);
    cancel->line_count = 2;
    cancel->lines[0] = (struct cancel_line){.line = 1, .units = 1};
    cancel->lines[1] = (struct cancel_line){.line = 4, .units = 2};
    cancel->head.bytes += 2 * sizeof cancel->lines[0];
    cancel->id_bytes = 10;
    cancel->reason_bytes = 9;
    cancel->key_bytes = 3;
    draft_text(draft, "20201111-1");
    draft_text(draft, "too small");
    draft_text(draft, "k-1");
    draft_end(draft);
    return cancel;
}

static inline struct order_list *draft_list(struct draft *draft)
{
    struct order_list *list = draft_begin(draft, OP_ORDER_LIST, sizeof *list);
    list->slot = 5;
    list->limit = 20;
    list->customer_bytes = 7;
    list->after_bytes = 10;
    draft_text(draft, "c778812");
    list->tracking_bytes = 5;
    draft_text(draft, "20201111-1");
    draft_text(draft, "SF123");
    draft_end(draft);
    return list;
}

static inline struct order_list *draft_list_of_cells(struct draft *draft)
{
    struct order_list *list = draft_list(draft);
    struct list_cell cells[2] = {{.sku = 1}, {.sku = 2, .warehouse = WAREHOUSE_NONE}};
    uint8_t *behind = (uint8_t *)(list + 1);
    memmove(behind + sizeof cells, behind, list->head.bytes - sizeof *list);
    memcpy(behind, cells, sizeof cells);
    list->head.bytes += (uint32_t)sizeof cells;
    list->cell_count = 2;
    return list;
}

static inline struct order_money *draft_money_of(struct draft *draft, enum op op,
                                                 const char *const texts_of[MONEY_TEXTS])
{
    struct order_money *money = draft_begin(draft, op, sizeof *money);
    money->amount = op == OP_PAYMENT_CREATE || op == OP_PAYMENT_NOTICE ? 3998 : MONEY_NOT_SAID;
    for (uint32_t i = 0; i < MONEY_TEXTS; i++) {
        money->text_bytes[i] = (uint8_t)strlen(texts_of[i]);
        draft_text(draft, texts_of[i]);
    }
    draft_end(draft);
    return money;
}

static inline struct order_money *draft_capture(struct draft *draft)
{
    return draft_money_of(draft, OP_PAYMENT_CAPTURE,
                          (const char *const[]){"20201111-1", "p-1", "", "", "", "k-1"});
}

static inline struct order_money *draft_refund(struct draft *draft)
{
    return draft_money_of(draft, OP_REFUND_CREATE,
                          (const char *const[]){"20201111-1", "p-1", "f-1", "", "broken", ""});
}

static inline struct order_money *draft_notice(struct draft *draft)
{
    struct order_money *money =
        draft_money_of(draft, OP_PAYMENT_NOTICE,
                       (const char *const[]){"20201111-1", "p-1", "f-1", "alipay", "", "notice 1"});
    money->currency = CURRENCY('C', 'N', 'Y');
    money->kind = NOTICE_REFUND_SUCCEEDED;
    return money;
}

static inline struct sku_put *draft_sku_put(struct draft *draft)
{
    struct sku_put *put = draft_begin(draft, OP_SKU_PUT, sizeof *put);
    put->list_price = 1999;
    put->currency = CURRENCY('C', 'N', 'Y');
    put->max_per_customer = 2;
    put->customer_window_s = 86400;
    put->flags = SKU_FLASH;
    put->code_bytes = 6;
    draft_text(draft, "SKU-17");
    draft_end(draft);
    return put;
}

/* As it may be sold through two channels. */
static inline struct sku_put *draft_caps(struct draft *draft)
{
    struct sku_put *put = draft_begin(draft, OP_SKU_PUT, sizeof *put);
    put->currency = CURRENCY('C', 'N', 'Y');
    put->code_bytes = 6;
    put->cap_count = 2;
    put->caps[0] = (struct sku_cap){.units = 100, .channel_bytes = 5, .channel = "store"};
    put->caps[1] = (struct sku_cap){.units = 0, .channel_bytes = 5, .channel = "kiosk"};
    put->head.bytes += 2 * sizeof put->caps[0];
    draft_text(draft, "SKU-17");
    draft_end(draft);
    return put;
}

static inline struct sku_resolve *draft_resolve(struct draft *draft)
{
    struct sku_resolve *resolve = draft_begin(draft, OP_SKU_RESOLVE, sizeof *resolve);
    resolve->code_bytes = 6;
    draft_text(draft, "SKU-17");
    draft_end(draft);
    return resolve;
}

static inline struct stock_get *draft_stock_get(struct draft *draft)
{
    struct stock_get *get = draft_begin(draft, OP_STOCK_GET, sizeof *get);
    get->sku = sku_17;
    return get;
}

static inline struct stock_receive *draft_receive(struct draft *draft)
{
    struct stock_receive *receive = draft_begin(draft, OP_STOCK_RECEIVE, sizeof *receive);
    receive->sku = sku_17;
    receive->ok_units = 100;
    receive->warehouse_bytes = 2;
    receive->key_bytes = 3;
    draft_text(draft, "w1");
    draft_text(draft, "r-1");
    draft_end(draft);
    return receive;
}

static inline struct warehouse_put *draft_warehouse_put(struct draft *draft)
{
    struct warehouse_put *put = draft_begin(draft, OP_WAREHOUSE_PUT, sizeof *put);
    put->id_bytes = 2;
    draft_text(draft, "w1");
    draft_end(draft);
    return put;
}

/* Two warehouses, one with two rows. */
static inline struct region_costs *draft_costs(struct draft *draft)
{
    struct region_costs *costs = draft_begin(draft, OP_REGION_COSTS, sizeof *costs);
    costs->row_count = 3;
    costs->warehouse_count = 2;
    costs->rows[0] = (struct cost_row){.distance = 10, .weight = 3};
    costs->rows[1] = (struct cost_row){.distance = 8, .weight = 5, .warehouse = 1};
    costs->rows[2] = (struct cost_row){.distance = 15, .weight = 2};
    costs->head.bytes += 3 * sizeof costs->rows[0];
    costs->region_bytes = 2;
    costs->warehouse_bytes[0] = costs->warehouse_bytes[1] = 2;
    draft_text(draft, "shw1w2");
    draft_end(draft);
    return costs;
}

static inline struct rules_put *draft_rules_put(struct draft *draft)
{
    struct rules_put *put = draft_begin(draft, OP_RULES_PUT, sizeof *put);
    put->text_bytes = 9;
    draft_text(draft, "# no rule");
    draft_end(draft);
    return put;
}

static inline struct rules_get *draft_rules_get(struct draft *draft)
{
    struct rules_get *get = draft_begin(draft, OP_RULES_GET, sizeof *get);
    draft_end(draft);
    return get;
}

static inline struct command *draft_audit(struct draft *draft)
{
    struct command *command = draft_begin(draft, OP_AUDIT, sizeof *command);
    draft_end(draft);
    return command;
}

static inline struct order_act *draft_act(struct draft *draft)
{
    struct order_act *act = draft_begin(draft, OP_ORDER_REVIEW, sizeof *act);
    act->decision = REVIEW_ACCEPT;
    act->text_bytes[ACT_ORDER] = 10;
    act->text_bytes[ACT_REASON] = 2;
    act->text_bytes[ACT_KEY] = 3;
    draft_text(draft, "20201111-1okk-1");
    draft_end(draft);
    return act;
}

static inline struct order_parcel *draft_parcel(struct draft *draft)
{
    struct order_parcel *parcel = draft_begin(draft, OP_SHIPMENT_CREATE, sizeof *parcel);
    parcel->line_count = 2;
    parcel->lines[0] = (struct parcel_line){.line = 1, .units = 2};
    parcel->lines[1] = (struct parcel_line){.line = 3, .units = 1};
    parcel->head.bytes += 2 * sizeof parcel->lines[0];
    parcel->text_bytes[PARCEL_ORDER] = 10;
    parcel->text_bytes[PARCEL_ID] = 3;
    parcel->text_bytes[PARCEL_CARRIER] = 2;
    parcel->text_bytes[PARCEL_TRACKING] = 5;
    draft_text(draft, "20201111-1s-1sfSF123");
    draft_end(draft);
    return parcel;
}

static inline struct order_scans *draft_scans(struct draft *draft)
{
    struct order_scans *scans = draft_begin(draft, OP_SHIPMENT_SCAN, sizeof *scans);
    scans->scan_count = 2;
    scans->order_bytes = 10;
    scans->shipment_bytes = 3;
    scans->scans[0] = (struct parcel_scan){.at_ns = 1, .code_bytes = 10, .place_bytes = 2};
    scans->scans[1] = (struct parcel_scan){.at_ns = 2, .code_bytes = 9};
    scans->head.bytes += 2 * sizeof scans->scans[0];
    draft_text(draft, "20201111-1s-1in_transitshdelivered");
    draft_end(draft);
    return scans;
}

static inline struct transfer_ship *draft_ship(struct draft *draft)
{
    struct transfer_ship *ship = draft_begin(draft, OP_TRANSFER_SHIP, sizeof *ship);
    ship->units = 5;
    ship->sku = sku_17;
    ship->from_bytes = ship->to_bytes = 2;
    ship->id_bytes = 3;
    draft_text(draft, "w1w2x-1");
    draft_end(draft);
    return ship;
}

static inline struct transfer_receive *draft_arrive(struct draft *draft)
{
    struct transfer_receive *receive = draft_begin(draft, OP_TRANSFER_RECEIVE, sizeof *receive);
    receive->ok = 4;
    receive->lost = 1;
    receive->sku = sku_17;
    receive->id_bytes = receive->key_bytes = 3;
    draft_text(draft, "x-1k-1");
    draft_end(draft);
    return receive;
}

static inline struct transfer_get *draft_transfer(struct draft *draft)
{
    struct transfer_get *get = draft_begin(draft, OP_TRANSFER_GET, sizeof *get);
    get->sku = sku_17;
    get->id_bytes = 3;
    draft_text(draft, "x-1");
    draft_end(draft);
    return get;
}

static inline struct cell_list *draft_cells(struct draft *draft)
{
    struct cell_list *list = draft_begin(draft, OP_CELL_LIST, sizeof *list);
    list->slot = 5;
    list->limit = WAREHOUSES_MAX;
    list->wanted = CELLS_WARNED;
    return list;
}

static inline struct past_get *draft_history(struct draft *draft)
{
    struct past_get *get = draft_begin(draft, OP_ORDER_HISTORY, sizeof *get);
    get->limit = PAST_EVENTS_MAX;
    get->id_bytes = 10;
    draft_text(draft, "20201111-1");
    draft_end(draft);
    return get;
}

static inline struct past_get *draft_movements(struct draft *draft)
{
    struct past_get *get = draft_begin(draft, OP_STOCK_MOVEMENTS, sizeof *get);
    get->sku = sku_17;
    get->limit = 1;
    return get;
}

typedef void draft_any(struct draft *draft);
#define DRAFT(name)                                                                                \
    static void any_##name(struct draft *draft)                                                    \
    {                                                                                              \
        draft_##name(draft);                                                                       \
    }
DRAFT(create)
DRAFT(get)
DRAFT(cancel)
DRAFT(capture)
DRAFT(refund)
DRAFT(notice)
DRAFT(sku_put)
DRAFT(resolve)
DRAFT(stock_get)
DRAFT(receive)
DRAFT(warehouse_put)
DRAFT(costs)
DRAFT(rules_put)
DRAFT(rules_get)
DRAFT(caps)
DRAFT(list)
DRAFT(list_of_cells)
DRAFT(act)
DRAFT(parcel)
DRAFT(scans)
DRAFT(ship)
DRAFT(arrive)
DRAFT(audit)
DRAFT(transfer)
DRAFT(cells)
DRAFT(history)
DRAFT(movements)

/* clang-format off */
static draft_any *const drafts[] = {
    any_create,
    any_get,
    any_cancel,
    any_capture,
    any_refund,
    any_notice,
    any_sku_put,
    any_resolve,
    any_stock_get,
    any_receive,
    any_warehouse_put,
    any_costs,
    any_rules_put,
    any_rules_get,
    any_caps,
    any_list,
    any_list_of_cells,
    any_act,
    any_parcel,
    any_scans,
    any_ship,
    any_arrive,
    any_transfer,
    any_cells,
    any_history,
    any_movements,
    any_audit,
};
/* clang-format on */
enum { DRAFTS = sizeof drafts / sizeof drafts[0] };

#endif
