#include "core/forget.h"

#include <string.h>

#include "core/payment.h"
#include "core/refund.h"
#include "core/return.h"
#include "core/shipment.h"
#include "core/transport.h"

static bool has_open_money(const struct orders *orders, const struct order_more *more)
{
    for (uint32_t p = more->payments; p != 0; p = payment_at(orders, p)->next) {
        const struct payment *payment = payment_at(orders, p);
        if (payment_state_is_open((enum payment_state)payment->state))
            return true;
        for (uint32_t r = payment->refunds; r != 0; r = refund_at(orders, r)->next)
            if (refund_state_is_pending((enum refund_state)refund_at(orders, r)->state))
                return true;
    }
    return false;
}

static bool has_open_return(const struct orders *orders, const struct order_more *more)
{
    for (uint32_t r = more->returns; r != 0; r = return_at(orders, r)->next)
        if (return_is_open(return_at(orders, r)))
            return true;
    return false;
}

/* What an exchange has promised, and nobody has got yet. */
static bool has_open_exchange(const struct orders *orders, const struct order_more *more)
{
    for (uint32_t s = more->shipments; s != 0; s = shipment_at(orders, s)->next)
        if (shipment_at(orders, s)->of_return &&
            shipment_allowed((enum shipment_state)shipment_at(orders, s)->state) != 0)
            return true;
    return false;
}

static bool is_over_for(const struct shard *shard, const struct turn *turn,
                        const struct order *order, uint64_t ns)
{
    const struct orders *orders = &shard->orders;
    const struct order_more *more = order_more(orders, order);
    if (!order_state_is_terminal((enum order_state)order->state) ||
        order_position(order).seq == 0 || order_closed_ns(order) + ns > turn->now_ns)
        return false;
    return more == NULL || shard->options.bug[BUG_OPEN_FORGOTTEN] ||
           (!has_open_money(orders, more) && !has_open_return(orders, more) &&
            !has_open_exchange(orders, more));
}

static bool may_leave(const struct shard *shard, const struct turn *turn, uint32_t record)
{
    uint64_t ns = shard->options.retention_ns + shard->options.remainder_ns;
    return is_over_for(shard, turn, order_at(&shard->orders, record), ns) &&
           order_can_leave(&shard->orders, record);
}

static bool may_shrink(const struct shard *shard, const struct turn *turn, uint32_t record)
{
    const struct order *order = order_at(&shard->orders, record);
    return !order->is_remainder && is_over_for(shard, turn, order, shard->options.retention_ns);
}

static void add_over(struct turn *turn, struct event *event, const struct order *order,
                     enum slice_kind kind)
{
    char at[TEXT_BYTES_MAX];
    struct text id = order_text(order, ORDER_ID, at);
    struct slice_order_forgotten *slice =
        event_add(turn, event, hash_slot(key_hash(id)), kind, (uint32_t)sizeof *slice + id.bytes);
    slice->id_bytes = (uint8_t)id.bytes;
    memcpy(slice + 1, id.at, id.bytes);
}

/* Orders that the walk has come by. */
struct over {
    uint32_t count;
    uint32_t records[FORGET_PLACES];
};

static void apply_over(struct shard *shard, struct turn *turn, const struct over *over,
                       enum event_kind kind, enum slice_kind slice)
{
    if (over->count == 0)
        return;
    struct event *event = shard_event(shard, turn, kind, (struct text){"", 0});
    for (uint32_t i = 0; i < over->count; i++)
        add_over(turn, event, order_at(&shard->orders, over->records[i]), slice);
    shard_apply(shard, turn, event);
}

