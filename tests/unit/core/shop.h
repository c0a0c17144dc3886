/* tests/unit/core/shop.h - a whole shop in memory: some shards, and a pump that carries their
 * messages in an order that follows from a seed; FIFO from each shard to each other.
 *
 * Every turn's events go into a journal with their sequence, as they would into the log, so that a
 * test can put the journal through recovery and compare. */
#ifndef SPATE_TESTS_UNIT_CORE_SHOP_H
#define SPATE_TESTS_UNIT_CORE_SHOP_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/bug.h"
#include "core/image.h"
#include "core/rules.h"
#include "core/shape.h"
#include "core/shard.h"

enum { SHOP_SHARDS_MAX = 8, SHOP_ANSWERS_MAX = 1 << 14 };

struct shop_pile {
    uint8_t *at;
    size_t used;
    size_t capacity;
};

struct shop {
    uint32_t shard_count;
    struct shard_options options[SHOP_SHARDS_MAX];
    uint8_t slot_shard[SLOT_COUNT];
    struct catalogue *catalogue;
    struct shard *shards[SHOP_SHARDS_MAX];
    struct turn turn;
    struct shop_pile mail[SHOP_SHARDS_MAX][SHOP_SHARDS_MAX]; /* from, to */
    size_t mail_read[SHOP_SHARDS_MAX][SHOP_SHARDS_MAX];
    struct shop_pile journal;                 /* of { uint64_t seq; uint64_t count; events } */
    struct result *answers[SHOP_ANSWERS_MAX]; /* by request */
    uint64_t seq;
    uint64_t request;
    uint64_t now_ns;
    uint64_t clock_ns; /* of the turns; 0: they have none */
    uint64_t random;
    void *blocks[32];
    size_t block_bytes[32];
    uint32_t block_count;
};

/* Zeros that cost nothing until they are touched. */
static inline void *shop_memory(struct shop *shop, size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    shop->blocks[shop->block_count] = at;
    shop->block_bytes[shop->block_count++] = bytes;
    return at;
}

