#include "tests/sim/stage.h"

#include <fcntl.h>
#include <string.h>

#include "core/sometimes.h"
#include "persist/archive.h"
#include "persist/manifest.h"
#include "persist/sparse.h"

/* --- the server's actors --- */

static void close_server(void *argument)
{
    struct stage *stage = argument;
    struct env *env = process_env(stage->process, stage->options.shard_count + 2);
    stage->seats[0].exit_code = server_close(stage->server, env);
    stage->close_ended = true;
    world_wake(stage->run->world, stage->driver, 0);
}

static void serve(void *argument)
{
    struct seat *seat = argument;
    seat->exit_code = server_run(seat->stage->server, seat->env, seat->number);
    seat->has_ended = true;
    world_wake(seat->stage->run->world, seat->stage->driver, 0);
}

static bool close_is_over(const struct stage *stage)
{
    return stage->close_ended;
}

/* Somebody has failed, or all have come to their end. */
static bool serving_is_over(const struct stage *stage)
{
    uint32_t ended = 0;
    for (uint32_t i = 0; i < stage->seat_count; i++) {
        if (stage->seats[i].has_ended && stage->seats[i].exit_code != 0)
            return true;
        ended += stage->seats[i].has_ended;
    }
    return ended == stage->seat_count;
}

static bool start_is_over(const struct stage *stage)
{
    return server_is_ready(stage->server) || serving_is_over(stage);
}

static void watch(struct stage *stage, bool (*over)(const struct stage *stage), uint64_t until_ns)
{
    struct world *world = stage->run->world;
    while (!process_is_doomed(stage->process) && !over(stage) && world_now(world) < until_ns)
        world_sleep(world, until_ns);
}

static void give_memory_back(struct stage *stage)
{
    run_free(stage->memory, stage->memory_bytes);
    stage->memory = NULL;
}

static void die(struct stage *stage)
{
    struct stream *crash = world_stream(stage->run->world, STREAM_CRASH);
    process_kill(stage->process, stream_hit(crash, 2) ? DEATH_POWER : DEATH_KILL);
    give_memory_back(stage);
}

static void doom_sometimes(struct stage *stage, uint32_t one_in, uint64_t calls_max)
{
    struct stream *crash = world_stream(stage->run->world, STREAM_CRASH);
    uint64_t calls = stream_skewed(crash, calls_max);
    if (run_has(stage->run, FAULT_KILLS, stream_hit(crash, one_in)))
        process_doom(stage->process, calls + 1, stage->driver);
}

/* What is planted in the archive's way is found where lives end in the midst of archiving. */
static bool has_bug_of_archive(const struct run *run)
{
    enum planted planted = machine_knobs(run->machine)->planted;
    return planted == PLANTED_ARCHIVE_NOT_SYNCED || planted == PLANTED_COPY_NOT_SYNCED;
}

/* In three of four seeds, lives end in the midst of a round of compaction: each in another step of it, or, where
 * there is an archive, of archiving. Nothing is drawn for that, and with another bug planted nothing is
 * different. */
static bool ends_in_rounds(const struct run *run)
{
    return run_has(run, FAULT_KILLS, run->has_bug ? has_bug_of_archive(run) : run->seed % 4 != 3);
}

static void doom_in_a_round(struct stage *stage)
{
    uint64_t number = stage->run->seed / 2 + stage->run->totals->starts;
    uint64_t step = number % STEPS_WITHOUT_ARCHIVE;
    if (stage->has_archive)
        step =
            stage->run->has_bug ? STEP_RETIRE : STEP_RETIRE + number % (STEP_COUNT - STEP_RETIRE);
    process_doom_in(stage->process, (enum step)step, stage->driver);
}

static void draw_shards(struct stage *stage)
{
    struct stream *swarm = world_stream(stage->run->world, STREAM_SWARM);
    stage->options.shard_count = (uint32_t)stream_between(swarm, 1, STAGE_SHARDS_MAX);
}

