/* spate serve - runs a server: one thread a shard, the main thread makes log segments ready. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/callers.h"
#include "io/env_uring.h"
#include "io/server.h"
#include "tools/options.h"
#include "tools/tools.h"

struct run {
    struct server *server;
    struct env_world *world;
    struct shard_thread {
        pthread_t thread;
        struct run *run;
        uint32_t actor;
        int exit_code;
    } shards[SHARDS_MAX];
};

enum { QUEUE_ENTRIES = 1024 };

/* For the signal handler, which can be given nothing. */
static struct server *serving;

static void on_signal(int signal)
{
    (void)signal;
    server_stop(serving);
}

static int fail(int exit_code, const char *message)
{
    fprintf(stderr, "spate: %s\n", message);
    return exit_code;
}

static void *run_shard(void *argument)
{
    struct shard_thread *self = argument;
    struct env *env;
    char message[256];
    if (!env_uring_open(self->run->world, self->actor, QUEUE_ENTRIES, &env, message,
                        &self->exit_code)) {
        fail(self->exit_code, message);
        server_stop(self->run->server);
        server_stop(self->run->server);
        return NULL;
    }
    self->exit_code = server_run(self->run->server, env, self->actor);
    env_uring_close(env);
    return NULL;
}

/* Threads leave signals to the main one, which wakes nobody: a shard looks at least every 10 ms. */
static bool start_shards(struct run *run, uint32_t count)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    uint32_t started = 0;
    while (started < count) {
        struct shard_thread *shard = &run->shards[started];
        *shard = (struct shard_thread){.run = run, .actor = started};
        if (pthread_create(&shard->thread, NULL, run_shard, shard) != 0)
            break;
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started == count;
}

