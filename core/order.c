#include "core/order.h"

#include <string.h>

#include "core/chain.h"
#include "core/key.h"
#include "core/payment.h"
#include "core/return.h"
#include "core/shape.h"
#include "core/shipment.h"

/* ---- moves ------------------------------------------------------------------------------------- */

static const struct order_step steps[] = {
#define X(from, move, to, stock) {from, move, to, stock},
    ORDER_MOVES(X)
#undef X
};

const struct order_step *order_step(enum order_state from, enum order_move move)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].move == move)
            return &steps[i];
    return NULL;
}

const struct order_step *order_step_to(enum order_state from, enum order_state to)
{
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from && steps[i].to == to)
            return &steps[i];
    return NULL;
}

uint32_t order_allowed(enum order_state from)
{
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        if (steps[i].from == from)
            allowed |= 1u << steps[i].move;
    return allowed;
}

bool order_state_reserves(enum order_state state)
{
    return state == ORDER_PENDING_PAYMENT || state == ORDER_IN_REVIEW ||
           state == ORDER_PAYMENT_FAILED;
}

bool order_state_commits(enum order_state state)
{
    return state == ORDER_PAID || state == ORDER_PARTIALLY_SHIPPED || state == ORDER_SHIP_FAILED;
}

bool order_state_is_terminal(enum order_state state)
{
    return state == ORDER_REJECTED || state == ORDER_EXPIRED || state == ORDER_CANCELLED ||
           state == ORDER_COMPLETED;
}

/* ---- memory ------------------------------------------------------------------------------------ */

static uint32_t table_capacity(const struct shard_options *options)
{
    CHECK(options->order_count_max < UINT32_MAX);
    return (uint32_t)options->order_count_max;
}

static uint32_t granules(const struct shard_options *options)
{
    uint64_t count = options->order_bytes_max / MEMORY_GRANULE_BYTES + 1;
    CHECK(count <= UINT32_C(1) << 31);
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

/* ---- parts of a record ------------------------------------------------------------------------- */

static int64_t *adjustments_of(const struct order *order)
{
    const void *at = order->lines + order->line_count;
    return (int64_t *)(uintptr_t)at;
}

static uint64_t *pay_by_of(const struct order *order)
{
    return (uint64_t *)(adjustments_of(order) + order->adjustment_count);
}

uint64_t order_pay_by_ns(const struct order *order)
{
    return order->has_pay_by ? *pay_by_of(order) : 0;
}

static uint32_t *windows_of(const struct order *order)
{
    const void *at = pay_by_of(order) + order->has_pay_by;
    return (uint32_t *)(uintptr_t)at;
}

static uint8_t *texts_of(const struct order *order)
{
    const void *at = windows_of(order) + (order->has_windows ? order->line_count : 0);
    return (uint8_t *)(uintptr_t)at;
}

/* 56 bits of amount above, 8 bits of something else below. */
static int64_t with_byte(int64_t amount, uint8_t byte)
{
    return (int64_t)((uint64_t)amount << 8 | byte);
}

static int64_t amount_of(int64_t both)
{
    return both >> 8;
}

int64_t order_line_price(const struct order_line *line)
{
    return amount_of(line->price_and_warehouse);
}

/* The byte below a line's price. */
enum { kept_warehouse = 0x7f, kept_capped = 0x80 };

uint32_t order_line_warehouse(const struct order_line *line)
{
    uint32_t kept = line->price_and_warehouse & kept_warehouse;
    return kept != (WAREHOUSE_NONE & kept_warehouse) ? kept : WAREHOUSE_NONE;
}

void order_move_line(struct order *order, uint32_t line, uint32_t warehouse)
{
    int64_t *kept = &order->lines[line].price_and_warehouse;
    *kept = with_byte(amount_of(*kept), (uint8_t)((*kept & kept_capped) | warehouse));
}

bool order_line_capped(const struct order_line *line)
{
    return line->price_and_warehouse & kept_capped;
}

uint32_t order_line_window(const struct order *order, uint32_t line)
{
    return order->has_windows ? windows_of(order)[line] : 0;
}

static bool has_text(const struct order *order, uint32_t which)
{
    return which <= ORDER_CUSTOMER || (order->texts >> (which - ORDER_CHANNEL) & 1) != 0;
}

/* Ids are packed (core/key.h); other texts stand behind their length. */
static bool is_id(uint32_t which)
{
    return which <= ORDER_PAY_METHOD;
}

static uint32_t kept_bytes(uint32_t which, const uint8_t *kept)
{
    return is_id(which) ? key_bytes(kept) : 1u + kept[0];
}

static uint32_t keep_text(uint32_t which, struct text text, uint8_t *out)
{
    if (is_id(which))
        return key_pack(text, out);
    out[0] = (uint8_t)text.bytes;
    memcpy(out + 1, text.at, text.bytes);
    return 1 + text.bytes;
}

static struct text read_kept(uint32_t which, const uint8_t *kept, char out[TEXT_BYTES_MAX])
{
    if (is_id(which))
        return (struct text){out, key_unpack(kept, out)};
    memcpy(out, kept + 1, kept[0]);
    return (struct text){out, kept[0]};
}

static const uint8_t *kept_text(const struct order *order, uint32_t which)
{
    const uint8_t *at = texts_of(order);
    for (uint32_t i = 0; i < which; i++)
        if (has_text(order, i))
            at += kept_bytes(i, at);
    return at;
}

struct text order_text(const struct order *order, enum order_text which, char out[TEXT_BYTES_MAX])
{
    if (!has_text(order, which))
        return (struct text){out, 0};
    return read_kept(which, kept_text(order, which), out);
}

static struct line_progress *progress_of(const struct orders *orders, const struct order *order)
{
    const struct order_more *more = order_more(orders, order);
    return more != NULL && more->lines != 0 ? memory_at(&orders->records, more->lines) : NULL;
}

static uint32_t progress_bytes(const struct order *order)
{
    return order->line_count * (uint32_t)sizeof(struct line_progress);
}

uint32_t order_line_units(const struct orders *orders, const struct order *order, uint32_t line)
{
    const struct line_progress *progress = progress_of(orders, order);
    return order->lines[line].units - (progress != NULL ? progress[line].cancelled : 0);
}

static int64_t remainder_total(const struct order *order, uint32_t which)
{
    return adjustments_of(order)[which];
}

static int64_t adjustments_total(const struct order *order)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < order->adjustment_count; i++)
        total += amount_of(adjustments_of(order)[i]);
    return total;
}

