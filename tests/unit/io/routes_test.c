#include "io/routes.h"

#include "io/walk.h"

#include "core/result.h"
#include "io/answers.h"
#include "io/callers.h"
#include "io/openapi.h"
#include "tests/unit/io/shop_double.h"
#include "tests/unit/test.h"

#include <stdio.h>

static _Alignas(8) uint8_t walk_memory[WALK_BYTES];

static uint8_t slot_shard[SLOT_COUNT];

static struct http_server server = {
    .slot_shard = slot_shard,
    .head_bytes_max = 16384,
    .body_bytes_max = 262144,
    .ready = true,
    .watermark = 100,
};

static uint8_t command_memory[COMMAND_BYTES_MAX + 8];
static uint8_t out_memory[HTTP_OUTPUT_BYTES_MAX];
static struct pile command = {command_memory, 0, sizeof command_memory};
static struct pile out = {out_memory, 0, sizeof out_memory};
static char request_memory[300000];

#define TYPE_HEADER  "Content-Type: application/json\r\n"
#define KEY_HEADER   "Idempotency-Key: key-1\r\n"
#define MATCH_HEADER "If-Match: \"7\"\r\n"

/* One request on a connection of its own. */
static enum http_step ask_with(const char *head, const char *headers, const char *body)
{
    struct http http;
    uint32_t consumed;
    int bytes = snprintf(request_memory, sizeof request_memory,
                         "%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n%s", head, headers,
                         strlen(body), body);
    assert_in_range(bytes, 1, sizeof request_memory - 1);
    http_init(&http, 1, (void *)walk_memory);
    command.used_bytes = out.used_bytes = 0;
    enum http_step step = http_feed(&http, &server, request_memory, (uint32_t)bytes, &consumed,
                                    &command, &out, UINT64_C(1605052800000000000));
    assert_int_equal(consumed, bytes);
    out.at[out.used_bytes] = 0;
    return step;
}

static const char *said(void)
{
    return (const char *)out.at;
}

static enum http_step ask(const char *head, const char *body)
{
    return ask_with(head, TYPE_HEADER KEY_HEADER MATCH_HEADER, body);
}

/* ---- every field of every body, wrong in every way --------------------------------------------- */

enum mutation_kind { OMITTED, REPLACED, TWICE, UNKNOWN };

struct mutation {
    enum mutation_kind kind;
    const struct schema *schema;
    const struct schema_field *field;
    const char *replacement;
};

struct body {
    char text[131072];
    size_t used;
};

static void put(struct body *body, const char *text)
{
    body->used +=
        (size_t)snprintf(body->text + body->used, sizeof body->text - body->used, "%s", text);
    assert_true(body->used < sizeof body->text);
}

static void put_object(struct body *body, const struct schema *schema,
                       const struct mutation *mutation);

static void put_number(struct body *body, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(body, text);
}

static void put_good(struct body *body, const struct schema_field *field,
                     const struct mutation *mutation)
{
    switch (field->type) {
    case SCHEMA_ID:
    case SCHEMA_SKU:
    case SCHEMA_TEXT:
        put(body, strcmp(field->name, "to") == 0 ? "\"elsewhere\"" : "\"SKU-1\"");
        return;
    case SCHEMA_CURRENCY:
        put(body, "\"CNY\"");
        return;
    case SCHEMA_TIME:
        put(body, "\"2030-01-01T00:00:00Z\"");
        return;
    case SCHEMA_INTEGER:
        put_number(body, field->min > 1 ? field->min : 1);
        return;
    case SCHEMA_BOOL:
        put(body, "true");
        return;
    case SCHEMA_CHOICE:
        put(body, "\"");
        put(body, field->choices[0]);
        put(body, "\"");
        return;
    case SCHEMA_OBJECT:
        put_object(body, field->of, mutation);
        return;
    case SCHEMA_LIST:
        put(body, "[");
        put_object(body, field->of, mutation);
        put(body, "]");
        return;
    case SCHEMA_MAP:
        put(body, field->of == NULL ? "{\"w1\":1" : "{\"w1\":[");
        if (field->of != NULL)
            put_object(body, field->of, mutation);
        put(body, field->of == NULL ? "}" : "]}");
        return;
    case SCHEMA_NAMES:
        fail(); /* only said */
    }
}

static void put_member(struct body *body, const struct schema_field *field,
                       const struct mutation *mutation)
{
    if (body->text[body->used - 1] != '{')
        put(body, ",");
    put(body, "\"");
    put(body, field->name);
    put(body, "\":");
    if (mutation->field == field && mutation->kind == REPLACED)
        put(body, mutation->replacement);
    else
        put_good(body, field, mutation);
}

/* Whether the mutation is somewhere below this field. */
static bool leads_to(const struct schema_field *field, const struct mutation *mutation)
{
    if (field->of == NULL)
        return false;
    if (field->of == mutation->schema)
        return true;
    for (uint32_t i = 0; i < field->of->field_count; i++)
        if (leads_to(&field->of->fields[i], mutation))
            return true;
    return false;
}

/* Only what is required, but for the mutation and the way to it. */
static void put_object(struct body *body, const struct schema *schema,
                       const struct mutation *mutation)
{
    put(body, "{");
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        bool is_it = mutation->field == field;
        bool is_wanted =
            field->required || leads_to(field, mutation) || strcmp(field->name, "ok") == 0;
        if (is_it ? mutation->kind != OMITTED : is_wanted)
            put_member(body, field, mutation);
        if (is_it && mutation->kind == TWICE)
            put_member(body, field, mutation);
    }
    if (mutation->schema == schema && mutation->kind == UNKNOWN)
        put(body, body->text[body->used - 1] == '{' ? "\"nonsense\":1" : ",\"nonsense\":1");
    put(body, "}");
}

/* A target that the pattern matches, with the required parameters of the query. */
static void put_head(char *head, size_t capacity, const struct route *route)
{
    size_t used = (size_t)snprintf(head, capacity, "%s ", route_method_name(route->method));
    for (const char *at = route->pattern; *at != 0; at++) {
        if (*at == '{') {
            used += (size_t)snprintf(head + used, capacity - used, "SKU-1");
            at = strchr(at, '}');
        } else {
            head[used++] = *at;
        }
    }
    head[used] = 0;
    for (uint32_t i = 0; route->query != NULL && i < route->query->field_count; i++)
        if (route->query->fields[i].required)
            used += (size_t)snprintf(head + used, capacity - used, "?%s=SKU-1",
                                     route->query->fields[i].name);
}

