/* io/frame.c - the binary protocol's frames; see frame.h for the bytes. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/frame.h"

#include <string.h>

_Static_assert(sizeof(struct frame) == 32, "drawn in frame.h");
_Static_assert(offsetof(struct frame, checksum) == 24, "what is before it seeds the checksum");
_Static_assert(sizeof(struct frame_welcome) % 8 == 0, "the addresses begin right behind it");

static const void *frame_body(const struct frame *frame)
{
    return frame + 1;
}

static uint64_t frame_checksum(const struct frame *frame)
{
    uint64_t seed = XXH3_64bits(frame, offsetof(struct frame, checksum));
    return XXH3_64bits_withSeed(frame_body(frame), frame->bytes - sizeof *frame, seed);
}

uint32_t frame_bytes(const void *at, uint64_t available, uint32_t bytes_max,
                     enum frame_fault *fault)
{
    static const char magic[4] = "SPT1";
    uint32_t bytes;
    *fault = FRAME_OK;
    if (memcmp(at, magic, available < sizeof magic ? available : sizeof magic) != 0) {
        *fault = FRAME_BAD_MAGIC;
        return 0;
    }
    if (available < sizeof magic + sizeof bytes)
        return 0;
    memcpy(&bytes, (const char *)at + sizeof magic, sizeof bytes);
    if (bytes < sizeof(struct frame) || bytes % 8 != 0)
        *fault = FRAME_BAD_LENGTH;
    else if (bytes > bytes_max)
        *fault = FRAME_TOO_LARGE;
    return *fault == FRAME_OK ? bytes : 0;
}

/* Commands and results alike begin with their length. */
static bool items_fill(const struct frame *frame, uint32_t item_bytes_min)
{
    const char *at = frame_body(frame);
    uint32_t left = frame->bytes - (uint32_t)sizeof *frame;
    for (uint32_t i = 0; i < frame->count; i++) {
        uint32_t bytes;
        if (left < item_bytes_min)
            return false;
        memcpy(&bytes, at, sizeof bytes);
        if (bytes < item_bytes_min || bytes > left || bytes % 8 != 0)
            return false;
        at += bytes;
        left -= bytes;
    }
    return left == 0;
}

/* The bytes behind the last text are zeros, and fewer than 8. */
static bool is_padding(const char *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        if (at[i] != 0)
            return false;
    return bytes < 8;
}

static enum frame_fault hello_check(const struct frame *frame)
{
    const struct frame_hello *hello = frame_body(frame);
    uint32_t left = frame->bytes - (uint32_t)sizeof *frame;
    if (left < sizeof *hello || left - sizeof *hello < hello->token_bytes)
        return FRAME_BAD_LENGTH;
    uint32_t used = (uint32_t)sizeof *hello + hello->token_bytes;
    return is_padding((const char *)hello + used, left - used) ? FRAME_OK : FRAME_BAD_LENGTH;
}

static enum frame_fault welcome_check(const struct frame *frame)
{
    const struct frame_welcome *welcome = frame_body(frame);
    uint32_t left = frame->bytes - (uint32_t)sizeof *frame;
    if (left < sizeof *welcome)
        return FRAME_BAD_LENGTH;
    if (welcome->shard_count == 0 || welcome->shard_count > SHARDS_MAX ||
        welcome->shard >= welcome->shard_count)
        return FRAME_BAD_COUNT;
    for (uint32_t i = 0; i < SLOT_COUNT; i++)
        if (welcome->slot_shard[i] >= welcome->shard_count)
            return FRAME_BAD_COUNT;
    const char *at = (const char *)(welcome + 1);
    left -= (uint32_t)sizeof *welcome;
    for (uint32_t i = 0; i < welcome->shard_count; i++) {
        uint32_t bytes = left == 0 ? 0 : 1u + (uint8_t)*at;
        if (left == 0 || bytes > left)
            return FRAME_BAD_LENGTH;
        at += bytes;
        left -= bytes;
    }
    return is_padding(at, left) ? FRAME_OK : FRAME_BAD_LENGTH;
}

static enum frame_fault error_check(const struct frame *frame)
{
    const struct frame_error *error = frame_body(frame);
    if (frame->bytes != sizeof *frame + sizeof *error || error->reason_bytes > sizeof error->reason)
        return FRAME_BAD_LENGTH;
    return FRAME_OK;
}

static enum frame_fault items_check(const struct frame *frame, uint32_t item_bytes_min)
{
    if (frame->count == 0 || frame->count > FRAME_COMMANDS_MAX)
        return FRAME_BAD_COUNT;
    return items_fill(frame, item_bytes_min) ? FRAME_OK : FRAME_BAD_LENGTH;
}

static enum frame_fault body_check(const struct frame *frame)
{
    switch ((enum frame_kind)frame->kind) {
    case FRAME_HELLO:
        return hello_check(frame);
    case FRAME_WELCOME:
        return welcome_check(frame);
    case FRAME_COMMANDS:
        return items_check(frame, sizeof(struct command));
    case FRAME_RESULTS:
        return items_check(frame, sizeof(struct result));
    case FRAME_PING:
    case FRAME_PONG:
        return frame->bytes == sizeof *frame ? FRAME_OK : FRAME_BAD_LENGTH;
    case FRAME_ERROR:
        return error_check(frame);
    }
    return FRAME_BAD_KIND;
}

enum frame_fault frame_check(const struct frame *frame)
{
    /* Version before checksum: another version may well compute another one, and the sender should
     * learn the true reason. */
    if (frame->version != FRAME_VERSION)
        return FRAME_BAD_VERSION;
    if (frame->checksum != frame_checksum(frame))
        return FRAME_BAD_CHECKSUM;
    enum frame_fault fault = body_check(frame);
    bool has_items = frame->kind == FRAME_COMMANDS || frame->kind == FRAME_RESULTS;
    if (fault == FRAME_OK && !has_items && frame->count != 0)
        return FRAME_BAD_COUNT;
    return fault;
}

void frame_seal(struct frame *frame, enum frame_kind kind, uint32_t bytes, uint32_t count,
                uint64_t request)
{
    frame->magic = FRAME_MAGIC;
    frame->bytes = bytes;
    frame->kind = (uint16_t)kind;
    frame->version = FRAME_VERSION;
    frame->count = count;
    frame->request = request;
    frame->checksum = frame_checksum(frame);
}

const char *frame_fault_name(enum frame_fault fault)
{
    static const char *const names[] = {
        [FRAME_OK] = "ok",
        [FRAME_BAD_MAGIC] = "bad magic",
        [FRAME_BAD_LENGTH] = "bad length",
        [FRAME_TOO_LARGE] = "frame too large",
        [FRAME_BAD_CHECKSUM] = "bad checksum",
        [FRAME_BAD_VERSION] = "version not spoken here",
        [FRAME_BAD_KIND] = "unknown kind of frame",
        [FRAME_BAD_COUNT] = "bad count",
        [FRAME_NO_HELLO] = "hello missing or repeated",
        [FRAME_BAD_TOKEN] = "unknown token",
        [FRAME_NO_CREDIT] = "more open commands than credits",
        [FRAME_BUSY] = "too many connections; try again later",
        [FRAME_BUSY_ADDRESS] = "too many connections from this address",
        [FRAME_LATE] = "hello or the rest of a frame did not arrive in time",
        [FRAME_IDLE] = "nothing was said for too long",
    };
    return (uint32_t)fault < sizeof names / sizeof *names ? names[fault] : "unknown fault";
}
