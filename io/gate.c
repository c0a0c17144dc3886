#include "io/gate.h"

#include <string.h>

#include "core/sometimes.h"

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

void gate_close(struct shard_loop *loop)
{
    loop->accepting = false;
    for (uint32_t i = 0; i < loop->listener_count; i++)
        env_submit(loop->env,
                   &(struct env_op){.kind = ENV_CANCEL,
                                    .file = loop->listeners[i].file,
                                    .user = (uint64_t)USER_END << USER_SHIFT | CONNECTION_NONE});
}

void gate_refused(struct shard_loop *loop, const struct env_done *done)
{
    close_file(loop, (int32_t)(uint32_t)done->user);
}

static bool has_place(const struct shard_loop *loop, enum protocol protocol)
{
    return protocol == PROTOCOL_ADMIN ||
           loop->connections.open_count < loop->shared->options->connection_count_max;
}

/* One connection too many gets an answer before it is closed: a short one, which a new socket
 * always has room for, so nothing waits for anybody. */
static void refuse_connection(struct shard_loop *loop, int32_t file, enum protocol protocol)
{
    SOMETIMES("gate: one connection too many is refused");
    struct shared *shared = loop->shared;
    struct env_op op = {.kind = ENV_SEND,
                        .file = file,
                        .data = shared->busy_page,
                        .bytes = (uint32_t)strlen(shared->busy_page),
                        .user = (uint64_t)USER_REFUSE << USER_SHIFT | (uint32_t)file};
    if (protocol == PROTOCOL_BINARY) {
        op.data = shared->busy_frame;
        op.bytes = sizeof shared->busy_frame;
    }
    env_submit(loop->env, &op);
    metric_add(&loop->metrics, METRIC_CONNECTIONS_REFUSED, 1);
}

/* From the first moment on, a request has to arrive in time. That also ends those whose bytes and
 * reset were both there before the first receive: the kernel's multishot receive takes the bytes, and
 * waits for news of a socket that has none to give any more. */
static void open_connection(struct shard_loop *loop, int32_t file, enum protocol protocol)
{
    struct connection *c = has_place(loop, protocol)
                               ? connection_open(&loop->connections, loop->env, file, protocol)
                               : NULL;
    if (c == NULL) {
        refuse_connection(loop, file, protocol);
        return;
    }
    c->partial_since_ns = loop->turn_began;
    http_init(c->http, env_random(loop->env), c->walk);
    if (protocol == PROTOCOL_HTTP && loop->http.trusted != NULL)
        web_greet(c, loop->env, loop->http.trusted, loop->shared->options->proxy_protocol);
    metric_add(&loop->metrics, METRIC_CONNECTIONS_OPENED, 1);
}

void gate_accepted(struct shard_loop *loop, const struct env_done *done)
{
    uint32_t listener = (uint32_t)done->user;
    if (done->result >= 0)
        open_connection(loop, done->result, loop->listeners[listener].protocol);
    if (!(done->flags & ENV_FLAG_MORE) && loop->accepting)
        arm(loop, listener);
}

void gate_expel(struct shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->connections.count_max; i++) {
        struct connection *c = &loop->connections.at[i];
        connection_lingered(&loop->connections, loop->env, c, loop->turn_began);
        if (c->phase != CONNECTION_OPEN || c->partial_since_ns == 0 ||
            loop->turn_began - c->partial_since_ns < loop->shared->options->request_ns_max)
            continue;
        if (c->protocol == PROTOCOL_BINARY)
            connection_end(&loop->connections, loop->env, c);
        else
            web_expire(&loop->connections, loop->env, c, http_server_of(loop, c));
    }
}
