/* core/attempt.h - home asks the shards of an order's SKUs for holds, and concludes from their replies.
 *
 * What becomes of an attempt is drawn in core/place.h. Replies of home's own shard are calls, those of
 * others are messages. */
#ifndef SPATE_CORE_ATTEMPT_H
#define SPATE_CORE_ATTEMPT_H

#include "core/shard_state.h"

/* Of a request that places an order. */
struct hold_buyer attempt_buyer(const struct request *request);
uint16_t attempt_region(const struct shard *shard, const struct order_create *create);
bool attempt_single(const struct order_create *create);

/* By shard->plan; `ordered`: one shard after the other from the beginning. The request is answered,
 * perhaps before this returns. */
void attempt_begin(struct shard *shard, struct turn *turn, const struct request *request,
                   const struct judgement *judgement, uint64_t id_hash, bool ordered);

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
void attempt_take(struct shard *shard, struct turn *turn, const struct request *request,
                  const struct take *take);

/* What the shard `from` says to what it was asked for the flight of that number. */
void attempt_granted(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                     const struct hold_line *lines, uint32_t line_count);
void attempt_short(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                   enum code code, const struct short_line *lines, uint32_t line_count);
void attempt_busy(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from);
void attempt_able(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                  uint64_t warehouses, uint64_t later);
/* The same: MESSAGE_GRANTED, _SHORT, _BUSY or _ABLE. */
void attempt_message(struct shard *shard, struct turn *turn, const struct message *message);

/* Answers with what there is too little of; no lines: with the code alone. */
void attempt_refuse(struct shard *shard, struct turn *turn, struct origin origin, uint64_t request,
                    enum code code, const struct short_line *lines, uint32_t line_count);

#endif
