/* io/binary.h - the binary protocol on one connection: its input becomes commands, results become
 * frames.
 *
 * Whatever is wrong with a frame is answered with a FRAME_ERROR that says what, and the connection
 * ends; what is wrong with one command is that command's result. */
#ifndef SPATE_IO_BINARY_H
#define SPATE_IO_BINARY_H

#include "core/atomics.h"
#include "io/callers.h"
#include "io/connection.h"

/* What a client is told when it says hello. */
struct binary_welcome {
    struct frame_welcome body;
    char
        addresses[SHARDS_MAX * (1 + ENV_ADDRESS_BYTES_MAX)]; /* length byte, text; for each shard */
    uint32_t address_bytes;
    struct atomic64 callers; /* where those are who are welcome; 0: everybody is */
};

/* They may change while the server runs (server_callers). */
static inline const struct callers *binary_callers(const struct binary_welcome *welcome)
{
    return (const struct callers *)(uintptr_t)atomic_load(&welcome->callers);
}

/* The next command of the connection's input, to be executed before anything else is done with the
 * connection; NULL if there is none yet, or the connection is ending. Answers hellos and pings: a
 * hello with the number of the shard whose connection it is. */
const struct command *binary_next(struct connections *connections, struct env *env,
                                  struct connection *connection,
                                  const struct binary_welcome *welcome, uint32_t shard);

/* Says what is wrong, and ends the connection. */
void binary_refuse(struct connections *connections, struct env *env, struct connection *connection,
                   uint64_t request, enum frame_fault fault);

/* One more result for this turn's frame of results. */
void binary_answer(struct connections *connections, struct connection *connection,
                   const struct result *result);

/* The turn has ended: its frame of results, if there is one, is complete. */
void binary_seal(struct connection *connection);

#endif