/* As it was placed. */
static int64_t first_total(const struct order *order)
{
    if (order->is_remainder)
        return remainder_total(order, REMAINDER_FIRST_TOTAL);
    int64_t total = adjustments_total(order);
    for (uint32_t i = 0; i < order->line_count; i++)
        total += order_line_price(&order->lines[i]) * (int64_t)order->lines[i].units;
    return total;
}

struct line_progress order_line_progress(const struct orders *orders, const struct order *order,
                                         uint32_t line)
{
    const struct line_progress *progress = progress_of(orders, order);
    return progress != NULL ? progress[line] : (struct line_progress){0};
}

uint32_t order_line_left(const struct orders *orders, const struct order *order, uint32_t line)
{
    struct line_progress progress = order_line_progress(orders, order, line);
    return order->lines[line].units - progress.cancelled - progress.shipped;
}

struct order_parts order_parts(const struct orders *orders, const struct order *order)
{
    struct order_parts parts = {0};
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct line_progress progress = order_line_progress(orders, order, i);
        parts.left += order_line_left(orders, order, i);
        parts.away += progress.shipped - progress.delivered - progress.lost;
        parts.arrived += progress.delivered;
    }
    return parts;
}

enum order_state order_state_of(const struct order_parts *parts)
{
    if (parts->left > 0 && parts->failed > 0)
        return ORDER_SHIP_FAILED;
    if (parts->left > 0)
        return parts->away + parts->arrived > 0 ? ORDER_PARTIALLY_SHIPPED : ORDER_PAID;
    if (parts->away > 0)
        return ORDER_SHIPPED;
    return parts->arrived > 0 ? ORDER_DELIVERED : ORDER_CANCELLED;
}

int64_t order_due_signed(const struct orders *orders, const struct order *order)
{
    int64_t due = adjustments_total(order);
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct line_progress gone = order_line_progress(orders, order, i);
        uint32_t units = order->lines[i].units - gone.cancelled - gone.lost - gone.returned;
        due += order_line_price(&order->lines[i]) * (int64_t)units;
    }
    return due;
}

int64_t order_due(const struct orders *orders, const struct order *order)
{
    int64_t due = order_due_signed(orders, order);
    return due > 0 ? due : 0;
}

