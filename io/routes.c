#include "io/routes.h"

#include "io/answers.h"

#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SCHEMA(symbol, label, list, form)                                                          \
    const struct schema symbol = {.name = (label),                                                 \
                                  .fields = (list),                                                \
                                  .field_count = COUNT(list),                                      \
                                  .struct_bytes = sizeof(form)}

/* ---- what commands are made with --------------------------------------------------------------- */

static struct route_request *request_of(struct schema_reader *reader)
{
    return (struct route_request *)(void *)reader;
}

static void *command_of(struct route_request *request)
{
    return request->command->at + request->command_at;
}

/* Appends a text behind what there is; the end is padded when the command is complete. */
static uint8_t append_text(struct route_request *request, struct text text)
{
    struct pile *pile = request->command;
    CHECK(pile->capacity_bytes - pile->used_bytes >= text.bytes);
    if (text.bytes > 0)
        memcpy(pile->at + pile->used_bytes, text.at, text.bytes);
    pile->used_bytes += text.bytes;
    return (uint8_t)text.bytes;
}

/* The number of a SKU, 0 if there is none; what is seen here must not be answered before it is
 * durable. */
static uint32_t find_sku(struct route_request *request, struct text code)
{
    struct catalogue_sku entry;
    uint32_t sku = catalogue_find(request->server->catalogue, code);
    if (sku == 0 || !catalogue_read(request->server->catalogue, sku, &entry))
        return 0;
    if (entry.seen > request->seen)
        request->seen = entry.seen;
    return sku;
}

/* The 128 bits as 26 characters that sort like the number (Crockford's base 32). */
enum { MADE_ID_BYTES = 26 };

static struct text print_id(uint64_t high, uint64_t low, char out[MADE_ID_BYTES])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (uint32_t i = MADE_ID_BYTES; i > 0; i--) {
        out[i - 1] = digits[low & 31];
        low = low >> 5 | high << 59;
        high >>= 5;
    }
    return (struct text){out, MADE_ID_BYTES};
}

/* Depends on caller and key alone, so that a retry finds the same order wherever it arrives. */
static struct text id_from_key(const struct route_request *request, char out[MADE_ID_BYTES])
{
    uint8_t bytes[1 + 2 * 256];
    uint32_t caller_bytes = request->caller.bytes;
    CHECK(caller_bytes <= 255 && request->key.bytes <= 255);
    bytes[0] = (uint8_t)caller_bytes;
    if (caller_bytes > 0)
        memcpy(bytes + 1, request->caller.at, caller_bytes);
    memcpy(bytes + 1 + caller_bytes, request->key.at, request->key.bytes);
    XXH128_hash_t hash = XXH3_128bits(bytes, 1 + caller_bytes + request->key.bytes);
    return print_id(hash.high64, hash.low64, out);
}

/* Milliseconds, then 80 random bits: chosen so that this shard is the order's home. */
static struct text id_from_time(const struct route_request *request, char out[MADE_ID_BYTES])
{
    const struct http_server *server = request->server;
    uint64_t high = (request->now_ns / 1000000) << 16 | request->id_random[0] >> 48;
    uint64_t low = request->id_random[1];
    struct text id = print_id(high, low, out);
    for (uint32_t tries = 0; tries < SLOT_COUNT * SHARDS_MAX; tries++) {
        if (server->slot_shard[hash_slot(key_hash(id))] == server->shard_number)
            break;
        id = print_id(high, ++low, out);
    }
    return id;
}

/* ---- orders ------------------------------------------------------------------------------------ */

struct form_line {
    struct text sku;
    int64_t units;
    int64_t unit_price;
};

static const struct schema_field line_fields[] = {
    {.name = "sku",
     .type = SCHEMA_SKU,
     .required = true,
     .offset = offsetof(struct form_line, sku)},
    {.name = "units",
     .type = SCHEMA_INTEGER,
     .required = true,
     .offset = offsetof(struct form_line, units),
     .min = 1,
     .max = UINT32_MAX},
    {.name = "unit_price",
     .type = SCHEMA_INTEGER,
     .required = true,
     .offset = offsetof(struct form_line, unit_price),
     .max = JSON_INTEGER_MAX,
     .about = "In minor units of the order's currency."},
};
static SCHEMA(line_schema, "OrderLine", line_fields, struct form_line);

struct form_adjustment {
    int64_t amount;
    uint8_t kind;
};

static const char *const adjustment_kinds[] = {"discount", "shipping", "tax", "fee", "other", NULL};

