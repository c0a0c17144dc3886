#include "tests/model/naive_parcels.h"

#include <string.h>

#include "tests/model/naive.h"

const char *const naive_scan_codes[] = {
    "in_transit",         "delayed",     "delivered",       "lost",
    "returned_to_sender", "arrived_hub", "out_for_delivery"};

/* ---- where the units are --------------------------------------------------------------------------- */

static bool is_unsent(const struct naive_shipment *s)
{
    return s->state == SHIPMENT_PLANNED || s->state == SHIPMENT_PICKING ||
           s->state == SHIPMENT_PICK_SHORT || s->state == SHIPMENT_CARRIER_REJECTED;
}

static bool has_left(const struct naive_shipment *s)
{
    return s->state != 0 && !is_unsent(s) && s->state != SHIPMENT_CANCELLED &&
           s->state != SHIPMENT_RESHIPPED;
}

uint32_t naive_planned(const struct naive_order *order, uint32_t line)
{
    uint32_t units = 0;
    for (uint32_t i = 1; i <= NAIVE_SHIPMENTS; i++)
        if (is_unsent(&order->parcels.shipments[i]))
            units += order->parcels.shipments[i].units[line];
    return units;
}

uint32_t naive_shipped(const struct naive_order *order, uint32_t line)
{
    uint32_t units = 0;
    for (uint32_t i = 1; i <= NAIVE_SHIPMENTS; i++)
        if (has_left(&order->parcels.shipments[i]))
            units += order->parcels.shipments[i].units[line];
    return units;
}

static uint32_t units_in(const struct naive_order *order, uint32_t line, enum shipment_state state)
{
    uint32_t units = 0;
    for (uint32_t i = 1; i <= NAIVE_SHIPMENTS; i++)
        if (order->parcels.shipments[i].state == state)
            units += order->parcels.shipments[i].units[line];
    return units;
}

uint32_t naive_delivered(const struct naive_order *order, uint32_t line)
{
    return units_in(order, line, SHIPMENT_DELIVERED);
}

uint32_t naive_lost(const struct naive_order *order, uint32_t line)
{
    return units_in(order, line, SHIPMENT_REFUNDED);
}

static uint32_t returning(const struct naive_order *order, uint32_t line)
{
    uint32_t units = 0;
    for (uint32_t i = 1; i <= NAIVE_RETURNS; i++)
        units += order->parcels.returns[i].units[line] - order->parcels.returns[i].rejected[line];
    return units;
}

uint32_t naive_returned(const struct naive_order *order, uint32_t line)
{
    uint32_t units = 0;
    for (uint32_t i = 1; i <= NAIVE_RETURNS; i++)
        if (order->parcels.returns[i].kind != RETURN_EXCHANGE)
            units += order->parcels.returns[i].accepted[line];
    for (uint32_t i = NAIVE_SHIPMENTS + 1; i <= NAIVE_PARCELS; i++) {
        const struct naive_shipment *s = &order->parcels.shipments[i];
        if (s->state == SHIPMENT_CANCELLED || s->state == SHIPMENT_REFUNDED)
            units += s->units[line]; /* what was promised for them is paid back */
    }
    return units;
}

uint32_t naive_left(const struct naive_order *order, uint32_t line)
{
    return order->lines[line].units - order->lines[line].cancelled - naive_shipped(order, line);
}

int64_t naive_due(const struct naive_order *order)
{
    int64_t due = 0;
    for (uint32_t i = 0; i < order->buyer.adjustment_count; i++)
        due += order->buyer.amounts[i];
    for (uint32_t i = 0; i < order->line_count; i++) {
        uint32_t gone = order->lines[i].cancelled + naive_lost(order, i) + naive_returned(order, i);
        due += order->lines[i].unit_price * (int64_t)(order->lines[i].units - gone);
    }
    return due > 0 ? due : 0;
}

