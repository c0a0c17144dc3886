/* tools/machine.h - the machine that a replay runs on, as far as its figures depend on it. */
#ifndef SPATE_TOOLS_MACHINE_H
#define SPATE_TOOLS_MACHINE_H

#include <stdint.h>

struct machine {
    char processor[96];
    char kernel[96];
    uint32_t cores;
    uint64_t memory_bytes;
    uint64_t jitter_ns_p99; /* how much too late a sleeper wakes up */
    uint64_t jitter_ns_max;
};

/* Takes a tenth of a second: it sleeps a hundred times and looks how punctually it wakes. */
void machine_look(struct machine *machine);

#endif
