#include "core/topology.h"

#include <string.h>

#include "core/check.h"

/* ---- finding ----------------------------------------------------------------------------------- */

struct text topology_name(const struct topology *topology, uint32_t warehouse)
{
    CHECK(warehouse < WAREHOUSES_MAX);
    const struct warehouse *w = &topology->warehouses[warehouse];
    return (struct text){w->id, w->id_bytes};
}

static int compare_text(struct text a, struct text b)
{
    int order = memcmp(a.at, b.at, a.bytes < b.bytes ? a.bytes : b.bytes);
    return order != 0 ? order : (int)a.bytes - (int)b.bytes;
}

uint32_t topology_find(const struct topology *topology, struct text id)
{
    for (uint32_t i = 0; i < topology->warehouse_count; i++)
        if (compare_text(topology_name(topology, i), id) == 0)
            return i;
    return WAREHOUSES_MAX;
}

uint32_t topology_region(const struct topology *topology, struct text id)
{
    if (topology->region_count == 0)
        return REGIONS_MAX;
    uint64_t hash = key_hash(id);
    for (uint32_t i = 0; i < topology->region_count; i++) {
        const struct region *region = &topology->regions[i];
        if (region->id_hash == hash && region->id_bytes == id.bytes &&
            memcmp(region->id, id.at, id.bytes) == 0)
            return i;
    }
    return REGIONS_MAX;
}

/* ---- who is tried first ------------------------------------------------------------------------ */

static bool is_before(const struct topology *topology, uint32_t a, uint32_t b)
{
    const struct warehouse *first = &topology->warehouses[a];
    const struct warehouse *second = &topology->warehouses[b];
    if (first->priority != second->priority)
        return first->priority < second->priority;
    return compare_text(topology_name(topology, a), topology_name(topology, b)) < 0;
}

static void rank_warehouses(struct topology *topology)
{
    for (uint32_t a = 0; a < topology->warehouse_count; a++) {
        topology->rank[a] = 0;
        for (uint32_t b = 0; b < topology->warehouse_count; b++)
            topology->rank[a] = (uint8_t)(topology->rank[a] + is_before(topology, b, a));
    }
}

static bool is_cheaper(const struct topology *topology, const struct region *region, uint32_t a,
                       uint32_t b)
{
    int order = region_compare(region, a, b);
    return order != 0 ? order < 0 : topology->rank[a] < topology->rank[b];
}

static void rank_region(const struct topology *topology, struct region *region)
{
    for (uint32_t a = 0; a < topology->warehouse_count; a++) {
        region->rank[a] = 0;
        for (uint32_t b = 0; b < topology->warehouse_count; b++)
            region->rank[a] = (uint8_t)(region->rank[a] + is_cheaper(topology, region, b, a));
    }
}

static void keep(struct topology *topology, uint32_t number, uint32_t priority, struct text id)
{
    struct warehouse *warehouse = &topology->warehouses[number];
    warehouse->priority = priority;
    warehouse->id_bytes = (uint8_t)id.bytes;
    memcpy(warehouse->id, id.at, id.bytes);
    if (number >= topology->warehouse_count)
        topology->warehouse_count = number + 1;
    rank_warehouses(topology);
    for (uint32_t i = 0; i < topology->region_count; i++)
        rank_region(topology, &topology->regions[i]);
}

static struct region *region_at(struct topology *topology, uint32_t number)
{
    if (number >= topology->region_count)
        topology->region_count = number + 1;
    return &topology->regions[number];
}

void topology_apply(struct topology *topology, const struct slice *slice)
{
    if (slice->kind == SLICE_REGION_COSTS) {
        const struct slice_region_costs *costs = (const void *)slice;
        struct region *region = region_at(topology, costs->region);
        region_apply(region, costs);
        rank_region(topology, region);
        return;
    }
    CHECK(slice->kind == SLICE_WAREHOUSE_PUT);
    const struct slice_warehouse_put *put = (const void *)slice;
    keep(topology, put->warehouse, put->priority,
         (struct text){(const char *)(put + 1), put->id_bytes});
}

/* ---- images ------------------------------------------------------------------------------------ */

static void warehouse_image(const struct topology *topology, uint32_t number, struct pile *out)
{
    struct text id = topology_name(topology, number);
    struct record *record = record_begin(out, TOPOLOGY_SLOT);
    struct part_warehouse *part = record_part(out, record, PART_WAREHOUSE, sizeof *part + id.bytes);
    part->priority = topology->warehouses[number].priority;
    part->warehouse = (uint8_t)number;
    part->id_bytes = (uint8_t)id.bytes;
    memcpy(part + 1, id.at, id.bytes);
}

bool topology_image(const struct topology *topology, uint64_t *at, struct pile *out)
{
    uint64_t number = (*at)++;
    if (number < topology->warehouse_count) {
        warehouse_image(topology, (uint32_t)number, out);
        return true;
    }
    number -= topology->warehouse_count;
    if (number >= topology->region_count)
        return false;
    region_image(&topology->regions[number], (uint8_t)number, out);
    return true;
}

bool warehouse_part_valid(const struct part_warehouse *part)
{
    return part->head.bytes >= sizeof *part && part->id_bytes > 0 &&
           part->id_bytes <= ID_BYTES_MAX && part->warehouse < WAREHOUSES_MAX &&
           part->head.bytes == bytes_padded((uint32_t)sizeof *part + part->id_bytes);
}

void topology_load(struct topology *topology, const struct part *part)
{
    if (part->kind == PART_REGION) {
        const struct part_region *costs = (const void *)part;
        struct region *region = region_at(topology, costs->region);
        region_load(region, costs);
        rank_region(topology, region);
        return;
    }
    const struct part_warehouse *warehouse = (const void *)part;
    keep(topology, warehouse->warehouse, warehouse->priority,
         (struct text){(const char *)(warehouse + 1), warehouse->id_bytes});
}
