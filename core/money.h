/* core/money.h - what is asked of an order's money: payments, refunds, providers' notices.
 *
 * Every command is decided by the order's home alone, from the order's own records. One event tells
 * what became of the payment and, with it, what that means for the order: paid, failed, back to
 * waiting; refunds of what was paid too much or too late. */
#ifndef SPATE_CORE_MONEY_H
#define SPATE_CORE_MONEY_H

#include "core/shard_state.h"

/* OP_PAYMENT_CREATE ... OP_PAYMENT_NOTICE. */
void money_request(struct shard *shard, struct turn *turn, const struct request *request);

#endif
