#include "tools/player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xxhash.h>

#include "tools/names.h"

enum {
    BLOCK = 64,          /* neighbouring orders that go to the same thread */
    BATCH_LOOK = 512,    /* events sent between two looks at the answers */
    RETRIES_MAX = 65536, /* requests that wait to be sent once more */
    WAITERS_MAX = 65536, /* a power of two */
    OPEN_AWAITED = 128,  /* in fates.open: somebody waits for this order */
    OPEN_MAX = 127,
    PASS_BITS = 16,
};
#define NOBODY UINT32_MAX
static const uint64_t RETRY_NS = 5 * 1000 * 1000;
static const uint64_t HELD_BACK_NS = 50 * 1000;
static const uint64_t PUBLISH_NS = 50 * 1000 * 1000;
static const uint64_t STOP_NS = UINT64_C(2) * 1000 * 1000 * 1000;

struct retry {
    uint64_t due_ns;
    uint64_t tag;
};

struct waiter {
    uint64_t tag;
    uint32_t next;
};

bool player_init(struct player *player, const struct plan *plan, uint32_t index)
{
    memset(player, 0, sizeof *player);
    player->plan = plan;
    player->index = index;
    measures_init(&player->measures);
    if (!plan->dry) {
        player->target = target_open(&plan->target, &plan->trace, plan->numbers);
        if (player->target == NULL)
            return false;
    }
    player->retries = memory_grow(NULL, RETRIES_MAX * sizeof *player->retries);
    player->waiters = memory_grow(NULL, WAITERS_MAX * sizeof *player->waiters);
    player->waiter_heads = memory_grow(NULL, WAITERS_MAX * sizeof *player->waiter_heads);
    for (uint32_t i = 0; i < WAITERS_MAX; i++) {
        player->waiters[i].next = i + 1 < WAITERS_MAX ? i + 1 : NOBODY;
        player->waiter_heads[i] = NOBODY;
    }
    uint64_t skus = plan->trace.head->names[TRACE_SKUS].count + 1;
    player->asked = memory_grow(NULL, skus * sizeof *player->asked);
    memset(player->asked, 0, skus * sizeof *player->asked);
    pthread_mutex_init(&player->lock, NULL);
    return true;
}

void player_deinit(struct player *player)
{
    if (player->target != NULL)
        target_close(player->target);
    measures_deinit(&player->measures);
    free(player->retries);
    free(player->waiters);
    free(player->waiter_heads);
    free(player->asked);
    pthread_mutex_destroy(&player->lock);
}

/* ---- a request's tag: where its event stands, and in which pass --------------------------------------------- */

static uint64_t tag_of(const struct plan *plan, const struct trace_event *event, uint64_t pass)
{
    return (uint64_t)((const uint8_t *)event - plan->trace.bytes) << PASS_BITS | pass;
}

static const struct trace_event *tag_event(const struct plan *plan, uint64_t tag)
{
    return (const void *)(plan->trace.bytes + (tag >> PASS_BITS));
}

static uint64_t tag_pass(uint64_t tag)
{
    return tag & ((1u << PASS_BITS) - 1);
}

static uint64_t intended_ns(const struct plan *plan, const struct trace_event *event, uint64_t pass)
{
    double since = (double)(event->at_ns - plan->from_ns) + (double)pass * (double)plan->pass_ns;
    return (uint64_t)(since * plan->ns_per_trace_ns);
}

static uint64_t fate_index(const struct plan *plan, const struct trace_event *event, uint64_t pass)
{
    return pass * plan->fates.per_pass + event->order;
}

/* ---- going through the trace -------------------------------------------------------------------------------- */

static bool is_mine(const struct player *player, const struct trace_event *event)
{
    uint64_t way = trace_has_order(event) ? event->order : event->a;
    return way / BLOCK % player->plan->threads == player->index;
}

static void rewind_trace(struct player *player)
{
    player->event = player->plan->first;
}

