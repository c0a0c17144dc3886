/* io/route_stock.c - what is asked of SKUs and stock: reading it into commands. */
#include "io/answers.h"
#include "io/routes.h"
#include "io/tasks.h"

#include <string.h>

/* ---- SKUs and stock ---------------------------------------------------------------------------- */

struct form_customer_limit {
    int64_t units;
    int64_t window_s;
};

static const struct schema_field customer_limit_fields[] = {
    FIELD(form_customer_limit, units, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = UINT32_MAX),
    FIELD(form_customer_limit, window_s, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = UINT32_MAX),
};
static SCHEMA(customer_limit_schema, "CustomerLimit", customer_limit_fields,
              struct form_customer_limit);

struct form_sku {
    struct text sku; /* in a batch; else it stands in the path */
    int64_t list_price;
    int64_t max_per_order;
    int64_t weight_g;
    struct form_customer_limit max_per_customer;
    uint32_t currency;
    uint32_t channel_caps;
    bool flash;
};

/* Caps stand right behind the fixed part. */
static bool add_cap(struct schema_reader *reader, const void *item)
{
    int64_t units;
    struct route_request *request = route_request_of(reader);
    struct sku_put *put = route_command(request);
    struct text channel = schema_map_key(reader);
    memcpy(&units, item, sizeof units);
    if (put->cap_count == CHANNEL_CAPS_MAX)
        return schema_refuse(reader, CODE_INVALID, "too_many", NULL);
    for (uint32_t i = 0; i < put->cap_count; i++)
        if (put->caps[i].channel_bytes == channel.bytes &&
            memcmp(put->caps[i].channel, channel.at, channel.bytes) == 0)
            return schema_refuse(reader, CODE_MALFORMED, "duplicate", NULL);
    put->cap_count++;
    struct sku_cap *cap = pile_append(request->command, sizeof *cap);
    cap->units = (uint64_t)units;
    cap->channel_bytes = (uint8_t)channel.bytes;
    memcpy(cap->channel, channel.at, channel.bytes);
    return true;
}

#define SKU_FIELDS                                                                                 \
    FIELD(form_sku, currency, .type = SCHEMA_CURRENCY, .required = true),                          \
        FIELD(form_sku, list_price, .type = SCHEMA_INTEGER, .required = true,                      \
              .max = JSON_INTEGER_MAX, .about = "In minor units of the currency."),                \
        FIELD(form_sku, flash, .type = SCHEMA_BOOL,                                                \
              .about = "A flash sale's article; rules may look at it."),                           \
        FIELD(form_sku, max_per_order, .type = SCHEMA_INTEGER, .min = 1, .max = UINT32_MAX),       \
        FIELD(form_sku, weight_g, .type = SCHEMA_INTEGER, .max = UINT32_MAX),                      \
        FIELD(form_sku, max_per_customer, .type = SCHEMA_OBJECT, .of = &customer_limit_schema),    \
        FIELD(form_sku, channel_caps, .type = SCHEMA_MAP, .max = JSON_INTEGER_MAX,                 \
              .take = add_cap, .about = "To a channel, the units that it may sell at most.")

static const struct schema_field sku_fields[] = {SKU_FIELDS};
static SCHEMA(sku_schema, "SkuRequest", sku_fields, struct form_sku);

static const struct schema_field sku_item_fields[] = {
    FIELD(form_sku, sku, .type = SCHEMA_SKU, .required = true), SKU_FIELDS};
static SCHEMA(sku_item_schema, "SkuBatchItem", sku_item_fields, struct form_sku);

static bool put_sku(struct route_request *request, struct text code)
{
    const struct form_sku *form = (const void *)request->form;
    struct sku_put *put = route_command(request);
    put->list_price = form->list_price;
    put->currency = form->currency;
    put->max_per_order = (uint32_t)form->max_per_order;
    put->max_per_customer = (uint32_t)form->max_per_customer.units;
    put->customer_window_s = (uint32_t)form->max_per_customer.window_s;
    put->weight_g = (uint32_t)form->weight_g;
    put->flags = form->flash ? SKU_FLASH : 0;
    put->code_bytes = route_append_text(request, code);
    return true;
}

