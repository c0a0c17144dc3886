#include "core/rules_compile.h"

#include <string.h>

/* ---- words ------------------------------------------------------------------------------------- */

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NUMBER, TOKEN_QUOTED, TOKEN_SIGN };

/* The quotes of a quoted text are not part of it. */
struct token {
    enum token_kind kind;
    struct text text;
};

enum type { TYPE_NUMBER, TYPE_TRUTH, TYPE_TEXT, TYPE_CURRENCY, TYPE_WORD, TYPE_QUOTED };

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

/* Terms and labels are counted from 1; 0 stands for what has a fault. */
struct compiler {
    struct text text;
    uint32_t read; /* bytes of the text behind which no token has been taken */
    struct token token;
    struct rules *rules;
    struct rules_fault *fault;
    uint32_t rule_count;
    uint32_t test_count;
    uint32_t first_test; /* of this rule */
    uint32_t depth;
    uint32_t term_count;
    uint32_t label_count;
    bool asks_line;
    struct term terms[RULE_TERMS_MAX + 1];
    uint16_t labels[RULE_TERMS_MAX + 8]; /* the tests that they stand for */
    struct text names[RULE_COUNT_MAX];
};

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

static struct text text_of(const char *string)
{
    return (struct text){string, (uint32_t)strlen(string)};
}

static bool is(struct text text, const char *string)
{
    return text.bytes == strlen(string) && memcmp(text.at, string, text.bytes) == 0;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_any_of(char c, const char *these)
{
    while (*these != 0 && *these != c)
        these++;
    return *these != 0;
}

static bool has_minus(struct text text)
{
    uint32_t i = 0;
    while (i < text.bytes && text.at[i] != '-')
        i++;
    return i < text.bytes;
}

static bool is_of_id(char c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '-';
}

/* ---- faults ------------------------------------------------------------------------------------ */

struct sentence {
    char *at;
    uint32_t bytes;
};

static void say(struct sentence *message, struct text text)
{
    for (uint32_t i = 0; i < text.bytes && message->bytes < RULES_MESSAGE_BYTES - 1; i++) {
        bool shows = (unsigned char)text.at[i] >= ' ' && text.at[i] != 0x7f;
        message->at[message->bytes++] = shows ? text.at[i] : '?';
    }
}

/* Each % of the sentence is the next of the two texts. The result is always false. */
static bool wrong_at(struct compiler *c, const char *at, const char *sentence, struct text first,
                     struct text second)
{
    struct rules_fault *fault = c->fault;
    fault->line = fault->column = 1;
    for (const char *p = c->text.at; p < at; p++) {
        bool continues = ((unsigned char)*p & 0xc0) == 0x80; /* the same character, in UTF-8 */
        fault->column = *p == '\n' ? 1 : fault->column + !continues;
        fault->line += *p == '\n';
    }
    struct sentence message = {fault->message, 0};
    for (const char *p = sentence; *p != 0; p++) {
        if (*p != '%') {
            say(&message, (struct text){p, 1});
            continue;
        }
        say(&message, (struct text){first.at, first.bytes < 40 ? first.bytes : 40});
        first = second;
    }
    fault->message[message.bytes] = 0;
    return false;
}

static bool wrong(struct compiler *c, const struct token *token, const char *sentence)
{
    return wrong_at(c, token->text.at, sentence, token->text, token->text);
}

static bool expected(struct compiler *c, const char *what)
{
    struct text found = c->token.kind == TOKEN_END ? text_of("the end") : c->token.text;
    return wrong_at(c, c->token.text.at, "expected %, found `%`", text_of(what), found);
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

static bool unknown_field(struct compiler *c, const struct token *token)
{
    uint32_t nearest = 0;
    for (uint32_t i = 1; i < FIELDS; i++)
        if (distance(token->text, text_of(fields[i].name)) <
            distance(token->text, text_of(fields[nearest].name)))
            nearest = i;
    struct text name = text_of(fields[nearest].name);
    if (distance(token->text, name) <= 1 + name.bytes / 4)
        return wrong_at(c, token->text.at, "unknown field `%`; did you mean `%`?", token->text,
                        name);
    if (has_minus(token->text))
        return wrong(c, token, "unknown field `%`; a minus stands between spaces");
    return wrong(c, token,
                 "unknown field `%`; there are total, units, lines, currency, customer, channel, "
                 "region, line.price, ...");
}

/* ---- tokens ------------------------------------------------------------------------------------ */

static void skip_blank(struct compiler *c)
{
    bool comment = false;
    for (; c->read < c->text.bytes; c->read++) {
        char at = c->text.at[c->read];
        comment = (comment || at == '#') && at != '\n';
        if (!comment && at != ' ' && at != '\t' && at != '\n' && at != '\r')
            return;
    }
}

static bool take_token(struct compiler *c, enum token_kind kind, uint32_t bytes)
{
    c->token = (struct token){kind, {c->text.at + c->read, bytes}};
    c->read += bytes;
    return true;
}

static bool next_quoted(struct compiler *c)
{
    struct text text = {c->text.at + c->read + 1, 0};
    uint32_t left = c->text.bytes - c->read - 1;
    take_token(c, TOKEN_QUOTED, 1);
    while (text.bytes < left && !is_any_of(text.at[text.bytes], "\"\n"))
        text.bytes++;
    if (text.bytes == left || text.at[text.bytes] == '\n')
        return wrong(c, &c->token, "this text has no closing quote on its line");
    if (!text_valid(text))
        return wrong(c, &c->token, "a text has at most 64 bytes of UTF-8, no control characters");
    c->token.text = text;
    c->read += text.bytes + 1;
    return true;
}

static bool next_number(struct compiler *c)
{
    uint32_t end = c->read;
    while (end < c->text.bytes && (is_of_id(c->text.at[end]) && c->text.at[end] != '-'))
        end++;
    take_token(c, TOKEN_NUMBER, end - c->read);
    for (uint32_t i = 0; i < c->token.text.bytes; i++) {
        if (c->token.text.at[i] == '.')
            return wrong(c, &c->token, "`%` has a point; amounts count the smallest coins");
        if (!is_digit(c->token.text.at[i]) && c->token.text.at[i] != '_')
            return wrong(c, &c->token,
                         "`%` is no number; a text that begins with a digit stands in "
                         "quotes");
    }
    return true;
}

static bool next_sign(struct compiler *c)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">", "(",
                                        ")",  ",",  "+",  "-",  "*", "="};
    struct text left = {c->text.at + c->read, c->text.bytes - c->read};
    for (uint32_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        uint32_t bytes = (uint32_t)strlen(signs[i]);
        if (left.bytes >= bytes && memcmp(left.at, signs[i], bytes) == 0)
            return take_token(c, TOKEN_SIGN, bytes);
    }
    uint32_t bytes = 1;
    while (bytes < left.bytes && ((unsigned char)left.at[bytes] & 0xc0) == 0x80)
        bytes++;
    take_token(c, TOKEN_SIGN, bytes);
    return wrong(c, &c->token, "`%` has no meaning here; a text stands in quotes: \"...\"");
}

