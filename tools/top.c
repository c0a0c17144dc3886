/* spate top - what a server is doing, as it does it: on a terminal a screen that is drawn again and again,
 * in a pipe a line each time. All of it is from /metrics. */
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "persist/start.h"
#include "tools/fetch.h"
#include "tools/options.h"
#include "tools/scrape.h"
#include "tools/tools.h"

enum { SHARDS_SHOWN = 64, BAR_COLUMNS = 16, FRAME_BYTES_MAX = 65536 };

struct wishes {
    const char *admin;
    uint64_t interval_ns;
    uint64_t times;
};

enum colour { PLAIN = 0, BOLD = 1, DIM = 2, RED = 31, GREEN = 32, YELLOW = 33 };

struct top {
    struct wishes wishes;
    struct fetch fetch;
    struct fetch_answer pages[2]; /* the samples' names are in them */
    struct scrape scrapes[2];
    uint32_t newest;
    uint32_t known; /* of the two */
    bool screen;
    bool colours;
    uint32_t columns;
    uint32_t rows;
    char *frame;
    size_t frame_bytes;
    uint32_t column; /* of the frame's last line */
    uint32_t row;
};

/* Set by the signal handler, which can be given nothing. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* ---- the frame ------------------------------------------------------------------------------------------- */

static void append(struct top *top, const char *bytes, size_t count)
{
    if (count < FRAME_BYTES_MAX - top->frame_bytes) {
        memcpy(top->frame + top->frame_bytes, bytes, count);
        top->frame_bytes += count;
    }
}

/* Words on the line; what lies beyond the terminal's edge is not drawn. */
__attribute__((format(printf, 3, 4))) static void put(struct top *top, enum colour colour,
                                                      const char *format, ...)
{
    char words[512], escape[16];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    size_t bytes = count < 0 ? 0 : (size_t)count < sizeof words ? (size_t)count : sizeof words - 1;
    if (top->row >= top->rows)
        return;
    if (bytes > top->columns - top->column)
        bytes = top->columns - top->column;
    top->column += (uint32_t)bytes;
    bool painted = colour != PLAIN && top->colours;
    if (painted)
        append(top, escape, (size_t)snprintf(escape, sizeof escape, "\x1b[%dm", colour));
    append(top, words, bytes);
    if (painted)
        append(top, "\x1b[0m", 4);
}

static void end_line(struct top *top)
{
    if (top->row + 1 < top->rows)
        append(top, top->screen ? "\x1b[K\n" : "\n", top->screen ? 4 : 1);
    top->row++;
    top->column = 0;
}

static void write_frame(struct top *top)
{
    if (top->screen)
        append(top, "\x1b[K\x1b[J", 6);
    for (size_t at = 0; at < top->frame_bytes;) {
        ssize_t wrote = write(STDOUT_FILENO, top->frame + at, top->frame_bytes - at);
        if (wrote < 0) {
            interrupted = 1; /* nobody looks any more */
            break;
        }
        at += (size_t)wrote;
    }
}

static void begin_frame(struct top *top)
{
    struct winsize size;
    top->columns = 100;
    top->rows = 1000;
    if (top->screen && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        top->columns = size.ws_col;
        top->rows = size.ws_row;
    }
    top->frame_bytes = top->row = top->column = 0;
    if (top->screen)
        append(top, "\x1b[H", 3);
}

/* ---- numbers --------------------------------------------------------------------------------------------- */

