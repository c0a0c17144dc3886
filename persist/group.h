/* persist/group.h - the bytes of the log.
 *
 * A log is a row of segments (persist/segment.h), files of whole blocks of 4096 bytes. Block 0 is the
 * segment's head; from block 1 on stand writes, one behind the other:
 *
 *   | head | write ........... | write | write ...... | end mark | never written: zeros or old bytes |
 *   0      4096                each begins on a block and is padded with zeros
 *
 *   write:  | group | group | ... | zeros |        group:  | struct group_head | events ... |
 *
 * A write never touches a block that holds an earlier one. Instead of groups a write may hold one
 * mark: a *witness block* (it only says how far the watermark had come) or the segment's *end mark*.
 *
 * A head is valid if and only if its magic and version are known, its log id is the log's, and
 * head_sum is the XXH3 of the head with this field 0, seeded with log id and segment serial: so that
 * neither another log's blocks nor a recycled segment's old ones are ever taken for ours. A group is
 * valid if and only if its head is, its events lie within the segment, body_sum is their XXH3 with the
 * same seed, its sequence is the one after the group before, and `chain` is that group's head_sum. A
 * group is alive if and only if it is valid and its epoch owns its sequence (persist/manifest.h). */
#ifndef SPATE_PERSIST_GROUP_H
#define SPATE_PERSIST_GROUP_H

#include "core/check.h"
#include "core/values.h"

enum {
    BLOCK_BYTES = 4096,
    FORMAT_VERSION = 1,
    GROUP_MAGIC = 0x50524753, /* "SGRP" */
    WRITE_BYTES_MAX =
        4 << 20, /* no options make a write longer, so that any reader can take any group */
};

enum group_kind { GROUP_EVENTS = 1, GROUP_WITNESS, GROUP_END };

enum group_flag {
    GROUP_UNSYNCED = 1, /* written with --sync none: says nothing about power cuts */
    GROUP_COPIED = 2,   /* by a start; its epoch may be one that never came to serve */
};

struct group_head {
    uint32_t magic;
    uint16_t version;
    uint8_t kind;
    uint8_t flags;
    uint64_t log_id;
    uint32_t epoch;
    uint32_t shard;
    uint64_t seq; /* of a witness block or end mark: of the group before */
    uint32_t event_bytes;
    uint32_t event_count;
    uint64_t witness; /* the watermark when this was written: so far everything is durable */
    uint64_t chain;
    uint64_t body_sum;
    uint64_t head_sum;
};

_Static_assert(sizeof(struct group_head) == 72, "no padding");

static inline uint64_t block_align(uint64_t bytes)
{
    return (bytes + BLOCK_BYTES - 1) & ~(uint64_t)(BLOCK_BYTES - 1);
}

static inline const void *group_events(const struct group_head *head)
{
    return head + 1;
}

uint64_t group_seed(uint64_t log_id, uint64_t serial);
/* Fills in both sums; the events stand behind the head. */
void group_seal(struct group_head *head, uint64_t seed);
bool group_head_valid(const struct group_head *head, uint64_t log_id, uint64_t seed);
bool group_body_valid(const struct group_head *head, uint64_t seed);

#endif
