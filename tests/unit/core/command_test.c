#include "tests/unit/core/drafts.h"
#include "tests/unit/guard.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

static const struct command *command_of(const struct draft *draft)
{
    return (const void *)draft->bytes;
}

/* Looks at a copy behind which memory faults. */
static enum code check_at_the_end(const struct draft *draft, uint32_t bytes,
                                  struct command_fault *fault)
{
    static struct guard guard;
    if (guard.pages == NULL)
        guard = guard_open(sizeof draft->bytes);
    uint32_t aligned = (bytes + 7) & ~7u;
    struct command *copy = guard_last(&guard, aligned);
    memcpy(copy, draft->bytes, aligned);
    memset(fault, 0, sizeof *fault);
    return command_check(copy, bytes, fault);
}

static void assert_good(const struct draft *draft)
{
    struct command_fault fault;
    enum code code = check_at_the_end(draft, command_of(draft)->bytes, &fault);
    if (code != CODE_OK)
        fail_msg("refused as %s: %s, line %u", code_facts(code)->name, fault.field, fault.line);
}

#define assert_wrong(draft, code, field, line) assert_refused(draft, code, field, line, __LINE__)
static void assert_refused(const struct draft *draft, enum code code, const char *field,
                           uint32_t line, int where)
{
    struct command_fault fault;
    enum code got = check_at_the_end(draft, command_of(draft)->bytes, &fault);
    if (got != code || fault.code != code || strcmp(fault.field, field) != 0 || fault.line != line)
        fail_msg("line %d: %s, field %s, line %u", where, code_facts(got)->name,
                 fault.field != NULL ? fault.field : "none", fault.line);
}

static void every_command_as_it_should_be_is_good(void **state)
{
    (void)state;
    struct draft draft;
    for (uint32_t i = 0; i < DRAFTS; i++) {
        drafts[i](&draft);
        assert_good(&draft);
    }
}

static void a_length_that_does_not_fit_is_malformed(void **state)
{
    (void)state;
    struct draft draft;
    struct command_fault fault;
    for (uint32_t i = 0; i < DRAFTS; i++) {
        drafts[i](&draft);
        struct command *head = (void *)draft.bytes;
        uint32_t bytes = head->bytes;
        for (uint32_t available = 0; available < bytes; available++)
            assert_int_equal(check_at_the_end(&draft, available, &fault), CODE_MALFORMED);
        for (uint32_t claimed = 0; claimed < bytes + 64; claimed++) {
            if (claimed == bytes)
                continue;
            head->bytes = claimed;
            assert_int_equal(check_at_the_end(&draft, bytes + 64, &fault), CODE_MALFORMED);
            assert_int_equal(check_at_the_end(&draft, claimed, &fault), CODE_MALFORMED);
        }
    }
}

static void a_command_longer_than_any_is_too_large(void **state)
{
    (void)state;
    struct draft draft;
    draft_get(&draft)->head.bytes = COMMAND_BYTES_MAX + 8;
    assert_wrong(&draft, CODE_TOO_LARGE, "bytes", 0);
}

static void a_question_about_the_past_names_an_order_or_a_sku_and_a_limit(void **state)
{
    (void)state;
    struct draft draft;
    draft_history(&draft)->sku = sku_17;
    assert_wrong(&draft, CODE_MALFORMED, "history", 0);
    draft_history(&draft)->index = 1; /* of no sequence */
    assert_wrong(&draft, CODE_MALFORMED, "history", 0);
    draft_history(&draft)->limit = 0;
    assert_wrong(&draft, CODE_INVALID, "limit", 0);
    draft_movements(&draft)->limit = PAST_EVENTS_MAX + 1;
    assert_wrong(&draft, CODE_INVALID, "limit", 0);
    draft_movements(&draft)->sku = 0;
    assert_wrong(&draft, CODE_UNKNOWN_SKU, "sku", 0);
}

static void unknown_kinds_and_flags_are_malformed(void **state)
{
    (void)state;
    struct draft draft;
    for (uint32_t i = 0; i < DRAFTS; i++) {
        drafts[i](&draft);
        struct command *head = (void *)draft.bytes;
        head->flags = head->op == OP_ORDER_CREATE ? 4 : 2;
        assert_wrong(&draft, CODE_MALFORMED, "flags", 0);
        head->flags = 0;
        static const uint16_t unknown[] = {0, 95, 120, UINT16_MAX};
        for (uint32_t j = 0; j < sizeof unknown / sizeof unknown[0]; j++) {
            head->op = unknown[j];
            assert_wrong(&draft, CODE_MALFORMED, "op", 0);
        }
    }
    draft_create(&draft)->head.flags = COMMAND_WANT_RECORD;
    assert_good(&draft);
}