int64_t order_total_signed(const struct orders *orders, const struct order *order)
{
    if (order->is_remainder)
        return remainder_total(order, REMAINDER_TOTAL);
    int64_t total = adjustments_total(order);
    for (uint32_t i = 0; i < order->line_count; i++)
        total += order_line_price(&order->lines[i]) * (int64_t)order_line_units(orders, order, i);
    return total;
}

int64_t order_total(const struct orders *orders, const struct order *order)
{
    int64_t total = order_total_signed(orders, order);
    return total > 0 ? total : 0;
}

/* Those that the stock still keeps for it. */
static uint64_t units_of(const struct orders *orders, const struct order *order)
{
    const struct line_progress *progress = progress_of(orders, order);
    uint64_t units = 0;
    for (uint32_t i = 0; i < order->line_count; i++)
        units += order->lines[i].units;
    if (progress != NULL)
        for (uint32_t i = 0; i < order->line_count; i++)
            units -= (uint64_t)progress[i].cancelled + progress[i].shipped;
    return units;
}

uint64_t order_deadline_ns(const struct order *order)
{
    return timer_is_running(&order->timer) ? order->timer.deadline_ns : 0;
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
    while (record != 0 && !key_same(texts_of(order_at(orders, record)), key))
        record = table_find(&orders->by_id, id_hash, &probe);
    return record;
}

uint32_t order_find_whole(const struct orders *orders, struct text id, uint64_t id_hash)
{
    uint32_t record = order_find(orders, id, id_hash);
    return record != 0 && order_at(orders, record)->is_remainder ? 0 : record;
}

static uint32_t find_newest_of(const struct orders *orders, const uint8_t *customer, uint64_t hash)
{
    uint64_t probe = 0;
    uint32_t record;
    while ((record = table_find(&orders->by_customer, hash, &probe)) != 0)
        if (key_same(kept_text(order_at(orders, record), ORDER_CUSTOMER), customer))
            return record;
    return 0;
}

/* As far as the customer of an order of two lines. */
static void prefetch_found(const struct orders *orders, const struct table *table, uint64_t hash)
{
    uint64_t probe = 0;
    uint32_t record = table_find(table, hash, &probe);
    if (record == 0)
        return;
    const char *order = (const void *)order_at(orders, record);
    for (uint32_t line = 0; line < 3; line++)
        __builtin_prefetch(order + line * 64);
}

void orders_prefetch_found(const struct orders *orders, uint64_t id_hash)
{
    prefetch_found(orders, &orders->by_id, id_hash);
}

void orders_prefetch_newest(const struct orders *orders, uint64_t customer_hash)
{
    prefetch_found(orders, &orders->by_customer, customer_hash);
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

/* Lines, adjustments and texts take no more than in the request, but for a line's window, what says
 * how long a text is, and pay_by. */
uint32_t order_record_bytes_max(const struct order_create *create)
{
    uint32_t behind = create->head.bytes - (uint32_t)sizeof *create;
    return (uint32_t)sizeof(struct order) + behind +
           create->line_count * (uint32_t)sizeof(uint32_t) + ORDER_TEXTS +
           (uint32_t)sizeof create->pay_by_ns;
}
_Static_assert(sizeof(struct order_line) <= sizeof(struct command_line), "as the bound says");

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
    if (progress_of(orders, order) != NULL)
        return 0;
    return order_more_room(order) + memory_record_bytes(progress_bytes(order));
}

/* Records are taken one by one, but one piece that has room for all of them always serves: what is
 * left of it is long enough for the rest. */
bool orders_have_bytes(struct orders *orders, uint64_t bytes)
{
    return bytes == 0 || (bytes <= UINT32_MAX && memory_has(&orders->records, (uint32_t)bytes));
}
/* ---- applying ---------------------------------------------------------------------------------- */

static uint16_t keep_name(struct orders *orders, struct text who)
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

static bool has_windows(const struct slice_order_placed *placed)
{
    for (uint32_t i = 0; i < placed->line_count; i++)
        if (placed->lines[i].window_s != 0)
            return true;
    return false;
}

struct kept_texts {
    uint32_t bytes;
    uint32_t mask;
    uint8_t at[ORDER_TEXTS * (1 + TEXT_BYTES_MAX)];
};

