#include "io/head.h"

#include "io/callers.h"

#include <string.h>
#include <strings.h>

/* ---- the target -------------------------------------------------------------------------------- */

/* "http://host/path" is taken like "/path". */
static struct text without_authority(struct text text)
{
    uint32_t scheme_bytes = 0;
    if (text.bytes > 0 && text.at[0] == '/')
        return text; /* nearly always */
    if (text.bytes >= 7 && strncasecmp(text.at, "http://", 7) == 0)
        scheme_bytes = 7;
    else if (text.bytes >= 8 && strncasecmp(text.at, "https://", 8) == 0)
        scheme_bytes = 8;
    if (scheme_bytes == 0)
        return text;
    const char *slash = memchr(text.at + scheme_bytes, '/', text.bytes - scheme_bytes);
    uint32_t skipped = slash == NULL ? text.bytes : (uint32_t)(slash - text.at);
    return (struct text){text.at + skipped, text.bytes - skipped};
}

struct head_target head_target(const struct http *http, const char *bytes)
{
    struct text text = without_authority(framing_text(bytes, http->target));
    const char *mark = memchr(text.at, '?', text.bytes);
    if (mark == NULL)
        return (struct head_target){text, {NULL, 0}};
    uint32_t path_bytes = (uint32_t)(mark - text.at);
    return (struct head_target){{text.at, path_bytes}, {mark + 1, text.bytes - path_bytes - 1}};
}

/* ---- headers ----------------------------------------------------------------------------------- */

static bool is_json(struct text type)
{
    static const char json[] = "application/json";
    uint32_t bytes = sizeof json - 1;
    if (type.bytes < bytes || strncasecmp(type.at, json, bytes) != 0)
        return false;
    return type.bytes == bytes || type.at[bytes] == ';' || type.at[bytes] == ' ';
}

static void check_key(struct http *http, const char *bytes)
{
    struct text key = framing_header(http, bytes, HTTP_IDEMPOTENCY_KEY);
    if (http->route->key == ROUTE_NEEDS && key.bytes == 0)
        framing_refuse(http, CODE_KEY_MISSING, NULL);
    if (key.bytes > TEXT_BYTES_MAX || !text_plain(key))
        framing_refuse(http, CODE_MALFORMED, "Idempotency-Key is longer than 64 bytes");
}

/* A version in quotes, as our ETags have it; others are none of ours. */
uint64_t head_if_version(const struct http *http, const char *bytes)
{
    struct text text = framing_header(http, bytes, HTTP_IF_MATCH);
    uint64_t version;
    if (text.bytes < 3 || text.at[0] != '"' || text.at[text.bytes - 1] != '"' ||
        !framing_number((struct text){text.at + 1, text.bytes - 2}, &version))
        return UINT64_MAX;
    return version;
}

static void check_match(struct http *http, const char *bytes)
{
    if (http->route->match == ROUTE_TAKES_NOT)
        return;
    if (framing_has(http, HTTP_IF_MATCH) && head_if_version(http, bytes) == UINT64_MAX)
        framing_refuse(http, CODE_MALFORMED, "If-Match is no version in quotes");
    if (http->route->match == ROUTE_NEEDS && !framing_has(http, HTTP_IF_MATCH))
        framing_refuse(http, CODE_MATCH_REQUIRED, NULL);
}

static struct text bearer_token(struct text authorization)
{
    static const char scheme[] = "Bearer ";
    uint32_t bytes = sizeof scheme - 1;
    if (authorization.bytes < bytes || strncasecmp(authorization.at, scheme, bytes) != 0)
        return (struct text){"", 0};
    return (struct text){authorization.at + bytes, authorization.bytes - bytes};
}

static void check_caller(struct http *http, const struct http_server *server, const char *bytes)
{
    if (server->callers == NULL || server->admin)
        return;
    struct text token = bearer_token(framing_header(http, bytes, HTTP_AUTHORIZATION));
    const struct caller *caller = callers_find(server->callers, token);
    if (caller == NULL) {
        framing_refuse(http, CODE_UNAUTHORIZED, NULL);
        return;
    }
    http->caller_bytes = caller->name_bytes;
    memcpy(http->caller, caller->name, caller->name_bytes);
}

static bool takes_body(const struct http *http, uint64_t length)
{
    bool is_empty = length == 0 && !http->chunked;
    return http->route->body != NULL && !(is_empty && route_body_optional(http->route));
}

/* Of two listeners the wrong one is asked now and then. */
static void refuse_path(struct http *http, const struct http_server *server, struct text path)
{
    uint32_t allowed = 0;
    if (http->allowed != 0)
        framing_refuse(http, CODE_METHOD, NULL);
    else if (route_find(!server->admin, http->method, path, &allowed) != NULL || allowed != 0)
        framing_refuse(http, CODE_NOT_FOUND,
                       server->admin ? "this path is not the admin listener's, but the other's"
                                     : "this path is the admin listener's");
    else
        framing_refuse(http, CODE_NOT_FOUND,
                       "there is no such path: /openapi.json on the admin listener has them all");
}

void head_judge(struct http *http, const struct http_server *server, const char *bytes)
{
    struct text expect = framing_header(http, bytes, HTTP_EXPECT);
    uint64_t length = 0;
    (void)framing_number(framing_header(http, bytes, HTTP_CONTENT_LENGTH), &length);
    if (length > server->body_bytes_max) {
        framing_refuse(http, CODE_TOO_LARGE, NULL);
        http->unframed = true;
        return;
    }
    http->body = (struct http_span){http->head_bytes, http->chunked ? 0 : (uint32_t)length};
    if (framing_has(http, HTTP_EXPECT) && !framing_word_is(expect, "100-continue"))
        framing_refuse(http, CODE_MALFORMED, "the only expectation known is 100-continue");
    http->route =
        route_find(server->admin, http->method, head_target(http, bytes).path, &http->allowed);
    if (http->route == NULL || !http->route->is_signed)
        check_caller(http, server, bytes);
    if (http->route == NULL) {
        refuse_path(http, server, head_target(http, bytes).path);
        return;
    }
    if (server->busy && http->route->page == HTTP_PAGE_NONE)
        framing_refuse(http, CODE_BUSY, NULL);
    if (takes_body(http, length) && !is_json(framing_header(http, bytes, HTTP_CONTENT_TYPE)))
        framing_refuse(http, CODE_MEDIA_TYPE, NULL);
    check_key(http, bytes);
    check_match(http, bytes);
}
