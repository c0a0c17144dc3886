/* persist/start.h - from a data directory to a state that can be served, or a refusal that says
 * why.
 *
 * The order of the steps is what makes it safe to be interrupted anywhere and run again;
 * persist/start.c numbers them. */
#ifndef SPATE_PERSIST_START_H
#define SPATE_PERSIST_START_H

#include "core/event.h"
#include "persist/group.h"
#include "persist/log.h"
#include "persist/snapshot.h"

/* Exit codes of the program, as sysexits has them. */
enum {
    EXIT_USAGE_ERROR = 2,
    EXIT_DAMAGED = 65,
    EXIT_UNAVAILABLE = 69,
    EXIT_OS = 71,
    EXIT_CANNOT_CREATE = 73,
    EXIT_IO = 74,
    EXIT_PERMISSION = 77
};

struct start_options {
    const char *directory;
    uint64_t segment_bytes;
    uint32_t write_bytes_max;
    enum log_sync sync;
    uint32_t image_runs; /* as in snapshot_read_ahead; 0: the snapshot is read from front to back */
    uint64_t process;    /* its id, for whoever finds the directory locked */
    bool read_only;      /* look, change nothing: for `spate log` */
    const bool *bug;     /* planted, by enum bug; tests only; NULL: none */
};

/* What a start found; `message` is one line: what is wrong, where, and what to do. */
struct start_report {
    int exit_code; /* 0, or how the process should end */
    char message[512];
    uint64_t groups;
    uint64_t events;
    uint64_t bytes;
    uint64_t torn_bytes; /* of a tail that was never acknowledged */
    uint64_t witness;    /* the highest sequence that something says was acknowledged */
    uint64_t snapshot;   /* the sequence that the state was loaded from; 0: from the log alone */
    uint64_t records;    /* in it */
};

enum start_visit {
    START_TAKEN,
    START_LATER, /* there is no room for it now: the same group again, after a doorbell or a moment */
    START_STOP, /* a table is too small */
};

enum start_image {
    START_IMAGE_BLOCK,
    START_IMAGE_END,    /* that was the last one; now come the groups */
    START_IMAGE_FORGET, /* the snapshot has turned out to be damaged: forget all of it */
};

/* on_image is called for every block of the snapshot, if there is one; without it the log is read from
 * its beginning. on_group for every group behind it that is alive, in commit order, when its events
 * have been found valid. What is shown is gone when these return; a visitor must not use the env. */
struct start_visitor {
    enum start_visit (*on_image)(struct start_visitor *visitor, enum start_image what,
                                 const struct snapshot_block *block);
    enum start_visit (*on_group)(struct start_visitor *visitor, const struct group_head *head);
};

/* A directory opened, locked and read. */
struct start {
    struct log_begin begin;
    int32_t directory;
    int32_t lock;
};

/* Steps 1 to 6: groups are handed to the visitor as they are read; what it has been given stands only
 * if the start succeeds. On failure report says why, and nothing is left open but what env keeps: the
 * lock is env_keep'ed here, and wants to be by every other actor that writes. `scratch` is at least
 * start_scratch_bytes(options), aligned to 4096; it is free again afterwards. */
size_t start_scratch_bytes(const struct start_options *options);
bool start_open(struct start *start, struct env *env, const struct start_options *options,
                void *scratch, struct start_visitor *visitor,
                struct start_report *report) MUST_LOOK;

#endif
