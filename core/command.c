#include "core/command.h"

/* ---- its parts --------------------------------------------------------------------------------- */

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

struct text order_act_text(const struct order_act *act, enum act_text which)
{
    return text_nth((const char *)(act + 1), act->text_bytes, which);
}

struct text order_money_text(const struct order_money *money, enum money_text which)
{
    return text_nth((const char *)(money + 1), money->text_bytes, which);
}

struct text order_parcel_text(const struct order_parcel *parcel, enum parcel_text which)
{
    return text_nth((const char *)(parcel->lines + parcel->line_count), parcel->text_bytes, which);
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

struct text sku_put_code(const struct sku_put *put)
{
    return (struct text){(const char *)(put->caps + put->cap_count), put->code_bytes};
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

/* ---- where it is decided ----------------------------------------------------------------------- */

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
        return of_order((struct text){(const char *)(get + 1), get->id_bytes});
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
