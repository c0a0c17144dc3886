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

/* The head of a RESULT_CHILD whose children take so many bytes; returns where they go. */
void *answer_children(const struct shard *shard, struct turn *turn, const struct request *request,
                      enum code code, const struct order *order, uint32_t child_count,
                      uint32_t child_bytes);
/* The child's state does not allow it; which moves it does. */
void answer_child_state(const struct shard *shard, struct turn *turn, const struct request *request,
                        enum child_kind child, uint8_t state, uint32_t allowed);

/* Whether a request was issued before what is still remembered of retries; 0: it does not say. */
bool is_too_old(const struct shard *shard, const struct turn *turn, uint64_t issued_at_ns);

/* Returns where the next one goes. */
char *text_put(char *at, struct text text);

#endif
