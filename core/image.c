#include "core/image.h"

#include <string.h>

#include "core/digest.h"
#include "core/refund.h"
#include "core/return.h"
#include "core/shard_state.h"
#include "core/shipment.h"

/* ---- writing ----------------------------------------------------------------------------------- */

struct record *record_begin(struct pile *out, uint32_t slot)
{
    struct record *record = pile_append(out, (uint32_t)sizeof *record);
    record->bytes = (uint32_t)sizeof *record;
    record->slot = (uint16_t)slot;
    return record;
}

void *record_part(struct pile *out, struct record *record, enum part_kind kind, size_t bytes)
{
    struct part *part = pile_append(out, (uint32_t)bytes);
    part->bytes = bytes_padded((uint32_t)bytes);
    part->kind = (uint16_t)kind;
    record->bytes += part->bytes;
    return part;
}

uint64_t record_hash(const struct record *record)
{
    return digest(record, record->bytes, 0);
}

struct text record_order(const struct record *record)
{
    const struct part *first = record_first(record);
    return first->kind == PART_ORDER ? order_part_id((const void *)first) : (struct text){NULL, 0};
}

enum walk_stage {
    WALK_TOPOLOGY,
    WALK_RULES,
    WALK_SKUS,
    WALK_LIMITS,
    WALK_TRANSFERS,
    WALK_RETRIES,
    WALK_ORDERS,
    WALK_END
};

/* Appends the next record of a stage; false: there is none. */
static bool next_of(const struct shard *shard, enum walk_stage stage, uint64_t *at,
                    struct pile *out)
{
    switch (stage) {
    case WALK_TOPOLOGY:
        return shard_owns(shard, TOPOLOGY_SLOT) && topology_image(&shard->topology, at, out);
    case WALK_RULES:
        return shard_owns(shard, TOPOLOGY_SLOT) && rules_image(&shard->rules, at, out);
    case WALK_SKUS:
        return stock_image(&shard->stock, at, out);
    case WALK_LIMITS:
        return stock_limits_image(&shard->stock, at, out);
    case WALK_TRANSFERS:
        return transfers_image(&shard->stock.transfers, at, out);
    case WALK_RETRIES:
        return retries_image(&shard->retries, at, out);
    case WALK_ORDERS:
        return orders_image(&shard->orders, at, out);
    case WALK_END:
        break;
    }
    return false;
}

const struct record *shard_image_next(const struct shard *shard, struct image_walk *walk)
{
    struct pile out = {.at = shard->record_space, .capacity_bytes = RECORD_BYTES_MAX};
    for (; walk->stage < WALK_END; walk->stage++, walk->at = 0)
        if (next_of(shard, (enum walk_stage)walk->stage, &walk->at, &out))
            return (const void *)out.at;
    return NULL;
}

