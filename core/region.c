#include "core/region.h"

#include <string.h>

static bool is_served(const struct region *region, uint32_t warehouse)
{
    return region->served >> warehouse & 1;
}

int region_compare(const struct region *region, uint32_t a, uint32_t b)
{
    if (is_served(region, a) != is_served(region, b))
        return is_served(region, a) ? -1 : 1;
    if (region->cost[a] != region->cost[b])
        return region->cost[a] < region->cost[b] ? -1 : 1;
    return 0;
}

static void keep_id(struct region *region, struct text id)
{
    region->id_hash = key_hash(id);
    region->id_bytes = (uint8_t)id.bytes;
    memcpy(region->id, id.at, id.bytes);
}

void region_apply(struct region *region, const struct slice_region_costs *costs)
{
    keep_id(region, (struct text){(const char *)(costs->rows + costs->row_count), costs->id_bytes});
    region->served = 0;
    memset(region->cost, 0, sizeof region->cost);
    for (uint32_t i = 0; i < costs->row_count; i++) {
        const struct slice_cost_row *row = &costs->rows[i];
        region->served |= UINT64_C(1) << row->warehouse;
        region->cost[row->warehouse] += (uint64_t)row->distance * row->weight;
    }
}

bool region_costs_valid(const struct slice_region_costs *costs)
{
    if (costs->head.bytes < sizeof *costs || costs->row_count > COST_ROWS_MAX ||
        costs->id_bytes == 0 || costs->id_bytes > ID_BYTES_MAX || costs->head.slot != TOPOLOGY_SLOT)
        return false;
    uint32_t bytes = costs->row_count * (uint32_t)sizeof costs->rows[0] + costs->id_bytes;
    if (costs->head.bytes != bytes_padded((uint32_t)sizeof *costs + bytes))
        return false;
    for (uint32_t i = 0; i < costs->row_count; i++)
        if (costs->rows[i].warehouse >= WAREHOUSES_MAX)
            return false;
    return true;
}

/* ---- images ------------------------------------------------------------------------------------ */

static uint32_t served_count(uint64_t served)
{
    uint32_t count = 0;
    for (; served != 0; served &= served - 1)
        count++;
    return count;
}

void region_image(const struct region *region, uint8_t number, struct pile *out)
{
    uint32_t cost_bytes = served_count(region->served) * (uint32_t)sizeof region->cost[0];
    struct record *record = record_begin(out, TOPOLOGY_SLOT);
    struct part_region *part =
        record_part(out, record, PART_REGION, sizeof *part + cost_bytes + region->id_bytes);
    uint64_t *cost = part->costs;
    part->served = region->served;
    part->region = number;
    part->id_bytes = region->id_bytes;
    for (uint32_t i = 0; i < WAREHOUSES_MAX; i++)
        if (is_served(region, i))
            *cost++ = region->cost[i];
    memcpy(cost, region->id, region->id_bytes);
}

bool region_part_valid(const struct part_region *part)
{
    if (part->head.bytes < sizeof *part || part->id_bytes == 0 || part->id_bytes > ID_BYTES_MAX)
        return false;
    uint32_t cost_bytes = served_count(part->served) * (uint32_t)sizeof part->costs[0];
    return part->head.bytes == bytes_padded((uint32_t)sizeof *part + cost_bytes + part->id_bytes);
}

void region_load(struct region *region, const struct part_region *part)
{
    const uint64_t *cost = part->costs;
    region->served = part->served;
    for (uint32_t i = 0; i < WAREHOUSES_MAX; i++)
        region->cost[i] = is_served(region, i) ? *cost++ : 0;
    keep_id(region, (struct text){(const char *)cost, part->id_bytes});
}
