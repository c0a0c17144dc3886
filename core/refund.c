#include "core/refund.h"

#include <string.h>

#include "core/answer.h"
#include "core/key.h"

/* ---- records ----------------------------------------------------------------------------------- */

static uint32_t find_in(const struct orders *orders, const struct payment *payment,
                        const uint8_t *key)
{
    uint32_t record = payment->refunds;
    while (record != 0 && !key_same(refund_at(orders, record)->texts, key))
        record = refund_at(orders, record)->next;
    return record;
}

struct refund_found refund_find(const struct orders *orders, const struct order *order,
                                struct text id)
{
    uint8_t key[KEY_BYTES_MAX];
    key_pack(id, key);
    for (uint32_t record = 0; (record = payment_next(orders, order, record)) != 0;) {
        uint32_t refund = find_in(orders, payment_at(orders, record), key);
        if (refund != 0)
            return (struct refund_found){record, refund};
    }
    return (struct refund_found){0, 0};
}

uint32_t refund_count(const struct orders *orders, const struct order *order)
{
    uint32_t count = 0;
    for (uint32_t record = 0; (record = payment_next(orders, order, record)) != 0;)
        for (uint32_t at = payment_at(orders, record)->refunds; at != 0; count++)
            at = refund_at(orders, at)->next;
    return count;
}

struct text refund_id(const struct refund *refund, char out[ID_BYTES_MAX])
{
    return (struct text){out, key_unpack(refund->texts, out)};
}

struct text refund_reason(const struct refund *refund)
{
    return (struct text){(const char *)refund->texts + refund->id_bytes, refund->reason_bytes};
}

static uint32_t record_bytes(uint32_t id_bytes, uint32_t reason_bytes)
{
    return (uint32_t)offsetof(struct refund, texts) + id_bytes + reason_bytes;
}

uint64_t refund_room(struct text id, struct text reason)
{
    uint8_t key[KEY_BYTES_MAX];
    return memory_record_bytes(record_bytes(key_pack(id, key), reason.bytes));
}

/* ---- applying ---------------------------------------------------------------------------------- */

static struct text slice_text(const struct slice_refund *slice, enum slice_refund_text which)
{
    return text_nth((const char *)(slice + 1), slice->text_bytes, which);
}

static uint32_t make(struct orders *orders, struct payment *payment,
                     const struct slice_refund *slice, uint64_t at_ns)
{
    uint8_t key[KEY_BYTES_MAX];
    uint32_t id_bytes = key_pack(slice_text(slice, SLICE_REFUND_ID), key);
    struct text reason = slice_text(slice, SLICE_REFUND_REASON);
    uint32_t record = memory_take(&orders->records, record_bytes(id_bytes, reason.bytes));
    if (record == 0)
        return 0;
    struct refund *refund = refund_at(orders, record);
    *refund = (struct refund){
        .amount = slice->amount,
        .created_ns = at_ns,
        .id_bytes = (uint8_t)id_bytes,
        .reason_bytes = (uint8_t)reason.bytes,
    };
    memcpy(refund->texts, key, id_bytes);
    memcpy(refund->texts + id_bytes, reason.at, reason.bytes);
    uint32_t *link = &payment->refunds;
    while (*link != 0)
        link = &refund_at(orders, *link)->next;
    *link = record;
    return record;
}

/* The refund as the slice says; `at_ns`: when it comes to be, if it does. */
static enum shard_table keep(struct orders *orders, const struct order *order,
                             const struct slice_refund *slice, uint64_t at_ns)
{
    uint32_t payment = payment_find(orders, order, slice_text(slice, SLICE_REFUND_PAYMENT));
    CHECK(payment != 0);
    uint32_t record = refund_find(orders, order, slice_text(slice, SLICE_REFUND_ID)).refund;
    if (record == 0)
        record = make(orders, payment_at(orders, payment), slice, at_ns);
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    struct refund *refund = refund_at(orders, record);
    refund->state = slice->state;
    refund->asked = slice->asked;
    return SHARD_TABLE_NONE;
}

