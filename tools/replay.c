/* spate replay - throws a trace at a server, open loop, and says whether it held.
 *
 * Each order has its intended time, t0 + its time in the trace / speed, and is sent then whether or not
 * earlier ones have been answered; the schedule is never moved. Response time counts from the intended
 * time, service time from when the order was sent. Between the two lie the wait for the target's credit
 * and the generator's own lag: how much too late it came to an order. A run in which that was large is
 * not valid. */
#include "tools/replay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/options.h"
#include "tools/slo.h"
#include "tools/tools.h"

enum {
    EXIT_FAILED = 1,
    EXIT_SLO_MISSED = 3,
    EXIT_RUN_INVALID = 4,
    EXIT_INTERRUPTED = 130,
    BATCH_LOOK = 512, /* orders sent between two looks at the answers */
    BLOCK = 64,       /* neighbours that go through the same connection, in few frames */
    CONNECTIONS_MAX = 256,
    RETRIES_MAX = 65536, /* orders that wait to be sent once more */
    CODES = 64,
    ANSWER_MS = 10000,
};
static const uint64_t RETRY_NS = 5 * 1000 * 1000;
static const uint64_t LIVE_NS = 500 * 1000 * 1000;
static const uint64_t HELD_BACK_NS = 50 * 1000;

struct wishes {
    const char *target;
    const char *token;
    const char *json;
    const char *hgrm;
    uint64_t speed_percent;
    uint64_t rate;
    uint64_t in_flight;
    uint64_t connections;
    uint64_t lag_ns_max;
    const char *slo_text;
    struct slo slo;
    bool max;
    bool no_audit;
};

struct retry {
    uint64_t due_ns;
    uint64_t tag;
};

struct run {
    const struct wishes *wishes;
    struct trace trace;
    struct spate *clients[CONNECTIONS_MAX];
    uint32_t *numbers; /* of the trace's SKUs on this server */
    struct fates fates;
    const struct trace_event **events; /* by tag: order events in order of time */
    uint64_t event_count;
    double ns_per_trace_ns; /* 0: as fast as it goes */
    uint64_t t0_ns;
    uint64_t begins_ns; /* the first order's time in the trace */

    uint64_t sent;
    uint64_t answered;
    uint64_t retried;
    uint64_t held_back; /* looks at which the next order was due, but in_flight were unanswered */
    uint64_t codes[CODES];
    struct retry *retries; /* in order of their due times: each waits equally long */
    uint64_t retry_first;
    uint64_t retry_last;
    struct histogram *response;
    struct histogram *service;
    struct histogram *lag;
    uint64_t ended_ns;
    uint64_t live_next_ns;
    uint64_t live_answered;
    bool terminal;
};

/* Set by the signal handler, which can be given nothing. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "spate replay: %s: %s\n", what, why);
    return EXIT_FAILED;
}

/* ---- setting up what is sold -------------------------------------------------------------------------- */

/* Waits for everything that was asked; false: an answer says no, or none came. */
static bool settle(struct run *run)
{
    struct spate_result result;
    while (spate_open_count(run->clients[0]) > 0) {
        if (!spate_take(run->clients[0], &result, ANSWER_MS))
            return complain("setting up", "no answer from the server"), false;
        if (result.code >= SPATE_MALFORMED)
            return complain("setting up", spate_code_name(result.code)), false;
        if (result.tag > 0)
            run->numbers[result.tag - 1] = result.sku;
    }
    return true;
}

static const char *name_of(const struct run *run, enum trace_table table, uint32_t number,
                           char out[TRACE_NAME_BYTES])
{
    trace_name_of(&run->trace, table, number, out);
    return out;
}

static bool put_event(struct run *run, const struct trace_event *event)
{
    char name[TRACE_NAME_BYTES], key[64];
    switch (event->kind) {
    case TRACE_WAREHOUSE:
        return spate_warehouse_put(run->clients[0], name_of(run, TRACE_WAREHOUSES, event->a, name),
                                   event->b, 0);
    case TRACE_SKU: {
        struct spate_sku sku = {.code = name_of(run, TRACE_SKUS, event->a, name),
                                .currency = run->trace.head->currency,
                                .list_price = event->amount};
        return spate_sku_put(run->clients[0], &sku, event->a + 1);
    }
    case TRACE_RECEIVE: {
        snprintf(key, sizeof key, "trace-%016llx-%u-%u", (unsigned long long)run->trace.head->hash,
                 event->a, event->b);
        struct spate_receipt receipt = {.sku = run->numbers[event->a],
                                        .warehouse = name_of(run, TRACE_WAREHOUSES, event->b, name),
                                        .key = key,
                                        .ok_units = (uint64_t)event->amount};
        return spate_stock_receive(run->clients[0], &receipt, 0);
    }
    default:
        break;
    }
    return true;
}