static bool next(struct compiler *c)
{
    skip_blank(c);
    if (c->read == c->text.bytes)
        return take_token(c, TOKEN_END, 0);
    char first = c->text.at[c->read];
    if (first == '"')
        return next_quoted(c);
    if (is_digit(first))
        return next_number(c);
    if (!is_letter(first))
        return next_sign(c);
    uint32_t end = c->read;
    while (end < c->text.bytes && is_of_id(c->text.at[end]))
        end++;
    return take_token(c, TOKEN_WORD, end - c->read);
}

static bool sees(const struct compiler *c, enum token_kind kind, const char *string)
{
    return c->token.kind == kind && is(c->token.text, string);
}

/* A word that must stand here. */
static bool pass_word(struct compiler *c, const char *word, const char *quoted)
{
    return sees(c, TOKEN_WORD, word) ? next(c) : expected(c, quoted);
}

/* The name behind the token that is looked at: of a rule, or a reason. It may begin with a digit. */
static bool next_name(struct compiler *c, const char *what, struct text *out)
{
    skip_blank(c);
    uint32_t end = c->read;
    while (end < c->text.bytes && is_of_id(c->text.at[end]))
        end++;
    struct text name = {c->text.at + c->read, end - c->read};
    if (!id_valid(name)) {
        if (!next(c))
            return false;
        return wrong_at(c, name.at, "expected %: 1 to 32 letters, digits, `.`, `_` or `-`",
                        text_of(what), text_of(""));
    }
    *out = name;
    c->read = end;
    return next(c);
}

/* ---- terms ------------------------------------------------------------------------------------- */

static uint32_t new_term(struct compiler *c, struct term term)
{
    if (c->term_count == RULE_TERMS_MAX) {
        wrong(c, &term.token, "this rule is too long at `%`; make two of it");
        return 0;
    }
    c->terms[++c->term_count] = term;
    return c->term_count;
}

