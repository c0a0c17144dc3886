/* core/money.h - what is asked of an order's money: payments, refunds, providers' notices.
 *
 * Every command is decided by the order's home alone, from the order's own records. One event tells
 * what became of the payment and, with it, what that means for the order: paid, failed, back to
 * waiting; refunds of what was paid too much or too late.
 *
 * What an order keeps is what was captured without what is refunded or about to be. Always:
 *   - it is paid by the capture with which it keeps its total; what it keeps above that goes back;
 *   - a payment is made only while the open ones and what is kept leave something to be paid, so a
 *     retry under another id charges nobody twice, and one capture at most is in flight;
 *   - money that is there is not refused: whoever says so, and whenever, it is kept or goes back;
 *   - what comes once an order has ended goes back, and revives nothing;
 *   - a provider's notice moves a payment forward or changes nothing, in whatever order they come. */
#ifndef SPATE_CORE_MONEY_H
#define SPATE_CORE_MONEY_H

#include "core/shard_state.h"

/* OP_PAYMENT_CREATE ... OP_PAYMENT_NOTICE. */
void money_request(struct shard *shard, struct turn *turn, const struct request *request);

#endif
