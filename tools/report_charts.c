#include "tools/report_charts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "tools/svg.h"

enum { COLUMNS_MAX = 160, WIDE_COLUMNS = 150, NARROW_COLUMNS = 60, HALF_COLUMNS = 80 };
enum { FULL_WIDTH = 1040, HALF_WIDTH = 506, NARROW_WIDTH = 340 };
static const double DAY_NS = 86400e9;

/* Neighbouring moments together, as many as there is room to draw. */
struct columns {
    uint32_t count;
    double width_ns;
    struct moment of[COLUMNS_MAX];
};

static void moment_add(struct moment *into, const struct moment *from)
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

static void make_columns(struct columns *columns, const struct report *report, uint32_t most)
{
    const struct measures *measures = &report->measures;
    uint32_t each = (measures->moment_count + most - 1) / most;
    memset(columns, 0, sizeof *columns);
    each = each > 0 ? each : 1;
    columns->width_ns = (double)measures->moment_ns * each;
    for (uint32_t i = 0; i < measures->moment_count; i++)
        moment_add(&columns->of[i / each], &measures->moments[i]);
    columns->count = (measures->moment_count + each - 1) / each;
}

static double column_seconds(const struct columns *columns)
{
    return columns->width_ns / 1e9;
}

/* ---- the time axis ----------------------------------------------------------------------------------------- */

static bool has_clock(const struct report *report)
{
    return !report->plan->max && report->plan->passes == 1;
}

/* ns since the epoch by the trace's clock, or since the run began. */
static double clock_at(const struct report *report, double ns)
{
    const struct plan *plan = report->plan;
    if (!has_clock(report))
        return ns;
    return (double)(plan->trace.head->begins_ns + plan->from_ns) + ns / plan->ns_per_trace_ns;
}

static double clock_rate(const struct report *report)
{
    return has_clock(report) ? 1 / report->plan->ns_per_trace_ns : 1;
}

