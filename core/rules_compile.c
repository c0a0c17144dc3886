#include "core/rules_compile.h"

#include <string.h>

#include "core/rules_terms.h"

/* Labels are counted from 1. */
struct compiler {
    struct tokens *tokens;
    struct rules *rules; /* NULL: they are looked at only */
    uint32_t rule_count;
    uint32_t test_count;
    uint32_t first_test; /* of this rule */
    uint32_t label_count;
    uint16_t labels[RULE_TERMS_MAX + 8]; /* the tests that they stand for */
    struct text names[RULE_COUNT_MAX];
    struct terms terms; /* of this rule */
};

/* ---- tests ------------------------------------------------------------------------------------- */

static uint16_t new_label(struct compiler *c)
{
    return (uint16_t)++c->label_count;
}

static void place(struct compiler *c, uint16_t label)
{
    c->labels[label] = (uint16_t)c->test_count;
}

static void emit(struct compiler *c, struct rules_test test)
{
    if (c->rules != NULL && c->test_count < RULE_TESTS_MAX)
        c->rules->tests[c->test_count] = test;
    c->test_count++;
}

/* Where the value stands when the tests have come here; RULES_CONSTANT: in the test that asks. Of
 * what is reckoned up, the place is `between`, and those behind it are free. */
static uint8_t emit_value(struct compiler *c, uint32_t number, uint32_t between)
{
    const struct term *term = &c->terms.at[number];
    if (term->kind == TERM_NUMBER)
        return RULES_CONSTANT;
    if (term->kind == TERM_FIELD)
        return term->field;
    struct rules_test test = {.kind = term->kind == TERM_ADD        ? TEST_ADD
                                      : term->kind == TERM_SUBTRACT ? TEST_SUBTRACT
                                                                    : TEST_MULTIPLY};
    test.left = emit_value(c, term->left, between);
    test.right = emit_value(c, term->right, between + 1);
    test.target = (uint8_t)between;
    /* At most one side is a constant: two have become one. */
    test.constant = c->terms.at[test.left == RULES_CONSTANT ? term->left : term->right].value;
    emit(c, test);
    return test.target;
}

static void emit_text(struct compiler *c, const struct term *term, uint16_t yes, uint16_t no)
{
    struct text text = c->terms.at[term->right].token.text;
    emit(c, (struct rules_test){.kind = TEST_TEXT,
                                .left = c->terms.at[term->left].field,
                                .constant = rules_text_value(text),
                                .text_at = (uint16_t)(text.at - c->tokens->text.at),
                                .text_bytes = (uint8_t)text.bytes,
                                .yes = yes,
                                .no = no});
}

static void emit_comparison(struct compiler *c, const struct term *term, uint16_t yes, uint16_t no)
{
    if (c->terms.at[term->left].type == TYPE_TEXT) {
        emit_text(c, term, yes, no);
        return;
    }
    struct rules_test test = {.kind = term->kind == TERM_SAME   ? TEST_SAME
                                      : term->kind == TERM_LESS ? TEST_LESS
                                                                : TEST_AT_MOST,
                              .yes = yes,
                              .no = no};
    test.left = emit_value(c, term->left, RULES_BETWEEN);
    test.right = emit_value(c, term->right, RULES_BETWEEN + 1);
    test.constant = c->terms.at[test.left == RULES_CONSTANT ? term->left : term->right].value;
    emit(c, test);
}

/* Tests that end at label `yes` or at label `no`. */
static void emit_condition(struct compiler *c, uint32_t number, uint16_t yes, uint16_t no)
{
    const struct term *term = &c->terms.at[number];
    uint16_t second;
    switch ((enum term_kind)term->kind) {
    case TERM_NOT:
        emit_condition(c, term->left, no, yes);
        return;
    case TERM_AND:
        second = new_label(c);
        emit_condition(c, term->left, second, no);
        place(c, second);
        emit_condition(c, term->right, yes, no);
        return;
    case TERM_OR:
        second = new_label(c);
        emit_condition(c, term->left, yes, second);
        place(c, second);
        emit_condition(c, term->right, yes, no);
        return;
    case TERM_FIELD: /* sku.flash */
        emit(c, (struct rules_test){.kind = TEST_SAME,
                                    .left = term->field,
                                    .right = RULES_CONSTANT,
                                    .constant = 1,
                                    .yes = yes,
                                    .no = no});
        return;
    case TERM_SAME:
    case TERM_LESS:
    case TERM_AT_MOST:
        emit_comparison(c, term, yes, no);
        return;
    case TERM_NUMBER:
    case TERM_TEXT:
    case TERM_ADD:
    case TERM_SUBTRACT:
    case TERM_MULTIPLY:
        CHECK(false); /* a condition */
    }
}

static void labels_to_tests(struct compiler *c)
{
    for (uint32_t i = c->first_test; c->rules != NULL && i < c->test_count; i++) {
        struct rules_test *test = &c->rules->tests[i];
        if (test->kind == TEST_DECIDED)
            continue;
        test->yes = c->labels[test->yes];
        test->no = c->labels[test->no];
    }
}

