/* spate log export - the state of a data directory, and what has moved its stock, as CSV files.
 *
 * What an order, a payment, a shipment consists of is taken from the tables of core/shape.h, so a field
 * that is added there is a column here. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/order.h"
#include "core/payment.h"
#include "core/refund.h"
#include "core/return.h"
#include "core/shard_state.h"
#include "core/shipment.h"
#include "core/stock.h"
#include "core/topology.h"
#include "io/shape_text.h"
#include "io/time_text.h"
#include "tools/log.h"
#include "tools/log_state.h"

enum sheet {
    ORDERS,
    LINES,
    PAYMENTS,
    REFUNDS,
    SHIPMENTS,
    SHIPMENT_LINES,
    RETURNS,
    RETURN_LINES,
    STOCK,
    MOVEMENTS,
    TABLES
};
static const char *const names[TABLES] = {
    "orders.csv",         "lines.csv",   "payments.csv",     "refunds.csv", "shipments.csv",
    "shipment_lines.csv", "returns.csv", "return_lines.csv", "stock.csv",   "movements.csv",
};

struct sku_code {
    uint32_t sku;
    uint8_t bytes;
    char code[ID_BYTES_MAX];
};

/* The longest struct slice_order_placed that placed_of makes. */
enum {
    PLACED_WORDS =
        (sizeof(struct slice_order_placed) + ORDER_LINES_MAX * sizeof(struct slice_order_line) +
         ORDER_TEXTS * TEXT_BYTES_MAX) /
        sizeof(uint64_t)
};

struct export
{
    struct start_visitor visitor; /* of movements */
    const char *command;
    FILE *files[TABLES];
    int32_t to;        /* their directory; 0: not yet */
    uint64_t snapshot; /* to begin with; 0: the log from its beginning */
    struct sku_code *skus;
    size_t sku_count;
    size_t sku_capacity;
    char warehouses[WAREHOUSES_MAX][ID_BYTES_MAX + 1];
    uint64_t rows;
    const struct orders *orders;   /* of the shard whose records are shown */
    const struct order *order;     /* the one at hand */
    uint64_t placed[PLACED_WORDS]; /* and its slice */
};

/* ---- cells ------------------------------------------------------------------------------------------- */

static void put(FILE *file, struct text text)
{
    bool quoted = false;
    for (uint32_t i = 0; i < text.bytes; i++)
        quoted |= strchr(",\"\r\n", text.at[i]) != NULL;
    if (quoted)
        fputc('"', file);
    for (uint32_t i = 0; i < text.bytes; i++) {
        if (text.at[i] == '"')
            fputc('"', file);
        fputc(text.at[i], file);
    }
    if (quoted)
        fputc('"', file);
}

static void put_next(FILE *file, struct text text)
{
    fputc(',', file);
    put(file, text);
}

static void put_time(FILE *file, uint64_t ns)
{
    char out[TIME_TEXT_BYTES_MAX];
    put_next(file, ns != 0 ? time_text_print(ns, out) : (struct text){out, 0});
}

static int compare_skus(const void *a, const void *b)
{
    const struct sku_code *x = a, *y = b;
    return (x->sku > y->sku) - (x->sku < y->sku);
}

static struct text sku_text(const struct export *export, uint32_t sku)
{
    const struct sku_code key = {.sku = sku};
    const struct sku_code *found =
        bsearch(&key, export->skus, export->sku_count, sizeof key, compare_skus);
    return found != NULL ? (struct text){found->code, found->bytes} : (struct text){"", 0};
}

static struct text warehouse_text(const struct export *export, uint64_t number)
{
    const char *name = number < WAREHOUSES_MAX ? export->warehouses[number] : "";
    return (struct text){name, (uint32_t)strlen(name)};
}

static void put_item(const struct export *export, FILE *file, const struct shape_item *item,
                     const void *from)
{
    char out[SHAPE_TEXT_BYTES_MAX];
    if (item->type == SHAPE_SKU)
        put_next(file, sku_text(export, (uint32_t)shape_number(item, from)));
    else if (item->type == SHAPE_WAREHOUSE)
        put_next(file, warehouse_text(export, shape_number(item, from)));
    else
        put_next(file, shape_text(item, from, out));
}

/* ---- slices ------------------------------------------------------------------------------------------ */

