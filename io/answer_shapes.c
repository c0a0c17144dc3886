/* io/answer_shapes.c - what the bodies of answers hold, for the table of routes and /openapi.json. */
#include "io/answers.h"
#include "io/routes.h"
#include "io/tasks.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Only said, never read into a struct in earnest: every value stands at offset 0. */
enum { ANSWER_BYTES = 64 };

#define ANSWER(symbol, label, list)                                                                \
    const struct schema symbol = {label, list, COUNT(list), ANSWER_BYTES, true}

#define TEXT_MEMBER(label, always)                                                                 \
    {                                                                                              \
        .name = (label), .type = SCHEMA_TEXT, .required = (always), .max = TEXT_BYTES_MAX          \
    }
#define SENTENCE_MEMBER(label, always)                                                             \
    {                                                                                              \
        .name = (label), .type = SCHEMA_TEXT, .required = (always), .max = 512                     \
    }
#define ID_MEMBER(label, always)                                                                   \
    {                                                                                              \
        .name = (label), .type = SCHEMA_ID, .required = (always)                                   \
    }
#define SKU_MEMBER                                                                                 \
    {                                                                                              \
        .name = "sku", .type = SCHEMA_SKU, .required = true                                        \
    }
#define COUNT_MEMBER(label)                                                                        \
    {                                                                                              \
        .name = (label), .type = SCHEMA_INTEGER, .required = true, .max = INT64_MAX                \
    }
#define MONEY_MEMBER(label)                                                                        \
    {                                                                                              \
        .name = (label), .type = SCHEMA_INTEGER, .required = true, .min = INT64_MIN,               \
        .max = INT64_MAX, .about = "In minor units of the currency."                               \
    }
#define TIME_MEMBER(label, sentence)                                                               \
    {                                                                                              \
        .name = (label), .type = SCHEMA_TIME, .about = (sentence)                                  \
    }
#define LIST_MEMBER(label, always, items)                                                          \
    {                                                                                              \
        .name = (label), .type = SCHEMA_LIST, .required = (always), .max = ORDER_LINES_MAX,        \
        .of = (items)                                                                              \
    }

static const struct schema_field order_line_fields[] = {
    COUNT_MEMBER("line"),          SKU_MEMBER,
    COUNT_MEMBER("units"),         MONEY_MEMBER("unit_price"),
    ID_MEMBER("warehouse", false), COUNT_MEMBER("shipped"),
    COUNT_MEMBER("returned"),      COUNT_MEMBER("cancelled"),
};
static ANSWER(answer_order_line, "OrderLineState", order_line_fields);

static const struct schema_field order_adjustment_fields[] = {
    ID_MEMBER("kind", true),
    MONEY_MEMBER("amount"),
};
static ANSWER(answer_adjustment, "OrderAdjustment", order_adjustment_fields);

static const struct schema_field stage_fields[] = {
    TIME_MEMBER("created", NULL), TIME_MEMBER("reviewed", NULL),  TIME_MEMBER("paid", NULL),
    TIME_MEMBER("shipped", NULL), TIME_MEMBER("delivered", NULL), TIME_MEMBER("closed", NULL),
};
static ANSWER(answer_stages, "OrderStages", stage_fields);

static const char *const order_states[] = {
    "pending_payment",   "in_review", "rejected",    "payment_failed", "paid",
    "partially_shipped", "shipped",   "ship_failed", "delivered",      "completed",
    "cancelled",         "expired",   NULL};

static const char *const payment_states[] = {"created", "authorized", "captured", "failed",
                                             "voided",  "unknown",    NULL};
static const char *const refund_states[] = {"requested", "processing", "succeeded",
                                            "failed",    "unknown",    NULL};

static const struct schema_field refund_fields[] = {
    ID_MEMBER("refund_id", true),
    ID_MEMBER("order_id", false),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = refund_states},
    MONEY_MEMBER("amount"),
    TEXT_MEMBER("reason", false),
    TIME_MEMBER("created_at", NULL),
};
ANSWER(answer_refund, "Refund", refund_fields);

