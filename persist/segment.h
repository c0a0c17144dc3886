/* persist/segment.h - the files of the log: their names, their heads, and how they are opened.
 *
 *   log-000000000017.seg   a segment, by its serial. Serials are never used twice: whatever a start
 *                          does not follow can never be mistaken for what it writes.
 *   spare-3.seg            what can be used again instead of being made anew: bytes without meaning.
 *   making.tmp             a segment on its way: it gets its name when it is whole and synced. */
#ifndef SPATE_PERSIST_SEGMENT_H
#define SPATE_PERSIST_SEGMENT_H

#include "persist/env.h"
#include "persist/group.h"

#define SEGMENT_MAGIC  UINT64_C(0x3147455345544150) /* "PATESEG1" */
#define SEGMENT_MAKING "making.tmp"

enum { SEGMENT_NAME_BYTES = 32, SPARES_MAX = 8 };

struct segment_head {
    uint64_t magic;
    uint32_t version;
    uint32_t zero;
    uint64_t log_id;
    uint64_t serial;
    uint64_t bytes;
    uint64_t checksum; /* XXH3 of this head with this field 0 */
};

enum segment_fault { SEGMENT_OK, SEGMENT_DAMAGED, SEGMENT_NEWER, SEGMENT_FOREIGN };

void segment_head_fill(struct segment_head *head, uint64_t log_id, uint64_t serial, uint64_t bytes);
enum segment_fault segment_head_check(const struct segment_head *head, uint64_t log_id,
                                      uint64_t serial);

void segment_name(char out[SEGMENT_NAME_BYTES], uint64_t serial);
void segment_spare_name(char out[SEGMENT_NAME_BYTES], uint32_t spare);
/* The serial of a segment's name; 0: not one. */
uint64_t segment_serial(const char *name);

/* Past the page cache where the file system can; `flags` as for open(2). The file, or an error. */
int32_t segment_open(struct env *env, int32_t directory, const char *name, int flags) MUST_LOOK;

#endif
