#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tests/sim/env_sim.h"

enum { SEEDS = 100, STACK_BYTES = 1 << 18, BLOCK = 4096 };

struct stage {
    struct world *world;
    struct machine *machine;
    struct process *process;
    struct env *env;
    uint64_t synced_bytes; /* of the file that stage_write writes */
    bool directory_synced;
};

static void stage_open(struct stage *stage, uint64_t seed)
{
    *stage = (struct stage){.world = world_open(seed)};
    stage->machine = machine_open(stage->world);
    *world_knobs(stage->world) = (struct world_knobs){
        .shuffle_ties = true, .switch_one_in = 3, .switch_ns_max = 20 * MICROSECOND_NS};
    *disk_knobs(machine_disk(stage->machine)) =
        (struct disk_knobs){.capacity_bytes = 1 << 20,
                            .keep_one_in = 3,
                            .tear_one_in = 3,
                            .garble_one_in = 10,
                            .latency_ns_max = MILLISECOND_NS};
}

static void stage_close(struct stage *stage)
{
    machine_close(stage->machine);
    world_close(stage->world);
}

static void stage_begin(struct stage *stage, void (*run)(void *argument))
{
    stage->process = process_begin(stage->machine);
    stage->env = process_env(stage->process, 0);
    process_spawn(stage->process, 0, STACK_BYTES, run, stage);
}

static int32_t open_file(struct stage *stage, const char *path, int flags)
{
    struct env_op op = {.kind = ENV_OPEN, .file = ENV_CWD, .path = path, .flags = (uint32_t)flags};
    return env_do(stage->env, &op);
}

static int32_t sync_file(struct stage *stage, int32_t file)
{
    return env_do(stage->env, &(struct env_op){.kind = ENV_FSYNC, .file = file});
}

static void block_of(uint8_t block[BLOCK], uint64_t number)
{
    for (uint32_t i = 0; i < BLOCK; i++)
        block[i] = (uint8_t)(number * 7 + i % 13 + 1);
}

/* Writes blocks for ever, syncs now and then, and says how far it is. */
static void write_blocks(void *argument)
{
    struct stage *stage = argument;
    uint8_t block[BLOCK];
    int32_t root = open_file(stage, "/", O_RDONLY | O_DIRECTORY);
    int32_t file = open_file(stage, "/file", O_RDWR | O_CREAT);
    assert_true(root >= 0 && file >= 0);
    for (uint64_t i = 0; i < 40; i++) {
        block_of(block, i);
        struct env_op op = {
            .kind = ENV_WRITE, .file = file, .data = block, .bytes = BLOCK, .offset = i * BLOCK};
        assert_int_equal(env_do(stage->env, &op), BLOCK);
        if (i % 4 == 1) {
            assert_int_equal(sync_file(stage, file), 0);
            stage->synced_bytes = (i + 1) * BLOCK;
        }
        if (i == 9 && sync_file(stage, root) == 0)
            stage->directory_synced = true;
    }
}

static uint8_t *whole_file(struct stage *stage, uint64_t *bytes_out)
{
    struct inode *inode;
    struct disk *disk = machine_disk(stage->machine);
    *bytes_out = 0;
    if (disk_find(disk, disk_root(disk), "/file", O_RDONLY, &inode) < 0)
        return NULL;
    *bytes_out = inode_bytes(inode);
    uint8_t *bytes = test_malloc(*bytes_out + 1);
    assert_int_equal(disk_read(disk, inode, 0, bytes, (uint32_t)*bytes_out), *bytes_out);
    return bytes;
}

static bool block_is_whole(const uint8_t *bytes, uint64_t bytes_count, uint64_t number)
{
    uint8_t block[BLOCK];
    block_of(block, number);
    return (number + 1) * BLOCK <= bytes_count && memcmp(bytes + number * BLOCK, block, BLOCK) == 0;
}

static void what_was_synced_survives_a_loss_of_power_and_the_rest_by_chance(void **state)
{
    (void)state;
    uint32_t lost = 0, kept = 0, gone = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct stage stage;
        uint64_t bytes_count;
        stage_open(&stage, seed);
        stage_begin(&stage, write_blocks);
        world_run(stage.world, SECOND_NS + seed * MILLISECOND_NS / 6);
        process_kill(stage.process, DEATH_POWER);
        uint8_t *bytes = whole_file(&stage, &bytes_count);
        assert_true(bytes != NULL || !stage.directory_synced);
        gone += bytes == NULL && stage.synced_bytes != 0;
        for (uint64_t i = 0; bytes != NULL && i < 40; i++) {
            bool whole = block_is_whole(bytes, bytes_count, i);
            assert_true(whole || i >= stage.synced_bytes / BLOCK);
            lost += !whole && i * BLOCK < bytes_count;
            kept += whole && i >= stage.synced_bytes / BLOCK;
        }
        if (bytes != NULL)
            test_free(bytes);
        stage_close(&stage);
    }
    assert_true(lost > 10 && kept > 10 && gone > 0);
}

