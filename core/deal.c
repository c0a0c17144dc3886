#include "core/deal.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"

void deal_open(struct deal *deal, struct shard *shard, struct turn *turn,
               const struct request *request)
{
    const struct order_scans *scans = (const void *)request->command;
    bool scanned = request->command->op == OP_SHIPMENT_SCAN;
    deal->shard = shard;
    deal->turn = turn;
    deal->request = request;
    deal->parcel = (const void *)request->command;
    deal->shipment = NULL;
    deal->step_count = 0;
    deal->grant = NULL;
    deal->taken_count = 0;
    deal->order_id = scanned ? order_scans_text(scans, 0) : deal_said(deal, PARCEL_ORDER);
    deal->id = scanned ? order_scans_text(scans, 1) : deal_said(deal, PARCEL_ID);
    deal->cause = (struct cause){.by = request->caller, .reason = deal_said(deal, PARCEL_REASON)};
    memset(deal->why, 0, sizeof deal->why);
    memcpy(deal->why, "return ", 7);
    memcpy(deal->why + 7, deal->id.at, deal->id.bytes);
}

bool deal_find_order(struct deal *deal)
{
    const struct orders *orders = &deal->shard->orders;
    uint32_t record = order_find_whole(orders, deal->order_id, key_hash(deal->order_id));
    if (record == 0) {
        deal_refuse(deal, CODE_NOT_FOUND);
        return false;
    }
    deal->order = order_at(orders, record);
    return true;
}

struct text deal_said(const struct deal *deal, enum parcel_text which)
{
    if (deal->request->command->op == OP_SHIPMENT_SCAN)
        return (struct text){"", 0};
    return order_parcel_text(deal->parcel, which);
}

uint64_t deal_digest(const struct deal *deal)
{
    const char *from = (const char *)&deal->parcel->eta_ns;
    const char *end = (const char *)deal->parcel + deal->parcel->head.bytes;
    return digest(from, (size_t)(end - from), deal->parcel->head.op);
}

uint32_t deal_slot(const struct deal *deal)
{
    return hash_slot(key_hash(deal->order_id));
}

void deal_refuse(const struct deal *deal, enum code code)
{
    answer_plain(deal->shard, deal->turn, deal->request, code);
}

void deal_refuse_field(const struct deal *deal, enum code code, const char *field, uint32_t line)
{
    answer_fault(deal->shard, deal->turn, deal->request, code, field, line);
}

enum move_seen deal_seen(struct deal *deal)
{
    struct text key = deal_said(deal, PARCEL_KEY);
    if (key.bytes == 0)
        return MOVE_NEW;
    deal->retry = move_retry(deal->turn, deal->request, deal->order_id, key, deal_digest(deal));
    deal->cause.retry = &deal->retry;
    enum move_seen seen = move_seen(deal->shard, &deal->retry);
    if (seen == MOVE_SEEN_OTHERWISE)
        deal_refuse(deal, CODE_KEY_REUSED);
    return seen;
}

bool deal_is_too_old(const struct deal *deal)
{
    bool too_old = is_too_old(deal->shard, deal->turn, deal->parcel->issued_at_ns);
    if (too_old)
        deal_refuse(deal, CODE_EXPIRED_REQUEST);
    return too_old;
}

bool deal_has_room(const struct deal *deal, bool ends, uint64_t bytes)
{
    struct shard *shard = deal->shard;
    bool over = ends || order_state_is_terminal((enum order_state)deal->order->state);
    bytes += ledger_room(&deal->ledger) + order_more_room(deal->order);
    if (!ledger_refunds_fit(&deal->ledger, over ? REFUNDS_MAX : REFUNDS_MAX - PAYMENTS_MAX)) {
        deal_refuse_field(deal, CODE_LIMIT, "refunds", 0);
        return false;
    }
    bool fits = (deal->cause.retry == NULL || retries_have_room(&shard->retries)) &&
                orders_have_bytes(&shard->orders, bytes) &&
                orders_know_caller(&shard->orders, deal->request->caller);
    if (!fits)
        deal_refuse(deal, CODE_FULL);
    return fits;
}
