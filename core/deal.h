/* core/deal.h - what is asked of one of an order's parcels, taken apart, while it is decided.
 *
 * Lives on the stack of a decision, as a ledger does. */
#ifndef SPATE_CORE_DEAL_H
#define SPATE_CORE_DEAL_H

#include "core/ledger.h"
#include "core/move.h"
#include "core/return.h"
#include "core/shipment.h"

/* Steps of one shipment within one event: scans may bring several at once. */
enum { STEPS_MAX = 8 };

struct deal {
    struct shard *shard;
    struct turn *turn;
    const struct request *request;
    const struct order_parcel *parcel; /* unless scans are brought */
    const struct order *order;
    struct text order_id;
    struct text id;
    struct cause cause;
    struct slice_retry retry;
    struct ledger ledger;

    const struct shipment *shipment;
    const struct shipment_step *steps[STEPS_MAX];
    uint32_t step_count;
    char why[sizeof "return " + ID_BYTES_MAX]; /* of a refund: which return it is for */

    /* Free units that it takes: which of the order's lines, how many, from where. */
    struct grant *grant; /* NULL: not asked for yet */
    const struct child_line *taken;
    uint32_t taken_count;
    uint8_t warehouse;
};

/* Everything but the order. */
void deal_open(struct deal *deal, struct shard *shard, struct turn *turn,
               const struct request *request);
/* False: there is none of that id, and it has been refused. */
bool deal_find_order(struct deal *deal);

/* One of what the request says; scans say none of it. */
struct text deal_said(const struct deal *deal, enum parcel_text which);
/* Of all that says what is asked, and not of when. */
uint64_t deal_digest(const struct deal *deal);
uint32_t deal_slot(const struct deal *deal); /* the order's */

void deal_refuse(const struct deal *deal, enum code code);
void deal_refuse_field(const struct deal *deal, enum code code, const char *field, uint32_t line);

/* What its retry key says, if it has one: MOVE_SEEN is to be answered again; otherwise but for
 * MOVE_NEW it has been refused. */
enum move_seen deal_seen(struct deal *deal);
/* It was issued too long ago, and has been refused. */
bool deal_is_too_old(const struct deal *deal);

/* Whether the ledger, the retry key and so many bytes of records have room; false: it has been
 * refused. What does not end the order leaves room for the refunds that its end may open. */
bool deal_has_room(const struct deal *deal, bool ends, uint64_t bytes);

#endif
