/* core/shipment.h - the shipments of an order: their moves, their records, what is answered of them.
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

/* ---- moves ------------------------------------------------------------------------------------- */

/* What a move means for the units in the parcel. */
enum shipment_effect {
    UNITS_STAY,
    UNITS_FREED, /* they are nobody's plan any more */
    UNITS_LEAVE, /* committed -, on hand - */
    UNITS_ARRIVE,
    UNITS_COME_BACK,   /* into quarantine */
    UNITS_DROPPED,     /* never sent: the lines are cancelled */
    UNITS_WRITTEN_OFF, /* sent in vain: paid back */
    UNITS_MOVED,       /* they are taken from another warehouse */
    UNITS_OWED,        /* sent in vain: they are to be shipped again */
};

/* from, move, to, what it means */
/* clang-format off */
#define SHIPMENT_MOVES(X) \
    X(SHIPMENT_PLANNED,            SHIPMENT_PICK,      SHIPMENT_PICKING,            UNITS_STAY) \
    X(SHIPMENT_PLANNED,            SHIPMENT_HAND_OVER, SHIPMENT_HANDED_OVER,        UNITS_LEAVE) \
    X(SHIPMENT_PLANNED,            SHIPMENT_CANCEL,    SHIPMENT_CANCELLED,          UNITS_FREED) \
    X(SHIPMENT_PLANNED,            SHIPMENT_MISS,      SHIPMENT_PICK_SHORT,         UNITS_STAY) \
    X(SHIPMENT_PLANNED,            SHIPMENT_TURN_DOWN, SHIPMENT_CARRIER_REJECTED,   UNITS_STAY) \
    X(SHIPMENT_PICKING,            SHIPMENT_HAND_OVER, SHIPMENT_HANDED_OVER,        UNITS_LEAVE) \
    X(SHIPMENT_PICKING,            SHIPMENT_CANCEL,    SHIPMENT_CANCELLED,          UNITS_FREED) \
    X(SHIPMENT_PICKING,            SHIPMENT_MISS,      SHIPMENT_PICK_SHORT,         UNITS_STAY) \
    X(SHIPMENT_PICKING,            SHIPMENT_TURN_DOWN, SHIPMENT_CARRIER_REJECTED,   UNITS_STAY) \
    X(SHIPMENT_PICK_SHORT,         SHIPMENT_CANCEL,    SHIPMENT_CANCELLED,          UNITS_FREED) \
    X(SHIPMENT_PICK_SHORT,         SHIPMENT_REFUND,    SHIPMENT_CANCELLED,          UNITS_DROPPED) \
    X(SHIPMENT_PICK_SHORT,         SHIPMENT_RESHIP,    SHIPMENT_PLANNED,            UNITS_MOVED) \
    X(SHIPMENT_CARRIER_REJECTED,   SHIPMENT_CANCEL,    SHIPMENT_CANCELLED,          UNITS_FREED) \
    X(SHIPMENT_CARRIER_REJECTED,   SHIPMENT_REFUND,    SHIPMENT_CANCELLED,          UNITS_DROPPED) \
    X(SHIPMENT_CARRIER_REJECTED,   SHIPMENT_RESHIP,    SHIPMENT_PLANNED,            UNITS_MOVED) \
    X(SHIPMENT_HANDED_OVER,        SHIPMENT_CARRY,     SHIPMENT_IN_TRANSIT,         UNITS_STAY) \
    X(SHIPMENT_HANDED_OVER,        SHIPMENT_DELAY,     SHIPMENT_DELAYED,            UNITS_STAY) \
    X(SHIPMENT_HANDED_OVER,        SHIPMENT_DELIVER,   SHIPMENT_DELIVERED,          UNITS_ARRIVE) \
    X(SHIPMENT_HANDED_OVER,        SHIPMENT_LOSE,      SHIPMENT_LOST,               UNITS_STAY) \
    X(SHIPMENT_HANDED_OVER,        SHIPMENT_SEND_BACK, SHIPMENT_RETURNED_TO_SENDER, UNITS_COME_BACK) \
    X(SHIPMENT_IN_TRANSIT,         SHIPMENT_DELAY,     SHIPMENT_DELAYED,            UNITS_STAY) \
    X(SHIPMENT_IN_TRANSIT,         SHIPMENT_DELIVER,   SHIPMENT_DELIVERED,          UNITS_ARRIVE) \
    X(SHIPMENT_IN_TRANSIT,         SHIPMENT_LOSE,      SHIPMENT_LOST,               UNITS_STAY) \
    X(SHIPMENT_IN_TRANSIT,         SHIPMENT_SEND_BACK, SHIPMENT_RETURNED_TO_SENDER, UNITS_COME_BACK) \
    X(SHIPMENT_DELAYED,            SHIPMENT_DELIVER,   SHIPMENT_DELIVERED,          UNITS_ARRIVE) \
    X(SHIPMENT_DELAYED,            SHIPMENT_LOSE,      SHIPMENT_LOST,               UNITS_STAY) \
    X(SHIPMENT_DELAYED,            SHIPMENT_SEND_BACK, SHIPMENT_RETURNED_TO_SENDER, UNITS_COME_BACK) \
    X(SHIPMENT_LOST,               SHIPMENT_DELIVER,   SHIPMENT_DELIVERED,          UNITS_ARRIVE) \
    X(SHIPMENT_LOST,               SHIPMENT_SEND_BACK, SHIPMENT_RETURNED_TO_SENDER, UNITS_COME_BACK) \
    X(SHIPMENT_LOST,               SHIPMENT_REFUND,    SHIPMENT_REFUNDED,           UNITS_WRITTEN_OFF) \
    X(SHIPMENT_LOST,               SHIPMENT_RESHIP,    SHIPMENT_RESHIPPED,          UNITS_OWED) \
    X(SHIPMENT_RETURNED_TO_SENDER, SHIPMENT_REFUND,    SHIPMENT_REFUNDED,           UNITS_WRITTEN_OFF) \
    X(SHIPMENT_RETURNED_TO_SENDER, SHIPMENT_RESHIP,    SHIPMENT_RESHIPPED,          UNITS_OWED)
