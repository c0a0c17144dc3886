/* core/shard.h - START HERE: one shard of the shop, its orders and its stock.
 *
 *   command ──▶ decide ──events──▶ apply ──▶ state          (shard_request, shard_message)
 *                  │                 ▲
 *                  └── messages ──▶ other shards            (struct turn)
 *
 * A shard is a pure machine: it makes no system call, reads no clock, draws nothing at random, and
 * allocates nothing after shard_init. Time comes in with the turn. One thread owns it.
 *
 * decide looks at the state and brings forth events or a refusal; apply changes the state and
 * cannot fail. Live and recovery share apply; recovery never decides. */
#ifndef SPATE_CORE_SHARD_H
#define SPATE_CORE_SHARD_H

#include "core/catalogue.h"
#include "core/check.h"
#include "core/turn.h"

struct shard;

/* What becomes of an order that nobody has looked at in time. */
enum review_timeout { REVIEW_TIMEOUT_REJECT, REVIEW_TIMEOUT_ACCEPT };

struct shard_options {
    uint32_t shard; /* this one's number */
    uint32_t shard_count;
    const uint8_t *slot_shard; /* SLOT_COUNT entries: who owns which slot */
    uint64_t order_count_max;
    uint64_t order_bytes_max;  /* memory for the orders' records */
    uint32_t cell_count_max;   /* (SKU, warehouse) pairs */
    uint32_t flight_count_max; /* orders that wait for other shards' holds */
    uint32_t retry_count_max;
    uint32_t limit_count_max; /* (SKU, buyer, window) triples, of SKUs with a limit per buyer */
    struct catalogue_options catalogue;
    uint64_t payment_deadline_ns; /* how long an order may stay unpaid */
    uint64_t review_deadline_ns;  /* how long it may wait for a person to look at it */
    enum review_timeout review_timeout;
    uint64_t confirm_deadline_ns; /* how long after its delivery an order is completed; 0: never */
    uint64_t retry_window_ns;
    uint64_t retention_ns;    /* how long a terminal order stays in memory; 0: for ever */
    uint64_t remainder_ns;    /* and what is left of it, then */
    uint64_t expiry_grace_ns; /* deadlines are extended by down-time, by no more than this */
    bool bug[64]; /* planted bugs, by enum bug (core/bug.h); tests only, all false in production */
};

enum shard_table {
    SHARD_TABLE_NONE,
    SHARD_TABLE_ORDERS,
    SHARD_TABLE_ORDER_BYTES,
    SHARD_TABLE_SKUS,
    SHARD_TABLE_CELLS,
    SHARD_TABLE_RETRIES,
    SHARD_TABLE_LIMITS,
    SHARD_TABLE_TRANSFERS
};
const char *shard_table_name(enum shard_table table);

/* The last RECORD_BYTES_MAX of them (core/image.h) need not be zeroed. */
size_t shard_bytes(const struct shard_options *options);
/* No catalogue: it can recover, be walked and hashed, and take no commands. */
struct shard *shard_init(void *zeroed_memory, const struct shard_options *options,
                         struct catalogue *catalogue);

/* A checked command that is for this shard (command_slot). The caller's name goes into the event.
 */
struct request {
    struct origin origin;
    struct text caller;
    const struct command *command;
    uint64_t order_hash; /* key_hash of the order's id, which shard_prefetch finds; 0: not known */
    uint64_t customer_hash; /* of a new order, likewise */
};

/* Touches the memory that checked requests, or messages, will need, so that the batch waits for it only
 * once. */
enum { PREFETCH_MAX = 32 };
void shard_prefetch_messages(const struct shard *shard, const struct message *const *messages,
                             uint32_t count);
void shard_prefetch(const struct shard *shard, struct request *requests, uint32_t count);

/* Decides a command and applies what it decides; the answer is in the turn, now or in a later one.
 */
void shard_request(struct shard *shard, struct turn *turn, const struct request *request);

/* A message from another shard, but for MESSAGE_RESULT and MESSAGE_COMMAND, which are the loop's.
 */
void shard_message(struct shard *shard, struct turn *turn, const struct message *message);

/* Deadlines that have passed by turn->now_ns, and what messages left to be done, as far as the turn
 * has room; at most EXPIRE_MAX deadlines at a time. */
void shard_expire(struct shard *shard, struct turn *turn);
enum { EXPIRE_MAX = 64 };
/* When shard_expire wants to be called next; 0: at once; UINT64_MAX: no deadline. */
uint64_t shard_deadline_ns(const struct shard *shard);

/* Where the last event of an order stands; sequence 0: it is one of this turn. False: no such order. */
bool shard_last_event(const struct shard *shard, struct text id,
                      struct position *position) MUST_LOOK;

/* The newest sequence that the catalogue has shown to this shard: its answers have seen it too. */
uint64_t shard_seen(const struct shard *shard);

/* The turn's events are now sequence `seq`: orders that it touched remember it, catalogue entries
 * that it changed are published. Called after the sequence is taken and before anything is
 * published. */
void shard_committed(struct shard *shard, uint64_t seq);

/* An event of the log, and where it stands. */
struct recorded {
    struct position position;
    const struct event *event;
};

/* Applies the slices of the slots that this shard owns (and the topology's always);
 * SHARD_TABLE_NONE, or the table that is too small. The more of them at once, the less it waits for
 * memory. */
enum shard_table shard_recover(struct shard *shard, const struct recorded *recorded,
                               uint32_t count) MUST_LOOK;

/* A slice of an event, which stands there; of one that stands alone (core/event.h) neither is asked. */
struct recorded_slice {
    struct position position;
    const struct event *event;
    const struct slice *slice;
};

/* The same of single slices, all of them of slots that this shard owns, for who never serves: no catalogue
 * learns of SKUs, and the time of an event is not when somebody was there for the last time. Of an event
 * that extends deadlines there is but this one. */
enum shard_table shard_recover_slices(struct shard *shard, const struct recorded_slice *pieces,
                                      uint32_t count) MUST_LOOK;

/* The name of a warehouse by its number, from the topology this shard knows. */
struct text shard_warehouse(const struct shard *shard, uint32_t warehouse);

/* A digest of all state that the log stands for; held counts as free, indexes and timers do not
 * count (core/image.h). The sum over the shards does not depend on how many there are. */
uint64_t shard_state_hash(const struct shard *shard);

/* The equations of core/stock.h and core/order.h, recomputed from scratch; NULL, or the name of the
 * first that does not hold. */
const char *shard_audit(const struct shard *shard);

/* One equation's two sides as this shard sees them; the sides are summed over all shards. */
struct equation {
    const char *name;
    int64_t left;
    int64_t right;
};
enum { EQUATIONS_MAX = 16 };
uint32_t shard_equations(const struct shard *shard, struct equation out[EQUATIONS_MAX]);

struct shard_counts {
    uint64_t orders;
    uint64_t orders_max;
    uint64_t order_bytes;
    uint64_t order_bytes_max;
    uint64_t skus;
    uint64_t cells;
    uint64_t retries;
    uint64_t limits;
    uint64_t flights;
};
struct shard_counts shard_counts(const struct shard *shard);

#endif
