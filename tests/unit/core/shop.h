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

#endif
