/* tests/model/naive.h - the domain, slow and obvious: no shards, no holds, no tables, no log.
 *
 * Shares nothing with core but the names of codes, states and ids. Every function does what the words
 * of the domain say, over plain arrays that are looked through from end to end. */
#ifndef SPATE_TESTS_MODEL_NAIVE_H
#define SPATE_TESTS_MODEL_NAIVE_H

#include "core/code.h"
#include "core/command.h"
#include "core/result.h"

#include "tests/model/naive_money.h"
#include "tests/model/naive_parcels.h"

enum {
    NAIVE_SKUS = 12,
    NAIVE_WAREHOUSES = 4,
    NAIVE_LINES = 5,
    NAIVE_REGIONS = 3,
    NAIVE_CUSTOMERS = 3,
    NAIVE_CHANNELS = 2,
    NAIVE_ADJUSTMENTS = 2,
    NAIVE_TEXTS = 4,
    NAIVE_ACT_KEYS = 4,
};

struct naive_cell {
    uint64_t free;
    uint64_t reserved;
    uint64_t committed;
    uint64_t quarantined;
    uint64_t incoming;
    uint64_t version;
    uint64_t safety;
    uint64_t reorder_point;
    uint64_t missing;
    uint64_t in_transfer;
    uint64_t task_ns;
    bool warned;
    bool known;          /* ever had anything there */
    bool version_varies; /* how often missing units were written off may depend on the shards */
};

struct naive_sku {
    bool known;
    uint64_t max_per_order;    /* 0: no limit */
    uint64_t max_per_customer; /* 0: no limit */
    uint64_t window_s;
    struct {
        bool is_there;
        uint64_t units;
    } caps[NAIVE_CHANNELS];
    struct naive_cell cells[NAIVE_WAREHOUSES];
};

struct naive_line {
    uint32_t sku; /* of the model, from 0 */
    uint32_t units;
    int64_t unit_price;
    uint32_t cancelled;
    uint32_t warehouse;
    uint64_t window; /* when it began, in seconds and from 1; 0: the SKU had no limit per buyer */
    bool capped;     /* the SKU had a cap for the channel */
};

/* What an order says besides its lines; compared byte by byte. */
struct naive_buyer {
    uint8_t customer;
    uint8_t channel;            /* NAIVE_CHANNELS: none */
    uint8_t region;             /* NAIVE_REGIONS: none */
    uint8_t single;             /* prefers a single parcel */
    uint8_t texts[NAIVE_TEXTS]; /* which of those that it may have; 0: none */
    uint8_t kinds[NAIVE_ADJUSTMENTS];
    uint8_t adjustment_count;
    uint8_t zero[5];
    int64_t amounts[NAIVE_ADJUSTMENTS];
    uint64_t pay_by_ns; /* 0: not said */
};
_Static_assert(sizeof(struct naive_buyer) == 16 + 8 * NAIVE_ADJUSTMENTS + 8, "nothing between");

/* A request. */
struct naive_create {
    bool foreign; /* in another currency than its SKUs are */
    bool too_old;
    uint8_t line_count;
    struct naive_buyer buyer;
    struct naive_line lines[NAIVE_LINES];
};

/* Somebody cancels, reviews or confirms an order; compared byte by byte. */
struct naive_act {
    uint16_t op;
    uint8_t decision;
    uint8_t key; /* 0: none; so for the reason */
    uint8_t reason;
    uint8_t too_old;
    uint8_t line_count; /* 0: all of it */
    uint8_t zero;
    struct {
        uint32_t line; /* from 1 */
        uint32_t units;
    } lines[NAIVE_LINES];
};
_Static_assert(sizeof(struct naive_act) == 8 + 8 * NAIVE_LINES, "nothing between");

struct naive_order {
    bool placed;
    bool is_remainder; /* it has been over for long: of its lines and children nothing is known */
    bool is_gone;      /* and for longer: it is not placed any more, but its units still count */
    uint64_t closed_ns;
    uint8_t state; /* enum order_state */
    uint8_t line_count;
    uint32_t version;
    int64_t
        sum; /* of what is not cancelled, and of the adjustments: discounts may outweigh the rest */
    uint64_t deadline_ns;
    struct naive_buyer buyer;
    struct naive_line lines[NAIVE_LINES];
    struct naive_money money;
    struct naive_parcels parcels;
    struct naive_act acts[NAIVE_ACT_KEYS + 1]; /* that were done, by their key */
};
_Static_assert((int)NAIVE_PARCEL_LINES == (int)NAIVE_LINES, "as many lines as an order has");

/* Whether what is asked comes in time, and with the version of the cell as it is. */
struct naive_terms {
    bool stale;
    bool too_old;
};

/* Receipts and changes that were done, by their key. */
struct naive_key {
    bool used;
    uint16_t op;
    uint32_t sku;
    uint32_t warehouse;
    int64_t units;
    int64_t damaged;
    uint32_t reason;     /* 0: none */
    uint64_t if_version; /* STOCK_ANY_VERSION: not said */
    struct naive_terms terms;
};

