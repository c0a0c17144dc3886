#include "core/command_check.h"

static enum code check_order_size(const struct order_create *create, struct command_fault *fault)
{
    uint32_t bytes = sizeof *create;
    if (create->head.bytes < bytes)
        return check_wrong(fault, CODE_MALFORMED, "order", 0);
    if (create->line_count == 0 || create->line_count > ORDER_LINES_MAX)
        return check_wrong(fault, CODE_INVALID, "lines", 0);
    if (create->adjustment_count > ADJUSTMENTS_MAX)
        return check_wrong(fault, CODE_INVALID, "adjustments", 0);
    bytes += create->line_count * (uint32_t)sizeof create->lines[0];
    bytes += create->adjustment_count * (uint32_t)sizeof(struct adjustment);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        bytes += create->text_bytes[i];
    return check_ends_after(&create->head, bytes) ? CODE_OK
                                                  : check_wrong(fault, CODE_MALFORMED, "order", 0);
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
            return check_wrong(fault, CODE_INVALID, order_texts[i].field, 0);
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
            return check_wrong(fault, CODE_UNKNOWN_SKU, "sku", i + 1);
        if (line->units == 0)
            return check_wrong(fault, CODE_INVALID, "units", i + 1);
        if (line->unit_price < 0)
            return check_wrong(fault, CODE_INVALID, "unit_price", i + 1);
        if (__builtin_mul_overflow(line->unit_price, (int64_t)line->units, &amount) ||
            __builtin_add_overflow(total, amount, &total))
            return check_wrong(fault, CODE_OVERFLOW, "unit_price", i + 1);
    }
    const struct adjustment *adjustments = order_create_adjustments(create);
    for (uint32_t i = 0; i < create->adjustment_count; i++) {
        if (!check_is_zero(adjustments[i].zero, sizeof adjustments[i].zero))
            return check_wrong(fault, CODE_MALFORMED, "adjustments", i + 1);
        if (adjustments[i].kind > ADJUST_OTHER)
            return check_wrong(fault, CODE_INVALID, "kind", i + 1);
        if (__builtin_add_overflow(total, adjustments[i].amount, &total))
            return check_wrong(fault, CODE_OVERFLOW, "amount", i + 1);
    }
    return total >= 0 ? CODE_OK : check_wrong(fault, CODE_INVALID, "adjustments", 0);
}

enum code check_order_create(const struct order_create *create, struct command_fault *fault)
{
    enum code code = check_order_size(create, fault);
    if (code == CODE_OK)
        code = check_order_texts(create, fault);
    if (code != CODE_OK)
        return code;
    if (currency_exponent(create->currency) < 0)
        return check_wrong(fault, CODE_INVALID, "currency", 0);
    if (create->prefer > PREFER_SINGLE_PARCEL)
        return check_wrong(fault, CODE_INVALID, "prefer", 0);
    return check_order_money(create, fault);
}

enum code check_order_get(const struct order_get *get, struct command_fault *fault)
{
    if (get->head.bytes < sizeof *get || !check_is_zero(get->zero, sizeof get->zero) ||
        !check_ends_after(&get->head, (uint32_t)sizeof *get + get->id_bytes))
        return check_wrong(fault, CODE_MALFORMED, "order_id", 0);
    if (!id_valid(check_text_behind(get, sizeof *get, get->id_bytes)))
        return check_wrong(fault, CODE_INVALID, "order_id", 0);
    return CODE_OK;
}

enum code check_order_list(const struct order_list *list, struct command_fault *fault)
{
    if (list->head.bytes < sizeof *list || list->slot >= SLOT_COUNT ||
        list->cell_count > ORDER_LIST_CELLS_MAX || list->zero != 0)
        return check_wrong(fault, CODE_MALFORMED, "orders", 0);
    uint32_t fixed_bytes = (uint32_t)(sizeof *list + list->cell_count * sizeof(struct list_cell));
    if (!check_ends_after(&list->head, fixed_bytes + list->customer_bytes + list->after_bytes +
                                           list->tracking_bytes))
        return check_wrong(fault, CODE_MALFORMED, "orders", 0);
    for (uint32_t i = 0; i < list->cell_count; i++)
        if (!check_is_zero(order_list_cells(list)[i].zero, 3))
            return check_wrong(fault, CODE_MALFORMED, "orders", 0);
    struct text customer = check_text_behind(list, fixed_bytes, list->customer_bytes);
    struct text after = {customer.at + customer.bytes, list->after_bytes};
    struct text tracking = {after.at + after.bytes, list->tracking_bytes};
    if (!text_valid(tracking))
        return check_wrong(fault, CODE_INVALID, "tracking", 0);
    if (list->limit == 0 || list->limit > ORDER_LIST_MAX)
        return check_wrong(fault, CODE_INVALID, "limit", 0);
    if (customer.bytes > 0 && !id_valid(customer))
        return check_wrong(fault, CODE_INVALID, "customer", 0);
    if (after.bytes > 0 && (customer.bytes == 0 || !id_valid(after)))
        return check_wrong(fault, CODE_INVALID, "cursor", 0);
    return CODE_OK;
}

