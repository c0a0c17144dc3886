#include "io/binary.h"

#include "io/peer.h"

#include <string.h>

static void write_frame(struct connections *connections, struct connection *c, enum frame_kind kind,
                        uint64_t request, const void *body, uint32_t body_bytes)
{
    binary_seal(c);
    uint32_t bytes = (uint32_t)sizeof(struct frame) + ((body_bytes + 7u) & ~7u);
    struct frame *frame = connection_room(connections, c);
    memset(frame, 0, bytes);
    memcpy(frame + 1, body, body_bytes);
    frame_seal(frame, kind, bytes, 0, request);
    connection_wrote(connections, c, bytes);
}

void binary_refuse(struct connections *connections, struct env *env, struct connection *c,
                   uint64_t request, enum frame_fault fault)
{
    struct frame_error error = {.fault = fault};
    const char *name = frame_fault_name(fault);
    error.reason_bytes = (uint32_t)strnlen(name, sizeof error.reason);
    memcpy(error.reason, name, error.reason_bytes);
    write_frame(connections, c, FRAME_ERROR, request, &error, sizeof error);
    c->input_read = c->input_bytes;
    c->fault = (uint8_t)fault;
    connection_end(connections, env, c);
}

/* Who says hello to one shard's listener is told which one that is: it keeps to its own slots then. */
static void welcome_client(struct connections *connections, struct connection *c, uint64_t request,
                           const struct binary_welcome *welcome, uint32_t shard)
{
    struct {
        struct frame_welcome body;
        char addresses[sizeof welcome->addresses];
    } said = {.body = welcome->body};
    c->welcomed = true;
    if (c->client_known)
        peer_sign(c, &c->client);
    said.body.shard = (uint16_t)shard;
    memcpy(said.addresses, welcome->addresses, welcome->address_bytes);
    write_frame(connections, c, FRAME_WELCOME, request, &said,
                (uint32_t)sizeof said.body + welcome->address_bytes);
}

/* Versions that both sides know: today there is one. */
static bool hello_fits(const struct frame_hello *hello)
{
    return hello->version_min <= FRAME_VERSION && hello->version_max >= FRAME_VERSION;
}

static bool knows_caller(struct connection *c, const struct frame_hello *hello,
                         const struct callers *callers)
{
    if (callers == NULL)
        return true;
    struct text token = {(const char *)(hello + 1), hello->token_bytes};
    const struct caller *caller = callers_find(callers, token);
    if (caller == NULL)
        return false;
    c->caller_bytes = caller->name_bytes;
    memcpy(c->caller, caller->name, caller->name_bytes);
    return true;
}

/* Counts the commands of every frame whose head has come in, each once: results that are under way
 * have been taken off, so it is never more than the client itself counts. */
static bool has_credit(struct connection *c, const struct binary_welcome *welcome)
{
    enum frame_fault fault = FRAME_OK;
    while (c->input_bytes > c->input_asked &&
           c->input_bytes - c->input_asked >= sizeof(struct frame)) {
        const struct frame *frame = (const void *)(c->input + c->input_asked);
        if (frame_bytes(frame, sizeof *frame, welcome->body.frame_bytes_max, &fault) == 0 ||
            frame->count > FRAME_COMMANDS_MAX)
            return true; /* will be refused for that when its turn comes */
        c->input_asked += frame->bytes;
        if (frame->kind == FRAME_COMMANDS && frame->count > welcome->body.credits - c->asked)
            return false;
        c->asked += frame->kind == FRAME_COMMANDS ? frame->count : 0;
    }
    return true;
}

/* A whole frame stands at `frame`; FRAME_OK, or why the connection ends. */
static enum frame_fault take_frame(struct connections *connections, struct connection *c,
                                   const struct frame *frame, const struct binary_welcome *welcome,
                                   uint32_t shard)
{
    enum frame_fault fault = frame_check(frame);
    if (fault != FRAME_OK)
        return fault;
    if ((frame->kind == FRAME_HELLO) == c->welcomed)
        return FRAME_NO_HELLO;
    switch (frame->kind) {
    case FRAME_HELLO:
        if (!hello_fits((const void *)(frame + 1)))
            return FRAME_BAD_VERSION;
        if (!knows_caller(c, (const void *)(frame + 1), binary_callers(welcome)))
            return FRAME_BAD_TOKEN;
        welcome_client(connections, c, frame->request, welcome, shard);
        break;
    case FRAME_PING:
        write_frame(connections, c, FRAME_PONG, frame->request, frame + 1,
                    frame->bytes - (uint32_t)sizeof *frame);
        break;
    case FRAME_COMMANDS:
        c->frame_left = frame->count;
        c->input_read += (uint32_t)sizeof *frame; /* the commands follow one by one */
        return FRAME_OK;
    default:
        return FRAME_BAD_KIND;
    }
    c->input_read += frame->bytes;
    return FRAME_OK;
}

static const struct command *take_command(struct connection *c)
{
    const struct command *command = (const void *)(c->input + c->input_read);
    c->input_read += command->bytes;
    c->frame_left--;
    return command;
}

const struct command *binary_next(struct connections *connections, struct env *env,
                                  struct connection *c, const struct binary_welcome *welcome,
                                  uint32_t shard)
{
    while (c->phase == CONNECTION_OPEN) {
        if (c->frame_left > 0)
            return take_command(c);
        const struct frame *frame = (const void *)(c->input + c->input_read);
        uint32_t available = c->input_bytes - c->input_read;
        enum frame_fault fault = has_credit(c, welcome) ? FRAME_OK : FRAME_NO_CREDIT;
        if (fault != FRAME_OK) {
            binary_refuse(connections, env, c, 0, fault);
            return NULL;
        }
        uint32_t bytes = frame_bytes(frame, available, welcome->body.frame_bytes_max, &fault);
        if (fault != FRAME_OK) {
            binary_refuse(connections, env, c, 0, fault); /* its request may not have come yet */
            return NULL;
        }
        if (bytes == 0 || available < bytes)
            return NULL;
        fault = take_frame(connections, c, frame, welcome, shard);
        if (fault != FRAME_OK) {
            binary_refuse(connections, env, c, frame->request, fault);
            return NULL;
        }
    }
    return NULL;
}

void binary_answer(struct connections *connections, struct connection *c,
                   const struct result *result)
{
    if (c->results == NULL) {
        struct frame *frame = connection_room(connections, c);
        *frame = (struct frame){.bytes = sizeof *frame};
        c->results = frame;
        connection_wrote(connections, c, sizeof *frame);
    }
    memcpy(connection_room(connections, c), result, result->bytes);
    connection_wrote(connections, c, result->bytes);
    c->results->bytes += result->bytes;
    c->results->count++;
    c->asked--;
}

void binary_seal(struct connection *c)
{
    if (c->results == NULL)
        return;
    frame_seal(c->results, FRAME_RESULTS, c->results->bytes, c->results->count, 0);
    c->results = NULL;
}
