#include <string.h>

#include "core/chain.h"
#include "core/image.h"
#include "core/order_record.h"
#include "core/payment.h"
#include "core/prefetch.h"
#include "core/return.h"
#include "core/shipment.h"

enum {
    FETCHED_LATER = 8, /* entries of the table */
    CHAINS = 16,       /* are sorted in one go */
    SHORT_CHAIN = 64,
};

static const struct slice_order_placed *part_placed(const struct part_order *part)
{
    return (const void *)(part + 1);
}

static const struct line_progress *part_progress(const struct part_order *part)
{
    return (const void *)slice_next(&part_placed(part)->head);
}

static const char *part_names(const struct part_order *part)
{
    return (const char *)(part_progress(part) +
                          (part->has_progress ? part_placed(part)->line_count : 0));
}

static uint32_t placed_bytes(const struct order *order, const struct order_unpacked *unpacked)
{
    uint32_t bytes = (uint32_t)sizeof(struct slice_order_placed);
    bytes += order->line_count * (uint32_t)sizeof(struct slice_order_line);
    bytes += order->adjustment_count * (uint32_t)sizeof(struct adjustment);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        bytes += unpacked->text[i].bytes;
    return bytes_padded(bytes);
}

/* The inverse of `fill`. */
static void write_placed(struct slice_order_placed *placed, const struct order *order,
                         const struct order_unpacked *unpacked)
{
    placed->digest = order->digest;
    placed->id_hash = key_hash(unpacked->text[ORDER_ID]);
    placed->customer_hash = key_hash(unpacked->text[ORDER_CUSTOMER]);
    placed->currency = order_currency(order);
    placed->line_count = (uint16_t)order->line_count;
    placed->adjustment_count = (uint8_t)order->adjustment_count;
    placed->state = (uint8_t)order->first_state;
    placed->prefer = (uint8_t)order->prefer;
    placed->is_remainder = order->is_remainder;
    placed->pay_by_ns = order_pay_by_ns(order);
    for (uint32_t i = 0; i < order->line_count; i++) {
        placed->lines[i] = (struct slice_order_line){
            .sku = order_line_sku(order, i),
            .units = order_line_placed(order, i),
            .unit_price = order_line_price(order, i),
            .window_s = order_line_window(order, i),
            .warehouse = (uint8_t)order_line_warehouse(order, i),
            .capped = order_line_capped(order, i),
        };
    }
    struct adjustment *adjustments = (void *)(placed->lines + order->line_count);
    for (uint32_t i = 0; i < order->adjustment_count; i++) {
        int64_t kept = order_adjustments(order)[i];
        bool packed = !order->is_remainder; /* with its kind in the low bits */
        adjustments[i] = (struct adjustment){.amount = packed ? order_amount(kept) : kept,
                                             .kind = packed ? (uint8_t)kept : 0};
    }
    char *at = (char *)(adjustments + order->adjustment_count);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        placed->text_bytes[i] = (uint8_t)unpacked->text[i].bytes;
        memcpy(at, unpacked->text[i].at, unpacked->text[i].bytes);
        at += unpacked->text[i].bytes;
    }
}

static void write_names(struct part_order *part, struct text created_by, struct text modified_by)
{
    char *at = (char *)(uintptr_t)part_names(part);
    part->created_by_bytes = (uint8_t)created_by.bytes;
    part->modified_by_bytes = (uint8_t)modified_by.bytes;
    memcpy(at, created_by.at, created_by.bytes);
    memcpy(at + created_by.bytes, modified_by.at, modified_by.bytes);
}

/* Nothing of an order_more that has not entered any of its stages. */
static void write_stages(struct pile *out, struct record *record, const struct order_more *more,
                         struct text id)
{
    static const uint64_t none[STAGES_KEPT];
    if (more == NULL || memcmp(more->stage_ns, none, sizeof none) == 0)
        return;
    struct part_stages *part = record_part(out, record, PART_ORDER_STAGES, sizeof *part + id.bytes);
    memcpy(part->stage_ns, more->stage_ns, sizeof more->stage_ns);
    part->id_bytes = (uint8_t)id.bytes;
    memcpy(part + 1, id.at, id.bytes);
}

