/* core/event.h - what has happened, laid out as it stands in the log.
 *
 *   event:  0       4      6             8       16         24           26        27   28     32
 *           | bytes | kind | slice_count | at_ns | prev_seq | prev_index | logic | by | zero | by's name | slices
 *   slice:  0       4      6      8
 *           | bytes | slot | kind | fields by kind ... up to a multiple of 8 |
 *
 * An event is complete: nothing needs to be decided again to apply it. It has one slice for every
 * thing it changes, and a slice has all that its slot needs. The first slice is the owner's: the
 * order's, or the SKU's where no order is concerned. prev_* names the event before this one of the
 * same order: its group's sequence (0: this very group) and its index in that group.
 *
 * What a slice does to a slot that is not the owner's commutes with every other slice: it adds to
 * counters or inserts under a unique key, and looks at nothing. */
#ifndef SPATE_CORE_EVENT_H
#define SPATE_CORE_EVENT_H

#include "core/values.h"

/* clang-format off */
#define EVENTS(X) \
    X(EVENT_ORDER_PLACED,            1, "order_placed") \
    X(EVENT_ORDER_EXPIRED,           2, "order_expired") \
    X(EVENT_ORDER_CANCELLED,         3, "order_cancelled") \
    X(EVENT_LINES_CANCELLED,         4, "lines_cancelled") \
    X(EVENT_ORDER_ACCEPTED,          5, "order_accepted") \
    X(EVENT_ORDER_REJECTED,          6, "order_rejected") \
    X(EVENT_ORDER_COMPLETED,         7, "order_completed") \
    X(EVENT_DEADLINES_EXTENDED,     15, "deadlines_extended") \
    X(EVENT_ORDERS_FORGOTTEN,       16, "orders_forgotten") \
    X(EVENT_ORDERS_SHRUNK,          17, "orders_shrunk") \
    X(EVENT_PAYMENT_CREATED,        20, "payment_created") \
    X(EVENT_PAYMENT_AUTHORIZED,     21, "payment_authorized") \
    X(EVENT_PAYMENT_CAPTURED,       22, "payment_captured") \
    X(EVENT_PAYMENT_FAILED,         23, "payment_failed") \
    X(EVENT_PAYMENT_VOIDED,         24, "payment_voided") \
    X(EVENT_PAYMENT_UNKNOWN,        25, "payment_unknown") \
    X(EVENT_REFUND_REQUESTED,       27, "refund_requested") \
    X(EVENT_REFUND_PROCESSING,      28, "refund_processing") \
    X(EVENT_REFUND_SUCCEEDED,       29, "refund_succeeded") \
    X(EVENT_REFUND_FAILED,          30, "refund_failed") \
    X(EVENT_REFUND_UNKNOWN,         31, "refund_unknown") \
    X(EVENT_SHIPMENT_PLANNED,       40, "shipment_planned") \
    X(EVENT_SHIPMENT_PICKING,       41, "shipment_picking") \
    X(EVENT_SHIPMENT_HANDED_OVER,   42, "shipment_handed_over") \
    X(EVENT_SHIPMENT_DELIVERED,     43, "shipment_delivered") \
    X(EVENT_SHIPMENT_FAILED,        44, "shipment_failed") \
    X(EVENT_SHIPMENT_CANCELLED,     45, "shipment_cancelled") \
    X(EVENT_SHIPMENT_RESOLVED,      46, "shipment_resolved") \
    X(EVENT_SHIPMENT_SCANNED,       47, "shipment_scanned") \
    X(EVENT_RETURN_REQUESTED,       50, "return_requested") \
    X(EVENT_RETURN_APPROVED,        51, "return_approved") \
    X(EVENT_RETURN_REFUSED,         52, "return_refused") \
    X(EVENT_RETURN_SENT,            53, "return_sent") \
    X(EVENT_RETURN_RECEIVED,        54, "return_received") \
    X(EVENT_RETURN_INSPECTED,       55, "return_inspected") \
    X(EVENT_RETURN_CLOSED,          56, "return_closed") \
    X(EVENT_RULES_PUT,              60, "rules_put") \
    X(EVENT_SKU_PUT,                64, "sku_put") \
    X(EVENT_STOCK_RECEIVED,         65, "stock_received") \
    X(EVENT_STOCK_EXPECTED,         66, "stock_expected") \
    X(EVENT_STOCK_ADJUSTED,         67, "stock_adjusted") \
    X(EVENT_STOCK_QUARANTINED,      68, "stock_quarantined") \
    X(EVENT_STOCK_CLEARED,          69, "stock_cleared") \
    X(EVENT_STOCK_WRITTEN_OFF,      70, "stock_written_off") \
    X(EVENT_STOCK_COUNTED,          71, "stock_counted") \
    X(EVENT_STOCK_FOUND_MISSING,    72, "stock_found_missing") \
    X(EVENT_STOCK_POLICY,           73, "stock_policy") \
    X(EVENT_STOCK_WARNING,          74, "stock_warning") \
    X(EVENT_STOCK_RECOVERED,        75, "stock_recovered") \
    X(EVENT_TRANSFER_SHIPPED,       76, "transfer_shipped") \
    X(EVENT_TRANSFER_RECEIVED,      77, "transfer_received") \
    X(EVENT_TRANSFER_FORGOTTEN,     78, "transfer_forgotten") \
    X(EVENT_WINDOWS_FORGOTTEN,      79, "windows_forgotten") \
    X(EVENT_RETRIES_FORGOTTEN, 90, "retries_forgotten") \
    X(EVENT_WAREHOUSE_PUT,          96, "warehouse_put") \
    X(EVENT_REGION_COSTS,           97, "region_costs")
