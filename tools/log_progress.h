/* tools/log_progress.h - how far a verb of `spate log` is, about once a second: on a terminal one line
 * over itself, at once and gone at the end; line by line in a pipe, and nothing of what is soon over. */
#ifndef SPATE_TOOLS_LOG_PROGRESS_H
#define SPATE_TOOLS_LOG_PROGRESS_H

#include "persist/fold.h"

struct log_progress {
    const char *command; /* of whom the lines are */
    int file;            /* where they go */
    const char *what;    /* is being done; NULL: nothing yet */
    uint64_t first;      /* of it, when that began */
    uint64_t began_ns;
    uint64_t said_ns;
    bool shown; /* a line stands on the terminal */
};

/* `done` of `all` of what is being done; when that is something else than before, its rate and the time
 * that is left are counted anew. Less than `done`, and `all` is not known. `what` stays valid until the
 * next call. */
void log_progress_say(struct log_progress *progress, uint64_t now_ns, const char *what,
                      uint64_t done, uint64_t all);
/* The same of a fold, whose log ends before `end_seq`. */
void log_progress_fold(struct log_progress *progress, const struct fold *fold, uint64_t end_seq);
/* Before anything else is said: nothing of it stands on the terminal any more. */
void log_progress_end(struct log_progress *progress);

#endif
