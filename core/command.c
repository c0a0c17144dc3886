#include "core/command.h"

#include <string.h>

static enum code wrong(struct command_fault *fault, enum code code, const char *field,
                       uint32_t line)
{
    *fault = (struct command_fault){.code = code, .field = field, .line = line};
    return code;
}

static uint32_t padded(uint32_t bytes)
{
    return (bytes + 7u) & ~7u;
}

static bool is_zero(const void *bytes, uint32_t count)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < count; i++)
        seen |= ((const uint8_t *)bytes)[i];
    return seen == 0;
}

/* Whether a command ends where its parts do. What is behind them must be zeros, since the digest of
 * a request covers all of its bytes. */
static bool ends_after(const struct command *command, uint32_t part_bytes)
{
    return command->bytes == padded(part_bytes) &&
           is_zero((const char *)command + part_bytes, command->bytes - part_bytes);
}

static struct text text_behind(const void *fixed, uint32_t fixed_bytes, uint32_t bytes)
{
    return (struct text){(const char *)fixed + fixed_bytes, bytes};
}

int64_t order_create_total(const struct order_create *create)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < create->line_count; i++)
        total += create->lines[i].unit_price * (int64_t)create->lines[i].units;
    const struct adjustment *adjustments = order_create_adjustments(create);
    for (uint32_t i = 0; i < create->adjustment_count; i++)
        total += adjustments[i].amount;
    return total;
}

/* ---- orders ------------------------------------------------------------------------------------ */

static enum code check_order_size(const struct order_create *create, struct command_fault *fault)
{
    uint32_t bytes = sizeof *create;
    if (create->head.bytes < bytes)
        return wrong(fault, CODE_MALFORMED, "order", 0);
    if (create->line_count == 0 || create->line_count > ORDER_LINES_MAX)
        return wrong(fault, CODE_INVALID, "lines", 0);
    if (create->adjustment_count > ADJUSTMENTS_MAX)
        return wrong(fault, CODE_INVALID, "adjustments", 0);
    bytes += create->line_count * (uint32_t)sizeof create->lines[0];
    bytes += create->adjustment_count * (uint32_t)sizeof(struct adjustment);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        bytes += create->text_bytes[i];
    return ends_after(&create->head, bytes) ? CODE_OK : wrong(fault, CODE_MALFORMED, "order", 0);
}

static const struct {
    const char *field;
    bool required;
    bool is_id;
} order_texts[ORDER_TEXTS] = {
    [ORDER_ID] = {"order_id", true, true},
    [ORDER_CUSTOMER] = {"customer", true, true},
    [ORDER_CHANNEL] = {"channel", false, true},
    [ORDER_REGION] = {"region", false, true},
    [ORDER_PAY_METHOD] = {"pay_method", false, true},
    [ORDER_CAMPAIGN] = {"campaign", false, false},
    [ORDER_SHIP_TO] = {"ship_to", false, false},
    [ORDER_DELIVERY] = {"delivery_method", false, false},
};

static enum code check_order_texts(const struct order_create *create, struct command_fault *fault)
{
    const char *at = order_create_text(create, ORDER_ID).at;
    for (uint32_t i = 0; i < ORDER_TEXTS; at += create->text_bytes[i], i++) {
        struct text text = {at, create->text_bytes[i]};
        if (text.bytes == 0 && !order_texts[i].required)
            continue;
        if (!(order_texts[i].is_id ? id_valid(text) : text_valid(text)))
            return wrong(fault, CODE_INVALID, order_texts[i].field, 0);
    }
    return CODE_OK;
}

static enum code check_order_money(const struct order_create *create, struct command_fault *fault)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < create->line_count; i++) {
        const struct command_line *line = &create->lines[i];
        int64_t amount;
        if (line->sku == 0)
            return wrong(fault, CODE_UNKNOWN_SKU, "sku", i + 1);
        if (line->units == 0)
            return wrong(fault, CODE_INVALID, "units", i + 1);
        if (line->unit_price < 0)
            return wrong(fault, CODE_INVALID, "unit_price", i + 1);
        if (__builtin_mul_overflow(line->unit_price, (int64_t)line->units, &amount) ||
            __builtin_add_overflow(total, amount, &total))
            return wrong(fault, CODE_OVERFLOW, "unit_price", i + 1);
    }
    const struct adjustment *adjustments = order_create_adjustments(create);
    for (uint32_t i = 0; i < create->adjustment_count; i++) {
        if (!is_zero(adjustments[i].zero, sizeof adjustments[i].zero))
            return wrong(fault, CODE_MALFORMED, "adjustments", i + 1);
        if (adjustments[i].kind > ADJUST_OTHER)
            return wrong(fault, CODE_INVALID, "kind", i + 1);
        if (__builtin_add_overflow(total, adjustments[i].amount, &total))
            return wrong(fault, CODE_OVERFLOW, "amount", i + 1);
    }
    return total >= 0 ? CODE_OK : wrong(fault, CODE_INVALID, "adjustments", 0);
}

static enum code check_order_create(const struct order_create *create, struct command_fault *fault)
{
    enum code code = check_order_size(create, fault);
    if (code == CODE_OK)
        code = check_order_texts(create, fault);
    if (code != CODE_OK)
        return code;
    if (currency_exponent(create->currency) < 0)
        return wrong(fault, CODE_INVALID, "currency", 0);
    if (create->prefer > PREFER_SINGLE_PARCEL)
        return wrong(fault, CODE_INVALID, "prefer", 0);
    return check_order_money(create, fault);
}

static enum code check_order_get(const struct order_get *get, struct command_fault *fault)
{
    if (get->head.bytes < sizeof *get || !is_zero(get->zero, sizeof get->zero) ||
        !ends_after(&get->head, (uint32_t)sizeof *get + get->id_bytes))
        return wrong(fault, CODE_MALFORMED, "order_id", 0);
    if (!id_valid(text_behind(get, sizeof *get, get->id_bytes)))
        return wrong(fault, CODE_INVALID, "order_id", 0);
    return CODE_OK;
}

