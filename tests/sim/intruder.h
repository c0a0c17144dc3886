/* tests/sim/intruder.h - somebody who means no good: connections that say nothing, bytes that mean
 * nothing, requests that never end, and floods whose answers nobody reads. */
#ifndef SPATE_TESTS_SIM_INTRUDER_H
#define SPATE_TESTS_SIM_INTRUDER_H

#include "tests/sim/run.h"

struct intruder {
    struct run *run;
    const char *addresses[2]; /* of the binary protocol, of HTTP */
    const bool *end;          /* to be set by others: leaves soon after */
};

/* The body of an actor. */
void intrude(void *intruder);

#endif
