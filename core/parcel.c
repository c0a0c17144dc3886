#include "core/parcel.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"
#include "core/ledger.h"
#include "core/move.h"
#include "core/return.h"
#include "core/shipment.h"

/* ---- a request, taken apart -------------------------------------------------------------------- */

/* Steps of one shipment within one event: scans may bring several at once. */
enum { STEPS_MAX = 8 };

struct deal {
    struct shard *shard;
    struct turn *turn;
    const struct request *request;
    const struct order_parcel *parcel; /* unless scans are brought */
    const struct order *order;
    struct text order_id;
    struct text id;
    struct cause cause;
    struct slice_retry retry;
    const struct shipment *shipment;
    const struct shipment_step *steps[STEPS_MAX];
    uint32_t step_count;
    struct ledger ledger;
};

static struct text said(const struct deal *deal, enum parcel_text which)
{
    if (deal->request->command->op == OP_SHIPMENT_SCAN)
        return (struct text){"", 0};
    return order_parcel_text(deal->parcel, which);
}

/* Of all that says what is asked, and not of when. */
static uint64_t digest_of(const struct order_parcel *parcel)
{
    const char *from = (const char *)&parcel->eta_ns;
    const char *end = (const char *)parcel + parcel->head.bytes;
    return digest(from, (size_t)(end - from), parcel->head.op);
}

static void refuse(const struct deal *deal, enum code code)
{
    answer_plain(deal->shard, deal->turn, deal->request, code);
}

static void refuse_field(const struct deal *deal, enum code code, const char *field, uint32_t line)
{
    answer_fault(deal->shard, deal->turn, deal->request, code, field, line);
}

static void answer_as(const struct deal *deal, enum code code, uint32_t record,
                      enum shipment_detail detail)
{
    const struct orders *orders = &deal->shard->orders;
    const struct shipment *shipment = shipment_at(orders, record);
    void *out = answer_children(deal->shard, deal->turn, deal->request, code, deal->order, 1,
                                shipment_answer_bytes(orders, shipment, detail));
    shipment_answer(orders, shipment, detail, out);
}

static void answer_shipment(const struct deal *deal, enum code code, uint32_t record)
{
    answer_as(deal, code, record, SHIPMENT_WHOLE);
}

static uint32_t find(const struct deal *deal)
{
    return shipment_find(&deal->shard->orders, deal->order, deal->id);
}

/* ---- what a step means ------------------------------------------------------------------------- */

static void count_step(struct order_parts *parts, const struct shipment_step *step, uint64_t units)
{
    parts->failed += shipment_state_has_failed(step->to);
    parts->failed -= shipment_state_has_failed(step->from);
    switch (step->effect) {
    case UNITS_STAY:
    case UNITS_FREED:
    case UNITS_COME_BACK:
    case UNITS_MOVED:
        return;
    case UNITS_LEAVE:
        parts->left -= units;
        parts->away += units;
        return;
    case UNITS_ARRIVE:
        parts->away -= units;
        parts->arrived += units;
        return;
    case UNITS_DROPPED:
        parts->left -= units;
        return;
    case UNITS_WRITTEN_OFF:
        parts->away -= units;
        return;
    case UNITS_OWED:
        parts->away -= units;
        parts->left += units;
        return;
    }
}

/* NULL: the order stays in its state. What an exchange sends does not concern it. */
static const struct order_step *order_moves(const struct deal *deal)
{
    const struct order *order = deal->order;
    enum order_state state = (enum order_state)order->state;
    if (deal->shipment->of_return || (!order_state_commits(state) && state != ORDER_SHIPPED))
        return NULL;
    struct order_parts parts = order_parts(&deal->shard->orders, order);
    parts.failed = shipments_failed(&deal->shard->orders, order);
    for (uint32_t i = 0; i < deal->step_count; i++)
        count_step(&parts, deal->steps[i], shipment_units(deal->shipment));
    enum order_state to = order_state_of(&parts);
    if (to == state)
        return NULL;
    const struct order_step *step = order_step_to(state, to);
    CHECK(step != NULL);
    return step;
}

static bool pays_back(const struct deal *deal)
{
    enum shipment_effect effect = deal->steps[0]->effect;
    return effect == UNITS_DROPPED || effect == UNITS_WRITTEN_OFF;
}

