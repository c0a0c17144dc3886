/* core/shelf.h - what is asked of stock: the cells of a SKU; cells with units missing (tasks); cells
 * that have warned.
 *
 * The last two are answered shard by shard, SHELF_LOOK_MAX SKUs at a time, like lists of orders
 * (core/list.h). */
#ifndef SPATE_CORE_SHELF_H
#define SPATE_CORE_SHELF_H

#include "core/shard_state.h"

enum { SHELF_LOOK_MAX = 4096 };

void shelf_request(struct shard *shard, struct turn *turn, const struct request *request);

#endif
