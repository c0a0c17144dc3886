/* io/json_write.h - JSON, appended to a pile that has room for it: to run out of room is our own
 * mistake. */
#ifndef SPATE_IO_JSON_WRITE_H
#define SPATE_IO_JSON_WRITE_H

#include <string.h>

#include "core/check.h"
#include "core/turn.h"
#include "core/values.h"

struct json_writer {
    struct pile *pile;
    bool comma; /* something stands before what comes next */
};

void json_write_open(struct json_writer *writer, char bracket);
void json_write_close(struct json_writer *writer, char bracket);
/* Bytes that are no UTF-8 come out as U+FFFD. */
void json_write_text(struct json_writer *writer, struct text text);
void json_write_integer(struct json_writer *writer, int64_t value);
void json_write_unsigned(struct json_writer *writer, uint64_t value);
void json_write_bool(struct json_writer *writer, bool value);

/* Room for that many bytes more, which the caller now fills. */
static inline char *json_take(struct json_writer *writer, uint32_t count)
{
    struct pile *pile = writer->pile;
    CHECK(pile->capacity_bytes - pile->used_bytes >= count);
    char *at = (char *)pile->at + pile->used_bytes;
    pile->used_bytes += count;
    return at;
}

/* Bytes as they are. */
static inline void json_write_raw(struct json_writer *writer, const void *bytes, uint32_t count)
{
    memcpy(json_take(writer, count), bytes, count);
}

/* Here, so that the length of a key that stands in the source is known when it is compiled. */
static inline void json_write_key(struct json_writer *writer, const char *key)
{
    uint32_t bytes = (uint32_t)strlen(key);
    uint32_t comma = writer->comma;
    char *at = json_take(writer, comma + bytes + 3);
    *at = ',';
    at += comma;
    *at++ = '"';
    memcpy(at, key, bytes);
    at[bytes] = '"';
    at[bytes + 1] = ':';
    writer->comma = false;
}

/* A member in one go. */
static inline void json_member_text(struct json_writer *writer, const char *key, struct text text)
{
    json_write_key(writer, key);
    json_write_text(writer, text);
}

static inline void json_member_open(struct json_writer *writer, const char *key, char bracket)
{
    json_write_key(writer, key);
    json_write_open(writer, bracket);
}

static inline void json_member_bool(struct json_writer *writer, const char *key, bool value)
{
    json_write_key(writer, key);
    json_write_bool(writer, value);
}

static inline void json_member_integer(struct json_writer *writer, const char *key, int64_t value)
{
    json_write_key(writer, key);
    json_write_integer(writer, value);
}

static inline void json_member_unsigned(struct json_writer *writer, const char *key, uint64_t value)
{
    json_write_key(writer, key);
    json_write_unsigned(writer, value);
}

/* The bytes of the number's digits. */
uint32_t json_decimal(uint64_t value, char out[20]);

#endif
