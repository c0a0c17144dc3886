/* core/audit.h - whether the equations hold over all shards at one moment, while everything goes on.
 *
 *   the one who is asked          everybody else
 *   notes its own sides
 *   a marker to everybody ──────▶ the first marker: notes its own sides, markers to everybody
 *          ◀────────────────────  one from each: what comes before it was on its way at that moment
 *   adds up ◀── audited ────────  all markers have come: its sides, and what was on its way
 *
 * Messages between two shards keep their order, so what was sent before the sender noted its sides
 * comes before its marker. Slices that come after a shard has noted its own and before the sender's
 * marker are therefore in the sender's sides and not in its own: that is what is in flight. An
 * equation holds if left + in flight == right, summed over all shards. */
#ifndef SPATE_CORE_AUDIT_H
#define SPATE_CORE_AUDIT_H

#include "core/message.h"
#include "core/result.h"
#include "core/shard.h"

struct message_marker {
    struct message head;
    uint64_t number; /* of the audit */
};

struct message_audited {
    struct message head;
    uint64_t number;
    uint32_t count;
    uint32_t zero;
    struct result_equation equations[];
};

struct audit {
    uint64_t number;  /* of the last one that this shard has seen */
    uint64_t waiting; /* a bit for each shard whose marker has not come */
    uint32_t count;
    struct result_equation equations[EQUATIONS_MAX]; /* its own */

    /* with the one who was asked */
    uint64_t missing; /* a bit for each shard that has not said its sides; 0: nobody has asked */
    struct origin origin;
    uint64_t request;
    struct result_equation sums[EQUATIONS_MAX];
};

/* One at a time: CODE_BUSY for another one. */
void audit_request(struct shard *shard, struct turn *turn, const struct request *request);
void audit_marker(struct shard *shard, struct turn *turn, const struct message_marker *marker);
void audit_audited(struct shard *shard, struct turn *turn, const struct message_audited *audited);

/* Around the slices of a message: what they change was in flight, if they are from before its sender's
 * marker. */
struct audit_sides {
    bool counts;
    struct equation before[EQUATIONS_MAX];
};
void audit_before(const struct shard *shard, uint32_t from, struct audit_sides *sides);
void audit_after(struct shard *shard, const struct audit_sides *sides);

#endif
