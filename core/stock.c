#include "core/stock.h"

#include <string.h>

#include "core/prefetch.h"

/* ---- memory ------------------------------------------------------------------------------------ */

static uint32_t owned_slots(const struct shard_options *options)
{
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        count += options->slot_shard[slot] == options->shard;
    return count;
}

static size_t skus_bytes(const struct shard_options *options)
{
    size_t count = (size_t)owned_slots(options) * catalogue_slot_capacity(&options->catalogue);
    return (count * sizeof(struct stock_sku) + 63) & ~(size_t)63;
}

static size_t cells_bytes(const struct shard_options *options)
{
    return (((size_t)options->cell_count_max + 1) * sizeof(struct stock_cell) + 63) & ~(size_t)63;
}

size_t stock_bytes(const struct shard_options *options)
{
    return skus_bytes(options) + cells_bytes(options) + limits_bytes(options) +
           caps_bytes(options) + transfers_bytes(options);
}

void stock_init(struct stock *stock, void *zeroed_memory, const struct shard_options *options)
{
    *stock = (struct stock){
        .skus = zeroed_memory,
        .cells = (void *)((char *)zeroed_memory + skus_bytes(options)),
        .cell_count_max = options->cell_count_max,
        .slot_capacity = catalogue_slot_capacity(&options->catalogue),
    };
    char *at = (char *)stock->cells + cells_bytes(options);
    limits_init(&stock->limits, at, options);
    at += limits_bytes(options);
    caps_init(&stock->caps, at, options);
    transfers_init(&stock->transfers, at + caps_bytes(options), options);
    uint64_t first = 0;
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        bool own = options->slot_shard[slot] == options->shard;
        stock->slot_first[slot] = own ? (uint32_t)first : SLOT_ELSEWHERE;
        first += own ? stock->slot_capacity : 0;
        CHECK(first <= SLOT_ELSEWHERE);
    }
}

/* ---- finding ----------------------------------------------------------------------------------- */

static bool is_ours(const struct stock *stock, uint32_t sku)
{
    return stock->slot_first[sku_slot(sku)] != SLOT_ELSEWHERE &&
           sku_index(sku) - 1 < stock->slot_capacity;
}

struct stock_sku *stock_sku(const struct stock *stock, uint32_t sku)
{
    if (!is_ours(stock, sku))
        return NULL;
    struct stock_sku *record = stock_sku_at(stock, sku);
    return record->sku != 0 ? record : NULL;
}

void stock_prefetch(const struct stock *stock, uint32_t sku)
{
    if (is_ours(stock, sku))
        prefetch_line(stock_sku_at(stock, sku));
}

void stock_prefetch_cell(const struct stock *stock, uint32_t sku)
{
    if (is_ours(stock, sku))
        prefetch_line(&stock->cells[stock_sku_at(stock, sku)->first_cell]);
}

struct stock_cell *stock_cell(const struct stock *stock, const struct stock_sku *sku,
                              uint32_t warehouse)
{
    struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(stock, sku, cell)) != NULL)
        if (cell->warehouse == warehouse)
            return cell;
    return NULL;
}

const struct stock_sku *stock_each(const struct stock *stock, uint64_t *at)
{
    for (; *at < (uint64_t)SLOT_COUNT << SKU_INDEX_BITS; ++*at) {
        uint32_t slot = (uint32_t)(*at >> SKU_INDEX_BITS);
        uint32_t index = sku_index((uint32_t)*at);
        if (index < stock->slot_sku_count[slot])
            return stock_sku_at(stock, (uint32_t)(*at)++ + 1);
        *at |= (1u << SKU_INDEX_BITS) - 1;
    }
    return NULL;
}

uint64_t stock_on_hand(const struct stock_cell *cell)
{
    return cell->free + cell->held + cell->reserved + cell->committed + cell->quarantined;
}

static uint64_t above_safety(const struct stock_cell *cell, uint64_t units)
{
    return cell->missing > 0 || units < cell->safety ? 0 : units - cell->safety;
}

uint64_t stock_sellable(const struct stock_cell *cell)
{
    return above_safety(cell, cell->free);
}

uint64_t stock_sellable_without_holds(const struct stock_cell *cell)
{
    return above_safety(cell, cell->free + cell->held);
}

