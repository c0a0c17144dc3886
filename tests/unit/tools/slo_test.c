#include "tests/unit/test.h"
#include "tools/slo.h"

#include <stdlib.h>

/* Response times of 1 to 1000 ms, one of each. */
static struct histogram *thousand(void)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);
    for (uint64_t i = 1; i <= 1000; i++)
        histogram_add(histogram, i * 1000000);
    return histogram;
}

static bool kept(const char *text, double error_share)
{
    struct slo slo;
    const char *fault;
    struct histogram *histogram = thousand();
    assert_true(slo_read(&slo, text, &fault));
    bool result = slo_judge(&slo, histogram, error_share);
    free(histogram);
    return result;
}

static void a_promise_is_kept_below_its_limit_and_missed_above(void **state)
{
    (void)state;
    assert_true(kept("p50<510ms", 0));
    assert_false(kept("p50<490ms", 0));
    assert_true(kept("p99.9<1.1s,p50<510000us", 0));
    assert_false(kept("p99.9<990ms", 0));
    assert_false(kept("max<1000ms", 0));
    assert_true(kept("max<1001ms", 0));
}

static void one_missed_promise_is_enough(void **state)
{
    (void)state;
    assert_false(kept("p50<490ms,max<10s", 0));
    assert_false(kept("max<10s,p50<490ms", 0));
}

static void errors_are_a_share_of_all_orders(void **state)
{
    (void)state;
    assert_true(kept("errors<0.1%", 0.0009));
    assert_false(kept("errors<0.1%", 0.001));
}

static void what_cannot_be_read_is_pointed_at(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"", ""},
        {"fast", "fast"},
        {"p50", "p50"},
        {"p50<", "p50<"},
        {"p50<5", "p50<5"},
        {"p50<5%", "p50<5%"},
        {"p101<5ms", "p101<5ms"},
        {"p<5ms", "p<5ms"},
        {"p-1<5ms", "p-1<5ms"},
        {"errors<5ms", "errors<5ms"},
        {"p50<nan", "p50<nan"},
        {"max<5ms,", ""},
        {"max<5ms,mix<5ms", "mix<5ms"},
        {"max<5msx", "max<5msx"},
    };
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct slo slo;
        const char *fault;
        assert_false(slo_read(&slo, wrong[i][0], &fault));
        assert_string_equal(fault, wrong[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_promise_is_kept_below_its_limit_and_missed_above),
        cmocka_unit_test(one_missed_promise_is_enough),
        cmocka_unit_test(errors_are_a_share_of_all_orders),
        cmocka_unit_test(what_cannot_be_read_is_pointed_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
