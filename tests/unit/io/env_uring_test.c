#include "io/env_uring.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECOND_NS = 1000000000, PAGE = 4096, QUEUE = 8 };

static struct env_world world;
static _Alignas(PAGE) uint8_t pages[2][PAGE];
static char directory[32];

/* Completions that came while another was waited for. */
static struct env_done early[16];
static uint32_t early_count;

static struct env *open_actor(uint32_t actor)
{
    struct env *env = NULL;
    char message[ENV_MESSAGE_BYTES];
    int exit_code = 0;
    if (!env_uring_open(&world, actor, QUEUE, &env, message, &exit_code))
        fail_msg("%s", message);
    return env;
}

static int open_one(void **state)
{
    strcpy(directory, "env_test.XXXXXX");
    early_count = 0;
    *state = open_actor(0);
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int close_one(void **state)
{
    env_uring_close(*state);
    return rmdir(directory); /* every test takes away what it has made */
}

static struct env_done wait_for(struct env *env, uint64_t user)
{
    struct env_done done = {0};
    for (uint32_t i = 0; i < early_count; i++)
        if (early[i].user == user) {
            done = early[i];
            memmove(early + i, early + i + 1, (--early_count - i) * sizeof *early);
            return done;
        }
    uint64_t until_ns = env_clock(env) + 5ull * SECOND_NS;
    while (env_clock(env) < until_ns) {
        if (env_reap(env, &done, 1, until_ns) == 0)
            continue;
        if (done.user == user)
            return done;
        assert_true(early_count < sizeof early / sizeof *early);
        early[early_count++] = done;
    }
    fail_msg("no completion of %llu", (unsigned long long)user);
    return done;
}

static struct env_done run(struct env *env, struct env_op op)
{
    op.user = 4711;
    env_submit(env, &op);
    return wait_for(env, op.user);
}

static int32_t open_path(struct env *env, const char *path, int flags)
{
    return run(env,
               (struct env_op){
                   .kind = ENV_OPEN, .file = ENV_CWD, .path = path, .flags = (uint32_t)flags})
        .result;
}

/* --- files --- */

static void a_registered_write_to_the_device_is_read_back(void **state)
{
    struct env *env = *state;
    struct env_memory memory[] = {{pages[0], PAGE}, {pages[1], PAGE}};
    assert_int_equal(env_register(env, memory, 2), 0);
    int32_t folder = open_path(env, directory, O_DIRECTORY | O_RDONLY);
    struct env_op op = {
        .kind = ENV_OPEN, .file = folder, .path = "a", .flags = O_CREAT | O_RDWR | O_DIRECT};
    int32_t file = run(env, op).result;
    assert_true(file >= 0);
    memset(pages[0], 'x', PAGE);
    memset(pages[1], 0, PAGE);
    op = (struct env_op){.kind = ENV_WRITE,
                         .file = file,
                         .flags = ENV_DSYNC | ENV_REGISTERED,
                         .buffer = 0,
                         .data = pages[0],
                         .bytes = PAGE,
                         .offset = PAGE};
    assert_int_equal(run(env, op).result, PAGE);
    op = (struct env_op){
        .kind = ENV_READ, .file = file, .data = pages[1], .bytes = PAGE, .offset = PAGE};
    assert_int_equal(run(env, op).result, PAGE);
    assert_memory_equal(pages[0], pages[1], PAGE);
    assert_int_equal(env_file_bytes(env, file), 2 * PAGE);
    assert_true(env_free_bytes(env, folder) > 0);
    op = (struct env_op){.kind = ENV_FSYNC, .file = file, .flags = ENV_DATA_ONLY};
    assert_int_equal(run(env, op).result, 0);
    assert_int_equal(run(env, (struct env_op){.kind = ENV_CLOSE, .file = file}).result, 0);
    op = (struct env_op){.kind = ENV_UNLINK, .file = folder, .path = "a"};
    assert_int_equal(run(env, op).result, 0);
    close(folder);
}

static void names_are_made_moved_listed_in_order_and_taken_away(void **state)
{
    struct env *env = *state;
    char names[64];
    int32_t folder = open_path(env, directory, O_DIRECTORY | O_RDONLY);
    const char *made[] = {"c", "a", "bb"};
    for (uint32_t i = 0; i < 3; i++)
        close(run(env, (struct env_op){.kind = ENV_OPEN,
                                       .file = folder,
                                       .path = made[i],
                                       .flags = O_CREAT | O_WRONLY})
                  .result);
    struct env_op op = {.kind = ENV_RENAME, .file = folder, .path = "a", .path_to = "d"};
    assert_int_equal(run(env, op).result, 0);
    assert_int_equal(env_list(env, folder, names, sizeof names), 3);
    assert_memory_equal(names, "bb\0c\0d", 7);
    assert_int_equal(env_list(env, folder, names, 6), -ENOBUFS);
    assert_int_equal(run(env, (struct env_op){.kind = ENV_FSYNC, .file = folder}).result, 0);
    const char *left[] = {"bb", "c", "d"};
    for (uint32_t i = 0; i < 3; i++) {
        op = (struct env_op){.kind = ENV_UNLINK, .file = folder, .path = left[i]};
        assert_int_equal(run(env, op).result, 0);
    }
    op = (struct env_op){.kind = ENV_MKDIR, .file = folder, .path = "sub"};
    assert_int_equal(run(env, op).result, 0);
    assert_int_equal(unlinkat(folder, "sub", AT_REMOVEDIR), 0);
    close(folder);
}

static void a_failure_brings_the_kernels_error(void **state)
{
    assert_int_equal(open_path(*state, "env_test.none/none", O_RDONLY), -ENOENT);
}

static void a_full_queue_is_handed_over_and_goes_on(void **state)
{
    struct env *env = *state;
    enum { MANY = 50 * QUEUE };
    bool seen[MANY] = {false};
    uint32_t count = 0;
    int32_t file = open_path(env, "/dev/zero", O_RDONLY);
    for (uint64_t i = 0; i < MANY; i++)
        env_submit(env,
                   &(struct env_op){
                       .kind = ENV_READ, .file = file, .data = pages[0], .bytes = 1, .user = i});
    while (count < MANY) {
        struct env_done done[7];
        uint32_t got = env_reap(env, done, 7, env_clock(env) + 20ull * SECOND_NS);
        assert_in_range(got, 1, 7);
        for (uint32_t i = 0; i < got; i++, count++) {
            assert_int_equal(done[i].result, 1);
            assert_false(seen[done[i].user]);
            seen[done[i].user] = true;
        }
    }
    assert_false(env_pending(env));
    close(file);
}

static void a_lock_that_is_kept_outlives_its_descriptor(void **state)
{
    struct env *env = *state;
    int32_t first = open_path(env, directory, O_DIRECTORY | O_RDONLY);
    int32_t second = open_path(env, directory, O_DIRECTORY | O_RDONLY);
    assert_int_equal(env_lock(env, first), 0);
    assert_int_equal(env_lock(env, second), -EWOULDBLOCK);
    assert_int_equal(env_keep(env, first), 0);
    close(first);
    assert_int_equal(env_lock(env, second), -EWOULDBLOCK);
    close(second);
}

/* --- sockets --- */

struct pair {
    int32_t listener;
    int32_t client;
    int32_t server;
};

static int32_t connect_to(struct env *env, const char *address)
{
    uint8_t peer[128];
    uint32_t bytes;
    int32_t file = env_socket(env, address, peer, &bytes);
    assert_true(file >= 0);
    struct env_op op = {.kind = ENV_CONNECT, .file = file, .data = peer, .bytes = bytes};
    assert_int_equal(run(env, op).result, 0);
    return file;
}

static struct pair connect_pair(struct env *env)
{
    struct pair pair;
    char address[ENV_ADDRESS_BYTES_MAX];
    pair.listener = env_listen(env, "127.0.0.1:0", 16);
    assert_true(pair.listener >= 0);
    assert_true(env_address(env, pair.listener, false, address) > 0);
    pair.client = connect_to(env, address);
    env_submit(env, &(struct env_op){.kind = ENV_ACCEPT, .file = pair.listener, .user = 1});
    struct env_done done = wait_for(env, 1);
    assert_true(done.result >= 0);
    pair.server = done.result;
    return pair;
}

static void close_pair(struct pair pair)
{
    close(pair.listener);
    close(pair.client);
    close(pair.server);
}

static void send_bytes(struct env *env, int32_t file, const void *at, uint32_t bytes)
{
    union {
        const void *from;
        void *at;
    } data = {.from = at};
    struct env_op op = {.kind = ENV_SEND, .file = file, .data = data.at, .bytes = bytes, .user = 2};
    env_submit(env, &op);
    env_flush(env);
}

static void one_accept_takes_every_connection(void **state)
{
    struct env *env = *state;
    char address[ENV_ADDRESS_BYTES_MAX], own[ENV_ADDRESS_BYTES_MAX], peer[ENV_ADDRESS_BYTES_MAX];
    int32_t listener = env_listen(env, "127.0.0.1:0", 16);
    assert_true(env_address(env, listener, false, address) > 0);
    env_submit(env, &(struct env_op){.kind = ENV_ACCEPT, .file = listener, .user = 1});
    for (uint32_t i = 0; i < 3; i++) {
        int32_t client = connect_to(env, address);
        struct env_done done = wait_for(env, 1);
        assert_true(done.result >= 0 && (done.flags & ENV_FLAG_MORE) != 0);
        assert_true(env_address(env, client, false, own) > 0);
        assert_true(env_address(env, done.result, true, peer) > 0);
        assert_string_equal(own, peer);
        close(client);
        close(done.result);
    }
    close(listener);
}

static void buffers_that_run_out_lose_no_byte(void **state)
{
    struct env *env = *state;
    enum { BUFFERS = 2, BUFFER_BYTES = 64, ALL = 1000 };
    static uint8_t buffers[BUFFERS * BUFFER_BYTES];
    uint8_t sent[ALL], got[ALL];
    uint32_t got_bytes = 0, ran_out = 0;
    for (uint32_t i = 0; i < ALL; i++)
        sent[i] = (uint8_t)(i * 7);
    struct pair pair = connect_pair(env);
    assert_int_equal(env_provide(env, buffers, BUFFERS, BUFFER_BYTES), 0);
    struct env_op receive = {.kind = ENV_RECEIVE, .file = pair.server, .user = 3};
    env_submit(env, &receive);
    send_bytes(env, pair.client, sent, ALL);
    while (got_bytes < ALL) {
        uint32_t held[BUFFERS], held_count = 0;
        struct env_done done = wait_for(env, 3);
        for (; (done.flags & ENV_FLAG_MORE) != 0; done = wait_for(env, 3)) {
            assert_true((done.flags & ENV_FLAG_BUFFER) != 0 && done.result > 0);
            held[held_count] = done.flags >> ENV_BUFFER_SHIFT;
            assert_true(got_bytes + (uint32_t)done.result <= ALL);
            memcpy(got + got_bytes, buffers + held[held_count++] * BUFFER_BYTES,
                   (size_t)done.result);
            got_bytes += (uint32_t)done.result;
            if (got_bytes == ALL)
                break;
        }
        if (got_bytes < ALL) {
            assert_int_equal(done.result, -ENOBUFS);
            ran_out++;
            env_submit(env, &receive);
        }
        for (uint32_t i = 0; i < held_count; i++)
            env_give_back(env, held[i]);
    }
    assert_memory_equal(sent, got, ALL);
    assert_true(ran_out > 0);
    close_pair(pair);
}

static void stopping_a_receive_leaves_the_send_alone(void **state)
{
    struct env *env = *state;
    static uint8_t buffers[64], flood[8 << 20];
    struct pair pair = connect_pair(env);
    assert_int_equal(env_provide(env, buffers, 1, sizeof buffers), 0);
    env_submit(env, &(struct env_op){.kind = ENV_RECEIVE, .file = pair.server, .user = 3});
    send_bytes(env, pair.server, flood, sizeof flood);
    env_submit(env, &(struct env_op){.kind = ENV_STOP, .offset = 3, .user = 4});
    struct env_done done = wait_for(env, 3);
    assert_int_equal(done.result, -ECANCELED);
    assert_int_equal(done.flags & ENV_FLAG_MORE, 0);
    size_t left = sizeof flood;
    while (left > 0) {
        ssize_t got = read(pair.client, flood, left);
        assert_true(got > 0);
        left -= (size_t)got;
        (void)env_reap(env, &done, 0, 0);
    }
    assert_int_equal(wait_for(env, 2).result, sizeof flood);
    close_pair(pair);
}

static void cancelling_a_socket_ends_all_of_its_operations(void **state)
{
    struct env *env = *state;
    static uint8_t buffers[64], flood[8 << 20];
    uint32_t ended = 0, cancelled = 0;
    struct pair pair = connect_pair(env);
    assert_int_equal(env_provide(env, buffers, 1, sizeof buffers), 0);
    env_submit(env, &(struct env_op){.kind = ENV_RECEIVE, .file = pair.server, .user = 3});
    send_bytes(env, pair.server, flood, sizeof flood);
    env_submit(env, &(struct env_op){.kind = ENV_CANCEL, .file = pair.server, .user = 4});
    while (ended < 3) {
        struct env_done done;
        assert_int_equal(env_reap(env, &done, 1, env_clock(env) + 20ull * SECOND_NS), 1);
        cancelled += done.user == 4 ? (uint32_t)done.result : 0;
        ended++;
    }
    assert_int_equal(cancelled, 2);
    close_pair(pair);
}

static void a_shut_down_socket_gives_its_peer_the_end(void **state)
{
    struct env *env = *state;
    static uint8_t buffers[64];
    struct pair pair = connect_pair(env);
    assert_int_equal(env_provide(env, buffers, 1, sizeof buffers), 0);
    env_submit(env, &(struct env_op){.kind = ENV_RECEIVE, .file = pair.client, .user = 3});
    assert_int_equal(run(env, (struct env_op){.kind = ENV_SHUTDOWN, .file = pair.server}).result,
                     0);
    struct env_done done = wait_for(env, 3);
    assert_int_equal(done.result, 0);
    assert_int_equal(done.flags & ENV_FLAG_MORE, 0);
    close_pair(pair);
}

static void a_name_left_behind_by_a_dead_server_is_taken_over(void **state)
{
    struct env *env = *state;
    char address[64];
    snprintf(address, sizeof address, "unix:%s/s", directory);
    int32_t first = env_listen(env, address, 16);
    assert_true(first >= 0);
    assert_int_equal(env_listen(env, address, 16), -EADDRINUSE);
    close(first);
    int32_t second = env_listen(env, address, 16);
    assert_true(second >= 0);
    char own[ENV_ADDRESS_BYTES_MAX];
    assert_true(env_address(env, second, false, own) > 0);
    assert_string_equal(own, address);
    close(connect_to(env, address));
    close(second);
    assert_int_equal(unlink(address + strlen("unix:")), 0);
}

static void an_address_that_is_none_is_refused(void **state)
{
    const char *wrong[] = {"",
                           ":",
                           "80",
                           "127.0.0.1",
                           "127.0.0.1:",
                           "127.0.0.1:65536",
                           "::1:80",
                           "[::1:80",
                           "[]:80",
                           "127.0.0.1:+80",
                           "127.0.0.1:80x",
                           "unix:",
                           "999.0.0.1:80"};
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(env_listen(*state, wrong[i], 16), -EINVAL);
}

/* --- waiting and waking --- */

/* How long it took; nothing comes meanwhile. */
static uint64_t wait_out(struct env *env, uint64_t wait_ns)
{
    struct env_done done;
    uint64_t begin_ns = env_clock(env);
    while (env_clock(env) < begin_ns + wait_ns) /* a wait may end early */
        assert_int_equal(env_reap(env, &done, 1, begin_ns + wait_ns), 0);
    return env_clock(env) - begin_ns;
}

static void a_wait_ends_at_its_deadline_with_an_operation_queued_or_not(void **state)
{
    struct env *env = *state;
    enum { WAIT_NS = 50000000, TRIES = 5 };
    static uint8_t buffers[64];
    struct pair pair = connect_pair(env);
    struct env_done done;
    assert_int_equal(env_provide(env, buffers, 1, sizeof buffers), 0);
    (void)env_reap(env, &done, 1, env_clock(env) + 1000000); /* accept's own */
    uint64_t shortest_ns[2] = {UINT64_MAX, UINT64_MAX};
    for (uint32_t i = 0; i < 2 * TRIES; i++) {
        if (i % 2 == 1)
            env_submit(env, &(struct env_op){.kind = ENV_RECEIVE, .file = pair.server, .user = 3});
        uint64_t waited_ns = wait_out(env, WAIT_NS);
        if (waited_ns < shortest_ns[i % 2])
            shortest_ns[i % 2] = waited_ns;
        if (i % 2 == 1) {
            (void)run(env, (struct env_op){.kind = ENV_STOP, .offset = 3});
            while (env_reap(env, &done, 1, 0) == 1)
                ;
        }
    }
    assert_in_range(shortest_ns[0], WAIT_NS, 3 * WAIT_NS / 2);
    assert_in_range(shortest_ns[1], WAIT_NS, 3 * WAIT_NS / 2);
    close_pair(pair);
}

static void a_wait_that_a_completion_has_ended_leaves_the_next_its_own_deadline(void **state)
{
    struct env *env = *state;
    enum { SHORT_NS = 5000000 };
    const uint64_t LONG_NS = 20ull * SECOND_NS;
    for (uint32_t i = 0; i < 3; i++) {
        struct env_op soon = {.kind = ENV_UNLINK, .file = ENV_CWD, .path = "none", .user = i};
        struct env_done done;
        env_submit(env, &soon);
        assert_int_equal(env_reap(env, &done, 1, env_clock(env) + LONG_NS), 1);
        assert_true(wait_out(env, SHORT_NS) < LONG_NS / 2);
    }
}

static void without_a_deadline_nothing_waits(void **state)
{
    struct env_done done;
    assert_int_equal(env_reap(*state, &done, 1, 0), 0);
}

struct sleeper {
    struct atomic64 ready;
    uint64_t slept_ns;
    uint32_t completions;
};

static void *sleep_until_woken(void *argument)
{
    struct sleeper *sleeper = argument;
    struct env *env = open_actor(1);
    struct env_done done;
    uint64_t begin_ns = env_clock(env);
    atomic_store(&sleeper->ready, 1); /* a_doorbell_wakes_a_sleeping_actor loads it */
    sleeper->completions = env_reap(env, &done, 1, begin_ns + 20ull * SECOND_NS);
    sleeper->slept_ns = env_clock(env) - begin_ns;
    env_uring_close(env);
    return NULL;
}

static void a_doorbell_wakes_a_sleeping_actor_and_is_no_completion(void **state)
{
    struct env *env = *state;
    struct sleeper sleeper = {0};
    struct env_done done;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, sleep_until_woken, &sleeper), 0);
    while (atomic_load(&sleeper.ready) == 0) /* pairs with the store in sleep_until_woken */
        sched_yield();
    env_doorbell(env, 1);
    pthread_join(thread, NULL);
    assert_true(sleeper.slept_ns < 10ull * SECOND_NS);
    assert_int_equal(sleeper.completions, 0);
    assert_int_equal(env_reap(env, &done, 1, 0), 0);
}

