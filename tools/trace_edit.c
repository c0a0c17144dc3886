/* spate trace cut, merge, scale, pack: one trace made of others. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/names.h"
#include "tools/options.h"
#include "tools/tools.h"
#include "tools/trace.h"
#include "tools/trace_pack.h"

/* ---- what they need ------------------------------------------------------------------------------- */

static int complain(const char *command, const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", command, what, why);
    return 1;
}

/* Opens and verifies; -1, or the code to end with. */
static int open_whole(const char *command, const char *path, struct trace *trace)
{
    char message[256];
    if (!trace_open(trace, path, message))
        return complain(command, path, message);
    if (trace_verify(trace, message))
        return -1;
    trace_close(trace);
    return complain(command, path, message);
}

static bool is_set_up(const struct trace_event *event)
{
    return trace_is_stock(event) && event->at_ns == 0;
}

static void copy_names(struct trace_writer *writer, const struct trace *trace)
{
    char name[TRACE_NAME_BYTES];
    for (int table = 0; table < TRACE_TABLES; table++) {
        const struct trace_names *names = &trace->head->names[table];
        if (names->at == 0) {
            trace_numbered(writer, (enum trace_table)table, names->prefix, names->first,
                           names->digits, names->count);
            continue;
        }
        for (uint64_t i = 0; i < names->count; i++) {
            trace_name_of(trace, (enum trace_table)table, i, name);
            trace_name(writer, (enum trace_table)table, name);
        }
    }
}

static int finish(const char *command, const char *path, struct trace_writer *writer,
                  uint64_t duration_ns)
{
    return trace_finish(writer, duration_ns) ? 0 : complain(command, path, strerror(errno));
}

/* Reads the options; -1 when there are as many file names as wanted. */
static int read_options(const struct usage *usage, int argc, char **argv, int wanted)
{
    int positional;
    int end = options_read(usage, argc, argv, &positional);
    if (end >= 0 || positional == wanted)
        return end;
    fprintf(stderr, "%s: %d files: %s\n", usage->command, wanted, usage->arguments);
    return 2;
}

/* ---- cut ------------------------------------------------------------------------------------------------- */

/* What is set up stays; orders that were placed before are not in it, nor what follows them. */
static void cut_events(const struct trace *trace, struct trace_writer *writer, uint64_t from_ns,
                       uint64_t to_ns)
{
    uint8_t *inside = memory_grow(NULL, trace->head->names[TRACE_ORDERS].count + 1);
    memset(inside, 0, trace->head->names[TRACE_ORDERS].count + 1);
    for (const struct trace_event *event = trace_first(trace); event != NULL;
         event = trace_next(trace, event)) {
        struct trace_event copy = *event;
        bool in_time = event->at_ns >= from_ns && event->at_ns < to_ns;
        if (in_time && event->kind == TRACE_ORDER)
            inside[event->order] = 1;
        if (is_set_up(event))
            trace_put(writer, event, trace_lines(event));
        else if (in_time && (!trace_has_order(event) || inside[event->order] != 0)) {
            copy.at_ns -= from_ns;
            trace_put(writer, &copy, trace_lines(event));
        }
    }
    free(inside);
}

int tool_trace_cut(int argc, char **argv)
{
    uint64_t from_ns = 0, to_ns = UINT64_MAX;
    const struct option table[] = {
        {.name = "from",
         .value_name = "TIME",
         .help = "from this time of the trace on (0s)",
         .kind = OPTION_DURATION,
         .into = &from_ns},
        {.name = "to",
         .value_name = "TIME",
         .help = "up to this one (its end)",
         .kind = OPTION_DURATION,
         .into = &to_ns},
        {0},
    };
    const struct usage usage = {.command = "spate trace cut",
                                .arguments = "FROM TO [OPTION...]",
                                .summary =
                                    "Takes a piece out of a day, with all the stock it began with.",
                                .options = table};
    struct trace trace;
    int end = read_options(&usage, argc, argv, 2);
    end = end < 0 ? open_whole(usage.command, argv[0], &trace) : end;
    if (end >= 0)
        return end;
    const struct trace_head *head = trace.head;
    to_ns = to_ns < head->duration_ns ? to_ns : head->duration_ns + 1;
    if (from_ns >= to_ns) {
        fprintf(stderr, "spate trace cut: --from is not before --to, or behind the end\n");
        return 2;
    }
    struct trace_writer *writer =
        trace_create(argv[1], head->seed, head->begins_ns + from_ns, head->currency);
    if (writer == NULL)
        return complain(usage.command, argv[1], strerror(errno));
    cut_events(&trace, writer, from_ns, to_ns);
    copy_names(writer, &trace);
    return finish(usage.command, argv[1], writer, to_ns - 1 - from_ns);
}

