#include "io/shard_loop.h"

#include <stdio.h>
#include <string.h>

#include "core/bug.h"
#include "io/cut.h"
#include "io/time_text.h"
#include "io/walk.h"
#include "io/web.h"

enum {
    BATCH_COMMANDS = 16,   /* decoded and prefetched together */
    CONNECTION_SHARE = 64, /* commands of one connection before the next has its turn */
    DONE_MAX = 64,
};
static const uint64_t SAFETY_NET_NS = 10 * 1000 * 1000;
/* The listener of those who watch over the server has room of its own: a flood of customers must
 * not make it look dead. */
enum { ADMIN_CONNECTIONS = 16 };
static const uint64_t SLOW_LOOK_NS = 250 * 1000 * 1000;
static const uint64_t GAUGES_NS = 100 * 1000 * 1000;
static const uint64_t SPILLED_NS = 50 * 1000; /* a reader that makes room rings nobody */

/* A turn's output on one connection: it may leave when the watermark has reached `seq` and every
 * message of the turn has been published. */
struct due {
    uint64_t seq;
    uint64_t turn;
    uint64_t token;
    uint64_t offset;
    uint64_t asked_ns;
    uint32_t answers;
};

struct shard_loop {
    struct shared *shared;
    struct env *env;
    struct shard *shard;
    uint32_t number;
    uint32_t shard_count;
    struct listener listeners[LISTENERS_MAX];
    uint32_t listener_count;
    bool accepting;
    bool draining;
    uint64_t drain_at; /* env_clock; once http.draining */
    bool drained;
    uint64_t stop_seen;

    struct turn turn;
    uint64_t turn_number;
    uint64_t turn_began; /* env_clock */
    uint64_t gauges_next;
    uint64_t gauges_noted;
    uint64_t slow_next;
    uint64_t watermark; /* as `release` last saw it */
    uint64_t seen;      /* the highest sequence that this shard's state depends on */
    bool worked;        /* this turn found something to do: look again before waiting */

    /* Groups in our own memory until the log has gathered them. */
    uint8_t *group_memory;
    uint64_t group_seq[GROUP_BUFFERS];
    uint32_t group_next;

    /* Messages that found no room stay in the outbox; those stamped have their `seen` already. */
    uint32_t outbox_stamped[SHARDS_MAX];
    uint64_t released_turn; /* every message of the turns up to here has been published */
    bool rang[SHARDS_MAX];  /* whom this turn has sent something */

    /* Requests from other shards: up to `covered` every mailbox has been read after they were. */
    struct pile requests;
    uint32_t requests_read;
    uint32_t requests_covered;
    uint32_t forwarded; /* commands of our connections that other shards are to answer */

    struct due *due;
    uint32_t due_mask;
    uint64_t due_head;
    uint64_t due_tail;

    struct connections connections;
    uint8_t *receive_memory;
    struct pile http_commands; /* of the batch */
    char date[TIME_HTTP_BYTES];
    uint64_t date_second;
    struct http_server http;
    struct http_server admin;
    struct metrics metrics;
};

const struct metrics *shard_loop_metrics(const struct shard_loop *loop)
{
    return &loop->metrics;
}

/* ---- memory: one stretch, cut once -------------------------------------------------------- */

static struct connections_options connections_options(const struct server_options *options)
{
    return (struct connections_options){
        .count_max = options->connection_count_max + ADMIN_CONNECTIONS,
        .frame_bytes_max = options->frame_bytes_max,
        .receive_bytes = RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES,
        .http_bytes = sizeof(struct http),
        .walk_bytes = WALK_BYTES,
    };
}

enum { ANSWERS_BYTES = 1 << 20, OUTBOX_BYTES = 4 << 20, HTTP_COMMANDS_BYTES = 1 << 20 };

static uint32_t due_capacity(const struct server_options *options)
{
    uint32_t capacity = 4096;
    while (capacity < (options->connection_count_max + ADMIN_CONNECTIONS) * 4)
        capacity *= 2;
    return capacity;
}

/* Room for all that the mailboxes can hold, twice, beside a third that still waits. */
static uint32_t requests_bytes(const struct server_options *options)
{
    return 3 * options->mailbox_bytes * options->shard_count;
}

static struct pile cut_pile(struct cut *cut, uint32_t bytes)
{
    return (struct pile){.at = cut_off(cut, bytes), .capacity_bytes = bytes};
}

/* `loop` takes the pieces; while only measuring, it is thrown away. */
static void lay_out(struct cut *cut, const struct server_options *options, struct shard_loop *loop)
{
    struct connections_options connections = connections_options(options);
    loop->group_memory = cut_off(cut, (size_t)GROUP_BUFFERS * options->log.group_bytes_max);
    loop->due = cut_off(cut, due_capacity(options) * sizeof *loop->due);
    loop->receive_memory = cut_off(cut, RECEIVE_BUFFERS * RECEIVE_BUFFER_BYTES);
    loop->turn.answers = cut_pile(cut, ANSWERS_BYTES);
    loop->http_commands = cut_pile(cut, HTTP_COMMANDS_BYTES);
    loop->requests = cut_pile(cut, requests_bytes(options));
    for (uint32_t to = 0; to < options->shard_count; to++)
        loop->turn.outbox[to] = cut_pile(cut, OUTBOX_BYTES);
    void *rest = cut_off(cut, connections_bytes(&connections));
    if (rest != NULL)
        connections_init(&loop->connections, rest, &connections);
}

