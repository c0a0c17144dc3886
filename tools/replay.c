/* spate replay - throws a trace at a server, open loop, and says whether it held.
 *
 * Response time counts from the intended time, service time from when the request was sent. Between the
 * two lie the wait for the target and the generator's own lag: how much too late it came to a request. A
 * run in which that was large is not valid. */
#include "tools/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/live.h"
#include "tools/names.h"
#include "tools/options.h"
#include "tools/report.h"
#include "tools/slo.h"
#include "tools/tools.h"

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SLO_MISSED = 3,
    EXIT_RUN_INVALID = 4,
    EXIT_INTERRUPTED = 130,
    THREADS_MAX = 64,
};
static const uint64_t DAY_NS = UINT64_C(86400) * 1000000000;
static const uint64_t HEAD_START_NS = 50 * 1000 * 1000;
static const uint64_t LIVE_NS = 500 * 1000 * 1000;

struct wishes {
    struct target_options target;
    uint64_t connections;
    uint64_t threads;
    uint64_t in_flight;
    uint64_t lag_ns_max;
    uint64_t give_up_ns;
    uint64_t rate;
    uint64_t loops;
    double speed;
    const char *speed_text;
    const char *window;
    const char *json;
    const char *html;
    const char *hgrm;
    const char *slo_text;
    struct slo slo;
    bool max;
    bool dry;
    bool no_audit;
};

struct run {
    const struct wishes *wishes;
    struct plan plan;
    struct player *players;
    struct machine machine;
    char command[1024];
};

/* The signal handler can be given nothing. */
static atomic_int stop;

static void on_interrupt(int signal)
{
    (void)signal;
    atomic_fetch_add(&stop, 1);
}

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "spate replay: %s: %s\n", what, why);
    return EXIT_FAILED;
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
        return EXIT_USAGE;
    }
    plan->first = first_played(plan);
    if (plan->first == NULL)
        return complain("the trace", wishes->window != NULL ? "nothing happens in that window"
                                                            : "nothing happens in it");
    choose_speed(plan, wishes);
    plan->fates.per_pass = head->names[TRACE_ORDERS].count;
    plan->fates.count = plan->fates.per_pass * plan->passes;
    plan->fates.fate = calloc(plan->fates.count + 1, 1);
    plan->fates.open = calloc(plan->fates.count + 1, 1);
    plan->numbers = calloc(head->names[TRACE_SKUS].count + 1, sizeof *plan->numbers);
    if (plan->fates.fate == NULL || plan->fates.open == NULL || plan->numbers == NULL)
        return complain("the trace", "no memory for its orders");
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
            complain("a thread", strerror(errno));
            exit(EXIT_FAILED); /* the threads that run use what would have to be given back */
        }
    for (uint32_t i = 0; i < plan->threads;)
        if (is_over(threads[i], LIVE_NS))
            i++;
        else
            live_show(&live);
    live_end(&live);
    for (uint32_t i = 0; i < plan->threads; i++)
        if (run->players[i].refused) {
            complain(plan->target.addresses, target_error(run->players[i].target));
            return false;
        }
    return true;
}

/* ---- what it has to say ------------------------------------------------------------------------------------ */

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

