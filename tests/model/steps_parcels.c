#include "tests/model/history.h"

#include "tests/unit/core/parcels.h"

/* What is said of a shipment, and why, is drawn from these; 0: it is not said. */
static const char *const sent[NAIVE_SENT][3] = {
    {NULL, "sf", "dhl"}, {NULL, "SF123", "tracking 9"}, {NULL, "express", "by night"}};
static const char *const reasons[] = {NULL, "too small", "nobody at home"};

/* ---- asking ----------------------------------------------------------------------------------------- */

static bool is_about_return(uint16_t op)
{
    return op >= OP_RETURN_CREATE && op <= OP_RETURN_CLOSE;
}

/* What a step may find: whether it moves a child in this state. */
static bool moves_on(uint16_t op, uint8_t state)
{
    static const struct {
        uint16_t op;
        uint32_t states;
    } from[] = {
        {OP_SHIPMENT_GET, ~0u},
        {OP_SHIPMENT_PICK, 1 << SHIPMENT_PLANNED},
        {OP_SHIPMENT_HAND_OVER, 1 << SHIPMENT_PLANNED | 1 << SHIPMENT_PICKING},
        {OP_SHIPMENT_DELIVER, 1 << SHIPMENT_HANDED_OVER | 1 << SHIPMENT_IN_TRANSIT |
                                  1 << SHIPMENT_DELAYED | 1 << SHIPMENT_LOST},
        {OP_SHIPMENT_FAIL, 1 << SHIPMENT_PLANNED | 1 << SHIPMENT_PICKING |
                               1 << SHIPMENT_HANDED_OVER | 1 << SHIPMENT_IN_TRANSIT |
                               1 << SHIPMENT_DELAYED | 1 << SHIPMENT_LOST},
        {OP_SHIPMENT_CANCEL,
         1 << SHIPMENT_PICKING | 1 << SHIPMENT_PICK_SHORT | 1 << SHIPMENT_CARRIER_REJECTED},
        {OP_SHIPMENT_RESOLVE, 1 << SHIPMENT_PICK_SHORT | 1 << SHIPMENT_CARRIER_REJECTED |
                                  1 << SHIPMENT_LOST | 1 << SHIPMENT_RETURNED_TO_SENDER},
        {OP_SHIPMENT_SCAN, 1 << SHIPMENT_HANDED_OVER | 1 << SHIPMENT_IN_TRANSIT |
                               1 << SHIPMENT_DELAYED | 1 << SHIPMENT_LOST},
        {OP_RETURN_GET, ~0u},
        {OP_RETURN_APPROVE, 1 << RETURN_REQUESTED},
        {OP_RETURN_REFUSE, 1 << RETURN_REQUESTED},
        {OP_RETURN_SHIP, 1 << RETURN_APPROVED},
        {OP_RETURN_RECEIVE, 1 << RETURN_APPROVED | 1 << RETURN_IN_TRANSIT},
        {OP_RETURN_INSPECT, 1 << RETURN_RECEIVED},
        {OP_RETURN_CLOSE, 1 << RETURN_APPROVED | 1 << RETURN_INSPECTED | 1 << RETURN_REFUNDING},
    };
    for (uint32_t i = 0; i < sizeof from / sizeof from[0]; i++)
        if (from[i].op == op)
            return state != 0 && (from[i].states >> state & 1) != 0;
    return false;
}

static uint8_t state_of(const struct naive_order *order, uint16_t op, uint32_t id)
{
    return is_about_return(op) ? order->parcels.returns[id].state
                               : order->parcels.shipments[id].state;
}

static uint32_t ids_of(uint16_t op)
{
    return is_about_return(op)        ? NAIVE_RETURNS
           : op == OP_SHIPMENT_CREATE ? NAIVE_SHIPMENTS
                                      : NAIVE_PARCELS;
}

/* Whether the order has what the step is about. */
static bool has_it(const struct naive_order *order, uint16_t op)
{
    bool delivered = false;
    bool moves = false;
    for (uint32_t i = 0; i < order->line_count; i++)
        delivered |= naive_delivered(order, i) > 0;
    for (uint32_t id = 1; id <= ids_of(op); id++)
        moves |= moves_on(op, state_of(order, op, id));
    if (op == OP_SHIPMENT_CREATE)
        return order->state == ORDER_PAID || order->state == ORDER_PARTIALLY_SHIPPED ||
               order->state == ORDER_SHIP_FAILED;
    return op == OP_RETURN_CREATE ? delivered : moves;
}

