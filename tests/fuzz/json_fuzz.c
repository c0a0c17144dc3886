/* tests/fuzz/json_fuzz.c - our reader of JSON against jansson's: both take a text or neither does,
 * and what they make of it is equal; what our writer writes, our reader reads. */
#include "io/json.h"
#include "io/json_write.h"

#include "tests/fuzz/fuzz.h"

/* Both have enumerators of these names. */
#define JSON_OBJECT  JANSSON_OBJECT
#define JSON_ARRAY   JANSSON_ARRAY
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_REAL    JANSSON_REAL
#define JSON_TRUE    JANSSON_TRUE
#define JSON_FALSE   JANSSON_FALSE
#define JSON_NULL    JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_INTEGER
#undef JSON_REAL
#undef JSON_TRUE
#undef JSON_FALSE
#undef JSON_NULL

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fuzz_seeds[] = {
    "{\"order_id\":\"20201111-1\",\"customer\":\"c778812\",\"currency\":\"CNY\",\"lines\":"
    "[{\"sku\":\"SKU-17\",\"units\":2,\"unit_price\":1999}],\"pay_by\":null}",
    "[1,-2,0,-0,1.5,1e3,-1.25E-2,9007199254740992,-9007199254740993,1e400]",
    "[true,false,null,\"\",{},[],[[]],{\"a\":{}}]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\ude00\\u0000\\ud800\"",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf\xef\xbf\xbf\xf4\x8f\xbf\xbf\"",
    " { \"a\" : [ 1 , 2 ] , \"a\" : 3 } ",
    "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
    "{\"a/b\":1,\"~\":2,\"\":3}",
    NULL,
};

static const uint8_t *current;
static size_t current_bytes;

static void fail(const char *what)
{
    fprintf(stderr, "%s: ", what);
    fuzz_print(current, current_bytes);
    abort();
}

/* A number that the one keeps as text and the other cannot keep at all. */
static bool has_infinity;

static json_t *value_of(struct json *json, enum json_token token);

static json_t *object_of(struct json *json)
{
    json_t *object = json_object();
    for (;;) {
        enum json_token token = json_next(json);
        if (token == JSON_OBJECT_END)
            return object;
        if (token != JSON_KEY)
            break;
        char key[4097] = "";
        memcpy(key, json->text.at, json->text.bytes);
        json_t *value = value_of(json, json_next(json));
        if (value == NULL)
            break;
        json_object_set_new(object, key, value);
    }
    json_decref(object);
    return NULL;
}

static json_t *array_of(struct json *json)
{
    json_t *array = json_array();
    for (;;) {
        enum json_token token = json_next(json);
        if (token == JSON_ARRAY_END)
            return array;
        json_t *value = value_of(json, token);
        if (value == NULL)
            break;
        json_array_append_new(array, value);
    }
    json_decref(array);
    return NULL;
}

static json_t *real_of(struct text text)
{
    char number[4097] = "";
    memcpy(number, text.at, text.bytes);
    double value = strtod(number, NULL);
    if (isinf(value)) {
        has_infinity = true;
        return json_null();
    }
    return json_real(value);
}

static json_t *value_of(struct json *json, enum json_token token)
{
    switch (token) {
    case JSON_OBJECT:
        return object_of(json);
    case JSON_ARRAY:
        return array_of(json);
    case JSON_TEXT:
        return json_stringn(json->text.at, json->text.bytes);
    case JSON_INTEGER:
        return json_integer(json->integer);
    case JSON_REAL:
        return real_of(json->text);
    case JSON_TRUE:
        return json_true();
    case JSON_FALSE:
        return json_false();
    case JSON_NULL:
        return json_null();
    case JSON_WRONG:
    case JSON_END:
    case JSON_OBJECT_END:
    case JSON_ARRAY_END:
    case JSON_KEY:
        break;
    }
    return NULL;
}

static void check_against_jansson(const uint8_t *input, size_t bytes)
{
    static struct json json;
    static char copy[65536];
    json_error_t error;
    memcpy(copy, input, bytes);
    json_init(&json, copy, (uint32_t)bytes);
    has_infinity = false;
    json_t *ours = value_of(&json, json_next(&json));
    bool is_taken = ours != NULL && json_next(&json) == JSON_END;
    json_t *theirs = json_loadb((const char *)input, bytes, JSON_DECODE_ANY, &error);
    if (is_taken && !has_infinity && theirs == NULL)
        fail(error.text);
    if (is_taken && !has_infinity && !json_equal(ours, theirs))
        fail("another value than jansson's");
    /* jansson overlooks a NUL behind a number */
    bool is_stricter = json.fault == JSON_TOO_DEEP || json.fault == JSON_NUMBER_TOO_BIG ||
                       memchr(input, 0, bytes) != NULL;
    if (!is_taken && !is_stricter && theirs != NULL)
        fail(json_fault_name(json.fault));
    if (!is_taken && json.fault_at > bytes)
        fail("the fault lies behind the end");
    char pointer[JSON_POINTER_BYTES_MAX];
    if (json_pointer(&json, pointer).bytes > sizeof pointer)
        fail("the pointer is too long");
    json_decref(ours);
    json_decref(theirs);
}

static enum json_token last_token(struct json *json)
{
    enum json_token token;
    do
        token = json_next(json);
    while (token != JSON_WRONG && token != JSON_END);
    return token;
}

/* Who only looks sees the same, and leaves the bytes as they were. */
static void check_looking(const uint8_t *input, size_t bytes)
{
    static struct json looking, taking;
    static char looked_at[4096], taken[4096];
    memcpy(looked_at, input, bytes);
    memcpy(taken, input, bytes);
    json_init(&looking, looked_at, (uint32_t)bytes);
    json_init(&taking, taken, (uint32_t)bytes);
    looking.keeps = true;
    if (last_token(&looking) != last_token(&taking) || looking.fault != taking.fault ||
        looking.fault_at != taking.fault_at)
        fail("who only looks sees something else");
    if (memcmp(looked_at, input, bytes) != 0)
        fail("looking has changed the bytes");
}

/* Any bytes can be written as a text, and come back if they are UTF-8 without NUL. */
static void check_writer(const uint8_t *input, size_t bytes)
{
    static uint8_t memory[65536 * 6];
    struct pile pile = {memory, 0, sizeof memory};
    struct json_writer writer = {.pile = &pile};
    struct json json;
    json_write_text(&writer, (struct text){(const char *)input, (uint32_t)bytes});
    json_t *theirs =
        json_loadb((const char *)memory, pile.used_bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (theirs == NULL)
        fail("jansson does not read what was written");
    json_t *same = json_stringn((const char *)input, bytes);
    if (same != NULL && !json_equal(same, theirs))
        fail("jansson reads another text than was written");
    json_init(&json, memory, pile.used_bytes);
    if (memchr(input, 0, bytes) == NULL && json_next(&json) != JSON_TEXT)
        fail("what was written cannot be read");
    json_decref(theirs);
    json_decref(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    if (bytes > 4096)
        return 0;
    current = input;
    current_bytes = bytes;
    check_against_jansson(input, bytes);
    check_looking(input, bytes);
    check_writer(input, bytes);
    return 0;
}
