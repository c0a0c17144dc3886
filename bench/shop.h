/* bench/shop.h - one shard with stock, driven as the shard's loop does it but for the world: a batch is
 * prefetched, decided and applied, the turn's events are made and numbered. There is one at a time. */
#ifndef SPATE_BENCH_SHOP_H
#define SPATE_BENCH_SHOP_H

#include "core/shard.h"

enum { BENCH_SKUS = 10000, BENCH_STOCK = 1000000000 };

struct bench_shop {
    struct shard_options options;
    struct catalogue *catalogue;
    struct shard *shard;
    struct turn turn;
    uint64_t seq;
    uint32_t skus[BENCH_SKUS]; /* "SKU-0000" and so on: BENCH_STOCK units of each in "w1" */
    struct pile *journal;      /* not NULL: every turn goes there, as a struct bench_turn */
};
extern struct bench_shop bench_shop;

/* Behind it: its events. */
struct bench_turn {
    uint64_t seq;
    uint32_t event_count;
    uint32_t event_bytes;
};

/* Begins anew, with room for so many orders of so many lines, and that many retry keys. */
void bench_shop_open(uint64_t order_count, uint32_t line_count, uint32_t retry_count,
                     struct pile *journal);

/* Another shard of the same size that knows nothing yet; it takes the shop's place. */
struct shard *bench_shop_empty(void);

/* Asks by itself; CHECKs that it was not refused. Valid until the next call. */
const struct result *bench_shop_ask(const void *command);

/* Runs `count` commands that stand one behind the other, as in a connection's input; the one behind
 * them. CHECKs that the first of every turn was not refused. */
const void *bench_shop_run(const void *commands, uint64_t count);

#endif
