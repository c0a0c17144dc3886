/* io/cut.h - one stretch of memory, cut into pieces that begin on a page.
 *
 * The same walk measures (at == NULL) and lays out, so that the two cannot differ. */
#ifndef SPATE_IO_CUT_H
#define SPATE_IO_CUT_H

#include <stddef.h>
#include <stdint.h>

struct cut {
    uint8_t *at; /* NULL while only measuring */
    size_t used_bytes;
};

static inline void *cut_off(struct cut *cut, size_t bytes)
{
    size_t begin = (cut->used_bytes + 4095) & ~(size_t)4095;
    cut->used_bytes = begin + bytes;
    return cut->at == NULL ? NULL : cut->at + begin;
}

#endif