/* "1 234 567" */
static const char *grouped(double value, char out[32])
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.0f", value < 0 ? 0 : value);
    size_t count = strlen(digits), used = 0;
    for (size_t i = 0; i < count && used + 2 < 32; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            out[used++] = ' ';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

static const char *sized(double bytes, char out[32])
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    uint32_t unit = 0;
    for (; bytes >= 1000 && unit < 4; unit++)
        bytes /= 1000;
    snprintf(out, 32, bytes < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return out;
}

static const char *timed(double seconds, char out[32])
{
    if (seconds < 0)
        snprintf(out, 32, "-");
    else if (seconds < 1e-3)
        snprintf(out, 32, "%.0f us", seconds * 1e6);
    else if (seconds < 1)
        snprintf(out, 32, seconds < 1e-2 ? "%.2f ms" : "%.0f ms", seconds * 1e3);
    else
        snprintf(out, 32, "%.1f s", seconds);
    return out;
}

static const struct scrape *now_of(const struct top *top)
{
    return &top->scrapes[top->newest];
}

static const struct scrape *before_of(const struct top *top)
{
    return &top->scrapes[1 - top->newest];
}

static double rate(const struct top *top, const char *name, const char *label)
{
    return scrape_rate(before_of(top), now_of(top), name, label);
}

static double quantile(const struct top *top, double part)
{
    return scrape_quantile(before_of(top), now_of(top), "spate_answer_seconds", part);
}

static double per(double all, double parts)
{
    return parts <= 0 ? 0 : all / parts;
}

/* ---- what is wrong --------------------------------------------------------------------------------------- */

/* In one table: what is looked at, from when on it is worth a warning, what to do. */
static uint32_t warnings(const struct top *top, char out[][160], uint32_t capacity)
{
    const struct scrape *now = now_of(top);
    double orders = per(scrape_sum(now, "spate_orders"), scrape_sum(now, "spate_orders_max"));
    double bytes =
        per(scrape_sum(now, "spate_order_bytes"), scrape_sum(now, "spate_order_bytes_max"));
    const struct {
        bool holds;
        const char *words;
    } table[] = {
        {scrape_sum(now, "spate_log_full") > 0,
         "the log's disk is full: new orders get 503; make room"},
        {scrape_sum(now, "spate_snapshot_damaged") > 0,
         "the log is damaged: it serves, but do not stop it before reading persist/RUNBOOK.md"},
        {scrape_sum(now, "spate_log_synced") <= 0,
         "--sync none: a power cut loses what was acknowledged"},
        {rate(top, "spate_snapshot_failures_total", NULL) > 0,
         "a snapshot could not be made; the server's log says why"},
        {orders > 0.9, "the table of orders is almost full; start with a larger --memory"},
        {bytes > 0.9, "the memory for orders is almost full; start with a larger --memory"},
        {rate(top, "spate_connections_refused_total", NULL) > 0,
         "connections are refused; raise --connections, or find out who floods"},
        {rate(top, "spate_lines_lost_total", NULL) > 0,
         "lines of the server's own log are lost: whoever reads it is too slow"},
        {rate(top, "spate_results_total", "busy") > 0,
         "commands are answered busy: too much at once"},
        {rate(top, "spate_results_total", "full") > 0,
         "commands are refused because a table is full"},
        {rate(top, "spate_results_total", "internal") > 0,
         "answers say 500: our mistake, please report"},
        {scrape_sum(now, "spate_log_lag_groups") > 0 && rate(top, "spate_log_watermark", NULL) <= 0,
         "the log does not get on: the disk does not answer"},
    };
    uint32_t count = 0;
    for (uint32_t i = 0; i < sizeof table / sizeof *table && count < capacity; i++)
        if (table[i].holds)
            snprintf(out[count++], 160, "%s", table[i].words);
    return count;
}

/* ---- the screen ------------------------------------------------------------------------------------------ */

static void draw_head(struct top *top)
{
    char time_text[16];
    time_t seconds = time(NULL);
    struct tm local;
    strftime(time_text, sizeof time_text, "%H:%M:%S", localtime_r(&seconds, &local));
    put(top, BOLD, "spate");
    put(top, PLAIN, " %s  %s", top->wishes.admin, time_text);
    put(top, DIM, "   q ends");
    end_line(top);
    end_line(top);
}

static void draw_rates(struct top *top)
{
    char a[32], b[32], c[32], d[32];
    double created = rate(top, "spate_results_total", "created");
    double all = rate(top, "spate_results_total", NULL);
    double fine = created + rate(top, "spate_results_total", "ok") +
                  rate(top, "spate_results_total", "replayed");
    put(top, BOLD, "orders   ");
    put(top, PLAIN, "%s/s created  %s/s commands  %s/s refused  %s held", grouped(created, a),
        grouped(all, b), grouped(all - fine, c),
        grouped(scrape_sum(now_of(top), "spate_orders"), d));
    end_line(top);
    put(top, BOLD, "answers  ");
    put(top, PLAIN, "p50 %s  p99 %s  p99.9 %s  p99.99 %s", timed(quantile(top, .5), a),
        timed(quantile(top, .99), b), timed(quantile(top, .999), c),
        timed(quantile(top, .9999), d));
    end_line(top);
}

static void draw_log(struct top *top)
{
    char a[32], b[32], c[32], d[32], e[32];
    double groups = rate(top, "spate_log_groups_total", NULL);
    double bytes = rate(top, "spate_log_group_bytes_total", NULL);
    double writes = rate(top, "spate_log_writes_total", NULL);
    put(top, BOLD, "log      ");
    put(top, PLAIN, "%s/s in %s writes/s  group %s  %s a write  lag %s",
        sized(rate(top, "spate_log_write_bytes_total", NULL), a), grouped(writes, b),
        sized(per(bytes, groups), c), grouped(per(groups, writes), d),
        grouped(scrape_sum(now_of(top), "spate_log_lag_groups"), e));
    end_line(top);
}

static void draw_memory(struct top *top)
{
    const struct scrape *now = now_of(top);
    char a[32], b[32], c[32], d[32];
    double used = scrape_sum(now, "spate_order_bytes"),
           max = scrape_sum(now, "spate_order_bytes_max");
    double orders = per(scrape_sum(now, "spate_orders"), scrape_sum(now, "spate_orders_max"));
    put(top, BOLD, "memory   ");
    put(top, PLAIN, "orders %.0f %%  records %s of %s (%.0f %%)  SKUs %s  connected %s",
        orders * 100, sized(used, a), sized(max, b), per(used, max) * 100,
        grouped(scrape_sum(now, "spate_skus"), c),
        grouped(scrape_sum(now, "spate_connections"), d));
    end_line(top);
}

static void draw_start(struct top *top)
{
    const struct scrape *now = now_of(top);
    char a[32], b[32], c[32];
    put(top, BOLD, "start    ");
    put(top, PLAIN, "would take about %s  snapshot %s  log behind it %s",
        timed(scrape_sum(now, "spate_recovery_estimate_seconds"), a),
        sized(scrape_sum(now, "spate_snapshot_bytes"), b),
        sized(scrape_sum(now, "spate_snapshot_lag_bytes"), c));
    end_line(top);
}

static void draw_shard(struct top *top, const char *shard)
{
    char a[32], b[32], c[32], d[32], bar[BAR_COLUMNS + 1];
    double load = rate(top, "spate_cpu_seconds_total", shard);
    double commands = rate(top, "spate_commands_total", shard);
    int full = (int)(load * BAR_COLUMNS + 0.5);
    full = full < 0 ? 0 : full > BAR_COLUMNS ? BAR_COLUMNS : full;
    memset(bar, '#', (size_t)full);
    memset(bar + full, '.', (size_t)(BAR_COLUMNS - full));
    bar[BAR_COLUMNS] = '\0';
    put(top, PLAIN, "  %5s  ", shard);
    put(top, load > .9 ? RED : load > .7 ? YELLOW : GREEN, "%s", bar);
    put(top, PLAIN, " %3.0f %% %11s %11s %11s %11s", load * 100, grouped(commands, a),
        grouped(rate(top, "spate_forwarded_total", shard), b),
        timed(per(rate(top, "spate_cpu_seconds_total", shard), commands), c),
        grouped(scrape_one(now_of(top), "spate_orders", shard), d));
    end_line(top);
}

static void draw_shards(struct top *top)
{
    const struct scrape *now = now_of(top);
    end_line(top);
    put(top, BOLD, "  shard  %-22s %11s %11s %11s %11s", "load", "commands/s", "forwarded/s",
        "CPU/command", "orders");
    end_line(top);
    for (uint32_t i = 0; i < now->count; i++)
        if (strcmp(now->at[i].name, "spate_turns_total") == 0)
            draw_shard(top, now->at[i].label);
}

static void draw_hot(struct top *top)
{
    const struct scrape *now = now_of(top);
    char a[32];
    bool any = false;
    for (uint32_t i = 0; i < now->count; i++) {
        if (strcmp(now->at[i].name, "spate_hot_sku_lines") != 0)
            continue;
        if (!any) {
            end_line(top);
            put(top, BOLD, "  %-33s %12s", "SKUs wanted most", "lines/s");
            end_line(top);
        }
        any = true;
        put(top, PLAIN, "  %-33s %12s", now->at[i].label, grouped(now->at[i].value, a));
        end_line(top);
    }
}

static void draw_warnings(struct top *top)
{
    char words[16][160];
    uint32_t count = warnings(top, words, 16);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0)
            end_line(top);
        put(top, RED, "! %s", words[i]);
        end_line(top);
    }
}

