/* HTTP/1.1: many connections, each with one request at a time. What finds no free connection waits in a
 * queue, in order; it counts as sent when its bytes go to the kernel. */
#include "tools/target_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <xxhash.h>

#include "core/result.h"
#include "io/json.h"
#include "tools/names.h"

enum { ADDRESSES_MAX = 64, EVENTS = 256, READ_BYTES = 16384 };
static const uint64_t PAUSE_NS = 50 * 1000 * 1000;

struct waiting {
    const struct trace_event *event;
    uint64_t pass;
    uint64_t tag;
};

/* Bytes that grow. */
struct page {
    char *at;
    uint32_t bytes;
    uint32_t capacity;
};

enum link_state { LINK_CLOSED, LINK_CONNECTING, LINK_FREE, LINK_ASKING };

struct link {
    int file;
    enum link_state state;
    bool busy;        /* has a request, whatever became of the connection */
    bool answered;    /* ... whose answer is ready to be taken */
    bool out_watched; /* EPOLLOUT is asked for */
    struct waiting asks;
    uint32_t attempts;
    uint64_t sent_ns; /* first */
    uint64_t again_ns;
    struct page out;
    uint32_t out_sent;
    char *in;
    uint32_t in_bytes, in_capacity;
};

struct ready {
    uint32_t link;
    struct spate_result answer;
};

struct http_target {
    const struct trace *trace;
    const char *token;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    socklen_t address_bytes[ADDRESSES_MAX];
    uint32_t address_count;
    uint32_t address_next;
    int epoll;
    struct link *links;
    uint32_t link_count;
    uint32_t free_hint;
    struct page body; /* of the request that is being written */
    struct waiting *queue;
    uint64_t queue_first, queue_last, queue_capacity;
    struct ready *ready; /* at most one for each link */
    uint32_t ready_first, ready_count;
    uint64_t open;
    struct spate_order_line *lines; /* of the answer that was taken last, likewise cells */
    struct spate_cell *cells;
    bool refused;
    char why[160];
};

/* ---- addresses ------------------------------------------------------------------------------------------- */

