/* bench/bench.h - benchmarks are written in C; bench/harness.cc alone knows google-benchmark.
 *
 * `run` does its work `iterations` times and leaves things as they were, or `iterations` is fixed
 * because the work uses something up. `setup` is called, untimed, before each series of runs; it
 * brings forth the same state each time. One thread, so a file's benchmarks may share statics. */
#ifndef SPATE_BENCH_BENCH_H
#define SPATE_BENCH_BENCH_H

#include <stdint.h>

struct bench {
    const char *name; /* "table/find, 4M keys, prefetched": the thing first */
    void (*setup)(void);
    void (*run)(uint64_t iterations);
    uint64_t items;      /* per iteration; what the rate counts */
    uint64_t iterations; /* of a series; 0: as many as it takes to be certain */
};

/* Each ends with an entry without a name; bench/meson.build and bench/harness.cc list them. */
extern const struct bench checksum_benches[];
extern const struct bench commands_benches[];
extern const struct bench histogram_benches[];
extern const struct bench http_benches[];
extern const struct bench image_benches[];
extern const struct bench json_benches[];
extern const struct bench limit_benches[];
extern const struct bench log_benches[];
extern const struct bench mailbox_benches[];
extern const struct bench order_benches[];
extern const struct bench past_benches[];
extern const struct bench replay_benches[];
extern const struct bench rules_benches[];
extern const struct bench table_benches[];
extern const struct bench wire_benches[];

/* Runs one of them; its name is where a profile begins to count. */
void bench_measured(const struct bench *bench, uint64_t iterations);

/* The compiler must believe that somebody looks at the value. */
static inline void bench_keep(uint64_t value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

/* Zeroed memory as the server takes it: huge pages where there are any, touched once. Never fails.
 */
void *bench_memory(uint64_t bytes);
void bench_memory_free(void *memory, uint64_t bytes);

/* The same numbers on every machine and in every run. */
uint64_t bench_random(uint64_t *state);

#endif
