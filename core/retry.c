#include "core/retry.h"

#include <string.h>

#include "core/digest.h"

static size_t entries_bytes(const struct shard_options *options)
{
    return (((size_t)options->retry_count_max + 1) * sizeof(struct retry) + 63) & ~(size_t)63;
}

size_t retries_bytes(const struct shard_options *options)
{
    return entries_bytes(options) + table_bytes(options->retry_count_max);
}

void retries_init(struct retries *retries, void *zeroed_memory, const struct shard_options *options)
{
    *retries = (struct retries){.entries = zeroed_memory, .count_max = options->retry_count_max};
    table_init(&retries->by_key, (char *)zeroed_memory + entries_bytes(options),
               options->retry_count_max);
}

struct retry_key retry_key(struct text caller, struct text key)
{
    struct retry_key out;
    for (uint32_t i = 0; i < 2; i++)
        out.word[i] = digest(key.at, key.bytes, digest(caller.at, caller.bytes, i));
    return out;
}

static uint64_t hash_of(uint64_t owner, struct retry_key key)
{
    return digest(&key, sizeof key, owner);
}

const struct retry *retry_find(const struct retries *retries, uint64_t owner, struct retry_key key)
{
    uint64_t probe = 0;
    uint32_t entry;
    while ((entry = table_find(&retries->by_key, hash_of(owner, key), &probe)) != 0) {
        const struct retry *retry = &retries->entries[entry];
        if (retry->owner == owner && memcmp(&retry->key, &key, sizeof key) == 0)
            return retry;
    }
    return NULL;
}

bool retries_have_room(const struct retries *retries)
{
    return retries->count < retries->count_max;
}

enum shard_table retry_apply(struct retries *retries, const struct slice *slice)
{
    CHECK(slice->kind == SLICE_RETRY);
    const struct slice_retry *new = (const void *)slice;
    if (!retries_have_room(retries))
        return SHARD_TABLE_RETRIES;
    uint32_t entry = ++retries->count;
    retries->entries[entry] = (struct retry){
        .key = new->key,
        .digest = new->digest,
        .at_ns = new->at_ns,
        .facts = {new->facts[0], new->facts[1]},
        .owner = new->owner,
        .code = new->code,
    };
    CHECK(table_insert(&retries->by_key, hash_of(new->owner, new->key), entry));
    return SHARD_TABLE_NONE;
}

uint64_t retries_hash(const struct retries *retries)
{
    uint64_t sum = 0;
    for (uint32_t i = 1; i <= retries->count; i++)
        sum += digest(&retries->entries[i], sizeof retries->entries[i], 0);
    return sum;
}
