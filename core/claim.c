#include "core/claim.h"

#include "core/answer.h"
#include "core/digest.h"

uint64_t claim_digest(const struct order_money *money)
{
    const char *from = (const char *)&money->currency;
    const char *end = (const char *)money + money->head.bytes;
    uint64_t seed = digest(&money->amount, sizeof money->amount, money->head.op);
    return digest(from, (size_t)(end - from), seed);
}

void claim_open(struct claim *claim, struct shard *shard, struct turn *turn,
                const struct request *request)
{
    const struct order_money *money = (const void *)request->command;
    claim->shard = shard;
    claim->turn = turn;
    claim->request = request;
    claim->money = money;
    for (uint32_t i = 0; i < MONEY_TEXTS; i++)
        claim->texts[i] = order_money_text(money, i);
    claim->cause = (struct cause){.by = request->caller, .reason = claim->texts[MONEY_REASON]};
    claim->entry = NULL;
    claim->captured_before = 0;
    claim->state_before = 0;
    claim->refund_is_new = false;
}

bool claim_add_entry(struct claim *claim)
{
    claim->entry =
        ledger_add(&claim->ledger, claim->texts[MONEY_PAYMENT], claim->texts[MONEY_METHOD]);
    if (claim->entry == NULL) {
        claim_refuse_field(claim, CODE_LIMIT, "payment_id");
        return false;
    }
    claim->entry->amount = claim->money->amount;
    return true;
}

void claim_open_entry(struct claim *claim, uint32_t payment)
{
    ledger_open(&claim->ledger, &claim->shard->orders, claim->order);
    claim->entry = ledger_entry(&claim->ledger, payment);
    claim->captured_before = claim->entry->captured;
    claim->state_before = claim->entry->state;
}

bool claim_is_over(struct claim *claim)
{
    struct text key = claim->texts[MONEY_KEY];
    if (key.bytes > 0) {
        claim->retry = move_retry(claim->turn, claim->request, claim->texts[MONEY_ORDER], key,
                                  claim_digest(claim->money));
        claim->cause.retry = &claim->retry;
        enum move_seen seen = move_seen(claim->shard, &claim->retry);
        if (seen == MOVE_SEEN)
            claim_answer(claim, CODE_REPLAYED);
        if (seen == MOVE_SEEN_OTHERWISE)
            claim_refuse(claim, CODE_KEY_REUSED);
        if (seen != MOVE_NEW)
            return true;
    }
    bool too_old = is_too_old(claim->shard, claim->turn, claim->money->issued_at_ns);
    if (too_old)
        claim_refuse(claim, CODE_EXPIRED_REQUEST);
    return too_old;
}

/* ---- answers ------------------------------------------------------------------------------------ */

void claim_refuse(const struct claim *claim, enum code code)
{
    answer_plain(claim->shard, claim->turn, claim->request, code);
}

void claim_refuse_field(const struct claim *claim, enum code code, const char *field)
{
    answer_fault(claim->shard, claim->turn, claim->request, code, field, 0);
}

void claim_refuse_state(const struct claim *claim, enum child_kind child, uint8_t state,
                        uint32_t allowed)
{
    answer_child_state(claim->shard, claim->turn, claim->request, child, state, allowed);
}

void *claim_begin_answer(const struct claim *claim, enum code code, uint32_t child_count,
                         uint32_t child_bytes)
{
    return answer_children(claim->shard, claim->turn, claim->request, code, claim->order,
                           child_count, child_bytes);
}

void claim_answer_payment(const struct claim *claim, enum code code, uint32_t record)
{
    const struct orders *orders = &claim->shard->orders;
    const struct payment *payment = payment_at(orders, record);
    uint32_t bytes = payment_answer_bytes(payment);
    uint32_t count = 1;
    for (uint32_t at = payment->refunds; at != 0; at = refund_at(orders, at)->next, count++)
        bytes += refund_answer_bytes(refund_at(orders, at));
    void *out = claim_begin_answer(claim, code, count, bytes);
    out = payment_answer(orders, payment, out);
    for (uint32_t at = payment->refunds; at != 0; at = refund_at(orders, at)->next)
        out = refund_answer(refund_at(orders, at), out);
}

struct child_refund *claim_answer_refund(const struct claim *claim, enum code code,
                                         struct refund_found found)
{
    const struct orders *orders = &claim->shard->orders;
    const struct payment *payment = payment_at(orders, found.payment);
    const struct refund *refund = refund_at(orders, found.refund);
    void *out = claim_begin_answer(claim, code, 2,
                                   payment_answer_bytes(payment) + refund_answer_bytes(refund));
    struct child_refund *child = payment_answer(orders, payment, out);
    refund_answer(refund, child);
    return child;
}

uint32_t claim_payment(const struct claim *claim)
{
    return payment_find(&claim->shard->orders, claim->order, claim->texts[MONEY_PAYMENT]);
}

struct refund_found claim_refund(const struct claim *claim)
{
    return refund_find(&claim->shard->orders, claim->order, claim->texts[MONEY_REFUND]);
}

