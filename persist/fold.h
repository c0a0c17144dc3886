/* persist/fold.h - the state at one commit sequence, slot by slot, beside whoever serves: a snapshot
 * and the log behind it, brought together in bounded memory.
 *
 *   log ────▶ events, sorted by slot (lanes.h) ─┐
 *   snapshot ──▶ records, by slot ──────────────┴▶ for each slot in turn: a small shard of its own,
 *                                                  loaded, then moved on by the same apply as live
 *
 * Compaction, `spate log verify --state` and `export` are loops around it. A step is a megabyte of log,
 * or a slot, so that whoever runs it may do something else between two of them. Whoever only wants the
 * records again gives a writer: an order that no event changes goes there as it stands, before all that is
 * loaded of its slot. */
#ifndef SPATE_PERSIST_FOLD_H
#define SPATE_PERSIST_FOLD_H

#include "persist/lanes.h"
#include "persist/snapshot.h"

struct fold_options {
    int32_t directory;
    const struct manifest *manifest;
    uint64_t snapshot;      /* to begin with; 0: the log from its beginning */
    uint64_t seq;           /* up to here; what is below the watermark is there */
    bool as_far_as_it_goes; /* damage ends the fold, and is no failure */
    int32_t lane_directory; /* for the file of lanes, without a name; 0: the same, and it has one */
    uint64_t
        lane_bytes_max; /* of the file of lanes: when it is full, the fold ends at what it has */
    uint64_t shard_bytes_max; /* for one slot's state */
};

enum fold_state {
    FOLD_ON,   /* there is more to do */
    FOLD_SLOT, /* all of slot `fold->slot` is in fold->shard */
    FOLD_DONE,
    FOLD_FAILED,
};

struct fold_size {
    uint64_t orders;
    uint64_t order_bytes;
    uint32_t cells;
    uint32_t skus;
    uint32_t retries;
    uint32_t limits;
};

struct fold {
    struct env *env;
    struct fold_options options;
    enum fold_state state;
    bool reading; /* the log; then the slots come */
    struct snapshot_writer
        *writer;       /* set then by who has one: orders that stay as they are go there */
    char message[256]; /* when it has failed: what, where, what to do */
    int32_t error;     /* -EBADMSG: something is damaged */
    bool bad_snapshot; /* and it is the snapshot */

    struct place place; /* how far the log has been read; the state is that before place.seq */
    struct scan scan;
    struct lanes lanes;
    struct snapshot_reader reader;
    bool has_snapshot;
    const struct snapshot_block *block; /* NULL: none is open */
    const struct record *record;        /* the next one in it */
    uint32_t records_left;
    uint64_t passed; /* records of this slot that the writer has */

    uint32_t slot;
    struct shard *shard;
    struct fold_size size;
    uint8_t slot_shard[SLOT_COUNT];

    void *scan_memory;
    void *lane_memory;
    void *block_memory;
    uint8_t *reader_memory; /* of a lane */
    void *shard_memory;
};

/* Memory aligned to 4096; what is for the slot's state is touched only as far as that needs. */
size_t fold_bytes(const struct fold_options *options);
void fold_begin(struct fold *fold, void *memory, struct env *env,
                const struct fold_options *options);
/* After FOLD_SLOT, the next call goes on with the next slot that has anything. */
enum fold_state fold_step(struct fold *fold);
/* At any time; afterwards nothing is open. */
void fold_end(struct fold *fold);

#endif
