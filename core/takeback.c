#include "core/takeback.h"

#include <string.h>

#include "core/answer.h"
#include "core/carry.h"
#include "core/resend.h"

static uint32_t find(const struct deal *deal)
{
    return return_find(&deal->shard->orders, deal->order, deal->id);
}

static struct child_return *answer_return(const struct deal *deal, enum code code, uint32_t record)
{
    const struct order_return *r = return_at(&deal->shard->orders, record);
    struct child_return *out = answer_children(deal->shard, deal->turn, deal->request, code,
                                               deal->order, 1, return_answer_bytes(r, true));
    return_answer(r, true, out);
    return out;
}

/* ---- a new return ------------------------------------------------------------------------------ */

/* Units of a line that have come to the buyer and are in no return. */
static uint32_t returnable(const struct deal *deal, uint32_t line)
{
    struct line_progress progress = order_line_progress(&deal->shard->orders, deal->order, line);
    if (deal->shard->options.bug[BUG_RETURNED_TWICE])
        return progress.delivered;
    return progress.delivered - progress.returning;
}

/* Those that are asked for, or all there are; how many. 0: it has been refused. */
static uint32_t take_lines(const struct deal *deal, struct child_return_line *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < deal->parcel->line_count; i++) {
        const struct parcel_line *line = &deal->parcel->lines[i];
        bool known = line->line <= deal->order->line_count;
        if (!known || line->units > returnable(deal, line->line - 1)) {
            deal_refuse_field(deal, CODE_INVALID, known ? "units" : "line", i + 1);
            return 0;
        }
        out[count++] = (struct child_return_line){.line = line->line, .units = line->units};
    }
    for (uint32_t i = 0; i < deal->order->line_count && deal->parcel->line_count == 0; i++)
        if (returnable(deal, i) > 0)
            out[count++] = (struct child_return_line){.line = i + 1, .units = returnable(deal, i)};
    if (count == 0)
        deal_refuse_field(deal, CODE_LIMIT, "lines", 0);
    return count;
}

static void add_made(const struct deal *deal, struct event *event,
                     const struct child_return_line *lines, uint32_t line_count)
{
    struct text reason = deal->cause.reason;
    uint32_t line_bytes = line_count * (uint32_t)sizeof *lines;
    struct slice_return *slice;
    slice = event_add(deal->turn, event, deal_slot(deal), SLICE_RETURN,
                      (uint32_t)sizeof *slice + line_bytes + deal->order_id.bytes + deal->id.bytes +
                          reason.bytes);
    slice->digest = deal_digest(deal);
    slice->created_ns = deal->turn->now_ns;
    slice->line_count = (uint16_t)line_count;
    slice->kind = deal->parcel->choice;
    slice->order_bytes = (uint8_t)deal->order_id.bytes;
    slice->id_bytes = (uint8_t)deal->id.bytes;
    slice->reason_bytes = (uint8_t)reason.bytes;
    memcpy(slice->lines, lines, line_bytes);
    char *at = text_put((char *)(slice->lines + line_count), deal->order_id);
    text_put(text_put(at, deal->id), reason);
}

static uint32_t count_of(const struct deal *deal)
{
    uint32_t count = 0;
    for (uint32_t at = 0; (at = return_next(&deal->shard->orders, deal->order, at)) != 0;)
        count++;
    return count;
}

static void create_new(struct deal *deal)
{
    struct shard *shard = deal->shard;
    if (count_of(deal) == RETURNS_MAX) {
        deal_refuse_field(deal, CODE_LIMIT, "return_id", 0);
        return;
    }
    struct child_return_line *lines = shard->return_lines;
    uint32_t line_count = take_lines(deal, lines);
    if (line_count == 0)
        return;
    ledger_open(&deal->ledger, &shard->orders, deal->order);
    uint32_t text_bytes = deal->id.bytes + deal->cause.reason.bytes;
    if (!deal_has_room(deal, false,
                       return_room(line_count, text_bytes) +
                           order_progress_room(&shard->orders, deal->order)))
        return;
    struct event *event =
        move_event(shard, deal->turn, deal->order, EVENT_RETURN_REQUESTED, &deal->cause);
    add_made(deal, event, lines, line_count);
    shard_apply(shard, deal->turn, event);
    answer_return(deal, CODE_CREATED, find(deal));
}

