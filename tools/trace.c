#include "tools/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

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
        head->index_count > (bytes - head->index_at) / sizeof(struct trace_mark))
        return false;
    for (int i = 0; i < TRACE_TABLES; i++)
        if (head->strings_at[i] > bytes || head->strings_at[i] % 8 != 0 ||
            head->string_count[i] >= (bytes - head->strings_at[i]) / 8)
            return false;
    return true;
}

bool trace_open(struct trace *trace, const char *path, char message[256])
{
    struct stat stat;
    int file = open(path, O_RDONLY | O_CLOEXEC);
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
                      : trace->head->version > TRACE_VERSION            ? "made by a newer version"
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

void trace_id(uint64_t id, char text[TRACE_ID_TEXT])
{
    char digits[TRACE_ID_TEXT];
    uint32_t count = 0;
    do
        digits[count++] = (char)('0' + id % 10);
    while ((id /= 10) > 0);
    for (uint32_t i = 0; i < count; i++)
        text[i] = digits[count - 1 - i];
    text[count] = '\0';
}

const char *trace_string(const struct trace *trace, enum trace_table table, uint32_t number,
                         uint32_t *bytes)
{
    const uint64_t *offsets = (const void *)(trace->bytes + trace->head->strings_at[table]);
    *bytes = (uint32_t)(offsets[number + 1] - offsets[number]);
    return (const char *)(offsets + trace->head->string_count[table] + 1) + offsets[number];
}

static bool strings_fit(const struct trace *trace, enum trace_table table)
{
    const struct trace_head *head = trace->head;
    const uint64_t *offsets = (const void *)(trace->bytes + head->strings_at[table]);
    uint64_t room = head->file_bytes - head->strings_at[table] -
                    (head->string_count[table] + 1) * sizeof *offsets;
    for (uint64_t i = 0; i < head->string_count[table]; i++)
        if (offsets[i] > offsets[i + 1])
            return false;
    return offsets[0] == 0 && offsets[head->string_count[table]] <= room;
}

static bool numbers_fit(const struct trace_head *head, const struct trace_event *event)
{
    switch ((enum trace_kind)event->kind) {
    case TRACE_WAREHOUSE:
        return event->a < head->string_count[TRACE_WAREHOUSES];
    case TRACE_SKU:
        return event->a < head->string_count[TRACE_SKUS];
    case TRACE_RECEIVE:
        return event->a < head->string_count[TRACE_SKUS] &&
               event->b < head->string_count[TRACE_WAREHOUSES];
    case TRACE_ORDER:
        if (event->line_count == 0 || event->line_count > TRACE_LINES_MAX ||
            event->a >= head->string_count[TRACE_CUSTOMERS] ||
            event->b >= head->string_count[TRACE_REGIONS])
            return false;
        for (uint32_t i = 0; i < event->line_count; i++)
            if (trace_lines(event)[i].sku >= head->string_count[TRACE_SKUS])
                return false;
        return true;
    }
    return false;
}

bool trace_verify(const struct trace *trace, char message[256])
{
    const struct trace_head *head = trace->head;
    uint64_t number = 0, left = head->events_bytes, last_ns = 0;
    if (XXH3_64bits(trace->bytes + sizeof *head, head->file_bytes - sizeof *head) != head->hash)
        return wrong(message, "trace", "the hash does not fit: it was changed or damaged");
    for (int i = 0; i < TRACE_TABLES; i++)
        if (!strings_fit(trace, (enum trace_table)i))
            return wrong(message, "trace", "a table of strings is damaged");
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
    fwrite(bytes, 1, count, writer->file);
    XXH3_64bits_update(writer->hash, bytes, count);
    writer->head.file_bytes += count;
}

struct trace_writer *trace_create(const char *path, uint64_t seed, const char currency[4])
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
    if (writer->table >= 0) {
        uint64_t end = writer->name_bytes;
        writer->head.strings_at[writer->table] = writer->head.file_bytes;
        writer->head.string_count[writer->table] = writer->offset_count;
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

void trace_name(struct trace_writer *writer, enum trace_table table, const char *name)
{
    if (!writer->names_begun) {
        writer->names_begun = true;
        put_index(writer);
        end_table(writer);
    }
    while (writer->table < (int)table)
        end_table(writer);
    uint64_t bytes = strlen(name);
    writer->offsets = grown(writer->offsets, writer->offset_count + 1, &writer->offset_capacity,
                            sizeof *writer->offsets);
    writer->names = grown(writer->names, writer->name_bytes + bytes, &writer->name_capacity, 1);
    writer->offsets[writer->offset_count++] = writer->name_bytes;
    memcpy(writer->names + writer->name_bytes, name, bytes);
    writer->name_bytes += bytes;
}

bool trace_finish(struct trace_writer *writer, uint64_t order_count, uint64_t duration_ns)
{
    while (writer->table < TRACE_TABLES)
        end_table(writer);
    writer->head.order_count = order_count;
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
