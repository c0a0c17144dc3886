#include "tests/sim/web_client.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "io/json.h"
#include "tests/sim/oracle.h"

/* --- requests --- */

struct writing {
    char *at;
    uint32_t bytes;
};

__attribute__((format(printf, 2, 3))) static void put(struct writing *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(to->at + to->bytes, WEB_REQUEST_BYTES_MAX - to->bytes, format, arguments);
    va_end(arguments);
    CHECK(bytes >= 0 && to->bytes + (uint32_t)bytes < WEB_REQUEST_BYTES_MAX);
    to->bytes += (uint32_t)bytes;
}

struct request_text {
    struct writing path;
    struct writing body; /* nothing: a GET */
    struct text key;
    char path_text[512];
    char body_text[WEB_REQUEST_BYTES_MAX];
};

#define TEXT_OF(text) (int)(text).bytes, (text).at

static struct text next_text(const char **at, uint32_t bytes)
{
    struct text text = {*at, bytes};
    *at += bytes;
    return text;
}

static void write_create(struct request_text *to, const struct order_create *create,
                         const struct oracle *oracle)
{
    put(&to->path, "/v1/orders");
    put(&to->body, "{\"order_id\":\"%.*s\",\"customer\":\"%.*s\",\"currency\":\"CNY\",\"lines\":[",
        TEXT_OF(order_create_text(create, ORDER_ID)),
        TEXT_OF(order_create_text(create, ORDER_CUSTOMER)));
    for (uint32_t i = 0; i < create->line_count; i++)
        put(&to->body, "%s{\"sku\":\"%s\",\"units\":%u,\"unit_price\":%lld}", i == 0 ? "" : ",",
            oracle_code(oracle, create->lines[i].sku), create->lines[i].units,
            (long long)create->lines[i].unit_price);
    put(&to->body, "]");
    if (create->adjustment_count != 0) {
        const struct adjustment *first = (const void *)(create->lines + create->line_count);
        put(&to->body, ",\"adjustments\":[{\"kind\":\"discount\",\"amount\":%lld}]",
            (long long)first->amount);
    }
    put(&to->body, "}");
}

static void write_money(struct request_text *to, const struct order_money *money)
{
    struct text text[MONEY_TEXTS];
    const char *at = (const void *)(money + 1);
    for (uint32_t i = 0; i < MONEY_TEXTS; i++)
        text[i] = next_text(&at, money->text_bytes[i]);
    put(&to->path, "/v1/orders/%.*s/payments", TEXT_OF(text[MONEY_ORDER]));
    to->key = text[MONEY_KEY];
    if (money->head.op == OP_PAYMENT_CREATE) {
        put(&to->body, "{\"payment_id\":\"%.*s\",\"amount\":%lld}", TEXT_OF(text[MONEY_PAYMENT]),
            (long long)money->amount);
        return;
    }
    put(&to->path, "/%.*s/%s", TEXT_OF(text[MONEY_PAYMENT]),
        money->head.op == OP_REFUND_CREATE ? "refunds" : "capture");
    if (money->head.op == OP_REFUND_CREATE)
        put(&to->body, "{\"refund_id\":\"%.*s\",\"amount\":%lld}", TEXT_OF(text[MONEY_REFUND]),
            (long long)money->amount);
    else
        put(&to->body, "{}");
}

static void write_cancel(struct request_text *to, const struct order_cancel *cancel)
{
    const char *at = (const void *)(cancel->lines + cancel->line_count);
    struct text id = next_text(&at, cancel->id_bytes);
    (void)next_text(&at, cancel->reason_bytes);
    to->key = next_text(&at, cancel->key_bytes);
    put(&to->path, "/v1/orders/%.*s/cancel", TEXT_OF(id));
    put(&to->body, "{}");
}

