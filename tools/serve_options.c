#include "tools/serve_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/config.h"

#define INTO(place)  .into = &(place), .into_bytes = sizeof(place)
#define SIZED        "sized by --memory"
#define NOT_SERVED   "not served"
#define HOURS(count) (UINT64_C(3600000000000) * (count))

static const char *const sync_modes[] = {"dsync", "fdatasync", "none", NULL};

static const char *const review_timeouts[] = {"reject", "accept", NULL};

enum { ROWS_MAX = 48 };

/* The one table: --help, the file, the environment, man page and sample are made of it. */
static void fill_table(struct serve_options *options, struct option table[ROWS_MAX])
{
    struct server_options *server = &options->server;
    const struct option rows[] = {
        {.group = "Where",
         .name = "data",
         .value_name = "DIR",
         .help = "data directory; made if it is not there",
         .kind = OPTION_TEXT,
         .into = &server->directory},
        {.name = "binary",
         .value_name = "ADDR:PORT",
         .help = "serve the binary protocol here",
         .kind = OPTION_TEXT,
         .into = &server->binary_address,
         .otherwise = NOT_SERVED},
        {.name = "http",
         .value_name = "ADDR:PORT",
         .help = "serve HTTP/JSON here",
         .kind = OPTION_TEXT,
         .into = &server->http_address,
         .otherwise = NOT_SERVED},
        {.name = "admin",
         .value_name = "ADDR:PORT",
         .help = "serve /livez, /readyz and /metrics here",
         .kind = OPTION_TEXT,
         .into = &server->admin_address,
         .otherwise = NOT_SERVED},
        {.name = "callers",
         .value_name = "FILE",
         .help = "who may call, a line NAME:TOKEN or NAME:sha256:DIGEST for each",
         .kind = OPTION_TEXT,
         .into = &options->callers_path,
         .otherwise = "nobody is asked; local addresses only",
         .reloads = true},
        {.name = "rules",
         .value_name = "FILE",
         .help = "which new orders are reviewed or rejected; see core/RULES.md",
         .kind = OPTION_TEXT,
         .into = &options->rules_path,
         .otherwise = "those of the last start stay",
         .reloads = true},
        {.name = "config",
         .value_name = "FILE",
         .help = "read options from a file of lines `name = value`",
         .kind = OPTION_TEXT,
         .into = &options->config_path,
         .line_only = true},
        {.name = "test-config",
         .help = "look at options and files, and start nothing",
         .kind = OPTION_FLAG,
         .into = &options->test_config,
         .line_only = true},
        {.name = "dump-config",
         .help = "print every option with its value and where that is from",
         .kind = OPTION_FLAG,
         .into = &options->dump_config,
         .line_only = true},

        {.group = "How much",
         .name = "shards",
         .value_name = "N",
         .help = "threads, one for each core to be used",
         .kind = OPTION_COUNT,
         INTO(server->shard_count),
         .min = 1,
         .max = SHARDS_MAX - 1},
        {.name = "memory",
         .value_name = "SIZE",
         .help = "sizes every table together",
         .kind = OPTION_BYTES,
         INTO(options->memory_bytes),
         .min = 16 << 20,
         .max = UINT64_C(1) << 40},
        {.name = "orders",
         .value_name = "N",
         .help = "orders in memory",
         .kind = OPTION_COUNT,
         INTO(options->sizes.orders),
         .otherwise = SIZED,
         .max = UINT64_C(1) << 32},
        {.name = "order-bytes",
         .value_name = "SIZE",
         .help = "memory for the orders' records",
         .kind = OPTION_BYTES,
         INTO(options->sizes.order_bytes),
         .otherwise = SIZED,
         .max = UINT64_C(1) << 40},
        {.name = "skus",
         .value_name = "N",
         .help = "SKUs on sale",
         .kind = OPTION_COUNT,
         INTO(options->sizes.skus),
         .otherwise = SIZED,
         .max = 1 << 24},
        {.name = "cells",
         .value_name = "N",
         .help = "pairs of SKU and warehouse",
         .kind = OPTION_COUNT,
         INTO(options->sizes.cells),
         .otherwise = SIZED,
         .max = 1 << 26},
        {.name = "retries",
         .value_name = "N",
         .help = "requests that are known again by their Idempotency-Key",
         .kind = OPTION_COUNT,
         INTO(options->sizes.retries),
         .otherwise = SIZED,
         .max = 1 << 26},
        {.name = "flights",
         .value_name = "N",
         .help = "orders of a shard that may wait for other shards at a time",
         .kind = OPTION_COUNT,
         INTO(server->flight_count_max),
         .min = 64,
         .max = 1 << 20},
        {.name = "connections",
         .value_name = "N",
         .help = "connections a shard takes; one more is told 503",
         .kind = OPTION_COUNT,
         INTO(server->connection_count_max),
         .min = 1,
         .max = 1000000},
        {.name = "frame",
         .value_name = "SIZE",
         .help = "the longest frame of the binary protocol",
         .kind = OPTION_BYTES,
         INTO(server->frame_bytes_max),
         .min = 64 << 10,
         .max = 64 << 20},
        {.name = "mailbox",
         .value_name = "SIZE",
         .help = "messages under way from one shard to another",
         .kind = OPTION_BYTES,
         INTO(server->mailbox_bytes),
         .min = 256 << 10,
         .max = 64 << 20},

        {.group = "How long",
         .name = "payment-deadline",
         .value_name = "TIME",
         .help = "how long an order may stay unpaid, unless it says so itself",
         .kind = OPTION_DURATION,
         INTO(server->payment_deadline_ns),
         .min = 1000000000,
         .max = HOURS(24 * 366)},
        {.name = "review-deadline",
         .value_name = "TIME",
         .help = "how long an order may wait for a person to look at it",
         .kind = OPTION_DURATION,
         INTO(server->review_deadline_ns),
         .min = 1000000000,
         .max = HOURS(24 * 366)},
        {.name = "review-timeout",
         .value_name = "ACTION",
         .help = "what becomes of it then",
         .kind = OPTION_CHOICE,
         INTO(server->review_timeout),
         .choices = review_timeouts},
        {.name = "retry-window",
         .value_name = "TIME",
         .help = "how long an Idempotency-Key is known; a request issued earlier is refused",
         .kind = OPTION_DURATION,
         INTO(server->retry_window_ns),
         .min = 1000000000,
         .max = HOURS(24 * 366)},
        {.name = "drain-delay",
         .value_name = "TIME",
         .help = "how long /readyz says no before new connections are refused",
         .kind = OPTION_DURATION,
         INTO(server->drain_delay_ns),
         .max = HOURS(1)},

        {.group = "The log",
         .name = "sync",
         .value_name = "MODE",
         .help = "dsync, fdatasync, or none: then nothing is safe from a power cut",
         .kind = OPTION_CHOICE,
         INTO(server->log.sync),
         .choices = sync_modes},
        {.name = "segment",
         .value_name = "SIZE",
         .help = "length of a log segment",
         .kind = OPTION_BYTES,
         INTO(server->log.segment_bytes),
         .min = 2 << 20,
         .max = 4095ull << 20},
        {.name = "group",
         .value_name = "SIZE",
         .help = "events of one turn of a shard",
         .kind = OPTION_BYTES,
         INTO(server->log.group_bytes_max),
         .min = 128 << 10,
         .max = 16 << 20},
        {.name = "write",
         .value_name = "SIZE",
         .help = "the longest single write of the log",
         .kind = OPTION_BYTES,
         INTO(server->log.write_bytes_max),
         .min = 128 << 10,
         .max = 64 << 20},
        {.name = "witness-delay",
         .value_name = "TIME",
         .help = "an idle log says after this long how far it has come",
         .kind = OPTION_DURATION,
         INTO(server->log.idle_ns),
         .min = 100000,
         .max = 1000000000},
        {0},
    };
    _Static_assert(sizeof rows / sizeof *rows <= ROWS_MAX, "room for the table");
    memcpy(table, rows, sizeof rows);
}

