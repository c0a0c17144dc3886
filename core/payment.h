/* core/payment.h - the payments of an order: their records, what is answered of them.
 *
 * Owned by the order's shard. Payments hang from their order (struct order_more) in the order in
 * which they came, and refunds from their payment:
 *
 *   | struct payment | id | method, if any |      both packed (core/key.h)
 *
 * For every payment, always:  authorized >= captured >= refunded + refunds pending >= 0
 * and nothing is captured unless its state is captured. A cancelled, expired or rejected order has
 * no payment that is authorized, and has opened refunds for all that was captured. */
#ifndef SPATE_CORE_PAYMENT_H
#define SPATE_CORE_PAYMENT_H

#include "core/order.h"
#include "core/payment_moves.h"

/* ---- slices ------------------------------------------------------------------------------------ */

enum slice_payment_text {
    SLICE_PAYMENT_ORDER,
    SLICE_PAYMENT_ID,
    SLICE_PAYMENT_METHOD,
    SLICE_PAYMENT_REASON, /* why it failed; of a notice: its id */
    SLICE_PAYMENT_TEXTS
};

/* A payment as it is from now on; one of a new id comes to be. */
struct slice_payment {
    struct slice head;
    int64_t amount;
    int64_t authorized;
    int64_t captured;
    uint64_t told_ns; /* of a notice: when the provider says it happened; otherwise 0 */
    uint8_t state;
    uint8_t by_notice;
    uint8_t text_bytes[SLICE_PAYMENT_TEXTS];
    uint8_t zero[2];
};
_Static_assert(sizeof(struct slice_payment) == 48, "as it stands in the log");

/* As in an image. Behind it: a struct slice_payment. */
struct part_payment {
    struct part head;
    uint64_t created_ns;
};

/* ---- state ------------------------------------------------------------------------------------- */

struct payment {
    uint32_t next;    /* of the same order; 0: the last */
    uint32_t refunds; /* the first */
    int64_t amount;
    int64_t authorized;
    int64_t captured;
    uint64_t created_ns;
    uint8_t state;
    uint8_t by_notice; /* nobody but its provider has spoken of it yet */
    uint8_t packed_bytes;
    uint8_t packed[];
};

/* Of one payment. */
struct refund_sums {
    int64_t pending;
    int64_t refunded;
    int64_t failed;
};

static inline struct payment *payment_at(const struct orders *orders, uint32_t record)
{
    return memory_at(&orders->records, record);
}

/* The payments of an order one after the other, 0 at the end; start with 0. */
uint32_t payment_next(const struct orders *orders, const struct order *order, uint32_t record);
/* 0: the order has none of that id. */
uint32_t payment_find(const struct orders *orders, const struct order *order, struct text id);

/* Unpacked into `out`; an absent method has 0 bytes. */
struct text payment_id(const struct payment *payment, char out[ID_BYTES_MAX]);
struct text payment_method(const struct payment *payment, char out[ID_BYTES_MAX]);
struct refund_sums payment_refund_sums(const struct orders *orders, const struct payment *payment);

/* What the record of a payment takes at most. */
uint64_t payment_room(struct text id, struct text method);

/* Live, room has been looked for before and the answer is SHARD_TABLE_NONE. */
enum shard_table payment_apply(struct orders *orders, struct position position,
                               const struct event *event,
                               const struct slice_payment *slice) MUST_LOOK;

/* ---- answers ----------------------------------------------------------------------------------- */

uint32_t payment_answer_bytes(const struct payment *payment);
/* Writes it as a struct child_payment; returns where the next child goes. */
void *payment_answer(const struct orders *orders, const struct payment *payment, void *out);

/* All payments of an order, each with its refunds behind it; the number of children written. */
uint32_t payments_answer_bytes(const struct orders *orders, const struct order *order);
uint32_t payments_answer(const struct orders *orders, const struct order *order, void *out);

/* ---- looking at all of it ---------------------------------------------------------------------- */

/* Parts of the order's record: its payments, each with its refunds behind it. */
void payments_image(const struct orders *orders, const struct order *order, struct text order_id,
                    struct record *record, struct pile *out);
bool payment_part_valid(const struct part_payment *part);
enum shard_table payment_load(struct orders *orders, const struct part_payment *part) MUST_LOOK;
/* NULL, or what does not hold of the order's money. */
const char *payments_audit(const struct orders *orders, const struct order *order);

/* Gives back the memory of an order's payments, from this one on, and of their refunds. */
void payments_give(struct orders *orders, uint32_t record);

#endif
