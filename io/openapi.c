#include "io/openapi.h"

#include "io/answers.h"
#include "io/routes.h"

#include <stdio.h>
#include <string.h>

static void member(struct json_writer *writer, const char *key, const char *value)
{
    json_member_text(writer, key, text_of(value));
}

static void open_member(struct json_writer *writer, const char *key, char bracket)
{
    json_write_key(writer, key);
    json_write_open(writer, bracket);
}

static void member_bool(struct json_writer *writer, const char *key, bool value)
{
    json_member_bool(writer, key, value);
}

static void member_reference(struct json_writer *writer, const char *kind, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "#/components/%s/%s", kind, name);
    member(writer, "$ref", path);
}

/* ---- schemas ----------------------------------------------------------------------------------- */

static void write_choices(struct json_writer *writer, const char *const *choices)
{
    open_member(writer, "enum", '[');
    for (; *choices != NULL; choices++)
        json_write_text(writer, text_of(*choices));
    json_write_close(writer, ']');
}

static void write_range(struct json_writer *writer, const struct schema_field *field)
{
    if (field->min > INT64_MIN)
        json_member_integer(writer, "minimum", field->min);
    if (field->max < INT64_MAX)
        json_member_integer(writer, "maximum", field->max);
}

static void write_items(struct json_writer *writer, const struct schema_field *field)
{
    json_member_integer(writer, "minItems", field->min);
    json_member_integer(writer, "maxItems", field->max);
    open_member(writer, "items", '{');
    member_reference(writer, "schemas", field->of->name);
    json_write_close(writer, '}');
}

static void write_type(struct json_writer *writer, const struct schema_field *field)
{
    static const char *const types[] = {
        [SCHEMA_ID] = "string",       [SCHEMA_SKU] = "string",    [SCHEMA_TEXT] = "string",
        [SCHEMA_CURRENCY] = "string", [SCHEMA_TIME] = "string",   [SCHEMA_INTEGER] = "integer",
        [SCHEMA_BOOL] = "boolean",    [SCHEMA_CHOICE] = "string", [SCHEMA_OBJECT] = NULL,
        [SCHEMA_LIST] = "array",      [SCHEMA_NAMES] = "array",   [SCHEMA_MAP] = "object",
    };
    if (types[field->type] != NULL)
        member(writer, "type", types[field->type]);
    switch (field->type) {
    case SCHEMA_ID:
        member(writer, "pattern", "^[0-9A-Za-z._-]{1,32}$");
        return;
    case SCHEMA_SKU:
        member(writer, "pattern", "^[!-~]{1,32}$");
        return;
    case SCHEMA_TEXT:
        json_member_integer(writer, "maxLength", field->max);
        return;
    case SCHEMA_CURRENCY:
        member(writer, "pattern", "^[A-Z]{3}$");
        return;
    case SCHEMA_TIME:
        member(writer, "format", "date-time");
        return;
    case SCHEMA_INTEGER:
        member(writer, "format", "int64");
        write_range(writer, field);
        return;
    case SCHEMA_CHOICE:
        write_choices(writer, field->choices);
        return;
    case SCHEMA_OBJECT:
        member_reference(writer, "schemas", field->of->name);
        return;
    case SCHEMA_LIST:
        write_items(writer, field);
        return;
    case SCHEMA_MAP:
        open_member(writer, "additionalProperties", '{');
        if (field->of == NULL) {
            member(writer, "type", "integer");
            member(writer, "format", "int64");
            write_range(writer, field);
            json_write_close(writer, '}');
            return;
        }
        member(writer, "type", "array");
        json_member_integer(writer, "minItems", 1);
        json_member_integer(writer, "maxItems", field->max);
        open_member(writer, "items", '{');
        member_reference(writer, "schemas", field->of->name);
        json_write_close(writer, '}');
        json_write_close(writer, '}');
        return;
    case SCHEMA_NAMES:
        open_member(writer, "items", '{');
        member(writer, "type", "string");
        json_write_close(writer, '}');
        return;
    case SCHEMA_BOOL:
        return;
    }
}

static void write_field(struct json_writer *writer, const struct schema_field *field)
{
    json_write_open(writer, '{');
    write_type(writer, field);
    if (field->about != NULL)
        member(writer, "description", field->about);
    json_write_close(writer, '}');
}

static void write_required(struct json_writer *writer, const struct schema *schema)
{
    bool has_any = false;
    for (uint32_t i = 0; i < schema->field_count; i++)
        has_any = has_any || schema->fields[i].required;
    if (!has_any)
        return;
    open_member(writer, "required", '[');
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].required)
            json_write_text(writer, text_of(schema->fields[i].name));
    json_write_close(writer, ']');
}

