/* tools/trace.h - a recorded or invented day: what was asked, and when.
 *
 *   | struct trace_head | events, in order of time | index | names |
 *
 *   event:   | struct trace_event | lines ... |          a multiple of 8 bytes
 *   index:   the time and place of every TRACE_INDEX_STEPth event, so that a reader can begin anywhere
 *   names:   of SKUs, customers, warehouses, regions and orders, which events call by number: for each
 *            table `count` + 1 offsets, then the bytes. A table may be numbered instead: its names are a
 *            prefix and a decimal number, and take no room.
 *
 * Little-endian, without padding, read through mmap; a file compressed with zstd is first unpacked into
 * memory. Times are ns from the beginning of the trace, whose
 * own moment the head says. */
#ifndef SPATE_TOOLS_TRACE_H
#define SPATE_TOOLS_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TRACE_MAGIC UINT64_C(0x3245434152545053) /* "SPTRACE2" */
enum { TRACE_VERSION = 2, TRACE_INDEX_STEP = 4096, TRACE_LINES_MAX = 1200, TRACE_NAME_BYTES = 64 };

enum trace_table {
    TRACE_SKUS,
    TRACE_CUSTOMERS,
    TRACE_WAREHOUSES,
    TRACE_REGIONS,
    TRACE_ORDERS,
    TRACE_TABLES
};

/* What a kind does not speak of is 0. Numbers of kinds never change. */
enum trace_kind {
    TRACE_WAREHOUSE = 1, /* a: warehouse, b: priority */
    TRACE_SKU = 2,       /* a: SKU, amount: list price, b: most units an order may have */
    TRACE_RECEIVE = 3,   /* a: SKU, b: warehouse, amount: units */
    TRACE_ORDER = 4,     /* order, a: customer, b: region; lines */
    TRACE_COSTS = 5,     /* a: region; lines: warehouse, distance, weight */
    TRACE_PAY = 6,       /* order, b: which payment, from 1, amount: it begins */
    TRACE_PAY_FAIL = 7,  /* order, b: which payment: the provider says no */
    TRACE_CANCEL = 8,    /* order */
    TRACE_SHIP = 9,      /* order, b: which shipment, from 1: all that is left, planned */
    TRACE_DELIVER = 10,  /* order, b: which shipment */
    TRACE_CONFIRM = 11,  /* order */
    TRACE_REFUND = 12,   /* order, b: of which payment, amount */
    TRACE_RETURN =
        13, /* order, b: which return, from 1; lines: number of the line from 1, units, 0 */
    TRACE_READ = 14,       /* order */
    TRACE_READ_STOCK = 15, /* a: SKU */
    TRACE_CAPTURE = 16,    /* order, b: which payment: the money is there */
    TRACE_HANDOVER = 17,   /* order, b: which shipment: the carrier has it */
    TRACE_KINDS
};

struct trace_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
};

struct trace_event {
    uint64_t at_ns;
    uint64_t order; /* its number among TRACE_ORDERS */
    int64_t amount;
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

enum trace_flag {
    TRACE_AGAIN = 1,   /* sent once more, the same id and body */
    TRACE_FLASH = 2,   /* of a SKU: it is on flash sale */
    TRACE_DEPOSIT = 4, /* of an order: it is paid much later, and must not expire before */
    TRACE_PAID = 8,    /* of a capture: with it all is paid */
};

struct trace_names {
    uint64_t at; /* 0: numbered */
    uint64_t count;
    uint64_t first; /* numbered: the number in the first name, */
    char prefix[23];
    uint8_t digits; /* and with how many digits at least */
};

struct trace_head {
    uint64_t magic;
    uint32_t version;
    char currency[4];
    uint64_t seed;
    uint64_t begins_ns; /* since the epoch */
    uint64_t event_count;
    uint64_t order_count; /* creates, without those that are sent again */
    uint64_t duration_ns;
    uint64_t events_at;
    uint64_t events_bytes;
    uint64_t index_at;
    uint64_t index_count;
    struct trace_names names[TRACE_TABLES];
    uint64_t file_bytes;
    uint64_t hash; /* XXH3 of all behind the head */
};

struct trace_mark {
    uint64_t at_ns;
    uint64_t offset; /* from events_at */
    uint64_t number;
};

/* Set up before the day begins, if they stand at its beginning. */
static inline bool trace_is_stock(const struct trace_event *event)
{
    return event->kind < TRACE_ORDER || event->kind == TRACE_COSTS;
}

/* Whether it is about an order. */
static inline bool trace_has_order(const struct trace_event *event)
{
    return !trace_is_stock(event) && event->kind != TRACE_READ_STOCK;
}

/* "order", "pay", ...; what a kind is called wherever one is shown. */
const char *trace_kind_name(enum trace_kind kind);

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
/* The first event at or after a time; NULL: there is none. */
const struct trace_event *trace_from(const struct trace *trace, uint64_t at_ns);
/* A name of a table, with a zero behind it; its length. */
uint32_t trace_name_of(const struct trace *trace, enum trace_table table, uint64_t number,
                       char out[TRACE_NAME_BYTES]);
/* An order's id when the trace is replayed for the `pass`th time, from 0: never the same twice. */
uint32_t trace_order_id(const struct trace *trace, uint64_t order, uint64_t pass,
                        char out[TRACE_NAME_BYTES]);
/* Looks at every byte: order of time, lengths, numbers within their tables, the hash. */
bool trace_verify(const struct trace *trace, char message[256]);

/* ---- writing: in one pass, in little memory ---- */

struct trace_writer;

/* begins_ns: since the epoch. NULL: the file could not be made (errno). */
struct trace_writer *trace_create(const char *path, uint64_t seed, uint64_t begins_ns,
                                  const char currency[4]);
/* In order of time. `lines` has event->line_count. */
void trace_put(struct trace_writer *writer, const struct trace_event *event,
               const struct trace_line *lines);
/* Names of a table, in order of their numbers, shorter than TRACE_NAME_BYTES; all of one table before
 * the next, after the events. */
void trace_name(struct trace_writer *writer, enum trace_table table, const char *name);
/* Or a whole table of numbered ones; the prefix has less than 23 bytes. */
void trace_numbered(struct trace_writer *writer, enum trace_table table, const char *prefix,
                    uint64_t first, uint8_t digits, uint64_t count);
/* False: the file could not be written (errno). */
bool trace_finish(struct trace_writer *writer, uint64_t duration_ns);

#endif
