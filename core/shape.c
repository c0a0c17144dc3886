#include "core/shape.h"

#include <string.h>

#include "core/order.h"
#include "core/payment.h"
#include "core/refund.h"
#include "core/region.h"
#include "core/retry.h"
#include "core/return.h"
#include "core/rules.h"
#include "core/shipment.h"
#include "core/stock.h"
#include "core/topology.h"

/* clang-format off */
#define OF(type, member) (uint16_t)offsetof(type, member), (uint16_t)sizeof(((const type *)0)->member)
#define ITEM(name, shape, type, member) {name, SHAPE_##shape, OF(type, member), 0, NULL}
#define ARRAY(name, type, member, element_type, element) \
    {name, SHAPE_ARRAY, OF(type, member), sizeof(element_type), element}
#define END {NULL, SHAPE_END, 0, 0, 0, NULL}

#define PLACED_LINE struct slice_order_line
static const struct shape_item placed_line[] = {
    ITEM("sku", SKU, PLACED_LINE, sku),
    ITEM("units", NUMBER, PLACED_LINE, units),
    ITEM("unit_price", AMOUNT, PLACED_LINE, unit_price),
    ITEM("window_s", NUMBER, PLACED_LINE, window_s),
    ITEM("warehouse", WAREHOUSE, PLACED_LINE, warehouse),
    ITEM("capped", NUMBER, PLACED_LINE, capped),
    END};

static const struct shape_item adjustment[] = {
    ITEM("kind", NUMBER, struct adjustment, kind),
    ITEM("amount", AMOUNT, struct adjustment, amount),
    END};

#define PLACED struct slice_order_placed
static const struct shape_item placed[] = {
    ITEM("state", ORDER_STATE, PLACED, state),
    ITEM("total", AMOUNT, PLACED, total),
    ITEM("currency", CURRENCY, PLACED, currency),
    ITEM("deadline", TIME, PLACED, deadline_ns),
    ITEM("pay_by", TIME, PLACED, pay_by_ns),
    ITEM("prefer", NUMBER, PLACED, prefer),
    ITEM("rules_number", NUMBER, PLACED, rules_number),
    ITEM("digest", HASH, PLACED, digest),
    ITEM("id_hash", HASH, PLACED, id_hash),
    ITEM("customer_hash", HASH, PLACED, customer_hash),
    ARRAY("lines", PLACED, line_count, PLACED_LINE, placed_line),
    ARRAY("adjustments", PLACED, adjustment_count, struct adjustment, adjustment),
    ITEM("order", ORDER, PLACED, text_bytes[ORDER_ID]),
    ITEM("customer", TEXT, PLACED, text_bytes[ORDER_CUSTOMER]),
    ITEM("channel", TEXT, PLACED, text_bytes[ORDER_CHANNEL]),
    ITEM("region", TEXT, PLACED, text_bytes[ORDER_REGION]),
    ITEM("pay_method", TEXT, PLACED, text_bytes[ORDER_PAY_METHOD]),
    ITEM("campaign", TEXT, PLACED, text_bytes[ORDER_CAMPAIGN]),
    ITEM("ship_to", TEXT, PLACED, text_bytes[ORDER_SHIP_TO]),
    ITEM("delivery", TEXT, PLACED, text_bytes[ORDER_DELIVERY]),
    ITEM("rule", TEXT, PLACED, rule_bytes),
    ITEM("reason", TEXT, PLACED, reason_bytes),
    END};

#define MOVED struct slice_order_moved
static const struct shape_item moved[] = {
    ITEM("move", ORDER_MOVE, MOVED, move),
    ITEM("from", ORDER_STATE, MOVED, from),
    ITEM("to", ORDER_STATE, MOVED, to),
    ITEM("deadline", TIME, MOVED, deadline_ns),
    ITEM("order", ORDER, MOVED, id_bytes),
    ITEM("reason", TEXT, MOVED, reason_bytes),
    END};

static const struct shape_item cancelled_line[] = {
    ITEM("line", NUMBER, struct cancel_line, line),
    ITEM("units", NUMBER, struct cancel_line, units),
    END};

