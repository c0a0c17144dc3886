/* bench/load.c - orders over the binary protocol, as fast as answers come.
 *
 *   spate-load ADDR:PORT [connections=2] [batch=512] [window=2] [seconds=5] [skus=1000] [first=0]
 *              [pid=0] [hot=0] [only=0] [own=0]
 *
 * Each connection keeps `window` frames of `batch` two-line orders open and sends the next when one
 * has been answered. Connection i speaks with shard i modulo their number, and sends it the orders
 * whose home it is. With pid, also the processor time that the server took. hot=1: every order takes
 * the same SKU, and one of the others. only=N: all connections speak with the Nth shard, counted from 1.
 * own=1: orders take SKUs of their home's shard alone, and concern no other shard. It is its own program and not on libspate because what it
 * costs is taken from the server on the same cores. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/orders.h"
#include "core/check.h"
#include "io/frame.h"

enum { CONNECTIONS_MAX = 256, WINDOW_MAX = 64, FRAME_BYTES_MAX = 2 << 20, SAMPLES_MAX = 1 << 22 };

struct client {
    int file;
    uint32_t shard;
    uint64_t next_number; /* of the orders; those of other shards are left out */
    uint8_t *out;         /* the frame that is being sent */
    uint32_t out_bytes;
    uint32_t out_sent;
    uint8_t *in;
    uint32_t in_bytes;
    uint32_t open; /* commands */
    uint64_t sent_ns[WINDOW_MAX];
    uint32_t left[WINDOW_MAX]; /* commands of each open frame, oldest first */
    uint32_t frames_head;
    uint32_t frames_tail;
};

struct wish {
    const char *address;
    uint64_t connections;
    uint64_t batch;
    uint64_t window;
    uint64_t seconds;
    uint64_t skus;
    uint64_t first;
    uint64_t pid;
    uint64_t hot;
    uint64_t only;
    uint64_t own;
};

static struct wish wish = {.connections = 2, .batch = 512, .window = 2, .seconds = 5, .skus = 1000};
static struct client clients[CONNECTIONS_MAX];
static struct frame_welcome welcome;
static char addresses[SHARDS_MAX][256];
static uint32_t sku_numbers[65536];
static uint64_t placed, refused;
static uint32_t *samples_ns;
static uint64_t sample_count;

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

/* --- speaking with waiting: the beginning of a connection, and setting up --- */

static int connect_to(const char *address)
{
    struct sockaddr_in peer = {.sin_family = AF_INET};
    char host[64];
    const char *colon = strrchr(address, ':');
    CHECK(colon != NULL && (size_t)(colon - address) < sizeof host);
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = 0;
    CHECK(inet_pton(AF_INET, host, &peer.sin_addr) == 1);
    peer.sin_port = htons((uint16_t)atoi(colon + 1));
    int file = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(file >= 0 && connect(file, (struct sockaddr *)&peer, sizeof peer) == 0);
    int one = 1;
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return file;
}

static struct frame *ask(struct client *c, enum frame_kind kind, uint32_t bytes, uint32_t count)
{
    frame_seal((struct frame *)(void *)c->out, kind, bytes, count, 0);
    CHECK(send(c->file, c->out, bytes, MSG_NOSIGNAL) == (ssize_t)bytes);
    struct frame *answer = (void *)c->in;
    CHECK(recv(c->file, answer, sizeof *answer, MSG_WAITALL) == sizeof *answer);
    uint32_t rest = answer->bytes - (uint32_t)sizeof *answer;
    CHECK(recv(c->file, answer + 1, rest, MSG_WAITALL) == (ssize_t)rest);
    CHECK(answer->kind != FRAME_ERROR && frame_check(answer) == FRAME_OK);
    return answer;
}

static void greet(struct client *c)
{
    struct frame_hello *hello = (void *)(c->out + sizeof(struct frame));
    memset(c->out, 0, 64);
    hello->version_min = hello->version_max = FRAME_VERSION;
    const struct frame *answer =
        ask(c, FRAME_HELLO, (uint32_t)(sizeof(struct frame) + sizeof *hello), 0);
    welcome = *(const struct frame_welcome *)(const void *)(answer + 1);
    const uint8_t *at = (const uint8_t *)(answer + 1) + sizeof welcome;
    for (uint32_t i = 0; i < welcome.shard_count && *at != 0; i++, at += 1 + *at)
        snprintf(addresses[i], sizeof addresses[i], "%.*s", *at, at + 1);
}

static void open_client(struct client *c, const char *address)
{
    *c = (struct client){.file = connect_to(address)};
    c->out = malloc(FRAME_BYTES_MAX);
    c->in = malloc(FRAME_BYTES_MAX);
    greet(c);
    c->shard = welcome.shard;
}

