/* spate replay search - the highest speed at which the servers keep what was promised.
 *
 * The speed is doubled until a try misses, then the gap between the highest that kept and the lowest that
 * missed is halved until it is narrow. Every try replays the trace as often as fits into its time, with
 * order ids of its own and stock received anew. Each speed is tried twice, and where the two differ a
 * third time decides, since a neighbour's hiccup is not the server's limit, nor a lucky moment. An own lag
 * that is too large counts as a miss. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/names.h"
#include "tools/replay_run.h"

static const double NARROW = 1.04; /* highest kept and lowest missed are no further apart */

struct search {
    struct run *run;
    struct report *report; /* of the last try */
    struct report *best;   /* of the highest speed that kept */
    uint64_t next_pass;    /* ids of earlier ones are taken */
    struct report_try curve[REPORT_CURVE];
    uint32_t curve_count;
};

/* As many passes as fit into the time of a try, at least one. */
static void set_speed(struct search *search, double speed)
{
    struct plan *plan = &search->run->plan;
    double pass_ns = (double)plan->pass_ns / speed;
    plan->ns_per_trace_ns = 1 / speed;
    plan->passes = (uint64_t)ceil((double)search->run->wishes->each_ns / pass_ns);
    plan->first_pass = search->next_pass;
    search->next_pass += plan->passes;
}

static void keep_report(struct search *search)
{
    struct report *was = search->best;
    search->best = search->report;
    search->report = was;
}

/* false: the try could not be made. */
static bool try_once(struct search *search, double speed, bool *met)
{
    struct run *run = search->run;
    set_speed(search, speed);
    bool played = run_play(run);
    if (played) {
        measures_deinit(&search->report->measures);
        run_gather(run, search->report);
        run_judge(run, search->report);
        *met = search->report->verdict == VERDICT_PASSED;
    }
    run_end(run);
    return played && !run_is_stopped();
}

static void note_try(struct search *search, double speed, bool met)
{
    const struct report *report = search->report;
    uint32_t place = search->curve_count;
    struct report_try try = {.speed = speed,
                             .per_second = (double)report->measures.answered / report->seconds,
                             .ns = {histogram_at(&report->all.response, 500000),
                                    histogram_at(&report->all.response, 990000),
                                    histogram_at(&report->all.response, 999000)},
                             .met = met};
    printf("speed %9.3f: %9.0f/s  p50 %8.3f  p99 %8.3f  p99.9 %8.3f ms: %s\n", speed,
           try.per_second, (double)try.ns[0] / 1e6, (double)try.ns[1] / 1e6,
           (double)try.ns[2] / 1e6, met ? "kept" : report->why);
    fflush(stdout);
    if (place == REPORT_CURVE)
        return;
    for (; place > 0 && search->curve[place - 1].speed > speed; place--)
        search->curve[place] = search->curve[place - 1];
    search->curve[place] = try;
    search->curve_count++;
}

/* What two of at most three tries say; the report is that of the last that says so. false: it could not
 * be tried. */
static bool try_speed(struct search *search, double speed, bool *met)
{
    int kept = 0, missed = 0;
    while (kept < 2 && missed < 2) {
        if (!try_once(search, speed, met))
            return false;
        kept += *met;
        missed += !*met;
    }
    note_try(search, speed, *met);
    if (*met)
        keep_report(search);
    return true;
}

/* The highest speed that kept; 0: none did. Below 0: it could not be searched for. */
static double find_speed(struct search *search)
{
    double kept = 0, missed = 0, speed = search->run->wishes->speed;
    double slowest = (double)search->run->plan.pass_ns / (8 * (double)search->run->wishes->each_ns);
    bool met;
    while (missed == 0 || kept == 0 || missed / kept > NARROW) {
        bool too_slow =
            missed != 0 && speed < slowest; /* once through the trace would take too long */
        if (search->curve_count == REPORT_CURVE || too_slow)
            break;
        if (!try_speed(search, speed, &met))
            return -1;
        kept = met ? speed : kept;
        missed = met ? missed : speed;
        speed = missed == 0 ? kept * 2 : kept == 0 ? missed / 2 : sqrt(kept * missed);
    }
    return kept;
}

static int tell(struct search *search, double speed)
{
    struct report *report = speed > 0 ? search->best : search->report;
    const struct wishes *wishes = search->run->wishes;
    memcpy(report->curve, search->curve, sizeof report->curve);
    report->curve_count = search->curve_count;
    search->run->plan.ns_per_trace_ns = speed > 0 ? 1 / speed : 1 / wishes->speed;
    if (speed > 0)
        snprintf(report->why, sizeof report->why,
                 "what was promised was kept up to %.3f times the speed of the trace, %.0f "
                 "requests a second on average",
                 speed, (double)report->measures.answered / report->seconds);
    printf("%s\n", speed > 0 ? report->why : "no speed kept what was promised");
    if ((wishes->json != NULL && !report_json(report, wishes->json)) ||
        (wishes->html != NULL && !report_html(report, wishes->html)))
        return run_complain("the report", "it cannot be written");
    return speed > 0 ? 0 : 3;
}

int replay_search(struct run *run, const char *path)
{
    struct search search = {.run = run};
    int code = run_open(run, path);
    if (code >= 0)
        return code;
    run_take_interrupts();
    search.next_pass =
        (uint64_t)time(NULL) % 1000000000 * 64; /* ids of earlier searches are taken */
    search.report = memory_grow(NULL, sizeof *search.report);
    search.best = memory_grow(NULL, sizeof *search.best);
    memset(search.report, 0, sizeof *search.report);
    memset(search.best, 0, sizeof *search.best);
    double speed = find_speed(&search);
    code = speed >= 0 ? tell(&search, speed) : run_is_stopped() ? 130 : 1;
    measures_deinit(&search.report->measures);
    measures_deinit(&search.best->measures);
    free(search.report);
    free(search.best);
    run_close(run);
    return code;
}
