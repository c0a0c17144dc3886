/* core/command.h - what somebody may ask, laid out as it stands on the wire.
 *
 *   0        4    6     8          16
 *   | bytes | op | flags | request | fields by op | arrays | texts | zeros up to a multiple of 8 |
 *
 * The binary protocol carries these bytes as they are; HTTP writes them from JSON. command_check
 * looks at every length and range once, where the bytes come in; everybody behind it may rely on
 * that. Texts stand one behind the other at the end; the fixed part holds their lengths. */
#ifndef SPATE_CORE_COMMAND_H
#define SPATE_CORE_COMMAND_H

#include "core/code.h"
#include "core/values.h"

enum op {
    OP_ORDER_CREATE = 1,
    OP_ORDER_GET = 2,
    OP_ORDER_CANCEL = 3,
    OP_ORDER_LIST = 8,
    OP_ORDER_REVIEW = 4, /* both: struct order_act */
    OP_ORDER_CONFIRM = 5,
    OP_ORDER_HISTORY = 6,   /* this and OP_STOCK_MOVEMENTS: struct past_get */
    OP_PAYMENT_CREATE = 16, /* this to OP_PAYMENT_NOTICE: struct order_money */
    OP_PAYMENT_GET = 17,
    OP_PAYMENT_AUTHORIZE = 18,
    OP_PAYMENT_CAPTURE = 19,
    OP_PAYMENT_FAIL = 20,
    OP_PAYMENT_VOID = 21,
    OP_PAYMENT_LOSE = 22, /* whoever asked the provider does not know what came of it */
    OP_REFUND_CREATE = 23,
    OP_REFUND_PROCESS = 24,
    OP_REFUND_SUCCEED = 25,
    OP_REFUND_FAIL = 26,
    OP_REFUND_LOSE = 27,
    OP_PAYMENT_NOTICE = 28,
    OP_SHIPMENT_CREATE = 32, /* this to OP_SHIPMENT_RESOLVE: struct order_parcel */
    OP_SHIPMENT_GET = 33,
    OP_SHIPMENT_PICK = 34,
    OP_SHIPMENT_HAND_OVER = 35,
    OP_SHIPMENT_DELIVER = 36,
    OP_SHIPMENT_FAIL = 37,
    OP_SHIPMENT_CANCEL = 38,
    OP_SHIPMENT_RESOLVE = 39,
    OP_SHIPMENT_SCAN = 40, /* struct order_scans */
    OP_RETURN_CREATE = 48, /* this to OP_RETURN_CLOSE: struct order_parcel */
    OP_RETURN_GET = 49,
    OP_RETURN_APPROVE = 50,
    OP_RETURN_REFUSE = 51,
    OP_RETURN_SHIP = 52,
    OP_RETURN_RECEIVE = 53,
    OP_RETURN_INSPECT = 54,
    OP_RETURN_CLOSE = 55,
    OP_RULES_PUT = 62,
    OP_RULES_GET = 63,
    OP_SKU_PUT = 64,
    OP_SKU_RESOLVE = 65, /* answered by any shard, from the catalogue */
    OP_STOCK_GET = 66,
    OP_STOCK_RECEIVE = 67,
    OP_STOCK_EXPECT = 68, /* this and the next five: struct stock_change */
    OP_STOCK_ADJUST = 69,
    OP_STOCK_QUARANTINE = 70,
    OP_STOCK_CLEAR = 71,
    OP_STOCK_WRITE_OFF = 72,
    OP_STOCK_COUNT = 73,
    OP_STOCK_POLICY = 74,
    OP_SKU_GET = 75, /* struct stock_get */
    OP_TRANSFER_SHIP = 76,
    OP_TRANSFER_RECEIVE = 77,
    OP_TRANSFER_GET = 78,
    OP_CELL_LIST = 79,
    OP_STOCK_MOVEMENTS = 80,
    OP_WAREHOUSE_PUT = 96,
    OP_AUDIT = 112, /* nothing but the head */
    OP_REGION_COSTS = 97,
};

enum command_flag {
    COMMAND_WANT_RECORD = 1, /* answer a create with the whole order, not its short form */
    COMMAND_QUOTE = 2,       /* of a create: say what it would bring, and change nothing */
};

