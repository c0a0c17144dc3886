/* tests/sim/run.h - one run of the simulator: a seed, what is drawn from it, and how it ends.
 *
 * Swarm: each fault is off in half of the runs, and drawn over its whole range in the others, so
 * that faults also meet each other's absence. A run is a process of its own; the first thing that
 * does not hold ends it. */
#ifndef SPATE_TESTS_SIM_RUN_H
#define SPATE_TESTS_SIM_RUN_H

#include "tests/sim/env_sim.h"

struct totals {
    uint64_t simulated_ns;
    uint64_t happenings;
    uint64_t operations; /* of the scenario */
    uint64_t env_operations;
    uint64_t starts;
    uint64_t kills;
    uint64_t power_losses;
    uint64_t failed_operations;
    uint64_t trace;
};

/* All knobs there are. */
struct knobs {
    struct world_knobs world;
    struct disk_knobs disk;
    struct net_knobs net;
    struct env_knobs env;
};

struct run {
    struct knobs drawn; /* before run_calm */
    uint64_t seed;
    const char *scenario;
    struct world *world;
    struct machine *machine;
    bool shard_bug[64]; /* core/bug.h */
    struct totals *totals;
};

void run_open(struct run *run, uint64_t seed, const char *scenario, enum planted planted,
              struct totals *totals);
/* Takes the totals; the memory goes with the process. */
void run_close(struct run *run);

/* Draws the faults of this run; run_calm stops them all, run_resume brings them back. */
void run_swarm(struct run *run);
void run_calm(struct run *run);
void run_resume(struct run *run);

/* Something does not hold: says so and ends the process. */
_Noreturn void run_fail(const struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 0 in half of all runs. */
uint32_t run_knob(struct run *run, uint64_t low, uint64_t high);

/* Zeroed, aligned to 4096; given back by run_free. */
void *run_memory(size_t bytes);
void run_free(void *memory, size_t bytes);

/* The scenarios; each runs to its end or fails. */
void log_scenario(struct run *run);
void server_scenario(struct run *run);
void rush_scenario(struct run *run);
void shop_scenario(struct run *run);

#endif
