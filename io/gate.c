#include "io/gate.h"

#include <string.h>

#include "core/sometimes.h"
#include "io/peer.h"

static void arm(struct shard_loop *loop, uint32_t listener)
{
    env_submit(loop->env, &(struct env_op){.kind = ENV_ACCEPT,
                                           .file = loop->listeners[listener].file,
                                           .user = (uint64_t)USER_ACCEPT << USER_SHIFT | listener});
}

static void close_file(struct shard_loop *loop, int32_t file)
{
    env_submit(loop->env,
               &(struct env_op){.kind = ENV_CLOSE,
                                .file = file,
                                .user = (uint64_t)USER_END << USER_SHIFT | CONNECTION_NONE});
}

void gate_open(struct shard_loop *loop)
{
    loop->accepting = true;
    for (uint32_t i = 0; i < loop->listener_count; i++)
        arm(loop, i);
}

static void disarm(struct shard_loop *loop, uint32_t listener)
{
    env_submit(loop->env,
               &(struct env_op){.kind = ENV_CANCEL,
                                .file = loop->listeners[listener].file,
                                .user = (uint64_t)USER_END << USER_SHIFT | CONNECTION_NONE});
}

void gate_deafen(struct shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->listener_count; i++)
        if (loop->listeners[i].is_own)
            env_deafen(loop->env, loop->listeners[i].file);
}

void gate_close(struct shard_loop *loop)
{
    loop->accepting = false;
    for (uint32_t i = 0; i < loop->listener_count; i++) {
        disarm(loop, i);
        if (!loop->listeners[i].is_shared) /* or others would find it closed */
            close_file(loop, loop->listeners[i].file);
    }
}

void gate_refused(struct shard_loop *loop, const struct env_done *done)
{
    close_file(loop, (int32_t)(uint32_t)done->user);
}

/* One connection too many gets an answer before it is closed: a short one, which a new socket
 * always has room for, so nothing waits for anybody. */
static void refuse(struct shard_loop *loop, int32_t file, enum protocol protocol,
                   struct refusal *refusal, enum frame_fault fault)
{
    SOMETIMES("gate: one connection too many is refused");
    struct env_op op = {.kind = ENV_SEND,
                        .file = file,
                        .data = refusal->page,
                        .bytes = (uint32_t)strlen(refusal->page),
                        .user = (uint64_t)USER_REFUSE << USER_SHIFT | (uint32_t)file};
    if (protocol == PROTOCOL_BINARY) {
        op.data = refusal->frame;
        op.bytes = sizeof refusal->frame;
        metric_fault(&loop->metrics, fault);
    }
    env_submit(loop->env, &op);
    metric_add(&loop->metrics, METRIC_CONNECTIONS_REFUSED, 1);
}

static bool has_place(const struct shard_loop *loop, enum protocol protocol)
{
    return protocol == PROTOCOL_ADMIN ||
           loop->connections.open_count < loop->shared->options->connection_count_max;
}

/* Whoever watches over the server, and who comes through a socket of the file system, is not
 * counted. */
static bool is_counted(const struct shard_loop *loop, int32_t file, enum protocol protocol,
                       struct address *peer)
{
    return loop->shared->options->address_connections_max != 0 && protocol != PROTOCOL_ADMIN &&
           peer_address(loop->env, file, peer);
}

/* From the first moment on, a request has to arrive in time. That also ends those whose bytes and
 * reset were both there before the first receive: the kernel's multishot receive takes the bytes, and
 * waits for news of a socket that has none to give any more. */
static void let_in(struct shard_loop *loop, int32_t file, enum protocol protocol)
{
    struct address peer;
    bool counted = is_counted(loop, file, protocol, &peer);
    if (counted && connections_from(&loop->connections, &peer) >=
                       loop->shared->options->address_connections_max) {
        refuse(loop, file, protocol, &loop->shared->busy_address, FRAME_BUSY_ADDRESS);
        metric_add(&loop->metrics, METRIC_ADDRESS_REFUSED, 1);
        return;
    }
    struct connection *c = has_place(loop, protocol)
                               ? connection_open(&loop->connections, loop->env, file, protocol)
                               : NULL;
    if (c == NULL) {
        refuse(loop, file, protocol, &loop->shared->busy, FRAME_BUSY);
        return;
    }
    if (counted)
        connection_count_peer(&loop->connections, c, &peer);
    c->partial_since_ns = loop->turn_began;
    http_init(c->http, env_random(loop->env), c->walk);
    if (protocol != PROTOCOL_ADMIN && loop->http.trusted != NULL)
        peer_greet(c, loop->env, loop->http.trusted,
                   loop->shared->options->proxy_protocol[protocol]);
    metric_add(&loop->metrics, METRIC_CONNECTIONS_OPENED, 1);
}

/* Of those who wait at one socket, the kernel wakes whoever has waited longest: who has got one queues
 * up again behind the others, or all connections were the first one's. */
void gate_accepted(struct shard_loop *loop, const struct env_done *done)
{
    uint32_t listener = (uint32_t)done->user;
    loop->accepted |= done->result >= 0;
    if (done->result >= 0)
        let_in(loop, done->result, loop->listeners[listener].protocol);
    if (!(done->flags & ENV_FLAG_MORE) && loop->accepting)
        arm(loop, listener);
    else if (loop->listeners[listener].is_shared && done->result >= 0 && loop->accepting)
        disarm(loop, listener);
}

static void expire(struct shard_loop *loop, struct connection *c)
{
    if (c->protocol == PROTOCOL_BINARY)
        binary_refuse(&loop->connections, loop->env, c, 0, FRAME_LATE);
    else
        web_expire(&loop->connections, loop->env, c, http_server_of(loop, c));
    metric_add(&loop->metrics, METRIC_CONNECTIONS_LATE, 1);
}

/* Over HTTP both sides may close what is idle, and nothing is said. Who does not read would not read
 * that either. */
static void end_idle(struct shard_loop *loop, struct connection *c)
{
    if (c->output_sent != c->output_due)
        connection_break(&loop->connections, loop->env, c);
    else if (c->protocol == PROTOCOL_BINARY)
        binary_refuse(&loop->connections, loop->env, c, 0, FRAME_IDLE);
    else
        connection_end(&loop->connections, loop->env, c);
    metric_add(&loop->metrics, METRIC_CONNECTIONS_IDLE, 1);
}

void gate_expel(struct shard_loop *loop)
{
    const struct server_options *options = loop->shared->options;
    uint64_t clock = loop->turn_began;
    for (uint32_t i = 0; i < loop->connections.count_max; i++) {
        struct connection *c = &loop->connections.at[i];
        connection_lingered(&loop->connections, loop->env, c, clock);
        if (c->phase == CONNECTION_OPEN && c->partial_since_ns != 0 &&
            clock - c->partial_since_ns >= options->request_ns_max)
            expire(loop, c);
        else if (options->idle_ns_max != 0 && connection_is_idle(c, clock, options->idle_ns_max))
            end_idle(loop, c);
    }
}