/* One of those that have it, not always the newest; or now and then any. */
static uint32_t draw_order(struct history *h, uint16_t op)
{
    uint32_t count = h->naive.order_count, back = (uint32_t)draw(h, draw(h, 3) == 0 ? 400 : 60);
    bool any = draw(h, 40) == 0;
    for (uint32_t i = 0; i < 400 && !any; i++) {
        uint32_t order = count - 1 - (back + i) % 400;
        if (order < count && h->naive.orders[order].placed && has_it(&h->naive.orders[order], op))
            return order;
    }
    return back < count ? count - 1 - back : count;
}

static bool creates(uint16_t op)
{
    return op == OP_SHIPMENT_CREATE || op == OP_RETURN_CREATE;
}

/* Mostly one that the step can move; of a create, mostly a new one. */
static uint8_t draw_id(struct history *h, const struct naive_order *order, uint16_t op)
{
    uint8_t id = (uint8_t)(1 + draw(h, ids_of(op)));
    if (draw(h, 16) == 0)
        return id;
    bool any = draw(h, 5) == 0;
    for (uint32_t tries = 0; tries < 20; tries++) {
        uint8_t state = state_of(order, op, id);
        if (creates(op) ? state == 0 : any ? state != 0 : moves_on(op, state))
            break;
        id = (uint8_t)(1 + draw(h, ids_of(op)));
    }
    return id;
}

static void draw_lines(struct history *h, struct naive_parcel_ask *ask,
                       const struct naive_order *order)
{
    bool returns = is_about_return(ask->op);
    for (uint32_t i = 0; i < order->line_count && draw(h, 3) != 0; i++) {
        uint32_t most = returns ? naive_delivered(order, i) : naive_left(order, i);
        if (draw(h, 3) == 0 && draw(h, 4) != 0)
            continue;
        ask->lines[ask->line_count++] = (struct naive_parcel_line){
            .line = i + 1, .units = 1 + (uint32_t)draw(h, most + (most == 0 || draw(h, 10) == 0))};
    }
}

static void draw_judgement(struct history *h, struct naive_parcel_ask *ask,
                           const struct naive_order *order)
{
    const struct naive_return *r = &order->parcels.returns[ask->id];
    bool none = r->kind != RETURN_EXCHANGE && draw(h, 2) == 0;
    for (uint32_t i = 0; i < order->line_count && draw(h, 10) != 0; i++) {
        if (r->units[i] == 0)
            continue;
        uint32_t accepted = none || draw(h, 3) == 0 ? 0 : (uint32_t)draw(h, r->units[i] + 1);
        ask->lines[ask->line_count++] = (struct naive_parcel_line){
            .line = i + 1,
            .units = accepted,
            .rejected = r->units[i] - accepted + (draw(h, 4) == 0),
        };
    }
}

/* Any, or one that nobody has. */
static uint8_t draw_warehouse(struct history *h)
{
    return draw(h, 5) == 0 ? NAIVE_WAREHOUSES + 1 : (uint8_t)draw(h, NAIVE_WAREHOUSES);
}

/* What every command may say, but for those that only look and for scans. */
static void draw_texts(struct history *h, struct naive_parcel_ask *ask)
{
    bool says =
        ask->op != OP_SHIPMENT_GET && ask->op != OP_RETURN_GET && ask->op != OP_SHIPMENT_SCAN;
    bool sends = ask->op == OP_SHIPMENT_CREATE || ask->op == OP_SHIPMENT_HAND_OVER;
    if (!says)
        return;
    if (draw(h, creates(ask->op) ? 4 : 2) == 0)
        ask->key = (uint8_t)(1 + draw(h, NAIVE_PARCEL_KEYS));
    ask->reason = draw(h, 2) == 0 ? 0 : (uint8_t)draw(h, 3);
    ask->too_old = draw(h, 12) == 0;
    ask->eta = ask->op == OP_SHIPMENT_CREATE && draw(h, 2) == 0;
    for (uint32_t i = 0; i < NAIVE_SENT && sends; i++)
        ask->sent[i] = draw(h, 2) == 0 ? 0 : (uint8_t)draw(h, 3);
}

