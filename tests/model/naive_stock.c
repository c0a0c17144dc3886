#include "tests/model/naive.h"

enum code naive_warehouse_put(struct naive *naive, uint32_t warehouse, uint32_t priority)
{
    bool known = naive->warehouse_known[warehouse];
    naive->warehouse_known[warehouse] = true;
    naive->priority[warehouse] = priority;
    return known ? CODE_OK : CODE_CREATED;
}

enum code naive_sku_put(struct naive *naive, uint32_t sku, uint64_t max_per_order)
{
    bool known = naive->skus[sku].known;
    naive->skus[sku].known = true;
    naive->skus[sku].max_per_order = max_per_order;
    return known ? CODE_OK : CODE_CREATED;
}

enum code naive_resolve(const struct naive *naive, uint32_t sku)
{
    return naive->skus[sku].known ? CODE_OK : CODE_UNKNOWN_SKU;
}

/* ---- stock ------------------------------------------------------------------------------------------ */

static enum code change_cell(struct naive_cell *cell, const struct naive_key *change)
{
    int64_t free = 0, quarantined = 0, incoming = 0;
    switch (change->op) {
    case OP_STOCK_RECEIVE:
        free = change->units;
        quarantined = change->damaged;
        incoming = -(free + quarantined);
        if (-incoming > (int64_t)cell->incoming)
            incoming = -(int64_t)cell->incoming;
        break;
    case OP_STOCK_EXPECT:
        incoming = change->units;
        break;
    case OP_STOCK_ADJUST:
        free = change->units;
        break;
    case OP_STOCK_QUARANTINE:
        free = -change->units;
        quarantined = change->units;
        break;
    case OP_STOCK_CLEAR:
        free = change->units;
        quarantined = -change->units;
        break;
    default:
        quarantined = -change->units;
        break;
    }
    if ((int64_t)cell->free + free < 0 || (int64_t)cell->quarantined + quarantined < 0)
        return CODE_OUT_OF_STOCK;
    cell->free = (uint64_t)((int64_t)cell->free + free);
    cell->quarantined = (uint64_t)((int64_t)cell->quarantined + quarantined);
    cell->incoming = (uint64_t)((int64_t)cell->incoming + incoming);
    cell->version++;
    cell->known = true;
    return CODE_OK;
}

enum code naive_change(struct naive *naive, uint32_t key, const struct naive_key *change)
{
    struct naive_key *known = &naive->keys[key];
    if (!naive->skus[change->sku].known)
        return CODE_UNKNOWN_SKU;
    if (known->used) {
        bool same = known->op == change->op && known->sku == change->sku &&
                    known->warehouse == change->warehouse && known->units == change->units &&
                    known->damaged == change->damaged;
        return same ? CODE_REPLAYED : CODE_KEY_REUSED;
    }
    if (!naive->warehouse_known[change->warehouse])
        return CODE_UNKNOWN_WAREHOUSE;
    enum code code = change_cell(&naive->skus[change->sku].cells[change->warehouse], change);
    if (code == CODE_OK) {
        *known = *change;
        known->used = true;
    }
    return code;
}
