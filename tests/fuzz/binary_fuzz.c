/* tests/fuzz/binary_fuzz.c - the binary protocol gives the same commands and the same answers however
 * a connection's bytes are cut into pieces, and takes nothing behind what it has refused.
 *
 * An input is a script, so that mutants get past the checksums: H hello, C commands (the digit
 * behind it: how many), P ping, G a frame of an unknown kind; then any number of x, each with three
 * characters: at which byte of the frame, which value, before (b) or after (a) it was sealed. */
#include "core/check.h"
#include "io/binary.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const fuzz_seeds[] = {
    "HC2PC1",   "HPPC9C9P",    "PH",      "HH",   "HC1x0aaC1",
    "HC1x@zbP", "HC3x!1bx(7a", "Hx01bC1", "HGC1", NULL,
};

enum { STREAM_BYTES_MAX = 65536, OUTCOME_BYTES_MAX = 65536, FRAME_LIMIT = 4096, CREDITS = 1 << 30 };

struct env {
    int nothing;
};

void env_submit(struct env *env, const struct env_op *op)
{
    (void)env;
    (void)op;
}
void env_give_back(struct env *env, uint32_t buffer)
{
    (void)env;
    (void)buffer;
}
void env_disuse(struct env *env, void *at, uint64_t bytes)
{
    (void)env;
    (void)at;
    (void)bytes;
}

int32_t env_address(struct env *env, int32_t file, bool peer, char out[ENV_ADDRESS_BYTES_MAX])
{
    (void)env;
    (void)file;
    (void)peer;
    (void)out;
    return -1;
}

static struct env env;
static struct binary_welcome welcome = {.body = {.version = FRAME_VERSION,
                                                 .shard_count = 1,
                                                 .frame_bytes_max = FRAME_LIMIT,
                                                 .commands_max = CREDITS,
                                                 .credits = CREDITS}};
static const uint8_t *current;
static size_t current_bytes;

static void need(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: ", what);
    fuzz_print(current, current_bytes);
    abort();
}

/* ---- from a script to bytes -------------------------------------------------------------------- */

static uint32_t write_gets(uint8_t *at, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct order_get *get = (void *)(at + i * 32);
        get->head = (struct command){.bytes = 32, .op = OP_ORDER_GET, .request = i};
        get->id_bytes = 3;
        memcpy(get + 1, "o-1", 3);
    }
    return count * 32;
}

static void patch(uint8_t *frame, uint32_t bytes, const uint8_t *script)
{
    frame[(script[1] * 7u) % bytes] = script[2] < '0' ? 0xff : script[2];
}

/* One frame of the script at `at`; how much of the script it took. */
static size_t write_one(const uint8_t *script, size_t left, uint8_t *out, uint32_t *out_bytes)
{
    struct frame *frame = (void *)out;
    uint32_t body = 0, count = 0;
    size_t used = 1;
    enum frame_kind kind = script[0] == 'H'   ? FRAME_HELLO
                           : script[0] == 'C' ? FRAME_COMMANDS
                           : script[0] == 'P' ? FRAME_PING
                                              : (enum frame_kind)77;
    memset(out, 0, FRAME_LIMIT);
    if (kind == FRAME_HELLO) {
        *(struct frame_hello *)(void *)(frame + 1) = (struct frame_hello){1, 1, 0, 0, {0}};
        body = sizeof(struct frame_hello);
    } else if (kind == FRAME_COMMANDS) {
        count = left > 1 ? script[used++] % 10u : 1;
        body = write_gets((uint8_t *)(frame + 1), count);
    }
    *out_bytes = (uint32_t)sizeof *frame + body;
    frame_seal(frame, kind, *out_bytes, count, 1);
    for (; left - used >= 4 && script[used] == 'x'; used += 4) {
        patch(out, *out_bytes, script + used);
        if (script[used + 3] != 'a' && frame->bytes == *out_bytes) {
            uint16_t version = frame->version;
            frame_seal(frame, (enum frame_kind)frame->kind, frame->bytes, frame->count, 1);
            frame->version = version;
        }
    }
    return used;
}

static uint32_t write_stream(const uint8_t *script, size_t bytes, uint8_t *out)
{
    uint32_t used = 0;
    for (size_t at = 0; at < bytes && used + FRAME_LIMIT <= STREAM_BYTES_MAX;) {
        uint32_t frame_bytes;
        at += write_one(script + at, bytes - at, out + used, &frame_bytes);
        used += frame_bytes;
    }
    return used;
}

