#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define FIBERS_ARE_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBERS_ARE_WATCHED 1
#endif
#endif
#ifdef FIBERS_ARE_WATCHED
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, bytes)  (void)(save)
#define __sanitizer_finish_switch_fiber(save, bottom, bytes) (void)(save)
#endif

struct happening {
    uint64_t at_ns;
    uint64_t tie;
    uint64_t number;
    void (*run)(struct world *world, void *who, uint64_t what);
    void *who;
    uint64_t what;
};

enum actor_state { ACTOR_SLEEPS, ACTOR_RUNS, ACTOR_ENDED, ACTOR_KILLED };

struct actor {
    struct world *world;
    struct actor *next; /* of all that were ever spawned */
    void (*run)(void *argument);
    void *argument;
    enum actor_state state;
    uint64_t sleeps;  /* how often it has slept: a wake-up for an earlier sleep is void */
    uint64_t wake_ns; /* the earliest wake-up that is under way for this sleep */
    ucontext_t place;
    uint8_t *stack; /* its lowest page may not be touched */
    size_t stack_bytes;
    void *fake_stack;
};

enum { GUARD_BYTES = 4096 };

struct world {
    uint64_t now_ns;
    uint64_t number;
    uint64_t happenings;
    struct happening *heap;
    size_t heap_count;
    size_t heap_capacity;
    struct stream streams[STREAMS];
    struct world_knobs knobs;
    struct actor *running;
    struct actor *actors;
    ucontext_t between; /* actors */
    void *between_fake_stack;
    const void *between_bottom;
    size_t between_bytes;
    bool stopped;
    uint64_t trace;
    FILE *talk;
};

struct world *world_open(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    for (uint32_t i = 0; i < STREAMS; i++)
        world->streams[i] = stream_of(seed, (enum stream_name)i);
    world->now_ns = SECOND_NS;
    return world;
}

void world_close(struct world *world)
{
    for (struct actor *actor = world->actors, *next; actor != NULL; actor = next) {
        next = actor->next;
        free(actor);
    }
    free(world->heap);
    free(world);
}

struct stream *world_stream(struct world *world, enum stream_name name)
{
    return &world->streams[name];
}

struct world_knobs *world_knobs(struct world *world)
{
    return &world->knobs;
}

uint64_t world_now(const struct world *world)
{
    return world->now_ns;
}

/* --- the heap --- */

static bool before(const struct happening *a, const struct happening *b)
{
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns;
    if (a->tie != b->tie)
        return a->tie < b->tie;
    return a->number < b->number;
}

static void heap_push(struct world *world, struct happening new)
{
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity * 2 + 64;
        world->heap = realloc(world->heap, world->heap_capacity * sizeof *world->heap);
        CHECK(world->heap != NULL);
    }
    size_t at = world->heap_count++;
    for (; at > 0 && before(&new, &world->heap[(at - 1) / 2]); at = (at - 1) / 2)
        world->heap[at] = world->heap[(at - 1) / 2];
    world->heap[at] = new;
}

static struct happening heap_pop(struct world *world)
{
    struct happening first = world->heap[0];
    struct happening last = world->heap[--world->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < world->heap_count; child = at * 2 + 1) {
        if (child + 1 < world->heap_count && before(&world->heap[child + 1], &world->heap[child]))
            child++;
        if (!before(&world->heap[child], &last))
            break;
        world->heap[at] = world->heap[child];
        at = child;
    }
    world->heap[at] = last;
    return first;
}

void world_at(struct world *world, uint64_t at_ns,
              void (*run)(struct world *world, void *who, uint64_t what), void *who, uint64_t what)
{
    uint64_t tie = stream_next(&world->streams[STREAM_SCHEDULE]);
    heap_push(world, (struct happening){.at_ns = at_ns < world->now_ns ? world->now_ns : at_ns,
                                        .tie = world->knobs.shuffle_ties ? tie : 0,
                                        .number = world->number++,
                                        .run = run,
                                        .who = who,
                                        .what = what});
}

void world_run(struct world *world, uint64_t until_ns)
{
    CHECK(world->running == NULL);
    world->stopped = false;
    while (!world->stopped && world->heap_count != 0 && world->heap[0].at_ns <= until_ns) {
        struct happening next = heap_pop(world);
        world->now_ns = next.at_ns;
        CHECK(world->happenings++ < HAPPENINGS_MAX);
        next.run(world, next.who, next.what);
    }
}

void world_stop(struct world *world)
{
    world->stopped = true;
}

/* --- actors --- */

