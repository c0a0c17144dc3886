#include "core/return_moves.h"

static const struct return_step steps[] = {
#define X(from, move, to, effect) {from, move, to, effect},
    RETURN_MOVES(X)
#undef X
};

const struct return_step *return_step(enum return_state from, enum return_move move)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].move == move)
            return &steps[i];
    return NULL;
}

uint32_t return_allowed(enum return_state from)
{
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from)
            allowed |= 1u << steps[i].move;
    return allowed;
}

static const struct {
    enum return_judgement lines;
    bool is_open;
} invariants[RETURN_STATES] = {
#define X(state, lines, is_open) [state] = {lines, is_open},
    RETURN_INVARIANTS(X)
#undef X
};

enum return_judgement return_state_lines(enum return_state state)
{
    return invariants[state].lines;
}

bool return_state_is_open(enum return_state state)
{
    return invariants[state].is_open;
}
