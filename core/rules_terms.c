#include "core/rules_terms.h"

#include "core/rules_compile.h"

/* ---- fields ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    uint8_t field;
    uint8_t type;
} fields[] = {
    {"total", RULES_TOTAL, TYPE_NUMBER},           {"units", RULES_UNITS, TYPE_NUMBER},
    {"lines", RULES_LINES, TYPE_NUMBER},           {"currency", RULES_CURRENCY, TYPE_CURRENCY},
    {"customer", RULES_CUSTOMER, TYPE_TEXT},       {"channel", RULES_CHANNEL, TYPE_TEXT},
    {"region", RULES_REGION, TYPE_TEXT},           {"pay_method", RULES_PAY_METHOD, TYPE_TEXT},
    {"campaign", RULES_CAMPAIGN, TYPE_TEXT},       {"delivery_method", RULES_DELIVERY, TYPE_TEXT},
    {"line.price", RULES_LINE_PRICE, TYPE_NUMBER}, {"line.units", RULES_LINE_UNITS, TYPE_NUMBER},
    {"sku.price", RULES_SKU_PRICE, TYPE_NUMBER},   {"sku.flash", RULES_SKU_FLASH, TYPE_TRUTH},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static bool has_minus(struct text text)
{
    uint32_t i = 0;
    while (i < text.bytes && text.at[i] != '-')
        i++;
    return i < text.bytes;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* How many letters must be put in, left out or changed to make one of the other. */
static uint32_t distance(struct text a, struct text b)
{
    enum { BYTES_MAX = 24 };
    uint32_t row[BYTES_MAX + 1];
    if (a.bytes > BYTES_MAX || b.bytes > BYTES_MAX)
        return BYTES_MAX;
    for (uint32_t j = 0; j <= b.bytes; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= a.bytes; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= b.bytes; j++) {
            uint32_t changed = diagonal + (a.at[i - 1] != b.at[j - 1]);
            diagonal = row[j];
            row[j] = least(changed, 1 + least(row[j], row[j - 1]));
        }
    }
    return row[b.bytes];
}

static bool unknown_field(struct terms *t, const struct token *token)
{
    uint32_t nearest = 0;
    for (uint32_t i = 1; i < FIELDS; i++)
        if (distance(token->text, text_of(fields[i].name)) <
            distance(token->text, text_of(fields[nearest].name)))
            nearest = i;
    struct text name = text_of(fields[nearest].name);
    if (distance(token->text, name) <= 1 + name.bytes / 4)
        return tokens_wrong_at(t->tokens, token->text.at, "unknown field `%`; did you mean `%`?",
                               token->text, name);
    if (has_minus(token->text))
        return tokens_wrong(t->tokens, token, "unknown field `%`; a minus stands between spaces");
    return tokens_wrong(
        t->tokens, token,
        "unknown field `%`; there are total, units, lines, currency, customer, channel, "
        "region, line.price, ...");
}

/* ---- terms ------------------------------------------------------------------------------------- */

static uint32_t new_term(struct terms *t, struct term term)
{
    if (t->count == RULE_TERMS_MAX) {
        tokens_wrong(t->tokens, &term.token, "this rule is too long at `%`; make two of it");
        return 0;
    }
    t->at[++t->count] = term;
    return t->count;
}

static bool is_field(struct text text, uint32_t *which)
{
    for (*which = 0; *which < FIELDS; ++*which)
        if (text_equals(text, text_of(fields[*which].name)))
            return true;
    return false;
}

static bool want_type(struct terms *t, uint32_t number, enum term_type type)
{
    static const char *const names[] = {"a number", "true or false", "a text", "a currency"};
    const struct term *term = &t->at[number];
    if (number == 0 || term->type == type)
        return number != 0;
    if (term->type == TYPE_WORD)
        return unknown_field(t, &term->token);
    if (type == TYPE_TRUTH)
        return tokens_wrong(t->tokens, &term->token,
                            "`%` is no condition by itself; compare it with something");
    return tokens_wrong_at(t->tokens, term->token.text.at, "expected %, but `%` is none",
                           text_of(names[type]), term->token.text);
}

static uint32_t condition(struct terms *t);
static uint32_t sum(struct terms *t);

