/* core/judge.h - what the rules in force say of a new order; how they are put in force.
 *
 * The verdict is taken once, at home, when the request is looked at: rules that change while the
 * order waits for other shards do not concern it any more. */
#ifndef SPATE_CORE_JUDGE_H
#define SPATE_CORE_JUDGE_H

#include "core/shard_state.h"

/* What costs nothing is paid. */
void judge(struct shard *shard, const struct order_create *create, struct judgement *out);

void judge_put_rules(struct shard *shard, struct turn *turn, const struct request *request);
void judge_get_rules(struct shard *shard, struct turn *turn, const struct request *request);

#endif
