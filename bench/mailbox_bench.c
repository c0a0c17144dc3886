/* bench/mailbox_bench.c - messages of 64 bytes through a mailbox, published and released by the
 * batch: what both ends together cost when the lines are near. */
#include "bench/bench.h"

#include <stdlib.h>

#include "core/check.h"
#include "io/mailbox.h"

enum { CAPACITY = 1 << 20, BATCH = 32 };

static struct mailbox *mailbox;

static void make(void)
{
    if (mailbox == NULL)
        mailbox = mailbox_init(bench_memory(mailbox_bytes(CAPACITY)), CAPACITY);
}

static void pass(uint64_t iterations, uint32_t batch)
{
    const struct {
        struct message head;
        uint64_t body[6];
    } hold = {.head = {.bytes = sizeof hold, .kind = MESSAGE_HOLD}};
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        for (uint32_t j = 0; j < batch; j++)
            CHECK(mailbox_put(mailbox, &hold.head));
        mailbox_publish(mailbox);
        const struct message *message;
        uint64_t end = mailbox_end(mailbox);
        while ((message = mailbox_read(mailbox, end)) != NULL)
            sum += message->kind;
        mailbox_release(mailbox);
    }
    bench_keep(sum);
}

static void pass_one(uint64_t iterations)
{
    pass(iterations, 1);
}

static void pass_batch(uint64_t iterations)
{
    pass(iterations, BATCH);
}

const struct bench mailbox_benches[] = {
    {.name = "mailbox/64 B, one at a time", .setup = make, .run = pass_one, .items = 1},
    {.name = "mailbox/64 B, by 32", .setup = make, .run = pass_batch, .items = BATCH},
    {0},
};
