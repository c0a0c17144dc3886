#include "core/move.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"

/* ---- events ------------------------------------------------------------------------------------ */

/* Why and by whom; the retry key, if there is one. */
struct cause {
    struct text by;
    struct text reason;
    const struct slice_retry *retry; /* NULL: none */
};

static struct event *begin_event(struct shard *shard, struct turn *turn, const struct order *order,
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

static void add_moved(const struct shard *shard, struct turn *turn, struct event *event,
                      const struct order *order, const struct order_step *step,
                      const struct cause *cause)
{
    char at[TEXT_BYTES_MAX];
    struct text id = order_text(order, ORDER_ID, at);
    struct slice_order_moved *moved =
        event_add(turn, event, slot_of(id), SLICE_ORDER_MOVED,
                  (uint32_t)sizeof *moved + id.bytes + cause->reason.bytes);
    moved->deadline_ns = deadline_after(shard, turn, order, step);
    moved->move = (uint8_t)step->move;
    moved->from = (uint8_t)step->from;
    moved->to = (uint8_t)step->to;
    moved->id_bytes = (uint8_t)id.bytes;
    moved->reason_bytes = (uint8_t)cause->reason.bytes;
    text_put(text_put((char *)(moved + 1), id), cause->reason);
}

static void add_lines_cancelled(struct turn *turn, struct event *event, const struct order *order,
                                const struct order_cancel *cancel, const struct cause *cause)
{
    char at[TEXT_BYTES_MAX];
    struct text id = order_text(order, ORDER_ID, at);
    uint32_t line_bytes = cancel->line_count * (uint32_t)sizeof cancel->lines[0];
    struct slice_lines_cancelled *cancelled =
        event_add(turn, event, slot_of(id), SLICE_LINES_CANCELLED,
                  (uint32_t)sizeof *cancelled + line_bytes + id.bytes + cause->reason.bytes);
    cancelled->line_count = cancel->line_count;
    cancelled->id_bytes = (uint8_t)id.bytes;
    cancelled->reason_bytes = (uint8_t)cause->reason.bytes;
    memcpy(cancelled->lines, cancel->lines, line_bytes);
    text_put(text_put((char *)(cancelled->lines + cancel->line_count), id), cause->reason);
}

static uint64_t text_hash(const struct order *order, enum order_text which)
{
    char at[TEXT_BYTES_MAX];
    struct text text = order_text(order, which, at);
    return text.bytes > 0 ? key_hash(text) : 0;
}

/* Whose lines' units are moved. */
struct mover {
    const struct order *order;
    uint64_t customer;
    uint64_t channel;
};

static struct mover mover_of(const struct order *order)
{
    return (struct mover){order, text_hash(order, ORDER_CUSTOMER), text_hash(order, ORDER_CHANNEL)};
}

static void add_units(struct turn *turn, struct event *event, const struct mover *mover,
                      enum slice_kind kind, uint32_t which, uint32_t units)
{
    const struct order_line *line = &mover->order->lines[which];
    struct slice_stock_units *slice =
        event_add(turn, event, sku_slot(line->sku), kind, sizeof *slice);
    slice->customer = mover->customer;
    slice->channel = mover->channel;
    slice->sku = line->sku;
    slice->units = units;
    slice->window_s = order_line_window(mover->order, which);
    slice->warehouse = (uint8_t)order_line_warehouse(line);
}

static void add_retry(struct turn *turn, struct event *event, const struct slice_retry *retry)
{
    if (retry == NULL)
        return;
    struct slice_retry *kept =
        event_add(turn, event, hash_slot(retry->owner), SLICE_RETRY, sizeof *kept);
    struct slice head = kept->head;
    *kept = *retry;
    kept->head = head;
}

static void release_all(struct shard *shard, struct turn *turn, struct event *event,
                        const struct order *order)
{
    struct mover mover = mover_of(order);
    for (uint32_t i = 0; i < order->line_count; i++) {
        uint32_t units = order_line_units(&shard->orders, order, i);
        if (units > 0)
            add_units(turn, event, &mover, SLICE_STOCK_RELEASE, i, units);
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
    case ORDER_MOVE_COUNT:
        break;
    }
    CHECK(false); /* a move */
    return EVENT_ORDER_CANCELLED;
}

/* Expects that the step begins in the order's state. */
static void move(struct shard *shard, struct turn *turn, const struct order *order,
                 const struct order_step *step, const struct cause *cause)
{
    struct event *event = begin_event(shard, turn, order, event_of(step->move), cause);
    add_moved(shard, turn, event, order, step, cause);
    add_retry(turn, event, cause->retry);
    if (step->stock == STOCK_RELEASED && !shard->options.bug[BUG_RELEASE_LOST])
        release_all(shard, turn, event, order);
    shard_apply(shard, turn, event);
}

/* ---- expiry ------------------------------------------------------------------------------------ */

void move_expire(struct shard *shard, struct turn *turn, uint32_t record)
{
    const struct order *order = order_at(&shard->orders, record);
    bool in_review = order->state == ORDER_IN_REVIEW;
    bool accepts = in_review && shard->options.review_timeout == REVIEW_TIMEOUT_ACCEPT;
    enum order_move after = accepts ? MOVE_ACCEPT : in_review ? MOVE_REJECT : MOVE_EXPIRE;
    const struct order_step *step = order_step((enum order_state)order->state, after);
    CHECK(step != NULL);
    move(shard, turn, order, step, &(struct cause){.retry = NULL});
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
        .retry = {.key = retry_key(request->caller, key),
                  .digest = digest_of(cancel),
                  .at_ns = turn->now_ns,
                  .owner = key_hash(id),
                  .code = CODE_OK},
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

static void answer_state(struct shard *shard, struct turn *turn, const struct cancelling *c)
{
    struct result_state *result =
        answer(shard, turn, c->request, CODE_ILLEGAL, RESULT_STATE, sizeof *result);
    result->state = (uint8_t)c->order->state;
    result->allowed = order_allowed((enum order_state)c->order->state);
}

/* True: the key is known, and it has been answered. */
static bool is_retry(struct shard *shard, struct turn *turn, const struct cancelling *c)
{
    const struct retry *known =
        c->cause.retry != NULL ? retry_find(&shard->retries, c->retry.owner, c->retry.key) : NULL;
    if (known == NULL)
        return false;
    if (known->digest == c->retry.digest)
        answer_record(shard, turn, c, CODE_REPLAYED);
    else
        answer_plain(shard, turn, c->request, CODE_KEY_REUSED);
    return true;
}

/* 0: they are; otherwise the first that is not, counted from 1. */
static uint32_t lines_are_there(const struct shard *shard, const struct cancelling *c)
{
    for (uint32_t i = 0; i < c->cancel->line_count; i++) {
        const struct cancel_line *line = &c->cancel->lines[i];
        if (line->line > c->order->line_count ||
            line->units > order_line_units(&shard->orders, c->order, line->line - 1))
            return i + 1;
    }
    return 0;
}

/* Whether nothing of the order would be left. */
static bool is_whole(const struct shard *shard, const struct cancelling *c)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < c->order->line_count; i++)
        units += order_line_units(&shard->orders, c->order, i);
    for (uint32_t i = 0; i < c->cancel->line_count; i++)
        units -= c->cancel->lines[i].units;
    return units == 0 || c->cancel->line_count == 0;
}

