#include "core/command_check.h"

enum code check_stock_get(const struct stock_get *get, struct command_fault *fault)
{
    if (get->head.bytes != sizeof *get || get->zero != 0)
        return check_wrong(fault, CODE_MALFORMED, "sku", 0);
    return get->sku != 0 ? CODE_OK : check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
}

static enum code check_receive_texts(const struct stock_receive *receive,
                                     struct command_fault *fault)
{
    struct text warehouse = check_text_behind(receive, sizeof *receive, receive->warehouse_bytes);
    struct text key = {warehouse.at + warehouse.bytes, receive->key_bytes};
    if (!id_valid(warehouse))
        return check_wrong(fault, CODE_INVALID, "warehouse", 0);
    if (key.bytes == 0)
        return check_wrong(fault, CODE_KEY_MISSING, "Idempotency-Key", 0);
    return text_valid(key) ? CODE_OK : check_wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
}

enum code check_stock_receive(const struct stock_receive *receive, struct command_fault *fault)
{
    if (receive->head.bytes < sizeof *receive ||
        !check_is_zero(receive->zero, sizeof receive->zero) ||
        !check_ends_after(&receive->head, (uint32_t)sizeof *receive + receive->warehouse_bytes +
                                              receive->key_bytes))
        return check_wrong(fault, CODE_MALFORMED, "receive", 0);
    if (receive->sku == 0)
        return check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (receive->ok_units > CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "ok", 0);
    if (receive->damaged_units > CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "damaged", 0);
    if (receive->ok_units + receive->damaged_units == 0)
        return check_wrong(fault, CODE_INVALID, "ok", 0);
    return check_receive_texts(receive, fault);
}

static enum code check_change_texts(const struct stock_change *change, struct command_fault *fault)
{
    struct text warehouse = {(const char *)(change + 1), change->warehouse_bytes};
    struct text key = {warehouse.at + warehouse.bytes, change->key_bytes};
    struct text reason = {key.at + key.bytes, change->reason_bytes};
    if (!id_valid(warehouse))
        return check_wrong(fault, CODE_INVALID, "warehouse", 0);
    if (key.bytes == 0)
        return check_wrong(fault, CODE_KEY_MISSING, "Idempotency-Key", 0);
    if (!text_valid(key))
        return check_wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
    return text_valid(reason) ? CODE_OK : check_wrong(fault, CODE_INVALID, "reason", 0);
}

enum code check_stock_change(const struct stock_change *change, struct command_fault *fault)
{
    bool adjusts = change->head.op == OP_STOCK_ADJUST;
    bool counts = change->head.op == OP_STOCK_COUNT;
    if (change->head.bytes < sizeof *change || change->zero != 0 ||
        !check_ends_after(&change->head, (uint32_t)sizeof *change + change->warehouse_bytes +
                                             change->key_bytes + change->reason_bytes))
        return check_wrong(fault, CODE_MALFORMED, "stock", 0);
    if (change->sku == 0)
        return check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (change->units > (int64_t)CHECK_UNITS_MAX || change->units < -(int64_t)CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "units", 0);
    if ((change->units < 0 && !adjusts) || (change->units == 0 && !counts))
        return check_wrong(fault, CODE_INVALID, "units", 0);
    if (counts && change->if_version == STOCK_ANY_VERSION)
        return check_wrong(fault, CODE_MATCH_REQUIRED, "If-Match", 0);
    return check_change_texts(change, fault);
}

enum code check_stock_policy(const struct stock_policy *policy, struct command_fault *fault)
{
    if (policy->head.bytes < sizeof *policy || !check_is_zero(policy->zero, sizeof policy->zero) ||
        !check_ends_after(&policy->head, (uint32_t)sizeof *policy + policy->warehouse_bytes))
        return check_wrong(fault, CODE_MALFORMED, "policy", 0);
    if (policy->sku == 0)
        return check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (!id_valid((struct text){(const char *)(policy + 1), policy->warehouse_bytes}))
        return check_wrong(fault, CODE_INVALID, "warehouse", 0);
    if (policy->safety > CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "safety", 0);
    return policy->reorder_point <= CHECK_UNITS_MAX
               ? CODE_OK
               : check_wrong(fault, CODE_OVERFLOW, "reorder_point", 0);
}