static void expect_refusal(const struct route *route, const struct mutation *mutation,
                           const char *prefix, const char *status)
{
    static struct body body;
    char head[256], pointer[300];
    body.used = 0;
    put_head(head, sizeof head, route);
    put_object(&body, route->body, mutation);
    snprintf(pointer, sizeof pointer, "\"pointer\":\"%s/%s\"", prefix,
             mutation->field != NULL ? mutation->field->name : "nonsense");
    enum http_step step = ask(head, body.text);
    if (step != HTTP_ANSWERED || strncmp(said(), status, strlen(status)) != 0 ||
        strstr(said(), pointer) == NULL)
        fail_msg("%s\n%.300s\nwants %s %s, got %d\n%s", head, body.text, status, pointer, step,
                 said());
    assert_int_equal(command.used_bytes, 0);
}

#define BAD_REQUEST   "HTTP/1.1 400 "
#define UNPROCESSABLE "HTTP/1.1 422 "

static void replace(const struct route *route, struct mutation mutation, const char *prefix,
                    const char *replacement)
{
    mutation.kind = REPLACED;
    mutation.replacement = replacement;
    expect_refusal(route, &mutation, prefix, UNPROCESSABLE);
}

static void replace_text_of(const struct route *route, struct mutation mutation, const char *prefix,
                            uint32_t bytes, char fill)
{
    char text[512];
    memset(text, fill, sizeof text);
    text[0] = text[bytes + 1] = '"';
    text[bytes + 2] = 0;
    replace(route, mutation, prefix, text);
}

static void replace_number(const struct route *route, struct mutation mutation, const char *prefix,
                           int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    replace(route, mutation, prefix, text);
}

static void wrong_values(const struct route *route, struct mutation mutation, const char *prefix)
{
    const struct schema_field *field = mutation.field;
    switch (field->type) {
    case SCHEMA_ID:
        replace(route, mutation, prefix, "\"a b\"");
        replace(route, mutation, prefix, "\"a/b\"");
        replace(route, mutation, prefix, "\"\xc3\xa9\"");
        replace_text_of(route, mutation, prefix, ID_BYTES_MAX + 1, 'a');
        replace(route, mutation, prefix, "\"\"");
        return;
    case SCHEMA_SKU:
        replace(route, mutation, prefix, "\"a b\"");
        replace(route, mutation, prefix, "\"\xc3\xa9\"");
        replace_text_of(route, mutation, prefix, ID_BYTES_MAX + 1, 'a');
        replace(route, mutation, prefix, "\"\"");
        return;
    case SCHEMA_TEXT:
        replace_text_of(route, mutation, prefix, (uint32_t)field->max + 1, 'a');
        replace(route, mutation, prefix, "\"a\\u0001\"");
        replace(route, mutation, prefix, "\"a\\n\"");
        return;
    case SCHEMA_CURRENCY:
        replace(route, mutation, prefix, "\"\"");
        replace(route, mutation, prefix, "\"cny\"");
        replace(route, mutation, prefix, "\"CNYX\"");
        replace(route, mutation, prefix, "\"ZZZ\"");
        return;
    case SCHEMA_TIME:
        replace(route, mutation, prefix, "\"yesterday\"");
        replace(route, mutation, prefix, "\"2020-11-31T00:00:00Z\"");
        replace(route, mutation, prefix, "\"\"");
        return;
    case SCHEMA_INTEGER:
        if (field->min > -JSON_INTEGER_MAX)
            replace_number(route, mutation, prefix, field->min - 1);
        if (field->max < JSON_INTEGER_MAX)
            replace_number(route, mutation, prefix, field->max + 1);
        replace(route, mutation, prefix, "1.0");
        replace(route, mutation, prefix, "1e2");
        return;
    case SCHEMA_CHOICE:
        replace(route, mutation, prefix, "\"nonsense\"");
        replace(route, mutation, prefix, "\"\"");
        return;
    case SCHEMA_LIST:
        if (field->min > 0)
            replace(route, mutation, prefix, "[]");
        return;
    case SCHEMA_BOOL:
    case SCHEMA_OBJECT:
    case SCHEMA_MAP:
    case SCHEMA_NAMES:
        return;
    }
}

static void wrong_types(const struct route *route, struct mutation mutation, const char *prefix)
{
    enum schema_type type = mutation.field->type;
    bool is_text = type != SCHEMA_INTEGER && type != SCHEMA_BOOL && type != SCHEMA_OBJECT &&
                   type != SCHEMA_LIST;
    replace(route, mutation, prefix, "null");
    if (type != SCHEMA_INTEGER)
        replace(route, mutation, prefix, "1");
    if (type != SCHEMA_BOOL)
        replace(route, mutation, prefix, "true");
    if (type != SCHEMA_OBJECT && type != SCHEMA_MAP)
        replace(route, mutation, prefix, "{}");
    if (type != SCHEMA_LIST)
        replace(route, mutation, prefix, "[]");
    if (!is_text)
        replace(route, mutation, prefix, "\"1\"");
}

static void mutate(const struct route *route, const struct schema *schema, const char *prefix)
{
    struct mutation unknown = {.kind = UNKNOWN, .schema = schema};
    expect_refusal(route, &unknown, prefix, BAD_REQUEST);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        struct mutation mutation = {.schema = schema, .field = field};
        char below[128];
        mutation.kind = OMITTED;
        if (field->required)
            expect_refusal(route, &mutation, prefix, UNPROCESSABLE);
        mutation.kind = TWICE;
        expect_refusal(route, &mutation, prefix, BAD_REQUEST);
        wrong_types(route, mutation, prefix);
        wrong_values(route, mutation, prefix);
        mutation.kind = REPLACED;
        mutation.replacement = "9007199254740993";
        expect_refusal(route, &mutation, prefix, BAD_REQUEST);
        mutation.replacement = "\"\xff\"";
        expect_refusal(route, &mutation, prefix, BAD_REQUEST);
        mutation.replacement = "nonsense";
        expect_refusal(route, &mutation, prefix, BAD_REQUEST);
        snprintf(below, sizeof below, "%s/%s%s", prefix, field->name,
                 field->type == SCHEMA_LIST  ? "/0"
                 : field->type == SCHEMA_MAP ? "/w1/0"
                                             : "");
        if (field->of != NULL)
            mutate(route, field->of, below);
    }
}

