#include "core/order_moves.h"

static const struct order_step steps[] = {
#define X(from, move, to, stock) {from, move, to, stock},
    ORDER_MOVES(X)
#undef X
};

const struct order_step *order_step(enum order_state from, enum order_move move)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].move == move)
            return &steps[i];
    return NULL;
}

const struct order_step *order_step_to(enum order_state from, enum order_state to)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].to == to)
            return &steps[i];
    return NULL;
}

uint32_t order_allowed(enum order_state from)
{
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from)
            allowed |= 1u << steps[i].move;
    return allowed;
}

static const struct order_invariant invariants[ORDER_STATES] = {
#define X(state, units, deadline, money) [state] = {units, deadline, money},
    ORDER_INVARIANTS(X)
#undef X
};

const struct order_invariant *order_invariant(enum order_state state)
{
    return &invariants[state];
}

bool order_state_reserves(enum order_state state)
{
    return invariants[state].units == UNITS_RESERVED;
}

bool order_state_commits(enum order_state state)
{
    return invariants[state].units == UNITS_COMMITTED;
}

bool order_state_is_terminal(enum order_state state)
{
    return invariants[state].deadline == DEADLINE_OVER;
}
