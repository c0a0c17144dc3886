/* What has happened, applied again: many slices are known before the first of them is applied, so that
 * the memory that each needs has arrived by then. First comes what a slice's bytes alone lead to; when
 * that is there, what lies behind it. */
#include "core/shard_state.h"

enum { AHEAD_SLICES = 96 };

struct ahead {
    struct recorded_slice pieces[AHEAD_SLICES];
    uint32_t count;
};

static void fetch(const struct shard *shard, const struct slice *slice)
{
    if (slice_is_of_stock(slice))
        stock_prefetch(&shard->stock, stock_slice_sku(slice));
    else
        order_fetch(&shard->orders, slice);
}

static void fetch_behind(const struct shard *shard, const struct slice *slice)
{
    if (slice_is_of_stock(slice))
        stock_prefetch_cell(&shard->stock, stock_slice_sku(slice));
    else
        order_fetch_behind(&shard->orders, slice);
}

static enum shard_table apply_piece(struct shard *shard, const struct recorded_slice *piece)
{
    if (piece->slice->kind != SLICE_DEADLINES_EXTENDED)
        return shard_apply_slice(shard, piece->position, piece->event, piece->slice);
    orders_extend(&shard->orders, piece->event);
    return SHARD_TABLE_NONE;
}

static enum shard_table apply_fetched(struct shard *shard, const struct recorded_slice *pieces,
                                      uint32_t count)
{
    enum shard_table full = SHARD_TABLE_NONE;
    for (uint32_t i = 0; i < count; i++)
        fetch_behind(shard, pieces[i].slice);
    for (uint32_t i = 0; i < count && full == SHARD_TABLE_NONE; i++)
        full = apply_piece(shard, &pieces[i]);
    return full;
}

static enum shard_table apply_pieces(struct shard *shard, struct ahead *ahead)
{
    enum shard_table full = apply_fetched(shard, ahead->pieces, ahead->count);
    uint64_t seq = ahead->count > 0 ? ahead->pieces[ahead->count - 1].position.seq : 0;
    if (shard->catalogue != NULL)
        stock_publish(&shard->stock, shard->catalogue, seq);
    ahead->count = 0;
    return full;
}

static enum shard_table take(struct shard *shard, struct ahead *ahead,
                             const struct recorded *recorded)
{
    const struct event *event = recorded->event;
    const struct slice *slice = event_slices(event);
    bool all = shard_concerns_all(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        if (!all && !shard_owns(shard, slice->slot))
            continue;
        enum shard_table full =
            ahead->count == AHEAD_SLICES ? apply_pieces(shard, ahead) : SHARD_TABLE_NONE;
        if (full != SHARD_TABLE_NONE)
            return full;
        ahead->pieces[ahead->count++] = (struct recorded_slice){recorded->position, event, slice};
        fetch(shard, slice);
    }
    return SHARD_TABLE_NONE;
}

enum shard_table shard_recover(struct shard *shard, const struct recorded *recorded, uint32_t count)
{
    struct ahead ahead;
    enum shard_table full = SHARD_TABLE_NONE;
    ahead.count = 0;
    for (uint32_t i = 0; i < count && full == SHARD_TABLE_NONE; i++) {
        const struct event *event = recorded[i].event;
        if (event->at_ns > shard->awake_ns)
            shard->awake_ns = event->at_ns;
        if (event->kind != EVENT_DEADLINES_EXTENDED) {
            full = take(shard, &ahead, &recorded[i]);
            continue;
        }
        full = apply_pieces(shard, &ahead);
        orders_extend(&shard->orders, event);
    }
    return full == SHARD_TABLE_NONE ? apply_pieces(shard, &ahead) : full;
}

enum shard_table shard_recover_slices(struct shard *shard, const struct recorded_slice *pieces,
                                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        fetch(shard, pieces[i].slice);
    return apply_fetched(shard, pieces, count);
}
