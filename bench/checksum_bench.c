/* bench/checksum_bench.c - what a checksum costs: of an event's size, of a write's. */
#include "bench/bench.h"

#include <stdlib.h>
#include <xxhash.h>

static uint8_t bytes[65536];

static void fill(void)
{
    uint64_t seed = 1;
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)bench_random(&seed);
}

static void checksum(uint64_t iterations, uint32_t length)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++)
        sum = XXH3_64bits_withSeed(bytes, length, sum);
    bench_keep(sum);
}

static void checksum_256(uint64_t iterations)
{
    checksum(iterations, 256);
}

static void checksum_4k(uint64_t iterations)
{
    checksum(iterations, 4096);
}

static void checksum_64k(uint64_t iterations)
{
    checksum(iterations, 65536);
}

const struct bench checksum_benches[] = {
    {.name = "checksum/256 B", .setup = fill, .run = checksum_256, .items = 1},
    {.name = "checksum/4 KiB", .setup = fill, .run = checksum_4k, .items = 1},
    {.name = "checksum/64 KiB", .setup = fill, .run = checksum_64k, .items = 1},
    {0},
};
