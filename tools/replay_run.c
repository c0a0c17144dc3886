#include "tools/replay_run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/live.h"
#include "tools/names.h"

static const uint64_t DAY_NS = UINT64_C(86400) * 1000000000;
static const uint64_t HEAD_START_NS = 50 * 1000 * 1000;
static const uint64_t LIVE_NS = 500 * 1000 * 1000;
static const double ERRORS_MAX = 0.001; /* where nothing was promised of them */

/* The signal handler can be given nothing. */
static atomic_int stop;

static void on_interrupt(int signal)
{
    (void)signal;
    atomic_fetch_add(&stop, 1);
}

void run_take_interrupts(void)
{
    struct sigaction interrupt = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &interrupt, NULL);
}

bool run_is_stopped(void)
{
    return atomic_load(&stop) != 0;
}

int run_complain(const char *what, const char *why)
{
    fprintf(stderr, "spate replay: %s: %s\n", what, why);
    return 1;
}

/* ---- the plan ------------------------------------------------------------------------------------------ */

/* "23:55" or "23:55:30"; NULL: it is none. */
static const char *clock_read(const char *text, uint64_t *ns)
{
    unsigned hours, minutes, seconds = 0;
    int used = 0, more = 0;
    if (sscanf(text, "%2u:%2u%n", &hours, &minutes, &used) < 2 || hours > 24 || minutes > 59)
        return NULL;
    if (sscanf(text + used, ":%2u%n", &seconds, &more) < 1 || seconds > 59)
        more = 0;
    *ns = ((uint64_t)hours * 3600 + minutes * 60 + (more > 0 ? seconds : 0)) * 1000000000;
    return text + used + more;
}

/* The part of the trace between two times of its own clock; false: that cannot be read. */
static bool choose_window(struct plan *plan, const char *window)
{
    const struct trace_head *head = plan->trace.head;
    uint64_t from, to, begins = head->begins_ns % DAY_NS;
    const char *at = clock_read(window, &from);
    if (at == NULL || *at != '-' || (at = clock_read(at + 1, &to)) == NULL || *at != '\0')
        return false;
    plan->from_ns = (from + DAY_NS - begins) % DAY_NS;
    plan->to_ns = plan->from_ns + (to + DAY_NS - from - 1) % DAY_NS + 1;
    return true;
}

/* The first event that is not set up before the day. */
static const struct trace_event *first_played(const struct plan *plan)
{
    const struct trace_event *event = trace_from(&plan->trace, plan->from_ns);
    while (event != NULL && trace_is_stock(event) && event->at_ns == 0)
        event = trace_next(&plan->trace, event);
    return event != NULL && event->at_ns < plan->to_ns ? event : NULL;
}

static void choose_speed(struct plan *plan, const struct wishes *wishes)
{
    const struct trace_event *event = plan->first, *last = NULL;
    uint64_t count = 0;
    for (; event != NULL && event->at_ns < plan->to_ns; event = trace_next(&plan->trace, event)) {
        last = event;
        count++;
    }
    if (plan->from_ns < plan->first->at_ns)
        plan->from_ns = plan->first->at_ns;
    plan->pass_ns = last->at_ns - plan->from_ns + 1;
    plan->max = wishes->max;
    plan->ns_per_trace_ns = wishes->rate > 0
                                ? (double)count / (double)wishes->rate * 1e9 / (double)plan->pass_ns
                                : 1 / wishes->speed;
}