/* ---- scale ------------------------------------------------------------------------------------------------ */

/* The same orders stay, whatever else is in the trace: chosen by their numbers. */
static bool stays(uint64_t order, uint64_t keep_percent)
{
    uint64_t mixed = (order + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (mixed >> 32) % 100 < keep_percent;
}

static void scale_events(const struct trace *trace, struct trace_writer *writer, double factor,
                         uint64_t keep_percent)
{
    for (const struct trace_event *event = trace_first(trace); event != NULL;
         event = trace_next(trace, event)) {
        struct trace_event copy = *event;
        copy.at_ns = (uint64_t)((double)event->at_ns * factor);
        if (event->kind == TRACE_RECEIVE)
            copy.amount = (event->amount * (int64_t)keep_percent + 99) / 100;
        if (!trace_has_order(event) || stays(event->order, keep_percent))
            trace_put(writer, &copy, trace_lines(event));
    }
}

int tool_trace_scale(int argc, char **argv)
{
    uint64_t duration_ns = 0, keep_percent = 100;
    const struct option table[] = {
        {.name = "duration",
         .value_name = "TIME",
         .help = "stretch or squeeze it to this length",
         .kind = OPTION_DURATION,
         .into = &duration_ns,
         .min = 1},
        {.name = "keep-percent",
         .value_name = "N",
         .help = "keep so many of its orders, with all that follows them, and of its stock (100)",
         .kind = OPTION_COUNT,
         .into = &keep_percent,
         .min = 1,
         .max = 100},
        {0},
    };
    const struct usage usage = {.command = "spate trace scale",
                                .arguments = "FROM TO [OPTION...]",
                                .summary = "Makes a day shorter or longer, or smaller.",
                                .options = table};
    struct trace trace;
    int end = read_options(&usage, argc, argv, 2);
    end = end < 0 ? open_whole(usage.command, argv[0], &trace) : end;
    if (end >= 0)
        return end;
    const struct trace_head *head = trace.head;
    duration_ns = duration_ns > 0 ? duration_ns : head->duration_ns;
    /* Midnight stays midnight when a day is squeezed around it. */
    uint64_t middle_ns = head->begins_ns + head->duration_ns / 2;
    struct trace_writer *writer =
        trace_create(argv[1], head->seed, middle_ns - duration_ns / 2, head->currency);
    if (writer == NULL)
        return complain(usage.command, argv[1], strerror(errno));
    double factor = head->duration_ns > 0 ? (double)duration_ns / (double)head->duration_ns : 1;
    scale_events(&trace, writer, factor, keep_percent);
    copy_names(writer, &trace);
    return finish(usage.command, argv[1], writer, duration_ns);
}

/* ---- merge ------------------------------------------------------------------------------------------------ */

struct merge {
    struct trace from[2];
    struct names names[TRACE_TABLES];
    uint32_t *numbers[2][TRACE_TABLES]; /* of each trace's names in the new one */
};

/* Equal names are the same thing, but for orders: nobody places one twice. */
static bool unite_names(struct merge *merge, const char *prefix, char clash[TRACE_NAME_BYTES])
{
    char name[2 * TRACE_NAME_BYTES];
    for (int table = 0; table < TRACE_TABLES; table++)
        for (int i = 0; i < 2; i++) {
            uint64_t count = merge->from[i].head->names[table].count;
            uint32_t *numbers = memory_grow(NULL, (count + 1) * sizeof *numbers);
            bool prefixed = table == TRACE_ORDERS && i == 1;
            merge->numbers[i][table] = numbers;
            for (uint64_t j = 0; j < count; j++) {
                int used = prefixed ? snprintf(name, TRACE_NAME_BYTES, "%s", prefix) : 0;
                trace_name_of(&merge->from[i], (enum trace_table)table, j, name + used);
                uint32_t known = merge->names[table].count;
                numbers[j] = names_number(&merge->names[table], name);
                if (prefixed && numbers[j] < known) {
                    memcpy(clash, name, TRACE_NAME_BYTES);
                    return false;
                }
            }
        }
    return true;
}

static void put_renumbered(const struct merge *merge, int from, const struct trace_event *event,
                           struct trace_writer *writer)
{
    struct trace_line lines[TRACE_LINES_MAX];
    struct trace_event copy = *event;
    uint32_t *const *numbers = merge->numbers[from];
    const uint32_t *of_lines = event->kind == TRACE_ORDER   ? numbers[TRACE_SKUS]
                               : event->kind == TRACE_COSTS ? numbers[TRACE_WAREHOUSES]
                                                            : NULL;
    for (uint32_t i = 0; i < event->line_count; i++) {
        lines[i] = trace_lines(event)[i];
        lines[i].sku = of_lines != NULL ? of_lines[lines[i].sku] : lines[i].sku;
    }
    if (trace_has_order(event))
        copy.order = numbers[TRACE_ORDERS][event->order];
    if (event->kind == TRACE_ORDER) {
        copy.a = numbers[TRACE_CUSTOMERS][event->a];
        copy.b = numbers[TRACE_REGIONS][event->b];
    } else if (event->kind == TRACE_WAREHOUSE) {
        copy.a = numbers[TRACE_WAREHOUSES][event->a];
    } else if (event->kind == TRACE_COSTS) {
        copy.a = numbers[TRACE_REGIONS][event->a];
    } else if (event->kind == TRACE_SKU || event->kind == TRACE_READ_STOCK) {
        copy.a = numbers[TRACE_SKUS][event->a];
    } else if (event->kind == TRACE_RECEIVE) {
        copy.a = numbers[TRACE_SKUS][event->a];
        copy.b = numbers[TRACE_WAREHOUSES][event->b];
    }
    trace_put(writer, &copy, lines);
}

/* Both begin together; of two events at one time, the first trace's goes first. */
static void merge_events(struct merge *merge, struct trace_writer *writer)
{
    const struct trace_event *next[2] = {trace_first(&merge->from[0]),
                                         trace_first(&merge->from[1])};
    while (next[0] != NULL || next[1] != NULL) {
        int from = next[0] == NULL || (next[1] != NULL && next[1]->at_ns < next[0]->at_ns);
        put_renumbered(merge, from, next[from], writer);
        next[from] = trace_next(&merge->from[from], next[from]);
    }
}

static int write_merged(struct merge *merge, const char *path)
{
    const struct trace_head *a = merge->from[0].head, *b = merge->from[1].head;
    struct trace_writer *writer = trace_create(path, a->seed, a->begins_ns, a->currency);
    if (writer == NULL)
        return complain("spate trace merge", path, strerror(errno));
    merge_events(merge, writer);
    for (int table = 0; table < TRACE_TABLES; table++)
        for (uint32_t i = 0; i < merge->names[table].count; i++)
            trace_name(writer, (enum trace_table)table, names_text(&merge->names[table], i));
    return finish("spate trace merge", path, writer,
                  a->duration_ns > b->duration_ns ? a->duration_ns : b->duration_ns);
}

int tool_trace_merge(int argc, char **argv)
{
    const char *prefix = "";
    const struct option table[] = {
        {.name = "prefix",
         .value_name = "TEXT",
         .help = "put this before the order ids of the second",
         .kind = OPTION_TEXT,
         .into = &prefix},
        {0},
    };
    const struct usage usage = {
        .command = "spate trace merge",
        .arguments = "FIRST SECOND TO [OPTION...]",
        .summary =
            "Lays two days over each other. SKUs, customers and warehouses of one name are the\n"
            "same; an order may be in one of them only.",
        .options = table};
    struct merge merge = {0};
    char clash[TRACE_NAME_BYTES];
    int end = read_options(&usage, argc, argv, 3);
    end = end < 0 ? open_whole(usage.command, argv[0], &merge.from[0]) : end;
    end = end < 0 ? open_whole(usage.command, argv[1], &merge.from[1]) : end;
    if (end >= 0)
        return end;
    if (strlen(prefix) > 16) {
        fprintf(stderr, "spate trace merge: --prefix: 16 characters at most\n");
        return 2;
    }
    if (memcmp(merge.from[0].head->currency, merge.from[1].head->currency, 4) != 0)
        return complain(usage.command, argv[1], "it has another currency");
    if (!unite_names(&merge, prefix, clash)) {
        fprintf(stderr, "spate trace merge: %s: order %s is in both; --prefix tells them apart\n",
                argv[1], clash);
        return 1;
    }
    return write_merged(&merge, argv[2]);
}

/* ---- pack ------------------------------------------------------------------------------------------------- */

int tool_trace_pack(int argc, char **argv)
{
    const struct option none[] = {{0}};
    const struct usage usage = {.command = "spate trace pack",
                                .arguments = "FROM TO",
                                .summary =
                                    "Compresses a trace with zstd; whatever reads traces reads it.",
                                .options = none};
    struct trace trace;
    int end = read_options(&usage, argc, argv, 2);
    end = end < 0 ? open_whole(usage.command, argv[0], &trace) : end;
    if (end >= 0)
        return end;
    trace_close(&trace);
    int from = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (from >= 0 && trace_is_packed(from)) {
        close(from);
        return complain(usage.command, argv[0], "it is packed already");
    }
    int to = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = from >= 0 && to >= 0 && trace_pack(from, to);
    good = (to < 0 || close(to) == 0) && good;
    if (!good)
        complain(usage.command, argv[1], strerror(errno));
    if (from >= 0)
        close(from);
    return good ? 0 : 1;
}
