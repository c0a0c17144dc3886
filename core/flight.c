#include "core/flight.h"

#include <string.h>

/* Memory for each flight, and in any case for some of the longest orders. */
enum { FLIGHT_BYTES_USUAL = 2048, LONG_FLIGHTS = 8 };

static uint32_t flight_bytes(uint32_t line_count, uint32_t part_count, uint32_t command_bytes,
                             uint32_t caller_bytes)
{
    uint32_t line_bytes =
        (uint32_t)(sizeof(struct hold_line) + sizeof(struct short_line) + sizeof(uint16_t));
    return (uint32_t)sizeof(struct flight) + line_count * line_bytes + command_bytes +
           part_count * (uint32_t)sizeof(struct flight_part) + caller_bytes;
}

static uint32_t granules(const struct shard_options *options)
{
    if (options->flight_count_max == 0)
        return 1;
    uint64_t longest = flight_bytes(ORDER_LINES_MAX, SHARDS_MAX, COMMAND_BYTES_MAX, WHO_BYTES_MAX);
    uint64_t bytes = (uint64_t)options->flight_count_max * FLIGHT_BYTES_USUAL;
    bytes += LONG_FLIGHTS * memory_record_bytes((uint32_t)longest);
    CHECK(bytes / MEMORY_GRANULE_BYTES < UINT32_MAX);
    return (uint32_t)(bytes / MEMORY_GRANULE_BYTES) + 1;
}

static size_t block_bytes(const struct shard_options *options)
{
    return (memory_bytes(granules(options)) + 63) & ~(size_t)63;
}

size_t flights_bytes(const struct shard_options *options)
{
    return block_bytes(options) + table_bytes(options->flight_count_max);
}

void flights_init(struct flights *flights, void *zeroed_memory, const struct shard_options *options)
{
    *flights = (struct flights){.count_max = options->flight_count_max};
    memory_init(&flights->memory, zeroed_memory, granules(options));
    table_init(&flights->by_id, (char *)zeroed_memory + block_bytes(options),
               options->flight_count_max);
}

/* ---- parts of a flight ------------------------------------------------------------------------- */

struct hold_line *flight_lines(const struct flight *flight)
{
    const void *at = flight + 1;
    return (struct hold_line *)(uintptr_t)at;
}

struct short_line *flight_shorts(const struct flight *flight)
{
    const void *at = flight_lines(flight) + flight->line_count;
    return (struct short_line *)(uintptr_t)at;
}

const struct command *flight_command(const struct flight *flight)
{
    return (const void *)(flight_shorts(flight) + flight->line_count);
}

bool flight_places(const struct flight *flight)
{
    return flight_command(flight)->op == OP_ORDER_CREATE;
}

const struct order_create *flight_create(const struct flight *flight)
{
    CHECK(flight_places(flight));
    return (const void *)flight_command(flight);
}

struct flight_part *flight_parts(const struct flight *flight)
{
    const struct command *command = flight_command(flight);
    const void *at = (const char *)command + command->bytes;
    return (struct flight_part *)(uintptr_t)at;
}

const uint16_t *flight_order_lines(const struct flight *flight)
{
    return (const void *)(flight_parts(flight) + flight->part_count);
}

struct text flight_caller(const struct flight *flight)
{
    const char *at = (const char *)(flight_order_lines(flight) + flight->line_count);
    return (struct text){at, flight->caller_bytes};
}

/* ---- from begin to end ------------------------------------------------------------------------- */

uint32_t flight_find(const struct flights *flights, struct text id, uint64_t id_hash)
{
    if (flights->by_id.used_count == 0)
        return 0;
    uint64_t probe = 0;
    uint32_t number;
    while ((number = table_find(&flights->by_id, id_hash, &probe)) != 0) {
        if (!flight_places(flight_at(flights, number)))
            continue;
        const struct order_create *create = flight_create(flight_at(flights, number));
        struct text other = order_create_text(create, ORDER_ID);
        if (create->head.flags & COMMAND_QUOTE)
            continue; /* nobody's retry waits for it */
        if (text_equals(other, id))
            return number;
    }
    return 0;
}

uint32_t flight_find_same(const struct flights *flights, uint64_t id_hash, uint32_t op,
                          uint64_t digest)
{
    if (flights->by_id.used_count == 0)
        return 0;
    uint64_t probe = 0;
    uint32_t number;
    while ((number = table_find(&flights->by_id, id_hash, &probe)) != 0) {
        const struct flight *flight = flight_at(flights, number);
        if (flight->id_hash == id_hash && flight->digest == digest &&
            flight_command(flight)->op == op)
            return number;
    }
    return 0;
}

