/* tools/measure.h - what one thread of a replay has seen: how often, how fast, and when.
 *
 * Memory is fixed: a histogram for each kind of request and outcome that occurs, and MOMENTS cells for
 * the course of time, whose width doubles whenever the run outgrows them. Requests and latencies stand
 * in the cell of their intended time, outcomes in that of the answer. */
#ifndef SPATE_TOOLS_MEASURE_H
#define SPATE_TOOLS_MEASURE_H

#include "io/histogram.h"
#include "tools/trace.h"

enum outcome {
    OUTCOME_DONE,
    OUTCOME_REPLAYED, /* known already: the first answer again */
    OUTCOME_OUT_OF_STOCK,
    OUTCOME_REFUSED, /* another answer of business: a limit, a move that the state forbids */
    OUTCOME_FAILED,  /* anything else: it should not happen */
    OUTCOME_SKIPPED, /* was due when --max-in-flight were unanswered, and was not sent */
    OUTCOMES
};

/* Four steps to each power of two, from a microsecond to a minute. */
enum { MOMENTS = 512, COARSE_BUCKETS = 27 * 4, CODES = 64 };

struct moment {
    uint32_t offered;
    uint32_t outcomes[OUTCOMES];
    uint64_t lag_ns_max;
    uint64_t response_ns_max;
    uint32_t response[COARSE_BUCKETS];
};

struct latencies {
    struct histogram response; /* from the intended time */
    struct histogram service;  /* from when it was sent */
};

struct measures {
    uint64_t offered; /* sent or skipped */
    uint64_t answered;
    uint64_t codes[TRACE_KINDS][CODES];
    uint64_t skipped[TRACE_KINDS];
    struct latencies *by[TRACE_KINDS][OUTCOMES]; /* NULL: there was none */
    struct histogram lag;
    struct moment moments[MOMENTS];
    uint64_t moment_ns; /* their width */
    uint32_t moment_count;
};

void measures_init(struct measures *measures);
void measures_deinit(struct measures *measures);

enum outcome outcome_of(uint32_t code);
const char *outcome_name(enum outcome outcome);

/* Times are ns since the run began. */
void measure_offered(struct measures *measures, uint64_t intended_ns, uint64_t lag_ns);
void measure_answered(struct measures *measures, enum trace_kind kind, uint32_t code,
                      uint64_t intended_ns, uint64_t sent_ns, uint64_t done_ns);
void measure_skipped(struct measures *measures, enum trace_kind kind, uint64_t intended_ns);
/* `from` may be changed: its moments are made as wide as those of `into`. */
void measures_merge(struct measures *into, struct measures *from);

/* Of one kind and all outcomes, or with TRACE_KINDS of all; into->response and ->service begin anew. */
void measures_sum(const struct measures *measures, enum trace_kind kind, struct latencies *into);
uint64_t measures_outcomes(const struct measures *measures, enum trace_kind kind,
                           enum outcome outcome);

uint64_t coarse_at(const uint32_t buckets[COARSE_BUCKETS], uint32_t per_million);
uint32_t coarse_bucket(uint64_t ns);
/* The lowest value of a bucket, in ns. */
uint64_t coarse_floor(uint32_t bucket);

#endif
