#include "tests/sim/env_parts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/sometimes.h"

struct process *process_begin(struct machine *machine)
{
    struct process *process = calloc(1, sizeof *process);
    CHECK(process != NULL);
    process->machine = machine;
    process->doom_at_call = UINT64_MAX;
    process->doom_in = -1;
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

void process_doom_in(struct process *process, enum step step, struct actor *watcher)
{
    process->doom_at_call = UINT64_MAX;
    process->doom_in = (int32_t)step;
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

static void mark_step(const struct process *process, enum death death)
{
    switch (process->has_met_it ? process->doom_in : -1) {
#define X(id, kind, name, words)                                                                   \
    case id:                                                                                       \
        if (death == DEATH_KILL)                                                                   \
            SOMETIMES("round: killed while " words);                                               \
        else                                                                                       \
            SOMETIMES("round: power is cut while " words);                                         \
        break;
        STEPS(X)
#undef X
    default:
        break;
    }
}

void process_kill(struct process *process, enum death death)
{
    struct machine *machine = process->machine;
    mark_step(process, death);
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
