/* bench/orders.h - the order that everything is measured with: one unit each of some SKUs, an id of
 * 18 digits, a customer of 12, nothing optional. */
#ifndef SPATE_BENCH_ORDERS_H
#define SPATE_BENCH_ORDERS_H

#include "core/command.h"

enum { BENCH_ORDER_BYTES_MAX = 1024 };

/* The id of order `number`, without a 0 behind it; its bytes, below 30. */
uint32_t bench_order_id(char *out, uint64_t number);

/* Order number `number` at `out`; its bytes. At most 20 lines, no SKU twice. */
uint32_t bench_order(void *out, uint64_t number, const uint32_t *skus, uint32_t line_count);

/* 100 rules of ten sorts, none of which says anything of such an order; the bytes of the text. `out`
 * takes RULES_BYTES_MAX. */
uint32_t bench_rules(char *out);

#endif
