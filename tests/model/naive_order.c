#include "tests/model/naive.h"

#include <string.h>

/* Units of a line come free, from wherever the order's state has them. */
static void release(struct naive *naive, const struct naive_order *order, struct naive_line *line,
                    uint32_t units)
{
    struct naive_cell *cell = &naive->skus[line->sku].cells[line->warehouse];
    if (order->state == ORDER_PAID || order->state == ORDER_PARTIALLY_SHIPPED ||
        order->state == ORDER_SHIP_FAILED)
        cell->committed -= units;
    else
        cell->reserved -= units;
    cell->free += units;
}

static void end(struct naive *naive, struct naive_order *order, enum order_state state)
{
    for (uint32_t i = 0; i < order->line_count; i++)
        release(naive, order, &order->lines[i], naive_left(order, i));
    naive_cancel_unsent(order);
    order->state = (uint8_t)state;
    order->version++;
    naive_money_end(&order->money, order_state_name(state));
}

static bool order_is_over(const struct naive_order *order)
{
    return order->state == ORDER_CANCELLED || order->state == ORDER_EXPIRED ||
           order->state == ORDER_REJECTED || order->state == ORDER_COMPLETED;
}

static bool waits_for_money(const struct naive_order *order)
{
    return order->state == ORDER_PENDING_PAYMENT || order->state == ORDER_PAYMENT_FAILED;
}

bool naive_waits(const struct naive_order *order)
{
    return order->state == ORDER_IN_REVIEW || waits_for_money(order);
}

static bool may_be_cancelled(const struct naive_order *order)
{
    return naive_waits(order) || order->state == ORDER_PAID ||
           order->state == ORDER_PARTIALLY_SHIPPED || order->state == ORDER_SHIP_FAILED;
}

/* Several orders that expire at a time may be looked at in any order. */
static void leave_versions_open(struct naive *naive, const struct naive_order *order)
{
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct naive_cell *cell =
            &naive->skus[order->lines[i].sku].cells[order->lines[i].warehouse];
        cell->version_varies |= cell->missing > 0;
    }
}

void naive_time(struct naive *naive, uint64_t now_ns)
{
    naive->now_ns = now_ns;
    for (uint32_t i = naive->expired_to; i < naive->order_count; i++) {
        struct naive_order *order = &naive->orders[i];
        if (naive_waits(order) && order->deadline_ns <= now_ns) {
            leave_versions_open(naive, order);
            end(naive, order, order->state == ORDER_IN_REVIEW ? ORDER_REJECTED : ORDER_EXPIRED);
        }
        if (naive->expired_to == i && (order->placed || order->is_gone) && !naive_waits(order))
            naive->expired_to = i + 1;
    }
}

void naive_jump(struct naive *naive, uint64_t jumped_ns)
{
    for (uint32_t i = 0; i < naive->order_count; i++)
        if (naive_waits(&naive->orders[i]))
            naive->orders[i].deadline_ns +=
                jumped_ns < naive->grace_ns ? jumped_ns : naive->grace_ns;
}

static bool has_something_open(const struct naive_order *order)
{
    for (uint32_t i = 0; i < order->money.payment_count; i++) {
        uint8_t state = order->money.payments[i].state;
        if (state == PAYMENT_CREATED || state == PAYMENT_AUTHORIZED || state == PAYMENT_UNKNOWN)
            return true;
    }
    for (uint32_t i = 0; i < order->money.refund_count; i++) {
        uint8_t state = order->money.refunds[i].state;
        if (state != REFUND_SUCCEEDED && state != REFUND_FAILED)
            return true;
    }
    for (uint32_t i = NAIVE_SHIPMENTS + 1; i <= NAIVE_PARCELS; i++) {
        uint8_t state = order->parcels.shipments[i].state; /* of an exchange */
        if (state != 0 && state != SHIPMENT_DELIVERED && state != SHIPMENT_CANCELLED &&
            state != SHIPMENT_REFUNDED && state != SHIPMENT_RESHIPPED)
            return true;
    }
    for (uint32_t i = 1; i <= NAIVE_RETURNS; i++) {
        uint8_t state = order->parcels.returns[i].state;
        if (state != 0 && state != RETURN_REFUSED && state != RETURN_CLOSED)
            return true;
    }
    return false;
}

void naive_forget_orders(struct naive *naive)
{
    for (uint32_t i = 0; i < naive->order_count; i++) {
        struct naive_order *order = &naive->orders[i];
        if (!order->placed || !order_is_over(order))
            continue;
        if (order->closed_ns == 0)
            order->closed_ns = naive->now_ns;
        if ((has_something_open(order) && !order->is_remainder) ||
            order->closed_ns + naive->retention_ns > naive->now_ns)
            continue;
        order->is_remainder = true;
        order->is_gone =
            order->closed_ns + naive->retention_ns + naive->remainder_ns <= naive->now_ns;
        order->placed = !order->is_gone;
    }
}

