/* io/env_uring.c - operations, completions and doorbells over io_uring.
 *
 * With DEFER_TASKRUN the kernel does the work of a completion only when this thread enters with
 * GETEVENTS; until then it merely raises IORING_SQ_TASKRUN. That keeps completions out of the
 * middle of a turn, and it is why "is anything there?" (env_pending) asks for that flag and not
 * only for the completion queue. */
#include <liburing.h>

/* liburing brings <stdatomic.h>, whose macros of these names are not ours (core/atomics.h). */
#undef atomic_load
#undef atomic_store

#include "io/env_uring.h"
#include "io/lines.h"
#include "persist/start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>

_Static_assert((int)ENV_CWD == AT_FDCWD, "the kernel's");
_Static_assert((unsigned)ENV_FLAG_BUFFER == IORING_CQE_F_BUFFER, "the kernel's");
_Static_assert((unsigned)ENV_FLAG_MORE == IORING_CQE_F_MORE, "the kernel's");
_Static_assert((int)ENV_BUFFER_SHIFT == IORING_CQE_BUFFER_SHIFT, "the kernel's");

/* User data of doorbells, both ends, and of our timer; no caller's operation has them. */
#define DOORBELL (UINT64_MAX - 1)
#define ALARM    (UINT64_MAX - 2)

enum { COMPLETIONS_PER_ENTRY = 8, BUFFER_GROUP = 0, SUBMIT_TRIES = 1000 };

struct env {
    struct io_uring ring;
    struct env_world *world;
    uint32_t actor;
    struct io_uring_buf_ring *provided; /* NULL before env_provide */
    uint8_t *provided_memory;
    uint32_t provided_count;
    uint32_t provided_bytes;
    bool registered;   /* the memory of env_register */
    uint64_t alarm_ns; /* when the kernel's timer for us goes off; UINT64_MAX: it has none */
    struct __kernel_timespec alarm;
};

/* --- opening --- */

static bool kernel_is_new_enough(const struct utsname *system)
{
    unsigned major = 0, minor = 0;
    if (sscanf(system->release, "%u.%u", &major, &minor) != 2)
        return false;
    return major > 6 || (major == 6 && minor >= 1);
}

static void explain_refusal(int error, char message[ENV_MESSAGE_BYTES], int *exit_code)
{
    switch (error) {
    case EPERM:
    case EACCES:
        snprintf(message, ENV_MESSAGE_BYTES,
                 "io_uring is not permitted here: allow it in the seccomp profile (containers), or "
                 "set kernel.io_uring_disabled=0 with sysctl");
        *exit_code = EXIT_PERMISSION;
        return;
    case ENOSYS:
        snprintf(message, ENV_MESSAGE_BYTES,
                 "this kernel has no io_uring; Linux 6.1 or newer, "
                 "built with it and not filtered by seccomp, is needed");
        *exit_code = EXIT_UNAVAILABLE;
        return;
    case ENOMEM:
        snprintf(message, ENV_MESSAGE_BYTES,
                 "no memory may be locked for io_uring: raise LimitMEMLOCK (systemd) or ulimit -l");
        *exit_code = EXIT_OS;
        return;
    default:
        snprintf(message, ENV_MESSAGE_BYTES, "io_uring cannot be set up: %s", strerror(error));
        *exit_code = EXIT_OS;
        return;
    }
}

/* 0, or a negative errno. */
static int open_ring(struct io_uring *ring, uint32_t queue_entries)
{
    const unsigned common = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE |
                            IORING_SETUP_TASKRUN_FLAG;
    struct io_uring_params params = {
        .flags = common | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        .cq_entries = queue_entries * COMPLETIONS_PER_ENTRY,
    };
    int result = io_uring_queue_init_params(queue_entries, ring, &params);
    if (result != -EINVAL)
        return result;
    params = (struct io_uring_params){
        .flags = common | IORING_SETUP_COOP_TASKRUN,
        .cq_entries = queue_entries * COMPLETIONS_PER_ENTRY,
    };
    return io_uring_queue_init_params(queue_entries, ring, &params);
}

