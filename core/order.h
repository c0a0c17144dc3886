/* core/order.h - orders: their records, and how they are found.
 *
 * Owned by one shard: the orders whose ids fall on its slots. A record is as long as its order
 * (core/order_record.h). Of an order that has been over for long a remainder is left (core/forget.h): its ids, its times, its
 * state, and for adjustments its total as it was placed and as it is.
 * What only some orders have (payments, shipments, lines that were cancelled in part) hangs from one
 * further record, struct order_more, which the first of them makes.
 * Two indexes: by id; and by customer, which leads to the customer's newest order, from where a
 * chain goes back in time.
 *
 * Always: reserved_units == sum of the lines' units over all orders in a state that reserves; and
 * committed_units likewise. */
#ifndef SPATE_CORE_ORDER_H
#define SPATE_CORE_ORDER_H

#include "core/event.h"
#include "core/image.h"
#include "core/memory.h"
#include "core/order_moves.h"
#include "core/result.h"
#include "core/shard.h"
#include "core/table.h"
#include "core/timers.h"

/* ---- slices ------------------------------------------------------------------------------------ */

/* Amounts of one line or adjustment are below this, either way: a record keeps them in 56 bits. */
#define ORDER_AMOUNT_LIMIT (INT64_C(1) << 55)

struct slice_order_line {
    uint32_t sku;
    uint32_t units;
    int64_t unit_price;
    uint32_t window_s; /* as in struct slice_stock_units */
    uint8_t warehouse;
    uint8_t capped; /* 1: counted against the channel's cap */
    uint8_t zero[2];
};
_Static_assert(sizeof(struct slice_order_line) == 24, "as it stands in the log");

/* Behind it: lines, adjustments, texts, the name of the rule that decided, its reason. */
struct slice_order_placed {
    struct slice head;
    uint64_t digest;  /* of the request */
    uint64_t id_hash; /* key_hash of the id, and of the customer */
    uint64_t customer_hash;
    uint64_t deadline_ns; /* 0: none */
    uint64_t pay_by_ns;   /* the order's own; 0: not said */
    int64_t total;
    uint32_t currency;
    uint16_t line_count;
    uint8_t adjustment_count;
    uint8_t state;
    uint8_t text_bytes[ORDER_TEXTS];
    uint8_t prefer;
    uint8_t rule_bytes;
    uint8_t reason_bytes;
    uint8_t zero;
    uint32_t rules_number; /* which set of rules was in force; 0: none */
    struct slice_order_line lines[];
};
_Static_assert(sizeof(struct slice_order_placed) == 80, "as it stands in the log");

/* Behind it: the id, the reason. */
struct slice_order_moved {
    struct slice head;
    uint64_t deadline_ns; /* of the state it moves to; 0: none */
    uint8_t move;
    uint8_t from;
    uint8_t to;
    uint8_t id_bytes;
    uint8_t reason_bytes;
    uint8_t zero[3];
};
_Static_assert(sizeof(struct slice_order_moved) == 24, "as it stands in the log");

/* Units of some lines that are cancelled while the order stays what it is. Behind it: the lines, the
 * id, the reason. */
struct slice_lines_cancelled {
    struct slice head;
    uint16_t line_count;
    uint8_t id_bytes;
    uint8_t reason_bytes;
    uint32_t zero;
    struct cancel_line lines[]; /* counted from 1, as in the request */
};
_Static_assert(sizeof(struct slice_lines_cancelled) == 16, "as it stands in the log");

/* An order in images: what its record in memory keeps, with its texts in plain. Behind it, of what it
 * says that it has, without gaps: adjustments, pay_by, windows, large lines and lines, each as
 * core/order_record.h lays them out; struct line_progress for each line; its texts; the name of who made
 * it; and if another one changed it last, that name behind its length. */
struct part_order {
    struct part head;
    uint64_t created_ns;
    uint64_t position; /* of its last event: the sequence, below it 16 bits of the index */
    uint64_t time_ns;  /* as in struct timer */
    uint32_t digest;   /* of the request: the lower half */
    uint32_t version;
    uint16_t line_count; /* 0: it is a remainder, and its totals stand for adjustments */
    uint16_t currency;   /* three letters, 5 bits each, the first lowest */
    uint8_t adjustment_count;
    uint8_t states; /* the present one; above it, 4 bits each, the first */
    uint8_t has;    /* PART_HAS_... */
    uint8_t created_by_bytes;
    uint8_t text_bytes[ORDER_TEXTS];
};
_Static_assert(sizeof(struct part_order) == 56, "as it stands in images");

