#include <string.h>

#include "core/payment.h"
#include "core/refund.h"
#include "core/return.h"
#include "core/shard_state.h"
#include "core/shipment.h"

inline struct event *shard_event(struct shard *shard, struct turn *turn, enum event_kind kind,
                                 struct text by)
{
    (void)shard;
    uint32_t bytes = (uint32_t)sizeof(struct event) + bytes_padded(by.bytes);
    struct event *event = pile_extend(&turn->events, bytes);
    *event = (struct event){
        .bytes = bytes,
        .kind = (uint16_t)kind,
        .at_ns = turn->now_ns,
        .logic_version = LOGIC_VERSION,
        .by_bytes = (uint8_t)by.bytes,
    };
    if (by.bytes > 0)
        memcpy(event + 1, by.at, by.bytes);
    return event;
}

/* Somebody may be waiting for what has just changed, and it may have reached a level: of most SKUs
 * neither. */
static inline void look_again(struct shard *shard, struct stock_sku *sku)
{
    stock_touched(&shard->stock, sku);
    if (sku->wait_first != 0)
        waiters_changed(&shard->waiters, sku->sku);
}

static enum shard_table apply_stock(struct shard *shard, const struct slice *slice)
{
    enum shard_table full = stock_apply(&shard->stock, slice);
    if (full == SHARD_TABLE_NONE)
        look_again(shard, stock_sku_at(&shard->stock, stock_slice_sku(slice)));
    return full;
}

enum shard_table shard_apply_slice(struct shard *shard, struct position position,
                                   const struct event *event, const struct slice *slice)
{
    if (slice_is_of_stock(slice))
        return apply_stock(shard, slice);
    switch (slice->kind) {
    case SLICE_PAYMENT:
        return payment_apply(&shard->orders, position, event, (const void *)slice);
    case SLICE_REFUND:
        return refund_apply(&shard->orders, position, event, (const void *)slice);
    case SLICE_SHIPMENT:
    case SLICE_SHIPMENT_MOVED:
    case SLICE_SHIPMENT_SCANNED:
        return shipment_apply(&shard->orders, position, event, slice);
    case SLICE_RETURN:
    case SLICE_RETURN_MOVED:
        return return_apply(&shard->orders, position, event, slice);
    case SLICE_RETRY:
    case SLICE_RETRY_FORGOTTEN:
        return retry_apply(&shard->retries, slice);
    case SLICE_WAREHOUSE_PUT:
    case SLICE_REGION_COSTS:
        topology_apply(&shard->topology, slice);
        return SHARD_TABLE_NONE;
    case SLICE_RULES_PUT:
        rules_apply(&shard->rules, slice);
        return SHARD_TABLE_NONE;
    default:
        return order_apply(&shard->orders, position, event, slice);
    }
}

/* Live, what takes free units has held them until now. */
static enum shard_table apply_live(struct shard *shard, struct position position,
                                   const struct event *event, const struct slice *slice)
{
    if (slice->kind == SLICE_STOCK_TAKE) {
        shard_settle(shard, (const void *)slice);
        return SHARD_TABLE_NONE;
    }
    return shard_apply_slice(shard, position, event, slice);
}

/* Slices of one kind of target in one message, in the order in which they stand in the event. */
static void send_slices(struct shard *shard, struct turn *turn, const struct event *event,
                        uint32_t target, bool all)
{
    uint32_t bytes = 0;
    uint32_t count = 0;
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        if (all || shard->options.slot_shard[slice->slot] == target) {
            bytes += slice->bytes;
            count++;
        }
    struct message_slices *message = turn_send(turn, shard->options.shard, target, MESSAGE_SLICES,
                                               (uint32_t)sizeof *message + bytes);
    message->slice_count = count;
    char *at = (char *)(message + 1);
    slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        if (all || shard->options.slot_shard[slice->slot] == target) {
            memcpy(at, slice, slice->bytes);
            at += slice->bytes;
        }
}

void shard_apply(struct shard *shard, struct turn *turn, const struct event *event)
{
    struct position position = {0, (uint16_t)turn->event_count++};
    uint64_t targets = 0;
    bool all = shard_concerns_all(event);
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        if (shard_owns(shard, slice->slot))
            CHECK(apply_live(shard, position, event, slice) == SHARD_TABLE_NONE);
        else
            targets |= UINT64_C(1) << shard->options.slot_shard[slice->slot];
    }
    if (targets == 0 && !all)
        return;
    for (uint32_t target = 0; target < shard->options.shard_count; target++)
        if ((targets >> target & 1) || (all && target != shard->options.shard))
            send_slices(shard, turn, event, target, all);
}

inline void shard_take(struct shard *shard, const struct slice_stock_units *line)
{
    struct stock_sku *sku = stock_sku_at(&shard->stock, line->sku);
    CHECK(stock_take(&shard->stock, sku, line) == SHARD_TABLE_NONE);
    look_again(shard, sku);
}

void shard_settle(struct shard *shard, const struct slice_stock_units *line)
{
    struct stock_promise promise = stock_promise_of(line);
    stock_give_back(&shard->stock, &promise);
    shard_take(shard, line);
}

void shard_unhold(struct shard *shard, const struct hold_buyer *buyer,
                  const struct hold_line *lines, uint32_t line_count)
{
    hold_drop(&shard->stock, buyer, lines, line_count);
    for (uint32_t i = 0; i < line_count; i++)
        look_again(shard, stock_sku_at(&shard->stock, lines[i].sku));
}

static void settle_message(struct shard *shard, const struct message_slices *settle)
{
    const struct slice_stock_units *lines = (const void *)(settle + 1);
    for (uint32_t i = 0; i < settle->slice_count; i++) {
        shard_settle(shard, &lines[i]);
        if (shard->options.bug[BUG_SETTLED_TWICE])
            shard_take(shard, &lines[i]);
    }
}

static void slices_message(struct shard *shard, const struct message_slices *message)
{
    const struct slice *slice = (const void *)(message + 1);
    for (uint32_t i = 0; i < message->slice_count; i++, slice = slice_next(slice))
        CHECK(apply_live(shard, (struct position){0, 0}, NULL, slice) == SHARD_TABLE_NONE);
}

void shard_apply_effect(struct shard *shard, const struct message_slices *message)
{
    struct audit_sides sides;
    audit_before(shard, message->head.from, &sides);
    if (message->head.kind == MESSAGE_SETTLE)
        settle_message(shard, message);
    else
        slices_message(shard, message);
    audit_after(shard, &sides);
}