#define CANCELLED struct slice_lines_cancelled
static const struct shape_item lines_cancelled[] = {
    ARRAY("lines", CANCELLED, line_count, struct cancel_line, cancelled_line),
    ITEM("order", ORDER, CANCELLED, id_bytes),
    ITEM("reason", TEXT, CANCELLED, reason_bytes),
    END};

#define PAYMENT struct slice_payment
static const struct shape_item payment[] = {
    ITEM("state", PAYMENT_STATE, PAYMENT, state),
    ITEM("amount", AMOUNT, PAYMENT, amount),
    ITEM("authorized", AMOUNT, PAYMENT, authorized),
    ITEM("captured", AMOUNT, PAYMENT, captured),
    ITEM("told_at", TIME, PAYMENT, told_ns),
    ITEM("by_notice", NUMBER, PAYMENT, by_notice),
    ITEM("order", ORDER, PAYMENT, text_bytes[SLICE_PAYMENT_ORDER]),
    ITEM("payment", TEXT, PAYMENT, text_bytes[SLICE_PAYMENT_ID]),
    ITEM("method", TEXT, PAYMENT, text_bytes[SLICE_PAYMENT_METHOD]),
    ITEM("reason", TEXT, PAYMENT, text_bytes[SLICE_PAYMENT_REASON]),
    END};

#define REFUND struct slice_refund
static const struct shape_item refund[] = {
    ITEM("state", REFUND_STATE, REFUND, state),
    ITEM("amount", AMOUNT, REFUND, amount),
    ITEM("told_at", TIME, REFUND, told_ns),
    ITEM("asked", NUMBER, REFUND, asked),
    ITEM("order", ORDER, REFUND, text_bytes[SLICE_REFUND_ORDER]),
    ITEM("payment", TEXT, REFUND, text_bytes[SLICE_REFUND_PAYMENT]),
    ITEM("refund", TEXT, REFUND, text_bytes[SLICE_REFUND_ID]),
    ITEM("reason", TEXT, REFUND, text_bytes[SLICE_REFUND_REASON]),
    END};

#define RULES struct slice_rules_put
static const struct shape_item rules_put[] = {
    ITEM("number", NUMBER, RULES, number),
    ITEM("hash", HASH, RULES, hash),
    ITEM("rules", TEXT, RULES, text_bytes),
    END};

#define UNITS struct slice_stock_units
static const struct shape_item stock_units[] = {
    ITEM("sku", SKU, UNITS, sku),
    ITEM("warehouse", WAREHOUSE, UNITS, warehouse),
    ITEM("units", NUMBER, UNITS, units),
    ITEM("window_s", NUMBER, UNITS, window_s),
    ITEM("customer_hash", HASH, UNITS, customer),
    ITEM("channel_hash", HASH, UNITS, channel),
    END};

static const struct shape_item channel_cap[] = {
    ITEM("channel", CHARS, struct sku_cap, channel),
    ITEM("units", NUMBER, struct sku_cap, units),
    END};

#define PARCEL struct slice_shipment
static const struct shape_item parcel_line[] = {
    ITEM("line", NUMBER, struct child_line, line),
    ITEM("units", NUMBER, struct child_line, units),
    END};

static const struct shape_item shipment[] = {
    ITEM("digest", HASH, PARCEL, digest),
    ITEM("created", TIME, PARCEL, created_ns),
    ITEM("eta", TIME, PARCEL, eta_ns),
    ITEM("warehouse", WAREHOUSE, PARCEL, warehouse),
    ITEM("of_return", NUMBER, PARCEL, of_return),
    ARRAY("lines", PARCEL, line_count, struct child_line, parcel_line),
    ITEM("order", ORDER, PARCEL, order_bytes),
    ITEM("shipment", TEXT, PARCEL, text_bytes[SHIPMENT_ID]),
    ITEM("carrier", TEXT, PARCEL, text_bytes[SHIPMENT_CARRIER]),
    ITEM("tracking", TEXT, PARCEL, text_bytes[SHIPMENT_TRACKING]),
    ITEM("method", TEXT, PARCEL, text_bytes[SHIPMENT_METHOD]),
    ITEM("reason", TEXT, PARCEL, reason_bytes),
    END};

