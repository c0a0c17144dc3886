/* The log under writers, crashes and starts: what was acknowledged stays, byte for byte.
 *
 * For every sequence the history keeps what was last published under it, and the oracle compares:
 *   - a start that succeeds finds 1 .. e without a hole, each as it was last published;
 *   - e is at or above every watermark that anybody has seen, and every end that an earlier
 *     successful start has served from;
 *   - a start serves under an epoch that none before it had;
 *   - a start refuses only where a fault of the disk explains it: one during the start, or a bit that
 *     has flipped since; and such a bit may cost nothing but groups that no witness covers. */
#include <stdlib.h>
#include <string.h>

#include "core/order.h"
#include "persist/start.h"
#include "tests/sim/run.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SHARDS = 4, BUFFERS = 16, SCENARIO_STACK_BYTES = 256 << 10, LIVES_MAX = 12 };

/* By sequence. */
struct digests {
    uint64_t *at;
    uint64_t capacity;
};

struct scene;

struct writer {
    struct scene *scene;
    struct env *env;
    uint32_t number;
    uint64_t buffer_seq[BUFFERS];
    uint32_t buffer_next;
    uint64_t appended; /* the last sequence */
    uint8_t *memory;   /* BUFFERS of group_bytes_max */
    bool has_stopped;  /* appends no more */
    bool has_ended;
};

struct scene {
    struct run *run;
    struct actor *driver;
    struct process *process;
    struct digests published; /* what was last published */
    uint64_t durable;         /* everything up to here must be found */
    uint32_t epoch;           /* the highest that anybody has served under */
    uint64_t appends_left;    /* in this life */
    struct log_options options;
    struct log *log;
    struct start start;
    struct start_report report;
    struct start_visitor visitor;
    struct digests found;
    uint64_t found_seq; /* the last one, by the start that runs */
    bool started;
    bool start_ended;
    bool stopping; /* writers append no more and end when all is durable */
    bool failed;   /* a writer has met an error of the world */
    bool is_clean; /* the last life has come to its end */
    bool rotten;
    uint32_t rot_one_in; /* starts */
    struct writer writers[SHARDS];
    bool helper_ended;
    void *memory;
    void *scratch;
};

/* --- what is appended ---------------------------------------------------------------------------- */

static uint64_t *digest_of(struct digests *digests, uint64_t seq)
{
    if (seq >= digests->capacity) {
        digests->capacity = seq * 2 + 1024;
        digests->at = realloc(digests->at, digests->capacity * sizeof(uint64_t));
        CHECK(digests->at != NULL);
    }
    return &digests->at[seq];
}

/* Of a group: of its events, one after the other. */
static void digest_event(uint64_t *digest, const struct event *event)
{
    *digest = XXH3_64bits_withSeed(event, event->bytes, *digest);
}

/* Cancelled lines are the simplest event of any length; nobody applies it. */
static uint32_t event_bytes(uint32_t lines)
{
    return (uint32_t)(sizeof(struct event) + sizeof(struct slice_lines_cancelled) +
                      lines * sizeof(struct cancel_line)) +
           8;
}

static void fill_event(struct event *event, uint32_t lines, struct stream *workload)
{
    memset(event, 0, event_bytes(lines));
    event->bytes = event_bytes(lines);
    event->slice_count = 1;
    event->at_ns = stream_next(workload);
    struct slice_lines_cancelled *slice = (void *)(event + 1);
    slice->head.bytes = event->bytes - (uint32_t)sizeof *event;
    slice->head.kind = SLICE_LINES_CANCELLED;
    slice->line_count = (uint16_t)lines;
    slice->id_bytes = 8;
    memset(slice->lines, (int)stream_below(workload, 256), lines * sizeof(struct cancel_line) + 8);
}

static uint32_t fill_events(struct scene *scene, uint8_t *at, uint32_t *count, uint64_t *digest)
{
    uint32_t bytes_max = scene->options.group_bytes_max;
    struct stream *workload = world_stream(scene->run->world, STREAM_WORKLOAD);
    uint32_t used = 0;
    for (*count = 0; *count == 0 || stream_hit(workload, 2); ++*count) {
        uint32_t lines =
            (uint32_t)stream_skewed(workload, bytes_max / 2 / sizeof(struct cancel_line));
        uint32_t bytes = event_bytes(lines);
        if (used + bytes > bytes_max)
            break;
        fill_event((void *)(at + used), lines, workload);
        digest_event(digest, (void *)(at + used));
        used += bytes;
    }
    return used;
}

static void saw_durable(struct scene *scene, uint64_t seq)
{
    if (seq > scene->durable)
        scene->durable = seq;
}