struct command {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t op;
    uint16_t flags;
    uint64_t request; /* the asker's; comes back in the result */
};

struct command_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
};

enum adjustment_kind { ADJUST_DISCOUNT, ADJUST_SHIPPING, ADJUST_TAX, ADJUST_FEE, ADJUST_OTHER };

struct adjustment {
    int64_t amount;
    uint8_t kind;
    uint8_t zero[7];
};

enum order_text {
    ORDER_ID,
    ORDER_CUSTOMER,
    ORDER_CHANNEL,
    ORDER_REGION,
    ORDER_PAY_METHOD,
    ORDER_CAMPAIGN,
    ORDER_SHIP_TO,
    ORDER_DELIVERY,
    ORDER_TEXTS
};

enum order_prefer { PREFER_NONE, PREFER_SINGLE_PARCEL };

/* Behind it: lines, adjustments, texts. The id is always there: a front end that got none makes it.
 */
struct order_create {
    struct command head;
    uint64_t issued_at_ns; /* 0: not said */
    uint64_t pay_by_ns;    /* 0: not said */
    uint32_t currency;
    uint16_t line_count;
    uint8_t adjustment_count;
    uint8_t prefer;
    uint8_t text_bytes[ORDER_TEXTS];
    struct command_line lines[];
};

struct order_get { /* behind it: the id */
    struct command head;
    uint8_t id_bytes;
    uint8_t zero[7];
};

enum { ORDER_LIST_MAX = 256, ORDER_LIST_CELLS_MAX = 8 };

struct list_cell {
    uint32_t sku;
    uint8_t warehouse; /* WAREHOUSE_NONE: any */
    uint8_t zero[3];
};

/* Of one shard; see core/list.h. Behind it: the cells, if one of them has to be on a line; the customer,
 * if the orders of one are asked for; and the id of the last of them that was seen; and the tracking
 * number that one of their shipments has. */
struct order_list {
    struct command head;
    uint64_t cursor;            /* without a customer: 0, then what the answer says */
    uint64_t created_after_ns;  /* at that time or later; 0: not said */
    uint64_t created_before_ns; /* 0: not said */
    uint32_t states;            /* 1 << enum order_state of each that is wanted; 0: all */
    uint32_t zero;
    uint16_t slot;      /* any of the shard that is asked */
    uint16_t limit;     /* 1..ORDER_LIST_MAX */
    uint8_t cell_count; /* 0..ORDER_LIST_CELLS_MAX */
    uint8_t customer_bytes;
    uint8_t after_bytes;
    uint8_t tracking_bytes;
};

static inline struct list_cell *order_list_cells(const struct order_list *list)
{
    return (struct list_cell *)(uintptr_t)(list + 1);
}

static inline const char *order_list_texts(const struct order_list *list)
{
    return (const char *)(order_list_cells(list) + list->cell_count);
}

enum { PAST_EVENTS_MAX = 100 };

/* What has happened to an order or a SKU, newest first, as the log still has it. Behind it: the id of
 * the order, or nothing. */
struct past_get {
    struct command head;
    uint64_t seq;   /* 0: from the newest on; or where the answer to the last one says */
    uint32_t sku;   /* 0: of an order */
    uint16_t index; /* likewise */
    uint8_t limit;  /* 1..PAST_EVENTS_MAX */
    uint8_t id_bytes;
};

struct cancel_line {
    uint32_t line; /* counted from 1 */
    uint32_t units;
};

/* Without lines: all that is left of the order. Behind it: the lines, ascending and each at most
 * once; the id, the reason, the Idempotency-Key. The key may be absent: a cancel of the whole then
 * is refused if the order is cancelled already. */
struct order_cancel {
    struct command head;
    uint64_t issued_at_ns; /* 0: not said */
    uint16_t line_count;
    uint8_t id_bytes;
    uint8_t reason_bytes;
    uint8_t key_bytes;
    uint8_t zero[3];
    struct cancel_line lines[];
};

enum act_text { ACT_ORDER, ACT_REASON, ACT_KEY, ACT_TEXTS };

enum review_decision { REVIEW_ACCEPT = 1, REVIEW_REJECT };

/* Somebody decides about an order as a whole. Behind it: the texts; the Idempotency-Key may be
 * absent. */