static void write_schema(struct json_writer *writer, const struct schema *schema)
{
    open_member(writer, schema->name, '{');
    member(writer, "type", "object");
    if (!schema->may_grow)
        member_bool(writer, "additionalProperties", false);
    write_required(writer, schema);
    open_member(writer, "properties", '{');
    for (uint32_t i = 0; i < schema->field_count; i++) {
        json_write_key(writer, schema->fields[i].name);
        write_field(writer, &schema->fields[i]);
    }
    json_write_close(writer, '}');
    json_write_close(writer, '}');
}

enum { SCHEMAS_MAX = 128 };

struct schemas {
    const struct schema *at[SCHEMAS_MAX];
    uint32_t count;
};

static void collect(struct schemas *schemas, const struct schema *schema)
{
    if (schema == NULL)
        return;
    for (uint32_t i = 0; i < schemas->count; i++)
        if (schemas->at[i] == schema)
            return;
    CHECK(schemas->count < SCHEMAS_MAX);
    schemas->at[schemas->count++] = schema;
    for (uint32_t i = 0; i < schema->field_count; i++)
        collect(schemas, schema->fields[i].of);
}

static void collect_all(struct schemas *schemas)
{
    for (int admin = 0; admin < 2; admin++) {
        const struct route *route;
        for (uint32_t i = 0; (route = route_at(admin == 1, i)) != NULL; i++) {
            collect(schemas, route->body);
            collect(schemas, route->answer);
        }
    }
    collect(schemas, &answer_problem);
}

static void write_schemas(struct json_writer *writer)
{
    struct schemas schemas = {.count = 0};
    collect_all(&schemas);
    open_member(writer, "schemas", '{');
    for (uint32_t i = 0; i < schemas.count; i++)
        write_schema(writer, schemas.at[i]);
    json_write_close(writer, '}');
}

/* ---- parameters -------------------------------------------------------------------------------- */

static void write_parameter(struct json_writer *writer, const char *where,
                            const struct schema_field *field, bool required)
{
    json_write_open(writer, '{');
    member(writer, "name", field->name);
    member(writer, "in", where);
    member_bool(writer, "required", required);
    json_write_key(writer, "schema");
    write_field(writer, field);
    json_write_close(writer, '}');
}

static void write_path_parameters(struct json_writer *writer, const char *pattern)
{
    for (const char *at = strchr(pattern, '{'); at != NULL; at = strchr(at, '{')) {
        char name[32];
        size_t bytes = strcspn(++at, "}");
        snprintf(name, sizeof name, "%.*s", (int)bytes, at);
        struct schema_field field = {
            .name = name,
            .type = strcmp(name, "sku") == 0 ? SCHEMA_SKU : SCHEMA_ID,
        };
        write_parameter(writer, "path", &field, true);
    }
}

static void write_parameters(struct json_writer *writer, const struct route *route)
{
    static const struct schema_field key = {
        .name = "Idempotency-Key",
        .type = SCHEMA_TEXT,
        .max = TEXT_BYTES_MAX,
        .about = "The same key and body are executed once, and answered alike."};
    static const struct schema_field min_seq = {
        .name = "min_seq",
        .type = SCHEMA_INTEGER,
        .max = JSON_INTEGER_MAX,
        .about = "Answer only when this commit sequence can be seen; else 503."};
    static const struct schema_field match = {
        .name = "If-Match",
        .type = SCHEMA_TEXT,
        .max = TEXT_BYTES_MAX,
        .about = "The version in quotes, as an ETag says it; another one is refused."};
    static const struct schema_field signature = {
        .name = "X-Signature",
        .type = SCHEMA_TEXT,
        .max = 256,
        .about = "t=SECONDS,v1=HEX: HMAC-SHA256, with the provider's secret, of t, a dot and the "
                 "body."};
    open_member(writer, "parameters", '[');
    write_path_parameters(writer, route->pattern);
    for (uint32_t i = 0; route->query != NULL && i < route->query->field_count; i++)
        write_parameter(writer, "query", &route->query->fields[i],
                        route->query->fields[i].required);
    if (route->takes_min_seq)
        write_parameter(writer, "query", &min_seq, false);
    if (route->key != ROUTE_TAKES_NOT)
        write_parameter(writer, "header", &key, route->key == ROUTE_NEEDS);
    if (route->is_signed)
        write_parameter(writer, "header", &signature, true);
    if (route->match != ROUTE_TAKES_NOT)
        write_parameter(writer, "header", &match, route->match == ROUTE_NEEDS);
    json_write_close(writer, ']');
}

