#include "core/payment.h"

#include <string.h>

#include "core/answer.h"
#include "core/key.h"
#include "core/refund.h"

/* ---- records ----------------------------------------------------------------------------------- */

uint32_t payment_next(const struct orders *orders, const struct order *order, uint32_t record)
{
    if (record != 0)
        return payment_at(orders, record)->next;
    const struct order_more *more = order_more(orders, order);
    return more != NULL ? more->payments : 0;
}

uint32_t payment_find(const struct orders *orders, const struct order *order, struct text id)
{
    uint8_t key[KEY_BYTES_MAX];
    key_pack(id, key);
    uint32_t record = 0;
    while ((record = payment_next(orders, order, record)) != 0)
        if (key_same(payment_at(orders, record)->packed, key))
            break;
    return record;
}

struct text payment_id(const struct payment *payment, char out[ID_BYTES_MAX])
{
    return (struct text){out, key_unpack(payment->packed, out)};
}

struct text payment_method(const struct payment *payment, char out[ID_BYTES_MAX])
{
    uint32_t id_bytes = key_bytes(payment->packed);
    if (payment->packed_bytes == id_bytes)
        return (struct text){out, 0};
    return (struct text){out, key_unpack(payment->packed + id_bytes, out)};
}

struct refund_sums payment_refund_sums(const struct orders *orders, const struct payment *payment)
{
    struct refund_sums sums = {0};
    for (uint32_t record = payment->refunds; record != 0;) {
        const struct refund *refund = refund_at(orders, record);
        switch (refund_money((enum refund_state)refund->state)) {
        case REFUND_PROMISED:
            sums.pending += refund->amount;
            break;
        case REFUND_PAID:
            sums.refunded += refund->amount;
            break;
        case REFUND_KEPT: /* tried again and again: nothing bounds their sum */
            if (__builtin_add_overflow(sums.failed, refund->amount, &sums.failed))
                sums.failed = INT64_MAX;
            break;
        }
        record = refund->next;
    }
    return sums;
}

struct packed {
    uint32_t bytes;
    uint8_t at[2 * KEY_BYTES_MAX];
};

static void pack(struct packed *out, struct text id, struct text method)
{
    out->bytes = key_pack(id, out->at);
    if (method.bytes > 0)
        out->bytes += key_pack(method, out->at + out->bytes);
}

static uint32_t record_bytes(uint32_t packed_bytes)
{
    return (uint32_t)offsetof(struct payment, packed) + packed_bytes;
}

uint64_t payment_room(struct text id, struct text method)
{
    struct packed packed;
    pack(&packed, id, method);
    return memory_record_bytes(record_bytes(packed.bytes));
}

/* ---- applying ---------------------------------------------------------------------------------- */

static struct text slice_text(const struct slice_payment *slice, enum slice_payment_text which)
{
    return text_nth((const char *)(slice + 1), slice->text_bytes, which);
}

/* The reference that leads to `record`; of 0: where the next one is to be hung. */
static uint32_t *link_to(struct orders *orders, struct order_more *more, uint32_t record)
{
    uint32_t *link = &more->payments;
    while (*link != record)
        link = &payment_at(orders, *link)->next;
    return link;
}

/* A record of these texts, in the place of `old` if there is one; 0: no room. */
static uint32_t make(struct orders *orders, struct order_more *more, uint32_t old,
                     const struct packed *packed, uint64_t at_ns)
{
    uint32_t record = memory_take(&orders->records, record_bytes(packed->bytes));
    if (record == 0)
        return 0;
    struct payment *payment = payment_at(orders, record);
    memset(payment, 0, record_bytes(packed->bytes));
    payment->created_ns = at_ns;
    *link_to(orders, more, old) = record;
    if (old != 0) {
        const struct payment *before = payment_at(orders, old);
        payment->next = before->next;
        payment->refunds = before->refunds;
        payment->created_ns = before->created_ns;
        memory_give(&orders->records, old, record_bytes(before->packed_bytes));
    }
    payment->packed_bytes = (uint8_t)packed->bytes;
    memcpy(payment->packed, packed->at, packed->bytes);
    return record;
}

