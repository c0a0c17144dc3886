#include "tests/model/naive.h"

#include <string.h>

enum code naive_warehouse_put(struct naive *naive, uint32_t warehouse, uint32_t priority)
{
    bool known = naive->warehouse_known[warehouse];
    naive->warehouse_known[warehouse] = true;
    naive->priority[warehouse] = priority;
    return known ? CODE_OK : CODE_CREATED;
}

enum code naive_sku_put(struct naive *naive, uint32_t sku, const struct naive_sku *put)
{
    struct naive_sku *known = &naive->skus[sku];
    bool is_new = !known->known;
    known->known = true;
    known->max_per_order = put->max_per_order;
    known->max_per_customer = put->max_per_customer;
    known->window_s = put->window_s;
    memcpy(known->caps, put->caps, sizeof known->caps);
    return is_new ? CODE_CREATED : CODE_OK;
}

enum code naive_costs_put(struct naive *naive, uint32_t region,
                          const bool has_cost[NAIVE_WAREHOUSES],
                          const uint64_t cost[NAIVE_WAREHOUSES])
{
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++)
        if (has_cost[w] && !naive->warehouse_known[w])
            return CODE_UNKNOWN_WAREHOUSE;
    bool known = naive->region_known[region];
    naive->region_known[region] = true;
    memcpy(naive->has_cost[region], has_cost, sizeof naive->has_cost[region]);
    memcpy(naive->cost[region], cost, sizeof naive->cost[region]);
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
    cell->version += change->op != OP_STOCK_EXPECT;
    cell->known = true;
    return CODE_OK;
}

static enum code kept_terms(struct naive_terms terms)
{
    if (terms.too_old)
        return CODE_EXPIRED_REQUEST;
    return terms.stale ? CODE_STALE : CODE_OK;
}

enum code naive_change(struct naive *naive, uint32_t key, const struct naive_key *change)
{
    struct naive_key *known = &naive->keys[key];
    if (!naive->skus[change->sku].known)
        return CODE_UNKNOWN_SKU;
    if (known->used) {
        bool same = known->op == change->op && known->sku == change->sku &&
                    known->warehouse == change->warehouse && known->units == change->units &&
                    known->damaged == change->damaged && known->reason == change->reason &&
                    known->if_version == change->if_version;
        return same ? CODE_REPLAYED : CODE_KEY_REUSED;
    }
    if (!naive->warehouse_known[change->warehouse])
        return CODE_UNKNOWN_WAREHOUSE;
    enum code code = kept_terms(change->terms);
    if (code == CODE_OK)
        code = change_cell(&naive->skus[change->sku].cells[change->warehouse], change);
    if (code == CODE_OK) {
        *known = *change;
        known->used = true;
    }
    return code;
}

enum code naive_count(struct naive *naive, uint32_t sku, uint32_t warehouse, uint64_t counted,
                      struct naive_terms terms)
{
    struct naive_cell *cell = &naive->skus[sku].cells[warehouse];
    if (!naive->skus[sku].known)
        return CODE_UNKNOWN_SKU;
    if (!naive->warehouse_known[warehouse])
        return CODE_UNKNOWN_WAREHOUSE;
    if (kept_terms(terms) != CODE_OK)
        return kept_terms(terms);
    uint64_t on_hand = cell->free + cell->reserved + cell->committed + cell->quarantined;
    uint64_t lack = counted < on_hand ? on_hand - counted : 0;
    uint64_t was_missing = cell->missing, was_free = cell->free;
    cell->free += counted > on_hand ? counted - on_hand : 0;
    cell->missing = lack > cell->free ? lack - cell->free : 0;
    cell->free -= lack - cell->missing;
    if (was_missing == 0 && cell->missing > 0)
        cell->task_ns = naive->now_ns;
    cell->version += cell->free != was_free || cell->missing != was_missing;
    cell->known = true;
    return CODE_OK;
}

