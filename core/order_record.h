/* core/order_record.h - how an order lies in memory; for the files that read and write whole records.
 *
 *   | struct order | adjustments | pay_by | windows | large lines | lines | id | customer | other texts |
 *
 * What an order does not have takes no room: its header says which parts are there; pay_by is kept of
 * those that are reviewed first. Ids are packed (core/key.h), other texts stand behind their length, in
 * the order of enum order_text. An adjustment's amount shares its word with its kind. What stands before
 * the texts takes ORDER_PARTS_MIN at least, so that what is left of an order has room in its record.
 *
 * From the adjustments to the lines these are also the bytes in images (struct part_order): whoever
 * changes them there changes SNAPSHOT_VERSION. */
#ifndef SPATE_CORE_ORDER_RECORD_H
#define SPATE_CORE_ORDER_RECORD_H

#include "core/order.h"

/* Of its price and its units so much as most lines have: the rest, of all lines, is a large_line. */
enum { LINE_UNITS_BITS = 8, LINE_UNITS = (1 << LINE_UNITS_BITS) - 1, LINE_PRICE_BITS = 24 };
struct __attribute__((packed)) order_line {
    uint32_t sku;
    uint32_t units_and_price;     /* the price above */
    uint8_t warehouse_and_capped; /* 7 bits, 1 bit */
};
_Static_assert(sizeof(struct order_line) == 9, "without padding");
struct large_line {
    uint32_t units; /* above LINE_UNITS_BITS */
    uint32_t price; /* above LINE_PRICE_BITS */
};
_Static_assert(ORDER_AMOUNT_LIMIT >> LINE_PRICE_BITS <= UINT32_MAX, "a price has room");

/* Where its parts stand; of order_pay_by_at, if it has one. */
int64_t *order_adjustments(const struct order *order);
uint64_t *order_pay_by_at(const struct order *order);
uint32_t *order_windows(const struct order *order);
struct large_line *order_large_lines(const struct order *order);
struct order_line *order_lines(const struct order *order);
uint8_t *order_packed_texts(const struct order *order);

/* How long what stands before the lines is, of an order that has these of PART_HAS_...; and with them. */
static inline uint32_t order_before_lines_bytes(uint32_t has, uint32_t adjustment_count,
                                                uint32_t line_count)
{
    uint32_t bytes = adjustment_count * (uint32_t)sizeof(int64_t);
    if (has & PART_HAS_PAY_BY)
        bytes += (uint32_t)sizeof(uint64_t);
    if (has & PART_HAS_WINDOWS)
        bytes += line_count * (uint32_t)sizeof(uint32_t);
    if (has & PART_HAS_LARGE)
        bytes += line_count * (uint32_t)sizeof(struct large_line);
    return bytes;
}
static inline uint32_t order_before_texts_bytes(uint32_t has, uint32_t adjustment_count,
                                                uint32_t line_count)
{
    return order_before_lines_bytes(has, adjustment_count, line_count) +
           line_count * (uint32_t)sizeof(struct order_line);
}

/* The totals of a remainder stand there. */
enum { ORDER_PARTS_MIN = REMAINDER_TOTALS * sizeof(int64_t) };

/* Three letters, 5 bits each. */
enum { ORDER_CURRENCY_MAX = (1 << 15) - 1 };
static inline uint32_t order_pack_currency(uint32_t currency)
{
    return (currency & 31) | (currency >> 8 & 31) << 5 | (currency >> 16 & 31) << 10;
}

enum { kept_warehouse = 0x7f, kept_capped = 0x80 };
struct order_line order_make_line(const struct slice_order_line *line);
int64_t order_with_byte(int64_t amount, uint8_t byte);
int64_t order_amount(int64_t both);

/* A text as it is kept: whether there is one, where, how long; writing it, which says how long. */
bool order_has_text(const struct order *order, uint32_t which);
const uint8_t *order_kept_text(const struct order *order, uint32_t which);
uint32_t order_kept_bytes(uint32_t which, const uint8_t *kept);
uint32_t order_keep_text(uint32_t which, struct text text, uint8_t *out);

/* All its texts, then who created and who last changed it. */
struct order_unpacked {
    struct text text[ORDER_TEXTS + 2];
    char at[ORDER_TEXTS][TEXT_BYTES_MAX];
};
/* The bytes of all of them together. */
uint32_t order_unpack(struct order_unpacked *out, const struct orders *orders,
                      const struct order *order);

/* What has become of its lines: NULL, nothing; and the bytes that it takes if there is something. */
struct line_progress *order_progress(const struct orders *orders, const struct order *order);
uint32_t order_progress_bytes(const struct order *order);

/* The units that the stock still keeps for it. */
uint64_t order_units_kept(const struct orders *orders, const struct order *order);

/* ---- in core/order.c --------------------------------------------------------------------------- */

/* Texts as they are kept, one behind the other; from lengths and characters, one behind the other. */
struct order_texts {
    uint32_t bytes;
    uint32_t mask; /* as in struct order */
    uint8_t at[ORDER_TEXTS * (1 + TEXT_BYTES_MAX)];
};
void order_keep_texts(struct order_texts *out, const uint8_t text_bytes[ORDER_TEXTS],
                      const char *from);

/* A new record, found under its id, with room for so much before its texts; nothing stands in it. Then,
 * when its texts stand there, to the head of its customer's chain; false: there is no room. When it is
 * what it is going to be, orders_count_in. */
enum shard_table orders_take(struct orders *orders, uint64_t id_hash, uint32_t before_texts_bytes,
                             const struct order_texts *texts, uint32_t *out) MUST_LOOK;
bool orders_link(struct orders *orders, uint32_t record, const struct order_texts *texts,
                 uint64_t customer_hash) MUST_LOOK;
/* Sums by state, before and after a change to the order. */
void orders_count_in(struct orders *orders, const struct order *order);
void orders_count_out(struct orders *orders, const struct order *order);
/* The number of a name, which is kept if it is new. */
uint16_t orders_keep_name(struct orders *orders, struct text who);

#endif