void forget_orders(struct shard *shard, struct turn *turn)
{
    const struct table *by_id = &shard->orders.by_id;
    struct over leave = {0}, shrink = {0};
    uint32_t record;
    if (shard->options.retention_ns == 0 || turn->now_ns < shard->forget_next_ns)
        return;
    shard->forget_next_ns = turn->now_ns + FORGET_PACE_NS;
    uint64_t end = shard->forget_at + FORGET_PLACES;
    while ((record = table_each_below(by_id, &shard->forget_at, end)) != 0)
        if (may_leave(shard, turn, record))
            leave.records[leave.count++] = record;
        else if (may_shrink(shard, turn, record))
            shrink.records[shrink.count++] = record;
    if (table_ends_at(by_id, shard->forget_at))
        shard->forget_at = 0;
    apply_over(shard, turn, &shrink, EVENT_ORDERS_SHRUNK, SLICE_ORDER_SHRUNK);
    apply_over(shard, turn, &leave, EVENT_ORDERS_FORGOTTEN, SLICE_ORDER_FORGOTTEN);
}

/* ---- windows ----------------------------------------------------------------------------------- */

/* An order that is being placed across a window's end still counts in it. */
enum { WINDOW_MARGIN_S = 60 };

static void forget_windows_of(struct shard *shard, struct turn *turn, const struct limit_key *key,
                              uint64_t now_s)
{
    const struct stock_sku *sku = stock_sku_at(&shard->stock, key->sku);
    uint64_t floor_s = now_s - stock_window_kept_s(sku);
    if (floor_s <= sku->window_floor_s)
        return;
    struct event *event = shard_event(shard, turn, EVENT_WINDOWS_FORGOTTEN, (struct text){"", 0});
    struct slice_windows_forgotten *slice =
        event_add(turn, event, sku_slot(key->sku), SLICE_WINDOWS_FORGOTTEN, sizeof *slice);
    slice->sku = key->sku;
    slice->floor_s = (uint32_t)floor_s;
    shard_apply(shard, turn, event);
}

void forget_windows(struct shard *shard, struct turn *turn)
{
    uint64_t now_s = turn->now_ns / 1000000000 - WINDOW_MARGIN_S;
    if (shard->options.bug[BUG_WINDOW_TOO_SHORT])
        now_s += WINDOW_KEPT_S;
    if (turn->now_ns < shard->window_next_ns)
        return;
    shard->window_next_ns = turn->now_ns + FORGET_PACE_NS;
    for (uint32_t i = 0; i < FORGET_PLACES && turn_has_room(turn); i++) {
        const struct limit_key *key =
            stock_closed_window(&shard->stock, now_s, FORGET_PLACES, &shard->window_at);
        if (key == NULL)
            return;
        forget_windows_of(shard, turn, key, now_s);
        stock_drop_window(&shard->stock, *key);
    }
}

/* ---- what is remembered for a time ------------------------------------------------------------ */

/* When the oldest retry key may go. A clock that went backwards only makes it stay. */
static uint64_t retry_forget_ns(const struct shard *shard)
{
    const struct retry *oldest = retries_oldest(&shard->retries);
    return oldest != NULL ? oldest->at_ns + shard->options.retry_window_ns + 1 : UINT64_MAX;
}

uint64_t forget_remembered_ns(const struct shard *shard)
{
    uint64_t retry_ns = retry_forget_ns(shard);
    uint64_t transfer_ns = transport_forget_ns(shard);
    return retry_ns < transfer_ns ? retry_ns : transfer_ns;
}

static void forget_retry(struct shard *shard, struct turn *turn)
{
    const struct retry *oldest = retries_oldest(&shard->retries);
    struct event *event = shard_event(shard, turn, EVENT_RETRIES_FORGOTTEN, (struct text){"", 0});
    struct slice_retry_forgotten *slice =
        event_add(turn, event, oldest->slot, SLICE_RETRY_FORGOTTEN, sizeof *slice);
    slice->key = oldest->key;
    slice->owner = oldest->owner;
    shard_apply(shard, turn, event);
}

void forget_remembered(struct shard *shard, struct turn *turn)
{
    for (uint32_t i = 0;
         i < EXPIRE_MAX && turn_has_room(turn) && forget_remembered_ns(shard) <= turn->now_ns;
         i++) {
        if (retry_forget_ns(shard) <= turn->now_ns)
            forget_retry(shard, turn);
        else
            transport_forget(shard, turn);
    }
}
