/* io/route_orders.c - what is asked of orders: reading it into commands. */
#include "io/answers.h"
#include "io/order_id.h"
#include "io/routes.h"
#include "io/walk.h"

#include <string.h>

/* ---- orders ------------------------------------------------------------------------------------ */

struct form_line {
    struct text sku;
    int64_t units;
    int64_t unit_price;
};

static const struct schema_field line_fields[] = {
    FIELD(form_line, sku, .type = SCHEMA_SKU, .required = true),
    FIELD(form_line, units, .type = SCHEMA_INTEGER, .required = true, .min = 1, .max = UINT32_MAX),
    FIELD(form_line, unit_price, .type = SCHEMA_INTEGER, .required = true, .max = JSON_INTEGER_MAX,
          .about = "In minor units of the order's currency."),
};
static SCHEMA(line_schema, "OrderLine", line_fields, struct form_line);

static bool add_line(struct schema_reader *reader, const void *item)
{
    const struct form_line *form = item;
    struct route_request *request = route_request_of(reader);
    uint32_t sku = route_find_sku(request, form->sku);
    if (sku == 0)
        return schema_refuse(reader, CODE_UNKNOWN_SKU, "unknown_sku", "sku");
    struct command_line *line = pile_append(request->command, sizeof *line);
    line->sku = sku;
    line->units = (uint32_t)form->units;
    line->unit_price = form->unit_price;
    return true;
}

struct form_adjustment {
    int64_t amount;
    uint8_t kind;
};

static const char *const adjustment_kinds[] = {"discount", "shipping", "tax", "fee", "other", NULL};

static const struct schema_field adjustment_fields[] = {
    FIELD(form_adjustment, kind, .type = SCHEMA_CHOICE, .required = true,
          .choices = adjustment_kinds),
    FIELD(form_adjustment, amount, .type = SCHEMA_INTEGER, .required = true,
          .min = -JSON_INTEGER_MAX, .max = JSON_INTEGER_MAX,
          .about = "Added to the total; negative takes away from it."),
};
static SCHEMA(adjustment_schema, "Adjustment", adjustment_fields, struct form_adjustment);

static bool add_adjustment(struct schema_reader *reader, const void *item)
{
    const struct form_adjustment *form = item;
    struct route_request *request = route_request_of(reader);
    struct adjustment *adjustment = &request->adjustments[request->adjustment_count++];
    *adjustment = (struct adjustment){.amount = form->amount, .kind = form->kind};
    return true;
}

struct form_order {
    struct text texts[ORDER_TEXTS];
    uint64_t issued_at_ns;
    uint64_t pay_by_ns;
    uint32_t currency;
    uint32_t line_count;
    uint32_t adjustment_count;
    uint8_t prefer;
};

static const char *const order_prefers[] = {"none", "single_parcel", NULL};

#define ORDER_TEXT(which) offsetof(struct form_order, texts[which])

