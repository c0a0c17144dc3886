/* io/http.c - two parsers must agree on every request's framing: llhttp, which is strict, and the
 * plain check of line ends here, which runs first and knows only CR LF. What they do not agree on,
 * or what another server might read differently, is refused and the connection closed. */
#include "io/http.h"

#include "io/answers.h"
#include "io/callers.h"
#include "io/openapi.h"
#include "io/problem.h"
#include "io/routes.h"
#include "io/scan.h"
#include "io/walk.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What the parser's callbacks work on. */
struct reading {
    struct http *http;
    const struct http_server *server;
    char *bytes;
};

static llhttp_t *parser_of(struct http *http)
{
    return (llhttp_t *)http->parser;
}

/* ---- state ------------------------------------------------------------------------------------- */

static int on_url(llhttp_t *parser, const char *at, size_t bytes);
static int on_header_name(llhttp_t *parser, const char *at, size_t bytes);
static int on_header_name_end(llhttp_t *parser);
static int on_header_value(llhttp_t *parser, const char *at, size_t bytes);
static int on_header_value_end(llhttp_t *parser);
static int on_head_end(llhttp_t *parser);
static int on_chunk(llhttp_t *parser);
static int on_body(llhttp_t *parser, const char *at, size_t bytes);
static int on_end(llhttp_t *parser);

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_name,
    .on_header_field_complete = on_header_name_end,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_end,
    .on_headers_complete = on_head_end,
    .on_chunk_header = on_chunk,
    .on_body = on_body,
    .on_message_complete = on_end,
};

static void begin_request(struct http *http)
{
    *http = (struct http){.walk = http->walk, .id_seed = http->id_seed, .id_count = http->id_count};
    llhttp_init(parser_of(http), HTTP_REQUEST, &settings);
}

void http_init(struct http *http, uint64_t random, struct walk *walk)
{
    _Static_assert(sizeof(llhttp_t) <= sizeof http->parser, "the parser's room");
    http->walk = walk;
    http->id_seed = random;
    http->id_count = 0;
    begin_request(http);
}

/* Only the first fault counts. */
static void refuse(struct http *http, enum code code, const char *reason)
{
    if (http->fault != CODE_OK)
        return;
    http->fault = (uint8_t)code;
    http->fault_reason = reason;
}

static bool refuse_framing(struct http *http, const char *reason)
{
    refuse(http, CODE_MALFORMED, reason);
    http->unframed = true;
    return false;
}

static struct text text_at(const char *bytes, struct http_span span)
{
    return (struct text){bytes + span.at, span.bytes};
}

static bool text_is(struct text text, const char *string)
{
    return strlen(string) == text.bytes && strncasecmp(text.at, string, text.bytes) == 0;
}

/* ---- the framing's own check ------------------------------------------------------------------- */

/* The next byte of a head, of chunk sizes or trailers; NULL, or why it cannot be. */
static const char *frame_byte(struct http *http, uint8_t byte)
{
    uint8_t last = http->last_byte;
    http->last_byte = byte;
    if (last == '\r' && byte != '\n')
        return "CR without LF";
    if (byte == '\n' && last != '\r')
        return "LF without CR";
    if (byte == '\n' || byte == '\r')
        return NULL;
    if ((byte < ' ' && byte != '\t') || byte == 0x7f)
        return "control character";
    return NULL;
}

static const char *frame_head_byte(struct http *http, uint8_t byte)
{
    const char *reason = frame_byte(http, byte);
    if (reason != NULL)
        return reason;
    if (http->line_bytes == 0 && (byte == ' ' || byte == '\t' || byte == ':'))
        return "a line begins with a space or a colon";
    if (http->lines == 0 && byte == ' ' && ++http->first_line_spaces > 2)
        return "too many spaces in the request line";
    return NULL;
}

/* The inside of a line has nothing to be weighed but control characters. */
static void frame_inside(struct http *http, const char *bytes, uint32_t count)
{
    uint32_t at = http->framed_bytes;
    if (http->line_bytes == 0 || http->last_byte == '\r')
        return;
    if (http->lines == 0) /* spaces are counted there */
        while (at < count && (uint8_t)bytes[at] > ' ' && bytes[at] != 0x7f)
            at++;
    else
        at += scan_until(bytes + at, bytes + count, scan_controls);
    if (at == http->framed_bytes)
        return;
    http->line_bytes += at - http->framed_bytes;
    http->framed_bytes = at;
    http->last_byte = (uint8_t)bytes[at - 1];
}

/* Looks at the head's next bytes, up to the first that cannot be; true: its last one was seen. */
static bool frame_head(struct http *http, const char *bytes, uint32_t count, const char **reason)
{
    *reason = NULL;
    while (http->framed_bytes < count) {
        uint8_t byte = (uint8_t)bytes[http->framed_bytes];
        *reason = frame_head_byte(http, byte);
        if (*reason != NULL)
            return false;
        http->framed_bytes++;
        if (byte == '\n' && http->line_bytes == 0 && http->lines > 0)
            return true;
        if (byte == '\n' && http->line_bytes > 0)
            http->lines++;
        http->line_bytes = byte == '\n' ? 0 : http->line_bytes + (byte != '\r');
        frame_inside(http, bytes, count);
    }
    return false;
}

/* Between the pieces of a chunked body. */
static bool frame_until(struct http *http, const char *bytes, uint32_t until)
{
    while (http->framed_bytes < until) {
        const char *reason = frame_byte(http, (uint8_t)bytes[http->framed_bytes++]);
        if (reason != NULL)
            return refuse_framing(http, reason);
    }
    return true;
}

/* ---- the parser's callbacks -------------------------------------------------------------------- */