enum order_state naive_state(const struct naive_order *order)
{
    uint64_t left = 0, away = 0, arrived = 0;
    bool failed = false;
    for (uint32_t i = 0; i < order->line_count; i++) {
        left += naive_left(order, i);
        arrived += naive_delivered(order, i);
        away += naive_shipped(order, i) - naive_delivered(order, i) - naive_lost(order, i);
        failed |= units_in(order, i, SHIPMENT_PICK_SHORT) > 0 ||
                  units_in(order, i, SHIPMENT_CARRIER_REJECTED) > 0;
    }
    if (left > 0 && failed)
        return ORDER_SHIP_FAILED;
    if (left > 0 && away + arrived == 0)
        return ORDER_PAID;
    if (left > 0)
        return ORDER_PARTIALLY_SHIPPED;
    if (away > 0)
        return ORDER_SHIPPED;
    return arrived > 0 ? ORDER_DELIVERED : ORDER_CANCELLED;
}

static bool can_ship(const struct naive_order *order)
{
    return order->state == ORDER_PAID || order->state == ORDER_PARTIALLY_SHIPPED ||
           order->state == ORDER_SHIP_FAILED;
}

void naive_cancel_unsent(struct naive_order *order)
{
    for (uint32_t i = 1; i <= NAIVE_SHIPMENTS; i++)
        if (is_unsent(&order->parcels.shipments[i]))
            order->parcels.shipments[i].state = SHIPMENT_CANCELLED;
}

/* ---- shipments -------------------------------------------------------------------------------------- */

static void append(uint8_t *order, uint32_t count, uint8_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (order[i] == 0) {
            order[i] = id;
            return;
        }
}

static uint32_t unplanned(const struct naive_order *order, uint32_t line)
{
    return naive_left(order, line) - naive_planned(order, line);
}

static bool says_where(const struct naive_parcel_ask *ask)
{
    return ask->warehouse != NAIVE_WAREHOUSES;
}

static bool is_known(const struct naive *naive, uint32_t warehouse)
{
    return warehouse < NAIVE_WAREHOUSES && naive->warehouse_known[warehouse];
}

/* The number of warehouses: there is nothing left. */
static uint32_t where_from(const struct naive_order *order, const struct naive_parcel_ask *ask)
{
    if (says_where(ask))
        return ask->warehouse;
    if (ask->line_count > 0)
        return ask->lines[0].line <= order->line_count
                   ? order->lines[ask->lines[0].line - 1].warehouse
                   : 0;
    for (uint32_t i = 0; i < order->line_count; i++)
        if (unplanned(order, i) > 0)
            return order->lines[i].warehouse;
    return NAIVE_WAREHOUSES;
}

/* When it was sent makes no difference. */
static bool says_the_same(const struct naive_parcel_ask *known, const struct naive_parcel_ask *ask)
{
    struct naive_parcel_ask at_that_time = *ask;
    at_that_time.too_old = known->too_old;
    return memcmp(known, &at_that_time, sizeof *known) == 0;
}

static enum code ship(struct naive *naive, struct naive_order *order,
                      const struct naive_parcel_ask *ask)
{
    struct naive_shipment *s = &order->parcels.shipments[ask->id];
    uint32_t units = 0;
    if (s->state != 0)
        return says_the_same(&s->asked, ask) ? CODE_REPLAYED : CODE_KEY_REUSED;
    if (ask->too_old)
        return CODE_EXPIRED_REQUEST;
    if (!can_ship(order))
        return CODE_ILLEGAL;
    uint32_t warehouse = where_from(order, ask);
    if (warehouse == NAIVE_WAREHOUSES)
        return CODE_LIMIT;
    if (!is_known(naive, warehouse))
        return CODE_UNKNOWN_WAREHOUSE;
    for (uint32_t i = 0; i < ask->line_count; i++) {
        uint32_t line = ask->lines[i].line - 1;
        if (line >= order->line_count || ask->lines[i].units > unplanned(order, line) ||
            order->lines[line].warehouse != warehouse)
            return CODE_INVALID;
    }
    struct naive_shipment made = {
        .state = SHIPMENT_PLANNED, .warehouse = (uint8_t)warehouse, .asked = *ask};
    memcpy(made.sent, ask->sent, sizeof made.sent);
    for (uint32_t i = 0; i < ask->line_count; i++)
        made.units[ask->lines[i].line - 1] = ask->lines[i].units;
    for (uint32_t i = 0; i < order->line_count && ask->line_count == 0; i++)
        if (order->lines[i].warehouse == warehouse)
            made.units[i] = unplanned(order, i);
    for (uint32_t i = 0; i < order->line_count; i++)
        units += made.units[i];
    if (units == 0)
        return CODE_LIMIT;
    *s = made;
    append(order->parcels.order, NAIVE_PARCELS, ask->id);
    order->version++;
    return CODE_CREATED;
}

