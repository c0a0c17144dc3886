/* A table of order lines, RFC 4180: fields may be quoted, and then hold separators, ends of lines and
 * doubled quotes. The first record names the columns. */
#include "tools/import.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/values.h"

enum { FIELDS_MAX = 256, RECORD_BYTES_MAX = 1 << 20 };

struct reader {
    FILE *in;
    char separator;
    char *bytes; /* of the record, each field with its zero */
    uint32_t used;
    uint32_t fields[FIELDS_MAX];
    uint32_t field_count;
    uint64_t line; /* where the record began; the next begins at next_line */
    uint64_t next_line;
};

enum record { RECORD_TAKEN, RECORD_NONE, RECORD_ENDLESS };

static bool put(struct reader *reader, int byte)
{
    if (reader->used == RECORD_BYTES_MAX)
        return false;
    reader->bytes[reader->used++] = (char)byte;
    return true;
}

/* The bytes between two quotes; false: the input ends before the second. */
static bool read_quoted(struct reader *reader)
{
    for (;;) {
        int byte = getc_unlocked(reader->in);
        if (byte == '"') {
            byte = getc_unlocked(reader->in);
            if (byte != '"') {
                ungetc(byte, reader->in);
                return true;
            }
        }
        reader->next_line += byte == '\n';
        if (byte == EOF || !put(reader, byte))
            return false;
    }
}

static bool begin_field(struct reader *reader)
{
    if (reader->field_count == FIELDS_MAX)
        return false;
    reader->fields[reader->field_count++] = reader->used;
    return true;
}

static enum record read_record(struct reader *reader)
{
    reader->used = reader->field_count = 0;
    reader->line = reader->next_line++;
    int byte = getc_unlocked(reader->in);
    if (byte == EOF)
        return RECORD_NONE;
    begin_field(reader);
    for (;; byte = getc_unlocked(reader->in)) {
        bool good = true;
        if (byte == '\n' || byte == EOF) {
            if (reader->used > 0 && reader->bytes[reader->used - 1] == '\r')
                reader->used--;
            return put(reader, '\0') ? RECORD_TAKEN : RECORD_ENDLESS;
        }
        if (byte == '"' && reader->used == reader->fields[reader->field_count - 1])
            good = read_quoted(reader);
        else if (byte == reader->separator)
            good = put(reader, '\0') && begin_field(reader);
        else
            good = put(reader, byte);
        if (!good)
            return RECORD_ENDLESS;
    }
}

static const char *field(const struct reader *reader, int column)
{
    return column < 0 ? "" : reader->bytes + reader->fields[column];
}

/* ---- which column is which --------------------------------------------------------------------------- */

static int column_named(const struct reader *reader, const char *name)
{
    for (uint32_t i = 0; i < reader->field_count; i++)
        if (strcmp(field(reader, (int)i), name) == 0)
            return (int)i;
    return -1;
}

/* -1 for those that the mapping does not name. */
static bool find_columns(struct reader *reader, const struct map *map, int columns[COLUMNS],
                         char message[256])
{
    if (read_record(reader) != RECORD_TAKEN) {
        snprintf(message, 256, "the input is empty");
        return false;
    }
    if (strncmp(reader->bytes, "\xef\xbb\xbf", 3) == 0) /* written by a spreadsheet */
        reader->fields[0] += 3;
    for (int i = 0; i < COLUMNS; i++) {
        columns[i] = map->columns[i][0] != '\0' ? column_named(reader, map->columns[i]) : -1;
        if (columns[i] >= 0 || map->columns[i][0] == '\0')
            continue;
        snprintf(message, 256, "line 1: no column is called %.60s; the first is %.60s",
                 map->columns[i], field(reader, 0));
        return false;
    }
    return true;
}

/* ---- one line of an order ----------------------------------------------------------------------------- */

struct row {
    const char *order;
    char sku[TRACE_NAME_BYTES];
    char customer[2 * TRACE_NAME_BYTES];
    const char *region;
    uint64_t at_ns;
    int64_t units;
    int64_t price;   /* in millionths */
    int64_t micros;  /* units times price */
    uint32_t prefix; /* MAP_PREFIXES: none */
};