static void gather(struct report *report, struct run *run)
{
    uint64_t last_ns = 1;
    measures_init(&report->measures);
    for (uint32_t i = 0; i < run->plan.threads; i++) {
        struct player *player = &run->players[i];
        measures_merge(&report->measures, &player->measures);
        report->requests_hash += player->requests_hash;
        report->lines += player->lines;
        report->moot += player->moot;
        report->cannot += player->cannot;
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

static const char *cause_of_lag(const struct report *report)
{
    if (report->cpu_share > 0.9)
        return "a thread of this replay was busy all the time: give it more --threads";
    if (report->machine.jitter_ns_max > report->lag_ns_max / 2)
        return "this machine's processors were taken by others: it woke late already before the "
               "run";
    return "this machine's processors were taken, or its threads waited long for the target";
}

static void judge(struct report *report, const struct run *run)
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

static bool write_hgrm(const struct report *report, const char *path)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return false;
    histogram_print(&report->all.response, out, 1e6);
    bool good = !ferror(out);
    return fclose(out) == 0 && good;
}

static int write_all(const struct report *report, const struct wishes *wishes)
{
    static const int codes[] = {0, EXIT_FAILED, EXIT_SLO_MISSED, EXIT_RUN_INVALID,
                                EXIT_INTERRUPTED};
    report_print(report);
    if (wishes->json != NULL && !report_json(report, wishes->json))
        return complain(wishes->json, strerror(errno));
    if (wishes->html != NULL && !report_html(report, wishes->html))
        return complain(wishes->html, strerror(errno));
    if (wishes->hgrm != NULL && !write_hgrm(report, wishes->hgrm))
        return complain(wishes->hgrm, strerror(errno));
    return codes[report->verdict];
}

static int tell(struct run *run, const char *began)
{
    struct audit audit;
    struct report *report = memory_grow(NULL, sizeof *report);
    memset(report, 0, sizeof *report);
    report->command = run->command;
    report->plan = &run->plan;
    report->slo = run->wishes->slo;
    report->machine = run->machine;
    report->lag_ns_max = run->wishes->lag_ns_max;
    snprintf(report->began, sizeof report->began, "%s", began);
    gather(report, run);
    int code = EXIT_FAILED;
    if (!run->wishes->no_audit) {
        fprintf(stderr, "auditing ...\n");
        if (!replay_audit(&run->plan, &audit)) {
            complain("audit", "the server does not answer");
            goto out;
        }
        report->audit = &audit;
    }
    judge(report, run);
    code = write_all(report, run->wishes);
out:
    measures_deinit(&report->measures);
    free(report);
    return code;
}

/* What would be asked, and how fast: nothing is sent. */
static void tell_dry(struct run *run)
{
    struct report *report = memory_grow(NULL, sizeof *report);
    memset(report, 0, sizeof *report);
    report->plan = &run->plan;
    gather(report, run);
    const struct measures *measures = &report->measures;
    uint32_t most = 0;
    for (uint32_t i = 0; i < measures->moment_count; i++)
        most = measures->moments[i].offered > most ? measures->moments[i].offered : most;
    double seconds =
        (double)run->plan.pass_ns * run->plan.ns_per_trace_ns * (double)run->plan.passes / 1e9;
    printf("%" PRIu64 " requests with %" PRIu64
           " lines in %.2f s: %.0f/s on average, %.0f/s at most "
           "(over %.2f s)\n",
           measures->offered, report->lines, seconds, (double)measures->offered / seconds,
           (double)most / ((double)measures->moment_ns / 1e9), (double)measures->moment_ns / 1e9);
    printf("requests %016" PRIx64 " of trace %016" PRIx64 "\n", report->requests_hash,
           run->plan.trace.head->hash);
    measures_deinit(&report->measures);
    free(report);
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

static bool open_players(struct run *run)
{
    run->players = memory_grow(NULL, run->plan.threads * sizeof *run->players);
    for (uint32_t i = 0; i < run->plan.threads; i++)
        if (!player_init(&run->players[i], &run->plan, i))
            return false;
    return true;
}

static void close_all(struct run *run)
{
    for (uint32_t i = 0; i < run->plan.threads; i++)
        player_deinit(&run->players[i]);
    free(run->players);
    free(run->plan.fates.fate);
    free(run->plan.fates.open);
    free(run->plan.numbers);
    trace_close(&run->plan.trace);
}

static void say_now(char out[40])
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static int replay(struct run *run, const char *path)
{
    char message[256], began[40];
    if (!trace_open(&run->plan.trace, path, message))
        return complain("trace", message);
    if (!trace_verify(&run->plan.trace, message))
        return complain(path, message);
    int wrong = make_plan(run);
    if (wrong >= 0)
        return wrong;
    if (!open_players(run))
        return complain(run->wishes->target.addresses, strerror(errno));
    if (!run->wishes->dry)
        machine_look(&run->machine);
    struct sigaction interrupt = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &interrupt, NULL);
    say_now(began);
    if (!run->wishes->dry && !player_set_up(&run->players[0], message))
        return complain(run->wishes->target.addresses, message);
    if (!play_all(run))
        return EXIT_FAILED;
    int code = 0;
    if (run->wishes->dry)
        tell_dry(run);
    else
        code = tell(run, began);
    close_all(run);
    return code;
}

static void remember_command(struct run *run, int argc, char **argv)
{
    size_t used = (size_t)snprintf(run->command, sizeof run->command, "spate");
    for (int i = 0; i < argc && used < sizeof run->command; i++) {
        bool plain = strpbrk(argv[i], " <>'\"|&;$*") == NULL;
        used += (size_t)snprintf(run->command + used, sizeof run->command - used,
                                 plain ? " %s" : " '%s'", argv[i]);
    }
}

static int check_wishes(struct wishes *wishes, int positional)
{
    const char *fault = "";
    char *end = NULL;
    wishes->target.connections = (uint32_t)wishes->connections;
    wishes->speed = wishes->speed_text != NULL ? strtod(wishes->speed_text, &end) : 1;
    bool speed_fits = wishes->speed_text == NULL ||
                      (*end == '\0' && wishes->speed >= 1e-6 && wishes->speed <= 1e9);
    if (wishes->connections == 0)
        wishes->connections = wishes->target.http ? 64 : 8;
    if (positional != 1)
        fprintf(stderr, "spate replay: which trace? one file\n");
    else if (wishes->target.addresses == NULL && !wishes->dry)
        fprintf(stderr, "spate replay: --target ADDR:PORT is missing\n");
    else if (!speed_fits)
        fprintf(stderr, "spate replay: --speed %s: a number above 0\n", wishes->speed_text);
    else if (wishes->slo_text != NULL && !slo_read(&wishes->slo, wishes->slo_text, &fault))
        fprintf(stderr, "spate replay: --slo: cannot read '%s'; 'p99.9<5ms,errors<0.1%%'\n", fault);
    else
        return -1;
    return EXIT_USAGE;
}

int tool_replay(int argc, char **argv)
{
    struct wishes wishes = {.threads = 1,
                            .in_flight = 65536,
                            .lag_ns_max = 10 * 1000 * 1000,
                            .give_up_ns = UINT64_C(30) * 1000 * 1000 * 1000,
                            .loops = 1};
    struct run run = {.wishes = &wishes};
    const struct option table[] = {
        {.name = "target",
         .value_name = "ADDR:PORT",
         .help =
             "the server's binary address, or with --http its HTTP address; several with commas",
         .kind = OPTION_TEXT,
         .into = &wishes.target.addresses},
        {.name = "http",
         .help = "speak HTTP/JSON instead of the binary protocol",
         .kind = OPTION_FLAG,
         .into = &wishes.target.http},
        {.name = "speed",
         .value_name = "N",
         .help = "times the speed of the trace, 0.5 is half of it (1)",
         .kind = OPTION_TEXT,
         .into = &wishes.speed_text},
        {.name = "rate",
         .value_name = "N",
         .help = "requests a second on average, instead of --speed",
         .kind = OPTION_COUNT,
         .into = &wishes.rate},
        {.name = "max",
         .help = "as fast as the server takes them, instead of --speed",
         .kind = OPTION_FLAG,
         .into = &wishes.max},
        {.name = "window",
         .value_name = "FROM-TO",
         .help = "only what happens between two times of the trace's day: 23:55-00:30",
         .kind = OPTION_TEXT,
         .into = &wishes.window},
        {.name = "loop",
         .value_name = "N",
         .help = "the trace N times, each time with other order ids (1)",
         .kind = OPTION_COUNT,
         .into = &wishes.loops,
         .min = 1,
         .max = 10000},
        {.name = "threads",
         .value_name = "N",
         .help = "that share the requests (1)",
         .kind = OPTION_COUNT,
         .into = &wishes.threads,
         .min = 1,
         .max = THREADS_MAX},
        {.name = "connections",
         .value_name = "N",
         .help = "in all; over binary each to every shard (8, with --http 64)",
         .kind = OPTION_COUNT,
         .into = &wishes.connections,
         .min = 1,
         .max = 16384},
        {.name = "max-in-flight",
         .value_name = "N",
         .help = "unanswered requests at most; what is due beyond is skipped and counted (65536)",
         .kind = OPTION_COUNT,
         .into = &wishes.in_flight,
         .min = 1,
         .max = 1 << 24},
        {.name = "max-lag",
         .value_name = "TIME",
         .help = "the run is invalid when its own p99.9 lag is above this (10ms)",
         .kind = OPTION_DURATION,
         .into = &wishes.lag_ns_max},
        {.name = "give-up",
         .value_name = "TIME",
         .help = "how long to wait for an answer at the end (30s)",
         .kind = OPTION_DURATION,
         .into = &wishes.give_up_ns},
        {.name = "slo",
         .value_name = "EXPR",
         .help = "'p99.9<5ms,errors<0.1%': exit with 3 when it is not kept",
         .kind = OPTION_TEXT,
         .into = &wishes.slo_text},
        {.name = "token",
         .value_name = "TEXT",
         .help = "who we are",
         .kind = OPTION_TEXT,
         .into = &wishes.target.token},
        {.name = "json",
         .value_name = "FILE",
         .help = "write the report there",
         .kind = OPTION_TEXT,
         .into = &wishes.json},
        {.name = "html",
         .value_name = "FILE",
         .help = "write the report there, to be looked at in a browser",
         .kind = OPTION_TEXT,
         .into = &wishes.html},
        {.name = "hgrm",
         .value_name = "FILE",
         .help = "write the response percentiles there",
         .kind = OPTION_TEXT,
         .into = &wishes.hgrm},
        {.name = "dry-run",
         .help = "say what would be sent, and how fast; send nothing",
         .kind = OPTION_FLAG,
         .into = &wishes.dry},
        {.name = "no-audit",
         .help = "do not compare the server's orders and stock with the trace",
         .kind = OPTION_FLAG,
         .into = &wishes.no_audit},
        {0},
    };
    const struct usage usage = {
        .command = "spate replay",
        .arguments = "TRACE --target ADDR:PORT [OPTION...]",
        .summary =
            "Throws a trace at a server and says whether it held: exit code 0, 1 when it did\n"
            "not, 3 when it was too slow, 4 when this machine could not keep the schedule, 130\n"
            "when it was stopped by hand.",
        .options = table};
    int positional;
    remember_command(&run, argc, argv);
    int end = options_read(&usage, argc, argv, &positional);
    if (end < 0)
        end = check_wishes(&wishes, positional);
    return end >= 0 ? end : replay(&run, argv[0]);
}