/* Hashes say nothing to a reader; an order's own part says better what state it is in. */
static bool is_column(const struct shape_item *item)
{
    return item->type != SHAPE_HASH && item->type != SHAPE_ARRAY && item->type != SHAPE_ORDER &&
           strcmp(item->name, "state") != 0 && strcmp(item->name, "deadline") != 0 &&
           strcmp(item->name, "total") != 0;
}

static void put_header(const struct export *export, enum sheet sheet, const char *fixed,
                       const struct shape_item *items)
{
    FILE *file = export->files[sheet];
    fputs(fixed, file);
    for (; items != NULL && items->type != SHAPE_END; items++)
        if (is_column(items))
            fprintf(file, ",%s", items->name);
    fputc('\n', file);
}

static void put_columns(const struct export *export, FILE *file, const struct slice *slice)
{
    const struct shape *shape = shape_of(slice->kind);
    const char *behind = (const char *)slice + shape->fixed_bytes;
    for (const struct shape_item *item = shape->items; item->type != SHAPE_END; item++) {
        bool is_text = item->type == SHAPE_TEXT || item->type == SHAPE_ORDER;
        struct text text = {behind, is_text ? (uint32_t)shape_number(item, slice) : 0};
        if (item->type == SHAPE_TEXT)
            put_next(file, text);
        else if (is_column(item))
            put_item(export, file, item, slice);
        behind += text.bytes;
        if (item->type == SHAPE_ARRAY)
            behind += shape_number(item, slice) * item->element_bytes;
    }
}

/* The name of what the slice is about: the first text that is not the order's id. */
static struct text child_of(const struct slice *slice)
{
    const struct shape *shape = shape_of(slice->kind);
    const char *behind = (const char *)slice + shape->fixed_bytes;
    for (const struct shape_item *item = shape->items; item->type != SHAPE_END; item++) {
        uint64_t number = item->type == SHAPE_CHARS ? 0 : shape_number(item, slice);
        if (item->type == SHAPE_TEXT)
            return (struct text){behind, (uint32_t)number};
        if (item->type == SHAPE_ORDER)
            behind += number;
        if (item->type == SHAPE_ARRAY)
            behind += number * item->element_bytes;
    }
    return (struct text){"", 0};
}

static const char *array_of(const struct slice *slice, const struct shape_item **item)
{
    const struct shape *shape = shape_of(slice->kind);
    for (*item = shape->items; (*item)->type != SHAPE_END; (*item)++)
        if ((*item)->type == SHAPE_ARRAY)
            return (const char *)slice + shape->fixed_bytes;
    return NULL;
}

static void put_lines(struct export *export, enum sheet sheet, const struct slice *slice,
                      struct text child)
{
    const struct shape_item *item;
    const char *at = array_of(slice, &item);
    if (at == NULL)
        return;
    bool of_order = slice->kind == SLICE_ORDER_PLACED;
    FILE *file = export->files[sheet];
    for (uint64_t i = 0, count = shape_number(item, slice); i < count;
         i++, at += item->element_bytes) {
        put(file, shape_order(slice));
        if (!of_order)
            put_next(file, child);
        fprintf(file, ",%" PRIu64, i + 1);
        for (const struct shape_item *e = item->element; e->type != SHAPE_END; e++)
            if (is_column(e))
                put_item(export, file, e, at);
        if (of_order) {
            struct line_progress line =
                order_line_progress(export->orders, export->order, (uint32_t)i);
            fprintf(file, ",%u,%u,%u,%u,%u", line.cancelled, line.shipped, line.delivered,
                    line.returning, line.returned);
        }
        fputc('\n', file);
        export->rows++;
    }
}

/* ---- records ----------------------------------------------------------------------------------------- */

