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

void *answer_children(const struct shard *shard, struct turn *turn, const struct request *request,
                      enum code code, const struct order *order, uint32_t child_count,
                      uint32_t child_bytes)
{
    char at[TEXT_BYTES_MAX];
    struct result_child *result;
    struct text id = order_text(order, ORDER_ID, at);
    uint32_t head_bytes = bytes_padded((uint32_t)sizeof *result + id.bytes);
    result = answer(shard, turn, request, code, RESULT_CHILD, head_bytes + child_bytes);
    result->order_version = order->version;
    result->order_state = (uint8_t)order->state;
    result->order_bytes = (uint8_t)id.bytes;
    result->child_count = (uint16_t)child_count;
    text_put((char *)(result + 1), id);
    return (char *)result + head_bytes;
}

void answer_child_state(const struct shard *shard, struct turn *turn, const struct request *request,
                        enum child_kind child, uint8_t state, uint32_t allowed)
{
    struct result_state *result =
        answer(shard, turn, request, CODE_ILLEGAL, RESULT_STATE, sizeof *result);
    result->state = state;
    result->allowed = allowed;
    result->child = (uint8_t)child;
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
