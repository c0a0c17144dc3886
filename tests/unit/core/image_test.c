/* Whatever else the tests of this folder do to a shop goes through images as well: EACH_SHOP. */
#include "core/image.h"

#include "core/shard_state.h"
#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

enum { SKUS = 4 };

/* Some orders of some customers, one cancelled in part, one wholly; retry keys of several days. */
static struct shop *busy_shop(uint32_t *skus)
{
    struct shop *shop = shop_open(2, 7);
    shop_stock_up(shop, skus, SKUS, 1000);
    shop_policy(shop, skus[1], "w1", 5, 20);
    for (uint32_t i = 0; i < 100; i++) {
        char id[16];
        struct shop_line lines[2] = {{skus[i % SKUS], 1 + i % 3, 100},
                                     {skus[(i + 1) % SKUS], 2, 50}};
        snprintf(id, sizeof id, "o-%u", i);
        assert_int_equal(shop_order(shop, id, lines, 1 + i % 2)->code, CODE_CREATED);
        shop->now_ns += 1000000;
    }
    assert_int_equal(
        shop_cancel(shop, "o-5", &(struct cancel_line){.line = 2, .units = 1}, 1, "k")->code,
        CODE_OK);
    assert_int_equal(shop_cancel(shop, "o-6", NULL, 0, "")->code, CODE_OK);
    return shop;
}

static void images_bring_back_the_same_state_on_any_number_of_shards(void **state)
{
    (void)state;
    uint32_t skus[SKUS];
    struct shop *shop = busy_shop(skus);
    for (uint32_t shard_count = 1; shard_count <= 8; shard_count++)
        shop_assert_same(shop, shop_load(shop, shard_count));
    shop_close(shop);
}

static void a_loaded_shop_goes_on_as_if_nothing_had_been(void **state)
{
    (void)state;
    uint32_t skus[SKUS];
    struct shop *shop = shop_reopen(busy_shop(skus), 3);
    struct cancel_line line = {.line = 2, .units = 1};
    const struct result *again = shop_cancel(shop, "o-5", &line, 1, "k");
    assert_int_equal(again->code, CODE_REPLAYED);
    assert_int_equal(shop_cancel(shop, "o-6", NULL, 0, "")->code, CODE_ILLEGAL);
    assert_int_equal(shop_sku(shop, "S2"), skus[2]);
    shop->now_ns += UINT64_C(2000) * 1000000000;
    shop_run(shop);
    assert_int_equal(shop_events(shop, EVENT_ORDER_EXPIRED), 99);
    shop_audit(shop);
    shop_assert_replays(shop);
    shop_close(shop);
}

static void retry_keys_leave_oldest_first_after_loading(void **state)
{
    (void)state;
    uint32_t skus[SKUS];
    struct shop *shop = shop_open(1, 3);
    shop_stock_up(shop, skus, SKUS, 1);
    for (uint32_t i = 0; i < 40; i++) {
        shop->now_ns += UINT64_C(3600) * 1000000000;
        shop_receive(shop, skus[i % SKUS], "w1", 1);
    }
    shop = shop_reopen(shop, 1);
    uint64_t before = shard_counts(shop->shards[0]).retries;
    shop->now_ns += UINT64_C(10) * 3600 * 1000000000;
    shop_run(shop);
    assert_int_equal(shard_counts(shop->shards[0]).retries, before - 10);
    shop_close(shop);
}

/* So many orders of each of so many customers, over all slots; then into one shard. */
static void check_chains(uint32_t customers, uint32_t orders_each)
{
    uint32_t skus[SKUS], seen = 0, record;
    struct shop *shop = shop_open(3, 11);
    union shop_command *command = malloc(sizeof *command);
    shop_stock_up(shop, skus, SKUS, 1000);
    for (uint32_t i = 0; i < customers * orders_each; i++) {
        char id[16], customer[16];
        snprintf(id, sizeof id, "o-%u", i);
        snprintf(customer, sizeof customer, "c-%u", i % customers);
        shop_order_of(command, id, customer, &(struct shop_line){skus[0], 1, 1}, 1);
        assert_int_equal(shop_ask(shop, &command->head)->code, CODE_CREATED);
        shop->now_ns += 1000;
    }
    shop = shop_reopen(shop, 1);
    const struct orders *orders = &shop->shards[0]->orders;
    for (uint64_t at = 0; (record = table_each(&orders->by_customer, &at)) != 0;)
        for (uint32_t next; record != 0; record = next, seen++) {
            next = order_at(orders, record)->customer_next;
            if (next != 0)
                assert_true(order_at(orders, record)->created_ns >
                            order_at(orders, next)->created_ns);
        }
    assert_int_equal(seen, customers * orders_each);
    free(command);
    shop_close(shop);
}

static void a_customers_orders_stand_newest_first_after_loading(void **state)
{
    (void)state;
    check_chains(50, 3);
    check_chains(2, 150);
}

static void a_record_that_is_cut_or_makes_no_sense_is_not_valid(void **state)
{
    (void)state;
    uint32_t skus[SKUS];
    struct shop *shop = busy_shop(skus);
    struct image_walk walk = {0};
    const struct record *record;
    while ((record = shard_image_next(shop->shards[0], &walk)) != NULL) {
        assert_true(record_valid(record, record->bytes));
        assert_false(record_valid(record, record->bytes - 1));
        struct record *copy = malloc(record->bytes);
        memcpy(copy, record, record->bytes);
        struct part *first = (void *)(copy + 1);
        first->bytes -= 8;
        assert_false(record_valid(copy, record->bytes));
        first->bytes += 8;
        first->kind = PART_CELL; /* opens no record */
        assert_false(record_valid(copy, record->bytes));
        first->kind = 60000;
        assert_false(record_valid(copy, record->bytes));
        free(copy);
    }
    shop_close(shop);
}

static void a_table_that_is_too_small_is_named(void **state)
{
    (void)state;
    uint32_t skus[SKUS];
    struct shop *shop = busy_shop(skus);
    struct shard_options options = shop_options();
    options.order_count_max = 10;
    struct shop *small = shop_open_with(&options, 1, 1);
    enum shard_table full = SHARD_TABLE_NONE;
    for (uint32_t i = 0; i < 2; i++) {
        struct image_walk walk = {0};
        const struct record *record;
        while (full == SHARD_TABLE_NONE &&
               (record = shard_image_next(shop->shards[i], &walk)) != NULL)
            full = shard_load(small->shards[0], record);
    }
    assert_int_equal(full, SHARD_TABLE_ORDERS);
    shop_close(small);
    shop_close(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_bring_back_the_same_state_on_any_number_of_shards),
        cmocka_unit_test(a_loaded_shop_goes_on_as_if_nothing_had_been),
        cmocka_unit_test(retry_keys_leave_oldest_first_after_loading),
        cmocka_unit_test(a_customers_orders_stand_newest_first_after_loading),
        cmocka_unit_test(a_record_that_is_cut_or_makes_no_sense_is_not_valid),
        cmocka_unit_test(a_table_that_is_too_small_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
