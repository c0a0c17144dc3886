#include "tests/sim/any_command.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"

/* A command that is being written: texts go behind its fixed part and its arrays. */
struct draft {
    struct any *any;
    struct command *head;
    uint8_t *end;
    uint16_t op;
};

static uint64_t below(const struct draft *draft, uint64_t bound)
{
    return stream_below(draft->any->workload, bound);
}

static bool hit(const struct draft *draft, uint64_t one_in)
{
    return stream_hit(draft->any->workload, one_in);
}

static void *fixed(struct draft *draft, size_t bytes)
{
    memset(draft->head, 0, bytes);
    draft->end = (uint8_t *)draft->head + bytes;
    return draft->head;
}

static void *room(struct draft *draft, size_t bytes)
{
    void *at = draft->end;
    memset(at, 0, bytes);
    draft->end += bytes;
    return at;
}

static uint8_t put(struct draft *draft, const char *text)
{
    size_t bytes = strlen(text);
    memcpy(room(draft, bytes), text, bytes);
    return (uint8_t)bytes;
}

/* --- names --- */

static uint8_t put_numbered(struct draft *draft, const char *prefix, uint64_t count)
{
    char text[24];
    snprintf(text, sizeof text, "%s%llu", prefix, (unsigned long long)below(draft, count));
    return put(draft, text);
}

static uint8_t put_one_of(struct draft *draft, const char *const *texts, uint32_t count)
{
    return put(draft, texts[below(draft, count)]);
}

static uint8_t put_order_id(struct draft *draft)
{
    char text[24];
    uint64_t newest = 8 + *draft->any->drawn / 80;
    uint64_t back = below(draft, hit(draft, 10) ? newest : 8);
    newest = newest < ANY_ORDERS ? newest : ANY_ORDERS;
    snprintf(text, sizeof text, "o-%llu", (unsigned long long)(newest - 1 - back % newest));
    return put(draft, text);
}

static uint8_t put_warehouse(struct draft *draft)
{
    return put_numbered(draft, "w", hit(draft, 50) ? ANY_WAREHOUSES + 1 : ANY_WAREHOUSES);
}

/* Nobody else's; or none. */
static uint8_t put_key(struct draft *draft)
{
    char text[32];
    if (hit(draft, 4))
        return 0;
    snprintf(text, sizeof text, "k-%u-%llu", draft->any->caller,
             (unsigned long long)draft->any->keys++);
    return put(draft, text);
}

static uint8_t put_reason(struct draft *draft)
{
    static const char *const reasons[] = {"", "", "because", "\xc3\xa4nderung"};
    return put_one_of(draft, reasons, 4);
}

static uint8_t put_new_sku(struct draft *draft)
{
    char text[24];
    uint64_t newest = 2 + *draft->any->drawn / 20;
    newest = newest < ANY_NEW_SKUS ? newest : ANY_NEW_SKUS;
    snprintf(text, sizeof text, "NEW-%llu",
             (unsigned long long)(newest - 1 - below(draft, newest < 4 ? newest : 4)));
    return put(draft, text);
}

static uint32_t sku(const struct draft *draft)
{
    return draft->any->skus[below(draft, ANY_SKUS)];
}

static uint64_t issued_at_ns(const struct draft *draft)
{
    return hit(draft, 4) ? draft->any->now_ns : 0;
}

static uint64_t if_version(const struct draft *draft)
{
    return hit(draft, 2) ? STOCK_ANY_VERSION : below(draft, 12);
}

static uint32_t cny(const struct draft *draft)
{
    return hit(draft, 40) ? CURRENCY('U', 'S', 'D') : CURRENCY('C', 'N', 'Y');
}

/* --- orders --- */