/* The name of the first operation that this kernel lacks; NULL: it has them all. */
static const char *missing_operation(struct io_uring *ring)
{
    static const struct {
        int op;
        const char *name;
    } needed[] = {
        {IORING_OP_OPENAT, "openat"},       {IORING_OP_CLOSE, "close"},
        {IORING_OP_READ, "read"},           {IORING_OP_WRITE, "write"},
        {IORING_OP_FSYNC, "fsync"},         {IORING_OP_WRITE_FIXED, "write_fixed"},
        {IORING_OP_RENAMEAT, "renameat"},   {IORING_OP_UNLINKAT, "unlinkat"},
        {IORING_OP_MKDIRAT, "mkdirat"},     {IORING_OP_ACCEPT, "accept"},
        {IORING_OP_RECV, "recv"},           {IORING_OP_SEND, "send"},
        {IORING_OP_CONNECT, "connect"},     {IORING_OP_SHUTDOWN, "shutdown"},
        {IORING_OP_ASYNC_CANCEL, "cancel"}, {IORING_OP_MSG_RING, "msg_ring"},
        {IORING_OP_TIMEOUT, "timeout"},     {IORING_OP_TIMEOUT_REMOVE, "timeout update"},
    };
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    if (probe == NULL)
        return "probe";
    const char *missing = NULL;
    for (uint32_t i = 0; i < sizeof needed / sizeof *needed && missing == NULL; i++)
        if (!io_uring_opcode_supported(probe, needed[i].op))
            missing = needed[i].name;
    io_uring_free_probe(probe);
    return missing;
}

static bool open_and_probe(struct env *env, uint32_t queue_entries, char message[ENV_MESSAGE_BYTES],
                           int *exit_code)
{
    struct utsname system;
    if (uname(&system) != 0 || !kernel_is_new_enough(&system)) {
        snprintf(message, ENV_MESSAGE_BYTES, "Linux 6.1 or newer is needed; this is %.64s",
                 system.release);
        *exit_code = EXIT_UNAVAILABLE;
        return false;
    }
    int result = open_ring(&env->ring, queue_entries);
    if (result < 0) {
        explain_refusal(-result, message, exit_code);
        return false;
    }
    const char *missing = missing_operation(&env->ring);
    if (missing != NULL) {
        snprintf(message, ENV_MESSAGE_BYTES, "this kernel's io_uring lacks the operation %s",
                 missing);
        *exit_code = EXIT_UNAVAILABLE;
        io_uring_queue_exit(&env->ring);
        return false;
    }
    return true;
}

bool env_uring_open(struct env_world *world, uint32_t actor, uint32_t queue_entries,
                    struct env **out, char message[ENV_MESSAGE_BYTES], int *exit_code)
{
    CHECK(actor < ENV_ACTORS_MAX);
    struct env *env = calloc(1, sizeof *env);
    if (env == NULL) {
        explain_refusal(ENOMEM, message, exit_code);
        return false;
    }
    if (!open_and_probe(env, queue_entries, message, exit_code)) {
        free(env);
        return false;
    }
    /* Saves the look-up of the descriptor at every enter; where it is refused all works without. */
    (void)io_uring_register_ring_fd(&env->ring);
    env->world = world;
    env->actor = actor;
    env->alarm_ns = UINT64_MAX;
    atomic_store(&world->ring[actor], (uint64_t)env->ring.ring_fd + 1); /* env_doorbell loads it */
    *out = env;
    return true;
}

void env_uring_close(struct env *env)
{
    atomic_store(&env->world->ring[env->actor], 0);
    io_uring_queue_exit(&env->ring);
    if (env->provided != NULL)
        munmap(env->provided, env->provided_count * sizeof(struct io_uring_buf));
    free(env);
}

/* --- the line to whoever runs the server --- */

void env_say_at(struct env *env, enum env_level level, const char *line)
{
    if (env->world->lines != NULL)
        lines_put(env->world->lines, env->actor, level, env_now(env), line);
    else
        env_system_say(line);
}

/* --- operations and completions --- */

static bool kernel_has_work(const struct env *env)
{
    const unsigned *flags = env->ring.sq.kflags;
    return (IO_URING_READ_ONCE(*flags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/* Short of memory or disturbed by a signal, the kernel leaves operations in the queue; the next
 * call hands them over. All else would lose operations or completions. */
static void check_entered(int result)
{
    CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY ||
          result == -ETIME);
}

static void enter(struct env *env)
{
    if (io_uring_sq_ready(&env->ring) != 0 || kernel_has_work(env))
        check_entered(io_uring_submit_and_get_events(&env->ring));
}

static struct io_uring_sqe *next_entry(struct env *env)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&env->ring);
    for (uint32_t tries = 0; entry == NULL; tries++) {
        CHECK(tries < SUBMIT_TRIES);
        if (tries > 0)
            sched_yield(); /* the kernel is short of memory for now */
        enter(env);
        entry = io_uring_get_sqe(&env->ring);
    }
    return entry;
}

