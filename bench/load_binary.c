/* bench/load_binary.c - spate-load's side of the binary protocol. */
#include "bench/load.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/check.h"
#include "io/frame.h"

static struct frame_welcome welcome;
static char addresses[SHARDS_MAX][256];
static uint32_t sku_numbers[65536];

static struct frame *hear(struct client *c)
{
    struct frame *answer = (void *)c->in;
    CHECK(recv(c->file, answer, sizeof *answer, MSG_WAITALL) == sizeof *answer);
    uint32_t rest = answer->bytes - (uint32_t)sizeof *answer;
    CHECK(recv(c->file, answer + 1, rest, MSG_WAITALL) == (ssize_t)rest);
    CHECK(answer->kind != FRAME_ERROR && frame_check(answer) == FRAME_OK);
    return answer;
}

static struct frame *ask(struct client *c, enum frame_kind kind, uint32_t bytes, uint32_t count)
{
    frame_seal((struct frame *)(void *)c->out, kind, bytes, count, 0);
    CHECK(send(c->file, c->out, bytes, MSG_NOSIGNAL) == (ssize_t)bytes);
    return hear(c);
}

static void greet(struct client *c)
{
    struct frame_hello *hello = (void *)(c->out + sizeof(struct frame));
    memset(c->out, 0, 64);
    hello->version_min = hello->version_max = FRAME_VERSION;
    const struct frame *answer =
        ask(c, FRAME_HELLO, (uint32_t)(sizeof(struct frame) + sizeof *hello), 0);
    welcome = *(const struct frame_welcome *)(const void *)(answer + 1);
    const uint8_t *at = (const uint8_t *)(answer + 1) + sizeof welcome;
    for (uint32_t i = 0; i < welcome.shard_count && *at != 0; i++, at += 1 + *at)
        snprintf(addresses[i], sizeof addresses[i], "%.*s", *at, at + 1);
    CHECK(wish.batch <= welcome.credits);
    if (wish.window * wish.batch > welcome.credits)
        wish.window = welcome.credits / wish.batch;
}

/* The first connection goes where it is told to and learns where the shards are. */
void binary_open(struct client *c, uint32_t shard)
{
    bool known = welcome.shard_count > 0;
    uint32_t wanted = known ? shard % welcome.shard_count : 0;
    bool direct = known && addresses[wanted][0] != 0;
    load_connect(c, direct ? addresses[wanted] : wish.address);
    greet(c);
    CHECK(!direct || welcome.shard == wanted);
    c->shard = welcome.shard;
}

/* ---- stock: many commands a frame, since each answer waits for the disk ----------------------------- */

enum { TOGETHER = 250 };

static uint32_t finish(struct command *command, uint32_t op, uint32_t fixed_bytes,
                       uint32_t text_bytes, uint64_t request)
{
    command->op = (uint16_t)op;
    command->request = request;
    command->bytes = (fixed_bytes + text_bytes + 7) & ~7u;
    return command->bytes;
}

static uint32_t write_warehouse(void *at, uint64_t request)
{
    struct warehouse_put *warehouse = at;
    warehouse->id_bytes = 2;
    memcpy(warehouse + 1, "w1", 2);
    return finish(&warehouse->head, OP_WAREHOUSE_PUT, sizeof *warehouse, 2, request);
}

static uint32_t write_sku(void *at, uint64_t request)
{
    struct sku_put *sku = at;
    sku->currency = CURRENCY('C', 'N', 'Y');
    sku->list_price = 1999;
    sku->code_bytes = (uint8_t)sprintf((char *)(sku + 1), "SKU-%u", (unsigned)request);
    return finish(&sku->head, OP_SKU_PUT, sizeof *sku, sku->code_bytes, request);
}

static uint32_t write_receive(void *at, uint64_t request)
{
    struct stock_receive *receive = at;
    receive->sku = sku_numbers[request];
    receive->ok_units = UINT64_C(1) << 40;
    receive->warehouse_bytes = 2;
    int bytes = sprintf((char *)(receive + 1), "w1r-%u-%llu", (unsigned)request,
                        (unsigned long long)wish.first);
    receive->key_bytes = (uint8_t)(bytes - 2);
    return finish(&receive->head, OP_STOCK_RECEIVE, sizeof *receive, (uint32_t)bytes, request);
}

static void take_results(const struct frame *frame)
{
    const struct result *result = (const void *)(frame + 1);
    for (uint32_t i = 0; i < frame->count; i++) {
        CHECK(result->code == CODE_OK || result->code == CODE_CREATED ||
              result->code == CODE_REPLAYED);
        if (result->kind == RESULT_SKU)
            sku_numbers[result->request] = ((const struct result_sku *)(const void *)result)->sku;
        result = (const void *)((const char *)result + result->bytes);
    }
}