static const struct schema_field payment_fields[] = {
    ID_MEMBER("payment_id", true),
    ID_MEMBER("order_id", false),
    ID_MEMBER("method", false),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = payment_states},
    MONEY_MEMBER("amount"),
    MONEY_MEMBER("authorized"),
    MONEY_MEMBER("captured"),
    MONEY_MEMBER("refund_pending"),
    MONEY_MEMBER("refunded"),
    TIME_MEMBER("created_at", NULL),
    LIST_MEMBER("refunds", true, &answer_refund),
};
ANSWER(answer_payment, "Payment", payment_fields);

static const char *const shipment_states[] = {
    "planned",   "picking",   "handed_over",        "in_transit",
    "delivered", "cancelled", "pick_short",         "carrier_rejected",
    "delayed",   "lost",      "returned_to_sender", "refunded",
    "reshipped", NULL};
_Static_assert(sizeof shipment_states / sizeof shipment_states[0] == SHIPMENT_STATES, "all");

static const struct schema_field parcel_line_fields[] = {COUNT_MEMBER("line"),
                                                         COUNT_MEMBER("units")};
static ANSWER(answer_parcel_line, "ShipmentLine", parcel_line_fields);

static const struct schema_field answer_scan_fields[] = {
    ID_MEMBER("code", true), TIME_MEMBER("at", NULL), TEXT_MEMBER("place", false)};
static ANSWER(answer_scan, "ShipmentScan", answer_scan_fields);

static const struct schema_field shipment_fields[] = {
    ID_MEMBER("shipment_id", true),
    ID_MEMBER("order_id", false),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = shipment_states},
    ID_MEMBER("warehouse", false),
    ID_MEMBER("carrier", false),
    TEXT_MEMBER("tracking", false),
    TEXT_MEMBER("method", false),
    TIME_MEMBER("eta", NULL),
    TIME_MEMBER("created_at", NULL),
    TIME_MEMBER("changed_at", NULL),
    LIST_MEMBER("lines", false, &answer_parcel_line),
    LIST_MEMBER("scans", false, &answer_scan),
};
ANSWER(answer_shipment, "Shipment", shipment_fields);

static const char *const return_kinds[] = {"return", "refund_only", "exchange", NULL};
static const char *const return_states[] = {"requested",  "approved", "refused",
                                            "in_transit", "received", "inspected",
                                            "refunding",  "closed",   NULL};
_Static_assert(sizeof return_states / sizeof return_states[0] == RETURN_STATES, "all");

static const struct schema_field return_line_fields[] = {
    COUNT_MEMBER("line"), COUNT_MEMBER("units"), COUNT_MEMBER("accepted"),
    COUNT_MEMBER("rejected")};
static ANSWER(answer_return_line, "ReturnLine", return_line_fields);

static const struct schema_field return_fields[] = {
    ID_MEMBER("return_id", true),
    ID_MEMBER("order_id", false),
    {.name = "kind", .type = SCHEMA_CHOICE, .required = true, .choices = return_kinds},
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = return_states},
    TEXT_MEMBER("reason", false),
    TIME_MEMBER("created_at", NULL),
    TIME_MEMBER("changed_at", NULL),
    LIST_MEMBER("lines", false, &answer_return_line),
};
ANSWER(answer_return, "Return", return_fields);