static struct naive_parcel_ask draw_ask(struct history *h, uint16_t op,
                                        const struct naive_order *order)
{
    struct naive_parcel_ask ask = {.op = op, .warehouse = NAIVE_WAREHOUSES};
    ask.id = draw_id(h, order, op);
    draw_texts(h, &ask);
    if (op == OP_SHIPMENT_CREATE && draw(h, 8) == 0)
        ask.warehouse = draw_warehouse(h);
    if ((op == OP_SHIPMENT_CREATE || op == OP_RETURN_CREATE) && draw(h, 2) == 0)
        draw_lines(h, &ask, order);
    if (op == OP_RETURN_INSPECT && draw(h, 3) != 0)
        draw_judgement(h, &ask, order);
    if (op == OP_SHIPMENT_FAIL)
        ask.choice = (uint8_t)(FAIL_PICK_SHORT + draw(h, draw(h, 3) == 0 ? 2 : 5));
    if (op == OP_SHIPMENT_RESOLVE)
        ask.choice = draw(h, 2) == 0 ? RESOLVE_REFUND : RESOLVE_RESHIP;
    if (op == OP_RETURN_CREATE)
        ask.choice = (uint8_t)(draw(h, 2) == 0 ? RETURN_EXCHANGE : RETURN_GOODS + draw(h, 2));
    if (op == OP_RETURN_INSPECT || op == OP_SHIPMENT_RESOLVE)
        if (draw(h, ask.choice == RESOLVE_REFUND ? 20 : 2) == 0)
            ask.warehouse = draw_warehouse(h);
    if (op == OP_SHIPMENT_SCAN) {
        ask.scan = (uint8_t)(draw(h, 3) == 0 ? 0 : draw(h, NAIVE_SCAN_CODES));
        ask.scan_at = 1 + draw(h, 4);
    }
    return ask;
}

/* What one of the newest orders has done with a key, as it was or nearly so; false: none has. */
static bool draw_done(struct history *h, uint16_t op, uint32_t *number,
                      struct naive_parcel_ask *ask)
{
    uint32_t count = h->naive.order_count, skip = (uint32_t)draw(h, 3);
    for (uint32_t back = 1; back <= count && back <= 400; back++)
        for (uint32_t key = 1; key <= NAIVE_PARCEL_KEYS; key++) {
            *ask = h->naive.orders[count - back].parcels.keys[key];
            *number = count - back;
            if (ask->op != op || skip-- > 0)
                continue;
            ask->too_old = draw(h, 2) == 0;
            if (draw(h, 3) == 0)
                ask->reason = (uint8_t)((ask->reason + 1) % 3); /* another body */
            return true;
        }
    return false;
}

/* As it was asked before, or nearly so. */
static void draw_again(struct history *h, struct naive_parcel_ask *ask,
                       const struct naive_order *order)
{
    uint32_t id = 1 + (uint32_t)draw(h, NAIVE_SHIPMENTS);
    bool ships = ask->op == OP_SHIPMENT_CREATE;
    if (!creates(ask->op) || draw(h, 3) != 0)
        return;
    for (uint32_t tries = 0; tries < 10 && state_of(order, ask->op, id) == 0; tries++)
        id = 1 + (uint32_t)draw(h, NAIVE_SHIPMENTS);
    if (state_of(order, ask->op, id) == 0)
        return;
    *ask = ships ? order->parcels.shipments[id].asked : order->parcels.returns[id].asked;
    if (draw(h, 2) == 0)
        return;
    if (ask->line_count > 0)
        ask->lines[0].units++;
    else if (ships)
        ask->warehouse = (uint8_t)((ask->warehouse + 1) % NAIVE_WAREHOUSES);
    else
        ask->choice = ask->choice == RETURN_GOODS ? RETURN_EXCHANGE : RETURN_GOODS;
}

/* ---- what core says ---------------------------------------------------------------------------------- */

static void name_child(const struct history *h, const struct naive_parcel_ask *ask, uint32_t number,
                       char out[16])
{
    const struct naive_shipment *shipments = h->naive.orders[number].parcels.shipments;
    bool is_return = is_about_return(ask->op);
    if (!is_return && ask->id > NAIVE_SHIPMENTS)
        snprintf(out, 16, "exchange-%02u", shipments[ask->id].number);
    else
        snprintf(out, 16, "%c-%u", is_return ? 'r' : 's', ask->id);
}

