/* core/carry.h - what a step of a shipment means for its order, its money and its stock: one event.
 *
 * For whatever moves shipments: core/parcel.h, core/scan.h, core/takeback.h. */
#ifndef SPATE_CORE_CARRY_H
#define SPATE_CORE_CARRY_H

#include "core/deal.h"

/* Carries out the deal's steps. `is_new` tells which scans are brought (NULL: none); `bytes` is the
 * room that they need. False: it has been refused. */
bool carry_out(struct deal *deal, enum event_kind kind, uint64_t bytes, const bool *is_new);

/* A new shipment. */
struct carry_made {
    struct text texts[SHIPMENT_TEXTS];
    uint64_t digest; /* of the request; 0: nobody asked for it by name */
    const struct child_line *lines;
    uint32_t line_count;
    uint8_t warehouse;
    bool of_return;
};
void carry_add_made(const struct deal *deal, struct event *event, const struct carry_made *made);

/* What an exchange sends: the units that the deal takes, under a name of its own. */
void carry_add_exchange(const struct deal *deal, struct event *event);
uint64_t carry_exchange_room(uint32_t line_count);
/* Whether a shipment may be named so by this alone. */
bool carry_is_own_id(struct text id);
/* Free units become committed ones. */
void carry_add_taken(const struct deal *deal, struct event *event);

/* The shipments that an order has. */
uint32_t carry_count(const struct deal *deal);

/* For an event that ends all that is left of an order: its shipments that have not left are
 * cancelled. */
void carry_add_cancelled(struct shard *shard, struct turn *turn, struct event *event,
                         const struct order *order);

/* When an order that is delivered, and has no open return, from now on is completed by itself; 0:
 * never. */
uint64_t carry_confirm_ns(const struct shard *shard, const struct turn *turn);
/* Of the state that a step of an order that has been paid leads to. */
uint64_t carry_deadline_ns(const struct shard *shard, const struct turn *turn,
                           const struct order *order, const struct order_step *step);

#endif
