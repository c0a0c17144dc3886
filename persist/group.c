#include "persist/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
           head->head_sum == head_sum(*head, seed);
}

bool group_body_valid(const struct group_head *head, uint64_t seed)
{
    return head->body_sum == XXH3_64bits_withSeed(group_events(head), head->event_bytes, seed);
}

static uint64_t segment_sum(struct segment_head head)
{
    head.checksum = 0;
    return XXH3_64bits(&head, sizeof head);
}

void segment_head_fill(struct segment_head *head, uint64_t log_id, uint64_t serial, uint64_t bytes)
{
    *head = (struct segment_head){
        .magic = SEGMENT_MAGIC,
        .version = FORMAT_VERSION,
        .log_id = log_id,
        .serial = serial,
        .bytes = bytes,
    };
    head->checksum = segment_sum(*head);
}

bool segment_head_valid(const struct segment_head *head)
{
    return head->magic == SEGMENT_MAGIC && head->checksum == segment_sum(*head);
}

void segment_name(char out[SEGMENT_NAME_BYTES], uint64_t serial)
{
    snprintf(out, SEGMENT_NAME_BYTES, "log-%012llu.seg", (unsigned long long)serial);
}

uint64_t segment_serial(const char *name)
{
    if (strlen(name) != 20 || strncmp(name, "log-", 4) != 0 || strcmp(name + 16, ".seg") != 0)
        return 0;
    char *end;
    uint64_t serial = strtoull(name + 4, &end, 10);
    return end == name + 16 ? serial : 0;
}