/* Every byte that has no meaning, of every command. */
static void bytes_without_a_meaning_must_be_zero(void **state)
{
    (void)state;
    struct draft draft;
    static const struct {
        draft_any *draft;
        uint32_t from;
        uint32_t bytes;
    } zeros[] = {
        {any_create, sizeof(struct order_create) + 32 + offsetof(struct adjustment, zero), 7},
        {any_create, sizeof(struct order_create) + 48 + offsetof(struct adjustment, zero), 7},
        {any_get, offsetof(struct order_get, zero), 7},
        {any_cancel, offsetof(struct order_cancel, zero), 3},
        {any_capture, offsetof(struct order_money, zero), 5},
        {any_capture, offsetof(struct order_money, kind), 1},
        {any_sku_put, offsetof(struct sku_put, zero), 1},
        {any_caps, sizeof(struct sku_put) + offsetof(struct sku_cap, zero), 7},
        {any_caps, sizeof(struct sku_put) + offsetof(struct sku_cap, channel) + 5,
         ID_BYTES_MAX - 5},
        {any_resolve, offsetof(struct sku_resolve, zero), 7},
        {any_stock_get, offsetof(struct stock_get, zero), 4},
        {any_receive, offsetof(struct stock_receive, zero), 2},
        {any_warehouse_put, offsetof(struct warehouse_put, zero), 3},
        {any_costs, offsetof(struct region_costs, zero), 4},
        {any_costs, offsetof(struct region_costs, warehouse_bytes) + 2, WAREHOUSES_MAX - 2},
        {any_costs, sizeof(struct region_costs) + offsetof(struct cost_row, zero), 3},
        {any_costs, sizeof(struct region_costs) + 36 + 6, 6},
        {any_ship, offsetof(struct transfer_ship, zero), 1},
        {any_ship, sizeof(struct transfer_ship) + 7, 1},
        {any_arrive, offsetof(struct transfer_receive, zero), 2},
        {any_arrive, sizeof(struct transfer_receive) + 6, 2},
        {any_transfer, offsetof(struct transfer_get, zero), 3},
        {any_transfer, sizeof(struct transfer_get) + 3, 5},
        {any_cells, offsetof(struct cell_list, zero), 3},
        {any_list, offsetof(struct order_list, zero), 4},
        {any_list_of_cells, sizeof(struct order_list) + offsetof(struct list_cell, zero), 3},
        {any_list, sizeof(struct order_list) + 22, 2},
        {any_get, sizeof(struct order_get) + 10, 6},
        {any_cancel, sizeof(struct order_cancel) + 16 + 22, 2},
        {any_sku_put, sizeof(struct sku_put) + 6, 2},
        {any_resolve, sizeof(struct sku_resolve) + 6, 2},
        {any_receive, sizeof(struct stock_receive) + 5, 3},
        {any_warehouse_put, sizeof(struct warehouse_put) + 2, 6},
        {any_act, offsetof(struct order_act, zero), 4},
        {any_parcel, offsetof(struct order_parcel, zero), 5},
        {any_parcel, sizeof(struct order_parcel) + offsetof(struct parcel_line, rejected), 8},
        {any_scans, offsetof(struct order_scans, zero), 4},
        {any_scans, sizeof(struct order_scans) + offsetof(struct parcel_scan, zero), 6},
    };
    struct command_fault fault;
    for (uint32_t i = 0; i < sizeof zeros / sizeof zeros[0]; i++)
        for (uint32_t j = 0; j < zeros[i].bytes; j++) {
            zeros[i].draft(&draft);
            assert_int_equal(draft.bytes[zeros[i].from + j], 0);
            draft.bytes[zeros[i].from + j] = 1;
            assert_int_equal(check_at_the_end(&draft, command_of(&draft)->bytes, &fault),
                             CODE_MALFORMED);
        }
}

/* ---- order.create ------------------------------------------------------------------------------ */

static void a_create_has_one_to_twelve_hundred_lines(void **state)
{
    (void)state;
    struct draft draft;
    draft_create(&draft)->line_count = 0;
    assert_wrong(&draft, CODE_INVALID, "lines", 0);
    draft_create(&draft)->line_count = ORDER_LINES_MAX + 1;
    assert_wrong(&draft, CODE_INVALID, "lines", 0);
    draft_create(&draft)->line_count = 3;
    assert_wrong(&draft, CODE_MALFORMED, "order", 0);
    draft_create(&draft)->adjustment_count = ADJUSTMENTS_MAX + 1;
    assert_wrong(&draft, CODE_INVALID, "adjustments", 0);
}

