/* core/stock.h - SKUs, and the units of each in each warehouse.
 *
 * Owned by one shard: the SKUs of its slots. A SKU is found by its number alone (no hashing): the
 * slot's rank among the shard's slots, then the place within the slot. Its cells, one for each
 * warehouse that ever had some, hang from it. Nothing here is ever removed.
 *
 * For every cell, always:  on_hand == free + held + reserved + committed + quarantined
 * For every SKU, always:   sum over its cells of (on_hand + in_transfer)
 *                             == received + returned + adjusted - shipped - written_off
 * `held` is a promise in memory, made by core/hold.h: it stands in no log, and counts as free
 * wherever state is compared. */
#ifndef SPATE_CORE_STOCK_H
#define SPATE_CORE_STOCK_H

#include "core/cap.h"
#include "core/event.h"
#include "core/image.h"
#include "core/limit.h"
#include "core/shard.h"
#include "core/transfer.h"

/* ---- slices ------------------------------------------------------------------------------------ */

/* Behind it: the caps, the code. */
struct slice_sku_put {
    struct slice head;
    int64_t list_price;
    uint32_t sku;
    uint32_t currency;
    uint32_t max_per_order;
    uint32_t max_per_customer;
    uint32_t customer_window_s;
    uint32_t weight_g;
    uint8_t flags;
    uint8_t code_bytes;
    uint8_t cap_count;
    uint8_t zero[5];
    struct sku_cap caps[];
};
_Static_assert(sizeof(struct slice_sku_put) == 48, "as it stands in the log");

/* Units that come to one cell, or leave it: the sums of a cell's own and of its SKU's flows. Behind
 * it: the reason. */
struct slice_stock_change {
    struct slice head;
    uint32_t sku;
    uint8_t warehouse;
    uint8_t reason_bytes;
    uint8_t
        stays; /* 1: what lies there is as it was (units are announced, or on their way): the cell's
                      version stays, and so does what somebody has counted meanwhile */
    uint8_t zero;
    int64_t free;
    int64_t quarantined;
    int64_t incoming;
    int64_t in_transfer;
    int64_t missing;
    int64_t received;
    int64_t returned;
    int64_t adjusted;
    int64_t shipped;
    int64_t written_off;
};
_Static_assert(sizeof(struct slice_stock_change) == 96, "as it stands in the log");

struct slice_stock_policy {
    struct slice head;
    uint64_t safety;
    uint64_t reorder_point;
    uint32_t sku;
    uint8_t warehouse;
    uint8_t zero[3];
};
_Static_assert(sizeof(struct slice_stock_policy) == 32, "as it stands in the log");

struct slice_stock_warning {
    struct slice head;
    uint32_t sku;
    uint8_t warehouse;
    uint8_t warned; /* 0: it has recovered */
    uint8_t zero[2];
};
_Static_assert(sizeof(struct slice_stock_warning) == 16, "as it stands in the log");

/* Windows of a SKU that began at the floor or before are over: what was bought in them counts no more,
 * and what other slices say of them later is dropped. */
struct slice_windows_forgotten {
    struct slice head;
    uint32_t sku;
    uint32_t floor_s; /* as window_s in struct slice_stock_units */
};
_Static_assert(sizeof(struct slice_windows_forgotten) == 16, "as it stands in the log");

/* Units of a cell were found missing: a task is open until none are. */
struct slice_stock_task {
    struct slice head;
    uint64_t opened_ns;
    uint32_t sku;
    uint8_t warehouse;
    uint8_t zero[3];
};
_Static_assert(sizeof(struct slice_stock_task) == 24, "as it stands in the log");

/* One line's units: reserved, released, committed, uncommitted. Whose they are and which window they count in goes along,
 * so that every later move of the line can be applied by the SKU's slot alone. */
struct slice_stock_units {
    struct slice head;
    uint64_t customer; /* key_hash */
    uint64_t channel;  /* key_hash; 0: the SKU had no cap for it */
    uint32_t sku;
    uint32_t units;
    uint32_t window_s; /* as in core/limit.h; 0: the SKU had no limit per buyer */
    uint8_t warehouse;
    uint8_t zero[3];
};
_Static_assert(sizeof(struct slice_stock_units) == 40, "as it stands in the log");

struct text stock_put_code(const struct slice_sku_put *put);

/* ---- state ------------------------------------------------------------------------------------- */

struct stock_cell {
    _Alignas(64) uint64_t free;
    uint64_t held;
    uint64_t reserved;
    uint64_t safety;
    uint64_t missing;
    uint32_t next; /* of the same SKU */
    uint8_t warehouse;
    bool warned; /* it was low when last looked at, and that has been said */
    uint64_t committed;
    uint64_t quarantined;
    uint64_t incoming;
    uint64_t in_transfer;
    uint64_t version; /* counts physical and policy changes only */
    uint64_t reorder_point;
    uint64_t task_ns; /* when the last task was opened; it is open while units are missing */
};
_Static_assert(offsetof(struct stock_cell, committed) < 64,
               "what an order looks at: one cache line");

