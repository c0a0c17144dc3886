#include "io/proxy.h"

#include <string.h>

enum { LINE_BYTES_MAX = 107, HEAD_BYTES = 16, BODY_BYTES_MAX = 4096 };

static const char line_begin[] = "PROXY ";
static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                      0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* Whether as many bytes as there are agree with those that are wanted. */
static bool begins(const uint8_t *bytes, uint32_t count, const void *wanted, uint32_t wanted_bytes)
{
    return memcmp(bytes, wanted, count < wanted_bytes ? count : wanted_bytes) == 0;
}

/* The next word of the line, behind which a blank stands. */
static struct text next_word(struct text *line)
{
    const char *blank = memchr(line->at, ' ', line->bytes);
    uint32_t bytes = blank == NULL ? line->bytes : (uint32_t)(blank - line->at);
    struct text word = {line->at, bytes};
    uint32_t taken = bytes + (blank != NULL);
    *line = (struct text){line->at + taken, line->bytes - taken};
    return word;
}

static bool is(struct text word, const char *wanted)
{
    return strlen(wanted) == word.bytes && memcmp(word.at, wanted, word.bytes) == 0;
}

/* "PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\n" */
static enum proxy_step read_line(const uint8_t *bytes, uint32_t count, uint32_t *consumed,
                                 struct address *client)
{
    uint32_t most = count < LINE_BYTES_MAX ? count : LINE_BYTES_MAX;
    const uint8_t *end = memchr(bytes, '\n', most);
    if (end == NULL)
        return count < LINE_BYTES_MAX ? PROXY_MORE : PROXY_NO_HEADER;
    if (end[-1] != '\r')
        return PROXY_NO_HEADER;
    struct text line = {(const char *)bytes, (uint32_t)(end - 1 - bytes)};
    *consumed = (uint32_t)(end + 1 - bytes);
    next_word(&line);
    struct text family = next_word(&line);
    if (is(family, "UNKNOWN"))
        return PROXY_NOBODY;
    if (!is(family, "TCP4") && !is(family, "TCP6"))
        return PROXY_NO_HEADER;
    return address_read(client, next_word(&line)) ? PROXY_CLIENT : PROXY_NO_HEADER;
}

/* signature, version and command, family and protocol, length, addresses, and what we do not look at */
static enum proxy_step read_binary(const uint8_t *bytes, uint32_t count, uint32_t *consumed,
                                   struct address *client)
{
    if (count < HEAD_BYTES)
        return PROXY_MORE;
    uint32_t version = bytes[12] >> 4, command = bytes[12] & 15, family = bytes[13] >> 4;
    uint32_t body_bytes = (uint32_t)bytes[14] << 8 | bytes[15];
    if (version != 2 || command > 1 || body_bytes > BODY_BYTES_MAX)
        return PROXY_NO_HEADER;
    if (count < HEAD_BYTES + body_bytes)
        return PROXY_MORE;
    *consumed = HEAD_BYTES + body_bytes;
    if (command == 1 && family == 1 && body_bytes >= 12) {
        memset(client->at, 0, 10);
        memset(client->at + 10, 0xff, 2);
        memcpy(client->at + 12, bytes + HEAD_BYTES, 4);
        return PROXY_CLIENT;
    }
    if (command == 1 && family == 2 && body_bytes >= 36) {
        memcpy(client->at, bytes + HEAD_BYTES, 16);
        return PROXY_CLIENT;
    }
    return PROXY_NOBODY;
}

enum proxy_step proxy_read(const void *bytes, uint32_t count, uint32_t *consumed,
                           struct address *client)
{
    if (begins(bytes, count, line_begin, sizeof line_begin - 1))
        return read_line(bytes, count, consumed, client);
    if (begins(bytes, count, signature, sizeof signature))
        return read_binary(bytes, count, consumed, client);
    return PROXY_NO_HEADER;
}
