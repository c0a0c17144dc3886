/* io/client/client.h - what the files of libspate want of one another. */
#ifndef SPATE_IO_CLIENT_CLIENT_H
#define SPATE_IO_CLIENT_CLIENT_H

#include "core/result.h"
#include "io/client/spate.h"

/* Zeroed room for a command of that many bytes; NULL: too many are open. It is written, and then
 * asked, or dropped. */
void *call_begin(struct spate *client, enum op kind, uint32_t bytes, uint64_t tag);
bool call_ask(struct spate *client); /* true */
void call_drop(struct spate *client);

/* Fills in what results of this kind say; false: it is shorter than what it says it holds. */
bool result_take(const struct result *head, struct spate_result *out);

#endif