static void every_field_that_is_wrong_in_any_way_is_refused_and_pointed_to(void **state)
{
    (void)state;
    const struct route *route;
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++)
        if (route->body != NULL && route->each == NULL && !route->is_signed)
            mutate(route, route->body, "");
}

static void every_body_with_only_what_is_required_is_taken(void **state)
{
    (void)state;
    const struct route *route;
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++) {
        static struct body body;
        char head[256];
        body.used = 0;
        body.text[0] = 0;
        put_head(head, sizeof head, route);
        if (route->body != NULL)
            put_object(&body, route->body, &(struct mutation){.kind = REPLACED});
        if (route->each != NULL || route->is_signed || route->walks)
            continue;
        if (ask(head, body.text) != HTTP_COMMAND)
            fail_msg("%s\n%s\n%s", head, body.text, said());
        assert_int_equal(((struct command *)(void *)command.at)->op, route->op);
    }
}

static void every_path_refuses_the_methods_that_it_does_not_take(void **state)
{
    (void)state;
    static const enum route_method methods[] = {ROUTE_GET, ROUTE_POST, ROUTE_PUT, ROUTE_DELETE};
    for (uint32_t i = 0; route_at(false, i / 4) != NULL; i++) {
        struct route route = *route_at(false, i / 4);
        const struct route *other;
        uint32_t taken = 0;
        char head[256];
        for (uint32_t k = 0; (other = route_at(false, k)) != NULL; k++)
            if (strcmp(other->pattern, route.pattern) == 0)
                taken |= other->method;
        route.method = methods[i % 4];
        put_head(head, sizeof head, &route);
        if (taken & route.method)
            continue;
        assert_int_equal(ask(head, ""), HTTP_ANSWERED);
        assert_non_null(strstr(said(), "HTTP/1.1 405 "));
        assert_non_null(strstr(said(), "\r\nAllow: "));
    }
}

/* ---- every endpoint, asked wrongly as a whole ---------------------------------------------------- */

static void expect_code(const struct route *route, const char *headers, const char *body,
                        const char *status, const char *code)
{
    char head[256], member[64];
    put_head(head, sizeof head, route);
    snprintf(member, sizeof member, "\"code\":\"%s\"", code);
    enum http_step step = ask_with(head, headers, body);
    if (step == HTTP_COMMAND || step == HTTP_MORE || strstr(said(), status) == NULL ||
        strstr(said(), member) == NULL ||
        strstr(said(), "Content-Type: application/problem+json\r\n") == NULL)
        fail_msg("%s\n%s%.200s\nwants %s %s, got %d\n%s", head, headers, body, status, code, step,
                 said());
    assert_int_equal(command.used_bytes, 0);
}

static void every_body_of_another_media_type_is_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"", "Content-Type: text/plain\r\n",
                                        "Content-Type: application/jsonx\r\n",
                                        "Content-Type: application/x-www-form-urlencoded\r\n"};
    const struct route *route;
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++)
        for (uint32_t k = 0; route->body != NULL && k < sizeof types / sizeof *types; k++) {
            char headers[256];
            snprintf(headers, sizeof headers, KEY_HEADER MATCH_HEADER "%s", types[k]);
            expect_code(route, headers, "{}", "415 ", "media_type");
        }
}

static void every_endpoint_without_a_body_refuses_one(void **state)
{
    (void)state;
    const struct route *route;
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++)
        if (route->body == NULL)
            expect_code(route, TYPE_HEADER KEY_HEADER MATCH_HEADER, "{}", "400 ", "malformed");
}

static void every_endpoint_refuses_a_body_that_is_too_large(void **state)
{
    (void)state;
    static char body[300000];
    const struct route *route;
    memset(body, ' ', sizeof body - 4096);
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++)
        expect_code(route, TYPE_HEADER KEY_HEADER MATCH_HEADER, body, "413 ", "too_large");
}

static void every_endpoint_wants_the_headers_that_it_needs(void **state)
{
    (void)state;
    const struct route *route;
    uint32_t keys = 0, matches = 0;
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++) {
        if (route->key == ROUTE_NEEDS) {
            expect_code(route, TYPE_HEADER MATCH_HEADER, "{}", "400 ", "idempotency_key_missing");
            keys++;
        }
        if (route->match == ROUTE_NEEDS) {
            expect_code(route, TYPE_HEADER KEY_HEADER, "{}", "428 ", "if_match_required");
            matches++;
        }
        if (route->match != ROUTE_TAKES_NOT)
            expect_code(route, TYPE_HEADER KEY_HEADER "If-Match: W/\"7\"\r\n", "{}", "400 ",
                        "malformed");
    }
    assert_true(keys >= 7 && matches >= 1);
}

static void no_endpoint_listens_to_strangers(void **state)
{
    (void)state;
    static struct callers callers;
    static const char *const wrong[] = {"", "Authorization: Bearer aaaaaaaaaaaaaaab\r\n",
                                        "Authorization: Basic aaaaaaaaaaaaaaaa\r\n"};
    const struct route *route;
    uint32_t line;
    assert_null(callers_read(&callers, (struct text){"shop:aaaaaaaaaaaaaaaa", 21}, &line));
    server.callers = &callers;
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++)
        for (uint32_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            char headers[256];
            snprintf(headers, sizeof headers, TYPE_HEADER KEY_HEADER MATCH_HEADER "%s", wrong[k]);
            expect_code(route, headers, route->body != NULL ? "{}" : "", "401 ", "unauthorized");
        }
    server.callers = NULL;
}

