#include "tools/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "tools/trace_pack.h"

/* ---- reading -------------------------------------------------------------------------------------- */

static bool wrong(char message[256], const char *path, const char *why)
{
    snprintf(message, 256, "%.180s: %s", path, why);
    return false;
}

/* Whether the parts that the head names lie inside the file. */
static bool parts_fit(const struct trace_head *head, uint64_t bytes)
{
    if (head->file_bytes != bytes || head->events_at < sizeof *head || head->events_at > bytes ||
        head->events_bytes > bytes - head->events_at || head->index_at > bytes ||
        head->events_at % 8 != 0 || head->index_at % 8 != 0 ||
        head->index_count > (bytes - head->index_at) / sizeof(struct trace_mark))
        return false;
    for (int i = 0; i < TRACE_TABLES; i++) {
        const struct trace_names *names = &head->names[i];
        if (names->at != 0 &&
            (names->at > bytes || names->at % 8 != 0 || names->count >= (bytes - names->at) / 8))
            return false;
        if (names->prefix[sizeof names->prefix - 1] != '\0' || names->digits > 20)
            return false;
    }
    return true;
}

static int open_unpacked(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || !trace_is_packed(file))
        return file;
    int whole = trace_unpack(file), error = errno;
    close(file);
    errno = error;
    return whole;
}

bool trace_open(struct trace *trace, const char *path, char message[256])
{
    struct stat stat;
    int file = open_unpacked(path);
    if (file < 0)
        return wrong(message, path, strerror(errno));
    if (fstat(file, &stat) != 0 || (uint64_t)stat.st_size < sizeof *trace->head) {
        close(file);
        return wrong(message, path, "too short for a trace");
    }
    void *bytes = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED)
        return wrong(message, path, strerror(errno));
    trace->bytes = bytes;
    trace->head = bytes;
    const char *why = trace->head->magic != TRACE_MAGIC                 ? "not a trace"
                      : trace->head->version != TRACE_VERSION           ? "made by another version"
                      : !parts_fit(trace->head, (uint64_t)stat.st_size) ? "cut short or damaged"
                                                                        : NULL;
    if (why == NULL)
        return true;
    munmap(bytes, (size_t)stat.st_size);
    return wrong(message, path, why);
}

void trace_close(struct trace *trace)
{
    munmap((void *)(uintptr_t)trace->bytes, trace->head->file_bytes);
}

const struct trace_event *trace_first(const struct trace *trace)
{
    return trace->head->event_count > 0 ? (const void *)(trace->bytes + trace->head->events_at)
                                        : NULL;
}

static uint64_t event_bytes(const struct trace_event *event)
{
    return sizeof *event + event->line_count * sizeof(struct trace_line);
}

const struct trace_event *trace_next(const struct trace *trace, const struct trace_event *event)
{
    const uint8_t *next = (const uint8_t *)event + event_bytes(event);
    const uint8_t *end = trace->bytes + trace->head->events_at + trace->head->events_bytes;
    return next < end ? (const void *)next : NULL;
}