static void actor_begin(unsigned high, unsigned low)
{
    struct actor *actor = (void *)((uintptr_t)high << 32 | low);
    struct world *world = actor->world;
    __sanitizer_finish_switch_fiber(NULL, &world->between_bottom, &world->between_bytes);
    actor->run(actor->argument);
    actor->state = ACTOR_ENDED;
    __sanitizer_start_switch_fiber(NULL, world->between_bottom, world->between_bytes);
    setcontext(&world->between);
}

static void actor_go_on(struct world *world, void *who, uint64_t sleep)
{
    struct actor *actor = who;
    if (actor->state != ACTOR_SLEEPS || actor->sleeps != sleep)
        return;
    actor->state = ACTOR_RUNS;
    world->running = actor;
    __sanitizer_start_switch_fiber(&world->between_fake_stack, actor->stack + GUARD_BYTES,
                                   actor->stack_bytes);
    swapcontext(&world->between, &actor->place);
    __sanitizer_finish_switch_fiber(world->between_fake_stack, NULL, NULL);
    world->running = NULL;
}

struct actor *world_spawn(struct world *world, size_t stack_bytes, void (*run)(void *argument),
                          void *argument)
{
    struct actor *actor = calloc(1, sizeof *actor);
    CHECK(actor != NULL);
    *actor = (struct actor){.world = world,
                            .next = world->actors,
                            .run = run,
                            .argument = argument,
                            .stack_bytes = stack_bytes};
    world->actors = actor;
    actor->stack = mmap(NULL, stack_bytes + GUARD_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(actor->stack != MAP_FAILED);
    CHECK(mprotect(actor->stack, GUARD_BYTES, PROT_NONE) == 0);
    CHECK(getcontext(&actor->place) == 0);
    actor->place.uc_stack.ss_sp = actor->stack + GUARD_BYTES;
    actor->place.uc_stack.ss_size = stack_bytes;
    makecontext(&actor->place, (void (*)(void))actor_begin, 2, (unsigned)((uintptr_t)actor >> 32),
                (unsigned)(uintptr_t)actor);
    world_at(world, world->now_ns, actor_go_on, actor, actor->sleeps);
    return actor;
}

struct actor *world_actor(const struct world *world)
{
    return world->running;
}

bool actor_ended(const struct actor *actor)
{
    return actor->state == ACTOR_ENDED;
}

void world_sleep(struct world *world, uint64_t until_ns)
{
    struct actor *actor = world->running;
    CHECK(actor != NULL);
    actor->state = ACTOR_SLEEPS;
    actor->sleeps++;
    actor->wake_ns = until_ns;
    if (until_ns != UINT64_MAX)
        world_at(world, until_ns, actor_go_on, actor, actor->sleeps);
    __sanitizer_start_switch_fiber(&actor->fake_stack, world->between_bottom, world->between_bytes);
    swapcontext(&actor->place, &world->between);
    __sanitizer_finish_switch_fiber(actor->fake_stack, &world->between_bottom,
                                    &world->between_bytes);
}

void world_wake(struct world *world, struct actor *actor, uint64_t delay_ns)
{
    uint64_t at_ns = world->now_ns + delay_ns;
    if (actor->state != ACTOR_SLEEPS || at_ns >= actor->wake_ns)
        return;
    actor->wake_ns = at_ns;
    world_at(world, at_ns, actor_go_on, actor, actor->sleeps);
}

void world_kill(struct world *world, struct actor *actor)
{
    CHECK(actor != world->running);
    if (actor->state != ACTOR_ENDED)
        actor->state = ACTOR_KILLED;
}

/* The actor itself stays: wake-ups for it may still be in the heap. */
void world_bury(struct world *world, struct actor *actor)
{
    CHECK(actor != world->running && actor->state >= ACTOR_ENDED);
    if (actor->stack != NULL)
        munmap(actor->stack, actor->stack_bytes + GUARD_BYTES);
    actor->stack = NULL;
}

/* --- the trace --- */

void world_trace(struct world *world, uint64_t value)
{
    world->trace = (world->trace ^ value) * 0x9fb21c651e98df25u;
    world->trace ^= world->trace >> 29;
}

void world_trace_bytes(struct world *world, const void *at, size_t bytes)
{
    world_trace(world, XXH3_64bits(at, bytes));
}

uint64_t world_trace_hash(const struct world *world)
{
    return world->trace;
}

uint64_t world_happenings(const struct world *world)
{
    return world->happenings;
}

void world_talk(struct world *world, FILE *to)
{
    world->talk = to;
}

void world_say(struct world *world, const char *format, ...)
{
    if (world->talk == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    fprintf(world->talk, "%12.6f ms  ", (double)world->now_ns / 1e6);
    vfprintf(world->talk, format, arguments);
    fputc('\n', world->talk);
    va_end(arguments);
}
