/* core/catalogue.h - the SKU codes and numbers, and what every shard may know of a SKU.
 *
 * Shared by all shards. Each entry has one writer, the owner of the SKU's slot; readers take no
 * lock and wait for nobody: a reader tries again only if the writer has meanwhile finished a change.
 * An entry is published only after the commit sequence of the turn that changed it was taken, and
 * carries it: whoever reads it raises its own `seen` to that. Nothing ever leaves. */
#ifndef SPATE_CORE_CATALOGUE_H
#define SPATE_CORE_CATALOGUE_H

#include "core/values.h"

struct catalogue;

struct catalogue_options {
    uint32_t sku_count_max; /* over all slots */
};

/* One SKU as readers see it. */
struct catalogue_sku {
    uint64_t seen; /* the sequence of its last change */
    int64_t list_price;
    uint32_t sku;
    uint32_t currency;
    uint8_t flags; /* enum sku_flag */
    uint8_t code_bytes;
    uint8_t zero[6];
    char code[ID_BYTES_MAX];
};

/* Most of it is room for chance: slots fill unevenly, and pages that nobody touches cost nothing.
 * The memory must be aligned to 64. */
size_t catalogue_bytes(const struct catalogue_options *options);
struct catalogue *catalogue_init(void *zeroed_memory, const struct catalogue_options *options);

/* How many SKUs one slot can have: the average with room for chance. The owner of a slot gives out
 * no number beyond. */
uint32_t catalogue_slot_capacity(const struct catalogue_options *options);

/* The number of a code of at most ID_BYTES_MAX bytes, none of them 0; 0 if there is none (yet). */
uint32_t catalogue_find(const struct catalogue *catalogue, struct text code);
/* False if there is no such number (yet). */
bool catalogue_read(const struct catalogue *catalogue, uint32_t sku, struct catalogue_sku *out);
/* The same without the code, which lies elsewhere: out->code is left as it is. */
bool catalogue_facts(const struct catalogue *catalogue, uint32_t sku, struct catalogue_sku *out);

/* The memory that catalogue_facts will need. */
void catalogue_prefetch(const struct catalogue *catalogue, uint32_t sku);

/* By the slot's owner alone. The first publish of a number makes its code findable; a code stays
 * what it is. */
void catalogue_publish(struct catalogue *catalogue, const struct catalogue_sku *entry);

#endif
