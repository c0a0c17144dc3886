#include "core/transport.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"

static void answer_transfer(const struct shard *shard, struct turn *turn,
                            const struct request *request, const struct transfer *transfer,
                            enum code code)
{
    struct result_transfer *result =
        answer(shard, turn, request, code, RESULT_TRANSFER, sizeof *result + transfer->id_bytes);
    result->units = transfer->units;
    result->ok = transfer->ok;
    result->damaged = transfer->damaged;
    result->lost = transfer->lost;
    result->shipped_ns = transfer->shipped_ns;
    result->over_ns = transfer->over_ns;
    result->sku = transfer->sku;
    result->from = transfer->from;
    result->to = transfer->to;
    result->id_bytes = transfer->id_bytes;
    memcpy(result + 1, transfer->id, transfer->id_bytes);
}

static struct slice_stock_change *add_change(struct turn *turn, struct event *event, uint32_t sku,
                                             uint32_t warehouse)
{
    struct slice_stock_change *change =
        event_add(turn, event, sku_slot(sku), SLICE_STOCK_CHANGE, sizeof *change);
    change->sku = sku;
    change->warehouse = (uint8_t)warehouse;
    return change;
}

/* ---- ship -------------------------------------------------------------------------------------- */

struct shipping {
    const struct transfer_ship *ship;
    const struct stock_sku *sku;
    struct text id;
    uint32_t from;
    uint32_t to;
    uint64_t digest;
};

static struct shipping shipping_of(const struct shard *shard, const struct transfer_ship *ship)
{
    const char *texts = (const char *)(ship + 1);
    struct text from = {texts, ship->from_bytes};
    struct text to = {from.at + from.bytes, ship->to_bytes};
    return (struct shipping){
        .ship = ship,
        .sku = stock_sku(&shard->stock, ship->sku),
        .id = {to.at + to.bytes, ship->id_bytes},
        .from = topology_find(&shard->topology, from),
        .to = topology_find(&shard->topology, to),
        .digest = digest(&ship->units, ship->head.bytes - offsetof(struct transfer_ship, units),
                         OP_TRANSFER_SHIP),
    };
}

/* Free units may be held for the moment: then it is worth another try. */
static enum code ship_refusal(const struct shard *shard, const struct turn *turn,
                              const struct shipping *s)
{
    if (is_too_old(shard, turn, s->ship->issued_at_ns))
        return CODE_EXPIRED_REQUEST;
    if (s->from == WAREHOUSES_MAX || s->to == WAREHOUSES_MAX)
        return CODE_UNKNOWN_WAREHOUSE;
    const struct stock_cell *cell = stock_cell(&shard->stock, s->sku, s->from);
    if (cell == NULL || cell->free + cell->held < s->ship->units)
        return CODE_OUT_OF_STOCK;
    if (cell->free < s->ship->units)
        return CODE_BUSY;
    return transfers_have_room(&shard->stock.transfers) &&
                   stock_has_cell_room(&shard->stock, s->sku, s->to)
               ? CODE_OK
               : CODE_FULL;
}

static void emit_shipped(struct shard *shard, struct turn *turn, const struct request *request,
                         const struct shipping *s)
{
    struct event *event = shard_event(shard, turn, EVENT_TRANSFER_SHIPPED, request->caller);
    struct slice_transfer_shipped *slice =
        event_add(turn, event, sku_slot(s->sku->sku), SLICE_TRANSFER_SHIPPED,
                  (uint32_t)sizeof *slice + s->id.bytes);
    slice->digest = s->digest;
    slice->at_ns = turn->now_ns;
    slice->units = s->ship->units;
    slice->sku = s->sku->sku;
    slice->from = (uint8_t)s->from;
    slice->to = (uint8_t)s->to;
    slice->id_bytes = (uint8_t)s->id.bytes;
    text_put((char *)(slice + 1), s->id);
    add_change(turn, event, s->sku->sku, s->from)->free = -(int64_t)s->ship->units;
    struct slice_stock_change *coming = add_change(turn, event, s->sku->sku, s->to);
    coming->in_transfer = (int64_t)s->ship->units;
    coming->stays = 1;
    shard_apply(shard, turn, event);
}

