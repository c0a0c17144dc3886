/* The ring between the one who reads a log and the shards that apply it, with real threads and rings;
 * under TSan too. More goes through it than it can hold, in groups from tiny to the largest there are. */
#include "tests/unit/core/shop_again.h"

#include <pthread.h>

#include "core/stock.h"
#include "io/env_uring.h"
#include "io/recovery.h"
#include "persist/group.h"

enum { SHARDS = 3, SKUS = 3000, QUEUE = 64 };

struct fixture {
    struct env_world world;
    struct recovery recovery;
    struct shop *shop;
    struct atomic64 stop;
    struct atomic64 was_full; /* the shards begin when the ring has been full once */
    struct atomic64 is_over;
};

struct seat {
    struct fixture *f;
    uint32_t number;
};

static struct env *open_actor(struct fixture *f, uint32_t actor)
{
    struct env *env = NULL;
    char message[ENV_MESSAGE_BYTES];
    int exit_code;
    if (!env_uring_open(&f->world, actor, QUEUE, &env, message, &exit_code))
        fail_msg("%s", message);
    return env;
}

static void *run_shard(void *argument)
{
    struct seat *seat = argument;
    struct fixture *f = seat->f;
    struct env *env = open_actor(f, seat->number);
    struct env_done none;
    while (atomic_load(&f->is_over) == 0)
        if (atomic_load(&f->was_full) == 0 ||
            !recovery_apply(&f->recovery, env, seat->number, f->shop->shards[seat->number]))
            (void)env_reap(env, &none, 1, env_clock(env) + 10000000);
    env_uring_close(env);
    return NULL;
}

/* A SKU's facts change with every event; its code and number follow from `which`. */
static uint32_t put_sku(uint8_t *at, uint32_t which, uint64_t when)
{
    static uint32_t counts[SLOT_COUNT], numbers[SKUS];
    char code[16];
    struct text text = {code, (uint32_t)snprintf(code, sizeof code, "SKU-%u", which)};
    uint32_t slot = hash_slot(key_hash(text));
    if (numbers[which] == 0)
        numbers[which] = slot << SKU_INDEX_BITS | ++counts[slot];
    uint32_t slice_bytes = ((uint32_t)sizeof(struct slice_sku_put) + text.bytes + 7) & ~7u;
    struct event event = {.bytes = (uint32_t)sizeof event + slice_bytes,
                          .kind = EVENT_SKU_PUT,
                          .slice_count = 1,
                          .at_ns = when};
    struct slice_sku_put put = {.head = {slice_bytes, (uint16_t)slot, SLICE_SKU_PUT},
                                .list_price = (int64_t)when,
                                .sku = numbers[which],
                                .currency = CURRENCY('C', 'N', 'Y'),
                                .code_bytes = (uint8_t)text.bytes};
    memset(at, 0, event.bytes);
    memcpy(at, &event, sizeof event);
    memcpy(at + sizeof event, &put, sizeof put);
    memcpy(at + sizeof event + sizeof put, code, text.bytes);
    return event.bytes;
}

static struct group_head *make_group(uint8_t *memory, uint64_t seq, uint32_t bytes_max)
{
    struct group_head *head = (void *)memory;
    *head = (struct group_head){.kind = GROUP_EVENTS, .seq = seq};
    do {
        uint64_t when = seq * 100000 + head->event_count;
        head->event_bytes += put_sku(memory + sizeof *head + head->event_bytes,
                                     (uint32_t)(when * 7919 % SKUS), when);
        head->event_count++;
    } while (head->event_bytes + 256 < bytes_max);
    return head;
}

static void apply_alone(struct shop *alone, const struct group_head *head)
{
    const struct event *event = group_events(head);
    for (uint32_t i = 0; i < head->event_count; i++, event = event_next(event))
        assert_int_equal(
            shard_recover(alone->shards[0], &(struct recorded){{head->seq, (uint16_t)i}, event}, 1),
            SHARD_TABLE_NONE);
}

static void give(struct fixture *f, struct env *env, const struct group_head *head)
{
    struct env_done none;
    enum start_visit visit;
    while ((visit = f->recovery.visitor.on_group(&f->recovery.visitor, head)) == START_LATER) {
        atomic_store(&f->was_full, 1);
        (void)env_reap(env, &none, 1, env_clock(env) + 1000000);
    }
    assert_int_equal(visit, START_TAKEN);
}

static void all_shards_together_arrive_where_one_does_alone(void **state)
{
    static struct fixture fixture;
    static uint8_t memory[RECOVERY_MEMORY_BYTES] __attribute__((aligned(4096)));
    static uint8_t group[WRITE_BYTES_MAX] __attribute__((aligned(8)));
    static const uint32_t sizes[] = {1, 1, 5000, 100000, 1, 300000, 3000, WRITE_BYTES_MAX - 4096};
    (void)state;
    struct fixture *f = &fixture;
    struct seat seats[SHARDS];
    pthread_t threads[SHARDS];
    struct shop *alone = shop_open(1, 1);
    f->shop = shop_open(SHARDS, 1);
    struct env *env = open_actor(f, SHARDS);
    recovery_init(&f->recovery, memory, SHARDS, &f->stop);
    recovery_begin(&f->recovery, env);
    for (uint32_t i = 0; i < SHARDS; i++) {
        seats[i] = (struct seat){f, i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_shard, &seats[i]), 0);
    }
    for (uint64_t seq = 1; seq <= 64; seq++) {
        const struct group_head *head = make_group(group, seq, sizes[seq * 31 / 7 % 8]);
        apply_alone(alone, head);
        give(f, env, head);
    }
    assert_int_equal(atomic_load(&f->was_full), 1);
    assert_true(recovery_finish(&f->recovery));
    atomic_store(&f->is_over, 1);
    for (uint32_t i = 0; i < SHARDS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shop_hash(f->shop), shop_hash(alone));
    env_uring_close(env);
    shop_close(f->shop);
    shop_close(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_shards_together_arrive_where_one_does_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
