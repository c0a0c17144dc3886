#include "tools/import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

static const struct {
    const char *name;
    const char *text;
} ready[] = {
    {"online-retail", "; UCI Machine Learning Repository, \"Online Retail\": a British shop's "
                      "invoices, 2010-12 to 2011-12.\n"
                      "[input]\n"
                      "format = csv\n"
                      "[columns]\n"
                      "order = InvoiceNo\n"
                      "sku = StockCode\n"
                      "units = Quantity\n"
                      "price = UnitPrice\n"
                      "time = InvoiceDate\n"
                      "customer = CustomerID\n"
                      "[values]\n"
                      "time = %Y-%m-%d %H:%M:%S\n"
                      "currency = GBP\n"
                      "no_customer = guest-{order}\n"
                      "sku_space = _\n"
                      "[left_out]\n"
                      "C = cancellations, which do not say of what order\n"
                      "A = adjustments of bad debt\n"},
    {"nginx-combined",
     "; nginx, log_format combined. The log does not say what was bought: baskets are invented.\n"
     "[input]\n"
     "format = combined\n"
     "skus = 1000\n"
     "[values]\n"
     "currency = CNY\n"
     "[requests]\n"
     "order = POST /v1/orders\n"
     "read = GET /v1/orders/*\n"
     "stock = GET /v1/stock*\n"},
    {"nginx-json", "; nginx, log_format with escape=json, one object a line.\n"
                   "[input]\n"
                   "format = json\n"
                   "skus = 1000\n"
                   "[values]\n"
                   "time = epoch\n"
                   "currency = CNY\n"
                   "[members]\n"
                   "time = msec\n"
                   "method = request_method\n"
                   "path = request_uri\n"
                   "status = status\n"
                   "customer = remote_addr\n"
                   "[requests]\n"
                   "order = POST /v1/orders\n"
                   "read = GET /v1/orders/*\n"
                   "stock = GET /v1/stock*\n"},
};

struct text_key {
    const char *section;
    const char *name;
    char *into;
};

/* Whether one of the keys that hold a text took it; *fits: it was short enough. */
static bool set_text(struct map *map, const char *section, const char *name, const char *value,
                     bool *fits)
{
    const struct text_key keys[] = {
        {"columns", "order", map->columns[COLUMN_ORDER]},
        {"columns", "sku", map->columns[COLUMN_SKU]},
        {"columns", "units", map->columns[COLUMN_UNITS]},
        {"columns", "price", map->columns[COLUMN_PRICE]},
        {"columns", "time", map->columns[COLUMN_TIME]},
        {"columns", "customer", map->columns[COLUMN_CUSTOMER]},
        {"columns", "region", map->columns[COLUMN_REGION]},
        {"values", "time", map->time},
        {"values", "no_customer", map->no_customer},
        {"requests", "order", map->order_path},
        {"requests", "read", map->read_path},
        {"requests", "stock", map->stock_path},
        {"members", "time", map->member_time},
        {"members", "method", map->member_method},
        {"members", "path", map->member_path},
        {"members", "status", map->member_status},
        {"members", "customer", map->member_customer},
    };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0) {
            *fits = strlen(value) < MAP_TEXT;
            snprintf(keys[i].into, MAP_TEXT, "%s", value);
            return true;
        }
    return false;
}

static bool set_format(struct map *map, const char *value)
{
    static const char *const names[] = {"csv", "combined", "json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], value) == 0) {
            map->format = (enum import_format)i;
            return true;
        }
    return false;
}

static bool set_prefix(struct map *map, const char *prefix, const char *meaning)
{
    if (map->prefix_count == MAP_PREFIXES || strlen(prefix) >= MAP_TEXT ||
        strlen(meaning) >= MAP_TEXT)
        return false;
    struct map_prefix *to = &map->prefixes[map->prefix_count++];
    snprintf(to->prefix, MAP_TEXT, "%s", prefix);
    snprintf(to->meaning, MAP_TEXT, "%s", meaning);
    return true;
}

