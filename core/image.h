/* core/image.h - state as bytes: what a snapshot keeps, and what the state hash is a hash of.
 *
 *   record:  0       4      6      8
 *            | bytes | slot | zero | part | part | ...            one thing and all that hangs from it
 *   part:    0       4      6      8
 *            | bytes | kind | zero | fields by kind, zeros up to a multiple of 8 |
 *
 * A record is an order, a SKU, a retry key, ...: the first part says what, the others belong to it.
 * Every module writes its own parts and reads them back; their layouts stand in its header, all
 * little-endian and without padding.
 *
 * The same state gives the same bytes, however it came about and on however many shards: a record
 * holds nothing that lives in memory alone (references, indexes, sums, held units, which count as
 * free), and its parts stand in the order of their keys. The state hash is the sum of the records'
 * digests and nothing else, so that what is forgotten here is missed by both.
 *
 * State that a module adds: a part with its layout; a line where its owner's record is written; a
 * case in shard_load and in part_valid. */
#ifndef SPATE_CORE_IMAGE_H
#define SPATE_CORE_IMAGE_H

#include "core/shard.h"

/* Numbers go by who owns them, as those of slices do. */
enum part_kind {
    PART_ORDER = 1, /* core/order.h; opens a record */
    PART_ORDER_STAGES = 2,
    PART_PAYMENT = 20,  /* core/payment.h; of an order, each with its refunds behind it */
    PART_REFUND = 21,   /* core/refund.h */
    PART_SHIPMENT = 40, /* core/shipment.h; of an order, each with its scans behind it */
    PART_SCANS = 41,
    PART_RETURN = 50,    /* core/return.h; of an order */
    PART_RULES = 60,     /* core/rules.h; opens a record */
    PART_SKU = 64,       /* core/stock.h; opens a record */
    PART_CELL = 65,      /* of a SKU, by warehouse */
    PART_LIMIT = 66,     /* core/limit.h; opens a record */
    PART_TRANSFER = 67,  /* core/transfer.h; opens a record */
    PART_RETRY = 90,     /* core/retry.h; opens a record */
    PART_WAREHOUSE = 96, /* core/topology.h; opens a record */
    PART_REGION = 97,    /* core/region.h; opens a record */
};

struct record {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t slot;
    uint16_t zero;
};

struct part {
    uint32_t bytes; /* all of it; a multiple of 8 */
    uint16_t kind;
    uint16_t zero;
};

/* No record is longer. */
enum { RECORD_BYTES_MAX = (1 << 20) - 4096 };

/* ---- writing ----------------------------------------------------------------------------------- */

struct record *record_begin(struct pile *out, uint32_t slot);
/* A zeroed part at the end of the record, its head filled in; `bytes` is all of it. */
void *record_part(struct pile *out, struct record *record, enum part_kind kind, size_t bytes);

/* ---- reading ----------------------------------------------------------------------------------- */

static inline const struct part *record_first(const struct record *record)
{
    return (const void *)(record + 1);
}

static inline const struct part *part_next(const struct part *part)
{
    return (const void *)((const char *)part + part->bytes);
}

static inline const struct record *record_next(const struct record *record)
{
    return (const void *)((const char *)record + record->bytes);
}

static inline bool record_has(const struct record *record, const struct part *part)
{
    return (const char *)part < (const char *)record + record->bytes;
}

/* Whether these bytes are a whole record, its parts inside it, known, in their place, and as long as
 * their own fields say. */
bool record_valid(const struct record *record, uint64_t available);

uint64_t record_hash(const struct record *record);

/* The id of the order that a record is of; none, if it is of something else. An order changes by slices that
 * name it alone, and when deadlines are extended. */
struct text record_order(const struct record *record);

/* ---- a shard's ---------------------------------------------------------------------------------- */

/* Where a walk over all records of a shard is; zeroed at the beginning. */
struct image_walk {
    uint32_t stage;
    uint64_t at;
};

/* The next record, valid until the next call or the next change; NULL at the end. Expects that every
 * event has its sequence. A slot's orders come by the hash of their ids, or nearly so: that is the
 * order in which a table takes them fastest. (In a snapshot each round's changed ones do, behind the rest.) */
const struct record *shard_image_next(const struct shard *shard, struct image_walk *walk);

/* Puts a record into a shard that has applied no event yet, if it is of one of its slots (the
 * topology's: always); SHARD_TABLE_NONE, or the table that is too small. */
enum shard_table shard_load(struct shard *shard, const struct record *record) MUST_LOOK;
/* Whether it would take anything of the slots from `first` to `last`. */
bool shard_loads_any(const struct shard *shard, uint32_t first, uint32_t last);
/* Puts `count` of them, which stand one behind the other, fetching ahead; *record is behind them then. */
enum shard_table shard_load_some(struct shard *shard, const struct record **record,
                                 uint32_t count) MUST_LOOK;
/* After the last record: what goes by time across slots is brought into order. */
void shard_loaded(struct shard *shard);
/* Instead of that: the shard is as it was after shard_init. */
void shard_forget(struct shard *shard);

#endif
