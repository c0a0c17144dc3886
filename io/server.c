#include "io/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/sometimes.h"
#include "io/cut.h"
#include "io/problem.h"
#include "io/recall.h"
#include "io/recovery.h"
#include "io/shard_loop.h"
#include "persist/archive.h"
#include "persist/remedy.h"
#include "persist/sync.h"

enum phase { PHASE_RECOVERS, PHASE_SERVES, PHASE_HAS_FAILED };
enum { VACANCY_TRIES = 50 };
static const uint64_t VACANCY_RETRY_NS = 10 * 1000 * 1000;
static const uint64_t SAFETY_NET_NS = 10 * 1000 * 1000;

/* Memory, in this order: what is worked with all the time; then the connections' stretches of address
 * space, which are touched only as far as they are used. */
struct server {
    struct server_options options;
    struct shared shared;
    struct shard *shards[SHARDS_MAX];
    struct shard_loop *loops[SHARDS_MAX];
    struct start start;
    struct start_report report;
    struct recovery recovery;
    void *scratch;
    struct compact *compact;
    uint64_t hashes[SHARDS_MAX]; /* of the shards, when they have ended well */
    struct atomic64 phase;       /* enum phase; the helper's */
    struct atomic64 running;     /* shards that have not returned */
    char directory[4096];
};

struct server_options server_options_default(void)
{
    struct server_options options = {
        .shard_count = 1,
        .connection_count_max = 1024,
        .mailbox_bytes = 1 << 20,
        .frame_bytes_max = 2 << 20,
        .head_bytes_max = HTTP_HEAD_BYTES_MAX,
        .body_bytes_max = HTTP_BODY_BYTES_MAX,
        .turn_commands_max = 256,
        .turn_ns_max = 100 * 1000,
        .request_ns_max = 10ull * 1000000000,
        .idle_ns_max = 10ull * 60 * 1000000000,
        .credits = 2 * FRAME_COMMANDS_MAX,
        .pipelined_max = 256,
        .output_bytes = 256 << 10,
        .flight_count_max = 4096,
        .payment_deadline_ns = 30ull * 60 * 1000000000,
        .review_deadline_ns = 24ull * 3600 * 1000000000,
        .expiry_grace_ns = 15ull * 60 * 1000000000,
        .retention_ns = 30ull * 86400 * 1000000000,
        .remainder_ns = 60ull * 86400 * 1000000000,
        .confirm_deadline_ns = 7ull * 24 * 3600 * 1000000000,
        .retry_window_ns = 24ull * 3600 * 1000000000,
        .log =
            {
                .ring_groups = 1024,
                .group_bytes_max = 256 << 10,
                .write_bytes_max = 1 << 20,
                .segment_bytes = 64 << 20,
                .idle_ns = 1000 * 1000,
                .sync = LOG_SYNC_AUTO,
            },
    };
    options.compact = compact_options_default();
    server_options_memory(&options, 1ull << 30);
    return options;
}

void server_options_memory(struct server_options *options, uint64_t bytes)
{
    /* Whoever names his captures, refunds and receipts is known for a day: a sixteenth goes there. */
    enum { RETRY_BYTES = 96 };
    /* A two-line order takes about 112 bytes with its indexes, and 104 more when it has been paid; nine
     * tenths go to orders. */
    options->order_count_max = bytes / 10 * 9 / 160;
    options->order_bytes_max = bytes / 10 * 7;
    uint64_t skus = bytes / 20 / 512;
    options->sku_count_max = (uint32_t)(skus < 1024 ? 1024 : skus > (1 << 24) ? 1 << 24 : skus);
    options->cell_count_max = options->sku_count_max * 2;
    options->retry_count_max = (uint32_t)(bytes / 16 / RETRY_BYTES);
}

/* A share of something that hashing spreads over the shards: the average, and room for chance. */
static uint64_t share(uint64_t total, uint32_t shard_count)
{
    uint64_t each = total / shard_count;
    return shard_count == 1 ? each : each + each / 8 + 64;
}

