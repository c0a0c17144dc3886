#include "core/transfer.h"

#include <string.h>

#include "core/chain.h"
#include "core/digest.h"

/* ---- memory ------------------------------------------------------------------------------------ */

/* One for every fourth cell, and some for the smallest shops. */
static uint32_t count_max(const struct shard_options *options)
{
    return options->cell_count_max / 4 + 64;
}

static size_t entries_bytes(const struct shard_options *options)
{
    return (((size_t)count_max(options) + 1) * sizeof(struct transfer) + 63) & ~(size_t)63;
}

size_t transfers_bytes(const struct shard_options *options)
{
    return entries_bytes(options) + table_bytes(count_max(options));
}

void transfers_init(struct transfers *transfers, void *zeroed_memory,
                    const struct shard_options *options)
{
    *transfers = (struct transfers){.entries = zeroed_memory, .count_max = count_max(options)};
    table_init(&transfers->by_id, (char *)zeroed_memory + entries_bytes(options),
               count_max(options));
}

/* ---- finding ----------------------------------------------------------------------------------- */

static uint64_t hash_of(uint32_t sku, struct text id)
{
    return digest(id.at, id.bytes, sku);
}

static uint32_t find(const struct transfers *transfers, uint32_t sku, struct text id)
{
    uint64_t probe = 0;
    uint32_t number;
    while ((number = table_find(&transfers->by_id, hash_of(sku, id), &probe)) != 0) {
        const struct transfer *transfer = &transfers->entries[number];
        if (transfer->sku == sku && transfer->id_bytes == id.bytes &&
            memcmp(transfer->id, id.at, id.bytes) == 0)
            return number;
    }
    return 0;
}

const struct transfer *transfer_find(const struct transfers *transfers, uint32_t sku,
                                     struct text id)
{
    uint32_t number = find(transfers, sku, id);
    return number != 0 ? &transfers->entries[number] : NULL;
}

bool transfers_have_room(const struct transfers *transfers)
{
    return transfers->count < transfers->count_max;
}

const struct transfer *transfers_oldest(const struct transfers *transfers)
{
    return transfers->first_over != 0 ? &transfers->entries[transfers->first_over] : NULL;
}

uint64_t transfers_on_their_way(const struct transfers *transfers)
{
    uint64_t units = 0;
    uint32_t number;
    for (uint64_t at = 0; (number = table_each(&transfers->by_id, &at)) != 0;)
        units += transfer_on_its_way(&transfers->entries[number]);
    return units;
}

/* ---- applying ---------------------------------------------------------------------------------- */

/* A zeroed entry under its id; NULL: the table is full. */
static struct transfer *make(struct transfers *transfers, uint32_t sku, struct text id)
{
    if (!transfers_have_room(transfers))
        return NULL;
    uint32_t number = transfers->first_free;
    if (number != 0)
        transfers->first_free = transfers->entries[number].next;
    else
        number = ++transfers->top;
    transfers->count++;
    CHECK(table_insert(&transfers->by_id, hash_of(sku, id), number));
    struct transfer *transfer = &transfers->entries[number];
    *transfer = (struct transfer){.sku = sku, .id_bytes = (uint8_t)id.bytes};
    memcpy(transfer->id, id.at, id.bytes);
    return transfer;
}

static enum shard_table apply_shipped(struct transfers *transfers,
                                      const struct slice_transfer_shipped *shipped)
{
    struct text id = {(const char *)(shipped + 1), shipped->id_bytes};
    struct transfer *transfer = make(transfers, shipped->sku, id);
    if (transfer == NULL)
        return SHARD_TABLE_TRANSFERS;
    transfer->digest = shipped->digest;
    transfer->units = shipped->units;
    transfer->shipped_ns = shipped->at_ns;
    transfer->from = shipped->from;
    transfer->to = shipped->to;
    return SHARD_TABLE_NONE;
}

static void list_as_over(struct transfers *transfers, uint32_t number)
{
    if (transfers->last_over != 0)
        transfers->entries[transfers->last_over].next = number;
    else
        transfers->first_over = number;
    transfers->last_over = number;
}

static void apply_received(struct transfers *transfers,
                           const struct slice_transfer_received *received)
{
    struct text id = {(const char *)(received + 1), received->id_bytes};
    uint32_t number = find(transfers, received->sku, id);
    CHECK(number != 0);
    struct transfer *transfer = &transfers->entries[number];
    transfer->ok += received->ok;
    transfer->damaged += received->damaged;
    transfer->lost += received->lost;
    CHECK(transfer->ok + transfer->damaged + transfer->lost <= transfer->units);
    if (transfer_on_its_way(transfer) > 0)
        return;
    transfer->over_ns = received->at_ns;
    list_as_over(transfers, number);
}

/* Mostly the oldest. */
static void unlist(struct transfers *transfers, uint32_t number)
{
    uint32_t previous = 0;
    uint32_t at = transfers->first_over;
    for (; at != number; at = transfers->entries[at].next) {
        CHECK(at != 0);
        previous = at;
    }
    if (previous != 0)
        transfers->entries[previous].next = transfers->entries[number].next;
    else
        transfers->first_over = transfers->entries[number].next;
    if (transfers->last_over == number)
        transfers->last_over = previous;
}

