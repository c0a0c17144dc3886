/* io/client/spate.c - commands that wait for their answers, whatever happens to the connections.
 *
 * Always: an open command is in the list `open`, in the order of being asked. As long as there is a
 * slot map it is also in the queue of one wire, or has been sent on one wire and counts there. When
 * a wire that was ready ends, all are closed and every open command begins anew: the shards of a
 * server live and die together, and another server may stand there now, with other shards. */
#include "io/client/client.h"
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

void *call_begin(struct spate *client, enum op kind, uint32_t bytes, uint64_t tag)
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

void call_drop(struct spate *client)
{
    uint32_t index = client->free_first;
    if ((uint8_t *)client->calls[index].command !=
        client->inline_bytes + (size_t)index * INLINE_BYTES)
        free(client->calls[index].command);
}

bool call_ask(struct spate *client)
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
    return result_take(head, out);
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

uint32_t spate_sku_shard(const struct spate *client, uint32_t sku)
{
    return client->shard_count > 0 ? client->slot_shard[sku_slot(sku)] : UINT32_MAX;
}

uint32_t spate_open_count(const struct spate *client)
{
    return client->open_count;
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
