#include "io/lines.h"

#include <string.h>
#include <unistd.h>

void lines_put(struct lines *lines, uint32_t actor, enum env_level level, uint64_t now_ns,
               const char *text)
{
    struct lines_ring *ring = &lines->rings[actor];
    if (level > atomic_load(&lines->level)) /* pairs with whoever changes the options */
        return;
    uint64_t put = ring->put.value;
    if (put - atomic_load(&ring->taken) == LINES_RING) { /* pairs with the store in lines_drain */
        atomic_store(&ring->lost, ring->lost.value + 1); /* pairs with the load in lines_lost */
        return;
    }
    struct line *line = &ring->at[put % LINES_RING];
    line->now_ns = now_ns;
    line->level = level;
    line->bytes = (uint32_t)strnlen(text, LINE_BYTES_MAX);
    memcpy(line->text, text, line->bytes);
    atomic_store(&ring->put, put + 1); /* pairs with the load in oldest */
    if (lines->bell >= 0)
        (void)!write(lines->bell, &(uint64_t){1}, sizeof(uint64_t));
}
