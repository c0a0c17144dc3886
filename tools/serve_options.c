#include "tools/serve_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/connection.h"
#include "io/env_uring.h"
#include "tools/config.h"
#include "tools/notify.h"

#define INTO(place)  .into = &(place), .into_bytes = sizeof(place)
#define SIZED        "sized by --memory"
#define NOT_SERVED   "not served"
#define HOURS(count) (UINT64_C(3600000000000) * (count))

static const char *const forwarded_headers[] = {"x-forwarded-for", "forwarded", NULL};
static const char *const drain_statuses[] = {"503", "404", NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const log_forms[] = {"text", "logfmt", "json", NULL};
static const char *const review_timeouts[] = {"reject", "accept", NULL};
static const char *const pinnings[] = {"auto", "yes", "no", NULL};
static const char *const no_or_yes[] = {"no", "yes", NULL};
static const char *const sync_modes[] = {"dsync", "fdatasync", "none", "auto", NULL};

/* The one table: --help, the file, the environment, man page and sample are made of it. */
static void fill_table(struct serve_options *options, struct option table[SERVE_ROWS_MAX])
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
        {.name = "trust",
         .value_name = "NETWORKS",
         .help = "whose word about clients is believed (see --forwarded, --proxy-protocol), as "
                 "10.0.0.0/8,::1,unix; the log then says where each request came from",
         .kind = OPTION_TEXT,
         .into = &options->trust,
         .otherwise = "nobody's"},
        {.name = "forwarded",
         .value_name = "HEADER",
         .help = "which one names the client: X-Forwarded-For, or RFC 7239's Forwarded; the other "
                 "one is not looked at, for a balancer lets it pass",
         .kind = OPTION_CHOICE,
         INTO(server->forwarded),
         .choices = forwarded_headers},
        {.name = "proxy-protocol",
         .help = "every connection to --http begins with a PROXY header, of version 1 or 2",
         .kind = OPTION_FLAG,
         .into = &server->proxy_protocol[PROTOCOL_HTTP]},
        {.name = "proxy-protocol-binary",
         .help = "and every connection to --binary",
         .kind = OPTION_FLAG,
         .into = &server->proxy_protocol[PROTOCOL_BINARY]},
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
        {.name = "pin",
         .value_name = "WHETHER",
         .help = "each shard to a core: yes, no, auto: where there are two cores more than shards",
         .kind = OPTION_CHOICE,
         INTO(options->pin),
         .choices = pinnings},
        {.name = "spin",
         .value_name = "TIME",
         .help = "how long a shard with nothing to do looks on before it sleeps: a lone order is "
                 "answered sooner, at the price of a core for each shard",
         .kind = OPTION_DURATION,
         INTO(options->spin_ns),
         .max = 1000000},
        {.name = "awake",
         .value_name = "WHETHER",
         .help = "keep all cores of the machine awake, so that whoever waits is woken sooner, at "
                 "the price of power; needs access to /dev/cpu_dma_latency",
         .kind = OPTION_CHOICE,
         INTO(options->awake),
         .choices = no_or_yes},
        {.name = "memory",
         .value_name = "SIZE",
         .help =
             "shared out over the tables; buffers come on top, and the start says how much in all",
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
        {.name = "connections-per-address",
         .value_name = "N",
         .help = "of them, those from one address; one more is told 429; 0: no limit",
         .kind = OPTION_COUNT,
         INTO(server->address_connections_max),
         .max = 1000000},
        {.name = "credits",
         .value_name = "N",
         .help = "commands that one binary connection may have under way",
         .kind = OPTION_COUNT,
         INTO(server->credits),
         .min = 1,
         .max = 1 << 20},
        {.name = "pipelined",
         .value_name = "N",
         .help = "commands of a connection that are executed before the first of them is answered; "
                 "the others wait",
         .kind = OPTION_COUNT,
         INTO(server->pipelined_max),
         .min = 1,
         .max = 4096},
        {.name = "output",
         .value_name = "SIZE",
         .help = "unread answers of a connection from which on its commands wait",
         .kind = OPTION_BYTES,
         INTO(server->output_bytes),
         .min = 64 << 10,
         .max = 64 << 20},
        {.name = "frame",
         .value_name = "SIZE",
         .help = "the longest frame of the binary protocol",
         .kind = OPTION_BYTES,
         INTO(server->frame_bytes_max),
         .min = 64 << 10,
         .max = 64 << 20},
        {.name = "head",
         .value_name = "SIZE",
         .help = "request line and headers over HTTP; longer ones get 431",
         .kind = OPTION_BYTES,
         INTO(server->head_bytes_max),
         .min = 1 << 10,
         .max = 1 << 20},
        {.name = "body",
         .value_name = "SIZE",
         .help = "the body of a request over HTTP; longer ones get 413",
         .kind = OPTION_BYTES,
         INTO(server->body_bytes_max),
         .min = 1 << 10,
         .max = 32 << 20},
        {.name = "turn-commands",
         .value_name = "N",
         .help = "commands a shard takes before it makes them durable",
         .kind = OPTION_COUNT,
         INTO(server->turn_commands_max),
         .min = 1,
         .max = 4096},
        {.name = "turn-time",
         .value_name = "TIME",
         .help = "and the time after which it takes no more of them",
         .kind = OPTION_DURATION,
         INTO(server->turn_ns_max),
         .min = 1000,
         .max = 100000000},
        {.name = "mailbox",
         .value_name = "SIZE",
         .help = "messages under way from one shard to another",
         .kind = OPTION_BYTES,
         INTO(server->mailbox_bytes),
         .min = 256 << 10,
         .max = 16 << 20},

        {.group = "How long",
         .name = "payment-deadline",
         .value_name = "TIME",
         .help = "how long an order may stay unpaid, unless it says so itself",
         .kind = OPTION_DURATION,
         INTO(server->payment_deadline_ns),
         .min = 1000000000,
         .max = HOURS(24 * 366)},
        {.name = "retention",
         .value_name = "TIME",
         .help = "how long an order that is over stays in memory; 0: for ever",
         .kind = OPTION_DURATION,
         INTO(server->retention_ns),
         .max = HOURS(24 * 366 * 10)},
        {.name = "remainder",
         .value_name = "TIME",
         .help = "and how long, then, what still answers a retry: its ids, state and totals",
         .kind = OPTION_DURATION,
         INTO(server->remainder_ns),
         .max = HOURS(24 * 366 * 10)},
        {.name = "expiry-grace",
         .value_name = "TIME",
         .help = "deadlines are extended by the time the server was down, by at most this",
         .kind = OPTION_DURATION,
         INTO(server->expiry_grace_ns),
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
        {.name = "confirm-deadline",
         .value_name = "TIME",
         .help = "how long after its delivery an order is completed",
         .kind = OPTION_DURATION,
         INTO(server->confirm_deadline_ns),
         .min = 1000000000,
         .max = HOURS(24 * 366)},
        {.name = "retry-window",
         .value_name = "TIME",
         .help = "how long an Idempotency-Key is known; a request issued earlier is refused",
         .kind = OPTION_DURATION,
         INTO(server->retry_window_ns),
         .min = 1000000000,
         .max = HOURS(24 * 366)},
        {.name = "request-timeout",
         .value_name = "TIME",
         .help = "how long a request may take to arrive, from its first byte on",
         .kind = OPTION_DURATION,
         INTO(server->request_ns_max),
         .min = 100000000,
         .max = HOURS(1)},
        {.name = "idle-timeout",
         .value_name = "TIME",
         .help = "how long a connection may say nothing, or not read its answers; 0: for ever",
         .kind = OPTION_DURATION,
         INTO(server->idle_ns_max),
         .max = HOURS(24 * 366)},
        {.name = "drain-delay",
         .value_name = "TIME",
         .help = "how long /readyz says no before new connections are refused",
         .kind = OPTION_DURATION,
         INTO(server->drain_delay_ns),
         .max = HOURS(1)},
        {.name = "drain-status",
         .value_name = "STATUS",
         .help = "how /readyz says no: 404 takes HAProxy's disable-on-404 at its word",
         .kind = OPTION_CHOICE,
         INTO(server->drain_status),
         .choices = drain_statuses},

        {.group = "The log",
         .name = "sync",
         .value_name = "MODE",
         .help = "dsync, fdatasync, auto: the faster one; none: a power cut loses orders",
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
         .min = SERVER_GROUP_BYTES_MIN,
         .max = WRITE_BYTES_MAX - 2 * BLOCK_BYTES},
        {.name = "write",
         .value_name = "SIZE",
         .help = "the longest single write of the log",
         .kind = OPTION_BYTES,
         INTO(server->log.write_bytes_max),
         .min = SERVER_GROUP_BYTES_MIN + 2 * BLOCK_BYTES,
         .max = WRITE_BYTES_MAX},
        {.name = "witness-delay",
         .value_name = "TIME",
         .help = "an idle log says after this long how far it has come",
         .kind = OPTION_DURATION,
         INTO(server->log.idle_ns),
         .min = 100000,
         .max = 1000000000},
        {.name = "snapshot-every",
         .value_name = "SIZE",
         .help = "a snapshot is made when the log has grown by so much (0: never by itself)",
         .kind = OPTION_BYTES,
         INTO(server->compact.every_bytes),
         .max = UINT64_C(1) << 50},
        {.name = "snapshot-period",
         .value_name = "TIME",
         .help = "and at the latest after so long, if anything has happened (0: does not matter)",
         .kind = OPTION_DURATION,
         INTO(server->compact.every_ns),
         .max = HOURS(24 * 366)},
        {.name = "snapshot-rate",
         .value_name = "SIZE",
         .help = "bytes that making one reads and writes in a second (0: as fast as it goes)",
         .kind = OPTION_BYTES,
         INTO(server->compact.rate_bytes),
         .max = UINT64_C(1) << 40},
        {.name = "log-budget",
         .value_name = "SIZE",
         .help = "log that may be kept: snapshots hurry when it runs out, then orders are refused",
         .kind = OPTION_BYTES,
         INTO(server->compact.budget_bytes),
         .max = UINT64_C(1) << 50},
        {.name = "archive",
         .value_name = "DIR",
         .help = "where segments go that no snapshot needs; otherwise they are used again",
         .kind = OPTION_TEXT,
         INTO(server->archive)},

        {.group = "What it says",
         .name = "log-level",
         .value_name = "LEVEL",
         .help = "the least urgent that is said on stderr",
         .kind = OPTION_CHOICE,
         INTO(options->log_level),
         .choices = log_levels,
         .reloads = true},
        {.name = "log-form",
         .value_name = "FORM",
         .help = "words alone, or lines of logfmt or JSON",
         .kind = OPTION_CHOICE,
         INTO(options->log_form),
         .choices = log_forms,
         .reloads = true},
        {0},
    };
    _Static_assert(sizeof rows / sizeof *rows <= SERVE_ROWS_MAX, "room for the table");
    memcpy(table, rows, sizeof rows);
}

static int fail(const struct serve_options *options, const char *message)
{
    fprintf(options->errors, "spate serve: %s\n", message);
    return EXIT_USAGE_ERROR;
}

/* Of a socket that systemd has opened. */
static bool is_local_socket(int file)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    const struct sockaddr_in *four = (const void *)&address;
    const struct sockaddr_in6 *six = (const void *)&address;
    if (getsockname(file, (struct sockaddr *)&address, &bytes) < 0)
        return false;
    return address.ss_family == AF_UNIX ||
           (address.ss_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 == 127) ||
           (address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr));
}