static void grow(struct http_span *span, const struct reading *reading, const char *at,
                 size_t bytes)
{
    if (span->bytes == 0)
        span->at = (uint32_t)(at - reading->bytes);
    span->bytes += (uint32_t)bytes;
}

static int on_url(llhttp_t *parser, const char *at, size_t bytes)
{
    const struct reading *reading = parser->data;
    grow(&reading->http->target, reading, at, bytes);
    return 0;
}

static int on_header_name(llhttp_t *parser, const char *at, size_t bytes)
{
    const struct reading *reading = parser->data;
    grow(&reading->http->name, reading, at, bytes);
    return 0;
}

static enum http_header header_of(struct text name)
{
#define NAME(string)                                                                               \
    {                                                                                              \
        string, sizeof string - 1                                                                  \
    }
    static const struct text names[HTTP_HEADERS] = {
        [HTTP_HOST] = NAME("host"),
        [HTTP_CONTENT_LENGTH] = NAME("content-length"),
        [HTTP_TRANSFER_ENCODING] = NAME("transfer-encoding"),
        [HTTP_CONTENT_TYPE] = NAME("content-type"),
        [HTTP_AUTHORIZATION] = NAME("authorization"),
        [HTTP_IDEMPOTENCY_KEY] = NAME("idempotency-key"),
        [HTTP_IF_MATCH] = NAME("if-match"),
        [HTTP_EXPECT] = NAME("expect"),
        [HTTP_X_FORWARDED_FOR] = NAME("x-forwarded-for"),
        [HTTP_SIGNATURE] = NAME("x-signature"),
    };
#undef NAME
    for (uint32_t i = 0; i < HTTP_HEADERS; i++)
        if (names[i].bytes == name.bytes && strncasecmp(names[i].at, name.at, name.bytes) == 0)
            return (enum http_header)i;
    return HTTP_HEADERS;
}

static int on_header_name_end(llhttp_t *parser)
{
    const struct reading *reading = parser->data;
    struct http *http = reading->http;
    struct text name = text_at(reading->bytes, http->name);
    http->name.bytes = 0;
    http->header = (uint8_t)(http->head_whole ? HTTP_HEADERS : header_of(name));
    if (http->header == HTTP_HEADERS)
        return 0;
    bool again = http->headers_seen >> http->header & 1;
    if (again && http->header == HTTP_X_FORWARDED_FOR)
        http->value[HTTP_X_FORWARDED_FOR].bytes = 0;
    else if (again) {
        refuse_framing(http, "a header that may stand once stands twice");
        return HPE_USER;
    }
    http->headers_seen |= 1u << http->header;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t bytes)
{
    const struct reading *reading = parser->data;
    struct http *http = reading->http;
    if (http->header < HTTP_HEADERS)
        grow(&http->value[http->header], reading, at, bytes);
    return 0;
}

