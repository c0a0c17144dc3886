/* io/routes.h - every request that HTTP can make, in tables: method, path, what it takes, what it
 * becomes, what it answers. A new endpoint is a new row in the table of its subject (route_*.c), with
 * the schema of its body and a `build` that fills in its command. */
#ifndef SPATE_IO_ROUTES_H
#define SPATE_IO_ROUTES_H

#include "core/shard.h"
#include "io/http.h"
#include "io/schema.h"

enum route_method {
    ROUTE_OTHER = 0,
    ROUTE_GET = 1,
    ROUTE_POST = 2,
    ROUTE_PUT = 4,
    ROUTE_DELETE = 8
};

enum { ROUTE_ITEMS_MAX = 10000 }; /* of a batch */
enum { ROUTE_PARAMS_MAX = 3, ROUTE_FORM_BYTES_MAX = 512 };

/* Whether a header is taken: Idempotency-Key, If-Match. */
enum route_takes { ROUTE_TAKES_NOT, ROUTE_TAKES, ROUTE_NEEDS };

/* A request on its way to a command. */
struct route_request {
    struct schema_reader reader; /* first: route_request_of finds the request around it */
    const struct http_server *server;
    const struct route *route;
    struct text params[ROUTE_PARAMS_MAX]; /* of the path, decoded */
    struct text key;                      /* Idempotency-Key; 0 bytes: none */
    struct text caller;
    uint64_t now_ns;
    uint64_t id_random[2]; /* for an id that has to be made here */
    uint32_t item;         /* of a batch, counted from 1; 0: not in one */
    uint64_t if_version;   /* If-Match; UINT64_MAX: not said */
    uint64_t min_seq;
    uint64_t seen;        /* the highest that was read in the catalogue */
    struct pile *command; /* the fixed part stands at command_at */
    uint32_t command_at;
    struct adjustment adjustments[ADJUSTMENTS_MAX];
    uint32_t adjustment_count;
    struct text warehouses[WAREHOUSES_MAX];
    uint32_t warehouse_count;
    struct text scan_texts[2 * SCANS_MAX];
    uint32_t scan_count;
    uint32_t limit; /* of a list: items, and where it goes on */
    struct text cursor;
    _Alignas(8) uint8_t form[ROUTE_FORM_BYTES_MAX]; /* what the body or the query said */
};

struct route {
    enum route_method method;
    const char *pattern; /* "/v1/orders/{id}" */
    const char *name;    /* operationId */
    const char *about;
    uint16_t status;            /* when all went well */
    uint8_t page;               /* enum http_page, and then none of what follows */
    enum op op;                 /* of the command */
    uint32_t command_bytes;     /* of its fixed part */
    const struct schema *body;  /* NULL: takes none */
    const struct schema *query; /* NULL: takes none */
    enum route_takes key;
    enum route_takes match;
    bool takes_min_seq;
    bool walks;     /* a list over all shards (io/walk.h) */
    bool is_signed; /* by the provider that the path names (X-Signature), instead of a token */
    const struct route *each;    /* a batch: what each item of the body's list is asked like */
    const char *each_name;       /* what its resource is called in the results */
    const struct schema *answer; /* NULL: no JSON */
    const enum code *refusals;   /* beyond what every route can say; CODE_OK at the end */
    /* Fills in the command from params and form; false: refused, see reader.fault. */
    bool (*build)(struct route_request *request);
};

#define REFUSALS(...)                                                                              \
    (const enum code[])                                                                            \
    {                                                                                              \
        __VA_ARGS__, CODE_OK                                                                       \
    }

/* The routes of one subject. */
struct route_table {
    const struct route *at;
    uint32_t count;
};
extern const struct route_table route_logistics;
extern const struct route_table route_money;
extern const struct route_table route_orders;
extern const struct route_table route_parcels;
extern const struct route_table route_past;
extern const struct route_table route_stock;

/* All routes of the admin listener, or of the shop's, one after the other; NULL behind the last. */
const struct route *route_at(bool admin, uint32_t index);

/* The route; NULL if there is none, and *allowed is the set of methods that the path does take. */
const struct route *route_find(bool admin, enum route_method method, struct text path,
                               uint32_t *allowed);

/* What stands in a path, which is the route's, for its parameters; 0 bytes behind the last. */
void route_params(const struct route *route, struct text path,
                  struct text params[ROUTE_PARAMS_MAX]);

/* What a query says of min_seq; 0: nothing that could be. Changes nothing. */
uint64_t route_min_seq(struct text query);

/* Reads query and body, which are rewritten, and appends a command that command_check likes; false:
 * refused, see reader.fault, and nothing is appended. */
bool route_read(struct route_request *request, struct text query, void *body,
                uint32_t body_bytes) MUST_LOOK;

/* The same for a batch: `begin` looks at all of the body, and *at is where its first item stands;
 * `item` reads the one at *at, and then *at is behind it. */
bool route_begin_items(struct route_request *request, struct text query, void *body,
                       uint32_t body_bytes, uint32_t *at) MUST_LOOK;
enum schema_item route_read_item(struct route_request *request, void *body, uint32_t body_bytes,
                                 uint32_t *at) MUST_LOOK;

/* Whether the body may be left out: nothing in it is required. */
bool route_body_optional(const struct route *route);

/* ---- for those who build commands --------------------------------------------------------------- */

struct route_request *route_request_of(struct schema_reader *reader);
/* The fixed part. It may move when something is appended. */
void *route_command(const struct route_request *request);
/* Appends a text behind what there is; the end is padded when the command is complete. */
uint8_t route_append_text(struct route_request *request, struct text text);
/* The number of a SKU, 0 if there is none; what is seen here must not be answered before it is
 * durable. */
uint32_t route_find_sku(struct route_request *request, struct text code);
/* The same; false: there is none, which is refused with `otherwise`. */
bool route_need_sku(struct route_request *request, struct text code, enum code otherwise,
                    uint32_t *sku);

const char *route_method_name(enum route_method method);

#endif
