#include "tools/report.h"

#include <inttypes.h>

#include "tools/version.h"

/* Commands and names are the user's: quotes and control characters are escaped. */
static void put_text(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(out, "\\u%04x", byte);
        else
            putc(byte, out);
    }
    putc('"', out);
}

static void put_percentiles(FILE *out, const char *name, const struct histogram *histogram)
{
    fprintf(out,
            "\"%s_ns\": {\"p50\": %" PRIu64 ", \"p90\": %" PRIu64 ", \"p99\": %" PRIu64
            ", \"p99.9\": %" PRIu64 ", \"max\": %" PRIu64 "}",
            name, histogram_at(histogram, 500000), histogram_at(histogram, 900000),
            histogram_at(histogram, 990000), histogram_at(histogram, 999000), histogram->max);
}

static void put_results(FILE *out, const struct measures *measures, int first, int last)
{
    const char *comma = "";
    uint64_t skipped = 0;
    fprintf(out, "\"results\": {");
    for (uint32_t code = 0; code < CODES; code++) {
        uint64_t count = 0;
        for (int kind = first; kind <= last; kind++)
            count += measures->codes[kind][code];
        if (count == 0)
            continue;
        fprintf(out, "%s\"%s\": %" PRIu64, comma, spate_code_name(code), count);
        comma = ", ";
    }
    for (int kind = first; kind <= last; kind++)
        skipped += measures->skipped[kind];
    if (skipped > 0)
        fprintf(out, "%s\"skipped\": %" PRIu64, comma, skipped);
    fprintf(out, "}");
}

static void put_operations(FILE *out, const struct report *report)
{
    const char *comma = "";
    fprintf(out, "  \"operations\": {");
    for (int kind = 0; kind < TRACE_KINDS; kind++) {
        const struct latencies *latencies = &report->by_kind[kind];
        if (latencies->response.total == 0 && report->measures.skipped[kind] == 0)
            continue;
        fprintf(out, "%s\n    \"%s\": {", comma, trace_kind_name((enum trace_kind)kind));
        put_percentiles(out, "response", &latencies->response);
        fprintf(out, ", ");
        put_percentiles(out, "service", &latencies->service);
        fprintf(out, ", ");
        put_results(out, &report->measures, kind, kind);
        fprintf(out, ", \"response_by_outcome\": {");
        const char *inner = "";
        for (int outcome = 0; outcome < OUTCOMES; outcome++) {
            const struct latencies *by = report->measures.by[kind][outcome];
            if (by == NULL)
                continue;
            fprintf(out, "%s", inner);
            put_percentiles(out, outcome_name((enum outcome)outcome), &by->response);
            inner = ", ";
        }
        fprintf(out, "}}");
        comma = ",";
    }
    fprintf(out, "\n  },\n");
}

static void put_moments(FILE *out, const struct measures *measures)
{
    fprintf(out, "  \"moment_ns\": %" PRIu64 ",\n  \"moments\": [", measures->moment_ns);
    for (uint32_t i = 0; i < measures->moment_count; i++) {
        const struct moment *moment = &measures->moments[i];
        fprintf(out, "%s\n    {\"offered\": %" PRIu32, i == 0 ? "" : ",", moment->offered);
        for (int outcome = 0; outcome < OUTCOMES; outcome++)
            fprintf(out, ", \"%s\": %" PRIu32, outcome_name((enum outcome)outcome),
                    moment->outcomes[outcome]);
        fprintf(out,
                ", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"p99.9\": %" PRIu64
                ", \"max\": %" PRIu64 ", \"lag\": %" PRIu64 "}",
                coarse_at(moment->response, 500000), coarse_at(moment->response, 990000),
                coarse_at(moment->response, 999000), moment->response_ns_max, moment->lag_ns_max);
    }
    fprintf(out, "\n  ]\n");
}

static void put_audit(FILE *out, const struct audit *audit)
{
    if (audit == NULL) {
        fprintf(out, "  \"audit\": null,\n");
        return;
    }
    fprintf(out,
            "  \"audit\": \"%s\",\n  \"audit_counts\": {\"orders\": %" PRIu64
            ", \"created\": %" PRIu64 ", \"lines\": %" PRIu64 ", \"units\": %" PRIu64
            ", \"amount\": %" PRId64 ", \"lost\": %" PRIu64 ", \"undone\": %" PRIu64
            ", \"duplicates\": %" PRIu64 ", \"changed\": %" PRIu64 ", \"skus\": %" PRIu64
            ", \"oversold\": %" PRIu64 ", \"unbalanced\": %" PRIu64 ", \"left_unsold\": %" PRIu64
            "},\n",
            audit_is_clean(audit) ? "ok" : "failed", audit->orders, audit->created, audit->lines,
            audit->units, audit->amount, audit->lost, audit->undone, audit->ghosts, audit->changed,
            audit->skus, audit->oversold, audit->unbalanced, audit->undersold);
}

