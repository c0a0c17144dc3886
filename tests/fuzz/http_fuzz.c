/* tests/fuzz/http_fuzz.c - a connection gives the same answers, and the same commands, however its
 * bytes are cut into pieces; and never consumes more than it was given. */
#include "io/http.h"
#include "io/walk.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/io/shop_double.h"

#include <stdio.h>
#include <stdlib.h>

static _Alignas(8) uint8_t walk_memory[WALK_BYTES];

#define JSON_HEAD "Host: a\r\nContent-Type: application/json\r\n"
#define BODY      "{\"sku\":\"SKU-1\",\"warehouse\":\"w1\",\"units\":5}"
#define ORDER                                                                                      \
    "{\"order_id\":\"o-1\",\"customer\":\"c\",\"currency\":\"CNY\",\"lines\":[{\"sku\":\"SKU-1\"," \
    "\"units\":2,\"unit_price\":1999}],\"adjustments\":[{\"kind\":\"tax\",\"amount\":5}]}"

const char *const fuzz_seeds[] = {
    "GET /v1/orders/o-1?min_seq=5 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a/v1/stock?sku=SKU-1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "POST /v1/orders HTTP/1.1\r\n" JSON_HEAD "Content-Length: 153\r\n\r\n" ORDER,
    "POST /v1/orders HTTP/1.1\r\n" JSON_HEAD "Transfer-Encoding: chunked\r\n\r\n99\r\n" ORDER
    "\r\n0\r\nX: y\r\n\r\n",
    "POST /v1/stock/receive HTTP/1.1\r\n" JSON_HEAD
    "Idempotency-Key: k\r\nContent-Length: 42\r\n\r\n" BODY
    "GET /v1/orders/o%2D1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /v1/stock/receive HTTP/1.1\r\n" JSON_HEAD
    "Idempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n10;a=b\r\n{\"sku\":\"SKU-1\",\"\r\n"
    "1a\r\nwarehouse\":\"w1\",\"units\":5}\r\n0\r\n\r\nHEAD /v1/orders/x "
    "HTTP/1.1\r\nHost:b\r\n\r\n",
    "PUT /v1/skus/SKU%2D1 HTTP/1.1\r\n" JSON_HEAD
    "Content-Length: 38\r\n\r\n{\"currency\":\"CNY\",\"list_price\":1999   }",
    "POST /v1/skus:batch HTTP/1.1\r\n" JSON_HEAD
    "Content-Length: 83\r\n\r\n{\"skus\":[{\"sku\":\"A\",\"currency\":\"CNY\",\"list_price\":1}, "
    "{\"sku\":\"B\\u0041\",\"flash\":1}]}",
    "PUT /v1/warehouses/w1 HTTP/1.1\r\nConnection: close\r\n" JSON_HEAD
    "Content-Length: 14\r\n\r\n{\"priority\":1}",
    NULL,
};

static uint8_t slot_shard[SLOT_COUNT];
static const struct http_server server = {
    .slot_shard = slot_shard,
    .head_bytes_max = 512,
    .body_bytes_max = 512,
    .ready = true,
    .watermark = 100,
};

/* Everything that came of an input. */
struct outcome {
    uint8_t output[1 << 20];
    uint8_t commands[1 << 18];
    struct pile out;
    struct pile command;
    bool closed;
};

static const uint8_t *current;
static size_t current_bytes;

static void fail(const char *what)
{
    fprintf(stderr, "%s: ", what);
    fuzz_print(current, current_bytes);
    abort();
}

static uint32_t piece_bytes(uint64_t *random, uint32_t left)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    uint32_t bytes = 1 + (uint32_t)(*random >> 33) % 40;
    return bytes < left ? bytes : left;
}

static bool take_step(struct outcome *outcome, struct http *http, char *in, uint32_t *in_bytes)
{
    struct result result = {.bytes = sizeof result, .code = CODE_OK, .seq = 1};
    struct command_fault fault;
    uint32_t consumed, begin = outcome->command.used_bytes;
    enum http_step step =
        http_feed(http, &server, in, *in_bytes, &consumed, &outcome->command, &outcome->out, 1);
    if (consumed > *in_bytes || (step == HTTP_MORE && consumed != 0))
        fail("consumed what is not there");
    memmove(in, in + consumed, *in_bytes - consumed);
    *in_bytes -= consumed;
    const struct command *command = (const void *)(outcome->command.at + begin);
    if (step == HTTP_COMMAND &&
        command_check(command, outcome->command.used_bytes - begin, &fault) != CODE_OK)
        fail("a command that is not good"); /* nobody looks at it again */
    if (step == HTTP_COMMAND && !http_answer(http, &server, &result, &outcome->out))
        outcome->closed = true;
    if (step == HTTP_CLOSE || step == HTTP_LINGER)
        outcome->closed = true;
    return step != HTTP_MORE && !outcome->closed;
}

/* `random` cuts the input into pieces; 0: one piece. */
static void run(struct outcome *outcome, const uint8_t *input, uint32_t bytes, uint64_t random)
{
    static char in[4096];
    uint32_t in_bytes = 0;
    struct http http;
    outcome->out = (struct pile){outcome->output, 0, sizeof outcome->output};
    outcome->command = (struct pile){outcome->commands, 0, sizeof outcome->commands};
    outcome->closed = false;
    http_init(&http, 1, (void *)walk_memory);
    for (uint32_t at = 0; at < bytes && !outcome->closed;) {
        uint32_t count = random == 0 ? bytes : piece_bytes(&random, bytes - at);
        memcpy(in + in_bytes, input + at, count);
        in_bytes += count;
        at += count;
        while (take_step(outcome, &http, in, &in_bytes))
            continue;
    }
}

static bool is_same(const struct pile *a, const struct pile *b)
{
    return a->used_bytes == b->used_bytes && memcmp(a->at, b->at, a->used_bytes) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    static struct outcome whole, pieces;
    if (bytes == 0 || bytes > 4096)
        return 0;
    current = input;
    current_bytes = bytes;
    run(&whole, input, (uint32_t)bytes, 0);
    /* who expects 100 Continue gets it only when the body is late */
    if (memmem(input, bytes, "100-", 4) != NULL)
        return 0;
    run(&pieces, input, (uint32_t)bytes, bytes * 77 + input[bytes / 2]);
    if (whole.closed != pieces.closed || !is_same(&whole.out, &pieces.out)) {
        fprintf(stderr, "%.*s\n--\n%.*s\n", (int)whole.out.used_bytes, (char *)whole.output,
                (int)pieces.out.used_bytes, (char *)pieces.output);
        fail("another answer in pieces");
    }
    if (!is_same(&whole.command, &pieces.command))
        fail("another command in pieces");
    return 0;
}
