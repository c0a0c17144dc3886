#include "io/answers.h"

#include "io/problem.h"
#include "io/routes.h"
#include "io/time_text.h"

#include <stdio.h>
#include <string.h>

/* ---- parts ------------------------------------------------------------------------------------- */

static void member_sku(struct json_writer *writer, const struct http_server *server, uint32_t sku)
{
    struct catalogue_sku entry;
    struct text code = {NULL, 0};
    if (catalogue_read(server->catalogue, sku, &entry))
        code = (struct text){entry.code, entry.code_bytes};
    json_member_text(writer, "sku", code);
}

static void member_currency(struct json_writer *writer, uint32_t currency)
{
    const char letters[3] = {(char)(currency & 0xff), (char)(currency >> 8 & 0xff),
                             (char)(currency >> 16 & 0xff)};
    json_member_text(writer, "currency", (struct text){letters, 3});
}

static void member_time(struct json_writer *writer, const char *key, uint64_t ns)
{
    char text[TIME_TEXT_BYTES_MAX];
    if (ns != 0)
        json_member_text(writer, key, time_text_print(ns, text));
}

static void member_said(struct json_writer *writer, const char *key, struct text text)
{
    if (text.bytes > 0)
        json_member_text(writer, key, text);
}

/* ---- orders ------------------------------------------------------------------------------------ */

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
    json_write_key(writer, "lines");
    json_write_open(writer, '[');
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
    json_write_key(writer, "adjustments");
    json_write_open(writer, '[');
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
    json_write_key(writer, "stages");
    json_write_open(writer, '{');
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
    json_write_key(writer, "refunds");
    json_write_open(writer, '[');
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
    json_write_key(writer, "payments");
    json_write_open(writer, '[');
    while (child < end && child->kind == CHILD_PAYMENT)
        child = write_payment(writer, (struct text){NULL, 0}, child, end);
    json_write_close(writer, ']');
}

static void write_scans(struct json_writer *writer, const struct parcel_scan *scans, uint32_t count,
                        const char *texts)
{
    json_write_key(writer, "scans");
    json_write_open(writer, '[');
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
        json_write_key(writer, "lines");
        json_write_open(writer, '[');
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
        if (i == 0) {
            json_write_key(writer, "lines");
            json_write_open(writer, '[');
        }
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
        if (!is_open) {
            json_write_key(writer, key);
            json_write_open(writer, '[');
        }
        is_open = true;
        if (kind == CHILD_SHIPMENT)
            write_shipment(writer, server, (struct text){NULL, 0}, child);
        else
            write_return(writer, (struct text){NULL, 0}, child);
    }
    if (is_open)
        json_write_close(writer, ']');
}

static void write_child(struct json_writer *writer, const struct http_server *server,
                        const struct result_child *result, const struct route *route)
{
    struct text order_id = {(const char *)(result + 1), result->order_bytes};
    const struct child *first = result_children(result);
    const struct child *end = (const void *)((const char *)result + result->head.bytes);
    if (route->answer == &answer_refund) /* it stands behind its payment */
        write_refund(writer, order_id, (const void *)child_next(first));
    else if (first->kind == CHILD_SHIPMENT)
        write_shipment(writer, server, order_id, first);
    else if (first->kind == CHILD_RETURN)
        write_return(writer, order_id, first);
    else
        write_payment(writer, order_id, first, end);
}

