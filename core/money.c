#include "core/money.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"
#include "core/ledger.h"
#include "core/move.h"

/* ---- a request, taken apart -------------------------------------------------------------------- */

struct deal {
    struct shard *shard;
    struct turn *turn;
    const struct request *request;
    const struct order_money *money;
    const struct order *order;
    struct text texts[MONEY_TEXTS];
    struct cause cause;
    struct slice_retry retry;
    struct ledger ledger;
    struct ledger_entry *entry; /* the payment that it is about */
    int64_t captured_before;    /* of the entry */
    uint8_t state_before;       /* likewise; 0: it comes to be */
    bool refund_is_new;
};

/* Of all that says what is asked, and not of when. */
static uint64_t digest_of(const struct order_money *money)
{
    const char *from = (const char *)&money->currency;
    const char *end = (const char *)money + money->head.bytes;
    uint64_t seed = digest(&money->amount, sizeof money->amount, money->head.op);
    return digest(from, (size_t)(end - from), seed);
}

static void take_apart(struct deal *deal, struct shard *shard, struct turn *turn,
                       const struct request *request)
{
    const struct order_money *money = (const void *)request->command;
    deal->shard = shard;
    deal->turn = turn;
    deal->request = request;
    deal->money = money;
    for (uint32_t i = 0; i < MONEY_TEXTS; i++)
        deal->texts[i] = order_money_text(money, i);
    deal->cause = (struct cause){.by = request->caller, .reason = deal->texts[MONEY_REASON]};
    deal->entry = NULL;
    deal->captured_before = 0;
    deal->state_before = 0;
    deal->refund_is_new = false;
}

/* ---- answers ----------------------------------------------------------------------------------- */

static void refuse(const struct deal *deal, enum code code)
{
    answer_plain(deal->shard, deal->turn, deal->request, code);
}

static void refuse_field(const struct deal *deal, enum code code, const char *field)
{
    answer_fault(deal->shard, deal->turn, deal->request, code, field, 0);
}

static void refuse_state(const struct deal *deal, enum child_kind child, uint8_t state,
                         uint32_t allowed)
{
    answer_child_state(deal->shard, deal->turn, deal->request, child, state, allowed);
}

/* The head of an answer whose children take so many bytes; returns where they go. */
static void *begin_answer(const struct deal *deal, enum code code, uint32_t child_count,
                          uint32_t child_bytes)
{
    return answer_children(deal->shard, deal->turn, deal->request, code, deal->order, child_count,
                           child_bytes);
}

/* The payment and all its refunds. */
static void answer_payment(const struct deal *deal, enum code code, uint32_t record)
{
    const struct orders *orders = &deal->shard->orders;
    const struct payment *payment = payment_at(orders, record);
    uint32_t bytes = payment_answer_bytes(payment);
    uint32_t count = 1;
    for (uint32_t at = payment->refunds; at != 0; at = refund_at(orders, at)->next, count++)
        bytes += refund_answer_bytes(refund_at(orders, at));
    void *out = begin_answer(deal, code, count, bytes);
    out = payment_answer(orders, payment, out);
    for (uint32_t at = payment->refunds; at != 0; at = refund_at(orders, at)->next)
        out = refund_answer(refund_at(orders, at), out);
}

/* The payment, and one refund of it. */
static struct child_refund *answer_refund(const struct deal *deal, enum code code,
                                          struct refund_found found)
{
    const struct orders *orders = &deal->shard->orders;
    const struct payment *payment = payment_at(orders, found.payment);
    const struct refund *refund = refund_at(orders, found.refund);
    void *out =
        begin_answer(deal, code, 2, payment_answer_bytes(payment) + refund_answer_bytes(refund));
    struct child_refund *child = payment_answer(orders, payment, out);
    refund_answer(refund, child);
    return child;
}

static uint32_t find_payment(const struct deal *deal)
{
    return payment_find(&deal->shard->orders, deal->order, deal->texts[MONEY_PAYMENT]);
}

static struct refund_found find_refund(const struct deal *deal)
{
    return refund_find(&deal->shard->orders, deal->order, deal->texts[MONEY_REFUND]);
}

