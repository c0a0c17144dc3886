/* persist/env.h - the seam: everything that touches the world goes through here.
 *
 * Submit an operation; reap a completion with its result and flags untouched. That is all:
 * re-arming multishots, short results, cancels, buffers and back-pressure live above. Two
 * implementations, chosen when linking: io/env_uring.c on Linux, tests/sim/env_sim.c in the
 * simulator.
 *
 * An *actor* is whoever runs by itself: a shard, or a helper that does work in the background. Each
 * has one struct env and alone may call with it. In production an actor is a thread; in the
 * simulator it is a stack that may be switched at every call below. So code above this header has
 * no statics, no thread-locals and never spins.
 *
 * Results are those of the kernel: >= 0, or a negative errno. Flags are io_uring's CQE flags.  */
#ifndef SPATE_PERSIST_ENV_H
#define SPATE_PERSIST_ENV_H

#include "core/check.h"
#include "core/values.h"

struct env;

enum env_op_kind {
    /* files; these complete once */
    ENV_OPEN, /* path below directory `file` (ENV_CWD: absolute or of the process); flags: O_*; mode
                 0600 */
    ENV_CLOSE,
    ENV_READ,   /* bytes at offset into data */
    ENV_WRITE,  /* bytes at offset from data; flags: ENV_DSYNC, ENV_REGISTERED (buffer: its number)
                 */
    ENV_FSYNC,  /* flags: ENV_DATA_ONLY; also for directories */
    ENV_RENAME, /* path to path_to, both below directory `file` */
    ENV_UNLINK,
    ENV_MKDIR,
    /* sockets */
    ENV_ACCEPT,   /* multishot on a listener; result: the connection */
    ENV_RECEIVE,  /* multishot into provided buffers (env_provide); buffer id in the flags */
    ENV_SEND,     /* all of data, MSG_WAITALL|MSG_NOSIGNAL; may still be short on error */
    ENV_CONNECT,  /* to data (struct sockaddr), bytes long */
    ENV_SHUTDOWN, /* both ways */
    ENV_CANCEL,   /* everything submitted on `file` */
    ENV_STOP,     /* the one operation whose `user` is `offset`; it completes as cancelled */
};

enum env_op_flag { ENV_DSYNC = 1 << 24, ENV_REGISTERED = 1 << 25, ENV_DATA_ONLY = 1 << 26 };

enum { ENV_CWD = -100 };

struct env_op {
    enum env_op_kind kind;
    int32_t file;
    uint32_t flags;
    uint32_t bytes;
    uint64_t offset;
    void *data;
    const char *path;
    const char *path_to;
    uint64_t user;   /* comes back in the completion; what lies behind it is the caller's */
    uint32_t buffer; /* number of a registered buffer */
};

/* A completion. `flags` are IORING_CQE_F_*: MORE alone says whether a multishot goes on. */
struct env_done {
    uint64_t user;
    int32_t result;
    uint32_t flags;
};
enum { ENV_FLAG_BUFFER = 1, ENV_FLAG_MORE = 2, ENV_BUFFER_SHIFT = 16 };

/* Queues an operation. Memory behind it must live until its completion. */
void env_submit(struct env *env, const struct env_op *op);

/* Hands queued operations to the kernel without waiting: a log write leaves before anything else.
 */
void env_flush(struct env *env);

/* Hands over what is queued, then gives at most `capacity` completions. If there are none, waits
 * for one, for a doorbell, or until env_clock reaches `until_ns` (0: does not wait). May return 0
 * early. */
uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns);

/* Whether completions may be waiting that only this actor can take; costs a load, no system call.
 */
bool env_pending(const struct env *env);

/* One operation from begin to end, for actors that have nothing else under way. (persist/env.c) */
int32_t env_do(struct env *env, const struct env_op *op) MUST_LOOK;

/* Wakes another actor if it waits in env_reap; costs a system call. */
void env_doorbell(struct env *env, uint32_t actor);

/* Registers memory for ENV_REGISTERED, once per env. 0, or a negative errno: then writes with that flag
 * are plain ones. */
