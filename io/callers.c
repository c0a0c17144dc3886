/* HMAC needs no more than the hash does, and then no memory is taken for it. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "io/callers.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const struct caller *)a)->digest, ((const struct caller *)b)->digest,
                  CALLER_DIGEST_BYTES);
}

static void digest_of(struct text token, uint8_t out[CALLER_DIGEST_BYTES])
{
    SHA256((const unsigned char *)token.at, token.bytes, out);
}

static struct text trimmed(struct text text)
{
    while (text.bytes > 0 && strchr(" \t\r", text.at[text.bytes - 1]) != NULL)
        text.bytes--;
    while (text.bytes > 0 && strchr(" \t", text.at[0]) != NULL)
        text = (struct text){text.at + 1, text.bytes - 1};
    return text;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *read_digest(struct text hex, uint8_t out[CALLER_DIGEST_BYTES])
{
    if (hex.bytes != 2 * CALLER_DIGEST_BYTES)
        return "a digest has 64 lower-case hexadecimal digits";
    for (uint32_t i = 0; i < CALLER_DIGEST_BYTES; i++) {
        int high = hex_value(hex.at[2 * i]), low = hex_value(hex.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return "a digest has 64 lower-case hexadecimal digits";
        out[i] = (uint8_t)(high * 16 + low);
    }
    return NULL;
}

/* What a header can carry as it is: printable, no space. */
static bool is_token(struct text token)
{
    for (uint32_t i = 0; i < token.bytes; i++)
        if (token.at[i] <= ' ' || token.at[i] > '~')
            return false;
    return token.bytes >= CALLER_TOKEN_BYTES_MIN && token.bytes <= CALLER_TOKEN_BYTES_MAX;
}

static const char *read_secret(struct text secret, uint8_t out[CALLER_DIGEST_BYTES])
{
    static const char prefix[] = "sha256:";
    uint32_t prefix_bytes = sizeof prefix - 1;
    if (secret.bytes >= prefix_bytes && memcmp(secret.at, prefix, prefix_bytes) == 0)
        return read_digest((struct text){secret.at + prefix_bytes, secret.bytes - prefix_bytes},
                           out);
    if (!is_token(secret))
        return "a token has 16 to 128 printable characters and no space";
    digest_of(secret, out);
    return NULL;
}

static const char *read_signer(struct callers *callers, struct text name, struct text secret)
{
    if (!is_token(secret))
        return "a secret has 16 to 128 printable characters and no space";
    if (callers->signer_count == SIGNERS_MAX)
        return "there may be 64 secrets at most";
    struct signer *signer = &callers->signers[callers->signer_count++];
    signer->name_bytes = (uint8_t)name.bytes;
    memcpy(signer->name, name.at, name.bytes);
    signer->secret_bytes = (uint8_t)secret.bytes;
    memcpy(signer->secret, secret.at, secret.bytes);
    return NULL;
}

static const char *read_line(struct callers *callers, struct text line)
{
    if (line.bytes == 0 || line.at[0] == '#')
        return NULL;
    const char *colon = memchr(line.at, ':', line.bytes);
    if (colon == NULL)
        return "this is no NAME:TOKEN";
    struct text name = {line.at, (uint32_t)(colon - line.at)};
    if (!id_valid(name))
        return "a name has 1 to 32 of 0-9 A-Z a-z . _ -";
    struct text secret = {colon + 1, line.bytes - name.bytes - 1};
    if (secret.bytes >= 5 && memcmp(secret.at, "hmac:", 5) == 0)
        return read_signer(callers, name, (struct text){secret.at + 5, secret.bytes - 5});
    if (callers->count == CALLERS_MAX)
        return "there may be 1024 tokens at most";
    struct caller *caller = &callers->at[callers->count++];
    caller->name_bytes = (uint8_t)name.bytes;
    memcpy(caller->name, name.at, name.bytes);
    return read_secret(secret, caller->digest);
}

