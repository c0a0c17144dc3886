#include "tests/sim/env_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- where others may run, and where the end may come --- */

bool is_planted(const struct machine *machine, enum planted planted)
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

void complete(struct env *env, uint64_t user, int32_t result, uint32_t flags, uint64_t delay_ns)
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

void file_release(struct file *file)
{
    if (!file->is_closed || file->operations != 0)
        return;
    if (file->socket != NULL)
        socket_close(file->socket);
    free(file);
}

void flight_end(struct flight *flight)
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
void finish(struct flight *flight, int32_t result, uint32_t flags, uint64_t delay_ns)
{
    complete(flight->env, flight->op.user, result, flags, delay_ns);
    flight_end(flight);
}

/* --- submitting and reaping --- */

static bool is_step(const struct flight *flight, int32_t step)
{
    static const struct {
        enum env_op_kind kind;
        const char *name;
    } steps[] = {
#define X(id, kind, name, words) [id] = {kind, name},
        STEPS(X)
#undef X
    };
    if (step < 0 || flight->op.kind != steps[step].kind)
        return false;
    const char *name = flight->file != NULL ? flight->file->name : flight->path;
    return strncmp(name, steps[step].name, strlen(steps[step].name)) == 0;
}

/* It is under way now; the next call of anybody is the process's last. */
static void doom_in_step(const struct flight *flight)
{
    struct process *process = flight->env->process;
    if (process->is_doomed || !is_step(flight, process->doom_in))
        return;
    process->is_doomed = process->has_met_it = true;
    world_wake(process->machine->world, process->watcher, 0);
}

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
    doom_in_step(flight);
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

/* Who finds nothing again and again, and never waits for anything, burns a core. */
static void check_idle(struct env *env, uint64_t began_ns)
{
    bool is_idle =
        env->done == NULL && world_now(env->process->machine->world) - began_ns <= MICROSECOND_NS;
    env->idle_turns = is_idle ? env->idle_turns + 1 : 0;
    CHECK(env->idle_turns < IDLE_TURNS_MAX);
}

uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns)
{
    struct world *world = env->process->machine->world;
    uint32_t count = 0;
    cross(env);
    hand_over_all(env);
    uint64_t began = world_now(world);
    world_sleep(world, began + 200); /* nobody turns without time passing */
    if (until_ns > env_clock(env) && env->done == NULL && !env->bell)
        wait(env, until_ns);
    check_idle(env, began);
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

void env_deafen(struct env *env, int32_t listener)
{
    cross(env);
    socket_deafen(file_of(env->process, listener)->socket);
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

void env_stand_back(struct env *env, bool far)
{
    (void)env;
    (void)far;
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
