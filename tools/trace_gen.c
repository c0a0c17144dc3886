/* spate trace gen - invents a peak day from a seed.
 *
 * The day has a daily curve and, at its stroke, midnight, a spike that decays. Popularity follows Zipf; a
 * few flash SKUs have far more buyers than units; before a double11 stroke people pay deposits, and the
 * balance at the stroke. Most orders are paid after a while, some fail and are paid again, are cancelled,
 * refunded, returned, looked at, or sent twice; what is paid is shipped, delivered and confirmed.
 *
 * One pass in order of time, in memory that does not grow with the day: everything about order i follows
 * from (seed, i), so it is made anew wherever it is needed. The time of order i is where the curve has let
 * through its share (i + chance) / orders of all. What follows soon waits in a heap, 16 bytes an order;
 * what follows hours later comes from a second walk over the orders, since warehouses work in order of
 * arrival. All delays shrink with a shorter day. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/names.h"
#include "tools/options.h"
#include "tools/tools.h"
#include "tools/trace.h"

enum { CURVE_STEPS = 4096, FLASH_SKUS = 3, LINES_MAX = 8, STEPS_MAX = 8, REGIONS = 8 };

/* 2020-11-11 00:00 UTC; the day lies around it. */
#define STROKE_NS (UINT64_C(1605052800) * 1000000000)
static const double DAY_S = 86400;

enum profile { PROFILE_DOUBLE11, PROFILE_FLASH, PROFILE_STEADY };
static const char *const profiles[] = {"double11", "flash", "steady", NULL};
static const char *const regions[REGIONS] = {"sh", "bj", "gd", "zj", "js", "sc", "hb", "ln"};

struct wishes {
    uint64_t orders;
    uint64_t duration_ns;
    uint64_t peak_factor;
    uint64_t skus;
    uint64_t warehouses;
    uint64_t seed;
    uint64_t profile;
    bool orders_only;
};

/* A step of an order that comes soon after it. */
struct pending {
    uint64_t at_ns;
    uint64_t order_step; /* order * STEPS_MAX + step */
};

/* The second walk: over the orders again, a fixed time later. */
struct walk {
    enum trace_kind kind;
    bool deposits; /* of those that pay their balance at the stroke; or of all others */
    double delay_s;
    uint64_t order; /* the next; its time is at_ns */
    uint64_t at_ns;
    int curve_step;
};

enum { WALKS = 10 };

struct day {
    const struct wishes *wishes;
    struct walk walks[WALKS];
    struct trace_writer *writer;
    double curve[CURVE_STEPS + 1]; /* share of all orders up to each step of the day */
    double stroke;                 /* when the spike begins, as a share of the day */
    double *popularity;            /* share up to each SKU */
    uint64_t customers;
    struct pending *heap; /* the earliest first */
    uint64_t heap_count, heap_capacity;
};

/* splitmix64: every seed gives another good sequence. */
struct dice {
    uint64_t state;
};

