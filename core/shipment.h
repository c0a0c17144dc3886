/* core/shipment.h - the shipments of an order: their records, what is answered of them.
 *
 * Owned by the order's shard. A shipment takes units of some of the order's lines from one warehouse
 * to the buyer. Shipments hang from their order (struct order_more) in the order in which they came:
 *
 *   | struct shipment | lines | id, carrier, tracking, method |         and scans hang from them
 *
 * For every line of an order, always: planned, shipped and delivered of its struct line_progress are
 * the sums over the order's shipments in such a state. What an exchange sends belongs to its return
 * and counts in none of them. */
#ifndef SPATE_CORE_SHIPMENT_H
#define SPATE_CORE_SHIPMENT_H

#include "core/order.h"
#include "core/shipment_moves.h"

/* ---- slices ------------------------------------------------------------------------------------ */

enum shipment_text {
    SHIPMENT_ID,
    SHIPMENT_CARRIER,
    SHIPMENT_TRACKING,
    SHIPMENT_METHOD,
    SHIPMENT_TEXTS
};

/* A shipment comes to be. Behind it: lines; the order's id, the texts, the reason. */
struct slice_shipment {
    struct slice head;
    uint64_t digest; /* of the request */
    uint64_t created_ns;
    uint64_t eta_ns;
    uint16_t line_count;
    uint8_t warehouse;
    uint8_t of_return;
    uint8_t order_bytes;
    uint8_t text_bytes[SHIPMENT_TEXTS];
    uint8_t reason_bytes;
    uint8_t zero[6];
    struct child_line lines[];
};
_Static_assert(sizeof(struct slice_shipment) == 48, "as it stands in the log");

/* Behind it: the order's id, the texts (absent ones stay as they were), the reason. */
struct slice_shipment_moved {
    struct slice head;
    uint8_t move;
    uint8_t from;
    uint8_t to;
    uint8_t warehouse; /* from now on; of units that are owed: where they are taken from */
    uint8_t order_bytes;
    uint8_t text_bytes[SHIPMENT_TEXTS];
    uint8_t reason_bytes;
    uint8_t zero[6];
};
_Static_assert(sizeof(struct slice_shipment_moved) == 24, "as it stands in the log");

/* Behind it: the scans; the order's id, the shipment's; each scan's code and place. */
struct slice_shipment_scanned {
    struct slice head;
    uint16_t scan_count;
    uint16_t text_bytes; /* of all codes and places */
    uint8_t order_bytes;
    uint8_t shipment_bytes;
    uint8_t zero[2];
    struct parcel_scan scans[];
};
_Static_assert(sizeof(struct slice_shipment_scanned) == 16, "as it stands in the log");

/* Whether its lengths fit together; for core/event.c. */
bool shipment_slice_valid(const struct slice *slice);

/* As in an image. Behind it: a struct slice_shipment. */
struct part_shipment {
    struct part head;
    uint64_t changed_ns;
    uint8_t state;
    uint8_t zero[7];
};
_Static_assert(sizeof(struct part_shipment) == 24, "as it stands in images");

/* Behind it: a struct slice_shipment_scanned. */
struct part_scans {
    struct part head;
};

/* ---- state ------------------------------------------------------------------------------------- */

struct shipment {
    uint32_t next;  /* of the same order; 0: the last */
    uint32_t scans; /* the first */
    uint64_t digest;
    uint64_t created_ns;
    uint64_t changed_ns;
    uint64_t eta_ns;
    uint16_t line_count;
    uint8_t state;
    uint8_t warehouse;
    uint8_t of_return;
    uint8_t scan_count;
    uint8_t text_bytes[SHIPMENT_TEXTS];
    struct child_line lines[];
};

struct kept_scan {
    uint32_t next;
    uint8_t code_bytes;
    uint8_t place_bytes;
    uint64_t at_ns;
    char texts[];
};

static inline struct shipment *shipment_at(const struct orders *orders, uint32_t record)
{
    return memory_at(&orders->records, record);
}

/* The shipments of an order one after the other, 0 at the end; start with 0. */
uint32_t shipment_next(const struct orders *orders, const struct order *order, uint32_t record);
/* 0: the order has none of that id. */
uint32_t shipment_find(const struct orders *orders, const struct order *order, struct text id);
struct text shipment_text(const struct shipment *shipment, enum shipment_text which);
uint64_t shipment_units(const struct shipment *shipment);
bool shipment_has_scan(const struct orders *orders, const struct shipment *shipment,
                       struct text code, uint64_t at_ns);
/* How many shipments of the order's own lines cannot leave as they are. */
uint32_t shipments_failed(const struct orders *orders, const struct order *order);

/* What the record of a shipment takes, and of a scan. */
uint64_t shipment_room(uint32_t line_count, uint32_t text_bytes);
uint64_t scan_room(struct text code, struct text place);

/* Live, room has been looked for before and the answer is SHARD_TABLE_NONE. */
enum shard_table shipment_apply(struct orders *orders, struct position position,
                                const struct event *event, const struct slice *slice) MUST_LOOK;

/* ---- answers ----------------------------------------------------------------------------------- */

/* Without lines and scans; as its create answered it; with all there is. */
enum shipment_detail { SHIPMENT_BRIEF, SHIPMENT_AS_MADE, SHIPMENT_WHOLE };

uint32_t shipment_answer_bytes(const struct orders *orders, const struct shipment *shipment,
                               enum shipment_detail detail);
/* Writes it as a struct child_shipment; returns where the next child goes. */
void *shipment_answer(const struct orders *orders, const struct shipment *shipment,
                      enum shipment_detail detail, void *out);

/* All shipments of an order; the number of children written. */
uint32_t shipments_answer_bytes(const struct orders *orders, const struct order *order);
uint32_t shipments_answer(const struct orders *orders, const struct order *order, void *out);

/* ---- looking at all of it ---------------------------------------------------------------------- */

/* Parts of the order's record: its shipments, each with its scans behind it. */
void shipments_image(const struct orders *orders, const struct order *order, struct text order_id,
                     struct record *record, struct pile *out);
bool shipment_part_valid(const struct part_shipment *part);
bool scans_part_valid(const struct part_scans *part);
enum shard_table shipment_load(struct orders *orders, const struct part_shipment *part) MUST_LOOK;
enum shard_table scans_load(struct orders *orders, const struct part_scans *part) MUST_LOOK;
/* NULL, or what does not hold of the order's shipments; what exchanges have committed is added to
 * *committed. */
const char *shipments_audit(const struct orders *orders, const struct order *order,
                            int64_t *committed);

/* Gives back the memory of an order's shipments, from this one on, and of their scans. */
void shipments_give(struct orders *orders, uint32_t record);

#endif