static enum code check_order_list(const struct order_list *list, struct command_fault *fault)
{
    if (list->head.bytes < sizeof *list || list->slot >= SLOT_COUNT ||
        !ends_after(&list->head, (uint32_t)sizeof *list + list->customer_bytes + list->after_bytes +
                                     list->tracking_bytes))
        return wrong(fault, CODE_MALFORMED, "orders", 0);
    struct text customer = text_behind(list, sizeof *list, list->customer_bytes);
    struct text after = {customer.at + customer.bytes, list->after_bytes};
    struct text tracking = {after.at + after.bytes, list->tracking_bytes};
    if (!text_valid(tracking))
        return wrong(fault, CODE_INVALID, "tracking", 0);
    if (list->limit == 0 || list->limit > ORDER_LIST_MAX)
        return wrong(fault, CODE_INVALID, "limit", 0);
    if (customer.bytes > 0 && !id_valid(customer))
        return wrong(fault, CODE_INVALID, "customer", 0);
    if (after.bytes > 0 && (customer.bytes == 0 || !id_valid(after)))
        return wrong(fault, CODE_INVALID, "cursor", 0);
    return CODE_OK;
}

static enum code check_cancel_lines(const struct order_cancel *cancel, struct command_fault *fault)
{
    for (uint32_t i = 0; i < cancel->line_count; i++) {
        if (cancel->lines[i].line <= (i == 0 ? 0 : cancel->lines[i - 1].line))
            return wrong(fault, CODE_INVALID, "line", i + 1);
        if (cancel->lines[i].units == 0)
            return wrong(fault, CODE_INVALID, "units", i + 1);
    }
    return CODE_OK;
}

static enum code check_cancel_texts(const struct order_cancel *cancel, struct command_fault *fault)
{
    struct text id = {(const char *)(cancel->lines + cancel->line_count), cancel->id_bytes};
    struct text reason = {id.at + id.bytes, cancel->reason_bytes};
    struct text key = {reason.at + reason.bytes, cancel->key_bytes};
    if (!id_valid(id))
        return wrong(fault, CODE_INVALID, "order_id", 0);
    if (!text_valid(reason))
        return wrong(fault, CODE_INVALID, "reason", 0);
    return text_valid(key) ? CODE_OK : wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
}

static enum code check_order_cancel(const struct order_cancel *cancel, struct command_fault *fault)
{
    uint32_t bytes = sizeof *cancel;
    if (cancel->head.bytes < bytes || cancel->line_count > ORDER_LINES_MAX ||
        !is_zero(cancel->zero, sizeof cancel->zero))
        return wrong(fault, CODE_MALFORMED, "cancel", 0);
    bytes += cancel->line_count * (uint32_t)sizeof cancel->lines[0];
    bytes += (uint32_t)cancel->id_bytes + cancel->reason_bytes + cancel->key_bytes;
    if (!ends_after(&cancel->head, bytes))
        return wrong(fault, CODE_MALFORMED, "cancel", 0);
    enum code code = check_cancel_lines(cancel, fault);
    return code == CODE_OK ? check_cancel_texts(cancel, fault) : code;
}

/* ---- money ------------------------------------------------------------------------------------- */

struct text order_money_text(const struct order_money *money, enum money_text which)
{
    const char *at = (const char *)(money + 1);
    for (uint32_t i = 0; i < (uint32_t)which; i++)
        at += money->text_bytes[i];
    return (struct text){at, money->text_bytes[which]};
}

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
            return wrong(fault, CODE_MALFORMED, field, 0);
        if (text.bytes == 0 || !(money_texts[i].is_id ? id_valid(text) : text_valid(text)))
            return wrong(fault, CODE_INVALID, field, 0);
    }
    return CODE_OK;
}

static enum code check_notice(const struct order_money *money, struct command_fault *fault)
{
    if (money->head.op != OP_PAYMENT_NOTICE)
        return money->kind == 0 ? CODE_OK : wrong(fault, CODE_MALFORMED, "kind", 0);
    if (money->kind == 0 || money->kind >= NOTICE_KINDS)
        return wrong(fault, CODE_INVALID, "kind", 0);
    if (money->currency == 0)
        return wrong(fault, CODE_INVALID, "currency", 0);
    bool about_refund = money->kind >= NOTICE_REFUND_PROCESSING;
    return about_refund == (money->text_bytes[MONEY_REFUND] > 0)
               ? CODE_OK
               : wrong(fault, CODE_INVALID, "refund_id", 0);
}

static enum code check_money(const struct order_money *money, struct command_fault *fault)
{
    uint32_t bytes = sizeof *money;
    if (money->head.bytes < bytes || !is_zero(money->zero, sizeof money->zero))
        return wrong(fault, CODE_MALFORMED, "payment", 0);
    for (uint32_t i = 0; i < MONEY_TEXTS; i++)
        bytes += money->text_bytes[i];
    if (!ends_after(&money->head, bytes))
        return wrong(fault, CODE_MALFORMED, "payment", 0);
    enum code code = check_money_texts(money, fault);
    if (code != CODE_OK)
        return code;
    uint32_t op = money->head.op - OP_PAYMENT_CREATE;
    bool said = money->amount != MONEY_NOT_SAID;
    if (said ? money->amount < 0 || !money_ops[op].takes_amount : money_ops[op].needs_amount)
        return wrong(fault, CODE_INVALID, "amount", 0);
    if (money->currency != 0 && currency_exponent(money->currency) < 0)
        return wrong(fault, CODE_INVALID, "currency", 0);
    return check_notice(money, fault);
}

/* ---- orders as a whole, shipments, returns ----------------------------------------------------- */

static struct text nth_text(const char *at, const uint8_t *text_bytes, uint32_t which)
{
    for (uint32_t i = 0; i < which; i++)
        at += text_bytes[i];
    return (struct text){at, text_bytes[which]};
}

struct text order_act_text(const struct order_act *act, enum act_text which)
{
    return nth_text((const char *)(act + 1), act->text_bytes, which);
}