static void draw_create(struct draft *draft)
{
    static const char *const channels[] = {"", "online", "store"};
    static const char *const words[] = {"", "", "some", "a-77"};
    static const char *const regions[] = {"", "r0", "r1", "r9"};
    struct order_create *create = fixed(draft, sizeof *create);
    create->head.flags = (uint16_t)(hit(draft, 3) ? below(draft, 4) : 0);
    create->issued_at_ns = issued_at_ns(draft);
    create->pay_by_ns =
        hit(draft, 4) ? draft->any->now_ns + draft->any->pay_within_ns - below(draft, 1000) : 0;
    create->currency = cny(draft);
    create->line_count = (uint16_t)(1 + below(draft, 5));
    create->adjustment_count = (uint8_t)(hit(draft, 3) ? below(draft, 3) : 0);
    create->prefer = hit(draft, 3) ? PREFER_SINGLE_PARCEL : PREFER_NONE;
    struct command_line *lines = room(draft, create->line_count * sizeof *lines);
    for (uint32_t i = 0; i < create->line_count; i++)
        lines[i] =
            (struct command_line){.sku = sku(draft),
                                  .units = 1 + (uint32_t)stream_skewed(draft->any->workload, 20),
                                  .unit_price = (int64_t)below(draft, 5000)};
    struct adjustment *adjustments = room(draft, create->adjustment_count * sizeof *adjustments);
    for (uint32_t i = 0; i < create->adjustment_count; i++)
        adjustments[i] = (struct adjustment){.amount = (int64_t)below(draft, 200) - 100,
                                             .kind = (uint8_t)below(draft, ADJUST_OTHER + 1)};
    create->text_bytes[ORDER_ID] = put_order_id(draft);
    create->text_bytes[ORDER_CUSTOMER] =
        hit(draft, 10) ? put(draft, ANY_NOBODY) : put_numbered(draft, "c", 4);
    create->text_bytes[ORDER_CHANNEL] = put_one_of(draft, channels, 3);
    create->text_bytes[ORDER_REGION] = put_one_of(draft, regions, hit(draft, 20) ? 4 : 3);
    create->text_bytes[ORDER_PAY_METHOD] = put_one_of(draft, words, 4);
    create->text_bytes[ORDER_CAMPAIGN] = put_one_of(draft, words, 4);
    create->text_bytes[ORDER_SHIP_TO] = put_one_of(draft, words, 4);
    create->text_bytes[ORDER_DELIVERY] = put_one_of(draft, words, 4);
}

static void draw_get(struct draft *draft)
{
    struct order_get *get = fixed(draft, sizeof *get);
    get->id_bytes = put_order_id(draft);
}

static void draw_list(struct draft *draft)
{
    struct order_list *list = fixed(draft, sizeof *list);
    list->created_after_ns = hit(draft, 4) ? draft->any->now_ns - below(draft, 1000000000) : 0;
    list->states = hit(draft, 2) ? (uint32_t)below(draft, 1 << ORDER_STATES) : 0;
    list->slot = (uint16_t)below(draft, SLOT_COUNT);
    list->limit = (uint16_t)(1 + below(draft, ORDER_LIST_MAX));
    list->cell_count = hit(draft, 3) ? (uint8_t)(1 + below(draft, ORDER_LIST_CELLS_MAX)) : 0;
    struct list_cell *cells = room(draft, list->cell_count * sizeof *cells);
    for (uint32_t i = 0; i < list->cell_count; i++)
        cells[i] = (struct list_cell){.sku = sku(draft), .warehouse = WAREHOUSE_NONE};
    list->customer_bytes = hit(draft, 2) ? put_numbered(draft, "c", 4) : 0;
}

static void draw_cancel(struct draft *draft)
{
    struct order_cancel *cancel = fixed(draft, sizeof *cancel);
    cancel->issued_at_ns = issued_at_ns(draft);
    cancel->line_count = (uint16_t)(hit(draft, 2) ? below(draft, 3) : 0);
    struct cancel_line *lines = room(draft, cancel->line_count * sizeof *lines);
    for (uint32_t i = 0; i < cancel->line_count; i++)
        lines[i] = (struct cancel_line){.line = i + 1, .units = 1 + (uint32_t)below(draft, 4)};
    cancel->id_bytes = put_order_id(draft);
    cancel->reason_bytes = put_reason(draft);
    cancel->key_bytes = put_key(draft);
}

