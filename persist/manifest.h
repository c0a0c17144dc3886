/* persist/manifest.h - the one small file that says what the log's bytes mean.
 *
 * Always replaced as a whole: written beside, synced, renamed over, the directory synced. An epoch is
 * used by one start of a server; the table says which sequences belong to which. A group is alive if
 * and only if its epoch is that of the last entry whose first sequence is at or below its own. */
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

struct manifest {
    uint64_t magic;
    uint32_t version;
    uint32_t epoch_used; /* the highest that was ever given to a start */
    uint64_t log_id;
    uint64_t next_serial; /* serials from here on were never used */
    uint64_t witness;     /* so far everything was durable when this was written */
    uint32_t closed;      /* 1: after a clean stop; nothing lies beyond the witness */
    uint32_t epoch_count;
    struct epoch epochs[EPOCHS_MAX];
    uint64_t checksum;
};

/* -ENOENT: there is none; -EBADMSG: it is damaged; -EPROTO: written by a newer version. */
int32_t manifest_read(struct env *env, int32_t directory, struct manifest *manifest) MUST_LOOK;
int32_t manifest_write(struct env *env, int32_t directory, struct manifest *manifest) MUST_LOOK;

/* The entry that a sequence belongs to. */
const struct epoch *manifest_epoch(const struct manifest *manifest, uint64_t seq);
/* The last sequence that an epoch owns; UINT64_MAX for the latest, 0 for one that owns none. */
uint64_t manifest_epoch_last(const struct manifest *manifest, uint32_t epoch);

#endif