static bool can_append(const struct writer *writer)
{
    const struct scene *scene = writer->scene;
    return !scene->stopping && scene->appends_left != 0 && log_has_room(scene->log) &&
           !log_is_full(scene->log) &&
           log_gathered(scene->log) >= writer->buffer_seq[writer->buffer_next];
}

static void append(struct writer *writer)
{
    struct scene *scene = writer->scene;
    struct log_group group = {.shard = writer->number};
    uint8_t *at = writer->memory + (size_t)writer->buffer_next * scene->options.group_bytes_max;
    group.events = at;
    uint64_t digest = 0;
    group.event_bytes = fill_events(scene, at, &group.event_count, &digest);
    scene->appends_left--;
    uint64_t seq = log_take(scene->log, writer->env);
    *digest_of(&scene->published, seq) = digest;
    log_publish(scene->log, writer->env, seq, &group);
    writer->buffer_seq[writer->buffer_next] = seq;
    writer->buffer_next = (writer->buffer_next + 1) % BUFFERS;
    writer->appended = seq;
    scene->run->totals->operations++;
}

/* Nobody appends any more, and all is durable. Not before: the ring of a writer with nothing of its
 * own left may have the write of somebody else's group. */
static bool all_is_over(const struct scene *scene)
{
    uint64_t last = 0;
    for (uint32_t i = 0; i < scene->options.shard_count; i++) {
        const struct writer *writer = &scene->writers[i];
        if (!writer->has_stopped)
            return false;
        last = writer->appended > last ? writer->appended : last;
    }
    return log_watermark(scene->log) >= last;
}

/* --- actors -------------------------------------------------------------------------------------- */

static void look_at_completions(struct writer *writer, uint64_t until_ns)
{
    struct scene *scene = writer->scene;
    struct env_done done[8];
    uint32_t count = env_reap(writer->env, done, 8, until_ns);
    for (uint32_t i = 0; i < count; i++)
        if (log_done(scene->log, writer->env, writer->number, &done[i]) < 0)
            scene->failed = true;
}

static void wait_for_something(struct writer *writer)
{
    struct scene *scene = writer->scene;
    struct stream *workload = world_stream(scene->run->world, STREAM_WORKLOAD);
    uint64_t until = env_clock(writer->env) + 10 * MILLISECOND_NS;
    uint64_t seen = log_watermark(scene->log);
    uint64_t deadline = log_deadline(scene->log);
    until = deadline < until ? deadline : until;
    if (can_append(writer))
        until = env_clock(writer->env) + stream_skewed(workload, 3 * MILLISECOND_NS);
    bool sleeps = log_sleep(scene->log, writer->number, seen);
    look_at_completions(writer, sleeps ? until : 0);
    log_awake(scene->log, writer->number);
}

static void write_for_ever(void *argument)
{
    struct writer *writer = argument;
    struct scene *scene = writer->scene;
    struct env_memory buffers[2];
    log_buffers(scene->log, buffers);
    (void)!env_register(writer->env, buffers, 2);
    (void)!env_keep(writer->env, scene->start.lock);
    while (!scene->failed) {
        if (can_append(writer))
            append(writer);
        log_drive(scene->log, writer->env, writer->number);
        saw_durable(scene, log_watermark(scene->log));
        writer->has_stopped = scene->stopping;
        if (all_is_over(scene))
            break;
        wait_for_something(writer);
    }
    writer->has_ended = true;
    world_wake(scene->run->world, scene->driver, 0);
}

static bool writers_have_ended(const struct scene *scene)
{
    for (uint32_t i = 0; i < scene->options.shard_count; i++)
        if (!scene->writers[i].has_ended)
            return false;
    return true;
}

static void help(void *argument)
{
    struct scene *scene = argument;
    struct env *env = process_env(scene->process, scene->options.shard_count);
    struct env_done done[4];
    int32_t failure = 0;
    while (!scene->failed && !writers_have_ended(scene)) {
        uint64_t until = log_prepare(scene->log, env, &failure);
        if (failure < 0)
            scene->failed = true;
        uint64_t soon = env_clock(env) + 10 * MILLISECOND_NS;
        (void)env_reap(env, done, 4, until < soon ? until : soon);
    }
    if (scene->stopping && !scene->failed && log_close(scene->log, env, 0) < 0)
        scene->failed = true;
    scene->helper_ended = true;
    world_wake(scene->run->world, scene->driver, 0);
}

/* --- starts -------------------------------------------------------------------------------------- */