static struct shard_options shard_options(const struct server *server, uint32_t number)
{
    const struct server_options *all = &server->options;
    struct shard_options options = {
        .shard = number,
        .shard_count = all->shard_count,
        .slot_shard = server->shared.slot_shard,
        .order_count_max = share(all->order_count_max, all->shard_count),
        .order_bytes_max = share(all->order_bytes_max, all->shard_count),
        .cell_count_max = (uint32_t)share(all->cell_count_max, all->shard_count),
        .flight_count_max = all->flight_count_max,
        .retry_count_max = (uint32_t)share(all->retry_count_max, all->shard_count),
        .limit_count_max = (uint32_t)share(all->order_count_max / 8, all->shard_count),
        .catalogue = {.sku_count_max = all->sku_count_max},
        .payment_deadline_ns = all->payment_deadline_ns,
        .review_deadline_ns = all->review_deadline_ns,
        .expiry_grace_ns = all->expiry_grace_ns,
        .retention_ns = all->retention_ns,
        .remainder_ns = all->remainder_ns,
        .review_timeout = all->review_timeout,
        .confirm_deadline_ns = all->confirm_deadline_ns,
        .retry_window_ns = all->retry_window_ns,
    };
    memcpy(options.bug, all->bug, sizeof options.bug);
    return options;
}

static struct start_options start_options(const struct server *server)
{
    return (struct start_options){
        .directory = server->directory,
        .segment_bytes = server->options.log.segment_bytes,
        .write_bytes_max = server->options.log.write_bytes_max,
        .sync = server->options.log.sync,
        .image_runs = server->options.shard_count,
        .bug = server->options.bug,
        .process = server->options.process,
    };
}

/* The same walk measures and lays out, so that they cannot differ. */
struct pieces {
    struct server *server;
    void *catalogue;
    void *log;
    void *scratch;
    void *chunks;
    void *shards[SHARDS_MAX];
    void *mailboxes[SHARDS_MAX][SHARDS_MAX];
    void *loops[SHARDS_MAX];
    void *compact;
    void *recall;
};

static void lay_out(struct cut *cut, const struct server *wanted, struct pieces *pieces)
{
    const struct server_options *options = &wanted->options;
    struct start_options start = start_options(wanted);
    pieces->server = cut_off(cut, sizeof *pieces->server);
    pieces->catalogue = cut_off(
        cut, catalogue_bytes(&(struct catalogue_options){.sku_count_max = options->sku_count_max}));
    pieces->log = cut_off(cut, log_bytes(&options->log));
    pieces->scratch = cut_off(cut, start_scratch_bytes(&start));
    pieces->chunks = cut_off(cut, RECOVERY_MEMORY_BYTES);
    for (uint32_t i = 0; i < options->shard_count; i++) {
        struct shard_options shard = shard_options(wanted, i);
        pieces->shards[i] = cut_off(cut, shard_bytes(&shard));
        for (uint32_t to = 0; to < options->shard_count; to++)
            pieces->mailboxes[i][to] = cut_off(cut, mailbox_bytes(options->mailbox_bytes));
    }
    for (uint32_t i = 0; i < options->shard_count; i++)
        pieces->loops[i] = cut_off(cut, shard_loop_bytes(options));
    pieces->compact = cut_off(cut, compact_bytes(&options->compact));
    pieces->recall = cut_off(cut, recall_bytes(options->shard_count));
}

static struct server described(const struct server_options *options)
{
    struct server server = {.options = *options};
    server.options.log.shard_count = options->shard_count;
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        server.shared.slot_shard[slot] = (uint8_t)(slot * options->shard_count / SLOT_COUNT);
    if (options->directory != NULL)
        snprintf(server.directory, sizeof server.directory, "%s", options->directory);
    return server;
}

size_t server_bytes(const struct server_options *options)
{
    struct server wanted = described(options);
    struct cut cut = {0};
    struct pieces pieces;
    lay_out(&cut, &wanted, &pieces);
    return cut.used_bytes;
}

/* ---- recovery ---------------------------------------------------------------------------------- */