/* Every count at its limit; the whole is as long as a command may be. */
static void the_longest_create_is_good(void **state)
{
    (void)state;
    struct draft draft;
    struct order_create *create = draft_begin(&draft, OP_ORDER_CREATE, sizeof *create);
    create->currency = CURRENCY('J', 'P', 'Y');
    create->line_count = ORDER_LINES_MAX;
    create->adjustment_count = ADJUSTMENTS_MAX;
    for (uint32_t i = 0; i < ORDER_LINES_MAX; i++)
        create->lines[i] = (struct command_line){.sku = 1 + i, .units = UINT32_MAX};
    create->head.bytes +=
        ORDER_LINES_MAX * sizeof create->lines[0] + ADJUSTMENTS_MAX * sizeof(struct adjustment);
    static const char longest[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        create->text_bytes[i] = i <= ORDER_PAY_METHOD ? ID_BYTES_MAX : TEXT_BYTES_MAX;
        draft_text(&draft, longest + TEXT_BYTES_MAX - create->text_bytes[i]);
    }
    draft_end(&draft);
    assert_true(create->head.bytes <= COMMAND_BYTES_MAX);
    assert_good(&draft);
}

static void a_wrong_text_of_a_create_is_named(void **state)
{
    (void)state;
    static const char *const names[ORDER_TEXTS] = {
        [ORDER_ID] = "order_id",           [ORDER_CUSTOMER] = "customer",
        [ORDER_CHANNEL] = "channel",       [ORDER_REGION] = "region",
        [ORDER_PAY_METHOD] = "pay_method", [ORDER_CAMPAIGN] = "campaign",
        [ORDER_SHIP_TO] = "ship_to",       [ORDER_DELIVERY] = "delivery_method",
    };
    struct draft draft;
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        struct order_create *create = draft_create(&draft);
        char *at = (char *)(uintptr_t)order_create_text(create, (enum order_text)i).at;
        at[0] = '\n';
        assert_wrong(&draft, CODE_INVALID, names[i], 0);
        at[0] = '\xc3';
        at[1] = 'x';
        assert_wrong(&draft, CODE_INVALID, names[i], 0);
    }
}

/* The texts before and behind the one in question keep their places. */
static void put_text_bytes(struct draft *draft, enum order_text which, uint32_t bytes)
{
    struct order_create *create = draft_create(draft);
    uint32_t fixed_bytes =
        (uint32_t)((const uint8_t *)order_create_text(create, ORDER_ID).at - draft->bytes);
    memset(draft->bytes + fixed_bytes, 0, sizeof draft->bytes - fixed_bytes);
    create->head.bytes = fixed_bytes;
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        create->text_bytes[i] = (uint8_t)(i == (uint32_t)which ? bytes : strlen(texts[i]));
        for (uint32_t j = 0; i == (uint32_t)which && j < bytes; j++)
            draft_text(draft, "x");
        if (i != (uint32_t)which)
            draft_text(draft, texts[i]);
    }
    draft_end(draft);
}

static void only_id_and_customer_must_be_there_and_no_text_is_too_long(void **state)
{
    (void)state;
    struct draft draft;
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        enum order_text which = (enum order_text)i;
        struct command_fault fault;
        put_text_bytes(&draft, which, 0);
        assert_int_equal(check_at_the_end(&draft, command_of(&draft)->bytes, &fault),
                         which <= ORDER_CUSTOMER ? CODE_INVALID : CODE_OK);
        uint32_t bytes_max = which <= ORDER_PAY_METHOD ? ID_BYTES_MAX : TEXT_BYTES_MAX;
        put_text_bytes(&draft, which, bytes_max);
        assert_good(&draft);
        put_text_bytes(&draft, which, bytes_max + 1);
        assert_int_equal(check_at_the_end(&draft, command_of(&draft)->bytes, &fault), CODE_INVALID);
    }
}

