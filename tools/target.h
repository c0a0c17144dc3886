/* tools/target.h - the servers that a replay talks to: events of a trace go in, answers come out.
 *
 * Over the binary protocol through libspate, or over HTTP with one request at a time on each connection.
 * A request that was sent and has no answer when its connection ends is sent again, with the same id or
 * key, so an answer is always the true outcome. A target belongs to one thread. */
#ifndef SPATE_TOOLS_TARGET_H
#define SPATE_TOOLS_TARGET_H

#include "io/client/spate.h"
#include "tools/trace.h"

struct target_options {
    const char *addresses; /* with commas; each connection prefers another one */
    const char *token;     /* NULL: none */
    uint32_t connections;  /* over HTTP in all, over binary to each shard */
    uint32_t open_max;     /* requests without an answer */
    bool http;
};

struct target;

/* `numbers` are what the servers call the trace's SKUs; the answers to TRACE_SKU events bring them, and
 * whoever takes those answers writes them there. NULL: errno says why. */
struct target *target_open(const struct target_options *options, const struct trace *trace,
                           const uint32_t *numbers);
void target_close(struct target *target);

/* Queues one request of the trace's `pass`th replay. false: open_max have no answer yet. */
bool target_send(struct target *target, const struct trace_event *event, uint64_t pass,
                 uint64_t tag);
/* The arrays of an answer live until the next target_process. */
bool target_next(struct target *target, struct spate_result *answer);
/* Sends and receives what can be without waiting. false: refused for good; target_error says why. */
bool target_process(struct target *target);
/* Waits until there is something to process, or until that moment of CLOCK_MONOTONIC. */
void target_wait(struct target *target, uint64_t until_ns);
uint64_t target_open_count(const struct target *target);
const char *target_error(const struct target *target);
/* Which shard owns a SKU of the trace; UINT32_MAX where that cannot be known. */
uint32_t target_shard(const struct target *target, uint32_t sku);

uint64_t clock_ns(void);

#endif
