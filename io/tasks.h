/* io/tasks.h - which orders a task hits: units of a SKU were missing in a warehouse when they were
 * counted, and orders had been promised them.
 *
 * Part of a walk (io/walk.h). For TASKS_TOGETHER of them all orders of all shards are looked at once, a
 * piece at a time; those that are kept are as few as an answer names: unpaid ones first, and of those
 * the newest, for they hurt least. */
#ifndef SPATE_IO_TASKS_H
#define SPATE_IO_TASKS_H

#include "core/command.h"
#include "core/result.h"
#include "core/turn.h"

enum {
    TASK_ORDERS_MAX = 32,
    TASK_CELLS_MAX = WAREHOUSES_MAX,
    TASKS_TOGETHER = ORDER_LIST_CELLS_MAX
};

struct task_order {
    uint64_t created_ns;
    uint64_t units; /* of that cell */
    uint8_t state;  /* enum order_state */
    uint8_t id_bytes;
    char id[ID_BYTES_MAX];
};

/* What is to be shown of one. */
struct task {
    struct result_listed_cell cell;
    uint32_t order_count; /* enough to cover what is missing, or as many as are named */
    struct task_order orders[TASK_ORDERS_MAX + 1];
};

struct tasks {
    struct result_listed_cell cells[TASK_CELLS_MAX];
    uint32_t cell_count;
    uint32_t at;       /* the first of the cells whose orders are looked for */
    uint32_t together; /* so many of them */
    uint32_t shard;    /* that is asked for them; shard_count: all have been */
    uint64_t cursor;   /* there */
    struct task tasks[TASKS_TOGETHER];
};

/* Takes what cells there are; at most TASK_CELLS_MAX. */
void tasks_begin(struct tasks *tasks, const struct result_cells *cells);

/* Orders are still to be looked at: those of tasks->shard. */
bool tasks_left(struct tasks *tasks, uint32_t shard_count) MUST_LOOK;
/* Then this appends the command that does. The slot is any of that shard. */
void tasks_ask(const struct tasks *tasks, uint16_t slot, struct pile *command);

/* Takes its answer. How many of tasks->tasks are complete now, until tasks_left is asked again. */
uint32_t tasks_take(struct tasks *tasks, const struct result *result, uint32_t shard_count);

#endif
