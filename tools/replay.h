/* tools/replay.h - how a replay ends: the audit. */
#ifndef SPATE_TOOLS_REPLAY_H
#define SPATE_TOOLS_REPLAY_H

#include "tools/player.h"

struct audit {
    uint64_t orders;  /* asked for */
    uint64_t created; /* acknowledged, and found as they were sent */
    uint64_t lines;   /* of the orders found, likewise units and amount */
    uint64_t units;
    int64_t amount;   /* in minor units */
    uint64_t lost;    /* acknowledged, and not found */
    uint64_t undone;  /* found, but a payment or cancellation that was acknowledged is not in it */
    uint64_t ghosts;  /* refused, and found all the same */
    uint64_t changed; /* found with other contents */
    uint64_t skus;
    uint64_t oversold;   /* SKUs with more units in orders than were received */
    uint64_t unbalanced; /* SKUs whose stock is not received - ordered */
    uint64_t undersold;  /* SKUs that a buyer was refused though units are left for them */
};

/* Asks the servers for every order and every SKU's stock, and compares with the trace and the answers.
 * False: they could not be asked. */
bool replay_audit(const struct plan *plan, struct audit *audit);
bool audit_is_clean(const struct audit *audit);

#endif
