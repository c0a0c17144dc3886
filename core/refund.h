/* core/refund.h - the refunds of a payment: their records.
 *
 * Owned by the order's shard. A refund that is not over (requested, processing, unknown) counts as
 * pending: its money is promised, and cannot be refunded again. One that has failed is over; what it
 * was for can be refunded by another. Ids are unique within the order.
 *
 *   | struct refund | id, packed (core/key.h) | reason | */
#ifndef SPATE_CORE_REFUND_H
#define SPATE_CORE_REFUND_H

#include "core/payment.h"
#include "core/refund_moves.h"

/* ---- slices ------------------------------------------------------------------------------------ */

enum slice_refund_text {
    SLICE_REFUND_ORDER,
    SLICE_REFUND_PAYMENT,
    SLICE_REFUND_ID,
    SLICE_REFUND_REASON,
    SLICE_REFUND_TEXTS
};

/* A refund as it is from now on; one of a new id comes to be. */
struct slice_refund {
    struct slice head;
    int64_t amount;
    uint64_t told_ns; /* of a notice: when the provider says it happened; otherwise 0 */
    uint8_t state;
    uint8_t asked; /* enum refund_asked */
    uint8_t text_bytes[SLICE_REFUND_TEXTS];
    uint8_t zero[2];
};
_Static_assert(sizeof(struct slice_refund) == 32, "as it stands in the log");

/* As in an image. Behind it: a struct slice_refund. */
struct part_refund {
    struct part head;
    uint64_t created_ns;
};

/* ---- state ------------------------------------------------------------------------------------- */

/* Who has asked for it, and how: a retry must have said the same. */
enum refund_asked { ASKED_BY_NOBODY, ASKED_AMOUNT, ASKED_ALL };

struct refund {
    uint32_t next; /* of the same payment; 0: the last */
    uint8_t state;
    uint8_t asked;
    uint8_t id_bytes; /* packed */
    uint8_t reason_bytes;
    int64_t amount;
    uint64_t created_ns;
    uint8_t texts[];
};

static inline struct refund *refund_at(const struct orders *orders, uint32_t record)
{
    return memory_at(&orders->records, record);
}

struct refund_found {
    uint32_t payment; /* 0: the order has no refund of that id */
    uint32_t refund;
};
struct refund_found refund_find(const struct orders *orders, const struct order *order,
                                struct text id);
/* Of all payments of the order. */
uint32_t refund_count(const struct orders *orders, const struct order *order);

struct text refund_id(const struct refund *refund, char out[ID_BYTES_MAX]);
struct text refund_reason(const struct refund *refund);

/* What the record of a refund takes at most. */
uint64_t refund_room(struct text id, struct text reason);

/* Live, room has been looked for before and the answer is SHARD_TABLE_NONE. */
enum shard_table refund_apply(struct orders *orders, struct position position,
                              const struct event *event,
                              const struct slice_refund *slice) MUST_LOOK;

/* ---- answers ----------------------------------------------------------------------------------- */

uint32_t refund_answer_bytes(const struct refund *refund);
/* Writes it as a struct child_refund; returns where the next child goes. */
void *refund_answer(const struct refund *refund, void *out);

/* A part of its order's record. */
void refund_image(const struct refund *refund, struct text order, struct text payment,
                  struct record *record, struct pile *out);
bool refund_part_valid(const struct part_refund *part);
enum shard_table refund_load(struct orders *orders, const struct part_refund *part) MUST_LOOK;

/* Gives back the memory of a payment's refunds, from this one on. */
void refunds_give(struct orders *orders, uint32_t record);

#endif
