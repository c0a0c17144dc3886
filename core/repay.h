/* core/repay.h - refunds that are asked for: made, and moved on by whoever carries them out. */
#ifndef SPATE_CORE_REPAY_H
#define SPATE_CORE_REPAY_H

#include "core/claim.h"

void repay_create(struct claim *claim);
void repay_move(struct claim *claim);

/* The refund as it will be, and with it its payment's sums; its texts as they are. */
void repay_change(struct claim *claim, const struct refund *refund, enum refund_state state);
/* Adds a refund in this state to its payment's sums. */
void repay_add(struct ledger_entry *entry, enum refund_state state, int64_t amount);

#endif
