/* core/rules_tokens.h - the text of the rules as words, numbers, quoted texts and signs; and where it is
 * wrong. For the files that read it.
 *
 * Reading stops at the first fault: what finds one writes the fault down and returns false, and so
 * does whoever called it. */
#ifndef SPATE_CORE_RULES_TOKENS_H
#define SPATE_CORE_RULES_TOKENS_H

#include "core/rules.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NUMBER, TOKEN_QUOTED, TOKEN_SIGN };

/* The quotes of a quoted text are not part of it. */
struct token {
    enum token_kind kind;
    struct text text;
};

struct tokens {
    struct text text;
    uint32_t read;     /* bytes of the text behind which no token has been taken */
    struct token here; /* the one that is looked at */
    struct rules_fault *fault;
};

/* Goes to the next token. */
bool tokens_next(struct tokens *t);
/* Whether the token is this one. */
bool tokens_see(const struct tokens *t, enum token_kind kind, const char *string);
/* Goes on behind a word that must stand here. */
bool tokens_pass(struct tokens *t, const char *word, const char *quoted);
/* The name behind the token that is looked at: of a rule, or a reason. It may begin with a digit. */
bool tokens_name(struct tokens *t, const char *what, struct text *out);

/* The fault, at this place of the text. Each % of the sentence is the next of the two texts; of the
 * second, the token's own text; of the third, `what` and the token that is looked at. All return
 * false. */
bool tokens_wrong_at(struct tokens *t, const char *at, const char *sentence, struct text first,
                     struct text second);
bool tokens_wrong(struct tokens *t, const struct token *token, const char *sentence);
bool tokens_expected(struct tokens *t, const char *what);

#endif