bool stock_is_low(const struct stock_cell *cell)
{
    return (cell->reorder_point > 0 || cell->safety > 0) &&
           stock_sellable_without_holds(cell) <= cell->reorder_point;
}

const struct stock_sku *stock_level_next(const struct stock *stock)
{
    CHECK(stock->level_first != 0);
    return stock_sku_at(stock, stock->level_first);
}

void stock_level_done(struct stock *stock)
{
    struct stock_sku *sku = stock_sku_at(stock, stock->level_first);
    stock->level_first = sku->level_next;
    sku->level_listed = false;
}

inline void stock_touched(struct stock *stock, struct stock_sku *sku)
{
    if (!sku->watched || sku->level_listed)
        return;
    sku->level_listed = true;
    sku->level_next = stock->level_first;
    stock->level_first = sku->sku;
}

/* ---- deciding ---------------------------------------------------------------------------------- */

uint32_t stock_next_number(const struct stock *stock, uint32_t slot)
{
    uint32_t count = stock->slot_sku_count[slot];
    return count < stock->slot_capacity ? slot << SKU_INDEX_BITS | (count + 1) : 0;
}

uint32_t stock_find_unpublished(const struct stock *stock, struct text code)
{
    for (uint32_t sku = stock->publish_first; sku != 0;
         sku = stock_sku_at(stock, sku)->publish_next) {
        const struct stock_sku *record = stock_sku_at(stock, sku);
        if (record->code_bytes == code.bytes && memcmp(record->code, code.at, code.bytes) == 0)
            return sku;
    }
    return 0;
}

bool stock_has_cell_room(const struct stock *stock, const struct stock_sku *sku, uint32_t warehouse)
{
    return stock_cell(stock, sku, warehouse) != NULL || stock->cell_count < stock->cell_count_max;
}

/* ---- applying ---------------------------------------------------------------------------------- */

/* NULL: the table is full. */
static struct stock_sku *sku_or_new(struct stock *stock, uint32_t sku)
{
    if (sku_index(sku) > stock->slot_capacity)
        return NULL;
    struct stock_sku *record = stock_sku_at(stock, sku);
    if (record->sku == 0) {
        record->sku = sku;
        stock->slot_sku_count[sku_slot(sku)]++;
        stock->sku_count++;
    }
    return record;
}

static void keep_code(struct stock *stock, struct stock_sku *record, struct text code)
{
    record->code_bytes = (uint8_t)code.bytes;
    memcpy(record->code, code.at, code.bytes);
    if (record->unpublished)
        return;
    record->unpublished = true;
    record->publish_next = stock->publish_first;
    stock->publish_first = record->sku;
}

static void note_window(struct stock_sku *sku)
{
    if (sku->customer_window_s > sku->window_longest_s)
        sku->window_longest_s = sku->customer_window_s;
}

struct text stock_put_code(const struct slice_sku_put *put)
{
    return (struct text){(const char *)(put->caps + put->cap_count), put->code_bytes};
}

static enum shard_table apply_sku_put(struct stock *stock, const struct slice_sku_put *put)
{
    struct stock_sku *record = sku_or_new(stock, put->sku);
    if (record == NULL)
        return SHARD_TABLE_SKUS;
    if (!caps_have_room(&stock->caps, record->first_cap, put->cap_count))
        return SHARD_TABLE_LIMITS;
    record->first_cap = caps_replace(&stock->caps, record->first_cap, put->caps, put->cap_count);
    record->list_price = put->list_price;
    record->currency = put->currency;
    record->max_per_order = put->max_per_order;
    record->max_per_customer = put->max_per_customer;
    record->customer_window_s = put->customer_window_s;
    note_window(record);
    record->weight_g = put->weight_g;
    record->flags = put->flags;
    keep_code(stock, record, stock_put_code(put));
    return SHARD_TABLE_NONE;
}

static struct stock_cell *make_cell(struct stock *stock, struct stock_sku *sku, uint8_t warehouse)
{
    if (stock->cell_count == stock->cell_count_max)
        return NULL;
    uint32_t number = ++stock->cell_count;
    struct stock_cell *cell = &stock->cells[number];
    cell->warehouse = warehouse;
    cell->next = sku->first_cell;
    sku->first_cell = number;
    return cell;
}

static uint64_t plus(uint64_t units, int64_t change)
{
    CHECK(change >= 0 || units >= (uint64_t)-change);
    return units + (uint64_t)change;
}

