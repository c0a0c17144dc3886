/* spate trace - what one can do with traces. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/options.h"
#include "tools/tools.h"
#include "tools/trace.h"

/* Reads the options, opens and verifies the one trace that is named; -1, or the code to end with. */
static int open_named(const struct usage *usage, int argc, char **argv, struct trace *trace)
{
    char message[256];
    int positional;
    int end = options_read(usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional != 1) {
        fprintf(stderr, "%s: which trace? one file\n", usage->command);
        return 2;
    }
    if (trace_open(trace, argv[0], message)) {
        if (trace_verify(trace, message))
            return -1;
        trace_close(trace);
    }
    fprintf(stderr, "%s: %s\n", usage->command, message);
    return 1;
}

/* "2020-11-11 00:00:00.125": the moment of an event, UTC. */
static const char *moment(const struct trace *trace, uint64_t at_ns, char out[40])
{
    uint64_t ns = trace->head->begins_ns + at_ns;
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm parts;
    char day[24];
    gmtime_r(&seconds, &parts);
    strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &parts);
    snprintf(out, 40, "%s.%03u", day, (unsigned)(ns % 1000000000 / 1000000));
    return out;
}

/* ---- info ------------------------------------------------------------------------------------------ */

static void print_kinds(const struct trace *trace)
{
    uint64_t counts[TRACE_KINDS] = {0}, again = 0;
    for (const struct trace_event *event = trace_first(trace); event != NULL;
         event = trace_next(trace, event)) {
        counts[event->kind < TRACE_KINDS ? event->kind : 0]++;
        again += event->flags & TRACE_AGAIN;
    }
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        if (counts[kind] > 0)
            printf("  %-10s%" PRIu64 "\n", trace_kind_name((enum trace_kind)kind), counts[kind]);
    printf("sent twice  %" PRIu64 "\n", again);
}

static int info(int argc, char **argv)
{
    const struct option none[] = {{0}};
    const struct usage usage = {.command = "spate trace info",
                                .arguments = "FILE",
                                .summary = "Says what is in a trace.",
                                .options = none};
    struct trace trace;
    char begins[40];
    int end = open_named(&usage, argc, argv, &trace);
    if (end >= 0)
        return end;
    const struct trace_head *head = trace.head;
    printf("events      %" PRIu64 "\norders      %" PRIu64 "\nbegins      %s\nduration    %.3f s\n",
           head->event_count, head->order_count, moment(&trace, 0, begins),
           (double)head->duration_ns / 1e9);
    printf("SKUs        %" PRIu64 "\ncustomers   %" PRIu64 "\nwarehouses  %" PRIu64 "\n",
           head->names[TRACE_SKUS].count, head->names[TRACE_CUSTOMERS].count,
           head->names[TRACE_WAREHOUSES].count);
    print_kinds(&trace);
    printf("currency    %.3s\nseed        %" PRIu64 "\nbytes       %" PRIu64
           "\nhash        %016" PRIx64 "\n",
           head->currency, head->seed, head->file_bytes, head->hash);
    trace_close(&trace);
    return 0;
}

/* ---- verify ---------------------------------------------------------------------------------------- */

static int verify(int argc, char **argv)
{
    const struct option none[] = {{0}};
    const struct usage usage = {.command = "spate trace verify",
                                .arguments = "FILE",
                                .summary = "Looks at every byte of a trace.",
                                .options = none};
    struct trace trace;
    int end = open_named(&usage, argc, argv, &trace);
    if (end >= 0)
        return end;
    trace_close(&trace);
    return 0;
}

/* ---- show ------------------------------------------------------------------------------------------ */

static void show_lines(const struct trace *trace, const struct trace_event *event)
{
    char name[TRACE_NAME_BYTES];
    const struct trace_line *lines = trace_lines(event);
    for (uint32_t i = 0; i < event->line_count; i++) {
        if (event->kind == TRACE_ORDER) {
            trace_name_of(trace, TRACE_SKUS, lines[i].sku, name);
            printf(" %" PRIu32 "x%s@%" PRId64, lines[i].units, name, lines[i].unit_price);
        } else if (event->kind == TRACE_COSTS) {
            trace_name_of(trace, TRACE_WAREHOUSES, lines[i].sku, name);
            printf(" %s:%" PRIu32 "*%" PRId64, name, lines[i].units, lines[i].unit_price);
        } else {
            printf(" %" PRIu32 "x#%" PRIu32, lines[i].units, lines[i].sku);
        }
    }
}

