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
    }
    for (uint32_t i = 0; i < naive->transfer_count; i++) {
        struct naive_transfer *transfer = &naive->transfers[i];
        transfer->last_key = 0;
        transfer->used &= transfer->ok + transfer->damaged + transfer->lost < transfer->units;
    }
}

/* ---- an order ------------------------------------------------------------------------------------- */

static bool same_body(const struct naive_order *order, const struct naive_buyer *buyer,
                      const struct naive_line *lines, uint32_t line_count)
{
    if (order->line_count != line_count || memcmp(&order->buyer, buyer, sizeof *buyer) != 0)
        return false;
    for (uint32_t i = 0; i < line_count; i++)
        if (order->lines[i].sku != lines[i].sku || order->lines[i].units != lines[i].units ||
            order->lines[i].unit_price != lines[i].unit_price)
            return false;
    return true;
}

static enum order_state verdict(const struct naive *naive, const struct naive_line *lines,
                                uint32_t line_count)
{
    int64_t total = 0;
    for (uint32_t i = 0; i < line_count; i++) {
        total += lines[i].units * lines[i].unit_price;
        if ((naive->rules & NAIVE_MANY) && lines[i].units > NAIVE_MANY_UNITS)
            return ORDER_REJECTED;
    }
    if ((naive->rules & NAIVE_BIG) && total >= NAIVE_BIG_TOTAL)
        return ORDER_IN_REVIEW;
    return total == 0 ? ORDER_PAID : ORDER_PENDING_PAYMENT;
}

static enum code reject(struct naive *naive, struct naive_order *order,
                        const struct naive_buyer *buyer, const struct naive_line *lines,
                        uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++)
        if (!naive->skus[lines[i].sku].known)
            return CODE_UNKNOWN_SKU;
    *order = (struct naive_order){.placed = true,
                                  .state = ORDER_REJECTED,
                                  .line_count = (uint8_t)line_count,
                                  .version = 1,
                                  .buyer = *buyer};
    for (uint32_t i = 0; i < line_count; i++) {
        order->lines[i] = lines[i];
        order->lines[i].warehouse = NAIVE_WAREHOUSES;
        order->total += lines[i].units * lines[i].unit_price;
    }
    return CODE_CREATED;
}

enum code naive_order_create(struct naive *naive, uint32_t number, bool currency_fits,
                             const struct naive_buyer *buyer, const struct naive_line *lines,
                             uint32_t line_count)
{
    struct naive_order *order = &naive->orders[number];
    struct naive_line chosen[NAIVE_LINES];
    if (order->placed)
        return currency_fits && same_body(order, buyer, lines, line_count) ? CODE_REPLAYED
                                                                           : CODE_KEY_REUSED;
    if (!currency_fits)
        return naive->skus[lines[0].sku].known ? CODE_CURRENCY_MISMATCH : CODE_UNKNOWN_SKU;
    enum order_state first = verdict(naive, lines, line_count);
    if (first == ORDER_REJECTED)
        return reject(naive, order, buyer, lines, line_count);
    memcpy(chosen, lines, line_count * sizeof *lines);
    enum code code = naive_choose(naive, buyer, chosen, line_count);
    if (code != CODE_OK)
        return code;
    *order = (struct naive_order){
        .placed = true,
        .state = (uint8_t)first,
        .line_count = (uint8_t)line_count,
        .version = 1,
        .buyer = *buyer,
        .deadline_ns = naive->now_ns + (first == ORDER_IN_REVIEW ? naive->review_deadline_ns
                                                                 : naive->payment_deadline_ns)};
    for (uint32_t i = 0; i < line_count; i++) {
        struct naive_cell *cell = &naive->skus[chosen[i].sku].cells[chosen[i].warehouse];
        order->lines[i] = chosen[i];
        order->total += chosen[i].units * chosen[i].unit_price;
        cell->free -= chosen[i].units;
        cell->reserved += chosen[i].units;
    }
    for (uint32_t i = 0; i < line_count && first == ORDER_PAID; i++) {
        struct naive_cell *cell = &naive->skus[chosen[i].sku].cells[chosen[i].warehouse];
        cell->reserved -= chosen[i].units;
        cell->committed += chosen[i].units;
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
        order->total -= order->lines[i].unit_price * (int64_t)units[i];
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
    if (waits_for_money(order) && naive_covers(&order->money, order->total))
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

enum code naive_review(struct naive *naive, uint32_t number, bool accepted)
{
    struct naive_order *order = &naive->orders[number];
    if (!order->placed)
        return CODE_NOT_FOUND;
    if (order->state != ORDER_IN_REVIEW)
        return CODE_ILLEGAL;
    if (!accepted) {
        end(naive, order, ORDER_REJECTED);
        return CODE_OK;
    }
    order->state = ORDER_PENDING_PAYMENT;
    order->deadline_ns = naive->now_ns + naive->payment_deadline_ns;
    order->version++;
    if (naive_covers(&order->money, order->total))
        naive_pay(naive, order);
    return CODE_OK;
}

enum code naive_cancel_all(struct naive *naive, uint32_t number)
{
    struct naive_order *order = &naive->orders[number];
    if (!order->placed)
        return CODE_NOT_FOUND;
    if (!may_be_cancelled(order))
        return CODE_ILLEGAL;
    if (naive_has_shipped(order)) {
        uint32_t units[NAIVE_LINES];
        for (uint32_t i = 0; i < order->line_count; i++)
            units[i] = naive_left(order, i);
        return give_up(naive, order, units, true);
    }
    end(naive, order, ORDER_CANCELLED);
    return CODE_OK;
}

enum code naive_cancel_line(struct naive *naive, uint32_t number, uint32_t line, uint32_t units)
{
    struct naive_order *order = &naive->orders[number];
    if (!order->placed)
        return CODE_NOT_FOUND;
    if (!may_be_cancelled(order))
        return CODE_ILLEGAL;
    if (line >= order->line_count || units > naive_left(order, line) - naive_planned(order, line))
        return CODE_INVALID;
    uint32_t gone[NAIVE_LINES] = {0};
    gone[line] = units;
    return give_up(naive, order, gone, false);
}
