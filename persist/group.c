#include "persist/group.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t group_seed(uint64_t log_id, uint64_t serial)
{
    uint64_t both[2] = {log_id, serial};
    return XXH3_64bits(both, sizeof both);
}

static uint64_t head_sum(struct group_head head, uint64_t seed)
{
    head.head_sum = 0;
    return XXH3_64bits_withSeed(&head, sizeof head, seed);
}

void group_seal(struct group_head *head, uint64_t seed)
{
    head->body_sum = XXH3_64bits_withSeed(group_events(head), head->event_bytes, seed);
    head->head_sum = head_sum(*head, seed);
}

bool group_head_valid(const struct group_head *head, uint64_t log_id, uint64_t seed)
{
    return head->magic == GROUP_MAGIC && head->version == FORMAT_VERSION &&
           head->log_id == log_id && head->kind >= GROUP_EVENTS && head->kind <= GROUP_END &&
           head->event_bytes % 8 == 0 && head->head_sum == head_sum(*head, seed);
}

bool group_body_valid(const struct group_head *head, uint64_t seed)
{
    return head->body_sum == XXH3_64bits_withSeed(group_events(head), head->event_bytes, seed);
}
