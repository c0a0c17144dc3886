/* core/waiters.h - who waits here for units that pending holds may yet give back.
 *
 * Owned by the SKUs' shard. A waiter is an ordered hold that found it busy; it holds nothing here.
 * It stands in the queue of each SKU that it wants, in order of arrival:
 *
 *   SKU A ──▶ first ──▶ third ──▶ fourth
 *   SKU B ──▶ second ─▶ third
 *
 * and may have its units when it is the first in all of its queues. So nobody passes an older waiter
 * that wants the same SKU, and a change to a SKU concerns those in its queue alone. Whoever leaves
 * changes its SKUs for those behind it. */
#ifndef SPATE_CORE_WAITERS_H
#define SPATE_CORE_WAITERS_H

#include "core/hold.h"

/* A place in the queue of one SKU. References to it count granules, like those to records. */
struct waiter_place {
    uint32_t next;
    uint32_t previous;
    uint32_t waiter;
    uint32_t sku;
};
_Static_assert(sizeof(struct waiter_place) % MEMORY_GRANULE_BYTES == 0, "they follow each other");

/* Behind it: its lines. */
struct waiter {
    uint32_t bytes;
    uint32_t place_count; /* one for each SKU */
    struct hold_ask ask;
    uint64_t zero;
    struct waiter_place places[];
};
_Static_assert(sizeof(struct waiter) % MEMORY_GRANULE_BYTES == 0, "places begin with a granule");

struct waiters {
    struct memory *memory;
    struct stock *stock;
    uint32_t count;
    uint32_t changed_first; /* SKUs whose queues are to be looked at */
    uint32_t changed_last;
};

enum { WAITERS_MAX = 1024 };

void waiters_init(struct waiters *waiters, struct memory *memory, struct stock *stock);

/* Whether somebody waits for one of these SKUs. */
bool waiters_want(const struct waiters *waiters, const struct hold_line *lines,
                  uint32_t line_count);

/* At the end of the queues of its SKUs. False: there are too many, or the memory is full. */
bool waiters_add(struct waiters *waiters, const struct hold_ask *ask,
                 const struct hold_line *lines) MUST_LOOK;
/* Out of all its queues, which are to be looked at then. */
void waiters_remove(struct waiters *waiters, uint32_t waiter);

/* Something has changed about a SKU. */
void waiters_changed(struct waiters *waiters, uint32_t sku);
static inline bool waiters_have_changed(const struct waiters *waiters)
{
    return waiters->changed_first != 0;
}
/* Takes the SKU that has changed first; expects that there is one. */
uint32_t waiters_take_changed(struct waiters *waiters);

/* A SKU's queue: its first place, and the one behind; 0 at the end. */
uint32_t waiters_first(const struct waiters *waiters, uint32_t sku);
static inline const struct waiter_place *waiters_place(const struct waiters *waiters,
                                                       uint32_t place)
{
    return memory_at(waiters->memory, place);
}

const struct waiter *waiters_at(const struct waiters *waiters, uint32_t waiter);
const struct hold_line *waiter_lines(const struct waiter *waiter);
/* Nobody older wants one of its SKUs. */
bool waiters_is_next(const struct waiters *waiters, uint32_t waiter);

#endif
