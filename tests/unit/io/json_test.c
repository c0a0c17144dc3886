#include "io/json.h"
#include "io/json_write.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text stands at the end of its own piece of memory, so that a sanitizer sees a byte too many.
 */
struct copy {
    struct json json;
    char *bytes;
};

static void copy_init(struct copy *copy, const char *text, size_t count)
{
    copy->bytes = malloc(count > 0 ? count : 1);
    assert_non_null(copy->bytes);
    memcpy(copy->bytes, text, count);
    json_init(&copy->json, copy->bytes, (uint32_t)count);
}

static enum json_token last_token(struct json *json)
{
    enum json_token token;
    do
        token = json_next(json);
    while (token != JSON_END && token != JSON_WRONG);
    return token;
}

static bool is_text(const struct json *json, const char *text)
{
    return json->text.bytes == strlen(text) && memcmp(json->text.at, text, strlen(text)) == 0;
}

static void tokens_come_in_the_order_of_the_text(void **state)
{
    (void)state;
    struct copy copy;
    const char text[] = " {\"a\" : [1, -2,\n true,false ,null, 1.5e3],\"b\":{}, \"c\":\"x\"} ";
    copy_init(&copy, text, strlen(text));
    struct json *json = &copy.json;
    assert_int_equal(json_next(json), JSON_OBJECT);
    assert_int_equal(json_next(json), JSON_KEY);
    assert_true(is_text(json, "a"));
    assert_int_equal(json_next(json), JSON_ARRAY);
    assert_int_equal(json_next(json), JSON_INTEGER);
    assert_int_equal(json->integer, 1);
    assert_int_equal(json_next(json), JSON_INTEGER);
    assert_int_equal(json->integer, -2);
    assert_int_equal(json_next(json), JSON_TRUE);
    assert_int_equal(json_next(json), JSON_FALSE);
    assert_int_equal(json_next(json), JSON_NULL);
    assert_int_equal(json_next(json), JSON_REAL);
    assert_true(is_text(json, "1.5e3"));
    assert_int_equal(json_next(json), JSON_ARRAY_END);
    assert_int_equal(json_next(json), JSON_KEY);
    assert_int_equal(json_next(json), JSON_OBJECT);
    assert_int_equal(json_next(json), JSON_OBJECT_END);
    assert_int_equal(json_next(json), JSON_KEY);
    assert_int_equal(json_next(json), JSON_TEXT);
    assert_true(is_text(json, "x"));
    assert_int_equal(json_next(json), JSON_OBJECT_END);
    assert_int_equal(json_next(json), JSON_END);
    assert_int_equal(json_next(json), JSON_END);
    free(copy.bytes);
}

