/* tools/player.h - plays a trace, or one thread's share of it, at its servers.
 *
 * Open loop: each event has its intended time, t0 + its time in the trace / speed, and goes out then
 * whether or not earlier ones have been answered; the schedule is never moved. What belongs to one order
 * keeps its order: it waits for the answer to the event before it, and that wait counts as response time.
 * Orders are dealt to the threads in blocks, so a thread shares nothing with the others but the plan. */
#ifndef SPATE_TOOLS_PLAYER_H
#define SPATE_TOOLS_PLAYER_H

#include "tools/measure.h"
#include "tools/target.h"

#include <pthread.h>
#include <stdatomic.h>

enum order_fate {
    FATE_UNKNOWN, /* not sent, or never answered */
    FATE_CREATED,
    FATE_REFUSED, /* out of stock, over a limit */
    FATE_FAILED,  /* anything else: it should not happen */
};

/* What answers have said of an order: a fate in the lower bits, and moves. */
enum { FATE_BITS = 3, FATE_CANCELLED = 4, FATE_PAID = 8, FATE_SHIPPED = 16 };

/* By pass * orders + the order's number in the trace. */
struct fates {
    uint64_t per_pass;
    uint64_t count;
    uint8_t *fate;
    uint8_t *open; /* requests without an answer, and OPEN_AWAITED */
};

struct plan {
    struct trace trace;
    struct target_options target;
    const struct trace_event *first; /* NULL: nothing to send */
    uint64_t from_ns;                /* in the trace: what is before is left out, */
    uint64_t to_ns;                  /* and what is at or behind this */
    uint64_t first_pass;             /* order ids are those of this pass and the following */
    uint64_t passes;
    uint64_t pass_ns; /* from the beginning of one to that of the next, in the trace */
    double ns_per_trace_ns;
    bool max; /* no schedule: as fast as the servers take it */
    bool dry; /* nothing is sent: every answer is made up */
    uint32_t threads;
    uint64_t give_up_ns; /* how long an answer may take */
    uint64_t t0_ns;
    uint32_t *numbers;
    struct fates fates;
    atomic_int *stop; /* 1: send no more, 2: and wait for no answers */
};

/* Published by a player now and then, for whoever shows how it goes. */
struct progress {
    uint64_t offered, answered, sold_out;
    uint64_t by_kind[TRACE_KINDS]; /* answered */
    uint64_t pass;
    uint64_t at_ns;                    /* in the trace */
    uint32_t response[COARSE_BUCKETS]; /* since the last time that somebody looked */
};

struct player {
    const struct plan *plan;
    uint32_t index;
    struct target *target;
    struct measures measures;

    /* the next event that is not sent */
    const struct trace_event *event;
    uint64_t pass;

    struct retry *retries; /* in order of their due times: each waits equally long */
    uint64_t retry_first, retry_last;
    struct waiter *waiters; /* events that wait for an earlier one of their order */
    uint32_t *waiter_heads;
    uint32_t waiter_free;
    uint32_t waiting;

    uint64_t open;    /* sent or to be sent again, without a final answer */
    uint64_t retried; /* after `busy` */
    uint64_t moot;    /* not sent: what they are about was refused */
    uint64_t unresolved;
    uint64_t requests_hash; /* the sum over all that was offered: independent of their order */
    uint64_t lines;
    uint32_t *asked;  /* lines, by SKU */
    uint64_t last_ns; /* of the last answer */
    uint64_t cpu_ns;
    bool refused;

    pthread_mutex_t lock; /* of progress */
    struct progress progress;
    struct progress unpublished;
    uint64_t publish_ns;
};

/* False: no memory, or an address that cannot be read (errno). */
bool player_init(struct player *player, const struct plan *plan, uint32_t index);
void player_deinit(struct player *player);

/* Sets up the stock that stands at the beginning of the trace; by one player, before any plays. False:
 * `message` says why not. */
bool player_set_up(struct player *player, char message[256]);
/* Plays its share of the plan to the end. */
void player_play(struct player *player);
/* What has happened up to now; the response times since the last call. By another thread. */
void player_look(struct player *player, struct progress *out);

#endif
