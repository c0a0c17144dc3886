#include "tests/unit/test.h"

#include "tests/unit/persist/env_memory.h"

#include "persist/sync.h"

static void measuring_leaves_nothing_behind(void **state)
{
    (void)state;
    struct env *env = memory_open();
    void *scratch = aligned_alloc(4096, SYNC_SCRATCH_BYTES);
    struct sync_measure measure;
    assert_int_equal(sync_measure(env, MEMORY_DIRECTORY, scratch, &measure), 0);
    assert_null(memory_find(env, "measure.tmp"));
    /* The clock of this world moves with every operation: fdatasync is one more. */
    assert_true(measure.dsync_ns > 0 && measure.fdatasync_ns >= measure.dsync_ns);
    free(scratch);
    memory_close(env);
}

static void a_device_that_fails_is_said(void **state)
{
    (void)state;
    struct env *env = memory_open();
    void *scratch = aligned_alloc(4096, SYNC_SCRATCH_BYTES);
    struct sync_measure measure;
    env->changes_left = 5;
    assert_int_equal(sync_measure(env, MEMORY_DIRECTORY, scratch, &measure), -EIO);
    env->changes_left = UINT64_MAX;
    env->free_bytes = 0;
    assert_int_equal(sync_measure(env, MEMORY_DIRECTORY, scratch, &measure), -ENOSPC);
    free(scratch);
    memory_close(env);
}

static void fdatasync_is_chosen_where_it_is_clearly_faster(void **state)
{
    (void)state;
    assert_int_equal(sync_choose(&(struct sync_measure){1000, 1000}), LOG_SYNC_DSYNC);
    assert_int_equal(sync_choose(&(struct sync_measure){1000, 667}), LOG_SYNC_DSYNC);
    assert_int_equal(sync_choose(&(struct sync_measure){1000, 660}), LOG_SYNC_FDATASYNC);
    assert_int_equal(sync_choose(&(struct sync_measure){1000, 5000}), LOG_SYNC_DSYNC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measuring_leaves_nothing_behind),
        cmocka_unit_test(a_device_that_fails_is_said),
        cmocka_unit_test(fdatasync_is_chosen_where_it_is_clearly_faster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
