#include "core/command.h"

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

const struct adjustment *order_create_adjustments(const struct order_create *create)
{
    return (const void *)(create->lines + create->line_count);
}

struct text order_create_text(const struct order_create *create, enum order_text which)
{
    const char *at = (const char *)(order_create_adjustments(create) + create->adjustment_count);
    for (uint32_t i = 0; i < (uint32_t)which; i++)
        at += create->text_bytes[i];
    return (struct text){at, create->text_bytes[which]};
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
    return create->head.bytes == padded(bytes) ? CODE_OK : wrong(fault, CODE_MALFORMED, "order", 0);
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

/* Well-formed UTF-8 without control characters is the front end's business; here only NUL and other
 * control bytes are kept out of the log and of lists. */
static bool is_plain(struct text text)
{
    if (text.bytes > TEXT_BYTES_MAX)
        return false;
    for (uint32_t i = 0; i < text.bytes; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
            return false;
    return true;
}

static enum code check_order_texts(const struct order_create *create, struct command_fault *fault)
{
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        struct text text = order_create_text(create, (enum order_text)i);
        if (text.bytes == 0 && !order_texts[i].required)
            continue;
        if (!(order_texts[i].is_id ? id_valid(text) : is_plain(text)))
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
    if (get->head.bytes < sizeof *get ||
        get->head.bytes != padded((uint32_t)sizeof *get + get->id_bytes))
        return wrong(fault, CODE_MALFORMED, "order_id", 0);
    if (!id_valid((struct text){(const char *)(get + 1), get->id_bytes}))
        return wrong(fault, CODE_INVALID, "order_id", 0);
    return CODE_OK;
}

static enum code check_order_cancel(const struct order_cancel *cancel, struct command_fault *fault)
{
    uint32_t bytes = sizeof *cancel;
    if (cancel->head.bytes < bytes || cancel->line_count > ORDER_LINES_MAX)
        return wrong(fault, CODE_MALFORMED, "cancel", 0);
    bytes += cancel->line_count * (uint32_t)sizeof cancel->lines[0];
    if (cancel->head.bytes !=
        padded(bytes + cancel->id_bytes + cancel->reason_bytes + cancel->key_bytes))
        return wrong(fault, CODE_MALFORMED, "cancel", 0);
    for (uint32_t i = 0; i < cancel->line_count; i++) {
        if (cancel->lines[i].line <= (i == 0 ? 0 : cancel->lines[i - 1].line))
            return wrong(fault, CODE_INVALID, "line", i + 1);
        if (cancel->lines[i].units == 0)
            return wrong(fault, CODE_INVALID, "units", i + 1);
    }
    struct text id = {(const char *)(cancel->lines + cancel->line_count), cancel->id_bytes};
    struct text reason = {id.at + id.bytes, cancel->reason_bytes};
    struct text key = {reason.at + reason.bytes, cancel->key_bytes};
    if (!id_valid(id))
        return wrong(fault, CODE_INVALID, "order_id", 0);
    if (!is_plain(reason))
        return wrong(fault, CODE_INVALID, "reason", 0);
    return is_plain(key) ? CODE_OK : wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
}

/* ---- stock ------------------------------------------------------------------------------------- */

static enum code check_sku_put(const struct sku_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put ||
        put->head.bytes != padded((uint32_t)sizeof *put + put->code_bytes))
        return wrong(fault, CODE_MALFORMED, "sku", 0);
    if (!sku_code_valid((struct text){(const char *)(put + 1), put->code_bytes}))
        return wrong(fault, CODE_INVALID, "sku", 0);
    if (currency_exponent(put->currency) < 0)
        return wrong(fault, CODE_INVALID, "currency", 0);
    if (put->list_price < 0)
        return wrong(fault, CODE_INVALID, "list_price", 0);
    if (put->flags & ~SKU_FLASH)
        return wrong(fault, CODE_INVALID, "flags", 0);
    if ((put->max_per_customer == 0) != (put->customer_window_s == 0))
        return wrong(fault, CODE_INVALID, "max_per_customer", 0);
    return CODE_OK;
}

static enum code check_sku_resolve(const struct sku_resolve *resolve, struct command_fault *fault)
{
    if (resolve->head.bytes < sizeof *resolve ||
        resolve->head.bytes != padded((uint32_t)sizeof *resolve + resolve->code_bytes))
        return wrong(fault, CODE_MALFORMED, "sku", 0);
    if (!sku_code_valid((struct text){(const char *)(resolve + 1), resolve->code_bytes}))
        return wrong(fault, CODE_INVALID, "sku", 0);
    return CODE_OK;
}

static enum code check_stock_get(const struct stock_get *get, struct command_fault *fault)
{
    if (get->head.bytes != sizeof *get)
        return wrong(fault, CODE_MALFORMED, "sku", 0);
    return get->sku != 0 ? CODE_OK : wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
}

static enum code check_stock_receive(const struct stock_receive *receive,
                                     struct command_fault *fault)
{
    uint32_t bytes = sizeof *receive;
    if (receive->head.bytes < bytes ||
        receive->head.bytes != padded(bytes + receive->warehouse_bytes + receive->key_bytes))
        return wrong(fault, CODE_MALFORMED, "receive", 0);
    const char *texts = (const char *)(receive + 1);
    if (receive->sku == 0)
        return wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (!id_valid((struct text){texts, receive->warehouse_bytes}))
        return wrong(fault, CODE_INVALID, "warehouse", 0);
    if (receive->key_bytes == 0)
        return wrong(fault, CODE_KEY_MISSING, "Idempotency-Key", 0);
    if (!is_plain((struct text){texts + receive->warehouse_bytes, receive->key_bytes}))
        return wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
    if (receive->ok_units > INT64_MAX / 2 || receive->damaged_units > INT64_MAX / 2)
        return wrong(fault, CODE_OVERFLOW, "ok", 0);
    if (receive->ok_units + receive->damaged_units == 0)
        return wrong(fault, CODE_INVALID, "ok", 0);
    return CODE_OK;
}

static enum code check_warehouse_put(const struct warehouse_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put ||
        put->head.bytes != padded((uint32_t)sizeof *put + put->id_bytes))
        return wrong(fault, CODE_MALFORMED, "warehouse", 0);
    if (!id_valid((struct text){(const char *)(put + 1), put->id_bytes}))
        return wrong(fault, CODE_INVALID, "warehouse", 0);
    return CODE_OK;
}