/* By the number in its id. */
struct naive_transfer {
    bool used;
    uint32_t sku;
    uint32_t from;
    uint32_t to;
    uint64_t units;
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
    uint64_t last[3];  /* what arrived last: ok, damaged, lost */
    uint32_t last_key; /* 0: nothing yet */
};

/* NAIVE_MANY is looked at first. */
enum naive_rules {
    NAIVE_BIG = 1,  /* what costs much is looked at by a person */
    NAIVE_MANY = 2, /* a line of many units is refused */
    NAIVE_RULES_MAX = 4,
    NAIVE_BIG_TOTAL = 15000,
    NAIVE_MANY_UNITS = 12,
};

struct naive {
    uint64_t now_ns;
    uint64_t payment_deadline_ns;
    uint64_t review_deadline_ns;
    uint32_t rules; /* which are in force: enum naive_rules */
    uint64_t grace_ns;
    uint64_t retention_ns;
    uint64_t remainder_ns;
    uint32_t priority[NAIVE_WAREHOUSES];
    bool warehouse_known[NAIVE_WAREHOUSES];
    bool region_known[NAIVE_REGIONS];
    bool has_cost[NAIVE_REGIONS][NAIVE_WAREHOUSES];
    uint64_t cost[NAIVE_REGIONS][NAIVE_WAREHOUSES];
    struct naive_transfer *transfers;
    uint32_t transfer_count;
    struct naive_sku skus[NAIVE_SKUS];
    uint32_t key_count;
    uint32_t order_count;
    struct naive_order *orders; /* by the number in their id */
    struct naive_key *keys;     /* by the number in the key */
    bool either; /* the last order broke a limit and was short: it may be told one or the other */
    uint32_t expired_to; /* orders below have been looked at and are final */
};

/* Time goes on; what is overdue expires. */
void naive_time(struct naive *naive, uint64_t now_ns);

/* The clock has jumped: deadlines end later by that, but by no more than the grace. */
void naive_jump(struct naive *naive, uint64_t jumped_ns);
/* Orders that are over shrink and leave. */
void naive_forget_orders(struct naive *naive);
/* All keys are older than they are kept for, and all transfers that are over. */
void naive_forget_keys(struct naive *naive);

enum code naive_warehouse_put(struct naive *naive, uint32_t warehouse, uint32_t priority);
/* `put` but for its cells. */
enum code naive_sku_put(struct naive *naive, uint32_t sku, const struct naive_sku *put);
enum code naive_resolve(const struct naive *naive, uint32_t sku);
/* Costs of the warehouses that have some; those must be known. */
enum code naive_costs_put(struct naive *naive, uint32_t region,
                          const bool has_cost[NAIVE_WAREHOUSES],
                          const uint64_t cost[NAIVE_WAREHOUSES]);

/* Chooses warehouses, windows and caps for an order; or why it cannot be placed. */
enum code naive_choose(struct naive *naive, const struct naive_buyer *buyer,
                       struct naive_line *lines, uint32_t line_count);
/* What is cheapest for the region, those without costs last; then the lower priority, then the name. */
bool naive_comes_before(const struct naive *naive, uint32_t region, uint32_t a, uint32_t b);
enum code naive_order_create(struct naive *naive, uint32_t order, const struct naive_create *asked);
/* What is to be paid: never below 0. */
int64_t naive_total(const struct naive_order *order);
/* Units of a SKU that count against a buyer's window, or against a channel's cap. */
uint64_t naive_had(const struct naive *naive, uint32_t sku, uint32_t customer, uint64_t window);
uint64_t naive_sold_through(const struct naive *naive, uint32_t sku, uint32_t channel);

/* Whether it ends by itself when its deadline has passed. */
bool naive_waits(const struct naive_order *order);
bool naive_has_shipped(const struct naive_order *order);
enum code naive_act(struct naive *naive, uint32_t order, const struct naive_act *act);
/* OP_STOCK_RECEIVE and OP_STOCK_EXPECT ... OP_STOCK_WRITE_OFF. */
enum code naive_change(struct naive *naive, uint32_t key, const struct naive_key *change);
enum code naive_count(struct naive *naive, uint32_t sku, uint32_t warehouse, uint64_t counted,
                      struct naive_terms terms);
enum code naive_policy(struct naive *naive, uint32_t sku, uint32_t warehouse, uint64_t safety,
                       uint64_t reorder_point, bool stale);
enum code naive_ship(struct naive *naive, uint32_t number, const struct naive_transfer *transfer,
                     bool too_old);
enum code naive_arrive(struct naive *naive, uint32_t number, uint32_t key, const uint64_t units[3],
                       bool too_old);
uint64_t naive_sellable(const struct naive_cell *cell);
/* After every step: free units are taken for missing ones, and low cells warn. */
void naive_settle(struct naive *naive);

#endif