static void every_query_refuses_what_it_does_not_know_or_has_had(void **state)
{
    (void)state;
    static const char *const more[] = {"nonsense=1",  "min_seq=1&min_seq=1",
                                       "min_seq=x",   "min_seq=9007199254740993",
                                       "min_seq=%zz", "min_seq="};
    const struct route *route;
    for (uint32_t i = 0; (route = route_at(false, i)) != NULL; i++)
        for (uint32_t k = 0; k < sizeof more / sizeof *more; k++) {
            char head[256];
            put_head(head, sizeof head - 64, route);
            strcat(strcat(head, strchr(head, '?') == NULL ? "?" : "&"), more[k]);
            assert_int_not_equal(ask(head, route->body != NULL ? "{}" : ""), HTTP_COMMAND);
            if (strstr(said(), "HTTP/1.1 400 ") == NULL &&
                strstr(said(), "HTTP/1.1 422 ") == NULL && strstr(said(), "HTTP/1.1 401 ") == NULL)
                fail_msg("%s\n%s", head, said());
        }
}

/* The body is what the table of routes says about it, and nothing else. */
static void expect_shape(const struct schema *schema)
{
    _Alignas(8) static uint8_t into[SCHEMA_STRUCT_BYTES_MAX];
    static char body[HTTP_OUTPUT_BYTES_MAX];
    static struct schema_reader reader;
    const char *at = strstr(said(), "\r\n\r\n") + 4;
    uint32_t bytes = (uint32_t)(out.used_bytes - (size_t)(at - said()));
    memcpy(body, at, bytes);
    if (!schema_read(&reader, schema, body, bytes, into))
        fail_msg("%s: %s at %.*s\n%s", schema->name, reader.fault.what,
                 (int)reader.fault.pointer_bytes, reader.fault.pointer, at);
}

/* ---- cases by hand ----------------------------------------------------------------------------- */

#define LINE "{\"sku\":\"SKU-1\",\"units\":2,\"unit_price\":1999}"
#define ORDER(more)                                                                                \
    "{\"order_id\":\"o-1\",\"customer\":\"c\",\"currency\":\"CNY\",\"lines\":[" LINE "]" more "}"

static const struct {
    const char *head;
    const char *body;
    const char *status;
    const char *part;
} refusals[] = {
    {"POST /v1/orders", "", "400", "\"byte\":0"},
    {"POST /v1/orders", "{", "400", "\"byte\":1"},
    {"POST /v1/orders", "[]", "422", "\"pointer\":\"\""},
    {"POST /v1/orders", "null", "422", "\"code\":\"type\""},
    {"POST /v1/orders", ORDER("") "x", "400", "\"code\":\"malformed\""},
    {"POST /v1/orders", ORDER(",\"lines\":[]"), "400", "\"code\":\"duplicate\""},
    {"POST /v1/orders", ORDER(",\"channel_caps\":{}"), "400", "\"code\":\"unknown\""},
    {"POST /v1/orders",
     "{\"customer\":\"c\",\"currency\":\"CNY\",\"lines\":[" LINE ",{\"sku\":\"NONE\",\"units\":1,"
     "\"unit_price\":1}]}",
     "422", "\"pointer\":\"/lines/1/sku\",\"code\":\"unknown_sku\""},
    {"POST /v1/orders",
     "{\"customer\":\"c\",\"currency\":\"CNY\",\"lines\":[{\"sku\":\"SKU-1\",\"units\":4294967295,"
     "\"unit_price\":9007199254740992}]}",
     "422", "\"pointer\":\"/lines/0/unit_price\",\"code\":\"overflow\""},
    {"POST /v1/orders", ORDER(",\"adjustments\":[{\"kind\":\"discount\",\"amount\":-3999}]"), "422",
     "\"pointer\":\"/adjustments\""},
    {"POST /v1/orders?x=1", ORDER(""), "400", "\"code\":\"unknown\""},
    {"GET /v1/orders/o%ZZ", "", "400", "\"code\":\"percent\""},
    {"GET /v1/orders/o%2", "", "400", "\"code\":\"percent\""},
    {"GET /v1/orders/o%2Fx", "", "422", "\"pointer\":\"/order_id\""},
    {"GET /v1/orders/o%00x", "", "422", "\"pointer\":\"/order_id\""},
    {"GET /v1/orders/123456789012345678901234567890123", "", "422", "\"pointer\":\"/order_id\""},
    {"GET /v1/orders/o-1?min_seq=-1", "", "422", "\"pointer\":\"/min_seq\""},
    {"GET /v1/orders/o-1?min_seq=1x", "", "422", "\"pointer\":\"/min_seq\""},
    {"GET /v1/orders/o-1?min_seq=", "", "422", "\"pointer\":\"/min_seq\""},
    {"GET /v1/orders/o-1?min_seq=99999999999999999999", "", "422", "\"pointer\":\"/min_seq\""},
    {"GET /v1/orders/o-1?min_seq=1&min_seq=2", "", "400", "\"code\":\"duplicate\""},
    {"GET /v1/orders/o-1?nonsense", "", "400", "\"code\":\"unknown\""},
    {"GET /v1/orders/o-1", "{}", "400", "\"code\":\"takes_no_body\""},
    {"GET /v1/orders/", "", "404", "not_found"},
    {"GET /v1/orders/o-1/", "", "404", "not_found"},
    {"GET /v1//orders/o-1", "", "404", "not_found"},
    {"GET /v2/orders/o-1", "", "404", "not_found"},
    {"GET /", "", "404", "not_found"},
    {"GET /v1/stock", "", "422", "\"pointer\":\"/sku\",\"code\":\"required\""},
    {"GET /v1/stock?sku=", "", "422", "\"pointer\":\"/sku\""},
    {"GET /v1/stock?sku=a%20b", "", "422", "\"pointer\":\"/sku\""},
    {"GET /v1/stock?sku=SKU-1&sku=SKU-2", "", "400", "\"code\":\"duplicate\""},
    {"GET /v1/stock?sku=NONE", "", "404", "\"pointer\":\"/sku\""},
    {"POST /v1/stock/receive", "{\"sku\":\"NONE\",\"warehouse\":\"w1\",\"units\":1}", "422",
     "\"code\":\"unknown_sku\""},
    {"POST /v1/stock/receive", "{\"sku\":\"SKU-1\",\"warehouse\":\"w1\"}", "422",
     "\"pointer\":\"/units\",\"code\":\"required\""},
    {"POST /v1/stock/receive", "{\"sku\":\"SKU-1\",\"warehouse\":\"w1\",\"ok\":0,\"damaged\":0}",
     "422", "\"pointer\":\"/units\""},
    {"POST /v1/stock/receive", "{\"sku\":\"SKU-1\",\"warehouse\":\"w1\",\"units\":1,\"ok\":1}",
     "422", "\"pointer\":\"/units\",\"code\":\"either_units_or_ok\""},
    {"POST /v1/stock/adjust",
     "{\"sku\":\"SKU-1\",\"warehouse\":\"w1\",\"delta\":0,\"reason\":\"x\"}", "422",
     "\"pointer\":\"/delta\",\"code\":\"range\""},
    {"POST /v1/orders/o-1/cancel",
     "{\"lines\":[{\"line\":2,\"units\":1},{\"line\":2,\"units\":1}]}", "422",
     "\"pointer\":\"/lines/1/line\",\"code\":\"duplicate\""},
    {"PUT /v1/skus/a%20b", "{\"currency\":\"CNY\",\"list_price\":1}", "422",
     "\"pointer\":\"/sku\""},
    {"PUT /v1/skus/123456789012345678901234567890123", "{\"currency\":\"CNY\",\"list_price\":1}",
     "422", "\"pointer\":\"/sku\""},
    {"PUT /v1/warehouses/a%2fb", "{\"priority\":1}", "422", "\"pointer\":\"/warehouse\""},
};