static uint32_t number_term(struct terms *t)
{
    struct term term = {.kind = TERM_NUMBER, .type = TYPE_NUMBER, .token = t->tokens->here};
    for (uint32_t i = 0; i < t->tokens->here.text.bytes; i++) {
        if (t->tokens->here.text.at[i] == '_')
            continue;
        if (__builtin_mul_overflow(term.value, 10, &term.value) ||
            __builtin_add_overflow(term.value, t->tokens->here.text.at[i] - '0', &term.value)) {
            tokens_wrong(t->tokens, &t->tokens->here, "`%` is larger than 9223372036854775807");
            return 0;
        }
    }
    return tokens_next(t->tokens) ? new_term(t, term) : 0;
}

static bool is_reserved(struct text text)
{
    static const char *const words[] = {"rule", "on", "when", "then", "and", "or", "not", "in"};
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (text_equals(text, text_of(words[i])))
            return true;
    return false;
}

static uint32_t word_term(struct terms *t)
{
    struct term term = {.kind = TERM_TEXT, .type = TYPE_WORD, .token = t->tokens->here};
    uint32_t which;
    if (t->tokens->here.kind == TOKEN_QUOTED)
        term.type = TYPE_QUOTED;
    else if (is_field(t->tokens->here.text, &which)) {
        term.kind = TERM_FIELD;
        term.type = fields[which].type;
        term.field = fields[which].field;
        t->ask_line |= term.field >= RULES_LINE_PRICE;
    }
    return tokens_next(t->tokens) ? new_term(t, term) : 0;
}

static uint32_t in_parentheses(struct terms *t)
{
    uint32_t inner = tokens_next(t->tokens) ? condition(t) : 0;
    if (inner == 0)
        return 0;
    if (!tokens_see(t->tokens, TOKEN_SIGN, ")"))
        return tokens_expected(t->tokens, "`)`");
    return tokens_next(t->tokens) ? inner : 0;
}

static int64_t reckon(enum term_kind kind, int64_t a, int64_t b)
{
    return kind == TERM_ADD        ? rules_add(a, b)
           : kind == TERM_SUBTRACT ? rules_subtract(a, b)
                                   : rules_multiply(a, b);
}

static uint32_t reckoned(struct terms *t, enum term_kind kind, uint32_t left, uint32_t right,
                         struct token token)
{
    if (!want_type(t, left, TYPE_NUMBER) || !want_type(t, right, TYPE_NUMBER))
        return 0;
    struct term *a = &t->at[left];
    const struct term *b = &t->at[right];
    if (a->kind == TERM_NUMBER && b->kind == TERM_NUMBER) {
        a->value = reckon(kind, a->value, b->value);
        return left;
    }
    return new_term(t, (struct term){.kind = (uint8_t)kind,
                                     .type = TYPE_NUMBER,
                                     .left = (uint16_t)left,
                                     .right = (uint16_t)right,
                                     .token = token});
}

static uint32_t primary(struct terms *t);

static uint32_t negative(struct terms *t)
{
    struct token token = t->tokens->here;
    uint32_t zero =
        new_term(t, (struct term){.kind = TERM_NUMBER, .type = TYPE_NUMBER, .token = token});
    uint32_t inner = zero != 0 && tokens_next(t->tokens) ? primary(t) : 0;
    return inner != 0 ? reckoned(t, TERM_SUBTRACT, zero, inner, token) : 0;
}

static uint32_t primary_at_depth(struct terms *t)
{
    if (t->tokens->here.kind == TOKEN_NUMBER)
        return number_term(t);
    if (tokens_see(t->tokens, TOKEN_SIGN, "("))
        return in_parentheses(t);
    if (tokens_see(t->tokens, TOKEN_SIGN, "-"))
        return negative(t);
    if (t->tokens->here.kind == TOKEN_QUOTED ||
        (t->tokens->here.kind == TOKEN_WORD && !is_reserved(t->tokens->here.text)))
        return word_term(t);
    return tokens_expected(t->tokens, "a field, a number or a text");
}

/* Whatever nests comes through here, so depth is counted here alone. */
static uint32_t primary(struct terms *t)
{
    if (t->depth == RULE_DEPTH_MAX)
        return tokens_wrong(t->tokens, &t->tokens->here, "nested too deeply at `%`");
    t->depth++;
    uint32_t term = primary_at_depth(t);
    t->depth--;
    return term;
}