static inline uint64_t shop_random(struct shop *shop)
{
    shop->random += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = shop->random;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline void shop_put(struct shop_pile *pile, const void *bytes, size_t count)
{
    if (count == 0)
        return;
    if (pile->used + count > pile->capacity) {
        pile->capacity = (pile->used + count) * 2;
        pile->at = realloc(pile->at, pile->capacity);
        assert_non_null(pile->at);
    }
    if (count > 0)
        memcpy(pile->at + pile->used, bytes, count);
    pile->used += count;
}

/* The bug that is to be planted, from the environment; BUG_NONE if there is none. */
static inline enum bug shop_bug(void)
{
    static const char *const names[] = {"none",
#define X(id, name) name,
                                        BUGS(X)
#undef X
    };
    const char *name = getenv("SPATE_BUG");
    if (name == NULL)
        return BUG_NONE;
    for (uint32_t i = 0; i < BUG_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return (enum bug)i;
    fprintf(stderr, "no such bug: %s\n", name);
    exit(0); /* not a failure: a planted bug must fail for its own reason */
}

static inline struct shard_options shop_options(void)
{
    struct shard_options options = {
        .order_count_max = 20000,
        .order_bytes_max = 8 << 20,
        .cell_count_max = 4096,
        .flight_count_max = 1024,
        .retry_count_max = 1024,
        .limit_count_max = 1024,
        .catalogue = {.sku_count_max = 4096},
        .payment_deadline_ns = UINT64_C(1800) * 1000000000,
        .retry_window_ns = UINT64_C(86400) * 1000000000,
    };
    options.bug[shop_bug()] = true;
    return options;
}

static inline struct shop *shop_open_with(const struct shard_options *options, uint32_t shard_count,
                                          uint64_t seed)
{
    struct shop *shop = calloc(1, sizeof *shop);
    assert_non_null(shop);
    shop->shard_count = shard_count;
    shop->random = seed;
    shop->now_ns = UINT64_C(1605052800) * 1000000000;
    for (uint32_t i = 0; i < SLOT_COUNT; i++)
        shop->slot_shard[i] = (uint8_t)(i % shard_count);
    shop->catalogue = catalogue_init(shop_memory(shop, catalogue_bytes(&options->catalogue)),
                                     &options->catalogue);
    for (uint32_t i = 0; i < shard_count; i++) {
        shop->options[i] = *options;
        shop->options[i].shard = i;
        shop->options[i].shard_count = shard_count;
        shop->options[i].slot_shard = shop->slot_shard;
        shop->shards[i] = shard_init(shop_memory(shop, shard_bytes(&shop->options[i])),
                                     &shop->options[i], shop->catalogue);
    }
    enum { PILE = 4 << 20 };
    struct turn *turn = &shop->turn;
    turn->shard_count = shard_count;
    turn->events = (struct pile){.at = shop_memory(shop, PILE), .capacity_bytes = PILE};
    turn->answers = (struct pile){.at = shop_memory(shop, PILE), .capacity_bytes = PILE};
    for (uint32_t i = 0; i < shard_count; i++)
        turn->outbox[i] = (struct pile){.at = shop_memory(shop, PILE), .capacity_bytes = PILE};
    return shop;
}

static inline struct shop *shop_open(uint32_t shard_count, uint64_t seed)
{
    struct shard_options options = shop_options();
    return shop_open_with(&options, shard_count, seed);
}

static inline void shop_close(struct shop *shop)
{
    for (uint32_t i = 0; i < shop->shard_count; i++)
        for (uint32_t j = 0; j < shop->shard_count; j++)
            free(shop->mail[i][j].at);
    for (uint64_t i = 0; i <= shop->request; i++)
        free(shop->answers[i]);
    for (uint32_t i = 0; i < shop->block_count; i++)
        munmap(shop->blocks[i], shop->block_bytes[i]);
    free(shop->journal.at);
    free(shop);
}

static inline void shop_keep_answer(struct shop *shop, const struct result *result)
{
    assert_true(result->request < SHOP_ANSWERS_MAX);
    assert_null(shop->answers[result->request]);
    shop->answers[result->request] = malloc(result->bytes);
    memcpy(shop->answers[result->request], result, result->bytes);
}

/* The end of a turn of `shard`: number, publish, empty. */
static inline void shop_end_turn(struct shop *shop, uint32_t shard)
{
    struct turn *turn = &shop->turn;
    if (turn->event_count > 0) {
        uint64_t head[2] = {++shop->seq, turn->event_count};
        shard_committed(shop->shards[shard], shop->seq);
        shop_put(&shop->journal, head, sizeof head);
        shop_put(&shop->journal, turn->events.at, turn->events.used_bytes);
    }
    for (uint32_t to = 0; to < shop->shard_count; to++) {
        shop_put(&shop->mail[shard][to], turn->outbox[to].at, turn->outbox[to].used_bytes);
        turn->outbox[to].used_bytes = 0;
    }
    for (uint32_t at = 0; at < turn->answers.used_bytes;) {
        const struct result *result = (const void *)(turn->answers.at + at + sizeof(struct answer));
        shop_keep_answer(shop, result);
        at += (uint32_t)sizeof(struct answer) + result->bytes;
    }
    turn->events.used_bytes = turn->answers.used_bytes = turn->event_count = 0;
}

static inline void shop_deliver(struct shop *shop, uint32_t from, uint32_t to)
{
    /* A copy: whoever reads a message must not rely on it afterwards. */
    const struct message *stored =
        (const void *)(shop->mail[from][to].at + shop->mail_read[from][to]);
    struct message *message = malloc(stored->bytes);
    memcpy(message, stored, stored->bytes);
    shop->mail_read[from][to] += message->bytes;
    if (message->kind == MESSAGE_RESULT)
        shop_keep_answer(shop, (const void *)((const struct message_result *)(void *)message + 1));
    else
        shard_message(shop->shards[to], &shop->turn, message);
    free(message);
}

/* One step somewhere: a message that has arrived is read, or nothing is left to be done. */
static inline bool shop_step(struct shop *shop)
{
    uint32_t pairs = shop->shard_count * shop->shard_count;
    uint32_t first = (uint32_t)(shop_random(shop) % pairs);
    shop->turn.now_ns = shop->now_ns;
    for (uint32_t i = 0; i < pairs; i++) {
        uint32_t from = (first + i) % pairs / shop->shard_count;
        uint32_t to = (first + i) % shop->shard_count;
        if (shop->mail_read[from][to] == shop->mail[from][to].used)
            continue;
        shop_deliver(shop, from, to);
        shop_end_turn(shop, to);
        return true;
    }
    return false;
}

/* Every shard looks at what time it is, as a server's does all the time. */
static inline void shop_wake(struct shop *shop)
{
    for (uint32_t i = 0; i < shop->shard_count; i++) {
        shop->turn.now_ns = shop->now_ns;
        shop->turn.clock_ns = shop->clock_ns;
        shard_expire(shop->shards[i], &shop->turn);
        shop_end_turn(shop, i);
    }
}

/* Until nothing is on its way; then deadlines that have passed. */
static inline void shop_run(struct shop *shop)
{
    bool busy = true;
    /* A wheel that is broken on purpose may ask to be looked at for ever. */
    for (uint32_t rounds = 0; busy && rounds < 10000; rounds++) {
        while (shop_step(shop))
            continue;
        busy = false;
        for (uint32_t i = 0; i < shop->shard_count; i++) {
            if (shard_deadline_ns(shop->shards[i]) > shop->now_ns)
                continue;
            shop->turn.now_ns = shop->now_ns;
            shop->turn.clock_ns = shop->clock_ns;
            shard_expire(shop->shards[i], &shop->turn);
            shop_end_turn(shop, i);
            busy = true; /* a call does only so much; what it has set off may be on its way */
        }
    }
}

/* Hands in a command without carrying any message; returns its request number. */
static inline uint64_t shop_send_as(struct shop *shop, struct command *command, const char *caller)
{
    struct command_fault fault;
    command->request = ++shop->request;
    enum code code = command_check(command, command->bytes, &fault);
    if (code != CODE_OK)
        fail_msg("%s in %s", code_facts(code)->name, fault.field);
    uint32_t slot = command_slot(command);
    uint32_t shard = slot < SLOT_COUNT ? shop->slot_shard[slot] : 0;
    /* The connection may be with any shard. */
    struct request request = {
        .origin = {.token = command->request,
                   .shard = (uint32_t)(shop_random(shop) % shop->shard_count)},
        .caller = {caller, (uint32_t)strlen(caller)},
        .command = command,
    };
    shop->turn.now_ns = shop->now_ns;
    shard_request(shop->shards[shard], &shop->turn, &request);
    shop_end_turn(shop, shard);
    return command->request;
}

static inline uint64_t shop_send(struct shop *shop, struct command *command)
{
    return shop_send_as(shop, command, "shop");
}

static inline const struct result *shop_answer(struct shop *shop, uint64_t request)
{
    assert_non_null(shop->answers[request]);
    return shop->answers[request];
}

static inline const struct result *shop_ask(struct shop *shop, struct command *command)
{
    uint64_t request = shop_send(shop, command);
    shop_run(shop);
    return shop_answer(shop, request);
}

/* ---- commands ---------------------------------------------------------------------------------- */

union shop_command {
    struct command head;
    struct order_create create;
    struct order_get get;
    struct order_cancel cancel;
    struct order_list list;
    struct order_money money;
    struct order_act act;
    struct order_parcel parcel;
    struct sku_put put;
    struct sku_resolve resolve;
    struct stock_get stock;
    struct stock_receive receive;
    struct stock_change change;
    struct stock_policy policy;
    struct transfer_ship ship;
    struct transfer_receive arrive;
    struct transfer_get transfer;
    struct cell_list cells;
    struct warehouse_put warehouse;
    struct region_costs costs;
    struct rules_put rules;
    uint64_t room[COMMAND_BYTES_MAX / 8];
};

static inline void shop_head(struct command *command, uint16_t op, size_t bytes)
{
    command->bytes = (uint32_t)((bytes + 7) & ~(size_t)7);
    command->op = op;
}

struct shop_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
};

static inline void shop_order_texts(union shop_command *command,
                                    const char *const texts[ORDER_TEXTS],
                                    const struct shop_line *lines, uint32_t line_count)
{
    memset(command, 0, sizeof *command);
    struct order_create *create = &command->create;
    create->currency = CURRENCY('C', 'N', 'Y');
    create->line_count = (uint16_t)line_count;
    memcpy(create->lines, lines, line_count * sizeof lines[0]);
    char *at = (char *)(create->lines + line_count);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        size_t bytes = texts[i] != NULL ? strlen(texts[i]) : 0;
        create->text_bytes[i] = (uint8_t)bytes;
        memcpy(at, bytes > 0 ? texts[i] : "", bytes);
        at += bytes;
    }
    shop_head(&create->head, OP_ORDER_CREATE, (size_t)(at - (char *)create));
}

