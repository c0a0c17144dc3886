#include "io/connection.h"

#include <errno.h>
#include <string.h>

#include "core/sometimes.h"

static uint32_t number_of(const struct connections *connections, const struct connection *c)
{
    return (uint32_t)(c - connections->at);
}

static uint32_t input_capacity(const struct connections_options *options)
{
    /* A whole frame and a part of the next, and what may come before a stop takes effect. */
    uint64_t bytes = (uint64_t)options->frame_bytes_max * 2 + options->receive_bytes;
    return (uint32_t)((bytes + 4095) & ~(uint64_t)4095);
}

/* What pipelined commands may bring on top of the high-water mark, and a turn's answers. */
static uint32_t output_capacity(const struct connections_options *options)
{
    uint32_t answers = (options->pipelined_max + 1) * ((uint32_t)RESULT_BYTES_MAX + 4096);
    return (options->output_bytes + answers + 4095) & ~4095u;
}

/* Twice as many chains as connections: few have more than the one that is looked for. */
static uint32_t peer_chains(const struct connections_options *options)
{
    uint32_t chains = 16;
    while (chains < options->count_max * 2)
        chains *= 2;
    return chains;
}

size_t connections_bytes(const struct connections_options *options)
{
    size_t each = input_capacity(options) + (size_t)output_capacity(options);
    size_t head = sizeof(struct connection) + options->http_bytes + options->walk_bytes;
    size_t peers = peer_chains(options) * sizeof(uint32_t);
    size_t heads = (options->count_max * head + peers + 4095) & ~(size_t)4095;
    return heads + options->count_max * each;
}

void connections_init(struct connections *connections, void *zeroed_memory,
                      const struct connections_options *options)
{
    uint8_t *http = (uint8_t *)zeroed_memory + options->count_max * sizeof(struct connection);
    uint8_t *walk = http + (size_t)options->count_max * options->http_bytes;
    uint8_t *peers = walk + (size_t)options->count_max * options->walk_bytes;
    uint8_t *bytes = (uint8_t *)zeroed_memory + connections_bytes(options);
    *connections = (struct connections){
        .at = zeroed_memory,
        .count_max = options->count_max,
        .free_first = CONNECTION_NONE,
        .ready_first = CONNECTION_NONE,
        .ready_last = CONNECTION_NONE,
        .touched_first = CONNECTION_NONE,
        .waiting_first = CONNECTION_NONE,
        .input_capacity_bytes = input_capacity(options),
        .input_high_bytes = options->frame_bytes_max * 2,
        .output_capacity_bytes = output_capacity(options),
        .output_high_bytes = options->output_bytes,
        .pipelined_max = options->pipelined_max,
        .peers = (uint32_t *)(void *)peers,
        .peer_mask = peer_chains(options) - 1,
    };
    memset(connections->peers, 0xff, peer_chains(options) * sizeof *connections->peers);
    for (uint32_t i = options->count_max; i-- > 0;) {
        struct connection *c = &connections->at[i];
        bytes -= connections->output_capacity_bytes;
        c->output = bytes;
        bytes -= connections->input_capacity_bytes;
        c->input = bytes;
        c->http = (struct http *)(void *)(http + (size_t)i * options->http_bytes);
        c->walk = (struct walk *)(void *)(walk + (size_t)i * options->walk_bytes);
        c->next = connections->free_first;
        connections->free_first = i;
    }
}

/* Used since the last look; at rest at one look; and at a second one. */
enum { COLD, COOL, WARM };

static uint64_t user_of(const struct connections *connections, const struct connection *c,
                        enum connection_user what)
{
    return (uint64_t)what << USER_SHIFT | (uint64_t)(c->generation & 0xffffff) << 32 |
           number_of(connections, c);
}

static void submit(struct connections *connections, struct env *env, struct connection *c,
                   struct env_op op, enum connection_user what)
{
    op.file = c->file;
    op.user = user_of(connections, c, what);
    c->operations++;
    env_submit(env, &op);
}

static void receive(struct connections *connections, struct env *env, struct connection *c)
{
    bool takes =
        c->phase == CONNECTION_OPEN || (c->phase == CONNECTION_ENDING && c->linger_until_ns != 0);
    if (c->receiving || !takes || c->input_ended ||
        c->input_bytes - c->input_read >= connections->input_high_bytes)
        return;
    c->receiving = true;
    submit(connections, env, c, (struct env_op){.kind = ENV_RECEIVE}, USER_RECEIVE);
}

