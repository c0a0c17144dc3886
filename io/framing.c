/* io/framing.c - two parsers must agree on every request's framing: llhttp, which is strict, and the
 * plain check of line ends here, which runs first and knows only CR LF. What they do not agree on,
 * or what another server might read differently, is refused and the connection closed. */
#include "io/framing.h"

#include "io/routes.h"
#include "io/scan.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

static llhttp_t *parser_of(struct http *http)
{
    return (llhttp_t *)http->parser;
}

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

void framing_begin(struct http *http)
{
    *http = (struct http){.walk = http->walk, .id_seed = http->id_seed, .id_count = http->id_count};
    _Static_assert(sizeof(llhttp_t) <= sizeof http->parser, "the parser's room");
    llhttp_init(parser_of(http), HTTP_REQUEST, &settings);
}

void framing_refuse(struct http *http, enum code code, const char *reason)
{
    if (http->fault != CODE_OK)
        return;
    http->fault = (uint8_t)code;
    http->fault_reason = reason;
}

static bool refuse_framing(struct http *http, const char *reason)
{
    framing_refuse(http, CODE_MALFORMED, reason);
    http->unframed = true;
    return false;
}

struct text framing_text(const char *bytes, struct http_span span)
{
    return (struct text){bytes + span.at, span.bytes};
}

bool framing_word_is(struct text text, const char *string)
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
        at += scan_until(bytes + at, bytes + count, scan_blanks);
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

static void grow(struct http_span *span, const struct framing *framing, const char *at,
                 size_t bytes)
{
    if (span->bytes == 0)
        span->at = (uint32_t)(at - framing->bytes);
    span->bytes += (uint32_t)bytes;
}

static int on_url(llhttp_t *parser, const char *at, size_t bytes)
{
    const struct framing *framing = parser->data;
    grow(&framing->http->target, framing, at, bytes);
    return 0;
}

static int on_header_name(llhttp_t *parser, const char *at, size_t bytes)
{
    const struct framing *framing = parser->data;
    grow(&framing->http->name, framing, at, bytes);
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
        [HTTP_FORWARDED] = NAME("forwarded"),
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
    const struct framing *framing = parser->data;
    struct http *http = framing->http;
    struct text name = framing_text(framing->bytes, http->name);
    http->name.bytes = 0;
    http->header = (uint8_t)(http->head_whole ? HTTP_HEADERS : header_of(name));
    if (http->header == HTTP_HEADERS)
        return 0;
    bool again = http->headers_seen >> http->header & 1;
    if (again && (http->header == HTTP_X_FORWARDED_FOR || http->header == HTTP_FORWARDED))
        http->value[http->header].bytes = 0;
    else if (again) {
        refuse_framing(http, "a header that may stand once stands twice");
        return HPE_USER;
    }
    http->headers_seen |= 1u << http->header;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t bytes)
{
    const struct framing *framing = parser->data;
    struct http *http = framing->http;
    if (http->header < HTTP_HEADERS)
        grow(&http->value[http->header], framing, at, bytes);
    return 0;
}

