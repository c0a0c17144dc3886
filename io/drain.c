#include "io/drain.h"

#include "io/gate.h"

static const uint64_t HALF_WAY_NS = 20 * 1000 * 1000; /* a handshake over a network */
static const uint64_t NEWCOMERS_NS = 100 * 1000 * 1000;
/* For what has begun to arrive; a connection that has never said anything may as well be none. */
static const uint64_t PATIENCE_NS = UINT64_C(1000) * 1000 * 1000;

/* For a while everything is still taken, but /readyz says no and answers ask for another connection:
 * whoever balances the load has time to look away. True: that while is over. */
static bool has_said_goodbye(struct shard_loop *loop)
{
    uint64_t clock = env_clock(loop->env);
    if (!loop->http.draining)
        loop->drain_at = clock + loop->shared->options->drain_delay_ns;
    loop->http.draining = true;
    loop->admin.draining = true;
    return clock >= loop->drain_at;
}

/* Whoever has connected already must not find the door shut, or the kernel would break the connection
 * off: nobody new is heard, and those who are half-way in are waited for. Where the listener cannot be
 * deaf, a flood of newcomers does not keep the door open for ever. True: it is shut. */
static bool has_shut_the_door(struct shard_loop *loop)
{
    uint64_t clock = env_clock(loop->env);
    if (loop->draining)
        return true;
    if (loop->came_at == 0)
        gate_deafen(loop);
    if (loop->came_at == 0 || loop->accepted)
        loop->came_at = clock;
    loop->accepted = false;
    if (clock - loop->came_at < HALF_WAY_NS && clock - loop->drain_at < NEWCOMERS_NS)
        return false;
    loop->draining = true;
    gate_close(loop);
    return true;
}

/* A request has begun, or a connection has come whose first one is under way. */
static bool may_still_ask(const struct connection *c, uint64_t clock)
{
    return c->partial_since_ns != 0 && clock - c->partial_since_ns < PATIENCE_NS;
}

static void drain_connections(struct shard_loop *loop)
{
    uint64_t clock = env_clock(loop->env);
    for (uint32_t i = 0; i < loop->connections.count_max; i++) {
        struct connection *c = &loop->connections.at[i];
        if (c->phase == CONNECTION_OPEN && !c->ready && !c->waiting && c->open_commands == 0 &&
            !may_still_ask(c, clock))
            connection_end(&loop->connections, loop->env, c);
    }
}

static bool own_work_left(const struct shard_loop *loop)
{
    for (uint32_t to = 0; to < loop->shard_count; to++)
        if (loop->turn.outbox[to].used_bytes > 0)
            return true;
    return loop->connections.open_count > 0 || loop->forwarded > 0 ||
           loop->due_head != loop->due_tail || loop->requests.used_bytes > 0 ||
           shard_counts(loop->shard).flights > 0;
}

/* True when this shard may end: nobody has work left that could reach us. */
bool drain_over(struct shard_loop *loop)
{
    struct shared *shared = loop->shared;
    loop->stop_seen = atomic_load(&shared->stop); /* pairs with server_stop, fail */
    if (loop->stop_seen == 0)
        return false;
    if (loop->stop_seen > 1)
        return true;
    if (!has_said_goodbye(loop) || !has_shut_the_door(loop))
        return false;
    drain_connections(loop);
    if (!loop->drained && !own_work_left(loop)) {
        loop->drained = true;
        if (atomic_add(&shared->drained, 1) + 1 == loop->shard_count)
            for (uint32_t to = 0; to < loop->shard_count; to++)
                env_doorbell(loop->env, to);
    }
    return atomic_load(&shared->drained) == loop->shard_count && mailboxes_empty(loop) &&
           log_is_quiet(shared->log);
}
