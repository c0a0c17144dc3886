/* core/shape.h - the fields of every kind of slice by name: for whoever shows what stands in a log.
 *
 * A slice is its fixed fields, then what they count: arrays and texts, one behind the other. So a kind
 * is one list, in the order of its bytes; a new kind is one more list in shape.c, and the compiler
 * says where it is missing. */
#ifndef SPATE_CORE_SHAPE_H
#define SPATE_CORE_SHAPE_H

#include "core/event.h"

enum shape_type {
    SHAPE_END,
    SHAPE_NUMBER,
    SHAPE_AMOUNT, /* signed */
    SHAPE_HASH,
    SHAPE_TIME, /* ns since the epoch; 0: none */
    SHAPE_CURRENCY,
    SHAPE_SKU,       /* its number */
    SHAPE_WAREHOUSE, /* likewise; WAREHOUSE_NONE: none */
    SHAPE_CODE,
    SHAPE_ORDER_STATE,
    SHAPE_ORDER_MOVE,
    SHAPE_PAYMENT_STATE,
    SHAPE_REFUND_STATE,
    SHAPE_SHIPMENT_STATE,
    SHAPE_SHIPMENT_MOVE,
    SHAPE_RETURN_STATE,
    SHAPE_RETURN_MOVE,
    SHAPE_TEXT,  /* the number is its length; it stands behind the fixed fields */
    SHAPE_ORDER, /* likewise, and is the id of the order that the slice is about */
    SHAPE_CHARS, /* in its place, zeros behind it */
    SHAPE_ARRAY, /* the number counts elements, which stand behind the fixed fields */
};

struct shape_item {
    const char *name;
    enum shape_type type;
    uint16_t offset; /* of the number, in the slice or element */
    uint16_t bytes;  /* of the number */
    uint16_t element_bytes;
    const struct shape_item *element; /* SHAPE_END behind the last one */
};

struct shape {
    const char *name;
    uint32_t fixed_bytes;
    const struct shape_item *items; /* SHAPE_END behind the last one */
};

/* NULL: no kind has that number. */
const struct shape *shape_of(uint32_t slice_kind);

/* The number at an item's place; `at` is the beginning of the slice or element. */
uint64_t shape_number(const struct shape_item *item, const void *at);

/* How long a slice is by its shape; the same as its `bytes` if it is valid. */
uint32_t shape_bytes(const struct slice *slice);

/* The order that a valid slice is about; no bytes: none. */
struct text shape_order(const struct slice *slice);

/* The number of the SKU that it is about; 0: none, or several, as of an order's lines. */
uint32_t shape_sku(const struct slice *slice);

#endif
