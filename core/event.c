#include "core/event.h"

#include "core/order.h"
#include "core/payment.h"
#include "core/refund.h"
#include "core/retry.h"
#include "core/return.h"
#include "core/rules.h"
#include "core/shipment.h"
#include "core/stock.h"
#include "core/topology.h"
#include "core/transfer.h"

/* Each looks at what apply would otherwise take on trust: lengths, and numbers that name a place in
 * an array. */

static bool placed_valid(const struct slice_order_placed *placed)
{
    if (placed->head.bytes < sizeof *placed || placed->line_count == 0 ||
        placed->line_count > ORDER_LINES_MAX || placed->adjustment_count > ADJUSTMENTS_MAX ||
        placed->state == 0 || placed->state >= ORDER_STATES)
        return false;
    uint32_t bytes = (uint32_t)sizeof *placed + placed->rule_bytes + placed->reason_bytes;
    bytes += placed->line_count * (uint32_t)sizeof placed->lines[0];
    bytes += placed->adjustment_count * (uint32_t)sizeof(struct adjustment);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        uint32_t bytes_max = i <= ORDER_PAY_METHOD ? ID_BYTES_MAX : TEXT_BYTES_MAX;
        if (placed->text_bytes[i] > bytes_max)
            return false;
        bytes += placed->text_bytes[i];
    }
    if (placed->head.bytes != bytes_padded(bytes))
        return false;
    bool reserves = placed->state != ORDER_REJECTED;
    for (uint32_t i = 0; i < placed->line_count; i++)
        if ((placed->lines[i].warehouse >= WAREHOUSES_MAX) == reserves ||
            placed->lines[i].capped > 1)
            return false;
    return placed->text_bytes[ORDER_ID] > 0 && placed->text_bytes[ORDER_CUSTOMER] > 0;
}

static bool moved_valid(const struct slice_order_moved *moved)
{
    return moved->head.bytes >= sizeof *moved &&
           moved->head.bytes ==
               bytes_padded((uint32_t)sizeof *moved + moved->id_bytes + moved->reason_bytes) &&
           moved->from < ORDER_STATES && moved->to > 0 && moved->to < ORDER_STATES &&
           moved->id_bytes > 0 && moved->id_bytes <= ID_BYTES_MAX;
}

static bool cancelled_valid(const struct slice_lines_cancelled *cancelled)
{
    if (cancelled->head.bytes < sizeof *cancelled)
        return false;
    uint32_t bytes = cancelled->line_count * (uint32_t)sizeof cancelled->lines[0];
    bytes += (uint32_t)sizeof *cancelled + cancelled->id_bytes + cancelled->reason_bytes;
    return cancelled->head.bytes == bytes_padded(bytes) && cancelled->id_bytes > 0 &&
           cancelled->id_bytes <= ID_BYTES_MAX;
}

static bool ids_valid(const uint8_t *text_bytes, uint32_t id_count)
{
    for (uint32_t i = 0; i < id_count; i++)
        if (text_bytes[i] == 0 || text_bytes[i] > ID_BYTES_MAX)
            return false;
    return true;
}

static bool payment_valid(const struct slice_payment *payment)
{
    if (payment->head.bytes < sizeof *payment)
        return false;
    uint32_t bytes = sizeof *payment;
    for (uint32_t i = 0; i < SLICE_PAYMENT_TEXTS; i++)
        bytes += payment->text_bytes[i];
    return payment->head.bytes == bytes_padded(bytes) &&
           ids_valid(payment->text_bytes, SLICE_PAYMENT_METHOD) &&
           payment->text_bytes[SLICE_PAYMENT_METHOD] <= ID_BYTES_MAX && payment->state > 0 &&
           payment->state < PAYMENT_STATES;
}