static void a_failed_sync_succeeds_the_next_time_and_loses_bytes_all_the_same(void **state)
{
    (void)state;
    uint32_t lost = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct stage stage;
        struct inode *inode;
        uint8_t byte = 'x';
        stage_open(&stage, seed);
        struct disk *disk = machine_disk(stage.machine);
        assert_int_equal(disk_find(disk, disk_root(disk), "a", O_RDWR | O_CREAT, &inode), 0);
        assert_int_equal(disk_sync(disk, disk_root(disk), disk_mark(disk)), 0);
        assert_int_equal(disk_write(disk, inode, 0, &byte, 1, false), 1);
        disk_knobs(disk)->failed_sync_one_in = 1;
        assert_int_equal(disk_sync(disk, inode, disk_mark(disk)), -EIO);
        disk_knobs(disk)->failed_sync_one_in = 0;
        assert_int_equal(disk_sync(disk, inode, disk_mark(disk)), 0);
        disk_lose_power(disk);
        lost += inode_bytes(inode) == 0;
        stage_close(&stage);
    }
    assert_in_range(lost, 1, SEEDS - 1);
}

static void lock_and_keep(void *argument)
{
    struct stage *stage = argument;
    int32_t lock = open_file(stage, "/lock", O_RDWR | O_CREAT);
    int32_t file = open_file(stage, "/file", O_RDWR | O_CREAT);
    uint8_t block[BLOCK];
    block_of(block, 0);
    assert_int_equal(env_keep(stage->env, lock), 0);
    assert_int_equal(env_lock(stage->env, lock), 0);
    struct env_op op = {.kind = ENV_WRITE, .file = file, .data = block, .bytes = BLOCK};
    env_submit(stage->env, &op);
    env_flush(stage->env);
    stage->synced_bytes = 1; /* the write is under way */
    world_sleep(stage->world, UINT64_MAX);
}

static void wait_for_lock(void *argument)
{
    struct stage *stage = argument;
    struct env_done done;
    int32_t lock = open_file(stage, "/lock", O_RDWR | O_CREAT);
    while (env_lock(stage->env, lock) == -EWOULDBLOCK)
        (void)env_reap(stage->env, &done, 1, env_clock(stage->env) + MICROSECOND_NS);
    struct disk *disk = machine_disk(stage->machine);
    stage->synced_bytes = disk_mark(disk);
    (void)env_reap(stage->env, &done, 1, env_clock(stage->env) + SECOND_NS);
    assert_int_equal(disk_mark(disk), stage->synced_bytes);
}

static void
a_kept_lock_is_free_only_when_the_last_write_of_a_killed_process_has_arrived(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct stage stage;
        stage_open(&stage, seed);
        disk_knobs(machine_disk(stage.machine))->latency_ns_max = 0;
        stage_begin(&stage, lock_and_keep);
        for (uint64_t now = SECOND_NS; stage.synced_bytes == 0; now += MICROSECOND_NS / 4)
            world_run(stage.world, now);
        process_kill(stage.process, DEATH_KILL);
        stage_begin(&stage, wait_for_lock);
        world_run(stage.world, 9ull * SECOND_NS);
        stage_close(&stage);
    }
}

/* --- an echo server, and a client that sends it much --- */

enum { BUFFERS = 4, BUFFER_BYTES = 64, TRAFFIC = 20000 };

struct echo {
    int32_t listener;
    int32_t connection;
    uint8_t out[TRAFFIC];
    uint32_t in_bytes;
    uint32_t out_bytes; /* that a send has taken */
    bool receives;
    bool sends;
    bool accepts;
};

enum { USER_ACCEPT, USER_RECEIVE, USER_SEND };

static void echo_done(struct stage *stage, struct echo *echo, uint8_t *memory, struct env_done done)
{
    bool more = (done.flags & ENV_FLAG_MORE) != 0;
    if (done.user == USER_ACCEPT) {
        echo->accepts = more;
        echo->connection = done.result;
    } else if (done.user == USER_SEND) {
        assert_true(done.result > 0);
        echo->sends = false;
        echo->out_bytes += (uint32_t)done.result;
    } else {
        echo->receives = more;
        assert_true(done.result >= 0 || done.result == -ENOBUFS);
        if (done.result <= 0)
            return;
        uint32_t buffer = done.flags >> ENV_BUFFER_SHIFT;
        memcpy(echo->out + echo->in_bytes, memory + buffer * BUFFER_BYTES, (uint32_t)done.result);
        echo->in_bytes += (uint32_t)done.result;
        env_give_back(stage->env, buffer);
    }
}