enum code naive_policy(struct naive *naive, uint32_t sku, uint32_t warehouse, uint64_t safety,
                       uint64_t reorder_point, bool stale)
{
    struct naive_cell *cell = &naive->skus[sku].cells[warehouse];
    if (!naive->skus[sku].known)
        return CODE_UNKNOWN_SKU;
    if (!naive->warehouse_known[warehouse])
        return CODE_UNKNOWN_WAREHOUSE;
    if (stale)
        return CODE_STALE;
    cell->safety = safety;
    cell->reorder_point = reorder_point;
    cell->version++;
    cell->known = true;
    return CODE_OK;
}

uint64_t naive_sellable(const struct naive_cell *cell)
{
    return cell->missing > 0 || cell->free < cell->safety ? 0 : cell->free - cell->safety;
}

static void settle_cell(struct naive_cell *cell)
{
    uint64_t units = cell->free < cell->missing ? cell->free : cell->missing;
    uint64_t others = cell->reserved + cell->committed + cell->quarantined;
    uint64_t left = cell->missing - units < others ? cell->missing - units : others;
    if (left != cell->missing) {
        cell->free -= units;
        cell->missing = left;
        cell->version++;
    }
    bool has_level = cell->reorder_point > 0 || cell->safety > 0;
    cell->warned = has_level && naive_sellable(cell) <= cell->reorder_point;
}

void naive_settle(struct naive *naive)
{
    for (uint32_t sku = 0; sku < NAIVE_SKUS; sku++)
        for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++)
            settle_cell(&naive->skus[sku].cells[w]);
}

/* ---- transfers -------------------------------------------------------------------------------------- */

enum code naive_ship(struct naive *naive, uint32_t number, const struct naive_transfer *transfer,
                     bool too_old)
{
    struct naive_transfer *known = &naive->transfers[number];
    struct naive_sku *sku = &naive->skus[transfer->sku];
    if (!sku->known)
        return CODE_UNKNOWN_SKU;
    if (known->used)
        return known->from == transfer->from && known->to == transfer->to &&
                       known->units == transfer->units
                   ? CODE_REPLAYED
                   : CODE_KEY_REUSED;
    if (too_old)
        return CODE_EXPIRED_REQUEST;
    if (!naive->warehouse_known[transfer->from] || !naive->warehouse_known[transfer->to])
        return CODE_UNKNOWN_WAREHOUSE;
    struct naive_cell *from = &sku->cells[transfer->from];
    struct naive_cell *to = &sku->cells[transfer->to];
    if (from->free < transfer->units)
        return CODE_OUT_OF_STOCK;
    *known = *transfer;
    known->used = true;
    from->free -= transfer->units;
    from->version++;
    to->in_transfer += transfer->units;
    to->known = true;
    return CODE_CREATED;
}

enum code naive_arrive(struct naive *naive, uint32_t number, uint32_t key, const uint64_t units[3],
                       bool too_old)
{
    struct naive_transfer *transfer = &naive->transfers[number];
    if (!transfer->used)
        return CODE_NOT_FOUND;
    if (key == transfer->last_key)
        return memcmp(units, transfer->last, sizeof transfer->last) == 0 ? CODE_REPLAYED
                                                                         : CODE_KEY_REUSED;
    if (too_old)
        return CODE_EXPIRED_REQUEST;
    uint64_t sum = units[0] + units[1] + units[2];
    uint64_t on_its_way = transfer->units - transfer->ok - transfer->damaged - transfer->lost;
    if (on_its_way == 0)
        return CODE_ILLEGAL;
    if (sum > on_its_way)
        return CODE_INVALID;
    struct naive_cell *to = &naive->skus[transfer->sku].cells[transfer->to];
    transfer->ok += units[0];
    transfer->damaged += units[1];
    transfer->lost += units[2];
    transfer->last_key = key;
    memcpy(transfer->last, units, sizeof transfer->last);
    to->in_transfer -= sum;
    to->free += units[0];
    to->quarantined += units[1];
    to->version += units[0] + units[1] > 0;
    return CODE_OK;
}