uint64_t shard_state_hash(const struct shard *shard)
{
    struct image_walk walk = {0};
    const struct record *record;
    uint64_t sum = 0;
    while ((record = shard_image_next(shard, &walk)) != NULL)
        sum += record_hash(record);
    return sum;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static bool opens_record(enum part_kind kind)
{
    return kind != PART_CELL && kind != PART_ORDER_STAGES && kind != PART_PAYMENT &&
           kind != PART_REFUND && kind != PART_SHIPMENT && kind != PART_SCANS &&
           kind != PART_RETURN;
}

/* What the part that opens a record admits behind itself. */
static bool belongs_to(enum part_kind owner, enum part_kind kind)
{
    if (owner == PART_ORDER)
        return kind == PART_ORDER_STAGES || kind == PART_PAYMENT || kind == PART_REFUND ||
               kind == PART_SHIPMENT || kind == PART_SCANS || kind == PART_RETURN;
    return owner == PART_SKU && kind == PART_CELL;
}

/* Each looks at what loading would otherwise take on trust. */
static bool part_valid(const struct record *record, const struct part *part)
{
    const void *fields = part;
    switch ((enum part_kind)part->kind) {
    case PART_ORDER:
        return order_part_valid(fields, record->slot);
    case PART_ORDER_STAGES:
        return stages_part_valid(fields);
    case PART_PAYMENT:
        return payment_part_valid(fields);
    case PART_REFUND:
        return refund_part_valid(fields);
    case PART_SKU:
        return sku_part_valid(fields, record->slot);
    case PART_CELL:
        return cell_part_valid(fields);
    case PART_LIMIT:
        return limit_part_valid(fields, record->slot);
    case PART_TRANSFER:
        return transfer_part_valid(fields, record->slot);
    case PART_RETRY:
        return part->bytes == sizeof(struct part_retry);
    case PART_SHIPMENT:
        return shipment_part_valid(fields);
    case PART_SCANS:
        return scans_part_valid(fields);
    case PART_RETURN:
        return return_part_valid(fields);
    case PART_RULES:
        return rules_part_valid(fields) && record->slot == TOPOLOGY_SLOT;
    case PART_WAREHOUSE:
        return warehouse_part_valid(fields) && record->slot == TOPOLOGY_SLOT;
    case PART_REGION:
        return region_part_valid(fields) && record->slot == TOPOLOGY_SLOT;
    }
    return false;
}

bool record_valid(const struct record *record, uint64_t available)
{
    if (available < sizeof *record || record->bytes > available || record->bytes % 8 != 0 ||
        record->bytes > RECORD_BYTES_MAX || record->slot >= SLOT_COUNT || record->zero != 0)
        return false;
    const struct part *first = record_first(record);
    uint64_t left = record->bytes - sizeof *record;
    for (const struct part *part = first; left > 0; part = part_next(part)) {
        if (left < sizeof *part || part->bytes < sizeof *part || part->bytes > left ||
            part->bytes % 8 != 0 || part->zero != 0 || !part_valid(record, part))
            return false;
        enum part_kind kind = (enum part_kind)part->kind;
        if (part == first ? !opens_record(kind) : !belongs_to((enum part_kind)first->kind, kind))
            return false;
        left -= part->bytes;
    }
    return record_has(record, first);
}

static enum shard_table load_part(struct shard *shard, const struct record *record,
                                  const struct part *part)
{
    const void *fields = part;
    switch ((enum part_kind)part->kind) {
    case PART_ORDER:
        return order_load(&shard->orders, fields);
    case PART_ORDER_STAGES:
        return stages_load(&shard->orders, fields);
    case PART_PAYMENT:
        return payment_load(&shard->orders, fields);
    case PART_REFUND:
        return refund_load(&shard->orders, fields);
    case PART_SKU:
        return sku_load(&shard->stock, fields);
    case PART_CELL:
        return cell_load(&shard->stock, (const void *)record_first(record), fields);
    case PART_LIMIT:
        return limit_load(&shard->stock.limits, fields);
    case PART_TRANSFER:
        return transfer_load(&shard->stock.transfers, fields);
    case PART_RETRY:
        return retry_load(&shard->retries, record->slot, fields);
    case PART_SHIPMENT:
        return shipment_load(&shard->orders, fields);
    case PART_SCANS:
        return scans_load(&shard->orders, fields);
    case PART_RETURN:
        return return_load(&shard->orders, fields);
    case PART_RULES:
        rules_load(&shard->rules, fields);
        return SHARD_TABLE_NONE;
    case PART_WAREHOUSE:
    case PART_REGION:
        topology_load(&shard->topology, fields);
        return SHARD_TABLE_NONE;
    }
    return SHARD_TABLE_NONE;
}

static void fetch(const struct shard *shard, const struct record *record)
{
    if (shard_owns(shard, record->slot) && record_first(record)->kind == PART_ORDER)
        order_load_fetch(&shard->orders, (const void *)record_first(record));
}

static void fetch_behind(const struct shard *shard, const struct record *record)
{
    if (shard_owns(shard, record->slot) && record_first(record)->kind == PART_ORDER)
        order_load_fetch_behind(&shard->orders, (const void *)record_first(record));
}

enum shard_table shard_load(struct shard *shard, const struct record *record)
{
    const struct part *part = record_first(record);
    if (!shard_owns(shard, record->slot) && part->kind != PART_WAREHOUSE &&
        part->kind != PART_REGION && part->kind != PART_RULES)
        return SHARD_TABLE_NONE;
    enum shard_table full = SHARD_TABLE_NONE;
    for (; full == SHARD_TABLE_NONE && record_has(record, part); part = part_next(part))
        full = load_part(shard, record, part);
    return full;
}

bool shard_loads_any(const struct shard *shard, uint32_t first, uint32_t last)
{
    bool any = first <= TOPOLOGY_SLOT;
    for (uint32_t slot = first; slot <= last && !any; slot++)
        any = shard_owns(shard, slot);
    return any;
}

enum shard_table shard_load_some(struct shard *shard, const struct record **record, uint32_t count)
{
    enum shard_table full = SHARD_TABLE_NONE;
    const struct record *at = *record;
    for (uint32_t i = 0; i < count; i++, at = record_next(at))
        fetch(shard, at);
    at = *record;
    for (uint32_t i = 0; i < count; i++, at = record_next(at))
        fetch_behind(shard, at);
    for (uint32_t i = 0; i < count && full == SHARD_TABLE_NONE; i++) {
        full = shard_load(shard, *record);
        *record = record_next(*record);
    }
    return full;
}

void shard_loaded(struct shard *shard)
{
    shard->awake_ns = shard->orders.newest_ns;
    orders_loaded(&shard->orders);
    retries_loaded(&shard->retries);
    transfers_loaded(&shard->stock.transfers);
    if (shard->catalogue != NULL)
        stock_publish(&shard->stock, shard->catalogue, 0);
}

void shard_forget(struct shard *shard)
{
    struct shard_options options = shard->options;
    struct catalogue *catalogue = shard->catalogue;
    memset(shard, 0, shard_bytes(&options) - RECORD_BYTES_MAX);
    (void)shard_init(shard, &options, catalogue);
}
