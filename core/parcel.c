#include "core/parcel.h"

#include <string.h>

#include "core/answer.h"
#include "core/carry.h"
#include "core/resend.h"
#include "core/scan.h"

static void answer_as(const struct deal *deal, enum code code, uint32_t record,
                      enum shipment_detail detail)
{
    const struct orders *orders = &deal->shard->orders;
    const struct shipment *shipment = shipment_at(orders, record);
    void *out = answer_children(deal->shard, deal->turn, deal->request, code, deal->order, 1,
                                shipment_answer_bytes(orders, shipment, detail));
    shipment_answer(orders, shipment, detail, out);
}

void parcel_answer(const struct deal *deal, enum code code, uint32_t record)
{
    answer_as(deal, code, record, SHIPMENT_WHOLE);
}

static uint32_t find(const struct deal *deal)
{
    return shipment_find(&deal->shard->orders, deal->order, deal->id);
}

/* ---- a new shipment ---------------------------------------------------------------------------- */

static uint32_t unplanned(const struct deal *deal, uint32_t line)
{
    return order_line_left(&deal->shard->orders, deal->order, line) -
           order_line_progress(&deal->shard->orders, deal->order, line).planned;
}

static uint32_t warehouse_of(const struct deal *deal, uint32_t line)
{
    return order_line_warehouse(deal->order, line);
}

/* The warehouse that is asked for, or where the first line is; WAREHOUSES_MAX: it has been refused. */
static uint32_t choose_warehouse(const struct deal *deal)
{
    struct text name = deal_said(deal, PARCEL_WAREHOUSE);
    const struct parcel_line *lines = deal->parcel->lines;
    if (name.bytes > 0) {
        uint32_t number = topology_find(&deal->shard->topology, name);
        if (number == WAREHOUSES_MAX)
            deal_refuse_field(deal, CODE_UNKNOWN_WAREHOUSE, "warehouse", 0);
        return number;
    }
    if (deal->parcel->line_count > 0)
        return lines[0].line <= deal->order->line_count ? warehouse_of(deal, lines[0].line - 1) : 0;
    for (uint32_t i = 0; i < deal->order->line_count; i++)
        if (unplanned(deal, i) > 0)
            return warehouse_of(deal, i);
    deal_refuse_field(deal, CODE_LIMIT, "lines", 0);
    return WAREHOUSES_MAX;
}

/* False: it has been refused. */
static bool lines_are_there(const struct deal *deal, uint32_t warehouse)
{
    for (uint32_t i = 0; i < deal->parcel->line_count; i++) {
        const struct parcel_line *line = &deal->parcel->lines[i];
        const char *field = NULL;
        if (line->line > deal->order->line_count)
            field = "line";
        else if (line->units > unplanned(deal, line->line - 1))
            field = "units";
        else if (warehouse_of(deal, line->line - 1) != warehouse)
            field = "warehouse";
        if (field != NULL) {
            deal_refuse_field(deal, CODE_INVALID, field, i + 1);
            return false;
        }
    }
    return true;
}

/* Those that are asked for, or all that is left in the warehouse; how many. */
static uint32_t take_lines(const struct deal *deal, uint32_t warehouse, struct child_line *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < deal->parcel->line_count; i++)
        out[count++] =
            (struct child_line){deal->parcel->lines[i].line, deal->parcel->lines[i].units};
    if (count > 0)
        return count;
    for (uint32_t i = 0; i < deal->order->line_count; i++)
        if (unplanned(deal, i) > 0 && warehouse_of(deal, i) == warehouse)
            out[count++] = (struct child_line){i + 1, unplanned(deal, i)};
    return count;
}

static void plan(struct deal *deal, uint32_t warehouse)
{
    struct shard *shard = deal->shard;
    struct carry_made made = {
        .texts = {[SHIPMENT_ID] = deal->id,
                  [SHIPMENT_CARRIER] = deal_said(deal, PARCEL_CARRIER),
                  [SHIPMENT_TRACKING] = deal_said(deal, PARCEL_TRACKING),
                  [SHIPMENT_METHOD] = deal_said(deal, PARCEL_METHOD)},
        .digest = deal_digest(deal),
        .lines = shard->parcel_lines,
        .line_count = take_lines(deal, warehouse, shard->parcel_lines),
        .warehouse = (uint8_t)warehouse,
    };
    if (made.line_count == 0) {
        deal_refuse_field(deal, CODE_LIMIT, "lines", 0);
        return;
    }
    uint32_t text_bytes = 0;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        text_bytes += made.texts[i].bytes;
    uint64_t bytes = shipment_room(made.line_count, text_bytes);
    ledger_open(&deal->ledger, &shard->orders, deal->order);
    if (!deal_has_room(deal, false, bytes + order_progress_room(&shard->orders, deal->order)))
        return;
    struct event *event =
        move_event(shard, deal->turn, deal->order, EVENT_SHIPMENT_PLANNED, &deal->cause);
    carry_add_made(deal, event, &made);
    shard_apply(shard, deal->turn, event);
    parcel_answer(deal, CODE_CREATED, find(deal));
}

