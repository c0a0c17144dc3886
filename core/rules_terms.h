/* core/rules_terms.h - the condition of a rule as a tree: fields, texts and numbers, and what joins
 * them. For core/rules_compile.c.
 *
 * Terms are counted from 1; 0 stands for what has a fault. */
#ifndef SPATE_CORE_RULES_TERMS_H
#define SPATE_CORE_RULES_TERMS_H

#include "core/rules_tokens.h"

enum term_type { TYPE_NUMBER, TYPE_TRUTH, TYPE_TEXT, TYPE_CURRENCY, TYPE_WORD, TYPE_QUOTED };

enum term_kind {
    TERM_NUMBER,
    TERM_FIELD,
    TERM_TEXT, /* a word that is no field, or a quoted text */
    TERM_ADD,
    TERM_SUBTRACT,
    TERM_MULTIPLY,
    TERM_SAME,
    TERM_LESS,
    TERM_AT_MOST,
    TERM_NOT,
    TERM_AND,
    TERM_OR,
};

struct term {
    uint8_t kind;
    uint8_t type;
    uint8_t field;
    uint16_t left;
    uint16_t right;
    struct token token; /* where it stands */
    int64_t value;
};

struct terms {
    struct tokens *tokens;
    uint32_t depth; /* of what nests */
    uint32_t count;
    bool ask_line; /* one of them is of a line */
    struct term at[RULE_TERMS_MAX + 1];
};

/* The condition that begins with the token that is looked at, and behind which the next one is then;
 * the terms of the one before it are gone. It is true or false of an order. */
uint32_t terms_condition(struct terms *t);

#endif
