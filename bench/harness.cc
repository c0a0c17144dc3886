// bench/harness.cc - hands the benchmarks written in C to google-benchmark.
#include <benchmark/benchmark.h>

extern "C" {
#include "bench/bench.h"
}

static void run(benchmark::State &state, const struct bench *bench)
{
    // One call into C for many iterations, so that the harness itself costs nothing that shows.
    const benchmark::IterationCount batch = bench->iterations != 0 ? state.max_iterations : 64;

    bench->setup();
    while (state.KeepRunningBatch(batch))
        bench->run(static_cast<uint64_t>(batch));
    state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(bench->items));
}

int main(int argc, char **argv)
{
    const struct bench *const lists[] = {
        checksum_benches, commands_benches, histogram_benches, http_benches,  image_benches,
        json_benches,     log_benches,      mailbox_benches,   order_benches, replay_benches,
        rules_benches,    table_benches,    wire_benches,
    };
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