/* The first answer to a create again: as it was, and not as it has become. */
static void answer_again(const struct deal *deal, uint32_t record)
{
    struct child_return *child = answer_return(deal, CODE_REPLAYED, record);
    child->head.state = RETURN_REQUESTED;
    child->changed_ns = child->created_ns;
    for (uint32_t i = 0; i < child->line_count; i++)
        child->lines[i].accepted = child->lines[i].rejected = 0;
}

static void create(struct deal *deal)
{
    uint32_t known = find(deal);
    if (known != 0 && return_at(&deal->shard->orders, known)->digest == deal_digest(deal))
        answer_again(deal, known);
    else if (known != 0)
        deal_refuse(deal, CODE_KEY_REUSED);
    else if (!deal_is_too_old(deal))
        create_new(deal);
}

/* ---- moves ------------------------------------------------------------------------------------- */

/* The lines as they have been judged; false: it has been refused. No lines: all are accepted. */
static bool judge_lines(const struct deal *deal, const struct order_return *r,
                        struct child_return_line *out)
{
    const struct order_parcel *parcel = deal->parcel;
    memcpy(out, r->lines, r->line_count * sizeof *out);
    if (parcel->line_count != 0 && parcel->line_count != r->line_count) {
        deal_refuse_field(deal, CODE_INVALID, "lines", 0);
        return false;
    }
    for (uint32_t i = 0; i < r->line_count; i++) {
        out[i].accepted = parcel->line_count > 0 ? parcel->lines[i].units : out[i].units;
        out[i].rejected = parcel->line_count > 0 ? parcel->lines[i].rejected : 0;
        bool same_line = parcel->line_count == 0 || parcel->lines[i].line == out[i].line;
        if (same_line && (uint64_t)out[i].accepted + out[i].rejected == out[i].units)
            continue;
        deal_refuse_field(deal, CODE_INVALID, same_line ? "accepted" : "line", i + 1);
        return false;
    }
    return true;
}

static uint64_t accepted_units(const struct child_return_line *lines, uint32_t line_count)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < line_count; i++)
        units += lines[i].accepted;
    return units;
}

static int64_t due_without(const struct deal *deal, const struct child_return_line *lines,
                           uint32_t line_count)
{
    int64_t due = order_due_signed(&deal->shard->orders, deal->order);
    for (uint32_t i = 0; i < line_count; i++)
        due -= order_line_price(deal->order, lines[i].line - 1) * (int64_t)lines[i].accepted;
    return due > 0 ? due : 0;
}

/* Whether the refunds that the return has opened are over. */
static bool is_paid_back(const struct deal *deal)
{
    const struct orders *orders = &deal->shard->orders;
    for (uint32_t at = 0; (at = payment_next(orders, deal->order, at)) != 0;)
        for (uint32_t r = payment_at(orders, at)->refunds; r != 0; r = refund_at(orders, r)->next) {
            struct text reason = refund_reason(refund_at(orders, r));
            if (refund_state_is_pending((enum refund_state)refund_at(orders, r)->state) &&
                reason.bytes == strlen(deal->why) &&
                memcmp(reason.at, deal->why, reason.bytes) == 0)
                return false;
        }
    return true;
}

