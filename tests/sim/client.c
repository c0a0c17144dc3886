#include "tests/sim/client.h"

#include <errno.h>
#include <string.h>

#include "io/frame.h"
#include "tests/sim/web_client.h"

/* --- commands --- */

static void *put_text(void *at, const char *text)
{
    size_t bytes = strlen(text);
    memcpy(at, text, bytes);
    return (uint8_t *)at + bytes;
}

/* Pads to a multiple of 8 and fills in the head. */
static void *end_command(struct command *command, enum op op, uint64_t request, void *end)
{
    struct command_fault fault;
    while (((uint8_t *)end - (uint8_t *)command) % 8 != 0) {
        *(uint8_t *)end = 0;
        end = (uint8_t *)end + 1;
    }
    command->bytes = (uint32_t)((uint8_t *)end - (uint8_t *)command);
    command->op = (uint16_t)op;
    command->request = request;
    CHECK(command_check(command, command->bytes, &fault) == CODE_OK);
    return end;
}

void *command_create(void *at, uint64_t request, const struct order_wish *wish)
{
    struct order_create *create = at;
    memset(create, 0, sizeof *create);
    create->currency = wish->currency;
    create->line_count = (uint16_t)wish->line_count;
    create->adjustment_count = wish->discount != 0;
    create->text_bytes[ORDER_ID] = (uint8_t)strlen(wish->id);
    create->text_bytes[ORDER_CUSTOMER] = (uint8_t)strlen(wish->customer);
    memcpy(create->lines, wish->lines, wish->line_count * sizeof *wish->lines);
    void *end = create->lines + wish->line_count;
    if (wish->discount != 0) {
        struct adjustment adjustment = {.amount = wish->discount, .kind = ADJUST_DISCOUNT};
        memcpy(end, &adjustment, sizeof adjustment);
        end = (uint8_t *)end + sizeof adjustment;
    }
    end = put_text(put_text(end, wish->id), wish->customer);
    return end_command(&create->head, OP_ORDER_CREATE, request, end);
}

void *command_get(void *at, uint64_t request, const char *id)
{
    struct order_get *get = at;
    memset(get, 0, sizeof *get);
    get->id_bytes = (uint8_t)strlen(id);
    return end_command(&get->head, OP_ORDER_GET, request, put_text(get + 1, id));
}

void *command_cancel(void *at, uint64_t request, const char *id, const char *key)
{
    struct order_cancel *cancel = at;
    memset(cancel, 0, sizeof *cancel);
    cancel->id_bytes = (uint8_t)strlen(id);
    cancel->key_bytes = (uint8_t)strlen(key);
    void *end = put_text(put_text(cancel->lines, id), key);
    return end_command(&cancel->head, OP_ORDER_CANCEL, request, end);
}

void *command_money(void *at, uint64_t request, const struct money_wish *wish)
{
    const char *const texts[MONEY_TEXTS] = {
        [MONEY_ORDER] = wish->order,   [MONEY_PAYMENT] = wish->payment,
        [MONEY_REFUND] = wish->refund, [MONEY_METHOD] = wish->provider,
        [MONEY_KEY] = wish->key,
    };
    struct order_money *money = at;
    memset(money, 0, sizeof *money);
    money->amount = wish->amount;
    if (wish->op == OP_PAYMENT_NOTICE) {
        money->kind = (uint8_t)wish->kind;
        money->currency = CURRENCY('C', 'N', 'Y');
    }
    void *end = money + 1;
    for (uint32_t i = 0; i < MONEY_TEXTS; i++) {
        if (texts[i] == NULL)
            continue;
        money->text_bytes[i] = (uint8_t)strlen(texts[i]);
        end = put_text(end, texts[i]);
    }
    return end_command(&money->head, (uint16_t)wish->op, request, end);
}

void *command_sku_put(void *at, uint64_t request, const char *code, int64_t price, uint32_t limit)
{
    struct sku_put *put = at;
    memset(put, 0, sizeof *put);
    put->list_price = price;
    put->max_per_customer = limit;
    put->customer_window_s = limit != 0 ? 365 * 86400 : 0;
    put->currency = CURRENCY('C', 'N', 'Y');
    put->code_bytes = (uint8_t)strlen(code);
    return end_command(&put->head, OP_SKU_PUT, request, put_text(put + 1, code));
}

void *command_stock_get(void *at, uint64_t request, uint32_t sku)
{
    struct stock_get *get = at;
    *get = (struct stock_get){.sku = sku};
    return end_command(&get->head, OP_STOCK_GET, request, get + 1);
}

void *command_receive(void *at, uint64_t request, uint32_t sku, const char *warehouse,
                      const char *key, uint64_t units)
{
    struct stock_receive *receive = at;
    memset(receive, 0, sizeof *receive);
    receive->sku = sku;
    receive->ok_units = units;
    receive->warehouse_bytes = (uint8_t)strlen(warehouse);
    receive->key_bytes = (uint8_t)strlen(key);
    void *end = put_text(put_text(receive + 1, warehouse), key);
    return end_command(&receive->head, OP_STOCK_RECEIVE, request, end);
}

