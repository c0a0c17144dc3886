/* io/answer_past.c - the past of an order or a SKU as JSON: its events, their fields by the tables of
 * core/shape.h, so that a kind of event that is added needs nothing here. */
#include "io/answers.h"
#include "io/shape_text.h"
#include "io/time_text.h"

#include <stdio.h>
#include <string.h>

/* Hashes say nothing to a reader, and whose the event is stands in the request. */
static bool is_shown(const struct shape_item *item)
{
    return item->type != SHAPE_HASH && item->type != SHAPE_ORDER;
}

static struct text code_of(const struct http_server *server, uint32_t sku,
                           struct catalogue_sku *entry)
{
    if (!catalogue_read(server->catalogue, sku, entry))
        return (struct text){NULL, 0};
    return (struct text){entry->code, entry->code_bytes};
}

/* A field that stands in its place; nothing for one that says nothing. */
static void write_field(struct json_writer *writer, const struct http_server *server,
                        const struct shape_item *item, const void *from)
{
    char out[SHAPE_TEXT_BYTES_MAX];
    struct catalogue_sku entry;
    struct text text;
    if (item->type == SHAPE_SKU) {
        text = code_of(server, (uint32_t)shape_number(item, from), &entry);
    } else if (item->type == SHAPE_WAREHOUSE) {
        uint64_t number = shape_number(item, from);
        text = number < WAREHOUSES_MAX ? shard_warehouse(server->shard, (uint32_t)number)
                                       : (struct text){NULL, 0};
    } else {
        text = shape_text(item, from, out);
        if (shape_is_number(item)) {
            json_write_key(writer, item->name);
            json_write_raw(writer, text.at, text.bytes);
            writer->comma = true;
            return;
        }
    }
    if (text.bytes > 0)
        json_member_text(writer, item->name, text);
}

static void write_array(struct json_writer *writer, const struct http_server *server,
                        const struct shape_item *item, const char *at, uint64_t count)
{
    json_write_key(writer, item->name);
    json_write_open(writer, '[');
    for (uint64_t i = 0; i < count; i++, at += item->element_bytes) {
        json_write_open(writer, '{');
        for (const struct shape_item *field = item->element; field->type != SHAPE_END; field++)
            if (is_shown(field))
                write_field(writer, server, field, at);
        json_write_close(writer, '}');
    }
    json_write_close(writer, ']');
}

static void write_slice(struct json_writer *writer, const struct http_server *server,
                        const struct slice *slice)
{
    const struct shape *shape = shape_of(slice->kind);
    const char *behind = (const char *)slice + shape->fixed_bytes;
    json_write_open(writer, '{');
    json_member_text(writer, "slice", text_of(shape->name));
    for (const struct shape_item *item = shape->items; item->type != SHAPE_END; item++) {
        bool is_text = item->type == SHAPE_TEXT || item->type == SHAPE_ORDER;
        bool is_array = item->type == SHAPE_ARRAY;
        uint32_t count = is_text || is_array ? (uint32_t)shape_number(item, slice) : 0;
        if (item->type == SHAPE_TEXT && count > 0)
            json_member_text(writer, item->name, (struct text){behind, count});
        else if (is_array)
            write_array(writer, server, item, behind, count);
        else if (!is_text && is_shown(item))
            write_field(writer, server, item, slice);
        behind += is_array ? count * item->element_bytes : count;
    }
    json_write_close(writer, '}');
}

static const struct result_event *write_event(struct json_writer *writer,
                                              const struct http_server *server,
                                              const struct result_event *item)
{
    const struct event *event = (const void *)(item + 1);
    const struct slice *slice = event_slices(event);
    char time[TIME_TEXT_BYTES_MAX];
    json_write_open(writer, '{');
    json_member_unsigned(writer, "seq", item->seq);
    json_member_unsigned(writer, "index", item->index);
    json_member_text(writer, "event", text_of(event_name(event->kind)));
    json_member_text(writer, "at", time_text_print(event->at_ns, time));
    json_member_text(writer, "by", event_by(event));
    if (item->order_bytes > 0)
        json_member_text(writer, "order_id", (struct text){item->order, item->order_bytes});
    json_member_unsigned(writer, "logic_version", event->logic_version);
    json_write_key(writer, "slices");
    json_write_open(writer, '[');
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        write_slice(writer, server, slice);
    json_write_close(writer, ']');
    json_write_close(writer, '}');
    return (const void *)((const char *)event + event->bytes);
}

void answer_write_events(struct json_writer *writer, const struct http_server *server,
                         const struct result_events *events)
{
    const struct result_event *item = (const void *)(events + 1);
    char cursor[32];
    json_write_open(writer, '{');
    json_write_key(writer, "items");
    json_write_open(writer, '[');
    for (uint32_t i = 0; i < events->event_count; i++)
        item = write_event(writer, server, item);
    json_write_close(writer, ']');
    if (events->end == EVENTS_TRUNCATED)
        json_member_unsigned(writer, "truncated_before", events->next_seq);
    snprintf(cursor, sizeof cursor, "%llu.%u", (unsigned long long)events->next_seq,
             events->next_index);
    if (events->end == EVENTS_GO_ON)
        json_member_text(writer, "next_cursor", text_of(cursor));
    json_write_close(writer, '}');
}

/* ---- what the bodies hold ---------------------------------------------------------------------- */

static const struct schema_field slice_fields[] = {
    {.name = "slice",
     .type = SCHEMA_TEXT,
     .required = true,
     .max = TEXT_BYTES_MAX,
     .about = "What has happened to what; the other fields depend on it."}};
static const struct schema slice_schema = {"EventSlice", slice_fields, 1, 0, true};

static const struct schema_field event_fields[] = {
    {.name = "seq", .type = SCHEMA_INTEGER, .required = true, .max = INT64_MAX},
    {.name = "index", .type = SCHEMA_INTEGER, .required = true, .max = UINT16_MAX},
    {.name = "event", .type = SCHEMA_TEXT, .required = true, .max = TEXT_BYTES_MAX},
    {.name = "at", .type = SCHEMA_TIME, .required = true},
    {.name = "by", .type = SCHEMA_TEXT, .required = true, .max = WHO_BYTES_MAX},
    {.name = "order_id", .type = SCHEMA_ID},
    {.name = "logic_version", .type = SCHEMA_INTEGER, .required = true, .max = UINT8_MAX},
    {.name = "slices",
     .type = SCHEMA_LIST,
     .required = true,
     .of = &slice_schema,
     .max = INT16_MAX},
};
static const struct schema event_schema = {"Event", event_fields,
                                           sizeof event_fields / sizeof event_fields[0], 0, true};

static const struct schema_field events_fields[] = {
    {.name = "items",
     .type = SCHEMA_LIST,
     .required = true,
     .of = &event_schema,
     .max = PAST_EVENTS_MAX,
     .about = "The newest first."},
    {.name = "next_cursor",
     .type = SCHEMA_TEXT,
     .max = TEXT_BYTES_MAX,
     .about =
         "Where the next page begins, if there may be one; this one may be empty all the same."},
    {.name = "truncated_before",
     .type = SCHEMA_INTEGER,
     .max = INT64_MAX,
     .about = "What was before this sequence is no longer in the log or its archive."},
};
const struct schema answer_events = {"EventList", events_fields,
                                     sizeof events_fields / sizeof events_fields[0], 0, true};