static void draw_act(struct draft *draft)
{
    struct order_act *act = fixed(draft, sizeof *act);
    act->issued_at_ns = issued_at_ns(draft);
    act->decision = (uint8_t)(draft->op == OP_ORDER_REVIEW ? 1 + below(draft, 2) : 0);
    act->text_bytes[ACT_ORDER] = put_order_id(draft);
    act->text_bytes[ACT_REASON] = put_reason(draft);
    act->text_bytes[ACT_KEY] = put_key(draft);
}

/* --- money --- */

static bool is_of_refund(uint16_t op)
{
    return op >= OP_REFUND_CREATE && op <= OP_REFUND_LOSE;
}

static void draw_money(struct draft *draft)
{
    static const char *const methods[] = {"alipay", "card"};
    uint16_t op = draft->op;
    struct order_money *money = fixed(draft, sizeof *money);
    bool is_notice = op == OP_PAYMENT_NOTICE;
    bool says = op == OP_PAYMENT_CREATE || is_notice ||
                (hit(draft, 3) && (op == OP_PAYMENT_AUTHORIZE || op == OP_PAYMENT_CAPTURE ||
                                   op == OP_REFUND_CREATE));
    money->amount = !says           ? MONEY_NOT_SAID
                    : hit(draft, 2) ? 10000000 /* more than any order costs */
                                    : (int64_t)stream_skewed(draft->any->workload, 40000);
    money->issued_at_ns = is_notice ? draft->any->now_ns : issued_at_ns(draft);
    money->kind = (uint8_t)(is_notice ? 1 + below(draft, NOTICE_KINDS - 1) : 0);
    money->currency = is_notice ? cny(draft) : 0;
    bool refund = is_of_refund(op) || (is_notice && money->kind >= NOTICE_REFUND_PROCESSING);
    money->text_bytes[MONEY_ORDER] = put_order_id(draft);
    money->text_bytes[MONEY_PAYMENT] = put_numbered(draft, "p-", 2);
    money->text_bytes[MONEY_REFUND] = refund ? put_numbered(draft, "f-", 2) : 0;
    money->text_bytes[MONEY_METHOD] =
        is_notice || (op == OP_PAYMENT_CREATE && hit(draft, 2)) ? put_one_of(draft, methods, 2) : 0;
    bool reasons =
        op == OP_PAYMENT_FAIL || op == OP_PAYMENT_VOID || op == OP_PAYMENT_LOSE || is_of_refund(op);
    bool keyed = op != OP_PAYMENT_CREATE && op != OP_PAYMENT_GET && op != OP_REFUND_CREATE;
    money->text_bytes[MONEY_REASON] = reasons ? put_reason(draft) : 0;
    money->text_bytes[MONEY_KEY] = is_notice ? put_numbered(draft, "n-", 500)
                                   : keyed   ? put_key(draft)
                                             : 0;
}

/* --- parcels --- */

static uint8_t draw_choice(const struct draft *draft)
{
    switch ((int)draft->op) {
    case OP_SHIPMENT_FAIL:
        return (uint8_t)(FAIL_PICK_SHORT + below(draft, 5));
    case OP_SHIPMENT_RESOLVE:
        return (uint8_t)(RESOLVE_REFUND + below(draft, 2));
    case OP_RETURN_CREATE:
        return (uint8_t)(RETURN_GOODS + below(draft, 3));
    default:
        return 0;
    }
}

