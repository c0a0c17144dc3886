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

enum { NAIVE_SKUS = 12, NAIVE_WAREHOUSES = 4, NAIVE_LINES = 5 };

struct naive_cell {
    uint64_t free;
    uint64_t reserved;
    uint64_t committed;
    uint64_t quarantined;
    uint64_t incoming;
    uint64_t version;
    bool known; /* ever had anything there */
};

struct naive_sku {
    bool known;
    uint64_t max_per_order; /* 0: no limit */
    struct naive_cell cells[NAIVE_WAREHOUSES];
};

struct naive_line {
    uint32_t sku; /* of the model, from 0 */
    uint32_t units;
    int64_t unit_price;
    uint32_t cancelled;
    uint32_t warehouse;
};

struct naive_order {
    bool placed;
    uint8_t state; /* enum order_state */
    uint8_t line_count;
    uint32_t version;
    int64_t total;
    uint64_t deadline_ns;
    struct naive_line lines[NAIVE_LINES];
    struct naive_money money;
};

/* Receipts and changes that were done, by their key. */
struct naive_key {
    bool used;
    uint16_t op;
    uint32_t sku;
    uint32_t warehouse;
    int64_t units;
    int64_t damaged;
};

struct naive {
    uint64_t now_ns;
    uint64_t payment_deadline_ns;
    uint32_t priority[NAIVE_WAREHOUSES];
    bool warehouse_known[NAIVE_WAREHOUSES];
    struct naive_sku skus[NAIVE_SKUS];
    uint32_t order_count;
    struct naive_order *orders; /* by the number in their id */
    struct naive_key *keys;     /* by the number in the key */
    bool either; /* the last order broke a limit and was short: it may be told one or the other */
    uint32_t expired_to; /* orders below have been looked at and are final */
};

/* Time goes on; what is overdue expires. */
void naive_time(struct naive *naive, uint64_t now_ns);

enum code naive_warehouse_put(struct naive *naive, uint32_t warehouse, uint32_t priority);
enum code naive_sku_put(struct naive *naive, uint32_t sku, uint64_t max_per_order);
enum code naive_resolve(const struct naive *naive, uint32_t sku);
/* Lines as they were asked for; warehouses are chosen here. */
enum code naive_order_create(struct naive *naive, uint32_t order, bool currency_fits,
                             const struct naive_line *lines, uint32_t line_count);
enum code naive_cancel_all(struct naive *naive, uint32_t order);
enum code naive_cancel_line(struct naive *naive, uint32_t order, uint32_t line, uint32_t units);
/* OP_STOCK_RECEIVE and OP_STOCK_EXPECT ... OP_STOCK_WRITE_OFF. */
enum code naive_change(struct naive *naive, uint32_t key, const struct naive_key *change);

#endif