struct env_memory {
    void *at;
    uint64_t bytes;
};
int32_t env_register(struct env *env, const struct env_memory *memory, uint32_t count) MUST_LOOK;

/* Keeps `file` open as long as this actor's operations are in flight, even after the process's end.
 */
int32_t env_keep(struct env *env, int32_t file) MUST_LOOK;

/* A pool of `count` buffers (a power of two) of `bytes` each for ENV_RECEIVE, once per env; then
 * gives one back after its bytes have been used. */
int32_t env_provide(struct env *env, void *memory, uint32_t count, uint32_t bytes) MUST_LOOK;
void env_give_back(struct env *env, uint32_t buffer);

/* Ends of the world that are no operations of the ring; all return >= 0 or a negative errno. */
int32_t
env_listen(struct env *env, const char *address,
           uint32_t backlog) MUST_LOOK; /* "127.0.0.1:80" or "unix:PATH"; SO_REUSEPORT; "fd:3":
                                                   a descriptor of ours that listens already */
/* From now on whoever wants to connect goes unheard, and will ask again when the listener is closed; who
 * is half-way in still comes. As far as the system can: names in the file system cannot be deaf. */
void env_deafen(struct env *env, int32_t listener);
/* Whether nobody listens there yet: sharing a port is for the shards of one server alone. */
int32_t env_vacant(struct env *env, const char *address) MUST_LOOK;
int32_t env_socket(struct env *env, const char *address, void *sockaddr_out,
                   uint32_t *bytes_out) MUST_LOOK;
/* "127.0.0.1:4242" or "unix:PATH" of a socket's own end, or of its peer's; the number of bytes. */
enum { ENV_ADDRESS_BYTES_MAX = 128 };
int32_t env_address(struct env *env, int32_t file, bool peer,
                    char out[ENV_ADDRESS_BYTES_MAX]) MUST_LOOK;
int32_t env_lock(struct env *env, int32_t file) MUST_LOOK; /* flock, exclusive, does not wait */
/* Names in a directory, sorted, one behind the other with a 0 after each; the number of names. */
int32_t env_list(struct env *env, int32_t directory, char *names,
                 uint32_t capacity_bytes) MUST_LOOK;
int64_t env_file_bytes(struct env *env, int32_t file) MUST_LOOK;
int64_t env_free_bytes(struct env *env, int32_t directory) MUST_LOOK; /* on the file system */

uint64_t env_now(struct env *env);   /* ns since the epoch; may jump */
uint64_t env_clock(struct env *env); /* ns, never backwards; for deadlines of env_reap */
uint64_t env_random(struct env *env);
uint64_t env_cpu(struct env *env); /* ns of processor time that this actor has used */
uint64_t
env_allocated(struct env *env); /* bytes that this actor ever had from malloc; 0: unknown */

/* Whether this actor, whose work can wait, has a core only while nobody else wants it, or a small share of
 * it in any case. Where the system would not let it come back to its share, it keeps that. */
void env_stand_back(struct env *env, bool far);

/* Memory that nobody needs now: its pages go back to the system. Reading it before writing gives
 * anything. */
void env_disuse(struct env *env, void *at, uint64_t bytes);

/* Memory that will be needed: has the system find its pages now. 0, or -ENOMEM. */
int32_t env_touch(struct env *env, void *at, uint64_t bytes) MUST_LOOK;

/* Marks a place where another actor may run before this one goes on; nothing in production. */
enum env_point {
    ENV_POINT_TAKE,
    ENV_POINT_PUBLISH,
    ENV_POINT_MAILBOX,
    ENV_POINT_WATERMARK,
    ENV_POINT_GATHER
};
void env_point(struct env *env, enum env_point point);

/* One line for whoever runs the server; never blocks. */
enum env_level { ENV_ERROR, ENV_WARNING, ENV_INFO, ENV_DEBUG };
void env_say_at(struct env *env, enum env_level level, const char *line);
static inline void env_say(struct env *env, const char *line)
{
    env_say_at(env, ENV_INFO, line);
}

#endif