void naive_forget_keys(struct naive *naive)
{
    for (uint32_t i = 0; i < naive->key_count; i++)
        naive->keys[i].used = false;
    for (uint32_t i = 0; i < naive->order_count; i++) {
        memset(naive->orders[i].money.keys, 0, sizeof naive->orders[i].money.keys);
        memset(naive->orders[i].money.notices, 0, sizeof naive->orders[i].money.notices);
        memset(naive->orders[i].acts, 0, sizeof naive->orders[i].acts);
        memset(naive->orders[i].parcels.keys, 0, sizeof naive->orders[i].parcels.keys);
    }
    for (uint32_t i = 0; i < naive->transfer_count; i++) {
        struct naive_transfer *transfer = &naive->transfers[i];
        transfer->last_key = 0;
        transfer->used &= transfer->ok + transfer->damaged + transfer->lost < transfer->units;
    }
}

/* ---- an order ------------------------------------------------------------------------------------- */

static bool same_body(const struct naive_order *order, const struct naive_create *asked)
{
    if (asked->foreign || order->line_count != asked->line_count ||
        memcmp(&order->buyer, &asked->buyer, sizeof asked->buyer) != 0)
        return false;
    for (uint32_t i = 0; i < asked->line_count; i++)
        if (order->lines[i].sku != asked->lines[i].sku ||
            order->lines[i].units != asked->lines[i].units ||
            order->lines[i].unit_price != asked->lines[i].unit_price)
            return false;
    return true;
}

int64_t naive_total(const struct naive_order *order)
{
    return order->sum > 0 ? order->sum : 0;
}

static int64_t sum_of(const struct naive_create *asked)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < asked->line_count; i++)
        sum += asked->lines[i].units * asked->lines[i].unit_price;
    for (uint32_t i = 0; i < asked->buyer.adjustment_count; i++)
        sum += asked->buyer.amounts[i];
    return sum;
}

static enum order_state verdict(const struct naive *naive, const struct naive_create *asked)
{
    int64_t total = sum_of(asked);
    for (uint32_t i = 0; i < asked->line_count; i++)
        if ((naive->rules & NAIVE_MANY) && asked->lines[i].units > NAIVE_MANY_UNITS)
            return ORDER_REJECTED;
    if ((naive->rules & NAIVE_BIG) && total >= NAIVE_BIG_TOTAL)
        return ORDER_IN_REVIEW;
    return total == 0 ? ORDER_PAID : ORDER_PENDING_PAYMENT;
}

/* Why it cannot be an order at all, whatever the rules and the stock say. */
static enum code fault(const struct naive *naive, const struct naive_create *asked)
{
    if (asked->too_old)
        return CODE_EXPIRED_REQUEST;
    if (asked->buyer.pay_by_ns != 0 && asked->buyer.pay_by_ns <= naive->now_ns)
        return CODE_INVALID;
    for (uint32_t i = 0; i < asked->line_count; i++) {
        if (!naive->skus[asked->lines[i].sku].known)
            return CODE_UNKNOWN_SKU;
        if (asked->foreign)
            return CODE_CURRENCY_MISMATCH;
    }
    return CODE_OK;
}

static struct naive_order made(const struct naive_create *asked, enum order_state state)
{
    struct naive_order order = {.placed = true,
                                .state = (uint8_t)state,
                                .line_count = asked->line_count,
                                .version = 1,
                                .sum = sum_of(asked),
                                .buyer = asked->buyer};
    memcpy(order.lines, asked->lines, sizeof order.lines);
    return order;
}

/* Nobody needs to look at what cannot be paid any more. */
static uint64_t first_deadline(const struct naive *naive, const struct naive_order *order)
{
    uint64_t pay_by_ns = order->buyer.pay_by_ns;
    uint64_t looked_at_ns = naive->now_ns + naive->review_deadline_ns;
    if (order->state == ORDER_IN_REVIEW)
        return pay_by_ns != 0 && pay_by_ns < looked_at_ns ? pay_by_ns : looked_at_ns;
    return pay_by_ns != 0 ? pay_by_ns : naive->now_ns + naive->payment_deadline_ns;
}

enum code naive_order_create(struct naive *naive, uint32_t number, const struct naive_create *asked)
{
    struct naive_order *order = &naive->orders[number];
    if (order->placed)
        return same_body(order, asked) ? CODE_REPLAYED : CODE_KEY_REUSED;
    enum code code = fault(naive, asked);
    if (code != CODE_OK)
        return code;
    struct naive_order placed = made(asked, verdict(naive, asked));
    if (placed.state == ORDER_REJECTED) {
        for (uint32_t i = 0; i < placed.line_count; i++)
            placed.lines[i].warehouse = NAIVE_WAREHOUSES;
        *order = placed;
        return CODE_CREATED;
    }
    code = naive_choose(naive, &placed.buyer, placed.lines, placed.line_count);
    if (code != CODE_OK)
        return code;
    placed.deadline_ns = first_deadline(naive, &placed);
    *order = placed;
    for (uint32_t i = 0; i < placed.line_count; i++) {
        const struct naive_line *line = &placed.lines[i];
        struct naive_cell *cell = &naive->skus[line->sku].cells[line->warehouse];
        cell->free -= line->units;
        if (placed.state == ORDER_PAID)
            cell->committed += line->units;
        else
            cell->reserved += line->units;
    }
    return CODE_CREATED;
}