static const struct schema_field order_fields[] = {
    {.name = "order_id",
     .type = SCHEMA_ID,
     .offset = ORDER_TEXT(ORDER_ID),
     .about = "Chosen by the caller, it makes retries safe. Without it the server makes one, from "
              "the Idempotency-Key if there is one."},
    {.name = "customer", .type = SCHEMA_ID, .required = true, .offset = ORDER_TEXT(ORDER_CUSTOMER)},
    FIELD(form_order, currency, .type = SCHEMA_CURRENCY, .required = true),
    {.name = "lines",
     .type = SCHEMA_LIST,
     .required = true,
     .offset = offsetof(struct form_order, line_count),
     .min = 1,
     .max = ORDER_LINES_MAX,
     .of = &line_schema,
     .take = add_line},
    {.name = "adjustments",
     .type = SCHEMA_LIST,
     .offset = offsetof(struct form_order, adjustment_count),
     .max = ADJUSTMENTS_MAX,
     .of = &adjustment_schema,
     .take = add_adjustment},
    {.name = "channel", .type = SCHEMA_ID, .offset = ORDER_TEXT(ORDER_CHANNEL)},
    {.name = "region", .type = SCHEMA_ID, .offset = ORDER_TEXT(ORDER_REGION)},
    {.name = "pay_method", .type = SCHEMA_ID, .offset = ORDER_TEXT(ORDER_PAY_METHOD)},
    {.name = "campaign",
     .type = SCHEMA_TEXT,
     .offset = ORDER_TEXT(ORDER_CAMPAIGN),
     .max = TEXT_BYTES_MAX},
    {.name = "ship_to",
     .type = SCHEMA_TEXT,
     .offset = ORDER_TEXT(ORDER_SHIP_TO),
     .max = TEXT_BYTES_MAX},
    {.name = "delivery_method",
     .type = SCHEMA_TEXT,
     .offset = ORDER_TEXT(ORDER_DELIVERY),
     .max = TEXT_BYTES_MAX},
    {.name = "pay_by",
     .type = SCHEMA_TIME,
     .offset = offsetof(struct form_order, pay_by_ns),
     .about = "Unpaid by then, the order expires."},
    {.name = "issued_at",
     .type = SCHEMA_TIME,
     .offset = offsetof(struct form_order, issued_at_ns),
     .about = "A request older than the window for retries is never executed."},
    FIELD(form_order, prefer, .type = SCHEMA_CHOICE, .choices = order_prefers),
};
static SCHEMA(order_schema, "OrderRequest", order_fields, struct form_order);

static void append_order_texts(struct route_request *request, const struct form_order *form)
{
    char made[ORDER_ID_MADE_BYTES];
    uint8_t text_bytes[ORDER_TEXTS];
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        struct text text = form->texts[i];
        if (i == ORDER_ID && text.bytes == 0)
            text = request->key.bytes > 0 ? order_id_from_key(request, made)
                                          : order_id_from_time(request, made);
        text_bytes[i] = route_append_text(request, text);
    }
    memcpy(((struct order_create *)route_command(request))->text_bytes, text_bytes, ORDER_TEXTS);
}

static bool build_order_create(struct route_request *request)
{
    const struct form_order *form = (const void *)request->form;
    struct order_create *create = route_command(request);
    create->head.flags = COMMAND_WANT_RECORD;
    create->issued_at_ns = form->issued_at_ns;
    create->pay_by_ns = form->pay_by_ns;
    create->currency = form->currency;
    create->line_count = (uint16_t)form->line_count;
    create->adjustment_count = (uint8_t)form->adjustment_count;
    create->prefer = form->prefer;
    for (uint32_t i = 0; i < request->adjustment_count; i++)
        *(struct adjustment *)pile_append(request->command, sizeof(struct adjustment)) =
            request->adjustments[i];
    append_order_texts(request, form);
    return true;
}

/* Nothing is kept of it, so its id is one of ours, and home is here. */
static bool build_order_quote(struct route_request *request)
{
    struct form_order *form = (void *)request->form;
    form->texts[ORDER_ID].bytes = 0;
    if (!build_order_create(request))
        return false;
    ((struct order_create *)route_command(request))->head.flags |= COMMAND_QUOTE;
    return true;
}

static bool build_order_get(struct route_request *request)
{
    struct order_get *get = route_command(request);
    get->id_bytes = route_append_text(request, request->params[0]);
    return true;
}

/* ---- lists ------------------------------------------------------------------------------------- */

struct form_list {
    struct text customer;
    struct text sku;
    struct text cursor;
    uint64_t created_after;
    uint64_t created_before;
    int64_t limit;
    uint8_t state;
};

static const char *const list_states[] = {
    "any",       "pending_payment",   "in_review", "rejected",    "payment_failed",
    "paid",      "partially_shipped", "shipped",   "ship_failed", "delivered",
    "completed", "cancelled",         "expired",   NULL};
_Static_assert(sizeof list_states / sizeof list_states[0] == ORDER_STATES + 1, "all of them");