static bool read_time(const struct map *map, const char *text, uint64_t *ns)
{
    struct tm parts = {0};
    if (strcmp(map->time, "epoch") == 0) {
        int64_t micros;
        if (!decimal_read(text, '.', &micros) || micros < 0 || micros > INT64_C(9000000000000000))
            return false;
        *ns = (uint64_t)micros * 1000;
        return true;
    }
    const char *end = strptime(text, map->time, &parts);
    time_t seconds = timegm(&parts);
    *ns = (uint64_t)seconds * 1000000000;
    return end != NULL && *end == '\0' && seconds >= 0;
}

static uint32_t prefix_of(const struct map *map, const char *order)
{
    for (uint32_t i = 0; i < map->prefix_count; i++)
        if (strncmp(order, map->prefixes[i].prefix, strlen(map->prefixes[i].prefix)) == 0)
            return i;
    return MAP_PREFIXES;
}

static bool read_sku(const struct map *map, const char *code, char out[TRACE_NAME_BYTES])
{
    size_t bytes = strlen(code);
    if (bytes > ID_BYTES_MAX)
        return false;
    memcpy(out, code, bytes + 1);
    for (char *at = out; *at != '\0'; at++)
        if (*at == ' ' && map->sku_space != '\0')
            *at = map->sku_space;
    return sku_code_valid((struct text){out, (uint32_t)bytes});
}

static bool is_id(const char *text)
{
    return id_valid((struct text){text, (uint32_t)strlen(text)});
}

static void name_customer(const struct map *map, const char *said, struct row *row)
{
    const char *mark = strstr(map->no_customer, "{order}");
    if (*said != '\0')
        snprintf(row->customer, sizeof row->customer, "%s", said);
    else if (mark == NULL)
        snprintf(row->customer, sizeof row->customer, "%s", map->no_customer);
    else
        snprintf(row->customer, sizeof row->customer, "%.*s%.64s%s", (int)(mark - map->no_customer),
                 map->no_customer, row->order, mark + 7);
}

/* LEFT_REASONS: the row is good. Numbers come first, so that whatever is left out has been counted in
 * units and money too. */
static enum left_out judge(struct import *import, const struct reader *reader,
                           const int columns[COLUMNS], struct row *row)
{
    const struct map *map = &import->map;
    for (int i = 0; i < COLUMNS; i++)
        if (columns[i] >= (int)reader->field_count)
            return LEFT_BAD_RECORD;
    row->order = field(reader, columns[COLUMN_ORDER]);
    row->region = field(reader, columns[COLUMN_REGION]);
    row->prefix = prefix_of(map, row->order);
    int64_t units;
    if (!decimal_read(field(reader, columns[COLUMN_UNITS]), map->decimal_point, &units) ||
        !decimal_read(field(reader, columns[COLUMN_PRICE]), map->decimal_point, &row->price) ||
        units % 1000000 != 0 || units / 1000000 > UINT32_MAX ||
        units / 1000000 < -(int64_t)UINT32_MAX)
        return LEFT_BAD_NUMBER;
    row->units = units / 1000000;
    if (map->absolute_units && row->units < 0)
        row->units = -row->units;
    if (__builtin_mul_overflow(row->units, row->price, &row->micros)) {
        row->units = row->micros = 0;
        return LEFT_BAD_NUMBER;
    }
    if (row->prefix != MAP_PREFIXES)
        return LEFT_PREFIX + row->prefix;
    if (row->units <= 0)
        return LEFT_UNITS;
    if (row->price < 0 || (row->price == 0 && !map->free_lines))
        return LEFT_PRICE;
    const char *customer = field(reader, columns[COLUMN_CUSTOMER]);
    if (*customer == '\0' && map->no_customer[0] == '\0')
        return LEFT_NO_CUSTOMER;
    if (!is_id(row->order))
        return LEFT_BAD_ORDER;
    if (!read_sku(map, field(reader, columns[COLUMN_SKU]), row->sku))
        return LEFT_BAD_SKU;
    name_customer(map, customer, row);
    if (!is_id(row->customer) || (*row->region != '\0' && !is_id(row->region)))
        return LEFT_BAD_CUSTOMER;
    return read_time(map, field(reader, columns[COLUMN_TIME]), &row->at_ns) ? LEFT_REASONS
                                                                            : LEFT_BAD_TIME;
}

