/* io/client/spate.c - commands that wait for their answers, whatever happens to the connections.
 *
 * Always: an open command is in the list `open`, in the order of being asked. As long as there is a
 * slot map it is also in the queue of one wire, or has been sent on one wire and counts there. When
 * a wire that was ready ends, all are closed and every open command begins anew: the shards of a
 * server live and die together, and another server may stand there now, with other shards. */
#include "io/client/spate.h"
#include "io/client/wire.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct spate_line) == sizeof(struct command_line), "copied as they are");
_Static_assert(sizeof(struct spate_adjustment) == sizeof(struct adjustment), "likewise");
_Static_assert((int)SPATE_PAYMENT_CREATE == OP_PAYMENT_CREATE &&
                   (int)SPATE_PAYMENT_FAIL == OP_PAYMENT_FAIL &&
                   (int)SPATE_REFUND_FAIL == OP_REFUND_FAIL &&
                   (int)SPATE_SHIPMENT_DELIVER == OP_SHIPMENT_DELIVER &&
                   (int)SPATE_RETURN_CLOSE == OP_RETURN_CLOSE && SPATE_ALL == MONEY_NOT_SAID,
               "numbers of the protocol");
_Static_assert(sizeof(struct spate_cost) == sizeof(struct cost_row), "copied as they are");
_Static_assert(sizeof(struct spate_parcel_line) == sizeof(struct parcel_line),
               "copied as they are");
_Static_assert(sizeof(struct spate_order_line) == sizeof(struct result_line), "overlaid");
_Static_assert(offsetof(struct spate_order_line, warehouse) ==
                   offsetof(struct result_line, warehouse),
               "overlaid");
_Static_assert(sizeof(struct spate_cell) == sizeof(struct result_cell), "overlaid");
_Static_assert(offsetof(struct spate_cell, version) == offsetof(struct result_cell, version),
               "overlaid");
_Static_assert(sizeof(struct spate_short_line) == sizeof(struct short_line), "overlaid");
_Static_assert((int)SPATE_OUT_OF_STOCK == CODE_OUT_OF_STOCK && (int)SPATE_FULL == CODE_FULL &&
                   (int)SPATE_KEY_REUSED == CODE_KEY_REUSED && (int)SPATE_BUSY == CODE_BUSY,
               "numbers of the protocol");

#define NONE UINT32_MAX /* no place in a list */

enum {
    OPEN_DEFAULT = 1024,
    INLINE_BYTES = 256, /* longer commands get memory of their own */
    ADDRESS_BYTES = 128,
    ADDRESSES_MAX = 16,
    PAUSE_FIRST_MS = 10,
    PAUSE_MS = 1000,
    GREETING_MS = 3000,
};

struct call {
    uint64_t tag;
    uint64_t sent_ns;
    struct command *command;
    uint32_t next; /* in the open list, or the free one */
    uint32_t previous;
    uint32_t queued; /* the next in the wire's queue */
    uint32_t generation;
    uint32_t slot;
    uint32_t attempts;
    uint32_t wire; /* on which it was sent; NONE: not sent */
};

struct queue {
    uint32_t first;
    uint32_t last;
    uint32_t sent; /* no longer in it, but without an answer */
};

struct address {
    struct sockaddr_storage at;
    socklen_t bytes;
};

struct spate {
    int epoll;
    bool refused;
    char why[WIRE_WHY_BYTES];
    char *token;
    struct address addresses[ADDRESSES_MAX];
    uint32_t address_count;
    uint32_t address_next;
    uint64_t connect_ns; /* when to try again */
    uint32_t pause_ms;
    uint32_t pause_ms_max;

    struct call *calls;
    uint8_t *inline_bytes;
    uint32_t call_count;
    uint32_t open_count;
    uint32_t open_first;
    uint32_t open_last;
    uint32_t free_first;