static const struct schema_field list_fields[] = {
    FIELD(form_list, customer, .type = SCHEMA_ID, .about = "Newest first; otherwise in no order."),
    FIELD(form_list, state, .type = SCHEMA_CHOICE, .choices = list_states),
    FIELD(form_list, sku, .type = SCHEMA_SKU),
    FIELD(form_list, created_after, .type = SCHEMA_TIME, .about = "At that time or later."),
    FIELD(form_list, created_before, .type = SCHEMA_TIME),
    FIELD(form_list, cursor, .type = SCHEMA_TEXT, .min = 1, .max = TEXT_BYTES_MAX,
          .about = "The `next_cursor` of the page before."),
    FIELD(form_list, limit, .type = SCHEMA_INTEGER, .min = 1, .max = WALK_ITEMS_MAX,
          .about = "Orders on a page (50); there may be fewer, and more to come all the same."),
};
static SCHEMA(list_schema, "OrderListQuery", list_fields, struct form_list);

static bool build_order_list(struct route_request *request)
{
    const struct form_list *form = (const void *)request->form;
    struct order_list *list = route_command(request);
    if (form->sku.bytes > 0) {
        uint32_t sku = route_find_sku(request, form->sku);
        if (sku == 0)
            return schema_refuse(&request->reader, CODE_NOT_FOUND, "unknown_sku", "sku");
        struct list_cell *cell = pile_append(request->command, sizeof *cell);
        *cell = (struct list_cell){.sku = sku, .warehouse = WAREHOUSE_NONE};
        list->cell_count = 1;
    }
    list->created_after_ns = form->created_after;
    list->created_before_ns = form->created_before;
    list->states = form->state == 0 ? 0 : 1u << form->state;
    list->limit = 1; /* each ask says its own */
    list->customer_bytes = route_append_text(request, form->customer);
    request->limit = form->limit == 0 ? WALK_ITEMS : (uint32_t)form->limit;
    request->cursor = form->cursor;
    return true;
}

struct form_tracking {
    struct text tracking;
    struct text cursor;
};

static const struct schema_field tracking_fields[] = {
    FIELD(form_tracking, tracking, .type = SCHEMA_TEXT, .required = true, .min = 1,
          .max = TEXT_BYTES_MAX),
    FIELD(form_tracking, cursor, .type = SCHEMA_TEXT, .min = 1, .max = TEXT_BYTES_MAX,
          .about = "The `next_cursor` of the page before, which may have been empty."),
};
static SCHEMA(tracking_schema, "ShipmentListQuery", tracking_fields, struct form_tracking);

static bool build_shipment_list(struct route_request *request)
{
    const struct form_tracking *form = (const void *)request->form;
    struct order_list *list = route_command(request);
    list->limit = 1; /* each ask says its own */
    list->tracking_bytes = route_append_text(request, form->tracking);
    request->limit = WALK_ITEMS;
    request->cursor = form->cursor;
    return true;
}

/* ---- cancel ------------------------------------------------------------------------------------ */

struct form_cancel_line {
    int64_t line;
    int64_t units;
};

static const struct schema_field cancel_line_fields[] = {
    FIELD(form_cancel_line, line, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = ORDER_LINES_MAX, .about = "Its number in the order, from 1 on."),
    FIELD(form_cancel_line, units, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = UINT32_MAX),
};
static SCHEMA(cancel_line_schema, "CancelLine", cancel_line_fields, struct form_cancel_line);

/* A command has its lines in ascending order, people write them in any. */
static bool add_cancel_line(struct schema_reader *reader, const void *item)
{
    const struct form_cancel_line *form = item;
    struct route_request *request = route_request_of(reader);
    pile_append(request->command, sizeof(struct cancel_line));
    struct cancel_line *first = ((struct order_cancel *)route_command(request))->lines;
    struct cancel_line *at =
        (struct cancel_line *)(void *)(request->command->at + request->command->used_bytes) - 1;
    for (; at > first && at[-1].line > (uint32_t)form->line; at--)
        *at = at[-1];
    *at = (struct cancel_line){(uint32_t)form->line, (uint32_t)form->units};
    if (at > first && at[-1].line == at->line)
        return schema_refuse(reader, CODE_INVALID, "duplicate", "line");
    return true;
}

struct form_cancel {
    struct text reason;
    uint64_t issued_at;
    uint32_t lines;
};

