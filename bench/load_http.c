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

/* ---- stock: many requests one behind the other, since each answer waits for the disk ---------------- */

enum { TOGETHER = 100 };

static void send_all(const struct client *c, uint32_t bytes)
{
    for (uint32_t done = 0; done < bytes;) {
        ssize_t more = send(c->file, c->out + done, bytes - done, MSG_NOSIGNAL);
        CHECK(more > 0);
        done += (uint32_t)more;
    }
}

static void hear_all(struct client *c, uint32_t answers)
{
    uint32_t at = 0, bytes;
    for (c->in_bytes = 0; answers > 0;) {
        ssize_t got = recv(c->file, c->in + c->in_bytes, IN_BYTES_MAX - c->in_bytes, 0);
        CHECK(got > 0);
        c->in_bytes += (uint32_t)got;
        while ((bytes = answer_bytes((const char *)c->in + at, c->in_bytes - at)) > 0) {
            CHECK(memcmp(c->in + at + 9, "20", 2) == 0);
            at += bytes;
            answers--;
        }
    }
    c->in_bytes = 0;
}

static uint32_t write_request(void *at, const char *line, const char *headers, const char *body)
{
    return (uint32_t)sprintf(at,
                             "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                             "%sContent-Length: %zu\r\n\r\n%s",
                             line, headers, strlen(body), body);
}

static uint32_t write_warehouse(void *at, uint64_t number)
{
    (void)number;
    return write_request(at, "PUT /v1/warehouses/w1", "", "{\"priority\":1}");
}

static uint32_t write_sku(void *at, uint64_t number)
{
    char line[64];
    snprintf(line, sizeof line, "PUT /v1/skus/SKU-%llu", (unsigned long long)number);
    return write_request(at, line, "", "{\"currency\":\"CNY\",\"list_price\":1999}");
}

static uint32_t write_receive(void *at, uint64_t number)
{
    char key[96], body[128];
    snprintf(key, sizeof key, "Idempotency-Key: r-%llu-%llu\r\n", (unsigned long long)number,
             (unsigned long long)wish.first);
    snprintf(body, sizeof body,
             "{\"sku\":\"SKU-%llu\",\"warehouse\":\"w1\",\"units\":1000000000000}",
             (unsigned long long)number);
    return write_request(at, "POST /v1/stock/receive", key, body);
}

static void run_all(struct client *c, uint64_t count, uint32_t write(void *at, uint64_t number))
{
    for (uint64_t done = 0; done < count;) {
        uint32_t bytes = 0, asked = 0;
        for (; asked < TOGETHER && done + asked < count; asked++)
            bytes += write(c->out + bytes, done + asked);
        send_all(c, bytes);
        hear_all(c, asked);
        done += asked;
    }
}

void http_stock_up(struct client *c)
{
    run_all(c, 1, write_warehouse);
    run_all(c, wish.skus, write_sku);
    run_all(c, wish.skus, write_receive);
}

/* ---- orders --------------------------------------------------------------------------------------- */

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
