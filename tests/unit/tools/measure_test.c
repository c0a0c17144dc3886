#include "tests/unit/test.h"
#include "tools/measure.h"

#include <stdlib.h>

#include "core/code.h"

static struct measures *begun(void)
{
    struct measures *measures = malloc(sizeof *measures);
    measures_init(measures);
    return measures;
}

static void ended(struct measures *measures)
{
    measures_deinit(measures);
    free(measures);
}

static void a_value_is_at_least_the_floor_of_its_bucket_and_less_than_that_of_the_next(void **state)
{
    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(60000000000); ns += ns / 7 + 1) {
        uint32_t bucket = coarse_bucket(ns);
        assert_true(bucket < COARSE_BUCKETS);
        assert_true(coarse_floor(bucket) <= ns);
        assert_true(ns < coarse_floor(bucket + 1));
    }
    assert_int_equal(coarse_bucket(UINT64_MAX), COARSE_BUCKETS - 1);
}

static void percentiles_of_buckets_are_near_the_true_ones(void **state)
{
    (void)state;
    uint32_t buckets[COARSE_BUCKETS] = {0};
    assert_int_equal(coarse_at(buckets, 500000), 0);
    for (uint64_t i = 1; i <= 10000; i++)
        buckets[coarse_bucket(i * 10000)]++;
    for (uint32_t per_million = 10000; per_million <= 900000; per_million += 10000) {
        double expected = (double)per_million * 100,
               found = (double)coarse_at(buckets, per_million);
        assert_true(found > expected * 0.95 && found < expected * 1.05);
    }
}

static uint64_t offered_in_all(const struct measures *measures)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < measures->moment_count; i++)
        sum += measures->moments[i].offered;
    return sum;
}

static void moments_grow_wider_and_lose_nothing(void **state)
{
    (void)state;
    struct measures *measures = begun();
    for (uint64_t i = 0; i < 100000; i++)
        measure_offered(measures, i * 1000000, i == 50000 ? 777 : 0);
    assert_int_equal(offered_in_all(measures), 100000);
    assert_true(measures->moment_count <= MOMENTS && measures->moment_count > MOMENTS / 4);
    uint64_t where = UINT64_C(50000) * 1000000 / measures->moment_ns;
    assert_int_equal(measures->moments[where].lag_ns_max, 777);
    ended(measures);
}

static void what_threads_have_seen_adds_up(void **state)
{
    (void)state;
    struct measures *slow = begun(), *fast = begun();
    for (uint64_t i = 0; i < 1000; i++) {
        measure_offered(slow, i * 100000000, 1);
        measure_answered(slow, TRACE_ORDER, CODE_CREATED, i * 100000000, i * 100000000 + 5,
                         i * 100000000 + 1005);
        measure_offered(fast, i * 1000, 1);
        measure_answered(fast, TRACE_PAY, CODE_LIMIT, i * 1000, i * 1000, i * 1000 + 7000);
    }
    measure_skipped(fast, TRACE_ORDER, 5000);
    measures_merge(fast, slow);
    assert_int_equal(fast->offered, 2001);
    assert_int_equal(fast->answered, 2000);
    assert_int_equal(offered_in_all(fast), 2001);
    assert_int_equal(measures_outcomes(fast, TRACE_ORDER, OUTCOME_DONE), 1000);
    assert_int_equal(measures_outcomes(fast, TRACE_PAY, OUTCOME_REFUSED), 1000);
    assert_int_equal(measures_outcomes(fast, TRACE_ORDER, OUTCOME_SKIPPED), 1);
    struct latencies *all = malloc(sizeof *all);
    measures_sum(fast, TRACE_KINDS, all);
    assert_int_equal(all->response.total, 2000);
    assert_int_equal(all->response.max, 7000);
    measures_sum(fast, TRACE_ORDER, all);
    assert_int_equal(all->response.max, 1005);
    assert_int_equal(all->service.max, 1000);
    free(all);
    ended(slow);
    ended(fast);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_value_is_at_least_the_floor_of_its_bucket_and_less_than_that_of_the_next),
        cmocka_unit_test(percentiles_of_buckets_are_near_the_true_ones),
        cmocka_unit_test(moments_grow_wider_and_lose_nothing),
        cmocka_unit_test(what_threads_have_seen_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
