#include "core/shelf.h"

#include <string.h>

#include "core/answer.h"

static struct result_cell result_cell(const struct stock_cell *cell)
{
    return (struct result_cell){
        .free = cell->free,
        .held = cell->held,
        .reserved = cell->reserved,
        .committed = cell->committed,
        .quarantined = cell->quarantined,
        .incoming = cell->incoming,
        .in_transfer = cell->in_transfer,
        .missing = cell->missing,
        .sellable = stock_sellable(cell),
        .version = cell->version,
        .safety = cell->safety,
        .reorder_point = cell->reorder_point,
        .task_ns = cell->missing > 0 ? cell->task_ns : 0,
        .warehouse = cell->warehouse,
        .warned = cell->warned,
    };
}

static void get_stock(const struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct stock_get *get = (const void *)request->command;
    const struct stock_sku *sku = stock_sku(&shard->stock, get->sku);
    if (sku == NULL) {
        answer_plain(shard, turn, request, CODE_UNKNOWN_SKU);
        return;
    }
    uint32_t count = 0;
    struct result_cell cells[WAREHOUSES_MAX];
    for (uint32_t i = 0; i < shard->topology.warehouse_count; i++) {
        const struct stock_cell *cell = stock_cell(&shard->stock, sku, i);
        if (cell != NULL)
            cells[count++] = result_cell(cell);
    }
    struct result_stock *result = answer(shard, turn, request, CODE_OK, RESULT_STOCK,
                                         sizeof *result + count * sizeof cells[0]);
    result->sku = get->sku;
    result->cell_count = count;
    memcpy(result->cells, cells, count * sizeof cells[0]);
}

/* ---- tasks and warnings ------------------------------------------------------------------------ */

struct found {
    struct result_listed_cell cells[CELL_LIST_MAX];
    uint32_t count;
    uint64_t cursor; /* as in stock_each */
    bool is_end;
};

static bool is_wanted(const struct stock_cell *cell, uint8_t wanted)
{
    return wanted == CELLS_MISSING ? cell->missing > 0 : cell->warned;
}

/* False: the answer is full, and this SKU's cells are not in it. */
static bool add_cells(const struct stock *stock, const struct cell_list *list,
                      const struct stock_sku *sku, struct found *found)
{
    uint32_t count = found->count;
    for (uint32_t i = 0; i < WAREHOUSES_MAX && sku->watched; i++) {
        const struct stock_cell *cell = stock_cell(stock, sku, i);
        if (cell == NULL || !is_wanted(cell, list->wanted))
            continue;
        if (count == list->limit)
            return false;
        found->cells[count++] =
            (struct result_listed_cell){.sku = sku->sku, .cell = result_cell(cell)};
    }
    found->count = count;
    return true;
}

static void walk(const struct stock *stock, const struct cell_list *list, struct found *found)
{
    found->cursor = list->cursor;
    for (uint32_t looked = 0; looked < SHELF_LOOK_MAX; looked++) {
        uint64_t at = found->cursor;
        const struct stock_sku *sku = stock_each(stock, &at);
        found->is_end = sku == NULL;
        if (found->is_end || !add_cells(stock, list, sku, found))
            return;
        found->cursor = at;
    }
}

static void list_cells(const struct shard *shard, struct turn *turn, const struct request *request)
{
    struct found *found = &(struct found){.count = 0};
    walk(&shard->stock, (const void *)request->command, found);
    uint32_t bytes = found->count * (uint32_t)sizeof found->cells[0];
    struct result_cells *result =
        answer(shard, turn, request, CODE_OK, RESULT_CELLS, sizeof *result + bytes);
    result->cursor = found->cursor;
    result->cell_count = (uint16_t)found->count;
    result->is_end = found->is_end;
    memcpy(result->cells, found->cells, bytes);
}

void shelf_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    if (request->command->op == OP_STOCK_GET)
        get_stock(shard, turn, request);
    else
        list_cells(shard, turn, request);
}
