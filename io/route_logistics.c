/* io/route_logistics.c - what is said of warehouses, and of what they cost a region: reading it into
 * commands. */
#include "io/answers.h"
#include "io/routes.h"

struct form_warehouse {
    int64_t priority;
};

static const struct schema_field warehouse_fields[] = {
    FIELD(form_warehouse, priority, .type = SCHEMA_INTEGER, .required = true, .max = UINT32_MAX,
          .about = "Among warehouses that cost the same, the lower number ships."),
};
static SCHEMA(warehouse_schema, "WarehouseRequest", warehouse_fields, struct form_warehouse);

static bool build_warehouse_put(struct route_request *request)
{
    const struct form_warehouse *form = (const void *)request->form;
    struct warehouse_put *put = route_command(request);
    put->priority = (uint32_t)form->priority;
    put->id_bytes = route_append_text(request, request->params[0]);
    return true;
}

struct form_cost_row {
    int64_t distance;
    int64_t weight;
};

static const struct schema_field cost_row_fields[] = {
    FIELD(form_cost_row, distance, .type = SCHEMA_INTEGER, .required = true, .max = UINT32_MAX),
    FIELD(form_cost_row, weight, .type = SCHEMA_INTEGER, .required = true, .max = UINT32_MAX),
};
static SCHEMA(cost_row_schema, "CostRow", cost_row_fields, struct form_cost_row);

/* The number, within the command, of the warehouse whose rows are being read. */
static bool place_of_warehouse(struct route_request *request, uint32_t *place)
{
    struct text name = schema_map_key(&request->reader);
    uint32_t count = request->warehouse_count;
    if (count > 0 && request->warehouses[count - 1].at == name.at) {
        *place = count - 1;
        return true;
    }
    for (uint32_t i = 0; i < count; i++)
        if (text_equals(request->warehouses[i], name))
            return schema_refuse(&request->reader, CODE_MALFORMED, "duplicate", NULL);
    if (count == WAREHOUSES_MAX)
        return schema_refuse(&request->reader, CODE_INVALID, "too_many", NULL);
    *place = request->warehouse_count++;
    request->warehouses[*place] = name;
    return true;
}

static bool add_cost_row(struct schema_reader *reader, const void *item)
{
    const struct form_cost_row *form = item;
    struct route_request *request = route_request_of(reader);
    struct region_costs *costs = route_command(request);
    uint32_t place = 0;
    if (!place_of_warehouse(request, &place))
        return false;
    if (costs->row_count == COST_ROWS_MAX)
        return schema_refuse(reader, CODE_INVALID, "too_many", NULL);
    costs->row_count++;
    const struct cost_row row = {.distance = (uint32_t)form->distance,
                                 .weight = (uint32_t)form->weight,
                                 .warehouse = (uint8_t)place};
    route_append_text(request, (struct text){(const char *)&row, sizeof row});
    return true;
}

struct form_costs {
    uint32_t warehouses;
};

static const struct schema_field costs_fields[] = {
    FIELD(form_costs, warehouses, .type = SCHEMA_MAP, .required = true, .max = COST_ROWS_MAX,
          .of = &cost_row_schema, .take = add_cost_row,
          .about = "To each warehouse its rows: distance x weight, summed, is what it costs."),
};
static SCHEMA(costs_schema, "RegionCostsRequest", costs_fields, struct form_costs);

static bool build_region_costs(struct route_request *request)
{
    ((struct region_costs *)route_command(request))->region_bytes =
        route_append_text(request, request->params[0]);
    for (uint32_t i = 0; i < request->warehouse_count; i++) {
        uint8_t bytes = route_append_text(request, request->warehouses[i]);
        ((struct region_costs *)route_command(request))->warehouse_bytes[i] = bytes;
    }
    ((struct region_costs *)route_command(request))->warehouse_count =
        (uint8_t)request->warehouse_count;
    return true;
}

static const struct route routes[] = {
    {.method = ROUTE_PUT,
     .pattern = "/v1/warehouses/{id}",
     .name = "putWarehouse",
     .about = "Creates a warehouse or changes its priority.",
     .status = 200,
     .op = OP_WAREHOUSE_PUT,
     .command_bytes = sizeof(struct warehouse_put),
     .body = &warehouse_schema,
     .answer = &answer_done,
     .refusals = REFUSALS(CODE_STORAGE_FULL, CODE_FULL),
     .build = build_warehouse_put},
    {.method = ROUTE_PUT,
     .pattern = "/v1/regions/{id}/costs",
     .name = "putRegionCosts",
     .about = "Replaces what it costs to send an order to a region from each warehouse.",
     .status = 200,
     .op = OP_REGION_COSTS,
     .command_bytes = sizeof(struct region_costs),
     .body = &costs_schema,
     .answer = &answer_done,
     .refusals = REFUSALS(CODE_UNKNOWN_WAREHOUSE, CODE_STORAGE_FULL, CODE_FULL),
     .build = build_region_costs},
};

const struct route_table route_logistics = {routes, sizeof routes / sizeof routes[0]};
