#include "bench/shop.h"

#include <stdio.h>
#include <string.h>

#include "bench/bench.h"
#include "core/prefetch.h"

enum { BATCH = 32, TURN = 256, PILE_BYTES = 1 << 24, ARRIVING_BYTES = 1 << 14 };

struct bench_shop bench_shop;
static const uint8_t slot_shard[SLOT_COUNT];
static void *catalogue_memory, *shard_memory;
static uint64_t catalogue_memory_bytes, shard_memory_bytes;

static void *take(void **memory, uint64_t *memory_bytes, uint64_t bytes)
{
    bench_memory_free(*memory, *memory_bytes);
    *memory_bytes = bytes;
    return *memory = bench_memory(bytes);
}

static struct pile pile(void)
{
    return (struct pile){.at = bench_memory(PILE_BYTES), .capacity_bytes = PILE_BYTES};
}

static void keep_turn(struct pile *journal)
{
    const struct turn *turn = &bench_shop.turn;
    struct bench_turn *kept =
        pile_append(journal, (uint32_t)sizeof *kept + turn->events.used_bytes);
    *kept = (struct bench_turn){bench_shop.seq, turn->event_count, turn->events.used_bytes};
    memcpy(kept + 1, turn->events.at, turn->events.used_bytes);
}

static const struct result *first_answer(void)
{
    const struct pile *answers = &bench_shop.turn.answers;
    const struct result *result = (const void *)(answers->at + sizeof(struct answer));
    CHECK(answers->used_bytes > 0);
    if (result->code >= CODE_MALFORMED)
        fprintf(stderr, "bench: refused: %s\n", code_facts((enum code)result->code)->name);
    CHECK(result->code < CODE_MALFORMED);
    return result;
}

static void end_turn(void)
{
    struct turn *turn = &bench_shop.turn;
    (void)first_answer();
    shard_committed(bench_shop.shard, ++bench_shop.seq);
    if (bench_shop.journal != NULL && turn->event_count > 0)
        keep_turn(bench_shop.journal);
    turn->events.used_bytes = turn->answers.used_bytes = turn->event_count = 0;
    CHECK(turn->outbox[0].used_bytes == 0);
}

static struct request request_of(const void *command)
{
    return (struct request){.caller = {"bench", 5}, .command = command};
}

/* The turn's end gives its memory free, and leaves the bytes. */
const struct result *bench_shop_ask(const void *command)
{
    struct request request = request_of(command);
    shard_request(bench_shop.shard, &bench_shop.turn, &request);
    const struct result *result = first_answer();
    end_turn();
    return result;
}

/* What a socket brings has just been copied, so it is near. */
static void arrive(const uint8_t *at, uint32_t bytes)
{
    for (uint32_t line = 0; line < bytes; line += 64)
        prefetch_line(at + line);
}

const void *bench_shop_run(const void *commands, uint64_t count)
{
    const uint8_t *at = commands;
    struct request batch[BATCH];
    for (uint64_t done = 0; done < count;) {
        bench_shop.turn.now_ns += 1000;
        for (uint32_t run = 0; run < TURN && done < count && turn_has_room(&bench_shop.turn);
             run += BATCH) {
            uint32_t taken = 0;
            for (; taken < BATCH && done < count; taken++, done++) {
                batch[taken] = request_of(at);
                arrive(at + ARRIVING_BYTES, batch[taken].command->bytes);
                at += batch[taken].command->bytes;
            }
            shard_prefetch(bench_shop.shard, batch, taken);
            for (uint32_t i = 0; i < taken; i++)
                shard_request(bench_shop.shard, &bench_shop.turn, &batch[i]);
        }
        end_turn();
    }
    return at;
}

static void put_stock(void)
{
    _Alignas(8) uint8_t bytes[256] = {0};
    struct warehouse_put *warehouse = (void *)bytes;
    *warehouse = (struct warehouse_put){
        .head = {.bytes = sizeof *warehouse + 8, .op = OP_WAREHOUSE_PUT}, .id_bytes = 2};
    memcpy(warehouse + 1, "w1", 2);
    (void)bench_shop_ask(warehouse);
    for (uint32_t i = 0; i < BENCH_SKUS; i++) {
        struct sku_put *put = memset(bytes, 0, sizeof bytes);
        *put = (struct sku_put){.head = {.bytes = sizeof *put + 8, .op = OP_SKU_PUT},
                                .list_price = 1999,
                                .currency = CURRENCY('C', 'N', 'Y'),
                                .code_bytes = 8};
        memcpy(put + 1, "SKU-", 4);
        for (uint32_t digit = 0, rest = i; digit < 4; digit++, rest /= 10)
            ((char *)(put + 1))[7 - digit] = (char)('0' + rest % 10);
        bench_shop.skus[i] = ((const struct result_sku *)(const void *)bench_shop_ask(put))->sku;
        struct stock_receive *receive = memset(bytes, 0, sizeof bytes);
        *receive =
            (struct stock_receive){.head = {.bytes = sizeof *receive + 16, .op = OP_STOCK_RECEIVE},
                                   .ok_units = BENCH_STOCK,
                                   .sku = bench_shop.skus[i],
                                   .warehouse_bytes = 2,
                                   .key_bytes = 8};
        memcpy(receive + 1, "w1", 2);
        memcpy((char *)(receive + 1) + 2, &(uint64_t){0x3030303030303030 + i}, 8);
        (void)bench_shop_ask(receive);
    }
}

struct shard *bench_shop_empty(void)
{
    uint64_t bytes = shard_bytes(&bench_shop.options);
    bench_shop.shard = shard_init(take(&shard_memory, &shard_memory_bytes, bytes),
                                  &bench_shop.options, bench_shop.catalogue);
    return bench_shop.shard;
}

void bench_shop_open(uint64_t order_count, uint32_t line_count, uint32_t retry_count,
                     struct pile *journal)
{
    struct shard_options *options = &bench_shop.options;
    *options = (struct shard_options){
        .shard_count = 1,
        .slot_shard = slot_shard,
        .order_count_max = order_count + order_count / 8,
        .order_bytes_max = order_count * (96 + line_count * 48),
        .cell_count_max = 8 * BENCH_SKUS, /* and a transfer for every fourth */
        .flight_count_max = 1024,
        .retry_count_max = BENCH_SKUS + retry_count,
        .limit_count_max = 1024,
        .catalogue = {.sku_count_max = 2 * BENCH_SKUS},
        .payment_deadline_ns = UINT64_C(1800000000000),
        .review_deadline_ns = UINT64_C(86400000000000),
        .retry_window_ns = UINT64_C(86400000000000),
    };
    bench_shop.seq = 0;
    bench_shop.journal = journal;
    bench_shop.catalogue = catalogue_init(
        take(&catalogue_memory, &catalogue_memory_bytes, catalogue_bytes(&options->catalogue)),
        &options->catalogue);
    (void)bench_shop_empty();
    if (bench_shop.turn.events.at == NULL)
        bench_shop.turn = (struct turn){
            .events = pile(), .answers = pile(), .outbox = {pile()}, .shard_count = 1};
    bench_shop.turn.now_ns = UINT64_C(1605052800000000000);
    put_stock();
}
