/* core/command_check.h - whether the bytes of a command are what they say they are; for command_check.c
 * and the files that look at one area each: check_order.c, check_money.c, check_parcel.c,
 * check_stock.c, check_setup.c.
 *
 * Each check expects that command.bytes are there, at most COMMAND_BYTES_MAX, and a multiple of 8; and
 * looks at nothing but these bytes. CODE_OK, or what is wrong, with the field and line in `fault`. */
#ifndef SPATE_CORE_COMMAND_CHECK_H
#define SPATE_CORE_COMMAND_CHECK_H

#include <string.h>

#include "core/command.h"

static inline enum code check_wrong(struct command_fault *fault, enum code code, const char *field,
                                    uint32_t line)
{
    *fault = (struct command_fault){.code = code, .field = field, .line = line};
    return code;
}

static inline bool check_is_zero(const void *bytes, uint32_t count)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < count; i++)
        seen |= ((const uint8_t *)bytes)[i];
    return seen == 0;
}

/* Whether a command ends where its parts do. What is behind them must be zeros, since the digest of
 * a request covers all of its bytes. */
static inline bool check_ends_after(const struct command *command, uint32_t part_bytes)
{
    return command->bytes == bytes_padded(part_bytes) &&
           check_is_zero((const char *)command + part_bytes, command->bytes - part_bytes);
}

static inline struct text check_text_behind(const void *fixed, uint32_t fixed_bytes, uint32_t bytes)
{
    return (struct text){(const char *)fixed + fixed_bytes, bytes};
}

/* Units of a cell are counted in 64 bits, and their sums with a sign. */
#define CHECK_UNITS_MAX ((uint64_t)INT64_MAX / 2)

enum code check_order_create(const struct order_create *create, struct command_fault *fault);
enum code check_order_get(const struct order_get *get, struct command_fault *fault);
enum code check_order_list(const struct order_list *list, struct command_fault *fault);
enum code check_order_cancel(const struct order_cancel *cancel, struct command_fault *fault);
enum code check_act(const struct order_act *act, struct command_fault *fault);
enum code check_past_get(const struct past_get *get, struct command_fault *fault);
enum code check_money(const struct order_money *money, struct command_fault *fault);
enum code check_parcel(const struct order_parcel *parcel, struct command_fault *fault);
enum code check_scans(const struct order_scans *scans, struct command_fault *fault);
enum code check_sku_put(const struct sku_put *put, struct command_fault *fault);
enum code check_sku_resolve(const struct sku_resolve *resolve, struct command_fault *fault);
enum code check_rules_put(const struct rules_put *put, struct command_fault *fault);
enum code check_rules_get(const struct rules_get *get, struct command_fault *fault);
enum code check_warehouse_put(const struct warehouse_put *put, struct command_fault *fault);
enum code check_region_costs(const struct region_costs *costs, struct command_fault *fault);
enum code check_stock_get(const struct stock_get *get, struct command_fault *fault);
enum code check_stock_receive(const struct stock_receive *receive, struct command_fault *fault);
enum code check_stock_change(const struct stock_change *change, struct command_fault *fault);
enum code check_stock_policy(const struct stock_policy *policy, struct command_fault *fault);
enum code check_transfer_ship(const struct transfer_ship *ship, struct command_fault *fault);
enum code check_transfer_receive(const struct transfer_receive *receive,
                                 struct command_fault *fault);
enum code check_transfer_get(const struct transfer_get *get, struct command_fault *fault);
enum code check_cell_list(const struct cell_list *list, struct command_fault *fault);

#endif
