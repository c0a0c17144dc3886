#include "tests/model/naive_money.h"

#include <string.h>

#include "tests/model/naive.h"

static bool is_pending(const struct naive_refund *refund)
{
    return refund->state == REFUND_REQUESTED || refund->state == REFUND_PROCESSING ||
           refund->state == REFUND_UNKNOWN;
}

int64_t naive_kept(const struct naive_money *money, const struct naive_payment *payment)
{
    int64_t kept = payment->captured;
    for (uint32_t i = 0; i < money->refund_count; i++)
        if (money->refunds[i].payment == payment->number &&
            money->refunds[i].state != REFUND_FAILED)
            kept -= money->refunds[i].amount;
    return kept;
}

int64_t naive_kept_all(const struct naive_money *money)
{
    int64_t kept = 0;
    for (uint32_t i = 0; i < money->payment_count; i++)
        kept += naive_kept(money, &money->payments[i]);
    return kept;
}

static bool is_open(const struct naive_payment *payment)
{
    return payment->state == PAYMENT_CREATED || payment->state == PAYMENT_AUTHORIZED ||
           payment->state == PAYMENT_UNKNOWN;
}

static int64_t open_amounts(const struct naive_money *money)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < money->payment_count; i++)
        sum += is_open(&money->payments[i]) ? money->payments[i].amount : 0;
    return sum;
}

static bool any_open(const struct naive_money *money)
{
    for (uint32_t i = 0; i < money->payment_count; i++)
        if (is_open(&money->payments[i]))
            return true;
    return false;
}

bool naive_covers(const struct naive_money *money, int64_t total)
{
    for (uint32_t i = 0; i < money->payment_count; i++)
        if (money->payments[i].state == PAYMENT_CAPTURED)
            return naive_kept_all(money) >= total;
    return total == 0;
}

static void open_refund(struct naive_money *money, const struct naive_payment *payment,
                        int64_t amount, const char *why)
{
    if (amount > naive_kept(money, payment))
        amount = naive_kept(money, payment);
    if (amount <= 0)
        return;
    money->refunds[money->refund_count++] =
        (struct naive_refund){.own = (uint8_t)++money->own_count,
                              .payment = payment->number,
                              .state = REFUND_REQUESTED,
                              .why = why,
                              .amount = amount};
}

void naive_give_back(struct naive_money *money, const struct naive_payment *first, int64_t amount,
                     const char *why)
{
    int64_t left = naive_kept_all(money) - amount;
    if (first != NULL && amount > 0)
        open_refund(money, first, amount, why);
    for (uint32_t i = money->payment_count; i > 0; i--)
        if (naive_kept_all(money) > left)
            open_refund(money, &money->payments[i - 1], naive_kept_all(money) - left, why);
}

void naive_money_end(struct naive_money *money, const char *why)
{
    for (uint32_t i = 0; i < money->payment_count; i++) {
        if (money->payments[i].state == PAYMENT_AUTHORIZED)
            money->payments[i].state = PAYMENT_VOIDED;
        open_refund(money, &money->payments[i], INT64_MAX, why);
    }
}

/* ---- what a change of money means ------------------------------------------------------------------ */

static bool has_ended(const struct naive_order *order)
{
    return order->state == ORDER_CANCELLED || order->state == ORDER_EXPIRED ||
           order->state == ORDER_REJECTED || order->state == ORDER_COMPLETED;
}

void naive_pay(struct naive *naive, struct naive_order *order)
{
    order->state = ORDER_PAID;
    for (uint32_t i = 0; i < order->line_count; i++) {
        const struct naive_line *line = &order->lines[i];
        struct naive_cell *cell = &naive->skus[line->sku].cells[line->warehouse];
        cell->reserved -= line->units - line->cancelled;
        cell->committed += line->units - line->cancelled;
    }
}