/* One adjustment more for an order that is about to be placed. */
static inline void shop_adjust(union shop_command *command, uint8_t kind, int64_t amount)
{
    struct order_create *create = &command->create;
    const struct adjustment one = {.amount = amount, .kind = kind};
    char *at = (char *)(create->lines + create->line_count) + create->adjustment_count * sizeof one;
    memmove(at + sizeof one, at, create->head.bytes - (size_t)(at - (char *)create));
    memcpy(at, &one, sizeof one);
    create->adjustment_count++;
    shop_head(&create->head, OP_ORDER_CREATE, create->head.bytes + sizeof one);
}

static inline void shop_order_of(union shop_command *command, const char *id, const char *customer,
                                 const struct shop_line *lines, uint32_t line_count)
{
    const char *texts[ORDER_TEXTS] = {[ORDER_ID] = id, [ORDER_CUSTOMER] = customer};
    shop_order_texts(command, texts, lines, line_count);
}

static inline uint64_t shop_send_order(struct shop *shop, const char *id,
                                       const struct shop_line *lines, uint32_t line_count)
{
    union shop_command *command = malloc(sizeof *command);
    shop_order_of(command, id, "c778812", lines, line_count);
    uint64_t request = shop_send(shop, &command->head);
    free(command);
    return request;
}