#define PARCEL_MOVED struct slice_shipment_moved
static const struct shape_item shipment_moved[] = {
    ITEM("move", SHIPMENT_MOVE, PARCEL_MOVED, move),
    ITEM("from", SHIPMENT_STATE, PARCEL_MOVED, from),
    ITEM("to", SHIPMENT_STATE, PARCEL_MOVED, to),
    ITEM("warehouse", WAREHOUSE, PARCEL_MOVED, warehouse),
    ITEM("order", ORDER, PARCEL_MOVED, order_bytes),
    ITEM("shipment", TEXT, PARCEL_MOVED, text_bytes[SHIPMENT_ID]),
    ITEM("carrier", TEXT, PARCEL_MOVED, text_bytes[SHIPMENT_CARRIER]),
    ITEM("tracking", TEXT, PARCEL_MOVED, text_bytes[SHIPMENT_TRACKING]),
    ITEM("method", TEXT, PARCEL_MOVED, text_bytes[SHIPMENT_METHOD]),
    ITEM("reason", TEXT, PARCEL_MOVED, reason_bytes),
    END};

#define SCANNED struct slice_shipment_scanned
static const struct shape_item parcel_scan[] = {
    ITEM("at", TIME, struct parcel_scan, at_ns),
    ITEM("code_bytes", NUMBER, struct parcel_scan, code_bytes),
    ITEM("place_bytes", NUMBER, struct parcel_scan, place_bytes),
    END};

static const struct shape_item shipment_scanned[] = {
    ARRAY("scans", SCANNED, scan_count, struct parcel_scan, parcel_scan),
    ITEM("order", ORDER, SCANNED, order_bytes),
    ITEM("shipment", TEXT, SCANNED, shipment_bytes),
    ITEM("codes_and_places", TEXT, SCANNED, text_bytes),
    END};

#define RETURN_LINE struct child_return_line
static const struct shape_item return_line[] = {
    ITEM("line", NUMBER, RETURN_LINE, line),
    ITEM("units", NUMBER, RETURN_LINE, units),
    ITEM("accepted", NUMBER, RETURN_LINE, accepted),
    ITEM("rejected", NUMBER, RETURN_LINE, rejected),
    END};

#define RETURNED struct slice_return
static const struct shape_item returned[] = {
    ITEM("digest", HASH, RETURNED, digest),
    ITEM("created", TIME, RETURNED, created_ns),
    ITEM("deadline", TIME, RETURNED, deadline_ns),
    ITEM("kind", NUMBER, RETURNED, kind),
    ARRAY("lines", RETURNED, line_count, RETURN_LINE, return_line),
    ITEM("order", ORDER, RETURNED, order_bytes),
    ITEM("return", TEXT, RETURNED, id_bytes),
    ITEM("reason", TEXT, RETURNED, reason_bytes),
    END};

#define RETURN_MOVED struct slice_return_moved
static const struct shape_item return_moved[] = {
    ITEM("deadline", TIME, RETURN_MOVED, deadline_ns),
    ITEM("move", RETURN_MOVE, RETURN_MOVED, move),
    ITEM("from", RETURN_STATE, RETURN_MOVED, from),
    ITEM("to", RETURN_STATE, RETURN_MOVED, to),
    ARRAY("lines", RETURN_MOVED, line_count, RETURN_LINE, return_line),
    ITEM("order", ORDER, RETURN_MOVED, order_bytes),
    ITEM("return", TEXT, RETURN_MOVED, id_bytes),
    ITEM("reason", TEXT, RETURN_MOVED, reason_bytes),
    END};

#define SKU_PUT struct slice_sku_put
static const struct shape_item sku_put[] = {
    ITEM("sku", SKU, SKU_PUT, sku),
    ITEM("list_price", AMOUNT, SKU_PUT, list_price),
    ITEM("currency", CURRENCY, SKU_PUT, currency),
    ITEM("max_per_order", NUMBER, SKU_PUT, max_per_order),
    ITEM("max_per_customer", NUMBER, SKU_PUT, max_per_customer),
    ITEM("customer_window_s", NUMBER, SKU_PUT, customer_window_s),
    ITEM("weight_g", NUMBER, SKU_PUT, weight_g),
    ITEM("flags", NUMBER, SKU_PUT, flags),
    ARRAY("channel_caps", SKU_PUT, cap_count, struct sku_cap, channel_cap),
    ITEM("code", TEXT, SKU_PUT, code_bytes),
    END};

