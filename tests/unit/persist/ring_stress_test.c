/* The log's ring under real threads, one for each shard and one for the helper. A write "finishes" when
 * its shard reaps it, in any order. Sleeping is a condition variable with a safety net; whoever wakes by
 * the net alone and finds that it should have been rung has been rescued, and that must never be. */
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/atomics.h"
#include "persist/group.h"
#include "persist/log.h"

enum { SHARDS = 3, PENDING_MAX = 2, GROUP_BUFFERS = 4, EVENT_BYTES = 64 };
static const uint64_t GROUPS = 100000; /* of each shard */
static const uint64_t NET_NS = UINT64_C(500) * 1000 * 1000;

struct env {
    uint32_t actor;
    uint64_t random;
    struct env_op pending[PENDING_MAX];
    uint32_t pending_count;
    pthread_mutex_t lock;
    pthread_cond_t bell;
    bool rung;
    uint64_t rescues;
    uint8_t events[GROUP_BUFFERS][EVENT_BYTES];
    uint64_t event_seq[GROUP_BUFFERS];
};

static struct env actors[SHARDS + 1];
static struct log *log_;
static struct atomic64 stopping;

/* ---- the world ---- */

void env_submit(struct env *env, const struct env_op *op)
{
    assert_true(env->pending_count < PENDING_MAX);
    env->pending[env->pending_count++] = *op;
}

void env_flush(struct env *env)
{
    (void)env;
}

void env_doorbell(struct env *env, uint32_t actor)
{
    struct env *target = &actors[actor];
    (void)env;
    pthread_mutex_lock(&target->lock);
    target->rung = true;
    pthread_cond_signal(&target->bell);
    pthread_mutex_unlock(&target->lock);
}

uint64_t env_clock(struct env *env)
{
    struct timespec now;
    (void)env;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void env_point(struct env *env, enum env_point point)
{
    (void)env;
    (void)point;
}

/* What the helper does to files takes no time and always succeeds. */
uint32_t env_reap(struct env *env, struct env_done *done, uint32_t capacity, uint64_t until_ns)
{
    (void)capacity, (void)until_ns;
    assert_true(env->actor == SHARDS && env->pending_count > 0);
    const struct env_op *op = &env->pending[--env->pending_count];
    bool spare = op->kind == ENV_OPEN && op->path[0] == 's';
    *done = (struct env_done){.user = op->user,
                              .result = spare                   ? -ENOENT
                                        : op->kind == ENV_WRITE ? (int32_t)op->bytes
                                                                : 3};
    return 1;
}

int64_t env_free_bytes(struct env *env, int32_t directory)
{
    (void)env, (void)directory;
    return INT64_MAX;
}

int64_t env_file_bytes(struct env *env, int32_t file)
{
    (void)env, (void)file;
    return 0;
}

/* ---- the actors ---- */

/* True if somebody rang; false if only the net has woken us. */
static bool wait_for_bell(struct env *me)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + NET_NS;
    until.tv_sec += (time_t)(ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    pthread_mutex_lock(&me->lock);
    int result = 0;
    while (!me->rung && result == 0)
        result = pthread_cond_timedwait(&me->bell, &me->lock, &until);
    bool rung = me->rung;
    me->rung = false;
    pthread_mutex_unlock(&me->lock);
    return rung;
}

static void reap_any(struct env *me)
{
    while (me->pending_count > 0) {
        me->random = me->random * 6364136223846793005u + 1442695040888963407u;
        uint32_t which = (uint32_t)(me->random >> 33) % me->pending_count;
        struct env_op op = me->pending[which];
        me->pending[which] = me->pending[--me->pending_count];
        struct env_done done = {.user = op.user, .result = (int32_t)op.bytes};
        assert_int_equal(log_done(log_, me, me->actor, &done), 0);
    }
}

/* Until the log has moved on from `seen`, at most. */
static void rest(struct env *me, uint64_t seen)
{
    if (me->pending_count == 0 && log_sleep(log_, me->actor, seen) && !wait_for_bell(me) &&
        log_watermark(log_) != seen)
        me->rescues++;
    log_awake(log_, me->actor);
    reap_any(me);
    log_drive(log_, me, me->actor);
}

static void publish_one(struct env *me, uint64_t number)
{
    uint32_t buffer = (uint32_t)(number % GROUP_BUFFERS);
    for (;;) {
        uint64_t seen = log_watermark(log_);
        if (log_has_room(log_) && log_gathered(log_) >= me->event_seq[buffer])
            break;
        rest(me, seen);
    }
    memset(me->events[buffer], (int)number, EVENT_BYTES);
    struct log_group group = {.events = me->events[buffer],
                              .event_bytes = EVENT_BYTES,
                              .event_count = 1,
                              .shard = me->actor};
    uint64_t seq = log_take(log_, me);
    log_publish(log_, me, seq, &group);
    me->event_seq[buffer] = seq;
    log_drive(log_, me, me->actor);
    if ((me->random >> 40) % 4 == 0)
        reap_any(me);
}

static void *run_shard(void *argument)
{
    struct env *me = argument;
    for (uint64_t i = 0; i < GROUPS; i++)
        publish_one(me, i);
    for (;;) {
        uint64_t seen = log_watermark(log_);
        if (seen == GROUPS * SHARDS)
            return NULL;
        rest(me, seen);
    }
}

static void *run_helper(void *argument)
{
    struct env *me = argument;
    while (atomic_load(&stopping) == 0) {
        int32_t failure = 0;
        if (log_prepare(log_, me, &failure) == UINT64_MAX)
            (void)wait_for_bell(me);
        assert_int_equal(failure, 0);
    }
    return NULL;
}

static void real_threads_are_never_rescued(void **state)
{
    const struct log_options options = {
        .shard_count = SHARDS,
        .ring_groups = 16,
        .group_bytes_max = 1024,
        .write_bytes_max = 8192,
        .segment_bytes = 1 << 18,
        .idle_ns = UINT64_C(1) << 60,
    };
    pthread_t threads[SHARDS + 1];
    pthread_condattr_t monotonic;
    (void)state;
    void *memory = aligned_alloc(BLOCK_BYTES, log_bytes(&options));
    memset(memory, 0, log_bytes(&options));
    log_ = log_init(memory, &options,
                    &(struct log_begin){.log_id = 1, .next_seq = 1, .next_serial = 1, .epoch = 1});
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    for (uint32_t i = 0; i <= SHARDS; i++) {
        actors[i] = (struct env){.actor = i, .random = i};
        pthread_mutex_init(&actors[i].lock, NULL);
        pthread_cond_init(&actors[i].bell, &monotonic);
    }
    for (uint32_t i = 0; i <= SHARDS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, i == SHARDS ? run_helper : run_shard, &actors[i]), 0);
    for (uint32_t i = 0; i < SHARDS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&stopping, 1);
    env_doorbell(&actors[0], SHARDS);
    pthread_join(threads[SHARDS], NULL);
    assert_int_equal(log_counts(log_).groups, GROUPS * SHARDS);
    for (uint32_t i = 0; i < SHARDS; i++)
        assert_int_equal(actors[i].rescues, 0);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_threads_are_never_rescued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
