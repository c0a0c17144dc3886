/* core/plan.h - which shard is asked for which lines, and in which order. */
#ifndef SPATE_CORE_PLAN_H
#define SPATE_CORE_PLAN_H

#include "core/shard_state.h"

/* Of lines that each name a SKU and its units. */
void plan_make(const struct shard *shard, const struct command_line *lines, uint32_t line_count,
               struct plan *plan);

#endif