static void write_order(struct json_writer *writer, const struct http_server *server,
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

static void write_quote(struct json_writer *writer, const struct http_server *server,
                        const struct result_quote *quote)
{
    json_write_open(writer, '{');
    json_member_text(writer, "state", text_of(order_state_name(quote->state)));
    json_member_integer(writer, "total", quote->total);
    member_currency(writer, quote->currency);
    write_lines(writer, server, quote->lines, quote->line_count);
    json_write_close(writer, '}');
}

static void write_placed(struct json_writer *writer, const struct result_placed *placed)
{
    json_write_open(writer, '{');
    json_member_text(writer, "state", text_of(order_state_name(placed->state)));
    json_member_unsigned(writer, "version", placed->version);
    json_member_integer(writer, "total", placed->total);
    json_write_close(writer, '}');
}

/* A task is known by the moment in which it was opened. */
static void member_task(struct json_writer *writer, uint64_t task_ns)
{
    char id[20];
    json_member_text(writer, "task_id", (struct text){id, json_decimal(task_ns, id)});
}

/* ---- stock ------------------------------------------------------------------------------------- */

static void write_cell(struct json_writer *writer, const struct http_server *server, uint32_t sku,
                       const struct result_cell *cell)
{
    uint64_t on_hand =
        cell->free + cell->held + cell->reserved + cell->committed + cell->quarantined;
    json_write_open(writer, '{');
    member_sku(writer, server, sku);
    member_said(writer, "warehouse", shard_warehouse(server->shard, cell->warehouse));
    json_member_unsigned(writer, "on_hand", on_hand);
    json_member_unsigned(writer, "free", cell->free);
    json_member_unsigned(writer, "held", cell->held);
    json_member_unsigned(writer, "reserved", cell->reserved);
    json_member_unsigned(writer, "committed", cell->committed);
    json_member_unsigned(writer, "quarantined", cell->quarantined);
    json_member_unsigned(writer, "incoming", cell->incoming);
    json_member_unsigned(writer, "in_transfer", cell->in_transfer);
    json_member_unsigned(writer, "missing", cell->missing);
    json_member_unsigned(writer, "sellable", cell->sellable);
    json_member_unsigned(writer, "version", cell->version);
    json_write_close(writer, '}');
}

static void write_stock(struct json_writer *writer, const struct http_server *server,
                        const struct result_stock *stock)
{
    json_write_open(writer, '{');
    json_write_key(writer, "items");
    json_write_open(writer, '[');
    for (uint32_t i = 0; i < stock->cell_count; i++)
        write_cell(writer, server, stock->sku, &stock->cells[i]);
    json_write_close(writer, ']');
    json_write_close(writer, '}');
}

static void write_sku(struct json_writer *writer, const struct http_server *server,
                      const struct result_sku *sku)
{
    json_write_open(writer, '{');
    member_sku(writer, server, sku->sku);
    json_write_close(writer, '}');
}

static void write_transfer(struct json_writer *writer, const struct http_server *server,
                           const struct result_transfer *transfer)
{
    json_write_open(writer, '{');
    json_member_text(writer, "transfer_id",
                     (struct text){(const char *)(transfer + 1), transfer->id_bytes});
    member_sku(writer, server, transfer->sku);
    member_said(writer, "from", shard_warehouse(server->shard, transfer->from));
    member_said(writer, "to", shard_warehouse(server->shard, transfer->to));
    member_said(writer, "state", text_of(transfer->over_ns != 0 ? "received" : "in_transfer"));
    json_member_unsigned(writer, "units", transfer->units);
    json_member_unsigned(writer, "ok", transfer->ok);
    json_member_unsigned(writer, "damaged", transfer->damaged);
    json_member_unsigned(writer, "lost", transfer->lost);
    member_time(writer, "shipped_at", transfer->shipped_ns);
    member_time(writer, "received_at", transfer->over_ns);
    json_write_close(writer, '}');
}

static void write_sku_record(struct json_writer *writer, const struct result_sku_record *sku)
{
    json_write_open(writer, '{');
    json_member_text(writer, "sku",
                     (struct text){(const char *)(sku->caps + sku->cap_count), sku->code_bytes});
    member_currency(writer, sku->currency);
    json_member_integer(writer, "list_price", sku->list_price);
    json_write_key(writer, "flash");
    json_write_bool(writer, sku->flags & SKU_FLASH);
    json_member_unsigned(writer, "max_per_order", sku->max_per_order);
    json_member_unsigned(writer, "weight_g", sku->weight_g);
    json_write_key(writer, "max_per_customer");
    json_write_open(writer, '{');
    json_member_unsigned(writer, "units", sku->max_per_customer);
    json_member_unsigned(writer, "window_s", sku->customer_window_s);
    json_write_close(writer, '}');
    json_write_key(writer, "channel_caps");
    json_write_open(writer, '{');
    for (uint32_t i = 0; i < sku->cap_count; i++) {
        const struct sku_cap *cap = &sku->caps[i].said;
        char channel[ID_BYTES_MAX + 1] = {0};
        memcpy(channel, cap->channel, cap->channel_bytes);
        json_member_unsigned(writer, channel, cap->units);
    }
    json_write_close(writer, '}');
    json_write_close(writer, '}');
}

static void write_done(struct json_writer *writer, const struct result *result)
{
    json_write_open(writer, '{');
    json_member_unsigned(writer, "commit_seq", result->seq);
    json_write_close(writer, '}');
}

/* ---- refusals ---------------------------------------------------------------------------------- */

static void write_short(struct json_writer *writer, const struct http_server *server,
                        const struct result_short *shortage)
{
    problem_open(writer, shortage->head.code, (struct text){NULL, 0});
    json_write_key(writer, "lines");
    json_write_open(writer, '[');
    for (uint32_t i = 0; i < shortage->line_count; i++) {
        json_write_open(writer, '{');
        member_sku(writer, server, shortage->lines[i].sku);
        json_member_unsigned(writer, "requested", shortage->lines[i].requested);
        json_member_unsigned(writer, "sellable", shortage->lines[i].sellable);
        json_write_close(writer, '}');
    }
    json_write_close(writer, ']');
    json_write_close(writer, '}');
}

static void write_fault(struct json_writer *writer, const struct result_fault *result)
{
    struct schema_fault fault = {.code = result->head.code,
                                 .what = code_facts(result->head.code)->name};
    int field_bytes = (int)result->field_bytes;
    int bytes = result->line == 0 ? snprintf(fault.pointer, sizeof fault.pointer, "/%.*s",
                                             field_bytes, result->field)
                                  : snprintf(fault.pointer, sizeof fault.pointer, "/lines/%u/%.*s",
                                             result->line - 1, field_bytes, result->field);
    fault.pointer_bytes = (uint32_t)bytes;
    problem_write_fault(writer, &fault);
}

static void write_change(struct json_writer *writer, const struct result_change *change)
{
    json_write_open(writer, '{');
    json_member_integer(writer, "delta", change->delta);
    json_member_unsigned(writer, "missing", change->missing);
    if (change->task_ns != 0)
        member_task(writer, change->task_ns);
    json_write_close(writer, '}');
}

static const char *state_name(const struct result_state *result)
{
    if (result->child == CHILD_PAYMENT)
        return payment_state_name((enum payment_state)result->state);
    if (result->child == CHILD_REFUND)
        return refund_state_name((enum refund_state)result->state);
    if (result->child == CHILD_SHIPMENT)
        return shipment_state_name((enum shipment_state)result->state);
    if (result->child == CHILD_RETURN)
        return return_state_name((enum return_state)result->state);
    return order_state_name((enum order_state)result->state);
}

static const char *move_name(const struct result_state *result, uint32_t move)
{
    if (result->child == CHILD_PAYMENT)
        return payment_move_name((enum payment_move)move);
    if (result->child == CHILD_REFUND)
        return refund_move_name((enum refund_move)move);
    if (result->child == CHILD_SHIPMENT)
        return shipment_move_name((enum shipment_move)move);
    if (result->child == CHILD_RETURN)
        return return_move_name((enum return_move)move);
    return order_move_name((enum order_move)move);
}

static void write_state(struct json_writer *writer, const struct result_state *result)
{
    problem_open(writer, result->head.code, (struct text){NULL, 0});
    json_member_text(writer, "state", text_of(state_name(result)));
    json_write_key(writer, "allowed");
    json_write_open(writer, '[');
    for (uint32_t move = 1; move < 32; move++)
        if (result->allowed >> move & 1)
            json_write_text(writer, text_of(move_name(result, move)));
    json_write_close(writer, ']');
    json_write_close(writer, '}');
}

static bool holds(const struct result_equation *equation)
{
    return equation->left + equation->in_flight == equation->right;
}

static void write_audit(struct json_writer *writer, const struct result_audit *audit)
{
    bool all = true;
    for (uint32_t i = 0; i < audit->count; i++)
        all &= holds(&audit->equations[i]);
    json_write_open(writer, '{');
    json_member_unsigned(writer, "commit_seq", audit->head.seq);
    json_write_key(writer, "ok");
    json_write_bool(writer, all);
    json_write_key(writer, "equations");
    json_write_open(writer, '[');
    for (uint32_t i = 0; i < audit->count; i++) {
        const struct result_equation *equation = &audit->equations[i];
        json_write_open(writer, '{');
        json_member_text(writer, "name", text_of(equation->name));
        json_member_integer(writer, "left", equation->left);
        json_member_integer(writer, "right", equation->right);
        json_member_integer(writer, "in_flight", equation->in_flight);
        json_write_close(writer, '}');
    }
    json_write_close(writer, ']');
    json_write_close(writer, '}');
}

static void write_problem(struct json_writer *writer, const struct result *result)
{
    problem_open(writer, result->code, (struct text){NULL, 0});
    json_write_close(writer, '}');
}

void answer_write(struct json_writer *writer, const struct http_server *server,
                  const struct route *route, const struct result *result)
{
    switch ((enum result_kind)result->kind) {
    case RESULT_PLAIN:
        if (code_facts(result->code)->status < 400)
            write_done(writer, result);
        else
            write_problem(writer, result);
        return;
    case RESULT_ORDER_PLACED:
        write_placed(writer, (const void *)result);
        return;
    case RESULT_ORDER:
        write_order(writer, server, (const void *)result);
        return;
    case RESULT_QUOTE:
        write_quote(writer, server, (const void *)result);
        return;
    case RESULT_SHORT:
        write_short(writer, server, (const void *)result);
        return;
    case RESULT_FAULT:
        write_fault(writer, (const void *)result);
        return;
    case RESULT_SKU:
        write_sku(writer, server, (const void *)result);
        return;
    case RESULT_TRANSFER:
        write_transfer(writer, server, (const void *)result);
        return;
    case RESULT_SKU_RECORD:
        write_sku_record(writer, (const void *)result);
        return;
    case RESULT_STOCK:
        write_stock(writer, server, (const void *)result);
        return;
    case RESULT_CHANGE:
        write_change(writer, (const void *)result);
        return;
    case RESULT_STATE:
        write_state(writer, (const void *)result);
        return;
    case RESULT_AUDIT:
        write_audit(writer, (const void *)result);
        return;
    case RESULT_ORDERS: /* both of one shard: http.c puts them together */
    case RESULT_CELLS:
    case RESULT_RULES:
    case RESULT_RULES_FAULT:
        break; /* not to be had over HTTP */
    case RESULT_CHILD:
        write_child(writer, server, (const void *)result, route);
        return;
    }
    CHECK(false);
}

/* What a cell is in a list for; all of it says GET /v1/stock. */
static void write_listed_cell(struct json_writer *writer, const struct http_server *server,
                              const struct result_listed_cell *listed, bool as_task)
{
    const struct result_cell *cell = &listed->cell;
    json_write_open(writer, '{');
    if (as_task)
        member_task(writer, cell->task_ns);
    member_sku(writer, server, listed->sku);
    member_said(writer, "warehouse", shard_warehouse(server->shard, cell->warehouse));
    if (as_task) {
        json_member_unsigned(writer, "missing", cell->missing);
        json_member_unsigned(writer, "reserved", cell->reserved);
        json_member_unsigned(writer, "committed", cell->committed);
        member_time(writer, "opened_at", cell->task_ns);
    } else {
        json_member_unsigned(writer, "sellable", cell->sellable);
        json_member_unsigned(writer, "reorder_point", cell->reorder_point);
        json_member_unsigned(writer, "safety", cell->safety);
        json_member_unsigned(writer, "incoming", cell->incoming);
    }
    json_write_close(writer, '}');
}

const void *answer_write_listed(struct json_writer *writer, const struct http_server *server,
                                const struct route *route, const void *item)
{
    const struct result_order *order = item;
    const struct result_listed_cell *listed = item;
    if (route->op == OP_ORDER_LIST) {
        write_order(writer, server, order);
        return (const char *)order + order->head.bytes;
    }
    write_listed_cell(writer, server, listed, route->answer == &answer_task_list);
    return listed + 1;
}

uint64_t answer_version(const struct result *result)
{
    const struct result_stock *stock = (const void *)result;
    if (result->kind == RESULT_ORDER)
        return ((const struct result_order *)(const void *)result)->version;
    return result->kind == RESULT_STOCK && stock->cell_count == 1 ? stock->cells[0].version : 0;
}

/* ---- what the bodies hold ---------------------------------------------------------------------- */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Only said, never read into a struct in earnest: every value stands at offset 0. */
enum { ANSWER_BYTES = 64 };

#define ANSWER(symbol, label, list)                                                                \
    const struct schema symbol = {label, list, COUNT(list), ANSWER_BYTES, true}

#define TEXT_MEMBER(label, always)                                                                 \
    {                                                                                              \
        .name = (label), .type = SCHEMA_TEXT, .required = (always), .max = TEXT_BYTES_MAX          \
    }
#define SENTENCE_MEMBER(label, always)                                                             \
    {                                                                                              \
        .name = (label), .type = SCHEMA_TEXT, .required = (always), .max = 512                     \
    }
#define ID_MEMBER(label, always)                                                                   \
    {                                                                                              \
        .name = (label), .type = SCHEMA_ID, .required = (always)                                   \
    }
#define SKU_MEMBER                                                                                 \
    {                                                                                              \
        .name = "sku", .type = SCHEMA_SKU, .required = true                                        \
    }
#define COUNT_MEMBER(label)                                                                        \
    {                                                                                              \
        .name = (label), .type = SCHEMA_INTEGER, .required = true, .max = INT64_MAX                \
    }
#define MONEY_MEMBER(label)                                                                        \
    {                                                                                              \
        .name = (label), .type = SCHEMA_INTEGER, .required = true, .min = INT64_MIN,               \
        .max = INT64_MAX, .about = "In minor units of the currency."                               \
    }
#define TIME_MEMBER(label, sentence)                                                               \
    {                                                                                              \
        .name = (label), .type = SCHEMA_TIME, .about = (sentence)                                  \
    }
#define LIST_MEMBER(label, always, items)                                                          \
    {                                                                                              \
        .name = (label), .type = SCHEMA_LIST, .required = (always), .max = ORDER_LINES_MAX,        \
        .of = (items)                                                                              \
    }

static const struct schema_field order_line_fields[] = {
    COUNT_MEMBER("line"),          SKU_MEMBER,
    COUNT_MEMBER("units"),         MONEY_MEMBER("unit_price"),
    ID_MEMBER("warehouse", false), COUNT_MEMBER("shipped"),
    COUNT_MEMBER("returned"),      COUNT_MEMBER("cancelled"),
};
static ANSWER(answer_order_line, "OrderLineState", order_line_fields);

static const struct schema_field order_adjustment_fields[] = {
    ID_MEMBER("kind", true),
    MONEY_MEMBER("amount"),
};
static ANSWER(answer_adjustment, "OrderAdjustment", order_adjustment_fields);

static const struct schema_field stage_fields[] = {
    TIME_MEMBER("created", NULL), TIME_MEMBER("reviewed", NULL),  TIME_MEMBER("paid", NULL),
    TIME_MEMBER("shipped", NULL), TIME_MEMBER("delivered", NULL), TIME_MEMBER("closed", NULL),
};
static ANSWER(answer_stages, "OrderStages", stage_fields);

static const char *const order_states[] = {
    "pending_payment",   "in_review", "rejected",    "payment_failed", "paid",
    "partially_shipped", "shipped",   "ship_failed", "delivered",      "completed",
    "cancelled",         "expired",   NULL};

static const char *const payment_states[] = {"created", "authorized", "captured", "failed",
                                             "voided",  "unknown",    NULL};
static const char *const refund_states[] = {"requested", "processing", "succeeded",
                                            "failed",    "unknown",    NULL};

static const struct schema_field refund_fields[] = {
    ID_MEMBER("refund_id", true),
    ID_MEMBER("order_id", false),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = refund_states},
    MONEY_MEMBER("amount"),
    TEXT_MEMBER("reason", false),
    TIME_MEMBER("created_at", NULL),
};
ANSWER(answer_refund, "Refund", refund_fields);

