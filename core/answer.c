#include "core/answer.h"

#include <string.h>

void *answer(const struct shard *shard, struct turn *turn, const struct request *request,
             enum code code, enum result_kind kind, size_t bytes)
{
    return turn_answer(turn, shard->options.shard, request->origin, request->command->request, code,
                       kind, (uint32_t)bytes);
}

void answer_plain(const struct shard *shard, struct turn *turn, const struct request *request,
                  enum code code)
{
    answer(shard, turn, request, code, RESULT_PLAIN, sizeof(struct result));
}

void answer_fault(const struct shard *shard, struct turn *turn, const struct request *request,
                  enum code code, const char *field, uint32_t line)
{
    struct result_fault *fault = answer(shard, turn, request, code, RESULT_FAULT, sizeof *fault);
    fault->line = line;
    fault->field_bytes = (uint32_t)strlen(field);
    memcpy(fault->field, field, fault->field_bytes);
}

bool is_too_old(const struct shard *shard, const struct turn *turn, uint64_t issued_at_ns)
{
    return issued_at_ns != 0 && issued_at_ns < turn->now_ns &&
           turn->now_ns - issued_at_ns > shard->options.retry_window_ns;
}

char *text_put(char *at, struct text text)
{
    if (text.bytes > 0)
        memcpy(at, text.at, text.bytes);
    return at + text.bytes;
}