static void cancel_lines(struct shard *shard, struct turn *turn, const struct cancelling *c)
{
    struct event *event = begin_event(shard, turn, c->order, EVENT_LINES_CANCELLED, &c->cause);
    struct mover mover = mover_of(c->order);
    add_lines_cancelled(turn, event, c->order, c->cancel, &c->cause);
    add_retry(turn, event, c->cause.retry);
    for (uint32_t i = 0; i < c->cancel->line_count; i++)
        add_units(turn, event, &mover, SLICE_STOCK_RELEASE, c->cancel->lines[i].line - 1,
                  c->cancel->lines[i].units);
    shard_apply(shard, turn, event);
}

static void cancel(struct shard *shard, struct turn *turn, const struct cancelling *c)
{
    const struct order_step *step = order_step((enum order_state)c->order->state, MOVE_CANCEL);
    if (step == NULL) {
        answer_state(shard, turn, c);
        return;
    }
    uint32_t missing = lines_are_there(shard, c);
    if (missing != 0) {
        answer_fault(shard, turn, c->request, CODE_INVALID, "units", missing);
        return;
    }
    bool whole = is_whole(shard, c);
    if ((c->cause.retry != NULL && !retries_have_room(&shard->retries)) ||
        (!whole && !order_has_progress_room(&shard->orders, c->order)) ||
        !orders_know_caller(&shard->orders, c->request->caller)) {
        answer_plain(shard, turn, c->request, CODE_FULL);
        return;
    }
    if (whole)
        move(shard, turn, c->order, step, &c->cause);
    else
        cancel_lines(shard, turn, c);
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