static bool recover(struct server *server, struct env *env)
{
    struct start_options options = start_options(server);
    struct start_report *report = &server->report;
    struct recovery *recovery = &server->recovery;
    recovery_begin(recovery, env);
    bool recovered =
        start_open(&server->start, env, &options, server->scratch, &recovery->visitor, report) &&
        recovery_finish(recovery);
    enum shard_table full = (enum shard_table)atomic_load(&recovery->too_small);
    if (!recovered && full != SHARD_TABLE_NONE) {
        SOMETIMES("server: a table is too small for what is to be recovered");
        report->exit_code = EXIT_UNAVAILABLE;
        snprintf(
            report->message, sizeof report->message,
            "the data in %.200s does not fit: the table of %s is too small; start with a larger "
            "--memory",
            server->directory, shard_table_name(full));
    } else if (!recovered && atomic_load(&recovery->untouchable) != 0) {
        report->exit_code = EXIT_OS;
        snprintf(report->message, sizeof report->message,
                 "not enough memory; lower --memory or --connections");
    } else if (recovery->stopped) {
        *report = (struct start_report){.message = "stopped while recovering"};
    }
    return recovered;
}

/* False: the device failed while it was measured. */
static bool choose_sync(struct server *server, struct env *env)
{
    enum log_sync *sync = &server->options.log.sync;
    struct sync_measure measure;
    char line[160];
    if (*sync == LOG_SYNC_NONE)
        env_say(env,
                "sync: none: A POWER CUT LOSES WHAT WAS ACKNOWLEDGED; killing the process does "
                "not");
    if (*sync != LOG_SYNC_AUTO)
        return true;
    int32_t error = sync_measure(env, server->start.directory, server->scratch, &measure);
    if (error < 0 && error != -ENOSPC && error != -EDQUOT) {
        server->report.exit_code = EXIT_IO;
        snprintf(server->report.message, sizeof server->report.message,
                 "writes to %.200s cannot be measured: %s", server->directory, strerror(-error));
        return false;
    }
    if (error < 0) {
        *sync = LOG_SYNC_DSYNC;
        env_say(env, "sync: dsync; the disk is full, and nothing could be measured");
        return true;
    }
    *sync = sync_choose(&measure);
    snprintf(line, sizeof line, "sync: %s; a block takes %u us with dsync, %u us with fdatasync",
             *sync == LOG_SYNC_DSYNC ? "dsync" : "fdatasync", (uint32_t)(measure.dsync_ns / 1000),
             (uint32_t)(measure.fdatasync_ns / 1000));
    env_say(env, line);
    return true;
}

/* ---- listening --------------------------------------------------------------------------------- */

static bool cannot_listen(struct start_report *report, const char *address, int32_t error)
{
    report->exit_code = error == -EACCES   ? EXIT_PERMISSION
                        : error == -EINVAL ? EXIT_USAGE_ERROR
                                           : EXIT_UNAVAILABLE;
    const char *remedy = error == -EADDRINUSE ? "; another program has it: choose another port"
                         : error == -EACCES   ? "; ports below 1024 need a privilege"
                         : error == -EINVAL
                             ? "; an address is 127.0.0.1:8080 or unix:/run/spate.sock"
                             : "";
    snprintf(report->message, sizeof report->message, "cannot listen on %s: %s%s", address,
             strerror(-error), remedy);
    return false;
}

/* A server that was killed keeps its addresses until the kernel has taken its rings apart. */
static int32_t wait_for_vacancy(struct env *env, const char *address)
{
    struct env_done none;
    int32_t error;
    for (int tries = 0; (error = env_vacant(env, address)) == -EADDRINUSE; tries++) {
        if (tries == VACANCY_TRIES)
            break;
        (void)env_reap(env, &none, 1, env_clock(env) + VACANCY_RETRY_NS);
    }
    return error;
}

/* Whoever started us has opened it. */
static bool is_inherited(const char *address)
{
    return strncmp(address, "fd:", 3) == 0;
}

/* Before anything is made or opened: a wrong address must leave nothing behind. */
static bool addresses_are_vacant(const struct server_options *options, struct env *env,
                                 struct start_report *report)
{
    const char *addresses[] = {options->binary_address, options->http_address,
                               options->admin_address};
    for (int i = 0; i < 3; i++) {
        int32_t error = addresses[i] == NULL || is_inherited(addresses[i])
                            ? 0
                            : wait_for_vacancy(env, addresses[i]);
        if (error < 0)
            return cannot_listen(report, addresses[i], error);
    }
    return true;
}

