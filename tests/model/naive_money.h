/* tests/model/naive_money.h - the domain's words about money: payments, refunds, notices. */
#ifndef SPATE_TESTS_MODEL_NAIVE_MONEY_H
#define SPATE_TESTS_MODEL_NAIVE_MONEY_H

#include "core/code.h"
#include "core/command.h"
#include "core/result.h"

/* Refunds that were opened by themselves are named by NAIVE_OWN + their number. */
enum {
    NAIVE_OWN = 100,
    NAIVE_PAYMENTS = 8,
    NAIVE_REFUNDS = 80,
    NAIVE_PROVIDERS = 3,
    NAIVE_KEYS = 8
};

/* What is asked; numbers stand for ids and texts, 0 for none. */
struct naive_ask {
    uint16_t op;
    uint8_t payment;
    uint8_t refund;
    uint8_t method; /* or provider */
    uint8_t reason;
    uint8_t key; /* or the notice's id */
    uint8_t kind;
    uint8_t currency; /* 1: the order's, 2: another */
    uint8_t too_old;
    uint8_t zero[6];
    int64_t amount;
};

struct naive_payment {
    uint8_t number;
    uint8_t method;
    uint8_t state;
    bool by_notice;
    int64_t amount;
    int64_t authorized;
    int64_t captured;
};

struct naive_refund {
    uint8_t number; /* 0: opened by itself */
    uint8_t own;    /* then: its number among those */
    uint8_t payment;
    uint8_t state;
    uint8_t reason;
    bool asked;
    bool asked_all;
    const char *why; /* of one that was opened by itself */
    int64_t amount;
};

/* In the order in which they came. */
struct naive_money {
    uint32_t payment_count;
    uint32_t refund_count;
    uint32_t own_count;
    struct naive_payment payments[NAIVE_PAYMENTS];
    struct naive_refund refunds[NAIVE_REFUNDS];
    struct naive_ask keys[NAIVE_KEYS]; /* op 0: not used */
    struct naive_ask notices[NAIVE_PROVIDERS + 1][NAIVE_KEYS];
};

struct naive;
struct naive_order;

enum code naive_money(struct naive *naive, uint32_t order, const struct naive_ask *ask);

int64_t naive_kept(const struct naive_money *money, const struct naive_payment *payment);
int64_t naive_kept_all(const struct naive_money *money);
/* Opens refunds of so much, `first` (NULL: none) and then the newest payment first. */
void naive_give_back(struct naive_money *money, const struct naive_payment *first, int64_t amount,
                     const char *why);
/* The order has ended. */
void naive_money_end(struct naive_money *money, const char *why);
/* The order is paid: its units are committed. */
void naive_pay(struct naive *naive, struct naive_order *order);
/* Whether it is paid with that. */
bool naive_covers(const struct naive_money *money, int64_t total);

#endif
