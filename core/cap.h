/* core/cap.h - how many units of a SKU may be sold through a channel.
 *
 * Owned by one shard, beside the SKUs; each SKU's caps hang from it. A cap is a limit, never a second
 * copy of the stock: what counts against it are units of orders that were placed while it was there
 * and have not been given up since. They are counted in core/limit.h, under the channel in the
 * buyer's place and no window. */
#ifndef SPATE_CORE_CAP_H
#define SPATE_CORE_CAP_H

#include "core/command.h"
#include "core/shard.h"

struct cap {
    struct sku_cap said;
    uint64_t channel; /* key_hash */
    uint32_t next;    /* of the same SKU; or the next free one */
};

struct caps {
    struct cap *entries; /* counted from 1 */
    uint32_t count;
    uint32_t count_max;
    uint32_t top;
    uint32_t first_free;
};

size_t caps_bytes(const struct shard_options *options);
void caps_init(struct caps *caps, void *zeroed_memory, const struct shard_options *options);

static inline const struct cap *cap_at(const struct caps *caps, uint32_t cap)
{
    return &caps->entries[cap];
}

/* Of the chain that begins with `first`. NULL: that channel has none. */
const struct cap *cap_find(const struct caps *caps, uint32_t first, uint64_t channel);
uint32_t cap_count(const struct caps *caps, uint32_t first);

/* Whether a chain can be replaced by one of so many. */
bool caps_have_room(const struct caps *caps, uint32_t first, uint32_t count);
/* The first of the new chain, in the order in which they are said. Expects that there is room. */
uint32_t caps_replace(struct caps *caps, uint32_t first, const struct sku_cap *said,
                      uint32_t count);

#endif
