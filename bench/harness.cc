// bench/harness.cc - hands the benchmarks written in C to google-benchmark.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

extern "C" {
#include "bench/bench.h"
}

static void run(benchmark::State &state, const struct bench *bench)
{
    // One call into C for many iterations, so that the harness itself costs nothing that shows.
    const benchmark::IterationCount batch = bench->iterations != 0 ? state.max_iterations : 64;

    bench->setup();
    while (state.KeepRunningBatch(batch))
        bench_measured(bench, static_cast<uint64_t>(batch));
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(bench->items));
}

static const struct bench *const lists[] = {
    checksum_benches, commands_benches, histogram_benches, http_benches,    image_benches,
    json_benches,     limit_benches,    log_benches,       mailbox_benches, order_benches,
    past_benches,     replay_benches,   rules_benches,     table_benches,   wire_benches,
};

// One benchmark, once, without a clock: for a profiler, which counts. Says how many items that was.
static int count_one(const char *name, uint64_t iterations)
{
    for (const struct bench *bench : lists)
        for (; bench->name != nullptr; bench++) {
            if (std::strcmp(bench->name, name) != 0)
                continue;
            bench->setup();
            bench_measured(bench, iterations);
            std::printf("%llu items\n", static_cast<unsigned long long>(iterations * bench->items));
            return 0;
        }
    std::fprintf(stderr, "spate-bench: no such benchmark: %s\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 4 && std::strcmp(argv[1], "--count") == 0)
        return count_one(argv[2], std::strtoull(argv[3], nullptr, 10));
    for (const struct bench *list : lists) {
        for (; list->name != nullptr; list++) {
            auto *registered = benchmark::RegisterBenchmark(list->name, run, list);
            if (list->iterations != 0)
                registered->Iterations(static_cast<int64_t>(list->iterations));
        }
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv))
        return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