static void draw_parcel(struct draft *draft)
{
    static const char *const words[] = {"", "sf", "TRACK-1"};
    uint16_t op = draft->op;
    bool is_return = op >= OP_RETURN_CREATE;
    bool sends = op == OP_SHIPMENT_CREATE || op == OP_SHIPMENT_HAND_OVER;
    uint8_t choice = draw_choice(draft);
    struct order_parcel *parcel = fixed(draft, sizeof *parcel);
    bool lines = op == OP_SHIPMENT_CREATE || op == OP_RETURN_CREATE || op == OP_RETURN_INSPECT;
    bool judges = op == OP_RETURN_INSPECT;
    parcel->issued_at_ns = op == OP_SHIPMENT_GET || op == OP_RETURN_GET ? 0 : issued_at_ns(draft);
    parcel->choice = choice;
    parcel->line_count = (uint16_t)(lines && hit(draft, 2) ? 1 + below(draft, 2) : 0);
    struct parcel_line *at = room(draft, parcel->line_count * sizeof *at);
    for (uint32_t i = 0; i < parcel->line_count; i++)
        at[i] = (struct parcel_line){.line = i + 1,
                                     .units = 1 + (uint32_t)below(draft, 3),
                                     .rejected = judges ? (uint32_t)below(draft, 2) : 0};
    parcel->text_bytes[PARCEL_ORDER] = put_order_id(draft);
    parcel->text_bytes[PARCEL_ID] = put_numbered(draft, is_return ? "r-" : "s-", 2);
    bool where = (op == OP_SHIPMENT_CREATE || op == OP_SHIPMENT_RESOLVE) && hit(draft, 6);
    parcel->text_bytes[PARCEL_WAREHOUSE] = where ? put_warehouse(draft) : 0;
    parcel->text_bytes[PARCEL_CARRIER] = sends ? put_one_of(draft, words, 3) : 0;
    parcel->text_bytes[PARCEL_TRACKING] = sends ? put_one_of(draft, words, 3) : 0;
    parcel->text_bytes[PARCEL_METHOD] = sends ? put_one_of(draft, words, 2) : 0;
    bool is_get = op == OP_SHIPMENT_GET || op == OP_RETURN_GET;
    parcel->text_bytes[PARCEL_REASON] = is_get ? 0 : put_reason(draft);
    parcel->text_bytes[PARCEL_KEY] = is_get ? 0 : put_key(draft);
}

static void draw_scans(struct draft *draft)
{
    static const char *const codes[] = {"in_transit", "delayed", "delivered",
                                        "lost",       "hub",     "returned_to_sender"};
    struct order_scans *scans = fixed(draft, sizeof *scans);
    const char *said[2];
    scans->scan_count = (uint16_t)(1 + below(draft, 2));
    struct parcel_scan *at = room(draft, scans->scan_count * sizeof *at);
    scans->order_bytes = put_order_id(draft);
    scans->shipment_bytes = put_numbered(draft, "s-", 2);
    for (uint32_t i = 0; i < scans->scan_count; i++) {
        said[i] = codes[below(draft, 6)];
        at[i].at_ns = 1 + below(draft, 1000);
        at[i].code_bytes = put(draft, said[i]);
        at[i].place_bytes = put(draft, hit(draft, 2) ? "" : "Hub 1");
    }
}

/* --- stock --- */

static void draw_stock_get(struct draft *draft)
{
    struct stock_get *get = fixed(draft, sizeof *get);
    get->sku = sku(draft);
}

static void draw_receive(struct draft *draft)
{
    struct stock_receive *receive = fixed(draft, sizeof *receive);
    receive->ok_units = stream_skewed(draft->any->workload, 300);
    receive->damaged_units = hit(draft, 4) ? 1 + below(draft, 5) : 0;
    receive->issued_at_ns = issued_at_ns(draft);
    receive->sku = sku(draft);
    receive->warehouse_bytes = put_warehouse(draft);
    receive->key_bytes = put_key(draft);
}

