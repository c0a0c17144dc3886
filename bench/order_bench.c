/* bench/order_bench.c - orders placed in process, as the shard's loop does it but for the world:
 * a batch is prefetched, decided and applied, the turn's events are made and numbered. */
#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>

#include "bench/orders.h"
#include "core/check.h"
#include "core/shard.h"

enum { SKUS = 10000, MEASURED = 1000000, BATCH = 32, TURN = 256 };

struct memory {
    void *at;
    uint64_t bytes;
};

static struct memory catalogue_memory, shard_memory, order_memory;
static struct catalogue *catalogue;
static struct shard *shard;
static struct turn turn;
static uint64_t seq, orders_placed;
static uint32_t skus[SKUS];
static const uint8_t slot_shard[SLOT_COUNT];
static uint64_t random_state;

static void *take(struct memory *memory, uint64_t bytes)
{
    bench_memory_free(memory->at, memory->bytes);
    *memory = (struct memory){bench_memory(bytes), bytes};
    return memory->at;
}

static struct pile pile(uint32_t bytes)
{
    return (struct pile){.at = bench_memory(bytes), .capacity_bytes = bytes};
}

static void end_turn(void)
{
    shard_committed(shard, ++seq);
    turn.events.used_bytes = 0;
    turn.answers.used_bytes = 0;
    turn.event_count = 0;
    CHECK(turn.outbox[0].used_bytes == 0);
}

static const struct result *ask(const void *command)
{
    shard_request(shard, &turn, &(struct request){.caller = {"bench", 5}, .command = command});
    const struct result *result = (const void *)(turn.answers.at + sizeof(struct answer));
    CHECK(turn.answers.used_bytes > 0 && result->code < CODE_MALFORMED);
    return result;
}

static void put_stock(void)
{
    _Alignas(8) uint8_t bytes[256] = {0};
    struct warehouse_put *warehouse = (void *)bytes;
    *warehouse = (struct warehouse_put){
        .head = {.bytes = sizeof *warehouse + 8, .op = OP_WAREHOUSE_PUT}, .id_bytes = 2};
    memcpy(warehouse + 1, "w1", 2);
    ask(warehouse);
    end_turn();
    for (uint32_t i = 0; i < SKUS; i++) {
        struct sku_put *put = memset(bytes, 0, sizeof bytes);
        *put = (struct sku_put){.head = {.bytes = sizeof *put + 8, .op = OP_SKU_PUT},
                                .list_price = 1999,
                                .currency = CURRENCY('C', 'N', 'Y'),
                                .code_bytes = 8};
        memcpy(put + 1, "SKU-", 4);
        for (uint32_t digit = 0, rest = i; digit < 4; digit++, rest /= 10)
            ((char *)(put + 1))[7 - digit] = (char)('0' + rest % 10);
        skus[i] = ((const struct result_sku *)(const void *)ask(put))->sku;
        end_turn();
        struct stock_receive *receive = memset(bytes, 0, sizeof bytes);
        *receive =
            (struct stock_receive){.head = {.bytes = sizeof *receive + 16, .op = OP_STOCK_RECEIVE},
                                   .ok_units = 1000000000,
                                   .sku = skus[i],
                                   .warehouse_bytes = 2,
                                   .key_bytes = 8};
        memcpy(receive + 1, "w1", 2);
        memcpy((char *)(receive + 1) + 2, &(uint64_t){0x3030303030303030 + i}, 8);
        ask(receive);
        end_turn();
    }
}

static uint8_t *make_orders(uint64_t count, uint32_t line_count, uint8_t *at)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t lines[20];
        uint32_t first = (uint32_t)(bench_random(&random_state) % SKUS);
        for (uint32_t line = 0; line < line_count; line++)
            lines[line] = skus[(first + line * 977) % SKUS];
        at += bench_order(at, orders_placed++, lines, line_count);
    }
    return at;
}

