/* bench/load.c - orders over the binary protocol or HTTP, as fast as answers come or at a given rate.
 *
 *   spate-load ADDR:PORT [connections=2] [batch=512] [window=2] [seconds=5] [rate=0] [orders=0]
 *              [lines=2] [skus=1000] [hot=0] [http=0] [found=0] [first=0] [pid=0] [only=0] [own=0]
 *              [pay=0] [spin=0]
 *
 * Each connection keeps `window` frames of `batch` orders open and sends the next when one has been
 * answered. With rate, frames leave on a schedule that never moves, and their time counts from it, so
 * that a server that is slow is not asked less. It ends after `seconds`, or after `orders` if said.
 * Connection i speaks with shard i modulo their number, and sends it the orders whose home it is.
 * found=1: afterwards every order that was acknowledged is asked for. With pid, also the processor time
 * that the server took. hot=1: every order takes the same SKU, and one of the others. only=N: all
 * connections speak with the Nth shard, counted from 1. own=1: orders take SKUs of their home's shard
 * alone, and concern no other shard. pay=1: a payment is made for each order of an earlier run
 * with the same `first`, `connections` and `orders`. spin=1: with rate, never sleeps, which makes
 * it more punctual where it has a core of its own that no disk interrupts. `first` is the first
 * order's number; `next` in what is said is the one to begin with when the same server is loaded
 * again, and `lag` how late we were ourselves, at most, as the median, and at the 99th percentile.
 *
 * It is its own program and not on libspate because what it costs is taken from the server on the same
 * cores. */
#include "bench/load.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/check.h"
#include "io/frame.h"

enum { CONNECTIONS_MAX = 1024, SAMPLES_MAX = 1 << 22, PATIENCE_MS = 20000 };

struct samples {
    uint32_t *ns;
    uint64_t count;
};

struct wish wish = {
    .connections = 2, .batch = 512, .window = 2, .seconds = 5, .lines = 2, .skus = 1000};
static struct client clients[CONNECTIONS_MAX];
static uint64_t placed, refused, found, sent;
static uint64_t begin_ns, end_ns;
static bool looking;          /* for the orders that were placed */
static struct samples frames; /* from when each was due, or left, until its last answer */
static struct samples lags;   /* our own: how late a frame left, with none before it open */
static int poller;

