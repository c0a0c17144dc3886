#include "core/ledger.h"

#include <string.h>

#include "core/answer.h"

void ledger_open(struct ledger *ledger, const struct orders *orders, const struct order *order)
{
    ledger->orders = orders;
    ledger->order = order;
    ledger->count = 0;
    ledger->opened_count = 0;
    ledger->why = "";
    ledger->told_ns = 0;
    ledger->refund = (struct refund_facts){.amount = 0};
    ledger->refund_count = refund_count(orders, order);
    for (uint32_t record = 0; (record = payment_next(orders, order, record)) != 0;) {
        const struct payment *payment = payment_at(orders, record);
        CHECK(ledger->count < PAYMENTS_MAX);
        ledger->entries[ledger->count++] = (struct ledger_entry){
            .record = record,
            .amount = payment->amount,
            .authorized = payment->authorized,
            .captured = payment->captured,
            .refunds = payment_refund_sums(orders, payment),
            .state = payment->state,
            .by_notice = payment->by_notice,
        };
    }
}

struct ledger_entry *ledger_entry(struct ledger *ledger, uint32_t payment)
{
    for (uint32_t i = 0; i < ledger->count; i++)
        if (ledger->entries[i].record == payment)
            return &ledger->entries[i];
    CHECK(false); /* a payment of this order */
    return NULL;
}

struct ledger_entry *ledger_add(struct ledger *ledger, struct text id, struct text method)
{
    if (ledger->count == PAYMENTS_MAX)
        return NULL;
    struct ledger_entry *entry = &ledger->entries[ledger->count++];
    *entry = (struct ledger_entry){.state = PAYMENT_CREATED, .changed = true};
    ledger->id = id;
    ledger->method = method;
    return entry;
}

/* ---- sums -------------------------------------------------------------------------------------- */

int64_t ledger_kept_of(const struct ledger_entry *entry)
{
    return entry->captured - entry->refunds.refunded - entry->refunds.pending;
}

int64_t ledger_kept(const struct ledger *ledger)
{
    int64_t kept = 0;
    for (uint32_t i = 0; i < ledger->count; i++)
        kept += ledger_kept_of(&ledger->entries[i]);
    return kept;
}

int64_t ledger_expected(const struct ledger *ledger)
{
    int64_t expected = 0;
    for (uint32_t i = 0; i < ledger->count; i++)
        if (payment_state_is_open((enum payment_state)ledger->entries[i].state))
            expected += ledger->entries[i].amount;
    return expected;
}

bool ledger_covers(const struct ledger *ledger, int64_t total)
{
    bool captured = false;
    for (uint32_t i = 0; i < ledger->count; i++)
        captured = captured || ledger->entries[i].state == PAYMENT_CAPTURED;
    return total == 0 || (captured && ledger_kept(ledger) >= total);
}

bool ledger_has_open(const struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->count; i++)
        if (payment_state_is_open((enum payment_state)ledger->entries[i].state))
            return true;
    return false;
}

/* Every sum that is made of an order's money is at most one of these two. */
bool ledger_adds_up(const struct ledger *ledger)
{
    int64_t amounts = 0;
    int64_t authorized = 0;
    for (uint32_t i = 0; i < ledger->count; i++)
        if (__builtin_add_overflow(amounts, ledger->entries[i].amount, &amounts) ||
            __builtin_add_overflow(authorized, ledger->entries[i].authorized, &authorized))
            return false;
    return true;
}

/* ---- changes ----------------------------------------------------------------------------------- */

int64_t ledger_give_back(struct ledger *ledger, struct ledger_entry *entry, int64_t amount,
                         const char *why)
{
    int64_t kept = ledger_kept_of(entry);
    int64_t back = kept < amount ? kept : amount;
    if (back <= 0)
        return amount;
    CHECK(ledger->opened_count < PAYMENTS_MAX);
    ledger->opened[ledger->opened_count++] =
        (struct ledger_refund){(uint32_t)(entry - ledger->entries), back};
    ledger->why = why;
    entry->refunds.pending += back;
    return amount - back;
}

void ledger_give_back_any(struct ledger *ledger, struct ledger_entry *first, int64_t amount,
                          const char *why)
{
    if (first != NULL)
        amount = ledger_give_back(ledger, first, amount, why);
    for (uint32_t i = ledger->count; i > 0 && amount > 0; i--)
        amount = ledger_give_back(ledger, &ledger->entries[i - 1], amount, why);
}

void ledger_give_back_difference(struct ledger *ledger, int64_t due_before, int64_t due_after,
                                 const char *why)
{
    int64_t over = ledger_kept(ledger) - due_after;
    int64_t less = due_before - due_after;
    ledger_give_back_any(ledger, NULL, over < less ? over : less, why);
}

void ledger_end(struct ledger *ledger, const char *why)
{
    for (uint32_t i = 0; i < ledger->count; i++) {
        struct ledger_entry *entry = &ledger->entries[i];
        if (entry->state == PAYMENT_AUTHORIZED) {
            entry->state = PAYMENT_VOIDED;
            entry->changed = true;
        }
        ledger_give_back(ledger, entry, INT64_MAX, why);
    }
}

/* ---- writing ----------------------------------------------------------------------------------- */

static const char own_prefix[] = "auto-";
enum { OWN_PREFIX_BYTES = sizeof own_prefix - 1 };

bool ledger_is_own_id(struct text id)
{
    return id.bytes > OWN_PREFIX_BYTES && memcmp(id.at, own_prefix, OWN_PREFIX_BYTES) == 0;
}

struct own_id {
    uint32_t number; /* the last that was looked at */
    char at[16];
};

