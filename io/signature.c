#include "io/signature.h"

#include "io/framing.h"

#include <string.h>

enum { SIGNED_WINDOW_S = 300 };

static bool read_hex(struct text hex, uint8_t out[CALLER_DIGEST_BYTES])
{
    if (hex.bytes != 2 * CALLER_DIGEST_BYTES)
        return false;
    for (uint32_t i = 0; i < hex.bytes; i++) {
        uint8_t c = (uint8_t)(hex.at[i] | 0x20);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        uint8_t digit = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

/* "t=SECONDS,v1=HEX" */
static bool read_signature(struct text header, struct text *time, uint64_t *seconds,
                           uint8_t out[CALLER_DIGEST_BYTES])
{
    const char *comma = header.bytes > 2 ? memchr(header.at, ',', header.bytes) : NULL;
    if (comma == NULL || memcmp(header.at, "t=", 2) != 0)
        return false;
    *time = (struct text){header.at + 2, (uint32_t)(comma - header.at) - 2};
    struct text rest = {comma + 1, header.bytes - time->bytes - 3};
    return framing_number(*time, seconds) && rest.bytes > 3 && memcmp(rest.at, "v1=", 3) == 0 &&
           read_hex((struct text){rest.at + 3, rest.bytes - 3}, out);
}

static bool is_near(uint64_t seconds, uint64_t now_ns)
{
    uint64_t now = now_ns / 1000000000;
    return seconds > now ? seconds - now <= SIGNED_WINDOW_S : now - seconds <= SIGNED_WINDOW_S;
}

const char *signature_check(struct text header, const struct callers *callers, struct text provider,
                            struct text body, uint64_t now_ns)
{
    uint8_t signature[CALLER_DIGEST_BYTES];
    struct text time;
    uint64_t seconds;
    if (!read_signature(header, &time, &seconds, signature))
        return "X-Signature is no t=SECONDS,v1=HEX";
    if (!is_near(seconds, now_ns))
        return "X-Signature has a time that is more than 300 s off";
    if (callers == NULL || !callers_signed(callers, provider, time, body, signature))
        return "X-Signature is none of that provider";
    return NULL;
}