static uint32_t product(struct terms *t)
{
    uint32_t left = primary(t);
    while (left != 0 && tokens_see(t->tokens, TOKEN_SIGN, "*")) {
        struct token token = t->tokens->here;
        uint32_t right = tokens_next(t->tokens) ? primary(t) : 0;
        left = right != 0 ? reckoned(t, TERM_MULTIPLY, left, right, token) : 0;
    }
    return left;
}

static uint32_t sum(struct terms *t)
{
    uint32_t left = product(t);
    while (left != 0 &&
           (tokens_see(t->tokens, TOKEN_SIGN, "+") || tokens_see(t->tokens, TOKEN_SIGN, "-"))) {
        struct token token = t->tokens->here;
        uint32_t right = tokens_next(t->tokens) ? product(t) : 0;
        enum term_kind kind = token.text.at[0] == '+' ? TERM_ADD : TERM_SUBTRACT;
        left = right != 0 ? reckoned(t, kind, left, right, token) : 0;
    }
    return left;
}

/* ---- comparisons ------------------------------------------------------------------------------- */

static uint32_t truth(struct terms *t, enum term_kind kind, uint32_t left, uint32_t right)
{
    return new_term(t, (struct term){.kind = (uint8_t)kind,
                                     .type = TYPE_TRUTH,
                                     .left = (uint16_t)left,
                                     .right = (uint16_t)right,
                                     .token = t->at[left].token});
}

static uint32_t negated(struct terms *t, uint32_t inner)
{
    return inner != 0 ? truth(t, TERM_NOT, inner, 0) : 0;
}

/* What a field of texts is compared with: a word or a quoted text. */
static bool literal(struct terms *t, uint32_t number, enum term_type type)
{
    struct term *term = &t->at[number];
    if (term->type != TYPE_WORD && term->type != TYPE_QUOTED)
        return tokens_wrong(t->tokens, &term->token,
                            "expected a text; `%` stands in quotes if it is meant as one");
    if (type == TYPE_TEXT)
        return true;
    uint32_t code = term->token.text.bytes == 3
                        ? CURRENCY((uint8_t)term->token.text.at[0], (uint8_t)term->token.text.at[1],
                                   (uint8_t)term->token.text.at[2])
                        : 0;
    if (currency_exponent(code) < 0)
        return tokens_wrong(t->tokens, &term->token,
                            "unknown currency `%`; they have three letters, as in CNY");
    term->kind = TERM_NUMBER;
    term->value = code;
    return true;
}

/* The two sides of == ; what they may be depends on the left one. */
static bool can_be_same(struct terms *t, uint32_t left, uint32_t right)
{
    const struct term *a = &t->at[left];
    switch ((enum term_type)a->type) {
    case TYPE_TEXT:
    case TYPE_CURRENCY:
        return literal(t, right, (enum term_type)a->type);
    case TYPE_TRUTH:
        return tokens_wrong(t->tokens, &a->token,
                            "`%` is true or false by itself; write it alone, or `not` before");
    case TYPE_QUOTED:
        return tokens_wrong(t->tokens, &a->token, "the field comes first, then \"%\"");
    case TYPE_WORD:
    case TYPE_NUMBER:
        break;
    }
    if (!want_type(t, left, TYPE_NUMBER) || !want_type(t, right, TYPE_NUMBER))
        return false;
    if (a->kind == TERM_NUMBER && t->at[right].kind == TERM_NUMBER)
        return tokens_wrong(t->tokens, &a->token,
                            "two numbers are compared; one side is to be a field");
    return true;
}

static uint32_t same(struct terms *t, uint32_t left, uint32_t right)
{
    if (right == 0 || !can_be_same(t, left, right))
        return 0;
    return truth(t, TERM_SAME, left, right);
}

static uint32_t ordered(struct terms *t, enum term_kind kind, uint32_t left, uint32_t right)
{
    if (left == 0 || right == 0)
        return 0;
    const struct term *a = &t->at[left];
    if (a->type == TYPE_TEXT || a->type == TYPE_CURRENCY)
        return tokens_wrong(t->tokens, &a->token,
                            "`%` is a text; texts are compared with ==, != and in");
    return can_be_same(t, left, right) ? truth(t, kind, left, right) : 0;
}