static void a_doorbell_for_nobody_is_harmless(void **state)
{
    struct env_done done;
    env_doorbell(*state, 5);
    env_doorbell(*state, 1); /* has been closed, if it was ever open */
    assert_int_equal(env_reap(*state, &done, 1, 0), 0);
}

static void clocks_go_forward_and_chance_differs(void **state)
{
    uint64_t before_ns = env_clock(*state);
    assert_true(env_clock(*state) >= before_ns);
    assert_true(env_now(*state) > 1600000000ull * SECOND_NS);
    assert_true(env_random(*state) != env_random(*state));
}

/* --- standing back --- */

/* How many of our threads, and of the kernel's that work for us, the system runs like this. */
static uint32_t threads_under(int policy)
{
    DIR *tasks = opendir("/proc/self/task");
    const struct dirent *task;
    uint32_t count = 0;
    assert_non_null(tasks);
    while ((task = readdir(tasks)) != NULL)
        count += *task->d_name != '.' && sched_getscheduler(atoi(task->d_name)) == policy;
    closedir(tasks);
    return count;
}

/* A file in the page cache is written by a thread of the kernel's. */
static void make_the_kernel_work(struct env *env)
{
    int file = open(directory, O_TMPFILE | O_RDWR, 0600);
    struct env_op write = {
        .kind = ENV_WRITE, .file = file, .data = pages[0], .bytes = PAGE, .user = 1};
    assert_int_equal(env_do(env, &write), PAGE);
    close(file);
}

