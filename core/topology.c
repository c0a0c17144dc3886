#include "core/topology.h"

#include <string.h>

#include "core/check.h"

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

uint32_t topology_put_bytes(struct text id)
{
    return (uint32_t)sizeof(struct slice_warehouse_put) + ((id.bytes + 7u) & ~7u);
}

void topology_put_slice(const struct topology *topology, struct slice_warehouse_put *slice,
                        struct text id, uint32_t priority)
{
    uint32_t number = topology_find(topology, id);
    if (number == WAREHOUSES_MAX)
        number = topology->warehouse_count;
    CHECK(number < WAREHOUSES_MAX);
    *slice = (struct slice_warehouse_put){
        .head = {topology_put_bytes(id), TOPOLOGY_SLOT, SLICE_WAREHOUSE_PUT},
        .priority = priority,
        .warehouse = (uint8_t)number,
        .id_bytes = (uint8_t)id.bytes,
    };
    memcpy(slice + 1, id.at, id.bytes);
}

static bool is_before(const struct topology *topology, uint32_t a, uint32_t b)
{
    const struct warehouse *first = &topology->warehouses[a];
    const struct warehouse *second = &topology->warehouses[b];
    if (first->priority != second->priority)
        return first->priority < second->priority;
    return compare_text(topology_name(topology, a), topology_name(topology, b)) < 0;
}

static void rank_again(struct topology *topology)
{
    for (uint32_t a = 0; a < topology->warehouse_count; a++) {
        topology->rank[a] = 0;
        for (uint32_t b = 0; b < topology->warehouse_count; b++)
            topology->rank[a] = (uint8_t)(topology->rank[a] + is_before(topology, b, a));
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
    rank_again(topology);
}

void topology_apply(struct topology *topology, const struct slice *slice)
{
    CHECK(slice->kind == SLICE_WAREHOUSE_PUT);
    const struct slice_warehouse_put *put = (const void *)slice;
    keep(topology, put->warehouse, put->priority,
         (struct text){(const char *)(put + 1), put->id_bytes});
}

bool topology_image(const struct topology *topology, uint64_t *at, struct pile *out)
{
    if (*at == topology->warehouse_count)
        return false;
    uint32_t number = (uint32_t)(*at)++;
    struct text id = topology_name(topology, number);
    struct record *record = record_begin(out, TOPOLOGY_SLOT);
    struct part_warehouse *part = record_part(out, record, PART_WAREHOUSE, sizeof *part + id.bytes);
    part->priority = topology->warehouses[number].priority;
    part->warehouse = (uint8_t)number;
    part->id_bytes = (uint8_t)id.bytes;
    memcpy(part + 1, id.at, id.bytes);
    return true;
}

bool warehouse_part_valid(const struct part_warehouse *part)
{
    return part->head.bytes >= sizeof *part && part->id_bytes > 0 &&
           part->id_bytes <= ID_BYTES_MAX && part->warehouse < WAREHOUSES_MAX &&
           part->head.bytes == (((uint32_t)sizeof *part + part->id_bytes + 7u) & ~7u);
}

void topology_load(struct topology *topology, const struct part_warehouse *part)
{
    keep(topology, part->warehouse, part->priority,
         (struct text){(const char *)(part + 1), part->id_bytes});
}
