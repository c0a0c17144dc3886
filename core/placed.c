#include "core/placed.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"

/* ---- the event --------------------------------------------------------------------------------- */

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

static void put_lines(struct slice_order_placed *placed, const struct granted *granted)
{
    const struct command_line *asked = granted->create->lines;
    const struct hold_line *line = granted->lines;
    const uint16_t *which = granted->order_line;
    for (uint32_t left = placed->line_count; left > 0; left--, line++, which++)
        placed->lines[*which] = (struct slice_order_line){
            .sku = line->sku,
            .units = line->units,
            .unit_price = asked[*which].unit_price,
            .window_s = line->window_s,
            .warehouse = line->warehouse,
            .capped = line->capped,
        };
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
    placed = event_extend(turn, event, bytes); /* every field of it follows */
    placed->head = slice_head(hash_slot(id_hash), SLICE_ORDER_PLACED, bytes);
    placed->digest = granted->digest;
    placed->id_hash = id_hash;
    placed->customer_hash = granted->buyer.customer;
    placed->deadline_ns = deadline_of(shard, turn, granted);
    placed->pay_by_ns = create->pay_by_ns;
    placed->total = judgement->total;
    placed->currency = create->currency;
    placed->line_count = create->line_count;
    placed->adjustment_count = create->adjustment_count;
    placed->state = judgement->state;
    placed->prefer = create->prefer;
    placed->rule_bytes = judgement->rule_bytes;
    placed->reason_bytes = judgement->reason_bytes;
    placed->rules_number = judgement->rules_number;
    placed->zero = 0;
    memcpy(placed->text_bytes, create->text_bytes, sizeof placed->text_bytes);
    put_lines(placed, granted);
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

const struct event *placed_emit(struct shard *shard, struct turn *turn,
                                const struct granted *granted, struct text caller, uint64_t id_hash)
{
    struct event *event = shard_event(shard, turn, EVENT_ORDER_PLACED, caller);
    add_order_slice(shard, turn, event, granted, id_hash);
    if (granted->judgement->state != ORDER_REJECTED)
        add_reserve_slices(turn, event, granted);
    return event;
}

const struct order *placed_apply(struct shard *shard, struct turn *turn, const struct event *event)
{
    struct position position = {0, (uint16_t)turn->event_count++};
    CHECK(order_apply(&shard->orders, position, event, event_slices(event)) == SHARD_TABLE_NONE);
    return order_at(&shard->orders, orders_newest(&shard->orders));
}

const struct slice_stock_units *placed_lines(const struct event *event)
{
    return (const void *)slice_next(event_slices(event));
}

/* ---- the answer -------------------------------------------------------------------------------- */

uint64_t placed_digest(const struct order_create *create)
{
    const char *from = (const char *)&create->pay_by_ns;
    const char *end = (const char *)create + create->head.bytes;
    return digest(from, (size_t)(end - from), OP_ORDER_CREATE);
}

inline void placed_answer(struct shard *shard, struct turn *turn, const struct request *request,
                          const struct order *order, int64_t total, enum code code)
{
    const struct command *command = request->command;
    if (command->flags & COMMAND_WANT_RECORD)
        order_answer(&shard->orders, order, turn, shard->options.shard, request->origin,
                     command->request, code);
    else
        order_answer_placed(order, total, turn, shard->options.shard, request->origin,
                            command->request, code);
}

void placed_quote(struct shard *shard, struct turn *turn, const struct request *request,
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
