#include "core/move.h"

#include <string.h>

static void add_order_slice(struct turn *turn, struct event *event, const struct order *order,
                            const struct move *move)
{
    char at[TEXT_BYTES_MAX];
    struct text id = order_text(order, ORDER_ID, at);
    struct slice_order_moved *moved =
        event_add(turn, event, hash_slot(key_hash(id)), SLICE_ORDER_MOVED,
                  (uint32_t)sizeof *moved + id.bytes + move->reason.bytes);
    moved->deadline_ns = move->deadline_ns;
    moved->move = (uint8_t)move->step->move;
    moved->from = (uint8_t)move->step->from;
    moved->to = (uint8_t)move->step->to;
    moved->id_bytes = (uint8_t)id.bytes;
    moved->reason_bytes = (uint8_t)move->reason.bytes;
    memcpy(moved + 1, id.at, id.bytes);
    if (move->reason.bytes > 0)
        memcpy((char *)(moved + 1) + id.bytes, move->reason.at, move->reason.bytes);
}

static uint64_t text_hash(const struct order *order, enum order_text which)
{
    char at[TEXT_BYTES_MAX];
    struct text text = order_text(order, which, at);
    return text.bytes > 0 ? key_hash(text) : 0;
}

static void add_stock_slices(struct turn *turn, struct event *event, const struct order *order,
                             enum slice_kind kind)
{
    uint64_t customer = text_hash(order, ORDER_CUSTOMER);
    uint64_t channel = text_hash(order, ORDER_CHANNEL);
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct order_line *line = &order->lines[i];
        struct slice_stock_units *slice =
            event_add(turn, event, sku_slot(line->sku), kind, sizeof *slice);
        slice->customer = customer;
        slice->channel = channel;
        slice->sku = line->sku;
        slice->units = line->units;
        slice->window_s = order_line_window(order, i);
        slice->warehouse = (uint8_t)order_line_warehouse(line);
    }
}

void move_order(struct shard *shard, struct turn *turn, uint32_t record, enum event_kind kind,
                const struct move *move)
{
    const struct order *order = order_at(&shard->orders, record);
    CHECK(order->state == move->step->from);
    struct position previous = order_position(order);
    struct event *event = shard_event(shard, turn, kind, move->by);
    event->prev_seq = previous.seq;
    event->prev_index = previous.index;
    add_order_slice(turn, event, order, move);
    if (move->step->stock == STOCK_RELEASED && !shard->options.bug[BUG_EXPIRY_KEEPS_STOCK])
        add_stock_slices(turn, event, order, SLICE_STOCK_RELEASE);
    shard_apply(shard, turn, event);
}
