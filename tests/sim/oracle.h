/* tests/sim/oracle.h - what the clients know of the shop, and what must hold of every answer.
 *
 * Shared by all clients of a run. Whatever was acknowledged or once seen stays; what was never
 * answered is open until somebody sees it one way or the other. Units are counted from both sides:
 * at least what was acknowledged before a question, at most what was asked for before its answer. */
#ifndef SPATE_TESTS_SIM_ORACLE_H
#define SPATE_TESTS_SIM_ORACLE_H

#include "tests/sim/client.h"
#include "tests/sim/linear.h"

enum { ORACLE_ORDERS_MAX = 5000, ORACLE_SKUS_MAX = 12 };

enum order_known { ORDER_OPEN, ORDER_REFUSED, ORDER_IS_THERE };

struct order_fact {
    char id[24];
    char customer[16];
    struct order_wish wish;
    int64_t total;
    uint32_t asked;   /* how often its create was sent */
    uint32_t waiting; /* creates that are sent and not answered, or never will be */
    uint32_t created; /* answers that say so */
    enum order_known known;
    bool cancel_asked;
    uint32_t pay_asked;                  /* how often its one payment was asked for, by its buyer */
    uint32_t pay_created;                /* answers that say that it was made */
    bool capture_asked;                  /* by its buyer or its provider */
    bool captured;                       /* acknowledged */
    uint32_t refund_asked;               /* its one refund, of the amount 1 */
    uint32_t refund_created;             /* answers that say that it was opened */
    bool cancelled;                      /* acknowledged */
    enum order_state state;              /* as last seen */
    uint64_t received[ORDER_WISH_LINES]; /* in `was`: of each line's SKU, acknowledged by then */
    uint64_t asked_ns;                   /* in `was`: when; otherwise when for the first time */
    uint64_t there_ns;                   /* when it was known to be there; 0: never */
    uint64_t captured_ns;                /* likewise, acknowledged as captured */
    uint64_t gone_ns;                    /* likewise, cancelled or expired */
    uint32_t version;                    /* the highest that any answer said */
    uint64_t digest;                     /* of how it was seen with that version; 0: it was not */
};

/* A create that was answered with "out of stock". */
struct refusal {
    uint32_t order;
    uint64_t asked_ns;
    uint64_t answered_ns;
    uint64_t received[ORDER_WISH_LINES]; /* of each line's SKU, acknowledged when it was asked */
};
enum { REFUSALS_MAX = 2000 };

struct sku_fact {
    char code[16];
    uint32_t sku;
    uint64_t received_asked;
    uint64_t received;
    uint64_t wanted; /* by all creates that were ever sent */
};

/* Everybody wants the same: one unit of every SKU, line by line in any order. There are `baskets` of
 * them; or plenty, but a buyer may have no more than `limit`. */
struct rush {
    bool on;
    uint32_t baskets;
    uint32_t
        orders; /* little more than there are baskets: one that is refused wrongly stays unsold */
    uint32_t limit; /* 0: none */
};
enum { RUSH_BUYERS = 9 };

struct oracle {
    struct run *run;
    struct rush rush;
    bool orders_expire;
    struct order_fact orders[ORACLE_ORDERS_MAX];
    struct linear histories[ORACLE_ORDERS_MAX]; /* of each order */
    uint32_t order_count;
    struct refusal refusals[REFUSALS_MAX]; /* the first ones */
    uint32_t refusal_count;
    struct sku_fact skus[ORACLE_SKUS_MAX];
    uint32_t sku_count;
};

/* What a SKU is called, and back. */
const char *oracle_code(const struct oracle *oracle, uint32_t sku);
uint32_t oracle_number(const struct oracle *oracle, const char *code);

/* An order that nobody has asked for yet. */
struct order_fact *oracle_new_order(struct oracle *oracle);

void oracle_asks_create(struct oracle *oracle, struct order_fact *order, struct order_fact *was);
/* The answers; true: it is one, false: ask again later. `was` is what was known when it was asked. */
bool oracle_created(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                    const struct result *result);
bool oracle_got(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                const struct result *result);
bool oracle_cancelled(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                      const struct result *result);
/* Its payment is made; captured, by its buyer or its provider; some of it is refunded. */
bool oracle_paid(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                 const struct result *result);
bool oracle_captured(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                     const struct result *result);
bool oracle_refunded(struct oracle *oracle, struct order_fact *order, const struct order_fact *was,
                     const struct result *result);
bool oracle_received(struct oracle *oracle, struct sku_fact *sku, uint64_t units,
                     const struct result *result);
bool oracle_stock(struct oracle *oracle, struct sku_fact *sku, uint64_t received_before,
                  uint64_t asked_ns, const struct result *result);

/* A create of a known id that asks for something else. */
bool oracle_other_body(struct oracle *oracle, const struct order_fact *was,
                       const struct result *result);

/* Somebody asks something of an order, and is answered; what linear_ask has returned. */
uint32_t oracle_asks(struct oracle *oracle, const struct order_fact *order, enum linear_op op,
                     uint32_t wish);
void oracle_hears(struct oracle *oracle, const struct order_fact *order, uint32_t step,
                  const struct result *result);

/* Answers that say "not now". */
bool oracle_is_later(const struct result *result);

/* When everything is known: nobody was refused who could have been served, whatever was only held. */
void oracle_check_refusals(const struct oracle *oracle);

/* When everything is known: what was answered of each order is one line of what was done with it. */
void oracle_check_histories(struct oracle *oracle);

/* When everything is known: as many were sold as could be, and no more. */
void oracle_check_rush(struct oracle *oracle);

/* When nothing moves: the units of each SKU against the orders' last seen states. */
void oracle_check_cell(struct oracle *oracle, const struct sku_fact *sku,
                       const struct result_stock *stock);

#endif