enum {
    PART_HAS_PAY_BY = 1,
    PART_HAS_WINDOWS = 2,
    PART_HAS_LARGE = 4,
    PART_HAS_PROGRESS = 8,
    PART_HAS_TIMER = 16, /* which runs */
    PART_HAS_PREFER = 32,
    PART_HAS_OTHER = 64, /* who changed it last */
    PART_HAS_ALL = 127,
};

enum { STAGES_KEPT = STAGE_DELIVERED - STAGE_REVIEWED + 1 };

/* Behind it: the order's id, as in every part of an order but the first. */
struct part_stages {
    struct part head;
    uint64_t stage_ns[STAGES_KEPT];
    uint8_t id_bytes;
    uint8_t zero[7];
};
_Static_assert(sizeof(struct part_stages) == 48, "as it stands in images");

/* A terminal order that leaves memory with all that hangs from it; or of which a remainder is left.
 * Behind it: the id. */
struct slice_order_forgotten {
    struct slice head;
    uint8_t id_bytes;
    uint8_t zero[7];
};
_Static_assert(sizeof(struct slice_order_forgotten) == 16, "as it stands in the log");

/* All deadlines that run in this slot end so much later: nobody was there to meet them, or the clock
 * has jumped. An event has one of these for each slot of its shard, and nothing else. */
struct slice_deadlines_extended {
    struct slice head;
    uint64_t from_ns; /* when somebody was there for the last time */
    uint64_t by_ns;
};
_Static_assert(sizeof(struct slice_deadlines_extended) == 24, "as it stands in the log");

/* ---- state ------------------------------------------------------------------------------------- */

/* What has become of a line's units since it was placed. Always:
 *   cancelled + shipped + planned <= units,  delivered + lost <= shipped,
 *   returned <= returning <= delivered */
struct line_progress {
    uint32_t cancelled; /* given up before they were shipped */
    uint32_t planned;   /* in shipments that have not left */
    uint32_t shipped;   /* have left */
    uint32_t delivered;
    uint32_t lost;      /* have left, did not arrive, and are paid back */
    uint32_t returning; /* in returns that have not been refused */
    uint32_t returned;  /* of these: accepted, and paid back */
};

/* What an order has beside its record. */
struct order_more {
    uint32_t lines;     /* record of struct line_progress, one for each line; 0: as placed */
    uint32_t payments;  /* the first; struct payment */
    uint32_t shipments; /* the first */
    uint32_t returns;   /* the first */
    uint64_t stage_ns[STAGES_KEPT]; /* from STAGE_REVIEWED on */
};

struct order {
    struct timer timer; /* its deadline_ns: when the present state ends by itself; or, in a terminal
                           state, when that was entered */
    uint64_t position;  /* of its last event: order_position */
    uint64_t created_ns;
    uint32_t digest;        /* of the request: the lower half */
    uint32_t customer_next; /* the same customer's order before this one */
    uint32_t more;          /* record of struct order_more; 0: none yet */
    uint32_t line_count : 11;
    uint32_t adjustment_count : 5;
    uint32_t texts : 6; /* which of those behind the customer are there */
    uint32_t has_windows : 1;
    uint32_t has_large : 1; /* struct large_line */
    uint32_t has_pay_by : 1;
    uint32_t is_remainder : 1;
    uint32_t prefer : 1;
    uint32_t state : 4;
    uint64_t first_state : 4;
    uint64_t created_by : 10; /* number of a name */
    uint64_t modified_by : 10;
    uint64_t currency : 15; /* order_currency */
    uint64_t version : 25;  /* stays at ORDER_VERSION_MAX */
    uint64_t parts[];       /* see core/order_record.h */
};
_Static_assert(sizeof(struct order) == 56, "what each of tens of millions takes");

enum { ORDER_VERSION_MAX = (1 << 25) - 1 };

enum { ORDER_NAMES_MAX = 1024 };

/* The adjustments of a remainder: whole amounts. */
enum { REMAINDER_FIRST_TOTAL, REMAINDER_TOTAL, REMAINDER_TOTALS };

struct order_name {
    uint8_t bytes;
    char at[TEXT_BYTES_MAX];
};

