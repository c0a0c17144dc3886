#include "persist/lanes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "core/digest.h"
#include "core/prefetch.h"
#include "core/shape.h"
#include "persist/segment.h"

enum { FETCHED_BYTES = 256, NAMES_BYTES = LANE_NAMES / 8 };

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
    return (size_t)(SLOT_COUNT + LANE_BATCH) * LANE_CHUNK_BYTES + SLOT_COUNT * NAMES_BYTES +
           table_bytes(file_bytes_max);
}

void lanes_init(struct lanes *lanes, void *memory, uint64_t file_bytes_max, struct env *env,
                int32_t directory)
{
    memset(lanes, 0, sizeof *lanes);
    lanes->env = env;
    lanes->directory = directory;
    lanes->file = -1;
    lanes->chunks = memory;
    lanes->batch = lanes->chunks + (size_t)SLOT_COUNT * LANE_CHUNK_BYTES;
    lanes->names = (void *)(lanes->batch + (size_t)LANE_BATCH * LANE_CHUNK_BYTES);
    memset(lanes->names, 0, (size_t)SLOT_COUNT * NAMES_BYTES);
    lanes->table = (void *)((uint8_t *)lanes->names + (size_t)SLOT_COUNT * NAMES_BYTES);
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

static int32_t open_file(struct lanes *lanes)
{
    if (lanes->file < 0 && lanes->unnamed)
        lanes->file = segment_open(lanes->env, lanes->directory, ".", O_TMPFILE | O_RDWR);
    if (lanes->file == -EOPNOTSUPP)
        lanes->unnamed = false; /* not on every file system */
    if (lanes->file < 0 && !lanes->unnamed)
        lanes->file =
            segment_open(lanes->env, lanes->directory, LANES_FILE, O_CREAT | O_TRUNC | O_RDWR);
    return lanes->file;
}

static uint32_t chunk_sum(const uint8_t *bytes)
{
    return (uint32_t)digest(bytes, LANE_CHUNK_BYTES, 0);
}

static int32_t write_batch(struct lanes *lanes)
{
    int32_t error = lanes->batched > 0 ? open_file(lanes) : 0;
    if (lanes->batched == 0 || error < 0)
        return error;
    uint32_t bytes = lanes->batched * LANE_CHUNK_BYTES;
    int32_t wrote =
        env_do(lanes->env,
               &(struct env_op){.kind = ENV_WRITE,
                                .file = lanes->file,
                                .offset = chunk_offset(lanes->chunk_count - lanes->batched + 1),
                                .data = lanes->batch,
                                .bytes = bytes});
    if (wrote < 0)
        return wrote;
    lanes->batched = 0;
    return (uint32_t)wrote == bytes ? 0 : -ENOSPC;
}

static int32_t put_chunk(struct lanes *lanes, uint32_t slot)
{
    struct lane *lane = &lanes->lane[slot];
    CHECK(lanes->chunk_count < lanes->chunk_count_max);
    uint32_t chunk = ++lanes->chunk_count;
    lanes->table[chunk] = (struct lane_chunk){.sum = chunk_sum(chunk_of(lanes, slot))};
    if (lane->last_chunk != 0)
        lanes->table[lane->last_chunk].next = chunk;
    else
        lane->first_chunk = chunk;
    lane->last_chunk = chunk;
    lane->used_bytes = 0;
    memcpy(lanes->batch + (size_t)lanes->batched++ * LANE_CHUNK_BYTES, chunk_of(lanes, slot),
           LANE_CHUNK_BYTES);
    return lanes->batched == LANE_BATCH ? write_batch(lanes) : 0;
}

/* The memory that the next entries of this lane go into: by then a thousand others have been there. */
static void fetch_end(const uint8_t *end)
{
    for (uint32_t line = 0; line < FETCHED_BYTES; line += 64)
        prefetch_to_write(end + line);
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

static int32_t put_head(struct lanes *lanes, struct position position, const struct event *event,
                        const struct slice *slice)
{
    struct lane_event entry = {.seq = position.seq, .event = *event};
    uint32_t bytes = (uint32_t)sizeof entry + by_bytes(event) + slice->bytes;
    entry.head = (struct slice){.bytes = bytes, .slot = position.index};
    entry.event.bytes = bytes - (uint32_t)offsetof(struct lane_event, event);
    entry.event.slice_count = 1;
    int32_t error = put_bytes(lanes, slice->slot, &entry, sizeof entry);
    return error < 0 ? error : put_bytes(lanes, slice->slot, event + 1, by_bytes(event));
}

/* A bit of those that its id's hash has not given to slot or table. */
static uint64_t name_bit(uint64_t hash, uint32_t *word)
{
    uint32_t bit = (hash >> 32) % LANE_NAMES;
    *word = bit / 64;
    return UINT64_C(1) << bit % 64;
}

static uint64_t *names_of(const struct lanes *lanes, uint32_t slot)
{
    return lanes->names + (size_t)slot * (LANE_NAMES / 64);
}

static void note_name(struct lanes *lanes, const struct slice *slice)
{
    struct text id = shape_order(slice);
    uint32_t word;
    if (id.bytes == 0) {
        lanes->lane[slice->slot].names_all = true;
        return;
    }
    uint64_t bit = name_bit(key_hash(id), &word);
    names_of(lanes, slice->slot)[word] |= bit;
}

bool lane_may_change(const struct lanes *lanes, uint32_t slot, struct text order_id)
{
    uint32_t word;
    uint64_t bit = name_bit(key_hash(order_id), &word);
    return lanes->lane[slot].names_all || (names_of(lanes, slot)[word] & bit) != 0;
}

static void note(struct lanes *lanes, const struct slice *slice)
{
    struct lane *lane = &lanes->lane[slice->slot];
    lane->retry_count += slice->kind == SLICE_RETRY;
    if (slice->kind == SLICE_ORDER_PLACED) {
        lane->order_count++;
        lane->order_bytes += slice->bytes;
    } else if (!slice_stands_alone(slice)) {
        note_name(lanes, slice);
    }
}

int32_t lanes_put(struct lanes *lanes, struct position position, const struct event *event)
{
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        struct lane *lane = &lanes->lane[slice->slot];
        int32_t error = slice_stands_alone(slice) ? 0 : put_head(lanes, position, event, slice);
        if (error == 0)
            error = put_bytes(lanes, slice->slot, slice, slice->bytes);
        if (error < 0)
            return error;
        note(lanes, slice);
        fetch_end(chunk_of(lanes, slice->slot) + lane->used_bytes);
    }
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------- */

enum { NOT_YET = INT32_MIN }; /* no errno */

static uint8_t *place_of(const struct lane_reader *reader, uint32_t nth)
{
    return reader->memory + (size_t)(nth % LANE_AHEAD) * LANE_CHUNK_BYTES;
}

static void ask_ahead(struct lane_reader *reader)
{
    struct lanes *lanes = reader->lanes;
    for (; reader->to_ask != 0 && reader->asked < reader->done + LANE_AHEAD; reader->asked++) {
        reader->got[reader->asked % LANE_AHEAD] = NOT_YET;
        reader->reading++;
        env_submit(lanes->env, &(struct env_op){.kind = ENV_READ,
                                                .file = lanes->file,
                                                .offset = chunk_offset(reader->to_ask),
                                                .data = place_of(reader, reader->asked),
                                                .bytes = LANE_CHUNK_BYTES,
                                                .user = reader->asked % LANE_AHEAD});
        reader->to_ask = lanes->table[reader->to_ask].next;
    }
    env_flush(lanes->env);
}

static void wait_for_read(struct lane_reader *reader)
{
    struct env_done done;
    if (env_reap(reader->lanes->env, &done, 1, UINT64_MAX) == 0)
        return;
    reader->got[done.user] = done.result;
    reader->reading--;
}

/* The chunk that the reader stands at the beginning of. */
static int32_t open_chunk(struct lane_reader *reader)
{
    if (reader->chunk == 0)
        return 0;
    ask_ahead(reader);
    const int32_t *got = &reader->got[reader->done % LANE_AHEAD];
    while (*got == NOT_YET)
        wait_for_read(reader);
    if (*got < 0)
        return *got;
    bool same = *got == LANE_CHUNK_BYTES && chunk_sum(place_of(reader, reader->done)) ==
                                                reader->lanes->table[reader->chunk].sum;
    return same ? 0 : -EBADMSG;
}

int32_t lane_open(struct lane_reader *reader, struct lanes *lanes, uint32_t slot, uint8_t *memory)
{
    uint32_t first = lanes->lane[slot].first_chunk;
    *reader = (struct lane_reader){
        .lanes = lanes, .slot = slot, .chunk = first, .to_ask = first, .memory = memory};
    int32_t error = write_batch(lanes);
    return error < 0 ? error : open_chunk(reader);
}

static const uint8_t *bytes_here(const struct lane_reader *reader)
{
    const uint8_t *bytes =
        reader->chunk != 0 ? place_of(reader, reader->done) : chunk_of(reader->lanes, reader->slot);
    return bytes + reader->offset;
}

static uint32_t left_here(const struct lane_reader *reader)
{
    uint32_t end =
        reader->chunk != 0 ? LANE_CHUNK_BYTES : reader->lanes->lane[reader->slot].used_bytes;
    return end - reader->offset;
}

/* On to the next chunk, if this one has been gone through. */
static int32_t turn_over(struct lane_reader *reader)
{
    if (left_here(reader) > 0 || reader->chunk == 0)
        return 0;
    reader->chunk = reader->lanes->table[reader->chunk].next;
    reader->offset = 0;
    reader->done++;
    return open_chunk(reader);
}

static int32_t get_bytes(struct lane_reader *reader, void *to, uint32_t count)
{
    uint8_t *at = to;
    while (count > 0) {
        int32_t error = turn_over(reader);
        if (error < 0)
            return error;
        uint32_t left = left_here(reader);
        uint32_t part = count < left ? count : left;
        CHECK(part > 0);
        memcpy(at, bytes_here(reader), part);
        reader->offset += part;
        at += part;
        count -= part;
    }
    return 0;
}

static struct recorded_slice piece_of(const struct slice *entry)
{
    const struct lane_event *event = (const void *)entry;
    if (entry->kind != 0)
        return (struct recorded_slice){.slice = entry};
    return (struct recorded_slice){
        {event->seq, entry->slot}, &event->event, event_slices(&event->event)};
}

/* NULL: it goes on in the next chunk. */
static const struct slice *entry_in_place(struct lane_reader *reader)
{
    const struct slice *entry = (const void *)bytes_here(reader);
    uint32_t left = left_here(reader);
    if (left < sizeof *entry || left < entry->bytes)
        return NULL;
    reader->offset += entry->bytes;
    return entry;
}

static const struct slice *entry_that_spans(struct lane_reader *reader, int32_t *error)
{
    struct slice *entry = (void *)(reader->memory + (size_t)LANE_AHEAD * LANE_CHUNK_BYTES);
    *error = get_bytes(reader, entry, sizeof *entry);
    CHECK(*error < 0 || entry->bytes <= LANE_ENTRY_BYTES_MAX);
    if (*error == 0)
        *error = get_bytes(reader, entry + 1, entry->bytes - (uint32_t)sizeof *entry);
    return *error < 0 ? NULL : entry;
}

uint32_t lane_next(struct lane_reader *reader, struct recorded_slice *out, uint32_t most,
                   int32_t *error)
{
    const struct slice *entry;
    uint32_t count = 0;
    *error = turn_over(reader);
    if (*error < 0 || left_here(reader) == 0)
        return 0;
    while (count < most && (entry = entry_in_place(reader)) != NULL)
        out[count++] = piece_of(entry);
    if (count == 0 && (entry = entry_that_spans(reader, error)) != NULL)
        out[count++] = piece_of(entry);
    return count;
}

void lane_close(struct lane_reader *reader)
{
    while (reader->reading > 0)
        wait_for_read(reader);
}

void lanes_end(struct lanes *lanes)
{
    if (lanes->file < 0)
        return;
    (void)!env_do(lanes->env, &(struct env_op){.kind = ENV_CLOSE, .file = lanes->file});
    lanes->file = -1;
    if (!lanes->unnamed)
        (void)!env_do(
            lanes->env,
            &(struct env_op){.kind = ENV_UNLINK, .file = lanes->directory, .path = LANES_FILE});
}