/* A walk by hash goes criss-cross through the orders. */
static void fetch_later(const struct orders *orders, uint64_t at)
{
    uint64_t later = at + FETCHED_LATER;
    uint32_t number = table_each_below(&orders->by_id, &later, later + FETCHED_LATER);
    if (number == 0)
        return;
    const char *order = (const void *)order_at(orders, number);
    __builtin_prefetch(order);
    __builtin_prefetch(order + 64);
}

bool orders_image(const struct orders *orders, uint64_t *at, struct pile *out)
{
    uint32_t number = table_each(&orders->by_id, at);
    if (number == 0)
        return false;
    fetch_later(orders, *at);
    const struct order *order = order_at(orders, number);
    struct order_unpacked unpacked;
    (void)order_unpack(&unpacked, orders, order);
    struct text created_by = unpacked.text[ORDER_TEXTS];
    struct text modified_by = unpacked.text[ORDER_TEXTS + 1];
    uint32_t slice_bytes = placed_bytes(order, &unpacked);
    const struct line_progress *progress = order_progress(orders, order);
    uint32_t line_bytes = progress != NULL ? order_progress_bytes(order) : 0;
    struct record *record = record_begin(out, 0);
    struct part_order *part =
        record_part(out, record, PART_ORDER,
                    sizeof *part + slice_bytes + line_bytes + created_by.bytes + modified_by.bytes);
    struct position position = order_position(order);
    part->created_ns = order->created_ns;
    part->position_seq = position.seq;
    part->position_index = position.index;
    part->time_ns = order->timer.deadline_ns;
    part->version = order->version;
    part->state = (uint8_t)order->state;
    part->timer_runs = timer_is_running(&order->timer);
    part->has_progress = progress != NULL;
    struct slice_order_placed *placed = (void *)(part + 1);
    write_placed(placed, order, &unpacked);
    record->slot = (uint16_t)hash_slot(placed->id_hash);
    placed->head = (struct slice){slice_bytes, record->slot, SLICE_ORDER_PLACED};
    if (part->has_progress)
        memcpy((void *)(uintptr_t)part_progress(part), progress, line_bytes);
    write_names(part, created_by, modified_by);
    write_stages(out, record, order_more(orders, order), unpacked.text[ORDER_ID]);
    payments_image(orders, order, unpacked.text[ORDER_ID], record, out);
    shipments_image(orders, order, unpacked.text[ORDER_ID], record, out);
    returns_image(orders, order, unpacked.text[ORDER_ID], record, out);
    return true;
}

bool order_part_valid(const struct part_order *part, uint32_t slot)
{
    uint32_t bytes = (uint32_t)(sizeof *part + sizeof(struct slice_order_placed));
    const struct slice_order_placed *placed = part_placed(part);
    if (part->head.bytes < bytes || placed->head.bytes > part->head.bytes - sizeof *part ||
        placed->head.kind != SLICE_ORDER_PLACED || placed->head.slot != slot ||
        !slice_valid(&placed->head) || part->state == 0 || part->state >= ORDER_STATES)
        return false;
    bytes = (uint32_t)(part_names(part) - (const char *)part);
    bytes += part->created_by_bytes + (uint32_t)part->modified_by_bytes;
    return part->head.bytes == bytes_padded(bytes) && part->created_by_bytes <= TEXT_BYTES_MAX &&
           part->modified_by_bytes <= TEXT_BYTES_MAX && part->position_seq != 0 &&
           part->version <= ORDER_VERSION_MAX;
}

bool stages_part_valid(const struct part_stages *part)
{
    return part->head.bytes >= sizeof *part && part->id_bytes > 0 &&
           part->id_bytes <= ID_BYTES_MAX &&
           part->head.bytes == bytes_padded((uint32_t)sizeof *part + part->id_bytes);
}

enum shard_table stages_load(struct orders *orders, const struct part_stages *part)
{
    uint32_t record = order_known(orders, (struct text){(const char *)(part + 1), part->id_bytes});
    struct order_more *more = order_make_more(orders, order_at(orders, record));
    if (more == NULL)
        return SHARD_TABLE_ORDER_BYTES;
    memcpy(more->stage_ns, part->stage_ns, sizeof more->stage_ns);
    return SHARD_TABLE_NONE;
}

