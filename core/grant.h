/* core/grant.h - the SKUs' shard says what it can set aside for an order that is put together elsewhere
 * or here: at once, or when those who came before have had their turn. */
#ifndef SPATE_CORE_GRANT_H
#define SPATE_CORE_GRANT_H

#include "core/shard_state.h"

/* What this shard says to an ask; changes nothing. `may_pass`: those who wait are passed. */
enum hold_outcome grant_look(struct shard *shard, const struct hold_ask *ask,
                             struct hold_line *lines, bool may_pass);

/* Sets the lines aside and replies, or refuses; who asks in order may be left to wait. */
void grant_ask(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
               struct hold_line *lines);
/* Replies with the warehouses that could ship all of the lines. */
void grant_able(struct shard *shard, struct turn *turn, const struct hold_ask *ask,
                const struct hold_line *lines);
/* The same: MESSAGE_HOLD and MESSAGE_ASK_ABLE. */
void grant_message(struct shard *shard, struct turn *turn, const struct message_hold *hold);

/* Looks at those who wait for the SKU that has changed first, in order of arrival. */
void grant_work(struct shard *shard, struct turn *turn);

#endif