static void echo_submit(struct stage *stage, struct echo *echo)
{
    if (!echo->accepts)
        env_submit(
            stage->env,
            &(struct env_op){.kind = ENV_ACCEPT, .file = echo->listener, .user = USER_ACCEPT});
    echo->accepts = true;
    if (echo->connection == 0)
        return;
    if (!echo->receives)
        env_submit(
            stage->env,
            &(struct env_op){.kind = ENV_RECEIVE, .file = echo->connection, .user = USER_RECEIVE});
    echo->receives = true;
    if (!echo->sends && echo->in_bytes > echo->out_bytes) {
        echo->sends = true;
        env_submit(stage->env, &(struct env_op){.kind = ENV_SEND,
                                                .file = echo->connection,
                                                .data = echo->out + echo->out_bytes,
                                                .bytes = echo->in_bytes - echo->out_bytes,
                                                .user = USER_SEND});
    }
}

static void echo_server(void *argument)
{
    struct stage *stage = argument;
    static struct echo echo;
    static uint8_t memory[BUFFERS * BUFFER_BYTES];
    echo = (struct echo){.listener = env_listen(stage->env, "10.1.1.1:7", 8)};
    assert_int_equal(env_provide(stage->env, memory, BUFFERS, BUFFER_BYTES), 0);
    while (echo.out_bytes < TRAFFIC) {
        struct env_done done[2];
        echo_submit(stage, &echo);
        uint32_t count = env_reap(stage->env, done, 2, UINT64_MAX);
        for (uint32_t i = 0; i < count; i++)
            echo_done(stage, &echo, memory, done[i]);
    }
}

static void echoes_every_byte(uint64_t seed, uint64_t *trace)
{
    struct stage stage;
    stage_open(&stage, seed);
    *machine_knobs(stage.machine) = (struct env_knobs){.multishot_ends_one_in = 5,
                                                       .part_receive_one_in = 2,
                                                       .early_return_one_in = 9,
                                                       .late_hand_over_one_in = 2};
    *net_knobs(machine_net(stage.machine)) = (struct net_knobs){
        .socket_bytes = 3000, .piece_bytes_max = 700, .latency_ns_max = MILLISECOND_NS};
    stage_begin(&stage, echo_server);
    world_run(stage.world, SECOND_NS + MILLISECOND_NS);
    struct socket *client = net_connect(machine_net(stage.machine), "10.1.1.1:7");
    uint32_t sent = 0, received = 0;
    for (uint32_t step = 1; received < TRAFFIC; step++) {
        uint8_t bytes[100];
        world_run(stage.world, SECOND_NS + MILLISECOND_NS + step * 50ull * MICROSECOND_NS);
        assert_true(step < 1000000);
        for (uint32_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)((sent + i) * 31 >> 3);
        uint32_t left = TRAFFIC - sent;
        int32_t taken = socket_send(client, bytes, left < sizeof bytes ? left : sizeof bytes);
        sent += taken > 0 ? (uint32_t)taken : 0;
        taken = socket_receive(client, bytes, sizeof bytes);
        for (int32_t i = 0; i < taken; i++, received++)
            assert_int_equal(bytes[i], (uint8_t)(received * 31 >> 3));
    }
    assert_true(machine_counts(stage.machine).multishots_ended > 0);
    *trace = world_trace_hash(stage.world);
    stage_close(&stage);
}

static void an_echo_comes_back_byte_for_byte_however_it_is_cut(void **state)
{
    (void)state;
    uint64_t trace;
    for (uint64_t seed = 0; seed < 20; seed++)
        echoes_every_byte(seed, &trace);
}

static void the_same_seed_gives_the_same_trace_and_another_seed_another(void **state)
{
    (void)state;
    uint64_t first, again, other;
    echoes_every_byte(1, &first);
    echoes_every_byte(1, &again);
    echoes_every_byte(2, &other);
    assert_int_equal(first, again);
    assert_int_not_equal(first, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_survives_a_loss_of_power_and_the_rest_by_chance),
        cmocka_unit_test(a_failed_sync_succeeds_the_next_time_and_loses_bytes_all_the_same),
        cmocka_unit_test(
            a_kept_lock_is_free_only_when_the_last_write_of_a_killed_process_has_arrived),
        cmocka_unit_test(an_echo_comes_back_byte_for_byte_however_it_is_cut),
        cmocka_unit_test(the_same_seed_gives_the_same_trace_and_another_seed_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
