/* core/order_moves.h - how an order may move, and what holds of it in each state. */
#ifndef SPATE_CORE_ORDER_MOVES_H
#define SPATE_CORE_ORDER_MOVES_H

#include "core/check.h"
#include "core/result.h"

/* What becomes of the stock of an order's lines when it moves. */
enum order_stock { STOCK_STAYS, STOCK_RELEASED, STOCK_COMMITTED, STOCK_UNCOMMITTED };

/* from, move, to, what becomes of the stock */
/* clang-format off */
#define ORDER_MOVES(X) \
    X(ORDER_PENDING_PAYMENT,   MOVE_PAY,          ORDER_PAID,              STOCK_COMMITTED) \
    X(ORDER_PENDING_PAYMENT,   MOVE_PAYMENT_FAIL, ORDER_PAYMENT_FAILED,    STOCK_STAYS) \
    X(ORDER_PENDING_PAYMENT,   MOVE_CANCEL,       ORDER_CANCELLED,         STOCK_RELEASED) \
    X(ORDER_PENDING_PAYMENT,   MOVE_EXPIRE,       ORDER_EXPIRED,           STOCK_RELEASED) \
    X(ORDER_PAYMENT_FAILED,    MOVE_PAY,          ORDER_PAID,              STOCK_COMMITTED) \
    X(ORDER_PAYMENT_FAILED,    MOVE_PAY_AGAIN,    ORDER_PENDING_PAYMENT,   STOCK_STAYS) \
    X(ORDER_PAID,              MOVE_CANCEL,       ORDER_CANCELLED,         STOCK_UNCOMMITTED) \
    X(ORDER_SHIP_FAILED,       MOVE_CANCEL,       ORDER_CANCELLED,         STOCK_UNCOMMITTED) \
    X(ORDER_PAYMENT_FAILED,    MOVE_CANCEL,       ORDER_CANCELLED,         STOCK_RELEASED) \
    X(ORDER_PAYMENT_FAILED,    MOVE_EXPIRE,       ORDER_EXPIRED,           STOCK_RELEASED) \
    X(ORDER_IN_REVIEW,         MOVE_ACCEPT,       ORDER_PENDING_PAYMENT,   STOCK_STAYS) \
    X(ORDER_IN_REVIEW,         MOVE_REJECT,       ORDER_REJECTED,          STOCK_RELEASED) \
    X(ORDER_IN_REVIEW,         MOVE_CANCEL,       ORDER_CANCELLED,         STOCK_RELEASED) \
    X(ORDER_PAID,              MOVE_SHIP_SOME,    ORDER_PARTIALLY_SHIPPED, STOCK_STAYS) \
    X(ORDER_PAID,              MOVE_SHIP,         ORDER_SHIPPED,           STOCK_STAYS) \
    X(ORDER_PAID,              MOVE_SHIP_FAIL,    ORDER_SHIP_FAILED,       STOCK_STAYS) \
    X(ORDER_PARTIALLY_SHIPPED, MOVE_SHIP,         ORDER_SHIPPED,           STOCK_STAYS) \
    X(ORDER_PARTIALLY_SHIPPED, MOVE_SHIP_FAIL,    ORDER_SHIP_FAILED,       STOCK_STAYS) \
    X(ORDER_PARTIALLY_SHIPPED, MOVE_RESHIP,       ORDER_PAID,              STOCK_STAYS) \
    X(ORDER_PARTIALLY_SHIPPED, MOVE_DELIVER,      ORDER_DELIVERED,         STOCK_STAYS) \
    X(ORDER_PARTIALLY_SHIPPED, MOVE_GIVE_UP,      ORDER_CANCELLED,         STOCK_STAYS) \
    X(ORDER_SHIP_FAILED,       MOVE_RESUME,       ORDER_PAID,              STOCK_STAYS) \
    X(ORDER_SHIP_FAILED,       MOVE_RESUME_SOME,  ORDER_PARTIALLY_SHIPPED, STOCK_STAYS) \
    X(ORDER_SHIP_FAILED,       MOVE_SHIP,         ORDER_SHIPPED,           STOCK_STAYS) \
    X(ORDER_SHIP_FAILED,       MOVE_DELIVER,      ORDER_DELIVERED,         STOCK_STAYS) \
    X(ORDER_SHIPPED,           MOVE_DELIVER,      ORDER_DELIVERED,         STOCK_STAYS) \
    X(ORDER_SHIPPED,           MOVE_RESHIP,       ORDER_PAID,              STOCK_STAYS) \
    X(ORDER_SHIPPED,           MOVE_RESHIP_SOME,  ORDER_PARTIALLY_SHIPPED, STOCK_STAYS) \
    X(ORDER_SHIPPED,           MOVE_GIVE_UP,      ORDER_CANCELLED,         STOCK_STAYS) \
    X(ORDER_DELIVERED,         MOVE_COMPLETE,     ORDER_COMPLETED,         STOCK_STAYS)