/* What it is about, as it stands now. */
static void answer_child(const struct deal *deal, enum code code)
{
    if (deal->texts[MONEY_REFUND].bytes > 0)
        answer_refund(deal, code, find_refund(deal));
    else
        answer_payment(deal, code, find_payment(deal));
}

/* ---- what it means for the order --------------------------------------------------------------- */

static bool is_open(const struct ledger_entry *entry)
{
    return payment_state_is_open((enum payment_state)entry->state);
}

/* Money that comes when the order has ended goes back, and nothing is left authorized. */
static void turn_away(struct deal *deal)
{
    struct ledger_entry *entry = deal->entry;
    if (entry->state == PAYMENT_AUTHORIZED) {
        entry->state = PAYMENT_VOIDED;
        entry->changed = true;
    }
    ledger_give_back(&deal->ledger, entry, entry->captured - deal->captured_before, "late_payment");
}

/* NULL: the order stays in its state. */
static const struct order_step *order_moves(const struct deal *deal)
{
    enum order_state state = (enum order_state)deal->order->state;
    const struct ledger *ledger = &deal->ledger;
    if (ledger_covers(ledger, order_total(&deal->shard->orders, deal->order)))
        return order_step(state, MOVE_PAY); /* also by a refund that has failed: the money stays */
    if (deal->entry->state == deal->state_before && deal->entry->captured == deal->captured_before)
        return NULL;
    if (is_open(deal->entry))
        return order_step(state, MOVE_PAY_AGAIN);
    if (deal->entry->state == PAYMENT_FAILED && !ledger_has_open(ledger))
        return order_step(state, MOVE_PAYMENT_FAIL);
    return NULL;
}

/* Too much has been paid: what is too much goes back. */
static void settle(struct deal *deal)
{
    int64_t came = deal->entry->captured - deal->captured_before;
    if (order_state_is_terminal((enum order_state)deal->order->state)) {
        if (!deal->shard->options.bug[BUG_LATE_MONEY_KEPT])
            turn_away(deal);
    } else if (came > 0 && !deal->shard->options.bug[BUG_OVER_PAYMENT_KEPT]) {
        int64_t over = ledger_kept(&deal->ledger) - order_due(&deal->shard->orders, deal->order);
        ledger_give_back_any(&deal->ledger, deal->entry, over, "over_payment");
    }
}

/* CODE_OK, or what is in the way of writing it. */
static enum code has_room(const struct deal *deal)
{
    struct shard *shard = deal->shard;
    uint32_t refunds_max = REFUNDS_MAX - PAYMENTS_MAX;
    uint64_t bytes = ledger_room(&deal->ledger) + order_more_room(deal->order);
    if (order_state_is_terminal((enum order_state)deal->order->state))
        refunds_max = REFUNDS_MAX;
    if (deal->refund_is_new) {
        bytes += refund_room(deal->ledger.refund.id, deal->ledger.refund.reason);
        if (deal->ledger.refund_count >= refunds_max)
            return CODE_LIMIT;
    }
    if (!ledger_refunds_fit(&deal->ledger, refunds_max))
        return CODE_LIMIT;
    if ((deal->cause.retry != NULL && !retries_have_room(&shard->retries)) ||
        !orders_have_bytes(&shard->orders, bytes) ||
        !orders_know_caller(&shard->orders, deal->request->caller))
        return CODE_FULL;
    return CODE_OK;
}

/* True: what it comes to cannot be written, and it has been refused. */
static bool is_refused(struct deal *deal)
{
    if (!ledger_adds_up(&deal->ledger)) {
        refuse_field(deal, CODE_OVERFLOW, "amount");
        return true;
    }
    settle(deal);
    enum code code = has_room(deal);
    if (code == CODE_LIMIT)
        refuse_field(deal, code, "refunds"); /* as many as an order may have */
    else if (code != CODE_OK)
        refuse(deal, code);
    return code != CODE_OK;
}

