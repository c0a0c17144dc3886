#include "io/json_write.h"

#include "io/scan.h"

/* A product is quicker than a quotient; the 20th power of ten would be too large. */
static uint32_t digit_count(uint64_t value)
{
    uint32_t count = 1;
    for (uint64_t power = 10; count < 20 && value >= power; power *= 10)
        count++;
    return count;
}

uint32_t json_decimal(uint64_t value, char out[20])
{
    uint32_t count = digit_count(value);
    for (uint32_t i = count - 1; i > 0; value /= 10)
        out[i--] = (char)('0' + value % 10);
    out[0] = (char)('0' + value);
    return count;
}

static inline void write_char(struct json_writer *writer, char c)
{
    *json_take(writer, 1) = c;
}

static inline void write_comma(struct json_writer *writer)
{
    if (writer->comma)
        write_char(writer, ',');
    writer->comma = true;
}

void json_write_open(struct json_writer *writer, char bracket)
{
    write_comma(writer);
    write_char(writer, bracket);
    writer->comma = false;
}

void json_write_close(struct json_writer *writer, char bracket)
{
    write_char(writer, bracket);
    writer->comma = true;
}

static void write_escaped(struct json_writer *writer, char c)
{
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\') {
        write_char(writer, '\\');
        write_char(writer, c);
        return;
    }
    char escape[6] = {'\\', 'u', '0', '0', hex[(uint8_t)c >> 4], hex[c & 15]};
    json_write_raw(writer, escape, sizeof escape);
}

/* Bytes at the beginning that can stand in JSON as they are. */
static uint32_t plain_bytes(const char *at, const char *end)
{
    const char *begin = at;
    while (at < end && (uint8_t)*at >= ' ' && *at != '"' && *at != '\\' && *at != 0x7f) {
        uint32_t bytes = utf8_bytes(at, (uint32_t)(end - at));
        if (bytes == 0)
            break;
        at += bytes;
    }
    return (uint32_t)(at - begin);
}

static void write_pieces(struct json_writer *writer, const char *at, const char *end)
{
    while (at < end) {
        uint32_t bytes = plain_bytes(at, end);
        json_write_raw(writer, at, bytes);
        at += bytes;
        if (at == end)
            break;
        if ((uint8_t)*at < 0x80)
            write_escaped(writer, *at);
        else
            json_write_raw(writer, "\xef\xbf\xbd", 3);
        at++;
    }
}

static bool is_plain(uint8_t c)
{
    /* one bit a character: all that is printable but " and \ */
    static const uint64_t plain[4] = {UINT64_C(0xfffffffb00000000), UINT64_C(0x7fffffffefffffff)};
    return plain[c / 64] >> c % 64 & 1;
}

static bool copy_plain_eight(char *to, const char *from)
{
    uint64_t eight;
    memcpy(&eight, from, sizeof eight);
    memcpy(to, &eight, sizeof eight);
    return scan_odd(eight) == 0;
}

/* The first and the last four of 4..7, some of them twice. */
static bool copy_plain_few(char *to, struct text text)
{
    uint32_t first, last;
    memcpy(&first, text.at, sizeof first);
    memcpy(&last, text.at + text.bytes - sizeof last, sizeof last);
    memcpy(to, &first, sizeof first);
    memcpy(to + text.bytes - sizeof last, &last, sizeof last);
    return scan_odd((uint64_t)last << 32 | first) == 0;
}

/* Texts are short: their bytes are looked at and copied in one go. Bytes up to the first odd one. */
static uint32_t copy_plain(char *to, struct text text)
{
    uint32_t i = 0;
    while (i + 8 <= text.bytes && copy_plain_eight(to + i, text.at + i))
        i += 8;
    if (i > 0 && text.bytes - i < 8 &&
        copy_plain_eight(to + text.bytes - 8, text.at + text.bytes - 8))
        return text.bytes;
    if (text.bytes >= 4 && text.bytes < 8 && copy_plain_few(to, text))
        return text.bytes;
    for (; i < text.bytes && is_plain((uint8_t)text.at[i]); i++)
        to[i] = text.at[i];
    return i;
}

void json_write_text(struct json_writer *writer, struct text text)
{
    struct pile *pile = writer->pile;
    CHECK(pile->capacity_bytes - pile->used_bytes >= text.bytes + 3);
    char *at = (char *)pile->at + pile->used_bytes;
    if (writer->comma)
        *at++ = ',';
    *at++ = '"';
    uint32_t plain = copy_plain(at, text);
    at += plain;
    pile->used_bytes = (uint32_t)((uint8_t *)at - pile->at);
    if (plain < text.bytes)
        write_pieces(writer, text.at + plain, text.at + text.bytes);
    write_char(writer, '"');
    writer->comma = true;
}

void json_write_unsigned(struct json_writer *writer, uint64_t value)
{
    write_comma(writer);
    struct pile *pile = writer->pile;
    CHECK(pile->capacity_bytes - pile->used_bytes >= 20);
    pile->used_bytes += json_decimal(value, (char *)pile->at + pile->used_bytes);
}

void json_write_integer(struct json_writer *writer, int64_t value)
{
    if (value >= 0) {
        json_write_unsigned(writer, (uint64_t)value);
        return;
    }
    write_comma(writer);
    write_char(writer, '-');
    writer->comma = false;
    json_write_unsigned(writer, 0 - (uint64_t)value);
}

void json_write_bool(struct json_writer *writer, bool value)
{
    write_comma(writer);
    if (value)
        json_write_raw(writer, "true", 4);
    else
        json_write_raw(writer, "false", 5);
}
