#include "io/recall.h"

#include <string.h>

#include "core/shape.h"
#include "io/cut.h"
#include "persist/history.h"

/* A question is as long as a name and an id; an answer holds the longest event, or some. */
enum { QUESTIONS_BYTES = 4096, ANSWERS_BYTES = 1 << 20, PAGE_BYTES = 24 << 10 };
_Static_assert((int)sizeof(struct message_result) + (int)RESULT_BYTES_MAX <= (int)ANSWERS_BYTES / 4,
               "the longest answer fits");
static const uint64_t SOON_NS = 500 * 1000;

/* The mailboxes of one shard, and what its turn has to ask. */
struct lane {
    struct mailbox *questions;
    struct mailbox *answers;
    const struct message_command *open; /* being answered */
    struct pile noted;
};

struct recall {
    uint32_t shard_count;
    struct sparse sparse;
    void *sparse_memory;
    struct history history;
    struct message_result *answer; /* being written */
    struct lane lanes[];
};

static void lay_out(struct cut *cut, uint32_t shard_count, struct recall *recall,
                    struct lane lanes[])
{
    recall->sparse_memory = cut_off(cut, SPARSE_MEMORY_BYTES);
    recall->answer = cut_off(cut, sizeof *recall->answer + RESULT_BYTES_MAX);
    for (uint32_t i = 0; i < shard_count; i++) {
        lanes[i].questions = cut_off(cut, mailbox_bytes(QUESTIONS_BYTES));
        lanes[i].answers = cut_off(cut, mailbox_bytes(ANSWERS_BYTES));
        lanes[i].noted =
            (struct pile){.at = cut_off(cut, QUESTIONS_BYTES), .capacity_bytes = QUESTIONS_BYTES};
    }
}

size_t recall_bytes(uint32_t shard_count)
{
    struct cut cut = {0};
    struct recall measured;
    struct lane lanes[SHARDS_MAX];
    cut_off(&cut, sizeof measured + shard_count * sizeof lanes[0]);
    lay_out(&cut, shard_count, &measured, lanes);
    return cut.used_bytes;
}

struct recall *recall_init(void *zeroed_memory, uint32_t shard_count)
{
    struct cut cut = {.at = zeroed_memory};
    struct recall *recall = cut_off(&cut, sizeof *recall + shard_count * sizeof recall->lanes[0]);
    recall->shard_count = shard_count;
    lay_out(&cut, shard_count, recall, recall->lanes);
    for (uint32_t i = 0; i < shard_count; i++) {
        struct lane *lane = &recall->lanes[i];
        lane->questions = mailbox_init(lane->questions, QUESTIONS_BYTES);
        lane->answers = mailbox_init(lane->answers, ANSWERS_BYTES);
    }
    return recall;
}

/* ---- a shard's side ------------------------------------------------------------------------------------ */

static void refuse(struct turn *turn, uint32_t number, const struct request *request,
                   enum code code)
{
    (void)turn_answer(turn, number, request->origin, request->command->request, code, RESULT_PLAIN,
                      sizeof(struct result));
}

/* False: refused. From where on back: as was asked, or from the newest event on. */
static bool find_newest(struct shard *shard, const struct past_get *get, uint64_t watermark,
                        struct position *from, enum code *code)
{
    *from = (struct position){get->seq, get->index};
    *code = CODE_NOT_FOUND;
    if (get->seq > watermark + 1) {
        *code = CODE_INVALID; /* no answer has ever said so */
        return false;
    }
    if (get->seq != 0)
        return true;
    if (get->head.op == OP_ORDER_HISTORY)
        return shard_last_event(shard, past_get_order(get), from);
    from->seq = watermark + 1;
    return true;
}