/* ---- answers ----------------------------------------------------------------------------------- */

static bool route_may_refuse(const struct route *route, enum code code)
{
    static const enum code always[] = {CODE_MALFORMED, CODE_TOO_LARGE, CODE_HEAD_TOO_LARGE,
                                       CODE_TIMEOUT};
    for (uint32_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (always[i] == code)
            return true;
    for (const enum code *at = route->refusals; at != NULL && *at != CODE_OK; at++)
        if (*at == code)
            return true;
    if (route->page != HTTP_PAGE_NONE)
        return false;
    return code == CODE_BUSY || code == CODE_INVALID || code == CODE_UNAUTHORIZED ||
           (code == CODE_MEDIA_TYPE && route->body != NULL) ||
           (code == CODE_KEY_MISSING && route->key == ROUTE_NEEDS) ||
           (code == CODE_STALE && route->match != ROUTE_TAKES_NOT) ||
           (code == CODE_MATCH_REQUIRED && route->match == ROUTE_NEEDS) ||
           (code == CODE_BEHIND && route->takes_min_seq);
}

/* The codes that share a status, as a sentence; false: none does. */
static bool codes_of(const struct route *route, uint16_t status, char *out, size_t capacity)
{
    size_t used = 0;
    for (uint32_t number = 0; number < CODE_LIMIT_NUMBER; number++) {
        const struct code_facts *facts = code_facts(number);
        if (facts == NULL || facts->status != status || !route_may_refuse(route, (enum code)number))
            continue;
        used += (size_t)snprintf(out + used, capacity - used, "%s`%s`: %s.", used > 0 ? " " : "",
                                 facts->name, facts->title);
        CHECK(used < capacity);
    }
    return used > 0;
}

static void write_header(struct json_writer *writer, const char *name, const char *type,
                         const char *about)
{
    open_member(writer, name, '{');
    member(writer, "description", about);
    open_member(writer, "schema", '{');
    member(writer, "type", type);
    json_write_close(writer, '}');
    json_write_close(writer, '}');
}

static void write_content(struct json_writer *writer, const char *type, const struct schema *schema)
{
    open_member(writer, "content", '{');
    open_member(writer, type, '{');
    open_member(writer, "schema", '{');
    if (schema != NULL)
        member_reference(writer, "schemas", schema->name);
    json_write_close(writer, '}');
    json_write_close(writer, '}');
    json_write_close(writer, '}');
}

static void write_success(struct json_writer *writer, const struct route *route)
{
    char status[8];
    bool is_text = route->page == HTTP_PAGE_METRICS || route->page == HTTP_PAGE_LATENCY ||
                   route->page == HTTP_PAGE_SNAPSHOT;
    snprintf(status, sizeof status, "%u", route->status);
    open_member(writer, status, '{');
    member(writer, "description", route->status == 201 ? "Created" : "Done");
    if (route->page == HTTP_PAGE_NONE) {
        open_member(writer, "headers", '{');
        write_header(writer, "X-Commit-Seq", "integer", "The commit sequence that this has seen.");
        if (route->answer == &answer_order || route->answer == &answer_stock)
            write_header(writer, "ETag", "string",
                         "The version in quotes; of stock, where there is one cell.");
        if (route->method != ROUTE_GET)
            write_header(writer, "Idempotent-Replayed", "string",
                         "`true`: known already; this is the first answer again.");
        json_write_close(writer, '}');
    }
    write_content(writer, is_text ? "text/plain" : "application/json", route->answer);
    json_write_close(writer, '}');
}

static void write_refusals(struct json_writer *writer, const struct route *route)
{
    for (uint16_t status = 400; status < 600; status++) {
        char codes[2048], key[8];
        if (!codes_of(route, status, codes, sizeof codes))
            continue;
        snprintf(key, sizeof key, "%u", status);
        open_member(writer, key, '{');
        member(writer, "description", codes);
        write_content(writer, "application/problem+json", &answer_problem);
        json_write_close(writer, '}');
    }
}

/* /readyz says no in its own words. */
static void write_not_ready(struct json_writer *writer)
{
    static const char *const statuses[] = {"404", "503"};
    for (uint32_t i = 0; i < 2; i++) {
        open_member(writer, statuses[i], '{');
        member(writer, "description", "Starting, or draining; `drain_status` says which status.");
        write_content(writer, "application/json", &answer_health);
        json_write_close(writer, '}');
    }
}

/* ---- paths ------------------------------------------------------------------------------------- */

static void write_body(struct json_writer *writer, const struct route *route)
{
    if (route->body == NULL)
        return;
    open_member(writer, "requestBody", '{');
    member_bool(writer, "required", !route_body_optional(route));
    write_content(writer, "application/json", route->body);
    json_write_close(writer, '}');
}

static void write_operation(struct json_writer *writer, const struct route *route, bool admin)
{
    static const struct {
        enum route_method method;
        const char *name;
    } methods[] = {
        {ROUTE_GET, "get"}, {ROUTE_POST, "post"}, {ROUTE_PUT, "put"}, {ROUTE_DELETE, "delete"}};
    for (uint32_t i = 0; i < 4; i++)
        if (methods[i].method == route->method)
            open_member(writer, methods[i].name, '{');
    member(writer, "operationId", route->name);
    member(writer, "summary", route->about);
    open_member(writer, "tags", '[');
    json_write_text(writer, text_of(admin ? "admin" : "shop"));
    json_write_close(writer, ']');
    if (admin || route->is_signed) {
        open_member(writer, "security", '[');
        json_write_close(writer, ']');
    }
    write_parameters(writer, route);
    write_body(writer, route);
    open_member(writer, "responses", '{');
    write_success(writer, route);
    if (route->page == HTTP_PAGE_READY)
        write_not_ready(writer);
    write_refusals(writer, route);
    json_write_close(writer, '}');
    json_write_close(writer, '}');
}

/* A path with all of its methods, where it stands first in the list. */
static void write_path(struct json_writer *writer, uint32_t at, bool admin)
{
    const char *pattern = route_at(admin, at)->pattern;
    const struct route *route;
    for (uint32_t i = 0; i < at; i++)
        if (strcmp(route_at(admin, i)->pattern, pattern) == 0)
            return;
    open_member(writer, pattern, '{');
    for (uint32_t i = at; (route = route_at(admin, i)) != NULL; i++)
        if (strcmp(route->pattern, pattern) == 0)
            write_operation(writer, route, admin);
    json_write_close(writer, '}');
}

static void write_paths(struct json_writer *writer)
{
    open_member(writer, "paths", '{');
    for (int admin = 0; admin < 2; admin++)
        for (uint32_t i = 0; route_at(admin == 1, i) != NULL; i++)
            write_path(writer, i, admin == 1);
    json_write_close(writer, '}');
}

static void write_tag(struct json_writer *writer, const char *name, const char *about)
{
    json_write_open(writer, '{');
    member(writer, "name", name);
    member(writer, "description", about);
    json_write_close(writer, '}');
}

static void write_security(struct json_writer *writer)
{
    json_write_open(writer, '{');
    open_member(writer, "bearer", '[');
    json_write_close(writer, ']');
    json_write_close(writer, '}');
}

static void write_security_schemes(struct json_writer *writer)
{
    open_member(writer, "securitySchemes", '{');
    open_member(writer, "bearer", '{');
    member(writer, "type", "http");
    member(writer, "scheme", "bearer");
    member(writer, "description", "A caller's token; without --callers nobody is asked for one.");
    json_write_close(writer, '}');
    json_write_close(writer, '}');
}

static void write_info(struct json_writer *writer)
{
    open_member(writer, "info", '{');
    member(writer, "title", "Spate");
    member(writer, "version", SPATE_VERSION);
    member(writer, "description",
           "Takes in orders at peak. Every answer is durable before it is given; refusals are "
           "problem details (RFC 9457) whose `code` tells what to do.");
    json_write_close(writer, '}');
    open_member(writer, "servers", '[');
    json_write_open(writer, '{');
    member(writer, "url", "/");
    json_write_close(writer, '}');
    json_write_close(writer, ']');
    open_member(writer, "security", '['); /* the second one: none, without --callers */
    write_security(writer);
    json_write_open(writer, '{');
    json_write_close(writer, '}');
    json_write_close(writer, ']');
    open_member(writer, "tags", '[');
    write_tag(writer, "shop", "Served by --http.");
    write_tag(writer, "admin", "Served by --admin.");
    json_write_close(writer, ']');
}

void openapi_write(struct json_writer *writer)
{
    json_write_open(writer, '{');
    member(writer, "openapi", "3.1.0");
    write_info(writer);
    write_paths(writer);
    open_member(writer, "components", '{');
    write_schemas(writer);
    write_security_schemes(writer);
    json_write_close(writer, '}');
    json_write_close(writer, '}');
}
