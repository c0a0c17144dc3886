#include "core/command_check.h"

static enum code check_sku_put_size(const struct sku_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put || put->zero != 0)
        return check_wrong(fault, CODE_MALFORMED, "sku", 0);
    if (put->cap_count > CHANNEL_CAPS_MAX)
        return check_wrong(fault, CODE_TOO_LARGE, "channel_caps", 0);
    uint32_t bytes = put->cap_count * (uint32_t)sizeof put->caps[0] + put->code_bytes;
    return check_ends_after(&put->head, (uint32_t)sizeof *put + bytes)
               ? CODE_OK
               : check_wrong(fault, CODE_MALFORMED, "sku", 0);
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
        if (cap->channel_bytes > ID_BYTES_MAX || !check_is_zero(cap->zero, sizeof cap->zero) ||
            !check_is_zero(cap->channel + cap->channel_bytes, ID_BYTES_MAX - cap->channel_bytes))
            return check_wrong(fault, CODE_MALFORMED, "channel_caps", i + 1);
        if (cap->units > CHECK_UNITS_MAX)
            return check_wrong(fault, CODE_OVERFLOW, "channel_caps", i + 1);
    }
    return sku_caps_valid(put->caps, put->cap_count)
               ? CODE_OK
               : check_wrong(fault, CODE_INVALID, "channel_caps", 0);
}

enum code check_sku_put(const struct sku_put *put, struct command_fault *fault)
{
    enum code code = check_sku_put_size(put, fault);
    if (code != CODE_OK)
        return code;
    if (!sku_code_valid(sku_put_code(put)))
        return check_wrong(fault, CODE_INVALID, "sku", 0);
    if (currency_exponent(put->currency) < 0)
        return check_wrong(fault, CODE_INVALID, "currency", 0);
    if (put->list_price < 0)
        return check_wrong(fault, CODE_INVALID, "list_price", 0);
    if (put->flags & ~SKU_FLASH)
        return check_wrong(fault, CODE_INVALID, "flags", 0);
    if ((put->max_per_customer == 0) != (put->customer_window_s == 0))
        return check_wrong(fault, CODE_INVALID, "max_per_customer", 0);
    return check_caps(put, fault);
}

enum code check_sku_resolve(const struct sku_resolve *resolve, struct command_fault *fault)
{
    if (resolve->head.bytes < sizeof *resolve ||
        !check_is_zero(resolve->zero, sizeof resolve->zero) ||
        !check_ends_after(&resolve->head, (uint32_t)sizeof *resolve + resolve->code_bytes))
        return check_wrong(fault, CODE_MALFORMED, "sku", 0);
    if (!sku_code_valid(check_text_behind(resolve, sizeof *resolve, resolve->code_bytes)))
        return check_wrong(fault, CODE_INVALID, "sku", 0);
    return CODE_OK;
}

enum code check_rules_put(const struct rules_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put || put->zero != 0)
        return check_wrong(fault, CODE_MALFORMED, "rules", 0);
    if (put->text_bytes > RULES_BYTES_MAX)
        return check_wrong(fault, CODE_TOO_LARGE, "rules", 0);
    return check_ends_after(&put->head, (uint32_t)sizeof *put + put->text_bytes)
               ? CODE_OK
               : check_wrong(fault, CODE_MALFORMED, "rules", 0);
}

enum code check_rules_get(const struct rules_get *get, struct command_fault *fault)
{
    return get->head.bytes == sizeof *get ? CODE_OK
                                          : check_wrong(fault, CODE_MALFORMED, "rules", 0);
}

enum code check_warehouse_put(const struct warehouse_put *put, struct command_fault *fault)
{
    if (put->head.bytes < sizeof *put || !check_is_zero(put->zero, sizeof put->zero) ||
        !check_ends_after(&put->head, (uint32_t)sizeof *put + put->id_bytes))
        return check_wrong(fault, CODE_MALFORMED, "warehouse", 0);
    if (!id_valid(check_text_behind(put, sizeof *put, put->id_bytes)))
        return check_wrong(fault, CODE_INVALID, "warehouse", 0);
    return CODE_OK;
}

static enum code check_costs_size(const struct region_costs *costs, struct command_fault *fault)
{
    uint32_t bytes = sizeof *costs;
    if (costs->head.bytes < bytes || costs->zero != 0)
        return check_wrong(fault, CODE_MALFORMED, "costs", 0);
    if (costs->row_count > COST_ROWS_MAX || costs->warehouse_count > WAREHOUSES_MAX)
        return check_wrong(fault, CODE_TOO_LARGE, "warehouses", 0);
    bytes += costs->row_count * (uint32_t)sizeof costs->rows[0] + costs->region_bytes;
    for (uint32_t i = 0; i < WAREHOUSES_MAX; i++)
        bytes += costs->warehouse_bytes[i];
    if (!check_is_zero(costs->warehouse_bytes + costs->warehouse_count,
                       WAREHOUSES_MAX - costs->warehouse_count) ||
        !check_ends_after(&costs->head, bytes))
        return check_wrong(fault, CODE_MALFORMED, "costs", 0);
    return CODE_OK;
}

static enum code check_cost_rows(const struct region_costs *costs, struct command_fault *fault)
{
    uint64_t sum[WAREHOUSES_MAX] = {0};
    for (uint32_t i = 0; i < costs->row_count; i++) {
        const struct cost_row *row = &costs->rows[i];
        uint64_t cost = (uint64_t)row->distance * row->weight;
        if (row->warehouse >= costs->warehouse_count || !check_is_zero(row->zero, sizeof row->zero))
            return check_wrong(fault, CODE_MALFORMED, "rows", i + 1);
        if (__builtin_add_overflow(sum[row->warehouse], cost, &sum[row->warehouse]))
            return check_wrong(fault, CODE_OVERFLOW, "distance", i + 1);
    }
    return CODE_OK;
}

enum code check_region_costs(const struct region_costs *costs, struct command_fault *fault)
{
    enum code code = check_costs_size(costs, fault);
    if (code != CODE_OK)
        return code;
    if (!id_valid(region_costs_region(costs)))
        return check_wrong(fault, CODE_INVALID, "region", 0);
    for (uint32_t i = 0; i < costs->warehouse_count; i++)
        if (!id_valid(region_costs_warehouse(costs, i)))
            return check_wrong(fault, CODE_INVALID, "warehouses", 0);
    return check_cost_rows(costs, fault);
}
