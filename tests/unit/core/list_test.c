#include "core/order.h"
#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

struct listed {
    uint32_t count;
    uint32_t calls;
    char ids[4096][16];
    uint64_t created_ns[4096];
};

/* Those that are asked for, as many as the command says. */
static struct list_cell wanted[2];

static const struct result_orders *ask(struct shop *shop, const struct order_list *list,
                                       const char *customer, struct text after)
{
    union shop_command command;
    memset(&command, 0, sizeof command.list + 96);
    command.list = *list;
    command.list.customer_bytes = (uint8_t)strlen(customer);
    command.list.after_bytes = (uint8_t)after.bytes;
    memcpy(order_list_cells(&command.list), wanted, list->cell_count * sizeof *wanted);
    char *texts = (char *)(order_list_cells(&command.list) + list->cell_count);
    memcpy(texts, customer, strlen(customer));
    memcpy(texts + strlen(customer), after.at, after.bytes);
    shop_head(&command.head, OP_ORDER_LIST,
              (size_t)(texts - (char *)&command) + strlen(customer) + after.bytes);
    return (const void *)shop_ask(shop, &command.head);
}

static const char *keep(struct listed *out, const struct result_orders *orders)
{
    const struct result_order *order = (const void *)(orders + 1);
    for (uint32_t i = 0; i < orders->order_count; i++) {
        struct text id = result_order_text(order, ORDER_ID);
        memcpy(out->ids[out->count], id.at, id.bytes);
        out->ids[out->count][id.bytes] = 0;
        out->created_ns[out->count++] = order->stage_ns[STAGE_CREATED];
        order = (const void *)((const char *)order + order->head.bytes);
    }
    out->calls++;
    return (const char *)order;
}

/* All that one shard says, page by page. */
static void list_shard(struct shop *shop, uint32_t shard, struct order_list list,
                       const char *customer, struct listed *out)
{
    const struct result_orders *orders;
    struct text after = {"", 0};
    list.slot = (uint16_t)shard; /* slot_shard[i] is i % shard_count */
    do {
        orders = ask(shop, &list, customer, after);
        assert_int_equal(orders->head.code, CODE_OK);
        assert_true(orders->order_count <= list.limit);
        list.cursor = orders->cursor;
        const char *end = keep(out, orders);
        after = (struct text){end, strlen(customer) > 0 ? orders->after_bytes : 0};
    } while (!orders->is_end);
}

static struct listed *list_all(struct shop *shop, const struct order_list *list,
                               const char *customer)
{
    struct listed *out = calloc(1, sizeof *out);
    for (uint32_t shard = 0; shard < shop->shard_count; shard++)
        list_shard(shop, shard, *list, customer, out);
    return out;
}

static uint32_t count_all(struct shop *shop, const struct order_list *list, const char *customer)
{
    struct listed *out = list_all(shop, list, customer);
    uint32_t count = out->count;
    free(out);
    return count;
}

/* So many orders of two customers in turn, a second apart; every fourth has both SKUs. */
static void place_many(struct shop *shop, const uint32_t skus[2], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        union shop_command *command = malloc(sizeof *command);
        char id[16];
        snprintf(id, sizeof id, "o-%u", i);
        const struct shop_line lines[] = {{skus[0], 1, 1}, {skus[1], 1, 1}};
        shop_order_of(command, id, i % 2 == 0 ? "even" : "odd", lines, i % 4 == 0 ? 2 : 1);
        shop_send(shop, &command->head);
        shop_run(shop);
        shop->now_ns += 1000000000;
        free(command);
    }
}

static void a_customers_orders_come_newest_first_and_all_of_them(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 500);
        place_many(shop, skus, 40);
        for (uint16_t limit = 1; limit <= 21; limit = (uint16_t)(limit + 5)) {
            struct order_list list = {.limit = limit};
            struct listed *out = list_all(shop, &list, "odd");
            assert_int_equal(out->count, 20);
            for (uint32_t i = 0; i < out->count; i++)
                assert_int_equal((out->ids[i][strlen(out->ids[i]) - 1] - '0') % 2, 1);
            free(out);
        }
        struct order_list list = {.limit = 3};
        for (uint32_t shard = 0; shard < shop->shard_count; shard++) {
            struct listed *out = calloc(1, sizeof *out);
            list_shard(shop, shard, list, "even", out);
            for (uint32_t i = 1; i < out->count; i++)
                assert_true(out->created_ns[i] < out->created_ns[i - 1]);
            free(out);
        }
        assert_int_equal(count_all(shop, &list, "nobody"), 0);
    }
}