static const struct schema_field payment_fields[] = {
    ID_MEMBER("payment_id", true),
    ID_MEMBER("order_id", false),
    ID_MEMBER("method", false),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = payment_states},
    MONEY_MEMBER("amount"),
    MONEY_MEMBER("authorized"),
    MONEY_MEMBER("captured"),
    MONEY_MEMBER("refund_pending"),
    MONEY_MEMBER("refunded"),
    TIME_MEMBER("created_at", NULL),
    LIST_MEMBER("refunds", true, &answer_refund),
};
ANSWER(answer_payment, "Payment", payment_fields);

static const char *const shipment_states[] = {
    "planned",   "picking",   "handed_over",        "in_transit",
    "delivered", "cancelled", "pick_short",         "carrier_rejected",
    "delayed",   "lost",      "returned_to_sender", "refunded",
    "reshipped", NULL};
_Static_assert(sizeof shipment_states / sizeof shipment_states[0] == SHIPMENT_STATES, "all");

static const struct schema_field parcel_line_fields[] = {COUNT_MEMBER("line"),
                                                         COUNT_MEMBER("units")};
static ANSWER(answer_parcel_line, "ShipmentLine", parcel_line_fields);

static const struct schema_field answer_scan_fields[] = {
    ID_MEMBER("code", true), TIME_MEMBER("at", NULL), TEXT_MEMBER("place", false)};
