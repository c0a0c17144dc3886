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

/* Where units may be looked for, and in which order. */
struct chooser {
    const struct stock *stock;
    const uint8_t *rank;
    uint64_t warehouses; /* one bit for each that may be taken */
    const bool *bug;
};

/* The warehouse that is tried first among those that can ship all units of the line. */
static inline bool choose(const struct chooser *chooser, const struct stock_sku *sku,
                          bool with_held, const struct taken *taken, struct hold_line *line)
{
    bool found = false;
    const struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(chooser->stock, sku, cell)) != NULL) {
        uint64_t units = line->units + (taken != NULL ? taken->units[cell->warehouse] : 0);
        if (sellable(cell, with_held) < units || !(chooser->warehouses >> cell->warehouse & 1))
            continue;
        if (found && chooser->rank[cell->warehouse] > chooser->rank[line->warehouse])
            continue;
        line->warehouse = cell->warehouse;
        found = true;
    }
    return found;
}

APART static bool choose_several(const struct chooser *chooser, const struct stock_sku *sku,
                                 bool with_held, struct hold_line *lines, uint32_t line_count)
{
    struct taken taken;
    memset(&taken, 0, sizeof taken);
    for (uint32_t i = 0; i < line_count; i++) {
        if (!choose(chooser, sku, with_held, &taken, &lines[i]))
            return false;
        taken.units[lines[i].warehouse] += lines[i].units;
        if (chooser->bug[BUG_LINES_CHECKED_APART])
            memset(&taken, 0, sizeof taken);
    }
    return true;
}

static bool choose_all(const struct chooser *chooser, const struct stock_sku *sku, bool with_held,
                       struct hold_line *lines, uint32_t line_count)
{
    return line_count == 1 ? choose(chooser, sku, with_held, NULL, &lines[0])
                           : choose_several(chooser, sku, with_held, lines, line_count);
}

static uint64_t units_of(const struct hold_line *lines, uint32_t line_count)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < line_count; i++)
        units += lines[i].units;
    return units;
}

static void add_short(struct hold_shorts *shorts, enum code code, const struct stock_sku *sku,
                      uint64_t requested, uint64_t sellable)
{
    if (shorts->line_count == 0 || code > shorts->code)
        shorts->code = code;
    shorts->lines[shorts->line_count++] =
        (struct short_line){.sku = sku->sku, .requested = requested, .sellable = sellable};
}

/* The window that an order of this time counts in, for a SKU with a limit per buyer. */
static uint32_t window_of(const struct stock_sku *sku, uint64_t at_ns)
{
    if (sku->customer_window_s == 0)
        return 0;
    uint32_t at_s = (uint32_t)(at_ns / 1000000000);
    uint32_t window_s = at_s - at_s % sku->customer_window_s + 1;
    return window_s > sku->window_floor_s ? window_s : sku->window_floor_s + 1;
}

static enum hold_outcome worse(enum hold_outcome a, enum hold_outcome b)
{
    return a > b ? a : b;
}

/* Units of a SKU that an order asks for, against a limit that has a count of its own. */
struct limited {
    const struct stock_sku *sku;
    struct limit_key key;
    uint64_t requested;
    uint64_t max;
};

static enum hold_outcome keep_limit(const struct limits *limits, const struct limited *limited,
                                    struct hold_shorts *shorts, const bool *bug)
{
    uint64_t had = limit_units(limits, &limited->key);
    if (had + limited->requested > limited->max) {
        add_short(shorts, CODE_LIMIT, limited->sku, limited->requested,
                  had < limited->max ? limited->max - had : 0);
        return HOLD_SHORT;
    }
    uint64_t pending = bug[BUG_LIMIT_BEFORE_HOLDS] ? 0 : limit_pending(limits, &limited->key);
    return had + pending + limited->requested <= limited->max ? HOLD_GRANTED : HOLD_BUSY;
}