/* clang-format on */

enum event_kind {
#define X(id, number, name) id = number,
    EVENTS(X)
#undef X
};

/* "unknown" for a number that stands for none. (core/shape.c) */
const char *event_name(uint32_t kind);

struct event {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t kind;
    uint16_t slice_count;
    uint64_t at_ns;
    uint64_t prev_seq;
    uint16_t prev_index;
    uint8_t logic_version;
    uint8_t by_bytes; /* who, see who_name; right behind this head, zeros up to a multiple of 8 */
    uint8_t zero[4];
};

/* The fields of each kind stand in the file of the state machine that they belong to. */
enum slice_kind {
    SLICE_ORDER_PLACED = 1, /* core/order.h */
    SLICE_ORDER_MOVED = 2,
    SLICE_LINES_CANCELLED = 3,
    SLICE_DEADLINES_EXTENDED = 15,
    SLICE_ORDER_FORGOTTEN = 16,
    SLICE_ORDER_SHRUNK = 17,
    SLICE_PAYMENT = 20,  /* core/payment.h */
    SLICE_REFUND = 21,   /* core/refund.h */
    SLICE_SHIPMENT = 40, /* core/shipment.h */
    SLICE_SHIPMENT_MOVED = 41,
    SLICE_SHIPMENT_SCANNED = 42,
    SLICE_RETURN = 50, /* core/return.h */
    SLICE_RETURN_MOVED = 51,
    SLICE_RULES_PUT = 60,     /* core/rules.h */
    SLICE_STOCK_RESERVE = 64, /* core/stock.h */
    SLICE_SKU_PUT = 65,
    SLICE_STOCK_CHANGE = 66,
    SLICE_STOCK_RELEASE = 67,
    SLICE_STOCK_POLICY = 68,
    SLICE_STOCK_WARNING = 69,
    SLICE_STOCK_TASK = 72,
    SLICE_WINDOWS_FORGOTTEN = 76,
    SLICE_TRANSFER_SHIPPED = 73, /* core/transfer.h */
    SLICE_TRANSFER_RECEIVED = 74,
    SLICE_TRANSFER_FORGOTTEN = 75,
    SLICE_STOCK_COMMIT = 80,
    SLICE_STOCK_UNCOMMIT = 81,
    SLICE_STOCK_SHIP = 82,
    SLICE_STOCK_BACK = 83,
    SLICE_STOCK_TAKE = 84,
    SLICE_STOCK_UNCOUNT = 85,
    SLICE_RETRY = 90, /* core/retry.h */
    SLICE_RETRY_FORGOTTEN = 91,
    SLICE_WAREHOUSE_PUT = 96, /* core/topology.h */
    SLICE_REGION_COSTS = 97,
};

struct slice {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t slot;
    uint16_t kind;
};

/* Applying it takes nothing of its event: neither when it was, nor where it stands, nor whose it is. */
static inline bool slice_stands_alone(const struct slice *slice)
{
    return slice->kind >= SLICE_STOCK_RESERVE;
}

static inline struct slice slice_head(uint32_t slot, enum slice_kind kind, uint32_t bytes)
{
    return (struct slice){bytes_padded(bytes), (uint16_t)slot, (uint16_t)kind};
}

/* Where an event stands: its group's commit sequence and its number within the group. */
struct position {
    uint64_t seq;
    uint16_t index;
};

/* Whether these bytes are a whole event, its slices inside it, known, and as long as their own
 * fields say; recovery asks this before it applies anything, because a checksum does not say who
 * wrote it. */
bool event_valid(const struct event *event, uint64_t available);

/* The same of one slice, whose head and whole length are there. */
bool slice_valid(const struct slice *slice);

static inline struct text event_by(const struct event *event)
{
    return (struct text){(const char *)(event + 1), event->by_bytes};
}

static inline const struct slice *event_slices(const struct event *event)
{
    return (const void *)((const char *)event + sizeof *event + bytes_padded(event->by_bytes));
}

static inline const struct event *event_next(const struct event *event)
{
    return (const void *)((const char *)event + event->bytes);
}

static inline const struct slice *slice_next(const struct slice *slice)
{
    return (const void *)((const char *)slice + slice->bytes);
}

#endif