static ANSWER(answer_scan, "ShipmentScan", answer_scan_fields);

static const struct schema_field shipment_fields[] = {
    ID_MEMBER("shipment_id", true),
    ID_MEMBER("order_id", false),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = shipment_states},
    ID_MEMBER("warehouse", false),
    ID_MEMBER("carrier", false),
    TEXT_MEMBER("tracking", false),
    TEXT_MEMBER("method", false),
    TIME_MEMBER("eta", NULL),
    TIME_MEMBER("created_at", NULL),
    TIME_MEMBER("changed_at", NULL),
    LIST_MEMBER("lines", false, &answer_parcel_line),
    LIST_MEMBER("scans", false, &answer_scan),
};
ANSWER(answer_shipment, "Shipment", shipment_fields);

static const char *const return_kinds[] = {"return", "refund_only", "exchange", NULL};
static const char *const return_states[] = {"requested",  "approved", "refused",
                                            "in_transit", "received", "inspected",
                                            "refunding",  "closed",   NULL};
_Static_assert(sizeof return_states / sizeof return_states[0] == RETURN_STATES, "all");

static const struct schema_field return_line_fields[] = {
    COUNT_MEMBER("line"), COUNT_MEMBER("units"), COUNT_MEMBER("accepted"),
    COUNT_MEMBER("rejected")};