static void a_wrong_value_of_a_create_is_named(void **state)
{
    (void)state;
    struct draft draft;
    draft_create(&draft)->currency = CURRENCY('X', 'X', 'X');
    assert_wrong(&draft, CODE_INVALID, "currency", 0);
    draft_create(&draft)->prefer = PREFER_SINGLE_PARCEL;
    assert_good(&draft);
    draft_create(&draft)->prefer = PREFER_SINGLE_PARCEL + 1;
    assert_wrong(&draft, CODE_INVALID, "prefer", 0);
    draft_create(&draft)->lines[1].sku = 0;
    assert_wrong(&draft, CODE_UNKNOWN_SKU, "sku", 2);
    draft_create(&draft)->lines[0].units = 0;
    assert_wrong(&draft, CODE_INVALID, "units", 1);
    draft_create(&draft)->lines[1].unit_price = -1;
    assert_wrong(&draft, CODE_INVALID, "unit_price", 2);
    struct order_create *create = draft_create(&draft);
    draft.bytes[(const uint8_t *)&order_create_adjustments(create)[1].kind - draft.bytes] =
        ADJUST_OTHER + 1;
    assert_wrong(&draft, CODE_INVALID, "kind", 2);
}

static struct adjustment *adjustment_of(struct order_create *create, uint32_t i)
{
    return (struct adjustment *)(uintptr_t)&order_create_adjustments(create)[i];
}

static void no_sum_of_a_create_leaves_its_range(void **state)
{
    (void)state;
    struct draft draft;
    struct order_create *create = draft_create(&draft);
    create->lines[0] = (struct command_line){.sku = 1, .units = 2, .unit_price = INT64_MAX / 2 + 1};
    assert_wrong(&draft, CODE_OVERFLOW, "unit_price", 1);

    create = draft_create(&draft);
    create->lines[0] = (struct command_line){.sku = 1, .units = 1, .unit_price = INT64_MAX - 149};
    assert_wrong(&draft, CODE_OVERFLOW, "unit_price", 2);

    create->lines[0].unit_price = INT64_MAX - 150;
    assert_good(&draft);
    adjustment_of(create, 0)->amount = 1;
    assert_wrong(&draft, CODE_OVERFLOW, "amount", 1);
    adjustment_of(create, 0)->amount = -6;
    assert_wrong(&draft, CODE_OVERFLOW, "amount", 2);
    adjustment_of(create, 0)->amount = -7;
    assert_good(&draft);

    create = draft_create(&draft);
    create->lines[0].units = UINT32_MAX;
    create->lines[0].unit_price = INT64_MAX / UINT32_MAX - 1000;
    assert_good(&draft);
}

static void a_total_is_never_below_zero(void **state)
{
    (void)state;
    struct draft draft;
    struct order_create *create = draft_create(&draft);
    int64_t lines = 2 * 1999 + 3 * 50;
    adjustment_of(create, 0)->amount = -lines - 7;
    assert_good(&draft);
    adjustment_of(create, 0)->amount = -lines - 8;
    assert_wrong(&draft, CODE_INVALID, "adjustments", 0);
    adjustment_of(create, 0)->amount = INT64_MIN;
    assert_wrong(&draft, CODE_INVALID, "adjustments", 0);
}

static void the_parts_of_a_create_are_where_they_were_put(void **state)
{
    (void)state;
    struct draft draft;
    struct order_create *create = draft_create(&draft);
    assert_int_equal(order_create_adjustments(create)[0].amount, -500);
    assert_int_equal(order_create_adjustments(create)[1].amount, 7);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        struct text text = order_create_text(create, (enum order_text)i);
        assert_int_equal(text.bytes, strlen(texts[i]));
        assert_memory_equal(text.at, texts[i], text.bytes);
    }
}

/* ---- the others -------------------------------------------------------------------------------- */

static void a_wrong_field_of_the_other_orders_commands_is_named(void **state)
{
    (void)state;
    struct draft draft;
    draft_get(&draft);
    draft.bytes[sizeof(struct order_get)] = '/';
    assert_wrong(&draft, CODE_INVALID, "order_id", 0);
    draft_cancel(&draft)->lines[0].line = 0;
    assert_wrong(&draft, CODE_INVALID, "line", 1);
    draft_cancel(&draft)->lines[1].line = 1;
    assert_wrong(&draft, CODE_INVALID, "line", 2);
    draft_cancel(&draft)->lines[1].units = 0;
    assert_wrong(&draft, CODE_INVALID, "units", 2);
    draft_cancel(&draft)->line_count = ORDER_LINES_MAX + 1;
    assert_wrong(&draft, CODE_MALFORMED, "cancel", 0);
    struct order_cancel *cancel = draft_cancel(&draft);
    char *id = (char *)(cancel->lines + 2);
    id[9] = ' ';
    assert_wrong(&draft, CODE_INVALID, "order_id", 0);
    id[9] = '1';
    id[10] = '\x7f';
    assert_wrong(&draft, CODE_INVALID, "reason", 0);
    id[10] = 't';
    id[21] = '\x80';
    assert_wrong(&draft, CODE_INVALID, "Idempotency-Key", 0);
}

