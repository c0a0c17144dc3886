/* One page that needs nothing else: style and pictures stand in it, and there is no script. */
#include "tools/report.h"

#include <inttypes.h>
#include <string.h>

#include "tools/report_charts.h"
#include "tools/svg.h"
#include "tools/version.h"

/* What the page looks like, a rule a string. */
static const char *const style[] = {
    ":root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#16202c;--soft:#5b6876;"
    "--line:#e3e7ec;--blue:#2563eb;--teal:#0f9f8f;--amber:#e08a00;--red:#d92d20;"
    "--violet:#7c3aed;--grey:#98a2b3;--good:#067647;--good-bg:#ecfdf3;--bad:#b42318;"
    "--bad-bg:#fef3f2;--warn:#93500a;--warn-bg:#fffaeb}",
    "@media(prefers-color-scheme:dark){:root{--page:#0e131a;--card:#171e27;--ink:#e7ecf2;"
    "--soft:#9aa7b5;--line:#2a3441;--blue:#6ea0ff;--teal:#3ccfbd;--amber:#f5b13d;"
    "--red:#ff6b5e;--violet:#b18cff;--grey:#667384;--good:#6ce0a2;--good-bg:#0f2a1e;"
    "--bad:#ff9a91;--bad-bg:#331715;--warn:#ffce7a;--warn-bg:#2f2410}}",
    "*{box-sizing:border-box}",
    "body{margin:0;background:var(--page);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}",
    "main{max-width:1128px;margin:0 auto;padding:28px 24px 48px}",
    "header{border-radius:14px;padding:26px 30px;margin-bottom:20px;"
    "border:1px solid var(--line)}",
    "header.good{background:var(--good-bg)}",
    "header.bad{background:var(--bad-bg)}",
    "header.warn{background:var(--warn-bg)}",
    "header.good h1{color:var(--good)}",
    "header.bad h1{color:var(--bad)}",
    "header.warn h1{color:var(--warn)}",
    "h1{font-size:34px;line-height:1.15;margin:0 0 8px;letter-spacing:-.01em}",
    "h2{font-size:17px;line-height:1.3;margin:0 0 2px}",
    "header p{margin:.45em 0 0;max-width:96ch}",
    "header .what{color:var(--soft);font-size:14px;margin:0 0 10px}",
    ".tiles{display:grid;grid-template-columns:repeat(8,1fr);gap:10px;"
    "margin-bottom:20px}",
    ".tile{background:var(--card);border:1px solid var(--line);border-radius:12px;"
    "padding:10px 12px}",
    ".tile b{display:block;font-size:19px;line-height:1.25;font-weight:650;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}",
    ".tile span{color:var(--soft);font-size:13px}",
    ".charts{display:grid;grid-template-columns:1fr 1fr;gap:20px}",
    "figure,section{background:var(--card);border:1px solid var(--line);border-radius:14px;"
    "margin:0;padding:18px 22px 14px;min-width:0}",
    "figure.full{grid-column:1/-1}",
    "figcaption p{color:var(--soft);font-size:14px;margin:0 0 6px;max-width:78ch}",
    ".legend span{margin-right:16px;white-space:nowrap}",
    ".legend i{display:inline-block;width:12px;height:12px;border-radius:3px;"
    "margin-right:6px;vertical-align:-1px}",
    "svg{display:block;width:100%;height:auto}",
    "svg.narrow{display:none}",
    "svg text{font-size:12px;fill:var(--soft);font-variant-numeric:tabular-nums}",
    "svg .note{fill:var(--ink);paint-order:stroke;stroke:var(--card);stroke-width:4px;"
    "stroke-linejoin:round}",
    "svg .name{fill:var(--ink)}",
    ".grid{stroke:var(--line);fill:none}",
    ".mark{stroke:var(--soft);stroke-dasharray:3 3;fill:none}",
    ".limit{stroke:var(--red);stroke-dasharray:6 4;stroke-width:1.5;fill:none}",
    "svg .limit-text{fill:var(--red)}",
    ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}",
    ".line.thin{stroke-width:1.2}",
    ".area{fill-opacity:.13}",
    ".line.c-offered{stroke:var(--blue)}",
    ".area.c-offered{fill:var(--blue)}",
    ".line.c-achieved{stroke:var(--teal)}",
    ".line.c-p50{stroke:var(--teal)}",
    ".line.c-p99{stroke:var(--blue)}",
    ".line.c-p999{stroke:var(--violet)}",
    ".line.c-max{stroke:var(--grey)}",
    ".line.c-lag{stroke:var(--amber)}",
    ".heat{fill:var(--blue)}",
    ".bar{fill:var(--blue);fill-opacity:.45}",
    ".bar-part{fill:var(--amber)}",
    ".o-done{fill:var(--blue)}",
    ".o-replayed{fill:var(--teal)}",
    ".o-out_of_stock{fill:var(--amber)}",
    ".o-refused{fill:var(--violet)}",
    ".o-failed{fill:var(--red)}",
    ".o-skipped{fill:var(--grey)}",
    ".met{fill:var(--good)}",
    ".missed{fill:var(--red)}",
    "i.c-offered,i.c-p99,i.o-done,i.heat{background:var(--blue)}",
    "i.bar{background:var(--blue);opacity:.45}",
    "i.c-achieved,i.c-p50,i.o-replayed{background:var(--teal)}i.met{background:var(--good)}",
    "i.c-p999,i.o-refused{background:var(--violet)}",
    "i.c-max,i.o-skipped{background:var(--grey)}",
    "i.bar-part,i.o-out_of_stock{background:var(--amber)}",
    "i.o-failed,i.missed{background:var(--red)}",
    "section{margin-top:20px}",
    ".scroll{overflow-x:auto}",
    "table{border-collapse:collapse;width:100%;font-size:14px;"
    "font-variant-numeric:tabular-nums}",
    "th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);"
    "white-space:nowrap}",
    "th{color:var(--soft);font-weight:500}",
    "th:first-child,td:first-child{text-align:left;padding-left:0}",
    "tr:last-child td{border-bottom:0}",
    ".kept{color:var(--good)}",
    ".lost{color:var(--bad)}",
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 20px;margin:8px 0 4px;"
    "font-size:14px}",
    "dt{color:var(--soft)}",
    "dd{margin:0;overflow-wrap:anywhere}",
    "code{font:13px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}",
    "footer{color:var(--soft);font-size:13px;margin-top:20px}",
    "@media(max-width:760px){main{padding:14px 12px 32px}header{padding:20px 18px}h1{"
    "font-size:27px}.tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:10px 12px}"
    ".tile b{font-size:20px}.charts{grid-template-columns:1fr;gap:12px}figure,section{"
    "padding:14px 12px 10px;border-radius:12px}svg.wide{display:none}svg.narrow{"
    "display:block}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:8px}}",
    "@media print{:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;"
    "--line:#ccc;--blue:#2563eb;--teal:#0f9f8f;--amber:#e08a00;--red:#d92d20;"
    "--violet:#7c3aed;--grey:#98a2b3;--good:#067647;--good-bg:#fff;--bad:#b42318;"
    "--bad-bg:#fff;--warn:#93500a;--warn-bg:#fff}*{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}main{padding:0;max-width:none}"
    "figure,section,header,.tile{break-inside:avoid}}",
};

