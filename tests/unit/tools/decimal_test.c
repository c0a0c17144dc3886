#include "tests/unit/test.h"
#include "tools/import.h"

static void decimals_are_read_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micros;
    } good[] = {{"0", 0},
                {"2.55", 2550000},
                {"-11062.06", -11062060000},
                {".5", 500000},
                {"5.", 5000000},
                {"0.000001", 1},
                {"+3", 3000000},
                {"9000000000", 9000000000000000}};
    int64_t micros;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(decimal_read(good[i].text, '.', &micros));
        assert_int_equal(micros, good[i].micros);
    }
    assert_true(decimal_read("1,25", ',', &micros));
    assert_int_equal(micros, 1250000);
}

static void what_is_no_decimal_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "-",  ".",         "1.2.3", "1,5", "1e3",
                                        "0x10", " 1", "0.0000001", "--1",   "12a"};
    int64_t micros;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(decimal_read(wrong[i], '.', &micros));
    assert_false(decimal_read("99999999999999", '.', &micros));
}

static void halves_are_rounded_to_the_even_neighbour(void **state)
{
    (void)state;
    assert_int_equal(decimal_round(125000, 2), 12);
    assert_int_equal(decimal_round(135000, 2), 14);
    assert_int_equal(decimal_round(135001, 2), 14);
    assert_int_equal(decimal_round(134999, 2), 13);
    assert_int_equal(decimal_round(1000, 2), 0);
    assert_int_equal(decimal_round(-125000, 2), -12);
    assert_int_equal(decimal_round(-135000, 2), -14);
    assert_int_equal(decimal_round(-135001, 2), -14);
    assert_int_equal(decimal_round(1500000, 0), 2);
    assert_int_equal(decimal_round(2500000, 0), 2);
    assert_int_equal(decimal_round(1234567, 3), 1235);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_read_exactly),
        cmocka_unit_test(what_is_no_decimal_is_refused),
        cmocka_unit_test(halves_are_rounded_to_the_even_neighbour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
