/* core/logistics.h - what a merchant says about warehouses and regions: warehouse.put, region.costs.
 *
 * Decided by the owner of TOPOLOGY_SLOT; the state is in core/topology.h. */
#ifndef SPATE_CORE_LOGISTICS_H
#define SPATE_CORE_LOGISTICS_H

#include "core/shard_state.h"

void logistics_request(struct shard *shard, struct turn *turn, const struct request *request);

#endif
