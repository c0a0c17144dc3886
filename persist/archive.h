/* persist/archive.h - segments that nobody needs any more: a copy goes to the archive, if there is one,
 * and the file is used again.
 *
 *   log-N.seg ─copy─▶ archiving.tmp ─▶ synced ─▶ read again to the last byte ─▶ its name there
 *             ─rename─▶ spare-M.seg, or gone if there are enough of them
 *
 * Copied and not renamed, because an archive is often another file system. What has a name in the archive
 * is whole; interrupted anywhere, a segment is still here, and is put away another time. What another log
 * has put there is never written over.
 *
 * For an actor that has nothing else under way; a step copies or compares half a MiB. */
#ifndef SPATE_PERSIST_ARCHIVE_H
#define SPATE_PERSIST_ARCHIVE_H

#include "persist/segment.h"

#define ARCHIVE_MAKING "archiving.tmp"

enum { ARCHIVE_STEP_BYTES = 512 << 10, ARCHIVE_MEMORY_BYTES = 2 * ARCHIVE_STEP_BYTES };

struct archive_options {
    int32_t directory;
    int32_t archive;     /* -1: none */
    uint64_t end_serial; /* what is before it goes */
    const char *names; /* of all files of the directory, as env_list gives them, for as long as this
                             goes on */
    uint32_t name_count;
    uint8_t *memory; /* ARCHIVE_MEMORY_BYTES, aligned to BLOCK_BYTES */
};

struct archive {
    struct archive_options options;
    struct env *env;
    const char *next;
    uint32_t left;
    uint32_t spare; /* those below are taken */
    const char *name;
    int32_t from, to; /* -1: not open */
    uint64_t offset;
    bool compares; /* what has been copied */
};

/* The directory, or a negative errno; -ENOTEMPTY: it is itself a data directory. */
int32_t archive_open(struct env *env, const char *path) MUST_LOOK;

void archive_begin(struct archive *archive, struct env *env, const struct archive_options *options);

/* 1: there is more to do; 0: that was all; or a negative errno, and `name` is the segment that cannot be
 * put away (-EEXIST: another log has put one of that name there): then archive_end. */
int32_t archive_step(struct archive *archive) MUST_LOOK;

/* Nothing stays open. */
void archive_end(struct archive *archive);

#endif