static void draw_change(struct draft *draft)
{
    uint16_t op = draft->op;
    struct stock_change *change = fixed(draft, sizeof *change);
    bool adjusts = op == OP_STOCK_ADJUST, counts = op == OP_STOCK_COUNT;
    change->units = counts    ? (int64_t)stream_skewed(draft->any->workload, 400)
                    : adjusts ? (int64_t)below(draft, 61) - 30
                              : 1 + (int64_t)below(draft, 20);
    change->issued_at_ns = issued_at_ns(draft);
    change->if_version = counts ? below(draft, 12) : if_version(draft);
    change->sku = sku(draft);
    change->warehouse_bytes = put_warehouse(draft);
    change->key_bytes = put_key(draft);
    change->reason_bytes = put_reason(draft);
}

static void draw_policy(struct draft *draft)
{
    struct stock_policy *policy = fixed(draft, sizeof *policy);
    policy->safety = hit(draft, 2) ? 0 : below(draft, 20);
    policy->reorder_point = below(draft, 100);
    policy->if_version = if_version(draft);
    policy->sku = sku(draft);
    policy->warehouse_bytes = put_warehouse(draft);
}

static void draw_transfer(struct draft *draft)
{
    struct transfer_ship *ship = fixed(draft, sizeof *ship);
    ship->issued_at_ns = issued_at_ns(draft);
    ship->units = 1 + below(draft, 30);
    ship->sku = sku(draft);
    ship->from_bytes = put_warehouse(draft);
    ship->to_bytes = put_warehouse(draft);
    ship->id_bytes = put_numbered(draft, "x-", 20);
}

static void draw_transfer_receive(struct draft *draft)
{
    struct transfer_receive *receive = fixed(draft, sizeof *receive);
    receive->issued_at_ns = issued_at_ns(draft);
    receive->ok = below(draft, 30);
    receive->damaged = hit(draft, 4) ? below(draft, 3) : 0;
    receive->lost = hit(draft, 4) ? below(draft, 3) : 0;
    receive->sku = sku(draft);
    receive->id_bytes = put_numbered(draft, "x-", 20);
    receive->key_bytes = put_key(draft);
}

static void draw_transfer_get(struct draft *draft)
{
    struct transfer_get *get = fixed(draft, sizeof *get);
    get->sku = sku(draft);
    get->id_bytes = put_numbered(draft, "x-", 20);
}

static void draw_cells(struct draft *draft)
{
    struct cell_list *list = fixed(draft, sizeof *list);
    list->slot = (uint16_t)below(draft, SLOT_COUNT);
    list->limit = (uint16_t)(WAREHOUSES_MAX + below(draft, CELL_LIST_MAX - WAREHOUSES_MAX + 1));
    list->wanted = (uint8_t)below(draft, 2);
}

static void draw_sku(struct draft *draft)
{
    static const char *const channels[] = {"online", "store"};
    struct sku_put *put_sku = fixed(draft, sizeof *put_sku);
    put_sku->list_price = (int64_t)below(draft, 5000);
    put_sku->currency = CURRENCY('C', 'N', 'Y');
    put_sku->max_per_order = hit(draft, 3) ? 1 + (uint32_t)below(draft, 30) : 0;
    put_sku->max_per_customer = hit(draft, 4) ? 1 + (uint32_t)below(draft, 60) : 0;
    put_sku->customer_window_s = put_sku->max_per_customer != 0 ? 86400 : 0;
    put_sku->weight_g = (uint32_t)below(draft, 2000);
    put_sku->flags = (uint8_t)below(draft, 2);
    put_sku->cap_count = (uint8_t)(hit(draft, 4) ? 1 + below(draft, 2) : 0);
    struct sku_cap *caps = room(draft, put_sku->cap_count * sizeof *caps);
    for (uint32_t i = 0; i < put_sku->cap_count; i++) {
        caps[i].units = below(draft, 400);
        caps[i].channel_bytes = (uint8_t)strlen(channels[i]);
        memcpy(caps[i].channel, channels[i], caps[i].channel_bytes);
    }
    put_sku->code_bytes =
        hit(draft, 2) ? put_new_sku(draft) : put_numbered(draft, "SKU-", ANY_SKUS);
}