static void add_flows(struct stock_flows *flows, const struct slice_stock_change *change)
{
    flows->received += change->received;
    flows->returned += change->returned;
    flows->adjusted += change->adjusted;
    flows->shipped += change->shipped;
    flows->written_off += change->written_off;
}

/* NULL: the table of cells is full. */
static struct stock_cell *cell_or_new(struct stock *stock, uint32_t number, uint8_t warehouse)
{
    struct stock_sku *sku = stock_sku_at(stock, number);
    struct stock_cell *cell = stock_cell(stock, sku, warehouse);
    return cell != NULL ? cell : make_cell(stock, sku, warehouse);
}

/* Once watched, a SKU stays so: it is a matter of speed alone. */
static void watch(struct stock *stock, uint32_t sku, const struct stock_cell *cell)
{
    if (cell->missing > 0 || cell->reorder_point > 0 || cell->safety > 0 || cell->warned)
        stock_sku_at(stock, sku)->watched = true;
}

static enum shard_table apply_change(struct stock *stock, const struct slice_stock_change *change)
{
    struct stock_cell *cell = cell_or_new(stock, change->sku, change->warehouse);
    if (cell == NULL)
        return SHARD_TABLE_CELLS;
    cell->free = plus(cell->free, change->free);
    cell->quarantined = plus(cell->quarantined, change->quarantined);
    cell->incoming = plus(cell->incoming, change->incoming);
    cell->in_transfer = plus(cell->in_transfer, change->in_transfer);
    cell->missing = plus(cell->missing, change->missing);
    cell->version += change->stays == 0;
    add_flows(&stock_sku_at(stock, change->sku)->flows, change);
    add_flows(&stock->flows, change);
    stock->on_hand += change->free + change->quarantined;
    stock->in_transfer += change->in_transfer;
    watch(stock, change->sku, cell);
    return SHARD_TABLE_NONE;
}

static enum shard_table apply_policy(struct stock *stock, const struct slice_stock_policy *policy)
{
    struct stock_cell *cell = cell_or_new(stock, policy->sku, policy->warehouse);
    if (cell == NULL)
        return SHARD_TABLE_CELLS;
    cell->safety = policy->safety;
    cell->reorder_point = policy->reorder_point;
    cell->version++;
    watch(stock, policy->sku, cell);
    return SHARD_TABLE_NONE;
}

static void apply_warning(struct stock *stock, const struct slice_stock_warning *warning)
{
    stock_cell_of(stock, warning->sku, warning->warehouse)->warned = warning->warned != 0;
}

static void apply_task(struct stock *stock, const struct slice_stock_task *task)
{
    stock_cell_of(stock, task->sku, task->warehouse)->task_ns = task->opened_ns;
}

uint32_t stock_slice_sku(const struct slice *slice)
{
    switch (slice->kind) {
    case SLICE_SKU_PUT:
        return ((const struct slice_sku_put *)(const void *)slice)->sku;
    case SLICE_STOCK_CHANGE:
        return ((const struct slice_stock_change *)(const void *)slice)->sku;
    case SLICE_STOCK_POLICY:
        return ((const struct slice_stock_policy *)(const void *)slice)->sku;
    case SLICE_WINDOWS_FORGOTTEN:
        return ((const struct slice_windows_forgotten *)(const void *)slice)->sku;
    case SLICE_STOCK_TASK:
        return ((const struct slice_stock_task *)(const void *)slice)->sku;
    case SLICE_TRANSFER_SHIPPED:
        return ((const struct slice_transfer_shipped *)(const void *)slice)->sku;
    case SLICE_TRANSFER_RECEIVED:
        return ((const struct slice_transfer_received *)(const void *)slice)->sku;
    case SLICE_TRANSFER_FORGOTTEN:
        return ((const struct slice_transfer_forgotten *)(const void *)slice)->sku;
    case SLICE_STOCK_WARNING:
        return ((const struct slice_stock_warning *)(const void *)slice)->sku;
    default:
        return ((const struct slice_stock_units *)(const void *)slice)->sku;
    }
}

