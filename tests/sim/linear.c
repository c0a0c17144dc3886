/* As Wing and Gong search, and Lowe remembers: operations are put one after the other in every order
 * that questions and answers leave open; a set of operations that has led to a state once is not
 * looked at again. */
#include "tests/sim/linear.h"

#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "core/order.h"

/* --- hearing -------------------------------------------------------------------------------------- */

uint32_t linear_ask(struct linear *history, enum linear_op op, uint32_t wish)
{
    history->is_full |= history->count == LINEAR_STEPS_MAX;
    if (history->is_full)
        return LINEAR_NONE;
    history->steps[history->count] = (struct linear_step){
        .op = op, .wish = wish, .asked = history->now++, .answered = UINT32_MAX};
    return history->count++;
}

void linear_answer(struct linear *history, uint32_t step, const struct linear_answer *answer)
{
    if (step == LINEAR_NONE || history->is_full)
        return;
    CHECK(step < history->count && history->steps[step].answered == UINT32_MAX);
    history->steps[step].answered = history->now++;
    history->steps[step].answer = *answer;
}

void linear_forget(struct linear *history, uint32_t step)
{
    if (step != LINEAR_NONE)
        history->steps[step].op = LINEAR_GET; /* one without an answer says nothing */
}

/* --- what an order does ---------------------------------------------------------------------------- */

enum { PAID_BY_NOTICE = 1, PAID_BY_BUYER = 2 };

struct state {
    uint32_t version;
    uint8_t order; /* enum order_state; 0: there is none */
    uint8_t payment;
    uint8_t captured;
    uint8_t refunds;
};

struct search {
    const struct linear *history;
    struct state from;
    uint64_t placed; /* a set of steps */
    enum code code;  /* the answer that has to be */
    struct state to;
};

static bool was_done(const struct search *search, const struct linear_step *step)
{
    for (uint32_t i = 0; i < search->history->count; i++) {
        const struct linear_step *other = &search->history->steps[i];
        bool has_effect = other->answered == UINT32_MAX || other->answer.code == CODE_OK;
        if ((search->placed >> i & 1) != 0 && other != step && other->op == step->op &&
            other->wish == step->wish && has_effect)
            return true;
    }
    return false;
}

static bool is_over(const struct state *state)
{
    return state->order == ORDER_CANCELLED || state->order == ORDER_EXPIRED;
}

static void done(struct search *search, enum code code)
{
    search->to.version++;
    search->code = code;
}

static void create(struct search *search, const struct linear_step *step)
{
    search->code = CODE_REPLAYED;
    if (search->from.order != 0)
        return;
    enum code said = step->answer.code;
    if (said == CODE_OUT_OF_STOCK || said == CODE_LIMIT) {
        search->code = said; /* what there is in stock is not this history's */
        return;
    }
    search->to.order = ORDER_PENDING_PAYMENT;
    done(search, CODE_CREATED);
}

static void cancel(struct search *search, const struct linear_step *step)
{
    if (was_done(search, step)) {
        search->code = CODE_REPLAYED;
    } else if (is_over(&search->from)) {
        search->code = CODE_ILLEGAL;
    } else {
        search->to.order = ORDER_CANCELLED;
        done(search, CODE_OK);
    }
}

static void pay(struct search *search)
{
    if (search->from.payment == PAID_BY_BUYER) {
        search->code = CODE_REPLAYED;
    } else if (search->from.payment == 0 && search->from.order != ORDER_PENDING_PAYMENT) {
        search->code = CODE_ILLEGAL;
    } else {
        search->to.payment = PAID_BY_BUYER;
        done(search, CODE_CREATED);
    }
}

/* What comes for an order that is over goes back. */
static void take_money(struct search *search)
{
    search->to.captured = 1;
    if (search->from.order == ORDER_PENDING_PAYMENT)
        search->to.order = ORDER_PAID;
    done(search, CODE_OK);
}

static void capture(struct search *search, const struct linear_step *step)
{
    if (search->from.payment == 0)
        search->code = CODE_NOT_FOUND;
    else if (was_done(search, step))
        search->code = CODE_REPLAYED;
    else if (search->from.captured != 0)
        search->code = CODE_ILLEGAL;
    else
        take_money(search);
}

static void notice(struct search *search, const struct linear_step *step)
{
    search->code = CODE_OK;
    if (search->from.captured != 0) {
        if (step->answer.code == CODE_REPLAYED && was_done(search, step))
            search->code = CODE_REPLAYED;
        return;
    }
    if (search->from.payment == 0)
        search->to.payment = PAID_BY_NOTICE;
    take_money(search);
}

static void refund(struct search *search)
{
    if (search->from.payment == 0) {
        search->code = CODE_NOT_FOUND;
    } else if (search->from.refunds != 0) {
        search->code = CODE_REPLAYED;
    } else if (search->from.captured == 0) {
        search->code = CODE_ILLEGAL;
    } else if (is_over(&search->from)) {
        search->code = CODE_LIMIT; /* all of it is on its way back */
    } else {
        search->to.refunds = 1;
        done(search, CODE_CREATED);
    }
}

static void expire(struct search *search)
{
    search->code = CODE_ILLEGAL;
    if (search->from.order != ORDER_PENDING_PAYMENT)
        return;
    search->to.order = ORDER_EXPIRED;
    done(search, CODE_OK);
}