static void draw_screen(struct top *top)
{
    draw_head(top);
    draw_rates(top);
    draw_log(top);
    draw_memory(top);
    draw_start(top);
    draw_warnings(top);
    draw_shards(top);
    draw_hot(top);
}

/* ---- a line in a pipe ------------------------------------------------------------------------------------- */

static double load_of_busiest(const struct top *top)
{
    double highest = 0;
    for (uint32_t i = 0; i < now_of(top)->count; i++) {
        const struct sample *sample = &now_of(top)->at[i];
        if (strcmp(sample->name, "spate_cpu_seconds_total") != 0)
            continue;
        double load = rate(top, sample->name, sample->label);
        highest = load > highest ? load : highest;
    }
    return highest;
}

/* 0 where nothing was answered: the rate beside it says so. */
static double quantile_ms(const struct top *top, double part)
{
    double seconds = quantile(top, part);
    return seconds < 0 ? 0 : seconds * 1e3;
}

static void draw_line(struct top *top)
{
    char words[16][160];
    uint32_t warned = warnings(top, words, 16);
    top->columns = 480;
    put(top, PLAIN,
        "created_per_s=%.0f commands_per_s=%.0f p50_ms=%.3f p99_ms=%.3f p999_ms=%.3f "
        "busiest_shard=%.2f lag_groups=%.0f group_bytes=%.0f log_bytes_per_s=%.0f orders=%.0f "
        "warnings=%u",
        rate(top, "spate_results_total", "created"), rate(top, "spate_results_total", NULL),
        quantile_ms(top, .5), quantile_ms(top, .99), quantile_ms(top, .999), load_of_busiest(top),
        scrape_sum(now_of(top), "spate_log_lag_groups"),
        per(rate(top, "spate_log_group_bytes_total", NULL),
            rate(top, "spate_log_groups_total", NULL)),
        rate(top, "spate_log_write_bytes_total", NULL), scrape_sum(now_of(top), "spate_orders"),
        warned);
    end_line(top);
    for (uint32_t i = 0; i < warned; i++) {
        put(top, PLAIN, "! %s", words[i]);
        end_line(top);
    }
}

