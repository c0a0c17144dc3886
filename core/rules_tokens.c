#include "core/rules_tokens.h"

#include <string.h>

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

bool tokens_wrong_at(struct tokens *t, const char *at, const char *sentence, struct text first,
                     struct text second)
{
    struct rules_fault *fault = t->fault;
    fault->line = fault->column = 1;
    for (const char *p = t->text.at; p < at; p++) {
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

bool tokens_wrong(struct tokens *t, const struct token *token, const char *sentence)
{
    return tokens_wrong_at(t, token->text.at, sentence, token->text, token->text);
}

bool tokens_expected(struct tokens *t, const char *what)
{
    struct text found = t->here.kind == TOKEN_END ? text_of("the end") : t->here.text;
    return tokens_wrong_at(t, t->here.text.at, "expected %, found `%`", text_of(what), found);
}

/* ---- tokens ------------------------------------------------------------------------------------ */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of_id(char c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '-';
}

static void skip_blank(struct tokens *t)
{
    bool comment = false;
    for (; t->read < t->text.bytes; t->read++) {
        char at = t->text.at[t->read];
        comment = (comment || at == '#') && at != '\n';
        if (!comment && at != ' ' && at != '\t' && at != '\n' && at != '\r')
            return;
    }
}

/* Of what stands here and might be an id. */
static uint32_t id_bytes(const struct tokens *t)
{
    uint32_t bytes = 0;
    while (t->read + bytes < t->text.bytes && is_of_id(t->text.at[t->read + bytes]))
        bytes++;
    return bytes;
}

static bool take_token(struct tokens *t, enum token_kind kind, uint32_t bytes)
{
    t->here = (struct token){kind, {t->text.at + t->read, bytes}};
    t->read += bytes;
    return true;
}

static bool next_quoted(struct tokens *t)
{
    struct text text = {t->text.at + t->read + 1, 0};
    uint32_t left = t->text.bytes - t->read - 1;
    take_token(t, TOKEN_QUOTED, 1);
    while (text.bytes < left && text.at[text.bytes] != '"' && text.at[text.bytes] != '\n')
        text.bytes++;
    if (text.bytes == left || text.at[text.bytes] == '\n')
        return tokens_wrong(t, &t->here, "this text has no closing quote on its line");
    if (!text_valid(text))
        return tokens_wrong(t, &t->here,
                            "a text has at most 64 bytes of UTF-8, no control characters");
    t->here.text = text;
    t->read += text.bytes + 1;
    return true;
}

static bool next_number(struct tokens *t)
{
    uint32_t end = t->read;
    while (end < t->text.bytes && is_of_id(t->text.at[end]) && t->text.at[end] != '-')
        end++;
    take_token(t, TOKEN_NUMBER, end - t->read);
    for (uint32_t i = 0; i < t->here.text.bytes; i++) {
        if (t->here.text.at[i] == '.')
            return tokens_wrong(t, &t->here, "`%` has a point; amounts count the smallest coins");
        if (!is_digit(t->here.text.at[i]) && t->here.text.at[i] != '_')
            return tokens_wrong(t, &t->here,
                                "`%` is no number; a text that begins with a digit stands in "
                                "quotes");
    }
    return true;
}

static bool next_sign(struct tokens *t)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">", "(",
                                        ")",  ",",  "+",  "-",  "*", "="};
    struct text left = {t->text.at + t->read, t->text.bytes - t->read};
    for (uint32_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        uint32_t bytes = (uint32_t)strlen(signs[i]);
        if (left.bytes >= bytes && memcmp(left.at, signs[i], bytes) == 0)
            return take_token(t, TOKEN_SIGN, bytes);
    }
    uint32_t bytes = 1;
    while (bytes < left.bytes && ((unsigned char)left.at[bytes] & 0xc0) == 0x80)
        bytes++;
    take_token(t, TOKEN_SIGN, bytes);
    return tokens_wrong(t, &t->here, "`%` has no meaning here; a text stands in quotes: \"...\"");
}

bool tokens_next(struct tokens *t)
{
    skip_blank(t);
    if (t->read == t->text.bytes)
        return take_token(t, TOKEN_END, 0);
    char first = t->text.at[t->read];
    if (first == '"')
        return next_quoted(t);
    if (is_digit(first))
        return next_number(t);
    if (!is_letter(first))
        return next_sign(t);
    return take_token(t, TOKEN_WORD, id_bytes(t));
}

bool tokens_see(const struct tokens *t, enum token_kind kind, const char *string)
{
    return t->here.kind == kind && text_equals(t->here.text, text_of(string));
}

bool tokens_pass(struct tokens *t, const char *word, const char *quoted)
{
    return tokens_see(t, TOKEN_WORD, word) ? tokens_next(t) : tokens_expected(t, quoted);
}

bool tokens_name(struct tokens *t, const char *what, struct text *out)
{
    skip_blank(t);
    struct text name = {t->text.at + t->read, id_bytes(t)};
    if (!id_valid(name)) {
        if (!tokens_next(t))
            return false;
        return tokens_wrong_at(t, name.at, "expected %: 1 to 32 letters, digits, `.`, `_` or `-`",
                               text_of(what), text_of(""));
    }
    *out = name;
    t->read += name.bytes;
    return tokens_next(t);
}
