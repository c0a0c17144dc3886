/* core/limit.h - units of a SKU that one buyer has had in a window of time.
 *
 * Owned by one shard, beside the SKUs. What counts are units of orders placed in the window and not
 * given up since; `pending` are those of holds, a promise in memory like `held` in core/stock.h. An
 * entry is there exactly as long as either is above 0, so what it comes to does not depend on the
 * order in which slices arrive. */
#ifndef SPATE_CORE_LIMIT_H
#define SPATE_CORE_LIMIT_H

#include "core/image.h"
#include "core/shard.h"
#include "core/table.h"

/* Whose units: the SKU, the buyer (key_hash), when the window began in seconds, counted from 1. */
struct limit_key {
    uint64_t customer;
    uint32_t sku;
    uint32_t window_s;
};

struct part_limit {
    struct part head;
    struct limit_key key;
    uint64_t units;
};
_Static_assert(sizeof(struct part_limit) == 32, "as it stands in images");

struct limit_entry {
    struct limit_key key;
    uint64_t units;
    uint64_t pending;
};

struct limits {
    struct limit_entry *entries; /* counted from 1 */
    struct table by_key;
    uint32_t top;
    uint32_t first_free; /* the next one stands in its units */
    uint32_t count;
    uint32_t count_max;
};

size_t limits_bytes(const struct shard_options *options);
void limits_init(struct limits *limits, void *zeroed_memory, const struct shard_options *options);

static inline uint32_t limits_room(const struct limits *limits)
{
    return limits->count_max - limits->count;
}

/* Both 0 if there is no entry. */
uint64_t limit_units(const struct limits *limits, const struct limit_key *key);
uint64_t limit_pending(const struct limits *limits, const struct limit_key *key);

/* False: the table is full. */
bool limit_add(struct limits *limits, const struct limit_key *key, uint64_t units,
               uint64_t pending) MUST_LOOK;
/* Expects that they are there. */
void limit_remove(struct limits *limits, const struct limit_key *key, uint64_t units,
                  uint64_t pending);

/* One after the other, NULL at the end; start with *at = 0. */
const struct limit_entry *limits_each(const struct limits *limits, uint64_t *at);

/* See core/image.h. */
void limit_image(const struct limit_entry *entry, struct pile *out);
bool limit_part_valid(const struct part_limit *part, uint32_t slot);
enum shard_table limit_load(struct limits *limits, const struct part_limit *part) MUST_LOOK;

#endif
