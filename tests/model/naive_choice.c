#include "tests/model/naive.h"

#include <string.h>

/* ---- limits ----------------------------------------------------------------------------------------- */

static bool is_given_up(const struct naive_order *order)
{
    return order->state == ORDER_CANCELLED || order->state == ORDER_EXPIRED ||
           order->state == ORDER_REJECTED;
}

static bool was_placed(const struct naive_order *order)
{
    return order->placed || order->is_gone;
}

uint64_t naive_had(const struct naive *naive, uint32_t sku, uint32_t customer, uint64_t window)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < naive->order_count; i++) {
        const struct naive_order *order = &naive->orders[i];
        if (!was_placed(order) || is_given_up(order) || order->buyer.customer != customer)
            continue;
        for (uint32_t line = 0; line < order->line_count; line++)
            if (order->lines[line].sku == sku && order->lines[line].window == window)
                units += order->lines[line].units - order->lines[line].cancelled -
                         naive_lost(order, line);
    }
    return units;
}

uint64_t naive_sold_through(const struct naive *naive, uint32_t sku, uint32_t channel)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < naive->order_count; i++) {
        const struct naive_order *order = &naive->orders[i];
        if (!was_placed(order) || is_given_up(order) || order->buyer.channel != channel)
            continue;
        for (uint32_t line = 0; line < order->line_count; line++)
            if (order->lines[line].sku == sku && order->lines[line].capped)
                units += order->lines[line].units - order->lines[line].cancelled -
                         naive_lost(order, line);
    }
    return units;
}

static uint64_t demand_of(uint32_t sku, const struct naive_line *lines, uint32_t line_count)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < line_count; i++)
        units += lines[i].sku == sku ? lines[i].units : 0;
    return units;
}

/* Windows begin at multiples of their length. */
static void note_limits(const struct naive *naive, const struct naive_buyer *buyer,
                        struct naive_line *line)
{
    const struct naive_sku *sku = &naive->skus[line->sku];
    uint64_t now_s = naive->now_ns / 1000000000;
    line->window = sku->window_s > 0 ? now_s / sku->window_s * sku->window_s + 1 : 0;
    line->capped = buyer->channel < NAIVE_CHANNELS && sku->caps[buyer->channel].is_there;
}

static bool is_over(const struct naive *naive, const struct naive_buyer *buyer,
                    const struct naive_line *line, uint64_t demand)
{
    const struct naive_sku *sku = &naive->skus[line->sku];
    if (sku->max_per_order > 0 && demand > sku->max_per_order)
        return true;
    if (line->window != 0 &&
        naive_had(naive, line->sku, buyer->customer, line->window) + demand > sku->max_per_customer)
        return true;
    return line->capped && naive_sold_through(naive, line->sku, buyer->channel) + demand >
                               sku->caps[buyer->channel].units;
}

/* ---- warehouses ------------------------------------------------------------------------------------- */

bool naive_comes_before(const struct naive *naive, uint32_t region, uint32_t a, uint32_t b)
{
    if (region < NAIVE_REGIONS && naive->region_known[region]) {
        if (naive->has_cost[region][a] != naive->has_cost[region][b])
            return naive->has_cost[region][a];
        if (naive->has_cost[region][a] && naive->cost[region][a] != naive->cost[region][b])
            return naive->cost[region][a] < naive->cost[region][b];
    }
    if (naive->priority[a] != naive->priority[b])
        return naive->priority[a] < naive->priority[b];
    return a < b;
}

/* Among those that can ship the whole line. */
static bool choose_warehouse(const struct naive *naive, uint32_t region,
                             const uint64_t free[NAIVE_WAREHOUSES], uint32_t units,
                             uint32_t *chosen)
{
    bool found = false;
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++) {
        if (free[w] < units || (found && naive_comes_before(naive, region, *chosen, w)))
            continue;
        *chosen = w;
        found = true;
    }
    return found;
}

/* All lines of one SKU, those with most units first; false: one of them cannot be shipped. */
static bool choose_for_sku(const struct naive *naive, uint32_t region, uint32_t sku,
                           struct naive_line *lines, uint32_t line_count)
{
    uint64_t free[NAIVE_WAREHOUSES];
    bool done[NAIVE_LINES] = {false};
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++)
        free[w] = naive_sellable(&naive->skus[sku].cells[w]);
    for (;;) {
        uint32_t most = NAIVE_LINES;
        for (uint32_t i = 0; i < line_count; i++)
            if (lines[i].sku == sku && !done[i] &&
                (most == NAIVE_LINES || lines[i].units > lines[most].units))
                most = i;
        if (most == NAIVE_LINES)
            return true;
        if (!choose_warehouse(naive, region, free, lines[most].units, &lines[most].warehouse))
            return false;
        free[lines[most].warehouse] -= lines[most].units;
        done[most] = true;
    }
}

static bool can_ship_all(const struct naive *naive, uint32_t warehouse,
                         const struct naive_line *lines, uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++)
        if (naive_sellable(&naive->skus[lines[i].sku].cells[warehouse]) <
            demand_of(lines[i].sku, lines, line_count))
            return false;
    return true;
}

/* True: all lines come from one warehouse. */
static bool choose_single(const struct naive *naive, uint32_t region, struct naive_line *lines,
                          uint32_t line_count)
{
    uint32_t chosen = NAIVE_WAREHOUSES;
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++)
        if (can_ship_all(naive, w, lines, line_count) &&
            (chosen == NAIVE_WAREHOUSES || naive_comes_before(naive, region, w, chosen)))
            chosen = w;
    for (uint32_t i = 0; i < line_count && chosen < NAIVE_WAREHOUSES; i++)
        lines[i].warehouse = chosen;
    return chosen < NAIVE_WAREHOUSES;
}

enum code naive_choose(struct naive *naive, const struct naive_buyer *buyer,
                       struct naive_line *lines, uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++)
        if (!naive->skus[lines[i].sku].known)
            return CODE_UNKNOWN_SKU;
    bool over = false, is_short = false;
    for (uint32_t i = 0; i < line_count; i++) {
        note_limits(naive, buyer, &lines[i]);
        over |= is_over(naive, buyer, &lines[i], demand_of(lines[i].sku, lines, line_count));
    }
    for (uint32_t i = 0; i < line_count; i++)
        is_short |= !choose_for_sku(naive, buyer->region, lines[i].sku, lines, line_count);
    if (buyer->single && line_count > 1)
        is_short &= !choose_single(naive, buyer->region, lines, line_count);
    naive->either = over && is_short;
    return over ? CODE_LIMIT : is_short ? CODE_OUT_OF_STOCK : CODE_OK;
}
