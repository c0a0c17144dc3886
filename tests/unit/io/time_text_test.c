#include "io/time_text.h"

#include "tests/unit/test.h"

#include <string.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

static struct text text_from(const char *string)
{
    return (struct text){string, (uint32_t)strlen(string)};
}

static void times_are_parsed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2020-11-11T00:00:00Z", 1605052800 * SECOND},
        {"2020-11-11t00:00:00z", 1605052800 * SECOND},
        {"2020-11-11T08:00:00+08:00", 1605052800 * SECOND},
        {"2020-11-10T19:30:00-04:30", 1605052800 * SECOND},
        {"2020-11-11T00:00:00.5Z", 1605052800 * SECOND + SECOND / 2},
        {"2020-11-11T00:00:00.000000001Z", 1605052800 * SECOND + 1},
        {"2020-02-29T23:59:59.999999999Z", 1583020800 * SECOND - 1},
        {"2000-02-29T00:00:00Z", 951782400 * SECOND},
        {"2016-12-31T23:59:60Z", 1483228800 * SECOND - 1},
        {"2553-12-31T23:59:59Z", 18429292799 * SECOND},
    };
    for (uint32_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        uint64_t ns = 1;
        if (!time_text_parse(text_from(times[i].text), &ns) || ns != times[i].ns)
            fail_msg("%s: %lu", times[i].text, (unsigned long)ns);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2020",
        "2020-11-11",
        "2020-11-11T00:00:00",
        "2020-11-11 00:00:00Z",
        "2020-11-11T00:00Z",
        "2020-13-11T00:00:00Z",
        "2020-00-11T00:00:00Z",
        "2020-11-31T00:00:00Z",
        "2020-11-00T00:00:00Z",
        "2019-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2020-11-11T24:00:00Z",
        "2020-11-11T00:60:00Z",
        "2020-11-11T00:00:61Z",
        "2020-11-11T00:00:00.Z",
        "2020-11-11T00:00:00.1234567890Z",
        "2020-11-11T00:00:00+0800",
        "2020-11-11T00:00:00+24:00",
        "2020-11-11T00:00:00+08:60",
        "2020-11-11T00:00:00Z ",
        " 2020-11-11T00:00:00Z",
        "2020-11-11T00:00:00Zx",
        "20-11-11T00:00:00Z",
        "2020-1-1T00:00:00Z",
        "+2020-11-11T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "2554-01-01T00:00:00Z",
        "1605052800",
    };
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t ns;
        if (time_text_parse(text_from(texts[i]), &ns))
            fail_msg("%s", texts[i]);
    }
}

static void only_as_many_digits_are_printed_as_needed(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } times[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1605052800 * SECOND, "2020-11-11T00:00:00Z"},
        {1605052800 * SECOND + 120000000, "2020-11-11T00:00:00.120Z"},
        {1605052800 * SECOND + 120001000, "2020-11-11T00:00:00.120001Z"},
        {1605052800 * SECOND + 1, "2020-11-11T00:00:00.000000001Z"},
    };
    for (uint32_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char out[TIME_TEXT_BYTES_MAX];
        struct text text = time_text_print(times[i].ns, out);
        assert_int_equal(text.bytes, strlen(times[i].text));
        assert_memory_equal(text.at, times[i].text, text.bytes);
    }
}

/* Against the C library, over 580 years. */
static void every_day_prints_like_the_c_library_and_parses_back(void **state)
{
    (void)state;
    for (uint64_t day = 0; day < 213000; day++) {
        char out[TIME_TEXT_BYTES_MAX], want[32];
        uint64_t ns, seconds = day * 86400 + day % 86400;
        time_t time = (time_t)seconds;
        struct tm tm;
        gmtime_r(&time, &tm);
        size_t bytes = strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm);
        struct text text = time_text_print(seconds * SECOND, out);
        assert_int_equal(text.bytes, bytes);
        assert_memory_equal(text.at, want, bytes);
        assert_true(time_text_parse(text, &ns));
        assert_true(ns == seconds * SECOND);
    }
}

static void http_has_its_own_way_to_say_a_time(void **state)
{
    (void)state;
    static const struct {
        uint64_t seconds;
        const char *text;
    } times[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {1582934400, "Sat, 29 Feb 2020 00:00:00 GMT"},
        {1605139199, "Wed, 11 Nov 2020 23:59:59 GMT"},
    };
    for (uint32_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char out[TIME_HTTP_BYTES];
        time_text_http(times[i].seconds * 1000000000 + 999999999, out);
        assert_memory_equal(out, times[i].text, TIME_HTTP_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_parsed),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(only_as_many_digits_are_printed_as_needed),
        cmocka_unit_test(every_day_prints_like_the_c_library_and_parses_back),
        cmocka_unit_test(http_has_its_own_way_to_say_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