static bool has_same_digest_twice(const struct callers *callers)
{
    for (uint32_t i = 1; i < callers->count; i++)
        if (by_digest(&callers->at[i - 1], &callers->at[i]) == 0)
            return true;
    return false;
}

const char *callers_read(struct callers *callers, struct text file, uint32_t *line)
{
    callers->count = 0;
    callers->signer_count = 0;
    *line = 0;
    while (file.bytes > 0) {
        const char *end = memchr(file.at, '\n', file.bytes);
        uint32_t bytes = end == NULL ? file.bytes : (uint32_t)(end - file.at);
        uint32_t taken = end == NULL ? bytes : bytes + 1;
        ++*line;
        const char *wrong = read_line(callers, trimmed((struct text){file.at, bytes}));
        if (wrong != NULL)
            return wrong;
        file = (struct text){file.at + taken, file.bytes - taken};
    }
    if (callers->count == 0 && callers->signer_count == 0)
        return "nobody stands in it";
    qsort(callers->at, callers->count, sizeof callers->at[0], by_digest);
    return has_same_digest_twice(callers) ? "a token stands in it twice" : NULL;
}

/* The order of digests says nothing about tokens: whoever could aim at a digest could make tokens.
 * The last word is a comparison in constant time all the same. */
const struct caller *callers_find(const struct callers *callers, struct text token)
{
    struct caller wanted;
    if (token.bytes > CALLER_TOKEN_BYTES_MAX)
        return NULL;
    digest_of(token, wanted.digest);
    uint32_t low = 0, high = callers->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (by_digest(&callers->at[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool is_found = low < callers->count &&
                    CRYPTO_memcmp(callers->at[low].digest, wanted.digest, CALLER_DIGEST_BYTES) == 0;
    return is_found ? &callers->at[low] : NULL;
}

/* ---- signatures -------------------------------------------------------------------------------- */

enum { BLOCK_BYTES = 64 };

/* The secret, padded to a block, with one constant or the other: RFC 2104. */
static void hash_pad(SHA256_CTX *hash, const uint8_t key[BLOCK_BYTES], uint8_t pad)
{
    uint8_t padded[BLOCK_BYTES];
    for (uint32_t i = 0; i < BLOCK_BYTES; i++)
        padded[i] = key[i] ^ pad;
    SHA256_Init(hash);
    SHA256_Update(hash, padded, sizeof padded);
}

static void sign(const struct signer *signer, struct text time, struct text body,
                 uint8_t out[CALLER_DIGEST_BYTES])
{
    uint8_t key[BLOCK_BYTES] = {0};
    SHA256_CTX hash;
    if (signer->secret_bytes > BLOCK_BYTES)
        SHA256((const uint8_t *)signer->secret, signer->secret_bytes, key);
    else
        memcpy(key, signer->secret, signer->secret_bytes);
    hash_pad(&hash, key, 0x36);
    SHA256_Update(&hash, time.at, time.bytes);
    SHA256_Update(&hash, ".", 1);
    SHA256_Update(&hash, body.at, body.bytes);
    SHA256_Final(out, &hash);
    hash_pad(&hash, key, 0x5c);
    SHA256_Update(&hash, out, CALLER_DIGEST_BYTES);
    SHA256_Final(out, &hash);
}

bool callers_signed(const struct callers *callers, struct text provider, struct text time,
                    struct text body, const uint8_t signature[CALLER_DIGEST_BYTES])
{
    bool is_good = false;
    for (uint32_t i = 0; i < callers->signer_count; i++) {
        const struct signer *signer = &callers->signers[i];
        uint8_t right[CALLER_DIGEST_BYTES];
        if (signer->name_bytes != provider.bytes ||
            memcmp(signer->name, provider.at, provider.bytes) != 0)
            continue;
        sign(signer, time, body, right);
        is_good |= CRYPTO_memcmp(right, signature, sizeof right) == 0;
    }
    return is_good;
}
