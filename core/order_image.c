#include <string.h>

#include "core/answer.h"
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

static uint32_t part_before_texts_bytes(const struct part_order *part)
{
    return order_before_texts_bytes(part->has, part->adjustment_count, part->line_count);
}

/* Of its lines; not aligned. */
static const char *part_progress(const struct part_order *part)
{
    return (const char *)(part + 1) + part_before_texts_bytes(part);
}

static const char *part_texts(const struct part_order *part)
{
    uint32_t lines = part->has & PART_HAS_PROGRESS ? part->line_count : 0;
    return part_progress(part) + lines * sizeof(struct line_progress);
}

static struct text part_created_by(const struct part_order *part)
{
    return (struct text){part_texts(part) + texts_bytes(part->text_bytes), part->created_by_bytes};
}

static const char *part_created_by_end(const struct part_order *part)
{
    return part_created_by(part).at + part->created_by_bytes;
}

/* Behind its length. */
static struct text part_other(const struct part_order *part)
{
    const char *at = part_created_by_end(part);
    return (struct text){at + 1, (uint8_t)*at};
}

struct text order_part_id(const struct part_order *part)
{
    return (struct text){part_texts(part), part->text_bytes[ORDER_ID]};
}

static uint64_t id_hash(const struct part_order *part)
{
    return key_hash(order_part_id(part));
}

static uint64_t customer_hash(const struct part_order *part)
{
    return key_hash(text_nth(part_texts(part), part->text_bytes, ORDER_CUSTOMER));
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

static uint8_t part_has(const struct order *order, const struct line_progress *progress)
{
    return (uint8_t)((order->has_pay_by ? PART_HAS_PAY_BY : 0) |
                     (order->has_windows ? PART_HAS_WINDOWS : 0) |
                     (order->has_large ? PART_HAS_LARGE : 0) |
                     (progress != NULL ? PART_HAS_PROGRESS : 0) |
                     (timer_is_running(&order->timer) ? PART_HAS_TIMER : 0) |
                     (order->prefer ? PART_HAS_PREFER : 0) |
                     (order->modified_by != order->created_by ? PART_HAS_OTHER : 0));
}

/* Of all its texts and names. */
static uint32_t written_bytes(const struct order *order, const struct order_unpacked *unpacked)
{
    uint32_t bytes =
        order->modified_by != order->created_by ? 1 + unpacked->text[ORDER_TEXTS + 1].bytes : 0;
    for (uint32_t i = 0; i <= ORDER_TEXTS; i++)
        bytes += unpacked->text[i].bytes;
    return bytes;
}

static void write_texts(struct part_order *part, const struct order_unpacked *unpacked)
{
    char *at = (char *)(uintptr_t)part_texts(part);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        part->text_bytes[i] = (uint8_t)unpacked->text[i].bytes;
        at = text_put(at, unpacked->text[i]);
    }
    part->created_by_bytes = (uint8_t)unpacked->text[ORDER_TEXTS].bytes;
    at = text_put(at, unpacked->text[ORDER_TEXTS]);
    if (part->has & PART_HAS_OTHER) {
        *at = (char)unpacked->text[ORDER_TEXTS + 1].bytes;
        (void)text_put(at + 1, unpacked->text[ORDER_TEXTS + 1]);
    }
}

/* The inverse of `restore`. */
static void write_order(struct pile *out, struct record *record, const struct orders *orders,
                        const struct order *order, const struct order_unpacked *unpacked)
{
    const struct line_progress *progress = order_progress(orders, order);
    uint32_t progress_bytes = progress != NULL ? order_progress_bytes(order) : 0;
    uint32_t before_texts_bytes =
        (uint32_t)(order_packed_texts(order) - (const uint8_t *)order->parts);
    struct part_order *part = record_part(out, record, PART_ORDER,
                                          sizeof *part + before_texts_bytes + progress_bytes +
                                              written_bytes(order, unpacked));
    part->created_ns = order->created_ns;
    part->position = order->position;
    part->time_ns = order->timer.deadline_ns;
    part->digest = order->digest;
    part->version = order->version;
    part->line_count = (uint16_t)order->line_count;
    part->currency = (uint16_t)order->currency;
    part->adjustment_count = (uint8_t)order->adjustment_count;
    part->states = (uint8_t)(order->state | order->first_state << 4);
    part->has = part_has(order, progress);
    memcpy(part + 1, order->parts, before_texts_bytes);
    if (progress != NULL)
        memcpy((char *)(part + 1) + before_texts_bytes, progress, progress_bytes);
    write_texts(part, unpacked);
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
    struct text id = unpacked.text[ORDER_ID];
    struct record *record = record_begin(out, hash_slot(key_hash(id)));
    write_order(out, record, orders, order, &unpacked);
    write_stages(out, record, order_more(orders, order), id);
    payments_image(orders, order, id, record, out);
    shipments_image(orders, order, id, record, out);
    returns_image(orders, order, id, record, out);
    return true;
}
/* What stood in memory as it is. */
static bool lines_valid(const struct part_order *part)
{
    const struct order_line *lines =
        (const void *)(part_progress(part) - part->line_count * sizeof *lines);
    bool reserved = part->states >> 4 != ORDER_REJECTED;
    for (uint32_t i = 0; i < part->line_count; i++)
        if (((lines[i].warehouse_and_capped & kept_warehouse) < WAREHOUSES_MAX) != reserved)
            return false;
    return true;
}

static bool lengths_valid(const struct part_order *part)
{
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        if (part->text_bytes[i] > (i <= ORDER_PAY_METHOD ? ID_BYTES_MAX : TEXT_BYTES_MAX))
            return false;
    return part->text_bytes[ORDER_ID] > 0 && part->text_bytes[ORDER_CUSTOMER] > 0 &&
           part->created_by_bytes <= TEXT_BYTES_MAX;
}