/* Leaves what has to be answered, and the state behind it. */
static void carry_out(struct search *search, const struct linear_step *step)
{
    search->to = search->from;
    if (search->from.order == 0 && step->op != LINEAR_CREATE) {
        search->code = CODE_NOT_FOUND;
        return;
    }
    switch (step->op) {
    case LINEAR_CREATE:
        create(search, step);
        break;
    case LINEAR_OTHER_BODY:
        search->code = CODE_KEY_REUSED;
        break;
    case LINEAR_GET:
        search->code = CODE_OK;
        break;
    case LINEAR_CANCEL:
        cancel(search, step);
        break;
    case LINEAR_PAY:
        pay(search);
        break;
    case LINEAR_CAPTURE:
        capture(search, step);
        break;
    case LINEAR_NOTICE:
        notice(search, step);
        break;
    case LINEAR_REFUND:
        refund(search);
        break;
    case LINEAR_EXPIRE:
        expire(search);
        break;
    }
}

static bool says(uint32_t said, uint32_t nothing, uint32_t is)
{
    return said == nothing || said == is;
}

/* Whether the step can stand here: its answer is the one it got, or, without one, it does something. */
static bool fits(const struct search *search, const struct linear_step *step)
{
    const struct linear_answer *answer = &step->answer;
    const struct state *to = &search->to;
    if (step->answered == UINT32_MAX)
        return to->version != search->from.version;
    return answer->code == search->code && says(answer->version, 0, to->version) &&
           says(answer->state, LINEAR_SAYS_NOTHING, to->order) &&
           says(answer->payments, LINEAR_SAYS_NOTHING, to->payment != 0) &&
           says(answer->captured, LINEAR_SAYS_NOTHING, to->captured) &&
           says(answer->refunds, LINEAR_SAYS_NOTHING, to->refunds);
}

/* --- the search ------------------------------------------------------------------------------------ */

enum { SEEN_MAX = 1 << 12 };

/* Where the search has been: a set of steps, and where it led to. */
struct seen {
    uint64_t placed;
    struct state state;
};
static struct seen seen[SEEN_MAX];
static uint32_t seen_count;

static bool same(const struct state *a, const struct state *b)
{
    return a->version == b->version && a->order == b->order && a->payment == b->payment &&
           a->captured == b->captured && a->refunds == b->refunds;
}

/* False: it has been here, or SEEN_MAX is used up. */
static bool is_new(uint64_t placed, const struct state *state)
{
    uint32_t at = (uint32_t)((placed * 0x9e3779b97f4a7c15u + state->version) >> 40) % SEEN_MAX;
    while (seen[at].state.version != UINT32_MAX) {
        if (seen[at].placed == placed && same(&seen[at].state, state))
            return false;
        at = (at + 1) % SEEN_MAX;
    }
    if (seen_count == SEEN_MAX / 2)
        return false;
    seen[at] = (struct seen){placed, *state};
    seen_count++;
    return true;
}

/* The first answer to a step that has no place yet: what was asked behind it comes behind it. */
static uint32_t next_answer(const struct linear *history, uint64_t placed)
{
    uint32_t first = UINT32_MAX;
    for (uint32_t i = 0; i < history->count; i++)
        if ((placed >> i & 1) == 0 && history->steps[i].answered < first)
            first = history->steps[i].answered;
    return first;
}

static bool can_go_on(const struct linear *history, uint64_t placed, const struct state *state);

static bool can_go_on_with(const struct linear *history, uint64_t placed, const struct state *state,
                           uint32_t i)
{
    struct search search = {.history = history, .from = *state, .placed = placed};
    carry_out(&search, &history->steps[i]);
    return fits(&search, &history->steps[i]) &&
           can_go_on(history, placed | UINT64_C(1) << i, &search.to);
}

/* What was answered is tried first: mostly it explains itself. */
static bool can_go_on(const struct linear *history, uint64_t placed, const struct state *state)
{
    uint32_t behind = next_answer(history, placed);
    if (behind == UINT32_MAX)
        return true;
    if (!is_new(placed, state))
        return false;
    for (uint32_t i = 0; i < 2 * history->count; i++) {
        uint32_t k = i % history->count;
        const struct linear_step *step = &history->steps[k];
        bool is_turn = (step->answered == UINT32_MAX) == (i >= history->count);
        bool may_come = (placed >> k & 1) == 0 && step->asked < behind;
        if (is_turn && may_come && can_go_on_with(history, placed, state, k))
            return true;
    }
    return false;
}

enum linear_verdict linear_check(const struct linear *history)
{
    struct state nothing = {0};
    memset(seen, 0xff, sizeof seen);
    seen_count = 0;
    if (can_go_on(history, 0, &nothing))
        return LINEAR_EXPLAINED;
    return seen_count == SEEN_MAX / 2 ? LINEAR_UNDECIDED : LINEAR_CONTRADICTS;
}

/* --- words ----------------------------------------------------------------------------------------- */

void linear_print(const struct linear *history, char *to, size_t room)
{
    static const char *const names[] = {"create",  "other body", "get",    "cancel", "pay",
                                        "capture", "notice",     "refund", "expire"};
    size_t used = 0;
    for (uint32_t i = 0; i < history->count && used < room; i++) {
        const struct linear_step *step = &history->steps[i];
        const struct linear_answer *answer = &step->answer;
        int more;
        if (step->answered == UINT32_MAX)
            more = snprintf(to + used, room - used, "  %u-     %s (%u)\n", step->asked,
                            names[step->op], step->wish);
        else
            more = snprintf(to + used, room - used,
                            "  %u-%u  %s (%u): %s, version %u, state %d, payments %d, captured %d, "
                            "refunds %d\n",
                            step->asked, step->answered, names[step->op], step->wish,
                            code_facts(answer->code)->name, answer->version, (int8_t)answer->state,
                            (int8_t)answer->payments, (int8_t)answer->captured,
                            (int8_t)answer->refunds);
        used += more > 0 ? (size_t)more : 0;
    }
}
