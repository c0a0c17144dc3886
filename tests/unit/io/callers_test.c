#include "io/callers.h"

#include "tests/unit/test.h"

#include <string.h>

static struct callers callers;

static struct text text_from(const char *string)
{
    return (struct text){string, (uint32_t)strlen(string)};
}

static bool is_caller(const char *token, const char *name)
{
    const struct caller *caller = callers_find(&callers, text_from(token));
    if (caller == NULL)
        return name == NULL;
    return name != NULL && caller->name_bytes == strlen(name) &&
           memcmp(caller->name, name, caller->name_bytes) == 0;
}

static void who_has_a_token_is_found_by_it_alone(void **state)
{
    (void)state;
    uint32_t line;
    /* the digest is that of 0123456789abcdef */
    assert_null(callers_read(
        &callers,
        text_from("# callers\n\nshop:aaaaaaaaaaaaaaaa\n  back-office:a:b:c:d:e:f:g:h:i \r\n"
                  "shop:bbbbbbbbbbbbbbbb\n"
                  "till:sha256:9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"),
        &line));
    assert_int_equal(callers.count, 4);
    assert_true(is_caller("aaaaaaaaaaaaaaaa", "shop"));
    assert_true(is_caller("bbbbbbbbbbbbbbbb", "shop"));
    assert_true(is_caller("a:b:c:d:e:f:g:h:i", "back-office"));
    assert_true(is_caller("0123456789abcdef", "till"));
    assert_true(is_caller("", NULL));
    assert_true(is_caller("aaaaaaaaaaaaaaa", NULL));
    assert_true(is_caller("aaaaaaaaaaaaaaaaa", NULL));
    assert_true(
        is_caller("9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f", NULL));
}

static void a_line_that_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        uint32_t line;
        const char *part;
    } files[] = {
        {"", 0, "nobody"},
        {"# nobody\n", 1, "nobody"},
        {"shop", 1, "NAME:TOKEN"},
        {"a:aaaaaaaaaaaaaaaa\nsh op:bbbbbbbbbbbbbbbb", 2, "name"},
        {":aaaaaaaaaaaaaaaa", 1, "name"},
        {"abcdefghijabcdefghijabcdefghij123:aaaaaaaaaaaaaaaa", 1, "name"},
        {"shop:", 1, "token"},
        {"shop:aaaaaaaaaaaaaaa", 1, "token"},
        {"shop:aaaaaaaa aaaaaaaa", 1, "token"},
        {"shop:sha256:12", 1, "digest"},
        {"shop:sha256:9F9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f", 1,
         "digest"},
        {"a:aaaaaaaaaaaaaaaa\nb:aaaaaaaaaaaaaaaa\n", 2, "twice"},
    };
    for (uint32_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        uint32_t line = 99;
        const char *wrong = callers_read(&callers, text_from(files[i].file), &line);
        if (wrong == NULL || strstr(wrong, files[i].part) == NULL || line != files[i].line)
            fail_msg("%s: %s in line %u", files[i].file, wrong, line);
    }
}

static void a_signature_is_good_with_any_of_its_providers_secrets(void **state)
{
    (void)state;
    static const char file[] = "alipay:hmac:a-secret-of-theirs\n"
                               "alipay:hmac:0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef\n"
                               "other:hmac:a-secret-of-others\n";
    static const uint8_t macs[2][CALLER_DIGEST_BYTES] = {
        {0x7a, 0x6c, 0x85, 0xeb, 0x24, 0x01, 0xc1, 0x3a, 0x7c, 0x6f, 0xb4,
         0x33, 0x80, 0x0a, 0x94, 0x52, 0x17, 0x4f, 0x66, 0x88, 0x81, 0x4d,
         0x14, 0x6b, 0x81, 0x9b, 0x6b, 0xdf, 0x6b, 0x9f, 0x6b, 0xad},
        {0x98, 0xcf, 0xbe, 0x89, 0xa8, 0x44, 0x43, 0xc4, 0x2f, 0x66, 0xac,
         0xd4, 0xf7, 0x89, 0x82, 0x45, 0x52, 0x1f, 0xef, 0xc3, 0xeb, 0xba,
         0x66, 0xa5, 0x09, 0x50, 0xeb, 0x87, 0xfc, 0x4a, 0xef, 0x8c},
    };
    const struct text time = {"1605052800", 10}, body = {"{\"a\":1}", 7};
    uint32_t line;
    assert_null(callers_read(&callers, (struct text){file, sizeof file - 1}, &line));
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(callers_signed(&callers, (struct text){"alipay", 6}, time, body, macs[i]));
        assert_false(callers_signed(&callers, (struct text){"other", 5}, time, body, macs[i]));
        assert_false(callers_signed(&callers, (struct text){"alipay", 6}, body, time, macs[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_a_token_is_found_by_it_alone),
        cmocka_unit_test(a_line_that_is_wrong_is_named),
        cmocka_unit_test(a_signature_is_good_with_any_of_its_providers_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
