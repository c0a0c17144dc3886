/* bench/order_bench.c - orders placed in process: lines, live orders, and which SKUs they are for. */
#include "bench/bench.h"

#include <string.h>

#include "bench/orders.h"
#include "bench/shop.h"

enum { MEASURED = 1000000 };

/* ZIPF: the SKU at place k is asked for 1/k as often as the first. */
enum spread { UNIFORM, ZIPF, HOT };

static void *order_memory;
static uint64_t order_memory_bytes, orders_placed, random_state;
static uint16_t zipf[1 << 16];

static void make_zipf(void)
{
    double all = 0, sum = 0;
    for (uint32_t k = 1; k <= BENCH_SKUS; k++)
        all += 1.0 / k;
    uint32_t at = 0;
    for (uint32_t k = 1; k <= BENCH_SKUS; k++) {
        sum += 1.0 / k;
        while (at < (1 << 16) && at < sum / all * (1 << 16))
            zipf[at++] = (uint16_t)(k - 1);
    }
}

static uint32_t draw(enum spread spread, uint32_t line)
{
    uint64_t random = bench_random(&random_state);
    if (spread == HOT && line == 0)
        return 0;
    return spread == ZIPF ? zipf[random >> 48] : (uint32_t)(random % BENCH_SKUS);
}

static bool is_among(uint32_t sku, const uint32_t *lines, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (lines[i] == sku)
            return true;
    return false;
}

static void make_orders(uint64_t count, uint32_t line_count, enum spread spread)
{
    uint8_t *at = order_memory;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t lines[20];
        for (uint32_t line = 0; line < line_count; line++) {
            uint32_t place = draw(spread, line);
            while (is_among(bench_shop.skus[place], lines, line))
                place = (place + 1) % BENCH_SKUS;
            lines[line] = bench_shop.skus[place];
        }
        at += bench_order(at, orders_placed++, lines, line_count);
    }
}

static void begin(uint64_t live, uint32_t line_count, enum spread spread)
{
    enum { STEP = 100000 };
    random_state = 1;
    orders_placed = 0;
    make_zipf();
    bench_memory_free(order_memory, order_memory_bytes);
    bench_shop_open(live + MEASURED, line_count, 0, NULL);
    order_memory_bytes = MEASURED * (64 + line_count * 24 + 40) + BENCH_ORDER_BYTES_MAX;
    order_memory = bench_memory(order_memory_bytes);
    for (uint64_t i = 0; i < live; i += STEP) {
        make_orders(STEP, line_count, UNIFORM);
        (void)bench_shop_run(order_memory, STEP);
    }
    make_orders(MEASURED, line_count, spread);
}

static void put_rules(void)
{
    _Alignas(8) static uint8_t bytes[sizeof(struct rules_put) + RULES_BYTES_MAX];
    struct rules_put *put = memset(bytes, 0, sizeof bytes);
    put->text_bytes = bench_rules((char *)(put + 1));
    put->head.op = OP_RULES_PUT;
    put->head.bytes = ((uint32_t)sizeof *put + put->text_bytes + 7u) & ~7u;
    (void)bench_shop_ask(put);
}

static void place_all(uint64_t iterations)
{
    (void)bench_shop_run(order_memory, iterations);
    CHECK(shard_counts(bench_shop.shard).orders == orders_placed - MEASURED + iterations);
}

/* clang-format off */
#define PLACES(X) \
    X(one,       "one line, none live",             0,        1,  UNIFORM) \
    X(two,       "two lines, none live",            0,        2,  UNIFORM) \
    X(three,     "three lines, none live",          0,        3,  UNIFORM) \
    X(twenty,    "20 lines, none live",             0,        20, UNIFORM) \
    X(two_10m,   "two lines, 10M live",             10000000, 2,  UNIFORM) \
    X(zipf_10m,  "two lines, 10M live, Zipf SKUs",  10000000, 2,  ZIPF) \
    X(hot_10m,   "two lines, 10M live, one hot SKU", 10000000, 2, HOT) \
    X(two_50m,   "two lines, 50M live",             50000000, 2,  UNIFORM)

#define X(id, name, live, lines, spread) \
    static void begin_##id(void) { begin(live, lines, spread); }
PLACES(X)
#undef X

static void begin_with_rules(void)
{
    begin(0, 2, UNIFORM);
    put_rules();
}

const struct bench order_benches[] = {
#define X(id, name, live, lines, spread) \
    {"order/place, " name, begin_##id, place_all, 1, MEASURED},
    PLACES(X)
#undef X
    {"order/place, two lines, 100 rules", begin_with_rules, place_all, 1, MEASURED},
    {0},
};
/* clang-format on */