static bool is_field(struct text text, uint32_t *which)
{
    for (*which = 0; *which < FIELDS; ++*which)
        if (is(text, fields[*which].name))
            return true;
    return false;
}

static bool want_type(struct compiler *c, uint32_t number, enum type type)
{
    static const char *const names[] = {"a number", "true or false", "a text", "a currency"};
    const struct term *term = &c->terms[number];
    if (number == 0 || term->type == type)
        return number != 0;
    if (term->type == TYPE_WORD)
        return unknown_field(c, &term->token);
    if (type == TYPE_TRUTH)
        return wrong(c, &term->token, "`%` is no condition by itself; compare it with something");
    return wrong_at(c, term->token.text.at, "expected %, but `%` is none", text_of(names[type]),
                    term->token.text);
}

static uint32_t condition(struct compiler *c);
static uint32_t sum(struct compiler *c);

static uint32_t number_term(struct compiler *c)
{
    struct term term = {.kind = TERM_NUMBER, .type = TYPE_NUMBER, .token = c->token};
    for (uint32_t i = 0; i < c->token.text.bytes; i++) {
        if (c->token.text.at[i] == '_')
            continue;
        if (__builtin_mul_overflow(term.value, 10, &term.value) ||
            __builtin_add_overflow(term.value, c->token.text.at[i] - '0', &term.value)) {
            wrong(c, &c->token, "`%` is larger than 9223372036854775807");
            return 0;
        }
    }
    return next(c) ? new_term(c, term) : 0;
}

static bool is_reserved(struct text text)
{
    static const char *const words[] = {"rule", "on", "when", "then", "and", "or", "not", "in"};
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (is(text, words[i]))
            return true;
    return false;
}

static uint32_t word_term(struct compiler *c)
{
    struct term term = {.kind = TERM_TEXT, .type = TYPE_WORD, .token = c->token};
    uint32_t which;
    if (c->token.kind == TOKEN_QUOTED)
        term.type = TYPE_QUOTED;
    else if (is_field(c->token.text, &which)) {
        term.kind = TERM_FIELD;
        term.type = fields[which].type;
        term.field = fields[which].field;
        c->asks_line |= term.field >= RULES_LINE_PRICE;
    }
    return next(c) ? new_term(c, term) : 0;
}

static uint32_t in_parentheses(struct compiler *c)
{
    uint32_t inner = next(c) ? condition(c) : 0;
    if (inner == 0)
        return 0;
    if (!sees(c, TOKEN_SIGN, ")"))
        return expected(c, "`)`");
    return next(c) ? inner : 0;
}

static int64_t reckon(enum term_kind kind, int64_t a, int64_t b)
{
    return kind == TERM_ADD        ? rules_add(a, b)
           : kind == TERM_SUBTRACT ? rules_subtract(a, b)
                                   : rules_multiply(a, b);
}

static uint32_t reckoned(struct compiler *c, enum term_kind kind, uint32_t left, uint32_t right,
                         struct token token)
{
    if (!want_type(c, left, TYPE_NUMBER) || !want_type(c, right, TYPE_NUMBER))
        return 0;
    struct term *a = &c->terms[left];
    const struct term *b = &c->terms[right];
    if (a->kind == TERM_NUMBER && b->kind == TERM_NUMBER) {
        a->value = reckon(kind, a->value, b->value);
        return left;
    }
    return new_term(c, (struct term){.kind = (uint8_t)kind,
                                     .type = TYPE_NUMBER,
                                     .left = (uint16_t)left,
                                     .right = (uint16_t)right,
                                     .token = token});
}

static uint32_t primary(struct compiler *c);

static uint32_t negative(struct compiler *c)
{
    struct token token = c->token;
    uint32_t zero =
        new_term(c, (struct term){.kind = TERM_NUMBER, .type = TYPE_NUMBER, .token = token});
    uint32_t inner = zero != 0 && next(c) ? primary(c) : 0;
    return inner != 0 ? reckoned(c, TERM_SUBTRACT, zero, inner, token) : 0;
}

static uint32_t primary_at_depth(struct compiler *c)
{
    if (c->token.kind == TOKEN_NUMBER)
        return number_term(c);
    if (sees(c, TOKEN_SIGN, "("))
        return in_parentheses(c);
    if (sees(c, TOKEN_SIGN, "-"))
        return negative(c);
    if (c->token.kind == TOKEN_QUOTED ||
        (c->token.kind == TOKEN_WORD && !is_reserved(c->token.text)))
        return word_term(c);
    return expected(c, "a field, a number or a text");
}

