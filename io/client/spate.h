/* spate.h - libspate: orders and stock of a Spate server, from a C program.
 *
 * A client keeps one connection to each shard of one server and sends every command straight to
 * the shard that answers it. Commands are queued, sent in batches, and answered in any order:
 *
 *   own loop:   spate_order_create(...) ... spate_process(client)   when spate_fd is readable, or
 *               while (spate_next(client, &result)) ...             spate_timeout_ms has passed
 *   blocking:   spate_order_create(...); spate_take(client, &result, 1000)
 *
 * If a connection is lost, the client connects again by itself and sends every command that has
 * no answer yet once more. Nothing is done twice by that: an order is known by its id, a receipt of
 * stock by its key, and the server gives the first answer again (SPATE_REPLAYED). So an answer
 * that comes is always the true outcome.
 *
 * A client belongs to one thread at a time. Memory is taken in spate_open, and for commands or
 * answers of unusual length. */
#ifndef SPATE_H
#define SPATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPATE_API __attribute__((visibility("default")))

struct spate;

struct spate_options {
    const char *address;   /* "ADDR:PORT" of the server; several with commas: tried in turn */
    const char *token;     /* NULL: none */
    uint32_t open_max;     /* commands without an answer; 0: 1024 */
    uint32_t reconnect_ms; /* the longest pause between two attempts; 0: 1000 */
};

/* NULL: no memory, or an address that cannot be read (errno EINVAL). Does not wait for the server:
 * commands may be queued at once. */
SPATE_API struct spate *spate_open(const struct spate_options *options);
/* What has no answer yet is forgotten here; the server may or may not carry it out. */
SPATE_API void spate_close(struct spate *client);

/* Why the server is out of reach or has refused us; "" if all is well. */
SPATE_API const char *spate_error(const struct spate *client);

/* --- asking ---------------------------------------------------------------------------------- */

struct spate_line {
    uint32_t sku; /* its number: from spate_sku_put or spate_sku_resolve */
    uint32_t units;
    int64_t unit_price; /* in minor units */
};

enum spate_adjustment_kind { SPATE_DISCOUNT, SPATE_SHIPPING, SPATE_TAX, SPATE_FEE, SPATE_OTHER };

struct spate_adjustment {
    int64_t amount;
    uint8_t kind;
    uint8_t zero[7];
};

/* Texts may be NULL but for id, customer and currency. */
struct spate_order {
    const char *id; /* 1..32 of [0-9A-Za-z._-]; it is what makes a retry safe */
    const char *customer;
    const char *currency; /* "CNY" */
    const char *channel;
    const char *region;
    const char *pay_method;
    const char *campaign;
    const char *ship_to;
    const char *delivery;
    const struct spate_line *lines;
    const struct spate_adjustment *adjustments;
    uint32_t line_count;
    uint32_t adjustment_count;
    uint64_t issued_at_ns; /* 0: not said */
    uint64_t pay_by_ns;    /* 0: not said */
    bool single_parcel;
    bool want_record; /* answer with the whole order */
};

struct spate_sku {
    const char *code;
    const char *currency;
    int64_t list_price;
    uint32_t max_per_order;    /* 0: no limit */
    uint32_t max_per_customer; /* 0: no limit */
    uint32_t customer_window_s;
    uint32_t weight_g;
    bool flash;
};

struct spate_receipt {
    uint32_t sku;
    const char *warehouse;
    const char *key; /* 1..64 bytes; it is what makes a retry safe */
    uint64_t ok_units;
    uint64_t damaged_units;
};

/* Each queues one command and gives it a tag of the caller's own choice, which its answer carries.
 * false: open_max commands have no answer yet, or a text is missing or too long; nothing is queued
 * then. What is said is copied. */
SPATE_API bool spate_order_create(struct spate *client, const struct spate_order *order,
                                  uint64_t tag);
SPATE_API bool spate_order_get(struct spate *client, const char *id, uint64_t tag);
SPATE_API bool spate_sku_put(struct spate *client, const struct spate_sku *sku, uint64_t tag);
SPATE_API bool spate_sku_resolve(struct spate *client, const char *code, uint64_t tag);
SPATE_API bool spate_stock_get(struct spate *client, uint32_t sku, uint64_t tag);
SPATE_API bool spate_stock_receive(struct spate *client, const struct spate_receipt *receipt,
                                   uint64_t tag);
