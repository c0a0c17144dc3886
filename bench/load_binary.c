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

static struct frame *ask(struct client *c, enum frame_kind kind, uint32_t bytes, uint32_t count)
{
    frame_seal((struct frame *)(void *)c->out, kind, bytes, count, 0);
    CHECK(send(c->file, c->out, bytes, MSG_NOSIGNAL) == (ssize_t)bytes);
    struct frame *answer = (void *)c->in;
    CHECK(recv(c->file, answer, sizeof *answer, MSG_WAITALL) == sizeof *answer);
    uint32_t rest = answer->bytes - (uint32_t)sizeof *answer;
    CHECK(recv(c->file, answer + 1, rest, MSG_WAITALL) == (ssize_t)rest);
    CHECK(answer->kind != FRAME_ERROR && frame_check(answer) == FRAME_OK);
    return answer;
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

static const struct result *run(struct client *c, struct command *command, uint32_t op,
                                const void *text, uint32_t text_bytes, uint32_t fixed_bytes)
{
    memcpy((char *)command + fixed_bytes, text, text_bytes);
    command->op = (uint16_t)op;
    command->bytes = (fixed_bytes + text_bytes + 7) & ~7u;
    const struct frame *answer =
        ask(c, FRAME_COMMANDS, (uint32_t)sizeof(struct frame) + command->bytes, 1);
    const struct result *result = (const void *)(answer + 1);
    CHECK(result->code == CODE_OK || result->code == CODE_CREATED || result->code == CODE_REPLAYED);
    return result;
}

void binary_stock_up(struct client *c)
{
    void *body = c->out + sizeof(struct frame);
    char text[64];
    memset(body, 0, 256);
    struct warehouse_put *warehouse = body;
    warehouse->id_bytes = 2;
    (void)run(c, &warehouse->head, OP_WAREHOUSE_PUT, "w1", 2, sizeof *warehouse);
    for (uint32_t i = 0; i < wish.skus; i++) {
        memset(body, 0, 256);
        struct sku_put *sku = body;
        sku->currency = CURRENCY('C', 'N', 'Y');
        sku->list_price = 1999;
        int bytes = snprintf(text, sizeof text, "SKU-%u", i);
        sku->code_bytes = (uint8_t)bytes;
        sku_numbers[i] = ((const struct result_sku *)(const void *)run(
                              c, &sku->head, OP_SKU_PUT, text, (uint32_t)bytes, sizeof *sku))
                             ->sku;
        memset(body, 0, 256);
        struct stock_receive *receive = body;
        receive->sku = sku_numbers[i];
        receive->ok_units = UINT64_C(1) << 40;
        receive->warehouse_bytes = 2;
        bytes = snprintf(text, sizeof text, "w1r-%u-%llu", i, (unsigned long long)wish.first);
        receive->key_bytes = (uint8_t)(bytes - 2);
        (void)run(c, &receive->head, OP_STOCK_RECEIVE, text, (uint32_t)bytes, sizeof *receive);
    }
}

/* The SKU at that place, or the next one behind it that the connection's orders may take. */
static uint32_t sku_at(const struct client *c, uint32_t place)
{
    while (wish.own != 0 &&
           welcome.slot_shard[sku_slot(sku_numbers[place % wish.skus])] != c->shard)
        place++;
    return sku_numbers[place % wish.skus];
}

uint32_t binary_order(struct client *c, void *at)
{
    for (;;) {
        uint32_t skus[LOAD_LINES_MAX];
        uint64_t order = c->next_order;
        c->next_order += wish.connections;
        load_places(order, skus);
        for (uint32_t line = 0; line < wish.lines; line++)
            skus[line] = sku_at(c, skus[line]);
        uint32_t bytes = bench_order(at, order, skus, (uint32_t)wish.lines);
        if (welcome.slot_shard[command_slot(at)] == c->shard)
            return bytes;
    }
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