static void keep_texts(struct kept_texts *out, const struct slice_order_placed *placed)
{
    const char *at = slice_texts(placed);
    out->bytes = 0;
    out->mask = 0;
    for (uint32_t i = 0; i < ORDER_TEXTS; at += placed->text_bytes[i], i++) {
        if (placed->text_bytes[i] == 0)
            continue;
        struct text text = {at, placed->text_bytes[i]};
        out->bytes += keep_text(i, text, out->at + out->bytes);
        if (i >= ORDER_CHANNEL)
            out->mask |= 1u << (i - ORDER_CHANNEL);
    }
}

static bool keeps_pay_by(const struct slice_order_placed *placed)
{
    return placed->state == ORDER_IN_REVIEW && placed->pay_by_ns != 0;
}

static uint32_t record_bytes(const struct slice_order_placed *placed, bool windows,
                             uint32_t text_bytes)
{
    uint32_t line_bytes = (uint32_t)sizeof(struct order_line);
    if (windows)
        line_bytes += (uint32_t)sizeof(uint32_t);
    return (uint32_t)sizeof(struct order) + placed->line_count * line_bytes +
           placed->adjustment_count * (uint32_t)sizeof(int64_t) +
           keeps_pay_by(placed) * (uint32_t)sizeof(uint64_t) + text_bytes;
}

static void fill(struct order *order, uint64_t at_ns, const struct slice_order_placed *placed,
                 bool windows, const struct kept_texts *texts)
{
    *order = (struct order){
        .created_ns = at_ns,
        .digest = placed->digest,
        .version = 1,
        .currency = placed->currency & 0xffffff,
        .state = placed->state & 15u,
        .first_state = placed->state & 15u,
        .line_count = placed->line_count & 0x7ffu,
        .adjustment_count = placed->adjustment_count & 31u,
        .texts = texts->mask & 63u,
        .has_windows = windows,
        .prefer = placed->prefer & 1u,
        .has_pay_by = keeps_pay_by(placed),
        .is_remainder = placed->is_remainder,
    };
    if (order->has_pay_by)
        *pay_by_of(order) = placed->pay_by_ns;
    if (placed->state == ORDER_REJECTED)
        order->timer.deadline_ns = at_ns;
    for (uint32_t i = 0; i < placed->line_count; i++) {
        const struct slice_order_line *line = &placed->lines[i];
        uint8_t kept = line->warehouse & kept_warehouse;
        if (line->capped)
            kept |= kept_capped;
        order->lines[i] =
            (struct order_line){line->sku, line->units, with_byte(line->unit_price, kept)};
    }
    const struct adjustment *adjustments = (const void *)(placed->lines + placed->line_count);
    for (uint32_t i = 0; i < placed->adjustment_count; i++)
        adjustments_of(order)[i] = placed->is_remainder
                                       ? adjustments[i].amount
                                       : with_byte(adjustments[i].amount, adjustments[i].kind);
    if (order->has_windows)
        for (uint32_t i = 0; i < placed->line_count; i++)
            windows_of(order)[i] = placed->lines[i].window_s;
    memcpy(texts_of(order), texts->at, texts->bytes);
}

static bool link_customer(struct orders *orders, uint32_t record, const uint8_t *customer,
                          uint64_t hash)
{
    uint32_t newest = find_newest_of(orders, customer, hash);
    order_at(orders, record)->customer_next = newest;
    if (newest == 0)
        return table_insert(&orders->by_customer, hash, record);
    table_replace(&orders->by_customer, hash, newest, record);
    return true;
}

void order_count(struct orders *orders, const struct order *order, int sign)
{
    if (order_state_reserves((enum order_state)order->state))
        orders->reserved_units += sign * (int64_t)units_of(orders, order);
    if (order_state_commits((enum order_state)order->state))
        orders->committed_units += sign * (int64_t)units_of(orders, order);
}

static void count_in(struct orders *orders, const struct order *order)
{
    orders->by_state[order->state]++;
    order_count(orders, order, 1);
}

static void count_out(struct orders *orders, const struct order *order)
{
    orders->by_state[order->state]--;
    order_count(orders, order, -1);
}

/* When an order was made, and by whom. */
struct placing {
    uint64_t at_ns;
    struct text by;
};