/* ---- any --------------------------------------------------------------------------------------- */

enum code command_check(const struct command *command, uint64_t available,
                        struct command_fault *fault)
{
    if (available < sizeof *command || command->bytes < sizeof *command ||
        command->bytes > available || command->bytes % 8 != 0 || command->bytes > COMMAND_BYTES_MAX)
        return wrong(fault, CODE_MALFORMED, "bytes", 0);
    if (command->flags & ~COMMAND_WANT_RECORD)
        return wrong(fault, CODE_MALFORMED, "flags", 0);
    switch ((enum op)command->op) {
    case OP_ORDER_CREATE:
        return check_order_create((const void *)command, fault);
    case OP_ORDER_GET:
        return check_order_get((const void *)command, fault);
    case OP_ORDER_CANCEL:
        return check_order_cancel((const void *)command, fault);
    case OP_SKU_PUT:
        return check_sku_put((const void *)command, fault);
    case OP_SKU_RESOLVE:
        return check_sku_resolve((const void *)command, fault);
    case OP_STOCK_GET:
        return check_stock_get((const void *)command, fault);
    case OP_STOCK_RECEIVE:
        return check_stock_receive((const void *)command, fault);
    case OP_WAREHOUSE_PUT:
        return check_warehouse_put((const void *)command, fault);
    }
    return wrong(fault, CODE_MALFORMED, "op", 0);
}

uint32_t command_slot(const struct command *command)
{
    switch ((enum op)command->op) {
    case OP_ORDER_CREATE:
        return hash_slot(key_hash(order_create_text((const void *)command, ORDER_ID)));
    case OP_ORDER_GET: {
        const struct order_get *get = (const void *)command;
        return hash_slot(key_hash((struct text){(const char *)(get + 1), get->id_bytes}));
    }
    case OP_ORDER_CANCEL: {
        const struct order_cancel *cancel = (const void *)command;
        const char *id = (const char *)(cancel->lines + cancel->line_count);
        return hash_slot(key_hash((struct text){id, cancel->id_bytes}));
    }
    case OP_SKU_PUT: {
        const struct sku_put *put = (const void *)command;
        return hash_slot(key_hash((struct text){(const char *)(put + 1), put->code_bytes}));
    }
    case OP_STOCK_GET:
        return sku_slot(((const struct stock_get *)(const void *)command)->sku);
    case OP_STOCK_RECEIVE:
        return sku_slot(((const struct stock_receive *)(const void *)command)->sku);
    case OP_WAREHOUSE_PUT:
        return TOPOLOGY_SLOT;
    case OP_SKU_RESOLVE:
        break;
    }
    return SLOT_COUNT;
}
