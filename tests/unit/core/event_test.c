#include "core/event.h"

#include <string.h>

#include "core/order.h"
#include "core/payment.h"
#include "core/refund.h"
#include "core/retry.h"
#include "core/stock.h"
#include "core/topology.h"
#include "core/turn.h"
#include "tests/unit/guard.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

/* An event with one slice of every kind, as no shop would write it. */
struct draft {
    _Alignas(8) uint8_t bytes[1024];
};

static struct event *event_of(struct draft *draft)
{
    return (void *)draft->bytes;
}

static void *add(struct draft *draft, uint32_t slot, enum slice_kind kind, uint32_t fixed_bytes,
                 const char *behind)
{
    struct event *event = event_of(draft);
    struct slice *slice = (void *)(draft->bytes + event->bytes);
    slice->bytes = (fixed_bytes + (uint32_t)strlen(behind) + 7) & ~7u;
    slice->slot = (uint16_t)slot;
    slice->kind = (uint16_t)kind;
    memcpy((char *)slice + fixed_bytes, behind, strlen(behind));
    event->bytes += slice->bytes;
    event->slice_count++;
    return slice;
}

enum { SLOT = 9, SKU = SLOT << SKU_INDEX_BITS | 3 };

struct parts {
    struct slice_order_placed *placed;
    struct slice_order_moved *moved;
    struct slice_lines_cancelled *cancelled;
    struct slice_payment *payment;
    struct slice_refund *refund;
    struct slice_stock_units *reserve;
    struct slice_stock_units *release;
    struct slice_sku_put *sku_put;
    struct slice_stock_change *change;
    struct slice_retry *retry;
    struct slice_warehouse_put *warehouse_put;
    struct slice_region_costs *costs;
    struct slice_deadlines_extended *extended;
    struct slice_order_forgotten *order_over;
    struct slice_windows_forgotten *windows;
    struct slice_stock_task *task;
    struct slice_transfer_shipped *shipped;
    struct slice_transfer_received *received;
    struct slice_transfer_forgotten *forgotten;
};

static struct parts draft_begin(struct draft *draft)
{
    struct parts parts;
    memset(draft, 0, sizeof *draft);
    *event_of(draft) = (struct event){
        .bytes = sizeof(struct event) + 8, .kind = EVENT_ORDER_PLACED, .by_bytes = 4};
    memcpy(draft->bytes + sizeof(struct event), "jane", 4);

    uint32_t behind = (uint32_t)(sizeof(struct slice_order_line) + sizeof(struct adjustment));
    parts.placed =
        add(draft, 1, SLICE_ORDER_PLACED, (uint32_t)sizeof *parts.placed + behind, "O-1cust");
    parts.placed->line_count = 1;
    parts.placed->adjustment_count = 1;
    parts.placed->state = ORDER_PENDING_PAYMENT;
    parts.placed->text_bytes[ORDER_ID] = 3;
    parts.placed->text_bytes[ORDER_CUSTOMER] = 4;

    parts.moved = add(draft, 1, SLICE_ORDER_MOVED, sizeof *parts.moved, "O-1late");
    parts.moved->from = ORDER_PENDING_PAYMENT;
    parts.moved->to = ORDER_EXPIRED;
    parts.moved->id_bytes = 3;
    parts.moved->reason_bytes = 4;

    parts.cancelled = add(draft, 1, SLICE_LINES_CANCELLED,
                          sizeof *parts.cancelled + sizeof parts.cancelled->lines[0], "O-1");
    parts.cancelled->line_count = 1;
    parts.cancelled->id_bytes = 3;

    parts.payment = add(draft, 1, SLICE_PAYMENT, sizeof *parts.payment, "O-1p-1carddenied");
    parts.payment->state = PAYMENT_FAILED;
    memcpy(parts.payment->text_bytes, (uint8_t[]){3, 3, 4, 6}, SLICE_PAYMENT_TEXTS);
    parts.refund = add(draft, 1, SLICE_REFUND, sizeof *parts.refund, "O-1p-1f-1broken");
    parts.refund->state = REFUND_REQUESTED;
    memcpy(parts.refund->text_bytes, (uint8_t[]){3, 3, 3, 6}, SLICE_REFUND_TEXTS);