/* clang-format on */

struct order_step {
    enum order_state from;
    enum order_move move;
    enum order_state to;
    enum order_stock stock;
};

/* NULL: the state does not allow that move. */
const struct order_step *order_step(enum order_state from, enum order_move move);
/* The step that leads there; NULL: none does. */
const struct order_step *order_step_to(enum order_state from, enum order_state to);
/* One bit for each move that the state allows. */
uint32_t order_allowed(enum order_state from);

/* What holds of an order in each state, as long as it is in it; orders_audit looks whether it does. */
enum order_units {
    UNITS_RESERVED, /* of all that is not cancelled */
    UNITS_COMMITTED, /* of what is not shipped; where the units are says which of these states it is */
    UNITS_SENT,      /* nothing is left to ship; likewise */
    UNITS_ARRIVED,  /* nothing is left to ship, or outstanding */
    UNITS_GIVEN_UP, /* none is reserved or committed */
};
enum order_deadline {
    DEADLINE_RUNS,
    DEADLINE_MAY_RUN, /* not while a return is open */
    DEADLINE_NONE,
    DEADLINE_OVER, /* the state is terminal, and known is since when */
};
enum order_balance {
    MONEY_DUE,   /* what is kept does not cover the total */
    MONEY_ANY,   /* it may have come early; or have been given back since */
    MONEY_GIVEN, /* no payment is authorized, and a refund was opened of all that was captured */
};

/* state, units, deadline, money */
/* clang-format off */
#define ORDER_INVARIANTS(X) \
    X(ORDER_IN_REVIEW,         UNITS_RESERVED,  DEADLINE_RUNS,    MONEY_ANY) \
    X(ORDER_PENDING_PAYMENT,   UNITS_RESERVED,  DEADLINE_RUNS,    MONEY_DUE) \
    X(ORDER_PAYMENT_FAILED,    UNITS_RESERVED,  DEADLINE_RUNS,    MONEY_DUE) \
    X(ORDER_PAID,              UNITS_COMMITTED, DEADLINE_NONE,    MONEY_ANY) \
    X(ORDER_PARTIALLY_SHIPPED, UNITS_COMMITTED, DEADLINE_NONE,    MONEY_ANY) \
    X(ORDER_SHIP_FAILED,       UNITS_COMMITTED, DEADLINE_NONE,    MONEY_ANY) \
    X(ORDER_SHIPPED,           UNITS_SENT,      DEADLINE_NONE,    MONEY_ANY) \
    X(ORDER_DELIVERED,         UNITS_SENT,      DEADLINE_MAY_RUN, MONEY_ANY) \
    X(ORDER_COMPLETED,         UNITS_ARRIVED,   DEADLINE_OVER,    MONEY_ANY) \
    X(ORDER_REJECTED,          UNITS_GIVEN_UP,  DEADLINE_OVER,    MONEY_GIVEN) \
    X(ORDER_CANCELLED,         UNITS_GIVEN_UP,  DEADLINE_OVER,    MONEY_GIVEN) \
    X(ORDER_EXPIRED,           UNITS_GIVEN_UP,  DEADLINE_OVER,    MONEY_GIVEN)
/* clang-format on */

struct order_invariant {
    enum order_units units;
    enum order_deadline deadline;
    enum order_balance money;
};
const struct order_invariant *order_invariant(enum order_state state);

/* Whether the order's lines are reserved in this state. */
bool order_state_reserves(enum order_state state);
/* Whether what is left of its lines is committed: paid, and not shipped yet. */
bool order_state_commits(enum order_state state);
bool order_state_is_terminal(enum order_state state);

#endif
