/* tools/verb.h - a row of the server's table of requests (io/routes.h) as words and options of a command
 * line, and as the HTTP request that it stands for.
 *
 * "createOrder" is `order create`, "getMetrics" is `metrics get` or only `metrics`: so an endpoint that is added
 * to the server is a verb here without a line of code. What a field may hold is the server's business;
 * here is known only whether it is a text, a number or a list. */
#ifndef SPATE_TOOLS_VERB_H
#define SPATE_TOOLS_VERB_H

#include "core/turn.h"
#include "io/routes.h"
#include "tools/options.h"

struct verb {
    const struct route *route;
    bool admin; /* of the admin listener */
};

enum { VERB_NAME_BYTES_MAX = 64, VERB_WORDS_MAX = 6 };

/* "order create" */
void verb_name(const struct route *route, char out[VERB_NAME_BYTES_MAX]);

/* The verb that the first of these words name, in any order, in singular or plural; *used of them.
 * "get" may be left out where they are all. false: none. */
bool verb_find(char *const *words, int count, struct verb *verb, int *used);

/* The one that comes nearest; false: none does. */
bool verb_nearest(char *const *words, int count, struct verb *verb);

/* Values of the options of one verb. */
enum { VERB_FIELDS_MAX = 80 };
struct verb_field {
    char name[48];                    /* of its option */
    const struct schema_field *field; /* NULL: a part of the path, or not of the body or query */
    enum { VERB_PATH, VERB_QUERY, VERB_BODY, VERB_WHOLE_BODY, VERB_KEY, VERB_MATCH } place;
    struct option_texts values; /* one, but for a list */
    bool flag;
    char help[256];
};

struct verb_form {
    struct verb verb;
    uint32_t count;
    struct verb_field fields[VERB_FIELDS_MAX];
};

/* An empty form, and a row of options for each of its fields, appended to rows[*row_count]. */
void verb_form_init(struct verb_form *form, const struct verb *verb, struct option *rows,
                    uint32_t *row_count);

/* Words that stand behind the verb fill in the path; false: there are too many. */
bool verb_form_place(struct verb_form *form, char *const *words, int count) MUST_LOOK;

struct verb_request {
    const char *method;
    char target[1024];
    char headers[512];
    struct pile body;
    bool has_body;
    char fault[160]; /* what is missing or cannot be read */
};

/* The request, its body into request->body, which has memory. `currency` is for orders and SKUs that
 * do not say theirs, `key` for requests that want one and have none. */
bool verb_request(const struct verb_form *form, const char *currency, const char *key,
                  struct verb_request *request) MUST_LOOK;

#endif
