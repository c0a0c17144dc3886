#include "tests/unit/test.h"
#include "tools/scrape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct scrape before, now;

static void read_page(struct scrape *scrape, char *page, uint64_t taken_ns)
{
    uint32_t line;
    assert_true(scrape_read(scrape, page, &line));
    scrape->taken_ns = taken_ns;
}

static void labels_are_told_apart_and_summed(void **state)
{
    (void)state;
    char page[] = "# HELP x y\n# TYPE x counter\nx{shard=\"0\"} 3\nx{shard=\"1\"} 4.5\n\ny 7\n"
                  "z{sku=\"a\\\"b\\\\c\\nd\",le=\"1\"} 1e3\n";
    read_page(&now, page, 0);
    assert_float_equal(scrape_sum(&now, "x"), 7.5, 0);
    assert_float_equal(scrape_one(&now, "x", "1"), 4.5, 0);
    assert_float_equal(scrape_one(&now, "x", "2"), 0, 0);
    assert_float_equal(scrape_sum(&now, "y"), 7, 0);
    assert_string_equal(now.at[now.count - 1].label, "a\"b\\c\nd");
    assert_float_equal(now.at[now.count - 1].value, 1000, 0);
}

static void a_counter_that_began_again_counts_from_0(void **state)
{
    (void)state;
    char first[] = "x{shard=\"0\"} 100\ny 50\n", second[] = "x{shard=\"0\"} 300\ny 20\n";
    read_page(&before, first, 0);
    read_page(&now, second, 2000000000);
    assert_float_equal(scrape_rate(&before, &now, "x", "0"), 100, 1e-9);
    assert_float_equal(scrape_rate(&before, &now, "x", NULL), 100, 1e-9);
    assert_float_equal(scrape_rate(&before, &now, "y", NULL), 10, 1e-9);
}

static void a_quantile_is_of_what_came_between_the_two(void **state)
{
    (void)state;
    char first[] = "h_bucket{le=\"1\"} 100\nh_bucket{le=\"2\"} 100\nh_bucket{le=\"+Inf\"} 100\n";
    char second[] = "h_bucket{le=\"1\"} 100\nh_bucket{le=\"2\"} 180\nh_bucket{le=\"+Inf\"} 200\n";
    read_page(&before, first, 0);
    read_page(&now, second, 1000000000);
    assert_float_equal(scrape_quantile(&before, &now, "h", 0.4), 1.5, 1e-9);
    assert_float_equal(scrape_quantile(&before, &now, "h", 0.8), 2, 1e-9);
    assert_float_equal(scrape_quantile(&before, &now, "h", 0.99), 2, 1e-9);
    assert_true(scrape_quantile(&now, &now, "h", 0.5) < 0);
}

static void what_is_no_sample_is_named_by_its_line(void **state)
{
    (void)state;
    static const char *const wrong[] = {"x 1\nx\n", "x 1\nx{a=\"b 2\n", "x 1\nx{a=\"b\" 2\n",
                                        "x 1\nx 2 3\n", "x 1\n{a=\"b\"} 2\n"};
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char page[64];
        uint32_t line = 0;
        snprintf(page, sizeof page, "%s", wrong[i]);
        if (scrape_read(&now, page, &line) || line != 2)
            fail_msg("%s: line %u", wrong[i], line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_told_apart_and_summed),
        cmocka_unit_test(a_counter_that_began_again_counts_from_0),
        cmocka_unit_test(a_quantile_is_of_what_came_between_the_two),
        cmocka_unit_test(what_is_no_sample_is_named_by_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
