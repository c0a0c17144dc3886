/* core/move.h - how a placed order moves on: one event at home, and the slices of its SKUs go to
 * their shards. */
#ifndef SPATE_CORE_MOVE_H
#define SPATE_CORE_MOVE_H

#include "core/shard_state.h"

struct move {
    const struct order_step *step;
    uint64_t deadline_ns; /* of the state it moves to; 0: none */
    struct text by;
    struct text reason;
};

/* Expects that the step begins in the order's state. */
void move_order(struct shard *shard, struct turn *turn, uint32_t record, enum event_kind kind,
                const struct move *move);

#endif