/* 0: not from this state. */
static enum shipment_state after(enum shipment_state from, enum shipment_move move)
{
    bool unsent = from == SHIPMENT_PLANNED || from == SHIPMENT_PICKING;
    bool failed = from == SHIPMENT_PICK_SHORT || from == SHIPMENT_CARRIER_REJECTED;
    bool away =
        from == SHIPMENT_HANDED_OVER || from == SHIPMENT_IN_TRANSIT || from == SHIPMENT_DELAYED;
    bool ended = from == SHIPMENT_LOST || from == SHIPMENT_RETURNED_TO_SENDER;
    switch (move) {
    case SHIPMENT_PICK:
        return from == SHIPMENT_PLANNED ? SHIPMENT_PICKING : 0;
    case SHIPMENT_HAND_OVER:
        return unsent ? SHIPMENT_HANDED_OVER : 0;
    case SHIPMENT_MISS:
        return unsent ? SHIPMENT_PICK_SHORT : 0;
    case SHIPMENT_TURN_DOWN:
        return unsent ? SHIPMENT_CARRIER_REJECTED : 0;
    case SHIPMENT_CANCEL:
        return unsent || failed ? SHIPMENT_CANCELLED : 0;
    case SHIPMENT_CARRY:
        return from == SHIPMENT_HANDED_OVER ? SHIPMENT_IN_TRANSIT : 0;
    case SHIPMENT_DELAY:
        return away && from != SHIPMENT_DELAYED ? SHIPMENT_DELAYED : 0;
    case SHIPMENT_DELIVER:
        return away || from == SHIPMENT_LOST ? SHIPMENT_DELIVERED : 0;
    case SHIPMENT_LOSE:
        return away ? SHIPMENT_LOST : 0;
    case SHIPMENT_SEND_BACK:
        return away || from == SHIPMENT_LOST ? SHIPMENT_RETURNED_TO_SENDER : 0;
    case SHIPMENT_REFUND:
        return ended ? SHIPMENT_REFUNDED : failed ? SHIPMENT_CANCELLED : 0;
    case SHIPMENT_RESHIP:
        return ended ? SHIPMENT_RESHIPPED : failed ? SHIPMENT_PLANNED : 0;
    case SHIPMENT_MOVE_COUNT:
        break;
    }
    return 0;
}

static struct naive_cell *cell_of(struct naive *naive, const struct naive_order *order,
                                  uint32_t line, uint32_t warehouse)
{
    return &naive->skus[order->lines[line].sku].cells[warehouse];
}

/* ---- free stock once more ------------------------------------------------------------------------ */

static bool is_exchange(const struct naive_order *order, const struct naive_shipment *s)
{
    return s > &order->parcels.shipments[NAIVE_SHIPMENTS];
}

static bool can_send(const struct naive *naive, const struct naive_order *order,
                     const uint32_t units[NAIVE_PARCEL_LINES], uint32_t warehouse)
{
    for (uint32_t i = 0; i < order->line_count; i++) {
        uint64_t wanted = 0;
        for (uint32_t j = 0; j < order->line_count; j++)
            wanted += order->lines[j].sku == order->lines[i].sku ? units[j] : 0;
        if (units[i] > 0 &&
            naive_sellable(&naive->skus[order->lines[i].sku].cells[warehouse]) < wanted)
            return false;
    }
    return true;
}

/* Takes all of it from one warehouse: the one that is named, or the first of those that can. */
static enum code take(struct naive *naive, const struct naive_order *order,
                      const struct naive_parcel_ask *ask, const bool may[NAIVE_WAREHOUSES],
                      const uint32_t units[NAIVE_PARCEL_LINES], uint32_t *chosen)
{
    bool any = false;
    if (says_where(ask) && !is_known(naive, ask->warehouse))
        return CODE_UNKNOWN_WAREHOUSE;
    *chosen = NAIVE_WAREHOUSES;
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++) {
        if (!may[w] || (says_where(ask) && ask->warehouse != w))
            continue;
        any = true;
        if (can_send(naive, order, units, w) &&
            (*chosen == NAIVE_WAREHOUSES ||
             naive_comes_before(naive, order->buyer.region, w, *chosen)))
            *chosen = w;
    }
    if (*chosen == NAIVE_WAREHOUSES)
        return any ? CODE_OUT_OF_STOCK : CODE_INVALID;
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct naive_cell *cell = cell_of(naive, order, i, *chosen);
        cell->free -= units[i];
        cell->committed += units[i];
    }
    return CODE_OK;
}

