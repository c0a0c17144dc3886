#include "tools/replay.h"

#include <stdlib.h>
#include <string.h>

#include "core/result.h"
#include "tools/names.h"

enum { ROUND = 16384 /* questions of one round; the next begins when all are answered */ };

struct auditor {
    const struct plan *plan;
    struct target *target;
    struct audit *audit;
    struct trace_event questions[ROUND];
    const struct trace_event *
        *orders;        /* by number in the trace: the create, if it is in the window */
    uint64_t *received; /* by SKU of the trace, likewise those below */
    uint64_t *taken;    /* in orders that live, and not shipped */
    uint64_t *shipped;
    uint64_t *returned;
    uint64_t *least_refused; /* the fewest units that somebody was refused; UINT64_MAX: nobody */
    bool *released;          /* units came back: who was refused before that was refused rightly */
};

typedef void answer_fn(struct auditor *auditor, const struct spate_result *answer);

/* Puts questions[0..count) with tags from `first` on, and takes the answers. */
static bool ask_round(struct auditor *auditor, uint32_t count, uint64_t pass, uint64_t first,
                      answer_fn *answer)
{
    struct spate_result result;
    uint64_t give_up = clock_ns() + auditor->plan->give_up_ns;
    for (uint32_t asked = 0, answered = 0; answered < count;) {
        while (asked < count &&
               target_send(auditor->target, &auditor->questions[asked], pass, first + asked))
            asked++;
        if (!target_process(auditor->target) || clock_ns() > give_up)
            return false;
        uint32_t before = answered;
        for (; target_next(auditor->target, &result); answered++)
            answer(auditor, &result);
        if (answered > before)
            give_up = clock_ns() + auditor->plan->give_up_ns;
        else
            target_wait(auditor->target, clock_ns() + 10000000);
    }
    return true;
}

/* ---- orders ------------------------------------------------------------------------------------------ */

static bool is_live(uint32_t state)
{
    return state != ORDER_REJECTED && state != ORDER_CANCELLED && state != ORDER_EXPIRED;
}

/* Whether the lines are those that were sent; counts what they hold. */
static bool take_lines(struct auditor *auditor, const struct trace_event *event,
                       const struct spate_result *answer)
{
    const struct trace_line *lines = trace_lines(event);
    bool same = answer->line_count == event->line_count;
    for (uint32_t i = 0; same && i < event->line_count; i++) {
        const struct spate_order_line *line = &answer->lines[i];
        uint32_t sku = lines[i].sku;
        same = line->sku == auditor->plan->numbers[sku] && line->units == lines[i].units &&
               line->unit_price == lines[i].unit_price;
        if (is_live(answer->order_state))
            auditor->taken[sku] += line->units - line->shipped - line->cancelled;
        auditor->shipped[sku] += line->shipped;
        auditor->returned[sku] += line->returned;
        auditor->released[sku] |= line->cancelled > 0 || !is_live(answer->order_state);
        auditor->audit->lines++;
        auditor->audit->units += line->units;
        auditor->audit->amount += line->unit_price * line->units;
    }
    return same;
}

/* A basket was refused for one of its SKUs at least; only for single ones can be said for which. */
static void note_refused(struct auditor *auditor, const struct trace_event *event)
{
    const struct trace_line *line = trace_lines(event);
    uint64_t *least = &auditor->least_refused[line->sku];
    if (event->line_count == 1 && line->units < *least)
        *least = line->units;
}

static bool is_undone(uint8_t fate, uint32_t state)
{
    bool unpaid = state == ORDER_PENDING_PAYMENT || state == ORDER_EXPIRED;
    return ((fate & FATE_CANCELLED) && state != ORDER_CANCELLED) || ((fate & FATE_PAID) && unpaid);
}

static void on_order(struct auditor *auditor, const struct spate_result *answer)
{
    struct audit *audit = auditor->audit;
    const struct fates *fates = &auditor->plan->fates;
    const struct trace_event *event = auditor->orders[answer->tag % fates->per_pass];
    uint8_t all = fates->fate[answer->tag], fate = all & FATE_BITS;
    bool found = answer->code == SPATE_OK;
    if (event == NULL)
        return;
    audit->orders++;
    if (fate == FATE_REFUSED)
        note_refused(auditor, event);
    if (found && !take_lines(auditor, event, answer))
        audit->changed++;
    else if (found && fate == FATE_CREATED)
        audit->created++;
    else if (fate == FATE_CREATED)
        audit->lost++;
    else if (found && fate != FATE_UNKNOWN)
        audit->ghosts++;
    audit->undone += found && is_undone(all, answer->order_state);
}

