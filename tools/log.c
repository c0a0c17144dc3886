/* spate log - looks at a data directory and changes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/env_uring.h"
#include "persist/manifest.h"
#include "persist/segment.h"
#include "persist/start.h"
#include "tools/log.h"
#include "tools/tools.h"

enum { EXIT_TORN = 1, QUEUE_ENTRIES = 16 };

/* ---- what all verbs share ------------------------------------------------------------------------- */

static int fail(const char *command, int exit_code, const char *message)
{
    fprintf(stderr, "%s: %s\n", command, message);
    return exit_code;
}

int log_read(const char *command, const char *directory, struct start_visitor *visitor,
             struct start *start, struct start_report *report)
{
    struct env_world world = {0};
    struct env *env;
    char message[ENV_MESSAGE_BYTES];
    int exit_code;
    struct start_options options = {.directory = directory, .read_only = true};
    if (!env_uring_open(&world, 0, QUEUE_ENTRIES, &env, message, &exit_code))
        return fail(command, exit_code, message);
    void *scratch = aligned_alloc(BLOCK_BYTES, start_scratch_bytes(&options));
    if (scratch == NULL) {
        env_uring_close(env);
        return fail(command, EXIT_OS, "not enough memory");
    }
    bool good = start_open(start, env, &options, scratch, visitor, report);
    free(scratch);
    env_uring_close(env);
    return good ? 0 : fail(command, report->exit_code, report->message);
}

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

static enum start_visit pass_over(struct start_visitor *visitor, const struct group_head *head)
{
    (void)visitor, (void)head;
    return START_TAKEN;
}

/* ---- info, verify --------------------------------------------------------------------------------- */

static int look(const struct usage *usage, int argc, char **argv, struct start *start,
                struct start_report *report)
{
    struct start_visitor visitor = {.on_group = pass_over};
    int end = log_arguments(usage, argc, argv);
    return end >= 0 ? end : log_read(usage->command, argv[0], &visitor, start, report);
}

static const struct option no_options[] = {{0}};

static int info(int argc, char **argv)
{
    const struct usage usage = {
        .command = "spate log info",
        .arguments = "DIR",
        .summary = "Says what is in a log.",
        .options = no_options,
    };
    struct start start = {.directory = -1};
    struct start_report report;
    int end = look(&usage, argc, argv, &start, &report);
    if (end != 0 || start.directory < 0)
        return end;
    printf("log id         %016" PRIx64 "\n"
           "epochs used    %" PRIu32 "\n"
           "groups         %" PRIu64 "\n"
           "events         %" PRIu64 "\n"
           "last sequence  %" PRIu64 "\n"
           "witnessed      %" PRIu64 "\n"
           "bytes read     %" PRIu64 "\n"
           "torn bytes     %" PRIu64 "\n",
           start.begin.log_id, start.begin.epoch, report.groups, report.events,
           start.begin.next_seq - 1, report.witness, report.bytes, report.torn_bytes);
    return 0;
}

static int verify(int argc, char **argv)
{
    const struct usage usage = {
        .command = "spate log verify",
        .arguments = "DIR",
        .summary =
            "Looks at every byte of a log. Exit code 0: whole; 1: whole but for a torn end that "
            "was never acknowledged; 65: damaged, and where.",
        .options = no_options,
    };
    struct start start = {.directory = -1};
    struct start_report report;
    int end = look(&usage, argc, argv, &start, &report);
    if (end != 0 || start.directory < 0)
        return end;
    printf("%" PRIu64 " groups with %" PRIu64 " events are whole, up to sequence %" PRIu64
           "; a witness covers %" PRIu64 "\n",
           report.groups, report.events, start.begin.next_seq - 1, report.witness);
    if (report.torn_bytes == 0)
        return 0;
    printf("beyond them %" PRIu64
           " bytes of a torn end; nothing in it was acknowledged, and a start "
           "passes over it\n",
           report.torn_bytes);
    return EXIT_TORN;
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