static enum shard_table keep_placed(struct orders *orders, struct position position,
                                    const struct slice_order_placed *placed,
                                    const struct placing *placing, uint32_t *out)
{
    struct kept_texts texts;
    keep_texts(&texts, placed);
    bool windows = has_windows(placed);
    uint32_t record = memory_take(&orders->records, record_bytes(placed, windows, texts.bytes));
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    if (!table_insert(&orders->by_id, placed->id_hash, record))
        return SHARD_TABLE_ORDERS;
    struct order *order = order_at(orders, record);
    fill(order, placing->at_ns, placed, windows, &texts);
    order->created_by = order->modified_by = keep_name(orders, placing->by);
    if (!link_customer(orders, record, texts.at + key_bytes(texts.at), placed->customer_hash))
        return SHARD_TABLE_ORDERS;
    if (placed->deadline_ns != 0)
        timers_set(&orders->timers, record, placed->deadline_ns);
    set_position(orders, record, position);
    count_in(orders, order);
    *out = record;
    return SHARD_TABLE_NONE;
}

static enum shard_table apply_placed(struct orders *orders, struct position position,
                                     const struct event *event,
                                     const struct slice_order_placed *placed)
{
    uint32_t record;
    return keep_placed(orders, position, placed, &(struct placing){event->at_ns, event_by(event)},
                       &record);
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
    order->version++;
    order->modified_by = keep_name(orders, event_by(event));
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
    count_out(orders, order);
    if (timer_is_running(&order->timer))
        timers_clear(&orders->timers, record);
    order->timer.deadline_ns = event->at_ns;
    if (moved->deadline_ns != 0)
        timers_set(&orders->timers, record, moved->deadline_ns);
    order->state = moved->to & 15u;
    order_touch(orders, record, position, event);
    count_in(orders, order);
    return keep_stage(orders, order, event, moved) ? SHARD_TABLE_NONE : SHARD_TABLE_ORDER_BYTES;
}

static bool make_progress(struct orders *orders, const struct order *order, struct order_more *more)
{
    if (more->lines != 0)
        return true;
    more->lines = memory_take(&orders->records, progress_bytes(order));
    if (more->lines != 0)
        memset(memory_at(&orders->records, more->lines), 0, progress_bytes(order));
    return more->lines != 0;
}

struct line_progress *order_make_progress(struct orders *orders, struct order *order)
{
    struct order_more *more = order_make_more(orders, order);
    return more != NULL && make_progress(orders, order, more) ? progress_of(orders, order) : NULL;
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
    count_out(orders, order);
    struct line_progress *progress = progress_of(orders, order);
    for (uint32_t i = 0; i < cancelled->line_count; i++)
        progress[cancelled->lines[i].line - 1].cancelled += cancelled->lines[i].units;
    order_touch(orders, record, position, event);
    count_in(orders, order);
    return SHARD_TABLE_NONE;
}

uint64_t order_closed_ns(const struct order *order)
{
    return order->timer.deadline_ns > order->created_ns ? order->timer.deadline_ns
                                                        : order->created_ns;
}

bool order_can_leave(const struct orders *orders, uint32_t record)
{
    const uint8_t *customer = kept_text(order_at(orders, record), ORDER_CUSTOMER);
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
    uint32_t newest = find_newest_of(orders, kept_text(order, ORDER_CUSTOMER), hash);
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
    const uint8_t *end = texts_of(order);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        if (has_text(order, i))
            end += kept_bytes(i, end);
    return (uint32_t)(end - (const uint8_t *)order);
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
        memory_give(&orders->records, more->lines, progress_bytes(order));
    memory_give(&orders->records, order->more, sizeof *more);
}

/* The two totals take as much room as the line that every order had. */
static void apply_shrunk(struct orders *orders, struct text id)
{
    uint32_t record = order_known(orders, id);
    struct order *order = order_at(orders, record);
    int64_t totals[] = {[REMAINDER_FIRST_TOTAL] = first_total(order),
                        [REMAINDER_TOTAL] = order_total_signed(orders, order)};
    uint8_t ids[2 * KEY_BYTES_MAX];
    const uint8_t *customer = kept_text(order, ORDER_CUSTOMER);
    uint32_t id_bytes = (uint32_t)(customer + key_bytes(customer) - texts_of(order));
    uint32_t bytes = kept_record_bytes(order);
    memcpy(ids, texts_of(order), id_bytes);
    give_children(orders, order);
    order->is_remainder = 1;
    order->more = 0;
    order->line_count = 0;
    order->adjustment_count = REMAINDER_TOTALS;
    order->texts = 0;
    order->has_windows = order->has_pay_by = 0;
    memcpy(adjustments_of(order), totals, sizeof totals);
    memcpy(texts_of(order), ids, id_bytes);
    memory_shrink(&orders->records, record, bytes, kept_record_bytes(order));
}