struct connection *connection_open(struct connections *connections, struct env *env, int32_t file,
                                   enum protocol protocol)
{
    uint32_t number = connections->free_first;
    if (number == CONNECTION_NONE)
        return NULL;
    struct connection *c = &connections->at[number];
    connections->free_first = c->next;
    connections->open_count++;
    *c = (struct connection){
        .file = file,
        .generation = c->generation,
        .phase = CONNECTION_OPEN,
        .protocol = (uint8_t)protocol,
        .next = CONNECTION_NONE,
        .next_touched = CONNECTION_NONE,
        .input = c->input,
        .output = c->output,
        .http = c->http,
        .walk = c->walk,
        .warmth = c->warmth,
    };
    receive(connections, env, c);
    return c;
}

/* ---- how many come from where ------------------------------------------------------------------ */

static uint32_t *peers_of(const struct connections *connections, const struct address *peer)
{
    uint64_t parts[2];
    memcpy(parts, peer->at, sizeof parts);
    uint64_t mixed =
        (parts[0] ^ parts[1] * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xd6e8feb86659fd93);
    return &connections->peers[(mixed >> 32) & connections->peer_mask];
}

uint32_t connections_from(const struct connections *connections, const struct address *peer)
{
    uint32_t count = 0;
    for (uint32_t i = *peers_of(connections, peer); i != CONNECTION_NONE;
         i = connections->at[i].next_peer)
        count += memcmp(&connections->at[i].peer, peer, sizeof *peer) == 0;
    return count;
}

void connection_count_peer(struct connections *connections, struct connection *c,
                           const struct address *peer)
{
    uint32_t *first = peers_of(connections, peer);
    c->peer = *peer;
    c->peer_counted = true;
    c->next_peer = *first;
    *first = number_of(connections, c);
}

static void forget_peer(struct connections *connections, struct connection *c)
{
    if (!c->peer_counted)
        return;
    uint32_t *link = peers_of(connections, &c->peer);
    while (*link != number_of(connections, c))
        link = &connections->at[*link].next_peer;
    *link = c->next_peer;
    c->peer_counted = false;
}

bool connection_is_idle(struct connection *c, uint64_t clock_ns, uint64_t idle_ns)
{
    if (c->moved || c->moved_ns == 0)
        c->moved_ns = clock_ns;
    c->moved = false;
    bool awaits_us = c->open_commands > 0 || c->ready || c->waiting;
    return c->phase == CONNECTION_OPEN && clock_ns - c->moved_ns >= idle_ns &&
           (!awaits_us || c->output_due != c->output_sent);
}

/* The last completion is in: the number is free for the next. */
static void forget(struct connections *connections, struct env *env, struct connection *c)
{
    CHECK(!c->ready && !c->touched && !c->waiting);
    env_submit(env, &(struct env_op){.kind = ENV_CLOSE,
                                     .file = c->file,
                                     .user = (uint64_t)USER_END << USER_SHIFT | CONNECTION_NONE});
    forget_peer(connections, c);
    c->generation++;
    c->phase = CONNECTION_FREE;
    c->next = connections->free_first;
    connections->free_first = number_of(connections, c);
    connections->open_count--;
}

static void close_if_done(struct connections *connections, struct env *env, struct connection *c)
{
    if (c->phase == CONNECTION_CLOSING && c->operations == 0 && !c->ready && !c->touched &&
        !c->waiting)
        forget(connections, env, c);
}

void connection_break(struct connections *connections, struct env *env, struct connection *c)
{
    if (c->phase == CONNECTION_CLOSING)
        return;
    c->phase = CONNECTION_CLOSING;
    submit(connections, env, c, (struct env_op){.kind = ENV_SHUTDOWN}, USER_END);
    submit(connections, env, c, (struct env_op){.kind = ENV_CANCEL}, USER_END);
}

/* Everything answered and sent? Then there is nothing left to stay open for. */
static void close_if_quiet(struct connections *connections, struct env *env, struct connection *c)
{
    bool last = c->phase == CONNECTION_ENDING ||
                (c->phase == CONNECTION_OPEN && c->input_ended && !c->ready && !c->waiting);
    bool lingers = c->linger_until_ns != 0 && !c->input_ended;
    if (last && !lingers && c->open_commands == 0 && !c->touched && !c->sending &&
        c->output_sent == c->output_written)
        connection_break(connections, env, c);
}

void connection_end(struct connections *connections, struct env *env, struct connection *c)
{
    if (c->phase == CONNECTION_OPEN)
        c->phase = CONNECTION_ENDING;
    close_if_quiet(connections, env, c);
}

void connection_linger(struct connections *connections, struct env *env, struct connection *c,
                       uint64_t until_ns)
{
    c->linger_until_ns = until_ns;
    c->input_read = c->input_bytes;
    connection_end(connections, env, c);
    receive(connections, env, c);
}

void connection_lingered(struct connections *connections, struct env *env, struct connection *c,
                         uint64_t clock_ns)
{
    if (c->phase != CONNECTION_ENDING || c->linger_until_ns == 0 || clock_ns < c->linger_until_ns)
        return;
    c->linger_until_ns = 0;
    close_if_quiet(connections, env, c);
    close_if_done(connections, env, c);
}

