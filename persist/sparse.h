/* persist/sparse.h - where in the log's segments and its archive a sequence stands: a sparse index of
 * each segment.
 *
 * A segment is cut into strides. The entry of a stride names the first write that begins in it, or
 * behind it, by the sequence of its first group. Entries are read from the segments when they are
 * wanted and then kept, since what is written never changes; so a group is found by a few short reads,
 * and by one in a neighbourhood that is known. Memory is fixed: an entry gives way to another one.
 *
 * Where two segments have a sequence, a start has copied the later one from the earlier, and the later
 * is taken. Only sequences at or below the watermark may be asked for.
 *
 * For an actor that has nothing else under way: it reads while it is called. */
#ifndef SPATE_PERSIST_SPARSE_H
#define SPATE_PERSIST_SPARSE_H

#include "persist/env.h"
#include "persist/group.h"

enum {
    SPARSE_STRIDE_BYTES = 256 << 10,
    SPARSE_ENTRIES = 16384,    /* of 4 GiB of log */
    SPARSE_SEGMENTS = 1 << 16, /* the oldest beyond that are not looked at */
    SPARSE_NAMES_BYTES = 4 << 20,
    /* A group's write begins in the stride, and may be as long as writes get. */
    SPARSE_WINDOW_BYTES = WRITE_BYTES_MAX + SPARSE_STRIDE_BYTES + BLOCK_BYTES,
};

struct sparse_place {
    uint64_t serial;
    int32_t directory;
};

struct sparse_entry {
    uint64_t serial; /* 0: none */
    uint64_t stride;
    uint64_t seq; /* of the group that stands at the offset */
    uint64_t offset;
};

struct sparse {
    int32_t directory;
    int32_t archive; /* -1: none */
    uint64_t log_id;
    struct env *env;
    struct sparse_place *places; /* by serial, ascending */
    uint32_t place_count;
    int32_t file; /* -1: none is open */
    struct sparse_place open;
    uint64_t file_bytes;
    struct sparse_entry *entries;
    char *names;
    uint8_t *window;
    uint64_t window_bytes; /* of it that have been read */
    uint64_t seed;         /* of the segment that it is of */
    uint64_t read_bytes;   /* ever, from files */
    int32_t error;         /* negative: reading has failed */
};

/* Memory aligned to 4096. */
enum {
    SPARSE_MEMORY_BYTES = SPARSE_WINDOW_BYTES + SPARSE_NAMES_BYTES +
                          SPARSE_ENTRIES * (int)sizeof(struct sparse_entry) +
                          SPARSE_SEGMENTS * (int)sizeof(struct sparse_place),
};
void sparse_init(struct sparse *sparse, void *zeroed_memory, int32_t directory, int32_t archive,
                 uint64_t log_id);

/* Before a row of questions: which segments there are. After it: no file stays open. */
void sparse_begin(struct sparse *sparse, struct env *env);
void sparse_end(struct sparse *sparse);

/* The group of that sequence, whole; NULL: it is not to be had. Groups are valid until the next call. */
const struct group_head *sparse_group(struct sparse *sparse, uint64_t seq);

/* The groups that were read to find that one: from the first of its stride on to the one before it.
 * `head` NULL: the first. NULL: that was the last one, or it is the group itself. */
const struct group_head *sparse_next(const struct sparse *sparse, const struct group_head *head);

#endif