/* ---- the verdict in words ---------------------------------------------------------------------------------- */

static const struct {
    const char *class;
    const char *words;
} verdicts[] = {
    [VERDICT_PASSED] = {"good", "It held."},
    [VERDICT_FAILED] = {"bad", "It did not hold."},
    [VERDICT_SLO_MISSED] = {"bad", "It held, but it was too slow."},
    [VERDICT_INVALID] = {"warn", "This run proves nothing."},
    [VERDICT_INTERRUPTED] = {"warn", "Stopped before the end."},
};

static uint64_t outcomes_of(const struct report *report, enum outcome outcome)
{
    uint64_t count = 0;
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        count += measures_outcomes(&report->measures, (enum trace_kind)kind, outcome);
    return count;
}

static void put_number(FILE *out, uint64_t value)
{
    char text[32];
    number_say((double)value, text);
    fputs(text, out);
}

static void put_duration(FILE *out, uint64_t ns)
{
    char text[32];
    duration_say((double)ns, text);
    fputs(text, out);
}

static void put_load(FILE *out, const struct report *report)
{
    char when[32];
    double at_ns, most = report_peak(report, &at_ns);
    report_time(report, at_ns, true, when);
    fprintf(out, "<p>");
    put_number(out, report->measures.offered);
    fprintf(out, " requests were due within %.*f seconds, ", report->seconds < 10 ? 1 : 0,
            report->seconds);
    put_number(out, (uint64_t)most);
    fprintf(out, " a second at the peak (%s). Half of the answers came within ", when);
    put_duration(out, histogram_at(&report->all.response, 500000));
    fprintf(out, ", 99 %% within ");
    put_duration(out, histogram_at(&report->all.response, 990000));
    fprintf(out, ", 99.9 %% within ");
    put_duration(out, histogram_at(&report->all.response, 999000));
    fprintf(out, "; the slowest took ");
    put_duration(out, report->all.response.max);
    fprintf(out, ".");
    if (outcomes_of(report, OUTCOME_OUT_OF_STOCK) > 0) {
        fprintf(out, " To ");
        put_number(out, outcomes_of(report, OUTCOME_OUT_OF_STOCK));
        fprintf(out, " the answer was that there is not enough stock.");
    }
    fprintf(out, "</p>\n");
}

