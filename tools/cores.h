/* tools/cores.h - which cores a server may use, and whether its shards get one each for themselves. */
#ifndef SPATE_TOOLS_CORES_H
#define SPATE_TOOLS_CORES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/check.h"

enum pinning { PIN_AUTO, PIN_YES, PIN_NO };

enum { CORES_MAX = 1024, CORES_LINE_BYTES = 160 };

struct cores {
    uint32_t count; /* allowed by the mask of this process (taskset, cpuset) */
    uint16_t at[CORES_MAX];
    uint32_t quota; /* as many may be busy all the time (cpu.max of the cgroup); count: no limit */
};

/* What the system allows now. */
void cores_look(struct cores *cores);

/* Whether shards are pinned. By itself only where each has a core of its own, two are left for the helpers
 * and whoever else runs here, and no quota stops a shard that is busy: pinned to a core that others
 * want too, a shard waits for them while another core is idle. `line` says what was decided and why. */
bool cores_pin(const struct cores *cores, enum pinning wish, uint32_t shard_count,
               char line[CORES_LINE_BYTES]);

/* Whether shards may look on for work instead of sleeping: on a core that others need it stops them. */
bool cores_may_spin(const struct cores *cores, uint32_t shard_count);

/* Of pinned shards: the last cores, since the first serve most interrupts. */
uint32_t cores_of_shard(const struct cores *cores, uint32_t shard_count, uint32_t shard);

/* The calling thread, and those it starts, run on this core alone, or on those that no shard has (if
 * there are any). False: the system refused. */
bool cores_keep_to(uint32_t core) MUST_LOOK;
bool cores_keep_off(const struct cores *cores, uint32_t shard_count) MUST_LOOK;

/* Asks the system to keep every core of the machine awake as long as the descriptor that comes back is open.
 * A negative errno: it refused. */
int cores_keep_awake(void) MUST_LOOK;

#endif