static inline const struct result *shop_order(struct shop *shop, const char *id,
                                              const struct shop_line *lines, uint32_t line_count)
{
    uint64_t request = shop_send_order(shop, id, lines, line_count);
    shop_run(shop);
    return shop_answer(shop, request);
}

static inline const struct result *shop_get(struct shop *shop, const char *id)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.get.id_bytes = (uint8_t)strlen(id);
    memcpy(&command.get + 1, id, strlen(id));
    shop_head(&command.head, OP_ORDER_GET, sizeof command.get + strlen(id));
    return shop_ask(shop, &command.head);
}

/* No lines: all of it. No key: "". */
static inline const struct result *shop_cancel(struct shop *shop, const char *id,
                                               const struct cancel_line *lines, uint32_t line_count,
                                               const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    struct order_cancel *cancel = &command.cancel;
    cancel->line_count = (uint16_t)line_count;
    cancel->id_bytes = (uint8_t)strlen(id);
    cancel->key_bytes = (uint8_t)strlen(key);
    for (uint32_t i = 0; i < line_count; i++)
        cancel->lines[i] = lines[i];
    char *at = (char *)(cancel->lines + line_count);
    memcpy(at, id, strlen(id));
    memcpy(at + strlen(id), key, strlen(key));
    shop_head(&command.head, OP_ORDER_CANCEL,
              sizeof *cancel + line_count * sizeof lines[0] + strlen(id) + strlen(key));
    return shop_ask(shop, &command.head);
}

/* A command about an order's money; what is NULL is not said. */
struct shop_money {
    const char *order;
    const char *payment;
    const char *refund;
    const char *method; /* or provider */
    const char *reason;
    const char *key; /* or the notice's id */
    int64_t amount;  /* of 0: not said, unless the operation needs one */
    uint8_t kind;
};

static inline void shop_money_of(union shop_command *command, enum op op,
                                 const struct shop_money *said)
{
    const char *const texts[MONEY_TEXTS] = {said->order,  said->payment, said->refund,
                                            said->method, said->reason,  said->key};
    struct order_money *money = &command->money;
    memset(command, 0, sizeof *money + MONEY_TEXTS * TEXT_BYTES_MAX);
    bool needed = op == OP_PAYMENT_CREATE || op == OP_PAYMENT_NOTICE;
    money->amount = said->amount == 0 && !needed ? MONEY_NOT_SAID : said->amount;
    money->kind = said->kind;
    money->currency = op == OP_PAYMENT_NOTICE ? CURRENCY('C', 'N', 'Y') : 0;
    char *at = (char *)(money + 1);
    for (uint32_t i = 0; i < MONEY_TEXTS; i++) {
        size_t bytes = texts[i] != NULL ? strlen(texts[i]) : 0;
        money->text_bytes[i] = (uint8_t)bytes;
        if (bytes > 0)
            memcpy(at, texts[i], bytes);
        at += bytes;
    }
    shop_head(&command->head, (uint16_t)op, (size_t)(at - (char *)command));
}

static inline uint64_t shop_send_money(struct shop *shop, enum op op, struct shop_money said)
{
    union shop_command command;
    shop_money_of(&command, op, &said);
    return shop_send(shop, &command.head);
}