static void write_receive(struct request_text *to, const struct stock_receive *receive,
                          const struct oracle *oracle)
{
    const char *at = (const void *)(receive + 1);
    struct text warehouse = next_text(&at, receive->warehouse_bytes);
    to->key = next_text(&at, receive->key_bytes);
    put(&to->path, "/v1/stock/receive");
    put(&to->body, "{\"sku\":\"%s\",\"warehouse\":\"%.*s\",\"ok\":%llu,\"damaged\":%llu}",
        oracle_code(oracle, receive->sku), TEXT_OF(warehouse),
        (unsigned long long)receive->ok_units, (unsigned long long)receive->damaged_units);
}

static void write_what(struct request_text *to, const struct command *command,
                       const struct oracle *oracle)
{
    const struct order_get *get = (const void *)command;
    const struct stock_get *stock = (const void *)command;
    switch ((int)command->op) {
    case OP_ORDER_CREATE:
        write_create(to, (const void *)command, oracle);
        return;
    case OP_ORDER_GET:
        put(&to->path, "/v1/orders/%.*s", (int)get->id_bytes, (const char *)(get + 1));
        return;
    case OP_ORDER_CANCEL:
        write_cancel(to, (const void *)command);
        return;
    case OP_STOCK_GET:
        put(&to->path, "/v1/stock?sku=%s", oracle_code(oracle, stock->sku));
        return;
    case OP_STOCK_RECEIVE:
        write_receive(to, (const void *)command, oracle);
        return;
    default:
        write_money(to, (const void *)command);
    }
}

/* In one piece, or in chunks of any size. */
static void put_body(struct writing *to, const struct writing *body, struct stream *chance)
{
    if (!stream_hit(chance, 4)) {
        put(to, "Content-Length: %u\r\n\r\n%.*s", body->bytes, (int)body->bytes, body->at);
        return;
    }
    put(to, "Transfer-Encoding: chunked\r\n\r\n");
    for (uint32_t sent = 0, chunk; sent < body->bytes; sent += chunk) {
        chunk = 1 + (uint32_t)stream_below(chance, body->bytes - sent);
        put(to, "%x\r\n%.*s\r\n", chunk, (int)chunk, body->at + sent);
    }
    put(to, "0\r\n\r\n");
}

uint32_t web_request(char *to, const struct command *command, const struct oracle *oracle,
                     struct stream *chance)
{
    struct writing out = {.at = to};
    struct request_text request = {0};
    request.path.at = request.path_text;
    request.body.at = request.body_text;
    write_what(&request, command, oracle);
    bool is_get = request.body.bytes == 0;
    put(&out, "%s %s HTTP/1.1\r\nHost: shop\r\n", is_get ? "GET" : "POST", request.path_text);
    if (request.key.bytes != 0)
        put(&out, "Idempotency-Key: %.*s\r\n", TEXT_OF(request.key));
    if (is_get) {
        put(&out, "\r\n");
        return out.bytes;
    }
    put(&out, "Content-Type: application/json\r\n");
    put_body(&out, &request.body, chance);
    return out.bytes;
}

/* --- responses --- */

static const char *header_of(const char *at, const char *name)
{
    const char *end = strstr(at, "\r\n\r\n");
    const char *found = strcasestr(at, name);
    return end != NULL && found != NULL && found < end ? found + strlen(name) : NULL;
}

uint32_t web_response_bytes(const char *at, uint32_t available)
{
    char head[2048];
    uint32_t looked = available < sizeof head - 1 ? available : (uint32_t)sizeof head - 1;
    memcpy(head, at, looked);
    head[looked] = 0;
    const char *end = strstr(head, "\r\n\r\n");
    const char *length = header_of(head, "\r\nContent-Length:");
    if (end == NULL || length == NULL)
        return 0;
    uint64_t bytes = (uint64_t)(end + 4 - head) + strtoull(length, NULL, 10);
    return bytes <= available ? (uint32_t)bytes : 0;
}

enum { SEEN_PAYMENTS = 2, SEEN_REFUNDS = 8, SEEN_CELLS = 8 };

