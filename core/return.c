#include "core/return.h"

#include <string.h>

#include "core/answer.h"

/* ---- records ----------------------------------------------------------------------------------- */

uint32_t return_next(const struct orders *orders, const struct order *order, uint32_t record)
{
    if (record != 0)
        return return_at(orders, record)->next;
    const struct order_more *more = order_more(orders, order);
    return more != NULL ? more->returns : 0;
}

struct text return_id(const struct order_return *r)
{
    return (struct text){(const char *)(r->lines + r->line_count), r->id_bytes};
}

static struct text return_reason(const struct order_return *r)
{
    struct text id = return_id(r);
    return (struct text){id.at + id.bytes, r->reason_bytes};
}

uint32_t return_find(const struct orders *orders, const struct order *order, struct text id)
{
    uint32_t record = 0;
    while ((record = return_next(orders, order, record)) != 0) {
        struct text other = return_id(return_at(orders, record));
        if (text_equals(other, id))
            break;
    }
    return record;
}

bool return_is_open(const struct order_return *r)
{
    return return_state_is_open((enum return_state)r->state);
}

bool returns_are_open(const struct orders *orders, const struct order *order, uint32_t besides)
{
    for (uint32_t record = 0; (record = return_next(orders, order, record)) != 0;)
        if (record != besides && return_is_open(return_at(orders, record)))
            return true;
    return false;
}

static uint32_t record_bytes(uint32_t line_count, uint32_t text_bytes)
{
    return (uint32_t)sizeof(struct order_return) +
           line_count * (uint32_t)sizeof(struct child_return_line) + text_bytes;
}

uint64_t return_room(uint32_t line_count, uint32_t text_bytes)
{
    return memory_record_bytes(record_bytes(line_count, text_bytes));
}

/* ---- slices ------------------------------------------------------------------------------------ */

static bool ids_valid(uint8_t order_bytes, uint8_t id_bytes)
{
    return order_bytes > 0 && order_bytes <= ID_BYTES_MAX && id_bytes > 0 &&
           id_bytes <= ID_BYTES_MAX;
}

static bool made_valid(const struct slice_return *slice)
{
    if (slice->head.bytes < sizeof *slice || slice->line_count == 0 ||
        slice->line_count > ORDER_LINES_MAX || !ids_valid(slice->order_bytes, slice->id_bytes))
        return false;
    uint32_t bytes = (uint32_t)sizeof *slice + slice->order_bytes + slice->id_bytes;
    bytes += slice->line_count * (uint32_t)sizeof slice->lines[0] + slice->reason_bytes;
    return slice->head.bytes == bytes_padded(bytes);
}

static bool moved_valid(const struct slice_return_moved *slice)
{
    if (slice->head.bytes < sizeof *slice || slice->line_count > ORDER_LINES_MAX ||
        !ids_valid(slice->order_bytes, slice->id_bytes) ||
        return_step((enum return_state)slice->from, (enum return_move)slice->move) == NULL)
        return false;
    uint32_t bytes = (uint32_t)sizeof *slice + slice->order_bytes + slice->id_bytes;
    bytes += slice->line_count * (uint32_t)sizeof slice->lines[0] + slice->reason_bytes;
    return slice->head.bytes == bytes_padded(bytes);
}

bool return_slice_valid(const struct slice *slice)
{
    return slice->kind == SLICE_RETURN ? made_valid((const void *)slice)
                                       : moved_valid((const void *)slice);
}

/* ---- applying ---------------------------------------------------------------------------------- */

/* An open return stops the time after which a delivered order is completed. */
static void set_deadline(struct orders *orders, uint32_t number, uint64_t deadline_ns)
{
    const struct order *order = order_at(orders, number);
    if (order->state != ORDER_DELIVERED)
        return;
    if (timer_is_running(&order->timer))
        timers_clear(&orders->timers, number);
    if (deadline_ns != 0)
        timers_set(&orders->timers, number, deadline_ns);
}

/* 0: no room. */
static uint32_t make(struct orders *orders, struct order *order, const struct slice_return *slice)
{
    struct order_more *more = order_make_more(orders, order);
    const char *id = (const char *)(slice->lines + slice->line_count) + slice->order_bytes;
    uint32_t text_bytes = (uint32_t)slice->id_bytes + slice->reason_bytes;
    uint32_t record = 0;
    if (more != NULL)
        record = memory_take(&orders->records, record_bytes(slice->line_count, text_bytes));
    if (record == 0)
        return 0;
    struct order_return *r = return_at(orders, record);
    *r = (struct order_return){
        .line_count = slice->line_count,
        .state = RETURN_REQUESTED,
        .kind = slice->kind,
        .digest = slice->digest,
        .created_ns = slice->created_ns,
        .changed_ns = slice->created_ns,
        .id_bytes = slice->id_bytes,
        .reason_bytes = slice->reason_bytes,
    };
    memcpy(r->lines, slice->lines, slice->line_count * sizeof slice->lines[0]);
    memcpy(r->lines + slice->line_count, id, text_bytes);
    uint32_t *link = &more->returns;
    while (*link != 0)
        link = &return_at(orders, *link)->next;
    *link = record;
    return record;
}

