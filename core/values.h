/* core/values.h - the vocabulary: limits of the domain, texts, slots, SKU numbers.
 *
 * Everything that is stored or sent is little-endian and laid out without padding; the structs are
 * overlaid on the bytes, so a big-endian machine is refused at compile time. */
#ifndef SPATE_CORE_VALUES_H
#define SPATE_CORE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "layouts are overlaid on the bytes");

enum {
    SLOT_COUNT = 1024,
    SHARDS_MAX = 64,
    WAREHOUSES_MAX = 64,
    WAREHOUSE_NONE = 255, /* of a line that was never reserved: its order was rejected */
    REGIONS_MAX = 256,
    ORDER_LINES_MAX = 1200,
    ADJUSTMENTS_MAX = 16,
    ID_BYTES_MAX = 32,   /* order, customer, SKU, warehouse, region, ... */
    TEXT_BYTES_MAX = 64, /* Idempotency-Key, ship_to, campaign, a caller's name, ... */
    LOGIC_VERSION = 1,
};

/* Some bytes of somebody else's memory; no terminator. */
struct text {
    const char *at;
    uint32_t bytes;
};

/* One of several texts that stand one behind the other. */
static inline struct text text_nth(const char *at, const uint8_t *text_bytes, uint32_t which)
{
    for (uint32_t i = 0; i < which; i++)
        at += text_bytes[i];
    return (struct text){at, text_bytes[which]};
}

static inline struct text text_of(const char *string)
{
    return (struct text){string, (uint32_t)__builtin_strlen(string)};
}

static inline bool text_equals(struct text a, struct text b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || __builtin_memcmp(a.at, b.at, a.bytes) == 0);
}

/* All of eight texts together. */
static inline uint32_t texts_bytes(const uint8_t text_bytes[8])
{
    const uint64_t every_other = UINT64_C(0x00ff00ff00ff00ff);
    uint64_t eight;
    __builtin_memcpy(&eight, text_bytes, sizeof eight);
    uint64_t pairs = (eight & every_other) + (eight >> 8 & every_other);
    return (uint32_t)(pairs * UINT64_C(0x0001000100010001) >> 48);
}

/* Records that follow each other begin at multiples of 8, with zeros before them. */
static inline uint32_t bytes_padded(uint32_t bytes)
{
    return (bytes + 7u) & ~7u;
}

/* A SKU's number: its slot in the upper 10 bits, its place within the slot in the lower 22, counted
 * from 1; 0 is no SKU. Fixed once by the event that creates the SKU, so that it never depends on
 * how many shards or nodes there are. */
enum { SKU_INDEX_BITS = 22 };

static inline uint32_t sku_slot(uint32_t sku)
{
    return sku >> SKU_INDEX_BITS;
}

static inline uint32_t sku_index(uint32_t sku)
{
    return sku & ((1u << SKU_INDEX_BITS) - 1);
}

/* Warehouses, regions and cost tables share one slot: they are few, they change rarely, and one
 * owner numbers them. Every shard keeps a copy, fed by messages (core/topology.h). */
enum { TOPOLOGY_SLOT = 0 };

/* The slot is the upper 10 bits of a key's hash; tables take theirs from the lower 32. */
static inline uint32_t hash_slot(uint64_t hash)
{
    return (uint32_t)(hash >> 54);
}

uint64_t key_hash(struct text key);

/* ISO 4217 as its three letters, first letter lowest; the fourth byte is 0. */
#define CURRENCY(a, b, c) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16)

/* 0, 2 or 3 digits behind the point; -1 for a code that Spate does not know. */
int currency_exponent(uint32_t currency);

/* 1..ID_BYTES_MAX of [0-9A-Za-z._-]: orders, customers, warehouses, regions, children of orders. */
bool id_valid(struct text id);
/* 1..ID_BYTES_MAX printable ASCII but space. */
bool sku_code_valid(struct text code);
/* Who did something: a caller's name, and behind an '@' the address it came from, where that is told. */
enum { WHO_MARK = '@', WHO_BYTES_MAX = TEXT_BYTES_MAX + 1 + 46 };
struct text who_name(struct text who);

/* Of the character that begins here; 0: it is no well-formed UTF-8. */
uint32_t utf8_bytes(const char *at, uint32_t available);

/* 0..TEXT_BYTES_MAX bytes of UTF-8 without control characters: whatever else somebody says. */
bool text_valid(struct text text);

#endif
