/* io/schema.h - what a JSON object may hold, as a table, and how it is read into a struct.
 *
 * The same tables route a request's fields into a command and describe them in /openapi.json. Reading
 * stops at the first thing that is wrong: bytes that are no JSON, a field that is unknown or stands
 * twice (CODE_MALFORMED); a field that is missing, of the wrong type or out of range (CODE_INVALID).
 */
#ifndef SPATE_IO_SCHEMA_H
#define SPATE_IO_SCHEMA_H

#include "core/check.h"
#include "core/code.h"
#include "core/values.h"
#include "io/json.h"

/* Behind the arrow: what stands in the struct. */
enum schema_type {
    SCHEMA_ID,       /* -> struct text; see id_valid */
    SCHEMA_SKU,      /* -> struct text; see sku_code_valid */
    SCHEMA_TEXT,     /* -> struct text; min..max bytes without control characters */
    SCHEMA_CURRENCY, /* -> uint32_t */
    SCHEMA_TIME,     /* -> uint64_t, ns since the epoch */
    SCHEMA_INTEGER,  /* -> int64_t, min..max */
    SCHEMA_BOOL,     /* -> bool */
    SCHEMA_CHOICE,   /* -> uint8_t, the place in `choices` */
    SCHEMA_OBJECT,   /* -> the struct of `of` */
    SCHEMA_LIST,     /* -> uint32_t, how many; each item goes to `take`. min..max items */
    SCHEMA_MAP,   /* -> uint32_t, how many; an object of any ids, each with an integer min..max, or
                   * with a list of 1..max `of`, which go to `take`; schema_map_key is whose */
    SCHEMA_NAMES, /* texts, at most `max`: of an answer, and never read */
};

struct schema_reader;

struct schema_field {
    const char *name;
    enum schema_type type;
    bool required;
    uint16_t offset; /* in the struct */
    int64_t min;
    int64_t max;
    const struct schema *of;    /* of an object, or of a list's items */
    const char *const *choices; /* NULL at the end */
    int64_t otherwise;          /* of an integer that is not there */
    const char *about;          /* for /openapi.json */
    /* Takes an item of a list; false: refused, with schema_refuse. NULL: nobody does. */
    bool (*take)(struct schema_reader *reader, const void *item);
};

/* A field that has the same name in JSON as in the struct that it is read into. */
#define FIELD(form, member, ...)                                                                   \
    {                                                                                              \
        .name = #member, .offset = offsetof(struct form, member), __VA_ARGS__                      \
    }
#define SCHEMA(symbol, label, list, form)                                                          \
    const struct schema symbol = {.name = (label),                                                 \
                                  .fields = (list),                                                \
                                  .field_count = sizeof(list) / sizeof((list)[0]),                 \
                                  .struct_bytes = sizeof(form)}

enum { SCHEMA_FIELDS_MAX = 32, SCHEMA_STRUCT_BYTES_MAX = 256 };

struct schema {
    const char *name;
    const struct schema_field *fields;
    uint32_t field_count;
    uint32_t struct_bytes; /* of a list's item: at most SCHEMA_STRUCT_BYTES_MAX */
    bool may_grow;         /* of an answer: later versions may say more */
};

/* Why something was refused. */
struct schema_fault {
    enum code code;   /* CODE_OK: it was not */
    const char *what; /* "required", "type", "range", ...; static */
    uint32_t byte;    /* where, if the bytes are at fault */
    bool has_byte;
    uint32_t pointer_bytes;
    char pointer[JSON_POINTER_BYTES_MAX]; /* RFC 6901 */
};

struct schema_reader {
    struct json json;
    struct schema_fault fault;
};

/* Reads the bytes, which are rewritten, as one object into *into, which is zeroed. */
bool schema_read(struct schema_reader *reader, const struct schema *schema, void *bytes,
                 uint32_t count, void *into) MUST_LOOK;

/* A body that is one list, taken item by item. `begin` looks at all of it and changes nothing: it is
 * an object with the schema's one member, a list of objects; *at is then where the first one begins.
 * `next` reads the item at *at, which then stands behind it, however good it was. */
enum schema_item { SCHEMA_ITEM_READ, SCHEMA_ITEM_REFUSED, SCHEMA_ITEM_NONE };
bool schema_list_begin(struct schema_reader *reader, const struct schema *schema, void *bytes,
                       uint32_t count, uint32_t *at) MUST_LOOK;
enum schema_item schema_list_next(struct schema_reader *reader, const struct schema *item,
                                  void *bytes, uint32_t count, uint32_t *at, void *into) MUST_LOOK;

/* The same when there is no body at all. */
bool schema_read_nothing(struct schema_reader *reader, const struct schema *schema,
                         void *into) MUST_LOOK;

/* One field from a text that is no JSON, e.g. of a query; `name` is where the fault points to. */
bool schema_read_text(struct schema_reader *reader, const struct schema_field *field,
                      struct text text, void *into) MUST_LOOK;

/* Refuses what has just been read, or its member if `member` is not NULL. Returns false. */
bool schema_refuse(struct schema_reader *reader, enum code code, const char *what,
                   const char *member);

/* In `take`: the key of the map that the item stands under. */
struct text schema_map_key(const struct schema_reader *reader);

/* No control characters. */
bool text_plain(struct text text);

#endif
