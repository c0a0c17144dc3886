#include "core/move.h"

#include <string.h>

#include "core/answer.h"
#include "core/carry.h"
#include "core/digest.h"
#include "core/ledger.h"
#include "core/shipment.h"

/* ---- events ------------------------------------------------------------------------------------ */

struct event *move_event(struct shard *shard, struct turn *turn, const struct order *order,
                         enum event_kind kind, const struct cause *cause)
{
    struct position previous = order_position(order);
    struct event *event = shard_event(shard, turn, kind, cause->by);
    event->prev_seq = previous.seq;
    event->prev_index = previous.index;
    return event;
}

static uint32_t slot_of(struct text id)
{
    return hash_slot(key_hash(id));
}

/* When the state that is moved to ends by itself; 0: never. */
static uint64_t deadline_after(const struct shard *shard, const struct turn *turn,
                               const struct order *order, const struct order_step *step)
{
    if (step->move != MOVE_ACCEPT)
        return 0;
    uint64_t pay_by = order_pay_by_ns(order);
    return pay_by != 0 ? pay_by : turn->now_ns + shard->options.payment_deadline_ns;
}

void move_add_step(struct turn *turn, struct event *event, const struct order *order,
                   const struct order_step *step, uint64_t deadline_ns, const struct cause *cause)
{
    char at[TEXT_BYTES_MAX];
    struct text id = order_text(order, ORDER_ID, at);
    struct slice_order_moved *moved =
        event_add(turn, event, slot_of(id), SLICE_ORDER_MOVED,
                  (uint32_t)sizeof *moved + id.bytes + cause->reason.bytes);
    moved->deadline_ns = deadline_ns;
    moved->move = (uint8_t)step->move;
    moved->from = (uint8_t)step->from;
    moved->to = (uint8_t)step->to;
    moved->id_bytes = (uint8_t)id.bytes;
    moved->reason_bytes = (uint8_t)cause->reason.bytes;
    text_put(text_put((char *)(moved + 1), id), cause->reason);
}

static uint64_t text_hash(const struct order *order, enum order_text which)
{
    char at[TEXT_BYTES_MAX];
    struct text text = order_text(order, which, at);
    return text.bytes > 0 ? key_hash(text) : 0;
}

struct mover move_mover(const struct order *order)
{
    return (struct mover){order, text_hash(order, ORDER_CUSTOMER), text_hash(order, ORDER_CHANNEL)};
}

struct slice_stock_units *move_add_units(struct turn *turn, struct event *event,
                                         const struct mover *mover, enum slice_kind kind,
                                         uint32_t which, uint32_t units)
{
    const struct order *order = mover->order;
    uint32_t sku = order_line_sku(order, which);
    struct slice_stock_units *slice = event_add(turn, event, sku_slot(sku), kind, sizeof *slice);
    slice->customer = mover->customer;
    slice->channel = order_line_capped(order, which) ? mover->channel : 0;
    slice->sku = sku;
    slice->units = units;
    slice->window_s = order_line_window(order, which);
    slice->warehouse = (uint8_t)order_line_warehouse(order, which);
    return slice;
}

void move_add_retry(struct turn *turn, struct event *event, const struct slice_retry *retry)
{
    if (retry == NULL)
        return;
    struct slice_retry *kept =
        event_add(turn, event, hash_slot(retry->owner), SLICE_RETRY, sizeof *kept);
    struct slice head = kept->head;
    *kept = *retry;
    kept->head = head;
}

/* Slices of all lines of which the stock keeps any units. */
static void add_all_units(struct shard *shard, struct turn *turn, struct event *event,
                          const struct order *order, enum slice_kind kind)
{
    struct mover mover = move_mover(order);
    for (uint32_t i = 0; i < order->line_count; i++) {
        uint32_t units = order_line_left(&shard->orders, order, i);
        if (units > 0)
            move_add_units(turn, event, &mover, kind, i, units);
    }
}

