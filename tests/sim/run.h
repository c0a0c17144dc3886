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
    uint64_t histories;     /* of orders, held against what a line of operations could answer */
    uint64_t histories_cut; /* only its beginning was */
    uint64_t histories_undecided;
    uint64_t trace;
};

/* What can be left out of a run by name, without anything else being drawn differently. */
/* clang-format off */
#define FAULTS(X) \
    X(FAULT_SWITCHES,      "switches")       /* actors are kept from running at calls of env */ \
    X(FAULT_PAUSES,        "pauses")         /* for long */ \
    X(FAULT_TORN_WRITES,   "torn-writes")    /* what a loss of power leaves half */ \
    X(FAULT_GARBAGE,       "garbage")        /* or worse */ \
    X(FAULT_FAILED_SYNCS,  "failed-syncs") \
    X(FAULT_FAILED_WRITES, "failed-writes") \
    X(FAULT_FAILED_READS,  "failed-reads") \
    X(FAULT_SHORT_WRITES,  "short-writes") \
    X(FAULT_SLOW_DISK,     "slow-disk") \
    X(FAULT_FULL_DISK,     "full-disk") \
    X(FAULT_ROT,           "rot") \
    X(FAULT_PIECES,        "pieces")         /* messages are split anywhere */ \
    X(FAULT_RESETS,        "resets") \
    X(FAULT_OLD_ENDS,      "old-connections") \
    X(FAULT_SLOW_READERS,  "slow-readers") \
    X(FAULT_INTRUDER,      "intruder") \
    X(FAULT_MULTISHOTS,    "multishots")     /* that end */ \
    X(FAULT_BUFFERS,       "buffers")        /* that run out, or come almost empty */ \
    X(FAULT_EARLY_RETURNS, "early-returns") \
    X(FAULT_LATE_OPS,      "late-hand-over") \
    X(FAULT_CLOCK,         "clock")          /* steps and drifts */ \
    X(FAULT_TABLES,        "tables")         /* that are full soon, or too small for what is there */ \
    X(FAULT_KILLS,         "kills")          /* in the middle of something */
/* clang-format on */

enum fault {
#define X(id, name) id,
    FAULTS(X)
#undef X
        FAULT_COUNT
};
extern const char *const fault_names[FAULT_COUNT];

/* All knobs there are. */
struct knobs {
    struct world_knobs world;
    struct disk_knobs disk;
    struct net_knobs net;
    struct env_knobs env;
};

/* What is left out of a run, or made smaller. */
struct less {
    bool without[FAULT_COUNT];
    uint32_t lives;   /* at most; 0: as drawn; one more than that */
    uint32_t clients; /* at most; 0: as drawn */
};

struct run {
    struct knobs drawn; /* before run_calm */
    uint64_t seed;
    const char *scenario;
    struct world *world;
    struct machine *machine;
    bool shard_bug[64]; /* core/bug.h */
    struct totals *totals;
    struct less less;
    bool has_bug; /* planted anywhere: its pinned seeds stay what they are */
};

void run_open(struct run *run, uint64_t seed, const char *scenario, enum planted planted,
              const struct less *less, struct totals *totals);
/* Takes the totals; the memory goes with the process. */
void run_close(struct run *run);

/* Draws the faults of this run; run_calm stops them all, run_resume brings them back. */
void run_swarm(struct run *run);
void run_calm(struct run *run);
void run_resume(struct run *run);

/* Something does not hold: says so and ends the process. */
_Noreturn void run_fail(const struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* 0 in half of all runs, and where the fault is left out. */
uint32_t run_knob(struct run *run, enum fault fault, uint64_t low, uint64_t high);
/* Likewise for what is there or not. */
bool run_has(const struct run *run, enum fault fault, bool drawn);
uint64_t run_lives(const struct run *run, uint64_t drawn);
uint32_t run_clients(const struct run *run, uint32_t drawn);

/* Zeroed, aligned to 4096; given back by run_free. */
void *run_memory(size_t bytes);
void run_free(void *memory, size_t bytes);

/* The scenarios; each runs to its end or fails. */
void log_scenario(struct run *run);
void server_scenario(struct run *run);
void rush_scenario(struct run *run);
void shop_scenario(struct run *run);

#endif
