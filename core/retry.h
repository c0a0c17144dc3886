/* core/retry.h - keys of requests that moved stock, so that a retry gets the first answer.
 *
 * Owned by one shard, beside the SKUs and orders that the keys protect. A key is known by 128 bits of it and
 * of the caller's name; with it stands the digest of the request and what its answer needs. It
 * leaves by an event of its own when the window for retries has passed. */
#ifndef SPATE_CORE_RETRY_H
#define SPATE_CORE_RETRY_H

#include "core/code.h"
#include "core/event.h"
#include "core/image.h"
#include "core/shard.h"
#include "core/table.h"

struct retry_key {
    uint64_t word[2];
};

struct slice_retry {
    struct slice head;
    struct retry_key key;
    uint64_t digest;
    uint64_t at_ns;
    uint64_t facts[2]; /* of the answer, by kind of request */
    uint64_t owner;    /* the number of a SKU, or the hash of an order's id */
    uint64_t code;     /* enum code */
};
_Static_assert(sizeof(struct slice_retry) == 72, "as it stands in the log");

struct slice_retry_forgotten {
    struct slice head;
    struct retry_key key;
    uint64_t owner;
};
_Static_assert(sizeof(struct slice_retry_forgotten) == 32, "as it stands in the log");

struct part_retry {
    struct part head;
    struct retry_key key;
    uint64_t digest;
    uint64_t at_ns;
    uint64_t facts[2];
    uint64_t owner;
    uint64_t code;
};
_Static_assert(sizeof(struct part_retry) == 72, "as it stands in images");

struct retry {
    struct retry_key key;
    uint64_t digest;
    uint64_t at_ns;
    uint64_t facts[2];
    uint64_t owner;
    uint32_t code;
    uint16_t slot;
    uint16_t zero;
    uint32_t next; /* in order of arrival; or the next free entry */
    uint32_t previous;
};

struct retries {
    struct retry *entries; /* counted from 1 */
    struct table by_key;
    uint32_t count;
    uint32_t count_max;
    uint32_t top; /* entries above were never used */
    uint32_t first_free;
    uint32_t first; /* the oldest */
    uint32_t last;
};

size_t retries_bytes(const struct shard_options *options);
void retries_init(struct retries *retries, void *zeroed_memory,
                  const struct shard_options *options);

struct retry_key retry_key(struct text caller, struct text key);
/* NULL: not known. */
const struct retry *retry_find(const struct retries *retries, uint64_t owner, struct retry_key key);
bool retries_have_room(const struct retries *retries);

/* NULL: there is none. */
const struct retry *retries_oldest(const struct retries *retries);

enum shard_table retry_apply(struct retries *retries, const struct slice *slice) MUST_LOOK;

/* See core/image.h. */
bool retries_image(const struct retries *retries, uint64_t *at, struct pile *out);
enum shard_table retry_load(struct retries *retries, uint32_t slot,
                            const struct part_retry *part) MUST_LOOK;
/* Keys that came slot by slot leave oldest first again. */
void retries_loaded(struct retries *retries);

#endif