static const struct schema_field cancel_fields[] = {
    FIELD(form_cancel, reason, .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX),
    FIELD(form_cancel, lines, .type = SCHEMA_LIST, .min = 1, .max = ORDER_LINES_MAX,
          .of = &cancel_line_schema, .take = add_cancel_line,
          .about = "Without it: all that is left of the order."),
    FIELD(form_cancel, issued_at, .type = SCHEMA_TIME,
          .about = "A request older than the window for retries is never executed."),
};
static SCHEMA(cancel_schema, "CancelRequest", cancel_fields, struct form_cancel);

static bool build_order_cancel(struct route_request *request)
{
    const struct form_cancel *form = (const void *)request->form;
    struct order_cancel *cancel = route_command(request);
    cancel->issued_at_ns = form->issued_at;
    cancel->line_count = (uint16_t)form->lines;
    cancel->id_bytes = route_append_text(request, request->params[0]);
    cancel->reason_bytes = route_append_text(request, form->reason);
    cancel->key_bytes = route_append_text(request, request->key);
    return true;
}

/* ---- what people decide ------------------------------------------------------------------------ */

struct form_act {
    struct text reason;
    uint64_t issued_at;
    uint8_t decision;
};

#define ACT_FIELDS                                                                                 \
    FIELD(form_act, reason, .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX),                           \
        FIELD(form_act, issued_at, .type = SCHEMA_TIME,                                            \
              .about = "A request older than the window for retries is never executed.")

static const char *const decisions[] = {"accept", "reject", NULL};
static const struct schema_field review_fields[] = {
    FIELD(form_act, decision, .type = SCHEMA_CHOICE, .required = true, .choices = decisions),
    ACT_FIELDS,
};
static SCHEMA(review_schema, "ReviewRequest", review_fields, struct form_act);

static const struct schema_field confirm_fields[] = {ACT_FIELDS};
static SCHEMA(confirm_schema, "ConfirmRequest", confirm_fields, struct form_act);

