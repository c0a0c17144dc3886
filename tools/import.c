/* spate trace import - makes a trace of somebody's own orders. */
#include "tools/import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/values.h"
#include "tools/options.h"
#include "tools/tools.h"

static const uint64_t DAY_NS = UINT64_C(86400) * 1000000000;

struct wishes {
    const char *map;
    const char *print_map;
    uint64_t stock_percent;
    uint64_t seed;
};

void import_leave_out(struct import *import, enum left_out why, int64_t units, int64_t micros)
{
    import->left[why].lines++;
    import->left[why].units += units;
    import->left[why].micros += micros;
}

/* ---- into a trace -------------------------------------------------------------------------------------- */

/* Lines stand in the order in which they were read; in the trace, each order's together. */
static struct trace_line *group_lines(struct import *import)
{
    struct trace_line *grouped = memory_grow(NULL, (import->line_count + 1) * sizeof *grouped);
    uint64_t at = 0;
    for (uint64_t i = 0; i < import->order_count; i++) {
        import->orders[i].first_line = at;
        at += import->orders[i].line_count;
        import->orders[i].line_count = 0;
    }
    for (uint64_t i = 0; i < import->line_count; i++) {
        struct import_order *order = &import->orders[import->lines[i].order];
        grouped[order->first_line + order->line_count++] = import->lines[i].line;
    }
    return grouped;
}

/* From millionths to minor units, once. */
static void round_prices(struct import *import, struct trace_line *lines)
{
    const char *code = import->map.currency;
    int exponent =
        currency_exponent(CURRENCY((uint8_t)code[0], (uint8_t)code[1], (uint8_t)code[2]));
    int64_t unit = exponent == 0 ? 1000000 : exponent == 3 ? 1000 : 10000;
    for (uint64_t i = 0; i < import->line_count; i++) {
        int64_t exact = lines[i].unit_price;
        lines[i].unit_price = decimal_round(exact, exponent);
        import->rounded_prices += exact % unit != 0;
        import->made.lines++;
        import->made.units += lines[i].units;
        import->made.micros += exact * lines[i].units;
        import->made_minor += lines[i].unit_price * lines[i].units;
    }
}

static int by_time(const void *left, const void *right)
{
    const struct import_order *a = left, *b = right;
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns ? -1 : 1;
    return a->first_line != b->first_line ? a->first_line < b->first_line ? -1 : 1
                                          : (a->name > b->name) - (a->name < b->name);
}

/* Enough of everything at the start; the price is the highest that was ever asked. */
static void put_stock(const struct import *import, struct trace_writer *writer,
                      const struct trace_line *lines, uint64_t stock_percent)
{
    uint64_t *units = memory_grow(NULL, (import->skus.count + 1) * sizeof *units);
    int64_t *prices = memory_grow(NULL, (import->skus.count + 1) * sizeof *prices);
    memset(units, 0, import->skus.count * sizeof *units);
    memset(prices, 0, import->skus.count * sizeof *prices);
    for (uint64_t i = 0; i < import->line_count; i++) {
        units[lines[i].sku] += lines[i].units;
        if (lines[i].unit_price > prices[lines[i].sku])
            prices[lines[i].sku] = lines[i].unit_price;
    }
    trace_put(writer, &(struct trace_event){.kind = TRACE_WAREHOUSE, .b = 1}, NULL);
    for (uint32_t i = 0; i < import->skus.count; i++) {
        uint64_t stock = (units[i] * stock_percent + 99) / 100;
        trace_put(writer, &(struct trace_event){.kind = TRACE_SKU, .a = i, .amount = prices[i]},
                  NULL);
        if (stock > 0)
            trace_put(
                writer,
                &(struct trace_event){.kind = TRACE_RECEIVE, .a = i, .amount = (int64_t)stock},
                NULL);
    }
    free(units);
    free(prices);
}

/* Orders are numbered in order of time; a read asks for one of those before it. */
static void put_orders(const struct import *import, struct trace_writer *writer, uint64_t begins_ns,
                       const struct trace_line *lines)
{
    uint64_t number = 0;
    for (uint64_t i = 0; i < import->order_count; i++) {
        const struct import_order *order = &import->orders[i];
        struct trace_event event = {.at_ns = order->at_ns - begins_ns,
                                    .kind = order->kind,
                                    .a = order->customer,
                                    .b = order->region,
                                    .line_count = (uint16_t)order->line_count};
        if (order->kind == TRACE_ORDER)
            event.order = number++;
        else if (order->kind == TRACE_READ)
            event = (struct trace_event){.at_ns = event.at_ns,
                                         .kind = TRACE_READ,
                                         .order = number > 0 ? number - 1 - order->customer % number
                                                             : 0};
        else
            event = (struct trace_event){
                .at_ns = event.at_ns, .kind = order->kind, .a = order->customer};
        trace_put(writer, &event, lines + order->first_line);
    }
}