/* Whoever runs it gives it more room, or less, from life to life; in the end there is enough. */
static void draw_tables(struct stage *stage, bool calm)
{
    struct stream *swarm = world_stream(stage->run->world, STREAM_SWARM);
    struct server_options *options = &stage->options;
    options->order_count_max = 50000;
    options->order_bytes_max = 32 << 20;
    options->sku_count_max = 1024;
    options->cell_count_max = 2048;
    options->retry_count_max = 50000;
    stage->is_small = !stream_hit(swarm, 4) && stage->has_small_tables && !calm;
    if (!stage->is_small)
        return;
    options->order_count_max = 1 + stream_skewed(swarm, 500);
    options->order_bytes_max = (8 << 10) + stream_skewed(swarm, 256 << 10);
    options->sku_count_max = 16 + (uint32_t)stream_skewed(swarm, 64);
    options->cell_count_max = 16 + (uint32_t)stream_skewed(swarm, 64);
    options->retry_count_max = 1 + (uint32_t)stream_skewed(swarm, 500);
}

static void check_refusal(struct stage *stage, bool calm)
{
    const struct start_report *report = server_report(stage->server);
    world_say(stage->run->world, "refused: %s", report->message);
    if (stage->rotten && report->exit_code == EXIT_DAMAGED)
        return;
    if (stage->is_small && report->exit_code == EXIT_UNAVAILABLE &&
        strstr(report->message, "is too small") != NULL)
        return;
    if (report->exit_code != EXIT_IO || calm)
        run_fail(stage->run, "a start refuses with %d: %s", report->exit_code, report->message);
}

static void seat_all(struct stage *stage)
{
    stage->seat_count = server_actor_count(stage->server);
    for (uint32_t i = 0; i < stage->seat_count; i++) {
        stage->seats[i] =
            (struct seat){.stage = stage, .number = i, .env = process_env(stage->process, i)};
        process_spawn(stage->process, i, STAGE_STACK_BYTES, serve, &stage->seats[i]);
    }
}

/* Nobody rings when a server is ready. */
static void watch_start(struct stage *stage)
{
    struct world *world = stage->run->world;
    while (!process_is_doomed(stage->process) && !start_is_over(stage))
        watch(stage, start_is_over, world_now(world) + MILLISECOND_NS);
}

/* Once in a while a bit flips while nobody is there. In the log itself only behind a clean stop: what
 * a crash leaves at its end no witness covers yet. */
static void rot(struct stage *stage)
{
    struct world *world = stage->run->world;
    struct disk *disk = machine_disk(stage->run->machine);
    disk_heal(disk);
    stage->rotten = stream_hit(world_stream(world, STREAM_DISK), stage->rot_one_in) &&
                    disk_rot(disk, "/data", stage->is_clean);
}

bool stage_begin(struct stage *stage, bool calm)
{
    rot(stage);
    draw_shards(stage);
    draw_tables(stage, calm);
    stage->process = process_begin(stage->run->machine);
    stage->memory_bytes = server_bytes(&stage->options);
    stage->memory = run_memory(stage->memory_bytes);
    stage->server = server_init(stage->memory, &stage->options);
    if (!calm)
        doom_sometimes(stage, 6, 500);
    seat_all(stage);
    watch_start(stage);
    if (process_is_doomed(stage->process)) {
        die(stage);
        return false;
    }
    if (!server_is_ready(stage->server)) {
        check_refusal(stage, calm);
        process_kill(stage->process, DEATH_KILL);
        give_memory_back(stage);
        return false;
    }
    stage->run->totals->starts++;
    stage->is_clean = false;
    return true;
}

void stage_live(struct stage *stage)
{
    struct world *world = stage->run->world;
    struct stream *crash = world_stream(world, STREAM_CRASH);
    uint64_t lasts_ns = stream_skewed(crash, 4ull * SECOND_NS);
    doom_sometimes(stage, 2, 100000);
    if (ends_in_rounds(stage->run)) {
        doom_in_a_round(stage);
        lasts_ns = SECOND_NS;
    }
    watch(stage, serving_is_over, world_now(world) + lasts_ns);
    if (!process_is_doomed(stage->process) && serving_is_over(stage)) {
        bool failed = false;
        for (uint32_t i = 0; i < stage->seat_count; i++)
            failed |= stage->seats[i].exit_code != 0;
        if (!failed)
            run_fail(stage->run, "the server ends by itself");
    }
    die(stage);
}

/* --- the past --- */

