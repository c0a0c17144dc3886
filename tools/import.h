/* tools/import.h - somebody's own orders become a trace.
 *
 * A mapping says where in the input things stand and what its oddities mean. A line either becomes part
 * of an order or is left out for a reason that is counted: made + left out = read, in lines, units and
 * money, and money is exact (six digits behind the point) until the trace rounds it to minor units. */
#ifndef SPATE_TOOLS_IMPORT_H
#define SPATE_TOOLS_IMPORT_H

#include "tools/names.h"
#include "tools/trace.h"

#include <stdbool.h>
#include <stdio.h>

enum import_format { IMPORT_CSV, IMPORT_COMBINED, IMPORT_JSON };
enum import_column {
    COLUMN_ORDER,
    COLUMN_SKU,
    COLUMN_UNITS,
    COLUMN_PRICE,
    COLUMN_TIME,
    COLUMN_CUSTOMER,
    COLUMN_REGION,
    COLUMNS
};

enum { MAP_TEXT = 64, MAP_PREFIXES = 8 };

struct map_prefix {
    char prefix[MAP_TEXT];
    char meaning[MAP_TEXT]; /* as the report names it */
};

struct map {
    enum import_format format;
    char separator;
    char decimal_point;
    char columns[COLUMNS][MAP_TEXT]; /* "": there is none */
    char time[MAP_TEXT];             /* as for strptime; "epoch": seconds since 1970 */
    char currency[4];
    struct map_prefix
        prefixes[MAP_PREFIXES]; /* of orders that are left out; the first: cancellations */
    uint32_t prefix_count;
    char no_customer
        [MAP_TEXT];      /* "{order}" stands for the order's id; "": such lines are left out */
    char sku_space;      /* what a space in a code becomes; 0: such lines are left out */
    bool absolute_units; /* -3 units are 3; otherwise such lines are left out */
    bool free_lines;     /* a price of 0 is a price */
    char order_path[MAP_TEXT]; /* "POST /v1/orders"; a * at the end stands for anything */
    char read_path[MAP_TEXT];
    char stock_path[MAP_TEXT];
    char member_time[MAP_TEXT]; /* of the JSON objects */
    char member_method[MAP_TEXT];
    char member_path[MAP_TEXT];
    char member_status[MAP_TEXT];
    char member_customer[MAP_TEXT];
    uint64_t skus; /* an access log does not say what was bought: that many invented ones */
};

/* A ready mapping or a file's. False: `message` says what is wrong, with file and line. */
bool map_read(struct map *map, const char *name, char message[256]);
/* Writes a ready mapping as a file; false: there is none of that name. */
bool map_print(const char *name, FILE *out);

/* Lines, units and money of one kind of line. */
struct tally {
    uint64_t lines;
    int64_t units;
    int64_t micros; /* money in millionths */
};

enum left_out {
    LEFT_PREFIX, /* the first of MAP_PREFIXES */
    LEFT_UNITS = LEFT_PREFIX + MAP_PREFIXES,
    LEFT_PRICE,
    LEFT_NO_CUSTOMER,
    LEFT_BAD_ORDER,
    LEFT_BAD_SKU,
    LEFT_BAD_CUSTOMER,
    LEFT_BAD_NUMBER,
    LEFT_BAD_TIME,
    LEFT_BAD_RECORD,
    LEFT_LONG_ORDER, /* more than TRACE_LINES_MAX lines */
    LEFT_PATH,       /* a request that the mapping does not speak of */
    LEFT_STATUS,     /* a request that was refused as wrong */
    LEFT_NO_ORDER,   /* a read before there was any order */
    LEFT_REASONS
};

struct import_order {
    uint64_t at_ns; /* since the epoch */
    uint32_t name;  /* among orders; of a read: none */
    uint32_t customer;
    uint32_t region;
    uint32_t line_count;
    uint64_t first_line; /* after import_group */
    uint8_t kind;        /* enum trace_kind */
};

struct import_line {
    struct trace_line line;
    uint32_t order; /* index into orders */
};

struct import {
    struct map map;
    uint64_t seed;
    struct names skus, customers, regions;
    struct names order_names; /* every id that was read, also of those left out */
    uint32_t *order_of_name;  /* index into orders + 1; 0: none of its lines was taken */
    uint32_t order_of_name_count;
    struct import_order *orders; /* and reads */
    uint64_t order_count, order_capacity;
    struct import_line *lines;
    uint64_t line_count, line_capacity;
    uint64_t read_lines;
    uint64_t orders_by_prefix[MAP_PREFIXES + 1]; /* the last: of those without any */
    struct tally sold; /* units and price above 0, and not cancelled; also of other prefixes */
    struct tally made;
    struct tally left[LEFT_REASONS];
    uint64_t rounded_prices;
    int64_t made_minor;
    uint64_t spread_seconds; /* requests whose time is known to the second only */
};

void import_leave_out(struct import *import, enum left_out why, int64_t units, int64_t micros);

/* Each reads all of the input. False: `message` says what is wrong with it, and where. */
bool import_csv(struct import *import, FILE *in, char message[256]);
bool import_log(struct import *import, FILE *in, char message[256]);

/* "12.345" as millionths; false: that is not a number, or has more digits than that. */
bool decimal_read(const char *text, char point, int64_t *micros);
/* Millionths as minor units of a currency with `exponent` digits, halves to the even neighbour. */
int64_t decimal_round(int64_t micros, int exponent);

#endif
