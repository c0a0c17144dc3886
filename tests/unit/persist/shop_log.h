/* tests/unit/persist/shop_log.h - a server without clients: a real shop (core/shop.h), its events in a
 * real log on a disk in memory (env_memory.h), and snapshots made of it while it goes on. Included by one
 * test each. */
#ifndef SPATE_TESTS_UNIT_PERSIST_SHOP_LOG_H
#define SPATE_TESTS_UNIT_PERSIST_SHOP_LOG_H

#include "core/shard_state.h"
#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

#include "persist/compact.h"
#include "persist/log.h"
#include "persist/start.h"
#include "tests/unit/persist/env_memory.h"

enum { SKUS = 3, LANE_BYTES = 256 << 20, SHARD_BYTES = 64 << 20 };

static const struct log_options log_options = {
    .shard_count = 1,
    .ring_groups = 16,
    .group_bytes_max = 128 << 10,
    .write_bytes_max = 256 << 10,
    .segment_bytes = 512 << 10,
    .idle_ns = UINT64_C(1000000000),
    .sync = LOG_SYNC_DSYNC,
};
static const struct start_options wanted = {
    .directory = "data",
    .segment_bytes = 512 << 10,
    .write_bytes_max = 256 << 10,
};

struct fixture {
    struct start_visitor visitor;
    struct env *env;
    struct env *before; /* a copy of it to come back to */
    struct shop *shop;
    uint32_t skus[SKUS];
    uint32_t orders;
    size_t journal_at;  /* so far the log has it */
    uint32_t batch;     /* groups to a write */
    int32_t archive;    /* -1: none */
    struct shop *found; /* what the last start has found */
    void *scratch;
    void *log_memory;
    struct log *log;
    struct start start;
    struct start_report report;
    void *compact_memory;
    size_t compact_memory_bytes;
    struct compact *compact;
};

/* ---- a server without clients --------------------------------------------------------------------- */

static enum start_visit on_image(struct start_visitor *visitor, enum start_image what,
                                 const struct snapshot_block *block)
{
    struct fixture *f = (struct fixture *)visitor;
    struct shop *found = f->found;
    const struct record *record = block != NULL ? snapshot_records(block) : NULL;
    for (uint32_t i = 0; i < found->shard_count; i++) {
        if (what == START_IMAGE_END)
            shard_loaded(found->shards[i]);
        if (what == START_IMAGE_FORGET)
            shard_forget(found->shards[i]);
    }
    for (uint32_t n = 0; block != NULL && n < block->record_count;
         n++, record = record_next(record))
        for (uint32_t i = 0; i < found->shard_count; i++)
            assert_int_equal(shard_load(found->shards[i], record), SHARD_TABLE_NONE);
    return START_TAKEN;
}

static enum start_visit on_group(struct start_visitor *visitor, const struct group_head *head)
{
    struct fixture *f = (struct fixture *)visitor;
    const struct event *event = group_events(head);
    for (uint16_t n = 0; n < head->event_count; n++, event = event_next(event))
        for (uint32_t i = 0; i < f->found->shard_count; i++)
            assert_int_equal(
                shard_recover(f->found->shards[i], &(struct recorded){{head->seq, n}, event}, 1),
                SHARD_TABLE_NONE);
    return START_TAKEN;
}

static bool begin(struct fixture *f)
{
    if (f->found != NULL)
        shop_close(f->found);
    f->found = shop_open_with(&f->shop->options[0], 2, 1);
    f->visitor = (struct start_visitor){on_image, on_group};
    return start_open(&f->start, f->env, &wanted, f->scratch, &f->visitor, &f->report);
}

/* One that knows of nothing that has gone wrong before. */
static void get_compact_ready(struct fixture *f)
{
    struct compact_options options = compact_options_default();
    options.directory = f->start.directory;
    options.archive = f->archive;
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    options.seq = f->report.snapshot;
    f->compact = compact_init(f->compact_memory, &options);
}

static void serve(struct fixture *f)
{
    memset(f->log_memory, 0, log_bytes(&log_options));
    f->log = log_init(f->log_memory, &log_options, &f->start.begin);
    get_compact_ready(f);
}