bool framing_number(struct text text, uint64_t *value)
{
    *value = 0;
    for (uint32_t i = 0; i < text.bytes; i++) {
        if (i == 18 || text.at[i] < '0' || text.at[i] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(text.at[i] - '0');
    }
    return text.bytes > 0;
}

static struct text trimmed(struct text text)
{
    while (text.bytes > 0 && (text.at[text.bytes - 1] == ' ' || text.at[text.bytes - 1] == '\t'))
        text.bytes--;
    return text;
}

struct text framing_header(const struct http *http, const char *bytes, enum http_header header)
{
    return trimmed(framing_text(bytes, http->value[header]));
}

bool framing_has(const struct http *http, enum http_header header)
{
    return http->headers_seen >> header & 1;
}

static int on_header_value_end(llhttp_t *parser)
{
    const struct framing *framing = parser->data;
    struct http *http = framing->http;
    uint64_t length;
    if (http->header == HTTP_CONTENT_LENGTH &&
        !framing_number(framing_header(http, framing->bytes, HTTP_CONTENT_LENGTH), &length))
        refuse_framing(http, "Content-Length is no number");
    if (http->header == HTTP_TRANSFER_ENCODING &&
        !framing_word_is(framing_header(http, framing->bytes, HTTP_TRANSFER_ENCODING), "chunked"))
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
    const struct framing *framing = parser->data;
    struct http *http = framing->http;
    http->head_whole = true;
    http->version_minor = parser->http_minor;
    http->method = (uint8_t)method_of(parser->method);
    http->head_only = parser->method == HTTP_HEAD;
    http->keep_alive = llhttp_should_keep_alive(parser);
    http->chunked = framing_has(http, HTTP_TRANSFER_ENCODING);
    if (parser->http_major != 1 || parser->http_minor > 1)
        refuse_framing(http, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (parser->method == HTTP_CONNECT)
        refuse_framing(http, "this is no proxy");
    if (http->chunked && framing_has(http, HTTP_CONTENT_LENGTH))
        refuse_framing(http, "both Content-Length and Transfer-Encoding");
    if (http->chunked && http->version_minor == 0)
        refuse_framing(http, "HTTP/1.0 has no Transfer-Encoding");
    if (http->version_minor == 1 && !framing_has(http, HTTP_HOST))
        refuse_framing(http, "Host is missing");
    parser->upgrade = 0; /* an upgrade is an offer; it is not taken */
    return http->unframed ? HPE_USER : 0;
}

/* The size of a chunk is known; a body larger than the limit need not be waited for. */
static int on_chunk(llhttp_t *parser)
{
    const struct framing *framing = parser->data;
    struct http *http = framing->http;
    if (parser->content_length <= framing->server->body_bytes_max)
        return 0;
    framing_refuse(http, CODE_TOO_LARGE, NULL);
    http->unframed = true;
    return HPE_USER;
}

static int on_body(llhttp_t *parser, const char *at, size_t bytes)
{
    struct framing *framing = parser->data;
    struct http *http = framing->http;
    if (!frame_until(http, framing->bytes, (uint32_t)(at - framing->bytes)))
        return HPE_USER;
    memmove(framing->bytes + http->body.at + http->body.bytes, at, bytes);
    http->body.bytes += (uint32_t)bytes;
    http->framed_bytes += (uint32_t)bytes;
    return 0;
}

static int on_end(llhttp_t *parser)
{
    struct framing *framing = parser->data;
    framing->http->whole = true;
    return HPE_PAUSED;
}

/* ---- head and body ----------------------------------------------------------------------------- */

/* The first byte that cannot be decides what is said about it. */
static bool refuse_parsed(struct framing *framing)
{
    const llhttp_t *parser = parser_of(framing->http);
    uint32_t at = (uint32_t)(llhttp_get_error_pos(parser) - framing->bytes);
    return frame_until(framing->http, framing->bytes, at) &&
           refuse_framing(framing->http, llhttp_get_error_reason(parser));
}

/* Lets the parser see the bytes up to `until`. */
static bool parse_until(struct framing *framing, uint32_t until)
{
    struct http *http = framing->http;
    llhttp_t *parser = parser_of(http);
    const char *from = framing->bytes + http->read_bytes;
    parser->data = framing;
    llhttp_errno_t error = llhttp_execute(parser, from, until - http->read_bytes);
    parser->data = NULL;
    http->read_bytes = until;
    if (error == HPE_PAUSED && http->whole)
        http->read_bytes = (uint32_t)(llhttp_get_error_pos(parser) - framing->bytes);
    else if (error != HPE_OK && !http->unframed)
        return refuse_parsed(framing);
    return !http->unframed;
}

bool framing_head(struct framing *framing, uint32_t count)
{
    struct http *http = framing->http;
    uint32_t head_bytes_max = framing->server->head_bytes_max;
    uint32_t until = count < head_bytes_max ? count : head_bytes_max;
    const char *reason;
    bool is_end = frame_head(http, framing->bytes, until, &reason);
    if (!parse_until(framing, http->framed_bytes))
        return false;
    if (reason != NULL)
        return refuse_framing(http, reason);
    if (is_end != http->head_whole)
        return refuse_framing(http, "the head ends ambiguously");
    if (!is_end && http->framed_bytes == head_bytes_max) {
        framing_refuse(http, CODE_HEAD_TOO_LARGE, NULL);
        http->unframed = true;
    }
    if (is_end)
        http->head_bytes = http->framed_bytes;
    return is_end;
}

static bool read_chunks(struct framing *framing, uint32_t count)
{
    struct http *http = framing->http;
    uint32_t limit = http->head_bytes + framing->server->body_bytes_max;
    if (!parse_until(framing, count < limit ? count : limit) ||
        !frame_until(http, framing->bytes, http->read_bytes))
        return false;
    if (http->whole)
        return http->last_byte == '\n' || refuse_framing(http, "the last chunk ends ambiguously");
    if (http->read_bytes == limit) {
        framing_refuse(http, CODE_TOO_LARGE, NULL);
        http->unframed = true;
    }
    return false;
}

bool framing_body(struct framing *framing, uint32_t count)
{
    struct http *http = framing->http;
    if (http->chunked)
        return read_chunks(framing, count);
    http->read_bytes = http->head_bytes + http->body.bytes;
    return count >= http->read_bytes;
}
