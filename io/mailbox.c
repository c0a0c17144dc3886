#include "io/mailbox.h"

#include <string.h>

#include "core/atomics.h"
#include "core/check.h"
#include "core/prefetch.h"

/* Positions count bytes since the beginning and are never reset; a position's place in the ring is
 * its remainder. Where a message would run over the end, a skip mark stands instead, and the message
 * begins at place 0. Writer and reader each have a line of their own, with their last look at the
 * other's position, so that mostly neither touches the other's line. */
struct mailbox {
    _Alignas(128) struct atomic64 published; /* the writer's, up to where messages may be read */
    uint64_t put;                            /* up to where they have been written */
    uint64_t released_seen;
    _Alignas(128) struct atomic64 released; /* the reader's, up to where they have been used up */
    uint64_t read;
    _Alignas(128) uint32_t capacity_bytes;
    _Alignas(128) uint8_t ring[];
};

enum { SKIP = 0 }; /* a message of no bytes: go on at place 0 */

size_t mailbox_bytes(uint32_t capacity_bytes)
{
    return sizeof(struct mailbox) + capacity_bytes;
}

struct mailbox *mailbox_init(void *zeroed_memory, uint32_t capacity_bytes)
{
    struct mailbox *mailbox = zeroed_memory;
    CHECK((capacity_bytes & (capacity_bytes - 1)) == 0 && (uintptr_t)zeroed_memory % 128 == 0);
    mailbox->capacity_bytes = capacity_bytes;
    return mailbox;
}

static uint32_t place_of(const struct mailbox *mailbox, uint64_t position)
{
    return (uint32_t)position & (mailbox->capacity_bytes - 1);
}

static bool has_room(struct mailbox *mailbox, uint64_t bytes)
{
    if (mailbox->put + bytes - mailbox->released_seen <= mailbox->capacity_bytes)
        return true;
    mailbox->released_seen = atomic_load(&mailbox->released); /* pairs with mailbox_release */
    return mailbox->put + bytes - mailbox->released_seen <= mailbox->capacity_bytes;
}

bool mailbox_put(struct mailbox *mailbox, const struct message *message)
{
    uint32_t place = place_of(mailbox, mailbox->put);
    uint32_t to_end = mailbox->capacity_bytes - place;
    uint32_t skipped = message->bytes > to_end ? to_end : 0;
    CHECK(message->bytes % 8 == 0 && message->bytes <= mailbox->capacity_bytes / 4);
    if (!has_room(mailbox, (uint64_t)skipped + message->bytes))
        return false;
    if (skipped > 0) {
        memset(mailbox->ring + place, SKIP, sizeof(uint64_t));
        place = 0;
    }
    memcpy(mailbox->ring + place, message, message->bytes);
    mailbox->put += skipped + message->bytes;
    return true;
}

void mailbox_publish(struct mailbox *mailbox)
{
    atomic_store(&mailbox->published, mailbox->put); /* pairs with the load in mailbox_end */
}

uint64_t mailbox_end(const struct mailbox *mailbox)
{
    return atomic_load(&mailbox->published); /* pairs with the store in mailbox_publish */
}

static const struct message *message_at(const struct mailbox *mailbox, uint64_t *position,
                                        uint64_t end)
{
    if (*position == end)
        return NULL;
    uint32_t place = place_of(mailbox, *position);
    const struct message *message = (const void *)(mailbox->ring + place);
    if (message->bytes == SKIP) {
        *position += mailbox->capacity_bytes - place;
        message = (const void *)mailbox->ring;
    }
    *position += message->bytes;
    return message;
}

const struct message *mailbox_read(struct mailbox *mailbox, uint64_t end)
{
    return message_at(mailbox, &mailbox->read, end);
}

uint32_t mailbox_look(const struct mailbox *mailbox, uint64_t end, const struct message **messages,
                      uint32_t count_max)
{
    uint64_t position = mailbox->read;
    uint32_t count = 0;
    while (count < count_max && (messages[count] = message_at(mailbox, &position, end)) != NULL)
        prefetch_line((const char *)messages[count++] + 64); /* most are on two lines */
    return count;
}

void mailbox_release(struct mailbox *mailbox)
{
    /* pairs with the load in has_room; what was read may now be written over */
    if (mailbox->released.value != mailbox->read)
        atomic_store(&mailbox->released, mailbox->read);
}

bool mailbox_empty(const struct mailbox *mailbox)
{
    return atomic_load(&mailbox->published) == mailbox->read;
}