static void put_names(const struct import *import, struct trace_writer *writer)
{
    for (uint32_t i = 0; i < import->skus.count; i++)
        trace_name(writer, TRACE_SKUS, names_text(&import->skus, i));
    for (uint32_t i = 0; i < import->customers.count; i++)
        trace_name(writer, TRACE_CUSTOMERS, names_text(&import->customers, i));
    trace_name(writer, TRACE_WAREHOUSES, "w1");
    for (uint32_t i = 0; i < import->regions.count; i++)
        trace_name(writer, TRACE_REGIONS, names_text(&import->regions, i));
    for (uint64_t i = 0; i < import->order_count; i++)
        if (import->orders[i].kind == TRACE_ORDER)
            trace_name(writer, TRACE_ORDERS,
                       names_text(&import->order_names, import->orders[i].name));
}

static bool write_trace(struct import *import, const struct wishes *wishes, const char *path)
{
    struct trace_line *lines = group_lines(import);
    round_prices(import, lines);
    qsort(import->orders, import->order_count, sizeof *import->orders, by_time);
    uint64_t begins_ns = import->orders[0].at_ns / DAY_NS * DAY_NS;
    uint64_t ends_ns = import->orders[import->order_count - 1].at_ns;
    struct trace_writer *writer = trace_create(path, wishes->seed, begins_ns, import->map.currency);
    if (writer != NULL) {
        put_stock(import, writer, lines, wishes->stock_percent);
        put_orders(import, writer, begins_ns, lines);
        put_names(import, writer);
    }
    free(lines);
    return writer != NULL && trace_finish(writer, ends_ns - begins_ns);
}

/* ---- what it says ---------------------------------------------------------------------------------------- */

/* Millionths in full, without the zeros at the end. */
static const char *money(int64_t micros, char out[32])
{
    uint64_t size = micros < 0 ? -(uint64_t)micros : (uint64_t)micros;
    int bytes = snprintf(out, 32, "%s%" PRIu64 ".%06" PRIu64, micros < 0 ? "-" : "", size / 1000000,
                         size % 1000000);
    while (out[bytes - 1] == '0' && out[bytes - 3] != '.')
        bytes--;
    out[bytes] = '\0';
    return out;
}

static void print_tally(const char *name, const struct tally *tally)
{
    char text[32];
    printf("%-44s %9" PRIu64 " lines %10" PRId64 " units %18s\n", name, tally->lines, tally->units,
           money(tally->micros, text));
}

static const char *reason_name(const struct map *map, enum left_out why, char out[160])
{
    static const char *const names[LEFT_REASONS] = {
        [LEFT_UNITS] = "units not above 0",
        [LEFT_PRICE] = "price not above 0",
        [LEFT_NO_CUSTOMER] = "no customer",
        [LEFT_BAD_ORDER] = "an order id that Spate does not take",
        [LEFT_BAD_SKU] = "a SKU code that Spate does not take",
        [LEFT_BAD_CUSTOMER] = "a customer or region that Spate does not take",
        [LEFT_BAD_NUMBER] = "units or price cannot be read",
        [LEFT_BAD_TIME] = "the time cannot be read",
        [LEFT_BAD_RECORD] = "cannot be read",
        [LEFT_LONG_ORDER] = "beyond the 1200th line of an order",
        [LEFT_PATH] = "other requests",
        [LEFT_STATUS] = "requests that were refused as wrong",
        [LEFT_NO_ORDER] = "reads before the first order",
    };
    if (why >= LEFT_UNITS)
        return names[why];
    snprintf(out, 160, "%s: %s", map->prefixes[why].prefix, map->prefixes[why].meaning);
    return out;
}

static void print_orders_read(const struct import *import)
{
    printf("orders read: %" PRIu32, import->order_names.count);
    printf("; %" PRIu64 " plain", import->orders_by_prefix[MAP_PREFIXES]);
    for (uint32_t i = 0; i < import->map.prefix_count; i++)
        printf(", %" PRIu64 " %s", import->orders_by_prefix[i], import->map.prefixes[i].prefix);
    printf("\n");
}

