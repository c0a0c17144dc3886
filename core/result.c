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

static const char *const shipment_state_names[SHIPMENT_STATES] = {
    [SHIPMENT_PLANNED] = "planned",
    [SHIPMENT_PICKING] = "picking",
    [SHIPMENT_HANDED_OVER] = "handed_over",
    [SHIPMENT_IN_TRANSIT] = "in_transit",
    [SHIPMENT_DELIVERED] = "delivered",
    [SHIPMENT_CANCELLED] = "cancelled",
    [SHIPMENT_PICK_SHORT] = "pick_short",
    [SHIPMENT_CARRIER_REJECTED] = "carrier_rejected",
    [SHIPMENT_DELAYED] = "delayed",
    [SHIPMENT_LOST] = "lost",
    [SHIPMENT_RETURNED_TO_SENDER] = "returned_to_sender",
    [SHIPMENT_REFUNDED] = "refunded",
    [SHIPMENT_RESHIPPED] = "reshipped",
};

const char *shipment_state_name(enum shipment_state state)
{
    return state > 0 && state < SHIPMENT_STATES ? shipment_state_names[state] : "unknown";
}

static const char *const shipment_move_names[SHIPMENT_MOVE_COUNT] = {
    [SHIPMENT_PICK] = "pick",
    [SHIPMENT_HAND_OVER] = "handover",
    [SHIPMENT_CARRY] = "carry",
    [SHIPMENT_DELIVER] = "deliver",
    [SHIPMENT_CANCEL] = "cancel",
    [SHIPMENT_MISS] = "pick_short",
    [SHIPMENT_TURN_DOWN] = "carrier_rejected",
    [SHIPMENT_DELAY] = "delayed",
    [SHIPMENT_LOSE] = "lost",
    [SHIPMENT_SEND_BACK] = "returned_to_sender",
    [SHIPMENT_REFUND] = "refund",
    [SHIPMENT_RESHIP] = "reship",
};

const char *shipment_move_name(enum shipment_move move)
{
    return move > 0 && move < SHIPMENT_MOVE_COUNT ? shipment_move_names[move] : "unknown";
}

static const char *const return_state_names[RETURN_STATES] = {
    [RETURN_REQUESTED] = "requested", [RETURN_APPROVED] = "approved",
    [RETURN_REFUSED] = "refused",     [RETURN_IN_TRANSIT] = "in_transit",
    [RETURN_RECEIVED] = "received",   [RETURN_INSPECTED] = "inspected",
    [RETURN_REFUNDING] = "refunding", [RETURN_CLOSED] = "closed",
};

const char *return_state_name(enum return_state state)
{
    return state > 0 && state < RETURN_STATES ? return_state_names[state] : "unknown";
}

static const char *const return_move_names[RETURN_MOVE_COUNT] = {
    [RETURN_APPROVE] = "approve", [RETURN_PAY_BACK] = "approve", [RETURN_REFUSE] = "refuse",
    [RETURN_SHIP] = "ship",       [RETURN_RECEIVE] = "receive",  [RETURN_ACCEPT] = "inspect",
    [RETURN_REJECT] = "inspect",  [RETURN_CLOSE] = "close",      [RETURN_REPLACE] = "inspect",
};

const char *return_move_name(enum return_move move)
{
    return move > 0 && move < RETURN_MOVE_COUNT ? return_move_names[move] : "unknown";
}

static const char *const move_names[ORDER_MOVE_COUNT] = {
    [MOVE_CANCEL] = "cancel",
    [MOVE_EXPIRE] = "expire",
    [MOVE_ACCEPT] = "accept",
    [MOVE_REJECT] = "reject",
    [MOVE_PAY] = "pay",
    [MOVE_PAYMENT_FAIL] = "payment_fail",
    [MOVE_PAY_AGAIN] = "pay_again",
    [MOVE_COMPLETE] = "confirm",
    [MOVE_SHIP_SOME] = "ship_some",
    [MOVE_SHIP] = "ship",
    [MOVE_SHIP_FAIL] = "fail_to_ship",
    [MOVE_RESUME] = "resume",
    [MOVE_RESUME_SOME] = "resume_some",
    [MOVE_RESHIP] = "reship",
    [MOVE_RESHIP_SOME] = "reship_some",
    [MOVE_DELIVER] = "deliver",
    [MOVE_GIVE_UP] = "give_up",
};

const char *order_move_name(enum order_move move)
{
    return move > 0 && move < ORDER_MOVE_COUNT ? move_names[move] : "unknown";
}

static const char *const payment_state_names[PAYMENT_STATES] = {
    [PAYMENT_CREATED] = "created",   [PAYMENT_AUTHORIZED] = "authorized",
    [PAYMENT_CAPTURED] = "captured", [PAYMENT_FAILED] = "failed",
    [PAYMENT_VOIDED] = "voided",     [PAYMENT_UNKNOWN] = "unknown",
};

const char *payment_state_name(enum payment_state state)
{
    return state > 0 && state < PAYMENT_STATES ? payment_state_names[state] : "none";
}

static const char *const refund_state_names[REFUND_STATES] = {
    [REFUND_REQUESTED] = "requested", [REFUND_PROCESSING] = "processing",
    [REFUND_SUCCEEDED] = "succeeded", [REFUND_FAILED] = "failed",
    [REFUND_UNKNOWN] = "unknown",
};

const char *refund_state_name(enum refund_state state)
{
    return state > 0 && state < REFUND_STATES ? refund_state_names[state] : "none";
}

static const char *const payment_move_names[PAYMENT_MOVE_COUNT] = {
    [PAYMENT_AUTHORIZE] = "authorize", [PAYMENT_CAPTURE] = "capture", [PAYMENT_FAIL] = "fail",
    [PAYMENT_VOID] = "void",           [PAYMENT_LOSE] = "lose",
};

const char *payment_move_name(enum payment_move move)
{
    return move > 0 && move < PAYMENT_MOVE_COUNT ? payment_move_names[move] : "none";
}

static const char *const refund_move_names[REFUND_MOVE_COUNT] = {
    [REFUND_PROCESS] = "process",
    [REFUND_SUCCEED] = "succeed",
    [REFUND_FAIL] = "fail",
    [REFUND_LOSE] = "lose",
};

const char *refund_move_name(enum refund_move move)
{
    return move > 0 && move < REFUND_MOVE_COUNT ? refund_move_names[move] : "none";
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

static const struct child *aligned(const void *from, const char *at)
{
    size_t offset = ((size_t)(at - (const char *)from) + 7) & ~(size_t)7;
    return (const void *)((const char *)from + offset);
}

const struct child *result_order_children(const struct result_order *order)
{
    struct text last = result_order_text(order, ORDER_TEXTS + 1);
    return aligned(order, last.at + last.bytes);
}

const struct child *result_children(const struct result_child *result)
{
    return aligned(result, (const char *)(result + 1) + result->order_bytes);
}