void report_time(const struct report *report, double ns, bool to_the_second, char out[32])
{
    if (!has_clock(report)) {
        snprintf(out, 32, ns < 10e9 ? "%.3g s" : "%.0f s", ns / 1e9);
        return;
    }
    uint64_t seconds = (uint64_t)(fmod(clock_at(report, ns), DAY_NS) / 1e9 + 0.0005);
    snprintf(out, 32, to_the_second ? "%02u:%02u:%02u" : "%02u:%02u", (unsigned)(seconds / 3600),
             (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
}

static double clock_step(double span_ns, double ticks)
{
    static const double steps[] = {
        0.1, 0.2,  0.5,  1,    2,     5,     10,    15,    30,     60,     120,     300,    600,
        900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000, 7776000};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (span_ns / 1e9 / steps[i] <= ticks)
            return steps[i] * 1e9;
    return 31536000e9;
}

static void day_say(double clock_ns_, char out[32])
{
    /* Days since the epoch as a date: the civil calendar's well-known arithmetic. */
    int64_t days = (int64_t)(clock_ns_ / DAY_NS) + 719468;
    int64_t era = days / 146097, day_of_era = days % 146097;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day + 2) / 153;
    day = day - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    snprintf(out, 32, "%04d-%02d-%02d", (int)(year + era * 400 + (month <= 2)), (int)month,
             (int)day);
}

static void time_axis(const struct chart *chart, const struct report *report)
{
    char label[32];
    double from = clock_at(report, chart->x_min), rate = clock_rate(report);
    double span = (chart->x_max - chart->x_min) * rate;
    double step = clock_step(span, chart->narrow ? 4 : chart->width > 600 ? 10 : 5);
    for (double at = ceil(from / step) * step; at <= from + span * 1.0001; at += step) {
        double ns = chart->x_min + (at - from) / rate;
        if (has_clock(report) && step >= DAY_NS)
            day_say(at, label);
        else
            report_time(report, ns, step < 60e9, label);
        svg_x_tick(chart, ns, label);
    }
}

/* ---- what stands around a picture ----------------------------------------------------------------------------- */

struct key {
    const char *class;
    const char *name;
};

static void figure_open(FILE *out, const char *class, const char *heading, const char *explanation,
                        const struct key *keys)
{
    fprintf(out, "<figure class=\"%s\"><figcaption><h2>%s</h2><p>%s</p>", class, heading,
            explanation);
    if (keys != NULL)
        fprintf(out, "<p class=\"legend\">");
    for (; keys != NULL && keys->name != NULL; keys++)
        fprintf(out, "<span><i class=\"%s\"></i>%s</span>", keys->class, keys->name);
    fprintf(out, "%s</figcaption>\n", keys != NULL ? "</p>" : "");
}

static void figure_close(FILE *out)
{
    fprintf(out, "</figure>\n");
}

typedef void draw_fn(struct chart *chart, const struct report *report,
                     const struct columns *columns);

/* Wide and narrow, over the time of the run. */
static void draw_both(FILE *out, const struct report *report, const char *title, bool full,
                      double height, draw_fn *draw)
{
    struct columns columns;
    struct chart chart;
    for (int narrow = 0; narrow < 2; narrow++) {
        make_columns(&columns, report,
                     narrow ? NARROW_COLUMNS
                     : full ? WIDE_COLUMNS
                            : HALF_COLUMNS);
        svg_open(&chart, out, title,
                 narrow ? NARROW_WIDTH
                 : full ? FULL_WIDTH
                        : HALF_WIDTH,
                 narrow ? 220 : height, narrow);
        chart.x_max = columns.count > 0 ? columns.count * columns.width_ns : 1;
        draw(&chart, report, &columns);
        svg_close(&chart);
    }
}

static double centre(const struct columns *columns, uint32_t i)
{
    return (i + 0.5) * columns->width_ns;
}

/* ---- offered and achieved ---------------------------------------------------------------------------------------- */

static uint64_t answered_of(const struct moment *moment)
{
    uint64_t count = 0;
    for (int outcome = 0; outcome < OUTCOME_SKIPPED; outcome++)
        count += moment->outcomes[outcome];
    return count;
}

double report_peak(const struct report *report, double *at_ns)
{
    struct columns columns;
    double most = 0;
    make_columns(&columns, report, WIDE_COLUMNS);
    *at_ns = 0;
    for (uint32_t i = 0; i < columns.count; i++)
        if (columns.of[i].offered / column_seconds(&columns) > most) {
            most = columns.of[i].offered / column_seconds(&columns);
            *at_ns = centre(&columns, i);
        }
    return most;
}

/* Midnight of the trace's clock within the run; below 0: there is none. */
static double midnight_of(const struct report *report, double last_ns)
{
    double from = clock_at(report, 0);
    double next = ceil(from / DAY_NS) * DAY_NS;
    double ns = (next - from) / clock_rate(report);
    return has_clock(report) && ns > 0 && ns < last_ns && last_ns * clock_rate(report) < 2 * DAY_NS
               ? ns
               : -1;
}

static double first_sold_out(const struct columns *columns)
{
    for (uint32_t i = 0; i < columns->count; i++)
        if (columns->of[i].outcomes[OUTCOME_OUT_OF_STOCK] > 0)
            return centre(columns, i);
    return -1;
}

static void draw_marks(const struct chart *chart, const struct report *report,
                       const struct columns *columns)
{
    char words[64], count[32];
    double at_ns, most = report_peak(report, &at_ns);
    double midnight = midnight_of(report, chart->x_max), sold_out = first_sold_out(columns);
    number_say_short(most, count);
    snprintf(words, sizeof words, "peak: %s/s", count);
    svg_mark(chart, at_ns, words, 0, midnight > at_ns);
    if (midnight >= 0)
        svg_mark(chart, midnight, "midnight", 1, midnight <= at_ns);
    if (sold_out >= 0)
        svg_mark(chart, sold_out, "first sold out", 2, false);
}

static void draw_rates(struct chart *chart, const struct report *report,
                       const struct columns *columns)
{
    double x[COLUMNS_MAX], offered[COLUMNS_MAX], achieved[COLUMNS_MAX], most = 1;
    for (uint32_t i = 0; i < columns->count; i++) {
        x[i] = centre(columns, i);
        offered[i] = columns->of[i].offered / column_seconds(columns);
        achieved[i] = (double)answered_of(&columns->of[i]) / column_seconds(columns);
        most = fmax(most, fmax(offered[i], achieved[i]));
    }
    chart->y_max = most * 1.15;
    svg_y_axis(chart, number_say_short);
    time_axis(chart, report);
    if (columns->count > 1)
        svg_area(chart, "c-offered", x, offered, columns->count);
    svg_line(chart, "c-offered", x, offered, columns->count);
    svg_line(chart, "c-achieved", x, achieved, columns->count);
    draw_marks(chart, report, columns);
}

void chart_rates(FILE *out, const struct report *report)
{
    static const struct key keys[] = {
        {"c-offered", "offered"}, {"c-achieved", "answered"}, {NULL, NULL}};
    figure_open(out, "full", "Offered and answered",
                "Requests a second. Where the second line stays below the first, the server fell "
                "behind; where it is above, it caught up.",
                keys);
    draw_both(out, report, "Requests offered and answered over time", true, 280, draw_rates);
    figure_close(out);
}

/* ---- latency over time ---------------------------------------------------------------------------------------------- */

/* Round limits of a logarithmic axis of times around two values. */
static void log_range(struct chart *chart, double least, double most)
{
    chart->log_y = true;
    chart->y_min = pow(10, floor(log10(fmax(least, 1e3)) * 2) / 2);
    chart->y_max = pow(10, ceil(log10(fmax(most, 1e4)) * 2 + 0.2) / 2);
}

/* The highest of `most` and the promises that are not out of all proportion to it. */
static double with_slo(const struct report *report, double most)
{
    double with = most;
    for (uint32_t i = 0; i < report->slo.count; i++) {
        const struct slo_term *term = &report->slo.terms[i];
        if (term->per_million != SLO_ERRORS && term->limit < most * 10)
            with = fmax(with, term->limit);
    }
    return with;
}

static void draw_slo_lines(const struct chart *chart, const struct report *report)
{
    char words[80];
    for (uint32_t i = 0; i < report->slo.count; i++) {
        const struct slo_term *term = &report->slo.terms[i];
        if (term->per_million == SLO_ERRORS || term->limit < chart->y_min ||
            term->limit > chart->y_max)
            continue;
        snprintf(words, sizeof words, "promised: %.*s", term->text_bytes, term->text);
        svg_limit(chart, term->limit, words);
    }
}

static const struct {
    uint32_t per_million;
    const char *class;
} percentiles[] = {{500000, "c-p50"}, {990000, "c-p99"}, {999000, "c-p999"}};

static void draw_percentiles(struct chart *chart, const struct report *report,
                             const struct columns *columns)
{
    double x[COLUMNS_MAX], y[4][COLUMNS_MAX], least = 1e12, most = 0;
    for (uint32_t i = 0; i < columns->count; i++) {
        const struct moment *moment = &columns->of[i];
        bool any = moment->response_ns_max > 0;
        x[i] = centre(columns, i);
        y[3][i] = any ? (double)moment->response_ns_max : -1;
        for (int p = 0; p < 3; p++)
            y[p][i] =
                any ? fmin((double)coarse_at(moment->response, percentiles[p].per_million), y[3][i])
                    : -1;
        least = any ? fmin(least, y[0][i]) : least;
        most = fmax(most, y[3][i]);
    }
    log_range(chart, least, with_slo(report, most));
    svg_y_axis(chart, duration_say);
    time_axis(chart, report);
    svg_line(chart, "c-max thin", x, y[3], columns->count);
    for (int p = 2; p >= 0; p--)
        svg_line(chart, percentiles[p].class, x, y[p], columns->count);
    draw_slo_lines(chart, report);
}

void chart_percentiles(FILE *out, const struct report *report)
{
    static const struct key keys[] = {{"c-p50", "half within (p50)"},
                                      {"c-p99", "99 % (p99)"},
                                      {"c-p999", "99.9 % (p99.9)"},
                                      {"c-max", "slowest"},
                                      {NULL, NULL}};
    figure_open(
        out, "full", "How long an answer took, over time",
        "Response time: from the moment at which a request was to be sent, whether or not it "
        "could be, to its answer.",
        keys);
    draw_both(out, report, "Percentiles of response time over time", true, 280, draw_percentiles);
    figure_close(out);
}

/* ---- the spectrum --------------------------------------------------------------------------------------------------- */

enum { SPECTRUM_POINTS = 120 };

static uint32_t spectrum(const struct histogram *histogram, double *x, double *y)
{
    double nines = fmin(log10((double)histogram->total + 1), 6);
    for (uint32_t i = 0; i < SPECTRUM_POINTS; i++) {
        x[i] = 0.3 + (nines - 0.3) * i / (SPECTRUM_POINTS - 1);
        y[i] = (double)histogram_at(histogram, (uint32_t)((1 - pow(10, -x[i])) * 1e6 + 0.5));
    }
    return nines > 0.4 ? SPECTRUM_POINTS : 0;
}

static void draw_spectrum(struct chart *chart, const struct report *report)
{
    static const struct {
        double nines;
        const char *name;
    } ticks[] = {{0.30103, "50 %"}, {1, "90 %"},    {2, "99 %"},
                 {3, "99.9 %"},     {4, "99.99 %"}, {5, "99.999 %"}};
    double x[SPECTRUM_POINTS], response[SPECTRUM_POINTS], service[SPECTRUM_POINTS];
    uint32_t count = spectrum(&report->all.response, x, response);
    spectrum(&report->all.service, x, service);
    if (count == 0)
        return;
    chart->x_min = 0.3;
    chart->x_max = fmax(x[count - 1], 2);
    log_range(chart, service[0], with_slo(report, response[count - 1]));
    svg_y_axis(chart, duration_say);
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++)
        if (ticks[i].nines <= chart->x_max && !(chart->narrow && i == 1))
            svg_x_tick(chart, ticks[i].nines, ticks[i].name);
    svg_line(chart, "c-achieved", x, service, count);
    svg_line(chart, "c-offered", x, response, count);
    draw_slo_lines(chart, report);
}

