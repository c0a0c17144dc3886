#include "io/http.h"

#include "io/answers.h"
#include "io/callers.h"
#include "io/framing.h"
#include "io/head.h"
#include "io/openapi.h"
#include "io/problem.h"
#include "io/response.h"
#include "io/routes.h"
#include "io/signature.h"
#include "io/walk.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void http_init(struct http *http, uint64_t random, struct walk *walk)
{
    http->walk = walk;
    http->id_seed = random;
    http->id_count = 0;
    framing_begin(http);
}

struct text http_forwarded(const struct http *http, const struct http_server *server,
                           const void *bytes)
{
    return framing_header(http, bytes,
                          server->forwarded == FORWARDED_RFC7239 ? HTTP_FORWARDED
                                                                 : HTTP_X_FORWARDED_FOR);
}

/* ---- answers ----------------------------------------------------------------------------------- */

/* The request is answered; the next one may come. */
static bool end_request(struct http *http)
{
    bool keep_alive = http->keep_alive;
    uint64_t seen = http->seen;
    framing_begin(http);
    http->seen = seen;
    return keep_alive;
}

static enum http_step respond_fault(struct http *http, const struct http_server *server,
                                    const struct schema_fault *fault, struct pile *output)
{
    struct response response = response_of(fault->code);
    response_settle(http, server, &response);
    struct response_place place = response_open(http, output, &response);
    problem_write_fault(&(struct json_writer){.pile = output}, fault);
    response_close(http, output, place);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

static enum http_step respond_refusal(struct http *http, const struct http_server *server,
                                      struct pile *output)
{
    struct response response = response_of(http->fault);
    struct json_writer writer = {.pile = output};
    const char *reason = http->fault_reason == NULL ? "" : http->fault_reason;
    response_settle(http, server, &response);
    if (http->fault == CODE_METHOD)
        response.allowed = http->allowed;
    struct response_place place = response_open(http, output, &response);
    problem_open(&writer, http->fault, text_of(reason));
    json_write_close(&writer, '}');
    response_close(http, output, place);
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
    response_settle(http, server, &response);
    if (http->route->page == HTTP_PAGE_READY && !is_ready) {
        response.status = server->draining ? server->drain_status : 503;
        status = server->draining ? "draining" : "starting";
    }
    struct response_place place = response_open(http, output, &response);
    json_write_open(&writer, '{');
    json_member_text(&writer, "status", text_of(status));
    json_write_close(&writer, '}');
    response_close(http, output, place);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

static enum http_step respond_openapi(struct http *http, const struct http_server *server,
                                      struct pile *output)
{
    struct response response = {.status = 200, .type = "application/json"};
    response_settle(http, server, &response);
    struct response_place place = response_open(http, output, &response);
    openapi_write(&(struct json_writer){.pile = output});
    response_close(http, output, place);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

/* ---- batches: one answer in pieces -------------------------------------------------------------- */

static void batch_open(struct http *http, const struct http_server *server, const char *list,
                       struct pile *output)
{
    struct response response = {.status = 200, .type = "application/json", .in_pieces = true};
    response_settle(http, server, &response);
    http->keep_alive = http->keep_alive && http->version_minor > 0;
    (void)response_open(http, output, &response);
    struct piece piece = piece_open(http, output);
    json_write_open(&piece.writer, '{');
    json_member_open(&piece.writer, list, '[');
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
    if (result->code == CODE_REPLAYED)
        json_member_bool(&piece.writer, "replayed", true);
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
    response_settle(http, server, &response);
    response.seq = result->seq;
    if (response.status < 400) {
        response.status = http->route->status;
        response.replayed = result->code == CODE_REPLAYED;
        response.version = answer_version(result);
    }
    struct response_place place = response_open(http, output, &response);
    answer_write(&(struct json_writer){.pile = output}, server, http->route, result);
    response_close(http, output, place);
    return end_request(http);
}

bool http_page(struct http *http, const struct http_server *server, struct text body,
               struct pile *output)
{
    CHECK(http->stage == HTTP_STAGE_OPEN);
    struct response response = {.status = 200, .type = "text/plain; version=0.0.4; charset=utf-8"};
    response_settle(http, server, &response);
    struct response_place place = response_open(http, output, &response);
    json_write_raw(&(struct json_writer){.pile = output}, body.at, body.bytes);
    response_close(http, output, place);
    return end_request(http);
}

void http_expire(struct http *http, const struct http_server *server, struct pile *output)
{
    if (http->stage != HTTP_STAGE_HEAD && http->stage != HTTP_STAGE_BODY)
        return;
    http->fault = CODE_OK;
    framing_refuse(http, CODE_TIMEOUT, NULL);
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

static void prepare(const struct framing *framing, struct route_request *request,
                    struct pile *command, uint64_t now_ns)
{
    struct http *http = framing->http;
    request->server = framing->server;
    request->route = http->route;
    route_params(http->route, head_target(http, framing->bytes).path, request->params);
    request->key = framing_header(http, framing->bytes, HTTP_IDEMPOTENCY_KEY);
    request->if_version = head_if_version(http, framing->bytes);
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

/* False: refused. The provider is then who has called. Expects the body as it came. */
static bool is_signed(const struct framing *framing, struct text provider, uint64_t now_ns)
{
    struct http *http = framing->http;
    const char *reason = signature_check(framing_header(http, framing->bytes, HTTP_SIGNATURE),
                                         framing->server->callers, provider,
                                         framing_text(framing->bytes, http->body), now_ns);
    if (reason != NULL) {
        framing_refuse(http, CODE_UNAUTHORIZED, reason);
        return false;
    }
    http->caller_bytes = (uint8_t)provider.bytes;
    memcpy(http->caller, provider.at, provider.bytes);
    return true;
}

/* The body is left where it is while the request is read into a command. */
static enum http_step read_command(struct framing *framing, struct pile *command,
                                   struct pile *output, uint64_t now_ns)
{
    struct http *http = framing->http;
    struct route_request request;
    prepare(framing, &request, command, now_ns);
    if (http->route->is_signed && !is_signed(framing, request.params[0], now_ns))
        return respond_refusal(http, framing->server, output);
    bool is_read = route_read(&request, head_target(http, framing->bytes).query,
                              framing->bytes + http->body.at, http->body.bytes);
    http->seen = request.seen;
    if (!is_read)
        return respond_fault(http, framing->server, &request.reader.fault, output);
    http->stage = HTTP_STAGE_OPEN;
    return HTTP_COMMAND;
}

static enum http_step begin_batch(const struct framing *framing, struct pile *command,
                                  struct pile *output, uint64_t now_ns)
{
    struct http *http = framing->http;
    struct route_request request;
    prepare(framing, &request, command, now_ns);
    if (!route_begin_items(&request, head_target(http, framing->bytes).query,
                           framing->bytes + http->body.at, http->body.bytes, &http->batch_at))
        return respond_fault(http, framing->server, &request.reader.fault, output);
    batch_open(http, framing->server, "results", output);
    return HTTP_ANSWERED;
}

static enum http_step begin_walk(const struct framing *framing, struct pile *command,
                                 struct pile *output, uint64_t now_ns)
{
    struct http *http = framing->http;
    const struct http_server *server = framing->server;
    struct route_request request;
    prepare(framing, &request, command, now_ns);
    bool is_read = route_read(&request, head_target(http, framing->bytes).query,
                              framing->bytes + http->body.at, http->body.bytes);
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

static enum http_step go_on_walking(const struct framing *framing, uint32_t *consumed,
                                    struct pile *command, struct pile *output)
{
    struct http *http = framing->http;
    char cursor[WALK_CURSOR_BYTES_MAX];
    if (walk_next(http->walk, framing->server->slot_shard, command)) {
        http->stage = HTTP_STAGE_OPEN;
        return HTTP_COMMAND;
    }
    *consumed = http->read_bytes;
    batch_close(http, walk_cursor(http->walk, cursor), output);
    return end_request(http) ? HTTP_ANSWERED : HTTP_CLOSE;
}

static enum http_step read_item(const struct framing *framing, uint32_t *consumed,
                                struct pile *command, struct pile *output, uint64_t now_ns)
{
    struct http *http = framing->http;
    struct route_request request;
    prepare(framing, &request, command, now_ns);
    request.route = http->route->each;
    enum schema_item item = route_read_item(&request, framing->bytes + http->body.at,
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
static bool is_behind(const struct framing *framing)
{
    struct http *http = framing->http;
    if (!http->route->takes_min_seq)
        return false;
    http->wait_seq = route_min_seq(head_target(http, framing->bytes).query);
    return http->wait_seq > framing->server->watermark;
}

static enum http_step read_request(struct framing *framing, struct pile *command,
                                   struct pile *output, uint64_t now_ns)
{
    struct http *http = framing->http;
    if (http->fault != CODE_OK)
        return respond_refusal(http, framing->server, output);
    switch ((enum http_page)http->route->page) {
    case HTTP_PAGE_NONE:
        if (is_behind(framing) && !http->waited)
            return HTTP_WAIT;
        if (is_behind(framing)) {
            framing_refuse(http, CODE_BEHIND, NULL);
            return respond_refusal(http, framing->server, output);
        }
        if (http->route->walks)
            return begin_walk(framing, command, output, now_ns);
        return http->route->each == NULL ? read_command(framing, command, output, now_ns)
                                         : begin_batch(framing, command, output, now_ns);
    case HTTP_PAGE_LIVE:
    case HTTP_PAGE_READY:
        return respond_health(http, framing->server, output);
    case HTTP_PAGE_OPENAPI:
        return respond_openapi(http, framing->server, output);
    case HTTP_PAGE_METRICS:
    case HTTP_PAGE_LATENCY:
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
    struct text expect = framing_header(http, bytes, HTTP_EXPECT);
    if (http->continued || http->version_minor == 0 || !framing_word_is(expect, "100-continue"))
        return HTTP_MORE;
    if (http->fault != CODE_OK) {
        http->unframed = true; /* the body may come all the same, or not */
        return respond_refusal(http, server, output);
    }
    http->continued = true;
    json_write_raw(&(struct json_writer){.pile = output}, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return HTTP_MORE;
}

enum http_step http_feed(struct http *http, const struct http_server *server, void *bytes,
                         uint32_t count, uint32_t *consumed, struct pile *command,
                         struct pile *output, uint64_t now_ns)
{
    struct framing framing = {http, server, bytes};
    CHECK(http->stage != HTTP_STAGE_OPEN);
    *consumed = 0;
    if (http->stage == HTTP_STAGE_BATCH && http->route->walks)
        return go_on_walking(&framing, consumed, command, output);
    if (http->stage == HTTP_STAGE_BATCH)
        return read_item(&framing, consumed, command, output, now_ns);
    if (http->stage == HTTP_STAGE_IDLE) {
        if (count == 0)
            return HTTP_MORE;
        http->seen = 0;
        http->unsynced = server->unsynced;
        http->stage = HTTP_STAGE_HEAD;
    }
    if (http->stage == HTTP_STAGE_HEAD && framing_head(&framing, count)) {
        http->stage = HTTP_STAGE_BODY;
        head_judge(http, server, bytes);
    }
    bool is_whole =
        http->stage == HTTP_STAGE_BODY && !http->unframed && framing_body(&framing, count);
    if (http->unframed) {
        *consumed = count;
        return respond_refusal(http, server, output);
    }
    if (!is_whole)
        return http->stage == HTTP_STAGE_BODY ? respond_expectation(http, server, bytes, output)
                                              : HTTP_MORE;
    uint32_t whole_bytes = http->read_bytes;
    enum http_step step = read_request(&framing, command, output, now_ns);
    if (http->stage != HTTP_STAGE_BATCH && step != HTTP_WAIT) /* which go on with what is here */
        *consumed = whole_bytes;
    return step;
}
