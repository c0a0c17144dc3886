/* io/env_uring.h - persist/env.h on Linux: one io_uring per actor.
 *
 * A ring belongs to the thread that opened it: the kernel takes operations from no other. So
 * env_uring_open is called inside the actor's own thread, and everything of persist/env.h after it.
 *
 * The world is what the actors share: whose ring is whose, for the doorbells. The program lays it
 * out, zeroed, before any actor starts, and keeps it until all have returned. */
#ifndef SPATE_IO_ENV_URING_H
#define SPATE_IO_ENV_URING_H

#include "core/atomics.h"
#include "persist/env.h"

/* The shards, the helper, and whoever makes snapshots. */
enum { ENV_ACTORS_MAX = SHARDS_MAX + 2, ENV_MESSAGE_BYTES = 256 };

struct env_world {
    struct atomic64 ring[ENV_ACTORS_MAX]; /* the ring's descriptor + 1; 0: not open */
    uint64_t spin_ns;                     /* how long the first `spinners` actors look on for */
    uint32_t spinners;                    /* completions before they sleep */
    struct lines *lines;                  /* NULL: what is said goes to stderr at once */
};

/* Opens the ring of `actor` with room to queue about `queue_entries` operations between two system
 * calls. false: nothing is left open, `message` says in one line what is wrong and what to do, and
 * *exit_code how the process should end. */
bool env_uring_open(struct env_world *world, uint32_t actor, uint32_t queue_entries,
                    struct env **out, char message[ENV_MESSAGE_BYTES], int *exit_code) MUST_LOOK;

/* What is still in flight is cancelled by the kernel, and may touch its memory until then: whoever
 * needs to know cancels and reaps first. */
void env_uring_close(struct env *env);

/* io/env_system.c: whether this is an address that env_listen can read. */
bool env_address_valid(const char *address);

/* io/env_system.c: a line on stderr, or nowhere if that would make us wait. */
void env_system_say(const char *line);

#endif