    uint32_t shard_count; /* 0: no slot map */
    uint8_t slot_shard[SLOT_COUNT];
    uint32_t shard_wire[SHARDS_MAX];
    struct wire wires[SHARDS_MAX];
    struct queue queues[SHARDS_MAX];
    uint32_t wire_count; /* with memory */
    uint32_t wire_next;  /* whose results come next */
    uint32_t turn;       /* spreads what any shard may answer */
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- addresses --------------------------------------------------------------------------------- */

static bool address_unix(const char *path, struct address *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return false;
    memcpy(address.sun_path, path, strlen(path));
    memcpy(&out->at, &address, sizeof address);
    out->bytes = sizeof address;
    return true;
}

/* "HOST:PORT", "[V6]:PORT" or "unix:PATH"; names are looked up only where `flags` let them. */
static bool address_read(const char *text, size_t bytes, int flags, struct address *out)
{
    char host[ADDRESS_BYTES];
    if (bytes == 0 || bytes >= sizeof host)
        return false;
    memcpy(host, text, bytes);
    host[bytes] = '\0';
    if (strncmp(host, "unix:", 5) == 0)
        return address_unix(host + 5, out);
    char *colon = strrchr(host, ':');
    if (colon == NULL)
        return false;
    *colon = '\0';
    char *name = host;
    if (*name == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        name++;
    }
    struct addrinfo *found;
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    if (getaddrinfo(name, colon + 1, &wanted, &found) != 0)
        return false;
    memcpy(&out->at, found->ai_addr, found->ai_addrlen);
    out->bytes = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static bool addresses_read(struct spate *client, const char *text)
{
    while (client->address_count < ADDRESSES_MAX) {
        size_t bytes = strcspn(text, ",");
        if (!address_read(text, bytes, 0, &client->addresses[client->address_count]))
            return false;
        client->address_count++;
        if (text[bytes] == '\0')
            return true;
        text += bytes + 1;
    }
    return false;
}

/* A server that listens on every address names none that can be connected to: then it is the one
 * that we have reached it by. */
static void address_fill_host(struct address *address, const struct address *reached)
{
    struct sockaddr_in *in = (void *)&address->at;
    if (in->sin_family == AF_INET && in->sin_addr.s_addr == INADDR_ANY &&
        reached->at.ss_family == AF_INET)
        in->sin_addr = ((const struct sockaddr_in *)(const void *)&reached->at)->sin_addr;
    struct sockaddr_in6 *in6 = (void *)&address->at;
    if (in6->sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
        reached->at.ss_family == AF_INET6)
        in6->sin6_addr = ((const struct sockaddr_in6 *)(const void *)&reached->at)->sin6_addr;
}

/* ---- commands in wait -------------------------------------------------------------------------- */

static void queue_add(struct spate *client, uint32_t wire, uint32_t index)
{
    struct queue *queue = &client->queues[wire];
    client->calls[index].queued = NONE;
    if (queue->first == NONE)
        queue->first = index;
    else
        client->calls[queue->last].queued = index;
    queue->last = index;
}

static void call_route(struct spate *client, uint32_t index)
{
    const struct call *call = &client->calls[index];
    uint32_t shard = call->slot < SLOT_COUNT ? client->slot_shard[call->slot]
                                             : client->turn++ % client->shard_count;
    queue_add(client, client->shard_wire[shard], index);
}

/* Everything that is open and not on its way goes to the queue of the shard it belongs to. */
static void route_all(struct spate *client)
{
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        client->queues[i].first = client->queues[i].last = NONE;
    for (uint32_t i = client->open_first; i != NONE; i = client->calls[i].next)
        if (client->calls[i].wire == NONE)
            call_route(client, i);
}

static void call_close(struct spate *client, uint32_t index)
{
    struct call *call = &client->calls[index];
    if (call->previous != NONE)
        client->calls[call->previous].next = call->next;
    else
        client->open_first = call->next;
    if (call->next != NONE)
        client->calls[call->next].previous = call->previous;
    else
        client->open_last = call->previous;
    if ((uint8_t *)call->command != client->inline_bytes + (size_t)index * INLINE_BYTES)
        free(call->command);
    call->generation++;
    call->next = client->free_first;
    client->free_first = index;
    client->open_count--;
}

/* Zeroed room for a command of that many bytes; NULL: too many are open. */
static void *call_begin(struct spate *client, enum op kind, uint32_t bytes, uint64_t tag)
{
    uint32_t index = client->free_first;
    bytes = (bytes + 7u) & ~7u;
    if (index == NONE)
        return NULL;
    struct call *call = &client->calls[index];
    call->command = bytes <= INLINE_BYTES
                        ? (void *)(client->inline_bytes + (size_t)index * INLINE_BYTES)
                        : malloc(bytes);
    if (call->command == NULL)
        return NULL;
    memset(call->command, 0, bytes);
    call->command->bytes = bytes;
    call->command->op = (uint16_t)kind;
    call->command->request = (uint64_t)call->generation << 32 | index;
    call->tag = tag;
    call->attempts = 0;
    call->wire = NONE;
    return call->command;
}

/* The command of call_begin is none after all. */
static void call_drop(struct spate *client)
{
    uint32_t index = client->free_first;
    if ((uint8_t *)client->calls[index].command !=
        client->inline_bytes + (size_t)index * INLINE_BYTES)
        free(client->calls[index].command);
}

/* The command of call_begin has been written. */
static bool call_ask(struct spate *client)
{
    uint32_t index = client->free_first;
    struct call *call = &client->calls[index];
    client->free_first = call->next;
    call->slot = command_slot(call->command);
    call->next = NONE;
    call->previous = client->open_last;
    if (client->open_last != NONE)
        client->calls[client->open_last].next = index;
    else
        client->open_first = index;
    client->open_last = index;
    client->open_count++;
    if (client->shard_count > 0)
        call_route(client, index);
    return true;
}

/* ---- wires ------------------------------------------------------------------------------------- */

static void watch(struct spate *client, uint32_t index, int how)
{
    struct wire *wire = &client->wires[index];
    wire->writable_watched = wire->state == WIRE_CONNECTING || wire->out_sent < wire->out_bytes;
    struct epoll_event event = {
        .events = EPOLLIN | (wire->writable_watched ? (uint32_t)EPOLLOUT : 0), .data.u32 = index};
    epoll_ctl(client->epoll, how, wire->file, &event);
}

static void wire_open(struct spate *client, uint32_t index, const struct address *address)
{
    struct wire *wire = &client->wires[index];
    if (index == client->wire_count) {
        if (!wire_init(wire)) {
            snprintf(wire->why, sizeof wire->why, "no memory for a connection");
            wire->ended = true;
        }
        client->wire_count++;
    }
    wire->deadline_ns = now_ns() + UINT64_C(1000000) * GREETING_MS;
    if (!wire->ended && wire_connect(wire, (const void *)&address->at, address->bytes))
        watch(client, index, EPOLL_CTL_ADD);
}

/* Everything begins anew, after a pause that doubles. */
static void start_over(struct spate *client, const struct wire *cause)
{
    snprintf(client->why, sizeof client->why, "%s", cause->why);
    client->refused |= cause->refused;
    client->connect_ns = now_ns() + client->pause_ms * UINT64_C(1000000);
    client->pause_ms =
        client->pause_ms * 2 < client->pause_ms_max ? client->pause_ms * 2 : client->pause_ms_max;
    client->address_next++;
    client->shard_count = 0;
    for (uint32_t i = 0; i < client->wire_count; i++) {
        wire_close(&client->wires[i]);
        client->queues[i] = (struct queue){NONE, NONE, 0};
    }
    for (uint32_t i = client->open_first; i != NONE; i = client->calls[i].next)
        client->calls[i].wire = NONE;
}

/* The server at the other end of wire 0 says how it is divided: a wire to each of its shards. One
 * whose address cannot be reached is reached through the wire that is there. */
static void take_map(struct spate *client, const struct frame_welcome *welcome)
{
    const struct address *reached =
        &client->addresses[client->address_next % client->address_count];
    const char *text = (const char *)(welcome + 1);
    uint32_t used = 1;
    client->shard_count = welcome->shard_count;
    memcpy(client->slot_shard, welcome->slot_shard, SLOT_COUNT);
    for (uint32_t shard = 0; shard < client->shard_count; shard++) {
        struct address address = {.bytes = 0};
        size_t bytes = (uint8_t)*text++;
        client->shard_wire[shard] = 0;
        if (shard != welcome->shard && address_read(text, bytes, AI_NUMERICHOST, &address)) {
            address_fill_host(&address, reached);
            client->shard_wire[shard] = used;
            wire_open(client, used++, &address);
        }
        text += bytes;
    }
    client->pause_ms = PAUSE_FIRST_MS;
    client->why[0] = '\0';
    route_all(client);
}

static void wire_gone(struct spate *client, uint32_t index)
{
    struct wire *wire = &client->wires[index];
    if (index == 0 || wire->state == WIRE_READY) {
        start_over(client, wire);
        return;
    }
    wire_close(wire);
    for (uint32_t shard = 0; shard < client->shard_count; shard++)
        if (client->shard_wire[shard] == index)
            client->shard_wire[shard] = 0;
    route_all(client);
}

static bool is_sendable(const struct spate *client, uint32_t index)
{
    return client->wires[index].state == WIRE_READY && client->queues[index].first != NONE &&
           client->queues[index].sent < client->wires[index].credits;
}

/* One frame of what waits for this wire; false: no room for it now. */
static bool send_frame(struct spate *client, uint32_t index, uint64_t now)
{
    struct wire *wire = &client->wires[index];
    struct queue *queue = &client->queues[index];
    uint32_t bytes = sizeof(struct frame);
    uint32_t count = 0;
    for (; queue->first != NONE && count < wire->commands_max && queue->sent < wire->credits;
         count++) {
        struct call *call = &client->calls[queue->first];
        struct frame *frame = wire_frame(wire, bytes + call->command->bytes);
        if (frame == NULL || bytes + call->command->bytes > wire->frame_bytes_max)
            break;
        memcpy((char *)frame + bytes, call->command, call->command->bytes);
        bytes += call->command->bytes;
        call->wire = index;
        call->sent_ns = call->attempts == 0 ? now : call->sent_ns;
        call->attempts++;
        queue->sent++;
        queue->first = call->queued;
    }
    if (count > 0)
        wire_frame_done(wire, count, bytes);
    return count > 0;
}

static void flush(struct spate *client)
{
    uint64_t now = now_ns();
    for (uint32_t i = 0; i < client->wire_count; i++) {
        struct wire *wire = &client->wires[i];
        bool went_on = true;
        while (went_on && is_sendable(client, i)) {
            went_on = send_frame(client, i, now);
            wire_send(wire);
        }
        bool waits = wire->state == WIRE_CONNECTING || wire->out_sent < wire->out_bytes;
        if (wire->state != WIRE_CLOSED && waits != wire->writable_watched)
            watch(client, i, EPOLL_CTL_MOD);
    }
}

static void wire_ready(struct spate *client, uint32_t index, uint32_t events)
{
    struct wire *wire = &client->wires[index];
    if (wire->state == WIRE_CLOSED)
        return;
    if (wire->state == WIRE_CONNECTING)
        wire_greet(wire, client->token);
    if (events & EPOLLOUT || wire->state == WIRE_GREETING)
        wire_send(wire);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        wire_receive(wire, now_ns());
}

/* What the welcome of any wire but the first says is known already. */
static void greetings(struct spate *client)
{
    for (uint32_t i = 0; i < client->wire_count; i++) {
        const struct frame_welcome *welcome = NULL;
        if (client->wires[i].state != WIRE_GREETING)
            continue;
        wire_result(&client->wires[i], &welcome);
        if (welcome != NULL && i == 0)
            take_map(client, welcome);
    }
}

/* Wires that have ended and been read to the end, or that are not greeted in time. */
static void departures(struct spate *client)
{
    uint64_t now = now_ns();
    for (uint32_t i = 0; i < client->wire_count; i++) {
        struct wire *wire = &client->wires[i];
        bool late = (wire->state == WIRE_CONNECTING || wire->state == WIRE_GREETING) &&
                    now >= wire->deadline_ns;
        if (late && !wire->ended) {
            wire->ended = true;
            snprintf(wire->why, sizeof wire->why, "the server does not answer");
        }
        if (wire->ended && wire->results_left == 0 && wire->in_read == wire->in_bytes)
            wire_gone(client, i);
    }
}

static void connect_if_due(struct spate *client)
{
    bool idle = client->wire_count == 0 || client->wires[0].state == WIRE_CLOSED;
    if (!idle || client->refused || now_ns() < client->connect_ns)
        return;
    wire_open(client, 0, &client->addresses[client->address_next % client->address_count]);
}

static bool pump(struct spate *client, int timeout_ms)
{
    struct epoll_event events[SHARDS_MAX];
    connect_if_due(client);
    flush(client);
    int count = epoll_wait(client->epoll, events, SHARDS_MAX, timeout_ms);
    for (int i = 0; i < count; i++)
        wire_ready(client, events[i].data.u32, events[i].events);
    greetings(client);
    departures(client);
    if (count > 0)
        flush(client);
    return !client->refused;
}

/* ---- results ----------------------------------------------------------------------------------- */

/* Whether `count` items of `size` fit between the fixed part and the end. */
static bool fits(const struct result *head, uint64_t fixed, uint64_t count, uint64_t size)
{
    return head->bytes >= fixed && (head->bytes - fixed) / size >= count;
}

static bool take_order(const struct result *head, struct spate_result *out)
{
    const struct result_order *order = (const void *)head;
    if (!fits(head, sizeof *order, 0, 1) ||
        !fits(head, sizeof *order, order->line_count, sizeof order->lines[0]))
        return false;
    out->order_state = order->state;
    out->order_version = order->version;
    out->order_total = order->total;
    out->line_count = order->line_count;
    out->lines = (const void *)order->lines;
    return true;
}

static bool take_placed(const struct result *head, struct spate_result *out)
{
    const struct result_placed *placed = (const void *)head;
    if (head->bytes < sizeof *placed)
        return false;
    out->order_state = placed->state;
    out->order_version = placed->version;
    out->order_total = placed->total;
    return true;
}

static bool take_short(const struct result *head, struct spate_result *out)
{
    const struct result_short *shorts = (const void *)head;
    if (!fits(head, sizeof *shorts, 0, 1) ||
        !fits(head, sizeof *shorts, shorts->line_count, sizeof shorts->lines[0]))
        return false;
    out->short_count = shorts->line_count;
    out->shorts = (const void *)shorts->lines;
    return true;
}

static bool take_fault(const struct result *head, struct spate_result *out)
{
    const struct result_fault *fault = (const void *)head;
    if (head->bytes < sizeof *fault || fault->field_bytes > sizeof fault->field)
        return false;
    memcpy(out->field, fault->field, fault->field_bytes);
    out->field_line = fault->line;
    return true;
}

static bool take_stock(const struct result *head, struct spate_result *out)
{
    const struct result_stock *stock = (const void *)head;
    if (!fits(head, sizeof *stock, 0, 1) ||
        !fits(head, sizeof *stock, stock->cell_count, sizeof stock->cells[0]))
        return false;
    out->sku = stock->sku;
    out->cell_count = stock->cell_count;
    out->cells = (const void *)stock->cells;
    return true;
}

/* false: it is shorter than what it says it holds. */
static bool take_body(const struct result *head, struct spate_result *out)
{
    switch (head->kind) {
    case RESULT_ORDER_PLACED:
        return take_placed(head, out);
    case RESULT_ORDER:
        return take_order(head, out);
    case RESULT_SHORT:
        return take_short(head, out);
    case RESULT_FAULT:
        return take_fault(head, out);
    case RESULT_SKU:
        if (head->bytes < sizeof(struct result_sku))
            return false;
        out->sku = ((const struct result_sku *)(const void *)head)->sku;
        return true;
    case RESULT_STOCK:
        return take_stock(head, out);
    default: /* of a later server: the code says enough */
        return true;
    }
}

/* false: nobody asked for this. */
static bool take_result(struct spate *client, uint32_t wire, const struct result *head,
                        struct spate_result *out)
{
    uint32_t index = (uint32_t)head->request;
    if (index >= client->call_count || client->calls[index].wire != wire ||
        client->calls[index].generation != head->request >> 32)
        return false;
    const struct call *call = &client->calls[index];
    *out = (struct spate_result){.tag = call->tag,
                                 .code = head->code,
                                 .attempts = call->attempts,
                                 .seq = head->seq,
                                 .sent_ns = call->sent_ns,
                                 .done_ns = client->wires[wire].received_ns,
                                 .kind = head->kind,
                                 .body = head + 1,
                                 .body_bytes = head->bytes - (uint32_t)sizeof *head};
    return take_body(head, out);
}

bool spate_next(struct spate *client, struct spate_result *out)
{
    for (uint32_t tried = 0; tried < client->wire_count; tried++) {
        uint32_t index = client->wire_next;
        struct wire *wire = &client->wires[index];
        const struct frame_welcome *welcome;
        const struct result *head = wire->state == WIRE_READY ? wire_result(wire, &welcome) : NULL;
        if (head == NULL) {
            client->wire_next = (index + 1) % client->wire_count;
            continue;
        }
        if (take_result(client, index, head, out)) {
            client->queues[index].sent--;
            client->calls[(uint32_t)head->request].wire = NONE;
            call_close(client, (uint32_t)head->request);
            return true;
        }
        wire->ended = true;
        snprintf(wire->why, sizeof wire->why, "the server answered what nobody asked");
        wire->results_left = 0;
        wire->in_read = wire->in_bytes;
    }
    return false;
}

/* ---- asking ------------------------------------------------------------------------------------ */

static uint32_t text_bytes(const char *text)
{
    return text != NULL ? (uint32_t)strnlen(text, UINT8_MAX + 1) : 0;
}

/* Where the next text goes. */
static char *text_put(char *at, const char *text, uint32_t bytes)
{
    if (bytes > 0)
        memcpy(at, text, bytes);
    return at + bytes;
}

static uint32_t currency_of(const char *text)
{
    return CURRENCY((uint8_t)text[0], (uint8_t)text[1], (uint8_t)text[2]);
}

static bool currency_fits(const char *text)
{
    return text_bytes(text) == 3;
}

static bool is_within(uint32_t bytes, uint32_t bytes_max)
{
    return bytes > 0 && bytes <= bytes_max;
}

bool spate_order_create(struct spate *client, const struct spate_order *order, uint64_t tag)
{
    const char *const texts[ORDER_TEXTS] = {
        [ORDER_ID] = order->id,
        [ORDER_CUSTOMER] = order->customer,
        [ORDER_CHANNEL] = order->channel,
        [ORDER_REGION] = order->region,
        [ORDER_PAY_METHOD] = order->pay_method,
        [ORDER_CAMPAIGN] = order->campaign,
        [ORDER_SHIP_TO] = order->ship_to,
        [ORDER_DELIVERY] = order->delivery,
    };
    uint32_t lengths[ORDER_TEXTS];
    uint32_t line_bytes = order->line_count * (uint32_t)sizeof(struct command_line);
    uint32_t adjustment_bytes = order->adjustment_count * (uint32_t)sizeof(struct adjustment);
    if (order->line_count > ORDER_LINES_MAX || order->adjustment_count > ADJUSTMENTS_MAX ||
        !currency_fits(order->currency))
        return false;
    uint32_t bytes = (uint32_t)sizeof(struct order_create) + line_bytes + adjustment_bytes;
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        lengths[i] = text_bytes(texts[i]);
        bytes += lengths[i];
        if (lengths[i] > TEXT_BYTES_MAX)
            return false;
    }
    struct order_create *create = call_begin(client, OP_ORDER_CREATE, bytes, tag);
    if (create == NULL)
        return false;
    create->head.flags = order->want_record ? COMMAND_WANT_RECORD : 0;
    create->issued_at_ns = order->issued_at_ns;
    create->pay_by_ns = order->pay_by_ns;
    create->currency = currency_of(order->currency);
    create->line_count = (uint16_t)order->line_count;
    create->adjustment_count = (uint8_t)order->adjustment_count;
    create->prefer = order->single_parcel ? PREFER_SINGLE_PARCEL : PREFER_NONE;
    char *at = text_put((char *)create->lines, (const char *)order->lines, line_bytes);
    at = text_put(at, (const char *)order->adjustments, adjustment_bytes);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        create->text_bytes[i] = (uint8_t)lengths[i];
        at = text_put(at, texts[i], lengths[i]);
    }
    return call_ask(client);
}

