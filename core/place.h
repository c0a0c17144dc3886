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
 * Home's own shard takes its place in the order like any other. */
#ifndef SPATE_CORE_PLACE_H
#define SPATE_CORE_PLACE_H

#include "core/shard_state.h"

/* At home. */
void place_request(struct shard *shard, struct turn *turn, const struct request *request);
void place_granted(struct shard *shard, struct turn *turn, const struct message_granted *granted);
void place_short(struct shard *shard, struct turn *turn, const struct message_short *refused);
void place_able(struct shard *shard, struct turn *turn, const struct message_able *able);
void place_busy(struct shard *shard, struct turn *turn, const struct message_busy *busy);

/* At the SKUs' shard. */
void place_ask_able(struct shard *shard, struct turn *turn, const struct message_hold *hold);
void place_hold(struct shard *shard, struct turn *turn, const struct message_hold *hold);

/* What is left to do for those who wait here, and for retries of orders that have their outcome; as
 * far as the turn has room. */
void place_work(struct shard *shard, struct turn *turn);
bool place_has_work(const struct shard *shard);

#endif