static void a_wrong_field_about_money_is_named(void **state)
{
    (void)state;
    struct draft draft;
    draft_capture(&draft)->amount = -1;
    assert_wrong(&draft, CODE_INVALID, "amount", 0);
    draft_capture(&draft)->amount = 0;
    assert_good(&draft);
    draft_capture(&draft)->currency = CURRENCY('A', 'B', 'C');
    assert_wrong(&draft, CODE_INVALID, "currency", 0);
    draft_capture(&draft)->head.op = OP_PAYMENT_CREATE; /* whose id is its key */
    assert_wrong(&draft, CODE_MALFORMED, "Idempotency-Key", 0);
    draft_capture(&draft)->head.op = OP_REFUND_FAIL;
    assert_wrong(&draft, CODE_INVALID, "refund_id", 0);
    draft_refund(&draft)->head.op = OP_PAYMENT_GET;
    assert_wrong(&draft, CODE_MALFORMED, "refund_id", 0);
    draft_refund(&draft)->head.op = OP_REFUND_LOSE;
    assert_good(&draft);
    draft_notice(&draft)->amount = MONEY_NOT_SAID;
    assert_wrong(&draft, CODE_INVALID, "amount", 0);
    draft_notice(&draft)->kind = 0;
    assert_wrong(&draft, CODE_INVALID, "kind", 0);
    draft_notice(&draft)->kind = NOTICE_KINDS;
    assert_wrong(&draft, CODE_INVALID, "kind", 0);
    draft_notice(&draft)->kind = NOTICE_CAPTURED;
    assert_wrong(&draft, CODE_INVALID, "refund_id", 0);
    draft_notice(&draft)->currency = 0;
    assert_wrong(&draft, CODE_INVALID, "currency", 0);
    struct order_money *money = draft_notice(&draft);
    ((char *)(money + 1))[10] = ' ';
    assert_wrong(&draft, CODE_INVALID, "payment_id", 0);
    money = draft_notice(&draft);
    ((char *)(money + 1))[16] = ' ';
    assert_wrong(&draft, CODE_INVALID, "provider", 0);
    money = draft_notice(&draft);
    ((char *)(money + 1))[22] = '\x7f';
    assert_wrong(&draft, CODE_INVALID, "notice_id", 0);
}

static void a_wrong_field_of_a_sku_is_named(void **state)
{
    (void)state;
    struct draft draft;
    draft_sku_put(&draft);
    draft.bytes[sizeof(struct sku_put)] = ' ';
    assert_wrong(&draft, CODE_INVALID, "sku", 0);
    draft_sku_put(&draft)->currency = 0;
    assert_wrong(&draft, CODE_INVALID, "currency", 0);
    draft_sku_put(&draft)->list_price = -1;
    assert_wrong(&draft, CODE_INVALID, "list_price", 0);
    draft_sku_put(&draft)->flags = 2;
    assert_wrong(&draft, CODE_INVALID, "flags", 0);
    draft_sku_put(&draft)->customer_window_s = 0;
    assert_wrong(&draft, CODE_INVALID, "max_per_customer", 0);
    draft_sku_put(&draft)->max_per_customer = 0;
    assert_wrong(&draft, CODE_INVALID, "max_per_customer", 0);
    struct sku_put *put = draft_sku_put(&draft);
    put->max_per_customer = put->customer_window_s = 0;
    assert_good(&draft);
    draft_resolve(&draft);
    draft.bytes[sizeof(struct sku_resolve) + 5] = '\t';
    assert_wrong(&draft, CODE_INVALID, "sku", 0);
}