struct order_act {
    struct command head;
    uint64_t issued_at_ns; /* 0: not said */
    uint8_t decision;      /* of a review: enum review_decision; otherwise 0 */
    uint8_t text_bytes[ACT_TEXTS];
    uint8_t zero[4];
};
_Static_assert(sizeof(struct order_act) == 32, "as it stands on the wire");

/* ---- children of an order --------------------------------------------------------------------
 *
 * Payments, refunds, shipments and returns are addressed through their order: a command names the
 * order first, and goes to the order's slot. Ids of children are unique within their order. */

/* Behind the fixed part, in this order. */
enum money_text {
    MONEY_ORDER,
    MONEY_PAYMENT,
    MONEY_REFUND,
    MONEY_METHOD, /* of a new payment; of a notice: the provider */
    MONEY_REASON,
    MONEY_KEY, /* the Idempotency-Key, or none; of a notice: its id */
    MONEY_TEXTS
};

enum notice_kind {
    NOTICE_AUTHORIZED = 1,
    NOTICE_CAPTURED,
    NOTICE_FAILED,
    NOTICE_VOIDED,
    NOTICE_UNKNOWN,
    NOTICE_REFUND_PROCESSING,
    NOTICE_REFUND_SUCCEEDED,
    NOTICE_REFUND_FAILED,
    NOTICE_REFUND_UNKNOWN,
    NOTICE_KINDS
};

#define MONEY_NOT_SAID INT64_MIN

/* What may be done with an order's money; which of the fields each operation takes stands in
 * core/check_money.c. An amount that is not said is all there is: what the payment is for, what is
 * authorized, what has not been refunded. */
struct order_money {
    struct command head;
    int64_t amount;        /* from 0 on; MONEY_NOT_SAID */
    uint64_t issued_at_ns; /* 0: not said; of a notice: when the provider says it happened */
    uint32_t currency;     /* 0: not said; a notice says it */
    uint8_t kind;          /* of a notice: enum notice_kind; otherwise 0 */
    uint8_t text_bytes[MONEY_TEXTS];
    uint8_t zero[5];
};
_Static_assert(sizeof(struct order_money) == 48, "as it stands on the wire");

/* Behind the lines, in this order. */
enum parcel_text {
    PARCEL_ORDER,
    PARCEL_ID, /* of the shipment, or of the return */
    PARCEL_WAREHOUSE,
    PARCEL_CARRIER,
    PARCEL_TRACKING,
    PARCEL_METHOD,
    PARCEL_REASON,
    PARCEL_KEY, /* the Idempotency-Key, or none */
    PARCEL_TEXTS
};

struct parcel_line {
    uint32_t line;     /* counted from 1 */
    uint32_t units;    /* of an inspection: how many are accepted */
    uint32_t rejected; /* of an inspection; otherwise 0 */
    uint32_t zero;
};

/* Choices that a command makes; which of them it may make stands in core/check_parcel.c. */
enum parcel_choice {
    FAIL_PICK_SHORT = 1, /* of OP_SHIPMENT_FAIL */
    FAIL_CARRIER_REJECTED,
    FAIL_DELAYED,
    FAIL_LOST,
    FAIL_RETURNED_TO_SENDER,
    RESOLVE_REFUND = 16, /* of OP_SHIPMENT_RESOLVE */
    RESOLVE_RESHIP,
    RETURN_GOODS = 32, /* of OP_RETURN_CREATE: they come back, and the money goes back */
    RETURN_REFUND_ONLY,
    RETURN_EXCHANGE, /* they come back, and others are sent */
};

/* What may be done with an order's shipments and returns. Behind it: the lines, ascending and each at
 * most once, none for all there is; then the texts. The warehouse is where goods leave or arrive;
 * not said: where the lines are. */
struct order_parcel {
    struct command head;
    uint64_t issued_at_ns; /* 0: not said */
    uint64_t eta_ns;       /* 0: not said */
    uint16_t line_count;
    uint8_t choice; /* enum parcel_choice */
    uint8_t text_bytes[PARCEL_TEXTS];
    uint8_t zero[5];
    struct parcel_line lines[];
};
_Static_assert(sizeof(struct order_parcel) == 48, "as it stands on the wire");

