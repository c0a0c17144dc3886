/* core/transport.h - transfers between warehouses: transfer.ship, transfer.receive, transfer.get.
 *
 * Decided by the SKU's own shard; the state is in core/transfer.h, the units are in core/stock.h.
 * What is shipped leaves `free` at the source and is `in_transfer` at the target until it is
 * received there, whole or in parts: ok, damaged (quarantined), or lost (written off). */
#ifndef SPATE_CORE_TRANSPORT_H
#define SPATE_CORE_TRANSPORT_H

#include "core/shard_state.h"

void transport_request(struct shard *shard, struct turn *turn, const struct request *request);

/* When the oldest transfer that is over may be forgotten; UINT64_MAX: none. And it leaves: expects
 * room in the turn. */
uint64_t transport_forget_ns(const struct shard *shard);
void transport_forget(struct shard *shard, struct turn *turn);

#endif
