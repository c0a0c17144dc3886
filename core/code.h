/* core/code.h - every answer there is, in one table: its name on the wire, its HTTP status, whether
 * the same request may succeed later, and what it means in a sentence.
 *
 * The numbers are the binary protocol's and never change; new ones go to the end of their group. */
#ifndef SPATE_CORE_CODE_H
#define SPATE_CORE_CODE_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define CODES(X) \
    /* id                     nr  name                      http  again  title */ \
    X(CODE_OK,                 0, "ok",                      200, false, "Done") \
    X(CODE_CREATED,            1, "created",                 201, false, "Created") \
    X(CODE_REPLAYED,           2, "replayed",                201, false, "Known already; this is the first answer again") \
    X(CODE_MALFORMED,         16, "malformed",               400, false, "The request cannot be read") \
    X(CODE_KEY_MISSING,       17, "idempotency_key_missing", 400, false, "This request needs an Idempotency-Key") \
    X(CODE_UNAUTHORIZED,      18, "unauthorized",            401, false, "The token is missing or unknown") \
    X(CODE_FORBIDDEN,         19, "forbidden",               403, false, "Not allowed") \
    X(CODE_NOT_FOUND,         20, "not_found",               404, false, "No such thing") \
    X(CODE_METHOD,            21, "method_not_allowed",      405, false, "This resource does not take that method") \
    X(CODE_OUT_OF_STOCK,      22, "out_of_stock",            409, true,  "Not enough stock") \
    X(CODE_ILLEGAL,           23, "illegal_transition",      409, false, "The state does not allow this move") \
    X(CODE_LIMIT,             24, "limit",                   409, false, "More than the limit allows") \
    X(CODE_EXPIRED_REQUEST,   25, "issued_at_too_old",       410, false, "Older than the window for retries; not executed") \
    X(CODE_STALE,             26, "stale",                   412, true,  "If-Match does not match") \
    X(CODE_TOO_LARGE,         27, "too_large",               413, false, "Larger than the limit") \
    X(CODE_MEDIA_TYPE,        28, "media_type",              415, false, "The body must be application/json") \
    X(CODE_INVALID,           29, "invalid",                 422, false, "A field's value is not allowed") \
    X(CODE_UNKNOWN_SKU,       30, "unknown_sku",             422, false, "No such SKU") \
    X(CODE_UNKNOWN_WAREHOUSE, 31, "unknown_warehouse",       422, false, "No such warehouse") \
    X(CODE_CURRENCY_MISMATCH, 32, "currency_mismatch",       422, false, "The currency differs from the SKU's") \
    X(CODE_KEY_REUSED,        33, "key_reused",              422, false, "This id or key was used with another body") \
    X(CODE_OVERFLOW,          34, "overflow",                422, false, "A sum leaves the range of 64 bits") \
    X(CODE_MATCH_REQUIRED,    35, "if_match_required",       428, false, "This request needs If-Match") \
    X(CODE_RATE_LIMITED,      36, "rate_limited",            429, true,  "Too many requests") \
    X(CODE_INTERNAL,          37, "internal",                500, true,  "Our mistake") \
    X(CODE_BUSY,              38, "busy",                    503, true,  "Too much at once; try again") \
    X(CODE_STORAGE_FULL,      39, "storage_full",            503, true,  "The log's disk is full") \
    X(CODE_BEHIND,            40, "behind",                  503, true,  "min_seq has not been reached in time") \
    X(CODE_FULL,              41, "full",                    507, false, "A table has reached its capacity") \
    X(CODE_UNKNOWN_REGION,    42, "unknown_region",          422, false, "No such region") \
    X(CODE_TIMEOUT,           43, "timeout",                 408, true,  "The request took too long to arrive") \
    X(CODE_HEAD_TOO_LARGE,    44, "head_too_large",          431, false, "Request line and headers are larger than the limit")
/* clang-format on */

enum code {
#define X(id, number, name, status, again, title) id = number,
    CODES(X)
#undef X
        CODE_LIMIT_NUMBER = 45 /* every code is below */
};

struct code_facts {
    const char *name;
    const char *title;
    uint16_t status;
    bool retryable;
};

/* Facts of a code; NULL for a number that stands for none. */
const struct code_facts *code_facts(uint32_t code);

#endif
