/* core/parcel.h - what is asked of an order's shipments.
 *
 * Every command is decided by the order's home alone, from the order's own records. One event tells
 * what became of the shipment and, with it, what that means for the order, its money and its stock. */
#ifndef SPATE_CORE_PARCEL_H
#define SPATE_CORE_PARCEL_H

#include "core/shard_state.h"

/* OP_SHIPMENT_CREATE ... OP_SHIPMENT_SCAN. */
void parcel_request(struct shard *shard, struct turn *turn, const struct request *request);

/* For an event that ends all that is left of an order: its shipments that have not left are
 * cancelled. */
void parcel_add_cancelled(struct shard *shard, struct turn *turn, struct event *event,
                          const struct order *order);

/* When an order that is delivered, and has no open return, from now on is completed by itself; 0:
 * never. */
uint64_t parcel_confirm_ns(const struct shard *shard, const struct turn *turn);
/* Of the state that a step of an order that has been paid leads to. */
uint64_t parcel_deadline_ns(const struct shard *shard, const struct turn *turn,
                            const struct order *order, const struct order_step *step);

#endif