static void print_made(const struct import *import)
{
    uint64_t orders = 0;
    for (uint64_t i = 0; i < import->order_count; i++)
        orders += import->orders[i].kind == TRACE_ORDER;
    printf("orders made: %" PRIu64 "\n", orders);
    if (import->map.format == IMPORT_CSV) {
        const char *code = import->map.currency;
        int exponent =
            currency_exponent(CURRENCY((uint8_t)code[0], (uint8_t)code[1], (uint8_t)code[2]));
        int64_t unit = exponent == 0 ? 1000000 : exponent == 3 ? 1000 : 10000;
        char text[32];
        print_tally("made", &import->made);
        printf("rounded, halves to even: %s after rounding %" PRIu64 " prices\n",
               money(import->made_minor * unit, text), import->rounded_prices);
        print_tally("sold: units and price above 0, not cancelled", &import->sold);
    } else {
        printf("reads made: %" PRIu64 "\n", import->order_count - orders);
        printf("invented: baskets; the moment within its second of %" PRIu64 " requests\n",
               import->spread_seconds);
    }
}

static void print_report(const struct import *import)
{
    char name[160];
    printf("lines read: %" PRIu64 "\n", import->read_lines);
    if (import->map.format == IMPORT_CSV)
        print_orders_read(import);
    print_made(import);
    printf("left out:\n");
    for (int why = 0; why < LEFT_REASONS; why++)
        if (import->left[why].lines > 0)
            print_tally(reason_name(&import->map, (enum left_out)why, name), &import->left[why]);
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "spate trace import: %s: %s\n", what, why);
    return 1;
}

static int run(const struct wishes *wishes, const char *from, const char *to)
{
    struct import import = {.seed = wishes->seed};
    char message[256];
    if (!map_read(&import.map, wishes->map, message)) {
        fprintf(stderr, "spate trace import: --map: %s\n", message);
        return 2;
    }
    FILE *in = strcmp(from, "-") == 0 ? stdin : fopen(from, "r");
    if (in == NULL)
        return complain(from, strerror(errno));
    bool good = import.map.format == IMPORT_CSV ? import_csv(&import, in, message)
                                                : import_log(&import, in, message);
    if (good && ferror(in)) {
        snprintf(message, sizeof message, "%s", strerror(errno));
        good = false;
    }
    if (in != stdin)
        fclose(in);
    if (!good)
        return complain(from, message);
    if (import.order_count > 0 && !write_trace(&import, wishes, to))
        return complain(to, strerror(errno));
    print_report(&import);
    if (import.order_count == 0)
        return complain(from, "nothing in it can be made into an order");
    names_free(&import.skus);
    names_free(&import.customers);
    names_free(&import.regions);
    names_free(&import.order_names);
    free(import.order_of_name);
    free(import.orders);
    free(import.lines);
    return 0;
}

int tool_trace_import(int argc, char **argv)
{
    struct wishes wishes = {.stock_percent = 100, .seed = 1};
    const struct option table[] = {
        {.name = "map",
         .value_name = "NAME",
         .help = "how to read it: online-retail, nginx-combined, nginx-json, or a file",
         .kind = OPTION_TEXT,
         .into = &wishes.map},
        {.name = "print-map",
         .value_name = "NAME",
         .help = "print one of the ready mappings, to begin one of your own with",
         .kind = OPTION_TEXT,
         .into = &wishes.print_map},
        {.name = "stock-percent",
         .value_name = "N",
         .help = "units received before the day, of those that will be asked for (100)",
         .kind = OPTION_COUNT,
         .into = &wishes.stock_percent,
         .max = 1000000},
        {.name = "seed",
         .value_name = "N",
         .help = "what an access log does not say is invented from this (1)",
         .kind = OPTION_COUNT,
         .into = &wishes.seed},
        {0},
    };
    const struct usage usage = {
        .command = "spate trace import",
        .arguments = "INPUT TRACE --map NAME",
        .summary =
            "Makes a trace of your own orders, a CSV table or an access log; - is stdin. Says\n"
            "what it has made, and what it has left out for which reason.",
        .options = table};
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (wishes.print_map != NULL && map_print(wishes.print_map, stdout))
        return 0;
    if (wishes.print_map == NULL && positional == 2 && wishes.map != NULL)
        return run(&wishes, argv[0], argv[1]);
    fprintf(stderr, "spate trace import: %s\n",
            wishes.print_map != NULL ? "--print-map: there is no ready mapping of that name"
            : positional != 2        ? "from where to where? two files"
                                     : "--map is missing");
    return 2;
}