static void create_new(struct deal *deal)
{
    if (!order_state_commits((enum order_state)deal->order->state)) {
        move_answer_state(deal->shard, deal->turn, deal->request, deal->order);
        return;
    }
    if (carry_count(deal) == SHIPMENTS_MAX) {
        deal_refuse_field(deal, CODE_LIMIT, "shipment_id", 0);
        return;
    }
    uint32_t warehouse = choose_warehouse(deal);
    if (warehouse != WAREHOUSES_MAX && lines_are_there(deal, warehouse))
        plan(deal, warehouse);
}

static void create(struct deal *deal)
{
    uint32_t known = find(deal);
    if (known == 0 && carry_is_own_id(deal->id))
        deal_refuse_field(deal, CODE_INVALID, "shipment_id", 0);
    else if (known != 0 && shipment_at(&deal->shard->orders, known)->digest == deal_digest(deal))
        answer_as(deal, CODE_REPLAYED, known, SHIPMENT_AS_MADE);
    else if (known != 0)
        deal_refuse(deal, CODE_KEY_REUSED);
    else if (!deal_is_too_old(deal))
        create_new(deal);
}

/* ---- moves ------------------------------------------------------------------------------------- */

static enum shipment_move move_of(const struct order_parcel *parcel)
{
    static const enum shipment_move failures[] = {
        [FAIL_PICK_SHORT] = SHIPMENT_MISS,
        [FAIL_CARRIER_REJECTED] = SHIPMENT_TURN_DOWN,
        [FAIL_DELAYED] = SHIPMENT_DELAY,
        [FAIL_LOST] = SHIPMENT_LOSE,
        [FAIL_RETURNED_TO_SENDER] = SHIPMENT_SEND_BACK,
    };
    switch (parcel->head.op) {
    case OP_SHIPMENT_PICK:
        return SHIPMENT_PICK;
    case OP_SHIPMENT_HAND_OVER:
        return SHIPMENT_HAND_OVER;
    case OP_SHIPMENT_DELIVER:
        return SHIPMENT_DELIVER;
    case OP_SHIPMENT_FAIL:
        return failures[parcel->choice];
    case OP_SHIPMENT_CANCEL:
        return SHIPMENT_CANCEL;
    default:
        return parcel->choice == RESOLVE_REFUND ? SHIPMENT_REFUND : SHIPMENT_RESHIP;
    }
}

static enum event_kind event_of(uint32_t op)
{
    switch (op) {
    case OP_SHIPMENT_PICK:
        return EVENT_SHIPMENT_PICKING;
    case OP_SHIPMENT_HAND_OVER:
        return EVENT_SHIPMENT_HANDED_OVER;
    case OP_SHIPMENT_DELIVER:
        return EVENT_SHIPMENT_DELIVERED;
    case OP_SHIPMENT_FAIL:
        return EVENT_SHIPMENT_FAILED;
    case OP_SHIPMENT_CANCEL:
        return EVENT_SHIPMENT_CANCELLED;
    default:
        return EVENT_SHIPMENT_RESOLVED;
    }
}

/* Of an order's own lines, those that a parcel of which nothing may be left over in another warehouse
 * takes; how many. 0: it has been refused. */
static uint32_t lines_to_move(const struct deal *deal, struct child_line *out)
{
    const struct orders *orders = &deal->shard->orders;
    for (uint32_t i = 0; i < deal->shipment->line_count; i++) {
        const struct child_line *line = &deal->shipment->lines[i];
        struct line_progress progress = order_line_progress(orders, deal->order, line->line - 1);
        if (progress.planned != line->units) {
            deal_refuse_field(deal, CODE_INVALID, "lines", line->line);
            return 0;
        }
        out[i] =
            (struct child_line){line->line, order_line_left(orders, deal->order, line->line - 1)};
    }
    return deal->shipment->line_count;
}

