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
 * Home's own shard takes its place in the order like any other. */
#ifndef SPATE_CORE_PLACE_H
#define SPATE_CORE_PLACE_H

#include "core/shard_state.h"

/* Units of stock that an order which is there already takes once more, by shard->wanted. */
struct take {
    uint64_t owner;  /* key_hash of the order's id */
    uint64_t digest; /* of the request */
    uint32_t line_count;
    uint16_t region;     /* as in struct hold_ask */
    uint64_t warehouses; /* all from one of these: one bit each */
};
/* Asks for holds of all lines, unless the same request is asking already. Refusals are answered; when
 * all is granted, parcel_granted or takeback_granted is called, perhaps before this returns. */
void place_take(struct shard *shard, struct turn *turn, const struct request *request,
                const struct take *take);

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
