#include "tools/verb.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "io/json_write.h"

/* ---- words ----------------------------------------------------------------------------------------- */

struct words {
    uint32_t count;
    char at[VERB_WORDS_MAX][24];
};

static void add_letter(struct words *words, bool begins, char letter)
{
    if (begins && words->count < VERB_WORDS_MAX)
        words->at[words->count++][0] = '\0';
    char *word = words->at[words->count - 1];
    size_t bytes = strlen(word);
    if (bytes + 1 < sizeof words->at[0]) {
        word[bytes] = (char)tolower((unsigned char)letter);
        word[bytes + 1] = '\0';
    }
}

/* "getOrderHistory" is get, order, history. */
static struct words words_of(const char *name)
{
    struct words words = {0};
    for (uint32_t i = 0; name[i] != '\0'; i++)
        add_letter(&words, i == 0 || isupper((unsigned char)name[i]), name[i]);
    return words;
}

static size_t singular_bytes(const char *word)
{
    size_t bytes = strlen(word);
    return bytes > 3 && word[bytes - 1] == 's' && word[bytes - 2] != 's' ? bytes - 1 : bytes;
}

static bool same_word(const char *a, const char *b, bool exactly)
{
    size_t bytes = singular_bytes(a);
    if (exactly)
        return strcasecmp(a, b) == 0;
    return bytes == singular_bytes(b) && strncasecmp(a, b, bytes) == 0;
}

static bool has_word(const struct words *words, const char *word, bool exactly)
{
    for (uint32_t i = 0; i < words->count; i++)
        if (same_word(words->at[i], word, exactly))
            return true;
    return false;
}

/* "write off", "hand over" */
static bool is_part_of_verb(const char *word)
{
    return strcmp(word, "off") == 0 || strcmp(word, "over") == 0;
}

/* The thing first, then what is done with it: "order create", "stock write off"; but "is ready". */
void verb_name(const struct route *route, char out[VERB_NAME_BYTES_MAX])
{
    struct words words = words_of(route->name);
    uint32_t used = 0, first = 1;
    if (strcmp(words.at[0], "is") == 0)
        first = 0;
    else if (words.count > 2 && is_part_of_verb(words.at[1]))
        first = 2;
    for (uint32_t i = 0; i < words.count; i++)
        used += (uint32_t)snprintf(out + used, VERB_NAME_BYTES_MAX - used, "%s%s",
                                   i == 0 ? "" : " ", words.at[(first + i) % words.count]);
}

/* Every word typed is one of its own, and none of its own is missing, but for "get" where nothing else
 * stands behind: then it might be a verb that was mistyped. */
static bool means(const struct route *route, char *const *words, int count, bool without_get,
                  bool exactly)
{
    struct words own = words_of(route->name);
    for (int i = 0; i < count; i++)
        if (!has_word(&own, words[i], exactly))
            return false;
    for (uint32_t i = 0; i < own.count; i++) {
        bool found = without_get && i == 0 && strcmp(own.at[0], "get") == 0;
        for (int j = 0; j < count && !found; j++)
            found = same_word(own.at[i], words[j], exactly);
        if (!found)
            return false;
    }
    return true;
}

static bool find_all_of(char *const *words, int count, bool without_get, bool exactly,
                        struct verb *verb)
{
    for (int admin = 0; admin < 2; admin++) {
        const struct route *route;
        for (uint32_t i = 0; (route = route_at(admin, i)) != NULL; i++) {
            if (!means(route, words, count, without_get, exactly))
                continue;
            *verb = (struct verb){route, admin};
            return true;
        }
    }
    return false;
}

bool verb_find(char *const *words, int count, struct verb *verb, int *used)
{
    *used = count < VERB_WORDS_MAX ? count : VERB_WORDS_MAX;
    for (; *used > 0; --*used)
        /* As it is typed before "orders" is taken for "order": both may be there. */
        if (find_all_of(words, *used, *used == count, true, verb) ||
            find_all_of(words, *used, *used == count, false, verb))
            return true;
    return false;
}

bool verb_nearest(char *const *words, int count, struct verb *verb)
{
    uint32_t best = 0;
    for (int admin = 0; admin < 2; admin++) {
        const struct route *route;
        for (uint32_t i = 0; (route = route_at(admin, i)) != NULL; i++) {
            struct words own = words_of(route->name);
            uint32_t shared = 0;
            for (int j = 0; j < count; j++)
                shared += has_word(&own, words[j], false);
            if (shared > best) {
                best = shared;
                *verb = (struct verb){route, admin};
            }
        }
    }
    return best > 0;
}

/* ---- options ----------------------------------------------------------------------------------------- */

