#include "tools/live.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t DAY_S = 86400;

void live_begin(struct live *live, const struct plan *plan, struct player *players)
{
    *live = (struct live){.plan = plan, .players = players, .last_ns = plan->t0_ns};
    const char *no_color = getenv("NO_COLOR");
    live->terminal = isatty(STDERR_FILENO);
    live->coloured = live->terminal && (no_color == NULL || no_color[0] == '\0');
}

static void look_at_all(const struct live *live, struct progress *all)
{
    struct progress one;
    memset(all, 0, sizeof *all);
    for (uint32_t i = 0; i < live->plan->threads; i++) {
        player_look(&live->players[i], &one);
        all->offered += one.offered;
        all->answered += one.answered;
        all->sold_out += one.sold_out;
        for (int kind = 0; kind < TRACE_KINDS; kind++)
            all->by_kind[kind] += one.by_kind[kind];
        bool later = one.pass > all->pass || (one.pass == all->pass && one.at_ns > all->at_ns);
        all->at_ns = later ? one.at_ns : all->at_ns;
        all->pass = later ? one.pass : all->pass;
        for (uint32_t j = 0; j < COARSE_BUCKETS; j++)
            all->response[j] += one.response[j];
    }
}

/* How much of the run is over, by the clock of the trace. */
static double share_done(const struct live *live, const struct progress *all)
{
    const struct plan *plan = live->plan;
    uint64_t at = all->at_ns > plan->from_ns ? all->at_ns - plan->from_ns : 0;
    double share = ((double)all->pass + (double)at / (double)plan->pass_ns) / (double)plan->passes;
    return share > 1 ? 1 : share;
}

static void put_bar(const struct live *live, double share)
{
    enum { WIDTH = 24 };
    int full = (int)(share * WIDTH + 0.5);
    fputs(live->coloured ? "\033[32m" : "", stderr);
    for (int i = 0; i < WIDTH; i++)
        fputs(i < full ? "█" : "░", stderr);
    fputs(live->coloured ? "\033[0m" : "", stderr);
}

static void put_sparks(const struct live *live)
{
    static const char *const sparks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    uint64_t most = 1;
    for (uint32_t i = 0; i < live->spark_count; i++)
        most = live->sparks[i] > most ? live->sparks[i] : most;
    for (uint32_t i = 0; i < live->spark_count; i++)
        fputs(sparks[live->sparks[i] * 7 / most], stderr);
}

/* Answers a second of each operation that there has been, but for the only one. */
static void put_kinds(const struct live *live, const struct progress *all, double seconds)
{
    uint32_t kinds = 0;
    for (int kind = 0; kind < TRACE_KINDS; kind++)
        kinds += all->by_kind[kind] > 0;
    for (int kind = 0; kind < TRACE_KINDS && kinds > 1; kind++)
        if (all->by_kind[kind] > 0)
            fprintf(stderr, "  %s %.0f", trace_kind_name((enum trace_kind)kind),
                    (double)(all->by_kind[kind] - live->last.by_kind[kind]) / seconds);
}

static void add_spark(struct live *live, uint64_t rate)
{
    if (live->spark_count == LIVE_SPARKS)
        memmove(live->sparks, live->sparks + 1, (LIVE_SPARKS - 1) * sizeof *live->sparks);
    else
        live->spark_count++;
    live->sparks[live->spark_count - 1] = rate;
}

void live_show(struct live *live)
{
    struct progress all;
    uint64_t now = clock_ns();
    look_at_all(live, &all);
    if (now <= live->plan->t0_ns || now <= live->last_ns)
        return;
    double seconds = (double)(now - live->last_ns) / 1e9;
    uint64_t offered = (uint64_t)((double)(all.offered - live->last.offered) / seconds);
    uint64_t achieved = (uint64_t)((double)(all.answered - live->last.answered) / seconds);
    uint64_t clock = (live->plan->trace.head->begins_ns + all.at_ns) / 1000000000 % DAY_S;
    double share = share_done(live, &all);
    add_spark(live, achieved);
    if (live->terminal && live->shown)
        fputs("\033[3A\r\033[J", stderr);
    if (live->terminal)
        put_bar(live, share);
    fprintf(stderr,
            " %3.0f %%  %02" PRIu64 ":%02" PRIu64 ":%02" PRIu64 "  offered %" PRIu64
            "/s  achieved %" PRIu64 "/s%s",
            share * 100, clock / 3600, clock / 60 % 60, clock % 60, offered, achieved,
            live->terminal ? "\n" : "");
    fprintf(stderr, "  p50 %.2f  p99 %.2f  p99.9 %.2f ms  sold out %" PRIu64 "  ",
            (double)coarse_at(all.response, 500000) / 1e6,
            (double)coarse_at(all.response, 990000) / 1e6,
            (double)coarse_at(all.response, 999000) / 1e6, all.sold_out);
    if (live->terminal)
        put_sparks(live);
    if (live->terminal)
        fputs("\n", stderr);
    put_kinds(live, &all, seconds);
    fputs("\n", stderr);
    live->shown = true;
    live->last = all;
    live->last_ns = now;
}

void live_end(struct live *live)
{
    if (live->terminal && live->shown)
        fputs("\033[3A\r\033[J", stderr);
}