/* All events of one kind; what they need has been set up before. */
static bool set_up_kind(struct run *run, enum trace_kind kind)
{
    struct spate_result result;
    for (const struct trace_event *event = trace_first(&run->trace);
         event != NULL && event->kind < TRACE_ORDER; event = trace_next(&run->trace, event)) {
        if (event->kind != kind)
            continue;
        while (!put_event(run, event)) {
            if (!spate_take(run->clients[0], &result, ANSWER_MS) || result.code >= SPATE_MALFORMED)
                return complain("setting up", spate_error(run->clients[0])), false;
            if (result.tag > 0)
                run->numbers[result.tag - 1] = result.sku;
        }
    }
    return settle(run);
}

/* ---- orders -------------------------------------------------------------------------------------------- */

static uint64_t intended_ns(const struct run *run, const struct trace_event *event)
{
    double since = (double)(event->at_ns - run->begins_ns) * run->ns_per_trace_ns;
    return run->t0_ns + (uint64_t)since;
}

/* The same id always goes the same way, so that what is sent twice keeps its order. */
static struct spate *client_for(const struct run *run, const struct trace_event *event)
{
    return run->clients[event->order / BLOCK % run->wishes->connections];
}

static bool put_order(struct run *run, const struct trace_event *event, uint64_t tag)
{
    struct spate_line lines[TRACE_LINES_MAX];
    char id[TRACE_NAME_BYTES], customer[TRACE_NAME_BYTES];
    const struct trace_line *from = trace_lines(event);
    for (uint32_t i = 0; i < event->line_count; i++)
        lines[i] = (struct spate_line){.sku = run->numbers[from[i].sku],
                                       .units = from[i].units,
                                       .unit_price = from[i].unit_price};
    trace_name_of(&run->trace, TRACE_ORDERS, event->order, id);
    struct spate_order order = {.id = id,
                                .customer = name_of(run, TRACE_CUSTOMERS, event->a, customer),
                                .currency = run->trace.head->currency,
                                .lines = lines,
                                .line_count = event->line_count};
    return spate_order_create(client_for(run, event), &order, tag);
}

static void settle_fate(struct run *run, const struct trace_event *event, uint32_t code)
{
    uint8_t *fate = &run->fates.fate[event->order];
    if (code == SPATE_CREATED || code == SPATE_REPLAYED)
        *fate = FATE_CREATED;
    else if (*fate != FATE_CREATED)
        *fate = code == SPATE_OUT_OF_STOCK || code == SPATE_LIMIT ? FATE_REFUSED : FATE_FAILED;
}

static bool again_later(struct run *run, uint64_t tag)
{
    if (run->retry_last - run->retry_first == RETRIES_MAX)
        return false;
    run->retries[run->retry_last++ % RETRIES_MAX] =
        (struct retry){.due_ns = clock_ns() + RETRY_NS, .tag = tag};
    run->retried++;
    return true;
}

static void on_answer(struct run *run, const struct spate_result *result)
{
    const struct trace_event *event = run->events[result->tag];
    if (result->code == SPATE_BUSY && again_later(run, result->tag))
        return;
    uint64_t intended = run->ns_per_trace_ns > 0 ? intended_ns(run, event) : result->sent_ns;
    if (intended > result->sent_ns)
        intended = result->sent_ns;
    histogram_add(run->response, result->done_ns - intended);
    histogram_add(run->service, result->done_ns - result->sent_ns);
    run->codes[result->code < CODES ? result->code : CODES - 1]++;
    run->answered++;
    settle_fate(run, event, result->code);
}

