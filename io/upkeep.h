/* io/upkeep.h - what a shard does beside its orders, now and then. */
#ifndef SPATE_IO_UPKEEP_H
#define SPATE_IO_UPKEEP_H

#include "io/loop.h"

/* What answers say of the time; in every turn. */
void upkeep_date(struct shard_loop *loop);

/* In every turn, after its commands: says what should be known, and every quarter of a second looks
 * for connections whose time is over or whose pages nobody needs. */
void upkeep_turn(struct shard_loop *loop);

/* Figures for whoever looks from outside; every tenth of a second is enough. */
void upkeep_gauges(struct shard_loop *loop);

#endif