/* What the shop may keep without this shipment's lines. */
static int64_t due_without(const struct deal *deal)
{
    int64_t due = order_due_signed(&deal->shard->orders, deal->order);
    for (uint32_t i = 0; i < deal->shipment->line_count; i++) {
        const struct child_line *line = &deal->shipment->lines[i];
        due -= order_line_price(&deal->order->lines[line->line - 1]) * (int64_t)line->units;
    }
    return due > 0 ? due : 0;
}

static void settle_money(struct deal *deal, const struct order_step *step)
{
    ledger_open(&deal->ledger, &deal->shard->orders, deal->order);
    if (deal->step_count == 0 || !pays_back(deal))
        return;
    if (step != NULL && step->to == ORDER_CANCELLED)
        ledger_end(&deal->ledger, "not_delivered");
    else
        ledger_give_back_difference(&deal->ledger, order_due(&deal->shard->orders, deal->order),
                                    due_without(deal), "not_delivered");
}

static enum slice_kind stock_slice_of(enum shipment_effect effect)
{
    switch (effect) {
    case UNITS_LEAVE:
        return SLICE_STOCK_SHIP;
    case UNITS_COME_BACK:
        return SLICE_STOCK_BACK;
    case UNITS_DROPPED:
        return SLICE_STOCK_UNCOMMIT;
    case UNITS_WRITTEN_OFF:
        return SLICE_STOCK_UNCOUNT;
    case UNITS_STAY:
    case UNITS_FREED:
    case UNITS_ARRIVE:
    case UNITS_MOVED:
    case UNITS_OWED:
        break;
    }
    return SLICE_ORDER_MOVED; /* none of the stock */
}

/* Whether a line's units count against a limit. */
static bool counts(const struct deal *deal, uint32_t line)
{
    return !deal->shipment->of_return && (order_line_window(deal->order, line) != 0 ||
                                          order_line_capped(&deal->order->lines[line]));
}

/* What an exchange sends never counted against the buyer's limits. */
static void add_stock(const struct deal *deal, struct event *event,
                      const struct shipment_step *step)
{
    enum slice_kind kind = stock_slice_of(step->effect);
    if (kind == SLICE_STOCK_SHIP && deal->shard->options.bug[BUG_SHIPPED_STAYS_COMMITTED])
        return;
    if (kind == SLICE_ORDER_MOVED)
        return;
    struct mover mover = move_mover(deal->order);
    if (deal->shipment->of_return)
        mover.customer = mover.channel = 0;
    for (uint32_t i = 0; i < deal->shipment->line_count; i++) {
        const struct child_line *line = &deal->shipment->lines[i];
        if (kind == SLICE_STOCK_UNCOUNT && !counts(deal, line->line - 1))
            continue;
        struct slice_stock_units *slice =
            move_add_units(deal->turn, event, &mover, kind, line->line - 1, line->units);
        slice->warehouse = deal->shipment->warehouse;
        if (deal->shipment->of_return)
            slice->window_s = 0;
    }
}

/* ---- the event --------------------------------------------------------------------------------- */

static uint32_t slot_of(struct text order_id)
{
    return hash_slot(key_hash(order_id));
}

/* New texts only where the request brings them; 0 bytes: they stay. */
static void add_moved(struct turn *turn, struct event *event, struct text order_id,
                      const struct shipment *shipment, const struct shipment_step *step,
                      const struct text texts[SHIPMENT_TEXTS], struct text reason)
{
    uint32_t bytes = order_id.bytes + reason.bytes;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        bytes += texts[i].bytes;
    struct slice_shipment_moved *slice = event_add(
        turn, event, slot_of(order_id), SLICE_SHIPMENT_MOVED, (uint32_t)sizeof *slice + bytes);
    slice->move = (uint8_t)step->move;
    slice->from = (uint8_t)step->from;
    slice->to = (uint8_t)step->to;
    slice->warehouse = shipment->warehouse;
    slice->order_bytes = (uint8_t)order_id.bytes;
    slice->reason_bytes = (uint8_t)reason.bytes;
    char *at = text_put((char *)(slice + 1), order_id);
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++) {
        slice->text_bytes[i] = (uint8_t)texts[i].bytes;
        at = text_put(at, texts[i]);
    }
    text_put(at, reason);
}

static void add_steps(const struct deal *deal, struct event *event)
{
    const struct text texts[SHIPMENT_TEXTS] = {
        [SHIPMENT_ID] = deal->id,
        [SHIPMENT_CARRIER] = said(deal, PARCEL_CARRIER),
        [SHIPMENT_TRACKING] = said(deal, PARCEL_TRACKING),
        [SHIPMENT_METHOD] = said(deal, PARCEL_METHOD),
    };
    for (uint32_t i = 0; i < deal->step_count; i++)
        add_moved(deal->turn, event, deal->order_id, deal->shipment, deal->steps[i], texts,
                  deal->cause.reason);
}

