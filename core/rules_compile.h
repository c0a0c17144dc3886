/* core/rules_compile.h - from the text of the rules to tests that jump; for core/rules.c.
 *
 * core/rules_tokens.h reads the text, core/rules_terms.h makes a tree of a condition; here the tree
 * becomes tests. */
#ifndef SPATE_CORE_RULES_COMPILE_H
#define SPATE_CORE_RULES_COMPILE_H

#include "core/rules.h"

enum rules_test_kind {
    TEST_NONE,    /* no rule matches; what zeroed memory says */
    TEST_SAME,    /* left == right */
    TEST_LESS,    /* left < right */
    TEST_AT_MOST, /* left <= right */
    TEST_TEXT,    /* the order's text `left` is the one at text_at */
    TEST_ADD,     /* target = left + right; goes on behind it; likewise the next two */
    TEST_SUBTRACT,
    TEST_MULTIPLY,
    TEST_EACH_LINE, /* the first line; goes on behind it */
    TEST_NEXT_LINE, /* yes: there was one more; no: that was the last */
    TEST_DECIDED,   /* by rule number `yes` */
};

/* Whether the text is a set of rules. Its rules and tests go into `rules`, unless that is NULL; the
 * places in them count from the beginning of the text. */
bool rules_compile(struct text text, struct rules *rules, struct rules_fault *fault) MUST_LOOK;

/* What leaves 64 bits stays at their end. */
static inline int64_t rules_add(int64_t a, int64_t b)
{
    int64_t sum;
    return !__builtin_add_overflow(a, b, &sum) ? sum : a < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t rules_subtract(int64_t a, int64_t b)
{
    int64_t difference;
    return !__builtin_sub_overflow(a, b, &difference) ? difference : a < 0 ? INT64_MIN : INT64_MAX;
}

static inline int64_t rules_multiply(int64_t a, int64_t b)
{
    int64_t product;
    return !__builtin_mul_overflow(a, b, &product) ? product
           : (a < 0) == (b < 0)                    ? INT64_MAX
                                                   : INT64_MIN;
}

#endif