static bool build_sku_put(struct route_request *request)
{
    return put_sku(request, request->params[0]);
}

static bool build_sku_item(struct route_request *request)
{
    return put_sku(request, ((const struct form_sku *)(const void *)request->form)->sku);
}

struct form_stock_query {
    struct text sku;
};

static const struct schema_field stock_query_fields[] = {
    FIELD(form_stock_query, sku, .type = SCHEMA_SKU, .required = true),
};
static SCHEMA(stock_query_schema, "StockQuery", stock_query_fields, struct form_stock_query);

static bool build_sku_get(struct route_request *request)
{
    struct stock_get *get = route_command(request);
    return route_need_sku(request, request->params[0], CODE_NOT_FOUND, &get->sku);
}

static bool build_stock_get(struct route_request *request)
{
    const struct form_stock_query *form = (const void *)request->form;
    struct stock_get *get = route_command(request);
    return route_need_sku(request, form->sku, CODE_NOT_FOUND, &get->sku);
}

struct form_receive {
    struct text sku;
    struct text warehouse;
    int64_t units;
    int64_t ok;
    int64_t damaged;
    uint64_t issued_at_ns;
};

static const struct schema_field receive_fields[] = {
    FIELD(form_receive, sku, .type = SCHEMA_SKU, .required = true),
    FIELD(form_receive, warehouse, .type = SCHEMA_ID, .required = true),
    FIELD(form_receive, units, .type = SCHEMA_INTEGER, .min = 1, .max = JSON_INTEGER_MAX,
          .about = "The same as `ok`, where nothing is damaged."),
    FIELD(form_receive, ok, .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX),
    FIELD(form_receive, damaged, .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX,
          .about = "Units that go to quarantine."),
    {.name = "issued_at",
     .type = SCHEMA_TIME,
     .offset = offsetof(struct form_receive, issued_at_ns),
     .about = "A request older than the window for retries is never executed."},
};
static SCHEMA(receive_schema, "StockReceiveRequest", receive_fields, struct form_receive);

static bool build_stock_receive(struct route_request *request)
{
    const struct form_receive *form = (const void *)request->form;
    struct stock_receive *receive = route_command(request);
    if (form->units > 0 && form->ok + form->damaged > 0)
        return schema_refuse(&request->reader, CODE_INVALID, "either_units_or_ok", "units");
    if (form->units + form->ok + form->damaged == 0)
        return schema_refuse(&request->reader, CODE_INVALID, "required", "units");
    if (!route_need_sku(request, form->sku, CODE_UNKNOWN_SKU, &receive->sku))
        return false;
    receive->ok_units = (uint64_t)(form->units + form->ok);
    receive->damaged_units = (uint64_t)form->damaged;
    receive->issued_at_ns = form->issued_at_ns;
    receive->warehouse_bytes = route_append_text(request, form->warehouse);
    receive->key_bytes = route_append_text(request, request->key);
    return true;
}

/* One shape for whatever changes the units of a cell; fields that a command does not know are not in
 * its schema. */
struct form_change {
    struct text sku;
    struct text warehouse;
    struct text reason;
    int64_t units;
    uint64_t issued_at;
};

#define CHANGE_CELL                                                                                \
    FIELD(form_change, sku, .type = SCHEMA_SKU, .required = true),                                 \
        FIELD(form_change, warehouse, .type = SCHEMA_ID, .required = true)
#define CHANGE_UNITS(label, least, sentence)                                                       \
    {                                                                                              \
        .name = (label), .type = SCHEMA_INTEGER, .required = true,                                 \
        .offset = offsetof(struct form_change, units), .min = (least), .max = JSON_INTEGER_MAX,    \
        .about = (sentence)                                                                        \
    }