bool spate_order_get(struct spate *client, const char *id, uint64_t tag)
{
    uint32_t bytes = text_bytes(id);
    struct order_get *get =
        is_within(bytes, ID_BYTES_MAX)
            ? call_begin(client, OP_ORDER_GET, (uint32_t)sizeof *get + bytes, tag)
            : NULL;
    if (get == NULL)
        return false;
    get->id_bytes = (uint8_t)bytes;
    text_put((char *)(get + 1), id, bytes);
    return call_ask(client);
}

bool spate_sku_put(struct spate *client, const struct spate_sku *sku, uint64_t tag)
{
    uint32_t bytes = text_bytes(sku->code);
    if (!is_within(bytes, ID_BYTES_MAX) || !currency_fits(sku->currency))
        return false;
    struct sku_put *put = call_begin(client, OP_SKU_PUT, (uint32_t)sizeof *put + bytes, tag);
    if (put == NULL)
        return false;
    put->list_price = sku->list_price;
    put->currency = currency_of(sku->currency);
    put->max_per_order = sku->max_per_order;
    put->max_per_customer = sku->max_per_customer;
    put->customer_window_s = sku->customer_window_s;
    put->weight_g = sku->weight_g;
    put->flags = sku->flash ? SKU_FLASH : 0;
    put->code_bytes = (uint8_t)bytes;
    text_put((char *)(put + 1), sku->code, bytes);
    return call_ask(client);
}

