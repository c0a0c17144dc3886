/* core/atomics.h - the only atomics there are, by name of what they order.
 *
 * Everything that two threads share goes through these, so that a test build can put an explorer of
 * all interleavings in their place (SPATE_EXPLORE). Each use names its partner in a comment. */
#ifndef SPATE_CORE_ATOMICS_H
#define SPATE_CORE_ATOMICS_H

#include <stdbool.h>
#include <stdint.h>

struct atomic64 {
    uint64_t value;
};

#ifdef SPATE_EXPLORE
uint64_t atomic_load(const struct atomic64 *cell);          /* acquire */
void atomic_store(struct atomic64 *cell, uint64_t value);   /* release */
uint64_t atomic_add(struct atomic64 *cell, uint64_t value); /* returns the value before */
uint64_t atomic_or(struct atomic64 *cell, uint64_t bits);   /* returns the value before */
uint64_t atomic_and(struct atomic64 *cell, uint64_t bits);  /* returns the value before */
bool atomic_swap_if(struct atomic64 *cell, uint64_t expected, uint64_t value);
void atomic_fence(void); /* sequentially consistent */
#else

static inline uint64_t atomic_load(const struct atomic64 *cell)
{
    return __atomic_load_n(&cell->value, __ATOMIC_ACQUIRE);
}

static inline void atomic_store(struct atomic64 *cell, uint64_t value)
{
    __atomic_store_n(&cell->value, value, __ATOMIC_RELEASE);
}

static inline uint64_t atomic_add(struct atomic64 *cell, uint64_t value)
{
    return __atomic_fetch_add(&cell->value, value, __ATOMIC_SEQ_CST);
}

static inline uint64_t atomic_or(struct atomic64 *cell, uint64_t bits)
{
    return __atomic_fetch_or(&cell->value, bits, __ATOMIC_SEQ_CST);
}

static inline uint64_t atomic_and(struct atomic64 *cell, uint64_t bits)
{
    return __atomic_fetch_and(&cell->value, bits, __ATOMIC_SEQ_CST);
}

static inline bool atomic_swap_if(struct atomic64 *cell, uint64_t expected, uint64_t value)
{
    return __atomic_compare_exchange_n(&cell->value, &expected, value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_ACQUIRE);
}

static inline void atomic_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#endif

#endif