/* The record is made again if texts are added, while the old one is still there. */
static uint64_t texts_room(const struct deal *deal)
{
    uint32_t bytes = 0;
    for (uint32_t i = PARCEL_CARRIER; i <= PARCEL_METHOD; i++)
        bytes += said(deal, i).bytes;
    if (bytes == 0)
        return 0;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        bytes += deal->shipment->text_bytes[i];
    return shipment_room(deal->shipment->line_count, bytes);
}

/* What does not end the order leaves room for the refunds that its end may open. */
static enum code has_room(const struct deal *deal, const struct order_step *step, uint64_t bytes)
{
    bool ends = step != NULL && step->to == ORDER_CANCELLED;
    uint32_t refunds_max = ends ? REFUNDS_MAX : REFUNDS_MAX - PAYMENTS_MAX;
    struct shard *shard = deal->shard;
    bytes += ledger_room(&deal->ledger) + order_more_room(deal->order);
    if (!ledger_refunds_fit(&deal->ledger, refunds_max))
        return CODE_LIMIT;
    if ((deal->cause.retry != NULL && !retries_have_room(&shard->retries)) ||
        !orders_have_bytes(&shard->orders, bytes) ||
        !orders_know_caller(&shard->orders, deal->request->caller))
        return CODE_FULL;
    return CODE_OK;
}

uint64_t parcel_confirm_ns(const struct shard *shard, const struct turn *turn)
{
    uint64_t after = shard->options.confirm_deadline_ns;
    return after != 0 ? turn->now_ns + after : 0;
}

uint64_t parcel_deadline_ns(const struct shard *shard, const struct turn *turn,
                            const struct order *order, const struct order_step *step)
{
    if (step->to != ORDER_DELIVERED || returns_are_open(&shard->orders, order, 0))
        return 0;
    return parcel_confirm_ns(shard, turn);
}

static void add_order_step(const struct deal *deal, struct event *event,
                           const struct order_step *step)
{
    move_add_step(deal->turn, event, deal->order, step,
                  parcel_deadline_ns(deal->shard, deal->turn, deal->order, step), &deal->cause);
}

static void add_scans(const struct deal *deal, struct event *event, const bool *is_new);

/* `is_new` tells which scans are brought; NULL: none. False: it has been refused. */
static bool carry_out(struct deal *deal, enum event_kind kind, uint64_t bytes, const bool *is_new)
{
    const struct order_step *step = order_moves(deal);
    settle_money(deal, step);
    enum code code = has_room(deal, step, bytes + texts_room(deal));
    if (code == CODE_LIMIT)
        refuse_field(deal, code, "refunds", 0);
    else if (code != CODE_OK)
        refuse(deal, code);
    if (code != CODE_OK)
        return false;
    struct turn *turn = deal->turn;
    struct event *event = move_event(deal->shard, turn, deal->order, kind, &deal->cause);
    if (is_new != NULL)
        add_scans(deal, event, is_new);
    add_steps(deal, event);
    if (step != NULL)
        add_order_step(deal, event, step);
    ledger_write(&deal->ledger, turn, event, (struct text){"", 0});
    move_add_retry(turn, event, deal->cause.retry);
    for (uint32_t i = 0; i < deal->step_count; i++)
        add_stock(deal, event, deal->steps[i]);
    shard_apply(deal->shard, turn, event);
    return true;
}

/* ---- a new shipment ---------------------------------------------------------------------------- */

static uint32_t unplanned(const struct deal *deal, uint32_t line)
{
    return order_line_left(&deal->shard->orders, deal->order, line) -
           order_line_progress(&deal->shard->orders, deal->order, line).planned;
}

static uint32_t warehouse_of(const struct deal *deal, uint32_t line)
{
    return order_line_warehouse(&deal->order->lines[line]);
}