const struct trace_event *trace_from(const struct trace *trace, uint64_t at_ns)
{
    const struct trace_mark *marks = (const void *)(trace->bytes + trace->head->index_at);
    uint64_t low = 0, high = trace->head->index_count;
    while (low < high) { /* the first mark at or after the time; what is wanted may lie before it */
        uint64_t middle = (low + high) / 2;
        if (marks[middle].at_ns < at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (trace->head->index_count == 0)
        return NULL;
    uint64_t offset = marks[low > 0 ? low - 1 : 0].offset;
    const struct trace_event *event =
        (const void *)(trace->bytes + trace->head->events_at + offset);
    while (event != NULL && event->at_ns < at_ns)
        event = trace_next(trace, event);
    return event;
}

static uint32_t numbered_name(const struct trace_names *names, uint64_t number,
                              char out[TRACE_NAME_BYTES])
{
    char digits[20];
    uint32_t count = 0, bytes = (uint32_t)strlen(names->prefix);
    memcpy(out, names->prefix, bytes);
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count < names->digits)
        digits[count++] = '0';
    while (count > 0)
        out[bytes++] = digits[--count];
    out[bytes] = '\0';
    return bytes;
}

uint32_t trace_name_of(const struct trace *trace, enum trace_table table, uint64_t number,
                       char out[TRACE_NAME_BYTES])
{
    const struct trace_names *names = &trace->head->names[table];
    if (names->at == 0)
        return numbered_name(names, names->first + number, out);
    const uint64_t *offsets = (const void *)(trace->bytes + names->at);
    uint32_t bytes = (uint32_t)(offsets[number + 1] - offsets[number]);
    memcpy(out, (const char *)(offsets + names->count + 1) + offsets[number], bytes);
    out[bytes] = '\0';
    return bytes;
}

uint32_t trace_order_id(const struct trace *trace, uint64_t order, uint64_t pass,
                        char out[TRACE_NAME_BYTES])
{
    const struct trace_names *names = &trace->head->names[TRACE_ORDERS];
    if (names->at == 0)
        return numbered_name(names, names->first + pass * names->count + order, out);
    uint32_t bytes = trace_name_of(trace, TRACE_ORDERS, order, out);
    if (pass == 0)
        return bytes;
    return bytes + (uint32_t)snprintf(out + bytes, TRACE_NAME_BYTES - bytes, ".%llu",
                                      (unsigned long long)pass);
}

const char *trace_kind_name(enum trace_kind kind)
{
    static const char *const names[TRACE_KINDS] = {[TRACE_WAREHOUSE] = "warehouse",
                                                   [TRACE_SKU] = "sku",
                                                   [TRACE_RECEIVE] = "receive",
                                                   [TRACE_ORDER] = "order",
                                                   [TRACE_COSTS] = "costs",
                                                   [TRACE_PAY] = "pay",
                                                   [TRACE_PAY_FAIL] = "pay_fail",
                                                   [TRACE_CANCEL] = "cancel",
                                                   [TRACE_SHIP] = "ship",
                                                   [TRACE_DELIVER] = "deliver",
                                                   [TRACE_CONFIRM] = "confirm",
                                                   [TRACE_REFUND] = "refund",
                                                   [TRACE_RETURN] = "return",
                                                   [TRACE_READ] = "read",
                                                   [TRACE_READ_STOCK] = "read_stock",
                                                   [TRACE_CAPTURE] = "capture",
                                                   [TRACE_HANDOVER] = "handover"};
    return kind < TRACE_KINDS && names[kind] != NULL ? names[kind] : "?";
}

static bool names_fit(const struct trace *trace, enum trace_table table)
{
    const struct trace_names *names = &trace->head->names[table];
    if (names->at == 0)
        return true;
    const uint64_t *offsets = (const void *)(trace->bytes + names->at);
    uint64_t room = trace->head->file_bytes - names->at - (names->count + 1) * sizeof *offsets;
    for (uint64_t i = 0; i < names->count; i++)
        if (offsets[i] > offsets[i + 1] || offsets[i + 1] - offsets[i] >= TRACE_NAME_BYTES - 24)
            return false;
    return offsets[0] == 0 && offsets[names->count] <= room;
}

/* Which table a kind's a, b, order and lines call into; TRACE_TABLES: into none. */
struct references {
    uint8_t a, b, order, lines;
};
static const struct references references[TRACE_KINDS] = {
#define NONE TRACE_TABLES
    [TRACE_WAREHOUSE] = {TRACE_WAREHOUSES, NONE, NONE, NONE},
    [TRACE_SKU] = {TRACE_SKUS, NONE, NONE, NONE},
    [TRACE_RECEIVE] = {TRACE_SKUS, TRACE_WAREHOUSES, NONE, NONE},
    [TRACE_ORDER] = {TRACE_CUSTOMERS, TRACE_REGIONS, TRACE_ORDERS, TRACE_SKUS},
    [TRACE_COSTS] = {TRACE_REGIONS, NONE, NONE, TRACE_WAREHOUSES},
    [TRACE_PAY] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_PAY_FAIL] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_CANCEL] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_SHIP] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_DELIVER] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_CONFIRM] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_REFUND] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_RETURN] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_READ] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_READ_STOCK] = {TRACE_SKUS, NONE, NONE, NONE},
    [TRACE_CAPTURE] = {NONE, NONE, TRACE_ORDERS, NONE},
    [TRACE_HANDOVER] = {NONE, NONE, TRACE_ORDERS, NONE},