    parts.reserve = add(draft, SLOT, SLICE_STOCK_RESERVE, sizeof *parts.reserve, "");
    parts.reserve->sku = SKU;
    parts.release = add(draft, SLOT, SLICE_STOCK_RELEASE, sizeof *parts.release, "");
    parts.release->sku = SKU;
    parts.sku_put = add(draft, SLOT, SLICE_SKU_PUT, sizeof *parts.sku_put, "SKU-17");
    parts.sku_put->sku = SKU;
    parts.sku_put->code_bytes = 6;
    parts.change = add(draft, SLOT, SLICE_STOCK_CHANGE, sizeof *parts.change, "");
    parts.change->sku = SKU;
    parts.retry = add(draft, SLOT, SLICE_RETRY, sizeof *parts.retry, "");
    parts.warehouse_put =
        add(draft, TOPOLOGY_SLOT, SLICE_WAREHOUSE_PUT, sizeof *parts.warehouse_put, "w1");
    parts.warehouse_put->id_bytes = 2;
    parts.costs = add(draft, TOPOLOGY_SLOT, SLICE_REGION_COSTS,
                      sizeof *parts.costs + sizeof parts.costs->rows[0], "sh");
    parts.costs->row_count = 1;
    parts.costs->id_bytes = 2;
    parts.windows = add(draft, SLOT, SLICE_WINDOWS_FORGOTTEN, sizeof *parts.windows, "");
    parts.windows->sku = SKU;
    parts.order_over = add(draft, SLOT, SLICE_ORDER_FORGOTTEN, sizeof *parts.order_over, "O-1");
    parts.order_over->id_bytes = 3;
    struct slice_order_forgotten *shrunk =
        add(draft, SLOT, SLICE_ORDER_SHRUNK, sizeof *shrunk, "O-1");
    shrunk->id_bytes = 3;
    parts.extended = add(draft, SLOT, SLICE_DEADLINES_EXTENDED, sizeof *parts.extended, "");
    parts.task = add(draft, SLOT, SLICE_STOCK_TASK, sizeof *parts.task, "");
    parts.task->sku = SKU;
    parts.shipped = add(draft, SLOT, SLICE_TRANSFER_SHIPPED, sizeof *parts.shipped, "x-1");
    parts.shipped->sku = SKU;
    parts.shipped->id_bytes = 3;
    parts.received = add(draft, SLOT, SLICE_TRANSFER_RECEIVED, sizeof *parts.received, "x-1");
    parts.received->sku = SKU;
    parts.received->id_bytes = 3;
    parts.forgotten = add(draft, SLOT, SLICE_TRANSFER_FORGOTTEN, sizeof *parts.forgotten, "x-1");
    parts.forgotten->sku = SKU;
    parts.forgotten->id_bytes = 3;
    return parts;
}

/* Behind the copy memory faults. */
static bool valid_at_the_end(const struct draft *draft, uint32_t bytes)
{
    static struct guard guard;
    if (guard.pages == NULL)
        guard = guard_open(sizeof draft->bytes);
    uint32_t aligned = (bytes + 7) & ~7u;
    void *copy = guard_last(&guard, aligned);
    memcpy(copy, draft->bytes, aligned);
    return event_valid(copy, bytes);
}

static bool valid(struct draft *draft)
{
    return valid_at_the_end(draft, event_of(draft)->bytes);
}

static void an_event_of_every_kind_of_slice_is_valid(void **state)
{
    (void)state;
    struct draft draft;
    draft_begin(&draft);
    assert_true(valid(&draft));
    assert_int_equal(event_by(event_of(&draft)).bytes, 4);
    assert_memory_equal(event_by(event_of(&draft)).at, "jane", 4);
}