size_t shard_loop_bytes(const struct server_options *options)
{
    struct cut cut = {0};
    struct shard_loop measured;
    cut_off(&cut, sizeof measured);
    lay_out(&cut, options, &measured);
    return cut.used_bytes;
}

struct shard_loop *shard_loop_init(void *zeroed_memory, struct shared *shared, uint32_t number,
                                   struct shard *shard)
{
    struct cut cut = {.at = zeroed_memory};
    struct shard_loop *loop = cut_off(&cut, sizeof *loop);
    lay_out(&cut, shared->options, loop);
    loop->shared = shared;
    loop->number = number;
    loop->shard = shard;
    loop->shard_count = shared->options->shard_count;
    loop->turn.shard_count = loop->shard_count;
    loop->due_mask = due_capacity(shared->options) - 1;
    loop->seen = log_watermark(shared->log);
    loop->http = (struct http_server){
        .catalogue = shared->catalogue,
        .shard = shard,
        .callers = shared->options->callers,
        .trusted = shared->options->trusted,
        .slot_shard = shared->slot_shard,
        .shard_count = shared->options->shard_count,
        .shard_number = number,
        .head_bytes_max = shared->options->head_bytes_max,
        .body_bytes_max = shared->options->body_bytes_max,
        .drain_status = shared->options->drain_status == DRAIN_NOT_FOUND ? 404 : 503,
        .ready = true,
        .unsynced = shared->options->log.sync == LOG_SYNC_NONE,
    };
    loop->admin = loop->http;
    loop->admin.admin = true;
    return loop;
}

void shard_loop_listen(struct shard_loop *loop, struct listener listener)
{
    CHECK(loop->listener_count < LISTENERS_MAX);
    loop->listeners[loop->listener_count++] = listener;
}

/* ---- reap: completions become input, output that has left, log writes that are durable ------- */

static void fail(struct shard_loop *loop, int exit_code, const char *line)
{
    if (atomic_swap_if(&loop->shared->failure, 0, (uint64_t)exit_code)) /* the first one counts */
        env_say_at(loop->env, ENV_ERROR, line);
    atomic_store(&loop->shared->stop, 2); /* pairs with the load in `stopping` */
    for (uint32_t to = 0; to < loop->shard_count; to++)
        if (to != loop->number)
            env_doorbell(loop->env, to);
}

static void arm_accept(struct shard_loop *loop, uint32_t listener)
{
    env_submit(loop->env, &(struct env_op){.kind = ENV_ACCEPT,
                                           .file = loop->listeners[listener].file,
                                           .user = (uint64_t)USER_ACCEPT << USER_SHIFT | listener});
}

static void close_file(struct shard_loop *loop, int32_t file)
{
    env_submit(loop->env,
               &(struct env_op){.kind = ENV_CLOSE,
                                .file = file,
                                .user = (uint64_t)USER_END << USER_SHIFT | CONNECTION_NONE});
}

static bool has_place(const struct shard_loop *loop, enum protocol protocol)
{
    return protocol == PROTOCOL_ADMIN ||
           loop->connections.open_count < loop->shared->options->connection_count_max;
}

/* One connection too many gets an answer before it is closed: a short one, which a new socket
 * always has room for, so nothing waits for anybody. */
static void refuse_connection(struct shard_loop *loop, int32_t file, enum protocol protocol)
{
    struct shared *shared = loop->shared;
    struct env_op op = {.kind = ENV_SEND,
                        .file = file,
                        .data = shared->busy_page,
                        .bytes = (uint32_t)strlen(shared->busy_page),
                        .user = (uint64_t)USER_REFUSE << USER_SHIFT | (uint32_t)file};
    if (protocol == PROTOCOL_BINARY) {
        op.data = shared->busy_frame;
        op.bytes = sizeof shared->busy_frame;
    }
    env_submit(loop->env, &op);
    metric_add(&loop->metrics, METRIC_CONNECTIONS_REFUSED, 1);
}

/* From the first moment on, a request has to arrive in time. That also ends those whose bytes and
 * reset were both there before the first receive: the kernel's multishot receive takes the bytes, and
 * waits for news of a socket that has none to give any more. */
static void open_connection(struct shard_loop *loop, int32_t file, enum protocol protocol)
{
    struct connection *c = has_place(loop, protocol)
                               ? connection_open(&loop->connections, loop->env, file, protocol)
                               : NULL;
    if (c == NULL) {
        refuse_connection(loop, file, protocol);
        return;
    }
    c->partial_since_ns = loop->turn_began;
    http_init(c->http, env_random(loop->env), c->walk);
    if (protocol == PROTOCOL_HTTP && loop->http.trusted != NULL)
        web_greet(c, loop->env, loop->http.trusted, loop->shared->options->proxy_protocol);
    metric_add(&loop->metrics, METRIC_CONNECTIONS_OPENED, 1);
}

