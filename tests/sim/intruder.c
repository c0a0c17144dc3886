#include "tests/sim/intruder.h"

#include <string.h>

#include "io/frame.h"

enum { ENDS_MAX = 24, PIECE_BYTES = 4096 };

static uint32_t put_garbage(struct stream *network, uint8_t *at)
{
    uint32_t bytes = 1 + (uint32_t)stream_skewed(network, PIECE_BYTES - 1);
    for (uint32_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)stream_next(network);
    return bytes;
}

static uint32_t put_hello(uint8_t *at)
{
    struct {
        struct frame frame;
        struct frame_hello hello;
    } said = {.hello = {.version_min = FRAME_VERSION, .version_max = FRAME_VERSION}};
    frame_seal(&said.frame, FRAME_HELLO, sizeof said, 0, 0);
    memcpy(at, &said, sizeof said);
    return sizeof said;
}

static uint32_t put_ping(uint8_t *at)
{
    struct frame ping = {0};
    frame_seal(&ping, FRAME_PING, sizeof ping, 0, 1);
    memcpy(at, &ping, sizeof ping);
    return sizeof ping;
}

/* A beginning of something right. */
static uint32_t put_begin(struct stream *network, uint8_t *at, bool web)
{
    static const char request[] =
        "POST /v1/orders HTTP/1.1\r\nHost: shop\r\nContent-Type: "
        "application/json\r\nContent-Length: 400\r\n\r\n{\"order_id\":\"x";
    uint32_t bytes = sizeof request - 1;
    if (web)
        memcpy(at, request, bytes);
    else
        bytes = put_hello(at);
    return 1 + (uint32_t)stream_below(network, bytes - 1);
}

static void flood(struct socket *end, bool web, bool begins)
{
    static const char request[] = "GET /v1/stock?sku=SKU-0 HTTP/1.1\r\nHost: shop\r\n\r\n";
    uint8_t piece[PIECE_BYTES] = {0};
    uint32_t bytes = web || !begins ? 0 : put_hello(piece);
    if (bytes != 0 && socket_send(end, piece, bytes) < 0)
        return;
    bytes = web ? sizeof request - 1 : put_ping(piece);
    if (web)
        memcpy(piece, request, bytes);
    for (uint32_t i = 0; i < 20000 && socket_send(end, piece, bytes) == (int32_t)bytes; i++)
        ;
}

/* True: a flood, which may go on. */
static bool speak(struct stream *network, struct socket *end, bool web)
{
    uint8_t piece[PIECE_BYTES] = {0};
    switch (stream_below(network, 4)) {
    case 0:
        return false; /* says nothing */
    case 1:
        (void)socket_send(end, piece, put_garbage(network, piece));
        return false;
    case 2:
        (void)socket_send(end, piece, put_begin(network, piece, web));
        return false;
    default:
        flood(end, web, true);
        return true;
    }
}

static void leave(struct stream *network, struct socket *end)
{
    switch (stream_below(network, 3)) {
    case 0:
        socket_reset(end);
        break;
    case 1:
        socket_shutdown(end);
        break;
    default:
        break;
    }
    socket_close(end);
}

void intrude(void *argument)
{
    const struct intruder *intruder = argument;
    struct world *world = intruder->run->world;
    struct stream *network = world_stream(world, STREAM_NETWORK);
    while (!*intruder->end) {
        struct socket *ends[ENDS_MAX];
        bool floods[ENDS_MAX];
        bool web = stream_hit(network, 2);
        uint32_t count = 1 + (uint32_t)stream_skewed(network, ENDS_MAX - 1);
        for (uint32_t i = 0; i < count; i++)
            ends[i] = net_connect(machine_net(intruder->run->machine), intruder->addresses[web]);
        world_sleep(world, world_now(world) + stream_skewed(network, 100 * MILLISECOND_NS));
        for (uint32_t i = 0; i < count; i++)
            floods[i] = speak(network, ends[i], web);
        for (uint64_t rounds = stream_below(network, 20); rounds > 0; rounds--) {
            world_sleep(world, world_now(world) + stream_skewed(network, 30 * MILLISECOND_NS));
            for (uint32_t i = 0; i < count; i++)
                if (floods[i])
                    flood(ends[i], web, false);
        }
        world_sleep(world, world_now(world) + stream_skewed(network, SECOND_NS));
        for (uint32_t i = 0; i < count; i++)
            leave(network, ends[i]);
        world_sleep(world, world_now(world) + stream_skewed(network, SECOND_NS));
    }
}