uint64_t connection_token(const struct connections *connections, const struct connection *c)
{
    return (uint64_t)c->generation << 32 | number_of(connections, c);
}

struct connection *connection_find(struct connections *connections, uint64_t token)
{
    uint32_t number = (uint32_t)token;
    if (number >= connections->count_max)
        return NULL;
    struct connection *c = &connections->at[number];
    bool same = c->generation == (uint32_t)(token >> 32);
    return same && (c->phase == CONNECTION_OPEN || c->phase == CONNECTION_ENDING) ? c : NULL;
}

void connection_ready(struct connections *connections, struct connection *c)
{
    if (c->ready)
        return;
    c->ready = true;
    c->next = CONNECTION_NONE;
    if (connections->ready_last == CONNECTION_NONE)
        connections->ready_first = number_of(connections, c);
    else
        connections->at[connections->ready_last].next = number_of(connections, c);
    connections->ready_last = number_of(connections, c);
}

struct connection *connection_next_ready(struct connections *connections)
{
    uint32_t number = connections->ready_first;
    if (number == CONNECTION_NONE)
        return NULL;
    struct connection *c = &connections->at[number];
    connections->ready_first = c->next;
    if (c->next == CONNECTION_NONE)
        connections->ready_last = CONNECTION_NONE;
    c->ready = false;
    return c;
}

void connection_wait(struct connections *connections, struct connection *c, uint64_t seq,
                     uint64_t until_ns)
{
    if (c->waiting)
        return; /* more input has come meanwhile */
    c->waiting = true;
    c->wait_seq = seq;
    c->wait_until_ns = until_ns;
    c->next_waiting = connections->waiting_first;
    connections->waiting_first = number_of(connections, c);
}

void connections_waited(struct connections *connections, struct env *env, uint64_t watermark,
                        uint64_t clock_ns)
{
    uint32_t *link = &connections->waiting_first;
    while (*link != CONNECTION_NONE) {
        struct connection *c = &connections->at[*link];
        if (c->phase == CONNECTION_OPEN && c->wait_seq > watermark && clock_ns < c->wait_until_ns) {
            link = &c->next_waiting;
            continue;
        }
        *link = c->next_waiting;
        c->waiting = false;
        if (c->phase == CONNECTION_OPEN)
            connection_ready(connections, c);
        else
            close_if_done(connections, env, c);
    }
}

/* False: more has come than there is room for, which a receiver that is stopped in time prevents. */
static bool take_in(struct connections *connections, struct connection *c, const uint8_t *bytes,
                    uint32_t count)
{
    if (c->phase != CONNECTION_OPEN)
        return true;
    if (c->input_read == c->input_bytes) {
        c->input_read = 0;
        c->input_bytes = 0;
        c->input_asked = 0;
    } else if (count > connections->input_capacity_bytes - c->input_bytes) {
        memmove(c->input, c->input + c->input_read, c->input_bytes - c->input_read);
        c->input_bytes -= c->input_read;
        c->input_asked -= c->input_read;
        c->input_read = 0;
    }
    if (count > connections->input_capacity_bytes - c->input_bytes)
        return false;
    c->warmth = WARM;
    c->moved |= c->output_sent == c->output_due;
    memcpy(c->input + c->input_bytes, bytes, count);
    c->input_bytes += count;
    connection_ready(connections, c);
    return true;
}

static void on_receive(struct connections *connections, struct env *env, struct connection *c,
                       const struct env_done *done, const uint8_t *buffers, uint32_t buffer_bytes)
{
    if (done->flags & ENV_FLAG_BUFFER) {
        uint32_t buffer = done->flags >> ENV_BUFFER_SHIFT;
        if (done->result > 0 && !take_in(connections, c, buffers + (size_t)buffer * buffer_bytes,
                                         (uint32_t)done->result))
            connection_break(connections, env, c);
        env_give_back(env, buffer);
    }
    if (!(done->flags & ENV_FLAG_MORE))
        c->receiving = false;
    if (done->result == -ENOBUFS || done->result == -ECANCELED) {
        SOMETIMES("connection: a receive has ended and begins again");
        receive(connections, env, c);
    } else if (done->result < 0) {
        connection_break(connections, env, c);
    } else if (done->result == 0) {
        c->input_ended = true;
        connection_ready(connections, c); /* to be closed when its last command is answered */
    } else if (c->input_bytes - c->input_read >= connections->input_high_bytes && c->receiving) {
        SOMETIMES("connection: a flood is not read for now");
        struct env_op stop = {.kind = ENV_STOP, .offset = user_of(connections, c, USER_RECEIVE)};
        submit(connections, env, c, stop, USER_END);
    } else {
        receive(connections, env, c);
    }
}