static void move_order(struct naive *naive, struct naive_order *order,
                       const struct naive_payment *payment, bool changed)
{
    if (order->state != ORDER_PENDING_PAYMENT && order->state != ORDER_PAYMENT_FAILED)
        return;
    if (naive_covers(&order->money, naive_total(order))) {
        naive_pay(naive, order);
    } else if (!changed) {
        return;
    } else if (is_open(payment)) {
        order->state = ORDER_PENDING_PAYMENT;
    } else if (payment->state == PAYMENT_FAILED && !any_open(&order->money)) {
        order->state = ORDER_PAYMENT_FAILED;
    }
}

/* `before`: the payment as it was; its state 0: it was not there. CODE_OK: it has been done. */
static enum code settle(struct naive *naive, struct naive_order *order,
                        struct naive_payment *payment, const struct naive_payment *before)
{
    struct naive_money *money = &order->money;
    int64_t came = payment->captured - before->captured;
    int64_t amounts = 0, authorized = 0;
    bool over = false;
    for (uint32_t i = 0; i < money->payment_count; i++) {
        over |= __builtin_add_overflow(amounts, money->payments[i].amount, &amounts);
        over |= __builtin_add_overflow(authorized, money->payments[i].authorized, &authorized);
    }
    if (over)
        return CODE_OVERFLOW;
    if (has_ended(order)) {
        if (payment->state == PAYMENT_AUTHORIZED)
            payment->state = PAYMENT_VOIDED;
        if (came > 0)
            open_refund(money, payment, came, "late_payment");
    } else if (came > 0) {
        naive_give_back(money, payment, naive_kept_all(money) - naive_due(order), "over_payment");
    }
    move_order(naive, order, payment, payment->state != before->state || came != 0);
    order->version++;
    return CODE_OK;
}

/* ---- payments --------------------------------------------------------------------------------------- */

static struct naive_payment *find(struct naive_money *money, uint8_t number)
{
    for (uint32_t i = 0; i < money->payment_count; i++)
        if (money->payments[i].number == number)
            return &money->payments[i];
    return NULL;
}

static struct naive_payment *add(struct naive_money *money, const struct naive_ask *ask)
{
    struct naive_payment *payment = &money->payments[money->payment_count++];
    *payment = (struct naive_payment){.number = ask->payment,
                                      .method = ask->method,
                                      .state = PAYMENT_CREATED,
                                      .amount = ask->amount};
    return payment;
}

static enum code create(struct naive *naive, struct naive_order *order, const struct naive_ask *ask)
{
    struct naive_money *money = &order->money;
    struct naive_payment *payment = find(money, ask->payment);
    struct naive_payment before = {0};
    if (payment != NULL && !payment->by_notice)
        return payment->amount == ask->amount && payment->method == ask->method ? CODE_REPLAYED
                                                                                : CODE_KEY_REUSED;
    if (ask->too_old)
        return CODE_EXPIRED_REQUEST;
    if (payment != NULL) {
        before = *payment;
        payment->amount = ask->amount;
        payment->method = ask->method;
        payment->by_notice = false;
    } else {
        if (order->state != ORDER_PENDING_PAYMENT && order->state != ORDER_PAYMENT_FAILED)
            return CODE_ILLEGAL;
        if (open_amounts(money) >= naive_total(order) - naive_kept_all(money))
            return CODE_LIMIT;
        payment = add(money, ask);
    }
    enum code code = settle(naive, order, payment, &before);
    return code == CODE_OK ? CODE_CREATED : code;
}

/* 0: not from there. */
static uint8_t moves_to(uint16_t op, uint8_t from)
{
    bool created = from == PAYMENT_CREATED, authorized = from == PAYMENT_AUTHORIZED;
    switch (op) {
    case OP_PAYMENT_AUTHORIZE:
        return created ? PAYMENT_AUTHORIZED : 0;
    case OP_PAYMENT_CAPTURE:
        return created || authorized ? PAYMENT_CAPTURED : 0;
    case OP_PAYMENT_FAIL:
        return created || authorized ? PAYMENT_FAILED : 0;
    case OP_PAYMENT_VOID:
        return authorized ? PAYMENT_VOIDED : 0;
    default:
        return created || authorized ? PAYMENT_UNKNOWN : 0;
    }
}

