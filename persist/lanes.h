/* persist/lanes.h - events sorted by slot: what each slot has of them, in commit order.
 *
 * A lane for each slot: a row of slices, those that do not stand alone (core/event.h) with their event's
 * head before them. It lies in chunks, the last of them in memory, the full ones in one file without a
 * name worth keeping: memory is a chunk and LANE_NAMES bits a lane and 8 bytes a chunk in the file, however
 * long the log is.
 * The file goes past the page cache, whose pages would cost more than all that is done with the events. */
#ifndef SPATE_PERSIST_LANES_H
#define SPATE_PERSIST_LANES_H

#include "core/shard.h"
#include "persist/env.h"

#define LANES_FILE "lanes.tmp"

enum {
    LANE_CHUNK_BYTES = 32 << 10,
    LANE_ENTRY_BYTES_MAX = 16 + EVENT_BYTES_MAX + TEXT_BYTES_MAX,
    LANE_BATCH = 32,      /* chunks that are written at once */
    LANE_AHEAD = 8,       /* chunks of a lane that are read at once */
    LANE_NAMES = 1 << 16, /* bits */
    LANE_READER_BYTES = LANE_AHEAD * LANE_CHUNK_BYTES + LANE_ENTRY_BYTES_MAX,
};

/* A slice with its event; of no slice's kind. */
struct lane_event {
    struct slice head; /* its slot is the event's index in its group */
    uint64_t seq;
    struct event event; /* with this one slice */
};

struct lane {
    uint32_t first_chunk; /* counted from 1 */
    uint32_t last_chunk;
    uint32_t used_bytes;  /* of its chunk in memory */
    bool names_all;       /* there is a slice that may concern any order */
    uint32_t order_count; /* placed in it, */
    uint32_t retry_count; /* and keys: so that tables can be sized */
    uint64_t order_bytes;
};

struct lanes {
    struct env *env;
    int32_t directory;
    bool unnamed; /* the file: only we know of it */
    int32_t file; /* -1: nothing has been written yet */
    uint32_t chunk_count;
    uint32_t chunk_count_max;
    struct lane_chunk {
        uint32_t next; /* of the same lane */
        uint32_t sum;
    } * table;
    uint8_t *chunks; /* by lane */
    uint64_t *names; /* likewise, LANE_NAMES bits: of the orders that its slices change */
    uint8_t *batch;  /* the last chunks of the file, before they are written */
    uint32_t batched;
    struct lane lane[SLOT_COUNT];
};

/* `file_bytes_max`: how long the file may become. Memory aligned to 4096. Where others may have lanes in that
 * directory too, `unnamed` is set afterwards. */
size_t lanes_bytes(uint64_t file_bytes_max);
void lanes_init(struct lanes *lanes, void *memory, uint64_t file_bytes_max, struct env *env,
                int32_t directory);
/* Whether any event has room; so that one is put whole or not at all. */
bool lanes_have_room(const struct lanes *lanes);
/* 0, or a negative errno. */
int32_t lanes_put(struct lanes *lanes, struct position position,
                  const struct event *event) MUST_LOOK;

/* False: no slice there changes the order of this id, which is of this slot; it may be placed there. */
bool lane_may_change(const struct lanes *lanes, uint32_t slot, struct text order_id);

/* Reads one lane from its beginning to its end. Until it is closed the actor must have nothing else in
 * flight. */
struct lane_reader {
    struct lanes *lanes;
    uint32_t slot;
    uint32_t chunk;  /* that is looked at; 0: the one in memory */
    uint32_t offset; /* in it */
    uint32_t done;   /* chunks that have been gone through */
    uint32_t asked;  /* whose read has been begun */
    uint32_t to_ask; /* the next one; 0: there is none */
    uint32_t reading;
    int32_t got[LANE_AHEAD];
    uint8_t *memory; /* places for chunks by turns, then one for an entry that spans two */
};
/* `memory`: LANE_READER_BYTES, aligned to 4096. */
int32_t lane_open(struct lane_reader *reader, struct lanes *lanes, uint32_t slot,
                  uint8_t *memory) MUST_LOOK;
/* The next slices, `most` or fewer, and how many; 0: there are no more, or *error is negative (-EBADMSG:
 * the file has changed). They live until the next call. */
uint32_t lane_next(struct lane_reader *reader, struct recorded_slice *out, uint32_t most,
                   int32_t *error);
void lane_close(struct lane_reader *reader);

/* The file goes away. */
void lanes_end(struct lanes *lanes);

#endif