/* Whatever nests comes through here, so depth is counted here alone. */
static uint32_t primary(struct compiler *c)
{
    if (c->depth == RULE_DEPTH_MAX)
        return wrong(c, &c->token, "nested too deeply at `%`");
    c->depth++;
    uint32_t term = primary_at_depth(c);
    c->depth--;
    return term;
}

static uint32_t product(struct compiler *c)
{
    uint32_t left = primary(c);
    while (left != 0 && sees(c, TOKEN_SIGN, "*")) {
        struct token token = c->token;
        uint32_t right = next(c) ? primary(c) : 0;
        left = right != 0 ? reckoned(c, TERM_MULTIPLY, left, right, token) : 0;
    }
    return left;
}

static uint32_t sum(struct compiler *c)
{
    uint32_t left = product(c);
    while (left != 0 && (sees(c, TOKEN_SIGN, "+") || sees(c, TOKEN_SIGN, "-"))) {
        struct token token = c->token;
        uint32_t right = next(c) ? product(c) : 0;
        enum term_kind kind = token.text.at[0] == '+' ? TERM_ADD : TERM_SUBTRACT;
        left = right != 0 ? reckoned(c, kind, left, right, token) : 0;
    }
    return left;
}

/* ---- comparisons ------------------------------------------------------------------------------- */

static uint32_t truth(struct compiler *c, enum term_kind kind, uint32_t left, uint32_t right)
{
    return new_term(c, (struct term){.kind = (uint8_t)kind,
                                     .type = TYPE_TRUTH,
                                     .left = (uint16_t)left,
                                     .right = (uint16_t)right,
                                     .token = c->terms[left].token});
}

static uint32_t negated(struct compiler *c, uint32_t inner)
{
    return inner != 0 ? truth(c, TERM_NOT, inner, 0) : 0;
}

/* What a field of texts is compared with: a word or a quoted text. */
static bool literal(struct compiler *c, uint32_t number, enum type type)
{
    struct term *term = &c->terms[number];
    if (term->type != TYPE_WORD && term->type != TYPE_QUOTED)
        return wrong(c, &term->token,
                     "expected a text; `%` stands in quotes if it is meant as one");
    if (type == TYPE_TEXT)
        return true;
    uint32_t code = term->token.text.bytes == 3
                        ? CURRENCY((uint8_t)term->token.text.at[0], (uint8_t)term->token.text.at[1],
                                   (uint8_t)term->token.text.at[2])
                        : 0;
    if (currency_exponent(code) < 0)
        return wrong(c, &term->token, "unknown currency `%`; they have three letters, as in CNY");
    term->kind = TERM_NUMBER;
    term->value = code;
    return true;
}

/* The two sides of == ; what they may be depends on the left one. */
static bool can_be_same(struct compiler *c, uint32_t left, uint32_t right)
{
    const struct term *a = &c->terms[left];
    switch ((enum type)a->type) {
    case TYPE_TEXT:
    case TYPE_CURRENCY:
        return literal(c, right, (enum type)a->type);
    case TYPE_TRUTH:
        return wrong(c, &a->token,
                     "`%` is true or false by itself; write it alone, or `not` before");
    case TYPE_QUOTED:
        return wrong(c, &a->token, "the field comes first, then \"%\"");
    case TYPE_WORD:
    case TYPE_NUMBER:
        break;
    }
    if (!want_type(c, left, TYPE_NUMBER) || !want_type(c, right, TYPE_NUMBER))
        return false;
    if (a->kind == TERM_NUMBER && c->terms[right].kind == TERM_NUMBER)
        return wrong(c, &a->token, "two numbers are compared; one side is to be a field");
    return true;
}

static uint32_t same(struct compiler *c, uint32_t left, uint32_t right)
{
    if (right == 0 || !can_be_same(c, left, right))
        return 0;
    return truth(c, TERM_SAME, left, right);
}

static uint32_t ordered(struct compiler *c, enum term_kind kind, uint32_t left, uint32_t right)
{
    if (left == 0 || right == 0)
        return 0;
    const struct term *a = &c->terms[left];
    if (a->type == TYPE_TEXT || a->type == TYPE_CURRENCY)
        return wrong(c, &a->token, "`%` is a text; texts are compared with ==, != and in");
    return can_be_same(c, left, right) ? truth(c, kind, left, right) : 0;
}