static void show_event(const struct trace *trace, const struct trace_event *event)
{
    char name[TRACE_NAME_BYTES], other[TRACE_NAME_BYTES], at[40];
    printf("%s %s ", moment(trace, event->at_ns, at), trace_kind_name(event->kind));
    switch ((enum trace_kind)event->kind) {
    case TRACE_WAREHOUSE:
        trace_name_of(trace, TRACE_WAREHOUSES, event->a, name);
        printf("%s priority %" PRIu32, name, event->b);
        break;
    case TRACE_SKU:
        trace_name_of(trace, TRACE_SKUS, event->a, name);
        printf("%s price %" PRId64 "%s", name, event->amount,
               event->flags & TRACE_FLASH ? " flash" : "");
        break;
    case TRACE_RECEIVE:
        trace_name_of(trace, TRACE_SKUS, event->a, name);
        trace_name_of(trace, TRACE_WAREHOUSES, event->b, other);
        printf("%s at %s units %" PRId64, name, other, event->amount);
        break;
    case TRACE_COSTS:
        trace_name_of(trace, TRACE_REGIONS, event->a, name);
        printf("%s", name);
        break;
    case TRACE_READ_STOCK:
        trace_name_of(trace, TRACE_SKUS, event->a, name);
        printf("%s", name);
        break;
    case TRACE_ORDER:
        trace_order_id(trace, event->order, 0, name);
        trace_name_of(trace, TRACE_CUSTOMERS, event->a, other);
        printf("%s by %s%s", name, other, event->flags & TRACE_AGAIN ? " again" : "");
        break;
    case TRACE_PAY:
    case TRACE_PAY_FAIL:
    case TRACE_CANCEL:
    case TRACE_SHIP:
    case TRACE_DELIVER:
    case TRACE_CONFIRM:
    case TRACE_REFUND:
    case TRACE_RETURN:
    case TRACE_READ:
    case TRACE_CAPTURE:
    case TRACE_HANDOVER:
    case TRACE_KINDS:
        trace_order_id(trace, event->order, 0, name);
        printf("%s number %" PRIu32 " amount %" PRId64, name, event->b, event->amount);
        break;
    }
    show_lines(trace, event);
    putchar('\n');
}

static bool kind_by_name(const char *name, enum trace_kind *out)
{
    for (int kind = 1; kind < TRACE_KINDS; kind++)
        if (strcmp(trace_kind_name((enum trace_kind)kind), name) == 0) {
            *out = (enum trace_kind)kind;
            return true;
        }
    return false;
}

static int show(int argc, char **argv)
{
    const char *kind_name = NULL;
    uint64_t from_ns = 0, limit = 20;
    const struct option table[] = {
        {.name = "kind",
         .value_name = "NAME",
         .help = "only these: order, pay, cancel, ...",
         .kind = OPTION_TEXT,
         .into = &kind_name},
        {.name = "from",
         .value_name = "TIME",
         .help = "from this time of the trace on (0s)",
         .kind = OPTION_DURATION,
         .into = &from_ns},
        {.name = "limit",
         .value_name = "N",
         .help = "at most that many (20)",
         .kind = OPTION_COUNT,
         .into = &limit},
        {0},
    };
    const struct usage usage = {.command = "spate trace show",
                                .arguments = "FILE [OPTION...]",
                                .summary = "Prints events of a trace, one a line.",
                                .options = table};
    enum trace_kind kind = TRACE_KINDS;
    struct trace trace;
    int end = open_named(&usage, argc, argv, &trace);
    if (end >= 0)
        return end;
    if (kind_name != NULL && !kind_by_name(kind_name, &kind)) {
        fprintf(stderr, "spate trace show: --kind %s: there is none of that name\n", kind_name);
        return 2;
    }
    for (const struct trace_event *event = trace_from(&trace, from_ns); event != NULL && limit > 0;
         event = trace_next(&trace, event)) {
        if (kind != TRACE_KINDS && event->kind != kind)
            continue;
        show_event(&trace, event);
        limit--;
    }
    trace_close(&trace);
    return 0;
}

int tool_trace(int argc, char **argv)
{
    static const struct {
        const char *name;
        const char *summary;
        int (*run)(int argc, char **argv);
    } verbs[] = {
        {"gen", "invent a peak day from a seed", tool_trace_gen},
        {"import", "make one of your own orders or access log", tool_trace_import},
        {"info", "what is in a trace", info},
        {"show", "its events, one a line", show},
        {"cut", "a piece of it", tool_trace_cut},
        {"scale", "make it shorter or longer, or smaller", tool_trace_scale},
        {"merge", "lay two over each other", tool_trace_merge},
        {"pack", "compress it", tool_trace_pack},
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