/* What is left of an order has two totals and nothing else. */
static bool counts_valid(const struct part_order *part)
{
    const uint32_t pieces = PART_HAS_PAY_BY | PART_HAS_WINDOWS | PART_HAS_LARGE | PART_HAS_PROGRESS;
    if (part->line_count == 0)
        return part->adjustment_count == REMAINDER_TOTALS && (part->has & pieces) == 0;
    return part->line_count <= ORDER_LINES_MAX && part->adjustment_count <= ADJUSTMENTS_MAX;
}

static bool fields_valid(const struct part_order *part)
{
    uint32_t state = part->states & 15, first_state = part->states >> 4;
    return state > 0 && state < ORDER_STATES && first_state > 0 && first_state < ORDER_STATES &&
           part->has <= PART_HAS_ALL && part->version <= ORDER_VERSION_MAX &&
           part->currency <= ORDER_CURRENCY_MAX && part->position >> 16 != 0 &&
           part->position >> 63 == 0;
}

/* So long, with zeros behind it. */
static bool ends_at(const struct part *part, uint32_t bytes)
{
    uint64_t last;
    if (part->bytes != bytes_padded(bytes))
        return false;
    memcpy(&last, (const char *)part + part->bytes - sizeof last, sizeof last);
    return bytes % 8 == 0 || last >> bytes % 8 * 8 == 0;
}

/* Another name than who made it has. */
static bool other_valid(const struct part_order *part)
{
    struct text other = part_other(part), created_by = part_created_by(part);
    return other.bytes <= TEXT_BYTES_MAX &&
           (other.bytes != created_by.bytes || memcmp(other.at, created_by.at, other.bytes) != 0);
}

bool order_part_valid(const struct part_order *part, uint32_t slot)
{
    if (part->head.bytes < sizeof *part || !counts_valid(part) || !lengths_valid(part) ||
        !fields_valid(part))
        return false;
    uint32_t bytes = (uint32_t)(part_created_by_end(part) - (const char *)part);
    bool has_other = part->has & PART_HAS_OTHER;
    if (has_other && bytes >= part->head.bytes)
        return false;
    if (has_other)
        bytes += 1 + part_other(part).bytes;
    return ends_at(&part->head, bytes) && (!has_other || other_valid(part)) && lines_valid(part) &&
           hash_slot(id_hash(part)) == slot;
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
    if (!(part->has & PART_HAS_PROGRESS))
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

static uint32_t keep_other(struct orders *orders, const struct part_order *part,
                           uint32_t created_by)
{
    return part->has & PART_HAS_OTHER ? orders_keep_name(orders, part_other(part)) : created_by;
}

static void restore(struct orders *orders, struct order *order, const struct part_order *part,
                    const struct order_texts *texts)
{
    uint32_t before_texts_bytes = part_before_texts_bytes(part);
    uint32_t created_by = orders_keep_name(orders, part_created_by(part));
    *order = (struct order){
        .timer.deadline_ns = part->time_ns,
        .position = part->position,
        .created_ns = part->created_ns,
        .digest = part->digest,
        .line_count = part->line_count & 0x7ffu,
        .adjustment_count = part->adjustment_count & 31u,
        .texts = texts->mask & 63u,
        .has_windows = (part->has & PART_HAS_WINDOWS) != 0,
        .has_large = (part->has & PART_HAS_LARGE) != 0,
        .has_pay_by = (part->has & PART_HAS_PAY_BY) != 0,
        .is_remainder = part->line_count == 0,
        .prefer = (part->has & PART_HAS_PREFER) != 0,
        .state = part->states & 15u,
        .first_state = (part->states >> 4) & 15u,
        .created_by = created_by & (ORDER_NAMES_MAX - 1u),
        .modified_by = keep_other(orders, part, created_by) & (ORDER_NAMES_MAX - 1u),
        .currency = part->currency & 0x7fffu,
        .version = part->version & ORDER_VERSION_MAX,
    };
    memcpy(order->parts, part + 1, before_texts_bytes);
    memcpy((uint8_t *)order->parts + before_texts_bytes, texts->at, texts->bytes);
}

enum shard_table order_load(struct orders *orders, const struct part_order *part)
{
    struct order_texts texts;
    uint32_t record;
    uint64_t customer = customer_hash(part);
    order_keep_texts(&texts, part->text_bytes, part_texts(part));
    enum shard_table full =
        orders_take(orders, id_hash(part), part_before_texts_bytes(part), &texts, &record);
    if (full != SHARD_TABLE_NONE)
        return full;
    struct order *order = order_at(orders, record);
    restore(orders, order, part, &texts);
    if (!orders_link(orders, record, &texts, customer))
        return SHARD_TABLE_ORDERS;
    if (part->created_ns > orders->newest_ns)
        orders->newest_ns = part->created_ns;
    orders->unsorted |= order->customer_next != 0 && is_newer(orders, order->customer_next, record);
    if (part->has & PART_HAS_TIMER)
        timers_set(&orders->timers, record, part->time_ns);
    full = load_progress(orders, order, part);
    orders_count_in(orders, order);
    return full;
}

void order_load_fetch(const struct orders *orders, const struct part_order *part)
{
    table_prefetch(&orders->by_id, id_hash(part));
    table_prefetch(&orders->by_customer, customer_hash(part));
}

void order_load_fetch_behind(const struct orders *orders, const struct part_order *part)
{
    orders_prefetch_newest(orders, customer_hash(part));
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
