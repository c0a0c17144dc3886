/* spate call - asks a server one thing, or one thing a line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "io/json.h"
#include "persist/start.h"
#include "tools/fetch.h"
#include "tools/options.h"
#include "tools/tools.h"
#include "tools/verb.h"

enum { EXIT_REFUSED = 1, SCRIPT_WORDS_MAX = 1024, BODY_BYTES_MAX = 4 << 20, KEY_BYTES = 33 };

/* What holds for all that is asked. */
struct wishes {
    const char *http;
    const char *admin;
    const char *token;
    const char *currency;
    uint64_t timeout_ns;
    uint64_t wait_ns;
    bool json;
    bool keep_going;
    struct option_texts headers;
};

struct call {
    struct wishes wishes;
    struct fetch shop;
    struct fetch watch; /* the admin listener */
    struct fetch_answer answer;
    struct verb_request request;
    const char *where; /* in front of what goes wrong: "spate call", "spate call: line 3" */
};

/* ---- options ------------------------------------------------------------------------------------------- */

static uint32_t fill_table(struct wishes *wishes, struct option rows[])
{
    const struct option own[] = {
        {.group = "Whom to ask",
         .name = "http",
         .value_name = "ADDR:PORT",
         .help = "the server's HTTP address",
         .kind = OPTION_TEXT,
         .into = &wishes->http},
        {.name = "admin",
         .value_name = "ADDR:PORT",
         .help = "its admin address, for is-ready, metrics and such",
         .kind = OPTION_TEXT,
         .into = &wishes->admin},
        {.name = "token",
         .value_name = "TOKEN",
         .help = "who we are; better in the environment, where other users cannot see it",
         .kind = OPTION_TEXT,
         .into = &wishes->token,
         .otherwise = "nobody"},
        {.name = "header",
         .value_name = "LINE",
         .help = "one more header, \"Name: value\"; any number",
         .kind = OPTION_TEXTS,
         .into = &wishes->headers},
        {.name = "currency",
         .value_name = "CODE",
         .help = "of orders and SKUs",
         .kind = OPTION_TEXT,
         .into = &wishes->currency},
        {.name = "timeout",
         .value_name = "TIME",
         .help = "how long an answer may take",
         .kind = OPTION_DURATION,
         .into = &wishes->timeout_ns,
         .min = 1000000,
         .max = UINT64_C(3600000000000)},
        {.name = "wait",
         .value_name = "TIME",
         .help = "go on asking so long while the server is away or busy",
         .kind = OPTION_DURATION,
         .into = &wishes->wait_ns,
         .max = UINT64_C(3600000000000)},
        {.name = "json",
         .help = "print answers as they came, a line each; refusals too",
         .kind = OPTION_FLAG,
         .into = &wishes->json},
        {.name = "keep-going",
         .help = "of many: go on after one that failed",
         .kind = OPTION_FLAG,
         .into = &wishes->keep_going},
    };
    memcpy(rows, own, sizeof own);
    return sizeof own / sizeof *own;
}

/* ---- answers ------------------------------------------------------------------------------------------- */

/* Objects as lines of `name: value`, what lies inside a step to the right; the items of a list begin
 * with a dash. */
static void print_plain(FILE *out, void *bytes, size_t count)
{
    struct json json;
    enum json_token token;
    bool dash = false;
    json_init(&json, bytes, (uint32_t)count);
    while ((token = json_next(&json)) != JSON_END && token != JSON_WRONG) {
        uint32_t level = json.depth > 1 ? json.depth - 1 : 0;
        bool item = json.depth > 0 && json.levels[json.depth].is_array;
        switch (token) {
        case JSON_KEY:
            fprintf(out, "%*s%s%.*s:", (int)(level * 2) - 2 * dash, "", dash ? "- " : "",
                    (int)json.text.bytes, json.text.at);
            dash = false;
            continue;
        case JSON_OBJECT:
            dash = json.depth > 1 && json.levels[json.depth - 1].is_array;
            if (json.depth > 1 && !dash)
                fputc('\n', out);
            continue;
        case JSON_ARRAY:
            fputc('\n', out);
            continue;
        case JSON_OBJECT_END:
        case JSON_ARRAY_END:
            continue;
        case JSON_TEXT:
        case JSON_REAL:
            fprintf(out, item ? "%*s- %.*s\n" : "%*s %.*s\n", item ? (int)(level * 2) - 2 : 0, "",
                    (int)json.text.bytes, json.text.at);
            continue;
        case JSON_INTEGER:
            fprintf(out, " %lld\n", (long long)json.integer);
            continue;
        case JSON_TRUE:
        case JSON_FALSE:
        case JSON_NULL:
            fputs(token == JSON_TRUE ? " yes\n" : token == JSON_FALSE ? " no\n" : " -\n", out);
            continue;
        case JSON_WRONG:
        case JSON_END:
            break;
        }
    }
}

static bool is_json(const struct fetch_answer *answer)
{
    return answer->body_bytes > 0 && answer->body[0] == '{';
}

