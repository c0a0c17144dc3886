#include "io/routes.h"

#include "io/openapi.h"
#include "tests/unit/io/asking.h"

/* ---- what reaches its command -------------------------------------------------------------------- */

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
        cmocka_unit_test(every_field_of_an_order_reaches_its_command),
        cmocka_unit_test(every_field_of_a_sku_reaches_its_command),
        cmocka_unit_test(cancelled_lines_reach_their_command_in_ascending_order),
        cmocka_unit_test(everything_is_cancelled_without_a_body),
        cmocka_unit_test(changes_of_stock_reach_their_commands),
        cmocka_unit_test(units_received_reach_their_command),
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
