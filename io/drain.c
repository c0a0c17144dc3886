#include "io/drain.h"

#include "io/gate.h"

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

/* No new connection, no new byte; what has come in is executed and answered. */
static void begin_drain(struct shard_loop *loop)
{
    loop->draining = true;
    gate_close(loop);
}

static void drain_connections(struct shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->connections.count_max; i++) {
        struct connection *c = &loop->connections.at[i];
        if (c->phase == CONNECTION_OPEN && !c->ready && !c->waiting && c->open_commands == 0)
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
    if (!has_said_goodbye(loop))
        return false;
    if (!loop->draining)
        begin_drain(loop);
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
