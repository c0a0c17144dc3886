/* io/shard_loop.h - the HOT PATH: one shard's turns, from bytes to durable answers.
 *
 * Reads from top to bottom in shard_loop.c: reap ─▶ read mailboxes ─▶ take commands ─▶ decide and
 * apply (core/shard.h) ─▶ take the sequence ─▶ publish messages ─▶ publish the group ─▶ write
 * answers, which leave when the watermark has reached what they have seen. */
#ifndef SPATE_IO_SHARD_LOOP_H
#define SPATE_IO_SHARD_LOOP_H

#include "core/atomics.h"
#include "core/shard.h"
#include "io/binary.h"
#include "io/connection.h"
#include "io/mailbox.h"
#include "io/metrics.h"
#include "io/server.h"
#include "io/web.h"
#include "persist/log.h"

struct recall;

/* What the shards of one server share. Everything but the atomics is fixed before they run. */
struct shared {
    const struct server_options *options;
    struct log *log;
    struct catalogue *catalogue;
    struct mailbox *mailboxes[SHARDS_MAX][SHARDS_MAX]; /* [from][to] */
    struct recall *recall;                             /* whom questions about the past go to */
    uint8_t slot_shard[SLOT_COUNT];
    struct binary_welcome welcome;
    struct web_pages pages;
    struct refusal { /* to a connection too many */
        _Alignas(8) uint8_t frame[sizeof(struct frame) + sizeof(struct frame_error)];
        char page[512];
    } busy, busy_address;
    struct shared_flag {
        _Alignas(128) struct atomic64 value;
    } sleeping[SHARDS_MAX]; /* 1: set by the sleeper, taken back by whoever rings it */
    struct rules_offer {
        struct atomic64 offered; /* how many there have been; by whoever puts rules */
        struct atomic64 taken;   /* how many of them; by the topology's owner */
        _Alignas(8) uint8_t command[sizeof(struct rules_put) + RULES_BYTES_MAX];
    } rules;
    struct atomic64 pace;    /* io/pace.h, of each shard; by whoever makes snapshots */
    struct atomic64 stop;    /* 1: drain, 2: at once; written by server_stop */
    struct atomic64 drained; /* shards that have nothing of their own left to do */
    struct atomic64 failure; /* exit code of the process, once something failed */
};

struct listener {
    int32_t file;
    enum protocol protocol;
    bool is_own;    /* opened for this shard alone: nobody else's when it is closed */
    bool is_shared; /* other shards wait at the same socket */
};

enum { LISTENERS_MAX = 4, RECEIVE_BUFFERS = 256, RECEIVE_BUFFER_BYTES = 16384, GROUP_BUFFERS = 16 };

struct shard_loop;

size_t shard_loop_bytes(const struct server_options *options);
struct shard_loop *shard_loop_init(void *zeroed_memory, struct shared *shared, uint32_t number,
                                   struct shard *shard);
void shard_loop_listen(struct shard_loop *loop, struct listener listener);

/* Runs in the shard's own thread until the server has drained or failed; the exit code. */
int shard_loop_run(struct shard_loop *loop, struct env *env);

/* Written by the shard, read by anybody. */
const struct metrics *shard_loop_metrics(const struct shard_loop *loop);

#endif
