#include "core/prefetch.h"
#include "core/shard_state.h"

static const struct order_create *create_of(const struct command *command)
{
    return command->op == OP_ORDER_CREATE ? (const void *)command : NULL;
}

enum { PREFETCH_LINES = 8 };

/* True: one of them is another shard's, so there will be a flight. */
static bool prefetch_skus(const struct shard *shard, const struct order_create *create)
{
    bool flies = false;
    for (uint32_t i = 0; i < create->line_count && i < PREFETCH_LINES; i++) {
        uint32_t sku = create->lines[i].sku;
        if (shard_owns(shard, sku_slot(sku))) {
            stock_prefetch(&shard->stock, sku);
        } else {
            catalogue_prefetch(shard->catalogue, sku);
            flies = true;
        }
    }
    return flies;
}

static void prefetch_cells(const struct shard *shard, const struct order_create *create)
{
    for (uint32_t i = 0; i < create->line_count && i < PREFETCH_LINES; i++)
        stock_prefetch_cell(&shard->stock, create->lines[i].sku);
}

/* Twice over the batch: where the buyers' newest orders and the SKUs' cells are is known when the
 * first pass's lines have come. */
void shard_prefetch(const struct shard *shard, struct request *requests, uint32_t count)
{
    const struct orders *orders = &shard->orders;
    for (struct request *request = requests; request < requests + count; request++) {
        struct text order = command_order(request->command);
        const struct order_create *create = create_of(request->command);
        request->order_hash = order.bytes > 0 ? key_hash(order) : 0;
        table_prefetch(&orders->by_id, request->order_hash);
        if (create == NULL)
            continue;
        request->customer_hash = key_hash(order_create_text(create, ORDER_CUSTOMER));
        table_prefetch(&orders->by_customer, request->customer_hash);
        if (prefetch_skus(shard, create))
            table_prefetch(&shard->flights.by_id, request->order_hash);
    }
    for (const struct request *request = requests; request < requests + count; request++) {
        const struct order_create *create = create_of(request->command);
        if (create == NULL) {
            orders_prefetch_found(orders, request->order_hash);
            continue;
        }
        orders_prefetch_newest(orders, request->customer_hash);
        prefetch_cells(shard, create);
    }
}

static void prefetch_lines(const struct shard *shard, const struct hold_line *lines,
                           uint32_t line_count,
                           void (*prefetch)(const struct stock *stock, uint32_t sku))
{
    for (uint32_t i = 0; i < line_count && i < PREFETCH_LINES; i++)
        prefetch(&shard->stock, lines[i].sku);
}

/* A flight's head, and behind it what a short order has of lines, command and parts. */
enum { FLIGHT_FETCHED = 448, RECORD_FETCHED = 192 };
_Static_assert(sizeof(struct flight) < FLIGHT_FETCHED, "its head");

static void prefetch_bytes(const void *from, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes; at += 64)
        prefetch_line((const char *)from + at);
}

/* The order that a granted part may complete: nobody has looked there since its request came in. */
static void prefetch_flight(const struct shard *shard, const struct flight *flight, bool again)
{
    const struct orders *orders = &shard->orders;
    if (again) {
        orders_prefetch_newest(orders, flight->buyer.customer);
    } else {
        table_prefetch(&shard->flights.by_id, flight->id_hash);
        table_prefetch(&orders->by_id, flight->id_hash);
        prefetch_bytes(memory_at(&orders->records, flight->record), RECORD_FETCHED);
        table_prefetch(&orders->by_customer, flight->buyer.customer);
    }
    prefetch_lines(shard, flight_lines(flight), flight->line_count,
                   again ? stock_prefetch_cell : stock_prefetch);
}

static void prefetch_message(const struct shard *shard, const struct message *message, bool again)
{
    void (*prefetch)(const struct stock *, uint32_t) = again ? stock_prefetch_cell : stock_prefetch;
    if (message->kind == MESSAGE_HOLD) {
        const struct message_hold *hold = (const void *)message;
        prefetch_lines(shard, hold->lines, hold->ask.line_count, prefetch);
    } else if (message->kind == MESSAGE_SETTLE) {
        const struct message_slices *settle = (const void *)message;
        const struct slice_stock_units *lines = (const void *)(settle + 1);
        for (uint32_t i = 0; i < settle->slice_count && i < PREFETCH_LINES; i++)
            prefetch(&shard->stock, lines[i].sku);
    } else if (message->kind == MESSAGE_GRANTED) {
        const struct message_granted *granted = (const void *)message;
        prefetch_flight(shard, flight_at(&shard->flights, (uint32_t)granted->flight), again);
    }
}

void shard_prefetch_messages(const struct shard *shard, const struct message *const *messages,
                             uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct message_granted *granted = (const void *)messages[i];
        if (granted->head.kind == MESSAGE_GRANTED)
            prefetch_bytes(flight_at(&shard->flights, (uint32_t)granted->flight), FLIGHT_FETCHED);
    }
    for (uint32_t again = 0; again <= 1; again++)
        for (uint32_t i = 0; i < count; i++)
            prefetch_message(shard, messages[i], again != 0);
}
