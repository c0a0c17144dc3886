/* core/takeback.h - what is asked of an order's returns.
 *
 * Decided by the order's home alone, as in core/parcel.h. A return refunds what the shop may not keep
 * any more once the accepted units are gone: a discount on the whole order stays one. An exchange pays
 * nothing back: it sends as many units again, in a shipment of its own (core/carry.h). */
#ifndef SPATE_CORE_TAKEBACK_H
#define SPATE_CORE_TAKEBACK_H

#include "core/shard_state.h"

/* OP_RETURN_CREATE ... OP_RETURN_CLOSE. */
void takeback_request(struct shard *shard, struct turn *turn, const struct request *request);
/* It comes again, and the units that it has asked for are set aside. */
void takeback_granted(struct shard *shard, struct turn *turn, const struct request *request,
                      struct grant *grant);

#endif
