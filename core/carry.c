#include "core/carry.h"

#include <string.h>

#include "core/answer.h"
#include "core/scan.h"

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
        due -= order_line_price(deal->order, line->line - 1) * (int64_t)line->units;
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
    return !deal->shipment->of_return &&
           (order_line_window(deal->order, line) != 0 || order_line_capped(deal->order, line));
}

/* What an exchange sends never counted against the buyer's limits, and what only changes its place
 * counts there already. */
static struct mover nobody(const struct deal *deal)
{
    return (struct mover){.order = deal->order};
}

static void add_units(const struct deal *deal, struct event *event, const struct mover *mover,
                      enum slice_kind kind, const struct child_line *line, uint8_t warehouse)
{
    struct slice_stock_units *slice =
        move_add_units(deal->turn, event, mover, kind, line->line - 1, line->units);
    slice->warehouse = warehouse;
    if (mover->customer == 0)
        slice->window_s = 0;
}

void carry_add_taken(const struct deal *deal, struct event *event)
{
    struct mover mover = nobody(deal);
    for (uint32_t i = 0; i < deal->taken_count; i++)
        add_units(deal, event, &mover, SLICE_STOCK_TAKE, &deal->taken[i], deal->warehouse);
    if (deal->taken_count > 0)
        deal->grant->taken = true;
}

/* What is taken elsewhere is free again where it was. */
static void add_left_behind(const struct deal *deal, struct event *event)
{
    struct mover mover = nobody(deal);
    for (uint32_t i = 0; i < deal->taken_count; i++)
        add_units(deal, event, &mover, SLICE_STOCK_UNCOMMIT, &deal->taken[i],
                  deal->shipment->warehouse);
}

static void add_stock(const struct deal *deal, struct event *event,
                      const struct shipment_step *step)
{
    enum slice_kind kind = stock_slice_of(step->effect);
    if (kind == SLICE_STOCK_SHIP && deal->shard->options.bug[BUG_SHIPPED_STAYS_COMMITTED])
        return;
    if (step->effect == UNITS_MOVED && !deal->shard->options.bug[BUG_MOVED_STAYS_COMMITTED])
        add_left_behind(deal, event);
    if (kind == SLICE_ORDER_MOVED)
        return;
    struct mover mover = deal->shipment->of_return ? nobody(deal) : move_mover(deal->order);
    for (uint32_t i = 0; i < deal->shipment->line_count; i++) {
        const struct child_line *line = &deal->shipment->lines[i];
        if (kind != SLICE_STOCK_UNCOUNT || counts(deal, line->line - 1))
            add_units(deal, event, &mover, kind, line, deal->shipment->warehouse);
    }
}

/* ---- the event --------------------------------------------------------------------------------- */

/* New texts only where the request brings them; 0 bytes: they stay. */
static void add_moved(struct turn *turn, struct event *event, struct text order_id,
                      const struct shipment_step *step, uint8_t warehouse,
                      const struct text texts[SHIPMENT_TEXTS], struct text reason)
{
    uint32_t bytes = order_id.bytes + reason.bytes;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        bytes += texts[i].bytes;
    struct slice_shipment_moved *slice =
        event_add(turn, event, hash_slot(key_hash(order_id)), SLICE_SHIPMENT_MOVED,
                  (uint32_t)sizeof *slice + bytes);
    slice->move = (uint8_t)step->move;
    slice->from = (uint8_t)step->from;
    slice->to = (uint8_t)step->to;
    slice->warehouse = warehouse;
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
        [SHIPMENT_CARRIER] = deal_said(deal, PARCEL_CARRIER),
        [SHIPMENT_TRACKING] = deal_said(deal, PARCEL_TRACKING),
        [SHIPMENT_METHOD] = deal_said(deal, PARCEL_METHOD),
    };
    uint8_t warehouse = deal->taken_count > 0 ? deal->warehouse : deal->shipment->warehouse;
    for (uint32_t i = 0; i < deal->step_count; i++)
        add_moved(deal->turn, event, deal->order_id, deal->steps[i], warehouse, texts,
                  deal->cause.reason);
}

/* The record is made again if texts are added, while the old one is still there. */
static uint64_t texts_room(const struct deal *deal)
{
    uint32_t bytes = 0;
    for (uint32_t i = PARCEL_CARRIER; i <= PARCEL_METHOD; i++)
        bytes += deal_said(deal, i).bytes;
    if (bytes == 0)
        return 0;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        bytes += deal->shipment->text_bytes[i];
    return shipment_room(deal->shipment->line_count, bytes);
}

uint64_t carry_confirm_ns(const struct shard *shard, const struct turn *turn)
{
    uint64_t after = shard->options.confirm_deadline_ns;
    return after != 0 ? turn->now_ns + after : 0;
}

uint64_t carry_deadline_ns(const struct shard *shard, const struct turn *turn,
                           const struct order *order, const struct order_step *step)
{
    if (step->to != ORDER_DELIVERED || returns_are_open(&shard->orders, order, 0))
        return 0;
    return carry_confirm_ns(shard, turn);
}