static bool address_read(struct http_target *target, const char *text, size_t bytes)
{
    char host[128];
    struct addrinfo *found, wanted = {.ai_socktype = SOCK_STREAM};
    char *colon;
    snprintf(host, sizeof host, "%.*s", (int)bytes, text);
    if ((colon = strrchr(host, ':')) == NULL || target->address_count == ADDRESSES_MAX)
        return false;
    *colon = '\0';
    if (getaddrinfo(host, colon + 1, &wanted, &found) != 0)
        return false;
    memcpy(&target->addresses[target->address_count], found->ai_addr, found->ai_addrlen);
    target->address_bytes[target->address_count++] = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool addresses_read(struct http_target *target, const char *text)
{
    for (;;) {
        size_t bytes = strcspn(text, ",");
        if (!address_read(target, text, bytes))
            return false;
        if (text[bytes] == '\0')
            return true;
        text += bytes + 1;
    }
}

/* ---- what is sent ------------------------------------------------------------------------------------------ */

static void write_bytes(struct page *page, const void *bytes, uint32_t count)
{
    if (page->bytes + count > page->capacity) {
        page->capacity = (page->bytes + count) * 2;
        page->at = memory_grow(page->at, page->capacity);
    }
    if (count > 0)
        memcpy(page->at + page->bytes, bytes, count);
    page->bytes += count;
}

__attribute__((format(printf, 2, 3))) static void say(struct page *page, const char *format, ...)
{
    char text[512];
    va_list values;
    va_start(values, format);
    int bytes = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    write_bytes(page, text, (uint32_t)bytes < sizeof text ? (uint32_t)bytes : sizeof text - 1);
}

/* A SKU's code is any printable ASCII. */
static void say_code(struct page *page, const char *code)
{
    for (; *code != '\0'; code++) {
        if (*code == '"' || *code == '\\')
            write_bytes(page, "\\", 1);
        write_bytes(page, code, 1);
    }
}

static void say_code_in_path(struct page *page, const char *code)
{
    for (; *code != '\0'; code++)
        say(page, "%%%02X", (unsigned char)*code);
}

static void name_of(const struct http_target *target, enum trace_table table, uint64_t number,
                    char out[TRACE_NAME_BYTES])
{
    trace_name_of(target->trace, table, number, out);
}

static void say_order(const struct http_target *target, struct page *page,
                      const struct trace_event *event, const char *id)
{
    char name[TRACE_NAME_BYTES];
    const struct trace_line *lines = trace_lines(event);
    name_of(target, TRACE_CUSTOMERS, event->a, name);
    say(page, "{\"order_id\":\"%s\",\"customer\":\"%s\",\"currency\":\"%.3s\"", id, name,
        target->trace->head->currency);
    name_of(target, TRACE_REGIONS, event->b, name);
    if (name[0] != '\0')
        say(page, ",\"region\":\"%s\"", name);
    if (event->flags & TRACE_DEPOSIT)
        say(page, ",\"pay_by\":\"" DEPOSIT_PAY_BY_TEXT "\"");
    for (uint32_t i = 0; i < event->line_count; i++) {
        name_of(target, TRACE_SKUS, lines[i].sku, name);
        say(page, "%s{\"sku\":\"", i == 0 ? ",\"lines\":[" : ",");
        say_code(page, name);
        say(page, "\",\"units\":%" PRIu32 ",\"unit_price\":%" PRId64 "}", lines[i].units,
            lines[i].unit_price);
    }
    say(page, "]}");
}

static void say_costs(const struct http_target *target, struct page *page,
                      const struct trace_event *event)
{
    char name[TRACE_NAME_BYTES];
    const struct trace_line *lines = trace_lines(event);
    say(page, "{\"warehouses\":{");
    for (uint32_t i = 0; i < event->line_count; i++) {
        bool first = i == 0 || lines[i].sku != lines[i - 1].sku;
        bool last = i + 1 == event->line_count || lines[i].sku != lines[i + 1].sku;
        name_of(target, TRACE_WAREHOUSES, lines[i].sku, name);
        if (first)
            say(page, "%s\"%s\":[", i == 0 ? "" : ",", name);
        say(page, "%s{\"distance\":%" PRIu32 ",\"weight\":%" PRId64 "}%s", first ? "" : ",",
            lines[i].units, lines[i].unit_price, last ? "]" : "");
    }
    say(page, "}}");
}

static void say_return(struct page *page, const struct trace_event *event)
{
    const struct trace_line *lines = trace_lines(event);
    say(page,
        "{\"return_id\":\"r-%" PRIu32 "\",\"kind\":\"return\",\"reason\":\"replayed\",\"lines\":[",
        event->b);
    for (uint32_t i = 0; i < event->line_count; i++)
        say(page, "%s{\"line\":%" PRIu32 ",\"units\":%" PRIu32 "}", i == 0 ? "" : ",", lines[i].sku,
            lines[i].units);
    say(page, "]}");
}

static void say_body(const struct http_target *target, struct page *page,
                     const struct trace_event *event, const char *id)
{
    char name[TRACE_NAME_BYTES], other[TRACE_NAME_BYTES];
    switch (event->kind) {
    case TRACE_WAREHOUSE:
        say(page, "{\"priority\":%" PRIu32 "}", event->b);
        break;
    case TRACE_SKU:
        say(page, "{\"currency\":\"%.3s\",\"list_price\":%" PRId64 ",\"flash\":%s",
            target->trace->head->currency, event->amount,
            event->flags & TRACE_FLASH ? "true" : "false");
        if (event->b > 0)
            say(page, ",\"max_per_order\":%" PRIu32, event->b);
        say(page, "}");
        break;
    case TRACE_RECEIVE:
        name_of(target, TRACE_SKUS, event->a, name);
        name_of(target, TRACE_WAREHOUSES, event->b, other);
        say(page, "{\"sku\":\"");
        say_code(page, name);
        say(page, "\",\"warehouse\":\"%s\",\"units\":%" PRId64 "}", other, event->amount);
        break;
    case TRACE_COSTS:
        say_costs(target, page, event);
        break;
    case TRACE_ORDER:
        say_order(target, page, event, id);
        break;
    case TRACE_PAY:
        say(page, "{\"payment_id\":\"p-%" PRIu32 "\",\"method\":\"alipay\",\"amount\":%" PRId64 "}",
            event->b, event->amount);
        break;
    case TRACE_CANCEL:
        say(page, "{\"reason\":\"changed my mind\"}");
        break;
    case TRACE_SHIP:
        say(page, "{\"shipment_id\":\"s-%" PRIu32 "\"}", event->b);
        break;
    case TRACE_REFUND:
        say(page,
            "{\"refund_id\":\"f-%" PRIu32 "\",\"amount\":%" PRId64 ",\"reason\":\"replayed\"}",
            event->b, event->amount);
        break;
    case TRACE_RETURN:
        say_return(page, event);
        break;
    default:
        say(page, "{}");
    }
}

static void say_path(const struct http_target *target, struct page *page,
                     const struct trace_event *event, const char *id)
{
    char name[TRACE_NAME_BYTES];
    switch (event->kind) {
    case TRACE_WAREHOUSE:
        name_of(target, TRACE_WAREHOUSES, event->a, name);
        say(page, "PUT /v1/warehouses/%s", name);
        break;
    case TRACE_COSTS:
        name_of(target, TRACE_REGIONS, event->a, name);
        say(page, "PUT /v1/regions/%s/costs", name);
        break;
    case TRACE_SKU:
        name_of(target, TRACE_SKUS, event->a, name);
        say(page, "PUT /v1/skus/");
        say_code_in_path(page, name);
        break;
    case TRACE_RECEIVE:
        say(page, "POST /v1/stock/receive");
        break;
    case TRACE_READ_STOCK:
        name_of(target, TRACE_SKUS, event->a, name);
        say(page, "GET /v1/stock?sku=");
        say_code_in_path(page, name);
        break;
    case TRACE_ORDER:
        say(page, "POST /v1/orders");
        break;
    case TRACE_READ:
        say(page, "GET /v1/orders/%s", id);
        break;
    case TRACE_CANCEL:
    case TRACE_CONFIRM:
        say(page, "POST /v1/orders/%s/%s", id, event->kind == TRACE_CANCEL ? "cancel" : "confirm");
        break;
    case TRACE_PAY:
        say(page, "POST /v1/orders/%s/payments", id);
        break;
    case TRACE_CAPTURE:
    case TRACE_PAY_FAIL:
    case TRACE_REFUND:
        say(page, "POST /v1/orders/%s/payments/p-%" PRIu32 "/%s", id, event->b,
            event->kind == TRACE_CAPTURE    ? "capture"
            : event->kind == TRACE_PAY_FAIL ? "fail"
                                            : "refunds");
        break;
    case TRACE_SHIP:
        say(page, "POST /v1/orders/%s/shipments", id);
        break;
    case TRACE_HANDOVER:
    case TRACE_DELIVER:
        say(page, "POST /v1/orders/%s/shipments/s-%" PRIu32 "/%s", id, event->b,
            event->kind == TRACE_HANDOVER ? "handover" : "deliver");
        break;
    default: /* TRACE_RETURN */
        say(page, "POST /v1/orders/%s/returns", id);
    }
}

/* The head tells how long the body is, so the body is written first. */
static void write_request(struct http_target *target, struct link *link)
{
    const struct trace_event *event = link->asks.event;
    struct page *body = &target->body, *out = &link->out;
    char id[TRACE_NAME_BYTES] = "", key[RECEIPT_KEY_BYTES];
    bool has_body = event->kind != TRACE_READ && event->kind != TRACE_READ_STOCK;
    body->bytes = out->bytes = link->out_sent = 0;
    if (trace_has_order(event))
        trace_order_id(target->trace, event->order, link->asks.pass, id);
    if (has_body)
        say_body(target, body, event, id);
    say_path(target, out, event, id);
    say(out, " HTTP/1.1\r\nHost: spate\r\n");
    if (target->token != NULL)
        say(out, "Authorization: Bearer %s\r\n", target->token);
    if (event->kind == TRACE_RECEIVE) {
        receipt_key(target->trace, event, link->asks.pass, key);
        say(out, "Idempotency-Key: %s\r\n", key);
    }
    if (has_body)
        say(out, "Content-Type: application/json\r\nContent-Length: %" PRIu32 "\r\n", body->bytes);
    say(out, "\r\n");
    write_bytes(out, body->at, body->bytes);
}

/* ---- connections ------------------------------------------------------------------------------------------- */

static void watch(struct http_target *target, struct link *link, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)(link - target->links)};
    epoll_ctl(target->epoll, how, link->file, &event);
}

