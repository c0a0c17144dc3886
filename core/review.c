#include "core/review.h"

#include "core/answer.h"
#include "core/digest.h"
#include "core/ledger.h"
#include "core/move.h"

/* A request, taken apart. */
struct act {
    const struct request *request;
    const struct order_act *act;
    struct text id;
    struct slice_retry retry;
    struct cause cause;
    const struct order *order;
};

static uint64_t digest_of(const struct order_act *act)
{
    const char *from = (const char *)&act->decision;
    const char *end = (const char *)act + act->head.bytes;
    return digest(from, (size_t)(end - from), act->head.op);
}

static void take_apart(struct act *out, const struct turn *turn, const struct request *request)
{
    const struct order_act *act = (const void *)request->command;
    struct text id = order_act_text(act, ACT_ORDER);
    struct text key = order_act_text(act, ACT_KEY);
    *out = (struct act){
        .request = request,
        .act = act,
        .id = id,
        .retry = move_retry(turn, request, id, key, digest_of(act)),
        .cause = {.by = request->caller, .reason = order_act_text(act, ACT_REASON)},
    };
    if (key.bytes > 0)
        out->cause.retry = &out->retry;
}

static void answer_record(struct shard *shard, struct turn *turn, const struct act *act,
                          enum code code)
{
    order_answer(&shard->orders, act->order, turn, shard->options.shard, act->request->origin,
                 act->request->command->request, code);
}

/* True: the key is known, and it has been answered. */
static bool is_retry(struct shard *shard, struct turn *turn, const struct act *act)
{
    enum move_seen seen = act->cause.retry != NULL ? move_seen(shard, act->cause.retry) : MOVE_NEW;
    if (seen == MOVE_SEEN)
        answer_record(shard, turn, act, CODE_REPLAYED);
    if (seen == MOVE_SEEN_OTHERWISE)
        answer_plain(shard, turn, act->request, CODE_KEY_REUSED);
    return seen != MOVE_NEW;
}

static enum order_move move_of(const struct order_act *act)
{
    if (act->head.op == OP_ORDER_CONFIRM)
        return MOVE_COMPLETE;
    return act->decision == REVIEW_ACCEPT ? MOVE_ACCEPT : MOVE_REJECT;
}

static bool has_room(struct shard *shard, const struct act *act, const struct ledger *ledger)
{
    return (act->cause.retry == NULL || retries_have_room(&shard->retries)) &&
           orders_have_bytes(&shard->orders, ledger_room(ledger) + order_more_room(act->order)) &&
           orders_know_caller(&shard->orders, act->request->caller);
}

static void decide(struct shard *shard, struct turn *turn, const struct act *act)
{
    const struct order_step *step =
        order_step((enum order_state)act->order->state, move_of(act->act));
    if (step == NULL) {
        move_answer_state(shard, turn, act->request, act->order);
        return;
    }
    struct ledger ledger;
    ledger_open(&ledger, &shard->orders, act->order);
    if (step->to == ORDER_REJECTED)
        ledger_end(&ledger, order_state_name(step->to));
    if (!has_room(shard, act, &ledger)) {
        answer_plain(shard, turn, act->request, CODE_FULL);
        return;
    }
    move_order(shard, turn, &ledger, step, &act->cause);
    answer_record(shard, turn, act, CODE_OK);
}

void review_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct act act;
    take_apart(&act, turn, request);
    uint32_t record = order_find(&shard->orders, act.id, act.retry.owner);
    if (record == 0) {
        answer_plain(shard, turn, request, CODE_NOT_FOUND);
        return;
    }
    act.order = order_at(&shard->orders, record);
    if (is_retry(shard, turn, &act))
        return;
    if (is_too_old(shard, turn, act.act->issued_at_ns))
        answer_plain(shard, turn, request, CODE_EXPIRED_REQUEST);
    else
        decide(shard, turn, &act);
}
