/* spate trace gen - invents a peak day from a seed.
 *
 * The day has a daily curve and, at its stroke, a spike that decays; popularity follows Zipf; a few
 * flash SKUs have far more buyers than units; some orders are sent twice. One pass in order of time, so
 * the length of the day does not matter to memory: the time of order i is where the curve has let
 * through its share (i + chance) / orders of all. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/options.h"
#include "tools/tools.h"
#include "tools/trace.h"

enum { CURVE_STEPS = 4096, FLASH_SKUS = 3, AGAIN_MAX = 1024, LINES_MAX = 4 };

/* 2020-11-11 00:00 UTC; the day lies around it. */
#define STROKE_NS (UINT64_C(1605052800) * 1000000000)

enum profile { PROFILE_DOUBLE11, PROFILE_FLASH, PROFILE_STEADY };
static const char *const profiles[] = {"double11", "flash", "steady", NULL};

struct wishes {
    uint64_t orders;
    uint64_t duration_ns;
    uint64_t peak_factor;
    uint64_t skus;
    uint64_t warehouses;
    uint64_t seed;
    uint64_t profile;
};

/* An order that will be sent once more; the earliest is found by looking at all, they are few. */
struct again {
    struct trace_event event;
    struct trace_line lines[LINES_MAX];
};

struct day {
    const struct wishes *wishes;
    struct trace_writer *writer;
    uint64_t random;
    double curve[CURVE_STEPS + 1]; /* share of all orders up to each step of the day */
    double stroke;                 /* when the spike begins, as a share of the day */
    double *popularity;            /* share up to each SKU */
    uint64_t customers;
    struct again *again;
    uint32_t again_count;
};

