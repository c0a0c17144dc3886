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
