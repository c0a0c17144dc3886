#include "io/shard_loop.h"

#include <string.h>

#include "core/bug.h"
#include "core/sometimes.h"
#include "io/drain.h"
#include "io/gate.h"
#include "io/peer.h"
#include "io/upkeep.h"
#include "io/web.h"

enum { DONE_MAX = 64 };
_Static_assert(BATCH_COMMANDS *(sizeof(struct answer) + sizeof(struct result_fault)) <=
                   ANSWER_BYTES_MAX,
               "a turn that has room can refuse a whole batch");
static const uint64_t SAFETY_NET_NS = 10 * 1000 * 1000;
static const uint64_t SPILLED_NS = 50 * 1000; /* a reader that makes room rings nobody */

/* ---- reap: completions become input, output that has left, log writes that are durable ------- */

void loop_fail(struct shard_loop *loop, int exit_code, const char *line)
{
    if (atomic_swap_if(&loop->shared->failure, 0, (uint64_t)exit_code)) /* the first one counts */
        env_say_at(loop->env, ENV_ERROR, line);
    atomic_store(&loop->shared->stop, 2); /* pairs with the load in `stopping` */
    for (uint32_t to = 0; to < loop->shard_count; to++)
        if (to != loop->number)
            env_doorbell(loop->env, to);
}