/* What the carrier says of a shipment's way. Codes are ids; delayed, delivered, in_transit, lost and
 * returned_to_sender also move the shipment, if that is forward. */
struct parcel_scan {
    uint64_t at_ns;
    uint8_t code_bytes;
    uint8_t place_bytes;
    uint8_t zero[6];
};

enum { SCANS_MAX = 64 }; /* of one shipment */

/* Behind it: the scans; the order's id, the shipment's; each scan's code and place. */
struct order_scans {
    struct command head;
    uint16_t scan_count;
    uint8_t order_bytes;
    uint8_t shipment_bytes;
    uint8_t zero[4];
    struct parcel_scan scans[];
};
_Static_assert(sizeof(struct order_scans) == 24, "as it stands on the wire");

enum sku_flag { SKU_FLASH = 1 };

/* How many units of a SKU may be sold through a channel. */
struct sku_cap {
    uint64_t units;
    uint8_t channel_bytes;
    char channel[ID_BYTES_MAX]; /* zeros behind the name */
    uint8_t zero[7];
};

enum { CHANNEL_CAPS_MAX = 16 };

struct sku_put { /* behind it: the caps, the code */
    struct command head;
    int64_t list_price;
    uint32_t currency;
    uint32_t max_per_order;    /* 0: no limit */
    uint32_t max_per_customer; /* 0: no limit */
    uint32_t customer_window_s;
    uint32_t weight_g;
    uint8_t flags;
    uint8_t code_bytes;
    uint8_t cap_count;
    uint8_t zero;
    struct sku_cap caps[];
};

struct sku_resolve { /* behind it: the code */
    struct command head;
    uint8_t code_bytes;
    uint8_t zero[7];
};

struct stock_get {
    struct command head;
    uint32_t sku;
    uint32_t zero;
};

struct stock_receive { /* behind it: the warehouse, the Idempotency-Key */
    struct command head;
    uint64_t ok_units;
    uint64_t damaged_units;
    uint64_t issued_at_ns;
    uint32_t sku;
    uint8_t warehouse_bytes;
    uint8_t key_bytes;
    uint8_t zero[2];
};

#define STOCK_ANY_VERSION UINT64_MAX

/* Behind it: the warehouse, the Idempotency-Key, the reason. */
struct stock_change {
    struct command head;
    int64_t units; /* above 0; adjust: either way, not 0; count: what was counted, from 0 on */
    uint64_t issued_at_ns;
    uint64_t if_version; /* of the cell; STOCK_ANY_VERSION: not said, a count needs it */
    uint32_t sku;
    uint8_t warehouse_bytes;
    uint8_t key_bytes;
    uint8_t reason_bytes;
    uint8_t zero;
};

struct stock_policy { /* behind it: the warehouse */
    struct command head;
    uint64_t safety;        /* not sold */
    uint64_t reorder_point; /* 0: never warns */
    uint64_t if_version;    /* STOCK_ANY_VERSION: not said */
    uint32_t sku;
    uint8_t warehouse_bytes;
    uint8_t zero[3];
};

/* Behind it: the warehouse it leaves, the one it goes to, the transfer's id. */
struct transfer_ship {
    struct command head;
    uint64_t issued_at_ns; /* 0: not said */
    uint64_t units;
    uint32_t sku;
    uint8_t from_bytes;
    uint8_t to_bytes;
    uint8_t id_bytes;
    uint8_t zero;
};

/* All of its units that have arrived or are known to be lost, or some of them. Behind it: the
 * transfer's id, the Idempotency-Key. Without a key, a transfer is received once. */
struct transfer_receive {
    struct command head;
    uint64_t issued_at_ns; /* 0: not said */
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
    uint32_t sku;
    uint8_t id_bytes;
    uint8_t key_bytes;
    uint8_t zero[2];
};

struct transfer_get { /* behind it: the id */
    struct command head;
    uint32_t sku;
    uint8_t id_bytes;
    uint8_t zero[3];
};

enum cells_wanted {
    CELLS_MISSING, /* with units missing: the open tasks of stocktakes */
    CELLS_WARNED,  /* at or below their reorder point */
};
enum { CELL_LIST_MAX = 256 };