bool spate_sku_resolve(struct spate *client, const char *code, uint64_t tag)
{
    uint32_t bytes = text_bytes(code);
    struct sku_resolve *resolve =
        is_within(bytes, ID_BYTES_MAX)
            ? call_begin(client, OP_SKU_RESOLVE, (uint32_t)sizeof *resolve + bytes, tag)
            : NULL;
    if (resolve == NULL)
        return false;
    resolve->code_bytes = (uint8_t)bytes;
    text_put((char *)(resolve + 1), code, bytes);
    return call_ask(client);
}

bool spate_stock_get(struct spate *client, uint32_t sku, uint64_t tag)
{
    struct stock_get *get = call_begin(client, OP_STOCK_GET, sizeof *get, tag);
    if (get == NULL)
        return false;
    get->sku = sku;
    return call_ask(client);
}

bool spate_stock_receive(struct spate *client, const struct spate_receipt *receipt, uint64_t tag)
{
    uint32_t warehouse_bytes = text_bytes(receipt->warehouse);
    uint32_t key_bytes = text_bytes(receipt->key);
    if (!is_within(warehouse_bytes, ID_BYTES_MAX) || !is_within(key_bytes, TEXT_BYTES_MAX))
        return false;
    uint32_t bytes = (uint32_t)sizeof(struct stock_receive) + warehouse_bytes + key_bytes;
    struct stock_receive *receive = call_begin(client, OP_STOCK_RECEIVE, bytes, tag);
    if (receive == NULL)
        return false;
    receive->sku = receipt->sku;
    receive->ok_units = receipt->ok_units;
    receive->damaged_units = receipt->damaged_units;
    receive->warehouse_bytes = (uint8_t)warehouse_bytes;
    receive->key_bytes = (uint8_t)key_bytes;
    char *at = text_put((char *)(receive + 1), receipt->warehouse, warehouse_bytes);
    text_put(at, receipt->key, key_bytes);
    return call_ask(client);
}

