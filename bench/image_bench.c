/* bench/image_bench.c - how fast state comes out of a snapshot's records, and goes into them: two-line
 * orders of customers with eight each, in the order in which a snapshot has them. */
#include "bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/image.h"
#include "core/order_record.h"

enum { ORDERS = 1000000, RECORD_ROOM = 512, AHEAD = 32, MEMORY_BYTES = 512 << 20 };

static uint8_t *records; /* RECORD_ROOM each, then one behind the other */
static uint64_t record_bytes;
static struct shard *shard;
static void *shard_memory;
static uint64_t shard_memory_bytes;
static const uint8_t slot_shard[SLOT_COUNT];

static void write_record(uint8_t *at, uint32_t number)
{
    char texts[64];
    int id_bytes = snprintf(texts, sizeof texts, "2020111100%08u", number);
    int customer_bytes = snprintf(texts + id_bytes, sizeof texts - (size_t)id_bytes, "c%u",
                                  number * 2654435761u % (ORDERS / 8));
    struct pile pile = {.at = memset(at, 0, RECORD_ROOM), .capacity_bytes = RECORD_ROOM};
    struct record *record = record_begin(&pile, 0);
    struct part_order *part = record_part(&pile, record, PART_ORDER,
                                          sizeof *part + 2 * sizeof(struct order_line) +
                                              (size_t)id_bytes + (size_t)customer_bytes);
    record->slot = (uint16_t)hash_slot(key_hash((struct text){texts, (uint32_t)id_bytes}));
    part->created_ns = UINT64_C(1605052800000000000) + number;
    part->position = (UINT64_C(1) + number / 100) << 16;
    part->time_ns = part->created_ns + UINT64_C(1800000000000);
    part->version = 1;
    part->line_count = 2;
    part->currency = (uint16_t)order_pack_currency(CURRENCY('C', 'N', 'Y'));
    part->states = ORDER_PENDING_PAYMENT | ORDER_PENDING_PAYMENT << 4;
    part->has = PART_HAS_TIMER;
    part->text_bytes[ORDER_ID] = (uint8_t)id_bytes;
    part->text_bytes[ORDER_CUSTOMER] = (uint8_t)customer_bytes;
    struct order_line *lines = (void *)(part + 1);
    for (uint32_t i = 0; i < 2; i++)
        lines[i] = order_make_line(
            &(struct slice_order_line){.sku = number % 9999 + i, .units = 1, .unit_price = 1999});
    memcpy(lines + 2, texts, (size_t)(id_bytes + customer_bytes));
    CHECK(record_valid(record, record->bytes));
}

static uint64_t id_hash_of(const void *record)
{
    const struct part_order *part = (const void *)record_first(record);
    const char *id = (const char *)(part + 1) + 2 * sizeof(struct order_line);
    return key_hash((struct text){id, part->text_bytes[ORDER_ID]});
}

/* By slot, then as a table has them. */
static int compare(const void *a, const void *b)
{
    uint64_t x = id_hash_of(a), y = id_hash_of(b);
    x = (x >> 54 << 32) | (uint32_t)x;
    y = (y >> 54 << 32) | (uint32_t)y;
    return (x > y) - (x < y);
}

static void make_records(void)
{
    records = malloc((size_t)ORDERS * RECORD_ROOM);
    for (uint32_t i = 0; i < ORDERS; i++)
        write_record(records + (size_t)i * RECORD_ROOM, i);
    qsort(records, ORDERS, RECORD_ROOM, compare);
    for (uint32_t i = 0; i < ORDERS; i++) {
        const struct record *record = (const void *)(records + (size_t)i * RECORD_ROOM);
        uint32_t bytes = record->bytes;
        memmove(records + record_bytes, record, bytes);
        record_bytes += bytes;
    }
}

static void begin(void)
{
    struct shard_options options = {
        .shard_count = 1,
        .slot_shard = slot_shard,
        .order_count_max = ORDERS + 1000,
        .order_bytes_max = MEMORY_BYTES,
        .cell_count_max = 64,
        .retry_count_max = 64,
        .limit_count_max = 64,
        .catalogue = {.sku_count_max = 1024},
    };
    if (records == NULL)
        make_records();
    bench_memory_free(shard_memory, shard_memory_bytes);
    shard_memory_bytes = shard_bytes(&options);
    shard_memory = bench_memory(shard_memory_bytes);
    shard = shard_init(shard_memory, &options, NULL);
}

static void load(uint64_t iterations)
{
    const struct record *record = (const void *)records;
    for (uint64_t left = iterations; left > 0;) {
        uint32_t count = left < AHEAD ? (uint32_t)left : AHEAD;
        CHECK(shard_load_some(shard, &record, count) == SHARD_TABLE_NONE);
        left -= count;
    }
    shard_loaded(shard);
}

static void begin_loaded(void)
{
    begin();
    load(ORDERS);
}

static void walk(uint64_t iterations)
{
    struct image_walk at = {0};
    const struct record *record;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations && (record = shard_image_next(shard, &at)) != NULL; i++)
        sum += record_hash(record);
    bench_keep(sum);
}

const struct bench image_benches[] = {
    {"image/load, two lines", begin, load, 1, ORDERS},
    {"image/write and hash, two lines", begin_loaded, walk, 1, ORDERS},
    {0},
};
