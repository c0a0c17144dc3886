/* core/topology.h - warehouses and regions, and in which order a line tries the warehouses.
 *
 * Every shard has its own copy. The owner of TOPOLOGY_SLOT decides every change and numbers the
 * warehouses and the regions from 0 on; the others apply the same slices as they arrive
 * (MESSAGE_SLICES), and in recovery every shard applies all of them. */
#ifndef SPATE_CORE_TOPOLOGY_H
#define SPATE_CORE_TOPOLOGY_H

#include "core/region.h"

/* Behind it: the id. */
struct slice_warehouse_put {
    struct slice head;
    uint32_t priority; /* lower is tried first */
    uint8_t warehouse;
    uint8_t id_bytes;
    uint8_t zero[2];
};
_Static_assert(sizeof(struct slice_warehouse_put) == 16, "as it stands in the log");

/* Behind it: the id. */
struct part_warehouse {
    struct part head;
    uint32_t priority;
    uint8_t warehouse;
    uint8_t id_bytes;
    uint8_t zero[2];
};
_Static_assert(sizeof(struct part_warehouse) == 16, "as it stands in images");

struct warehouse {
    uint32_t priority;
    uint8_t id_bytes; /* 0: there is no such warehouse yet */
    char id[ID_BYTES_MAX];
};

struct topology {
    struct warehouse warehouses[WAREHOUSES_MAX];
    uint8_t rank[WAREHOUSES_MAX]; /* for orders of no known region */
    uint32_t warehouse_count;
    uint32_t region_count;
    struct region regions[REGIONS_MAX];
};

/* The number of a warehouse; WAREHOUSES_MAX: there is none of that name. */
uint32_t topology_find(const struct topology *topology, struct text id);
struct text topology_name(const struct topology *topology, uint32_t warehouse);

/* The number of a region; REGIONS_MAX: there is none of that name. */
uint32_t topology_region(const struct topology *topology, struct text id);

/* By the number of a warehouse: 0 is tried first. What is cheapest for the region, then the lower
 * priority number, then the id; of a region that this shard does not know (yet), as for none. */
static inline const uint8_t *topology_rank(const struct topology *topology, uint32_t region)
{
    return region < topology->region_count ? topology->regions[region].rank : topology->rank;
}

void topology_apply(struct topology *topology, const struct slice *slice);

/* See core/image.h. */
bool topology_image(const struct topology *topology, uint64_t *at, struct pile *out);
bool warehouse_part_valid(const struct part_warehouse *part);
void topology_load(struct topology *topology, const struct part *part);

#endif
