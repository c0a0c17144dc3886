/* bench/past_bench.c - questions about the past, from the command to its answer, in process: a shard
 * asks, whoever makes snapshots looks into the log's files and answers. The log is in memory, so that
 * what is measured is the looking and not a disk; an order's two events stand far from each other. */
#include "bench/bench.h"

#include <string.h>

#include "bench/env.h"
#include "bench/orders.h"
#include "bench/shop.h"
#include "io/recall.h"
#include "persist/segment.h"

enum { ORDERS = 100000, ASKED = 1000, RUN = 250, LOG_BYTES = 128 << 20, LOG_ID = 1, SERIAL = 1 };
enum { ID_ROOM = 24, CANCEL_BYTES = (int)sizeof(struct order_cancel) + ID_ROOM };

static struct env env;
static struct pile journal;
static struct recall *recall;
static uint64_t random_state;

/* ---- a log ------------------------------------------------------------------------------------------- */

static void place_orders(void)
{
    static uint8_t commands[RUN * BENCH_ORDER_BYTES_MAX];
    for (uint32_t i = 0; i < ORDERS; i += RUN) {
        uint8_t *at = commands;
        for (uint32_t n = i; n < i + RUN; n++) {
            const uint32_t skus[2] = {bench_shop.skus[n * 7919 % BENCH_SKUS],
                                      bench_shop.skus[(n * 7919 + 977) % BENCH_SKUS]};
            at += bench_order(at, n, skus, 2);
        }
        (void)bench_shop_run(commands, RUN);
    }
}

static void cancel_orders(void)
{
    _Alignas(8) static uint8_t commands[RUN][CANCEL_BYTES];
    for (uint32_t i = 0; i < ORDERS; i += RUN) {
        for (uint32_t n = 0; n < RUN; n++) {
            struct order_cancel *cancel = memset(commands[n], 0, CANCEL_BYTES);
            cancel->head = (struct command){.bytes = CANCEL_BYTES, .op = OP_ORDER_CANCEL};
            cancel->id_bytes = (uint8_t)bench_order_id((char *)(cancel + 1), i + n);
        }
        (void)bench_shop_run(commands, RUN);
    }
}

static void write_groups(uint8_t *log)
{
    const uint64_t seed = group_seed(LOG_ID, SERIAL);
    uint64_t at = BLOCK_BYTES;
    for (const uint8_t *from = journal.at; from < journal.at + journal.used_bytes;) {
        const struct bench_turn *turn = (const void *)from;
        struct group_head *head = (void *)(log + at);
        at += block_align(sizeof *head + turn->event_bytes);
        CHECK(at <= LOG_BYTES);
        *head = (struct group_head){
            .magic = GROUP_MAGIC,
            .version = FORMAT_VERSION,
            .kind = GROUP_EVENTS,
            .log_id = LOG_ID,
            .epoch = 1,
            .seq = turn->seq,
            .event_bytes = turn->event_bytes,
            .event_count = turn->event_count,
        };
        memcpy(head + 1, turn + 1, turn->event_bytes);
        group_seal(head, seed);
        from += sizeof *turn + turn->event_bytes;
    }
    env.byte_count = at;
}

static void make_log(void)
{
    static char name[SEGMENT_NAME_BYTES];
    journal = (struct pile){.at = bench_memory(LOG_BYTES), .capacity_bytes = LOG_BYTES};
    bench_shop.journal = &journal;
    place_orders();
    cancel_orders();
    bench_shop.journal = NULL;
    uint8_t *log = bench_memory(LOG_BYTES);
    write_groups(log);
    bench_memory_free(journal.at, LOG_BYTES);
    segment_name(name, SERIAL);
    env.name = name;
    env.bytes = log;
    recall = recall_init(bench_memory(recall_bytes(1)), 1);
    recall_begin(recall, 0, -1, LOG_ID);
}

/* The shop is the same each time, and so is its log. */
static void begin(void)
{
    bench_shop_open(ORDERS, 2, 0, NULL);
    random_state = 1;
    if (recall == NULL) {
        make_log();
        return;
    }
    place_orders();
    cancel_orders();
}

/* ---- questions --------------------------------------------------------------------------------------- */

/* How many events there are in the answer. */
static uint32_t ask(const struct past_get *get)
{
    struct mailbox *answers = recall_answers(recall, 0);
    const struct request request = {.caller = {"bench", 5}, .command = &get->head};
    CHECK(recall_note(recall, bench_shop.shard, 0, &bench_shop.turn, &request, bench_shop.seq));
    CHECK(recall_publish(recall, 0, bench_shop.seq));
    (void)recall_work(recall, &env, bench_shop.seq);
    const struct message *message = mailbox_read(answers, mailbox_end(answers));
    CHECK(message != NULL);
    const struct result_events *events =
        (const void *)((const struct message_result *)(const void *)message + 1);
    CHECK(events->head.code == CODE_OK);
    mailbox_release(answers);
    return events->event_count;
}

static void order_history(uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++) {
        struct {
            struct past_get get;
            char id[ID_ROOM];
        } question = {.get = {.head = {.bytes = sizeof question, .op = OP_ORDER_HISTORY},
                              .limit = PAST_EVENTS_MAX}};
        question.get.id_bytes =
            (uint8_t)bench_order_id(question.id, bench_random(&random_state) % ORDERS);
        CHECK(ask(&question.get) == 2);
    }
}

static void stock_movements(uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t sku = bench_random(&random_state) % BENCH_SKUS;
        const struct past_get get = {.head = {.bytes = sizeof get, .op = OP_STOCK_MOVEMENTS},
                                     .sku = bench_shop.skus[sku],
                                     .limit = 10};
        CHECK(ask(&get) == 10);
    }
}

const struct bench past_benches[] = {
    {"past/order history, two events", begin, order_history, 1, ASKED},
    {"past/stock movements, ten of a SKU", begin, stock_movements, 1, ASKED / 10},
    {0},
};