struct orders {
    struct memory records;
    struct table by_id;
    struct table by_customer;
    struct timers timers;
    uint64_t count_max;
    uint64_t admitted; /* places promised to orders that wait for other shards */
    uint32_t touched;  /* first of the orders whose last event has no sequence yet */
    uint32_t name_count;
    int64_t reserved_units;
    int64_t committed_units;
    uint64_t by_state[ORDER_STATES];
    struct order_name names[ORDER_NAMES_MAX];

    /* while a snapshot is loaded */
    uint64_t newest_ns; /* when the last order was created; 0: there is none */
    bool unsorted;      /* some customer's orders do not stand in time order */
};

size_t orders_bytes(const struct shard_options *options);
void orders_init(struct orders *orders, void *zeroed_memory, const struct shard_options *options);

static inline struct order *order_at(const struct orders *orders, uint32_t record)
{
    return memory_at(&orders->records, record);
}

/* 0: none of that id. */
uint32_t order_find(const struct orders *orders, struct text id, uint64_t id_hash);
/* The same; of a remainder, whose lines, payments and parcels nobody knows any more, 0. */
uint32_t order_find_whole(const struct orders *orders, struct text id, uint64_t id_hash);

/* Of a customer, from where customer_next goes back in time; 0: none. */
uint32_t orders_newest_of(const struct orders *orders, struct text customer);

/* NULL: it has none. */
static inline struct order_more *order_more(const struct orders *orders, const struct order *order)
{
    return order->more != 0 ? memory_at(&orders->records, order->more) : NULL;
}

/* What by_id and by_customer lead to, when the tables themselves have arrived. */
void orders_prefetch_found(const struct orders *orders, uint64_t id_hash);
void orders_prefetch_newest(const struct orders *orders, uint64_t customer_hash);

/* Parts of a record. Texts are unpacked into `out`; an absent one has 0 bytes. */
uint32_t order_currency(const struct order *order);
uint32_t order_line_sku(const struct order *order, uint32_t line);
uint32_t order_line_placed(const struct order *order, uint32_t line); /* units */
int64_t order_line_price(const struct order *order, uint32_t line);
uint32_t order_line_warehouse(const struct order *order, uint32_t line);
bool order_line_capped(const struct order *order, uint32_t line);
uint32_t order_line_window(const struct order *order, uint32_t line);
struct text order_text(const struct order *order, enum order_text which, char out[TEXT_BYTES_MAX]);
/* Units of a line that are not cancelled. */
uint32_t order_line_units(const struct orders *orders, const struct order *order, uint32_t line);
/* All zeros: it is as it was placed. */
struct line_progress order_line_progress(const struct orders *orders, const struct order *order,
                                         uint32_t line);
/* Units of a line that are neither cancelled nor shipped. */
uint32_t order_line_left(const struct orders *orders, const struct order *order, uint32_t line);
/* What the shop may keep: the total without what is lost or has come back, as a bare sum. */
int64_t order_due_signed(const struct orders *orders, const struct order *order);
int64_t order_due(const struct orders *orders, const struct order *order);

/* Where the units of an order are that somebody is still to get, and what state that is. */
struct order_parts {
    uint64_t left; /* have not been shipped */
    uint64_t away; /* have left, and have neither arrived nor been paid back */
    uint64_t arrived;
    uint32_t failed; /* shipments that cannot leave as they are */
};
/* Of its lines; `failed` is 0. */
struct order_parts order_parts(const struct orders *orders, const struct order *order);
/* Expects that the order has been paid. */
enum order_state order_state_of(const struct order_parts *parts);

/* The total as it was placed. */
int64_t order_first_total(const struct order *order);
/* Of what is not cancelled: the bare sum, which a discount may bring below 0; and what is to be paid.
 */
int64_t order_total_signed(const struct orders *orders, const struct order *order);
int64_t order_total(const struct orders *orders, const struct order *order);
/* Where its last event stands; the sequence is 0 while that event's turn has none yet. */
struct position order_position(const struct order *order);
/* What its buyer or shop asked for; 0: nothing, or it went without a review, and the deadline says. */
uint64_t order_pay_by_ns(const struct order *order);
uint64_t order_deadline_ns(const struct order *order); /* 0: no deadline runs */

/* When a terminal order became so. */
uint64_t order_closed_ns(const struct order *order);

