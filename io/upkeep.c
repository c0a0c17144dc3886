#include "io/upkeep.h"

#include <stdio.h>

#include "io/gate.h"
#include "io/time_text.h"

static const uint64_t SLOW_LOOK_NS = 250 * 1000 * 1000;
static const uint64_t GAUGES_NS = 100 * 1000 * 1000;

/* The second has changed: so has what answers say of the time. */
void upkeep_date(struct shard_loop *loop)
{
    uint64_t second = loop->turn.now_ns / 1000000000;
    if (second == loop->date_second)
        return;
    loop->date_second = second;
    time_text_http(loop->turn.now_ns, loop->date);
    loop->http.date = loop->admin.date = (struct text){loop->date, sizeof loop->date};
}

static void say_extended(struct shard_loop *loop)
{
    char line[128];
    snprintf(line, sizeof line,
             "deadlines end %llu s later: nobody was there to meet them, or the clock has jumped",
             (unsigned long long)(loop->turn.extended_ns / 1000000000));
    env_say_at(loop->env, ENV_WARNING, line);
}

void upkeep_turn(struct shard_loop *loop)
{
    if (loop->turn.extended_ns > 0)
        say_extended(loop);
    if (loop->turn_began < loop->slow_next)
        return;
    loop->slow_next = loop->turn_began + SLOW_LOOK_NS;
    gate_expel(loop);
    connections_cool(&loop->connections, loop->env);
}

void upkeep_gauges(struct shard_loop *loop)
{
    if (loop->turn_began < loop->gauges_next)
        return;
    loop->gauges_next = loop->turn_began + GAUGES_NS;
    struct shard_counts counts = shard_counts(loop->shard);
    metric_set(&loop->metrics, METRIC_ORDERS, counts.orders);
    metric_set(&loop->metrics, METRIC_ORDERS_MAX, counts.orders_max);
    metric_set(&loop->metrics, METRIC_SKUS, counts.skus);
    metric_set(&loop->metrics, METRIC_ORDER_BYTES, counts.order_bytes);
    metric_set(&loop->metrics, METRIC_ORDER_BYTES_MAX, counts.order_bytes_max);
    metric_set(&loop->metrics, METRIC_CELLS, counts.cells);
    metric_set(&loop->metrics, METRIC_RETRIES, counts.retries);
    metric_set(&loop->metrics, METRIC_FLIGHTS, counts.flights);
    if (++loop->gauges_noted % (1000 * 1000 * 1000 / GAUGES_NS) == 0)
        hot_forget(&loop->metrics.hot);
    metric_set(&loop->metrics, METRIC_CPU_NS, env_cpu(loop->env));
    metric_set(&loop->metrics, METRIC_ALLOCATED_BYTES, env_allocated(loop->env));
}
