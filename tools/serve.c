/* spate serve - runs a server: one thread a shard, one for snapshots; the main thread makes log
 * segments ready. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/check_failed.h"
#include "io/env_uring.h"
#include "io/server.h"
#include "tools/cores.h"
#include "tools/steward.h"
#include "tools/tools.h"
#include "tools/version.h"

struct run {
    struct server *server;
    struct env_world *world;
    struct cores cores;
    uint32_t pinned_shards; /* 0: they run where the system puts them */
    struct actor_thread {
        pthread_t thread;
        struct run *run;
        uint32_t actor;
        bool is_patient;
        int exit_code;
    } threads[SHARDS_MAX]; /* the shards, then whoever makes snapshots */
};

enum { QUEUE_ENTRIES = 1024 };

static int fail(int exit_code, const char *message)
{
    fprintf(stderr, "spate: %s\n", message);
    return exit_code;
}

static bool enter(struct actor_thread *self, struct env **env)
{
    char message[256];
    if (env_uring_open(self->run->world, self->actor, QUEUE_ENTRIES, env, message,
                       &self->exit_code))
        return true;
    fail(self->exit_code, message);
    return false;
}

static void begin_shard(const struct actor_thread *self, char name[16])
{
    const struct run *run = self->run;
    snprintf(name, 16, "shard-%u", self->actor);
    if (run->pinned_shards > 0 &&
        !cores_keep_to(cores_of_shard(&run->cores, run->pinned_shards, self->actor)))
        fprintf(stderr, "spate: %s cannot be pinned: %s\n", name, strerror(errno));
}

static void *run_actor(void *argument)
{
    struct actor_thread *self = argument;
    char name[16] = "compact";
    if (!self->is_patient)
        begin_shard(self, name);
    (void)prctl(PR_SET_NAME, name); /* for whoever looks with top or perf */
    struct env *env;
    if (!enter(self, &env)) {
        server_stop(self->run->server);
        server_stop(self->run->server);
        return NULL;
    }
    self->exit_code = server_run(self->run->server, env, self->actor);
    env_uring_close(env);
    return NULL;
}