static void on_accept(struct shard_loop *loop, const struct env_done *done)
{
    uint32_t listener = (uint32_t)done->user;
    if (done->result >= 0)
        open_connection(loop, done->result, loop->listeners[listener].protocol);
    if (!(done->flags & ENV_FLAG_MORE) && loop->accepting)
        arm_accept(loop, listener);
}

static void on_done(struct shard_loop *loop, const struct env_done *done)
{
    uint32_t what = (uint32_t)(done->user >> USER_SHIFT);
    if (what == LOG_USER) {
        int32_t error = log_done(loop->shared->log, loop->env, loop->number, done);
        if (error != 0)
            fail(loop, EXIT_IO, "the log cannot be written: nothing more is acknowledged");
    } else if (what == USER_ACCEPT) {
        on_accept(loop, done);
    } else if (what == USER_REFUSE) {
        close_file(loop, (int32_t)(uint32_t)done->user);
    } else {
        connection_done(&loop->connections, loop->env, done, loop->receive_memory,
                        RECEIVE_BUFFER_BYTES);
    }
}

static void reap(struct shard_loop *loop, uint64_t until_ns)
{
    struct env_done done[DONE_MAX];
    uint32_t got = env_reap(loop->env, done, DONE_MAX, until_ns);
    for (uint32_t i = 0; i < got; i++)
        on_done(loop, &done[i]);
    loop->worked |= got > 0;
}

/* ---- mailboxes: effects run as they are read, requests wait ----------------------------------- */

static void on_effect(struct shard_loop *loop, const struct message *message)
{
    if (message->kind != MESSAGE_RESULT) {
        shard_message(loop->shard, &loop->turn, message);
        return;
    }
    const struct message_result *answer = (const void *)message;
    const struct result *result = (const void *)(answer + 1);
    struct answer *mine = pile_append(&loop->turn.answers, (uint32_t)sizeof *mine + result->bytes);
    mine->token = answer->token;
    memcpy(mine + 1, result, result->bytes);
    loop->forwarded--;
}

/* False: the turn has no room for more, and this mailbox has not been read to its end. */
static bool read_mailbox(struct shard_loop *loop, uint32_t from)
{
    struct mailbox *mailbox = loop->shared->mailboxes[from][loop->number];
    env_point(loop->env, ENV_POINT_MAILBOX);
    uint64_t end = mailbox_end(mailbox);
    const struct message *message;
    bool room;
    while ((room = turn_has_room(&loop->turn)) && (message = mailbox_read(mailbox, end)) != NULL) {
        loop->worked = true;
        metric_add(&loop->metrics, METRIC_MESSAGES, 1);
        if (message->seen > loop->seen && !loop->shared->options->bug[BUG_SEEN_FORGOTTEN])
            loop->seen = message->seen;
        if (message_is_request(message))
            memcpy(pile_append(&loop->requests, message->bytes), message, message->bytes);
        else
            on_effect(loop, message);
    }
    mailbox_release(mailbox);
    return room;
}

static bool read_mailboxes(struct shard_loop *loop)
{
    bool all = true;
    for (uint32_t from = 0; from < loop->shard_count; from++)
        if (from != loop->number)
            all &= read_mailbox(loop, from);
    return all;
}

/* ---- commands: decoded and prefetched by the batch, executed in order of arrival --------------- */

/* Upper bound of what a command can add to any one pile of the turn. The less it is, the more of a
 * turn there is for commands: a turn must have room for one more of the largest. */
static uint32_t command_cost(const struct command *command)
{
    if (command->op == OP_ORDER_CREATE && !(command->flags & COMMAND_WANT_RECORD))
        return 2048 + 6 * command->bytes;
    return MOVE_BYTES_MAX + 2 * command->bytes;
}

enum { COMMAND_COST_MAX = MOVE_BYTES_MAX + 2 * COMMAND_BYTES_MAX };
_Static_assert((int)COMMAND_COST_MAX >= 2048 + 6 * (int)COMMAND_BYTES_MAX, "of a create");

/* What every pile of the turn has left at least. */
static uint32_t turn_room(const struct turn *turn)
{
    uint32_t room = turn->events.capacity_bytes - turn->events.used_bytes;
    uint32_t answers = turn->answers.capacity_bytes - turn->answers.used_bytes;
    if (answers < room)
        room = answers;
    for (uint32_t to = 0; to < turn->shard_count; to++) {
        /* The upper half is for what effects give rise to. */
        const struct pile *outbox = &turn->outbox[to];
        uint32_t half = outbox->capacity_bytes / 2;
        uint32_t left = outbox->used_bytes < half ? half - outbox->used_bytes : 0;
        if (left < room)
            room = left;
    }
    return room;
}

struct asked {
    uint64_t token;
    const struct command *command;
    struct text caller;
    bool checked;               /* HTTP does, to say where in the JSON a fault lies */
    struct command_fault fault; /* CODE_OK: none */
};

