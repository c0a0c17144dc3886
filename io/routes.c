#include "io/routes.h"

#include "io/answers.h"

#include <stdio.h>
#include <string.h>

/* ---- what commands are made with --------------------------------------------------------------- */

struct route_request *route_request_of(struct schema_reader *reader)
{
    return (struct route_request *)(void *)reader;
}

void *route_command(const struct route_request *request)
{
    return request->command->at + request->command_at;
}

uint8_t route_append_text(struct route_request *request, struct text text)
{
    struct pile *pile = request->command;
    CHECK(pile->capacity_bytes - pile->used_bytes >= text.bytes);
    if (text.bytes > 0)
        memcpy(pile->at + pile->used_bytes, text.at, text.bytes);
    pile->used_bytes += text.bytes;
    return (uint8_t)text.bytes;
}

uint32_t route_find_sku(struct route_request *request, struct text code)
{
    struct catalogue_sku entry;
    uint32_t sku = catalogue_find(request->server->catalogue, code);
    if (sku == 0 || !catalogue_read(request->server->catalogue, sku, &entry))
        return 0;
    if (entry.seen > request->seen)
        request->seen = entry.seen;
    return sku;
}

bool route_need_sku(struct route_request *request, struct text code, enum code otherwise,
                    uint32_t *sku)
{
    *sku = route_find_sku(request, code);
    return *sku != 0 || schema_refuse(&request->reader, otherwise, "unknown_sku", "sku");
}

/* ---- the table --------------------------------------------------------------------------------- */

static bool build_nothing(struct route_request *request)
{
    (void)request;
    return true;
}

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
     .pattern = "/latency.hgrm",
     .name = "getLatency",
     .about =
         "How long answers took since the start, in ms, to within 1 %: HdrHistogram's spectrum.",
     .status = 200,
     .page = HTTP_PAGE_LATENCY},
    {.method = ROUTE_POST,
     .pattern = "/snapshots",
     .name = "makeSnapshot",
     .about = "Makes a snapshot as soon as possible; the metrics say when it is there.",
     .status = 200,
     .page = HTTP_PAGE_SNAPSHOT},
    {.method = ROUTE_GET,
     .pattern = "/audit",
     .name = "getAudit",
     .about = "The equations that always hold, over all shards at one moment.",
     .status = 200,
     .op = OP_AUDIT,
     .command_bytes = sizeof(struct command),
     .answer = &answer_audit,
     .refusals = REFUSALS(CODE_BUSY),
     .build = build_nothing},
    {.method = ROUTE_GET,
     .pattern = "/openapi.json",
     .name = "getDescription",
     .about = "This description, made from the table that routes the requests.",
     .status = 200,
     .page = HTTP_PAGE_OPENAPI},
};

static const struct route_table admin = {admin_routes,
                                         sizeof admin_routes / sizeof admin_routes[0]};
static const struct route_table *const shop_tables[] = {
    &route_orders, &route_money, &route_parcels, &route_stock, &route_logistics, &route_past, NULL};
static const struct route_table *const admin_tables[] = {&admin, NULL};

const struct route *route_at(bool is_admin, uint32_t index)
{
    for (const struct route_table *const *table = is_admin ? admin_tables : shop_tables;
         *table != NULL; index -= (*table)->count, table++)
        if (index < (*table)->count)
            return &(*table)->at[index];
    return NULL;
}

