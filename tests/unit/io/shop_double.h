/* tests/unit/io/shop_double.h - what HTTP asks of a shop, for tests without one: a catalogue of a
 * few SKUs and the names of two warehouses. */
#ifndef SPATE_TESTS_UNIT_IO_SHOP_DOUBLE_H
#define SPATE_TESTS_UNIT_IO_SHOP_DOUBLE_H

#include "core/catalogue.h"
#include "core/shard.h"

#include <string.h>

/* SKU-1 .. SKU-9 have the numbers 1 .. 9, and were changed in the sequences 11 .. 19. */
uint32_t catalogue_find(const struct catalogue *catalogue, struct text code)
{
    (void)catalogue;
    bool is_known =
        code.bytes == 5 && memcmp(code.at, "SKU-", 4) == 0 && code.at[4] > '0' && code.at[4] <= '9';
    return is_known ? (uint32_t)(code.at[4] - '0') : 0;
}

bool catalogue_read(const struct catalogue *catalogue, uint32_t sku, struct catalogue_sku *out)
{
    (void)catalogue;
    if (sku < 1 || sku > 9)
        return false;
    *out = (struct catalogue_sku){.sku = sku, .seen = 10 + sku, .code_bytes = 5};
    memcpy(out->code, "SKU-", 4);
    out->code[4] = (char)('0' + sku);
    return true;
}

struct text shard_warehouse(const struct shard *shard, uint32_t warehouse)
{
    (void)shard;
    return (struct text){warehouse == 0 ? "w1" : "w2", 2};
}

#endif
