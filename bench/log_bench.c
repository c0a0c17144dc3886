/* bench/log_bench.c - the log without a disk: what a turn's group costs until it is in a write, and
 * what its checksum does. Every operation of this env has succeeded when it is asked for. */
#include "bench/bench.h"

#include "bench/env.h"
#include "persist/group.h"
#include "persist/log.h"

enum { EVENT_BYTES = 240, SEGMENT_BYTES = 64 << 20, WRITE_BYTES = 1 << 20 };

/* ---- the ring ------------------------------------------------------------------------------------ */

static struct env shard_env, helper_env;
static struct log *ring;
static uint8_t *events;

static void help(void)
{
    int32_t failure = 0;
    while (log_prepare(ring, &helper_env, &failure) == 0)
        CHECK(failure == 0);
}

static void open_ring(void)
{
    const struct log_options options = {.shard_count = 1,
                                        .ring_groups = 64,
                                        .group_bytes_max = 1 << 18,
                                        .write_bytes_max = WRITE_BYTES,
                                        .segment_bytes = SEGMENT_BYTES,
                                        .idle_ns = UINT64_MAX / 2,
                                        .sync = LOG_SYNC_DSYNC};
    const struct log_begin begin = {.log_id = 1, .next_seq = 1, .next_serial = 1, .epoch = 1};
    if (ring != NULL)
        return;
    ring = log_init(bench_memory(log_bytes(&options)), &options, &begin);
    events = bench_memory(256 * EVENT_BYTES);
    help();
}

static void turns(uint64_t iterations, uint32_t event_count)
{
    const struct log_group group = {
        .events = events, .event_bytes = event_count * EVENT_BYTES, .event_count = event_count};
    for (uint64_t i = 0; i < iterations; i++) {
        struct env_done done[BENCH_ENV_QUEUE];
        CHECK(log_has_room(ring));
        uint64_t seq = log_take(ring, &shard_env);
        log_publish(ring, &shard_env, seq, &group);
        log_drive(ring, &shard_env, 0);
        for (uint32_t left = env_reap(&shard_env, done, BENCH_ENV_QUEUE, 0); left > 0; left--)
            CHECK(log_done(ring, &shard_env, 0, &done[left - 1]) == 0);
        if (log_counts(ring).segments_ready < 2)
            help();
    }
    CHECK(log_watermark(ring) + 4 > log_counts(ring).taken);
}

static void turns_of_one(uint64_t iterations)
{
    turns(iterations, 1);
}

static void turns_of_256(uint64_t iterations)
{
    turns(iterations, 256);
}

/* ---- a group's checksum --------------------------------------------------------------------------- */

static struct {
    struct group_head head;
    uint8_t events[256 * EVENT_BYTES];
} group;

static void make_group(void)
{
    uint64_t seed = 1;
    for (uint32_t i = 0; i < sizeof group.events; i++)
        group.events[i] = (uint8_t)bench_random(&seed);
    group.head = (struct group_head){.magic = GROUP_MAGIC,
                                     .version = FORMAT_VERSION,
                                     .kind = GROUP_EVENTS,
                                     .log_id = 1,
                                     .epoch = 1,
                                     .event_bytes = sizeof group.events,
                                     .event_count = 256};
    group_seal(&group.head, group_seed(1, 1));
}

static void seal(uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++) {
        group.head.seq = i;
        group_seal(&group.head, group_seed(1, 1));
    }
}

static void look(uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++)
        CHECK(group_head_valid(&group.head, 1, group_seed(1, 1)) &&
              group_body_valid(&group.head, group_seed(1, 1)));
}

const struct bench log_benches[] = {
    {.name = "log/a turn of one event", .setup = open_ring, .run = turns_of_one, .items = 1},
    {.name = "log/a turn of 256 events", .setup = open_ring, .run = turns_of_256, .items = 256},
    {.name = "group/seal, 256 events", .setup = make_group, .run = seal, .items = 256},
    {.name = "group/check, 256 events", .setup = make_group, .run = look, .items = 256},
    {0},
};