/* What a body says, of all that bodies say. */
struct seen {
    char code[32];
    char state[32];
    int64_t total;
    int64_t version;
    struct result_line lines[ORDER_WISH_LINES];
    uint32_t line_count;
    struct child_payment payments[SEEN_PAYMENTS];
    char refunds[SEEN_PAYMENTS][SEEN_REFUNDS][8];
    uint32_t refund_count[SEEN_PAYMENTS];
    uint32_t payment_count;
    struct result_cell cells[SEEN_CELLS];
    uint32_t cell_count;
};

static void copy_text(char *to, size_t room, struct text text)
{
    snprintf(to, room, "%.*s", TEXT_OF(text));
}

static void take_line(struct seen *seen, uint32_t i, const char *name, const struct json *json,
                      const struct oracle *oracle)
{
    char code[32];
    CHECK(i < ORDER_WISH_LINES);
    seen->line_count = i + 1;
    copy_text(code, sizeof code, json->text);
    if (strcmp(name, "sku") == 0)
        seen->lines[i].sku = oracle_number(oracle, code);
    if (strcmp(name, "units") == 0)
        seen->lines[i].units = (uint32_t)json->integer;
    if (strcmp(name, "unit_price") == 0)
        seen->lines[i].unit_price = json->integer;
}

static void take_payment(struct seen *seen, uint32_t i, const char *name, const struct json *json)
{
    CHECK(i < SEEN_PAYMENTS);
    struct child_payment *payment = &seen->payments[i];
    seen->payment_count = i + 1;
    if (strcmp(name, "captured") == 0)
        payment->captured = json->integer;
    if (strcmp(name, "refund_pending") == 0)
        payment->refund_pending = json->integer;
    if (strcmp(name, "refunded") == 0)
        payment->refunded = json->integer;
}

static void take_cell(struct seen *seen, uint32_t i, const char *name, const struct json *json)
{
    CHECK(i < SEEN_CELLS);
    struct result_cell *cell = &seen->cells[i];
    seen->cell_count = i + 1;
    uint64_t units = (uint64_t)json->integer;
    if (strcmp(name, "free") == 0)
        cell->free = units;
    if (strcmp(name, "held") == 0)
        cell->held = units;
    if (strcmp(name, "reserved") == 0)
        cell->reserved = units;
    if (strcmp(name, "committed") == 0)
        cell->committed = units;
    if (strcmp(name, "quarantined") == 0)
        cell->quarantined = units;
}

static void take_value(struct seen *seen, const char *pointer, const struct json *json,
                       const struct oracle *oracle)
{
    char name[32];
    uint32_t i, k;
    if (strcmp(pointer, "/code") == 0)
        copy_text(seen->code, sizeof seen->code, json->text);
    else if (strcmp(pointer, "/state") == 0)
        copy_text(seen->state, sizeof seen->state, json->text);
    else if (strcmp(pointer, "/total") == 0)
        seen->total = json->integer;
    else if (strcmp(pointer, "/version") == 0)
        seen->version = json->integer;
    else if (sscanf(pointer, "/payments/%u/refunds/%u/%31s", &i, &k, name) == 3) {
        CHECK(i < SEEN_PAYMENTS && k < SEEN_REFUNDS);
        seen->refund_count[i] = k + 1;
        if (strcmp(name, "refund_id") == 0)
            copy_text(seen->refunds[i][k], sizeof seen->refunds[i][k], json->text);
    } else if (sscanf(pointer, "/payments/%u/%31s", &i, name) == 2)
        take_payment(seen, i, name, json);
    else if (sscanf(pointer, "/lines/%u/%31s", &i, name) == 2 && seen->code[0] == 0)
        take_line(seen, i, name, json, oracle);
    else if (sscanf(pointer, "/items/%u/%31s", &i, name) == 2)
        take_cell(seen, i, name, json);
}

static void read_body(struct run *run, struct seen *seen, char *body, uint32_t bytes,
                      const struct oracle *oracle)
{
    struct json json;
    enum json_token token;
    char room[JSON_POINTER_BYTES_MAX], pointer[JSON_POINTER_BYTES_MAX + 1];
    json_init(&json, body, bytes);
    while ((token = json_next(&json)) != JSON_END) {
        if (token == JSON_WRONG)
            run_fail(run, "a client gets JSON with %s", json_fault_name(json.fault));
        if (token != JSON_TEXT && token != JSON_INTEGER)
            continue;
        copy_text(pointer, sizeof pointer, json_pointer(&json, room));
        take_value(seen, pointer, &json, oracle);
    }
}

