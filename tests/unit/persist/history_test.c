/* The past, as it is read from log and archive. */
#include "core/shape.h"
#include "persist/history.h"
#include "tests/unit/persist/shop_log.h"

static struct position last_event(const struct fixture *f, const char *id)
{
    struct text text = {id, (uint32_t)strlen(id)};
    for (uint32_t i = 0; i < f->shop->shard_count; i++) {
        const struct orders *orders = &f->shop->shards[i]->orders;
        uint32_t record = order_find(orders, text, key_hash(text));
        if (record != 0)
            return order_position(order_at(orders, record));
    }
    fail_msg("no order %s", id);
    return (struct position){0};
}

static void look_back(struct fixture *f, struct sparse *sparse, void *memory)
{
    memset(memory, 0, SPARSE_MEMORY_BYTES);
    sparse_init(sparse, memory, f->start.directory, f->archive, f->start.begin.log_id);
    sparse_begin(sparse, f->env);
}

static void an_orders_history_is_followed_back_as_far_as_the_log_goes(void **state)
{
    struct fixture *f = *state;
    struct sparse sparse;
    struct history history;
    struct position at;
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    f->batch = 8;
    trade(f, 100);
    assert_int_equal(
        shop_cancel(f->shop, "o-1", &(struct cancel_line){.line = 2, .units = 1}, 1, "k")->code,
        CODE_OK);
    trade(f, 100);
    assert_int_equal(shop_cancel(f->shop, "o-1", NULL, 0, "")->code, CODE_OK);
    publish(f);
    restart(f);
    trade(f, 10);
    static const uint16_t kinds[] = {EVENT_ORDER_CANCELLED, EVENT_LINES_CANCELLED,
                                     EVENT_ORDER_PLACED};
    look_back(f, &sparse, memory);
    for (uint32_t i = 0; i < f->orders; i++) {
        char id[16];
        snprintf(id, sizeof id, "o-%u", i);
        history_of_order(&history, &sparse, last_event(f, id));
        while (history_next(&history, &at) != NULL)
            continue;
        assert_int_equal(history.end, HISTORY_BEGAN);
    }
    history_of_order(&history, &sparse, last_event(f, "o-1"));
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(history_next(&history, &at)->kind, kinds[i]);
    assert_null(history_next(&history, &at));
    assert_int_equal(history.end, HISTORY_BEGAN);
    sparse_end(&sparse);
    for (uint32_t round = 0; round < 3; round++) {
        trade(f, 100);
        assert_true(compact(f));
    }
    sparse_begin(&sparse, f->env);
    history_of_order(&history, &sparse, last_event(f, "o-1"));
    assert_null(history_next(&history, &at));
    assert_int_equal(history.end, HISTORY_TRUNCATED);
    history_of_order(&history, &sparse, last_event(f, "o-505"));
    assert_int_equal(history_next(&history, &at)->kind, EVENT_ORDER_CANCELLED);
    assert_int_equal(history_next(&history, &at)->kind, EVENT_ORDER_PLACED);
    assert_null(history_next(&history, &at));
    assert_int_equal(history.end, HISTORY_BEGAN);
    assert_int_equal(sparse.error, 0);
    sparse_end(&sparse);
    free(memory);
}

/* What is left of it after a flip is its newer end, and whoever asks is told that there was more. */
struct past_event {
    struct position position;
    uint32_t bytes;
    uint8_t event[1024];
};

static void check_past(struct history *history, const struct past_event *expected, uint32_t count)
{
    struct position at;
    const struct event *event;
    uint32_t got = 0;
    while ((event = history_next(history, &at)) != NULL) {
        assert_in_range(got, 0, count - 1);
        assert_int_equal(at.seq, expected[got].position.seq);
        assert_int_equal(at.index, expected[got].position.index);
        assert_int_equal(event->bytes, expected[got].bytes);
        assert_memory_equal(event, expected[got].event, event->bytes);
        got++;
    }
    assert_true(history->end == HISTORY_TRUNCATED || got == count);
}