bool route_body_optional(const struct route *route)
{
    for (uint32_t i = 0; i < route->body->field_count; i++)
        if (route->body->fields[i].required)
            return false;
    return true;
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

/* A parameter takes what there is up to the next '/' or the end; NULL: there is nothing. */
static const char *param_end(const char *at, const char *end)
{
    const char *from = at;
    while (at < end && *at != '/')
        at++;
    return at > from ? at : NULL;
}

static bool path_matches(const char *pattern, struct text path)
{
    const char *at = path.at, *end = path.at + path.bytes;
    while (*pattern != 0) {
        if (*pattern == '{') {
            at = param_end(at, end);
            if (at == NULL)
                return false;
            pattern = strchr(pattern, '}') + 1;
        } else if (at == end || *at++ != *pattern++) {
            return false;
        }
    }
    return at == end;
}

const struct route *route_find(bool is_admin, enum route_method method, struct text path,
                               uint32_t *allowed)
{
    const struct route *route;
    *allowed = 0;
    for (uint32_t i = 0; (route = route_at(is_admin, i)) != NULL; i++) {
        if (!path_matches(route->pattern, path))
            continue;
        if (route->method == method)
            return route;
        *allowed |= route->method;
    }
    return NULL;
}

void route_params(const struct route *route, struct text path, struct text params[ROUTE_PARAMS_MAX])
{
    const char *at = path.at, *end = path.at + path.bytes;
    const char *pattern = route->pattern;
    memset(params, 0, ROUTE_PARAMS_MAX * sizeof params[0]);
    for (uint32_t i = 0; i < ROUTE_PARAMS_MAX; i++) {
        const char *brace = strchr(pattern, '{');
        if (brace == NULL)
            return;
        at += brace - pattern;
        params[i] = (struct text){at, (uint32_t)(param_end(at, end) - at)};
        at += params[i].bytes;
        pattern = strchr(brace, '}') + 1;
    }
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

uint64_t route_min_seq(struct text query)
{
    static const char name[] = "min_seq=";
    const char *end = query.at + query.bytes, *at = query.at;
    while (at != NULL && end - at > (ptrdiff_t)sizeof name - 1 &&
           memcmp(at, name, sizeof name - 1) != 0) {
        const char *ampersand = memchr(at, '&', (size_t)(end - at));
        at = ampersand == NULL ? NULL : ampersand + 1;
    }
    if (at == NULL || end - at <= (ptrdiff_t)sizeof name - 1)
        return 0;
    uint64_t seq = 0;
    for (at += sizeof name - 1; at < end && *at >= '0' && *at <= '9'; at++)
        seq = seq > JSON_INTEGER_MAX ? seq : seq * 10 + (uint64_t)(*at - '0');
    return (at == end || *at == '&') && seq <= JSON_INTEGER_MAX ? seq : 0;
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
    const struct route *route = request->route;
    if (route->body != NULL && bytes == 0 && route_body_optional(route))
        return schema_read_nothing(&request->reader, route->body, request->form);
    if (route->body != NULL)
        return schema_read(&request->reader, route->body, body, bytes, request->form);
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
    struct command *command = route_command(request);
    while (pile->used_bytes % 8 != 0)
        pile->at[pile->used_bytes++] = 0;
    command->bytes = pile->used_bytes - request->command_at;
    command->op = (uint16_t)request->route->op;
    if (command_check(command, command->bytes, &fault) != CODE_OK)
        return refuse_command(request, &fault);
    return true;
}

static void begin(struct route_request *request)
{
    const struct route *route = request->route;
    const struct schema *form = route->body != NULL ? route->body : route->query;
    if (form != NULL)
        memset(request->form, 0, form->struct_bytes);
    request->command_at = request->command->used_bytes;
    request->reader.fault.code = CODE_OK;
    json_init(&request->reader.json, NULL, 0);
    pile_append(request->command, request->route->command_bytes);
}

bool route_begin_items(struct route_request *request, struct text query, void *body,
                       uint32_t body_bytes, uint32_t *at)
{
    request->reader.fault.code = CODE_OK;
    json_init(&request->reader.json, NULL, 0);
    return read_path(request) && read_query(request, query) &&
           schema_list_begin(&request->reader, request->route->body, body, body_bytes, at);
}

enum schema_item route_read_item(struct route_request *request, void *body, uint32_t body_bytes,
                                 uint32_t *at)
{
    const struct schema *schema = request->route->body;
    begin(request);
    enum schema_item item =
        schema_list_next(&request->reader, schema, body, body_bytes, at, request->form);
    if (item == SCHEMA_ITEM_READ && request->route->build(request) && finish_command(request))
        return SCHEMA_ITEM_READ;
    request->command->used_bytes = request->command_at;
    return item == SCHEMA_ITEM_NONE ? item : SCHEMA_ITEM_REFUSED;
}

bool route_read(struct route_request *request, struct text query, void *body, uint32_t body_bytes)
{
    begin(request);
    if (read_path(request) && read_query(request, query) && read_body(request, body, body_bytes) &&
        request->route->build(request) && finish_command(request))
        return true;
    request->command->used_bytes = request->command_at;
    return false;
}
