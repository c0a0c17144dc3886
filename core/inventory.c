#include "core/inventory.h"

#include <string.h>

#include "core/answer.h"
#include "core/digest.h"

/* ---- a request taken apart --------------------------------------------------------------------- */

/* A change of one cell, whichever command it came in. */
struct change {
    const struct request *request;
    enum event_kind kind;
    uint32_t sku_number;
    uint32_t warehouse;
    uint64_t digest;
    uint64_t issued_at_ns;
    uint64_t if_version; /* STOCK_ANY_VERSION: not said */
    struct text warehouse_name;
    struct text key;
    struct text reason;
    const struct stock_sku *sku;
    const struct stock_cell *cell; /* NULL: never had any there */
    struct slice_stock_change slice;
    int64_t delta;
    uint64_t missing;
};

static uint64_t digest_receive(const struct stock_receive *receive)
{
    uint64_t hash = digest(&receive->ok_units, 2 * sizeof receive->ok_units, OP_STOCK_RECEIVE);
    return digest(&receive->sku, receive->head.bytes - offsetof(struct stock_receive, sku), hash);
}

static uint64_t digest_change(const struct stock_change *change)
{
    uint64_t hash = digest(&change->units, sizeof change->units, change->head.op);
    return digest(&change->if_version,
                  change->head.bytes - offsetof(struct stock_change, if_version), hash);
}

static struct change from_receive(const struct request *request)
{
    const struct stock_receive *receive = (const void *)request->command;
    const char *texts = (const char *)(receive + 1);
    return (struct change){
        .request = request,
        .kind = EVENT_STOCK_RECEIVED,
        .sku_number = receive->sku,
        .digest = digest_receive(receive),
        .issued_at_ns = receive->issued_at_ns,
        .if_version = STOCK_ANY_VERSION,
        .warehouse_name = {texts, receive->warehouse_bytes},
        .key = {texts + receive->warehouse_bytes, receive->key_bytes},
    };
}

static enum event_kind kind_of(uint16_t op)
{
    switch (op) {
    case OP_STOCK_EXPECT:
        return EVENT_STOCK_EXPECTED;
    case OP_STOCK_ADJUST:
        return EVENT_STOCK_ADJUSTED;
    case OP_STOCK_QUARANTINE:
        return EVENT_STOCK_QUARANTINED;
    case OP_STOCK_CLEAR:
        return EVENT_STOCK_CLEARED;
    case OP_STOCK_WRITE_OFF:
        return EVENT_STOCK_WRITTEN_OFF;
    default:
        CHECK(op == OP_STOCK_COUNT);
        return EVENT_STOCK_COUNTED;
    }
}

static struct change from_change(const struct request *request)
{
    const struct stock_change *change = (const void *)request->command;
    const char *texts = (const char *)(change + 1);
    return (struct change){
        .request = request,
        .kind = kind_of(change->head.op),
        .sku_number = change->sku,
        .digest = digest_change(change),
        .issued_at_ns = change->issued_at_ns,
        .if_version = change->if_version,
        .warehouse_name = {texts, change->warehouse_bytes},
        .key = {texts + change->warehouse_bytes, change->key_bytes},
        .reason = {texts + change->warehouse_bytes + change->key_bytes, change->reason_bytes},
    };
}

/* ---- what it does ------------------------------------------------------------------------------ */