static const struct result *send(struct history *h, const struct step *step, uint32_t number,
                                 const struct naive_parcel_ask *ask, enum code expected)
{
    union shop_command command;
    char order[16], id[16], warehouse[8], key[8];
    snprintf(order, sizeof order, "o-%u", number);
    name_child(h, ask, number, id);
    snprintf(warehouse, sizeof warehouse, "w%u", ask->warehouse);
    tell(h, "%s %s %s, choice %u, %u lines, key %u, reason %u%s", step->name, order, id,
         ask->choice, ask->line_count, ask->key, ask->reason, ask->too_old ? ", too old" : "");
    if (ask->op == OP_SHIPMENT_SCAN) {
        parcel_scan_of(&command, order, id, naive_scan_codes[ask->scan], ask->scan_at);
        return agree(h, step, &command.head, expected);
    }
    struct parcel_said said = {
        .order = order, .id = id, .choice = ask->choice, .line_count = ask->line_count};
    for (uint32_t i = 0; i < ask->line_count; i++)
        said.lines[i] = (struct parcel_line){.line = ask->lines[i].line,
                                             .units = ask->lines[i].units,
                                             .rejected = ask->lines[i].rejected};
    if (ask->warehouse != NAIVE_WAREHOUSES)
        said.texts[PARCEL_WAREHOUSE] = warehouse;
    for (uint32_t i = 0; i < NAIVE_SENT; i++)
        said.texts[PARCEL_CARRIER + i] = sent[i][ask->sent[i]];
    snprintf(key, sizeof key, "q-%u", ask->key);
    said.texts[PARCEL_KEY] = ask->key != 0 ? key : NULL;
    said.texts[PARCEL_REASON] = reasons[ask->reason];
    parcel_of(&command, (enum op)ask->op, &said);
    command.parcel.issued_at_ns = ask->too_old ? 1 : 0;
    command.parcel.eta_ns = ask->eta;
    return agree(h, step, &command.head, expected);
}

static void compare_sent(const struct history *h, const struct naive_shipment *s,
                         const struct child_shipment *child)
{
    const struct parcel_scan *scans = (const void *)(child->lines + child->line_count);
    const uint8_t bytes[1 + NAIVE_SENT] = {child->head.id_bytes, child->head.note_bytes,
                                           child->tracking_bytes, child->method_bytes};
    for (uint32_t i = 0; i < NAIVE_SENT; i++) {
        struct text text = text_nth((const char *)(scans + child->scan_count), bytes, 1 + i);
        const char *said = sent[i][s->sent[i]] != NULL ? sent[i][s->sent[i]] : "";
        if (text.bytes != strlen(said) || memcmp(text.at, said, text.bytes) != 0)
            disagree(h, "a shipment says %.*s in core, %s in the model", (int)text.bytes, text.at,
                     said);
    }
}

static void compare_child(const struct history *h, const struct naive_order *order,
                          const struct child *child, uint8_t number)
{
    bool is_return = child->kind == CHILD_RETURN;
    uint8_t state =
        is_return ? order->parcels.returns[number].state : order->parcels.shipments[number].state;
    if (child->state != state)
        disagree(h, "%s %u is %s in core, %s in the model", is_return ? "return" : "shipment",
                 number,
                 is_return ? return_state_name(child->state) : shipment_state_name(child->state),
                 is_return ? return_state_name(state) : shipment_state_name(state));
    if (!is_return)
        compare_sent(h, &order->parcels.shipments[number], (const void *)child);
}

void compare_parcels(const struct history *h, const struct naive_order *order,
                     const struct child *child)
{
    for (uint32_t i = 0; i < NAIVE_PARCELS && order->parcels.order[i] != 0; i++) {
        compare_child(h, order, child, order->parcels.order[i]);
        child = child_next(child);
    }
    for (uint32_t i = 0; i < NAIVE_RETURNS && order->parcels.return_order[i] != 0; i++) {
        compare_child(h, order, child, order->parcels.return_order[i]);
        child = child_next(child);
    }
}

/* Some of it has left, and the rest has not. */
static bool is_partly_sent(const struct naive_order *order)
{
    return order->state == ORDER_PARTIALLY_SHIPPED ||
           (order->state == ORDER_SHIP_FAILED && naive_has_shipped(order));
}