static void what_is_refused_says_where_and_why(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        enum http_step step = ask(refusals[i].head, refusals[i].body);
        if (step != HTTP_ANSWERED || strncmp(said() + 9, refusals[i].status, 3) != 0 ||
            strstr(said(), refusals[i].part) == NULL)
            fail_msg("%s\n%s\n%s", refusals[i].head, refusals[i].body, said());
        assert_non_null(strstr(said(), "Content-Type: application/problem+json\r\n"));
        expect_shape(&answer_problem);
    }
}

static const struct order_create *created(void)
{
    return (const void *)command.at;
}

static bool order_text_is(enum order_text which, const char *want)
{
    struct text text = order_create_text(created(), which);
    return text.bytes == strlen(want) && memcmp(text.at, want, text.bytes) == 0;
}

static void every_field_of_an_order_reaches_its_command(void **state)
{
    (void)state;
    assert_int_equal(
        ask("POST /v1/orders",
            "{\"prefer\":\"single_parcel\",\"adjustments\":[{\"kind\":\"shipping\",\"amount\":500},"
            "{\"amount\":-7,\"kind\":\"discount\"}],\"ship_to\":\"a \\u00e9\",\"lines\":["
            "{\"unit_price\":1999,\"units\":2,\"sku\":\"SKU-3\"}," LINE "],\"customer\":\"c-7\","
            "\"currency\":\"JPY\",\"order_id\":\"o-1\",\"channel\":\"online\",\"region\":\"sh\","
            "\"pay_method\":\"alipay\",\"campaign\":\"c11\",\"delivery_method\":\"express\","
            "\"pay_by\":\"2030-01-01T00:00:00Z\",\"issued_at\":\"2020-11-11T00:00:00Z\"}"),
        HTTP_COMMAND);
    assert_int_equal(created()->head.flags, COMMAND_WANT_RECORD);
    assert_int_equal(created()->line_count, 2);
    assert_int_equal(created()->lines[0].sku, 3);
    assert_int_equal(created()->lines[0].units, 2);
    assert_int_equal(created()->lines[0].unit_price, 1999);
    assert_int_equal(created()->lines[1].sku, 1);
    assert_int_equal(created()->adjustment_count, 2);
    assert_int_equal(order_create_adjustments(created())[0].kind, ADJUST_SHIPPING);
    assert_int_equal(order_create_adjustments(created())[1].amount, -7);
    assert_int_equal(created()->prefer, PREFER_SINGLE_PARCEL);
    assert_int_equal(created()->currency, CURRENCY('J', 'P', 'Y'));
    assert_true(created()->issued_at_ns == UINT64_C(1605052800000000000));
    assert_true(created()->pay_by_ns == UINT64_C(1893456000000000000));
    assert_true(order_text_is(ORDER_ID, "o-1"));
    assert_true(order_text_is(ORDER_CUSTOMER, "c-7"));
    assert_true(order_text_is(ORDER_CHANNEL, "online"));
    assert_true(order_text_is(ORDER_REGION, "sh"));
    assert_true(order_text_is(ORDER_PAY_METHOD, "alipay"));
    assert_true(order_text_is(ORDER_CAMPAIGN, "c11"));
    assert_true(order_text_is(ORDER_SHIP_TO, "a \xc3\xa9"));
    assert_true(order_text_is(ORDER_DELIVERY, "express"));
}

static void every_field_of_a_sku_reaches_its_command(void **state)
{
    (void)state;
    assert_int_equal(ask("PUT /v1/skus/a%2Fb%25",
                         "{\"currency\":\"CNY\",\"list_price\":1999,\"flash\":true,"
                         "\"max_per_order\":5,\"weight_g\":300,"
                         "\"max_per_customer\":{\"units\":2,\"window_s\":86400}}"),
                     HTTP_COMMAND);
    const struct sku_put *put_command = (const void *)command.at;
    assert_int_equal(put_command->list_price, 1999);
    assert_int_equal(put_command->flags, SKU_FLASH);
    assert_int_equal(put_command->max_per_order, 5);
    assert_int_equal(put_command->weight_g, 300);
    assert_int_equal(put_command->max_per_customer, 2);
    assert_int_equal(put_command->customer_window_s, 86400);
    assert_int_equal(put_command->code_bytes, 4);
    assert_memory_equal(put_command + 1, "a/b%", 4);
}

static void cancelled_lines_reach_their_command_in_ascending_order(void **state)
{
    (void)state;
    assert_int_equal(ask("POST /v1/orders/o-1/cancel",
                         "{\"reason\":\"no longer\",\"lines\":[{\"line\":3,\"units\":7},"
                         "{\"line\":1,\"units\":5},{\"line\":2,\"units\":6}]}"),
                     HTTP_COMMAND);
    const struct order_cancel *cancel = (const void *)command.at;
    assert_int_equal(cancel->line_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(cancel->lines[i].line, i + 1);
        assert_int_equal(cancel->lines[i].units, i + 5);
    }
    assert_memory_equal(cancel->lines + 3, "o-1no longerkey-1", 17);
}

