/* core/forget.h - what has been over for so long that it leaves memory: orders, windows of limits, retry
 * keys, transfers.
 *
 * An order that is terminal, has nothing open among its payments, refunds, shipments and returns,
 * and was closed longer ago than the retention, shrinks to a remainder by an event of its slot's owner;
 * and leaves by another when that has been there for its time. A remainder still answers a create that
 * comes again and whoever asks for the order; of its lines, payments and parcels it knows nothing. The
 * whole history stays in the log. Flows of stock and the sums of the equations do not change. The table of orders
 * is gone through little by little, FORGET_PLACES of its places each FORGET_PACE_NS. */
#ifndef SPATE_CORE_FORGET_H
#define SPATE_CORE_FORGET_H

#include "core/shard_state.h"

enum { FORGET_PLACES = 64, FORGET_PACE_NS = 1000000 };

/* Expects room in the turn. */
void forget_orders(struct shard *shard, struct turn *turn);

/* Windows in which a buyer's units of a SKU were counted, and that are over: one event for all buyers
 * of the SKU; then their places are free again. The places are gone through like the orders'. Expects room in the turn. */
void forget_windows(struct shard *shard, struct turn *turn);

/* Retry keys behind their window and transfers that are over: when the oldest may go, UINT64_MAX: there
 * is none; and they go, EXPIRE_MAX at a time, as far as the turn has room. */
uint64_t forget_remembered_ns(const struct shard *shard);
void forget_remembered(struct shard *shard, struct turn *turn);

#endif
