/* spate-sim - runs the simulator: many seeds, one seed, for a time, or until a planted bug is found.
 *
 * Each seed runs in a process of its own, so that whatever it does to itself ends only it. A failure
 * is one line that brings it back. */
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/bug.h"
#include "tests/sim/marks.h"
#include "tests/sim/run.h"
#include "tools/version.h"

struct scenario {
    const char *name;
    void (*run)(struct run *run);
    uint32_t times; /* it runs where others run once */
};

static const struct scenario scenarios[] = {{"log", log_scenario, 8},
                                            {"server", server_scenario, 1},
                                            {"rush", rush_scenario, 1},
                                            {"shop", shop_scenario, 1}};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static const char *const planted_names[] = {
#define X(id, name, what) [id] = name,
    PLANTED(X)
#undef X
};

static const char *const shard_bug_names[] = {
#define X(id, name) [id] = name,
    BUGS(X)
#undef X
};

/* Which scenario finds a planted bug, and among how many of its first seeds it has to. What is not
 * here belongs to another test; tests/sim/README.md says which. */
static const struct pinned {
    const char *bug;
    const char *scenario;
    uint32_t seeds;
} pinned[] = {
    {"ack_before_sync", "server", 60},
    {"directory_sync_skipped", "log", 30},
    {"file_sync_skipped", "log", 30},
    {"short_write_taken_for_whole", "log", 500},
    {"failed_write_ignored", "log", 100},
    {"failed_sync_ignored", "log", 300},
    {"refused-keeps-hold", "server", 30},
    {"unordered-second", "rush", 100},
    {"progress-not-awaited", "server", 60},
    {"paid-units-free", "server", 30},
    {"missing-stays", "shop", 30},
    {"rules-ignored", "shop", 30},
    {"shipped-stays-committed", "shop", 30},
    {"nothing-in-flight", "shop", 60},
    {"seen-forgotten", "rush", 500},
    {"syncs-overlap", "log", 3000},
    {"archive_copy_not_synced", "server", 30},
    {"archive_sync_skipped", "server", 30},
    {"lock_not_kept", "log", 30},
    {"epoch-reused", "log", 30},
    {"stale-read", "server", 30},
    {"drained-looks-on", "shop", 300},
    {"multishot_not_rearmed", "server", 30},
    {"buffer_returned_too_early", "server", 30},
    {"doorbell_lost", "server", 30},
    {"lines-checked-apart", "server", 30},
    {"hold-sees-held", "server", 30},
    {"known-id-forgotten", "server", 30},
    {"other-body-replayed", "server", 30},
    {"limit-before-holds", "rush", 100},
    {"busy-is-short", "server", 100},
    {"release-lost", "server", 30},
    {"never-expires", "server", 30},
    {"settled-twice", "server", 30},
    {"watermark-ahead", "server", 30},
    {"answers-at-once", "rush", 100},
    {"commit-lost", "server", 30},
    {"late-money-kept", "server", 30},
    {"cancel-keeps-money", "server", 30},
    {"notice-adds", "server", 30},
    {"refund-unseen", "server", 30},
};
enum { PINNED = sizeof pinned / sizeof *pinned };

struct wanted {
    uint64_t seeds;
    uint64_t first_seed;
    double hours;
    const char *scenario; /* NULL: all */
    const char *bug;
    enum planted planted;
    uint32_t shard_bug;
    bool quiet; /* what is found goes without words */
    bool talks;
    bool traces;
    bool table;
    bool shrink;
    struct less less;
    bool marks;
};

enum { LIVES_TRIED = 12, CLIENTS_TRIED = 6 };
enum { HISTORIES_TO_ONE_UNDECIDED = 100 };
enum { RUN_SECONDS_MAX = 120, FAILURES_MAX = 10 /* enough to look at */ };

static void run_one(const struct scenario *scenario, uint64_t seed, const struct wanted *wanted,
                    struct totals *totals)
{
    static struct run run;
    alarm(RUN_SECONDS_MAX); /* a run that hangs is a failure too */
    run_open(&run, seed, scenario->name, wanted->planted, &wanted->less, totals);
    run.shard_bug[wanted->shard_bug] = wanted->shard_bug != BUG_NONE;
    run.has_bug = wanted->planted != PLANTED_NONE || wanted->shard_bug != BUG_NONE;
    if (wanted->talks)
        world_talk(run.world, stdout);
    scenario->run(&run);
    run_close(&run);
    fflush(stdout);
    _exit(0);
}