bool spate_warehouse_put(struct spate *client, const char *id, uint32_t priority, uint64_t tag)
{
    uint32_t bytes = text_bytes(id);
    struct warehouse_put *put =
        is_within(bytes, ID_BYTES_MAX)
            ? call_begin(client, OP_WAREHOUSE_PUT, (uint32_t)sizeof *put + bytes, tag)
            : NULL;
    if (put == NULL)
        return false;
    put->priority = priority;
    put->id_bytes = (uint8_t)bytes;
    text_put((char *)(put + 1), id, bytes);
    return call_ask(client);
}

bool spate_order_cancel(struct spate *client, const char *id, const char *reason, const char *key,
                        uint64_t tag)
{
    uint32_t id_bytes = text_bytes(id), reason_bytes = text_bytes(reason);
    uint32_t key_bytes = text_bytes(key);
    if (!is_within(id_bytes, ID_BYTES_MAX) || reason_bytes > TEXT_BYTES_MAX ||
        key_bytes > TEXT_BYTES_MAX)
        return false;
    uint32_t bytes = (uint32_t)sizeof(struct order_cancel) + id_bytes + reason_bytes + key_bytes;
    struct order_cancel *cancel = call_begin(client, OP_ORDER_CANCEL, bytes, tag);
    if (cancel == NULL)
        return false;
    cancel->id_bytes = (uint8_t)id_bytes;
    cancel->reason_bytes = (uint8_t)reason_bytes;
    cancel->key_bytes = (uint8_t)key_bytes;
    char *at = text_put((char *)(cancel + 1), id, id_bytes);
    at = text_put(at, reason, reason_bytes);
    text_put(at, key, key_bytes);
    return call_ask(client);
}

