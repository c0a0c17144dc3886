/* core/payment_moves.h - how a payment may move, who may say so, and what holds of it in each
 * state. */
#ifndef SPATE_CORE_PAYMENT_MOVES_H
#define SPATE_CORE_PAYMENT_MOVES_H

#include "core/check.h"
#include "core/result.h"

/* Who may say that it has happened. */
enum teller { TOLD_BY_ANYBODY, TOLD_BY_PROVIDER };

/* from, move, to, who */
/* clang-format off */
#define PAYMENT_MOVES(X) \
    X(PAYMENT_CREATED,    PAYMENT_AUTHORIZE, PAYMENT_AUTHORIZED, TOLD_BY_ANYBODY) \
    X(PAYMENT_CREATED,    PAYMENT_CAPTURE,   PAYMENT_CAPTURED,   TOLD_BY_ANYBODY) \
    X(PAYMENT_CREATED,    PAYMENT_FAIL,      PAYMENT_FAILED,     TOLD_BY_ANYBODY) \
    X(PAYMENT_CREATED,    PAYMENT_LOSE,      PAYMENT_UNKNOWN,    TOLD_BY_ANYBODY) \
    X(PAYMENT_CREATED,    PAYMENT_VOID,      PAYMENT_VOIDED,     TOLD_BY_PROVIDER) \
    X(PAYMENT_AUTHORIZED, PAYMENT_CAPTURE,   PAYMENT_CAPTURED,   TOLD_BY_ANYBODY) \
    X(PAYMENT_AUTHORIZED, PAYMENT_VOID,      PAYMENT_VOIDED,     TOLD_BY_ANYBODY) \
    X(PAYMENT_AUTHORIZED, PAYMENT_FAIL,      PAYMENT_FAILED,     TOLD_BY_ANYBODY) \
    X(PAYMENT_AUTHORIZED, PAYMENT_LOSE,      PAYMENT_UNKNOWN,    TOLD_BY_ANYBODY) \
    X(PAYMENT_UNKNOWN,    PAYMENT_FAIL,      PAYMENT_FAILED,     TOLD_BY_PROVIDER) \
    X(PAYMENT_UNKNOWN,    PAYMENT_VOID,      PAYMENT_VOIDED,     TOLD_BY_PROVIDER) \
    X(PAYMENT_UNKNOWN,    PAYMENT_CAPTURE,   PAYMENT_CAPTURED,   TOLD_BY_PROVIDER) \
    X(PAYMENT_FAILED,     PAYMENT_CAPTURE,   PAYMENT_CAPTURED,   TOLD_BY_PROVIDER) \
    X(PAYMENT_VOIDED,     PAYMENT_CAPTURE,   PAYMENT_CAPTURED,   TOLD_BY_PROVIDER)
/* clang-format on */

struct payment_step {
    enum payment_state from;
    enum payment_move move;
    enum payment_state to;
    enum teller teller;
};

/* NULL: the state does not allow that move, or not to this teller. */
const struct payment_step *payment_step(enum payment_state from, enum payment_move move,
                                        enum teller teller);
/* One bit for each move that anybody may make. */
uint32_t payment_allowed(enum payment_state from);

/* What holds of a payment in each state; payments_audit looks whether it does. */
enum payment_money {
    PAYMENT_HAS_NONE,     /* nothing is authorized, nor captured */
    PAYMENT_HAS_NO_MORE,  /* nothing is captured, whatever was authorized */
    PAYMENT_HAS_CAPTURED, /* authorized >= captured >= refunded + refunds pending */
};

/* state, its money, whether more may come of it without a surprise */
/* clang-format off */
#define PAYMENT_INVARIANTS(X) \
    X(PAYMENT_CREATED,    PAYMENT_HAS_NONE,     true) \
    X(PAYMENT_AUTHORIZED, PAYMENT_HAS_NO_MORE,  true) \
    X(PAYMENT_UNKNOWN,    PAYMENT_HAS_NO_MORE,  true) \
    X(PAYMENT_CAPTURED,   PAYMENT_HAS_CAPTURED, false) \
    X(PAYMENT_FAILED,     PAYMENT_HAS_NO_MORE,  false) \
    X(PAYMENT_VOIDED,     PAYMENT_HAS_NO_MORE,  false)
/* clang-format on */

enum payment_money payment_state_money(enum payment_state state);
bool payment_state_is_open(enum payment_state state);

#endif
