#include "io/json.h"

#include "core/check.h"
#include "io/json_write.h"
#include "io/scan.h"

#include <string.h>

/* What may come next on a level. */
enum expects {
    EXPECTS_VALUE,          /* at the top, or behind a key */
    EXPECTS_NOTHING,        /* the top value is over */
    EXPECTS_KEY_OR_END,     /* behind { */
    EXPECTS_ELEMENT_OR_END, /* behind [ */
    EXPECTS_COMMA_OR_END,
};

void json_init(struct json *json, void *bytes, uint32_t count)
{
    json->start = bytes;
    json->at = bytes;
    json->end = count > 0 ? json->at + count : json->at;
    json->text = (struct text){NULL, 0};
    json->integer = 0;
    json->fault = JSON_FINE;
    json->fault_at = 0;
    json->depth = 0;
    json->token_at = 0;
    json->keeps = false;
    json->levels[0] = (struct json_level){.expects = EXPECTS_VALUE};
}

static enum json_token wrong_at(struct json *json, enum json_fault fault, const char *at)
{
    json->fault = fault;
    json->fault_at = (uint32_t)(at - json->start);
    return JSON_WRONG;
}

/* The byte at json->at cannot stand there; or there is none. */
static enum json_token wrong_here(struct json *json)
{
    return wrong_at(json, json->at == json->end ? JSON_CUT_OFF : JSON_SYNTAX, json->at);
}

static void skip_space(struct json *json)
{
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\n' || *json->at == '\r' || *json->at == '\t'))
        json->at++;
}

