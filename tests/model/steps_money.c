#include "tests/model/history.h"

/* ---- asking ----------------------------------------------------------------------------------------- */

static const char *const methods[NAIVE_PROVIDERS + 1] = {NULL, "alipay", "wechat", "card"};
static const char *const reasons[] = {NULL, "broken", "did not like it"};

static bool was_asked(const struct naive_money *money, uint16_t op)
{
    for (uint32_t key = 1; key < NAIVE_KEYS; key++)
        if (money->keys[key].op == op)
            return true;
    return false;
}

/* Mostly one of the newest orders, and one that has what the step is about, so that some of them come
 * a long way. */
static uint32_t draw_order(struct history *h, const struct step *step)
{
    uint32_t count = h->naive.order_count, order = count;
    for (uint32_t tries = 0; tries < 16; tries++) {
        uint32_t back = (uint32_t)draw(h, draw(h, 3) == 0 ? 400 : 20);
        order = back < count ? count - 1 - back : count;
        const struct naive_money *money = &h->naive.orders[order].money;
        bool about_refund = step->op > OP_REFUND_CREATE && step->op <= OP_REFUND_LOSE;
        bool has_it = about_refund ? money->refund_count > 0
                                   : money->payment_count > 0 || step->op == OP_PAYMENT_CREATE;
        if (step->op != OP_PAYMENT_NOTICE && tries < 8 && draw(h, 2) == 0)
            has_it = was_asked(money, step->op);
        if (draw(h, 12) == 0 || (has_it && h->naive.orders[order].placed))
            break;
    }
    return order;
}

static int64_t draw_amount(struct history *h, const struct naive_order *order)
{
    int64_t kept = naive_kept_all(&order->money);
    switch (draw(h, 8)) {
    case 0:
        return (int64_t)draw(h, 2);
    case 1:
        return naive_total(order) / 2;
    case 2:
        return kept < naive_total(order) ? naive_total(order) - kept : naive_total(order);
    case 3:
        return kept;
    case 4:
        return (int64_t)draw(h, 20000);
    case 5:
        return draw(h, 3) == 0 ? INT64_MAX - (int64_t)draw(h, 2) : kept / 2;
    default:
        return naive_total(order);
    }
}

/* Every field is drawn anew; what the operation does not take is 0. */
static struct naive_ask draw_ask(struct history *h, const struct step *step,
                                 const struct naive_order *order)
{
    bool is_notice = step->op == OP_PAYMENT_NOTICE;
    bool about_refund = step->op >= OP_REFUND_CREATE && step->op <= OP_REFUND_LOSE;
    bool takes_amount = step->op == OP_PAYMENT_CREATE || step->op == OP_PAYMENT_AUTHORIZE ||
                        step->op == OP_PAYMENT_CAPTURE || step->op == OP_REFUND_CREATE || is_notice;
    bool creates = step->op == OP_PAYMENT_CREATE || step->op == OP_REFUND_CREATE;
    bool moves = step->op != OP_PAYMENT_GET && !creates && !is_notice;
    struct naive_ask ask = {
        .op = step->op,
        .payment = (uint8_t)(1 + draw(h, draw(h, 3) == 0 ? NAIVE_PAYMENTS - 1 : 3)),
        .currency = (uint8_t)(draw(h, 25) == 0 ? 2 : draw(h, 2)),
        .too_old = step->op != OP_PAYMENT_GET && draw(h, 20) == 0,
        .amount = MONEY_NOT_SAID,
    };
    if (is_notice) {
        ask.kind = (uint8_t)(1 + draw(h, NOTICE_KINDS - 1));
        ask.method = (uint8_t)(1 + draw(h, NAIVE_PROVIDERS));
        ask.key = (uint8_t)(1 + draw(h, NAIVE_KEYS - 1));
        ask.currency = ask.currency == 0 ? 1 : ask.currency;
    }
    if (step->op == OP_PAYMENT_CREATE)
        ask.method = (uint8_t)draw(h, NAIVE_PROVIDERS + 1);
    if (about_refund || ask.kind >= NOTICE_REFUND_PROCESSING)
        ask.refund = (uint8_t)(1 + draw(h, 6));
    if (moves && draw(h, 4) != 0)
        ask.key = (uint8_t)(1 + draw(h, NAIVE_KEYS - 1));
    if ((moves && !takes_amount) || step->op == OP_REFUND_CREATE || is_notice)
        ask.reason = (uint8_t)draw(h, 3);
    if (takes_amount && (creates || is_notice || draw(h, 2) == 0))
        ask.amount = draw_amount(h, order);
    if (step->op == OP_REFUND_CREATE && draw(h, 4) == 0)
        ask.amount = MONEY_NOT_SAID;
    return ask;
}