static void show_live(struct run *run)
{
    uint64_t now = clock_ns();
    if (now < run->live_next_ns)
        return;
    double seconds = (double)LIVE_NS / 1e9;
    uint64_t rate = (uint64_t)((double)(run->answered - run->live_answered) / seconds);
    fprintf(stderr, "%s%5.1f s  %3llu %%  %9llu orders/s  p50 %.2f ms  p99.9 %.2f ms%s",
            run->terminal ? "\r\033[K" : "", (double)(now - run->t0_ns) / 1e9,
            (unsigned long long)(run->answered * 100 / run->event_count), (unsigned long long)rate,
            (double)histogram_at(run->response, 500000) / 1e6,
            (double)histogram_at(run->response, 999000) / 1e6, run->terminal ? "" : "\n");
    run->live_answered = run->answered;
    run->live_next_ns = now + LIVE_NS;
}

static void take_answers(struct run *run)
{
    struct spate_result result;
    for (uint64_t i = 0; i < run->wishes->connections; i++)
        while (spate_next(run->clients[i], &result))
            on_answer(run, &result);
    show_live(run);
}

static void send_retries(struct run *run)
{
    while (run->retry_first < run->retry_last) {
        const struct retry *retry = &run->retries[run->retry_first % RETRIES_MAX];
        if (retry->due_ns > clock_ns() || !put_order(run, run->events[retry->tag], retry->tag))
            return;
        run->retry_first++;
    }
}

/* Sends what is due; the time of the next, or UINT64_MAX when all are sent. */
static uint64_t send_due_orders(struct run *run)
{
    uint64_t now = clock_ns();
    for (uint32_t i = 0; i < BATCH_LOOK && run->sent < run->event_count; i++) {
        const struct trace_event *event = run->events[run->sent];
        uint64_t intended = run->ns_per_trace_ns > 0 ? intended_ns(run, event) : now;
        if (intended > now)
            return intended;
        if (!put_order(run, event, run->sent)) {
            run->held_back++;
            return now + HELD_BACK_NS;
        }
        histogram_add(run->lag, now - intended);
        run->sent++;
    }
    return run->sent < run->event_count ? now : UINT64_MAX;
}

/* Until an answer comes or something is due. */
static void wait_until(struct run *run, uint64_t due_ns)
{
    struct pollfd files[CONNECTIONS_MAX];
    uint64_t now = clock_ns();
    if (run->retry_first < run->retry_last &&
        run->retries[run->retry_first % RETRIES_MAX].due_ns < due_ns)
        due_ns = run->retries[run->retry_first % RETRIES_MAX].due_ns;
    if (run->live_next_ns < due_ns)
        due_ns = run->live_next_ns;
    for (uint64_t i = 0; i < run->wishes->connections; i++) {
        int timeout_ms = spate_timeout_ms(run->clients[i]);
        if (timeout_ms >= 0 && now + (uint64_t)timeout_ms * 1000000 < due_ns)
            due_ns = now + (uint64_t)timeout_ms * 1000000;
        files[i] = (struct pollfd){.fd = spate_fd(run->clients[i]), .events = POLLIN};
    }
    if (due_ns <= now)
        return;
    struct timespec left = {.tv_sec = (time_t)((due_ns - now) / 1000000000),
                            .tv_nsec = (long)((due_ns - now) % 1000000000)};
    ppoll(files, run->wishes->connections, &left, NULL);
}

/* NULL, or the connection whose server has refused us. */
static struct spate *process_all(struct run *run)
{
    for (uint64_t i = 0; i < run->wishes->connections; i++)
        if (!spate_process(run->clients[i]))
            return run->clients[i];
    return NULL;
}

static bool replay_orders(struct run *run)
{
    struct spate *refused = NULL;
    run->t0_ns = clock_ns();
    run->live_next_ns = run->t0_ns + LIVE_NS;
    while (run->answered < run->event_count && !interrupted && refused == NULL) {
        uint64_t next = send_due_orders(run);
        send_retries(run);
        refused = process_all(run);
        take_answers(run);
        if (run->answered < run->event_count)
            wait_until(run, next);
    }
    run->ended_ns = clock_ns();
    if (run->terminal)
        fprintf(stderr, "\r\033[K");
    if (refused != NULL)
        complain(run->wishes->target, spate_error(refused));
    return refused == NULL;
}

/* ---- before and after ------------------------------------------------------------------------------------ */