static void put_fault(FILE *out, uint64_t count, const char *words)
{
    if (count == 0)
        return;
    fprintf(out, " ");
    put_number(out, count);
    fprintf(out, " %s", words);
}

static void put_audit(FILE *out, const struct report *report)
{
    const struct audit *audit = report->audit;
    fprintf(out, "<p>");
    if (audit == NULL) {
        fprintf(out, "The server's orders and stock were not looked at afterwards.</p>\n");
        return;
    }
    if (audit_is_clean(audit)) {
        fprintf(out, "Afterwards the server was asked for every order and every SKU: all ");
        put_number(out, audit->created);
        fprintf(out,
                " orders that it had acknowledged are there as they were sent. Nothing is lost, "
                "nothing is there twice, and of ");
        put_number(out, audit->skus);
        fprintf(out, " SKUs none was sold more often than it was in stock.</p>\n");
        return;
    }
    fprintf(out,
            "Afterwards the server was asked for every order and every SKU, and this was wrong:");
    put_fault(out, audit->lost, "orders acknowledged, but lost.");
    put_fault(out, audit->undone,
              "orders without a payment or cancellation that was acknowledged.");
    put_fault(out, audit->ghosts, "orders refused, but there all the same.");
    put_fault(out, audit->changed, "orders that are not as they were sent.");
    put_fault(out, audit->oversold, "SKUs sold more often than they were in stock.");
    put_fault(out, audit->unbalanced,
              "SKUs whose stock is not what was received less what was sold.");
    put_fault(out, audit->undersold, "SKUs refused to somebody though there was enough.");
    fprintf(out, "</p>\n");
}

static void put_verdict(FILE *out, const struct report *report)
{
    char why[256], words[64];
    bool searched = report->curve_count > 0 && report->verdict == VERDICT_PASSED;
    snprintf(why, sizeof why, "%s", report->why);
    if (why[0] >= 'a' && why[0] <= 'z')
        why[0] = (char)(why[0] - 'a' + 'A');
    snprintf(words, sizeof words, "%s", verdicts[report->verdict].words);
    if (searched)
        snprintf(words, sizeof words, "It holds up to %.3g times the speed.",
                 1 / report->plan->ns_per_trace_ns);
    fprintf(out,
            "<header class=\"%s\"><p class=\"what\">A day replayed with Spate, %s</p><h1>%s</h1>",
            verdicts[report->verdict].class, report->began, words);
    fprintf(out, "<p><b>");
    html_put(out, why);
    fprintf(out, ".</b></p>\n");
    put_load(out, report);
    put_audit(out, report);
    fprintf(out, "</header>\n");
}

