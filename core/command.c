#include "core/command.h"

#include "core/command_check.h"

enum code command_check(const struct command *command, uint64_t available,
                        struct command_fault *fault)
{
    if (available < sizeof *command || command->bytes < sizeof *command ||
        command->bytes > available || command->bytes % 8 != 0)
        return check_wrong(fault, CODE_MALFORMED, "bytes", 0);
    if (command->bytes > COMMAND_BYTES_MAX)
        return check_wrong(fault, CODE_TOO_LARGE, "bytes", 0);
    if (command->flags & ~(COMMAND_WANT_RECORD | COMMAND_QUOTE) ||
        (command->flags & COMMAND_QUOTE && command->op != OP_ORDER_CREATE))
        return check_wrong(fault, CODE_MALFORMED, "flags", 0);
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
                                                 : check_wrong(fault, CODE_MALFORMED, "bytes", 0);
    }
    return check_wrong(fault, CODE_MALFORMED, "op", 0);
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
        return of_order(check_text_behind(get, sizeof *get, get->id_bytes));
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