static bool list_orders(struct run *run)
{
    const struct trace_head *head = run->trace.head;
    run->events = calloc(head->event_count + 1, sizeof *run->events);
    run->fates.count = head->names[TRACE_ORDERS].count;
    run->fates.fate = calloc(head->names[TRACE_ORDERS].count + 1, 1);
    run->numbers = calloc(head->names[TRACE_SKUS].count + 1, sizeof *run->numbers);
    run->retries = calloc(RETRIES_MAX, sizeof *run->retries);
    run->response = calloc(1, sizeof *run->response);
    run->service = calloc(1, sizeof *run->service);
    run->lag = calloc(1, sizeof *run->lag);
    if (!run->events || !run->fates.fate || !run->numbers || !run->retries || !run->response ||
        !run->service || !run->lag)
        return false;
    for (const struct trace_event *event = trace_first(&run->trace); event != NULL;
         event = trace_next(&run->trace, event)) {
        if (event->kind != TRACE_ORDER)
            continue;
        run->events[run->event_count++] = event;
    }
    return run->event_count > 0;
}

static void choose_speed(struct run *run)
{
    const struct wishes *wishes = run->wishes;
    const struct trace_event *first = run->events[0];
    const struct trace_event *last = run->events[run->event_count - 1];
    double span = (double)(last->at_ns - first->at_ns) + 1;
    run->begins_ns = first->at_ns;
    if (wishes->max)
        run->ns_per_trace_ns = 0;
    else if (wishes->rate > 0)
        run->ns_per_trace_ns = (double)run->event_count / (double)wishes->rate * 1e9 / span;
    else
        run->ns_per_trace_ns = 100 / (double)wishes->speed_percent;
}

static void print_row(const char *name, const struct histogram *histogram)
{
    static const uint32_t points[] = {500000, 900000, 990000, 999000, 1000000};
    printf("%-14s", name);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        printf(" %10.3f", (double)histogram_at(histogram, points[i]) / 1e6);
    printf("\n");
}

static bool lag_is_bearable(const struct run *run)
{
    return run->ns_per_trace_ns == 0 || histogram_at(run->lag, 999000) <= run->wishes->lag_ns_max;
}

static void print_report(const struct run *run)
{
    double seconds = (double)(run->ended_ns - run->t0_ns) / 1e9;
    printf("%llu orders in %.2f s: %.0f orders/s; %llu sent once more after `busy`\n",
           (unsigned long long)run->answered, seconds, (double)run->answered / seconds,
           (unsigned long long)run->retried);
    for (uint32_t code = 0; code < CODES; code++)
        if (run->codes[code] > 0)
            printf("  %-22s %12llu\n", spate_code_name(code), (unsigned long long)run->codes[code]);
    printf("%-14s %10s %10s %10s %10s %10s\n", "ms", "p50", "p90", "p99", "p99.9", "max");
    print_row("response", run->response);
    print_row("service", run->service);
    print_row("schedule lag", run->lag);
    if (!lag_is_bearable(run))
        printf("RUN INVALID: one order in a thousand left more than %.1f ms late: %s\n",
               (double)run->wishes->lag_ns_max / 1e6,
               run->held_back > 0
                   ? "the target left as many unanswered as --max-in-flight allows"
                   : "this machine's processors were taken, or one of them is too slow for it");
}

static void print_audit(const struct audit *audit)
{
    printf("audit: %llu orders created, lost %llu, duplicates %llu, changed %llu; %llu SKUs, "
           "oversold %llu, unbalanced %llu, left unsold %llu: %s\n",
           (unsigned long long)audit->created, (unsigned long long)audit->lost,
           (unsigned long long)audit->ghosts, (unsigned long long)audit->changed,
           (unsigned long long)audit->skus, (unsigned long long)audit->oversold,
           (unsigned long long)audit->unbalanced, (unsigned long long)audit->undersold,
           audit_is_clean(audit) ? "OK" : "FAILED");
}

static void write_json_histogram(FILE *out, const char *name, const struct histogram *histogram)
{
    fprintf(out,
            "  \"%s_ns\": {\"p50\": %llu, \"p90\": %llu, \"p99\": %llu, \"p99.9\": %llu, \"max\": "
            "%llu},\n",
            name, (unsigned long long)histogram_at(histogram, 500000),
            (unsigned long long)histogram_at(histogram, 900000),
            (unsigned long long)histogram_at(histogram, 990000),
            (unsigned long long)histogram_at(histogram, 999000),
            (unsigned long long)histogram->max);
}

