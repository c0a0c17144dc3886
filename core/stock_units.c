#include "core/stock.h"

/* ---- what counts against a limit --------------------------------------------------------------- */

/* What a line's units count against, besides the stock. */
struct counted {
    struct limit_key keys[2];
    uint32_t count;
};

static struct counted counted_of(const struct stock_promise *line)
{
    struct counted counted = {.count = 0};
    if (line->window_s != 0)
        counted.keys[counted.count++] =
            (struct limit_key){line->customer, line->sku, line->window_s};
    if (line->channel != 0)
        counted.keys[counted.count++] = (struct limit_key){line->channel, line->sku, 0};
    return counted;
}

/* Bought in a window that is forgotten: the one branch that what others say of a SKU may take, since
 * it leads to the same whichever came first. */
static bool is_forgotten(const struct stock *stock, const struct limit_key *key)
{
    return key->window_s != 0 && key->window_s <= stock_sku_at(stock, key->sku)->window_floor_s;
}

/* Room that forgotten windows still take; looked for only where there is no other. */
static void drop_forgotten(struct stock *stock)
{
    for (uint32_t number = 1; number <= stock->limits.top; number++) {
        const struct limit_key *key = &stock->limits.entries[number].key;
        if (key->sku != 0 && is_forgotten(stock, key))
            stock_drop_window(stock, *key);
    }
}

static bool add_to_limit(struct stock *stock, const struct limit_key *key, uint64_t units,
                         uint64_t pending)
{
    if (limit_add(&stock->limits, key, units, pending))
        return true;
    drop_forgotten(stock);
    return limit_add(&stock->limits, key, units, pending);
}

APART static bool add_to_limits(struct stock *stock, const struct stock_promise *line,
                                uint64_t units, uint64_t pending)
{
    struct counted counted = counted_of(line);
    for (uint32_t i = 0; i < counted.count; i++) {
        const struct limit_key *key = &counted.keys[i];
        if (units > 0 && is_forgotten(stock, key))
            continue;
        if (!add_to_limit(stock, key, units, pending))
            return false;
    }
    return true;
}

APART static void remove_from_limits(struct stock *stock, const struct stock_promise *line,
                                     uint64_t units, uint64_t pending)
{
    struct counted counted = counted_of(line);
    for (uint32_t i = 0; i < counted.count; i++) {
        const struct limit_key *key = &counted.keys[i];
        if (units == 0 || !is_forgotten(stock, key))
            limit_remove(&stock->limits, key, units, pending);
    }
}

/* Most units count against nothing. */
static bool is_counted(uint32_t window_s, uint64_t channel)
{
    return window_s != 0 || channel != 0;
}

static bool count_in(struct stock *stock, const struct stock_promise *line, uint64_t units,
                     uint64_t pending)
{
    return !is_counted(line->window_s, line->channel) || add_to_limits(stock, line, units, pending);
}

static void count_out(struct stock *stock, const struct stock_promise *line, uint64_t units,
                      uint64_t pending)
{
    if (is_counted(line->window_s, line->channel))
        remove_from_limits(stock, line, units, pending);
}

static void apply_windows(struct stock *stock, const struct slice_windows_forgotten *windows)
{
    struct stock_sku *sku = stock_sku_at(stock, windows->sku);
    if (windows->floor_s > sku->window_floor_s)
        sku->window_floor_s = windows->floor_s;
}

uint64_t stock_window_kept_s(const struct stock_sku *sku)
{
    return sku->window_longest_s > WINDOW_KEPT_S ? sku->window_longest_s : WINDOW_KEPT_S;
}

static bool is_over(const struct stock *stock, const struct limit_key *key, uint64_t now_s)
{
    return key->sku != 0 && key->window_s != 0 &&
           key->window_s + stock_window_kept_s(stock_sku_at(stock, key->sku)) <= now_s;
}

const struct limit_key *stock_closed_window(const struct stock *stock, uint64_t now_s,
                                            uint32_t place_count, uint32_t *at)
{
    for (uint32_t i = 0; i < place_count && *at < stock->limits.top; i++) {
        const struct limit_key *key = &stock->limits.entries[++*at].key;
        if (is_over(stock, key, now_s))
            return key;
    }
    if (*at >= stock->limits.top)
        *at = 0;
    return NULL;
}

void stock_drop_window(struct stock *stock, struct limit_key key)
{
    if (is_forgotten(stock, &key) && limit_pending(&stock->limits, &key) == 0)
        limit_remove(&stock->limits, &key, limit_units(&stock->limits, &key), 0);
}

bool stock_limits_image(const struct stock *stock, uint64_t *at, struct pile *out)
{
    const struct limit_entry *entry;
    while ((entry = limits_each(&stock->limits, at)) != NULL)
        if (entry->units > 0 && !is_forgotten(stock, &entry->key)) {
            limit_image(entry, out);
            return true;
        }
    return false;
}

/* ---- a line's units ---------------------------------------------------------------------------- */

static void move_units(uint64_t *from, uint64_t *to, uint64_t units)
{
    CHECK(*from >= units);
    *from -= units;
    *to += units;
}