static const struct result *run(struct client *c, struct command *command, uint32_t op,
                                const void *text, uint32_t text_bytes, uint32_t fixed_bytes)
{
    memcpy((char *)command + fixed_bytes, text, text_bytes);
    command->op = (uint16_t)op;
    command->bytes = (fixed_bytes + text_bytes + 7) & ~7u;
    const struct frame *answer =
        ask(c, FRAME_COMMANDS, (uint32_t)sizeof(struct frame) + command->bytes, 1);
    const struct result *result = (const void *)(answer + 1);
    CHECK(result->code == CODE_OK || result->code == CODE_CREATED || result->code == CODE_REPLAYED);
    return result;
}

/* A warehouse, and SKUs of which there is enough of each. */
static void stock_up(struct client *c)
{
    void *body = c->out + sizeof(struct frame);
    char text[64];
    memset(body, 0, 256);
    struct warehouse_put *warehouse = body;
    warehouse->id_bytes = 2;
    (void)run(c, &warehouse->head, OP_WAREHOUSE_PUT, "w1", 2, sizeof *warehouse);
    for (uint32_t i = 0; i < wish.skus; i++) {
        memset(body, 0, 256);
        struct sku_put *sku = body;
        sku->currency = CURRENCY('C', 'N', 'Y');
        sku->list_price = 1999;
        int bytes = snprintf(text, sizeof text, "SKU-%u", i);
        sku->code_bytes = (uint8_t)bytes;
        sku_numbers[i] = ((const struct result_sku *)(const void *)run(
                              c, &sku->head, OP_SKU_PUT, text, (uint32_t)bytes, sizeof *sku))
                             ->sku;
        memset(body, 0, 256);
        struct stock_receive *receive = body;
        receive->sku = sku_numbers[i];
        receive->ok_units = UINT64_C(1) << 40;
        receive->warehouse_bytes = 2;
        bytes = snprintf(text, sizeof text, "w1r-%u-%llu", i, (unsigned long long)wish.first);
        receive->key_bytes = (uint8_t)(bytes - 2);
        (void)run(c, &receive->head, OP_STOCK_RECEIVE, text, (uint32_t)bytes, sizeof *receive);
    }
}

/* --- the load --- */

/* The SKU at that place, or the next one behind it that the connection's orders may take. */
static uint32_t sku_at(const struct client *c, uint32_t place)
{
    while (wish.own != 0 &&
           welcome.slot_shard[sku_slot(sku_numbers[place % wish.skus])] != c->shard)
        place++;
    return sku_numbers[place % wish.skus];
}

static uint32_t write_order(struct client *c, void *at)
{
    for (;;) {
        uint64_t number = c->next_number++;
        uint64_t mixed = number * UINT64_C(0x9e3779b97f4a7c15);
        uint32_t first = wish.hot != 0 ? 0 : (uint32_t)((mixed >> 32) % wish.skus);
        uint32_t second =
            (first + 1 + (uint32_t)((mixed & 0xffff) % (wish.skus - 1))) % (uint32_t)wish.skus;
        const uint32_t skus[2] = {sku_at(c, first), sku_at(c, second)};
        uint32_t bytes = bench_order(at, number, skus, 2);
        if (welcome.slot_shard[command_slot(at)] == c->shard)
            return bytes;
    }
}

static void fill(struct client *c)
{
    uint32_t bytes = sizeof(struct frame);
    for (uint64_t i = 0; i < wish.batch; i++)
        bytes += write_order(c, c->out + bytes);
    frame_seal((struct frame *)(void *)c->out, FRAME_COMMANDS, bytes, (uint32_t)wish.batch, 1);
    c->out_bytes = bytes;
    c->out_sent = 0;
    c->open += (uint32_t)wish.batch;
    c->left[c->frames_tail % WINDOW_MAX] = (uint32_t)wish.batch;
    c->sent_ns[c->frames_tail++ % WINDOW_MAX] = now_ns();
}

