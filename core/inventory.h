/* core/inventory.h - what a merchant does to stock: receive, expect, adjust, count, quarantine,
 * clear, write off, set a policy; and what stock does by itself when it reaches a level.
 *
 * All of it is decided by the SKU's own shard. A change is one slice of signed units, so that all
 * of them are applied alike (core/stock.h). */
#ifndef SPATE_CORE_INVENTORY_H
#define SPATE_CORE_INVENTORY_H

#include "core/shard_state.h"

void inventory_request(struct shard *shard, struct turn *turn, const struct request *request);

/* Levels are looked at after every touch, never on an edge: units that come free where some are
 * missing are written off against them, and never are more missing than are on hand; a cell at or
 * below its safety stock or reorder point warns once, and says once that it has recovered. Expects
 * room in the turn; one event at most. */
void inventory_work(struct shard *shard, struct turn *turn);
bool inventory_has_work(const struct shard *shard);

#endif
