#include "core/turn.h"

#include <string.h>

#include "core/check.h"

static bool pile_has(const struct pile *pile, uint32_t bytes)
{
    return pile->capacity_bytes - pile->used_bytes >= bytes;
}

bool turn_has_room(const struct turn *turn)
{
    for (uint32_t to = 0; to < turn->shard_count; to++)
        if (!pile_has(&turn->outbox[to], MESSAGE_BYTES_MAX))
            return false;
    return pile_has(&turn->events, EVENT_BYTES_MAX) && pile_has(&turn->answers, ANSWER_BYTES_MAX);
}

void *turn_send(struct turn *turn, uint32_t from, uint32_t target, enum message_kind kind,
                uint32_t bytes)
{
    struct message *message = pile_append(&turn->outbox[target], bytes);
    message->bytes = bytes_padded(bytes);
    message->kind = (uint16_t)kind;
    message->from = (uint16_t)from;
    return message;
}

APART static void *room_elsewhere(struct turn *turn, uint32_t self, struct origin origin,
                                  uint32_t bytes)
{
    struct message_result *message = turn_send(turn, self, origin.shard, MESSAGE_RESULT,
                                               (uint32_t)sizeof *message + bytes_padded(bytes));
    message->token = origin.token;
    return message + 1;
}

static void *room_here(struct turn *turn, struct origin origin, uint32_t bytes)
{
    struct answer *answer = pile_append(&turn->answers, (uint32_t)sizeof *answer + bytes);
    answer->token = origin.token;
    return answer + 1;
}

inline void *turn_answer(struct turn *turn, uint32_t self, struct origin origin, uint64_t request,
                         enum code code, enum result_kind kind, uint32_t bytes)
{
    struct result *result = origin.shard == self ? room_here(turn, origin, bytes)
                                                 : room_elsewhere(turn, self, origin, bytes);
    result->bytes = bytes_padded(bytes);
    result->code = (uint16_t)code;
    result->kind = (uint16_t)kind;
    result->request = request;
    return result;
}
