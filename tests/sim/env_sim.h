/* tests/sim/env_sim.h - the other implementation of persist/env.h: a machine with a disk and a
 * network, a process on it, and an env for each of its actors.
 *
 * Every call of env is a place where other actors may run, where the process may be killed, and
 * where time may pass. An operation is handed over, takes its time, and completes in whatever order
 * chance has it. */
#ifndef SPATE_TESTS_SIM_ENV_SIM_H
#define SPATE_TESTS_SIM_ENV_SIM_H

#include "persist/env.h"
#include "tests/sim/disk.h"
#include "tests/sim/net.h"
#include "tests/sim/steps.h"

struct machine;
struct process;

/* Planted bugs: each takes away something that the code above the seam must do, without touching that
 * code, as seen from below. */
/* clang-format off */
#define PLANTED(X) \
    X(PLANTED_NONE,                 "none",                       "") \
    X(PLANTED_WRITE_NOT_SYNCED,     "ack_before_sync",            "the log writes without DSYNC") \
    X(PLANTED_DIRECTORY_NOT_SYNCED, "directory_sync_skipped",     "a directory is not synced") \
    X(PLANTED_FILE_NOT_SYNCED,      "file_sync_skipped",          "a file is not synced") \
    X(PLANTED_ARCHIVE_NOT_SYNCED,   "archive_sync_skipped",       "the names in the archive are not synced") \
    X(PLANTED_COPY_NOT_SYNCED,      "archive_copy_not_synced",    "a copy gets its name there without a sync") \
    X(PLANTED_LOCK_NOT_KEPT,        "lock_not_kept",              "the lock does not outlive the writes in flight") \
    X(PLANTED_SHORT_WRITE,          "short_write_taken_for_whole","a short result is not looked at") \
    X(PLANTED_FAILED_WRITE,         "failed_write_ignored",       "a failed write is not looked at") \
    X(PLANTED_FAILED_SYNC,          "failed_sync_ignored",        "a failed sync is not looked at") \
    X(PLANTED_MULTISHOT,            "multishot_not_rearmed",      "MORE is taken for granted") \
    X(PLANTED_BUFFER,               "buffer_returned_too_early",  "a provided buffer is looked at after its return") \
    X(PLANTED_DOORBELL,             "doorbell_lost",              "who sleeps is not woken")
/* clang-format on */

enum planted {
#define X(id, name, what) id,
    PLANTED(X)
#undef X
        PLANTED_COUNT
};

struct env_knobs {
    enum planted planted;
    uint32_t multishot_ends_one_in; /* completions without MORE for no reason */
    uint32_t part_receive_one_in;   /* a buffer that is given out almost empty */
    uint32_t buffers_max;           /* that may be given out at once; 0: all there are */
    uint32_t early_return_one_in;   /* a wait that returns nothing */
    uint32_t
        late_hand_over_one_in; /* submissions that the kernel sees at once: never (0) to always (1) */
    uint64_t wall_step_ns_max; /* the wall clock jumps by so much, forwards or back */
    int32_t drift_ppm;         /* how much faster the wall clock runs than time does */
    uint32_t wall_step_one_in; /* looks at the wall clock */
    bool no_registration;      /* env_register is refused with ENOMEM */
};

struct machine *machine_open(struct world *world);
void machine_close(struct machine *machine);
struct world *machine_world(struct machine *machine);
struct disk *machine_disk(struct machine *machine);
struct net *machine_net(struct machine *machine);
struct env_knobs *machine_knobs(struct machine *machine);

/* How often each fault has struck, for whoever wants to know what a run has seen. */
struct machine_counts {
    uint64_t operations;
    uint64_t failed_operations;
    uint64_t multishots_ended;
    uint64_t buffers_ran_out;
    uint64_t kills;
    uint64_t power_losses;
};
struct machine_counts machine_counts(const struct machine *machine);
/* What the wall clock says. */
uint64_t machine_wall_ns(const struct machine *machine);

/* One process at a time works well with a data directory; the machine does not care. */
struct process *process_begin(struct machine *machine);
/* An actor of the process with its env; `actor` is the number that env_doorbell knows. */
struct env *process_env(struct process *process, uint32_t actor);
struct actor *process_spawn(struct process *process, uint32_t actor, size_t stack_bytes,
                            void (*run)(void *argument), void *argument);

/* Dies at the so-and-so-many-th call of env from now: every actor stops where it is, and
 * process_is_doomed is true; the killer then calls process_kill. `watcher` is woken. */
void process_doom(struct process *process, uint64_t calls, struct actor *watcher);
/* Or instead, while the disk has the next such step under way. */
void process_doom_in(struct process *process, enum step step, struct actor *watcher);
bool process_is_doomed(const struct process *process);
uint64_t process_calls(const struct process *process);

enum death { DEATH_KILL, DEATH_POWER };
/* What is in flight still arrives, or does not. After a kill the lock is held until it has. Not by
 * an actor of the process. */
void process_kill(struct process *process, enum death death);
/* All actors have ended by themselves: descriptors are closed, sockets too. */
void process_end(struct process *process);

#endif
