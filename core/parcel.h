/* core/parcel.h - what is asked of an order's shipments.
 *
 * Every command is decided by the order's home alone, from the order's own records. One event tells
 * what became of the shipment and, with it, what that means for the order, its money and its stock.
 * Only what takes free stock again asks the stock's shards first (core/resend.h). */
#ifndef SPATE_CORE_PARCEL_H
#define SPATE_CORE_PARCEL_H

#include "core/deal.h"

/* OP_SHIPMENT_CREATE ... OP_SHIPMENT_SCAN. */
void parcel_request(struct shard *shard, struct turn *turn, const struct request *request);
/* It comes again, and the units that it has asked for are set aside. */
void parcel_granted(struct shard *shard, struct turn *turn, const struct request *request,
                    struct grant *grant);

/* The shipment as it stands. */
void parcel_answer(const struct deal *deal, enum code code, uint32_t shipment);

#endif
