#include "io/recovery.h"

#include <stdio.h>
#include <string.h>

#include "core/prefetch.h"

enum {
    CHUNK_ENOUGH_BYTES = 256 << 10,
    CHUNK_ALIGN_BYTES = 64,
    BATCH_EVENTS = 64,
    BATCH_RECORDS = 32,
    AHEAD_BYTES = 8 << 10
};
static const uint64_t SAFETY_NET_NS = 10 * 1000 * 1000;

/* ---- the helper's side -------------------------------------------------------------------------- */

static bool is_over(struct recovery *recovery)
{
    recovery->stopped |= atomic_load(recovery->stop) != 0;
    return recovery->stopped || atomic_load(&recovery->too_small) != SHARD_TABLE_NONE ||
           atomic_load(&recovery->untouchable) != 0;
}

/* How many chunks every shard is done with. */
static uint64_t done_by_all(const struct recovery *recovery)
{
    uint64_t done = UINT64_MAX;
    for (uint32_t i = 0; i < recovery->shard_count; i++) {
        uint64_t mine = atomic_load(&recovery->shards[i].done); /* pairs with recovery_apply */
        done = mine < done ? mine : done;
    }
    return done;
}

static void note_slots(struct recovery_chunk *chunk, const struct snapshot_block *block)
{
    const struct record *record = snapshot_records(block);
    for (uint32_t i = 0; i < block->record_count; i++, record = record_next(record))
        chunk->slots[i > 0] = record->slot;
    if (block->record_count == 1)
        chunk->slots[1] = chunk->slots[0];
}

static void publish(struct recovery *recovery, enum recovery_kind kind)
{
    uint64_t number = atomic_load(&recovery->published);
    struct recovery_chunk *chunk = &recovery->chunks[number % RECOVERY_CHUNKS];
    *chunk = (struct recovery_chunk){
        .begin = recovery->begin, .used_bytes = recovery->filled_bytes, .kind = kind};
    if (kind == RECOVERY_IMAGE)
        note_slots(chunk, (const void *)(recovery->ring + chunk->begin % RECOVERY_MEMORY_BYTES));
    atomic_store(&recovery->published, number + 1); /* pairs with the load in recovery_apply */
    recovery->begin += (recovery->filled_bytes + CHUNK_ALIGN_BYTES - 1) & ~(CHUNK_ALIGN_BYTES - 1u);
    recovery->filled_bytes = 0;
    for (uint32_t i = 0; i < recovery->shard_count; i++)
        env_doorbell(recovery->env, i);
}

/* A chunk never goes round the end of the ring. */
static void go_round(struct recovery *recovery, uint32_t bytes)
{
    uint64_t end = recovery->begin + recovery->filled_bytes;
    if (end % RECOVERY_MEMORY_BYTES + bytes <= RECOVERY_MEMORY_BYTES)
        return;
    if (recovery->filled_bytes > 0)
        publish(recovery, RECOVERY_GROUPS);
    recovery->begin = (end / RECOVERY_MEMORY_BYTES + 1) * RECOVERY_MEMORY_BYTES;
}

/* Adds to the chunk; false: there is no room now. */
static bool put(struct recovery *recovery, const void *at, uint32_t bytes)
{
    go_round(recovery, bytes);
    uint64_t number = atomic_load(&recovery->published), done = done_by_all(recovery);
    uint64_t oldest =
        done < number ? recovery->chunks[done % RECOVERY_CHUNKS].begin : recovery->begin;
    uint64_t end = recovery->begin + recovery->filled_bytes;
    if (number - done >= RECOVERY_CHUNKS || end + bytes - oldest > RECOVERY_MEMORY_BYTES)
        return false;
    if (bytes > 0)
        memcpy(recovery->ring + end % RECOVERY_MEMORY_BYTES, at, bytes);
    recovery->filled_bytes += bytes;
    return true;
}

static enum start_visit on_image(struct start_visitor *visitor, enum start_image what,
                                 const struct snapshot_block *block)
{
    static const enum recovery_kind kinds[] = {
        [START_IMAGE_BLOCK] = RECOVERY_IMAGE,
        [START_IMAGE_END] = RECOVERY_IMAGE_END,
        [START_IMAGE_FORGET] = RECOVERY_FORGET,
    };
    struct recovery *recovery = (struct recovery *)(void *)visitor;
    if (is_over(recovery))
        return START_STOP;
    if (!put(recovery, block, block != NULL ? block->bytes : 0))
        return START_LATER;
    publish(recovery, kinds[what]);
    return START_TAKEN;
}

static enum start_visit on_group(struct start_visitor *visitor, const struct group_head *head)
{
    struct recovery *recovery = (struct recovery *)(void *)visitor;
    uint32_t bytes = (uint32_t)sizeof *head + head->event_bytes;
    if (is_over(recovery))
        return START_STOP;
    if (!put(recovery, head, bytes))
        return START_LATER;
    if (recovery->filled_bytes >= CHUNK_ENOUGH_BYTES)
        publish(recovery, RECOVERY_GROUPS);
    return START_TAKEN;
}

void recovery_init(struct recovery *recovery, void *memory, uint32_t shard_count,
                   const struct atomic64 *stop)
{
    *recovery = (struct recovery){.visitor = {.on_image = on_image, .on_group = on_group},
                                  .stop = stop,
                                  .shard_count = shard_count,
                                  .ring = memory};
}