static void put_slo(FILE *out, const struct slo *slo)
{
    fprintf(out, "  \"slo\": [");
    for (uint32_t i = 0; i < slo->count; i++) {
        const struct slo_term *term = &slo->terms[i];
        fprintf(out, "%s{\"term\": \"%.*s\", \"kept\": %s, \"found\": %.6f}", i == 0 ? "" : ", ",
                term->text_bytes, term->text, term->kept ? "true" : "false", term->found);
    }
    fprintf(out, "],\n");
}

static void put_shards(FILE *out, const struct report *report)
{
    char name[TRACE_NAME_BYTES];
    fprintf(out, "  \"shards\": [");
    for (uint32_t i = 0; i < report->shard_count; i++) {
        trace_name_of(&report->plan->trace, TRACE_SKUS, report->shards[i].hottest, name);
        fprintf(out, "%s{\"lines\": %" PRIu64 ", \"hottest_lines\": %" PRIu64 ", \"hottest\": ",
                i == 0 ? "" : ", ", report->shards[i].lines, report->shards[i].hottest_lines);
        put_text(out, name);
        fprintf(out, ", \"commands\": %" PRIu64 ", \"cpu_seconds\": %.6f}",
                report->shards[i].commands, report->shards[i].cpu_seconds);
    }
    fprintf(out, "],\n");
}

static void put_machine(FILE *out, const struct machine *machine)
{
    fprintf(out, "  \"machine\": {\"processor\": ");
    put_text(out, machine->processor);
    fprintf(out, ", \"kernel\": ");
    put_text(out, machine->kernel);
    fprintf(out,
            ", \"cores\": %" PRIu32 ", \"memory_bytes\": %" PRIu64 ", \"jitter_ns_p99\": %" PRIu64
            ", \"jitter_ns_max\": %" PRIu64 "},\n",
            machine->cores, machine->memory_bytes, machine->jitter_ns_p99, machine->jitter_ns_max);
}

static void put_search(FILE *out, const struct report *report)
{
    if (report->curve_count == 0)
        return;
    fprintf(out, "  \"search\": [");
    for (uint32_t i = 0; i < report->curve_count; i++) {
        const struct report_try *try = &report->curve[i];
        fprintf(out,
                "%s\n    {\"speed\": %.4f, \"per_second\": %.1f, \"p50\": %" PRIu64
                ", \"p99\": %" PRIu64 ", \"p99.9\": %" PRIu64 ", \"met\": %s}",
                i == 0 ? "" : ",", try->speed, try->per_second, try->ns[0], try->ns[1], try->ns[2],
                try->met ? "true" : "false");
    }
    fprintf(out, "\n  ],\n");
}

static void put_head(FILE *out, const struct report *report)
{
    fprintf(out, "{\n  \"version\": 1,\n  \"spate\": ");
    put_text(out, version_text());
    fprintf(out, ",\n  \"command\": ");
    put_text(out, report->command);
    fprintf(out, ",\n  \"verdict\": \"%s\",\n  \"why\": ", verdict_name(report->verdict));
    put_text(out, report->why);
    fprintf(out,
            ",\n  \"valid\": %s,\n  \"began\": \"%s\",\n  \"trace_hash\": \"%016" PRIx64
            "\",\n  \"requests_hash\": \"%016" PRIx64 "\",\n  \"seed\": %" PRIu64 ",\n",
            report->verdict == VERDICT_INVALID ? "false" : "true", report->began,
            report->plan->trace.head->hash, report->requests_hash, report->plan->trace.head->seed);
}

bool report_json(const struct report *report, const char *path)
{
    const struct measures *measures = &report->measures;
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return false;
    put_head(out, report);
    fprintf(out,
            "  \"offered\": %" PRIu64 ",\n  \"orders\": %" PRIu64 ",\n  \"seconds\": %.6f,\n"
            "  \"orders_per_second\": %.1f,\n  \"moot\": %" PRIu64 ",\n  \"sent_again\": %" PRIu64
            ",\n  \"never_answered\": %" PRIu64 ",\n  \"generator_ns_per_request\": %.1f,\n  ",
            measures->offered, measures->answered, report->seconds,
            (double)measures->answered / report->seconds, report->moot, report->retried,
            report->unresolved,
            measures->offered > 0 ? (double)report->cpu_ns / (double)measures->offered : 0);
    put_results(out, measures, 0, TRACE_KINDS - 1);
    fprintf(out, ",\n  ");
    put_percentiles(out, "response", &report->all.response);
    fprintf(out, ",\n  ");
    put_percentiles(out, "service", &report->all.service);
    fprintf(out, ",\n  ");
    put_percentiles(out, "lag", &measures->lag);
    fprintf(out, ",\n");
    put_operations(out, report);
    put_slo(out, &report->slo);
    put_audit(out, report->audit);
    put_shards(out, report);
    put_machine(out, &report->machine);
    put_search(out, report);
    put_moments(out, measures);
    fprintf(out, "}\n");
    bool good = !ferror(out);
    return fclose(out) == 0 && good;
}
