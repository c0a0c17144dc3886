/* io/frame.h - the binary protocol's frames: bytes in, "consumed, need more, refuse" out.
 *
 *   0       4       8      10        12      16        24         32
 *   | magic | bytes | kind | version | count | request | checksum | body ... |
 *
 * A connection begins with hello and welcome. Then the client sends frames of `count` commands
 * (core/command.h), at most as many open commands as it has credits; the server answers with frames
 * of results (core/result.h), in any order, each with the `request` of its command. Sans-I/O: this
 * file neither reads nor writes anywhere, and allocates nothing. */
#ifndef SPATE_IO_FRAME_H
#define SPATE_IO_FRAME_H

#include "core/command.h"
#include "core/result.h"

enum { FRAME_MAGIC = 0x31545053 /* "SPT1" */, FRAME_VERSION = 1, FRAME_COMMANDS_MAX = 8190 };

enum frame_kind {
    FRAME_HELLO = 1,
    FRAME_WELCOME,
    FRAME_COMMANDS,
    FRAME_RESULTS,
    FRAME_PING,
    FRAME_PONG,
    FRAME_ERROR, /* a struct frame_error; then the sender closes */
};

struct frame {
    uint32_t magic;
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t kind;
    uint16_t version;
    uint32_t count;
    uint64_t request;
    uint64_t checksum; /* XXH3 of the body, seeded with XXH3 of the 24 bytes before this field */
};

/* Body of FRAME_HELLO; behind it the token. */
struct frame_hello {
    uint16_t version_min;
    uint16_t version_max;
    uint32_t capabilities; /* bits that neither side knows are ignored */
    uint8_t token_bytes;
    uint8_t zero[7];
};

/* Body of FRAME_WELCOME; behind it, for each shard, one byte of length and its "ADDR:PORT". */
enum frame_capability {
    FRAME_UNSYNCED = 1, /* of the server: a power cut loses what it acknowledges (--sync none) */
};

struct frame_welcome {
    uint16_t version;
    uint16_t shard_count;
    uint32_t capabilities;
    uint32_t frame_bytes_max;
    uint32_t commands_max; /* in one frame */
    uint32_t credits;      /* open commands on this connection */
    uint16_t shard;        /* the one at the other end */
    uint16_t zero;
    uint8_t slot_shard[SLOT_COUNT];
};

enum frame_fault {
    FRAME_OK,
    FRAME_BAD_MAGIC,
    FRAME_BAD_LENGTH,
    FRAME_TOO_LARGE,
    FRAME_BAD_CHECKSUM,
    FRAME_BAD_VERSION,
    FRAME_BAD_KIND,
    FRAME_BAD_COUNT,
    FRAME_NO_HELLO, /* anything before hello, or a second hello */
    FRAME_BAD_TOKEN,
    FRAME_NO_CREDIT,    /* more open commands than credits */
    FRAME_BUSY,         /* as many connections as there may be; try again later */
    FRAME_BUSY_ADDRESS, /* as many from one address as there may be */
    FRAME_LATE,         /* hello, or the rest of a frame, did not arrive in time */
    FRAME_IDLE,         /* nothing has moved for longer than it may */
    FRAME_FAULTS
};

struct frame_error {
    uint32_t fault;
    uint32_t reason_bytes;
    char reason[112];
};

/* How many bytes the frame at `at` has. 0: more are needed to know, or, if *fault is set, these can
 * be the begin of no frame. Looks at no byte beyond `available`; any alignment. */
uint32_t frame_bytes(const void *at, uint64_t available, uint32_t bytes_max,
                     enum frame_fault *fault);
/* Looks at a whole frame of which frame_bytes has said that it is all there, aligned to 8: its
 * version, checksum, kind, and that its items fill it exactly: each of `count` commands or results
 * has a length of its own that stays inside. What is in them, command_check says. */
enum frame_fault frame_check(const struct frame *frame);
/* Completes a frame whose body has been written: length, checksum. */
void frame_seal(struct frame *frame, enum frame_kind kind, uint32_t bytes, uint32_t count,
                uint64_t request);

const char *frame_fault_name(enum frame_fault fault);

#endif
