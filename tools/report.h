/* tools/report.h - what a replay has to say when it is over, and the ways to say it. */
#ifndef SPATE_TOOLS_REPORT_H
#define SPATE_TOOLS_REPORT_H

#include "tools/machine.h"
#include "tools/replay.h"
#include "tools/slo.h"

#include <stdio.h>

enum verdict {
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_SLO_MISSED,
    VERDICT_INVALID,
    VERDICT_INTERRUPTED
};

enum { REPORT_SHARDS = 64, REPORT_HOTTEST = 8, REPORT_CURVE = 32 };

struct report_shard {
    uint64_t lines; /* that were asked of its SKUs */
    uint64_t hottest_lines;
    uint32_t hottest;  /* a SKU of the trace */
    uint64_t commands; /* by the server's own metrics, if they were looked at, likewise below */
    double cpu_seconds;
};

struct report_hot {
    uint32_t sku;
    uint64_t lines;
};

/* One speed that a search has tried. */
struct report_try {
    double speed;
    double per_second;
    uint64_t ns[3]; /* p50, p99, p99.9 */
    bool met;
};

struct report {
    const char *command; /* as it was typed */
    const struct plan *plan;
    struct measures measures; /* of all threads */
    struct latencies all;
    struct latencies by_kind[TRACE_KINDS];
    const struct audit *audit; /* NULL: there was none */
    struct slo slo;
    struct machine machine;
    enum verdict verdict;
    char why[256]; /* the verdict in words */
    char began[40];
    double seconds;
    double error_share;
    uint64_t requests_hash;
    uint64_t lines, moot, retried, unresolved;
    uint64_t lag_ns_max; /* above this, p99.9, the run is not valid */
    uint64_t cpu_ns;     /* of the threads that offer */
    double cpu_share;    /* of the busiest of them */
    uint32_t shard_count;
    struct report_shard shards[REPORT_SHARDS];
    struct report_hot hottest[REPORT_HOTTEST];
    uint32_t hottest_count;
    struct report_try curve[REPORT_CURVE];
    uint32_t curve_count;
};

const char *verdict_name(enum verdict verdict);
void report_print(const struct report *report);
/* False: the file could not be written (errno). */
bool report_json(const struct report *report, const char *path);
bool report_html(const struct report *report, const char *path);

#endif