static void apply_forgotten(struct orders *orders, struct text id)
{
    uint32_t record = order_known(orders, id);
    const struct order *order = order_at(orders, record);
    count_out(orders, order);
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

/* ---- answers ----------------------------------------------------------------------------------- */

void order_answer_placed(const struct order *order, struct turn *turn, uint32_t self,
                         struct origin origin, uint64_t request, enum code code)
{
    struct result_placed *result = turn_answer(turn, self, origin, request, code,
                                               RESULT_ORDER_PLACED, (uint32_t)sizeof *result);
    result->total = first_total(order);
    result->version = 1;
    result->state = (uint8_t)order->first_state;
}

static struct text name_text(const struct orders *orders, uint32_t number)
{
    return (struct text){orders->names[number].at, orders->names[number].bytes};
}

struct unpacked {
    struct text text[ORDER_TEXTS + 2];
    char at[ORDER_TEXTS][TEXT_BYTES_MAX];
};

static uint32_t unpack(struct unpacked *out, const struct orders *orders, const struct order *order)
{
    const uint8_t *kept = texts_of(order);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        out->text[i] = (struct text){out->at[i], 0};
        if (!has_text(order, i))
            continue;
        out->text[i] = read_kept(i, kept, out->at[i]);
        kept += kept_bytes(i, kept);
    }
    out->text[ORDER_TEXTS] = name_text(orders, order->created_by);
    out->text[ORDER_TEXTS + 1] = name_text(orders, order->modified_by);
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < ORDER_TEXTS + 2; i++)
        bytes += out->text[i].bytes;
    return bytes;
}

/* A remainder's are its own affair. */
static uint32_t shown_adjustments(const struct order *order)
{
    return order->is_remainder ? 0 : order->adjustment_count;
}

static void write_lines(struct result_order *result, const struct orders *orders,
                        const struct order *order)
{
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct order_line *line = &order->lines[i];
        result->lines[i] = (struct result_line){
            .sku = line->sku,
            .units = line->units,
            .unit_price = order_line_price(line),
            .shipped = order_line_progress(orders, order, i).shipped,
            .returned = order_line_progress(orders, order, i).returned,
            .cancelled = order_line_progress(orders, order, i).cancelled,
            .warehouse = (uint8_t)order_line_warehouse(line),
        };
    }
    struct adjustment *adjustments = (void *)(result->lines + order->line_count);
    for (uint32_t i = 0; i < shown_adjustments(order); i++)
        adjustments[i] = (struct adjustment){.amount = amount_of(adjustments_of(order)[i]),
                                             .kind = (uint8_t)adjustments_of(order)[i]};
}

static void write_texts(struct result_order *result, const struct unpacked *unpacked)
{
    struct adjustment *adjustments = (void *)(result->lines + result->line_count);
    char *at = (char *)(adjustments + result->adjustment_count);
    for (uint32_t i = 0; i < ORDER_TEXTS + 2; i++) {
        memcpy(at, unpacked->text[i].at, unpacked->text[i].bytes);
        at += unpacked->text[i].bytes;
    }
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        result->text_bytes[i] = (uint8_t)unpacked->text[i].bytes;
    result->created_by_bytes = (uint8_t)unpacked->text[ORDER_TEXTS].bytes;
    result->modified_by_bytes = (uint8_t)unpacked->text[ORDER_TEXTS + 1].bytes;
}

/* Up to where its children's begin. */
static uint32_t own_answer_bytes(const struct order *order, uint32_t text_bytes)
{
    uint32_t bytes = (uint32_t)sizeof(struct result_order) + text_bytes;
    bytes += order->line_count * (uint32_t)sizeof(struct result_line);
    bytes += shown_adjustments(order) * (uint32_t)sizeof(struct adjustment);
    return (bytes + 7u) & ~7u;
}

uint32_t order_answer_bytes(const struct orders *orders, const struct order *order)
{
    struct unpacked unpacked;
    uint32_t text_bytes = unpack(&unpacked, orders, order);
    return own_answer_bytes(order, text_bytes) + payments_answer_bytes(orders, order) +
           shipments_answer_bytes(orders, order) + returns_answer_bytes(orders, order);
}

