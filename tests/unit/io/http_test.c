#include "io/callers.h"
#include "io/http.h"
#include "io/walk.h"

#include "tests/unit/io/shop_double.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

static _Alignas(8) uint8_t walk_memory[WALK_BYTES];

static uint8_t slot_shard[SLOT_COUNT];

static struct http_server server = {
    .slot_shard = slot_shard,
    .head_bytes_max = 1024,
    .body_bytes_max = 4096,
    .drain_status = 503,
    .ready = true,
    .watermark = 100,
};

/* A connection as the loop runs it: whatever is not consumed is fed again with what comes next. */
struct peer {
    struct http http;
    char in[16384];
    uint32_t in_bytes;
    struct pile command;
    struct pile out;
    uint32_t commands;
    bool closed;
};

static uint8_t command_memory[COMMAND_BYTES_MAX + 8];
static uint8_t out_memory[HTTP_OUTPUT_BYTES_MAX];

static void peer_init(struct peer *peer)
{
    *peer = (struct peer){.command = {command_memory, 0, sizeof command_memory},
                          .out = {out_memory, 0, sizeof out_memory}};
    http_init(&peer->http, 1, (void *)walk_memory);
}

static void answer_command(struct peer *peer)
{
    struct result result = {.bytes = sizeof result, .code = CODE_OK, .seq = 7};
    peer->commands++;
    peer->command.used_bytes = 0;
    if (!http_answer(&peer->http, &server, &result, &peer->out))
        peer->closed = true;
}

static void turn(struct peer *peer)
{
    uint32_t consumed = 1;
    while (!peer->closed && consumed > 0) {
        enum http_step step = http_feed(&peer->http, &server, peer->in, peer->in_bytes, &consumed,
                                        &peer->command, &peer->out, 1000000000);
        assert_true(consumed <= peer->in_bytes);
        memmove(peer->in, peer->in + consumed, peer->in_bytes - consumed);
        peer->in_bytes -= consumed;
        if (step == HTTP_COMMAND)
            answer_command(peer);
        if (step == HTTP_CLOSE || step == HTTP_LINGER)
            peer->closed = true;
        if (step == HTTP_MORE)
            assert_int_equal(consumed, 0);
    }
}

static void receive(struct peer *peer, const char *bytes, uint32_t count)
{
    if (peer->closed)
        return;
    assert_true(peer->in_bytes + count <= sizeof peer->in);
    memcpy(peer->in + peer->in_bytes, bytes, count);
    peer->in_bytes += count;
    turn(peer);
}

static const char *said(struct peer *peer)
{
    peer->out.at[peer->out.used_bytes] = 0;
    return (const char *)peer->out.at;
}

static void hear(struct peer *peer, const char *request)
{
    receive(peer, request, (uint32_t)strlen(request));
}

static uint32_t count_of(const char *text, const char *what)
{
    uint32_t count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        count++;
    return count;
}

#define ORDER_BODY                                                                                 \
    "{\"order_id\":\"o-1\",\"customer\":\"c\",\"currency\":\"CNY\","                               \
    "\"lines\":[{\"sku\":\"SKU-1\",\"units\":2,\"unit_price\":1999}]}"
#define GET_ORDER   "GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\r\n"
#define JSON_HEADER "Content-Type: application/json\r\n"

static void a_request_becomes_a_command_and_its_result_a_response(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, GET_ORDER);
    assert_int_equal(peer.commands, 1);
    assert_string_equal(said(&peer), "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                     "X-Commit-Seq: 7\r\nContent-Length: 16\r\n\r\n"
                                     "{\"commit_seq\":7}");
    assert_false(peer.closed);
}

/* ---- framing ----------------------------------------------------------------------------------- */

struct frame_case {
    const char *bytes;
    uint32_t count; /* 0: up to the terminator */
    const char *status;
    bool closes;
};

#define H       "POST /v1/stock/receive HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\n" JSON_HEADER
#define R(body) H "Content-Length: " body
#define REFUSED "400 Bad Request", true
#define BODY    "{\"sku\":\"SKU-1\",\"warehouse\":\"w1\",\"units\":5}" /* 42 bytes */

