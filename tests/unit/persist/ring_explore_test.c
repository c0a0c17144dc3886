/* The log's ring, role and watermark under every interleaving of a few shards with a few groups, up to
 * a bound of preemptions. Shards are stacks; at each atomic operation the explorer chooses who goes on,
 * and whether a store stays in its processor's store buffer until the next fence, as on x86. Depth
 * first over all choices: a run is the list of its choices, so what fails can be run again. */
#define SPATE_EXPLORE
#include "persist/log.c" /* the very code, over the explorer's atomics */

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

enum {
    SHARDS = 3,
    ACTORS = SHARDS + 1, /* and the helper */
    STACK_BYTES = 64 << 10,
    CHOICES_MAX = 4096,
    BUFFERED_MAX = 64,
    PENDING_MAX = 4,
    WRITES_MAX = 64,
    EVENTS_BYTES = 64,
};

struct env {
    uint32_t actor;
};

struct actor {
    struct env env;
    ucontext_t context;
    uint8_t *stack;
    bool done;
    bool blocked; /* until a bell or a completion */
    bool bell;
    struct {
        struct atomic64 *cell;
        uint64_t value;
    } buffered[BUFFERED_MAX];
    uint32_t buffered_count;
    uint32_t pending[PENDING_MAX]; /* writes that it has submitted */
    uint32_t pending_count;
};

struct submitted {
    uint64_t user;
    uint64_t last_seq;
    const uint8_t *data;
    uint32_t bytes;
    uint64_t sum;
    int32_t file;
    uint64_t offset;
    bool finished;
};

struct plan {
    uint32_t shards;
    uint32_t groups; /* of each shard */
    uint32_t bound;
    uint32_t segments_at_first;
    uint32_t segments_later; /* handed over by the helper */
    uint64_t segment_bytes;
};

static struct explorer {
    const struct plan *plan;
    struct log *log;
    uint8_t *memory;
    struct actor actors[ACTORS];
    ucontext_t main;
    uint32_t current;
    struct submitted writes[WRITES_MAX];
    uint32_t write_count;
    uint64_t next_seq; /* that a write must begin with */
    uint32_t preemptions;
    struct {
        uint16_t taken;
        uint16_t of;
    } choices[CHOICES_MAX];
    uint32_t choice_count;
    uint32_t replayed; /* choices that are given */
    const char *failure;
} x;

static void fail_run(const char *why)
{
    if (x.failure == NULL)
        x.failure = why;
}

static uint32_t choose(uint32_t of)
{
    if (of == 1 || x.failure != NULL)
        return 0;
    assert_true(x.choice_count < CHOICES_MAX);
    uint32_t at = x.choice_count++;
    if (at >= x.replayed)
        x.choices[at].taken = 0;
    x.choices[at].of = (uint16_t)of;
    return x.choices[at].taken;
}

/* ---- who goes on ----------------------------------------------------------------------------------- */

static bool runnable(const struct actor *actor)
{
    return !actor->done && (!actor->blocked || actor->bell || actor->pending_count > 0);
}

static void switch_to(uint32_t next)
{
    uint32_t from = x.current;
    if (next == from)
        return;
    x.current = next;
    swapcontext(&x.actors[from].context, &x.actors[next].context);
}

static void flush(struct actor *actor)
{
    for (uint32_t i = 0; i < actor->buffered_count; i++)
        actor->buffered[i].cell->value = actor->buffered[i].value;
    actor->buffered_count = 0;
}

/* Nothing may be acknowledged that a write before it could still lose. */
static void check_watermark(void)
{
    uint64_t durable = 0;
    for (uint32_t i = 0; i < x.write_count && x.writes[i].finished; i++)
        durable = x.writes[i].last_seq;
    if (x.log->watermark.value > durable)
        fail_run("the watermark has passed a write that has not finished");
}

static void point(void)
{
    check_watermark();
    if (x.preemptions == x.plan->bound)
        return;
    uint32_t others[ACTORS], count = 0;
    for (uint32_t i = 0; i < ACTORS; i++)
        if (i != x.current && runnable(&x.actors[i]))
            others[count++] = i;
    uint32_t choice = choose(1 + count);
    if (choice == 0)
        return;
    x.preemptions++;
    switch_to(others[choice - 1]);
}

