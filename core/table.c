#include "core/table.h"

#include "core/check.h"
#include "core/prefetch.h"

enum { LINE_ENTRIES = TABLE_LINE_BYTES / sizeof(struct atomic64) };

/* A full table has 6 of 8 entries taken. Fuller ones save little and cost much: at 6 of 8 a look-up
 * for what is not there reads 0.7 lines beyond its first, at 7 of 8 it reads 3.7. */
static uint32_t lines_for(uint32_t capacity)
{
    return (uint32_t)((capacity + UINT64_C(5)) / 6 + 1);
}

size_t table_bytes(uint32_t capacity)
{
    return (size_t)lines_for(capacity) * TABLE_LINE_BYTES;
}

void table_init(struct table *table, void *zeroed_memory, uint32_t capacity)
{
    CHECK((uintptr_t)zeroed_memory % TABLE_LINE_BYTES == 0);
    *table = (struct table){
        .entries = zeroed_memory, .line_count = lines_for(capacity), .capacity = capacity};
}

/* Spreads the halves evenly over any number of lines. Halves that share a slot do not crowd, since
 * a slot is the upper bits of the other half. */
static uint64_t home_line(const struct table *table, uint32_t half)
{
    return (uint64_t)half * table->line_count >> 32;
}

static uint64_t entry_count(const struct table *table)
{
    return (uint64_t)table->line_count * LINE_ENTRIES;
}

static uint64_t next_entry(const struct table *table, uint64_t at)
{
    return at + 1 == entry_count(table) ? 0 : at + 1;
}

static uint64_t entry_of(uint64_t hash, uint32_t reference)
{
    return (uint64_t)reference << 32 | (uint32_t)hash;
}

static uint32_t entry_reference(uint64_t entry)
{
    return (uint32_t)(entry >> 32);
}

/* The line behind as well: it is needed often enough, and comes at half the price. */
void table_prefetch(const struct table *table, uint64_t hash)
{
    uint64_t line = home_line(table, (uint32_t)hash);
    uint64_t behind = line + 1 == table->line_count ? 0 : line + 1;
    prefetch_line(&table->entries[line * LINE_ENTRIES]);
    prefetch_line(&table->entries[behind * LINE_ENTRIES]);
}

/* A probe is the entry to go on with, counted from 1, so that 0 can stand for the beginning. */
inline uint32_t table_find(const struct table *table, uint64_t hash, uint64_t *probe)
{
    uint64_t at = *probe == 0 ? home_line(table, (uint32_t)hash) * LINE_ENTRIES : *probe - 1;
    const uint64_t end = entry_count(table);
    for (;;) {
        uint64_t entry = atomic_load(&table->entries[at]); /* pairs with table_insert */
        if (++at == end)
            at = 0;
        if (entry == 0)
            return 0;
        if ((uint32_t)entry == (uint32_t)hash) {
            *probe = at + 1;
            return entry_reference(entry);
        }
    }
}

inline bool table_insert(struct table *table, uint64_t hash, uint32_t reference)
{
    CHECK(reference != 0);
    if (table->used_count == table->capacity)
        return false;
    uint64_t at = home_line(table, (uint32_t)hash) * LINE_ENTRIES;
    while (table->entries[at].value != 0)
        at = next_entry(table, at);
    table->used_count++;
    atomic_store(&table->entries[at], entry_of(hash, reference)); /* pairs with table_find */
    return true;
}

static uint64_t position_of(const struct table *table, uint64_t entry)
{
    uint64_t at = home_line(table, (uint32_t)entry) * LINE_ENTRIES;
    while (table->entries[at].value != entry) {
        CHECK(table->entries[at].value != 0);
        at = next_entry(table, at);
    }
    return at;
}

void table_replace(struct table *table, uint64_t hash, uint32_t reference, uint32_t by)
{
    CHECK(by != 0);
    uint64_t at = position_of(table, entry_of(hash, reference));
    atomic_store(&table->entries[at], entry_of(hash, by));
}

/* Whether an entry at `at` may be moved back to `hole`: its home does not lie between them. Counted
 * around the end of the table. */
static bool may_move(const struct table *table, uint64_t hole, uint64_t at, uint64_t entry)
{
    uint64_t home = home_line(table, (uint32_t)entry) * LINE_ENTRIES;
    uint64_t count = entry_count(table);
    uint64_t from_home = at >= home ? at - home : at + count - home;
    uint64_t from_hole = at >= hole ? at - hole : at + count - hole;
    return from_home >= from_hole;
}

void table_remove(struct table *table, uint64_t hash, uint32_t reference)
{
    uint64_t hole = position_of(table, entry_of(hash, reference));
    uint64_t at = next_entry(table, hole);
    for (uint64_t entry; (entry = table->entries[at].value) != 0; at = next_entry(table, at)) {
        if (!may_move(table, hole, at, entry))
            continue;
        table->entries[hole].value = entry;
        hole = at;
    }
    table->entries[hole].value = 0;
    table->used_count--;
}

uint32_t table_each(const struct table *table, uint64_t *at)
{
    return table_each_below(table, at, entry_count(table));
}

void table_renew(struct table *table, uint64_t at, uint32_t reference)
{
    struct atomic64 *entry = &table->entries[at - 1];
    CHECK(entry->value != 0 && reference != 0);
    atomic_store(entry, entry_of(entry->value, reference));
}

bool table_ends_at(const struct table *table, uint64_t at)
{
    return at >= entry_count(table);
}

uint32_t table_each_below(const struct table *table, uint64_t *at, uint64_t end)
{
    if (end > entry_count(table))
        end = entry_count(table);
    while (*at < end) {
        uint64_t entry = table->entries[(*at)++].value;
        if (entry != 0)
            return entry_reference(entry);
    }
    return 0;
}
