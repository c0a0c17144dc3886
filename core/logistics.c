#include "core/logistics.h"

#include <string.h>

#include "core/answer.h"

static void put_warehouse(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct warehouse_put *put = (const void *)request->command;
    struct text id = {(const char *)(put + 1), put->id_bytes};
    uint32_t known = topology_find(&shard->topology, id);
    uint32_t number = known != WAREHOUSES_MAX ? known : shard->topology.warehouse_count;
    if (number == WAREHOUSES_MAX) {
        answer_plain(shard, turn, request, CODE_FULL);
        return;
    }
    struct event *event = shard_event(shard, turn, EVENT_WAREHOUSE_PUT, request->caller);
    struct slice_warehouse_put *slice = event_add(turn, event, TOPOLOGY_SLOT, SLICE_WAREHOUSE_PUT,
                                                  (uint32_t)sizeof *slice + id.bytes);
    slice->priority = put->priority;
    slice->warehouse = (uint8_t)number;
    slice->id_bytes = (uint8_t)id.bytes;
    memcpy(slice + 1, id.at, id.bytes);
    shard_apply(shard, turn, event);
    answer_plain(shard, turn, request, known != WAREHOUSES_MAX ? CODE_OK : CODE_CREATED);
}

/* The numbers of the warehouses that the command names; false: it has been answered. */
static bool find_warehouses(const struct shard *shard, struct turn *turn,
                            const struct request *request, uint8_t numbers[WAREHOUSES_MAX])
{
    const struct region_costs *costs = (const void *)request->command;
    uint64_t named = 0;
    for (uint32_t i = 0; i < costs->warehouse_count; i++) {
        uint32_t number = topology_find(&shard->topology, region_costs_warehouse(costs, i));
        if (number == WAREHOUSES_MAX || (named >> number & 1)) {
            answer_fault(shard, turn, request,
                         number == WAREHOUSES_MAX ? CODE_UNKNOWN_WAREHOUSE : CODE_INVALID,
                         "warehouses", i + 1);
            return false;
        }
        named |= UINT64_C(1) << number;
        numbers[i] = (uint8_t)number;
    }
    return true;
}

static void emit_costs(struct shard *shard, struct turn *turn, const struct request *request,
                       uint32_t region, const uint8_t numbers[WAREHOUSES_MAX])
{
    const struct region_costs *costs = (const void *)request->command;
    struct text id = region_costs_region(costs);
    uint32_t row_bytes = costs->row_count * (uint32_t)sizeof(struct slice_cost_row);
    struct event *event = shard_event(shard, turn, EVENT_REGION_COSTS, request->caller);
    struct slice_region_costs *slice = event_add(turn, event, TOPOLOGY_SLOT, SLICE_REGION_COSTS,
                                                 (uint32_t)sizeof *slice + row_bytes + id.bytes);
    slice->row_count = costs->row_count;
    slice->region = (uint8_t)region;
    slice->id_bytes = (uint8_t)id.bytes;
    for (uint32_t i = 0; i < costs->row_count; i++) {
        slice->rows[i].distance = costs->rows[i].distance;
        slice->rows[i].weight = costs->rows[i].weight;
        slice->rows[i].warehouse = numbers[costs->rows[i].warehouse];
    }
    memcpy(slice->rows + costs->row_count, id.at, id.bytes);
    shard_apply(shard, turn, event);
}

static void put_costs(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct region_costs *costs = (const void *)request->command;
    uint8_t numbers[WAREHOUSES_MAX];
    uint32_t known = topology_region(&shard->topology, region_costs_region(costs));
    uint32_t region = known != REGIONS_MAX ? known : shard->topology.region_count;
    if (!find_warehouses(shard, turn, request, numbers))
        return;
    if (region == REGIONS_MAX) {
        answer_plain(shard, turn, request, CODE_FULL);
        return;
    }
    emit_costs(shard, turn, request, region, numbers);
    answer_plain(shard, turn, request, known != REGIONS_MAX ? CODE_OK : CODE_CREATED);
}

void logistics_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    if (request->command->op == OP_REGION_COSTS)
        put_costs(shard, turn, request);
    else
        put_warehouse(shard, turn, request);
}