static void put_tile(FILE *out, const char *class, const char *value, const char *name)
{
    fprintf(out, "<div class=\"tile\"><b class=\"%s\">%s</b><span>%s</span></div>", class, value,
            name);
}

static void put_duration_tile(FILE *out, const struct report *report, uint32_t per_million,
                              const char *name)
{
    char text[32];
    duration_say((double)histogram_at(&report->all.response, per_million), text);
    put_tile(out, "", text, name);
}

static void put_tiles(FILE *out, const struct report *report)
{
    char text[32];
    double at_ns, most = report_peak(report, &at_ns);
    fprintf(out, "<div class=\"tiles\">");
    number_say((double)report->measures.answered, text);
    put_tile(out, "", text, "answers");
    number_say(most, text);
    put_tile(out, "", text, "peak a second");
    put_duration_tile(out, report, 500000, "p50");
    put_duration_tile(out, report, 990000, "p99");
    put_duration_tile(out, report, 999000, "p99.9");
    number_say((double)outcomes_of(report, OUTCOME_OUT_OF_STOCK), text);
    put_tile(out, "", text, "out of stock");
    snprintf(text, sizeof text, "%.3g %%", report->error_share * 100);
    put_tile(out, "", text, "went wrong");
    if (report->audit == NULL)
        put_tile(out, "", "&ndash;", "audit");
    else if (audit_is_clean(report->audit))
        put_tile(out, "kept", "OK", "audit");
    else
        put_tile(out, "lost", "failed", "audit");
    fprintf(out, "</div>\n");
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

static void put_slo(FILE *out, const struct report *report)
{
    char limit[32], found[32];
    if (report->slo.count == 0)
        return;
    fprintf(out,
            "<section><h2>What was promised</h2><div class=\"scroll\"><table><tr><th>promise</th>"
            "<th>limit</th><th>found</th><th></th></tr>");
    for (uint32_t i = 0; i < report->slo.count; i++) {
        const struct slo_term *term = &report->slo.terms[i];
        bool errors = term->per_million == SLO_ERRORS;
        duration_say(term->limit, limit);
        duration_say(term->found, found);
        if (errors) {
            snprintf(limit, sizeof limit, "%.4g %%", term->limit * 100);
            snprintf(found, sizeof found, "%.4g %%", term->found * 100);
        }
        fprintf(out, "<tr><td>%.*s", (int)strcspn(term->text, "<"), term->text);
        fprintf(out, "</td><td>below %s</td><td>%s</td><td class=\"%s\">%s</td></tr>", limit, found,
                term->kept ? "kept" : "lost", term->kept ? "kept" : "missed");
    }
    fprintf(out, "</table></div></section>\n");
}

static void put_latency_row(FILE *out, const char *name, const char *which, uint64_t count,
                            const struct histogram *histogram)
{
    static const uint32_t points[] = {500000, 900000, 990000, 999000, 1000000};
    char text[32];
    number_say((double)count, text);
    fprintf(out, "<tr><td>%s</td><td>%s</td><td>%s</td>", name, which, text);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        duration_say((double)histogram_at(histogram, points[i]), text);
        fprintf(out, "<td>%s</td>", text);
    }
    fprintf(out, "</tr>");
}

/* An operation with its outcomes, if it has had more than one. */
static void put_operation(FILE *out, const struct report *report, enum trace_kind kind)
{
    const struct latencies *all = &report->by_kind[kind];
    struct latencies *const *by = report->measures.by[kind];
    const char *name = trace_kind_name(kind);
    char words[64];
    if (all->response.total == 0)
        return;
    put_latency_row(out, name, "response", all->response.total, &all->response);
    put_latency_row(out, name, "service", all->service.total, &all->service);
    for (int outcome = 0; outcome < OUTCOMES; outcome++) {
        if (by[outcome] == NULL || by[outcome]->response.total == all->response.total)
            continue;
        snprintf(words, sizeof words, "%s, %s", name, outcome_name((enum outcome)outcome));
        put_latency_row(out, words, "response", by[outcome]->response.total,
                        &by[outcome]->response);
    }
}

