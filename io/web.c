#include "io/web.h"

#include <string.h>

#include "io/peer.h"

_Static_assert((int)HTTP_OUTPUT_BYTES_MAX <= (int)OUTPUT_ROOM_BYTES, "a response fits");

static struct pile output_of(struct connections *connections, struct connection *c)
{
    return (struct pile){.at = connection_room(connections, c),
                         .capacity_bytes = HTTP_OUTPUT_BYTES_MAX};
}

static void wrote(struct connections *connections, struct connection *c, const struct pile *output)
{
    if (output->used_bytes > 0)
        connection_wrote(connections, c, output->used_bytes);
}

/* How long a reader waits for what it wants to see. */
static const uint64_t WAIT_NS = UINT64_C(1000) * 1000 * 1000;

/* How long the rest of a refused request may take to arrive. */
static const uint64_t LINGER_NS = UINT64_C(2000) * 1000 * 1000;

enum { PAGE_BYTES_MAX = HTTP_OUTPUT_BYTES_MAX - 4096 };

static void answer_page(struct connections *connections, struct env *env, struct connection *c,
                        const struct http_server *server, struct web_pages *pages,
                        struct pile *scratch)
{
    char *body = (char *)scratch->at + scratch->used_bytes;
    uint32_t room = scratch->capacity_bytes - scratch->used_bytes;
    uint32_t bytes = pages->write(pages, (enum http_page)c->http->page, body,
                                  room < PAGE_BYTES_MAX ? room : PAGE_BYTES_MAX);
    struct pile output = output_of(connections, c);
    bool stays = http_page(c->http, server, (struct text){body, bytes}, &output);
    wrote(connections, c, &output);
    if (!stays)
        connection_end(connections, env, c);
}

static void add_client(struct connection *c, const struct http_server *server,
                       struct text forwarded)
{
    struct address client = c->client;
    bool told = c->client_trusted &&
                networks_client(server->trusted, server->forwarded, forwarded, &client);
    if (told || c->client_known)
        peer_sign(c, &client);
}

const struct command *web_next(struct connections *connections, struct env *env,
                               struct connection *c, const struct http_server *server,
                               struct web_pages *pages, struct pile *commands, uint64_t now_ns,
                               uint64_t clock_ns)
{
    c->http->waited = !c->waiting && c->wait_until_ns != 0;
    while (c->phase == CONNECTION_OPEN && c->http->stage != HTTP_STAGE_OPEN &&
           connection_may_ask(connections, c) && c->input_bytes > c->input_read) {
        struct pile output = output_of(connections, c);
        struct pile command = {.at = commands->at + commands->used_bytes,
                               .capacity_bytes = commands->capacity_bytes - commands->used_bytes};
        uint32_t consumed = 0;
        uint8_t *begin = c->input + c->input_read;
        enum http_step step = http_feed(c->http, server, begin, c->input_bytes - c->input_read,
                                        &consumed, &command, &output, now_ns);
        c->input_read += consumed;
        wrote(connections, c, &output);
        if (step != HTTP_WAIT)
            c->wait_until_ns = 0;
        switch (step) {
        case HTTP_MORE:
            return NULL;
        case HTTP_WAIT:
            connection_wait(connections, c, c->http->wait_seq, clock_ns + WAIT_NS);
            return NULL;
        case HTTP_COMMAND:
            c->caller_bytes = c->http->caller_bytes;
            memcpy(c->caller, c->http->caller, c->http->caller_bytes);
            if (server->trusted != NULL)
                add_client(c, server, http_forwarded(c->http, server, begin));
            commands->used_bytes += command.used_bytes;
            return (const void *)command.at;
        case HTTP_PAGE:
            answer_page(connections, env, c, server, pages, commands);
            break;
        case HTTP_ANSWERED:
            break;
        case HTTP_LINGER:
            connection_linger(connections, env, c, clock_ns + LINGER_NS);
            break;
        case HTTP_CLOSE:
            connection_end(connections, env, c);
            break;
        }
    }
    return NULL;
}

void web_expire(struct connections *connections, struct env *env, struct connection *c,
                const struct http_server *server)
{
    struct pile output = output_of(connections, c);
    http_expire(c->http, server, &output);
    wrote(connections, c, &output);
    connection_end(connections, env, c);
}

void web_answer(struct connections *connections, struct env *env, struct connection *c,
                const struct http_server *server, const struct result *result)
{
    struct pile output = output_of(connections, c);
    bool stays = http_answer(c->http, server, result, &output);
    wrote(connections, c, &output);
    if (!stays)
        connection_end(connections, env, c);
}
