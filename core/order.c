#include "core/order.h"

#include <string.h>

#include "core/key.h"
#include "core/order_record.h"
#include "core/payment.h"
#include "core/prefetch.h"
#include "core/return.h"
#include "core/shape.h"
#include "core/shipment.h"

/* ---- memory ------------------------------------------------------------------------------------ */

static uint32_t table_capacity(const struct shard_options *options)
{
    CHECK(options->order_count_max < UINT32_MAX);
    return (uint32_t)options->order_count_max;
}

static uint32_t granules(const struct shard_options *options)
{
    uint64_t count = options->order_bytes_max / MEMORY_GRANULE_BYTES + 1;
    CHECK(count <= TIMER_BUCKET);
    return (uint32_t)count;
}

static size_t padded_to_line(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

size_t orders_bytes(const struct shard_options *options)
{
    return padded_to_line(memory_bytes(granules(options))) +
           2 * table_bytes(table_capacity(options));
}

void orders_init(struct orders *orders, void *zeroed_memory, const struct shard_options *options)
{
    char *at = zeroed_memory;
    memory_init(&orders->records, at, granules(options));
    at += padded_to_line(memory_bytes(granules(options)));
    table_init(&orders->by_id, at, table_capacity(options));
    at += table_bytes(table_capacity(options));
    table_init(&orders->by_customer, at, table_capacity(options));
    timers_init(&orders->timers, &orders->records);
    orders->count_max = options->order_count_max;
    orders->name_count = 1; /* name 0 is no name */
}

/* ---- position ---------------------------------------------------------------------------------- */

/* A position in 64 bits: the sequence above, the index in 16 bits below. While the sequence is not
 * known, the top bit is set and the next order of that kind stands in the sequence's place. */
static const uint64_t unnumbered = UINT64_C(1) << 63;

struct position order_position(const struct order *order)
{
    uint64_t seq = order->position & unnumbered ? 0 : order->position >> 16;
    return (struct position){.seq = seq, .index = (uint16_t)order->position};
}

static void set_position(struct orders *orders, uint32_t record, struct position position)
{
    struct order *order = order_at(orders, record);
    if (position.seq != 0) {
        order->position = position.seq << 16 | position.index;
    } else if (order->position & unnumbered) {
        order->position = (order->position & ~UINT64_C(0xffff)) | position.index;
    } else {
        order->position = unnumbered | (uint64_t)orders->touched << 16 | position.index;
        orders->touched = record;
    }
}

uint32_t orders_newest(const struct orders *orders)
{
    CHECK(orders->touched != 0);
    return orders->touched;
}

void orders_number(struct orders *orders, uint64_t seq)
{
    while (orders->touched != 0) {
        struct order *order = order_at(orders, orders->touched);
        orders->touched = (uint32_t)(order->position >> 16);
        order->position = seq << 16 | (uint16_t)order->position;
    }
}

/* ---- finding ----------------------------------------------------------------------------------- */

/* Mostly the id is new, and there is nothing to compare it with. */
uint32_t order_find(const struct orders *orders, struct text id, uint64_t id_hash)
{
    uint64_t probe = 0;
    uint32_t record = table_find(&orders->by_id, id_hash, &probe);
    if (record == 0)
        return 0;
    uint8_t key[KEY_BYTES_MAX];
    key_pack(id, key);
    while (record != 0 && !key_same(order_packed_texts(order_at(orders, record)), key))
        record = table_find(&orders->by_id, id_hash, &probe);
    return record;
}

uint32_t order_find_whole(const struct orders *orders, struct text id, uint64_t id_hash)
{
    uint32_t record = order_find(orders, id, id_hash);
    return record != 0 && order_at(orders, record)->is_remainder ? 0 : record;
}

static inline uint32_t find_newest_of(const struct orders *orders, const uint8_t *customer,
                                      uint64_t hash)
{
    uint64_t probe = 0;
    uint32_t record;
    while ((record = table_find(&orders->by_customer, hash, &probe)) != 0)
        if (key_same(order_kept_text(order_at(orders, record), ORDER_CUSTOMER), customer))
            return record;
    return 0;
}

/* NULL: none. */
static const char *found(const struct orders *orders, const struct table *table, uint64_t hash)
{
    uint64_t probe = 0;
    uint32_t record = table_find(table, hash, &probe);
    return record != 0 ? (const void *)order_at(orders, record) : NULL;
}

/* An order of two lines ends before this, and its customer stands right before its end. */
enum { TWO_LINES_BYTES = sizeof(struct order) + 2 * sizeof(struct order_line) + 2 * 7 };

void orders_prefetch_found(const struct orders *orders, uint64_t id_hash)
{
    const char *order = found(orders, &orders->by_id, id_hash);
    if (order == NULL)
        return;
    for (uint32_t at = 0; at < TWO_LINES_BYTES; at += 64)
        prefetch_line(order + at);
    prefetch_line(order + TWO_LINES_BYTES - 1);
}

/* What says where its customer stands, and the customer: all that a new order asks of it. */
void orders_prefetch_newest(const struct orders *orders, uint64_t customer_hash)
{
    const char *order = found(orders, &orders->by_customer, customer_hash);
    if (order == NULL)
        return;
    prefetch_line(order + offsetof(struct order, more));
    prefetch_line(order + TWO_LINES_BYTES - 1);
}

uint32_t orders_newest_of(const struct orders *orders, struct text customer)
{
    uint8_t key[KEY_BYTES_MAX];
    key_pack(customer, key);
    return find_newest_of(orders, key, key_hash(customer));
}

static bool is_name_of(const struct order_name *name, struct text who)
{
    return name->bytes <= who.bytes && memcmp(name->at, who.at, name->bytes) == 0 &&
           (name->bytes == who.bytes || who.at[name->bytes] == WHO_MARK);
}

/* Where from is in the log; of names there are few. name_count: it is new. */
static uint32_t find_name(const struct orders *orders, struct text who)
{
    if (who.bytes == 0 || who.at[0] == WHO_MARK)
        return 0;
    uint32_t number = 1;
    while (number < orders->name_count && !is_name_of(&orders->names[number], who))
        number++;
    return number;
}

/* ---- deciding ---------------------------------------------------------------------------------- */

/* Lines, adjustments and texts take no more than in the request, but for a line's window and what makes it
 * a large one, what says how long a text is (of an id of one digit three bytes), and pay_by. */
uint32_t order_record_bytes_max(const struct order_create *create)
{
    uint32_t behind = create->head.bytes - (uint32_t)sizeof *create;
    return (uint32_t)sizeof(struct order) + behind +
           create->line_count * (uint32_t)(sizeof(uint32_t) + sizeof(struct large_line)) +
           3 * ORDER_TEXTS + (uint32_t)sizeof create->pay_by_ns;
}
_Static_assert(sizeof(struct order_line) <= sizeof(struct command_line) &&
                   (int)sizeof(struct command_line) >= (int)ORDER_PARTS_MIN,
               "as the bound says");

bool orders_know_caller(const struct orders *orders, struct text caller)
{
    return orders->name_count < ORDER_NAMES_MAX || find_name(orders, caller) < ORDER_NAMES_MAX;
}

bool orders_have_room(struct orders *orders, uint32_t record_bytes, struct text caller)
{
    if (orders->by_id.used_count + orders->admitted >= orders->count_max ||
        !orders_know_caller(orders, caller))
        return false;
    return memory_has(&orders->records, record_bytes);
}

uint64_t order_more_room(const struct order *order)
{
    return order->more != 0 ? 0 : memory_record_bytes(sizeof(struct order_more));
}

uint64_t order_progress_room(const struct orders *orders, const struct order *order)
{
    if (order_progress(orders, order) != NULL)
        return 0;
    return order_more_room(order) + memory_record_bytes(order_progress_bytes(order));
}

/* Records are taken one by one, but one piece that has room for all of them always serves: what is
 * left of it is long enough for the rest. */
bool orders_have_bytes(struct orders *orders, uint64_t bytes)
{
    return bytes == 0 || (bytes <= UINT32_MAX && memory_has(&orders->records, (uint32_t)bytes));
}
/* ---- applying ---------------------------------------------------------------------------------- */

inline uint16_t orders_keep_name(struct orders *orders, struct text who)
{
    uint32_t number = find_name(orders, who);
    CHECK(number < ORDER_NAMES_MAX);
    if (number == orders->name_count) {
        struct text name = who_name(who);
        struct order_name *kept = &orders->names[orders->name_count++];
        kept->bytes = (uint8_t)name.bytes;
        memcpy(kept->at, name.at, name.bytes);
    }
    return (uint16_t)number;
}

static const char *slice_texts(const struct slice_order_placed *placed)
{
    const struct adjustment *adjustments = (const void *)(placed->lines + placed->line_count);
    return (const char *)(adjustments + placed->adjustment_count);
}

static bool keeps_pay_by(const struct slice_order_placed *placed)
{
    return placed->state == ORDER_IN_REVIEW && placed->pay_by_ns != 0;
}

/* What a record is to have before its texts, and how long that is. */
struct parts {
    uint32_t has;
    uint32_t before_lines_bytes;
    uint32_t bytes;
};

static struct parts parts_of(const struct slice_order_placed *placed)
{
    uint64_t windows = 0, large = 0;
    for (uint32_t i = 0; i < placed->line_count; i++) {
        const struct slice_order_line *line = &placed->lines[i];
        windows |= line->window_s;
        large |= line->units >> LINE_UNITS_BITS | (uint64_t)line->unit_price >> LINE_PRICE_BITS;
    }
    uint32_t has = (keeps_pay_by(placed) ? PART_HAS_PAY_BY : 0u) |
                   (windows != 0 ? PART_HAS_WINDOWS : 0u) | (large != 0 ? PART_HAS_LARGE : 0u);
    uint32_t bytes = order_before_lines_bytes(has, placed->adjustment_count, placed->line_count);
    return (struct parts){
        .has = has,
        .before_lines_bytes = bytes,
        .bytes = bytes + placed->line_count * (uint32_t)sizeof(struct order_line),
    };
}

void order_keep_texts(struct order_texts *out, const uint8_t text_bytes[ORDER_TEXTS],
                      const char *from)
{
    struct text text = {from, 0};
    uint64_t lengths;
    out->bytes = 0;
    out->mask = 0;
    memcpy(&lengths, text_bytes, sizeof lengths);
    for (uint32_t i = 0; lengths != 0; i++, lengths >>= 8) {
        text.at += text.bytes;
        text.bytes = lengths & UINT8_MAX;
        if (text.bytes == 0)
            continue;
        out->bytes += order_keep_text(i, text, out->at + out->bytes);
        out->mask |= 1u << i;
    }
    out->mask >>= ORDER_CHANNEL;
}
_Static_assert(ORDER_TEXTS == sizeof(uint64_t), "their lengths in one word");

static uint32_t record_bytes(uint32_t part_bytes, uint32_t text_bytes)
{
    return (uint32_t)sizeof(struct order) +
           (part_bytes > ORDER_PARTS_MIN ? part_bytes : ORDER_PARTS_MIN) + text_bytes;
}

static void fill_adjustments(struct order *order, const struct slice_order_placed *placed)
{
    const struct adjustment *adjustments = (const void *)(placed->lines + placed->line_count);
    for (uint32_t i = 0; i < placed->adjustment_count; i++)
        order_adjustments(order)[i] = order_with_byte(adjustments[i].amount, adjustments[i].kind);
}

static APART void fill_before_lines(struct order *order, const struct slice_order_placed *placed)
{
    fill_adjustments(order, placed);
    if (order->has_pay_by)
        *order_pay_by_at(order) = placed->pay_by_ns;
    for (uint32_t i = 0; i < placed->line_count; i++) {
        const struct slice_order_line *line = &placed->lines[i];
        if (order->has_windows)
            order_windows(order)[i] = line->window_s;
        if (order->has_large)
            order_large_lines(order)[i] =
                (struct large_line){line->units >> LINE_UNITS_BITS,
                                    (uint32_t)((uint64_t)line->unit_price >> LINE_PRICE_BITS)};
    }
}

/* When, and the number of its caller's name. */
struct order_kept {
    uint64_t at_ns;
    uint32_t by;
};

static void fill(struct order *order, const struct slice_order_placed *placed, struct parts parts,
                 const struct order_texts *texts, const struct order_kept *kept)
{
    *order = (struct order){
        .timer.deadline_ns = placed->state == ORDER_REJECTED ? kept->at_ns : 0,
        .created_ns = kept->at_ns,
        .digest = (uint32_t)placed->digest,
        .line_count = placed->line_count & 0x7ffu,
        .adjustment_count = placed->adjustment_count & 31u,
        .texts = texts->mask & 63u,
        .has_windows = (parts.has & PART_HAS_WINDOWS) != 0,
        .has_large = (parts.has & PART_HAS_LARGE) != 0,
        .has_pay_by = (parts.has & PART_HAS_PAY_BY) != 0,
        .prefer = placed->prefer & 1u,
        .state = placed->state & 15u,
        .first_state = placed->state & 15u,
        .created_by = kept->by & (ORDER_NAMES_MAX - 1u),
        .modified_by = kept->by & (ORDER_NAMES_MAX - 1u),
        .currency = order_pack_currency(placed->currency) & 0x7fffu,
        .version = 1,
    };
    if (parts.before_lines_bytes > 0)
        fill_before_lines(order, placed);
    uint8_t *at = (uint8_t *)order->parts + parts.before_lines_bytes;
    for (uint32_t i = 0; i < placed->line_count; i++)
        ((struct order_line *)at)[i] = order_make_line(&placed->lines[i]);
    memcpy((uint8_t *)order->parts + parts.bytes, texts->at, texts->bytes);
}

enum shard_table orders_take(struct orders *orders, uint64_t id_hash, uint32_t before_texts_bytes,
                             const struct order_texts *texts, uint32_t *out)
{
    *out = memory_take(&orders->records, record_bytes(before_texts_bytes, texts->bytes));
    if (*out == 0)
        return SHARD_TABLE_ORDER_BYTES;
    return table_insert(&orders->by_id, id_hash, *out) ? SHARD_TABLE_NONE : SHARD_TABLE_ORDERS;
}

bool orders_link(struct orders *orders, uint32_t record, const struct order_texts *texts,
                 uint64_t customer_hash)
{
    const uint8_t *customer = texts->at + key_bytes(texts->at);
    uint32_t newest = find_newest_of(orders, customer, customer_hash);
    order_at(orders, record)->customer_next = newest;
    if (newest == 0)
        return table_insert(&orders->by_customer, customer_hash, record);
    table_replace(&orders->by_customer, customer_hash, newest, record);
    return true;
}

void order_count(struct orders *orders, const struct order *order, int sign)
{
    enum order_state state = (enum order_state)order->state;
    if (order_state_reserves(state))
        orders->reserved_units += sign * (int64_t)order_units_kept(orders, order);
    else if (order_state_commits(state))
        orders->committed_units += sign * (int64_t)order_units_kept(orders, order);
}

void orders_count_in(struct orders *orders, const struct order *order)
{
    orders->by_state[order->state]++;
    order_count(orders, order, 1);
}

void orders_count_out(struct orders *orders, const struct order *order)
{
    orders->by_state[order->state]--;
    order_count(orders, order, -1);
}

static enum shard_table apply_placed(struct orders *orders, struct position position,
                                     const struct event *event,
                                     const struct slice_order_placed *placed)
{
    struct order_texts texts;
    order_keep_texts(&texts, placed->text_bytes, slice_texts(placed));
    struct parts parts = parts_of(placed);
    uint32_t record;
    enum shard_table full = orders_take(orders, placed->id_hash, parts.bytes, &texts, &record);
    if (full != SHARD_TABLE_NONE)
        return full;
    struct order *order = order_at(orders, record);
    const struct order_kept kept = {event->at_ns, orders_keep_name(orders, event_by(event))};
    fill(order, placed, parts, &texts, &kept);
    if (!orders_link(orders, record, &texts, placed->customer_hash))
        return SHARD_TABLE_ORDERS;
    if (placed->deadline_ns != 0)
        timers_set(&orders->timers, record, placed->deadline_ns);
    set_position(orders, record, position);
    orders_count_in(orders, order);
    return SHARD_TABLE_NONE;
}

uint32_t order_known(const struct orders *orders, struct text id)
{
    uint32_t record = order_find(orders, id, key_hash(id));
    CHECK(record != 0);
    return record;
}

/* Several slices of one event may each tell the order that it was there. */
static bool is_at(const struct order *order, struct position position)
{
    struct position last = order_position(order);
    return last.seq == position.seq && last.index == position.index;
}

void order_touch(struct orders *orders, uint32_t record, struct position position,
                 const struct event *event)
{
    struct order *order = order_at(orders, record);
    if (is_at(order, position))
        return;
    if (order->version < ORDER_VERSION_MAX)
        order->version++;
    order->modified_by = orders_keep_name(orders, event_by(event)) & (ORDER_NAMES_MAX - 1u);
    set_position(orders, record, position);
}

struct order_more *order_make_more(struct orders *orders, struct order *order)
{
    if (order->more == 0) {
        order->more = memory_take(&orders->records, sizeof(struct order_more));
        if (order->more != 0)
            memset(order_more(orders, order), 0, sizeof(struct order_more));
    }
    return order_more(orders, order);
}

/* STAGES: entering it is no stage that an order_more keeps. */
static enum order_stage stage_of(const struct order *order, const struct slice_order_moved *moved)
{
    if (moved->move == MOVE_ACCEPT || moved->move == MOVE_REJECT)
        return STAGE_REVIEWED;
    if (order->state == ORDER_PAID)
        return STAGE_PAID;
    if (order->state == ORDER_SHIPPED)
        return STAGE_SHIPPED;
    return order->state == ORDER_DELIVERED ? STAGE_DELIVERED : STAGES;
}

/* The first time counts: an order may come back to a state. */
static bool keep_stage(struct orders *orders, struct order *order, const struct event *event,
                       const struct slice_order_moved *moved)
{
    enum order_stage stage = stage_of(order, moved);
    if (stage == STAGES)
        return true;
    struct order_more *more = order_make_more(orders, order);
    if (more == NULL)
        return false;
    if (more->stage_ns[stage - STAGE_REVIEWED] == 0)
        more->stage_ns[stage - STAGE_REVIEWED] = event->at_ns;
    return true;
}

static enum shard_table apply_moved(struct orders *orders, struct position position,
                                    const struct event *event,
                                    const struct slice_order_moved *moved)
{
    uint32_t record =
        order_known(orders, (struct text){(const char *)(moved + 1), moved->id_bytes});
    struct order *order = order_at(orders, record);
    CHECK(order->state == moved->from);
    orders_count_out(orders, order);
    if (timer_is_running(&order->timer))
        timers_clear(&orders->timers, record);
    order->timer.deadline_ns = event->at_ns;
    if (moved->deadline_ns != 0)
        timers_set(&orders->timers, record, moved->deadline_ns);
    order->state = moved->to & 15u;
    order_touch(orders, record, position, event);
    orders_count_in(orders, order);
    return keep_stage(orders, order, event, moved) ? SHARD_TABLE_NONE : SHARD_TABLE_ORDER_BYTES;
}

static bool make_progress(struct orders *orders, const struct order *order, struct order_more *more)
{
    if (more->lines != 0)
        return true;
    more->lines = memory_take(&orders->records, order_progress_bytes(order));
    if (more->lines != 0)
        memset(memory_at(&orders->records, more->lines), 0, order_progress_bytes(order));
    return more->lines != 0;
}

struct line_progress *order_make_progress(struct orders *orders, struct order *order)
{
    struct order_more *more = order_make_more(orders, order);
    return more != NULL && make_progress(orders, order, more) ? order_progress(orders, order)
                                                              : NULL;
}

static enum shard_table apply_lines_cancelled(struct orders *orders, struct position position,
                                              const struct event *event,
                                              const struct slice_lines_cancelled *cancelled)
{
    const char *id = (const char *)(cancelled->lines + cancelled->line_count);
    uint32_t record = order_known(orders, (struct text){id, cancelled->id_bytes});
    struct order *order = order_at(orders, record);
    struct order_more *more = order_make_more(orders, order);
    if (more == NULL || !make_progress(orders, order, more))
        return SHARD_TABLE_ORDER_BYTES;
    orders_count_out(orders, order);
    struct line_progress *progress = order_progress(orders, order);
    for (uint32_t i = 0; i < cancelled->line_count; i++)
        progress[cancelled->lines[i].line - 1].cancelled += cancelled->lines[i].units;
    order_touch(orders, record, position, event);
    orders_count_in(orders, order);
    return SHARD_TABLE_NONE;
}

uint64_t order_closed_ns(const struct order *order)
{
    return order->timer.deadline_ns > order->created_ns ? order->timer.deadline_ns
                                                        : order->created_ns;
}

bool order_can_leave(const struct orders *orders, uint32_t record)
{
    const uint8_t *customer = order_kept_text(order_at(orders, record), ORDER_CUSTOMER);
    char at[TEXT_BYTES_MAX];
    struct text name = order_text(order_at(orders, record), ORDER_CUSTOMER, at);
    uint32_t other = find_newest_of(orders, customer, key_hash(name));
    for (uint32_t i = 0; other != record && i < ORDER_CHAIN_MAX; i++)
        other = order_at(orders, other)->customer_next;
    return other == record;
}

static void unlink_customer(struct orders *orders, uint32_t record)
{
    const struct order *order = order_at(orders, record);
    char at[TEXT_BYTES_MAX];
    uint64_t hash = key_hash(order_text(order, ORDER_CUSTOMER, at));
    uint32_t newest = find_newest_of(orders, order_kept_text(order, ORDER_CUSTOMER), hash);
    if (newest == record && order->customer_next == 0) {
        table_remove(&orders->by_customer, hash, record);
    } else if (newest == record) {
        table_replace(&orders->by_customer, hash, record, order->customer_next);
    } else {
        while (order_at(orders, newest)->customer_next != record)
            newest = order_at(orders, newest)->customer_next;
        order_at(orders, newest)->customer_next = order->customer_next;
    }
}

static uint32_t kept_record_bytes(const struct order *order)
{
    const uint8_t *texts = order_packed_texts(order), *end = texts;
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        if (order_has_text(order, i))
            end += order_kept_bytes(i, end);
    return record_bytes((uint32_t)(texts - (const uint8_t *)order->parts), (uint32_t)(end - texts));
}

static void give_children(struct orders *orders, const struct order *order)
{
    struct order_more *more = order_more(orders, order);
    if (more == NULL)
        return;
    payments_give(orders, more->payments);
    shipments_give(orders, more->shipments);
    returns_give(orders, more->returns);
    if (more->lines != 0)
        memory_give(&orders->records, more->lines, order_progress_bytes(order));
    memory_give(&orders->records, order->more, sizeof *more);
}

static void apply_shrunk(struct orders *orders, struct text id)
{
    uint32_t record = order_known(orders, id);
    struct order *order = order_at(orders, record);
    int64_t totals[] = {[REMAINDER_FIRST_TOTAL] = order_first_total(order),
                        [REMAINDER_TOTAL] = order_total_signed(orders, order)};
    uint8_t ids[2 * KEY_BYTES_MAX];
    const uint8_t *customer = order_kept_text(order, ORDER_CUSTOMER);
    uint32_t id_bytes = (uint32_t)(customer + key_bytes(customer) - order_packed_texts(order));
    uint32_t bytes = kept_record_bytes(order);
    memcpy(ids, order_packed_texts(order), id_bytes);
    give_children(orders, order);
    order->is_remainder = 1;
    order->more = 0;
    order->line_count = 0;
    order->adjustment_count = REMAINDER_TOTALS;
    order->texts = 0;
    order->has_windows = order->has_large = order->has_pay_by = 0;
    memcpy(order_adjustments(order), totals, sizeof totals);
    memcpy(order_packed_texts(order), ids, id_bytes);
    memory_shrink(&orders->records, record, bytes, kept_record_bytes(order));
}

static void apply_forgotten(struct orders *orders, struct text id)
{
    uint32_t record = order_known(orders, id);
    const struct order *order = order_at(orders, record);
    orders_count_out(orders, order);
    unlink_customer(orders, record);
    table_remove(&orders->by_id, key_hash(id), record);
    give_children(orders, order);
    memory_give(&orders->records, record, kept_record_bytes(order));
}

static void apply_over(struct orders *orders, const struct slice_order_forgotten *over)
{
    struct text id = {(const char *)(over + 1), over->id_bytes};
    if (over->head.kind == SLICE_ORDER_SHRUNK)
        apply_shrunk(orders, id);
    else
        apply_forgotten(orders, id);
}

enum shard_table order_apply(struct orders *orders, struct position position,
                             const struct event *event, const struct slice *slice)
{
    if (slice->kind == SLICE_ORDER_PLACED)
        return apply_placed(orders, position, event, (const void *)slice);
    if (slice->kind == SLICE_LINES_CANCELLED)
        return apply_lines_cancelled(orders, position, event, (const void *)slice);
    if (slice->kind == SLICE_ORDER_FORGOTTEN || slice->kind == SLICE_ORDER_SHRUNK) {
        apply_over(orders, (const void *)slice);
        return SHARD_TABLE_NONE;
    }
    CHECK(slice->kind == SLICE_ORDER_MOVED);
    return apply_moved(orders, position, event, (const void *)slice);
}

void orders_extend(struct orders *orders, const struct event *event)
{
    uint64_t by_ns[SLOT_COUNT] = {0};
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        by_ns[slice->slot] = ((const struct slice_deadlines_extended *)(const void *)slice)->by_ns;
    for (uint32_t record = timers_take_all(&orders->timers), next; record != 0; record = next) {
        const struct order *order = order_at(orders, record);
        char at[TEXT_BYTES_MAX];
        uint32_t slot = hash_slot(key_hash(order_text(order, ORDER_ID, at)));
        next = order->timer.next;
        timers_set(&orders->timers, record, order->timer.deadline_ns + by_ns[slot]);
    }
}

/* ---- fetching ahead ---------------------------------------------------------------------------- */

void order_fetch(const struct orders *orders, const struct slice *slice)
{
    const struct slice_order_placed *placed = (const void *)slice;
    if (slice->kind == SLICE_ORDER_PLACED) {
        table_prefetch(&orders->by_id, placed->id_hash);
        table_prefetch(&orders->by_customer, placed->customer_hash);
        return;
    }
    struct text id = shape_order(slice);
    if (id.bytes > 0)
        table_prefetch(&orders->by_id, key_hash(id));
}

void order_fetch_behind(const struct orders *orders, const struct slice *slice)
{
    const struct slice_order_placed *placed = (const void *)slice;
    if (slice->kind == SLICE_ORDER_PLACED) {
        orders_prefetch_newest(orders, placed->customer_hash);
        return;
    }
    struct text id = shape_order(slice);
    if (id.bytes > 0)
        orders_prefetch_found(orders, key_hash(id));
}