static bool is_of(const struct naive_refund *refund, uint8_t number)
{
    return number > NAIVE_OWN ? refund->own == number - NAIVE_OWN
                              : number != 0 && refund->number == number;
}

/* Mostly what is there: a payment, and a refund of it. */
static void draw_names(struct history *h, struct naive_ask *ask, const struct naive_money *money)
{
    if (money->payment_count > 0 && draw(h, 4) != 0)
        ask->payment = money->payments[draw(h, money->payment_count)].number;
    if (ask->refund == 0 || money->refund_count == 0)
        return;
    bool again = ask->op == OP_REFUND_CREATE || ask->op == OP_PAYMENT_NOTICE;
    if (draw(h, again ? 3 : 8) == (again ? 0 : 1))
        return;
    const struct naive_refund *refund = &money->refunds[draw(h, money->refund_count)];
    if (ask->op == OP_REFUND_CREATE && draw(h, 3) != 0)
        return;
    ask->refund = refund->number != 0 ? refund->number : (uint8_t)(NAIVE_OWN + refund->own);
    if (draw(h, 6) != 0)
        ask->payment = refund->payment;
}

/* Some of what was asked before is asked again, as it was or nearly so. */
static void draw_again(struct history *h, struct naive_ask *ask, const struct naive_order *order)
{
    const struct naive_money *money = &order->money;
    const struct naive_ask *keys =
        ask->op == OP_PAYMENT_NOTICE ? money->notices[ask->method] : money->keys;
    for (uint32_t key = 1; key < NAIVE_KEYS && ask->key != 0; key++) {
        if (keys[key].op != ask->op || draw(h, 3) == 0)
            continue;
        *ask = keys[key];
        if (draw(h, 3) == 0)
            ask->currency = ask->currency == 0; /* says the same, and is another body */
        if (draw(h, 3) == 0 || ask->currency == 0)
            ask->too_old = 1;
        if (ask->op == OP_PAYMENT_NOTICE && ask->currency == 0)
            ask->currency = 1, ask->reason = 1 + ask->reason % 2;
        return;
    }
    for (uint32_t i = 0; i < money->payment_count; i++)
        if (ask->op == OP_PAYMENT_CREATE && money->payments[i].number == ask->payment &&
            draw(h, 2) == 0) {
            ask->amount = money->payments[i].amount;
            ask->method = money->payments[i].method;
        }
    for (uint32_t i = 0; i < money->refund_count; i++)
        if (is_of(&money->refunds[i], ask->refund) && draw(h, 2) == 0) {
            ask->payment = money->refunds[i].payment;
            if (ask->op == OP_REFUND_CREATE)
                ask->reason = money->refunds[i].reason;
            if (ask->op == OP_PAYMENT_NOTICE ||
                (ask->op == OP_REFUND_CREATE && !money->refunds[i].asked_all))
                ask->amount = money->refunds[i].amount;
        }
}

static void tell_ask(const struct history *h, const struct step *step, uint32_t order,
                     const struct naive_ask *ask)
{
    tell(h, "%s o-%u p-%u f-%u method %u kind %u key %u amount %lld currency %u%s", step->name,
         order, ask->payment, ask->refund, ask->method, ask->kind, ask->key, (long long)ask->amount,
         ask->currency, ask->too_old ? ", too old" : "");
}

static void refund_name(char out[16], uint8_t number)
{
    bool own = number > NAIVE_OWN;
    snprintf(out, 16, own ? "auto-%u" : "f-%u", own ? (uint32_t)(number - NAIVE_OWN) : number);
}