static const struct {
    const char *text;
    enum json_fault fault;
    uint32_t at;
} bad_texts[] = {
    {"", JSON_CUT_OFF, 0},
    {"  ", JSON_CUT_OFF, 2},
    {"{", JSON_CUT_OFF, 1},
    {"[", JSON_CUT_OFF, 1},
    {"[1", JSON_CUT_OFF, 2},
    {"[1,", JSON_CUT_OFF, 3},
    {"{\"a\"", JSON_CUT_OFF, 4},
    {"{\"a\":", JSON_CUT_OFF, 5},
    {"{\"a\":1", JSON_CUT_OFF, 6},
    {"{\"a\":1,", JSON_CUT_OFF, 7},
    {"\"abc", JSON_CUT_OFF, 4},
    {"tru", JSON_CUT_OFF, 3},
    {"-", JSON_CUT_OFF, 1},
    {"1.", JSON_CUT_OFF, 2},
    {"1e", JSON_CUT_OFF, 2},
    {"1e+", JSON_CUT_OFF, 3},
    {"1 2", JSON_SYNTAX, 2},
    {"{} {}", JSON_SYNTAX, 3},
    {"[1,]", JSON_SYNTAX, 3},
    {"[,1]", JSON_SYNTAX, 1},
    {"[1 2]", JSON_SYNTAX, 3},
    {"[1}", JSON_SYNTAX, 2},
    {"{\"a\":1]", JSON_SYNTAX, 6},
    {"{\"a\":1,}", JSON_SYNTAX, 7},
    {"{,}", JSON_SYNTAX, 1},
    {"{a:1}", JSON_SYNTAX, 1},
    {"{'a':1}", JSON_SYNTAX, 1},
    {"{1:1}", JSON_SYNTAX, 1},
    {"{\"a\" 1}", JSON_SYNTAX, 5},
    {"{\"a\"::1}", JSON_SYNTAX, 5},
    {"]", JSON_SYNTAX, 0},
    {"}", JSON_SYNTAX, 0},
    {"01", JSON_SYNTAX, 1},
    {"-01", JSON_SYNTAX, 2},
    {"+1", JSON_SYNTAX, 0},
    {".5", JSON_SYNTAX, 0},
    {"1.e5", JSON_SYNTAX, 2},
    {"0x10", JSON_SYNTAX, 1},
    {"1_000", JSON_SYNTAX, 1},
    {"NaN", JSON_SYNTAX, 0},
    {"Infinity", JSON_SYNTAX, 0},
    {"-Infinity", JSON_SYNTAX, 1},
    {"True", JSON_SYNTAX, 0},
    {"nul1", JSON_SYNTAX, 3},
    {"// x\n1", JSON_SYNTAX, 0},
    {"/* x */1", JSON_SYNTAX, 0},
    {"\"a\nb\"", JSON_SYNTAX, 2},
    {"\"a\tb\"", JSON_SYNTAX, 2},
    {"\"a\x01\"", JSON_SYNTAX, 2},
    {"\x0c"
     "1",
     JSON_SYNTAX, 0},
    {"\xef\xbb\xbf{}", JSON_SYNTAX, 0},
    {"\"\\x41\"", JSON_BAD_ESCAPE, 1},
    {"\"\\\"", JSON_CUT_OFF, 3},
    {"\"\\u12\"", JSON_BAD_ESCAPE, 1},
    {"\"\\u12g4\"", JSON_BAD_ESCAPE, 1},
    {"\"a\\u0000\"", JSON_BAD_ESCAPE, 2},
    {"\"\\ud800\"", JSON_BAD_ESCAPE, 1},
    {"\"\\ud800x\"", JSON_BAD_ESCAPE, 1},
    {"\"\\ud800\\u0041\"", JSON_BAD_ESCAPE, 1},
    {"\"\\udc00\"", JSON_BAD_ESCAPE, 1},
    {"\"\x80\"", JSON_BAD_UTF8, 1},
    {"\"\xc3\"", JSON_BAD_UTF8, 1},
    {"\"\xc0\xaf\"", JSON_BAD_UTF8, 1},
    {"\"\xc1\xbf\"", JSON_BAD_UTF8, 1},
    {"\"\xe0\x80\xaf\"", JSON_BAD_UTF8, 1},
    {"\"\xed\xa0\x80\"", JSON_BAD_UTF8, 1},
    {"\"\xf0\x80\x80\xaf\"", JSON_BAD_UTF8, 1},
    {"\"\xf4\x90\x80\x80\"", JSON_BAD_UTF8, 1},
    {"\"\xf5\x80\x80\x80\"", JSON_BAD_UTF8, 1},
    {"\"\xff\"", JSON_BAD_UTF8, 1},
    {"\"\xe2\x82\"", JSON_BAD_UTF8, 1},
    {"9007199254740993", JSON_NUMBER_TOO_BIG, 0},
    {"[-9007199254740993]", JSON_NUMBER_TOO_BIG, 1},
    {"18446744073709551617", JSON_NUMBER_TOO_BIG, 0},
    {"99999999999999999999999999999999999999999", JSON_NUMBER_TOO_BIG, 0},
    {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", JSON_TOO_DEEP, 16},
    {"[[[[[[[[[[[[[[[[{", JSON_TOO_DEEP, 16},
};

static void what_is_wrong_is_named_with_its_byte(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof bad_texts / sizeof bad_texts[0]; i++) {
        struct copy copy;
        copy_init(&copy, bad_texts[i].text, strlen(bad_texts[i].text));
        enum json_token token = last_token(&copy.json);
        if (token != JSON_WRONG || copy.json.fault != bad_texts[i].fault ||
            copy.json.fault_at != bad_texts[i].at)
            fail_msg("%s: %s at %u", bad_texts[i].text, json_fault_name(copy.json.fault),
                     copy.json.fault_at);
        assert_int_equal(json_next(&copy.json), JSON_WRONG);
        free(copy.bytes);
    }
}

static void every_beginning_of_a_text_is_cut_off(void **state)
{
    (void)state;
    const char text[] = "{\"a\":[1.5e-7,true,null,\"\\u00e9\\ud83d\\ude00\xc3\xa9\\n\"],\"b\":{}}";
    for (size_t count = 0; count < strlen(text); count++) {
        struct copy copy;
        copy_init(&copy, text, count);
        assert_int_equal(last_token(&copy.json), JSON_WRONG);
        assert_true(copy.json.fault_at <= count);
        free(copy.bytes);
    }
}

static void escapes_come_out_as_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want;
    } texts[] = {
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"a\\u0041b\"", "aAb"},
        {"\"\\u00e9\"", "\xc3\xa9"},
        {"\"\\u20AC\"", "\xe2\x82\xac"},
        {"\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!"},
        {"\"\xf0\x9f\x98\x80 \\n\xe2\x82\xac\"", "\xf0\x9f\x98\x80 \n\xe2\x82\xac"},
        {"\"\"", ""},
    };
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct copy copy;
        copy_init(&copy, texts[i].text, strlen(texts[i].text));
        assert_int_equal(json_next(&copy.json), JSON_TEXT);
        assert_true(is_text(&copy.json, texts[i].want));
        assert_int_equal(json_next(&copy.json), JSON_END);
        free(copy.bytes);
    }
}

