#include "io/schema.h"

#include "io/time_text.h"

#include <string.h>

static bool read_object(struct schema_reader *reader, const struct schema *schema, void *into);

/* ---- refusals ---------------------------------------------------------------------------------- */

static void point_to_member(struct schema_fault *fault, const char *member)
{
    size_t bytes = strlen(member);
    if (fault->pointer_bytes + 1 + bytes > sizeof fault->pointer)
        return;
    fault->pointer[fault->pointer_bytes++] = '/';
    memcpy(fault->pointer + fault->pointer_bytes, member, bytes);
    fault->pointer_bytes += (uint32_t)bytes;
}

bool schema_refuse(struct schema_reader *reader, enum code code, const char *what,
                   const char *member)
{
    struct schema_fault *fault = &reader->fault;
    fault->code = code;
    fault->what = what;
    fault->has_byte = false;
    fault->pointer_bytes = json_pointer(&reader->json, fault->pointer).bytes;
    if (member != NULL)
        point_to_member(fault, member);
    return false;
}

static bool refuse_byte(struct schema_reader *reader, const char *what, uint32_t byte)
{
    schema_refuse(reader, CODE_MALFORMED, what, NULL);
    reader->fault.byte = byte;
    reader->fault.has_byte = true;
    return false;
}

/* The token is not what the field wants: no JSON at all, or another type. */
static bool refuse_token(struct schema_reader *reader)
{
    if (reader->json.fault != JSON_FINE)
        return refuse_byte(reader, json_fault_name(reader->json.fault), reader->json.fault_at);
    return schema_refuse(reader, CODE_INVALID, "type", NULL);
}

static bool refuse_value(struct schema_reader *reader, const char *what)
{
    return schema_refuse(reader, CODE_INVALID, what, NULL);
}

/* ---- values ------------------------------------------------------------------------------------ */

bool text_plain(struct text text)
{
    for (uint32_t i = 0; i < text.bytes; i++)
        if ((uint8_t)text.at[i] < ' ' || text.at[i] == 0x7f)
            return false;
    return true;
}

static bool put_text(struct schema_reader *reader, const struct schema_field *field,
                     struct text text, void *to)
{
    if (field->type != SCHEMA_TEXT && text.bytes > ID_BYTES_MAX)
        return refuse_value(reader, "length");
    if (field->type == SCHEMA_ID && !id_valid(text))
        return refuse_value(reader, "characters");
    if (field->type == SCHEMA_SKU && !sku_code_valid(text))
        return refuse_value(reader, "characters");
    if (field->type == SCHEMA_TEXT && (text.bytes < field->min || text.bytes > field->max))
        return refuse_value(reader, "length");
    if (field->type == SCHEMA_TEXT && !text_plain(text))
        return refuse_value(reader, "characters");
    memcpy(to, &text, sizeof text);
    return true;
}

static bool put_currency(struct schema_reader *reader, struct text text, void *to)
{
    if (text.bytes != 3)
        return refuse_value(reader, "currency");
    uint32_t currency = CURRENCY((uint8_t)text.at[0], (uint8_t)text.at[1], (uint8_t)text.at[2]);
    if (currency_exponent(currency) < 0)
        return refuse_value(reader, "currency");
    memcpy(to, &currency, sizeof currency);
    return true;
}

static bool put_time(struct schema_reader *reader, struct text text, void *to)
{
    uint64_t ns;
    if (!time_text_parse(text, &ns) || ns == 0)
        return refuse_value(reader, "time");
    memcpy(to, &ns, sizeof ns);
    return true;
}

static bool put_choice(struct schema_reader *reader, const struct schema_field *field,
                       struct text text, void *to)
{
    for (uint8_t i = 0; field->choices[i] != NULL; i++) {
        if (strlen(field->choices[i]) != text.bytes ||
            memcmp(field->choices[i], text.at, text.bytes) != 0)
            continue;
        memcpy(to, &i, sizeof i);
        return true;
    }
    return refuse_value(reader, "value");
}

