#include "tests/sim/env_parts.h"

#include <errno.h>

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

bool is_socket_op(const struct flight *flight)
{
    return flight->op.kind == ENV_ACCEPT || flight->op.kind == ENV_RECEIVE ||
           flight->op.kind == ENV_SEND;
}

void start_socket_op(struct flight *flight)
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
void start_cancel(struct flight *flight)
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

void start_stop(struct flight *flight)
{
    struct flight *found = flight->env->flights;
    while (found != NULL &&
           (found == flight || found->op.user != flight->op.offset || !is_socket_op(found)))
        found = found->next;
    finish(flight, found != NULL ? 0 : -ENOENT, 0, 0);
    if (found != NULL)
        cancel(found);
}