static ANSWER(answer_return_line, "ReturnLine", return_line_fields);

static const struct schema_field return_fields[] = {
    ID_MEMBER("return_id", true),
    ID_MEMBER("order_id", false),
    {.name = "kind", .type = SCHEMA_CHOICE, .required = true, .choices = return_kinds},
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = return_states},
    TEXT_MEMBER("reason", false),
    TIME_MEMBER("created_at", NULL),
    TIME_MEMBER("changed_at", NULL),
    LIST_MEMBER("lines", false, &answer_return_line),
};
ANSWER(answer_return, "Return", return_fields);

static const struct schema_field answer_order_fields[] = {
    ID_MEMBER("order_id", true),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = order_states},
    COUNT_MEMBER("version"),
    MONEY_MEMBER("total"),
    {.name = "currency", .type = SCHEMA_CURRENCY, .required = true},
    ID_MEMBER("customer", true),
    ID_MEMBER("channel", false),
    ID_MEMBER("region", false),
    ID_MEMBER("pay_method", false),
    TEXT_MEMBER("campaign", false),
    TEXT_MEMBER("ship_to", false),
    TEXT_MEMBER("delivery_method", false),
    LIST_MEMBER("lines", true, &answer_order_line),
    LIST_MEMBER("adjustments", false, &answer_adjustment),
    {.name = "stages",
     .type = SCHEMA_OBJECT,
     .required = true,
     .of = &answer_stages,
     .about = "When the order entered each stage."},
    TEXT_MEMBER("created_by", true),
    TEXT_MEMBER("modified_by", true),
    TIME_MEMBER("expires_at", "Unpaid by then, the order expires."),
    LIST_MEMBER("payments", false, &answer_payment),
    LIST_MEMBER("shipments", false, &answer_shipment),
    LIST_MEMBER("returns", false, &answer_return),
};
ANSWER(answer_order, "Order", answer_order_fields);