void chart_spectrum(FILE *out, const struct report *report)
{
    static const struct key keys[] = {{"c-offered", "response, from the intended time"},
                                      {"c-achieved", "service, from the sending"},
                                      {NULL, NULL}};
    struct chart chart;
    figure_open(out, "half", "How long the slowest take",
                "So many of all requests took no longer than this. Where the lines part, requests "
                "waited before they could be sent.",
                keys);
    for (int narrow = 0; narrow < 2; narrow++) {
        svg_open(&chart, out, "Percentile spectrum of response and service time",
                 narrow ? NARROW_WIDTH : HALF_WIDTH, narrow ? 220 : 280, narrow);
        draw_spectrum(&chart, report);
        svg_close(&chart);
    }
    figure_close(out);
}

/* ---- the heat map ---------------------------------------------------------------------------------------------------- */

static void heat_range(const struct columns *columns, uint32_t *low, uint32_t *high, uint32_t *most)
{
    *low = COARSE_BUCKETS - 1;
    *high = *most = 0;
    for (uint32_t i = 0; i < columns->count; i++)
        for (uint32_t j = 0; j < COARSE_BUCKETS; j++) {
            uint32_t count = columns->of[i].response[j];
            if (count == 0)
                continue;
            *low = j < *low ? j : *low;
            *high = j > *high ? j : *high;
            *most = count > *most ? count : *most;
        }
}

