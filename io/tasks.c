#include "io/tasks.h"

#include <string.h>

enum {
    UNPAID = 1 << ORDER_PENDING_PAYMENT | 1 << ORDER_IN_REVIEW | 1 << ORDER_PAYMENT_FAILED,
    UNSHIPPED = 1 << ORDER_PAID | 1 << ORDER_PARTIALLY_SHIPPED | 1 << ORDER_SHIP_FAILED,
};

static void begin_cells(struct tasks *tasks)
{
    uint32_t left = tasks->cell_count - tasks->at;
    tasks->shard = 0;
    tasks->cursor = 0;
    tasks->together = left < TASKS_TOGETHER ? left : TASKS_TOGETHER;
    for (uint32_t i = 0; i < tasks->together; i++) {
        tasks->tasks[i].cell = tasks->cells[tasks->at + i];
        tasks->tasks[i].order_count = 0;
    }
}

void tasks_begin(struct tasks *tasks, const struct result_cells *cells)
{
    CHECK(cells->cell_count <= TASK_CELLS_MAX);
    memcpy(tasks->cells, cells->cells, cells->cell_count * sizeof cells->cells[0]);
    tasks->cell_count = cells->cell_count;
    tasks->at = 0;
    begin_cells(tasks);
}

bool tasks_left(struct tasks *tasks, uint32_t shard_count)
{
    if (tasks->at < tasks->cell_count && tasks->shard == shard_count) {
        tasks->at += tasks->together;
        begin_cells(tasks);
    }
    return tasks->at < tasks->cell_count;
}

void tasks_ask(const struct tasks *tasks, uint16_t slot, struct pile *command)
{
    uint32_t bytes =
        (uint32_t)(sizeof(struct order_list) + tasks->together * sizeof(struct list_cell));
    struct order_list *list = pile_append(command, bytes);
    list->head.bytes = bytes;
    list->head.op = OP_ORDER_LIST;
    list->cursor = tasks->cursor;
    list->states = UNPAID | UNSHIPPED;
    list->slot = slot;
    list->limit = ORDER_LIST_MAX;
    list->cell_count = (uint8_t)tasks->together;
    for (uint32_t i = 0; i < tasks->together; i++)
        order_list_cells(list)[i] = (struct list_cell){
            .sku = tasks->tasks[i].cell.sku, .warehouse = tasks->tasks[i].cell.cell.warehouse};
}

static bool is_unpaid(const struct task_order *order)
{
    return UNPAID >> order->state & 1;
}

/* Whether it is to be named before the other. */
static bool precedes(const struct task_order *a, const struct task_order *b)
{
    if (is_unpaid(a) != is_unpaid(b))
        return is_unpaid(a);
    if (a->created_ns != b->created_ns)
        return a->created_ns > b->created_ns;
    return memcmp(a->id, b->id, sizeof a->id) < 0;
}

static uint64_t promised(const struct result_order *order, const struct result_listed_cell *cell)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct result_line *line = &order->lines[i];
        if (line->sku == cell->sku && line->warehouse == cell->cell.warehouse)
            units += line->units - line->shipped - line->cancelled;
    }
    return units;
}

/* The best are kept; there is room for one more than are named. */
static void consider(struct task *task, const struct result_order *from)
{
    uint64_t units = promised(from, &task->cell);
    if (units == 0)
        return;
    struct text id = result_order_text(from, ORDER_ID);
    struct task_order order = {.created_ns = from->stage_ns[STAGE_CREATED],
                               .units = units,
                               .state = from->state,
                               .id_bytes = (uint8_t)id.bytes};
    memcpy(order.id, id.at, id.bytes);
    uint32_t at = task->order_count;
    for (; at > 0 && precedes(&order, &task->orders[at - 1]); at--)
        task->orders[at] = task->orders[at - 1];
    task->orders[at] = order;
    task->order_count += task->order_count < TASK_ORDERS_MAX;
}

/* Those behind the ones that cover what is missing are not hit. */
static void name(struct task *task)
{
    uint64_t covered = 0;
    uint32_t count = 0;
    while (count < task->order_count && covered < task->cell.cell.missing)
        covered += task->orders[count++].units;
    task->order_count = count;
}

uint32_t tasks_take(struct tasks *tasks, const struct result *result, uint32_t shard_count)
{
    const struct result_orders *orders = (const void *)result;
    bool is_end = result->kind != RESULT_ORDERS || orders->is_end;
    const struct result_order *order = (const void *)(orders + 1);
    for (uint32_t i = 0; result->kind == RESULT_ORDERS && i < orders->order_count; i++) {
        for (uint32_t k = 0; k < tasks->together; k++)
            consider(&tasks->tasks[k], order);
        order = (const void *)((const char *)order + order->head.bytes);
    }
    tasks->cursor = is_end ? 0 : orders->cursor;
    tasks->shard += is_end;
    if (tasks->shard < shard_count)
        return 0;
    for (uint32_t k = 0; k < tasks->together; k++)
        name(&tasks->tasks[k]);
    return tasks->together;
}
