/* io/client/results.c - reads results of the protocol, and never beyond what came. */
#include "io/client/client.h"

#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct spate_order_line) == sizeof(struct result_line), "overlaid");
_Static_assert(offsetof(struct spate_order_line, warehouse) ==
                   offsetof(struct result_line, warehouse),
               "overlaid");
_Static_assert(sizeof(struct spate_cell) == sizeof(struct result_cell), "overlaid");
_Static_assert(offsetof(struct spate_cell, version) == offsetof(struct result_cell, version),
               "overlaid");
_Static_assert(sizeof(struct spate_short_line) == sizeof(struct short_line), "overlaid");
_Static_assert((int)SPATE_OUT_OF_STOCK == CODE_OUT_OF_STOCK && (int)SPATE_FULL == CODE_FULL &&
                   (int)SPATE_KEY_REUSED == CODE_KEY_REUSED && (int)SPATE_BUSY == CODE_BUSY,
               "numbers of the protocol");

/* Whether `count` items of `size` fit between the fixed part and the end. */
static bool fits(const struct result *head, uint64_t fixed, uint64_t count, uint64_t size)
{
    return head->bytes >= fixed && (head->bytes - fixed) / size >= count;
}

static bool take_order(const struct result *head, struct spate_result *out)
{
    const struct result_order *order = (const void *)head;
    if (!fits(head, sizeof *order, 0, 1) ||
        !fits(head, sizeof *order, order->line_count, sizeof order->lines[0]))
        return false;
    out->order_state = order->state;
    out->order_version = order->version;
    out->order_total = order->total;
    out->line_count = order->line_count;
    out->lines = (const void *)order->lines;
    return true;
}

static bool take_placed(const struct result *head, struct spate_result *out)
{
    const struct result_placed *placed = (const void *)head;
    if (head->bytes < sizeof *placed)
        return false;
    out->order_state = placed->state;
    out->order_version = placed->version;
    out->order_total = placed->total;
    return true;
}

static bool take_short(const struct result *head, struct spate_result *out)
{
    const struct result_short *shorts = (const void *)head;
    if (!fits(head, sizeof *shorts, 0, 1) ||
        !fits(head, sizeof *shorts, shorts->line_count, sizeof shorts->lines[0]))
        return false;
    out->short_count = shorts->line_count;
    out->shorts = (const void *)shorts->lines;
    return true;
}

static bool take_fault(const struct result *head, struct spate_result *out)
{
    const struct result_fault *fault = (const void *)head;
    if (head->bytes < sizeof *fault || fault->field_bytes > sizeof fault->field)
        return false;
    memcpy(out->field, fault->field, fault->field_bytes);
    out->field_line = fault->line;
    return true;
}

static bool take_stock(const struct result *head, struct spate_result *out)
{
    const struct result_stock *stock = (const void *)head;
    if (!fits(head, sizeof *stock, 0, 1) ||
        !fits(head, sizeof *stock, stock->cell_count, sizeof stock->cells[0]))
        return false;
    out->sku = stock->sku;
    out->cell_count = stock->cell_count;
    out->cells = (const void *)stock->cells;
    return true;
}

bool result_take(const struct result *head, struct spate_result *out)
{
    switch (head->kind) {
    case RESULT_ORDER_PLACED:
        return take_placed(head, out);
    case RESULT_ORDER:
        return take_order(head, out);
    case RESULT_SHORT:
        return take_short(head, out);
    case RESULT_FAULT:
        return take_fault(head, out);
    case RESULT_SKU:
        if (head->bytes < sizeof(struct result_sku))
            return false;
        out->sku = ((const struct result_sku *)(const void *)head)->sku;
        return true;
    case RESULT_STOCK:
        return take_stock(head, out);
    default: /* of a later server: the code says enough */
        return true;
    }
}

const char *spate_code_name(uint32_t code)
{
    const struct code_facts *facts = code_facts(code);
    return facts != NULL ? facts->name : "unknown";
}

bool spate_code_retryable(uint32_t code)
{
    const struct code_facts *facts = code_facts(code);
    return facts != NULL && facts->retryable;
}