static void apply_forgotten(struct transfers *transfers,
                            const struct slice_transfer_forgotten *forgotten)
{
    struct text id = {(const char *)(forgotten + 1), forgotten->id_bytes};
    uint32_t number = find(transfers, forgotten->sku, id);
    CHECK(number != 0);
    unlist(transfers, number);
    table_remove(&transfers->by_id, hash_of(forgotten->sku, id), number);
    transfers->entries[number] = (struct transfer){.next = transfers->first_free};
    transfers->first_free = number;
    transfers->count--;
}

enum shard_table transfer_apply(struct transfers *transfers, const struct slice *slice)
{
    if (slice->kind == SLICE_TRANSFER_SHIPPED)
        return apply_shipped(transfers, (const void *)slice);
    if (slice->kind == SLICE_TRANSFER_RECEIVED) {
        apply_received(transfers, (const void *)slice);
    } else {
        CHECK(slice->kind == SLICE_TRANSFER_FORGOTTEN);
        apply_forgotten(transfers, (const void *)slice);
    }
    return SHARD_TABLE_NONE;
}

/* ---- bytes from a disk ------------------------------------------------------------------------- */

static bool length_fits(uint32_t bytes, size_t fixed_bytes, uint32_t id_bytes)
{
    return id_bytes > 0 && id_bytes <= ID_BYTES_MAX &&
           bytes == bytes_padded((uint32_t)fixed_bytes + id_bytes);
}

static bool slot_fits(uint32_t sku, uint32_t slot)
{
    return sku_slot(sku) == slot && sku_index(sku) != 0;
}

bool transfer_shipped_valid(const struct slice_transfer_shipped *shipped)
{
    return shipped->head.bytes >= sizeof *shipped &&
           length_fits(shipped->head.bytes, sizeof *shipped, shipped->id_bytes) &&
           slot_fits(shipped->sku, shipped->head.slot) && shipped->from < WAREHOUSES_MAX &&
           shipped->to < WAREHOUSES_MAX;
}

bool transfer_received_valid(const struct slice_transfer_received *received)
{
    return received->head.bytes >= sizeof *received &&
           length_fits(received->head.bytes, sizeof *received, received->id_bytes) &&
           slot_fits(received->sku, received->head.slot);
}

bool transfer_forgotten_valid(const struct slice_transfer_forgotten *forgotten)
{
    return forgotten->head.bytes >= sizeof *forgotten &&
           length_fits(forgotten->head.bytes, sizeof *forgotten, forgotten->id_bytes) &&
           slot_fits(forgotten->sku, forgotten->head.slot);
}

/* ---- images ------------------------------------------------------------------------------------ */

bool transfers_image(const struct transfers *transfers, uint64_t *at, struct pile *out)
{
    uint32_t number = table_each(&transfers->by_id, at);
    if (number == 0)
        return false;
    const struct transfer *transfer = &transfers->entries[number];
    struct record *record = record_begin(out, sku_slot(transfer->sku));
    struct part_transfer *part =
        record_part(out, record, PART_TRANSFER, sizeof *part + transfer->id_bytes);
    part->digest = transfer->digest;
    part->units = transfer->units;
    part->ok = transfer->ok;
    part->damaged = transfer->damaged;
    part->lost = transfer->lost;
    part->shipped_ns = transfer->shipped_ns;
    part->over_ns = transfer->over_ns;
    part->sku = transfer->sku;
    part->from = transfer->from;
    part->to = transfer->to;
    part->id_bytes = transfer->id_bytes;
    memcpy(part + 1, transfer->id, transfer->id_bytes);
    return true;
}

bool transfer_part_valid(const struct part_transfer *part, uint32_t slot)
{
    return part->head.bytes >= sizeof *part &&
           length_fits(part->head.bytes, sizeof *part, part->id_bytes) &&
           slot_fits(part->sku, slot) && part->from < WAREHOUSES_MAX && part->to < WAREHOUSES_MAX;
}

enum shard_table transfer_load(struct transfers *transfers, const struct part_transfer *part)
{
    struct text id = {(const char *)(part + 1), part->id_bytes};
    struct transfer *transfer = make(transfers, part->sku, id);
    if (transfer == NULL)
        return SHARD_TABLE_TRANSFERS;
    transfer->digest = part->digest;
    transfer->units = part->units;
    transfer->ok = part->ok;
    transfer->damaged = part->damaged;
    transfer->lost = part->lost;
    transfer->shipped_ns = part->shipped_ns;
    transfer->over_ns = part->over_ns;
    transfer->from = part->from;
    transfer->to = part->to;
    if (transfer->over_ns != 0)
        list_as_over(transfers, (uint32_t)(transfer - transfers->entries));
    return SHARD_TABLE_NONE;
}

static uint32_t *next_of(void *transfers, uint32_t number)
{
    return &((struct transfers *)transfers)->entries[number].next;
}

static bool is_before(void *transfers, uint32_t a, uint32_t b)
{
    const struct transfer *entries = ((struct transfers *)transfers)->entries;
    return entries[a].over_ns < entries[b].over_ns;
}

void transfers_loaded(struct transfers *transfers)
{
    transfers->first_over =
        chain_sort(&(struct chain){transfers, next_of, is_before}, transfers->first_over);
    transfers->last_over = 0;
    for (uint32_t at = transfers->first_over; at != 0; at = transfers->entries[at].next)
        transfers->last_over = at;
}
