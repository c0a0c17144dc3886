#include "tools/measure.h"

#include <stdlib.h>
#include <string.h>

#include "core/code.h"
#include "tools/names.h"

static const uint64_t FIRST_MOMENT_NS = 10 * 1000 * 1000;

void measures_init(struct measures *measures)
{
    memset(measures, 0, sizeof *measures);
    measures->moment_ns = FIRST_MOMENT_NS;
}

void measures_deinit(struct measures *measures)
{
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            free(measures->by[kind][outcome]);
}

enum outcome outcome_of(uint32_t code)
{
    switch (code) {
    case CODE_OK:
    case CODE_CREATED:
        return OUTCOME_DONE;
    case CODE_REPLAYED:
        return OUTCOME_REPLAYED;
    case CODE_OUT_OF_STOCK:
        return OUTCOME_OUT_OF_STOCK;
    case CODE_LIMIT:
    case CODE_ILLEGAL:
    case CODE_NOT_FOUND: /* what was to follow an order that came to nothing */
        return OUTCOME_REFUSED;
    default:
        return OUTCOME_FAILED;
    }
}

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[OUTCOMES] = {"done",    "replayed", "out_of_stock",
                                                "refused", "failed",   "skipped"};
    return names[outcome];
}

/* ---- the course of time -------------------------------------------------------------------------------- */

uint32_t coarse_bucket(uint64_t ns)
{
    uint64_t quarters = ns / 250; /* of a microsecond, so that the first octave has its steps too */
    if (quarters < 4)
        return 0;
    uint32_t octave = 61 - (uint32_t)__builtin_clzll(quarters);
    uint32_t bucket = octave * 4 + (uint32_t)(quarters >> octave & 3);
    return bucket < COARSE_BUCKETS ? bucket : COARSE_BUCKETS - 1;
}

uint64_t coarse_floor(uint32_t bucket)
{
    return bucket == 0 ? 0 : (UINT64_C(4) + bucket % 4) * 250 << bucket / 4;
}

uint64_t coarse_at(const uint32_t buckets[COARSE_BUCKETS], uint32_t per_million)
{
    uint64_t total = 0, seen = 0;
    for (uint32_t i = 0; i < COARSE_BUCKETS; i++)
        total += buckets[i];
    uint64_t rank = (total * per_million + 999999) / 1000000;
    for (uint32_t i = 0; i < COARSE_BUCKETS && total > 0; i++) {
        if (seen + buckets[i] >= rank) /* as if a bucket's values lay evenly in it */
            return coarse_floor(i) +
                   (coarse_floor(i + 1) - coarse_floor(i)) * (rank - seen) / buckets[i];
        seen += buckets[i];
    }
    return 0;
}

static void moment_merge(struct moment *into, const struct moment *from)
{
    into->offered += from->offered;
    for (int i = 0; i < OUTCOMES; i++)
        into->outcomes[i] += from->outcomes[i];
    for (int i = 0; i < COARSE_BUCKETS; i++)
        into->response[i] += from->response[i];
    if (from->lag_ns_max > into->lag_ns_max)
        into->lag_ns_max = from->lag_ns_max;
    if (from->response_ns_max > into->response_ns_max)
        into->response_ns_max = from->response_ns_max;
}

static void double_moments(struct measures *measures)
{
    struct moment *moments = measures->moments;
    for (uint32_t i = 0; i < MOMENTS / 2; i++) {
        struct moment both = moments[2 * i];
        moment_merge(&both, &moments[2 * i + 1]);
        moments[i] = both;
    }
    memset(&moments[MOMENTS / 2], 0, MOMENTS / 2 * sizeof *moments);
    measures->moment_ns *= 2;
    measures->moment_count = (measures->moment_count + 1) / 2;
}

static struct moment *moment_at(struct measures *measures, uint64_t at_ns)
{
    while (at_ns / measures->moment_ns >= MOMENTS)
        double_moments(measures);
    uint32_t index = (uint32_t)(at_ns / measures->moment_ns);
    if (index >= measures->moment_count)
        measures->moment_count = index + 1;
    return &measures->moments[index];
}