static void draw_heat(struct chart *chart, const struct report *report,
                      const struct columns *columns)
{
    uint32_t low, high, most;
    char title[128], when[32], from[32], to[32];
    heat_range(columns, &low, &high, &most);
    if (most == 0)
        return;
    chart->log_y = true;
    chart->y_min = fmax((double)coarse_floor(low), 800);
    chart->y_max = (double)coarse_floor(high + 1);
    svg_y_axis(chart, duration_say);
    time_axis(chart, report);
    for (uint32_t i = 0; i < columns->count; i++)
        for (uint32_t j = low; j <= high; j++) {
            uint32_t count = columns->of[i].response[j];
            if (count == 0)
                continue;
            report_time(report, i * columns->width_ns, true, when);
            duration_say((double)coarse_floor(j), from);
            duration_say((double)coarse_floor(j + 1), to);
            snprintf(title, sizeof title, "%s: %" PRIu32 " took %s to %s", when, count, from, to);
            svg_box(chart, "heat", 0.1 + 0.9 * log(1 + (double)count) / log(1 + (double)most),
                    i * columns->width_ns, (i + 1) * columns->width_ns,
                    fmax((double)coarse_floor(j), chart->y_min), (double)coarse_floor(j + 1),
                    title);
        }
}

void chart_heat(FILE *out, const struct report *report)
{
    figure_open(out, "half", "Every answer",
                "The darker, the more answers took so long at that time. A second band above the "
                "first is something that only some of the requests wait for.",
                NULL);
    draw_both(out, report, "Heat map of response times", false, 280, draw_heat);
    figure_close(out);
}

