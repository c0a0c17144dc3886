/* core/placed.h - an order whose lines all have their warehouse: its event and its answer, or what a
 * quote says of it. */
#ifndef SPATE_CORE_PLACED_H
#define SPATE_CORE_PLACED_H

#include "core/shard_state.h"

/* A plan or a flight whose lines all have their warehouse. */
struct granted {
    const struct order_create *create;
    const struct hold_line *lines;
    const uint16_t *order_line;
    uint64_t digest;
    struct hold_buyer buyer;
    const struct judgement *judgement;
};

/* Of the request as it was decoded, before defaults; when it was issued does not count. */
uint64_t placed_digest(const struct order_create *create);

static inline bool placed_is_quote(const struct order_create *create)
{
    return create->head.flags & COMMAND_QUOTE;
}

/* The event, in the turn; not applied. */
const struct event *placed_emit(struct shard *shard, struct turn *turn,
                                const struct granted *granted, struct text caller,
                                uint64_t id_hash);
/* Applies the order's own slice. Those of its lines are for whoever has their SKUs: in the order of
 * granted->lines, and none if it is rejected. */
const struct order *placed_apply(struct shard *shard, struct turn *turn, const struct event *event);
const struct slice_stock_units *placed_lines(const struct event *event);

/* What its request is answered with, now or again; the total as it was placed. */
void placed_answer(struct shard *shard, struct turn *turn, const struct request *request,
                   const struct order *order, int64_t total, enum code code);
void placed_quote(struct shard *shard, struct turn *turn, const struct request *request,
                  const struct granted *granted);

#endif
