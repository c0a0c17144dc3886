#include "core/grant.h"

#include <string.h>

#include "core/attempt.h"
#include "core/sometimes.h"

/* ---- replies ----------------------------------------------------------------------------------- */

static void reply_granted(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                          const struct hold_line *lines)
{
    if (ask->home == shard->options.shard) {
        attempt_granted(shard, turn, (uint32_t)ask->flight, ask->home, lines, ask->line_count);
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
        attempt_short(shard, turn, (uint32_t)ask->flight, ask->home, shorts->code, shorts->lines,
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
        attempt_busy(shard, turn, (uint32_t)ask->flight, ask->home);
        return;
    }
    struct message_busy *busy =
        turn_send(turn, shard->options.shard, ask->home, MESSAGE_BUSY, (uint32_t)sizeof *busy);
    busy->flight = ask->flight;
}

void grant_able(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                const struct hold_line *lines)
{
    uint64_t warehouses = hold_able(&shard->stock, lines, ask->line_count, false);
    uint64_t later = hold_able(&shard->stock, lines, ask->line_count, true);
    if (ask->home == shard->options.shard) {
        attempt_able(shard, turn, (uint32_t)ask->flight, ask->home, warehouses, later);
        return;
    }
    struct message_able *able =
        turn_send(turn, shard->options.shard, ask->home, MESSAGE_ABLE, (uint32_t)sizeof *able);
    able->flight = ask->flight;
    able->warehouses = warehouses;
    able->later = later;
}

enum hold_outcome grant_look(struct shard *shard, const struct hold_ask *ask,
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

void grant_ask(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
               struct hold_line *lines)
{
    switch (grant_look(shard, ask, lines, false)) {
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

void grant_message(struct shard *shard, struct turn *turn, const struct message_hold *hold)
{
    memcpy(shard->asked, hold->lines, hold->ask.line_count * sizeof hold->lines[0]);
    if (hold->head.kind == MESSAGE_ASK_ABLE)
        grant_able(shard, turn, &hold->ask, shard->asked);
    else
        grant_ask(shard, turn, &hold->ask, shard->asked);
}

/* ---- who waits --------------------------------------------------------------------------------- */

/* Grants or refuses what somebody waits for, if that can be said by now. */
static void look_at_waiter(struct shard *shard, struct turn *turn, uint32_t number)
{
    const struct waiter *waiter = waiters_at(&shard->waiters, number);
    struct hold_ask ask = waiter->ask;
    memcpy(shard->asked, waiter_lines(waiter), ask.line_count * sizeof shard->asked[0]);
    enum hold_outcome outcome = grant_look(shard, &ask, shard->asked, true);
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

void grant_work(struct shard *shard, struct turn *turn)
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