static bool is_name(const char *address)
{
    return strncmp(address, "unix:", 5) == 0;
}

/* One listener on every shard for an address: where the kernel has chosen the port, all have that one;
 * a name, or what is open already, cannot be bound again and is doubled. */
static bool listen_all(struct server *server, struct env *env, const char *address,
                       enum protocol protocol, uint32_t shard_count, const char *name,
                       struct start_report *report)
{
    char bound[ENV_ADDRESS_BYTES_MAX + 1] = "", doubled[16] = "";
    if (address == NULL)
        return true;
    const char *again = is_inherited(address) || is_name(address) ? doubled : bound;
    for (uint32_t i = 0; i < shard_count; i++) {
        int32_t file = env_listen(env, i == 0 ? address : again, 1024);
        if (file < 0)
            return cannot_listen(report, address, file);
        int32_t bytes = env_address(env, file, false, bound);
        if (bytes < 0)
            return cannot_listen(report, address, bytes);
        bound[bytes] = 0;
        snprintf(doubled, sizeof doubled, "fd:%d", file);
        shard_loop_listen(server->loops[i],
                          (struct listener){.file = file,
                                            .protocol = protocol,
                                            .is_own = again == bound,
                                            .is_shared = again == doubled && shard_count > 1});
    }
    char line[ENV_ADDRESS_BYTES_MAX + 32];
    snprintf(line, sizeof line, "%s on %s", name, bound);
    env_say(env, line);
    return true;
}

/* Each shard's own address, so that a client can talk to the owner of a slot directly. */
static bool listen_each(struct server *server, struct env *env, struct start_report *report)
{
    struct binary_welcome *welcome = &server->shared.welcome;
    char own[ENV_ADDRESS_BYTES_MAX];
    const char *colon = strrchr(server->options.binary_address, ':');
    snprintf(own, sizeof own, "%.*s:0", (int)(colon - server->options.binary_address),
             server->options.binary_address);
    for (uint32_t i = 0; i < server->options.shard_count; i++) {
        int32_t file = env_listen(env, own, 1024);
        if (file < 0)
            return cannot_listen(report, own, file);
        char *at = welcome->addresses + welcome->address_bytes;
        int32_t bytes = env_address(env, file, false, at + 1);
        if (bytes < 0)
            return cannot_listen(report, own, bytes);
        *at = (char)bytes;
        welcome->address_bytes += 1 + (uint32_t)bytes;
        shard_loop_listen(server->loops[i],
                          (struct listener){.file = file, .protocol = PROTOCOL_BINARY});
    }
    return true;
}

static bool listen_on_everything(struct server *server, struct env *env,
                                 struct start_report *report)
{
    const struct server_options *options = &server->options;
    bool own = options->binary_address != NULL && strchr(options->binary_address, ':') != NULL &&
               !is_name(options->binary_address) && !is_inherited(options->binary_address);
    return listen_all(server, env, options->binary_address, PROTOCOL_BINARY, options->shard_count,
                      "binary", report) &&
           (!own || listen_each(server, env, report)) &&
           listen_all(server, env, options->http_address, PROTOCOL_HTTP, options->shard_count,
                      "http", report) &&
           listen_all(server, env, options->admin_address, PROTOCOL_ADMIN, 1, "admin", report);
}

static struct compact_log compact_log(const struct server *server, bool hurry)
{
    return (struct compact_log){
        .watermark = log_watermark(server->shared.log),
        .bytes = server->report.bytes + log_counts(server->shared.log).write_bytes,
        .hurry = hurry,
    };
}

/* ---- pages of the admin listener ---------------------------------------------------------------- */

