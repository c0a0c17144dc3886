/* core/claim.h - what is asked of an order's money, taken apart, while it is decided.
 *
 * Lives on the stack of a decision, with the ledger that the decision changes. core/money.h opens it
 * and decides about payments, core/repay.h about refunds, core/notice.h about what providers say. */
#ifndef SPATE_CORE_CLAIM_H
#define SPATE_CORE_CLAIM_H

#include "core/ledger.h"
#include "core/move.h"

struct claim {
    struct shard *shard;
    struct turn *turn;
    const struct request *request;
    const struct order_money *money;
    const struct order *order;
    struct text texts[MONEY_TEXTS];
    struct cause cause;
    struct slice_retry retry;
    struct ledger ledger;
    struct ledger_entry *entry; /* the payment that it is about */
    int64_t captured_before;    /* of the entry */
    uint8_t state_before;       /* likewise; 0: it comes to be */
    bool refund_is_new;
};

/* Everything but the order. */
void claim_open(struct claim *claim, struct shard *shard, struct turn *turn,
                const struct request *request);

/* The ledger, and in it the entry of a payment's record. */
void claim_open_entry(struct claim *claim, uint32_t payment);
/* A new entry of the open ledger. False: the order has as many as it may have; it has been refused. */
bool claim_add_entry(struct claim *claim);

/* The payment that is named, and the refund; record 0: there is none. */
uint32_t claim_payment(const struct claim *claim);
struct refund_found claim_refund(const struct claim *claim);

/* Of all that says what is asked, and not of when. */
uint64_t claim_digest(const struct order_money *money);
/* True: it is a retry and has been answered, or it comes too late and has been refused. */
bool claim_is_over(struct claim *claim);

/* Makes one event of the ledger and of what it means for the order. False: it has been refused. */
bool claim_carry_out(struct claim *claim, enum event_kind kind);

void claim_refuse(const struct claim *claim, enum code code);
void claim_refuse_field(const struct claim *claim, enum code code, const char *field);
void claim_refuse_state(const struct claim *claim, enum child_kind child, uint8_t state,
                        uint32_t allowed);

/* What it is about, as it stands now: a payment and all its refunds, or one refund and its payment. */
void claim_answer(const struct claim *claim, enum code code);
void claim_answer_payment(const struct claim *claim, enum code code, uint32_t record);
struct child_refund *claim_answer_refund(const struct claim *claim, enum code code,
                                         struct refund_found found);
/* The head of an answer whose children take so many bytes; returns where they go. */
void *claim_begin_answer(const struct claim *claim, enum code code, uint32_t child_count,
                         uint32_t child_bytes);

#endif