static inline const struct result *shop_money(struct shop *shop, enum op op, struct shop_money said)
{
    uint64_t request = shop_send_money(shop, op, said);
    shop_run(shop);
    return shop_answer(shop, request);
}

/* A decision about the order as a whole; 0: none, for a confirm. No key: "". */
static inline void shop_act_of(union shop_command *command, enum op op, const char *id,
                               uint8_t decision, const char *key)
{
    memset(command, 0, sizeof *command);
    command->act.decision = decision;
    command->act.text_bytes[ACT_ORDER] = (uint8_t)strlen(id);
    command->act.text_bytes[ACT_KEY] = (uint8_t)strlen(key);
    memcpy(&command->act + 1, id, strlen(id));
    memcpy((char *)(&command->act + 1) + strlen(id), key, strlen(key));
    shop_head(&command->head, (uint16_t)op, sizeof command->act + strlen(id) + strlen(key));
}

static inline const struct result *shop_act(struct shop *shop, enum op op, const char *id,
                                            uint8_t decision, const char *key)
{
    union shop_command command;
    shop_act_of(&command, op, id, decision, key);
    return shop_ask(shop, &command.head);
}

static inline void shop_sku_of(union shop_command *command, const char *code)
{
    memset(command, 0, sizeof *command);
    command->put.list_price = 1999;
    command->put.currency = CURRENCY('C', 'N', 'Y');
    command->put.code_bytes = (uint8_t)strlen(code);
    memcpy(&command->put + 1, code, strlen(code));
    shop_head(&command->head, OP_SKU_PUT, sizeof command->put + strlen(code));
}

/* A cap more for a SKU that is about to be put; the code stands behind the caps. */
static inline void shop_cap_of(union shop_command *command, const char *code, const char *channel,
                               uint64_t units)
{
    struct sku_put *put = &command->put;
    struct sku_cap *cap = &put->caps[put->cap_count++];
    *cap = (struct sku_cap){.units = units, .channel_bytes = (uint8_t)strlen(channel)};
    memcpy(cap->channel, channel, strlen(channel));
    memset(put->caps + put->cap_count, 0, 64);
    memcpy(put->caps + put->cap_count, code, strlen(code));
    shop_head(&put->head, OP_SKU_PUT, sizeof *put + put->cap_count * sizeof *cap + strlen(code));
}

static inline uint32_t shop_sku(struct shop *shop, const char *code)
{
    union shop_command command;
    shop_sku_of(&command, code);
    const struct result *result = shop_ask(shop, &command.head);
    assert_true(result->code == CODE_CREATED || result->code == CODE_OK);
    return ((const struct result_sku *)(const void *)result)->sku;
}

static inline void shop_warehouse(struct shop *shop, const char *id, uint32_t priority)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.warehouse.priority = priority;
    command.warehouse.id_bytes = (uint8_t)strlen(id);
    memcpy(&command.warehouse + 1, id, strlen(id));
    shop_head(&command.head, OP_WAREHOUSE_PUT, sizeof command.warehouse + strlen(id));
    const struct result *result = shop_ask(shop, &command.head);
    assert_true(result->code == CODE_CREATED || result->code == CODE_OK);
}

/* One warehouse's rows of a region's table. */
struct shop_cost {
    const char *warehouse;
    uint32_t rows[4][2]; /* distance, weight */
    uint32_t row_count;
};

static inline void shop_costs_of(union shop_command *command, const char *region,
                                 const struct shop_cost *costs, uint32_t count)
{
    memset(command, 0, sizeof *command);
    struct region_costs *put = &command->costs;
    put->region_bytes = (uint8_t)strlen(region);
    put->warehouse_count = (uint8_t)count;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t row = 0; row < costs[i].row_count; row++) {
            put->rows[put->row_count].distance = costs[i].rows[row][0];
            put->rows[put->row_count].weight = costs[i].rows[row][1];
            put->rows[put->row_count++].warehouse = (uint8_t)i;
        }
    char *at = (char *)(put->rows + put->row_count);
    memcpy(at, region, strlen(region));
    at += strlen(region);
    for (uint32_t i = 0; i < count; i++) {
        put->warehouse_bytes[i] = (uint8_t)strlen(costs[i].warehouse);
        memcpy(at, costs[i].warehouse, strlen(costs[i].warehouse));
        at += strlen(costs[i].warehouse);
    }
    shop_head(&put->head, OP_REGION_COSTS, (size_t)(at - (char *)put));
}