static void prepare_write(struct io_uring_sqe *entry, const struct env_op *op, bool registered)
{
    if (registered && (op->flags & ENV_REGISTERED) != 0)
        io_uring_prep_write_fixed(entry, op->file, op->data, op->bytes, op->offset,
                                  (int)op->buffer);
    else
        io_uring_prep_write(entry, op->file, op->data, op->bytes, op->offset);
    if ((op->flags & ENV_DSYNC) != 0)
        entry->rw_flags = RWF_DSYNC;
}

static void prepare_receive(struct io_uring_sqe *entry, const struct env_op *op)
{
    io_uring_prep_recv_multishot(entry, op->file, NULL, 0, 0);
    entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = BUFFER_GROUP;
}

static void prepare(struct io_uring_sqe *entry, const struct env_op *op, bool registered)
{
    switch (op->kind) {
    case ENV_OPEN:
        io_uring_prep_openat(entry, op->file, op->path, (int)op->flags, 0600);
        return;
    case ENV_CLOSE:
        io_uring_prep_close(entry, op->file);
        return;
    case ENV_READ:
        io_uring_prep_read(entry, op->file, op->data, op->bytes, op->offset);
        return;
    case ENV_WRITE:
        prepare_write(entry, op, registered);
        return;
    case ENV_FSYNC:
        io_uring_prep_fsync(entry, op->file,
                            (op->flags & ENV_DATA_ONLY) != 0 ? IORING_FSYNC_DATASYNC : 0);
        return;
    case ENV_RENAME:
        io_uring_prep_renameat(entry, op->file, op->path, op->file, op->path_to, 0);
        return;
    case ENV_UNLINK:
        io_uring_prep_unlinkat(entry, op->file, op->path, 0);
        return;
    case ENV_MKDIR:
        io_uring_prep_mkdirat(entry, op->file, op->path, 0700);
        return;
    case ENV_ACCEPT:
        io_uring_prep_multishot_accept(entry, op->file, NULL, NULL, SOCK_CLOEXEC);
        return;
    case ENV_RECEIVE:
        prepare_receive(entry, op);
        return;
    case ENV_SEND:
        io_uring_prep_send(entry, op->file, op->data, op->bytes, MSG_WAITALL | MSG_NOSIGNAL);
        return;
    case ENV_CONNECT:
        io_uring_prep_connect(entry, op->file, op->data, op->bytes);
        return;
    case ENV_SHUTDOWN:
        io_uring_prep_shutdown(entry, op->file, SHUT_RDWR);
        return;
    case ENV_CANCEL:
        io_uring_prep_cancel_fd(entry, op->file, IORING_ASYNC_CANCEL_ALL);
        return;
    case ENV_STOP:
        io_uring_prep_cancel64(entry, op->offset, 0);
        return;
    }
}

void env_submit(struct env *env, const struct env_op *op)
{
    CHECK(op->user < ALARM && op->kind <= ENV_STOP);
    struct io_uring_sqe *entry = next_entry(env);
    prepare(entry, op, env->registered);
    io_uring_sqe_set_data64(entry, op->user);
}

void env_flush(struct env *env)
{
    if (io_uring_sq_ready(&env->ring) != 0)
        check_entered(io_uring_submit(&env->ring));
}

/* The kernel's timer for us goes off at `until_ns` or earlier. It is set only when a wait is to end before
 * it, and never cancelled: setting the processor's timer can cost a virtual machine more than all else that
 * a short wait does. So whoever is woken again and again sets it once in the time of a whole wait. */