/* As the slice that placed it, of what the tables show and memory has. */
static const struct slice *placed_of(struct export *export)
{
    const struct order *order = export->order;
    struct slice_order_placed *placed = (void *)export->placed;
    *placed = (struct slice_order_placed){
        .head.kind = SLICE_ORDER_PLACED,
        .pay_by_ns = order_pay_by_ns(order),
        .currency = order_currency(order),
        .line_count = (uint16_t)order->line_count,
        .prefer = (uint8_t)order->prefer,
    };
    for (uint32_t i = 0; i < order->line_count; i++)
        placed->lines[i] =
            (struct slice_order_line){.sku = order_line_sku(order, i),
                                      .units = order_line_placed(order, i),
                                      .unit_price = order_line_price(order, i),
                                      .window_s = order_line_window(order, i),
                                      .warehouse = (uint8_t)order_line_warehouse(order, i),
                                      .capped = order_line_capped(order, i)};
    char *at = (char *)(placed->lines + order->line_count);
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        struct text text = order_text(order, (enum order_text)i, at);
        placed->text_bytes[i] = (uint8_t)text.bytes;
        at += text.bytes;
    }
    return &placed->head;
}

static void put_order(struct export *export, const struct part_order *part)
{
    struct text id = order_part_id(part);
    export->order = order_at(export->orders, order_find(export->orders, id, key_hash(id)));
    const struct order *order = export->order;
    const struct slice *slice = placed_of(export);
    FILE *file = export->files[ORDERS];
    const char *state = order_state_name((enum order_state)order->state);
    put(file, id);
    put_next(file, (struct text){state, (uint32_t)strlen(state)});
    fprintf(file, ",%u,%" PRId64, order->version, order_first_total(order));
    put_time(file, order->created_ns);
    put_columns(export, file, slice);
    fputc('\n', file);
    export->rows++;
    put_lines(export, LINES, slice, (struct text){"", 0});
}

static void put_child(struct export *export, enum sheet sheet, enum sheet lines,
                      const struct slice *slice, uint64_t at_ns, const char *state)
{
    FILE *file = export->files[sheet];
    put(file, shape_order(slice));
    put_next(file, (struct text){state, (uint32_t)strlen(state)});
    put_time(file, at_ns);
    put_columns(export, file, slice);
    fputc('\n', file);
    export->rows++;
    if (lines == TABLES)
        return;
    put_lines(export, lines, slice, child_of(slice));
}

static void put_cell(struct export *export, uint32_t sku, const struct part_cell *cell)
{
    FILE *file = export->files[STOCK];
    put(file, sku_text(export, sku));
    put_next(file, warehouse_text(export, cell->warehouse));
    const uint64_t numbers[] = {
        cell->free,        cell->reserved, cell->committed, cell->quarantined, cell->incoming,
        cell->in_transfer, cell->missing,  cell->safety,    cell->version,     cell->reorder_point};
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        fprintf(file, ",%" PRIu64, numbers[i]);
    fputc('\n', file);
    export->rows++;
}

/* The state that a child's slice has, by its shape. */
static const char *state_of(const struct slice *slice, char out[SHAPE_TEXT_BYTES_MAX])
{
    const struct shape_item *item = shape_of(slice->kind)->items;
    while (item->type != SHAPE_END && strcmp(item->name, "state") != 0)
        item++;
    return item->type == SHAPE_END ? "" : shape_text(item, slice, out).at;
}

static void put_record(struct export *export, const struct record *record)
{
    const struct part *first = record_first(record);
    char out[SHAPE_TEXT_BYTES_MAX];
    for (const struct part *part = first; record_has(record, part); part = part_next(part)) {
        const void *fields = part;
        const struct part_payment *payment = fields;
        const struct part_refund *refund = fields;
        const struct part_shipment *shipment = fields;
        const struct part_return *returned = fields;
        const struct slice *slice;
        if (part->kind == PART_ORDER) {
            put_order(export, fields);
        } else if (part->kind == PART_PAYMENT) {
            slice = (const void *)(payment + 1);
            put_child(export, PAYMENTS, TABLES, slice, payment->created_ns, state_of(slice, out));
        } else if (part->kind == PART_REFUND) {
            slice = (const void *)(refund + 1);
            put_child(export, REFUNDS, TABLES, slice, refund->created_ns, state_of(slice, out));
        } else if (part->kind == PART_SHIPMENT) {
            put_child(export, SHIPMENTS, SHIPMENT_LINES, (const void *)(shipment + 1),
                      shipment->changed_ns,
                      shipment_state_name((enum shipment_state)shipment->state));
        } else if (part->kind == PART_RETURN) {
            put_child(export, RETURNS, RETURN_LINES, (const void *)(returned + 1),
                      returned->changed_ns, return_state_name((enum return_state)returned->state));
        } else if (part->kind == PART_CELL) {
            put_cell(export, ((const struct part_sku *)(const void *)first)->sku, fields);
        }
    }
}