static void stand_back_and_return(struct env *env)
{
    env_stand_back(env, false);
    make_the_kernel_work(env);
    assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
    env_stand_back(env, true);
    assert_int_equal(sched_getscheduler(0), SCHED_IDLE);
    assert_int_equal(threads_under(SCHED_BATCH), 0);
    assert_true(threads_under(SCHED_IDLE) > 1);
    env_stand_back(env, false);
    assert_int_equal(threads_under(SCHED_IDLE), 0);
    assert_true(threads_under(SCHED_BATCH) > 1);
}

static void *with_an_actor_of_its_own(void *unused)
{
    (void)unused;
    struct env *env = open_actor(1);
    stand_back_and_return(env);
    env_uring_close(env);
    return NULL;
}

/* As root, unless a container has taken that away; in a child, for there may be no way back. */
static bool may_become_less_nice(void)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(setpriority(PRIO_PROCESS, 0, 11) == 0 && setpriority(PRIO_PROCESS, 0, 10) == 0 ? 0
                                                                                             : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status == 0;
}

static void who_stands_back_takes_the_kernels_threads_along_and_returns(void **state)
{
    (void)state;
    pthread_t thread;
    if (!may_become_less_nice())
        skip();
    assert_int_equal(pthread_create(&thread, NULL, with_an_actor_of_its_own, NULL), 0);
    pthread_join(thread, NULL);
}