/* The next event of this thread's share; NULL: there is none left. */
static const struct trace_event *next_event(struct player *player)
{
    const struct plan *plan = player->plan;
    for (;;) {
        if (player->event == NULL || player->event->at_ns >= plan->to_ns) {
            if (plan->first == NULL || ++player->pass >= plan->passes)
                return player->event = NULL;
            rewind_trace(player);
            continue;
        }
        bool is_set_up = trace_is_stock(player->event) && player->event->at_ns == 0;
        if (!is_set_up && is_mine(player, player->event))
            return player->event;
        player->event = trace_next(&plan->trace, player->event);
    }
}

/* ---- what becomes of an order --------------------------------------------------------------------------------- */

/* Whether the event has nothing to follow: its order was refused, never asked for or not paid, its parcel
 * never handed over. */
static bool is_moot(const struct plan *plan, const struct trace_event *event, uint64_t pass)
{
    if (!trace_has_order(event) || event->kind == TRACE_ORDER)
        return false;
    uint8_t fate = plan->fates.fate[fate_index(plan, event, pass)];
    bool ships = event->kind == TRACE_SHIP || event->kind == TRACE_HANDOVER;
    bool is_after =
        event->kind == TRACE_DELIVER || event->kind == TRACE_RETURN || event->kind == TRACE_CONFIRM;
    return (fate & FATE_BITS) != FATE_CREATED || (ships && !(fate & FATE_PAID)) ||
           (is_after && !(fate & FATE_SHIPPED));
}

static void settle_fate(const struct plan *plan, const struct trace_event *event, uint64_t pass,
                        enum outcome outcome)
{
    uint8_t *fate = &plan->fates.fate[fate_index(plan, event, pass)];
    bool good = outcome == OUTCOME_DONE || outcome == OUTCOME_REPLAYED;
    if (event->kind == TRACE_CANCEL && good)
        *fate |= FATE_CANCELLED;
    else if (event->kind == TRACE_CAPTURE && (event->flags & TRACE_PAID) && good)
        *fate |= FATE_PAID;
    else if (event->kind == TRACE_HANDOVER && good)
        *fate |= FATE_SHIPPED;
    if (event->kind != TRACE_ORDER || (*fate & FATE_BITS) == FATE_CREATED)
        return;
    *fate = good ? FATE_CREATED : outcome == OUTCOME_FAILED ? FATE_FAILED : FATE_REFUSED;
}

/* ---- waiting for one's turn ------------------------------------------------------------------------------------ */

static uint32_t chain_of(uint64_t fate)
{
    return (uint32_t)(fate * UINT64_C(0x9e3779b97f4a7c15) >> 48) & (WAITERS_MAX - 1);
}

static bool wait_for_order(struct player *player, uint64_t fate, uint64_t tag)
{
    uint32_t index = player->waiter_free, *end = &player->waiter_heads[chain_of(fate)];
    if (index == NOBODY)
        return false;
    player->waiter_free = player->waiters[index].next;
    player->waiters[index] = (struct waiter){.tag = tag, .next = NOBODY};
    while (*end != NOBODY)
        end = &player->waiters[*end].next;
    *end = index;
    player->waiting++;
    player->plan->fates.open[fate] |= OPEN_AWAITED;
    return true;
}

