#include "core/repay.h"

#include "core/answer.h"

/* An amount that was not said can only be told from one that was by what is remembered of it. */
static void refund_again(const struct claim *claim, struct refund_found found)
{
    const struct refund *refund = refund_at(&claim->shard->orders, found.refund);
    bool all = claim->money->amount == MONEY_NOT_SAID;
    bool same =
        found.payment == claim_payment(claim) && (all || claim->money->amount == refund->amount);
    if (refund->asked != ASKED_BY_NOBODY)
        same = same && all == (refund->asked == ASKED_ALL) &&
               text_equals(refund_reason(refund), claim->texts[MONEY_REASON]);
    if (!same) {
        claim_refuse(claim, CODE_KEY_REUSED);
        return;
    }
    struct child_refund *child = claim_answer_refund(claim, CODE_REPLAYED, found);
    if (refund->asked != ASKED_BY_NOBODY)
        child->head.state = REFUND_REQUESTED;
}

/* For a planted bug. */
static bool is_just_paid(const struct claim *claim)
{
    const uint64_t paid_ns = claim->order->timer.deadline_ns; /* no deadline runs */
    return claim->order->state == ORDER_PAID && claim->turn->now_ns - paid_ns < 100 * 1000 * 1000;
}

void repay_create(struct claim *claim)
{
    uint32_t record = claim_payment(claim);
    if (record == 0) {
        claim_refuse_field(claim, CODE_NOT_FOUND, "payment_id");
        return;
    }
    struct refund_found found = claim_refund(claim);
    if (found.refund != 0) {
        refund_again(claim, found);
        return;
    }
    if (claim_is_over(claim))
        return;
    claim_open_entry(claim, record);
    if (claim->shard->options.bug[BUG_STALE_READ] && is_just_paid(claim))
        claim->entry->state = PAYMENT_CREATED;
    if (claim->entry->state != PAYMENT_CAPTURED) {
        claim_refuse_state(claim, CHILD_PAYMENT, claim->entry->state,
                           payment_allowed((enum payment_state)claim->entry->state));
        return;
    }
    if (ledger_is_own_id(claim->texts[MONEY_REFUND])) {
        claim_refuse_field(claim, CODE_INVALID, "refund_id");
        return;
    }
    bool all = claim->money->amount == MONEY_NOT_SAID;
    int64_t kept = ledger_kept_of(claim->entry);
    if (claim->shard->options.bug[BUG_REFUND_UNSEEN])
        kept = claim->entry->captured;
    int64_t amount = all ? kept : claim->money->amount;
    if (amount <= 0 || amount > kept) {
        claim_refuse_field(claim, amount == 0 && !all ? CODE_INVALID : CODE_LIMIT, "amount");
        return;
    }
    claim->refund_is_new = true;
    claim->ledger.refund = (struct refund_facts){.payment = claim->texts[MONEY_PAYMENT],
                                                 .id = claim->texts[MONEY_REFUND],
                                                 .reason = claim->texts[MONEY_REASON],
                                                 .amount = amount,
                                                 .state = REFUND_REQUESTED,
                                                 .asked = all ? ASKED_ALL : ASKED_AMOUNT};
    if (claim_carry_out(claim, EVENT_REFUND_REQUESTED))
        claim_answer_refund(claim, CODE_CREATED, claim_refund(claim));
}

static const struct {
    enum refund_move move;
    enum event_kind event;
} refund_ops[] = {
    [OP_REFUND_PROCESS - OP_REFUND_PROCESS] = {REFUND_PROCESS, EVENT_REFUND_PROCESSING},
    [OP_REFUND_SUCCEED - OP_REFUND_PROCESS] = {REFUND_SUCCEED, EVENT_REFUND_SUCCEEDED},
    [OP_REFUND_FAIL - OP_REFUND_PROCESS] = {REFUND_FAIL, EVENT_REFUND_FAILED},
    [OP_REFUND_LOSE - OP_REFUND_PROCESS] = {REFUND_LOSE, EVENT_REFUND_UNKNOWN},
};

void repay_add(struct ledger_entry *entry, enum refund_state state, int64_t amount)
{
    enum refund_money where = refund_money(state);
    entry->refunds.pending += where == REFUND_PROMISED ? amount : 0;
    entry->refunds.refunded += where == REFUND_PAID ? amount : 0;
}

void repay_change(struct claim *claim, const struct refund *refund, enum refund_state state)
{
    repay_add(claim->entry, (enum refund_state)refund->state, -refund->amount);
    repay_add(claim->entry, state, refund->amount);
    claim->ledger.refund = (struct refund_facts){.payment = claim->texts[MONEY_PAYMENT],
                                                 .id = claim->texts[MONEY_REFUND],
                                                 .reason = refund_reason(refund),
                                                 .amount = refund->amount,
                                                 .state = (uint8_t)state,
                                                 .asked = refund->asked};
}

void repay_move(struct claim *claim)
{
    struct refund_found found = claim_refund(claim);
    if (found.refund == 0 || found.payment != claim_payment(claim)) {
        claim_refuse_field(claim, CODE_NOT_FOUND, found.refund == 0 ? "refund_id" : "payment_id");
        return;
    }
    if (claim_is_over(claim))
        return;
    uint32_t op = claim->money->head.op - OP_REFUND_PROCESS;
    const struct refund *refund = refund_at(&claim->shard->orders, found.refund);
    enum refund_state from = (enum refund_state)refund->state;
    const struct refund_step *step = refund_step(from, refund_ops[op].move, TOLD_BY_ANYBODY);
    if (step == NULL) {
        claim_refuse_state(claim, CHILD_REFUND, refund->state, refund_allowed(from));
        return;
    }
    claim_open_entry(claim, found.payment);
    repay_change(claim, refund, step->to);
    if (claim_carry_out(claim, refund_ops[op].event))
        claim_answer_refund(claim, CODE_OK, found);
}