static uint32_t compared(struct terms *t, uint32_t left)
{
    struct text sign = t->tokens->here.text;
    if (text_equals(sign, text_of("=")))
        return tokens_wrong(t->tokens, &t->tokens->here,
                            "`%` is no comparison; did you mean `==`?");
    uint32_t right = tokens_next(t->tokens) ? sum(t) : 0;
    if (text_equals(sign, text_of("==")))
        return same(t, left, right);
    if (text_equals(sign, text_of("!=")))
        return negated(t, same(t, left, right));
    if (text_equals(sign, text_of("<")))
        return ordered(t, TERM_LESS, left, right);
    if (text_equals(sign, text_of("<=")))
        return ordered(t, TERM_AT_MOST, left, right);
    if (text_equals(sign, text_of(">")))
        return negated(t, ordered(t, TERM_AT_MOST, left, right));
    return negated(t, ordered(t, TERM_LESS, left, right));
}

/* field in (a, b, ...): the same as field == a or field == b or ... */
static uint32_t in_list(struct terms *t, uint32_t left)
{
    if (!tokens_next(t->tokens))
        return 0;
    if (!tokens_see(t->tokens, TOKEN_SIGN, "("))
        return tokens_expected(t->tokens, "`(` and a list behind `in`");
    uint32_t any = 0;
    do {
        uint32_t one = tokens_next(t->tokens) ? same(t, left, sum(t)) : 0;
        any = any == 0 || one == 0 ? one : truth(t, TERM_OR, any, one);
    } while (any != 0 && tokens_see(t->tokens, TOKEN_SIGN, ","));
    if (any == 0)
        return 0;
    if (!tokens_see(t->tokens, TOKEN_SIGN, ")"))
        return tokens_expected(t->tokens, "`,` or `)`");
    return tokens_next(t->tokens) ? any : 0;
}

static bool sees_comparison(const struct terms *t)
{
    char first = t->tokens->here.text.at[0];
    return t->tokens->here.kind == TOKEN_SIGN &&
           (first == '=' || first == '!' || first == '<' || first == '>');
}

static uint32_t comparison(struct terms *t)
{
    uint32_t left = sum(t);
    if (left == 0)
        return 0;
    if (sees_comparison(t))
        return compared(t, left);
    if (tokens_see(t->tokens, TOKEN_WORD, "in"))
        return in_list(t, left);
    if (!tokens_see(t->tokens, TOKEN_WORD, "not"))
        return left;
    if (!tokens_next(t->tokens))
        return 0;
    return tokens_see(t->tokens, TOKEN_WORD, "in") ? negated(t, in_list(t, left))
                                                   : tokens_expected(t->tokens, "`in`");
}

static uint32_t perhaps_negated(struct terms *t)
{
    bool negate = false;
    while (tokens_see(t->tokens, TOKEN_WORD, "not")) {
        negate = !negate;
        if (!tokens_next(t->tokens))
            return 0;
    }
    uint32_t inner = comparison(t);
    if (!negate || inner == 0)
        return inner;
    return want_type(t, inner, TYPE_TRUTH) ? negated(t, inner) : 0;
}

static uint32_t joined(struct terms *t, const char *word, enum term_kind kind,
                       uint32_t (*part)(struct terms *))
{
    uint32_t left = part(t);
    while (left != 0 && tokens_see(t->tokens, TOKEN_WORD, word)) {
        uint32_t right = tokens_next(t->tokens) ? part(t) : 0;
        if (right == 0 || !want_type(t, left, TYPE_TRUTH) || !want_type(t, right, TYPE_TRUTH))
            return 0;
        left = truth(t, kind, left, right);
    }
    return left;
}

static uint32_t all_of(struct terms *t)
{
    return joined(t, "and", TERM_AND, perhaps_negated);
}

static uint32_t condition(struct terms *t)
{
    return joined(t, "or", TERM_OR, all_of);
}

uint32_t terms_condition(struct terms *t)
{
    t->count = t->depth = 0;
    t->ask_line = false;
    uint32_t whole = condition(t);
    return want_type(t, whole, TYPE_TRUTH) ? whole : 0;
}