/* Takes the first that waits for this order off the list; false: nobody does. */
static bool take_waiter(struct player *player, uint64_t fate, uint64_t *tag)
{
    const struct plan *plan = player->plan;
    uint32_t *place = &player->waiter_heads[chain_of(fate)];
    while (*place != NOBODY) {
        struct waiter *waiter = &player->waiters[*place];
        uint32_t index = *place;
        if (fate_index(plan, tag_event(plan, waiter->tag), tag_pass(waiter->tag)) == fate) {
            *tag = waiter->tag;
            *place = waiter->next;
            waiter->next = player->waiter_free;
            player->waiter_free = index;
            player->waiting--;
            return true;
        }
        place = &waiter->next;
    }
    plan->fates.open[fate] &= OPEN_MAX;
    return false;
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* What is wanted, whatever comes of it: two runs of one trace want the same. */
static void note_wanted(struct player *player, const struct trace_event *event, uint64_t pass)
{
    const struct trace_line *lines = trace_lines(event);
    player->requests_hash +=
        XXH3_64bits_withSeed(event, sizeof *event + event->line_count * sizeof *lines, pass);
    player->lines += event->line_count;
    if (event->kind == TRACE_ORDER)
        for (uint32_t i = 0; i < event->line_count; i++)
            player->asked[lines[i].sku]++;
}

static void note_offered(struct player *player, const struct trace_event *event, uint64_t intended,
                         uint64_t lag)
{
    player->unpublished.offered++;
    player->unpublished.at_ns = event->at_ns;
    measure_offered(&player->measures, intended, lag);
}

static bool send_now(struct player *player, const struct trace_event *event, uint64_t pass)
{
    const struct plan *plan = player->plan;
    if (!target_send(player->target, event, plan->first_pass + pass, tag_of(plan, event, pass)))
        return false;
    player->open++;
    if (trace_has_order(event))
        plan->fates.open[fate_index(plan, event, pass)]++;
    return true;
}

/* Whether the event is dealt with: sent, set to wait, or left out for a reason that is counted. */
static bool offer(struct player *player, const struct trace_event *event, uint64_t pass,
                  uint64_t intended, uint64_t now)
{
    const struct plan *plan = player->plan;
    uint64_t fate = trace_has_order(event) ? fate_index(plan, event, pass) : 0;
    bool again = event->flags & TRACE_AGAIN;
    if (trace_has_order(event) && !again && plan->fates.open[fate] > 0)
        return wait_for_order(player, fate, tag_of(plan, event, pass));
    if (is_moot(plan, event, pass)) {
        player->moot++;
        return true;
    }
    if (trace_has_order(event) && (plan->fates.open[fate] & OPEN_MAX) == OPEN_MAX)
        return false;
    if (send_now(player, event, pass)) {
        note_offered(player, event, intended, now - intended);
        return true;
    }
    if (plan->max)
        return false;
    measure_skipped(&player->measures, event->kind, intended);
    return true;
}

/* Sends what is due; when the next is, since t0, or UINT64_MAX when all are sent. */
static uint64_t offer_due(struct player *player)
{
    const struct plan *plan = player->plan;
    uint64_t now = clock_ns() - plan->t0_ns;
    for (uint32_t i = 0; i < BATCH_LOOK; i++) {
        const struct trace_event *event = next_event(player);
        if (event == NULL)
            return UINT64_MAX;
        uint64_t intended = plan->max ? now : intended_ns(plan, event, player->pass);
        if (intended > now)
            return intended;
        if (!offer(player, event, player->pass, intended, now))
            return now + HELD_BACK_NS;
        note_wanted(player, event, player->pass);
        player->event = trace_next(&plan->trace, event);
    }
    return now;
}

static void send_retries(struct player *player)
{
    const struct plan *plan = player->plan;
    while (player->retry_first < player->retry_last) {
        const struct retry *retry = &player->retries[player->retry_first % RETRIES_MAX];
        if (retry->due_ns > clock_ns() ||
            !target_send(player->target, tag_event(plan, retry->tag),
                         plan->first_pass + tag_pass(retry->tag), retry->tag))
            return;
        player->retry_first++;
    }
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static bool again_later(struct player *player, const struct spate_result *answer, uint64_t intended)
{
    const struct plan *plan = player->plan;
    bool may = answer->code == SPATE_BUSY &&
               answer->done_ns - plan->t0_ns < intended + plan->give_up_ns &&
               player->retry_last - player->retry_first < RETRIES_MAX;
    if (!may)
        return false;
    player->retries[player->retry_last++ % RETRIES_MAX] =
        (struct retry){.due_ns = clock_ns() + RETRY_NS, .tag = answer->tag};
    player->retried++;
    return true;
}

static void note_answer(struct player *player, uint16_t kind, enum outcome outcome,
                        uint64_t response_ns)
{
    player->unpublished.by_kind[kind]++;
    player->unpublished.answered++;
    player->unpublished.sold_out += outcome == OUTCOME_OUT_OF_STOCK;
    player->unpublished.response[coarse_bucket(response_ns)]++;
}

/* The next of this order that has waited; what turns out to be moot lets the one behind it pass. */
static void let_waiters_go(struct player *player, uint64_t fate)
{
    const struct plan *plan = player->plan;
    uint64_t tag;
    while ((plan->fates.open[fate] & OPEN_MAX) == 0 && take_waiter(player, fate, &tag)) {
        const struct trace_event *event = tag_event(plan, tag);
        uint64_t now = clock_ns() - plan->t0_ns;
        uint64_t intended = plan->max ? now : intended_ns(plan, event, tag_pass(tag));
        if (is_moot(plan, event, tag_pass(tag)))
            player->moot++;
        else if (send_now(player, event, tag_pass(tag)))
            note_offered(player, event, intended, 0);
        else
            measure_skipped(&player->measures, event->kind, intended);
    }
}

static void on_answer(struct player *player, const struct spate_result *answer)
{
    const struct plan *plan = player->plan;
    const struct trace_event *event = tag_event(plan, answer->tag);
    uint64_t pass = tag_pass(answer->tag), fate = fate_index(plan, event, pass);
    enum outcome outcome = outcome_of(answer->code);
    /* It was sent again since nobody knew what had become of it: it had been carried out. */
    if (answer->code == SPATE_ILLEGAL && answer->attempts > 1)
        outcome = OUTCOME_REPLAYED;
    uint64_t sent = answer->sent_ns - plan->t0_ns, done = answer->done_ns - plan->t0_ns;
    uint64_t intended = plan->max ? sent : intended_ns(plan, event, pass);
    if (again_later(player, answer, intended))
        return;
    measure_answered(&player->measures, event->kind, answer->code,
                     intended < sent ? intended : sent, sent, done);
    note_answer(player, event->kind, outcome, done - (intended < sent ? intended : sent));
    player->last_ns = done;
    player->open--;
    if (!trace_has_order(event))
        return;
    settle_fate(plan, event, pass, outcome);
    plan->fates.open[fate]--;
    if (plan->fates.open[fate] == OPEN_AWAITED)
        let_waiters_go(player, fate);
}

static void publish(struct player *player, uint64_t now)
{
    if (now < player->publish_ns)
        return;
    player->publish_ns = now + PUBLISH_NS;
    pthread_mutex_lock(&player->lock);
    player->progress.offered = player->unpublished.offered;
    player->progress.answered = player->unpublished.answered;
    player->progress.sold_out = player->unpublished.sold_out;
    memcpy(player->progress.by_kind, player->unpublished.by_kind, sizeof player->progress.by_kind);
    player->progress.at_ns = player->unpublished.at_ns;
    player->progress.pass = player->pass;
    for (uint32_t i = 0; i < COARSE_BUCKETS; i++)
        player->progress.response[i] += player->unpublished.response[i];
    pthread_mutex_unlock(&player->lock);
    memset(player->unpublished.response, 0, sizeof player->unpublished.response);
}

void player_look(struct player *player, struct progress *out)
{
    pthread_mutex_lock(&player->lock);
    *out = player->progress;
    memset(player->progress.response, 0, sizeof player->progress.response);
    pthread_mutex_unlock(&player->lock);
}

/* ---- the two parts of a run ------------------------------------------------------------------------------------------ */

static uint64_t cpu_ns(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

/* When there is something to do again. */
static uint64_t wake_ns(const struct player *player, uint64_t next, uint64_t now)
{
    uint64_t due = now + PUBLISH_NS;
    if (next != UINT64_MAX && player->plan->t0_ns + next < due)
        due = player->plan->t0_ns + next;
    if (player->retry_first < player->retry_last &&
        player->retries[player->retry_first % RETRIES_MAX].due_ns < due)
        due = player->retries[player->retry_first % RETRIES_MAX].due_ns;
    return due;
}

/* To the end; once it is to stop, only until what was sent has been answered, or that takes too long. */
static void play_to_end(struct player *player)
{
    const struct plan *plan = player->plan;
    struct spate_result answer;
    uint64_t quiet_ns = clock_ns(); /* since when nothing has come while something was awaited */
    for (;;) {
        int stop = atomic_load_explicit(plan->stop, memory_order_relaxed);
        uint64_t next = stop == 0 ? offer_due(player) : UINT64_MAX;
        send_retries(player);
        player->refused = !target_process(player->target);
        uint64_t now = clock_ns();
        while (target_next(player->target, &answer)) {
            on_answer(player, &answer);
            quiet_ns = now;
        }
        publish(player, now);
        if (player->open == 0)
            quiet_ns = now;
        bool all_sent = next == UINT64_MAX && (player->waiting == 0 || stop != 0);
        uint64_t patience = stop == 0 ? plan->give_up_ns : STOP_NS;
        if (player->refused || stop > 1 || (all_sent && player->open == 0) ||
            (all_sent && now > quiet_ns + patience))
            return;
        target_wait(player->target, wake_ns(player, next, now));
    }
}

/* What would be offered when, and that is all. */
static void play_dry(struct player *player)
{
    const struct plan *plan = player->plan;
    const struct trace_event *event;
    while ((event = next_event(player)) != NULL) {
        note_wanted(player, event, player->pass);
        measure_offered(&player->measures, intended_ns(plan, event, player->pass), 0);
        player->event = trace_next(&plan->trace, event);
    }
}

/* Connections come up before the first request is due. */
static void warm_up(struct player *player)
{
    while (clock_ns() < player->plan->t0_ns && target_process(player->target))
        target_wait(player->target, player->plan->t0_ns);
}

void player_play(struct player *player)
{
    rewind_trace(player);
    if (player->plan->dry) {
        play_dry(player);
        return;
    }
    warm_up(player);
    uint64_t began_ns = cpu_ns();
    play_to_end(player);
    player->unresolved = player->open + player->waiting;
    player->publish_ns = 0;
    publish(player, clock_ns());
    player->cpu_ns = cpu_ns() - began_ns;
}

/* Waits until at most `most` requests are without an answer, and takes the answers. */
static bool take_set_up(struct player *player, uint64_t most, char message[256])
{
    const struct plan *plan = player->plan;
    struct spate_result answer;
    uint64_t give_up = clock_ns() + plan->give_up_ns;
    while (target_open_count(player->target) > most) {
        bool good = target_process(player->target);
        while (target_next(player->target, &answer)) {
            const struct trace_event *event = tag_event(plan, answer.tag);
            if (outcome_of(answer.code) == OUTCOME_FAILED) {
                bool keys = answer.code == SPATE_FULL && event->kind == TRACE_RECEIVE;
                snprintf(
                    message, 256, "setting up: %s: %s%s", trace_kind_name(event->kind),
                    spate_code_name(answer.code),
                    keys ? ": every receipt has a key of its own; give the server more --retries"
                         : "");
                return false;
            }
            if (event->kind == TRACE_SKU)
                plan->numbers[event->a] = answer.sku;
            give_up = clock_ns() + plan->give_up_ns;
        }
        if (!good || clock_ns() > give_up) {
            const char *why = target_error(player->target);
            snprintf(message, 256, "setting up: %s", why[0] != '\0' ? why : "no answer");
            return false;
        }
        if (target_open_count(player->target) > most)
            target_wait(player->target, clock_ns() + PUBLISH_NS);
    }
    return true;
}

/* All of one kind; what they need has been set up before. */
static bool set_up_kind(struct player *player, enum trace_kind kind, char message[256])
{
    const struct plan *plan = player->plan;
    const struct trace_event *event = trace_first(&plan->trace);
    for (; event != NULL && event->at_ns == 0; event = trace_next(&plan->trace, event)) {
        if (event->kind != kind)
            continue;
        while (!target_send(player->target, event, plan->first_pass, tag_of(plan, event, 0)))
            if (!take_set_up(player, target_open_count(player->target) - 1, message))
                return false;
    }
    return take_set_up(player, 0, message);
}

bool player_set_up(struct player *player, char message[256])
{
    return set_up_kind(player, TRACE_WAREHOUSE, message) &&
           set_up_kind(player, TRACE_COSTS, message) && set_up_kind(player, TRACE_SKU, message) &&
           set_up_kind(player, TRACE_RECEIVE, message);
}