static const struct frame_case frame_cases[] = {
    /* good */
    {GET_ORDER, 0, "200 OK", false},
    {"\r\n\r\n" GET_ORDER, 0, "200 OK", false},
    {R("42\r\n\r\n") BODY, 0, "200 OK", false},
    {R("0042\r\n\r\n") BODY, 0, "200 OK", false},
    {R("  42  \r\n\r\n") BODY, 0, "200 OK", false},
    {H "Transfer-Encoding: chunked\r\n\r\n2A\r\n" BODY "\r\n0\r\n\r\n", 0, "200 OK", false},
    {H "Transfer-Encoding: CHUNKED\r\n\r\n2a;x=y\r\n" BODY "\r\n0\r\n\r\n", 0, "200 OK", false},
    {H "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n029\r\n\"sku\":\"SKU-1\",\"warehouse\":\"w1\","
       "\"units\":5}\r\n0\r\nContent-Length: 7\r\nX: y\r\n\r\n",
     0, "200 OK", false},
    {"GET http://example.com/v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, "200 OK", false},
    {"GET /v1/orders/o%2D1?min_seq=5 HTTP/1.1\r\nHost: a\r\n\r\n", 0, "200 OK", false},
    {"GET /v1/orders/o-1 HTTP/1.0\r\n\r\n", 0, "200 OK", true},
    {"GET /v1/orders/o-1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0, "200 OK", false},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 0, "200 OK", true},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", 0,
     "200 OK", false},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX:\r\nY: \r\n\r\n", 0, "200 OK", false},
    /* line ends */
    {"GET /v1/orders/o-1 HTTP/1.1\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\nHost: a\n\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\rHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: y\r\rGET / HTTP/1.1\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\rGET / HTTP/1.1\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n", 0,
     REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n", 0,
     REFUSED},
    {"\n" GET_ORDER, 0, REFUSED},
    {"\r" GET_ORDER, 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\r\nHost: a\r\n\r\n", 0, REFUSED},
    /* spaces and folds */
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\n Host: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost : a\r\n\r\n", 0, REFUSED},
    {H "Content-Length : 42\r\n\r\n" BODY, 0, REFUSED},
    {H "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Content-Length\t: 42\r\n\r\n" BODY, 0, REFUSED},
    {" GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET  /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1  HTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1 \r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o 1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET\t/v1/orders/o-1\tHTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    /* lengths */
    {R("42\r\nContent-Length: 42\r\n\r\n") BODY, 0, REFUSED},
    {R("42\r\nContent-Length: 41\r\n\r\n") BODY, 0, REFUSED},
    {R("42, 42\r\n\r\n") BODY, 0, REFUSED},
    {R("+42\r\n\r\n") BODY, 0, REFUSED},
    {R("-42\r\n\r\n") BODY, 0, REFUSED},
    {R("0x2a\r\n\r\n") BODY, 0, REFUSED},
    {R("4 2\r\n\r\n") BODY, 0, REFUSED},
    {R("42a\r\n\r\n") BODY, 0, REFUSED},
    {R("42.0\r\n\r\n") BODY, 0, REFUSED},
    {R("\r\n\r\n") BODY, 0, REFUSED},
    {R("99999999999999999999\r\n\r\n") BODY, 0, REFUSED},
    {R("18446744073709551659\r\n\r\n") BODY, 0, REFUSED},
    {R("4097\r\n\r\n") BODY, 0, "413 Content Too Large", true},
    {R("999999999999\r\n\r\n"), 0, "413 Content Too Large", true},
    {H "content-length: 42\r\nCONTENT-LENGTH: 42\r\n\r\n" BODY, 0, REFUSED},
    /* both, or other encodings */
    {R("42\r\nTransfer-Encoding: chunked\r\n\r\n") BODY, 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\nContent-Length: 42\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: \x0b"
       "chunked\r\n\r\n0\r\n\r\n",
     0, REFUSED},
    {H "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 0, REFUSED},
    {"POST /v1/stock/receive HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, REFUSED},
    /* chunks */
    {H "Transfer-Encoding: chunked\r\n\r\n2A\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A\r\n" BODY "\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A\r\n" BODY "0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A\r\n" BODY "\r\n0\r\n\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A\r\n" BODY "\r\n0\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A\r\n" BODY "\r\n0\r\n\rX", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A\r" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A;a\nb\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n2A;a\rb\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n 2A\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n0x2A\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n-1\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n+2A\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\ng\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\n1000000000000002A\r\n" BODY "\r\n0\r\n\r\n", 0, REFUSED},
    {H "Transfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", 0, "413 Content Too Large", true},
    /* bytes that may not be */
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 48, REFUSED},
    {"GET /v1/orders/o\0 HTTP/1.1\r\nHost: a\r\n\r\n", 39, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX\x80: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nX(y): a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\x16\x03\x01\x02\r\n\r\n", 0, REFUSED},
    {"\x16\x03\x01\x02\x01\x01", 6, REFUSED},
    /* request lines and hosts */
    {"GET /v1/orders/o-1 HTTP/1.1\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/0.9\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/2.0\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/1.2\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 HTTP/11\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 http/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"GET /v1/orders/o-1 FTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"get /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"BREW /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 0, REFUSED},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, REFUSED},
    {R("42\r\nIdempotency-Key: other\r\n\r\n") BODY, 0, REFUSED},
};

/* Whatever stands behind a refused request must never be taken for a request. */
static void check_frame_case(const struct frame_case *frame, uint32_t split)
{
    uint32_t count = frame->count != 0 ? frame->count : (uint32_t)strlen(frame->bytes);
    struct peer peer;
    peer_init(&peer);
    receive(&peer, frame->bytes, split < count ? split : count);
    if (split < count)
        receive(&peer, frame->bytes + split, count - split);
    if (peer.closed != frame->closes || strstr(said(&peer), frame->status) == NULL)
        fail_msg("case %td, split at %u: %s\n-- got, closed %d:\n%s", frame - frame_cases, split,
                 frame->bytes, peer.closed, said(&peer));
    assert_int_equal(peer.commands, frame->status[0] == '2');
    assert_int_equal(count_of(said(&peer), "\r\nContent-Length: "), 1);
}

static void every_framing_is_judged_alike_at_every_split(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof frame_cases / sizeof frame_cases[0]; i++) {
        uint32_t count = frame_cases[i].count != 0 ? frame_cases[i].count
                                                   : (uint32_t)strlen(frame_cases[i].bytes);
        for (uint32_t split = 1; split <= count; split++)
            check_frame_case(&frame_cases[i], split);
    }
}

static void every_framing_is_judged_alike_byte_by_byte(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof frame_cases / sizeof frame_cases[0]; i++) {
        const struct frame_case *frame = &frame_cases[i];
        uint32_t count = frame->count != 0 ? frame->count : (uint32_t)strlen(frame->bytes);
        struct peer peer;
        peer_init(&peer);
        for (uint32_t at = 0; at < count; at++)
            receive(&peer, frame->bytes + at, 1);
        assert_true(peer.closed == frame->closes);
        assert_non_null(strstr(said(&peer), frame->status));
    }
}

static void pipelined_requests_are_answered_in_their_order(void **state)
{
    (void)state;
    static const char requests[] =
        GET_ORDER "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" R("42\r\n\r\n") BODY H
        "Transfer-Encoding: chunked\r\n\r\n2A\r\n" BODY "\r\n0\r\n\r\n" GET_ORDER;
    uint32_t count = (uint32_t)strlen(requests);
    for (uint32_t split = 1; split <= count; split++) {
        struct peer peer;
        peer_init(&peer);
        receive(&peer, requests, split);
        receive(&peer, requests + split, count - split);
        assert_int_equal(peer.commands, 4);
        assert_false(peer.closed);
        assert_int_equal(peer.in_bytes, 0);
        assert_int_equal(count_of(said(&peer), "HTTP/1.1 200 OK"), 4);
        const char *first = strstr(said(&peer), "200 OK");
        const char *second = strstr(said(&peer), "404 Not Found");
        assert_true(first != NULL && second > first && strstr(second, "200 OK") != NULL);
    }
}

static void nothing_behind_a_refused_framing_is_read(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, R("42\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") GET_ORDER);
    assert_int_equal(peer.commands, 0);
    assert_true(peer.closed);
}

static void who_expects_100_gets_it_once_and_before_the_body(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, R("42\r\nExpect: 100-continue\r\n\r\n"));
    assert_string_equal(said(&peer), "HTTP/1.1 100 Continue\r\n\r\n");
    hear(&peer, "{");
    assert_string_equal(said(&peer), "HTTP/1.1 100 Continue\r\n\r\n");
    hear(&peer, &BODY[1]);
    assert_int_equal(peer.commands, 1);
    assert_false(peer.closed);
}

