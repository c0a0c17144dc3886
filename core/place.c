#include "core/place.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"
#include "core/judge.h"
#include "core/parcel.h"
#include "core/sometimes.h"
#include "core/takeback.h"

/* ---- looking at the request -------------------------------------------------------------------- */

/* The request as it was decoded, before defaults; when it was issued does not count. */
static uint64_t digest_of(const struct order_create *create)
{
    const char *from = (const char *)&create->pay_by_ns;
    const char *end = (const char *)create + create->head.bytes;
    return digest(from, (size_t)(end - from), OP_ORDER_CREATE);
}

static inline void answer_known(struct shard *shard, struct turn *turn,
                                const struct request *request, const struct order *order,
                                enum code code)
{
    const struct command *command = request->command;
    if (command->flags & COMMAND_WANT_RECORD)
        order_answer(&shard->orders, order, turn, shard->options.shard, request->origin,
                     command->request, code);
    else
        order_answer_placed(order, turn, shard->options.shard, request->origin, command->request,
                            code);
}

/* False: it has been answered. */
static bool lines_are_good(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct order_create *create = (const void *)request->command;
    for (uint32_t i = 0; i < create->line_count; i++) {
        const struct command_line *line = &create->lines[i];
        struct sku_terms terms;
        const char *field = NULL;
        enum code code = CODE_OK;
        if (!shard_sku_terms(shard, line->sku, &terms)) {
            code = CODE_UNKNOWN_SKU;
            field = "sku";
        } else if (terms.currency != create->currency) {
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

/* ---- the plan ---------------------------------------------------------------------------------- */

static uint32_t shard_of(const struct shard *shard, uint32_t sku)
{
    return shard->options.slot_shard[sku_slot(sku)];
}

static bool is_before(const struct shard *shard, const struct command_line *lines, uint16_t a,
                      uint16_t b)
{
    const struct command_line *first = &lines[a];
    const struct command_line *second = &lines[b];
    if (shard_of(shard, first->sku) != shard_of(shard, second->sku))
        return shard_of(shard, first->sku) < shard_of(shard, second->sku);
    if (first->sku != second->sku)
        return first->sku < second->sku;
    if (first->units != second->units)
        return first->units > second->units;
    return a < b;
}

/* Shell's sort: most orders have few lines, the longest 1,200. */
static void sort_lines(const struct shard *shard, const struct command_line *lines,
                       uint32_t line_count, uint16_t *order_line)
{
    static const uint32_t gaps[] = {1, 4, 10, 23, 57, 132, 301, 701, ORDER_LINES_MAX};
    uint32_t g = 0;
    while (gaps[g + 1] < line_count)
        g++;
    for (uint32_t i = 0; i < line_count; i++)
        order_line[i] = (uint16_t)i;
    for (;; g--) {
        const uint32_t gap = gaps[g];
        for (uint32_t i = gap; i < line_count; i++) {
            uint16_t line = order_line[i];
            uint32_t to = i;
            for (; to >= gap && is_before(shard, lines, line, order_line[to - gap]); to -= gap)
                order_line[to] = order_line[to - gap];
            order_line[to] = line;
        }
        if (g == 0)
            return;
    }
}

static inline void make_plan(const struct shard *shard, const struct command_line *lines,
                             uint32_t line_count, struct plan *plan)
{
    plan->line_count = line_count;
    plan->part_count = 0;
    sort_lines(shard, lines, line_count, plan->order_line);
    for (uint16_t i = 0; i < line_count; i++) {
        const struct command_line *line = &lines[plan->order_line[i]];
        uint8_t to = (uint8_t)shard_of(shard, line->sku);
        plan->lines[i] = (struct hold_line){.sku = line->sku, .units = line->units};
        if (plan->part_count == 0 || plan->parts[plan->part_count - 1].shard != to)
            plan->parts[plan->part_count++] = (struct flight_part){.shard = to, .first_line = i};
        plan->parts[plan->part_count - 1].line_count++;
    }
}

/* ---- the event --------------------------------------------------------------------------------- */

/* A plan or a flight whose lines all have their warehouse. */
struct granted {
    const struct order_create *create;
    const struct hold_line *lines;
    const uint16_t *order_line;
    uint64_t digest;
    struct hold_buyer buyer;
    const struct judgement *judgement;
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the state that the order begins in ends by itself. Nobody can pay after pay_by, so nobody
 * needs to look at the order after it either. */
static uint64_t deadline_of(const struct shard *shard, const struct turn *turn,
                            const struct granted *granted)
{
    uint64_t pay_by = granted->create->pay_by_ns;
    if (granted->judgement->state == ORDER_REJECTED || granted->judgement->state == ORDER_PAID)
        return 0;
    if (granted->judgement->state == ORDER_IN_REVIEW)
        return earlier(turn->now_ns + shard->options.review_deadline_ns,
                       pay_by != 0 ? pay_by : UINT64_MAX);
    return pay_by != 0 ? pay_by : turn->now_ns + shard->options.payment_deadline_ns;
}

static void add_order_slice(struct shard *shard, struct turn *turn, struct event *event,
                            const struct granted *granted, uint64_t id_hash)
{
    const struct order_create *create = granted->create;
    const struct judgement *judgement = granted->judgement;
    const uint32_t line_count = create->line_count;
    uint32_t behind = create->adjustment_count * (uint32_t)sizeof(struct adjustment) +
                      texts_bytes(create->text_bytes);
    uint32_t why_bytes = (uint32_t)judgement->rule_bytes + judgement->reason_bytes;
    struct slice_order_placed *placed;
    uint32_t bytes = (uint32_t)sizeof *placed + line_count * (uint32_t)sizeof placed->lines[0] +
                     behind + why_bytes;
    placed = event_extend(turn, event, bytes);
    *placed = (struct slice_order_placed){
        .head = slice_head(hash_slot(id_hash), SLICE_ORDER_PLACED, bytes),
        .digest = granted->digest,
        .id_hash = id_hash,
        .customer_hash = granted->buyer.customer,
        .deadline_ns = deadline_of(shard, turn, granted),
        .pay_by_ns = create->pay_by_ns,
        .total = judgement->total,
        .currency = create->currency,
        .line_count = create->line_count,
        .adjustment_count = create->adjustment_count,
        .state = judgement->state,
        .prefer = create->prefer,
        .rule_bytes = judgement->rule_bytes,
        .reason_bytes = judgement->reason_bytes,
        .rules_number = judgement->rules_number,
    };
    memcpy(placed->text_bytes, create->text_bytes, sizeof placed->text_bytes);
    const struct hold_line *lines = granted->lines;
    const uint16_t *which = granted->order_line;
    for (uint32_t i = 0; i < line_count; i++)
        placed->lines[which[i]] = (struct slice_order_line){
            .sku = lines[i].sku,
            .units = lines[i].units,
            .unit_price = create->lines[which[i]].unit_price,
            .window_s = lines[i].window_s,
            .warehouse = lines[i].warehouse,
            .capped = lines[i].capped,
        };
    char *at = (char *)(placed->lines + line_count);
    memcpy(at, create->lines + line_count, behind);
    if (why_bytes > 0)
        memcpy(at + behind, judgement->texts, why_bytes);
}

/* Free units become reserved ones, or what is paid already committed ones. */
static void add_reserve_slices(struct turn *turn, struct event *event,
                               const struct granted *granted)
{
    enum slice_kind kind =
        granted->judgement->state == ORDER_PAID ? SLICE_STOCK_TAKE : SLICE_STOCK_RESERVE;
    const struct hold_buyer buyer = granted->buyer;
    const struct hold_line *line = granted->lines;
    const uint16_t count = granted->create->line_count;
    struct slice_stock_units *slice = pile_extend(&turn->events, count * (uint32_t)sizeof *slice);
    event->bytes += count * (uint32_t)sizeof *slice;
    event->slice_count = (uint16_t)(event->slice_count + count);
    for (const struct slice_stock_units *end = slice + count; slice < end; slice++, line++)
        *slice = (struct slice_stock_units){
            .head = slice_head(sku_slot(line->sku), kind, sizeof *slice),
            .customer = buyer.customer,
            .channel = line->capped ? buyer.channel : 0,
            .sku = line->sku,
            .units = line->units,
            .window_s = line->window_s,
            .warehouse = line->warehouse,
        };
}

static struct event *emit(struct shard *shard, struct turn *turn, const struct granted *granted,
                          struct text caller, uint64_t id_hash)
{
    struct event *event = shard_event(shard, turn, EVENT_ORDER_PLACED, caller);
    add_order_slice(shard, turn, event, granted, id_hash);
    if (granted->judgement->state != ORDER_REJECTED)
        add_reserve_slices(turn, event, granted);
    return event;
}

/* Its own slice; those of its lines are for whoever has their SKUs. */
static const struct order *apply(struct shard *shard, struct turn *turn, const struct event *event)
{
    struct position position = {0, (uint16_t)turn->event_count++};
    CHECK(order_apply(&shard->orders, position, event, event_slices(event)) == SHARD_TABLE_NONE);
    return order_at(&shard->orders, orders_newest(&shard->orders));
}

static const struct slice_stock_units *event_lines(const struct event *event)
{
    return (const void *)slice_next(event_slices(event));
}

/* ---- quotes ------------------------------------------------------------------------------------ */

static bool is_quote(const struct order_create *create)
{
    return create->head.flags & COMMAND_QUOTE;
}

static void answer_quote(struct shard *shard, struct turn *turn, const struct request *request,
                         const struct granted *granted)
{
    const struct order_create *create = granted->create;
    struct result_quote *quote =
        answer(shard, turn, request, CODE_OK, RESULT_QUOTE,
               sizeof *quote + create->line_count * sizeof quote->lines[0]);
    quote->total = granted->judgement->total;
    quote->currency = create->currency;
    quote->line_count = create->line_count;
    quote->state = granted->judgement->state;
    for (uint32_t i = 0; i < create->line_count; i++) {
        const struct command_line *line = &create->lines[granted->order_line[i]];
        quote->lines[granted->order_line[i]] = (struct result_line){
            .sku = line->sku,
            .units = line->units,
            .unit_price = line->unit_price,
            .warehouse = granted->lines[i].warehouse,
        };
    }
}

/* ---- all SKUs here ----------------------------------------------------------------------------- */

static struct hold_buyer buyer_of(const struct request *request)
{
    const struct order_create *create = (const void *)request->command;
    struct text channel = order_create_text(create, ORDER_CHANNEL);
    return (struct hold_buyer){
        .customer = request->customer_hash != 0
                        ? request->customer_hash
                        : key_hash(order_create_text(create, ORDER_CUSTOMER)),
        .channel = channel.bytes > 0 ? key_hash(channel) : 0,
    };
}

static uint16_t region_of(const struct shard *shard, const struct order_create *create)
{
    struct text region = order_create_text(create, ORDER_REGION);
    return region.bytes > 0 ? (uint16_t)topology_region(&shard->topology, region) : REGIONS_MAX;
}

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
        .digest = digest_of(create),
        .buyer = ask->buyer,
        .judgement = judgement,
    };
    if (is_quote(create)) {
        answer_quote(shard, turn, request, &granted);
        return;
    }
    const struct event *event = emit(shard, turn, &granted, request->caller, id_hash);
    const struct order *order = apply(shard, turn, event);
    const struct slice_stock_units *line = event_lines(event);
    for (uint32_t left = event->slice_count - 1u; left > 0; left--, line++)
        shard_take(shard, line);
    answer_known(shard, turn, request, order, CODE_CREATED);
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void answer_short(struct shard *shard, struct turn *turn, struct origin origin,
                         uint64_t request, enum code code, const struct short_line *lines,
                         uint32_t line_count)
{
    struct result_short *result;
    result = turn_answer(turn, shard->options.shard, origin, request, code,
                         line_count > 0 ? RESULT_SHORT : RESULT_PLAIN,
                         line_count > 0 ? (uint32_t)sizeof *result +
                                              line_count * (uint32_t)sizeof result->lines[0]
                                        : (uint32_t)sizeof(struct result));
    if (line_count == 0)
        return;
    result->line_count = line_count;
    memcpy(result->lines, lines, line_count * sizeof result->lines[0]);
}

static bool prefers_single(const struct order_create *create)
{
    return create->prefer == PREFER_SINGLE_PARCEL && create->line_count > 1;
}

static struct hold_ask ask_of(const struct shard *shard, uint32_t number,
                              const struct flight_part *part)
{
    const struct flight *flight = flight_at(&shard->flights, number);
    return (struct hold_ask){
        .flight = number,
        .at_ns = flight->at_ns,
        .buyer = flight->buyer,
        .region = flight->region,
        .home = shard->options.shard,
        .line_count = part->line_count,
        .ordered = flight->ordered,
        .single = flight->part_count == 1 && flight_places(flight) &&
                  prefers_single(flight_create(flight)),
        .warehouse = flight->warehouse,
        .unlimited = !flight_places(flight),
    };
}

static void arrive(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                   struct hold_line *lines);
static void reply_able(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                       const struct hold_line *lines);
static void ask_all(struct shard *shard, struct turn *turn, uint32_t number);

static void ask_part(struct shard *shard, struct turn *turn, uint32_t number, uint32_t which)
{
    struct flight *flight = flight_at(&shard->flights, number);
    struct flight_part *part = &flight_parts(flight)[which];
    struct hold_ask ask = ask_of(shard, number, part);
    const struct hold_line *lines = flight_lines(flight) + part->first_line;
    part->state = PART_ASKED;
    flight->asked_count++;
    if (part->shard == shard->options.shard) {
        memcpy(shard->asked, lines, part->line_count * sizeof *lines);
        if (flight->asks_able)
            reply_able(shard, turn, &ask, shard->asked);
        else
            arrive(shard, turn, &ask, shard->asked);
        return;
    }
    struct message_hold *hold =
        turn_send(turn, shard->options.shard, part->shard,
                  flight->asks_able ? MESSAGE_ASK_ABLE : MESSAGE_HOLD,
                  (uint32_t)sizeof *hold + part->line_count * (uint32_t)sizeof *lines);
    hold->ask = ask;
    memcpy(hold->lines, lines, part->line_count * sizeof *lines);
}

/* ---- the outcome ------------------------------------------------------------------------------- */

static void unhold_part(struct shard *shard, struct turn *turn, struct flight *flight,
                        struct flight_part *part)
{
    const struct hold_line *lines = flight_lines(flight) + part->first_line;
    part->state = PART_NOT_ASKED;
    if (shard->options.bug[BUG_REFUSED_KEEPS_HOLD])
        return;
    if (part->shard == shard->options.shard) {
        shard_unhold(shard, &flight->buyer, lines, part->line_count);
        return;
    }
    struct message_unhold *unhold =
        turn_send(turn, shard->options.shard, part->shard, MESSAGE_UNHOLD,
                  (uint32_t)sizeof *unhold + part->line_count * (uint32_t)sizeof *lines);
    unhold->buyer = flight->buyer;
    unhold->line_count = part->line_count;
    memcpy(unhold->lines, lines, part->line_count * sizeof *lines);
}

static void unhold_all(struct shard *shard, struct turn *turn, struct flight *flight)
{
    for (uint32_t i = 0; i < flight->part_count; i++)
        if (flight_parts(flight)[i].state == PART_GRANTED)
            unhold_part(shard, turn, flight, &flight_parts(flight)[i]);
}

/* Its room is free for the event that is about to be applied, or for others. */
static void take_room(struct shard *shard, struct flight *flight)
{
    flight->record_bytes = order_record_bytes_max(flight_create(flight));
    flight->record = memory_take(&shard->orders.records, flight->record_bytes);
    CHECK(flight->record != 0);
    shard->orders.admitted++;
}

static void give_back_room(struct shard *shard, const struct flight *flight)
{
    if (flight->record == 0)
        return; /* it places no order */
    memory_give(&shard->orders.records, flight->record, flight->record_bytes);
    shard->orders.admitted--;
}

static void refuse(struct shard *shard, struct turn *turn, uint32_t number, enum code code)
{
    struct flight *flight = flight_at(&shard->flights, number);
    flight->code = code;
    unhold_all(shard, turn, flight);
    give_back_room(shard, flight);
    answer_short(shard, turn, flight->origin, flight_command(flight)->request, code,
                 flight_shorts(flight), flight->short_count);
    flight_over(&shard->flights, number);
}

static void settle_part(struct shard *shard, struct turn *turn, const struct flight_part *part,
                        const struct slice_stock_units *slices)
{
    if (part->shard == shard->options.shard) {
        for (uint32_t i = 0; i < part->line_count; i++)
            shard_settle(shard, &slices[i]);
        return;
    }
    uint32_t bytes = part->line_count * (uint32_t)sizeof *slices;
    struct message_slices *settle = turn_send(turn, shard->options.shard, part->shard,
                                              MESSAGE_SETTLE, (uint32_t)sizeof *settle + bytes);
    settle->slice_count = part->line_count;
    memcpy(settle + 1, slices, bytes);
}

/* Everything is decided again, since the order may have moved on meanwhile: now with the units in
 * hand. What takes them settles them. */
static void hand_over(struct shard *shard, struct turn *turn, uint32_t number)
{
    struct flight *flight = flight_at(&shard->flights, number);
    const uint16_t *which = flight_order_lines(flight);
    struct grant grant = {.lines = shard->granted, .line_count = flight->line_count};
    for (uint32_t i = 0; i < flight->line_count; i++)
        shard->granted[which[i]] = flight_lines(flight)[i];
    const struct request request = {.origin = flight->origin,
                                    .caller = flight_caller(flight),
                                    .command = flight_command(flight)};
    if (request.command->op == OP_RETURN_INSPECT)
        takeback_granted(shard, turn, &request, &grant);
    else
        parcel_granted(shard, turn, &request, &grant);
    if (!grant.taken)
        unhold_all(shard, turn, flight);
    flight->placed = true;
    flight_over(&shard->flights, number);
}

static void place_flight(struct shard *shard, struct turn *turn, uint32_t number)
{
    struct flight *flight = flight_at(&shard->flights, number);
    if (!flight_places(flight)) {
        hand_over(shard, turn, number);
        return;
    }
    const struct order_create *create = flight_create(flight);
    struct granted granted = {
        .create = create,
        .lines = flight_lines(flight),
        .order_line = flight_order_lines(flight),
        .digest = flight->digest,
        .buyer = flight->buyer,
        .judgement = &flight->judgement,
    };
    struct request request = {.origin = flight->origin, .command = &create->head};
    if (is_quote(create)) {
        answer_quote(shard, turn, &request, &granted);
        unhold_all(shard, turn, flight);
        flight_over(&shard->flights, number);
        return;
    }
    const struct event *event = emit(shard, turn, &granted, flight_caller(flight), flight->id_hash);
    give_back_room(shard, flight);
    const struct order *order = apply(shard, turn, event);
    for (uint32_t i = 0; i < flight->part_count; i++)
        settle_part(shard, turn, &flight_parts(flight)[i],
                    event_lines(event) + flight_parts(flight)[i].first_line);
    answer_known(shard, turn, &request, order, CODE_CREATED);
    flight->placed = true;
    flight_over(&shard->flights, number);
}

/* The part at the cursor; or, behind the last one, the end. */
static void go_on_in_order(struct shard *shard, struct turn *turn, uint32_t number)
{
    const struct flight *flight = flight_at(&shard->flights, number);
    bool downwards = shard->options.bug[BUG_UNORDERED_SECOND] && shard->options.shard % 2 == 1;
    if (flight->cursor < flight->part_count)
        ask_part(shard, turn, number,
                 downwards ? flight->part_count - 1 - flight->cursor : flight->cursor);
    else
        place_flight(shard, turn, number);
}

static void begin_in_order(struct shard *shard, struct turn *turn, uint32_t number)
{
    struct flight *flight = flight_at(&shard->flights, number);
    SOMETIMES("place: a second attempt is made in order");
    unhold_all(shard, turn, flight);
    flight->ordered = true;
    go_on_in_order(shard, turn, number);
}

static bool any_part_is(const struct flight *flight, enum part_state state)
{
    for (uint32_t i = 0; i < flight->part_count; i++)
        if (flight_parts(flight)[i].state == state)
            return true;
    return false;
}

/* Everything begins again, but for what is already known of the order. */
static void ask_again(struct shard *shard, struct turn *turn, uint32_t number, uint8_t warehouse)
{
    struct flight *flight = flight_at(&shard->flights, number);
    unhold_all(shard, turn, flight);
    for (uint32_t i = 0; i < flight->part_count; i++)
        flight_parts(flight)[i].state = PART_NOT_ASKED;
    flight->short_count = 0;
    flight->asks_able = false;
    flight->warehouse = warehouse;
    ask_all(shard, turn, number);
}

static bool all_parts_are(const struct flight *flight, enum part_state state)
{
    for (uint32_t i = 0; i < flight->part_count; i++)
        if (flight_parts(flight)[i].state != state)
            return false;
    return true;
}

/* Who takes units for one parcel needs one warehouse, even if it is to be waited for. */
static void conclude_able(struct shard *shard, struct turn *turn, uint32_t number)
{
    const struct flight *flight = flight_at(&shard->flights, number);
    const struct topology *topology = &shard->topology;
    uint8_t warehouse = hold_first_of(topology, flight->region, flight->able);
    if (!flight_places(flight) && warehouse == WAREHOUSE_NONE)
        warehouse = hold_first_of(topology, flight->region, flight->later);
    if (!flight_places(flight) && warehouse == WAREHOUSE_NONE)
        refuse(shard, turn, number, CODE_OUT_OF_STOCK);
    else
        ask_again(shard, turn, number, warehouse);
}

/* All replies of the first attempt are in. Short beats busy; but what one warehouse could not do
 * after all is chosen line by line. */
static void conclude_first(struct shard *shard, struct turn *turn, uint32_t number)
{
    struct flight *flight = flight_at(&shard->flights, number);
    if (flight->asks_able)
        conclude_able(shard, turn, number);
    else if (flight->warehouse != WAREHOUSE_NONE && !all_parts_are(flight, PART_GRANTED) &&
             flight_places(flight) && !shard->options.bug[BUG_PARCEL_ENDS_IT])
        ask_again(shard, turn, number, WAREHOUSE_NONE);
    else if (any_part_is(flight, PART_SHORT))
        refuse(shard, turn, number, (enum code)flight->code);
    else if (any_part_is(flight, PART_BUSY))
        begin_in_order(shard, turn, number);
    else
        place_flight(shard, turn, number);
}

static struct flight_part *replied(const struct flight *flight, uint32_t from)
{
    for (uint32_t i = 0; i < flight->part_count; i++)
        if (flight_parts(flight)[i].shard == from)
            return &flight_parts(flight)[i];
    CHECK(false); /* a reply from a shard that was asked */
    return NULL;
}

static void on_reply(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                     enum part_state state)
{
    struct flight *flight = flight_at(&shard->flights, number);
    struct flight_part *part = replied(flight, from);
    CHECK(part->state == PART_ASKED);
    part->state = (uint8_t)state;
    flight->asked_count--;
    if (!flight->ordered) {
        if (flight->asked_count == 0)
            conclude_first(shard, turn, number);
    } else if (state == PART_GRANTED) {
        flight->cursor++;
        go_on_in_order(shard, turn, number);
    } else {
        refuse(shard, turn, number, state == PART_SHORT ? (enum code)flight->code : CODE_BUSY);
    }
}

static void on_granted(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                       const struct hold_line *lines, uint32_t line_count)
{
    const struct flight *flight = flight_at(&shard->flights, number);
    memcpy(flight_lines(flight) + replied(flight, from)->first_line, lines,
           line_count * sizeof *lines);
    on_reply(shard, turn, number, from, PART_GRANTED);
}

static void on_short(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                     enum code code, const struct short_line *lines, uint32_t line_count)
{
    struct flight *flight = flight_at(&shard->flights, number);
    flight->code = code;
    memcpy(flight_shorts(flight) + flight->short_count, lines, line_count * sizeof *lines);
    flight->short_count += line_count;
    on_reply(shard, turn, number, from, PART_SHORT);
}

void place_granted(struct shard *shard, struct turn *turn, const struct message_granted *granted)
{
    on_granted(shard, turn, (uint32_t)granted->flight, granted->head.from, granted->lines,
               granted->line_count);
}

void place_short(struct shard *shard, struct turn *turn, const struct message_short *refused)
{
    on_short(shard, turn, (uint32_t)refused->flight, refused->head.from, (enum code)refused->code,
             refused->lines, refused->line_count);
}

void place_busy(struct shard *shard, struct turn *turn, const struct message_busy *busy)
{
    on_reply(shard, turn, (uint32_t)busy->flight, busy->head.from, PART_BUSY);
}

static void on_able(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                    uint64_t warehouses, uint64_t later)
{
    flight_at(&shard->flights, number)->able &= warehouses;
    flight_at(&shard->flights, number)->later &= later;
    on_reply(shard, turn, number, from, PART_NOT_ASKED);
}

void place_able(struct shard *shard, struct turn *turn, const struct message_able *able)
{
    on_able(shard, turn, (uint32_t)able->flight, able->head.from, able->warehouses, able->later);
}

/* ---- at the SKUs' shard ------------------------------------------------------------------------ */

static void reply_granted(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                          const struct hold_line *lines)
{
    if (ask->home == shard->options.shard) {
        on_granted(shard, turn, (uint32_t)ask->flight, ask->home, lines, ask->line_count);
        return;
    }
    uint32_t bytes = ask->line_count * (uint32_t)sizeof *lines;
    struct message_granted *granted = turn_send(turn, shard->options.shard, ask->home,
                                                MESSAGE_GRANTED, (uint32_t)sizeof *granted + bytes);
    granted->flight = ask->flight;
    granted->line_count = ask->line_count;
    memcpy(granted->lines, lines, bytes);
}

static void reply_short(struct shard *shard, struct turn *turn, const struct hold_ask *ask)
{
    const struct hold_shorts *shorts = &shard->shorts;
    if (ask->home == shard->options.shard) {
        on_short(shard, turn, (uint32_t)ask->flight, ask->home, shorts->code, shorts->lines,
                 shorts->line_count);
        return;
    }
    uint32_t bytes = shorts->line_count * (uint32_t)sizeof shorts->lines[0];
    struct message_short *refused = turn_send(turn, shard->options.shard, ask->home, MESSAGE_SHORT,
                                              (uint32_t)sizeof *refused + bytes);
    refused->flight = ask->flight;
    refused->code = shorts->code;
    refused->line_count = shorts->line_count;
    memcpy(refused->lines, shorts->lines, bytes);
}

static void reply_busy(struct shard *shard, struct turn *turn, const struct hold_ask *ask)
{
    if (ask->home == shard->options.shard) {
        on_reply(shard, turn, (uint32_t)ask->flight, ask->home, PART_BUSY);
        return;
    }
    struct message_busy *busy =
        turn_send(turn, shard->options.shard, ask->home, MESSAGE_BUSY, (uint32_t)sizeof *busy);
    busy->flight = ask->flight;
}

static void reply_able(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                       const struct hold_line *lines)
{
    uint64_t warehouses = hold_able(&shard->stock, lines, ask->line_count, false);
    uint64_t later = hold_able(&shard->stock, lines, ask->line_count, true);
    if (ask->home == shard->options.shard) {
        on_able(shard, turn, (uint32_t)ask->flight, ask->home, warehouses, later);
        return;
    }
    struct message_able *able =
        turn_send(turn, shard->options.shard, ask->home, MESSAGE_ABLE, (uint32_t)sizeof *able);
    able->flight = ask->flight;
    able->warehouses = warehouses;
    able->later = later;
}

void place_ask_able(struct shard *shard, struct turn *turn, const struct message_hold *hold)
{
    reply_able(shard, turn, &hold->ask, hold->lines);
}

/* What this shard says to an ask; changes nothing. */
static enum hold_outcome look_at(struct shard *shard, const struct hold_ask *ask,
                                 struct hold_line *lines, bool may_pass)
{
    const bool *bug = shard->options.bug;
    enum hold_outcome outcome =
        hold_decide(&shard->stock, &shard->topology, ask, lines, &shard->shorts, bug);
    if (outcome != HOLD_GRANTED || may_pass || bug[BUG_WAITERS_OVERTAKEN])
        return outcome;
    if (shard->waiters.count == 0)
        return outcome;
    if (waiters_want(&shard->waiters, lines, ask->line_count) || bug[BUG_ONE_QUEUE_FOR_ALL])
        return HOLD_BUSY;
    return outcome;
}

static void arrive(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                   struct hold_line *lines)
{
    switch (look_at(shard, ask, lines, false)) {
    case HOLD_GRANTED:
        hold_take(&shard->stock, &ask->buyer, lines, ask->line_count);
        reply_granted(shard, turn, ask, lines);
        return;
    case HOLD_SHORT:
        reply_short(shard, turn, ask);
        return;
    case HOLD_BUSY:
        if (!ask->ordered || !waiters_add(&shard->waiters, ask, lines))
            reply_busy(shard, turn, ask);
    }
}

void place_hold(struct shard *shard, struct turn *turn, const struct message_hold *hold)
{
    memcpy(shard->asked, hold->lines, hold->ask.line_count * sizeof hold->lines[0]);
    arrive(shard, turn, &hold->ask, shard->asked);
}

/* ---- a request --------------------------------------------------------------------------------- */

/* Home's own shard comes first: what it cannot grant need not be asked for elsewhere. The count is
 * held up until all have been asked, so that its answer does not conclude the attempt by itself. */
static void ask_all(struct shard *shard, struct turn *turn, uint32_t number)
{
    struct flight *flight = flight_at(&shard->flights, number);
    struct flight_part *parts = flight_parts(flight);
    bool granted = true;
    flight->asked_count++;
    for (uint32_t i = 0; i < flight->part_count; i++) {
        if (parts[i].shard != shard->options.shard)
            continue;
        ask_part(shard, turn, number, i);
        granted = parts[i].state == PART_GRANTED || flight->asks_able;
    }
    for (uint32_t i = 0; granted && i < flight->part_count; i++)
        if (parts[i].shard != shard->options.shard)
            ask_part(shard, turn, number, i);
    if (--flight->asked_count == 0)
        conclude_first(shard, turn, number);
}

static void begin(struct shard *shard, struct turn *turn, const struct request *request,
                  const struct judgement *judgement, uint64_t id_hash, bool ordered)
{
    const struct order_create *create = (const void *)request->command;
    uint32_t number = flight_begin(&shard->flights, &shard->plan, request, id_hash);
    if (number == 0) {
        answer_plain(shard, turn, request, CODE_BUSY);
        return;
    }
    struct flight *flight = flight_at(&shard->flights, number);
    flight->digest = digest_of(create);
    flight->at_ns = turn->now_ns;
    flight->buyer = buyer_of(request);
    flight->region = region_of(shard, create);
    flight->judgement = *judgement;
    flight->ordered = ordered;
    flight->warehouse = WAREHOUSE_NONE;
    flight->asks_able = !ordered && flight->part_count > 1 && prefers_single(create);
    flight->able = UINT64_MAX;
    if (!is_quote(create))
        take_room(shard, flight);
    if (ordered) {
        go_on_in_order(shard, turn, number);
        return;
    }
    ask_all(shard, turn, number);
}

/* WAREHOUSE_NONE: there are several. */
static uint8_t only_one(uint64_t warehouses)
{
    bool one = (warehouses & (warehouses - 1)) == 0;
    return one ? (uint8_t)__builtin_ctzll(warehouses) : WAREHOUSE_NONE;
}

void place_take(struct shard *shard, struct turn *turn, const struct request *request,
                const struct take *take)
{
    uint32_t known =
        flight_find_same(&shard->flights, take->owner, request->command->op, take->digest);
    if (known != 0) {
        if (!flight_queue(&shard->flights, known, request, take->digest))
            answer_plain(shard, turn, request, CODE_BUSY);
        return;
    }
    make_plan(shard, shard->wanted, take->line_count, &shard->plan);
    uint32_t number = flight_begin(&shard->flights, &shard->plan, request, take->owner);
    if (number == 0) {
        answer_plain(shard, turn, request, CODE_BUSY);
        return;
    }
    struct flight *flight = flight_at(&shard->flights, number);
    flight->digest = take->digest;
    flight->at_ns = turn->now_ns;
    flight->region = take->region;
    flight->warehouse = only_one(take->warehouses);
    flight->asks_able = flight->warehouse == WAREHOUSE_NONE;
    flight->able = flight->later = take->warehouses;
    ask_all(shard, turn, number);
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
    if (!is_quote(create) &&
        !orders_have_room(&shard->orders, order_record_bytes_max(create), request->caller)) {
        SOMETIMES("place: there is no room for one more order");
        answer_plain(shard, turn, request, CODE_FULL);
        return;
    }
    struct judgement judgement;
    judge(shard, create, &judgement);
    make_plan(shard, create->lines, create->line_count, plan);
    struct hold_ask ask = {
        .at_ns = turn->now_ns,
        .buyer = buyer_of(request),
        .region = region_of(shard, create),
        .line_count = plan->line_count,
        .single = prefers_single(create),
        .warehouse = WAREHOUSE_NONE,
    };
    bool rejected = judgement.state == ORDER_REJECTED;
    if (!rejected && (plan->part_count > 1 || plan->parts[0].shard != shard->options.shard)) {
        begin(shard, turn, request, &judgement, id_hash, false);
        return;
    }
    switch (rejected ? take_nothing(plan) : look_at(shard, &ask, plan->lines, false)) {
    case HOLD_GRANTED:
        place_at_once(shard, turn, request, &judgement, &ask, id_hash);
        return;
    case HOLD_SHORT:
        answer_short(shard, turn, request->origin, request->command->request, shard->shorts.code,
                     shard->shorts.lines, shard->shorts.line_count);
        return;
    case HOLD_BUSY:
        begin(shard, turn, request, &judgement, id_hash, true);
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
        if (order->digest == digest_of(create) || bug[BUG_OTHER_BODY_REPLAYED])
            answer_known(shard, turn, request, order, CODE_REPLAYED);
        else
            answer_plain(shard, turn, request, CODE_KEY_REUSED);
        return true;
    }
    uint32_t flight = bug[BUG_PROGRESS_NOT_AWAITED] ? 0 : flight_find(&shard->flights, id, id_hash);
    if (flight != 0 && !flight_queue(&shard->flights, flight, request, digest_of(create)))
        answer_plain(shard, turn, request, CODE_BUSY);
    return flight != 0;
}

void place_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct order_create *create = (const void *)request->command;
    uint64_t id_hash = request->order_hash != 0 ? request->order_hash
                                                : key_hash(order_create_text(create, ORDER_ID));
    if (!is_quote(create)) {
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
        answer_short(shard, turn, queued->origin, request.command->request, (enum code)flight->code,
                     flight_shorts(flight), flight->short_count);
    else if (request.command->op == OP_ORDER_CREATE)
        place_request(shard, turn, &request);
    else if (request.command->op == OP_RETURN_INSPECT)
        takeback_request(shard, turn, &request);
    else
        parcel_request(shard, turn, &request);
    flights_queued_done(&shard->flights);
}

/* Grants or refuses what somebody waits for, if that can be said by now. */
static void look_at_waiter(struct shard *shard, struct turn *turn, uint32_t number)
{
    const struct waiter *waiter = waiters_at(&shard->waiters, number);
    struct hold_ask ask = waiter->ask;
    memcpy(shard->asked, waiter_lines(waiter), ask.line_count * sizeof shard->asked[0]);
    enum hold_outcome outcome = look_at(shard, &ask, shard->asked, true);
    bool is_next =
        waiters_is_next(&shard->waiters, number) || shard->options.bug[BUG_WAITERS_OUT_OF_TURN];
    if (outcome == HOLD_BUSY || (outcome == HOLD_GRANTED && !is_next)) {
        SOMETIMES("place: somebody has to go on waiting");
        return;
    }
    waiters_remove(&shard->waiters, number);
    if (outcome == HOLD_SHORT) {
        SOMETIMES("place: who has waited is refused");
        reply_short(shard, turn, &ask);
        return;
    }
    SOMETIMES("place: who has waited is granted");
    hold_take(&shard->stock, &ask.buyer, shard->asked, ask.line_count);
    reply_granted(shard, turn, &ask, shard->asked);
}

/* Looks at those who wait for the SKU that has changed first, in order of arrival. */
static void look_at_waiters(struct shard *shard, struct turn *turn)
{
    const struct waiters *waiters = &shard->waiters;
    uint32_t sku = waiters_take_changed(&shard->waiters);
    for (uint32_t at = waiters_first(waiters, sku), next; at != 0; at = next) {
        if (!turn_has_room(turn)) {
            waiters_changed(&shard->waiters, sku);
            return;
        }
        next = waiters_place(waiters, at)->next;
        look_at_waiter(shard, turn, waiters_place(waiters, at)->waiter);
    }
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
            look_at_waiters(shard, turn);
    }
}
