/* io/loop_memory.c - where the loop of one shard lies: one stretch, cut once. */
#include "io/cut.h"
#include "io/loop.h"
#include "io/walk.h"

const struct metrics *shard_loop_metrics(const struct shard_loop *loop)
{
    return &loop->metrics;
}

static struct connections_options connections_options(const struct server_options *options)
{
    return (struct connections_options){
        .count_max = options->connection_count_max + ADMIN_CONNECTIONS,
        .frame_bytes_max = options->frame_bytes_max,
        .receive_bytes = RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES,
        .http_bytes = sizeof(struct http),
        .walk_bytes = WALK_BYTES,
        .output_bytes = options->output_bytes,
        .pipelined_max = options->pipelined_max,
    };
}

enum { ANSWERS_BYTES = 1 << 20, OUTBOX_BYTES = 4 << 20, HTTP_COMMANDS_BYTES = 1 << 20 };

static uint32_t due_capacity(const struct server_options *options)
{
    uint32_t capacity = 4096;
    while (capacity < (options->connection_count_max + ADMIN_CONNECTIONS) * 4)
        capacity *= 2;
    return capacity;
}

/* Room for all that the mailboxes can hold, twice, beside a third that still waits and a batch of our own. */
static uint32_t requests_bytes(const struct server_options *options)
{
    return 3 * options->mailbox_bytes * options->shard_count + KEPT_BYTES_MAX;
}

static struct pile cut_pile(struct cut *cut, uint32_t bytes)
{
    return (struct pile){.at = cut_off(cut, bytes), .capacity_bytes = bytes};
}

/* `loop` takes the pieces; while only measuring, it is thrown away. */
static void lay_out(struct cut *cut, const struct server_options *options, struct shard_loop *loop)
{
    struct connections_options connections = connections_options(options);
    loop->group_memory = cut_off(cut, (size_t)GROUP_BUFFERS * options->log.group_bytes_max);
    loop->due = cut_off(cut, due_capacity(options) * sizeof *loop->due);
    loop->receive_memory = cut_off(cut, RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES);
    loop->turn.answers = cut_pile(cut, ANSWERS_BYTES);
    loop->http_commands = cut_pile(cut, HTTP_COMMANDS_BYTES);
    loop->requests = cut_pile(cut, requests_bytes(options));
    for (uint32_t to = 0; to < options->shard_count; to++)
        loop->turn.outbox[to] = cut_pile(cut, OUTBOX_BYTES);
    void *rest = cut_off(cut, connections_bytes(&connections));
    if (rest != NULL)
        connections_init(&loop->connections, rest, &connections);
}

size_t shard_loop_bytes(const struct server_options *options)
{
    struct cut cut = {0};
    struct shard_loop measured;
    cut_off(&cut, sizeof measured);
    lay_out(&cut, options, &measured);
    return cut.used_bytes;
}

struct shard_loop *shard_loop_init(void *zeroed_memory, struct shared *shared, uint32_t number,
                                   struct shard *shard)
{
    struct cut cut = {.at = zeroed_memory};
    struct shard_loop *loop = cut_off(&cut, sizeof *loop);
    lay_out(&cut, shared->options, loop);
    loop->shared = shared;
    loop->number = number;
    loop->shard = shard;
    loop->shard_count = shared->options->shard_count;
    loop->turn.shard_count = loop->shard_count;
    loop->due_mask = due_capacity(shared->options) - 1;
    loop->seen = log_watermark(shared->log);
    loop->http = (struct http_server){
        .catalogue = shared->catalogue,
        .shard = shard,
        .callers = shared->options->callers,
        .trusted = shared->options->trusted,
        .forwarded = (enum forwarded)shared->options->forwarded,
        .slot_shard = shared->slot_shard,
        .shard_count = shared->options->shard_count,
        .shard_number = number,
        .head_bytes_max = shared->options->head_bytes_max,
        .body_bytes_max = shared->options->body_bytes_max,
        .drain_status = shared->options->drain_status == DRAIN_NOT_FOUND ? 404 : 503,
        .ready = true,
        .unsynced = shared->options->log.sync == LOG_SYNC_NONE,
    };
    loop->admin = loop->http;
    loop->admin.admin = true;
    return loop;
}

void shard_loop_listen(struct shard_loop *loop, struct listener listener)
{
    CHECK(loop->listener_count < LISTENERS_MAX);
    loop->listeners[loop->listener_count++] = listener;
}