static void a_wrong_field_of_stock_is_named(void **state)
{
    (void)state;
    struct draft draft;
    draft_stock_get(&draft)->sku = 0;
    assert_wrong(&draft, CODE_UNKNOWN_SKU, "sku", 0);
    draft_receive(&draft)->sku = 0;
    assert_wrong(&draft, CODE_UNKNOWN_SKU, "sku", 0);
    draft_receive(&draft)->ok_units = INT64_MAX / 2 + UINT64_C(1);
    assert_wrong(&draft, CODE_OVERFLOW, "ok", 0);
    draft_receive(&draft)->damaged_units = UINT64_MAX;
    assert_wrong(&draft, CODE_OVERFLOW, "damaged", 0);
    draft_receive(&draft)->ok_units = 0;
    assert_wrong(&draft, CODE_INVALID, "ok", 0);
    draft_receive(&draft);
    draft.bytes[sizeof(struct stock_receive)] = '*';
    assert_wrong(&draft, CODE_INVALID, "warehouse", 0);
    draft_receive(&draft);
    draft.bytes[sizeof(struct stock_receive) + 3] = '\r';
    assert_wrong(&draft, CODE_INVALID, "Idempotency-Key", 0);
    struct stock_receive *receive = draft_receive(&draft);
    receive->warehouse_bytes = 5;
    receive->key_bytes = 0;
    assert_wrong(&draft, CODE_KEY_MISSING, "Idempotency-Key", 0);
    draft_warehouse_put(&draft);
    draft.bytes[sizeof(struct warehouse_put)] = 0;
    assert_wrong(&draft, CODE_INVALID, "warehouse", 0);
}

static void a_list_says_how_many_and_goes_on_only_for_a_customer(void **state)
{
    (void)state;
    struct draft draft;
    draft_list(&draft)->limit = 0;
    assert_wrong(&draft, CODE_INVALID, "limit", 0);
    draft_list(&draft)->limit = ORDER_LIST_MAX + 1;
    assert_wrong(&draft, CODE_INVALID, "limit", 0);
    draft_list(&draft)->slot = SLOT_COUNT;
    assert_wrong(&draft, CODE_MALFORMED, "orders", 0);
    draft_list(&draft)->cell_count = ORDER_LIST_CELLS_MAX + 1;
    assert_wrong(&draft, CODE_MALFORMED, "orders", 0);
    draft_list(&draft)->cell_count = 1; /* and none is there */
    assert_wrong(&draft, CODE_MALFORMED, "orders", 0);
    struct order_list *list = draft_list(&draft);
    list->customer_bytes = 0;
    list->after_bytes = 17;
    assert_wrong(&draft, CODE_INVALID, "cursor", 0);
    draft_list(&draft);
    draft.bytes[sizeof(struct order_list)] = '/';
    assert_wrong(&draft, CODE_INVALID, "customer", 0);
}

static void a_transfer_goes_from_one_warehouse_to_another(void **state)
{
    (void)state;
    struct draft draft;
    draft_ship(&draft);
    draft.bytes[sizeof(struct transfer_ship) + 3] = '1';
    assert_wrong(&draft, CODE_INVALID, "to", 0);
    draft_ship(&draft)->units = 0;
    assert_wrong(&draft, CODE_INVALID, "units", 0);
    draft_ship(&draft)->units = UINT64_MAX;
    assert_wrong(&draft, CODE_OVERFLOW, "units", 0);
    draft_ship(&draft)->sku = 0;
    assert_wrong(&draft, CODE_UNKNOWN_SKU, "sku", 0);
    draft_ship(&draft);
    draft.bytes[sizeof(struct transfer_ship)] = '/';
    assert_wrong(&draft, CODE_INVALID, "from", 0);
    draft_ship(&draft);
    draft.bytes[sizeof(struct transfer_ship) + 4] = '/';
    assert_wrong(&draft, CODE_INVALID, "transfer_id", 0);
    struct transfer_receive *receive = draft_arrive(&draft);
    receive->ok = receive->lost = 0;
    assert_wrong(&draft, CODE_INVALID, "ok", 0);
    draft_arrive(&draft)->ok = UINT64_MAX;
    assert_wrong(&draft, CODE_OVERFLOW, "ok", 0);
    draft_arrive(&draft)->damaged = UINT64_MAX;
    assert_wrong(&draft, CODE_OVERFLOW, "damaged", 0);
    draft_arrive(&draft)->lost = UINT64_MAX;
    assert_wrong(&draft, CODE_OVERFLOW, "lost", 0);
    draft_cells(&draft)->limit = WAREHOUSES_MAX - 1;
    assert_wrong(&draft, CODE_INVALID, "limit", 0);
    draft_cells(&draft)->wanted = CELLS_WARNED + 1;
    assert_wrong(&draft, CODE_MALFORMED, "cells", 0);
}