/* Cells of one shard; see core/shelf.h. */
struct cell_list {
    struct command head;
    uint64_t cursor; /* 0, then what the answer says */
    uint16_t slot;   /* any of the shard that is asked */
    uint16_t limit;  /* WAREHOUSES_MAX..CELL_LIST_MAX */
    uint8_t wanted;  /* enum cells_wanted */
    uint8_t zero[3];
};

struct warehouse_put { /* behind it: the id */
    struct command head;
    uint32_t priority;
    uint8_t id_bytes;
    uint8_t zero[3];
};

struct cost_row {
    uint32_t distance;
    uint32_t weight;
    uint8_t warehouse; /* which of those that the command names, from 0 */
    uint8_t zero[3];
};

enum { COST_ROWS_MAX = 1024 };

/* Replaces a region's whole table. Behind it: the rows, the region's id, the warehouses' ids. */
struct region_costs {
    struct command head;
    uint16_t row_count;
    uint8_t warehouse_count;
    uint8_t region_bytes;
    uint32_t zero;
    uint8_t warehouse_bytes[WAREHOUSES_MAX];
    struct cost_row rows[];
};

enum { RULES_BYTES_MAX = 16384, RULES_MESSAGE_BYTES = 160 };

/* Behind it: the text of all rules (core/rules.h). Answered with a RESULT_RULES, or a
 * RESULT_RULES_FAULT that says where it is wrong. */
struct rules_put {
    struct command head;
    uint32_t text_bytes; /* up to RULES_BYTES_MAX; 0: no rules any more */
    uint32_t zero;
};

struct rules_get {
    struct command head;
};

/* The longest command there may be: an order of ORDER_LINES_MAX lines. */
enum { COMMAND_BYTES_MAX = 64 + ORDER_LINES_MAX * 16 + ADJUSTMENTS_MAX * 16 + ORDER_TEXTS * 64 };

/* Where a command is wrong. */
struct command_fault {
    enum code code;
    const char *field; /* "lines", "customer", ...; static */
    uint32_t line;     /* of the lines, or of the adjustments; counted from 1; 0: in none */
};

/* Looks at one command of at most `available` bytes, at a multiple of 8: CODE_OK, and bytes <=
 * available; or what is wrong with it. After CODE_OK every length, count and character has been
 * looked at, no sum overflows, the total is not below 0, and everything named zero is. */
enum code command_check(const struct command *command, uint64_t available,
                        struct command_fault *fault);

/* The order that a checked command is addressed through; 0 bytes: none. */
struct text command_order(const struct command *command);
/* The slot whose owner answers it; SLOT_COUNT if any shard does. */
uint32_t command_slot(const struct command *command);
/* Whatever comes of it, it changes nothing. */
bool command_only_looks(const struct command *command);

/* Parts of a checked create. */
static inline const struct adjustment *order_create_adjustments(const struct order_create *create)
{
    return (const void *)(create->lines + create->line_count);
}

static inline struct text order_create_text(const struct order_create *create,
                                            enum order_text which)
{
    const char *at = (const char *)(order_create_adjustments(create) + create->adjustment_count);
    for (uint32_t i = 0; i < (uint32_t)which; i++)
        at += create->text_bytes[i];
    return (struct text){at, create->text_bytes[which]};
}
int64_t order_create_total(const struct order_create *create);

/* Whether these are caps of different channels, each with its name. */
bool sku_caps_valid(const struct sku_cap *caps, uint32_t count);
struct text sku_put_code(const struct sku_put *put);
struct text region_costs_region(const struct region_costs *costs);
struct text region_costs_warehouse(const struct region_costs *costs, uint32_t which);

/* Of checked commands about orders, and about shipments and returns. */
struct text order_act_text(const struct order_act *act, enum act_text which);
static inline struct text past_get_order(const struct past_get *get)
{
    return (struct text){(const char *)(get + 1), get->id_bytes};
}
struct text order_parcel_text(const struct order_parcel *parcel, enum parcel_text which);
/* 0: the order's id; 1: the shipment's; 2 + 2 * i: scan i's code; 3 + 2 * i: its place. */
struct text order_scans_text(const struct order_scans *scans, uint32_t which);

/* Of a checked command about money. */
struct text order_money_text(const struct order_money *money, enum money_text which);

#endif
