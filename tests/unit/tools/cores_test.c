#include "tests/unit/test.h"
#include "tools/cores.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

static struct cores some(uint32_t count, uint32_t quota)
{
    struct cores cores = {.count = count, .quota = quota};
    for (uint32_t i = 0; i < count; i++)
        cores.at[i] = (uint16_t)(2 * i);
    return cores;
}

static bool decided(uint32_t count, uint32_t quota, enum pinning wish, uint32_t shards,
                    const char *said)
{
    char line[CORES_LINE_BYTES];
    struct cores cores = some(count, quota);
    bool pin = cores_pin(&cores, wish, shards, line);
    assert_non_null(strstr(line, said));
    assert_non_null(strstr(line, pin ? "; pinned: " : "; not pinned: "));
    return pin;
}

static void shards_are_pinned_by_themselves_only_where_two_cores_are_left_for_others(void **state)
{
    (void)state;
    assert_true(decided(4, 4, PIN_AUTO, 2, "one for each shard, and two more"));
    assert_false(decided(3, 3, PIN_AUTO, 2, "others would want"));
    assert_false(decided(1, 1, PIN_AUTO, 2, "not one for each"));
}

static void a_quota_below_the_shards_keeps_them_from_being_pinned(void **state)
{
    (void)state;
    assert_false(decided(64, 3, PIN_AUTO, 4, "quota"));
    assert_true(decided(64, 4, PIN_AUTO, 4, "two more"));
}

static void who_wishes_it_is_obeyed_as_far_as_there_are_cores(void **state)
{
    (void)state;
    assert_true(decided(2, 1, PIN_YES, 2, "as wished"));
    assert_false(decided(2, 2, PIN_YES, 3, "not one for each"));
    assert_false(decided(64, 64, PIN_NO, 2, "as wished"));
}

static void shards_look_on_only_where_each_has_a_core_all_the_time(void **state)
{
    (void)state;
    const struct cores enough = some(2, 2), few = some(1, 1), slow = some(8, 1);
    assert_true(cores_may_spin(&enough, 2));
    assert_false(cores_may_spin(&few, 2));
    assert_false(cores_may_spin(&slow, 2));
}

static void each_shard_has_a_core_that_no_other_has_and_that_is_allowed(void **state)
{
    (void)state;
    struct cores cores = some(6, 6);
    assert_int_equal(cores_of_shard(&cores, 3, 0), 6);
    assert_int_equal(cores_of_shard(&cores, 3, 1), 8);
    assert_int_equal(cores_of_shard(&cores, 3, 2), 10);
}

static void a_mask_that_was_set_from_outside_is_what_counts(void **state)
{
    (void)state;
    cpu_set_t all;
    struct cores before, after;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    cores_look(&before);
    assert_int_equal(before.count, CPU_COUNT(&all));
    assert_true(cores_keep_to(before.at[before.count - 1]));
    cores_look(&after);
    assert_int_equal(after.count, 1);
    assert_int_equal(after.at[0], before.at[before.count - 1]);
    assert_true(after.quota <= 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    if (before.count > 1) {
        assert_true(cores_keep_off(&before, 1));
        cores_look(&after);
        assert_int_equal(after.count, before.count - 1);
        assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    }
}

static void cores_are_kept_awake_while_the_descriptor_is_open(void **state)
{
    (void)state;
    int file = cores_keep_awake(), reader = open("/dev/cpu_dma_latency", O_RDONLY);
    if (file < 0 || reader < 0)
        skip(); /* the device is not there, or not for us */
    int32_t latency_us = -1;
    assert_int_equal(read(reader, &latency_us, sizeof latency_us), sizeof latency_us);
    assert_int_equal(latency_us, 0);
    close(reader);
    close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_pinned_by_themselves_only_where_two_cores_are_left_for_others),
        cmocka_unit_test(a_quota_below_the_shards_keeps_them_from_being_pinned),
        cmocka_unit_test(who_wishes_it_is_obeyed_as_far_as_there_are_cores),
        cmocka_unit_test(shards_look_on_only_where_each_has_a_core_all_the_time),
        cmocka_unit_test(each_shard_has_a_core_that_no_other_has_and_that_is_allowed),
        cmocka_unit_test(a_mask_that_was_set_from_outside_is_what_counts),
        cmocka_unit_test(cores_are_kept_awake_while_the_descriptor_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
