/* tests/unit/io/asking.h - one request on a connection of its own, and what comes of it: a command, or an
 * answer whose shape is looked at. */
#ifndef SPATE_TESTS_UNIT_IO_ASKING_H
#define SPATE_TESTS_UNIT_IO_ASKING_H

#include "core/result.h"
#include "io/answers.h"
#include "io/http.h"
#include "io/walk.h"
#include "tests/unit/io/shop_double.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

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
static inline enum http_step ask_with(const char *head, const char *headers, const char *body)
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

static inline const char *said(void)
{
    return (const char *)out.at;
}

static inline enum http_step ask(const char *head, const char *body)
{
    return ask_with(head, TYPE_HEADER KEY_HEADER MATCH_HEADER, body);
}

/* The body is what the table of routes says about it, and nothing else. */
static inline void expect_shape(const struct schema *schema)
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

#define LINE "{\"sku\":\"SKU-1\",\"units\":2,\"unit_price\":1999}"
#define ORDER(more)                                                                                \
    "{\"order_id\":\"o-1\",\"customer\":\"c\",\"currency\":\"CNY\",\"lines\":[" LINE "]" more "}"

#endif
