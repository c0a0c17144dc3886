/* core/chain.h - sorts records that are linked by 32-bit references, without memory of its own. */
#ifndef SPATE_CORE_CHAIN_H
#define SPATE_CORE_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

struct chain {
    void *records;
    uint32_t *(*next)(void *records, uint32_t record); /* 0 at the end */
    bool (*is_before)(void *records, uint32_t a, uint32_t b);
};

/* The first of the chain that begins with `first`, sorted; equal ones stay as they stand. A chain that
 * is in order already is only walked through. */
uint32_t chain_sort(const struct chain *chain, uint32_t first);

#endif
