#include "io/histogram.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { STEP_BITS = 7 };
_Static_assert(HISTOGRAM_STEPS == 1 << STEP_BITS, "steps of a power of two");

uint32_t histogram_bucket(uint64_t value)
{
    if (value < 2 * HISTOGRAM_STEPS)
        return (uint32_t)value;
    uint32_t shift = 63 - STEP_BITS - (uint32_t)__builtin_clzll(value);
    return shift * HISTOGRAM_STEPS + (uint32_t)(value >> shift);
}

uint64_t histogram_top(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_add_bucket(struct histogram *histogram, uint32_t bucket, uint64_t count)
{
    uint64_t top = histogram_top(bucket);
    histogram->counts[bucket] += count;
    histogram->total += count;
    if (count > 0 && top > histogram->max)
        histogram->max = top;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->total += from->total;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t histogram_at(const struct histogram *histogram, uint32_t per_million)
{
    /* Rounded up, so that the highest value is not left out of a small histogram's tail. */
    uint64_t whole = histogram->total / 1000000, rest = histogram->total % 1000000;
    uint64_t rank = whole * per_million + (rest * per_million + 999999) / 1000000;
    uint64_t seen = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen >= rank && seen > 0)
            return histogram_top(i) < histogram->max ? histogram_top(i) : histogram->max;
    }
    return histogram->max;
}

/* ---- the spectrum ------------------------------------------------------------------------------ */

struct text_out {
    char *at;
    uint32_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct text_out *out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    uint32_t room = HISTOGRAM_PRINT_BYTES - out->used;
    int bytes = vsnprintf(out->at + out->used, room, format, arguments);
    va_end(arguments);
    if (bytes > 0 && (uint32_t)bytes < room)
        out->used += (uint32_t)bytes;
}

static uint64_t value_of(const struct histogram *histogram, uint32_t bucket)
{
    uint64_t top = histogram_top(bucket);
    return top < histogram->max ? top : histogram->max;
}

/* The share from which on a bucket gets the next line: a fifth of the way to halving what is left. */
static double next_share(double share)
{
    double half = 1;
    while (1 - share < half && half > 1e-15)
        half /= 2;
    return share + half / 5;
}

static void put_spectrum(struct text_out *out, const struct histogram *histogram, double unit)
{
    uint64_t seen = 0;
    double wanted = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        double share = (double)seen / (double)histogram->total;
        if (histogram->counts[i] == 0 || (share < wanted && seen < histogram->total))
            continue;
        put(out, "%12.3f %14.12f %10llu", (double)value_of(histogram, i) / unit, share,
            (unsigned long long)seen);
        put(out, seen < histogram->total ? " %14.2f\n" : "\n", 1 / (1 - share));
        wanted = next_share(share);
    }
}

static void put_summary(struct text_out *out, const struct histogram *histogram, double unit)
{
    double total = (double)histogram->total, sum = 0, squares = 0;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        double value = (double)value_of(histogram, i) / unit;
        sum += value * (double)histogram->counts[i];
        squares += value * value * (double)histogram->counts[i];
    }
    double mean = total > 0 ? sum / total : 0;
    double variance = total > 0 ? squares / total - mean * mean : 0;
    put(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", mean,
        variance > 0 ? sqrt(variance) : 0);
    put(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)histogram->max / unit,
        (unsigned long long)histogram->total);
    put(out, "#[Buckets = %12u, SubBuckets     = %12u]\n", HISTOGRAM_BUCKETS / HISTOGRAM_STEPS,
        (unsigned)HISTOGRAM_STEPS);
}

uint32_t histogram_print(const struct histogram *histogram, double unit,
                         char text[HISTOGRAM_PRINT_BYTES])
{
    struct text_out out = {.at = text};
    put(&out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    put_spectrum(&out, histogram, unit);
    put_summary(&out, histogram, unit);
    return out.used;
}
