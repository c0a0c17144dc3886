/* core/prefetch.h - memory that will be needed is asked for ahead. */
#ifndef SPATE_CORE_PREFETCH_H
#define SPATE_CORE_PREFETCH_H

/* The statement of assembly says nothing, and must stay: over whole programs gcc 12 takes a function that
 * only prefetches for one without any effect, and leaves out its calls. */
static inline void prefetch_line(const void *at)
{
    __builtin_prefetch(at);
    __asm__ volatile("");
}

static inline void prefetch_to_write(const void *at)
{
    __builtin_prefetch(at, 1);
    __asm__ volatile("");
}

#endif