static void who_expects_100_for_what_is_refused_is_told_so_at_once(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, "POST /v1/nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                "Expect: 100-continue\r\n\r\n");
    assert_null(strstr(said(&peer), "100 Continue"));
    assert_non_null(strstr(said(&peer), "404 Not Found"));
    assert_true(peer.closed);
}

static void a_body_that_is_there_already_needs_no_100(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, R("42\r\nExpect: 100-continue\r\n\r\n") BODY);
    assert_null(strstr(said(&peer), "100 Continue"));
    assert_int_equal(peer.commands, 1);
}

static void a_head_larger_than_the_limit_is_refused(void **state)
{
    (void)state;
    char request[2048];
    int head_bytes = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    memset(request + head_bytes, 'x', sizeof request - (size_t)head_bytes);
    struct peer peer;
    peer_init(&peer);
    receive(&peer, request, server.head_bytes_max - 1);
    assert_int_equal(peer.out.used_bytes, 0);
    receive(&peer, request + server.head_bytes_max - 1, 1);
    assert_non_null(strstr(said(&peer), "431 "));
    assert_true(peer.closed);
}

static void chunks_together_larger_than_the_limit_are_refused(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, H "Transfer-Encoding: chunked\r\n\r\n");
    for (uint32_t i = 0; i < 1000 && !peer.closed; i++)
        hear(&peer, "8\r\n        \r\n");
    assert_true(peer.closed);
    assert_non_null(strstr(said(&peer), "413 "));
}

