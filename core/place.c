#include "core/place.h"

#include "core/answer.h"
#include "core/attempt.h"
#include "core/grant.h"
#include "core/judge.h"
#include "core/parcel.h"
#include "core/placed.h"
#include "core/plan.h"
#include "core/sometimes.h"
#include "core/takeback.h"

/* ---- looking at the request -------------------------------------------------------------------- */

/* False: it has been answered. */
static bool lines_are_good(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct order_create *create = (const void *)request->command;
    const uint32_t currency = create->currency, line_count = create->line_count;
    for (uint32_t i = 0; i < line_count; i++) {
        const struct command_line *line = &create->lines[i];
        struct sku_terms terms;
        const char *field = NULL;
        enum code code = CODE_OK;
        if (!shard_sku_terms(shard, line->sku, &terms)) {
            code = CODE_UNKNOWN_SKU;
            field = "sku";
        } else if (terms.currency != currency) {
            code = CODE_CURRENCY_MISMATCH;
            field = "sku";
        } else if (line->unit_price >= ORDER_AMOUNT_LIMIT) {
            code = CODE_OVERFLOW;
            field = "unit_price";
        }
        if (code != CODE_OK) {
            answer_fault(shard, turn, request, code, field, i + 1);
            return false;
        }
    }
    return true;
}

static bool adjustments_are_good(struct shard *shard, struct turn *turn,
                                 const struct request *request)
{
    const struct order_create *create = (const void *)request->command;
    const struct adjustment *adjustments = order_create_adjustments(create);
    for (uint32_t i = 0; i < create->adjustment_count; i++) {
        if (adjustments[i].amount < ORDER_AMOUNT_LIMIT &&
            adjustments[i].amount > -ORDER_AMOUNT_LIMIT)
            continue;
        answer_fault(shard, turn, request, CODE_OVERFLOW, "amount", i + 1);
        return false;
    }
    return true;
}

/* True: it can go on; false: it has been answered. */
static bool request_is_good(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct order_create *create = (const void *)request->command;
    if (is_too_old(shard, turn, create->issued_at_ns)) {
        answer_plain(shard, turn, request, CODE_EXPIRED_REQUEST);
        return false;
    }
    if (create->pay_by_ns != 0 && create->pay_by_ns <= turn->now_ns) {
        answer_fault(shard, turn, request, CODE_INVALID, "pay_by", 0);
        return false;
    }
    return lines_are_good(shard, turn, request) && adjustments_are_good(shard, turn, request);
}

/* ---- deciding ---------------------------------------------------------------------------------- */

/* Every line of the plan has its warehouse, or the order is rejected. */
static void place_at_once(struct shard *shard, struct turn *turn, const struct request *request,
                          const struct judgement *judgement, const struct hold_ask *ask,
                          uint64_t id_hash)
{
    const struct order_create *create = (const void *)request->command;
    struct granted granted = {
        .create = create,
        .lines = shard->plan.lines,
        .order_line = shard->plan.order_line,
        .digest = placed_digest(create),
        .buyer = ask->buyer,
        .judgement = judgement,
    };
    if (placed_is_quote(create)) {
        placed_quote(shard, turn, request, &granted);
        return;
    }
    const struct event *event = placed_emit(shard, turn, &granted, request->caller, id_hash);
    const struct order *order = placed_apply(shard, turn, event);
    const struct slice_stock_units *line = placed_lines(event);
    for (uint32_t left = event->slice_count - 1u; left > 0; left--, line++)
        shard_take(shard, line);
    placed_answer(shard, turn, request, order, judgement->total, CODE_CREATED);
}

/* Of an order that is rejected. */
static enum hold_outcome take_nothing(struct plan *plan)
{
    for (uint32_t i = 0; i < plan->line_count; i++)
        plan->lines[i].warehouse = WAREHOUSE_NONE;
    return HOLD_GRANTED;
}

