/* core/result.h - what comes back, laid out as it stands on the wire.
 *
 *   0       4      6      8         16    24
 *   | bytes | code | kind | request | seq | fields by kind | arrays | texts | zeros to 8 |
 *
 * seq is the commit sequence that the answer has seen: it is written when the turn's sequence is
 * known, and the answer leaves when the watermark has reached it. */
#ifndef SPATE_CORE_RESULT_H
#define SPATE_CORE_RESULT_H

#include "core/command.h"

/* clang-format off */
enum result_kind {
    RESULT_PLAIN,        /* nothing but the code */
    RESULT_ORDER_PLACED, /* struct result_placed */
    RESULT_ORDER,        /* struct result_order */
    RESULT_SHORT,        /* struct result_short: lines that cannot be had */
    RESULT_FAULT,        /* struct result_fault: which field, which line */
    RESULT_SKU,          /* struct result_sku */
    RESULT_STOCK,        /* struct result_stock */
    RESULT_CHANGE,       /* struct result_change: of stock, done */
    RESULT_STATE,        /* struct result_state: the move is not allowed */
    RESULT_QUOTE = 40,   /* struct result_quote: what a create would bring */
    RESULT_CHILD = 16,   /* struct result_child: a payment, shipment, return of an order */
    RESULT_RULES = 60,   /* struct result_rules */
    RESULT_RULES_FAULT,  /* struct result_rules_fault */
    RESULT_SKU_RECORD = 64, /* struct result_sku_record */
    RESULT_ORDERS = 65,     /* struct result_orders */
    RESULT_TRANSFER = 66,   /* struct result_transfer */
    RESULT_CELLS = 67,      /* struct result_cells */
    RESULT_EVENTS = 68,     /* struct result_events */
    RESULT_AUDIT = 112,     /* struct result_audit */
};
/* clang-format on */

struct result {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t code;  /* enum code */
    uint16_t kind;  /* enum result_kind */
    uint64_t request;
    uint64_t seq;
};

enum order_state {
    ORDER_PENDING_PAYMENT = 1,
    ORDER_IN_REVIEW,
    ORDER_REJECTED,
    ORDER_PAYMENT_FAILED,
    ORDER_PAID,
    ORDER_PARTIALLY_SHIPPED,
    ORDER_SHIPPED,
    ORDER_SHIP_FAILED,
    ORDER_DELIVERED,
    ORDER_COMPLETED,
    ORDER_CANCELLED,
    ORDER_EXPIRED,
    ORDER_STATES
};

const char *order_state_name(enum order_state state);

struct result_placed {
    struct result head;
    int64_t total;
    uint32_t version;
    uint8_t state;
    uint8_t zero[3];
};

enum order_stage {
    STAGE_CREATED,
    STAGE_REVIEWED,
    STAGE_PAID,
    STAGE_SHIPPED,
    STAGE_DELIVERED,
    STAGE_CLOSED,
    STAGES
};

struct result_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
    uint32_t shipped;
    uint32_t returned;
    uint32_t cancelled;
    uint8_t warehouse; /* its number; see shard_warehouse; or WAREHOUSE_NONE */
    uint8_t zero[3];
};

/* ---- children of an order ----------------------------------------------------------------------
 *
 * One behind the other, each at a multiple of 8; a refund stands behind its payment. */

enum child_kind { CHILD_PAYMENT = 1, CHILD_REFUND, CHILD_SHIPMENT, CHILD_RETURN };

struct child {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint8_t kind;   /* enum child_kind */
    uint8_t state;  /* enum payment_state, refund_state, ... */
    uint8_t id_bytes;
    uint8_t note_bytes; /* of a payment its method, of a shipment its carrier, else the reason */
};

enum payment_state {
    PAYMENT_CREATED = 1,
    PAYMENT_AUTHORIZED,
    PAYMENT_CAPTURED,
    PAYMENT_FAILED,
    PAYMENT_VOIDED,
    PAYMENT_UNKNOWN,
    PAYMENT_STATES
};

enum refund_state {
    REFUND_REQUESTED = 1,
    REFUND_PROCESSING,
    REFUND_SUCCEEDED,
    REFUND_FAILED,
    REFUND_UNKNOWN,
    REFUND_STATES
};

