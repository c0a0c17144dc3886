/* tools/log_state.h - a data directory opened to be looked at, and its state slot by slot: what the
 * verbs of `spate log` have in common. */
#ifndef SPATE_TOOLS_LOG_STATE_H
#define SPATE_TOOLS_LOG_STATE_H

#include "io/env_uring.h"
#include "persist/fold.h"
#include "persist/start.h"
#include "tools/log_progress.h"

struct log_state {
    const char *command; /* of whom the lines on stderr are */
    const char *directory;
    struct env_world world;
    struct env *env;
    struct start start;
    struct start_report report; /* of reading all of the log that is kept */
    struct manifest manifest;
    uint64_t snapshots[SNAPSHOTS_MAX]; /* newest first */
    uint32_t snapshot_count;
    struct fold fold;
    int32_t lane_directory; /* 0: that of temporary files */
    void *memory;
    size_t memory_bytes;
    struct log_progress progress;
};

/* Says what is wrong; returns the exit code. */
int log_fail(const char *command, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Zeros that cost nothing before they are touched; NULL: there is no room for them, which has been said:
 * EXIT_OS. */
void *log_memory(const char *command, size_t bytes);
/* For a fold of that log, which gets its limits: a slot may be as large as there is room for. */
void *log_fold_memory(const char *command, struct fold_options *options, size_t *bytes);

/* Makes an empty directory, or takes one that is, and opens it; 0, or the exit code after saying why: also
 * if it lies in `source`. */
int log_make_empty(const char *command, const char *path, int32_t source, int32_t *file) MUST_LOOK;
/* Whoever fails leaves nothing half done in it. */
void log_make_empty_again(int32_t directory);

/* Reads the whole log and shows every group to the visitor (NULL: nobody looks). 0, or the exit code
 * after saying why. */
int log_state_open(struct log_state *state, const char *command, const char *directory,
                   struct start_visitor *visitor) MUST_LOOK;
void log_state_close(struct log_state *state);

/* Nobody else may have the directory from now on; 0, or the exit code after saying why. */
int log_state_lock(struct log_state *state) MUST_LOOK;

/* Whether there is a snapshot that the log goes on from, if it does not begin with the first order; 0, or
 * the exit code after saying so. */
int log_reaches(const struct log_state *state) MUST_LOOK;

/* The same; then reads every byte of every snapshot, and says which are whole; the exit code. */
int log_verify_snapshots(struct log_state *state, bool loud);

/* Begins the fold of all there is, from a snapshot or (0) from the log alone: 0, or the exit code after
 * saying why. log_state_next goes on to the next slot: its shard, or NULL at the end, or when *exit_code is
 * not 0. Nothing in the directory is touched. */
int log_state_begin(struct log_state *state, uint64_t snapshot) MUST_LOOK;
struct shard *log_state_next(struct log_state *state, int *exit_code);

#endif
