#include "persist/fold.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STEP_BYTES = 1 << 20, PIECES = 64 };

static size_t padded(size_t bytes)
{
    return (bytes + 4095) & ~(size_t)4095;
}

/* The next piece; while only measuring, there is no memory. */
static uint8_t *cut(uint8_t *memory, size_t *used, size_t bytes)
{
    uint8_t *at = memory != NULL ? memory + *used : NULL;
    *used += bytes;
    return at;
}

static size_t lay_out(struct fold *fold, uint8_t *memory, const struct fold_options *options)
{
    size_t used = 0;
    fold->scan_memory = cut(memory, &used, SCAN_MEMORY_BYTES);
    fold->lane_memory = cut(memory, &used, padded(lanes_bytes(options->lane_bytes_max)));
    fold->block_memory = cut(memory, &used, SNAPSHOT_BLOCK_BYTES);
    fold->reader_memory = cut(memory, &used, padded(LANE_READER_BYTES));
    fold->shard_memory = cut(memory, &used, padded(options->shard_bytes_max));
    return used;
}

size_t fold_bytes(const struct fold_options *options)
{
    struct fold nowhere;
    return lay_out(&nowhere, NULL, options);
}

__attribute__((format(printf, 3, 4))) static enum fold_state fail(struct fold *fold, int32_t error,
                                                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fold->message, sizeof fold->message, format, arguments);
    va_end(arguments);
    fold->error = error;
    return fold->state = FOLD_FAILED;
}

static enum fold_state fail_at(struct fold *fold, int32_t error, struct place at, const char *what)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, at.serial);
    return fail(fold, error, "%s, offset %llu, sequence %llu: %s", name,
                (unsigned long long)at.offset, (unsigned long long)at.seq, what);
}

static enum fold_state fail_snapshot(struct fold *fold, int32_t error)
{
    char name[SNAPSHOT_NAME_BYTES];
    snapshot_name(name, fold->options.snapshot);
    fold->bad_snapshot = error == -EBADMSG || error == -EIO || error == -ENOENT;
    return fail(fold, error, "%s: %s", name, snapshot_fault(error));
}

/* What was only sorted is no damage: it is there once more. */
static enum fold_state fail_lane(struct fold *fold, int32_t error)
{
    bool differs = error == -EBADMSG;
    return fail(fold, differs ? -EIO : error, "%s cannot be read: %s", LANES_FILE,
                differs ? "it is not what was written" : strerror(-error));
}

/* ---- the log ----------------------------------------------------------------------------------- */

void fold_begin(struct fold *fold, void *memory, struct env *env,
                const struct fold_options *options)
{
    memset(fold, 0, sizeof *fold);
    fold->env = env;
    fold->options = *options;
    fold->reader.file = -1;
    fold->reading = true;
    (void)lay_out(fold, memory, options);
    lanes_init(&fold->lanes, fold->lane_memory, options->lane_bytes_max, env,
               options->lane_directory != 0 ? options->lane_directory : options->directory);
    fold->lanes.unnamed = options->lane_directory != 0;
    fold->place = scan_first(options->manifest);
    fold->scan.file = -1;
    if (options->snapshot != 0) {
        char name[SNAPSHOT_NAME_BYTES];
        snapshot_name(name, options->snapshot);
        int32_t error = snapshot_open(&fold->reader, env, options->directory, name,
                                      options->manifest->log_id, fold->block_memory);
        if (error < 0) {
            (void)fail_snapshot(fold, error);
            return;
        }
        fold->has_snapshot = true;
        fold->place = snapshot_place(&fold->reader.head);
    }
    scan_begin(&fold->scan, env, options->directory, options->manifest, fold->scan_memory,
               fold->place);
}

static int32_t put_group(struct fold *fold, const struct group_head *head)
{
    const struct event *event = group_events(head);
    uint64_t left = head->event_bytes;
    scan_rest(&fold->scan);
    for (uint32_t i = 0; i < head->event_count; i++) {
        if (!event_valid(event, left))
            return -EBADMSG;
        int32_t error = lanes_put(&fold->lanes, (struct position){head->seq, (uint16_t)i}, event);
        if (error < 0)
            return error;
        left -= event->bytes;
        event = (const void *)((const char *)event + event->bytes);
    }
    return 0;
}

/* Slots come in their order from now on. */
static enum fold_state end_reading(struct fold *fold)
{
    scan_end(&fold->scan);
    fold->reading = false;
    return FOLD_ON;
}

static enum fold_state log_ends(struct fold *fold, int32_t error)
{
    if (fold->options.as_far_as_it_goes)
        return end_reading(fold);
    if (error < 0)
        return fail_at(fold, error, fold->scan.at, strerror(-error));
    if (fold->options.seq == UINT64_MAX)
        return end_reading(fold);
    return fail_at(fold, -EBADMSG, fold->scan.at,
                   "this group is missing or invalid, though it was acknowledged");
}

