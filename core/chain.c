#include "core/chain.h"

static uint32_t next_of(const struct chain *chain, uint32_t record)
{
    return *chain->next(chain->records, record);
}

/* Cuts behind the longest run in order that begins here; what is behind it. */
static uint32_t cut_run(const struct chain *chain, uint32_t first)
{
    uint32_t last = first, behind;
    while ((behind = next_of(chain, last)) != 0 && !chain->is_before(chain->records, behind, last))
        last = behind;
    *chain->next(chain->records, last) = 0;
    return behind;
}

static uint32_t merge(const struct chain *chain, uint32_t a, uint32_t b)
{
    uint32_t first = 0;
    uint32_t *end = &first;
    while (a != 0 && b != 0) {
        uint32_t *from = chain->is_before(chain->records, b, a) ? &b : &a;
        *end = *from;
        end = chain->next(chain->records, *from);
        *from = *end;
    }
    *end = a != 0 ? a : b;
    return first;
}

/* Runs wait in `sorted` by the power of two that they are worth, as in adding one to a number. */
uint32_t chain_sort(const struct chain *chain, uint32_t first)
{
    uint32_t sorted[32] = {0};
    uint32_t top = 0;
    while (first != 0) {
        uint32_t run = first, i = 0;
        first = cut_run(chain, run);
        for (; sorted[i] != 0; i++) {
            run = merge(chain, sorted[i], run);
            sorted[i] = 0;
        }
        sorted[i] = run;
        top = i > top ? i : top;
    }
    uint32_t all = 0;
    for (uint32_t i = 0; i <= top; i++)
        if (sorted[i] != 0)
            all = all != 0 ? merge(chain, sorted[i], all) : sorted[i];
    return all;
}