static bool has_texts(const struct payment *payment, const struct packed *packed)
{
    return payment->packed_bytes == packed->bytes &&
           memcmp(payment->packed, packed->at, packed->bytes) == 0;
}

/* The payment as the slice says; `at_ns`: when it comes to be, if it does. */
static enum shard_table keep(struct orders *orders, struct order *order,
                             const struct slice_payment *slice, uint64_t at_ns)
{
    struct order_more *more = order_make_more(orders, order);
    if (more == NULL)
        return SHARD_TABLE_ORDER_BYTES;
    struct packed packed;
    pack(&packed, slice_text(slice, SLICE_PAYMENT_ID), slice_text(slice, SLICE_PAYMENT_METHOD));
    uint32_t record = payment_find(orders, order, slice_text(slice, SLICE_PAYMENT_ID));
    if (record == 0 || !has_texts(payment_at(orders, record), &packed))
        record = make(orders, more, record, &packed, at_ns);
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    struct payment *payment = payment_at(orders, record);
    payment->amount = slice->amount;
    payment->authorized = slice->authorized;
    payment->captured = slice->captured;
    payment->state = slice->state;
    payment->by_notice = slice->by_notice;
    return SHARD_TABLE_NONE;
}

enum shard_table payment_apply(struct orders *orders, struct position position,
                               const struct event *event, const struct slice_payment *slice)
{
    uint32_t record = order_known(orders, slice_text(slice, SLICE_PAYMENT_ORDER));
    enum shard_table full = keep(orders, order_at(orders, record), slice, event->at_ns);
    order_touch(orders, record, position, event);
    return full;
}

/* ---- answers ----------------------------------------------------------------------------------- */

uint32_t payment_answer_bytes(const struct payment *payment)
{
    char at[ID_BYTES_MAX];
    uint32_t bytes = (uint32_t)sizeof(struct child_payment);
    bytes += payment_id(payment, at).bytes + payment_method(payment, at).bytes;
    return bytes_padded(bytes);
}

void *payment_answer(const struct orders *orders, const struct payment *payment, void *out)
{
    char id_at[ID_BYTES_MAX];
    char method_at[ID_BYTES_MAX];
    struct text id = payment_id(payment, id_at);
    struct text method = payment_method(payment, method_at);
    struct refund_sums sums = payment_refund_sums(orders, payment);
    struct child_payment *child = out;
    *child = (struct child_payment){
        .head = {.bytes = payment_answer_bytes(payment),
                 .kind = CHILD_PAYMENT,
                 .state = payment->state,
                 .id_bytes = (uint8_t)id.bytes,
                 .note_bytes = (uint8_t)method.bytes},
        .amount = payment->amount,
        .authorized = payment->authorized,
        .captured = payment->captured,
        .refund_pending = sums.pending,
        .refunded = sums.refunded,
        .created_ns = payment->created_ns,
    };
    memcpy(child + 1, id.at, id.bytes);
    memcpy((char *)(child + 1) + id.bytes, method.at, method.bytes);
    return (char *)out + child->head.bytes;
}

uint32_t payments_answer_bytes(const struct orders *orders, const struct order *order)
{
    uint32_t bytes = 0;
    for (uint32_t record = 0; (record = payment_next(orders, order, record)) != 0;) {
        const struct payment *payment = payment_at(orders, record);
        bytes += payment_answer_bytes(payment);
        for (uint32_t at = payment->refunds; at != 0; at = refund_at(orders, at)->next)
            bytes += refund_answer_bytes(refund_at(orders, at));
    }
    return bytes;
}

uint32_t payments_answer(const struct orders *orders, const struct order *order, void *out)
{
    uint32_t count = 0;
    for (uint32_t record = 0; (record = payment_next(orders, order, record)) != 0; count++) {
        const struct payment *payment = payment_at(orders, record);
        out = payment_answer(orders, payment, out);
        for (uint32_t at = payment->refunds; at != 0; at = refund_at(orders, at)->next, count++)
            out = refund_answer(refund_at(orders, at), out);
    }
    return count;
}