static void run_all(struct client *c, uint64_t count, uint32_t write(void *at, uint64_t request))
{
    for (uint64_t done = 0; done < count;) {
        uint32_t bytes = sizeof(struct frame), asked = 0;
        memset(c->out, 0, TOGETHER * 256);
        for (; asked < TOGETHER && done + asked < count; asked++)
            bytes += write(c->out + bytes, done + asked);
        done += asked;
        const struct frame *answer = ask(c, FRAME_COMMANDS, bytes, asked);
        for (uint32_t answered = answer->count;; answered += answer->count) {
            take_results(answer);
            if (answered == asked)
                break;
            answer = hear(c);
        }
    }
}

void binary_stock_up(struct client *c)
{
    run_all(c, 1, write_warehouse);
    run_all(c, wish.skus, write_sku);
    run_all(c, wish.skus, write_receive);
}

/* A payment in place of the order that stands there. */
static uint32_t write_payment(struct order_create *order)
{
    char texts[64];
    uint8_t id_bytes = order->text_bytes[ORDER_ID];
    memcpy(texts, order->lines + order->line_count, id_bytes);
    memcpy(texts + id_bytes, "p1alipay", 8);
    struct order_money *payment = (void *)order;
    memset(payment, 0, sizeof *payment + sizeof texts);
    payment->head = (struct command){.op = OP_PAYMENT_CREATE};
    payment->amount = 1999;
    payment->text_bytes[MONEY_ORDER] = id_bytes;
    payment->text_bytes[MONEY_PAYMENT] = 2;
    payment->text_bytes[MONEY_METHOD] = 6;
    memcpy(payment + 1, texts, id_bytes + 8u);
    payment->head.bytes = (uint32_t)(sizeof *payment + id_bytes + 8 + 7) & ~7u;
    return payment->head.bytes;
}

/* The SKU at that place, or the next one behind it that the connection's orders may take. */
static uint32_t sku_at(const struct client *c, uint32_t place)
{
    while (wish.own != 0 &&
           welcome.slot_shard[sku_slot(sku_numbers[place % wish.skus])] != c->shard)
        place++;
    return sku_numbers[place % wish.skus];
}

static bool is_of(const struct client *c, uint64_t order)
{
    char id[32];
    uint64_t hash = key_hash((struct text){id, bench_order_id(id, order)});
    return welcome.slot_shard[hash_slot(hash)] == c->shard;
}

uint32_t binary_order(struct client *c, void *at)
{
    while (welcome.shard_count > 1 && !is_of(c, c->next_order))
        c->next_order += wish.connections;
    uint32_t skus[LOAD_LINES_MAX];
    uint64_t order = c->next_order;
    c->next_order += wish.connections;
    load_places(order, skus);
    for (uint32_t line = 0; line < wish.lines; line++)
        skus[line] = sku_at(c, skus[line]);
    uint32_t bytes = bench_order(at, order, skus, (uint32_t)wish.lines);
    return wish.pay != 0 ? write_payment(at) : bytes;
}

uint32_t binary_question(struct client *c, void *at)
{
    uint64_t order = c->created[c->asked++];
    struct order_get *get = memset(at, 0, 64);
    get->id_bytes = (uint8_t)bench_order_id((char *)(get + 1), order);
    get->head = (struct command){.bytes = ((uint32_t)sizeof *get + get->id_bytes + 7u) & ~7u,
                                 .op = OP_ORDER_GET,
                                 .request = order};
    return get->head.bytes;
}

uint32_t binary_seal_frame(struct client *c, uint32_t bytes, uint32_t count)
{
    frame_seal((struct frame *)(void *)c->out, FRAME_COMMANDS, bytes, count, 1);
    return bytes;
}

static void take_frame(struct client *c, const struct frame *frame)
{
    const struct result *result = (const void *)(frame + 1);
    const struct frame_error *error = (const void *)(frame + 1);
    if (frame->kind == FRAME_ERROR)
        fprintf(stderr, "spate-load: told: %.*s\n", (int)error->reason_bytes, error->reason);
    CHECK(frame->kind == FRAME_RESULTS);
    for (uint32_t i = 0; i < frame->count; i++) {
        on_answer(c,
                  result->code == CODE_CREATED ? ANSWER_CREATED
                  : result->code == CODE_OK    ? ANSWER_FOUND
                                               : ANSWER_REFUSED,
                  result->request);
        result = (const void *)((const char *)result + result->bytes);
    }
}

uint32_t binary_answers(struct client *c)
{
    uint32_t at = 0;
    while (c->in_bytes - at >= sizeof(struct frame)) {
        const struct frame *frame = (const void *)(c->in + at);
        if (c->in_bytes - at < frame->bytes)
            break;
        take_frame(c, frame);
        at += frame->bytes;
    }
    return at;
}
