#include "tests/model/history.h"

#include "core/forget.h"

/* A deadline is met within a tick of the wheel, not at once: no moment is compared at which one has
 * just passed. */
static bool just_passed(const struct history *h, uint64_t now_ns)
{
    for (uint32_t i = h->naive.expired_to; i < h->naive.order_count; i++) {
        const struct naive_order *order = &h->naive.orders[i];
        if (naive_waits(order) && order->deadline_ns <= now_ns &&
            order->deadline_ns + TICK_NS > now_ns)
            return true;
    }
    return false;
}

/* The walk over what may leave takes its time; here it comes round without time passing. */
static void walk_round(struct history *h)
{
    for (uint32_t i = 0; i < h->shop->shard_count; i++) {
        struct shard *shard = h->shop->shards[i];
        uint32_t places = h->shop->options[i].order_count_max > h->shop->options[i].limit_count_max
                              ? 2 * (uint32_t)h->shop->options[i].order_count_max
                              : 2 * h->shop->options[i].limit_count_max;
        for (uint32_t at = 0; at < 2 * places; at += FORGET_PLACES) {
            shard->forget_next_ns = shard->window_next_ns = 0;
            h->shop->turn.now_ns = h->shop->now_ns;
            h->shop->turn.clock_ns = h->shop->clock_ns;
            shard_expire(shard, &h->shop->turn);
            shop_end_turn(h->shop, i);
        }
    }
}

void forget_over(struct history *h)
{
    naive_forget_orders(&h->naive);
    walk_round(h);
}

/* By so much, and a little more if a deadline has just passed then. */
static uint64_t pass_by(struct history *h, uint64_t ns)
{
    uint64_t began_ns = h->shop->now_ns;
    naive_forget_orders(&h->naive); /* notes when those that are over were closed */
    h->shop->now_ns += ns;
    while (just_passed(h, h->shop->now_ns))
        h->shop->now_ns += TICK_NS;
    return h->shop->now_ns - began_ns;
}

static void arrive_at(struct history *h)
{
    tell(h, "it is %llu ns", (unsigned long long)h->shop->now_ns);
    naive_time(&h->naive, h->shop->now_ns);
    shop_wake(h->shop);
    shop_run(h->shop);
    forget_over(h);
    h->codes[CODE_OK]++;
}

static void pass(struct history *h, const struct step *step)
{
    (void)step;
    uint64_t ns = draw(h, 4) == 0 ? draw(h, UINT64_C(1500) * 1000000000) : draw(h, 1000000);
    h->shop->clock_ns += pass_by(h, ns);
    arrive_at(h);
}

/* So many that no key, no transfer that is over and no window of a limit is known any more. */
static void pass_days(struct history *h, const struct step *step)
{
    (void)step;
    if (draw(h, 2) == 0)
        return;
    h->shop->clock_ns += pass_by(h, UINT64_C(250000) * 1000000000);
    naive_forget_keys(&h->naive);
    arrive_at(h);
}

/* Nobody was there, or so it seems. */
static void jump(struct history *h, const struct step *step)
{
    uint64_t ns = UINT64_C(1000000000) + draw(h, UINT64_C(1200) * 1000000000);
    (void)step;
    naive_forget_orders(&h->naive);
    naive_jump(&h->naive, ns);
    h->shop->now_ns += ns;
    /* What is more is time as usual. */
    h->shop->clock_ns += pass_by(h, 0);
    tell(h, "the clock jumps by %llu ns", (unsigned long long)ns);
    arrive_at(h);
}

const struct step time_steps[] = {
    {.name = "time", .take = pass, .weight = 7, .codes = {CODE_OK, 0xffff}},
    {.name = "time, days", .take = pass_days, .weight = 1, .codes = {CODE_OK, 0xffff}},
    {.name = "time, a jump", .take = jump, .weight = 2, .codes = {CODE_OK, 0xffff}},
    {.name = NULL},
};