enum shard_table refund_apply(struct orders *orders, struct position position,
                              const struct event *event, const struct slice_refund *slice)
{
    uint32_t record = order_known(orders, slice_text(slice, SLICE_REFUND_ORDER));
    enum shard_table full = keep(orders, order_at(orders, record), slice, event->at_ns);
    order_touch(orders, record, position, event);
    return full;
}

/* ---- answers ----------------------------------------------------------------------------------- */

uint32_t refund_answer_bytes(const struct refund *refund)
{
    char at[ID_BYTES_MAX];
    uint32_t bytes = (uint32_t)sizeof(struct child_refund) + refund->reason_bytes;
    return bytes_padded(bytes + refund_id(refund, at).bytes);
}

void *refund_answer(const struct refund *refund, void *out)
{
    char at[ID_BYTES_MAX];
    struct text id = refund_id(refund, at);
    struct text reason = refund_reason(refund);
    struct child_refund *child = out;
    *child = (struct child_refund){
        .head = {.bytes = refund_answer_bytes(refund),
                 .kind = CHILD_REFUND,
                 .state = refund->state,
                 .id_bytes = (uint8_t)id.bytes,
                 .note_bytes = (uint8_t)reason.bytes},
        .amount = refund->amount,
        .created_ns = refund->created_ns,
    };
    memcpy(child + 1, id.at, id.bytes);
    memcpy((char *)(child + 1) + id.bytes, reason.at, reason.bytes);
    return (char *)out + child->head.bytes;
}

/* ---- images ------------------------------------------------------------------------------------ */

static const struct slice_refund *part_slice(const struct part_refund *part)
{
    return (const void *)(part + 1);
}

void refund_image(const struct refund *refund, struct text order, struct text payment,
                  struct record *record, struct pile *out)
{
    char at[ID_BYTES_MAX];
    struct text id = refund_id(refund, at);
    struct text reason = refund_reason(refund);
    uint32_t bytes = (uint32_t)sizeof(struct slice_refund);
    bytes += order.bytes + payment.bytes + id.bytes + reason.bytes;
    struct part_refund *part = record_part(out, record, PART_REFUND, sizeof *part + bytes);
    struct slice_refund *slice = (void *)(part + 1);
    part->created_ns = refund->created_ns;
    *slice = (struct slice_refund){
        .head = {bytes_padded(bytes), record->slot, SLICE_REFUND},
        .amount = refund->amount,
        .state = refund->state,
        .asked = refund->asked,
        .text_bytes = {(uint8_t)order.bytes, (uint8_t)payment.bytes, (uint8_t)id.bytes,
                       (uint8_t)reason.bytes},
    };
    char *text = text_put(text_put((char *)(slice + 1), order), payment);
    text_put(text_put(text, id), reason);
}

bool refund_part_valid(const struct part_refund *part)
{
    const struct slice_refund *slice = part_slice(part);
    return part->head.bytes >= sizeof *part + sizeof *slice &&
           slice->head.bytes == part->head.bytes - sizeof *part &&
           slice->head.kind == SLICE_REFUND && slice_valid(&slice->head);
}

enum shard_table refund_load(struct orders *orders, const struct part_refund *part)
{
    const struct slice_refund *slice = part_slice(part);
    uint32_t record = order_known(orders, slice_text(slice, SLICE_REFUND_ORDER));
    return keep(orders, order_at(orders, record), slice, part->created_ns);
}

void refunds_give(struct orders *orders, uint32_t record)
{
    for (uint32_t next; record != 0; record = next) {
        const struct refund *refund = refund_at(orders, record);
        next = refund->next;
        memory_give(&orders->records, record, record_bytes(refund->id_bytes, refund->reason_bytes));
    }
}
