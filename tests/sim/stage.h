/* tests/sim/stage.h - the whole server on a simulated machine: one life after the other, each with
 * another number of shards, until somebody ends it or something ends it.
 *
 * Whoever drives it is an actor of the world. What must hold whatever is asked of the server is seen to
 * here: a start refuses only where a fault explains it, nothing ends by itself, a clean stop comes to
 * its end; and where there is an archive, it and the log have every group that there ever was. */
#ifndef SPATE_TESTS_SIM_STAGE_H
#define SPATE_TESTS_SIM_STAGE_H

#include "io/server.h"
#include "tests/sim/intruder.h"
#include "tests/sim/run.h"

#define STAGE_BINARY  "10.1.1.1:7001"
#define STAGE_HTTP    "10.1.1.1:7002"
#define STAGE_ARCHIVE "/archive"

enum { STAGE_STACK_BYTES = 1 << 20, STAGE_SHARDS_MAX = 4, CREDITS_MIN = 8 /* a client's batch */ };

struct seat {
    struct stage *stage;
    struct env *env;
    uint32_t number;
    int exit_code;
    bool has_ended;
};

struct stage {
    struct run *run;
    struct actor *driver;
    struct process *process;
    struct server_options options;
    struct server *server;
    void *memory;
    size_t memory_bytes;
    bool close_ended;
    struct seat seats[STAGE_SHARDS_MAX + 2];
    uint32_t seat_count;
    bool rotten;           /* a bit has flipped since the last life */
    bool is_clean;         /* which came to its end */
    bool has_small_tables; /* in some lives */
    bool is_small;         /* so has this one */
    uint32_t rot_one_in;   /* starts */
    bool has_archive;
    bool guests_end; /* whoever uses the server shall leave */
    struct intruder intruder;
    bool has_intruder;
};

/* Draws options, faults and the number of lives. */
void stage_open(struct stage *stage, struct run *run);

/* By the driver. True: it serves, until stage_live or stage_stop; false: it was killed, or refused to
 * start, which a calm one does only for rot. */
bool stage_begin(struct stage *stage, bool calm);
/* Until it serves, and calmly. */
void stage_begin_calmly(struct stage *stage);
/* Serves for a while, and dies. */
void stage_live(struct stage *stage);
/* Ends it cleanly; the hash of its state. */
uint64_t stage_stop(struct stage *stage);

/* By the driver: all faults, as many lives as are drawn, and then a calm one, which serves. */
void stage_live_through(struct stage *stage, uint64_t lives);

/* By the driver: sleeps until `over`, or fails with those words if that takes too long. Whoever changes
 * what it looks at wakes the driver. */
void stage_await(struct stage *stage, bool (*over)(const void *who), const void *who,
                 const char *failure);

#endif