void claim_answer(const struct claim *claim, enum code code)
{
    if (claim->texts[MONEY_REFUND].bytes > 0)
        claim_answer_refund(claim, code, claim_refund(claim));
    else
        claim_answer_payment(claim, code, claim_payment(claim));
}

/* ---- what it means for the order ---------------------------------------------------------------- */

static bool is_open(const struct ledger_entry *entry)
{
    return payment_state_is_open((enum payment_state)entry->state);
}

/* Money that comes when the order has ended goes back, and nothing is left authorized. */
static void turn_away(struct claim *claim)
{
    struct ledger_entry *entry = claim->entry;
    if (entry->state == PAYMENT_AUTHORIZED) {
        entry->state = PAYMENT_VOIDED;
        entry->changed = true;
    }
    ledger_give_back(&claim->ledger, entry, entry->captured - claim->captured_before,
                     "late_payment");
}

/* NULL: the order stays in its state. */
static const struct order_step *order_moves(const struct claim *claim)
{
    enum order_state state = (enum order_state)claim->order->state;
    const struct ledger *ledger = &claim->ledger;
    if (ledger_covers(ledger, order_total(&claim->shard->orders, claim->order)))
        return order_step(state, MOVE_PAY); /* also by a refund that has failed: the money stays */
    if (claim->entry->state == claim->state_before &&
        claim->entry->captured == claim->captured_before)
        return NULL;
    if (is_open(claim->entry))
        return order_step(state, MOVE_PAY_AGAIN);
    if (claim->entry->state == PAYMENT_FAILED && !ledger_has_open(ledger))
        return order_step(state, MOVE_PAYMENT_FAIL);
    return NULL;
}

/* Too much has been paid: what is too much goes back. */
static void settle(struct claim *claim)
{
    int64_t came = claim->entry->captured - claim->captured_before;
    if (order_state_is_terminal((enum order_state)claim->order->state)) {
        if (!claim->shard->options.bug[BUG_LATE_MONEY_KEPT])
            turn_away(claim);
    } else if (came > 0 && !claim->shard->options.bug[BUG_OVER_PAYMENT_KEPT]) {
        int64_t over = ledger_kept(&claim->ledger) - order_due(&claim->shard->orders, claim->order);
        ledger_give_back_any(&claim->ledger, claim->entry, over, "over_payment");
    }
}

/* CODE_OK, or what is in the way of writing it. */
static enum code has_room(const struct claim *claim)
{
    struct shard *shard = claim->shard;
    uint32_t refunds_max = REFUNDS_MAX - PAYMENTS_MAX;
    uint64_t bytes = ledger_room(&claim->ledger) + order_more_room(claim->order);
    if (order_state_is_terminal((enum order_state)claim->order->state))
        refunds_max = REFUNDS_MAX;
    if (claim->refund_is_new) {
        bytes += refund_room(claim->ledger.refund.id, claim->ledger.refund.reason);
        if (claim->ledger.refund_count >= refunds_max)
            return CODE_LIMIT;
    }
    if (!ledger_refunds_fit(&claim->ledger, refunds_max))
        return CODE_LIMIT;
    if ((claim->cause.retry != NULL && !retries_have_room(&shard->retries)) ||
        !orders_have_bytes(&shard->orders, bytes) ||
        !orders_know_caller(&shard->orders, claim->request->caller))
        return CODE_FULL;
    return CODE_OK;
}

/* True: what it comes to cannot be written, and it has been refused. */
static bool is_refused(struct claim *claim)
{
    if (!ledger_adds_up(&claim->ledger)) {
        claim_refuse_field(claim, CODE_OVERFLOW, "amount");
        return true;
    }
    settle(claim);
    enum code code = has_room(claim);
    if (code == CODE_LIMIT)
        claim_refuse_field(claim, code, "refunds"); /* as many as an order may have */
    else if (code != CODE_OK)
        claim_refuse(claim, code);
    return code != CODE_OK;
}

bool claim_carry_out(struct claim *claim, enum event_kind kind)
{
    if (is_refused(claim))
        return false;
    struct turn *turn = claim->turn;
    const struct order_step *step = order_moves(claim);
    if (claim->money->head.op == OP_PAYMENT_NOTICE)
        claim->ledger.told_ns = claim->ledger.refund.told_ns = claim->money->issued_at_ns;
    struct event *event = move_event(claim->shard, turn, claim->order, kind, &claim->cause);
    ledger_write(&claim->ledger, turn, event, claim->cause.reason);
    if (step != NULL) {
        uint64_t deadline_ns = step->to == ORDER_PAID ? 0 : order_deadline_ns(claim->order);
        move_add_step(turn, event, claim->order, step, deadline_ns, &claim->cause);
    }
    move_add_retry(turn, event, claim->cause.retry);
    if (step != NULL)
        move_add_stock(claim->shard, turn, event, claim->order, step->stock);
    shard_apply(claim->shard, turn, event);
    return true;
}
