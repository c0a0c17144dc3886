/* io/histogram.h - how often which value was seen, to within one part in 128.
 *
 * Values below 256 are counted exactly; above, each power of two is cut into 128 equal steps. Fixed
 * memory, no allocation; one writer. Who counts for others to see keeps a cell for each bucket himself,
 * as io/metrics.h does. */
#ifndef SPATE_IO_HISTOGRAM_H
#define SPATE_IO_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 128, HISTOGRAM_BUCKETS = HISTOGRAM_STEPS * (64 - 7 + 1) };

struct histogram {
    uint64_t total;
    uint64_t max;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

/* Below HISTOGRAM_BUCKETS; it grows with the value, and each power of two begins a bucket. */
uint32_t histogram_bucket(uint64_t value);
/* The highest value that falls into a bucket. */
uint64_t histogram_top(uint32_t bucket);

void histogram_add(struct histogram *histogram, uint64_t value);
/* `count` values that all fall into that bucket. */
void histogram_add_bucket(struct histogram *histogram, uint32_t bucket, uint64_t count);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that `per_million` millionths of all are at or below: its bucket's upper end, but never
 * above the highest value seen; 0 for an empty one. */
uint64_t histogram_at(const struct histogram *histogram, uint32_t per_million);

/* The percentile spectrum as HdrHistogram's .hgrm files have it, values divided by `unit`: five lines
 * until what is left is halved, and so on. The number of bytes. */
enum { HISTOGRAM_PRINT_BYTES = 32768 };
uint32_t histogram_print(const struct histogram *histogram, double unit,
                         char text[HISTOGRAM_PRINT_BYTES]);

#endif
