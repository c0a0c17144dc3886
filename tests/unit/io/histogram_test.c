#include "io/metrics.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_value_is_in_its_bucket_to_within_one_in_a_hundred(void **state)
{
    (void)state;
    for (uint64_t value = 1; value < UINT64_C(1) << 62; value += value / 301 + 1) {
        uint32_t bucket = histogram_bucket(value);
        uint64_t top = histogram_top(bucket);
        assert_true(bucket < HISTOGRAM_BUCKETS);
        assert_true(top >= value && (top - value) * 100 <= value);
        assert_int_equal(histogram_bucket(top), bucket);
        assert_int_equal(histogram_bucket(top + 1), bucket + 1);
    }
    assert_true(histogram_bucket(UINT64_MAX) < HISTOGRAM_BUCKETS);
}

static void percentiles_are_within_one_in_a_hundred_of_the_true_ones(void **state)
{
    (void)state;
    struct histogram *histogram = calloc(1, sizeof *histogram);
    for (uint64_t i = 1; i <= 1000000; i++)
        histogram_add(histogram, i * 1000);
    for (uint32_t per_million = 1000; per_million <= 1000000; per_million += 1000) {
        uint64_t true_one = (uint64_t)per_million * 1000;
        uint64_t found = histogram_at(histogram, per_million);
        assert_true(found >= true_one && (found - true_one) * 100 <= true_one);
    }
    free(histogram);
}

/* ---- what a server shows ------------------------------------------------------------------------- */

static struct metrics *shards[2];
static char page[HISTOGRAM_PRINT_BYTES], heard[HISTOGRAM_PRINT_BYTES];

static int two_shards(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++)
        shards[i] = calloc(1, sizeof *shards[i]);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(shards[0]);
    free(shards[1]);
    return 0;
}

static void show(void)
{
    const struct metrics *const of[] = {shards[0], shards[1]};
    const struct metrics_sources sources = {.shards = of, .shard_count = 2};
    page[metrics_write_latency(&sources, page)] = 0;
}

struct row {
    double value, share, inverse;
    unsigned long long count;
};

/* As HistogramLogProcessor's readers do: what is behind the heading and no comment is a row. */
static uint32_t read_rows(struct row *rows, uint32_t most)
{
    char *at = memcpy(heard, page, sizeof page), *line;
    uint32_t count = 0;
    assert_int_equal(
        strncmp(page, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n", 57), 0);
    at += 57;
    while ((line = strsep(&at, "\n")) != NULL && *line != '#') {
        struct row row = {0};
        int words =
            sscanf(line, "%lf %lf %llu %lf", &row.value, &row.share, &row.count, &row.inverse);
        assert_true(words == 4 || (words == 3 && row.share == 1));
        assert_true(count < most);
        rows[count++] = row;
    }
    return count;
}

static void the_answers_of_all_shards_are_one_spectrum_to_within_one_in_a_hundred(void **state)
{
    (void)state;
    struct row rows[512];
    for (uint64_t us = 1; us <= 100000; us++)
        metric_answers(shards[us % 2], 3, us * 1000);
    show();
    uint32_t count = read_rows(rows, 512);
    assert_true(count > 20);
    for (uint32_t i = 0; i < count; i++) {
        double true_ms = rows[i].share * 100;
        assert_true(rows[i].value >= true_ms * 0.9999 && rows[i].value <= true_ms * 1.01);
        assert_true(i == 0 ||
                    (rows[i].share > rows[i - 1].share && rows[i].value > rows[i - 1].value));
        assert_true(rows[i].count == (unsigned long long)(rows[i].share * 300000 + 0.5));
    }
    assert_int_equal(rows[count - 1].count, 300000);
    assert_true(rows[count - 2].share >= 0.98);
}

static void a_spectrum_of_every_bucket_fits_its_page(void **state)
{
    (void)state;
    struct row rows[512];
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        metric_answers(shards[0], UINT64_C(1) << (40 - i * 40 / HISTOGRAM_BUCKETS),
                       histogram_top(i));
    show();
    uint32_t count = read_rows(rows, 512);
    assert_true(rows[count - 1].share == 1);
    assert_non_null(strstr(page, "#[Buckets ="));
}

static void a_server_that_has_answered_nothing_shows_an_empty_spectrum(void **state)
{
    (void)state;
    struct row rows[1];
    show();
    assert_int_equal(read_rows(rows, 1), 0);
    assert_non_null(strstr(page, "Total count    =            0]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_in_its_bucket_to_within_one_in_a_hundred),
        cmocka_unit_test(percentiles_are_within_one_in_a_hundred_of_the_true_ones),
        cmocka_unit_test_setup_teardown(
            the_answers_of_all_shards_are_one_spectrum_to_within_one_in_a_hundred, two_shards, end),
        cmocka_unit_test_setup_teardown(a_spectrum_of_every_bucket_fits_its_page, two_shards, end),
        cmocka_unit_test_setup_teardown(a_server_that_has_answered_nothing_shows_an_empty_spectrum,
                                        two_shards, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
