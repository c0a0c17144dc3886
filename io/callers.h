/* io/callers.h - who may call: names, and the digests of their tokens.
 *
 * Made once from a file of lines NAME:TOKEN or NAME:sha256:DIGEST and then only read, by any thread.
 * A name may stand on several lines, so that an old and a new token are good at the same time. */
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
};

struct caller {
    uint8_t digest[CALLER_DIGEST_BYTES]; /* SHA-256 of the token */
    uint8_t name_bytes;
    char name[ID_BYTES_MAX];
};

struct callers {
    uint32_t count;
    struct caller at[CALLERS_MAX]; /* by digest */
};

/* Reads the file's text; NULL, or what is wrong with the line *line. Empty lines and those that begin
 * with # say nothing. */
const char *callers_read(struct callers *callers, struct text file, uint32_t *line) MUST_LOOK;

/* Who has this token; NULL: nobody. How long it takes tells nothing about the tokens there are. */
const struct caller *callers_find(const struct callers *callers, struct text token);

#endif
