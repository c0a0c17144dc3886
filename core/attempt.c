#include "core/attempt.h"

#include <string.h>

#include "core/answer.h"
#include "core/grant.h"
#include "core/parcel.h"
#include "core/placed.h"
#include "core/plan.h"
#include "core/sometimes.h"
#include "core/takeback.h"

/* ---- who asks ---------------------------------------------------------------------------------- */

struct hold_buyer attempt_buyer(const struct request *request)
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

uint16_t attempt_region(const struct shard *shard, const struct order_create *create)
{
    struct text region = order_create_text(create, ORDER_REGION);
    return region.bytes > 0 ? (uint16_t)topology_region(&shard->topology, region) : REGIONS_MAX;
}

bool attempt_single(const struct order_create *create)
{
    return create->prefer == PREFER_SINGLE_PARCEL && create->line_count > 1;
}

/* ---- asking ------------------------------------------------------------------------------------ */

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
                  attempt_single(flight_create(flight)),
        .warehouse = flight->warehouse,
        .unlimited = !flight_places(flight),
    };
}

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
            grant_able(shard, turn, &ask, shard->asked);
        else
            grant_ask(shard, turn, &ask, shard->asked);
        return;
    }
    struct message_hold *hold =
        turn_send(turn, shard->options.shard, part->shard,
                  flight->asks_able ? MESSAGE_ASK_ABLE : MESSAGE_HOLD,
                  (uint32_t)sizeof *hold + part->line_count * (uint32_t)sizeof *lines);
    hold->ask = ask;
    memcpy(hold->lines, lines, part->line_count * sizeof *lines);
}

static void conclude_first(struct shard *shard, struct turn *turn, uint32_t number);

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

/* ---- the outcome ------------------------------------------------------------------------------- */

void attempt_refuse(struct shard *shard, struct turn *turn, struct origin origin, uint64_t request,
                    enum code code, const struct short_line *lines, uint32_t line_count)
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
    attempt_refuse(shard, turn, flight->origin, flight_command(flight)->request, code,
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
    if (placed_is_quote(create)) {
        placed_quote(shard, turn, &request, &granted);
        unhold_all(shard, turn, flight);
        flight_over(&shard->flights, number);
        return;
    }
    const struct event *event =
        placed_emit(shard, turn, &granted, flight_caller(flight), flight->id_hash);
    give_back_room(shard, flight);
    const struct order *order = placed_apply(shard, turn, event);
    for (uint32_t i = 0; i < flight->part_count; i++)
        settle_part(shard, turn, &flight_parts(flight)[i],
                    placed_lines(event) + flight_parts(flight)[i].first_line);
    placed_answer(shard, turn, &request, order, granted.judgement->total, CODE_CREATED);
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

void attempt_granted(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                     const struct hold_line *lines, uint32_t line_count)
{
    const struct flight *flight = flight_at(&shard->flights, number);
    memcpy(flight_lines(flight) + replied(flight, from)->first_line, lines,
           line_count * sizeof *lines);
    on_reply(shard, turn, number, from, PART_GRANTED);
}

void attempt_short(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                   enum code code, const struct short_line *lines, uint32_t line_count)
{
    struct flight *flight = flight_at(&shard->flights, number);
    flight->code = code;
    memcpy(flight_shorts(flight) + flight->short_count, lines, line_count * sizeof *lines);
    flight->short_count += line_count;
    on_reply(shard, turn, number, from, PART_SHORT);
}

void attempt_busy(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from)
{
    on_reply(shard, turn, number, from, PART_BUSY);
}

void attempt_able(struct shard *shard, struct turn *turn, uint32_t number, uint32_t from,
                  uint64_t warehouses, uint64_t later)
{
    flight_at(&shard->flights, number)->able &= warehouses;
    flight_at(&shard->flights, number)->later &= later;
    on_reply(shard, turn, number, from, PART_NOT_ASKED);
}

void attempt_message(struct shard *shard, struct turn *turn, const struct message *message)
{
    const void *fields = message;
    if (message->kind == MESSAGE_GRANTED) {
        const struct message_granted *granted = fields;
        attempt_granted(shard, turn, (uint32_t)granted->flight, message->from, granted->lines,
                        granted->line_count);
    } else if (message->kind == MESSAGE_SHORT) {
        const struct message_short *refused = fields;
        attempt_short(shard, turn, (uint32_t)refused->flight, message->from,
                      (enum code)refused->code, refused->lines, refused->line_count);
    } else if (message->kind == MESSAGE_BUSY) {
        const struct message_busy *busy = fields;
        attempt_busy(shard, turn, (uint32_t)busy->flight, message->from);
    } else {
        const struct message_able *able = fields;
        CHECK(message->kind == MESSAGE_ABLE);
        attempt_able(shard, turn, (uint32_t)able->flight, message->from, able->warehouses,
                     able->later);
    }
}

/* ---- beginning --------------------------------------------------------------------------------- */

void attempt_begin(struct shard *shard, struct turn *turn, const struct request *request,
                   const struct judgement *judgement, uint64_t id_hash, bool ordered)
{
    const struct order_create *create = (const void *)request->command;
    uint32_t number = flight_begin(&shard->flights, &shard->plan, request, id_hash);
    if (number == 0) {
        answer_plain(shard, turn, request, CODE_BUSY);
        return;
    }
    struct flight *flight = flight_at(&shard->flights, number);
    flight->digest = placed_digest(create);
    flight->at_ns = turn->now_ns;
    flight->buyer = attempt_buyer(request);
    flight->region = attempt_region(shard, create);
    flight->judgement = *judgement;
    flight->ordered = ordered;
    flight->warehouse = WAREHOUSE_NONE;
    flight->asks_able = !ordered && flight->part_count > 1 && attempt_single(create);
    flight->able = UINT64_MAX;
    if (!placed_is_quote(create))
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

void attempt_take(struct shard *shard, struct turn *turn, const struct request *request,
                  const struct take *take)
{
    uint32_t known =
        flight_find_same(&shard->flights, take->owner, request->command->op, take->digest);
    if (known != 0) {
        if (!flight_queue(&shard->flights, known, request, take->digest))
            answer_plain(shard, turn, request, CODE_BUSY);
        return;
    }
    plan_make(shard, shard->wanted, take->line_count, &shard->plan);
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