/* ---- what is measured ----------------------------------------------------------------------------------- */

void measure_offered(struct measures *measures, uint64_t intended_ns, uint64_t lag_ns)
{
    struct moment *moment = moment_at(measures, intended_ns);
    measures->offered++;
    moment->offered++;
    if (lag_ns > moment->lag_ns_max)
        moment->lag_ns_max = lag_ns;
    histogram_add(&measures->lag, lag_ns);
}

static struct latencies *latencies_of(struct measures *measures, int kind, int outcome)
{
    struct latencies **place = &measures->by[kind][outcome];
    if (*place == NULL) {
        *place = memory_grow(NULL, sizeof **place);
        memset(*place, 0, sizeof **place);
    }
    return *place;
}

void measure_answered(struct measures *measures, enum trace_kind kind, uint32_t code,
                      uint64_t intended_ns, uint64_t sent_ns, uint64_t done_ns)
{
    enum outcome outcome = outcome_of(code);
    struct latencies *latencies = latencies_of(measures, (int)kind, (int)outcome);
    uint64_t response_ns = done_ns - intended_ns;
    struct moment *moment = moment_at(measures, intended_ns);
    measures->answered++;
    measures->codes[kind][code < CODES ? code : CODES - 1]++;
    histogram_add(&latencies->response, response_ns);
    histogram_add(&latencies->service, done_ns - sent_ns);
    moment->response[coarse_bucket(response_ns)]++;
    if (response_ns > moment->response_ns_max)
        moment->response_ns_max = response_ns;
    moment_at(measures, done_ns)->outcomes[outcome]++;
}

void measure_skipped(struct measures *measures, enum trace_kind kind, uint64_t intended_ns)
{
    struct moment *moment = moment_at(measures, intended_ns);
    measures->offered++;
    measures->skipped[kind]++;
    moment->offered++;
    moment->outcomes[OUTCOME_SKIPPED]++;
}

/* ---- of several threads ----------------------------------------------------------------------------------- */

static void latencies_merge(struct latencies *into, const struct latencies *from)
{
    histogram_merge(&into->response, &from->response);
    histogram_merge(&into->service, &from->service);
}

void measures_merge(struct measures *into, struct measures *from)
{
    while (from->moment_ns < into->moment_ns)
        double_moments(from);
    while (into->moment_ns < from->moment_ns)
        double_moments(into);
    if (from->moment_count > into->moment_count)
        into->moment_count = from->moment_count;
    for (uint32_t i = 0; i < from->moment_count; i++)
        moment_merge(&into->moments[i], &from->moments[i]);
    into->offered += from->offered;
    into->answered += from->answered;
    histogram_merge(&into->lag, &from->lag);
    for (int kind = 0; kind < TRACE_KINDS; kind++) {
        into->skipped[kind] += from->skipped[kind];
        for (int code = 0; code < CODES; code++)
            into->codes[kind][code] += from->codes[kind][code];
        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            if (from->by[kind][outcome] != NULL)
                latencies_merge(latencies_of(into, kind, outcome), from->by[kind][outcome]);
    }
}

void measures_sum(const struct measures *measures, enum trace_kind kind, struct latencies *into)
{
    memset(into, 0, sizeof *into);
    for (int i = 0; i < TRACE_KINDS; i++)
        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            if ((kind == TRACE_KINDS || i == (int)kind) && measures->by[i][outcome] != NULL)
                latencies_merge(into, measures->by[i][outcome]);
}

uint64_t measures_outcomes(const struct measures *measures, enum trace_kind kind,
                           enum outcome outcome)
{
    if (outcome == OUTCOME_SKIPPED)
        return measures->skipped[kind];
    return measures->by[kind][outcome] != NULL ? measures->by[kind][outcome]->response.total : 0;
}
