#include "core/list.h"

#include <string.h>

#include "core/answer.h"
#include "core/shipment.h"

/* So many looks for a cell in a line are worth a look at an order. */
enum { LOOKS_OF_AN_ORDER = 32 };

/* What is found, and how far the walk has come. */
struct found {
    uint32_t records[ORDER_LIST_MAX];
    uint32_t count;
    uint32_t looked;
    uint32_t bytes;
    uint32_t last;   /* the last record that was looked at */
    uint64_t cursor; /* of a walk over all */
    bool is_end;
};

static bool takes_from(const struct order *order, const struct list_cell *cell)
{
    for (uint32_t i = 0; i < order->line_count; i++)
        if (order_line_sku(order, i) == cell->sku &&
            (cell->warehouse == WAREHOUSE_NONE ||
             order_line_warehouse(order, i) == cell->warehouse))
            return true;
    return false;
}

static bool takes_from_any(const struct order *order, const struct order_list *list)
{
    for (uint32_t i = 0; i < list->cell_count; i++)
        if (takes_from(order, &order_list_cells(list)[i]))
            return true;
    return list->cell_count == 0;
}

static bool is_sent_as(const struct orders *orders, const struct order *order, struct text tracking)
{
    for (uint32_t record = 0; (record = shipment_next(orders, order, record)) != 0;) {
        struct text text = shipment_text(shipment_at(orders, record), SHIPMENT_TRACKING);
        if (text_equals(text, tracking))
            return true;
    }
    return false;
}

static bool is_wanted(const struct orders *orders, const struct order *order,
                      const struct order_list *list)
{
    if (list->states != 0 && !(list->states >> order->state & 1))
        return false;
    if (order->created_ns < list->created_after_ns)
        return false;
    if (list->created_before_ns != 0 && order->created_ns >= list->created_before_ns)
        return false;
    if (!takes_from_any(order, list))
        return false;
    const char *tracking = order_list_texts(list) + list->customer_bytes + list->after_bytes;
    return list->tracking_bytes == 0 ||
           is_sent_as(orders, order, (struct text){tracking, list->tracking_bytes});
}

/* False: the answer is full, and this record has not been looked at. */
static bool look_at(const struct orders *orders, const struct order_list *list, uint32_t record,
                    struct found *found)
{
    const struct order *order = order_at(orders, record);
    if (found->looked >= LIST_LOOK_MAX)
        return false;
    if (is_wanted(orders, order, list)) {
        uint32_t bytes = order_answer_bytes(orders, order);
        if (found->count == list->limit || found->bytes + bytes > ORDER_LIST_BYTES_MAX)
            return false;
        found->records[found->count++] = record;
        found->bytes += bytes;
    }
    found->looked += 1u + (uint32_t)order->line_count * list->cell_count / LOOKS_OF_AN_ORDER;
    found->last = record;
    return true;
}

/* Also of places without an order, it passes only so many. */
static void walk_all(const struct orders *orders, const struct order_list *list,
                     struct found *found)
{
    uint64_t at = list->cursor;
    uint64_t end = at + 16 * (uint64_t)LIST_LOOK_MAX;
    uint32_t record;
    for (found->cursor = at; (record = table_each_below(&orders->by_id, &at, end)) != 0;
         found->cursor = at)
        if (!look_at(orders, list, record, found))
            return;
    found->cursor = at;
    found->is_end = table_ends_at(&orders->by_id, at);
}

static void walk_customer(const struct orders *orders, const struct order_list *list,
                          uint32_t record, struct found *found)
{
    for (; record != 0; record = order_at(orders, record)->customer_next) {
        if (order_at(orders, record)->created_ns < list->created_after_ns)
            break;
        if (!look_at(orders, list, record, found))
            return;
    }
    found->is_end = true;
}

static struct text list_text(const struct order_list *list, bool after)
{
    const char *customer = order_list_texts(list);
    return after ? (struct text){customer + list->customer_bytes, list->after_bytes}
                 : (struct text){customer, list->customer_bytes};
}

/* Where a customer's orders begin, or go on. False: the order to go on from is not there (any
 * more), or another's. */
static bool find_start(const struct orders *orders, const struct order_list *list, uint32_t *record)
{
    struct text customer = list_text(list, false);
    struct text after = list_text(list, true);
    if (after.bytes == 0) {
        *record = orders_newest_of(orders, customer);
        return true;
    }
    char at[TEXT_BYTES_MAX];
    uint32_t last = order_find(orders, after, key_hash(after));
    if (last == 0)
        return false;
    struct text owner = order_text(order_at(orders, last), ORDER_CUSTOMER, at);
    *record = order_at(orders, last)->customer_next;
    return text_equals(owner, customer);
}

static void answer_found(const struct shard *shard, struct turn *turn,
                         const struct request *request, const struct found *found)
{
    const struct orders *orders = &shard->orders;
    char at[TEXT_BYTES_MAX];
    struct text last = {at, 0};
    if (found->last != 0)
        last = order_text(order_at(orders, found->last), ORDER_ID, at);
    struct result_orders *result = answer(shard, turn, request, CODE_OK, RESULT_ORDERS,
                                          sizeof *result + found->bytes + last.bytes);
    char *out = (char *)(result + 1);
    result->cursor = found->cursor;
    result->order_count = (uint16_t)found->count;
    result->is_end = found->is_end;
    result->after_bytes = (uint8_t)last.bytes;
    for (uint32_t i = 0; i < found->count; i++) {
        const struct order *order = order_at(orders, found->records[i]);
        struct result_order *record = (void *)out;
        order_write(orders, order, record);
        record->head = (struct result){.bytes = order_answer_bytes(orders, order),
                                       .code = CODE_OK,
                                       .kind = RESULT_ORDER,
                                       .request = request->command->request};
        out += record->head.bytes;
    }
    memcpy(out, last.at, last.bytes);
}

void list_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct order_list *list = (const void *)request->command;
    struct found *found = &(struct found){.count = 0};
    uint32_t record = 0;
    if (list->customer_bytes == 0) {
        walk_all(&shard->orders, list, found);
    } else if (find_start(&shard->orders, list, &record)) {
        walk_customer(&shard->orders, list, record, found);
    } else {
        answer_plain(shard, turn, request, CODE_NOT_FOUND);
        return;
    }
    answer_found(shard, turn, request, found);
}
