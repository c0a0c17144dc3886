/* core/hold.h - units set aside for an order that is being put together, on the SKUs' shard.
 *
 * A hold is a promise in memory: free units become held ones until the order's home says settle
 * (they are reserved now) or unhold (they are free again). It takes all of its lines or none.
 *
 *   granted  every line has its warehouse, and the units are set aside
 *   short    it would fail even if all pending holds were given back
 *   busy     it fails, or would pass somebody who waits, and pending holds may yet be given back
 *
 * A first attempt that is busy goes away. An ordered one waits (core/waiters.h). Orders ask their
 * shards in ascending order and hold only on those below while they wait, so waiting never goes in a
 * circle.
 */
#ifndef SPATE_CORE_HOLD_H
#define SPATE_CORE_HOLD_H

#include "core/memory.h"
#include "core/message.h"
#include "core/result.h"
#include "core/stock.h"
#include "core/topology.h"

/* One line of a hold; what follows the units is filled in by the grant. */
struct hold_line {
    uint32_t sku;
    uint32_t units;
    uint32_t window_s;
    uint8_t warehouse;
    uint8_t capped; /* its channel has a cap, and its units count against that */
    uint8_t zero[2];
};

/* Whose limits the units count against. */
struct hold_buyer {
    uint64_t customer; /* key_hash */
    uint64_t channel;  /* key_hash; 0: none */
};

/* Who asks, and what for. Lines of one SKU stand together, those with most units first. */
struct hold_ask {
    uint64_t flight; /* the home's name for it */
    uint64_t at_ns;
    struct hold_buyer buyer;
    uint32_t home;
    uint32_t line_count;
    uint16_t region; /* its number; REGIONS_MAX: none that is known */
    bool ordered;
    bool single;       /* one warehouse for all lines, if there is any; otherwise line by line */
    uint8_t warehouse; /* all lines from this one; WAREHOUSE_NONE: choose */
    bool unlimited;    /* they count against no limit: they did so before */
    uint8_t zero[2];
};

/* ---- messages ---------------------------------------------------------------------------------- */

/* MESSAGE_HOLD and MESSAGE_ASK_ABLE. */
struct message_hold {
    struct message head;
    struct hold_ask ask;
    struct hold_line lines[];
};

struct message_granted {
    struct message head;
    uint64_t flight;
    uint32_t line_count;
    uint32_t zero;
    struct hold_line lines[];
};

struct message_short {
    struct message head;
    uint64_t flight;
    uint32_t code; /* enum code */
    uint32_t line_count;
    struct short_line lines[];
};

struct message_busy {
    struct message head;
    uint64_t flight;
};

struct message_able {
    struct message head;
    uint64_t flight;
    uint64_t warehouses; /* one bit each */
    uint64_t later;      /* likewise, if all pending holds were given back */
};

struct message_unhold {
    struct message head;
    struct hold_buyer buyer;
    uint32_t line_count;
    uint32_t zero;
    struct hold_line lines[];
};

/* MESSAGE_SETTLE and MESSAGE_SLICES; behind it the slices, byte for byte as in the log. */
struct message_slices {
    struct message head;
    uint32_t slice_count;
    uint32_t zero;
};

/* ---- deciding ---------------------------------------------------------------------------------- */

enum hold_outcome { HOLD_GRANTED, HOLD_BUSY, HOLD_SHORT }; /* from good to bad */

/* What a refusal says: which SKUs, and how many could be had of each. */
struct hold_shorts {
    enum code code;
    uint32_t line_count;
    struct short_line lines[ORDER_LINES_MAX];
};

/* Looks at one ask as if nobody waited; changes nothing. GRANTED: warehouses and windows are in the
 * lines. SHORT: the reason is in `shorts`. Expects SKUs of this shard. */
enum hold_outcome hold_decide(const struct stock *stock, const struct topology *topology,
                              const struct hold_ask *ask, struct hold_line *lines,
                              struct hold_shorts *shorts, const bool *bug);

/* The warehouses that could ship all lines now, or with what is held, one bit each; likewise. */
uint64_t hold_able(const struct stock *stock, const struct hold_line *lines, uint32_t line_count,
                   bool with_held);
/* The one of them that is tried first; WAREHOUSE_NONE: there is none. */
uint8_t hold_first_of(const struct topology *topology, uint32_t region, uint64_t warehouses);

void hold_take(struct stock *stock, const struct hold_buyer *buyer, const struct hold_line *lines,
               uint32_t line_count);
void hold_drop(struct stock *stock, const struct hold_buyer *buyer, const struct hold_line *lines,
               uint32_t line_count);

#endif
