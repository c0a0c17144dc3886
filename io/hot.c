#include "io/hot.h"

#include "core/check.h"
#include "core/command.h"

enum { UNIT = 1024, LINES_LOOKED_AT = 8 };

static void note(struct hot *hot, uint32_t sku)
{
    uint32_t least = 0;
    for (uint32_t i = 0; i < HOT_SKUS; i++) {
        if (hot->sku[i].value == sku) {
            atomic_store(&hot->count[i], hot->count[i].value + UNIT); /* pairs with hot_most */
            return;
        }
        if (hot->count[i].value < hot->count[least].value)
            least = i;
    }
    atomic_store(&hot->count[least], hot->count[least].value + UNIT); /* both pair with hot_most */
    atomic_store(&hot->sku[least], sku);
}

void hot_order(struct hot *hot, const struct command_line *lines, uint32_t line_count)
{
    if (++hot->orders < HOT_SAMPLE)
        return;
    hot->orders = 0;
    for (uint32_t i = 0; i < line_count && i < LINES_LOOKED_AT; i++)
        note(hot, lines[i].sku);
}

void hot_forget(struct hot *hot)
{
    for (uint32_t i = 0; i < HOT_SKUS; i++)
        atomic_store(&hot->count[i], hot->count[i].value - hot->count[i].value / 8);
}

/* In balance an eighth of the count comes in each second. */
static uint64_t rate_of(uint64_t count)
{
    return count * HOT_SAMPLE / 8 / UNIT;
}

/* Puts a SKU into its place, or adds to it where it stands already; the smallest falls out. */
static uint32_t insert(struct hot_sku *out, uint32_t count, struct hot_sku one)
{
    uint32_t at = 0;
    while (at < count && out[at].sku != one.sku)
        at++;
    if (at < count)
        one.lines_per_second += out[at].lines_per_second;
    else if (count < HOT_SKUS)
        count++;
    else if (one.lines_per_second <= out[--at].lines_per_second)
        return count;
    for (; at > 0 && out[at - 1].lines_per_second < one.lines_per_second; at--)
        out[at] = out[at - 1];
    out[at] = one;
    return count;
}

uint32_t hot_most(const struct hot *const *shards, uint32_t shard_count,
                  struct hot_sku out[HOT_SHOWN])
{
    struct hot_sku all[HOT_SKUS];
    uint32_t count = 0;
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        for (uint32_t i = 0; i < HOT_SKUS; i++) {
            struct hot_sku one = {(uint32_t)atomic_load(&shards[shard]->sku[i]),
                                  rate_of(atomic_load(&shards[shard]->count[i]))};
            if (one.sku != 0 && one.lines_per_second > 0)
                count = insert(all, count, one);
        }
    }
    if (count > HOT_SHOWN)
        count = HOT_SHOWN;
    for (uint32_t i = 0; i < count; i++)
        out[i] = all[i];
    return count;
}
