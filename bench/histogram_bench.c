/* bench/histogram_bench.c - what it costs to count a latency, and to read a percentile. */
#include "bench/bench.h"

#include "io/histogram.h"

static struct histogram histogram;
static uint32_t latencies_ns[4096];

/* From 20 us to 1 s, most of them short. */
static void make(void)
{
    uint64_t seed = 1;
    for (uint32_t i = 0; i < 4096; i++)
        latencies_ns[i] = 20000 + (uint32_t)(UINT64_C(1000000000) >> (bench_random(&seed) % 20));
}

static void add(uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++)
        histogram_add(&histogram, latencies_ns[i % 4096]);
}

static void make_and_add(void)
{
    make();
    add(4096);
}

static void read_percentile(uint64_t iterations)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++)
        sum += histogram_at(&histogram, 999000);
    bench_keep(sum);
}

const struct bench histogram_benches[] = {
    {.name = "histogram/add", .setup = make, .run = add, .items = 1},
    {.name = "histogram/p99.9", .setup = make_and_add, .run = read_percentile, .items = 1},
    {0},
};