bool naive_exchanges_full(const struct naive_order *order)
{
    return order->parcels.shipments[NAIVE_PARCELS].state != 0;
}

static void promise(struct naive_order *order, const uint32_t units[NAIVE_PARCEL_LINES],
                    uint32_t warehouse)
{
    uint8_t id = NAIVE_SHIPMENTS + 1;
    if (naive_exchanges_full(order))
        return; /* it was only a trial */
    while (order->parcels.shipments[id].state != 0)
        id++;
    struct naive_shipment *s = &order->parcels.shipments[id];
    append(order->parcels.order, NAIVE_PARCELS, id);
    for (uint32_t i = 0; i < NAIVE_PARCELS && order->parcels.order[i] != 0; i++)
        s->number = (uint8_t)(i + 1);
    s->state = SHIPMENT_PLANNED;
    s->warehouse = (uint8_t)warehouse;
    memcpy(s->units, units, sizeof s->units);
}

/* What cannot leave goes elsewhere, with all that is left of its lines. */
static enum code move_parcel(struct naive *naive, struct naive_order *order,
                             struct naive_shipment *s, const struct naive_parcel_ask *ask)
{
    uint32_t units[NAIVE_PARCEL_LINES] = {0}, to;
    bool may[NAIVE_WAREHOUSES];
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++)
        may[w] = w != s->warehouse;
    for (uint32_t i = 0; i < order->line_count; i++) {
        if (s->units[i] == 0)
            continue;
        if (!is_exchange(order, s) && naive_planned(order, i) != s->units[i])
            return CODE_INVALID;
        units[i] = is_exchange(order, s) ? s->units[i] : naive_left(order, i);
    }
    enum code code = take(naive, order, ask, may, units, &to);
    if (code != CODE_OK)
        return code;
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct naive_cell *left = cell_of(naive, order, i, s->warehouse);
        left->committed -= units[i];
        left->free += units[i];
        if (!is_exchange(order, s) && units[i] > 0)
            order->lines[i].warehouse = to;
    }
    s->warehouse = (uint8_t)to;
    s->state = SHIPMENT_PLANNED;
    return CODE_OK;
}

static enum code send_again(struct naive *naive, struct naive_order *order,
                            struct naive_shipment *s, const struct naive_parcel_ask *ask)
{
    uint32_t to;
    bool may[NAIVE_WAREHOUSES], own = !is_exchange(order, s);
    for (uint32_t w = 0; w < NAIVE_WAREHOUSES; w++) {
        may[w] = true;
        for (uint32_t i = 0; i < order->line_count && own; i++)
            if (s->units[i] > 0 && naive_left(order, i) > 0)
                may[w] &= order->lines[i].warehouse == w;
    }
    enum code code = take(naive, order, ask, may, s->units, &to);
    if (code != CODE_OK)
        return code;
    s->state = SHIPMENT_RESHIPPED;
    if (!own)
        promise(order, s->units, to);
    for (uint32_t i = 0; i < order->line_count && own; i++)
        if (s->units[i] > 0)
            order->lines[i].warehouse = to;
    return CODE_OK;
}

static enum code reship(struct naive *naive, struct naive_order *order, struct naive_shipment *s,
                        const struct naive_parcel_ask *ask)
{
    return is_unsent(s) ? move_parcel(naive, order, s, ask) : send_again(naive, order, s, ask);
}

static void go(struct naive *naive, struct naive_order *order, struct naive_shipment *s,
               enum shipment_move move)
{
    bool dropped = move == SHIPMENT_REFUND && is_unsent(s);
    s->state = (uint8_t)after(s->state, move);
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct naive_cell *cell = cell_of(naive, order, i, s->warehouse);
        if (s->units[i] == 0)
            continue;
        if (move == SHIPMENT_HAND_OVER) {
            cell->committed -= s->units[i];
            cell->version++;
        } else if (move == SHIPMENT_SEND_BACK) {
            cell->quarantined += s->units[i];
            cell->version++;
        } else if (dropped) {
            cell->committed -= s->units[i];
            cell->free += s->units[i];
            if (is_exchange(order, s))
                continue;
            order->lines[i].cancelled += s->units[i];
            order->sum -= order->lines[i].unit_price * (int64_t)s->units[i];
        }
    }
}

