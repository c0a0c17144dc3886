#include "core/scan.h"

#include <string.h>

#include "core/answer.h"
#include "core/carry.h"
#include "core/parcel.h"

static const struct order_scans *scans_of(const struct deal *deal)
{
    return (const void *)deal->request->command;
}

static struct text scan_code(const struct deal *deal, uint32_t which)
{
    return order_scans_text(scans_of(deal), 2 + 2 * which);
}

static struct text scan_place(const struct deal *deal, uint32_t which)
{
    return order_scans_text(scans_of(deal), 3 + 2 * which);
}

/* 0: a scan of this code moves nothing. */
static enum shipment_move move_of_code(struct text code)
{
    static const enum shipment_move moves[] = {SHIPMENT_CARRY, SHIPMENT_DELAY, SHIPMENT_DELIVER,
                                               SHIPMENT_LOSE, SHIPMENT_SEND_BACK};
    static const char *const codes[] = {"in_transit", "delayed", "delivered", "lost",
                                        "returned_to_sender"};
    for (uint32_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (code.bytes == strlen(codes[i]) && memcmp(code.at, codes[i], code.bytes) == 0)
            return moves[i];
    return (enum shipment_move)0;
}

static bool is_known(const struct deal *deal, uint32_t which)
{
    const struct order_scans *scans = scans_of(deal);
    struct text code = scan_code(deal, which);
    if (shipment_has_scan(&deal->shard->orders, deal->shipment, code, scans->scans[which].at_ns))
        return true;
    for (uint32_t i = 0; i < which; i++) {
        struct text other = scan_code(deal, i);
        if (scans->scans[i].at_ns == scans->scans[which].at_ns && text_equals(other, code))
            return true;
    }
    return false;
}

void scan_add(const struct deal *deal, struct event *event, const bool *is_new)
{
    const struct order_scans *scans = scans_of(deal);
    uint32_t count = 0;
    uint32_t text_bytes = 0;
    for (uint32_t i = 0; i < scans->scan_count; i++)
        if (is_new[i]) {
            count++;
            text_bytes += (uint32_t)scans->scans[i].code_bytes + scans->scans[i].place_bytes;
        }
    struct slice_shipment_scanned *slice;
    slice = event_add(deal->turn, event, deal_slot(deal), SLICE_SHIPMENT_SCANNED,
                      (uint32_t)sizeof *slice + count * (uint32_t)sizeof slice->scans[0] +
                          deal->order_id.bytes + deal->id.bytes + text_bytes);
    slice->scan_count = (uint16_t)count;
    slice->text_bytes = (uint16_t)text_bytes;
    slice->order_bytes = (uint8_t)deal->order_id.bytes;
    slice->shipment_bytes = (uint8_t)deal->id.bytes;
    char *at = text_put((char *)(slice->scans + count), deal->order_id);
    at = text_put(at, deal->id);
    for (uint32_t i = 0, to = 0; i < scans->scan_count; i++)
        if (is_new[i]) {
            slice->scans[to++] = scans->scans[i];
            at = text_put(text_put(at, scan_code(deal, i)), scan_place(deal, i));
        }
}

/* Each scan moves the shipment on from where the scans before it have brought it, if it can. */
static void follow_scans(struct deal *deal, const bool *is_new)
{
    enum shipment_state state = (enum shipment_state)deal->shipment->state;
    for (uint32_t i = 0; i < scans_of(deal)->scan_count; i++) {
        const struct shipment_step *step = shipment_step(state, move_of_code(scan_code(deal, i)));
        if (!is_new[i] || step == NULL || deal->step_count == STEPS_MAX)
            continue;
        deal->steps[deal->step_count++] = step;
        state = step->to;
    }
}

void scan_bring(struct deal *deal, uint32_t record)
{
    const struct order_scans *scans = scans_of(deal);
    bool is_new[SCANS_MAX];
    uint32_t count = 0;
    uint64_t bytes = 0;
    deal->shipment = shipment_at(&deal->shard->orders, record);
    for (uint32_t i = 0; i < scans->scan_count; i++) {
        is_new[i] = !is_known(deal, i);
        count += is_new[i];
        bytes += is_new[i] ? scan_room(scan_code(deal, i), scan_place(deal, i)) : 0;
    }
    if (count > 0) {
        if (deal->shipment->scan_count + count > SCANS_MAX) {
            deal_refuse_field(deal, CODE_LIMIT, "scans", 0);
            return;
        }
        follow_scans(deal, is_new);
        if (!carry_out(deal, EVENT_SHIPMENT_SCANNED, bytes, is_new))
            return;
    }
    parcel_answer(deal, CODE_OK, record);
}
