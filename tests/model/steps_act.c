/* What somebody decides about an order as a whole, or some of its lines: cancel, review, confirm. */
#include "tests/model/history.h"

static const char *const reasons[] = {"", "changed my mind", "a test"};

/* Some of it has left, and the rest cannot. */
static bool is_stuck(const struct naive_order *order)
{
    return order->state == ORDER_SHIP_FAILED && naive_has_shipped(order);
}

/* Where a step may find something to do. */
static bool moves(uint16_t op, const struct naive_order *order)
{
    switch (op) {
    case OP_ORDER_REVIEW:
        return order->state == ORDER_IN_REVIEW;
    case OP_ORDER_CONFIRM:
        return order->state == ORDER_DELIVERED;
    default:
        return order->state == ORDER_PARTIALLY_SHIPPED || is_stuck(order);
    }
}

static bool was_done(uint16_t op, const struct naive_order *order)
{
    for (uint32_t key = 1; key <= NAIVE_ACT_KEYS; key++)
        if (order->acts[key].op == op)
            return true;
    return false;
}

/* One that the step moves, or has moved, or any of the newest. */
static uint32_t draw_order(struct history *h, uint16_t op)
{
    uint32_t count = h->naive.order_count, skip = (uint32_t)draw(h, 3);
    uint64_t how = draw(h, 8);
    bool stuck = op == OP_ORDER_CANCEL && draw(h, 3) != 0;
    for (uint32_t back = 1; back <= count && back <= 300 && how < 6; back++) {
        const struct naive_order *order = &h->naive.orders[count - back];
        bool fits = how >= 4 ? was_done(op, order) : stuck ? is_stuck(order) : moves(op, order);
        if (order->placed && fits && skip-- == 0)
            return count - back;
    }
    uint32_t back = 1 + (uint32_t)draw(h, draw(h, 3) == 0 ? count + 1 : 20);
    return back <= count ? count - back : count;
}

static void draw_lines(struct history *h, struct naive_act *act, const struct naive_order *order)
{
    for (uint32_t i = 0; i < order->line_count; i++) {
        uint32_t left = order->placed ? naive_left(order, i) : 1;
        if (draw(h, 2) != 0)
            continue;
        act->lines[act->line_count].line = i + 1 + (draw(h, 20) == 0);
        act->lines[act->line_count++].units =
            draw(h, 4) == 0 && left > 0 ? left : 1 + (uint32_t)draw(h, 4);
        if (act->lines[act->line_count - 1].line > i + 1)
            break; /* lines are named in their order */
    }
}

static struct naive_act draw_act(struct history *h, const struct step *step,
                                 const struct naive_order *order)
{
    struct naive_act act = {.op = step->op,
                            .reason = (uint8_t)draw(h, 3),
                            .too_old = draw(h, 25) == 0,
                            .key = draw(h, 2) == 0 ? 0 : (uint8_t)(1 + draw(h, NAIVE_ACT_KEYS))};
    if (act.op == OP_ORDER_REVIEW)
        act.decision = draw(h, 2) == 0 ? REVIEW_ACCEPT : REVIEW_REJECT;
    if (act.op == OP_ORDER_CANCEL && draw(h, is_stuck(order) ? 8 : 2) == 0)
        draw_lines(h, &act, order);
    if (act.line_count > 0 && act.key == 0)
        act.key = (uint8_t)(1 + draw(h, NAIVE_ACT_KEYS)); /* lines are cancelled with a key */
    for (uint32_t key = 1; key <= NAIVE_ACT_KEYS; key++) {
        if (order->acts[key].op != act.op || draw(h, 2) == 0)
            continue;
        act = order->acts[key]; /* again, as it was or nearly so */
        act.too_old = draw(h, 2) == 0;
        act.reason = (uint8_t)((act.reason + (draw(h, 3) == 0)) % 3);
        break;
    }
    return act;
}

