#include "core/catalogue.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/atomics.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static const struct catalogue_options options = {.sku_count_max = 20000};

static struct catalogue *catalogue_open(void)
{
    void *memory = aligned_alloc(64, (catalogue_bytes(&options) + 63) & ~(size_t)63);
    assert_non_null(memory);
    memset(memory, 0, catalogue_bytes(&options));
    return catalogue_init(memory, &options);
}

static struct text code_of(uint32_t i, char out[ID_BYTES_MAX + 1])
{
    return (struct text){out, (uint32_t)snprintf(out, ID_BYTES_MAX + 1, "SKU-%u%s", i,
                                                 i % 7 == 0 ? "/with-a-rather-long-one" : "")};
}

/* Numbers as their slots' owners would give them out. */
static uint32_t *draw_numbers(uint32_t count)
{
    uint32_t *numbers = calloc(count, sizeof *numbers);
    uint32_t used[SLOT_COUNT] = {0};
    char code[ID_BYTES_MAX + 1];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = hash_slot(key_hash(code_of(i, code)));
        numbers[i] = slot << SKU_INDEX_BITS | ++used[slot];
        assert_true(used[slot] <= catalogue_slot_capacity(&options));
    }
    return numbers;
}

/* Facts that follow from `seen`, so that a reader can tell whether they belong together. */
static void facts_set(struct catalogue_sku *entry, uint64_t seen)
{
    entry->seen = seen;
    entry->list_price = (int64_t)(seen * 31);
    entry->currency = (uint32_t)seen * 17;
    entry->flags = (uint8_t)seen;
}

static struct catalogue_sku entry_of(uint32_t i, uint32_t sku, uint64_t seen)
{
    struct catalogue_sku entry = {.sku = sku};
    facts_set(&entry, seen);
    char code[ID_BYTES_MAX + 1];
    struct text text = code_of(i, code);
    entry.code_bytes = (uint8_t)text.bytes;
    memcpy(entry.code, text.at, text.bytes);
    return entry;
}

static bool belongs_together(const struct catalogue_sku *read, uint32_t i, uint32_t sku)
{
    struct catalogue_sku expected = entry_of(i, sku, read->seen);
    return memcmp(read, &expected, sizeof expected) == 0;
}

static void every_slot_has_room_for_its_share(void **state)
{
    (void)state;
    free(draw_numbers(options.sku_count_max));
}

static void what_was_published_is_found_and_nothing_else(void **state)
{
    (void)state;
    struct catalogue *catalogue = catalogue_open();
    uint32_t *numbers = draw_numbers(options.sku_count_max);
    struct catalogue_sku read;
    char code[ID_BYTES_MAX + 1];
    for (uint32_t i = 0; i < options.sku_count_max; i += 2) {
        struct catalogue_sku entry = entry_of(i, numbers[i], i + 1);
        catalogue_publish(catalogue, &entry);
    }
    for (uint32_t i = 0; i < options.sku_count_max; i++) {
        bool published = i % 2 == 0;
        assert_int_equal(catalogue_find(catalogue, code_of(i, code)), published ? numbers[i] : 0);
        assert_int_equal(catalogue_read(catalogue, numbers[i], &read), published);
        if (published) {
            assert_int_equal(read.seen, i + 1);
            assert_true(belongs_together(&read, i, numbers[i]));
        }
    }
    free(numbers);
    free(catalogue);
}

static void numbers_that_nobody_gave_out_are_unknown(void **state)
{
    (void)state;
    struct catalogue *catalogue = catalogue_open();
    struct catalogue_sku read;
    uint32_t capacity = catalogue_slot_capacity(&options);
    const uint32_t wrong[] = {0, 1, capacity, capacity + 1, UINT32_MAX, 1023u << SKU_INDEX_BITS};
    for (uint32_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        catalogue_prefetch(catalogue, wrong[i]);
        assert_false(catalogue_read(catalogue, wrong[i], &read));
    }
    free(catalogue);
}

static void codes_that_begin_alike_are_different(void **state)
{
    (void)state;
    struct catalogue *catalogue = catalogue_open();
    uint32_t *numbers = draw_numbers(20);
    struct catalogue_sku entry = entry_of(1, numbers[1], 1);
    catalogue_publish(catalogue, &entry);
    assert_int_equal(catalogue_find(catalogue, (struct text){"SKU-1", 5}), numbers[1]);
    assert_int_equal(catalogue_find(catalogue, (struct text){"SKU-1\0", 6}), 0);
    assert_int_equal(catalogue_find(catalogue, (struct text){"SKU-", 4}), 0);
    assert_int_equal(catalogue_find(catalogue, (struct text){"", 0}), 0);
    free(numbers);
    free(catalogue);
}