static int make_plan(struct run *run)
{
    const struct wishes *wishes = run->wishes;
    struct plan *plan = &run->plan;
    const struct trace_head *head = plan->trace.head;
    plan->target = wishes->target;
    plan->passes = wishes->loops;
    plan->dry = wishes->dry;
    plan->give_up_ns = wishes->give_up_ns;
    plan->threads = (uint32_t)wishes->threads;
    plan->stop = &stop;
    plan->to_ns = UINT64_MAX;
    plan->target.connections =
        (uint32_t)((wishes->connections + plan->threads - 1) / plan->threads);
    plan->target.open_max = (uint32_t)(wishes->in_flight / plan->threads + 1);
    if (wishes->window != NULL && !choose_window(plan, wishes->window)) {
        fprintf(stderr, "spate replay: --window %s: two times of day, 23:55-00:30\n",
                wishes->window);
        return 2;
    }
    plan->first = first_played(plan);
    if (plan->first == NULL)
        return run_complain("the trace", wishes->window != NULL ? "nothing happens in that window"
                                                                : "nothing happens in it");
    choose_speed(plan, wishes);
    plan->fates.per_pass = head->names[TRACE_ORDERS].count;
    plan->numbers = calloc(head->names[TRACE_SKUS].count + 1, sizeof *plan->numbers);
    if (plan->numbers == NULL)
        return run_complain("the trace", "no memory for its SKUs");
    return -1;
}

/* ---- the run -------------------------------------------------------------------------------------------- */

static void *play(void *player)
{
    player_play(player);
    return NULL;
}

static bool is_over(pthread_t thread, uint64_t wait_ns)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + wait_ns;
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    return pthread_timedjoin_np(thread, NULL, &until) == 0;
}

static bool play_all(struct run *run)
{
    pthread_t threads[THREADS_MAX];
    struct live live;
    const struct plan *plan = &run->plan;
    run->plan.t0_ns = clock_ns() + (plan->dry ? 0 : HEAD_START_NS);
    live_begin(&live, plan, run->players);
    for (uint32_t i = 0; i < plan->threads; i++)
        if ((errno = pthread_create(&threads[i], NULL, play, &run->players[i])) != 0) {
            run_complain("a thread", strerror(errno));
            exit(1); /* the threads that run use what would have to be given back */
        }
    for (uint32_t i = 0; i < plan->threads;)
        if (is_over(threads[i], LIVE_NS))
            i++;
        else
            live_show(&live);
    live_end(&live);
    for (uint32_t i = 0; i < plan->threads; i++)
        if (run->players[i].refused) {
            run_complain(plan->target.addresses, target_error(run->players[i].target));
            return false;
        }
    return true;
}

static bool make_fates(struct fates *fates, uint64_t passes)
{
    free(fates->fate);
    free(fates->open);
    fates->count = fates->per_pass * passes;
    fates->fate = calloc(fates->count + 1, 1);
    fates->open = calloc(fates->count + 1, 1);
    return fates->fate != NULL && fates->open != NULL;
}

static bool open_players(struct run *run)
{
    run->players = memory_grow(NULL, run->plan.threads * sizeof *run->players);
    for (run->player_count = 0; run->player_count < run->plan.threads; run->player_count++)
        if (!player_init(&run->players[run->player_count], &run->plan, run->player_count))
            return false;
    return true;
}

/* Not to see the server's metrics is a pity, but nothing more. */
static void look_at_server(struct run *run, int after)
{
    if (run->observe == NULL || observe_look(run->observe, after))
        return;
    run_complain(run->wishes->admin, run->observe->fetch.fault);
    observe_deinit(run->observe);
    free(run->observe);
    run->observe = NULL;
}

bool run_play(struct run *run)
{
    char message[256];
    if (!make_fates(&run->plan.fates, run->plan.passes)) {
        run_complain("the trace", "no memory for its orders");
        return false;
    }
    if (!open_players(run)) {
        run_complain(run->plan.target.addresses, strerror(errno));
        return false;
    }
    if (!run->plan.dry && !player_set_up(&run->players[0], message)) {
        run_complain(run->plan.target.addresses, message);
        return false;
    }
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(run->began, sizeof run->began, "%Y-%m-%dT%H:%M:%SZ", &parts);
    look_at_server(run, 0);
    bool good = play_all(run);
    look_at_server(run, 1);
    return good;
}

