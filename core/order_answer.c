#include <string.h>

#include "core/order_record.h"
#include "core/payment.h"
#include "core/return.h"
#include "core/shipment.h"
#include "core/turn.h"

inline void order_answer_placed(const struct order *order, int64_t total, struct turn *turn,
                                uint32_t self, struct origin origin, uint64_t request,
                                enum code code)
{
    struct result_placed *result = turn_answer(turn, self, origin, request, code,
                                               RESULT_ORDER_PLACED, (uint32_t)sizeof *result);
    result->total = total;
    result->version = 1;
    result->state = (uint8_t)order->first_state;
}

/* A remainder's are its own affair. */
static uint32_t shown_adjustments(const struct order *order)
{
    return order->is_remainder ? 0 : order->adjustment_count;
}

static void write_lines(struct result_order *result, const struct orders *orders,
                        const struct order *order)
{
    for (uint32_t i = 0; i < order->line_count; i++) {
        result->lines[i] = (struct result_line){
            .sku = order_line_sku(order, i),
            .units = order_line_placed(order, i),
            .unit_price = order_line_price(order, i),
            .shipped = order_line_progress(orders, order, i).shipped,
            .returned = order_line_progress(orders, order, i).returned,
            .cancelled = order_line_progress(orders, order, i).cancelled,
            .warehouse = (uint8_t)order_line_warehouse(order, i),
        };
    }
    struct adjustment *adjustments = (void *)(result->lines + order->line_count);
    for (uint32_t i = 0; i < shown_adjustments(order); i++)
        adjustments[i] = (struct adjustment){.amount = order_amount(order_adjustments(order)[i]),
                                             .kind = (uint8_t)order_adjustments(order)[i]};
}

static void write_texts(struct result_order *result, const struct order_unpacked *unpacked)
{
    struct adjustment *adjustments = (void *)(result->lines + result->line_count);
    char *at = (char *)(adjustments + result->adjustment_count);
    for (uint32_t i = 0; i < ORDER_TEXTS + 2; i++) {
        memcpy(at, unpacked->text[i].at, unpacked->text[i].bytes);
        at += unpacked->text[i].bytes;
    }
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        result->text_bytes[i] = (uint8_t)unpacked->text[i].bytes;
    result->created_by_bytes = (uint8_t)unpacked->text[ORDER_TEXTS].bytes;
    result->modified_by_bytes = (uint8_t)unpacked->text[ORDER_TEXTS + 1].bytes;
}

/* Up to where its children's begin. */
static uint32_t own_answer_bytes(const struct order *order, uint32_t text_bytes)
{
    uint32_t bytes = (uint32_t)sizeof(struct result_order) + text_bytes;
    bytes += order->line_count * (uint32_t)sizeof(struct result_line);
    bytes += shown_adjustments(order) * (uint32_t)sizeof(struct adjustment);
    return bytes_padded(bytes);
}

uint32_t order_answer_bytes(const struct orders *orders, const struct order *order)
{
    struct order_unpacked unpacked;
    uint32_t text_bytes = order_unpack(&unpacked, orders, order);
    return own_answer_bytes(order, text_bytes) + payments_answer_bytes(orders, order) +
           shipments_answer_bytes(orders, order) + returns_answer_bytes(orders, order);
}

void order_write(const struct orders *orders, const struct order *order,
                 struct result_order *result)
{
    struct order_unpacked unpacked;
    uint32_t own_bytes = own_answer_bytes(order, order_unpack(&unpacked, orders, order));
    result->total = order_total(orders, order);
    result->stage_ns[STAGE_CREATED] = order->created_ns;
    const struct order_more *more = order_more(orders, order);
    if (more != NULL)
        memcpy(&result->stage_ns[STAGE_REVIEWED], more->stage_ns, sizeof more->stage_ns);
    if (order->first_state == ORDER_PAID)
        result->stage_ns[STAGE_PAID] = order->created_ns;
    if (order_state_is_terminal((enum order_state)order->state))
        result->stage_ns[STAGE_CLOSED] = order->timer.deadline_ns;
    result->expires_ns = order_deadline_ns(order);
    result->version = order->version;
    result->currency = order_currency(order);
    result->line_count = (uint16_t)order->line_count;
    result->adjustment_count = (uint8_t)shown_adjustments(order);
    result->state = (uint8_t)order->state;
    write_lines(result, orders, order);
    write_texts(result, &unpacked);
    char *children = (char *)result + own_bytes;
    uint32_t count = payments_answer(orders, order, children);
    children += payments_answer_bytes(orders, order);
    count += shipments_answer(orders, order, children);
    children += shipments_answer_bytes(orders, order);
    result->child_count = (uint16_t)(count + returns_answer(orders, order, children));
}

void order_answer(const struct orders *orders, const struct order *order, struct turn *turn,
                  uint32_t self, struct origin origin, uint64_t request, enum code code)
{
    order_write(orders, order,
                turn_answer(turn, self, origin, request, code, RESULT_ORDER,
                            order_answer_bytes(orders, order)));
}