/* Gives way for good: until a bell or a completion, or for ever. */
static void give_way(void)
{
    uint32_t others[ACTORS], count = 0;
    flush(&x.actors[x.current]);
    for (uint32_t i = 0; i < ACTORS; i++)
        if (runnable(&x.actors[i]))
            others[count++] = i;
    if (count == 0)
        swapcontext(&x.actors[x.current].context, &x.main);
    else
        switch_to(others[choose(count)]);
}

/* ---- atomics ----------------------------------------------------------------------------------------- */

uint64_t atomic_load(const struct atomic64 *cell)
{
    point();
    const struct actor *actor = &x.actors[x.current];
    for (uint32_t i = actor->buffered_count; i > 0; i--)
        if (actor->buffered[i - 1].cell == cell)
            return actor->buffered[i - 1].value;
    return cell->value;
}

void atomic_store(struct atomic64 *cell, uint64_t value)
{
    point();
    struct actor *actor = &x.actors[x.current];
    bool delay = actor->buffered_count > 0;
    if (!delay && x.preemptions < x.plan->bound && choose(2) == 1) {
        x.preemptions++;
        delay = true;
    }
    if (!delay) {
        cell->value = value;
        return;
    }
    assert_true(actor->buffered_count < BUFFERED_MAX);
    actor->buffered[actor->buffered_count].cell = cell;
    actor->buffered[actor->buffered_count++].value = value;
}

static uint64_t *locked(struct atomic64 *cell)
{
    point();
    flush(&x.actors[x.current]);
    return &cell->value;
}

uint64_t atomic_add(struct atomic64 *cell, uint64_t value)
{
    bool counts = cell >= x.log->counts && cell < x.log->counts + 7;
    uint64_t *at = counts ? &cell->value : locked(cell);
    uint64_t before = *at;
    *at += value;
    return before;
}

uint64_t atomic_or(struct atomic64 *cell, uint64_t bits)
{
    uint64_t *at = locked(cell), before = *at;
    *at |= bits;
    return before;
}

uint64_t atomic_and(struct atomic64 *cell, uint64_t bits)
{
    uint64_t *at = locked(cell), before = *at;
    *at &= bits;
    return before;
}

bool atomic_swap_if(struct atomic64 *cell, uint64_t expected, uint64_t value)
{
    uint64_t *at = locked(cell);
    if (*at != expected)
        return false;
    *at = value;
    return true;
}

void atomic_fence(void)
{
    point();
    flush(&x.actors[x.current]);
}

/* ---- the world ----------------------------------------------------------------------------------------- */

static uint64_t sum_of(const uint8_t *data, uint32_t bytes)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        sum = sum * 31 + word;
    }
    return sum;
}

static uint64_t last_group(const uint8_t *data, uint32_t bytes)
{
    struct group_head head;
    for (uint32_t at = 0; at + sizeof head <= bytes;
         at += (uint32_t)sizeof head + head.event_bytes) {
        memcpy(&head, data + at, sizeof head);
        if (head.magic != GROUP_MAGIC || head.kind != GROUP_EVENTS)
            break;
        if (head.seq != x.next_seq++)
            fail_run("a group was lost or written twice");
    }
    return x.next_seq - 1;
}

void env_submit(struct env *env, const struct env_op *op)
{
    struct actor *actor = &x.actors[env->actor];
    assert_true(x.write_count < WRITES_MAX && actor->pending_count < PENDING_MAX);
    for (uint32_t i = 0; i < x.write_count; i++)
        if (x.writes[i].file == op->file && x.writes[i].offset + x.writes[i].bytes > op->offset)
            fail_run("a write touches the block of another");
    actor->pending[actor->pending_count++] = x.write_count;
    x.writes[x.write_count++] = (struct submitted){
        .user = op->user,
        .last_seq = last_group(op->data, op->bytes),
        .data = op->data,
        .bytes = op->bytes,
        .sum = sum_of(op->data, op->bytes),
        .file = op->file,
        .offset = op->offset,
    };
}

void env_flush(struct env *env)
{
    (void)env;
}

uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns)
{
    (void)env, (void)done, (void)capacity, (void)until_ns;
    abort();
}