#undef NONE
};

static bool is_in(const struct trace_head *head, uint8_t table, uint64_t number)
{
    return table == TRACE_TABLES || number < head->names[table].count;
}

static bool numbers_fit(const struct trace_head *head, const struct trace_event *event)
{
    if (event->kind == 0 || event->kind >= TRACE_KINDS || event->line_count > TRACE_LINES_MAX ||
        (event->kind == TRACE_ORDER && event->line_count == 0))
        return false;
    const struct references *into = &references[event->kind];
    for (uint32_t i = 0; i < event->line_count; i++)
        if (!is_in(head, into->lines, trace_lines(event)[i].sku))
            return false;
    return is_in(head, into->a, event->a) && is_in(head, into->b, event->b) &&
           is_in(head, into->order, event->order);
}

static bool mark_fits(const struct trace *trace, const struct trace_event *event, uint64_t number)
{
    const struct trace_mark *mark = (const void *)(trace->bytes + trace->head->index_at);
    uint64_t offset = (uint64_t)((const uint8_t *)event - trace->bytes) - trace->head->events_at;
    mark += number / TRACE_INDEX_STEP;
    return number / TRACE_INDEX_STEP < trace->head->index_count && mark->at_ns == event->at_ns &&
           mark->offset == offset && mark->number == number;
}

bool trace_verify(const struct trace *trace, char message[256])
{
    const struct trace_head *head = trace->head;
    uint64_t number = 0, left = head->events_bytes, last_ns = 0;
    if (XXH3_64bits(trace->bytes + sizeof *head, head->file_bytes - sizeof *head) != head->hash)
        return wrong(message, "trace", "the hash does not fit: it was changed or damaged");
    for (int i = 0; i < TRACE_TABLES; i++)
        if (!names_fit(trace, (enum trace_table)i))
            return wrong(message, "trace", "a table of names is damaged");
    for (const struct trace_event *event = trace_first(trace); event != NULL;
         event = trace_next(trace, event), number++) {
        bool whole = left >= sizeof *event && left >= event_bytes(event);
        if (!whole || event->at_ns < last_ns || !numbers_fit(head, event)) {
            snprintf(message, 256, "event %llu %s", (unsigned long long)number,
                     !whole                   ? "runs over the end"
                     : event->at_ns < last_ns ? "is earlier than the one before"
                                              : "names something that is not in the tables");
            return false;
        }
        if (number % TRACE_INDEX_STEP == 0 && !mark_fits(trace, event, number))
            return wrong(message, "trace", "the index does not fit the events");
        left -= event_bytes(event);
        last_ns = event->at_ns;
    }
    return number == head->event_count || wrong(message, "trace", "events are missing");
}

/* ---- writing -------------------------------------------------------------------------------------- */

struct trace_writer {
    FILE *file;
    FILE *marks; /* of the index, until the events are done */
    struct trace_head head;
    XXH3_state_t *hash;
    bool names_begun;
    int table;
    uint64_t *offsets;
    uint64_t offset_count;
    uint64_t offset_capacity;
    char *names;
    uint64_t name_bytes;
    uint64_t name_capacity;
};

static void put_bytes(struct trace_writer *writer, const void *bytes, size_t count)
{
    if (count == 0)
        return; /* and `bytes` may be NULL */
    fwrite(bytes, 1, count, writer->file);
    XXH3_64bits_update(writer->hash, bytes, count);
    writer->head.file_bytes += count;
}

struct trace_writer *trace_create(const char *path, uint64_t seed, uint64_t begins_ns,
                                  const char currency[4])
{
    struct trace_writer *writer = calloc(1, sizeof *writer);
    writer->file = fopen(path, "w+");
    writer->marks = tmpfile();
    if (writer->file == NULL || writer->marks == NULL) {
        int error = errno;
        if (writer->file != NULL)
            fclose(writer->file);
        free(writer);
        errno = error;
        return NULL;
    }
    writer->hash = XXH3_createState();
    XXH3_64bits_reset(writer->hash);
    writer->table = -1;
    writer->head = (struct trace_head){.magic = TRACE_MAGIC,
                                       .version = TRACE_VERSION,
                                       .seed = seed,
                                       .begins_ns = begins_ns,
                                       .events_at = sizeof writer->head,
                                       .file_bytes = sizeof writer->head};
    memcpy(writer->head.currency, currency, 3);
    fwrite(&writer->head, sizeof writer->head, 1, writer->file); /* again when all is known */
    return writer;
}