/* ---- results over time ------------------------------------------------------------------------------------------------- */

static const struct key outcome_keys[] = {{"o-done", "done"},
                                          {"o-replayed", "known already"},
                                          {"o-out_of_stock", "out of stock"},
                                          {"o-refused", "refused"},
                                          {"o-failed", "failed"},
                                          {"o-skipped", "not sent"},
                                          {NULL, NULL}};

static void draw_results(struct chart *chart, const struct report *report,
                         const struct columns *columns)
{
    double most = 1;
    for (uint32_t i = 0; i < columns->count; i++) {
        const struct moment *moment = &columns->of[i];
        most = fmax(most, (double)(answered_of(moment) + moment->outcomes[OUTCOME_SKIPPED]) /
                              column_seconds(columns));
    }
    chart->y_max = most * 1.05;
    svg_y_axis(chart, number_say_short);
    time_axis(chart, report);
    for (uint32_t i = 0; i < columns->count; i++) {
        double low = 0;
        for (int outcome = 0; outcome < OUTCOMES; outcome++) {
            double high = low + columns->of[i].outcomes[outcome] / column_seconds(columns);
            if (high > low)
                svg_box(chart, outcome_keys[outcome].class, 1, (i + 0.04) * columns->width_ns,
                        (i + 0.96) * columns->width_ns, low, high, NULL);
            low = high;
        }
    }
}

void chart_results(FILE *out, const struct report *report)
{
    struct key keys[OUTCOMES + 1];
    uint32_t count = 0;
    for (int outcome = 0; outcome < OUTCOMES; outcome++) {
        uint64_t of = 0;
        for (int kind = 0; kind < TRACE_KINDS; kind++)
            of +=
                measures_outcomes(&report->measures, (enum trace_kind)kind, (enum outcome)outcome);
        if (of > 0)
            keys[count++] = outcome_keys[outcome];
    }
    keys[count] = (struct key){NULL, NULL};
    figure_open(out, "full", "What the answers were", "Answers a second, by what they said.", keys);
    draw_both(out, report, "Results over time", true, 220, draw_results);
    figure_close(out);
}

/* ---- the generator's own lag ---------------------------------------------------------------------------------------------- */

