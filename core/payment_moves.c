#include "core/payment_moves.h"

static const struct payment_step steps[] = {
#define X(from, move, to, teller) {from, move, to, teller},
    PAYMENT_MOVES(X)
#undef X
};

const struct payment_step *payment_step(enum payment_state from, enum payment_move move,
                                        enum teller teller)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].move == move && steps[i].teller <= teller)
            return &steps[i];
    return NULL;
}

uint32_t payment_allowed(enum payment_state from)
{
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].teller == TOLD_BY_ANYBODY)
            allowed |= 1u << steps[i].move;
    return allowed;
}

static const struct {
    enum payment_money money;
    bool is_open;
} invariants[PAYMENT_STATES] = {
#define X(state, money, is_open) [state] = {money, is_open},
    PAYMENT_INVARIANTS(X)
#undef X
};

enum payment_money payment_state_money(enum payment_state state)
{
    return invariants[state].money;
}

bool payment_state_is_open(enum payment_state state)
{
    return invariants[state].is_open;
}
