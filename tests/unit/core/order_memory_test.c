/* Where the bytes of a live order go; this program says it. */
#include "tests/unit/core/shop_ask.h"

#include "core/key.h"
#include "core/order_record.h"

enum { ORDERS = 4000 };

static uint32_t packed_bytes(const char *digits)
{
    uint8_t packed[KEY_BYTES_MAX];
    return key_pack((struct text){digits, (uint32_t)strlen(digits)}, packed);
}

static double record_bytes(const struct shop *shop)
{
    return (double)shard_counts(shop->shards[0]).order_bytes / ORDERS;
}

/* A place of a table that is full, and the marks of where free memory begins and ends. */
static double index_bytes(void)
{
    return (double)table_bytes(1 << 20) / (1 << 20);
}

static double marks_bytes(double record)
{
    const uint32_t granules = 1 << 20;
    double block = (double)granules * MEMORY_GRANULE_BYTES;
    return ((double)memory_bytes(granules) - block) / block * record;
}

static void place(struct shop *shop, const uint32_t *skus, uint32_t number)
{
    char id[24], customer[24];
    union shop_command command;
    const struct shop_line lines[] = {{skus[0], 1, 19900}, {skus[1], 2, 4900}};
    snprintf(id, sizeof id, "2020111100%08u", number);
    snprintf(customer, sizeof customer, "1380000%05u", number);
    shop_order_of(&command, id, customer, lines, 2);
    uint64_t request = shop_send(shop, &command.head);
    assert_int_equal(shop_answer(shop, request)->code, CODE_CREATED);
}

static void pay(struct shop *shop, uint32_t number)
{
    char id[24];
    snprintf(id, sizeof id, "2020111100%08u", number);
    const struct shop_money money = {
        .order = id, .payment = "p-1", .method = "alipay", .amount = 29700};
    assert_int_equal(shop_money(shop, OP_PAYMENT_CREATE, money)->code, CODE_CREATED);
    const struct shop_money capture = {.order = id, .payment = "p-1"};
    assert_int_equal(shop_money(shop, OP_PAYMENT_CAPTURE, capture)->code, CODE_OK);
}

/* Every order has a customer of its own, which is the worst that can be. */
static void an_order_of_two_lines_takes_at_most_112_bytes(void **state)
{
    (void)state;
    struct shop *shop = shop_open(1, 1);
    uint32_t skus[2];
    shop_stock_up(shop, skus, 2, 2 * ORDERS);
    for (uint32_t i = 0; i < ORDERS; i++)
        place(shop, skus, i);
    double record = record_bytes(shop), index = index_bytes(), marks = marks_bytes(record);
    double all = record + marks + 2 * index;
    print_message(
        "# bytes an order: %zu head + %zu lines + %u id + %u customer, in 8s %.1f record; "
        "+ %.1f marks + %.1f by id + %.1f by customer = %.1f\n",
        sizeof(struct order), 2 * sizeof(struct order_line), packed_bytes("202011110000000001"),
        packed_bytes("138000000001"), record, marks, index, index, all);
    assert_true(all <= 112);
    for (uint32_t i = 0; i < ORDERS; i++)
        pay(shop, i);
    print_message("# once it is paid: %.1f more\n", record_bytes(shop) - record);
    shop_close(shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_of_two_lines_takes_at_most_112_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
