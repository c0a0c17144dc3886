#include "core/memory.h"

#include "core/check.h"

/* A free piece begins with this, and its last granule ends with its length again. A piece of one
 * granule has room for both lengths, and for no links: it is in no list, and waits for a neighbour. */
struct piece {
    uint32_t granules;
    uint32_t next; /* of the same class */
    uint32_t previous;
};
enum { LISTED = 2 };
_Static_assert(sizeof(struct piece) + sizeof(uint32_t) == LISTED * MEMORY_GRANULE_BYTES,
               "its links and both lengths");

/* Lengths below 64 have a class each; above, 16 classes share each power of two. */
enum { EXACT = 64, STEP_BITS = 4, EXACT_BITS = 6 };

static uint32_t log2_of(uint32_t value)
{
    return 31 - (uint32_t)__builtin_clz(value);
}

static uint32_t size_class(uint32_t granules)
{
    if (granules < EXACT)
        return granules;
    uint32_t power = log2_of(granules);
    return EXACT + ((power - EXACT_BITS) << STEP_BITS) +
           ((granules >> (power - STEP_BITS)) & ((1u << STEP_BITS) - 1));
}

/* Up to the lower end of a class, so that every piece of that class or above is long enough. */
static uint32_t granules_for(uint32_t bytes)
{
    uint32_t granules = bytes / MEMORY_GRANULE_BYTES + (bytes % MEMORY_GRANULE_BYTES != 0);
    if (granules < LISTED)
        return LISTED;
    if (granules < EXACT)
        return granules;
    uint32_t step = 1u << (log2_of(granules) - STEP_BITS);
    return (granules + step - 1) & ~(step - 1);
}

uint64_t memory_record_bytes(uint32_t bytes)
{
    return (uint64_t)granules_for(bytes) * MEMORY_GRANULE_BYTES;
}

static size_t block_bytes(uint32_t granule_count)
{
    return ((size_t)granule_count * MEMORY_GRANULE_BYTES + 63) & ~(size_t)63;
}

size_t memory_bytes(uint32_t granule_count)
{
    return block_bytes(granule_count) + ((size_t)granule_count / 512 + 1) * 64;
}

void memory_init(struct memory *memory, void *zeroed_memory, uint32_t granule_count)
{
    CHECK((uintptr_t)zeroed_memory % 64 == 0 && granule_count > 0);
    *memory = (struct memory){
        .block = zeroed_memory,
        .free_edges = (uint64_t *)(void *)((uint8_t *)zeroed_memory + block_bytes(granule_count)),
        .granule_count = granule_count,
        .top = 1,
    };
}

static struct piece *piece_at(const struct memory *memory, uint32_t granule)
{
    return memory_at(memory, granule);
}

static void edge_set(struct memory *memory, uint32_t granule)
{
    memory->free_edges[granule / 64] |= UINT64_C(1) << granule % 64;
}

static void edge_clear(struct memory *memory, uint32_t granule)
{
    memory->free_edges[granule / 64] &= ~(UINT64_C(1) << granule % 64);
}

static bool edge_is_set(const struct memory *memory, uint32_t granule)
{
    return memory->free_edges[granule / 64] >> granule % 64 & 1;
}

/* The last word of a piece. */
static uint32_t *granules_again(const struct memory *memory, uint32_t last_granule)
{
    return (uint32_t *)memory_at(memory, last_granule) + 1;
}

static void list_add(struct memory *memory, uint32_t granule)
{
    struct piece *piece = piece_at(memory, granule);
    uint32_t class = size_class(piece->granules);
    piece->next = memory->heads[class];
    piece->previous = 0;
    if (piece->next != 0)
        piece_at(memory, piece->next)->previous = granule;
    memory->heads[class] = granule;
    memory->nonempty[class / 64] |= UINT64_C(1) << class % 64;
    memory->nonempty_words |= 1u << class / 64;
}