struct text order_parcel_text(const struct order_parcel *parcel, enum parcel_text which)
{
    return nth_text((const char *)(parcel->lines + parcel->line_count), parcel->text_bytes, which);
}

static enum code check_act(const struct order_act *act, struct command_fault *fault)
{
    bool reviews = act->head.op == OP_ORDER_REVIEW;
    uint32_t bytes = sizeof *act;
    if (act->head.bytes < bytes || !is_zero(act->zero, sizeof act->zero))
        return wrong(fault, CODE_MALFORMED, "order", 0);
    for (uint32_t i = 0; i < ACT_TEXTS; i++)
        bytes += act->text_bytes[i];
    if (!ends_after(&act->head, bytes))
        return wrong(fault, CODE_MALFORMED, "order", 0);
    if (reviews ? act->decision == 0 || act->decision > REVIEW_REJECT : act->decision != 0)
        return wrong(fault, CODE_INVALID, "decision", 0);
    if (!id_valid(order_act_text(act, ACT_ORDER)))
        return wrong(fault, CODE_INVALID, "order_id", 0);
    if (!text_valid(order_act_text(act, ACT_REASON)))
        return wrong(fault, CODE_INVALID, "reason", 0);
    return text_valid(order_act_text(act, ACT_KEY))
               ? CODE_OK
               : wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
}

enum {
    PARCEL_NAMED = 1 << PARCEL_ORDER | 1 << PARCEL_ID,
    PARCEL_SAID = 1 << PARCEL_REASON | 1 << PARCEL_KEY,
    PARCEL_SENT = 1 << PARCEL_CARRIER | 1 << PARCEL_TRACKING | 1 << PARCEL_METHOD,
    PARCEL_WHERE = 1 << PARCEL_WAREHOUSE,
};

/* What a command about a shipment or a return may say, besides which one it is. */
static const struct parcel_op {
    uint16_t op;
    uint16_t texts; /* a bit for each that it may have */
    uint8_t choice_min;
    uint8_t choice_max;
    bool takes_lines;
    bool rejects; /* the lines say what is rejected */
} parcel_ops[] = {
    {OP_SHIPMENT_CREATE, PARCEL_WHERE | PARCEL_SENT | PARCEL_SAID, 0, 0, true, false},
    {OP_SHIPMENT_GET, 0, 0, 0, false, false},
    {OP_SHIPMENT_PICK, PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_HAND_OVER, PARCEL_SENT | PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_DELIVER, PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_FAIL, PARCEL_SAID, FAIL_PICK_SHORT, FAIL_RETURNED_TO_SENDER, false, false},
    {OP_SHIPMENT_CANCEL, PARCEL_SAID, 0, 0, false, false},
    {OP_SHIPMENT_RESOLVE, PARCEL_WHERE | PARCEL_SAID, RESOLVE_REFUND, RESOLVE_RESHIP, false, false},
    {OP_RETURN_CREATE, PARCEL_SAID, RETURN_GOODS, RETURN_EXCHANGE, true, false},
    {OP_RETURN_GET, 0, 0, 0, false, false},
    {OP_RETURN_APPROVE, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_REFUSE, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_SHIP, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_RECEIVE, PARCEL_SAID, 0, 0, false, false},
    {OP_RETURN_INSPECT, PARCEL_WHERE | PARCEL_SAID, 0, 0, true, true},
    {OP_RETURN_CLOSE, PARCEL_SAID, 0, 0, false, false},
};

static const struct parcel_op *parcel_op_of(uint32_t op)
{
    uint32_t i = 0;
    while (parcel_ops[i].op != op)
        i++;
    return &parcel_ops[i];
}

static const struct {
    const char *field;
    bool is_id;
} parcel_texts[PARCEL_TEXTS] = {
    [PARCEL_ORDER] = {"order_id", true},      [PARCEL_ID] = {"shipment_id", true},
    [PARCEL_WAREHOUSE] = {"warehouse", true}, [PARCEL_CARRIER] = {"carrier", true},
    [PARCEL_TRACKING] = {"tracking", false},  [PARCEL_METHOD] = {"method", false},
    [PARCEL_REASON] = {"reason", false},      [PARCEL_KEY] = {"Idempotency-Key", false},
};

static enum code check_parcel_texts(const struct order_parcel *parcel, const struct parcel_op *op,
                                    struct command_fault *fault)
{
    uint32_t required = PARCEL_NAMED;
    for (uint32_t i = 0; i < PARCEL_TEXTS; i++) {
        struct text text = order_parcel_text(parcel, i);
        bool of_return = i == PARCEL_ID && parcel->head.op >= OP_RETURN_CREATE;
        const char *field = of_return ? "return_id" : parcel_texts[i].field;
        if (text.bytes == 0 && (required >> i & 1) == 0)
            continue;
        if (((required | op->texts) >> i & 1) == 0)
            return wrong(fault, CODE_MALFORMED, field, 0);
        if (!(parcel_texts[i].is_id ? id_valid(text) : text_valid(text)))
            return wrong(fault, CODE_INVALID, field, 0);
    }
    return CODE_OK;
}

static enum code check_parcel_lines(const struct order_parcel *parcel, const struct parcel_op *op,
                                    struct command_fault *fault)
{
    for (uint32_t i = 0; i < parcel->line_count; i++) {
        const struct parcel_line *line = &parcel->lines[i];
        if (line->zero != 0 || (line->rejected != 0 && !op->rejects))
            return wrong(fault, CODE_MALFORMED, "lines", i + 1);
        if (line->line <= (i == 0 ? 0 : parcel->lines[i - 1].line))
            return wrong(fault, CODE_INVALID, "line", i + 1);
        if (line->units == 0 && line->rejected == 0)
            return wrong(fault, CODE_INVALID, "units", i + 1);
    }
    return CODE_OK;
}