static bool survives(const struct scenario *scenario, uint64_t seed, const struct wanted *wanted,
                     struct totals *totals)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(71);
    }
    if (child == 0 && wanted->quiet)
        fclose(stderr);
    if (child == 0)
        run_one(scenario, seed, wanted, totals);
    if (waitpid(child, &status, 0) != child)
        return false;
    if (wanted->marks)
        marks_settle();
    if (WIFSIGNALED(status) && !wanted->quiet)
        fprintf(stderr, "the run ended with signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void add(struct totals *sum, const struct totals *one)
{
    uint64_t *to = (void *)sum;
    const uint64_t *from = (const void *)one;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What has come of all runs so far. */
struct outcome {
    struct totals sum;
    uint64_t runs;
    uint64_t failures;
};

static void print_totals(const struct outcome *outcome, double seconds)
{
    const struct totals *sum = &outcome->sum;
    printf("%llu runs, %llu failures; %.2f simulated hours in %.1f s (%.0f s a second)\n"
           "%llu operations, %llu of the kernel, %llu of them failed; %llu starts, %llu kills, "
           "%llu losses of power\n"
           "%llu orders' histories looked through, of %llu the beginning, %llu not to the end\n",
           (unsigned long long)outcome->runs, (unsigned long long)outcome->failures,
           (double)sum->simulated_ns / 3.6e12, seconds, (double)sum->simulated_ns / 1e9 / seconds,
           (unsigned long long)sum->operations, (unsigned long long)sum->env_operations,
           (unsigned long long)sum->failed_operations, (unsigned long long)sum->starts,
           (unsigned long long)sum->kills, (unsigned long long)sum->power_losses,
           (unsigned long long)sum->histories, (unsigned long long)sum->histories_cut,
           (unsigned long long)sum->histories_undecided);
}

/* A search that gives up on more than this has stopped being a test. */
static bool too_many_undecided(const struct totals *sum)
{
    bool too_many = sum->histories_undecided > 10 + sum->histories / HISTORIES_TO_ONE_UNDECIDED;
    if (too_many)
        printf("FAILED: the search gave up on more than one history in %d\n",
               HISTORIES_TO_ONE_UNDECIDED);
    return too_many;
}

/* On a terminal, from second to second. */
static void show_progress(const struct outcome *outcome, double seconds)
{
    static double last;
    if (!isatty(STDERR_FILENO) || seconds < last + 1)
        return;
    last = seconds;
    fprintf(stderr, "\r%.0f s: %llu runs, %llu failures, %.2f simulated hours ", seconds,
            (unsigned long long)outcome->runs, (unsigned long long)outcome->failures,
            (double)outcome->sum.simulated_ns / 3.6e12);
}

/* The line that brings it back. */
static void print_failure(const struct wanted *wanted, const struct scenario *scenario,
                          uint64_t seed)
{
    const char *comma = " --without ";
    printf("%s: spate-sim --scenario %s --seed %llu%s%s", wanted->bug != NULL ? "FOUND" : "FAILED",
           scenario->name, (unsigned long long)seed, wanted->bug != NULL ? " --bug " : "",
           wanted->bug != NULL ? wanted->bug : "");
    for (uint32_t i = 0; i < FAULT_COUNT; i++)
        if (wanted->less.without[i]) {
            printf("%s%s", comma, fault_names[i]);
            comma = ",";
        }
    if (wanted->less.lives != 0)
        printf(" --lives %u", wanted->less.lives - 1);
    if (wanted->less.clients != 0)
        printf(" --clients %u", wanted->less.clients);
    printf("   # spate %s\n", version_text());
}

/* Keeps a smaller run if it fails too, whatever it is that fails then; says so. */
static bool try_less(struct wanted *wanted, struct less less, const struct scenario *scenario,
                     uint64_t seed, struct totals *shared)
{
    struct wanted tried = *wanted;
    tried.less = less;
    tried.quiet = true;
    memset(shared, 0, sizeof *shared);
    if (survives(scenario, seed, &tried, shared))
        return false;
    wanted->less = less;
    return true;
}

/* Leaves out whatever the failure does not need: faults one by one, then lives, then clients. */
static void shrink(const struct wanted *failed, const struct scenario *scenario, uint64_t seed,
                   struct totals *shared)
{
    struct wanted wanted = *failed;
    uint64_t before = shared->happenings;
    for (uint32_t i = 0; i < FAULT_COUNT; i++) {
        struct less less = wanted.less;
        less.without[i] = true;
        (void)try_less(&wanted, less, scenario, seed, shared);
    }
    bool found = false;
    for (uint32_t lives = 0; !found && lives < LIVES_TRIED; lives++) {
        struct less less = wanted.less;
        less.lives = lives + 1;
        found = try_less(&wanted, less, scenario, seed, shared);
    }
    found = false;
    for (uint32_t clients = 1; !found && clients < CLIENTS_TRIED; clients++) {
        struct less less = wanted.less;
        less.clients = clients;
        found = try_less(&wanted, less, scenario, seed, shared);
    }
    wanted.quiet = false;
    memset(shared, 0, sizeof *shared);
    (void)survives(scenario, seed, &wanted, shared);
    print_failure(&wanted, scenario, seed);
    printf("shrunk from %llu happenings to %llu\n", (unsigned long long)before,
           (unsigned long long)shared->happenings);
}

static bool is_wanted(const struct wanted *wanted, const struct scenario *scenario)
{
    return wanted->scenario == NULL || strcmp(wanted->scenario, scenario->name) == 0;
}

static void run_seed(const struct wanted *wanted, const struct scenario *scenario, uint64_t seed,
                     struct totals *shared, struct outcome *outcome)
{
    memset(shared, 0, sizeof *shared);
    bool survived = survives(scenario, seed, wanted, shared);
    outcome->runs++;
    add(&outcome->sum, shared);
    if (wanted->traces)
        printf("%s %llu %016llx\n", scenario->name, (unsigned long long)seed,
               (unsigned long long)shared->trace);
    if (survived)
        return;
    outcome->failures++;
    print_failure(wanted, scenario, seed);
    if (wanted->shrink)
        shrink(wanted, scenario, seed, shared);
}

static bool is_enough(const struct wanted *wanted, const struct outcome *outcome)
{
    return outcome->failures >= (wanted->bug != NULL ? 1 : FAILURES_MAX);
}

/* Where all scenarios run, one that is cheap runs more often. */
static void run_seeds(const struct wanted *wanted, const struct scenario *scenario, uint64_t seed,
                      struct totals *shared, struct outcome *outcome)
{
    uint32_t times = wanted->scenario == NULL && wanted->seeds != 1 ? scenario->times : 1;
    for (uint32_t i = 0; i < times && !is_enough(wanted, outcome); i++)
        run_seed(wanted, scenario, (seed - 1) * times + 1 + i, shared, outcome);
}

/* 0: all is well; with a bug planted: it was found. */
static int run_all(const struct wanted *wanted, struct totals *shared)
{
    struct outcome outcome = {0};
    double begun = seconds_now();
    for (uint64_t seed = wanted->first_seed; !is_enough(wanted, &outcome); seed++) {
        if (wanted->hours == 0 && seed - wanted->first_seed >= wanted->seeds)
            break;
        if (wanted->hours != 0 && seconds_now() - begun > wanted->hours * 3600)
            break;
        for (uint32_t i = 0; i < SCENARIOS; i++)
            if (is_wanted(wanted, &scenarios[i]))
                run_seeds(wanted, &scenarios[i], seed, shared, &outcome);
        show_progress(&outcome, seconds_now() - begun);
    }
    if (wanted->bug != NULL) {
        printf("%s %s after %llu runs\n",
               outcome.failures != 0 ? "found" : "NOT FOUND:", wanted->bug,
               (unsigned long long)outcome.runs);
        return outcome.failures == 0;
    }
    print_totals(&outcome, seconds_now() - begun);
    uint32_t never = wanted->marks ? marks_print() : 0;
    return outcome.failures != 0 || never != 0 || too_many_undecided(&outcome.sum);
}

static bool choose_bug(struct wanted *wanted, const char *name)
{
    wanted->bug = name;
    for (uint32_t i = 1; i < PLANTED_COUNT; i++)
        if (strcmp(planted_names[i], name) == 0)
            wanted->planted = (enum planted)i;
    for (uint32_t i = 1; i < BUG_COUNT; i++)
        if (strcmp(shard_bug_names[i], name) == 0)
            wanted->shard_bug = i;
    return wanted->planted != PLANTED_NONE || wanted->shard_bug != BUG_NONE;
}

static const struct scenario *scenario_named(const char *name)
{
    for (uint32_t i = 0; i < SCENARIOS; i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

/* The first seed that finds it; 0: none of the pinned ones. */
static uint64_t seed_that_finds(const struct pinned *row, struct totals *shared)
{
    struct wanted wanted = {.quiet = true};
    const struct scenario *scenario = scenario_named(row->scenario);
    if (!choose_bug(&wanted, row->bug) || scenario == NULL)
        return 0;
    for (uint64_t seed = 1; seed <= row->seeds; seed++)
        if (!survives(scenario, seed, &wanted, shared))
            return seed;
    return 0;
}

/* 0: each planted bug was found among its pinned seeds. */
static int print_table(struct totals *shared)
{
    int result = 0;
    printf("%-28s %-8s %6s %9s\n", "planted bug", "scenario", "seeds", "of");
    for (uint32_t i = 0; i < PINNED; i++) {
        uint64_t seed = seed_that_finds(&pinned[i], shared);
        char seeds[24] = "NONE";
        if (seed != 0)
            snprintf(seeds, sizeof seeds, "%llu", (unsigned long long)seed);
        else
            result = 1;
        printf("%-28s %-8s %6s %9u\n", pinned[i].bug, pinned[i].scenario, seeds, pinned[i].seeds);
    }
    return result;
}

/* Names with commas between them. */
static bool leave_out(struct wanted *wanted, char *names)
{
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        uint32_t i = 0;
        while (i < FAULT_COUNT && strcmp(fault_names[i], name) != 0)
            i++;
        if (i == FAULT_COUNT) {
            fprintf(stderr, "there is no fault %s; there are:", name);
            for (i = 0; i < FAULT_COUNT; i++)
                fprintf(stderr, " %s", fault_names[i]);
            fputc('\n', stderr);
            return false;
        }
        wanted->less.without[i] = true;
    }
    return true;
}

static void print_bugs(void)
{
    for (uint32_t i = 1; i < PLANTED_COUNT; i++)
        printf("%s\n", planted_names[i]);
    for (uint32_t i = 1; i < BUG_COUNT; i++)
        printf("%s\n", shard_bug_names[i]);
}

static const char usage[] =
    "usage: spate-sim [--seeds N] [--from SEED] [--hours H] [--seed S] [--scenario "
    "log|server|rush|shop]\n"
    "                 [--bug NAME] [--bugs] [--table] [--marks] [--trace] [--talk]\n"
    "                 [--shrink] [--without FAULT,...] [--lives N] [--clients N]\n"
    "  --seeds N     this many seeds (default 20), from --from on (default 1)\n"
    "  --hours H     as many as fit into H hours of real time\n"
    "  --seed S      this one alone\n"
    "  --bug NAME    with this bug planted: succeeds when it is found; --bugs names them all\n"
    "  --table       each planted bug, and which of its pinned seeds finds it\n"
    "  --marks       which of the marks in the code were reached; fails if one never was\n"
    "  --shrink      leaves out of a failing run whatever it does not need to fail\n"
    "  --without ... leaves these faults out; --lives, --clients: no more than that\n"
    "  --trace       the hash of each run's trace; the same in every build\n"
    "  --talk        what happens, line by line\n";

static bool parse(int count, char **arguments, struct wanted *wanted)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'},    {"from", required_argument, NULL, 'f'},
        {"hours", required_argument, NULL, 'h'},    {"seed", required_argument, NULL, 's'},
        {"scenario", required_argument, NULL, 'c'}, {"bug", required_argument, NULL, 'b'},
        {"bugs", no_argument, NULL, 'l'},           {"trace", no_argument, NULL, 't'},
        {"talk", no_argument, NULL, 'v'},           {"table", no_argument, NULL, 'T'},
        {"marks", no_argument, NULL, 'm'},          {"shrink", no_argument, NULL, 'k'},
        {"without", required_argument, NULL, 'w'},  {"lives", required_argument, NULL, 'L'},
        {"clients", required_argument, NULL, 'C'},  {0}};
    int option;
    while ((option = getopt_long(count, arguments, "", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            wanted->seeds = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            wanted->first_seed = strtoull(optarg, NULL, 10);
            break;
        case 'h':
            wanted->hours = strtod(optarg, NULL);
            break;
        case 's':
            wanted->first_seed = strtoull(optarg, NULL, 10);
            wanted->seeds = 1;
            break;
        case 'c':
            wanted->scenario = optarg;
            break;
        case 'b':
            if (!choose_bug(wanted, optarg))
                return false;
            break;
        case 'l':
            print_bugs();
            exit(0);
        case 't':
            wanted->traces = true;
            break;
        case 'v':
            wanted->talks = true;
            break;
        case 'T':
            wanted->table = true;
            break;
        case 'm':
            wanted->marks = true;
            break;
        case 'k':
            wanted->shrink = true;
            break;
        case 'w':
            if (!leave_out(wanted, optarg))
                return false;
            break;
        case 'L':
            wanted->less.lives = (uint32_t)strtoul(optarg, NULL, 10) + 1;
            break;
        case 'C':
            wanted->less.clients = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    return optind == count;
}

int main(int count, char **arguments)
{
    struct wanted wanted = {.seeds = 20, .first_seed = 1};
    if (count > 1 && strcmp(arguments[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (count > 1 && strcmp(arguments[1], "--version") == 0) {
        version_print();
        return 0;
    }
    if (!parse(count, arguments, &wanted)) {
        fputs(usage, stderr);
        return 2;
    }
    struct totals *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 71;
    if (wanted.marks)
        marks_watch();
    return wanted.table ? print_table(shared) : run_all(&wanted, shared);
}
