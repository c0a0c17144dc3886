#include "core/shard.h"

#include <string.h>

#include "core/answer.h"
#include "core/attempt.h"
#include "core/digest.h"
#include "core/forget.h"
#include "core/grant.h"
#include "core/inventory.h"
#include "core/judge.h"
#include "core/list.h"
#include "core/logistics.h"
#include "core/money.h"
#include "core/move.h"
#include "core/parcel.h"
#include "core/place.h"
#include "core/prefetch.h"
#include "core/refund.h"
#include "core/return.h"
#include "core/review.h"
#include "core/shelf.h"
#include "core/shipment.h"
#include "core/sku.h"
#include "core/takeback.h"
#include "core/transport.h"

/* ---- memory ------------------------------------------------------------------------------------ */

const char *shard_table_name(enum shard_table table)
{
    switch (table) {
    case SHARD_TABLE_NONE:
        break;
    case SHARD_TABLE_ORDERS:
        return "orders";
    case SHARD_TABLE_ORDER_BYTES:
        return "order bytes";
    case SHARD_TABLE_SKUS:
        return "SKUs";
    case SHARD_TABLE_CELLS:
        return "stock cells";
    case SHARD_TABLE_RETRIES:
        return "retry keys";
    case SHARD_TABLE_LIMITS:
        return "limits per buyer";
    case SHARD_TABLE_TRANSFERS:
        return "transfers";
    }
    return "none";
}

static size_t padded_to_line(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

size_t shard_bytes(const struct shard_options *options)
{
    return padded_to_line(sizeof(struct shard)) + padded_to_line(stock_bytes(options)) +
           padded_to_line(orders_bytes(options)) + padded_to_line(retries_bytes(options)) +
           padded_to_line(flights_bytes(options)) + RECORD_BYTES_MAX;
}

struct shard *shard_init(void *zeroed_memory, const struct shard_options *options,
                         struct catalogue *catalogue)
{
    CHECK((uintptr_t)zeroed_memory % 64 == 0);
    struct shard *shard = zeroed_memory;
    char *at = (char *)zeroed_memory + padded_to_line(sizeof *shard);
    shard->options = *options;
    shard->catalogue = catalogue;
    stock_init(&shard->stock, at, options);
    at += padded_to_line(stock_bytes(options));
    orders_init(&shard->orders, at, options);
    at += padded_to_line(orders_bytes(options));
    retries_init(&shard->retries, at, options);
    at += padded_to_line(retries_bytes(options));
    flights_init(&shard->flights, at, options);
    waiters_init(&shard->waiters, &shard->flights.memory, &shard->stock);
    shard->record_space = (uint8_t *)at + padded_to_line(flights_bytes(options));
    return shard;
}

/* ---- events ------------------------------------------------------------------------------------ */

inline struct event *shard_event(struct shard *shard, struct turn *turn, enum event_kind kind,
                                 struct text by)
{
    (void)shard;
    uint32_t bytes = (uint32_t)sizeof(struct event) + bytes_padded(by.bytes);
    struct event *event = pile_extend(&turn->events, bytes);
    *event = (struct event){
        .bytes = bytes,
        .kind = (uint16_t)kind,
        .at_ns = turn->now_ns,
        .logic_version = LOGIC_VERSION,
        .by_bytes = (uint8_t)by.bytes,
    };
    if (by.bytes > 0)
        memcpy(event + 1, by.at, by.bytes);
    return event;
}

/* Somebody may be waiting for what has just changed, and it may have reached a level: of most SKUs
 * neither. */
static inline void look_again(struct shard *shard, struct stock_sku *sku)
{
    stock_touched(&shard->stock, sku);
    if (sku->wait_first != 0)
        waiters_changed(&shard->waiters, sku->sku);
}

static enum shard_table apply_stock(struct shard *shard, const struct slice *slice)
{
    enum shard_table full = stock_apply(&shard->stock, slice);
    if (full == SHARD_TABLE_NONE)
        look_again(shard, stock_sku_at(&shard->stock, stock_slice_sku(slice)));
    return full;
}

enum shard_table shard_apply_slice(struct shard *shard, struct position position,
                                   const struct event *event, const struct slice *slice)
{
    if (slice_is_of_stock(slice))
        return apply_stock(shard, slice);
    switch (slice->kind) {
    case SLICE_PAYMENT:
        return payment_apply(&shard->orders, position, event, (const void *)slice);
    case SLICE_REFUND:
        return refund_apply(&shard->orders, position, event, (const void *)slice);
    case SLICE_SHIPMENT:
    case SLICE_SHIPMENT_MOVED:
    case SLICE_SHIPMENT_SCANNED:
        return shipment_apply(&shard->orders, position, event, slice);
    case SLICE_RETURN:
    case SLICE_RETURN_MOVED:
        return return_apply(&shard->orders, position, event, slice);
    case SLICE_RETRY:
    case SLICE_RETRY_FORGOTTEN:
        return retry_apply(&shard->retries, slice);
    case SLICE_WAREHOUSE_PUT:
    case SLICE_REGION_COSTS:
        topology_apply(&shard->topology, slice);
        return SHARD_TABLE_NONE;
    case SLICE_RULES_PUT:
        rules_apply(&shard->rules, slice);
        return SHARD_TABLE_NONE;
    default:
        return order_apply(&shard->orders, position, event, slice);
    }
}

/* Live, what takes free units has held them until now. */
static enum shard_table apply_live(struct shard *shard, struct position position,
                                   const struct event *event, const struct slice *slice)
{
    if (slice->kind == SLICE_STOCK_TAKE) {
        shard_settle(shard, (const void *)slice);
        return SHARD_TABLE_NONE;
    }
    return shard_apply_slice(shard, position, event, slice);
}

/* Slices of one kind of target in one message, in the order in which they stand in the event. */
static void send_slices(struct shard *shard, struct turn *turn, const struct event *event,
                        uint32_t target, bool all)
{
    uint32_t bytes = 0;
    uint32_t count = 0;
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        if (all || shard->options.slot_shard[slice->slot] == target) {
            bytes += slice->bytes;
            count++;
        }
    struct message_slices *message = turn_send(turn, shard->options.shard, target, MESSAGE_SLICES,
                                               (uint32_t)sizeof *message + bytes);
    message->slice_count = count;
    char *at = (char *)(message + 1);
    slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        if (all || shard->options.slot_shard[slice->slot] == target) {
            memcpy(at, slice, slice->bytes);
            at += slice->bytes;
        }
}

void shard_apply(struct shard *shard, struct turn *turn, const struct event *event)
{
    struct position position = {0, (uint16_t)turn->event_count++};
    uint64_t targets = 0;
    bool all = shard_concerns_all(event);
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        if (shard_owns(shard, slice->slot))
            CHECK(apply_live(shard, position, event, slice) == SHARD_TABLE_NONE);
        else
            targets |= UINT64_C(1) << shard->options.slot_shard[slice->slot];
    }
    if (targets == 0 && !all)
        return;
    for (uint32_t target = 0; target < shard->options.shard_count; target++)
        if ((targets >> target & 1) || (all && target != shard->options.shard))
            send_slices(shard, turn, event, target, all);
}

