#include "core/retry.h"

#include <string.h>

#include "core/chain.h"
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
    caller = who_name(caller); /* it may come again from elsewhere */
    for (uint32_t i = 0; i < 2; i++)
        out.word[i] = digest(key.at, key.bytes, digest(caller.at, caller.bytes, i));
    return out;
}

static uint64_t hash_of(uint64_t owner, struct retry_key key)
{
    return digest(&key, sizeof key, owner);
}

static uint32_t find(const struct retries *retries, uint64_t owner, struct retry_key key)
{
    uint64_t probe = 0;
    uint32_t entry;
    while ((entry = table_find(&retries->by_key, hash_of(owner, key), &probe)) != 0) {
        const struct retry *retry = &retries->entries[entry];
        if (retry->owner == owner && memcmp(&retry->key, &key, sizeof key) == 0)
            return entry;
    }
    return 0;
}

const struct retry *retry_find(const struct retries *retries, uint64_t owner, struct retry_key key)
{
    uint32_t entry = find(retries, owner, key);
    return entry != 0 ? &retries->entries[entry] : NULL;
}

const struct retry *retries_oldest(const struct retries *retries)
{
    return retries->first != 0 ? &retries->entries[retries->first] : NULL;
}

bool retries_have_room(const struct retries *retries)
{
    return retries->count < retries->count_max;
}

static uint32_t take_entry(struct retries *retries)
{
    uint32_t entry = retries->first_free;
    if (entry == 0)
        return ++retries->top;
    retries->first_free = retries->entries[entry].next;
    return entry;
}

static enum shard_table keep(struct retries *retries, const struct slice_retry *new)
{
    if (!retries_have_room(retries))
        return SHARD_TABLE_RETRIES;
    uint32_t entry = take_entry(retries);
    retries->count++;
    retries->entries[entry] = (struct retry){
        .key = new->key,
        .digest = new->digest,
        .at_ns = new->at_ns,
        .facts = {new->facts[0], new->facts[1]},
        .owner = new->owner,
        .code = (uint32_t) new->code,
        .slot = new->head.slot,
        .previous = retries->last,
    };
    if (retries->last != 0)
        retries->entries[retries->last].next = entry;
    else
        retries->first = entry;
    retries->last = entry;
    CHECK(table_insert(&retries->by_key, hash_of(new->owner, new->key), entry));
    return SHARD_TABLE_NONE;
}

static void forget(struct retries *retries, const struct slice_retry_forgotten *old)
{
    uint32_t entry = find(retries, old->owner, old->key);
    CHECK(entry != 0);
    struct retry *retry = &retries->entries[entry];
    table_remove(&retries->by_key, hash_of(old->owner, old->key), entry);
    if (retry->previous != 0)
        retries->entries[retry->previous].next = retry->next;
    else
        retries->first = retry->next;
    if (retry->next != 0)
        retries->entries[retry->next].previous = retry->previous;
    else
        retries->last = retry->previous;
    *retry = (struct retry){.next = retries->first_free};
    retries->first_free = entry;
    retries->count--;
}

enum shard_table retry_apply(struct retries *retries, const struct slice *slice)
{
    if (slice->kind == SLICE_RETRY)
        return keep(retries, (const void *)slice);
    CHECK(slice->kind == SLICE_RETRY_FORGOTTEN);
    forget(retries, (const void *)slice);
    return SHARD_TABLE_NONE;
}

/* ---- images ------------------------------------------------------------------------------------ */

bool retries_image(const struct retries *retries, uint64_t *at, struct pile *out)
{
    uint32_t entry = table_each(&retries->by_key, at);
    if (entry == 0)
        return false;
    const struct retry *retry = &retries->entries[entry];
    struct record *record = record_begin(out, retry->slot);
    struct part_retry *part = record_part(out, record, PART_RETRY, sizeof *part);
    part->key = retry->key;
    part->digest = retry->digest;
    part->at_ns = retry->at_ns;
    part->facts[0] = retry->facts[0];
    part->facts[1] = retry->facts[1];
    part->owner = retry->owner;
    part->code = retry->code;
    return true;
}

enum shard_table retry_load(struct retries *retries, uint32_t slot, const struct part_retry *part)
{
    const struct slice_retry slice = {
        .head = {.slot = (uint16_t)slot},
        .key = part->key,
        .digest = part->digest,
        .at_ns = part->at_ns,
        .facts = {part->facts[0], part->facts[1]},
        .owner = part->owner,
        .code = part->code,
    };
    return keep(retries, &slice);
}

static uint32_t *next_of(void *retries, uint32_t entry)
{
    return &((struct retries *)retries)->entries[entry].next;
}

static bool is_before(void *retries, uint32_t a, uint32_t b)
{
    const struct retry *entries = ((struct retries *)retries)->entries;
    return entries[a].at_ns < entries[b].at_ns;
}

void retries_loaded(struct retries *retries)
{
    retries->first = chain_sort(&(struct chain){retries, next_of, is_before}, retries->first);
    uint32_t previous = 0;
    for (uint32_t at = retries->first; at != 0; at = retries->entries[at].next) {
        retries->entries[at].previous = previous;
        previous = at;
    }
    retries->last = previous;
}
