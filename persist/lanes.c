#include "persist/lanes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/digest.h"

static uint32_t chunk_count_for(uint64_t file_bytes_max)
{
    uint64_t count = file_bytes_max / LANE_CHUNK_BYTES;
    return count < UINT32_MAX / 2 ? (uint32_t)count : UINT32_MAX / 2;
}

static size_t padded(size_t bytes)
{
    return (bytes + 4095) & ~(size_t)4095;
}

static size_t table_bytes(uint64_t file_bytes_max)
{
    return padded(((size_t)chunk_count_for(file_bytes_max) + 1) * sizeof(struct lane_chunk));
}

size_t lanes_bytes(uint64_t file_bytes_max)
{
    return (size_t)SLOT_COUNT * LANE_CHUNK_BYTES + table_bytes(file_bytes_max);
}

void lanes_init(struct lanes *lanes, void *memory, uint64_t file_bytes_max, struct env *env,
                int32_t directory)
{
    memset(lanes, 0, sizeof *lanes);
    lanes->env = env;
    lanes->directory = directory;
    lanes->file = -1;
    lanes->chunks = memory;
    lanes->table = (void *)(lanes->chunks + (size_t)SLOT_COUNT * LANE_CHUNK_BYTES);
    lanes->chunk_count_max = chunk_count_for(file_bytes_max);
}

/* An event fills less than so many chunks, and each lane that it touches may fill one more. */
bool lanes_have_room(const struct lanes *lanes)
{
    uint32_t most = 2 * LANE_ENTRY_BYTES_MAX / LANE_CHUNK_BYTES + SLOT_COUNT;
    return lanes->chunk_count_max - lanes->chunk_count > most;
}

static uint8_t *chunk_of(const struct lanes *lanes, uint32_t slot)
{
    return lanes->chunks + (size_t)slot * LANE_CHUNK_BYTES;
}

static uint64_t chunk_offset(uint32_t chunk)
{
    return (uint64_t)(chunk - 1) * LANE_CHUNK_BYTES;
}

/* The file is worth nothing after a crash, so the page cache may decide when to write it, if ever. */
static int32_t open_file(struct lanes *lanes)
{
    if (lanes->file < 0)
        lanes->file =
            env_do(lanes->env, &(struct env_op){.kind = ENV_OPEN,
                                                .file = lanes->directory,
                                                .path = LANES_FILE,
                                                .flags = O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC});
    return lanes->file;
}

static uint32_t chunk_sum(const uint8_t *bytes)
{
    return (uint32_t)digest(bytes, LANE_CHUNK_BYTES, 0);
}

static int32_t put_chunk(struct lanes *lanes, uint32_t slot)
{
    struct lane *lane = &lanes->lane[slot];
    int32_t error = open_file(lanes);
    if (error < 0)
        return error;
    CHECK(lanes->chunk_count < lanes->chunk_count_max);
    uint32_t chunk = ++lanes->chunk_count;
    lanes->table[chunk] = (struct lane_chunk){.sum = chunk_sum(chunk_of(lanes, slot))};
    if (lane->last_chunk != 0)
        lanes->table[lane->last_chunk].next = chunk;
    else
        lane->first_chunk = chunk;
    lane->last_chunk = chunk;
    lane->used_bytes = 0;
    int32_t wrote = env_do(lanes->env, &(struct env_op){.kind = ENV_WRITE,
                                                        .file = lanes->file,
                                                        .offset = chunk_offset(chunk),
                                                        .data = chunk_of(lanes, slot),
                                                        .bytes = LANE_CHUNK_BYTES});
    if (wrote < 0)
        return wrote;
    return wrote == LANE_CHUNK_BYTES ? 0 : -ENOSPC;
}

static int32_t put_bytes(struct lanes *lanes, uint32_t slot, const void *bytes, uint32_t count)
{
    struct lane *lane = &lanes->lane[slot];
    const uint8_t *at = bytes;
    while (count > 0) {
        uint32_t room = LANE_CHUNK_BYTES - lane->used_bytes;
        uint32_t part = count < room ? count : room;
        memcpy(chunk_of(lanes, slot) + lane->used_bytes, at, part);
        lane->used_bytes += part;
        at += part;
        count -= part;
        int32_t error = lane->used_bytes == LANE_CHUNK_BYTES ? put_chunk(lanes, slot) : 0;
        if (error < 0)
            return error;
    }
    return 0;
}

static uint32_t by_bytes(const struct event *event)
{
    return (event->by_bytes + 7u) & ~7u;
}