static void put_operations(FILE *out, const struct report *report)
{
    fprintf(
        out,
        "<section><h2>By operation and result</h2><div class=\"scroll\"><table><tr><th>operation"
        "</th><th>time</th><th>answers</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th>"
        "<th>max</th></tr>");
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        put_operation(out, report, (enum trace_kind)kind);
    put_latency_row(out, "schedule lag", "", report->measures.lag.total, &report->measures.lag);
    fprintf(out, "</table></div><p class=\"legend\">");
    for (uint32_t code = 0; code < CODES; code++) {
        uint64_t count = 0;
        for (int kind = 0; kind < TRACE_KINDS; kind++)
            count += report->measures.codes[kind][code];
        if (count == 0)
            continue;
        fprintf(out, "<span><code>%s</code> ", spate_code_name(code));
        put_number(out, count);
        fprintf(out, "</span>");
    }
    fprintf(out, "</p></section>\n");
}

static void put_fact(FILE *out, const char *name, const char *value)
{
    fprintf(out, "<dt>%s</dt><dd>", name);
    html_put(out, value);
    fprintf(out, "</dd>");
}

static void put_facts(FILE *out, const struct report *report)
{
    const struct trace_head *head = report->plan->trace.head;
    const struct machine *machine = &report->machine;
    char text[256], jitter[32];
    fprintf(out, "<section><h2>To do it again</h2><dl><dt>command</dt><dd><code>");
    html_put(out, report->command);
    fprintf(out, "</code></dd>");
    snprintf(text, sizeof text, "%016" PRIx64 ", seed %" PRIu64, head->hash, head->seed);
    put_fact(out, "trace", text);
    snprintf(text, sizeof text,
             "%016" PRIx64 ", the same for every run of this trace with these choices",
             report->requests_hash);
    put_fact(out, "requests", text);
    put_fact(out, "spate", version_text());
    snprintf(text, sizeof text, "%s, %" PRIu32 " cores, %.1f GiB, %s", machine->processor,
             machine->cores, (double)machine->memory_bytes / 0x1p30, machine->kernel);
    put_fact(out, "this machine", text);
    duration_say((double)machine->jitter_ns_max, jitter);
    snprintf(
        text, sizeof text,
        "woke %s late at most before the run; %.0f ns of processor time a request, its busiest "
        "thread %.0f %% busy",
        jitter,
        report->measures.offered > 0 ? (double)report->cpu_ns / (double)report->measures.offered
                                     : 0,
        report->cpu_share * 100);
    put_fact(out, "its punctuality", text);
    fprintf(out, "</dl></section>\n");
}

/* ---- the page ------------------------------------------------------------------------------------------------- */

bool report_html(const struct report *report, const char *path)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return false;
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
            "<title>%s Spate, %s</title><style>\n",
            verdicts[report->verdict].words, report->began);
    for (size_t i = 0; i < sizeof style / sizeof *style; i++)
        fprintf(out, "%s\n", style[i]);
    fprintf(out, "</style></head><body><main>\n");
    put_verdict(out, report);
    put_tiles(out, report);
    fprintf(out, "<div class=\"charts\">\n");
    chart_search(out, report);
    chart_rates(out, report);
    chart_percentiles(out, report);
    chart_spectrum(out, report);
    chart_heat(out, report);
    chart_results(out, report);
    chart_shards(out, report);
    chart_hottest(out, report);
    chart_lag(out, report);
    fprintf(out, "</div>\n");
    put_slo(out, report);
    put_operations(out, report);
    put_facts(out, report);
    fprintf(out, "</main></body></html>\n");
    bool good = !ferror(out);
    return fclose(out) == 0 && good;
}
