#include "core/catalogue.h"

#include <string.h>

#include "core/check.h"
#include "core/prefetch.h"
#include "core/table.h"

/* What may change of a SKU. */
struct facts {
    struct atomic64 seen;
    struct atomic64 list_price;
    struct atomic64 currency_and_flags;
};

/* `changes` counts what has been published, and facts[changes % 2] is the latest. The writer fills
 * the other one before it counts on. So a reader that finds the same count before and after has
 * read facts that nobody was writing: to touch them again, the writer must have counted on first. */
struct entry {
    struct atomic64 changes; /* 0: no such number yet */
    struct facts facts[2];
    uint64_t code_bytes; /* it and the code are written once, before the first count */
};
_Static_assert(sizeof(struct entry) == 64, "one cache line");

/* The tables' references are the numbers' places within their slot. A table has one writer, so
 * there is one for each slot. */
struct catalogue {
    uint32_t slot_capacity;
    struct entry *entries;
    char (*codes)[ID_BYTES_MAX];
    struct table tables[SLOT_COUNT];
};

static uint32_t square_root(uint32_t value)
{
    uint32_t root = 0;
    while ((uint64_t)(root + 1) * (root + 1) <= value)
        root++;
    return root;
}

/* Six standard deviations, and some more where slots have few. */
uint32_t catalogue_slot_capacity(const struct catalogue_options *options)
{
    uint32_t average = options->sku_count_max / SLOT_COUNT + 1;
    uint32_t capacity = average + 6 * square_root(average) + 16;
    return capacity < 1u << SKU_INDEX_BITS ? capacity : (1u << SKU_INDEX_BITS) - 1;
}

static size_t head_bytes(void)
{
    return (sizeof(struct catalogue) + 63) & ~(size_t)63;
}

size_t catalogue_bytes(const struct catalogue_options *options)
{
    size_t slot_capacity = catalogue_slot_capacity(options);
    return head_bytes() + SLOT_COUNT * (table_bytes((uint32_t)slot_capacity) +
                                        slot_capacity * (sizeof(struct entry) + ID_BYTES_MAX));
}

struct catalogue *catalogue_init(void *zeroed_memory, const struct catalogue_options *options)
{
    CHECK((uintptr_t)zeroed_memory % 64 == 0);
    struct catalogue *catalogue = zeroed_memory;
    uint32_t slot_capacity = catalogue_slot_capacity(options);
    size_t count = (size_t)SLOT_COUNT * slot_capacity;
    catalogue->slot_capacity = slot_capacity;
    catalogue->entries = (void *)((char *)zeroed_memory + head_bytes());
    catalogue->codes = (void *)(catalogue->entries + count);
    char *tables = (char *)(catalogue->codes + count);
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        table_init(&catalogue->tables[slot], tables + slot * table_bytes(slot_capacity),
                   slot_capacity);
    return catalogue;
}

/* Entries stand from 0 on; UINT64_MAX: no number of this catalogue. */
static uint64_t place_of(const struct catalogue *catalogue, uint32_t sku)
{
    uint32_t index = sku_index(sku);
    if (index == 0 || index > catalogue->slot_capacity)
        return UINT64_MAX;
    return (uint64_t)sku_slot(sku) * catalogue->slot_capacity + index - 1;
}

/* Whoever has published it has left zeros behind it, and no code has any: so it says by itself where it
 * ends, and the entry, another line of memory, is left alone. */
static bool is_code(const char kept[ID_BYTES_MAX], struct text code)
{
    return memcmp(kept, code.at, code.bytes) == 0 &&
           (code.bytes == ID_BYTES_MAX || kept[code.bytes] == 0);
}

uint32_t catalogue_find(const struct catalogue *catalogue, struct text code)
{
    uint64_t hash = key_hash(code);
    uint32_t slot = hash_slot(hash);
    uint64_t probe = 0;
    for (uint32_t index; (index = table_find(&catalogue->tables[slot], hash, &probe)) != 0;) {
        uint32_t sku = slot << SKU_INDEX_BITS | index;
        if (is_code(catalogue->codes[place_of(catalogue, sku)], code))
            return sku;
    }
    return 0;
}

static void facts_load(const struct facts *facts, struct catalogue_sku *out)
{
    out->seen = atomic_load(&facts->seen);
    out->list_price = (int64_t)atomic_load(&facts->list_price);
    uint64_t currency_and_flags = atomic_load(&facts->currency_and_flags);
    out->currency = (uint32_t)currency_and_flags;
    out->flags = (uint8_t)(currency_and_flags >> 32);
}

static void facts_store(struct facts *facts, const struct catalogue_sku *sku)
{
    atomic_store(&facts->seen, sku->seen);
    atomic_store(&facts->list_price, (uint64_t)sku->list_price);
    atomic_store(&facts->currency_and_flags, (uint64_t)sku->flags << 32 | sku->currency);
}

bool catalogue_facts(const struct catalogue *catalogue, uint32_t sku, struct catalogue_sku *out)
{
    uint64_t place = place_of(catalogue, sku);
    if (place == UINT64_MAX)
        return false;
    const struct entry *entry = &catalogue->entries[place];
    uint64_t changes = atomic_load(&entry->changes); /* pairs with catalogue_publish */
    if (changes == 0)
        return false;
    out->sku = sku;
    out->code_bytes = (uint8_t)entry->code_bytes;
    for (uint64_t before = 0; before != changes; changes = atomic_load(&entry->changes)) {
        before = changes;
        facts_load(&entry->facts[before % 2], out);
    }
    return true;
}

bool catalogue_read(const struct catalogue *catalogue, uint32_t sku, struct catalogue_sku *out)
{
    *out = (struct catalogue_sku){0};
    if (!catalogue_facts(catalogue, sku, out))
        return false;
    memcpy(out->code, catalogue->codes[place_of(catalogue, sku)], ID_BYTES_MAX);
    return true;
}

void catalogue_prefetch(const struct catalogue *catalogue, uint32_t sku)
{
    uint64_t place = place_of(catalogue, sku);
    if (place != UINT64_MAX)
        prefetch_line(&catalogue->entries[place]);
}

void catalogue_publish(struct catalogue *catalogue, const struct catalogue_sku *sku)
{
    uint64_t place = place_of(catalogue, sku->sku);
    CHECK(place != UINT64_MAX && sku->code_bytes >= 1 && sku->code_bytes <= ID_BYTES_MAX);
    struct entry *entry = &catalogue->entries[place];
    uint64_t changes = entry->changes.value;
    if (changes == 0) {
        memcpy(catalogue->codes[place], sku->code, sku->code_bytes);
        entry->code_bytes = sku->code_bytes;
    }
    CHECK(entry->code_bytes == sku->code_bytes &&
          memcmp(catalogue->codes[place], sku->code, sku->code_bytes) == 0);
    facts_store(&entry->facts[(changes + 1) % 2], sku);
    atomic_store(&entry->changes, changes + 1); /* pairs with catalogue_read */
    if (changes != 0)
        return;
    uint64_t hash = key_hash((struct text){sku->code, sku->code_bytes});
    CHECK(hash_slot(hash) == sku_slot(sku->sku));
    CHECK(table_insert(&catalogue->tables[sku_slot(sku->sku)], hash, sku_index(sku->sku)));
}