/* Ids of refunds that nobody named: the next number that the order does not know. */
static struct text next_own_id(const struct ledger *ledger, struct own_id *own)
{
    struct text id = {own->at, 0};
    do {
        char digits[10];
        uint32_t count = 0;
        for (uint32_t left = ++own->number; left > 0; left /= 10)
            digits[count++] = (char)('0' + left % 10);
        memcpy(own->at, own_prefix, OWN_PREFIX_BYTES);
        for (uint32_t i = 0; i < count; i++)
            own->at[OWN_PREFIX_BYTES + i] = digits[count - 1 - i];
        id.bytes = OWN_PREFIX_BYTES + count;
    } while (refund_find(ledger->orders, ledger->order, id).refund != 0);
    return id;
}

bool ledger_refunds_fit(const struct ledger *ledger, uint32_t most)
{
    return ledger->opened_count == 0 || ledger->refund_count + ledger->opened_count <= most;
}

uint64_t ledger_room(const struct ledger *ledger)
{
    static const char longest_id[] = "auto-9999999999";
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < ledger->count; i++)
        if (ledger->entries[i].record == 0 || ledger->entries[i].renamed)
            bytes += payment_room(ledger->id, ledger->method);
    return bytes + ledger->opened_count * refund_room(text_of(longest_id), text_of(ledger->why));
}

struct names {
    struct text order;
    struct text id;
    struct text method;
    char order_at[TEXT_BYTES_MAX];
    char id_at[ID_BYTES_MAX];
    char method_at[ID_BYTES_MAX];
};

static void name_entry(struct names *out, const struct ledger *ledger,
                       const struct ledger_entry *entry)
{
    out->order = order_text(ledger->order, ORDER_ID, out->order_at);
    out->id = ledger->id;
    out->method = ledger->method;
    if (entry->record == 0)
        return;
    const struct payment *payment = payment_at(ledger->orders, entry->record);
    out->id = payment_id(payment, out->id_at);
    if (!entry->renamed)
        out->method = payment_method(payment, out->method_at);
}

static uint32_t slot_of(struct text order)
{
    return hash_slot(key_hash(order));
}

static void write_payment(const struct ledger *ledger, struct turn *turn, struct event *event,
                          const struct ledger_entry *entry, struct text reason)
{
    struct names names;
    name_entry(&names, ledger, entry);
    uint32_t bytes = names.order.bytes + names.id.bytes + names.method.bytes + reason.bytes;
    struct slice_payment *slice = event_add(turn, event, slot_of(names.order), SLICE_PAYMENT,
                                            (uint32_t)sizeof *slice + bytes);
    slice->amount = entry->amount;
    slice->authorized = entry->authorized;
    slice->captured = entry->captured;
    slice->told_ns = ledger->told_ns;
    slice->state = entry->state;
    slice->by_notice = entry->by_notice;
    slice->text_bytes[SLICE_PAYMENT_ORDER] = (uint8_t)names.order.bytes;
    slice->text_bytes[SLICE_PAYMENT_ID] = (uint8_t)names.id.bytes;
    slice->text_bytes[SLICE_PAYMENT_METHOD] = (uint8_t)names.method.bytes;
    slice->text_bytes[SLICE_PAYMENT_REASON] = (uint8_t)reason.bytes;
    char *at = text_put((char *)(slice + 1), names.order);
    text_put(text_put(text_put(at, names.id), names.method), reason);
}

static void write_refund(const struct ledger *ledger, struct turn *turn, struct event *event,
                         const struct refund_facts *facts)
{
    char at[TEXT_BYTES_MAX];
    struct text order = order_text(ledger->order, ORDER_ID, at);
    uint32_t bytes = order.bytes + facts->payment.bytes + facts->id.bytes + facts->reason.bytes;
    struct slice_refund *slice =
        event_add(turn, event, slot_of(order), SLICE_REFUND, (uint32_t)sizeof *slice + bytes);
    slice->amount = facts->amount;
    slice->told_ns = facts->told_ns;
    slice->state = facts->state;
    slice->asked = facts->asked;
    slice->text_bytes[SLICE_REFUND_ORDER] = (uint8_t)order.bytes;
    slice->text_bytes[SLICE_REFUND_PAYMENT] = (uint8_t)facts->payment.bytes;
    slice->text_bytes[SLICE_REFUND_ID] = (uint8_t)facts->id.bytes;
    slice->text_bytes[SLICE_REFUND_REASON] = (uint8_t)facts->reason.bytes;
    char *text = text_put(text_put((char *)(slice + 1), order), facts->payment);
    text_put(text_put(text, facts->id), facts->reason);
}

void ledger_write(const struct ledger *ledger, struct turn *turn, struct event *event,
                  struct text reason)
{
    for (uint32_t i = 0; i < ledger->count; i++)
        if (ledger->entries[i].changed)
            write_payment(ledger, turn, event, &ledger->entries[i], reason);
    if (ledger->refund.id.bytes > 0)
        write_refund(ledger, turn, event, &ledger->refund);
    struct own_id own = {.number = 0};
    for (uint32_t i = 0; i < ledger->opened_count; i++) {
        const struct ledger_refund *opened = &ledger->opened[i];
        struct names names;
        name_entry(&names, ledger, &ledger->entries[opened->entry]);
        const struct refund_facts facts = {.payment = names.id,
                                           .id = next_own_id(ledger, &own),
                                           .reason = text_of(ledger->why),
                                           .amount = opened->amount,
                                           .state = REFUND_REQUESTED,
                                           .asked = ASKED_BY_NOBODY};
        write_refund(ledger, turn, event, &facts);
    }
}
