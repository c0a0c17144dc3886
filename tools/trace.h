/* tools/trace.h - a recorded or invented day: what was asked, and when.
 *
 *   | struct trace_head | events, in order of time | index | strings |
 *
 *   event:   | struct trace_event | lines ... |          a multiple of 8 bytes
 *   index:   the time and place of every TRACE_INDEX_STEPth event, so that a reader can begin anywhere
 *   strings: for each table (SKUs, customers, warehouses, regions) `count` + 1 offsets, then the bytes
 *
 * Little-endian, without padding, read through mmap. Times are ns from the beginning of the trace. An
 * order's id is a decimal number of 18 digits, chosen by the trace. */
#ifndef SPATE_TOOLS_TRACE_H
#define SPATE_TOOLS_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_MAGIC UINT64_C(0x3145434152545053) /* "SPTRACE1" */
enum { TRACE_VERSION = 1, TRACE_INDEX_STEP = 4096, TRACE_LINES_MAX = 1200, TRACE_ID_BYTES = 18 };

enum trace_table { TRACE_SKUS, TRACE_CUSTOMERS, TRACE_WAREHOUSES, TRACE_REGIONS, TRACE_TABLES };

enum trace_kind {
    TRACE_WAREHOUSE = 1, /* a: warehouse, b: priority */
    TRACE_SKU,           /* a: SKU, amount: list price */
    TRACE_RECEIVE,       /* a: SKU, b: warehouse, amount: units */
    TRACE_ORDER,         /* a: customer, b: region, id: the order's; lines follow */
};

struct trace_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
};

struct trace_event {
    uint64_t at_ns;
    uint64_t id;
    uint64_t amount;
    uint32_t a;
    uint32_t b;
    uint16_t kind;
    uint16_t line_count;
    uint32_t flags; /* enum trace_flag */
};
static inline const struct trace_line *trace_lines(const struct trace_event *event)
{
    return (const void *)(event + 1);
}

enum trace_flag { TRACE_AGAIN = 1 /* sent once more, the same id and body */ };

struct trace_head {
    uint64_t magic;
    uint32_t version;
    char currency[4];
    uint64_t seed;
    uint64_t event_count;
    uint64_t order_count; /* distinct ids */
    uint64_t duration_ns;
    uint64_t events_at;
    uint64_t events_bytes;
    uint64_t index_at;
    uint64_t index_count;
    uint64_t strings_at[TRACE_TABLES];
    uint64_t string_count[TRACE_TABLES];
    uint64_t file_bytes;
    uint64_t hash; /* XXH3 of all behind the head */
};

struct trace_mark {
    uint64_t at_ns;
    uint64_t offset; /* from events_at */
    uint64_t number;
};

/* ---- reading ---- */

struct trace {
    const struct trace_head *head;
    const uint8_t *bytes;
};

/* False: `message` says what is wrong with the file. */
bool trace_open(struct trace *trace, const char *path, char message[256]);
void trace_close(struct trace *trace);
const struct trace_event *trace_first(const struct trace *trace);
/* NULL behind the last. */
const struct trace_event *trace_next(const struct trace *trace, const struct trace_event *event);
/* An order's id as its buyer writes it. */
enum { TRACE_ID_TEXT = 21 };
void trace_id(uint64_t id, char text[TRACE_ID_TEXT]);
/* A string of a table; its length through *bytes. */
const char *trace_string(const struct trace *trace, enum trace_table table, uint32_t number,
                         uint32_t *bytes);
/* Looks at every byte: order of time, lengths, numbers within their tables, the hash. */
bool trace_verify(const struct trace *trace, char message[256]);

/* ---- writing: in one pass, in little memory ---- */

struct trace_writer;

struct trace_writer *trace_create(const char *path, uint64_t seed, const char currency[4]);
/* In order of time. `lines` has event->line_count. */
void trace_put(struct trace_writer *writer, const struct trace_event *event,
               const struct trace_line *lines);
/* Names of a table, in order of their numbers; all of one table before the next, after the events. */
void trace_name(struct trace_writer *writer, enum trace_table table, const char *name);
/* False: the file could not be written (errno). */
bool trace_finish(struct trace_writer *writer, uint64_t order_count, uint64_t duration_ns);

#endif