static enum code check_parcel(const struct order_parcel *parcel, struct command_fault *fault)
{
    const struct parcel_op *op = parcel_op_of(parcel->head.op);
    uint32_t bytes = sizeof *parcel;
    if (parcel->head.bytes < bytes || !is_zero(parcel->zero, sizeof parcel->zero) ||
        parcel->line_count > (op->takes_lines ? ORDER_LINES_MAX : 0) ||
        (parcel->eta_ns != 0 && parcel->head.op != OP_SHIPMENT_CREATE))
        return wrong(fault, CODE_MALFORMED, "parcel", 0);
    bytes += parcel->line_count * (uint32_t)sizeof parcel->lines[0];
    for (uint32_t i = 0; i < PARCEL_TEXTS; i++)
        bytes += parcel->text_bytes[i];
    if (!ends_after(&parcel->head, bytes))
        return wrong(fault, CODE_MALFORMED, "parcel", 0);
    if (parcel->choice < op->choice_min || parcel->choice > op->choice_max)
        return wrong(fault, CODE_INVALID, "choice", 0);
    enum code code = check_parcel_texts(parcel, op, fault);
    return code == CODE_OK ? check_parcel_lines(parcel, op, fault) : code;
}

struct text order_scans_text(const struct order_scans *scans, uint32_t which)
{
    const char *at = (const char *)(scans->scans + scans->scan_count);
    if (which == 0)
        return (struct text){at, scans->order_bytes};
    at += scans->order_bytes;
    if (which == 1)
        return (struct text){at, scans->shipment_bytes};
    at += scans->shipment_bytes;
    for (uint32_t i = 0; i < (which - 2) / 2; i++)
        at += scans->scans[i].code_bytes + scans->scans[i].place_bytes;
    const struct parcel_scan *scan = &scans->scans[(which - 2) / 2];
    if (which % 2 == 0)
        return (struct text){at, scan->code_bytes};
    return (struct text){at + scan->code_bytes, scan->place_bytes};
}

static enum code check_scans(const struct order_scans *scans, struct command_fault *fault)
{
    if (scans->head.bytes < sizeof *scans || !is_zero(scans->zero, sizeof scans->zero))
        return wrong(fault, CODE_MALFORMED, "scans", 0);
    if (scans->scan_count == 0 || scans->scan_count > SCANS_MAX)
        return wrong(fault, CODE_INVALID, "scans", 0);
    uint32_t bytes = (uint32_t)sizeof *scans + scans->order_bytes + scans->shipment_bytes;
    bytes += scans->scan_count * (uint32_t)sizeof scans->scans[0];
    if (scans->head.bytes < bytes)
        return wrong(fault, CODE_MALFORMED, "scans", 0);
    for (uint32_t i = 0; i < scans->scan_count; i++)
        bytes += (uint32_t)scans->scans[i].code_bytes + scans->scans[i].place_bytes;
    if (!ends_after(&scans->head, bytes))
        return wrong(fault, CODE_MALFORMED, "scans", 0);
    if (!id_valid(order_scans_text(scans, 0)))
        return wrong(fault, CODE_INVALID, "order_id", 0);
    if (!id_valid(order_scans_text(scans, 1)))
        return wrong(fault, CODE_INVALID, "shipment_id", 0);
    for (uint32_t i = 0; i < scans->scan_count; i++) {
        if (!is_zero(scans->scans[i].zero, sizeof scans->scans[i].zero))
            return wrong(fault, CODE_MALFORMED, "scans", i + 1);
        if (scans->scans[i].at_ns == 0)
            return wrong(fault, CODE_INVALID, "at", i + 1);
        if (!id_valid(order_scans_text(scans, 2 + 2 * i)))
            return wrong(fault, CODE_INVALID, "code", i + 1);
        if (!text_valid(order_scans_text(scans, 3 + 2 * i)))
            return wrong(fault, CODE_INVALID, "place", i + 1);
    }
    return CODE_OK;
}

/* ---- stock ------------------------------------------------------------------------------------- */

/* Units of a cell are counted in 64 bits, and their sums with a sign. */
static const uint64_t units_max = INT64_MAX / 2;

struct text sku_put_code(const struct sku_put *put)
{
    return (struct text){(const char *)(put->caps + put->cap_count), put->code_bytes};
}

static enum code check_sku_put_size(const struct sku_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put || put->zero != 0)
        return wrong(fault, CODE_MALFORMED, "sku", 0);
    if (put->cap_count > CHANNEL_CAPS_MAX)
        return wrong(fault, CODE_TOO_LARGE, "channel_caps", 0);
    uint32_t bytes = put->cap_count * (uint32_t)sizeof put->caps[0] + put->code_bytes;
    return ends_after(&put->head, (uint32_t)sizeof *put + bytes)
               ? CODE_OK
               : wrong(fault, CODE_MALFORMED, "sku", 0);
}

static bool same_channel(const struct sku_cap *a, const struct sku_cap *b)
{
    return a->channel_bytes == b->channel_bytes &&
           memcmp(a->channel, b->channel, a->channel_bytes) == 0;
}

bool sku_caps_valid(const struct sku_cap *said, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!id_valid((struct text){said[i].channel, said[i].channel_bytes}))
            return false;
        for (uint32_t j = 0; j < i; j++)
            if (same_channel(&said[i], &said[j]))
                return false;
    }
    return count <= CHANNEL_CAPS_MAX;
}

static enum code check_caps(const struct sku_put *put, struct command_fault *fault)
{
    for (uint32_t i = 0; i < put->cap_count; i++) {
        const struct sku_cap *cap = &put->caps[i];
        if (cap->channel_bytes > ID_BYTES_MAX || !is_zero(cap->zero, sizeof cap->zero) ||
            !is_zero(cap->channel + cap->channel_bytes, ID_BYTES_MAX - cap->channel_bytes))
            return wrong(fault, CODE_MALFORMED, "channel_caps", i + 1);
        if (cap->units > units_max)
            return wrong(fault, CODE_OVERFLOW, "channel_caps", i + 1);
    }
    return sku_caps_valid(put->caps, put->cap_count)
               ? CODE_OK
               : wrong(fault, CODE_INVALID, "channel_caps", 0);
}