/* splitmix64: every seed gives another good sequence. */
static uint64_t draw(struct day *day)
{
    uint64_t z = day->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double draw_share(struct day *day)
{
    return (double)(draw(day) >> 11) * 0x1p-53;
}

static uint64_t draw_below(struct day *day, uint64_t count)
{
    return draw(day) % count;
}

/* ---- the curve of the day -------------------------------------------------------------------------- */

/* Orders per time, in units of the day's base. */
static double rate_at(const struct day *day, double at)
{
    const double pi = 3.14159265358979323846;
    double daily = 1 + 0.5 * sin(2 * pi * (at - 0.25));
    double peak = (double)day->wishes->peak_factor;
    double since = at - day->stroke;
    if (day->wishes->profile == PROFILE_STEADY || since < 0)
        return daily;
    return daily + peak * exp(-since / 0.04);
}

static void draw_curve(struct day *day)
{
    day->stroke = 0.5;
    double sum = 0;
    for (int i = 0; i < CURVE_STEPS; i++) {
        day->curve[i] = sum;
        sum += rate_at(day, (i + 0.5) / CURVE_STEPS);
    }
    for (int i = 0; i < CURVE_STEPS; i++)
        day->curve[i] /= sum;
    day->curve[CURVE_STEPS] = 1;
}

/* Where in the day the given share of all orders has come in; begins to look at *step. */
static double time_of_share(const struct day *day, double share, int *step)
{
    while (*step + 1 < CURVE_STEPS && day->curve[*step + 1] <= share)
        ++*step;
    double begins = day->curve[*step];
    double inside = (share - begins) / (day->curve[*step + 1] - begins);
    return (*step + inside) / CURVE_STEPS;
}

/* ---- what is bought --------------------------------------------------------------------------------- */

static bool count_popularity(struct day *day)
{
    uint64_t skus = day->wishes->skus;
    day->popularity = malloc(skus * sizeof *day->popularity);
    if (day->popularity == NULL)
        return false;
    double sum = 0;
    for (uint64_t i = 0; i < skus; i++)
        day->popularity[i] = sum += 1 / pow((double)i + 1, 0.9);
    for (uint64_t i = 0; i < skus; i++)
        day->popularity[i] /= sum;
    return true;
}

static uint32_t draw_sku(struct day *day)
{
    double share = draw_share(day);
    uint64_t low = 0, high = day->wishes->skus - 1;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (day->popularity[middle] < share)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static int64_t price_of(uint32_t sku)
{
    return 499 + (int64_t)(sku * UINT64_C(2654435761) % 20000);
}

static bool is_flash(const struct day *day, uint32_t sku)
{
    return day->wishes->profile != PROFILE_STEADY && sku < FLASH_SKUS;
}

/* Flash SKUs have a tenth of the units that their buyers will ask for. */
static uint64_t units_of(const struct day *day, uint32_t sku)
{
    double share = day->popularity[sku] - (sku == 0 ? 0 : day->popularity[sku - 1]);
    double asked = share * (double)day->wishes->orders * 4;
    return is_flash(day, sku) ? (uint64_t)(asked / 40) + 1 : (uint64_t)(asked * 2) + 100;
}

static uint16_t draw_line_count(struct day *day)
{
    static const uint16_t counts[] = {1, 1, 1, 1, 2, 2, 2, 2, 3, 4};
    return counts[draw_below(day, 10)];
}

/* Different SKUs: a basket says how many it wants of each. */
static uint16_t draw_lines(struct day *day, struct trace_line lines[LINES_MAX], double at)
{
    bool flash =
        day->wishes->profile == PROFILE_FLASH && at >= day->stroke && draw_below(day, 2) == 0;
    uint16_t wanted = flash ? 1 : draw_line_count(day);
    uint16_t count = 0;
    for (int tries = 0; count < wanted && tries < 64; tries++) {
        uint32_t sku = flash ? (uint32_t)draw_below(day, FLASH_SKUS) : draw_sku(day);
        bool known = false;
        for (uint16_t i = 0; i < count; i++)
            known |= lines[i].sku == sku;
        if (known)
            continue;
        lines[count++] = (struct trace_line){.sku = sku,
                                             .units = 1 + (uint32_t)(draw_below(day, 8) == 0),
                                             .unit_price = price_of(sku)};
    }
    return count;
}

/* ---- the events ---------------------------------------------------------------------------------------- */

static void put_stock(struct day *day)
{
    for (uint32_t i = 0; i < day->wishes->warehouses; i++)
        trace_put(day->writer, &(struct trace_event){.kind = TRACE_WAREHOUSE, .a = i, .b = i + 1},
                  NULL);
    for (uint32_t sku = 0; sku < day->wishes->skus; sku++) {
        trace_put(day->writer,
                  &(struct trace_event){.kind = TRACE_SKU, .a = sku, .amount = price_of(sku)},
                  NULL);
        trace_put(day->writer,
                  &(struct trace_event){.kind = TRACE_RECEIVE,
                                        .a = sku,
                                        .b = sku % (uint32_t)day->wishes->warehouses,
                                        .amount = (int64_t)units_of(day, sku)},
                  NULL);
    }
}

/* Those that are to be sent again before `until_ns`. */
static void put_again(struct day *day, uint64_t until_ns)
{
    for (;;) {
        uint32_t first = 0;
        for (uint32_t i = 1; i < day->again_count; i++)
            if (day->again[i].event.at_ns < day->again[first].event.at_ns)
                first = i;
        if (day->again_count == 0 || day->again[first].event.at_ns > until_ns)
            return;
        trace_put(day->writer, &day->again[first].event, day->again[first].lines);
        day->again[first] = day->again[--day->again_count];
    }
}

/* One in fifty is sent twice, up to two seconds later: an impatient buyer, a lost answer. */
static void maybe_again(struct day *day, const struct trace_event *event,
                        const struct trace_line *lines)
{
    if (draw_below(day, 50) != 0 || day->again_count == AGAIN_MAX)
        return;
    struct again *again = &day->again[day->again_count++];
    again->event = *event;
    again->event.at_ns += draw_below(day, UINT64_C(2000000000));
    if (again->event.at_ns > day->wishes->duration_ns)
        again->event.at_ns = day->wishes->duration_ns;
    again->event.flags = TRACE_AGAIN;
    memcpy(again->lines, lines, event->line_count * sizeof *lines);
}

static void put_orders(struct day *day)
{
    int step = 0;
    for (uint64_t i = 0; i < day->wishes->orders; i++) {
        double share = ((double)i + draw_share(day)) / (double)day->wishes->orders;
        double at = time_of_share(day, share, &step);
        struct trace_line lines[LINES_MAX];
        struct trace_event event = {
            .kind = TRACE_ORDER,
            .at_ns = (uint64_t)(at * (double)day->wishes->duration_ns),
            .order = i,
            .a = (uint32_t)draw_below(day, day->customers),
        };
        event.line_count = draw_lines(day, lines, at);
        put_again(day, event.at_ns);
        trace_put(day->writer, &event, lines);
        maybe_again(day, &event, lines);
    }
    put_again(day, UINT64_MAX);
}

static void put_names(struct day *day)
{
    trace_numbered(day->writer, TRACE_SKUS, "SKU-", 0, 6, day->wishes->skus);
    trace_numbered(day->writer, TRACE_CUSTOMERS, "", 0, 12, day->customers);
    trace_numbered(day->writer, TRACE_WAREHOUSES, "w", 1, 0, day->wishes->warehouses);
    trace_name(day->writer, TRACE_REGIONS, "");
    trace_numbered(day->writer, TRACE_ORDERS, "", UINT64_C(202011110000000000), 0,
                   day->wishes->orders);
}

static int fail(const char *doing, const char *path)
{
    fprintf(stderr, "spate trace gen: cannot %s %s: %s\n", doing, path, strerror(errno));
    return 1;
}

static int generate(const struct wishes *wishes, const char *path)
{
    struct day day = {
        .wishes = wishes,
        .random = wishes->seed,
        .customers = wishes->orders / 3 + 1, /* who buys, buys three times */
        .again = calloc(AGAIN_MAX, sizeof *day.again),
    };
    if (day.again == NULL || !count_popularity(&day))
        return fail("find memory for", path);
    draw_curve(&day);
    day.writer = trace_create(path, wishes->seed, STROKE_NS - wishes->duration_ns / 2, "CNY");
    if (day.writer == NULL)
        return fail("write", path);
    put_stock(&day);
    put_orders(&day);
    put_names(&day);
    bool good = trace_finish(day.writer, wishes->duration_ns);
    free(day.popularity);
    free(day.again);
    return good ? 0 : fail("write", path);
}

int tool_trace_gen(int argc, char **argv)
{
    struct wishes wishes = {.orders = 100000,
                            .duration_ns = UINT64_C(86400) * 1000000000,
                            .peak_factor = 20,
                            .skus = 10000,
                            .warehouses = 3,
                            .seed = 1};
    const struct option table[] = {
        {.name = "orders",
         .value_name = "N",
         .help = "orders in the day (100k)",
         .kind = OPTION_COUNT,
         .into = &wishes.orders,
         .min = 1,
         .max = UINT64_C(1000000000)},
        {.name = "duration",
         .value_name = "TIME",
         .help = "length of the day (24h)",
         .kind = OPTION_DURATION,
         .into = &wishes.duration_ns,
         .min = 1000000,
         .max = UINT64_C(400) * 86400 * 1000000000},
        {.name = "peak-factor",
         .value_name = "N",
         .help = "height of the spike over the day (20)",
         .kind = OPTION_COUNT,
         .into = &wishes.peak_factor,
         .min = 0,
         .max = 100000},
        {.name = "skus",
         .value_name = "N",
         .help = "SKUs on sale (10k)",
         .kind = OPTION_COUNT,
         .into = &wishes.skus,
         .min = 8,
         .max = 10000000},
        {.name = "warehouses",
         .value_name = "N",
         .help = "warehouses (3)",
         .kind = OPTION_COUNT,
         .into = &wishes.warehouses,
         .min = 1,
         .max = 64},
        {.name = "seed",
         .value_name = "N",
         .help = "the same seed gives the same day (1)",
         .kind = OPTION_COUNT,
         .into = &wishes.seed},
        {.name = "profile",
         .value_name = "NAME",
         .help = "double11: a spike at the stroke; flash: and half of it on three SKUs; steady",
         .kind = OPTION_CHOICE,
         .into = &wishes.profile,
         .choices = profiles},
        {0},
    };
    const struct usage usage = {.command = "spate trace gen",
                                .arguments = "FILE [OPTION...]",
                                .summary = "Invents a peak day and writes it to FILE.",
                                .options = table};
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional != 1) {
        fprintf(stderr, "spate trace gen: which file is the day to be written to? one name\n");
        return 2;
    }
    return generate(&wishes, argv[0]);
}
