/* io/json.h - JSON texts: a strict reader that hands out one token at a time.
 *
 * It does not allocate, and takes what RFC 8259 allows but for: numbers that are integers beyond
 * 2^53, nesting deeper than JSON_DEPTH_MAX, bad UTF-8 and lone surrogates, and U+0000 in a text. It
 * unescapes texts in place, so the bytes must be writable; what was read stays valid with them. Once
 * something was wrong, every later call says so again. */
#ifndef SPATE_IO_JSON_H
#define SPATE_IO_JSON_H

#include "core/values.h"

enum { JSON_DEPTH_MAX = 16, JSON_POINTER_BYTES_MAX = 256 };

#define JSON_INTEGER_MAX (INT64_C(1) << 53)

enum json_token {
    JSON_WRONG, /* see json->fault */
    JSON_END,   /* the text is over, with nothing behind it */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,     /* json->text; its value is next */
    JSON_TEXT,    /* json->text */
    JSON_INTEGER, /* json->integer */
    JSON_REAL,    /* a number with a fraction or an exponent; its bytes are json->text */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

enum json_fault {
    JSON_FINE,
    JSON_SYNTAX,
    JSON_CUT_OFF, /* the bytes end before the text does */
    JSON_TOO_DEEP,
    JSON_NUMBER_TOO_BIG,
    JSON_BAD_UTF8,
    JSON_BAD_ESCAPE,
    JSON_FAULTS
};

struct json_level {
    struct text key; /* of the member that is being read */
    uint32_t index;  /* of the element that is being read */
    bool is_array;
    uint8_t expects; /* private to json.c */
};

struct json {
    char *start;
    char *at;
    char *end;
    struct text text;
    int64_t integer;
    enum json_fault fault;
    uint32_t fault_at; /* the byte at which it went wrong */
    uint32_t depth;
    uint32_t token_at; /* where the last token began */
    bool keeps;        /* only looks: the bytes stay as they are, and texts are not unescaped */
    struct json_level levels[JSON_DEPTH_MAX + 1];
};

void json_init(struct json *json, void *bytes, uint32_t count);

enum json_token json_next(struct json *json);

/* Reads on to the end of the object or array whose bracket was read last. */
enum json_token json_skip(struct json *json);

const char *json_fault_name(enum json_fault fault);

/* RFC 6901 pointer to what was read last; cut off if it is longer than there is room. */
struct text json_pointer(const struct json *json, char out[JSON_POINTER_BYTES_MAX]);

#endif
