/* bench/http_bench.c - one order over HTTP/JSON: from bytes to a command, and from its result to
 * bytes. What stands between the two is measured elsewhere. */
#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/shard.h"
#include "io/http.h"
#include "io/walk.h"

static _Alignas(8) uint8_t walk_memory[WALK_BYTES];

static struct shard *shard;
static struct turn turn;
static uint8_t slot_shard[SLOT_COUNT];
static struct http http;
static struct http_server server = {.slot_shard = slot_shard,
                                    .head_bytes_max = HTTP_HEAD_BYTES_MAX,
                                    .body_bytes_max = HTTP_BODY_BYTES_MAX,
                                    .ready = true,
                                    .watermark = UINT64_MAX};
static struct pile command, output;
static _Alignas(8) uint8_t kept_result[4096];
static uint64_t seq;

#define ORDER                                                                                      \
    "{\"order_id\":\"20200001-10000001\",\"customer\":\"c778812\",\"currency\":\"CNY\",\"lines\":" \
    "[{\"sku\":\"SKU-17\",\"units\":1,\"unit_price\":1999},"                                       \
    "{\"sku\":\"SKU-42\",\"units\":1,\"unit_price\":2599}]}"

static uint32_t make_request(char out[1024], const char *line, const char *body)
{
    int bytes = snprintf(out, 1024,
                         "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         line, strlen(body), body);
    CHECK(bytes > 0 && bytes < 1024);
    return (uint32_t)bytes;
}

static struct pile pile(uint32_t bytes)
{
    return (struct pile){.at = bench_memory(bytes), .capacity_bytes = bytes};
}

static void read_order(char *bytes, uint32_t count)
{
    uint32_t consumed;
    command.used_bytes = output.used_bytes = 0;
    enum http_step step =
        http_feed(&http, &server, bytes, count, &consumed, &command, &output, turn.now_ns);
    CHECK(step == HTTP_COMMAND && consumed == count);
}

static void answer_order(const void *result)
{
    bench_keep(http_answer(&http, &server, result, &output));
}

/* As a server does it. */
static void hear(const char *line, const char *body)
{
    char bytes[1024];
    uint32_t count = make_request(bytes, line, body);
    read_order(bytes, count);
    shard_request(shard, &turn, &(struct request){.command = (const void *)command.at});
    struct result *result = (void *)(turn.answers.at + sizeof(struct answer));
    CHECK(turn.answers.used_bytes > 0 && result->code < CODE_MALFORMED);
    result->seq = ++seq;
    CHECK(result->bytes <= sizeof kept_result);
    memcpy(kept_result, result, result->bytes);
    answer_order(result);
    shard_committed(shard, seq);
    turn.events.used_bytes = turn.answers.used_bytes = turn.event_count = 0;
}

static void set_up(void)
{
    if (shard != NULL)
        return;
    struct shard_options options = {
        .shard_count = 1,
        .slot_shard = slot_shard,
        .order_count_max = 1000,
        .order_bytes_max = 1 << 20,
        .cell_count_max = 1000,
        .flight_count_max = 16,
        .retry_count_max = 1000,
        .limit_count_max = 1000,
        .catalogue = {.sku_count_max = 1000},
        .payment_deadline_ns = UINT64_C(1800000000000),
        .retry_window_ns = UINT64_C(86400000000000),
    };
    void *shared = bench_memory(catalogue_bytes(&options.catalogue));
    struct catalogue *catalogue = catalogue_init(shared, &options.catalogue);
    shard = shard_init(bench_memory(shard_bytes(&options)), &options, catalogue);
    server.catalogue = catalogue;
    server.shard = shard;
    turn = (struct turn){.now_ns = UINT64_C(1605052800123456789),
                         .events = pile(1 << 20),
                         .answers = pile(1 << 20),
                         .outbox = {pile(1 << 20)},
                         .shard_count = 1};
    command = pile(COMMAND_BYTES_MAX);
    output = pile(HTTP_OUTPUT_BYTES_MAX);
    http_init(&http, 1, (void *)walk_memory);
    hear("PUT /v1/warehouses/w1", "{\"priority\":1}");
    hear("PUT /v1/skus/SKU-17", "{\"currency\":\"CNY\",\"list_price\":1999}");
    hear("PUT /v1/skus/SKU-42", "{\"currency\":\"CNY\",\"list_price\":2599}");
    hear("POST /v1/stock/receive HTTP/1.1\r\nIdempotency-Key: 1\r\nX: ",
         "{\"sku\":\"SKU-17\",\"warehouse\":\"w1\",\"units\":1000}");
    hear("POST /v1/stock/receive HTTP/1.1\r\nIdempotency-Key: 2\r\nX: ",
         "{\"sku\":\"SKU-42\",\"warehouse\":\"w1\",\"units\":1000}");
    hear("POST /v1/orders", ORDER);
}

static void run(uint64_t iterations)
{
    char bytes[1024]; /* nothing in it changes when it is read */
    uint32_t count = make_request(bytes, "POST /v1/orders", ORDER);
    for (uint64_t i = 0; i < iterations; i++) {
        read_order(bytes, count);
        answer_order(kept_result);
    }
}

const struct bench http_benches[] = {
    {.name = "http/a two-line order, read and answered", .setup = set_up, .run = run, .items = 1},
    {0},
};