/* ---- deciding ---------------------------------------------------------------------------------- */

/* The most bytes that the record of this order can take. */
uint32_t order_record_bytes_max(const struct order_create *create);
/* Whether a caller's name is known or has its place. */
bool orders_know_caller(const struct orders *orders, struct text caller);
/* Whether one more order, and a caller of this name, have their place. */
bool orders_have_room(struct orders *orders, uint32_t record_bytes, struct text caller);

/* The bytes of memory that its order_more, and its lines' progress, still need: what an event that
 * makes them adds to what it needs itself. */
uint64_t order_more_room(const struct order *order);
uint64_t order_progress_room(const struct orders *orders, const struct order *order);
/* Whether records of so many bytes together, each as memory_record_bytes says, can be taken. */
bool orders_have_bytes(struct orders *orders, uint64_t bytes);

/* Whether it stands near enough to its customer's newest order to be taken out of the chain: who has
 * more than ORDER_CHAIN_MAX newer ones keeps it. */
enum { ORDER_CHAIN_MAX = 16384 };
bool order_can_leave(const struct orders *orders, uint32_t record);

/* ---- applying ---------------------------------------------------------------------------------- */

/* Live, room has been looked for before and the answer is SHARD_TABLE_NONE. A sequence of 0 is
 * filled in by orders_number. */
enum shard_table order_apply(struct orders *orders, struct position position,
                             const struct event *event, const struct slice *slice) MUST_LOOK;

/* An EVENT_DEADLINES_EXTENDED: all of its slices at once, since each would go through all orders. */
void orders_extend(struct orders *orders, const struct event *event);

/* The record of the order that has just been placed, live. */
uint32_t orders_newest(const struct orders *orders);

/* Before order_apply, well ahead: what the slice alone leads to; then what lies behind that. */
void order_fetch(const struct orders *orders, const struct slice *slice);
void order_fetch_behind(const struct orders *orders, const struct slice *slice);
/* For whoever applies a slice of an order's child: the order, which is there; its order_more, made if
 * it has none, NULL if there is no room; and that this event was its last, once for each event. */
uint32_t order_known(const struct orders *orders, struct text id);
struct order_more *order_make_more(struct orders *orders, struct order *order);
/* Of each line; made if there is none yet, NULL if there is no room. Whoever changes it says so before
 * (-1) and after (1), so that the sums of units follow. */
struct line_progress *order_make_progress(struct orders *orders, struct order *order);
void order_count(struct orders *orders, const struct order *order, int sign);
/* What is left of a line lies in this warehouse from now on. */
void order_move_line(struct order *order, uint32_t line, uint32_t warehouse);
void order_touch(struct orders *orders, uint32_t record, struct position position,
                 const struct event *event);

/* Orders touched since the last call: their last event stands in this sequence. */
void orders_number(struct orders *orders, uint64_t seq);

/* ---- answers ----------------------------------------------------------------------------------- */

/* The whole order as a RESULT_ORDER: how long it is; all but its head, into zeros; and as an answer.
 */
uint32_t order_answer_bytes(const struct orders *orders, const struct order *order);
void order_write(const struct orders *orders, const struct order *order,
                 struct result_order *result);
void order_answer(const struct orders *orders, const struct order *order, struct turn *turn,
                  uint32_t self, struct origin origin, uint64_t request, enum code code);
/* The first answer to its create, now or again; its total as it was placed. */
void order_answer_placed(const struct order *order, int64_t total, struct turn *turn, uint32_t self,
                         struct origin origin, uint64_t request, enum code code);

/* ---- looking at all of it ---------------------------------------------------------------------- */

/* See core/image.h. */
bool orders_image(const struct orders *orders, uint64_t *at, struct pile *out);
struct text order_part_id(const struct part_order *part);
bool order_part_valid(const struct part_order *part, uint32_t slot);
enum shard_table order_load(struct orders *orders, const struct part_order *part) MUST_LOOK;
bool stages_part_valid(const struct part_stages *part);
enum shard_table stages_load(struct orders *orders, const struct part_stages *part) MUST_LOOK;
void order_load_fetch(const struct orders *orders, const struct part_order *part);
void order_load_fetch_behind(const struct orders *orders, const struct part_order *part);
/* Orders that came slot by slot stand newest first again in their customers' chains. */
void orders_loaded(struct orders *orders);

const char *orders_audit(const struct orders *orders);

#endif
