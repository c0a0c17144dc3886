#include "tests/sim/run.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Only one run lives in a process; a broken CHECK has nothing else to know it by. */
static struct run *the_run;

enum { EXIT_FOUND = 1 };

const char *const fault_names[FAULT_COUNT] = {
#define X(id, name) [id] = name,
    FAULTS(X)
#undef X
};

void run_open(struct run *run, uint64_t seed, const char *scenario, enum planted planted,
              const struct less *less, struct totals *totals)
{
    *run = (struct run){.seed = seed, .scenario = scenario, .totals = totals, .less = *less};
    run->world = world_open(seed);
    run->machine = machine_open(run->world);
    machine_knobs(run->machine)->planted = planted;
    the_run = run;
}

void run_close(struct run *run)
{
    struct machine_counts counts = machine_counts(run->machine);
    struct totals *totals = run->totals;
    totals->simulated_ns = world_now(run->world);
    totals->happenings = world_happenings(run->world);
    totals->env_operations = counts.operations;
    totals->kills = counts.kills;
    totals->power_losses = counts.power_losses;
    totals->failed_operations = counts.failed_operations;
    totals->trace = world_trace_hash(run->world);
}

uint32_t run_knob(struct run *run, enum fault fault, uint64_t low, uint64_t high)
{
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    uint32_t drawn = (uint32_t)stream_between(swarm, low, high);
    bool on = stream_hit(swarm, 2);
    return run_has(run, fault, on) ? drawn : 0;
}

bool run_has(const struct run *run, enum fault fault, bool drawn)
{
    return drawn && !run->less.without[fault];
}

uint64_t run_lives(const struct run *run, uint64_t drawn)
{
    uint64_t most = run->less.lives == 0 ? drawn : run->less.lives - 1;
    return drawn < most ? drawn : most;
}

uint32_t run_clients(const struct run *run, uint32_t drawn)
{
    uint32_t most = run->less.clients == 0 ? drawn : run->less.clients;
    return drawn < most ? drawn : most;
}

static void draw_schedule(struct run *run)
{
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    *world_knobs(run->world) = (struct world_knobs){
        .shuffle_ties = stream_hit(swarm, 2),
        .switch_one_in = run_knob(run, FAULT_SWITCHES, 1, 20),
        .switch_ns_max = stream_skewed(swarm, MILLISECOND_NS),
        .pause_one_in = run_knob(run, FAULT_PAUSES, 100, 5000),
        .pause_ns_max = stream_skewed(swarm, 100 * MILLISECOND_NS),
    };
}

static void draw_disk(struct run *run)
{
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    *disk_knobs(machine_disk(run->machine)) = (struct disk_knobs){
        .capacity_bytes = (8ull << 20) + stream_skewed(swarm, 256ull << 20),
        .keep_one_in = run_knob(run, FAULT_TORN_WRITES, 1, 8),
        .garble_one_in = run_knob(run, FAULT_GARBAGE, 2, 40),
        .tear_one_in = run_knob(run, FAULT_TORN_WRITES, 1, 4),
        .failed_sync_one_in = run_knob(run, FAULT_FAILED_SYNCS, 8, 500),
        .failed_write_one_in = run_knob(run, FAULT_FAILED_WRITES, 20, 3000),
        .failed_read_one_in = run_knob(run, FAULT_FAILED_READS, 20, 3000),
        .short_write_one_in = run_knob(run, FAULT_SHORT_WRITES, 20, 3000),
        .latency_ns_max = stream_skewed(swarm, 5 * MILLISECOND_NS),
        .slow_one_in = run_knob(run, FAULT_SLOW_DISK, 10, 1000),
        .slow_ns_max = stream_skewed(swarm, 300 * MILLISECOND_NS),
    };
    if (run->less.without[FAULT_FULL_DISK])
        disk_knobs(machine_disk(run->machine))->capacity_bytes = UINT64_MAX / 2;
}