static struct text made_order(const struct slice_return *slice)
{
    return (struct text){(const char *)(slice->lines + slice->line_count), slice->order_bytes};
}

static enum shard_table apply_made(struct orders *orders, struct position position,
                                   const struct event *event, const struct slice_return *slice)
{
    uint32_t number = order_known(orders, made_order(slice));
    struct order *order = order_at(orders, number);
    struct line_progress *progress = order_make_progress(orders, order);
    uint32_t record = progress != NULL ? make(orders, order, slice) : 0;
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    for (uint32_t i = 0; i < slice->line_count; i++)
        progress[slice->lines[i].line - 1].returning += slice->lines[i].units;
    set_deadline(orders, number, slice->deadline_ns);
    order_touch(orders, number, position, event);
    return SHARD_TABLE_NONE;
}

/* What is refused, or never came, counts as rejected. */
static void count_line(struct line_progress *line, struct child_return_line *of,
                       enum return_effect effect)
{
    switch (effect) {
    case RETURN_STAYS:
    case RETURN_COMES:
        return;
    case RETURN_GIVEN_UP:
        of->rejected = of->units;
        line->returning -= of->units;
        return;
    case RETURN_JUDGED:
        line->returning -= of->rejected;
        line->returned += of->accepted;
        return;
    case RETURN_SWAPPED:
        line->returning -= of->rejected;
        return;
    }
}

static enum shard_table apply_moved(struct orders *orders, struct position position,
                                    const struct event *event,
                                    const struct slice_return_moved *slice)
{
    struct text order_id = {(const char *)(slice->lines + slice->line_count), slice->order_bytes};
    uint32_t number = order_known(orders, order_id);
    struct order *order = order_at(orders, number);
    uint32_t record =
        return_find(orders, order, (struct text){order_id.at + order_id.bytes, slice->id_bytes});
    CHECK(record != 0 && return_at(orders, record)->state == slice->from);
    struct order_return *r = return_at(orders, record);
    const struct return_step *step =
        return_step((enum return_state)slice->from, (enum return_move)slice->move);
    if (slice->line_count > 0)
        memcpy(r->lines, slice->lines, slice->line_count * sizeof slice->lines[0]);
    struct line_progress *progress = order_make_progress(orders, order);
    for (uint32_t i = 0; i < r->line_count; i++)
        count_line(&progress[r->lines[i].line - 1], &r->lines[i], step->effect);
    r->state = slice->to;
    r->changed_ns = event->at_ns;
    set_deadline(orders, number, slice->deadline_ns);
    order_touch(orders, number, position, event);
    return SHARD_TABLE_NONE;
}

enum shard_table return_apply(struct orders *orders, struct position position,
                              const struct event *event, const struct slice *slice)
{
    if (slice->kind == SLICE_RETURN)
        return apply_made(orders, position, event, (const void *)slice);
    return apply_moved(orders, position, event, (const void *)slice);
}

/* ---- answers ----------------------------------------------------------------------------------- */

uint32_t return_answer_bytes(const struct order_return *r, bool whole)
{
    uint32_t bytes = (uint32_t)sizeof(struct child_return) + r->id_bytes + r->reason_bytes;
    if (whole)
        bytes += r->line_count * (uint32_t)sizeof(struct child_return_line);
    return bytes_padded(bytes);
}

void *return_answer(const struct order_return *r, bool whole, void *out)
{
    struct child_return *child = out;
    *child = (struct child_return){
        .head = {.bytes = return_answer_bytes(r, whole),
                 .kind = CHILD_RETURN,
                 .state = r->state,
                 .id_bytes = r->id_bytes,
                 .note_bytes = r->reason_bytes},
        .created_ns = r->created_ns,
        .changed_ns = r->changed_ns,
        .line_count = whole ? r->line_count : 0,
        .kind = r->kind,
    };
    memcpy(child->lines, r->lines, child->line_count * sizeof child->lines[0]);
    char *at = text_put((char *)(child->lines + child->line_count), return_id(r));
    text_put(at, return_reason(r));
    return (char *)out + child->head.bytes;
}

uint32_t returns_answer_bytes(const struct orders *orders, const struct order *order)
{
    uint32_t bytes = 0;
    for (uint32_t record = 0; (record = return_next(orders, order, record)) != 0;)
        bytes += return_answer_bytes(return_at(orders, record), false);
    return bytes;
}