SPATE_API bool spate_warehouse_put(struct spate *client, const char *id, uint32_t priority,
                                   uint64_t tag);

/* What is done with an order as a whole. reason and key may be NULL; with a key (1..64 bytes) the
 * same cancellation or confirmation may be asked for again. Cancels all that is left of it. */
SPATE_API bool spate_order_cancel(struct spate *client, const char *id, const char *reason,
                                  const char *key, uint64_t tag);
SPATE_API bool spate_order_confirm(struct spate *client, const char *id, const char *key,
                                   uint64_t tag);

enum spate_money_act {
    SPATE_PAYMENT_CREATE = 16,
    SPATE_PAYMENT_GET = 17,
    SPATE_PAYMENT_AUTHORIZE = 18,
    SPATE_PAYMENT_CAPTURE = 19,
    SPATE_PAYMENT_FAIL = 20,
    SPATE_PAYMENT_VOID = 21,
    SPATE_REFUND_CREATE = 23,
    SPATE_REFUND_SUCCEED = 25,
    SPATE_REFUND_FAIL = 26,
};

#define SPATE_ALL INT64_MIN /* an amount that is not said: all there is */

/* A payment of an order, or a refund of a payment. What an act does not need is NULL. */
struct spate_money {
    const char *order;
    const char *payment; /* unique within the order */
    const char *refund;
    const char *method; /* of a new payment */
    const char *reason;
    const char *key;
    int64_t amount; /* in minor units, or SPATE_ALL */
};

SPATE_API bool spate_order_money(struct spate *client, enum spate_money_act act,
                                 const struct spate_money *money, uint64_t tag);

enum spate_parcel_act {
    SPATE_SHIPMENT_CREATE = 32,
    SPATE_SHIPMENT_GET = 33,
    SPATE_SHIPMENT_PICK = 34,
    SPATE_SHIPMENT_HAND_OVER = 35,
    SPATE_SHIPMENT_DELIVER = 36,
    SPATE_SHIPMENT_CANCEL = 38,
    SPATE_RETURN_CREATE = 48,
    SPATE_RETURN_APPROVE = 50,
    SPATE_RETURN_RECEIVE = 53,
    SPATE_RETURN_INSPECT = 54,
    SPATE_RETURN_CLOSE = 55,
};

struct spate_parcel_line {
    uint32_t line;     /* of the order, from 1 */
    uint32_t units;    /* of an inspection: how many are accepted */
    uint32_t rejected; /* of an inspection */
    uint32_t zero;
};

/* A shipment or a return of an order. No lines: all that is left. */
struct spate_parcel {
    const char *order;
    const char *id; /* unique within the order */
    const char *warehouse;
    const char *carrier;
    const char *tracking;
    const char *reason;
    const char *key;
    const struct spate_parcel_line *lines; /* ascending, each at most once */
    uint32_t line_count;
};

/* A return is of goods: they come back, and the money goes back. */
SPATE_API bool spate_order_parcel(struct spate *client, enum spate_parcel_act act,
                                  const struct spate_parcel *parcel, uint64_t tag);

/* Any command of the protocol (io/PROTOCOL.md): its op, and what stands behind its byte 16. false:
 * as above, or it is not well-formed. */
SPATE_API bool spate_command(struct spate *client, uint32_t op, const void *fields, uint32_t bytes,
                             uint64_t tag);

/* Commands without an answer; open_max minus this can still be queued. */
SPATE_API uint32_t spate_open_count(const struct spate *client);

struct spate_cost {
    uint32_t distance;
    uint32_t weight;
    uint8_t warehouse; /* which of those that are named, from 0 */
    uint8_t zero[3];
};

/* Replaces the table of what it costs to ship to a region. */
SPATE_API bool spate_region_costs(struct spate *client, const char *region,
                                  const char *const *warehouses, uint32_t warehouse_count,
                                  const struct spate_cost *rows, uint32_t row_count, uint64_t tag);