#define CHANGE struct slice_stock_change
static const struct shape_item stock_change[] = {
    ITEM("sku", SKU, CHANGE, sku),
    ITEM("warehouse", WAREHOUSE, CHANGE, warehouse),
    ITEM("free", AMOUNT, CHANGE, free),
    ITEM("quarantined", AMOUNT, CHANGE, quarantined),
    ITEM("incoming", AMOUNT, CHANGE, incoming),
    ITEM("in_transfer", AMOUNT, CHANGE, in_transfer),
    ITEM("missing", AMOUNT, CHANGE, missing),
    ITEM("received", AMOUNT, CHANGE, received),
    ITEM("returned", AMOUNT, CHANGE, returned),
    ITEM("adjusted", AMOUNT, CHANGE, adjusted),
    ITEM("shipped", AMOUNT, CHANGE, shipped),
    ITEM("written_off", AMOUNT, CHANGE, written_off),
    ITEM("stays", NUMBER, CHANGE, stays),
    ITEM("reason", TEXT, CHANGE, reason_bytes),
    END};

#define POLICY struct slice_stock_policy
static const struct shape_item stock_policy[] = {
    ITEM("sku", SKU, POLICY, sku),
    ITEM("warehouse", WAREHOUSE, POLICY, warehouse),
    ITEM("safety", NUMBER, POLICY, safety),
    ITEM("reorder_point", NUMBER, POLICY, reorder_point),
    END};

#define WARNING struct slice_stock_warning
static const struct shape_item stock_warning[] = {
    ITEM("sku", SKU, WARNING, sku),
    ITEM("warehouse", WAREHOUSE, WARNING, warehouse),
    ITEM("warned", NUMBER, WARNING, warned),
    END};

#define ORDER_OVER struct slice_order_forgotten
static const struct shape_item order_forgotten[] = {
    ITEM("order", ORDER, ORDER_OVER, id_bytes),
    END};

#define EXTENDED struct slice_deadlines_extended
static const struct shape_item deadlines_extended[] = {
    ITEM("from", TIME, EXTENDED, from_ns),
    ITEM("by_ns", NUMBER, EXTENDED, by_ns),
    END};

#define WINDOWS struct slice_windows_forgotten
static const struct shape_item windows_forgotten[] = {
    ITEM("sku", SKU, WINDOWS, sku),
    ITEM("floor_s", NUMBER, WINDOWS, floor_s),
    END};

#define TASK struct slice_stock_task
static const struct shape_item stock_task[] = {
    ITEM("sku", SKU, TASK, sku),
    ITEM("warehouse", WAREHOUSE, TASK, warehouse),
    ITEM("opened", TIME, TASK, opened_ns),
    END};

#define SHIPPED struct slice_transfer_shipped
static const struct shape_item transfer_shipped[] = {
    ITEM("sku", SKU, SHIPPED, sku),
    ITEM("from", WAREHOUSE, SHIPPED, from),
    ITEM("to", WAREHOUSE, SHIPPED, to),
    ITEM("units", NUMBER, SHIPPED, units),
    ITEM("at", TIME, SHIPPED, at_ns),
    ITEM("digest", HASH, SHIPPED, digest),
    ITEM("transfer", TEXT, SHIPPED, id_bytes),
    END};

#define ARRIVED struct slice_transfer_received
static const struct shape_item transfer_received[] = {
    ITEM("sku", SKU, ARRIVED, sku),
    ITEM("ok", NUMBER, ARRIVED, ok),
    ITEM("damaged", NUMBER, ARRIVED, damaged),
    ITEM("lost", NUMBER, ARRIVED, lost),
    ITEM("at", TIME, ARRIVED, at_ns),
    ITEM("transfer", TEXT, ARRIVED, id_bytes),
    END};