/* CODE_OK: neither a retry nor too late. */
static enum code seen(struct naive_order *order, const struct naive_ask *ask)
{
    struct naive_ask known = order->money.keys[ask->key];
    known.too_old = ask->too_old;
    if (ask->key != 0 && known.op != 0)
        return memcmp(&known, ask, sizeof known) == 0 ? CODE_REPLAYED : CODE_KEY_REUSED;
    return ask->too_old ? CODE_EXPIRED_REQUEST : CODE_OK;
}

static enum code move_payment(struct naive *naive, struct naive_order *order,
                              const struct naive_ask *ask)
{
    struct naive_payment *payment = find(&order->money, ask->payment);
    if (payment == NULL)
        return CODE_NOT_FOUND;
    enum code code = seen(order, ask);
    if (code != CODE_OK)
        return code;
    struct naive_payment before = *payment;
    uint8_t to = moves_to(ask->op, payment->state);
    if (to == 0)
        return CODE_ILLEGAL;
    if (to == PAYMENT_AUTHORIZED || to == PAYMENT_CAPTURED) {
        int64_t most = payment->state == PAYMENT_AUTHORIZED ? payment->authorized : payment->amount;
        int64_t amount = ask->amount == MONEY_NOT_SAID ? most : ask->amount;
        if (amount > most || (amount == 0 && most > 0))
            return CODE_LIMIT;
        if (payment->authorized < amount)
            payment->authorized = amount;
        if (to == PAYMENT_CAPTURED)
            payment->captured = amount;
    }
    payment->state = to;
    return settle(naive, order, payment, &before);
}

/* ---- refunds ---------------------------------------------------------------------------------------- */

static struct naive_refund *find_refund(struct naive_money *money, uint8_t number)
{
    for (uint32_t i = 0; i < money->refund_count; i++)
        if (number > NAIVE_OWN ? money->refunds[i].own == number - NAIVE_OWN
                               : number != 0 && money->refunds[i].number == number)
            return &money->refunds[i];
    return NULL;
}

static enum code create_refund(struct naive *naive, struct naive_order *order,
                               const struct naive_ask *ask)
{
    struct naive_money *money = &order->money;
    struct naive_payment *payment = find(money, ask->payment);
    const struct naive_refund *refund = find_refund(money, ask->refund);
    bool all = ask->amount == MONEY_NOT_SAID;
    if (payment == NULL)
        return CODE_NOT_FOUND;
    if (refund != NULL) {
        bool same = refund->payment == ask->payment && (all || refund->amount == ask->amount);
        if (refund->asked)
            same = same && refund->asked_all == all && refund->reason == ask->reason;
        return same ? CODE_REPLAYED : CODE_KEY_REUSED;
    }
    if (ask->too_old)
        return CODE_EXPIRED_REQUEST;
    if (payment->state != PAYMENT_CAPTURED)
        return CODE_ILLEGAL;
    if (ask->amount == 0 || ask->refund > NAIVE_OWN)
        return CODE_INVALID;
    int64_t amount = all ? naive_kept(money, payment) : ask->amount;
    if (amount == 0 || amount > naive_kept(money, payment))
        return CODE_LIMIT;
    money->refunds[money->refund_count++] = (struct naive_refund){.number = ask->refund,
                                                                  .payment = ask->payment,
                                                                  .state = REFUND_REQUESTED,
                                                                  .reason = ask->reason,
                                                                  .asked = true,
                                                                  .asked_all = all,
                                                                  .amount = amount};
    settle(naive, order, payment,
           &(struct naive_payment){.state = payment->state, .captured = payment->captured});
    return CODE_CREATED;
}