static inline const struct result *shop_costs(struct shop *shop, const char *region,
                                              const struct shop_cost *costs, uint32_t count)
{
    union shop_command *command = malloc(sizeof *command);
    shop_costs_of(command, region, costs, count);
    const struct result *result = shop_ask(shop, &command->head);
    free(command);
    return result;
}

static inline const struct result *shop_receive_key(struct shop *shop, uint32_t sku,
                                                    const char *warehouse, uint64_t units,
                                                    const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.receive.ok_units = units;
    command.receive.sku = sku;
    command.receive.warehouse_bytes = (uint8_t)strlen(warehouse);
    command.receive.key_bytes = (uint8_t)strlen(key);
    memcpy(&command.receive + 1, warehouse, strlen(warehouse));
    memcpy((char *)(&command.receive + 1) + strlen(warehouse), key, strlen(key));
    shop_head(&command.head, OP_STOCK_RECEIVE,
              sizeof command.receive + strlen(warehouse) + strlen(key));
    return shop_ask(shop, &command.head);
}

static inline void shop_receive(struct shop *shop, uint32_t sku, const char *warehouse,
                                uint64_t units)
{
    char key[32];
    snprintf(key, sizeof key, "r-%llu", (unsigned long long)shop->request);
    assert_int_equal(shop_receive_key(shop, sku, warehouse, units, key)->code, CODE_OK);
}

static inline const struct result *shop_change_if(struct shop *shop, enum op op, uint32_t sku,
                                                  const char *warehouse, int64_t units,
                                                  uint64_t if_version, const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.change.units = units;
    command.change.if_version = if_version;
    command.change.sku = sku;
    command.change.warehouse_bytes = (uint8_t)strlen(warehouse);
    command.change.key_bytes = (uint8_t)strlen(key);
    memcpy(&command.change + 1, warehouse, strlen(warehouse));
    memcpy((char *)(&command.change + 1) + strlen(warehouse), key, strlen(key));
    shop_head(&command.head, (uint16_t)op, sizeof command.change + strlen(warehouse) + strlen(key));
    return shop_ask(shop, &command.head);
}

static inline enum code shop_change(struct shop *shop, enum op op, uint32_t sku,
                                    const char *warehouse, int64_t units)
{
    char key[32];
    snprintf(key, sizeof key, "c-%llu", (unsigned long long)shop->request);
    return (enum code)shop_change_if(shop, op, sku, warehouse, units, STOCK_ANY_VERSION, key)->code;
}

static inline const struct result *shop_ship(struct shop *shop, const char *id, uint32_t sku,
                                             const char *from, const char *to, uint64_t units)
{
    union shop_command command;
    memset(&command, 0, sizeof command.ship + 128);
    command.ship.units = units;
    command.ship.sku = sku;
    command.ship.from_bytes = (uint8_t)strlen(from);
    command.ship.to_bytes = (uint8_t)strlen(to);
    command.ship.id_bytes = (uint8_t)strlen(id);
    int bytes = sprintf((char *)(&command.ship + 1), "%s%s%s", from, to, id);
    shop_head(&command.head, OP_TRANSFER_SHIP, sizeof command.ship + (size_t)bytes);
    return shop_ask(shop, &command.head);
}

struct shop_arrival {
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
};

/* No key: "". */
static inline const struct result *shop_arrive(struct shop *shop, const char *id, uint32_t sku,
                                               struct shop_arrival arrival, const char *key)
{
    union shop_command command;
    memset(&command, 0, sizeof command.arrive + 128);
    command.arrive.ok = arrival.ok;
    command.arrive.damaged = arrival.damaged;
    command.arrive.lost = arrival.lost;
    command.arrive.sku = sku;
    command.arrive.id_bytes = (uint8_t)strlen(id);
    command.arrive.key_bytes = (uint8_t)strlen(key);
    int bytes = sprintf((char *)(&command.arrive + 1), "%s%s", id, key);
    shop_head(&command.head, OP_TRANSFER_RECEIVE, sizeof command.arrive + (size_t)bytes);
    return shop_ask(shop, &command.head);
}