void *command_warehouse(void *at, uint64_t request, const char *id)
{
    struct warehouse_put *put = at;
    memset(put, 0, sizeof *put);
    put->priority = 1;
    put->id_bytes = (uint8_t)strlen(id);
    return end_command(&put->head, OP_WAREHOUSE_PUT, request, put_text(put + 1, id));
}

void *command_rules(void *at, uint64_t request, const char *text)
{
    struct rules_put *put = at;
    memset(put, 0, sizeof *put);
    put->text_bytes = (uint32_t)strlen(text);
    return end_command(&put->head, OP_RULES_PUT, request, put_text(put + 1, text));
}

/* --- the connection --- */

static void on_change(void *who)
{
    struct client *client = who;
    world_wake(client->run->world, client->actor, 0);
}

void client_open(struct client *client, struct run *run, const char *address)
{
    *client = (struct client){.run = run,
                              .address = address,
                              .in = run_memory(CLIENT_IN_BYTES),
                              .patience_ns = 3ull * SECOND_NS};
}

static void close_end(struct socket **end)
{
    if (*end != NULL)
        socket_close(*end);
    *end = NULL;
}

void client_leave(struct client *client)
{
    close_end(&client->old);
    close_end(&client->socket);
    client->in_bytes = 0;
}

/* The next question goes over a new connection. */
static void give_up(struct client *client)
{
    if (!stream_hit(world_stream(client->run->world, STREAM_NETWORK), client->keep_one_in)) {
        client_leave(client);
        return;
    }
    close_end(&client->old);
    client->old = client->socket;
    if (client->old != NULL)
        socket_watch(client->old, NULL, NULL);
    client->socket = NULL;
    client->in_bytes = 0;
}

/* Sends all or finds the connection broken. */
static bool send_all(struct client *client, const void *data, uint32_t bytes, uint64_t until_ns)
{
    struct world *world = client->run->world;
    for (uint32_t sent = 0; sent < bytes;) {
        int32_t taken = socket_send(client->socket, (const uint8_t *)data + sent, bytes - sent);
        if (taken < 0 && taken != -EAGAIN)
            return false;
        if (taken == -EAGAIN && world_now(world) >= until_ns)
            return false;
        if (taken == -EAGAIN)
            world_sleep(world, until_ns);
        else
            sent += (uint32_t)taken;
    }
    return true;
}

static bool receive_some(struct client *client, uint64_t until_ns)
{
    struct world *world = client->run->world;
    for (;;) {
        if (stream_hit(world_stream(world, STREAM_NETWORK), client->slow_one_in))
            world_sleep(world, world_now(world) + 50 * MILLISECOND_NS);
        int32_t taken = socket_receive(client->socket, client->in + client->in_bytes,
                                       CLIENT_IN_BYTES - client->in_bytes);
        if (taken > 0) {
            client->in_bytes += (uint32_t)taken;
            return true;
        }
        if (taken != -EAGAIN || world_now(world) >= until_ns)
            return false;
        world_sleep(world, until_ns);
    }
}

/* The next whole frame, at the beginning of `in`; NULL: none came in time. */
static const struct frame *receive_frame(struct client *client, uint64_t until_ns)
{
    for (;;) {
        enum frame_fault fault;
        uint32_t bytes = frame_bytes(client->in, client->in_bytes, CLIENT_IN_BYTES, &fault);
        if (fault != FRAME_OK)
            run_fail(client->run, "a client gets a frame that is %s", frame_fault_name(fault));
        const struct frame *frame = (const void *)client->in;
        if (bytes != 0 && bytes <= client->in_bytes) {
            fault = frame_check(frame);
            if (fault != FRAME_OK)
                run_fail(client->run, "a client gets a frame with %s", frame_fault_name(fault));
            return frame;
        }
        if (!receive_some(client, until_ns))
            return NULL;
    }
}

static void drop_frame(struct client *client)
{
    uint32_t bytes = ((const struct frame *)(const void *)client->in)->bytes;
    client->in_bytes -= bytes;
    memmove(client->in, client->in + bytes, client->in_bytes);
}

static bool say_hello(struct client *client, uint64_t until_ns)
{
    struct {
        struct frame frame;
        struct frame_hello hello;
    } said = {.hello = {.version_min = FRAME_VERSION, .version_max = FRAME_VERSION}};
    frame_seal(&said.frame, FRAME_HELLO, sizeof said, 0, 0);
    if (!send_all(client, &said, sizeof said, until_ns))
        return false;
    const struct frame *frame = receive_frame(client, until_ns);
    if (frame == NULL)
        return false;
    bool welcome = frame->kind == FRAME_WELCOME;
    drop_frame(client);
    return welcome;
}

