#include "tools/replay.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_MS = 10000 };

struct auditor {
    struct spate *client;
    const struct trace *trace;
    const struct fates *fates;
    const uint32_t *numbers;
    struct audit *audit;
    const struct trace_event **orders; /* by order number: the first event of each */
    uint64_t *received;                /* by SKU of the trace */
    uint64_t *ordered;
    uint64_t *least_refused; /* the fewest units that somebody was refused; UINT64_MAX: nobody */
};

/* Puts questions and takes answers until all are answered. */
typedef bool ask_fn(struct auditor *auditor, uint64_t number);
typedef void answer_fn(struct auditor *auditor, const struct spate_result *result);

static bool ask_all(struct auditor *auditor, uint64_t count, ask_fn *ask, answer_fn *answer)
{
    struct spate_result result;
    for (uint64_t asked = 0, answered = 0; answered < count;) {
        while (asked < count && ask(auditor, asked))
            asked++;
        if (!spate_take(auditor->client, &result, ANSWER_MS))
            return false;
        do {
            answer(auditor, &result);
            answered++;
        } while (spate_next(auditor->client, &result));
    }
    return true;
}

/* ---- orders ------------------------------------------------------------------------------------------ */

static bool ask_order(struct auditor *auditor, uint64_t number)
{
    char id[TRACE_NAME_BYTES];
    trace_name_of(auditor->trace, TRACE_ORDERS, number, id);
    return spate_order_get(auditor->client, id, number);
}

static bool same_lines(const struct auditor *auditor, const struct trace_event *event,
                       const struct spate_result *result)
{
    const struct trace_line *lines = trace_lines(event);
    if (result->line_count != event->line_count)
        return false;
    for (uint32_t i = 0; i < event->line_count; i++)
        if (result->lines[i].sku != auditor->numbers[lines[i].sku] ||
            result->lines[i].units != lines[i].units ||
            result->lines[i].unit_price != lines[i].unit_price)
            return false;
    return true;
}

static void count_units(struct auditor *auditor, const struct trace_event *event)
{
    for (uint32_t i = 0; i < event->line_count; i++)
        auditor->ordered[trace_lines(event)[i].sku] += trace_lines(event)[i].units;
}

/* A basket was refused for one of its SKUs at least; only for single ones can be said for which. */
static void note_refused(struct auditor *auditor, const struct trace_event *event)
{
    const struct trace_line *line = trace_lines(event);
    uint64_t *least = &auditor->least_refused[line->sku];
    if (event->line_count == 1 && line->units < *least)
        *least = line->units;
}

static void on_order(struct auditor *auditor, const struct spate_result *result)
{
    struct audit *audit = auditor->audit;
    const struct trace_event *event = auditor->orders[result->tag];
    uint8_t fate = auditor->fates->fate[result->tag];
    bool found = result->code == SPATE_OK;
    audit->orders++;
    if (found)
        count_units(auditor, event);
    if (fate == FATE_REFUSED)
        note_refused(auditor, event);
    if (found && !same_lines(auditor, event, result))
        audit->changed++;
    else if (found && fate == FATE_CREATED)
        audit->created++;
    else if (fate == FATE_CREATED)
        audit->lost++;
    else if (found && fate != FATE_UNKNOWN)
        audit->ghosts++;
}

/* ---- stock ------------------------------------------------------------------------------------------- */

static bool ask_stock(struct auditor *auditor, uint64_t sku)
{
    return spate_stock_get(auditor->client, auditor->numbers[sku], sku);
}

static void on_stock(struct auditor *auditor, const struct spate_result *result)
{
    struct audit *audit = auditor->audit;
    uint64_t sku = result->tag, free = 0, taken = 0, most = 0;
    for (uint32_t i = 0; i < result->cell_count; i++) {
        const struct spate_cell *cell = &result->cells[i];
        free += cell->free;
        taken += cell->reserved + cell->committed + cell->held;
        if (cell->sellable > most)
            most = cell->sellable;
    }
    audit->skus++;
    audit->oversold += auditor->ordered[sku] > auditor->received[sku];
    audit->unbalanced += taken != auditor->ordered[sku] || free + taken != auditor->received[sku];
    audit->undersold += most >= auditor->least_refused[sku];
}

/* ---- both -------------------------------------------------------------------------------------------- */

static bool prepare(struct auditor *auditor)
{
    uint64_t skus = auditor->trace->head->names[TRACE_SKUS].count;
    auditor->orders = calloc(auditor->fates->count + 1, sizeof *auditor->orders);
    auditor->received = calloc(skus + 1, sizeof *auditor->received);
    auditor->ordered = calloc(skus + 1, sizeof *auditor->ordered);
    auditor->least_refused = malloc((skus + 1) * sizeof *auditor->least_refused);
    if (auditor->orders == NULL || auditor->received == NULL || auditor->ordered == NULL ||
        auditor->least_refused == NULL)
        return false;
    memset(auditor->least_refused, 0xff, (skus + 1) * sizeof *auditor->least_refused);
    for (const struct trace_event *event = trace_first(auditor->trace); event != NULL;
         event = trace_next(auditor->trace, event)) {
        if (event->kind == TRACE_RECEIVE)
            auditor->received[event->a] += (uint64_t)event->amount;
        if (event->kind == TRACE_ORDER && !(event->flags & TRACE_AGAIN))
            auditor->orders[event->order] = event;
    }
    return true;
}

bool replay_audit(struct spate *client, const struct trace *trace, const struct fates *fates,
                  const uint32_t *numbers, struct audit *audit)
{
    struct auditor auditor = {
        .client = client, .trace = trace, .fates = fates, .numbers = numbers, .audit = audit};
    *audit = (struct audit){0};
    bool good = prepare(&auditor) && ask_all(&auditor, fates->count, ask_order, on_order) &&
                ask_all(&auditor, trace->head->names[TRACE_SKUS].count, ask_stock, on_stock);
    free(auditor.orders);
    free(auditor.received);
    free(auditor.ordered);
    free(auditor.least_refused);
    return good;
}

bool audit_is_clean(const struct audit *audit)
{
    return audit->lost + audit->ghosts + audit->changed + audit->oversold + audit->unbalanced +
               audit->undersold ==
           0;
}