static enum code check_sku_put(const struct sku_put *put, struct command_fault *fault)
{
    enum code code = check_sku_put_size(put, fault);
    if (code != CODE_OK)
        return code;
    if (!sku_code_valid(sku_put_code(put)))
        return wrong(fault, CODE_INVALID, "sku", 0);
    if (currency_exponent(put->currency) < 0)
        return wrong(fault, CODE_INVALID, "currency", 0);
    if (put->list_price < 0)
        return wrong(fault, CODE_INVALID, "list_price", 0);
    if (put->flags & ~SKU_FLASH)
        return wrong(fault, CODE_INVALID, "flags", 0);
    if ((put->max_per_customer == 0) != (put->customer_window_s == 0))
        return wrong(fault, CODE_INVALID, "max_per_customer", 0);
    return check_caps(put, fault);
}

static enum code check_sku_resolve(const struct sku_resolve *resolve, struct command_fault *fault)
{
    if (resolve->head.bytes < sizeof *resolve || !is_zero(resolve->zero, sizeof resolve->zero) ||
        !ends_after(&resolve->head, (uint32_t)sizeof *resolve + resolve->code_bytes))
        return wrong(fault, CODE_MALFORMED, "sku", 0);
    if (!sku_code_valid(text_behind(resolve, sizeof *resolve, resolve->code_bytes)))
        return wrong(fault, CODE_INVALID, "sku", 0);
    return CODE_OK;
}

static enum code check_stock_get(const struct stock_get *get, struct command_fault *fault)
{
    if (get->head.bytes != sizeof *get || get->zero != 0)
        return wrong(fault, CODE_MALFORMED, "sku", 0);
    return get->sku != 0 ? CODE_OK : wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
}

static enum code check_past_get(const struct past_get *get, struct command_fault *fault)
{
    bool of_order = get->head.op == OP_ORDER_HISTORY;
    if (get->head.bytes < sizeof *get ||
        !ends_after(&get->head, (uint32_t)sizeof *get + get->id_bytes) ||
        (of_order ? get->sku != 0 : get->id_bytes != 0) || (get->seq == 0 && get->index != 0))
        return wrong(fault, CODE_MALFORMED, "history", 0);
    if (get->limit == 0 || get->limit > PAST_EVENTS_MAX)
        return wrong(fault, CODE_INVALID, "limit", 0);
    if (!of_order)
        return get->sku != 0 ? CODE_OK : wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    return id_valid(past_get_order(get)) ? CODE_OK : wrong(fault, CODE_INVALID, "order_id", 0);
}

static enum code check_receive_texts(const struct stock_receive *receive,
                                     struct command_fault *fault)
{
    struct text warehouse = text_behind(receive, sizeof *receive, receive->warehouse_bytes);
    struct text key = {warehouse.at + warehouse.bytes, receive->key_bytes};
    if (!id_valid(warehouse))
        return wrong(fault, CODE_INVALID, "warehouse", 0);
    if (key.bytes == 0)
        return wrong(fault, CODE_KEY_MISSING, "Idempotency-Key", 0);
    return text_valid(key) ? CODE_OK : wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
}

static enum code check_stock_receive(const struct stock_receive *receive,
                                     struct command_fault *fault)
{
    if (receive->head.bytes < sizeof *receive || !is_zero(receive->zero, sizeof receive->zero) ||
        !ends_after(&receive->head,
                    (uint32_t)sizeof *receive + receive->warehouse_bytes + receive->key_bytes))
        return wrong(fault, CODE_MALFORMED, "receive", 0);
    if (receive->sku == 0)
        return wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (receive->ok_units > units_max)
        return wrong(fault, CODE_OVERFLOW, "ok", 0);
    if (receive->damaged_units > units_max)
        return wrong(fault, CODE_OVERFLOW, "damaged", 0);
    if (receive->ok_units + receive->damaged_units == 0)
        return wrong(fault, CODE_INVALID, "ok", 0);
    return check_receive_texts(receive, fault);
}

static enum code check_change_texts(const struct stock_change *change, struct command_fault *fault)
{
    struct text warehouse = {(const char *)(change + 1), change->warehouse_bytes};
    struct text key = {warehouse.at + warehouse.bytes, change->key_bytes};
    struct text reason = {key.at + key.bytes, change->reason_bytes};
    if (!id_valid(warehouse))
        return wrong(fault, CODE_INVALID, "warehouse", 0);
    if (key.bytes == 0)
        return wrong(fault, CODE_KEY_MISSING, "Idempotency-Key", 0);
    if (!text_valid(key))
        return wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
    return text_valid(reason) ? CODE_OK : wrong(fault, CODE_INVALID, "reason", 0);
}

static enum code check_stock_change(const struct stock_change *change, struct command_fault *fault)
{
    bool adjusts = change->head.op == OP_STOCK_ADJUST;
    bool counts = change->head.op == OP_STOCK_COUNT;
    if (change->head.bytes < sizeof *change || change->zero != 0 ||
        !ends_after(&change->head, (uint32_t)sizeof *change + change->warehouse_bytes +
                                       change->key_bytes + change->reason_bytes))
        return wrong(fault, CODE_MALFORMED, "stock", 0);
    if (change->sku == 0)
        return wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (change->units > (int64_t)units_max || change->units < -(int64_t)units_max)
        return wrong(fault, CODE_OVERFLOW, "units", 0);
    if ((change->units < 0 && !adjusts) || (change->units == 0 && !counts))
        return wrong(fault, CODE_INVALID, "units", 0);
    if (counts && change->if_version == STOCK_ANY_VERSION)
        return wrong(fault, CODE_MATCH_REQUIRED, "If-Match", 0);
    return check_change_texts(change, fault);
}

