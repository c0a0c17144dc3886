/* tests/sim/any_command.h - any command there is, with any of its fields, about a small world of few
 * names: so that commands meet each other. */
#ifndef SPATE_TESTS_SIM_ANY_COMMAND_H
#define SPATE_TESTS_SIM_ANY_COMMAND_H

#include "core/result.h"
#include "tests/sim/stream.h"

enum {
    ANY_SKUS = 6,
    ANY_NEW_SKUS = 200, /* that come into being meanwhile: NEW-0 ... */
    ANY_WAREHOUSES = 3,
    ANY_ORDERS = 500,
    ANY_COMMAND_BYTES_MAX = 4096,
};

struct any {
    struct stream *workload;
    uint32_t skus[ANY_SKUS];
    uint64_t now_ns;
    uint64_t pay_within_ns; /* the latest that an order says */
    uint64_t keys;          /* that were used so far */
    uint32_t caller;
    uint64_t *drawn;       /* commands, by everybody: what they are about moves on with it */
    uint32_t weights[128]; /* by op: how often; see any_mix */
};

/* Every rule set there is begins with this one: what NOBODY orders is rejected. */
#define ANY_NOBODY "nobody"
#define ANY_RULE   "rule nobody on order.create when customer == nobody then reject nobody\n"

/* Draws how often each op comes; some never do. */
void any_mix(struct any *any);
/* Writes a command; returns its bytes. Mostly one that command_check finds good. */
uint32_t any_command(struct any *any, void *at, uint64_t request);

/* Done again, it gets the first answer again: it is known by its id or its key. */
bool any_is_known_again(const struct command *command);
/* Which of the new SKUs it puts or asks for; ANY_NEW_SKUS: none. */
uint32_t any_new_sku(const struct command *command);
/* The order that it is about; empty: none. */
struct text any_order(const struct command *command);

#endif
