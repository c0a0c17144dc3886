#include "core/values.h"

#include <string.h>

#include "core/retry.h"
#include "tests/unit/guard.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static const char *const by_exponent[] = {
    [0] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    [2] = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN "
          "BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN "
          "ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IRR JMD "
          "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
          "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB "
          "SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY "
          "TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG ZWL",
    [3] = "BHD IQD JOD KWD LYD OMR TND",
};

static uint32_t currency_of(const char *letters)
{
    return CURRENCY(letters[0], letters[1], letters[2]);
}

/* What the lists above say. */
static int expected_exponent(const char *letters)
{
    char code[4] = {letters[0], letters[1], letters[2], 0};
    for (int exponent = 0; exponent <= 3; exponent++)
        if (by_exponent[exponent] != NULL && strstr(by_exponent[exponent], code) != NULL)
            return exponent;
    return -1;
}

static void every_currency_has_its_exponent_and_nothing_else_is_one(void **state)
{
    (void)state;
    for (char a = 'A'; a <= 'Z'; a++)
        for (char b = 'A'; b <= 'Z'; b++)
            for (char c = 'A'; c <= 'Z'; c++) {
                char letters[] = {a, b, c};
                assert_int_equal(currency_exponent(currency_of(letters)),
                                 expected_exponent(letters));
            }
    static const char *const wrong[] = {"usd", "Eur", "US ", "\xff\xff\xff", "2US", "   "};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(currency_exponent(currency_of(wrong[i])), -1);
    assert_int_equal(currency_exponent(0), -1);
    assert_int_equal(currency_exponent(UINT32_MAX), -1);
    assert_int_equal(currency_exponent(CURRENCY('U', 'S', 'D') | 1u << 24), -1);
    assert_int_equal(currency_exponent(CURRENCY('U', 'S', 'D') | (uint32_t)'2' << 24), -1);
}

static const char id_kit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-";

static void an_id_is_made_of_its_characters_alone(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        char id[3] = {'a', (char)c, 'z'};
        assert_int_equal(id_valid((struct text){id, 3}), strchr(id_kit, c) != NULL);
        assert_int_equal(sku_code_valid((struct text){id, 3}), c > ' ' && c <= '~');
    }
    assert_false(id_valid((struct text){"a\0z", 3}));
    assert_false(sku_code_valid((struct text){"a\0z", 3}));
}

static void an_id_has_one_to_thirty_two_characters(void **state)
{
    (void)state;
    static const char long_id[] = "0123456789012345678901234567890123";
    assert_false(id_valid((struct text){long_id, 0}));
    assert_false(sku_code_valid((struct text){long_id, 0}));
    for (uint32_t bytes = 1; bytes <= 33; bytes++) {
        assert_int_equal(id_valid((struct text){long_id, bytes}), bytes <= ID_BYTES_MAX);
        assert_int_equal(sku_code_valid((struct text){long_id, bytes}), bytes <= ID_BYTES_MAX);
    }
}

static void a_text_is_utf8_without_control_characters(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "Gate 3, behind the bakery",
        "\xc3\xbc\xc2\xa0\xdf\xbf",
        "\xe0\xa0\x80\xe4\xb8\x8a\xe6\xb5\xb7\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf",
        "\xf0\x90\x80\x80\xf0\x9f\x93\xa6\xf4\x8f\xbf\xbf",
    };
    static const char *const bad[] = {
        "\x01",
        "a\nb",
        "\x7f",
        "\xc2\x80",         /* control */
        "\xc2\x9f",         /* control */
        "\x80",             /* begins in the middle */
        "\xc0\xaf",         /* can be said shorter */
        "\xc1\xbf",         /* likewise */
        "\xe0\x9f\xbf",     /* likewise */
        "\xf0\x8f\xbf\xbf", /* likewise */
        "\xed\xa0\x80",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond the last */
        "\xf5\x80\x80\x80", /* likewise */
        "\xff",
        "\xc3",
        "\xc3x",
        "\xe4\xb8",
        "\xe4\xb8x",
        "\xf0\x9f\x93",
        "\xf0\x9f\x93x",
    };
    for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(text_valid(text_of(good[i])));
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_valid(text_of(bad[i])));
    assert_false(text_valid((struct text){"a\0b", 3}));
}