static void write_command(const struct history *h, union shop_command *command, uint32_t order,
                          const struct naive_ask *ask)
{
    char id[16], payment[8], refund[16], key[8];
    snprintf(id, sizeof id, "o-%u", order);
    snprintf(payment, sizeof payment, "p-%u", ask->payment);
    refund_name(refund, ask->refund);
    snprintf(key, sizeof key, "k-%u", ask->key);
    shop_money_of(command, (enum op)ask->op,
                  &(struct shop_money){.order = id,
                                       .payment = payment,
                                       .refund = ask->refund != 0 ? refund : NULL,
                                       .method = methods[ask->method],
                                       .reason = reasons[ask->reason],
                                       .key = ask->key != 0 ? key : NULL,
                                       .kind = ask->kind});
    command->money.amount = ask->amount;
    command->money.currency = ask->currency == 0   ? 0
                              : ask->currency == 1 ? CURRENCY('C', 'N', 'Y')
                                                   : CURRENCY('U', 'S', 'D');
    command->money.issued_at_ns = ask->too_old ? 1 : h->shop->now_ns;
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static void compare_text(const struct history *h, const struct child *child, uint32_t fixed_bytes,
                         const char *id, const char *note)
{
    const char *at = (const char *)child + fixed_bytes;
    size_t note_bytes = note != NULL ? strlen(note) : 0;
    if (child->id_bytes != strlen(id) || memcmp(at, id, strlen(id)) != 0 ||
        child->note_bytes != note_bytes ||
        (note_bytes > 0 && memcmp(at + child->id_bytes, note, note_bytes) != 0))
        disagree(h, "a child is %.*s, %.*s in core; %s, %s in the model", (int)child->id_bytes, at,
                 (int)child->note_bytes, at + child->id_bytes, id, note != NULL ? note : "");
}

static void compare_refund(const struct history *h, const struct naive_refund *refund,
                           const struct child *child)
{
    const struct child_refund *in_core = (const void *)child;
    char id[16];
    refund_name(id, refund->number != 0 ? refund->number : (uint8_t)(NAIVE_OWN + refund->own));
    if (child->kind != CHILD_REFUND || child->state != refund->state ||
        in_core->amount != refund->amount)
        disagree(h, "refund %s is %s, %lld in core; %s, %lld in the model", id,
                 refund_state_name(child->state), (long long)in_core->amount,
                 refund_state_name(refund->state), (long long)refund->amount);
    compare_text(h, child, sizeof *in_core, id,
                 refund->why != NULL ? refund->why : reasons[refund->reason]);
}

static void compare_payment(const struct history *h, const struct naive_payment *payment,
                            const struct child *child)
{
    const struct child_payment *in_core = (const void *)child;
    char id[8];
    snprintf(id, sizeof id, "p-%u", payment->number);
    if (child->kind != CHILD_PAYMENT || child->state != payment->state ||
        in_core->amount != payment->amount || in_core->authorized != payment->authorized ||
        in_core->captured != payment->captured)
        disagree(h,
                 "payment %s is %s, %lld, authorized %lld, captured %lld in core; %s, %lld, %lld, "
                 "%lld in the model",
                 id, payment_state_name(child->state), (long long)in_core->amount,
                 (long long)in_core->authorized, (long long)in_core->captured,
                 payment_state_name(payment->state), (long long)payment->amount,
                 (long long)payment->authorized, (long long)payment->captured);
    compare_text(h, child, sizeof *in_core, id, methods[payment->method]);
}

const struct child *compare_children(const struct history *h, const struct naive_money *money,
                                     const struct child *child)
{
    for (uint32_t p = 0; p < money->payment_count; p++) {
        compare_payment(h, &money->payments[p], child);
        int64_t kept = ((const struct child_payment *)(const void *)child)->captured;
        kept -= ((const struct child_payment *)(const void *)child)->refund_pending;
        kept -= ((const struct child_payment *)(const void *)child)->refunded;
        if (kept != naive_kept(money, &money->payments[p]))
            disagree(h, "a payment keeps %lld in core, %lld in the model", (long long)kept,
                     (long long)naive_kept(money, &money->payments[p]));
        child = child_next(child);
        for (uint32_t r = 0; r < money->refund_count; r++) {
            if (money->refunds[r].payment != money->payments[p].number)
                continue;
            compare_refund(h, &money->refunds[r], child);
            child = child_next(child);
        }
    }
    return child;
}

/* The payment, and all or one of its refunds; but for what is the first answer again. */
static void compare_answer(const struct history *h, const struct naive_order *order,
                           const struct naive_ask *ask, const struct result *result)
{
    const struct result_child *answer = (const void *)result;
    bool created_again = result->code == CODE_REPLAYED &&
                         (ask->op == OP_PAYMENT_CREATE || ask->op == OP_REFUND_CREATE);
    if (result->kind != RESULT_CHILD)
        disagree(h, "the answer does not show the payment");
    if (answer->order_version != order->version || answer->order_state != order->state)
        disagree(h, "the order is %s, version %u in core; %s, %u in the model",
                 order_state_name(answer->order_state), answer->order_version,
                 order_state_name(order->state), order->version);
    const struct child *child = result_children(answer);
    for (uint32_t i = 0; i < order->money.payment_count && !created_again; i++)
        if (order->money.payments[i].number == ask->payment)
            compare_payment(h, &order->money.payments[i], child);
    for (uint32_t i = 0; i < order->money.refund_count && !created_again && ask->refund != 0; i++)
        if (is_of(&order->money.refunds[i], ask->refund))
            compare_refund(h, &order->money.refunds[i], child_next(child));
}

static uint8_t payment_state(const struct naive_money *money, uint8_t number)
{
    for (uint32_t i = 0; i < money->payment_count; i++)
        if (money->payments[i].number == number)
            return money->payments[i].state;
    return 0;
}

static uint8_t refund_state(const struct naive_money *money, uint8_t number)
{
    for (uint32_t i = 0; i < money->refund_count && number != 0; i++)
        if (is_of(&money->refunds[i], number))
            return money->refunds[i].state;
    return 0;
}

/* Whether it moves an order, a payment or a refund from where few get to. */
static bool moves_rare(const struct naive_order *before, const struct naive_order *after,
                       const struct naive_ask *ask)
{
    uint8_t payment = payment_state(&before->money, ask->payment);
    uint8_t refund = refund_state(&before->money, ask->refund);
    bool rare_payment = payment > PAYMENT_CREATED && payment != PAYMENT_CAPTURED;
    return (before->state == ORDER_PAYMENT_FAILED && after->state != before->state) ||
           (rare_payment && payment_state(&after->money, ask->payment) != payment) ||
           (refund == REFUND_FAILED && refund_state(&after->money, ask->refund) != refund);
}

static struct naive_ask draw_money(struct history *h, const struct step *step, uint32_t *number)
{
    *number = draw_order(h, step);
    struct naive_order *order = &h->naive.orders[*number];
    struct naive_ask ask = draw_ask(h, step, order);
    draw_names(h, &ask, &order->money);
    draw_again(h, &ask, order);
    return ask;
}

/* One that brings about what is wished for, if chance finds it: an answer of the step's, or a move that
 * few make. */
static struct naive_ask draw_wished(struct history *h, const struct step *step, uint32_t *number)
{
    uint16_t code = draw_code(h, step);
    bool wants_move = draw(h, 3) == 0;
    struct naive_ask ask = draw_money(h, step, number);
    for (uint32_t tries = draw(h, 3) == 0 ? 0 : 30; tries > 0; tries--) {
        const struct naive_order *order = &h->naive.orders[*number];
        struct trial trial;
        trial_begin(h, *number, &trial);
        bool fits = naive_money(&h->naive, *number, &ask) == code;
        if (wants_move)
            fits = moves_rare(&trial.order, order, &ask);
        trial_end(h, &trial);
        if (fits)
            break;
        ask = draw_money(h, step, number);
    }
    return ask;
}

static void send_money(struct history *h, const struct step *step, uint32_t number,
                       const struct naive_ask *ask)
{
    union shop_command command;
    tell_ask(h, step, number, ask);
    write_command(h, &command, number, ask);
    enum code expected = naive_money(&h->naive, number, ask);
    const struct result *result = agree(h, step, &command.head, expected);
    h->moved_over |= h->naive.orders[number].closed_ns != 0;
    if (expected == CODE_OK || expected == CODE_CREATED || expected == CODE_REPLAYED)
        compare_answer(h, &h->naive.orders[number], ask, result);
}

/* An order that waits for its first payment; the number of orders: none was found. */
static uint32_t draw_unpaid(struct history *h)
{
    uint32_t count = h->naive.order_count, skip = (uint32_t)draw(h, 4);
    for (uint32_t back = 1; back <= count && back <= 60; back++) {
        const struct naive_order *order = &h->naive.orders[count - back];
        if (order->state == ORDER_PENDING_PAYMENT && order->money.payment_count == 0 &&
            naive_total(order) > 2 && skip-- == 0)
            return count - back;
    }
    return count;
}

/* A provider authorizes all the money there is, so that no sum has room for more. */
static void ask_too_much(struct history *h, const struct step *step, uint32_t number)
{
    int64_t half = naive_total(&h->naive.orders[number]) / 2;
    const struct naive_ask asks[] = {
        {.op = OP_PAYMENT_CREATE, .payment = 1, .method = 1, .amount = half},
        {.op = OP_PAYMENT_NOTICE,
         .payment = 1,
         .method = 1,
         .kind = NOTICE_AUTHORIZED,
         .key = 1,
         .currency = 1,
         .amount = INT64_MAX},
        {.op = OP_PAYMENT_CREATE, .payment = 2, .method = 2, .amount = half},
    };
    bool creates = step->op == OP_PAYMENT_CREATE;
    const struct naive_ask last = {
        .op = step->op, .payment = 2, .method = creates ? 2 : 0, .amount = INT64_MAX};
    const struct naive_ask rest = {.op = step->op, .payment = 2, .amount = MONEY_NOT_SAID};
    uint64_t *codes = h->codes, on_the_way[CODES_MAX] = {0};
    h->codes = on_the_way; /* only the last one is this step */
    for (uint32_t i = 0; i < (creates ? 2 : 3); i++) {
        const struct step as = {.name = step->name, .op = asks[i].op};
        send_money(h, &as, number, &asks[i]);
    }
    h->codes = codes;
    send_money(h, step, number, creates ? &last : &rest);
}

static void ask_money(struct history *h, const struct step *step)
{
    bool adds_up = step->op == OP_PAYMENT_CREATE || step->op == OP_PAYMENT_AUTHORIZE ||
                   step->op == OP_PAYMENT_CAPTURE;
    uint32_t number = adds_up && draw(h, 40) == 0 ? draw_unpaid(h) : h->naive.order_count;
    if (number < h->naive.order_count) {
        ask_too_much(h, step, number);
        return;
    }
    struct naive_ask ask = draw_wished(h, step, &number);
    send_money(h, step, number, &ask);
}

#define MONEY_STEP(label, number, often, ...)                                                      \
    {                                                                                              \
        .name = (label), .take = ask_money, .weight = (often), .op = (number), .codes = {          \
            __VA_ARGS__,                                                                           \
            0xffff                                                                                 \
        }                                                                                          \
    }

const struct step money_steps[] = {
    MONEY_STEP("payment.create", OP_PAYMENT_CREATE, 30, CODE_CREATED, CODE_REPLAYED,
               CODE_KEY_REUSED, CODE_NOT_FOUND, CODE_ILLEGAL, CODE_LIMIT, CODE_CURRENCY_MISMATCH,
               CODE_EXPIRED_REQUEST, CODE_OVERFLOW),
    MONEY_STEP("payment.get", OP_PAYMENT_GET, 6, CODE_OK, CODE_NOT_FOUND, CODE_CURRENCY_MISMATCH),
    MONEY_STEP("payment.authorize", OP_PAYMENT_AUTHORIZE, 14, CODE_OK, CODE_REPLAYED,
               CODE_KEY_REUSED, CODE_NOT_FOUND, CODE_ILLEGAL, CODE_LIMIT, CODE_CURRENCY_MISMATCH,
               CODE_EXPIRED_REQUEST, CODE_OVERFLOW),
    MONEY_STEP("payment.capture", OP_PAYMENT_CAPTURE, 16, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_LIMIT, CODE_CURRENCY_MISMATCH,
               CODE_EXPIRED_REQUEST, CODE_OVERFLOW),
    MONEY_STEP("payment.fail", OP_PAYMENT_FAIL, 12, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_CURRENCY_MISMATCH, CODE_EXPIRED_REQUEST),
    MONEY_STEP("payment.void", OP_PAYMENT_VOID, 20, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_CURRENCY_MISMATCH, CODE_EXPIRED_REQUEST),
    MONEY_STEP("payment.lose", OP_PAYMENT_LOSE, 12, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_CURRENCY_MISMATCH, CODE_EXPIRED_REQUEST),
    MONEY_STEP("refund.create", OP_REFUND_CREATE, 14, CODE_CREATED, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_LIMIT, CODE_INVALID, CODE_CURRENCY_MISMATCH,
               CODE_EXPIRED_REQUEST),
    MONEY_STEP("refund.process", OP_REFUND_PROCESS, 12, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_CURRENCY_MISMATCH, CODE_EXPIRED_REQUEST),
    MONEY_STEP("refund.succeed", OP_REFUND_SUCCEED, 10, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_CURRENCY_MISMATCH, CODE_EXPIRED_REQUEST),
    MONEY_STEP("refund.fail", OP_REFUND_FAIL, 10, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_CURRENCY_MISMATCH, CODE_EXPIRED_REQUEST),
    MONEY_STEP("refund.lose", OP_REFUND_LOSE, 10, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_ILLEGAL, CODE_CURRENCY_MISMATCH, CODE_EXPIRED_REQUEST),
    MONEY_STEP("payment notice", OP_PAYMENT_NOTICE, 36, CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED,
               CODE_NOT_FOUND, CODE_LIMIT, CODE_CURRENCY_MISMATCH, CODE_OVERFLOW),
    {.name = NULL},
};