/* An event may be larger than what all lanes together still take, so it is asked before each group. */
static bool has_enough(const struct fold *fold)
{
    return fold->place.seq > fold->options.seq || !lanes_have_room(&fold->lanes);
}

static enum fold_state read_log(struct fold *fold)
{
    uint64_t end = fold->scan.read_bytes + STEP_BYTES;
    while (fold->scan.read_bytes < end) {
        int32_t error;
        if (has_enough(fold))
            return end_reading(fold);
        const struct group_head *head = scan_next(&fold->scan, &error);
        if (head == NULL)
            return log_ends(fold, error);
        error = put_group(fold, head);
        if (error == -EBADMSG && fold->options.as_far_as_it_goes)
            return end_reading(fold);
        if (error == -EBADMSG)
            return fail_at(fold, error, fold->scan.at, "an event in this group makes no sense");
        if (error < 0)
            return fail(fold, error, "%s cannot be written: %s", LANES_FILE, strerror(-error));
        fold->place = fold->scan.at;
    }
    return FOLD_ON;
}

/* ---- a slot's shard ---------------------------------------------------------------------------- */

static struct shard_options shard_options(const struct fold *fold)
{
    const struct fold_size *size = &fold->size;
    const uint32_t skus = size->skus, skus_max = (1u << SKU_INDEX_BITS) - 1;
    return (struct shard_options){
        .shard_count = 2,
        .slot_shard = fold->slot_shard,
        .order_count_max = size->orders,
        .order_bytes_max = size->order_bytes,
        .cell_count_max = size->cells,
        .retry_count_max = size->retries,
        .limit_count_max = size->limits,
        .catalogue = {.sku_count_max = (skus < skus_max ? skus : skus_max) * SLOT_COUNT},
    };
}

static void grow(struct fold_size *size, enum shard_table table)
{
    switch (table) {
    case SHARD_TABLE_NONE:
        break;
    case SHARD_TABLE_ORDERS:
        size->orders *= 2;
        break;
    case SHARD_TABLE_ORDER_BYTES:
        size->order_bytes *= 2;
        break;
    case SHARD_TABLE_SKUS:
        size->skus *= 2;
        break;
    case SHARD_TABLE_CELLS:
    case SHARD_TABLE_TRANSFERS: /* they have a share of that */
        size->cells *= 2;
        break;
    case SHARD_TABLE_RETRIES:
        size->retries *= 2;
        break;
    case SHARD_TABLE_LIMITS:
        size->limits *= 2;
        break;
    }
}

/* Slots are much alike, and what the lane brings is known; whoever is surprised doubles. */
static void expect_size(struct fold *fold)
{
    const struct lane *lane = &fold->lanes.lane[fold->slot];
    struct shard_counts last = {0};
    if (fold->shard != NULL)
        last = shard_counts(fold->shard);
    fold->size = (struct fold_size){
        .orders = last.orders + last.orders / 4 + lane->order_count + 64,
        .order_bytes = last.order_bytes + last.order_bytes / 4 + lane->order_bytes + (16 << 10),
        .cells = (uint32_t)(last.cells + last.cells / 4 + 64),
        .skus = (uint32_t)(last.skus + last.skus / 4 + 16),
        .retries = (uint32_t)(last.retries + last.retries / 4 + lane->retry_count + 64),
        .limits = (uint32_t)(last.limits + last.limits / 4 + 64),
    };
}

static bool make_shard(struct fold *fold)
{
    memset(fold->slot_shard, 1, sizeof fold->slot_shard);
    fold->slot_shard[fold->slot] = 0;
    struct shard_options options = shard_options(fold);
    size_t bytes = shard_bytes(&options);
    if (bytes > fold->options.shard_bytes_max) {
        (void)fail(fold, -ENOMEM,
                   "slot %u needs %llu bytes of memory to be brought together; allow more",
                   fold->slot, (unsigned long long)bytes);
        return false;
    }
    memset(fold->shard_memory, 0, bytes - RECORD_BYTES_MAX);
    fold->shard = shard_init(fold->shard_memory, &options, NULL);
    return true;
}

/* ---- the snapshot's records -------------------------------------------------------------------- */

/* Where the reader is; a slot that needs more room is read again from there. */
struct mark {
    uint64_t block;
    uint32_t records_left;
    size_t offset;
};

static int32_t open_block(struct fold *fold)
{
    int32_t error = 0;
    while (fold->has_snapshot && fold->records_left == 0) {
        fold->block = snapshot_next(&fold->reader, &error);
        if (fold->block == NULL) {
            fold->has_snapshot = false;
            break;
        }
        fold->record = snapshot_records(fold->block);
        fold->records_left = fold->block->record_count;
    }
    return error;
}

static void record_done(struct fold *fold)
{
    fold->record = record_next(fold->record);
    fold->records_left--;
}