#define OVER struct slice_transfer_forgotten
static const struct shape_item transfer_forgotten[] = {
    ITEM("sku", SKU, OVER, sku),
    ITEM("transfer", TEXT, OVER, id_bytes),
    END};

#define RETRY struct slice_retry
static const struct shape_item retry[] = {
    ITEM("key_hash", HASH, RETRY, key.word[0]),
    ITEM("key_check", HASH, RETRY, key.word[1]),
    ITEM("digest", HASH, RETRY, digest),
    ITEM("at", TIME, RETRY, at_ns),
    ITEM("fact_0", NUMBER, RETRY, facts[0]),
    ITEM("fact_1", NUMBER, RETRY, facts[1]),
    ITEM("owner", HASH, RETRY, owner),
    ITEM("code", CODE, RETRY, code),
    END};

#define FORGOTTEN struct slice_retry_forgotten
static const struct shape_item forgotten[] = {
    ITEM("key_hash", HASH, FORGOTTEN, key.word[0]),
    ITEM("key_check", HASH, FORGOTTEN, key.word[1]),
    ITEM("owner", HASH, FORGOTTEN, owner),
    END};

#define WAREHOUSE struct slice_warehouse_put
static const struct shape_item warehouse_put[] = {
    ITEM("warehouse", WAREHOUSE, WAREHOUSE, warehouse),
    ITEM("priority", NUMBER, WAREHOUSE, priority),
    ITEM("id", TEXT, WAREHOUSE, id_bytes),
    END};

#define COST_ROW struct slice_cost_row
static const struct shape_item cost_row[] = {
    ITEM("warehouse", WAREHOUSE, COST_ROW, warehouse),
    ITEM("distance", NUMBER, COST_ROW, distance),
    ITEM("weight", NUMBER, COST_ROW, weight),
    END};

#define COSTS struct slice_region_costs
static const struct shape_item region_costs[] = {
    ITEM("region", NUMBER, COSTS, region),
    ARRAY("rows", COSTS, row_count, COST_ROW, cost_row),
    ITEM("id", TEXT, COSTS, id_bytes),
    END};

#define SHAPES(X) \
    X(SLICE_ORDER_PLACED,    "order_placed",    PLACED,    placed) \
    X(SLICE_ORDER_MOVED,     "order_moved",     MOVED,     moved) \
    X(SLICE_LINES_CANCELLED, "lines_cancelled", CANCELLED, lines_cancelled) \
    X(SLICE_PAYMENT,         "payment",         PAYMENT,   payment) \
    X(SLICE_REFUND,          "refund",          REFUND,    refund) \
    X(SLICE_SHIPMENT,         "shipment",         PARCEL,       shipment) \
    X(SLICE_SHIPMENT_MOVED,   "shipment_moved",   PARCEL_MOVED, shipment_moved) \
    X(SLICE_SHIPMENT_SCANNED, "shipment_scanned", SCANNED,      shipment_scanned) \
    X(SLICE_RETURN,           "return",           RETURNED,     returned) \
    X(SLICE_RETURN_MOVED,     "return_moved",     RETURN_MOVED, return_moved) \
    X(SLICE_RULES_PUT,       "rules_put",       RULES,     rules_put) \
    X(SLICE_STOCK_RESERVE,   "stock_reserve",   UNITS,     stock_units) \
    X(SLICE_STOCK_RELEASE,   "stock_release",   UNITS,     stock_units) \
    X(SLICE_STOCK_COMMIT,    "stock_commit",    UNITS,     stock_units) \
    X(SLICE_STOCK_UNCOMMIT,  "stock_uncommit",  UNITS,     stock_units) \
    X(SLICE_STOCK_SHIP,      "stock_ship",      UNITS,     stock_units) \
    X(SLICE_STOCK_BACK,      "stock_back",      UNITS,     stock_units) \
    X(SLICE_STOCK_TAKE,      "stock_take",      UNITS,     stock_units) \
    X(SLICE_STOCK_UNCOUNT,   "stock_uncount",   UNITS,     stock_units) \
    X(SLICE_SKU_PUT,         "sku_put",         SKU_PUT,   sku_put) \
    X(SLICE_STOCK_CHANGE,    "stock_change",    CHANGE,    stock_change) \
    X(SLICE_STOCK_POLICY,    "stock_policy",    POLICY,    stock_policy) \
    X(SLICE_STOCK_WARNING,   "stock_warning",   WARNING,   stock_warning) \
    X(SLICE_ORDER_FORGOTTEN, "order_forgotten", ORDER_OVER, order_forgotten) \
    X(SLICE_ORDER_SHRUNK,    "order_shrunk",    ORDER_OVER, order_forgotten) \
    X(SLICE_DEADLINES_EXTENDED, "deadlines_extended", EXTENDED, deadlines_extended) \
    X(SLICE_WINDOWS_FORGOTTEN, "windows_forgotten", WINDOWS, windows_forgotten) \
    X(SLICE_STOCK_TASK,      "stock_task",      TASK,      stock_task) \
    X(SLICE_TRANSFER_SHIPPED,   "transfer_shipped",   SHIPPED,  transfer_shipped) \
    X(SLICE_TRANSFER_RECEIVED,  "transfer_received",  ARRIVED,  transfer_received) \
    X(SLICE_TRANSFER_FORGOTTEN, "transfer_forgotten", OVER,     transfer_forgotten) \
    X(SLICE_RETRY,           "retry",           RETRY,     retry) \
    X(SLICE_RETRY_FORGOTTEN, "retry_forgotten", FORGOTTEN, forgotten) \
    X(SLICE_WAREHOUSE_PUT,   "warehouse_put",   WAREHOUSE, warehouse_put) \
    X(SLICE_REGION_COSTS,    "region_costs",    COSTS,     region_costs)
