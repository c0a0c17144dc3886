#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

static void cap_sku(struct shop *shop, const char *code, const char *channel, uint64_t units)
{
    union shop_command *command = malloc(sizeof *command);
    shop_sku_of(command, code);
    if (channel != NULL)
        shop_cap_of(command, code, channel, units);
    assert_int_equal(shop_ask(shop, &command->head)->code, CODE_OK);
    free(command);
}

static uint64_t send_through(struct shop *shop, const char *id, const char *channel,
                             const struct shop_line *lines, uint32_t line_count)
{
    union shop_command *command = malloc(sizeof *command);
    const char *texts[ORDER_TEXTS] = {
        [ORDER_ID] = id, [ORDER_CUSTOMER] = id, [ORDER_CHANNEL] = channel};
    shop_order_texts(command, texts, lines, line_count);
    uint64_t request = shop_send(shop, &command->head);
    free(command);
    return request;
}

static enum code sell_through(struct shop *shop, const char *id, const char *channel, uint32_t sku,
                              uint32_t units)
{
    uint64_t request = send_through(shop, id, channel, &(struct shop_line){sku, units, 1}, 1);
    shop_run(shop);
    return (enum code)shop_answer(shop, request)->code;
}

/* Lines of several shards, so that holds and settles of different orders mix. */
static void a_channel_sells_no_more_than_its_cap_however_many_ask_at_once(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[3];
        uint64_t requests[6];
        const char *ids[] = {"o-0", "o-1", "o-2", "o-3", "o-4", "o-5"};
        shop_stock_up(shop, skus, 3, 50);
        cap_sku(shop, "S2", "store", 5);
        const struct shop_line lines[] = {{skus[0], 1, 1}, {skus[2], 2, 1}, {skus[1], 1, 1}};
        for (uint32_t i = 0; i < 6; i++)
            requests[i] = send_through(shop, ids[i], "store", lines, 3);
        shop_run(shop);
        uint32_t placed = 0;
        for (uint32_t i = 0; i < 6; i++) {
            enum code code = shop_answer(shop, requests[i])->code;
            assert_true(code == CODE_CREATED || code == CODE_LIMIT);
            placed += code == CODE_CREATED;
        }
        assert_int_equal(placed, 2);
        assert_int_equal(shop_stock(shop, skus[2]).reserved, 4);
    }
}

static void a_cap_binds_its_own_channel_alone(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 50);
        cap_sku(shop, "S0", "store", 3);
        assert_int_equal(sell_through(shop, "o-1", "store", sku, 4), CODE_LIMIT);
        assert_int_equal(sell_through(shop, "o-2", "online", sku, 9), CODE_CREATED);
        assert_int_equal(sell_through(shop, "o-3", NULL, sku, 9), CODE_CREATED);
        assert_int_equal(sell_through(shop, "o-4", "store", sku, 3), CODE_CREATED);
    }
}

static void
units_of_cancelled_and_expired_orders_may_be_sold_through_the_channel_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 50);
        cap_sku(shop, "S0", "store", 3);
        assert_int_equal(sell_through(shop, "o-1", "store", sku, 3), CODE_CREATED);
        assert_int_equal(sell_through(shop, "o-2", "store", sku, 1), CODE_LIMIT);
        shop_cancel(shop, "o-1", &(struct cancel_line){1, 1}, 1, "k-1");
        assert_int_equal(sell_through(shop, "o-2", "store", sku, 1), CODE_CREATED);
        shop->now_ns += UINT64_C(1801) * 1000000000;
        shop_run(shop);
        assert_int_equal(sell_through(shop, "o-3", "store", sku, 3), CODE_CREATED);
    }
}

/* What was sold while nobody counted is not counted afterwards. */
static void a_cap_counts_what_is_ordered_while_it_is_there(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 50);
        assert_int_equal(sell_through(shop, "o-1", "store", sku, 7), CODE_CREATED);
        cap_sku(shop, "S0", "store", 3);
        assert_int_equal(sell_through(shop, "o-2", "store", sku, 2), CODE_CREATED);
        cap_sku(shop, "S0", "store", 1);
        assert_int_equal(sell_through(shop, "o-3", "store", sku, 1), CODE_LIMIT);
        cap_sku(shop, "S0", NULL, 0);
        assert_int_equal(sell_through(shop, "o-4", "store", sku, 8), CODE_CREATED);
        cap_sku(shop, "S0", "store", 3);
        assert_int_equal(sell_through(shop, "o-5", "store", sku, 2), CODE_LIMIT);
        assert_int_equal(sell_through(shop, "o-6", "store", sku, 1), CODE_CREATED);
        shop_cancel(shop, "o-1", NULL, 0, "");
        shop_cancel(shop, "o-4", NULL, 0, "");
        assert_int_equal(sell_through(shop, "o-7", "store", sku, 1), CODE_LIMIT);
    }
}

static void a_sku_can_be_asked_for_its_caps_and_what_is_used_of_them(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t sku;
        shop_stock_up(shop, &sku, 1, 50);
        union shop_command *command = malloc(sizeof *command);
        shop_sku_of(command, "S0");
        shop_cap_of(command, "S0", "store", 3);
        shop_cap_of(command, "S0", "kiosk", 4);
        assert_int_equal(shop_ask(shop, &command->head)->code, CODE_OK);
        assert_int_equal(sell_through(shop, "o-1", "kiosk", sku, 2), CODE_CREATED);
        memset(command, 0, sizeof command->stock);
        command->stock.sku = sku;
        shop_head(&command->head, OP_SKU_GET, sizeof command->stock);
        const struct result_sku_record *record = (const void *)shop_ask(shop, &command->head);
        free(command);
        assert_int_equal(record->list_price, 1999);
        assert_int_equal(record->cap_count, 2);
        assert_memory_equal(record->caps[0].said.channel, "store", 5);
        assert_int_equal(record->caps[0].used, 0);
        assert_memory_equal(record->caps[1].said.channel, "kiosk", 5);
        assert_int_equal(record->caps[1].said.units, 4);
        assert_int_equal(record->caps[1].used, 2);
        assert_memory_equal(record->caps + 2, "S0", 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_sells_no_more_than_its_cap_however_many_ask_at_once),
        cmocka_unit_test(a_cap_binds_its_own_channel_alone),
        cmocka_unit_test(
            units_of_cancelled_and_expired_orders_may_be_sold_through_the_channel_again),
        cmocka_unit_test(a_cap_counts_what_is_ordered_while_it_is_there),
        cmocka_unit_test(a_sku_can_be_asked_for_its_caps_and_what_is_used_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