/* each line:    next:                decided:
 *   tests ──yes──────────────────────▶ the rule
 *     └──no──▶ one more? ─yes─▶ tests
 *                  └──no─────────────▶ the next rule */
static bool emit_rule(struct compiler *c, uint32_t when)
{
    c->first_test = c->test_count;
    c->label_count = 0;
    c->labels[0] = 0; /* of tests that do not jump */
    uint16_t decided = new_label(c);
    uint16_t over = new_label(c);
    uint16_t again = new_label(c);
    uint16_t body = new_label(c);
    if (c->terms.ask_line)
        emit(c, (struct rules_test){.kind = TEST_EACH_LINE});
    place(c, body);
    emit_condition(c, when, decided, c->terms.ask_line ? again : over);
    place(c, again);
    if (c->terms.ask_line)
        emit(c, (struct rules_test){.kind = TEST_NEXT_LINE, .yes = body, .no = over});
    place(c, decided);
    emit(c, (struct rules_test){.kind = TEST_DECIDED, .yes = (uint16_t)c->rule_count});
    place(c, over);
    if (c->test_count >= RULE_TESTS_MAX) /* one is needed for the end */
        return tokens_wrong(c->tokens, &c->terms.at[when].token,
                            "with this rule there are too many tests");
    labels_to_tests(c);
    return true;
}

/* ---- rules ------------------------------------------------------------------------------------- */

static bool verdict(struct compiler *c, struct rule *rule)
{
    struct text reason = {"", 0};
    if (tokens_see(c->tokens, TOKEN_WORD, "accept") ||
        tokens_see(c->tokens, TOKEN_WORD, "review")) {
        rule->verdict = c->tokens->here.text.at[0] == 'a' ? RULES_ACCEPT : RULES_REVIEW;
        if (!tokens_next(c->tokens))
            return false;
    } else if (tokens_see(c->tokens, TOKEN_WORD, "reject")) {
        rule->verdict = RULES_REJECT;
        if (!tokens_name(c->tokens, "a reason behind `reject`", &reason))
            return false;
    } else {
        return tokens_expected(c->tokens, "`accept`, `review` or `reject` and a reason");
    }
    rule->reason_at = reason.bytes > 0 ? (uint16_t)(reason.at - c->tokens->text.at) : 0;
    rule->reason_bytes = (uint8_t)reason.bytes;
    if (c->tokens->here.kind != TOKEN_END && !tokens_see(c->tokens, TOKEN_WORD, "rule"))
        return tokens_expected(c->tokens, "`rule` or the end");
    return true;
}

static bool name_is_new(struct compiler *c, struct text name)
{
    for (uint32_t i = 0; i < c->rule_count; i++)
        if (text_equals(c->names[i], name))
            return tokens_wrong_at(c->tokens, name.at, "there is a rule `%` already", name, name);
    return true;
}

static bool one_rule(struct compiler *c)
{
    struct text name;
    struct rule rule = {0};
    if (!tokens_see(c->tokens, TOKEN_WORD, "rule"))
        return tokens_expected(c->tokens, "`rule`");
    if (!tokens_name(c->tokens, "the name of the rule", &name))
        return false;
    CHECK(c->rule_count < RULE_COUNT_MAX);
    if (!name_is_new(c, name) || !tokens_pass(c->tokens, "on", "`on order.create`") ||
        !tokens_pass(c->tokens, "order.create", "`order.create`") ||
        !tokens_pass(c->tokens, "when", "`when`"))
        return false;
    uint32_t when = terms_condition(&c->terms);
    if (when == 0)
        return false;
    if (!tokens_see(c->tokens, TOKEN_WORD, "then"))
        return tokens_expected(c->tokens, "`and`, `or` or `then`");
    if (!tokens_next(c->tokens) || !verdict(c, &rule) || !emit_rule(c, when))
        return false;
    rule.name_at = (uint16_t)(name.at - c->tokens->text.at);
    rule.name_bytes = (uint8_t)name.bytes;
    if (c->rules != NULL)
        c->rules->rules[c->rule_count] = rule;
    c->names[c->rule_count++] = name;
    return true;
}

bool rules_compile(struct text text, struct rules *rules, struct rules_fault *fault)
{
    struct tokens tokens = {.text = text, .fault = fault};
    struct compiler c;
    memset(&c, 0, offsetof(struct compiler, names));
    c.tokens = c.terms.tokens = &tokens;
    c.rules = rules;
    *fault = (struct rules_fault){.line = 1, .column = 1};
    if (text.bytes > RULES_BYTES_MAX)
        return tokens_wrong_at(&tokens, text.at, "the rules are longer than 16384 bytes", text,
                               text);
    if (!tokens_next(&tokens))
        return false;
    while (tokens.here.kind != TOKEN_END)
        if (!one_rule(&c))
            return false;
    emit(&c, (struct rules_test){.kind = TEST_NONE});
    if (rules != NULL) {
        rules->rule_count = c.rule_count;
        rules->test_count = c.test_count;
    }
    return true;
}
