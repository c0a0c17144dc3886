/* core/sku.h - what a merchant says of a SKU, and what is asked of it: sku.put, sku.get, sku.resolve.
 *
 * Decided by the SKU's own shard, but for resolve, which any shard answers from the catalogue. The
 * state is in core/stock.h. */
#ifndef SPATE_CORE_SKU_H
#define SPATE_CORE_SKU_H

#include "core/shard_state.h"

void sku_request(struct shard *shard, struct turn *turn, const struct request *request);

#endif