static uint64_t draw(struct dice *dice)
{
    uint64_t z = dice->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double draw_share(struct dice *dice)
{
    return (double)(draw(dice) >> 11) * 0x1p-53;
}

static uint64_t draw_below(struct dice *dice, uint64_t count)
{
    return draw(dice) % count;
}

/* Seconds of a real day: mostly soon, sometimes much later. */
static double draw_delay(struct dice *dice, double mean_s)
{
    return -mean_s * log(1 - draw_share(dice));
}

static struct dice dice_of(const struct day *day, uint64_t order)
{
    struct dice dice = {day->wishes->seed};
    dice.state = draw(&dice) + order;
    dice.state = draw(&dice);
    return dice;
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

/* When order i is placed; *step only moves on, so that a walk over all orders walks the curve once. */
static uint64_t time_of_order(const struct day *day, uint64_t order, int *step)
{
    struct dice dice = dice_of(day, order);
    double share = ((double)order + draw_share(&dice)) / (double)day->wishes->orders;
    while (*step + 1 < CURVE_STEPS && day->curve[*step + 1] <= share)
        ++*step;
    double begins = day->curve[*step];
    double inside = (share - begins) / (day->curve[*step + 1] - begins);
    return (uint64_t)((*step + inside) / CURVE_STEPS * (double)day->wishes->duration_ns);
}

/* A time of a real day in this one. */
static uint64_t scaled_ns(const struct day *day, double seconds)
{
    return (uint64_t)(seconds / DAY_S * (double)day->wishes->duration_ns);
}

/* ---- what is bought --------------------------------------------------------------------------------- */

static void count_popularity(struct day *day)
{
    uint64_t skus = day->wishes->skus;
    day->popularity = memory_grow(NULL, skus * sizeof *day->popularity);
    double sum = 0;
    for (uint64_t i = 0; i < skus; i++)
        day->popularity[i] = sum += 1 / pow((double)i + 1, 0.9);
    for (uint64_t i = 0; i < skus; i++)
        day->popularity[i] /= sum;
}

static uint32_t draw_sku(const struct day *day, struct dice *dice)
{
    double share = draw_share(dice);
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

/* Different SKUs: a basket says how many it wants of each. */
static uint16_t draw_lines(const struct day *day, struct dice *dice,
                           struct trace_line lines[LINES_MAX], bool flash)
{
    static const uint16_t counts[] = {1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 8};
    uint16_t wanted = flash ? 1 : counts[draw_below(dice, sizeof counts / sizeof *counts)];
    uint16_t count = 0;
    for (int tries = 0; count < wanted && tries < 64; tries++) {
        uint32_t sku = flash ? (uint32_t)draw_below(dice, FLASH_SKUS) : draw_sku(day, dice);
        bool known = false;
        for (uint16_t i = 0; i < count; i++)
            known |= lines[i].sku == sku;
        if (known)
            continue;
        lines[count++] = (struct trace_line){.sku = sku,
                                             .units = 1 + (uint32_t)(draw_below(dice, 8) == 0),
                                             .unit_price = price_of(sku)};
    }
    return count;
}

/* ---- an order and what follows it ---------------------------------------------------------------------- */

struct step {
    uint64_t at_ns;
    enum trace_kind kind;
    uint32_t number; /* of the payment */
    uint32_t flags;
    int64_t amount;
};

struct order {
    struct trace_event event;
    struct trace_line lines[LINES_MAX];
    int64_t total;
    struct step steps[STEPS_MAX]; /* those that come soon, in order of time */
    uint32_t step_count;
    bool shipped; /* and delivered */
    bool returned;
};

static void add_step(struct order *order, uint64_t at_ns, enum trace_kind kind, uint32_t number,
                     int64_t amount)
{
    order->steps[order->step_count++] =
        (struct step){.at_ns = at_ns, .kind = kind, .number = number, .amount = amount};
}

/* A payment begins, and a moment later the provider says how it has ended; when that is. */
static uint64_t add_payment(const struct day *day, struct dice *dice, struct order *order,
                            uint64_t at_ns, uint32_t number, int64_t amount, enum trace_kind end)
{
    uint64_t ends_ns = at_ns + scaled_ns(day, 1 + draw_delay(dice, 4));
    add_step(order, at_ns, TRACE_PAY, number, amount);
    add_step(order, ends_ns, end, number, 0);
    if (end == TRACE_CAPTURE && (number > 1 || amount == order->total))
        order->steps[order->step_count - 1].flags = TRACE_PAID;
    return ends_ns;
}

/* A tenth now, the balance at the stroke. */
static void pay_deposit(const struct day *day, struct dice *dice, struct order *order)
{
    int64_t deposit = order->total / 10 + 1;
    uint64_t stroke_ns = (uint64_t)(day->stroke * (double)day->wishes->duration_ns);
    uint64_t at_ns = order->event.at_ns + scaled_ns(day, draw_delay(dice, 30));
    uint64_t done_ns = add_payment(day, dice, order, at_ns, 1, deposit, TRACE_CAPTURE);
    at_ns = stroke_ns + scaled_ns(day, draw_delay(dice, 90));
    at_ns = at_ns > done_ns ? at_ns : done_ns;
    order->event.flags |= TRACE_DEPOSIT;
    add_payment(day, dice, order, at_ns, 2, order->total - deposit, TRACE_CAPTURE);
    order->shipped = true;
}

static void draw_steps(const struct day *day, struct dice *dice, struct order *order)
{
    uint64_t chance = draw_below(dice, 1000), ordered_ns = order->event.at_ns;
    uint64_t at_ns = ordered_ns + scaled_ns(day, 3 + draw_delay(dice, 45));
    bool before = (double)ordered_ns < day->stroke * (double)day->wishes->duration_ns;
    if (day->wishes->profile == PROFILE_DOUBLE11 && before && draw_below(dice, 3) == 0) {
        pay_deposit(day, dice, order);
        return;
    }
    if (chance < 50) /* never paid: it expires */
        return;
    if (chance < 80) {
        add_step(order, at_ns, TRACE_CANCEL, 0, 0);
        return;
    }
    if (chance < 120) /* the first payment fails */
        at_ns = scaled_ns(day, 20) +
                add_payment(day, dice, order, at_ns, 1, order->total, TRACE_PAY_FAIL);
    uint64_t paid_ns =
        add_payment(day, dice, order, at_ns, chance < 120 ? 2 : 1, order->total, TRACE_CAPTURE);
    uint64_t later_ns = paid_ns + scaled_ns(day, 60 + draw_delay(dice, 300));
    order->shipped = chance >= 140;
    order->returned = chance >= 980;
    if (chance >= 120 && chance < 140)
        add_step(order, later_ns, TRACE_CANCEL, 0, 0);
    else if (chance >= 140 && chance < 150)
        add_step(order, later_ns, TRACE_REFUND, 1, order->lines[0].unit_price);
    else if (chance >= 150 && chance < 400)
        add_step(order, later_ns, TRACE_READ, 0, 0);
}

/* Everything about order i; `at_ns` is when it is placed. */
static void make_order(const struct day *day, uint64_t number, uint64_t at_ns, struct order *order)
{
    struct dice dice = dice_of(day, number);
    (void)draw_share(&dice); /* was its time */
    bool after = (double)at_ns >= day->stroke * (double)day->wishes->duration_ns;
    bool flash = day->wishes->profile == PROFILE_FLASH && after && draw_below(&dice, 2) == 0;
    double share = draw_share(&dice); /* who buys often, buys often */
    *order = (struct order){
        .event = {.kind = TRACE_ORDER,
                  .at_ns = at_ns,
                  .order = number,
                  .a = (uint32_t)(share * share * (double)day->customers),
                  .b = (uint32_t)draw_below(&dice, REGIONS)},
    };
    order->event.line_count = draw_lines(day, &dice, order->lines, flash);
    for (uint16_t i = 0; i < order->event.line_count; i++)
        order->total += order->lines[i].unit_price * order->lines[i].units;
    if (!day->wishes->orders_only)
        draw_steps(day, &dice, order);
    if (draw_below(&dice, 50) == 0 && order->step_count < STEPS_MAX) {
        /* Sent twice, up to two seconds later: an impatient buyer, a lost answer. It goes first. */
        memmove(&order->steps[1], &order->steps[0], order->step_count * sizeof *order->steps);
        order->steps[0] = (struct step){.at_ns = at_ns + scaled_ns(day, 2 * draw_share(&dice)),
                                        .kind = TRACE_ORDER};
        order->step_count++;
    }
}

/* ---- what comes soon ------------------------------------------------------------------------------------- */

static void heap_push(struct day *day, struct pending pending)
{
    if (day->heap_count == day->heap_capacity) {
        day->heap_capacity = day->heap_capacity * 2 + 1024;
        day->heap = memory_grow(day->heap, day->heap_capacity * sizeof *day->heap);
    }
    uint64_t at = day->heap_count++;
    while (at > 0 && day->heap[(at - 1) / 2].at_ns > pending.at_ns) {
        day->heap[at] = day->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    day->heap[at] = pending;
}

static struct pending heap_pop(struct day *day)
{
    struct pending first = day->heap[0], last = day->heap[--day->heap_count];
    uint64_t at = 0;
    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child + 1 < day->heap_count && day->heap[child + 1].at_ns < day->heap[child].at_ns)
            child++;
        if (child >= day->heap_count || day->heap[child].at_ns >= last.at_ns)
            break;
        day->heap[at] = day->heap[child];
        at = child;
    }
    day->heap[at] = last;
    return first;
}

/* The steps behind one never come before it, whatever the delays that were drawn. */
static void push_step(struct day *day, const struct order *order, uint32_t step, uint64_t from_ns)
{
    if (step >= order->step_count)
        return;
    uint64_t at_ns = order->steps[step].at_ns > from_ns ? order->steps[step].at_ns : from_ns;
    if (at_ns <= day->wishes->duration_ns)
        heap_push(day, (struct pending){at_ns, order->event.order * STEPS_MAX + step});
}

/* The curve's step of a time is not known here: it is looked for from the beginning. */
static uint64_t time_again(const struct day *day, uint64_t order)
{
    int low = 0, high = CURVE_STEPS;
    double share = (double)order / (double)day->wishes->orders;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (day->curve[middle] <= share)
            low = middle;
        else
            high = middle;
    }
    return time_of_order(day, order, &low);
}

static void put_step(struct day *day)
{
    struct order order;
    struct pending pending = heap_pop(day);
    uint64_t number = pending.order_step / STEPS_MAX;
    uint32_t step = (uint32_t)(pending.order_step % STEPS_MAX);
    make_order(day, number, time_again(day, number), &order);
    const struct step *what = &order.steps[step];
    if (what->kind == TRACE_ORDER) {
        order.event.at_ns = pending.at_ns;
        order.event.flags |= TRACE_AGAIN;
        trace_put(day->writer, &order.event, order.lines);
    } else {
        trace_put(day->writer,
                  &(struct trace_event){.at_ns = pending.at_ns,
                                        .kind = (uint16_t)what->kind,
                                        .order = number,
                                        .b = what->number,
                                        .flags = what->flags,
                                        .amount = what->amount},
                  NULL);
    }
    push_step(day, &order, step + 1, pending.at_ns);
}

/* ---- what comes hours later --------------------------------------------------------------------------------- */

static const double SHIP_S = 3 * 3600;
static const struct {
    enum trace_kind kind;
    double delay_s;
} later[WALKS / 2] = {
    {TRACE_SHIP, 3 * 3600},    {TRACE_HANDOVER, 4 * 3600},   {TRACE_DELIVER, 9 * 3600},
    {TRACE_RETURN, 10 * 3600}, {TRACE_CONFIRM, 10.5 * 3600},
};

/* When the walk comes to the order that is next; UINT64_MAX: there is none. Deposits begin their way at
 * the stroke, in the order in which they came. */
static void walk_look(const struct day *day, struct walk *walk)
{
    walk->at_ns = UINT64_MAX;
    if (walk->order >= day->wishes->orders)
        return;
    uint64_t placed_ns = time_of_order(day, walk->order, &walk->curve_step);
    uint64_t begins_ns = placed_ns;
    if (walk->deposits)
        begins_ns = (uint64_t)(day->stroke * (double)day->wishes->duration_ns) + placed_ns / 16;
    walk->at_ns = begins_ns + scaled_ns(day, walk->delay_s);
}

static void begin_walks(struct day *day)
{
    for (int i = 0; i < WALKS; i++) {
        struct walk *walk = &day->walks[i];
        *walk = (struct walk){.kind = later[i / 2].kind,
                              .delay_s = later[i / 2].delay_s,
                              .deposits = i % 2 != 0,
                              .at_ns = UINT64_MAX};
        bool wanted = !walk->deposits || day->wishes->profile == PROFILE_DOUBLE11;
        if (wanted && !day->wishes->orders_only)
            walk_look(day, walk);
    }
}

static bool is_due(const struct order *order, const struct walk *walk)
{
    if (!order->shipped || (order->event.flags & TRACE_DEPOSIT) / TRACE_DEPOSIT != walk->deposits)
        return false;
    if (walk->kind == TRACE_RETURN)
        return order->returned;
    return walk->kind != TRACE_CONFIRM || !order->returned;
}

static void put_walk(struct day *day, struct walk *walk)
{
    struct order order;
    struct trace_line line = {.sku = 1, .units = 1};
    uint64_t number = walk->order++, at_ns = walk->at_ns;
    make_order(day, number, time_again(day, number), &order);
    walk_look(day, walk);
    /* Not paid before the parcel was to be packed: it is not shipped on this day. */
    uint64_t ship_ns = at_ns - scaled_ns(day, walk->delay_s) + scaled_ns(day, SHIP_S);
    bool late = order.step_count > 0 && order.steps[order.step_count - 1].at_ns >= ship_ns;
    if (at_ns > day->wishes->duration_ns || late || !is_due(&order, walk))
        return;
    const struct trace_event event = {.at_ns = at_ns,
                                      .kind = (uint16_t)walk->kind,
                                      .order = number,
                                      .b = walk->kind != TRACE_CONFIRM,
                                      .line_count = walk->kind == TRACE_RETURN};
    trace_put(day->writer, &event, &line);
}

/* ---- all of it, in order of time ------------------------------------------------------------------------------- */

/* Everything that follows earlier orders, up to a time. */
static void put_followers(struct day *day, uint64_t until_ns)
{
    for (;;) {
        struct walk *first = &day->walks[0];
        for (int i = 1; i < WALKS; i++)
            if (day->walks[i].at_ns < first->at_ns)
                first = &day->walks[i];
        uint64_t heap_ns = day->heap_count > 0 ? day->heap[0].at_ns : UINT64_MAX;
        uint64_t next_ns = heap_ns < first->at_ns ? heap_ns : first->at_ns;
        if (next_ns > until_ns)
            return;
        if (heap_ns <= first->at_ns)
            put_step(day);
        else
            put_walk(day, first);
    }
}

static void put_costs(struct day *day, uint32_t region)
{
    struct trace_line rows[64];
    uint16_t count = (uint16_t)day->wishes->warehouses;
    for (uint16_t i = 0; i < count; i++)
        rows[i] = (struct trace_line){.sku = i,
                                      .units = 10 + (region * 7u + i * 13u) % 50,
                                      .unit_price = 1 + (region + i) % 4};
    trace_put(day->writer,
              &(struct trace_event){.kind = TRACE_COSTS, .a = region, .line_count = count}, rows);
}

static void put_stock(struct day *day)
{
    for (uint32_t i = 0; i < day->wishes->warehouses; i++)
        trace_put(day->writer, &(struct trace_event){.kind = TRACE_WAREHOUSE, .a = i, .b = i + 1},
                  NULL);
    for (uint32_t i = 0; i < REGIONS; i++)
        put_costs(day, i);
    for (uint32_t sku = 0; sku < day->wishes->skus; sku++) {
        trace_put(day->writer,
                  &(struct trace_event){.kind = TRACE_SKU,
                                        .a = sku,
                                        .amount = price_of(sku),
                                        .flags = is_flash(day, sku) ? TRACE_FLASH : 0},
                  NULL);
        trace_put(day->writer,
                  &(struct trace_event){.kind = TRACE_RECEIVE,
                                        .a = sku,
                                        .b = sku % (uint32_t)day->wishes->warehouses,
                                        .amount = (int64_t)units_of(day, sku)},
                  NULL);
    }
}

static void put_orders(struct day *day)
{
    int curve_step = 0;
    begin_walks(day);
    for (uint64_t i = 0; i < day->wishes->orders; i++) {
        struct order order;
        uint64_t at_ns = time_of_order(day, i, &curve_step);
        make_order(day, i, at_ns, &order);
        put_followers(day, at_ns);
        trace_put(day->writer, &order.event, order.lines);
        push_step(day, &order, 0, at_ns);
    }
    put_followers(day, day->wishes->duration_ns);
}

static void put_names(struct day *day)
{
    trace_numbered(day->writer, TRACE_SKUS, "SKU-", 0, 6, day->wishes->skus);
    trace_numbered(day->writer, TRACE_CUSTOMERS, "", 0, 12, day->customers);
    trace_numbered(day->writer, TRACE_WAREHOUSES, "w", 1, 0, day->wishes->warehouses);
    for (int i = 0; i < REGIONS; i++)
        trace_name(day->writer, TRACE_REGIONS, regions[i]);
    trace_numbered(day->writer, TRACE_ORDERS, "", UINT64_C(202011110000000000), 0,
                   day->wishes->orders);
}

static int generate(const struct wishes *wishes, const char *path)
{
    struct day day = {
        .wishes = wishes, .customers = wishes->orders / 3 + 1, /* who buys, buys three times */
    };
    day.writer = trace_create(path, wishes->seed, STROKE_NS - wishes->duration_ns / 2, "CNY");
    if (day.writer == NULL) {
        fprintf(stderr, "spate trace gen: cannot write %s: %s\n", path, strerror(errno));
        return 1;
    }
    count_popularity(&day);
    draw_curve(&day);
    put_stock(&day);
    put_orders(&day);
    put_names(&day);
    bool good = trace_finish(day.writer, wishes->duration_ns);
    if (!good)
        fprintf(stderr, "spate trace gen: cannot write %s: %s\n", path, strerror(errno));
    free(day.popularity);
    free(day.heap);
    return good ? 0 : 1;
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
         .help =
             "double11: deposits, a spike at the stroke; flash: half of it on three SKUs; steady",
         .kind = OPTION_CHOICE,
         .into = &wishes.profile,
         .choices = profiles},
        {.name = "orders-only",
         .help = "no payments, shipments and what else follows an order",
         .kind = OPTION_FLAG,
         .into = &wishes.orders_only},
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
