/* core/place.h - from order.create to order_placed, over however many shards.
 *
 *   home                                         another shard
 *   check, plan ── all SKUs here ──▶ decide, place at once
 *        │
 *        └─ first attempt, to all at once ─ hold ──▶ granted | short | busy
 *           busy: give all back, then one shard after the other, ascending, waiting where busy
 *           all granted: one event; settle ────────▶ held becomes reserved
 *           short: unhold ─────────────────────────▶ held becomes free; the order leaves no trace
 *
 * A quote goes the same way; when all have granted, it is unheld and only told what it would be.
 * An order that prefers a single parcel first asks which warehouses are able; then all are asked to
 * hold in the best of those; if that fails, line by line as above.
 *
 * What an order that is there takes once more (for another warehouse, for a lost parcel, for an
 * exchange) goes the same way; when all have granted, its command is decided again with the units in
 * hand, and the slices that take them settle them.
 *
 * Home's own shard takes its place in the order like any other.
 *
 * Here the request is looked at, and placed where all SKUs are home's own. core/attempt.h asks the
 * others, core/grant.h replies, core/placed.h makes the event. */
#ifndef SPATE_CORE_PLACE_H
#define SPATE_CORE_PLACE_H

#include "core/shard_state.h"

void place_request(struct shard *shard, struct turn *turn, const struct request *request);

/* What is left to do for those who wait here, and for retries of orders that have their outcome; as
 * far as the turn has room. */
void place_work(struct shard *shard, struct turn *turn);
bool place_has_work(const struct shard *shard);

#endif