static void ship(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct shipping s = shipping_of(shard, (const void *)request->command);
    if (s.sku == NULL) {
        answer_plain(shard, turn, request, CODE_UNKNOWN_SKU);
        return;
    }
    const struct transfer *known = transfer_find(&shard->stock.transfers, s.sku->sku, s.id);
    if (known != NULL) {
        if (known->digest == s.digest || shard->options.bug[BUG_OTHER_BODY_REPLAYED])
            answer_transfer(shard, turn, request, known, CODE_REPLAYED);
        else
            answer_plain(shard, turn, request, CODE_KEY_REUSED);
        return;
    }
    enum code refused = ship_refusal(shard, turn, &s);
    if (refused != CODE_OK) {
        answer_plain(shard, turn, request, refused);
        return;
    }
    emit_shipped(shard, turn, request, &s);
    answer_transfer(shard, turn, request, transfer_find(&shard->stock.transfers, s.sku->sku, s.id),
                    CODE_CREATED);
}

/* ---- receive ----------------------------------------------------------------------------------- */

struct receiving {
    const struct transfer_receive *receive;
    struct text id;
    struct slice_retry retry;
    const struct transfer *transfer;
};

/* Without a key, the transfer's id stands for one: then it is received once. */
static struct receiving receiving_of(const struct shard *shard, const struct turn *turn,
                                     const struct request *request)
{
    const struct transfer_receive *receive = (const void *)request->command;
    struct text id = {(const char *)(receive + 1), receive->id_bytes};
    struct text key = {id.at + id.bytes, receive->key_bytes};
    return (struct receiving){
        .receive = receive,
        .id = id,
        .retry = {.key = retry_key(request->caller, key.bytes > 0 ? key : id),
                  .digest = digest(&receive->ok,
                                   receive->head.bytes - offsetof(struct transfer_receive, ok),
                                   OP_TRANSFER_RECEIVE),
                  .at_ns = turn->now_ns,
                  .owner = receive->sku,
                  .code = CODE_OK},
        .transfer = transfer_find(&shard->stock.transfers, receive->sku, id),
    };
}

static void emit_received(struct shard *shard, struct turn *turn, const struct request *request,
                          const struct receiving *r)
{
    const struct transfer_receive *receive = r->receive;
    uint32_t slot = sku_slot(receive->sku);
    struct event *event = shard_event(shard, turn, EVENT_TRANSFER_RECEIVED, request->caller);
    struct slice_transfer_received *slice = event_add(turn, event, slot, SLICE_TRANSFER_RECEIVED,
                                                      (uint32_t)sizeof *slice + r->id.bytes);
    slice->at_ns = turn->now_ns;
    slice->ok = receive->ok;
    slice->damaged = receive->damaged;
    slice->lost = receive->lost;
    slice->sku = receive->sku;
    slice->id_bytes = (uint8_t)r->id.bytes;
    text_put((char *)(slice + 1), r->id);
    struct slice_stock_change *change = add_change(turn, event, receive->sku, r->transfer->to);
    change->free = (int64_t)receive->ok;
    change->quarantined = (int64_t)receive->damaged;
    change->written_off = (int64_t)receive->lost;
    change->in_transfer = -(int64_t)(receive->ok + receive->damaged + receive->lost);
    change->stays = receive->ok + receive->damaged == 0;
    struct slice_retry *retry = event_add(turn, event, slot, SLICE_RETRY, sizeof *retry);
    struct slice head = retry->head;
    *retry = r->retry;
    retry->head = head;
    shard_apply(shard, turn, event);
}

