/* core/flight.h - requests in flight: at home, between their arrival and their outcome, while other
 * shards are asked for holds. Most of them place an order; others take stock for one that is there.
 *
 * Owned by the home's thread. A flight has all that its order will need: the request, a place for
 * its record, and what each shard has said so far. Retries of the same id queue behind it. */
#ifndef SPATE_CORE_FLIGHT_H
#define SPATE_CORE_FLIGHT_H

#include "core/hold.h"
#include "core/rules.h"
#include "core/table.h"

enum part_state { PART_NOT_ASKED, PART_ASKED, PART_GRANTED, PART_SHORT, PART_BUSY };

/* What one shard is asked for. */
struct flight_part {
    uint8_t shard;
    uint8_t state; /* enum part_state */
    uint16_t first_line;
    uint16_t line_count;
};

/* The lines of an order, sorted by shard, SKU, units (most first) and place in the order. */
struct plan {
    uint32_t line_count;
    uint32_t part_count;
    struct hold_line lines[ORDER_LINES_MAX];
    uint16_t order_line[ORDER_LINES_MAX]; /* which line of the order it is */
    struct flight_part parts[SHARDS_MAX]; /* by ascending shard */
};

struct flight {
    uint32_t bytes;
    uint32_t next_over;
    uint64_t id_hash;
    uint64_t digest;
    uint64_t at_ns;
    struct hold_buyer buyer;
    struct judgement judgement;
    struct origin origin;
    uint32_t record; /* place in the orders' memory, taken for the order's record */
    uint32_t record_bytes;
    uint32_t queue_first; /* struct queued */
    uint32_t queue_last;
    uint16_t asked_count; /* shards that have not answered yet */
    uint16_t cursor;      /* in the ordered attempt: the part that is being asked */
    bool ordered;
    bool placed;
    uint8_t caller_bytes;
    uint8_t zero;
    uint16_t region;   /* as in struct hold_ask */
    bool asks_able;    /* which warehouses are able is being asked */
    uint8_t warehouse; /* of an attempt in one parcel; WAREHOUSE_NONE otherwise */
    uint64_t able;     /* the warehouses that all who have answered are able to ship from */
    uint64_t later;    /* likewise, if all pending holds were given back */
    uint32_t code;     /* of the refusal */
    uint32_t short_count;
    uint32_t line_count;
    uint32_t part_count;
    /* then: lines, shorts, the command, parts, order_line, the caller's name */
};

/* Units that a flight has set aside for a command which places no order: as they were asked for. */
struct grant {
    const struct hold_line *lines;
    uint32_t line_count;
    bool taken; /* the command's event has taken them; otherwise they are given back */
};

/* A request that waits for the outcome of the same id. Behind it: the command, the caller's name.
 */
struct queued {
    uint32_t next;
    uint32_t bytes;
    uint64_t digest;
    struct origin origin;
    uint32_t caller_bytes;
    uint32_t zero;
};

struct flights {
    struct memory memory;
    struct table by_id;
    uint32_t over_first; /* those that are over but have requests in their queues */
    uint32_t count;
    uint32_t count_max;
};

size_t flights_bytes(const struct shard_options *options);
void flights_init(struct flights *flights, void *zeroed_memory,
                  const struct shard_options *options);

static inline struct flight *flight_at(const struct flights *flights, uint32_t flight)
{
    return memory_at(&flights->memory, flight);
}

struct hold_line *flight_lines(const struct flight *flight);
struct short_line *flight_shorts(const struct flight *flight);
const struct command *flight_command(const struct flight *flight);
bool flight_places(const struct flight *flight); /* its command is an order.create */
const struct order_create *flight_create(const struct flight *flight);
struct flight_part *flight_parts(const struct flight *flight);
const uint16_t *flight_order_lines(const struct flight *flight);
struct text flight_caller(const struct flight *flight);

/* That places an order of that id; 0: none. */
uint32_t flight_find(const struct flights *flights, struct text id, uint64_t id_hash);

/* That was begun for the same owner by a command of the same number and digest; 0: none. */
uint32_t flight_find_same(const struct flights *flights, uint64_t id_hash, uint32_t op,
                          uint64_t digest);

/* 0: no more flights, or no memory. */
uint32_t flight_begin(struct flights *flights, const struct plan *plan,
                      const struct request *request, uint64_t id_hash) MUST_LOOK;
/* Its id is free again; the flight itself stays as long as there are requests in its queue. */
void flight_over(struct flights *flights, uint32_t flight);

/* False: no memory. */
bool flight_queue(struct flights *flights, uint32_t flight, const struct request *request,
                  uint64_t digest) MUST_LOOK;
/* The next queued request of a flight that is over; false: none. It lives until queue_done. */
bool flights_queued(const struct flights *flights, const struct flight **flight,
                    const struct queued **queued, struct request *request);
void flights_queued_done(struct flights *flights);

#endif