static const struct schema_field order_list_fields[] = {
    LIST_MEMBER("items", true, &answer_order),
    {.name = "next_cursor",
     .type = SCHEMA_TEXT,
     .max = TEXT_BYTES_MAX,
     .about = "Where the next page begins, if there may be one."},
};
ANSWER(answer_order_list, "OrderList", order_list_fields);

static const struct schema_field answer_quote_fields[] = {
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = order_states},
    MONEY_MEMBER("total"),
    {.name = "currency", .type = SCHEMA_CURRENCY, .required = true},
    LIST_MEMBER("lines", true, &answer_order_line),
};
ANSWER(answer_quote, "Quote", answer_quote_fields);

static const struct schema_field answer_cell_fields[] = {
    SKU_MEMBER,
    ID_MEMBER("warehouse", true),
    COUNT_MEMBER("on_hand"),
    COUNT_MEMBER("free"),
    COUNT_MEMBER("held"),
    COUNT_MEMBER("reserved"),
    COUNT_MEMBER("committed"),
    COUNT_MEMBER("quarantined"),
    COUNT_MEMBER("incoming"),
    COUNT_MEMBER("in_transfer"),
    COUNT_MEMBER("missing"),
    COUNT_MEMBER("sellable"),
    COUNT_MEMBER("version"),
};
static ANSWER(answer_cell, "StockCell", answer_cell_fields);

static const struct schema_field answer_stock_fields[] = {LIST_MEMBER("items", true, &answer_cell)};
ANSWER(answer_stock, "Stock", answer_stock_fields);