static void draw_lag(struct chart *chart, const struct report *report,
                     const struct columns *columns)
{
    double x[COLUMNS_MAX], y[COLUMNS_MAX], most = 1e5;
    for (uint32_t i = 0; i < columns->count; i++) {
        x[i] = centre(columns, i);
        y[i] = (double)columns->of[i].lag_ns_max;
        most = fmax(most, y[i]);
    }
    log_range(chart, 1e4, fmax(most, (double)report->lag_ns_max));
    for (uint32_t i = 0; i < columns->count; i++)
        y[i] = fmax(y[i], chart->y_min);
    svg_y_axis(chart, duration_say);
    time_axis(chart, report);
    svg_line(chart, "c-lag", x, y, columns->count);
    svg_limit(chart, (double)report->lag_ns_max, "the limit of a valid run");
}

void chart_lag(FILE *out, const struct report *report)
{
    figure_open(
        out, "full", "How punctual this machine was",
        "How much too late a request was sent at most, for want of this machine's own time. "
        "It counts as response time, but it is not the server's.",
        NULL);
    draw_both(out, report, "Lag of the load generator over time", true, 200, draw_lag);
    figure_close(out);
}

/* ---- shards and SKUs ---------------------------------------------------------------------------------------------------------- */

struct bar {
    char name[TRACE_NAME_BYTES];
    char note[TRACE_NAME_BYTES + 16];
    double value;
    double part; /* of it, that stands out */
};

static void draw_bars(FILE *out, const char *title, const struct bar *bars, uint32_t count)
{
    struct chart chart;
    char value[32];
    double most = 1;
    for (uint32_t i = 0; i < count; i++)
        most = fmax(most, bars[i].value);
    for (int narrow = 0; narrow < 2; narrow++) {
        double row = 38;
        svg_open(&chart, out, title, narrow ? NARROW_WIDTH : HALF_WIDTH, count * row + 8, narrow);
        chart.left = 0;
        chart.right = chart.width - 62;
        chart.top = 0;
        chart.bottom = chart.height;
        chart.x_max = most;
        chart.y_max = chart.height;
        for (uint32_t i = 0; i < count; i++) {
            double top = i * row + 4, y = chart.height - top - 16;
            number_say(bars[i].value, value);
            svg_text(out, "name", 0, top + 10, "start", bars[i].name);
            svg_text(out, "tick", chart.right, top + 10, "end", bars[i].note);
            svg_box(&chart, "bar", 1, 0, bars[i].value, y - 13, y, NULL);
            svg_box(&chart, "bar-part", 1, 0, bars[i].part, y - 13, y, NULL);
            svg_text(out, "tick", svg_x(&chart, bars[i].value) + 6, top + 26, "start", value);
        }
        svg_close(&chart);
    }
}

/* Over HTTP nobody knows whose SKU is whose, so a bar is what the shard says that it has done. */
static struct bar bar_of_shard(const struct report *report, uint32_t number)
{
    const struct report_shard *shard = &report->shards[number];
    char sku[TRACE_NAME_BYTES];
    struct bar bar = {.value = (double)shard->lines, .part = (double)shard->hottest_lines};
    snprintf(bar.name, sizeof bar.name, "shard %" PRIu32, number);
    if (shard->cpu_seconds > 0)
        snprintf(bar.name, sizeof bar.name, "shard %" PRIu32 ", busy %.0f %%", number,
                 100 * shard->cpu_seconds / report->seconds);
    if (shard->lines == 0) {
        bar.value = (double)shard->commands;
        return bar;
    }
    trace_name_of(&report->plan->trace, TRACE_SKUS, shard->hottest, sku);
    snprintf(bar.note, sizeof bar.note, "%s: %.1f %%", sku,
             100.0 * (double)shard->hottest_lines / (double)shard->lines);
    return bar;
}