static uint32_t draw_partly_sent(struct history *h)
{
    uint32_t count = h->naive.order_count, skip = (uint32_t)draw(h, 6), order = count;
    for (uint32_t back = 1; back <= count && back <= 400; back++)
        if (is_partly_sent(&h->naive.orders[count - back])) {
            order = count - back;
            if (skip-- == 0)
                break;
        }
    return order;
}

static struct naive_parcel_ask draw_parcel(struct history *h, uint16_t op, bool partly,
                                           uint32_t *number)
{
    struct naive_parcel_ask ask;
    if (draw(h, 12) == 0 && draw_done(h, op, number, &ask))
        return ask;
    *number = partly ? draw_partly_sent(h) : draw_order(h, op);
    const struct naive_order *order = &h->naive.orders[*number];
    ask = draw_ask(h, op, order);
    draw_again(h, &ask, order);
    return ask;
}

/* What few get to do: an order of which some has left fails or goes on; a parcel that somebody has
 * looked at on its way changes. */
static bool moves_rare(const struct naive_order *before, const struct naive_order *after,
                       const struct naive_parcel_ask *ask)
{
    uint8_t from = state_of(before, ask->op, ask->id);
    bool on_its_way =
        !is_about_return(ask->op) && (from == SHIPMENT_IN_TRANSIT || from == SHIPMENT_LOST);
    return (is_partly_sent(before) && after->state != before->state) ||
           (is_partly_sent(before) && ask->op == OP_SHIPMENT_CREATE) ||
           (before->state == ORDER_SHIPPED && after->state == ORDER_PARTIALLY_SHIPPED) ||
           (on_its_way && state_of(after, ask->op, ask->id) != from);
}

/* As for money: what brings about an answer of the step's, or a move that few make. */
static struct naive_parcel_ask draw_wished(struct history *h, const struct step *step,
                                           uint32_t *number)
{
    uint16_t code = draw_code(h, step);
    bool wants_move = !is_about_return(step->op) && draw(h, 2) == 0;
    bool partly = wants_move && draw(h, 2) == 0;
    struct naive_parcel_ask ask = draw_parcel(h, step->op, partly, number);
    for (uint32_t tries = draw(h, 3) == 0 ? 0 : 40; tries > 0; tries--) {
        const struct naive_order *order = &h->naive.orders[*number];
        struct trial trial;
        trial_begin(h, *number, &trial);
        enum code answer = naive_parcel(&h->naive, *number, &ask);
        bool fits = answer == code;
        if (wants_move)
            fits = answer <= CODE_CREATED && moves_rare(&trial.order, order, &ask);
        trial_end(h, &trial);
        if (fits)
            break;
        ask = draw_parcel(h, step->op, partly, number);
    }
    return ask;
}

static void ask_parcel(struct history *h, const struct step *step)
{
    uint32_t number;
    struct naive_parcel_ask ask = draw_wished(h, step, &number);
    struct naive_order *order = &h->naive.orders[number];
    if (step->op == OP_SHIPMENT_SCAN && order->parcels.shipments[ask.id].scan_count == NAIVE_SCANS)
        return;
    bool promises = step->op == OP_RETURN_INSPECT || step->op == OP_SHIPMENT_RESOLVE;
    if (promises && naive_exchanges_full(order))
        return;
    enum code expected = naive_parcel(&h->naive, number, &ask);
    h->moved_over |= order->closed_ns != 0;
    const struct result_child *result = (const void *)send(h, step, number, &ask, expected);
    if (expected != CODE_OK && expected != CODE_CREATED && expected != CODE_REPLAYED)
        return;
    if (result->order_version != order->version || result->order_state != order->state)
        disagree(h, "the order is %s, version %u in core; %s, %u in the model",
                 order_state_name(result->order_state), result->order_version,
                 order_state_name(order->state), order->version);
    if (expected != CODE_REPLAYED || !creates(ask.op))
        compare_child(h, order, result_children(result), ask.id);
}

