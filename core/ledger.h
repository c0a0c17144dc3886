/* core/ledger.h - an order's money on one page: as it stands, and as an event is about to make it.
 *
 * Lives on the stack of a decision. It is opened from the order's records, changed, looked at (does
 * it still add up, is there room), and then written into the event as slices. The records change
 * only when the event is applied. */
#ifndef SPATE_CORE_LEDGER_H
#define SPATE_CORE_LEDGER_H

#include "core/payment.h"
#include "core/refund.h"

struct ledger_entry {
    uint32_t record; /* 0: it comes to be */
    int64_t amount;
    int64_t authorized;
    int64_t captured;
    struct refund_sums refunds;
    uint8_t state;
    uint8_t by_notice;
    bool changed;
    bool renamed; /* its method is the ledger's from now on */
};

/* The refund that an event is about, as it is from now on. */
struct refund_facts {
    struct text payment;
    struct text id; /* no bytes: it is about none */
    struct text reason;
    int64_t amount;
    uint64_t told_ns;
    uint8_t state;
    uint8_t asked;
};

/* A refund that the event opens by itself. */
struct ledger_refund {
    uint32_t entry;
    int64_t amount;
};

struct ledger {
    const struct orders *orders;
    const struct order *order;
    struct ledger_entry entries[PAYMENTS_MAX];
    uint32_t count;
    uint32_t refund_count; /* that the order has */
    struct refund_facts refund;
    uint64_t told_ns; /* of the changed payments: when the provider says it happened */
    struct ledger_refund opened[PAYMENTS_MAX];
    uint32_t opened_count;
    const char *why;    /* the opened ones' reason */
    struct text id;     /* of the entry that comes to be */
    struct text method; /* likewise, and of one that is renamed */
};

void ledger_open(struct ledger *ledger, const struct orders *orders, const struct order *order);
/* The entry of a payment's record. */
struct ledger_entry *ledger_entry(struct ledger *ledger, uint32_t payment);
/* NULL: the order has as many payments as it may have. */
struct ledger_entry *ledger_add(struct ledger *ledger, struct text id, struct text method);

/* Amounts of a payment only grow. */
static inline void ledger_raise(int64_t *amount, int64_t to)
{
    if (*amount < to)
        *amount = to;
}

/* What has been captured and is neither refunded nor about to be. */
int64_t ledger_kept_of(const struct ledger_entry *entry);
int64_t ledger_kept(const struct ledger *ledger);
/* What open payments may still bring. */
int64_t ledger_expected(const struct ledger *ledger);
/* Whether nothing is to be paid; or something was captured, and what is kept is the whole total. */
bool ledger_covers(const struct ledger *ledger, int64_t total);
bool ledger_has_open(const struct ledger *ledger);
/* False: a sum leaves the range of 64 bits. */
bool ledger_adds_up(const struct ledger *ledger);

/* Opens a refund of what the entry keeps, at most `amount`; what could not be had of it. */
int64_t ledger_give_back(struct ledger *ledger, struct ledger_entry *entry, int64_t amount,
                         const char *why);
/* The same, from `first` (NULL: none) and then from the newest payment on. */
void ledger_give_back_any(struct ledger *ledger, struct ledger_entry *first, int64_t amount,
                          const char *why);
/* What the shop may keep has become less: so much goes back, unless less is kept anyway. */
void ledger_give_back_difference(struct ledger *ledger, int64_t due_before, int64_t due_after,
                                 const char *why);
/* The order ends: authorisations are voided, captures refunded. */
void ledger_end(struct ledger *ledger, const char *why);

/* Whether a refund may be named so by the ledger alone. */
bool ledger_is_own_id(struct text id);
/* Whether the opened refunds keep to what an order may have. An order's end always may, since what
 * leads there leaves room for one refund of each payment. */
bool ledger_refunds_fit(const struct ledger *ledger, uint32_t most);
/* The memory that writing it takes, besides the order's struct order_more. */
uint64_t ledger_room(const struct ledger *ledger);
/* The changed payments, the refund and the opened ones, as slices. */
void ledger_write(const struct ledger *ledger, struct turn *turn, struct event *event,
                  struct text reason);

#endif