static void draw_resolve(struct draft *draft)
{
    struct sku_resolve *resolve = fixed(draft, sizeof *resolve);
    resolve->code_bytes =
        hit(draft, 4) ? put_numbered(draft, "SKU-", ANY_SKUS) : put_new_sku(draft);
}

/* --- logistics, rules, audits --- */

static void draw_warehouse(struct draft *draft)
{
    struct warehouse_put *warehouse = fixed(draft, sizeof *warehouse);
    warehouse->priority = (uint32_t)below(draft, 4);
    warehouse->id_bytes = put_numbered(draft, "w", ANY_WAREHOUSES);
}

static void draw_costs(struct draft *draft)
{
    struct region_costs *costs = fixed(draft, sizeof *costs);
    costs->row_count = (uint16_t)below(draft, 6);
    costs->warehouse_count = ANY_WAREHOUSES;
    struct cost_row *rows = room(draft, costs->row_count * sizeof *rows);
    for (uint32_t i = 0; i < costs->row_count; i++)
        rows[i] = (struct cost_row){.distance = (uint32_t)below(draft, 20),
                                    .weight = (uint32_t)below(draft, 5),
                                    .warehouse = (uint8_t)below(draft, ANY_WAREHOUSES)};
    costs->region_bytes = put_numbered(draft, "r", 2);
    for (uint32_t i = 0; i < ANY_WAREHOUSES; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%u", i);
        costs->warehouse_bytes[i] = put(draft, name);
    }
}

static void draw_rules(struct draft *draft)
{
    static const char *const sets[] = {
        ANY_RULE, ANY_RULE "rule big on order.create when total >= 20000 then review\n",
        ANY_RULE "rule flash on order.create when line.units > 9 and sku.flash then reject limit\n"
                 "rule r1 on order.create when region == r1 then accept\n"
                 "rule many on order.create when units > 12 then review\n"};
    struct rules_put *rules = fixed(draft, sizeof *rules);
    const char *text = sets[below(draft, 3)];
    size_t bytes = strlen(text);
    rules->text_bytes = (uint32_t)bytes;
    memcpy(room(draft, bytes), text, bytes);
}

static void draw_head(struct draft *draft)
{
    (void)fixed(draft, sizeof(struct command));
}

/* --- any of them --- */

