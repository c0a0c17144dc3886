#include "io/walk.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

/* Shards that answer as core/list.h and core/shelf.h say, from a handful of orders and cells. Each looks
 * at LOOK_MAX orders at most before it answers. */
enum { SHARDS = 3, ORDERS_MAX = 3000, LOOK_MAX = 40, CELLS = 7 };

struct kept {
    char id[12];
    char customer[4];
    uint64_t created_ns;
    uint8_t state;
    uint8_t shard;
};

static struct {
    struct kept orders[ORDERS_MAX]; /* oldest first */
    uint32_t order_count;
    uint32_t asks;
} shop;

static uint8_t slot_shard[SLOT_COUNT];
static _Alignas(8) uint8_t walk_memory[WALK_BYTES];
static struct walk *const walk = (void *)walk_memory;
static _Alignas(8) uint8_t answer_memory[1 << 18];
static char shown[ORDERS_MAX][12];
static uint32_t shown_count;

static int set_up(void **state)
{
    (void)state;
    memset(&shop, 0, sizeof shop);
    shown_count = 0;
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        slot_shard[slot] = (uint8_t)(slot * 7 / 2 % SHARDS);
    return 0;
}

/* An order lies where its id says. */
static void keep(uint32_t number, const char *customer, uint64_t created_ns)
{
    struct kept *kept = &shop.orders[shop.order_count++];
    *kept = (struct kept){.created_ns = created_ns, .state = ORDER_PENDING_PAYMENT};
    int bytes = snprintf(kept->id, sizeof kept->id, "o-%u", number);
    snprintf(kept->customer, sizeof kept->customer, "%s", customer);
    kept->shard = slot_shard[hash_slot(key_hash((struct text){kept->id, (uint32_t)bytes}))];
}

/* ---- the shards' answers ------------------------------------------------------------------------- */

static struct result_orders *begin_orders(void)
{
    struct result_orders *orders = (void *)answer_memory;
    *orders = (struct result_orders){
        .head = {.bytes = sizeof *orders, .code = CODE_OK, .kind = RESULT_ORDERS}};
    return orders;
}

static void put_order(struct result *into, const struct kept *kept)
{
    struct result_order *order = (void *)((char *)into + into->bytes);
    uint32_t id_bytes = (uint32_t)strlen(kept->id);
    memset(order, 0, sizeof *order + sizeof order->lines[0]);
    order->stage_ns[STAGE_CREATED] = kept->created_ns;
    order->state = kept->state;
    order->line_count = 1;
    order->lines[0] = (struct result_line){.sku = 1, .units = 2, .warehouse = 0};
    order->text_bytes[ORDER_ID] = (uint8_t)id_bytes;
    char *id = (char *)(uintptr_t)result_order_text(order, ORDER_ID).at;
    memcpy(id, kept->id, id_bytes);
    order->head.bytes = (uint32_t)((id + id_bytes - (char *)order) + 7) & ~7u;
    order->head.kind = RESULT_ORDER;
    into->bytes += order->head.bytes;
}

static const struct kept *find(const char *id, uint32_t bytes)
{
    for (uint32_t i = 0; i < shop.order_count; i++)
        if (strlen(shop.orders[i].id) == bytes && memcmp(shop.orders[i].id, id, bytes) == 0)
            return &shop.orders[i];
    return NULL;
}

/* Newest first, behind the one that `after` names. */
static void list_customer(const struct order_list *list, struct result_orders *orders)
{
    const char *customer = order_list_texts(list), *after = customer + list->customer_bytes;
    const struct kept *last = find(after, list->after_bytes);
    uint32_t shard = slot_shard[list->slot], looked = 0;
    uint32_t from = list->after_bytes > 0 ? (uint32_t)(last - shop.orders) : shop.order_count;
    for (uint32_t i = from; i-- > 0;) {
        const struct kept *kept = &shop.orders[i];
        if (kept->shard != shard || memcmp(kept->customer, customer, list->customer_bytes) != 0)
            continue;
        if (looked++ == LOOK_MAX || orders->order_count == list->limit) {
            memcpy((char *)orders + orders->head.bytes, last->id, strlen(last->id));
            orders->after_bytes = (uint8_t)strlen(last->id);
            return;
        }
        last = kept;
        if (list->created_before_ns != 0 && kept->created_ns >= list->created_before_ns)
            continue;
        put_order(&orders->head, kept);
        orders->order_count++;
    }
    orders->is_end = true;
}

