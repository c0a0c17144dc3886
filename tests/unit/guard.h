/* tests/unit/guard.h - memory that ends where the next byte faults. */
#ifndef SPATE_TESTS_UNIT_GUARD_H
#define SPATE_TESTS_UNIT_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { GUARD_PAGE_BYTES = 4096 };

struct guard {
    uint8_t *pages;
    size_t page_bytes;
};

static inline struct guard guard_open(size_t bytes)
{
    size_t page_bytes = (bytes + GUARD_PAGE_BYTES - 1) / GUARD_PAGE_BYTES * GUARD_PAGE_BYTES;
    uint8_t *pages = mmap(NULL, page_bytes + GUARD_PAGE_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + page_bytes, GUARD_PAGE_BYTES, PROT_NONE) != 0)
        abort();
    return (struct guard){pages, page_bytes};
}

/* The last `bytes` of it. */
static inline void *guard_last(const struct guard *guard, size_t bytes)
{
    return guard->pages + guard->page_bytes - bytes;
}

static inline void guard_close(struct guard *guard)
{
    munmap(guard->pages, guard->page_bytes + GUARD_PAGE_BYTES);
}

#endif
