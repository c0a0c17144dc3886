/* bench/floor.c - what this machine takes for a durable answer when nothing is decided in between.
 *
 *   spate-floor DIRECTORY [rounds=5] [answers=4000] [server=CORE client=CORE]
 *
 * One thread asks over loopback and waits; another receives, writes a block of 4 KiB to the device
 * (O_DIRECT, RWF_DSYNC, registered buffer and file, a file that has been written before) and answers,
 * with as few calls as io_uring allows: one that writes and waits, one that sends and waits for the next
 * question. The same with a write that the thread itself waits for, which can do nothing else meanwhile;
 * without a write; and by themselves the durable write, and its two parts, the write and the flush. All
 * of them interleaved. */
#include <liburing.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 4096, ASKED_BYTES = 160, ANSWER_BYTES = 96, ANSWERS_MAX = 1 << 20 };

enum how { BY_RING, BY_CALL, NOT_AT_ALL };

struct served {
    struct io_uring ring;
    uint8_t *block;
    int file;
    int socket;
    enum how durable;
    uint32_t next_block;
};

static uint32_t answers = 4000, rounds = 5;
static int server_core = -1, client_core = -1;
static uint32_t taken_ns[ANSWERS_MAX];

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "spate-floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void keep_to(int core)
{
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET((unsigned)core, &mask);
    need(core < 0 || sched_setaffinity(0, sizeof mask, &mask) == 0, "a core");
}

static int open_written(const char *directory)
{
    char path[4096];
    static _Alignas(BLOCK) uint8_t zeros[64 * BLOCK];
    snprintf(path, sizeof path, "%s/floor.%d", directory, (int)getpid());
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_DIRECT, 0600);
    need(file >= 0, path);
    unlink(path);
    for (uint32_t i = 0; i < BLOCKS / 64; i++)
        need(pwrite(file, zeros, sizeof zeros, i * (off_t)sizeof zeros) == sizeof zeros, "write");
    need(fsync(file) == 0, "fsync");
    return file;
}

static void open_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    need(bind(listener, (void *)&address, bytes) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (void *)&address, &bytes) == 0,
         "listen");
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(pair[0], (void *)&address, bytes) == 0, "connect");
    pair[1] = accept(listener, NULL, NULL);
    need(pair[1] >= 0, "accept");
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    close(listener);
}

static struct io_uring_sqe *entry(struct served *s)
{
    struct io_uring_sqe *free_one = io_uring_get_sqe(&s->ring);
    if (free_one == NULL)
        abort(); /* there are never more than two */
    return free_one;
}

/* Submits what is queued and waits for one completion; its result. */
static int32_t one(struct served *s)
{
    struct io_uring_cqe *done = NULL;
    int result = io_uring_submit_and_wait(&s->ring, 1);
    need(result >= 0 && io_uring_peek_cqe(&s->ring, &done) == 0, "io_uring");
    int32_t value = done->res;
    io_uring_cqe_seen(&s->ring, done);
    errno = value < 0 ? -value : 0;
    need(value >= 0, "an operation");
    return value;
}

static void write_block(struct served *s)
{
    s->next_block = (s->next_block + 1) % BLOCKS;
    uint64_t offset = (uint64_t)s->next_block * BLOCK;
    if (s->durable == BY_CALL) {
        struct iovec part = {s->block, BLOCK};
        need(pwritev2(s->file, &part, 1, (off_t)offset, RWF_DSYNC) == BLOCK, "write");
        return;
    }
    struct io_uring_sqe *write = entry(s);
    io_uring_prep_write_fixed(write, 0, s->block, BLOCK, offset, 0);
    write->flags |= IOSQE_FIXED_FILE;
    write->rw_flags = RWF_DSYNC;
    need(one(s) == BLOCK, "a whole block");
}

static void open_ring(struct served *s)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                              IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL};
    struct iovec part = {s->block, BLOCK};
    need(io_uring_queue_init_params(8, &s->ring, &params) == 0, "io_uring");
    io_uring_register_ring_fd(&s->ring);
    need(io_uring_register_buffers(&s->ring, &part, 1) == 0 &&
             io_uring_register_files(&s->ring, &s->file, 1) == 0,
         "registering a buffer and a file");
}