static enum code move_refund(struct naive *naive, struct naive_order *order,
                             const struct naive_ask *ask)
{
    struct naive_refund *refund = find_refund(&order->money, ask->refund);
    if (refund == NULL || refund->payment != ask->payment)
        return CODE_NOT_FOUND;
    enum code code = seen(order, ask);
    if (code != CODE_OK)
        return code;
    bool over = refund->state == REFUND_SUCCEEDED || refund->state == REFUND_FAILED;
    if (over || (ask->op == OP_REFUND_PROCESS && refund->state != REFUND_REQUESTED) ||
        (ask->op == OP_REFUND_LOSE && refund->state == REFUND_UNKNOWN))
        return CODE_ILLEGAL;
    refund->state = ask->op == OP_REFUND_PROCESS   ? REFUND_PROCESSING
                    : ask->op == OP_REFUND_SUCCEED ? REFUND_SUCCEEDED
                    : ask->op == OP_REFUND_FAIL    ? REFUND_FAILED
                                                   : REFUND_UNKNOWN;
    move_order(naive, order, NULL, false);
    order->version++;
    return CODE_OK;
}

/* ---- notices ---------------------------------------------------------------------------------------- */

static void note(struct naive_payment *payment, const struct naive_ask *ask)
{
    uint8_t from = payment->state;
    bool early = from == PAYMENT_CREATED || from == PAYMENT_AUTHORIZED;
    if (ask->kind == NOTICE_AUTHORIZED || ask->kind == NOTICE_CAPTURED)
        payment->authorized = payment->authorized > ask->amount ? payment->authorized : ask->amount;
    if (ask->kind == NOTICE_CAPTURED) {
        payment->captured = payment->captured > ask->amount ? payment->captured : ask->amount;
        payment->state = PAYMENT_CAPTURED;
    }
    if (ask->kind == NOTICE_AUTHORIZED && from == PAYMENT_CREATED)
        payment->state = PAYMENT_AUTHORIZED;
    if (ask->kind == NOTICE_FAILED && (early || from == PAYMENT_UNKNOWN))
        payment->state = PAYMENT_FAILED;
    if (ask->kind == NOTICE_VOIDED && (early || from == PAYMENT_UNKNOWN))
        payment->state = PAYMENT_VOIDED;
    if (ask->kind == NOTICE_UNKNOWN && early)
        payment->state = PAYMENT_UNKNOWN;
}

static enum code notice_of_payment(struct naive *naive, struct naive_order *order,
                                   const struct naive_ask *ask, bool *changed)
{
    struct naive_payment *payment = find(&order->money, ask->payment);
    struct naive_payment before = {0};
    if (payment != NULL) {
        before = *payment;
    } else {
        payment = add(&order->money, ask);
        payment->by_notice = true;
    }
    note(payment, ask);
    *changed = payment->state != before.state || payment->authorized != before.authorized ||
               payment->captured != before.captured;
    return *changed ? settle(naive, order, payment, &before) : CODE_OK;
}

static uint8_t refund_after(uint8_t kind)
{
    return kind == NOTICE_REFUND_PROCESSING  ? REFUND_PROCESSING
           : kind == NOTICE_REFUND_SUCCEEDED ? REFUND_SUCCEEDED
           : kind == NOTICE_REFUND_FAILED    ? REFUND_FAILED
                                             : REFUND_UNKNOWN;
}

static enum code note_new_refund(struct naive *naive, struct naive_order *order,
                                 const struct naive_ask *ask)
{
    struct naive_money *money = &order->money;
    struct naive_payment *payment = find(money, ask->payment);
    struct naive_payment before = {0};
    if (ask->refund > NAIVE_OWN)
        return CODE_INVALID;
    if (payment != NULL) {
        before = *payment;
    } else {
        payment = add(money, ask);
        payment->by_notice = true;
    }
    if (payment->state != PAYMENT_CAPTURED) {
        payment->state = PAYMENT_CAPTURED;
        payment->captured = ask->amount;
        payment->authorized = payment->authorized > ask->amount ? payment->authorized : ask->amount;
    }
    if (ask->amount == 0 || ask->amount > naive_kept(money, payment))
        return CODE_LIMIT;
    money->refunds[money->refund_count++] = (struct naive_refund){.number = ask->refund,
                                                                  .payment = ask->payment,
                                                                  .state = refund_after(ask->kind),
                                                                  .reason = ask->reason,
                                                                  .amount = ask->amount};
    if (refund_after(ask->kind) != REFUND_FAILED)
        before.captured = payment->captured; /* it came, and it went */
    return settle(naive, order, payment, &before);
}