/* A semicolon begins a comment, and a tab would not be seen: they have names. */
static bool set_character(char *into, const char *value)
{
    bool tab = strcmp(value, "tab") == 0, semicolon = strcmp(value, "semicolon") == 0;
    *into = tab ? '\t' : semicolon ? ';' : value[0];
    return tab || semicolon || strlen(value) == 1;
}

static bool set_choice(bool *into, const char *value, const char *yes, const char *no)
{
    *into = strcmp(value, yes) == 0;
    return *into || strcmp(value, no) == 0;
}

static bool set_skus(struct map *map, const char *value)
{
    char *end;
    map->skus = strtoull(value, &end, 10);
    return *end == '\0' && map->skus > 0 && map->skus <= 10000000;
}

static bool set_currency(struct map *map, const char *value)
{
    if (strlen(value) != 3)
        return false;
    memcpy(map->currency, value, 4);
    return true;
}

/* 1: taken; 0: inih reports this line. */
static int set(void *into, const char *section, const char *name, const char *value)
{
    struct map *map = into;
    bool fits;
    if (set_text(map, section, name, value, &fits))
        return fits;
    if (strcmp(section, "left_out") == 0)
        return set_prefix(map, name, value);
    if (strcmp(section, "input") == 0) {
        if (strcmp(name, "format") == 0)
            return set_format(map, value);
        if (strcmp(name, "separator") == 0)
            return set_character(&map->separator, value);
        return strcmp(name, "skus") == 0 && set_skus(map, value);
    }
    if (strcmp(section, "values") != 0)
        return 0;
    if (strcmp(name, "currency") == 0)
        return set_currency(map, value);
    if (strcmp(name, "decimal_point") == 0)
        return set_character(&map->decimal_point, value);
    if (strcmp(name, "sku_space") == 0)
        return set_character(&map->sku_space, value);
    if (strcmp(name, "negative_units") == 0)
        return set_choice(&map->absolute_units, value, "absolute", "leave_out");
    return strcmp(name, "zero_price") == 0 &&
           set_choice(&map->free_lines, value, "free", "leave_out");
}

/* What must be said for this format, and is not; NULL: all is there. */
static const char *missing(const struct map *map)
{
    if (map->currency[0] == '\0')
        return "[values] currency";
    if (map->format != IMPORT_CSV)
        return map->order_path[0] == '\0'                                  ? "[requests] order"
               : map->skus == 0                                            ? "[input] skus"
               : map->format == IMPORT_JSON && map->member_time[0] == '\0' ? "[members] time"
               : map->format == IMPORT_JSON && map->member_path[0] == '\0' ? "[members] path"
                                                                           : NULL;
    static const char *const needed[] = {"[columns] order", "[columns] sku", "[columns] units",
                                         "[columns] price", "[columns] time"};
    for (int i = COLUMN_ORDER; i <= COLUMN_TIME; i++)
        if (map->columns[i][0] == '\0')
            return needed[i];
    return map->time[0] == '\0' ? "[values] time" : NULL;
}

bool map_read(struct map *map, const char *name, char message[256])
{
    int line = -1;
    *map = (struct map){.separator = ',', .decimal_point = '.'};
    for (size_t i = 0; i < sizeof ready / sizeof *ready && line < 0; i++)
        if (strcmp(ready[i].name, name) == 0)
            line = ini_parse_string(ready[i].text, set, map);
    if (line < 0)
        line = ini_parse(name, set, map);
    if (line < 0)
        snprintf(message, 256, "%.160s: %s, and no ready mapping is called that", name,
                 strerror(errno));
    else if (line > 0)
        snprintf(message, 256, "%.160s:%d: no such key here, or not such a value", name, line);
    else if (missing(map) != NULL)
        snprintf(message, 256, "%.160s: %s is missing", name, missing(map));
    else
        return true;
    return false;
}

bool map_print(const char *name, FILE *out)
{
    for (size_t i = 0; i < sizeof ready / sizeof *ready; i++)
        if (strcmp(ready[i].name, name) == 0)
            return fputs(ready[i].text, out) >= 0;
    return false;
}