/* What SKUs and warehouses are called. */
static void learn_names(struct export *export, const struct record *record)
{
    const struct part *first = record_first(record);
    const void *fields = first;
    if (first->kind == PART_WAREHOUSE) {
        const struct part_warehouse *part = fields;
        memcpy(export->warehouses[part->warehouse], part + 1, part->id_bytes);
    }
    if (first->kind != PART_SKU)
        return;
    const struct part_sku *part = fields;
    if (export->sku_count == export->sku_capacity) {
        export->sku_capacity = export->sku_capacity * 2 + 1024;
        export->skus = realloc(export->skus, export->sku_capacity * sizeof *export->skus);
        CHECK(export->skus != NULL);
    }
    struct sku_code *code = &export->skus[export->sku_count++];
    *code = (struct sku_code){.sku = part->sku, .bytes = part->code_bytes};
    memcpy(code->code, part + 1, part->code_bytes);
}

static int each_record(struct log_state *state, struct export *export,
                       void (*show)(struct export *export, const struct record *record))
{
    struct shard *shard;
    int end = log_state_begin(state, export->snapshot);
    while (end == 0 && (shard = log_state_next(state, &end)) != NULL) {
        struct image_walk walk = {0};
        const struct record *record;
        export->orders = &shard->orders;
        while ((record = shard_image_next(shard, &walk)) != NULL)
            show(export, record);
    }
    return end;
}

/* ---- movements --------------------------------------------------------------------------------------- */

static const char *const moved[] = {
    "sku",     "warehouse", "units",    "free",     "quarantined", "incoming",   "in_transfer",
    "missing", "received",  "returned", "adjusted", "shipped",     "written_off"};

static void put_movement(struct export *export, struct position position, const struct event *event,
                         const struct slice *slice)
{
    FILE *file = export->files[MOVEMENTS];
    const struct shape *shape = shape_of(slice->kind);
    fprintf(file, "%" PRIu64 ".%u", position.seq, position.index);
    put_time(file, event->at_ns);
    fprintf(file, ",%s", event_name(event->kind));
    put_next(file, event_by(event));
    put_next(file, shape_order(event_slices(event)));
    fprintf(file, ",%s", shape->name);
    for (uint32_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
        const struct shape_item *item = shape->items;
        while (item->type != SHAPE_END && strcmp(item->name, moved[i]) != 0)
            item++;
        if (item->type == SHAPE_END)
            fputc(',', file);
        else
            put_item(export, file, item, slice);
    }
    fputc('\n', file);
    export->rows++;
}

static enum start_visit on_group(struct start_visitor *visitor, const struct group_head *head)
{
    struct export *export = (struct export *)visitor;
    const struct event *event = group_events(head);
    for (uint16_t n = 0; n < head->event_count; n++, event = event_next(event)) {
        const struct slice *slice = event_slices(event);
        for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
            if (slice->kind >= SLICE_STOCK_RESERVE && slice->kind < SLICE_RETRY &&
                slice->kind != SLICE_SKU_PUT)
                put_movement(export, (struct position){head->seq, n}, event, slice);
    }
    return START_TAKEN;
}

