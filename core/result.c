#include "core/result.h"

static const char *const state_names[ORDER_STATES] = {
    [ORDER_PENDING_PAYMENT] = "pending_payment",
    [ORDER_IN_REVIEW] = "in_review",
    [ORDER_REJECTED] = "rejected",
    [ORDER_PAYMENT_FAILED] = "payment_failed",
    [ORDER_PAID] = "paid",
    [ORDER_PARTIALLY_SHIPPED] = "partially_shipped",
    [ORDER_SHIPPED] = "shipped",
    [ORDER_SHIP_FAILED] = "ship_failed",
    [ORDER_DELIVERED] = "delivered",
    [ORDER_COMPLETED] = "completed",
    [ORDER_CANCELLED] = "cancelled",
    [ORDER_EXPIRED] = "expired",
};

const char *order_state_name(enum order_state state)
{
    return state > 0 && state < ORDER_STATES ? state_names[state] : "unknown";
}

static const char *const move_names[ORDER_MOVE_COUNT] = {
    [MOVE_CANCEL] = "cancel",
    [MOVE_EXPIRE] = "expire",
    [MOVE_ACCEPT] = "accept",
    [MOVE_REJECT] = "reject",
};

const char *order_move_name(enum order_move move)
{
    return move > 0 && move < ORDER_MOVE_COUNT ? move_names[move] : "unknown";
}

const struct adjustment *result_order_adjustments(const struct result_order *order)
{
    return (const void *)(order->lines + order->line_count);
}

struct text result_order_text(const struct result_order *order, uint32_t which)
{
    const char *at = (const char *)(result_order_adjustments(order) + order->adjustment_count);
    uint32_t i = 0;
    for (; i < which && i < ORDER_TEXTS; i++)
        at += order->text_bytes[i];
    if (which < ORDER_TEXTS)
        return (struct text){at, order->text_bytes[which]};
    if (which == ORDER_TEXTS)
        return (struct text){at, order->created_by_bytes};
    return (struct text){at + order->created_by_bytes, order->modified_by_bytes};
}