static void decide(struct shard *shard, struct turn *turn, const struct request *request,
                   uint64_t id_hash)
{
    const struct order_create *create = (const void *)request->command;
    struct plan *plan = &shard->plan;
    if (!placed_is_quote(create) &&
        !orders_have_room(&shard->orders, order_record_bytes_max(create), request->caller)) {
        SOMETIMES("place: there is no room for one more order");
        answer_plain(shard, turn, request, CODE_FULL);
        return;
    }
    struct judgement judgement;
    judge(shard, create, &judgement);
    plan_make(shard, create->lines, create->line_count, plan);
    struct hold_ask ask = {
        .at_ns = turn->now_ns,
        .buyer = attempt_buyer(request),
        .region = attempt_region(shard, create),
        .line_count = plan->line_count,
        .single = attempt_single(create),
        .warehouse = WAREHOUSE_NONE,
    };
    bool rejected = judgement.state == ORDER_REJECTED;
    if (!rejected && (plan->part_count > 1 || plan->parts[0].shard != shard->options.shard)) {
        attempt_begin(shard, turn, request, &judgement, id_hash, false);
        return;
    }
    switch (rejected ? take_nothing(plan) : grant_look(shard, &ask, plan->lines, false)) {
    case HOLD_GRANTED:
        place_at_once(shard, turn, request, &judgement, &ask, id_hash);
        return;
    case HOLD_SHORT:
        attempt_refuse(shard, turn, request->origin, request->command->request, shard->shorts.code,
                       shard->shorts.lines, shard->shorts.line_count);
        return;
    case HOLD_BUSY:
        attempt_begin(shard, turn, request, &judgement, id_hash, true);
    }
}

/* An id that is known, or on its way: the request is answered, or waits for that one's outcome. False:
 * the id is new. */
static bool answer_retry(struct shard *shard, struct turn *turn, const struct request *request,
                         uint64_t id_hash)
{
    const struct order_create *create = (const void *)request->command;
    const bool *bug = shard->options.bug;
    struct text id = order_create_text(create, ORDER_ID);
    uint32_t record = bug[BUG_KNOWN_ID_FORGOTTEN] ? 0 : order_find(&shard->orders, id, id_hash);
    if (record != 0) {
        const struct order *order = order_at(&shard->orders, record);
        if (order->digest == (uint32_t)placed_digest(create) || bug[BUG_OTHER_BODY_REPLAYED])
            placed_answer(shard, turn, request, order, order_first_total(order), CODE_REPLAYED);
        else
            answer_plain(shard, turn, request, CODE_KEY_REUSED);
        return true;
    }
    uint32_t flight = bug[BUG_PROGRESS_NOT_AWAITED] ? 0 : flight_find(&shard->flights, id, id_hash);
    if (flight != 0 && !flight_queue(&shard->flights, flight, request, placed_digest(create)))
        answer_plain(shard, turn, request, CODE_BUSY);
    return flight != 0;
}

void place_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct order_create *create = (const void *)request->command;
    uint64_t id_hash = request->order_hash != 0 ? request->order_hash
                                                : key_hash(order_create_text(create, ORDER_ID));
    if (!placed_is_quote(create)) {
        if (answer_retry(shard, turn, request, id_hash))
            return;
        if (turn->storage != STORAGE_READY) {
            answer_plain(shard, turn, request, CODE_STORAGE_FULL);
            return;
        }
    }
    if (request_is_good(shard, turn, request))
        decide(shard, turn, request, id_hash);
}

/* ---- work left over ---------------------------------------------------------------------------- */

/* Answers one retry that has waited for its order's outcome: the same body gets the same outcome,
 * refusals included; anything else is a request like any other. */
static void answer_queued(struct shard *shard, struct turn *turn)
{
    const struct flight *flight;
    const struct queued *queued;
    struct request request;
    SOMETIMES("place: a retry has waited for its order");
    CHECK(flights_queued(&shard->flights, &flight, &queued, &request));
    if (!flight->placed && queued->digest == flight->digest)
        attempt_refuse(shard, turn, queued->origin, request.command->request,
                       (enum code)flight->code, flight_shorts(flight), flight->short_count);
    else if (request.command->op == OP_ORDER_CREATE)
        place_request(shard, turn, &request);
    else if (request.command->op == OP_RETURN_INSPECT)
        takeback_request(shard, turn, &request);
    else
        parcel_request(shard, turn, &request);
    flights_queued_done(&shard->flights);
}

bool place_has_work(const struct shard *shard)
{
    return shard->flights.over_first != 0 || waiters_have_changed(&shard->waiters);
}

void place_work(struct shard *shard, struct turn *turn)
{
    while (place_has_work(shard) && turn_has_room(turn)) {
        if (shard->flights.over_first != 0)
            answer_queued(shard, turn);
        else
            grant_work(shard, turn);
    }
}