static void caps_are_of_different_channels_and_each_has_a_name(void **state)
{
    (void)state;
    struct draft draft;
    draft_caps(&draft)->caps[1].units = INT64_MAX / 2 + UINT64_C(1);
    assert_wrong(&draft, CODE_OVERFLOW, "channel_caps", 2);
    draft_caps(&draft)->caps[0].channel_bytes = ID_BYTES_MAX + 1;
    assert_wrong(&draft, CODE_MALFORMED, "channel_caps", 1);
    struct sku_put *put = draft_caps(&draft);
    put->caps[1] = put->caps[0];
    assert_wrong(&draft, CODE_INVALID, "channel_caps", 0);
    put = draft_caps(&draft);
    put->caps[1].channel_bytes = 0;
    memset(put->caps[1].channel, 0, ID_BYTES_MAX);
    assert_wrong(&draft, CODE_INVALID, "channel_caps", 0);
    draft_caps(&draft)->cap_count = CHANNEL_CAPS_MAX + 1;
    assert_wrong(&draft, CODE_TOO_LARGE, "channel_caps", 0);
}

static void a_wrong_field_of_a_parcel_is_named(void **state)
{
    (void)state;
    struct draft draft;
    draft_act(&draft)->decision = 0;
    assert_wrong(&draft, CODE_INVALID, "decision", 0);
    draft_act(&draft)->decision = REVIEW_REJECT + 1;
    assert_wrong(&draft, CODE_INVALID, "decision", 0);
    draft_parcel(&draft)->lines[1].line = 1;
    assert_wrong(&draft, CODE_INVALID, "line", 2);
    draft_parcel(&draft)->lines[0].units = 0;
    assert_wrong(&draft, CODE_INVALID, "units", 1);
    draft_parcel(&draft)->choice = RESOLVE_REFUND;
    assert_wrong(&draft, CODE_INVALID, "choice", 0);
    draft_parcel(&draft)->head.op = OP_SHIPMENT_PICK;
    assert_wrong(&draft, CODE_MALFORMED, "parcel", 0);
    draft_parcel(&draft)->head.op = OP_RETURN_CREATE;
    assert_wrong(&draft, CODE_INVALID, "choice", 0);
    draft.bytes[offsetof(struct order_parcel, choice)] = RETURN_GOODS;
    assert_wrong(&draft, CODE_MALFORMED, "carrier", 0);
    draft_parcel(&draft);
    draft.bytes[sizeof(struct order_parcel) + 32 + 10] = ' ';
    assert_wrong(&draft, CODE_INVALID, "shipment_id", 0);
    draft_scans(&draft)->scans[1].at_ns = 0;
    assert_wrong(&draft, CODE_INVALID, "at", 2);
    draft_scans(&draft)->scan_count = SCANS_MAX + 1;
    assert_wrong(&draft, CODE_INVALID, "scans", 0);
    draft_scans(&draft);
    draft.bytes[sizeof(struct order_scans) + 32 + 13] = ' ';
    assert_wrong(&draft, CODE_INVALID, "code", 1);
}

static void a_table_of_costs_is_looked_at_row_by_row(void **state)
{
    (void)state;
    struct draft draft;
    draft_costs(&draft)->rows[1].warehouse = 2;
    assert_wrong(&draft, CODE_MALFORMED, "rows", 2);
    draft_costs(&draft)->row_count = COST_ROWS_MAX + 1;
    assert_wrong(&draft, CODE_TOO_LARGE, "warehouses", 0);
    draft_costs(&draft)->warehouse_count = WAREHOUSES_MAX + 1;
    assert_wrong(&draft, CODE_TOO_LARGE, "warehouses", 0);
    struct region_costs *costs = draft_costs(&draft);
    costs->rows[0].distance = costs->rows[0].weight = UINT32_MAX;
    assert_good(&draft);
    costs->rows[2] = costs->rows[0];
    assert_wrong(&draft, CODE_OVERFLOW, "distance", 3);
    draft_costs(&draft);
    draft.bytes[sizeof(struct region_costs) + 36] = '/';
    assert_wrong(&draft, CODE_INVALID, "region", 0);
    draft_costs(&draft);
    draft.bytes[sizeof(struct region_costs) + 36 + 4] = ' ';
    assert_wrong(&draft, CODE_INVALID, "warehouses", 0);
}