static uint32_t write_page(struct web_pages *pages, enum http_page page, char *out,
                           uint32_t capacity)
{
    const struct shared *shared =
        (const void *)((const char *)pages - offsetof(struct shared, pages));
    const struct server *server =
        (const void *)((const char *)shared - offsetof(struct server, shared));
    const struct metrics *shards[SHARDS_MAX];
    if (page == HTTP_PAGE_SNAPSHOT) {
        compact_ask(server->compact);
        return (uint32_t)snprintf(
            out, capacity, "%s\n",
            compact_counts(server->compact).damaged != 0
                ? "the log is damaged, and no snapshot can be made of it: stop the server, and "
                  "it saves what it has in memory"
                : "a snapshot is being made");
    }
    for (uint32_t i = 0; i < server->options.shard_count; i++)
        shards[i] = shard_loop_metrics(server->loops[i]);
    const struct metrics_sources sources = {.shards = shards,
                                            .shard_count = server->options.shard_count,
                                            .log = shared->log,
                                            .compact = server->compact,
                                            .log_bytes = compact_log(server, false).bytes,
                                            .catalogue = shared->catalogue,
                                            .lines = server->options.lines};
    CHECK(capacity >= HISTOGRAM_PRINT_BYTES);
    return page == HTTP_PAGE_LATENCY ? metrics_write_latency(&sources, out)
                                     : metrics_write(&sources, out, capacity);
}

/* ---- from nothing to ready ---------------------------------------------------------------------- */

static void welcome_fill(struct server *server)
{
    struct frame_welcome *body = &server->shared.welcome.body;
    *body = (struct frame_welcome){
        .version = FRAME_VERSION,
        .shard_count = (uint16_t)server->options.shard_count,
        .capabilities = server->options.log.sync == LOG_SYNC_NONE ? FRAME_UNSYNCED : 0,
        .frame_bytes_max = server->options.frame_bytes_max,
        .commands_max = server->options.credits < FRAME_COMMANDS_MAX ? server->options.credits
                                                                     : FRAME_COMMANDS_MAX,
        .credits = server->options.credits,
    };
    memcpy(body->slot_shard, server->shared.slot_shard, sizeof body->slot_shard);
    atomic_store(&server->shared.welcome.callers, (uintptr_t)server->options.callers);
}

static void refusal_fill(struct refusal *refusal, enum frame_fault fault, enum code code,
                         const char *status)
{
    struct frame *frame = (struct frame *)(void *)refusal->frame;
    struct frame_error *error = (struct frame_error *)(void *)(frame + 1);
    const char *reason = frame_fault_name(fault);
    error->fault = fault;
    error->reason_bytes = (uint32_t)snprintf(error->reason, sizeof error->reason, "%s", reason);
    frame_seal(frame, FRAME_ERROR, sizeof refusal->frame, 0, 0);

    _Alignas(8) uint8_t space[320];
    struct pile body = {.at = space, .capacity_bytes = sizeof space};
    struct json_writer writer = {.pile = &body};
    problem_open(&writer, code, (struct text){reason, error->reason_bytes});
    json_write_close(&writer, '}');
    snprintf(refusal->page, sizeof refusal->page,
             "HTTP/1.1 %s\r\nContent-Type: application/problem+json\r\n"
             "Content-Length: %u\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%.*s",
             status, body.used_bytes, (int)body.used_bytes, (const char *)body.at);
}

size_t server_beside_bytes(const struct server_options *options)
{
    return compact_bytes(&options->compact) + recall_bytes(options->shard_count);
}

size_t server_tables_bytes(const struct server_options *options)
{
    return server_bytes(options) - options->shard_count * shard_loop_bytes(options) -
           server_beside_bytes(options);
}

/* Each shard its share of all that is worked with all the time. */
static struct env_memory share_to_touch(struct server *server, uint32_t number)
{
    const uint64_t huge_page = 2 << 20;
    uint64_t all = server_tables_bytes(&server->options);
    uint64_t each = (all / server->options.shard_count + huge_page) & ~(huge_page - 1);
    uint64_t begin = number * each < all ? number * each : all;
    return (struct env_memory){(uint8_t *)server + begin, all - begin < each ? all - begin : each};
}

