/* core/answer.h - the answers that every command may need. */
#ifndef SPATE_CORE_ANSWER_H
#define SPATE_CORE_ANSWER_H

#include "core/shard_state.h"

/* The result, its head filled in. */
void *answer(const struct shard *shard, struct turn *turn, const struct request *request,
             enum code code, enum result_kind kind, size_t bytes);
void answer_plain(const struct shard *shard, struct turn *turn, const struct request *request,
                  enum code code);
/* `line` is counted from 1; 0: not in a line. */
void answer_fault(const struct shard *shard, struct turn *turn, const struct request *request,
                  enum code code, const char *field, uint32_t line);

/* Whether a request was issued before what is still remembered of retries; 0: it does not say. */
bool is_too_old(const struct shard *shard, const struct turn *turn, uint64_t issued_at_ns);

/* Returns where the next one goes. */
char *text_put(char *at, struct text text);

#endif