static void everything_is_cancelled_without_a_body(void **state)
{
    (void)state;
    assert_int_equal(ask("POST /v1/orders/o-1/cancel", ""), HTTP_COMMAND);
    assert_int_equal(((struct order_cancel *)(void *)command.at)->line_count, 0);
}

static void changes_of_stock_reach_their_commands(void **state)
{
    static const struct {
        const char *path;
        const char *body;
        enum op op;
        int64_t units;
    } changes[] = {
        {"expect", "\"units\":5", OP_STOCK_EXPECT, 5},
        {"adjust", "\"delta\":-5", OP_STOCK_ADJUST, -5},
        {"stocktake", "\"counted\":0", OP_STOCK_COUNT, 0},
        {"quarantine", "\"units\":5", OP_STOCK_QUARANTINE, 5},
        {"clear", "\"units\":5", OP_STOCK_CLEAR, 5},
        {"writeoff", "\"units\":5", OP_STOCK_WRITE_OFF, 5},
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char head[64], body[128];
        snprintf(head, sizeof head, "POST /v1/stock/%s", changes[i].path);
        snprintf(body, sizeof body,
                 "{\"sku\":\"SKU-2\",\"warehouse\":\"w1\",\"reason\":\"why\",%s}", changes[i].body);
        assert_int_equal(ask(head, body), HTTP_COMMAND);
        const struct stock_change *change = (const void *)command.at;
        assert_int_equal(change->head.op, changes[i].op);
        assert_int_equal(change->units, changes[i].units);
        assert_int_equal(change->sku, 2);
        assert_int_equal(change->if_version, 7);
        assert_memory_equal(change + 1, "w1key-1why", 10);
    }
}

static void units_received_reach_their_command(void **state)
{
    (void)state;
    assert_int_equal(ask("POST /v1/stock/receive", "{\"sku\":\"SKU-2\",\"warehouse\":\"w1\","
                                                   "\"ok\":10,\"damaged\":3}"),
                     HTTP_COMMAND);
    const struct stock_receive *receive = (const void *)command.at;
    assert_int_equal(receive->ok_units, 10);
    assert_int_equal(receive->damaged_units, 3);
    assert_int_equal(receive->sku, 2);
    assert_memory_equal(receive + 1, "w1key-1", 7);
    assert_int_equal(
        ask("POST /v1/stock/receive", "{\"sku\":\"SKU-2\",\"warehouse\":\"w1\",\"units\":9}"),
        HTTP_COMMAND);
    assert_int_equal(receive->ok_units, 9);
}

static void an_order_of_1200_lines_is_taken_and_one_of_1201_is_not(void **state)
{
    (void)state;
    static struct body body;
    for (uint32_t lines = ORDER_LINES_MAX; lines <= ORDER_LINES_MAX + 1; lines++) {
        body.used = 0;
        put(&body, "{\"customer\":\"c\",\"currency\":\"CNY\",\"lines\":[");
        for (uint32_t i = 0; i < lines; i++)
            put(&body, i == 0 ? LINE : "," LINE);
        put(&body, "]}");
        enum http_step step = ask("POST /v1/orders", body.text);
        assert_int_equal(step, lines == ORDER_LINES_MAX ? HTTP_COMMAND : HTTP_ANSWERED);
    }
    assert_non_null(strstr(said(), "\"pointer\":\"/lines/1200\",\"code\":\"too_many\""));
}

/* ---- ids --------------------------------------------------------------------------------------- */

#define NO_ID "{\"customer\":\"c\",\"currency\":\"CNY\",\"lines\":[" LINE "]}"

static enum http_step order_without_id(struct http *http, const char *headers, uint64_t now_ns)
{
    uint32_t consumed;
    int bytes = snprintf(request_memory, sizeof request_memory,
                         "POST /v1/orders HTTP/1.1\r\nHost: a\r\n%s"
                         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                         headers, strlen(NO_ID), NO_ID);
    command.used_bytes = 0;
    return http_feed(http, &server, request_memory, (uint32_t)bytes, &consumed, &command, &out,
                     now_ns);
}

static void an_id_from_a_key_depends_on_the_key_alone(void **state)
{
    (void)state;
    char first[27] = "", second[27] = "", other[27] = "";
    struct http http;
    http_init(&http, 1, (void *)walk_memory);
    assert_int_equal(order_without_id(&http, "Idempotency-Key: k1\r\n", 1), HTTP_COMMAND);
    memcpy(first, order_create_text(created(), ORDER_ID).at, 26);
    http_init(&http, 2, (void *)walk_memory);
    assert_int_equal(order_without_id(&http, "Idempotency-Key:  k1 \r\n", 999), HTTP_COMMAND);
    memcpy(second, order_create_text(created(), ORDER_ID).at, 26);
    http_init(&http, 2, (void *)walk_memory);
    assert_int_equal(order_without_id(&http, "Idempotency-Key: k2\r\n", 999), HTTP_COMMAND);
    memcpy(other, order_create_text(created(), ORDER_ID).at, 26);
    assert_int_equal(order_create_text(created(), ORDER_ID).bytes, 26);
    assert_string_equal(first, second);
    assert_string_not_equal(first, other);
}

static void ids_made_without_a_key_sort_by_time_and_stay_at_home(void **state)
{
    (void)state;
    char last[27] = "";
    struct http http;
    http_init(&http, 5, (void *)walk_memory);
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        slot_shard[slot] = (uint8_t)(slot % 4);
    server.shard_number = 2;
    for (uint64_t ms = 1; ms < 200; ms++) {
        char id[27] = "";
        uint64_t now_ns = UINT64_C(1605052800000000000) + ms * 1000000;
        assert_int_equal(order_without_id(&http, "", now_ns), HTTP_COMMAND);
        memcpy(id, order_create_text(created(), ORDER_ID).at, 26);
        assert_true(strcmp(id, last) > 0);
        assert_int_equal(slot_shard[command_slot(&created()->head)], 2);
        strcpy(last, id);
        http_init(&http, ms, (void *)walk_memory);
    }
    server.shard_number = 0;
    memset(slot_shard, 0, sizeof slot_shard);
}

/* ---- answers ----------------------------------------------------------------------------------- */

