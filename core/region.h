/* core/region.h - where orders go, and what it costs to send them there from each warehouse.
 *
 * A part of the topology (core/topology.h), which every shard has a copy of. What a warehouse costs
 * for a region is the sum of distance x weight over the rows that were loaded for the pair; rows of
 * a new table replace all that were there. A warehouse without rows comes behind those that have
 * some. */
#ifndef SPATE_CORE_REGION_H
#define SPATE_CORE_REGION_H

#include "core/event.h"
#include "core/image.h"

struct slice_cost_row {
    uint32_t distance;
    uint32_t weight;
    uint8_t warehouse;
    uint8_t zero[3];
};

/* Behind it: the rows, the region's id. */
struct slice_region_costs {
    struct slice head;
    uint16_t row_count;
    uint8_t region;
    uint8_t id_bytes;
    uint32_t zero;
    struct slice_cost_row rows[];
};
_Static_assert(sizeof(struct slice_region_costs) == 16, "as it stands in the log");

/* Behind it: the costs of the warehouses in `served`, from the lowest number on; the region's id. */
struct part_region {
    struct part head;
    uint64_t served;
    uint8_t region;
    uint8_t id_bytes;
    uint8_t zero[6];
    uint64_t costs[];
};
_Static_assert(sizeof(struct part_region) == 24, "as it stands in images");

struct region {
    uint64_t id_hash;
    uint64_t served; /* one bit for each warehouse that rows were loaded for */
    uint64_t cost[WAREHOUSES_MAX];
    uint8_t rank[WAREHOUSES_MAX]; /* see topology_rank */
    uint8_t id_bytes;
    char id[ID_BYTES_MAX];
};

/* Whether the region's table alone puts warehouse `a` before `b` (-1), behind it (1), or leaves it
 * open (0). */
int region_compare(const struct region *region, uint32_t a, uint32_t b);

void region_apply(struct region *region, const struct slice_region_costs *costs);
bool region_costs_valid(const struct slice_region_costs *costs);

/* See core/image.h. */
void region_image(const struct region *region, uint8_t number, struct pile *out);
bool region_part_valid(const struct part_region *part);
void region_load(struct region *region, const struct part_region *part);

#endif