/* Lengths and bytes of texts that stand behind a command; false: one is too long. */
static bool texts_measure(const char *const *texts, uint32_t count, uint8_t *lengths,
                          uint32_t *bytes)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = text_bytes(texts[i]);
        if (length > TEXT_BYTES_MAX)
            return false;
        lengths[i] = (uint8_t)length;
        *bytes += length;
    }
    return true;
}

static void texts_put(char *at, const char *const *texts, const uint8_t *lengths, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        at = text_put(at, texts[i], lengths[i]);
}

bool spate_order_confirm(struct spate *client, const char *id, const char *key, uint64_t tag)
{
    const char *const texts[ACT_TEXTS] = {[ACT_ORDER] = id, [ACT_KEY] = key};
    uint8_t lengths[ACT_TEXTS];
    uint32_t bytes = sizeof(struct order_act);
    if (!texts_measure(texts, ACT_TEXTS, lengths, &bytes))
        return false;
    struct order_act *act = call_begin(client, OP_ORDER_CONFIRM, bytes, tag);
    if (act == NULL)
        return false;
    memcpy(act->text_bytes, lengths, sizeof lengths);
    texts_put((char *)(act + 1), texts, lengths, ACT_TEXTS);
    return call_ask(client);
}

bool spate_order_money(struct spate *client, enum spate_money_act act,
                       const struct spate_money *money, uint64_t tag)
{
    const char *const texts[MONEY_TEXTS] = {
        [MONEY_ORDER] = money->order,   [MONEY_PAYMENT] = money->payment,
        [MONEY_REFUND] = money->refund, [MONEY_METHOD] = money->method,
        [MONEY_REASON] = money->reason, [MONEY_KEY] = money->key};
    uint8_t lengths[MONEY_TEXTS];
    uint32_t bytes = sizeof(struct order_money);
    if (!texts_measure(texts, MONEY_TEXTS, lengths, &bytes))
        return false;
    struct order_money *command = call_begin(client, (enum op)act, bytes, tag);
    if (command == NULL)
        return false;
    command->amount = money->amount;
    memcpy(command->text_bytes, lengths, sizeof lengths);
    texts_put((char *)(command + 1), texts, lengths, MONEY_TEXTS);
    return call_ask(client);
}

