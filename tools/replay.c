/* spate replay - throws a trace at a server, open loop, and says whether it held.
 *
 * Response time counts from the intended time, service time from when the request was sent. Between the
 * two lie the wait for the target and the generator's own lag: how much too late it came to a request. A
 * run in which that was large is not valid. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/names.h"
#include "tools/options.h"
#include "tools/replay_run.h"
#include "tools/tools.h"

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SLO_MISSED = 3,
    EXIT_RUN_INVALID = 4,
    EXIT_INTERRUPTED = 130,
};

static bool write_hgrm(const struct report *report, const char *path)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        return false;
    static char text[HISTOGRAM_PRINT_BYTES];
    uint32_t bytes = histogram_print(&report->all.response, 1e6, text);
    bool good = fwrite(text, 1, bytes, out) == bytes;
    return fclose(out) == 0 && good;
}

static int write_all(const struct report *report, const struct wishes *wishes)
{
    static const int codes[] = {0, EXIT_FAILED, EXIT_SLO_MISSED, EXIT_RUN_INVALID,
                                EXIT_INTERRUPTED};
    report_print(report);
    if (wishes->json != NULL && !report_json(report, wishes->json))
        return run_complain(wishes->json, strerror(errno));
    if (wishes->html != NULL && !report_html(report, wishes->html))
        return run_complain(wishes->html, strerror(errno));
    if (wishes->hgrm != NULL && !write_hgrm(report, wishes->hgrm))
        return run_complain(wishes->hgrm, strerror(errno));
    return codes[report->verdict];
}

static int tell(struct run *run)
{
    struct audit audit;
    struct report *report = memory_grow(NULL, sizeof *report);
    int code = EXIT_FAILED;
    run_gather(run, report);
    if (!run->wishes->no_audit) {
        fprintf(stderr, "auditing ...\n");
        if (replay_audit(&run->plan, &audit))
            report->audit = &audit;
        else
            run_complain("audit", "the server does not answer");
    }
    if (report->audit != NULL || run->wishes->no_audit) {
        run_judge(run, report);
        code = write_all(report, run->wishes);
    }
    measures_deinit(&report->measures);
    free(report);
    return code;
}

/* What would be asked, and how fast: nothing is sent. */
static void tell_dry(struct run *run)
{
    struct report *report = memory_grow(NULL, sizeof *report);
    run_gather(run, report);
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

static int replay(struct run *run, const char *path)
{
    int code = run_open(run, path);
    if (code >= 0)
        return code;
    run_take_interrupts();
    if (!run_play(run))
        code = EXIT_FAILED;
    else if (!run->wishes->dry)
        code = tell(run);
    else {
        tell_dry(run);
        code = 0;
    }
    run_end(run);
    run_close(run);
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
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "diff") == 0)
        return tool_replay_diff(argc - 1, argv + 1);
    struct wishes wishes = {.threads = 1,
                            .in_flight = 65536,
                            .lag_ns_max = 10 * 1000 * 1000,
                            .give_up_ns = UINT64_C(30) * 1000 * 1000 * 1000,
                            .each_ns = UINT64_C(5) * 1000 * 1000 * 1000,
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
        {.name = "admin",
         .value_name = "ADDR:PORT",
         .help = "the server's admin address: the report says how busy its shards were",
         .kind = OPTION_TEXT,
         .into = &wishes.admin},
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
        {.name = "each",
         .value_name = "TIME",
         .help = "of a search: how long each speed is tried (5s)",
         .kind = OPTION_DURATION,
         .into = &wishes.each_ns,
         .min = 10000000},
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
    bool search = strcmp(verb, "search") == 0;
    remember_command(&run, argc, argv);
    argc -= search;
    argv += search;
    int end = options_read(&usage, argc, argv, &positional);
    if (end < 0)
        end = check_wishes(&wishes, positional);
    if (end < 0 && search && wishes.slo.count == 0) {
        fprintf(stderr, "spate replay search: --slo is missing: what is to be kept?\n");
        return EXIT_USAGE;
    }
    return end >= 0 ? end : search ? replay_search(&run, argv[0]) : replay(&run, argv[0]);
}