static uint32_t compared(struct compiler *c, uint32_t left)
{
    struct text sign = c->token.text;
    if (is(sign, "="))
        return wrong(c, &c->token, "`%` is no comparison; did you mean `==`?");
    uint32_t right = next(c) ? sum(c) : 0;
    if (is(sign, "=="))
        return same(c, left, right);
    if (is(sign, "!="))
        return negated(c, same(c, left, right));
    if (is(sign, "<"))
        return ordered(c, TERM_LESS, left, right);
    if (is(sign, "<="))
        return ordered(c, TERM_AT_MOST, left, right);
    if (is(sign, ">"))
        return negated(c, ordered(c, TERM_AT_MOST, left, right));
    return negated(c, ordered(c, TERM_LESS, left, right));
}

/* field in (a, b, ...): the same as field == a or field == b or ... */
static uint32_t in_list(struct compiler *c, uint32_t left)
{
    if (!next(c))
        return 0;
    if (!sees(c, TOKEN_SIGN, "("))
        return expected(c, "`(` and a list behind `in`");
    uint32_t any = 0;
    do {
        uint32_t one = next(c) ? same(c, left, sum(c)) : 0;
        any = any == 0 || one == 0 ? one : truth(c, TERM_OR, any, one);
    } while (any != 0 && sees(c, TOKEN_SIGN, ","));
    if (any == 0)
        return 0;
    if (!sees(c, TOKEN_SIGN, ")"))
        return expected(c, "`,` or `)`");
    return next(c) ? any : 0;
}

static bool sees_comparison(const struct compiler *c)
{
    return c->token.kind == TOKEN_SIGN && is_any_of(c->token.text.at[0], "=!<>");
}

static uint32_t comparison(struct compiler *c)
{
    uint32_t left = sum(c);
    if (left == 0)
        return 0;
    if (sees_comparison(c))
        return compared(c, left);
    if (sees(c, TOKEN_WORD, "in"))
        return in_list(c, left);
    if (!sees(c, TOKEN_WORD, "not"))
        return left;
    if (!next(c))
        return 0;
    return sees(c, TOKEN_WORD, "in") ? negated(c, in_list(c, left)) : expected(c, "`in`");
}

static uint32_t perhaps_negated(struct compiler *c)
{
    bool negate = false;
    while (sees(c, TOKEN_WORD, "not")) {
        negate = !negate;
        if (!next(c))
            return 0;
    }
    uint32_t inner = comparison(c);
    if (!negate || inner == 0)
        return inner;
    return want_type(c, inner, TYPE_TRUTH) ? negated(c, inner) : 0;
}

static uint32_t joined(struct compiler *c, const char *word, enum term_kind kind,
                       uint32_t (*part)(struct compiler *))
{
    uint32_t left = part(c);
    while (left != 0 && sees(c, TOKEN_WORD, word)) {
        uint32_t right = next(c) ? part(c) : 0;
        if (right == 0 || !want_type(c, left, TYPE_TRUTH) || !want_type(c, right, TYPE_TRUTH))
            return 0;
        left = truth(c, kind, left, right);
    }
    return left;
}

static uint32_t all_of(struct compiler *c)
{
    return joined(c, "and", TERM_AND, perhaps_negated);
}

static uint32_t condition(struct compiler *c)
{
    return joined(c, "or", TERM_OR, all_of);
}

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
    const struct term *term = &c->terms[number];
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
    test.constant = c->terms[test.left == RULES_CONSTANT ? term->left : term->right].value;
    emit(c, test);
    return test.target;
}

static void emit_text(struct compiler *c, const struct term *term, uint16_t yes, uint16_t no)
{
    struct text text = c->terms[term->right].token.text;
    emit(c, (struct rules_test){.kind = TEST_TEXT,
                                .left = c->terms[term->left].field,
                                .constant = rules_text_value(text),
                                .text_at = (uint16_t)(text.at - c->text.at),
                                .text_bytes = (uint8_t)text.bytes,
                                .yes = yes,
                                .no = no});
}