enum shipment_state {
    SHIPMENT_PLANNED = 1,
    SHIPMENT_PICKING,
    SHIPMENT_HANDED_OVER,
    SHIPMENT_IN_TRANSIT,
    SHIPMENT_DELIVERED,
    SHIPMENT_CANCELLED,
    SHIPMENT_PICK_SHORT,
    SHIPMENT_CARRIER_REJECTED,
    SHIPMENT_DELAYED,
    SHIPMENT_LOST,
    SHIPMENT_RETURNED_TO_SENDER,
    SHIPMENT_REFUNDED,  /* it was lost or came back, and its lines were paid back */
    SHIPMENT_RESHIPPED, /* or its lines are shipped again, by others */
    SHIPMENT_STATES
};

enum return_state {
    RETURN_REQUESTED = 1,
    RETURN_APPROVED,
    RETURN_REFUSED,
    RETURN_IN_TRANSIT,
    RETURN_RECEIVED,
    RETURN_INSPECTED,
    RETURN_REFUNDING,
    RETURN_CLOSED,
    RETURN_STATES
};

const char *return_state_name(enum return_state state);
const char *shipment_state_name(enum shipment_state state);
const char *payment_state_name(enum payment_state state);
const char *refund_state_name(enum refund_state state);

/* Behind it: id, method. */
struct child_payment {
    struct child head;
    int64_t amount; /* what it was made for */
    int64_t authorized;
    int64_t captured;
    int64_t refund_pending;
    int64_t refunded;
    uint64_t created_ns;
};

/* Behind it: id, reason. */
struct child_refund {
    struct child head;
    int64_t amount;
    uint64_t created_ns;
};

struct child_line {
    uint32_t line; /* counted from 1 */
    uint32_t units;
};

/* Behind it: lines, scans (struct parcel_scan); id, carrier, tracking, method; each scan's code and
 * place. Where the whole order is answered, lines and scans are left out. */
struct child_shipment {
    struct child head;
    uint64_t created_ns;
    uint64_t changed_ns; /* when it entered its state */
    uint64_t eta_ns;     /* 0: not said */
    uint16_t line_count;
    uint8_t scan_count;
    uint8_t warehouse; /* its number */
    uint8_t tracking_bytes;
    uint8_t method_bytes;
    uint8_t of_return; /* it sends what an exchange has promised */
    uint8_t zero;
    struct child_line lines[];
};

struct child_return_line {
    uint32_t line; /* counted from 1 */
    uint32_t units;
    uint32_t accepted;
    uint32_t rejected;
};

/* Behind it: lines; id, reason. Where the whole order is answered, lines are left out. */
struct child_return {
    struct child head;
    uint64_t created_ns;
    uint64_t changed_ns; /* when it entered its state */
    uint16_t line_count;
    uint8_t kind; /* enum parcel_choice: RETURN_GOODS, ... */
    uint8_t zero[5];
    struct child_return_line lines[];
};

static inline const struct child *child_next(const struct child *child)
{
    return (const void *)((const char *)child + child->bytes);
}

enum {
    PAYMENTS_MAX = 32,
    REFUNDS_MAX = 64,
    SHIPMENTS_MAX = 64,
    RETURNS_MAX = 64
}; /* of one order */

/* Behind it: the order's id up to a multiple of 8; the child that was asked for, and what belongs to
 * it. */
struct result_child {
    struct result head;
    uint32_t order_version;
    uint8_t order_state;
    uint8_t order_bytes;
    uint16_t child_count;
};
const struct child *result_children(const struct result_child *result);

/* Behind it: lines, adjustments, the texts of enum order_text, created_by, modified_by; up to a
 * multiple of 8; its children. */
struct result_order {
    struct result head;
    int64_t total;
    uint64_t stage_ns[STAGES]; /* 0: not entered */
    uint64_t expires_ns;       /* 0: no deadline runs */
    uint32_t version;
    uint32_t currency;
    uint16_t line_count;
    uint8_t adjustment_count;
    uint8_t state;
    uint8_t created_by_bytes;
    uint8_t modified_by_bytes;
    uint16_t child_count;
    uint8_t text_bytes[ORDER_TEXTS];
    struct result_line lines[];
};

/* Like the order that would be placed; its warehouses may have changed a moment later. */
struct result_quote {
    struct result head;
    int64_t total;
    uint32_t currency;
    uint16_t line_count;
    uint8_t state;
    uint8_t zero;
    struct result_line lines[];
};

