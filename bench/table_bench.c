/* bench/table_bench.c - looking up 4 M keys of a table that no cache holds: one after the other,
 * and as the shard does it, a batch of prefetches ahead. */
#include "bench/bench.h"

#include "core/table.h"

enum { KEYS = 4 * 1024 * 1024, BATCH = 16 };

static struct table table;

static uint64_t hash_of(uint64_t key)
{
    uint64_t state = key;
    return bench_random(&state);
}

static void fill(void)
{
    if (table.entries != NULL)
        return;
    table_init(&table, bench_memory(table_bytes(KEYS)), KEYS);
    for (uint32_t key = 1; key <= KEYS; key++)
        table_insert(&table, hash_of(key), key);
}

/* Which key is asked for next depends on the count alone, so nothing is waited for but the table.
 */
static uint64_t hash_at(uint64_t i)
{
    return hash_of(1 + hash_of(i) % KEYS);
}

static void find_alone(uint64_t iterations)
{
    static uint64_t at;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t probe = 0;
        /* The next look-up must not begin before this one is done. */
        sum = table_find(&table, hash_at(at++ + (sum & 1)), &probe);
    }
    bench_keep(sum);
}

static void find_batch(uint64_t iterations)
{
    static uint64_t at;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        uint64_t hashes[BATCH];
        for (uint32_t j = 0; j < BATCH; j++) {
            hashes[j] = hash_at(at++);
            table_prefetch(&table, hashes[j]);
        }
        for (uint32_t j = 0; j < BATCH; j++) {
            uint64_t probe = 0;
            sum += table_find(&table, hashes[j], &probe);
        }
    }
    bench_keep(sum);
}

const struct bench table_benches[] = {
    {.name = "table/find, 4M keys, one at a time", .setup = fill, .run = find_alone, .items = 1},
    {.name = "table/find, 4M keys, prefetched by 16",
     .setup = fill,
     .run = find_batch,
     .items = BATCH},
    {0},
};
