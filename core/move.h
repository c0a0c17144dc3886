/* core/move.h - how a placed order moves on: one event at home, and the slices of its SKUs go to
 * their shards. */
#ifndef SPATE_CORE_MOVE_H
#define SPATE_CORE_MOVE_H

#include "core/shard_state.h"

/* order.cancel: all that is left, or some units of some lines. */
void move_cancel(struct shard *shard, struct turn *turn, const struct request *request);

/* An order whose deadline has passed. */
void move_expire(struct shard *shard, struct turn *turn, uint32_t record);

/* ---- for whatever else moves an order: its event is put together from these --------------------- */

/* Why and by whom; the retry key, if there is one. */
struct cause {
    struct text by;
    struct text reason;
    const struct slice_retry *retry; /* NULL: none */
};

/* The slices of the order itself come first; then the retry key; then stock. */
struct event *move_event(struct shard *shard, struct turn *turn, const struct order *order,
                         enum event_kind kind, const struct cause *cause);
/* `deadline_ns` of the state that the step leads to; 0: none. */
void move_add_step(struct turn *turn, struct event *event, const struct order *order,
                   const struct order_step *step, uint64_t deadline_ns, const struct cause *cause);
void move_add_retry(struct turn *turn, struct event *event, const struct slice_retry *retry);
/* Whose lines' units are moved. */
struct mover {
    const struct order *order;
    uint64_t customer;
    uint64_t channel;
};
struct mover move_mover(const struct order *order);
/* One line's units, in the line's warehouse; lines are counted from 0. */
struct slice_stock_units *move_add_units(struct turn *turn, struct event *event,
                                         const struct mover *mover, enum slice_kind kind,
                                         uint32_t which, uint32_t units);
/* What the step means for the stock of all that is left of the order. */
void move_add_stock(struct shard *shard, struct turn *turn, struct event *event,
                    const struct order *order, enum order_stock stock);

struct ledger;
/* A whole event of one step, with all it means for the order's money and stock; and what else follows
 * from it at once. Expects that the step begins in the order's state, and that there is room for the
 * ledger and an order_more. */
void move_order(struct shard *shard, struct turn *turn, const struct ledger *ledger,
                const struct order_step *step, const struct cause *cause);

/* The state does not allow it; which moves it does. */
void move_answer_state(struct shard *shard, struct turn *turn, const struct request *request,
                       const struct order *order);

/* What a retry key is in an order's slot. */
struct slice_retry move_retry(const struct turn *turn, const struct request *request,
                              struct text order_id, struct text key, uint64_t digest);
enum move_seen { MOVE_NEW, MOVE_SEEN, MOVE_SEEN_OTHERWISE };
enum move_seen move_seen(const struct shard *shard, const struct slice_retry *retry);

#endif