static int print_answer(struct call *call)
{
    struct fetch_answer *answer = &call->answer;
    bool good = answer->status < 400;
    if (answer->body_bytes == 0)
        fprintf(good ? stdout : stderr, "%s%s%u\n", good ? "" : call->where, good ? "" : ": ",
                answer->status);
    else if (call->wishes.json || !is_json(answer))
        printf("%s%s", answer->body, answer->body[answer->body_bytes - 1] == '\n' ? "" : "\n");
    else if (good && answer->body_bytes <= 2)
        printf("done\n");
    else if (good)
        print_plain(stdout, answer->body, answer->body_bytes);
    if (good && answer->replayed && !call->wishes.json)
        printf("(known already: this is the first answer again)\n");
    if (good || call->wishes.json || !is_json(answer))
        return good ? 0 : EXIT_REFUSED;
    fprintf(stderr, "%s: refused with %u\n", call->where, answer->status);
    print_plain(stderr, answer->body, answer->body_bytes);
    return EXIT_REFUSED;
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void pause_ms(uint32_t ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* 503 and silence are tried again while there is time; the key makes that safe. */
static bool ask(struct call *call, struct fetch *fetch, const struct fetch_request *request)
{
    uint64_t until = clock_ns() + call->wishes.wait_ns;
    for (uint32_t ms = 50;; ms = ms < 1000 ? ms * 2 : 1000) {
        bool answered = fetch_ask(fetch, request, &call->answer);
        if ((answered && call->answer.status != 503) || clock_ns() >= until)
            return answered;
        pause_ms(ms);
    }
}

static void make_key(char out[KEY_BYTES])
{
    uint64_t parts[2] = {0};
    if (getrandom(parts, sizeof parts, 0) != sizeof parts)
        parts[0] = clock_ns();
    snprintf(out, KEY_BYTES, "%016llx%016llx", (unsigned long long)parts[0],
             (unsigned long long)parts[1]);
}

/* The connection that is kept, if this command asks the same server. */
static struct fetch *fetch_for(struct call *call, bool admin)
{
    struct fetch *fetch = admin ? &call->watch : &call->shop;
    const char *address = admin ? call->wishes.admin : call->wishes.http;
    if (fetch->address == NULL || strcmp(fetch->address, address) != 0) {
        if (fetch->address != NULL)
            fetch_close(fetch);
        fetch_init(fetch, address, 0);
    }
    fetch->timeout_ms = (int)(call->wishes.timeout_ns / 1000000);
    return fetch;
}

static int ask_verb(struct call *call, const struct verb_form *form)
{
    char key[KEY_BYTES], headers[2048];
    struct verb_request *made = &call->request;
    make_key(key);
    if (!verb_request(form, call->wishes.currency, key, made)) {
        fprintf(stderr, "%s: %s\n", call->where, made->fault);
        return EXIT_USAGE_ERROR;
    }
    snprintf(headers, sizeof headers, "%s%s%.200s%s", made->headers,
             call->wishes.token ? "Authorization: Bearer " : "",
             call->wishes.token ? call->wishes.token : "", call->wishes.token ? "\r\n" : "");
    for (uint32_t i = 0; i < call->wishes.headers.count; i++) {
        size_t used = strlen(headers);
        snprintf(headers + used, sizeof headers - used, "%s\r\n", call->wishes.headers.at[i]);
    }
    const struct fetch_request request = {
        .method = made->method,
        .target = made->target,
        .headers = headers,
        .body = made->has_body ? (const char *)made->body.at : NULL,
        .body_bytes = made->has_body ? made->body.used_bytes : 0,
    };
    struct fetch *fetch = fetch_for(call, form->verb.admin);
    if (!ask(call, fetch, &request)) {
        fprintf(stderr, "%s: %s\n", call->where, fetch->fault);
        return EXIT_UNAVAILABLE;
    }
    return print_answer(call);
}

static int unknown_verb(const struct call *call, char *const *words, int count)
{
    struct verb nearest;
    char name[VERB_NAME_BYTES_MAX];
    fprintf(stderr, "%s: there is no `%s%s%s`", call->where, words[0], count > 1 ? " " : "",
            count > 1 ? words[1] : "");
    if (verb_nearest(words, count, &nearest)) {
        verb_name(nearest.route, name);
        fprintf(stderr, "; did you mean `%s`?", name);
    }
    fputs(" (`spate call --help` lists what there is)\n", stderr);
    return EXIT_USAGE_ERROR;
}

/* One command: words, then options; argv[0] is whatever. Options given here hold for it alone. */
static int run_command(struct call *call, int argc, char **argv)
{
    static struct verb_form form;
    static struct option rows[OPTIONS_MAX + 1];
    struct wishes kept = call->wishes;
    struct verb verb;
    char name[VERB_NAME_BYTES_MAX], command[96];
    int words = 0, used, positional;
    while (1 + words < argc && argv[1 + words][0] != '-')
        words++;
    if (!verb_find(argv + 1, words, &verb, &used))
        return unknown_verb(call, argv + 1, words);
    verb_name(verb.route, name);
    snprintf(command, sizeof command, "spate call %s", name);
    uint32_t row_count = 0;
    memset(rows, 0, sizeof rows);
    struct option all[OPTIONS_MAX + 1] = {0};
    uint32_t own_count = 0;
    verb_form_init(&form, &verb, rows, &row_count);
    own_count = fill_table(&call->wishes, all);
    /* What the verb itself calls so, is the verb's. */
    for (uint32_t i = 0; i < own_count; i++) {
        bool taken = false;
        for (uint32_t j = 0; j < form.count; j++)
            taken |= strcmp(form.fields[j].name, all[i].name) == 0;
        if (!taken)
            rows[row_count++] = all[i];
    }
    const struct usage usage = {.command = command,
                                .arguments = "[OPTION...]",
                                .summary = verb.route->about,
                                .options = rows};
    int end = options_read(&usage, argc - used, argv + used, &positional);
    if (end < 0 && !verb_form_place(&form, argv + used, positional)) {
        fprintf(stderr, "%s: what is `%s`?\n", call->where, argv[used + positional - 1]);
        end = EXIT_USAGE_ERROR;
    }
    if (end < 0)
        end = ask_verb(call, &form);
    call->wishes = kept;
    return end;
}

/* ---- many commands ------------------------------------------------------------------------------------- */

/* Cuts a line into words, in place; quotes of either kind hold one together. -1: a quote is open. */
static int cut_words(char *line, char *words[SCRIPT_WORDS_MAX])
{
    int count = 0;
    char *to = line;
    for (;;) {
        line += strspn(line, " \t\r\n");
        if (*line == '\0' || *line == '#' || count == SCRIPT_WORDS_MAX)
            return count;
        words[count++] = to = line;
        char quote = '\0';
        for (; *line != '\0' && (quote != '\0' || strchr(" \t\r\n", *line) == NULL); line++) {
            if (quote == '\0' && (*line == '"' || *line == '\''))
                quote = *line;
            else if (*line == quote)
                quote = '\0';
            else
                *to++ = *line;
        }
        if (quote != '\0')
            return -1;
        line += *line != '\0';
        *to = '\0';
    }
}

static int run_script(struct call *call)
{
    char *line = NULL, *words[1 + SCRIPT_WORDS_MAX], where[48];
    size_t capacity = 0;
    int worst = 0;
    char own_name[] = "spate call";
    words[0] = own_name;
    call->where = where;
    for (unsigned number = 1; getline(&line, &capacity, stdin) > 0; number++) {
        snprintf(where, sizeof where, "spate call: line %u", number);
        int count = cut_words(line, words + 1);
        int end = count == 0 ? 0 : EXIT_USAGE_ERROR;
        if (count < 0)
            fprintf(stderr, "%s: a quote is not closed\n", where);
        else if (count > 0)
            end = run_command(call, 1 + count, words);
        fflush(stdout);
        if (end != 0)
            worst = end;
        if (end != 0 && !call->wishes.keep_going)
            break;
    }
    free(line);
    return worst;
}

static void list_verbs(void)
{
    char name[VERB_NAME_BYTES_MAX];
    const struct route *route;
    printf("\nWhat can be asked; `spate call NOUN VERB --help` shows its options\n");
    for (int admin = 0; admin < 2; admin++) {
        for (uint32_t i = 0; (route = route_at(admin, i)) != NULL; i++) {
            verb_name(route, name);
            printf("  %-27s %s\n", name, route->about);
        }
    }
}

int tool_call(int argc, char **argv)
{
    static struct call call;
    struct option rows[OPTIONS_MAX] = {0};
    call.wishes = (struct wishes){.http = "127.0.0.1:8080",
                                  .admin = "127.0.0.1:8081",
                                  .currency = "CNY",
                                  .timeout_ns = UINT64_C(10000000000)};
    fill_table(&call.wishes, rows);
    const struct usage usage = {
        .command = "spate call",
        .arguments = "NOUN VERB [OPTION...], or one of these a line on standard input",
        .summary = "Asks a server. Ends with 0 if it did it, 1 if it refused, 69 if it is away.",
        .options = rows,
        .environment = "SPATE_",
    };
    bool single = argc > 1 && argv[1][0] != '-';
    int positional, nothing = 1;
    int end = options_read(&usage, single ? nothing : argc, argv, &positional);
    if (end == 0 && !single && argc == 2 && strcmp(argv[1], "--help") == 0)
        list_verbs();
    if (end >= 0)
        return end;
    if (!single && positional > 0) {
        fprintf(stderr, "spate call: `%s` comes too late: first the verb, then options\n", argv[0]);
        return EXIT_USAGE_ERROR;
    }
    call.where = "spate call";
    call.request.body =
        (struct pile){.at = malloc(BODY_BYTES_MAX), .capacity_bytes = BODY_BYTES_MAX};
    if (call.request.body.at == NULL) {
        fprintf(stderr, "spate call: no memory\n");
        return EXIT_OS;
    }
    call.shop.file = call.watch.file = -1;
    end = single ? run_command(&call, argc, argv) : run_script(&call);
    fetch_close(&call.shop);
    fetch_close(&call.watch);
    fetch_answer_free(&call.answer);
    free(call.request.body.at);
    return end;
}
