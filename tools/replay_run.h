/* tools/replay_run.h - one run of a trace against its servers, from the wishes to the report.
 *
 * Made once for a trace; it may be played several times, each with other order ids (`first_pass`) and at
 * another speed. */
#ifndef SPATE_TOOLS_REPLAY_RUN_H
#define SPATE_TOOLS_REPLAY_RUN_H

#include "tools/observe.h"
#include "tools/report.h"

enum { THREADS_MAX = 64 };

struct wishes {
    struct target_options target;
    uint64_t connections;
    uint64_t threads;
    uint64_t in_flight;
    uint64_t lag_ns_max;
    uint64_t give_up_ns;
    uint64_t rate;
    uint64_t loops;
    uint64_t each_ns;
    double speed;
    const char *speed_text;
    const char *window;
    const char *admin; /* NULL: the server's metrics are not looked at */
    const char *json;
    const char *html;
    const char *hgrm;
    const char *slo_text;
    struct slo slo;
    bool max;
    bool dry;
    bool no_audit;
};

struct run {
    const struct wishes *wishes;
    struct plan plan;
    struct player *players;
    uint32_t player_count;
    struct machine machine;
    struct observe *observe; /* NULL: not looked at, or it could not be */
    char began[40];
    char command[1024];
};

/* Says on stderr what cannot be and why; 1, a program's exit code. */
int run_complain(const char *what, const char *why);
/* -1, or the exit code: the trace cannot be read, the window has nothing in it, no memory. */
int run_open(struct run *run, const char *path);
void run_close(struct run *run);

/* Sets up the stock and plays. False: it could not be done, and that has been said. */
bool run_play(struct run *run);
/* Gathers what the players have seen; after run_play. */
void run_gather(struct run *run, struct report *report);
/* The verdict and its reason, from what was gathered. */
void run_judge(const struct run *run, struct report *report);
/* Ends the players; run_play may follow again. */
void run_end(struct run *run);
/* Whether somebody wants it to stop. */
bool run_is_stopped(void);
/* Ctrl-C ends what is played: once, to wait for its answers; twice, at once. */
void run_take_interrupts(void);

/* Finds the highest speed that keeps what is promised, and reports on it; the exit code. */
int replay_search(struct run *run, const char *path);

#endif
