/* io/drain.h - how a shard ends: it says goodbye, takes nothing more, and waits for the others.
 *
 * Nobody returns before nobody has work left that could reach somebody else. */
#ifndef SPATE_IO_DRAIN_H
#define SPATE_IO_DRAIN_H

#include "io/loop.h"

/* One step of it, if the server is to stop; true when this shard may return. */
bool drain_over(struct shard_loop *loop);

#endif