/* The cells of all shards with units missing, or that have warned. */
static inline uint32_t shop_cells(struct shop *shop, enum cells_wanted wanted,
                                  struct result_listed_cell *out)
{
    uint32_t count = 0;
    for (uint32_t shard = 0; shard < shop->shard_count; shard++) {
        const struct result_cells *cells;
        uint64_t cursor = 0;
        do {
            union shop_command command;
            memset(&command, 0, sizeof command.cells);
            command.cells.cursor = cursor;
            command.cells.slot = (uint16_t)shard; /* slot_shard[i] is i % shard_count */
            command.cells.limit = WAREHOUSES_MAX;
            command.cells.wanted = (uint8_t)wanted;
            shop_head(&command.head, OP_CELL_LIST, sizeof command.cells);
            cells = (const void *)shop_ask(shop, &command.head);
            assert_int_equal(cells->head.code, CODE_OK);
            memcpy(out + count, cells->cells, cells->cell_count * sizeof *out);
            count += cells->cell_count;
            cursor = cells->cursor;
        } while (!cells->is_end);
    }
    return count;
}

static inline void shop_policy(struct shop *shop, uint32_t sku, const char *warehouse,
                               uint64_t safety, uint64_t reorder_point)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.policy.safety = safety;
    command.policy.reorder_point = reorder_point;
    command.policy.if_version = STOCK_ANY_VERSION;
    command.policy.sku = sku;
    command.policy.warehouse_bytes = (uint8_t)strlen(warehouse);
    memcpy(&command.policy + 1, warehouse, strlen(warehouse));
    shop_head(&command.head, OP_STOCK_POLICY, sizeof command.policy + strlen(warehouse));
    assert_int_equal(shop_ask(shop, &command.head)->code, CODE_OK);
}

/* How many events of a kind there have been. */
static inline uint32_t shop_events(const struct shop *shop, enum event_kind kind)
{
    uint32_t found = 0;
    for (size_t at = 0; at < shop->journal.used;) {
        uint64_t head[2];
        memcpy(head, shop->journal.at + at, sizeof head);
        at += sizeof head;
        for (uint64_t i = 0; i < head[1]; i++) {
            const struct event *event = (const void *)(shop->journal.at + at);
            found += event->kind == kind;
            at += event->bytes;
        }
    }
    return found;
}

/* The sums over all warehouses. */
static inline struct result_cell shop_stock(struct shop *shop, uint32_t sku)
{
    union shop_command command;
    memset(&command, 0, sizeof command);
    command.stock.sku = sku;
    shop_head(&command.head, OP_STOCK_GET, sizeof command.stock);
    const struct result_stock *stock = (const void *)shop_ask(shop, &command.head);
    assert_int_equal(stock->head.code, CODE_OK);
    struct result_cell sum = {0};
    for (uint32_t i = 0; i < stock->cell_count; i++) {
        sum.free += stock->cells[i].free;
        sum.held += stock->cells[i].held;
        sum.reserved += stock->cells[i].reserved;
        sum.committed += stock->cells[i].committed;
        sum.quarantined += stock->cells[i].quarantined;
        sum.missing += stock->cells[i].missing;
        sum.incoming += stock->cells[i].incoming;
        sum.in_transfer += stock->cells[i].in_transfer;
        sum.sellable += stock->cells[i].sellable;
        sum.version += stock->cells[i].version;
    }
    return sum;
}

/* ---- looking at all of it ---------------------------------------------------------------------- */

static inline uint64_t shop_hash(const struct shop *shop)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < shop->shard_count; i++)
        sum += shard_state_hash(shop->shards[i]);
    return sum;
}

static inline void shop_audit(const struct shop *shop)
{
    struct equation sum[EQUATIONS_MAX] = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < shop->shard_count; i++) {
        const char *wrong = shard_audit(shop->shards[i]);
        if (wrong != NULL)
            fail_msg("shard %u: %s", i, wrong);
        struct equation of_shard[EQUATIONS_MAX];
        count = shard_equations(shop->shards[i], of_shard);
        for (uint32_t e = 0; e < count; e++) {
            sum[e].name = of_shard[e].name;
            sum[e].left += of_shard[e].left;
            sum[e].right += of_shard[e].right;
        }
        assert_int_equal(shard_counts(shop->shards[i]).flights, 0);
    }
    for (uint32_t e = 0; e < count; e++)
        if (sum[e].left != sum[e].right)
            fail_msg("%s: %lld != %lld", sum[e].name, (long long)sum[e].left,
                     (long long)sum[e].right);
}

/* The journal through recovery, with so many shards. */
/* Whatever a test brings forth can be shown by name, to its last byte. */
static inline void shop_assert_described(const struct event *event)
{
    const struct slice *slice = event_slices(event);
    assert_string_not_equal(event_name(event->kind), "unknown");
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        assert_int_equal(shape_bytes(slice), slice->bytes);
}

