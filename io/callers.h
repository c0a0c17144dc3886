/* io/callers.h - who may call: names, and the digests of their tokens; and providers of payments, who
 * sign what they say (X-Signature), and their secrets.
 *
 * Made once from a file of lines NAME:TOKEN, NAME:sha256:DIGEST or NAME:hmac:SECRET and then only
 * read, by any thread. A name may stand on several lines, so that an old and a new token, or secret,
 * are good at the same time. */
#ifndef SPATE_IO_CALLERS_H
#define SPATE_IO_CALLERS_H

#include "core/check.h"
#include "core/values.h"

enum {
    CALLERS_MAX = 1024,
    CALLERS_FILE_BYTES_MAX = 256 * 1024,
    CALLER_TOKEN_BYTES_MIN = 16,
    CALLER_TOKEN_BYTES_MAX = 128,
    CALLER_DIGEST_BYTES = 32,
    SIGNERS_MAX = 64,
};

struct caller {
    uint8_t digest[CALLER_DIGEST_BYTES]; /* SHA-256 of the token */
    uint8_t name_bytes;
    char name[ID_BYTES_MAX];
};

struct signer {
    uint8_t name_bytes;
    uint8_t secret_bytes;
    char name[ID_BYTES_MAX];
    char secret[CALLER_TOKEN_BYTES_MAX];
};

struct callers {
    uint32_t count;
    uint32_t signer_count;
    struct signer signers[SIGNERS_MAX];
    struct caller at[CALLERS_MAX]; /* by digest */
};

/* Reads the file's text; NULL, or what is wrong with the line *line. Empty lines and those that begin
 * with # say nothing. */
const char *callers_read(struct callers *callers, struct text file, uint32_t *line) MUST_LOOK;

/* Who has this token; NULL: nobody. How long it takes tells nothing about the tokens there are. */
const struct caller *callers_find(const struct callers *callers, struct text token);

/* Whether `signature` is, with one of that provider's secrets, the HMAC-SHA256 of the time, as it was
 * sent, a '.' and the body. Takes as long for any wrong one. */
bool callers_signed(const struct callers *callers, struct text provider, struct text time,
                    struct text body, const uint8_t signature[CALLER_DIGEST_BYTES]) MUST_LOOK;

#endif