void chart_shards(FILE *out, const struct report *report)
{
    static const struct key keys[] = {
        {"bar", "order lines"}, {"bar-part", "of its hottest SKU"}, {NULL, NULL}};
    struct bar bars[REPORT_SHARDS];
    bool lines = false;
    for (uint32_t i = 0; i < report->shard_count; i++) {
        bars[i] = bar_of_shard(report, i);
        lines |= report->shards[i].lines > 0;
    }
    if (report->shard_count == 0)
        return;
    figure_open(out, "half", "Work for each shard",
                lines ? "Order lines asked of the SKUs that each shard owns. A SKU that everybody "
                        "wants makes work for one shard alone."
                      : "Commands that each shard has carried out.",
                lines ? keys : NULL);
    draw_bars(out, "Work by shard", bars, report->shard_count);
    figure_close(out);
}

void chart_hottest(FILE *out, const struct report *report)
{
    struct bar bars[REPORT_HOTTEST];
    char sku[TRACE_NAME_BYTES];
    for (uint32_t i = 0; i < report->hottest_count; i++) {
        trace_name_of(&report->plan->trace, TRACE_SKUS, report->hottest[i].sku, sku);
        bars[i] = (struct bar){.value = (double)report->hottest[i].lines};
        snprintf(bars[i].name, sizeof bars[i].name, "%s", sku);
        snprintf(bars[i].note, sizeof bars[i].note, "%.1f %% of all lines",
                 report->lines > 0 ? 100 * bars[i].value / (double)report->lines : 0);
    }
    figure_open(out, "half", "What was wanted most", "Order lines, by SKU.", NULL);
    draw_bars(out, "The SKUs that were wanted most", bars, report->hottest_count);
    figure_close(out);
}

/* ---- a search -------------------------------------------------------------------------------------------------------------------- */

static void draw_search(struct chart *chart, const struct report *report)
{
    double x[REPORT_CURVE], y[3][REPORT_CURVE], least = 1e12, most = 0;
    char label[32];
    chart->x_min = 1e300;
    for (uint32_t i = 0; i < report->curve_count; i++) {
        const struct report_try *try = &report->curve[i];
        x[i] = try->per_second;
        for (int p = 0; p < 3; p++)
            y[p][i] = (double)try->ns[p];
        chart->x_min = fmin(chart->x_min, x[i]);
        chart->x_max = fmax(chart->x_max, x[i]);
        least = fmin(least, y[0][i]);
        most = fmax(most, y[2][i]);
    }
    chart->x_min *= 0.95;
    chart->x_max *= 1.05;
    log_range(chart, least, most);
    svg_y_axis(chart, duration_say);
    double step = step_round(chart->x_max - chart->x_min, chart->narrow ? 3 : 8);
    for (double at = ceil(chart->x_min / step) * step; at < chart->x_max; at += step) {
        number_say_short(at, label);
        strncat(label, "/s", 31 - strlen(label));
        svg_x_tick(chart, at, label);
    }
    for (int p = 2; p >= 0; p--)
        svg_line(chart, percentiles[p].class, x, y[p], report->curve_count);
    for (uint32_t i = 0; i < report->curve_count; i++)
        fprintf(chart->out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>",
                report->curve[i].met ? "met" : "missed", svg_x(chart, x[i]), svg_y(chart, y[2][i]));
    draw_slo_lines(chart, report);
}

void chart_search(FILE *out, const struct report *report)
{
    static const struct key keys[] = {{"c-p50", "p50"},      {"c-p99", "p99"},
                                      {"c-p999", "p99.9"},   {"met", "kept what was promised"},
                                      {"missed", "did not"}, {NULL, NULL}};
    struct chart chart;
    if (report->curve_count < 2)
        return;
    figure_open(out, "full", "How fast is too fast",
                "Response times at each of the speeds that were tried; the requests a second are "
                "averages over the whole trace.",
                keys);
    for (int narrow = 0; narrow < 2; narrow++) {
        svg_open(&chart, out, "Response times by speed", narrow ? NARROW_WIDTH : FULL_WIDTH,
                 narrow ? 220 : 260, narrow);
        draw_search(&chart, report);
        svg_close(&chart);
    }
    figure_close(out);
}
