#include "core/order_record.h"

#include <string.h>

#include "core/key.h"

int64_t *order_adjustments(const struct order *order)
{
    const void *at = order->parts;
    return (int64_t *)(uintptr_t)at;
}

uint64_t *order_pay_by_at(const struct order *order)
{
    return (uint64_t *)(order_adjustments(order) + order->adjustment_count);
}

uint64_t order_pay_by_ns(const struct order *order)
{
    return order->has_pay_by ? *order_pay_by_at(order) : 0;
}

uint32_t *order_windows(const struct order *order)
{
    return (uint32_t *)(order_pay_by_at(order) + order->has_pay_by);
}

struct large_line *order_large_lines(const struct order *order)
{
    return (void *)(order_windows(order) + (order->has_windows ? order->line_count : 0));
}

struct order_line *order_lines(const struct order *order)
{
    return (void *)(order_large_lines(order) + (order->has_large ? order->line_count : 0));
}

uint8_t *order_packed_texts(const struct order *order)
{
    return (uint8_t *)(order_lines(order) + order->line_count);
}

/* 56 bits of amount above, 8 bits of something else below. */
int64_t order_with_byte(int64_t amount, uint8_t byte)
{
    return (int64_t)((uint64_t)amount << 8 | byte);
}

int64_t order_amount(int64_t both)
{
    return both >> 8;
}

uint32_t order_currency(const struct order *order)
{
    uint32_t packed = order->currency;
    return 0x404040 | (packed & 31) | (packed >> 5 & 31) << 8 | packed >> 10 << 16;
}

struct order_line order_make_line(const struct slice_order_line *line)
{
    uint32_t units = line->units & LINE_UNITS;
    return (struct order_line){
        .sku = line->sku,
        .units_and_price = units | (uint32_t)line->unit_price << LINE_UNITS_BITS,
        .warehouse_and_capped =
            (uint8_t)((line->warehouse & kept_warehouse) | line->capped * kept_capped),
    };
}

uint32_t order_line_sku(const struct order *order, uint32_t line)
{
    return order_lines(order)[line].sku;
}

uint32_t order_line_placed(const struct order *order, uint32_t line)
{
    uint32_t units = order_lines(order)[line].units_and_price & LINE_UNITS;
    return order->has_large ? units | order_large_lines(order)[line].units << LINE_UNITS_BITS
                            : units;
}

int64_t order_line_price(const struct order *order, uint32_t line)
{
    int64_t price = order_lines(order)[line].units_and_price >> LINE_UNITS_BITS;
    return order->has_large
               ? price | (int64_t)order_large_lines(order)[line].price << LINE_PRICE_BITS
               : price;
}

uint32_t order_line_warehouse(const struct order *order, uint32_t line)
{
    uint32_t kept = order_lines(order)[line].warehouse_and_capped & kept_warehouse;
    return kept != (WAREHOUSE_NONE & kept_warehouse) ? kept : WAREHOUSE_NONE;
}

void order_move_line(struct order *order, uint32_t line, uint32_t warehouse)
{
    uint8_t *kept = &order_lines(order)[line].warehouse_and_capped;
    *kept = (uint8_t)((*kept & kept_capped) | warehouse);
}

bool order_line_capped(const struct order *order, uint32_t line)
{
    return order_lines(order)[line].warehouse_and_capped & kept_capped;
}

uint32_t order_line_window(const struct order *order, uint32_t line)
{
    return order->has_windows ? order_windows(order)[line] : 0;
}

bool order_has_text(const struct order *order, uint32_t which)
{
    return which <= ORDER_CUSTOMER || (order->texts >> (which - ORDER_CHANNEL) & 1) != 0;
}

/* Ids are packed (core/key.h); other texts stand behind their length. */
static bool is_id(uint32_t which)
{
    return which <= ORDER_PAY_METHOD;
}

uint32_t order_kept_bytes(uint32_t which, const uint8_t *kept)
{
    return is_id(which) ? key_bytes(kept) : 1u + kept[0];
}

uint32_t order_keep_text(uint32_t which, struct text text, uint8_t *out)
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

const uint8_t *order_kept_text(const struct order *order, uint32_t which)
{
    const uint8_t *at = order_packed_texts(order);
    for (uint32_t i = 0; i < which; i++)
        if (order_has_text(order, i))
            at += order_kept_bytes(i, at);
    return at;
}