static int32_t open_directory(struct env *env, const char *path)
{
    return env_do(
        env, &(struct env_op){
                 .kind = ENV_OPEN, .file = ENV_CWD, .path = path, .flags = O_RDONLY | O_DIRECTORY});
}

/* The groups before it that were read along with it follow each other; the first of them. */
static uint64_t first_of_stretch(struct stage *stage, struct sparse *sparse, uint64_t seq)
{
    const struct group_head *head = sparse_next(sparse, NULL);
    uint64_t first = head != NULL ? head->seq : seq;
    for (uint64_t at = first; head != NULL && at < seq; at++, head = sparse_next(sparse, head))
        if (head->seq != at)
            run_fail(stage->run, "behind group %llu stands group %llu", (unsigned long long)at - 1,
                     (unsigned long long)head->seq);
    return first;
}

static void look_back(void *argument)
{
    static struct manifest manifest;
    struct stage *stage = argument;
    struct env *env = process_env(stage->process, 0);
    struct sparse sparse;
    void *memory = run_memory(SPARSE_MEMORY_BYTES);
    int32_t data = open_directory(env, stage->options.directory);
    int32_t archive = archive_open(env, STAGE_ARCHIVE);
    if (archive < 0 || manifest_read(env, data, &manifest) < 0)
        run_fail(stage->run, "there is no archive, or no manifest");
    sparse_init(&sparse, memory, data, archive, manifest.log_id);
    sparse_begin(&sparse, env);
    for (uint64_t seq = manifest.witness; seq > 0;
         seq = first_of_stretch(stage, &sparse, seq) - 1) {
        if (sparse_group(&sparse, seq) == NULL)
            run_fail(stage->run, "group %llu is neither in the log nor in its archive",
                     (unsigned long long)seq);
        if (seq < manifest.begin_seq)
            SOMETIMES("archive: it has what the log no longer has");
    }
    sparse_end(&sparse);
    run_free(memory, SPARSE_MEMORY_BYTES);
    stage->close_ended = true;
    world_wake(stage->run->world, stage->driver, 0);
}

/* A bit that has rotted is archived like any other. */
static void check_past(struct stage *stage)
{
    if (!stage->has_archive || stage->rot_one_in != 0)
        return;
    stage->close_ended = false;
    stage->process = process_begin(stage->run->machine);
    process_spawn(stage->process, 0, STAGE_STACK_BYTES, look_back, stage);
    watch(stage, close_is_over, UINT64_MAX);
    process_end(stage->process);
}

uint64_t stage_stop(struct stage *stage)
{
    struct world *world = stage->run->world;
    server_stop(stage->server);
    watch(stage, serving_is_over, world_now(world) + 60ull * SECOND_NS);
    for (uint32_t i = 0; i < stage->seat_count; i++)
        if (!stage->seats[i].has_ended || stage->seats[i].exit_code != 0)
            run_fail(stage->run, "a clean stop does not come to its end within a minute (actor %u)",
                     i);
    uint64_t hash = server_state_hash(stage->server);
    stage->close_ended = false;
    process_spawn(stage->process, stage->options.shard_count + 2, STAGE_STACK_BYTES, close_server,
                  stage);
    watch(stage, close_is_over, world_now(world) + 60ull * SECOND_NS);
    if (!stage->close_ended || stage->seats[0].exit_code != 0)
        run_fail(stage->run, "a stopped server cannot be closed");
    process_end(stage->process);
    give_memory_back(stage);
    stage->is_clean = true;
    check_past(stage);
    return hash;
}

void stage_begin_calmly(struct stage *stage)
{
    while (!stage_begin(stage, true))
        ;
}

void stage_live_through(struct stage *stage, uint64_t lives)
{
    struct world *world = stage->run->world;
    if (stage->has_intruder)
        world_spawn(world, STAGE_STACK_BYTES, intrude, &stage->intruder);
    run_resume(stage->run);
    for (lives = run_lives(stage->run, lives); lives > 0; lives--)
        if (stage_begin(stage, false))
            stage_live(stage);
    run_calm(stage->run);
    stage_begin_calmly(stage);
}

void stage_await(struct stage *stage, bool (*over)(const void *who), const void *who,
                 const char *failure)
{
    struct world *world = stage->run->world;
    uint64_t until_ns = world_now(world) + 60ull * SECOND_NS;
    while (!over(who) && world_now(world) < until_ns)
        world_sleep(world, until_ns);
    if (!over(who))
        run_fail(stage->run, "%s", failure);
}