static enum code check_cancel_lines(const struct order_cancel *cancel, struct command_fault *fault)
{
    for (uint32_t i = 0; i < cancel->line_count; i++) {
        if (cancel->lines[i].line <= (i == 0 ? 0 : cancel->lines[i - 1].line))
            return check_wrong(fault, CODE_INVALID, "line", i + 1);
        if (cancel->lines[i].units == 0)
            return check_wrong(fault, CODE_INVALID, "units", i + 1);
    }
    return CODE_OK;
}

static enum code check_cancel_texts(const struct order_cancel *cancel, struct command_fault *fault)
{
    struct text id = {(const char *)(cancel->lines + cancel->line_count), cancel->id_bytes};
    struct text reason = {id.at + id.bytes, cancel->reason_bytes};
    struct text key = {reason.at + reason.bytes, cancel->key_bytes};
    if (!id_valid(id))
        return check_wrong(fault, CODE_INVALID, "order_id", 0);
    if (!text_valid(reason))
        return check_wrong(fault, CODE_INVALID, "reason", 0);
    return text_valid(key) ? CODE_OK : check_wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
}

enum code check_order_cancel(const struct order_cancel *cancel, struct command_fault *fault)
{
    uint32_t bytes = sizeof *cancel;
    if (cancel->head.bytes < bytes || cancel->line_count > ORDER_LINES_MAX ||
        !check_is_zero(cancel->zero, sizeof cancel->zero))
        return check_wrong(fault, CODE_MALFORMED, "cancel", 0);
    bytes += cancel->line_count * (uint32_t)sizeof cancel->lines[0];
    bytes += (uint32_t)cancel->id_bytes + cancel->reason_bytes + cancel->key_bytes;
    if (!check_ends_after(&cancel->head, bytes))
        return check_wrong(fault, CODE_MALFORMED, "cancel", 0);
    enum code code = check_cancel_lines(cancel, fault);
    return code == CODE_OK ? check_cancel_texts(cancel, fault) : code;
}

enum code check_act(const struct order_act *act, struct command_fault *fault)
{
    bool reviews = act->head.op == OP_ORDER_REVIEW;
    uint32_t bytes = sizeof *act;
    if (act->head.bytes < bytes || !check_is_zero(act->zero, sizeof act->zero))
        return check_wrong(fault, CODE_MALFORMED, "order", 0);
    for (uint32_t i = 0; i < ACT_TEXTS; i++)
        bytes += act->text_bytes[i];
    if (!check_ends_after(&act->head, bytes))
        return check_wrong(fault, CODE_MALFORMED, "order", 0);
    if (reviews ? act->decision == 0 || act->decision > REVIEW_REJECT : act->decision != 0)
        return check_wrong(fault, CODE_INVALID, "decision", 0);
    if (!id_valid(order_act_text(act, ACT_ORDER)))
        return check_wrong(fault, CODE_INVALID, "order_id", 0);
    if (!text_valid(order_act_text(act, ACT_REASON)))
        return check_wrong(fault, CODE_INVALID, "reason", 0);
    return text_valid(order_act_text(act, ACT_KEY))
               ? CODE_OK
               : check_wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
}

enum code check_past_get(const struct past_get *get, struct command_fault *fault)
{
    bool of_order = get->head.op == OP_ORDER_HISTORY;
    if (get->head.bytes < sizeof *get ||
        !check_ends_after(&get->head, (uint32_t)sizeof *get + get->id_bytes) ||
        (of_order ? get->sku != 0 : get->id_bytes != 0) || (get->seq == 0 && get->index != 0))
        return check_wrong(fault, CODE_MALFORMED, "history", 0);
    if (get->limit == 0 || get->limit > PAST_EVENTS_MAX)
        return check_wrong(fault, CODE_INVALID, "limit", 0);
    if (!of_order)
        return get->sku != 0 ? CODE_OK : check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    return id_valid(past_get_order(get)) ? CODE_OK
                                         : check_wrong(fault, CODE_INVALID, "order_id", 0);
}
