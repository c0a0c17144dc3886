#include "io/answer_parts.h"

#include "io/time_text.h"

void member_sku(struct json_writer *writer, const struct http_server *server, uint32_t sku)
{
    struct catalogue_sku entry;
    struct text code = {NULL, 0};
    if (catalogue_read(server->catalogue, sku, &entry))
        code = (struct text){entry.code, entry.code_bytes};
    json_member_text(writer, "sku", code);
}

void member_currency(struct json_writer *writer, uint32_t currency)
{
    const char letters[3] = {(char)(currency & 0xff), (char)(currency >> 8 & 0xff),
                             (char)(currency >> 16 & 0xff)};
    json_member_text(writer, "currency", (struct text){letters, 3});
}

void member_time(struct json_writer *writer, const char *key, uint64_t ns)
{
    char text[TIME_TEXT_BYTES_MAX];
    if (ns != 0)
        json_member_text(writer, key, time_text_print(ns, text));
}

void member_said(struct json_writer *writer, const char *key, struct text text)
{
    if (text.bytes > 0)
        json_member_text(writer, key, text);
}