/* Units of some lines are given up, and paid back. */
static enum code give_up(struct naive *naive, struct naive_order *order,
                         const uint32_t units[NAIVE_LINES], bool unsent)
{
    struct naive_order before = *order;
    bool waits = naive_waits(order);
    for (uint32_t i = 0; i < order->line_count; i++) {
        order->lines[i].cancelled += units[i];
        order->sum -= order->lines[i].unit_price * (int64_t)units[i];
    }
    if (unsent)
        naive_cancel_unsent(order);
    if (!waits)
        order->state = (uint8_t)naive_state(order);
    bool ends = order->state == ORDER_CANCELLED;
    if (ends)
        naive_money_end(&order->money, "cancelled");
    else
        naive_give_back(&order->money, NULL, naive_kept_all(&order->money) - naive_due(order),
                        "lines_cancelled");
    if (order->money.refund_count > before.money.refund_count &&
        order->money.refund_count > (ends ? REFUNDS_MAX : REFUNDS_MAX - PAYMENTS_MAX)) {
        *order = before;
        return CODE_LIMIT;
    }
    for (uint32_t i = 0; i < order->line_count; i++)
        release(naive, &before, &order->lines[i], units[i]);
    order->version++;
    if (waits_for_money(order) && naive_covers(&order->money, naive_total(order)))
        naive_pay(naive, order);
    return CODE_OK;
}

bool naive_has_shipped(const struct naive_order *order)
{
    for (uint32_t i = 0; i < order->line_count; i++)
        if (naive_shipped(order, i) > 0)
            return true;
    return false;
}

/* ---- what somebody decides about it ---------------------------------------------------------------- */

static enum code review(struct naive *naive, struct naive_order *order, bool accepted)
{
    if (order->state != ORDER_IN_REVIEW)
        return CODE_ILLEGAL;
    if (!accepted) {
        end(naive, order, ORDER_REJECTED);
        return CODE_OK;
    }
    order->state = ORDER_PENDING_PAYMENT;
    order->deadline_ns = first_deadline(naive, order);
    order->version++;
    if (naive_covers(&order->money, naive_total(order)))
        naive_pay(naive, order);
    return CODE_OK;
}

static enum code confirm(struct naive_order *order)
{
    if (order->state != ORDER_DELIVERED)
        return CODE_ILLEGAL;
    order->state = ORDER_COMPLETED;
    order->version++;
    return CODE_OK;
}

/* No lines: all that is left. Whoever names all of it, and nothing of it has been sent, ends it. */
static enum code cancel(struct naive *naive, struct naive_order *order, const struct naive_act *act)
{
    uint32_t units[NAIVE_LINES] = {0};
    uint64_t named = 0, left = 0;
    if (!may_be_cancelled(order))
        return CODE_ILLEGAL;
    for (uint32_t i = 0; i < act->line_count; i++) {
        uint32_t line = act->lines[i].line - 1;
        if (line >= order->line_count ||
            act->lines[i].units > naive_left(order, line) - naive_planned(order, line))
            return CODE_INVALID;
        units[line] = act->lines[i].units;
        named += units[line];
    }
    for (uint32_t i = 0; i < order->line_count; i++) {
        left += naive_left(order, i);
        if (act->line_count == 0)
            units[i] = naive_left(order, i);
    }
    if (naive_has_shipped(order) || (act->line_count > 0 && named < left))
        return give_up(naive, order, units, act->line_count == 0);
    end(naive, order, ORDER_CANCELLED);
    return CODE_OK;
}

enum code naive_act(struct naive *naive, uint32_t number, const struct naive_act *act)
{
    struct naive_order *order = &naive->orders[number];
    struct naive_act known = order->acts[act->key];
    if (!order->placed)
        return CODE_NOT_FOUND;
    known.too_old = act->too_old; /* when it was sent makes no difference */
    if (act->key != 0 && known.op != 0)
        return memcmp(&known, act, sizeof known) == 0 ? CODE_REPLAYED : CODE_KEY_REUSED;
    if (act->too_old)
        return CODE_EXPIRED_REQUEST;
    enum code code = act->op == OP_ORDER_CANCEL ? cancel(naive, order, act)
                     : act->op == OP_ORDER_CONFIRM
                         ? confirm(order)
                         : review(naive, order, act->decision == REVIEW_ACCEPT);
    if (code == CODE_OK && act->key != 0)
        order->acts[act->key] = *act;
    return code;
}