/* Every id that is read counts once, whatever becomes of its lines. */
static uint32_t count_order(struct import *import, const struct row *row)
{
    uint32_t known = import->order_names.count;
    uint32_t number = names_number(&import->order_names, row->order);
    if (number < known)
        return number;
    if (number >= import->order_of_name_count) {
        uint32_t was = import->order_of_name_count;
        import->order_of_name_count = was > 0 ? was * 2 : 1024;
        import->order_of_name =
            memory_grow(import->order_of_name, import->order_of_name_count * sizeof(uint32_t));
        memset(import->order_of_name + was, 0,
               (import->order_of_name_count - was) * sizeof(uint32_t));
    }
    import->orders_by_prefix[row->prefix]++;
    return number;
}

static struct import_order *order_of(struct import *import, uint32_t name, const struct row *row)
{
    uint32_t *index = &import->order_of_name[name];
    if (*index != 0)
        return &import->orders[*index - 1];
    if (import->order_count == import->order_capacity) {
        import->order_capacity = import->order_capacity * 2 + 1024;
        import->orders =
            memory_grow(import->orders, import->order_capacity * sizeof *import->orders);
    }
    struct import_order *order = &import->orders[import->order_count++];
    *index = (uint32_t)import->order_count;
    *order = (struct import_order){.at_ns = row->at_ns,
                                   .name = name,
                                   .customer = names_number(&import->customers, row->customer),
                                   .region = names_number(&import->regions, row->region),
                                   .kind = TRACE_ORDER};
    return order;
}

static void take_row(struct import *import, uint32_t name, const struct row *row)
{
    struct import_order *order = order_of(import, name, row);
    if (order->line_count == TRACE_LINES_MAX) {
        import_leave_out(import, LEFT_LONG_ORDER, row->units, row->micros);
        return;
    }
    if (import->line_count == import->line_capacity) {
        import->line_capacity = import->line_capacity * 2 + 4096;
        import->lines = memory_grow(import->lines, import->line_capacity * sizeof *import->lines);
    }
    order->line_count++;
    import->lines[import->line_count++] =
        (struct import_line){.line = {.sku = names_number(&import->skus, row->sku),
                                      .units = (uint32_t)row->units,
                                      .unit_price = row->price},
                             .order = (uint32_t)(order - import->orders)};
}

static void count_sold(struct import *import, const struct row *row)
{
    if (row->prefix == 0 || row->units <= 0 || row->price <= 0)
        return;
    import->sold.lines++;
    import->sold.units += row->units;
    import->sold.micros += row->micros;
}

bool import_csv(struct import *import, FILE *in, char message[256])
{
    int columns[COLUMNS];
    enum record record = RECORD_NONE;
    struct reader reader = {.in = in,
                            .separator = import->map.separator,
                            .bytes = memory_grow(NULL, RECORD_BYTES_MAX + 1),
                            .next_line = 1};
    bool good = find_columns(&reader, &import->map, columns, message);
    while (good && (record = read_record(&reader)) == RECORD_TAKEN) {
        struct row row = {.order = "", .prefix = MAP_PREFIXES};
        enum left_out why = judge(import, &reader, columns, &row);
        uint32_t name = why == LEFT_BAD_RECORD ? 0 : count_order(import, &row);
        import->read_lines++;
        count_sold(import, &row);
        if (why == LEFT_REASONS)
            take_row(import, name, &row);
        else
            import_leave_out(import, why, row.units, row.micros);
    }
    if (record == RECORD_ENDLESS)
        snprintf(message, 256,
                 "line %llu: a quote is never closed, or the line has more than %d fields or bytes",
                 (unsigned long long)reader.line, FIELDS_MAX);
    free(reader.bytes);
    return good && record != RECORD_ENDLESS;
}