inline void shard_take(struct shard *shard, const struct slice_stock_units *line)
{
    struct stock_sku *sku = stock_sku_at(&shard->stock, line->sku);
    CHECK(stock_take(&shard->stock, sku, line) == SHARD_TABLE_NONE);
    look_again(shard, sku);
}

void shard_settle(struct shard *shard, const struct slice_stock_units *line)
{
    struct stock_promise promise = stock_promise_of(line);
    stock_give_back(&shard->stock, &promise);
    shard_take(shard, line);
}

void shard_unhold(struct shard *shard, const struct hold_buyer *buyer,
                  const struct hold_line *lines, uint32_t line_count)
{
    hold_drop(&shard->stock, buyer, lines, line_count);
    for (uint32_t i = 0; i < line_count; i++)
        look_again(shard, stock_sku_at(&shard->stock, lines[i].sku));
}

bool shard_sku_terms(struct shard *shard, uint32_t sku, struct sku_terms *out)
{
    if (shard_owns(shard, sku_slot(sku))) {
        const struct stock_sku *own = stock_sku(&shard->stock, sku);
        if (own != NULL)
            *out = (struct sku_terms){own->list_price, own->currency, own->flags};
        return own != NULL;
    }
    struct catalogue_sku entry;
    if (!catalogue_facts(shard->catalogue, sku, &entry))
        return false;
    if (entry.seen > shard->seen)
        shard->seen = entry.seen;
    *out = (struct sku_terms){entry.list_price, entry.currency, entry.flags};
    return true;
}

/* ---- commands ---------------------------------------------------------------------------------- */

