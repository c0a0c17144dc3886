/* tests/unit/core/shop_again.h - whether a shop balances, and comes to the same state again from its
 * journal and from its images, on any number of shards. */
#ifndef SPATE_TESTS_UNIT_CORE_SHOP_AGAIN_H
#define SPATE_TESTS_UNIT_CORE_SHOP_AGAIN_H

#include "tests/unit/core/shop.h"

static inline uint64_t shop_hash(const struct shop *shop)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < shop->shard_count; i++)
        sum += shard_state_hash(shop->shards[i]);
    return sum;
}

static inline void shop_audit(const struct shop *shop)
{
    struct equation sum[EQUATIONS_MAX] = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < shop->shard_count; i++) {
        const char *wrong = shard_audit(shop->shards[i]);
        if (wrong != NULL)
            fail_msg("shard %u: %s", i, wrong);
        struct equation of_shard[EQUATIONS_MAX];
        count = shard_equations(shop->shards[i], of_shard);
        for (uint32_t e = 0; e < count; e++) {
            sum[e].name = of_shard[e].name;
            sum[e].left += of_shard[e].left;
            sum[e].right += of_shard[e].right;
        }
        assert_int_equal(shard_counts(shop->shards[i]).flights, 0);
    }
    for (uint32_t e = 0; e < count; e++)
        if (sum[e].left != sum[e].right)
            fail_msg("%s: %lld != %lld", sum[e].name, (long long)sum[e].left,
                     (long long)sum[e].right);
}

/* Whatever a test brings forth can be shown by name, to its last byte. */
static inline void shop_assert_described(const struct event *event)
{
    const struct slice *slice = event_slices(event);
    assert_string_not_equal(event_name(event->kind), "unknown");
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        assert_int_equal(shape_bytes(slice), slice->bytes);
}

/* The journal through recovery, with so many shards. */
static inline struct shop *shop_replay(const struct shop *shop, uint32_t shard_count)
{
    struct shop *again = shop_open_with(&shop->options[0], shard_count, 1);
    again->now_ns = shop->now_ns;
    again->seq = shop->seq;
    for (size_t at = 0; at < shop->journal.used;) {
        uint64_t head[2];
        memcpy(head, shop->journal.at + at, sizeof head);
        at += sizeof head;
        for (uint16_t index = 0; index < head[1]; index++) {
            const struct event *event = (const void *)(shop->journal.at + at);
            assert_true(event_valid(event, shop->journal.used - at));
            shop_assert_described(event);
            for (uint32_t i = 0; i < shard_count; i++)
                assert_int_equal(
                    shard_recover(again->shards[i], &(struct recorded){{head[0], index}, event}, 1),
                    SHARD_TABLE_NONE);
            at += event->bytes;
        }
    }
    return again;
}

/* Everything through images, into so many shards. */
static inline struct shop *shop_load(const struct shop *shop, uint32_t shard_count)
{
    struct shop *again = shop_open_with(&shop->options[0], shard_count, 1);
    again->now_ns = shop->now_ns;
    again->seq = shop->seq;
    for (uint32_t from = 0; from < shop->shard_count; from++) {
        struct image_walk walk = {0};
        const struct record *record;
        while ((record = shard_image_next(shop->shards[from], &walk)) != NULL) {
            assert_true(record_valid(record, record->bytes));
            for (uint32_t to = 0; to < shard_count; to++)
                assert_int_equal(shard_load(again->shards[to], record), SHARD_TABLE_NONE);
        }
    }
    for (uint32_t i = 0; i < shard_count; i++)
        shard_loaded(again->shards[i]);
    return again;
}

/* `again` takes over what was said so far; the other one is gone. */
static inline struct shop *shop_go_on(struct shop *shop, struct shop *again)
{
    again->random = shop->random;
    again->request = shop->request;
    again->journal = shop->journal;
    memcpy(again->answers, shop->answers, sizeof shop->answers);
    memset(shop->answers, 0, sizeof shop->answers);
    shop->journal = (struct shop_pile){0};
    shop_close(shop);
    return again;
}

/* The same shop goes on in shards that come from images; nothing may be on its way. */
static inline struct shop *shop_reopen(struct shop *shop, uint32_t shard_count)
{
    return shop_go_on(shop, shop_load(shop, shard_count));
}

/* Or from the log: whatever was on its way is lost. */
static inline struct shop *shop_kill(struct shop *shop, uint32_t shard_count)
{
    return shop_go_on(shop, shop_replay(shop, shard_count));
}

static inline void shop_assert_same(const struct shop *shop, struct shop *again)
{
    shop_audit(again);
    assert_true(shop_hash(again) == shop_hash(shop));
    shop_close(again);
}

static inline void shop_assert_replays(const struct shop *shop)
{
    for (uint32_t shard_count = 1; shard_count <= 4; shard_count *= 2) {
        shop_assert_same(shop, shop_replay(shop, shard_count));
        shop_assert_same(shop, shop_load(shop, shard_count));
    }
}

/* A test for one, two and four shards; whatever it does must balance, and replay to the same
 * state on any number of shards. */
enum { SHOP_SEEDS = 30 };
static const uint32_t shop_sizes[] = {1, 2, 4};
#define EACH_SHOP(seed, shop)                                                                      \
    for (uint64_t seed = 0; seed < SHOP_SEEDS; seed++)                                             \
        for (struct shop *shop = shop_open(shop_sizes[seed % 3], seed); shop != NULL;              \
             shop_audit(shop), shop_assert_replays(shop), shop_close(shop), shop = NULL)

#endif