static void refuse(struct shard_loop *loop, const struct asked *asked)
{
    const struct command_fault *fault = &asked->fault;
    struct origin origin = {.token = asked->token, .shard = loop->number};
    struct result_fault *result =
        turn_answer(&loop->turn, loop->number, origin, asked->command->request, fault->code,
                    RESULT_FAULT, sizeof *result);
    result->line = fault->line;
    if (fault->field != NULL) {
        result->field_bytes = (uint32_t)strnlen(fault->field, sizeof result->field);
        memcpy(result->field, fault->field, result->field_bytes);
    }
}

static void forward(struct shard_loop *loop, const struct asked *asked, uint32_t home)
{
    uint32_t caller_bytes = (asked->caller.bytes + 7) & ~7u;
    struct message_command *message =
        turn_send(&loop->turn, loop->number, home, MESSAGE_COMMAND,
                  (uint32_t)sizeof *message + caller_bytes + asked->command->bytes);
    message->origin = (struct origin){.token = asked->token, .shard = loop->number};
    message->caller_bytes = (uint8_t)asked->caller.bytes;
    memcpy(message + 1, asked->caller.at, asked->caller.bytes);
    memcpy((char *)(message + 1) + caller_bytes, asked->command, asked->command->bytes);
    loop->forwarded++;
    metric_add(&loop->metrics, METRIC_FORWARDED, 1);
}

static uint32_t home_of(const struct shard_loop *loop, const struct command *command)
{
    uint32_t slot = command_slot(command);
    return slot == SLOT_COUNT ? loop->number : loop->shared->slot_shard[slot];
}

static void note_wanted(struct shard_loop *loop, const struct command *command)
{
    const struct order_create *create = (const void *)command;
    hot_order(&loop->metrics.hot, create->lines, create->line_count);
}

static void execute(struct shard_loop *loop, const struct asked *asked)
{
    uint32_t home;
    if (asked->fault.code != CODE_OK) {
        refuse(loop, asked);
    } else if ((home = home_of(loop, asked->command)) != loop->number) {
        forward(loop, asked, home);
    } else {
        struct request request = {
            .origin = {.token = asked->token, .shard = loop->number},
            .caller = asked->caller,
            .command = asked->command,
        };
        if (asked->command->op == OP_ORDER_CREATE)
            note_wanted(loop, asked->command);
        shard_request(loop->shard, &loop->turn, &request);
    }
}

static const struct http_server *http_server_of(const struct shard_loop *loop,
                                                const struct connection *c)
{
    return c->protocol == PROTOCOL_ADMIN ? &loop->admin : &loop->http;
}

/* The next command of a connection; NULL if it has none now. */
static const struct command *next_command(struct shard_loop *loop, struct connection *c)
{
    struct connections *connections = &loop->connections;
    if (!connection_may_ask(c))
        return NULL;
    if (c->protocol == PROTOCOL_BINARY)
        return binary_next(connections, loop->env, c, &loop->shared->welcome);
    const struct command *command =
        web_next(connections, loop->env, c, http_server_of(loop, c), &loop->shared->pages,
                 &loop->http_commands, loop->turn.now_ns, loop->turn_began);
    if (c->http->seen > loop->seen)
        loop->seen = c->http->seen;
    return command;
}

/* A request that has begun runs against a deadline from its first byte on, however slowly the next
 * ones come. */
static void note_partial(const struct shard_loop *loop, struct connection *c)
{
    if (c->open_commands > 0 || c->input_read == c->input_bytes)
        c->partial_since_ns = 0;
    else if (c->partial_since_ns == 0)
        c->partial_since_ns = loop->turn_began;
}

/* Takes up to a batch of commands off the connections that have input, in turn. */
static uint32_t take_batch(struct shard_loop *loop, struct asked batch[BATCH_COMMANDS])
{
    uint32_t taken = 0;
    uint32_t room = turn_room(&loop->turn);
    const uint32_t most = COMMAND_COST_MAX;
    loop->http_commands.used_bytes = 0;
    struct connection *c;
    while (taken < BATCH_COMMANDS && room > most &&
           (c = connection_next_ready(&loop->connections)) != NULL) {
        const struct command *command = NULL;
        while (taken < BATCH_COMMANDS && room > most && (command = next_command(loop, c)) != NULL) {
            c->open_commands++;
            c->asked_ns = loop->turn_began;
            batch[taken++] = (struct asked){
                .token = connection_token(&loop->connections, c),
                .command = command,
                .caller = {c->caller, c->caller_bytes},
                .checked = c->protocol != PROTOCOL_BINARY,
            };
            room -= command_cost(command);
        }
        if (command != NULL) {
            c->partial_since_ns = 0;
            connection_ready(&loop->connections, c); /* has more; others have their turn first */
        } else {
            note_partial(loop, c);
            connection_rest(&loop->connections, loop->env, c);
        }
    }
    return taken;
}

/* Only what has been checked may be looked into. */
static void check_and_prefetch(struct shard_loop *loop, struct asked *batch, uint32_t count)
{
    const struct command *good[BATCH_COMMANDS];
    uint32_t good_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (batch[i].checked ||
            command_check(batch[i].command, batch[i].command->bytes, &batch[i].fault) == CODE_OK)
            good[good_count++] = batch[i].command;
    shard_prefetch(loop->shard, good, good_count);
}