static void work(struct fixture *f)
{
    int32_t failure = 0;
    struct env_done done;
    while (log_prepare(f->log, f->env, &failure) == 0 && failure == 0)
        ;
    assert_int_equal(failure, 0);
    log_drive(f->log, f->env, 0);
    while (f->env->queued > 0 && env_reap(f->env, &done, 1, 0) == 1)
        assert_int_equal(log_done(f->log, f->env, 0, &done), 0);
}

/* What has happened in the shop goes into the log. */
static void publish(struct fixture *f)
{
    const struct shop_pile *journal = &f->shop->journal;
    uint32_t waiting = 0;
    while (f->journal_at < journal->used) {
        uint64_t head[2];
        memcpy(head, journal->at + f->journal_at, sizeof head);
        const uint8_t *events = journal->at + f->journal_at + sizeof head;
        const uint8_t *end = events;
        for (uint64_t i = 0; i < head[1]; i++)
            end += ((const struct event *)(const void *)end)->bytes;
        f->journal_at = (size_t)(end - journal->at);
        assert_int_equal(log_take(f->log, f->env), head[0]);
        log_publish(f->log, f->env, head[0],
                    &(struct log_group){.events = events,
                                        .event_bytes = (uint32_t)(end - events),
                                        .event_count = (uint32_t)head[1]});
        if (++waiting % f->batch == 0)
            work(f);
    }
    work(f);
    assert_int_equal(log_watermark(f->log), f->shop->seq);
}

static void trade(struct fixture *f, uint32_t orders)
{
    for (uint32_t i = 0; i < orders; i++, f->orders++) {
        char id[16];
        struct shop_line lines[2] = {{f->skus[0], 1, 100}, {f->skus[1 + i % 2], 2, 50}};
        snprintf(id, sizeof id, "o-%u", f->orders);
        assert_int_equal(shop_order(f->shop, id, lines, 1 + i % 2)->code, CODE_CREATED);
        if (i % 5 == 0)
            assert_int_equal(shop_cancel(f->shop, id, NULL, 0, "")->code, CODE_OK);
        f->shop->now_ns += 1000000;
    }
    publish(f);
}

/* True: there is one more snapshot. */
static bool compact(struct fixture *f)
{
    uint64_t rounds = compact_counts(f->compact).rounds;
    const struct compact_log log = {.watermark = log_watermark(f->log), .hurry = true};
    do
        (void)compact_step(f->compact, f->env, &log);
    while (compact_is_running(f->compact));
    return compact_counts(f->compact).rounds > rounds;
}

static void assert_found(struct fixture *f)
{
    assert_true(shop_hash(f->found) == shop_hash(f->shop));
    shop_audit(f->found);
}

static void restart(struct fixture *f)
{
    memory_kill(f->env);
    if (!begin(f))
        fail_msg("%s", f->report.message);
    assert_found(f);
    serve(f);
}

static inline uint32_t files_like(const struct env *env, const char *beginning, char last[64])
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < MEMORY_FILES; i++)
        if (env->files[i].links > 0 &&
            strncmp(env->files[i].name, beginning, strlen(beginning)) == 0) {
            if (count++ == 0 || strcmp(env->files[i].name, last) > 0)
                strcpy(last, env->files[i].name);
        }
    return count;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct compact_options options = compact_options_default();
    options.lane_bytes_max = LANE_BYTES;
    options.shard_bytes_max = SHARD_BYTES;
    f->env = memory_open();
    f->before = memory_open();
    f->scratch = aligned_alloc(BLOCK_BYTES, start_scratch_bytes(&wanted));
    f->log_memory = aligned_alloc(BLOCK_BYTES, log_bytes(&log_options));
    f->compact_memory_bytes = compact_bytes(&options);
    f->compact_memory = mmap(NULL, f->compact_memory_bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    f->shop = shop_open(2, 5);
    f->batch = 1;
    f->archive = -1;
    assert_true(begin(f));
    serve(f);
    shop_stock_up(f->shop, f->skus, SKUS, 100000);
    publish(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    shop_close(f->found);
    shop_close(f->shop);
    memory_close(f->env);
    memory_close(f->before);
    munmap(f->compact_memory, f->compact_memory_bytes);
    free(f->scratch);
    free(f->log_memory);
    free(f);
    return 0;
}

#endif
