/* tests/model/naive_parcels.h - the domain's words about shipments and returns. */
#ifndef SPATE_TESTS_MODEL_NAIVE_PARCELS_H
#define SPATE_TESTS_MODEL_NAIVE_PARCELS_H

#include "core/code.h"
#include "core/command.h"
#include "core/result.h"

enum {
    NAIVE_PARCEL_LINES = 5,
    NAIVE_SHIPMENTS = 8,
    NAIVE_RETURNS = 8,
    NAIVE_SCANS = 12,
    NAIVE_EXCHANGES = 8,
    NAIVE_PARCEL_KEYS = 4,
    NAIVE_SENT = 3, /* texts about a shipment: carrier, tracking number, method */
    NAIVE_PARCELS = NAIVE_SHIPMENTS + NAIVE_EXCHANGES
};

struct naive_parcel_line {
    uint32_t line; /* from 1 */
    uint32_t units;
    uint32_t rejected;
};

/* What is asked; numbers stand for ids. */
struct naive_parcel_ask {
    uint16_t op;
    uint8_t id; /* from 1 */
    uint8_t choice;
    uint8_t warehouse; /* the number of warehouses: not said; above: one that nobody has */
    uint8_t scan;      /* a code's number */
    uint8_t line_count;
    uint8_t key; /* this to `sent`: numbers of texts, 0 for none */
    uint8_t reason;
    uint8_t sent[NAIVE_SENT];
    uint8_t too_old;
    uint8_t eta;
    uint8_t zero[2];
    uint64_t scan_at;
    struct naive_parcel_line lines[NAIVE_PARCEL_LINES];
    uint32_t zeros; /* asks are compared byte by byte */
};
_Static_assert(sizeof(struct naive_parcel_ask) == 28 + 12 * NAIVE_PARCEL_LINES, "nothing between");

struct naive_shipment {
    uint8_t state;
    uint8_t number; /* of an exchange's: in its id */
    uint8_t warehouse;
    uint8_t scan_count;
    uint8_t sent[NAIVE_SENT];
    uint32_t units[NAIVE_PARCEL_LINES];
    struct naive_parcel_ask asked;
    struct {
        uint8_t code;
        uint64_t at;
    } scans[NAIVE_SCANS];
};

struct naive_return {
    uint8_t state;
    uint8_t kind;
    uint32_t units[NAIVE_PARCEL_LINES];
    uint32_t accepted[NAIVE_PARCEL_LINES];
    uint32_t rejected[NAIVE_PARCEL_LINES]; /* or refused, or never sent */
    struct naive_parcel_ask asked;
};

/* By the number in their id, from 1; in state 0 there is none. What exchanges send stands behind the
 * order's own shipments. */
struct naive_parcels {
    struct naive_shipment shipments[NAIVE_PARCELS + 1];
    struct naive_return returns[NAIVE_RETURNS + 1];
    uint8_t order[NAIVE_PARCELS]; /* in which the shipments came; 0 behind the last */
    uint8_t return_order[NAIVE_RETURNS];
    struct naive_parcel_ask keys[NAIVE_PARCEL_KEYS + 1]; /* op 0: not used */
};

struct naive;
struct naive_order;

extern const char *const naive_scan_codes[];
enum { NAIVE_SCAN_CODES = 7 };

enum code naive_parcel(struct naive *naive, uint32_t order, const struct naive_parcel_ask *ask);

uint32_t naive_planned(const struct naive_order *order, uint32_t line);
uint32_t naive_shipped(const struct naive_order *order, uint32_t line);
uint32_t naive_delivered(const struct naive_order *order, uint32_t line);
/* Never arrived, and paid back. */
uint32_t naive_lost(const struct naive_order *order, uint32_t line);
uint32_t naive_returned(const struct naive_order *order, uint32_t line);
/* Neither cancelled nor shipped. */
uint32_t naive_left(const struct naive_order *order, uint32_t line);
/* What the shop may keep. */
int64_t naive_due(const struct naive_order *order);
/* Whether exchanges can send no more: the model has no place for it. */
bool naive_exchanges_full(const struct naive_order *order);
/* Shipments that have not left are cancelled. */
void naive_cancel_unsent(struct naive_order *order);
/* The state of an order that has been paid, by where its units are. */
enum order_state naive_state(const struct naive_order *order);

#endif
