/* tests/sim/env_parts.h - what the parts of the simulated env share.
 *
 *   machine.c      a disk, a network, a wall clock, and whatever ran on them
 *   env_sim.c      the seam's calls: crossing, submitting, reaping, what is registered
 *   env_files.c    descriptors; operations on files and directories
 *   env_sockets.c  operations on sockets, multishots among them
 *   process.c      how a process begins and dies, and what the kernel still does for it */
#ifndef SPATE_TESTS_SIM_ENV_PARTS_H
#define SPATE_TESTS_SIM_ENV_PARTS_H

#include "tests/sim/env_sim.h"

enum {
    FILES_MAX = 4096,
    FIRST_FILE = 3,
    PATH_BYTES = 256,
    ACTORS_MAX = 66,
    POISON = 0xdb,
    IDLE_TURNS_MAX = 200000,
    LATE_NS_MAX = 5 * MILLISECOND_NS, /* how long the kernel works on after a kill */
};

/* An open file, as the kernel has it: it lives as long as a number or an operation refers to it. */
struct file {
    struct process *process;
    int32_t number;
    uint32_t flags; /* O_* */
    struct inode *inode;
    struct socket *socket;
    char name[PATH_BYTES]; /* as it was opened */
    bool is_listener;
    bool is_closed;
    bool holds_lock;
    uint32_t operations;
};

/* An operation that the kernel has. */
struct flight {
    struct flight *next; /* of the same env */
    struct env *env;
    struct env_op op;
    struct file *file;
    uint8_t *copy; /* of the data, if it was looked at early */
    uint64_t mark;
    uint32_t sent_bytes;
    bool is_done;
    char path[PATH_BYTES];
    char path_to[PATH_BYTES];
};

struct completion {
    struct completion *next;
    struct env *env;
    struct env_done done;
};

struct env {
    struct process *process;
    uint32_t number;
    struct actor *actor;
    struct env_op queued[256];
    uint32_t queued_count;
    struct flight *flights;
    struct completion *done; /* oldest first */
    struct completion **done_last;
    bool waits;
    bool bell;
    struct env_memory registered[16];
    uint32_t registered_count;
    bool registered_refused;
    uint8_t *provided;
    uint32_t provided_count;
    uint32_t provided_bytes;
    uint32_t *free_buffers; /* a queue */
    uint32_t free_first;
    uint32_t free_count;
    uint64_t cpu_ns;
    uint32_t idle_turns; /* looks without waiting, that found nothing */
};

struct process {
    struct machine *machine;
    struct env *envs[ACTORS_MAX];
    struct file *files[FILES_MAX];
    struct process *next; /* of all that ever ran */
    struct actor *watcher;
    struct inode *lock; /* that it took */
    struct inode *kept_lock;
    uint64_t calls;
    uint64_t doom_at_call;
    int32_t doom_in; /* a step; -1: none */
    bool has_met_it; /* which is why it is doomed */
    bool is_doomed;
    bool is_dead;
};

/* Who holds which lock, and how long after its death. */
struct lock {
    struct inode *inode;
    struct process *holder;
    uint64_t until_ns;
};

enum { POISONED_BYTES = 1024 };
enum { LOCKS_MAX = 16 };

struct machine {
    struct world *world;
    struct disk *disk;
    struct net *net;
    struct env_knobs knobs;
    struct machine_counts counts;
    struct process *processes;
    struct lock locks[LOCKS_MAX];
    uint64_t boot_ns;
    int64_t wall_offset_ns;
    uint64_t drifted_until_ns;
};

static inline struct stream *chance(struct machine *machine, enum stream_name name)
{
    return world_stream(machine->world, name);
}

bool is_planted(const struct machine *machine, enum planted planted);
void complete(struct env *env, uint64_t user, int32_t result, uint32_t flags, uint64_t delay_ns);
void file_release(struct file *file);
void flight_end(struct flight *flight);
void finish(struct flight *flight, int32_t result, uint32_t flags, uint64_t delay_ns);
struct file *file_of(struct process *process, int32_t number);
int32_t file_new(struct process *process, struct file facts);
struct inode *directory_of(struct process *process, int32_t number);
bool is_misaligned(const struct flight *flight);
int32_t do_file_op(struct flight *flight);
int32_t do_path_op(struct flight *flight);
bool is_path_op(enum env_op_kind kind);
void start_file_op(struct flight *flight);
bool is_socket_op(const struct flight *flight);
void start_socket_op(struct flight *flight);
void start_cancel(struct flight *flight);
void start_stop(struct flight *flight);

#endif