bool spate_order_parcel(struct spate *client, enum spate_parcel_act act,
                        const struct spate_parcel *parcel, uint64_t tag)
{
    const char *const texts[PARCEL_TEXTS] = {[PARCEL_ORDER] = parcel->order,
                                             [PARCEL_ID] = parcel->id,
                                             [PARCEL_WAREHOUSE] = parcel->warehouse,
                                             [PARCEL_CARRIER] = parcel->carrier,
                                             [PARCEL_TRACKING] = parcel->tracking,
                                             [PARCEL_REASON] = parcel->reason,
                                             [PARCEL_KEY] = parcel->key};
    uint8_t lengths[PARCEL_TEXTS];
    uint32_t line_bytes = parcel->line_count * (uint32_t)sizeof(struct parcel_line);
    uint32_t bytes = (uint32_t)sizeof(struct order_parcel) + line_bytes;
    if (parcel->line_count > ORDER_LINES_MAX ||
        !texts_measure(texts, PARCEL_TEXTS, lengths, &bytes))
        return false;
    struct order_parcel *command = call_begin(client, (enum op)act, bytes, tag);
    if (command == NULL)
        return false;
    command->line_count = (uint16_t)parcel->line_count;
    command->choice = act == SPATE_RETURN_CREATE ? RETURN_GOODS : 0;
    memcpy(command->text_bytes, lengths, sizeof lengths);
    char *at = text_put((char *)command->lines, (const char *)parcel->lines, line_bytes);
    texts_put(at, texts, lengths, PARCEL_TEXTS);
    return call_ask(client);
}

bool spate_region_costs(struct spate *client, const char *region, const char *const *warehouses,
                        uint32_t warehouse_count, const struct spate_cost *rows, uint32_t row_count,
                        uint64_t tag)
{
    uint8_t lengths[WAREHOUSES_MAX] = {0};
    uint32_t region_bytes = text_bytes(region);
    uint32_t row_bytes = row_count * (uint32_t)sizeof(struct cost_row);
    uint32_t bytes = (uint32_t)sizeof(struct region_costs) + row_bytes + region_bytes;
    if (!is_within(region_bytes, ID_BYTES_MAX) || warehouse_count > WAREHOUSES_MAX ||
        row_count > COST_ROWS_MAX || !texts_measure(warehouses, warehouse_count, lengths, &bytes))
        return false;
    struct region_costs *costs = call_begin(client, OP_REGION_COSTS, bytes, tag);
    if (costs == NULL)
        return false;
    costs->row_count = (uint16_t)row_count;
    costs->warehouse_count = (uint8_t)warehouse_count;
    costs->region_bytes = (uint8_t)region_bytes;
    memcpy(costs->warehouse_bytes, lengths, sizeof lengths);
    char *at = text_put((char *)costs->rows, (const char *)rows, row_bytes);
    texts_put(text_put(at, region, region_bytes), warehouses, lengths, warehouse_count);
    return call_ask(client);
}