/* One equation over all shards: it holds if left + in_flight == right. */
struct result_equation {
    char name[24]; /* zeros behind it */
    int64_t left;
    int64_t right;
    int64_t in_flight;
};

struct result_audit {
    struct result head;
    uint32_t count;
    uint32_t zero;
    struct result_equation equations[];
};

/* All lines of an order that ask for this SKU. */
struct short_line {
    uint32_t sku;
    uint32_t zero;
    uint64_t requested;
    uint64_t sellable; /* in a single line, all from one warehouse: less than was requested */
};

struct result_short {
    struct result head;
    uint32_t line_count;
    uint32_t zero;
    struct short_line lines[];
};

struct result_fault {
    struct result head;
    uint32_t line; /* counted from 1; 0: not in a line */
    uint32_t field_bytes;
    char field[24]; /* as a JSON name */
};

struct result_sku {
    struct result head;
    uint32_t sku;
    uint32_t zero;
};

struct result_cap {
    struct sku_cap said;
    uint64_t used;
};

struct result_sku_record { /* behind it: the caps, the code */
    struct result head;
    int64_t list_price;
    uint32_t sku;
    uint32_t currency;
    uint32_t max_per_order;
    uint32_t max_per_customer;
    uint32_t customer_window_s;
    uint32_t weight_g;
    uint8_t flags;
    uint8_t code_bytes;
    uint8_t cap_count;
    uint8_t zero[5];
    struct result_cap caps[];
};

struct result_cell {
    uint64_t free;
    uint64_t held;
    uint64_t reserved;
    uint64_t committed;
    uint64_t quarantined;
    uint64_t incoming;
    uint64_t in_transfer;
    uint64_t missing;
    uint64_t sellable;
    uint64_t version;
    uint64_t safety;
    uint64_t reorder_point;
    uint64_t task_ns; /* when the count was that opened its task; 0: no units are missing */
    uint8_t warehouse;
    uint8_t warned;
    uint8_t zero[6];
};

struct result_stock {
    struct result head;
    uint32_t sku;
    uint32_t cell_count;
    struct result_cell cells[];
};

struct result_change {
    struct result head;
    int64_t delta;    /* what came to the units on hand; of a count: counted - on hand */
    uint64_t missing; /* of a count: what free units did not cover */
    uint64_t task_ns; /* likewise: when its task was opened; 0: none is open */
};

/* Cells of one shard that are looked for. */
struct result_listed_cell {
    uint32_t sku;
    uint32_t zero;
    struct result_cell cell;
};

struct result_cells {
    struct result head;
    uint64_t cursor; /* to go on with */
    uint16_t cell_count;
    uint8_t is_end;
    uint8_t zero[5];
    struct result_listed_cell cells[];
};

struct result_transfer { /* behind it: the id */
    struct result head;
    uint64_t units;
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
    uint64_t shipped_ns;
    uint64_t over_ns; /* when the last of it was received; 0: it is on its way */
    uint32_t sku;
    uint8_t from;
    uint8_t to;
    uint8_t id_bytes;
    uint8_t zero;
};

/* How an order may move; what the moves do stands in core/order.h. */
enum order_move {
    MOVE_CANCEL = 1,
    MOVE_EXPIRE,
    MOVE_ACCEPT,
    MOVE_REJECT,
    MOVE_PAY,
    MOVE_PAYMENT_FAIL,
    MOVE_PAY_AGAIN,
    MOVE_COMPLETE,
    MOVE_SHIP_SOME,
    MOVE_SHIP,
    MOVE_SHIP_FAIL,
    MOVE_RESUME,
    MOVE_RESUME_SOME,
    MOVE_RESHIP,
    MOVE_RESHIP_SOME,
    MOVE_DELIVER,
    MOVE_GIVE_UP,
    ORDER_MOVE_COUNT
};

const char *order_move_name(enum order_move move);

/* How a return may move; core/return.h. */
enum return_move {
    RETURN_APPROVE = 1,
    RETURN_PAY_BACK,
    RETURN_REFUSE,
    RETURN_SHIP,
    RETURN_RECEIVE,
    RETURN_ACCEPT,
    RETURN_REJECT,
    RETURN_CLOSE,
    RETURN_REPLACE,
    RETURN_MOVE_COUNT
};
const char *return_move_name(enum return_move move);