static void get_order(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct order_get *get = (const void *)request->command;
    struct text id = {(const char *)(get + 1), get->id_bytes};
    uint32_t record = order_find(&shard->orders, id, key_hash(id));
    if (record == 0)
        answer_plain(shard, turn, request, CODE_NOT_FOUND);
    else
        order_answer(&shard->orders, order_at(&shard->orders, record), turn, shard->options.shard,
                     request->origin, request->command->request, CODE_OK);
}

bool shard_last_event(const struct shard *shard, struct text id, struct position *position)
{
    uint32_t record = order_find(&shard->orders, id, key_hash(id));
    if (record != 0)
        *position = order_position(order_at(&shard->orders, record));
    return record != 0;
}

/* ---- what comes in ----------------------------------------------------------------------------- */

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

static bool has_work(const struct shard *shard)
{
    return place_has_work(shard) || inventory_has_work(shard);
}

/* What commands and messages leave to be done. */
static void work(struct shard *shard, struct turn *turn)
{
    while (has_work(shard) && turn_has_room(turn)) {
        if (inventory_has_work(shard))
            inventory_work(shard, turn);
        else
            place_work(shard, turn);
    }
}

void shard_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    if (turn->storage == STORAGE_SPENT && !command_only_looks(request->command)) {
        answer_plain(shard, turn, request, CODE_STORAGE_FULL);
        return;
    }
    switch ((enum op)request->command->op) {
    case OP_ORDER_CREATE:
        place_request(shard, turn, request);
        break;
    case OP_ORDER_GET:
        get_order(shard, turn, request);
        break;
    case OP_ORDER_LIST:
        list_request(shard, turn, request);
        break;
    case OP_ORDER_CANCEL:
        move_cancel(shard, turn, request);
        break;
    case OP_PAYMENT_CREATE:
    case OP_PAYMENT_GET:
    case OP_PAYMENT_AUTHORIZE:
    case OP_PAYMENT_CAPTURE:
    case OP_PAYMENT_FAIL:
    case OP_PAYMENT_VOID:
    case OP_PAYMENT_LOSE:
    case OP_REFUND_CREATE:
    case OP_REFUND_PROCESS:
    case OP_REFUND_SUCCEED:
    case OP_REFUND_FAIL:
    case OP_REFUND_LOSE:
    case OP_PAYMENT_NOTICE:
        money_request(shard, turn, request);
        break;
    case OP_SKU_PUT:
    case OP_SKU_GET:
    case OP_SKU_RESOLVE:
        sku_request(shard, turn, request);
        break;
    case OP_STOCK_GET:
    case OP_CELL_LIST:
        shelf_request(shard, turn, request);
        break;
    case OP_TRANSFER_SHIP:
    case OP_TRANSFER_RECEIVE:
    case OP_TRANSFER_GET:
        transport_request(shard, turn, request);
        break;
    case OP_STOCK_RECEIVE:
    case OP_STOCK_EXPECT:
    case OP_STOCK_ADJUST:
    case OP_STOCK_QUARANTINE:
    case OP_STOCK_CLEAR:
    case OP_STOCK_WRITE_OFF:
    case OP_STOCK_COUNT:
    case OP_STOCK_POLICY:
        inventory_request(shard, turn, request);
        break;
    case OP_ORDER_REVIEW:
    case OP_ORDER_CONFIRM:
        review_request(shard, turn, request);
        break;
    case OP_SHIPMENT_CREATE:
    case OP_SHIPMENT_GET:
    case OP_SHIPMENT_PICK:
    case OP_SHIPMENT_HAND_OVER:
    case OP_SHIPMENT_DELIVER:
    case OP_SHIPMENT_FAIL:
    case OP_SHIPMENT_CANCEL:
    case OP_SHIPMENT_RESOLVE:
    case OP_SHIPMENT_SCAN:
        parcel_request(shard, turn, request);
        break;
    case OP_RETURN_CREATE:
    case OP_RETURN_GET:
    case OP_RETURN_APPROVE:
    case OP_RETURN_REFUSE:
    case OP_RETURN_SHIP:
    case OP_RETURN_RECEIVE:
    case OP_RETURN_INSPECT:
    case OP_RETURN_CLOSE:
        takeback_request(shard, turn, request);
        break;
    case OP_RULES_PUT:
        judge_put_rules(shard, turn, request);
        break;
    case OP_RULES_GET:
        judge_get_rules(shard, turn, request);
        break;
    case OP_ORDER_HISTORY: /* the log knows, not the shard: io/recall.h */
    case OP_STOCK_MOVEMENTS:
        answer_plain(shard, turn, request, CODE_NOT_FOUND);
        break;
    case OP_AUDIT:
        audit_request(shard, turn, request);
        break;
    case OP_WAREHOUSE_PUT:
    case OP_REGION_COSTS:
        logistics_request(shard, turn, request);
        break;
    }
    work(shard, turn);
}