/* ---- looking at all of it ---------------------------------------------------------------------- */

const char *payments_audit(const struct orders *orders, const struct order *order)
{
    bool given_back = order_invariant((enum order_state)order->state)->money == MONEY_GIVEN;
    for (uint32_t record = 0; (record = payment_next(orders, order, record)) != 0;) {
        const struct payment *payment = payment_at(orders, record);
        enum payment_money money = payment_state_money((enum payment_state)payment->state);
        struct refund_sums sums = payment_refund_sums(orders, payment);
        if (payment->authorized < payment->captured || payment->captured < 0)
            return "captured <= authorized";
        if (payment->captured < sums.pending + sums.refunded)
            return "refunded <= captured";
        if (payment->captured > 0 && money != PAYMENT_HAS_CAPTURED)
            return "captured only where captured";
        if (payment->authorized > 0 && money == PAYMENT_HAS_NONE)
            return "nothing is authorized by being made";
        if (given_back && payment->state == PAYMENT_AUTHORIZED)
            return "no authorisation outlives its order";
        if (given_back && payment->captured - sums.pending - sums.refunded > sums.failed)
            return "no order that has ended keeps money";
    }
    return NULL;
}

/* ---- images ------------------------------------------------------------------------------------ */

static const struct slice_payment *part_slice(const struct part_payment *part)
{
    return (const void *)(part + 1);
}

static void image_one(const struct payment *payment, struct text order, struct record *record,
                      struct pile *out)
{
    char id_at[ID_BYTES_MAX];
    char method_at[ID_BYTES_MAX];
    struct text id = payment_id(payment, id_at);
    struct text method = payment_method(payment, method_at);
    uint32_t bytes = (uint32_t)sizeof(struct slice_payment) + order.bytes + id.bytes + method.bytes;
    struct part_payment *part = record_part(out, record, PART_PAYMENT, sizeof *part + bytes);
    struct slice_payment *slice = (void *)(part + 1);
    part->created_ns = payment->created_ns;
    *slice = (struct slice_payment){
        .head = {bytes_padded(bytes), record->slot, SLICE_PAYMENT},
        .amount = payment->amount,
        .authorized = payment->authorized,
        .captured = payment->captured,
        .state = payment->state,
        .by_notice = payment->by_notice,
        .text_bytes = {(uint8_t)order.bytes, (uint8_t)id.bytes, (uint8_t)method.bytes, 0},
    };
    text_put(text_put(text_put((char *)(slice + 1), order), id), method);
}

void payments_image(const struct orders *orders, const struct order *order, struct text order_id,
                    struct record *record, struct pile *out)
{
    for (uint32_t at = 0; (at = payment_next(orders, order, at)) != 0;) {
        const struct payment *payment = payment_at(orders, at);
        char id_at[ID_BYTES_MAX];
        struct text id = payment_id(payment, id_at);
        image_one(payment, order_id, record, out);
        for (uint32_t r = payment->refunds; r != 0; r = refund_at(orders, r)->next)
            refund_image(refund_at(orders, r), order_id, id, record, out);
    }
}

bool payment_part_valid(const struct part_payment *part)
{
    const struct slice_payment *slice = part_slice(part);
    return part->head.bytes >= sizeof *part + sizeof *slice &&
           slice->head.bytes == part->head.bytes - sizeof *part &&
           slice->head.kind == SLICE_PAYMENT && slice_valid(&slice->head);
}

enum shard_table payment_load(struct orders *orders, const struct part_payment *part)
{
    const struct slice_payment *slice = part_slice(part);
    uint32_t record = order_known(orders, slice_text(slice, SLICE_PAYMENT_ORDER));
    return keep(orders, order_at(orders, record), slice, part->created_ns);
}

void payments_give(struct orders *orders, uint32_t record)
{
    for (uint32_t next; record != 0; record = next) {
        const struct payment *payment = payment_at(orders, record);
        next = payment->next;
        refunds_give(orders, payment->refunds);
        memory_give(&orders->records, record, record_bytes(payment->packed_bytes));
    }
}