uint32_t returns_answer(const struct orders *orders, const struct order *order, void *out)
{
    uint32_t count = 0;
    for (uint32_t record = 0; (record = return_next(orders, order, record)) != 0; count++)
        out = return_answer(return_at(orders, record), false, out);
    return count;
}

/* ---- looking at all of it ---------------------------------------------------------------------- */

/* Units of one line in returns, without rejected ones. */
static uint32_t returning_of(const struct orders *orders, const struct order *order, uint32_t line)
{
    uint32_t units = 0;
    for (uint32_t record = 0; (record = return_next(orders, order, record)) != 0;) {
        const struct order_return *r = return_at(orders, record);
        for (uint32_t i = 0; i < r->line_count; i++)
            if (r->lines[i].line == line)
                units += r->lines[i].units - r->lines[i].rejected;
    }
    return units;
}

static bool is_judged_so(const struct child_return_line *line, enum return_judgement judgement)
{
    if (judgement == NOT_JUDGED)
        return line->accepted == 0 && line->rejected == 0;
    return line->accepted + line->rejected == line->units &&
           (judgement == ALL_JUDGED || line->accepted == 0);
}

static bool returns_are_judged(const struct orders *orders, const struct order *order)
{
    for (uint32_t record = 0; (record = return_next(orders, order, record)) != 0;) {
        const struct order_return *r = return_at(orders, record);
        for (uint32_t i = 0; i < r->line_count; i++)
            if (!is_judged_so(&r->lines[i], return_state_lines((enum return_state)r->state)))
                return false;
    }
    return true;
}

const char *returns_audit(const struct orders *orders, const struct order *order)
{
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct line_progress line = order_line_progress(orders, order, i);
        if (line.returning != returning_of(orders, order, i + 1))
            return "what a line's returns say of it";
        if (line.returning > line.delivered)
            return "no more comes back than was delivered";
    }
    return returns_are_judged(orders, order) ? NULL : "what a return's state says of its lines";
}

/* ---- images ------------------------------------------------------------------------------------ */

static void image_one(const struct order_return *r, struct text order, struct record *record,
                      struct pile *out)
{
    uint32_t line_bytes = r->line_count * (uint32_t)sizeof r->lines[0];
    uint32_t bytes = (uint32_t)sizeof(struct slice_return) + line_bytes + order.bytes;
    bytes += (uint32_t)r->id_bytes + r->reason_bytes;
    struct part_return *part = record_part(out, record, PART_RETURN, sizeof *part + bytes);
    struct slice_return *slice = (void *)(part + 1);
    part->changed_ns = r->changed_ns;
    part->state = r->state;
    *slice = (struct slice_return){
        .head = {bytes_padded(bytes), record->slot, SLICE_RETURN},
        .digest = r->digest,
        .created_ns = r->created_ns,
        .line_count = r->line_count,
        .kind = r->kind,
        .order_bytes = (uint8_t)order.bytes,
        .id_bytes = r->id_bytes,
        .reason_bytes = r->reason_bytes,
    };
    memcpy(slice->lines, r->lines, line_bytes);
    char *at = text_put((char *)(slice->lines + r->line_count), order);
    text_put(text_put(at, return_id(r)), return_reason(r));
}

void returns_image(const struct orders *orders, const struct order *order, struct text id,
                   struct record *record, struct pile *out)
{
    for (uint32_t number = 0; (number = return_next(orders, order, number)) != 0;)
        image_one(return_at(orders, number), id, record, out);
}

bool return_part_valid(const struct part_return *part)
{
    const struct slice_return *slice = (const void *)(part + 1);
    return part->head.bytes >= sizeof *part + sizeof *slice &&
           slice->head.bytes == part->head.bytes - sizeof *part &&
           slice->head.kind == SLICE_RETURN && slice_valid(&slice->head) && part->state > 0 &&
           part->state < RETURN_STATES;
}

/* Its lines are in the order's sums already, and so is what it means for the order's deadline. */
enum shard_table return_load(struct orders *orders, const struct part_return *part)
{
    const struct slice_return *slice = (const void *)(part + 1);
    struct order *order = order_at(orders, order_known(orders, made_order(slice)));
    uint32_t record = make(orders, order, slice);
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    struct order_return *r = return_at(orders, record);
    r->state = part->state;
    r->changed_ns = part->changed_ns;
    return SHARD_TABLE_NONE;
}

void returns_give(struct orders *orders, uint32_t record)
{
    for (uint32_t next; record != 0; record = next) {
        const struct order_return *r = return_at(orders, record);
        next = r->next;
        memory_give(&orders->records, record,
                    record_bytes(r->line_count, (uint32_t)r->id_bytes + r->reason_bytes));
    }
}
