#include "io/client/spate.h"
#include "io/frame.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHARDS = 2, PEERS = 8, CREDITS = 4, BUFFER = 1 << 16 };

/* A server of two shards that runs in steps, between those of the client. */
struct peer {
    int file;
    uint32_t shard;
    uint32_t bytes;
    _Alignas(8) uint8_t in[BUFFER];
};

static struct fake {
    int listeners[SHARDS];
    uint16_t ports[SHARDS];
    struct peer peers[PEERS];
    uint32_t asked[SHARDS]; /* commands that came to this shard */
    uint32_t open_max;      /* most of them in one step */
    uint32_t strays;        /* commands that came to the wrong shard */
    uint32_t drop_after;    /* closes instead of answering this many commands */
    bool garbage_once;
    bool refuse;
    uint16_t version; /* that it chooses; 0: 1 */
    uint32_t hellos;
} fake;

static int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bind(file, (struct sockaddr *)&address, sizeof address);
    listen(file, 16);
    getsockname(file, (struct sockaddr *)&address, &bytes);
    *port = ntohs(address.sin_port);
    return file;
}

static int fake_begin(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    for (uint32_t i = 0; i < PEERS; i++)
        fake.peers[i].file = -1;
    for (uint32_t i = 0; i < SHARDS; i++)
        fake.listeners[i] = listen_somewhere(&fake.ports[i]);
    return 0;
}

static void peer_close(struct peer *peer)
{
    if (peer->file >= 0)
        close(peer->file);
    peer->file = -1;
    peer->bytes = 0;
}

static int fake_end(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < PEERS; i++)
        peer_close(&fake.peers[i]);
    for (uint32_t i = 0; i < SHARDS; i++)
        close(fake.listeners[i]);
    return 0;
}

static void say(struct peer *peer, void *frame, enum frame_kind kind, uint32_t bytes,
                uint32_t count)
{
    frame_seal(frame, kind, bytes, count, 0);
    assert_int_equal(send(peer->file, frame, bytes, MSG_NOSIGNAL), bytes);
}

static void welcome(struct peer *peer)
{
    static _Alignas(8) struct {
        struct frame head;
        struct frame_welcome body;
        char addresses[128];
    } out;
    memset(&out, 0, sizeof out);
    out.body = (struct frame_welcome){.version = fake.version != 0 ? fake.version : 1,
                                      .shard_count = SHARDS,
                                      .frame_bytes_max = 4096,
                                      .commands_max = 16,
                                      .credits = CREDITS,
                                      .shard = (uint16_t)peer->shard};
    for (uint32_t i = 0; i < SLOT_COUNT; i++)
        out.body.slot_shard[i] = i % SHARDS;
    char *at = out.addresses;
    for (uint32_t i = 0; i < SHARDS; i++) {
        int length = sprintf(at + 1, "127.0.0.1:%u", fake.ports[i]);
        *at = (char)length;
        at += 1 + length;
    }
    uint32_t bytes = (uint32_t)(at - (char *)&out);
    memset(at, 0, 8);
    say(peer, &out, FRAME_WELCOME, (bytes + 7) & ~7u, 0);
}

static void refuse(struct peer *peer)
{
    struct {
        struct frame head;
        struct frame_error body;
    } out = {.body = {.fault = FRAME_BAD_TOKEN, .reason_bytes = 6, .reason = "no, no"}};
    say(peer, &out, FRAME_ERROR, sizeof out, 0);
    peer_close(peer);
}

static void answer(struct peer *peer, const struct frame *frame)
{
    static _Alignas(8) uint8_t out[4096];
    const struct command *command = (const void *)(frame + 1);
    struct result_placed *placed = (void *)(out + sizeof *frame);
    fake.open_max = frame->count > fake.open_max ? frame->count : fake.open_max;
    for (uint32_t i = 0; i < frame->count; i++) {
        uint32_t slot = command_slot(command);
        fake.asked[peer->shard]++;
        fake.strays += slot != SLOT_COUNT && slot % SHARDS != peer->shard;
        placed[i] = (struct result_placed){
            .head = {sizeof *placed, CODE_CREATED, RESULT_ORDER_PLACED, command->request, 5},
            .total = 42,
            .version = 1,
            .state = ORDER_PENDING_PAYMENT};
        if (fake.garbage_once)
            placed[i].head.request ^= 1u << 31;
        fake.garbage_once = false;
        command = (const void *)((const char *)command + command->bytes);
    }
    say(peer, out, FRAME_RESULTS, (uint32_t)(sizeof *frame + frame->count * sizeof *placed),
        frame->count);
}