#define CHANGE_WHY(always)                                                                         \
    FIELD(form_change, reason, .type = SCHEMA_TEXT, .required = (always), .min = (always),         \
          .max = TEXT_BYTES_MAX),                                                                  \
        FIELD(form_change, issued_at, .type = SCHEMA_TIME,                                         \
              .about = "A request older than the window for retries is never executed.")

static const struct schema_field change_fields[] = {CHANGE_CELL, CHANGE_UNITS("units", 1, NULL),
                                                    CHANGE_WHY(false)};
static SCHEMA(change_schema, "StockChangeRequest", change_fields, struct form_change);

static const struct schema_field adjust_fields[] = {
    CHANGE_CELL,
    CHANGE_UNITS("delta", -JSON_INTEGER_MAX, "What comes to the free units; not 0."),
    CHANGE_WHY(true),
};
static SCHEMA(adjust_schema, "StockAdjustRequest", adjust_fields, struct form_change);

static const struct schema_field count_fields[] = {
    CHANGE_CELL,
    CHANGE_UNITS("counted", 0, "Units that are there, whatever they are promised to."),
    CHANGE_WHY(false),
};
static SCHEMA(count_schema, "StocktakeRequest", count_fields, struct form_change);

static bool build_stock_change(struct route_request *request)
{
    const struct form_change *form = (const void *)request->form;
    struct stock_change *change = route_command(request);
    if (form->units == 0 && request->route->op == OP_STOCK_ADJUST)
        return schema_refuse(&request->reader, CODE_INVALID, "range", "delta");
    if (!route_need_sku(request, form->sku, CODE_UNKNOWN_SKU, &change->sku))
        return false;
    change->units = form->units;
    change->issued_at_ns = form->issued_at;
    change->if_version = request->if_version;
    change->warehouse_bytes = route_append_text(request, form->warehouse);
    change->key_bytes = route_append_text(request, request->key);
    change->reason_bytes = route_append_text(request, form->reason);
    return true;
}

struct form_policy {
    int64_t safety;
    int64_t reorder_point;
};

static const struct schema_field policy_fields[] = {
    FIELD(form_policy, safety, .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX,
          .about = "Units that are never sold."),
    FIELD(form_policy, reorder_point, .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX,
          .about = "Fewer sellable units than this are warned of; 0: never."),
};
static SCHEMA(policy_schema, "StockPolicyRequest", policy_fields, struct form_policy);

static bool build_stock_policy(struct route_request *request)
{
    const struct form_policy *form = (const void *)request->form;
    struct stock_policy *policy = route_command(request);
    if (!route_need_sku(request, request->params[0], CODE_NOT_FOUND, &policy->sku))
        return false;
    policy->safety = (uint64_t)form->safety;
    policy->reorder_point = (uint64_t)form->reorder_point;
    policy->if_version = request->if_version;
    policy->warehouse_bytes = route_append_text(request, request->params[1]);
    return true;
}

/* ---- transfers --------------------------------------------------------------------------------- */

struct form_transfer {
    struct text transfer_id;
    struct text sku;
    struct text from;
    struct text to;
    int64_t units;
    uint64_t issued_at;
};

static const struct schema_field transfer_fields[] = {
    FIELD(form_transfer, transfer_id, .type = SCHEMA_ID, .required = true,
          .about = "Chosen by the caller, unique within its SKU; it makes retries safe."),
    FIELD(form_transfer, sku, .type = SCHEMA_SKU, .required = true),
    FIELD(form_transfer, from, .type = SCHEMA_ID, .required = true),
    FIELD(form_transfer, to, .type = SCHEMA_ID, .required = true),
    FIELD(form_transfer, units, .type = SCHEMA_INTEGER, .required = true, .min = 1,
          .max = JSON_INTEGER_MAX),
    FIELD(form_transfer, issued_at, .type = SCHEMA_TIME,
          .about = "A request older than the window for retries is never executed."),
};
static SCHEMA(transfer_schema, "TransferRequest", transfer_fields, struct form_transfer);

