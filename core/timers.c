#include "core/timers.h"

#include "core/check.h"

enum { RING_BITS = 6 };

/* The first tick that begins at or after the deadline: nothing is due early. */
static uint64_t tick_of(uint64_t deadline_ns)
{
    uint64_t tick = deadline_ns >> TIMER_TICK_BITS;
    return tick + ((deadline_ns & ((UINT64_C(1) << TIMER_TICK_BITS) - 1)) != 0);
}

static struct timer *timer_at(const struct timers *timers, uint32_t record)
{
    return memory_at(timers->records, record);
}

void timers_init(struct timers *timers, const struct memory *records)
{
    CHECK(records->granule_count <= TIMER_BUCKET);
    *timers = (struct timers){.records = records};
}

bool timer_is_running(const struct timer *timer)
{
    return timer->previous != 0;
}

static uint32_t digit(uint64_t tick, uint32_t ring)
{
    return tick >> (ring * RING_BITS) & (TIMER_BUCKETS - 1);
}

/* What is due already lies in the wheel's own bucket of the lowest ring. */
static uint32_t bucket_of(const struct timers *timers, uint64_t tick)
{
    if (tick < timers->tick)
        tick = timers->tick;
    uint64_t differs = tick ^ timers->tick;
    uint32_t ring = differs == 0 ? 0 : (63 - (uint32_t)__builtin_clzll(differs)) / RING_BITS;
    return ring * TIMER_BUCKETS + digit(tick, ring);
}

static void file(struct timers *timers, uint32_t record)
{
    struct timer *timer = timer_at(timers, record);
    uint32_t bucket = bucket_of(timers, tick_of(timer->deadline_ns));
    timer->next = timers->buckets[bucket];
    timer->previous = TIMER_BUCKET + bucket;
    if (timer->next != 0)
        timer_at(timers, timer->next)->previous = record;
    timers->buckets[bucket] = record;
    timers->nonempty[bucket / TIMER_BUCKETS] |= UINT64_C(1) << bucket % TIMER_BUCKETS;
}

static void unfile(struct timers *timers, struct timer *timer)
{
    if (timer->next != 0)
        timer_at(timers, timer->next)->previous = timer->previous;
    if (timer->previous >= TIMER_BUCKET) {
        uint32_t bucket = timer->previous - TIMER_BUCKET;
        timers->buckets[bucket] = timer->next;
        if (timer->next == 0)
            timers->nonempty[bucket / TIMER_BUCKETS] &= ~(UINT64_C(1) << bucket % TIMER_BUCKETS);
    } else {
        timer_at(timers, timer->previous)->next = timer->next;
    }
    timer->next = 0;
    timer->previous = 0;
}

inline void timers_set(struct timers *timers, uint32_t record, uint64_t deadline_ns)
{
    struct timer *timer = timer_at(timers, record);
    CHECK(!timer_is_running(timer));
    timer->deadline_ns = deadline_ns;
    file(timers, record);
    timers->running_count++;
}

void timers_clear(struct timers *timers, uint32_t record)
{
    struct timer *timer = timer_at(timers, record);
    CHECK(timer_is_running(timer));
    unfile(timers, timer);
    timers->running_count--;
}

/* Puts a bucket's records in front of the others. */
static uint32_t take_bucket(struct timers *timers, uint32_t bucket, uint32_t first)
{
    for (uint32_t record = timers->buckets[bucket], next; record != 0; record = next) {
        struct timer *timer = timer_at(timers, record);
        next = timer->next;
        timer->next = first;
        timer->previous = 0;
        first = record;
    }
    timers->buckets[bucket] = 0;
    return first;
}

uint32_t timers_take_all(struct timers *timers)
{
    uint32_t first = 0;
    for (uint32_t bucket = 0; bucket < TIMER_RINGS * TIMER_BUCKETS; bucket++)
        first = take_bucket(timers, bucket, first);
    for (uint32_t ring = 0; ring < TIMER_RINGS; ring++)
        timers->nonempty[ring] = 0;
    timers->running_count = 0;
    return first;
}

/* The tick at which time reaches a ring's first bucket. Every bucket lies ahead in the wheel's own
 * block, or is the one it stands in and has not been emptied yet. */
static uint64_t ring_tick(const struct timers *timers, uint32_t ring)
{
    uint64_t first = (uint64_t)__builtin_ctzll(timers->nonempty[ring]);
    uint64_t block = timers->tick >> (ring * RING_BITS + RING_BITS) << RING_BITS;
    uint64_t tick = (block | first) << (ring * RING_BITS);
    return tick > timers->tick ? tick : timers->tick;
}

/* The bucket that time reaches first, and the tick at which it does. */
static bool first_bucket(const struct timers *timers, uint32_t *bucket, uint64_t *tick)
{
    *tick = UINT64_MAX;
    *bucket = 0;
    for (uint32_t ring = 0; ring < TIMER_RINGS; ring++) {
        if (timers->nonempty[ring] == 0 || ring_tick(timers, ring) >= *tick)
            continue;
        *tick = ring_tick(timers, ring);
        *bucket = ring * TIMER_BUCKETS + (uint32_t)__builtin_ctzll(timers->nonempty[ring]);
    }
    return *tick != UINT64_MAX;
}

uint32_t timers_due(struct timers *timers, uint64_t now_ns, uint32_t *budget)
{
    uint64_t now_tick = now_ns >> TIMER_TICK_BITS;
    uint32_t bucket;
    uint64_t tick;
    while (*budget > 0 && first_bucket(timers, &bucket, &tick) && tick <= now_tick) {
        timers->tick = tick;
        --*budget;
        uint32_t record = timers->buckets[bucket];
        struct timer *timer = timer_at(timers, record);
        unfile(timers, timer);
        if (tick_of(timer->deadline_ns) <= tick) {
            timers->running_count--;
            return record;
        }
        file(timers, record);
    }
    return 0;
}

uint64_t timers_next_ns(const struct timers *timers)
{
    uint32_t bucket;
    uint64_t tick;
    return first_bucket(timers, &bucket, &tick) ? tick << TIMER_TICK_BITS : UINT64_MAX;
}
