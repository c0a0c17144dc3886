#include "io/peer.h"

#include <string.h>

#include "io/proxy.h"

static bool is_local(struct text peer)
{
    return peer.bytes >= 5 && memcmp(peer.at, "unix:", 5) == 0;
}

static struct text peer_of(struct env *env, int32_t file, char text[ENV_ADDRESS_BYTES_MAX])
{
    int32_t bytes = env_address(env, file, true, text);
    return (struct text){text, bytes > 0 ? (uint32_t)bytes : 0};
}

bool peer_address(struct env *env, int32_t file, struct address *peer)
{
    char text[ENV_ADDRESS_BYTES_MAX];
    struct text said = peer_of(env, file, text);
    return !is_local(said) && address_read_node(peer, said);
}

void peer_greet(struct connection *c, struct env *env, const struct networks *trusted,
                bool proxy_protocol)
{
    char text[ENV_ADDRESS_BYTES_MAX];
    struct text peer = peer_of(env, c->file, text);
    c->proxy_due = proxy_protocol;
    c->client_known = !is_local(peer) && address_read_node(&c->client, peer);
    c->client_trusted =
        is_local(peer) ? trusted->local : c->client_known && networks_have(trusted, &c->client);
}

bool peer_introduced(struct connections *connections, struct env *env, struct connection *c,
                     const struct networks *trusted)
{
    uint32_t consumed = 0;
    struct address client;
    if (!c->proxy_due)
        return true;
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

void peer_sign(struct connection *c, const struct address *client)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct text printed = address_print(client, text);
    c->caller[c->caller_bytes++] = '@';
    memcpy(c->caller + c->caller_bytes, printed.at, printed.bytes);
    c->caller_bytes = (uint8_t)(c->caller_bytes + printed.bytes);
}
