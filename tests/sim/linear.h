/* tests/sim/linear.h - the history of one order, and whether it is linearizable: whether its
 * operations, put one behind the other, each at some moment between its question and its answer,
 * explain all answers that were given.
 *
 * An operation that has no answer may have been done at any moment since it was asked for, or never;
 * what was asked again with the same id or key is an operation of its own. Every event of an order
 * adds one to its version, so that an answer says exactly where in the line it stands.
 *
 * A history that is full hears nothing more: what it has then is its beginning up to that moment,
 * which is explained if the whole is. */
#ifndef SPATE_TESTS_SIM_LINEAR_H
#define SPATE_TESTS_SIM_LINEAR_H

#include "core/result.h"

enum linear_op {
    LINEAR_CREATE,
    LINEAR_OTHER_BODY, /* a create of a known id that asks for something else */
    LINEAR_GET,
    LINEAR_CANCEL,
    LINEAR_PAY,
    LINEAR_CAPTURE,
    LINEAR_NOTICE, /* the provider's, of a capture */
    LINEAR_REFUND,
    LINEAR_EXPIRE /* nobody asks for it */
};

/* What an answer says; SAYS_NOTHING: not this. */
enum { LINEAR_SAYS_NOTHING = 0xff };
struct linear_answer {
    enum code code;
    uint32_t version; /* 0: it does not say */
    uint8_t state;    /* of the order */
    uint8_t payments;
    uint8_t captured; /* whether its payment is */
    uint8_t refunds;  /* that were asked for */
};

struct linear_step {
    enum linear_op op;
    uint32_t wish;     /* what is asked again has the same */
    uint32_t asked;    /* by the history's own clock */
    uint32_t answered; /* UINT32_MAX: never */
    struct linear_answer answer;
};

enum { LINEAR_STEPS_MAX = 40, LINEAR_NONE = LINEAR_STEPS_MAX };

struct linear {
    uint32_t now;
    uint32_t count;
    bool is_full;
    struct linear_step steps[LINEAR_STEPS_MAX];
};

/* The number of the operation; LINEAR_NONE: no room. */
uint32_t linear_ask(struct linear *history, enum linear_op op, uint32_t wish);
/* Of an operation, or LINEAR_NONE. */
void linear_answer(struct linear *history, uint32_t step, const struct linear_answer *answer);
/* It was told to come later: nothing has been done. */
void linear_forget(struct linear *history, uint32_t step);

/* LINEAR_UNDECIDED: more ways to put them than anybody looks at. */
enum linear_verdict { LINEAR_EXPLAINED, LINEAR_CONTRADICTS, LINEAR_UNDECIDED };
enum linear_verdict linear_check(const struct linear *history);

/* The history in words, of at most that many bytes, for whoever has to find out. */
void linear_print(const struct linear *history, char *to, size_t room);

#endif