static const struct route *answer_whatever(const char *head, const char *body, void *result)
{
    struct http http;
    uint32_t consumed;
    int bytes =
        snprintf(request_memory, sizeof request_memory,
                 "%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                 "Idempotency-Key: key-1\r\nIf-Match: \"7\"\r\nContent-Length: %zu\r\n\r\n%s",
                 head, strlen(body), body);
    http_init(&http, 1, (void *)walk_memory);
    command.used_bytes = out.used_bytes = 0;
    assert_int_equal(
        http_feed(&http, &server, request_memory, (uint32_t)bytes, &consumed, &command, &out, 1),
        HTTP_COMMAND);
    const struct route *route = http.route;
    assert_true(http_answer(&http, &server, result, &out));
    out.at[out.used_bytes] = 0;
    return route;
}

static const char *answer(const char *head, const char *body, void *result)
{
    const struct route *route = answer_whatever(head, body, result);
    bool is_problem = code_facts(((struct result *)result)->code)->status >= 400;
    expect_shape(is_problem ? &answer_problem : route->answer);
    return said();
}

static struct result_order *fill_order(void *memory)
{
    struct result_order *order = memory;
    *order = (struct result_order){
        .head = {.code = CODE_CREATED, .kind = RESULT_ORDER, .seq = 9},
        .total = 3498,
        .stage_ns = {UINT64_C(1605052800000000000)},
        .expires_ns = UINT64_C(1605054600000000000),
        .version = 1,
        .currency = CURRENCY('C', 'N', 'Y'),
        .line_count = 1,
        .adjustment_count = 1,
        .state = ORDER_PENDING_PAYMENT,
        .created_by_bytes = 2,
        .modified_by_bytes = 2,
        .text_bytes = {[ORDER_ID] = 3, [ORDER_CUSTOMER] = 1, [ORDER_SHIP_TO] = 2},
    };
    order->lines[0] = (struct result_line){.sku = 1, .units = 2, .unit_price = 1999};
    struct adjustment *adjustment = (void *)&order->lines[1];
    *adjustment = (struct adjustment){.amount = -500, .kind = ADJUST_DISCOUNT};
    memcpy(adjustment + 1, "o-1ca\"meme", 10);
    return order;
}

static void an_order_is_answered_in_its_shape(void **state)
{
    (void)state;
    _Alignas(8) uint8_t memory[1024] = {0};
    assert_string_equal(
        answer("POST /v1/orders", ORDER(""), fill_order(memory)),
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
        "X-Commit-Seq: 9\r\nETag: \"1\"\r\nContent-Length: 403\r\n\r\n"
        "{\"order_id\":\"o-1\",\"state\":\"pending_payment\",\"version\":1,\"total\":3498,"
        "\"currency\":\"CNY\",\"customer\":\"c\",\"ship_to\":\"a\\\"\",\"lines\":[{\"line\":1,"
        "\"sku\":\"SKU-1\",\"units\":2,\"unit_price\":1999,\"warehouse\":\"w1\",\"shipped\":0,"
        "\"returned\":0,\"cancelled\":0}],\"adjustments\":[{\"kind\":\"discount\","
        "\"amount\":-500}],\"stages\":{\"created\":\"2020-11-11T00:00:00Z\"},"
        "\"created_by\":\"me\",\"modified_by\":\"me\",\"expires_at\":\"2020-11-11T00:30:00Z\"}");
}

