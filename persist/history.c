#include "persist/history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "persist/segment.h"

enum { NAMES_BYTES = 4 << 20 };

void history_begin(struct history *history, void *memory, struct env *env,
                   const struct history_options *options)
{
    *history = (struct history){
        .env = env,
        .options = *options,
        .next = options->last,
        .names = memory,
        .window = (uint8_t *)memory + NAMES_BYTES,
    };
}

/* ---- a group of a segment ---------------------------------------------------------------------------- */

struct place_of {
    int32_t directory;
    uint64_t serial;
};

static uint64_t block_before(uint64_t offset)
{
    return offset & ~(uint64_t)(BLOCK_BYTES - 1);
}

/* The bytes from the block of `offset` on. */
static int32_t read_window(struct history *history, int32_t file, uint64_t offset)
{
    return env_do(history->env, &(struct env_op){.kind = ENV_READ,
                                                 .file = file,
                                                 .offset = block_before(offset),
                                                 .data = history->window,
                                                 .bytes = history->options.window_bytes});
}

/* Walks the groups from *at on, of which the window has the block and what follows: the group of that
 * sequence; or NULL, and *at is where to read on (0: it is not in this segment). */
static const struct group_head *look(const struct history *history, uint64_t seed, uint32_t bytes,
                                     uint64_t seq, uint64_t *at)
{
    uint64_t begin = block_before(*at), offset = *at - begin, first = offset;
    while (offset + sizeof(struct group_head) <= bytes) {
        const struct group_head *head = (const void *)(history->window + offset);
        if (!group_head_valid(head, history->options.log_id, seed)) {
            offset = block_before(offset) + BLOCK_BYTES;
            continue;
        }
        uint64_t end = offset + sizeof *head + head->event_bytes;
        if (end > bytes)
            break;
        if (head->kind == GROUP_EVENTS && head->seq >= seq) {
            *at = 0;
            return head->seq == seq && group_body_valid(head, seed) ? head : NULL;
        }
        offset = end;
    }
    bool goes_on = bytes == history->options.window_bytes && offset > first;
    *at = goes_on ? begin + offset : 0;
    return NULL;
}

static const struct group_head *search(struct history *history, int32_t file, uint64_t serial,
                                       uint64_t seq)
{
    uint64_t seed = group_seed(history->options.log_id, serial), at = BLOCK_BYTES;
    const struct group_head *head = NULL;
    while (head == NULL && at != 0 && history->error == 0) {
        int32_t got = read_window(history, file, at);
        if (got < 0)
            history->error = got;
        else
            head = look(history, seed, (uint32_t)got, seq, &at);
    }
    return head;
}

static const struct group_head *search_segment(struct history *history, struct place_of place,
                                               uint64_t seq)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, place.serial);
    int32_t file = segment_open(history->env, place.directory, name, O_RDONLY);
    if (file < 0)
        return NULL; /* it has just been put away */
    const struct group_head *head = search(history, file, place.serial, seq);
    (void)!env_do(history->env, &(struct env_op){.kind = ENV_CLOSE, .file = file});
    return head;
}

/* ---- where a sequence may stand ----------------------------------------------------------------------- */

/* The highest serial below `below` in either directory; 0: none. */
static struct place_of segment_below(struct history *history, uint64_t below)
{
    const int32_t directories[] = {history->options.directory, history->options.archive};
    struct place_of best = {0};
    for (uint32_t i = 0; i < 2 && directories[i] >= 0; i++) {
        const char *name = history->names;
        int32_t count = env_list(history->env, directories[i], history->names, NAMES_BYTES);
        for (int32_t n = 0; n < count; n++, name += strlen(name) + 1) {
            uint64_t serial = segment_serial(name);
            if (serial < below && serial > best.serial)
                best = (struct place_of){directories[i], serial};
        }
    }
    return best;
}

static const struct group_head *find_group(struct history *history, uint64_t seq)
{
    struct place_of place = {.serial = UINT64_MAX};
    const struct group_head *head = NULL;
    while (head == NULL && history->error == 0 &&
           (place = segment_below(history, place.serial)).serial != 0)
        head = search_segment(history, place, seq);
    return head;
}

/* ---- the chain ---------------------------------------------------------------------------------------- */

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

const struct event *history_next(struct history *history, struct position *position)
{
    if (history->ends || history->event_count == history->options.event_count_max)
        return NULL;
    const struct group_head *head = find_group(history, history->next.seq);
    const struct event *event = head != NULL ? event_at(head, history->next.index) : NULL;
    if (event == NULL) {
        history->ends = history->truncated = true;
        return NULL;
    }
    *position = history->next;
    history->event_count++;
    history->ends = event->kind == EVENT_ORDER_PLACED;
    if (event->prev_seq != 0)
        history->next.seq = event->prev_seq;
    history->next.index = event->prev_index;
    return event;
}