static const struct cap *cap_of(const struct stock *stock, const struct stock_sku *sku,
                                uint64_t channel)
{
    return channel != 0 && sku->first_cap != 0 ? cap_find(&stock->caps, sku->first_cap, channel)
                                               : NULL;
}

static void count_in(struct hold_line *lines, uint32_t line_count, uint32_t window_s, bool capped)
{
    for (uint32_t i = 0; i < line_count; i++) {
        lines[i].window_s = window_s;
        lines[i].capped = capped;
    }
}

static bool is_limited(const struct hold_ask *ask, const struct stock_sku *sku)
{
    if ((sku->max_per_order | sku->customer_window_s | sku->first_cap) == 0)
        return false;
    return !ask->unlimited &&
           (sku->max_per_order != 0 || sku->customer_window_s != 0 || ask->buyer.channel != 0);
}

APART static enum hold_outcome keep_limits(const struct stock *stock, const struct hold_ask *ask,
                                           const struct stock_sku *sku, struct hold_line *lines,
                                           uint32_t line_count, struct hold_shorts *shorts,
                                           const bool *bug)
{
    const struct cap *cap = bug[BUG_CAP_OVERLOOKED] ? NULL : cap_of(stock, sku, ask->buyer.channel);
    uint32_t window_s = window_of(sku, ask->at_ns);
    count_in(lines, line_count, window_s, cap != NULL);
    struct limited limited = {.sku = sku, .requested = units_of(lines, line_count)};
    if (sku->max_per_order != 0 && limited.requested > sku->max_per_order) {
        add_short(shorts, CODE_LIMIT, sku, limited.requested, sku->max_per_order);
        return HOLD_SHORT;
    }
    enum hold_outcome outcome = HOLD_GRANTED;
    if (window_s != 0) {
        limited.key = (struct limit_key){ask->buyer.customer, sku->sku, window_s};
        limited.max = sku->max_per_customer;
        outcome = keep_limit(&stock->limits, &limited, shorts, bug);
    }
    if (cap == NULL || outcome == HOLD_SHORT)
        return outcome;
    limited.key = (struct limit_key){ask->buyer.channel, sku->sku, 0};
    limited.max = cap->said.units;
    return worse(outcome, keep_limit(&stock->limits, &limited, shorts, bug));
}

/* What one line could have: a line is never split, so the sum over warehouses would promise too much. */
static uint64_t most(const struct chooser *chooser, const struct stock_sku *sku)
{
    uint64_t units = 0;
    const struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(chooser->stock, sku, cell)) != NULL) {
        uint64_t here = stock_sellable_without_holds(cell);
        if ((chooser->warehouses >> cell->warehouse & 1) && here > units)
            units = here;
    }
    return units;
}

APART static enum hold_outcome why_not(const struct chooser *chooser, const struct stock_sku *sku,
                                       struct hold_line *lines, uint32_t line_count,
                                       struct hold_shorts *shorts)
{
    const bool *bug = chooser->bug;
    if (choose_all(chooser, sku, true, lines, line_count) && !bug[BUG_BUSY_IS_SHORT])
        return HOLD_BUSY;
    add_short(shorts, CODE_OUT_OF_STOCK, sku, units_of(lines, line_count), most(chooser, sku));
    return HOLD_SHORT;
}

static enum hold_outcome find_stock(const struct chooser *chooser, const struct stock_sku *sku,
                                    struct hold_line *lines, uint32_t line_count,
                                    struct hold_shorts *shorts)
{
    return choose_all(chooser, sku, chooser->bug[BUG_HOLD_SEES_HELD], lines, line_count)
               ? HOLD_GRANTED
               : why_not(chooser, sku, lines, line_count, shorts);
}

static uint32_t same_sku(const struct hold_line *lines, uint32_t line_count)
{
    uint32_t same = 1;
    while (same < line_count && lines[same].sku == lines[0].sku)
        same++;
    return same;
}

static uint64_t able_for_sku(const struct stock *stock, const struct stock_sku *sku, uint64_t units,
                             bool with_held)
{
    uint64_t able = 0;
    const struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(stock, sku, cell)) != NULL)
        if (sellable(cell, with_held) >= units)
            able |= UINT64_C(1) << cell->warehouse;
    return able;
}