bool recall_note(struct recall *recall, struct shard *shard, uint32_t number, struct turn *turn,
                 const struct request *request, uint64_t watermark)
{
    const struct past_get *get = (const void *)request->command;
    struct pile *noted = &recall->lanes[number].noted;
    struct position from;
    enum code code;
    uint32_t bytes = (uint32_t)sizeof(struct message_command) + get->head.bytes;
    if (!find_newest(shard, get, watermark, &from, &code)) {
        refuse(turn, number, request, code);
        return false;
    }
    if (noted->capacity_bytes - noted->used_bytes < bytes) {
        refuse(turn, number, request, CODE_BUSY);
        return false;
    }
    struct message_command *message = pile_append(noted, bytes);
    message->head = (struct message){
        .bytes = bytes, .kind = MESSAGE_COMMAND, .from = (uint16_t)number, .seen = watermark};
    message->origin = request->origin;
    struct past_get *question = memcpy(message + 1, get, get->head.bytes);
    question->seq = from.seq;
    question->index = from.index;
    return true;
}

/* What finds no room now does so at the end of a later turn. */
bool recall_publish(struct recall *recall, uint32_t number, uint64_t seq)
{
    struct lane *lane = &recall->lanes[number];
    struct pile *noted = &lane->noted;
    uint32_t put = 0;
    for (uint32_t at = 0; at < noted->used_bytes;) {
        struct message_command *message = (void *)(noted->at + at);
        struct past_get *question = (void *)(message + 1);
        if (question->seq == 0)
            question->seq = seq;
        at += message->head.bytes;
    }
    while (put < noted->used_bytes && mailbox_put(lane->questions, (void *)(noted->at + put)))
        put += ((const struct message *)(const void *)(noted->at + put))->bytes;
    if (put == 0)
        return false;
    mailbox_publish(lane->questions);
    noted->used_bytes -= put;
    memmove(noted->at, noted->at + put, noted->used_bytes);
    return true;
}

struct mailbox *recall_answers(struct recall *recall, uint32_t number)
{
    return recall->lanes[number].answers;
}

/* ---- the reader's side --------------------------------------------------------------------------------- */

void recall_begin(struct recall *recall, int32_t directory, int32_t archive, uint64_t log_id)
{
    sparse_init(&recall->sparse, recall->sparse_memory, directory, archive, log_id);
}

static bool is_wanted(const struct past_get *get, const struct slice *slice)
{
    struct text asked = past_get_order(get), order = shape_order(slice);
    if (get->sku != 0)
        return shape_sku(slice) == get->sku;
    return text_equals(order, asked);
}

static uint32_t wanted_bytes(const struct past_get *get, const struct event *event)
{
    const struct slice *slice = event_slices(event);
    uint32_t bytes = (uint32_t)((const char *)slice - (const char *)event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        bytes += is_wanted(get, slice) ? slice->bytes : 0;
    return bytes;
}

static void copy_wanted(const struct past_get *get, const struct event *event, struct event *to)
{
    const struct slice *slice = event_slices(event);
    uint8_t *at = (uint8_t *)to;
    uint32_t head_bytes = (uint32_t)((const char *)slice - (const char *)event);
    memcpy(to, event, head_bytes);
    to->slice_count = 0;
    at += head_bytes;
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice)) {
        if (!is_wanted(get, slice))
            continue;
        memcpy(at, slice, slice->bytes);
        at += slice->bytes;
        to->slice_count++;
    }
    to->bytes = (uint32_t)(at - (uint8_t *)to);
}

/* False: the page is full, and this event belongs to the next one. */
static bool add_event(struct result_events *events, const struct past_get *get,
                      struct position position, const struct event *event)
{
    uint32_t bytes = (uint32_t)sizeof(struct result_event) + wanted_bytes(get, event);
    uint32_t most = events->event_count == 0 ? RESULT_BYTES_MAX : PAGE_BYTES;
    if (events->event_count == get->limit || events->head.bytes + bytes > most)
        return false;
    struct result_event *item = (void *)((uint8_t *)events + events->head.bytes);
    struct text order = shape_order(event_slices(event));
    *item = (struct result_event){.seq = position.seq, .index = position.index};
    item->order_bytes = (uint8_t)order.bytes;
    memcpy(item->order, order.at, order.bytes);
    copy_wanted(get, event, (void *)(item + 1));
    events->head.bytes += bytes;
    events->event_count++;
    return true;
}