static const struct row {
    uint16_t op;
    uint16_t weight;
    void (*draw)(struct draft *draft);
} rows[] = {
    {OP_ORDER_CREATE, 60, draw_create},
    {OP_ORDER_GET, 20, draw_get},
    {OP_ORDER_CANCEL, 6, draw_cancel},
    {OP_ORDER_LIST, 3, draw_list},
    {OP_ORDER_REVIEW, 5, draw_act},
    {OP_ORDER_CONFIRM, 4, draw_act},
    {OP_PAYMENT_CREATE, 25, draw_money},
    {OP_PAYMENT_GET, 3, draw_money},
    {OP_PAYMENT_AUTHORIZE, 6, draw_money},
    {OP_PAYMENT_CAPTURE, 25, draw_money},
    {OP_PAYMENT_FAIL, 2, draw_money},
    {OP_PAYMENT_VOID, 2, draw_money},
    {OP_PAYMENT_LOSE, 2, draw_money},
    {OP_REFUND_CREATE, 5, draw_money},
    {OP_REFUND_PROCESS, 3, draw_money},
    {OP_REFUND_SUCCEED, 4, draw_money},
    {OP_REFUND_FAIL, 3, draw_money},
    {OP_REFUND_LOSE, 2, draw_money},
    {OP_PAYMENT_NOTICE, 15, draw_money},
    {OP_SHIPMENT_CREATE, 20, draw_parcel},
    {OP_SHIPMENT_GET, 2, draw_parcel},
    {OP_SHIPMENT_PICK, 10, draw_parcel},
    {OP_SHIPMENT_HAND_OVER, 15, draw_parcel},
    {OP_SHIPMENT_DELIVER, 12, draw_parcel},
    {OP_SHIPMENT_FAIL, 4, draw_parcel},
    {OP_SHIPMENT_CANCEL, 3, draw_parcel},
    {OP_SHIPMENT_RESOLVE, 4, draw_parcel},
    {OP_SHIPMENT_SCAN, 6, draw_scans},
    {OP_RETURN_CREATE, 8, draw_parcel},
    {OP_RETURN_GET, 2, draw_parcel},
    {OP_RETURN_APPROVE, 6, draw_parcel},
    {OP_RETURN_REFUSE, 2, draw_parcel},
    {OP_RETURN_SHIP, 4, draw_parcel},
    {OP_RETURN_RECEIVE, 6, draw_parcel},
    {OP_RETURN_INSPECT, 6, draw_parcel},
    {OP_RETURN_CLOSE, 4, draw_parcel},
    {OP_RULES_PUT, 2, draw_rules},
    {OP_RULES_GET, 1, draw_head},
    {OP_SKU_PUT, 6, draw_sku},
    {OP_SKU_RESOLVE, 8, draw_resolve},
    {OP_SKU_GET, 2, draw_stock_get},
    {OP_STOCK_GET, 12, draw_stock_get},
    {OP_STOCK_RECEIVE, 20, draw_receive},
    {OP_STOCK_EXPECT, 3, draw_change},
    {OP_STOCK_ADJUST, 4, draw_change},
    {OP_STOCK_QUARANTINE, 3, draw_change},
    {OP_STOCK_CLEAR, 3, draw_change},
    {OP_STOCK_WRITE_OFF, 3, draw_change},
    {OP_STOCK_COUNT, 12, draw_change},
    {OP_STOCK_POLICY, 3, draw_policy},
    {OP_TRANSFER_SHIP, 6, draw_transfer},
    {OP_TRANSFER_RECEIVE, 6, draw_transfer_receive},
    {OP_TRANSFER_GET, 1, draw_transfer_get},
    {OP_CELL_LIST, 2, draw_cells},
    {OP_WAREHOUSE_PUT, 1, draw_warehouse},
    {OP_REGION_COSTS, 1, draw_costs},
    {OP_AUDIT, 4, draw_head},
};
enum { ROWS = sizeof rows / sizeof *rows };

void any_mix(struct any *any)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t times = (uint32_t)stream_below(any->workload, 4);
        bool kept = rows[i].op == OP_ORDER_CREATE || rows[i].op == OP_STOCK_RECEIVE;
        any->weights[rows[i].op] = rows[i].weight * (kept ? times + 1 : times);
    }
}

static const struct row *draw_row(struct any *any)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ROWS; i++)
        sum += any->weights[rows[i].op];
    uint64_t drawn = stream_below(any->workload, sum);
    const struct row *row = rows;
    for (; drawn >= any->weights[row->op]; row++)
        drawn -= any->weights[row->op];
    return row;
}

static void seal(struct draft *draft, uint16_t op, uint64_t request)
{
    while ((draft->end - (uint8_t *)draft->head) % 8 != 0)
        *draft->end++ = 0;
    draft->head->bytes = (uint32_t)(draft->end - (uint8_t *)draft->head);
    draft->head->op = op;
    draft->head->request = request;
    CHECK(draft->head->bytes <= ANY_COMMAND_BYTES_MAX);
}