/* What the units say; only an order that is on its way follows them. */
static void follow(struct naive_order *order)
{
    if (can_ship(order) || order->state == ORDER_SHIPPED)
        order->state = (uint8_t)naive_state(order);
}

/* What it pays back, from the order as it is now; `before`: as it was. False: too many refunds. */
static bool pay_back(struct naive_order *order, const struct naive_order *before, const char *why)
{
    struct naive_money *money = &order->money;
    bool ends = order->state == ORDER_CANCELLED;
    if (ends)
        naive_money_end(money, why);
    int64_t over = naive_kept_all(money) - naive_due(order);
    int64_t less = naive_due(before) - naive_due(order);
    if (!ends)
        naive_give_back(money, NULL, over < less ? over : less, why);
    uint32_t most =
        ends || order->state == ORDER_COMPLETED ? REFUNDS_MAX : REFUNDS_MAX - PAYMENTS_MAX;
    return money->refund_count == before->money.refund_count || money->refund_count <= most;
}

static enum shipment_move move_of(const struct naive_parcel_ask *ask)
{
    switch (ask->op) {
    case OP_SHIPMENT_PICK:
        return SHIPMENT_PICK;
    case OP_SHIPMENT_HAND_OVER:
        return SHIPMENT_HAND_OVER;
    case OP_SHIPMENT_DELIVER:
        return SHIPMENT_DELIVER;
    case OP_SHIPMENT_CANCEL:
        return SHIPMENT_CANCEL;
    case OP_SHIPMENT_RESOLVE:
        return ask->choice == RESOLVE_REFUND ? SHIPMENT_REFUND : SHIPMENT_RESHIP;
    default:
        return ask->choice == FAIL_PICK_SHORT         ? SHIPMENT_MISS
               : ask->choice == FAIL_CARRIER_REJECTED ? SHIPMENT_TURN_DOWN
               : ask->choice == FAIL_DELAYED          ? SHIPMENT_DELAY
               : ask->choice == FAIL_LOST             ? SHIPMENT_LOSE
                                                      : SHIPMENT_SEND_BACK;
    }
}

/* Cells are given back as well, if it comes to nothing. */
static enum code move(struct naive *naive, struct naive_order *order,
                      const struct naive_parcel_ask *ask)
{
    struct naive_shipment *s = &order->parcels.shipments[ask->id];
    enum shipment_move how = move_of(ask);
    if (after(s->state, how) == 0 || (how == SHIPMENT_CANCEL && is_exchange(order, s)))
        return CODE_ILLEGAL;
    if (how == SHIPMENT_REFUND && says_where(ask))
        return CODE_INVALID;
    struct naive_order before = *order;
    struct naive_sku skus[NAIVE_SKUS];
    memcpy(skus, naive->skus, sizeof skus);
    enum code code = CODE_OK;
    if (how == SHIPMENT_RESHIP)
        code = reship(naive, order, s, ask);
    else
        go(naive, order, s, how);
    if (code != CODE_OK)
        return code;
    follow(order);
    order->version++;
    for (uint32_t i = 0; i < NAIVE_SENT; i++)
        if (ask->sent[i] != 0)
            s->sent[i] = ask->sent[i];
    if (how == SHIPMENT_REFUND && !pay_back(order, &before, "not_delivered")) {
        *order = before;
        memcpy(naive->skus, skus, sizeof skus);
        return CODE_LIMIT;
    }
    return CODE_OK;
}

static enum code scan(struct naive *naive, struct naive_order *order,
                      const struct naive_parcel_ask *ask)
{
    static const enum shipment_move moves[] = {SHIPMENT_CARRY, SHIPMENT_DELAY, SHIPMENT_DELIVER,
                                               SHIPMENT_LOSE, SHIPMENT_SEND_BACK};
    struct naive_shipment *s = &order->parcels.shipments[ask->id];
    if (s->state == 0)
        return CODE_NOT_FOUND;
    for (uint32_t i = 0; i < s->scan_count; i++)
        if (s->scans[i].code == ask->scan && s->scans[i].at == ask->scan_at)
            return CODE_OK;
    s->scans[s->scan_count].code = ask->scan;
    s->scans[s->scan_count++].at = ask->scan_at;
    if (ask->scan < 5 && after(s->state, moves[ask->scan]) != 0)
        go(naive, order, s, moves[ask->scan]);
    follow(order);
    order->version++;
    return CODE_OK;
}