static void fail(struct result_events *events, enum code code)
{
    events->head.code = (uint16_t)code;
    events->head.kind = RESULT_PLAIN;
    events->head.bytes = sizeof events->head;
}

/* Whether this is the past of that order: a cursor may be anybody's. */
static bool is_its_own(const struct past_get *get, const struct event *event)
{
    return get->sku != 0 || is_wanted(get, event_slices(event));
}

static void fill_page(struct recall *recall, const struct past_get *get,
                      struct result_events *events)
{
    struct history *history = &recall->history;
    const struct event *event;
    struct position at, next = history->next;
    while ((event = history_next(history, &at)) != NULL && is_its_own(get, event) &&
           add_event(events, get, at, event))
        next = history->next;
    if (recall->sparse.error != 0) {
        fail(events, CODE_INTERNAL);
    } else if (event != NULL && !is_its_own(get, event)) {
        fail(events, CODE_INVALID);
    } else {
        if (event == NULL)
            next = history->next;
        bool truncated = event == NULL && history->end == HISTORY_TRUNCATED;
        bool began = event == NULL && history->end == HISTORY_BEGAN;
        /* Of an order it is the event that could not be had; of a SKU the group before. */
        events->next_seq = next.seq + (truncated && (get->sku == 0 || next.index > 0));
        events->next_index = next.index;
        events->end = truncated ? EVENTS_TRUNCATED : began ? EVENTS_BEGAN : EVENTS_GO_ON;
    }
}

static void look_back(struct recall *recall, struct env *env, const struct past_get *get,
                      struct result_events *events)
{
    const struct position from = {get->seq, get->index};
    sparse_begin(&recall->sparse, env);
    if (get->sku != 0)
        history_of_sku(&recall->history, &recall->sparse, get->sku, from, RECALL_WORK_BYTES);
    else
        history_of_order(&recall->history, &recall->sparse, from);
    fill_page(recall, get, events);
    sparse_end(&recall->sparse);
}

/* It has seen what is durable, and nothing else. */
static void answer(struct recall *recall, struct env *env, const struct message_command *question,
                   uint64_t watermark)
{
    const struct past_get *get = (const void *)(question + 1);
    struct message_result *message = recall->answer;
    struct result_events *events = (void *)(message + 1);
    memset(message, 0, sizeof *message + sizeof *events);
    message->head = (struct message){.kind = MESSAGE_RESULT, .seen = watermark};
    message->token = question->origin.token;
    events->head = (struct result){.bytes = sizeof *events,
                                   .code = CODE_OK,
                                   .kind = RESULT_EVENTS,
                                   .request = get->head.request};
    look_back(recall, env, get, events);
    message->head.bytes = (uint32_t)sizeof *message + events->head.bytes;
}

/* The next question of the shard; NULL: there is none. */
static const struct message_command *next_question(struct lane *lane)
{
    if (lane->open == NULL)
        lane->open = (const void *)mailbox_read(lane->questions, mailbox_end(lane->questions));
    return lane->open;
}

/* False: not now, since what is asked for is not durable yet, or the answer finds no room. */
static bool work_on(struct recall *recall, struct env *env, struct lane *lane, uint64_t watermark)
{
    const struct past_get *get = (const void *)(lane->open + 1);
    uint32_t asker = lane->open->origin.shard;
    if (get->seq > watermark + (get->sku != 0))
        return false;
    answer(recall, env, lane->open, watermark);
    if (!mailbox_put(recall->lanes[asker].answers, &recall->answer->head))
        return false;
    mailbox_publish(recall->lanes[asker].answers);
    env_doorbell(env, asker);
    lane->open = NULL;
    mailbox_release(lane->questions);
    return true;
}

uint64_t recall_work(struct recall *recall, struct env *env, uint64_t watermark)
{
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < recall->shard_count; i++) {
        struct lane *lane = &recall->lanes[i];
        if (next_question(lane) == NULL)
            continue;
        next_ns = work_on(recall, env, lane, watermark) ? 0 : env_clock(env) + SOON_NS;
    }
    return next_ns;
}
