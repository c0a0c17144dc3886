#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

static const struct result_order *as_order(const struct result *result)
{
    assert_int_equal(result->kind, RESULT_ORDER);
    return (const void *)result;
}

static const struct result_short *as_short(const struct result *result)
{
    assert_int_equal(result->kind, RESULT_SHORT);
    return (const void *)result;
}

static void an_order_is_placed_and_found_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 10);
        const struct shop_line lines[] = {{skus[0], 2, 1999}, {skus[1], 1, 500}};
        const struct result_placed *placed = (const void *)shop_order(shop, "20201111-1", lines, 2);
        assert_int_equal(placed->head.code, CODE_CREATED);
        assert_int_equal(placed->total, 2 * 1999 + 500);
        assert_int_equal(placed->state, ORDER_PENDING_PAYMENT);
        const struct result_order *order = as_order(shop_get(shop, "20201111-1"));
        assert_int_equal(order->total, 2 * 1999 + 500);
        assert_int_equal(order->version, 1);
        assert_int_equal(order->line_count, 2);
        assert_int_equal(order->lines[0].sku, skus[0]);
        assert_int_equal(order->lines[1].unit_price, 500);
        assert_int_equal(order->stage_ns[STAGE_CREATED], shop->now_ns);
        assert_memory_equal(result_order_text(order, ORDER_ID).at, "20201111-1", 10);
        assert_memory_equal(result_order_text(order, ORDER_CUSTOMER).at, "c778812", 7);
        assert_memory_equal(result_order_text(order, ORDER_TEXTS).at, "shop", 4);
        assert_int_equal(shop_stock(shop, skus[0]).free, 8);
        assert_int_equal(shop_stock(shop, skus[0]).reserved, 2);
        assert_int_equal(shop_get(shop, "20201111-2")->code, CODE_NOT_FOUND);
    }
}

static void two_buyers_of_the_last_unit_one_gets_it(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 1);
        const struct shop_line line = {skus[0], 1, 1999};
        uint64_t first = shop_send_order(shop, "o-1", &line, 1);
        uint64_t second = shop_send_order(shop, "o-2", &line, 1);
        shop_run(shop);
        enum code codes[] = {shop_answer(shop, first)->code, shop_answer(shop, second)->code};
        assert_int_equal((codes[0] == CODE_CREATED) + (codes[1] == CODE_CREATED), 1);
        assert_int_equal((codes[0] == CODE_OUT_OF_STOCK) + (codes[1] == CODE_OUT_OF_STOCK), 1);
        assert_int_equal(shop_stock(shop, skus[0]).reserved, 1);
    }
}

static void two_lines_of_one_sku_are_checked_as_one_demand(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 3);
        const struct shop_line lines[] = {{skus[0], 2, 1999}, {skus[0], 2, 999}};
        const struct result_short *answer = as_short(shop_order(shop, "o-1", lines, 2));
        assert_int_equal(answer->head.code, CODE_OUT_OF_STOCK);
        assert_int_equal(answer->line_count, 1);
        assert_int_equal(answer->lines[0].sku, skus[0]);
        assert_int_equal(answer->lines[0].requested, 4);
        assert_int_equal(answer->lines[0].sellable, 3);
        const struct shop_line fewer[] = {{skus[0], 2, 1999}, {skus[0], 1, 999}};
        assert_int_equal(shop_order(shop, "o-1", fewer, 2)->code, CODE_CREATED);
    }
}

static void a_refused_order_leaves_no_trace(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[4];
        shop_stock_up(shop, skus, 4, 5);
        uint64_t before = shop_hash(shop);
        const struct shop_line lines[] = {
            {skus[0], 5, 1}, {skus[1], 5, 1}, {skus[2], 6, 1}, {skus[3], 1, 1}};
        assert_int_equal(shop_order(shop, "o-1", lines, 4)->code, CODE_OUT_OF_STOCK);
        for (uint32_t i = 0; i < 4; i++) {
            assert_int_equal(shop_stock(shop, skus[i]).free, 5);
            assert_int_equal(shop_stock(shop, skus[i]).held, 0);
        }
        assert_true(shop_hash(shop) == before);
        assert_int_equal(shop_get(shop, "o-1")->code, CODE_NOT_FOUND);
        const struct shop_line good[] = {{skus[0], 5, 1}, {skus[2], 5, 1}};
        assert_int_equal(shop_order(shop, "o-1", good, 2)->code, CODE_CREATED);
    }
}