/* --- as the oracle hears it --- */

static enum code code_named(struct run *run, const char *name)
{
    for (uint32_t code = 0; code < CODE_LIMIT_NUMBER; code++)
        if (code_facts(code) != NULL && strcmp(code_facts(code)->name, name) == 0)
            return (enum code)code;
    run_fail(run, "a client gets the code %s, which there is not", name);
}

static uint8_t state_named(const char *name)
{
    for (uint32_t state = 1; state < ORDER_STATES; state++)
        if (strcmp(order_state_name((enum order_state)state), name) == 0)
            return (uint8_t)state;
    return 0;
}

static void make_order(struct result_order *order, const struct seen *seen)
{
    order->total = seen->total;
    order->version = (uint32_t)seen->version;
    order->line_count = (uint16_t)seen->line_count;
    order->state = state_named(seen->state);
    memcpy(order->lines, seen->lines, seen->line_count * sizeof seen->lines[0]);
    struct child *child = (void *)(order->lines + seen->line_count);
    for (uint32_t i = 0; i < seen->payment_count; i++) {
        memcpy(child, &seen->payments[i], sizeof seen->payments[i]);
        child->kind = CHILD_PAYMENT;
        child->bytes = sizeof seen->payments[i];
        child = (void *)((char *)child + child->bytes);
        order->child_count = (uint16_t)(order->child_count + 1 + seen->refund_count[i]);
        for (uint32_t k = 0; k < seen->refund_count[i]; k++) {
            *child = (struct child){
                .bytes = sizeof(struct child_refund) + 8, .kind = CHILD_REFUND, .id_bytes = 8};
            memcpy((struct child_refund *)child + 1, seen->refunds[i][k], 8);
            child = (void *)((char *)child + child->bytes);
        }
    }
    order->head.bytes = (uint32_t)((char *)child - (char *)order);
}

static void make_result(struct result *result, const struct seen *seen, enum op op)
{
    if (op == OP_ORDER_CREATE) {
        struct result_placed *placed = (void *)result;
        result->kind = RESULT_ORDER_PLACED;
        placed->total = seen->total;
        placed->version = (uint32_t)seen->version;
    } else if (op == OP_ORDER_GET) {
        result->kind = RESULT_ORDER;
        make_order((void *)result, seen);
    } else if (op == OP_STOCK_GET) {
        struct result_stock *stock = (void *)result;
        result->kind = RESULT_STOCK;
        stock->cell_count = seen->cell_count;
        memcpy(stock->cells, seen->cells, sizeof seen->cells);
    }
}

const struct result *web_result(struct run *run, char *at, uint32_t bytes,
                                const struct command *command, const struct oracle *oracle)
{
    static _Alignas(8) uint8_t room[8192];
    struct result *result = (void *)room;
    struct seen seen = {0};
    char *body = memmem(at, bytes, "\r\n\r\n", 4);
    CHECK(body != NULL);
    body += 4;
    uint32_t status = (uint32_t)strtoul(at + strlen("HTTP/1.1 "), NULL, 10);
    bool replayed = header_of(at, "\r\nIdempotent-Replayed: true") != NULL;
    read_body(run, &seen, body, (uint32_t)(at + bytes - body), oracle);
    memset(room, 0, sizeof room);
    result->request = command->request;
    if (status >= 400) {
        result->code = (uint16_t)code_named(run, seen.code);
        if (code_facts(result->code)->status != status)
            run_fail(run, "a client gets the status %u with the code %s", status, seen.code);
        return result;
    }
    result->code = replayed ? CODE_REPLAYED : status == 201 ? CODE_CREATED : CODE_OK;
    make_result(result, &seen, (enum op)command->op);
    return result;
}
