/* bench/replay_bench.c - what a start does with the events of a log: looks at their bytes, and applies
 * them to a shard that knew nothing. The events are those of two-line orders, as they were made. */
#include "bench/bench.h"

#include <stdlib.h>

#include "bench/orders.h"
#include "bench/shop.h"

enum { ORDERS = 500000, BATCH = 64, JOURNAL_BYTES = 512 << 20 };

static struct pile journal;
static uint32_t stocked_bytes; /* of the journal: the turns before the first order */

static void make_journal(void)
{
    static uint8_t order[BENCH_ORDER_BYTES_MAX * 256];
    uint64_t random = 1;
    if (journal.at != NULL)
        return;
    journal = (struct pile){.at = bench_memory(JOURNAL_BYTES), .capacity_bytes = JOURNAL_BYTES};
    bench_shop_open(ORDERS, 2, 0, &journal);
    stocked_bytes = journal.used_bytes;
    for (uint32_t i = 0; i < ORDERS;) {
        uint8_t *at = order;
        uint32_t count = 0;
        for (; count < 250; count++, i++) {
            uint32_t first = (uint32_t)(bench_random(&random) % BENCH_SKUS);
            const uint32_t skus[2] = {bench_shop.skus[first],
                                      bench_shop.skus[(first + 977) % BENCH_SKUS]};
            at += bench_order(at, i, skus, 2);
        }
        (void)bench_shop_run(order, count);
    }
}

static void apply(const uint8_t *from, const uint8_t *to)
{
    struct recorded batch[BATCH]; /* as in io/recovery.c */
    uint32_t count = 0;
    while (from < to) {
        const struct bench_turn *turn = (const void *)from;
        const struct event *event = (const void *)(turn + 1);
        from += sizeof *turn + turn->event_bytes;
        for (uint32_t i = 0; i < turn->event_count; i++, event = event_next(event)) {
            batch[count++] = (struct recorded){{turn->seq, (uint16_t)i}, event};
            if (count < BATCH)
                continue;
            CHECK(shard_recover(bench_shop.shard, batch, count) == SHARD_TABLE_NONE);
            count = 0;
        }
    }
    CHECK(shard_recover(bench_shop.shard, batch, count) == SHARD_TABLE_NONE);
}

static void begin(void)
{
    make_journal();
    bench_shop_open(ORDERS, 2, 0, NULL);
    (void)bench_shop_empty();
    apply(journal.at, journal.at + stocked_bytes);
}

static void replay(uint64_t iterations)
{
    apply(journal.at + stocked_bytes, journal.at + journal.used_bytes);
    CHECK(shard_counts(bench_shop.shard).orders == iterations);
}

static void look(uint64_t iterations)
{
    const uint8_t *end = journal.at + journal.used_bytes;
    uint64_t seen = 0;
    for (const uint8_t *at = journal.at + stocked_bytes; at < end;) {
        const struct bench_turn *turn = (const void *)at;
        const struct event *event = (const void *)(turn + 1);
        at += sizeof *turn + turn->event_bytes;
        for (uint32_t i = 0; i < turn->event_count; i++, event = event_next(event))
            seen += event_valid(event, (uint64_t)((const uint8_t *)at - (const uint8_t *)event));
    }
    CHECK(seen == iterations);
}

const struct bench replay_benches[] = {
    {"replay/look at an event, two lines", make_journal, look, 1, ORDERS},
    {"replay/apply an event, two lines", begin, replay, 1, ORDERS},
    {0},
};