/* The warehouse that is asked for, or where the first line is; WAREHOUSES_MAX: it has been refused. */
static uint32_t choose_warehouse(const struct deal *deal)
{
    struct text name = said(deal, PARCEL_WAREHOUSE);
    const struct parcel_line *lines = deal->parcel->lines;
    if (name.bytes > 0) {
        uint32_t number = topology_find(&deal->shard->topology, name);
        if (number == WAREHOUSES_MAX)
            refuse_field(deal, CODE_UNKNOWN_WAREHOUSE, "warehouse", 0);
        return number;
    }
    if (deal->parcel->line_count > 0)
        return lines[0].line <= deal->order->line_count ? warehouse_of(deal, lines[0].line - 1) : 0;
    for (uint32_t i = 0; i < deal->order->line_count; i++)
        if (unplanned(deal, i) > 0)
            return warehouse_of(deal, i);
    refuse_field(deal, CODE_LIMIT, "lines", 0);
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
            refuse_field(deal, CODE_INVALID, field, i + 1);
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

static void add_made(const struct deal *deal, struct event *event, uint32_t warehouse,
                     const struct child_line *lines, uint32_t line_count)
{
    const struct text texts[SHIPMENT_TEXTS] = {
        [SHIPMENT_ID] = deal->id,
        [SHIPMENT_CARRIER] = said(deal, PARCEL_CARRIER),
        [SHIPMENT_TRACKING] = said(deal, PARCEL_TRACKING),
        [SHIPMENT_METHOD] = said(deal, PARCEL_METHOD),
    };
    uint32_t bytes = deal->order_id.bytes + deal->cause.reason.bytes;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        bytes += texts[i].bytes;
    bytes += line_count * (uint32_t)sizeof *lines;
    struct slice_shipment *slice = event_add(deal->turn, event, slot_of(deal->order_id),
                                             SLICE_SHIPMENT, (uint32_t)sizeof *slice + bytes);
    slice->digest = digest_of(deal->parcel);
    slice->created_ns = deal->turn->now_ns;
    slice->eta_ns = deal->parcel->eta_ns;
    slice->line_count = (uint16_t)line_count;
    slice->warehouse = (uint8_t)warehouse;
    slice->order_bytes = (uint8_t)deal->order_id.bytes;
    slice->reason_bytes = (uint8_t)deal->cause.reason.bytes;
    memcpy(slice->lines, lines, line_count * sizeof *lines);
    char *at = text_put((char *)(slice->lines + line_count), deal->order_id);
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++) {
        slice->text_bytes[i] = (uint8_t)texts[i].bytes;
        at = text_put(at, texts[i]);
    }
    text_put(at, deal->cause.reason);
}

static void plan(struct deal *deal, uint32_t warehouse)
{
    struct shard *shard = deal->shard;
    struct child_line *lines = shard->parcel_lines;
    uint32_t line_count = take_lines(deal, warehouse, lines);
    if (line_count == 0) {
        refuse_field(deal, CODE_LIMIT, "lines", 0);
        return;
    }
    uint32_t text_bytes = 0;
    for (uint32_t i = 0; i < PARCEL_TEXTS; i++)
        text_bytes += deal->parcel->text_bytes[i];
    uint64_t bytes = shipment_room(line_count, text_bytes);
    ledger_open(&deal->ledger, &shard->orders, deal->order);
    enum code code = has_room(deal, NULL, bytes + order_progress_room(&shard->orders, deal->order));
    if (code != CODE_OK) {
        refuse(deal, code);
        return;
    }
    struct event *event =
        move_event(shard, deal->turn, deal->order, EVENT_SHIPMENT_PLANNED, &deal->cause);
    add_made(deal, event, warehouse, lines, line_count);
    shard_apply(shard, deal->turn, event);
    answer_shipment(deal, CODE_CREATED, find(deal));
}

static uint32_t count_of(const struct deal *deal)
{
    uint32_t count = 0;
    for (uint32_t at = 0; (at = shipment_next(&deal->shard->orders, deal->order, at)) != 0;)
        count++;
    return count;
}

static void create_new(struct deal *deal)
{
    if (!order_state_commits((enum order_state)deal->order->state)) {
        move_answer_state(deal->shard, deal->turn, deal->request, deal->order);
        return;
    }
    if (count_of(deal) == SHIPMENTS_MAX) {
        refuse_field(deal, CODE_LIMIT, "shipment_id", 0);
        return;
    }
    uint32_t warehouse = choose_warehouse(deal);
    if (warehouse != WAREHOUSES_MAX && lines_are_there(deal, warehouse))
        plan(deal, warehouse);
}