static bool put_integer(struct schema_reader *reader, const struct schema_field *field,
                        int64_t value, void *to)
{
    if (value < field->min || value > field->max)
        return refuse_value(reader, "range");
    memcpy(to, &value, sizeof value);
    return true;
}

static bool put_by_text(struct schema_reader *reader, const struct schema_field *field,
                        struct text text, void *to)
{
    switch (field->type) {
    case SCHEMA_CURRENCY:
        return put_currency(reader, text, to);
    case SCHEMA_TIME:
        return put_time(reader, text, to);
    case SCHEMA_CHOICE:
        return put_choice(reader, field, text, to);
    case SCHEMA_ID:
    case SCHEMA_SKU:
    case SCHEMA_TEXT:
        return put_text(reader, field, text, to);
    case SCHEMA_INTEGER:
    case SCHEMA_BOOL:
    case SCHEMA_OBJECT:
    case SCHEMA_LIST:
    case SCHEMA_MAP:
    case SCHEMA_NAMES:
        break;
    }
    return refuse_value(reader, "type");
}

static bool read_bool(struct schema_reader *reader, void *to)
{
    enum json_token token = json_next(&reader->json);
    if (token != JSON_TRUE && token != JSON_FALSE)
        return refuse_token(reader);
    *(bool *)to = token == JSON_TRUE;
    return true;
}

static bool read_list(struct schema_reader *reader, const struct schema_field *field, void *to)
{
    _Alignas(8) uint8_t item[SCHEMA_STRUCT_BYTES_MAX];
    uint32_t count = 0;
    if (json_next(&reader->json) != JSON_ARRAY)
        return refuse_token(reader);
    for (;; count++) {
        enum json_token token = json_next(&reader->json);
        if (token == JSON_ARRAY_END)
            break;
        if (token != JSON_OBJECT)
            return refuse_token(reader);
        if (count == field->max)
            return refuse_value(reader, "too_many");
        memset(item, 0, field->of->struct_bytes);
        if (!read_object(reader, field->of, item))
            return false;
        if (field->take != NULL && !field->take(reader, item))
            return false;
    }
    if (count < field->min)
        return refuse_value(reader, "too_few");
    memcpy(to, &count, sizeof count);
    return true;
}

struct text schema_map_key(const struct schema_reader *reader)
{
    const struct json *json = &reader->json;
    return json->levels[json->depth - json->levels[json->depth].is_array].key;
}

static bool read_counted(struct schema_reader *reader, const struct schema_field *field)
{
    int64_t value;
    if (json_next(&reader->json) != JSON_INTEGER)
        return refuse_token(reader);
    return put_integer(reader, field, reader->json.integer, &value) && field->take(reader, &value);
}

static bool read_map(struct schema_reader *reader, const struct schema_field *field, void *to)
{
    uint32_t count = 0, items;
    const struct schema_field list = {
        .max = field->max, .min = 1, .of = field->of, .take = field->take};
    if (json_next(&reader->json) != JSON_OBJECT)
        return refuse_token(reader);
    for (;; count++) {
        enum json_token token = json_next(&reader->json);
        if (token == JSON_OBJECT_END)
            break;
        if (token != JSON_KEY)
            return refuse_token(reader);
        if (!id_valid(reader->json.text))
            return refuse_value(reader, "characters");
        if (field->of != NULL ? !read_list(reader, &list, &items) : !read_counted(reader, field))
            return false;
    }
    memcpy(to, &count, sizeof count);
    return true;
}

