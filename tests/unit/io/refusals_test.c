#include "tests/unit/io/asking.h"

#include "io/callers.h"
#include "io/routes.h"

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

/* ---- cases by hand ----------------------------------------------------------------------------- */

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
    {"GET /v1/order", "", "404", "no such path"},
    {"GET /readyz", "", "404", "this path is the admin listener's"},
    {"POST /metrics", "", "404", "this path is the admin listener's"},
    {"POST /v1/orders", "{\"currency\":\"CNY\"}", "422", "\"detail\":\"/customer: is missing\""},
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
        cmocka_unit_test(an_order_of_1200_lines_is_taken_and_one_of_1201_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
