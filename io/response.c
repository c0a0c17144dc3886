#include "io/response.h"

#include "io/problem.h"
#include "io/routes.h"

#include <string.h>

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

enum { LENGTH_DIGITS = 3 }; /* of most bodies */

struct response_place response_open(const struct http *http, struct pile *head,
                                    const struct response *response)
{
    struct response_place place;
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
    place.body_at = head->used_bytes;
    place.length_at = head->used_bytes - 4 - LENGTH_DIGITS;
    return place;
}

/* Fills in the length; the body moves only if that takes another number of digits. */
void response_close(const struct http *http, struct pile *output, struct response_place place)
{
    uint32_t body_bytes = output->used_bytes - place.body_at;
    char digits[20];
    uint32_t count = json_decimal(body_bytes, digits);
    if (http->head_only) {
        output->used_bytes = place.body_at;
        body_bytes = 0;
    }
    uint8_t *length = output->at + place.length_at;
    if (count != LENGTH_DIGITS)
        memmove(length + count, length + LENGTH_DIGITS, 4 + body_bytes);
    memcpy(length, digits, count);
    output->used_bytes += count - LENGTH_DIGITS;
}

struct response response_of(enum code code)
{
    return (struct response){
        .status = code_facts(code)->status,
        .type = code_facts(code)->status < 400 ? "application/json" : "application/problem+json",
        .wants_token = code == CODE_UNAUTHORIZED,
        .retry_after = code_facts(code)->status == 503 || code_facts(code)->status == 429,
    };
}

void response_settle(struct http *http, const struct http_server *server, struct response *response)
{
    response->date = server->date;
    if (server->draining || http->unframed)
        http->keep_alive = false;
}

/* ---- one answer in pieces ------------------------------------------------------------------------ */

enum { PIECE_HEAD_BYTES = 10 };

struct piece piece_open(const struct http *http, struct pile *output)
{
    struct piece piece = {.writer = {.pile = output}, .begin = output->used_bytes};
    if (http->version_minor > 0)
        json_write_raw(&piece.writer, "00000000\r\n", PIECE_HEAD_BYTES);
    return piece;
}

void piece_close(const struct http *http, struct piece *piece)
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