static void create(struct deal *deal)
{
    uint32_t known = find(deal);
    if (known == 0 && is_too_old(deal->shard, deal->turn, deal->parcel->issued_at_ns))
        refuse(deal, CODE_EXPIRED_REQUEST);
    else if (known == 0)
        create_new(deal);
    else if (shipment_at(&deal->shard->orders, known)->digest == digest_of(deal->parcel))
        answer_as(deal, CODE_REPLAYED, known, SHIPMENT_AS_MADE);
    else
        refuse(deal, CODE_KEY_REUSED);
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

/* True: it is a retry and has been answered, or it comes too late. */
static bool is_over(struct deal *deal, uint32_t record)
{
    struct text key = said(deal, PARCEL_KEY);
    if (key.bytes > 0) {
        deal->retry =
            move_retry(deal->turn, deal->request, deal->order_id, key, digest_of(deal->parcel));
        deal->cause.retry = &deal->retry;
        enum move_seen seen = move_seen(deal->shard, &deal->retry);
        if (seen == MOVE_SEEN)
            answer_shipment(deal, CODE_REPLAYED, record);
        if (seen == MOVE_SEEN_OTHERWISE)
            refuse(deal, CODE_KEY_REUSED);
        if (seen != MOVE_NEW)
            return true;
    }
    bool too_old = is_too_old(deal->shard, deal->turn, deal->parcel->issued_at_ns);
    if (too_old)
        refuse(deal, CODE_EXPIRED_REQUEST);
    return too_old;
}

static void move(struct deal *deal, uint32_t record)
{
    if (is_over(deal, record))
        return;
    deal->shipment = shipment_at(&deal->shard->orders, record);
    enum shipment_state from = (enum shipment_state)deal->shipment->state;
    const struct shipment_step *step = shipment_step(from, move_of(deal->parcel));
    if (step == NULL) {
        answer_child_state(deal->shard, deal->turn, deal->request, CHILD_SHIPMENT,
                           deal->shipment->state, shipment_allowed(from));
        return;
    }
    deal->steps[deal->step_count++] = step;
    if (carry_out(deal, event_of(deal->parcel->head.op), 0, NULL))
        answer_shipment(deal, CODE_OK, find(deal));
}

/* ---- scans ------------------------------------------------------------------------------------- */

static const struct order_scans *scans_of(const struct deal *deal)
{
    return (const void *)deal->request->command;
}

static struct text scan_code(const struct deal *deal, uint32_t which)
{
    return order_scans_text(scans_of(deal), 2 + 2 * which);
}

static struct text scan_place(const struct deal *deal, uint32_t which)
{
    return order_scans_text(scans_of(deal), 3 + 2 * which);
}

/* 0: a scan of this code moves nothing. */
static enum shipment_move move_of_code(struct text code)
{
    static const enum shipment_move moves[] = {SHIPMENT_CARRY, SHIPMENT_DELAY, SHIPMENT_DELIVER,
                                               SHIPMENT_LOSE, SHIPMENT_SEND_BACK};
    static const char *const codes[] = {"in_transit", "delayed", "delivered", "lost",
                                        "returned_to_sender"};
    for (uint32_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (code.bytes == strlen(codes[i]) && memcmp(code.at, codes[i], code.bytes) == 0)
            return moves[i];
    return (enum shipment_move)0;
}

static bool is_known(const struct deal *deal, uint32_t which)
{
    const struct order_scans *scans = scans_of(deal);
    struct text code = scan_code(deal, which);
    if (shipment_has_scan(&deal->shard->orders, deal->shipment, code, scans->scans[which].at_ns))
        return true;
    for (uint32_t i = 0; i < which; i++) {
        struct text other = scan_code(deal, i);
        if (scans->scans[i].at_ns == scans->scans[which].at_ns && other.bytes == code.bytes &&
            memcmp(other.at, code.at, code.bytes) == 0)
            return true;
    }
    return false;
}

static void add_scans(const struct deal *deal, struct event *event, const bool *is_new)
{
    const struct order_scans *scans = scans_of(deal);
    uint32_t count = 0;
    uint32_t text_bytes = 0;
    for (uint32_t i = 0; i < scans->scan_count; i++)
        if (is_new[i]) {
            count++;
            text_bytes += (uint32_t)scans->scans[i].code_bytes + scans->scans[i].place_bytes;
        }
    struct slice_shipment_scanned *slice;
    slice = event_add(deal->turn, event, slot_of(deal->order_id), SLICE_SHIPMENT_SCANNED,
                      (uint32_t)sizeof *slice + count * (uint32_t)sizeof slice->scans[0] +
                          deal->order_id.bytes + deal->id.bytes + text_bytes);
    slice->scan_count = (uint16_t)count;
    slice->text_bytes = (uint16_t)text_bytes;
    slice->order_bytes = (uint8_t)deal->order_id.bytes;
    slice->shipment_bytes = (uint8_t)deal->id.bytes;
    char *at = text_put((char *)(slice->scans + count), deal->order_id);
    at = text_put(at, deal->id);
    for (uint32_t i = 0, to = 0; i < scans->scan_count; i++)
        if (is_new[i]) {
            slice->scans[to++] = scans->scans[i];
            at = text_put(text_put(at, scan_code(deal, i)), scan_place(deal, i));
        }
}

/* Each scan moves the shipment on from where the scans before it have brought it, if it can. */
static void follow_scans(struct deal *deal, const bool *is_new)
{
    enum shipment_state state = (enum shipment_state)deal->shipment->state;
    for (uint32_t i = 0; i < scans_of(deal)->scan_count; i++) {
        const struct shipment_step *step = shipment_step(state, move_of_code(scan_code(deal, i)));
        if (!is_new[i] || step == NULL || deal->step_count == STEPS_MAX)
            continue;
        deal->steps[deal->step_count++] = step;
        state = step->to;
    }
}

static void scan(struct deal *deal, uint32_t record)
{
    const struct order_scans *scans = scans_of(deal);
    bool is_new[SCANS_MAX];
    uint32_t count = 0;
    uint64_t bytes = 0;
    deal->shipment = shipment_at(&deal->shard->orders, record);
    for (uint32_t i = 0; i < scans->scan_count; i++) {
        is_new[i] = !is_known(deal, i);
        count += is_new[i];
        bytes += is_new[i] ? scan_room(scan_code(deal, i), scan_place(deal, i)) : 0;
    }
    if (count > 0) {
        if (deal->shipment->scan_count + count > SCANS_MAX) {
            refuse_field(deal, CODE_LIMIT, "scans", 0);
            return;
        }
        follow_scans(deal, is_new);
        if (!carry_out(deal, EVENT_SHIPMENT_SCANNED, bytes, is_new))
            return;
    }
    answer_shipment(deal, CODE_OK, record);
}

/* ---- what comes in ----------------------------------------------------------------------------- */

void parcel_add_cancelled(struct shard *shard, struct turn *turn, struct event *event,
                          const struct order *order)
{
    char at[TEXT_BYTES_MAX];
    struct text order_id = order_text(order, ORDER_ID, at);
    for (uint32_t number = 0; (number = shipment_next(&shard->orders, order, number)) != 0;) {
        const struct shipment *shipment = shipment_at(&shard->orders, number);
        enum shipment_state state = (enum shipment_state)shipment->state;
        if (shipment->of_return || !shipment_state_is_unsent(state))
            continue;
        const struct text texts[SHIPMENT_TEXTS] = {shipment_text(shipment, SHIPMENT_ID)};
        add_moved(turn, event, order_id, shipment, shipment_step(state, SHIPMENT_CANCEL), texts,
                  (struct text){"", 0});
    }
}

static void take_apart(struct deal *deal, struct shard *shard, struct turn *turn,
                       const struct request *request)
{
    bool scans = request->command->op == OP_SHIPMENT_SCAN;
    deal->shard = shard;
    deal->turn = turn;
    deal->request = request;
    deal->parcel = (const void *)request->command;
    deal->step_count = 0;
    deal->shipment = NULL;
    deal->cause = (struct cause){.by = request->caller, .reason = said(deal, PARCEL_REASON)};
    deal->order_id = scans ? order_scans_text(scans_of(deal), 0) : said(deal, PARCEL_ORDER);
    deal->id = scans ? order_scans_text(scans_of(deal), 1) : said(deal, PARCEL_ID);
}

void parcel_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct deal deal;
    take_apart(&deal, shard, turn, request);
    uint32_t order = order_find(&shard->orders, deal.order_id, key_hash(deal.order_id));
    if (order == 0) {
        refuse(&deal, CODE_NOT_FOUND);
        return;
    }
    deal.order = order_at(&shard->orders, order);
    if (request->command->op == OP_SHIPMENT_CREATE) {
        create(&deal);
        return;
    }
    uint32_t record = find(&deal);
    if (record == 0)
        refuse_field(&deal, CODE_NOT_FOUND, "shipment_id", 0);
    else if (request->command->op == OP_SHIPMENT_GET)
        answer_shipment(&deal, CODE_OK, record);
    else if (request->command->op == OP_SHIPMENT_SCAN)
        scan(&deal, record);
    else
        move(&deal, record);
}
