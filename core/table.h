/* core/table.h - the one hash table: from a key's hash to a 32-bit reference.
 *
 * Open addressing over cache lines of eight entries; an entry is one word:
 *
 *   63          32 31               0
 *   |  reference  | half of the hash |        0: empty; so a reference is never 0
 *
 * The table does not know the keys: a caller compares the candidates it is given. Fixed capacity,
 * never rehashed; a removal leaves no tombstone. Always, for every entry:
 *   - its home line follows from its half of the hash and the number of lines alone;
 *   - every entry from the start of its home line up to it is taken. So a look-up ends at the first
 *     empty entry, and mostly in its first line.
 *
 * One thread writes. Where nothing is ever removed, others may look up at the same time: an insert
 * is one release store, paired with the acquire load of a look-up. */
#ifndef SPATE_CORE_TABLE_H
#define SPATE_CORE_TABLE_H

#include "core/atomics.h"
#include "core/values.h"

struct table {
    struct atomic64 *entries; /* lines of eight */
    uint32_t line_count;
    uint32_t used_count;
    uint32_t capacity;
};

enum { TABLE_LINE_BYTES = 64 };

/* A multiple of TABLE_LINE_BYTES; the memory must be aligned to that. */
size_t table_bytes(uint32_t capacity);
void table_init(struct table *table, void *zeroed_memory, uint32_t capacity);

void table_prefetch(const struct table *table, uint64_t hash);

/* Candidates of a hash one after the other; 0 at the end. Start with *probe = 0. */
uint32_t table_find(const struct table *table, uint64_t hash, uint64_t *probe);

/* False: the table is full. The same (hash, reference) must not be in it. */
bool table_insert(struct table *table, uint64_t hash, uint32_t reference);
/* Both expect that it is there. */
void table_replace(struct table *table, uint64_t hash, uint32_t reference, uint32_t by);
void table_remove(struct table *table, uint64_t hash, uint32_t reference);

/* Every reference, in no order that means anything; 0 at the end. Start with *at = 0. */
uint32_t table_each(const struct table *table, uint64_t *at);
/* The same for a walk in pieces: 0 also where *at has come to `end`. */
uint32_t table_each_below(const struct table *table, uint64_t *at, uint64_t end);
/* Of the entry that a walk gave when it came to `at`. */
void table_renew(struct table *table, uint64_t at, uint32_t reference);
bool table_ends_at(const struct table *table, uint64_t at);

#endif