static void list_all(const struct order_list *list, struct result_orders *orders)
{
    uint32_t looked = 0, at = (uint32_t)list->cursor;
    for (; at < shop.order_count && looked < LOOK_MAX && orders->order_count < list->limit; at++) {
        if (shop.orders[at].shard != slot_shard[list->slot])
            continue;
        looked++;
        if (list->states != 0 && !(list->states >> shop.orders[at].state & 1))
            continue;
        put_order(&orders->head, &shop.orders[at]);
        orders->order_count++;
    }
    orders->cursor = at;
    orders->is_end = at == shop.order_count;
}

/* One cell of each of CELLS SKUs, all on shard 1. */
static void list_cells(const struct cell_list *list)
{
    struct result_cells *cells = (void *)answer_memory;
    *cells = (struct result_cells){.head = {.kind = RESULT_CELLS}, .is_end = true};
    for (uint32_t i = 0; slot_shard[list->slot] == 1 && i < CELLS; i++)
        cells->cells[cells->cell_count++] =
            (struct result_listed_cell){.sku = 1 + i, .cell = {.missing = 5, .task_ns = 1 + i}};
}

static const struct result *execute(const struct command *command)
{
    struct command_fault fault;
    shop.asks++;
    assert_int_equal(command_check(command, command->bytes, &fault), CODE_OK);
    if (command->op == OP_CELL_LIST) {
        list_cells((const void *)command);
    } else if (command->op == OP_ORDER_GET) {
        const struct order_get *get = (const void *)command;
        const struct result none = {.bytes = sizeof none};
        memcpy(answer_memory, &none, sizeof none);
        put_order((void *)answer_memory, find((const char *)(get + 1), get->id_bytes));
    } else if (((const struct order_list *)(const void *)command)->customer_bytes > 0) {
        list_customer((const void *)command, begin_orders());
    } else {
        list_all((const void *)command, begin_orders());
    }
    return (const void *)answer_memory;
}

/* ---- pages --------------------------------------------------------------------------------------- */

static void show(const void *item, uint32_t count)
{
    const struct result_order *order = item;
    for (uint32_t i = 0; i < count; i++) {
        struct text id = result_order_text(order, ORDER_ID);
        assert_true(shown_count < ORDERS_MAX);
        memset(shown[shown_count], 0, sizeof shown[0]);
        memcpy(shown[shown_count++], id.at, id.bytes);
        order = (const void *)((const char *)order + order->head.bytes);
    }
}

struct page {
    uint32_t items;
    uint32_t asks;
    struct text cursor;
    char cursor_memory[WALK_CURSOR_BYTES_MAX];
};

/* A page as http.c takes it; `each` gets what is to be shown. */
static void turn_page(struct page *page, const struct command *list, uint32_t limit,
                      void (*each)(const void *item, uint32_t count))
{
    _Alignas(8) uint8_t memory[1024];
    struct pile pile = {memory, 0, sizeof memory};
    char cursor[WALK_CURSOR_BYTES_MAX];
    memcpy(cursor, page->cursor.at, page->cursor.bytes);
    assert_true(walk_begin(walk, list, limit, (struct text){cursor, page->cursor.bytes}, slot_shard,
                           SHARDS));
    page->items = 0;
    shop.asks = 0;
    for (; walk_next(walk, slot_shard, &pile); pile.used_bytes = 0) {
        uint32_t count;
        const struct command *command = (const void *)memory;
        assert_int_equal(command->bytes, pile.used_bytes);
        const struct result *result = execute(command);
        if (command->op == OP_ORDER_GET)
            result++; /* the order behind an empty head */
        const void *item = walk_take(walk, result, &count);
        each(item, count);
        page->items += count;
    }
    page->asks = shop.asks;
    page->cursor = walk_cursor(walk, page->cursor_memory);
}

