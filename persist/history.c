#include "persist/history.h"

#include "core/shape.h"

/* ---- an order: from event to event -------------------------------------------------------------------- */

void history_of_order(struct history *history, struct sparse *sparse, struct position last)
{
    *history = (struct history){.sparse = sparse, .next = last};
}

static const struct event *event_at(const struct group_head *head, uint32_t index)
{
    const struct event *event = group_events(head);
    uint64_t left = head->event_bytes;
    for (uint32_t i = 0; i < head->event_count && event_valid(event, left); i++) {
        if (i == index)
            return event;
        left -= event->bytes;
        event = event_next(event);
    }
    return NULL;
}

static const struct event *next_of_order(struct history *history, struct position *position)
{
    const struct group_head *head = sparse_group(history->sparse, history->next.seq);
    const struct event *event = head != NULL ? event_at(head, history->next.index) : NULL;
    if (event == NULL) {
        history->end = HISTORY_TRUNCATED;
        return NULL;
    }
    *position = history->next;
    if (event->kind == EVENT_ORDER_PLACED)
        history->end = HISTORY_BEGAN;
    if (event->prev_seq != 0)
        history->next.seq = event->prev_seq;
    history->next.index = event->prev_index;
    return event;
}

/* ---- a SKU: from stretch to stretch ------------------------------------------------------------------- */

void history_of_sku(struct history *history, struct sparse *sparse, uint32_t sku,
                    struct position before, uint64_t work_bytes)
{
    *history = (struct history){
        .sparse = sparse,
        .next = before,
        .sku = sku,
        .read_bytes_max = sparse->read_bytes + work_bytes,
    };
}

static bool is_about(const struct event *event, uint32_t sku)
{
    const struct slice *slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, slice = slice_next(slice))
        if (shape_sku(slice) == sku)
            return true;
    return false;
}

/* The newest ones are kept; where there is no room for more, the stretch is read again later. */
static void keep(struct history *history, struct position position, const struct event *event)
{
    uint32_t at = (history->found_first + history->found_count) % HISTORY_FOUND_MAX;
    history->found[at].position = position;
    history->found[at].event = event;
    if (history->found_count < HISTORY_FOUND_MAX)
        history->found_count++;
    else
        history->stretch = history->found[++history->found_first % HISTORY_FOUND_MAX].position;
}

static void look_into(struct history *history, const struct group_head *head)
{
    const struct event *event = group_events(head);
    uint64_t left = head->event_bytes;
    for (uint32_t i = 0; i < head->event_count && event_valid(event, left); i++) {
        bool is_before = head->seq < history->next.seq || i < history->next.index;
        if (is_before && is_about(event, history->sku))
            keep(history, (struct position){head->seq, (uint16_t)i}, event);
        left -= event->bytes;
        event = event_next(event);
    }
}

/* From the stretch that has the group before `next`; false: there is none. */
static bool read_stretch(struct history *history)
{
    uint64_t seq = history->next.index > 0 ? history->next.seq : history->next.seq - 1;
    if (history->next.seq == 0 || seq == 0) {
        history->end = HISTORY_BEGAN;
        return false;
    }
    if (history->sparse->read_bytes >= history->read_bytes_max) {
        history->end = HISTORY_PAUSED;
        return false;
    }
    if (sparse_group(history->sparse, seq) == NULL) {
        history->end = HISTORY_TRUNCATED;
        return false;
    }
    const struct group_head *head = sparse_next(history->sparse, NULL);
    uint64_t first = head != NULL ? head->seq : seq;
    history->found_first = 0;
    history->stretch = (struct position){first, 0};
    for (; head != NULL && head->seq <= seq; head = sparse_next(history->sparse, head))
        look_into(history, head);
    if (history->found_count == 0)
        history->next = history->stretch;
    return true;
}

static const struct event *next_of_sku(struct history *history, struct position *position)
{
    while (history->found_count == 0)
        if (!read_stretch(history))
            return NULL;
    uint32_t at = (history->found_first + --history->found_count) % HISTORY_FOUND_MAX;
    *position = history->found[at].position;
    history->next = history->found_count > 0 ? *position : history->stretch;
    return history->found[at].event;
}

const struct event *history_next(struct history *history, struct position *position)
{
    if (history->end != HISTORY_GOES_ON)
        return NULL;
    return history->sku == 0 ? next_of_order(history, position) : next_of_sku(history, position);
}