static struct verb_field *add_field(struct verb_form *form, const char *prefix, const char *name)
{
    CHECK(form->count < VERB_FIELDS_MAX);
    struct verb_field *field = &form->fields[form->count++];
    snprintf(field->name, sizeof field->name, "%s%s%s", prefix, *prefix ? "-" : "", name);
    for (uint32_t i = 0; field->name[i] != '\0'; i++)
        if (field->name[i] == '_')
            field->name[i] = '-';
    return field;
}

static void add_row(struct verb_field *field, const char *value_name, const char *help,
                    struct option *rows, uint32_t *row_count)
{
    struct option row = {.name = field->name,
                         .value_name = value_name,
                         .help = help,
                         .kind = OPTION_TEXTS,
                         .into = &field->values};
    if (field->field == NULL || field->field->type != SCHEMA_LIST)
        field->values.capacity = 1;
    if (field->field != NULL && field->field->type == SCHEMA_BOOL) {
        row.kind = OPTION_FLAG;
        row.value_name = NULL;
        row.into = &field->flag;
    }
    CHECK(*row_count < OPTIONS_MAX);
    rows[(*row_count)++] = row;
}

static const char *value_name_of(const struct schema_field *field)
{
    static const char *const names[] = {
        [SCHEMA_ID] = "ID",         [SCHEMA_SKU] = "SKU",   [SCHEMA_TEXT] = "TEXT",
        [SCHEMA_CURRENCY] = "CODE", [SCHEMA_TIME] = "TIME", [SCHEMA_INTEGER] = "N",
        [SCHEMA_CHOICE] = "WORD",   [SCHEMA_LIST] = "ITEM", [SCHEMA_MAP] = "JSON",
    };
    return names[field->type];
}

/* "sku:units:unit_price", as an item of a list may be said. */
static void describe_item(const struct schema *item, struct verb_field *field)
{
    size_t used = (size_t)snprintf(field->help, sizeof field->help, "Any number of ");
    for (uint32_t i = 0; i < item->field_count && used < sizeof field->help; i++)
        used += (size_t)snprintf(field->help + used, sizeof field->help - used, "%s%s",
                                 i == 0 ? "" : ":", item->fields[i].name);
    if (used < sizeof field->help)
        snprintf(field->help + used, sizeof field->help - used,
                 " (@ for : too), or name=value,...");
}

static const char *help_of(struct verb_field *field)
{
    const struct schema_field *one = field->field;
    const char *about = one->about != NULL             ? one->about
                        : one->type == SCHEMA_CURRENCY ? "If not said: SPATE_CURRENCY, or CNY."
                        : one->required                ? "Must be there."
                                                       : "";
    if (one->type == SCHEMA_LIST) {
        describe_item(one->of, field);
        return field->help;
    }
    size_t used = (size_t)snprintf(field->help, sizeof field->help, "%s", about);
    for (uint32_t i = 0; one->choices != NULL && one->choices[i] && used < sizeof field->help; i++)
        used += (size_t)snprintf(field->help + used, sizeof field->help - used, "%s%s",
                                 i > 0      ? ", "
                                 : used > 0 ? " One of "
                                            : "One of ",
                                 one->choices[i]);
    return field->help;
}

static bool is_plural_list(const struct schema_field *field, size_t bytes)
{
    return field->type == SCHEMA_LIST && bytes > 1 && field->name[bytes - 1] == 's';
}

static void add_fields(struct verb_form *form, const struct schema *schema, const char *prefix,
                       bool in_query, struct option *rows, uint32_t *row_count)
{
    for (uint32_t i = 0; schema != NULL && i < schema->field_count; i++) {
        const struct schema_field *one = &schema->fields[i];
        if (one->type == SCHEMA_OBJECT) {
            add_fields(form, one->of, one->name, in_query, rows, row_count);
            continue;
        }
        struct verb_field *field = add_field(form, prefix, one->name);
        size_t bytes = strlen(field->name);
        if (is_plural_list(one, strlen(one->name)))
            field->name[bytes - 1] = '\0'; /* --line, once for each */
        field->field = one;
        field->place = in_query ? VERB_QUERY : VERB_BODY;
        add_row(field, value_name_of(one), help_of(field), rows, row_count);
    }
}

static void add_path(struct verb_form *form, struct option *rows, uint32_t *row_count)
{
    const char *at = form->verb.route->pattern;
    while ((at = strchr(at, '{')) != NULL) {
        char name[32];
        size_t bytes = strcspn(++at, "}");
        snprintf(name, sizeof name, "%.*s", (int)bytes, at);
        struct verb_field *field = add_field(form, "", name);
        field->place = VERB_PATH;
        add_row(field, "ID", "may also stand behind the verb, without --", rows, row_count);
        at += bytes;
    }
}

