#include "io/metrics.h"

#include "persist/compact.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "io/lines.h"

struct page {
    char *at;
    uint32_t used;
    uint32_t capacity;
};

__attribute__((format(printf, 2, 3))) static void put(struct page *page, const char *format, ...)
{
    va_list arguments;
    uint32_t room = page->capacity - page->used;
    va_start(arguments, format);
    int bytes = vsnprintf(page->at + page->used, room, format, arguments);
    va_end(arguments);
    if (bytes > 0 && (uint32_t)bytes < room)
        page->used += (uint32_t)bytes;
}

static void describe(struct page *page, const char *name, const char *type, const char *help)
{
    put(page, "# HELP spate_%s %s\n# TYPE spate_%s %s\n", name, help, name, type);
}

/* The value of a sample whose name and labels have been put. */
static void put_value(struct page *page, const char *name, uint64_t value)
{
    if (strstr(name, "_seconds") == NULL)
        put(page, " %llu\n", (unsigned long long)value);
    else
        put(page, " %llu.%09llu\n", (unsigned long long)(value / 1000000000),
            (unsigned long long)(value % 1000000000));
}

static void put_shards(struct page *page, const struct metrics *const *shards, uint32_t shard_count)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
    } table[METRICS] = {
#define X(id, name, type, help) [id] = {name, type, help},
        SHARD_METRICS(X)
#undef X
    };
    for (uint32_t i = 0; i < METRICS; i++) {
        describe(page, table[i].name, table[i].type, table[i].help);
        for (uint32_t shard = 0; shard < shard_count; shard++) {
            put(page, "spate_%s{shard=\"%u\"}", table[i].name, shard);
            put_value(page, table[i].name, atomic_load(&shards[shard]->cells[i]));
        }
    }
}

void metric_answers(struct metrics *metrics, uint64_t count, uint64_t ns)
{
    struct atomic64 *cell = &metrics->answers[histogram_bucket(ns)];
    atomic_store(cell, cell->value + count); /* pairs with the load in answers_in */
    atomic_store(&metrics->answer_ns, metrics->answer_ns.value + count * ns);
}

/* Of all shards. */
static uint64_t answers_in(const struct metrics_sources *sources, uint32_t bucket)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < sources->shard_count; i++)
        count += atomic_load(&sources->shards[i]->answers[bucket]);
    return count;
}

static void put_answers_below(struct page *page, const char *bound, uint64_t count)
{
    put(page, "spate_answer_seconds_bucket{le=\"%s\"} %llu\n", bound, (unsigned long long)count);
}

/* What a scraper gets are four buckets a power of two, from 16 us to 17 s: all of them, to within 1 %,
 * are on a page of their own. */
static void put_answers(struct page *page, const struct metrics_sources *sources)
{
    enum { SHIFT_MIN = 14, SHIFT_MAX = 34, PARTS = 4 };
    uint64_t below = 0, ns = 0;
    uint32_t bucket = 0;
    describe(page, "answer_seconds", "histogram",
             "From taking a connection's newest command to its durable answer leaving.");
    for (uint32_t part = SHIFT_MIN * PARTS; part < SHIFT_MAX * PARTS; part++) {
        uint64_t bound_ns = (uint64_t)(PARTS + part % PARTS) << (part / PARTS - 2);
        char bound[32];
        for (; bucket < histogram_bucket(bound_ns); bucket++)
            below += answers_in(sources, bucket);
        snprintf(bound, sizeof bound, "%llu.%09llu", (unsigned long long)(bound_ns / 1000000000),
                 (unsigned long long)(bound_ns % 1000000000));
        put_answers_below(page, bound, below);
    }
    for (; bucket < HISTOGRAM_BUCKETS; bucket++)
        below += answers_in(sources, bucket);
    for (uint32_t i = 0; i < sources->shard_count; i++)
        ns += atomic_load(&sources->shards[i]->answer_ns);
    put_answers_below(page, "+Inf", below);
    put(page, "spate_answer_seconds_sum");
    put_value(page, "answer_seconds", ns);
    put(page, "spate_answer_seconds_count %llu\n", (unsigned long long)below);
}

uint32_t metrics_write_latency(const struct metrics_sources *sources, char *out)
{
    struct histogram all = {0};
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
        histogram_add_bucket(&all, bucket, answers_in(sources, bucket));
    return histogram_print(&all, 1e6, out);
}

static void put_codes(struct page *page, const struct metrics_sources *sources)
{
    describe(page, "results_total", "counter", "Commands answered, by what was answered.");
    for (uint32_t code = 0; code < CODE_LIMIT_NUMBER; code++) {
        const struct code_facts *facts = code_facts(code);
        uint64_t count = 0;
        for (uint32_t i = 0; i < sources->shard_count; i++)
            count += atomic_load(&sources->shards[i]->codes[code]);
        if (facts != NULL)
            put(page, "spate_results_total{code=\"%s\"} %llu\n", facts->name,
                (unsigned long long)count);
    }
}

static void put_faults(struct page *page, const struct metrics_sources *sources)
{
    describe(page, "frame_faults_total", "counter",
             "Connections ended with an error frame, by what it said.");
    for (uint32_t fault = FRAME_OK + 1; fault < FRAME_FAULTS; fault++) {
        uint64_t count = 0;
        for (uint32_t i = 0; i < sources->shard_count; i++)
            count += atomic_load(&sources->shards[i]->faults[fault]);
        put(page, "spate_frame_faults_total{fault=\"%s\"} %llu\n", frame_fault_name(fault),
            (unsigned long long)count);
    }
}