static const struct schema_field answer_order_fields[] = {
    ID_MEMBER("order_id", true),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = order_states},
    COUNT_MEMBER("version"),
    MONEY_MEMBER("total"),
    {.name = "currency", .type = SCHEMA_CURRENCY, .required = true},
    ID_MEMBER("customer", true),
    ID_MEMBER("channel", false),
    ID_MEMBER("region", false),
    ID_MEMBER("pay_method", false),
    TEXT_MEMBER("campaign", false),
    TEXT_MEMBER("ship_to", false),
    TEXT_MEMBER("delivery_method", false),
    LIST_MEMBER("lines", true, &answer_order_line),
    LIST_MEMBER("adjustments", false, &answer_adjustment),
    {.name = "stages",
     .type = SCHEMA_OBJECT,
     .required = true,
     .of = &answer_stages,
     .about = "When the order entered each stage."},
    TEXT_MEMBER("created_by", true),
    TEXT_MEMBER("modified_by", true),
    TIME_MEMBER("expires_at", "Unpaid by then, the order expires."),
    LIST_MEMBER("payments", false, &answer_payment),
    LIST_MEMBER("shipments", false, &answer_shipment),
    LIST_MEMBER("returns", false, &answer_return),
};
ANSWER(answer_order, "Order", answer_order_fields);

static const struct schema_field order_list_fields[] = {
    LIST_MEMBER("items", true, &answer_order),
    {.name = "next_cursor",
     .type = SCHEMA_TEXT,
     .max = TEXT_BYTES_MAX,
     .about = "Where the next page begins, if there may be one."},
};
ANSWER(answer_order_list, "OrderList", order_list_fields);

static const struct schema_field answer_quote_fields[] = {
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = order_states},
    MONEY_MEMBER("total"),
    {.name = "currency", .type = SCHEMA_CURRENCY, .required = true},
    LIST_MEMBER("lines", true, &answer_order_line),
};
ANSWER(answer_quote, "Quote", answer_quote_fields);

static const struct schema_field answer_cell_fields[] = {
    SKU_MEMBER,
    ID_MEMBER("warehouse", true),
    COUNT_MEMBER("on_hand"),
    COUNT_MEMBER("free"),
    COUNT_MEMBER("held"),
    COUNT_MEMBER("reserved"),
    COUNT_MEMBER("committed"),
    COUNT_MEMBER("quarantined"),
    COUNT_MEMBER("incoming"),
    COUNT_MEMBER("in_transfer"),
    COUNT_MEMBER("missing"),
    COUNT_MEMBER("sellable"),
    COUNT_MEMBER("version"),
};
static ANSWER(answer_cell, "StockCell", answer_cell_fields);

static const struct schema_field answer_stock_fields[] = {LIST_MEMBER("items", true, &answer_cell)};
ANSWER(answer_stock, "Stock", answer_stock_fields);

static const struct schema_field answer_change_fields[] = {
    {.name = "delta",
     .type = SCHEMA_INTEGER,
     .required = true,
     .min = INT64_MIN,
     .max = INT64_MAX,
     .about = "What came to the units on hand."},
    COUNT_MEMBER("missing"),
    {.name = "task_id",
     .type = SCHEMA_TEXT,
     .max = 20,
     .about = "Open until nothing is missing; see GET /v1/tasks."},
};
ANSWER(answer_change, "StockChange", answer_change_fields);

static const struct schema_field task_order_fields[] = {
    ID_MEMBER("order_id", true),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = order_states},
    COUNT_MEMBER("units"),
    TIME_MEMBER("created_at", NULL),
};
static ANSWER(answer_task_order, "TaskOrder", task_order_fields);

static const struct schema_field task_fields[] = {
    {.name = "task_id", .type = SCHEMA_TEXT, .required = true, .max = 20},
    SKU_MEMBER,
    ID_MEMBER("warehouse", true),
    COUNT_MEMBER("missing"),
    COUNT_MEMBER("reserved"),
    COUNT_MEMBER("committed"),
    TIME_MEMBER("opened_at", NULL),
    {.name = "orders",
     .type = SCHEMA_LIST,
     .required = true,
     .max = TASK_ORDERS_MAX,
     .of = &answer_task_order,
     .about = "Those that are hit: unpaid ones first, of them the newest, until they cover what is "
              "missing."},
};
static ANSWER(answer_task, "Task", task_fields);

