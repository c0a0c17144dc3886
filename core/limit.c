#include "core/limit.h"

#include <string.h>

#include "core/digest.h"

static size_t entries_bytes(const struct shard_options *options)
{
    return (((size_t)options->limit_count_max + 1) * sizeof(struct limit_entry) + 63) & ~(size_t)63;
}

size_t limits_bytes(const struct shard_options *options)
{
    return entries_bytes(options) + table_bytes(options->limit_count_max);
}

void limits_init(struct limits *limits, void *zeroed_memory, const struct shard_options *options)
{
    *limits = (struct limits){.entries = zeroed_memory, .count_max = options->limit_count_max};
    table_init(&limits->by_key, (char *)zeroed_memory + entries_bytes(options),
               options->limit_count_max);
}

static uint64_t hash_of(const struct limit_key *key)
{
    return digest(key, sizeof *key, 0);
}

static uint32_t find(const struct limits *limits, const struct limit_key *key)
{
    uint64_t probe = 0;
    uint32_t number;
    while ((number = table_find(&limits->by_key, hash_of(key), &probe)) != 0)
        if (memcmp(&limits->entries[number].key, key, sizeof *key) == 0)
            return number;
    return 0;
}

uint64_t limit_units(const struct limits *limits, const struct limit_key *key)
{
    uint32_t number = find(limits, key);
    return number != 0 ? limits->entries[number].units : 0;
}

uint64_t limit_pending(const struct limits *limits, const struct limit_key *key)
{
    uint32_t number = find(limits, key);
    return number != 0 ? limits->entries[number].pending : 0;
}

static uint32_t take_entry(struct limits *limits)
{
    uint32_t number = limits->first_free;
    if (number == 0)
        return ++limits->top;
    limits->first_free = (uint32_t)limits->entries[number].units;
    return number;
}

bool limit_add(struct limits *limits, const struct limit_key *key, uint64_t units, uint64_t pending)
{
    uint32_t number = find(limits, key);
    if (number == 0) {
        if (limits_room(limits) == 0)
            return false;
        number = take_entry(limits);
        limits->count++;
        limits->entries[number] = (struct limit_entry){.key = *key};
        CHECK(table_insert(&limits->by_key, hash_of(key), number));
    }
    limits->entries[number].units += units;
    limits->entries[number].pending += pending;
    return true;
}

void limit_remove(struct limits *limits, const struct limit_key *key, uint64_t units,
                  uint64_t pending)
{
    uint32_t number = find(limits, key);
    CHECK(number != 0);
    struct limit_entry *entry = &limits->entries[number];
    CHECK(entry->units >= units && entry->pending >= pending);
    entry->units -= units;
    entry->pending -= pending;
    if (entry->units > 0 || entry->pending > 0)
        return;
    table_remove(&limits->by_key, hash_of(key), number);
    *entry = (struct limit_entry){.units = limits->first_free};
    limits->first_free = number;
    limits->count--;
}

const struct limit_entry *limits_each(const struct limits *limits, uint64_t *at)
{
    uint32_t number = table_each(&limits->by_key, at);
    return number != 0 ? &limits->entries[number] : NULL;
}

void limit_image(const struct limit_entry *entry, struct pile *out)
{
    struct record *record = record_begin(out, sku_slot(entry->key.sku));
    struct part_limit *part = record_part(out, record, PART_LIMIT, sizeof *part);
    part->key = entry->key;
    part->units = entry->units;
}

bool limit_part_valid(const struct part_limit *part, uint32_t slot)
{
    return part->head.bytes == sizeof *part && sku_slot(part->key.sku) == slot && part->units > 0;
}

enum shard_table limit_load(struct limits *limits, const struct part_limit *part)
{
    return limit_add(limits, &part->key, part->units, 0) ? SHARD_TABLE_NONE : SHARD_TABLE_LIMITS;
}