static bool build_transfer_ship(struct route_request *request)
{
    const struct form_transfer *form = (const void *)request->form;
    struct transfer_ship *ship = route_command(request);
    if (!route_need_sku(request, form->sku, CODE_UNKNOWN_SKU, &ship->sku))
        return false;
    ship->issued_at_ns = form->issued_at;
    ship->units = (uint64_t)form->units;
    ship->from_bytes = route_append_text(request, form->from);
    ship->to_bytes = route_append_text(request, form->to);
    ship->id_bytes = route_append_text(request, form->transfer_id);
    return true;
}

struct form_transfer_receive {
    int64_t ok;
    int64_t damaged;
    int64_t lost;
    uint64_t issued_at;
};

static const struct schema_field transfer_receive_fields[] = {
    FIELD(form_transfer_receive, ok, .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX),
    FIELD(form_transfer_receive, damaged, .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX,
          .about = "Units that go to quarantine."),
    FIELD(form_transfer_receive, lost, .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX,
          .about = "Units that are written off."),
    FIELD(form_transfer_receive, issued_at, .type = SCHEMA_TIME,
          .about = "A request older than the window for retries is never executed."),
};
static SCHEMA(transfer_receive_schema, "TransferReceiveRequest", transfer_receive_fields,
              struct form_transfer_receive);

static bool build_transfer_receive(struct route_request *request)
{
    const struct form_transfer_receive *form = (const void *)request->form;
    struct transfer_receive *receive = route_command(request);
    if (!route_need_sku(request, request->params[0], CODE_NOT_FOUND, &receive->sku))
        return false;
    if (form->ok + form->damaged + form->lost == 0)
        return schema_refuse(&request->reader, CODE_INVALID, "required", "ok");
    receive->issued_at_ns = form->issued_at;
    receive->ok = (uint64_t)form->ok;
    receive->damaged = (uint64_t)form->damaged;
    receive->lost = (uint64_t)form->lost;
    receive->id_bytes = route_append_text(request, request->params[1]);
    receive->key_bytes = route_append_text(request, request->key);
    return true;
}

static bool build_transfer_get(struct route_request *request)
{
    struct transfer_get *get = route_command(request);
    if (!route_need_sku(request, request->params[0], CODE_NOT_FOUND, &get->sku))
        return false;
    get->id_bytes = route_append_text(request, request->params[1]);
    return true;
}

/* ---- lists of cells ---------------------------------------------------------------------------- */

struct form_cells {
    struct text cursor;
};

static const struct schema_field cells_fields[] = {
    FIELD(form_cells, cursor, .type = SCHEMA_TEXT, .min = 1, .max = TEXT_BYTES_MAX,
          .about = "The `next_cursor` of the page before."),
};
static SCHEMA(cells_schema, "CellListQuery", cells_fields, struct form_cells);

static bool build_cells(struct route_request *request)
{
    struct cell_list *list = route_command(request);
    list->limit = CELL_LIST_MAX;
    list->wanted = CELLS_WARNED;
    request->limit = CELL_LIST_MAX;
    request->cursor = ((const struct form_cells *)(const void *)request->form)->cursor;
    return true;
}

/* All orders are looked at for so many tasks, so a page is short. */
enum { TASKS_ON_A_PAGE = TASKS_TOGETHER };