/* All of an order at once: so that enough of them can be sent. */
static void pay(struct history *h, const struct step *step)
{
    uint32_t number = 0;
    char id[16];
    bool found = false;
    for (uint32_t tries = 0; tries < 40 && !found && h->naive.order_count > 0; tries++) {
        uint32_t back = 1 + (uint32_t)draw(h, 40);
        number = back <= h->naive.order_count ? h->naive.order_count - back : 0;
        const struct naive_order *order = &h->naive.orders[number];
        found = order->state == ORDER_PENDING_PAYMENT && order->money.payment_count == 0 &&
                naive_total(order) > 0;
    }
    if (!found)
        return;
    snprintf(id, sizeof id, "o-%u", number);
    tell(h, "order %s is paid at once", id);
    for (uint32_t i = 0; i < 2; i++) {
        union shop_command command;
        bool creates = i == 0;
        uint16_t op = creates ? OP_PAYMENT_CREATE : OP_PAYMENT_CAPTURE;
        int64_t amount = naive_total(&h->naive.orders[number]);
        const struct naive_ask asked = {
            .op = op, .payment = 1, .method = creates, .amount = creates ? amount : MONEY_NOT_SAID};
        const struct shop_money said = {.order = id,
                                        .payment = "p-1",
                                        .method = creates ? "alipay" : NULL,
                                        .amount = creates ? amount : 0};
        shop_money_of(&command, (enum op)op, &said);
        agree(h, step, &command.head, naive_money(&h->naive, number, &asked));
    }
}

#define PARCEL_STEP(label, number, often, ...)                                                     \
    {                                                                                              \
        .name = (label), .take = ask_parcel, .weight = (often), .op = (number), .codes = {         \
            __VA_ARGS__,                                                                           \
            CODE_NOT_FOUND,                                                                        \
            0xffff                                                                                 \
        }                                                                                          \
    }
/* Of a step that may have a key, and that its child's state may not allow. */
#define MOVED CODE_OK, CODE_REPLAYED, CODE_KEY_REUSED, CODE_ILLEGAL, CODE_EXPIRED_REQUEST

const struct step parcel_steps[] = {
    {.name = "order, paid at once",
     .take = pay,
     .weight = 22,
     .codes = {CODE_CREATED, CODE_OK, 0xffff}},
    PARCEL_STEP("shipment.create", OP_SHIPMENT_CREATE, 24, CODE_CREATED, CODE_REPLAYED,
                CODE_KEY_REUSED, CODE_ILLEGAL, CODE_INVALID, CODE_LIMIT, CODE_EXPIRED_REQUEST),
    PARCEL_STEP("shipment.get", OP_SHIPMENT_GET, 2, CODE_OK),
    PARCEL_STEP("shipment.pick", OP_SHIPMENT_PICK, 8, MOVED),
    PARCEL_STEP("shipment.handover", OP_SHIPMENT_HAND_OVER, 14, MOVED),
    PARCEL_STEP("shipment.deliver", OP_SHIPMENT_DELIVER, 10, MOVED),
    PARCEL_STEP("shipment.fail", OP_SHIPMENT_FAIL, 12, MOVED),
    PARCEL_STEP("shipment.cancel", OP_SHIPMENT_CANCEL, 10, MOVED),
    PARCEL_STEP("shipment.resolve", OP_SHIPMENT_RESOLVE, 32, MOVED, CODE_INVALID, CODE_OUT_OF_STOCK,
                CODE_UNKNOWN_WAREHOUSE),
    PARCEL_STEP("shipment.scans", OP_SHIPMENT_SCAN, 24, CODE_OK),
    PARCEL_STEP("return.create", OP_RETURN_CREATE, 26, CODE_CREATED, CODE_REPLAYED, CODE_KEY_REUSED,
                CODE_INVALID, CODE_LIMIT, CODE_EXPIRED_REQUEST),
    PARCEL_STEP("return.get", OP_RETURN_GET, 2, CODE_OK),
    PARCEL_STEP("return.approve", OP_RETURN_APPROVE, 12, MOVED),
    PARCEL_STEP("return.refuse", OP_RETURN_REFUSE, 10, MOVED),
    PARCEL_STEP("return.ship", OP_RETURN_SHIP, 22, MOVED),
    PARCEL_STEP("return.receive", OP_RETURN_RECEIVE, 22, MOVED),
    PARCEL_STEP("return.inspect", OP_RETURN_INSPECT, 36, MOVED, CODE_INVALID, CODE_OUT_OF_STOCK,
                CODE_UNKNOWN_WAREHOUSE),
    PARCEL_STEP("return.close", OP_RETURN_CLOSE, 14, MOVED),
    {.name = NULL},
};