static enum code check_stock_policy(const struct stock_policy *policy, struct command_fault *fault)
{
    if (policy->head.bytes < sizeof *policy || !is_zero(policy->zero, sizeof policy->zero) ||
        !ends_after(&policy->head, (uint32_t)sizeof *policy + policy->warehouse_bytes))
        return wrong(fault, CODE_MALFORMED, "policy", 0);
    if (policy->sku == 0)
        return wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (!id_valid((struct text){(const char *)(policy + 1), policy->warehouse_bytes}))
        return wrong(fault, CODE_INVALID, "warehouse", 0);
    if (policy->safety > units_max)
        return wrong(fault, CODE_OVERFLOW, "safety", 0);
    return policy->reorder_point <= units_max ? CODE_OK
                                              : wrong(fault, CODE_OVERFLOW, "reorder_point", 0);
}

static enum code check_rules_put(const struct rules_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put || put->zero != 0)
        return wrong(fault, CODE_MALFORMED, "rules", 0);
    if (put->text_bytes > RULES_BYTES_MAX)
        return wrong(fault, CODE_TOO_LARGE, "rules", 0);
    return ends_after(&put->head, (uint32_t)sizeof *put + put->text_bytes)
               ? CODE_OK
               : wrong(fault, CODE_MALFORMED, "rules", 0);
}

static enum code check_rules_get(const struct rules_get *get, struct command_fault *fault)
{
    return get->head.bytes == sizeof *get ? CODE_OK : wrong(fault, CODE_MALFORMED, "rules", 0);
}

static enum code check_transfer_ship(const struct transfer_ship *ship, struct command_fault *fault)
{
    if (ship->head.bytes < sizeof *ship || ship->zero != 0 ||
        !ends_after(&ship->head,
                    (uint32_t)sizeof *ship + ship->from_bytes + ship->to_bytes + ship->id_bytes))
        return wrong(fault, CODE_MALFORMED, "transfer", 0);
    struct text from = text_behind(ship, sizeof *ship, ship->from_bytes);
    struct text to = {from.at + from.bytes, ship->to_bytes};
    if (ship->sku == 0)
        return wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (!id_valid(from))
        return wrong(fault, CODE_INVALID, "from", 0);
    if (!id_valid(to) || (to.bytes == from.bytes && memcmp(to.at, from.at, to.bytes) == 0))
        return wrong(fault, CODE_INVALID, "to", 0);
    if (!id_valid((struct text){to.at + to.bytes, ship->id_bytes}))
        return wrong(fault, CODE_INVALID, "transfer_id", 0);
    if (ship->units > units_max)
        return wrong(fault, CODE_OVERFLOW, "units", 0);
    return ship->units > 0 ? CODE_OK : wrong(fault, CODE_INVALID, "units", 0);
}

static enum code check_transfer_receive(const struct transfer_receive *receive,
                                        struct command_fault *fault)
{
    if (receive->head.bytes < sizeof *receive || !is_zero(receive->zero, sizeof receive->zero) ||
        !ends_after(&receive->head,
                    (uint32_t)sizeof *receive + receive->id_bytes + receive->key_bytes))
        return wrong(fault, CODE_MALFORMED, "transfer", 0);
    struct text id = text_behind(receive, sizeof *receive, receive->id_bytes);
    if (receive->sku == 0)
        return wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (!id_valid(id))
        return wrong(fault, CODE_INVALID, "transfer_id", 0);
    if (!text_valid((struct text){id.at + id.bytes, receive->key_bytes}))
        return wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
    if (receive->ok > units_max)
        return wrong(fault, CODE_OVERFLOW, "ok", 0);
    if (receive->damaged > units_max)
        return wrong(fault, CODE_OVERFLOW, "damaged", 0);
    if (receive->lost > units_max)
        return wrong(fault, CODE_OVERFLOW, "lost", 0);
    return receive->ok + receive->damaged + receive->lost > 0 ? CODE_OK
                                                              : wrong(fault, CODE_INVALID, "ok", 0);
}

static enum code check_transfer_get(const struct transfer_get *get, struct command_fault *fault)
{
    if (get->head.bytes < sizeof *get || !is_zero(get->zero, sizeof get->zero) ||
        !ends_after(&get->head, (uint32_t)sizeof *get + get->id_bytes))
        return wrong(fault, CODE_MALFORMED, "transfer", 0);
    if (get->sku == 0)
        return wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    return id_valid(text_behind(get, sizeof *get, get->id_bytes))
               ? CODE_OK
               : wrong(fault, CODE_INVALID, "transfer_id", 0);
}

static enum code check_cell_list(const struct cell_list *list, struct command_fault *fault)
{
    if (list->head.bytes != sizeof *list || !is_zero(list->zero, sizeof list->zero) ||
        list->slot >= SLOT_COUNT || list->wanted > CELLS_WARNED)
        return wrong(fault, CODE_MALFORMED, "cells", 0);
    return list->limit >= WAREHOUSES_MAX && list->limit <= CELL_LIST_MAX
               ? CODE_OK
               : wrong(fault, CODE_INVALID, "limit", 0);
}

static enum code check_warehouse_put(const struct warehouse_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put || !is_zero(put->zero, sizeof put->zero) ||
        !ends_after(&put->head, (uint32_t)sizeof *put + put->id_bytes))
        return wrong(fault, CODE_MALFORMED, "warehouse", 0);
    if (!id_valid(text_behind(put, sizeof *put, put->id_bytes)))
        return wrong(fault, CODE_INVALID, "warehouse", 0);
    return CODE_OK;
}

struct text region_costs_region(const struct region_costs *costs)
{
    return (struct text){(const char *)(costs->rows + costs->row_count), costs->region_bytes};
}

struct text region_costs_warehouse(const struct region_costs *costs, uint32_t which)
{
    struct text region = region_costs_region(costs);
    const char *at = region.at + region.bytes;
    for (uint32_t i = 0; i < which; i++)
        at += costs->warehouse_bytes[i];
    return (struct text){at, costs->warehouse_bytes[which]};
}

