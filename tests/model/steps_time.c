#include "tests/model/history.h"

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

static void pass(struct history *h, const struct step *step)
{
    (void)step;
    h->shop->now_ns += draw(h, 4) == 0 ? draw(h, UINT64_C(1500) * 1000000000) : draw(h, 1000000);
    while (just_passed(h, h->shop->now_ns))
        h->shop->now_ns += TICK_NS;
    tell(h, "it is %llu ns", (unsigned long long)h->shop->now_ns);
    naive_time(&h->naive, h->shop->now_ns);
    shop_run(h->shop);
    h->codes[CODE_OK]++;
}

const struct step time_steps[] = {
    {.name = "time", .take = pass, .weight = 7, .codes = {CODE_OK, 0xffff}},
    {.name = NULL},
};
