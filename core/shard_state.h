/* core/shard_state.h - what a shard consists of; for the files of core/ that carry out commands.
 *
 * Every part is in its own file with its own contract. */
#ifndef SPATE_CORE_SHARD_STATE_H
#define SPATE_CORE_SHARD_STATE_H

#include "core/audit.h"
#include "core/bug.h"
#include "core/flight.h"
#include "core/image.h"
#include "core/order.h"
#include "core/retry.h"
#include "core/rules.h"
#include "core/stock.h"
#include "core/topology.h"
#include "core/waiters.h"

struct shard {
    struct shard_options options;
    struct catalogue *catalogue;
    struct topology topology;
    struct rules rules;
    struct stock stock;
    struct orders orders;
    struct retries retries;
    struct flights flights;
    struct waiters waiters;
    uint64_t forget_at;      /* where the walk over the orders has come to; core/forget.h */
    uint64_t forget_next_ns; /* when it goes on */
    uint64_t window_next_ns; /* likewise, over the windows of limits */
    uint32_t window_at;
    uint64_t awake_ns;       /* when this shard was there for the last time; 0: never */
    uint64_t awake_clock_ns; /* likewise, by the turn's other clock; 0: not since it was begun */
    uint64_t seen;           /* the newest sequence that the catalogue has shown to this shard */

    /* room to think; nothing in it outlives a call */
    struct plan plan;
    struct hold_shorts shorts;
    struct hold_line asked[ORDER_LINES_MAX];
    struct command_line wanted[ORDER_LINES_MAX]; /* of attempt_take: SKU and units */
    struct hold_line granted[ORDER_LINES_MAX];   /* in the order of `wanted` */
    struct rules_line rules_lines[ORDER_LINES_MAX];
    struct audit audit;
    struct child_line parcel_lines[ORDER_LINES_MAX];
    struct child_return_line return_lines[ORDER_LINES_MAX];
    struct cancel_line cancel_lines[ORDER_LINES_MAX];
    uint8_t *record_space; /* RECORD_BYTES_MAX */
};

static inline bool shard_owns(const struct shard *shard, uint32_t slot)
{
    return shard->options.slot_shard[slot] == shard->options.shard;
}

/* What every shard may know of a SKU, wherever it lives. */
struct sku_terms {
    int64_t list_price;
    uint32_t currency;
    uint8_t flags;
};
/* False: there is no such SKU. Reading may raise `seen`. */
bool shard_sku_terms(struct shard *shard, uint32_t sku, struct sku_terms *out);

/* Begins an event; its slices are appended with event_add, or with event_extend by whoever fills in
 * every byte of the slice. */
struct event *shard_event(struct shard *shard, struct turn *turn, enum event_kind kind,
                          struct text by);
static inline void *event_extend(struct turn *turn, struct event *event, uint32_t bytes)
{
    event->bytes += bytes_padded(bytes);
    event->slice_count++;
    return pile_extend(&turn->events, bytes);
}
static inline void *event_add(struct turn *turn, struct event *event, uint32_t slot,
                              enum slice_kind kind, uint32_t bytes)
{
    struct slice *slice = memset(event_extend(turn, event, bytes), 0, bytes_padded(bytes));
    *slice = slice_head(slot, kind, bytes);
    return slice;
}

/* Topology and rules are known to every shard. */
static inline bool shard_concerns_all(const struct event *event)
{
    return event->kind == EVENT_WAREHOUSE_PUT || event->kind == EVENT_REGION_COSTS ||
           event->kind == EVENT_RULES_PUT;
}

static inline bool slice_is_of_stock(const struct slice *slice)
{
    return slice->kind >= SLICE_STOCK_RESERVE && slice->kind < SLICE_RETRY;
}

/* What `apply` does to one slot. */
enum shard_table shard_apply_slice(struct shard *shard, struct position position,
                                   const struct event *event, const struct slice *slice);

/* Applies an event whose slices are all there: own ones at once, the others go to their shards. */
void shard_apply(struct shard *shard, struct turn *turn, const struct event *event);

/* Free units that nobody holds become an order's, on the SKUs' shard. */
void shard_take(struct shard *shard, const struct slice_stock_units *line);

/* The two ends of a hold, likewise: its line is an order's now; its lines are free. */
void shard_settle(struct shard *shard, const struct slice_stock_units *line);
void shard_unhold(struct shard *shard, const struct hold_buyer *buyer,
                  const struct hold_line *lines, uint32_t line_count);

/* MESSAGE_SETTLE, MESSAGE_SLICES: what another shard's event does to this one. */
void shard_apply_effect(struct shard *shard, const struct message_slices *message);

#endif
