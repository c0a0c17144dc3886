/* persist/snapshot.h - the state of all slots at one commit sequence, as a file.
 *
 *   snapshot-00000000000000004711.img         everything up to and including sequence 4711
 *
 *   | head | block | block | ... | last block |
 *   0      4096    each 1 MiB; the last one as long as it needs, up to a multiple of 4096
 *
 *   block:  | struct snapshot_block | record | record ... | zeros |      records: core/image.h
 *
 * Records stand in the order of their slots and never span two blocks. The head is written last. A
 * head is valid if and only if magic, version and checksum are right and the file is as long as it
 * says; a block if and only if its sum is, which is seeded with the log's id, the snapshot's sequence
 * and the block's number, so that no block is ever taken for another.
 *
 * A snapshot comes into being as snapshot.tmp, is synced and read again to the last byte, and only
 * then gets its name, which one rename and one sync of the directory do. So what has a name was
 * whole once; and of two that are kept, the older one helps when the newer one has rotted. */
#ifndef SPATE_PERSIST_SNAPSHOT_H
#define SPATE_PERSIST_SNAPSHOT_H

#include "core/image.h"
#include "persist/env.h"
#include "persist/scan.h"

#define SNAPSHOT_MAGIC  UINT64_C(0x31474d4945544150) /* "PATEIMG1" */
#define SNAPSHOT_MAKING "snapshot.tmp"

enum {
    SNAPSHOT_VERSION = 2,
    SNAPSHOT_BLOCK_BYTES = 1 << 20,
    SNAPSHOT_NAME_BYTES = 40,
    SNAPSHOTS_KEPT = 2,
    SNAPSHOTS_MAX = 16, /* that a directory may have; more are passed over, oldest first */
};

struct snapshot_head {
    uint64_t magic;
    uint32_t version;
    uint32_t zero;
    uint64_t checksum; /* XXH3 of this head with this field 0 */
    uint64_t log_id;
    uint64_t seq;    /* everything up to here */
    uint64_t serial; /* where the log goes on: as in struct place */
    uint64_t offset;
    uint64_t chain;
    uint64_t made_ns;
    uint64_t file_bytes;
    uint64_t block_count;
    uint64_t record_count;
    uint64_t record_bytes;
    uint64_t state_hash; /* of all records: core/image.h */
};
_Static_assert(sizeof(struct snapshot_head) == 112, "no padding");

struct snapshot_block {
    uint64_t sum; /* XXH3 of all that follows, up to the last record */
    uint32_t bytes;
    uint32_t record_count;
};
_Static_assert(sizeof(struct snapshot_block) == 16, "no padding");
_Static_assert(sizeof(struct snapshot_block) + RECORD_BYTES_MAX <= SNAPSHOT_BLOCK_BYTES,
               "any record fits a block");

void snapshot_name(char out[SNAPSHOT_NAME_BYTES], uint64_t seq);
/* The sequences of the snapshots among `count` names (env_list), newest first; how many. */
uint32_t snapshot_list(const char *names, uint32_t count, uint64_t seqs[SNAPSHOTS_MAX]);

struct place snapshot_place(const struct snapshot_head *head);

/* ---- writing ----------------------------------------------------------------------------------- */

struct snapshot_writer {
    struct env *env;
    int32_t directory;
    int32_t file; /* -1: none is open */
    struct snapshot_head head;
    struct snapshot_block *block; /* SNAPSHOT_BLOCK_BYTES, aligned to BLOCK_BYTES */
};

/* All of these: 0, or a negative errno; then snapshot_abandon. `facts` says what the snapshot is of:
 * log_id to made_ns. */
int32_t snapshot_create(struct snapshot_writer *writer, struct env *env, int32_t directory,
                        void *block, const struct snapshot_head *facts) MUST_LOOK;
int32_t snapshot_add(struct snapshot_writer *writer, const struct record *record) MUST_LOOK;
/* Whole and synced, but without its name. */
int32_t snapshot_finish(struct snapshot_writer *writer) MUST_LOOK;
void snapshot_abandon(struct snapshot_writer *writer);
/* Gives it its name; for a snapshot that has been read again. */
int32_t snapshot_publish(struct env *env, int32_t directory, uint64_t seq) MUST_LOOK;

/* ---- reading ----------------------------------------------------------------------------------- */

enum { SNAPSHOT_AHEAD = 3 };

struct snapshot_reader {
    struct env *env;
    int32_t file; /* -1: none is open */
    struct snapshot_head head;
    struct snapshot_block *block; /* as above */
    uint64_t next_block;          /* counted in the order in which they are read */
    uint32_t runs;                /* that blocks are taken from by turns */
    uint8_t *first, *ahead;       /* where blocks are read into by turns; NULL: one at a time */
    uint64_t asked;               /* blocks whose read has been begun */
    uint32_t reading;             /* of them, under way */
    int32_t got[1 + SNAPSHOT_AHEAD];
    bool hashes;          /* set by who wants it: all records must come to the state hash as well */
    uint64_t record_hash; /* of those that have been read from the first on */
};

/* -EBADMSG: damaged; -EPROTO: of another SNAPSHOT_VERSION; -EXDEV: of another log. */
int32_t snapshot_open(struct snapshot_reader *reader, struct env *env, int32_t directory,
                      const char *name, uint64_t log_id, void *block) MUST_LOOK;
/* The next block, its records all valid; it lives until the next call. NULL: that was the last one,
 * or *error is negative. */
const struct snapshot_block *snapshot_next(struct snapshot_reader *reader, int32_t *error);
/* What a negative error says of a snapshot, behind its name. */
const char *snapshot_fault(int32_t error);
void snapshot_close(struct snapshot_reader *reader);

/* Reads all of it. 0: it is whole; or as above. The reader is closed, and has the head, if that was right, and
 * how far it came, `next_block`. */
int32_t snapshot_verify(struct snapshot_reader *reader, struct env *env, int32_t directory,
                        const char *name, uint64_t log_id, void *block) MUST_LOOK;

/* Before the first block: SNAPSHOT_AHEAD are read ahead, into `memory` of as many, aligned to
 * BLOCK_BYTES, and by turns from each of `runs` parts of the file, equally long, so that shards with a
 * run of slots each have their blocks at the same time. The actor must have nothing else in flight until
 * the reader is closed, and waits with snapshot_pause: for a doorbell, at most until env_clock reaches
 * `until_ns`. */
void snapshot_read_ahead(struct snapshot_reader *reader, void *memory, uint32_t runs);
void snapshot_pause(struct snapshot_reader *reader, uint64_t until_ns);

static inline const struct record *snapshot_records(const struct snapshot_block *block)
{
    return (const void *)(block + 1);
}

#endif