enum shard_table stock_goods_apply(struct stock *stock, const struct slice *slice)
{
    switch (slice->kind) {
    case SLICE_SKU_PUT:
        return apply_sku_put(stock, (const void *)slice);
    case SLICE_STOCK_CHANGE:
        return apply_change(stock, (const void *)slice);
    case SLICE_STOCK_POLICY:
        return apply_policy(stock, (const void *)slice);
    case SLICE_STOCK_TASK:
        apply_task(stock, (const void *)slice);
        return SHARD_TABLE_NONE;
    case SLICE_TRANSFER_SHIPPED:
    case SLICE_TRANSFER_RECEIVED:
    case SLICE_TRANSFER_FORGOTTEN:
        return transfer_apply(&stock->transfers, slice);
    case SLICE_STOCK_WARNING:
        apply_warning(stock, (const void *)slice);
        return SHARD_TABLE_NONE;
    default:
        CHECK(false); /* a slice of stock */
    }
    return SHARD_TABLE_NONE;
}

void stock_publish(struct stock *stock, struct catalogue *catalogue, uint64_t seq)
{
    while (stock->publish_first != 0) {
        struct stock_sku *record = stock_sku_at(stock, stock->publish_first);
        struct catalogue_sku entry = {
            .seen = seq,
            .list_price = record->list_price,
            .sku = record->sku,
            .currency = record->currency,
            .flags = record->flags,
            .code_bytes = record->code_bytes,
        };
        memcpy(entry.code, record->code, record->code_bytes);
        catalogue_publish(catalogue, &entry);
        record->unpublished = false;
        stock->publish_first = record->publish_next;
    }
}

/* ---- looking at all of it ---------------------------------------------------------------------- */

struct sums {
    int64_t on_hand;
    int64_t in_transfer;
    int64_t reserved;
    int64_t committed;
};

static struct sums sums_of(const struct stock *stock, const struct stock_sku *sku)
{
    struct sums sums = {0};
    const struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(stock, sku, cell)) != NULL) {
        sums.on_hand += (int64_t)stock_on_hand(cell);
        sums.in_transfer += (int64_t)cell->in_transfer;
        sums.reserved += (int64_t)cell->reserved;
        sums.committed += (int64_t)cell->committed;
    }
    return sums;
}

static int64_t flows_balance(const struct stock_flows *flows)
{
    return flows->received + flows->returned + flows->adjusted - flows->shipped -
           flows->written_off;
}

const char *stock_audit(const struct stock *stock)
{
    struct sums all = {0};
    const struct stock_sku *sku;
    for (uint64_t at = 0; (sku = stock_each(stock, &at)) != NULL;) {
        struct sums sums = sums_of(stock, sku);
        if (sums.on_hand + sums.in_transfer != flows_balance(&sku->flows))
            return "on_hand of a SKU";
        all.on_hand += sums.on_hand;
        all.in_transfer += sums.in_transfer;
        all.reserved += sums.reserved;
        all.committed += sums.committed;
    }
    if (all.in_transfer != (int64_t)transfers_on_their_way(&stock->transfers))
        return "transfers";
    if (all.on_hand != stock->on_hand || all.in_transfer != stock->in_transfer)
        return "on_hand";
    if (all.reserved != stock->reserved)
        return "reserved";
    if (all.committed != stock->committed)
        return "committed";
    return all.on_hand + all.in_transfer == flows_balance(&stock->flows) ? NULL : "flows";
}

/* ---- images ------------------------------------------------------------------------------------ */

static void cell_image(const struct stock_cell *cell, struct pile *out, struct record *record)
{
    struct part_cell *part = record_part(out, record, PART_CELL, sizeof *part);
    part->free = cell->free + cell->held;
    part->reserved = cell->reserved;
    part->committed = cell->committed;
    part->quarantined = cell->quarantined;
    part->incoming = cell->incoming;
    part->in_transfer = cell->in_transfer;
    part->missing = cell->missing;
    part->safety = cell->safety;
    part->version = cell->version;
    part->reorder_point = cell->reorder_point;
    part->task_ns = cell->task_ns;
    part->warehouse = cell->warehouse;
    part->warned = cell->warned;
}