static void an_event_must_be_there_as_a_whole(void **state)
{
    (void)state;
    struct draft draft;
    draft_begin(&draft);
    uint32_t bytes = event_of(&draft)->bytes;
    for (uint32_t available = 0; available < bytes; available++)
        assert_false(valid_at_the_end(&draft, available));
    for (uint32_t claimed = 0; claimed < bytes; claimed++) {
        event_of(&draft)->bytes = claimed;
        assert_false(valid_at_the_end(&draft, bytes));
        assert_false(valid_at_the_end(&draft, claimed));
    }
    event_of(&draft)->bytes = bytes + 8;
    assert_false(valid_at_the_end(&draft, bytes + 8));
    draft_begin(&draft);
    event_of(&draft)->slice_count++;
    assert_false(valid(&draft));
    event_of(&draft)->slice_count -= 2;
    assert_false(valid(&draft));
    event_of(&draft)->slice_count = 0;
    assert_false(valid(&draft));
}

#define assert_spoilt(assignment)                                                                  \
    do {                                                                                           \
        struct parts p = draft_begin(&draft);                                                      \
        assignment;                                                                                \
        (void)p;                                                                                   \
        if (valid(&draft))                                                                         \
            fail_msg("valid after " #assignment);                                                  \
    } while (0)

static void a_slice_that_does_not_add_up_is_not_valid(void **state)
{
    (void)state;
    struct draft draft;
    assert_spoilt(event_of(&draft)->by_bytes = WHO_BYTES_MAX + 1);
    assert_spoilt(p.placed->head.kind = 0);
    assert_spoilt(p.placed->head.kind = 89);
    assert_spoilt(p.placed->head.slot = SLOT_COUNT);
    assert_spoilt(p.placed->head.bytes += 8);
    assert_spoilt(p.placed->head.bytes -= 8);
    assert_spoilt(p.placed->line_count = 0);
    assert_spoilt(p.placed->line_count = 2);
    assert_spoilt(p.placed->line_count = UINT16_MAX);
    assert_spoilt(p.placed->adjustment_count = 2);
    assert_spoilt(p.placed->adjustment_count = ADJUSTMENTS_MAX + 1);
    assert_spoilt(p.placed->state = 0);
    assert_spoilt(p.placed->state = ORDER_STATES);
    assert_spoilt(p.placed->lines[0].warehouse = WAREHOUSES_MAX);
    assert_spoilt(p.placed->text_bytes[ORDER_CAMPAIGN] = 8);
    assert_spoilt(p.placed->rule_bytes = 8);
    assert_spoilt((p.placed->text_bytes[ORDER_ID] = 0, p.placed->text_bytes[ORDER_REGION] = 3));
    assert_spoilt((p.placed->text_bytes[ORDER_CUSTOMER] = 0, p.placed->rule_bytes = 4));
    assert_spoilt(p.moved->from = ORDER_STATES);
    assert_spoilt(p.moved->to = 0);
    assert_spoilt(p.moved->to = ORDER_STATES);
    assert_spoilt((p.moved->id_bytes = 0, p.moved->reason_bytes = 7));
    assert_spoilt(p.moved->reason_bytes = 6);
    assert_spoilt(p.cancelled->line_count = 2);
    assert_spoilt(p.cancelled->id_bytes = 0);
    assert_spoilt(p.cancelled->reason_bytes = 6);
    assert_spoilt(p.payment->state = 0);
    assert_spoilt(p.payment->state = PAYMENT_STATES);
    assert_spoilt((p.payment->text_bytes[0] = 0, p.payment->text_bytes[1] = 6));
    assert_spoilt((p.payment->text_bytes[1] = 0, p.payment->text_bytes[0] = 6));
    assert_spoilt(p.payment->text_bytes[SLICE_PAYMENT_REASON] = 7);
    assert_spoilt(p.refund->state = 0);
    assert_spoilt(p.refund->state = REFUND_STATES);
    assert_spoilt((p.refund->text_bytes[2] = 0, p.refund->text_bytes[3] = 9));
    assert_spoilt(p.refund->text_bytes[SLICE_REFUND_REASON] = 8);
    assert_spoilt(p.reserve->warehouse = WAREHOUSES_MAX);
    assert_spoilt(p.reserve->sku = SKU + (1u << SKU_INDEX_BITS));
    assert_spoilt(p.reserve->sku = SLOT << SKU_INDEX_BITS);
    assert_spoilt(p.release->head.slot = SLOT + 1);
    assert_spoilt(p.sku_put->code_bytes = 0);
    assert_spoilt(p.sku_put->code_bytes = 9);
    assert_spoilt(p.sku_put->sku = 3);
    assert_spoilt(p.change->warehouse = WAREHOUSES_MAX);
    assert_spoilt(p.change->sku = 0);
    assert_spoilt(p.warehouse_put->id_bytes = 0);
    assert_spoilt(p.warehouse_put->id_bytes = 9);
    assert_spoilt(p.warehouse_put->warehouse = WAREHOUSES_MAX);
    assert_spoilt(p.warehouse_put->head.slot = 1);
    assert_spoilt(p.windows->sku = 3);
    assert_spoilt(p.order_over->id_bytes = 0);
    assert_spoilt(p.order_over->id_bytes = 9);
    assert_spoilt(p.task->warehouse = WAREHOUSES_MAX);
    assert_spoilt(p.task->sku = 3);
    assert_spoilt(p.shipped->from = WAREHOUSES_MAX);
    assert_spoilt(p.shipped->to = WAREHOUSES_MAX);
    assert_spoilt(p.shipped->id_bytes = 0);
    assert_spoilt(p.shipped->id_bytes = 9);
    assert_spoilt(p.shipped->sku = 3);
    assert_spoilt(p.received->id_bytes = 9);
    assert_spoilt(p.received->sku = 0);
    assert_spoilt(p.forgotten->id_bytes = 0);
    assert_spoilt(p.forgotten->head.slot = 1);
    assert_spoilt(p.costs->row_count = 2);
    assert_spoilt(p.costs->row_count = UINT16_MAX);
    assert_spoilt(p.costs->id_bytes = 0);
    assert_spoilt(p.costs->id_bytes = 9);
    assert_spoilt(p.costs->rows[0].warehouse = WAREHOUSES_MAX);
    assert_spoilt(p.costs->head.slot = 1);
}

/* A text longer than apply keeps room for, in a slice that is as long as it says. */
static void texts_longer_than_their_kind_are_not_valid(void **state)
{
    (void)state;
    struct draft draft;
    static const char x[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    for (uint32_t which = 0; which < ORDER_TEXTS; which++) {
        uint32_t bytes_max = which <= ORDER_PAY_METHOD ? ID_BYTES_MAX : TEXT_BYTES_MAX;
        for (uint32_t bytes = bytes_max; bytes <= bytes_max + 1; bytes++) {
            memset(&draft, 0, sizeof draft);
            event_of(&draft)->bytes = sizeof(struct event);
            uint32_t rest = which <= ORDER_CUSTOMER ? 1 : 2; /* id and customer, one byte each */
            struct slice_order_placed *placed = add(
                &draft, 1, SLICE_ORDER_PLACED, (uint32_t)(sizeof *placed + sizeof placed->lines[0]),
                x + sizeof x - 1 - bytes - rest);
            placed->line_count = 1;
            placed->state = ORDER_PENDING_PAYMENT;
            placed->text_bytes[ORDER_ID] = placed->text_bytes[ORDER_CUSTOMER] = 1;
            placed->text_bytes[which] = (uint8_t)bytes;
            assert_int_equal(valid(&draft), bytes == bytes_max);
        }
    }
}

static void who_did_it_is_no_longer_than_a_name_and_an_address(void **state)
{
    (void)state;
    struct draft draft;
    for (uint32_t bytes = 0; bytes <= UINT8_MAX; bytes++) {
        memset(&draft, 0, sizeof draft);
        *event_of(&draft) = (struct event){.bytes = sizeof(struct event) + ((bytes + 7) & ~7u),
                                           .by_bytes = (uint8_t)bytes};
        add(&draft, SLOT, SLICE_RETRY, sizeof(struct slice_retry), "");
        assert_int_equal(valid(&draft), bytes <= WHO_BYTES_MAX);
    }
}

/* Whatever the bytes, right before memory that faults; what passes can be walked through. */
static void no_bytes_lead_beyond_the_end(void **state)
{
    (void)state;
    uint64_t random = 31;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < 300000; i++) {
        struct draft draft;
        draft_begin(&draft);
        uint32_t bytes = event_of(&draft)->bytes;
        for (uint32_t spoilt = 1 + random_below(&random, 3); spoilt > 0; spoilt--)
            draft.bytes[random_below(&random, bytes)] =
                (uint8_t)(random_below(&random, 2) ? random_below(&random, 70)
                                                   : random_next(&random));
        if (!valid_at_the_end(&draft, bytes))
            continue;
        const struct slice *slice = event_slices(event_of(&draft));
        for (uint32_t j = 0; j < event_of(&draft)->slice_count; j++)
            slice = slice_next(slice);
        assert_ptr_equal(slice, draft.bytes + event_of(&draft)->bytes);
        passed++;
    }
    assert_true(passed > 1000);
}

/* What the largest order can give rise to, by the layouts alone. */
static void the_largest_event_message_and_answer_have_room(void **state)
{
    (void)state;
    uint64_t texts = 5 * ID_BYTES_MAX + 3 * TEXT_BYTES_MAX + UINT8_MAX + 7;
    uint64_t head = sizeof(struct event) + WHO_BYTES_MAX + 1;
    uint64_t adjustments = ADJUSTMENTS_MAX * sizeof(struct adjustment);
    uint64_t units = ORDER_LINES_MAX * sizeof(struct slice_stock_units);
    uint64_t placed = head + sizeof(struct slice_order_placed) + adjustments + texts + units +
                      ORDER_LINES_MAX * sizeof(struct slice_order_line);
    uint64_t moved = head + sizeof(struct slice_order_moved) + texts + units +
                     ORDER_LINES_MAX * sizeof(struct cancel_line) + sizeof(struct slice_retry);
    uint64_t ids = 3 * ID_BYTES_MAX + TEXT_BYTES_MAX + 7;
    uint64_t payment = sizeof(struct slice_payment) + ids;
    uint64_t refund = sizeof(struct slice_refund) + ids;
    assert_true(placed <= EVENT_BYTES_MAX);
    /* Lines that are cancelled and pay for the rest; each payment is voided or refunded. */
    assert_true(moved + units + (PAYMENTS_MAX + 1) * payment <= EVENT_BYTES_MAX);
    assert_true(refund <= payment);

    uint64_t answer = sizeof(struct result_order) + adjustments +
                      ORDER_LINES_MAX * sizeof(struct result_line) +
                      (ORDER_TEXTS + 2) * TEXT_BYTES_MAX + 7;
    answer += PAYMENTS_MAX * (sizeof(struct child_payment) + 2 * ID_BYTES_MAX + 7);
    answer += REFUNDS_MAX * (sizeof(struct child_refund) + ID_BYTES_MAX + TEXT_BYTES_MAX + 7);
    assert_true(answer <= RESULT_BYTES_MAX);
    assert_true(sizeof(struct result_short) + ORDER_LINES_MAX * sizeof(struct short_line) <=
                RESULT_BYTES_MAX);
    assert_true(sizeof(struct result_stock) + WAREHOUSES_MAX * sizeof(struct result_cell) <=
                RESULT_BYTES_MAX);
    assert_true(sizeof(struct answer) + RESULT_BYTES_MAX <= ANSWER_BYTES_MAX);
    assert_true(sizeof(struct message_result) + RESULT_BYTES_MAX <= MESSAGE_BYTES_MAX);
    assert_true(sizeof(struct message_command) + TEXT_BYTES_MAX + COMMAND_BYTES_MAX <=
                MESSAGE_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_of_every_kind_of_slice_is_valid),
        cmocka_unit_test(an_event_must_be_there_as_a_whole),
        cmocka_unit_test(a_slice_that_does_not_add_up_is_not_valid),
        cmocka_unit_test(texts_longer_than_their_kind_are_not_valid),
        cmocka_unit_test(who_did_it_is_no_longer_than_a_name_and_an_address),
        cmocka_unit_test(no_bytes_lead_beyond_the_end),
        cmocka_unit_test(the_largest_event_message_and_answer_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