static void
a_flipped_bit_in_log_or_archive_cuts_a_history_short_and_never_makes_it_wrong(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = {"o-0", "o-155", "o-295"}; /* each placed, then cancelled */
    struct sparse sparse;
    struct history history;
    struct past_event expected[3][2];
    uint32_t cut = 0, flips = 0;
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    f->archive = MEMORY_ARCHIVE;
    restart(f);
    for (uint32_t round = 0; round < 3; round++) {
        trade(f, 100);
        assert_true(compact(f));
    }
    assert_null(memory_find(f->env, "log-000000000001.seg"));
    assert_non_null(memory_find_in(f->env, MEMORY_ARCHIVE, "log-000000000001.seg"));
    look_back(f, &sparse, memory);
    for (uint32_t n = 0; n < 3; n++) {
        history_of_order(&history, &sparse, last_event(f, ids[n]));
        for (uint32_t i = 0; i < 2; i++) {
            const struct event *event = history_next(&history, &expected[n][i].position);
            assert_in_range(event->bytes, 1, sizeof expected[n][i].event);
            expected[n][i].bytes = event->bytes;
            memcpy(expected[n][i].event, event, event->bytes);
        }
    }
    sparse_end(&sparse);
    for (uint32_t i = 0; i < MEMORY_FILES; i++) {
        struct memory_file *file = &f->env->files[i];
        bool is_segment = file->links > 0 && strncmp(file->name, "log-", 4) == 0;
        for (uint32_t at = 0; is_segment && at < file->bytes;
             at += at % BLOCK_BYTES < 500 ? 83 : BLOCK_BYTES - at % BLOCK_BYTES, flips++) {
            file->data[at] ^= 16;
            memset(sparse.entries, 0, SPARSE_ENTRIES * sizeof *sparse.entries);
            sparse_begin(&sparse, f->env);
            for (uint32_t n = 0; n < 3; n++) {
                history_of_order(&history, &sparse, expected[n][0].position);
                check_past(&history, expected[n], 2);
                cut += history.end == HISTORY_TRUNCATED;
            }
            sparse_end(&sparse);
            file->data[at] ^= 16;
        }
    }
    assert_in_range(flips, 200, 100000);
    assert_in_range(cut, 1, flips);
    free(memory);
}

/* Of the journal: all that there is to be found. */
static uint32_t events_of_sku(const struct fixture *f, uint32_t sku, uint64_t seqs[4096])
{
    uint32_t count = 0;
    for (size_t at = 0; at < f->shop->journal.used;) {
        uint64_t head[2];
        memcpy(head, f->shop->journal.at + at, sizeof head);
        at += sizeof head;
        for (uint64_t i = 0; i < head[1]; i++) {
            const struct event *event = (const void *)(f->shop->journal.at + at);
            const struct slice *slice = event_slices(event);
            bool is_about = false;
            for (uint32_t n = 0; n < event->slice_count; n++, slice = slice_next(slice))
                is_about |= shape_sku(slice) == sku;
            if (is_about)
                seqs[count++] = head[0];
            at += event->bytes;
        }
    }
    return count;
}

static void a_skus_movements_are_all_found_newest_first_page_by_page(void **state)
{
    struct fixture *f = *state;
    struct sparse sparse;
    struct history history;
    struct position at = {0};
    uint64_t seqs[4096];
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    f->batch = 8;
    trade(f, 300);
    restart(f);
    trade(f, 1200);
    look_back(f, &sparse, memory);
    for (uint32_t n = 0; n < SKUS; n++) {
        uint32_t left = events_of_sku(f, f->skus[n], seqs), pages = 0;
        struct position next = {f->shop->seq + 1, 0};
        for (bool more = true; more; pages++, next = history.next) {
            /* So little work that every page ends early. */
            history_of_sku(&history, &sparse, f->skus[n], next, 1);
            while (history_next(&history, &at) != NULL)
                assert_int_equal(at.seq, seqs[--left]);
            more = history.end == HISTORY_PAUSED;
        }
        assert_int_equal(left, 0);
        assert_int_equal(history.end, HISTORY_BEGAN);
        assert_true(pages > 2);
    }
    sparse_end(&sparse);
    free(memory);
}

static void a_group_that_is_known_costs_one_short_read(void **state)
{
    struct fixture *f = *state;
    struct sparse sparse;
    void *memory = aligned_alloc(BLOCK_BYTES, SPARSE_MEMORY_BYTES);
    trade(f, 1000);
    look_back(f, &sparse, memory);
    for (uint64_t seq = 1; seq <= f->shop->seq; seq++)
        assert_int_equal(sparse_group(&sparse, seq)->seq, seq);
    uint64_t read_bytes = sparse.read_bytes;
    for (uint64_t seq = 1; seq <= f->shop->seq; seq++)
        assert_int_equal(sparse_group(&sparse, seq)->seq, seq);
    assert_true(sparse.read_bytes - read_bytes <= f->shop->seq * 2 * SPARSE_STRIDE_BYTES);
    assert_null(sparse_group(&sparse, f->shop->seq + 1));
    sparse_end(&sparse);
    free(memory);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_orders_history_is_followed_back_as_far_as_the_log_goes),
        TEST(a_flipped_bit_in_log_or_archive_cuts_a_history_short_and_never_makes_it_wrong),
        TEST(a_skus_movements_are_all_found_newest_first_page_by_page),
        TEST(a_group_that_is_known_costs_one_short_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