static const struct schema_field answer_change_fields[] = {
    {.name = "delta",
     .type = SCHEMA_INTEGER,
     .required = true,
     .min = INT64_MIN,
     .max = INT64_MAX,
     .about = "What came to the units on hand."},
    COUNT_MEMBER("missing"),
    {.name = "task_id",
     .type = SCHEMA_TEXT,
     .max = 20,
     .about = "Open until nothing is missing; see GET /v1/tasks."},
};
ANSWER(answer_change, "StockChange", answer_change_fields);

static const struct schema_field task_fields[] = {
    {.name = "task_id", .type = SCHEMA_TEXT, .required = true, .max = 20},
    SKU_MEMBER,
    ID_MEMBER("warehouse", true),
    COUNT_MEMBER("missing"),
    COUNT_MEMBER("reserved"),
    COUNT_MEMBER("committed"),
    TIME_MEMBER("opened_at", NULL),
};
static ANSWER(answer_task, "Task", task_fields);

static const struct schema_field warning_fields[] = {
    SKU_MEMBER,
    ID_MEMBER("warehouse", true),
    COUNT_MEMBER("sellable"),
    COUNT_MEMBER("reorder_point"),
    COUNT_MEMBER("safety"),
    COUNT_MEMBER("incoming"),
};
static ANSWER(answer_warning, "StockWarning", warning_fields);

#define PAGE_MEMBERS(items)                                                                        \
    {.name = "items",                                                                              \
     .type = SCHEMA_LIST,                                                                          \
     .required = true,                                                                             \
     .max = ORDER_LINES_MAX,                                                                       \
     .of = (items)},                                                                               \
    {                                                                                              \
        .name = "next_cursor", .type = SCHEMA_TEXT, .max = TEXT_BYTES_MAX,                         \
        .about = "Where the next page begins, if there may be one."                                \
    }

static const struct schema_field task_list_fields[] = {PAGE_MEMBERS(&answer_task)};
ANSWER(answer_task_list, "TaskList", task_list_fields);
static const struct schema_field warning_list_fields[] = {PAGE_MEMBERS(&answer_warning)};
ANSWER(answer_warning_list, "StockWarningList", warning_list_fields);

static const char *const transfer_states[] = {"in_transfer", "received", NULL};
static const struct schema_field transfer_fields[] = {
    ID_MEMBER("transfer_id", true),
    SKU_MEMBER,
    ID_MEMBER("from", true),
    ID_MEMBER("to", true),
    {.name = "state", .type = SCHEMA_CHOICE, .required = true, .choices = transfer_states},
    COUNT_MEMBER("units"),
    COUNT_MEMBER("ok"),
    COUNT_MEMBER("damaged"),
    COUNT_MEMBER("lost"),
    TIME_MEMBER("shipped_at", NULL),
    TIME_MEMBER("received_at", NULL),
};
ANSWER(answer_transfer, "Transfer", transfer_fields);

#define SUM_MEMBER(label)                                                                          \
    {                                                                                              \
        .name = (label), .type = SCHEMA_INTEGER, .required = true, .min = INT64_MIN,               \
        .max = INT64_MAX                                                                           \
    }
static const struct schema_field equation_fields[] = {TEXT_MEMBER("name", true), SUM_MEMBER("left"),
                                                      SUM_MEMBER("right"), SUM_MEMBER("in_flight")};
static ANSWER(answer_equation, "Equation", equation_fields);
static const struct schema_field answer_audit_fields[] = {
    COUNT_MEMBER("commit_seq"),
    {.name = "ok", .type = SCHEMA_BOOL, .required = true, .about = "left + in_flight == right"},
    {.name = "equations",
     .type = SCHEMA_LIST,
     .required = true,
     .max = EQUATIONS_MAX,
     .of = &answer_equation},
};
ANSWER(answer_audit, "Audit", answer_audit_fields);

static const struct schema_field answer_sku_fields[] = {SKU_MEMBER};
ANSWER(answer_sku, "Sku", answer_sku_fields);

static const struct schema_field limit_fields[] = {COUNT_MEMBER("units"), COUNT_MEMBER("window_s")};
static ANSWER(answer_limit, "CustomerLimitState", limit_fields);