static bool read_value(struct schema_reader *reader, const struct schema_field *field, void *to)
{
    struct json *json = &reader->json;
    switch (field->type) {
    case SCHEMA_INTEGER:
        if (json_next(json) != JSON_INTEGER)
            return refuse_token(reader);
        return put_integer(reader, field, json->integer, to);
    case SCHEMA_BOOL:
        return read_bool(reader, to);
    case SCHEMA_OBJECT:
        if (json_next(json) != JSON_OBJECT)
            return refuse_token(reader);
        return read_object(reader, field->of, to);
    case SCHEMA_LIST:
        return read_list(reader, field, to);
    case SCHEMA_MAP:
        return read_map(reader, field, to);
    case SCHEMA_NAMES:
        CHECK(false);
    case SCHEMA_ID:
    case SCHEMA_SKU:
    case SCHEMA_TEXT:
    case SCHEMA_CURRENCY:
    case SCHEMA_TIME:
    case SCHEMA_CHOICE:
        break;
    }
    if (json_next(json) != JSON_TEXT)
        return refuse_token(reader);
    return put_by_text(reader, field, json->text, to);
}

/* ---- objects ----------------------------------------------------------------------------------- */

static bool field_is(const struct schema_field *field, struct text key)
{
    uint32_t i = 0;
    while (i < key.bytes && field->name[i] == key.at[i])
        i++;
    return i == key.bytes && field->name[i] == 0;
}

/* *index: where the last one stood; most people keep to the order in which they are described. */
static const struct schema_field *field_find(const struct schema *schema, struct text key,
                                             uint32_t *index)
{
    for (uint32_t tries = 0; tries < schema->field_count; tries++) {
        *index = *index + 1 < schema->field_count ? *index + 1 : 0;
        if (field_is(&schema->fields[*index], key))
            return &schema->fields[*index];
    }
    return NULL;
}

/* The fields that are not there, whose bits are not in `seen`: the first that has to be is refused,
 * and an integer may stand for something all the same. */
static bool settle_missing(struct schema_reader *reader, const struct schema *schema, uint32_t seen,
                           void *into)
{
    uint32_t all = (uint32_t)((UINT64_C(1) << schema->field_count) - 1);
    for (uint32_t missing = all & ~seen; missing != 0; missing &= missing - 1) {
        const struct schema_field *field = &schema->fields[__builtin_ctz(missing)];
        if (field->required)
            return schema_refuse(reader, CODE_INVALID, "required", field->name);
        if (field->otherwise != 0)
            memcpy((char *)into + field->offset, &field->otherwise, sizeof field->otherwise);
    }
    return true;
}

bool schema_read_nothing(struct schema_reader *reader, const struct schema *schema, void *into)
{
    return settle_missing(reader, schema, 0, into);
}

/* Behind the opening brace. */
static bool read_object(struct schema_reader *reader, const struct schema *schema, void *into)
{
    uint32_t seen = 0, index = schema->field_count - 1;
    for (;;) {
        enum json_token token = json_next(&reader->json);
        if (token == JSON_OBJECT_END)
            return settle_missing(reader, schema, seen, into);
        if (token != JSON_KEY)
            return refuse_token(reader);
        const struct schema_field *field = field_find(schema, reader->json.text, &index);
        if (field == NULL)
            return refuse_byte(reader, "unknown", reader->json.token_at);
        if (seen >> index & 1)
            return refuse_byte(reader, "duplicate", reader->json.token_at);
        seen |= 1u << index;
        if (!read_value(reader, field, (char *)into + field->offset))
            return false;
    }
}

bool schema_read(struct schema_reader *reader, const struct schema *schema, void *bytes,
                 uint32_t count, void *into)
{
    json_init(&reader->json, bytes, count);
    reader->fault.code = CODE_OK;
    if (json_next(&reader->json) != JSON_OBJECT)
        return refuse_token(reader);
    if (!read_object(reader, schema, into))
        return false;
    return json_next(&reader->json) == JSON_END || refuse_token(reader);
}

/* ---- item by item ------------------------------------------------------------------------------ */

