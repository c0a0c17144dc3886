/* io/route_past.c - what is asked about the past: the history of an order, the movements of a SKU. */
#include "io/answers.h"
#include "io/routes.h"

enum { EVENTS_ON_A_PAGE = 50 };

struct form_history {
    struct text cursor;
    int64_t limit;
};

#define CURSOR_FIELD(form)                                                                         \
    FIELD(form, cursor, .type = SCHEMA_TEXT, .min = 1, .max = TEXT_BYTES_MAX,                      \
          .about = "The `next_cursor` of the page before.")
#define LIMIT_FIELD(form)                                                                          \
    FIELD(form, limit, .type = SCHEMA_INTEGER, .min = 1, .max = PAST_EVENTS_MAX,                   \
          .about = "Events on a page (50); there may be fewer, and more to come all the same.")

static const struct schema_field history_fields[] = {CURSOR_FIELD(form_history),
                                                     LIMIT_FIELD(form_history)};
static SCHEMA(history_schema, "HistoryQuery", history_fields, struct form_history);

struct form_movements {
    struct text sku;
    struct text cursor;
    int64_t limit;
};

static const struct schema_field movements_fields[] = {
    FIELD(form_movements, sku, .type = SCHEMA_SKU, .required = true), CURSOR_FIELD(form_movements),
    LIMIT_FIELD(form_movements)};
static SCHEMA(movements_schema, "MovementsQuery", movements_fields, struct form_movements);

/* Takes a number off the front that is followed by `end`, or by nothing. */
static bool take_number(struct text *text, char end, uint64_t *value)
{
    *value = 0;
    uint32_t i = 0;
    for (; i < text->bytes && i < 19 && text->at[i] >= '0' && text->at[i] <= '9'; i++)
        *value = *value * 10 + (uint64_t)(text->at[i] - '0');
    bool is_good = i > 0 && (i < text->bytes ? text->at[i] == end : end == 0);
    i += i < text->bytes;
    *text = (struct text){text->at + i, text->bytes - i};
    return is_good;
}

/* "SEQUENCE.INDEX" */
static bool read_page(struct route_request *request, struct text cursor, int64_t limit)
{
    struct past_get *get = route_command(request);
    uint64_t index = 0;
    get->limit = (uint8_t)(limit == 0 ? EVENTS_ON_A_PAGE : limit);
    if (cursor.bytes == 0)
        return true;
    bool is_good = take_number(&cursor, '.', &get->seq) && take_number(&cursor, 0, &index) &&
                   get->seq > 0 && index <= UINT16_MAX;
    get->index = (uint16_t)index;
    return is_good || schema_refuse(&request->reader, CODE_INVALID, "cursor", "cursor");
}

static bool build_history(struct route_request *request)
{
    const struct form_history *form = (const void *)request->form;
    if (!read_page(request, form->cursor, form->limit))
        return false;
    uint8_t bytes = route_append_text(request, request->params[0]);
    ((struct past_get *)route_command(request))->id_bytes = bytes;
    return true;
}

static bool build_movements(struct route_request *request)
{
    const struct form_movements *form = (const void *)request->form;
    struct past_get *get = route_command(request);
    get->sku = route_find_sku(request, form->sku);
    if (get->sku == 0)
        return schema_refuse(&request->reader, CODE_NOT_FOUND, "unknown_sku", "sku");
    return read_page(request, form->cursor, form->limit);
}

static const struct route routes[] = {
    {.method = ROUTE_GET,
     .pattern = "/v1/orders/{id}/history",
     .name = "getOrderHistory",
     .about = "What has happened to an order, who did it and why, newest first, from the log and "
              "its archive.",
     .status = 200,
     .op = OP_ORDER_HISTORY,
     .command_bytes = sizeof(struct past_get),
     .query = &history_schema,
     .takes_min_seq = true,
     .answer = &answer_events,
     .refusals = REFUSALS(CODE_NOT_FOUND, CODE_BUSY),
     .build = build_history},
    {.method = ROUTE_GET,
     .pattern = "/v1/stock/movements",
     .name = "listStockMovements",
     .about = "What has touched a SKU, newest first, from the log and its archive. Looks at a "
              "bounded stretch of the log for each page.",
     .status = 200,
     .op = OP_STOCK_MOVEMENTS,
     .command_bytes = sizeof(struct past_get),
     .query = &movements_schema,
     .takes_min_seq = true,
     .answer = &answer_events,
     .refusals = REFUSALS(CODE_NOT_FOUND, CODE_BUSY),
     .build = build_movements},
};

const struct route_table route_past = {routes, sizeof routes / sizeof routes[0]};