static void settle_message(struct shard *shard, const struct message_slices *settle)
{
    const struct slice_stock_units *lines = (const void *)(settle + 1);
    for (uint32_t i = 0; i < settle->slice_count; i++) {
        shard_settle(shard, &lines[i]);
        if (shard->options.bug[BUG_SETTLED_TWICE])
            shard_take(shard, &lines[i]);
    }
}

static void slices_message(struct shard *shard, const struct message_slices *message)
{
    const struct slice *slice = (const void *)(message + 1);
    for (uint32_t i = 0; i < message->slice_count; i++, slice = slice_next(slice))
        CHECK(apply_live(shard, (struct position){0, 0}, NULL, slice) == SHARD_TABLE_NONE);
}

static void effect_message(struct shard *shard, const struct message_slices *message)
{
    struct audit_sides sides;
    audit_before(shard, message->head.from, &sides);
    if (message->head.kind == MESSAGE_SETTLE)
        settle_message(shard, message);
    else
        slices_message(shard, message);
    audit_after(shard, &sides);
}

void shard_message(struct shard *shard, struct turn *turn, const struct message *message)
{
    switch ((enum message_kind)message->kind) {
    case MESSAGE_HOLD:
    case MESSAGE_ASK_ABLE:
        grant_message(shard, turn, (const void *)message);
        break;
    case MESSAGE_GRANTED:
    case MESSAGE_SHORT:
    case MESSAGE_BUSY:
    case MESSAGE_ABLE:
        attempt_message(shard, turn, message);
        break;
    case MESSAGE_SETTLE:
    case MESSAGE_SLICES:
        effect_message(shard, (const void *)message);
        break;
    case MESSAGE_UNHOLD: {
        const struct message_unhold *unhold = (const void *)message;
        shard_unhold(shard, &unhold->buyer, unhold->lines, unhold->line_count);
        break;
    }
    case MESSAGE_MARKER:
        audit_marker(shard, turn, (const void *)message);
        break;
    case MESSAGE_AUDITED:
        audit_audited(shard, turn, (const void *)message);
        break;
    case MESSAGE_COMMAND:
    case MESSAGE_RESULT:
        CHECK(false); /* a message for core */
    }
    work(shard, turn);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the oldest retry key may go. A clock that went backwards only makes it stay. */
static uint64_t retry_forget_ns(const struct shard *shard)
{
    const struct retry *oldest = retries_oldest(&shard->retries);
    return oldest != NULL ? oldest->at_ns + shard->options.retry_window_ns + 1 : UINT64_MAX;
}

static uint64_t forget_ns(const struct shard *shard)
{
    return earlier(retry_forget_ns(shard), transport_forget_ns(shard));
}

static void forget_retry(struct shard *shard, struct turn *turn)
{
    const struct retry *oldest = retries_oldest(&shard->retries);
    struct event *event = shard_event(shard, turn, EVENT_RETRIES_FORGOTTEN, (struct text){"", 0});
    struct slice_retry_forgotten *slice =
        event_add(turn, event, oldest->slot, SLICE_RETRY_FORGOTTEN, sizeof *slice);
    slice->key = oldest->key;
    slice->owner = oldest->owner;
    shard_apply(shard, turn, event);
}

/* What was remembered for a time. */
static void forget(struct shard *shard, struct turn *turn)
{
    for (uint32_t i = 0; i < EXPIRE_MAX && turn_has_room(turn) && forget_ns(shard) <= turn->now_ns;
         i++) {
        if (retry_forget_ns(shard) <= turn->now_ns)
            forget_retry(shard, turn);
        else
            transport_forget(shard, turn);
    }
}

/* ---- time in which nobody was there ------------------------------------------------------------ */

/* Time that has passed without this shard: it was down, or the clock has jumped forward. */
static uint64_t missed_ns(const struct shard *shard, const struct turn *turn)
{
    uint64_t passed_ns = turn->now_ns > shard->awake_ns ? turn->now_ns - shard->awake_ns : 0;
    if (shard->awake_ns == 0 || turn->clock_ns == 0)
        return 0;
    if (shard->awake_clock_ns == 0)
        return passed_ns;
    uint64_t lived_ns = turn->clock_ns - shard->awake_clock_ns;
    return passed_ns > lived_ns ? passed_ns - lived_ns : 0;
}

static void extend_deadlines(struct shard *shard, struct turn *turn, uint64_t by_ns)
{
    struct event *event = shard_event(shard, turn, EVENT_DEADLINES_EXTENDED, (struct text){"", 0});
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++) {
        if (!shard_owns(shard, slot))
            continue;
        struct slice_deadlines_extended *slice =
            event_add(turn, event, slot, SLICE_DEADLINES_EXTENDED, sizeof *slice);
        slice->from_ns = shard->awake_ns;
        slice->by_ns = by_ns;
    }
    turn->event_count++;
    turn->extended_ns = by_ns;
    orders_extend(&shard->orders, event);
}