void env_doorbell(struct env *env, uint32_t actor)
{
    (void)env;
    flush(&x.actors[x.current]); /* a system call */
    if (actor < ACTORS)
        x.actors[actor].bell = true;
}

uint64_t env_clock(struct env *env)
{
    (void)env;
    return 1;
}

void env_point(struct env *env, enum env_point where)
{
    (void)env;
    (void)where;
}

int64_t env_free_bytes(struct env *env, int32_t directory)
{
    (void)env, (void)directory;
    abort();
}

int64_t env_file_bytes(struct env *env, int32_t file)
{
    (void)env, (void)file;
    abort();
}

/* ---- what the actors do ---------------------------------------------------------------------------------- */

/* One of its writes has finished; or it has not looked hard enough yet. */
static bool reap_one(struct actor *me)
{
    if (me->pending_count == 0)
        return false;
    bool may_wait = x.preemptions < x.plan->bound;
    uint32_t choice = choose(me->pending_count + may_wait);
    if (choice == me->pending_count) {
        x.preemptions++;
        return false;
    }
    struct submitted *write = &x.writes[me->pending[choice]];
    me->pending[choice] = me->pending[--me->pending_count];
    if (write->sum != sum_of(write->data, write->bytes))
        fail_run("a write's buffer was used again before it had finished");
    write->finished = true;
    struct env_done done = {.user = write->user, .result = (int32_t)write->bytes};
    if (log_done(x.log, &me->env, me->env.actor, &done) != 0)
        fail_run("log_done");
    return true;
}

static void wait_for_something(struct actor *me)
{
    me->blocked = true;
    if (!me->bell && me->pending_count == 0)
        give_way();
    else
        point();
    me->bell = me->blocked = false;
}

static void serve(struct actor *me, uint64_t seq)
{
    uint64_t seen;
    while ((seen = log_watermark(x.log)) < seq) {
        if (!reap_one(me) && log_sleep(x.log, me->env.actor, seen))
            wait_for_something(me);
        log_awake(x.log, me->env.actor);
        log_drive(x.log, &me->env, me->env.actor);
    }
}

static void run_shard(void)
{
    static const uint8_t events[EVENTS_BYTES];
    struct actor *me = &x.actors[x.current];
    struct log_group group = {
        .events = events, .event_bytes = EVENTS_BYTES, .event_count = 1, .shard = me->env.actor};
    for (uint32_t i = 0; i < x.plan->groups; i++) {
        uint64_t seq = log_take(x.log, &me->env);
        log_publish(x.log, &me->env, seq, &group);
        log_drive(x.log, &me->env, me->env.actor);
        serve(me, seq);
    }
    for (;;) { /* nothing of its own, but its writes, and the bell of the helper */
        wait_for_something(me);
        while (reap_one(me))
            ;
        log_drive(x.log, &me->env, me->env.actor);
    }
}

static void run_helper(void)
{
    struct actor *me = &x.actors[x.current];
    for (uint32_t i = 0; i < x.plan->segments_later; i++) {
        while (atomic_load(&x.log->ready_put) - atomic_load(&x.log->ready_taken) == READY_MAX)
            wait_for_something(me);
        x.log->making_file = (int32_t)(100 + x.log->next_serial);
        hand_over(x.log, &me->env);
        point();
    }
    me->done = true;
    give_way();
}

static void start_run(void)
{
    const struct log_options options = {
        .shard_count = SHARDS,
        .ring_groups = 16,
        .group_bytes_max = 64,
        .write_bytes_max = 8192,
        .segment_bytes = x.plan->segment_bytes,
        .idle_ns = UINT64_C(1) << 60,
    };
    memset(x.memory, 0, sizeof(struct log) + 4096);
    x.log = log_init(x.memory, &options,
                     &(struct log_begin){.log_id = 1, .next_seq = 1, .next_serial = 1, .epoch = 1});
    memset(x.log->ring, 0, options.ring_groups * sizeof(struct ring_slot));
    for (uint32_t i = 0; i < x.plan->segments_at_first; i++) {
        x.log->ready[i] = (struct segment){100 + (int32_t)i, x.log->next_serial++};
        x.log->ready_put.value++;
    }
    x.write_count = x.choice_count = x.preemptions = 0;
    x.next_seq = 1;
    x.failure = NULL;
    for (uint32_t i = 0; i < ACTORS; i++) {
        struct actor *actor = &x.actors[i];
        uint8_t *stack = actor->stack;
        *actor = (struct actor){.env.actor = i, .stack = stack};
        actor->done = i == SHARDS ? x.plan->segments_later == 0 : i >= x.plan->shards;
        getcontext(&actor->context);
        actor->context.uc_stack.ss_sp = stack;
        actor->context.uc_stack.ss_size = STACK_BYTES;
        makecontext(&actor->context, i == SHARDS ? run_helper : run_shard, 0);
    }
}