/* An order is made with --order-id, or only --id as everywhere else. */
static void add_short_id(struct verb_form *form)
{
    for (uint32_t i = 0; i < form->count; i++)
        if (form->fields[i].place == VERB_BODY && strcmp(form->fields[i].name, "order-id") == 0 &&
            strchr(form->verb.route->pattern, '{') == NULL)
            snprintf(form->fields[i].name, sizeof form->fields[i].name, "id");
}

void verb_form_init(struct verb_form *form, const struct verb *verb, struct option *rows,
                    uint32_t *row_count)
{
    static const struct schema_field min_seq = {.name = "min_seq", .type = SCHEMA_INTEGER};
    *form = (struct verb_form){.verb = *verb};
    uint32_t first = *row_count;
    add_path(form, rows, row_count);
    add_fields(form, verb->route->query, "", true, rows, row_count);
    if (verb->route->takes_min_seq) {
        struct verb_field *field = add_field(form, "", "min-seq");
        field->field = &min_seq;
        field->place = VERB_QUERY;
        add_row(field, "N", "answer when everything up to this sequence can be seen", rows,
                row_count);
    }
    add_fields(form, verb->route->body, "", false, rows, row_count);
    add_short_id(form);
    if (verb->route->body != NULL) {
        struct verb_field *field = add_field(form, "", "body");
        field->place = VERB_WHOLE_BODY;
        add_row(field, "JSON", "all of the body, instead of the options above; or @FILE", rows,
                row_count);
    }
    if (verb->route->key != ROUTE_TAKES_NOT) {
        struct verb_field *field = add_field(form, "", "key");
        field->place = VERB_KEY;
        add_row(field, "TEXT", "Idempotency-Key, so that it can be asked again safely [a new one]",
                rows, row_count);
    }
    if (verb->route->match != ROUTE_TAKES_NOT) {
        struct verb_field *field = add_field(form, "", "if-version");
        field->place = VERB_MATCH;
        add_row(field, "N", "only if this is the version still (If-Match)", rows, row_count);
    }
    if (*row_count > first)
        rows[first].group = "What to ask";
}

bool verb_form_place(struct verb_form *form, char *const *words, int count)
{
    int placed = 0;
    for (uint32_t i = 0; i < form->count && placed < count; i++) {
        struct verb_field *field = &form->fields[i];
        if (field->place == VERB_PATH && field->values.count == 0)
            field->values.at[field->values.count++] = words[placed++];
    }
    return placed == count;
}

/* ---- the request ---------------------------------------------------------------------------------------- */

static const char *value_of(const struct verb_field *field)
{
    return field->values.count > 0 ? field->values.at[0] : NULL;
}

__attribute__((format(printf, 2, 3))) static bool wrong(struct verb_request *request,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(request->fault, sizeof request->fault, format, arguments);
    va_end(arguments);
    return false;
}

static void append_escaped(char *out, size_t capacity, const char *value)
{
    size_t used = strlen(out);
    for (; *value != '\0' && used + 4 < capacity; value++) {
        bool plain = isalnum((unsigned char)*value) || strchr("-._~", *value) != NULL;
        used += (size_t)snprintf(out + used, capacity - used, plain ? "%c" : "%%%02X",
                                 (unsigned char)*value);
    }
}

static void append(char *out, size_t capacity, const char *bytes, size_t count)
{
    size_t used = strlen(out);
    snprintf(out + used, capacity - used, "%.*s", (int)count, bytes);
}

static bool write_path(const struct verb_form *form, struct verb_request *request)
{
    const char *at = form->verb.route->pattern;
    for (uint32_t i = 0; i < form->count; i++) {
        const struct verb_field *field = &form->fields[i];
        if (field->place != VERB_PATH)
            continue;
        if (value_of(field) == NULL || *value_of(field) == '\0')
            return wrong(request, "--%s is missing", field->name);
        size_t fixed = strcspn(at, "{");
        append(request->target, sizeof request->target, at, fixed);
        append_escaped(request->target, sizeof request->target, value_of(field));
        at += fixed + strcspn(at + fixed, "}") + 1;
    }
    append(request->target, sizeof request->target, at, strlen(at));
    return true;
}