static const struct result *quote(struct shop *shop, const char *id, const struct shop_line *lines,
                                  uint32_t line_count)
{
    union shop_command *command = malloc(sizeof *command);
    shop_order_of(command, id, "c778812", lines, line_count);
    command->head.flags |= COMMAND_QUOTE;
    const struct result *result = shop_ask(shop, &command->head);
    free(command);
    return result;
}

static void a_quote_says_what_an_order_would_be_and_changes_nothing(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[3];
        shop_stock_up(shop, skus, 3, 5);
        const struct shop_line lines[] = {{skus[2], 5, 30}, {skus[0], 1, 7}, {skus[1], 2, 100}};
        uint64_t before = shop_hash(shop);
        const struct result_quote *quoted = (const void *)quote(shop, "o-1", lines, 3);
        assert_int_equal(quoted->head.kind, RESULT_QUOTE);
        assert_int_equal(quoted->total, 357);
        assert_int_equal(quoted->line_count, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(quoted->lines[i].sku, lines[i].sku);
            assert_int_equal(quoted->lines[i].units, lines[i].units);
            assert_int_equal(shop_stock(shop, skus[i]).free, 5);
        }
        const struct shop_line more = {skus[0], 6, 1};
        assert_int_equal(quote(shop, "o-1", &more, 1)->code, CODE_OUT_OF_STOCK);
        assert_true(shop_hash(shop) == before);
        assert_int_equal(shop_get(shop, "o-1")->code, CODE_NOT_FOUND);
        assert_int_equal(shop_order(shop, "o-1", lines, 3)->code, CODE_CREATED);
        assert_int_equal(quote(shop, "o-1", lines, 3)->code, CODE_OUT_OF_STOCK);
    }
}

static void a_line_is_never_split_over_warehouses(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 3);
        shop_warehouse(shop, "w2", 2);
        shop_warehouse(shop, "w0", 0);
        shop_receive(shop, skus[0], "w2", 3);
        shop_receive(shop, skus[0], "w0", 1);
        const struct shop_line four = {skus[0], 4, 1};
        const struct result_short *refused = as_short(shop_order(shop, "o-1", &four, 1));
        assert_int_equal(refused->head.code, CODE_OUT_OF_STOCK);
        assert_int_equal(refused->lines[0].requested, 4);
        assert_int_equal(refused->lines[0].sellable, 3); /* of seven, in three warehouses */
        const struct shop_line lines[] = {{skus[0], 1, 1}, {skus[0], 3, 1}, {skus[0], 3, 1}};
        assert_int_equal(shop_order(shop, "o-2", lines, 3)->code, CODE_CREATED);
        const struct result_order *order = as_order(shop_get(shop, "o-2"));
        struct text first = shard_warehouse(shop->shards[0], order->lines[0].warehouse);
        struct text second = shard_warehouse(shop->shards[0], order->lines[1].warehouse);
        assert_memory_equal(first.at, "w0", 2);
        assert_memory_equal(second.at, "w1", 2);
    }
}

static void crossing_orders_sell_exactly_all_units(void **state)
{
    (void)state;
    enum { BUYERS = 60, SKUS = 4, UNITS = 23 };
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[SKUS];
        uint64_t requests[BUYERS];
        shop_stock_up(shop, skus, SKUS, UNITS);
        for (uint32_t i = 0; i < BUYERS; i++) {
            char id[16];
            struct shop_line lines[SKUS];
            snprintf(id, sizeof id, "o-%u", i);
            for (uint32_t k = 0; k < SKUS; k++)
                lines[k] = (struct shop_line){skus[(k + i) % SKUS], 1, 1};
            requests[i] = shop_send_order(shop, id, lines, SKUS);
            for (uint64_t steps = shop_random(shop) % 8; steps > 0 && shop_step(shop); steps--)
                continue;
        }
        shop_run(shop);
        uint32_t sold = 0;
        for (uint32_t i = 0; i < BUYERS; i++) {
            enum code code = shop_answer(shop, requests[i])->code;
            assert_true(code == CODE_CREATED || code == CODE_OUT_OF_STOCK);
            sold += code == CODE_CREATED;
        }
        assert_int_equal(sold, UNITS);
        for (uint32_t k = 0; k < SKUS; k++)
            assert_int_equal(shop_stock(shop, skus[k]).free, 0);
    }
}