static void a_command_goes_to_the_slot_of_its_order_or_sku(void **state)
{
    (void)state;
    struct draft draft;
    uint32_t order_slot = hash_slot(key_hash((struct text){"20201111-1", 10}));
    uint32_t sku_slot = hash_slot(key_hash((struct text){"SKU-17", 6}));
    assert_int_not_equal(order_slot, sku_slot);
    /* clang-format off */
    const uint32_t slots[DRAFTS] = {
        order_slot,
        order_slot,
        order_slot,
        order_slot,
        order_slot,
        order_slot,
        sku_slot,
        SLOT_COUNT,
        5,
        5,
        TOPOLOGY_SLOT,
        TOPOLOGY_SLOT,
        TOPOLOGY_SLOT,
        TOPOLOGY_SLOT,
        sku_slot,
        5,
        5,
        order_slot,
        order_slot,
        order_slot,
        5,
        5,
        5,
        5,
        order_slot,
        SLOT_COUNT,
        TOPOLOGY_SLOT,
    };
    /* clang-format on */
    for (uint32_t i = 0; i < DRAFTS; i++) {
        drafts[i](&draft);
        assert_int_equal(command_slot(command_of(&draft)), slots[i]);
    }
}

/* ---- any bytes --------------------------------------------------------------------------------- */

/* Whoever relies on the check touches what this touches. */
static void touch_parts(const struct command *command)
{
    (void)command_slot(command);
    if (command->op != OP_ORDER_CREATE)
        return;
    const struct order_create *create = (const void *)command;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < create->adjustment_count; i++)
        sum += (uint64_t)order_create_adjustments(create)[i].amount;
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        sum += key_hash(order_create_text(create, (enum order_text)i));
    assert_true(sum != 1);
}

/* Spoils a good command in a few places, then hands over some or all of it, right before memory that
 * faults: the check answers, and what it lets pass can be touched. */
static void no_bytes_lead_beyond_the_end(void **state)
{
    (void)state;
    struct guard guard = guard_open(512);
    uint64_t random = 29;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < 300000; i++) {
        struct draft draft;
        drafts[random_below(&random, DRAFTS)](&draft);
        uint32_t bytes = command_of(&draft)->bytes;
        for (uint32_t spoilt = random_below(&random, 4); spoilt > 0; spoilt--)
            draft.bytes[random_below(&random, random_below(&random, 2) ? 64 : bytes)] =
                (uint8_t)(random_below(&random, 2) ? random_below(&random, 70)
                                                   : random_next(&random));
        uint32_t available = random_below(&random, 4) ? bytes : random_below(&random, bytes + 1);
        struct command *copy = guard_last(&guard, (available + 7) & ~7u);
        memcpy(copy, draft.bytes, (available + 7) & ~7u);
        struct command_fault fault;
        if (command_check(copy, available, &fault) != CODE_OK)
            continue;
        assert_true(copy->bytes <= available);
        touch_parts(copy);
        passed++;
    }
    assert_true(passed > 1000);
    guard_close(&guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_as_it_should_be_is_good),
        cmocka_unit_test(a_length_that_does_not_fit_is_malformed),
        cmocka_unit_test(a_command_longer_than_any_is_too_large),
        cmocka_unit_test(a_question_about_the_past_names_an_order_or_a_sku_and_a_limit),
        cmocka_unit_test(unknown_kinds_and_flags_are_malformed),
        cmocka_unit_test(bytes_without_a_meaning_must_be_zero),
        cmocka_unit_test(a_create_has_one_to_twelve_hundred_lines),
        cmocka_unit_test(the_longest_create_is_good),
        cmocka_unit_test(a_wrong_text_of_a_create_is_named),
        cmocka_unit_test(only_id_and_customer_must_be_there_and_no_text_is_too_long),
        cmocka_unit_test(a_wrong_value_of_a_create_is_named),
        cmocka_unit_test(no_sum_of_a_create_leaves_its_range),
        cmocka_unit_test(a_total_is_never_below_zero),
        cmocka_unit_test(the_parts_of_a_create_are_where_they_were_put),
        cmocka_unit_test(a_wrong_field_of_the_other_orders_commands_is_named),
        cmocka_unit_test(a_wrong_field_about_money_is_named),
        cmocka_unit_test(a_wrong_field_of_a_sku_is_named),
        cmocka_unit_test(a_wrong_field_of_stock_is_named),
        cmocka_unit_test(a_list_says_how_many_and_goes_on_only_for_a_customer),
        cmocka_unit_test(a_transfer_goes_from_one_warehouse_to_another),
        cmocka_unit_test(caps_are_of_different_channels_and_each_has_a_name),
        cmocka_unit_test(a_wrong_field_of_a_parcel_is_named),
        cmocka_unit_test(a_table_of_costs_is_looked_at_row_by_row),
        cmocka_unit_test(a_command_goes_to_the_slot_of_its_order_or_sku),
        cmocka_unit_test(no_bytes_lead_beyond_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