/* clang-format on */

const char *event_name(uint32_t kind)
{
    switch (kind) {
#define X(id, number, name)                                                                        \
    case id:                                                                                       \
        return name;
        EVENTS(X)
#undef X
    default:
        return "unknown";
    }
}

const struct shape *shape_of(uint32_t slice_kind)
{
    switch (
        (enum slice_kind)slice_kind) { /* no default: the compiler names a kind that is missing */
#define X(kind, name, type, items)                                                                 \
    case kind: {                                                                                   \
        static const struct shape shape = {name, sizeof(type), items};                             \
        return &shape;                                                                             \
    }
        SHAPES(X)
#undef X
    }
    return NULL;
}

uint64_t shape_number(const struct shape_item *item, const void *at)
{
    uint64_t number = 0;
    memcpy(&number, (const char *)at + item->offset, item->bytes);
    return number;
}

/* How many bytes an item takes behind the fixed fields. */
static uint32_t behind_bytes(const struct shape_item *item, const struct slice *slice)
{
    if (item->type == SHAPE_ARRAY)
        return (uint32_t)shape_number(item, slice) * item->element_bytes;
    bool is_text = item->type == SHAPE_TEXT || item->type == SHAPE_ORDER;
    return is_text ? (uint32_t)shape_number(item, slice) : 0;
}

uint32_t shape_bytes(const struct slice *slice)
{
    const struct shape *shape = shape_of(slice->kind);
    uint32_t bytes = shape->fixed_bytes;
    for (const struct shape_item *item = shape->items; item->type != SHAPE_END; item++)
        bytes += behind_bytes(item, slice);
    return (bytes + 7) & ~7u;
}

struct text shape_order(const struct slice *slice)
{
    const struct shape *shape = shape_of(slice->kind);
    const char *at = (const char *)slice + shape->fixed_bytes;
    for (const struct shape_item *item = shape->items; item->type != SHAPE_END; item++) {
        uint32_t bytes = behind_bytes(item, slice);
        if (item->type == SHAPE_ORDER)
            return (struct text){at, bytes};
        at += bytes;
    }
    return (struct text){NULL, 0};
}

uint32_t shape_sku(const struct slice *slice)
{
    const struct shape_item *item = shape_of(slice->kind)->items;
    while (item->type != SHAPE_END && item->type != SHAPE_SKU)
        item++;
    return item->type == SHAPE_SKU ? (uint32_t)shape_number(item, slice) : 0;
}