/* How a shipment may move; core/shipment.h. */
enum shipment_move {
    SHIPMENT_PICK = 1,
    SHIPMENT_HAND_OVER,
    SHIPMENT_CARRY,
    SHIPMENT_DELIVER,
    SHIPMENT_CANCEL,
    SHIPMENT_MISS,
    SHIPMENT_TURN_DOWN,
    SHIPMENT_DELAY,
    SHIPMENT_LOSE,
    SHIPMENT_SEND_BACK,
    SHIPMENT_REFUND,
    SHIPMENT_RESHIP,
    SHIPMENT_MOVE_COUNT
};
const char *shipment_move_name(enum shipment_move move);

/* How a payment and a refund may move; core/payment.h and core/refund.h. */
enum payment_move {
    PAYMENT_AUTHORIZE = 1,
    PAYMENT_CAPTURE,
    PAYMENT_FAIL,
    PAYMENT_VOID,
    PAYMENT_LOSE,
    PAYMENT_MOVE_COUNT
};
enum refund_move {
    REFUND_PROCESS = 1,
    REFUND_SUCCEED,
    REFUND_FAIL,
    REFUND_LOSE,
    REFUND_MOVE_COUNT
};

const char *payment_move_name(enum payment_move move);
const char *refund_move_name(enum refund_move move);

struct result_state {
    struct result head;
    uint32_t allowed; /* one bit for each move: 1 << enum order_move, payment_move, ... */
    uint8_t state;    /* enum order_state, payment_state, ... */
    uint8_t child;    /* 0: of the order; otherwise of such a child: enum child_kind */
    uint8_t zero[2];
};

/* Rules in force. Behind it, if they were asked for: their text. */
struct result_rules {
    struct result head;
    uint64_t hash;
    uint32_t number; /* 0: there never were any */
    uint32_t rule_count;
    uint32_t text_bytes;
    uint32_t zero;
};

/* Behind it: the message. Lines and columns are counted from 1. */
struct result_rules_fault {
    struct result head;
    uint32_t line;
    uint32_t column;
    uint32_t message_bytes;
    uint32_t zero;
};

/* Some orders of one shard. Behind it: each as a whole RESULT_ORDER, then the id of the last order
 * that was looked at. */
struct result_orders {
    struct result head;
    uint64_t cursor; /* of a walk over all orders, to go on with */
    uint16_t order_count;
    uint8_t is_end;
    uint8_t after_bytes;
    uint32_t zero;
};

/* The longest result: an order of ORDER_LINES_MAX lines, as one of a list. */
enum {
    CHILDREN_BYTES_MAX = PAYMENTS_MAX * (64 + 64) + REFUNDS_MAX * (24 + 104) +
                         SHIPMENTS_MAX * (48 + 192) + RETURNS_MAX * (32 + 104),
    ORDER_LIST_BYTES_MAX = 160 + ORDER_LINES_MAX * 32 + ADJUSTMENTS_MAX * 16 +
                           (ORDER_TEXTS + 2) * 64 + CHILDREN_BYTES_MAX,
    RESULT_BYTES_MAX = ORDER_LIST_BYTES_MAX + (int)sizeof(struct result_orders) + TEXT_BYTES_MAX,
};

enum events_end {
    EVENTS_GO_ON,     /* maybe: `next_seq` and `next_index` say where */
    EVENTS_BEGAN,     /* there were none before */
    EVENTS_TRUNCATED, /* what was before `next_seq` is no longer in the log or its archive */
};

/* The past of an order or a SKU, newest first. Behind it: events, each of them whole but for the slices
 * that are about something else. */
struct result_events {
    struct result head;
    uint64_t next_seq;
    uint16_t next_index;
    uint16_t event_count;
    uint8_t end; /* enum events_end */
    uint8_t zero[3];
};

struct result_event { /* behind it: a struct event (core/event.h) */
    uint64_t seq;
    uint16_t index;
    uint8_t order_bytes; /* 0: no order's */
    uint8_t zero[5];
    char order[ID_BYTES_MAX];
};

/* Parts of a result_order. */
const struct adjustment *result_order_adjustments(const struct result_order *order);
struct text result_order_text(const struct result_order *order, uint32_t which);
const struct child *result_order_children(const struct result_order *order);

#endif