bool stock_image(const struct stock *stock, uint64_t *at, struct pile *out)
{
    const struct stock_sku *sku = stock_each(stock, at);
    if (sku == NULL)
        return false;
    struct record *record = record_begin(out, sku_slot(sku->sku));
    uint32_t caps = cap_count(&stock->caps, sku->first_cap);
    struct part_sku *part = record_part(
        out, record, PART_SKU, sizeof *part + caps * sizeof part->caps[0] + sku->code_bytes);
    part->list_price = sku->list_price;
    part->flows = sku->flows;
    part->sku = sku->sku;
    part->currency = sku->currency;
    part->max_per_order = sku->max_per_order;
    part->max_per_customer = sku->max_per_customer;
    part->customer_window_s = sku->customer_window_s;
    part->weight_g = sku->weight_g;
    part->flags = sku->flags;
    part->code_bytes = sku->code_bytes;
    part->cap_count = (uint8_t)caps;
    part->window_floor_s = sku->window_floor_s;
    struct sku_cap *said = part->caps;
    for (uint32_t cap = sku->first_cap; cap != 0; cap = cap_at(&stock->caps, cap)->next)
        *said++ = cap_at(&stock->caps, cap)->said;
    memcpy(said, sku->code, sku->code_bytes);
    for (uint32_t warehouse = 0; warehouse < WAREHOUSES_MAX; warehouse++) {
        const struct stock_cell *cell = stock_cell(stock, sku, warehouse);
        if (cell != NULL)
            cell_image(cell, out, record);
    }
    return true;
}

bool sku_part_valid(const struct part_sku *part, uint32_t slot)
{
    if (part->head.bytes < sizeof *part || part->code_bytes == 0 ||
        part->code_bytes > ID_BYTES_MAX || sku_slot(part->sku) != slot || sku_index(part->sku) == 0)
        return false;
    uint32_t cap_bytes = part->cap_count * (uint32_t)sizeof part->caps[0];
    return part->head.bytes ==
               bytes_padded((uint32_t)sizeof *part + cap_bytes + part->code_bytes) &&
           sku_caps_valid(part->caps, part->cap_count);
}

bool cell_part_valid(const struct part_cell *part)
{
    return part->head.bytes == sizeof *part && part->warehouse < WAREHOUSES_MAX;
}

static void sum_flows(struct stock_flows *sum, const struct stock_flows *more)
{
    sum->received += more->received;
    sum->returned += more->returned;
    sum->adjusted += more->adjusted;
    sum->shipped += more->shipped;
    sum->written_off += more->written_off;
}

enum shard_table sku_load(struct stock *stock, const struct part_sku *part)
{
    struct stock_sku *sku = sku_or_new(stock, part->sku);
    if (sku == NULL)
        return SHARD_TABLE_SKUS;
    if (!caps_have_room(&stock->caps, sku->first_cap, part->cap_count))
        return SHARD_TABLE_LIMITS;
    sku->list_price = part->list_price;
    sku->flows = part->flows;
    sku->currency = part->currency;
    sku->max_per_order = part->max_per_order;
    sku->max_per_customer = part->max_per_customer;
    sku->customer_window_s = part->customer_window_s;
    sku->weight_g = part->weight_g;
    sku->flags = part->flags;
    sku->window_floor_s = part->window_floor_s;
    note_window(sku);
    sku->first_cap = caps_replace(&stock->caps, sku->first_cap, part->caps, part->cap_count);
    const char *code = (const char *)(part->caps + part->cap_count);
    keep_code(stock, sku, (struct text){code, part->code_bytes});
    sum_flows(&stock->flows, &part->flows);
    return SHARD_TABLE_NONE;
}

enum shard_table cell_load(struct stock *stock, const struct part_sku *sku,
                           const struct part_cell *part)
{
    struct stock_cell *cell = cell_or_new(stock, sku->sku, part->warehouse);
    if (cell == NULL)
        return SHARD_TABLE_CELLS;
    cell->free = part->free;
    cell->reserved = part->reserved;
    cell->committed = part->committed;
    cell->quarantined = part->quarantined;
    cell->incoming = part->incoming;
    cell->in_transfer = part->in_transfer;
    cell->missing = part->missing;
    cell->safety = part->safety;
    cell->version = part->version;
    cell->reorder_point = part->reorder_point;
    cell->task_ns = part->task_ns;
    cell->warned = part->warned != 0;
    stock->on_hand += (int64_t)stock_on_hand(cell);
    stock->in_transfer += (int64_t)cell->in_transfer;
    stock->reserved += (int64_t)cell->reserved;
    stock->committed += (int64_t)cell->committed;
    watch(stock, sku->sku, cell);
    stock_touched(stock, stock_sku_at(stock, sku->sku));
    return SHARD_TABLE_NONE;
}