/* What ever came in and went out of a SKU, in units. */
struct stock_flows {
    int64_t received;
    int64_t returned;
    int64_t adjusted;
    int64_t shipped;
    int64_t written_off;
};

/* A SKU as it stands in images; behind it: the caps, the code. Its cells follow, by warehouse. */
struct part_sku {
    struct part head;
    int64_t list_price;
    struct stock_flows flows;
    uint32_t sku;
    uint32_t currency;
    uint32_t max_per_order;
    uint32_t max_per_customer;
    uint32_t customer_window_s;
    uint32_t weight_g;
    uint8_t flags;
    uint8_t code_bytes;
    uint8_t cap_count;
    uint8_t zero;
    uint32_t window_floor_s;
    struct sku_cap caps[];
};
_Static_assert(sizeof(struct part_sku) == 88, "as it stands in images");

/* Held units count as free. */
struct part_cell {
    struct part head;
    uint64_t free;
    uint64_t reserved;
    uint64_t committed;
    uint64_t quarantined;
    uint64_t incoming;
    uint64_t in_transfer;
    uint64_t missing;
    uint64_t safety;
    uint64_t version;
    uint64_t reorder_point;
    uint64_t task_ns;
    uint8_t warehouse;
    uint8_t warned;
    uint8_t zero[6];
};
_Static_assert(sizeof(struct part_cell) == 104, "as it stands in images");

/* What every order looks at stands in its first cache line. */
struct stock_sku {
    _Alignas(64) uint32_t sku; /* 0: there is none (yet) */
    uint32_t first_cell;
    uint32_t wait_first; /* who waits for it, see core/waiters.h */
    uint32_t currency;
    int64_t list_price;
    uint32_t max_per_order;
    uint32_t max_per_customer;
    uint32_t customer_window_s;
    uint32_t first_cap;      /* core/cap.h; 0: no channel has one */
    uint32_t window_floor_s; /* windows from there back are forgotten */
    uint32_t level_next;
    uint8_t flags;
    uint8_t code_bytes;
    bool unpublished;
    bool watched; /* some cell has units missing, a level or a warning out */
    bool level_listed;
    bool wait_changed;
    uint32_t wait_last;

    struct stock_flows flows;
    uint32_t publish_next;     /* changed in this turn, see stock_publish */
    uint32_t changed_next;     /* somebody waits for it, and it has changed; core/waiters.h */
    uint32_t window_longest_s; /* that a limit of this SKU ever had, as far as is known */
    uint32_t weight_g;
    char code[ID_BYTES_MAX];
};
_Static_assert(offsetof(struct stock_sku, flows) == 64, "the first cache line");

#define SLOT_ELSEWHERE UINT32_MAX

struct stock {
    struct limits limits;
    struct caps caps;
    struct transfers transfers;
    struct stock_sku *skus;
    struct stock_cell *cells; /* counted from 1 */
    uint32_t cell_count;
    uint32_t cell_count_max;
    uint32_t slot_capacity;
    uint32_t publish_first;
    uint32_t level_first; /* watched SKUs that have been touched */
    uint32_t sku_count;
    uint32_t slot_first[SLOT_COUNT]; /* where its SKUs begin; SLOT_ELSEWHERE: not this shard's */
    uint32_t slot_sku_count[SLOT_COUNT];
    struct stock_flows flows; /* of all SKUs */
    int64_t on_hand;          /* likewise, kept as units move; stock_audit counts them again */
    int64_t in_transfer;
    int64_t reserved;
    int64_t committed;
};

size_t stock_bytes(const struct shard_options *options);
void stock_init(struct stock *stock, void *zeroed_memory, const struct shard_options *options);

/* NULL: no such SKU in this shard's slots. */
struct stock_sku *stock_sku(const struct stock *stock, uint32_t sku);
/* The same for a number that is known to be one of this shard's. */
static inline struct stock_sku *stock_sku_at(const struct stock *stock, uint32_t sku)
{
    return &stock->skus[(uint64_t)stock->slot_first[sku_slot(sku)] + sku_index(sku) - 1];
}
void stock_prefetch(const struct stock *stock, uint32_t sku);
/* Its first cell, when the SKU itself has arrived. */
void stock_prefetch_cell(const struct stock *stock, uint32_t sku);
/* NULL: never had any in that warehouse. */
struct stock_cell *stock_cell(const struct stock *stock, const struct stock_sku *sku,
                              uint32_t warehouse);
/* The same for one that is known to be there. */
static inline struct stock_cell *stock_known_cell(const struct stock *stock,
                                                  const struct stock_sku *sku, uint32_t warehouse)
{
    struct stock_cell *cell = stock_cell(stock, sku, warehouse);
    CHECK(cell != NULL);
    return cell;
}
static inline struct stock_cell *stock_cell_of(const struct stock *stock, uint32_t sku,
                                               uint32_t warehouse)
{
    return stock_known_cell(stock, stock_sku_at(stock, sku), warehouse);
}
/* The cells of a SKU one after the other, NULL at the end; start with NULL. */
static inline struct stock_cell *stock_next_cell(const struct stock *stock,
                                                 const struct stock_sku *sku,
                                                 const struct stock_cell *cell)
{
    uint32_t next = cell == NULL ? sku->first_cell : cell->next;
    return next != 0 ? &stock->cells[next] : NULL;
}

