#include "core/notice.h"

#include "core/repay.h"

static const struct {
    uint8_t move; /* enum payment_move, or from NOTICE_REFUND_PROCESSING on refund_move */
    enum event_kind event;
} notices[NOTICE_KINDS] = {
    [NOTICE_AUTHORIZED] = {PAYMENT_AUTHORIZE, EVENT_PAYMENT_AUTHORIZED},
    [NOTICE_CAPTURED] = {PAYMENT_CAPTURE, EVENT_PAYMENT_CAPTURED},
    [NOTICE_FAILED] = {PAYMENT_FAIL, EVENT_PAYMENT_FAILED},
    [NOTICE_VOIDED] = {PAYMENT_VOID, EVENT_PAYMENT_VOIDED},
    [NOTICE_UNKNOWN] = {PAYMENT_LOSE, EVENT_PAYMENT_UNKNOWN},
    [NOTICE_REFUND_PROCESSING] = {REFUND_PROCESS, EVENT_REFUND_PROCESSING},
    [NOTICE_REFUND_SUCCEEDED] = {REFUND_SUCCEED, EVENT_REFUND_SUCCEEDED},
    [NOTICE_REFUND_FAILED] = {REFUND_FAIL, EVENT_REFUND_FAILED},
    [NOTICE_REFUND_UNKNOWN] = {REFUND_LOSE, EVENT_REFUND_UNKNOWN},
};

/* The entry of the payment that a notice names, made if need be; false: it has been refused. */
static bool open_noticed(struct claim *claim)
{
    uint32_t record = claim_payment(claim);
    if (record != 0) {
        claim_open_entry(claim, record);
        return true;
    }
    ledger_open(&claim->ledger, &claim->shard->orders, claim->order);
    if (!claim_add_entry(claim))
        return false;
    claim->entry->by_notice = true;
    return true;
}

/* Amounts only grow and states only move forward, so that the same notices lead to the same payment
 * in whatever order, and however often, they come. */
static void note_payment(const struct claim *claim)
{
    struct ledger_entry *entry = claim->entry;
    struct ledger_entry before = *entry;
    uint8_t kind = claim->money->kind;
    int64_t amount = claim->money->amount;
    const struct payment_step *step = payment_step(
        (enum payment_state)entry->state, (enum payment_move)notices[kind].move, TOLD_BY_PROVIDER);
    if (kind == NOTICE_AUTHORIZED || kind == NOTICE_CAPTURED)
        ledger_raise(&entry->authorized, amount);
    if (kind == NOTICE_CAPTURED && claim->shard->options.bug[BUG_NOTICE_ADDS])
        entry->authorized = entry->captured += amount;
    else if (kind == NOTICE_CAPTURED)
        ledger_raise(&entry->captured, amount);
    if (step != NULL)
        entry->state = (uint8_t)step->to;
    entry->changed = entry->changed || entry->state != before.state ||
                     entry->authorized != before.authorized || entry->captured != before.captured;
}

static void answer_notice(const struct claim *claim)
{
    claim_answer(claim, CODE_OK);
}

static void notice_of_payment(struct claim *claim)
{
    if (!open_noticed(claim))
        return;
    note_payment(claim);
    if (!claim->entry->changed || claim_carry_out(claim, notices[claim->money->kind].event))
        answer_notice(claim);
}

/* Money that is refunded has been captured, though nobody has said so yet: it came, and it went. */
static bool take_refund(struct claim *claim, enum refund_state state)
{
    struct ledger_entry *entry = claim->entry;
    int64_t amount = claim->money->amount;
    if (entry->state != PAYMENT_CAPTURED) {
        entry->state = PAYMENT_CAPTURED;
        entry->captured = amount;
        ledger_raise(&entry->authorized, amount);
        entry->changed = true;
        claim->captured_before = state == REFUND_FAILED ? 0 : amount;
    }
    if (amount == 0 || amount > ledger_kept_of(entry))
        return false;
    repay_add(entry, state, amount);
    return true;
}

static void note_new_refund(struct claim *claim)
{
    uint8_t kind = claim->money->kind;
    const struct refund_step *step =
        refund_step(REFUND_REQUESTED, (enum refund_move)notices[kind].move, TOLD_BY_PROVIDER);
    if (ledger_is_own_id(claim->texts[MONEY_REFUND])) {
        claim_refuse_field(claim, CODE_INVALID, "refund_id");
        return;
    }
    if (!open_noticed(claim))
        return;
    if (!take_refund(claim, step->to)) {
        claim_refuse_field(claim, CODE_LIMIT, "amount");
        return;
    }
    claim->refund_is_new = true;
    claim->ledger.refund = (struct refund_facts){.payment = claim->texts[MONEY_PAYMENT],
                                                 .id = claim->texts[MONEY_REFUND],
                                                 .reason = claim->texts[MONEY_REASON],
                                                 .amount = claim->money->amount,
                                                 .state = (uint8_t)step->to,
                                                 .asked = ASKED_BY_NOBODY};
    if (claim_carry_out(claim, notices[kind].event))
        answer_notice(claim);
}

static void notice_of_refund(struct claim *claim)
{
    struct refund_found found = claim_refund(claim);
    if (found.refund == 0) {
        note_new_refund(claim);
        return;
    }
    const struct refund *refund = refund_at(&claim->shard->orders, found.refund);
    if (found.payment != claim_payment(claim) || refund->amount != claim->money->amount) {
        claim_refuse_field(claim, CODE_KEY_REUSED, "refund_id");
        return;
    }
    const struct refund_step *step =
        refund_step((enum refund_state)refund->state,
                    (enum refund_move)notices[claim->money->kind].move, TOLD_BY_PROVIDER);
    if (step == NULL) {
        answer_notice(claim);
        return;
    }
    claim_open_entry(claim, found.payment);
    if (step->from == REFUND_FAILED && refund->amount > ledger_kept_of(claim->entry)) {
        claim_refuse_field(claim, CODE_LIMIT, "amount");
        return;
    }
    repay_change(claim, refund, step->to);
    if (claim_carry_out(claim, notices[claim->money->kind].event))
        answer_notice(claim);
}

/* A notice that changes nothing leaves no trace; one that does is remembered by its provider and its
 * id, as long as that leaves half of the room to those who need theirs. It is taken all the same
 * where it cannot be remembered: coming again, it changes nothing. */
void notice_take(struct claim *claim)
{
    struct request from_provider = *claim->request;
    from_provider.caller = claim->texts[MONEY_METHOD];
    claim->retry = move_retry(claim->turn, &from_provider, claim->texts[MONEY_ORDER],
                              claim->texts[MONEY_KEY], claim_digest(claim->money));
    claim->retry.owner ^= 1; /* in the same slot, apart from what callers say */
    enum move_seen seen = move_seen(claim->shard, &claim->retry);
    if (seen == MOVE_SEEN) {
        claim_answer(claim, CODE_REPLAYED);
        return;
    }
    if (seen == MOVE_SEEN_OTHERWISE) {
        claim_refuse_field(claim, CODE_KEY_REUSED, "notice_id");
        return;
    }
    if (claim->shard->retries.count < claim->shard->retries.count_max / 2)
        claim->cause.retry = &claim->retry;
    if (claim->cause.reason.bytes == 0)
        claim->cause.reason = claim->texts[MONEY_KEY];
    if (claim->money->kind >= NOTICE_REFUND_PROCESSING)
        notice_of_refund(claim);
    else
        notice_of_payment(claim);
}
