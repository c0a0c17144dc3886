/* persist/scan.h - reads the log's groups in order, from the first segment to the first group that is
 * missing or invalid.
 *
 * Follows only groups that are alive under the manifest's table of epochs: where a sequence belongs to
 * a later epoch, it goes on in the segment in which that epoch begins. */
#ifndef SPATE_PERSIST_SCAN_H
#define SPATE_PERSIST_SCAN_H

#include "persist/group.h"
#include "persist/manifest.h"

struct scan {
    struct env *env;
    const struct manifest *manifest;
    int32_t directory;
    uint8_t *buffer; /* aligned to BLOCK_BYTES */
    uint32_t buffer_bytes;

    uint64_t serial; /* where the next group is looked for */
    uint64_t offset;
    uint64_t next_seq;
    uint64_t chain;
    bool chained;     /* a group has been read, so chain must fit */
    uint64_t witness; /* the highest that alive blocks have told */
    uint64_t witness_serial;
    uint64_t witness_offset;
    uint64_t bytes; /* read so far */

    int32_t file; /* -1: no segment is open */
    uint64_t seed;
    uint64_t segment_bytes;
    uint64_t window_at;
    uint32_t window_bytes;
};

/* From a place on: the first segment's first block, or one that an earlier scan had come to. */
void scan_begin(struct scan *scan, struct env *env, int32_t directory,
                const struct manifest *manifest, void *buffer, uint32_t buffer_bytes,
                uint64_t serial, uint64_t first_seq);

/* The next group, valid until the next call; NULL at the end, or after an error (*error, negative). */
const struct group_head *scan_next(struct scan *scan, int32_t *error);

/* Looks on from where scan_next ended, at every block of every segment, for a witness. */
int32_t scan_witnesses(struct scan *scan, uint64_t last_serial) MUST_LOOK;

void scan_end(struct scan *scan);

#endif