static bool turn_goes_on(const struct shard_loop *loop, uint32_t commands)
{
    const struct server_options *options = loop->shared->options;
    return commands < options->turn_commands_max &&
           env_clock(loop->env) - loop->turn_began < options->turn_ns_max;
}

static void run_connections(struct shard_loop *loop)
{
    struct asked batch[BATCH_COMMANDS];
    uint32_t taken;
    for (uint32_t commands = 0; turn_goes_on(loop, commands); commands += taken) {
        taken = take_batch(loop, batch);
        if (taken == 0)
            return;
        check_and_prefetch(loop, batch, taken);
        for (uint32_t i = 0; i < taken; i++)
            execute(loop, &batch[i]);
        loop->worked = true;
        metric_add(&loop->metrics, METRIC_COMMANDS, taken);
        if (env_pending(loop->env))
            reap(loop, 0); /* only we can take the completion of our own log write */
    }
}

/* Holds, and commands that other shards have forwarded. */
static void run_requests(struct shard_loop *loop)
{
    struct pile *requests = &loop->requests;
    uint32_t run = 0;
    while (loop->requests_read < loop->requests_covered && turn_has_room(&loop->turn) &&
           run++ < loop->shared->options->turn_commands_max) {
        const struct message *message = (const void *)(requests->at + loop->requests_read);
        loop->requests_read += message->bytes;
        loop->worked = true;
        if (message->kind != MESSAGE_COMMAND) {
            shard_message(loop->shard, &loop->turn, message);
            continue;
        }
        const struct message_command *forwarded = (const void *)message;
        const char *caller = (const char *)(forwarded + 1);
        struct request request = {
            .origin = forwarded->origin,
            .caller = {caller, forwarded->caller_bytes},
            .command = (const void *)(caller + ((forwarded->caller_bytes + 7u) & ~7u)),
        };
        shard_request(loop->shard, &loop->turn, &request);
        metric_add(&loop->metrics, METRIC_COMMANDS, 1);
    }
    if (loop->requests_read == requests->used_bytes) {
        requests->used_bytes = 0;
        loop->requests_read = 0;
        loop->requests_covered = 0;
    }
}

/* ---- the turn's end: sequence, messages, group, answers --------------------------------------- */

/* False if messages had to stay because a mailbox has no room. */
static bool publish_messages(struct shard_loop *loop)
{
    bool all = true;
    for (uint32_t to = 0; to < loop->shard_count; to++) {
        struct pile *outbox = &loop->turn.outbox[to];
        if (outbox->used_bytes == 0)
            continue;
        while (loop->outbox_stamped[to] < outbox->used_bytes) {
            struct message *message = (void *)(outbox->at + loop->outbox_stamped[to]);
            message->seen = loop->seen;
            loop->outbox_stamped[to] += message->bytes;
        }
        struct mailbox *mailbox = loop->shared->mailboxes[loop->number][to];
        uint32_t put = 0;
        while (put < outbox->used_bytes && mailbox_put(mailbox, (const void *)(outbox->at + put)))
            put += ((const struct message *)(const void *)(outbox->at + put))->bytes;
        if (put == 0) {
            all = false;
            continue;
        }
        mailbox_publish(mailbox);
        loop->rang[to] = true;
        outbox->used_bytes -= put;
        loop->outbox_stamped[to] -= put;
        memmove(outbox->at, outbox->at + put, outbox->used_bytes);
        all &= outbox->used_bytes == 0;
    }
    return all;
}

/* Whoever sleeps is woken; who is awake will read its mailboxes anyway. */
static void ring_doorbells(struct shard_loop *loop)
{
    bool fenced = false;
    for (uint32_t to = 0; to < loop->shard_count; to++) {
        if (!loop->rang[to])
            continue;
        loop->rang[to] = false;
        if (!fenced)
            atomic_fence(); /* the publish before the look; pairs with the fence in `may_wait` */
        fenced = true;
        if (atomic_load(&loop->shared->sleeping[to].value) != 0) {
            env_doorbell(loop->env, to);
            metric_add(&loop->metrics, METRIC_DOORBELLS, 1);
        }
    }
}

static void take_sequence_and_publish(struct shard_loop *loop)
{
    struct turn *turn = &loop->turn;
    struct shared *shared = loop->shared;
    uint64_t read = shard_seen(loop->shard);
    if (read > loop->seen)
        loop->seen = read;
    bool durable = turn->event_count > 0;
    uint64_t seq = 0;
    if (durable) {
        seq = log_take(shared->log, loop->env);
        loop->seen = seq;
        shard_committed(loop->shard, seq);
    }
    env_point(loop->env, ENV_POINT_PUBLISH);
    if (publish_messages(loop))
        loop->released_turn = loop->turn_number;
    if (durable) {
        struct log_group group = {
            .events = turn->events.at,
            .event_bytes = turn->events.used_bytes,
            .event_count = turn->event_count,
            .shard = loop->number,
        };
        log_publish(shared->log, loop->env, seq, &group);
        loop->group_seq[loop->group_next] = seq;
        loop->group_next = (loop->group_next + 1) % GROUP_BUFFERS;
        log_drive(shared->log, loop->env, loop->number);
    }
}

