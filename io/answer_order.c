#include "io/answer_parts.h"

static void write_line(struct json_writer *writer, const struct http_server *server,
                       const struct result_line *line, uint32_t number)
{
    json_write_open(writer, '{');
    json_member_unsigned(writer, "line", number);
    member_sku(writer, server, line->sku);
    json_member_unsigned(writer, "units", line->units);
    json_member_integer(writer, "unit_price", line->unit_price);
    if (line->warehouse != WAREHOUSE_NONE)
        member_said(writer, "warehouse", shard_warehouse(server->shard, line->warehouse));
    json_member_unsigned(writer, "shipped", line->shipped);
    json_member_unsigned(writer, "returned", line->returned);
    json_member_unsigned(writer, "cancelled", line->cancelled);
    json_write_close(writer, '}');
}

static void write_lines(struct json_writer *writer, const struct http_server *server,
                        const struct result_line *lines, uint32_t line_count)
{
    json_member_open(writer, "lines", '[');
    for (uint32_t i = 0; i < line_count; i++)
        write_line(writer, server, &lines[i], i + 1);
    json_write_close(writer, ']');
}

static void write_adjustments(struct json_writer *writer, const struct result_order *order)
{
    static const char *const kinds[] = {"discount", "shipping", "tax", "fee", "other"};
    const struct adjustment *adjustments = result_order_adjustments(order);
    if (order->adjustment_count == 0)
        return;
    json_member_open(writer, "adjustments", '[');
    for (uint32_t i = 0; i < order->adjustment_count; i++) {
        json_write_open(writer, '{');
        json_member_text(writer, "kind", text_of(kinds[adjustments[i].kind]));
        json_member_integer(writer, "amount", adjustments[i].amount);
        json_write_close(writer, '}');
    }
    json_write_close(writer, ']');
}

static void write_stages(struct json_writer *writer, const struct result_order *order)
{
    static const char *const names[STAGES] = {
        [STAGE_CREATED] = "created", [STAGE_REVIEWED] = "reviewed",   [STAGE_PAID] = "paid",
        [STAGE_SHIPPED] = "shipped", [STAGE_DELIVERED] = "delivered", [STAGE_CLOSED] = "closed",
    };
    json_member_open(writer, "stages", '{');
    for (uint32_t i = 0; i < STAGES; i++)
        member_time(writer, names[i], order->stage_ns[i]);
    json_write_close(writer, '}');
}

