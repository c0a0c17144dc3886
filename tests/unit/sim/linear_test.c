#include "tests/unit/test.h"

#include <string.h>

#include "core/order.h"
#include "tests/sim/linear.h"

/* Each history is told as it happened: a question, an answer, ... */
struct told {
    struct linear history;
    uint32_t wishes;
};

static uint32_t ask(struct told *told, enum linear_op op)
{
    return linear_ask(&told->history, op, told->wishes++);
}

static void hear(struct told *told, uint32_t step, enum code code, uint32_t version)
{
    struct linear_answer answer = {code,
                                   version,
                                   LINEAR_SAYS_NOTHING,
                                   LINEAR_SAYS_NOTHING,
                                   LINEAR_SAYS_NOTHING,
                                   LINEAR_SAYS_NOTHING};
    linear_answer(&told->history, step, &answer);
}

static void hear_order(struct told *told, uint32_t step, uint32_t version, enum order_state state,
                       uint8_t captured)
{
    struct linear_answer answer = {
        CODE_OK, version, (uint8_t)state, LINEAR_SAYS_NOTHING, captured, LINEAR_SAYS_NOTHING};
    linear_answer(&told->history, step, &answer);
}

static void do_at_once(struct told *told, enum linear_op op, enum code code, uint32_t version)
{
    hear(told, ask(told, op), code, version);
}

static bool is_explained(const struct told *told)
{
    enum linear_verdict verdict = linear_check(&told->history);
    assert_int_not_equal(verdict, LINEAR_UNDECIDED);
    return verdict == LINEAR_EXPLAINED;
}

static void one_thing_after_the_other_is_explained(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_GET, CODE_NOT_FOUND, 0);
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    do_at_once(&told, LINEAR_PAY, CODE_CREATED, 2);
    do_at_once(&told, LINEAR_REFUND, CODE_ILLEGAL, 0);
    do_at_once(&told, LINEAR_CAPTURE, CODE_OK, 3);
    do_at_once(&told, LINEAR_REFUND, CODE_CREATED, 4);
    do_at_once(&told, LINEAR_CANCEL, CODE_OK, 5);
    do_at_once(&told, LINEAR_CANCEL, CODE_ILLEGAL, 0);
    do_at_once(&told, LINEAR_GET, CODE_OK, 5);
    assert_true(is_explained(&told));
}

static void a_read_may_see_what_is_under_way_and_may_not(void **state)
{
    (void)state;
    for (uint32_t version = 1; version <= 3; version++) {
        struct told told = {0};
        do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
        uint32_t cancel = ask(&told, LINEAR_CANCEL);
        uint32_t get = ask(&told, LINEAR_GET);
        hear_order(&told, get, version, version == 1 ? ORDER_PENDING_PAYMENT : ORDER_CANCELLED, 0);
        hear(&told, cancel, CODE_OK, 2);
        assert_int_equal(is_explained(&told), version <= 2);
    }
}

static void a_stale_read_contradicts(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    uint32_t early = ask(&told, LINEAR_GET);
    do_at_once(&told, LINEAR_CANCEL, CODE_OK, 2);
    uint32_t late = ask(&told, LINEAR_GET);
    hear_order(&told, early, 1, ORDER_PENDING_PAYMENT, 0);
    assert_true(is_explained(&told));
    hear_order(&told, late, 1, ORDER_PENDING_PAYMENT, 0);
    assert_false(is_explained(&told));
}

static void what_one_reader_has_seen_no_later_one_misses(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    (void)ask(&told, LINEAR_CANCEL); /* never answered */
    hear_order(&told, ask(&told, LINEAR_GET), 2, ORDER_CANCELLED, 0);
    assert_true(is_explained(&told));
    hear_order(&told, ask(&told, LINEAR_GET), 1, ORDER_PENDING_PAYMENT, 0);
    assert_false(is_explained(&told));
}