static void write_answers(struct shard_loop *loop)
{
    struct pile *answers = &loop->turn.answers;
    for (uint32_t at = 0; at < answers->used_bytes;) {
        struct answer *answer = (void *)(answers->at + at);
        struct result *result = (void *)(answer + 1);
        at += (uint32_t)sizeof *answer + result->bytes;
        struct connection *c = connection_find(&loop->connections, answer->token);
        if (c == NULL)
            continue;
        result->seq = loop->seen;
        c->open_commands--;
        c->answers++;
        metric_code(&loop->metrics, result->code);
        if (c->protocol == PROTOCOL_BINARY)
            binary_answer(&loop->connections, c, result);
        else
            web_answer(&loop->connections, loop->env, c, http_server_of(loop, c), result);
        if (c->input_bytes > c->input_read)
            connection_ready(&loop->connections, c);
    }
    answers->used_bytes = 0;
}

static void note_due(struct shard_loop *loop)
{
    struct connection *c;
    while ((c = connection_next_touched(&loop->connections)) != NULL) {
        binary_seal(c);
        loop->due[loop->due_tail++ & loop->due_mask] = (struct due){
            .seq = loop->shared->options->bug[BUG_ANSWERS_AT_ONCE] ? 0 : loop->seen,
            .turn = loop->turn_number,
            .token = connection_token(&loop->connections, c),
            .offset = c->output_written,
            .asked_ns = c->asked_ns,
            .answers = c->answers,
        };
        c->answers = 0;
        connection_rest(&loop->connections, loop->env, c);
    }
}

/* Lets go what the watermark has reached. */
static void release(struct shard_loop *loop)
{
    env_point(loop->env, ENV_POINT_WATERMARK);
    loop->watermark = log_watermark(loop->shared->log);
    uint64_t clock = loop->due_head == loop->due_tail ? 0 : env_clock(loop->env);
    while (loop->due_head != loop->due_tail) {
        const struct due *due = &loop->due[loop->due_head & loop->due_mask];
        if (due->seq > loop->watermark || due->turn > loop->released_turn)
            return;
        struct connection *c = connection_find(&loop->connections, due->token);
        if (c != NULL)
            connection_due(&loop->connections, loop->env, c, due->offset);
        if (due->answers > 0)
            metric_answers(&loop->metrics, due->answers, clock - due->asked_ns);
        loop->due_head++;
        loop->worked = true;
    }
}

/* ---- the turn --------------------------------------------------------------------------------- */

static bool may_begin(const struct shard_loop *loop)
{
    return log_gathered(loop->shared->log) >= loop->group_seq[loop->group_next] &&
           log_has_room(loop->shared->log) &&
           loop->due_mask - (loop->due_tail - loop->due_head) >= loop->connections.count_max;
}

/* The second has changed: so has what answers say of the time. */
static void note_date(struct shard_loop *loop)
{
    uint64_t second = loop->turn.now_ns / 1000000000;
    if (second == loop->date_second)
        return;
    loop->date_second = second;
    time_text_http(loop->turn.now_ns, loop->date);
    loop->http.date = loop->admin.date = (struct text){loop->date, sizeof loop->date};
}

static void begin(struct shard_loop *loop)
{
    struct turn *turn = &loop->turn;
    uint32_t bytes = loop->shared->options->log.group_bytes_max;
    turn->now_ns = env_now(loop->env);
    turn->events = (struct pile){
        .at = loop->group_memory + (size_t)loop->group_next * bytes,
        .capacity_bytes = bytes,
    };
    turn->event_count = 0;
    turn->storage = log_is_spent(loop->shared->log)  ? STORAGE_SPENT
                    : log_is_full(loop->shared->log) ? STORAGE_FULL
                                                     : STORAGE_READY;
    loop->turn_number++;
    loop->http.watermark = log_watermark(loop->shared->log);
    loop->turn_began = env_clock(loop->env);
    turn->clock_ns = loop->turn_began;
    turn->extended_ns = 0;
    note_date(loop);
    loop->http.callers = binary_callers(&loop->shared->welcome);
    metric_add(&loop->metrics, METRIC_TURNS, 1);
    /* Exact, not now and then: who asks is one of them. */
    metric_set(&loop->metrics, METRIC_CONNECTIONS, loop->connections.open_count);
}

static bool has_requests(const struct shard_loop *loop)
{
    return loop->requests_read < loop->requests.used_bytes ||
           loop->connections.ready_first != CONNECTION_NONE;
}

/* Effects run; requests are collected. True: every mailbox has been read since the last request
 * that now waits came in, so nobody is refused by an effect that was acknowledged elsewhere. */
static bool read_and_cover(struct shard_loop *loop)
{
    if (loop->requests.used_bytes > loop->requests.capacity_bytes / 3)
        return false; /* those that are covered run first */
    if (!read_mailboxes(loop))
        return false;
    if (!has_requests(loop))
        return true;
    uint32_t covered = loop->requests.used_bytes;
    if (!read_mailboxes(loop))
        return false;
    loop->requests_covered = covered; /* what the second reading found waits for the next turn */
    return true;
}