/* Which of the server's shards owns a SKU; UINT32_MAX before the server has been reached. */
SPATE_API uint32_t spate_sku_shard(const struct spate *client, uint32_t sku);

/* --- answers --------------------------------------------------------------------------------- */

enum spate_code {
    SPATE_OK = 0,
    SPATE_CREATED = 1,
    SPATE_REPLAYED = 2,
    SPATE_MALFORMED = 16,
    SPATE_NOT_FOUND = 20,
    SPATE_OUT_OF_STOCK = 22,
    SPATE_ILLEGAL = 23,
    SPATE_LIMIT = 24,
    SPATE_INVALID = 29,
    SPATE_UNKNOWN_SKU = 30,
    SPATE_UNKNOWN_WAREHOUSE = 31,
    SPATE_CURRENCY_MISMATCH = 32,
    SPATE_KEY_REUSED = 33,
    SPATE_BUSY = 38,
    SPATE_STORAGE_FULL = 39,
    SPATE_FULL = 41,
};

/* "out_of_stock", ...: every code the server knows; and whether the same request may succeed later.
 */
SPATE_API const char *spate_code_name(uint32_t code);
SPATE_API bool spate_code_retryable(uint32_t code);

struct spate_order_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
    uint32_t shipped;
    uint32_t returned;
    uint32_t cancelled;
    uint8_t warehouse;
    uint8_t zero[3];
};

struct spate_cell {
    uint64_t free;
    uint64_t held;
    uint64_t reserved;
    uint64_t committed;
    uint64_t quarantined;
    uint64_t incoming;
    uint64_t in_transfer;
    uint64_t missing;
    uint64_t sellable;
    uint64_t version;
    uint64_t safety;
    uint64_t reorder_point;
    uint64_t task_ns; /* when the count was that found units missing; 0: none are */
    uint8_t warehouse;
    uint8_t warned; /* at or below the reorder point */
    uint8_t zero[6];
};

struct spate_short_line {
    uint32_t sku;
    uint32_t zero;
    uint64_t requested;
    uint64_t sellable;
};

/* What an answer does not speak of is 0. The arrays live until the next spate_process, spate_take
 * or spate_wait. */
struct spate_result {
    uint64_t tag;
    uint32_t code;     /* enum spate_code, and more to come */
    uint32_t attempts; /* how often it was sent */
    uint64_t seq;      /* the commit sequence that the answer has seen */
    uint64_t sent_ns;  /* CLOCK_MONOTONIC: first handed to the kernel */
    uint64_t done_ns;  /* CLOCK_MONOTONIC: the answer was read */
    uint32_t order_state;
    uint32_t order_version;
    int64_t order_total;
    uint32_t sku;
    uint32_t line_count;
    uint32_t cell_count;
    uint32_t short_count;
    const struct spate_order_line *lines;  /* of a whole order */
    const struct spate_cell *cells;        /* of a SKU: one for each warehouse */
    const struct spate_short_line *shorts; /* of an order that is out of stock */
    char field[32];                        /* what is wrong with the command: which field */
    uint32_t field_line;                   /* and in which line, from 1; 0: in none */
    uint32_t kind;                         /* of the result, as the protocol has it */
    uint32_t body_bytes;
    const void *body; /* what stands behind its byte 24; lives as long as the arrays */
};

/* One answer, if there is one. */
SPATE_API bool spate_next(struct spate *client, struct spate_result *result);

/* --- the caller's own loop -------------------------------------------------------------------- */

/* Readable when spate_process has something to do; the same descriptor until spate_close. */
SPATE_API int spate_fd(const struct spate *client);
/* How long spate_process may be left alone at most; -1: until spate_fd is readable. */
SPATE_API int spate_timeout_ms(const struct spate *client);
/* Sends and receives what can be without waiting. false: the server has refused us for good (its
 * version, our token); spate_error says why. */
SPATE_API bool spate_process(struct spate *client);

/* --- blocking --------------------------------------------------------------------------------- */

/* Processes, and waits at most timeout_ms (-1: for ever) for something to happen. */
SPATE_API bool spate_wait(struct spate *client, int timeout_ms);
/* The next answer. false: none came in time, nothing is open, or the server has refused us. */
SPATE_API bool spate_take(struct spate *client, struct spate_result *result, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