static bool refund_valid(const struct slice_refund *refund)
{
    if (refund->head.bytes < sizeof *refund)
        return false;
    uint32_t bytes = sizeof *refund;
    for (uint32_t i = 0; i < SLICE_REFUND_TEXTS; i++)
        bytes += refund->text_bytes[i];
    return refund->head.bytes == bytes_padded(bytes) &&
           ids_valid(refund->text_bytes, SLICE_REFUND_REASON) &&
           refund->text_bytes[SLICE_REFUND_REASON] <= TEXT_BYTES_MAX && refund->state > 0 &&
           refund->state < REFUND_STATES;
}

static bool order_forgotten_valid(const struct slice_order_forgotten *forgotten)
{
    return forgotten->head.bytes >= sizeof *forgotten && forgotten->id_bytes > 0 &&
           forgotten->id_bytes <= ID_BYTES_MAX &&
           forgotten->head.bytes == bytes_padded((uint32_t)sizeof *forgotten + forgotten->id_bytes);
}

static bool extended_valid(const struct slice_deadlines_extended *extended)
{
    return extended->head.bytes == sizeof *extended;
}

static bool is_sku_of(const struct slice *slice, uint32_t sku)
{
    return sku_slot(sku) == slice->slot && sku_index(sku) != 0;
}

static bool units_valid(const struct slice_stock_units *units)
{
    return units->head.bytes == sizeof *units && is_sku_of(&units->head, units->sku) &&
           units->warehouse < WAREHOUSES_MAX;
}

static bool sku_put_valid(const struct slice_sku_put *put)
{
    if (put->head.bytes < sizeof *put || put->code_bytes == 0 || put->code_bytes > ID_BYTES_MAX)
        return false;
    uint32_t bytes = put->cap_count * (uint32_t)sizeof put->caps[0] + put->code_bytes;
    return put->head.bytes == bytes_padded((uint32_t)sizeof *put + bytes) &&
           is_sku_of(&put->head, put->sku) && sku_caps_valid(put->caps, put->cap_count);
}

static bool change_valid(const struct slice_stock_change *change)
{
    return change->head.bytes >= sizeof *change &&
           change->head.bytes == bytes_padded((uint32_t)sizeof *change + change->reason_bytes) &&
           is_sku_of(&change->head, change->sku) && change->warehouse < WAREHOUSES_MAX;
}

static bool policy_valid(const struct slice_stock_policy *policy)
{
    return policy->head.bytes == sizeof *policy && is_sku_of(&policy->head, policy->sku) &&
           policy->warehouse < WAREHOUSES_MAX;
}

static bool warning_valid(const struct slice_stock_warning *warning)
{
    return warning->head.bytes == sizeof *warning && is_sku_of(&warning->head, warning->sku) &&
           warning->warehouse < WAREHOUSES_MAX;
}

static bool windows_valid(const struct slice_windows_forgotten *windows)
{
    return windows->head.bytes == sizeof *windows && is_sku_of(&windows->head, windows->sku);
}

static bool task_valid(const struct slice_stock_task *task)
{
    return task->head.bytes == sizeof *task && is_sku_of(&task->head, task->sku) &&
           task->warehouse < WAREHOUSES_MAX;
}

static bool retry_valid(const struct slice_retry *retry)
{
    return retry->head.bytes == sizeof *retry;
}

static bool forgotten_valid(const struct slice_retry_forgotten *forgotten)
{
    return forgotten->head.bytes == sizeof *forgotten;
}

/* Also that they are rules: apply compiles them. */
static bool rules_put_valid(const struct slice_rules_put *put)
{
    struct text text = {(const char *)(put + 1), put->text_bytes};
    struct rules_fault fault;
    return put->head.bytes >= sizeof *put && put->text_bytes <= RULES_BYTES_MAX &&
           put->head.bytes == bytes_padded((uint32_t)sizeof *put + put->text_bytes) &&
           put->head.slot == TOPOLOGY_SLOT && put->hash == rules_hash(text) &&
           rules_check(text, &fault);
}