static bool connected(struct client *client, uint64_t until_ns)
{
    struct world *world = client->run->world;
    if (client->socket != NULL)
        return true;
    client->socket = net_connect(machine_net(client->run->machine), client->address);
    socket_watch(client->socket, on_change, client);
    while (socket_connected(client->socket) == -EINPROGRESS && world_now(world) < until_ns)
        world_sleep(world, until_ns);
    return socket_connected(client->socket) == 0 &&
           (client->oracle != NULL || say_hello(client, until_ns));
}

static bool send_commands(struct client *client, const void *commands, uint32_t bytes,
                          uint32_t count, uint64_t until_ns)
{
    static _Alignas(8) uint8_t out[1 << 20];
    struct frame *frame = (void *)out;
    uint8_t own[sizeof *frame];
    CHECK(bytes + sizeof *frame <= sizeof out);
    memset(frame, 0, sizeof *frame);
    memcpy(frame + 1, commands, bytes);
    frame_seal(frame, FRAME_COMMANDS, (uint32_t)sizeof *frame + bytes, count, 1);
    memcpy(own, frame, sizeof own); /* others use `out` while this one sleeps */
    return send_all(client, own, sizeof own, until_ns) &&
           send_all(client, commands, bytes, until_ns);
}

/* How many results the frame has. */
static uint32_t take_results(const struct frame *frame,
                             void (*on_result)(void *who, const struct result *result), void *who)
{
    const uint8_t *at = (const void *)(frame + 1);
    for (uint32_t i = 0; i < frame->count; i++) {
        const struct result *result = (const void *)at;
        on_result(who, result);
        at += result->bytes;
    }
    return frame->count;
}

/* We send nothing that is wrong. */
static void check_complaint(struct client *client, const struct frame_error *error)
{
    if (error->fault != FRAME_OK && error->fault != FRAME_BUSY)
        run_fail(client->run, "a server complains of %s",
                 frame_fault_name((enum frame_fault)error->fault));
}

static bool ask(struct client *client, const void *commands, uint32_t bytes, uint32_t count,
                void (*on_result)(void *who, const struct result *result), void *who)
{
    uint64_t until_ns = world_now(client->run->world) + client->patience_ns;
    if (!connected(client, until_ns) || !send_commands(client, commands, bytes, count, until_ns))
        return false;
    for (uint32_t answered = 0; answered < count;) {
        const struct frame *frame = receive_frame(client, until_ns);
        if (frame == NULL)
            return false;
        if (frame->kind == FRAME_ERROR)
            check_complaint(client, (const void *)(frame + 1));
        if (frame->kind == FRAME_RESULTS)
            answered += take_results(frame, on_result, who);
        drop_frame(client);
    }
    return true;
}

static const struct command *next_command(const struct command *command)
{
    return (const void *)((const char *)command + command->bytes);
}

static bool send_requests(struct client *client, const struct command *command, uint32_t count,
                          uint64_t until_ns)
{
    struct stream *network = world_stream(client->run->world, STREAM_NETWORK);
    char request[WEB_REQUEST_BYTES_MAX];
    for (uint32_t i = 0; i < count; i++, command = next_command(command)) {
        uint32_t bytes = web_request(request, command, client->oracle, network);
        if (!send_all(client, request, bytes, until_ns))
            return false;
    }
    return true;
}

/* The next whole response, at the beginning of `in`; 0: none came in time. */
static uint32_t receive_response(struct client *client, uint64_t until_ns)
{
    for (;;) {
        uint32_t bytes = web_response_bytes((const void *)client->in, client->in_bytes);
        if (bytes != 0 || !receive_some(client, until_ns))
            return bytes;
    }
}

static bool ask_web(struct client *client, const struct command *command, uint32_t count,
                    void (*on_result)(void *who, const struct result *result), void *who)
{
    uint64_t until_ns = world_now(client->run->world) + client->patience_ns;
    if (!connected(client, until_ns) || !send_requests(client, command, count, until_ns))
        return false;
    for (; count > 0; count--, command = next_command(command)) {
        uint32_t bytes = receive_response(client, until_ns);
        if (bytes == 0)
            return false;
        on_result(who, web_result(client->run, (void *)client->in, bytes, command, client->oracle));
        client->in_bytes -= bytes;
        memmove(client->in, client->in + bytes, client->in_bytes);
    }
    return true;
}

bool client_ask(struct client *client, const void *commands, uint32_t bytes, uint32_t count,
                void (*on_result)(void *who, const struct result *result), void *who)
{
    client->actor = world_actor(client->run->world);
    bool answered = client->oracle != NULL ? ask_web(client, commands, count, on_result, who)
                                           : ask(client, commands, bytes, count, on_result, who);
    if (!answered)
        give_up(client);
    return answered;
}