static void integers_up_to_2_53_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } numbers[] = {{"0", 0},
                   {"-0", 0},
                   {"9007199254740992", JSON_INTEGER_MAX},
                   {"-9007199254740992", -JSON_INTEGER_MAX}};
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct copy copy;
        copy_init(&copy, numbers[i].text, strlen(numbers[i].text));
        assert_int_equal(json_next(&copy.json), JSON_INTEGER);
        assert_int_equal(copy.json.integer, numbers[i].want);
        free(copy.bytes);
    }
}

static void sixteen_levels_are_taken(void **state)
{
    (void)state;
    struct copy copy;
    const char text[] = "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]";
    copy_init(&copy, text, strlen(text));
    assert_int_equal(last_token(&copy.json), JSON_END);
    free(copy.bytes);
}

static void a_pointer_leads_to_what_was_read_last(void **state)
{
    (void)state;
    char pointer[JSON_POINTER_BYTES_MAX];
    struct copy copy;
    const char text[] = "{\"a/b~c\":[{\"x\":1},{\"y\":[5,!]}]}";
    copy_init(&copy, text, strlen(text));
    assert_int_equal(last_token(&copy.json), JSON_WRONG);
    struct text got = json_pointer(&copy.json, pointer);
    assert_int_equal(got.bytes, strlen("/a~1b~0c/1/y/1"));
    assert_memory_equal(got.at, "/a~1b~0c/1/y/1", got.bytes);
    free(copy.bytes);
}

static void a_pointer_longer_than_its_room_is_cut_off(void **state)
{
    (void)state;
    char pointer[JSON_POINTER_BYTES_MAX], text[4096] = "";
    for (uint32_t i = 0; i < 10; i++) {
        strcat(text, "{\"");
        memset(text + strlen(text), '~', 60);
        strcat(text, "\":");
    }
    struct copy copy;
    copy_init(&copy, text, strlen(text));
    assert_int_equal(last_token(&copy.json), JSON_WRONG);
    assert_true(json_pointer(&copy.json, pointer).bytes <= sizeof pointer);
    free(copy.bytes);
}

/* ---- writer ------------------------------------------------------------------------------------ */

static uint8_t memory[1024];

static const char *written(struct pile *pile)
{
    pile->at[pile->used_bytes] = 0;
    return (const char *)pile->at;
}

static void what_is_written_has_its_commas_and_escapes(void **state)
{
    (void)state;
    struct pile pile = {memory, 0, sizeof memory};
    struct json_writer writer = {.pile = &pile};
    json_write_open(&writer, '{');
    json_member_integer(&writer, "min", INT64_MIN);
    json_member_unsigned(&writer, "max", UINT64_MAX);
    json_member_text(&writer, "text", text_of("a\"b\\c\n\x1f\x7f\xc3\xa9\xff\xe2\x82"));
    json_write_key(&writer, "list");
    json_write_open(&writer, '[');
    json_write_bool(&writer, true);
    json_write_bool(&writer, false);
    json_write_open(&writer, '{');
    json_write_close(&writer, '}');
    json_write_close(&writer, ']');
    json_member_text(&writer, "empty", (struct text){NULL, 0});
    json_write_close(&writer, '}');
    assert_string_equal(
        written(&pile),
        "{\"min\":-9223372036854775808,\"max\":18446744073709551615,"
        "\"text\":\"a\\\"b\\\\c\\u000a\\u001f\\u007f\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd"
        "\xef\xbf\xbd\",\"list\":[true,false,{}],\"empty\":\"\"}");
}

static void what_is_written_can_be_read(void **state)
{
    (void)state;
    struct pile pile = {memory, 0, sizeof memory};
    struct json_writer writer = {.pile = &pile};
    char text[256];
    for (uint32_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i == 0 ? 1 : i);
    json_write_text(&writer, (struct text){text, sizeof text});
    struct copy copy;
    copy_init(&copy, (const char *)memory, pile.used_bytes);
    assert_int_equal(json_next(&copy.json), JSON_TEXT);
    assert_memory_equal(copy.json.text.at, text, 128);
    assert_int_equal(json_next(&copy.json), JSON_END);
    free(copy.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_come_in_the_order_of_the_text),
        cmocka_unit_test(what_is_wrong_is_named_with_its_byte),
        cmocka_unit_test(every_beginning_of_a_text_is_cut_off),
        cmocka_unit_test(escapes_come_out_as_utf8),
        cmocka_unit_test(integers_up_to_2_53_are_taken),
        cmocka_unit_test(sixteen_levels_are_taken),
        cmocka_unit_test(a_pointer_leads_to_what_was_read_last),
        cmocka_unit_test(a_pointer_longer_than_its_room_is_cut_off),
        cmocka_unit_test(what_is_written_has_its_commas_and_escapes),
        cmocka_unit_test(what_is_written_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