/* False: it has been refused. */
static bool carry_out(struct deal *deal, enum event_kind kind)
{
    if (is_refused(deal))
        return false;
    struct turn *turn = deal->turn;
    const struct order_step *step = order_moves(deal);
    if (deal->money->head.op == OP_PAYMENT_NOTICE)
        deal->ledger.told_ns = deal->ledger.refund.told_ns = deal->money->issued_at_ns;
    struct event *event = move_event(deal->shard, turn, deal->order, kind, &deal->cause);
    ledger_write(&deal->ledger, turn, event, deal->cause.reason);
    if (step != NULL) {
        uint64_t deadline_ns = step->to == ORDER_PAID ? 0 : order_deadline_ns(deal->order);
        move_add_step(turn, event, deal->order, step, deadline_ns, &deal->cause);
    }
    move_add_retry(turn, event, deal->cause.retry);
    if (step != NULL)
        move_add_stock(deal->shard, turn, event, deal->order, step->stock);
    shard_apply(deal->shard, turn, event);
    return true;
}

/* ---- payments ---------------------------------------------------------------------------------- */

static void open_entry(struct deal *deal, uint32_t payment)
{
    ledger_open(&deal->ledger, &deal->shard->orders, deal->order);
    deal->entry = ledger_entry(&deal->ledger, payment);
    deal->captured_before = deal->entry->captured;
    deal->state_before = deal->entry->state;
}

static bool same_text(struct text a, struct text b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}

/* The first answer to a create again: as it was, and not as it has become. */
static void answer_created_again(const struct deal *deal, const struct payment *payment)
{
    struct child_payment *child =
        begin_answer(deal, CODE_REPLAYED, 1, payment_answer_bytes(payment));
    payment_answer(&deal->shard->orders, payment, child);
    child->head.state = PAYMENT_CREATED;
    child->authorized = child->captured = child->refund_pending = child->refunded = 0;
}

static void create_again(const struct deal *deal, const struct payment *payment)
{
    char at[ID_BYTES_MAX];
    if (payment->amount == deal->money->amount &&
        same_text(payment_method(payment, at), deal->texts[MONEY_METHOD]))
        answer_created_again(deal, payment);
    else
        refuse(deal, CODE_KEY_REUSED);
}

/* Its provider has spoken of it before whoever made it: it is the same payment. */
static void adopt(struct deal *deal, uint32_t record)
{
    open_entry(deal, record);
    deal->ledger.id = deal->texts[MONEY_PAYMENT];
    deal->ledger.method = deal->texts[MONEY_METHOD];
    deal->entry->amount = deal->money->amount;
    deal->entry->by_notice = false;
    deal->entry->renamed = true;
    deal->entry->changed = true;
    if (carry_out(deal, EVENT_PAYMENT_CREATED))
        answer_payment(deal, CODE_CREATED, find_payment(deal));
}

/* Whether all that is to be paid has been paid, or will be if the open payments go well: one more
 * would charge the buyer twice. */
static bool is_covered(const struct deal *deal)
{
    int64_t total = order_total(&deal->shard->orders, deal->order);
    int64_t due = total - ledger_kept(&deal->ledger);
    return ledger_expected(&deal->ledger) >= due;
}

static void create_new(struct deal *deal)
{
    enum order_state state = (enum order_state)deal->order->state;
    if (state != ORDER_PENDING_PAYMENT && state != ORDER_PAYMENT_FAILED) {
        move_answer_state(deal->shard, deal->turn, deal->request, deal->order);
        return;
    }
    ledger_open(&deal->ledger, &deal->shard->orders, deal->order);
    if (is_covered(deal) && !deal->shard->options.bug[BUG_PAID_AGAIN]) {
        refuse_field(deal, CODE_LIMIT, "amount");
        return;
    }
    deal->entry = ledger_add(&deal->ledger, deal->texts[MONEY_PAYMENT], deal->texts[MONEY_METHOD]);
    if (deal->entry == NULL) {
        refuse_field(deal, CODE_LIMIT, "payment_id");
        return;
    }
    deal->entry->amount = deal->money->amount;
    if (carry_out(deal, EVENT_PAYMENT_CREATED))
        answer_payment(deal, CODE_CREATED, find_payment(deal));
}

