#include "io/histogram.h"

enum { STEP_BITS = 7 };
_Static_assert(HISTOGRAM_STEPS == 1 << STEP_BITS, "steps of a power of two");

static uint32_t bucket_of(uint64_t value)
{
    if (value < 2 * HISTOGRAM_STEPS)
        return (uint32_t)value;
    uint32_t shift = 63 - STEP_BITS - (uint32_t)__builtin_clzll(value);
    return shift * HISTOGRAM_STEPS + (uint32_t)(value >> shift);
}

/* The highest value that falls into a bucket. */
static uint64_t bucket_top(uint32_t bucket)
{
    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    uint32_t shift = bucket / HISTOGRAM_STEPS - 1;
    uint64_t step = bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS;
    return ((step + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
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
            return bucket_top(i) < histogram->max ? bucket_top(i) : histogram->max;
    }
    return histogram->max;
}

void histogram_print(const struct histogram *histogram, FILE *out, double unit)
{
    uint64_t seen = 0;
    fprintf(out, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->counts[i] == 0)
            continue;
        seen += histogram->counts[i];
        double share = (double)seen / (double)histogram->total;
        fprintf(out, "%12.3f %14.12f %10llu", (double)bucket_top(i) / unit, share,
                (unsigned long long)seen);
        if (seen < histogram->total)
            fprintf(out, " %14.2f", 1 / (1 - share));
        fputc('\n', out);
    }
    fprintf(out, "#[Max     = %12.3f, Total count    = %12llu]\n", (double)histogram->max / unit,
            (unsigned long long)histogram->total);
}