struct server *server_init(void *zeroed_memory, const struct server_options *options)
{
    struct server wanted = described(options);
    struct cut cut = {.at = zeroed_memory};
    struct pieces pieces;
    lay_out(&cut, &wanted, &pieces);
    struct server *server = pieces.server;
    *server = wanted;
    struct shared *shared = &server->shared;
    shared->options = &server->options;
    shared->pages.write = write_page;
    shared->catalogue = catalogue_init(
        pieces.catalogue, &(struct catalogue_options){.sku_count_max = options->sku_count_max});
    shared->log = pieces.log;
    for (uint32_t i = 0; i < options->shard_count; i++) {
        struct shard_options shard = shard_options(server, i);
        server->shards[i] = shard_init(pieces.shards[i], &shard, shared->catalogue);
        server->loops[i] = pieces.loops[i];
        for (uint32_t to = 0; to < options->shard_count; to++)
            shared->mailboxes[i][to] =
                mailbox_init(pieces.mailboxes[i][to], options->mailbox_bytes);
    }
    server->scratch = pieces.scratch;
    server->compact = pieces.compact;
    shared->recall = recall_init(pieces.recall, options->shard_count);
    recovery_init(&server->recovery, pieces.chunks, options->shard_count, &shared->stop);
    for (uint32_t i = 0; i < options->shard_count; i++)
        recovery_share(&server->recovery, i, share_to_touch(server, i));
    atomic_store(&server->running, options->shard_count);
    return server;
}

uint32_t server_actor_count(const struct server *server)
{
    return server->options.shard_count + 2;
}

bool server_is_ready(const struct server *server)
{
    return atomic_load(&server->phase) == PHASE_SERVES; /* pairs with the store in enter_phase */
}

const struct start_report *server_report(const struct server *server)
{
    return &server->report;
}

static void ring_all(struct server *server, struct env *env)
{
    for (uint32_t shard = 0; shard < server->options.shard_count; shard++)
        env_doorbell(env, shard);
}

static void enter_phase(struct server *server, struct env *env, enum phase phase)
{
    atomic_store(&server->phase,
                 phase); /* pairs with the loads in recover_shard, server_is_ready */
    ring_all(server, env);
}

static bool get_compact_ready(struct server *server, struct env *env)
{
    struct compact_options options = server->options.compact;
    const char *path = server->options.archive;
    options.directory = server->start.directory;
    options.seq = server->report.snapshot;
    if (path != NULL)
        options.archive = archive_open(env, path);
    if (path != NULL && options.archive < 0) {
        server->report.exit_code = EXIT_CANNOT_CREATE;
        snprintf(server->report.message, sizeof server->report.message,
                 "cannot open the archive %.200s: %s", path,
                 options.archive == -ENOTEMPTY ? "it is a data directory"
                                               : strerror(-options.archive));
        return false;
    }
    server->compact = compact_init(server->compact, &options);
    recall_begin(server->shared.recall, options.directory, options.archive,
                 server->start.begin.log_id);
    return true;
}

static bool get_ready(struct server *server, struct env *env)
{
    struct shared *shared = &server->shared;
    if (!addresses_are_vacant(&server->options, env, &server->report) || !recover(server, env) ||
        !choose_sync(server, env))
        return false;
    server->options.log.bug = server->options.bug;
    shared->log = log_init(shared->log, &server->options.log, &server->start.begin);
    for (uint32_t i = 0; i < server->options.shard_count; i++)
        server->loops[i] = shard_loop_init(server->loops[i], shared, i, server->shards[i]);
    if (!get_compact_ready(server, env))
        return false;
    welcome_fill(server);
    refusal_fill(&shared->busy, FRAME_BUSY, CODE_BUSY, "503 Service Unavailable");
    refusal_fill(&shared->busy_address, FRAME_BUSY_ADDRESS, CODE_RATE_LIMITED,
                 "429 Too Many Requests");
    return listen_on_everything(server, env, &server->report);
}

/* True when this shard may serve. */
static bool recover_shard(struct server *server, struct env *env, uint32_t number)
{
    struct env_done none;
    while (atomic_load(&server->phase) == PHASE_RECOVERS) /* pairs with the store in enter_phase */
        if (!recovery_apply(&server->recovery, env, number, server->shards[number]))
            (void)env_reap(env, &none, 1, env_clock(env) + SAFETY_NET_NS);
    return server_is_ready(server);
}