static enum return_move move_of(const struct deal *deal, const struct order_return *r,
                                bool any_accepted)
{
    switch (deal->parcel->head.op) {
    case OP_RETURN_APPROVE:
        return r->kind == RETURN_REFUND_ONLY ? RETURN_PAY_BACK : RETURN_APPROVE;
    case OP_RETURN_REFUSE:
        return RETURN_REFUSE;
    case OP_RETURN_SHIP:
        return RETURN_SHIP;
    case OP_RETURN_RECEIVE:
        return RETURN_RECEIVE;
    case OP_RETURN_INSPECT:
        if (!any_accepted)
            return RETURN_REJECT;
        return r->kind == RETURN_EXCHANGE ? RETURN_REPLACE : RETURN_ACCEPT;
    default:
        return RETURN_CLOSE;
    }
}

static enum event_kind event_of(uint32_t op)
{
    switch (op) {
    case OP_RETURN_APPROVE:
        return EVENT_RETURN_APPROVED;
    case OP_RETURN_REFUSE:
        return EVENT_RETURN_REFUSED;
    case OP_RETURN_SHIP:
        return EVENT_RETURN_SENT;
    case OP_RETURN_RECEIVE:
        return EVENT_RETURN_RECEIVED;
    case OP_RETURN_INSPECT:
        return EVENT_RETURN_INSPECTED;
    default:
        return EVENT_RETURN_CLOSED;
    }
}

static void add_moved(const struct deal *deal, struct event *event, const struct return_step *step,
                      uint64_t deadline_ns, const struct child_return_line *lines,
                      uint32_t line_count)
{
    struct text reason = deal->cause.reason;
    uint32_t line_bytes = line_count * (uint32_t)sizeof *lines;
    struct slice_return_moved *slice;
    slice = event_add(deal->turn, event, deal_slot(deal), SLICE_RETURN_MOVED,
                      (uint32_t)sizeof *slice + line_bytes + deal->order_id.bytes + deal->id.bytes +
                          reason.bytes);
    slice->deadline_ns = deadline_ns;
    slice->line_count = (uint16_t)line_count;
    slice->move = (uint8_t)step->move;
    slice->from = (uint8_t)step->from;
    slice->to = (uint8_t)step->to;
    slice->order_bytes = (uint8_t)deal->order_id.bytes;
    slice->id_bytes = (uint8_t)deal->id.bytes;
    slice->reason_bytes = (uint8_t)reason.bytes;
    if (line_bytes > 0)
        memcpy(slice->lines, lines, line_bytes);
    char *at = text_put((char *)(slice->lines + line_count), deal->order_id);
    text_put(text_put(at, deal->id), reason);
}

/* Goods lie where they were taken from, until somebody says in what state they are. */
static void add_goods(const struct deal *deal, struct event *event, const struct order_return *r)
{
    struct mover mover = move_mover(deal->order);
    for (uint32_t i = 0; i < r->line_count; i++)
        move_add_units(deal->turn, event, &mover, SLICE_STOCK_BACK, r->lines[i].line - 1,
                       r->lines[i].units);
}

/* `lines` as they have been judged; NULL: this step judges none. */
static void carry_out_return(struct deal *deal, uint32_t record, const struct return_step *step,
                             const struct child_return_line *lines)
{
    struct shard *shard = deal->shard;
    const struct order_return *r = return_at(&shard->orders, record);
    uint32_t line_count = lines != NULL ? r->line_count : 0;
    ledger_open(&deal->ledger, &shard->orders, deal->order);
    if (line_count > 0 && step->effect == RETURN_JUDGED)
        ledger_give_back_difference(&deal->ledger, order_due(&shard->orders, deal->order),
                                    due_without(deal, lines, line_count), deal->why);
    if (!deal_has_room(deal, false, carry_exchange_room(deal->taken_count)))
        return;
    bool ends = step->to == RETURN_REFUSED || step->to == RETURN_CLOSED;
    bool others = returns_are_open(&shard->orders, deal->order, record);
    uint64_t deadline_ns = ends && !others ? carry_confirm_ns(shard, deal->turn) : 0;
    struct event *event =
        move_event(shard, deal->turn, deal->order, event_of(deal->parcel->head.op), &deal->cause);
    add_moved(deal, event, step, deadline_ns, lines, line_count);
    if (step->effect == RETURN_SWAPPED)
        carry_add_exchange(deal, event);
    ledger_write(&deal->ledger, deal->turn, event, (struct text){"", 0});
    move_add_retry(deal->turn, event, deal->cause.retry);
    if (step->effect == RETURN_COMES)
        add_goods(deal, event, r);
    carry_add_taken(deal, event);
    shard_apply(shard, deal->turn, event);
    answer_return(deal, CODE_OK, record);
}

