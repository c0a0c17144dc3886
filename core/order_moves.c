#include "core/order.h"

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

bool order_state_reserves(enum order_state state)
{
    return state == ORDER_PENDING_PAYMENT || state == ORDER_IN_REVIEW ||
           state == ORDER_PAYMENT_FAILED;
}

bool order_state_commits(enum order_state state)
{
    return state == ORDER_PAID || state == ORDER_PARTIALLY_SHIPPED || state == ORDER_SHIP_FAILED;
}

bool order_state_is_terminal(enum order_state state)
{
    return state == ORDER_REJECTED || state == ORDER_EXPIRED || state == ORDER_CANCELLED ||
           state == ORDER_COMPLETED;
}
