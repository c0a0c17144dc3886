/* spate-sink - a server that agrees to everything and does nothing, on one thread: what a load generator
 * can offer shows against it, since it is cheaper than any server. With a RATE it takes its time over every
 * command, so that its limit is known beforehand and does not depend on the machine. Ends when nobody has
 * been connected for five seconds. usage: spate-sink PORT [RATE] */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/frame.h"

enum { PEERS_MAX = 64, BUFFER = 4 << 20, QUIET_MS = 5000, CREDITS = 32768 };

struct peer {
    int file;
    uint8_t *in;
    uint8_t *out;
    uint32_t in_bytes;
    uint32_t out_bytes;
};

static uint32_t skus;     /* as many as have been asked for */
static uint64_t order_ns; /* that every order takes; 0: none at all */
static uint64_t free_ns;  /* when what has come so far will be done */

/* A server that does one thing after the other, each in its time. */
static void take_time(uint32_t orders)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    free_ns = (free_ns > now_ns ? free_ns : now_ns) + orders * order_ns;
    struct timespec until = {.tv_sec = (time_t)(free_ns / 1000000000),
                             .tv_nsec = (long)(free_ns % 1000000000)};
    if (orders > 0)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static bool send_all(struct peer *peer)
{
    for (uint32_t sent = 0; sent < peer->out_bytes;) {
        ssize_t count = send(peer->file, peer->out + sent, peer->out_bytes - sent, MSG_NOSIGNAL);
        if (count < 0)
            return false;
        sent += (uint32_t)count;
    }
    peer->out_bytes = 0;
    return true;
}

static void welcome(struct peer *peer, uint64_t request)
{
    struct frame *frame = (void *)(peer->out + peer->out_bytes);
    struct frame_welcome *body = (void *)(frame + 1);
    uint32_t bytes = (uint32_t)(sizeof *frame + sizeof *body + 8);
    memset(frame, 0, bytes);
    *body = (struct frame_welcome){.version = FRAME_VERSION,
                                   .shard_count = 1,
                                   .frame_bytes_max = 1 << 20,
                                   .commands_max = FRAME_COMMANDS_MAX,
                                   .credits = CREDITS};
    frame_seal(frame, FRAME_WELCOME, bytes, 0, request);
    peer->out_bytes += bytes;
}

static uint32_t agree(const struct command *command, struct result *result)
{
    if (command->op == OP_ORDER_CREATE) {
        struct result_placed *placed = (void *)result;
        *placed = (struct result_placed){.head = {.bytes = sizeof *placed,
                                                  .code = CODE_CREATED,
                                                  .kind = RESULT_ORDER_PLACED,
                                                  .request = command->request},
                                         .version = 1,
                                         .state = ORDER_PENDING_PAYMENT};
        return sizeof *placed;
    }
    struct result_sku *sku = (void *)result;
    *sku = (struct result_sku){
        .head = {.bytes = sizeof *sku, .kind = RESULT_SKU, .request = command->request},
        .sku = command->op == OP_SKU_PUT ? ++skus : 0};
    return sizeof *sku;
}

static void agree_to_all(struct peer *peer, const struct frame *frame)
{
    struct frame *answer = (void *)(peer->out + peer->out_bytes);
    const struct command *command = (const void *)(frame + 1);
    uint32_t bytes = sizeof *answer, orders = 0;
    for (uint32_t i = 0; i < frame->count; i++) {
        orders += command->op == OP_ORDER_CREATE;
        bytes += agree(command, (void *)((uint8_t *)answer + bytes));
        command = (const void *)((const uint8_t *)command + command->bytes);
    }
    if (order_ns > 0)
        take_time(orders);
    frame_seal(answer, FRAME_RESULTS, bytes, frame->count, 0);
    peer->out_bytes += bytes;
}

/* Answers every whole frame; false: the peer has gone, or spoke nonsense. */
static bool serve(struct peer *peer)
{
    enum frame_fault fault = FRAME_OK;
    uint32_t used = 0, bytes;
    ssize_t got = recv(peer->file, peer->in + peer->in_bytes, BUFFER - peer->in_bytes, 0);
    if (got <= 0)
        return false;
    peer->in_bytes += (uint32_t)got;
    while ((bytes = frame_bytes(peer->in + used, peer->in_bytes - used, BUFFER, &fault)) > 0 &&
           bytes <= peer->in_bytes - used) {
        const struct frame *frame = (const void *)(peer->in + used);
        if (frame_check(frame) != FRAME_OK)
            return false;
        if (frame->kind == FRAME_HELLO)
            welcome(peer, frame->request);
        else if (frame->kind == FRAME_COMMANDS)
            agree_to_all(peer, frame);
        used += bytes;
        if (peer->out_bytes > BUFFER / 2 && !send_all(peer))
            return false;
    }
    memmove(peer->in, peer->in + used, peer->in_bytes - used);
    peer->in_bytes -= used;
    return fault == FRAME_OK && send_all(peer);
}

static int listen_at(uint16_t port)
{
    int yes = 1, file = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(file, (const void *)&address, sizeof address) != 0 || listen(file, PEERS_MAX) != 0)
        return -1;
    return file;
}

static void add_peer(struct peer *peers, uint32_t *count, int listener)
{
    int yes = 1, file = accept(listener, NULL, NULL);
    if (file < 0 || *count == PEERS_MAX) {
        close(file);
        return;
    }
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    peers[(*count)++] = (struct peer){
        .file = file, .in = aligned_alloc(64, BUFFER), .out = aligned_alloc(64, BUFFER)};
}

static void drop_peer(struct peer *peers, uint32_t *count, uint32_t which)
{
    close(peers[which].file);
    free(peers[which].in);
    free(peers[which].out);
    peers[which] = peers[--*count];
}

int main(int argc, char **argv)
{
    struct peer peers[PEERS_MAX];
    struct pollfd files[PEERS_MAX + 1];
    uint32_t count = 0;
    int listener = argc == 2 || argc == 3 ? listen_at((uint16_t)atoi(argv[1])) : -1;
    double rate = argc == 3 ? atof(argv[2]) : 0;
    if (listener < 0) {
        fprintf(stderr, "usage: spate-sink PORT [RATE]: %s\n", strerror(errno));
        return 2;
    }
    order_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    for (;;) {
        files[0] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (uint32_t i = 0; i < count; i++)
            files[i + 1] = (struct pollfd){.fd = peers[i].file, .events = POLLIN};
        if (poll(files, count + 1, QUIET_MS) == 0 && count == 0)
            return 0;
        for (uint32_t i = count; i > 0; i--)
            if (files[i].revents != 0 && !serve(&peers[i - 1]))
                drop_peer(peers, &count, i - 1);
        if (files[0].revents != 0)
            add_peer(peers, &count, listener);
    }
}
