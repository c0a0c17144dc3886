#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

#include "core/shard_state.h"

/* The first SKU of a shard. */
static uint32_t sku_of_shard(struct shop *shop, uint32_t shard, uint64_t units)
{
    for (uint32_t i = 0;; i++) {
        char code[16];
        snprintf(code, sizeof code, "own-%u", i);
        uint32_t sku = shop_sku(shop, code);
        if (shop->slot_shard[sku_slot(sku)] != shard)
            continue;
        shop_receive(shop, sku, "w1", units);
        return sku;
    }
}

/* An id whose home is that shard. */
static const char *id_of_shard(const struct shop *shop, uint32_t shard, char out[16])
{
    for (uint32_t i = 0;; i++) {
        snprintf(out, 16, "id-%u-%u", i, (uint32_t)shop->request);
        struct text id = {out, (uint32_t)strlen(out)};
        if (shop->slot_shard[hash_slot(key_hash(id))] == shard)
            return out;
    }
}

static void nobody_passes_an_older_waiter(void **state)
{
    (void)state;
    struct shop *shop = shop_open(2, 1);
    shop_warehouse(shop, "w1", 1);
    uint32_t low = sku_of_shard(shop, 0, 10);
    uint32_t high = sku_of_shard(shop, 1, 4);
    char first[16];
    char second[16];
    char third[16];
    /* The first holds 2 of 4 for a moment; the second wants 3 and must wait; the third wants 2 and
     * could have them at once. */
    const struct shop_line two[] = {{low, 11, 1}, {high, 2, 1}};
    const struct shop_line three = {high, 3, 1};
    const struct shop_line small = {high, 2, 1};
    uint64_t refused =
        shop_send_order(shop, id_of_shard(shop, 1, first), two, 2); /* short on shard 0 */
    uint64_t waits = shop_send_order(shop, id_of_shard(shop, 1, second), &three, 1);
    uint64_t late = shop_send_order(shop, id_of_shard(shop, 1, third), &small, 1);
    shop_run(shop);
    assert_int_equal(shop_answer(shop, refused)->code, CODE_OUT_OF_STOCK);
    assert_int_equal(shop_answer(shop, waits)->code, CODE_CREATED);
    assert_int_equal(shop_answer(shop, late)->code, CODE_OUT_OF_STOCK);
    shop_audit(shop);
    shop_close(shop);
}

/* Two orders hold 2 of 4 each until shard 0 refuses them, one after the other; behind them 3 are waited
 * for, and behind those 2. */
static void who_waits_is_served_in_order_of_arrival(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        if (shop->shard_count == 1)
            continue;
        char id[16];
        uint64_t requests[4];
        shop_warehouse(shop, "w1", 1);
        uint32_t low = sku_of_shard(shop, 0, 10);
        uint32_t high = sku_of_shard(shop, 1, 4);
        const struct shop_line two[] = {{low, 11, 1}, {high, 2, 1}};
        const struct shop_line three = {high, 3, 1};
        for (uint32_t i = 0; i < 4; i++) {
            const struct shop_line *lines = i < 2 ? two : i == 2 ? &three : &two[1];
            requests[i] = shop_send_order(shop, id_of_shard(shop, 1, id), lines, i < 2 ? 2 : 1);
        }
        shop_run(shop);
        assert_int_equal(shop_answer(shop, requests[0])->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_answer(shop, requests[1])->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_answer(shop, requests[2])->code, CODE_CREATED);
        assert_int_equal(shop_answer(shop, requests[3])->code, CODE_OUT_OF_STOCK);
    }
}

/* ---- queues ------------------------------------------------------------------------------------ */

/* SKUs 1 .. 3 of a shard, and somebody who waits for some of them: "13" wants the first and the third,
 * the third on two lines. */
struct queues {
    struct shop *shop;
    struct waiters *waiters;
    uint32_t skus[3];
};

static uint32_t wait_for(const struct queues *queues, const char *which)
{
    struct hold_line lines[4] = {0};
    struct hold_ask ask = {.ordered = true};
    for (; *which != 0; which++) {
        lines[ask.line_count++].sku = queues->skus[*which - '1'];
        if (*which == '3')
            lines[ask.line_count++].sku = queues->skus[2];
    }
    assert_true(waiters_add(queues->waiters, &ask, lines));
    uint32_t place = stock_sku_at(queues->waiters->stock, lines[0].sku)->wait_last;
    return waiters_place(queues->waiters, place)->waiter;
}