static const struct schema_field warning_fields[] = {
    SKU_MEMBER,
    ID_MEMBER("warehouse", true),
    COUNT_MEMBER("sellable"),
    COUNT_MEMBER("reorder_point"),
    COUNT_MEMBER("safety"),
    COUNT_MEMBER("incoming"),
};
static ANSWER(answer_warning, "StockWarning", warning_fields);

#define PAGE_MEMBERS(items)                                                                        \
    {.name = "items",                                                                              \
     .type = SCHEMA_LIST,                                                                          \
     .required = true,                                                                             \
     .max = ORDER_LINES_MAX,                                                                       \
     .of = (items)},                                                                               \
    {                                                                                              \
        .name = "next_cursor", .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX,                         \
        .about = "Where the next page begins, if there may be one."                                \
    }

static const struct schema_field task_list_fields[] = {PAGE_MEMBERS(&answer_task)};
ANSWER(answer_task_list, "TaskList", task_list_fields);
static const struct schema_field warning_list_fields[] = {PAGE_MEMBERS(&answer_warning)};
ANSWER(answer_warning_list, "StockWarningList", warning_list_fields);

static const char *const transfer_states[] = {"in_transfer", "received", NULL};
static const struct schema_field transfer_fields[] = {
    ID_MEMBER("transfer_id", true),
    SKU_MEMBER,
    ID_MEMBER("from", true),
    ID_MEMBER("to", true),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = transfer_states},
    COUNT_MEMBER("units"),
    COUNT_MEMBER("ok"),
    COUNT_MEMBER("damaged"),
    COUNT_MEMBER("lost"),
    TIME_MEMBER("shipped_at", NULL),
    TIME_MEMBER("received_at", NULL),
};
ANSWER(answer_transfer, "Transfer", transfer_fields);

#define SUM_MEMBER(label)                                                                          \
    {                                                                                              \
        .name = (label), .type = SCHEMA_INTEGER, .required = true, .min = INT64_MIN,               \
        .max = INT64_MAX                                                                           \
    }
static const struct schema_field equation_fields[] = {TEXT_MEMBER("name", true), SUM_MEMBER("left"),
                                                      SUM_MEMBER("right"), SUM_MEMBER("in_flight")};
static ANSWER(answer_equation, "Equation", equation_fields);
static const struct schema_field answer_audit_fields[] = {
    COUNT_MEMBER("commit_seq"),
    {.name = "ok", .type = SCHEMA_BOOL, .required = true, .about = "left + in_flight == right"},
    {.name = "equations",
     .type = SCHEMA_LIST,
     .required = true,
     .max = EQUATIONS_MAX,
     .of = &answer_equation},
};
ANSWER(answer_audit, "Audit", answer_audit_fields);

static const struct schema_field answer_sku_fields[] = {SKU_MEMBER};
ANSWER(answer_sku, "Sku", answer_sku_fields);

static const struct schema_field limit_fields[] = {COUNT_MEMBER("units"), COUNT_MEMBER("window_s")};
static ANSWER(answer_limit, "CustomerLimitState", limit_fields);

static const struct schema_field sku_record_fields[] = {
    SKU_MEMBER,
    {.name = "currency", .type = SCHEMA_CURRENCY, .required = true},
    MONEY_MEMBER("list_price"),
    {.name = "flash", .type = SCHEMA_BOOL, .required = true},
    COUNT_MEMBER("max_per_order"),
    COUNT_MEMBER("weight_g"),
    {.name = "max_per_customer", .type = SCHEMA_OBJECT, .required = true, .of = &answer_limit},
    {.name = "channel_caps", .type = SCHEMA_MAP, .required = true, .max = INT64_MAX},
};
ANSWER(answer_sku_record, "SkuRecord", sku_record_fields);

static const struct schema_field answer_done_fields[] = {COUNT_MEMBER("commit_seq")};
ANSWER(answer_done, "Done", answer_done_fields);

