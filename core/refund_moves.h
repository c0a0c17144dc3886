/* core/refund_moves.h - how a refund may move, who may say so, and where its money is in each
 * state. */
#ifndef SPATE_CORE_REFUND_MOVES_H
#define SPATE_CORE_REFUND_MOVES_H

#include "core/payment_moves.h"

/* from, move, to, who */
/* clang-format off */
#define REFUND_MOVES(X) \
    X(REFUND_REQUESTED,  REFUND_PROCESS, REFUND_PROCESSING, TOLD_BY_ANYBODY) \
    X(REFUND_REQUESTED,  REFUND_SUCCEED, REFUND_SUCCEEDED,  TOLD_BY_ANYBODY) \
    X(REFUND_REQUESTED,  REFUND_FAIL,    REFUND_FAILED,     TOLD_BY_ANYBODY) \
    X(REFUND_REQUESTED,  REFUND_LOSE,    REFUND_UNKNOWN,    TOLD_BY_ANYBODY) \
    X(REFUND_PROCESSING, REFUND_SUCCEED, REFUND_SUCCEEDED,  TOLD_BY_ANYBODY) \
    X(REFUND_PROCESSING, REFUND_FAIL,    REFUND_FAILED,     TOLD_BY_ANYBODY) \
    X(REFUND_PROCESSING, REFUND_LOSE,    REFUND_UNKNOWN,    TOLD_BY_ANYBODY) \
    X(REFUND_UNKNOWN,    REFUND_SUCCEED, REFUND_SUCCEEDED,  TOLD_BY_ANYBODY) \
    X(REFUND_UNKNOWN,    REFUND_FAIL,    REFUND_FAILED,     TOLD_BY_ANYBODY) \
    X(REFUND_FAILED,     REFUND_SUCCEED, REFUND_SUCCEEDED,  TOLD_BY_PROVIDER)
/* clang-format on */

struct refund_step {
    enum refund_state from;
    enum refund_move move;
    enum refund_state to;
    enum teller teller;
};

/* NULL: the state does not allow that move, or not to this teller. */
const struct refund_step *refund_step(enum refund_state from, enum refund_move move,
                                      enum teller teller);
/* One bit for each move that anybody may make. */
uint32_t refund_allowed(enum refund_state from);

/* Where the money of a refund is in each state; the sums of a payment (struct refund_sums) are kept
 * by it. */
enum refund_money {
    REFUND_PROMISED, /* nobody else may have it */
    REFUND_PAID,
    REFUND_KEPT, /* another refund may be made of it */
};

/* state, where its money is */
/* clang-format off */
#define REFUND_INVARIANTS(X) \
    X(REFUND_REQUESTED,  REFUND_PROMISED) \
    X(REFUND_PROCESSING, REFUND_PROMISED) \
    X(REFUND_UNKNOWN,    REFUND_PROMISED) \
    X(REFUND_SUCCEEDED,  REFUND_PAID) \
    X(REFUND_FAILED,     REFUND_KEPT)
/* clang-format on */

enum refund_money refund_money(enum refund_state state);
bool refund_state_is_pending(enum refund_state state);

#endif
