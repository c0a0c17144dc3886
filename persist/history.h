/* persist/history.h - what has happened to an order, newest first, from the log's segments and its
 * archive.
 *
 * Every event of an order names the one before it (core/event.h), and its record names the last; so a
 * history is a chain that is followed back, until the event that placed the order, or until the log no
 * longer reaches so far. A sequence is looked for in the segment that begins at or before it; where two
 * have it, the later one was copied from the earlier, and is taken.
 *
 * For an actor that has nothing else under way: it reads while it is called. */
#ifndef SPATE_PERSIST_HISTORY_H
#define SPATE_PERSIST_HISTORY_H

#include "core/event.h"
#include "persist/env.h"
#include "persist/group.h"

struct history_options {
    int32_t directory;
    int32_t archive; /* -1: none */
    uint64_t log_id;
    struct position last; /* of the order's last event */
    uint32_t event_count_max;
    uint32_t
        window_bytes; /* read at a time: blocks, and no less than the largest group and a block */
};

struct history {
    struct env *env;
    struct history_options options;
    struct position next; /* to be read */
    uint32_t event_count;
    bool ends;      /* the next one is not to be had, or not wanted */
    bool truncated; /* there is more, which the log does not reach */
    int32_t error;  /* negative: reading has failed */
    char *names;
    uint8_t *window; /* a stretch of a segment */
};

/* Memory aligned to 4096. */
enum {
    HISTORY_WINDOW_BYTES = WRITE_BYTES_MAX + (1 << 20),
    HISTORY_MEMORY_BYTES = (4 << 20) + HISTORY_WINDOW_BYTES,
};
void history_begin(struct history *history, void *memory, struct env *env,
                   const struct history_options *options);

/* The next event back, valid until the next call, and where it stands; NULL: that was the last one. */
const struct event *history_next(struct history *history, struct position *position);

#endif