static void orders_are_found_by_state_sku_warehouse_and_time(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        uint64_t began_ns = shop->now_ns;
        shop_stock_up(shop, skus, 2, 500);
        place_many(shop, skus, 40);
        for (uint32_t i = 0; i < 5; i++) {
            char id[16];
            snprintf(id, sizeof id, "o-%u", i * 7);
            shop_cancel(shop, id, NULL, 0, "");
        }
        struct order_list list = {.limit = 7};
        assert_int_equal(count_all(shop, &list, ""), 40);
        list.states = 1u << ORDER_CANCELLED;
        assert_int_equal(count_all(shop, &list, ""), 5);
        list.states |= 1u << ORDER_PENDING_PAYMENT;
        assert_int_equal(count_all(shop, &list, ""), 40);
        list.cell_count = 1;
        wanted[0] = (struct list_cell){.sku = skus[1], .warehouse = WAREHOUSE_NONE};
        assert_int_equal(count_all(shop, &list, ""), 10);
        assert_int_equal(count_all(shop, &list, "even"), 10);
        wanted[0].warehouse = 0;
        assert_int_equal(count_all(shop, &list, ""), 10);
        wanted[0].warehouse = 1;
        assert_int_equal(count_all(shop, &list, ""), 0);
        list.cell_count = 2;
        wanted[1] = (struct list_cell){.sku = skus[1], .warehouse = 0};
        assert_int_equal(count_all(shop, &list, ""), 10);
        wanted[1].sku = skus[0];
        assert_int_equal(count_all(shop, &list, ""), 40);
        list = (struct order_list){.limit = 2,
                                   .created_after_ns = began_ns + UINT64_C(10) * 1000000000,
                                   .created_before_ns = began_ns + UINT64_C(20) * 1000000000};
        assert_int_equal(count_all(shop, &list, ""), 10);
        assert_int_equal(count_all(shop, &list, "even"), 5);
    }
}

static void one_answer_looks_at_so_many_orders_and_no_more(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    shop_stock_up(shop, skus, 2, 9000);
    place_many(shop, skus, 2500);
    struct order_list list = {.limit = 9, .states = 1u << ORDER_COMPLETED};
    struct listed *out = list_all(shop, &list, "");
    assert_int_equal(out->count, 0);
    assert_int_equal(out->calls, 3);
    free(out);
    shop_close(shop);
}

static void a_list_does_not_go_on_from_an_order_of_somebody_else(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    shop_stock_up(shop, skus, 2, 500);
    place_many(shop, skus, 4);
    struct order_list list = {.limit = 9};
    assert_int_equal(ask(shop, &list, "odd", (struct text){"o-0", 3})->head.code, CODE_NOT_FOUND);
    assert_int_equal(ask(shop, &list, "odd", (struct text){"o-9", 3})->head.code, CODE_NOT_FOUND);
    assert_int_equal(ask(shop, &list, "odd", (struct text){"o-3", 3})->head.code, CODE_OK);
    shop_close(shop);
}

/* Whoever invents a cursor gets an end, not a crash. */
static void any_cursor_is_an_answer(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    shop_stock_up(shop, skus, 2, 500);
    place_many(shop, skus, 4);
    const uint64_t cursors[] = {1, 1u << 20, UINT32_MAX, UINT64_C(1) << 40, UINT64_MAX};
    for (uint32_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
        struct order_list list = {.limit = 9, .cursor = cursors[i]};
        assert_int_equal(ask(shop, &list, "", (struct text){"", 0})->head.code, CODE_OK);
    }
    shop_close(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_customers_orders_come_newest_first_and_all_of_them),
        cmocka_unit_test(orders_are_found_by_state_sku_warehouse_and_time),
        cmocka_unit_test(one_answer_looks_at_so_many_orders_and_no_more),
        cmocka_unit_test(a_list_does_not_go_on_from_an_order_of_somebody_else),
        cmocka_unit_test(any_cursor_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