uint64_t hold_able(const struct stock *stock, const struct hold_line *lines, uint32_t line_count,
                   bool with_held)
{
    uint64_t able = UINT64_MAX;
    for (uint32_t at = 0, same; at < line_count; at += same) {
        same = same_sku(lines + at, line_count - at);
        able &= able_for_sku(stock, stock_sku_at(stock, lines[at].sku), units_of(lines + at, same),
                             with_held);
    }
    return able;
}

uint8_t hold_first_of(const struct topology *topology, uint32_t region, uint64_t warehouses)
{
    const uint8_t *rank = topology_rank(topology, region);
    uint8_t first = WAREHOUSE_NONE;
    for (uint8_t i = 0; i < topology->warehouse_count; i++)
        if ((warehouses >> i & 1) && (first == WAREHOUSE_NONE || rank[i] < rank[first]))
            first = i;
    return first;
}

/* One bit for each warehouse that may be chosen. */
static uint64_t warehouses_of(const struct stock *stock, const struct topology *topology,
                              const struct hold_ask *ask, const struct hold_line *lines)
{
    uint8_t only = ask->warehouse;
    if (only == WAREHOUSE_NONE && ask->single)
        only =
            hold_first_of(topology, ask->region, hold_able(stock, lines, ask->line_count, false));
    return only != WAREHOUSE_NONE ? UINT64_C(1) << only : UINT64_MAX;
}

enum hold_outcome hold_decide(const struct stock *stock, const struct topology *topology,
                              const struct hold_ask *ask, struct hold_line *lines,
                              struct hold_shorts *shorts, const bool *bug)
{
    const struct chooser chooser = {
        .stock = stock,
        .rank = topology_rank(topology, bug[BUG_COSTS_OVERLOOKED] ? REGIONS_MAX : ask->region),
        .warehouses = warehouses_of(stock, topology, ask, lines),
        .bug = bug,
    };
    enum hold_outcome outcome = HOLD_GRANTED;
    uint32_t limited_count = 0;
    shorts->line_count = 0;
    for (uint32_t at = 0, same; at < ask->line_count; at += same) {
        const struct stock_sku *sku = stock_sku_at(stock, lines[at].sku);
        same = same_sku(lines + at, ask->line_count - at);
        enum hold_outcome limits = HOLD_GRANTED;
        if (!is_limited(ask, sku)) {
            count_in(lines + at, same, 0, false);
        } else {
            limits = keep_limits(stock, ask, sku, lines + at, same, shorts, bug);
            limited_count += lines[at].window_s != 0;
            limited_count += lines[at].capped;
        }
        outcome = worse(outcome, limits);
        if (limits != HOLD_SHORT)
            outcome = worse(outcome, find_stock(&chooser, sku, lines + at, same, shorts));
    }
    if (outcome == HOLD_GRANTED && limited_count > limits_room(&stock->limits)) {
        shorts->code = CODE_FULL;
        return HOLD_SHORT;
    }
    return outcome;
}

static struct stock_promise promise_of(const struct hold_buyer *buyer, const struct hold_line *line)
{
    return (struct stock_promise){
        .customer = buyer->customer,
        .channel = line->capped ? buyer->channel : 0,
        .units = line->units,
        .sku = line->sku,
        .window_s = line->window_s,
        .warehouse = line->warehouse,
    };
}

void hold_take(struct stock *stock, const struct hold_buyer *buyer, const struct hold_line *lines,
               uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++) {
        struct stock_promise promise = promise_of(buyer, &lines[i]);
        stock_set_aside(stock, &promise);
    }
}

void hold_drop(struct stock *stock, const struct hold_buyer *buyer, const struct hold_line *lines,
               uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++) {
        struct stock_promise promise = promise_of(buyer, &lines[i]);
        stock_give_back(stock, &promise);
    }
}