static enum event_kind event_of(enum order_move move)
{
    switch (move) {
    case MOVE_CANCEL:
        return EVENT_ORDER_CANCELLED;
    case MOVE_EXPIRE:
        return EVENT_ORDER_EXPIRED;
    case MOVE_ACCEPT:
        return EVENT_ORDER_ACCEPTED;
    case MOVE_REJECT:
        return EVENT_ORDER_REJECTED;
    case MOVE_COMPLETE:
        return EVENT_ORDER_COMPLETED;
    case MOVE_SHIP_SOME:
    case MOVE_SHIP:
    case MOVE_SHIP_FAIL:
    case MOVE_RESUME:
    case MOVE_RESUME_SOME:
    case MOVE_RESHIP:
    case MOVE_RESHIP_SOME:
    case MOVE_DELIVER:
    case MOVE_GIVE_UP:
    case MOVE_PAY:
    case MOVE_PAYMENT_FAIL:
    case MOVE_PAY_AGAIN:
    case ORDER_MOVE_COUNT:
        break;
    }
    CHECK(false); /* a move that nobody makes for its own sake */
    return EVENT_ORDER_CANCELLED;
}

void move_add_stock(struct shard *shard, struct turn *turn, struct event *event,
                    const struct order *order, enum order_stock stock)
{
    switch (stock) {
    case STOCK_STAYS:
        break;
    case STOCK_RELEASED:
        if (!shard->options.bug[BUG_RELEASE_LOST])
            add_all_units(shard, turn, event, order, SLICE_STOCK_RELEASE);
        break;
    case STOCK_COMMITTED:
        if (shard->options.bug[BUG_PAID_UNITS_FREE])
            add_all_units(shard, turn, event, order, SLICE_STOCK_RELEASE);
        else if (!shard->options.bug[BUG_COMMIT_LOST])
            add_all_units(shard, turn, event, order, SLICE_STOCK_COMMIT);
        break;
    case STOCK_UNCOMMITTED:
        if (!shard->options.bug[BUG_RELEASE_LOST])
            add_all_units(shard, turn, event, order, SLICE_STOCK_UNCOMMIT);
        break;
    }
}

void move_order(struct shard *shard, struct turn *turn, const struct ledger *ledger,
                const struct order_step *step, const struct cause *cause)
{
    const struct order *order = ledger->order;
    const struct order_step *paid = NULL;
    if (step->move == MOVE_ACCEPT && ledger_covers(ledger, order_total(&shard->orders, order)))
        paid = order_step(step->to, MOVE_PAY); /* the money was there before the verdict */
    struct event *event = move_event(shard, turn, order, event_of(step->move), cause);
    move_add_step(turn, event, order, step, deadline_after(shard, turn, order, step), cause);
    if (paid != NULL)
        move_add_step(turn, event, order, paid, 0, cause);
    if (step->move == MOVE_CANCEL)
        carry_add_cancelled(shard, turn, event, order);
    ledger_write(ledger, turn, event, (struct text){"", 0});
    move_add_retry(turn, event, cause->retry);
    move_add_stock(shard, turn, event, order, paid != NULL ? paid->stock : step->stock);
    shard_apply(shard, turn, event);
}

/* ---- retries ----------------------------------------------------------------------------------- */

struct slice_retry move_retry(const struct turn *turn, const struct request *request,
                              struct text order_id, struct text key, uint64_t digest)
{
    return (struct slice_retry){.key = retry_key(request->caller, key),
                                .digest = digest,
                                .at_ns = turn->now_ns,
                                .owner = key_hash(order_id),
                                .code = CODE_OK};
}

enum move_seen move_seen(const struct shard *shard, const struct slice_retry *retry)
{
    const struct retry *known = retry_find(&shard->retries, retry->owner, retry->key);
    if (known == NULL)
        return MOVE_NEW;
    return known->digest == retry->digest ? MOVE_SEEN : MOVE_SEEN_OTHERWISE;
}

void move_answer_state(struct shard *shard, struct turn *turn, const struct request *request,
                       const struct order *order)
{
    struct result_state *result =
        answer(shard, turn, request, CODE_ILLEGAL, RESULT_STATE, sizeof *result);
    result->state = (uint8_t)order->state;
    result->allowed = order_allowed((enum order_state)order->state);
}