void recovery_share(struct recovery *recovery, uint32_t number, struct env_memory share)
{
    recovery->shards[number].share = share;
}

void recovery_begin(struct recovery *recovery, struct env *env)
{
    recovery->env = env;
}

static void wait_for_all(struct recovery *recovery)
{
    struct env_done none;
    while (!is_over(recovery) && done_by_all(recovery) < atomic_load(&recovery->published))
        (void)env_reap(recovery->env, &none, 1, env_clock(recovery->env) + SAFETY_NET_NS);
}

static void say_touched(const struct recovery *recovery, uint64_t begun_ns)
{
    char line[96];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < recovery->shard_count; i++)
        bytes += recovery->shards[i].share.bytes;
    snprintf(line, sizeof line, "touched %llu MB of memory in %llu ms",
             (unsigned long long)(bytes >> 20),
             (unsigned long long)((env_clock(recovery->env) - begun_ns) / 1000000));
    env_say(recovery->env, line);
}

bool recovery_finish(struct recovery *recovery)
{
    if (recovery->filled_bytes > 0)
        publish(recovery, RECOVERY_GROUPS);
    wait_for_all(recovery);
    uint64_t begun_ns = env_clock(recovery->env);
    if (!is_over(recovery))
        publish(recovery, RECOVERY_OVER);
    wait_for_all(recovery);
    if (is_over(recovery))
        return false;
    say_touched(recovery, begun_ns);
    return true;
}

/* ---- a shard's side ------------------------------------------------------------------------------ */

static enum shard_table load_block(struct shard *shard, const struct snapshot_block *block)
{
    const struct record *record = snapshot_records(block);
    enum shard_table full = SHARD_TABLE_NONE;
    for (uint32_t left = block->record_count; left > 0 && full == SHARD_TABLE_NONE;) {
        uint32_t count = left < BATCH_RECORDS ? left : BATCH_RECORDS;
        full = shard_load_some(shard, &record, count);
        left -= count;
    }
    return full;
}

/* Another core has written it, and events are too far apart for the processor to foresee where the
 * next one begins. A look beyond the chunk does no harm. */
static void fetch_ring(const uint8_t *at, uint32_t bytes)
{
    for (uint32_t line = 0; line < bytes; line += 64)
        prefetch_line(at + line);
}

static enum shard_table apply_groups(struct shard *shard, const uint8_t *groups, uint32_t bytes)
{
    struct recorded batch[BATCH_EVENTS];
    uint32_t count = 0;
    enum shard_table full = SHARD_TABLE_NONE;
    for (uint32_t at = 0; at < bytes;) {
        const struct group_head *head = (const void *)(groups + at);
        const struct event *event = group_events(head);
        at += (uint32_t)sizeof *head + head->event_bytes;
        for (uint32_t i = 0; i < head->event_count; i++, event = event_next(event)) {
            fetch_ring((const uint8_t *)event + AHEAD_BYTES, event->bytes);
            batch[count++] = (struct recorded){{head->seq, (uint16_t)i}, event};
            if (count < BATCH_EVENTS)
                continue;
            full = shard_recover(shard, batch, count);
            if (full != SHARD_TABLE_NONE)
                return full;
            count = 0;
        }
    }
    return shard_recover(shard, batch, count);
}

static enum shard_table apply_chunk(const struct recovery *recovery,
                                    const struct recovery_chunk *chunk, struct shard *shard)
{
    const uint8_t *at = recovery->ring + chunk->begin % RECOVERY_MEMORY_BYTES;
    switch (chunk->kind) {
    case RECOVERY_GROUPS:
        return apply_groups(shard, at, chunk->used_bytes);
    case RECOVERY_IMAGE:
        return shard_loads_any(shard, chunk->slots[0], chunk->slots[1])
                   ? load_block(shard, (const void *)at)
                   : SHARD_TABLE_NONE;
    case RECOVERY_IMAGE_END:
        shard_loaded(shard);
        break;
    case RECOVERY_FORGET:
        shard_forget(shard);
        break;
    case RECOVERY_OVER:
        break;
    }
    return SHARD_TABLE_NONE;
}

bool recovery_apply(struct recovery *recovery, struct env *env, uint32_t number,
                    struct shard *shard)
{
    struct recovery_shard *self = &recovery->shards[number];
    uint64_t done = atomic_load(&self->done);
    if (atomic_load(&recovery->published) == done) /* pairs with the store in publish */
        return false;
    const struct recovery_chunk *chunk = &recovery->chunks[done % RECOVERY_CHUNKS];
    enum shard_table full = apply_chunk(recovery, chunk, shard);
    if (chunk->kind == RECOVERY_OVER && env_touch(env, self->share.at, self->share.bytes) < 0)
        atomic_store(&recovery->untouchable, 1); /* pairs with is_over */
    if (full != SHARD_TABLE_NONE)
        (void)!atomic_swap_if(&recovery->too_small, SHARD_TABLE_NONE, (uint64_t)full);
    atomic_store(&self->done, done + 1); /* pairs with done_by_all */
    env_doorbell(env, recovery->shard_count);
    return true;
}
