/* Access logs of nginx: one request a line, as text ("combined") or as a JSON object. A log says when
 * somebody came and what they wanted; what they bought is invented, from the seed. */
#include "tools/import.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/values.h"
#include "io/json.h"

enum { LINE_BYTES_MAX = 1 << 16 };

struct request {
    char method[16];
    char path[256];
    char customer[TRACE_NAME_BYTES];
    uint64_t at_ns;
    int status; /* 0: not said */
    bool to_the_second;
};

/* splitmix64: every seed gives another good sequence. */
static uint64_t draw(struct import *import)
{
    uint64_t z = import->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* "POST /v1/orders HTTP/1.1", or without the last word. */
static bool read_request_line(struct request *request, const char *text)
{
    return sscanf(text, "%15[A-Z] %255s", request->method, request->path) == 2 &&
           request->path[0] == '/';
}

/* ---- combined ------------------------------------------------------------------------------------------- */

/* 1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "POST /v1/orders HTTP/1.1" 201 2326 ... */
static bool read_combined(const struct map *map, char *line, struct request *request)
{
    struct tm parts = {0};
    char zone[8] = "", *bracket = strchr(line, '['), *end;
    (void)map;
    if (bracket == NULL || sscanf(line, "%63s", request->customer) != 1)
        return false;
    end = strptime(bracket + 1, "%d/%b/%Y:%H:%M:%S", &parts);
    if (end == NULL || sscanf(end, " %6[0-9+-]]", zone) != 1)
        return false;
    long offset = strtol(zone, NULL, 10);
    int64_t seconds = timegm(&parts) - (offset / 100 * 3600 + offset % 100 * 60);
    char *quote = strchr(end, '"');
    if (quote == NULL || seconds < 0 || !read_request_line(request, quote + 1))
        return false;
    quote = strchr(quote + 1, '"');
    request->at_ns = (uint64_t)seconds * 1000000000;
    request->to_the_second = true;
    request->status = quote != NULL ? atoi(quote + 1) : 0;
    return request->status > 0;
}

/* ---- JSON ------------------------------------------------------------------------------------------------ */

/* RFC 3339 or seconds since 1970. */
static bool read_moment(const char *text, struct request *request)
{
    struct tm parts = {0};
    int64_t micros;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (end == NULL) {
        if (!decimal_read(text, '.', &micros) || micros <= 0 || micros > INT64_C(9000000000000000))
            return false;
        request->at_ns = (uint64_t)micros * 1000;
        request->to_the_second = strchr(text, '.') == NULL;
        return true;
    }
    int hours = 0, minutes = 0;
    bool west = *end == '-';
    if ((*end == '+' || *end == '-') && sscanf(end + 1, "%2d:%2d", &hours, &minutes) != 2)
        return false;
    int64_t offset = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    request->at_ns = (uint64_t)(timegm(&parts) - offset) * 1000000000;
    request->to_the_second = true;
    return true;
}

static bool take_member(const struct map *map, const char *key, const char *value,
                        struct request *request)
{
    if (strcmp(key, map->member_time) == 0)
        return read_moment(value, request);
    if (strcmp(key, map->member_method) == 0)
        return snprintf(request->method, sizeof request->method, "%.15s", value) > 0;
    if (strcmp(key, map->member_path) == 0 && map->member_method[0] == '\0')
        return read_request_line(request, value); /* $request: method and path in one */
    if (strcmp(key, map->member_path) == 0)
        return snprintf(request->path, sizeof request->path, "%.255s", value) > 0;
    if (strcmp(key, map->member_customer) == 0)
        return snprintf(request->customer, sizeof request->customer, "%.63s", value) > 0;
    if (strcmp(key, map->member_status) == 0)
        request->status = atoi(value);
    return true;
}

static bool read_json(const struct map *map, char *line, struct request *request)
{
    struct json json;
    char key[MAP_TEXT], value[1024];
    uint32_t depth = 0;
    json_init(&json, line, (uint32_t)strlen(line));
    if (json_next(&json) != JSON_OBJECT)
        return false;
    for (;;) {
        enum json_token token = json_next(&json);
        struct text text = json.text;
        switch (token) {
        case JSON_WRONG:
            return false;
        case JSON_OBJECT:
        case JSON_ARRAY:
            depth++;
            continue;
        case JSON_ARRAY_END:
        case JSON_OBJECT_END:
            if (depth-- == 0)
                return request->at_ns > 0 && request->method[0] != '\0' && request->path[0] != '\0';
            continue;
        case JSON_KEY:
            snprintf(key, sizeof key, "%.*s", (int)(depth == 0 ? text.bytes : 0), text.at);
            continue;
        case JSON_INTEGER:
            snprintf(value, sizeof value, "%lld", (long long)json.integer);
            break;
        case JSON_TEXT:
        case JSON_REAL:
            snprintf(value, sizeof value, "%.*s", (int)text.bytes, text.at);
            break;
        case JSON_END:
        case JSON_TRUE:
        case JSON_FALSE:
        case JSON_NULL:
            continue;
        }
        if (depth == 0 && !take_member(map, key, value, request))
            return false;
    }
}

/* ---- both ------------------------------------------------------------------------------------------------ */

static bool path_fits(const char *pattern, const struct request *request)
{
    char asked[sizeof request->method + sizeof request->path + 1];
    size_t bytes = strlen(pattern);
    snprintf(asked, sizeof asked, "%s %s", request->method, request->path);
    if (bytes == 0)
        return false;
    if (pattern[bytes - 1] == '*')
        return strncmp(asked, pattern, bytes - 1) == 0;
    asked[strcspn(asked, "?")] = '\0';
    return strcmp(asked, pattern) == 0;
}

/* Popular ones are bought more: the product of two even draws leans to the low numbers. */
static uint32_t draw_sku(struct import *import)
{
    uint64_t skus = import->map.skus;
    return (uint32_t)(draw(import) % skus * (draw(import) % skus) / skus);
}

static void invent_lines(struct import *import, struct import_order *order)
{
    order->line_count = 1 + (uint32_t)(draw(import) % 2);
    for (uint32_t i = 0; i < order->line_count; i++) {
        if (import->line_count == import->line_capacity) {
            import->line_capacity = import->line_capacity * 2 + 4096;
            import->lines =
                memory_grow(import->lines, import->line_capacity * sizeof *import->lines);
        }
        uint32_t sku = draw_sku(import);
        import->lines[import->line_count++] =
            (struct import_line){.line = {.sku = sku,
                                          .units = 1,
                                          .unit_price = (int64_t)(499 + sku * 37 % 20000) * 10000},
                                 .order = (uint32_t)(order - import->orders)};
    }
}

static void take_request(struct import *import, const struct request *request, enum trace_kind kind)
{
    char id[32];
    if (import->order_count == import->order_capacity) {
        import->order_capacity = import->order_capacity * 2 + 1024;
        import->orders =
            memory_grow(import->orders, import->order_capacity * sizeof *import->orders);
    }
    struct import_order *order = &import->orders[import->order_count++];
    *order = (struct import_order){.at_ns = request->at_ns, .kind = (uint8_t)kind};
    if (request->to_the_second) {
        order->at_ns += draw(import) % 1000000000;
        import->spread_seconds++;
    }
    if (kind == TRACE_READ) /* how many orders back */
        order->customer = (uint32_t)(draw(import) % 1000);
    if (kind == TRACE_READ_STOCK)
        order->customer = draw_sku(import);
    if (kind != TRACE_ORDER)
        return;
    snprintf(id, sizeof id, "log-%09llu", (unsigned long long)import->order_names.count + 1);
    order->name = names_number(&import->order_names, id);
    order->customer = names_number(&import->customers, request->customer);
    order->region = names_number(&import->regions, "");
    invent_lines(import, order);
}

/* What an id may not hold becomes a dot: 2001:db8::1. */
static void make_id(char *text)
{
    text[strnlen(text, ID_BYTES_MAX)] = '\0';
    for (char *at = text; *at != '\0'; at++)
        if (!id_valid((struct text){at, 1}))
            *at = '.';
    if (*text == '\0')
        strcpy(text, "guest");
}

static enum left_out judge(struct import *import, struct request *request, enum trace_kind *kind)
{
    bool any_order = import->order_names.count > 0;
    *kind = path_fits(import->map.order_path, request)   ? TRACE_ORDER
            : path_fits(import->map.read_path, request)  ? TRACE_READ
            : path_fits(import->map.stock_path, request) ? TRACE_READ_STOCK
                                                         : TRACE_KINDS;
    if (*kind == TRACE_KINDS)
        return LEFT_PATH;
    /* What was refused for want of stock, or by a server that was busy, was meant. */
    bool meant = request->status < 400 || request->status == 404 || request->status == 409 ||
                 request->status == 429 || request->status >= 500;
    if (!meant)
        return LEFT_STATUS;
    return *kind == TRACE_READ && !any_order ? LEFT_NO_ORDER : LEFT_REASONS;
}

bool import_log(struct import *import, FILE *in, char message[256])
{
    char *line = memory_grow(NULL, LINE_BYTES_MAX);
    char name[32];
    for (uint64_t i = 0; i < import->map.skus; i++) {
        snprintf(name, sizeof name, "SKU-%06llu", (unsigned long long)i);
        names_number(&import->skus, name);
    }
    names_number(&import->customers, "guest");
    names_number(&import->regions, "");
    message[0] = '\0';
    while (fgets(line, LINE_BYTES_MAX, in) != NULL) {
        struct request request = {0};
        enum trace_kind kind;
        line[strcspn(line, "\r\n")] = '\0';
        import->read_lines++;
        bool read = import->map.format == IMPORT_JSON ? read_json(&import->map, line, &request)
                                                      : read_combined(&import->map, line, &request);
        enum left_out why = read ? judge(import, &request, &kind) : LEFT_BAD_RECORD;
        make_id(request.customer);
        if (why == LEFT_REASONS)
            take_request(import, &request, kind);
        else
            import_leave_out(import, why, 0, 0);
    }
    free(line);
    return true;
}