static void draw_network(struct run *run)
{
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    *net_knobs(machine_net(run->machine)) = (struct net_knobs){
        .socket_bytes = 64 + (uint32_t)stream_skewed(swarm, 256 << 10),
        .piece_bytes_max = run_knob(run, FAULT_PIECES, 1, 20000),
        .latency_ns_max = stream_skewed(swarm, 20 * MILLISECOND_NS),
        .reset_one_in = run_knob(run, FAULT_RESETS, 20, 2000),
    };
}

void run_swarm(struct run *run)
{
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    struct env_knobs *env = machine_knobs(run->machine);
    draw_schedule(run);
    draw_disk(run);
    draw_network(run);
    env->multishot_ends_one_in = run_knob(run, FAULT_MULTISHOTS, 2, 50);
    env->part_receive_one_in = run_knob(run, FAULT_BUFFERS, 1, 10);
    env->buffers_max = run_knob(run, FAULT_BUFFERS, 1, 8);
    env->early_return_one_in = run_knob(run, FAULT_EARLY_RETURNS, 2, 50);
    env->late_hand_over_one_in = run_knob(run, FAULT_LATE_OPS, 1, 10);
    env->wall_step_one_in = run_knob(run, FAULT_CLOCK, 50, 5000);
    env->drift_ppm = (int32_t)run_knob(run, FAULT_CLOCK, 1, 200000) -
                     (int32_t)run_knob(run, FAULT_CLOCK, 1, 200000);
    env->wall_step_ns_max = stream_skewed(swarm, 3600ull * SECOND_NS);
    env->no_registration = stream_hit(swarm, 4);
}

static struct knobs knobs_of(const struct run *run)
{
    return (struct knobs){.world = *world_knobs(run->world),
                          .disk = *disk_knobs(machine_disk(run->machine)),
                          .net = *net_knobs(machine_net(run->machine)),
                          .env = *machine_knobs(run->machine)};
}

void run_resume(struct run *run)
{
    *world_knobs(run->world) = run->drawn.world;
    *disk_knobs(machine_disk(run->machine)) = run->drawn.disk;
    *net_knobs(machine_net(run->machine)) = run->drawn.net;
    *machine_knobs(run->machine) = run->drawn.env;
}

void run_calm(struct run *run)
{
    run->drawn = knobs_of(run);
    struct env_knobs *env = machine_knobs(run->machine);
    struct disk_knobs *disk = disk_knobs(machine_disk(run->machine));
    world_knobs(run->world)->pause_one_in = 0;
    disk->failed_sync_one_in = disk->failed_write_one_in = disk->failed_read_one_in = 0;
    disk->short_write_one_in = disk->slow_one_in = 0;
    disk->capacity_bytes = UINT64_MAX / 2;
    net_knobs(machine_net(run->machine))->reset_one_in = 0;
    env->wall_step_one_in = 0;
    env->drift_ppm = 0;
}

static _Noreturn void end_found(struct run *run, const char *what)
{
    run_close(run);
    fflush(stdout);
    fprintf(stderr, "%s  (at %.6f s of seed %llu, scenario %s)\n", what,
            (double)world_now(run->world) / 1e9, (unsigned long long)run->seed, run->scenario);
    fflush(stderr);
    _exit(EXIT_FOUND);
}

void run_fail(const struct run *run, const char *format, ...)
{
    CHECK(run == the_run);
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    end_found(the_run, what);
}

_Noreturn void check_failed(const char *file, int line, const char *claim)
{
    char what[512];
    snprintf(what, sizeof what, "%s:%d: CHECK(%s)", file, line, claim);
    if (the_run != NULL)
        end_found(the_run, what);
    fprintf(stderr, "%s\n", what);
    abort();
}

void *run_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

void run_free(void *memory, size_t bytes)
{
    CHECK(munmap(memory, bytes) == 0);
}