static void who_reads_the_catalogue_has_seen_what_made_it_so(void **state)
{
    (void)state;
    struct shop *shop = shop_open(2, 1);
    union shop_command command;
    shop_sku_of(&command, "new");
    struct shard *owner = shop->shards[shop->slot_shard[command_slot(&command.head)]];
    struct shard *other = shop->shards[owner == shop->shards[0]];
    shop_sku(shop, "new");
    uint64_t seq = shop->seq;
    assert_true(shard_seen(other) < seq);
    memset(&command, 0, sizeof command);
    command.resolve.code_bytes = 3;
    memcpy(&command.resolve + 1, "new", 3);
    shop_head(&command.head, OP_SKU_RESOLVE, sizeof command.resolve + 3);
    struct request request = {.command = &command.head};
    command.head.request = ++shop->request;
    shard_request(other, &shop->turn, &request);
    assert_true(shard_seen(other) >= seq);
    shop_close(shop);
}

static void a_known_id_gets_its_first_answer_again(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 5);
        const struct shop_line lines[] = {{skus[0], 1, 7}, {skus[1], 1, 8}};
        const struct shop_line others[] = {{skus[0], 1, 7}, {skus[1], 2, 8}};
        assert_int_equal(shop_order(shop, "o-1", lines, 2)->code, CODE_CREATED);
        const struct result_placed *again = (const void *)shop_order(shop, "o-1", lines, 2);
        assert_int_equal(again->head.code, CODE_REPLAYED);
        assert_int_equal(again->total, 15);
        assert_int_equal(again->version, 1);
        assert_int_equal(again->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(shop_order(shop, "o-1", others, 2)->code, CODE_KEY_REUSED);
        assert_int_equal(shop_stock(shop, skus[0]).reserved, 1);
    }
}

static void a_retry_of_an_order_in_progress_gets_its_outcome(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[4];
        shop_stock_up(shop, skus, 4, 5);
        const struct shop_line lines[] = {{skus[0], 3, 1}, {skus[1], 3, 1}, {skus[2], 3, 1}};
        const struct shop_line others[] = {{skus[0], 1, 1}, {skus[3], 1, 1}};
        uint64_t first = shop_send_order(shop, "o-1", lines, 3);
        uint64_t again = shop_send_order(shop, "o-1", lines, 3);
        uint64_t other = shop_send_order(shop, "o-1", others, 2);
        shop_run(shop);
        assert_int_equal(shop_answer(shop, first)->code, CODE_CREATED);
        assert_int_equal(shop_answer(shop, again)->code, CODE_REPLAYED);
        assert_int_equal(shop_answer(shop, other)->code, CODE_KEY_REUSED);
        first = shop_send_order(shop, "o-2", lines, 3);
        again = shop_send_order(shop, "o-2", lines, 3);
        other = shop_send_order(shop, "o-2", others, 2);
        shop_run(shop);
        assert_int_equal(shop_answer(shop, first)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_answer(shop, again)->code, CODE_OUT_OF_STOCK);
        assert_int_equal(shop_answer(shop, other)->code, CODE_CREATED);
        assert_int_equal(shop_stock(shop, skus[0]).reserved, 4);
    }
}