struct stock_promise stock_promise_of(const struct slice_stock_units *line)
{
    return (struct stock_promise){
        .customer = line->customer,
        .channel = line->channel,
        .units = line->units,
        .sku = line->sku,
        .window_s = line->window_s,
        .warehouse = line->warehouse,
    };
}

inline enum shard_table stock_take(struct stock *stock, const struct stock_sku *sku,
                                   const struct slice_stock_units *line)
{
    struct stock_cell *cell = stock_known_cell(stock, sku, line->warehouse);
    bool paid = line->head.kind == SLICE_STOCK_TAKE;
    uint32_t units = line->units;
    move_units(&cell->free, paid ? &cell->committed : &cell->reserved, units);
    *(paid ? &stock->committed : &stock->reserved) += units;
    if (!is_counted(line->window_s, line->channel))
        return SHARD_TABLE_NONE;
    struct stock_promise promise = stock_promise_of(line);
    return add_to_limits(stock, &promise, units, 0) ? SHARD_TABLE_NONE : SHARD_TABLE_LIMITS;
}

static void apply_release(struct stock *stock, const struct slice_stock_units *line)
{
    struct stock_cell *cell = stock_cell_of(stock, line->sku, line->warehouse);
    struct stock_promise promise = stock_promise_of(line);
    move_units(&cell->reserved, &cell->free, line->units);
    stock->reserved -= line->units;
    count_out(stock, &promise, line->units, 0);
}

static void apply_commit(struct stock *stock, const struct slice_stock_units *line)
{
    struct stock_cell *cell = stock_cell_of(stock, line->sku, line->warehouse);
    move_units(&cell->reserved, &cell->committed, line->units);
    stock->reserved -= line->units;
    stock->committed += line->units;
}

static void apply_uncommit(struct stock *stock, const struct slice_stock_units *line)
{
    struct stock_cell *cell = stock_cell_of(stock, line->sku, line->warehouse);
    struct stock_promise promise = stock_promise_of(line);
    move_units(&cell->committed, &cell->free, line->units);
    stock->committed -= line->units;
    count_out(stock, &promise, line->units, 0);
}

static void apply_ship(struct stock *stock, const struct slice_stock_units *line)
{
    struct stock_cell *cell = stock_cell_of(stock, line->sku, line->warehouse);
    CHECK(cell->committed >= line->units);
    cell->committed -= line->units;
    cell->version++;
    stock->committed -= line->units;
    stock->on_hand -= line->units;
    stock_sku_at(stock, line->sku)->flows.shipped += line->units;
    stock->flows.shipped += line->units;
}

/* Nobody knows yet in what state they are. */
static void apply_back(struct stock *stock, const struct slice_stock_units *line)
{
    struct stock_cell *cell = stock_cell_of(stock, line->sku, line->warehouse);
    cell->quarantined += line->units;
    cell->version++;
    stock->on_hand += line->units;
    stock_sku_at(stock, line->sku)->flows.returned += line->units;
    stock->flows.returned += line->units;
}

/* The buyer never got them: they count against no limit any more. */
static void apply_uncount(struct stock *stock, const struct slice_stock_units *line)
{
    struct stock_promise promise = stock_promise_of(line);
    count_out(stock, &promise, line->units, 0);
}

/* What orders do comes first: there is the most of it. */
enum shard_table stock_apply(struct stock *stock, const struct slice *slice)
{
    const void *fields = slice;
    switch (slice->kind) {
    case SLICE_WINDOWS_FORGOTTEN:
        apply_windows(stock, fields);
        return SHARD_TABLE_NONE;
    case SLICE_STOCK_RESERVE:
    case SLICE_STOCK_TAKE: {
        const struct slice_stock_units *line = fields;
        return stock_take(stock, stock_sku_at(stock, line->sku), line);
    }
    case SLICE_STOCK_RELEASE:
        apply_release(stock, fields);
        return SHARD_TABLE_NONE;
    case SLICE_STOCK_COMMIT:
        apply_commit(stock, fields);
        return SHARD_TABLE_NONE;
    case SLICE_STOCK_UNCOMMIT:
        apply_uncommit(stock, fields);
        return SHARD_TABLE_NONE;
    case SLICE_STOCK_SHIP:
        apply_ship(stock, fields);
        return SHARD_TABLE_NONE;
    case SLICE_STOCK_BACK:
        apply_back(stock, fields);
        return SHARD_TABLE_NONE;
    case SLICE_STOCK_UNCOUNT:
        apply_uncount(stock, fields);
        return SHARD_TABLE_NONE;
    default:
        return stock_goods_apply(stock, slice);
    }
}

/* ---- promises ---------------------------------------------------------------------------------- */

void stock_set_aside(struct stock *stock, const struct stock_promise *promise)
{
    struct stock_cell *cell = stock_cell_of(stock, promise->sku, promise->warehouse);
    move_units(&cell->free, &cell->held, promise->units);
    CHECK(count_in(stock, promise, 0, promise->units));
}

void stock_give_back(struct stock *stock, const struct stock_promise *promise)
{
    struct stock_cell *cell = stock_cell_of(stock, promise->sku, promise->warehouse);
    move_units(&cell->held, &cell->free, promise->units);
    count_out(stock, promise, 0, promise->units);
}