/* A second is what a clock may be set by without anybody noticing. */
static void wake(struct shard *shard, struct turn *turn)
{
    uint64_t by_ns = earlier(missed_ns(shard, turn), shard->options.expiry_grace_ns);
    if (by_ns >= UINT64_C(1000000000) && !shard->options.bug[BUG_DOWN_TIME_COUNTS] &&
        shard->orders.timers.running_count > 0)
        extend_deadlines(shard, turn, by_ns);
    if (turn->now_ns > shard->awake_ns)
        shard->awake_ns = turn->now_ns;
    shard->awake_clock_ns = turn->clock_ns;
}

void shard_expire(struct shard *shard, struct turn *turn)
{
    uint32_t budget = shard->options.bug[BUG_NEVER_EXPIRES] ? 0 : EXPIRE_MAX;
    if (turn_has_room(turn))
        wake(shard, turn);
    work(shard, turn);
    if (turn->storage == STORAGE_SPENT)
        return;
    forget(shard, turn);
    if (turn_has_room(turn))
        forget_orders(shard, turn);
    if (turn_has_room(turn))
        forget_windows(shard, turn);
    while (turn_has_room(turn)) {
        uint32_t record = timers_due(&shard->orders.timers, turn->now_ns, &budget);
        if (record == 0)
            break;
        move_expire(shard, turn, record);
        work(shard, turn);
    }
}

uint64_t shard_deadline_ns(const struct shard *shard)
{
    return has_work(shard) ? 0 : earlier(timers_next_ns(&shard->orders.timers), forget_ns(shard));
}

uint64_t shard_seen(const struct shard *shard)
{
    return shard->seen;
}

void shard_committed(struct shard *shard, uint64_t seq)
{
    orders_number(&shard->orders, seq);
    stock_publish(&shard->stock, shard->catalogue,
                  shard->options.bug[BUG_PUBLISHED_TOO_EARLY] ? seq - 1 : seq);
}

/* ---- looking at all of it ---------------------------------------------------------------------- */

struct text shard_warehouse(const struct shard *shard, uint32_t warehouse)
{
    return topology_name(&shard->topology, warehouse);
}

const char *shard_audit(const struct shard *shard)
{
    const char *wrong = stock_audit(&shard->stock);
    return wrong != NULL ? wrong : orders_audit(&shard->orders);
}

uint32_t shard_equations(const struct shard *shard, struct equation out[EQUATIONS_MAX])
{
    const struct stock *stock = &shard->stock;
    const struct stock_flows *flows = &stock->flows;
    out[0] = (struct equation){
        .name = "on_hand",
        .left = stock->on_hand + stock->in_transfer,
        .right = flows->received + flows->returned + flows->adjusted - flows->shipped -
                 flows->written_off,
    };
    out[1] = (struct equation){"reserved", stock->reserved, shard->orders.reserved_units};
    out[2] = (struct equation){"committed", stock->committed, shard->orders.committed_units};
    return 3;
}

struct shard_counts shard_counts(const struct shard *shard)
{
    return (struct shard_counts){
        .orders = shard->orders.by_id.used_count,
        .orders_max = shard->orders.count_max,
        .order_bytes = (uint64_t)shard->orders.records.used_count * MEMORY_GRANULE_BYTES,
        .order_bytes_max = (uint64_t)shard->orders.records.granule_count * MEMORY_GRANULE_BYTES,
        .skus = shard->stock.sku_count,
        .cells = shard->stock.cell_count,
        .retries = shard->retries.count,
        .limits = shard->stock.limits.count,
        .flights = shard->flights.count,
    };
}
