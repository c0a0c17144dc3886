/* tools/steward.h - the thread that serves nobody: writes what the others say, takes the signals, reads
 * the configuration again, and keeps systemd informed. It may wait for a slow disk or terminal; the
 * shards never wait for it. */
#ifndef SPATE_TOOLS_STEWARD_H
#define SPATE_TOOLS_STEWARD_H

#include <pthread.h>

#include "tools/lines_writer.h"
#include "tools/serve_options.h"

struct steward {
    pthread_t thread;
    struct lines lines;
    struct lines_writer writer;
    struct serve_options options; /* as they hold */
    int argc;
    char **argv;
    int signals; /* a signalfd */
    struct server *server;
    struct atomic64 ended;
    bool ready; /* recovered, and listening */
    bool stopping;
    struct callers callers[2];
    struct serve_rules rules;
    uint32_t callers_used;
    uint64_t callers_turns[SHARDS_MAX]; /* when they last changed */
    uint64_t beats[SHARDS_MAX];
    uint64_t beat_ns; /* how often systemd wants to hear of us; 0: never */
    uint64_t beat_next_ns;
    bool hung;
};

/* Blocks the signals it takes, for this thread and all that it starts from here on. The steward is zeroed
 * but for options, argc, argv, and callers[0] if there are any. False: no thread, or no descriptor. */
bool steward_start(struct steward *steward, struct server *server) MUST_LOOK;

/* For the thread that started it, as the actor behind the shards: a line, also before the start. */
void steward_say(struct steward *steward, enum env_level level, const char *line);

/* Everything that was said is written; the server is not touched again. */
void steward_end(struct steward *steward);

#endif