/* The SKUs of all of the shard's slots one after the other, NULL at the end; start with *at = 0. */
const struct stock_sku *stock_each(const struct stock *stock, uint64_t *at);

uint64_t stock_on_hand(const struct stock_cell *cell);
/* What a buyer may still have: free above the safety stock; none while units are missing. With the
 * pending holds given back, it is what counts for "short". */
uint64_t stock_sellable(const struct stock_cell *cell);
uint64_t stock_sellable_without_holds(const struct stock_cell *cell);

/* Whether what could be sold, pending holds given back, is at or below the reorder point; and with a
 * safety stock, whether that is all there is. */
bool stock_is_low(const struct stock_cell *cell);

/* Watched SKUs that have been touched, one after the other: the first; and it has been looked at. */
const struct stock_sku *stock_level_next(const struct stock *stock);
void stock_level_done(struct stock *stock);
/* To be called after every touch of a SKU, also where no slice was applied. */
void stock_touched(struct stock *stock, struct stock_sku *sku);

/* ---- deciding ---------------------------------------------------------------------------------- */

/* The number that the next new SKU of a slot gets; 0: the slot is full. */
uint32_t stock_next_number(const struct stock *stock, uint32_t slot);
/* The number of a code that was put in this very turn, or 0. */
uint32_t stock_find_unpublished(const struct stock *stock, struct text code);
bool stock_has_cell_room(const struct stock *stock, const struct stock_sku *sku,
                         uint32_t warehouse);

/* ---- applying ---------------------------------------------------------------------------------- */

/* Which SKU a slice of stock is about. */
uint32_t stock_slice_sku(const struct slice *slice);

/* Live, room has been looked for before and the answer is SHARD_TABLE_NONE. */
enum shard_table stock_apply(struct stock *stock, const struct slice *slice) MUST_LOOK;
/* The same of free units of a SKU that become an order's: SLICE_STOCK_RESERVE, or SLICE_STOCK_TAKE if
 * they are paid. */
enum shard_table stock_take(struct stock *stock, const struct stock_sku *sku,
                            const struct slice_stock_units *line) MUST_LOOK;

/* Of what a merchant does; the slices of orders, and what their units count against, are in
 * core/stock_units.c. */
enum shard_table stock_goods_apply(struct stock *stock, const struct slice *slice) MUST_LOOK;

/* How long a window is kept from its beginning: whatever length a merchant may give it anew, unless
 * that is longer than two days and than ever before, what was bought in it is still known. */
enum { WINDOW_KEPT_S = 2 * 86400 };
uint64_t stock_window_kept_s(const struct stock_sku *sku);

/* A window that is over and still has its place; NULL: none among the next places, or *at was the last
 * and begins anew. Start with *at = 0. */
const struct limit_key *stock_closed_window(const struct stock *stock, uint64_t now_s,
                                            uint32_t place_count, uint32_t *at);
/* The place of a window at or below its SKU's floor is free again, unless holds are pending. */
void stock_drop_window(struct stock *stock, struct limit_key key);

/* Free units that are set aside, and back: no event, no slice (core/hold.h). */
struct stock_promise {
    uint64_t customer;
    uint64_t channel; /* as in struct slice_stock_units */
    uint64_t units;
    uint32_t sku;
    uint32_t window_s;
    uint32_t warehouse;
    uint32_t zero;
};
struct stock_promise stock_promise_of(const struct slice_stock_units *line);
void stock_set_aside(struct stock *stock, const struct stock_promise *promise);
void stock_give_back(struct stock *stock, const struct stock_promise *promise);

/* Shows the SKUs that changed since the last call to all shards. */
void stock_publish(struct stock *stock, struct catalogue *catalogue, uint64_t seq);

/* ---- looking at all of it ---------------------------------------------------------------------- */

/* See core/image.h. A cell goes with the SKU that opens its record. */
bool stock_image(const struct stock *stock, uint64_t *at, struct pile *out);
/* What is only pending, or bought in a window that is forgotten, counts as not there. */
bool stock_limits_image(const struct stock *stock, uint64_t *at, struct pile *out);
bool sku_part_valid(const struct part_sku *part, uint32_t slot);
bool cell_part_valid(const struct part_cell *part);
enum shard_table sku_load(struct stock *stock, const struct part_sku *part) MUST_LOOK;
enum shard_table cell_load(struct stock *stock, const struct part_sku *sku,
                           const struct part_cell *part) MUST_LOOK;

/* NULL, or the name of the first equation that does not hold. */
const char *stock_audit(const struct stock *stock);

#endif