static bool write_json(const struct run *run, const struct audit *audit)
{
    FILE *out = fopen(run->wishes->json, "w");
    if (out == NULL)
        return false;
    double seconds = (double)(run->ended_ns - run->t0_ns) / 1e9;
    fprintf(out,
            "{\n  \"version\": 1,\n  \"trace_hash\": \"%016llx\",\n  \"orders\": %llu,\n  "
            "\"seconds\": %.6f,\n",
            (unsigned long long)run->trace.head->hash, (unsigned long long)run->answered, seconds);
    fprintf(out, "  \"orders_per_second\": %.1f,\n  \"created\": %llu,\n  \"results\": {",
            (double)run->answered / seconds, (unsigned long long)run->codes[SPATE_CREATED]);
    const char *comma = "";
    for (uint32_t code = 0; code < CODES; code++) {
        if (run->codes[code] == 0)
            continue;
        fprintf(out, "%s\"%s\": %llu", comma, spate_code_name(code),
                (unsigned long long)run->codes[code]);
        comma = ", ";
    }
    fprintf(out, "},\n");
    write_json_histogram(out, "response", run->response);
    write_json_histogram(out, "service", run->service);
    write_json_histogram(out, "lag", run->lag);
    fprintf(out, "  \"valid\": %s,\n  \"audit\": %s\n}\n", lag_is_bearable(run) ? "true" : "false",
            audit == NULL           ? "null"
            : audit_is_clean(audit) ? "\"ok\""
                                    : "\"failed\"");
    bool good = !ferror(out);
    return fclose(out) == 0 && good;
}

static bool write_hgrm(const struct run *run)
{
    FILE *out = fopen(run->wishes->hgrm, "w");
    if (out == NULL)
        return false;
    histogram_print(run->response, out, 1e6);
    bool good = !ferror(out);
    return fclose(out) == 0 && good;
}

static uint64_t fates_failed(const struct fates *fates)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < fates->count; i++)
        count += fates->fate[i] == FATE_UNKNOWN || fates->fate[i] == FATE_FAILED;
    return count;
}

static int report(struct run *run)
{
    struct audit audit;
    bool audited = !run->wishes->no_audit;
    print_report(run);
    if (audited) {
        fprintf(stderr, "auditing ...\n");
        if (!replay_audit(run->clients[0], &run->trace, &run->fates, run->numbers, &audit))
            return complain("audit", "the server does not answer");
        print_audit(&audit);
    }
    if (run->wishes->json != NULL && !write_json(run, audited ? &audit : NULL))
        return complain(run->wishes->json, strerror(errno));
    if (run->wishes->hgrm != NULL && !write_hgrm(run))
        return complain(run->wishes->hgrm, strerror(errno));
    if (audited && !audit_is_clean(&audit))
        return EXIT_FAILED;
    if (interrupted)
        return EXIT_INTERRUPTED;
    if (!lag_is_bearable(run))
        return EXIT_RUN_INVALID;
    double failed = (double)fates_failed(&run->fates) / (double)run->fates.count;
    return slo_report(&run->wishes->slo, run->response, failed) ? 0 : EXIT_SLO_MISSED;
}

static bool connect_all(struct run *run)
{
    const struct wishes *wishes = run->wishes;
    const struct spate_options options = {
        .address = wishes->target,
        .token = wishes->token,
        .open_max = (uint32_t)(wishes->in_flight / wishes->connections + 1)};
    for (uint64_t i = 0; i < wishes->connections; i++)
        if ((run->clients[i] = spate_open(&options)) == NULL)
            return false;
    return true;
}

