/* io/gate.h - who is let in to a shard, who is turned away, who has stayed too long. */
#ifndef SPATE_IO_GATE_H
#define SPATE_IO_GATE_H

#include "io/loop.h"

/* From now on connections are accepted; and no longer. */
void gate_open(struct shard_loop *loop);
/* Between the two: nobody new is heard, as far as that is possible; see env_deafen. */
void gate_deafen(struct shard_loop *loop);
void gate_close(struct shard_loop *loop);

/* Completions: of an accept, and of the answer to one connection too many. */
void gate_accepted(struct shard_loop *loop, const struct env_done *done);
void gate_refused(struct shard_loop *loop, const struct env_done *done);

/* Now and then: ends connections whose time is over. */
void gate_expel(struct shard_loop *loop);

#endif