static bool record_is_ours(const struct fold *fold)
{
    return fold->has_snapshot && fold->record->slot == fold->slot;
}

static struct mark take_mark(const struct fold *fold)
{
    return (struct mark){
        .block = fold->reader.next_block,
        .records_left = fold->records_left,
        .offset = fold->has_snapshot
                      ? (size_t)((const char *)fold->record - (const char *)fold->block_memory)
                      : 0,
    };
}

static int32_t go_back(struct fold *fold, const struct mark *mark, bool had_snapshot)
{
    int32_t error = 0;
    fold->has_snapshot = had_snapshot;
    if (!had_snapshot)
        return 0;
    if (fold->reader.next_block != mark->block || fold->block == NULL) {
        fold->reader.next_block = mark->block - 1;
        fold->block = snapshot_next(&fold->reader, &error);
    }
    fold->records_left = mark->records_left;
    fold->record = (const void *)((const char *)fold->block_memory + mark->offset);
    return error;
}

static bool stays_as_it_is(const struct fold *fold)
{
    struct text id = record_order(fold->record);
    return fold->writer != NULL && id.bytes > 0 && !lane_may_change(&fold->lanes, fold->slot, id);
}

/* To the writer, unless it has it from a time before, when there was too little room for others. */
static bool pass_on(struct fold *fold, uint64_t number)
{
    if (number < fold->passed)
        return true;
    fold->passed++;
    int32_t error = snapshot_add(fold->writer, fold->record);
    if (error < 0)
        (void)fail(fold, error, "%s cannot be written: %s", SNAPSHOT_MAKING, strerror(-error));
    return error == 0;
}

/* What the snapshot has of the slot; an error is of the snapshot's. */
static int32_t load_records(struct fold *fold, enum shard_table *full)
{
    int32_t error = 0;
    uint64_t passed = 0;
    while (error == 0 && *full == SHARD_TABLE_NONE && record_is_ours(fold)) {
        if (!stays_as_it_is(fold))
            *full = shard_load(fold->shard, fold->record);
        else if (!pass_on(fold, passed++))
            return 0;
        record_done(fold);
        error = open_block(fold);
    }
    if (error == 0 && *full == SHARD_TABLE_NONE)
        shard_loaded(fold->shard);
    return error;
}

static int32_t apply_lane(struct fold *fold, enum shard_table *full)
{
    struct lane_reader reader;
    struct recorded_slice pieces[PIECES];
    uint32_t count;
    int32_t error = lane_open(&reader, &fold->lanes, fold->slot, fold->reader_memory);
    while (error == 0 && *full == SHARD_TABLE_NONE &&
           (count = lane_next(&reader, pieces, PIECES, &error)) > 0)
        *full = shard_recover_slices(fold->shard, pieces, count);
    lane_close(&reader);
    return error;
}

/* ---- slots ------------------------------------------------------------------------------------- */

static enum fold_state fold_slot(struct fold *fold)
{
    struct mark mark = take_mark(fold);
    bool had_snapshot = fold->has_snapshot;
    expect_size(fold);
    fold->passed = 0;
    for (;;) {
        enum shard_table full = SHARD_TABLE_NONE;
        if (!make_shard(fold))
            return fold->state;
        int32_t error = load_records(fold, &full);
        if (error < 0)
            return fail_snapshot(fold, error);
        if (fold->state == FOLD_FAILED)
            return fold->state;
        if (full == SHARD_TABLE_NONE && (error = apply_lane(fold, &full)) < 0)
            return fail_lane(fold, error);
        if (full == SHARD_TABLE_NONE)
            return fold->state = FOLD_SLOT;
        grow(&fold->size, full);
        if ((error = go_back(fold, &mark, had_snapshot)) < 0)
            return fail_snapshot(fold, error);
    }
}

static bool lane_has_any(const struct fold *fold)
{
    const struct lane *lane = &fold->lanes.lane[fold->slot];
    return lane->first_chunk != 0 || lane->used_bytes > 0;
}

static enum fold_state next_slot(struct fold *fold)
{
    int32_t error = open_block(fold);
    if (error < 0)
        return fail_snapshot(fold, error);
    for (; fold->slot < SLOT_COUNT; fold->slot++)
        if (record_is_ours(fold) || lane_has_any(fold))
            return fold_slot(fold);
    return fold->state = FOLD_DONE;
}

enum fold_state fold_step(struct fold *fold)
{
    if (fold->state == FOLD_DONE || fold->state == FOLD_FAILED)
        return fold->state;
    if (fold->reading)
        return read_log(fold);
    fold->slot += fold->state == FOLD_SLOT;
    return next_slot(fold);
}

void fold_end(struct fold *fold)
{
    scan_end(&fold->scan);
    snapshot_close(&fold->reader);
    lanes_end(&fold->lanes);
}