static void what_has_no_answer_may_be_done_late_or_never(void **state)
{
    (void)state;
    struct told told = {0};
    (void)ask(&told, LINEAR_CREATE);
    do_at_once(&told, LINEAR_GET, CODE_NOT_FOUND, 0);
    assert_true(is_explained(&told));
    do_at_once(&told, LINEAR_CREATE, CODE_REPLAYED, 0);
    assert_true(is_explained(&told));
    do_at_once(&told, LINEAR_GET, CODE_NOT_FOUND, 0);
    assert_false(is_explained(&told));
}

static void what_was_done_once_is_not_done_again(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    do_at_once(&told, LINEAR_PAY, CODE_CREATED, 2);
    uint32_t first = linear_ask(&told.history, LINEAR_CAPTURE, 77);
    hear(&told, first, CODE_OK, 3);
    uint32_t again = linear_ask(&told.history, LINEAR_CAPTURE, 77);
    struct told twice = told;
    hear(&told, again, CODE_REPLAYED, 3);
    assert_true(is_explained(&told));
    hear(&twice, again, CODE_OK, 4);
    assert_false(is_explained(&twice));
}

static void a_refusal_needs_a_moment_at_which_it_was_right(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    do_at_once(&told, LINEAR_PAY, CODE_CREATED, 2);
    uint32_t refund = ask(&told, LINEAR_REFUND);
    do_at_once(&told, LINEAR_CAPTURE, CODE_OK, 3);
    uint32_t late = ask(&told, LINEAR_REFUND);
    hear(&told, refund, CODE_ILLEGAL, 0); /* decided before the capture */
    assert_true(is_explained(&told));
    hear(&told, late, CODE_ILLEGAL, 0);
    assert_false(is_explained(&told));
}

static void two_that_each_saw_the_other_first_contradict(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    uint32_t pay = ask(&told, LINEAR_PAY);
    uint32_t cancel = ask(&told, LINEAR_CANCEL);
    hear(&told, cancel, CODE_OK, 3);
    struct told wrong = told;
    hear(&told, pay, CODE_CREATED, 2);
    assert_true(is_explained(&told));
    hear(&wrong, pay, CODE_ILLEGAL, 0);
    assert_false(is_explained(&wrong));
}

static void nobody_asks_for_an_order_to_expire(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    uint32_t get = ask(&told, LINEAR_GET);
    hear_order(&told, get, 2, ORDER_EXPIRED, 0);
    assert_false(is_explained(&told));
    struct told waits = {0};
    (void)ask(&waits, LINEAR_EXPIRE);
    do_at_once(&waits, LINEAR_CREATE, CODE_CREATED, 1);
    hear_order(&waits, ask(&waits, LINEAR_GET), 2, ORDER_EXPIRED, 0);
    assert_true(is_explained(&waits));
}

static void a_full_history_is_its_beginning(void **state)
{
    (void)state;
    struct told told = {0};
    do_at_once(&told, LINEAR_CREATE, CODE_CREATED, 1);
    while (told.history.count < LINEAR_STEPS_MAX)
        do_at_once(&told, LINEAR_GET, CODE_OK, 1);
    assert_int_equal(ask(&told, LINEAR_CANCEL), LINEAR_NONE);
    assert_true(is_explained(&told));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_thing_after_the_other_is_explained),
        cmocka_unit_test(a_read_may_see_what_is_under_way_and_may_not),
        cmocka_unit_test(a_stale_read_contradicts),
        cmocka_unit_test(what_one_reader_has_seen_no_later_one_misses),
        cmocka_unit_test(what_has_no_answer_may_be_done_late_or_never),
        cmocka_unit_test(what_was_done_once_is_not_done_again),
        cmocka_unit_test(a_refusal_needs_a_moment_at_which_it_was_right),
        cmocka_unit_test(two_that_each_saw_the_other_first_contradict),
        cmocka_unit_test(nobody_asks_for_an_order_to_expire),
        cmocka_unit_test(a_full_history_is_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