static enum shard_table load_progress(struct orders *orders, struct order *order,
                                      const struct part_order *part)
{
    if (!part->has_progress)
        return SHARD_TABLE_NONE;
    if (order_make_progress(orders, order) == NULL)
        return SHARD_TABLE_ORDER_BYTES;
    memcpy(order_progress(orders, order), part_progress(part), order_progress_bytes(order));
    return SHARD_TABLE_NONE;
}

static bool is_newer(void *orders, uint32_t a, uint32_t b)
{
    return order_at(orders, a)->created_ns > order_at(orders, b)->created_ns;
}

/* As it was placed; then what has become of it. */
enum shard_table order_load(struct orders *orders, const struct part_order *part)
{
    const struct slice_order_placed *placed = part_placed(part);
    const char *names = part_names(part);
    struct text created_by = {names, part->created_by_bytes};
    struct text modified_by = {names + created_by.bytes, part->modified_by_bytes};
    struct position position = {part->position_seq, part->position_index};
    uint32_t record;
    enum shard_table full = orders_keep_placed(
        orders, position, placed, &(struct order_placing){part->created_ns, created_by}, &record);
    if (full != SHARD_TABLE_NONE)
        return full;
    struct order *order = order_at(orders, record);
    if (part->created_ns > orders->newest_ns)
        orders->newest_ns = part->created_ns;
    orders->unsorted |= order->customer_next != 0 && is_newer(orders, order->customer_next, record);
    order->version = part->version & ORDER_VERSION_MAX;
    order->state = part->state & 15u;
    order->modified_by = orders_keep_name(orders, modified_by) & (ORDER_NAMES_MAX - 1u);
    order->timer.deadline_ns = part->time_ns;
    if (part->timer_runs)
        timers_set(&orders->timers, record, part->time_ns);
    full = load_progress(orders, order, part);
    orders_count_in(orders, order);
    return full;
}

void order_load_fetch(const struct orders *orders, const struct part_order *part)
{
    order_fetch(orders, &part_placed(part)->head);
}

void order_load_fetch_behind(const struct orders *orders, const struct part_order *part)
{
    order_fetch_behind(orders, &part_placed(part)->head);
}

static uint32_t *next_of_customer(void *orders, uint32_t record)
{
    return &order_at(orders, record)->customer_next;
}

/* Each step to the next order is a look at memory that no cache has: those of all chains at once. */
static void fetch_chains(const struct orders *orders, const uint32_t newest[CHAINS], uint32_t count)
{
    uint32_t at[CHAINS];
    uint32_t left = count;
    memcpy(at, newest, count * sizeof *at);
    for (uint32_t step = 0; step < SHORT_CHAIN && left > 0; step++) {
        left = 0;
        for (uint32_t i = 0; i < count; i++) {
            if (at[i] == 0)
                continue;
            left++;
            at[i] = order_at(orders, at[i])->customer_next;
            if (at[i] != 0)
                prefetch_line(&order_at(orders, at[i])->customer_next);
        }
    }
}

static void sort_chains(struct orders *orders, const uint32_t newest[CHAINS],
                        const uint64_t at[CHAINS], uint32_t count)
{
    const struct chain chain = {orders, next_of_customer, is_newer};
    fetch_chains(orders, newest, count);
    for (uint32_t i = 0; i < count; i++)
        table_renew(&orders->by_customer, at[i], chain_sort(&chain, newest[i]));
}

void orders_loaded(struct orders *orders)
{
    uint32_t newest[CHAINS], count = 0;
    uint64_t at[CHAINS], next = 0;
    if (!orders->unsorted)
        return;
    orders->unsorted = false;
    while ((newest[count] = table_each(&orders->by_customer, &next)) != 0) {
        prefetch_line(&order_at(orders, newest[count])->customer_next);
        at[count] = next;
        if (++count < CHAINS)
            continue;
        sort_chains(orders, newest, at, count);
        count = 0;
    }
    sort_chains(orders, newest, at, count);
}