static void write_query(const struct verb_form *form, struct verb_request *request)
{
    char sign = '?';
    for (uint32_t i = 0; i < form->count; i++) {
        const struct verb_field *field = &form->fields[i];
        if (field->place != VERB_QUERY || (value_of(field) == NULL && !field->flag))
            continue;
        append(request->target, sizeof request->target, &sign, 1);
        append(request->target, sizeof request->target, field->field->name,
               strlen(field->field->name));
        append(request->target, sizeof request->target, "=", 1);
        append_escaped(request->target, sizeof request->target,
                       field->flag ? "true" : value_of(field));
        sign = '&';
    }
}

static bool write_value(struct json_writer *writer, const struct schema_field *field,
                        const char *name, struct text value, struct verb_request *request)
{
    char digits[32], *end;
    json_write_key(writer, field->name);
    switch (field->type) {
    case SCHEMA_INTEGER:
        snprintf(digits, sizeof digits, "%.*s", (int)value.bytes, value.at);
        int64_t number = strtoll(digits, &end, 10);
        if (*end != '\0' || end == digits || value.bytes >= sizeof digits)
            return wrong(request, "--%s: `%.*s` is no number", name, (int)value.bytes, value.at);
        json_write_integer(writer, number);
        return true;
    case SCHEMA_BOOL:
        json_write_bool(writer, value.bytes == 4 && memcmp(value.at, "true", 4) == 0);
        return true;
    case SCHEMA_ID:
    case SCHEMA_SKU:
    case SCHEMA_TEXT:
    case SCHEMA_CURRENCY:
    case SCHEMA_TIME:
    case SCHEMA_CHOICE:
        json_write_text(writer, value);
        return true;
    case SCHEMA_MAP:
        json_write_raw(writer, value.at, value.bytes);
        writer->comma = true;
        return true;
    case SCHEMA_OBJECT:
    case SCHEMA_LIST:
    case SCHEMA_NAMES:
        break;
    }
    return wrong(request, "--%s has parts that no option can say; give --body", name);
}

/* name=value,name=value */
static bool write_named(struct json_writer *writer, const struct verb_field *list, const char *item,
                        struct verb_request *request)
{
    const struct schema *of = list->field->of;
    while (*item != '\0') {
        size_t bytes = strcspn(item, ","), name_bytes = strcspn(item, "=");
        const struct schema_field *field = NULL;
        for (uint32_t i = 0; i < of->field_count; i++)
            if (strlen(of->fields[i].name) == name_bytes && name_bytes < bytes &&
                strncmp(of->fields[i].name, item, name_bytes) == 0)
                field = &of->fields[i];
        if (field == NULL)
            return wrong(request, "--%s: what is `%.*s`?", list->name, (int)bytes, item);
        struct text value = {item + name_bytes + 1, (uint32_t)(bytes - name_bytes - 1)};
        if (!write_value(writer, field, list->name, value, request))
            return false;
        item += bytes + (item[bytes] == ',');
    }
    return true;
}

/* Its parts in the order of the server's table, ':' or '@' between them; the first may hold such a
 * sign itself. */
static bool write_parts(struct json_writer *writer, const struct verb_field *list, const char *item,
                        struct verb_request *request)
{
    const struct schema *of = list->field->of;
    uint32_t signs = 0;
    for (const char *at = item; *at != '\0'; at++)
        signs += *at == ':' || *at == '@';
    uint32_t inside = signs + 1 > of->field_count ? signs + 1 - of->field_count : 0;
    for (uint32_t i = 0; i < of->field_count && *item != '\0'; i++) {
        size_t bytes = strcspn(item, ":@");
        for (; i == 0 && inside > 0; inside--)
            bytes += 1 + strcspn(item + bytes + 1, ":@");
        struct text value = {item, (uint32_t)bytes};
        if (!write_value(writer, &of->fields[i], list->name, value, request))
            return false;
        item += bytes + (item[bytes] != '\0');
    }
    return true;
}

static bool is_named(const struct schema *of, const char *item)
{
    size_t bytes = strcspn(item, "=");
    for (uint32_t i = 0; i < of->field_count; i++)
        if (item[bytes] == '=' && strlen(of->fields[i].name) == bytes &&
            strncmp(of->fields[i].name, item, bytes) == 0)
            return true;
    return false;
}

static bool write_list(struct json_writer *writer, const struct verb_field *list,
                       struct verb_request *request)
{
    json_write_key(writer, list->field->name);
    json_write_open(writer, '[');
    for (uint32_t i = 0; i < list->values.count; i++) {
        const char *item = list->values.at[i];
        json_write_open(writer, '{');
        if (is_named(list->field->of, item) ? !write_named(writer, list, item, request)
                                            : !write_parts(writer, list, item, request))
            return false;
        json_write_close(writer, '}');
    }
    json_write_close(writer, ']');
    return true;
}