static void emit_comparison(struct compiler *c, const struct term *term, uint16_t yes, uint16_t no)
{
    if (c->terms[term->left].type == TYPE_TEXT) {
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
    test.constant = c->terms[test.left == RULES_CONSTANT ? term->left : term->right].value;
    emit(c, test);
}

/* Tests that end at label `yes` or at label `no`. */
static void emit_condition(struct compiler *c, uint32_t number, uint16_t yes, uint16_t no)
{
    const struct term *term = &c->terms[number];
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
    uint16_t decided = new_label(c);
    uint16_t over = new_label(c);
    uint16_t again = new_label(c);
    uint16_t body = new_label(c);
    if (c->asks_line)
        emit(c, (struct rules_test){.kind = TEST_EACH_LINE});
    place(c, body);
    emit_condition(c, when, decided, c->asks_line ? again : over);
    place(c, again);
    if (c->asks_line)
        emit(c, (struct rules_test){.kind = TEST_NEXT_LINE, .yes = body, .no = over});
    place(c, decided);
    emit(c, (struct rules_test){.kind = TEST_DECIDED, .yes = (uint16_t)c->rule_count});
    place(c, over);
    if (c->test_count >= RULE_TESTS_MAX) /* one is needed for the end */
        return wrong(c, &c->terms[when].token, "with this rule there are too many tests");
    labels_to_tests(c);
    return true;
}

/* ---- rules ------------------------------------------------------------------------------------- */

static bool verdict(struct compiler *c, struct rule *rule)
{
    struct text reason = {"", 0};
    if (sees(c, TOKEN_WORD, "accept") || sees(c, TOKEN_WORD, "review")) {
        rule->verdict = c->token.text.at[0] == 'a' ? RULES_ACCEPT : RULES_REVIEW;
        if (!next(c))
            return false;
    } else if (sees(c, TOKEN_WORD, "reject")) {
        rule->verdict = RULES_REJECT;
        if (!next_name(c, "a reason behind `reject`", &reason))
            return false;
    } else {
        return expected(c, "`accept`, `review` or `reject` and a reason");
    }
    rule->reason_at = reason.bytes > 0 ? (uint16_t)(reason.at - c->text.at) : 0;
    rule->reason_bytes = (uint8_t)reason.bytes;
    if (c->token.kind != TOKEN_END && !sees(c, TOKEN_WORD, "rule"))
        return expected(c, "`rule` or the end");
    return true;
}

static bool name_is_new(struct compiler *c, struct text name)
{
    for (uint32_t i = 0; i < c->rule_count; i++)
        if (c->names[i].bytes == name.bytes && memcmp(c->names[i].at, name.at, name.bytes) == 0)
            return wrong_at(c, name.at, "there is a rule `%` already", name, name);
    return true;
}

static bool one_rule(struct compiler *c)
{
    struct text name;
    struct rule rule = {0};
    if (!sees(c, TOKEN_WORD, "rule"))
        return expected(c, "`rule`");
    if (!next_name(c, "the name of the rule", &name))
        return false;
    CHECK(c->rule_count < RULE_COUNT_MAX);
    if (!name_is_new(c, name) || !pass_word(c, "on", "`on order.create`") ||
        !pass_word(c, "order.create", "`order.create`") || !pass_word(c, "when", "`when`"))
        return false;
    c->term_count = c->label_count = c->depth = 0;
    c->labels[0] = 0; /* of tests that do not jump */
    c->asks_line = false;
    c->first_test = c->test_count;
    uint32_t when = condition(c);
    if (!want_type(c, when, TYPE_TRUTH))
        return false;
    if (!sees(c, TOKEN_WORD, "then"))
        return expected(c, "`and`, `or` or `then`");
    if (!next(c) || !verdict(c, &rule) || !emit_rule(c, when))
        return false;
    rule.name_at = (uint16_t)(name.at - c->text.at);
    rule.name_bytes = (uint8_t)name.bytes;
    if (c->rules != NULL)
        c->rules->rules[c->rule_count] = rule;
    c->names[c->rule_count++] = name;
    return true;
}

bool rules_compile(struct text text, struct rules *rules, struct rules_fault *fault)
{
    struct compiler c;
    memset(&c, 0, offsetof(struct compiler, terms));
    c.text = text;
    c.rules = rules;
    c.fault = fault;
    *fault = (struct rules_fault){.line = 1, .column = 1};
    if (text.bytes > RULES_BYTES_MAX)
        return wrong_at(&c, text.at, "the rules are longer than 16384 bytes", text, text);
    if (!next(&c))
        return false;
    while (c.token.kind != TOKEN_END)
        if (!one_rule(&c))
            return false;
    emit(&c, (struct rules_test){.kind = TEST_NONE});
    if (rules != NULL) {
        rules->rule_count = c.rule_count;
        rules->test_count = c.test_count;
    }
    return true;
}