static int replay(const struct wishes *wishes, const char *path)
{
    struct run run = {.wishes = wishes, .terminal = isatty(STDERR_FILENO)};
    char message[256];
    if (!trace_open(&run.trace, path, message))
        return complain("trace", message);
    if (!trace_verify(&run.trace, message))
        return complain(path, message);
    if (!list_orders(&run))
        return complain(path, "no orders in it, or no memory for them");
    choose_speed(&run);
    if (!connect_all(&run))
        return complain(wishes->target, strerror(errno));
    struct sigaction stop = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &stop, NULL);
    if (!set_up_kind(&run, TRACE_WAREHOUSE) || !set_up_kind(&run, TRACE_SKU) ||
        !set_up_kind(&run, TRACE_RECEIVE))
        return EXIT_FAILED;
    if (!replay_orders(&run))
        return EXIT_FAILED;
    int exit_code = report(&run);
    for (uint64_t i = 0; i < wishes->connections; i++)
        spate_close(run.clients[i]);
    trace_close(&run.trace);
    free(run.events);
    free(run.fates.fate);
    free(run.numbers);
    free(run.retries);
    free(run.response);
    free(run.service);
    free(run.lag);
    return exit_code;
}

int tool_replay(int argc, char **argv)
{
    struct wishes wishes = {
        .speed_percent = 100, .in_flight = 65536, .connections = 8, .lag_ns_max = 10 * 1000 * 1000};
    uint64_t speed = 1;
    const struct option table[] = {
        {.name = "target",
         .value_name = "ADDR:PORT",
         .help = "the server's binary address",
         .kind = OPTION_TEXT,
         .into = &wishes.target},
        {.name = "speed",
         .value_name = "N",
         .help = "times the speed of the trace (1)",
         .kind = OPTION_COUNT,
         .into = &speed,
         .min = 1,
         .max = 1000000},
        {.name = "rate",
         .value_name = "N",
         .help = "orders a second on average, instead of --speed",
         .kind = OPTION_COUNT,
         .into = &wishes.rate},
        {.name = "max",
         .help = "as fast as the server takes them, instead of --speed",
         .kind = OPTION_FLAG,
         .into = &wishes.max},
        {.name = "connections",
         .value_name = "N",
         .help = "to each shard (8)",
         .kind = OPTION_COUNT,
         .into = &wishes.connections,
         .min = 1,
         .max = CONNECTIONS_MAX},
        {.name = "max-in-flight",
         .value_name = "N",
         .help = "unanswered orders at most (65536)",
         .kind = OPTION_COUNT,
         .into = &wishes.in_flight,
         .min = 1,
         .max = 1 << 24},
        {.name = "max-lag",
         .value_name = "TIME",
         .help = "the run is invalid when its own p99.9 lag is above this (10ms)",
         .kind = OPTION_DURATION,
         .into = &wishes.lag_ns_max},
        {.name = "slo",
         .value_name = "EXPR",
         .help = "'p99.9<5ms,errors<0.1%': exit with 3 when it is not kept",
         .kind = OPTION_TEXT,
         .into = &wishes.slo_text},
        {.name = "token",
         .value_name = "TEXT",
         .help = "who we are",
         .kind = OPTION_TEXT,
         .into = &wishes.token},
        {.name = "json",
         .value_name = "FILE",
         .help = "write the report there",
         .kind = OPTION_TEXT,
         .into = &wishes.json},
        {.name = "hgrm",
         .value_name = "FILE",
         .help = "write the response percentiles there",
         .kind = OPTION_TEXT,
         .into = &wishes.hgrm},
        {.name = "no-audit",
         .help = "do not compare the server's orders and stock with the trace",
         .kind = OPTION_FLAG,
         .into = &wishes.no_audit},
        {0},
    };
    const struct usage usage = {
        .command = "spate replay",
        .arguments = "TRACE --target ADDR:PORT [OPTION...]",
        .summary =
            "Throws a trace at a server and says whether it held: exit code 0, 1 when it did "
            "not,\n3 when it was too slow, 4 when this machine could not keep the schedule.",
        .options = table};
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional != 1 || wishes.target == NULL) {
        fprintf(stderr, "spate replay: %s\n",
                positional != 1 ? "which trace? one file" : "--target ADDR:PORT is missing");
        return 2;
    }
    const char *fault;
    if (wishes.slo_text != NULL && !slo_read(&wishes.slo, wishes.slo_text, &fault)) {
        fprintf(stderr, "spate replay: --slo: cannot read '%s'; 'p99.9<5ms,errors<0.1%%'\n", fault);
        return 2;
    }
    wishes.speed_percent = speed * 100;
    return replay(&wishes, argv[0]);
}