static const char *const health_states[] = {"ok", "starting", "draining", NULL};
static const struct schema_field answer_health_fields[] = {
    {.name = "status", .type = SCHEMA_CHOICE, .required = true, .choices = health_states}};
ANSWER(answer_health, "Health", answer_health_fields);

static const struct schema_field short_line_fields[] = {SKU_MEMBER, COUNT_MEMBER("requested"),
                                                        COUNT_MEMBER("sellable")};
static ANSWER(answer_short_line, "ShortLine", short_line_fields);

static const struct schema_field field_error_fields[] = {
    {.name = "pointer",
     .type = SCHEMA_TEXT,
     .required = true,
     .max = JSON_POINTER_BYTES_MAX,
     .about = "RFC 6901, into the body or to a parameter's name."},
    TEXT_MEMBER("code", true),
};
static ANSWER(answer_field_error, "FieldError", field_error_fields);

static const char *const code_names[] = {
#define X(id, number, name, status, again, title) name,
    CODES(X)
#undef X
        NULL};

static const struct schema_field answer_problem_fields[] = {
    SENTENCE_MEMBER("type", true),
    SENTENCE_MEMBER("title", true),
    COUNT_MEMBER("status"),
    {.name = "code", .type = SCHEMA_CHOICE, .required = true, .choices = code_names},
    {.name = "retryable",
     .type = SCHEMA_BOOL,
     .required = true,
     .about = "Whether the same request may succeed later."},
    SENTENCE_MEMBER("detail", false),
    {.name = "byte",
     .type = SCHEMA_INTEGER,
     .max = INT64_MAX,
     .about = "Where in the body, if its bytes are at fault."},
    {.name = "errors",
     .type = SCHEMA_LIST,
     .max = 1,
     .of = &answer_field_error,
     .about = "The first field that is wrong: what stands behind it has not been looked at."},
    {.name = "lines",
     .type = SCHEMA_LIST,
     .max = ORDER_LINES_MAX,
     .of = &answer_short_line,
     .about = "What is short."},
    {.name = "state",
     .type = SCHEMA_TEXT,
     .max = TEXT_BYTES_MAX,
     .about = "Of the order, payment, ..., if it does not allow the move."},
    {.name = "allowed",
     .type = SCHEMA_NAMES,
     .max = 32,
     .about = "The moves that its state allows."},
};
ANSWER(answer_problem, "Problem", answer_problem_fields);

/* ---- of batches --------------------------------------------------------------------------------- */

#define RESULT_MEMBERS(label, resource)                                                            \
    COUNT_MEMBER("status"), {.name = (label), .type = SCHEMA_OBJECT, .of = (resource)},            \
        {.name = "problem", .type = SCHEMA_OBJECT, .of = &answer_problem},                         \
        {.name = "commit_seq", .type = SCHEMA_INTEGER, .max = INT64_MAX},                          \
    {                                                                                              \
        .name = "replayed", .type = SCHEMA_BOOL, .about = "Known already; the first answer again." \
    }
#define RESULTS_MEMBER(items)                                                                      \
    {                                                                                              \
        .name = "results", .type = SCHEMA_LIST, .required = true, .max = ROUTE_ITEMS_MAX,          \
        .of = (items), .about = "In the order of what was asked."                                  \
    }

static const struct schema_field order_result_fields[] = {RESULT_MEMBERS("order", &answer_order)};
static ANSWER(answer_order_result, "OrderResult", order_result_fields);
static const struct schema_field order_results_fields[] = {RESULTS_MEMBER(&answer_order_result)};
ANSWER(answer_order_results, "OrderResults", order_results_fields);

static const struct schema_field sku_result_fields[] = {RESULT_MEMBERS("sku", &answer_sku)};
static ANSWER(answer_sku_result, "SkuResult", sku_result_fields);
static const struct schema_field sku_results_fields[] = {RESULTS_MEMBER(&answer_sku_result)};
ANSWER(answer_sku_results, "SkuResults", sku_results_fields);