static void end_slow_requests(struct shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->connections.count_max; i++) {
        struct connection *c = &loop->connections.at[i];
        connection_lingered(&loop->connections, loop->env, c, loop->turn_began);
        if (c->phase != CONNECTION_OPEN || c->partial_since_ns == 0 ||
            loop->turn_began - c->partial_since_ns < loop->shared->options->request_ns_max)
            continue;
        if (c->protocol == PROTOCOL_BINARY)
            connection_end(&loop->connections, loop->env, c);
        else
            web_expire(&loop->connections, loop->env, c, http_server_of(loop, c));
    }
}

/* Rules that stand in a file come from no connection, so their answer goes nowhere. */
static void take_rules(struct shard_loop *loop)
{
    struct rules_offer *rules = &loop->shared->rules;
    uint64_t offered = atomic_load(&rules->offered); /* pairs with server_put_rules */
    if (offered == atomic_load(&rules->taken) || !turn_has_room(&loop->turn) ||
        loop->shared->slot_shard[TOPOLOGY_SLOT] != loop->number)
        return;
    shard_request(loop->shard, &loop->turn,
                  &(struct request){.origin = {.token = CONNECTION_NONE, .shard = loop->number},
                                    .caller = {"rules file", 10},
                                    .command = (const void *)rules->command});
    atomic_store(&rules->taken, offered); /* pairs with server_put_rules */
}

static void say_extended(struct shard_loop *loop)
{
    char line[128];
    snprintf(line, sizeof line,
             "deadlines end %llu s later: nobody was there to meet them, or the clock has jumped",
             (unsigned long long)(loop->turn.extended_ns / 1000000000));
    env_say_at(loop->env, ENV_WARNING, line);
}

