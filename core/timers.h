/* core/timers.h - deadlines of records, in a wheel of wheels.
 *
 * A tick is 2^20 ns, about a millisecond. A record whose tick first differs from the wheel's own in
 * its n-th group of 6 bits, counted from the lowest, lies in ring n, in the bucket of those 6 bits;
 * when the wheel comes there, it is filed again in a lower ring, or is due. So setting and clearing
 * are O(1), a step of time is O(1) however long it was, and the work is done record by record: as
 * much at a time as the caller allows.
 *
 * The links stand in the records: struct timer comes first in each. */
#ifndef SPATE_CORE_TIMERS_H
#define SPATE_CORE_TIMERS_H

#include "core/memory.h"

enum { TIMER_RINGS = 8, TIMER_BUCKETS = 64, TIMER_TICK_BITS = 20 };
#define TIMER_BUCKET (UINT32_MAX - TIMER_RINGS * TIMER_BUCKETS)

struct timer {
    uint64_t deadline_ns; /* the owner's to use while no timer runs */
    uint32_t next;
    uint32_t previous; /* 0: not running; TIMER_BUCKET and above: it is the first of a bucket */
};

struct timers {
    const struct memory *records; /* at most TIMER_BUCKET granules */
    uint64_t tick;
    uint32_t running_count;
    uint64_t nonempty[TIMER_RINGS];
    uint32_t buckets[TIMER_RINGS * TIMER_BUCKETS];
};

void timers_init(struct timers *timers, const struct memory *records);

/* Expects that the record's timer does not run; timer_is_running. */
void timers_set(struct timers *timers, uint32_t record, uint64_t deadline_ns);
/* Expects that it runs. */
void timers_clear(struct timers *timers, uint32_t record);
bool timer_is_running(const struct timer *timer);

/* Every record with a running timer, cleared, one behind the other by their `next`; 0 at the end. */
uint32_t timers_take_all(struct timers *timers);

/* A record whose deadline has passed, its timer cleared; 0: none, or *budget is used up. Every
 * record that is looked at costs one. A clock that went backwards only makes things wait. */
uint32_t timers_due(struct timers *timers, uint64_t now_ns, uint32_t *budget);

/* When timers_due has something to do; UINT64_MAX: nothing runs. */
uint64_t timers_next_ns(const struct timers *timers);

#endif