static const struct schema_field adjustment_fields[] = {
    {.name = "kind",
     .type = SCHEMA_CHOICE,
     .required = true,
     .offset = offsetof(struct form_adjustment, kind),
     .choices = adjustment_kinds},
    {.name = "amount",
     .type = SCHEMA_INTEGER,
     .required = true,
     .offset = offsetof(struct form_adjustment, amount),
     .min = -JSON_INTEGER_MAX,
     .max = JSON_INTEGER_MAX,
     .about = "Added to the total; negative takes away from it."},
};
static SCHEMA(adjustment_schema, "Adjustment", adjustment_fields, struct form_adjustment);

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
    {.name = "currency",
     .type = SCHEMA_CURRENCY,
     .required = true,
     .offset = offsetof(struct form_order, currency)},
    {.name = "lines",
     .type = SCHEMA_LIST,
     .required = true,
     .offset = offsetof(struct form_order, line_count),
     .min = 1,
     .max = ORDER_LINES_MAX,
     .of = &line_schema},
    {.name = "adjustments",
     .type = SCHEMA_LIST,
     .offset = offsetof(struct form_order, adjustment_count),
     .max = ADJUSTMENTS_MAX,
     .of = &adjustment_schema},
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
    {.name = "prefer",
     .type = SCHEMA_CHOICE,
     .offset = offsetof(struct form_order, prefer),
     .choices = order_prefers},
};
static SCHEMA(order_schema, "OrderRequest", order_fields, struct form_order);

static bool add_line(struct route_request *request, const struct form_line *form)
{
    uint32_t sku = find_sku(request, form->sku);
    if (sku == 0)
        return schema_refuse(&request->reader, CODE_UNKNOWN_SKU, "unknown_sku", "sku");
    struct command_line *line = pile_append(request->command, sizeof *line);
    line->sku = sku;
    line->units = (uint32_t)form->units;
    line->unit_price = form->unit_price;
    return true;
}

static bool add_adjustment(struct route_request *request, const struct form_adjustment *form)
{
    struct adjustment *adjustment = &request->adjustments[request->adjustment_count++];
    *adjustment = (struct adjustment){.amount = form->amount, .kind = form->kind};
    return true;
}

static bool on_item(struct schema_reader *reader, const struct schema_field *list, const void *item)
{
    if (list->of == &line_schema)
        return add_line(request_of(reader), item);
    return add_adjustment(request_of(reader), item);
}

static void append_order_texts(struct route_request *request, const struct form_order *form)
{
    char made[MADE_ID_BYTES];
    uint8_t text_bytes[ORDER_TEXTS];
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        struct text text = form->texts[i];
        if (i == ORDER_ID && text.bytes == 0)
            text =
                request->key.bytes > 0 ? id_from_key(request, made) : id_from_time(request, made);
        text_bytes[i] = append_text(request, text);
    }
    memcpy(((struct order_create *)command_of(request))->text_bytes, text_bytes, ORDER_TEXTS);
}