static bool currency_fits(const struct deal *deal)
{
    return deal->money->currency == 0 || deal->money->currency == order_currency(deal->order);
}

static void create(struct deal *deal)
{
    uint32_t record = find_payment(deal);
    const struct payment *known = record != 0 ? payment_at(&deal->shard->orders, record) : NULL;
    if (known != NULL && !known->by_notice)
        create_again(deal, known);
    else if (is_too_old(deal->shard, deal->turn, deal->money->issued_at_ns))
        refuse(deal, CODE_EXPIRED_REQUEST);
    else if (known != NULL)
        adopt(deal, record);
    else
        create_new(deal);
}

/* True: it is a retry and has been answered, or it comes too late. */
static bool is_over(struct deal *deal)
{
    struct text key = deal->texts[MONEY_KEY];
    if (key.bytes > 0) {
        deal->retry = move_retry(deal->turn, deal->request, deal->texts[MONEY_ORDER], key,
                                 digest_of(deal->money));
        deal->cause.retry = &deal->retry;
        enum move_seen seen = move_seen(deal->shard, &deal->retry);
        if (seen == MOVE_SEEN)
            answer_child(deal, CODE_REPLAYED);
        if (seen == MOVE_SEEN_OTHERWISE)
            refuse(deal, CODE_KEY_REUSED);
        if (seen != MOVE_NEW)
            return true;
    }
    bool too_old = is_too_old(deal->shard, deal->turn, deal->money->issued_at_ns);
    if (too_old)
        refuse(deal, CODE_EXPIRED_REQUEST);
    return too_old;
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

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* False: more than there is, or nothing of something. */
static bool take_amount(const struct deal *deal, const struct payment_step *step)
{
    struct ledger_entry *entry = deal->entry;
    int64_t most = step->from == PAYMENT_AUTHORIZED ? entry->authorized : entry->amount;
    int64_t amount = deal->money->amount != MONEY_NOT_SAID ? deal->money->amount : most;
    if (amount > most || (amount == 0 && most > 0))
        return false;
    entry->authorized = larger(entry->authorized, amount);
    if (step->to == PAYMENT_CAPTURED)
        entry->captured = amount;
    return true;
}

static void move_payment(struct deal *deal)
{
    uint32_t record = find_payment(deal);
    if (record == 0) {
        refuse_field(deal, CODE_NOT_FOUND, "payment_id");
        return;
    }
    if (is_over(deal))
        return;
    uint32_t op = deal->money->head.op - OP_PAYMENT_AUTHORIZE;
    open_entry(deal, record);
    enum payment_state from = (enum payment_state)deal->entry->state;
    const struct payment_step *step = payment_step(from, payment_ops[op].move, TOLD_BY_ANYBODY);
    if (step == NULL) {
        refuse_state(deal, CHILD_PAYMENT, deal->entry->state, payment_allowed(from));
        return;
    }
    bool has_amount = step->to == PAYMENT_AUTHORIZED || step->to == PAYMENT_CAPTURED;
    if (has_amount && !take_amount(deal, step)) {
        refuse_field(deal, CODE_LIMIT, "amount");
        return;
    }
    deal->entry->state = (uint8_t)step->to;
    deal->entry->changed = true;
    if (carry_out(deal, payment_ops[op].event))
        answer_payment(deal, CODE_OK, record);
}

/* ---- refunds ----------------------------------------------------------------------------------- */

/* An amount that was not said can only be told from one that was by what is remembered of it. */
static void refund_again(const struct deal *deal, struct refund_found found)
{
    const struct refund *refund = refund_at(&deal->shard->orders, found.refund);
    bool all = deal->money->amount == MONEY_NOT_SAID;
    bool same =
        found.payment == find_payment(deal) && (all || deal->money->amount == refund->amount);
    if (refund->asked != ASKED_BY_NOBODY)
        same = same && all == (refund->asked == ASKED_ALL) &&
               same_text(refund_reason(refund), deal->texts[MONEY_REASON]);
    if (!same) {
        refuse(deal, CODE_KEY_REUSED);
        return;
    }
    struct child_refund *child = answer_refund(deal, CODE_REPLAYED, found);
    if (refund->asked != ASKED_BY_NOBODY)
        child->head.state = REFUND_REQUESTED;
}

/* For a planted bug. */
static bool is_just_paid(const struct deal *deal)
{
    const uint64_t paid_ns = deal->order->timer.deadline_ns; /* no deadline runs */
    return deal->order->state == ORDER_PAID && deal->turn->now_ns - paid_ns < 100 * 1000 * 1000;
}

static void create_refund(struct deal *deal)
{
    uint32_t record = find_payment(deal);
    if (record == 0) {
        refuse_field(deal, CODE_NOT_FOUND, "payment_id");
        return;
    }
    struct refund_found found = find_refund(deal);
    if (found.refund != 0) {
        refund_again(deal, found);
        return;
    }
    if (is_over(deal))
        return;
    open_entry(deal, record);
    if (deal->shard->options.bug[BUG_STALE_READ] && is_just_paid(deal))
        deal->entry->state = PAYMENT_CREATED;
    if (deal->entry->state != PAYMENT_CAPTURED) {
        refuse_state(deal, CHILD_PAYMENT, deal->entry->state,
                     payment_allowed((enum payment_state)deal->entry->state));
        return;
    }
    if (ledger_is_own_id(deal->texts[MONEY_REFUND])) {
        refuse_field(deal, CODE_INVALID, "refund_id");
        return;
    }
    bool all = deal->money->amount == MONEY_NOT_SAID;
    int64_t kept = ledger_kept_of(deal->entry);
    if (deal->shard->options.bug[BUG_REFUND_UNSEEN])
        kept = deal->entry->captured;
    int64_t amount = all ? kept : deal->money->amount;
    if (amount <= 0 || amount > kept) {
        refuse_field(deal, amount == 0 && !all ? CODE_INVALID : CODE_LIMIT, "amount");
        return;
    }
    deal->refund_is_new = true;
    deal->ledger.refund = (struct refund_facts){.payment = deal->texts[MONEY_PAYMENT],
                                                .id = deal->texts[MONEY_REFUND],
                                                .reason = deal->texts[MONEY_REASON],
                                                .amount = amount,
                                                .state = REFUND_REQUESTED,
                                                .asked = all ? ASKED_ALL : ASKED_AMOUNT};
    if (carry_out(deal, EVENT_REFUND_REQUESTED))
        answer_refund(deal, CODE_CREATED, find_refund(deal));
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

static void add_refund(struct ledger_entry *entry, enum refund_state state, int64_t amount)
{
    enum refund_money where = refund_money(state);
    entry->refunds.pending += where == REFUND_PROMISED ? amount : 0;
    entry->refunds.refunded += where == REFUND_PAID ? amount : 0;
}

/* The refund as it will be, and with it its payment's sums; its texts as they are. */
static void change_refund(struct deal *deal, const struct refund *refund, enum refund_state state)
{
    add_refund(deal->entry, (enum refund_state)refund->state, -refund->amount);
    add_refund(deal->entry, state, refund->amount);
    deal->ledger.refund = (struct refund_facts){.payment = deal->texts[MONEY_PAYMENT],
                                                .id = deal->texts[MONEY_REFUND],
                                                .reason = refund_reason(refund),
                                                .amount = refund->amount,
                                                .state = (uint8_t)state,
                                                .asked = refund->asked};
}

static void move_refund(struct deal *deal)
{
    struct refund_found found = find_refund(deal);
    if (found.refund == 0 || found.payment != find_payment(deal)) {
        refuse_field(deal, CODE_NOT_FOUND, found.refund == 0 ? "refund_id" : "payment_id");
        return;
    }
    if (is_over(deal))
        return;
    uint32_t op = deal->money->head.op - OP_REFUND_PROCESS;
    const struct refund *refund = refund_at(&deal->shard->orders, found.refund);
    enum refund_state from = (enum refund_state)refund->state;
    const struct refund_step *step = refund_step(from, refund_ops[op].move, TOLD_BY_ANYBODY);
    if (step == NULL) {
        refuse_state(deal, CHILD_REFUND, refund->state, refund_allowed(from));
        return;
    }
    open_entry(deal, found.payment);
    change_refund(deal, refund, step->to);
    if (carry_out(deal, refund_ops[op].event))
        answer_refund(deal, CODE_OK, found);
}

/* ---- notices ----------------------------------------------------------------------------------- */

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
static bool open_noticed(struct deal *deal)
{
    uint32_t record = find_payment(deal);
    if (record != 0) {
        open_entry(deal, record);
        return true;
    }
    ledger_open(&deal->ledger, &deal->shard->orders, deal->order);
    deal->entry = ledger_add(&deal->ledger, deal->texts[MONEY_PAYMENT], deal->texts[MONEY_METHOD]);
    if (deal->entry == NULL) {
        refuse_field(deal, CODE_LIMIT, "payment_id");
        return false;
    }
    deal->entry->amount = deal->money->amount;
    deal->entry->by_notice = true;
    return true;
}

/* Amounts only grow and states only move forward, so that the same notices lead to the same payment
 * in whatever order, and however often, they come. */
static void note_payment(const struct deal *deal)
{
    struct ledger_entry *entry = deal->entry;
    struct ledger_entry before = *entry;
    uint8_t kind = deal->money->kind;
    int64_t amount = deal->money->amount;
    const struct payment_step *step = payment_step(
        (enum payment_state)entry->state, (enum payment_move)notices[kind].move, TOLD_BY_PROVIDER);
    if (kind == NOTICE_AUTHORIZED || kind == NOTICE_CAPTURED)
        entry->authorized = larger(entry->authorized, amount);
    if (kind == NOTICE_CAPTURED && deal->shard->options.bug[BUG_NOTICE_ADDS])
        entry->authorized = entry->captured += amount;
    else if (kind == NOTICE_CAPTURED)
        entry->captured = larger(entry->captured, amount);
    if (step != NULL)
        entry->state = (uint8_t)step->to;
    entry->changed = entry->changed || entry->state != before.state ||
                     entry->authorized != before.authorized || entry->captured != before.captured;
}

static void answer_notice(const struct deal *deal)
{
    answer_child(deal, CODE_OK);
}

static void notice_of_payment(struct deal *deal)
{
    if (!open_noticed(deal))
        return;
    note_payment(deal);
    if (!deal->entry->changed || carry_out(deal, notices[deal->money->kind].event))
        answer_notice(deal);
}

/* Money that is refunded has been captured, though nobody has said so yet: it came, and it went. */
static bool take_refund(struct deal *deal, enum refund_state state)
{
    struct ledger_entry *entry = deal->entry;
    int64_t amount = deal->money->amount;
    if (entry->state != PAYMENT_CAPTURED) {
        entry->state = PAYMENT_CAPTURED;
        entry->captured = amount;
        entry->authorized = larger(entry->authorized, amount);
        entry->changed = true;
        deal->captured_before = state == REFUND_FAILED ? 0 : amount;
    }
    if (amount == 0 || amount > ledger_kept_of(entry))
        return false;
    add_refund(entry, state, amount);
    return true;
}

static void note_new_refund(struct deal *deal)
{
    uint8_t kind = deal->money->kind;
    const struct refund_step *step =
        refund_step(REFUND_REQUESTED, (enum refund_move)notices[kind].move, TOLD_BY_PROVIDER);
    if (ledger_is_own_id(deal->texts[MONEY_REFUND])) {
        refuse_field(deal, CODE_INVALID, "refund_id");
        return;
    }
    if (!open_noticed(deal))
        return;
    if (!take_refund(deal, step->to)) {
        refuse_field(deal, CODE_LIMIT, "amount");
        return;
    }
    deal->refund_is_new = true;
    deal->ledger.refund = (struct refund_facts){.payment = deal->texts[MONEY_PAYMENT],
                                                .id = deal->texts[MONEY_REFUND],
                                                .reason = deal->texts[MONEY_REASON],
                                                .amount = deal->money->amount,
                                                .state = (uint8_t)step->to,
                                                .asked = ASKED_BY_NOBODY};
    if (carry_out(deal, notices[kind].event))
        answer_notice(deal);
}

static void notice_of_refund(struct deal *deal)
{
    struct refund_found found = find_refund(deal);
    if (found.refund == 0) {
        note_new_refund(deal);
        return;
    }
    const struct refund *refund = refund_at(&deal->shard->orders, found.refund);
    if (found.payment != find_payment(deal) || refund->amount != deal->money->amount) {
        refuse_field(deal, CODE_KEY_REUSED, "refund_id");
        return;
    }
    const struct refund_step *step =
        refund_step((enum refund_state)refund->state,
                    (enum refund_move)notices[deal->money->kind].move, TOLD_BY_PROVIDER);
    if (step == NULL) {
        answer_notice(deal);
        return;
    }
    open_entry(deal, found.payment);
    if (step->from == REFUND_FAILED && refund->amount > ledger_kept_of(deal->entry)) {
        refuse_field(deal, CODE_LIMIT, "amount");
        return;
    }
    change_refund(deal, refund, step->to);
    if (carry_out(deal, notices[deal->money->kind].event))
        answer_notice(deal);
}

/* A notice that changes nothing leaves no trace; one that does is remembered by its provider and its
 * id, as long as that leaves half of the room to those who need theirs. It is taken all the same
 * where it cannot be remembered: coming again, it changes nothing. */
static void notice(struct deal *deal)
{
    struct request from_provider = *deal->request;
    from_provider.caller = deal->texts[MONEY_METHOD];
    deal->retry = move_retry(deal->turn, &from_provider, deal->texts[MONEY_ORDER],
                             deal->texts[MONEY_KEY], digest_of(deal->money));
    deal->retry.owner ^= 1; /* in the same slot, apart from what callers say */
    enum move_seen seen = move_seen(deal->shard, &deal->retry);
    if (seen == MOVE_SEEN) {
        answer_child(deal, CODE_REPLAYED);
        return;
    }
    if (seen == MOVE_SEEN_OTHERWISE) {
        refuse_field(deal, CODE_KEY_REUSED, "notice_id");
        return;
    }
    if (deal->shard->retries.count < deal->shard->retries.count_max / 2)
        deal->cause.retry = &deal->retry;
    if (deal->cause.reason.bytes == 0)
        deal->cause.reason = deal->texts[MONEY_KEY];
    if (deal->money->kind >= NOTICE_REFUND_PROCESSING)
        notice_of_refund(deal);
    else
        notice_of_payment(deal);
}

/* ---- what comes in ----------------------------------------------------------------------------- */

static void get(const struct deal *deal)
{
    uint32_t record = find_payment(deal);
    if (record != 0)
        answer_payment(deal, CODE_OK, record);
    else
        refuse_field(deal, CODE_NOT_FOUND, "payment_id");
}

void money_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct deal deal;
    take_apart(&deal, shard, turn, request);
    uint32_t record = order_find_whole(&shard->orders, deal.texts[MONEY_ORDER],
                                       key_hash(deal.texts[MONEY_ORDER]));
    if (record == 0) {
        refuse_field(&deal, CODE_NOT_FOUND, "order_id");
        return;
    }
    deal.order = order_at(&shard->orders, record);
    uint32_t op = request->command->op;
    if (!currency_fits(&deal))
        refuse_field(&deal, CODE_CURRENCY_MISMATCH, "currency");
    else if (op == OP_PAYMENT_CREATE)
        create(&deal);
    else if (op == OP_PAYMENT_GET)
        get(&deal);
    else if (op == OP_PAYMENT_NOTICE)
        notice(&deal);
    else if (op == OP_REFUND_CREATE)
        create_refund(&deal);
    else if (op > OP_REFUND_CREATE)
        move_refund(&deal);
    else
        move_payment(&deal);
}