/* 1..18 digits and nothing else. */
static bool is_length(struct text text)
{
    if (text.bytes < 1 || text.bytes > 18)
        return false;
    for (uint32_t i = 0; i < text.bytes; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return true;
}

static struct text trimmed(struct text text)
{
    while (text.bytes > 0 && (text.at[text.bytes - 1] == ' ' || text.at[text.bytes - 1] == '\t'))
        text.bytes--;
    return text;
}

static struct text header_text(const struct http *http, const char *bytes, enum http_header header)
{
    return trimmed(text_at(bytes, http->value[header]));
}

struct text http_forwarded_for(const struct http *http, const void *bytes)
{
    return header_text(http, bytes, HTTP_X_FORWARDED_FOR);
}

static bool has_header(const struct http *http, enum http_header header)
{
    return http->headers_seen >> header & 1;
}

static int on_header_value_end(llhttp_t *parser)
{
    const struct reading *reading = parser->data;
    struct http *http = reading->http;
    if (http->header == HTTP_CONTENT_LENGTH &&
        !is_length(header_text(http, reading->bytes, HTTP_CONTENT_LENGTH)))
        refuse_framing(http, "Content-Length is no number");
    if (http->header == HTTP_TRANSFER_ENCODING &&
        !text_is(header_text(http, reading->bytes, HTTP_TRANSFER_ENCODING), "chunked"))
        refuse_framing(http, "the only Transfer-Encoding taken is chunked");
    return http->unframed ? HPE_USER : 0;
}

static enum route_method method_of(uint8_t method)
{
    switch (method) {
    case HTTP_GET:
    case HTTP_HEAD:
        return ROUTE_GET;
    case HTTP_POST:
        return ROUTE_POST;
    case HTTP_PUT:
        return ROUTE_PUT;
    case HTTP_DELETE:
        return ROUTE_DELETE;
    default:
        return ROUTE_OTHER;
    }
}

static int on_head_end(llhttp_t *parser)
{
    const struct reading *reading = parser->data;
    struct http *http = reading->http;
    http->head_whole = true;
    http->version_minor = parser->http_minor;
    http->method = (uint8_t)method_of(parser->method);
    http->head_only = parser->method == HTTP_HEAD;
    http->keep_alive = llhttp_should_keep_alive(parser);
    http->chunked = has_header(http, HTTP_TRANSFER_ENCODING);
    if (parser->http_major != 1 || parser->http_minor > 1)
        refuse_framing(http, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (parser->method == HTTP_CONNECT)
        refuse_framing(http, "this is no proxy");
    if (http->chunked && has_header(http, HTTP_CONTENT_LENGTH))
        refuse_framing(http, "both Content-Length and Transfer-Encoding");
    if (http->chunked && http->version_minor == 0)
        refuse_framing(http, "HTTP/1.0 has no Transfer-Encoding");
    if (http->version_minor == 1 && !has_header(http, HTTP_HOST))
        refuse_framing(http, "Host is missing");
    parser->upgrade = 0; /* an upgrade is an offer; it is not taken */
    return http->unframed ? HPE_USER : 0;
}

/* The size of a chunk is known; a body larger than the limit need not be waited for. */
static int on_chunk(llhttp_t *parser)
{
    const struct reading *reading = parser->data;
    struct http *http = reading->http;
    if (parser->content_length <= reading->server->body_bytes_max)
        return 0;
    refuse(http, CODE_TOO_LARGE, NULL);
    http->unframed = true;
    return HPE_USER;
}

static int on_body(llhttp_t *parser, const char *at, size_t bytes)
{
    struct reading *reading = parser->data;
    struct http *http = reading->http;
    if (!frame_until(http, reading->bytes, (uint32_t)(at - reading->bytes)))
        return HPE_USER;
    memmove(reading->bytes + http->body.at + http->body.bytes, at, bytes);
    http->body.bytes += (uint32_t)bytes;
    http->framed_bytes += (uint32_t)bytes;
    return 0;
}

static int on_end(llhttp_t *parser)
{
    struct reading *reading = parser->data;
    reading->http->whole = true;
    return HPE_PAUSED;
}

/* ---- head and body ----------------------------------------------------------------------------- */

/* The first byte that cannot be decides what is said about it. */
static bool refuse_parsed(struct reading *reading)
{
    const llhttp_t *parser = parser_of(reading->http);
    uint32_t at = (uint32_t)(llhttp_get_error_pos(parser) - reading->bytes);
    return frame_until(reading->http, reading->bytes, at) &&
           refuse_framing(reading->http, llhttp_get_error_reason(parser));
}

/* Lets the parser see the bytes up to `until`. */
static bool parse_until(struct reading *reading, uint32_t until)
{
    struct http *http = reading->http;
    llhttp_t *parser = parser_of(http);
    const char *from = reading->bytes + http->read_bytes;
    parser->data = reading;
    llhttp_errno_t error = llhttp_execute(parser, from, until - http->read_bytes);
    parser->data = NULL;
    http->read_bytes = until;
    if (error == HPE_PAUSED && http->whole)
        http->read_bytes = (uint32_t)(llhttp_get_error_pos(parser) - reading->bytes);
    else if (error != HPE_OK && !http->unframed)
        return refuse_parsed(reading);
    return !http->unframed;
}

struct target {
    struct text path;
    struct text query;
};

/* "http://host/path" is taken like "/path". */
static struct text without_authority(struct text text)
{
    uint32_t scheme_bytes = 0;
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

static struct target target_of(const struct http *http, const char *bytes)
{
    struct text text = without_authority(text_at(bytes, http->target));
    const char *mark = memchr(text.at, '?', text.bytes);
    if (mark == NULL)
        return (struct target){text, {NULL, 0}};
    uint32_t path_bytes = (uint32_t)(mark - text.at);
    return (struct target){{text.at, path_bytes}, {mark + 1, text.bytes - path_bytes - 1}};
}

static uint64_t declared_bytes(const struct http *http, const char *bytes)
{
    struct text text = header_text(http, bytes, HTTP_CONTENT_LENGTH);
    uint64_t value = 0;
    for (uint32_t i = 0; i < text.bytes; i++)
        value = value * 10 + (uint64_t)(text.at[i] - '0');
    return value;
}

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
    struct text key = header_text(http, bytes, HTTP_IDEMPOTENCY_KEY);
    if (http->route->key == ROUTE_NEEDS && key.bytes == 0)
        refuse(http, CODE_KEY_MISSING, NULL);
    if (key.bytes > TEXT_BYTES_MAX || !text_plain(key))
        refuse(http, CODE_MALFORMED, "Idempotency-Key is longer than 64 bytes");
}

/* A version in quotes, as our ETags have it; others are none of ours. */
static bool read_match(struct text text, uint64_t *version)
{
    if (text.bytes < 3 || text.at[0] != '"' || text.at[text.bytes - 1] != '"')
        return false;
    struct text digits = {text.at + 1, text.bytes - 2};
    *version = 0;
    for (uint32_t i = 0; i < digits.bytes; i++)
        *version = *version * 10 + (uint64_t)(digits.at[i] - '0');
    return is_length(digits);
}

static void check_match(struct http *http, const char *bytes)
{
    uint64_t version;
    if (http->route->match == ROUTE_TAKES_NOT)
        return;
    if (has_header(http, HTTP_IF_MATCH) &&
        !read_match(header_text(http, bytes, HTTP_IF_MATCH), &version))
        refuse(http, CODE_MALFORMED, "If-Match is no version in quotes");
    if (http->route->match == ROUTE_NEEDS && !has_header(http, HTTP_IF_MATCH))
        refuse(http, CODE_MATCH_REQUIRED, NULL);
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
    struct text token = bearer_token(header_text(http, bytes, HTTP_AUTHORIZATION));
    const struct caller *caller = callers_find(server->callers, token);
    if (caller == NULL) {
        refuse(http, CODE_UNAUTHORIZED, NULL);
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

/* Whatever can be refused without looking at the body. */
static void judge_head(struct http *http, const struct http_server *server, const char *bytes)
{
    struct text expect = header_text(http, bytes, HTTP_EXPECT);
    uint64_t length = declared_bytes(http, bytes);
    if (length > server->body_bytes_max) {
        refuse(http, CODE_TOO_LARGE, NULL);
        http->unframed = true;
        return;
    }
    http->body = (struct http_span){http->head_bytes, http->chunked ? 0 : (uint32_t)length};
    if (has_header(http, HTTP_EXPECT) && !text_is(expect, "100-continue"))
        refuse(http, CODE_MALFORMED, "the only expectation known is 100-continue");
    http->route =
        route_find(server->admin, http->method, target_of(http, bytes).path, &http->allowed);
    if (http->route == NULL || !http->route->is_signed)
        check_caller(http, server, bytes);
    if (http->route == NULL) {
        refuse(http, http->allowed != 0 ? CODE_METHOD : CODE_NOT_FOUND, NULL);
        return;
    }
    if (server->busy && http->route->page == HTTP_PAGE_NONE)
        refuse(http, CODE_BUSY, NULL);
    if (takes_body(http, length) && !is_json(header_text(http, bytes, HTTP_CONTENT_TYPE)))
        refuse(http, CODE_MEDIA_TYPE, NULL);
    check_key(http, bytes);
    check_match(http, bytes);
}

/* True: the head is whole and its framing good. */
static bool read_head(struct reading *reading, uint32_t count)
{
    struct http *http = reading->http;
    uint32_t head_bytes_max = reading->server->head_bytes_max;
    uint32_t until = count < head_bytes_max ? count : head_bytes_max;
    const char *reason;
    bool is_end = frame_head(http, reading->bytes, until, &reason);
    if (!parse_until(reading, http->framed_bytes))
        return false;
    if (reason != NULL)
        return refuse_framing(http, reason);
    if (is_end != http->head_whole)
        return refuse_framing(http, "the head ends ambiguously");
    if (!is_end && http->framed_bytes == head_bytes_max) {
        refuse(http, CODE_HEAD_TOO_LARGE, NULL);
        http->unframed = true;
    }
    if (is_end)
        http->head_bytes = http->framed_bytes;
    return is_end;
}

static bool read_chunks(struct reading *reading, uint32_t count)
{
    struct http *http = reading->http;
    uint32_t limit = http->head_bytes + reading->server->body_bytes_max;
    if (!parse_until(reading, count < limit ? count : limit) ||
        !frame_until(http, reading->bytes, http->read_bytes))
        return false;
    if (http->whole)
        return http->last_byte == '\n' || refuse_framing(http, "the last chunk ends ambiguously");
    if (http->read_bytes == limit) {
        refuse(http, CODE_TOO_LARGE, NULL);
        http->unframed = true;
    }
    return false;
}

/* True: the body is whole. */
static bool read_body(struct reading *reading, uint32_t count)
{
    struct http *http = reading->http;
    if (http->chunked)
        return read_chunks(reading, count);
    http->read_bytes = http->head_bytes + http->body.bytes;
    return count >= http->read_bytes;
}

/* ---- answers ----------------------------------------------------------------------------------- */

struct response {
    uint16_t status;
    const char *type;
    uint64_t seq;     /* 0: none */
    uint64_t version; /* for the ETag; 0: none */
    bool replayed;
    bool retry_after;
    bool wants_token;
    bool in_pieces;
    struct text date;
    uint32_t allowed; /* methods; 0: not said */
};

static const char *status_line(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *line;
    } lines[] = {
        {200, "HTTP/1.1 200 OK\r\n"},
        {201, "HTTP/1.1 201 Created\r\n"},
        {400, "HTTP/1.1 400 Bad Request\r\n"},
        {401, "HTTP/1.1 401 Unauthorized\r\n"},
        {403, "HTTP/1.1 403 Forbidden\r\n"},
        {404, "HTTP/1.1 404 Not Found\r\n"},
        {405, "HTTP/1.1 405 Method Not Allowed\r\n"},
        {408, "HTTP/1.1 408 Request Timeout\r\n"},
        {409, "HTTP/1.1 409 Conflict\r\n"},
        {410, "HTTP/1.1 410 Gone\r\n"},
        {412, "HTTP/1.1 412 Precondition Failed\r\n"},
        {413, "HTTP/1.1 413 Content Too Large\r\n"},
        {415, "HTTP/1.1 415 Unsupported Media Type\r\n"},
        {422, "HTTP/1.1 422 Unprocessable Content\r\n"},
        {428, "HTTP/1.1 428 Precondition Required\r\n"},
        {429, "HTTP/1.1 429 Too Many Requests\r\n"},
        {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
        {500, "HTTP/1.1 500 Internal Server Error\r\n"},
        {503, "HTTP/1.1 503 Service Unavailable\r\n"},
        {507, "HTTP/1.1 507 Insufficient Storage\r\n"},
    };
    uint32_t i = 0;
    while (lines[i].status != status)
        CHECK(++i < sizeof lines / sizeof lines[0]);
    return lines[i].line;
}

static void head_text(struct pile *head, const char *text)
{
    json_write_raw(&(struct json_writer){.pile = head}, text, (uint32_t)strlen(text));
}

static void head_line(struct pile *head, const char *name, const char *value)
{
    struct json_writer writer = {.pile = head};
    json_write_raw(&writer, name, (uint32_t)strlen(name));
    json_write_raw(&writer, value, (uint32_t)strlen(value));
    json_write_raw(&writer, "\r\n", 2);
}

static void head_number(struct pile *head, const char *name, uint64_t value)
{
    struct json_writer writer = {.pile = head};
    json_write_raw(&writer, name, (uint32_t)strlen(name));
    json_write_unsigned(&writer, value);
    json_write_raw(&writer, "\r\n", 2);
}

static void head_tag(struct pile *head, uint64_t version)
{
    struct json_writer writer = {.pile = head};
    json_write_raw(&writer, "ETag: \"", 7);
    json_write_unsigned(&writer, version);
    json_write_raw(&writer, "\"\r\n", 3);
}

static void head_allowed(struct pile *head, uint32_t allowed)
{
    char list[64] = "";
    for (uint32_t method = ROUTE_GET; method <= ROUTE_DELETE; method <<= 1) {
        if (!(allowed & method))
            continue;
        if (list[0] != 0)
            strcat(list, ", ");
        strcat(list, route_method_name((enum route_method)method));
        if (method == ROUTE_GET)
            strcat(list, ", HEAD");
    }
    head_line(head, "Allow: ", list);
}

/* Where the body begins, and where the head says how long it is. */
struct opened {
    uint32_t length_at;
    uint32_t body_at;
};

enum { LENGTH_DIGITS = 3 }; /* of most bodies */

static struct opened response_open(const struct http *http, struct pile *head,
                                   const struct response *response)
{
    struct opened opened;
    head_text(head, status_line(response->status));
    if (response->date.bytes > 0) {
        head_text(head, "Date: ");
        json_write_raw(&(struct json_writer){.pile = head}, response->date.at,
                       response->date.bytes);
        head_text(head, "\r\n");
    }
    head_line(head, "Content-Type: ", response->type);
    if (response->seq != 0)
        head_number(head, "X-Commit-Seq: ", response->seq);
    if (response->version != 0)
        head_tag(head, response->version);
    if (http->unsynced)
        head_line(head, "X-Durability: ", "none; a power cut loses this");
    if (response->replayed)
        head_text(head, "Idempotent-Replayed: true\r\n");
    if (response->retry_after)
        head_text(head, "Retry-After: 1\r\n");
    if (response->wants_token)
        head_text(head, "WWW-Authenticate: Bearer\r\n");
    if (response->allowed != 0)
        head_allowed(head, response->allowed);
    if (!http->keep_alive)
        head_text(head, "Connection: close\r\n");
    else if (http->version_minor == 0)
        head_text(head, "Connection: keep-alive\r\n");
    if (!response->in_pieces)
        head_text(head, "Content-Length: 000\r\n\r\n");
    else if (http->version_minor > 0)
        head_text(head, "Transfer-Encoding: chunked\r\n\r\n");
    else
        head_text(head, "\r\n");
    opened.body_at = head->used_bytes;
    opened.length_at = head->used_bytes - 4 - LENGTH_DIGITS;
    return opened;
}

/* Fills in the length; the body moves only if that takes another number of digits. */
static void response_close(const struct http *http, struct pile *output, struct opened opened)
{
    uint32_t body_bytes = output->used_bytes - opened.body_at;
    char digits[20];
    uint32_t count = json_decimal(body_bytes, digits);
    if (http->head_only) {
        output->used_bytes = opened.body_at;
        body_bytes = 0;
    }
    uint8_t *length = output->at + opened.length_at;
    if (count != LENGTH_DIGITS)
        memmove(length + count, length + LENGTH_DIGITS, 4 + body_bytes);
    memcpy(length, digits, count);
    output->used_bytes += count - LENGTH_DIGITS;
}

static struct response response_of(enum code code)
{
    return (struct response){
        .status = code_facts(code)->status,
        .type = code_facts(code)->status < 400 ? "application/json" : "application/problem+json",
        .wants_token = code == CODE_UNAUTHORIZED,
        .retry_after = code_facts(code)->status == 503 || code_facts(code)->status == 429,
    };
}

/* The request is answered; the next one may come. */
static bool end_request(struct http *http)
{
    bool keep_alive = http->keep_alive;
    uint64_t seen = http->seen;
    begin_request(http);
    http->seen = seen;
    return keep_alive;
}

static void settle(struct http *http, const struct http_server *server, struct response *response)
{
    response->date = server->date;
    if (server->draining || http->unframed)
        http->keep_alive = false;
}

static enum http_step respond_fault(struct http *http, const struct http_server *server,
                                    const struct schema_fault *fault, struct pile *output)
{
    struct response response = response_of(fault->code);
    settle(http, server, &response);
    struct opened opened = response_open(http, output, &response);
    problem_write_fault(&(struct json_writer){.pile = output}, fault);
    response_close(http, output, opened);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

static enum http_step respond_refusal(struct http *http, const struct http_server *server,
                                      struct pile *output)
{
    struct response response = response_of(http->fault);
    struct json_writer writer = {.pile = output};
    const char *reason = http->fault_reason == NULL ? "" : http->fault_reason;
    settle(http, server, &response);
    if (http->fault == CODE_METHOD)
        response.allowed = http->allowed;
    struct opened opened = response_open(http, output, &response);
    problem_open(&writer, http->fault, text_of(reason));
    json_write_close(&writer, '}');
    response_close(http, output, opened);
    bool lingers = http->unframed;
    return end_request(http) ? HTTP_ANSWERED : lingers ? HTTP_LINGER : HTTP_CLOSE;
}

static enum http_step respond_health(struct http *http, const struct http_server *server,
                                     struct pile *output)
{
    bool is_ready = server->ready && !server->draining;
    struct response response = {.status = 200, .type = "application/json"};
    struct json_writer writer = {.pile = output};
    const char *status = "ok";
    settle(http, server, &response);
    if (http->route->page == HTTP_PAGE_READY && !is_ready) {
        response.status = server->draining ? server->drain_status : 503;
        status = server->draining ? "draining" : "starting";
    }
    struct opened opened = response_open(http, output, &response);
    json_write_open(&writer, '{');
    json_member_text(&writer, "status", text_of(status));
    json_write_close(&writer, '}');
    response_close(http, output, opened);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

static enum http_step respond_openapi(struct http *http, const struct http_server *server,
                                      struct pile *output)
{
    struct response response = {.status = 200, .type = "application/json"};
    settle(http, server, &response);
    struct opened opened = response_open(http, output, &response);
    openapi_write(&(struct json_writer){.pile = output});
    response_close(http, output, opened);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

/* ---- batches: one answer in pieces -------------------------------------------------------------- */

/* A chunk, whose length is filled in at its end. HTTP/1.0 has no chunks, but the connection's end. */
struct piece {
    struct json_writer writer;
    uint32_t begin;
};

enum { PIECE_HEAD_BYTES = 10 };

static struct piece piece_open(const struct http *http, struct pile *output)
{
    struct piece piece = {.writer = {.pile = output}, .begin = output->used_bytes};
    if (http->version_minor > 0)
        json_write_raw(&piece.writer, "00000000\r\n", PIECE_HEAD_BYTES);
    return piece;
}

static void piece_close(const struct http *http, struct piece *piece)
{
    static const char hex[] = "0123456789abcdef";
    struct pile *output = piece->writer.pile;
    uint32_t bytes = output->used_bytes - piece->begin - PIECE_HEAD_BYTES;
    if (http->version_minor == 0)
        return;
    for (uint32_t i = 8; i-- > 0; bytes >>= 4)
        output->at[piece->begin + i] = (uint8_t)hex[bytes & 15];
    json_write_raw(&piece->writer, "\r\n", 2);
}

static void batch_open(struct http *http, const struct http_server *server, const char *list,
                       struct pile *output)
{
    struct response response = {.status = 200, .type = "application/json", .in_pieces = true};
    settle(http, server, &response);
    http->keep_alive = http->keep_alive && http->version_minor > 0;
    (void)response_open(http, output, &response);
    struct piece piece = piece_open(http, output);
    json_write_open(&piece.writer, '{');
    json_write_key(&piece.writer, list);
    json_write_open(&piece.writer, '[');
    piece_close(http, &piece);
    http->batch_item = 1;
    http->stage = HTTP_STAGE_BATCH;
}

/* Behind the list: where the next page begins, if there is one. */
static void batch_close(const struct http *http, struct text next_cursor, struct pile *output)
{
    struct piece piece = piece_open(http, output);
    json_write_close(&piece.writer, ']');
    if (next_cursor.bytes > 0)
        json_member_text(&piece.writer, "next_cursor", next_cursor);
    json_write_close(&piece.writer, '}');
    piece_close(http, &piece);
    if (http->version_minor > 0)
        json_write_raw(&piece.writer, "0\r\n\r\n", 5);
}

/* What comes next is the item's resource, or its problem. */
static struct piece item_open(const struct http *http, struct pile *output, uint16_t status)
{
    struct piece piece = piece_open(http, output);
    piece.writer.comma = http->batch_item > 1;
    json_write_open(&piece.writer, '{');
    json_member_unsigned(&piece.writer, "status", status);
    json_write_key(&piece.writer, status < 400 ? http->route->each_name : "problem");
    return piece;
}

static void item_close(struct http *http, struct piece *piece)
{
    json_write_close(&piece->writer, '}');
    piece_close(http, piece);
    http->batch_item++;
}

static void answer_item(struct http *http, const struct http_server *server,
                        const struct result *result, struct pile *output)
{
    uint16_t status = code_facts(result->code)->status;
    if (status < 400)
        status = http->route->each->status;
    struct piece piece = item_open(http, output, status);
    answer_write(&piece.writer, server, http->route->each, result);
    json_member_unsigned(&piece.writer, "commit_seq", result->seq);
    if (result->code == CODE_REPLAYED) {
        json_write_key(&piece.writer, "replayed");
        json_write_bool(&piece.writer, true);
    }
    item_close(http, &piece);
    http->stage = HTTP_STAGE_BATCH;
}

static void answer_walk(struct http *http, const struct http_server *server,
                        const struct result *result, struct pile *output)
{
    uint32_t count;
    const void *item = walk_take(http->walk, result, &count);
    struct piece piece = piece_open(http, output);
    piece.writer.comma = http->batch_item > 1;
    for (uint32_t i = 0; i < count; i++)
        item = answer_write_listed(&piece.writer, server, http->route, item);
    if (count > 0)
        piece_close(http, &piece);
    else
        output->used_bytes = piece.begin; /* an empty chunk would be the last */
    http->batch_item += count;
    http->stage = HTTP_STAGE_BATCH;
}

bool http_answer(struct http *http, const struct http_server *server, const struct result *result,
                 struct pile *output)
{
    CHECK(http->stage == HTTP_STAGE_OPEN);
    if (http->route->each != NULL) {
        answer_item(http, server, result, output);
        return true;
    }
    if (http->route->walks) {
        answer_walk(http, server, result, output);
        return true;
    }
    struct response response = response_of(result->code);
    settle(http, server, &response);
    response.seq = result->seq;
    if (response.status < 400) {
        response.status = http->route->status;
        response.replayed = result->code == CODE_REPLAYED;
        response.version = answer_version(result);
    }
    struct opened opened = response_open(http, output, &response);
    answer_write(&(struct json_writer){.pile = output}, server, http->route, result);
    response_close(http, output, opened);
    return end_request(http);
}

bool http_page(struct http *http, const struct http_server *server, struct text body,
               struct pile *output)
{
    CHECK(http->stage == HTTP_STAGE_OPEN);
    struct response response = {.status = 200, .type = "text/plain; version=0.0.4; charset=utf-8"};
    settle(http, server, &response);
    struct opened opened = response_open(http, output, &response);
    json_write_raw(&(struct json_writer){.pile = output}, body.at, body.bytes);
    response_close(http, output, opened);
    return end_request(http);
}

void http_expire(struct http *http, const struct http_server *server, struct pile *output)
{
    if (http->stage != HTTP_STAGE_HEAD && http->stage != HTTP_STAGE_BODY)
        return;
    http->fault = CODE_OK;
    refuse(http, CODE_TIMEOUT, NULL);
    http->unframed = true;
    respond_refusal(http, server, output);
}

/* ---- requests ---------------------------------------------------------------------------------- */

static void make_random(struct http *http, uint64_t now_ns, uint64_t out[2])
{
    const uint64_t from[3] = {http->id_seed, http->id_count++, now_ns};
    XXH128_hash_t hash = XXH3_128bits(from, sizeof from);
    out[0] = hash.high64;
    out[1] = hash.low64;
}

static void prepare(const struct reading *reading, struct route_request *request,
                    struct pile *command, uint64_t now_ns)
{
    struct http *http = reading->http;
    request->server = reading->server;
    request->route = http->route;
    route_params(http->route, target_of(http, reading->bytes).path, request->params);
    request->key = header_text(http, reading->bytes, HTTP_IDEMPOTENCY_KEY);
    request->if_version = UINT64_MAX;
    if (has_header(http, HTTP_IF_MATCH))
        (void)read_match(header_text(http, reading->bytes, HTTP_IF_MATCH), &request->if_version);
    request->caller = (struct text){http->caller, http->caller_bytes};
    request->now_ns = now_ns;
    make_random(http, now_ns, request->id_random);
    request->item = http->batch_item;
    request->min_seq = 0;
    request->seen = 0;
    request->command = command;
    request->adjustment_count = 0;
    request->warehouse_count = 0;
    request->scan_count = 0;
}

/* ---- what a provider has signed ----------------------------------------------------------------- */

enum { SIGNED_WINDOW_S = 300 };

static bool read_hex(struct text hex, uint8_t out[CALLER_DIGEST_BYTES])
{
    if (hex.bytes != 2 * CALLER_DIGEST_BYTES)
        return false;
    for (uint32_t i = 0; i < hex.bytes; i++) {
        uint8_t c = (uint8_t)(hex.at[i] | 0x20);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        uint8_t digit = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
        out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
    }
    return true;
}

/* "t=SECONDS,v1=HEX" */
static bool read_signature(struct text header, struct text *time, uint8_t out[CALLER_DIGEST_BYTES])
{
    const char *comma = header.bytes > 2 ? memchr(header.at, ',', header.bytes) : NULL;
    if (comma == NULL || memcmp(header.at, "t=", 2) != 0)
        return false;
    *time = (struct text){header.at + 2, (uint32_t)(comma - header.at) - 2};
    struct text rest = {comma + 1, header.bytes - time->bytes - 3};
    return is_length(*time) && rest.bytes > 3 && memcmp(rest.at, "v1=", 3) == 0 &&
           read_hex((struct text){rest.at + 3, rest.bytes - 3}, out);
}

static bool is_near(struct text time, uint64_t now_ns)
{
    uint64_t seconds = 0, now = now_ns / 1000000000;
    for (uint32_t i = 0; i < time.bytes; i++)
        seconds = seconds * 10 + (uint64_t)(time.at[i] - '0');
    return seconds > now ? seconds - now <= SIGNED_WINDOW_S : now - seconds <= SIGNED_WINDOW_S;
}

/* False: refused. The provider is then who has called. Expects the body as it came. */
static bool is_signed(const struct reading *reading, struct text provider, uint64_t now_ns)
{
    struct http *http = reading->http;
    const struct callers *callers = reading->server->callers;
    struct text header = header_text(http, reading->bytes, HTTP_SIGNATURE), time;
    struct text body = text_at(reading->bytes, http->body);
    uint8_t signature[CALLER_DIGEST_BYTES];
    if (!read_signature(header, &time, signature))
        refuse(http, CODE_UNAUTHORIZED, "X-Signature is no t=SECONDS,v1=HEX");
    else if (!is_near(time, now_ns))
        refuse(http, CODE_UNAUTHORIZED, "X-Signature has a time that is more than 300 s off");
    else if (callers == NULL || !callers_signed(callers, provider, time, body, signature))
        refuse(http, CODE_UNAUTHORIZED, "X-Signature is none of that provider");
    if (http->fault != CODE_OK)
        return false;
    http->caller_bytes = (uint8_t)provider.bytes;
    memcpy(http->caller, provider.at, provider.bytes);
    return true;
}

/* The body is left where it is while the request is read into a command. */
static enum http_step read_command(struct reading *reading, struct pile *command,
                                   struct pile *output, uint64_t now_ns)
{
    struct http *http = reading->http;
    struct route_request request;
    prepare(reading, &request, command, now_ns);
    if (http->route->is_signed && !is_signed(reading, request.params[0], now_ns))
        return respond_refusal(http, reading->server, output);
    bool is_read = route_read(&request, target_of(http, reading->bytes).query,
                              reading->bytes + http->body.at, http->body.bytes);
    http->seen = request.seen;
    if (!is_read)
        return respond_fault(http, reading->server, &request.reader.fault, output);
    http->stage = HTTP_STAGE_OPEN;
    return HTTP_COMMAND;
}

static enum http_step begin_batch(const struct reading *reading, struct pile *command,
                                  struct pile *output, uint64_t now_ns)
{
    struct http *http = reading->http;
    struct route_request request;
    prepare(reading, &request, command, now_ns);
    if (!route_begin_items(&request, target_of(http, reading->bytes).query,
                           reading->bytes + http->body.at, http->body.bytes, &http->batch_at))
        return respond_fault(http, reading->server, &request.reader.fault, output);
    batch_open(http, reading->server, "results", output);
    return HTTP_ANSWERED;
}

static enum http_step begin_walk(const struct reading *reading, struct pile *command,
                                 struct pile *output, uint64_t now_ns)
{
    struct http *http = reading->http;
    const struct http_server *server = reading->server;
    struct route_request request;
    prepare(reading, &request, command, now_ns);
    bool is_read = route_read(&request, target_of(http, reading->bytes).query,
                              reading->bytes + http->body.at, http->body.bytes);
    http->seen = request.seen;
    if (is_read && !walk_begin(http->walk, route_command(&request), request.limit, request.cursor,
                               server->slot_shard, server->shard_count))
        is_read = schema_refuse(&request.reader, CODE_INVALID, "cursor", "cursor");
    command->used_bytes = request.command_at;
    if (!is_read)
        return respond_fault(http, server, &request.reader.fault, output);
    batch_open(http, server, "items", output);
    return HTTP_ANSWERED;
}

static enum http_step go_on_walking(const struct reading *reading, uint32_t *consumed,
                                    struct pile *command, struct pile *output)
{
    struct http *http = reading->http;
    char cursor[WALK_CURSOR_BYTES_MAX];
    if (walk_next(http->walk, reading->server->slot_shard, command)) {
        http->stage = HTTP_STAGE_OPEN;
        return HTTP_COMMAND;
    }
    *consumed = http->read_bytes;
    batch_close(http, walk_cursor(http->walk, cursor), output);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

static enum http_step read_item(const struct reading *reading, uint32_t *consumed,
                                struct pile *command, struct pile *output, uint64_t now_ns)
{
    struct http *http = reading->http;
    struct route_request request;
    prepare(reading, &request, command, now_ns);
    request.route = http->route->each;
    enum schema_item item = route_read_item(&request, reading->bytes + http->body.at,
                                            http->body.bytes, &http->batch_at);
    if (request.seen > http->seen)
        http->seen = request.seen;
    if (item == SCHEMA_ITEM_NONE) {
        *consumed = http->read_bytes;
        batch_close(http, (struct text){NULL, 0}, output);
        return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
    }
    if (item == SCHEMA_ITEM_READ) {
        http->stage = HTTP_STAGE_OPEN;
        return HTTP_COMMAND;
    }
    const struct schema_fault *fault = &request.reader.fault;
    struct piece piece = item_open(http, output, code_facts(fault->code)->status);
    problem_write_fault(&piece.writer, fault);
    item_close(http, &piece);
    return HTTP_ANSWERED;
}

/* Whether the request wants to see what is not durable yet. */
static bool is_behind(const struct reading *reading)
{
    struct http *http = reading->http;
    if (!http->route->takes_min_seq)
        return false;
    http->wait_seq = route_min_seq(target_of(http, reading->bytes).query);
    return http->wait_seq > reading->server->watermark;
}

static enum http_step read_request(struct reading *reading, struct pile *command,
                                   struct pile *output, uint64_t now_ns)
{
    struct http *http = reading->http;
    if (http->fault != CODE_OK)
        return respond_refusal(http, reading->server, output);
    switch ((enum http_page)http->route->page) {
    case HTTP_PAGE_NONE:
        if (is_behind(reading) && !http->waited)
            return HTTP_WAIT;
        if (is_behind(reading)) {
            refuse(http, CODE_BEHIND, NULL);
            return respond_refusal(http, reading->server, output);
        }
        if (http->route->walks)
            return begin_walk(reading, command, output, now_ns);
        return http->route->each == NULL ? read_command(reading, command, output, now_ns)
                                         : begin_batch(reading, command, output, now_ns);
    case HTTP_PAGE_LIVE:
    case HTTP_PAGE_READY:
        return respond_health(http, reading->server, output);
    case HTTP_PAGE_OPENAPI:
        return respond_openapi(http, reading->server, output);
    case HTTP_PAGE_METRICS:
    case HTTP_PAGE_SNAPSHOT:
        break;
    }
    http->page = http->route->page;
    http->stage = HTTP_STAGE_OPEN;
    return HTTP_PAGE;
}

/* The head is whole, the body is not: whoever asks for leave to send it gets an answer now. */
static enum http_step respond_expectation(struct http *http, const struct http_server *server,
                                          const char *bytes, struct pile *output)
{
    struct text expect = header_text(http, bytes, HTTP_EXPECT);
    if (http->continued || http->version_minor == 0 || !text_is(expect, "100-continue"))
        return HTTP_MORE;
    if (http->fault != CODE_OK) {
        http->unframed = true; /* the body may come all the same, or not */
        return respond_refusal(http, server, output);
    }
    http->continued = true;
    head_text(output, "HTTP/1.1 100 Continue\r\n\r\n");
    return HTTP_MORE;
}

enum http_step http_feed(struct http *http, const struct http_server *server, void *bytes,
                         uint32_t count, uint32_t *consumed, struct pile *command,
                         struct pile *output, uint64_t now_ns)
{
    struct reading reading = {http, server, bytes};
    CHECK(http->stage != HTTP_STAGE_OPEN);
    *consumed = 0;
    if (http->stage == HTTP_STAGE_BATCH && http->route->walks)
        return go_on_walking(&reading, consumed, command, output);
    if (http->stage == HTTP_STAGE_BATCH)
        return read_item(&reading, consumed, command, output, now_ns);
    if (http->stage == HTTP_STAGE_IDLE) {
        if (count == 0)
            return HTTP_MORE;
        http->seen = 0;
        http->unsynced = server->unsynced;
        http->stage = HTTP_STAGE_HEAD;
    }
    if (http->stage == HTTP_STAGE_HEAD && read_head(&reading, count)) {
        http->stage = HTTP_STAGE_BODY;
        judge_head(http, server, bytes);
    }
    bool is_whole = http->stage == HTTP_STAGE_BODY && !http->unframed && read_body(&reading, count);
    if (http->unframed) {
        *consumed = count;
        return respond_refusal(http, server, output);
    }
    if (!is_whole)
        return http->stage == HTTP_STAGE_BODY ? respond_expectation(http, server, bytes, output)
                                              : HTTP_MORE;
    uint32_t whole_bytes = http->read_bytes;
    enum http_step step = read_request(&reading, command, output, now_ns);
    if (http->stage != HTTP_STAGE_BATCH && step != HTTP_WAIT) /* which go on with what is here */
        *consumed = whole_bytes;
    return step;
}
