#include "core/plan.h"

static uint32_t shard_of(const struct shard *shard, uint32_t sku)
{
    return shard->options.slot_shard[sku_slot(sku)];
}

static bool is_before(const struct shard *shard, const struct command_line *lines, uint16_t a,
                      uint16_t b)
{
    const struct command_line *first = &lines[a];
    const struct command_line *second = &lines[b];
    if (shard_of(shard, first->sku) != shard_of(shard, second->sku))
        return shard_of(shard, first->sku) < shard_of(shard, second->sku);
    if (first->sku != second->sku)
        return first->sku < second->sku;
    if (first->units != second->units)
        return first->units > second->units;
    return a < b;
}

static inline void insert_by(uint32_t gap, const struct shard *shard,
                             const struct command_line *lines, uint32_t line_count,
                             uint16_t *order_line)
{
    for (uint32_t i = gap; i < line_count; i++) {
        uint16_t line = order_line[i];
        uint32_t to = i;
        for (; to >= gap && is_before(shard, lines, line, order_line[to - gap]); to -= gap)
            order_line[to] = order_line[to - gap];
        order_line[to] = line;
    }
}

/* Shell's sort: most orders have few lines, the longest 1,200. */
static void sort_lines(const struct shard *shard, const struct command_line *lines,
                       uint32_t line_count, uint16_t *order_line)
{
    static const uint32_t gaps[] = {1, 4, 10, 23, 57, 132, 301, 701, ORDER_LINES_MAX};
    uint32_t g = 0;
    while (gaps[g + 1] < line_count)
        g++;
    for (uint32_t i = 0; i < line_count; i++)
        order_line[i] = (uint16_t)i;
    for (; g > 0; g--)
        insert_by(gaps[g], shard, lines, line_count, order_line);
    insert_by(1, shard, lines, line_count, order_line);
}

inline void plan_make(const struct shard *shard, const struct command_line *lines,
                      uint32_t line_count, struct plan *plan)
{
    plan->line_count = line_count;
    plan->part_count = 0;
    sort_lines(shard, lines, line_count, plan->order_line);
    for (uint16_t i = 0; i < line_count; i++) {
        const struct command_line *line = &lines[plan->order_line[i]];
        uint8_t to = (uint8_t)shard_of(shard, line->sku);
        plan->lines[i] = (struct hold_line){.sku = line->sku, .units = line->units};
        if (plan->part_count == 0 || plan->parts[plan->part_count - 1].shard != to)
            plan->parts[plan->part_count++] = (struct flight_part){.shard = to, .first_line = i};
        plan->parts[plan->part_count - 1].line_count++;
    }
}
