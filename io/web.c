#include "io/web.h"

#include <string.h>

#include "io/proxy.h"

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

/* ---- for whom it speaks ------------------------------------------------------------------------- */

/* "203.0.113.9:4242", "[2001:db8::9]:4242" */
static bool read_peer(struct text peer, struct address *address)
{
    const char *colon = memrchr(peer.at, ':', peer.bytes);
    if (colon == NULL)
        return false;
    struct text host = {peer.at, (uint32_t)(colon - peer.at)};
    if (host.bytes > 2 && host.at[0] == '[')
        host = (struct text){host.at + 1, host.bytes - 2};
    return address_read(address, host);
}

static bool is_local(struct text peer)
{
    return peer.bytes >= 5 && memcmp(peer.at, "unix:", 5) == 0;
}

static struct text peer_of(struct env *env, int32_t file, char text[ENV_ADDRESS_BYTES_MAX])
{
    int32_t bytes = env_address(env, file, true, text);
    return (struct text){text, bytes > 0 ? (uint32_t)bytes : 0};
}

bool web_peer(struct env *env, int32_t file, struct address *peer)
{
    char text[ENV_ADDRESS_BYTES_MAX];
    struct text said = peer_of(env, file, text);
    return !is_local(said) && read_peer(said, peer);
}

void web_greet(struct connection *c, struct env *env, const struct networks *trusted,
               bool proxy_protocol)
{
    char text[ENV_ADDRESS_BYTES_MAX];
    struct text peer = peer_of(env, c->file, text);
    c->proxy_due = proxy_protocol;
    c->client_known = !is_local(peer) && read_peer(peer, &c->client);
    c->client_trusted =
        is_local(peer) ? trusted->local : c->client_known && networks_have(trusted, &c->client);
}

/* False: it has not all come yet, or the connection ends: it is none, or comes from a stranger. */
static bool take_proxy_header(struct connections *connections, struct env *env,
                              struct connection *c, const struct networks *trusted)
{
    uint32_t consumed = 0;
    struct address client;
    enum proxy_step step =
        proxy_read(c->input + c->input_read, c->input_bytes - c->input_read, &consumed, &client);
    if (step == PROXY_MORE)
        return false;
    if (step == PROXY_NO_HEADER || !c->client_trusted) {
        connection_end(connections, env, c);
        return false;
    }
    c->proxy_due = false;
    c->input_read += consumed;
    if (step == PROXY_CLIENT) {
        c->client = client;
        c->client_known = true;
        c->client_trusted = networks_have(trusted, &client);
    }
    return true;
}

/* Puts the address behind the caller's name. */
static void add_client(struct connection *c, const struct networks *trusted, struct text forwarded)
{
    struct address client = c->client;
    char text[ADDRESS_TEXT_BYTES_MAX];
    bool told = c->client_trusted && networks_client(trusted, forwarded, &client);
    if (!told && !c->client_known)
        return;
    struct text printed = address_print(&client, text);
    c->caller[c->caller_bytes++] = '@';
    memcpy(c->caller + c->caller_bytes, printed.at, printed.bytes);
    c->caller_bytes = (uint8_t)(c->caller_bytes + printed.bytes);
}

const struct command *web_next(struct connections *connections, struct env *env,
                               struct connection *c, const struct http_server *server,
                               struct web_pages *pages, struct pile *commands, uint64_t now_ns,
                               uint64_t clock_ns)
{
    c->http->waited = !c->waiting && c->wait_until_ns != 0;
    if (c->proxy_due && !take_proxy_header(connections, env, c, server->trusted))
        return NULL;
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
                add_client(c, server->trusted, http_forwarded_for(c->http, begin));
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