/* ---- looking again and again -------------------------------------------------------------------------------- */

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* False: the server is away, or says something else; then it counts as if it had just begun. */
static bool look(struct top *top)
{
    const struct fetch_request request = {.method = "GET", .target = "/metrics", .headers = ""};
    uint32_t oldest = 1 - top->newest, line = 0;
    if (!fetch_ask(&top->fetch, &request, &top->pages[oldest]))
        return top->known = 0, false;
    struct fetch_answer *page = &top->pages[oldest];
    if (page->status != 200 || page->body_bytes == 0 ||
        !scrape_read(&top->scrapes[oldest], page->body, &line)) {
        snprintf(top->fetch.fault, sizeof top->fetch.fault,
                 "%s: /metrics answers %u, and line %u is no metric", top->wishes.admin,
                 page->status, line);
        return top->known = 0, false;
    }
    top->scrapes[oldest].taken_ns = clock_ns();
    top->newest = oldest;
    top->known = top->known == 2 ? 2 : top->known + 1;
    return true;
}

static void show(struct top *top, bool looked)
{
    begin_frame(top);
    if (!looked) {
        if (top->screen)
            draw_head(top);
        put(top, RED, "! %s", top->fetch.fault);
        end_line(top);
    } else if (top->known < 2) {
        return; /* rates need two looks */
    } else if (top->screen) {
        draw_screen(top);
    } else {
        draw_line(top);
    }
    write_frame(top);
}