static const struct command *order_list(const char *customer, uint32_t states)
{
    static union {
        struct order_list list;
        uint8_t bytes[sizeof(struct order_list) + 64];
    } command;
    memset(&command, 0, sizeof command);
    command.list = (struct order_list){.head = {.bytes = sizeof command.list, .op = OP_ORDER_LIST},
                                       .states = states,
                                       .limit = 1,
                                       .customer_bytes = (uint8_t)strlen(customer)};
    memcpy(&command.list + 1, customer, strlen(customer));
    return &command.list.head;
}

static uint32_t turn_pages(const struct command *list, uint32_t limit)
{
    struct page page = {.cursor = {"", 0}};
    uint32_t pages = 0;
    do {
        turn_page(&page, list, limit, show);
        assert_true(page.items <= limit);
        assert_true(++pages < ORDERS_MAX);
    } while (page.cursor.bytes > 0);
    return pages;
}

/* ---- the tests ----------------------------------------------------------------------------------- */

static void a_customers_orders_come_newest_first_whatever_shards_they_lie_on(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 200; i++)
        keep(i, i % 3 == 0 ? "c1" : "c2", 1000 + i);
    for (uint32_t limit = 1; limit <= 100; limit += 33) {
        shown_count = 0;
        turn_pages(order_list("c1", 0), limit);
        assert_int_equal(shown_count, 67);
        for (uint32_t i = 0; i < shown_count; i++) {
            char id[12];
            snprintf(id, sizeof id, "o-%u", 198 - 3 * i);
            assert_string_equal(shown[i], id);
        }
    }
}

static void orders_of_one_moment_are_neither_lost_nor_shown_twice_between_pages(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 60; i++)
        keep(i, "c1", 1000 + i / 20);
    for (uint32_t limit = 1; limit <= 7; limit += 3) {
        shown_count = 0;
        turn_pages(order_list("c1", 0), limit);
        assert_int_equal(shown_count, 60);
        for (uint32_t i = 0; i < 60; i++)
            for (uint32_t k = 0; k < i; k++)
                assert_string_not_equal(shown[i], shown[k]);
    }
}

static void all_orders_are_shown_once_shard_by_shard(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 1000; i++)
        keep(i, "c", 1000 + i);
    turn_pages(order_list("", 0), 17);
    assert_int_equal(shown_count, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(shown[i], shown[k]);
}

/* Nobody is kept waiting until a needle is found: a short page says where to go on. */
static void a_page_asks_only_so_often_however_little_it_finds(void **state)
{
    (void)state;
    struct page page = {.cursor = {"", 0}};
    for (uint32_t i = 0; i < ORDERS_MAX; i++)
        keep(i, "c", 1000 + i);
    for (uint32_t i = 0; i < SHARDS; i++)
        shop.orders[ORDERS_MAX - 1 - i].state = ORDER_PAID;
    uint32_t asks = 0, pages = 0;
    do {
        turn_page(&page, order_list("", 1 << ORDER_PAID), 50, show);
        assert_in_range(page.asks, 1, 64);
        asks += page.asks;
        pages++;
    } while (page.cursor.bytes > 0);
    assert_int_equal(shown_count, SHARDS);
    assert_in_range(asks, ORDERS_MAX / LOOK_MAX, ORDERS_MAX / LOOK_MAX + 2 * SHARDS);
    assert_true(pages > 1);
}

static void an_empty_shop_has_one_page(void **state)
{
    (void)state;
    assert_int_equal(turn_pages(order_list("", 0), 50), 1);
    assert_int_equal(turn_pages(order_list("c1", 0), 50), 1);
    assert_int_equal(shown_count, 0);
}