static void link_lost(struct http_target *target, struct link *link, const char *why)
{
    if (link->file >= 0)
        close(link->file);
    link->file = -1;
    link->state = LINK_CLOSED;
    link->again_ns = clock_ns() + PAUSE_NS;
    snprintf(target->why, sizeof target->why, "%s", why);
}

static void link_connect(struct http_target *target, struct link *link)
{
    uint32_t which = target->address_next++ % target->address_count;
    const struct sockaddr *address = (const void *)&target->addresses[which];
    int yes = 1;
    link->file = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->file < 0) {
        link_lost(target, link, strerror(errno));
        return;
    }
    setsockopt(link->file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    link->state = LINK_CONNECTING;
    if (connect(link->file, address, target->address_bytes[which]) != 0 && errno != EINPROGRESS)
        link_lost(target, link, strerror(errno));
    else
        watch(target, link, EPOLLOUT, EPOLL_CTL_ADD);
}

static void link_send(struct http_target *target, struct link *link)
{
    while (link->out_sent < link->out.bytes) {
        ssize_t sent = send(link->file, link->out.at + link->out_sent,
                            link->out.bytes - link->out_sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            watch(target, link, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            link->out_watched = true;
            return;
        }
        if (sent < 0) {
            link_lost(target, link, strerror(errno));
            return;
        }
        link->out_sent += (uint32_t)sent;
    }
}

static void link_ask(struct http_target *target, struct link *link)
{
    link->state = LINK_ASKING;
    link->out_sent = 0;
    link->in_bytes = 0;
    link->attempts++;
    if (link->attempts == 1)
        link->sent_ns = clock_ns();
    link_send(target, link);
}

static void link_connected(struct http_target *target, struct link *link)
{
    int error = 0;
    socklen_t bytes = sizeof error;
    getsockopt(link->file, SOL_SOCKET, SO_ERROR, &error, &bytes);
    if (error != 0) {
        link_lost(target, link, strerror(error));
        return;
    }
    watch(target, link, EPOLLIN, EPOLL_CTL_MOD);
    link->out_watched = false;
    link->state = LINK_FREE;
    if (link->busy && !link->answered)
        link_ask(target, link);
}

/* Requests go to free connections; those that are down come up again. */
static void give_out(struct http_target *target)
{
    uint64_t now = 0;
    for (uint32_t i = 0; i < target->link_count; i++) {
        struct link *link = &target->links[(target->free_hint + i) % target->link_count];
        if (link->state == LINK_CLOSED) {
            now = now > 0 ? now : clock_ns();
            if (now >= link->again_ns)
                link_connect(target, link);
        }
        if (link->state != LINK_FREE || link->busy || target->queue_first == target->queue_last)
            continue;
        link->asks = target->queue[target->queue_first++ % target->queue_capacity];
        link->busy = true;
        link->attempts = 0;
        link->sent_ns = 0;
        write_request(target, link);
        link_ask(target, link);
    }
    target->free_hint++;
}

/* ---- answers ----------------------------------------------------------------------------------------------- */

struct http_head {
    int status;
    uint32_t head_bytes;
    uint64_t body_bytes;
    bool has_length;
    bool replayed;
    bool closes;
};

static void read_field(struct http_head *head, const char *line)
{
    if (strncasecmp(line, "content-length:", 15) == 0) {
        head->body_bytes = strtoull(line + 15, NULL, 10);
        head->has_length = true;
    } else if (strncasecmp(line, "idempotent-replayed:", 20) == 0) {
        head->replayed = strstr(line + 20, "true") != NULL;
    } else if (strncasecmp(line, "connection:", 11) == 0) {
        head->closes = strcasestr(line + 11, "close") != NULL;
    }
}

/* false: it has not all come. The ends of its lines become zeros. */
static bool read_head(struct link *link, struct http_head *head)
{
    char *end = memmem(link->in, link->in_bytes, "\r\n\r\n", 4);
    *head = (struct http_head){0};
    if (end == NULL || sscanf(link->in, "HTTP/1.%*1d %3d", &head->status) != 1)
        return false;
    head->head_bytes = (uint32_t)(end - link->in) + 4;
    for (char *at = link->in; at < end;) {
        char *stop = memmem(at, (size_t)(end + 2 - at), "\r\n", 2);
        char kept = *stop;
        *stop = '\0';
        read_field(head, at);
        *stop = kept;
        at = stop + 2;
    }
    return true;
}

static bool is_key(const struct json *json, const char *key)
{
    struct text said = json->levels[json->depth].key;
    return said.bytes == strlen(key) && memcmp(said.at, key, said.bytes) == 0;
}

static uint32_t code_named(struct text name)
{
    for (uint32_t code = 0; code < CODE_LIMIT_NUMBER; code++) {
        const struct code_facts *facts = code_facts(code);
        if (facts != NULL && strlen(facts->name) == name.bytes &&
            memcmp(facts->name, name.at, name.bytes) == 0)
            return code;
    }
    return CODE_INTERNAL;
}

static uint32_t state_named(struct text name)
{
    for (uint32_t state = 1; state < ORDER_STATES; state++)
        if (strlen(order_state_name(state)) == name.bytes &&
            memcmp(order_state_name(state), name.at, name.bytes) == 0)
            return state;
    return 0;
}

/* What stands for a SKU's number where only its code is known: equal codes, equal numbers. */
static uint32_t number_of_code(struct text code)
{
    return (uint32_t)XXH3_64bits(code.at, code.bytes);
}

static void take_line_member(const struct json *json, enum json_token token,
                             struct spate_order_line *line)
{
    uint32_t number = (uint32_t)json->integer;
    if (token == JSON_TEXT && is_key(json, "sku"))
        line->sku = number_of_code(json->text);
    if (token != JSON_INTEGER)
        return;
    if (is_key(json, "units"))
        line->units = number;
    else if (is_key(json, "unit_price"))
        line->unit_price = json->integer;
    else if (is_key(json, "shipped"))
        line->shipped = number;
    else if (is_key(json, "returned"))
        line->returned = number;
    else if (is_key(json, "cancelled"))
        line->cancelled = number;
}

static void take_cell_member(const struct json *json, struct spate_cell *cell)
{
    struct {
        const char *key;
        uint64_t *into;
    } members[] = {
        {"free", &cell->free},
        {"held", &cell->held},
        {"reserved", &cell->reserved},
        {"committed", &cell->committed},
        {"quarantined", &cell->quarantined},
        {"incoming", &cell->incoming},
        {"in_transfer", &cell->in_transfer},
        {"missing", &cell->missing},
        {"sellable", &cell->sellable},
        {"version", &cell->version},
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (is_key(json, members[i].key))
            *members[i].into = (uint64_t)json->integer;
}

/* Lines of an order, cells of a SKU, the code of a refusal: whatever of it is there. */
static void take_body(struct http_target *target, char *body, uint32_t bytes,
                      struct spate_result *answer)
{
    struct json json;
    uint32_t list = 0; /* 1: in lines, 2: in items */
    json_init(&json, body, bytes);
    for (;;) {
        enum json_token token = json_next(&json);
        if (token == JSON_WRONG || token == JSON_END)
            break;
        if (token == JSON_KEY && json.depth == 1)
            list = is_key(&json, "lines") ? 1 : is_key(&json, "items") ? 2 : 0;
        if (token == JSON_OBJECT && json.depth == 3 && list == 1 &&
            answer->line_count < TRACE_LINES_MAX)
            target->lines[answer->line_count++] = (struct spate_order_line){0};
        if (token == JSON_OBJECT && json.depth == 3 && list == 2 &&
            answer->cell_count < WAREHOUSES_MAX)
            target->cells[answer->cell_count++] = (struct spate_cell){0};
        if (json.depth == 1 && token == JSON_TEXT && is_key(&json, "state"))
            answer->order_state = state_named(json.text);
        if (json.depth == 1 && token == JSON_TEXT && is_key(&json, "code"))
            answer->code = code_named(json.text);
        if (json.depth == 3 && list == 1 && answer->line_count > 0)
            take_line_member(&json, token, &target->lines[answer->line_count - 1]);
        if (json.depth == 3 && list == 2 && answer->cell_count > 0 && token == JSON_INTEGER)
            take_cell_member(&json, &target->cells[answer->cell_count - 1]);
    }
    answer->lines = target->lines;
    answer->cells = target->cells;
}

static void link_answered(struct http_target *target, struct link *link,
                          const struct http_head *head)
{
    struct ready *ready =
        &target->ready[(target->ready_first + target->ready_count++) % target->link_count];
    uint32_t code = head->status == 201   ? head->replayed ? CODE_REPLAYED : CODE_CREATED
                    : head->status == 200 ? head->replayed ? CODE_REPLAYED : CODE_OK
                    : head->status == 503 ? CODE_BUSY /* also from a balancer before it */
                                          : CODE_INTERNAL;
    ready->link = (uint32_t)(link - target->links);
    ready->answer = (struct spate_result){.tag = link->asks.tag,
                                          .code = code,
                                          .attempts = link->attempts,
                                          .sent_ns = link->sent_ns,
                                          .done_ns = clock_ns()};
    link->state = LINK_FREE;
    link->answered = true;
    if (link->out_watched)
        watch(target, link, EPOLLIN, EPOLL_CTL_MOD);
    link->out_watched = false;
}

static void link_receive(struct http_target *target, struct link *link)
{
    struct http_head head;
    if (link->in_bytes + READ_BYTES > link->in_capacity) {
        link->in_capacity = (link->in_bytes + READ_BYTES) * 2;
        link->in = memory_grow(link->in, link->in_capacity);
    }
    ssize_t got =
        recv(link->file, link->in + link->in_bytes, link->in_capacity - link->in_bytes - 1, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        link_lost(target, link,
                  got == 0 ? "the server has closed the connection" : strerror(errno));
        return;
    }
    link->in_bytes += (uint32_t)got;
    link->in[link->in_bytes] = '\0';
    if (!read_head(link, &head))
        return;
    if (!head.has_length) {
        snprintf(target->why, sizeof target->why, "an answer without Content-Length: not Spate's");
        target->refused = true;
        return;
    }
    if (link->in_bytes >= head.head_bytes + head.body_bytes && link->state == LINK_ASKING)
        link_answered(target, link, &head);
}

static void link_event(struct http_target *target, struct link *link, uint32_t events)
{
    if (link->state == LINK_CONNECTING) {
        link_connected(target, link);
        return;
    }
    if (events & EPOLLOUT)
        link_send(target, link);
    if (link->state != LINK_CLOSED && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        link_receive(target, link);
}

/* ---- the interface ------------------------------------------------------------------------------------------ */

struct http_target *http_target_open(const struct target_options *options,
                                     const struct trace *trace)
{
    struct http_target *target = memory_grow(NULL, sizeof *target);
    *target = (struct http_target){.trace = trace, .token = options->token};
    target->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (target->epoll < 0 || !addresses_read(target, options->addresses)) {
        int error = target->epoll < 0 ? errno : EINVAL;
        if (target->epoll >= 0)
            close(target->epoll);
        free(target);
        errno = error;
        return NULL;
    }
    target->link_count = options->connections;
    target->links = memory_grow(NULL, target->link_count * sizeof *target->links);
    for (uint32_t i = 0; i < target->link_count; i++)
        target->links[i] = (struct link){.file = -1};
    target->queue_capacity = options->open_max;
    target->queue = memory_grow(NULL, target->queue_capacity * sizeof *target->queue);
    target->ready = memory_grow(NULL, target->link_count * sizeof *target->ready);
    target->lines = memory_grow(NULL, TRACE_LINES_MAX * sizeof *target->lines);
    target->cells = memory_grow(NULL, WAREHOUSES_MAX * sizeof *target->cells);
    return target;
}

void http_target_close(struct http_target *target)
{
    for (uint32_t i = 0; i < target->link_count; i++) {
        if (target->links[i].file >= 0)
            close(target->links[i].file);
        free(target->links[i].out.at);
        free(target->links[i].in);
    }
    close(target->epoll);
    free(target->links);
    free(target->queue);
    free(target->ready);
    free(target->body.at);
    free(target->lines);
    free(target->cells);
    free(target);
}

bool http_target_send(struct http_target *target, const struct trace_event *event, uint64_t pass,
                      uint64_t tag)
{
    if (target->open == target->queue_capacity)
        return false;
    target->open++;
    target->queue[target->queue_last++ % target->queue_capacity] =
        (struct waiting){.event = event, .pass = pass, .tag = tag};
    return true;
}

bool http_target_next(struct http_target *target, struct spate_result *answer)
{
    struct http_head head;
    if (target->ready_count == 0)
        return false;
    struct ready *ready = &target->ready[target->ready_first];
    struct link *link = &target->links[ready->link];
    *answer = ready->answer;
    target->ready_first = (target->ready_first + 1) % target->link_count;
    target->ready_count--;
    read_head(link, &head);
    bool wanted = head.status >= 300 || link->asks.event->kind == TRACE_READ ||
                  link->asks.event->kind == TRACE_READ_STOCK;
    if (wanted)
        take_body(target, link->in + head.head_bytes, (uint32_t)head.body_bytes, answer);
    if (link->asks.event->kind == TRACE_SKU) {
        char code[TRACE_NAME_BYTES];
        uint32_t bytes = trace_name_of(target->trace, TRACE_SKUS, link->asks.event->a, code);
        answer->sku = number_of_code((struct text){code, bytes});
    }
    link->busy = link->answered = false;
    target->open--;
    if (head.closes && link->state == LINK_FREE) {
        link_lost(target, link, "");
        link->again_ns = 0;
    }
    return true;
}

bool http_target_process(struct http_target *target)
{
    struct epoll_event events[EVENTS];
    give_out(target);
    int count = epoll_wait(target->epoll, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        link_event(target, &target->links[events[i].data.u32], events[i].events);
    return !target->refused;
}

void http_target_wait(struct http_target *target, uint64_t until_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t now = clock_ns();
    if (until_ns > now + PAUSE_NS)
        until_ns = now + PAUSE_NS;
    if (until_ns <= now || target->ready_count > 0)
        return;
    struct timespec left = {.tv_nsec = (long)(until_ns - now)};
    int count = epoll_pwait2(target->epoll, events, EVENTS, &left, NULL);
    for (int i = 0; i < count; i++)
        link_event(target, &target->links[events[i].data.u32], events[i].events);
}

uint64_t http_target_open_count(const struct http_target *target)
{
    return target->open;
}

const char *http_target_error(const struct http_target *target)
{
    return target->why;
}
