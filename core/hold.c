#include "core/hold.h"

#include <string.h>

#include "core/bug.h"

/* ---- deciding ---------------------------------------------------------------------------------- */

/* What the lines before it, of the same SKU and order, leave of a cell. */
struct taken {
    uint64_t units[WAREHOUSES_MAX];
};

static uint64_t sellable(const struct stock_cell *cell, bool with_held)
{
    return with_held ? stock_sellable_without_holds(cell) : stock_sellable(cell);
}

/* The warehouse that is tried first among those that can ship all units of the line. */
static bool choose(const struct stock *stock, const struct topology *topology,
                   const struct stock_sku *sku, bool with_held, struct taken *taken,
                   struct hold_line *line)
{
    bool found = false;
    const struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(stock, sku, cell)) != NULL) {
        if (sellable(cell, with_held) < taken->units[cell->warehouse] + line->units)
            continue;
        if (found && topology->rank[cell->warehouse] > topology->rank[line->warehouse])
            continue;
        line->warehouse = cell->warehouse;
        found = true;
    }
    if (found)
        taken->units[line->warehouse] += line->units;
    return found;
}

static bool choose_all(const struct stock *stock, const struct topology *topology,
                       const struct stock_sku *sku, bool with_held, struct hold_line *lines,
                       uint32_t line_count, const bool *bug)
{
    struct taken taken;
    memset(&taken, 0, sizeof taken);
    for (uint32_t i = 0; i < line_count; i++) {
        if (!choose(stock, topology, sku, with_held, &taken, &lines[i]))
            return false;
        if (bug[BUG_LINES_CHECKED_APART])
            memset(&taken, 0, sizeof taken);
    }
    return true;
}

static void add_short(struct hold_shorts *shorts, const struct stock *stock,
                      const struct stock_sku *sku, const struct hold_line *lines,
                      uint32_t line_count)
{
    struct short_line line = {.sku = sku->sku};
    for (uint32_t i = 0; i < line_count; i++)
        line.requested += lines[i].units;
    const struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(stock, sku, cell)) != NULL)
        line.sellable += stock_sellable_without_holds(cell);
    shorts->code = CODE_OUT_OF_STOCK;
    shorts->lines[shorts->line_count++] = line;
}

static uint32_t same_sku(const struct hold_line *lines, uint32_t line_count)
{
    uint32_t same = 1;
    while (same < line_count && lines[same].sku == lines[0].sku)
        same++;
    return same;
}

enum hold_outcome hold_decide(const struct stock *stock, const struct topology *topology,
                              struct hold_line *lines, uint32_t line_count,
                              struct hold_shorts *shorts, const bool *bug)
{
    enum hold_outcome outcome = HOLD_GRANTED;
    shorts->line_count = 0;
    for (uint32_t at = 0, same; at < line_count; at += same) {
        const struct stock_sku *sku = stock_sku(stock, lines[at].sku);
        CHECK(sku != NULL);
        same = same_sku(lines + at, line_count - at);
        if (choose_all(stock, topology, sku, bug[BUG_HOLD_SEES_HELD], lines + at, same, bug))
            continue;
        if (choose_all(stock, topology, sku, true, lines + at, same, bug) &&
            !bug[BUG_BUSY_IS_SHORT])
            outcome = HOLD_BUSY;
        else
            add_short(shorts, stock, sku, lines + at, same);
    }
    return shorts->line_count > 0 ? HOLD_SHORT : outcome;
}

void hold_take(struct stock *stock, const struct hold_line *lines, uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++)
        stock_set_aside(stock, lines[i].sku, lines[i].warehouse, lines[i].units);
}

void hold_drop(struct stock *stock, const struct hold_line *lines, uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++)
        stock_give_back(stock, lines[i].sku, lines[i].warehouse, lines[i].units);
}

/* ---- waiting ----------------------------------------------------------------------------------- */

bool hold_would_pass(const struct stock *stock, const struct hold_line *lines, uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++)
        if (stock_sku(stock, lines[i].sku)->waiting > 0)
            return true;
    return false;
}

bool waiters_add(struct waiters *waiters, struct memory *memory, struct stock *stock,
                 const struct hold_ask *ask, const struct hold_line *lines)
{
    uint32_t bytes = (uint32_t)(sizeof(struct waiter) + ask->line_count * sizeof *lines);
    uint32_t number = waiters->count < WAITERS_MAX ? memory_take(memory, bytes) : 0;
    if (number == 0)
        return false;
    struct waiter *waiter = memory_at(memory, number);
    *waiter = (struct waiter){.bytes = bytes, .ask = *ask};
    memcpy(waiter->lines, lines, ask->line_count * sizeof *lines);
    for (uint32_t i = 0; i < ask->line_count; i++)
        stock_sku(stock, lines[i].sku)->waiting++;
    if (waiters->last != 0)
        ((struct waiter *)memory_at(memory, waiters->last))->next = number;
    else
        waiters->first = number;
    waiters->last = number;
    waiters->count++;
    return true;
}

void waiters_remove(struct waiters *waiters, struct memory *memory, struct stock *stock,
                    uint32_t previous, uint32_t number)
{
    const struct waiter *waiter = memory_at(memory, number);
    for (uint32_t i = 0; i < waiter->ask.line_count; i++)
        stock_sku(stock, waiter->lines[i].sku)->waiting--;
    if (previous != 0)
        ((struct waiter *)memory_at(memory, previous))->next = waiter->next;
    else
        waiters->first = waiter->next;
    if (waiters->last == number)
        waiters->last = previous;
    waiters->count--;
    memory_give(memory, number, waiter->bytes);
}

bool waiter_is_behind(const struct waiters *waiters, const struct stock *stock,
                      const struct waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->ask.line_count; i++)
        if (stock_sku(stock, waiter->lines[i].sku)->wait_mark == waiters->mark)
            return true;
    return false;
}

void waiter_marks(const struct waiters *waiters, struct stock *stock, const struct waiter *waiter)
{
    for (uint32_t i = 0; i < waiter->ask.line_count; i++)
        stock_sku(stock, waiter->lines[i].sku)->wait_mark = waiters->mark;
}
