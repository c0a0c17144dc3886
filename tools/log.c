/* spate log - looks at a data directory and changes nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/order.h"
#include "core/stock.h"
#include "core/topology.h"
#include "io/env_uring.h"
#include "io/time_text.h"
#include "persist/manifest.h"
#include "persist/segment.h"
#include "persist/start.h"
#include "tools/options.h"
#include "tools/tools.h"

enum { EXIT_TORN = 1, QUEUE_ENTRIES = 16 };

/* ---- what all verbs share ------------------------------------------------------------------------- */

static int fail(const char *command, int exit_code, const char *message)
{
    fprintf(stderr, "%s: %s\n", command, message);
    return exit_code;
}

/* Reads the whole log of argv[0] and shows every event to the visitor. */
static int read_log(const char *command, const char *directory, struct start_visitor *visitor,
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

static int one_directory(const struct usage *usage, int argc, char **argv)
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
    int end = one_directory(usage, argc, argv);
    return end >= 0 ? end : read_log(usage->command, argv[0], &visitor, start, report);
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

/* ---- dump ------------------------------------------------------------------------------------------- */

struct dump {
    struct start_visitor visitor;
    uint64_t from;
    uint64_t to;
    const char *order;
    const char *sku;
    uint64_t json;
    uint32_t sku_number; /* of `sku`, once the log has told it */
};

static struct text placed_id(const struct slice_order_placed *placed)
{
    const char *at = (const char *)(placed->lines + placed->line_count) +
                     placed->adjustment_count * sizeof(struct adjustment);
    return (struct text){at, placed->text_bytes[ORDER_ID]};
}

/* The order that an event is about; no bytes: none. Its own slice comes first. */
static struct text order_of(const struct event *event)
{
    const struct slice *slice = event_slices(event);
    const struct slice_order_moved *moved = (const void *)slice;
    const struct slice_lines_cancelled *lines = (const void *)slice;
    switch (slice->kind) {
    case SLICE_ORDER_PLACED:
        return placed_id((const void *)slice);
    case SLICE_ORDER_MOVED:
        return (struct text){(const char *)(moved + 1), moved->id_bytes};
    case SLICE_LINES_CANCELLED:
        return (struct text){(const char *)(lines->lines + lines->line_count), lines->id_bytes};
    default:
        return (struct text){NULL, 0};
    }
}

static bool is_stock(const struct slice *slice)
{
    return slice->kind >= SLICE_STOCK_RESERVE && slice->kind < SLICE_RETRY;
}

static bool text_is(struct text text, const char *wanted)
{
    return text.bytes == strlen(wanted) && memcmp(text.at, wanted, text.bytes) == 0;
}

static void learn_sku(struct dump *dump, const struct slice *slice)
{
    const struct slice_sku_put *put = (const void *)slice;
    if (slice->kind == SLICE_SKU_PUT && text_is(stock_put_code(put), dump->sku))
        dump->sku_number = put->sku;
}

static bool touches_sku(struct dump *dump, const struct event *event)
{
    const struct slice *slice = event_slices(event);
    bool touches = false;
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        learn_sku(dump, slice);
        touches |=
            is_stock(slice) && dump->sku_number != 0 && stock_slice_sku(slice) == dump->sku_number;
    }
    return touches;
}

/* Printable ASCII as it is, all else as \u00XX: both are right in JSON. */
static void print_text(struct text text)
{
    for (uint32_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            putchar(c);
        else
            printf("\\u%04x", c);
    }
}

static void print_slice(const struct slice *slice, bool json)
{
    printf(json ? "{\"kind\":%u,\"slot\":%u,\"bytes\":%u" : " [%u slot %u, %u bytes", slice->kind,
           slice->slot, slice->bytes);
    if (is_stock(slice))
        printf(json ? ",\"sku\":%u" : ", sku %u", stock_slice_sku(slice));
    if (slice->kind == SLICE_STOCK_RESERVE || slice->kind == SLICE_STOCK_RELEASE) {
        const struct slice_stock_units *units = (const void *)slice;
        printf(json ? ",\"warehouse\":%u,\"units\":%u" : ", warehouse %u, %u units",
               units->warehouse, units->units);
    }
    putchar(json ? '}' : ']');
}

static void print_event(const struct dump *dump, struct position position,
                        const struct event *event)
{
    char time[TIME_TEXT_BYTES_MAX];
    struct text at = time_text_print(event->at_ns, time), order = order_of(event);
    bool json = dump->json != 0;
    printf(json ? "{\"seq\":%" PRIu64 ",\"index\":%u,\"at\":\"%.*s\",\"event\":\"%s\",\"by\":\""
                : "%" PRIu64 ".%u  %.*s  %s  by ",
           position.seq, position.index, (int)at.bytes, at.at, event_name(event->kind));
    print_text(event_by(event));
    if (order.bytes > 0) {
        printf(json ? "\",\"order\":\"" : "  order ");
        print_text(order);
    }
    printf(json ? "\",\"slices\":[" : " ");
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        if (json && i > 0)
            putchar(',');
        print_slice(slice, json);
    }
    puts(json ? "]}" : "");
}

static void dump_event(struct dump *dump, struct position position, const struct event *event)
{
    bool of_sku = dump->sku == NULL || touches_sku(dump, event);
    bool of_order = dump->order == NULL || text_is(order_of(event), dump->order);
    if (of_sku && of_order && position.seq >= dump->from && position.seq <= dump->to)
        print_event(dump, position, event);
}

static enum start_visit dump_group(struct start_visitor *visitor, const struct group_head *head)
{
    const struct event *event = group_events(head);
    for (uint32_t i = 0; i < head->event_count; i++, event = event_next(event))
        dump_event((struct dump *)visitor, (struct position){head->seq, (uint16_t)i}, event);
    return START_TAKEN;
}

static int dump_events(int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", NULL};
    struct dump dump = {.visitor.on_group = dump_group, .to = UINT64_MAX};
    const struct option options[] = {
        {.name = "from",
         .value_name = "SEQ",
         .help = "from this sequence on",
         .kind = OPTION_COUNT,
         .into = &dump.from,
         .max = UINT64_MAX},
        {.name = "to",
         .value_name = "SEQ",
         .help = "up to this sequence",
         .kind = OPTION_COUNT,
         .into = &dump.to,
         .max = UINT64_MAX},
        {.name = "order",
         .value_name = "ID",
         .help = "only events of this order",
         .kind = OPTION_TEXT,
         .into = &dump.order},
        {.name = "sku",
         .value_name = "CODE",
         .help = "only events that touch this SKU",
         .kind = OPTION_TEXT,
         .into = &dump.sku},
        {.name = "format",
         .value_name = "FORMAT",
         .help = "a line of text, or of JSON, for each event",
         .kind = OPTION_CHOICE,
         .into = &dump.json,
         .choices = formats},
        {0},
    };
    const struct usage usage = {
        .command = "spate log dump",
        .arguments = "DIR [OPTION...]",
        .summary = "Prints the events of a log.",
        .options = options,
    };
    struct start start;
    struct start_report report;
    int end = one_directory(&usage, argc, argv);
    return end >= 0 ? end : read_log(usage.command, argv[0], &dump.visitor, &start, &report);
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
        {"dump", "print its events", dump_events},
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
