/* core/transfer.h - units of a SKU on their way from one warehouse to another.
 *
 * Owned by one shard, beside the SKUs. A transfer is known by its SKU and its id: the same id with
 * the same body again is a retry, for as long as the transfer is remembered. It may arrive in parts;
 * when all of its units have arrived or are known to be lost it is over, and some time later it
 * leaves by an event of its own.
 *
 * Always: ok + damaged + lost <= units, and what is missing there is `in_transfer` of the cell that
 * it goes to. */
#ifndef SPATE_CORE_TRANSFER_H
#define SPATE_CORE_TRANSFER_H

#include "core/event.h"
#include "core/image.h"
#include "core/result.h"
#include "core/shard.h"
#include "core/table.h"

/* Behind it: the id. */
struct slice_transfer_shipped {
    struct slice head;
    uint64_t digest; /* of the request */
    uint64_t at_ns;
    uint64_t units;
    uint32_t sku;
    uint8_t from;
    uint8_t to;
    uint8_t id_bytes;
    uint8_t zero;
};
_Static_assert(sizeof(struct slice_transfer_shipped) == 40, "as it stands in the log");

/* Behind it: the id. */
struct slice_transfer_received {
    struct slice head;
    uint64_t at_ns;
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
    uint32_t sku;
    uint8_t id_bytes;
    uint8_t zero[3];
};
_Static_assert(sizeof(struct slice_transfer_received) == 48, "as it stands in the log");

/* Behind it: the id. */
struct slice_transfer_forgotten {
    struct slice head;
    uint32_t sku;
    uint8_t id_bytes;
    uint8_t zero[3];
};
_Static_assert(sizeof(struct slice_transfer_forgotten) == 16, "as it stands in the log");

/* Behind it: the id. */
struct part_transfer {
    struct part head;
    uint64_t digest;
    uint64_t units;
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
    uint64_t shipped_ns;
    uint64_t over_ns;
    uint32_t sku;
    uint8_t from;
    uint8_t to;
    uint8_t id_bytes;
    uint8_t zero;
};
_Static_assert(sizeof(struct part_transfer) == 72, "as it stands in images");

struct transfer {
    uint64_t digest;
    uint64_t units;
    uint64_t ok;
    uint64_t damaged;
    uint64_t lost;
    uint64_t shipped_ns;
    uint64_t over_ns; /* 0: it is on its way */
    uint32_t sku;
    uint32_t next; /* of those that are over, in order of time; or the next free entry */
    uint8_t from;
    uint8_t to;
    uint8_t id_bytes;
    char id[ID_BYTES_MAX];
};

struct transfers {
    struct transfer *entries; /* counted from 1 */
    struct table by_id;
    uint32_t count;
    uint32_t count_max;
    uint32_t top; /* entries above were never used */
    uint32_t first_free;
    uint32_t first_over; /* the oldest of those that are over */
    uint32_t last_over;
};

size_t transfers_bytes(const struct shard_options *options);
void transfers_init(struct transfers *transfers, void *zeroed_memory,
                    const struct shard_options *options);

static inline struct text transfer_id(const struct transfer *transfer)
{
    return (struct text){transfer->id, transfer->id_bytes};
}

static inline uint64_t transfer_on_its_way(const struct transfer *transfer)
{
    return transfer->units - transfer->ok - transfer->damaged - transfer->lost;
}

/* NULL: not known. */
const struct transfer *transfer_find(const struct transfers *transfers, uint32_t sku,
                                     struct text id);
bool transfers_have_room(const struct transfers *transfers);
/* Of those that are over; NULL: there is none. */
const struct transfer *transfers_oldest(const struct transfers *transfers);

/* The units of all, counted again. */
uint64_t transfers_on_their_way(const struct transfers *transfers);

enum shard_table transfer_apply(struct transfers *transfers, const struct slice *slice) MUST_LOOK;

bool transfer_shipped_valid(const struct slice_transfer_shipped *shipped);
bool transfer_received_valid(const struct slice_transfer_received *received);
bool transfer_forgotten_valid(const struct slice_transfer_forgotten *forgotten);

/* See core/image.h. */
bool transfers_image(const struct transfers *transfers, uint64_t *at, struct pile *out);
bool transfer_part_valid(const struct part_transfer *part, uint32_t slot);
enum shard_table transfer_load(struct transfers *transfers,
                               const struct part_transfer *part) MUST_LOOK;
/* Transfers that came slot by slot leave oldest first again. */
void transfers_loaded(struct transfers *transfers);

#endif
