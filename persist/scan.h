/* persist/scan.h - reads the log's groups in order, from a place to the first group that is missing
 * or invalid; and looks for witnesses beyond it.
 *
 * Follows only groups that are alive under the manifest's table of epochs: where a sequence belongs to
 * a later epoch, it goes on in the segment in which that epoch begins. One read is always under way
 * while the groups of the one before are looked at, so the actor must have nothing else in flight
 * between two calls of scan_next. */
#ifndef SPATE_PERSIST_SCAN_H
#define SPATE_PERSIST_SCAN_H

#include "persist/manifest.h"
#include "persist/segment.h"

/* Where a group is looked for, and what must be true of it. */
struct place {
    uint64_t serial;
    uint64_t offset;
    uint64_t seq;
    uint64_t chain;
};

/* A read of the open segment; in front of it stands what was left of the one before, where a group may
 * have begun. */
enum { READ_BYTES = 1 << 20, CARRY_BYTES = WRITE_BYTES_MAX };
struct window {
    uint8_t *read;   /* CARRY_BYTES in front of it are its own too */
    uint64_t offset; /* of the read in the file */
    uint64_t carried_bytes;
    uint64_t end; /* offset of the first byte behind it */
};

struct scan {
    struct env *env;
    const struct manifest *manifest;
    int32_t directory;
    struct place at;
    uint32_t epoch; /* index of the entry that at.seq belongs to */

    /* The highest witness that alive blocks have told, and where it stands. */
    uint64_t witness;
    uint64_t witness_serial; /* 0: in the manifest */
    uint64_t witness_offset;

    bool promised; /* the open segment, or the one to open, is there: an end mark says so */
    uint64_t read_bytes;
    uint64_t torn_bytes;    /* found beyond: of writes that never finished */
    uint32_t unknown_epoch; /* found beyond: has served, but the table does not know it; else 0 */
    uint64_t blank_from;    /* found beyond: segments from here on hold nothing at all */

    int32_t file; /* -1: no segment is open */
    uint64_t seed;
    uint64_t file_bytes;
    struct window windows[2];
    uint32_t current;
    bool reading;     /* into the other window */
    bool has_read;    /* and that is over */
    int32_t read_got; /* its result */
};

enum { SCAN_MEMORY_BYTES = 2 * (READ_BYTES + CARRY_BYTES) };

/* `memory`: SCAN_MEMORY_BYTES, aligned to BLOCK_BYTES. */
void scan_begin(struct scan *scan, struct env *env, int32_t directory,
                const struct manifest *manifest, void *memory, struct place from);
/* The first group that the manifest knows of. */
struct place scan_first(const struct manifest *manifest);

/* The next group, valid until the next call. NULL: there is none, and scan->at is where it should
 * be; or, if *error is negative, the segment cannot be read: -EPROTO a newer format, -EXDEV another
 * log's, -ENOENT it is gone. */
const struct group_head *scan_next(struct scan *scan, int32_t *error);

/* After scan_next has ended: looks at every block beyond, up to segment `last_serial`, for what speaks
 * of acknowledged groups. scan->at stays. */
int32_t scan_beyond(struct scan *scan, uint64_t last_serial) MUST_LOOK;

/* Whoever uses the env between two groups calls this before: nothing is under way after it. */
void scan_rest(struct scan *scan);

/* Waits for a doorbell, at most until env_clock reaches `until_ns`; the group stays valid. */
void scan_pause(struct scan *scan, uint64_t until_ns);

void scan_end(struct scan *scan);

#endif