static enum code notice_of_refund(struct naive *naive, struct naive_order *order,
                                  const struct naive_ask *ask, bool *changed)
{
    struct naive_refund *refund = find_refund(&order->money, ask->refund);
    *changed = true;
    if (refund == NULL)
        return note_new_refund(naive, order, ask);
    if (refund->payment != ask->payment || refund->amount != ask->amount)
        return CODE_KEY_REUSED;
    uint8_t to = refund_after(ask->kind);
    bool forward = is_pending(refund) && to != refund->state &&
                   !(to == REFUND_PROCESSING && refund->state == REFUND_UNKNOWN);
    if (refund->state == REFUND_FAILED && to == REFUND_SUCCEEDED) {
        if (refund->amount > naive_kept(&order->money, find(&order->money, ask->payment)))
            return CODE_LIMIT;
        forward = true;
    }
    *changed = forward;
    if (forward) {
        refund->state = to;
        move_order(naive, order, NULL, false);
        order->version++;
    }
    return CODE_OK;
}

static enum code notice(struct naive *naive, struct naive_order *order, const struct naive_ask *ask)
{
    struct naive_ask known = order->money.notices[ask->method][ask->key];
    bool changed = true;
    known.too_old = ask->too_old;
    if (known.op != 0)
        return memcmp(&known, ask, sizeof known) == 0 ? CODE_REPLAYED : CODE_KEY_REUSED;
    enum code code = ask->kind >= NOTICE_REFUND_PROCESSING
                         ? notice_of_refund(naive, order, ask, &changed)
                         : notice_of_payment(naive, order, ask, &changed);
    if (code == CODE_OK && changed)
        order->money.notices[ask->method][ask->key] = *ask;
    return code;
}

/* ---- any -------------------------------------------------------------------------------------------- */

static enum code done(struct naive *naive, struct naive_order *order, const struct naive_ask *ask)
{
    switch (ask->op) {
    case OP_PAYMENT_CREATE:
        return create(naive, order, ask);
    case OP_PAYMENT_GET:
        return find(&order->money, ask->payment) != NULL ? CODE_OK : CODE_NOT_FOUND;
    case OP_REFUND_CREATE:
        return create_refund(naive, order, ask);
    case OP_PAYMENT_NOTICE:
        return notice(naive, order, ask);
    case OP_REFUND_PROCESS:
    case OP_REFUND_SUCCEED:
    case OP_REFUND_FAIL:
    case OP_REFUND_LOSE:
        return move_refund(naive, order, ask);
    default:
        return move_payment(naive, order, ask);
    }
}

enum code naive_money(struct naive *naive, uint32_t number, const struct naive_ask *ask)
{
    struct naive_order *order = &naive->orders[number];
    if (!order->placed || order->is_remainder)
        return CODE_NOT_FOUND;
    if (ask->currency == 2)
        return CODE_CURRENCY_MISMATCH;
    struct naive_order before = *order;
    enum code code = done(naive, order, ask);
    bool may_be_last = has_ended(order);
    if ((code == CODE_OK || code == CODE_CREATED) &&
        order->money.refund_count > before.money.refund_count &&
        order->money.refund_count > (may_be_last ? REFUNDS_MAX : REFUNDS_MAX - PAYMENTS_MAX))
        code = CODE_LIMIT;
    if (code != CODE_OK && code != CODE_CREATED)
        *order = before;
    else if (code == CODE_OK && ask->key != 0 && ask->op != OP_PAYMENT_NOTICE)
        order->money.keys[ask->key] = *ask;
    return code;
}