static bool next_is(const struct json *json, char c)
{
    return json->at < json->end && *json->at == c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits behind \u; -1 if they are none. */
static int32_t read_hex4(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4)
        return -1;
    for (uint32_t i = 0; i < 4; i++) {
        int digit = hex_value(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xc0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *to++ = (char)(0xe0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    } else {
        *to++ = (char)(0xf0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3f));
        *to++ = (char)(0x80 | (point >> 6 & 0x3f));
        *to++ = (char)(0x80 | (point & 0x3f));
    }
    return to;
}

/* json->at is behind "\u". NULL: no character, or none that may be. */
static char *unescape_point(struct json *json, char *to)
{
    int32_t point = read_hex4(json->at, json->end);
    if (point <= 0 || (point >= 0xdc00 && point <= 0xdfff))
        return NULL;
    json->at += 4;
    if (point < 0xd800 || point > 0xdbff)
        return put_utf8(to, (uint32_t)point);
    if (json->end - json->at < 6 || json->at[0] != '\\' || json->at[1] != 'u')
        return NULL;
    int32_t low = read_hex4(json->at + 2, json->end);
    if (low < 0xdc00 || low > 0xdfff)
        return NULL;
    json->at += 6;
    return put_utf8(to, 0x10000 + ((uint32_t)(point - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
}

/* json->at is behind the backslash. */
static char *unescape(struct json *json, char *to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end)
        return NULL;
    char c = *json->at++;
    if (c == 'u')
        return unescape_point(json, to);
    const char *found = memchr(from, c, sizeof from - 1);
    if (found == NULL)
        return NULL;
    *to++ = into[found - from];
    return to;
}

/* What is unescaped is never longer than what stood there, so it can stand in its place. */
static enum json_token read_text(struct json *json, enum json_token token)
{
    char *begin = ++json->at;
    json->at += scan_until(begin, json->end, scan_odd); /* most texts are nothing else */
    char *to = json->at, scrap[4];
    while (json->at < json->end && *json->at != '"') {
        char c = *json->at;
        if ((uint8_t)c < ' ')
            return wrong_here(json);
        if (c == '\\') {
            char *escape = json->at++;
            to = unescape(json, json->keeps ? scrap : to);
            if (to == NULL)
                return wrong_at(json, JSON_BAD_ESCAPE, escape);
            if (json->keeps)
                to = json->at;
            continue;
        }
        uint32_t bytes = utf8_bytes(json->at, (uint32_t)(json->end - json->at));
        if (bytes == 0)
            return wrong_at(json, JSON_BAD_UTF8, json->at);
        if (to != json->at)
            memmove(to, json->at, bytes);
        to += bytes;
        json->at += bytes;
    }
    if (json->at == json->end)
        return wrong_here(json);
    json->at++;
    json->text = (struct text){begin, (uint32_t)(to - begin)};
    return token;
}

static bool skip_digits(struct json *json)
{
    const char *before = json->at;
    while (json->at < json->end && is_digit(*json->at))
        json->at++;
    return json->at != before;
}

/* Too long a run of digits must not come back into the range. */
static uint64_t digits_value(const char *at, const char *end)
{
    uint64_t value = 0;
    for (; at < end && value <= (uint64_t)JSON_INTEGER_MAX; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    return value;
}

static enum json_token read_number(struct json *json)
{
    char *begin = json->at;
    bool negative = next_is(json, '-');
    json->at += negative;
    const char *digits = json->at;
    if (next_is(json, '0'))
        json->at++;
    else if (!skip_digits(json))
        return wrong_here(json);
    const char *digits_end = json->at;
    if (next_is(json, '.')) {
        json->at++;
        if (!skip_digits(json))
            return wrong_here(json);
    }
    if (next_is(json, 'e') || next_is(json, 'E')) {
        json->at++;
        if (next_is(json, '+') || next_is(json, '-'))
            json->at++;
        if (!skip_digits(json))
            return wrong_here(json);
    }
    json->text = (struct text){begin, (uint32_t)(json->at - begin)};
    if (json->at != digits_end)
        return JSON_REAL;
    uint64_t value = digits_value(digits, digits_end);
    if (value > (uint64_t)JSON_INTEGER_MAX)
        return wrong_at(json, JSON_NUMBER_TOO_BIG, begin);
    json->integer = negative ? -(int64_t)value : (int64_t)value;
    return JSON_INTEGER;
}

static enum json_token read_word(struct json *json, const char *word, enum json_token token)
{
    for (; *word != 0; word++, json->at++)
        if (!next_is(json, *word))
            return wrong_here(json);
    return token;
}

static enum json_token open_level(struct json *json, bool is_array)
{
    if (json->depth == JSON_DEPTH_MAX)
        return wrong_at(json, JSON_TOO_DEEP, json->at);
    json->at++;
    json->levels[++json->depth] = (struct json_level){
        .is_array = is_array,
        .expects = is_array ? EXPECTS_ELEMENT_OR_END : EXPECTS_KEY_OR_END,
    };
    return is_array ? JSON_ARRAY : JSON_OBJECT;
}

static enum json_token close_level(struct json *json, char bracket)
{
    if (!next_is(json, bracket))
        return wrong_here(json);
    json->at++;
    json->depth--;
    return bracket == ']' ? JSON_ARRAY_END : JSON_OBJECT_END;
}

static enum json_token read_value(struct json *json)
{
    json->levels[json->depth].expects = json->depth == 0 ? EXPECTS_NOTHING : EXPECTS_COMMA_OR_END;
    if (json->at == json->end)
        return wrong_here(json);
    switch (*json->at) {
    case '{':
        return open_level(json, false);
    case '[':
        return open_level(json, true);
    case '"':
        return read_text(json, JSON_TEXT);
    case 't':
        return read_word(json, "true", JSON_TRUE);
    case 'f':
        return read_word(json, "false", JSON_FALSE);
    case 'n':
        return read_word(json, "null", JSON_NULL);
    default:
        return read_number(json);
    }
}

static enum json_token read_key(struct json *json)
{
    struct json_level *level = &json->levels[json->depth];
    if (!next_is(json, '"'))
        return wrong_here(json);
    if (read_text(json, JSON_KEY) == JSON_WRONG)
        return JSON_WRONG;
    level->key = json->text;
    level->expects = EXPECTS_VALUE;
    skip_space(json);
    if (!next_is(json, ':'))
        return wrong_here(json);
    json->at++;
    return JSON_KEY;
}

static enum json_token read_behind_comma(struct json *json)
{
    struct json_level *level = &json->levels[json->depth];
    json->at++;
    skip_space(json);
    json->token_at = (uint32_t)(json->at - json->start);
    if (!level->is_array)
        return read_key(json);
    level->index++;
    return read_value(json);
}

enum json_token json_next(struct json *json)
{
    if (json->fault != JSON_FINE)
        return JSON_WRONG;
    skip_space(json);
    json->token_at = (uint32_t)(json->at - json->start);
    struct json_level *level = &json->levels[json->depth];
    switch ((enum expects)level->expects) {
    case EXPECTS_NOTHING:
        return json->at == json->end ? JSON_END : wrong_here(json);
    case EXPECTS_KEY_OR_END:
        return next_is(json, '}') ? close_level(json, '}') : read_key(json);
    case EXPECTS_ELEMENT_OR_END:
        return next_is(json, ']') ? close_level(json, ']') : read_value(json);
    case EXPECTS_COMMA_OR_END:
        if (next_is(json, ','))
            return read_behind_comma(json);
        return close_level(json, level->is_array ? ']' : '}');
    case EXPECTS_VALUE:
        break;
    }
    return read_value(json);
}

enum json_token json_skip(struct json *json)
{
    uint32_t outside = json->depth - 1;
    enum json_token token;
    do
        token = json_next(json);
    while (token != JSON_WRONG && json->depth > outside);
    return token;
}

const char *json_fault_name(enum json_fault fault)
{
    static const char *const names[JSON_FAULTS] = {
        [JSON_FINE] = "fine",
        [JSON_SYNTAX] = "syntax",
        [JSON_CUT_OFF] = "cut_off",
        [JSON_TOO_DEEP] = "too_deep",
        [JSON_NUMBER_TOO_BIG] = "number_beyond_2_53",
        [JSON_BAD_UTF8] = "bad_utf8",
        [JSON_BAD_ESCAPE] = "bad_escape",
    };
    return names[fault];
}

struct text json_pointer(const struct json *json, char out[JSON_POINTER_BYTES_MAX])
{
    uint32_t used = 0;
    for (uint32_t depth = 1; depth <= json->depth; depth++) {
        const struct json_level *level = &json->levels[depth];
        if (used + 2 * level->key.bytes + 21 > JSON_POINTER_BYTES_MAX)
            break;
        bool is_fresh =
            level->is_array ? level->expects == EXPECTS_ELEMENT_OR_END : level->key.at == NULL;
        if (is_fresh)
            break; /* its bracket was read last */
        out[used++] = '/';
        if (level->is_array) {
            used += json_decimal(level->index, out + used);
            continue;
        }
        for (uint32_t i = 0; i < level->key.bytes; i++) {
            char c = level->key.at[i];
            if (c == '~' || c == '/')
                out[used++] = '~';
            out[used++] = c == '~' ? '0' : c == '/' ? '1' : c;
        }
    }
    return (struct text){out, used};
}