/* ---- returns ---------------------------------------------------------------------------------------- */

static enum code take_back(struct naive_order *order, const struct naive_parcel_ask *ask)
{
    struct naive_return *r = &order->parcels.returns[ask->id];
    uint32_t units = 0;
    if (r->state != 0)
        return says_the_same(&r->asked, ask) ? CODE_REPLAYED : CODE_KEY_REUSED;
    if (ask->too_old)
        return CODE_EXPIRED_REQUEST;
    struct naive_return made = {.state = RETURN_REQUESTED, .kind = ask->choice, .asked = *ask};
    for (uint32_t i = 0; i < ask->line_count; i++) {
        uint32_t line = ask->lines[i].line - 1;
        if (line >= order->line_count ||
            ask->lines[i].units > naive_delivered(order, line) - returning(order, line))
            return CODE_INVALID;
        made.units[line] = ask->lines[i].units;
    }
    for (uint32_t i = 0; i < order->line_count; i++) {
        if (ask->line_count == 0)
            made.units[i] = naive_delivered(order, i) - returning(order, i);
        units += made.units[i];
    }
    if (units == 0)
        return CODE_LIMIT;
    *r = made;
    append(order->parcels.return_order, NAIVE_RETURNS, ask->id);
    order->version++;
    return CODE_CREATED;
}

static void give_up(struct naive_return *r)
{
    memcpy(r->rejected, r->units, sizeof r->rejected);
}

/* False: the lines do not say how much of each is accepted and how much is rejected. */
static bool judge(const struct naive_order *order, struct naive_return *r,
                  const struct naive_parcel_ask *ask)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < order->line_count; i++) {
        if (r->units[i] == 0)
            continue;
        r->accepted[i] = r->units[i];
        if (ask->line_count == 0)
            continue;
        if (at == ask->line_count || ask->lines[at].line != i + 1 ||
            ask->lines[at].units + ask->lines[at].rejected != r->units[i])
            return false;
        r->accepted[i] = ask->lines[at].units;
        r->rejected[i] = ask->lines[at++].rejected;
    }
    return at == ask->line_count;
}

static bool any_accepted(const struct naive_return *r)
{
    for (uint32_t i = 0; i < NAIVE_PARCEL_LINES; i++)
        if (r->accepted[i] > 0)
            return true;
    return false;
}

static const char *why_of(uint8_t id)
{
    static const char *const whys[NAIVE_RETURNS + 1] = {"",           "return r-1", "return r-2",
                                                        "return r-3", "return r-4", "return r-5",
                                                        "return r-6", "return r-7", "return r-8"};
    return whys[id];
}

static bool money_is_back(const struct naive_order *order, uint8_t id)
{
    for (uint32_t i = 0; i < order->money.refund_count; i++) {
        const struct naive_refund *refund = &order->money.refunds[i];
        bool over = refund->state == REFUND_SUCCEEDED || refund->state == REFUND_FAILED;
        if (!over && refund->why != NULL && strcmp(refund->why, why_of(id)) == 0)
            return false;
    }
    return true;
}

/* As many are sent again as are accepted. */
static enum code exchange(struct naive *naive, struct naive_order *order, struct naive_return *r,
                          const struct naive_parcel_ask *ask)
{
    bool may[NAIVE_WAREHOUSES];
    uint32_t from;
    memset(may, true, sizeof may);
    enum code code = take(naive, order, ask, may, r->accepted, &from);
    if (code != CODE_OK)
        return code;
    r->state = RETURN_INSPECTED;
    promise(order, r->accepted, from);
    order->version++;
    return CODE_OK;
}