static int fail(const char *message)
{
    fprintf(stderr, "spate serve: %s\n", message);
    return EXIT_USAGE_ERROR;
}

static bool is_local(const char *address)
{
    static const char *const local[] = {"127.", "[::1]:", "localhost:", "unix:"};
    if (address == NULL)
        return true;
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (strncmp(address, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

/* What no single option can say about itself. */
static int check_together(const struct serve_options *options)
{
    const struct server_options *server = &options->server;
    if (server->directory == NULL)
        return fail("--data DIR is missing: where is the log to be kept?");
    if (server->binary_address == NULL && server->http_address == NULL)
        return fail("nothing to listen on; give --binary ADDR:PORT or --http ADDR:PORT");
    /* Whoever can connect may do everything, unless tokens are asked for; so others cannot connect. */
    if (options->callers_path == NULL &&
        !(is_local(server->binary_address) && is_local(server->http_address)))
        return fail("without --callers only 127.0.0.1, [::1] or unix:PATH can be listened on; make "
                    "one with: (umask 077; echo \"shop:$(openssl rand -hex 24)\" > callers.txt)");
    if (server->log.group_bytes_max > server->log.write_bytes_max ||
        server->log.write_bytes_max > server->log.segment_bytes / 2)
        return fail("--group must not be above --write, nor --write above half of --segment");
    return -1;
}

static void size_tables(struct serve_options *options)
{
    struct server_options *server = &options->server;
    const struct serve_sizes *sizes = &options->sizes;
    server_options_memory(server, options->memory_bytes);
    if (sizes->orders != 0)
        server->order_count_max = sizes->orders;
    if (sizes->order_bytes != 0)
        server->order_bytes_max = sizes->order_bytes;
    if (sizes->skus != 0)
        server->sku_count_max = (uint32_t)sizes->skus;
    if (sizes->cells != 0)
        server->cell_count_max = (uint32_t)sizes->cells;
    if (sizes->retries != 0)
        server->retry_count_max = (uint32_t)sizes->retries;
}

int serve_options_read(struct serve_options *options, int argc, char **argv)
{
    struct option table[ROWS_MAX];
    uint8_t sources[ROWS_MAX] = {0};
    char *words[256];
    int positional;
    *options = (struct serve_options){.server = server_options_default(),
                                      .memory_bytes = UINT64_C(1) << 30};
    fill_table(options, table);
    const struct usage usage = {
        .command = "spate serve",
        .arguments = "--data DIR [--binary ADDR:PORT] [--http ADDR:PORT] [OPTION...]",
        .summary =
            "Takes in orders until SIGTERM; a second SIGTERM does not wait for anybody. SIGHUP "
            "reads options and files again.",
        .options = table,
        .environment = "SPATE_",
        .sources = sources,
    };
    if (argc > (int)(sizeof words / sizeof *words))
        return fail("too many arguments; put them into a file for --config");
    memcpy(words, argv, (size_t)argc * sizeof *words);
    int end = options_read(&usage, argc, words, &positional);
    if (end >= 0)
        return end;
    if (positional > 0) {
        fprintf(stderr, "spate serve: what is `%s`? every option begins with --\n", words[0]);
        return EXIT_USAGE_ERROR;
    }
    if (options->config_path != NULL && !config_read(&usage, options->config_path))
        return EXIT_USAGE_ERROR;
    if (options->dump_config) {
        config_dump(&usage);
        return 0;
    }
    size_tables(options);
    return check_together(options);
}

/* ---- who may call ------------------------------------------------------------------------------ */

static bool read_file(const char *path, char *out, size_t capacity, size_t *bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    *bytes = fread(out, 1, capacity, file);
    bool good = !ferror(file);
    fclose(file);
    return good;
}

int serve_callers_read(const struct serve_options *options, struct callers *callers)
{
    static char text[CALLERS_FILE_BYTES_MAX + 1];
    const char *path = options->callers_path;
    char message[512];
    size_t bytes;
    uint32_t line = 0;
    if (!read_file(path, text, sizeof text, &bytes)) {
        snprintf(message, sizeof message, "cannot read the callers in %s: %s", path,
                 strerror(errno));
        return fail(message);
    }
    const char *wrong = bytes > CALLERS_FILE_BYTES_MAX ? "it is longer than 256 KiB" : NULL;
    if (wrong == NULL)
        wrong = callers_read(callers, (struct text){text, (uint32_t)bytes}, &line);
    explicit_bzero(text, sizeof text);
    if (wrong == NULL)
        return 0;
    snprintf(message, sizeof message, "%s:%u: %s", path, line, wrong);
    return fail(message);
}

/* ---- rules ------------------------------------------------------------------------------------- */

int serve_rules_read(const struct serve_options *options, struct serve_rules *rules)
{
    const char *path = options->rules_path;
    char message[512];
    size_t bytes;
    struct rules_fault fault;
    if (!read_file(path, rules->at, sizeof rules->at, &bytes)) {
        snprintf(message, sizeof message, "cannot read the rules in %s: %s", path, strerror(errno));
        return fail(message);
    }
    rules->text = (struct text){rules->at, (uint32_t)bytes};
    if (rules_check(rules->text, &fault))
        return 0;
    snprintf(message, sizeof message, "%s:%u:%u: %s", path, fault.line, fault.column,
             fault.message);
    return fail(message);
}

/* ---- what it costs ----------------------------------------------------------------------------- */

static void print_bytes(uint64_t bytes)
{
    static const char units[] = {'B', 'K', 'M', 'G', 'T'};
    uint32_t unit = 0;
    while (bytes >= 10240 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    fprintf(stderr, "%llu%c", (unsigned long long)bytes, units[unit]);
}

/* What one capacity costs is what would be saved without it. */
static void print_size(const char *name, uint64_t count, const struct server_options *with,
                       const struct server_options *without)
{
    fprintf(stderr, "memory: %s %llu, ", name, (unsigned long long)count);
    print_bytes(server_bytes(with) - server_bytes(without));
    fputc('\n', stderr);
}

void serve_sizes_print(const struct serve_options *options)
{
    const struct server_options *all = &options->server;
    struct server_options orders = *all, records = *all, skus = *all, cells = *all, retries = *all,
                          flights = *all;
    orders.order_count_max = 1;
    records.order_bytes_max = 1;
    skus.sku_count_max = 1;
    cells.cell_count_max = 1;
    retries.retry_count_max = 1;
    flights.flight_count_max = 1;
    print_size("orders", all->order_count_max, all, &orders);
    print_size("order-bytes", all->order_bytes_max, all, &records);
    print_size("skus", all->sku_count_max, all, &skus);
    print_size("cells", all->cell_count_max, all, &cells);
    print_size("retries", all->retry_count_max, all, &retries);
    print_size("flights", all->flight_count_max, all, &flights);
    fputs("memory: in all, taken at once: ", stderr);
    print_bytes(server_tables_bytes(all));
    fputs("; reserved for connections, taken as they are used: ", stderr);
    print_bytes(server_bytes(all) - server_tables_bytes(all));
    fputc('\n', stderr);
}
