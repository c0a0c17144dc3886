#include "core/refund_moves.h"

static const struct refund_step steps[] = {
#define X(from, move, to, teller) {from, move, to, teller},
    REFUND_MOVES(X)
#undef X
};

const struct refund_step *refund_step(enum refund_state from, enum refund_move move,
                                      enum teller teller)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].move == move && steps[i].teller <= teller)
            return &steps[i];
    return NULL;
}

uint32_t refund_allowed(enum refund_state from)
{
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].teller == TOLD_BY_ANYBODY)
            allowed |= 1u << steps[i].move;
    return allowed;
}

enum refund_money refund_money(enum refund_state state)
{
    static const enum refund_money money[REFUND_STATES] = {
#define X(state, where) [state] = where,
        REFUND_INVARIANTS(X)
#undef X
    };
    return money[state];
}

bool refund_state_is_pending(enum refund_state state)
{
    return refund_money(state) == REFUND_PROMISED;
}