/* The commands stand one behind the other, as in a connection's input. */
static const uint8_t *place(const uint8_t *at, uint64_t count)
{
    const struct command *batch[BATCH];
    for (uint64_t done = 0; done < count;) {
        turn.now_ns += 1000;
        for (uint32_t commands = 0; commands < TURN && done < count; commands += BATCH) {
            uint32_t taken = 0;
            for (; taken < BATCH && done < count; taken++, done++) {
                batch[taken] = (const void *)at;
                at += batch[taken]->bytes;
            }
            shard_prefetch(shard, batch, taken);
            for (uint32_t i = 0; i < taken; i++)
                shard_request(shard, &turn,
                              &(struct request){.caller = {"bench", 5}, .command = batch[i]});
        }
        end_turn();
    }
    return at;
}

static void begin(uint64_t live, uint32_t line_count)
{
    enum { STEP = 100000 };
    uint64_t orders_max = live + MEASURED;
    struct shard_options options = {
        .shard_count = 1,
        .slot_shard = slot_shard,
        .order_count_max = orders_max + orders_max / 8,
        .order_bytes_max = orders_max * (96 + line_count * 48),
        .cell_count_max = 2 * SKUS,
        .flight_count_max = 1024,
        .retry_count_max = 2 * SKUS,
        .catalogue = {.sku_count_max = 2 * SKUS},
        .payment_deadline_ns = UINT64_C(1800000000000),
        .retry_window_ns = UINT64_C(86400000000000),
    };
    random_state = 1;
    orders_placed = 0;
    seq = 0;
    catalogue = catalogue_init(take(&catalogue_memory, catalogue_bytes(&options.catalogue)),
                               &options.catalogue);
    shard = shard_init(take(&shard_memory, shard_bytes(&options)), &options, catalogue);
    if (turn.events.at == NULL)
        turn = (struct turn){.events = pile(1 << 22),
                             .answers = pile(1 << 22),
                             .outbox = {pile(1 << 22)},
                             .shard_count = 1};
    turn.now_ns = UINT64_C(1605052800000000000);
    put_stock();
    take(&order_memory, MEASURED * (64 + line_count * 24 + 40) + BENCH_ORDER_BYTES_MAX);
    for (uint64_t i = 0; i < live; i += STEP) {
        make_orders(STEP, line_count, order_memory.at);
        place(order_memory.at, STEP);
    }
    make_orders(MEASURED, line_count, order_memory.at);
}

static void begin_two_of_none(void)
{
    begin(0, 2);
}

static void begin_two_with_rules(void)
{
    _Alignas(8) static uint8_t bytes[sizeof(struct rules_put) + RULES_BYTES_MAX];
    struct rules_put *put = memset(bytes, 0, sizeof bytes);
    begin(0, 2);
    put->text_bytes = bench_rules((char *)(put + 1));
    put->head.op = OP_RULES_PUT;
    put->head.bytes = ((uint32_t)sizeof *put + put->text_bytes + 7u) & ~7u;
    ask(put);
    end_turn();
}

static void begin_two_of_10m(void)
{
    begin(10000000, 2);
}

static void begin_one_of_none(void)
{
    begin(0, 1);
}

static void begin_twenty_of_none(void)
{
    begin(0, 20);
}

static void place_all(uint64_t iterations)
{
    place(order_memory.at, iterations);
    CHECK(shard_counts(shard).orders == orders_placed);
}

const struct bench order_benches[] = {
    {"order/place, one line, none live", begin_one_of_none, place_all, 1, MEASURED},
    {"order/place, two lines, none live", begin_two_of_none, place_all, 1, MEASURED},
    {"order/place, two lines, 100 rules", begin_two_with_rules, place_all, 1, MEASURED},
    {"order/place, two lines, 10M live", begin_two_of_10m, place_all, 1, MEASURED},
    {"order/place, 20 lines, none live", begin_twenty_of_none, place_all, 1, MEASURED},
    {0},
};