static enum start_visit on_group(struct start_visitor *visitor, const struct group_head *head)
{
    struct scene *scene =
        (struct scene *)(void *)((char *)visitor - offsetof(struct scene, visitor));
    if (stream_hit(world_stream(scene->run->world, STREAM_WORKLOAD), 20))
        return START_LATER;
    if (head->seq != scene->found_seq + 1)
        run_fail(scene->run, "a start goes from sequence %llu to %llu",
                 (unsigned long long)scene->found_seq, (unsigned long long)head->seq);
    scene->found_seq = head->seq;
    uint64_t *digest = digest_of(&scene->found, head->seq);
    const struct event *event = group_events(head);
    *digest = 0;
    for (uint32_t i = 0; i < head->event_count; i++, event = event_next(event))
        digest_event(digest, event);
    return START_TAKEN;
}

static struct start_options start_options(const struct scene *scene)
{
    return (struct start_options){
        .directory = "/data",
        .segment_bytes = scene->options.segment_bytes,
        .write_bytes_max = scene->options.write_bytes_max,
        .sync = scene->options.sync,
        .process = 1,
        .bug = scene->run->shard_bug,
    };
}

static void start(void *argument)
{
    struct scene *scene = argument;
    struct start_options options = start_options(scene);
    struct env *env = process_env(scene->process, scene->options.shard_count + 1);
    scene->report = (struct start_report){0};
    scene->found_seq = 0;
    scene->started =
        start_open(&scene->start, env, &options, scene->scratch, &scene->visitor, &scene->report);
    scene->start_ended = true;
    world_wake(scene->run->world, scene->driver, 0);
}

static void check_found(struct scene *scene)
{
    uint64_t end = scene->found_seq;
    bool is_exempt = scene->rotten && !scene->is_clean && end >= scene->report.witness;
    if (end < scene->durable && !is_exempt)
        run_fail(scene->run, "a start finds %llu groups, but %llu were durable",
                 (unsigned long long)end, (unsigned long long)scene->durable);
    for (uint64_t seq = 1; seq <= end; seq++)
        if (*digest_of(&scene->found, seq) != *digest_of(&scene->published, seq))
            run_fail(scene->run, "group %llu is not what was published (durable: %llu, end: %llu)",
                     (unsigned long long)seq, (unsigned long long)scene->durable,
                     (unsigned long long)end);
    if (scene->start.begin.next_seq != end + 1)
        run_fail(scene->run, "a start that found %llu goes on at %llu", (unsigned long long)end,
                 (unsigned long long)scene->start.begin.next_seq);
    if (scene->start.begin.epoch <= scene->epoch)
        run_fail(scene->run, "a start serves under epoch %u after epoch %u",
                 scene->start.begin.epoch, scene->epoch);
    scene->epoch = scene->start.begin.epoch;
    scene->durable = end;
    scene->run->totals->starts++;
    world_trace(scene->run->world, end);
}

static void check_refusal(struct scene *scene, bool calm)
{
    world_say(scene->run->world, "refused: %s", scene->report.message);
    if (scene->rotten && scene->report.exit_code == EXIT_DAMAGED)
        return;
    if (scene->report.exit_code != EXIT_IO || calm)
        run_fail(scene->run, "a start refuses with %d: %s", scene->report.exit_code,
                 scene->report.message);
}

/* --- lives --------------------------------------------------------------------------------------- */

/* Until the process is doomed, `over` says so or time is up. */
static void watch(struct scene *scene, bool (*over)(const struct scene *scene), uint64_t until_ns)
{
    struct world *world = scene->run->world;
    while (!process_is_doomed(scene->process) && !over(scene) && world_now(world) < until_ns)
        world_sleep(world, until_ns);
}

static bool start_is_over(const struct scene *scene)
{
    return scene->start_ended;
}

static bool life_is_over(const struct scene *scene)
{
    return scene->failed || scene->helper_ended;
}

static void die(struct scene *scene)
{
    struct stream *crash = world_stream(scene->run->world, STREAM_CRASH);
    bool power = scene->options.sync != LOG_SYNC_NONE && stream_hit(crash, 2);
    process_kill(scene->process, power ? DEATH_POWER : DEATH_KILL);
}

static void doom_sometimes(struct scene *scene, uint32_t one_in, uint64_t calls_max)
{
    struct stream *crash = world_stream(scene->run->world, STREAM_CRASH);
    uint64_t calls = stream_skewed(crash, calls_max);
    if (run_has(scene->run, FAULT_KILLS, stream_hit(crash, one_in)))
        process_doom(scene->process, calls + 1, scene->driver);
}

/* Once in a while a bit flips while nobody is there. */
static void rot(struct scene *scene)
{
    struct world *world = scene->run->world;
    struct disk *disk = machine_disk(scene->run->machine);
    scene->rotten = stream_hit(world_stream(world, STREAM_DISK), scene->rot_one_in) &&
                    disk_rot(disk, "/data", true);
}

