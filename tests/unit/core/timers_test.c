#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "core/timers.h"
#include "tests/unit/random.h"

enum {
    RECORDS = 500,
    RECORD_BYTES = 16,
    GRANULES = RECORDS * RECORD_BYTES / MEMORY_GRANULE_BYTES + 16
};
static const uint64_t tick_ns = UINT64_C(1) << TIMER_TICK_BITS;

struct wheel {
    void *memory_at;
    struct memory memory;
    struct timers timers;
    uint32_t records[RECORDS];
    uint64_t deadlines[RECORDS]; /* 0: not running */
};

static struct wheel *wheel_open(void)
{
    struct wheel *wheel = calloc(1, sizeof *wheel);
    size_t bytes = (memory_bytes(GRANULES) + 63) & ~(size_t)63;
    wheel->memory_at = aligned_alloc(64, bytes);
    memset(wheel->memory_at, 0, bytes);
    memory_init(&wheel->memory, wheel->memory_at, GRANULES);
    timers_init(&wheel->timers, &wheel->memory);
    for (uint32_t i = 0; i < RECORDS; i++) {
        wheel->records[i] = memory_take(&wheel->memory, RECORD_BYTES);
        memset(memory_at(&wheel->memory, wheel->records[i]), 0, RECORD_BYTES);
    }
    return wheel;
}

static void wheel_close(struct wheel *wheel)
{
    free(wheel->memory_at);
    free(wheel);
}

static uint32_t index_of(const struct wheel *wheel, uint32_t record)
{
    for (uint32_t i = 0; i < RECORDS; i++)
        if (wheel->records[i] == record)
            return i;
    fail();
    return 0;
}

/* Fires what is due with so small a budget that it takes several calls. */
static void fire(struct wheel *wheel, uint64_t now_ns)
{
    for (;;) {
        uint32_t budget = 3;
        uint32_t record = timers_due(&wheel->timers, now_ns, &budget);
        if (record == 0 && budget > 0)
            break;
        if (record == 0)
            continue;
        uint32_t i = index_of(wheel, record);
        assert_true(wheel->deadlines[i] != 0);
        assert_true(wheel->deadlines[i] <= now_ns);
        wheel->deadlines[i] = 0;
    }
    for (uint32_t i = 0; i < RECORDS; i++)
        if (wheel->deadlines[i] != 0)
            assert_true(wheel->deadlines[i] + tick_ns > now_ns);
}

static void everything_fires_in_its_tick_and_nothing_early(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        uint64_t random = seed;
        struct wheel *wheel = wheel_open();
        uint64_t now_ns = UINT64_C(1605052800) * 1000000000;
        for (uint32_t step = 0; step < 2000; step++) {
            uint32_t i = (uint32_t)(random_next(&random) % RECORDS);
            if (wheel->deadlines[i] != 0 && random_next(&random) % 2 == 0) {
                timers_clear(&wheel->timers, wheel->records[i]);
                wheel->deadlines[i] = 0;
            } else if (wheel->deadlines[i] == 0) {
                uint64_t range_ns = UINT64_C(1) << (random_next(&random) % 56);
                wheel->deadlines[i] = now_ns + random_next(&random) % range_ns;
                timers_set(&wheel->timers, wheel->records[i], wheel->deadlines[i]);
            }
            uint64_t range_ns = UINT64_C(1) << (random_next(&random) % 40);
            now_ns += random_next(&random) % range_ns;
            fire(wheel, now_ns);
        }
        wheel_close(wheel);
    }
}

static void the_next_moment_is_never_too_late(void **state)
{
    (void)state;
    uint64_t random = 7;
    struct wheel *wheel = wheel_open();
    uint64_t now_ns = UINT64_C(1605052800) * 1000000000;
    for (uint32_t i = 0; i < RECORDS; i++) {
        wheel->deadlines[i] = now_ns + random_next(&random) % (UINT64_C(1) << 45);
        timers_set(&wheel->timers, wheel->records[i], wheel->deadlines[i]);
    }
    /* Going from moment to moment, as a loop does that sleeps in between. */
    while (timers_next_ns(&wheel->timers) != UINT64_MAX) {
        uint64_t next_ns = timers_next_ns(&wheel->timers);
        now_ns = next_ns > now_ns ? next_ns : now_ns;
        fire(wheel, now_ns);
    }
    assert_int_equal(wheel->timers.running_count, 0);
    for (uint32_t i = 0; i < RECORDS; i++)
        assert_int_equal(wheel->deadlines[i], 0);
    wheel_close(wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_fires_in_its_tick_and_nothing_early),
        cmocka_unit_test(the_next_moment_is_never_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