static void write_texts(struct json_writer *writer, const struct result_order *order)
{
    static const struct {
        const char *name;
        enum order_text which;
    } texts[] = {{"channel", ORDER_CHANNEL},       {"region", ORDER_REGION},
                 {"pay_method", ORDER_PAY_METHOD}, {"campaign", ORDER_CAMPAIGN},
                 {"ship_to", ORDER_SHIP_TO},       {"delivery_method", ORDER_DELIVERY}};
    for (uint32_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        member_said(writer, texts[i].name, result_order_text(order, texts[i].which));
}

static struct text child_text(const struct child *child, uint32_t fixed_bytes, bool note)
{
    const char *at = (const char *)child + fixed_bytes;
    return note ? (struct text){at + child->id_bytes, child->note_bytes}
                : (struct text){at, child->id_bytes};
}

static void write_refund(struct json_writer *writer, struct text order_id,
                         const struct child_refund *refund)
{
    json_write_open(writer, '{');
    json_member_text(writer, "refund_id", child_text(&refund->head, sizeof *refund, false));
    member_said(writer, "order_id", order_id);
    json_member_text(writer, "state",
                     text_of(refund_state_name((enum refund_state)refund->head.state)));
    json_member_integer(writer, "amount", refund->amount);
    member_said(writer, "reason", child_text(&refund->head, sizeof *refund, true));
    member_time(writer, "created_at", refund->created_ns);
    json_write_close(writer, '}');
}

/* A payment and the refunds behind it; `end` is behind the last child. The child after them. */
static const struct child *write_payment(struct json_writer *writer, struct text order_id,
                                         const struct child *child, const struct child *end)
{
    const struct child_payment *payment = (const void *)child;
    json_write_open(writer, '{');
    json_member_text(writer, "payment_id", child_text(child, sizeof *payment, false));
    member_said(writer, "order_id", order_id);
    member_said(writer, "method", child_text(child, sizeof *payment, true));
    json_member_text(writer, "state",
                     text_of(payment_state_name((enum payment_state)child->state)));
    json_member_integer(writer, "amount", payment->amount);
    json_member_integer(writer, "authorized", payment->authorized);
    json_member_integer(writer, "captured", payment->captured);
    json_member_integer(writer, "refund_pending", payment->refund_pending);
    json_member_integer(writer, "refunded", payment->refunded);
    member_time(writer, "created_at", payment->created_ns);
    json_member_open(writer, "refunds", '[');
    for (child = child_next(child); child < end && child->kind == CHILD_REFUND;
         child = child_next(child))
        write_refund(writer, (struct text){NULL, 0}, (const void *)child);
    json_write_close(writer, ']');
    json_write_close(writer, '}');
    return child;
}

static void write_payments(struct json_writer *writer, const struct result_order *order)
{
    const struct child *child = result_order_children(order);
    const struct child *end = (const void *)((const char *)order + order->head.bytes);
    if (order->child_count == 0 || child->kind != CHILD_PAYMENT)
        return;
    json_member_open(writer, "payments", '[');
    while (child < end && child->kind == CHILD_PAYMENT)
        child = write_payment(writer, (struct text){NULL, 0}, child, end);
    json_write_close(writer, ']');
}

static void write_scans(struct json_writer *writer, const struct parcel_scan *scans, uint32_t count,
                        const char *texts)
{
    json_member_open(writer, "scans", '[');
    for (uint32_t i = 0; i < count; i++) {
        json_write_open(writer, '{');
        json_member_text(writer, "code", (struct text){texts, scans[i].code_bytes});
        texts += scans[i].code_bytes;
        member_time(writer, "at", scans[i].at_ns);
        member_said(writer, "place", (struct text){texts, scans[i].place_bytes});
        texts += scans[i].place_bytes;
        json_write_close(writer, '}');
    }
    json_write_close(writer, ']');
}

static void write_shipment(struct json_writer *writer, const struct http_server *server,
                           struct text order_id, const struct child *child)
{
    const struct child_shipment *shipment = (const void *)child;
    const struct parcel_scan *scans = (const void *)(shipment->lines + shipment->line_count);
    const char *texts = (const char *)(scans + shipment->scan_count);
    const char *tracking = texts + child->id_bytes + child->note_bytes;
    json_write_open(writer, '{');
    json_member_text(writer, "shipment_id", (struct text){texts, child->id_bytes});
    member_said(writer, "order_id", order_id);
    json_member_text(writer, "state",
                     text_of(shipment_state_name((enum shipment_state)child->state)));
    member_said(writer, "warehouse", shard_warehouse(server->shard, shipment->warehouse));
    member_said(writer, "carrier", (struct text){texts + child->id_bytes, child->note_bytes});
    member_said(writer, "tracking", (struct text){tracking, shipment->tracking_bytes});
    member_said(writer, "method",
                (struct text){tracking + shipment->tracking_bytes, shipment->method_bytes});
    member_time(writer, "eta", shipment->eta_ns);
    member_time(writer, "created_at", shipment->created_ns);
    member_time(writer, "changed_at", shipment->changed_ns);
    if (shipment->line_count > 0) {
        json_member_open(writer, "lines", '[');
        for (uint32_t i = 0; i < shipment->line_count; i++) {
            json_write_open(writer, '{');
            json_member_unsigned(writer, "line", shipment->lines[i].line);
            json_member_unsigned(writer, "units", shipment->lines[i].units);
            json_write_close(writer, '}');
        }
        json_write_close(writer, ']');
        write_scans(writer, scans, shipment->scan_count,
                    tracking + shipment->tracking_bytes + shipment->method_bytes);
    }
    json_write_close(writer, '}');
}

static void write_return(struct json_writer *writer, struct text order_id,
                         const struct child *child)
{
    static const char *const kinds[] = {"return", "refund_only", "exchange"};
    const struct child_return *back = (const void *)child;
    const char *texts = (const char *)(back->lines + back->line_count);
    json_write_open(writer, '{');
    json_member_text(writer, "return_id", (struct text){texts, child->id_bytes});
    member_said(writer, "order_id", order_id);
    json_member_text(writer, "kind", text_of(kinds[back->kind - RETURN_GOODS]));
    json_member_text(writer, "state", text_of(return_state_name((enum return_state)child->state)));
    member_said(writer, "reason", (struct text){texts + child->id_bytes, child->note_bytes});
    member_time(writer, "created_at", back->created_ns);
    member_time(writer, "changed_at", back->changed_ns);
    for (uint32_t i = 0; i < back->line_count; i++) {
        if (i == 0)
            json_member_open(writer, "lines", '[');
        json_write_open(writer, '{');
        json_member_unsigned(writer, "line", back->lines[i].line);
        json_member_unsigned(writer, "units", back->lines[i].units);
        json_member_unsigned(writer, "accepted", back->lines[i].accepted);
        json_member_unsigned(writer, "rejected", back->lines[i].rejected);
        json_write_close(writer, '}');
        if (i + 1 == back->line_count)
            json_write_close(writer, ']');
    }
    json_write_close(writer, '}');
}

static void write_parcels(struct json_writer *writer, const struct http_server *server,
                          const struct result_order *order, enum child_kind kind, const char *key)
{
    const struct child *child = result_order_children(order);
    const struct child *end = (const void *)((const char *)order + order->head.bytes);
    bool is_open = false;
    for (; order->child_count > 0 && child < end; child = child_next(child)) {
        if (child->kind != kind)
            continue;
        if (!is_open)
            json_member_open(writer, key, '[');
        is_open = true;
        if (kind == CHILD_SHIPMENT)
            write_shipment(writer, server, (struct text){NULL, 0}, child);
        else
            write_return(writer, (struct text){NULL, 0}, child);
    }
    if (is_open)
        json_write_close(writer, ']');
}

void answer_write_child(struct json_writer *writer, const struct http_server *server,
                        const struct result_child *result, bool refund)
{
    struct text order_id = {(const char *)(result + 1), result->order_bytes};
    const struct child *first = result_children(result);
    const struct child *end = (const void *)((const char *)result + result->head.bytes);
    if (refund)
        write_refund(writer, order_id, (const void *)child_next(first));
    else if (first->kind == CHILD_SHIPMENT)
        write_shipment(writer, server, order_id, first);
    else if (first->kind == CHILD_RETURN)
        write_return(writer, order_id, first);
    else
        write_payment(writer, order_id, first, end);
}

void answer_write_order(struct json_writer *writer, const struct http_server *server,
                        const struct result_order *order)
{
    json_write_open(writer, '{');
    json_member_text(writer, "order_id", result_order_text(order, ORDER_ID));
    json_member_text(writer, "state", text_of(order_state_name(order->state)));
    json_member_unsigned(writer, "version", order->version);
    json_member_integer(writer, "total", order->total);
    member_currency(writer, order->currency);
    json_member_text(writer, "customer", result_order_text(order, ORDER_CUSTOMER));
    write_texts(writer, order);
    write_lines(writer, server, order->lines, order->line_count);
    write_adjustments(writer, order);
    write_stages(writer, order);
    write_payments(writer, order);
    write_parcels(writer, server, order, CHILD_SHIPMENT, "shipments");
    write_parcels(writer, server, order, CHILD_RETURN, "returns");
    json_member_text(writer, "created_by", result_order_text(order, ORDER_TEXTS));
    json_member_text(writer, "modified_by", result_order_text(order, ORDER_TEXTS + 1));
    member_time(writer, "expires_at", order->expires_ns);
    json_write_close(writer, '}');
}

void answer_write_quote(struct json_writer *writer, const struct http_server *server,
                        const struct result_quote *quote)
{
    json_write_open(writer, '{');
    json_member_text(writer, "state", text_of(order_state_name(quote->state)));
    json_member_integer(writer, "total", quote->total);
    member_currency(writer, quote->currency);
    write_lines(writer, server, quote->lines, quote->line_count);
    json_write_close(writer, '}');
}

void answer_write_placed(struct json_writer *writer, const struct result_placed *placed)
{
    json_write_open(writer, '{');
    json_member_text(writer, "state", text_of(order_state_name(placed->state)));
    json_member_unsigned(writer, "version", placed->version);
    json_member_integer(writer, "total", placed->total);
    json_write_close(writer, '}');
}