void order_write(const struct orders *orders, const struct order *order,
                 struct result_order *result)
{
    struct unpacked unpacked;
    uint32_t own_bytes = own_answer_bytes(order, unpack(&unpacked, orders, order));
    result->total = order_total(orders, order);
    result->stage_ns[STAGE_CREATED] = order->created_ns;
    const struct order_more *more = order_more(orders, order);
    if (more != NULL)
        memcpy(&result->stage_ns[STAGE_REVIEWED], more->stage_ns, sizeof more->stage_ns);
    if (order->first_state == ORDER_PAID)
        result->stage_ns[STAGE_PAID] = order->created_ns;
    if (order_state_is_terminal((enum order_state)order->state))
        result->stage_ns[STAGE_CLOSED] = order->timer.deadline_ns;
    result->expires_ns = order_deadline_ns(order);
    result->version = order->version;
    result->currency = order->currency;
    result->line_count = (uint16_t)order->line_count;
    result->adjustment_count = (uint8_t)shown_adjustments(order);
    result->state = (uint8_t)order->state;
    write_lines(result, orders, order);
    write_texts(result, &unpacked);
    char *children = (char *)result + own_bytes;
    uint32_t count = payments_answer(orders, order, children);
    children += payments_answer_bytes(orders, order);
    count += shipments_answer(orders, order, children);
    children += shipments_answer_bytes(orders, order);
    result->child_count = (uint16_t)(count + returns_answer(orders, order, children));
}

void order_answer(const struct orders *orders, const struct order *order, struct turn *turn,
                  uint32_t self, struct origin origin, uint64_t request, enum code code)
{
    order_write(orders, order,
                turn_answer(turn, self, origin, request, code, RESULT_ORDER,
                            order_answer_bytes(orders, order)));
}

/* ---- looking at all of it ---------------------------------------------------------------------- */

const char *orders_audit(const struct orders *orders)
{
    int64_t reserved = 0;
    int64_t committed = 0;
    uint64_t timers = 0;
    uint32_t record;
    for (uint64_t at = 0; (record = table_each(&orders->by_id, &at)) != 0;) {
        const struct order *order = order_at(orders, record);
        if (order_state_reserves((enum order_state)order->state))
            reserved += (int64_t)units_of(orders, order);
        if (order_state_commits((enum order_state)order->state))
            committed += (int64_t)units_of(orders, order);
        timers += timer_is_running(&order->timer);
        const char *wrong = payments_audit(orders, order);
        if (wrong == NULL)
            wrong = shipments_audit(orders, order, &committed);
        if (wrong == NULL)
            wrong = returns_audit(orders, order);
        if (wrong != NULL)
            return wrong;
    }
    if (timers != orders->timers.running_count)
        return "deadlines";
    if (reserved != orders->reserved_units)
        return "unpaid units";
    return committed == orders->committed_units ? NULL : "paid units";
}

/* ---- images ------------------------------------------------------------------------------------ */

enum { SHORT_CHAIN = 8 };

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

static uint32_t placed_bytes(const struct order *order, const struct unpacked *unpacked)
{
    uint32_t bytes = (uint32_t)sizeof(struct slice_order_placed);
    bytes += order->line_count * (uint32_t)sizeof(struct slice_order_line);
    bytes += order->adjustment_count * (uint32_t)sizeof(struct adjustment);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        bytes += unpacked->text[i].bytes;
    return (bytes + 7u) & ~7u;
}