static void an_unpaid_order_expires_and_gives_its_stock_back(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[3];
        shop_stock_up(shop, skus, 3, 5);
        const struct shop_line lines[] = {{skus[0], 3, 1}, {skus[1], 3, 1}, {skus[2], 3, 1}};
        assert_int_equal(shop_order(shop, "o-1", lines, 3)->code, CODE_CREATED);
        uint64_t expires_ns = as_order(shop_get(shop, "o-1"))->expires_ns;
        assert_int_equal(expires_ns, shop->now_ns + shop->options[0].payment_deadline_ns);
        shop->now_ns = expires_ns - 1;
        assert_int_equal(as_order(shop_get(shop, "o-1"))->state, ORDER_PENDING_PAYMENT);
        shop->now_ns = expires_ns + 2000000;
        shop_run(shop);
        const struct result_order *order = as_order(shop_get(shop, "o-1"));
        assert_int_equal(order->state, ORDER_EXPIRED);
        assert_int_equal(order->version, 2);
        assert_int_equal(order->expires_ns, 0);
        assert_int_equal(order->stage_ns[STAGE_CLOSED], shop->now_ns);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(shop_stock(shop, skus[i]).free, 5);
            assert_int_equal(shop_stock(shop, skus[i]).reserved, 0);
        }
    }
}

static const struct result_state *as_state(const struct result *result)
{
    assert_int_equal(result->code, CODE_ILLEGAL);
    assert_int_equal(result->kind, RESULT_STATE);
    return (const void *)result;
}

static void a_cancelled_order_gives_its_stock_back(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[3];
        shop_stock_up(shop, skus, 3, 5);
        const struct shop_line lines[] = {{skus[0], 3, 1}, {skus[1], 3, 1}, {skus[2], 3, 1}};
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_NOT_FOUND);
        assert_int_equal(shop_order(shop, "o-1", lines, 3)->code, CODE_CREATED);
        const struct result_order *order = as_order(shop_cancel(shop, "o-1", NULL, 0, "k-1"));
        assert_int_equal(order->head.code, CODE_OK);
        assert_int_equal(order->state, ORDER_CANCELLED);
        assert_int_equal(order->expires_ns, 0);
        assert_int_equal(order->stage_ns[STAGE_CLOSED], shop->now_ns);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(shop_stock(shop, skus[i]).free, 5);
            assert_int_equal(shop_stock(shop, skus[i]).reserved, 0);
        }
        order = as_order(shop_cancel(shop, "o-1", NULL, 0, "k-1"));
        assert_int_equal(order->head.code, CODE_REPLAYED);
        assert_int_equal(order->version, 2);
        const struct result_state *refused = as_state(shop_cancel(shop, "o-1", NULL, 0, "k-2"));
        assert_int_equal(refused->state, ORDER_CANCELLED);
        assert_int_equal(refused->allowed, 0);
        /* Nothing is left to expire. */
        shop->now_ns += 2 * shop->options[0].payment_deadline_ns;
        shop_run(shop);
        assert_int_equal(as_order(shop_get(shop, "o-1"))->version, 2);
        assert_int_equal(shop_order(shop, "o-1", lines, 3)->code, CODE_REPLAYED);
    }
}

static void lines_are_cancelled_in_part_and_the_rest_expires(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 5);
        const struct shop_line lines[] = {{skus[0], 3, 10}, {skus[1], 2, 100}};
        const struct cancel_line one[] = {{1, 1}, {2, 2}};
        const struct cancel_line too_many = {1, 3};
        assert_int_equal(shop_order(shop, "o-1", lines, 2)->code, CODE_CREATED);
        const struct result_order *order = as_order(shop_cancel(shop, "o-1", one, 2, "k-1"));
        assert_int_equal(order->head.code, CODE_OK);
        assert_int_equal(order->state, ORDER_PENDING_PAYMENT);
        assert_int_equal(order->total, 20);
        assert_int_equal(order->lines[0].cancelled, 1);
        assert_int_equal(order->lines[1].cancelled, 2);
        assert_int_equal(shop_stock(shop, skus[0]).reserved, 2);
        assert_int_equal(shop_stock(shop, skus[1]).free, 5);
        assert_int_equal(shop_cancel(shop, "o-1", one, 2, "k-1")->code, CODE_REPLAYED);
        assert_int_equal(shop_cancel(shop, "o-1", one, 1, "k-1")->code, CODE_KEY_REUSED);
        assert_int_equal(shop_cancel(shop, "o-1", &too_many, 1, "k-2")->code, CODE_INVALID);
        const struct result_placed *first = (const void *)shop_order(shop, "o-1", lines, 2);
        assert_int_equal(first->head.code, CODE_REPLAYED);
        assert_int_equal(first->total, 230);
        shop_audit(shop);
        if (seed % 2 == 0)
            shop->now_ns += 2 * shop->options[0].payment_deadline_ns;
        else
            assert_int_equal(
                as_order(shop_cancel(shop, "o-1", &(struct cancel_line){1, 2}, 1, ""))->state,
                ORDER_CANCELLED);
        shop_run(shop);
        assert_int_equal(shop_stock(shop, skus[0]).free, 5);
        assert_int_equal(shop_stock(shop, skus[1]).free, 5);
    }
}