/* How long the event is for each of its slots. */
static void measure(struct lanes *lanes, const struct event *event)
{
    const struct slice *slice = event_slices(event);
    lanes->stamp++;
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        struct event *head = &lanes->heads[slice->slot];
        if (lanes->stamps[slice->slot] != lanes->stamp) {
            lanes->stamps[slice->slot] = lanes->stamp;
            *head = *event;
            head->slice_count = 0;
            head->bytes = (uint32_t)sizeof *head + by_bytes(event);
        }
        head->bytes += slice->bytes;
        head->slice_count++;
    }
}

static int32_t put_head(struct lanes *lanes, uint32_t slot, struct position position,
                        const struct event *event)
{
    const struct lane_entry entry = {
        .seq = position.seq, .index = position.index, .event = lanes->heads[slot]};
    int32_t error = put_bytes(lanes, slot, &entry, sizeof entry);
    return error < 0 ? error : put_bytes(lanes, slot, event + 1, by_bytes(event));
}

static void count(struct lane *lane, const struct slice *slice)
{
    if (slice->kind == SLICE_ORDER_PLACED) {
        lane->order_count++;
        lane->order_bytes += slice->bytes;
    }
    lane->retry_count += slice->kind == SLICE_RETRY;
}

int32_t lanes_put(struct lanes *lanes, struct position position, const struct event *event)
{
    measure(lanes, event);
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        struct lane *lane = &lanes->lane[slice->slot];
        int32_t error = 0;
        /* Its first slice here: the stamp has done its duty. */
        if (lanes->stamps[slice->slot] == lanes->stamp) {
            lanes->stamps[slice->slot] = 0;
            error = put_head(lanes, slice->slot, position, event);
        }
        if (error == 0)
            error = put_bytes(lanes, slice->slot, slice, slice->bytes);
        if (error < 0)
            return error;
        count(lane, slice);
    }
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static int32_t read_chunk(struct lane_reader *reader, uint32_t chunk)
{
    struct lanes *lanes = reader->lanes;
    reader->chunk = chunk;
    reader->offset = 0;
    if (chunk == 0)
        return 0;
    int32_t got = env_do(lanes->env, &(struct env_op){.kind = ENV_READ,
                                                      .file = lanes->file,
                                                      .offset = chunk_offset(chunk),
                                                      .data = reader->bytes,
                                                      .bytes = LANE_CHUNK_BYTES});
    if (got < 0)
        return got;
    if (got != LANE_CHUNK_BYTES || chunk_sum(reader->bytes) != lanes->table[chunk].sum)
        return -EBADMSG;
    return 0;
}

int32_t lane_open(struct lane_reader *reader, struct lanes *lanes, uint32_t slot, uint8_t *bytes,
                  uint8_t *entry)
{
    *reader = (struct lane_reader){.lanes = lanes, .slot = slot, .bytes = bytes, .entry = entry};
    return read_chunk(reader, lanes->lane[slot].first_chunk);
}

static int32_t get_bytes(struct lane_reader *reader, void *to, uint32_t count)
{
    uint8_t *at = to;
    while (count > 0) {
        bool last = reader->chunk == 0;
        const uint8_t *from = last ? chunk_of(reader->lanes, reader->slot) : reader->bytes;
        uint32_t end = last ? reader->lanes->lane[reader->slot].used_bytes : LANE_CHUNK_BYTES;
        uint32_t left = end - reader->offset;
        uint32_t part = count < left ? count : left;
        CHECK(!last || part == count);
        memcpy(at, from + reader->offset, part);
        reader->offset += part;
        at += part;
        count -= part;
        int32_t error = !last && reader->offset == end
                            ? read_chunk(reader, reader->lanes->table[reader->chunk].next)
                            : 0;
        if (error < 0)
            return error;
    }
    return 0;
}

const struct lane_entry *lane_next(struct lane_reader *reader, int32_t *error)
{
    struct lane_entry *entry = (void *)reader->entry;
    *error = 0;
    if (reader->chunk == 0 && reader->offset == reader->lanes->lane[reader->slot].used_bytes)
        return NULL;
    *error = get_bytes(reader, entry, sizeof *entry);
    if (*error < 0)
        return NULL;
    uint32_t rest = entry->event.bytes - (uint32_t)sizeof entry->event;
    CHECK(sizeof *entry + rest <= LANE_ENTRY_BYTES_MAX);
    *error = get_bytes(reader, entry + 1, rest);
    return *error < 0 ? NULL : entry;
}

void lanes_end(struct lanes *lanes)
{
    if (lanes->file < 0)
        return;
    (void)!env_do(lanes->env, &(struct env_op){.kind = ENV_CLOSE, .file = lanes->file});
    (void)!env_do(
        lanes->env,
        &(struct env_op){.kind = ENV_UNLINK, .file = lanes->directory, .path = LANES_FILE});
    lanes->file = -1;
}