static void a_refused_request_with_a_good_framing_keeps_the_connection(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, "DELETE /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" GET_ORDER);
    assert_non_null(strstr(said(&peer), "405 Method Not Allowed"));
    assert_non_null(strstr(said(&peer), "Allow: GET, HEAD, POST\r\n"));
    assert_int_equal(peer.commands, 1);
    assert_false(peer.closed);
}

static void the_answer_to_head_has_no_body(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, "HEAD /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_non_null(strstr(said(&peer), "Content-Length: 16\r\n"));
    assert_null(strchr(said(&peer), '{'));
}

static void a_drain_closes_behind_the_answer(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    server.draining = true;
    hear(&peer, GET_ORDER GET_ORDER);
    server.draining = false;
    assert_int_equal(peer.commands, 1);
    assert_true(peer.closed);
    assert_non_null(strstr(said(&peer), "Connection: close\r\n"));
}

static void a_busy_shard_refuses_before_it_reads_the_body(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    server.busy = true;
    hear(&peer, R("4\r\n\r\n") "[[[[" GET_ORDER);
    server.busy = false;
    assert_int_equal(count_of(said(&peer), "503 Service Unavailable"), 2);
    assert_int_equal(count_of(said(&peer), "Retry-After: 1\r\n"), 2);
    assert_false(peer.closed);
}

static void a_request_that_takes_too_long_is_told_so(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    http_expire(&peer.http, &server, &peer.out);
    assert_int_equal(peer.out.used_bytes, 0);
    hear(&peer, "GET / HT");
    http_expire(&peer.http, &server, &peer.out);
    assert_non_null(strstr(said(&peer), "408 Request Timeout"));
}

