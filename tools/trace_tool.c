/* spate trace - what one can do with traces. */
#include <string.h>

#include "tools/options.h"
#include "tools/tools.h"
#include "tools/trace.h"

static int open_named(const char *command, int argc, char **argv, struct trace *trace)
{
    const struct option none[] = {{0}};
    const struct usage usage = {
        .command = command, .arguments = "FILE", .summary = "Looks at a trace.", .options = none};
    char message[256];
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional != 1) {
        fprintf(stderr, "%s: which trace? one file\n", command);
        return 2;
    }
    if (trace_open(trace, argv[0], message))
        return -1;
    fprintf(stderr, "%s: %s\n", command, message);
    return 1;
}

static int info(int argc, char **argv)
{
    struct trace trace;
    int end = open_named("spate trace info", argc, argv, &trace);
    if (end >= 0)
        return end;
    const struct trace_head *head = trace.head;
    printf(
        "events      %llu\norders      %llu\nduration    %.3f s\nSKUs        %llu\n"
        "customers   %llu\nwarehouses  %llu\ncurrency    %s\nseed        %llu\nbytes       %llu\n"
        "hash        %016llx\n",
        (unsigned long long)head->event_count, (unsigned long long)head->order_count,
        (double)head->duration_ns / 1e9, (unsigned long long)head->string_count[TRACE_SKUS],
        (unsigned long long)head->string_count[TRACE_CUSTOMERS],
        (unsigned long long)head->string_count[TRACE_WAREHOUSES], head->currency,
        (unsigned long long)head->seed, (unsigned long long)head->file_bytes,
        (unsigned long long)head->hash);
    trace_close(&trace);
    return 0;
}

static int verify(int argc, char **argv)
{
    struct trace trace;
    char message[256];
    int end = open_named("spate trace verify", argc, argv, &trace);
    if (end >= 0)
        return end;
    bool good = trace_verify(&trace, message);
    if (!good)
        fprintf(stderr, "spate trace verify: %s\n", message);
    trace_close(&trace);
    return good ? 0 : 1;
}

int tool_trace(int argc, char **argv)
{
    static const struct {
        const char *name;
        const char *summary;
        int (*run)(int argc, char **argv);
    } verbs[] = {
        {"gen", "invent a peak day from a seed", tool_trace_gen},
        {"info", "what is in a trace", info},
        {"verify", "look at every byte of it", verify},
    };
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    bool asked = argc > 1 && strcmp(argv[1], "--help") == 0;
    FILE *out = asked ? stdout : stderr;
    fprintf(out, "usage: spate trace VERB FILE [OPTION...]\n\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        fprintf(out, "  %-8s %s\n", verbs[i].name, verbs[i].summary);
    return asked ? 0 : 2;
}