/* Without it the shards would wait for segments for ever. */
static int helper_failed(struct server *server, struct env *env)
{
    env_say_at(env, ENV_ERROR, "a log segment cannot be made ready");
    (void)!atomic_swap_if(&server->shared.failure, 0, EXIT_IO); /* the first one counts */
    atomic_store(&server->shared.stop, 2);                      /* pairs with the load in `ended` */
    ring_all(server, env);
    return EXIT_IO;
}

/* Once when it begins, and once when it is over. */
static void say_whether_full(const struct server *server, struct env *env, bool *said)
{
    bool full = log_is_full(server->shared.log);
    if (full == *said)
        return;
    *said = full;
    if (full)
        env_say_at(env, ENV_WARNING,
                   "no room for more of the log: new orders are refused, all else goes on");
    else
        env_say(env, "there is room for the log again: new orders are taken");
}

/* Makes segments ready for as long as a shard may need one. */
static int run_helper(struct server *server, struct env *env)
{
    struct env_done done[16];
    int32_t failure = 0;
    bool said_full = false;
    bool ready = get_ready(server, env);
    enter_phase(server, env, ready ? PHASE_SERVES : PHASE_HAS_FAILED);
    if (!ready)
        return server->report.exit_code;
    for (;;) {
        uint64_t until = log_prepare(server->shared.log, env, &failure);
        if (failure != 0)
            return helper_failed(server, env);
        say_whether_full(server, env, &said_full);
        /* Only now: log_prepare may have slept through the doorbell of the last shard. */
        if (atomic_load(&server->running) == 0) /* pairs with the decrement in server_run */
            return 0;
        (void)env_reap(env, done, 16, until);
    }
}

/* ---- snapshots ----------------------------------------------------------------------------------- */

/* Everything that there is, if that saves the next start some work; not for who wants to end at once. */
static void make_last_snapshot(struct server *server, struct env *env)
{
    struct compact_log log = compact_log(server, true);
    env_stand_back(env, false);
    bool wanted =
        atomic_load(&server->shared.failure) == 0 &&
        (compact_is_running(server->compact) || compact_is_worth_it(server->compact, &log));
    if (wanted)
        compact_ask(server->compact);
    while (wanted && atomic_load(&server->shared.stop) < 2) {
        (void)compact_step(server->compact, env, &log);
        wanted = compact_is_running(server->compact);
    }
    compact_end(server->compact);
}

/* The log cannot be brought together any more, but all of it is still in memory. */
static void save_what_there_is(struct server *server, struct env *env)
{
    struct remedy remedy = {.env = env,
                            .directory = server->start.directory,
                            .shards = server->shards,
                            .shard_count = server->options.shard_count,
                            .place = log_place(server->shared.log)};
    char line[160];
    remedy.memory = compact_room(server->compact, &remedy.memory_bytes);
    int32_t error = remedy_snapshot(&remedy);
    if (error == 0)
        snprintf(line, sizeof line,
                 "the log is damaged: a snapshot of what is in memory, up to sequence %llu, is "
                 "what the next start begins with",
                 (unsigned long long)remedy.place.seq - 1);
    else
        snprintf(line, sizeof line, "what is in memory cannot be saved: %s", strerror(-error));
    env_say_at(env, error == 0 ? ENV_WARNING : ENV_ERROR, line);
}

static bool has_ended_well(const struct server *server)
{
    return atomic_load(&server->shared.failure) == 0 && atomic_load(&server->shared.stop) == 1;
}

static void set_pace(struct server *server, enum compact_pressure pressure)
{
    uint64_t pace = pressure < COMPACT_SLOWS
                        ? 0
                        : compact_pace(server->compact) / server->options.shard_count + 1;
    if (atomic_load(&server->shared.pace) != pace)
        atomic_store(&server->shared.pace, pace); /* pairs with the load in `turn` */
}