static void limit_sku(struct shop *shop, const char *code, uint32_t per_order,
                      uint32_t per_customer)
{
    union shop_command command;
    shop_sku_of(&command, code);
    command.put.max_per_order = per_order;
    command.put.max_per_customer = per_customer;
    command.put.customer_window_s = per_customer > 0 ? 3600 : 0;
    assert_int_equal(shop_ask(shop, &command.head)->code, CODE_OK);
}

static void an_order_keeps_to_the_limit_of_a_sku(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 50);
        limit_sku(shop, "S1", 5, 0);
        const struct shop_line lines[] = {{skus[0], 9, 1}, {skus[1], 3, 1}, {skus[1], 3, 2}};
        const struct result_short *refused = as_short(shop_order(shop, "o-1", lines, 3));
        assert_int_equal(refused->head.code, CODE_LIMIT);
        assert_int_equal(refused->line_count, 1);
        assert_int_equal(refused->lines[0].requested, 6);
        assert_int_equal(refused->lines[0].sellable, 5);
        assert_int_equal(shop_order(shop, "o-1", lines, 2)->code, CODE_CREATED);
    }
}

static void a_buyer_keeps_to_the_limit_of_a_window(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[3];
        shop_stock_up(shop, skus, 3, 50);
        limit_sku(shop, "S2", 0, 5);
        const struct shop_line lines[] = {{skus[0], 1, 1}, {skus[1], 1, 1}, {skus[2], 2, 1}};
        uint64_t requests[4];
        for (uint32_t i = 0; i < 4; i++) {
            const char *ids[] = {"o-0", "o-1", "o-2", "o-3"};
            requests[i] = shop_send_order(shop, ids[i], lines, 3);
        }
        shop_run(shop);
        uint32_t placed = 0;
        for (uint32_t i = 0; i < 4; i++) {
            enum code code = shop_answer(shop, requests[i])->code;
            assert_true(code == CODE_CREATED || code == CODE_LIMIT);
            placed += code == CODE_CREATED;
        }
        assert_int_equal(placed, 2);
        assert_int_equal(shop_stock(shop, skus[2]).reserved, 4);
        /* What is given up may be had again. */
        for (uint32_t i = 0; i < 4; i++) {
            const char *ids[] = {"o-0", "o-1", "o-2", "o-3"};
            if (shop_answer(shop, requests[i])->code == CODE_CREATED)
                assert_int_equal(shop_cancel(shop, ids[i], NULL, 0, "")->code, CODE_OK);
        }
        assert_int_equal(shop_order(shop, "o-4", lines, 3)->code, CODE_CREATED);
        assert_int_equal(shop_order(shop, "o-5", lines, 3)->code, CODE_CREATED);
        assert_int_equal(shop_order(shop, "o-6", lines, 3)->code, CODE_LIMIT);
        shop->now_ns += UINT64_C(3600) * 1000000000;
        assert_int_equal(shop_order(shop, "o-6", lines, 3)->code, CODE_CREATED);
    }
}