void trace_put(struct trace_writer *writer, const struct trace_event *event,
               const struct trace_line *lines)
{
    struct trace_head *head = &writer->head;
    if (head->event_count % TRACE_INDEX_STEP == 0) {
        struct trace_mark mark = {event->at_ns, head->events_bytes, head->event_count};
        fwrite(&mark, sizeof mark, 1, writer->marks);
        head->index_count++;
    }
    head->order_count += event->kind == TRACE_ORDER && !(event->flags & TRACE_AGAIN);
    put_bytes(writer, event, sizeof *event);
    put_bytes(writer, lines, event->line_count * sizeof *lines);
    head->events_bytes += event_bytes(event);
    head->event_count++;
}

static void put_index(struct trace_writer *writer)
{
    struct trace_mark mark;
    rewind(writer->marks);
    writer->head.index_at = writer->head.file_bytes;
    while (fread(&mark, sizeof mark, 1, writer->marks) == 1)
        put_bytes(writer, &mark, sizeof mark);
}

/* Writes the table that has been collected, and begins the next. */
static void end_table(struct trace_writer *writer)
{
    static const char zeros[8];
    if (writer->offset_count > 0) {
        uint64_t end = writer->name_bytes;
        writer->head.names[writer->table] =
            (struct trace_names){.at = writer->head.file_bytes, .count = writer->offset_count};
        put_bytes(writer, writer->offsets, writer->offset_count * sizeof *writer->offsets);
        put_bytes(writer, &end, sizeof end);
        put_bytes(writer, writer->names, writer->name_bytes);
        put_bytes(writer, zeros, (8 - writer->name_bytes % 8) % 8);
    }
    writer->table++;
    writer->offset_count = 0;
    writer->name_bytes = 0;
}

static void *grown(void *memory, uint64_t wanted, uint64_t *capacity, size_t each)
{
    if (wanted <= *capacity)
        return memory;
    *capacity = wanted * 2;
    return realloc(memory, *capacity * each);
}

static void begin_table(struct trace_writer *writer, enum trace_table table)
{
    if (!writer->names_begun) {
        writer->names_begun = true;
        put_index(writer);
        end_table(writer);
    }
    while (writer->table < (int)table)
        end_table(writer);
}

void trace_numbered(struct trace_writer *writer, enum trace_table table, const char *prefix,
                    uint64_t first, uint8_t digits, uint64_t count)
{
    struct trace_names *names = &writer->head.names[table];
    begin_table(writer, table);
    *names = (struct trace_names){.count = count, .first = first, .digits = digits};
    snprintf(names->prefix, sizeof names->prefix, "%s", prefix);
}

void trace_name(struct trace_writer *writer, enum trace_table table, const char *name)
{
    begin_table(writer, table);
    uint64_t bytes = strlen(name);
    writer->offsets = grown(writer->offsets, writer->offset_count + 1, &writer->offset_capacity,
                            sizeof *writer->offsets);
    writer->names = grown(writer->names, writer->name_bytes + bytes, &writer->name_capacity, 1);
    writer->offsets[writer->offset_count++] = writer->name_bytes;
    memcpy(writer->names + writer->name_bytes, name, bytes);
    writer->name_bytes += bytes;
}

bool trace_finish(struct trace_writer *writer, uint64_t duration_ns)
{
    begin_table(writer, TRACE_TABLES);
    writer->head.duration_ns = duration_ns;
    writer->head.hash = XXH3_64bits_digest(writer->hash);
    rewind(writer->file);
    fwrite(&writer->head, sizeof writer->head, 1, writer->file);
    bool good = fflush(writer->file) == 0 && !ferror(writer->file);
    fclose(writer->file);
    fclose(writer->marks);
    XXH3_freeState(writer->hash);
    free(writer->offsets);
    free(writer->names);
    free(writer);
    return good;
}