static bool build_tasks(struct route_request *request)
{
    struct cell_list *list = route_command(request);
    list->limit = TASK_CELLS_MAX;
    list->wanted = CELLS_MISSING;
    request->limit = TASKS_ON_A_PAGE;
    request->cursor = ((const struct form_cells *)(const void *)request->form)->cursor;
    return true;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define CHANGE_REFUSALS(...)                                                                       \
    REFUSALS(CODE_EXPIRED_REQUEST, CODE_UNKNOWN_SKU, CODE_UNKNOWN_WAREHOUSE, CODE_KEY_REUSED,      \
             CODE_OVERFLOW, CODE_STORAGE_FULL, CODE_FULL, __VA_ARGS__)
#define CHANGE_ROUTE(path, label, sentence, schema, which, needs_match)                            \
    {                                                                                              \
        .method = ROUTE_POST, .pattern = "/v1/stock/" path, .name = (label), .about = (sentence),  \
        .status = 200, .op = (which), .command_bytes = sizeof(struct stock_change),                \
        .body = &(schema), .key = ROUTE_NEEDS, .match = (needs_match), .answer = &answer_change,   \
        .refusals = CHANGE_REFUSALS(CODE_OUT_OF_STOCK, CODE_BUSY), .build = build_stock_change     \
    }

static const struct route sku_item = {.status = 200,
                                      .op = OP_SKU_PUT,
                                      .command_bytes = sizeof(struct sku_put),
                                      .body = &sku_item_schema,
                                      .build = build_sku_item};

static const struct schema_field sku_batch_fields[] = {{.name = "skus",
                                                        .type = SCHEMA_LIST,
                                                        .required = true,
                                                        .min = 1,
                                                        .max = ROUTE_ITEMS_MAX,
                                                        .of = &sku_item_schema}};
static const struct schema sku_batch_schema = {"SkuBatchRequest", sku_batch_fields, 1, 0, false};

static const struct route routes[] = {
    {.method = ROUTE_PUT,
     .pattern = "/v1/skus/{sku}",
     .name = "putSku",
     .about = "Creates a SKU or changes its policy.",
     .status = 200,
     .op = OP_SKU_PUT,
     .command_bytes = sizeof(struct sku_put),
     .body = &sku_schema,
     .answer = &answer_sku,
     .refusals = REFUSALS(CODE_CURRENCY_MISMATCH, CODE_STORAGE_FULL, CODE_FULL),
     .build = build_sku_put},
    {.method = ROUTE_GET,
     .pattern = "/v1/skus/{sku}",
     .name = "getSku",
     .about = "A SKU and its policy; what its channels have sold of their caps.",
     .status = 200,
     .op = OP_SKU_GET,
     .command_bytes = sizeof(struct stock_get),
     .takes_min_seq = true,
     .answer = &answer_sku_record,
     .refusals = REFUSALS(CODE_NOT_FOUND, CODE_UNKNOWN_SKU),
     .build = build_sku_get},
    {.method = ROUTE_POST,
     .pattern = "/v1/skus:batch",
     .name = "putSkus",
     .about = "Creates SKUs or changes them one after the other, each on its own.",
     .status = 200,
     .body = &sku_batch_schema,
     .each = &sku_item,
     .each_name = "sku",
     .answer = &answer_sku_results},
    {.method = ROUTE_GET,
     .pattern = "/v1/stock",
     .name = "getStock",
     .about = "The units of a SKU in every warehouse that has had any.",
     .status = 200,
     .op = OP_STOCK_GET,
     .command_bytes = sizeof(struct stock_get),
     .query = &stock_query_schema,
     .takes_min_seq = true,
     .answer = &answer_stock,
     .refusals = REFUSALS(CODE_NOT_FOUND),
     .build = build_stock_get},
    {.method = ROUTE_POST,
     .pattern = "/v1/stock/receive",
     .name = "receiveStock",
     .about = "Takes units in.",
     .status = 200,
     .op = OP_STOCK_RECEIVE,
     .command_bytes = sizeof(struct stock_receive),
     .body = &receive_schema,
     .key = ROUTE_NEEDS,
     .answer = &answer_change,
     .refusals = CHANGE_REFUSALS(CODE_BUSY),
     .build = build_stock_receive},
    CHANGE_ROUTE("expect", "expectStock", "Units that are on their way.", change_schema,
                 OP_STOCK_EXPECT, ROUTE_TAKES),
    CHANGE_ROUTE("adjust", "adjustStock", "Corrects the free units, which stay 0 or more.",
                 adjust_schema, OP_STOCK_ADJUST, ROUTE_TAKES),
    CHANGE_ROUTE(
        "stocktake", "countStock",
        "What was counted becomes what is on hand; what free units do not cover is missing.",
        count_schema, OP_STOCK_COUNT, ROUTE_NEEDS),
    CHANGE_ROUTE("quarantine", "quarantineStock",
                 "Sets free units apart, so that they are not sold.", change_schema,
                 OP_STOCK_QUARANTINE, ROUTE_TAKES),
    CHANGE_ROUTE("clear", "clearStock", "Quarantined units are good, and free again.",
                 change_schema, OP_STOCK_CLEAR, ROUTE_TAKES),
    CHANGE_ROUTE("writeoff", "writeOffStock", "Quarantined units are gone for good.", change_schema,
                 OP_STOCK_WRITE_OFF, ROUTE_TAKES),
    {.method = ROUTE_POST,
     .pattern = "/v1/stock/transfers",
     .name = "shipTransfer",
     .about = "Sends free units from one warehouse to another.",
     .status = 201,
     .op = OP_TRANSFER_SHIP,
     .command_bytes = sizeof(struct transfer_ship),
     .body = &transfer_schema,
     .answer = &answer_transfer,
     .refusals = CHANGE_REFUSALS(CODE_OUT_OF_STOCK, CODE_BUSY),
     .build = build_transfer_ship},
    {.method = ROUTE_GET,
     .pattern = "/v1/stock/transfers/{sku}/{transfer}",
     .name = "getTransfer",
     .about = "What has arrived of a transfer.",
     .status = 200,
     .op = OP_TRANSFER_GET,
     .command_bytes = sizeof(struct transfer_get),
     .takes_min_seq = true,
     .answer = &answer_transfer,
     .refusals = REFUSALS(CODE_NOT_FOUND, CODE_UNKNOWN_SKU),
     .build = build_transfer_get},
    {.method = ROUTE_POST,
     .pattern = "/v1/stock/transfers/{sku}/{transfer}/receive",
     .name = "receiveTransfer",
     .about = "All of a transfer that has arrived or is known to be lost, or some of it.",
     .status = 200,
     .op = OP_TRANSFER_RECEIVE,
     .command_bytes = sizeof(struct transfer_receive),
     .body = &transfer_receive_schema,
     .key = ROUTE_TAKES,
     .answer = &answer_transfer,
     .refusals = CHANGE_REFUSALS(CODE_NOT_FOUND, CODE_ILLEGAL, CODE_LIMIT, CODE_BUSY),
     .build = build_transfer_receive},
    {.method = ROUTE_GET,
     .pattern = "/v1/stock/warnings",
     .name = "listStockWarnings",
     .about = "Where no more units can be sold than the reorder point says, or none but the safety "
              "stock are left.",
     .status = 200,
     .op = OP_CELL_LIST,
     .command_bytes = sizeof(struct cell_list),
     .query = &cells_schema,
     .takes_min_seq = true,
     .walks = true,
     .answer = &answer_warning_list,
     .build = build_cells},
    {.method = ROUTE_GET,
     .pattern = "/v1/tasks",
     .name = "listTasks",
     .about = "Units that were not there when they were counted, and were promised to orders, "
              "which are named. Looks at all orders, once for eight tasks.",
     .status = 200,
     .op = OP_CELL_LIST,
     .command_bytes = sizeof(struct cell_list),
     .query = &cells_schema,
     .takes_min_seq = true,
     .walks = true,
     .answer = &answer_task_list,
     .build = build_tasks},
    {.method = ROUTE_PUT,
     .pattern = "/v1/stock/{sku}/{warehouse}/policy",
     .name = "putStockPolicy",
     .about = "What is kept back from sale, and when to warn.",
     .status = 200,
     .op = OP_STOCK_POLICY,
     .command_bytes = sizeof(struct stock_policy),
     .body = &policy_schema,
     .match = ROUTE_TAKES,
     .answer = &answer_done,
     .refusals = REFUSALS(CODE_NOT_FOUND, CODE_UNKNOWN_WAREHOUSE, CODE_STORAGE_FULL, CODE_FULL),
     .build = build_stock_policy},
};

const struct route_table route_stock = {routes, sizeof routes / sizeof routes[0]};