static void hear(struct peer *peer, const struct frame *frame)
{
    assert_int_equal(frame_check(frame), FRAME_OK);
    if (frame->kind == FRAME_HELLO) {
        fake.hellos++;
        if (fake.refuse)
            refuse(peer);
        else
            welcome(peer);
    } else if (fake.drop_after > 0 && fake.drop_after-- == 1) {
        peer_close(peer);
    } else {
        answer(peer, frame);
    }
}

static void peer_step(struct peer *peer)
{
    enum frame_fault fault;
    ssize_t got = recv(peer->file, peer->in + peer->bytes, BUFFER - peer->bytes, MSG_DONTWAIT);
    if (got == 0)
        peer_close(peer);
    if (got <= 0)
        return;
    peer->bytes += (uint32_t)got;
    uint32_t bytes;
    while ((bytes = frame_bytes(peer->in, peer->bytes, BUFFER, &fault)) > 0 &&
           bytes <= peer->bytes) {
        hear(peer, (const void *)peer->in);
        if (peer->file < 0)
            return;
        memmove(peer->in, peer->in + bytes, peer->bytes - bytes);
        peer->bytes -= bytes;
    }
    assert_int_equal(fault, FRAME_OK);
}

static void fake_step(void)
{
    for (uint32_t shard = 0; shard < SHARDS; shard++) {
        int file = accept(fake.listeners[shard], NULL, NULL);
        for (uint32_t i = 0; i < PEERS && file >= 0; i++) {
            if (fake.peers[i].file < 0) {
                fake.peers[i].file = file;
                fake.peers[i].shard = shard;
                file = -1;
            }
        }
        assert_int_equal(file, -1);
    }
    for (uint32_t i = 0; i < PEERS; i++)
        if (fake.peers[i].file >= 0)
            peer_step(&fake.peers[i]);
}

static struct spate *client_open(uint32_t open_max)
{
    char address[32];
    snprintf(address, sizeof address, "127.0.0.1:%u", fake.ports[0]);
    return spate_open(&(struct spate_options){.address = address, .open_max = open_max});
}

static bool ask(struct spate *client, uint32_t number)
{
    char id[16];
    snprintf(id, sizeof id, "o-%u", number);
    const struct spate_line line = {1, 2, 3};
    return spate_order_create(
        client,
        &(struct spate_order){
            .id = id, .customer = "c", .currency = "CNY", .lines = &line, .line_count = 1},
        number);
}

/* Client and server in turn until every answer is here; how many came. */
static uint32_t run(struct spate *client, struct spate_result *last)
{
    uint32_t count = 0;
    for (uint32_t step = 0; step < 2000 && spate_open_count(client) > 0; step++) {
        fake_step();
        spate_wait(client, 1);
        while (spate_next(client, last)) {
            assert_int_equal(last->code, SPATE_CREATED);
            assert_int_equal(last->order_total, 42);
            count++;
        }
    }
    return count;
}

static void a_command_goes_to_the_shard_that_owns_its_slot(void **state)
{
    (void)state;
    struct spate_result result;
    struct spate *client = client_open(64);
    for (uint32_t i = 0; i < 64; i++)
        assert_true(ask(client, i));
    assert_false(ask(client, 64));
    assert_int_equal(run(client, &result), 64);
    assert_int_equal(fake.strays, 0);
    assert_true(fake.asked[0] > 0 && fake.asked[1] > 0);
    assert_int_equal(fake.asked[0] + fake.asked[1], 64);
    assert_int_equal(fake.hellos, SHARDS);
    spate_close(client);
}

static void no_more_are_under_way_than_there_are_credits(void **state)
{
    (void)state;
    struct spate_result result;
    struct spate *client = client_open(64);
    for (uint32_t i = 0; i < 64; i++)
        ask(client, i);
    run(client, &result);
    assert_int_equal(fake.open_max, CREDITS);
    spate_close(client);
}

static void what_a_lost_connection_left_unanswered_is_asked_again(void **state)
{
    (void)state;
    struct spate_result result;
    struct spate *client = client_open(8);
    fake.drop_after = 1;
    assert_true(ask(client, 7));
    assert_int_equal(run(client, &result), 1);
    assert_int_equal(result.tag, 7);
    assert_int_equal(result.attempts, 2);
    assert_true(fake.hellos > SHARDS);
    spate_close(client);
}