static void send_more(struct client *c, bool go_on)
{
    for (;;) {
        if (c->out_sent == c->out_bytes) {
            if (!go_on || c->frames_tail - c->frames_head >= wish.window)
                return;
            fill(c);
        }
        ssize_t sent = send(c->file, c->out + c->out_sent, c->out_bytes - c->out_sent,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        CHECK(sent > 0);
        c->out_sent += (uint32_t)sent;
    }
}

/* Answers of one connection come nearly in order: they are booked on the oldest frame. */
static void count_answers(struct client *c, const struct frame *frame)
{
    const struct result *result = (const void *)(frame + 1);
    CHECK(frame->kind == FRAME_RESULTS);
    for (uint32_t i = 0; i < frame->count; i++) {
        if (result->code == CODE_CREATED)
            placed++;
        else
            refused++;
        c->open--;
        if (--c->left[c->frames_head % WINDOW_MAX] == 0) {
            if (sample_count < SAMPLES_MAX)
                samples_ns[sample_count++] =
                    (uint32_t)(now_ns() - c->sent_ns[c->frames_head % WINDOW_MAX]);
            c->frames_head++;
        }
        result = (const void *)((const char *)result + result->bytes);
    }
}

static void receive_some(struct client *c)
{
    ssize_t got = recv(c->file, c->in + c->in_bytes, FRAME_BYTES_MAX - c->in_bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    CHECK(got > 0);
    c->in_bytes += (uint32_t)got;
    uint32_t at = 0;
    while (c->in_bytes - at >= sizeof(struct frame)) {
        const struct frame *frame = (const void *)(c->in + at);
        if (c->in_bytes - at < frame->bytes)
            break;
        count_answers(c, frame);
        at += frame->bytes;
    }
    memmove(c->in, c->in + at, c->in_bytes - at);
    c->in_bytes -= at;
}

static void load(void)
{
    struct pollfd polled[CONNECTIONS_MAX];
    uint64_t end_ns = now_ns() + wish.seconds * 1000000000u;
    uint32_t open = 1;
    while (open > 0) {
        bool go_on = now_ns() < end_ns;
        open = go_on;
        for (uint32_t i = 0; i < wish.connections; i++) {
            struct client *c = &clients[i];
            send_more(c, go_on);
            open += c->open;
            polled[i] = (struct pollfd){
                .fd = c->file,
                .events = (short)(POLLIN | (c->out_sent < c->out_bytes ? POLLOUT : 0))};
        }
        if (open == 0)
            return;
        CHECK(poll(polled, (nfds_t)wish.connections, 10000) > 0);
        for (uint32_t i = 0; i < wish.connections; i++)
            if ((polled[i].revents & ~POLLOUT) != 0)
                receive_some(&clients[i]);
    }
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

static double percentile_us(double percent)
{
    if (sample_count == 0)
        return 0;
    return samples_ns[(uint64_t)((double)(sample_count - 1) * percent / 100)] / 1e3;
}

static void read_arguments(int argc, char **argv)
{
    const struct {
        const char *name;
        uint64_t *into;
    } names[] = {{"connections", &wish.connections},
                 {"batch", &wish.batch},
                 {"window", &wish.window},
                 {"seconds", &wish.seconds},
                 {"skus", &wish.skus},
                 {"first", &wish.first},
                 {"pid", &wish.pid},
                 {"hot", &wish.hot},
                 {"only", &wish.only},
                 {"own", &wish.own}};
    CHECK(argc >= 2);
    wish.address = argv[1];
    for (int i = 2; i < argc; i++) {
        bool known = false;
        for (uint32_t n = 0; n < sizeof names / sizeof *names; n++) {
            size_t bytes = strlen(names[n].name);
            if (strncmp(argv[i], names[n].name, bytes) != 0 || argv[i][bytes] != '=')
                continue;
            *names[n].into = strtoull(argv[i] + bytes + 1, NULL, 10);
            known = true;
        }
        CHECK(known);
    }
    CHECK(wish.connections >= 1 && wish.connections <= CONNECTIONS_MAX && wish.window >= 1 &&
          wish.window <= WINDOW_MAX && wish.skus >= 2 &&
          wish.skus <= sizeof sku_numbers / sizeof *sku_numbers && wish.batch >= 1 &&
          wish.batch * BENCH_ORDER_BYTES_MAX / 4 < FRAME_BYTES_MAX);
}

int main(int argc, char **argv)
{
    read_arguments(argc, argv);
    samples_ns = malloc(SAMPLES_MAX * sizeof *samples_ns);
    open_client(&clients[0], wish.address);
    stock_up(&clients[0]);
    close(clients[0].file);
    for (uint32_t i = 0; i < wish.connections; i++) {
        uint64_t shard = wish.only != 0 ? wish.only - 1 : i;
        const char *own = addresses[shard % welcome.shard_count];
        open_client(&clients[i], own[0] == 0 ? wish.address : own);
        clients[i].next_number = wish.first + i * UINT64_C(10000000);
    }
    uint64_t cpu_ns = server_cpu_ns(), begin_ns = now_ns();
    load();
    double seconds = (double)(now_ns() - begin_ns) / 1e9;
    cpu_ns = server_cpu_ns() - cpu_ns;
    qsort(samples_ns, sample_count, sizeof *samples_ns, by_value);
    printf("%10.0f orders/s  refused %llu  server CPU %5.0f ns/order  a frame: p50 %.0f us  p99 "
           "%.0f us  p99.9 %.0f us  max %.0f us\n",
           (double)placed / seconds, (unsigned long long)refused,
           (double)cpu_ns / (double)(placed + refused), percentile_us(50), percentile_us(99),
           percentile_us(99.9), percentile_us(100));
    return placed == 0;
}
