/* Who is held back brings forth what is allowed, and no more; who is not is never asked for anything. */
#include "io/pace.h"
#include "tests/unit/test.h"

enum { LIMIT = 1000000, TURN = 10000 };

static void without_a_limit_nothing_is_held_back(void **state)
{
    (void)state;
    struct pace pace = {0};
    for (uint64_t clock = 1; clock < 1000; clock++) {
        assert_true(pace_allows(&pace, 0, clock));
        pace_spend(&pace, TURN);
    }
}

static void in_the_long_run_as_much_is_brought_forth_as_the_limit_says(void **state)
{
    (void)state;
    struct pace pace = {0};
    uint64_t bytes = 0;
    for (uint64_t clock = 1; clock < UINT64_C(10000000000); clock += 50000)
        if (pace_allows(&pace, LIMIT, clock)) {
            pace_spend(&pace, TURN);
            bytes += TURN;
        }
    assert_in_range(bytes, 10 * LIMIT - 2 * TURN, 10 * LIMIT + 2 * TURN);
}

static void what_was_not_used_for_long_is_not_saved_up(void **state)
{
    (void)state;
    struct pace pace = {0};
    uint32_t turns = 0;
    (void)pace_allows(&pace, LIMIT, 1);
    for (; pace_allows(&pace, LIMIT, UINT64_C(1000000000000)); turns++)
        pace_spend(&pace, TURN);
    assert_in_range(turns, 1, 3);
}

static void when_the_limit_is_gone_nothing_of_it_is_left(void **state)
{
    (void)state;
    struct pace pace = {0};
    (void)pace_allows(&pace, LIMIT, 1);
    pace_spend(&pace, 100 * TURN);
    assert_false(pace_allows(&pace, LIMIT, 2));
    assert_true(pace_allows(&pace, 0, 3));
    assert_false(pace_allows(&pace, LIMIT, 4)); /* a new one begins with nothing */
    assert_true(pace_allows(&pace, LIMIT, 4 + 1000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_nothing_is_held_back),
        cmocka_unit_test(in_the_long_run_as_much_is_brought_forth_as_the_limit_says),
        cmocka_unit_test(what_was_not_used_for_long_is_not_saved_up),
        cmocka_unit_test(when_the_limit_is_gone_nothing_of_it_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
