#include "core/cap.h"

#include <string.h>

size_t caps_bytes(const struct shard_options *options)
{
    size_t bytes = ((size_t)options->limit_count_max + 1) * sizeof(struct cap);
    return (bytes + 63) & ~(size_t)63;
}

void caps_init(struct caps *caps, void *zeroed_memory, const struct shard_options *options)
{
    *caps = (struct caps){.entries = zeroed_memory, .count_max = options->limit_count_max};
}

const struct cap *cap_find(const struct caps *caps, uint32_t first, uint64_t channel)
{
    for (uint32_t cap = first; cap != 0; cap = caps->entries[cap].next)
        if (caps->entries[cap].channel == channel)
            return &caps->entries[cap];
    return NULL;
}

uint32_t cap_count(const struct caps *caps, uint32_t first)
{
    uint32_t count = 0;
    for (uint32_t cap = first; cap != 0; cap = caps->entries[cap].next)
        count++;
    return count;
}

bool caps_have_room(const struct caps *caps, uint32_t first, uint32_t count)
{
    return caps->count - cap_count(caps, first) + count <= caps->count_max;
}

static void give_all(struct caps *caps, uint32_t first)
{
    for (uint32_t cap = first, next; cap != 0; cap = next) {
        next = caps->entries[cap].next;
        caps->entries[cap] = (struct cap){.next = caps->first_free};
        caps->first_free = cap;
        caps->count--;
    }
}

static uint32_t take(struct caps *caps)
{
    uint32_t cap = caps->first_free;
    caps->count++;
    if (cap == 0)
        return ++caps->top;
    caps->first_free = caps->entries[cap].next;
    return cap;
}

uint32_t caps_replace(struct caps *caps, uint32_t first, const struct sku_cap *said, uint32_t count)
{
    give_all(caps, first);
    CHECK(count <= caps->count_max - caps->count);
    uint32_t next = 0;
    for (uint32_t i = count; i > 0; i--) {
        uint32_t cap = take(caps);
        struct text channel = {said[i - 1].channel, said[i - 1].channel_bytes};
        caps->entries[cap] =
            (struct cap){.said = said[i - 1], .channel = key_hash(channel), .next = next};
        next = cap;
    }
    return next;
}