static enum code check_costs_size(const struct region_costs *costs, struct command_fault *fault)
{
    uint32_t bytes = sizeof *costs;
    if (costs->head.bytes < bytes || costs->zero != 0)
        return wrong(fault, CODE_MALFORMED, "costs", 0);
    if (costs->row_count > COST_ROWS_MAX || costs->warehouse_count > WAREHOUSES_MAX)
        return wrong(fault, CODE_TOO_LARGE, "warehouses", 0);
    bytes += costs->row_count * (uint32_t)sizeof costs->rows[0] + costs->region_bytes;
    for (uint32_t i = 0; i < WAREHOUSES_MAX; i++)
        bytes += costs->warehouse_bytes[i];
    if (!is_zero(costs->warehouse_bytes + costs->warehouse_count,
                 WAREHOUSES_MAX - costs->warehouse_count) ||
        !ends_after(&costs->head, bytes))
        return wrong(fault, CODE_MALFORMED, "costs", 0);
    return CODE_OK;
}

static enum code check_cost_rows(const struct region_costs *costs, struct command_fault *fault)
{
    uint64_t sum[WAREHOUSES_MAX] = {0};
    for (uint32_t i = 0; i < costs->row_count; i++) {
        const struct cost_row *row = &costs->rows[i];
        uint64_t cost = (uint64_t)row->distance * row->weight;
        if (row->warehouse >= costs->warehouse_count || !is_zero(row->zero, sizeof row->zero))
            return wrong(fault, CODE_MALFORMED, "rows", i + 1);
        if (__builtin_add_overflow(sum[row->warehouse], cost, &sum[row->warehouse]))
            return wrong(fault, CODE_OVERFLOW, "distance", i + 1);
    }
    return CODE_OK;
}

static enum code check_region_costs(const struct region_costs *costs, struct command_fault *fault)
{
    enum code code = check_costs_size(costs, fault);
    if (code != CODE_OK)
        return code;
    if (!id_valid(region_costs_region(costs)))
        return wrong(fault, CODE_INVALID, "region", 0);
    for (uint32_t i = 0; i < costs->warehouse_count; i++)
        if (!id_valid(region_costs_warehouse(costs, i)))
            return wrong(fault, CODE_INVALID, "warehouses", 0);
    return check_cost_rows(costs, fault);
}

/* ---- any --------------------------------------------------------------------------------------- */

enum code command_check(const struct command *command, uint64_t available,
                        struct command_fault *fault)
{
    if (available < sizeof *command || command->bytes < sizeof *command ||
        command->bytes > available || command->bytes % 8 != 0)
        return wrong(fault, CODE_MALFORMED, "bytes", 0);
    if (command->bytes > COMMAND_BYTES_MAX)
        return wrong(fault, CODE_TOO_LARGE, "bytes", 0);
    if (command->flags & ~(COMMAND_WANT_RECORD | COMMAND_QUOTE) ||
        (command->flags & COMMAND_QUOTE && command->op != OP_ORDER_CREATE))
        return wrong(fault, CODE_MALFORMED, "flags", 0);
    switch ((enum op)command->op) {
    case OP_ORDER_CREATE:
        return check_order_create((const void *)command, fault);
    case OP_ORDER_GET:
        return check_order_get((const void *)command, fault);
    case OP_ORDER_CANCEL:
        return check_order_cancel((const void *)command, fault);
    case OP_ORDER_LIST:
        return check_order_list((const void *)command, fault);
    case OP_PAYMENT_CREATE:
    case OP_PAYMENT_GET:
    case OP_PAYMENT_AUTHORIZE:
    case OP_PAYMENT_CAPTURE:
    case OP_PAYMENT_FAIL:
    case OP_PAYMENT_VOID:
    case OP_PAYMENT_LOSE:
    case OP_REFUND_CREATE:
    case OP_REFUND_PROCESS:
    case OP_REFUND_SUCCEED:
    case OP_REFUND_FAIL:
    case OP_REFUND_LOSE:
    case OP_PAYMENT_NOTICE:
        return check_money((const void *)command, fault);
    case OP_SKU_PUT:
        return check_sku_put((const void *)command, fault);
    case OP_SKU_RESOLVE:
        return check_sku_resolve((const void *)command, fault);
    case OP_STOCK_GET:
    case OP_SKU_GET:
        return check_stock_get((const void *)command, fault);
    case OP_ORDER_HISTORY:
    case OP_STOCK_MOVEMENTS:
        return check_past_get((const void *)command, fault);
    case OP_STOCK_RECEIVE:
        return check_stock_receive((const void *)command, fault);
    case OP_STOCK_EXPECT:
    case OP_STOCK_ADJUST:
    case OP_STOCK_QUARANTINE:
    case OP_STOCK_CLEAR:
    case OP_STOCK_WRITE_OFF:
    case OP_STOCK_COUNT:
        return check_stock_change((const void *)command, fault);
    case OP_STOCK_POLICY:
        return check_stock_policy((const void *)command, fault);
    case OP_ORDER_REVIEW:
    case OP_ORDER_CONFIRM:
        return check_act((const void *)command, fault);
    case OP_SHIPMENT_CREATE:
    case OP_SHIPMENT_GET:
    case OP_SHIPMENT_PICK:
    case OP_SHIPMENT_HAND_OVER:
    case OP_SHIPMENT_DELIVER:
    case OP_SHIPMENT_FAIL:
    case OP_SHIPMENT_CANCEL:
    case OP_SHIPMENT_RESOLVE:
    case OP_RETURN_CREATE:
    case OP_RETURN_GET:
    case OP_RETURN_APPROVE:
    case OP_RETURN_REFUSE:
    case OP_RETURN_SHIP:
    case OP_RETURN_RECEIVE:
    case OP_RETURN_INSPECT:
    case OP_RETURN_CLOSE:
        return check_parcel((const void *)command, fault);
    case OP_SHIPMENT_SCAN:
        return check_scans((const void *)command, fault);
    case OP_RULES_PUT:
        return check_rules_put((const void *)command, fault);
    case OP_RULES_GET:
        return check_rules_get((const void *)command, fault);
    case OP_TRANSFER_SHIP:
        return check_transfer_ship((const void *)command, fault);
    case OP_TRANSFER_RECEIVE:
        return check_transfer_receive((const void *)command, fault);
    case OP_TRANSFER_GET:
        return check_transfer_get((const void *)command, fault);
    case OP_CELL_LIST:
        return check_cell_list((const void *)command, fault);
    case OP_WAREHOUSE_PUT:
        return check_warehouse_put((const void *)command, fault);
    case OP_REGION_COSTS:
        return check_region_costs((const void *)command, fault);
    case OP_AUDIT:
        return command->bytes == sizeof *command ? CODE_OK
                                                 : wrong(fault, CODE_MALFORMED, "bytes", 0);
    }
    return wrong(fault, CODE_MALFORMED, "op", 0);
}