static void on_done(struct shard_loop *loop, const struct env_done *done)
{
    uint32_t what = (uint32_t)(done->user >> USER_SHIFT);
    if (what == LOG_USER) {
        int32_t error = log_done(loop->shared->log, loop->env, loop->number, done);
        if (error != 0)
            loop_fail(loop, EXIT_IO, "the log cannot be written: nothing more is acknowledged");
    } else if (what == USER_ACCEPT) {
        gate_accepted(loop, done);
    } else if (what == USER_REFUSE) {
        gate_refused(loop, done);
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
static bool read_mailbox(struct shard_loop *loop, struct mailbox *mailbox)
{
    env_point(loop->env, ENV_POINT_MAILBOX);
    uint64_t end = mailbox_end(mailbox);
    const struct message *message, *next[PREFETCH_MAX];
    uint32_t fetched = 0;
    bool room;
    while ((room = turn_has_room(&loop->turn))) {
        if (fetched == 0) {
            fetched = mailbox_look(mailbox, end, next, PREFETCH_MAX);
            shard_prefetch_messages(loop->shard, next, fetched);
        }
        if ((message = mailbox_read(mailbox, end)) == NULL)
            break;
        fetched--;
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
            all &= read_mailbox(loop, loop->shared->mailboxes[from][loop->number]);
    if (loop->forwarded > 0)
        all &= read_mailbox(loop, recall_answers(loop->shared->recall, loop->number));
    return all;
}

/* ---- commands: decoded and prefetched by the batch, executed in order of arrival --------------- */

_Static_assert((int)EVENT_BYTES_MAX <= (int)SERVER_GROUP_BYTES_MIN, "a group has room for one");

/* Whether one more command may be executed, whatever it brings forth. Of an outbox the upper half is for
 * what effects give rise to. */
static bool has_room(const struct turn *turn)
{
    for (uint32_t to = 0; to < turn->shard_count; to++)
        if (turn->outbox[to].used_bytes > turn->outbox[to].capacity_bytes / 2)
            return false;
    return turn_has_room(turn);
}

static void refuse(struct shard_loop *loop, const struct request *request,
                   const struct command_fault *fault)
{
    struct result_fault *result =
        turn_answer(&loop->turn, loop->number, request->origin, request->command->request,
                    fault->code, RESULT_FAULT, sizeof *result);
    result->line = fault->line;
    if (fault->field != NULL) {
        result->field_bytes = (uint32_t)strnlen(fault->field, sizeof result->field);
        memcpy(result->field, fault->field, result->field_bytes);
    }
}

static uint32_t padded(uint32_t bytes)
{
    return (bytes + 7) & ~7u;
}

static uint32_t message_bytes(const struct request *request)
{
    return (uint32_t)sizeof(struct message_command) + padded(request->caller.bytes) +
           request->command->bytes;
}

/* Its head is filled in. */
static void fill_message(struct message_command *message, const struct request *request)
{
    char *caller = (char *)(message + 1);
    message->origin = request->origin;
    message->caller_bytes = (uint8_t)request->caller.bytes;
    memcpy(caller, request->caller.at, request->caller.bytes);
    memcpy(caller + padded(request->caller.bytes), request->command, request->command->bytes);
}

static struct request request_in(const struct message_command *message)
{
    const char *caller = (const char *)(message + 1);
    return (struct request){
        .origin = message->origin,
        .caller = {caller, message->caller_bytes},
        .command = (const void *)(caller + padded(message->caller_bytes)),
    };
}

static void forward(struct shard_loop *loop, const struct request *request, uint32_t home)
{
    fill_message(
        turn_send(&loop->turn, loop->number, home, MESSAGE_COMMAND, message_bytes(request)),
        request);
    loop->forwarded++;
    metric_add(&loop->metrics, METRIC_FORWARDED, 1);
}

/* The turn has no room: it waits with the requests of other shards. */
static void keep(struct shard_loop *loop, const struct request *request)
{
    struct message_command *message = pile_append(&loop->requests, message_bytes(request));
    message->head = (struct message){
        .bytes = message_bytes(request), .kind = MESSAGE_COMMAND, .from = (uint16_t)loop->number};
    fill_message(message, request);
    loop->kept++;
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

/* A command whose home is here. */
static void run_command(struct shard_loop *loop, const struct request *request)
{
    if (!recall_is_asked(request->command))
        shard_request(loop->shard, &loop->turn, request);
    else if (recall_note(loop->shared->recall, loop->shard, loop->number, &loop->turn, request,
                         log_watermark(loop->shared->log)))
        loop->forwarded += request->origin.shard == loop->number; /* else it is already counted */
}

static void execute(struct shard_loop *loop, const struct request *request)
{
    uint32_t home = home_of(loop, request->command);
    if (home != loop->number) {
        forward(loop, request, home);
        return;
    }
    if (request->command->op == OP_ORDER_CREATE)
        note_wanted(loop, request->command);
    run_command(loop, request);
}

/* The next command of a connection; NULL if it has none now. */
static const struct command *next_command(struct shard_loop *loop, struct connection *c)
{
    struct connections *connections = &loop->connections;
    bool may_ask = connection_may_ask(connections, c);
    if (!may_ask && !c->held)
        metric_add(&loop->metrics,
                   c->open_commands < connections->pipelined_max ? METRIC_OUTPUT_FULL
                                                                 : METRIC_PIPELINED_FULL,
                   1);
    c->held = !may_ask;
    if (!may_ask)
        return NULL;
    if (!peer_introduced(connections, loop->env, c, loop->http.trusted))
        return NULL;
    if (c->protocol == PROTOCOL_BINARY)
        return binary_next(connections, loop->env, c, &loop->shared->welcome, loop->number);
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

/* Takes up to a batch of commands off the connections that have input, in turn. Bits of `checked`: HTTP has
 * made the command, and looked whether it is good. */
static uint32_t take_batch(struct shard_loop *loop, struct request batch[BATCH_COMMANDS],
                           uint32_t *checked)
{
    uint32_t taken = 0;
    *checked = 0;
    loop->http_commands.used_bytes = 0;
    struct connection *c;
    while (taken < BATCH_COMMANDS && (c = connection_next_ready(&loop->connections)) != NULL) {
        const struct command *command = NULL;
        while (taken < BATCH_COMMANDS && (command = next_command(loop, c)) != NULL) {
            c->open_commands++;
            c->asked_ns = loop->turn_began;
            *checked |= (uint32_t)(c->protocol != PROTOCOL_BINARY) << taken;
            batch[taken++] = (struct request){
                .origin = {.token = connection_token(&loop->connections, c), .shard = loop->number},
                .command = command,
                .caller = {c->caller, c->caller_bytes},
            };
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

/* Only what has been checked may be looked into. Those that are left, moved up; the others have their
 * answers, for which there is room before anything is executed. */
static uint32_t refuse_bad(struct shard_loop *loop, struct request *batch, uint32_t count,
                           uint32_t checked)
{
    struct command_fault fault;
    uint32_t good = 0;
    for (uint32_t i = 0; i < count; i++)
        if (checked >> i & 1 ||
            command_check(batch[i].command, batch[i].command->bytes, &fault) == CODE_OK)
            batch[good++] = batch[i];
        else
            refuse(loop, &batch[i], &fault);
    return good;
}

static bool turn_goes_on(const struct shard_loop *loop, uint32_t commands)
{
    const struct server_options *options = loop->shared->options;
    return commands < options->turn_commands_max &&
           env_clock(loop->env) - loop->turn_began < options->turn_ns_max;
}

/* None while others wait for room: whoever came first is executed first. */
static bool may_take(const struct shard_loop *loop)
{
    const struct pile *requests = &loop->requests;
    return loop->kept == 0 && has_room(&loop->turn) &&
           requests->capacity_bytes - requests->used_bytes >= KEPT_BYTES_MAX;
}

static void run_connections(struct shard_loop *loop)
{
    struct request batch[BATCH_COMMANDS];
    uint32_t taken, checked;
    for (uint32_t commands = 0; turn_goes_on(loop, commands) && may_take(loop); commands += taken) {
        taken = take_batch(loop, batch, &checked);
        if (taken == 0)
            return;
        uint32_t good = refuse_bad(loop, batch, taken, checked);
        shard_prefetch(loop->shard, batch, good);
        for (uint32_t i = 0; i < good; i++)
            if (loop->kept == 0 && has_room(&loop->turn))
                execute(loop, &batch[i]);
            else
                keep(loop, &batch[i]);
        loop->worked = true;
        metric_add(&loop->metrics, METRIC_COMMANDS, taken);
        if (env_pending(loop->env))
            reap(loop, 0); /* only we can take the completion of our own log write */
    }
}

static void run_message(struct shard_loop *loop, const struct message *message)
{
    if (message->kind != MESSAGE_COMMAND) {
        shard_message(loop->shard, &loop->turn, message);
        return;
    }
    struct request request = request_in((const void *)message);
    execute(loop, &request);
    if (message->from == loop->number)
        loop->kept--;
    else
        metric_add(&loop->metrics, METRIC_COMMANDS, 1);
}

/* Holds, commands that other shards have forwarded, and those that have been kept. */
static void run_requests(struct shard_loop *loop)
{
    struct pile *requests = &loop->requests;
    uint32_t run = 0;
    while (loop->requests_read < loop->requests_covered && turn_has_room(&loop->turn) &&
           run++ < loop->shared->options->turn_commands_max) {
        const struct message *message = (const void *)(requests->at + loop->requests_read);
        loop->requests_read += message->bytes;
        loop->worked = true;
        run_message(loop, message);
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

/* Whoever sleeps is woken, by the first of us alone: until it has a core it stays asleep, and one bell
 * is enough. Who is awake will read its mailboxes anyway. */
static void ring_doorbells(struct shard_loop *loop)
{
    bool fenced = false;
    for (uint32_t to = 0; to < loop->shard_count; to++) {
        if (!loop->rang[to])
            continue;
        loop->rang[to] = false;
        if (!fenced)
            atomic_fence(); /* the publish before the look; pairs with the fence in wait_and_reap */
        fenced = true;
        struct atomic64 *sleeping = &loop->shared->sleeping[to].value;
        if (atomic_load(sleeping) != 0 && atomic_swap_if(sleeping, 1, 0)) {
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
        if (c->fault != FRAME_OK)
            metric_fault(&loop->metrics, (enum frame_fault)c->fault);
        c->fault = FRAME_OK;
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
    upkeep_date(loop);
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
    SOMETIMES("shard loop: mailboxes are read again before a request");
    loop->requests_covered = covered; /* what the second reading found waits for the next turn */
    return true;
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

static void turn(struct shard_loop *loop)
{
    begin(loop);
    take_rules(loop);
    connections_waited(&loop->connections, loop->env, loop->http.watermark, loop->turn_began);
    bool covered = read_and_cover(loop);
    run_requests(loop);
    /* pairs with the store in set_pace */
    bool allowed = pace_allows(&loop->pace, atomic_load(&loop->shared->pace), loop->turn_began);
    if (covered && (allowed || loop->draining))
        run_connections(loop);
    if (!loop->drained)
        shard_expire(loop->shard, &loop->turn);
    upkeep_turn(loop);
    take_sequence_and_publish(loop);
    pace_spend(&loop->pace, loop->turn.events.used_bytes);
    ring_doorbells(loop);
    if (recall_publish(loop->shared->recall, loop->number, loop->seen))
        env_doorbell(loop->env, loop->shard_count + 1);
    write_answers(loop);
    note_due(loop);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

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
    bool is_over = loop->drained && !loop->shared->options->bug[BUG_DRAINED_LOOKS_ON];
    bool may_expire = may_begin(loop) && loop->turn.storage != STORAGE_SPENT && !is_over;
    if (deadline != UINT64_MAX && may_expire) /* else we wait for the log, or for other shards */
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
    bool full = !may_begin(loop); /* messages can only be read when the log has gone on */
    bool waits_for_log = full || loop->due_head != loop->due_tail ||
                         loop->connections.waiting_first != CONNECTION_NONE;
    atomic_store(sleeping, 1); /* pairs with the swap in ring_doorbells */
    atomic_fence();
    bool quiet = (full || mailboxes_empty(loop)) && atomic_load(&shared->stop) == loop->stop_seen;
    if (quiet && waits_for_log)
        quiet = log_sleep(shared->log, loop->number, loop->watermark);
    reap(loop, quiet ? wait_until(loop) : 0);
    atomic_store(sleeping, 0);
    if (waits_for_log)
        log_awake(shared->log, loop->number);
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
        loop_fail(loop, EXIT_OS,
                  "buffers for receiving cannot be set up; raise the limit of locked memory");
        return EXIT_OS;
    }
    gate_open(loop);
    return 0;
}

int shard_loop_run(struct shard_loop *loop, struct env *env)
{
    loop->env = env;
    int failure = prepare(loop);
    while (failure == 0 && !drain_over(loop)) {
        if (loop->worked) {
            loop->worked = false;
            reap(loop, 0);
        } else {
            wait_and_reap(loop);
        }
        release(loop);
        env_flush(loop->env); /* what has just become durable does not wait for a turn */
        if (may_begin(loop))
            turn(loop);
        log_drive(loop->shared->log, loop->env, loop->number);
        release(loop);
        upkeep_gauges(loop);
    }
    return (int)atomic_load(&loop->shared->failure);
}
