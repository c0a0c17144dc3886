/* core/list.h - orders one after the other: a customer's, or all that a shard has.
 *
 * Each shard answers for its own orders, and looks at LIST_LOOK_MAX of them at most before it
 * answers; whoever asks goes on from where the answer says until that says it is the end, and puts
 * the shards' answers together. A customer's orders come newest first. All others come as the table
 * has them: what is there from the first call to the last is seen, and may be seen twice while other
 * orders leave. */
#ifndef SPATE_CORE_LIST_H
#define SPATE_CORE_LIST_H

#include "core/shard_state.h"

enum { LIST_LOOK_MAX = 1024 };

void list_request(struct shard *shard, struct turn *turn, const struct request *request);

#endif
