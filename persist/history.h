/* persist/history.h - what has happened to an order, or to a SKU, newest first, from the log's segments
 * and its archive.
 *
 * Every event of an order names the one before it (core/event.h), and its record names the last; so an
 * order's history is a chain that is followed back until the event that placed it. The movements of a
 * SKU are in no chain: they are looked for, stretch by stretch of the log, as far back as there is work
 * left to spend. Both end early where the log no longer reaches.
 *
 * For an actor that has nothing else under way: it reads while it is called. */
#ifndef SPATE_PERSIST_HISTORY_H
#define SPATE_PERSIST_HISTORY_H

#include "core/event.h"
#include "persist/sparse.h"

enum history_end {
    HISTORY_GOES_ON,
    HISTORY_BEGAN,     /* that was all there ever was */
    HISTORY_TRUNCATED, /* what was before is no longer in the log or its archive */
    HISTORY_PAUSED,    /* that was all the work for now; `next` is where to go on */
};

enum { HISTORY_FOUND_MAX = 128 };

struct history {
    struct sparse *sparse; /* between sparse_begin and sparse_end */
    struct position next;  /* of an order: to be read; of a SKU: everything from here on has been */
    enum history_end end;
    uint32_t sku;
    uint64_t
        read_bytes_max; /* of a SKU: read no more than that, counted as in sparse->read_bytes */
    struct {
        struct position position;
        const struct event *event;
    } found[HISTORY_FOUND_MAX]; /* of a SKU: the newest of the stretch that has been read */
    uint32_t found_first;
    uint32_t found_count;
    struct position stretch; /* everything of it is among those found, if it is older than them */
};

/* Of the order whose last event stands there, or an earlier one. */
void history_of_order(struct history *history, struct sparse *sparse, struct position last);

/* Of a SKU, by its number, before that position. */
void history_of_sku(struct history *history, struct sparse *sparse, uint32_t sku,
                    struct position before, uint64_t work_bytes);

/* The next event back and where it stands, valid until the next call. NULL: see `end`, or reading has
 * failed, sparse->error. */
const struct event *history_next(struct history *history, struct position *position);

#endif
