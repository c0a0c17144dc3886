/* core/memory.h - records of many sizes in one block, named by 32-bit references.
 *
 * A reference counts granules of 8 bytes, so one block holds up to 32 GiB; 0 is no record. Taking
 * and giving back are O(1): free space lies in lists by size, and neighbours that are free are
 * joined at once. A record has two granules at least, and costs nothing beside its own: whoever gives
 * it back says how long it was.
 *
 *   | granule 0: unused | record | free | record | record | free ... | never used, from `top` on |
 *
 * Always: no two free pieces touch, and none touches `top`. So a record that is given back can be
 * taken again with the same size: an owner reserves room by taking it, and gives it back right
 * before the event that needs it is applied. */
#ifndef SPATE_CORE_MEMORY_H
#define SPATE_CORE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MEMORY_GRANULE_BYTES = 8,
    MEMORY_CLASSES = 480, /* lists of free pieces; see size_class */
};

struct memory {
    uint8_t *block;
    uint64_t *free_edges; /* one bit a granule: the first or last of a free piece */
    uint32_t granule_count;
    uint32_t top;
    uint32_t used_count; /* granules in records */
    uint32_t heads[MEMORY_CLASSES];
    uint64_t nonempty[(MEMORY_CLASSES + 63) / 64];
    uint32_t nonempty_words; /* one bit for each word of them */
};

/* The bytes that a record takes from the block: the next granule, or for those of 512 bytes and
 * more the next of 16 steps to the power of two above. */
uint64_t memory_record_bytes(uint32_t bytes);

/* The memory must be aligned to 64. */
size_t memory_bytes(uint32_t granule_count);
void memory_init(struct memory *memory, void *zeroed_memory, uint32_t granule_count);

/* Whether memory_take would find a piece. */
bool memory_has(const struct memory *memory, uint32_t bytes);
/* 0: no free piece is long enough. What stands in the record is undefined. */
uint32_t memory_take(struct memory *memory, uint32_t bytes);
/* `bytes` as it was taken. */
void memory_give(struct memory *memory, uint32_t record, uint32_t bytes);
/* The record stays where it is, and is as if it had been taken with `to_bytes`, which are no more. */
void memory_shrink(struct memory *memory, uint32_t record, uint32_t bytes, uint32_t to_bytes);

static inline void *memory_at(const struct memory *memory, uint32_t record)
{
    return memory->block + (uint64_t)record * MEMORY_GRANULE_BYTES;
}

#endif
