/* spate log dump - every event of a log, with every field of its slices by name (core/shape.h). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/code.h"
#include "core/order.h"
#include "core/result.h"
#include "core/shape.h"
#include "core/stock.h"
#include "io/shape_text.h"
#include "io/time_text.h"
#include "tools/log.h"
#include "tools/log_state.h"

struct dump {
    struct start_visitor visitor;
    uint64_t from;
    uint64_t to;
    const char *order;
    const char *sku;
    uint64_t json;
    uint32_t sku_number; /* of `sku`, once the log has told it */
};

/* ---- values ---------------------------------------------------------------------------------------- */

/* Texts are UTF-8 and so is JSON, which wants control characters, quotes and backslashes as \u00XX. */
static void print_text(struct text text)
{
    putchar('"');
    for (uint32_t i = 0; i < text.bytes; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c != 0x7f && c != '"' && c != '\\')
            putchar(c);
        else
            printf("\\u%04x", c);
    }
    putchar('"');
}

static void print_name(const char *name)
{
    print_text((struct text){name, (uint32_t)strlen(name)});
}

static void print_time(uint64_t ns)
{
    char time[TIME_TEXT_BYTES_MAX];
    if (ns == 0)
        printf("null");
    else
        print_text(time_text_print(ns, time));
}

/* Those that stand in their place; texts and arrays stand behind. */
static void print_value(const struct shape_item *item, const void *from)
{
    char out[SHAPE_TEXT_BYTES_MAX];
    struct text text = shape_text(item, from, out);
    if (shape_is_number(item))
        printf("%.*s", (int)text.bytes, text.at);
    else if (item->type == SHAPE_TIME && text.bytes == 0)
        printf("null");
    else
        print_text(text);
}

/* ---- slices and events ------------------------------------------------------------------------------- */

static void print_key(const char *name, bool json)
{
    printf(json ? ",\"%s\":" : " %s=", name);
}

static void print_element(const struct shape_item *item, const char *at, bool json)
{
    for (const struct shape_item *first = item; item->type != SHAPE_END; item++) {
        printf(json ? "%s\"%s\":" : "%s%s=", item == first ? "" : json ? "," : " ", item->name);
        print_value(item, at);
    }
}

static void print_array(const struct shape_item *item, const char *at, uint64_t count, bool json)
{
    putchar('[');
    for (uint64_t i = 0; i < count; i++, at += item->element_bytes) {
        printf("%s", i > 0 ? ", " : "");
        printf(json ? "{" : "");
        print_element(item->element, at, json);
        printf(json ? "}" : "");
    }
    putchar(']');
}

static void print_slice(const struct slice *slice, bool json)
{
    const struct shape *shape = shape_of(slice->kind);
    const char *behind = (const char *)slice + shape->fixed_bytes;
    printf(json ? "{\"slice\":\"%s\",\"slot\":%u" : " | %s slot=%u", shape->name, slice->slot);
    for (const struct shape_item *item = shape->items; item->type != SHAPE_END; item++) {
        print_key(item->name, json);
        if (item->type == SHAPE_TEXT || item->type == SHAPE_ORDER) {
            struct text text = {behind, (uint32_t)shape_number(item, slice)};
            print_text(text);
            behind += text.bytes;
        } else if (item->type == SHAPE_ARRAY) {
            uint64_t count = shape_number(item, slice);
            print_array(item, behind, count, json);
            behind += count * item->element_bytes;
        } else {
            print_value(item, slice);
        }
    }
    printf(json ? "}" : "");
}

/* Its own slice comes first. */
static struct text order_of(const struct event *event)
{
    return shape_order(event_slices(event));
}