static void list_remove(struct memory *memory, uint32_t granule)
{
    const struct piece *piece = piece_at(memory, granule);
    uint32_t class = size_class(piece->granules);
    if (piece->next != 0)
        piece_at(memory, piece->next)->previous = piece->previous;
    if (piece->previous != 0)
        piece_at(memory, piece->previous)->next = piece->next;
    else
        memory->heads[class] = piece->next;
    if (memory->heads[class] == 0)
        memory->nonempty[class / 64] &= ~(UINT64_C(1) << class % 64);
    if (memory->nonempty[class / 64] == 0)
        memory->nonempty_words &= ~(1u << class / 64);
}

static void piece_add(struct memory *memory, uint32_t granule, uint32_t granules)
{
    piece_at(memory, granule)->granules = granules;
    *granules_again(memory, granule + granules - 1) = granules;
    edge_set(memory, granule);
    edge_set(memory, granule + granules - 1);
    if (granules >= LISTED)
        list_add(memory, granule);
}

static void piece_remove(struct memory *memory, uint32_t granule)
{
    uint32_t granules = piece_at(memory, granule)->granules;
    if (granules >= LISTED)
        list_remove(memory, granule);
    edge_clear(memory, granule);
    edge_clear(memory, granule + granules - 1);
}

/* The first class from `class` on that has a piece; MEMORY_CLASSES if none has. */
static uint32_t class_with_piece(const struct memory *memory, uint32_t class)
{
    if (class >= MEMORY_CLASSES)
        return MEMORY_CLASSES;
    uint32_t word = class / 64;
    uint64_t bits = memory->nonempty[word] & UINT64_MAX << class % 64;
    if (bits == 0) {
        uint32_t above = memory->nonempty_words & ~UINT32_C(1) << word;
        if (above == 0)
            return MEMORY_CLASSES;
        word = (uint32_t)__builtin_ctz(above);
        bits = memory->nonempty[word];
    }
    return word * 64 + (uint32_t)__builtin_ctzll(bits);
}

static uint32_t take_from_top(struct memory *memory, uint32_t granules)
{
    if (memory->granule_count - memory->top < granules)
        return 0;
    uint32_t record = memory->top;
    memory->top += granules;
    return record;
}

static uint32_t take_piece(struct memory *memory, uint32_t class, uint32_t granules)
{
    uint32_t record = memory->heads[class];
    uint32_t rest = piece_at(memory, record)->granules - granules;
    piece_remove(memory, record);
    if (rest > 0)
        piece_add(memory, record + granules, rest);
    return record;
}

bool memory_has(const struct memory *memory, uint32_t bytes)
{
    uint32_t granules = granules_for(bytes);
    return memory->granule_count - memory->top >= granules ||
           class_with_piece(memory, size_class(granules)) < MEMORY_CLASSES;
}

uint32_t memory_take(struct memory *memory, uint32_t bytes)
{
    CHECK(bytes > 0);
    uint32_t granules = granules_for(bytes);
    uint32_t class = class_with_piece(memory, size_class(granules));
    uint32_t record = class < MEMORY_CLASSES ? take_piece(memory, class, granules)
                                             : take_from_top(memory, granules);
    if (record != 0)
        memory->used_count += granules;
    return record;
}

static void give(struct memory *memory, uint32_t record, uint32_t granules)
{
    CHECK(record > 0 && record < memory->top && granules <= memory->top - record);
    CHECK(granules <= memory->used_count);
    memory->used_count -= granules;
    uint32_t after = record + granules;
    if (after < memory->top && edge_is_set(memory, after)) {
        granules += piece_at(memory, after)->granules;
        piece_remove(memory, after);
    }
    if (edge_is_set(memory, record - 1)) {
        uint32_t before = record - *granules_again(memory, record - 1);
        granules += record - before;
        record = before;
        piece_remove(memory, before);
    }
    if (record + granules == memory->top)
        memory->top = record;
    else
        piece_add(memory, record, granules);
}

void memory_give(struct memory *memory, uint32_t record, uint32_t bytes)
{
    CHECK(bytes > 0);
    give(memory, record, granules_for(bytes));
}

void memory_shrink(struct memory *memory, uint32_t record, uint32_t bytes, uint32_t to_bytes)
{
    uint32_t granules = granules_for(bytes), to_granules = granules_for(to_bytes);
    CHECK(to_bytes > 0 && to_granules <= granules);
    if (to_granules < granules)
        give(memory, record + to_granules, granules - to_granules);
}