static struct queues queues_open(void)
{
    struct queues queues = {.shop = shop_open(1, 1)};
    queues.waiters = &queues.shop->shards[0]->waiters;
    shop_stock_up(queues.shop, queues.skus, 3, 1);
    return queues;
}

static void assert_queue(const struct queues *queues, uint32_t sku, const uint32_t *waiters)
{
    uint32_t place = waiters_first(queues->waiters, queues->skus[sku - 1]);
    for (; *waiters != 0; waiters++) {
        assert_int_not_equal(place, 0);
        assert_int_equal(waiters_place(queues->waiters, place)->waiter, *waiters);
        place = waiters_place(queues->waiters, place)->next;
    }
    assert_int_equal(place, 0);
}
#define QUEUE(...) ((const uint32_t[]){__VA_ARGS__, 0})

static void a_change_concerns_those_who_wait_for_that_sku_and_nobody_else(void **state)
{
    (void)state;
    struct queues q = queues_open();
    uint32_t a = wait_for(&q, "13"), b = wait_for(&q, "2"), c = wait_for(&q, "23");
    assert_queue(&q, 1, QUEUE(a));
    assert_queue(&q, 2, QUEUE(b, c));
    assert_queue(&q, 3, QUEUE(a, c));
    assert_false(waiters_have_changed(q.waiters));
    waiters_changed(q.waiters, q.skus[1]);
    waiters_changed(q.waiters, q.skus[1]);
    assert_int_equal(waiters_take_changed(q.waiters), q.skus[1]);
    assert_false(waiters_have_changed(q.waiters));
    shop_close(q.shop);
}

static void who_is_behind_somebody_older_is_not_next(void **state)
{
    (void)state;
    struct queues q = queues_open();
    uint32_t a = wait_for(&q, "13"), b = wait_for(&q, "2"), c = wait_for(&q, "23");
    assert_true(waiters_is_next(q.waiters, a));
    assert_true(waiters_is_next(q.waiters, b));
    assert_false(waiters_is_next(q.waiters, c));
    waiters_remove(q.waiters, b);
    assert_false(waiters_is_next(q.waiters, c)); /* a wants the third as well */
    assert_queue(&q, 2, QUEUE(c));
    waiters_remove(q.waiters, a);
    assert_true(waiters_is_next(q.waiters, c));
    assert_queue(&q, 3, QUEUE(c));
    shop_close(q.shop);
}

static void who_leaves_changes_its_skus_for_those_behind_it(void **state)
{
    (void)state;
    struct queues q = queues_open();
    uint32_t a = wait_for(&q, "13"), b = wait_for(&q, "3");
    waiters_remove(q.waiters, a);
    assert_int_equal(waiters_take_changed(q.waiters), q.skus[2]);
    assert_false(waiters_have_changed(q.waiters)); /* nobody is left who wants the first */
    waiters_remove(q.waiters, b);
    assert_false(waiters_have_changed(q.waiters));
    assert_int_equal(q.waiters->count, 0);
    shop_close(q.shop);
}

static void a_full_list_takes_nobody(void **state)
{
    (void)state;
    struct queues q = queues_open();
    for (uint32_t i = 0; i < WAITERS_MAX; i++)
        wait_for(&q, "1");
    const struct hold_line line = {.sku = q.skus[0]};
    const struct hold_ask ask = {.line_count = 1};
    assert_false(waiters_add(q.waiters, &ask, &line));
    shop_close(q.shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_passes_an_older_waiter),
        cmocka_unit_test(who_waits_is_served_in_order_of_arrival),
        cmocka_unit_test(a_change_concerns_those_who_wait_for_that_sku_and_nobody_else),
        cmocka_unit_test(who_is_behind_somebody_older_is_not_next),
        cmocka_unit_test(who_leaves_changes_its_skus_for_those_behind_it),
        cmocka_unit_test(a_full_list_takes_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
