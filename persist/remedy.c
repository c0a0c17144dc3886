#include "persist/remedy.h"

#include <errno.h>
#include <string.h>

#include "persist/snapshot.h"

struct sorting {
    const struct remedy *remedy;
    struct snapshot_writer writer;
    uint64_t *slot_bytes; /* of all records of the slot */
    uint64_t *slot_at;    /* where its next one goes to, in `records` */
    uint8_t *records;
    uint64_t records_bytes;
    void *block;
};

static void lay_out(struct sorting *sorting, const struct remedy *remedy)
{
    uint8_t *at = remedy->memory;
    CHECK(remedy->memory_bytes >= REMEDY_BYTES_MIN);
    *sorting = (struct sorting){.remedy = remedy, .writer.file = -1, .block = at};
    at += SNAPSHOT_BLOCK_BYTES;
    sorting->slot_bytes = (void *)at;
    at += SLOT_COUNT * sizeof *sorting->slot_bytes;
    sorting->slot_at = (void *)at;
    at += SLOT_COUNT * sizeof *sorting->slot_at;
    sorting->records = at;
    sorting->records_bytes = remedy->memory_bytes - (uint64_t)(at - (uint8_t *)remedy->memory);
    memset(sorting->slot_bytes, 0, SLOT_COUNT * sizeof *sorting->slot_bytes);
}

/* Of every record of every shard. */
static void each_record(const struct sorting *sorting, uint32_t from, uint32_t to,
                        void (*take)(const struct sorting *sorting, const struct record *record))
{
    for (uint32_t i = 0; i < sorting->remedy->shard_count; i++) {
        struct image_walk walk = {0};
        const struct record *record;
        while ((record = shard_image_next(sorting->remedy->shards[i], &walk)) != NULL)
            if (record->slot >= from && record->slot < to)
                take(sorting, record);
    }
}

static void count_record(const struct sorting *sorting, const struct record *record)
{
    sorting->slot_bytes[record->slot] += record->bytes;
}

static void place_record(const struct sorting *sorting, const struct record *record)
{
    uint64_t *at = &sorting->slot_at[record->slot];
    memcpy(sorting->records + *at, record, record->bytes);
    *at += record->bytes;
}

/* How far from `from` on slots fit into the memory, each with its place in it. */
static uint32_t slots_that_fit(const struct sorting *sorting, uint32_t from, uint64_t *bytes)
{
    uint32_t to = from;
    for (*bytes = 0; to < SLOT_COUNT && *bytes + sorting->slot_bytes[to] <= sorting->records_bytes;
         to++) {
        sorting->slot_at[to] = *bytes;
        *bytes += sorting->slot_bytes[to];
    }
    return to;
}

static int32_t write_records(struct sorting *sorting)
{
    int32_t error = 0;
    each_record(sorting, 0, SLOT_COUNT, count_record);
    for (uint32_t from = 0, to; error == 0 && from < SLOT_COUNT; from = to) {
        uint64_t bytes;
        to = slots_that_fit(sorting, from, &bytes);
        if (to == from)
            return -EFBIG;
        each_record(sorting, from, to, place_record);
        for (uint64_t at = 0; error == 0 && at < bytes;) {
            const struct record *record = (const void *)(sorting->records + at);
            error = snapshot_add(&sorting->writer, record);
            at += record->bytes;
        }
    }
    return error == 0 ? snapshot_finish(&sorting->writer) : error;
}

static int32_t write_snapshot(struct sorting *sorting, uint64_t log_id)
{
    const struct remedy *remedy = sorting->remedy;
    const struct place *place = &remedy->place;
    struct snapshot_reader written;
    const struct snapshot_head facts = {
        .log_id = log_id,
        .seq = place->seq - 1,
        .serial = place->serial,
        .offset = place->offset,
        .chain = place->chain,
        .made_ns = env_now(remedy->env),
    };
    int32_t error =
        snapshot_create(&sorting->writer, remedy->env, remedy->directory, sorting->block, &facts);
    if (error == 0)
        error = write_records(sorting);
    if (error == 0) /* what was written is read again, to the last byte */
        error = snapshot_verify(&written, remedy->env, remedy->directory, SNAPSHOT_MAKING, log_id,
                                sorting->block);
    if (error == 0)
        error = snapshot_publish(remedy->env, remedy->directory, facts.seq);
    else
        snapshot_abandon(&sorting->writer);
    return error;
}

int32_t remedy_snapshot(const struct remedy *remedy)
{
    struct sorting sorting;
    struct manifest manifest;
    const struct place *place = &remedy->place;
    if (place->serial == 0)
        return -EAGAIN;
    int32_t error = manifest_read(remedy->env, remedy->directory, &manifest);
    if (error < 0)
        return error;
    lay_out(&sorting, remedy);
    error = write_snapshot(&sorting, manifest.log_id);
    if (error < 0)
        return error;
    manifest_begin(&manifest, place->serial, place->offset, place->seq, place->chain);
    return manifest_write(remedy->env, remedy->directory, &manifest);
}
