/* core/shipment_moves.h - how a shipment may move, what that means for its units, and where
 * those count in each state. */
#ifndef SPATE_CORE_SHIPMENT_MOVES_H
#define SPATE_CORE_SHIPMENT_MOVES_H

#include "core/check.h"
#include "core/result.h"

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

enum shipment_units shipment_state_units(enum shipment_state state);
/* Whether its units still lie in the warehouse, committed. */
bool shipment_state_is_unsent(enum shipment_state state);
/* Whether it cannot leave as it is. */
bool shipment_state_has_failed(enum shipment_state state);

#endif
