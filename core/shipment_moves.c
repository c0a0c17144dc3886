#include "core/shipment_moves.h"

static const struct shipment_step steps[] = {
#define X(from, move, to, effect) {from, move, to, effect},
    SHIPMENT_MOVES(X)
#undef X
};

const struct shipment_step *shipment_step(enum shipment_state from, enum shipment_move move)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].move == move)
            return &steps[i];
    return NULL;
}

uint32_t shipment_allowed(enum shipment_state from)
{
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from)
            allowed |= 1u << steps[i].move;
    return allowed;
}

static const struct {
    enum shipment_units units;
    bool has_failed;
} invariants[SHIPMENT_STATES] = {
#define X(state, units, has_failed) [state] = {units, has_failed},
    SHIPMENT_INVARIANTS(X)
#undef X
};

enum shipment_units shipment_state_units(enum shipment_state state)
{
    return invariants[state].units;
}

bool shipment_state_has_failed(enum shipment_state state)
{
    return invariants[state].has_failed;
}

bool shipment_state_is_unsent(enum shipment_state state)
{
    return invariants[state].units == COUNTED_PLANNED;
}