static bool begin_life(struct scene *scene, bool calm)
{
    rot(scene);
    scene->process = process_begin(scene->run->machine);
    scene->started = scene->start_ended = scene->stopping = scene->failed = false;
    scene->helper_ended = false;
    if (!calm)
        doom_sometimes(scene, 3, 200);
    process_spawn(scene->process, scene->options.shard_count + 1, SCENARIO_STACK_BYTES, start,
                  scene);
    watch(scene, start_is_over, UINT64_MAX);
    disk_heal(machine_disk(scene->run->machine));
    if (!scene->start_ended || process_is_doomed(scene->process)) {
        die(scene);
        return false;
    }
    if (!scene->started) {
        check_refusal(scene, calm);
        process_kill(scene->process, DEATH_KILL);
        return false;
    }
    check_found(scene);
    scene->is_clean = false;
    return true;
}

static void open_log(struct scene *scene)
{
    memset(scene->memory, 0, log_bytes(&scene->options));
    scene->log = log_init(scene->memory, &scene->options, &scene->start.begin);
    for (uint32_t i = 0; i < scene->options.shard_count; i++) {
        struct writer *writer = &scene->writers[i];
        uint8_t *memory = writer->memory;
        *writer = (struct writer){
            .scene = scene, .number = i, .env = process_env(scene->process, i), .memory = memory};
    }
}

static void live(struct scene *scene, bool calm)
{
    struct world *world = scene->run->world;
    struct stream *crash = world_stream(world, STREAM_CRASH);
    scene->appends_left = 1 + stream_skewed(world_stream(world, STREAM_WORKLOAD), 2000);
    open_log(scene);
    for (uint32_t i = 0; i < scene->options.shard_count; i++)
        process_spawn(scene->process, i, SCENARIO_STACK_BYTES, write_for_ever, &scene->writers[i]);
    process_spawn(scene->process, scene->options.shard_count, SCENARIO_STACK_BYTES, help, scene);
    uint64_t lasts_ns = stream_skewed(crash, SECOND_NS);
    if (!calm)
        doom_sometimes(scene, 2, 20000);
    watch(scene, life_is_over, world_now(world) + lasts_ns);
    if (!calm && (process_is_doomed(scene->process) || scene->failed || stream_hit(crash, 2))) {
        die(scene);
        return;
    }
    scene->stopping = true;
    watch(scene, life_is_over, world_now(world) + 60ull * SECOND_NS);
    if (process_is_doomed(scene->process) || (scene->failed && !calm)) {
        die(scene);
        return;
    }
    if (scene->failed || !scene->helper_ended)
        run_fail(scene->run, "a calm log does not come to its end within a minute");
    scene->is_clean = true;
    process_end(scene->process);
}

static void drive(void *argument)
{
    struct scene *scene = argument;
    struct world *world = scene->run->world;
    uint64_t drawn = stream_between(world_stream(world, STREAM_WORKLOAD), 1, LIVES_MAX);
    uint64_t lives = run_lives(scene->run, drawn);
    while (lives-- > 0)
        if (begin_life(scene, false))
            live(scene, false);
    run_calm(scene->run);
    for (uint32_t i = 0; i < 2; i++)
        if (begin_life(scene, true))
            live(scene, true);
    world_stop(world);
}

static void draw_options(struct scene *scene)
{
    struct run *run = scene->run;
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    uint32_t group_bytes = 512u << stream_below(swarm, 6);
    scene->options = (struct log_options){
        .shard_count = (uint32_t)stream_between(swarm, 1, SHARDS),
        .ring_groups = 8u << stream_below(swarm, 5),
        .group_bytes_max = group_bytes,
        .write_bytes_max = group_bytes + (8192u << stream_below(swarm, 4)),
        .segment_bytes = 65536u << stream_below(swarm, 4),
        .idle_ns = stream_skewed(swarm, 20 * MILLISECOND_NS),
        .sync = (enum log_sync)stream_below(swarm, 3),
        .bug = run->shard_bug,
    };
    uint32_t most = (uint32_t)scene->options.segment_bytes - 2 * BLOCK_BYTES;
    if (scene->options.write_bytes_max > most)
        scene->options.write_bytes_max = most;
}

void log_scenario(struct run *run)
{
    static struct scene scene;
    scene = (struct scene){.run = run, .visitor = {.on_group = on_group}};
    run_swarm(run);
    draw_options(&scene);
    scene.rot_one_in = run_knob(run, FAULT_ROT, 1, 6);
    struct start_options options = start_options(&scene);
    scene.scratch = run_memory(start_scratch_bytes(&options));
    scene.memory = run_memory(log_bytes(&scene.options));
    for (uint32_t i = 0; i < scene.options.shard_count; i++)
        scene.writers[i].memory = run_memory((size_t)BUFFERS * scene.options.group_bytes_max);
    scene.driver = world_spawn(run->world, SCENARIO_STACK_BYTES, drive, &scene);
    world_run(run->world, UINT64_MAX);
}