static bool skim_items(struct schema_reader *reader, const struct schema_field *list, uint32_t *at)
{
    struct json *json = &reader->json;
    uint32_t count = 0;
    enum json_token token;
    if (json_next(json) != JSON_ARRAY)
        return refuse_token(reader);
    *at = (uint32_t)(json->at - json->start);
    while ((token = json_next(json)) == JSON_OBJECT) {
        if (json_skip(json) == JSON_WRONG)
            return refuse_token(reader);
        if (++count > list->max)
            return refuse_value(reader, "too_many");
    }
    if (token != JSON_ARRAY_END)
        return refuse_token(reader);
    return count >= list->min || refuse_value(reader, "too_few");
}

bool schema_list_begin(struct schema_reader *reader, const struct schema *schema, void *bytes,
                       uint32_t count, uint32_t *at)
{
    struct json *json = &reader->json;
    uint32_t index = 0;
    json_init(json, bytes, count);
    json->keeps = true;
    reader->fault.code = CODE_OK;
    if (json_next(json) != JSON_OBJECT)
        return refuse_token(reader);
    enum json_token token = json_next(json);
    if (token == JSON_OBJECT_END)
        return schema_refuse(reader, CODE_INVALID, "required", schema->fields[0].name);
    if (token != JSON_KEY)
        return refuse_token(reader);
    if (field_find(schema, json->text, &index) == NULL)
        return refuse_byte(reader, "unknown", json->token_at);
    if (!skim_items(reader, &schema->fields[index], at))
        return false;
    token = json_next(json);
    if (token == JSON_KEY)
        return refuse_byte(reader, field_find(schema, json->text, &index) ? "duplicate" : "unknown",
                           json->token_at);
    return token == JSON_OBJECT_END && json_next(json) == JSON_END ? true : refuse_token(reader);
}

/* Reading begins again at an item; offsets go on counting from the body's first byte. */
static void read_from(struct json *json, void *bytes, uint32_t count, uint32_t at)
{
    json_init(json, bytes, count);
    json->at += at;
}

enum schema_item schema_list_next(struct schema_reader *reader, const struct schema *item,
                                  void *bytes, uint32_t count, uint32_t *at, void *into)
{
    struct json *json = &reader->json;
    uint32_t begin = *at + (uint32_t)strspn((const char *)bytes + *at, ", \n\r\t");
    read_from(json, bytes, count, begin);
    if (*json->at == ']')
        return SCHEMA_ITEM_NONE;
    json->keeps = true;
    CHECK(json_next(json) == JSON_OBJECT && json_skip(json) == JSON_OBJECT_END);
    *at = (uint32_t)(json->at - json->start);
    read_from(json, bytes, count, begin);
    reader->fault.code = CODE_OK;
    CHECK(json_next(json) == JSON_OBJECT);
    return read_object(reader, item, into) ? SCHEMA_ITEM_READ : SCHEMA_ITEM_REFUSED;
}

/* ---- outside of JSON --------------------------------------------------------------------------- */

static bool integer_of(struct text text, int64_t *value)
{
    *value = 0;
    for (uint32_t i = 0; i < text.bytes; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' || *value > JSON_INTEGER_MAX / 10)
            return false;
        *value = *value * 10 + (text.at[i] - '0');
    }
    return text.bytes > 0;
}

static bool put_any(struct schema_reader *reader, const struct schema_field *field,
                    struct text text, void *to)
{
    int64_t value;
    if (field->type != SCHEMA_INTEGER)
        return put_by_text(reader, field, text, to);
    if (!integer_of(text, &value))
        return refuse_value(reader, "type");
    return put_integer(reader, field, value, to);
}

bool schema_read_text(struct schema_reader *reader, const struct schema_field *field,
                      struct text text, void *into)
{
    json_init(&reader->json, NULL, 0); /* faults point into no JSON text */
    if (put_any(reader, field, text, (char *)into + field->offset))
        return true;
    reader->fault.pointer_bytes = 0;
    point_to_member(&reader->fault, field->name);
    return false;
}
