/* io/walk.h - a list over all shards: which one is asked for what next, and what comes of its answer.
 *
 * One command is open at a time, and a page of the list leaves piece by piece, so a list of any length
 * takes no more memory than its last piece. Without a customer the shards are asked one after the
 * other, each for some orders. With one, the newest of each shard are compared, and the newest of
 * those is fetched: a customer's orders come newest first, whatever shards they lie on. */
#ifndef SPATE_IO_WALK_H
#define SPATE_IO_WALK_H

#include "core/command.h"
#include "core/result.h"
#include "core/turn.h"
#include "io/tasks.h"

enum { WALK_CURSOR_BYTES_MAX = 64, WALK_ITEMS_MAX = 100, WALK_ITEMS = 50 };

struct walk {
    union {
        struct command head;
        struct order_list orders;
        struct cell_list cells;
    } asked;               /* what was asked for, without its texts */
    struct list_cell cell; /* of a SKU, if that was asked for */
    uint8_t customer_bytes;
    uint8_t last_bytes;
    char customer[ID_BYTES_MAX];
    char tracking[TEXT_BYTES_MAX];
    char last[ID_BYTES_MAX]; /* the order that came last */
    uint64_t last_ns;
    uint64_t cursor; /* of the shard that is asked */
    uint32_t shard;
    uint32_t shard_count;
    uint32_t left;      /* items that are still wanted */
    uint32_t asks;      /* commands so far */
    bool is_end;        /* there are no more */
    bool fetches;       /* the command that is open gets one order, to be shown */
    struct tasks tasks; /* whose orders are looked for, before more of them */
    struct walk_head {
        uint64_t created_ns; /* of the newest that has not come yet; 0: not known */
        uint64_t before_ns;  /* only older ones; 0: any */
        uint8_t
            id_bytes; /* of it, or, if it is not known, of the one before it; 0: from the start */
        bool is_end;
        char id[ID_BYTES_MAX];
    } heads[]; /* of a customer's orders, by shard; room for SHARDS_MAX */
};

#define WALK_BYTES (sizeof(struct walk) + SHARDS_MAX * sizeof(struct walk_head))

/* `list` is a checked command of OP_ORDER_LIST or OP_CELL_LIST. False: the cursor is none of ours. */
bool walk_begin(struct walk *walk, const struct command *list, uint32_t limit, struct text cursor,
                const uint8_t *slot_shard, uint32_t shard_count) MUST_LOOK;

/* Appends the next command; false: the page is over. */
bool walk_next(struct walk *walk, const uint8_t *slot_shard, struct pile *command) MUST_LOOK;

/* Takes the answer: the first order, cell or task (struct task) that is to be shown, one behind the
 * other, *count of them. */
const void *walk_take(struct walk *walk, const struct result *result, uint32_t *count);

/* Where the next page begins; 0 bytes: there is none. */
struct text walk_cursor(const struct walk *walk, char out[WALK_CURSOR_BYTES_MAX]);

#endif