uint32_t any_command(struct any *any, void *at, uint64_t request)
{
    const struct row *row = draw_row(any);
    ++*any->drawn;
    struct draft draft = {.any = any, .head = at, .op = row->op};
    struct command_fault fault;
    for (uint32_t tries = 0; tries < 20; tries++) {
        row->draw(&draft);
        seal(&draft, row->op, request);
        if (command_check(at, draft.head->bytes, &fault) == CODE_OK)
            break;
        if (stream_hit(any->workload, 10))
            break;
    }
    return draft.head->bytes;
}

bool any_is_known_again(const struct command *command)
{
    const struct order_create *create = (const void *)command;
    const struct order_money *money = (const void *)command;
    switch ((int)command->op) {
    case OP_ORDER_CREATE:
        return (create->head.flags & COMMAND_QUOTE) == 0;
    case OP_PAYMENT_CREATE:
    case OP_REFUND_CREATE:
    case OP_SHIPMENT_CREATE:
    case OP_RETURN_CREATE:
    case OP_TRANSFER_SHIP:
        return true;
    case OP_PAYMENT_CAPTURE:
    case OP_PAYMENT_VOID:
    case OP_PAYMENT_FAIL:
        return money->text_bytes[MONEY_KEY] != 0;
    case OP_STOCK_RECEIVE:
        return ((const struct stock_receive *)(const void *)command)->key_bytes != 0;
    case OP_STOCK_EXPECT:
    case OP_STOCK_ADJUST:
    case OP_STOCK_QUARANTINE:
    case OP_STOCK_CLEAR:
    case OP_STOCK_WRITE_OFF:
    case OP_STOCK_COUNT:
        return ((const struct stock_change *)(const void *)command)->key_bytes != 0;
    default:
        return false;
    }
}

uint32_t any_new_sku(const struct command *command)
{
    const struct sku_put *put_sku = (const void *)command;
    const struct sku_resolve *resolve = (const void *)command;
    const char *code = (const void *)(resolve + 1);
    uint32_t bytes = resolve->code_bytes;
    if (command->op == OP_SKU_PUT) {
        code = (const void *)(put_sku->caps + put_sku->cap_count);
        bytes = put_sku->code_bytes;
    }
    if ((command->op != OP_SKU_PUT && command->op != OP_SKU_RESOLVE) || code[0] != 'N')
        return ANY_NEW_SKUS;
    uint32_t number = 0;
    for (uint32_t i = 4; i < bytes; i++)
        number = number * 10 + (uint32_t)(code[i] - '0');
    return number;
}

struct text any_order(const struct command *command)
{
    const struct order_get *get = (const void *)command;
    const struct order_parcel *parcel = (const void *)command;
    const struct order_scans *scans = (const void *)command;
    const struct order_cancel *cancel = (const void *)command;
    const struct order_act *act = (const void *)command;
    const struct order_money *money = (const void *)command;
    if (command->op == OP_ORDER_CREATE)
        return order_create_text((const void *)command, ORDER_ID);
    if (command->op == OP_ORDER_GET)
        return (struct text){(const char *)(get + 1), get->id_bytes};
    if (command->op == OP_ORDER_CANCEL)
        return (struct text){(const char *)(cancel->lines + cancel->line_count), cancel->id_bytes};
    if (command->op == OP_ORDER_REVIEW || command->op == OP_ORDER_CONFIRM)
        return (struct text){(const char *)(act + 1), act->text_bytes[ACT_ORDER]};
    if (command->op >= OP_PAYMENT_CREATE && command->op <= OP_PAYMENT_NOTICE)
        return (struct text){(const char *)(money + 1), money->text_bytes[MONEY_ORDER]};
    if (command->op == OP_SHIPMENT_SCAN)
        return (struct text){(const char *)(scans->scans + scans->scan_count), scans->order_bytes};
    if (command->op >= OP_SHIPMENT_CREATE && command->op <= OP_RETURN_CLOSE)
        return (struct text){(const char *)(parcel->lines + parcel->line_count),
                             parcel->text_bytes[PARCEL_ORDER]};
    return (struct text){NULL, 0};
}
