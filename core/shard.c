#include "core/shard.h"

#include "core/answer.h"
#include "core/attempt.h"
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
#include "core/review.h"
#include "core/shelf.h"
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

/* ---- what comes in ----------------------------------------------------------------------------- */

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
        shard_apply_effect(shard, (const void *)message);
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

/* ---- time -------------------------------------------------------------------------------------- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

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
    forget_remembered(shard, turn);
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
    return has_work(shard)
               ? 0
               : earlier(timers_next_ns(&shard->orders.timers), forget_remembered_ns(shard));
}

/* ---- what it knows ----------------------------------------------------------------------------- */

bool shard_last_event(const struct shard *shard, struct text id, struct position *position)
{
    uint32_t record = order_find(&shard->orders, id, key_hash(id));
    if (record != 0)
        *position = order_position(order_at(&shard->orders, record));
    return record != 0;
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