static bool build_order_create(struct route_request *request)
{
    const struct form_order *form = (const void *)request->form;
    struct order_create *create = command_of(request);
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

static bool build_order_get(struct route_request *request)
{
    struct order_get *get = command_of(request);
    get->id_bytes = append_text(request, request->params[0]);
    return true;
}

/* ---- SKUs and stock ---------------------------------------------------------------------------- */

struct form_customer_limit {
    int64_t units;
    int64_t window_s;
};

static const struct schema_field customer_limit_fields[] = {
    {.name = "units",
     .type = SCHEMA_INTEGER,
     .required = true,
     .offset = offsetof(struct form_customer_limit, units),
     .min = 1,
     .max = UINT32_MAX},
    {.name = "window_s",
     .type = SCHEMA_INTEGER,
     .required = true,
     .offset = offsetof(struct form_customer_limit, window_s),
     .min = 1,
     .max = UINT32_MAX},
};
static SCHEMA(customer_limit_schema, "CustomerLimit", customer_limit_fields,
              struct form_customer_limit);

struct form_sku {
    int64_t list_price;
    int64_t max_per_order;
    int64_t weight_g;
    struct form_customer_limit max_per_customer;
    uint32_t currency;
    bool flash;
};

static const struct schema_field sku_fields[] = {
    {.name = "currency",
     .type = SCHEMA_CURRENCY,
     .required = true,
     .offset = offsetof(struct form_sku, currency)},
    {.name = "list_price",
     .type = SCHEMA_INTEGER,
     .required = true,
     .offset = offsetof(struct form_sku, list_price),
     .max = JSON_INTEGER_MAX,
     .about = "In minor units of the currency."},
    {.name = "flash",
     .type = SCHEMA_BOOL,
     .offset = offsetof(struct form_sku, flash),
     .about = "A flash sale's article; rules may look at it."},
    {.name = "max_per_order",
     .type = SCHEMA_INTEGER,
     .offset = offsetof(struct form_sku, max_per_order),
     .min = 1,
     .max = UINT32_MAX},
    {.name = "weight_g",
     .type = SCHEMA_INTEGER,
     .offset = offsetof(struct form_sku, weight_g),
     .max = UINT32_MAX},
    {.name = "max_per_customer",
     .type = SCHEMA_OBJECT,
     .offset = offsetof(struct form_sku, max_per_customer),
     .of = &customer_limit_schema},
};
static SCHEMA(sku_schema, "SkuRequest", sku_fields, struct form_sku);

static bool build_sku_put(struct route_request *request)
{
    const struct form_sku *form = (const void *)request->form;
    struct sku_put *put = command_of(request);
    put->list_price = form->list_price;
    put->currency = form->currency;
    put->max_per_order = (uint32_t)form->max_per_order;
    put->max_per_customer = (uint32_t)form->max_per_customer.units;
    put->customer_window_s = (uint32_t)form->max_per_customer.window_s;
    put->weight_g = (uint32_t)form->weight_g;
    put->flags = form->flash ? SKU_FLASH : 0;
    put->code_bytes = append_text(request, request->params[0]);
    return true;
}

struct form_stock_query {
    struct text sku;
};

static const struct schema_field stock_query_fields[] = {
    {.name = "sku",
     .type = SCHEMA_SKU,
     .required = true,
     .offset = offsetof(struct form_stock_query, sku)},
};
static SCHEMA(stock_query_schema, "StockQuery", stock_query_fields, struct form_stock_query);

static bool build_stock_get(struct route_request *request)
{
    const struct form_stock_query *form = (const void *)request->form;
    struct stock_get *get = command_of(request);
    get->sku = find_sku(request, form->sku);
    return get->sku != 0 || schema_refuse(&request->reader, CODE_NOT_FOUND, "unknown_sku", "sku");
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
    {.name = "sku",
     .type = SCHEMA_SKU,
     .required = true,
     .offset = offsetof(struct form_receive, sku)},
    {.name = "warehouse",
     .type = SCHEMA_ID,
     .required = true,
     .offset = offsetof(struct form_receive, warehouse)},
    {.name = "units",
     .type = SCHEMA_INTEGER,
     .offset = offsetof(struct form_receive, units),
     .min = 1,
     .max = JSON_INTEGER_MAX,
     .about = "The same as `ok`, where nothing is damaged."},
    {.name = "ok",
     .type = SCHEMA_INTEGER,
     .offset = offsetof(struct form_receive, ok),
     .max = JSON_INTEGER_MAX},
    {.name = "damaged",
     .type = SCHEMA_INTEGER,
     .offset = offsetof(struct form_receive, damaged),
     .max = JSON_INTEGER_MAX,
     .about = "Units that go to quarantine."},
    {.name = "issued_at",
     .type = SCHEMA_TIME,
     .offset = offsetof(struct form_receive, issued_at_ns),
     .about = "A request older than the window for retries is never executed."},
};
static SCHEMA(receive_schema, "StockReceiveRequest", receive_fields, struct form_receive);

static bool build_stock_receive(struct route_request *request)
{
    const struct form_receive *form = (const void *)request->form;
    struct stock_receive *receive = command_of(request);
    if (form->units > 0 && form->ok + form->damaged > 0)
        return schema_refuse(&request->reader, CODE_INVALID, "either_units_or_ok", "units");
    if (form->units + form->ok + form->damaged == 0)
        return schema_refuse(&request->reader, CODE_INVALID, "required", "units");
    receive->sku = find_sku(request, form->sku);
    if (receive->sku == 0)
        return schema_refuse(&request->reader, CODE_UNKNOWN_SKU, "unknown_sku", "sku");
    receive->ok_units = (uint64_t)(form->units + form->ok);
    receive->damaged_units = (uint64_t)form->damaged;
    receive->issued_at_ns = form->issued_at_ns;
    receive->warehouse_bytes = append_text(request, form->warehouse);
    receive->key_bytes = append_text(request, request->key);
    return true;
}

/* ---- logistics --------------------------------------------------------------------------------- */

struct form_warehouse {
    int64_t priority;
};

static const struct schema_field warehouse_fields[] = {
    {.name = "priority",
     .type = SCHEMA_INTEGER,
     .required = true,
     .offset = offsetof(struct form_warehouse, priority),
     .max = UINT32_MAX,
     .about = "Among warehouses that cost the same, the lower number ships."},
};
static SCHEMA(warehouse_schema, "WarehouseRequest", warehouse_fields, struct form_warehouse);

static bool build_warehouse_put(struct route_request *request)
{
    const struct form_warehouse *form = (const void *)request->form;
    struct warehouse_put *put = command_of(request);
    put->priority = (uint32_t)form->priority;
    put->id_bytes = append_text(request, request->params[0]);
    return true;
}

/* ---- the table --------------------------------------------------------------------------------- */

static const enum code order_create_refusals[] = {CODE_OUT_OF_STOCK,
                                                  CODE_LIMIT,
                                                  CODE_EXPIRED_REQUEST,
                                                  CODE_UNKNOWN_SKU,
                                                  CODE_UNKNOWN_REGION,
                                                  CODE_KEY_REUSED,
                                                  CODE_OVERFLOW,
                                                  CODE_STORAGE_FULL,
                                                  CODE_CURRENCY_MISMATCH,
                                                  CODE_FULL,
                                                  CODE_OK};
static const enum code get_refusals[] = {CODE_NOT_FOUND, CODE_OK};
static const enum code put_refusals[] = {CODE_FULL, CODE_OK};
static const enum code sku_put_refusals[] = {CODE_CURRENCY_MISMATCH, CODE_FULL, CODE_OK};
static const enum code receive_refusals[] = {CODE_EXPIRED_REQUEST,
                                             CODE_UNKNOWN_SKU,
                                             CODE_UNKNOWN_WAREHOUSE,
                                             CODE_KEY_REUSED,
                                             CODE_OVERFLOW,
                                             CODE_FULL,
                                             CODE_OK};

static const struct route shop_routes[] = {
    {.method = ROUTE_POST,
     .pattern = "/v1/orders",
     .name = "createOrder",
     .about = "Places an order: reserves all of its lines, or refuses it without a trace.",
     .status = 201,
     .op = OP_ORDER_CREATE,
     .command_bytes = sizeof(struct order_create),
     .body = &order_schema,
     .key = ROUTE_KEY_OPTIONAL,
     .answer = &answer_order,
     .refusals = order_create_refusals,
     .build = build_order_create},
    {.method = ROUTE_GET,
     .pattern = "/v1/orders/{id}",
     .name = "getOrder",
     .about = "An order as it stands.",
     .status = 200,
     .op = OP_ORDER_GET,
     .command_bytes = sizeof(struct order_get),
     .takes_min_seq = true,
     .answer = &answer_order,
     .refusals = get_refusals,
     .build = build_order_get},
    {.method = ROUTE_PUT,
     .pattern = "/v1/skus/{sku}",
     .name = "putSku",
     .about = "Creates a SKU or changes its policy.",
     .status = 200,
     .op = OP_SKU_PUT,
     .command_bytes = sizeof(struct sku_put),
     .body = &sku_schema,
     .answer = &answer_sku,
     .refusals = sku_put_refusals,
     .build = build_sku_put},
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
     .refusals = get_refusals,
     .build = build_stock_get},
    {.method = ROUTE_POST,
     .pattern = "/v1/stock/receive",
     .name = "receiveStock",
     .about = "Takes units in.",
     .status = 200,
     .op = OP_STOCK_RECEIVE,
     .command_bytes = sizeof(struct stock_receive),
     .body = &receive_schema,
     .key = ROUTE_KEY_REQUIRED,
     .answer = &answer_change,
     .refusals = receive_refusals,
     .build = build_stock_receive},
    {.method = ROUTE_PUT,
     .pattern = "/v1/warehouses/{id}",
     .name = "putWarehouse",
     .about = "Creates a warehouse or changes its priority.",
     .status = 200,
     .op = OP_WAREHOUSE_PUT,
     .command_bytes = sizeof(struct warehouse_put),
     .body = &warehouse_schema,
     .answer = &answer_done,
     .refusals = put_refusals,
     .build = build_warehouse_put},
};

