/* tools/scrape.h - a page of metrics in Prometheus' text format, read, and compared with an earlier one. */
#ifndef SPATE_TOOLS_SCRAPE_H
#define SPATE_TOOLS_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/check.h"

enum { SCRAPE_SAMPLES_MAX = 8192 };

struct sample {
    const char *name;  /* "spate_turns_total" */
    const char *label; /* the first one's value, unescaped: "0" of {shard="0"}; "" without */
    double value;
};

struct scrape {
    uint64_t taken_ns; /* CLOCK_MONOTONIC */
    uint32_t count;
    struct sample at[SCRAPE_SAMPLES_MAX];
};

/* Reads a page, which is rewritten and has to stay. False: a line is no sample; *line is its number. */
bool scrape_read(struct scrape *scrape, char *page, uint32_t *line) MUST_LOOK;

/* The sum of the samples of this name, or of that with this label alone; 0 if there is none. */
double scrape_sum(const struct scrape *scrape, const char *name);
double scrape_one(const struct scrape *scrape, const char *name, const char *label);

/* How much a counter has grown a second from one page to the next; one that has begun again counts from 0. */
double scrape_rate(const struct scrape *before, const struct scrape *now, const char *name,
                   const char *label); /* NULL: all labels together */

/* The value that this part (0..1) of a histogram's observations between the two pages is at or below,
 * evenly spread within a bucket; below 0: there were none. */
double scrape_quantile(const struct scrape *before, const struct scrape *now, const char *histogram,
                       double part);

#endif
