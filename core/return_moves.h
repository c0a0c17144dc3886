/* core/return_moves.h - how a return may move, what that means for its units, and what holds of its
 * lines in each state. */
#ifndef SPATE_CORE_RETURN_MOVES_H
#define SPATE_CORE_RETURN_MOVES_H

#include "core/check.h"
#include "core/result.h"

/* What a move means for the units. */
enum return_effect {
    RETURN_STAYS,
    RETURN_GIVEN_UP, /* they stay with the buyer */
    RETURN_COMES,    /* into quarantine */
    RETURN_JUDGED,   /* accepted ones are paid back, rejected ones were never returned */
    RETURN_SWAPPED,  /* others are sent for accepted ones */
};

/* from, move, to, what it means */
/* clang-format off */
#define RETURN_MOVES(X) \
    X(RETURN_REQUESTED,  RETURN_APPROVE,  RETURN_APPROVED,   RETURN_STAYS) \
    X(RETURN_REQUESTED,  RETURN_PAY_BACK, RETURN_REFUNDING,  RETURN_JUDGED) \
    X(RETURN_REQUESTED,  RETURN_REFUSE,   RETURN_REFUSED,    RETURN_GIVEN_UP) \
    X(RETURN_APPROVED,   RETURN_SHIP,     RETURN_IN_TRANSIT, RETURN_STAYS) \
    X(RETURN_APPROVED,   RETURN_RECEIVE,  RETURN_RECEIVED,   RETURN_COMES) \
    X(RETURN_APPROVED,   RETURN_CLOSE,    RETURN_CLOSED,     RETURN_GIVEN_UP) \
    X(RETURN_IN_TRANSIT, RETURN_RECEIVE,  RETURN_RECEIVED,   RETURN_COMES) \
    X(RETURN_RECEIVED,   RETURN_ACCEPT,   RETURN_REFUNDING,  RETURN_JUDGED) \
    X(RETURN_RECEIVED,   RETURN_REJECT,   RETURN_INSPECTED,  RETURN_JUDGED) \
    X(RETURN_RECEIVED,   RETURN_REPLACE,  RETURN_INSPECTED,  RETURN_SWAPPED) \
    X(RETURN_INSPECTED,  RETURN_CLOSE,    RETURN_CLOSED,     RETURN_STAYS) \
    X(RETURN_REFUNDING,  RETURN_CLOSE,    RETURN_CLOSED,     RETURN_STAYS)
/* clang-format on */

struct return_step {
    enum return_state from;
    enum return_move move;
    enum return_state to;
    enum return_effect effect;
};

/* NULL: the state does not allow that move. */
const struct return_step *return_step(enum return_state from, enum return_move move);
/* One bit for each move that the state allows. */
uint32_t return_allowed(enum return_state from);

/* What holds of a return's lines in each state; returns_audit looks whether it does. */
enum return_judgement {
    NOT_JUDGED,   /* nothing is accepted, nothing rejected */
    ALL_JUDGED,   /* accepted + rejected == units; only what was accepted is `returned` */
    ALL_REJECTED, /* the buyer keeps all of it */
};

/* state, its lines, whether something is still to become of it */
/* clang-format off */
#define RETURN_INVARIANTS(X) \
    X(RETURN_REQUESTED,  NOT_JUDGED,   true) \
    X(RETURN_APPROVED,   NOT_JUDGED,   true) \
    X(RETURN_IN_TRANSIT, NOT_JUDGED,   true) \
    X(RETURN_RECEIVED,   NOT_JUDGED,   true) \
    X(RETURN_INSPECTED,  ALL_JUDGED,   true) \
    X(RETURN_REFUNDING,  ALL_JUDGED,   true) \
    X(RETURN_CLOSED,     ALL_JUDGED,   false) \
    X(RETURN_REFUSED,    ALL_REJECTED, false)
/* clang-format on */

enum return_judgement return_state_lines(enum return_state state);
bool return_state_is_open(enum return_state state);

#endif
