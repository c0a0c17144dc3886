/* tests/model/history.h - random histories of a shop, core and the model side by side.
 *
 * A history consists of episodes. Each begins with an empty shop and takes steps; what a step does is
 * drawn from the seed, the episode and the step's own number, and so stays the same when others are
 * left out. Whatever core and the model disagree about ends the process.
 *
 * To add commands: fields and functions for the model in naive_NAME.c, the steps that send them in
 * steps_NAME.c, and their table in the list of model.c. */
#ifndef SPATE_TESTS_MODEL_HISTORY_H
#define SPATE_TESTS_MODEL_HISTORY_H

#include "tests/unit/core/shop_again.h"
#include "tests/unit/core/shop_ask.h"

#include "tests/model/naive.h"

enum {
    TICK_NS = 1 << 21,
    EPISODE_STEPS = 4000,
    OPENING_STEPS = 160,
    EPISODE_ORDERS = 4096,
    EPISODE_KEYS = 4096,
    STEPS_MAX = 128,
    CODES_MAX = 64,
    EVENT_KINDS_MAX = 128,
};
_Static_assert((int)CODE_LIMIT_NUMBER <= CODES_MAX, "struct tally has room for every code");

struct history;

/* One kind of step. `codes`, ended by 0xffff, are the answers that it must have had in a run; one that
 * never came is a hole in the generator, and so is any that came too rarely, listed here or not. */
struct step {
    const char *name;
    void (*take)(struct history *history, const struct step *step);
    uint32_t weight;
    bool opens;  /* a shop begins with these */
    uint16_t op; /* for steps that share `take` */
    uint16_t codes[12];
};

/* Each ends with an entry without a name. */
extern const struct step order_steps[];
extern const struct step act_steps[];
extern const struct step money_steps[];
extern const struct step parcel_steps[];
extern const struct step stock_steps[];
extern const struct step time_steps[];

/* What a run has taken; shared by the processes of its episodes. */
struct tally {
    uint64_t codes[STEPS_MAX][CODES_MAX];
    uint64_t events[EVENT_KINDS_MAX];
    uint64_t slices[EVENT_KINDS_MAX]; /* that were applied slot by slot */
    uint64_t moves[ORDER_STATES][ORDER_STATES];
    uint64_t payment_moves[PAYMENT_STATES][PAYMENT_STATES];
    uint64_t refund_moves[REFUND_STATES][REFUND_STATES];
    uint64_t shipment_moves[SHIPMENT_STATES][SHIPMENT_STATES];
    uint64_t return_moves[RETURN_STATES][RETURN_STATES];
};

/* What the next order, transfer and key are numbered with. */
struct numbers {
    uint32_t order;
    uint32_t transfer;
    uint32_t key;
};

struct history {
    uint64_t seed;
    uint64_t episode;
    uint64_t number; /* of the step, within its episode */
    uint64_t random;
    bool tells; /* every step, as it is taken */
    struct shop *shop;
    struct naive naive;
    bool moved_over;              /* the step has moved something of an order that is over */
    uint32_t numbers[NAIVE_SKUS]; /* of the SKUs, in core; 0: not there yet */
    struct naive_create *asked;   /* by order: what was asked first */
    uint64_t *codes;              /* of the step that is being taken, into the tally */
    struct tally *tally;
};

uint64_t draw(struct history *h, uint64_t below);

_Noreturn void disagree(const struct history *h, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What the step is about to do, for whoever reads the script of a failure. */
void tell(const struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What is over for long enough leaves core and the model. */
void forget_over(struct history *h);

/* Core's answer, after everything that it set off has come to rest. It lives until the next one. */
const struct result *ask(struct history *h, struct command *command);

/* Forgets all answers. */
void ask_nothing(struct history *h);

/* Asks, counts the answer, and disagrees unless it is the expected one. */
const struct result *agree(struct history *h, const struct step *step, struct command *command,
                           enum code expected);

/* Of a SKU that core does not have: a number that none has. */
uint32_t number_of(const struct history *h, uint32_t sku);

/* One of the answers that a step must have had; the first of them more often. */
uint16_t draw_code(struct history *h, const struct step *step);

/* Between the two, the model may be asked what would become of an order. */
struct trial {
    uint32_t number;
    struct naive_order order;
    struct naive_sku skus[NAIVE_SKUS];
};
void trial_begin(const struct history *h, uint32_t order, struct trial *trial);
void trial_end(struct history *h, const struct trial *trial);

/* An order that was placed; false: none was found. */
bool draw_placed(struct history *h, uint32_t *order);

/* An order's payments and refunds, as an answer lists them; the child behind them. */
const struct child *compare_children(const struct history *h, const struct naive_money *money,
                                     const struct child *child);
/* Its shipments and returns. */
void compare_parcels(const struct history *h, const struct naive_order *order,
                     const struct child *child);

/* All stock of a SKU, and whether the answer was the expected one. */
enum code compare_stock(struct history *h, uint32_t sku);
/* The journal's slices, slot by slot and in any order that causality allows. */
void compare_apart(struct history *h);
/* The open tasks and the warnings of all SKUs. */
void compare_tasks(struct history *h);

#endif