/* The inverse of `fill`. */
static void write_placed(struct slice_order_placed *placed, const struct order *order,
                         const struct unpacked *unpacked)
{
    placed->digest = order->digest;
    placed->id_hash = key_hash(unpacked->text[ORDER_ID]);
    placed->customer_hash = key_hash(unpacked->text[ORDER_CUSTOMER]);
    placed->currency = order->currency;
    placed->line_count = (uint16_t)order->line_count;
    placed->adjustment_count = (uint8_t)order->adjustment_count;
    placed->state = (uint8_t)order->first_state;
    placed->prefer = (uint8_t)order->prefer;
    placed->is_remainder = order->is_remainder;
    placed->pay_by_ns = order_pay_by_ns(order);
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct order_line *line = &order->lines[i];
        placed->lines[i] = (struct slice_order_line){
            .sku = line->sku,
            .units = line->units,
            .unit_price = order_line_price(line),
            .window_s = order_line_window(order, i),
            .warehouse = (uint8_t)order_line_warehouse(line),
            .capped = order_line_capped(line),
        };
    }
    struct adjustment *adjustments = (void *)(placed->lines + order->line_count);
    for (uint32_t i = 0; i < order->adjustment_count; i++) {
        int64_t kept = adjustments_of(order)[i];
        adjustments[i] = order->is_remainder ? (struct adjustment){.amount = kept}
                                             : (struct adjustment){.amount = amount_of(kept),
                                                                   .kind = (uint8_t)kept};
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

bool orders_image(const struct orders *orders, uint64_t *at, struct pile *out)
{
    uint32_t number = table_each(&orders->by_id, at);
    if (number == 0)
        return false;
    const struct order *order = order_at(orders, number);
    struct unpacked unpacked;
    (void)unpack(&unpacked, orders, order);
    struct text created_by = unpacked.text[ORDER_TEXTS];
    struct text modified_by = unpacked.text[ORDER_TEXTS + 1];
    uint32_t slice_bytes = placed_bytes(order, &unpacked);
    const struct line_progress *progress = progress_of(orders, order);
    uint32_t line_bytes = progress != NULL ? progress_bytes(order) : 0;
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
    payments_image(orders, order, record, out);
    shipments_image(orders, order, record, out);
    returns_image(orders, order, record, out);
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
    return part->head.bytes == ((bytes + 7u) & ~7u) && part->created_by_bytes <= TEXT_BYTES_MAX &&
           part->modified_by_bytes <= TEXT_BYTES_MAX && part->position_seq != 0;
}

bool stages_part_valid(const struct part_stages *part)
{
    return part->head.bytes >= sizeof *part && part->id_bytes > 0 &&
           part->id_bytes <= ID_BYTES_MAX &&
           part->head.bytes == (((uint32_t)sizeof *part + part->id_bytes + 7u) & ~7u);
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
    struct order_more *more = order_make_more(orders, order);
    if (more == NULL || !make_progress(orders, order, more))
        return SHARD_TABLE_ORDER_BYTES;
    memcpy(progress_of(orders, order), part_progress(part), progress_bytes(order));
    return SHARD_TABLE_NONE;
}

static bool is_newer(void *orders, uint32_t a, uint32_t b)
{
    return order_at(orders, a)->created_ns > order_at(orders, b)->created_ns;
}

/* The customer's newest order goes behind those that are newer. Most customers have few; where it
 * takes long, all chains are sorted at the end. */
static void place_in_time(struct orders *orders, uint32_t record, uint64_t customer_hash)
{
    struct order *order = order_at(orders, record);
    uint32_t newest = order->customer_next, before = newest;
    if (newest == 0 || !is_newer(orders, newest, record))
        return;
    for (uint32_t looked = 0; looked < SHORT_CHAIN; looked++) {
        struct order *at = order_at(orders, before);
        if (at->customer_next != 0 && is_newer(orders, at->customer_next, record)) {
            before = at->customer_next;
            continue;
        }
        order->customer_next = at->customer_next;
        at->customer_next = record;
        table_replace(&orders->by_customer, customer_hash, record, newest);
        return;
    }
    orders->unsorted = true;
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
    enum shard_table full = keep_placed(orders, position, placed,
                                        &(struct placing){part->created_ns, created_by}, &record);
    if (full != SHARD_TABLE_NONE)
        return full;
    place_in_time(orders, record, placed->customer_hash);
    struct order *order = order_at(orders, record);
    count_out(orders, order);
    order->version = part->version;
    order->state = part->state & 15u;
    order->modified_by = keep_name(orders, modified_by);
    order->timer.deadline_ns = part->time_ns;
    if (part->timer_runs)
        timers_set(&orders->timers, record, part->time_ns);
    full = load_progress(orders, order, part);
    count_in(orders, order);
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

uint64_t orders_newest_ns(const struct orders *orders)
{
    uint64_t newest_ns = 0;
    uint32_t record;
    for (uint64_t at = 0; (record = table_each(&orders->by_id, &at)) != 0;)
        if (order_at(orders, record)->created_ns > newest_ns)
            newest_ns = order_at(orders, record)->created_ns;
    return newest_ns;
}

void orders_loaded(struct orders *orders)
{
    const struct chain chain = {orders, next_of_customer, is_newer};
    uint32_t newest;
    if (!orders->unsorted)
        return;
    orders->unsorted = false;
    for (uint64_t at = 0; (newest = table_each(&orders->by_customer, &at)) != 0;) {
        uint32_t sorted = chain_sort(&chain, newest);
        char out[TEXT_BYTES_MAX];
        if (sorted != newest)
            table_replace(&orders->by_customer,
                          key_hash(order_text(order_at(orders, sorted), ORDER_CUSTOMER, out)),
                          newest, sorted);
    }
}