/* ---- expiry ------------------------------------------------------------------------------------ */

static enum order_move move_after_deadline(const struct shard *shard, const struct order *order)
{
    if (order->state == ORDER_IN_REVIEW)
        return shard->options.review_timeout == REVIEW_TIMEOUT_ACCEPT ? MOVE_ACCEPT : MOVE_REJECT;
    return order->state == ORDER_DELIVERED ? MOVE_COMPLETE : MOVE_EXPIRE;
}

void move_expire(struct shard *shard, struct turn *turn, uint32_t record)
{
    const struct order *order = order_at(&shard->orders, record);
    const struct order_step *step =
        order_step((enum order_state)order->state, move_after_deadline(shard, order));
    CHECK(step != NULL);
    struct ledger ledger;
    ledger_open(&ledger, &shard->orders, order);
    if (order_state_is_terminal(step->to) && step->to != ORDER_COMPLETED)
        ledger_end(&ledger, order_state_name(step->to));
    if (!orders_have_bytes(&shard->orders, ledger_room(&ledger) + order_more_room(order))) {
        /* Nobody can be told that there is no room: it stays due until there is. */
        timers_set(&shard->orders.timers, record, order->timer.deadline_ns);
        return;
    }
    move_order(shard, turn, &ledger, step, &(struct cause){.retry = NULL});
}

/* ---- cancel ------------------------------------------------------------------------------------ */

/* A request to cancel, taken apart. */
struct cancelling {
    const struct request *request;
    const struct order_cancel *cancel;
    struct text id;
    struct cause cause;
    struct slice_retry retry;
    const struct order *order;
    const struct cancel_line *lines; /* none: all of it */
    uint32_t line_count;
    bool rest; /* all that is left, where some has been shipped */
};

static uint64_t digest_of(const struct order_cancel *cancel)
{
    const char *from = (const char *)&cancel->line_count;
    const char *end = (const char *)cancel + cancel->head.bytes;
    return digest(from, (size_t)(end - from), OP_ORDER_CANCEL);
}

static void take_apart(struct cancelling *out, const struct turn *turn,
                       const struct request *request)
{
    const struct order_cancel *cancel = (const void *)request->command;
    struct text id = {(const char *)(cancel->lines + cancel->line_count), cancel->id_bytes};
    struct text reason = {id.at + id.bytes, cancel->reason_bytes};
    struct text key = {reason.at + reason.bytes, cancel->key_bytes};
    *out = (struct cancelling){
        .request = request,
        .cancel = cancel,
        .id = id,
        .cause = {.by = request->caller, .reason = reason},
        .retry = move_retry(turn, request, id, key, digest_of(cancel)),
        .lines = cancel->lines,
        .line_count = cancel->line_count,
    };
    if (key.bytes > 0)
        out->cause.retry = &out->retry;
}

static void answer_record(struct shard *shard, struct turn *turn, const struct cancelling *c,
                          enum code code)
{
    order_answer(&shard->orders, c->order, turn, shard->options.shard, c->request->origin,
                 c->request->command->request, code);
}

/* True: the key is known, and it has been answered. */
static bool is_retry(struct shard *shard, struct turn *turn, const struct cancelling *c)
{
    enum move_seen seen = c->cause.retry != NULL ? move_seen(shard, c->cause.retry) : MOVE_NEW;
    if (seen == MOVE_SEEN)
        answer_record(shard, turn, c, CODE_REPLAYED);
    if (seen == MOVE_SEEN_OTHERWISE)
        answer_plain(shard, turn, c->request, CODE_KEY_REUSED);
    return seen != MOVE_NEW;
}

/* 0: they are; otherwise the first that is not, counted from 1. What a shipment will take is not
 * there: that one is to be cancelled first. */
static uint32_t lines_are_there(const struct shard *shard, const struct cancelling *c)
{
    for (uint32_t i = 0; i < c->line_count; i++) {
        const struct cancel_line *line = &c->lines[i];
        if (line->line > c->order->line_count)
            return i + 1;
        uint32_t planned = order_line_progress(&shard->orders, c->order, line->line - 1).planned;
        if (line->units > order_line_left(&shard->orders, c->order, line->line - 1) - planned)
            return i + 1;
    }
    return 0;
}

