/* core/return.h - the returns of an order: their records, what is answered of them.
 *
 * Owned by the order's shard. Goods that have been delivered are sent back, or only their money is
 * asked for, or others are asked for in their place. Returns hang from their order (struct
 * order_more) in the order in which they came:
 *
 *   | struct order_return | lines | id, reason |
 *
 * For every line of an order, always: `returning` of its struct line_progress is the sum over the
 * order's returns that were not refused, without what an inspection has rejected; and at most what
 * was delivered. A return never changes a terminal order. */
#ifndef SPATE_CORE_RETURN_H
#define SPATE_CORE_RETURN_H

#include "core/order.h"
#include "core/return_moves.h"

/* ---- slices ------------------------------------------------------------------------------------ */

/* A return comes to be. Behind it: lines, the order's id, its own, the reason. */
struct slice_return {
    struct slice head;
    uint64_t digest; /* of the request */
    uint64_t created_ns;
    uint64_t deadline_ns; /* of the order from now on, if it is delivered; 0: none */
    uint16_t line_count;
    uint8_t kind; /* enum parcel_choice */
    uint8_t order_bytes;
    uint8_t id_bytes;
    uint8_t reason_bytes;
    uint8_t zero[2];
    struct child_return_line lines[];
};
_Static_assert(sizeof(struct slice_return) == 40, "as it stands in the log");

/* Behind it: lines, if they have been judged; the order's id, its own, the reason. */
struct slice_return_moved {
    struct slice head;
    uint64_t deadline_ns; /* as above */
    uint16_t line_count;
    uint8_t move;
    uint8_t from;
    uint8_t to;
    uint8_t order_bytes;
    uint8_t id_bytes;
    uint8_t reason_bytes;
    struct child_return_line lines[];
};
_Static_assert(sizeof(struct slice_return_moved) == 24, "as it stands in the log");

/* Whether its lengths fit together; for core/event.c. */
bool return_slice_valid(const struct slice *slice);

/* As in an image. Behind it: a struct slice_return. */
struct part_return {
    struct part head;
    uint64_t changed_ns;
    uint8_t state;
    uint8_t zero[7];
};
_Static_assert(sizeof(struct part_return) == 24, "as it stands in images");

/* ---- state ------------------------------------------------------------------------------------- */

struct order_return {
    uint32_t next; /* of the same order; 0: the last */
    uint16_t line_count;
    uint8_t state;
    uint8_t kind; /* enum parcel_choice */
    uint64_t digest;
    uint64_t created_ns;
    uint64_t changed_ns;
    uint8_t id_bytes;
    uint8_t reason_bytes;
    uint8_t zero[6];
    struct child_return_line lines[];
};

static inline struct order_return *return_at(const struct orders *orders, uint32_t record)
{
    return memory_at(&orders->records, record);
}

/* The returns of an order one after the other, 0 at the end; start with 0. */
uint32_t return_next(const struct orders *orders, const struct order *order, uint32_t record);
/* 0: the order has none of that id. */
uint32_t return_find(const struct orders *orders, const struct order *order, struct text id);
struct text return_id(const struct order_return *r);
bool return_is_open(const struct order_return *r);
/* Whether any but `besides` (0: none) is open. */
bool returns_are_open(const struct orders *orders, const struct order *order, uint32_t besides);

/* What the record of a return takes. */
uint64_t return_room(uint32_t line_count, uint32_t text_bytes);

/* Live, room has been looked for before and the answer is SHARD_TABLE_NONE. */
enum shard_table return_apply(struct orders *orders, struct position position,
                              const struct event *event, const struct slice *slice) MUST_LOOK;

/* ---- answers ----------------------------------------------------------------------------------- */

/* With its lines, or without. */
uint32_t return_answer_bytes(const struct order_return *r, bool whole);
/* Writes it as a struct child_return; returns where the next child goes. */
void *return_answer(const struct order_return *r, bool whole, void *out);

/* All returns of an order, without lines; the number of children written. */
uint32_t returns_answer_bytes(const struct orders *orders, const struct order *order);
uint32_t returns_answer(const struct orders *orders, const struct order *order, void *out);

/* ---- looking at all of it ---------------------------------------------------------------------- */

/* Parts of the order's record. */
void returns_image(const struct orders *orders, const struct order *order, struct text order_id,
                   struct record *record, struct pile *out);
bool return_part_valid(const struct part_return *part);
enum shard_table return_load(struct orders *orders, const struct part_return *part) MUST_LOOK;
/* NULL, or what does not hold of the order's returns. */
const char *returns_audit(const struct orders *orders, const struct order *order);

/* Gives back the memory of an order's returns, from this one on. */
void returns_give(struct orders *orders, uint32_t record);

#endif
