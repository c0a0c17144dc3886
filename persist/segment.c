#include "persist/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t head_sum(struct segment_head head)
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
    head->checksum = head_sum(*head);
}

enum segment_fault segment_head_check(const struct segment_head *head, uint64_t log_id,
                                      uint64_t serial)
{
    if (head->magic != SEGMENT_MAGIC || head->checksum != head_sum(*head))
        return SEGMENT_DAMAGED;
    if (head->version > FORMAT_VERSION)
        return SEGMENT_NEWER;
    return head->log_id == log_id && head->serial == serial ? SEGMENT_OK : SEGMENT_FOREIGN;
}

void segment_name(char out[SEGMENT_NAME_BYTES], uint64_t serial)
{
    snprintf(out, SEGMENT_NAME_BYTES, "log-%012llu.seg", (unsigned long long)serial);
}

void segment_spare_name(char out[SEGMENT_NAME_BYTES], uint32_t spare)
{
    snprintf(out, SEGMENT_NAME_BYTES, "spare-%u.seg", spare);
}

uint64_t segment_serial(const char *name)
{
    if (strlen(name) != 20 || strncmp(name, "log-", 4) != 0 || strcmp(name + 16, ".seg") != 0)
        return 0;
    char *end;
    uint64_t serial = strtoull(name + 4, &end, 10);
    return end == name + 16 ? serial : 0;
}

static int32_t open_file(struct env *env, int32_t directory, const char *name, int flags)
{
    return env_do(env,
                  &(struct env_op){
                      .kind = ENV_OPEN, .file = directory, .path = name, .flags = (uint32_t)flags});
}

int32_t segment_open(struct env *env, int32_t directory, const char *name, int flags)
{
    int32_t file = open_file(env, directory, name, flags | O_DIRECT | O_CLOEXEC);
    return file == -EINVAL ? open_file(env, directory, name, flags | O_CLOEXEC) : file;
}