static uint64_t cancelled_units(const struct cancelling *c)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < c->line_count; i++)
        units += c->lines[i].units;
    return units;
}

/* Whether nothing of the order would be left, nor has ever left the house. */
static bool is_whole(const struct shard *shard, const struct cancelling *c)
{
    uint64_t left = 0;
    for (uint32_t i = 0; i < c->order->line_count; i++) {
        left += order_line_left(&shard->orders, c->order, i);
        if (order_line_progress(&shard->orders, c->order, i).shipped > 0)
            return false;
    }
    return c->line_count == 0 || cancelled_units(c) == left;
}

/* All that is left of an order of which some has been shipped. */
static void name_the_rest(struct shard *shard, struct cancelling *c)
{
    c->rest = true;
    c->lines = shard->cancel_lines;
    for (uint32_t i = 0; i < c->order->line_count; i++) {
        uint32_t left = order_line_left(&shard->orders, c->order, i);
        if (left > 0)
            shard->cancel_lines[c->line_count++] = (struct cancel_line){i + 1, left};
    }
}

/* What the shop could keep without them. */
static int64_t due_without(const struct shard *shard, const struct cancelling *c)
{
    int64_t due = order_due_signed(&shard->orders, c->order);
    for (uint32_t i = 0; i < c->line_count; i++) {
        const struct cancel_line *line = &c->lines[i];
        due -= order_line_price(c->order, line->line - 1) * (int64_t)line->units;
    }
    return due > 0 ? due : 0;
}

/* Where an order gets to when some of its lines are cancelled; NULL: it stays in its state. */
static const struct order_step *step_without(const struct shard *shard, const struct cancelling *c,
                                             const struct ledger *ledger)
{
    enum order_state state = (enum order_state)c->order->state;
    if (!order_state_commits(state))
        return ledger_covers(ledger, due_without(shard, c)) ? order_step(state, MOVE_PAY) : NULL;
    struct order_parts parts = order_parts(&shard->orders, c->order);
    parts.failed = c->rest ? 0 : shipments_failed(&shard->orders, c->order);
    parts.left -= cancelled_units(c);
    enum order_state to = order_state_of(&parts);
    return to != state ? order_step_to(state, to) : NULL;
}

/* Units of the lines that are cancelled come free; where the rest is paid with that, it is
 * committed. */
static void add_cancelled_units(struct shard *shard, struct turn *turn, struct event *event,
                                const struct cancelling *c, enum slice_kind freed, bool pays)
{
    struct mover mover = move_mover(c->order);
    const struct cancel_line *next = c->lines;
    const struct cancel_line *end = next + c->line_count;
    for (uint32_t i = 0; i < c->order->line_count; i++) {
        uint32_t gone = next < end && next->line == i + 1 ? next++->units : 0;
        uint32_t left = order_line_left(&shard->orders, c->order, i) - gone;
        if (gone > 0)
            move_add_units(turn, event, &mover, freed, i, gone);
        if (pays && left > 0)
            move_add_units(turn, event, &mover, SLICE_STOCK_COMMIT, i, left);
    }
}

static void add_lines_cancelled(struct turn *turn, struct event *event, const struct cancelling *c)
{
    uint32_t line_bytes = c->line_count * (uint32_t)sizeof c->lines[0];
    struct text reason = c->cause.reason;
    struct slice_lines_cancelled *cancelled =
        event_add(turn, event, slot_of(c->id), SLICE_LINES_CANCELLED,
                  (uint32_t)sizeof *cancelled + line_bytes + c->id.bytes + reason.bytes);
    cancelled->line_count = (uint16_t)c->line_count;
    cancelled->id_bytes = (uint8_t)c->id.bytes;
    cancelled->reason_bytes = (uint8_t)reason.bytes;
    memcpy(cancelled->lines, c->lines, line_bytes);
    text_put(text_put((char *)(cancelled->lines + c->line_count), c->id), reason);
}