static void copy_plan(struct flight *flight, const struct plan *plan, const struct request *request)
{
    const struct command *command = request->command;
    char *at = (char *)(flight + 1);
    memcpy(at, plan->lines, plan->line_count * sizeof plan->lines[0]);
    at += plan->line_count * (sizeof plan->lines[0] + sizeof(struct short_line));
    memcpy(at, command, command->bytes);
    at += command->bytes;
    memcpy(at, plan->parts, plan->part_count * sizeof plan->parts[0]);
    at += plan->part_count * sizeof plan->parts[0];
    memcpy(at, plan->order_line, plan->line_count * sizeof plan->order_line[0]);
    at += plan->line_count * sizeof plan->order_line[0];
    memcpy(at, request->caller.at, request->caller.bytes);
}

uint32_t flight_begin(struct flights *flights, const struct plan *plan,
                      const struct request *request, uint64_t id_hash)
{
    uint32_t bytes = flight_bytes(plan->line_count, plan->part_count, request->command->bytes,
                                  request->caller.bytes);
    if (flights->count == flights->count_max)
        return 0;
    uint32_t number = memory_take(&flights->memory, bytes);
    if (number == 0)
        return 0;
    CHECK(table_insert(&flights->by_id, id_hash, number));
    flights->count++;
    struct flight *flight = flight_at(flights, number);
    *flight = (struct flight){
        .bytes = bytes,
        .id_hash = id_hash,
        .origin = request->origin,
        .caller_bytes = (uint8_t)request->caller.bytes,
        .line_count = plan->line_count,
        .part_count = plan->part_count,
    };
    copy_plan(flight, plan, request);
    return number;
}

void flight_over(struct flights *flights, uint32_t number)
{
    struct flight *flight = flight_at(flights, number);
    table_remove(&flights->by_id, flight->id_hash, number);
    flights->count--;
    if (flight->queue_first == 0) {
        memory_give(&flights->memory, number, flight->bytes);
        return;
    }
    flight->next_over = flights->over_first;
    flights->over_first = number;
}

/* ---- the queue of a flight --------------------------------------------------------------------- */

bool flight_queue(struct flights *flights, uint32_t number, const struct request *request,
                  uint64_t digest)
{
    const struct command *command = request->command;
    uint32_t bytes =
        (uint32_t)sizeof(struct queued) + command->bytes + bytes_padded(request->caller.bytes);
    uint32_t place = memory_take(&flights->memory, bytes);
    if (place == 0)
        return false;
    struct queued *queued = memory_at(&flights->memory, place);
    *queued = (struct queued){
        .bytes = bytes,
        .digest = digest,
        .origin = request->origin,
        .caller_bytes = request->caller.bytes,
    };
    memcpy(queued + 1, command, command->bytes);
    memcpy((char *)(queued + 1) + command->bytes, request->caller.at, request->caller.bytes);
    struct flight *flight = flight_at(flights, number);
    if (flight->queue_last != 0)
        ((struct queued *)memory_at(&flights->memory, flight->queue_last))->next = place;
    else
        flight->queue_first = place;
    flight->queue_last = place;
    return true;
}

bool flights_queued(const struct flights *flights, const struct flight **flight,
                    const struct queued **queued, struct request *request)
{
    if (flights->over_first == 0)
        return false;
    *flight = flight_at(flights, flights->over_first);
    *queued = memory_at(&flights->memory, (*flight)->queue_first);
    const struct command *command = (const void *)(*queued + 1);
    *request = (struct request){
        .origin = (*queued)->origin,
        .caller = {(const char *)command + command->bytes, (*queued)->caller_bytes},
        .command = command,
    };
    return true;
}

void flights_queued_done(struct flights *flights)
{
    uint32_t number = flights->over_first;
    struct flight *flight = flight_at(flights, number);
    uint32_t place = flight->queue_first;
    const struct queued *queued = memory_at(&flights->memory, place);
    flight->queue_first = queued->next;
    memory_give(&flights->memory, place, queued->bytes);
    if (flight->queue_first != 0)
        return;
    flights->over_first = flight->next_over;
    memory_give(&flights->memory, number, flight->bytes);
}