/* All are asleep: then everything must be durable. */
static void finish_run(void)
{
    uint64_t all = (uint64_t)x.plan->shards * x.plan->groups;
    if (x.log->watermark.value != all)
        fail_run("all sleep, and not everything is durable: a wake-up was lost");
    if (x.write_count > 0 && x.next_seq != all + 1)
        fail_run("a group was never written");
    if (x.log->role.value != 0)
        fail_run("the role was never given back");
}

static bool next_run(void)
{
    while (x.choice_count > 0) {
        uint32_t last = x.choice_count - 1;
        if (x.choices[last].taken + 1u < x.choices[last].of) {
            x.choices[last].taken++;
            x.replayed = x.choice_count;
            return true;
        }
        x.choice_count--;
    }
    return false;
}

static void explore(const struct plan *plan)
{
    uint64_t runs = 0;
    x.plan = plan;
    x.replayed = 0;
    x.memory = aligned_alloc(BLOCK_BYTES, 4 << 20);
    for (uint32_t i = 0; i < ACTORS; i++)
        x.actors[i].stack = malloc(STACK_BYTES);
    do {
        start_run();
        x.current = 0;
        swapcontext(&x.main, &x.actors[0].context);
        finish_run();
        runs++;
        if (x.failure != NULL)
            fail_msg("run %llu: %s", (unsigned long long)runs, x.failure);
    } while (next_run());
    print_message("%llu runs\n", (unsigned long long)runs);
    for (uint32_t i = 0; i < ACTORS; i++)
        free(x.actors[i].stack);
    free(x.memory);
}

/* A deeper look by hand: SPATE_EXPLORE_BOUND=4 */
static uint32_t bound(uint32_t usual)
{
    const char *wanted = getenv("SPATE_EXPLORE_BOUND");
    return wanted != NULL ? (uint32_t)atoi(wanted) : usual;
}

static void two_shards_with_one_group_each_never_lose_a_wake_up(void **state)
{
    (void)state;
    explore(&(struct plan){.shards = 2,
                           .groups = 1,
                           .bound = bound(3),
                           .segments_at_first = 1,
                           .segment_bytes = 1 << 20});
}

static void two_shards_with_two_groups_each_never_lose_a_wake_up(void **state)
{
    (void)state;
    explore(&(struct plan){.shards = 2,
                           .groups = 2,
                           .bound = bound(2),
                           .segments_at_first = 1,
                           .segment_bytes = 1 << 20});
}

static void three_shards_never_lose_a_wake_up(void **state)
{
    (void)state;
    explore(&(struct plan){.shards = 3,
                           .groups = 1,
                           .bound = bound(2),
                           .segments_at_first = 1,
                           .segment_bytes = 1 << 20});
}

static void a_log_that_waits_for_a_segment_goes_on_when_it_is_ready(void **state)
{
    (void)state;
    explore(&(struct plan){.shards = 1,
                           .groups = 2,
                           .bound = bound(3),
                           .segments_later = 1,
                           .segment_bytes = 1 << 20});
}

static void segments_end_and_follow_one_another(void **state)
{
    (void)state;
    explore(&(struct plan){.shards = 2,
                           .groups = 1,
                           .bound = bound(2),
                           .segments_at_first = 2,
                           .segments_later = 1,
                           .segment_bytes = 16384});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_shards_with_one_group_each_never_lose_a_wake_up),
        cmocka_unit_test(two_shards_with_two_groups_each_never_lose_a_wake_up),
        cmocka_unit_test(three_shards_never_lose_a_wake_up),
        cmocka_unit_test(a_log_that_waits_for_a_segment_goes_on_when_it_is_ready),
        cmocka_unit_test(segments_end_and_follow_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
