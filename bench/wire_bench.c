/* bench/wire_bench.c - a frame of 512 two-line orders, from bytes to commands that may be relied
 * on; and its making. */
#include "bench/bench.h"

#include <stdlib.h>

#include "bench/orders.h"
#include "core/check.h"
#include "io/frame.h"

enum { ORDERS = 512 };

static _Alignas(8) uint8_t bytes[sizeof(struct frame) + ORDERS * BENCH_ORDER_BYTES_MAX];
static uint32_t used_bytes;

static void make(void)
{
    used_bytes = sizeof(struct frame);
    for (uint32_t i = 0; i < ORDERS; i++) {
        const uint32_t skus[2] = {1 + i, 1000 + i};
        used_bytes += bench_order(bytes + used_bytes, i, skus, 2);
    }
    frame_seal((struct frame *)(void *)bytes, FRAME_COMMANDS, used_bytes, ORDERS, 1);
}

static void check(uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++) {
        struct command_fault fault;
        CHECK(frame_check((const struct frame *)(const void *)bytes) == FRAME_OK);
        for (uint32_t at = sizeof(struct frame); at < used_bytes;) {
            const struct command *command = (const void *)(bytes + at);
            CHECK(command_check(command, used_bytes - at, &fault) == CODE_OK);
            at += command->bytes;
        }
    }
}

static void seal(uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++)
        frame_seal((struct frame *)(void *)bytes, FRAME_COMMANDS, used_bytes, ORDERS, i);
}

const struct bench wire_benches[] = {
    {.name = "wire/check, 512 orders a frame", .setup = make, .run = check, .items = ORDERS},
    {.name = "wire/seal, 512 orders a frame", .setup = make, .run = seal, .items = ORDERS},
    {0},
};