static void an_answer_that_nobody_asked_for_is_no_answer(void **state)
{
    (void)state;
    struct spate_result result;
    struct spate *client = client_open(8);
    fake.garbage_once = true;
    assert_true(ask(client, 7));
    assert_int_equal(run(client, &result), 1);
    assert_int_equal(result.attempts, 2);
    spate_close(client);
}

static void a_refusal_for_good_is_said_and_ends_the_attempts(void **state)
{
    (void)state;
    struct spate *client = client_open(8);
    fake.refuse = true;
    ask(client, 7);
    bool goes_on = true;
    for (uint32_t step = 0; step < 2000 && goes_on; step++) {
        fake_step();
        goes_on = spate_wait(client, 1);
    }
    assert_false(goes_on);
    assert_non_null(strstr(spate_error(client), "no, no"));
    assert_int_equal(fake.hellos, 1);
    assert_int_equal(spate_open_count(client), 1);
    spate_close(client);
}

static void a_server_that_is_not_there_is_waited_for(void **state)
{
    (void)state;
    struct spate_result result;
    struct spate *client = client_open(8);
    close(fake.listeners[0]);
    ask(client, 7);
    for (uint32_t step = 0; step < 200 && *spate_error(client) == '\0'; step++)
        spate_wait(client, 10);
    assert_string_equal(spate_error(client), "Connection refused");
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(fake.ports[0])};
    static const int on = 1;
    fake.listeners[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(fake.listeners[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fake.listeners[0], (struct sockaddr *)&address, sizeof address), 0);
    listen(fake.listeners[0], 16);
    assert_int_equal(run(client, &result), 1);
    assert_string_equal(spate_error(client), "");
    spate_close(client);
}

static void a_server_that_chooses_a_version_of_its_own_is_left_for_good(void **state)
{
    (void)state;
    struct spate_result result;
    struct spate *client = client_open(4);
    fake.version = 2;
    ask(client, 1);
    assert_int_equal(run(client, &result), 0);
    assert_non_null(strstr(spate_error(client), "version"));
    assert_int_equal(fake.hellos, 1);
    spate_close(client);
}

static void whatever_the_protocol_has_can_be_asked_and_nothing_that_it_has_not(void **state)
{
    (void)state;
    struct spate_result result;
    struct spate *client = client_open(4);
    struct { /* an order.get, behind its head */
        uint8_t id_bytes, zero[7];
        char id[8];
    } fields = {.id_bytes = 3, .id = "o-1"};
    assert_true(spate_command(client, OP_ORDER_GET, &fields, sizeof fields, 7));
    assert_int_equal(run(client, &result), 1);
    assert_int_equal(result.tag, 7);
    assert_int_equal(result.kind, RESULT_ORDER_PLACED);
    assert_int_equal(result.body_bytes, sizeof(struct result_placed) - sizeof(struct result));
    assert_int_equal(*(const int64_t *)result.body, 42);
    fields.id_bytes = 9; /* more than there is */
    assert_false(spate_command(client, OP_ORDER_GET, &fields, sizeof fields, 8));
    assert_false(spate_command(client, 999, &fields, sizeof fields, 8));
    assert_int_equal(spate_open_count(client), 0);
    spate_close(client);
}

static void an_address_that_is_none_is_refused_at_once(void **state)
{
    (void)state;
    assert_null(spate_open(&(struct spate_options){.address = "nowhere"}));
    assert_null(spate_open(&(struct spate_options){.address = ""}));
    assert_null(spate_open(&(struct spate_options){.address = "127.0.0.1:1,"}));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_begin, fake_end)
    const struct CMUnitTest tests[] = {
        TEST(a_command_goes_to_the_shard_that_owns_its_slot),
        TEST(no_more_are_under_way_than_there_are_credits),
        TEST(what_a_lost_connection_left_unanswered_is_asked_again),
        TEST(an_answer_that_nobody_asked_for_is_no_answer),
        TEST(a_refusal_for_good_is_said_and_ends_the_attempts),
        TEST(a_server_that_is_not_there_is_waited_for),
        TEST(a_server_that_chooses_a_version_of_its_own_is_left_for_good),
        TEST(whatever_the_protocol_has_can_be_asked_and_nothing_that_it_has_not),
        TEST(an_address_that_is_none_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