static enum code receive_refusal(const struct shard *shard, const struct turn *turn,
                                 const struct receiving *r)
{
    const struct transfer_receive *receive = r->receive;
    if (is_too_old(shard, turn, receive->issued_at_ns))
        return CODE_EXPIRED_REQUEST;
    if (r->transfer->over_ns != 0)
        return CODE_ILLEGAL;
    if (receive->ok + receive->damaged + receive->lost > transfer_on_its_way(r->transfer))
        return CODE_INVALID;
    return retries_have_room(&shard->retries) ? CODE_OK : CODE_FULL;
}

static void refuse_receive(struct shard *shard, struct turn *turn, const struct request *request,
                           const struct receiving *r, enum code code)
{
    if (code == CODE_ILLEGAL)
        answer_transfer(shard, turn, request, r->transfer, code);
    else if (code == CODE_INVALID)
        answer_fault(shard, turn, request, code, "ok", 0);
    else
        answer_plain(shard, turn, request, code);
}

static void receive(struct shard *shard, struct turn *turn, const struct request *request)
{
    struct receiving r = receiving_of(shard, turn, request);
    if (r.transfer == NULL) {
        answer_plain(shard, turn, request, CODE_NOT_FOUND);
        return;
    }
    const struct retry *known = retry_find(&shard->retries, r.retry.owner, r.retry.key);
    if (known != NULL && !shard->options.bug[BUG_TRANSFER_DOUBLED]) {
        if (known->digest == r.retry.digest || shard->options.bug[BUG_OTHER_BODY_REPLAYED])
            answer_transfer(shard, turn, request, r.transfer, CODE_REPLAYED);
        else
            answer_plain(shard, turn, request, CODE_KEY_REUSED);
        return;
    }
    enum code refused = receive_refusal(shard, turn, &r);
    if (refused != CODE_OK) {
        refuse_receive(shard, turn, request, &r, refused);
        return;
    }
    emit_received(shard, turn, request, &r);
    answer_transfer(shard, turn, request, r.transfer, CODE_OK);
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static void get(const struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct transfer_get *get = (const void *)request->command;
    struct text id = {(const char *)(get + 1), get->id_bytes};
    const struct transfer *transfer = transfer_find(&shard->stock.transfers, get->sku, id);
    if (transfer != NULL)
        answer_transfer(shard, turn, request, transfer, CODE_OK);
    else
        answer_plain(shard, turn, request, CODE_NOT_FOUND);
}

void transport_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    switch (request->command->op) {
    case OP_TRANSFER_SHIP:
        ship(shard, turn, request);
        break;
    case OP_TRANSFER_RECEIVE:
        receive(shard, turn, request);
        break;
    default:
        CHECK(request->command->op == OP_TRANSFER_GET);
        get(shard, turn, request);
    }
}

/* A retry of the last receipt is answered with the transfer: it stays as long as that key, and a
 * little longer. */
uint64_t transport_forget_ns(const struct shard *shard)
{
    const struct transfer *oldest = transfers_oldest(&shard->stock.transfers);
    const uint64_t minute_ns = UINT64_C(60) * 1000000000;
    return oldest != NULL ? oldest->over_ns + shard->options.retry_window_ns + minute_ns
                          : UINT64_MAX;
}

void transport_forget(struct shard *shard, struct turn *turn)
{
    const struct transfer *oldest = transfers_oldest(&shard->stock.transfers);
    struct event *event = shard_event(shard, turn, EVENT_TRANSFER_FORGOTTEN, (struct text){"", 0});
    struct slice_transfer_forgotten *slice =
        event_add(turn, event, sku_slot(oldest->sku), SLICE_TRANSFER_FORGOTTEN,
                  (uint32_t)sizeof *slice + oldest->id_bytes);
    slice->sku = oldest->sku;
    slice->id_bytes = oldest->id_bytes;
    text_put((char *)(slice + 1), transfer_id(oldest));
    shard_apply(shard, turn, event);
}
