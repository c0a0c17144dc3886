#include "core/money.h"

#include "core/answer.h"
#include "core/claim.h"
#include "core/notice.h"
#include "core/repay.h"

/* The first answer to a create again: as it was, and not as it has become. */
static void answer_created_again(const struct claim *claim, const struct payment *payment)
{
    struct child_payment *child =
        claim_begin_answer(claim, CODE_REPLAYED, 1, payment_answer_bytes(payment));
    payment_answer(&claim->shard->orders, payment, child);
    child->head.state = PAYMENT_CREATED;
    child->authorized = child->captured = child->refund_pending = child->refunded = 0;
}

static void create_again(const struct claim *claim, const struct payment *payment)
{
    char at[ID_BYTES_MAX];
    if (payment->amount == claim->money->amount &&
        text_equals(payment_method(payment, at), claim->texts[MONEY_METHOD]))
        answer_created_again(claim, payment);
    else
        claim_refuse(claim, CODE_KEY_REUSED);
}

/* Its provider has spoken of it before whoever made it: it is the same payment. */
static void adopt(struct claim *claim, uint32_t record)
{
    claim_open_entry(claim, record);
    claim->ledger.id = claim->texts[MONEY_PAYMENT];
    claim->ledger.method = claim->texts[MONEY_METHOD];
    claim->entry->amount = claim->money->amount;
    claim->entry->by_notice = false;
    claim->entry->renamed = true;
    claim->entry->changed = true;
    if (claim_carry_out(claim, EVENT_PAYMENT_CREATED))
        claim_answer_payment(claim, CODE_CREATED, claim_payment(claim));
}

/* Whether all that is to be paid has been paid, or will be if the open payments go well: one more
 * would charge the buyer twice. */
static bool is_covered(const struct claim *claim)
{
    int64_t total = order_total(&claim->shard->orders, claim->order);
    int64_t due = total - ledger_kept(&claim->ledger);
    return ledger_expected(&claim->ledger) >= due;
}

static void create_new(struct claim *claim)
{
    enum order_state state = (enum order_state)claim->order->state;
    if (state != ORDER_PENDING_PAYMENT && state != ORDER_PAYMENT_FAILED) {
        move_answer_state(claim->shard, claim->turn, claim->request, claim->order);
        return;
    }
    ledger_open(&claim->ledger, &claim->shard->orders, claim->order);
    if (is_covered(claim) && !claim->shard->options.bug[BUG_PAID_AGAIN]) {
        claim_refuse_field(claim, CODE_LIMIT, "amount");
        return;
    }
    if (!claim_add_entry(claim))
        return;
    if (claim_carry_out(claim, EVENT_PAYMENT_CREATED))
        claim_answer_payment(claim, CODE_CREATED, claim_payment(claim));
}

static bool currency_fits(const struct claim *claim)
{
    return claim->money->currency == 0 || claim->money->currency == order_currency(claim->order);
}

static void create(struct claim *claim)
{
    uint32_t record = claim_payment(claim);
    const struct payment *known = record != 0 ? payment_at(&claim->shard->orders, record) : NULL;
    if (known != NULL && !known->by_notice)
        create_again(claim, known);
    else if (is_too_old(claim->shard, claim->turn, claim->money->issued_at_ns))
        claim_refuse(claim, CODE_EXPIRED_REQUEST);
    else if (known != NULL)
        adopt(claim, record);
    else
        create_new(claim);
}

static const struct {
    enum payment_move move;
    enum event_kind event;
} payment_ops[] = {
    [OP_PAYMENT_AUTHORIZE - OP_PAYMENT_AUTHORIZE] = {PAYMENT_AUTHORIZE, EVENT_PAYMENT_AUTHORIZED},
    [OP_PAYMENT_CAPTURE - OP_PAYMENT_AUTHORIZE] = {PAYMENT_CAPTURE, EVENT_PAYMENT_CAPTURED},
    [OP_PAYMENT_FAIL - OP_PAYMENT_AUTHORIZE] = {PAYMENT_FAIL, EVENT_PAYMENT_FAILED},
    [OP_PAYMENT_VOID - OP_PAYMENT_AUTHORIZE] = {PAYMENT_VOID, EVENT_PAYMENT_VOIDED},
    [OP_PAYMENT_LOSE - OP_PAYMENT_AUTHORIZE] = {PAYMENT_LOSE, EVENT_PAYMENT_UNKNOWN},
};

/* False: more than there is, or nothing of something. */
static bool take_amount(const struct claim *claim, const struct payment_step *step)
{
    struct ledger_entry *entry = claim->entry;
    int64_t most = step->from == PAYMENT_AUTHORIZED ? entry->authorized : entry->amount;
    int64_t amount = claim->money->amount != MONEY_NOT_SAID ? claim->money->amount : most;
    if (amount > most || (amount == 0 && most > 0))
        return false;
    ledger_raise(&entry->authorized, amount);
    if (step->to == PAYMENT_CAPTURED)
        entry->captured = amount;
    return true;
}

static void move_payment(struct claim *claim)
{
    uint32_t record = claim_payment(claim);
    if (record == 0) {
        claim_refuse_field(claim, CODE_NOT_FOUND, "payment_id");
        return;
    }
    if (claim_is_over(claim))
        return;
    uint32_t op = claim->money->head.op - OP_PAYMENT_AUTHORIZE;
    claim_open_entry(claim, record);
    enum payment_state from = (enum payment_state)claim->entry->state;
    const struct payment_step *step = payment_step(from, payment_ops[op].move, TOLD_BY_ANYBODY);
    if (step == NULL) {
        claim_refuse_state(claim, CHILD_PAYMENT, claim->entry->state, payment_allowed(from));
        return;
    }
    bool has_amount = step->to == PAYMENT_AUTHORIZED || step->to == PAYMENT_CAPTURED;
    if (has_amount && !take_amount(claim, step)) {
        claim_refuse_field(claim, CODE_LIMIT, "amount");
        return;
    }
    claim->entry->state = (uint8_t)step->to;
    claim->entry->changed = true;
    if (claim_carry_out(claim, payment_ops[op].event))
        claim_answer_payment(claim, CODE_OK, record);
}

/* ---- what comes in ------------------------------------------------------------------------------ */

static void get(const struct claim *claim)
{
    uint32_t record = claim_payment(claim);
    if (record != 0)
        claim_answer_payment(claim, CODE_OK, record);
    else
        claim_refuse_field(claim, CODE_NOT_FOUND, "payment_id");
}

void money_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct claim claim;
    claim_open(&claim, shard, turn, request);
    uint32_t record = order_find_whole(&shard->orders, claim.texts[MONEY_ORDER],
                                       key_hash(claim.texts[MONEY_ORDER]));
    if (record == 0) {
        claim_refuse_field(&claim, CODE_NOT_FOUND, "order_id");
        return;
    }
    claim.order = order_at(&shard->orders, record);
    uint32_t op = request->command->op;
    if (!currency_fits(&claim))
        claim_refuse_field(&claim, CODE_CURRENCY_MISMATCH, "currency");
    else if (op == OP_PAYMENT_CREATE)
        create(&claim);
    else if (op == OP_PAYMENT_GET)
        get(&claim);
    else if (op == OP_PAYMENT_NOTICE)
        notice_take(&claim);
    else if (op == OP_REFUND_CREATE)
        repay_create(&claim);
    else if (op > OP_REFUND_CREATE)
        repay_move(&claim);
    else
        move_payment(&claim);
}
