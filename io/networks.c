#include "io/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const uint8_t four_in_six[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_four(const struct address *address)
{
    return memcmp(address->at, four_in_six, sizeof four_in_six) == 0;
}

bool address_read(struct address *address, struct text text)
{
    char terminated[ADDRESS_TEXT_BYTES_MAX];
    if (text.bytes >= sizeof terminated)
        return false;
    memcpy(terminated, text.at, text.bytes);
    terminated[text.bytes] = '\0';
    memcpy(address->at, four_in_six, sizeof four_in_six);
    return inet_pton(AF_INET, terminated, address->at + sizeof four_in_six) == 1 ||
           inet_pton(AF_INET6, terminated, address->at) == 1;
}

struct text address_print(const struct address *address, char out[ADDRESS_TEXT_BYTES_MAX])
{
    if (is_four(address))
        inet_ntop(AF_INET, address->at + sizeof four_in_six, out, ADDRESS_TEXT_BYTES_MAX);
    else
        inet_ntop(AF_INET6, address->at, out, ADDRESS_TEXT_BYTES_MAX);
    return (struct text){out, (uint32_t)strlen(out)};
}

/* "10.0.0.0/8", "::1" */
static bool read_network(struct network *network, struct text text)
{
    const char *slash = memchr(text.at, '/', text.bytes);
    uint32_t address_bytes = slash == NULL ? text.bytes : (uint32_t)(slash - text.at);
    if (!address_read(&network->address, (struct text){text.at, address_bytes}))
        return false;
    uint32_t width = is_four(&network->address) ? 32 : 128;
    char *end;
    unsigned long bits = slash == NULL ? width : strtoul(slash + 1, &end, 10);
    if (slash != NULL && (slash[1] < '0' || slash[1] > '9' || end != text.at + text.bytes))
        return false;
    network->bits = (uint32_t)(128 - width + bits);
    return bits <= width;
}

const char *networks_read(struct networks *networks, const char *text)
{
    *networks = (struct networks){0};
    while (*text != '\0') {
        struct text one = {text, (uint32_t)strcspn(text, ",")};
        if (one.bytes == 4 && memcmp(one.at, "unix", 4) == 0)
            networks->local = true;
        else if (networks->count == NETWORKS_MAX)
            return "there may be 64 networks at most";
        else if (!read_network(&networks->at[networks->count++], one))
            return "a network is 10.0.0.0/8, 2001:db8::/32, one address, or unix";
        text += one.bytes + (text[one.bytes] == ',');
    }
    return NULL;
}

static bool agree(const struct address *a, const struct address *b, uint32_t bits)
{
    uint32_t whole = bits / 8, rest = bits % 8;
    if (memcmp(a->at, b->at, whole) != 0)
        return false;
    return rest == 0 || ((a->at[whole] ^ b->at[whole]) >> (8 - rest)) == 0;
}

bool networks_have(const struct networks *networks, const struct address *address)
{
    for (uint32_t i = 0; i < networks->count; i++)
        if (agree(&networks->at[i].address, address, networks->at[i].bits))
            return true;
    return false;
}

static struct text trimmed(struct text text)
{
    while (text.bytes > 0 && text.at[text.bytes - 1] == ' ')
        text.bytes--;
    while (text.bytes > 0 && text.at[0] == ' ')
        text = (struct text){text.at + 1, text.bytes - 1};
    return text;
}

bool address_read_node(struct address *address, struct text text)
{
    const char *end = text.at + text.bytes;
    const char *bracket =
        text.bytes > 0 && text.at[0] == '[' ? memchr(text.at, ']', text.bytes) : NULL;
    const char *colon = bracket != NULL ? bracket + 1 : memchr(text.at, ':', text.bytes);
    if (bracket == NULL && colon != NULL &&
        memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL)
        colon = NULL; /* of an address without brackets */
    if (colon != NULL && colon < end && *colon != ':')
        return false;
    for (const char *port = colon == NULL ? end : colon + 1; port < end; port++)
        if (*port < '0' || *port > '9')
            return false;
    if (bracket != NULL)
        return address_read(address, (struct text){text.at + 1, (uint32_t)(bracket - text.at - 1)});
    return address_read(
        address, (struct text){text.at, (uint32_t)((colon == NULL ? end : colon) - text.at)});
}

/* What stands behind the last `mark` that is in no quotes; both are taken off the list. From the right,
 * so that quotes which a stranger has left open cannot swallow what ours have added behind them. */
static struct text last_part(struct text *list, char mark)
{
    bool quoted = false;
    uint32_t begin = list->bytes;
    for (; begin > 0 && (quoted || list->at[begin - 1] != mark); begin--)
        quoted ^= list->at[begin - 1] == '"';
    struct text part = {list->at + begin, list->bytes - begin};
    list->bytes = begin > 0 ? begin - 1 : 0;
    return trimmed(part);
}

/* What one of those on the way says of whom it heard. */
static bool read_heard(enum forwarded form, struct text said, struct address *address)
{
    if (form == FORWARDED_FOR)
        return address_read_node(address, said);
    while (said.bytes > 0) {
        struct text pair = last_part(&said, ';');
        if (pair.bytes < 4 || strncasecmp(pair.at, "for=", 4) != 0)
            continue;
        struct text node = {pair.at + 4, pair.bytes - 4};
        if (node.bytes >= 2 && node.at[0] == '"' && node.at[node.bytes - 1] == '"')
            node = (struct text){node.at + 1, node.bytes - 2};
        return address_read_node(address, node);
    }
    return false;
}

bool networks_client(const struct networks *ours, enum forwarded form, struct text list,
                     struct address *client)
{
    bool found = false;
    while (list.bytes > 0) {
        struct address one;
        if (!read_heard(form, last_part(&list, ','), &one))
            return found;
        *client = one;
        found = true;
        if (!networks_have(ours, &one))
            return true;
    }
    return found;
}
