/* tests/sim/world.h - time and turns of a simulated world: one heap of what is going to happen, and
 * actors on stacks of their own.
 *
 * What happens is ordered by (time, random tie, number). Nothing runs beside anything else: an actor
 * runs until it sleeps, in no time at all. The same seed gives the same run, in every build: no
 * address and no real time enters. */
#ifndef SPATE_TESTS_SIM_WORLD_H
#define SPATE_TESTS_SIM_WORLD_H

#include <stddef.h>
#include <stdio.h>

#include "tests/sim/stream.h"

struct world;
struct actor;

enum { SECOND_NS = 1000000000, MILLISECOND_NS = 1000000, MICROSECOND_NS = 1000 };

/* How a run's schedule behaves; drawn from the swarm's stream. */
struct world_knobs {
    bool shuffle_ties;
    uint32_t switch_one_in; /* at a call of env; 0: never */
    uint64_t switch_ns_max; /* how long the actor is kept from running then */
    uint32_t pause_one_in;  /* much longer */
    uint64_t pause_ns_max;
};

struct world *world_open(uint64_t seed);
void world_close(struct world *world);

struct stream *world_stream(struct world *world, enum stream_name name);
struct world_knobs *world_knobs(struct world *world);
uint64_t world_now(const struct world *world);

/* Calls `run` at that time. Nothing can be called back: who no longer wants it looks for itself. */
void world_at(struct world *world, uint64_t at_ns,
              void (*run)(struct world *world, void *who, uint64_t what), void *who, uint64_t what);

/* Runs until nothing is left, world_stop was called or time is at `until_ns`; a world in which more than
 * HAPPENINGS_MAX things happen gets nowhere, which is a broken CHECK. */
enum { HAPPENINGS_MAX = 20000000 };
void world_run(struct world *world, uint64_t until_ns);
void world_stop(struct world *world);

/* A new actor, which begins at once but not before this call returns. Its memory belongs to the
 * world. */
struct actor *world_spawn(struct world *world, size_t stack_bytes, void (*run)(void *argument),
                          void *argument);
/* The actor that calls; NULL between them. */
struct actor *world_actor(const struct world *world);
bool actor_ended(const struct actor *actor);

/* By an actor: lets the others run until that time, or until it is woken. */
void world_sleep(struct world *world, uint64_t until_ns);
/* No effect if it does not sleep by then. */
void world_wake(struct world *world, struct actor *actor, uint64_t delay_ns);
/* It never runs again; what is on its stack is forgotten. Not by itself. */
void world_kill(struct world *world, struct actor *actor);
/* Gives back stacks of actors that have ended or were killed; their pointers are then void. */
void world_bury(struct world *world, struct actor *actor);

/* What distinguishes two runs goes into the trace's hash. */
void world_trace(struct world *world, uint64_t value);
void world_trace_bytes(struct world *world, const void *at, size_t bytes);
uint64_t world_trace_hash(const struct world *world);
uint64_t world_happenings(const struct world *world);

/* A line about what happens, if somebody is to read it: world_talk(world, stderr). */
void world_talk(struct world *world, FILE *to);
void world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
