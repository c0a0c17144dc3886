/* io/mailbox.h - messages from one shard to one other: a ring of bytes with one writer and one
 * reader.
 *
 * The writer puts any number of messages and then publishes them at once; the reader looks at them
 * in place and releases them at once. A message never wraps: the rest of the ring is skipped. */
#ifndef SPATE_IO_MAILBOX_H
#define SPATE_IO_MAILBOX_H

#include "core/message.h"

struct mailbox;

size_t
mailbox_bytes(uint32_t capacity_bytes); /* a power of two, at least 4 of the largest message */
struct mailbox *mailbox_init(void *zeroed_memory, uint32_t capacity_bytes);

/* Writer: false if there is no room now; nothing is seen by the reader before mailbox_publish. */
bool mailbox_put(struct mailbox *mailbox, const struct message *message);
void mailbox_publish(struct mailbox *mailbox);

/* Reader: where the writer has published up to; then every message before that, NULL at the end. */
uint64_t mailbox_end(const struct mailbox *mailbox);
const struct message *mailbox_read(struct mailbox *mailbox, uint64_t end);
/* Those that come next, at most count_max: they are only looked at. How many there are. */
uint32_t mailbox_look(const struct mailbox *mailbox, uint64_t end, const struct message **messages,
                      uint32_t count_max);
void mailbox_release(struct mailbox *mailbox);
/* Reader, before it sleeps: nothing is published that it has not read. */
bool mailbox_empty(const struct mailbox *mailbox);

#endif
