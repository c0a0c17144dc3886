/* persist/manifest.h - the one small file that says what the log's bytes mean.
 *
 *   | manifest, only as many epochs as there are | zeros | the same manifest once more |
 *   0                                                    next multiple of 4096
 *
 * Two copies, because without it the log cannot be read. Always replaced as a whole: written beside,
 * synced, renamed over, the directory synced.
 *
 * An epoch is used by one start of a server; the table says which sequences belong to which. A group
 * is alive if and only if its epoch is that of the last entry whose first sequence is at or below its
 * own. */
#ifndef SPATE_PERSIST_MANIFEST_H
#define SPATE_PERSIST_MANIFEST_H

#include "persist/env.h"

enum { EPOCHS_MAX = 4000 };

struct epoch {
    uint64_t first_seq;
    uint64_t first_serial; /* of the segment in which its groups begin */
    uint32_t epoch;
    uint32_t zero;
};

enum manifest_flag {
    MANIFEST_CLOSED = 1,   /* a clean stop: nothing lies beyond the witness */
    MANIFEST_UNSYNCED = 2, /* the last server ran with --sync none */
};

struct manifest {
    uint64_t magic;
    uint32_t version;
    uint32_t flags;
    uint64_t checksum; /* XXH3 of all up to the last epoch, with this field 0 */
    uint64_t log_id;
    uint64_t next_serial;  /* serials from here on were never used */
    uint64_t witness;      /* so far everything was durable when this was written */
    uint64_t begin_serial; /* the log that is kept begins in this segment, ... */
    uint64_t begin_offset; /* ... at or behind this offset, ... */
    uint64_t begin_seq;    /* ... with this sequence, ... */
    uint64_t begin_chain;  /* ... whose group has this for its chain */
    uint64_t state_seq;    /* when all was quiet after this sequence, ... */
    uint64_t state_hash;   /* ... this was the state's hash (core/image.h); sequence 0: not known */
    uint32_t epoch_used;   /* the highest that was ever given to a start */
    uint32_t epoch_count;
    struct epoch epochs[EPOCHS_MAX];
};

/* -ENOENT: there is none; -EBADMSG: both copies are damaged; -EPROTO: written by a newer version. */
int32_t manifest_read(struct env *env, int32_t directory, struct manifest *manifest) MUST_LOOK;
int32_t manifest_write(struct env *env, int32_t directory, struct manifest *manifest) MUST_LOOK;

/* The log that is kept begins there; epochs wholly behind it are forgotten. */
void manifest_begin(struct manifest *manifest, uint64_t serial, uint64_t offset, uint64_t seq,
                    uint64_t chain);

/* The entry that a sequence belongs to; there is at least one. */
const struct epoch *manifest_epoch(const struct manifest *manifest, uint64_t seq);
/* The last sequence that an epoch owns; UINT64_MAX for the latest, 0 for one that is not in the table
 * or owns none. */
uint64_t manifest_epoch_last(const struct manifest *manifest, uint32_t epoch);
bool manifest_knows(const struct manifest *manifest, uint32_t epoch);

#endif