/* ---- from bytes to what comes of them ---------------------------------------------------------- */

struct outcome {
    uint8_t commands[OUTCOME_BYTES_MAX];
    uint32_t command_bytes;
    _Alignas(8) uint8_t output[OUTCOME_BYTES_MAX];
    uint32_t output_bytes;
    bool ended;
};

static struct connections connections;

static void take(struct outcome *outcome, struct connection *c)
{
    const struct command *command;
    while ((command = binary_next(&connections, &env, c, &welcome, 0)) != NULL) {
        struct command_fault fault = {0};
        need(!outcome->ended, "a command behind a refused frame");
        need((const uint8_t *)command + command->bytes <= c->input + c->input_bytes,
             "a command beyond the input");
        (void)command_check(command, command->bytes, &fault);
        need(outcome->command_bytes + command->bytes <= OUTCOME_BYTES_MAX, "room");
        memcpy(outcome->commands + outcome->command_bytes, command, command->bytes);
        outcome->command_bytes += command->bytes;
        c->asked--; /* answered at once */
    }
    outcome->ended = c->phase != CONNECTION_OPEN;
}

static void receive(struct connection *c, const uint8_t *bytes, uint32_t count)
{
    uint64_t user = (uint64_t)USER_RECEIVE << USER_SHIFT |
                    (uint64_t)(c->generation & 0xffffff) << 32 |
                    (uint32_t)connection_token(&connections, c);
    struct env_done done = {
        .user = user, .result = (int32_t)count, .flags = ENV_FLAG_BUFFER | ENV_FLAG_MORE};
    connection_done(&connections, &env, &done, bytes, STREAM_BYTES_MAX);
}

/* Pieces of `piece` bytes; 0: of any length. */
static void feed(struct outcome *outcome, const uint8_t *stream, uint32_t bytes, uint32_t piece)
{
    uint64_t random = 1;
    struct connection *c = connection_open(&connections, &env, 7, PROTOCOL_BINARY);
    outcome->command_bytes = outcome->output_bytes = 0;
    outcome->ended = false;
    for (uint32_t at = 0; at < bytes && !outcome->ended;) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t count = piece != 0 ? piece : 1 + (uint32_t)(random >> 33) % 90;
        count = count < bytes - at ? count : bytes - at;
        receive(c, stream + at, count);
        (void)connection_next_ready(&connections);
        take(outcome, c);
        at += count;
    }
    binary_seal(c);
    outcome->output_bytes = (uint32_t)(c->output_written - c->output_base);
    need(outcome->output_bytes <= OUTCOME_BYTES_MAX, "room");
    memcpy(outcome->output, c->output, outcome->output_bytes);
}

static bool says_why(const struct outcome *outcome)
{
    uint32_t error_bytes = sizeof(struct frame) + sizeof(struct frame_error);
    if (outcome->output_bytes < error_bytes)
        return false;
    const struct frame *last =
        (const void *)(outcome->output + outcome->output_bytes - error_bytes);
    return last->kind == FRAME_ERROR && frame_check(last) == FRAME_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t bytes)
{
    static _Alignas(8) uint8_t stream[STREAM_BYTES_MAX];
    static struct outcome whole, pieces;
    static void *memory;
    struct connections_options options = {.count_max = 1,
                                          .frame_bytes_max = FRAME_LIMIT,
                                          .receive_bytes = STREAM_BYTES_MAX,
                                          .http_bytes = 64,
                                          .output_bytes = 1 << 20};
    if (memory == NULL)
        memory = calloc(1, connections_bytes(&options));
    current = input;
    current_bytes = bytes;
    uint32_t stream_bytes = write_stream(input, bytes, stream);
    for (uint32_t piece = 0; piece <= 1; piece++) {
        connections_init(&connections, memory, &options);
        feed(&whole, stream, stream_bytes, STREAM_BYTES_MAX);
        connections_init(&connections, memory, &options);
        feed(&pieces, stream, stream_bytes, piece);
        need(whole.ended == pieces.ended && whole.command_bytes == pieces.command_bytes &&
                 memcmp(whole.commands, pieces.commands, whole.command_bytes) == 0,
             "pieces give other commands");
        need(whole.output_bytes == pieces.output_bytes &&
                 memcmp(whole.output, pieces.output, whole.output_bytes) == 0,
             "pieces give other answers");
        need(!pieces.ended || says_why(&pieces), "no reason was given");
    }
    return 0;
}