static void turn(struct shard_loop *loop)
{
    begin(loop);
    take_rules(loop);
    connections_waited(&loop->connections, loop->env, loop->http.watermark, loop->turn_began);
    bool covered = read_and_cover(loop);
    run_requests(loop);
    if (covered)
        run_connections(loop);
    if (!loop->drained)
        shard_expire(loop->shard, &loop->turn);
    if (loop->turn.extended_ns > 0)
        say_extended(loop);
    if (loop->turn_began >= loop->slow_next) {
        loop->slow_next = loop->turn_began + SLOW_LOOK_NS;
        end_slow_requests(loop);
        connections_cool(&loop->connections, loop->env);
    }
    take_sequence_and_publish(loop);
    ring_doorbells(loop);
    write_answers(loop);
    note_due(loop);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static bool mailboxes_empty(struct shard_loop *loop)
{
    for (uint32_t from = 0; from < loop->shard_count; from++) {
        struct mailbox *mailbox = loop->shared->mailboxes[from][loop->number];
        if (from != loop->number && !mailbox_empty(mailbox))
            return false;
    }
    return true;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool has_spilled(const struct shard_loop *loop)
{
    return loop->released_turn < loop->turn_number;
}

static uint64_t wait_until(struct shard_loop *loop)
{
    uint64_t clock = env_clock(loop->env);
    uint64_t net = has_spilled(loop) ? SPILLED_NS : SAFETY_NET_NS;
    uint64_t until = earlier(clock + net, log_deadline(loop->shared->log));
    uint64_t deadline = shard_deadline_ns(loop->shard);
    uint64_t now = env_now(loop->env);
    bool may_expire = may_begin(loop) && loop->turn.storage != STORAGE_SPENT;
    if (deadline != UINT64_MAX && may_expire) /* else it is the log that we wait for */
        until = earlier(until, clock + (deadline > now ? deadline - now : 0));
    return until;
}

/* Nothing to do: sleeps until a completion, a doorbell or the next deadline. Whoever publishes
 * something for us after we have looked for the last time sees the flag and rings. */
static void wait_and_reap(struct shard_loop *loop)
{
    struct shared *shared = loop->shared;
    metric_add(&loop->metrics, METRIC_WAITS, 1);
    struct atomic64 *sleeping = &shared->sleeping[loop->number].value;
    bool waits_for_log = loop->due_head != loop->due_tail || !may_begin(loop) ||
                         loop->connections.waiting_first != CONNECTION_NONE;
    atomic_store(sleeping, 1); /* pairs with the load in ring_doorbells */
    atomic_fence();
    bool quiet = mailboxes_empty(loop) && atomic_load(&shared->stop) == loop->stop_seen;
    if (quiet && waits_for_log)
        quiet = log_sleep(shared->log, loop->number, loop->watermark);
    reap(loop, quiet ? wait_until(loop) : 0);
    atomic_store(sleeping, 0);
    if (waits_for_log)
        log_awake(shared->log, loop->number);
}

/* ---- draining ---------------------------------------------------------------------------------- */

/* For a while everything is still taken, but /readyz says no and answers ask for another connection:
 * whoever balances the load has time to look away. True: that while is over. */
static bool has_said_goodbye(struct shard_loop *loop)
{
    uint64_t clock = env_clock(loop->env);
    if (!loop->http.draining)
        loop->drain_at = clock + loop->shared->options->drain_delay_ns;
    loop->http.draining = true;
    loop->admin.draining = true;
    return clock >= loop->drain_at;
}

/* No new connection, no new byte; what has come in is executed and answered. */
static void begin_drain(struct shard_loop *loop)
{
    loop->draining = true;
    loop->accepting = false;
    for (uint32_t i = 0; i < loop->listener_count; i++)
        env_submit(loop->env,
                   &(struct env_op){.kind = ENV_CANCEL,
                                    .file = loop->listeners[i].file,
                                    .user = (uint64_t)USER_END << USER_SHIFT | CONNECTION_NONE});
}

static void drain_connections(struct shard_loop *loop)
{
    for (uint32_t i = 0; i < loop->connections.count_max; i++) {
        struct connection *c = &loop->connections.at[i];
        if (c->phase == CONNECTION_OPEN && !c->ready && !c->waiting && c->open_commands == 0)
            connection_end(&loop->connections, loop->env, c);
    }
}

static bool own_work_left(const struct shard_loop *loop)
{
    for (uint32_t to = 0; to < loop->shard_count; to++)
        if (loop->turn.outbox[to].used_bytes > 0)
            return true;
    return loop->connections.open_count > 0 || loop->forwarded > 0 ||
           loop->due_head != loop->due_tail || loop->requests.used_bytes > 0 ||
           shard_counts(loop->shard).flights > 0;
}

/* True when this shard may end: nobody has work left that could reach us. */
static bool ended(struct shard_loop *loop)
{
    struct shared *shared = loop->shared;
    loop->stop_seen = atomic_load(&shared->stop); /* pairs with server_stop, fail */
    if (loop->stop_seen == 0)
        return false;
    if (loop->stop_seen > 1)
        return true;
    if (!has_said_goodbye(loop))
        return false;
    if (!loop->draining)
        begin_drain(loop);
    drain_connections(loop);
    if (!loop->drained && !own_work_left(loop)) {
        loop->drained = true;
        if (atomic_add(&shared->drained, 1) + 1 == loop->shard_count)
            for (uint32_t to = 0; to < loop->shard_count; to++)
                env_doorbell(loop->env, to);
    }
    return atomic_load(&shared->drained) == loop->shard_count && mailboxes_empty(loop) &&
           log_is_quiet(shared->log);
}

/* ---- from the first turn to the last ------------------------------------------------------------ */

static int prepare(struct shard_loop *loop)
{
    struct env_memory buffers[2];
    log_buffers(loop->shared->log, buffers);
    if (env_register(loop->env, buffers, 2) == 0)
        log_registered(loop->shared->log, loop->number);
    else
        env_say_at(loop->env, ENV_WARNING,
                   "the write buffers cannot be registered (locked memory); writing plainly");
    if (env_provide(loop->env, loop->receive_memory, RECEIVE_BUFFERS, RECEIVE_BUFFER_BYTES) < 0) {
        fail(loop, EXIT_OS,
             "buffers for receiving cannot be set up; raise the limit of locked memory");
        return EXIT_OS;
    }
    loop->accepting = true;
    for (uint32_t i = 0; i < loop->listener_count; i++)
        arm_accept(loop, i);
    return 0;
}

/* Now and then is enough for whoever looks from outside. */
static void note_gauges(struct shard_loop *loop)
{
    if (loop->turn_began < loop->gauges_next)
        return;
    loop->gauges_next = loop->turn_began + GAUGES_NS;
    struct shard_counts counts = shard_counts(loop->shard);
    metric_set(&loop->metrics, METRIC_ORDERS, counts.orders);
    metric_set(&loop->metrics, METRIC_ORDERS_MAX, counts.orders_max);
    metric_set(&loop->metrics, METRIC_SKUS, counts.skus);
    metric_set(&loop->metrics, METRIC_ORDER_BYTES, counts.order_bytes);
    metric_set(&loop->metrics, METRIC_ORDER_BYTES_MAX, counts.order_bytes_max);
    metric_set(&loop->metrics, METRIC_CELLS, counts.cells);
    metric_set(&loop->metrics, METRIC_RETRIES, counts.retries);
    metric_set(&loop->metrics, METRIC_FLIGHTS, counts.flights);
    if (++loop->gauges_noted % (1000 * 1000 * 1000 / GAUGES_NS) == 0)
        hot_forget(&loop->metrics.hot);
    metric_set(&loop->metrics, METRIC_CPU_NS, env_cpu(loop->env));
    metric_set(&loop->metrics, METRIC_ALLOCATED_BYTES, env_allocated(loop->env));
}

int shard_loop_run(struct shard_loop *loop, struct env *env)
{
    loop->env = env;
    int failure = prepare(loop);
    while (failure == 0 && !ended(loop)) {
        if (loop->worked) {
            loop->worked = false;
            reap(loop, 0);
        } else {
            wait_and_reap(loop);
        }
        if (may_begin(loop))
            turn(loop);
        log_drive(loop->shared->log, loop->env, loop->number);
        release(loop);
        note_gauges(loop);
    }
    return (int)atomic_load(&loop->shared->failure);
}
