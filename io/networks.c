#include "io/networks.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

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

bool networks_client(const struct networks *ours, struct text forwarded, struct address *client)
{
    bool found = false;
    while (forwarded.bytes > 0) {
        uint32_t begin = forwarded.bytes;
        while (begin > 0 && forwarded.at[begin - 1] != ',')
            begin--;
        struct address one;
        if (!address_read(&one,
                          trimmed((struct text){forwarded.at + begin, forwarded.bytes - begin})))
            return found;
        *client = one;
        found = true;
        if (!networks_have(ours, &one) || begin == 0)
            return true;
        forwarded.bytes = begin - 1;
    }
    return found;
}