static uint32_t slot_of(struct text key)
{
    return hash_slot(key_hash(key));
}

bool command_only_looks(const struct command *command)
{
    static const enum op looks[] = {
        OP_ORDER_HISTORY, OP_STOCK_MOVEMENTS, OP_ORDER_GET, OP_ORDER_LIST,  OP_PAYMENT_GET,
        OP_SHIPMENT_GET,  OP_RETURN_GET,      OP_RULES_GET, OP_SKU_RESOLVE, OP_STOCK_GET,
        OP_SKU_GET,       OP_TRANSFER_GET,    OP_CELL_LIST, OP_AUDIT};
    for (uint32_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        if (command->op == looks[i])
            return true;
    return false;
}

/* Where a command is decided: at an order's home, or in a slot. */
struct home {
    struct text order; /* 0 bytes: it is not addressed through an order */
    uint32_t slot;
};

static struct home of_order(struct text id)
{
    return (struct home){.order = id};
}

static struct home of_slot(uint32_t slot)
{
    return (struct home){.slot = slot};
}

static struct home home_of(const struct command *command)
{
    const void *fixed = command;
    switch ((enum op)command->op) {
    case OP_ORDER_CREATE:
        return of_order(order_create_text(fixed, ORDER_ID));
    case OP_ORDER_GET: {
        const struct order_get *get = fixed;
        return of_order(text_behind(get, sizeof *get, get->id_bytes));
    }
    case OP_ORDER_CANCEL: {
        const struct order_cancel *cancel = (const void *)command;
        const char *id = (const char *)(cancel->lines + cancel->line_count);
        return of_order((struct text){id, cancel->id_bytes});
    }
    case OP_PAYMENT_CREATE:
    case OP_PAYMENT_GET:
    case OP_PAYMENT_AUTHORIZE:
    case OP_PAYMENT_CAPTURE:
    case OP_PAYMENT_FAIL:
    case OP_PAYMENT_VOID:
    case OP_PAYMENT_LOSE:
    case OP_REFUND_CREATE:
    case OP_REFUND_PROCESS:
    case OP_REFUND_SUCCEED:
    case OP_REFUND_FAIL:
    case OP_REFUND_LOSE:
    case OP_PAYMENT_NOTICE:
        return of_order(order_money_text(fixed, MONEY_ORDER));
    case OP_ORDER_LIST:
        return of_slot(((const struct order_list *)fixed)->slot);
    case OP_SKU_PUT: {
        const struct sku_put *put = fixed;
        return of_slot(slot_of(sku_put_code(put)));
    }
    case OP_ORDER_HISTORY:
        return of_order(past_get_order(fixed));
    case OP_STOCK_GET:
    case OP_SKU_GET:
        return of_slot(sku_slot(((const struct stock_get *)fixed)->sku));
    case OP_STOCK_RECEIVE:
        return of_slot(sku_slot(((const struct stock_receive *)fixed)->sku));
    case OP_STOCK_EXPECT:
    case OP_STOCK_ADJUST:
    case OP_STOCK_QUARANTINE:
    case OP_STOCK_CLEAR:
    case OP_STOCK_WRITE_OFF:
    case OP_STOCK_COUNT:
        return of_slot(sku_slot(((const struct stock_change *)(const void *)command)->sku));
    case OP_STOCK_POLICY:
        return of_slot(sku_slot(((const struct stock_policy *)(const void *)command)->sku));
    case OP_ORDER_REVIEW:
    case OP_ORDER_CONFIRM:
        return of_order(order_act_text(fixed, ACT_ORDER));
    case OP_SHIPMENT_CREATE:
    case OP_SHIPMENT_GET:
    case OP_SHIPMENT_PICK:
    case OP_SHIPMENT_HAND_OVER:
    case OP_SHIPMENT_DELIVER:
    case OP_SHIPMENT_FAIL:
    case OP_SHIPMENT_CANCEL:
    case OP_SHIPMENT_RESOLVE:
    case OP_RETURN_CREATE:
    case OP_RETURN_GET:
    case OP_RETURN_APPROVE:
    case OP_RETURN_REFUSE:
    case OP_RETURN_SHIP:
    case OP_RETURN_RECEIVE:
    case OP_RETURN_INSPECT:
    case OP_RETURN_CLOSE:
        return of_order(order_parcel_text(fixed, PARCEL_ORDER));
    case OP_SHIPMENT_SCAN:
        return of_order(order_scans_text(fixed, 0));
    case OP_TRANSFER_SHIP:
        return of_slot(sku_slot(((const struct transfer_ship *)fixed)->sku));
    case OP_TRANSFER_RECEIVE:
        return of_slot(sku_slot(((const struct transfer_receive *)fixed)->sku));
    case OP_TRANSFER_GET:
        return of_slot(sku_slot(((const struct transfer_get *)fixed)->sku));
    case OP_CELL_LIST:
        return of_slot(((const struct cell_list *)fixed)->slot);
    case OP_RULES_PUT:
    case OP_RULES_GET:
    case OP_WAREHOUSE_PUT:
    case OP_REGION_COSTS:
    case OP_AUDIT:
        return of_slot(TOPOLOGY_SLOT);
    case OP_SKU_RESOLVE:
    case OP_STOCK_MOVEMENTS:
        break;
    }
    return of_slot(SLOT_COUNT);
}

struct text command_order(const struct command *command)
{
    return home_of(command).order;
}

uint32_t command_slot(const struct command *command)
{
    struct home home = home_of(command);
    return home.order.bytes > 0 ? slot_of(home.order) : home.slot;
}
