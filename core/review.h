/* core/review.h - what somebody decides about an order as a whole: a person accepts or rejects it
 * after a rule has asked for that; the buyer confirms that it has come. */
#ifndef SPATE_CORE_REVIEW_H
#define SPATE_CORE_REVIEW_H

#include "core/shard_state.h"

/* OP_ORDER_REVIEW, OP_ORDER_CONFIRM. */
void review_request(struct shard *shard, struct turn *turn, const struct request *request);

#endif