static const struct route admin_routes[] = {
    {.method = ROUTE_GET,
     .pattern = "/livez",
     .name = "isAlive",
     .about = "The process runs.",
     .status = 200,
     .page = HTTP_PAGE_LIVE,
     .answer = &answer_health},
    {.method = ROUTE_GET,
     .pattern = "/readyz",
     .name = "isReady",
     .about = "New connections are welcome; no longer so as soon as a drain begins.",
     .status = 200,
     .page = HTTP_PAGE_READY,
     .answer = &answer_health},
    {.method = ROUTE_GET,
     .pattern = "/metrics",
     .name = "getMetrics",
     .about = "Metrics in the text format of Prometheus.",
     .status = 200,
     .page = HTTP_PAGE_METRICS},
    {.method = ROUTE_GET,
     .pattern = "/openapi.json",
     .name = "getDescription",
     .about = "This description, made from the table that routes the requests.",
     .status = 200,
     .page = HTTP_PAGE_OPENAPI},
};

const struct route *route_list(bool admin, uint32_t *count)
{
    *count = admin ? COUNT(admin_routes) : COUNT(shop_routes);
    return admin ? admin_routes : shop_routes;
}

const char *route_method_name(enum route_method method)
{
    switch (method) {
    case ROUTE_GET:
        return "GET";
    case ROUTE_POST:
        return "POST";
    case ROUTE_PUT:
        return "PUT";
    case ROUTE_DELETE:
        return "DELETE";
    case ROUTE_OTHER:
        break;
    }
    return "";
}