void run_end(struct run *run)
{
    for (uint32_t i = 0; i < run->player_count; i++)
        player_deinit(&run->players[i]);
    run->player_count = 0;
    free(run->players);
    run->players = NULL;
}

int run_open(struct run *run, const char *path)
{
    char message[256];
    if (!trace_open(&run->plan.trace, path, message))
        return run_complain("trace", message);
    if (!trace_verify(&run->plan.trace, message))
        return run_complain(path, message);
    int wrong = make_plan(run);
    if (wrong >= 0 || run->plan.dry)
        return wrong;
    machine_look(&run->machine);
    if (run->wishes->admin != NULL) {
        run->observe = memory_grow(NULL, sizeof *run->observe);
        observe_init(run->observe, run->wishes->admin);
    }
    return -1;
}

void run_close(struct run *run)
{
    if (run->observe != NULL)
        observe_deinit(run->observe);
    free(run->observe);
    free(run->plan.fates.fate);
    free(run->plan.fates.open);
    free(run->plan.numbers);
    trace_close(&run->plan.trace);
}

/* ---- what it has to say----- */

static void add_hot(struct report *report, uint32_t sku, uint64_t lines)
{
    uint32_t place = report->hottest_count;
    while (place > 0 && report->hottest[place - 1].lines < lines)
        place--;
    if (place == REPORT_HOTTEST)
        return;
    if (report->hottest_count < REPORT_HOTTEST)
        report->hottest_count++;
    for (uint32_t i = report->hottest_count - 1; i > place; i--)
        report->hottest[i] = report->hottest[i - 1];
    report->hottest[place] = (struct report_hot){.sku = sku, .lines = lines};
}

/* What the shards themselves say they have done. */
static void ask_shards(struct report *report, const struct observe *observe)
{
    uint32_t shards = observe_shards(observe);
    report->shard_count = shards < REPORT_SHARDS ? shards : REPORT_SHARDS;
    for (uint32_t i = 0; i < report->shard_count; i++) {
        report->shards[i].commands = (uint64_t)observe_growth(observe, "spate_commands_total", i);
        report->shards[i].cpu_seconds = observe_growth(observe, "spate_cpu_seconds_total", i);
    }
}

static void count_shards(struct report *report, const struct run *run)
{
    uint64_t skus = run->plan.trace.head->names[TRACE_SKUS].count;
    for (uint32_t sku = 0; sku < skus; sku++) {
        uint64_t lines = 0;
        for (uint32_t i = 0; i < run->plan.threads; i++)
            lines += run->players[i].asked[sku];
        add_hot(report, sku, lines);
        uint32_t shard = run->plan.dry ? UINT32_MAX : target_shard(run->players[0].target, sku);
        if (shard >= REPORT_SHARDS)
            continue;
        struct report_shard *of = &report->shards[shard];
        report->shard_count = shard >= report->shard_count ? shard + 1 : report->shard_count;
        of->lines += lines;
        if (lines > of->hottest_lines) {
            of->hottest_lines = lines;
            of->hottest = sku;
        }
    }
}

void run_gather(struct run *run, struct report *report)
{
    memset(report, 0, sizeof *report);
    report->command = run->command;
    report->plan = &run->plan;
    report->slo = run->wishes->slo;
    report->machine = run->machine;
    report->lag_ns_max = run->wishes->lag_ns_max;
    snprintf(report->began, sizeof report->began, "%s", run->began);
    uint64_t last_ns = 1;
    measures_init(&report->measures);
    for (uint32_t i = 0; i < run->plan.threads; i++) {
        struct player *player = &run->players[i];
        measures_merge(&report->measures, &player->measures);
        report->requests_hash += player->requests_hash;
        report->lines += player->lines;
        report->moot += player->moot;
        report->retried += player->retried;
        report->unresolved += player->unresolved;
        report->cpu_ns += player->cpu_ns;
        last_ns = player->last_ns > last_ns ? player->last_ns : last_ns;
    }
    report->seconds = (double)last_ns / 1e9;
    for (uint32_t i = 0; i < run->plan.threads; i++) {
        double share = (double)run->players[i].cpu_ns / (double)last_ns;
        report->cpu_share = share > report->cpu_share ? share : report->cpu_share;
    }
    measures_sum(&report->measures, TRACE_KINDS, &report->all);
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        measures_sum(&report->measures, (enum trace_kind)kind, &report->by_kind[kind]);
    count_shards(report, run);
    if (run->observe != NULL)
        ask_shards(report, run->observe);
}