/* A SKU is printable ASCII; of that, two characters mean something in a label. */
static void put_hot(struct page *page, const struct metrics_sources *sources)
{
    const struct hot *shards[SHARDS_MAX];
    struct hot_sku most[HOT_SHOWN];
    for (uint32_t i = 0; i < sources->shard_count; i++)
        shards[i] = &sources->shards[i]->hot;
    uint32_t count = hot_most(shards, sources->shard_count, most);
    describe(page, "hot_sku_lines", "gauge",
             "Order lines a second of the SKUs that are wanted most, about.");
    for (uint32_t i = 0; i < count; i++) {
        struct catalogue_sku entry;
        char code[2 * ID_BYTES_MAX + 1];
        uint32_t used = 0;
        if (!catalogue_read(sources->catalogue, most[i].sku, &entry))
            continue;
        for (uint32_t at = 0; at < entry.code_bytes; at++) {
            if (entry.code[at] == '"' || entry.code[at] == '\\')
                code[used++] = '\\';
            code[used++] = entry.code[at];
        }
        put(page, "spate_hot_sku_lines{sku=\"%.*s\"} %llu\n", (int)used, code,
            (unsigned long long)most[i].lines_per_second);
    }
}

static void put_log(struct page *page, const struct log *log)
{
    uint64_t watermark =
        log_watermark(log); /* before what was taken, so that the lag is not below 0 */
    struct log_counts counts = log_counts(log);
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } table[] = {
        {"log_watermark", "gauge", "Commit sequence up to which everything is durable.", watermark},
        {"log_sequence", "gauge", "Commit sequence that was taken last.", counts.taken},
        {"log_lag_groups", "gauge", "Groups that are not durable yet.", counts.taken - watermark},
        {"log_groups_total", "counter", "Groups written.", counts.groups},
        {"log_group_bytes_total", "counter", "Bytes of events written.", counts.group_bytes},
        {"log_writes_total", "counter", "Writes to the device.", counts.writes},
        {"log_write_bytes_total", "counter", "Bytes written to the device, padding included.",
         counts.write_bytes},
        {"log_witness_blocks_total", "counter", "Witness blocks of an idle log.",
         counts.witness_blocks},
        {"log_segments_ready", "gauge", "Segments made ready ahead of need.",
         counts.segments_ready},
        {"log_synced", "gauge", "0 with --sync none: a power cut loses what was acknowledged.",
         log_sync(log) != LOG_SYNC_NONE},
        {"log_full", "gauge", "1 while the disk has no room for another segment.",
         log_is_full(log)},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
        describe(page, table[i].name, table[i].type, table[i].help);
        put(page, "spate_%s", table[i].name);
        put_value(page, table[i].name, table[i].value);
    }
}

/* What a start would take, by the rates that the slowest machines that we know keep. */
enum { RECORDS_A_SECOND = 1000000, LOG_BYTES_A_SECOND = 200 << 20 };

static void put_compact(struct page *page, const struct metrics_sources *sources)
{
    struct compact_counts counts = compact_counts(sources->compact);
    uint64_t behind_bytes = sources->log_bytes - counts.log_bytes;
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } table[] = {
        {"log_budget_step", "gauge",
         "Of --log-budget: 1 when three quarters are used up and snapshots hurry, 2 when no more "
         "is "
         "taken in than they get through, 3 when new orders are refused.",
         compact_pressure(sources->compact, sources->log_bytes)},
        {"snapshots_total", "counter", "Snapshots made.", counts.rounds},
        {"snapshot_failures_total", "counter", "Snapshots that could not be made.",
         counts.failures},
        {"snapshot_damaged", "gauge",
         "1 when the log is damaged: no more snapshots are made, and somebody has to look.",
         counts.damaged},
        {"snapshot_seq", "gauge", "Commit sequence of the newest snapshot.", counts.seq},
        {"snapshot_bytes", "gauge", "Its length.", counts.file_bytes},
        {"snapshot_records", "gauge", "What is in it.", counts.records},
        {"snapshot_made_seconds", "gauge", "How long it took.", counts.round_ns},
        {"snapshot_lag_bytes", "gauge", "Log that a start would read behind it.", behind_bytes},
        {"recovery_estimate_seconds", "gauge", "What a start would take, if all went slowly.",
         (counts.records / RECORDS_A_SECOND + behind_bytes / LOG_BYTES_A_SECOND) * 1000000000},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
        describe(page, table[i].name, table[i].type, table[i].help);
        put(page, "spate_%s", table[i].name);
        put_value(page, table[i].name, table[i].value);
    }
}

static void put_lines(struct page *page, const struct lines *lines)
{
    describe(page, "lines_lost_total", "counter", "Lines of the log that found no room.");
    put(page, "spate_lines_lost_total %llu\n", (unsigned long long)lines_lost(lines));
}

uint32_t metrics_write(const struct metrics_sources *sources, char *out, uint32_t capacity)
{
    struct page page = {.at = out, .capacity = capacity};
    put_shards(&page, sources->shards, sources->shard_count);
    put_answers(&page, sources);
    put_codes(&page, sources);
    put_faults(&page, sources);
    put_log(&page, sources->log);
    put_compact(&page, sources);
    put_hot(&page, sources);
    if (sources->lines != NULL)
        put_lines(&page, sources->lines);
    describe(&page, "info", "gauge", "Always 1; what is running.");
    put(&page, "spate_info{version=\"%s\"} 1\n", SPATE_VERSION);
    return page.used;
}