static bool build_act(struct route_request *request)
{
    const struct form_act *form = (const void *)request->form;
    struct order_act *act = route_command(request);
    const struct text texts[ACT_TEXTS] = {
        [ACT_ORDER] = request->params[0], [ACT_REASON] = form->reason, [ACT_KEY] = request->key};
    act->issued_at_ns = form->issued_at;
    if (request->route->op == OP_ORDER_REVIEW)
        act->decision = (uint8_t)(REVIEW_ACCEPT + form->decision);
    for (uint32_t i = 0; i < ACT_TEXTS; i++) {
        uint8_t bytes = route_append_text(request, texts[i]);
        ((struct order_act *)route_command(request))->text_bytes[i] = bytes;
    }
    return true;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define ACT_REFUSALS                                                                               \
    REFUSALS(CODE_NOT_FOUND, CODE_ILLEGAL, CODE_EXPIRED_REQUEST, CODE_KEY_REUSED,                  \
             CODE_STORAGE_FULL, CODE_FULL)

/* Every row that has OP_ORDER_CREATE for its op. */
#define CREATE                                                                                     \
    .op = OP_ORDER_CREATE, .command_bytes = sizeof(struct order_create), .body = &order_schema

static const struct route batch_item = {.status = 201, CREATE, .build = build_order_create};

static const struct schema_field batch_fields[] = {{.name = "orders",
                                                    .type = SCHEMA_LIST,
                                                    .required = true,
                                                    .min = 1,
                                                    .max = ROUTE_ITEMS_MAX,
                                                    .of = &order_schema}};
static const struct schema batch_schema = {"OrderBatchRequest", batch_fields, 1, 0, false};

static const struct route routes[] = {
    {.method = ROUTE_POST,
     .pattern = "/v1/orders",
     .name = "createOrder",
     .about = "Places an order: reserves all of its lines, or refuses it without a trace.",
     .status = 201,
     CREATE,
     .key = ROUTE_TAKES,
     .answer = &answer_order,
     .refusals = REFUSALS(CODE_OUT_OF_STOCK, CODE_LIMIT, CODE_EXPIRED_REQUEST, CODE_UNKNOWN_SKU,
                          CODE_UNKNOWN_REGION, CODE_KEY_REUSED, CODE_OVERFLOW, CODE_STORAGE_FULL,
                          CODE_CURRENCY_MISMATCH, CODE_FULL),
     .build = build_order_create},
    {.method = ROUTE_POST,
     .pattern = "/v1/orders:batch",
     .name = "createOrders",
     .about = "Places orders one after the other, each on its own, whatever becomes of the others.",
     .status = 200,
     .body = &batch_schema,
     .key = ROUTE_TAKES,
     .each = &batch_item,
     .each_name = "order",
     .answer = &answer_order_results},
    {.method = ROUTE_POST,
     .pattern = "/v1/orders:quote",
     .name = "quoteOrder",
     .about = "What an order would be if it were placed now: price, state, warehouses. Changes "
              "nothing, and an `order_id` means nothing.",
     .status = 200,
     CREATE,
     .answer = &answer_quote,
     .refusals = REFUSALS(CODE_OUT_OF_STOCK, CODE_LIMIT, CODE_EXPIRED_REQUEST, CODE_UNKNOWN_SKU,
                          CODE_UNKNOWN_REGION, CODE_OVERFLOW, CODE_CURRENCY_MISMATCH),
     .build = build_order_quote},
    {.method = ROUTE_GET,
     .pattern = "/v1/orders/{id}",
     .name = "getOrder",
     .about = "An order as it stands.",
     .status = 200,
     .op = OP_ORDER_GET,
     .command_bytes = sizeof(struct order_get),
     .takes_min_seq = true,
     .answer = &answer_order,
     .refusals = REFUSALS(CODE_NOT_FOUND),
     .build = build_order_get},
    {.method = ROUTE_GET,
     .pattern = "/v1/orders",
     .name = "listOrders",
     .about = "Orders of a customer, or all that are as asked for, page by page.",
     .status = 200,
     .op = OP_ORDER_LIST,
     .command_bytes = sizeof(struct order_list),
     .query = &list_schema,
     .takes_min_seq = true,
     .walks = true,
     .answer = &answer_order_list,
     .refusals = REFUSALS(CODE_NOT_FOUND),
     .build = build_order_list},
    {.method = ROUTE_GET,
     .pattern = "/v1/shipments",
     .name = "findShipments",
     .about =
         "The orders with a shipment of that tracking number. Looks at all orders, a page at a "
         "time.",
     .status = 200,
     .op = OP_ORDER_LIST,
     .command_bytes = sizeof(struct order_list),
     .query = &tracking_schema,
     .takes_min_seq = true,
     .walks = true,
     .answer = &answer_order_list,
     .build = build_shipment_list},
    {.method = ROUTE_POST,
     .pattern = "/v1/orders/{id}/cancel",
     .name = "cancelOrder",
     .about = "Cancels an order, or some units of some lines that are not shipped yet.",
     .status = 200,
     .op = OP_ORDER_CANCEL,
     .command_bytes = sizeof(struct order_cancel),
     .body = &cancel_schema,
     .key = ROUTE_TAKES,
     .answer = &answer_order,
     .refusals = ACT_REFUSALS,
     .build = build_order_cancel},
    {.method = ROUTE_POST,
     .pattern = "/v1/orders/{id}/review",
     .name = "reviewOrder",
     .about = "Accepts or rejects an order that a rule has put aside for a person.",
     .status = 200,
     .op = OP_ORDER_REVIEW,
     .command_bytes = sizeof(struct order_act),
     .body = &review_schema,
     .key = ROUTE_TAKES,
     .answer = &answer_order,
     .refusals = ACT_REFUSALS,
     .build = build_act},
    {.method = ROUTE_POST,
     .pattern = "/v1/orders/{id}/confirm",
     .name = "confirmOrder",
     .about = "The buyer has what was delivered: the order is completed.",
     .status = 200,
     .op = OP_ORDER_CONFIRM,
     .command_bytes = sizeof(struct order_act),
     .body = &confirm_schema,
     .key = ROUTE_TAKES,
     .answer = &answer_order,
     .refusals = ACT_REFUSALS,
     .build = build_act},
};

const struct route_table route_orders = {routes, sizeof routes / sizeof routes[0]};