struct text order_text(const struct order *order, enum order_text which, char out[TEXT_BYTES_MAX])
{
    if (!order_has_text(order, which))
        return (struct text){out, 0};
    return read_kept(which, order_kept_text(order, which), out);
}

struct line_progress *order_progress(const struct orders *orders, const struct order *order)
{
    const struct order_more *more = order_more(orders, order);
    return more != NULL && more->lines != 0 ? memory_at(&orders->records, more->lines) : NULL;
}

uint32_t order_progress_bytes(const struct order *order)
{
    return order->line_count * (uint32_t)sizeof(struct line_progress);
}

uint32_t order_line_units(const struct orders *orders, const struct order *order, uint32_t line)
{
    const struct line_progress *progress = order_progress(orders, order);
    return order_line_placed(order, line) - (progress != NULL ? progress[line].cancelled : 0);
}

static int64_t remainder_total(const struct order *order, uint32_t which)
{
    return order_adjustments(order)[which];
}

static int64_t adjustments_total(const struct order *order)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < order->adjustment_count; i++)
        total += order_amount(order_adjustments(order)[i]);
    return total;
}

/* As it was placed. */
int64_t order_first_total(const struct order *order)
{
    if (order->is_remainder)
        return remainder_total(order, REMAINDER_FIRST_TOTAL);
    int64_t total = adjustments_total(order);
    for (uint32_t i = 0; i < order->line_count; i++)
        total += order_line_price(order, i) * (int64_t)order_line_placed(order, i);
    return total;
}

struct line_progress order_line_progress(const struct orders *orders, const struct order *order,
                                         uint32_t line)
{
    const struct line_progress *progress = order_progress(orders, order);
    return progress != NULL ? progress[line] : (struct line_progress){0};
}

uint32_t order_line_left(const struct orders *orders, const struct order *order, uint32_t line)
{
    struct line_progress progress = order_line_progress(orders, order, line);
    return order_line_placed(order, line) - progress.cancelled - progress.shipped;
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
        uint32_t units = order_line_placed(order, i) - gone.cancelled - gone.lost - gone.returned;
        due += order_line_price(order, i) * (int64_t)units;
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
        total += order_line_price(order, i) * (int64_t)order_line_units(orders, order, i);
    return total;
}

int64_t order_total(const struct orders *orders, const struct order *order)
{
    int64_t total = order_total_signed(orders, order);
    return total > 0 ? total : 0;
}

/* Those that the stock still keeps for it. */
uint64_t order_units_kept(const struct orders *orders, const struct order *order)
{
    const struct line_progress *progress = order_progress(orders, order);
    uint64_t units = 0;
    const struct order_line *lines = order_lines(order);
    for (uint32_t i = 0; i < order->line_count; i++)
        units += lines[i].units_and_price & LINE_UNITS;
    if (order->has_large)
        for (uint32_t i = 0; i < order->line_count; i++)
            units += (uint64_t)order_large_lines(order)[i].units << LINE_UNITS_BITS;
    if (progress != NULL)
        for (uint32_t i = 0; i < order->line_count; i++)
            units -= (uint64_t)progress[i].cancelled + progress[i].shipped;
    return units;
}

uint64_t order_deadline_ns(const struct order *order)
{
    return timer_is_running(&order->timer) ? order->timer.deadline_ns : 0;
}

static struct text name_text(const struct orders *orders, uint32_t number)
{
    return (struct text){orders->names[number].at, orders->names[number].bytes};
}

uint32_t order_unpack(struct order_unpacked *out, const struct orders *orders,
                      const struct order *order)
{
    const uint8_t *kept = order_packed_texts(order);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        out->text[i] = (struct text){out->at[i], 0};
        if (!order_has_text(order, i))
            continue;
        out->text[i] = read_kept(i, kept, out->at[i]);
        kept += order_kept_bytes(i, kept);
    }
    out->text[ORDER_TEXTS] = name_text(orders, order->created_by);
    out->text[ORDER_TEXTS + 1] = name_text(orders, order->modified_by);
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < ORDER_TEXTS + 2; i++)
        bytes += out->text[i].bytes;
    return bytes;
}