static void the_admin_listener_has_its_own_routes(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    server.admin = true;
    hear(&peer, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" GET_ORDER);
    assert_non_null(strstr(said(&peer), "200 OK"));
    assert_non_null(strstr(said(&peer), "404 Not Found"));
    assert_non_null(strstr(said(&peer), "this path is not the admin listener's, but the other's"));
    peer.out.used_bytes = 0;
    server.draining = true;
    hear(&peer, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    server.draining = false;
    assert_non_null(strstr(said(&peer), "503 Service Unavailable"));
    peer_init(&peer);
    server.ready = false;
    hear(&peer, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    server.ready = true;
    server.admin = false;
    assert_non_null(strstr(said(&peer), "503 Service Unavailable"));
}

static void metrics_are_gathered_by_the_loop(void **state)
{
    (void)state;
    struct peer peer;
    uint32_t consumed;
    char request[] = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
    peer_init(&peer);
    server.admin = true;
    assert_int_equal(http_feed(&peer.http, &server, request, sizeof request - 1, &consumed,
                               &peer.command, &peer.out, 1),
                     HTTP_PAGE);
    assert_int_equal(peer.http.page, HTTP_PAGE_METRICS);
    assert_true(http_page(&peer.http, &server, (struct text){"spate_up 1\n", 11}, &peer.out));
    server.admin = false;
    assert_non_null(strstr(said(&peer), "Content-Type: text/plain; version=0.0.4"));
    assert_non_null(strstr(said(&peer), "\r\n\r\nspate_up 1\n"));
}

static void what_is_read_in_the_catalogue_is_seen(void **state)
{
    (void)state;
    struct peer peer;
    uint32_t consumed;
    char request[] = "GET /v1/stock?sku=SKU-7&min_seq=12 HTTP/1.1\r\nHost: a\r\n\r\n";
    peer_init(&peer);
    assert_int_equal(http_feed(&peer.http, &server, request, sizeof request - 1, &consumed,
                               &peer.command, &peer.out, 1),
                     HTTP_COMMAND);
    assert_int_equal(peer.http.seen, 17);
}

static void who_wants_to_see_more_than_there_is_waits_and_is_told_to_come_back(void **state)
{
    (void)state;
    struct peer peer;
    peer_init(&peer);
    hear(&peer, "GET /v1/orders/o-1%2525?min_seq=101 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(peer.commands, 0);
    assert_int_equal(peer.out.used_bytes, 0);
    assert_int_equal(peer.http.wait_seq, 101);
    peer.http.waited = true;
    turn(&peer);
    assert_int_equal(peer.commands, 0);
    assert_non_null(strstr(said(&peer), "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(said(&peer), "\"code\":\"behind\""));
    hear(&peer, "GET /v1/orders/o-1?min_seq=100 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(peer.commands, 1);
}

static void only_who_has_a_token_is_let_in(void **state)
{
    (void)state;
    static struct callers callers;
    static const char *const wrong[] = {"", "Authorization: Bearer aaaaaaaaaaaaaaab\r\n",
                                        "Authorization: Basic aaaaaaaaaaaaaaaa\r\n",
                                        "Authorization: Bearer\r\n",
                                        "Authorization: aaaaaaaaaaaaaaaa\r\n"};
    char request[256];
    uint32_t line;
    struct peer peer;
    assert_null(callers_read(&callers, (struct text){"shop:aaaaaaaaaaaaaaaa", 21}, &line));
    server.callers = &callers;
    peer_init(&peer);
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        peer.out.used_bytes = 0;
        snprintf(request, sizeof request, "GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n%s\r\n",
                 wrong[i]);
        hear(&peer, request);
        assert_non_null(strstr(said(&peer), "HTTP/1.1 401 Unauthorized\r\n"));
        assert_non_null(strstr(said(&peer), "WWW-Authenticate: Bearer\r\n"));
    }
    assert_int_equal(peer.commands, 0);
    hear(&peer, "GET /v1/orders/o-1 HTTP/1.1\r\nHost: a\r\n"
                "Authorization: bearer aaaaaaaaaaaaaaaa\r\n\r\n");
    assert_int_equal(peer.commands, 1);
    server.callers = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_becomes_a_command_and_its_result_a_response),
        cmocka_unit_test(every_framing_is_judged_alike_at_every_split),
        cmocka_unit_test(every_framing_is_judged_alike_byte_by_byte),
        cmocka_unit_test(pipelined_requests_are_answered_in_their_order),
        cmocka_unit_test(nothing_behind_a_refused_framing_is_read),
        cmocka_unit_test(who_expects_100_gets_it_once_and_before_the_body),
        cmocka_unit_test(who_expects_100_for_what_is_refused_is_told_so_at_once),
        cmocka_unit_test(a_body_that_is_there_already_needs_no_100),
        cmocka_unit_test(a_head_larger_than_the_limit_is_refused),
        cmocka_unit_test(chunks_together_larger_than_the_limit_are_refused),
        cmocka_unit_test(a_refused_request_with_a_good_framing_keeps_the_connection),
        cmocka_unit_test(the_answer_to_head_has_no_body),
        cmocka_unit_test(a_drain_closes_behind_the_answer),
        cmocka_unit_test(a_busy_shard_refuses_before_it_reads_the_body),
        cmocka_unit_test(a_request_that_takes_too_long_is_told_so),
        cmocka_unit_test(the_admin_listener_has_its_own_routes),
        cmocka_unit_test(metrics_are_gathered_by_the_loop),
        cmocka_unit_test(what_is_read_in_the_catalogue_is_seen),
        cmocka_unit_test(who_wants_to_see_more_than_there_is_waits_and_is_told_to_come_back),
        cmocka_unit_test(only_who_has_a_token_is_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