/* --- what is drawn --- */

static void draw_log(struct run *run, struct server_options *options)
{
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    static const enum log_sync syncs[] = {LOG_SYNC_DSYNC, LOG_SYNC_FDATASYNC, LOG_SYNC_AUTO};
    options->log.ring_groups = 8u << stream_below(swarm, 6);
    options->log.group_bytes_max =
        SERVER_GROUP_BYTES_MIN + BLOCK_BYTES * (uint32_t)stream_skewed(swarm, 16);
    options->log.write_bytes_max =
        options->log.group_bytes_max + BLOCK_BYTES * (2 + (uint32_t)stream_skewed(swarm, 120));
    options->log.segment_bytes = 1u << stream_between(swarm, 20, 22);
    options->log.idle_ns = stream_skewed(swarm, 10 * MILLISECOND_NS);
    options->log.sync = syncs[stream_below(swarm, 3)];
    options->compact.every_bytes = stream_hit(swarm, 3) ? 0 : 1 + stream_skewed(swarm, 4 << 20);
    options->compact.every_ns = stream_hit(swarm, 3) ? 1 + stream_skewed(swarm, SECOND_NS) : 0;
    options->compact.rate_bytes = stream_hit(swarm, 2) ? 0 : 1 + stream_skewed(swarm, 256 << 20);
}

/* In half of the seeds, and nothing is drawn for that either. */
static bool has_archive(const struct run *run)
{
    return run->has_bug ? has_bug_of_archive(run) : run->seed % 8 < 2 || run->seed % 8 > 5;
}

static void make_archive(struct stage *stage)
{
    struct disk *disk = machine_disk(stage->run->machine);
    struct disk_knobs knobs = *disk_knobs(disk);
    disk_knobs(disk)->failed_sync_one_in = 0; /* it is made before anything goes wrong */
    CHECK(disk_mkdir(disk, disk_root(disk), STAGE_ARCHIVE) == 0);
    CHECK(disk_sync(disk, disk_root(disk), disk_mark(disk)) == 0);
    *disk_knobs(disk) = knobs;
    stage->has_archive = true;
    stage->options.archive = STAGE_ARCHIVE;
}

void stage_open(struct stage *stage, struct run *run)
{
    struct stream *swarm = world_stream(run->world, STREAM_SWARM);
    const uint64_t year_ns = 365ull * 86400 * SECOND_NS;
    struct server_options *options = &stage->options;
    stage->run = run;
    *options = server_options_default();
    options->directory = "/data";
    options->binary_address = STAGE_BINARY;
    options->http_address = STAGE_HTTP;
    options->connection_count_max = 8;
    options->frame_bytes_max = 64 << 10;
    options->mailbox_bytes = 1u << stream_between(swarm, 17, 20);
    options->turn_commands_max = 1 + (uint32_t)stream_skewed(swarm, 255);
    options->credits = CREDITS_MIN + (uint32_t)stream_skewed(swarm, options->credits);
    options->output_bytes = (1u << 10) + (uint32_t)stream_skewed(swarm, options->output_bytes);
    options->flight_count_max = 8u << stream_below(swarm, 4);
    stage->has_small_tables = run_has(run, FAULT_TABLES, stream_hit(swarm, 2));
    options->expiry_grace_ns = 0; /* a start changes nothing, and what must expire does */
    options->payment_deadline_ns = year_ns;
    options->retry_window_ns = year_ns;
    draw_log(run, options);
    if (ends_in_rounds(run)) { /* one after the other */
        options->compact.every_ns = 1;
        options->compact.rate_bytes = 0;
    }
    if (has_archive(run))
        make_archive(stage);
    memcpy(options->bug, run->shard_bug, sizeof options->bug);
    stage->rot_one_in = run_knob(run, FAULT_ROT, 1, 4);
    stage->has_intruder = run_has(run, FAULT_INTRUDER, stream_hit(swarm, 2));
    stage->intruder = (struct intruder){
        .run = run, .addresses = {STAGE_BINARY, STAGE_HTTP}, .end = &stage->guests_end};
}
