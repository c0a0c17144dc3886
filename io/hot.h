/* io/hot.h - which SKUs a shard's customers want most: a few counters, the smallest of which goes to
 * whoever is not counted yet (space saving). What was wanted long ago is forgotten by an eighth a second.
 *
 * One writer, the shard; read by anybody, who may see a SKU with its neighbour's count for a moment. */
#ifndef SPATE_IO_HOT_H
#define SPATE_IO_HOT_H

#include "core/atomics.h"

enum { HOT_SKUS = 32, HOT_SAMPLE = 16 };

struct hot {
    struct atomic64 sku[HOT_SKUS];   /* 0: not used */
    struct atomic64 count[HOT_SKUS]; /* of sampled lines, times 1024 */
    uint32_t orders;                 /* since the last that was looked at */
};

/* An order for these; looks at one of HOT_SAMPLE. */
struct command_line;
void hot_order(struct hot *hot, const struct command_line *lines, uint32_t line_count);

/* To be called once a second. */
void hot_forget(struct hot *hot);

/* The SKUs that are wanted most in all of these together, in descending order, with the lines a second
 * over the last ten seconds or so; how many. */
enum { HOT_SHOWN = 8 };
struct hot_sku {
    uint32_t sku;
    uint64_t lines_per_second;
};
uint32_t hot_most(const struct hot *const *shards, uint32_t shard_count,
                  struct hot_sku out[HOT_SHOWN]);

#endif