static int64_t free_units(const struct change *c)
{
    return c->cell != NULL ? (int64_t)c->cell->free : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void receive(struct change *c, const struct stock_receive *receive)
{
    int64_t units = (int64_t)(receive->ok_units + receive->damaged_units);
    int64_t incoming = c->cell != NULL ? (int64_t)c->cell->incoming : 0;
    c->slice.free = (int64_t)receive->ok_units;
    c->slice.quarantined = (int64_t)receive->damaged_units;
    c->slice.received = units;
    c->slice.incoming = -least(incoming, units);
    c->delta = units;
}

static void adjust(struct change *c, int64_t units)
{
    c->slice.free = units;
    c->slice.adjusted = units;
    c->delta = units;
}

static void expect(struct change *c, int64_t units)
{
    c->slice.incoming = units;
}

static void quarantine(struct change *c, int64_t units)
{
    c->slice.free = -units;
    c->slice.quarantined = units;
}

static void write_off(struct change *c, int64_t units)
{
    c->slice.quarantined = -units;
    c->slice.written_off = units;
    c->delta = -units;
}

/* What is counted against what is on hand: a surplus is free; of a lack, as much as free units
 * cover is taken at once, and the rest is missing. */
static void count(struct change *c, int64_t counted)
{
    int64_t on_hand = c->cell != NULL ? (int64_t)stock_on_hand(c->cell) : 0;
    int64_t was_missing = c->cell != NULL ? (int64_t)c->cell->missing : 0;
    int64_t delta = counted - on_hand;
    int64_t taken = delta < 0 ? -least(-delta, free_units(c)) : delta;
    c->slice.free = taken;
    c->slice.adjusted = taken;
    c->slice.missing = taken - delta - was_missing;
    c->delta = delta;
    c->missing = (uint64_t)(taken - delta);
}

static void fill_slice(struct change *c)
{
    const struct command *command = c->request->command;
    const struct stock_change *change = (const void *)command;
    switch (command->op) {
    case OP_STOCK_RECEIVE:
        receive(c, (const void *)command);
        break;
    case OP_STOCK_EXPECT:
        expect(c, change->units);
        break;
    case OP_STOCK_ADJUST:
        adjust(c, change->units);
        break;
    case OP_STOCK_QUARANTINE:
        quarantine(c, change->units);
        break;
    case OP_STOCK_CLEAR:
        quarantine(c, -change->units);
        break;
    case OP_STOCK_WRITE_OFF:
        write_off(c, change->units);
        break;
    default:
        CHECK(command->op == OP_STOCK_COUNT);
        count(c, change->units);
        break;
    }
}

/* Free units may be held for the moment: then it is worth another try. */
static enum code keeps_above_zero(const struct change *c)
{
    int64_t quarantined = c->cell != NULL ? (int64_t)c->cell->quarantined : 0;
    int64_t held = c->cell != NULL ? (int64_t)c->cell->held : 0;
    if (quarantined + c->slice.quarantined < 0 || free_units(c) + held + c->slice.free < 0)
        return CODE_OUT_OF_STOCK;
    return free_units(c) + c->slice.free < 0 ? CODE_BUSY : CODE_OK;
}

/* Sums over a shard stay far from the ends of 64 bits. */
static bool is_too_much(const struct shard *shard, const struct change *c)
{
    const int64_t most = INT64_MAX / 4;
    int64_t sum = shard->stock.on_hand;
    return c->slice.free > most - sum || c->slice.quarantined > most - sum ||
           (c->cell != NULL && c->slice.incoming > most - (int64_t)c->cell->incoming);
}

/* ---- deciding ---------------------------------------------------------------------------------- */

static void answer_change(struct shard *shard, struct turn *turn, const struct change *c,
                          enum code code)
{
    struct result_change *result =
        answer(shard, turn, c->request, code, RESULT_CHANGE, sizeof *result);
    const struct stock_cell *cell = stock_cell(&shard->stock, c->sku, c->warehouse);
    result->delta = c->delta;
    result->missing = c->missing;
    result->task_ns = c->missing > 0 ? cell->task_ns : 0;
}

/* CODE_OK: it can be done, and the slice is complete. */
static enum code decide(const struct shard *shard, const struct turn *turn, struct change *c)
{
    if (is_too_old(shard, turn, c->issued_at_ns))
        return CODE_EXPIRED_REQUEST;
    c->cell = stock_cell(&shard->stock, c->sku, c->warehouse);
    if (c->if_version != STOCK_ANY_VERSION &&
        c->if_version != (c->cell != NULL ? c->cell->version : 0))
        return CODE_STALE;
    fill_slice(c);
    enum code code = keeps_above_zero(c);
    if (code == CODE_OK && is_too_much(shard, c))
        code = CODE_OVERFLOW;
    if (code != CODE_OK)
        return code;
    bool room = stock_has_cell_room(&shard->stock, c->sku, c->warehouse) &&
                retries_have_room(&shard->retries);
    return room ? CODE_OK : CODE_FULL;
}

static void *add_slice(struct turn *turn, struct event *event, uint32_t slot, enum slice_kind kind,
                       const struct slice *from, uint32_t bytes)
{
    struct slice *slice = event_add(turn, event, slot, kind, bytes);
    memcpy(slice + 1, from + 1, bytes - sizeof *slice);
    return slice;
}

static bool opens_task(const struct change *c)
{
    return c->missing > 0 && (c->cell == NULL || c->cell->missing == 0);
}

static void add_task(struct turn *turn, struct event *event, const struct change *c)
{
    struct slice_stock_task *task =
        event_add(turn, event, sku_slot(c->sku_number), SLICE_STOCK_TASK, sizeof *task);
    task->opened_ns = turn->now_ns;
    task->sku = c->sku_number;
    task->warehouse = (uint8_t)c->warehouse;
}

static void emit(struct shard *shard, struct turn *turn, struct change *c, struct retry_key key)
{
    struct event *event = shard_event(shard, turn, c->kind, c->request->caller);
    uint32_t slot = sku_slot(c->sku_number);
    struct slice_retry retry = {
        .key = key,
        .digest = c->digest,
        .at_ns = turn->now_ns,
        .facts = {(uint64_t)c->delta, c->missing},
        .owner = c->sku_number,
        .code = CODE_OK,
    };
    c->slice.sku = c->sku_number;
    c->slice.warehouse = (uint8_t)c->warehouse;
    c->slice.stays = c->slice.free == 0 && c->slice.quarantined == 0 && c->slice.missing == 0;
    c->slice.reason_bytes = (uint8_t)c->reason.bytes;
    struct slice_stock_change *slice =
        event_add(turn, event, slot, SLICE_STOCK_CHANGE, (uint32_t)sizeof *slice + c->reason.bytes);
    struct slice head = slice->head;
    *slice = c->slice;
    slice->head = head;
    text_put((char *)(slice + 1), c->reason);
    if (opens_task(c))
        add_task(turn, event, c);
    add_slice(turn, event, slot, SLICE_RETRY, &retry.head, sizeof retry);
    shard_apply(shard, turn, event);
}

static void answer_known(struct shard *shard, struct turn *turn, struct change *c,
                         const struct retry *known)
{
    c->delta = (int64_t)known->facts[0];
    c->missing = known->facts[1];
    answer_change(shard, turn, c, CODE_REPLAYED);
}

static void change_stock(struct shard *shard, struct turn *turn, struct change *c)
{
    c->sku = stock_sku(&shard->stock, c->sku_number);
    c->warehouse = topology_find(&shard->topology, c->warehouse_name);
    if (c->sku == NULL || c->warehouse == WAREHOUSES_MAX) {
        answer_plain(shard, turn, c->request,
                     c->sku == NULL ? CODE_UNKNOWN_SKU : CODE_UNKNOWN_WAREHOUSE);
        return;
    }
    struct retry_key key = retry_key(c->request->caller, c->key);
    const struct retry *known = retry_find(&shard->retries, c->sku_number, key);
    if (known != NULL) {
        if (known->digest == c->digest || shard->options.bug[BUG_OTHER_BODY_REPLAYED])
            answer_known(shard, turn, c, known);
        else
            answer_plain(shard, turn, c->request, CODE_KEY_REUSED);
        return;
    }
    enum code code = decide(shard, turn, c);
    if (code != CODE_OK) {
        answer_plain(shard, turn, c->request, code);
        return;
    }
    emit(shard, turn, c, key);
    answer_change(shard, turn, c, CODE_OK);
}

/* ---- policy ------------------------------------------------------------------------------------ */

static enum code policy_refusal(const struct shard *shard, const struct stock_policy *policy,
                                const struct stock_sku *sku, uint32_t warehouse)
{
    if (sku == NULL)
        return CODE_UNKNOWN_SKU;
    if (warehouse == WAREHOUSES_MAX)
        return CODE_UNKNOWN_WAREHOUSE;
    const struct stock_cell *cell = stock_cell(&shard->stock, sku, warehouse);
    if (policy->if_version != STOCK_ANY_VERSION &&
        policy->if_version != (cell != NULL ? cell->version : 0))
        return CODE_STALE;
    return stock_has_cell_room(&shard->stock, sku, warehouse) ? CODE_OK : CODE_FULL;
}

static void emit_policy(struct shard *shard, struct turn *turn, const struct request *request,
                        uint32_t warehouse)
{
    const struct stock_policy *policy = (const void *)request->command;
    struct event *event = shard_event(shard, turn, EVENT_STOCK_POLICY, request->caller);
    struct slice_stock_policy *slice =
        event_add(turn, event, sku_slot(policy->sku), SLICE_STOCK_POLICY, sizeof *slice);
    slice->safety = policy->safety;
    slice->reorder_point = policy->reorder_point;
    slice->sku = policy->sku;
    slice->warehouse = (uint8_t)warehouse;
    shard_apply(shard, turn, event);
}

static void set_policy(struct shard *shard, struct turn *turn, const struct request *request)
{
    const struct stock_policy *policy = (const void *)request->command;
    struct text name = {(const char *)(policy + 1), policy->warehouse_bytes};
    uint32_t warehouse = topology_find(&shard->topology, name);
    enum code code =
        policy_refusal(shard, policy, stock_sku(&shard->stock, policy->sku), warehouse);
    if (code == CODE_OK)
        emit_policy(shard, turn, request, warehouse);
    answer_plain(shard, turn, request, code);
}

void inventory_request(struct shard *shard, struct turn *turn, const struct request *request)
{
    if (request->command->op == OP_STOCK_POLICY) {
        set_policy(shard, turn, request);
        return;
    }
    struct change change =
        request->command->op == OP_STOCK_RECEIVE ? from_receive(request) : from_change(request);
    change_stock(shard, turn, &change);
}

/* ---- levels ------------------------------------------------------------------------------------ */

bool inventory_has_work(const struct shard *shard)
{
    return shard->stock.level_first != 0;
}

/* No more can be missing than is on hand: units that are thought missing, and leave all the same (they
 * are shipped, or written off from quarantine), were there. */
static bool misses_too_much(const struct stock_cell *cell)
{
    return cell->missing > 0 && (cell->free > 0 || cell->missing > stock_on_hand(cell));
}

static void write_off_missing(struct shard *shard, struct turn *turn, const struct stock_sku *sku,
                              const struct stock_cell *cell)
{
    int64_t missing = least((int64_t)cell->missing, (int64_t)stock_on_hand(cell));
    int64_t units = least((int64_t)cell->free, missing);
    struct event *event = shard_event(shard, turn, EVENT_STOCK_FOUND_MISSING, (struct text){"", 0});
    struct slice_stock_change *slice =
        event_add(turn, event, sku_slot(sku->sku), SLICE_STOCK_CHANGE, sizeof *slice);
    slice->sku = sku->sku;
    slice->warehouse = cell->warehouse;
    slice->free = -units;
    slice->missing = missing - units - (int64_t)cell->missing;
    slice->adjusted = -units;
    shard_apply(shard, turn, event);
}

static void warn(struct shard *shard, struct turn *turn, const struct stock_sku *sku,
                 const struct stock_cell *cell, bool low)
{
    struct event *event = shard_event(
        shard, turn, low ? EVENT_STOCK_WARNING : EVENT_STOCK_RECOVERED, (struct text){"", 0});
    struct slice_stock_warning *slice =
        event_add(turn, event, sku_slot(sku->sku), SLICE_STOCK_WARNING, sizeof *slice);
    slice->sku = sku->sku;
    slice->warehouse = cell->warehouse;
    slice->warned = low;
    shard_apply(shard, turn, event);
}

/* True: it had something to say; it may have more. */
static bool look_at_levels(struct shard *shard, struct turn *turn, const struct stock_sku *sku)
{
    const struct stock_cell *cell = NULL;
    while ((cell = stock_next_cell(&shard->stock, sku, cell)) != NULL) {
        if (misses_too_much(cell) && !shard->options.bug[BUG_MISSING_STAYS]) {
            write_off_missing(shard, turn, sku, cell);
            return true;
        }
        if (stock_is_low(cell) != cell->warned) {
            warn(shard, turn, sku, cell, !cell->warned);
            return true;
        }
    }
    return false;
}

void inventory_work(struct shard *shard, struct turn *turn)
{
    const struct stock_sku *sku = stock_level_next(&shard->stock);
    if (!look_at_levels(shard, turn, sku))
        stock_level_done(&shard->stock);
}
