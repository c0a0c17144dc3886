/* io/recall.h - questions about the past: what has happened to an order, what has moved a SKU's stock.
 *
 *   shard ─(recall_note, recall_publish)─▶ mailbox ─▶ whoever makes snapshots, between two of its steps
 *         ◀──────── MESSAGE_RESULT ─────── mailbox ◀─ (recall_work)
 *
 * The log's files are read (persist/history.h), so no shard waits for it: a question leaves at the end
 * of the turn, and its answer comes like that of another shard. Both ways have as much room as there is;
 * what finds none is refused as busy. An answer takes no more than a page, and of a SKU's movements no
 * more reading than RECALL_WORK_BYTES. */
#ifndef SPATE_IO_RECALL_H
#define SPATE_IO_RECALL_H

#include "core/shard.h"
#include "io/mailbox.h"
#include "persist/sparse.h"

struct recall;

enum { RECALL_WORK_BYTES = 32 << 20 };

size_t recall_bytes(uint32_t shard_count);
struct recall *recall_init(void *zeroed_memory, uint32_t shard_count);

/* ---- a shard's side ------------------------------------------------------------------------------------ */

static inline bool recall_is_asked(const struct command *command)
{
    return command->op == OP_ORDER_HISTORY || command->op == OP_STOCK_MOVEMENTS;
}

/* A checked question whose home is here: answered at once if there is no such order, or no room for the
 * question; true: somebody else is going to answer. `watermark`: everything up to here may be asked
 * for. */
bool recall_note(struct recall *recall, struct shard *shard, uint32_t number, struct turn *turn,
                 const struct request *request, uint64_t watermark) MUST_LOOK;

/* The turn's questions leave; `seq`: what its own events are now. True: there were some. */
bool recall_publish(struct recall *recall, uint32_t number, uint64_t seq) MUST_LOOK;

/* Where the answers come from. */
struct mailbox *recall_answers(struct recall *recall, uint32_t number);

/* ---- the reader's side --------------------------------------------------------------------------------- */

/* Once the directory is open; archive -1: there is none. */
void recall_begin(struct recall *recall, int32_t directory, int32_t archive, uint64_t log_id);

/* Answers at most one question of each shard. When it wants to be called next (env_clock); UINT64_MAX:
 * when somebody asks. */
uint64_t recall_work(struct recall *recall, struct env *env, uint64_t watermark);

#endif
