#include "core/command_check.h"

static const struct {
    const char *field;
    bool is_id;
} money_texts[MONEY_TEXTS] = {
    [MONEY_ORDER] = {"order_id", true},   [MONEY_PAYMENT] = {"payment_id", true},
    [MONEY_REFUND] = {"refund_id", true}, [MONEY_METHOD] = {"method", true},
    [MONEY_REASON] = {"reason", false},   [MONEY_KEY] = {"Idempotency-Key", false},
};

enum {
    HAS_ORDER = 1 << MONEY_ORDER,
    HAS_PAYMENT = HAS_ORDER | 1 << MONEY_PAYMENT,
    HAS_REFUND = HAS_PAYMENT | 1 << MONEY_REFUND,
    HAS_METHOD = 1 << MONEY_METHOD,
    HAS_REASON = 1 << MONEY_REASON,
    HAS_KEY = 1 << MONEY_KEY,
};

/* What each operation must have, and what it may have besides. */
static const struct {
    uint8_t required;
    uint8_t optional;
    bool takes_amount;
    bool needs_amount;
} money_ops[OP_PAYMENT_NOTICE - OP_PAYMENT_CREATE + 1] = {
#define OP_ROW(op) [(op)-OP_PAYMENT_CREATE]
    OP_ROW(OP_PAYMENT_CREATE) = {HAS_PAYMENT, HAS_METHOD, true, true},
    OP_ROW(OP_PAYMENT_GET) = {HAS_PAYMENT, 0, false, false},
    OP_ROW(OP_PAYMENT_AUTHORIZE) = {HAS_PAYMENT, HAS_KEY, true, false},
    OP_ROW(OP_PAYMENT_CAPTURE) = {HAS_PAYMENT, HAS_KEY, true, false},
    OP_ROW(OP_PAYMENT_FAIL) = {HAS_PAYMENT, HAS_KEY | HAS_REASON, false, false},
    OP_ROW(OP_PAYMENT_VOID) = {HAS_PAYMENT, HAS_KEY | HAS_REASON, false, false},
    OP_ROW(OP_PAYMENT_LOSE) = {HAS_PAYMENT, HAS_KEY | HAS_REASON, false, false},
    OP_ROW(OP_REFUND_CREATE) = {HAS_REFUND, HAS_REASON, true, false},
    OP_ROW(OP_REFUND_PROCESS) = {HAS_REFUND, HAS_KEY | HAS_REASON, false, false},
    OP_ROW(OP_REFUND_SUCCEED) = {HAS_REFUND, HAS_KEY | HAS_REASON, false, false},
    OP_ROW(OP_REFUND_FAIL) = {HAS_REFUND, HAS_KEY | HAS_REASON, false, false},
    OP_ROW(OP_REFUND_LOSE) = {HAS_REFUND, HAS_KEY | HAS_REASON, false, false},
    OP_ROW(OP_PAYMENT_NOTICE) = {HAS_PAYMENT | HAS_METHOD | HAS_KEY, 1 << MONEY_REFUND | HAS_REASON,
                                 true, true},
#undef OP_ROW
};

static enum code check_money_texts(const struct order_money *money, struct command_fault *fault)
{
    uint32_t op = money->head.op - OP_PAYMENT_CREATE;
    bool is_notice = money->head.op == OP_PAYMENT_NOTICE;
    for (uint32_t i = 0; i < MONEY_TEXTS; i++) {
        struct text text = order_money_text(money, i);
        const char *field = is_notice && i == MONEY_KEY      ? "notice_id"
                            : is_notice && i == MONEY_METHOD ? "provider"
                                                             : money_texts[i].field;
        bool required = money_ops[op].required >> i & 1;
        if (text.bytes == 0 && !required)
            continue;
        if (!(money_ops[op].optional >> i & 1) && !required)
            return check_wrong(fault, CODE_MALFORMED, field, 0);
        if (text.bytes == 0 || !(money_texts[i].is_id ? id_valid(text) : text_valid(text)))
            return check_wrong(fault, CODE_INVALID, field, 0);
    }
    return CODE_OK;
}

static enum code check_notice(const struct order_money *money, struct command_fault *fault)
{
    if (money->head.op != OP_PAYMENT_NOTICE)
        return money->kind == 0 ? CODE_OK : check_wrong(fault, CODE_MALFORMED, "kind", 0);
    if (money->kind == 0 || money->kind >= NOTICE_KINDS)
        return check_wrong(fault, CODE_INVALID, "kind", 0);
    if (money->currency == 0)
        return check_wrong(fault, CODE_INVALID, "currency", 0);
    bool about_refund = money->kind >= NOTICE_REFUND_PROCESSING;
    return about_refund == (money->text_bytes[MONEY_REFUND] > 0)
               ? CODE_OK
               : check_wrong(fault, CODE_INVALID, "refund_id", 0);
}

enum code check_money(const struct order_money *money, struct command_fault *fault)
{
    uint32_t bytes = sizeof *money;
    if (money->head.bytes < bytes || !check_is_zero(money->zero, sizeof money->zero))
        return check_wrong(fault, CODE_MALFORMED, "payment", 0);
    for (uint32_t i = 0; i < MONEY_TEXTS; i++)
        bytes += money->text_bytes[i];
    if (!check_ends_after(&money->head, bytes))
        return check_wrong(fault, CODE_MALFORMED, "payment", 0);
    enum code code = check_money_texts(money, fault);
    if (code != CODE_OK)
        return code;
    uint32_t op = money->head.op - OP_PAYMENT_CREATE;
    bool said = money->amount != MONEY_NOT_SAID;
    if (said ? money->amount < 0 || !money_ops[op].takes_amount : money_ops[op].needs_amount)
        return check_wrong(fault, CODE_INVALID, "amount", 0);
    if (money->currency != 0 && currency_exponent(money->currency) < 0)
        return check_wrong(fault, CODE_INVALID, "currency", 0);
    return check_notice(money, fault);
}