static bool is_of_order(const struct deal *deal)
{
    return !deal->shipment->of_return;
}

/* Where what is lost can be shipped from again: a line is never split. */
static uint64_t warehouses_again(const struct deal *deal)
{
    uint64_t warehouses = UINT64_MAX;
    for (uint32_t i = 0; i < deal->shipment->line_count && is_of_order(deal); i++) {
        uint32_t line = deal->shipment->lines[i].line - 1;
        if (order_line_left(&deal->shard->orders, deal->order, line) > 0)
            warehouses &= UINT64_C(1) << warehouse_of(deal, line);
    }
    return warehouses;
}

/* Free stock is taken first, through holds: either the whole of it is asked for, and this comes again
 * with the grant, or it is carried out. False: it has not been. */
static bool reship(struct deal *deal, const struct shipment_step *step)
{
    struct child_line *lines = deal->shard->parcel_lines;
    uint32_t count = deal->shipment->line_count;
    uint64_t warehouses = warehouses_again(deal);
    memcpy(lines, deal->shipment->lines, count * sizeof *lines);
    if (step->effect == UNITS_MOVED) {
        warehouses = ~(UINT64_C(1) << deal->shipment->warehouse);
        count = is_of_order(deal) ? lines_to_move(deal, lines) : count;
    } else if (!is_of_order(deal) && carry_count(deal) == SHIPMENTS_MAX) {
        deal_refuse_field(deal, CODE_LIMIT, "shipment_id", 0);
        return false;
    }
    return count > 0 && resend_take(deal, lines, count, warehouses);
}

/* What an exchange promises cannot be taken back: only resolved. */
static uint32_t moves_allowed(const struct deal *deal)
{
    uint32_t allowed = shipment_allowed((enum shipment_state)deal->shipment->state);
    return is_of_order(deal) ? allowed : allowed & ~(1u << SHIPMENT_CANCEL);
}

static void move(struct deal *deal, uint32_t record)
{
    enum move_seen seen = deal_seen(deal);
    if (seen == MOVE_SEEN)
        parcel_answer(deal, CODE_REPLAYED, record);
    if (seen != MOVE_NEW || deal_is_too_old(deal))
        return;
    deal->shipment = shipment_at(&deal->shard->orders, record);
    enum shipment_move how = move_of(deal->parcel);
    if ((moves_allowed(deal) >> how & 1) == 0) {
        answer_child_state(deal->shard, deal->turn, deal->request, CHILD_SHIPMENT,
                           deal->shipment->state, moves_allowed(deal));
        return;
    }
    const struct shipment_step *step =
        shipment_step((enum shipment_state)deal->shipment->state, how);
    if (how == SHIPMENT_REFUND && deal_said(deal, PARCEL_WAREHOUSE).bytes > 0) {
        deal_refuse_field(deal, CODE_INVALID, "warehouse", 0);
        return;
    }
    if (how == SHIPMENT_RESHIP && !reship(deal, step))
        return;
    deal->steps[deal->step_count++] = step;
    if (carry_out(deal, event_of(deal->parcel->head.op), 0, NULL))
        parcel_answer(deal, CODE_OK, find(deal));
}

/* ---- what comes in ----------------------------------------------------------------------------- */

static void decide(struct deal *deal)
{
    enum op op = (enum op)deal->request->command->op;
    if (!deal_find_order(deal))
        return;
    if (op == OP_SHIPMENT_CREATE) {
        create(deal);
        return;
    }
    uint32_t record = find(deal);
    if (record == 0)
        deal_refuse_field(deal, CODE_NOT_FOUND, "shipment_id", 0);
    else if (op == OP_SHIPMENT_GET)
        parcel_answer(deal, CODE_OK, record);
    else if (op == OP_SHIPMENT_SCAN)
        scan_bring(deal, record);
    else
        move(deal, record);
}

void parcel_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct deal deal;
    deal_open(&deal, shard, turn, request);
    decide(&deal);
}

void parcel_granted(struct shard *shard, struct turn *turn, const struct request *request,
                    struct grant *grant)
{
    struct deal deal;
    deal_open(&deal, shard, turn, request);
    deal.grant = grant;
    decide(&deal);
}