static bool ask_orders(struct auditor *auditor)
{
    const struct fates *fates = &auditor->plan->fates;
    for (uint64_t pass = 0; pass < auditor->plan->passes; pass++)
        for (uint64_t first = 0; first < fates->per_pass; first += ROUND) {
            uint32_t count =
                (uint32_t)(fates->per_pass - first < ROUND ? fates->per_pass - first : ROUND);
            for (uint32_t i = 0; i < count; i++)
                auditor->questions[i] =
                    (struct trace_event){.kind = TRACE_READ, .order = first + i};
            if (!ask_round(auditor, count, auditor->plan->first_pass + pass,
                           pass * fates->per_pass + first, on_order))
                return false;
        }
    return true;
}

/* ---- stock ------------------------------------------------------------------------------------------- */

static void on_stock(struct auditor *auditor, const struct spate_result *answer)
{
    struct audit *audit = auditor->audit;
    uint64_t sku = answer->tag, on_hand = 0, taken = 0, most = 0;
    for (uint32_t i = 0; i < answer->cell_count; i++) {
        const struct spate_cell *cell = &answer->cells[i];
        taken += cell->reserved + cell->committed + cell->held;
        on_hand += cell->free + cell->reserved + cell->committed + cell->held + cell->quarantined;
        if (cell->sellable > most)
            most = cell->sellable;
    }
    audit->skus++;
    audit->oversold += auditor->taken[sku] + auditor->shipped[sku] > auditor->received[sku];
    audit->unbalanced +=
        taken != auditor->taken[sku] ||
        on_hand + auditor->shipped[sku] != auditor->received[sku] + auditor->returned[sku];
    audit->undersold += most >= auditor->least_refused[sku] && !auditor->released[sku];
}

static bool ask_stock(struct auditor *auditor)
{
    uint64_t skus = auditor->plan->trace.head->names[TRACE_SKUS].count;
    for (uint64_t first = 0; first < skus; first += ROUND) {
        uint32_t count = (uint32_t)(skus - first < ROUND ? skus - first : ROUND);
        for (uint32_t i = 0; i < count; i++)
            auditor->questions[i] =
                (struct trace_event){.kind = TRACE_READ_STOCK, .a = (uint32_t)first + i};
        if (!ask_round(auditor, count, 0, first, on_stock))
            return false;
    }
    return true;
}

/* ---- both -------------------------------------------------------------------------------------------- */

static void *zeros(uint64_t count, size_t size)
{
    void *memory = memory_grow(NULL, (count + 1) * size);
    memset(memory, 0, (count + 1) * size);
    return memory;
}

static void prepare(struct auditor *auditor)
{
    const struct plan *plan = auditor->plan;
    uint64_t skus = plan->trace.head->names[TRACE_SKUS].count;
    auditor->orders = zeros(plan->fates.per_pass, sizeof *auditor->orders);
    auditor->received = zeros(skus, sizeof *auditor->received);
    auditor->taken = zeros(skus, sizeof *auditor->taken);
    auditor->shipped = zeros(skus, sizeof *auditor->shipped);
    auditor->returned = zeros(skus, sizeof *auditor->returned);
    auditor->released = zeros(skus, sizeof *auditor->released);
    auditor->least_refused = zeros(skus, sizeof *auditor->least_refused);
    memset(auditor->least_refused, 0xff, skus * sizeof *auditor->least_refused);
    for (const struct trace_event *event = trace_first(&plan->trace); event != NULL;
         event = trace_next(&plan->trace, event)) {
        bool inside = event->at_ns >= plan->from_ns && event->at_ns < plan->to_ns;
        if (event->kind == TRACE_RECEIVE && event->at_ns == 0)
            auditor->received[event->a] += (uint64_t)event->amount;
        else if (event->kind == TRACE_RECEIVE && inside)
            auditor->received[event->a] += (uint64_t)event->amount * plan->passes;
        if (event->kind == TRACE_ORDER && !(event->flags & TRACE_AGAIN) && inside)
            auditor->orders[event->order] = event;
    }
}

bool replay_audit(const struct plan *plan, struct audit *audit)
{
    struct auditor *auditor = zeros(1, sizeof *auditor);
    struct target_options options = plan->target;
    options.open_max = 4096;
    *audit = (struct audit){0};
    auditor->plan = plan;
    auditor->audit = audit;
    auditor->target = target_open(&options, &plan->trace, plan->numbers);
    prepare(auditor);
    bool good = auditor->target != NULL && ask_orders(auditor) && ask_stock(auditor);
    if (auditor->target != NULL)
        target_close(auditor->target);
    free(auditor->orders);
    free(auditor->received);
    free(auditor->taken);
    free(auditor->shipped);
    free(auditor->returned);
    free(auditor->released);
    free(auditor->least_refused);
    free(auditor);
    return good;
}

bool audit_is_clean(const struct audit *audit)
{
    return audit->lost + audit->undone + audit->ghosts + audit->changed + audit->oversold +
               audit->unbalanced + audit->undersold ==
           0;
}