void check_failed(const char *file, int line, const char *claim)
{
    fprintf(stderr, "spate-load: %s:%d: %s (%s)\n", file, line, claim, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void note(struct samples *samples, uint64_t ns)
{
    if (samples->count < SAMPLES_MAX)
        samples->ns[samples->count++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* --- the beginning of a connection --- */

void load_connect(struct client *c, const char *address)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strrchr(address, ':');
    CHECK(colon != NULL && (size_t)(colon - address) < sizeof host);
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = 0;
    CHECK(inet_pton(AF_INET, host, &peer.sin_addr) == 1);
    peer.sin_port = htons((uint16_t)atoi(colon + 1));
    c->file = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(c->file >= 0 && connect(c->file, (struct sockaddr *)&peer, sizeof peer) == 0);
    int one = 1;
    setsockopt(c->file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->out == NULL) {
        c->out = malloc(FRAME_BYTES_MAX);
        c->in = malloc(IN_BYTES_MAX);
    }
}

static void open_client(struct client *c, uint32_t number)
{
    c->number = number;
    c->next_order = wish.first + number;
    c->created_room = 1024;
    c->created = malloc(c->created_room * sizeof *c->created);
    if (wish.http != 0)
        http_open(c);
    else
        binary_open(c, wish.only != 0 ? (uint32_t)wish.only - 1 : number);
}

static void prepare(void)
{
    struct client *first = &clients[0];
    if (wish.http != 0) {
        http_open(first);
        http_stock_up(first);
    } else {
        binary_open(first, 0);
        binary_stock_up(first);
    }
    close(first->file);
    for (uint32_t i = 0; i < wish.connections; i++)
        open_client(&clients[i], i);
}

/* --- frames --- */

void load_places(uint64_t order, uint32_t *places)
{
    uint64_t mixed = order * UINT64_C(0x9e3779b97f4a7c15);
    places[0] = wish.hot != 0 ? 0 : (uint32_t)((mixed >> 32) % wish.skus);
    uint32_t step = 1 + (uint32_t)((mixed & 0xffff) % (wish.skus / wish.lines));
    for (uint32_t line = 1; line < wish.lines; line++)
        places[line] = (places[line - 1] + step) % (uint32_t)wish.skus;
}

/* On a schedule, `orders` have become a time at which it ends. */
static uint64_t frame_left(const struct client *c)
{
    uint64_t left = wish.batch;
    if (looking)
        left = c->created_count - c->asked;
    else if (wish.orders != 0 && wish.rate == 0)
        left = sent < wish.orders ? wish.orders - sent : 0;
    return left < wish.batch ? left : wish.batch;
}

static uint32_t write_one(struct client *c, void *at)
{
    if (wish.http != 0)
        return looking ? http_question(c, at) : http_order(c, at);
    return looking ? binary_question(c, at) : binary_order(c, at);
}

static void fill(struct client *c, uint64_t count, uint64_t counts_from_ns)
{
    uint32_t bytes = wish.http != 0 ? 0 : sizeof(struct frame);
    for (uint64_t i = 0; i < count; i++)
        bytes += write_one(c, c->out + bytes);
    c->out_bytes = wish.http != 0 ? bytes : binary_seal_frame(c, bytes, (uint32_t)count);
    c->out_sent = 0;
    c->open += (uint32_t)count;
    c->left[c->frames_tail % WINDOW_MAX] = (uint32_t)count;
    c->sent_ns[c->frames_tail++ % WINDOW_MAX] = counts_from_ns;
    if (!looking)
        sent += count;
}

/* Begins the next frame if it is time for one. */
static bool begin_frame(struct client *c)
{
    uint64_t count = frame_left(c), now = now_ns();
    if (c->frames_tail - c->frames_head >= wish.window || count == 0)
        return false;
    if (looking || wish.rate == 0) {
        if (!looking && wish.orders == 0 && now >= end_ns)
            return false;
        fill(c, count, now);
        return true;
    }
    if (now < c->due_ns || c->due_ns >= end_ns)
        return false;
    fill(c, count, c->due_ns);
    if (c->open == count)
        note(&lags, now - c->due_ns);
    c->due_ns += wish.connections * wish.batch * 1000000000 / wish.rate;
    return true;
}

static void watch(struct client *c, bool blocked, int how)
{
    struct epoll_event event = {.events = EPOLLIN | (blocked ? EPOLLOUT : 0),
                                .data.u32 = c->number};
    CHECK(epoll_ctl(poller, how, c->file, &event) == 0);
    c->blocked = blocked;
}

static void send_more(struct client *c)
{
    for (;;) {
        if (c->out_sent == c->out_bytes && !begin_frame(c))
            return;
        ssize_t done = send(c->file, c->out + c->out_sent, c->out_bytes - c->out_sent,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        bool blocked = done < 0 && errno == EAGAIN;
        if (blocked != c->blocked)
            watch(c, blocked, EPOLL_CTL_MOD);
        if (blocked)
            return;
        CHECK(done > 0);
        c->out_sent += (uint32_t)done;
    }
}

static void remember(struct client *c, uint64_t order)
{
    if (wish.found == 0)
        return;
    if (c->created_count == c->created_room) {
        c->created_room *= 2;
        c->created = realloc(c->created, c->created_room * sizeof *c->created);
        CHECK(c->created != NULL);
    }
    c->created[c->created_count++] = order;
}

/* Answers of one connection come nearly in order: they are booked on the oldest frame. */
void on_answer(struct client *c, enum answer_kind kind, uint64_t order)
{
    if (looking) {
        found += kind == ANSWER_FOUND;
    } else if (kind == ANSWER_CREATED) {
        placed++;
        remember(c, order);
    } else {
        refused++;
    }
    c->open--;
    uint32_t frame = c->frames_head % WINDOW_MAX;
    if (--c->left[frame] > 0)
        return;
    if (!looking)
        note(&frames, now_ns() - c->sent_ns[frame]);
    c->frames_head++;
}

static void receive_some(struct client *c)
{
    ssize_t got = recv(c->file, c->in + c->in_bytes, IN_BYTES_MAX - c->in_bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    CHECK(got > 0);
    c->in_bytes += (uint32_t)got;
    uint32_t taken = wish.http != 0 ? http_answers(c) : binary_answers(c);
    memmove(c->in, c->in + taken, c->in_bytes - taken);
    c->in_bytes -= taken;
}

/* When somebody's next frame is due; with answers to wait for alone, after all patience. */
static uint64_t next_due_ns(uint64_t now)
{
    uint64_t due_ns = now + PATIENCE_MS * UINT64_C(1000000);
    for (uint32_t i = 0; i < wish.connections && wish.rate != 0 && !looking; i++)
        if (clients[i].due_ns < due_ns && clients[i].due_ns < end_ns &&
            clients[i].frames_tail - clients[i].frames_head < wish.window)
            due_ns = clients[i].due_ns > now ? clients[i].due_ns : now;
    return due_ns;
}

static bool is_over(void)
{
    for (uint32_t i = 0; i < wish.connections; i++) {
        const struct client *c = &clients[i];
        bool due = !looking && wish.rate != 0 && c->due_ns < end_ns;
        if (c->open > 0 || due || (looking && c->asked < c->created_count))
            return false;
    }
    return true;
}

static void wait_for_answers(void)
{
    struct epoll_event ready[64];
    uint64_t now = now_ns(), due_ns = next_due_ns(now);
    bool is_due = due_ns - now < PATIENCE_MS * UINT64_C(1000000);
    uint64_t wait_ns = is_due && wish.spin != 0 ? 0 : due_ns - now;
    struct timespec wait = {.tv_sec = (time_t)(wait_ns / 1000000000),
                            .tv_nsec = (long)(wait_ns % 1000000000)};
    int count = epoll_pwait2(poller, ready, 64, &wait, NULL);
    CHECK(count > 0 || (count == 0 && is_due));
    for (int i = 0; i < count; i++) {
        struct client *c = &clients[ready[i].data.u32];
        if ((ready[i].events & ~(uint32_t)EPOLLOUT) != 0)
            receive_some(c);
        send_more(c);
    }
}

static void load(void)
{
    do {
        if (looking || wish.rate != 0 || sent == 0)
            for (uint32_t i = 0; i < wish.connections; i++)
                if (!clients[i].blocked)
                    send_more(&clients[i]);
        if (!is_over())
            wait_for_answers();
    } while (!is_over());
}

/* --- what came of it --- */

/* Processor time of all threads of the server, from the scheduler's own count. */
static uint64_t server_cpu_ns(void)
{
    char path[64];
    uint64_t sum_ns = 0;
    snprintf(path, sizeof path, "/proc/%u/task", (unsigned)wish.pid);
    DIR *tasks = wish.pid == 0 ? NULL : opendir(path);
    for (const struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        char file[512];
        unsigned long long ns = 0;
        snprintf(file, sizeof file, "%s/%s/schedstat", path, task->d_name);
        FILE *stat = task->d_name[0] == '.' ? NULL : fopen(file, "r");
        if (stat == NULL)
            continue;
        if (fscanf(stat, "%llu", &ns) == 1)
            sum_ns += ns;
        fclose(stat);
    }
    if (tasks != NULL)
        closedir(tasks);
    return sum_ns;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(const struct samples *samples, double percent)
{
    if (samples->count == 0)
        return 0;
    return samples->ns[(uint64_t)((double)(samples->count - 1) * percent / 100)] / 1e3;
}

static void sort(struct samples *samples)
{
    qsort(samples->ns, samples->count, sizeof *samples->ns, by_value);
}

static void look_for_orders(void)
{
    looking = true;
    wish.window = 1;
    load();
    printf("  found %llu", (unsigned long long)found);
    if (found != placed)
        fprintf(stderr, "spate-load: %llu orders acknowledged, %llu found\n",
                (unsigned long long)placed, (unsigned long long)found);
}

static uint64_t next_order(void)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < wish.connections; i++)
        if (clients[i].next_order > next)
            next = clients[i].next_order;
    return next;
}

static void report(double seconds, uint64_t cpu_ns)
{
    sort(&frames);
    sort(&lags);
    printf("%10.0f orders/s  refused %llu  server CPU %5.0f ns/order  a frame: p50 %.0f us  p99 "
           "%.0f us  p99.9 %.0f us  max %.0f us",
           (double)placed / seconds, (unsigned long long)refused,
           (double)cpu_ns / (double)(placed + refused), percentile_us(&frames, 50),
           percentile_us(&frames, 99), percentile_us(&frames, 99.9), percentile_us(&frames, 100));
    printf("  lag %.0f us  lag-p50 %.0f us  lag-p99 %.0f us  placed %llu  next %llu",
           percentile_us(&lags, 100), percentile_us(&lags, 50), percentile_us(&lags, 99),
           (unsigned long long)placed, (unsigned long long)next_order());
}

/* --- what is wished --- */

static const struct {
    const char *name;
    uint64_t *into;
} names[] = {{"connections", &wish.connections},
             {"batch", &wish.batch},
             {"window", &wish.window},
             {"seconds", &wish.seconds},
             {"rate", &wish.rate},
             {"orders", &wish.orders},
             {"lines", &wish.lines},
             {"skus", &wish.skus},
             {"hot", &wish.hot},
             {"http", &wish.http},
             {"found", &wish.found},
             {"first", &wish.first},
             {"pid", &wish.pid},
             {"only", &wish.only},
             {"own", &wish.own},
             {"spin", &wish.spin},
             {"pay", &wish.pay}};

static void read_argument(const char *argument)
{
    for (uint32_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t bytes = strlen(names[n].name);
        if (strncmp(argument, names[n].name, bytes) == 0 && argument[bytes] == '=') {
            *names[n].into = strtoull(argument + bytes + 1, NULL, 10);
            return;
        }
    }
    fprintf(stderr, "spate-load: no such wish: %s\n", argument);
    exit(2);
}

static void read_arguments(int argc, char **argv)
{
    CHECK(argc >= 2);
    wish.address = argv[1];
    for (int i = 2; i < argc; i++)
        read_argument(argv[i]);
    uint64_t command_bytes = wish.http != 0 ? 320 + wish.lines * 52 : 112 + wish.lines * 16;
    CHECK(wish.connections >= 1 && wish.connections <= CONNECTIONS_MAX && wish.window >= 1 &&
          wish.window <= WINDOW_MAX && wish.skus >= 2 && wish.skus <= 65536 && wish.lines >= 1 &&
          wish.lines <= LOAD_LINES_MAX && wish.lines <= wish.skus && wish.batch >= 1 &&
          wish.batch * command_bytes < FRAME_BYTES_MAX);
}

static void begin_schedule(void)
{
    begin_ns = now_ns();
    end_ns = begin_ns + wish.seconds * 1000000000u;
    if (wish.rate != 0 && wish.orders != 0)
        end_ns = begin_ns + wish.orders * 1000000000u / wish.rate;
    for (uint32_t i = 0; i < wish.connections && wish.rate != 0; i++)
        clients[i].due_ns = begin_ns + i * wish.batch * 1000000000u / wish.rate;
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    frames.ns = malloc(SAMPLES_MAX * sizeof *frames.ns);
    lags.ns = malloc(SAMPLES_MAX * sizeof *lags.ns);
    CHECK(frames.ns != NULL && lags.ns != NULL);
    poller = epoll_create1(0);
    prepare();
    for (uint32_t i = 0; i < wish.connections; i++)
        watch(&clients[i], false, EPOLL_CTL_ADD);
    uint64_t cpu_ns = server_cpu_ns();
    CHECK(prctl(PR_SET_TIMERSLACK, 1) == 0); /* ns; as it comes, a sleeper is 50 us late */
    begin_schedule();
    load();
    double seconds = (double)(now_ns() - begin_ns) / 1e9;
    report(seconds, server_cpu_ns() - cpu_ns);
    if (wish.found != 0)
        look_for_orders();
    printf("\n");
    return placed == 0 || (wish.found != 0 && found != placed);
}
