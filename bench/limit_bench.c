/* bench/limit_bench.c - the memory traffic of a two-line order and nothing else: what no cleverness in
 * deciding could do without. Of 10 M live orders' memory an order touches a line of each of the two
 * indexes (by id, by customer), writes its record behind the others, reads its command and writes its
 * event; and two cells of stock out of 10,000. Asked for ahead, 32 orders at a time, as the shard does. */
#include "bench/bench.h"

#include <string.h>

enum {
    LINE = 64,
    INDEX_LINES = 2000000, /* of eight entries, for 10 M orders at 6 of 8 */
    CELL_LINES = 10000 * 2,
    RECORD_BYTES = 88,
    COMMAND_BYTES = 128,
    EVENT_BYTES = 256,
    AHEAD = 32,
    TURN = 256,
    ORDERS = 1000000,
};

static uint8_t *by_id, *by_customer, *cells, *records, *commands, *events;

static void make(void)
{
    if (by_id != NULL)
        return;
    by_id = bench_memory((uint64_t)INDEX_LINES * LINE);
    by_customer = bench_memory((uint64_t)INDEX_LINES * LINE);
    cells = bench_memory((uint64_t)CELL_LINES * LINE);
    records = bench_memory((uint64_t)ORDERS * RECORD_BYTES);
    commands = bench_memory((uint64_t)ORDERS * COMMAND_BYTES);
    events = bench_memory((uint64_t)TURN * EVENT_BYTES);
}

struct touched {
    uint8_t *line[4];
};

static struct touched touch_ahead(uint64_t *random)
{
    uint64_t a = bench_random(random), b = bench_random(random);
    struct touched touched = {
        {by_id + a % INDEX_LINES * LINE, by_customer + (a >> 32) % INDEX_LINES * LINE,
         cells + b % CELL_LINES * LINE, cells + (b >> 32) % CELL_LINES * LINE}};
    for (uint32_t i = 0; i < 4; i++)
        __builtin_prefetch(touched.line[i], 1);
    return touched;
}

static void touch(uint64_t iterations)
{
    uint64_t random = 1;
    for (uint64_t done = 0; done < iterations; done += AHEAD) {
        struct touched ahead[AHEAD];
        for (uint32_t i = 0; i < AHEAD; i++)
            ahead[i] = touch_ahead(&random);
        for (uint32_t i = 0; i < AHEAD; i++) {
            uint64_t order = (done + i) % ORDERS;
            for (uint32_t k = 0; k < 4; k++)
                ++*(uint64_t *)(void *)ahead[i].line[k];
            memcpy(records + order * RECORD_BYTES, commands + order * COMMAND_BYTES, RECORD_BYTES);
            memcpy(events + order % TURN * EVENT_BYTES, commands + order * COMMAND_BYTES,
                   COMMAND_BYTES);
            memset(events + order % TURN * EVENT_BYTES + COMMAND_BYTES, 1,
                   EVENT_BYTES - COMMAND_BYTES);
        }
    }
    bench_keep(*by_id);
}

const struct bench limit_benches[] = {
    {"limit/memory traffic of a two-line order, 10M live", make, touch, 1, ORDERS / AHEAD *AHEAD},
    {0},
};
