/* core/move.h - how a placed order moves on: one event at home, and the slices of its SKUs go to
 * their shards. */
#ifndef SPATE_CORE_MOVE_H
#define SPATE_CORE_MOVE_H

#include "core/shard_state.h"

/* order.cancel: all that is left, or some units of some lines. */
void move_cancel(struct shard *shard, struct turn *turn, const struct request *request);

/* An order whose deadline has passed. */
void move_expire(struct shard *shard, struct turn *turn, uint32_t record);

#endif
