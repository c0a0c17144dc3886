/* spate log - looks into a data directory; info, verify and dump change nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/log.h"
#include "tools/log_state.h"
#include "tools/tools.h"

enum { EXIT_TORN = 1 };

int log_arguments(const struct usage *usage, int argc, char **argv)
{
    int positional;
    int end = options_read(usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional == 1)
        return -1;
    fprintf(stderr, "%s: which data directory? one, please\n", usage->command);
    return EXIT_USAGE_ERROR;
}

/* ---- info, verify --------------------------------------------------------------------------------- */

static void print_info(const struct log_state *state)
{
    const struct start_report *report = &state->report;
    printf("log id         %016" PRIx64 "\n"
           "epochs used    %" PRIu32 "\n"
           "groups         %" PRIu64 "\n"
           "events         %" PRIu64 "\n"
           "first sequence %" PRIu64 "\n"
           "last sequence  %" PRIu64 "\n"
           "witnessed      %" PRIu64 "\n"
           "bytes read     %" PRIu64 "\n"
           "torn bytes     %" PRIu64 "\n",
           state->start.begin.log_id, state->start.begin.epoch, report->groups, report->events,
           state->manifest.begin_seq, state->start.begin.next_seq - 1, report->witness,
           report->bytes, report->torn_bytes);
    for (uint32_t i = 0; i < state->snapshot_count; i++)
        printf("snapshot of    %" PRIu64 "\n", state->snapshots[i]);
}

static int info(int argc, char **argv)
{
    static const struct option no_options[] = {{0}};
    const struct usage usage = {
        .command = "spate log info",
        .arguments = "DIR",
        .summary = "Says what is in a log.",
        .options = no_options,
    };
    struct log_state state;
    int end = log_arguments(&usage, argc, argv);
    if (end >= 0)
        return end;
    end = log_state_open(&state, usage.command, argv[0], NULL);
    if (end == 0)
        print_info(&state);
    log_state_close(&state);
    return end;
}

static int verify_snapshot(struct log_state *state, uint64_t seq, void *block, bool loud)
{
    char name[SNAPSHOT_NAME_BYTES];
    struct snapshot_reader reader;
    snapshot_name(name, seq);
    int32_t error = snapshot_verify(&reader, state->env, state->start.directory, name,
                                    state->manifest.log_id, block);
    bool damaged = error == -EBADMSG || error == -EXDEV || error == -EPROTO;
    if (error < 0)
        return log_fail(state->command, damaged ? EXIT_DAMAGED : EXIT_IO,
                        "%s/%s, block %" PRIu64 ": %s%s", state->directory, name, reader.next_block,
                        damaged ? "" : "it cannot be read: ", snapshot_fault(error));
    if (loud)
        printf("%s is whole: %" PRIu64 " records\n", name, reader.head.record_count);
    return 0;
}

int log_reaches(const struct log_state *state)
{
    uint64_t begin_seq = state->manifest.begin_seq;
    for (uint32_t i = 0; i < state->snapshot_count; i++)
        if (state->snapshots[i] + 1 >= begin_seq)
            return 0;
    return begin_seq == 1 ? 0
                          : log_fail(state->command, EXIT_DAMAGED,
                                     "%s has no snapshot that its log goes on from, which begins "
                                     "with sequence %" PRIu64 ": restore one from a backup",
                                     state->directory, begin_seq);
}

int log_verify_snapshots(struct log_state *state, bool loud)
{
    int worst = log_reaches(state);
    void *block = log_memory(state->command, SNAPSHOT_BLOCK_BYTES);
    if (block == NULL)
        return EXIT_OS;
    for (uint32_t i = 0; i < state->snapshot_count; i++) {
        int end = verify_snapshot(state, state->snapshots[i], block, loud);
        worst = end == EXIT_DAMAGED || worst == 0 ? end : worst;
    }
    return worst;
}

static int verify_all(struct log_state *state)
{
    const struct start_report *report = &state->report;
    printf("%" PRIu64 " groups with %" PRIu64 " events are whole, up to sequence %" PRIu64
           "; a witness covers %" PRIu64 "\n",
           report->groups, report->events, state->start.begin.next_seq - 1, report->witness);
    int end = log_verify_snapshots(state, true);
    if (end != 0 || report->torn_bytes == 0)
        return end;
    printf("beyond them %" PRIu64
           " bytes of a torn end; nothing in it was acknowledged, and a start "
           "passes over it\n",
           report->torn_bytes);
    return EXIT_TORN;
}

static int verify(int argc, char **argv)
{
    bool with_state = false;
    const struct option options[] = {
        {.name = "state",
         .help = "bring snapshots and log together as well, and compare what they come to",
         .kind = OPTION_FLAG,
         .into = &with_state},
        {0},
    };
    const struct usage usage = {
        .command = "spate log verify",
        .arguments = "DIR [OPTION...]",
        .summary =
            "Looks at every byte of a log and its snapshots. Exit code 0: whole; 1: whole "
            "but for a torn end that was never acknowledged; 65: damaged, and where; 74: the "
            "device cannot read it, and where.",
        .options = options,
    };
    struct log_state state;
    int end = log_arguments(&usage, argc, argv);
    if (end >= 0)
        return end;
    end = log_state_open(&state, usage.command, argv[0], NULL);
    if (end == 0)
        end = verify_all(&state);
    log_state_close(&state);
    int of_state = with_state && end <= EXIT_TORN ? log_verify_state(usage.command, argv[0]) : 0;
    return of_state != 0 ? of_state : end;
}

int tool_log(int argc, char **argv)
{
    static const struct {
        const char *name;
        const char *summary;
        int (*run)(int argc, char **argv);
    } verbs[] = {
        {"info", "what is in a log", info},
        {"verify", "look at every byte of it", verify},
        {"dump", "print its events", log_dump},
        {"compact", "make a snapshot, and let go of the log behind the one before", log_compact},
        {"export", "orders, money, parcels and stock as CSV", log_export},
        {"backup", "copy it, also from under a server", log_backup},
        {"salvage", "make a new one of what can be had, and list what is lost", log_salvage},
    };
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    bool asked = argc > 1 && strcmp(argv[1], "--help") == 0;
    FILE *out = asked ? stdout : stderr;
    fprintf(out, "usage: spate log VERB DIR [OPTION...]\n\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    return asked ? 0 : EXIT_USAGE_ERROR;
}