static void *serve(void *argument)
{
    struct served *s = argument;
    uint8_t buffer[1024];
    keep_to(server_core);
    open_ring(s);
    for (;;) {
        struct io_uring_sqe *receive = entry(s);
        io_uring_prep_recv(receive, s->socket, buffer, sizeof buffer, 0);
        receive->ioprio |= IORING_RECVSEND_POLL_FIRST;
        if (one(s) == 0)
            break;
        if (s->durable != NOT_AT_ALL)
            write_block(s);
        struct io_uring_sqe *send = entry(s); /* leaves with the next receive */
        io_uring_prep_send(send, s->socket, buffer, ANSWER_BYTES, 0);
        send->flags |= IOSQE_CQE_SKIP_SUCCESS;
    }
    io_uring_queue_exit(&s->ring);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double median_us(void)
{
    qsort(taken_ns, answers, sizeof *taken_ns, by_value);
    return taken_ns[answers / 2] / 1e3;
}

static double ask(int file, uint8_t *block, enum how durable)
{
    uint8_t buffer[1024] = {0};
    int pair[2];
    pthread_t thread;
    open_pair(pair);
    struct served served = {.block = block, .file = file, .socket = pair[1], .durable = durable};
    need(pthread_create(&thread, NULL, serve, &served) == 0, "a thread");
    for (uint32_t i = 0; i < answers; i++) {
        uint64_t begin_ns = now_ns();
        need(send(pair[0], buffer, ASKED_BYTES, 0) == ASKED_BYTES, "send");
        need(recv(pair[0], buffer, ANSWER_BYTES, MSG_WAITALL) == ANSWER_BYTES, "receive");
        taken_ns[i] = (uint32_t)(now_ns() - begin_ns);
    }
    close(pair[0]);
    pthread_join(thread, NULL);
    close(pair[1]);
    return median_us();
}

enum part { DURABLE_WRITE, PLAIN_WRITE, FLUSH };

static void do_part(int file, const uint8_t *block, enum part part, uint32_t at)
{
    struct iovec whole = {(void *)(uintptr_t)block, BLOCK};
    if (part == FLUSH)
        need(fdatasync(file) == 0, "fdatasync");
    else
        need(pwritev2(file, &whole, 1, (at % BLOCKS) * (off_t)BLOCK,
                      part == DURABLE_WRITE ? RWF_DSYNC : 0) == BLOCK,
             "write");
}

static double alone(int file, const uint8_t *block, enum part part)
{
    for (uint32_t i = 0; i < answers; i++) {
        uint64_t begin_ns = now_ns();
        do_part(file, block, part, i);
        taken_ns[i] = (uint32_t)(now_ns() - begin_ns);
    }
    return median_us();
}

static void say_round(int file, uint8_t *block)
{
    keep_to(client_core);
    double by_ring = ask(file, block, BY_RING), by_call = ask(file, block, BY_CALL);
    double echo = ask(file, block, NOT_AT_ALL);
    keep_to(server_core);
    double both = alone(file, block, DURABLE_WRITE), write = alone(file, block, PLAIN_WRITE);
    printf("p50  durable answer %.1f us  with a write that blocks %.1f us  echo %.1f us  "
           "durable write %.1f us  write %.1f us  flush %.1f us\n",
           by_ring, by_call, echo, both, write, alone(file, block, FLUSH));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    need(argc >= 2,
         "usage: spate-floor DIRECTORY [rounds=5] [answers=4000] [server=CORE client=CORE]");
    for (int i = 2; i < argc; i++) {
        bool known = sscanf(argv[i], "rounds=%u", &rounds) == 1 ||
                     sscanf(argv[i], "answers=%u", &answers) == 1 ||
                     sscanf(argv[i], "server=%d", &server_core) == 1 ||
                     sscanf(argv[i], "client=%d", &client_core) == 1;
        errno = known ? 0 : EINVAL;
        need(known, argv[i]);
    }
    need(answers > 0 && answers <= ANSWERS_MAX, "answers");
    int file = open_written(argv[1]);
    uint8_t *block = aligned_alloc(BLOCK, BLOCK);
    memset(block, 0, BLOCK);
    for (uint32_t i = 0; i < rounds; i++)
        say_round(file, block);
    return 0;
}
