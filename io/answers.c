#include "io/answers.h"

#include "io/answer_parts.h"
#include "io/problem.h"
#include "io/routes.h"
#include "io/tasks.h"

#include <stdio.h>
#include <string.h>

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
    json_member_open(writer, "items", '[');
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
    json_member_bool(writer, "flash", sku->flags & SKU_FLASH);
    json_member_unsigned(writer, "max_per_order", sku->max_per_order);
    json_member_unsigned(writer, "weight_g", sku->weight_g);
    json_member_open(writer, "max_per_customer", '{');
    json_member_unsigned(writer, "units", sku->max_per_customer);
    json_member_unsigned(writer, "window_s", sku->customer_window_s);
    json_write_close(writer, '}');
    json_member_open(writer, "channel_caps", '{');
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
    json_member_open(writer, "lines", '[');
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
    json_member_open(writer, "allowed", '[');
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
    json_member_bool(writer, "ok", all);
    json_member_open(writer, "equations", '[');
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
        answer_write_placed(writer, (const void *)result);
        return;
    case RESULT_ORDER:
        answer_write_order(writer, server, (const void *)result);
        return;
    case RESULT_QUOTE:
        answer_write_quote(writer, server, (const void *)result);
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
    case RESULT_EVENTS:
        answer_write_events(writer, server, (const void *)result);
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
        answer_write_child(writer, server, (const void *)result, route->answer == &answer_refund);
        return;
    }
    CHECK(false);
}

static void write_hit_orders(struct json_writer *writer, const struct task *task)
{
    json_member_open(writer, "orders", '[');
    for (uint32_t i = 0; i < task->order_count; i++) {
        const struct task_order *order = &task->orders[i];
        json_write_open(writer, '{');
        json_member_text(writer, "order_id", (struct text){order->id, order->id_bytes});
        json_member_text(writer, "state", text_of(order_state_name(order->state)));
        json_member_unsigned(writer, "units", order->units);
        member_time(writer, "created_at", order->created_ns);
        json_write_close(writer, '}');
    }
    json_write_close(writer, ']');
}

static void write_task(struct json_writer *writer, const struct http_server *server,
                       const struct task *task)
{
    const struct result_cell *cell = &task->cell.cell;
    json_write_open(writer, '{');
    member_task(writer, cell->task_ns);
    member_sku(writer, server, task->cell.sku);
    member_said(writer, "warehouse", shard_warehouse(server->shard, cell->warehouse));
    json_member_unsigned(writer, "missing", cell->missing);
    json_member_unsigned(writer, "reserved", cell->reserved);
    json_member_unsigned(writer, "committed", cell->committed);
    member_time(writer, "opened_at", cell->task_ns);
    write_hit_orders(writer, task);
    json_write_close(writer, '}');
}

/* What is to be known of a cell that has warned; all of it says GET /v1/stock. */
static void write_warning(struct json_writer *writer, const struct http_server *server,
                          const struct result_listed_cell *listed)
{
    const struct result_cell *cell = &listed->cell;
    json_write_open(writer, '{');
    member_sku(writer, server, listed->sku);
    member_said(writer, "warehouse", shard_warehouse(server->shard, cell->warehouse));
    json_member_unsigned(writer, "sellable", cell->sellable);
    json_member_unsigned(writer, "reorder_point", cell->reorder_point);
    json_member_unsigned(writer, "safety", cell->safety);
    json_member_unsigned(writer, "incoming", cell->incoming);
    json_write_close(writer, '}');
}

const void *answer_write_listed(struct json_writer *writer, const struct http_server *server,
                                const struct route *route, const void *item)
{
    const struct result_order *order = item;
    const struct result_listed_cell *listed = item;
    if (route->op == OP_ORDER_LIST) {
        answer_write_order(writer, server, order);
        return (const char *)order + order->head.bytes;
    }
    if (route->answer == &answer_task_list) {
        write_task(writer, server, item);
        return (const struct task *)item + 1;
    }
    write_warning(writer, server, listed);
    return listed + 1;
}

uint64_t answer_version(const struct result *result)
{
    const struct result_stock *stock = (const void *)result;
    if (result->kind == RESULT_ORDER)
        return ((const struct result_order *)(const void *)result)->version;
    return result->kind == RESULT_STOCK && stock->cell_count == 1 ? stock->cells[0].version : 0;
}