static bool warehouse_put_valid(const struct slice_warehouse_put *put)
{
    return put->head.bytes >= sizeof *put &&
           put->head.bytes == bytes_padded((uint32_t)sizeof *put + put->id_bytes) &&
           put->id_bytes > 0 && put->id_bytes <= ID_BYTES_MAX && put->warehouse < WAREHOUSES_MAX &&
           put->head.slot == TOPOLOGY_SLOT;
}

bool slice_valid(const struct slice *slice)
{
    const void *fields = slice;
    switch ((enum slice_kind)slice->kind) {
    case SLICE_ORDER_PLACED:
        return placed_valid(fields);
    case SLICE_ORDER_MOVED:
        return moved_valid(fields);
    case SLICE_LINES_CANCELLED:
        return cancelled_valid(fields);
    case SLICE_PAYMENT:
        return payment_valid(fields);
    case SLICE_REFUND:
        return refund_valid(fields);
    case SLICE_ORDER_FORGOTTEN:
    case SLICE_ORDER_SHRUNK:
        return order_forgotten_valid(fields);
    case SLICE_DEADLINES_EXTENDED:
        return extended_valid(fields);
    case SLICE_STOCK_RESERVE:
    case SLICE_STOCK_RELEASE:
    case SLICE_STOCK_COMMIT:
    case SLICE_STOCK_UNCOMMIT:
    case SLICE_STOCK_SHIP:
    case SLICE_STOCK_BACK:
    case SLICE_STOCK_TAKE:
    case SLICE_STOCK_UNCOUNT:
        return units_valid(fields);
    case SLICE_SKU_PUT:
        return sku_put_valid(fields);
    case SLICE_STOCK_CHANGE:
        return change_valid(fields);
    case SLICE_STOCK_POLICY:
        return policy_valid(fields);
    case SLICE_STOCK_WARNING:
        return warning_valid(fields);
    case SLICE_WINDOWS_FORGOTTEN:
        return windows_valid(fields);
    case SLICE_STOCK_TASK:
        return task_valid(fields);
    case SLICE_TRANSFER_SHIPPED:
        return transfer_shipped_valid(fields);
    case SLICE_TRANSFER_RECEIVED:
        return transfer_received_valid(fields);
    case SLICE_TRANSFER_FORGOTTEN:
        return transfer_forgotten_valid(fields);
    case SLICE_RETRY:
        return retry_valid(fields);
    case SLICE_RETRY_FORGOTTEN:
        return forgotten_valid(fields);
    case SLICE_SHIPMENT:
    case SLICE_SHIPMENT_MOVED:
    case SLICE_SHIPMENT_SCANNED:
        return shipment_slice_valid(slice);
    case SLICE_RETURN:
    case SLICE_RETURN_MOVED:
        return return_slice_valid(slice);
    case SLICE_RULES_PUT:
        return rules_put_valid(fields);
    case SLICE_WAREHOUSE_PUT:
        return warehouse_put_valid(fields);
    case SLICE_REGION_COSTS:
        return region_costs_valid(fields);
    }
    return false;
}

static bool head_valid(const struct event *event, uint64_t available)
{
    return available >= sizeof *event && event->bytes <= available && event->bytes % 8 == 0 &&
           event->by_bytes <= WHO_BYTES_MAX &&
           event->bytes >= sizeof *event + bytes_padded(event->by_bytes) && event->slice_count > 0;
}

bool event_valid(const struct event *event, uint64_t available)
{
    if (!head_valid(event, available))
        return false;
    const struct slice *slice = event_slices(event);
    uint64_t left = event->bytes - sizeof *event - bytes_padded(event->by_bytes);
    for (uint32_t i = 0; i < event->slice_count; i++) {
        if (left < sizeof *slice || slice->bytes < sizeof *slice || slice->bytes > left ||
            slice->bytes % 8 != 0 || slice->slot >= SLOT_COUNT || !slice_valid(slice))
            return false;
        left -= slice->bytes;
        slice = slice_next(slice);
    }
    return left == 0;
}