static void a_retried_receipt_counts_once(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 0);
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 5, "r-1")->code, CODE_OK);
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 5, "r-1")->code, CODE_REPLAYED);
        assert_int_equal(shop_receive_key(shop, skus[0], "w1", 6, "r-1")->code, CODE_KEY_REUSED);
        assert_int_equal(shop_receive_key(shop, skus[1], "w1", 5, "r-1")->code, CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).free, 5);
        assert_int_equal(shop_receive_key(shop, skus[0], "w9", 5, "r-2")->code,
                         CODE_UNKNOWN_WAREHOUSE);
    }
}

static void an_unknown_sku_is_named_by_its_line(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[1];
        shop_stock_up(shop, skus, 1, 5);
        const struct shop_line lines[] = {{skus[0], 1, 1},
                                          {skus[0] ^ (7u << SKU_INDEX_BITS), 1, 1}};
        const struct result_fault *fault = (const void *)shop_order(shop, "o-1", lines, 2);
        assert_int_equal(fault->head.code, CODE_UNKNOWN_SKU);
        assert_int_equal(fault->head.kind, RESULT_FAULT);
        assert_int_equal(fault->line, 2);
    }
}

static void a_full_table_is_an_answer(void **state)
{
    (void)state;
    struct shard_options options = shop_options();
    options.order_count_max = 4;
    struct shop *shop = shop_open_with(&options, 1, 1);
    uint32_t skus[1];
    shop_stock_up(shop, skus, 1, 100);
    const struct shop_line line = {skus[0], 1, 1};
    const char *ids[] = {"a", "b", "c", "d", "e"};
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(shop_order(shop, ids[i], &line, 1)->code, CODE_CREATED);
    assert_int_equal(shop_order(shop, ids[4], &line, 1)->code, CODE_FULL);
    assert_int_equal(shop_order(shop, ids[3], &line, 1)->code, CODE_REPLAYED);
    assert_int_equal(shop_stock(shop, skus[0]).reserved, 4);
    shop_audit(shop);
    shop_close(shop);
}

static void a_full_disk_refuses_new_orders_and_nothing_else(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 10);
        const struct shop_line lines[] = {{skus[0], 3, 1}, {skus[1], 3, 1}};
        assert_int_equal(shop_order(shop, "o-1", lines, 2)->code, CODE_CREATED);
        shop->turn.storage = STORAGE_FULL;
        assert_int_equal(shop_order(shop, "o-2", lines, 2)->code, CODE_STORAGE_FULL);
        assert_int_equal(shop_order(shop, "o-1", lines, 2)->code, CODE_REPLAYED);
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).free, 10);
        shop->turn.storage = STORAGE_READY;
        assert_int_equal(shop_order(shop, "o-2", lines, 2)->code, CODE_CREATED);
    }
}

static void a_disk_whose_reserve_is_spent_lets_nobody_but_look(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, 10);
        const struct shop_line lines[] = {{skus[0], 3, 1}, {skus[1], 3, 1}};
        assert_int_equal(shop_order(shop, "o-1", lines, 2)->code, CODE_CREATED);
        uint64_t seq = shop->seq;
        shop->turn.storage = STORAGE_SPENT;
        assert_int_equal(shop_cancel(shop, "o-1", NULL, 0, "")->code, CODE_STORAGE_FULL);
        assert_int_equal(shop_get(shop, "o-1")->code, CODE_OK);
        assert_int_equal(shop_stock(shop, skus[0]).reserved, 3);
        for (uint32_t i = 0; i < shop->shard_count; i++) {
            shop->turn.now_ns = shop->now_ns + 2 * shop->options[0].payment_deadline_ns;
            shard_expire(shop->shards[i], &shop->turn);
            shop_end_turn(shop, i);
        }
        assert_int_equal(shop->seq, seq);
        shop->turn.storage = STORAGE_READY;
        shop->now_ns += 2 * shop->options[0].payment_deadline_ns;
        shop_run(shop);
        assert_int_equal(as_order(shop_get(shop, "o-1"))->state, ORDER_EXPIRED);
    }
}

