#include "io/metrics.h"

#include <stdarg.h>
#include <stdio.h>

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
        for (uint32_t shard = 0; shard < shard_count; shard++)
            put(page, "spate_%s{shard=\"%u\"} %llu\n", table[i].name, shard,
                (unsigned long long)atomic_load(&shards[shard]->cells[i]));
    }
}

static void put_log(struct page *page, const struct log *log)
{
    struct log_counts counts = log_counts(log);
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } table[] = {
        {"log_watermark", "counter", "Commit sequence up to which everything is durable.",
         log_watermark(log)},
        {"log_groups_total", "counter", "Groups written.", counts.groups},
        {"log_group_bytes_total", "counter", "Bytes of events written.", counts.group_bytes},
        {"log_writes_total", "counter", "Writes to the device.", counts.writes},
        {"log_write_bytes_total", "counter", "Bytes written to the device, padding included.",
         counts.write_bytes},
        {"log_witness_blocks_total", "counter", "Witness blocks of an idle log.",
         counts.witness_blocks},
        {"log_segments_ready", "gauge", "Segments made ready ahead of need.",
         counts.segments_ready},
        {"log_full", "gauge", "1 while the disk has no room for another segment.",
         log_is_full(log)},
    };
    for (uint32_t i = 0; i < sizeof table / sizeof *table; i++) {
        describe(page, table[i].name, table[i].type, table[i].help);
        put(page, "spate_%s %llu\n", table[i].name, (unsigned long long)table[i].value);
    }
}

uint32_t metrics_write(const struct metrics *const *shards, uint32_t shard_count,
                       const struct log *log, char *out, uint32_t capacity)
{
    struct page page = {.at = out, .capacity = capacity};
    put_shards(&page, shards, shard_count);
    put_log(&page, log);
    return page.used;
}