/* clang-format on */

struct shipment_step {
    enum shipment_state from;
    enum shipment_move move;
    enum shipment_state to;
    enum shipment_effect effect;
};

/* NULL: the state does not allow that move. */
const struct shipment_step *shipment_step(enum shipment_state from, enum shipment_move move);
/* One bit for each move that the state allows. */
uint32_t shipment_allowed(enum shipment_state from);

/* In which of its lines' counts (struct line_progress) a shipment's units are in each state;
 * shipments_audit adds them up. */
enum shipment_units {
    COUNTED_NOWHERE,
    COUNTED_PLANNED, /* they still lie in the warehouse, committed */
    COUNTED_SHIPPED,
    COUNTED_DELIVERED, /* and shipped */
    COUNTED_LOST,      /* and shipped */
};

/* state, where its units count, whether it cannot leave as it is */
/* clang-format off */
#define SHIPMENT_INVARIANTS(X) \
    X(SHIPMENT_PLANNED,            COUNTED_PLANNED,   false) \
    X(SHIPMENT_PICKING,            COUNTED_PLANNED,   false) \
    X(SHIPMENT_PICK_SHORT,         COUNTED_PLANNED,   true) \
    X(SHIPMENT_CARRIER_REJECTED,   COUNTED_PLANNED,   true) \
    X(SHIPMENT_CANCELLED,          COUNTED_NOWHERE,   false) \
    X(SHIPMENT_HANDED_OVER,        COUNTED_SHIPPED,   false) \
    X(SHIPMENT_IN_TRANSIT,         COUNTED_SHIPPED,   false) \
    X(SHIPMENT_DELAYED,            COUNTED_SHIPPED,   false) \
    X(SHIPMENT_LOST,               COUNTED_SHIPPED,   false) \
    X(SHIPMENT_RETURNED_TO_SENDER, COUNTED_SHIPPED,   false) \
    X(SHIPMENT_DELIVERED,          COUNTED_DELIVERED, false) \
    X(SHIPMENT_REFUNDED,           COUNTED_LOST,      false) \
    X(SHIPMENT_RESHIPPED,          COUNTED_NOWHERE,   false)
/* clang-format on */

/* Whether its units still lie in the warehouse, committed. */
bool shipment_state_is_unsent(enum shipment_state state);
/* Whether it cannot leave as it is. */
bool shipment_state_has_failed(enum shipment_state state);

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