static void cancel_lines(struct shard *shard, struct turn *turn, const struct cancelling *c,
                         const struct ledger *ledger, const struct order_step *step)
{
    enum order_state state = (enum order_state)c->order->state;
    struct event *event = move_event(shard, turn, c->order, EVENT_LINES_CANCELLED, &c->cause);
    add_lines_cancelled(turn, event, c);
    if (c->rest)
        carry_add_cancelled(shard, turn, event, c->order);
    if (step != NULL)
        move_add_step(turn, event, c->order, step, carry_deadline_ns(shard, turn, c->order, step),
                      &c->cause);
    ledger_write(ledger, turn, event, (struct text){"", 0});
    move_add_retry(turn, event, c->cause.retry);
    enum slice_kind freed = order_state_commits(state) ? SLICE_STOCK_UNCOMMIT : SLICE_STOCK_RELEASE;
    add_cancelled_units(shard, turn, event, c, freed,
                        step != NULL && step->stock == STOCK_COMMITTED);
    shard_apply(shard, turn, event);
}

/* CODE_OK, or what is missing for it. */
static enum code cancel_has_room(struct shard *shard, const struct cancelling *c,
                                 const struct ledger *ledger, bool whole, bool ends)
{
    uint64_t bytes = ledger_room(ledger);
    if (!whole)
        bytes += order_progress_room(&shard->orders, c->order);
    if (!ledger_refunds_fit(ledger, ends ? REFUNDS_MAX : REFUNDS_MAX - PAYMENTS_MAX))
        return CODE_LIMIT;
    if ((c->cause.retry != NULL && !retries_have_room(&shard->retries)) ||
        !orders_have_bytes(&shard->orders, bytes) ||
        !orders_know_caller(&shard->orders, c->request->caller))
        return CODE_FULL;
    return CODE_OK;
}

static void cancel(struct shard *shard, struct turn *turn, struct cancelling *c)
{
    enum order_state state = (enum order_state)c->order->state;
    const struct order_step *step = order_step(state, MOVE_CANCEL);
    if (step == NULL && state != ORDER_PARTIALLY_SHIPPED) {
        move_answer_state(shard, turn, c->request, c->order);
        return;
    }
    uint32_t missing = lines_are_there(shard, c);
    if (missing != 0) {
        answer_fault(shard, turn, c->request, CODE_INVALID, "units", missing);
        return;
    }
    struct ledger ledger;
    ledger_open(&ledger, &shard->orders, c->order);
    bool whole = is_whole(shard, c);
    if (!whole && c->line_count == 0)
        name_the_rest(shard, c);
    if (!whole)
        step = step_without(shard, c, &ledger);
    bool ends = step != NULL && step->to == ORDER_CANCELLED;
    if (ends && !shard->options.bug[BUG_CANCEL_KEEPS_MONEY])
        ledger_end(&ledger, order_state_name(step->to));
    else if (!ends)
        ledger_give_back_any(&ledger, NULL, ledger_kept(&ledger) - due_without(shard, c),
                             "lines_cancelled");
    enum code code = cancel_has_room(shard, c, &ledger, whole, ends);
    if (code == CODE_LIMIT)
        answer_fault(shard, turn, c->request, code, "refunds", 0);
    else if (code != CODE_OK)
        answer_plain(shard, turn, c->request, code);
    if (code != CODE_OK)
        return;
    if (whole)
        move_order(shard, turn, &ledger, step, &c->cause);
    else
        cancel_lines(shard, turn, c, &ledger, step);
    answer_record(shard, turn, c, CODE_OK);
}

void move_cancel(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct cancelling c;
    take_apart(&c, turn, request);
    uint32_t record = order_find(&shard->orders, c.id, c.retry.owner);
    if (record == 0) {
        answer_plain(shard, turn, request, CODE_NOT_FOUND);
        return;
    }
    c.order = order_at(&shard->orders, record);
    if (is_retry(shard, turn, &c))
        return;
    if (is_too_old(shard, turn, c.cancel->issued_at_ns))
        answer_plain(shard, turn, request, CODE_EXPIRED_REQUEST);
    else
        cancel(shard, turn, &c);
}