static void who_could_not_return_keeps_its_share(void **state)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        bool lowered = setrlimit(RLIMIT_NICE, &(struct rlimit){0}) == 0 &&
                       (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0);
        env_stand_back(*state, true);
        _exit(lowered && sched_getscheduler(0) == SCHED_BATCH ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* --- saying --- */

static void a_line_that_nobody_reads_does_not_block(void **state)
{
    int ends[2];
    char line[512], first[6];
    int kept = dup(STDERR_FILENO);
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    env_say(*state, "first");
    for (uint32_t i = 0; i < 1000; i++)
        env_say(*state, line);
    dup2(kept, STDERR_FILENO);
    assert_int_equal(read(ends[0], first, sizeof first), sizeof first);
    assert_memory_equal(first, "first\n", sizeof first);
    close(ends[0]);
    close(ends[1]);
    close(kept);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_one, close_one)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_registered_write_to_the_device_is_read_back),
        TEST(names_are_made_moved_listed_in_order_and_taken_away),
        TEST(a_failure_brings_the_kernels_error),
        TEST(a_full_queue_is_handed_over_and_goes_on),
        TEST(a_lock_that_is_kept_outlives_its_descriptor),
        TEST(one_accept_takes_every_connection),
        TEST(buffers_that_run_out_lose_no_byte),
        TEST(stopping_a_receive_leaves_the_send_alone),
        TEST(cancelling_a_socket_ends_all_of_its_operations),
        TEST(a_shut_down_socket_gives_its_peer_the_end),
        TEST(a_name_left_behind_by_a_dead_server_is_taken_over),
        TEST(an_address_that_is_none_is_refused),
        TEST(a_wait_ends_at_its_deadline_with_an_operation_queued_or_not),
        TEST(a_wait_that_a_completion_has_ended_leaves_the_next_its_own_deadline),
        TEST(without_a_deadline_nothing_waits),
        TEST(a_doorbell_wakes_a_sleeping_actor_and_is_no_completion),
        TEST(a_doorbell_for_nobody_is_harmless),
        TEST(clocks_go_forward_and_chance_differs),
        TEST(who_stands_back_takes_the_kernels_threads_along_and_returns),
        TEST(who_could_not_return_keeps_its_share),
        TEST(a_line_that_nobody_reads_does_not_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
