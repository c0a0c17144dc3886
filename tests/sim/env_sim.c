#include "tests/sim/env_sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum {
    FILES_MAX = 4096,
    FIRST_FILE = 3,
    PATH_BYTES = 256,
    ACTORS_MAX = 66,
    POISON = 0xdb,
    LATE_NS_MAX = 5 * MILLISECOND_NS, /* how long the kernel works on after a kill */
};

/* An open file, as the kernel has it: it lives as long as a number or an operation refers to it. */
struct file {
    struct process *process;
    int32_t number;
    uint32_t flags; /* O_* */
    struct inode *inode;
    struct socket *socket;
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

/* 2020-11-11 00:00:00 UTC */
static const uint64_t WALL_BEGIN_NS = 1605052800ull * SECOND_NS;

static struct stream *chance(struct machine *machine, enum stream_name name)
{
    return world_stream(machine->world, name);
}

/* --- the machine --- */

struct machine *machine_open(struct world *world)
{
    struct machine *machine = calloc(1, sizeof *machine);
    CHECK(machine != NULL);
    machine->world = world;
    machine->disk = disk_open(world);
    machine->net = net_open(world);
    return machine;
}

static void env_free(struct env *env)
{
    while (env->flights != NULL) {
        struct flight *flight = env->flights;
        env->flights = flight->next;
        struct file *file = flight->file;
        if (file != NULL && --file->operations == 0 && file->is_closed)
            free(file);
        free(flight->copy);
        free(flight);
    }
    while (env->done != NULL) {
        struct completion *completion = env->done;
        env->done = completion->next;
        free(completion);
    }
    free(env->free_buffers);
    free(env);
}

void machine_close(struct machine *machine)
{
    while (machine->processes != NULL) {
        struct process *process = machine->processes;
        machine->processes = process->next;
        for (uint32_t i = 0; i < ACTORS_MAX; i++)
            if (process->envs[i] != NULL)
                env_free(process->envs[i]);
        for (int32_t i = 0; i < FILES_MAX; i++)
            free(process->files[i]);
        free(process);
    }
    net_close(machine->net);
    disk_close(machine->disk);
    free(machine);
}

struct world *machine_world(struct machine *machine)
{
    return machine->world;
}

struct disk *machine_disk(struct machine *machine)
{
    return machine->disk;
}

struct net *machine_net(struct machine *machine)
{
    return machine->net;
}

struct env_knobs *machine_knobs(struct machine *machine)
{
    return &machine->knobs;
}

uint64_t machine_wall_ns(const struct machine *machine)
{
    return WALL_BEGIN_NS + world_now(machine->world) + (uint64_t)machine->wall_offset_ns;
}

struct machine_counts machine_counts(const struct machine *machine)
{
    return machine->counts;
}

/* --- where others may run, and where the end may come --- */

static bool is_planted(const struct machine *machine, enum planted planted)
{
    return machine->knobs.planted == planted;
}

static uint64_t pause_ns(struct machine *machine)
{
    const struct world_knobs *knobs = world_knobs(machine->world);
    struct stream *schedule = chance(machine, STREAM_SCHEDULE);
    if (stream_hit(schedule, knobs->pause_one_in))
        return 1 + stream_below(schedule, knobs->pause_ns_max);
    if (stream_hit(schedule, knobs->switch_one_in))
        return 1 + stream_skewed(schedule, knobs->switch_ns_max);
    return 0;
}

static void meet_doom(struct process *process)
{
    process->is_doomed = true;
    if (process->watcher != NULL)
        world_wake(process->machine->world, process->watcher, 0);
    for (;;)
        world_sleep(process->machine->world, UINT64_MAX);
}

/* Every call of env begins here. */
static void cross(struct env *env)
{
    struct process *process = env->process;
    struct world *world = process->machine->world;
    CHECK(env->actor == NULL || world_actor(world) == env->actor);
    process->calls++;
    if (process->is_doomed || process->calls >= process->doom_at_call)
        meet_doom(process);
    uint64_t pause = pause_ns(process->machine);
    if (pause != 0)
        world_sleep(world, world_now(world) + pause);
    if (process->is_doomed)
        meet_doom(process);
}

/* --- completions --- */

static void on_completion(struct world *world, void *who, uint64_t what)
{
    struct completion *completion = who;
    struct env *env = completion->env;
    (void)what;
    if (env->process->is_dead) {
        free(completion);
        return;
    }
    world_trace(world, world_now(world) ^ (uint64_t)env->number << 56);
    world_trace(world, (uint64_t)(uint32_t)completion->done.result << 32 | completion->done.flags);
    completion->next = NULL;
    *env->done_last = completion;
    env->done_last = &completion->next;
    if (env->waits)
        world_wake(world, env->actor, 0);
}

static void complete(struct env *env, uint64_t user, int32_t result, uint32_t flags,
                     uint64_t delay_ns)
{
    struct machine *machine = env->process->machine;
    struct completion *completion = calloc(1, sizeof *completion);
    CHECK(completion != NULL);
    completion->env = env;
    completion->done = (struct env_done){.user = user, .result = result, .flags = flags};
    machine->counts.operations++;
    if (result < 0)
        machine->counts.failed_operations++;
    if (delay_ns == 0) /* at once, so that those of one multishot stay in order */
        on_completion(machine->world, completion, 0);
    else
        world_at(machine->world, world_now(machine->world) + delay_ns, on_completion, completion,
                 0);
}

static void file_release(struct file *file)
{
    if (!file->is_closed || file->operations != 0)
        return;
    if (file->socket != NULL)
        socket_close(file->socket);
    free(file);
}

static void flight_end(struct flight *flight)
{
    struct flight **place = &flight->env->flights;
    while (*place != flight)
        place = &(*place)->next;
    *place = flight->next;
    if (flight->file != NULL) {
        flight->file->operations--;
        file_release(flight->file);
    }
    free(flight->copy);
    free(flight);
}

/* The one completion of an operation, or a multishot's last. */
static void finish(struct flight *flight, int32_t result, uint32_t flags, uint64_t delay_ns)
{
    complete(flight->env, flight->op.user, result, flags, delay_ns);
    flight_end(flight);
}

/* --- descriptors --- */

static struct file *file_of(struct process *process, int32_t number)
{
    if (number < 0 || number >= FILES_MAX || process->files[number] == NULL)
        return NULL;
    return process->files[number];
}

/* The lowest free number, as the kernel does; -EMFILE. */
static int32_t file_new(struct process *process, struct file facts)
{
    int32_t number = FIRST_FILE;
    while (number < FILES_MAX && process->files[number] != NULL)
        number++;
    if (number == FILES_MAX)
        return -EMFILE;
    struct file *file = malloc(sizeof *file);
    CHECK(file != NULL);
    *file = facts;
    file->process = process;
    file->number = number;
    process->files[number] = file;
    return number;
}

static void unlock(struct machine *machine, const struct file *file)
{
    for (uint32_t i = 0; i < LOCKS_MAX; i++)
        if (file->holds_lock && machine->locks[i].inode == file->inode &&
            machine->locks[i].holder == file->process)
            machine->locks[i] = (struct lock){0};
}

static int32_t file_close(struct process *process, int32_t number)
{
    struct file *file = file_of(process, number);
    if (file == NULL)
        return -EBADF;
    process->files[number] = NULL;
    if (process->kept_lock == NULL || process->kept_lock != file->inode)
        unlock(process->machine, file);
    file->is_closed = true;
    file_release(file);
    return 0;
}

/* --- files --- */

static struct inode *directory_of(struct process *process, int32_t number)
{
    struct file *file = file_of(process, number);
    if (file != NULL && file->inode != NULL && inode_is_directory(file->inode))
        return file->inode;
    return number == ENV_CWD ? disk_root(process->machine->disk) : NULL;
}

static int32_t do_open(struct flight *flight, struct inode *directory)
{
    struct process *process = flight->env->process;
    struct inode *inode;
    int32_t result =
        disk_find(process->machine->disk, directory, flight->path, flight->op.flags, &inode);
    if (result < 0)
        return result;
    return file_new(process, (struct file){.inode = inode, .flags = flight->op.flags});
}

static bool is_misaligned(const struct flight *flight)
{
    return (flight->file->flags & O_DIRECT) != 0 &&
           (flight->op.offset % SECTOR_BYTES != 0 || flight->op.bytes % SECTOR_BYTES != 0 ||
            (uintptr_t)flight->op.data % SECTOR_BYTES != 0);
}

static int32_t do_write(struct flight *flight)
{
    struct disk *disk = flight->env->process->machine->disk;
    const void *data = flight->copy != NULL ? flight->copy : flight->op.data;
    if ((flight->file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (is_misaligned(flight))
        return -EINVAL;
    bool durable =
        ((flight->op.flags & ENV_DSYNC) != 0 || (flight->file->flags & O_DSYNC) == O_DSYNC) &&
        !is_planted(flight->env->process->machine, PLANTED_WRITE_NOT_SYNCED);
    world_trace(disk_world(disk), inode_number(flight->file->inode) ^ flight->op.offset << 8);
    world_trace_bytes(disk_world(disk), data, flight->op.bytes);
    int32_t result =
        disk_write(disk, flight->file->inode, flight->op.offset, data, flight->op.bytes, durable);
    bool overlooked = is_planted(flight->env->process->machine,
                                 result < 0 ? PLANTED_FAILED_WRITE : PLANTED_SHORT_WRITE);
    return overlooked ? (int32_t)flight->op.bytes : result;
}

static int32_t do_read(struct flight *flight)
{
    struct disk *disk = flight->env->process->machine->disk;
    if ((flight->file->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (is_misaligned(flight))
        return -EINVAL;
    return disk_read(disk, flight->file->inode, flight->op.offset, flight->op.data,
                     flight->op.bytes);
}

static int32_t do_sync(struct flight *flight)
{
    struct machine *machine = flight->env->process->machine;
    bool directory = inode_is_directory(flight->file->inode);
    if (is_planted(machine, directory ? PLANTED_DIRECTORY_NOT_SYNCED : PLANTED_FILE_NOT_SYNCED))
        return 0;
    int32_t result = disk_sync(machine->disk, flight->file->inode, flight->mark);
    return is_planted(machine, PLANTED_FAILED_SYNC) ? 0 : result;
}

static int32_t do_file_op(struct flight *flight)
{
    if (flight->file == NULL || flight->file->inode == NULL)
        return -EBADF;
    switch ((int)flight->op.kind) {
    case ENV_READ:
        return do_read(flight);
    case ENV_WRITE:
        return do_write(flight);
    default:
        return do_sync(flight);
    }
}

static int32_t do_path_op(struct flight *flight)
{
    struct process *process = flight->env->process;
    struct disk *disk = process->machine->disk;
    struct inode *directory = directory_of(process, flight->op.file);
    if (directory == NULL)
        return -EBADF;
    switch ((int)flight->op.kind) {
    case ENV_OPEN:
        return do_open(flight, directory);
    case ENV_RENAME:
        return disk_rename(disk, directory, flight->path, flight->path_to);
    case ENV_UNLINK:
        return disk_unlink(disk, directory, flight->path);
    default:
        return disk_mkdir(disk, directory, flight->path);
    }
}

static bool is_path_op(enum env_op_kind kind)
{
    return kind == ENV_OPEN || kind == ENV_RENAME || kind == ENV_UNLINK || kind == ENV_MKDIR;
}

static int32_t perform(struct flight *flight)
{
    if (flight->op.kind == ENV_CLOSE)
        return file_close(flight->env->process, flight->op.file);
    return is_path_op(flight->op.kind) ? do_path_op(flight) : do_file_op(flight);
}

static const char *const kind_names[] = {
    [ENV_OPEN] = "open",   [ENV_CLOSE] = "close",   [ENV_READ] = "read",     [ENV_WRITE] = "write",
    [ENV_FSYNC] = "fsync", [ENV_RENAME] = "rename", [ENV_UNLINK] = "unlink", [ENV_MKDIR] = "mkdir",
};

/* The moment at which a file operation takes effect; its completion may come later. */
static void on_effect(struct world *world, void *who, uint64_t what)
{
    struct flight *flight = who;
    struct machine *machine = flight->env->process->machine;
    (void)world, (void)what;
    if (flight->env->process->is_dead) {
        flight_end(flight);
        return;
    }
    world_trace(machine->world, (uint64_t)flight->op.kind << 32 | (uint32_t)flight->op.file);
    int32_t result = perform(flight);
    world_say(machine->world, "actor %u: %s %d %s +%llu %u: %d", flight->env->number,
              kind_names[flight->op.kind], flight->op.file, flight->path,
              (unsigned long long)flight->op.offset, flight->op.bytes, result);
    finish(flight, result, 0, stream_skewed(chance(machine, STREAM_DISK), 20 * MICROSECOND_NS));
}

static uint64_t disk_delay_ns(struct machine *machine)
{
    const struct disk_knobs *knobs = disk_knobs(machine->disk);
    struct stream *disk = chance(machine, STREAM_DISK);
    uint64_t delay = MICROSECOND_NS + stream_skewed(disk, knobs->latency_ns_max);
    if (stream_hit(disk, knobs->slow_one_in))
        delay += stream_below(disk, knobs->slow_ns_max);
    return delay;
}

static void start_file_op(struct flight *flight)
{
    struct machine *machine = flight->env->process->machine;
    flight->mark = disk_mark(machine->disk);
    if (flight->op.kind == ENV_WRITE && stream_hit(chance(machine, STREAM_DISK), 2)) {
        flight->copy = malloc(flight->op.bytes + 1u);
        CHECK(flight->copy != NULL);
        memcpy(flight->copy, flight->op.data, flight->op.bytes);
    }
    world_at(machine->world, world_now(machine->world) + disk_delay_ns(machine), on_effect, flight,
             0);
}

/* --- sockets --- */

static void post(struct flight *flight, int32_t result, uint32_t flags)
{
    struct machine *machine = flight->env->process->machine;
    if (stream_hit(chance(machine, STREAM_NETWORK), machine->knobs.multishot_ends_one_in)) {
        machine->counts.multishots_ended++;
        if (is_planted(machine, PLANTED_MULTISHOT))
            flags |= ENV_FLAG_MORE;
        finish(flight, result, flags, 0);
        return;
    }
    complete(flight->env, flight->op.user, result, flags | ENV_FLAG_MORE, 0);
}

/* True: something has come of it, and the flight may be over. */
static bool go_on_accepting(struct flight *flight)
{
    struct socket *end = socket_accept(flight->file->socket);
    if (end == NULL)
        return false;
    int32_t number = file_new(flight->env->process, (struct file){.socket = end});
    if (number < 0) {
        socket_close(end);
        finish(flight, number, 0, 0);
        return true;
    }
    post(flight, number, 0);
    return true;
}

static uint32_t piece_bytes(struct env *env)
{
    struct machine *machine = env->process->machine;
    struct stream *network = chance(machine, STREAM_NETWORK);
    if (stream_hit(network, machine->knobs.part_receive_one_in))
        return 1 + (uint32_t)stream_skewed(network, env->provided_bytes - 1);
    return env->provided_bytes;
}

static bool buffers_are_out(const struct env *env)
{
    uint32_t most = env->process->machine->knobs.buffers_max;
    return env->free_count == 0 || (most != 0 && env->provided_count - env->free_count >= most);
}

static bool go_on_receiving(struct flight *flight)
{
    struct env *env = flight->env;
    uint8_t nothing;
    if (buffers_are_out(env)) {
        if (!socket_is_readable(flight->file->socket))
            return false;
        env->process->machine->counts.buffers_ran_out++;
        finish(flight, -ENOBUFS, 0, 0);
        return true;
    }
    if (!socket_is_readable(flight->file->socket)) {
        int32_t result = socket_receive(flight->file->socket, &nothing, 1);
        if (result == -EAGAIN)
            return false;
        finish(flight, result, 0, 0);
        return true;
    }
    uint32_t buffer = env->free_buffers[env->free_first];
    env->free_first = (env->free_first + 1) % env->provided_count;
    env->free_count--;
    int32_t bytes =
        socket_receive(flight->file->socket, env->provided + (uint64_t)buffer * env->provided_bytes,
                       piece_bytes(env));
    CHECK(bytes > 0);
    if (is_planted(env->process->machine, PLANTED_BUFFER) &&
        stream_hit(chance(env->process->machine, STREAM_NETWORK), 50))
        env->provided[(uint64_t)buffer * env->provided_bytes] = POISON;
    post(flight, bytes, ENV_FLAG_BUFFER | buffer << ENV_BUFFER_SHIFT);
    return true;
}

static bool go_on_sending(struct flight *flight)
{
    const uint8_t *data = flight->op.data;
    uint32_t left = flight->op.bytes - flight->sent_bytes;
    int32_t sent = socket_send(flight->file->socket, data + flight->sent_bytes, left);
    if (sent == -EAGAIN)
        return false;
    if (sent < 0) {
        finish(flight, flight->sent_bytes != 0 ? (int32_t)flight->sent_bytes : sent, 0, 0);
        return true;
    }
    world_trace_bytes(flight->env->process->machine->world, data + flight->sent_bytes,
                      (size_t)sent);
    flight->sent_bytes += (uint32_t)sent;
    if (flight->sent_bytes < flight->op.bytes)
        return false;
    finish(
        flight, (int32_t)flight->sent_bytes, 0,
        stream_skewed(chance(flight->env->process->machine, STREAM_NETWORK), 10 * MICROSECOND_NS));
    return true;
}

static bool go_on(struct flight *flight)
{
    switch ((int)flight->op.kind) {
    case ENV_ACCEPT:
        return go_on_accepting(flight);
    case ENV_RECEIVE:
        return go_on_receiving(flight);
    case ENV_SEND:
        return go_on_sending(flight);
    default:
        return false;
    }
}

/* One step of the first flight on this file that can take one; false: none can. */
static bool step_any(struct file *file)
{
    for (uint32_t i = 0; i < ACTORS_MAX; i++) {
        struct env *env = file->process->envs[i];
        for (struct flight *flight = env != NULL ? env->flights : NULL; flight != NULL;
             flight = flight->next)
            if (flight->file == file && go_on(flight))
                return true;
    }
    return false;
}

static void on_socket(void *who)
{
    struct file *file = who;
    if (file->process->is_dead)
        return;
    file->operations++; /* it must not vanish under us */
    while (step_any(file))
        ;
    file->operations--;
    file_release(file);
}

static bool is_socket_op(const struct flight *flight)
{
    return flight->op.kind == ENV_ACCEPT || flight->op.kind == ENV_RECEIVE ||
           flight->op.kind == ENV_SEND;
}

static void start_socket_op(struct flight *flight)
{
    struct file *file = flight->file;
    if (file == NULL || file->socket == NULL) {
        finish(flight, file == NULL ? -EBADF : -ENOTSOCK, 0, 0);
        return;
    }
    if (flight->op.kind == ENV_SHUTDOWN) {
        file->operations++;
        finish(flight, file->is_listener ? -ENOTCONN : 0, 0, MICROSECOND_NS);
        socket_shutdown(file->socket);
        file->operations--;
        file_release(file);
        return;
    }
    socket_watch(file->socket, on_socket, file);
    on_socket(file);
}

/* Ends a flight that waits for its socket as cancelled; a send says how far it came. */
static void cancel(struct flight *flight)
{
    finish(flight, flight->sent_bytes != 0 ? (int32_t)flight->sent_bytes : -ECANCELED, 0, 0);
}

static struct flight *find_waiting(struct env *env, const struct file *file)
{
    for (struct flight *flight = env->flights; flight != NULL; flight = flight->next)
        if (flight->file == file && is_socket_op(flight))
            return flight;
    return NULL;
}

/* Cancels what this env has under way on a file, and says how many that were. */
static void start_cancel(struct flight *flight)
{
    struct file *file = flight->file;
    int32_t count = 0;
    if (file == NULL) {
        finish(flight, -EBADF, 0, 0);
        return;
    }
    for (struct flight *waiting; (waiting = find_waiting(flight->env, file)) != NULL; count++)
        cancel(waiting);
    finish(flight, count != 0 ? count : -ENOENT, 0, 0);
}

static void start_stop(struct flight *flight)
{
    struct flight *found = flight->env->flights;
    while (found != NULL &&
           (found == flight || found->op.user != flight->op.offset || !is_socket_op(found)))
        found = found->next;
    finish(flight, found != NULL ? 0 : -ENOENT, 0, 0);
    if (found != NULL)
        cancel(found);
}

/* --- submitting and reaping --- */

static void hand_over(struct env *env, const struct env_op *op)
{
    struct flight *flight = calloc(1, sizeof *flight);
    CHECK(flight != NULL);
    flight->env = env;
    flight->op = *op;
    flight->next = env->flights;
    env->flights = flight;
    if (is_path_op(op->kind))
        snprintf(flight->path, sizeof flight->path, "%s", op->path);
    if (op->kind == ENV_RENAME)
        snprintf(flight->path_to, sizeof flight->path_to, "%s", op->path_to);
    if (!is_path_op(op->kind) && op->kind != ENV_CLOSE && op->kind != ENV_STOP)
        flight->file = file_of(env->process, op->file);
    if (flight->file != NULL)
        flight->file->operations++;
    if (op->kind == ENV_CANCEL)
        start_cancel(flight);
    else if (op->kind == ENV_STOP)
        start_stop(flight);
    else if (is_socket_op(flight) || op->kind == ENV_SHUTDOWN)
        start_socket_op(flight);
    else
        start_file_op(flight);
}

static void hand_over_all(struct env *env)
{
    for (uint32_t i = 0; i < env->queued_count; i++)
        hand_over(env, &env->queued[i]);
    env->queued_count = 0;
}

/* What was refused is written plainly. */
static bool is_registered(const struct env *env, const struct env_op *op)
{
    if (env->registered_refused)
        return true;
    const struct env_memory *memory = &env->registered[op->buffer];
    const uint8_t *from = memory->at, *at = op->data;
    return op->buffer < env->registered_count && at >= from &&
           at + op->bytes <= from + memory->bytes;
}

void env_submit(struct env *env, const struct env_op *op)
{
    struct machine *machine = env->process->machine;
    cross(env);
    CHECK(op->kind != ENV_CONNECT); /* nothing above connects, so far */
    CHECK((op->flags & ENV_REGISTERED) == 0 || op->kind != ENV_WRITE || is_registered(env, op));
    env->queued[env->queued_count++] = *op;
    if (env->queued_count == sizeof env->queued / sizeof *env->queued ||
        stream_hit(chance(machine, STREAM_SCHEDULE), machine->knobs.late_hand_over_one_in))
        hand_over_all(env);
}

void env_flush(struct env *env)
{
    cross(env);
    hand_over_all(env);
}

static void wait(struct env *env, uint64_t until_ns)
{
    struct machine *machine = env->process->machine;
    if (stream_hit(chance(machine, STREAM_SCHEDULE), machine->knobs.early_return_one_in))
        return;
    env->waits = true;
    world_sleep(machine->world, until_ns == UINT64_MAX ? until_ns : until_ns + machine->boot_ns);
    env->waits = false;
}

uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns)
{
    struct world *world = env->process->machine->world;
    uint32_t count = 0;
    cross(env);
    hand_over_all(env);
    world_sleep(world, world_now(world) + 200); /* nobody turns without time passing */
    if (until_ns > env_clock(env) && env->done == NULL && !env->bell)
        wait(env, until_ns);
    if (env->process->is_doomed)
        meet_doom(env->process);
    env->bell = false;
    for (struct completion *first; count < capacity && (first = env->done) != NULL; free(first)) {
        env->done = first->next;
        if (env->done == NULL)
            env->done_last = &env->done;
        done[count++] = first->done;
    }
    return count;
}

bool env_pending(const struct env *env)
{
    return env->done != NULL;
}

static void on_bell(struct world *world, void *who, uint64_t what)
{
    struct env *env = who;
    (void)what;
    env->bell = true;
    if (!env->process->is_dead && env->waits)
        world_wake(world, env->actor, 0);
}

void env_doorbell(struct env *env, uint32_t actor)
{
    struct machine *machine = env->process->machine;
    cross(env);
    hand_over_all(env);
    CHECK(actor < ACTORS_MAX);
    if (is_planted(machine, PLANTED_DOORBELL))
        return;
    if (env->process->envs[actor] != NULL)
        world_at(machine->world,
                 world_now(machine->world) +
                     stream_skewed(chance(machine, STREAM_SCHEDULE), 5 * MICROSECOND_NS),
                 on_bell, env->process->envs[actor], 0);
}

/* --- what is registered --- */

int32_t env_register(struct env *env, const struct env_memory *memory, uint32_t count)
{
    cross(env);
    CHECK(env->registered_count == 0 && count <= 16);
    env->registered_refused = env->process->machine->knobs.no_registration;
    if (env->registered_refused)
        return -ENOMEM;
    memcpy(env->registered, memory, count * sizeof *memory);
    env->registered_count = count;
    return 0;
}

int32_t env_keep(struct env *env, int32_t number)
{
    cross(env);
    struct file *file = file_of(env->process, number);
    if (file == NULL)
        return -EBADF;
    if (!is_planted(env->process->machine, PLANTED_LOCK_NOT_KEPT))
        env->process->kept_lock = file->inode;
    return 0;
}

int32_t env_provide(struct env *env, void *memory, uint32_t count, uint32_t bytes)
{
    cross(env);
    CHECK(env->provided == NULL && count != 0 && (count & (count - 1)) == 0);
    env->provided = memory;
    env->provided_count = count;
    env->provided_bytes = bytes;
    env->free_buffers = calloc(count, sizeof *env->free_buffers);
    CHECK(env->free_buffers != NULL);
    for (uint32_t i = 0; i < count; i++)
        env->free_buffers[env->free_count++] = i;
    return 0;
}

/* Its bytes change at once: nobody may look at them any more. */
void env_give_back(struct env *env, uint32_t buffer)
{
    CHECK(buffer < env->provided_count && env->free_count < env->provided_count);
    memset(env->provided + (uint64_t)buffer * env->provided_bytes, POISON,
           env->provided_bytes < POISONED_BYTES ? env->provided_bytes : POISONED_BYTES);
    env->free_buffers[(env->free_first + env->free_count++) % env->provided_count] = buffer;
}

/* --- the other ends of the world --- */

int32_t env_listen(struct env *env, const char *address, uint32_t backlog)
{
    cross(env);
    (void)backlog;
    return file_new(env->process,
                    (struct file){.socket = net_listen(env->process->machine->net, address),
                                  .is_listener = true});
}

int32_t env_vacant(struct env *env, const char *address)
{
    (void)env, (void)address;
    return 0;
}

int32_t env_socket(struct env *env, const char *address, void *sockaddr_out, uint32_t *bytes_out)
{
    (void)env, (void)address, (void)sockaddr_out, (void)bytes_out;
    CHECK(false); /* nothing above connects, so far */
    return -ENOSYS;
}

int32_t env_address(struct env *env, int32_t number, bool peer, char out[ENV_ADDRESS_BYTES_MAX])
{
    cross(env);
    struct file *file = file_of(env->process, number);
    if (file == NULL || file->socket == NULL)
        return -EBADF;
    return snprintf(out, ENV_ADDRESS_BYTES_MAX, "%s",
                    peer ? socket_peer_address(file->socket) : socket_address(file->socket));
}

static bool is_held(const struct machine *machine, const struct lock *lock)
{
    return lock->holder != NULL &&
           (!lock->holder->is_dead || world_now(machine->world) < lock->until_ns);
}

int32_t env_lock(struct env *env, int32_t number)
{
    cross(env);
    struct machine *machine = env->process->machine;
    struct file *file = file_of(env->process, number);
    struct lock *place = NULL;
    if (file == NULL)
        return -EBADF;
    for (uint32_t i = 0; i < LOCKS_MAX; i++) {
        struct lock *lock = &machine->locks[i];
        if (!is_held(machine, lock))
            place = lock;
        else if (lock->inode == file->inode)
            return -EWOULDBLOCK;
    }
    CHECK(place != NULL);
    *place = (struct lock){.inode = file->inode, .holder = env->process};
    env->process->lock = file->inode;
    file->holds_lock = true;
    return 0;
}

int32_t env_list(struct env *env, int32_t directory, char *names, uint32_t capacity_bytes)
{
    cross(env);
    struct inode *inode = directory_of(env->process, directory);
    return inode == NULL ? -EBADF
                         : disk_list(env->process->machine->disk, inode, names, capacity_bytes);
}

int64_t env_file_bytes(struct env *env, int32_t number)
{
    cross(env);
    struct file *file = file_of(env->process, number);
    return file == NULL || file->inode == NULL ? -EBADF : (int64_t)inode_bytes(file->inode);
}

int64_t env_free_bytes(struct env *env, int32_t directory)
{
    cross(env);
    (void)directory;
    return (int64_t)disk_free_bytes(env->process->machine->disk);
}

static void drift(struct machine *machine)
{
    uint64_t now_ns = world_now(machine->world);
    int64_t passed_us = (int64_t)((now_ns - machine->drifted_until_ns) / MICROSECOND_NS);
    machine->wall_offset_ns += passed_us * machine->knobs.drift_ppm / 1000;
    machine->drifted_until_ns = now_ns;
}

uint64_t env_now(struct env *env)
{
    cross(env);
    struct machine *machine = env->process->machine;
    drift(machine);
    struct stream *clock = chance(machine, STREAM_CLOCK);
    if (stream_hit(clock, machine->knobs.wall_step_one_in)) {
        uint64_t step = stream_below(clock, machine->knobs.wall_step_ns_max);
        machine->wall_offset_ns += stream_hit(clock, 2) ? (int64_t)step : -(int64_t)step;
    }
    return machine_wall_ns(machine);
}

uint64_t env_clock(struct env *env)
{
    return world_now(env->process->machine->world) - env->process->machine->boot_ns;
}

uint64_t env_random(struct env *env)
{
    cross(env);
    return stream_next(chance(env->process->machine, STREAM_PROGRAM));
}

/* As if every call of env had taken the same. */
uint64_t env_cpu(struct env *env)
{
    return env->cpu_ns += 100;
}

/* Whoever reads it after all shall notice, by the first page at least. */
void env_disuse(struct env *env, void *at, uint64_t bytes)
{
    (void)env;
    memset(at, 0xdb, bytes < 4096 ? bytes : 4096);
}

int32_t env_touch(struct env *env, void *at, uint64_t bytes)
{
    (void)env;
    (void)at;
    (void)bytes;
    return 0;
}

uint64_t env_allocated(struct env *env)
{
    (void)env;
    return 0;
}

void env_point(struct env *env, enum env_point point)
{
    (void)point;
    cross(env);
}

void env_say_at(struct env *env, enum env_level level, const char *line)
{
    (void)level;
    cross(env);
    world_say(env->process->machine->world, "actor %u says: %s", env->number, line);
}

/* --- processes --- */

struct process *process_begin(struct machine *machine)
{
    struct process *process = calloc(1, sizeof *process);
    CHECK(process != NULL);
    process->machine = machine;
    process->doom_at_call = UINT64_MAX;
    process->next = machine->processes;
    machine->processes = process;
    return process;
}

struct env *process_env(struct process *process, uint32_t actor)
{
    CHECK(actor < ACTORS_MAX);
    if (process->envs[actor] == NULL) {
        struct env *env = calloc(1, sizeof *env);
        CHECK(env != NULL);
        env->process = process;
        env->number = actor;
        env->done_last = &env->done;
        process->envs[actor] = env;
    }
    return process->envs[actor];
}

struct actor *process_spawn(struct process *process, uint32_t actor, size_t stack_bytes,
                            void (*run)(void *argument), void *argument)
{
    struct env *env = process_env(process, actor);
    env->actor = world_spawn(process->machine->world, stack_bytes, run, argument);
    return env->actor;
}

void process_doom(struct process *process, uint64_t calls, struct actor *watcher)
{
    process->doom_at_call = process->calls + calls;
    process->watcher = watcher;
}

bool process_is_doomed(const struct process *process)
{
    return process->is_doomed;
}

uint64_t process_calls(const struct process *process)
{
    return process->calls;
}

/* A write that the dead process had under way. */
struct late_write {
    struct machine *machine;
    struct process *process;
    struct inode *inode;
    uint64_t offset;
    uint64_t power_losses; /* until now; another one, and it never arrives */
    uint32_t bytes;
    uint8_t data[];
};

/* Of its directory. */
static bool has_successor(const struct process *dead)
{
    for (uint32_t i = 0; i < LOCKS_MAX; i++) {
        const struct lock *lock = &dead->machine->locks[i];
        if (lock->inode == dead->lock && lock->holder != NULL && !lock->holder->is_dead)
            return true;
    }
    return false;
}

static void on_late_write(struct world *world, void *who, uint64_t what)
{
    struct late_write *late = who;
    (void)what;
    if (late->power_losses == late->machine->counts.power_losses) {
        world_say(world, "a late write to inode %u +%llu %u", inode_number(late->inode),
                  (unsigned long long)late->offset, late->bytes);
        CHECK(!has_successor(late->process));
        disk_write_lost(late->machine->disk, late->inode, late->offset, late->data, late->bytes);
    }
    free(late);
}

static void let_arrive_later(struct flight *flight, uint64_t at_ns)
{
    struct machine *machine = flight->env->process->machine;
    const void *data = flight->copy != NULL ? flight->copy : flight->op.data;
    struct late_write *late = malloc(sizeof *late + flight->op.bytes);
    CHECK(late != NULL);
    *late = (struct late_write){.machine = machine,
                                .process = flight->env->process,
                                .power_losses = machine->counts.power_losses,
                                .inode = flight->file->inode,
                                .offset = flight->op.offset,
                                .bytes = flight->op.bytes};
    memcpy(late->data, data, flight->op.bytes);
    world_at(machine->world, at_ns, on_late_write, late, 0);
}

static bool writes_to_file(const struct flight *flight)
{
    return flight->op.kind == ENV_WRITE && flight->file != NULL && flight->file->inode != NULL &&
           !inode_is_directory(flight->file->inode) && !is_misaligned(flight) &&
           (flight->file->flags & O_ACCMODE) != O_RDONLY;
}

/* The kernel goes on with some of what was in flight. Returns when the last of it is over. */
static uint64_t go_on_alone(struct flight *flight, enum death death)
{
    struct machine *machine = flight->env->process->machine;
    struct stream *crash = chance(machine, STREAM_CRASH);
    uint64_t at_ns = world_now(machine->world);
    if (writes_to_file(flight)) {
        at_ns += death == DEATH_KILL ? stream_skewed(crash, LATE_NS_MAX) : 0;
        if (death == DEATH_KILL)
            let_arrive_later(flight, at_ns);
        else
            disk_write_lost(machine->disk, flight->file->inode, flight->op.offset,
                            flight->copy != NULL ? flight->copy : flight->op.data,
                            flight->op.bytes);
    } else if (is_path_op(flight->op.kind) && flight->op.kind != ENV_OPEN && stream_hit(crash, 2)) {
        (void)do_path_op(flight);
    } else if (flight->op.kind == ENV_FSYNC && flight->file != NULL && stream_hit(crash, 2)) {
        (void)do_file_op(flight);
    }
    return at_ns;
}

/* Flights that have an event under way are freed by it; the others now. */
static bool has_event(const struct flight *flight)
{
    return !is_socket_op(flight);
}

static uint64_t abandon(struct env *env, enum death death)
{
    uint64_t last_ns = 0;
    for (struct flight *flight = env->flights, *next; flight != NULL; flight = next) {
        next = flight->next;
        uint64_t at_ns = go_on_alone(flight, death);
        last_ns = at_ns > last_ns ? at_ns : last_ns;
        if (!has_event(flight))
            flight_end(flight);
    }
    return last_ns;
}

static void end_locks(struct process *process, uint64_t until_ns)
{
    for (uint32_t i = 0; i < LOCKS_MAX; i++) {
        struct lock *lock = &process->machine->locks[i];
        if (lock->holder == process)
            lock->until_ns = lock->inode == process->kept_lock ? until_ns + 1 : 0;
    }
}

static void close_all(struct process *process)
{
    for (int32_t i = 0; i < FILES_MAX; i++)
        if (process->files[i] != NULL) {
            struct file *file = process->files[i];
            process->files[i] = NULL;
            if (file->socket != NULL)
                socket_watch(file->socket, NULL, NULL);
            file->is_closed = true;
            file_release(file);
        }
}

static void process_gone(struct process *process, enum death death)
{
    struct machine *machine = process->machine;
    uint64_t last_ns = world_now(machine->world);
    process->is_dead = true;
    for (uint32_t i = 0; i < ACTORS_MAX; i++) {
        struct env *env = process->envs[i];
        if (env == NULL)
            continue;
        if (env->actor != NULL)
            world_kill(machine->world, env->actor);
        uint64_t at_ns = abandon(env, death); /* looks at what lies on its stack */
        last_ns = at_ns > last_ns ? at_ns : last_ns;
        if (env->actor != NULL)
            world_bury(machine->world, env->actor);
    }
    close_all(process);
    end_locks(process, last_ns);
}

void process_kill(struct process *process, enum death death)
{
    struct machine *machine = process->machine;
    world_say(machine->world, death == DEATH_KILL ? "the process is killed" : "the power fails");
    world_trace(machine->world, world_now(machine->world) * 2 + (uint64_t)death);
    process_gone(process, death);
    if (death == DEATH_KILL) {
        machine->counts.kills++;
        return;
    }
    machine->counts.power_losses++;
    disk_lose_power(machine->disk);
    end_locks(process, 0);
}

void process_end(struct process *process)
{
    process_gone(process, DEATH_KILL);
}