static void a_cursor_that_is_none_of_ours_is_refused(void **state)
{
    (void)state;
    static const char *const all[] = {"x",     "3",     "3.1",    "3.1.",   "3.1.5x",
                                      "3.3.1", "2.1.1", "-3.1.1", "3.1.1.1"};
    static const char *const of_one[] = {"x", "1", "1.", "0.o-1", "1.a b", ".o-1", "1"};
    for (uint32_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_false(walk_begin(walk, order_list("", 0), 5,
                                (struct text){all[i], (uint32_t)strlen(all[i])}, slot_shard,
                                SHARDS));
    for (uint32_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
        assert_false(walk_begin(walk, order_list("c1", 0), 5,
                                (struct text){of_one[i], (uint32_t)strlen(of_one[i])}, slot_shard,
                                SHARDS));
}

static uint32_t tasks_shown;

static void show_task(const struct task *task)
{
    assert_int_equal(task->cell.sku, ++tasks_shown);
    if (task->cell.sku != 1) /* the double's orders are all of SKU 1 */
        return;
    assert_int_equal(task->order_count, 3); /* 3 * 2 units for 5 */
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(task->orders[i].units, 2);
        memset(shown[shown_count], 0, sizeof shown[0]);
        memcpy(shown[shown_count++], task->orders[i].id, task->orders[i].id_bytes);
    }
}

static void show_tasks(const void *item, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        show_task((const struct task *)item + i);
}

static const struct command *task_list(void)
{
    static const struct cell_list list = {
        .head = {.bytes = sizeof list, .op = OP_CELL_LIST},
        .limit = TASK_CELLS_MAX,
        .wanted = CELLS_MISSING,
    };
    return &list.head;
}

/* As often as it takes to look at each order once, LOOK_MAX at a time; a shard may say in an answer of its
 * own that there are no more. */
static void the_tasks_of_a_page_look_at_the_orders_together(void **state)
{
    (void)state;
    struct page page = {.cursor = {"", 0}};
    for (uint32_t i = 0; i < ORDERS_MAX; i++)
        keep(i, "c", 1000 + i);
    tasks_shown = 0;
    turn_page(&page, task_list(), TASKS_TOGETHER, show_tasks);
    assert_int_equal(tasks_shown, CELLS);
    assert_in_range(page.asks, ORDERS_MAX / LOOK_MAX, ORDERS_MAX / LOOK_MAX + 3 * SHARDS);
}

static void a_task_names_the_newest_unpaid_orders_of_all_shards(void **state)
{
    (void)state;
    struct page page = {.cursor = {"", 0}};
    for (uint32_t i = 0; i < 500; i++)
        keep(i, "c", 1000 + i);
    shop.orders[499].state = ORDER_PAID;
    shop.orders[497].state = ORDER_CANCELLED;
    tasks_shown = 0;
    turn_page(&page, task_list(), TASKS_TOGETHER, show_tasks);
    assert_int_equal(tasks_shown, CELLS);
    assert_int_equal(page.cursor.bytes, 0);
    assert_string_equal(shown[0], "o-498");
    assert_string_equal(shown[1], "o-496");
    assert_string_equal(shown[2], "o-495");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_customers_orders_come_newest_first_whatever_shards_they_lie_on,
                               set_up),
        cmocka_unit_test_setup(orders_of_one_moment_are_neither_lost_nor_shown_twice_between_pages,
                               set_up),
        cmocka_unit_test_setup(all_orders_are_shown_once_shard_by_shard, set_up),
        cmocka_unit_test_setup(a_page_asks_only_so_often_however_little_it_finds, set_up),
        cmocka_unit_test_setup(an_empty_shop_has_one_page, set_up),
        cmocka_unit_test_setup(a_cursor_that_is_none_of_ours_is_refused, set_up),
        cmocka_unit_test_setup(the_tasks_of_a_page_look_at_the_orders_together, set_up),
        cmocka_unit_test_setup(a_task_names_the_newest_unpaid_orders_of_all_shards, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