static bool is_local(const char *address)
{
    static const char *const local[] = {"127.", "[::1]:", "localhost:", "unix:"};
    if (address == NULL)
        return true;
    if (strncmp(address, "fd:", 3) == 0)
        return is_local_socket(atoi(address + 3));
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (strncmp(address, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

static int wrong_address(const struct serve_options *options, const char *address)
{
    char message[256];
    snprintf(message, sizeof message,
             "`%.100s` is no address; one is 127.0.0.1:8080, [::1]:8080 or unix:/run/spate.sock",
             address);
    return fail(options, message);
}

static int check_sizes(const struct serve_options *options)
{
    const struct server_options *server = &options->server;
    const struct log_options *log = &server->log;
    if ((server->mailbox_bytes & (server->mailbox_bytes - 1)) != 0)
        return fail(options, "--mailbox must be a power of two: 256K, 512K, 1M ...");
    if ((log->group_bytes_max | log->write_bytes_max | log->segment_bytes) % BLOCK_BYTES != 0)
        return fail(options, "--group, --write and --segment must be multiples of 4K");
    if (log->group_bytes_max + 2 * BLOCK_BYTES > log->write_bytes_max ||
        log->write_bytes_max > log->segment_bytes / 2)
        return fail(options,
                    "--write must be at least 8K above --group, and at most half of --segment");
    /* A record is named by 32 bits, and hashing gives some shards an eighth more than others. */
    const uint64_t shard_bytes_max = UINT64_C(28) << 30;
    if (server->order_bytes_max / server->shard_count > shard_bytes_max)
        return fail(options, "a shard keeps at most 28G of orders: more --shards, less --memory, "
                             "or --order-bytes");
    return -1;
}

/* What no single option can say about itself. */
static int check_together(const struct serve_options *options)
{
    const struct server_options *server = &options->server;
    if (server->directory == NULL)
        return fail(options, "--data DIR is missing: where is the log to be kept?");
    const char *const addresses[] = {server->binary_address, server->http_address,
                                     server->admin_address};
    for (uint32_t i = 0; i < 3; i++)
        if (addresses[i] != NULL && !env_address_valid(addresses[i]))
            return wrong_address(options, addresses[i]);
    if (server->binary_address == NULL && server->http_address == NULL)
        return fail(options, "nothing to listen on; give --binary ADDR:PORT or --http ADDR:PORT");
    /* Whoever can connect may do everything, unless tokens are asked for; so others cannot connect. */
    if (options->callers_path == NULL &&
        !(is_local(server->binary_address) && is_local(server->http_address)))
        return fail(options,
                    "without --callers only 127.0.0.1, [::1] or unix:PATH can be listened on; make "
                    "one with: (umask 077; echo \"shop:$(openssl rand -hex 24)\" > callers.txt)");
    if ((server->proxy_protocol[PROTOCOL_HTTP] || server->proxy_protocol[PROTOCOL_BINARY]) &&
        options->trust == NULL)
        return fail(options, "--proxy-protocol needs --trust: whose headers are to be believed?");
    if (server->head_bytes_max + server->body_bytes_max > server->frame_bytes_max)
        return fail(
            options,
            "--head and --body together must not be above --frame: they use the same memory");
    return check_sizes(options);
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

static void take_socket(const char *name, char place[16], const char **address)
{
    if (notify_socket(name, place) != NULL)
        *address = place;
}

/* Sockets that systemd has opened for us take the place of addresses; NULL, or what is wrong. */
static const char *take_sockets(struct serve_options *options)
{
    static const char *const names[] = {"binary", "http", "admin", NULL};
    static char wrong[160], places[3][16];
    char name[64];
    struct server_options *server = &options->server;
    if (notify_socket_unknown(names, name) != NULL) {
        snprintf(wrong, sizeof wrong,
                 "a socket was passed as `%s`; FileDescriptorName= is one of binary, http, admin",
                 name);
        return wrong;
    }
    take_socket("binary", places[0], &server->binary_address);
    take_socket("http", places[1], &server->http_address);
    take_socket("admin", places[2], &server->admin_address);
    return NULL;
}

int serve_options_read(struct serve_options *options, int argc, char **argv, FILE *errors)
{
    struct option table[SERVE_ROWS_MAX];
    uint8_t sources[SERVE_ROWS_MAX] = {0};
    char *words[256];
    int positional;
    *options = (struct serve_options){.server = server_options_default(),
                                      .memory_bytes = UINT64_C(1) << 30,
                                      .log_level = ENV_INFO,
                                      .errors = errors};
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
        .errors = errors,
    };
    if (argc > (int)(sizeof words / sizeof *words))
        return fail(options, "too many arguments; put them into a file for --config");
    memcpy(words, argv, (size_t)argc * sizeof *words);
    int end = options_read(&usage, argc, words, &positional);
    if (end >= 0)
        return end;
    if (positional > 0) {
        fprintf(errors, "spate serve: what is `%s`? every option begins with --\n", words[0]);
        return EXIT_USAGE_ERROR;
    }
    if (options->config_path != NULL && !config_read(&usage, options->config_path))
        return EXIT_USAGE_ERROR;
    if (options->dump_config) {
        config_dump(&usage);
        return 0;
    }
    const char *wrong = take_sockets(options);
    if (wrong != NULL)
        return fail(options, wrong);
    wrong = options->trust == NULL ? NULL : networks_read(&options->trusted, options->trust);
    if (wrong != NULL) {
        fprintf(errors, "spate serve: --trust %s: %s\n", options->trust, wrong);
        return EXIT_USAGE_ERROR;
    }
    options->server.trusted = options->trust == NULL ? NULL : &options->trusted;
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
        return fail(options, message);
    }
    const char *wrong = bytes > CALLERS_FILE_BYTES_MAX ? "it is longer than 256 KiB" : NULL;
    if (wrong == NULL)
        wrong = callers_read(callers, (struct text){text, (uint32_t)bytes}, &line);
    explicit_bzero(text, sizeof text);
    if (wrong == NULL)
        return 0;
    snprintf(message, sizeof message, "%s:%u: %s", path, line, wrong);
    return fail(options, message);
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
        return fail(options, message);
    }
    rules->text = (struct text){rules->at, (uint32_t)bytes};
    if (rules_check(rules->text, &fault))
        return 0;
    snprintf(message, sizeof message, "%s:%u:%u: %s", path, fault.line, fault.column,
             fault.message);
    return fail(options, message);
}

/* ---- what changes while it runs ------------------------------------------------------------------ */

uint32_t serve_options_kept(struct serve_options *holding, struct serve_options *fresh,
                            struct serve_kept out[SERVE_ROWS_MAX])
{
    struct option was[SERVE_ROWS_MAX], is[SERVE_ROWS_MAX];
    char space[OPTION_VALUE_BYTES_MAX], space_too[OPTION_VALUE_BYTES_MAX];
    uint32_t count = 0;
    fill_table(holding, was);
    fill_table(fresh, is);
    for (uint32_t i = 0; was[i].name != NULL; i++) {
        const char *before = option_value(&was[i], space), *now = option_value(&is[i], space_too);
        bool same = before == now || (before != NULL && now != NULL && strcmp(before, now) == 0);
        if (same || was[i].reloads || was[i].line_only)
            continue;
        out[count].name = was[i].name;
        snprintf(out[count++].value, sizeof out->value, "%s", before ? before : "unset");
    }
    return count;
}

/* ---- what it costs ----------------------------------------------------------------------------- */

static const char *bytes_text(uint64_t bytes, char out[24])
{
    uint32_t unit = 0;
    for (; bytes >= 10240 && unit < 4; unit++)
        bytes /= 1024;
    snprintf(out, 24, "%llu%c", (unsigned long long)bytes, "BKMGT"[unit]);
    return out;
}

/* What one capacity costs is what would be saved without it. */
bool serve_sizes_line(const struct serve_options *options, uint32_t number, char out[160])
{
    const struct server_options *all = &options->server;
    struct server_options without = *all;
    char taken[24], reserved[24];
    const struct {
        const char *name;
        uint64_t count;
        void *without;
        size_t bytes;
    } capacities[] = {
#define CAPACITY(name, field) {name, all->field, &without.field, sizeof without.field}
        CAPACITY("orders", order_count_max),  CAPACITY("order-bytes", order_bytes_max),
        CAPACITY("skus", sku_count_max),      CAPACITY("cells", cell_count_max),
        CAPACITY("retries", retry_count_max), CAPACITY("flights", flight_count_max),
#undef CAPACITY
    };
    const uint32_t count = sizeof capacities / sizeof *capacities;
    if (number > count)
        return false;
    if (number == count) {
        snprintf(out, 160,
                 "memory: in all %s, taken at once; %s more for connections, as they use it",
                 bytes_text(server_tables_bytes(all), taken),
                 bytes_text(server_bytes(all) - server_tables_bytes(all), reserved));
        return true;
    }
    memset(capacities[number].without, 0, capacities[number].bytes);
    *(uint8_t *)capacities[number].without = 1;
    snprintf(out, 160, "memory: %s %llu, %s", capacities[number].name,
             (unsigned long long)capacities[number].count,
             bytes_text(server_bytes(all) - server_bytes(&without), taken));
    return true;
}