enum code check_transfer_ship(const struct transfer_ship *ship, struct command_fault *fault)
{
    if (ship->head.bytes < sizeof *ship || ship->zero != 0 ||
        !check_ends_after(&ship->head, (uint32_t)sizeof *ship + ship->from_bytes + ship->to_bytes +
                                           ship->id_bytes))
        return check_wrong(fault, CODE_MALFORMED, "transfer", 0);
    struct text from = check_text_behind(ship, sizeof *ship, ship->from_bytes);
    struct text to = {from.at + from.bytes, ship->to_bytes};
    if (ship->sku == 0)
        return check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (!id_valid(from))
        return check_wrong(fault, CODE_INVALID, "from", 0);
    if (!id_valid(to) || text_equals(to, from))
        return check_wrong(fault, CODE_INVALID, "to", 0);
    if (!id_valid((struct text){to.at + to.bytes, ship->id_bytes}))
        return check_wrong(fault, CODE_INVALID, "transfer_id", 0);
    if (ship->units > CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "units", 0);
    return ship->units > 0 ? CODE_OK : check_wrong(fault, CODE_INVALID, "units", 0);
}

enum code check_transfer_receive(const struct transfer_receive *receive,
                                 struct command_fault *fault)
{
    if (receive->head.bytes < sizeof *receive ||
        !check_is_zero(receive->zero, sizeof receive->zero) ||
        !check_ends_after(&receive->head,
                          (uint32_t)sizeof *receive + receive->id_bytes + receive->key_bytes))
        return check_wrong(fault, CODE_MALFORMED, "transfer", 0);
    struct text id = check_text_behind(receive, sizeof *receive, receive->id_bytes);
    if (receive->sku == 0)
        return check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    if (!id_valid(id))
        return check_wrong(fault, CODE_INVALID, "transfer_id", 0);
    if (!text_valid((struct text){id.at + id.bytes, receive->key_bytes}))
        return check_wrong(fault, CODE_INVALID, "Idempotency-Key", 0);
    if (receive->ok > CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "ok", 0);
    if (receive->damaged > CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "damaged", 0);
    if (receive->lost > CHECK_UNITS_MAX)
        return check_wrong(fault, CODE_OVERFLOW, "lost", 0);
    return receive->ok + receive->damaged + receive->lost > 0
               ? CODE_OK
               : check_wrong(fault, CODE_INVALID, "ok", 0);
}

enum code check_transfer_get(const struct transfer_get *get, struct command_fault *fault)
{
    if (get->head.bytes < sizeof *get || !check_is_zero(get->zero, sizeof get->zero) ||
        !check_ends_after(&get->head, (uint32_t)sizeof *get + get->id_bytes))
        return check_wrong(fault, CODE_MALFORMED, "transfer", 0);
    if (get->sku == 0)
        return check_wrong(fault, CODE_UNKNOWN_SKU, "sku", 0);
    return id_valid(check_text_behind(get, sizeof *get, get->id_bytes))
               ? CODE_OK
               : check_wrong(fault, CODE_INVALID, "transfer_id", 0);
}

enum code check_cell_list(const struct cell_list *list, struct command_fault *fault)
{
    if (list->head.bytes != sizeof *list || !check_is_zero(list->zero, sizeof list->zero) ||
        list->slot >= SLOT_COUNT || list->wanted > CELLS_WARNED)
        return check_wrong(fault, CODE_MALFORMED, "cells", 0);
    return list->limit >= WAREHOUSES_MAX && list->limit <= CELL_LIST_MAX
               ? CODE_OK
               : check_wrong(fault, CODE_INVALID, "limit", 0);
}