static void a_replay_says_so_with_the_status_of_the_first_answer(void **state)
{
    (void)state;
    _Alignas(8) uint8_t memory[1024] = {0};
    struct result_order *order = fill_order(memory);
    order->head.code = CODE_REPLAYED;
    const char *response = answer("POST /v1/orders", ORDER(""), order);
    assert_non_null(strstr(response, "HTTP/1.1 201 Created\r\n"));
    assert_non_null(strstr(response, "Idempotent-Replayed: true\r\n"));
    struct result_change change = {.head = {.code = CODE_REPLAYED, .kind = RESULT_CHANGE, .seq = 9},
                                   .delta = 1};
    response = answer("POST /v1/stock/receive",
                      "{\"sku\":\"SKU-1\",\"warehouse\":\"w1\",\"units\":1}", &change);
    assert_non_null(strstr(response, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(response, "Idempotent-Replayed: true\r\n"));
}

static void a_shortage_lists_its_lines(void **state)
{
    (void)state;
    _Alignas(8) uint8_t memory[256] = {0};
    struct result_short *shortage = (void *)memory;
    shortage->head = (struct result){.code = CODE_OUT_OF_STOCK, .kind = RESULT_SHORT, .seq = 3};
    shortage->line_count = 1;
    shortage->lines[0] = (struct short_line){.sku = 1, .requested = 2, .sellable = 1};
    const char *response = answer("POST /v1/orders", ORDER(""), shortage);
    assert_non_null(strstr(response, "HTTP/1.1 409 Conflict\r\n"));
    assert_non_null(strstr(response, "\"status\":409,\"code\":\"out_of_stock\",\"retryable\":true,"
                                     "\"lines\":[{\"sku\":\"SKU-1\",\"requested\":2,"
                                     "\"sellable\":1}]}"));
}

static void stock_is_answered_in_its_shape(void **state)
{
    (void)state;
    _Alignas(8) uint8_t memory[256] = {0};
    struct result_stock *stock = (void *)memory;
    stock->head = (struct result){.code = CODE_OK, .kind = RESULT_STOCK, .seq = 3};
    stock->sku = 2;
    stock->cell_count = 1;
    stock->cells[0] = (struct result_cell){.free = 60,
                                           .held = 1,
                                           .reserved = 30,
                                           .committed = 5,
                                           .quarantined = 4,
                                           .version = 8,
                                           .sellable = 59,
                                           .warehouse = 1};
    const char *response = answer("GET /v1/stock?sku=SKU-2", "", stock);
    assert_non_null(
        strstr(response,
               "\r\n\r\n{\"items\":[{\"sku\":\"SKU-2\",\"warehouse\":\"w2\",\"on_hand\":100,"
               "\"free\":60,\"held\":1,\"reserved\":30,\"committed\":5,\"quarantined\":4,"
               "\"incoming\":0,\"in_transfer\":0,\"missing\":0,\"sellable\":59,\"version\":8}]}"));
}

static void a_fault_found_by_the_shard_points_to_its_field(void **state)
{
    (void)state;
    struct result_fault fault = {
        .head = {.code = CODE_CURRENCY_MISMATCH, .kind = RESULT_FAULT, .seq = 3},
        .line = 2,
        .field_bytes = 3,
        .field = "sku"};
    const char *response = answer("POST /v1/orders", ORDER(""), &fault);
    assert_non_null(strstr(response, "HTTP/1.1 422 "));
    assert_non_null(strstr(response, "\"pointer\":\"/lines/1/sku\""));
}

/* ---- the description --------------------------------------------------------------------------- */

static uint32_t references_in(struct json *json, char names[1024][128])
{
    uint32_t count = 0;
    enum json_token token;
    bool is_reference = false;
    while ((token = json_next(json)) != JSON_END) {
        assert_int_not_equal(token, JSON_WRONG);
        if (is_reference && token == JSON_TEXT)
            snprintf(names[count++], 128, "%.*s", (int)json->text.bytes, json->text.at);
        assert_in_range(count, 0, 1023);
        is_reference =
            token == JSON_KEY && json->text.bytes == 4 && memcmp(json->text.at, "$ref", 4) == 0;
    }
    return count;
}

static void the_description_is_json_and_names_every_route_and_only_schemas_that_it_has(void **state)
{
    (void)state;
    static char copy[HTTP_OUTPUT_BYTES_MAX], names[1024][128];
    struct json json;
    struct pile pile = {out_memory, 0, sizeof out_memory};
    openapi_write(&(struct json_writer){.pile = &pile});
    memcpy(copy, pile.at, pile.used_bytes);
    json_init(&json, copy, pile.used_bytes);
    uint32_t count = references_in(&json, names);
    pile.at[pile.used_bytes] = 0;
    const char *text = (const char *)pile.at;
    for (uint32_t i = 0; i < count; i++) {
        char schema[160];
        assert_memory_equal(names[i], "#/components/schemas/", 21);
        snprintf(schema, sizeof schema, "\"%s\":{\"type\":\"object\"", names[i] + 21);
        assert_non_null(strstr(text, schema));
    }
    for (int admin = 0; admin < 2; admin++) {
        const struct route *route;
        for (uint32_t i = 0; (route = route_at(admin == 1, i)) != NULL; i++) {
            char part[160];
            snprintf(part, sizeof part, "\"operationId\":\"%s\"", route->name);
            assert_non_null(strstr(text, part));
            snprintf(part, sizeof part, "\"%s\":{", route->pattern);
            assert_non_null(strstr(text, part));
        }
    }
}

/* The longest answer there can be has room in what a caller of http_answer provides. */
static void the_longest_order_fits_its_answer(void **state)
{
    (void)state;
    static _Alignas(8) uint8_t memory[RESULT_BYTES_MAX];
    struct result_order *order = fill_order(memory);
    order->line_count = ORDER_LINES_MAX;
    order->adjustment_count = ADJUSTMENTS_MAX;
    for (uint32_t i = 0; i < ORDER_LINES_MAX; i++)
        order->lines[i] = (struct result_line){.sku = 1,
                                               .units = UINT32_MAX,
                                               .unit_price = INT64_MIN,
                                               .shipped = UINT32_MAX,
                                               .returned = UINT32_MAX,
                                               .cancelled = UINT32_MAX};
    struct adjustment *adjustments = (void *)&order->lines[ORDER_LINES_MAX];
    for (uint32_t i = 0; i < ADJUSTMENTS_MAX; i++)
        adjustments[i] = (struct adjustment){.amount = INT64_MIN, .kind = ADJUST_DISCOUNT};
    char *texts = (char *)(adjustments + ADJUSTMENTS_MAX);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        order->text_bytes[i] = 64;
    order->created_by_bytes = order->modified_by_bytes = 64;
    memset(texts, 1, (ORDER_TEXTS + 2) * 64);
    answer_whatever("POST /v1/orders", ORDER(""), order);
    /* codes and names of warehouses are short here; they may be 27 and 30 bytes longer, twice that
     * when every character is escaped */
    assert_true(out.used_bytes + ORDER_LINES_MAX * (59 + 30) < HTTP_OUTPUT_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_that_is_wrong_in_any_way_is_refused_and_pointed_to),
        cmocka_unit_test(every_body_with_only_what_is_required_is_taken),
        cmocka_unit_test(every_path_refuses_the_methods_that_it_does_not_take),
        cmocka_unit_test(every_body_of_another_media_type_is_refused),
        cmocka_unit_test(every_endpoint_without_a_body_refuses_one),
        cmocka_unit_test(every_endpoint_refuses_a_body_that_is_too_large),
        cmocka_unit_test(every_endpoint_wants_the_headers_that_it_needs),
        cmocka_unit_test(no_endpoint_listens_to_strangers),
        cmocka_unit_test(every_query_refuses_what_it_does_not_know_or_has_had),
        cmocka_unit_test(what_is_refused_says_where_and_why),
        cmocka_unit_test(every_field_of_an_order_reaches_its_command),
        cmocka_unit_test(every_field_of_a_sku_reaches_its_command),
        cmocka_unit_test(cancelled_lines_reach_their_command_in_ascending_order),
        cmocka_unit_test(everything_is_cancelled_without_a_body),
        cmocka_unit_test(changes_of_stock_reach_their_commands),
        cmocka_unit_test(units_received_reach_their_command),
        cmocka_unit_test(an_order_of_1200_lines_is_taken_and_one_of_1201_is_not),
        cmocka_unit_test(an_id_from_a_key_depends_on_the_key_alone),
        cmocka_unit_test(ids_made_without_a_key_sort_by_time_and_stay_at_home),
        cmocka_unit_test(an_order_is_answered_in_its_shape),
        cmocka_unit_test(a_replay_says_so_with_the_status_of_the_first_answer),
        cmocka_unit_test(a_shortage_lists_its_lines),
        cmocka_unit_test(stock_is_answered_in_its_shape),
        cmocka_unit_test(a_fault_found_by_the_shard_points_to_its_field),
        cmocka_unit_test(
            the_description_is_json_and_names_every_route_and_only_schemas_that_it_has),
        cmocka_unit_test(the_longest_order_fits_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