/* Bytes up to the next '/' or the end; both begin behind a '/'. */
static uint32_t segment_bytes(const char *at, uint32_t bytes)
{
    const char *slash = memchr(at, '/', bytes);
    return slash == NULL ? bytes : (uint32_t)(slash - at);
}

static bool path_matches(struct text pattern, struct text path,
                         struct text params[ROUTE_PARAMS_MAX])
{
    for (uint32_t param_count = 0;;) {
        if (pattern.bytes == 0 || path.bytes == 0)
            return pattern.bytes == path.bytes;
        if (*path.at != '/')
            return false;
        uint32_t want = segment_bytes(pattern.at + 1, pattern.bytes - 1);
        uint32_t have = segment_bytes(path.at + 1, path.bytes - 1);
        if (want > 0 && have > 0 && pattern.at[1] == '{')
            params[param_count++] = (struct text){path.at + 1, have};
        else if (want != have || memcmp(pattern.at + 1, path.at + 1, want) != 0)
            return false;
        pattern = (struct text){pattern.at + 1 + want, pattern.bytes - 1 - want};
        path = (struct text){path.at + 1 + have, path.bytes - 1 - have};
    }
}

const struct route *route_find(bool admin, enum route_method method, struct text path,
                               struct text params[ROUTE_PARAMS_MAX], uint32_t *allowed)
{
    uint32_t count;
    const struct route *list = route_list(admin, &count);
    *allowed = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!path_matches(text_of(list[i].pattern), path, params))
            continue;
        if (list[i].method == method)
            return &list[i];
        *allowed |= list[i].method;
    }
    return NULL;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Replaces %XX in place. False: no two digits behind a '%'. */
static bool percent_decode(struct text *text)
{
    char *to = (char *)(uintptr_t)text->at;
    const char *from = text->at, *end = from + text->bytes;
    if (memchr(from, '%', text->bytes) == NULL)
        return true;
    while (from < end) {
        if (*from != '%') {
            *to++ = *from++;
            continue;
        }
        if (end - from < 3 || hex_value(from[1]) < 0 || hex_value(from[2]) < 0)
            return false;
        *to++ = (char)(hex_value(from[1]) * 16 + hex_value(from[2]));
        from += 3;
    }
    text->bytes = (uint32_t)(to - text->at);
    return true;
}

static bool refuse_query(struct route_request *request, enum code code, const char *what)
{
    return schema_refuse(&request->reader, code, what, NULL);
}

static const struct schema_field min_seq_field = {
    .name = "min_seq", .type = SCHEMA_INTEGER, .max = JSON_INTEGER_MAX};

static bool text_is(struct text text, const char *string)
{
    return strlen(string) == text.bytes && memcmp(text.at, string, text.bytes) == 0;
}

static bool read_min_seq(struct route_request *request, struct text value)
{
    int64_t min_seq = 0;
    if (request->min_seq != 0)
        return refuse_query(request, CODE_MALFORMED, "duplicate");
    if (!schema_read_text(&request->reader, &min_seq_field, value, &min_seq))
        return false;
    request->min_seq = (uint64_t)min_seq;
    return true;
}