static const struct schema_field sku_record_fields[] = {
    SKU_MEMBER,
    {.name = "currency", .type = SCHEMA_CURRENCY, .required = true},
    MONEY_MEMBER("list_price"),
    {.name = "flash", .type = SCHEMA_BOOL, .required = true},
    COUNT_MEMBER("max_per_order"),
    COUNT_MEMBER("weight_g"),
    {.name = "max_per_customer", .type = SCHEMA_OBJECT, .required = true, .of = &answer_limit},
    {.name = "channel_caps", .type = SCHEMA_MAP, .required = true, .max = INT64_MAX},
};
ANSWER(answer_sku_record, "SkuRecord", sku_record_fields);

static const struct schema_field answer_done_fields[] = {COUNT_MEMBER("commit_seq")};
ANSWER(answer_done, "Done", answer_done_fields);

static const char *const health_states[] = {"ok", "starting", "draining", NULL};
static const struct schema_field answer_health_fields[] = {
    {.name = "status", .type = SCHEMA_CHOICE, .required = true, .choices = health_states}};
ANSWER(answer_health, "Health", answer_health_fields);

static const struct schema_field short_line_fields[] = {SKU_MEMBER, COUNT_MEMBER("requested"),
                                                        COUNT_MEMBER("sellable")};
static ANSWER(answer_short_line, "ShortLine", short_line_fields);

static const struct schema_field field_error_fields[] = {
    {.name = "pointer",
     .type = SCHEMA_TEXT,
     .required = true,
     .max = JSON_POINTER_BYTES_MAX,
     .about = "RFC 6901, into the body or to a parameter's name."},
    TEXT_MEMBER("code", true),
};
static ANSWER(answer_field_error, "FieldError", field_error_fields);

static const char *const code_names[] = {
#define X(id, number, name, status, again, title) name,
    CODES(X)
#undef X
        NULL};

static const struct schema_field answer_problem_fields[] = {
    SENTENCE_MEMBER("type", true),
    SENTENCE_MEMBER("title", true),
    COUNT_MEMBER("status"),
    {.name = "code", .type = SCHEMA_CHOICE, .required = true, .choices = code_names},
    {.name = "retryable",
     .type = SCHEMA_BOOL,
     .required = true,
     .about = "Whether the same request may succeed later."},
    SENTENCE_MEMBER("detail", false),
    {.name = "byte",
     .type = SCHEMA_INTEGER,
     .max = INT64_MAX,
     .about = "Where in the body, if its bytes are at fault."},
    LIST_MEMBER("errors", false, &answer_field_error),
    {.name = "lines",
     .type = SCHEMA_LIST,
     .max = ORDER_LINES_MAX,
     .of = &answer_short_line,
     .about = "What is short."},
    {.name = "state",
     .type = SCHEMA_TEXT,
     .max = TEXT_BYTES_MAX,
     .about = "Of the order, payment, ..., if it does not allow the move."},
    {.name = "allowed",
     .type = SCHEMA_NAMES,
     .max = 32,
     .about = "The moves that its state allows."},
};
ANSWER(answer_problem, "Problem", answer_problem_fields);

/* ---- of batches --------------------------------------------------------------------------------- */

#define RESULT_MEMBERS(label, resource)                                                            \
    COUNT_MEMBER("status"), {.name = (label), .type = SCHEMA_OBJECT, .of = (resource)},            \
        {.name = "problem", .type = SCHEMA_OBJECT, .of = &answer_problem},                         \
        {.name = "commit_seq", .type = SCHEMA_INTEGER, .max = INT64_MAX},                          \
    {                                                                                              \
        .name = "replayed", .type = SCHEMA_BOOL, .about = "Known already; the first answer again." \
    }
#define RESULTS_MEMBER(items)                                                                      \
    {                                                                                              \
        .name = "results", .type = SCHEMA_LIST, .required = true, .max = ROUTE_ITEMS_MAX,          \
        .of = (items), .about = "In the order of what was asked."                                  \
    }

static const struct schema_field order_result_fields[] = {RESULT_MEMBERS("order", &answer_order)};
static ANSWER(answer_order_result, "OrderResult", order_result_fields);
static const struct schema_field order_results_fields[] = {RESULTS_MEMBER(&answer_order_result)};
ANSWER(answer_order_results, "OrderResults", order_results_fields);

static const struct schema_field sku_result_fields[] = {RESULT_MEMBERS("sku", &answer_sku)};
static ANSWER(answer_sku_result, "SkuResult", sku_result_fields);
static const struct schema_field sku_results_fields[] = {RESULTS_MEMBER(&answer_sku_result)};
ANSWER(answer_sku_results, "SkuResults", sku_results_fields);