static int run_compact(struct server *server, struct env *env)
{
    struct env_done done[4];
    bool far = false;
    env_stand_back(env, far);                             /* snapshots can wait; orders cannot */
    while (atomic_load(&server->phase) == PHASE_RECOVERS) /* pairs with the store in enter_phase */
        (void)env_reap(env, done, 4, env_clock(env) + SAFETY_NET_NS);
    if (!server_is_ready(server))
        return server->report.exit_code;
    if (env_keep(env, server->start.lock) < 0)
        return EXIT_OS;
    while (atomic_load(&server->running) > 0) { /* pairs with the decrement in server_run */
        struct compact_log log = compact_log(server, false);
        enum compact_pressure pressure = compact_pressure(server->compact, log.bytes);
        log.hurry = pressure != COMPACT_AT_EASE;
        log_set_over_budget(server->shared.log, pressure == COMPACT_OVER);
        set_pace(server, pressure);
        uint64_t answering = recall_work(server->shared.recall, env, log.watermark);
        bool waits = answering == UINT64_MAX && compact_is_running(server->compact) &&
                     compact_has_time(server->compact, &log, env_clock(env));
        if (waits != far)
            env_stand_back(env, far = waits);
        uint64_t until = compact_step(server->compact, env, &log);
        until = answering < until ? answering : until;
        uint64_t latest = env_clock(env) + SAFETY_NET_NS;
        (void)env_reap(env, done, 4, until < latest ? until : latest);
    }
    make_last_snapshot(server, env);
    if (compact_counts(server->compact).damaged != 0 && has_ended_well(server))
        save_what_there_is(server, env);
    return 0;
}

/* ---- actors -------------------------------------------------------------------------------------- */

int server_run(struct server *server, struct env *env, uint32_t actor)
{
    if (actor == server->options.shard_count)
        return run_helper(server, env);
    if (actor == server->options.shard_count + 1)
        return run_compact(server, env);
    int exit_code = 0;
    if (!recover_shard(server, env, actor))
        exit_code = server->report.exit_code;
    else
        exit_code = env_keep(env, server->start.lock) < 0
                        ? EXIT_OS
                        : shard_loop_run(server->loops[actor], env);
    if (exit_code == 0 && server_is_ready(server))
        server->hashes[actor] = shard_state_hash(server->shards[actor]);
    atomic_add(&server->running, UINT64_MAX); /* one less; pairs with the load in run_helper */
    env_doorbell(env, server->options.shard_count);
    return exit_code;
}

bool server_put_rules(struct server *server, struct text text)
{
    struct rules_offer *rules = &server->shared.rules;
    uint64_t offered = atomic_load(&rules->offered);
    if (atomic_load(&rules->taken) != offered) /* pairs with take_rules */
        return false;
    struct rules_put *put = memset(rules->command, 0, sizeof rules->command);
    put->head.op = OP_RULES_PUT;
    put->head.bytes = ((uint32_t)sizeof *put + text.bytes + 7u) & ~7u;
    put->text_bytes = text.bytes;
    memcpy(put + 1, text.at, text.bytes);
    atomic_store(&rules->offered, offered + 1); /* pairs with take_rules */
    return true;
}

void server_callers(struct server *server, const struct callers *callers)
{
    atomic_store(&server->shared.welcome.callers,
                 (uintptr_t)callers); /* pairs with the load in binary_callers */
}

uint64_t server_turns(const struct server *server, uint32_t shard)
{
    /* pairs with metric_add in `begin`, which comes after the load of the callers */
    return atomic_load(&shard_loop_metrics(server->loops[shard])->cells[METRIC_TURNS]);
}

uint64_t server_beats(const struct server *server, uint32_t shard)
{
    const struct metrics *metrics = shard_loop_metrics(server->loops[shard]);
    return atomic_load(&metrics->cells[METRIC_TURNS]) + atomic_load(&metrics->cells[METRIC_WAITS]);
}

void server_stop(struct server *server)
{
    atomic_add(&server->shared.stop, 1); /* pairs with the load in `ended` */
}

int server_close(struct server *server, struct env *env)
{
    uint64_t state_hash = 0;
    for (uint32_t i = 0; i < server->options.shard_count; i++)
        state_hash += server->hashes[i];
    return server_is_ready(server) && log_close(server->shared.log, env, state_hash) < 0 ? EXIT_IO
                                                                                         : 0;
}

const struct atomic64 *server_next_seq(const struct server *server)
{
    return log_next_seq(server->shared.log);
}

uint64_t server_state_hash(const struct server *server)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < server->options.shard_count; i++)
        hash += shard_state_hash(server->shards[i]);
    return hash;
}