static void send_due(struct connections *connections, struct env *env, struct connection *c)
{
    if (c->sending || c->output_due == c->output_sent || c->phase == CONNECTION_CLOSING)
        return;
    /* What is still unsent moves to the front while no send reads it, so that a busy connection
     * goes on using the same few pages. */
    uint64_t kept = c->output_written - c->output_sent;
    if (c->output_sent > c->output_base && c->results == NULL &&
        kept <= connections->output_high_bytes) {
        memmove(c->output, c->output + (c->output_sent - c->output_base), kept);
        c->output_base = c->output_sent;
    }
    c->sending = true;
    submit(connections, env, c,
           (struct env_op){.kind = ENV_SEND,
                           .data = c->output + (c->output_sent - c->output_base),
                           .bytes = (uint32_t)(c->output_due - c->output_sent)},
           USER_SEND);
}

static void on_send(struct connections *connections, struct env *env, struct connection *c,
                    int32_t result)
{
    c->sending = false;
    if (result <= 0) {
        connection_break(connections, env, c);
        return;
    }
    c->output_sent += (uint32_t)result;
    c->moved = true;
    send_due(connections, env, c);
    if (c->input_bytes > c->input_read)
        connection_ready(connections, c); /* may have waited for room */
    close_if_quiet(connections, env, c);
}

void connection_done(struct connections *connections, struct env *env, const struct env_done *done,
                     const uint8_t *buffers, uint32_t buffer_bytes)
{
    uint32_t number = (uint32_t)done->user;
    if (number >= connections->count_max)
        return; /* a close */
    struct connection *c = &connections->at[number];
    CHECK(((uint32_t)(done->user >> 32) & 0xffffff) == (c->generation & 0xffffff));
    if (!(done->flags & ENV_FLAG_MORE))
        c->operations--;
    uint32_t what = (uint32_t)(done->user >> USER_SHIFT);
    if (what == USER_RECEIVE)
        on_receive(connections, env, c, done, buffers, buffer_bytes);
    else if (what == USER_SEND)
        on_send(connections, env, c, done->result);
    close_if_done(connections, env, c);
}

void connection_consume(struct connections *connections, struct env *env, struct connection *c,
                        uint32_t bytes)
{
    c->input_read += bytes;
    if (!c->receiving)
        receive(connections, env, c);
}

bool connection_may_ask(const struct connections *connections, const struct connection *c)
{
    return c->open_commands < connections->pipelined_max &&
           c->output_written - c->output_sent < connections->output_high_bytes;
}

static void touch(struct connections *connections, struct connection *c)
{
    if (c->touched)
        return;
    c->touched = true;
    c->next_touched = connections->touched_first;
    connections->touched_first = number_of(connections, c);
}

void *connection_room(struct connections *connections, struct connection *c)
{
    uint64_t used = c->output_written - c->output_base;
    CHECK(connections->output_capacity_bytes - used >= OUTPUT_ROOM_BYTES);
    return c->output + used;
}

void connection_wrote(struct connections *connections, struct connection *c, uint32_t bytes)
{
    c->output_written += bytes;
    c->warmth = WARM;
    touch(connections, c);
}

static bool is_at_rest(const struct connection *c)
{
    return c->input_read == c->input_bytes && c->output_sent == c->output_written &&
           c->open_commands == 0 && c->operations <= (c->receiving ? 1u : 0u) && !c->ready;
}

void connections_cool(struct connections *connections, struct env *env)
{
    for (uint32_t i = 0; i < connections->count_max; i++) {
        struct connection *c = &connections->at[i];
        if (c->warmth == COLD || (c->phase != CONNECTION_FREE && !is_at_rest(c)))
            continue;
        if (--c->warmth != COLD)
            continue;
        c->input_read = 0;
        c->input_bytes = 0;
        c->input_asked = 0;
        c->output_base = c->output_written;
        /* The two lie side by side. */
        env_disuse(env, c->input,
                   (uint64_t)connections->input_capacity_bytes +
                       connections->output_capacity_bytes);
    }
}

struct connection *connection_next_touched(struct connections *connections)
{
    uint32_t number = connections->touched_first;
    if (number == CONNECTION_NONE)
        return NULL;
    struct connection *c = &connections->at[number];
    connections->touched_first = c->next_touched;
    c->touched = false;
    return c;
}

void connection_rest(struct connections *connections, struct env *env, struct connection *c)
{
    close_if_quiet(connections, env, c);
    close_if_done(connections, env, c);
}

void connection_due(struct connections *connections, struct env *env, struct connection *c,
                    uint64_t offset)
{
    c->output_due = offset;
    send_due(connections, env, c);
}