/* Requests that have gone wrong, of all that were due. */
static double error_share(const struct report *report)
{
    uint64_t wrong = report->unresolved;
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        wrong += measures_outcomes(&report->measures, (enum trace_kind)kind, OUTCOME_FAILED) +
                 report->measures.skipped[kind];
    return report->measures.offered > 0 ? (double)wrong / (double)report->measures.offered : 0;
}

static bool promises_errors(const struct slo *slo)
{
    for (uint32_t i = 0; i < slo->count; i++)
        if (slo->terms[i].per_million == SLO_ERRORS)
            return true;
    return false;
}

/* What most of those that went wrong were told. */
static const char *commonest_failure(const struct measures *measures)
{
    uint64_t most = 0;
    const char *name = "skipped";
    for (uint32_t code = 0; code < CODES; code++) {
        uint64_t count = 0;
        for (int kind = 0; kind < TRACE_KINDS; kind++)
            count += measures->codes[kind][code];
        if (outcome_of(code) == OUTCOME_FAILED && count > most) {
            most = count;
            name = spate_code_name(code);
        }
    }
    return name;
}

static const char *cause_of_lag(const struct report *report)
{
    if (report->cpu_share > 0.9)
        return "a thread of this replay was busy all the time: give it more --threads";
    if (report->machine.jitter_ns_max > report->lag_ns_max / 2)
        return "this machine's processors were taken by others: it woke late already before the "
               "run";
    return "this machine's processors were taken, or its threads waited long for the target";
}

void run_judge(const struct run *run, struct report *report)
{
    const struct histogram *lag = &report->measures.lag;
    uint64_t late = histogram_at(lag, 999000);
    bool kept;
    report->error_share = error_share(report);
    kept = slo_judge(&report->slo, &report->all.response, report->error_share);
    if (report->audit != NULL && !audit_is_clean(report->audit)) {
        report->verdict = VERDICT_FAILED;
        snprintf(report->why, sizeof report->why,
                 "the server's orders and stock are not what its answers said");
    } else if (atomic_load(&stop) != 0) {
        report->verdict = VERDICT_INTERRUPTED;
        snprintf(report->why, sizeof report->why, "stopped by hand; this is what came up to then");
    } else if (report->unresolved > 0) {
        report->verdict = VERDICT_FAILED;
        snprintf(report->why, sizeof report->why, "%" PRIu64 " requests were never answered",
                 report->unresolved);
    } else if (report->error_share > ERRORS_MAX && !promises_errors(&report->slo)) {
        report->verdict = VERDICT_FAILED;
        snprintf(report->why, sizeof report->why, "%.1f %% of the requests went wrong, mostly: %s",
                 report->error_share * 100, commonest_failure(&report->measures));
    } else if (!run->plan.max && late > report->lag_ns_max) {
        report->verdict = VERDICT_INVALID;
        snprintf(report->why, sizeof report->why,
                 "one request in a thousand left more than %.1f ms late: %s",
                 (double)report->lag_ns_max / 1e6, cause_of_lag(report));
    } else if (!kept) {
        report->verdict = VERDICT_SLO_MISSED;
        snprintf(report->why, sizeof report->why, "what was promised was not kept");
    } else {
        report->verdict = VERDICT_PASSED;
        snprintf(report->why, sizeof report->why, "%s",
                 report->slo.count > 0 ? "what was promised was kept"
                                       : "every request was answered");
    }
}
