/* tools/replay.h - what a replay remembers of every order, and how it ends: the audit. */
#ifndef SPATE_TOOLS_REPLAY_H
#define SPATE_TOOLS_REPLAY_H

#include "io/client/spate.h"
#include "io/histogram.h"
#include "tools/trace.h"

enum order_fate {
    FATE_UNKNOWN, /* not sent, or never answered */
    FATE_CREATED,
    FATE_REFUSED, /* out of stock, over a limit */
    FATE_FAILED,  /* anything else: it should not happen */
};

struct fates {
    uint64_t count;
    uint8_t *fate; /* by the order's number in the trace */
};

struct audit {
    uint64_t orders;  /* asked for */
    uint64_t created; /* acknowledged, and found as they were sent */
    uint64_t lost;    /* acknowledged, and not found */
    uint64_t ghosts;  /* refused, and found all the same */
    uint64_t changed; /* found with other contents */
    uint64_t skus;
    uint64_t oversold;   /* SKUs with more units in orders than were received */
    uint64_t unbalanced; /* SKUs whose stock is not received - ordered */
    uint64_t undersold;  /* SKUs that a buyer was refused though units are left for them */
};

/* Asks the server for every order and every SKU's stock, and compares with the trace and the answers.
 * False: the server could not be asked. `numbers` are the SKUs' on this server. */
bool replay_audit(struct spate *client, const struct trace *trace, const struct fates *fates,
                  const uint32_t *numbers, struct audit *audit);
bool audit_is_clean(const struct audit *audit);

#endif