static const struct verb_field *field_of(const struct verb_form *form,
                                         const struct schema_field *field)
{
    for (uint32_t i = 0; i < form->count; i++)
        if (form->fields[i].field == field)
            return &form->fields[i];
    return NULL;
}

static bool is_said(const struct verb_field *field)
{
    return field != NULL && (field->flag || field->values.count > 0);
}

static bool any_said(const struct verb_form *form, const struct schema *schema)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (is_said(field_of(form, &schema->fields[i])))
            return true;
    return false;
}

static bool write_object(struct json_writer *writer, const struct verb_form *form,
                         const struct schema *schema, const char *currency,
                         struct verb_request *request)
{
    json_write_open(writer, '{');
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct schema_field *field = &schema->fields[i];
        const struct verb_field *given = field_of(form, field);
        const char *value = given == NULL ? NULL : given->flag ? "true" : value_of(given);
        bool wrote = true;
        if (field->type == SCHEMA_CURRENCY && field->required && value == NULL)
            value = currency;
        if (field->type == SCHEMA_OBJECT) {
            if (!any_said(form, field->of))
                continue;
            json_write_key(writer, field->name);
            wrote = write_object(writer, form, field->of, currency, request);
        } else if (field->type == SCHEMA_LIST && is_said(given)) {
            wrote = write_list(writer, given, request);
        } else if (value != NULL) {
            struct text text = {value, (uint32_t)strlen(value)};
            wrote = write_value(writer, field, given->name, text, request);
        } else if (field->required) {
            return wrong(request, "--%s is missing", given == NULL ? field->name : given->name);
        }
        if (!wrote)
            return false;
    }
    json_write_close(writer, '}');
    return true;
}

/* `quote` stands around the value. */
static bool write_header(struct verb_request *request, const char *header, const char *quote,
                         const char *option, const char *value)
{
    size_t used = strlen(request->headers);
    for (const char *at = value; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            return wrong(request, "--%s has a character that no header can carry", option);
    snprintf(request->headers + used, sizeof request->headers - used, "%s: %s%.200s%s\r\n", header,
             quote, value, quote);
    return true;
}

static bool write_headers(const struct verb_form *form, const char *key,
                          struct verb_request *request)
{
    const char *match = NULL;
    for (uint32_t i = 0; i < form->count; i++) {
        const char *value = value_of(&form->fields[i]);
        if (form->fields[i].place == VERB_KEY && value != NULL)
            key = value;
        if (form->fields[i].place == VERB_MATCH)
            match = value;
    }
    if (form->verb.route->match == ROUTE_NEEDS && match == NULL)
        return wrong(request, "--if-version is missing");
    return (form->verb.route->key == ROUTE_TAKES_NOT ||
            write_header(request, "Idempotency-Key", "", "key", key)) &&
           (match == NULL || write_header(request, "If-Match", "\"", "if-version", match));
}

/* False: the file cannot be read, or is longer than there is room. */
static bool read_body(struct pile *body, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t bytes = fread(body->at, 1, body->capacity_bytes, file);
    bool whole = !ferror(file) && bytes < body->capacity_bytes;
    fclose(file);
    body->used_bytes = (uint32_t)bytes;
    return whole;
}

/* What --body says; NULL: it is not there. */
static const char *whole_body(const struct verb_form *form)
{
    for (uint32_t i = 0; i < form->count; i++)
        if (form->fields[i].place == VERB_WHOLE_BODY)
            return value_of(&form->fields[i]);
    return NULL;
}

static bool write_body(const struct verb_form *form, const char *currency,
                       struct verb_request *request)
{
    struct json_writer writer = {.pile = &request->body};
    const struct schema *schema = form->verb.route->body;
    const char *whole = whole_body(form);
    if (schema == NULL || whole == NULL)
        return schema == NULL || write_object(&writer, form, schema, currency, request);
    if (*whole == '@')
        return read_body(&request->body, whole + 1) ||
               wrong(request, "--body: cannot read %s", whole + 1);
    if (strlen(whole) > request->body.capacity_bytes)
        return wrong(request, "--body is too long");
    memcpy(request->body.at, whole, strlen(whole));
    request->body.used_bytes = (uint32_t)strlen(whole);
    return true;
}

bool verb_request(const struct verb_form *form, const char *currency, const char *key,
                  struct verb_request *request)
{
    request->method = route_method_name(form->verb.route->method);
    request->target[0] = request->headers[0] = '\0';
    request->body.used_bytes = 0;
    request->has_body = form->verb.route->body != NULL;
    if (!write_path(form, request))
        return false;
    write_query(form, request);
    return write_headers(form, key, request) && write_body(form, currency, request);
}