static void add_order_step(const struct deal *deal, struct event *event,
                           const struct order_step *step)
{
    move_add_step(deal->turn, event, deal->order, step,
                  carry_deadline_ns(deal->shard, deal->turn, deal->order, step), &deal->cause);
}

/* What is sent in vain for an exchange is owed by the exchange, not by the order. */
static bool sends_again(const struct deal *deal)
{
    return deal->shipment->of_return && deal->taken_count > 0 &&
           deal->steps[0]->effect == UNITS_OWED;
}

bool carry_out(struct deal *deal, enum event_kind kind, uint64_t bytes, const bool *is_new)
{
    const struct order_step *step = order_moves(deal);
    settle_money(deal, step);
    bool again = sends_again(deal);
    bytes += texts_room(deal) + (again ? carry_exchange_room(deal->taken_count) : 0);
    if (!deal_has_room(deal, step != NULL && step->to == ORDER_CANCELLED, bytes))
        return false;
    struct turn *turn = deal->turn;
    struct event *event = move_event(deal->shard, turn, deal->order, kind, &deal->cause);
    if (is_new != NULL)
        scan_add(deal, event, is_new);
    add_steps(deal, event);
    if (again)
        carry_add_exchange(deal, event);
    if (step != NULL)
        add_order_step(deal, event, step);
    ledger_write(&deal->ledger, turn, event, (struct text){"", 0});
    move_add_retry(turn, event, deal->cause.retry);
    for (uint32_t i = 0; i < deal->step_count; i++)
        add_stock(deal, event, deal->steps[i]);
    carry_add_taken(deal, event);
    shard_apply(deal->shard, turn, event);
    return true;
}

/* ---- new shipments ----------------------------------------------------------------------------- */

void carry_add_made(const struct deal *deal, struct event *event, const struct carry_made *made)
{
    struct text reason = deal->cause.reason;
    uint32_t line_bytes = made->line_count * (uint32_t)sizeof made->lines[0];
    uint32_t bytes = deal->order_id.bytes + reason.bytes + line_bytes;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        bytes += made->texts[i].bytes;
    struct slice_shipment *slice = event_add(deal->turn, event, deal_slot(deal), SLICE_SHIPMENT,
                                             (uint32_t)sizeof *slice + bytes);
    slice->digest = made->digest;
    slice->created_ns = deal->turn->now_ns;
    slice->eta_ns = deal->parcel->eta_ns;
    slice->line_count = (uint16_t)made->line_count;
    slice->warehouse = made->warehouse;
    slice->of_return = made->of_return;
    slice->order_bytes = (uint8_t)deal->order_id.bytes;
    slice->reason_bytes = (uint8_t)reason.bytes;
    memcpy(slice->lines, made->lines, line_bytes);
    char *at = text_put((char *)(slice->lines + made->line_count), deal->order_id);
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++) {
        slice->text_bytes[i] = (uint8_t)made->texts[i].bytes;
        at = text_put(at, made->texts[i]);
    }
    text_put(at, reason);
}

uint32_t carry_count(const struct deal *deal)
{
    uint32_t count = 0;
    for (uint32_t at = 0; (at = shipment_next(&deal->shard->orders, deal->order, at)) != 0;)
        count++;
    return count;
}

/* An order has fewer shipments than there are such names. */
static const char own_prefix[] = "exchange-";
enum { OWN_ID_BYTES = sizeof own_prefix + 1 };
_Static_assert(SHIPMENTS_MAX < 100, "two digits are enough");

bool carry_is_own_id(struct text id)
{
    return id.bytes >= sizeof own_prefix && memcmp(id.at, own_prefix, sizeof own_prefix - 1) == 0;
}

uint64_t carry_exchange_room(uint32_t line_count)
{
    return shipment_room(line_count, OWN_ID_BYTES);
}

void carry_add_exchange(const struct deal *deal, struct event *event)
{
    char at[OWN_ID_BYTES];
    uint32_t number = carry_count(deal) + 1;
    memcpy(at, own_prefix, sizeof own_prefix - 1);
    at[OWN_ID_BYTES - 2] = (char)('0' + number / 10);
    at[OWN_ID_BYTES - 1] = (char)('0' + number % 10);
    const struct carry_made made = {
        .texts = {[SHIPMENT_ID] = {at, OWN_ID_BYTES}},
        .lines = deal->taken,
        .line_count = deal->taken_count,
        .warehouse = deal->warehouse,
        .of_return = true,
    };
    carry_add_made(deal, event, &made);
}

/* ---- the end of an order ----------------------------------------------------------------------- */

void carry_add_cancelled(struct shard *shard, struct turn *turn, struct event *event,
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
        add_moved(turn, event, order_id, shipment_step(state, SHIPMENT_CANCEL), shipment->warehouse,
                  texts, (struct text){"", 0});
    }
}
