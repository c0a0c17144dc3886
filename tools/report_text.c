#include "tools/report.h"

#include <inttypes.h>

static void print_row(const char *name, const struct histogram *histogram)
{
    static const uint32_t points[] = {500000, 900000, 990000, 999000, 1000000};
    printf("%-22s", name);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        printf(" %10.3f", (double)histogram_at(histogram, points[i]) / 1e6);
    printf("\n");
}

static void print_operation(const struct report *report, enum trace_kind kind)
{
    const struct measures *measures = &report->measures;
    for (uint32_t code = 0; code < CODES; code++)
        if (measures->codes[kind][code] > 0)
            printf("  %-10s %-22s %12" PRIu64 "\n", trace_kind_name(kind), spate_code_name(code),
                   measures->codes[kind][code]);
    if (measures->skipped[kind] > 0)
        printf("  %-10s %-22s %12" PRIu64 "\n", trace_kind_name(kind), "skipped",
               measures->skipped[kind]);
}

static void print_latencies(const struct report *report)
{
    char name[64];
    uint32_t kinds = 0;
    printf("%-22s %10s %10s %10s %10s %10s\n", "ms", "p50", "p90", "p99", "p99.9", "max");
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        kinds += report->by_kind[kind].response.total > 0;
    for (int kind = 0; kind < TRACE_KINDS && kinds > 1; kind++) {
        if (report->by_kind[kind].response.total == 0)
            continue;
        snprintf(name, sizeof name, "%s response", trace_kind_name((enum trace_kind)kind));
        print_row(name, &report->by_kind[kind].response);
        snprintf(name, sizeof name, "%s service", trace_kind_name((enum trace_kind)kind));
        print_row(name, &report->by_kind[kind].service);
    }
    print_row("response", &report->all.response);
    print_row("service", &report->all.service);
    print_row("schedule lag", &report->measures.lag);
}

static void print_audit(const struct audit *audit)
{
    printf("audit: %" PRIu64 " orders created, lost %" PRIu64 ", undone %" PRIu64
           ", duplicates %" PRIu64 ", changed %" PRIu64 "; %" PRIu64 " SKUs, oversold %" PRIu64
           ", unbalanced %" PRIu64 ", left unsold %" PRIu64 "; found %" PRIu64 " lines, %" PRIu64
           " units, amount %" PRId64 ": %s\n",
           audit->created, audit->lost, audit->undone, audit->ghosts, audit->changed, audit->skus,
           audit->oversold, audit->unbalanced, audit->undersold, audit->lines, audit->units,
           audit->amount, audit_is_clean(audit) ? "OK" : "FAILED");
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"passed", "failed", "slo_missed", "invalid", "interrupted"};
    return names[verdict];
}

void report_print(const struct report *report)
{
    const struct measures *measures = &report->measures;
    printf("%" PRIu64 " requests in %.2f s: %.0f/s; offered %" PRIu64 ", %" PRIu64
           " sent once more after `busy`\n",
           measures->answered, report->seconds, (double)measures->answered / report->seconds,
           measures->offered, report->retried);
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        print_operation(report, (enum trace_kind)kind);
    if (report->moot > 0)
        printf("  not sent, since what they follow had been refused: %" PRIu64 "\n", report->moot);
    if (report->unresolved > 0)
        printf("  NEVER ANSWERED: %" PRIu64 "\n", report->unresolved);
    print_latencies(report);
    printf("offered by this machine: %.0f ns of processor time a request; it wakes %.3f ms late at "
           "most\n",
           measures->offered > 0 ? (double)report->cpu_ns / (double)measures->offered : 0,
           (double)report->machine.jitter_ns_max / 1e6);
    printf("requests %016" PRIx64 " of trace %016" PRIx64 "\n", report->requests_hash,
           report->plan->trace.head->hash);
    slo_print(&report->slo);
    if (report->audit != NULL)
        print_audit(report->audit);
    printf("%s: %s\n",
           report->verdict == VERDICT_INVALID ? "RUN INVALID" : verdict_name(report->verdict),
           report->why);
}