static void the_latest_change_is_read(void **state)
{
    (void)state;
    struct catalogue *catalogue = catalogue_open();
    uint32_t *numbers = draw_numbers(1);
    for (uint64_t seen = 1; seen < 100; seen++) {
        struct catalogue_sku read, entry = entry_of(0, numbers[0], seen);
        catalogue_publish(catalogue, &entry);
        assert_true(catalogue_read(catalogue, numbers[0], &read));
        assert_int_equal(read.seen, seen);
        assert_true(belongs_together(&read, 0, numbers[0]));
    }
    free(numbers);
    free(catalogue);
}

/* Two owners, of the even and of the odd slots, create SKUs and then change the last of them without
 * a pause, until two readers have seen enough of it. */
enum { STRESS_SKUS = 64, STRESS_NEWS = 20 };

struct stress {
    struct catalogue *catalogue;
    uint32_t *numbers;
    uint32_t last[2];          /* of each writer */
    struct atomic64 satisfied; /* readers that have seen enough */
};

struct writer {
    struct stress *stress;
    uint32_t parity;
};

static void *stress_write(void *argument)
{
    const struct writer *writer = argument;
    struct stress *stress = writer->stress;
    struct catalogue_sku entry;
    for (uint32_t i = 0; i < STRESS_SKUS; i++) {
        if (sku_slot(stress->numbers[i]) % 2 != writer->parity)
            continue;
        entry = entry_of(i, stress->numbers[i], 1);
        catalogue_publish(stress->catalogue, &entry);
    }
    for (uint64_t seen = 2; atomic_load(&stress->satisfied) < 2; seen++) {
        facts_set(&entry, seen);
        catalogue_publish(stress->catalogue, &entry);
    }
    return NULL;
}

struct reader {
    struct stress *stress;
    uint64_t news_count;
    uint64_t torn_count;
    uint64_t back_count;
    uint64_t lost_count;
};

/* Whoever has once found the code must find it and its entry again, never an older one. */
static void find_one(struct reader *reader, uint32_t i, uint64_t *latest)
{
    struct catalogue_sku read;
    char code[ID_BYTES_MAX + 1];
    uint32_t sku = catalogue_find(reader->stress->catalogue, code_of(i, code));
    if (sku == 0) {
        reader->lost_count += *latest != 0;
        return;
    }
    reader->lost_count += !catalogue_read(reader->stress->catalogue, sku, &read);
    reader->torn_count += !belongs_together(&read, i, sku);
    reader->back_count += read.seen < *latest;
    *latest = read.seen;
}

static void read_often(struct reader *reader, uint32_t sku)
{
    struct catalogue_sku read;
    uint64_t latest = 0;
    for (uint32_t count = 0; count < 1000; count++) {
        if (!catalogue_read(reader->stress->catalogue, sku, &read))
            return;
        struct catalogue_sku expected = read;
        facts_set(&expected, read.seen);
        reader->torn_count += memcmp(&read, &expected, sizeof read) != 0;
        reader->news_count += count > 0 && read.seen != latest;
        latest = read.seen;
    }
}

static void *stress_read(void *argument)
{
    struct reader *reader = argument;
    uint64_t latest[STRESS_SKUS] = {0};
    while (reader->news_count < STRESS_NEWS) {
        for (uint32_t i = 0; i < STRESS_SKUS; i++)
            find_one(reader, i, &latest[i]);
        read_often(reader, reader->stress->last[0]);
        read_often(reader, reader->stress->last[1]);
    }
    atomic_add(&reader->stress->satisfied, 1);
    return NULL;
}

static void readers_beside_the_writers_see_whole_entries_that_only_move_on(void **state)
{
    (void)state;
    struct stress stress = {.catalogue = catalogue_open(), .numbers = draw_numbers(STRESS_SKUS)};
    for (uint32_t i = 0; i < STRESS_SKUS; i++)
        stress.last[sku_slot(stress.numbers[i]) % 2] = stress.numbers[i];
    struct writer writers[2] = {{&stress, 0}, {&stress, 1}};
    struct reader readers[2] = {{.stress = &stress}, {.stress = &stress}};
    pthread_t threads[4];
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, stress_read, &readers[i]), 0);
        assert_int_equal(pthread_create(&threads[2 + i], NULL, stress_write, &writers[i]), 0);
    }
    for (uint32_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(readers[i].torn_count, 0);
        assert_int_equal(readers[i].back_count, 0);
        assert_int_equal(readers[i].lost_count, 0);
    }
    free(stress.numbers);
    free(stress.catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_slot_has_room_for_its_share),
        cmocka_unit_test(what_was_published_is_found_and_nothing_else),
        cmocka_unit_test(numbers_that_nobody_gave_out_are_unknown),
        cmocka_unit_test(codes_that_begin_alike_are_different),
        cmocka_unit_test(the_latest_change_is_read),
        cmocka_unit_test(readers_beside_the_writers_see_whole_entries_that_only_move_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