static void watch_signals(struct server *server)
{
    serving = server;
    struct sigaction stop = {.sa_handler = on_signal};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Every connection is a descriptor. Raises the soft limit as far as it may go. */
static bool enough_descriptors(const struct server_options *options, char message[256])
{
    uint64_t wanted = (uint64_t)options->connection_count_max * options->shard_count + 64;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted && limit.rlim_max > limit.rlim_cur) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur >= wanted)
        return true;
    snprintf(
        message, 256,
        "too few file descriptors: %llu are allowed, %llu are needed; raise `ulimit -n` or lower "
        "--connections",
        (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
    return false;
}

static void *take_memory(const struct server_options *options)
{
    void *memory = mmap(NULL, server_bytes(options), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* Touched now, so that no order waits for the kernel to find a page. */
    madvise(memory, server_tables_bytes(options), MADV_HUGEPAGE);
    if (madvise(memory, server_tables_bytes(options), MADV_POPULATE_WRITE) != 0 && errno == ENOMEM)
        return NULL;
    return memory;
}

static int serve(const struct server_options *options)
{
    char message[ENV_MESSAGE_BYTES];
    int exit_code = 0;
    if (!enough_descriptors(options, message))
        return fail(EXIT_OS, message);
    void *memory = take_memory(options);
    if (memory == NULL)
        return fail(EXIT_OS, "not enough memory; lower --memory or --connections");
    struct env_world world = {0};
    struct env *env;
    if (!env_uring_open(&world, options->shard_count, QUEUE_ENTRIES, &env, message, &exit_code))
        return fail(exit_code, message);
    struct start_report report;
    struct server *server = server_init(memory, options, env, &report);
    if (server == NULL)
        return fail(report.exit_code, report.message);

    struct run run = {.server = server, .world = &world};
    watch_signals(server);
    if (!start_shards(&run, options->shard_count))
        return fail(EXIT_OS, "a thread cannot be started; raise `ulimit -u`");
    exit_code = server_run(server, env, options->shard_count);
    for (uint32_t i = 0; i < options->shard_count; i++) {
        pthread_join(run.shards[i].thread, NULL);
        if (exit_code == 0)
            exit_code = run.shards[i].exit_code;
    }
    if (exit_code == 0)
        exit_code = server_close(server, env);
    env_uring_close(env);
    return exit_code;
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

/* 0, or the exit code after saying what is wrong. */
static int read_callers(const char *path, struct callers *callers)
{
    static char text[CALLERS_FILE_BYTES_MAX + 1];
    char message[512];
    size_t bytes;
    uint32_t line;
    if (!read_file(path, text, sizeof text, &bytes)) {
        snprintf(message, sizeof message, "cannot read the callers in %s: %s", path,
                 strerror(errno));
        return fail(EXIT_USAGE_ERROR, message);
    }
    const char *wrong = bytes > CALLERS_FILE_BYTES_MAX ? "it is longer than 256 KiB" : NULL;
    line = 0;
    if (wrong == NULL)
        wrong = callers_read(callers, (struct text){text, (uint32_t)bytes}, &line);
    explicit_bzero(text, sizeof text);
    if (wrong == NULL)
        return 0;
    snprintf(message, sizeof message, "%s:%u: %s", path, line, wrong);
    return fail(EXIT_USAGE_ERROR, message);
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

/* Whoever can connect may do everything, unless tokens are asked for; so others cannot connect. */
static bool callers_fit(const struct server_options *options, char message[256])
{
    if (options->callers != NULL ||
        (is_local(options->binary_address) && is_local(options->http_address)))
        return true;
    snprintf(message, 256,
             "without --callers only 127.0.0.1, [::1] or unix:PATH can be listened on; make one "
             "with: (umask 077; echo \"shop:$(openssl rand -hex 24)\" > callers.txt)");
    return false;
}

static const char *const sync_modes[] = {"dsync", "fdatasync", "none", NULL};

/* Numbers as the command line has them; some are narrower inside. */
struct wishes {
    uint64_t shards;
    uint64_t connections;
    uint64_t memory;
    uint64_t segment;
    uint64_t sync;
};

static bool addresses_fit(const struct server_options *options, char message[256])
{
    if (options->binary_address != NULL || options->http_address != NULL)
        return true;
    snprintf(message, 256, "nothing to listen on; give --binary ADDR:PORT or --http ADDR:PORT");
    return false;
}

int tool_serve(int argc, char **argv)
{
    static struct callers callers;
    const char *callers_path = NULL;
    struct server_options options = server_options_default();
    struct wishes wishes = {
        .shards = options.shard_count,
        .connections = options.connection_count_max,
        .memory = UINT64_C(1) << 30,
        .segment = options.log.segment_bytes,
        .sync = options.log.sync,
    };
    const struct option table[] = {
        {.name = "data",
         .value_name = "DIR",
         .help = "data directory; made if it is not there",
         .kind = OPTION_TEXT,
         .into = &options.directory},
        {.name = "shards",
         .value_name = "N",
         .help = "threads, one for each core to be used (1)",
         .kind = OPTION_COUNT,
         .into = &wishes.shards,
         .min = 1,
         .max = SHARDS_MAX - 1},
        {.name = "binary",
         .value_name = "ADDR:PORT",
         .help = "serve the binary protocol here",
         .kind = OPTION_TEXT,
         .into = &options.binary_address},
        {.name = "http",
         .value_name = "ADDR:PORT",
         .help = "serve HTTP/JSON here",
         .kind = OPTION_TEXT,
         .into = &options.http_address},
        {.name = "admin",
         .value_name = "ADDR:PORT",
         .help = "serve /livez, /readyz and /metrics here",
         .kind = OPTION_TEXT,
         .into = &options.admin_address},
        {.name = "callers",
         .value_name = "FILE",
         .help = "who may call, a line NAME:TOKEN or NAME:sha256:DIGEST for each",
         .kind = OPTION_TEXT,
         .into = &callers_path},
        {.name = "drain-delay",
         .value_name = "TIME",
         .help = "how long /readyz says no before new connections are refused (0s)",
         .kind = OPTION_DURATION,
         .into = &options.drain_delay_ns,
         .max = UINT64_C(3600000000000)},
        {.name = "memory",
         .value_name = "SIZE",
         .help = "sizes every table together (1G); 160 bytes hold a two-line order",
         .kind = OPTION_BYTES,
         .into = &wishes.memory,
         .min = 16 << 20,
         .max = UINT64_C(1) << 40},
        {.name = "connections",
         .value_name = "N",
         .help = "connections a shard takes (1024)",
         .kind = OPTION_COUNT,
         .into = &wishes.connections,
         .min = 1,
         .max = 1000000},
        {.name = "segment",
         .value_name = "SIZE",
         .help = "length of a log segment (64M)",
         .kind = OPTION_BYTES,
         .into = &wishes.segment,
         .min = 2 << 20,
         .max = 4095ull << 20},
        {.name = "sync",
         .value_name = "MODE",
         .help = "dsync, fdatasync, or none: then nothing is safe from a power cut",
         .kind = OPTION_CHOICE,
         .into = &wishes.sync,
         .choices = sync_modes},
        {0},
    };
    const struct usage usage = {
        .command = "spate serve",
        .arguments = "--data DIR [--binary ADDR:PORT] [--http ADDR:PORT] [OPTION...]",
        .summary = "Takes in orders until SIGTERM; a second SIGTERM does not wait for anybody.",
        .options = table,
    };
    char message[256];
    int positional;
    int end = options_read(&usage, argc, argv, &positional);
    if (end >= 0)
        return end;
    if (positional > 0) {
        fprintf(stderr, "spate serve: what is `%s`? every option begins with --\n", argv[0]);
        return EXIT_USAGE_ERROR;
    }
    if (options.directory == NULL)
        return fail(EXIT_USAGE_ERROR, "--data DIR is missing: where is the log to be kept?");
    if (!addresses_fit(&options, message))
        return fail(EXIT_USAGE_ERROR, message);
    if (callers_path != NULL) {
        int exit_code = read_callers(callers_path, &callers);
        if (exit_code != 0)
            return exit_code;
        options.callers = &callers;
    }
    if (!callers_fit(&options, message))
        return fail(EXIT_USAGE_ERROR, message);
    options.shard_count = (uint32_t)wishes.shards;
    options.connection_count_max = (uint32_t)wishes.connections;
    options.log.segment_bytes = wishes.segment;
    options.log.sync = (enum log_sync)wishes.sync;
    options.process = (uint64_t)getpid();
    server_options_memory(&options, wishes.memory);
    return serve(&options);
}
