/* bench/load_http.c - spate-load's side of HTTP: requests one behind the other, answers in their order. */
#include "bench/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/check.h"

enum { NUMBERS = sizeof((struct client *)0)->numbers / sizeof(uint64_t) };

void http_open(struct client *c)
{
    load_connect(c, wish.address);
    if (wish.window * wish.batch > NUMBERS)
        wish.window = 1;
}

/* One whole answer at `at`, its bytes; 0: not all of it is there. */
static uint32_t answer_bytes(const char *at, uint32_t available)
{
    const char *end = memmem(at, available, "\r\n\r\n", 4);
    const char *length =
        end == NULL ? NULL : memmem(at, (size_t)(end - at), "Content-Length: ", 16);
    if (end == NULL)
        return 0;
    uint32_t bytes = (uint32_t)(end + 4 - at) + (length == NULL ? 0 : (uint32_t)atoi(length + 16));
    return bytes <= available ? bytes : 0;
}

static void ask(struct client *c, const char *line, const char *key, const char *body)
{
    int bytes = snprintf((char *)c->out, 1024,
                         "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "%s%s%sContent-Length: %zu\r\n\r\n%s",
                         line, key[0] != 0 ? "Idempotency-Key: " : "", key,
                         key[0] != 0 ? "\r\n" : "", strlen(body), body);
    CHECK(send(c->file, c->out, (size_t)bytes, MSG_NOSIGNAL) == bytes);
    c->in_bytes = 0;
    do {
        ssize_t got = recv(c->file, c->in + c->in_bytes, IN_BYTES_MAX - c->in_bytes, 0);
        CHECK(got > 0);
        c->in_bytes += (uint32_t)got;
    } while (answer_bytes((const char *)c->in, c->in_bytes) == 0);
    CHECK(memcmp(c->in + 9, "20", 2) == 0);
    c->in_bytes = 0;
}

void http_stock_up(struct client *c)
{
    char line[64], key[64], body[128];
    ask(c, "PUT /v1/warehouses/w1", "", "{\"priority\":1}");
    for (uint32_t i = 0; i < wish.skus; i++) {
        snprintf(line, sizeof line, "PUT /v1/skus/SKU-%u", i);
        ask(c, line, "", "{\"currency\":\"CNY\",\"list_price\":1999}");
        snprintf(key, sizeof key, "r-%u-%llu", i, (unsigned long long)wish.first);
        snprintf(body, sizeof body,
                 "{\"sku\":\"SKU-%u\",\"warehouse\":\"w1\",\"units\":1000000000000}", i);
        ask(c, "POST /v1/stock/receive", key, body);
    }
}

static void note(struct client *c, uint64_t order)
{
    CHECK(c->numbers_tail - c->numbers_head < NUMBERS);
    c->numbers[c->numbers_tail++ % NUMBERS] = order;
}

uint32_t http_order(struct client *c, void *at)
{
    uint32_t places[LOAD_LINES_MAX];
    char body[2048], id[40];
    uint64_t order = c->next_order;
    c->next_order += wish.connections;
    note(c, order);
    load_places(order, places);
    id[bench_order_id(id, order)] = 0;
    int bytes =
        snprintf(body, sizeof body,
                 "{\"order_id\":\"%s\",\"customer\":\"c%u\",\"currency\":\"CNY\",\"lines\":[", id,
                 (unsigned)(order * 2654435761u % 1000000));
    for (uint32_t i = 0; i < wish.lines; i++)
        bytes += snprintf(body + bytes, sizeof body - (size_t)bytes,
                          "%s{\"sku\":\"SKU-%u\",\"units\":1,\"unit_price\":1999}",
                          i > 0 ? "," : "", places[i]);
    bytes += snprintf(body + bytes, sizeof body - (size_t)bytes, "]}");
    return (uint32_t)sprintf(at,
                             "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\n"
                             "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                             bytes, body);
}

uint32_t http_question(struct client *c, void *at)
{
    char id[40];
    uint64_t order = c->created[c->asked++];
    note(c, order);
    id[bench_order_id(id, order)] = 0;
    return (uint32_t)sprintf(at, "GET /v1/orders/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", id);
}

uint32_t http_answers(struct client *c)
{
    uint32_t at = 0, bytes;
    while ((bytes = answer_bytes((const char *)c->in + at, c->in_bytes - at)) > 0) {
        const char *status = (const char *)c->in + at + 9;
        uint64_t order = c->numbers[c->numbers_head++ % NUMBERS];
        on_answer(c,
                  memcmp(status, "201", 3) == 0   ? ANSWER_CREATED
                  : memcmp(status, "200", 3) == 0 ? ANSWER_FOUND
                                                  : ANSWER_REFUSED,
                  order);
        at += bytes;
    }
    return at;
}