static int put_movements(struct export *export, const char *directory)
{
    struct log_state state;
    FILE *file = export->files[MOVEMENTS];
    fputs("seq,at,event,by,order,what", file);
    for (uint32_t i = 0; i < sizeof moved / sizeof moved[0]; i++)
        fprintf(file, ",%s", moved[i]);
    fputc('\n', file);
    export->visitor.on_group = on_group;
    int end = log_state_open(&state, export->command, directory, &export->visitor);
    log_state_close(&state);
    return end;
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int open_files(struct export *export, struct log_state *state, const char *to)
{
    int end = log_make_empty(export->command, to, state->start.directory, &export->to);
    state->lane_directory = export->to;
    for (uint32_t i = 0; end == 0 && i < TABLES; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", to, names[i]);
        export->files[i] = fopen(path, "we");
        if (export->files[i] == NULL)
            end = log_fail(export->command, EXIT_CANNOT_CREATE, "%s: %s", path, strerror(errno));
    }
    return end;
}

static const struct shape_item *items_of(uint32_t slice_kind)
{
    return shape_of(slice_kind)->items;
}

static const struct shape_item *elements_of(uint32_t slice_kind)
{
    const struct shape_item *item = items_of(slice_kind);
    while (item->type != SHAPE_ARRAY)
        item++;
    return item->element;
}

/* From the newest snapshot that is whole. */
static int learn_all_names(struct log_state *state, struct export *export)
{
    bool from_log = state->manifest.begin_seq == 1;
    int end = log_reaches(state);
    if (end != 0)
        return end;
    for (uint32_t i = 0; i < state->snapshot_count + from_log; i++) {
        export->snapshot = i < state->snapshot_count ? state->snapshots[i] : 0;
        export->sku_count = 0;
        end = each_record(state, export, learn_names);
        if (end == 0 || !state->fold.bad_snapshot)
            return end;
    }
    return end;
}

static void put_headers(const struct export *export)
{
    put_header(export, ORDERS, "order,state,version,total,created_at",
               items_of(SLICE_ORDER_PLACED));
    put_header(export, LINES,
               "order,line,sku,units,unit_price,window_s,warehouse,capped,cancelled,shipped,"
               "delivered,returning,returned",
               NULL);
    put_header(export, PAYMENTS, "order,state,at", items_of(SLICE_PAYMENT));
    put_header(export, REFUNDS, "order,state,at", items_of(SLICE_REFUND));
    put_header(export, SHIPMENTS, "order,state,at", items_of(SLICE_SHIPMENT));
    put_header(export, SHIPMENT_LINES, "order,shipment,number", elements_of(SLICE_SHIPMENT));
    put_header(export, RETURNS, "order,state,at", items_of(SLICE_RETURN));
    put_header(export, RETURN_LINES, "order,return,number", elements_of(SLICE_RETURN));
    put_header(export, STOCK,
               "sku,warehouse,free,reserved,committed,quarantined,incoming,in_transfer,missing,"
               "safety,version,reorder_point",
               NULL);
}

static int close_files(struct export *export, const char *to, int end)
{
    for (uint32_t i = 0; i < TABLES; i++)
        if (export->files[i] != NULL && fclose(export->files[i]) != 0 && end == 0)
            end = log_fail(export->command, EXIT_IO, "%s/%s: %s", to, names[i], strerror(errno));
    return end;
}

static int run(struct export *export, const char *from, const char *to)
{
    struct log_state state;
    int end = log_state_open(&state, export->command, from, NULL);
    if (end == 0)
        end = open_files(export, &state, to);
    if (end == 0) {
        put_headers(export);
        end = learn_all_names(&state, export);
    }
    qsort(export->skus, export->sku_count, sizeof *export->skus, compare_skus);
    if (end == 0)
        end = each_record(&state, export, put_record);
    uint64_t seq = state.start.begin.next_seq, begin = state.manifest.begin_seq;
    log_state_close(&state);
    if (end == 0)
        end = put_movements(export, from);
    end = close_files(export, to, end);
    if (end != 0 && export->to > 0)
        log_make_empty_again(export->to);
    free(export->skus);
    if (end == 0)
        printf("%s: %" PRIu64 " rows; the state after sequence %" PRIu64
               ", movements from sequence %" PRIu64 " on\n",
               to, export->rows, seq - 1, begin);
    return end;
}

int log_export(int argc, char **argv)
{
    static struct export export = {.command = "spate log export"};
    const char *to = NULL;
    const struct option options[] = {
        {.name = "csv",
         .value_name = "DIR",
         .help = "where the files are to be: a directory that is empty or not there",
         .kind = OPTION_TEXT,
         .into = &to},
        {0},
    };
    const struct usage usage = {
        .command = export.command,
        .arguments = "DIR --csv DIR",
        .summary = "Writes orders, lines, payments, refunds, shipments, returns and stock as they "
                   "are, and "
                   "the movements of stock that the log still has.",
        .options = options,
    };
    int end = log_arguments(&usage, argc, argv);
    if (end >= 0)
        return end;
    if (to == NULL)
        return log_fail(export.command, EXIT_USAGE_ERROR, "--csv DIR is missing");
    return run(&export, argv[0], to);
}