static void a_text_has_at_most_sixty_four_bytes(void **state)
{
    (void)state;
    char text[TEXT_BYTES_MAX + 1];
    memset(text, 'x', sizeof text);
    assert_true(text_valid((struct text){text, TEXT_BYTES_MAX}));
    assert_false(text_valid((struct text){text, TEXT_BYTES_MAX + 1}));
}

/* Whatever the bytes, and right before memory that faults. */
static void nothing_behind_a_text_is_read(void **state)
{
    (void)state;
    struct guard guard = guard_open(TEXT_BYTES_MAX);
    uint64_t random = 23;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t bytes = random_below(&random, TEXT_BYTES_MAX + 1);
        char *at = guard_last(&guard, bytes);
        for (uint32_t j = 0; j < bytes; j++)
            at[j] = (char)(random_below(&random, 4) == 0 ? random_next(&random) | 0x80 : 'a');
        struct text text = {at, bytes};
        (void)text_valid(text);
        (void)id_valid(text);
        (void)sku_code_valid(text);
        (void)key_hash(text);
    }
    guard_close(&guard);
}

/* Slots come from the hash, and the hash stands behind every log: it never changes. */
static void a_hash_is_the_same_for_ever(void **state)
{
    (void)state;
    assert_true(key_hash(text_of("")) == UINT64_C(0x2d06800538d394c2));
    static const uint64_t known[] = {
        UINT64_C(0x65cd25028f98f158), UINT64_C(0x8994679a71505e81), UINT64_C(0xacfc6c1e0a8e028c),
        UINT64_C(0x11e79683b730ff1f), UINT64_C(0x41fe9362fb44d638),
    };
    static const char *const ids[] = {"1", "SKU-17", "20201111-1", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                                      "f81d4fae7dec41d0a76500a0c91e6bf6"};
    for (uint32_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        assert_true(key_hash(text_of(ids[i])) == known[i]);
}

static void slots_are_filled_evenly(void **state)
{
    (void)state;
    uint32_t count[SLOT_COUNT] = {0};
    for (uint32_t i = 0; i < 256 * SLOT_COUNT; i++) {
        char id[18];
        for (uint32_t j = 0, rest = i; j < sizeof id; j++, rest /= 10)
            id[sizeof id - 1 - j] = (char)('0' + rest % 10);
        count[hash_slot(key_hash((struct text){id, sizeof id}))]++;
    }
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        assert_in_range(count[slot], 256 - 6 * 16, 256 + 6 * 16); /* six standard deviations */
}

static struct text text_from(const char *string)
{
    return (struct text){string, (uint32_t)strlen(string)};
}

static void a_retry_from_another_address_is_the_same_callers(void **state)
{
    (void)state;
    assert_int_equal(who_name(text_from("shop@203.0.113.9")).bytes, 4);
    assert_int_equal(who_name(text_from("shop")).bytes, 4);
    assert_int_equal(who_name(text_from("@::1")).bytes, 0);
    assert_int_equal(who_name((struct text){NULL, 0}).bytes, 0);
    struct retry_key key = retry_key(text_from("shop@203.0.113.9"), text_from("k"));
    struct retry_key again = retry_key(text_from("shop@2001:db8::1"), text_from("k"));
    struct retry_key other = retry_key(text_from("desk@203.0.113.9"), text_from("k"));
    assert_memory_equal(&key, &again, sizeof key);
    assert_memory_not_equal(&key, &other, sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_retry_from_another_address_is_the_same_callers),
        cmocka_unit_test(every_currency_has_its_exponent_and_nothing_else_is_one),
        cmocka_unit_test(an_id_is_made_of_its_characters_alone),
        cmocka_unit_test(an_id_has_one_to_thirty_two_characters),
        cmocka_unit_test(a_text_is_utf8_without_control_characters),
        cmocka_unit_test(a_text_has_at_most_sixty_four_bytes),
        cmocka_unit_test(nothing_behind_a_text_is_read),
        cmocka_unit_test(a_hash_is_the_same_for_ever),
        cmocka_unit_test(slots_are_filled_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