/* Until the next look is due, or somebody presses q. */
static void wait_until(uint64_t due_ns, bool screen)
{
    while (!interrupted) {
        uint64_t now = clock_ns();
        struct pollfd keys = {.fd = screen ? STDIN_FILENO : -1, .events = POLLIN};
        char key = 0;
        if (now >= due_ns)
            return;
        if (poll(&keys, 1, (int)((due_ns - now) / 1000000 + 1)) > 0 &&
            (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q'))
            interrupted = 1;
    }
}

static int run(struct top *top)
{
    bool looked = false;
    uint64_t due_ns = clock_ns();
    for (uint64_t shown = 0; !interrupted;) {
        looked = look(top);
        if (!looked && !top->screen && shown == 0 && top->known == 0) {
            fprintf(stderr, "spate top: %s\n", top->fetch.fault);
            return EXIT_UNAVAILABLE;
        }
        show(top, looked);
        shown += !looked || top->known == 2;
        if (top->wishes.times != 0 && shown >= top->wishes.times)
            break;
        due_ns += top->wishes.interval_ns;
        wait_until(due_ns, top->screen);
    }
    return 0;
}

/* On a screen of its own, without the cursor, keys as they are pressed. */
static int run_on_screen(struct top *top)
{
    struct termios before, raw;
    bool keys = tcgetattr(STDIN_FILENO, &before) == 0;
    raw = before;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    (void)!write(STDOUT_FILENO, "\x1b[?1049h\x1b[?25l\x1b[2J", 18);
    int end = run(top);
    (void)!write(STDOUT_FILENO, "\x1b[?25h\x1b[?1049l", 14);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return end;
}

int tool_top(int argc, char **argv)
{
    static struct top top;
    top.wishes = (struct wishes){.admin = "127.0.0.1:8081", .interval_ns = 1000000000};
    const struct option table[] = {
        {.name = "admin",
         .value_name = "ADDR:PORT",
         .help = "the server's admin address",
         .kind = OPTION_TEXT,
         .into = &top.wishes.admin},
        {.name = "interval",
         .value_name = "TIME",
         .help = "between two looks",
         .kind = OPTION_DURATION,
         .into = &top.wishes.interval_ns,
         .min = 100000000,
         .max = UINT64_C(3600000000000)},
        {.name = "times",
         .value_name = "N",
         .help = "end after so many looks",
         .kind = OPTION_COUNT,
         .into = &top.wishes.times,
         .otherwise = "never"},
        {0},
    };
    const struct usage usage = {
        .command = "spate top",
        .arguments = "[OPTION...]",
        .summary =
            "Shows what a server is doing. In a pipe: a line of name=value for each look. Without "
            "colours where NO_COLOR is set.",
        .options = table,
        .environment = "SPATE_",
    };
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional > 0) {
        fprintf(stderr, "spate top: what is `%s`?\n", argv[0]);
        return EXIT_USAGE_ERROR;
    }
    const char *no_color = getenv("NO_COLOR");
    const struct sigaction stop = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    top.screen = isatty(STDOUT_FILENO);
    top.colours = top.screen && (no_color == NULL || *no_color == '\0');
    top.frame = malloc(FRAME_BYTES_MAX);
    if (top.frame == NULL)
        return EXIT_OS;
    fetch_init(&top.fetch, top.wishes.admin, 2000);
    end = top.screen ? run_on_screen(&top) : run(&top);
    fetch_close(&top.fetch);
    fetch_answer_free(&top.pages[0]);
    fetch_answer_free(&top.pages[1]);
    free(top.frame);
    return end;
}