/* What is sent for accepted units is taken through holds, as any parcel's. False: it has not been. */
static bool replace(struct deal *deal, const struct child_return_line *lines, uint32_t line_count)
{
    struct child_line *wanted = deal->shard->parcel_lines;
    uint32_t count = 0;
    for (uint32_t i = 0; i < line_count; i++)
        if (lines[i].accepted > 0)
            wanted[count++] = (struct child_line){lines[i].line, lines[i].accepted};
    if (carry_count(deal) == SHIPMENTS_MAX) {
        deal_refuse_field(deal, CODE_LIMIT, "shipment_id", 0);
        return false;
    }
    return resend_take(deal, wanted, count, UINT64_MAX);
}

static void refuse_state(const struct deal *deal, const struct order_return *r)
{
    uint32_t allowed = return_allowed((enum return_state)r->state);
    answer_child_state(deal->shard, deal->turn, deal->request, CHILD_RETURN, r->state,
                       is_paid_back(deal) ? allowed : allowed & ~(1u << RETURN_CLOSE));
}

static void move(struct deal *deal, uint32_t record)
{
    enum move_seen seen = deal_seen(deal);
    if (seen == MOVE_SEEN)
        answer_return(deal, CODE_REPLAYED, record);
    if (seen != MOVE_NEW || deal_is_too_old(deal))
        return;
    const struct order_return *r = return_at(&deal->shard->orders, record);
    struct child_return_line *lines = deal->shard->return_lines;
    bool judges = deal->parcel->head.op == OP_RETURN_INSPECT ||
                  (deal->parcel->head.op == OP_RETURN_APPROVE && r->kind == RETURN_REFUND_ONLY);
    if (judges && !judge_lines(deal, r, lines))
        return;
    bool any_accepted = judges && accepted_units(lines, r->line_count) > 0;
    const struct return_step *step =
        return_step((enum return_state)r->state, move_of(deal, r, any_accepted));
    if (step == NULL || (step->move == RETURN_CLOSE && !is_paid_back(deal))) {
        refuse_state(deal, r);
        return;
    }
    if (step->effect != RETURN_SWAPPED && deal_said(deal, PARCEL_WAREHOUSE).bytes > 0) {
        deal_refuse_field(deal, CODE_INVALID, "warehouse", 0);
        return;
    }
    if (step->effect != RETURN_SWAPPED || replace(deal, lines, r->line_count))
        carry_out_return(deal, record, step, judges ? lines : NULL);
}

/* ---- what comes in ----------------------------------------------------------------------------- */

static void decide(struct deal *deal)
{
    enum op op = (enum op)deal->request->command->op;
    if (!deal_find_order(deal))
        return;
    if (op == OP_RETURN_CREATE) {
        create(deal);
        return;
    }
    uint32_t record = find(deal);
    if (record == 0)
        deal_refuse_field(deal, CODE_NOT_FOUND, "return_id", 0);
    else if (op == OP_RETURN_GET)
        answer_return(deal, CODE_OK, record);
    else
        move(deal, record);
}

void takeback_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct deal deal;
    deal_open(&deal, shard, turn, request);
    decide(&deal);
}

void takeback_granted(struct shard *shard, struct turn *turn, const struct request *request,
                      struct grant *grant)
{
    struct deal deal;
    deal_open(&deal, shard, turn, request);
    deal.grant = grant;
    decide(&deal);
}