static void print_event(const struct dump *dump, struct position position,
                        const struct event *event)
{
    struct text order = order_of(event);
    bool json = dump->json != 0;
    printf(json ? "{\"seq\":%" PRIu64 ",\"index\":%u" : "%" PRIu64 ".%u", position.seq,
           position.index);
    print_key("at", json);
    print_time(event->at_ns);
    print_key("event", json);
    print_name(event_name(event->kind));
    print_key("by", json);
    print_text(event_by(event));
    if (order.bytes > 0) {
        print_key("order", json);
        print_text(order);
    }
    if (order.bytes > 0 && event->kind != EVENT_ORDER_PLACED) {
        /* 0 stands for the event's own group. */
        print_key("previous", json);
        printf("\"%" PRIu64 ".%u\"", event->prev_seq != 0 ? event->prev_seq : position.seq,
               event->prev_index);
    }
    print_key("logic", json);
    printf(json ? "%u,\"slices\":[" : "%u", event->logic_version);
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        printf(json && i > 0 ? "," : "");
        print_slice(slice, json);
    }
    puts(json ? "]}" : "");
}

/* ---- which of them ----------------------------------------------------------------------------------- */

static bool text_is(struct text text, const char *wanted)
{
    return text.bytes == strlen(wanted) && memcmp(text.at, wanted, text.bytes) == 0;
}

static void learn_sku(struct dump *dump, const struct slice *slice)
{
    const struct slice_sku_put *put = (const void *)slice;
    if (slice->kind == SLICE_SKU_PUT && text_is(stock_put_code(put), dump->sku))
        dump->sku_number = put->sku;
}

static bool touches_sku(struct dump *dump, const struct event *event)
{
    const struct slice *slice = event_slices(event);
    bool touches = false;
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        learn_sku(dump, slice);
        touches |= dump->sku_number != 0 && shape_sku(slice) == dump->sku_number;
    }
    return touches;
}

static void dump_event(struct dump *dump, struct position position, const struct event *event)
{
    bool of_sku = dump->sku == NULL || touches_sku(dump, event);
    bool of_order = dump->order == NULL || text_is(order_of(event), dump->order);
    if (of_sku && of_order && position.seq >= dump->from && position.seq <= dump->to)
        print_event(dump, position, event);
}

static enum start_visit dump_group(struct start_visitor *visitor, const struct group_head *head)
{
    const struct event *event = group_events(head);
    for (uint32_t i = 0; i < head->event_count; i++, event = event_next(event))
        dump_event((struct dump *)visitor, (struct position){head->seq, (uint16_t)i}, event);
    return START_TAKEN;
}

int log_dump(int argc, char **argv)
{
    static const char *const formats[] = {"text", "json", NULL};
    struct dump dump = {.visitor.on_group = dump_group, .to = UINT64_MAX};
    const struct option options[] = {
        {.name = "from",
         .value_name = "SEQ",
         .help = "from this sequence on",
         .kind = OPTION_COUNT,
         .into = &dump.from,
         .max = UINT64_MAX},
        {.name = "to",
         .value_name = "SEQ",
         .help = "up to this sequence",
         .kind = OPTION_COUNT,
         .into = &dump.to,
         .max = UINT64_MAX},
        {.name = "order",
         .value_name = "ID",
         .help = "only events of this order",
         .kind = OPTION_TEXT,
         .into = &dump.order},
        {.name = "sku",
         .value_name = "CODE",
         .help = "only events that touch this SKU",
         .kind = OPTION_TEXT,
         .into = &dump.sku},
        {.name = "format",
         .value_name = "FORMAT",
         .help = "a line of text, or of JSON, for each event",
         .kind = OPTION_CHOICE,
         .into = &dump.json,
         .choices = formats},
        {0},
    };
    const struct usage usage = {
        .command = "spate log dump",
        .arguments = "DIR [OPTION...]",
        .summary = "Prints the events of a log.",
        .options = options,
    };
    struct log_state state;
    int end = log_arguments(&usage, argc, argv);
    if (end >= 0)
        return end;
    end = log_state_open(&state, usage.command, argv[0], &dump.visitor);
    log_state_close(&state);
    return end;
}