static void set_alarm(struct env *env, uint64_t until_ns)
{
    if (env->alarm_ns <= until_ns)
        return;
    uint64_t now_ns = env_clock(env); /* the kernel's own may differ: a namespace can shift ours */
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct io_uring_sqe *entry = next_entry(env);
    env->alarm = (struct __kernel_timespec){.tv_sec = (int64_t)(left_ns / 1000000000u),
                                            .tv_nsec = (int64_t)(left_ns % 1000000000u)};
    if (env->alarm_ns == UINT64_MAX) {
        io_uring_prep_timeout(entry, &env->alarm, 0, 0);
        io_uring_sqe_set_data64(entry, ALARM);
    } else {
        io_uring_prep_timeout_update(entry, &env->alarm, ALARM, 0);
        io_uring_sqe_set_data64(entry, DOORBELL); /* it fails if the timer goes off just now */
        entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    env->alarm_ns = until_ns;
}

static void wait_until(struct env *env, uint64_t until_ns)
{
    set_alarm(env, until_ns);
    check_entered(io_uring_submit_and_wait(&env->ring, 1));
}

static uint32_t take_completions(struct env *env, struct env_done *done, uint32_t capacity)
{
    uint32_t count = 0, seen = 0;
    unsigned head;
    struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&env->ring, head, completion)
    {
        if (count == capacity)
            break;
        seen++;
        if (completion->user_data == ALARM)
            env->alarm_ns = UINT64_MAX;
        else if (completion->user_data != DOORBELL)
            done[count++] = (struct env_done){.user = completion->user_data,
                                              .result = completion->res,
                                              .flags = completion->flags};
    }
    io_uring_cq_advance(&env->ring, seen);
    return count;
}

/* Waking up takes longer than many a wait. */
static bool comes_soon(struct env *env, uint64_t until_ns)
{
    if (env->actor >= env->world->spinners)
        return false;
    uint64_t end_ns = env_clock(env) + env->world->spin_ns;
    if (end_ns > until_ns)
        end_ns = until_ns;
    do {
        enter(env);
        if (io_uring_cq_ready(&env->ring) != 0)
            return true;
    } while (env_clock(env) < end_ns);
    return false;
}

uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns)
{
    if (until_ns == 0 || io_uring_cq_ready(&env->ring) != 0)
        enter(env);
    else if (!comes_soon(env, until_ns))
        wait_until(env, until_ns);
    return take_completions(env, done, capacity);
}

bool env_pending(const struct env *env)
{
    return io_uring_cq_ready(&env->ring) != 0 || kernel_has_work(env);
}

/* Our own completion is left out if it succeeds; a failure means that the target has closed or is
 * flooded with completions, and needs no bell. */
void env_doorbell(struct env *env, uint32_t actor)
{
    uint64_t ring = atomic_load(&env->world->ring[actor]); /* env_uring_open stores it */
    if (ring == 0)
        return;
    struct io_uring_sqe *entry = next_entry(env);
    io_uring_prep_msg_ring(entry, (int)(ring - 1), 0, DOORBELL, 0);
    io_uring_sqe_set_data64(entry, DOORBELL);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    env_flush(env);
}

/* --- what is registered with the ring --- */

int32_t env_register(struct env *env, const struct env_memory *memory, uint32_t count)
{
    enum { REGISTERED_MAX = 16 };
    CHECK(count <= REGISTERED_MAX);
    struct iovec parts[REGISTERED_MAX];
    for (uint32_t i = 0; i < count; i++)
        parts[i] = (struct iovec){.iov_base = memory[i].at, .iov_len = memory[i].bytes};
    int result = io_uring_register_buffers(&env->ring, parts, count);
    env->registered = result == 0;
    return result;
}

int32_t env_keep(struct env *env, int32_t file)
{
    return io_uring_register_files(&env->ring, &file, 1);
}

int32_t env_provide(struct env *env, void *memory, uint32_t count, uint32_t bytes)
{
    CHECK(env->provided == NULL && count != 0 && (count & (count - 1)) == 0);
    size_t ring_bytes = count * sizeof(struct io_uring_buf);
    void *ring = mmap(NULL, ring_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (ring == MAP_FAILED)
        return -errno;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)ring, .ring_entries = count, .bgid = BUFFER_GROUP};
    int result = io_uring_register_buf_ring(&env->ring, &registration, 0);
    if (result < 0) {
        munmap(ring, ring_bytes);
        return result;
    }
    env->provided = ring;
    env->provided_memory = memory;
    env->provided_count = count;
    env->provided_bytes = bytes;
    for (uint32_t i = 0; i < count; i++)
        env_give_back(env, i);
    return 0;
}

void env_give_back(struct env *env, uint32_t buffer)
{
    CHECK(buffer < env->provided_count);
    io_uring_buf_ring_add(env->provided,
                          env->provided_memory + (uint64_t)buffer * env->provided_bytes,
                          env->provided_bytes, (unsigned short)buffer,
                          io_uring_buf_ring_mask(env->provided_count), 0);
    io_uring_buf_ring_advance(env->provided, 1);
}