static void the_longest_order_is_an_order_like_any_other(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        if (seed >= 6)
            continue;
        enum { SKUS = 50 };
        uint32_t skus[SKUS];
        struct shop_line lines[ORDER_LINES_MAX];
        shop_stock_up(shop, skus, SKUS, ORDER_LINES_MAX);
        for (uint32_t i = 0; i < ORDER_LINES_MAX; i++)
            lines[i] = (struct shop_line){skus[shop_random(shop) % SKUS], 1 + i % 3, i};
        assert_int_equal(shop_order(shop, "long", lines, ORDER_LINES_MAX)->code, CODE_CREATED);
        const struct result_order *order = as_order(shop_get(shop, "long"));
        for (uint32_t i = 0; i < ORDER_LINES_MAX; i++) {
            assert_int_equal(order->lines[i].sku, lines[i].sku);
            assert_int_equal(order->lines[i].units, lines[i].units);
            assert_int_equal(order->lines[i].unit_price, i);
        }
    }
}

static void many_units_at_high_prices_are_read_back_as_they_were_asked_for(void **state)
{
    (void)state;
    EACH_SHOP(seed, shop)
    {
        uint32_t skus[2];
        shop_stock_up(shop, skus, 2, UINT32_MAX);
        const struct shop_line asked[][2] = {
            {{skus[0], 255, (1 << 24) - 1}, {skus[1], 1, 0}},
            {{skus[0], 256, 1}, {skus[1], 1, 1 << 24}},
            {{skus[0], 4000000000u, 1}, {skus[1], 1, (INT64_C(1) << 55) - 1}},
        };
        for (uint32_t i = 0; i < 3; i++) {
            const char id[] = {'o', (char)('0' + i), 0};
            assert_int_equal(shop_order(shop, id, asked[i], 2)->code, CODE_CREATED);
            for (uint32_t line = 0; line < 2; line++) {
                const struct result_order *order = as_order(shop_get(shop, id));
                assert_int_equal(order->lines[line].units, asked[i][line].units);
                assert_int_equal(order->lines[line].unit_price, asked[i][line].unit_price);
            }
            assert_int_equal(shop_order(shop, id, asked[i], 2)->code, CODE_REPLAYED);
            assert_int_equal(shop_cancel(shop, id, NULL, 0, "")->code, CODE_OK);
        }
        assert_int_equal(shop_stock(shop, skus[0]).free, UINT32_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_placed_and_found_again),
        cmocka_unit_test(two_buyers_of_the_last_unit_one_gets_it),
        cmocka_unit_test(two_lines_of_one_sku_are_checked_as_one_demand),
        cmocka_unit_test(a_refused_order_leaves_no_trace),
        cmocka_unit_test(a_quote_says_what_an_order_would_be_and_changes_nothing),
        cmocka_unit_test(a_line_is_never_split_over_warehouses),
        cmocka_unit_test(crossing_orders_sell_exactly_all_units),
        cmocka_unit_test(who_reads_the_catalogue_has_seen_what_made_it_so),
        cmocka_unit_test(a_known_id_gets_its_first_answer_again),
        cmocka_unit_test(a_retry_of_an_order_in_progress_gets_its_outcome),
        cmocka_unit_test(an_unpaid_order_expires_and_gives_its_stock_back),
        cmocka_unit_test(a_cancelled_order_gives_its_stock_back),
        cmocka_unit_test(lines_are_cancelled_in_part_and_the_rest_expires),
        cmocka_unit_test(an_order_keeps_to_the_limit_of_a_sku),
        cmocka_unit_test(a_buyer_keeps_to_the_limit_of_a_window),
        cmocka_unit_test(a_retried_receipt_counts_once),
        cmocka_unit_test(an_unknown_sku_is_named_by_its_line),
        cmocka_unit_test(a_full_table_is_an_answer),
        cmocka_unit_test(a_full_disk_refuses_new_orders_and_nothing_else),
        cmocka_unit_test(a_disk_whose_reserve_is_spent_lets_nobody_but_look),
        cmocka_unit_test(the_longest_order_is_an_order_like_any_other),
        cmocka_unit_test(many_units_at_high_prices_are_read_back_as_they_were_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