static inline struct shop *shop_replay(const struct shop *shop, uint32_t shard_count)
{
    struct shop *again = shop_open_with(&shop->options[0], shard_count, 1);
    again->now_ns = shop->now_ns;
    again->seq = shop->seq;
    for (size_t at = 0; at < shop->journal.used;) {
        uint64_t head[2];
        memcpy(head, shop->journal.at + at, sizeof head);
        at += sizeof head;
        for (uint16_t index = 0; index < head[1]; index++) {
            const struct event *event = (const void *)(shop->journal.at + at);
            assert_true(event_valid(event, shop->journal.used - at));
            shop_assert_described(event);
            for (uint32_t i = 0; i < shard_count; i++)
                assert_int_equal(
                    shard_recover(again->shards[i], &(struct recorded){{head[0], index}, event}, 1),
                    SHARD_TABLE_NONE);
            at += event->bytes;
        }
    }
    return again;
}

/* Everything through images, into so many shards. */
static inline struct shop *shop_load(const struct shop *shop, uint32_t shard_count)
{
    struct shop *again = shop_open_with(&shop->options[0], shard_count, 1);
    again->now_ns = shop->now_ns;
    again->seq = shop->seq;
    for (uint32_t from = 0; from < shop->shard_count; from++) {
        struct image_walk walk = {0};
        const struct record *record;
        while ((record = shard_image_next(shop->shards[from], &walk)) != NULL) {
            assert_true(record_valid(record, record->bytes));
            for (uint32_t to = 0; to < shard_count; to++)
                assert_int_equal(shard_load(again->shards[to], record), SHARD_TABLE_NONE);
        }
    }
    for (uint32_t i = 0; i < shard_count; i++)
        shard_loaded(again->shards[i]);
    return again;
}

/* `again` takes over what was said so far; the other one is gone. */
static inline struct shop *shop_go_on(struct shop *shop, struct shop *again)
{
    again->random = shop->random;
    again->request = shop->request;
    again->journal = shop->journal;
    memcpy(again->answers, shop->answers, sizeof shop->answers);
    memset(shop->answers, 0, sizeof shop->answers);
    shop->journal = (struct shop_pile){0};
    shop_close(shop);
    return again;
}

/* The same shop goes on in shards that come from images; nothing may be on its way. */
static inline struct shop *shop_reopen(struct shop *shop, uint32_t shard_count)
{
    return shop_go_on(shop, shop_load(shop, shard_count));
}

/* Or from the log: whatever was on its way is lost. */
static inline struct shop *shop_kill(struct shop *shop, uint32_t shard_count)
{
    return shop_go_on(shop, shop_replay(shop, shard_count));
}

static inline void shop_assert_same(const struct shop *shop, struct shop *again)
{
    shop_audit(again);
    assert_true(shop_hash(again) == shop_hash(shop));
    shop_close(again);
}

static inline void shop_assert_replays(const struct shop *shop)
{
    for (uint32_t shard_count = 1; shard_count <= 4; shard_count *= 2) {
        shop_assert_same(shop, shop_replay(shop, shard_count));
        shop_assert_same(shop, shop_load(shop, shard_count));
    }
}

/* A test for one, two and four shards; whatever it does must balance, and replay to the same
 * state on any number of shards. */
enum { SHOP_SEEDS = 30 };
static const uint32_t shop_sizes[] = {1, 2, 4};
#define EACH_SHOP(seed, shop)                                                                      \
    for (uint64_t seed = 0; seed < SHOP_SEEDS; seed++)                                             \
        for (struct shop *shop = shop_open(shop_sizes[seed % 3], seed); shop != NULL;              \
             shop_audit(shop), shop_assert_replays(shop), shop_close(shop), shop = NULL)

/* SKUs "S0", "S1", ... with so many units of each in w1. */
static inline void shop_stock_up(struct shop *shop, uint32_t *skus, uint32_t sku_count,
                                 uint64_t units)
{
    shop_warehouse(shop, "w1", 1);
    for (uint32_t i = 0; i < sku_count; i++) {
        char code[16];
        snprintf(code, sizeof code, "S%u", i);
        skus[i] = shop_sku(shop, code);
        if (units > 0)
            shop_receive(shop, skus[i], "w1", units);
    }
}

#endif