static bool read_pair(struct route_request *request, struct text name, struct text value,
                      uint32_t *seen)
{
    const struct schema *query = request->route->query;
    if (request->route->takes_min_seq && text_is(name, min_seq_field.name))
        return read_min_seq(request, value);
    for (uint32_t i = 0; query != NULL && i < query->field_count; i++) {
        if (!text_is(name, query->fields[i].name))
            continue;
        if (*seen >> i & 1)
            return refuse_query(request, CODE_MALFORMED, "duplicate");
        *seen |= 1u << i;
        return schema_read_text(&request->reader, &query->fields[i], value, request->form);
    }
    return refuse_query(request, CODE_MALFORMED, "unknown");
}

static bool read_query(struct route_request *request, struct text query)
{
    uint32_t seen = 0;
    const struct schema *schema = request->route->query;
    while (query.bytes > 0) {
        const char *ampersand = memchr(query.at, '&', query.bytes);
        uint32_t bytes = ampersand == NULL ? query.bytes : (uint32_t)(ampersand - query.at);
        const char *equals = memchr(query.at, '=', bytes);
        uint32_t name_bytes = equals == NULL ? bytes : (uint32_t)(equals - query.at);
        struct text name = {query.at, name_bytes};
        struct text value = {query.at + name_bytes, 0};
        if (equals != NULL)
            value = (struct text){equals + 1, bytes - name_bytes - 1};
        if (!percent_decode(&name) || !percent_decode(&value))
            return refuse_query(request, CODE_MALFORMED, "percent");
        if (!read_pair(request, name, value, &seen))
            return false;
        uint32_t taken = ampersand == NULL ? bytes : bytes + 1;
        query = (struct text){query.at + taken, query.bytes - taken};
    }
    for (uint32_t i = 0; schema != NULL && i < schema->field_count; i++)
        if (schema->fields[i].required && !(seen >> i & 1))
            return schema_refuse(&request->reader, CODE_INVALID, "required",
                                 schema->fields[i].name);
    return true;
}

static bool read_path(struct route_request *request)
{
    for (uint32_t i = 0; i < ROUTE_PARAMS_MAX && request->params[i].bytes > 0; i++)
        if (!percent_decode(&request->params[i]))
            return refuse_query(request, CODE_MALFORMED, "percent");
    return true;
}

static bool read_body(struct route_request *request, void *body, uint32_t bytes)
{
    request->reader.on_item = on_item;
    if (request->route->body != NULL)
        return schema_read(&request->reader, request->route->body, body, bytes, request->form);
    return bytes == 0 || refuse_query(request, CODE_MALFORMED, "takes_no_body");
}

/* What command_check found, as the pointer into the request that it came from. */
static bool refuse_command(struct route_request *request, const struct command_fault *fault)
{
    char member[64];
    bool of_adjustment = strcmp(fault->field, "kind") == 0 || strcmp(fault->field, "amount") == 0;
    if (fault->line == 0)
        snprintf(member, sizeof member, "%s", fault->field);
    else
        snprintf(member, sizeof member, "%s/%u/%s", of_adjustment ? "adjustments" : "lines",
                 fault->line - 1, fault->field);
    const char *what = fault->code == CODE_OVERFLOW ? "overflow" : "value";
    return schema_refuse(&request->reader, fault->code, what, member);
}

static bool finish_command(struct route_request *request)
{
    struct command_fault fault;
    struct pile *pile = request->command;
    struct command *command = command_of(request);
    while (pile->used_bytes % 8 != 0)
        pile->at[pile->used_bytes++] = 0;
    command->bytes = pile->used_bytes - request->command_at;
    command->op = (uint16_t)request->route->op;
    if (command_check(command, command->bytes, &fault) != CODE_OK)
        return refuse_command(request, &fault);
    return true;
}

bool route_read(struct route_request *request, struct text query, void *body, uint32_t body_bytes)
{
    request->command_at = request->command->used_bytes;
    request->reader.fault.code = CODE_OK;
    json_init(&request->reader.json, NULL, 0);
    pile_append(request->command, request->route->command_bytes);
    if (read_path(request) && read_query(request, query) && read_body(request, body, body_bytes) &&
        request->route->build(request) && finish_command(request))
        return true;
    request->command->used_bytes = request->command_at;
    return false;
}