static enum code inspect(struct naive *naive, struct naive_order *order, struct naive_return *r,
                         const struct naive_parcel_ask *ask, enum return_state from)
{
    struct naive_order before = *order;
    bool whole = judge(order, r, ask);
    if (!whole || r->state != from) {
        *order = before;
        return whole ? CODE_ILLEGAL : CODE_INVALID;
    }
    bool swaps = any_accepted(r) && r->kind == RETURN_EXCHANGE;
    enum code code = CODE_OK;
    if (swaps)
        code = exchange(naive, order, r, ask);
    else if (says_where(ask))
        code = CODE_INVALID;
    if (code != CODE_OK)
        *order = before;
    if (swaps || code != CODE_OK)
        return code;
    r->state = any_accepted(r) ? RETURN_REFUNDING : RETURN_INSPECTED;
    order->version++;
    if (pay_back(order, &before, why_of(ask->id)))
        return CODE_OK;
    *order = before;
    return CODE_LIMIT;
}

static enum code handle(struct naive *naive, struct naive_order *order,
                        const struct naive_parcel_ask *ask)
{
    struct naive_return *r = &order->parcels.returns[ask->id];
    enum return_state to = 0;
    if (r->state == 0)
        return CODE_NOT_FOUND;
    switch (ask->op) {
    case OP_RETURN_APPROVE:
        if (r->kind == RETURN_REFUND_ONLY)
            return inspect(naive, order, r, ask, RETURN_REQUESTED);
        to = r->state == RETURN_REQUESTED ? RETURN_APPROVED : 0;
        break;
    case OP_RETURN_REFUSE:
        to = r->state == RETURN_REQUESTED ? RETURN_REFUSED : 0;
        break;
    case OP_RETURN_SHIP:
        to = r->state == RETURN_APPROVED ? RETURN_IN_TRANSIT : 0;
        break;
    case OP_RETURN_RECEIVE:
        to = r->state == RETURN_APPROVED || r->state == RETURN_IN_TRANSIT ? RETURN_RECEIVED : 0;
        break;
    case OP_RETURN_INSPECT:
        return inspect(naive, order, r, ask, RETURN_RECEIVED);
    case OP_RETURN_CLOSE:
        if (r->state == RETURN_APPROVED || r->state == RETURN_INSPECTED ||
            (r->state == RETURN_REFUNDING && money_is_back(order, ask->id)))
            to = RETURN_CLOSED;
        break;
    default:
        break;
    }
    if (to == 0)
        return CODE_ILLEGAL;
    if (to == RETURN_REFUSED || (to == RETURN_CLOSED && r->state == RETURN_APPROVED))
        give_up(r);
    for (uint32_t i = 0; i < order->line_count && to == RETURN_RECEIVED; i++)
        if (r->units[i] > 0) {
            struct naive_cell *cell = cell_of(naive, order, i, order->lines[i].warehouse);
            cell->quarantined += r->units[i];
            cell->version++;
        }
    r->state = (uint8_t)to;
    order->version++;
    return CODE_OK;
}

/* ---- both ------------------------------------------------------------------------------------------- */

enum code naive_parcel(struct naive *naive, uint32_t number, const struct naive_parcel_ask *ask)
{
    struct naive_order *order = &naive->orders[number];
    if (!order->placed || order->is_remainder)
        return CODE_NOT_FOUND;
    if (ask->op == OP_SHIPMENT_CREATE)
        return ship(naive, order, ask);
    if (ask->op == OP_SHIPMENT_SCAN)
        return scan(naive, order, ask);
    if (ask->op == OP_SHIPMENT_GET)
        return order->parcels.shipments[ask->id].state != 0 ? CODE_OK : CODE_NOT_FOUND;
    if (ask->op == OP_RETURN_CREATE)
        return take_back(order, ask);
    if (ask->op == OP_RETURN_GET)
        return order->parcels.returns[ask->id].state != 0 ? CODE_OK : CODE_NOT_FOUND;
    bool is_return = ask->op > OP_RETURN_CREATE;
    const struct naive_parcel_ask *known = &order->parcels.keys[ask->key];
    if (is_return ? order->parcels.returns[ask->id].state == 0
                  : order->parcels.shipments[ask->id].state == 0)
        return CODE_NOT_FOUND;
    if (ask->key != 0 && known->op != 0)
        return says_the_same(known, ask) ? CODE_REPLAYED : CODE_KEY_REUSED;
    if (ask->too_old)
        return CODE_EXPIRED_REQUEST;
    enum code code = is_return ? handle(naive, order, ask) : move(naive, order, ask);
    if (code == CODE_OK && ask->key != 0)
        order->parcels.keys[ask->key] = *ask;
    return code;
}