static bool start_threads(struct run *run, uint32_t shard_count)
{
    uint32_t started = 0;
    for (; started <= shard_count; started++) {
        struct actor_thread *actor = &run->threads[started];
        *actor = (struct actor_thread){.run = run, .actor = started};
        if (started == shard_count) {
            actor->actor++; /* the main thread is the helper */
            actor->is_patient = true;
        }
        if (pthread_create(&actor->thread, NULL, run_actor, actor) != 0)
            break;
    }
    return started == shard_count + 1;
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

/* From a page on. */
static void *beside(void *memory, const struct server_options *options)
{
    size_t at = server_bytes(options) - server_beside_bytes(options);
    return (char *)memory + (at & ~(size_t)4095);
}

static void *take_memory(const struct server_options *options)
{
    void *memory = mmap(NULL, server_bytes(options), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, server_tables_bytes(options), MADV_HUGEPAGE);
    madvise(beside(memory, options), server_beside_bytes(options), MADV_HUGEPAGE);
    return memory;
}

static void say_beginning(struct steward *steward)
{
    char line[160];
    snprintf(line, sizeof line, "spate %s", version_text());
    steward_say(steward, ENV_INFO, line);
    for (uint32_t i = 0; serve_sizes_line(&steward->options, i, line); i++)
        steward_say(steward, ENV_INFO, line);
}

/* Threads that this one starts from here on run where it may run: off the cores of pinned shards. */
static void share_cores(struct run *run, struct steward *steward)
{
    char line[CORES_LINE_BYTES];
    uint32_t shard_count = steward->options.server.shard_count;
    cores_look(&run->cores);
    bool pin = cores_pin(&run->cores, (enum pinning)steward->options.pin, shard_count, line);
    if (pin && cores_keep_off(&run->cores, shard_count))
        run->pinned_shards = shard_count;
    else if (pin)
        snprintf(line, sizeof line, "cores: not pinned: %s", strerror(errno));
    steward_say(steward, ENV_INFO, line);
    if (steward->options.spin_ns > 0 && cores_may_spin(&run->cores, shard_count)) {
        run->world->spin_ns = steward->options.spin_ns;
        run->world->spinners = shard_count;
    } else if (steward->options.spin_ns > 0) {
        steward_say(steward, ENV_WARNING, "cores: not one for each shard: --spin is not heeded");
    }
}

/* Until the process ends. */
static void keep_awake(struct steward *steward)
{
    char line[CORES_LINE_BYTES];
    if (steward->options.awake == 0)
        return;
    int file = cores_keep_awake();
    if (file < 0)
        snprintf(line, sizeof line, "cores: --awake is not heeded: /dev/cpu_dma_latency: %s",
                 strerror(-file));
    else
        snprintf(line, sizeof line, "cores: all of this machine are kept awake");
    steward_say(steward, file < 0 ? ENV_WARNING : ENV_INFO, line);
}

/* Runs every actor until all have returned; the exit code. */
static int run_actors(struct run *run, struct env *env, uint32_t shard_count)
{
    if (!start_threads(run, shard_count))
        return fail(EXIT_OS, "a thread cannot be started; raise `ulimit -u`");
    int exit_code = server_run(run->server, env, shard_count);
    for (uint32_t i = 0; i <= shard_count; i++) {
        pthread_join(run->threads[i].thread, NULL);
        if (exit_code == 0)
            exit_code = run->threads[i].exit_code;
    }
    return exit_code;
}

static int serve(struct steward *steward)
{
    const struct server_options *options = &steward->options.server;
    char message[ENV_MESSAGE_BYTES];
    int exit_code = 0;
    if (!enough_descriptors(options, message))
        return fail(EXIT_OS, message);
    void *memory = take_memory(options);
    if (memory == NULL)
        return fail(EXIT_OS, "not enough memory; lower --memory or --connections");
    struct env_world world = {.lines = &steward->lines};
    struct env *env;
    if (!env_uring_open(&world, options->shard_count, QUEUE_ENTRIES, &env, message, &exit_code))
        return fail(exit_code, message);
    struct server *server = server_init(memory, options);
    struct run run = {.server = server, .world = &world};
    check_failed_seq = server_next_seq(server);
    if (steward->options.rules_path != NULL)
        CHECK(server_put_rules(server, steward->rules.text)); /* the first */
    if (!steward_start(steward, server))
        return fail(EXIT_OS, "a thread cannot be started; raise `ulimit -u`");
    say_beginning(steward);
    share_cores(&run, steward);
    keep_awake(steward);
    exit_code = run_actors(&run, env, options->shard_count);
    steward_end(steward);
    const char *why_not = server_report(server)->message;
    if (*why_not != 0)
        exit_code = fail(exit_code, why_not);
    if (exit_code == 0)
        exit_code = server_close(server, env);
    env_uring_close(env);
    return exit_code;
}

int tool_serve(int argc, char **argv)
{
    static struct steward steward;
    struct serve_options *options = &steward.options;
    steward.argc = argc;
    steward.argv = argv;
    int end = serve_options_read(options, argc, argv, stderr);
    if (end >= 0)
        return end;
    if (options->callers_path != NULL) {
        end = serve_callers_read(options, &steward.callers[0]);
        if (end != 0)
            return end;
        options->server.callers = &steward.callers[0];
    }
    if (options->rules_path != NULL) {
        end = serve_rules_read(options, &steward.rules);
        if (end != 0)
            return end;
    }
    if (options->test_config) {
        printf("spate serve: nothing wrong\n");
        return 0;
    }
    options->server.process = (uint64_t)getpid();
    options->server.lines = &steward.lines;
    return serve(&steward);
}