bool spate_command(struct spate *client, uint32_t op, const void *fields, uint32_t bytes,
                   uint64_t tag)
{
    struct command_fault fault = {0};
    if (bytes > COMMAND_BYTES_MAX || op > UINT16_MAX)
        return false;
    struct command *command =
        call_begin(client, (enum op)op, (uint32_t)sizeof *command + bytes, tag);
    if (command == NULL)
        return false;
    memcpy(command + 1, fields, bytes);
    if (command_check(command, command->bytes, &fault) == CODE_OK)
        return call_ask(client);
    call_drop(client);
    return false;
}

uint32_t spate_sku_shard(const struct spate *client, uint32_t sku)
{
    return client->shard_count > 0 ? client->slot_shard[sku_slot(sku)] : UINT32_MAX;
}

uint32_t spate_open_count(const struct spate *client)
{
    return client->open_count;
}

const char *spate_code_name(uint32_t code)
{
    const struct code_facts *facts = code_facts(code);
    return facts != NULL ? facts->name : "unknown";
}

bool spate_code_retryable(uint32_t code)
{
    const struct code_facts *facts = code_facts(code);
    return facts != NULL && facts->retryable;
}

/* ---- life -------------------------------------------------------------------------------------- */

struct spate *spate_open(const struct spate_options *options)
{
    struct spate *client = calloc(1, sizeof *client);
    if (client == NULL)
        return NULL;
    client->call_count = options->open_max > 0 ? options->open_max : OPEN_DEFAULT;
    client->pause_ms = PAUSE_FIRST_MS;
    client->pause_ms_max = options->reconnect_ms > 0 ? options->reconnect_ms : PAUSE_MS;
    client->open_first = client->open_last = NONE;
    client->calls = calloc(client->call_count, sizeof *client->calls);
    client->inline_bytes = malloc((size_t)client->call_count * INLINE_BYTES);
    client->token = options->token != NULL ? strdup(options->token) : NULL;
    client->epoll = epoll_create1(EPOLL_CLOEXEC);
    bool failed = client->calls == NULL || client->inline_bytes == NULL || client->epoll < 0 ||
                  (options->token != NULL && client->token == NULL);
    if (failed || !addresses_read(client, options->address)) {
        spate_close(client);
        errno = failed ? ENOMEM : EINVAL;
        return NULL;
    }
    for (uint32_t i = 0; i < client->call_count; i++) {
        client->calls[i].next = i + 1 < client->call_count ? i + 1 : NONE;
        client->calls[i].wire = NONE;
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++)
        client->queues[i] = (struct queue){NONE, NONE, 0};
    return client;
}

void spate_close(struct spate *client)
{
    while (client->open_count > 0)
        call_close(client, client->open_first);
    for (uint32_t i = 0; i < client->wire_count; i++)
        wire_deinit(&client->wires[i]);
    if (client->epoll >= 0)
        close(client->epoll);
    free(client->inline_bytes);
    free(client->calls);
    free(client->token);
    free(client);
}

const char *spate_error(const struct spate *client)
{
    return client->why;
}

int spate_fd(const struct spate *client)
{
    return client->epoll;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

int spate_timeout_ms(const struct spate *client)
{
    uint64_t due = client->shard_count == 0 && !client->refused ? client->connect_ns : UINT64_MAX;
    for (uint32_t i = 0; i < client->wire_count; i++) {
        const struct wire *wire = &client->wires[i];
        if (wire->state == WIRE_CONNECTING || wire->state == WIRE_GREETING)
            due = i == 0 ? wire->deadline_ns : earlier(due, wire->deadline_ns);
        if (wire->ended || (is_sendable(client, i) && wire->out_sent == wire->out_bytes))
            return 0;
    }
    if (due == UINT64_MAX)
        return -1;
    uint64_t now = now_ns();
    return due <= now ? 0 : (int)((due - now) / 1000000 + 1);
}

bool spate_process(struct spate *client)
{
    return pump(client, 0);
}

bool spate_wait(struct spate *client, int timeout_ms)
{
    int due_ms = spate_timeout_ms(client);
    bool due_first = timeout_ms < 0 || (due_ms >= 0 && due_ms < timeout_ms);
    return pump(client, due_first ? due_ms : timeout_ms);
}

bool spate_take(struct spate *client, struct spate_result *out, int timeout_ms)
{
    uint64_t begin = now_ns();
    while (client->open_count > 0) {
        if (spate_next(client, out))
            return true;
        int left = -1;
        if (timeout_ms >= 0) {
            uint64_t spent_ms = (now_ns() - begin) / 1000000;
            if (spent_ms >= (uint64_t)timeout_ms)
                return false;
            left = timeout_ms - (int)spent_ms;
        }
        if (!spate_wait(client, left))
            return false;
    }
    return false;
}
