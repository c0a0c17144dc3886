#include "core/audit.h"

#include "tests/unit/core/shop_ask.h"

enum { SKUS = 6 };

static void order_something(struct shop *shop, const uint32_t *skus, uint32_t number)
{
    char id[16];
    struct shop_line lines[2] = {{skus[shop_random(shop) % SKUS], 1, 100},
                                 {skus[shop_random(shop) % SKUS], 2, 100}};
    snprintf(id, sizeof id, "o-%u", number);
    (void)shop_send_order(shop, id, lines, 2);
}

static uint64_t send_audit(struct shop *shop)
{
    struct command command = {0};
    shop_head(&command, OP_AUDIT, sizeof command);
    return shop_send(shop, &command);
}

/* Adds up what was on its way. */
static int64_t check_audit(struct shop *shop, uint64_t request)
{
    int64_t in_flight = 0;
    const struct result_audit *audit = (const void *)shop_answer(shop, request);
    assert_int_equal(audit->head.code, CODE_OK);
    assert_in_range(audit->count, 3, EQUATIONS_MAX);
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct result_equation *equation = &audit->equations[i];
        if (equation->left + equation->in_flight != equation->right)
            fail_msg("%s: %lld + %lld != %lld", equation->name, (long long)equation->left,
                     (long long)equation->in_flight, (long long)equation->right);
        in_flight += equation->in_flight;
    }
    return in_flight;
}

/* Orders are on their way everywhere when the audit begins, and more come while it goes on. */
static void equations_hold_at_one_moment_while_orders_go_on(void **state)
{
    (void)state;
    int64_t in_flight = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct shop *shop = shop_open(1 + (uint32_t)seed % 5, seed);
        uint32_t skus[SKUS], orders = 0;
        shop_stock_up(shop, skus, SKUS, 100000);
        for (uint32_t audit = 0; audit < 10; audit++) {
            for (uint32_t i = 0; i < 20; i++) {
                order_something(shop, skus, orders++);
                for (uint64_t steps = shop_random(shop) % 6; steps > 0; steps--)
                    (void)shop_step(shop);
            }
            uint64_t request = send_audit(shop);
            for (uint32_t i = 0; i < 20; i++) {
                order_something(shop, skus, orders++);
                for (uint64_t steps = shop_random(shop) % 6; steps > 0; steps--)
                    (void)shop_step(shop);
            }
            shop_run(shop);
            in_flight += check_audit(shop, request);
        }
        shop_close(shop);
    }
    assert_in_range(in_flight, 100, 1000000);
}

static void a_second_audit_at_the_same_time_is_told_busy(void **state)
{
    (void)state;
    struct shop *shop = shop_open(3, 1);
    uint64_t first = send_audit(shop), second = send_audit(shop);
    shop_run(shop);
    check_audit(shop, first);
    assert_int_equal(shop_answer(shop, second)->code, CODE_BUSY);
    uint64_t third = send_audit(shop);
    shop_run(shop);
    assert_int_equal(check_audit(shop, third), 0);
    shop_close(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equations_hold_at_one_moment_while_orders_go_on),
        cmocka_unit_test(a_second_audit_at_the_same_time_is_told_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