static void cancel_of(union shop_command *command, const char *id, const char *key,
                      const struct naive_act *act)
{
    struct order_cancel *cancel = &command->cancel;
    const char *const texts[] = {id, reasons[act->reason], key};
    memset(command, 0, sizeof *cancel + NAIVE_LINES * sizeof cancel->lines[0] + 64);
    cancel->line_count = act->line_count;
    cancel->id_bytes = (uint8_t)strlen(id);
    cancel->reason_bytes = (uint8_t)strlen(texts[1]);
    cancel->key_bytes = (uint8_t)strlen(key);
    for (uint32_t i = 0; i < act->line_count; i++)
        cancel->lines[i] = (struct cancel_line){act->lines[i].line, act->lines[i].units};
    char *at = (char *)(cancel->lines + act->line_count);
    for (uint32_t i = 0; i < 3; at += strlen(texts[i++]))
        memcpy(at, texts[i], strlen(texts[i]));
    cancel->issued_at_ns = act->too_old ? 1 : 0;
    shop_head(&command->head, OP_ORDER_CANCEL, (size_t)(at - (char *)cancel));
}

static void act_of(union shop_command *command, const char *id, const char *key,
                   const struct naive_act *act)
{
    const char *const texts[ACT_TEXTS] = {
        [ACT_ORDER] = id, [ACT_REASON] = reasons[act->reason], [ACT_KEY] = key};
    memset(command, 0, sizeof command->act + 64);
    char *at = (char *)(&command->act + 1);
    for (uint32_t i = 0; i < ACT_TEXTS; at += strlen(texts[i++])) {
        command->act.text_bytes[i] = (uint8_t)strlen(texts[i]);
        memcpy(at, texts[i], strlen(texts[i]));
    }
    command->act.decision = act->decision;
    command->act.issued_at_ns = act->too_old ? 1 : 0;
    shop_head(&command->head, act->op, (size_t)(at - (char *)&command->act));
}

/* What would be over at once, within a tick: there is no moment to compare. */
static bool is_over_at_once(const struct history *h, const struct naive_order *order,
                            const struct naive_act *act)
{
    return act->decision == REVIEW_ACCEPT && order->buyer.pay_by_ns != 0 &&
           order->buyer.pay_by_ns <= h->naive.now_ns;
}

static void decide(struct history *h, const struct step *step)
{
    union shop_command command;
    char id[16], key[8] = "";
    uint32_t number = draw_order(h, step->op);
    struct naive_order *order = &h->naive.orders[number];
    struct naive_act act = draw_act(h, step, order);
    if (is_over_at_once(h, order, &act))
        return;
    snprintf(id, sizeof id, "o-%u", number);
    if (act.key != 0)
        snprintf(key, sizeof key, "a-%u", act.key);
    tell(h, "%s %s, decision %u, %u lines, key %u, reason %u%s", step->name, id, act.decision,
         act.line_count, act.key, act.reason, act.too_old ? ", too old" : "");
    if (act.op == OP_ORDER_CANCEL)
        cancel_of(&command, id, key, &act);
    else
        act_of(&command, id, key, &act);
    enum code expected = naive_act(&h->naive, number, &act);
    agree(h, step, &command.head, expected);
}

#define ACT_STEP(label, number, often, ...)                                                        \
    {                                                                                              \
        .name = (label), .take = decide, .weight = (often), .op = (number), .codes = {             \
            CODE_OK,                                                                               \
            CODE_REPLAYED,                                                                         \
            CODE_KEY_REUSED,                                                                       \
            CODE_NOT_FOUND,                                                                        \
            CODE_EXPIRED_REQUEST,                                                                  \
            __VA_ARGS__,                                                                           \
            0xffff                                                                                 \
        }                                                                                          \
    }

const struct step act_steps[] = {
    ACT_STEP("order.cancel", OP_ORDER_CANCEL, 30, CODE_ILLEGAL, CODE_INVALID),
    ACT_STEP("order.review", OP_ORDER_REVIEW, 13, CODE_ILLEGAL),
    ACT_STEP("order.confirm", OP_ORDER_CONFIRM, 8, CODE_ILLEGAL),
    {.name = NULL},
};
