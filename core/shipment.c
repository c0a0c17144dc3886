#include "core/shipment.h"

#include <string.h>

#include "core/answer.h"

/* ---- records ----------------------------------------------------------------------------------- */

uint32_t shipment_next(const struct orders *orders, const struct order *order, uint32_t record)
{
    if (record != 0)
        return shipment_at(orders, record)->next;
    const struct order_more *more = order_more(orders, order);
    return more != NULL ? more->shipments : 0;
}

static const char *texts_of(const struct shipment *shipment)
{
    return (const char *)(shipment->lines + shipment->line_count);
}

struct text shipment_text(const struct shipment *shipment, enum shipment_text which)
{
    return text_nth(texts_of(shipment), shipment->text_bytes, which);
}

uint32_t shipment_find(const struct orders *orders, const struct order *order, struct text id)
{
    uint32_t record = 0;
    while ((record = shipment_next(orders, order, record)) != 0)
        if (text_equals(shipment_text(shipment_at(orders, record), SHIPMENT_ID), id))
            break;
    return record;
}

uint64_t shipment_units(const struct shipment *shipment)
{
    uint64_t units = 0;
    for (uint32_t i = 0; i < shipment->line_count; i++)
        units += shipment->lines[i].units;
    return units;
}

uint32_t shipments_failed(const struct orders *orders, const struct order *order)
{
    uint32_t failed = 0;
    for (uint32_t record = 0; (record = shipment_next(orders, order, record)) != 0;) {
        const struct shipment *shipment = shipment_at(orders, record);
        failed +=
            !shipment->of_return && shipment_state_has_failed((enum shipment_state)shipment->state);
    }
    return failed;
}

static struct kept_scan *scan_at(const struct orders *orders, uint32_t record)
{
    return memory_at(&orders->records, record);
}

static struct text scan_code(const struct kept_scan *scan)
{
    return (struct text){scan->texts, scan->code_bytes};
}

static struct text scan_place(const struct kept_scan *scan)
{
    return (struct text){scan->texts + scan->code_bytes, scan->place_bytes};
}

bool shipment_has_scan(const struct orders *orders, const struct shipment *shipment,
                       struct text code, uint64_t at_ns)
{
    for (uint32_t record = shipment->scans; record != 0; record = scan_at(orders, record)->next) {
        const struct kept_scan *scan = scan_at(orders, record);
        if (scan->at_ns == at_ns && text_equals(scan_code(scan), code))
            return true;
    }
    return false;
}

static uint32_t record_bytes(uint32_t line_count, uint32_t text_bytes)
{
    return (uint32_t)offsetof(struct shipment, lines) +
           line_count * (uint32_t)sizeof(struct child_line) + text_bytes;
}

uint64_t shipment_room(uint32_t line_count, uint32_t text_bytes)
{
    return memory_record_bytes(record_bytes(line_count, text_bytes));
}

static uint32_t scan_bytes(uint32_t code_bytes, uint32_t place_bytes)
{
    return (uint32_t)offsetof(struct kept_scan, texts) + code_bytes + place_bytes;
}

uint64_t scan_room(struct text code, struct text place)
{
    return memory_record_bytes(scan_bytes(code.bytes, place.bytes));
}

/* ---- slices ------------------------------------------------------------------------------------ */

static const char *slice_order_id(const struct slice_shipment *slice)
{
    return (const char *)(slice->lines + slice->line_count);
}

static uint32_t sum_of(const uint8_t *text_bytes)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++)
        bytes += text_bytes[i];
    return bytes;
}

/* A scan of a slice, and its texts. */
struct scan_facts {
    uint64_t at_ns;
    struct text code;
    struct text place;
};

static const char *scanned_texts(const struct slice_shipment_scanned *slice)
{
    return (const char *)(slice->scans + slice->scan_count);
}

static struct scan_facts next_scan(const struct parcel_scan *scan, const char **texts)
{
    struct scan_facts facts = {.at_ns = scan->at_ns, .code = {*texts, scan->code_bytes}};
    *texts += scan->code_bytes;
    facts.place = (struct text){*texts, scan->place_bytes};
    *texts += scan->place_bytes;
    return facts;
}

static bool texts_valid(uint8_t order_bytes, const uint8_t *text_bytes, uint8_t reason_bytes)
{
    return order_bytes > 0 && order_bytes <= ID_BYTES_MAX && text_bytes[SHIPMENT_ID] > 0 &&
           text_bytes[SHIPMENT_ID] <= ID_BYTES_MAX &&
           text_bytes[SHIPMENT_CARRIER] <= ID_BYTES_MAX &&
           text_bytes[SHIPMENT_TRACKING] <= TEXT_BYTES_MAX &&
           text_bytes[SHIPMENT_METHOD] <= TEXT_BYTES_MAX && reason_bytes <= TEXT_BYTES_MAX;
}

static bool made_valid(const struct slice_shipment *slice)
{
    if (slice->head.bytes < sizeof *slice || slice->line_count == 0 ||
        slice->line_count > ORDER_LINES_MAX ||
        !texts_valid(slice->order_bytes, slice->text_bytes, slice->reason_bytes))
        return false;
    uint32_t bytes = (uint32_t)sizeof *slice + slice->order_bytes + sum_of(slice->text_bytes);
    bytes += slice->line_count * (uint32_t)sizeof slice->lines[0] + slice->reason_bytes;
    return slice->head.bytes == bytes_padded(bytes) && slice->warehouse < WAREHOUSES_MAX;
}

static bool moved_valid(const struct slice_shipment_moved *slice)
{
    return slice->head.bytes >= sizeof *slice &&
           slice->head.bytes == bytes_padded((uint32_t)sizeof *slice + slice->order_bytes +
                                             sum_of(slice->text_bytes) + slice->reason_bytes) &&
           texts_valid(slice->order_bytes, slice->text_bytes, slice->reason_bytes) &&
           slice->warehouse < WAREHOUSES_MAX &&
           shipment_step((enum shipment_state)slice->from, (enum shipment_move)slice->move) != NULL;
}

static bool scanned_valid(const struct slice_shipment_scanned *slice)
{
    if (slice->head.bytes < sizeof *slice || slice->scan_count > SCANS_MAX ||
        slice->order_bytes == 0 || slice->shipment_bytes == 0)
        return false;
    uint32_t bytes = (uint32_t)sizeof *slice + slice->order_bytes + slice->shipment_bytes;
    bytes += slice->scan_count * (uint32_t)sizeof slice->scans[0];
    if (slice->head.bytes != bytes_padded(bytes + slice->text_bytes))
        return false;
    uint32_t text_bytes = 0;
    for (uint32_t i = 0; i < slice->scan_count; i++) {
        if (slice->scans[i].code_bytes > ID_BYTES_MAX ||
            slice->scans[i].place_bytes > TEXT_BYTES_MAX)
            return false;
        text_bytes += (uint32_t)slice->scans[i].code_bytes + slice->scans[i].place_bytes;
    }
    return text_bytes == slice->text_bytes;
}

bool shipment_slice_valid(const struct slice *slice)
{
    if (slice->kind == SLICE_SHIPMENT)
        return made_valid((const void *)slice);
    return slice->kind == SLICE_SHIPMENT_MOVED ? moved_valid((const void *)slice)
                                               : scanned_valid((const void *)slice);
}

/* ---- applying ---------------------------------------------------------------------------------- */

/* The reference that leads to `record`; of 0: where the next one is to be hung. */
static uint32_t *link_to(struct orders *orders, struct order *order, uint32_t record)
{
    struct order_more *more = order_more(orders, order);
    CHECK(more != NULL);
    uint32_t *link = &more->shipments;
    while (*link != record)
        link = &shipment_at(orders, *link)->next;
    return link;
}

/* The order's sums of what this parcel's lines are. */
static void count_planned(struct line_progress *progress, const struct shipment *shipment)
{
    for (uint32_t i = 0; i < shipment->line_count; i++)
        progress[shipment->lines[i].line - 1].planned += shipment->lines[i].units;
}

static void count_line(struct line_progress *line, enum shipment_effect effect, uint32_t units)
{
    switch (effect) {
    case UNITS_STAY:
    case UNITS_COME_BACK:
    case UNITS_MOVED:
        return;
    case UNITS_FREED:
        line->planned -= units;
        return;
    case UNITS_LEAVE:
        line->planned -= units;
        line->shipped += units;
        return;
    case UNITS_ARRIVE:
        line->delivered += units;
        return;
    case UNITS_DROPPED:
        line->planned -= units;
        line->cancelled += units;
        return;
    case UNITS_WRITTEN_OFF:
        line->lost += units;
        return;
    case UNITS_OWED:
        line->shipped -= units;
        return;
    }
}

/* What an exchange sends is no longer the order's: only the stock that it keeps is counted. */
static void count_exchange(struct orders *orders, const struct shipment *shipment,
                           struct line_progress *progress, enum shipment_effect effect)
{
    int64_t units = (int64_t)shipment_units(shipment);
    if (effect == UNITS_LEAVE || effect == UNITS_FREED || effect == UNITS_DROPPED)
        orders->committed_units -= units;
    if (effect == UNITS_DROPPED || effect == UNITS_WRITTEN_OFF)
        for (uint32_t i = 0; i < shipment->line_count; i++)
            progress[shipment->lines[i].line - 1].returned += shipment->lines[i].units;
}

static void count_effect(struct orders *orders, struct order *order,
                         const struct shipment *shipment, enum shipment_effect effect)
{
    struct line_progress *progress = order_make_progress(orders, order);
    if (shipment->of_return) {
        count_exchange(orders, shipment, progress, effect);
        return;
    }
    order_count(orders, order, -1);
    for (uint32_t i = 0; i < shipment->line_count; i++)
        count_line(&progress[shipment->lines[i].line - 1], effect, shipment->lines[i].units);
    order_count(orders, order, 1);
}

/* 0: no room. */
static uint32_t make(struct orders *orders, struct order *order, const struct slice_shipment *slice)
{
    struct order_more *more = order_make_more(orders, order);
    uint32_t text_bytes = sum_of(slice->text_bytes);
    uint32_t record =
        more != NULL ? memory_take(&orders->records, record_bytes(slice->line_count, text_bytes))
                     : 0;
    if (record == 0)
        return 0;
    struct shipment *shipment = shipment_at(orders, record);
    *shipment = (struct shipment){
        .digest = slice->digest,
        .created_ns = slice->created_ns,
        .changed_ns = slice->created_ns,
        .eta_ns = slice->eta_ns,
        .line_count = slice->line_count,
        .state = SHIPMENT_PLANNED,
        .warehouse = slice->warehouse,
        .of_return = slice->of_return,
    };
    memcpy(shipment->text_bytes, slice->text_bytes, sizeof shipment->text_bytes);
    memcpy(shipment->lines, slice->lines, slice->line_count * sizeof slice->lines[0]);
    memcpy(shipment->lines + slice->line_count, slice_order_id(slice) + slice->order_bytes,
           text_bytes);
    *link_to(orders, order, 0) = record;
    return record;
}

static struct text made_order(const struct slice_shipment *slice)
{
    return (struct text){slice_order_id(slice), slice->order_bytes};
}

static enum shard_table apply_made(struct orders *orders, struct position position,
                                   const struct event *event, const struct slice_shipment *slice)
{
    uint32_t number = order_known(orders, made_order(slice));
    struct order *order = order_at(orders, number);
    struct line_progress *progress = order_make_progress(orders, order);
    uint32_t record = progress != NULL ? make(orders, order, slice) : 0;
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    if (slice->of_return)
        orders->committed_units += (int64_t)shipment_units(shipment_at(orders, record));
    else
        count_planned(progress, shipment_at(orders, record));
    order_touch(orders, number, position, event);
    return SHARD_TABLE_NONE;
}

/* The same shipment with other texts; 0: no room. */
static uint32_t rename_to(struct orders *orders, struct order *order, uint32_t record,
                          const struct slice_shipment_moved *slice)
{
    const char *given = (const char *)(slice + 1) + slice->order_bytes;
    const struct shipment *before = shipment_at(orders, record);
    struct text texts[SHIPMENT_TEXTS];
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++) {
        texts[i] = text_nth(given, slice->text_bytes, i);
        if (texts[i].bytes == 0)
            texts[i] = shipment_text(before, i);
        bytes += texts[i].bytes;
    }
    uint32_t made = memory_take(&orders->records, record_bytes(before->line_count, bytes));
    if (made == 0)
        return 0;
    struct shipment *shipment = shipment_at(orders, made);
    memcpy(shipment, before, record_bytes(before->line_count, 0));
    char *at = (char *)(shipment->lines + shipment->line_count);
    for (uint32_t i = 0; i < SHIPMENT_TEXTS; i++) {
        at = text_put(at, texts[i]);
        shipment->text_bytes[i] = (uint8_t)texts[i].bytes;
    }
    *link_to(orders, order, record) = made;
    memory_give(&orders->records, record,
                record_bytes(before->line_count, sum_of(before->text_bytes)));
    return made;
}

static bool has_new_texts(const struct slice_shipment_moved *slice)
{
    return sum_of(slice->text_bytes) > slice->text_bytes[SHIPMENT_ID];
}

static enum shard_table apply_moved(struct orders *orders, struct position position,
                                    const struct event *event,
                                    const struct slice_shipment_moved *slice)
{
    struct text id = {(const char *)(slice + 1), slice->order_bytes};
    uint32_t number = order_known(orders, id);
    struct order *order = order_at(orders, number);
    uint32_t record =
        shipment_find(orders, order, text_nth(id.at + id.bytes, slice->text_bytes, 0));
    CHECK(record != 0 && shipment_at(orders, record)->state == slice->from);
    if (has_new_texts(slice))
        record = rename_to(orders, order, record, slice);
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    struct shipment *shipment = shipment_at(orders, record);
    const struct shipment_step *step =
        shipment_step((enum shipment_state)slice->from, (enum shipment_move)slice->move);
    count_effect(orders, order, shipment, step->effect);
    if (step->effect != UNITS_OWED)
        shipment->warehouse = slice->warehouse;
    if ((step->effect == UNITS_MOVED || step->effect == UNITS_OWED) && !shipment->of_return)
        for (uint32_t i = 0; i < shipment->line_count; i++)
            order_move_line(order, shipment->lines[i].line - 1, slice->warehouse);
    shipment->state = slice->to;
    shipment->changed_ns = event->at_ns;
    order_touch(orders, number, position, event);
    return SHARD_TABLE_NONE;
}

static bool append_scan(struct orders *orders, struct shipment *shipment,
                        const struct scan_facts *facts)
{
    uint32_t record =
        memory_take(&orders->records, scan_bytes(facts->code.bytes, facts->place.bytes));
    if (record == 0)
        return false;
    struct kept_scan *scan = scan_at(orders, record);
    *scan = (struct kept_scan){.at_ns = facts->at_ns,
                               .code_bytes = (uint8_t)facts->code.bytes,
                               .place_bytes = (uint8_t)facts->place.bytes};
    text_put(text_put(scan->texts, facts->code), facts->place);
    uint32_t *link = &shipment->scans;
    while (*link != 0)
        link = &scan_at(orders, *link)->next;
    *link = record;
    shipment->scan_count++;
    return true;
}

static struct text scanned_order(const struct slice_shipment_scanned *slice)
{
    return (struct text){scanned_texts(slice), slice->order_bytes};
}

static enum shard_table append_scans(struct orders *orders, const struct order *order,
                                     const struct slice_shipment_scanned *slice)
{
    const char *at = scanned_texts(slice) + slice->order_bytes;
    uint32_t record = shipment_find(orders, order, (struct text){at, slice->shipment_bytes});
    CHECK(record != 0);
    at += slice->shipment_bytes;
    for (uint32_t i = 0; i < slice->scan_count; i++) {
        struct scan_facts facts = next_scan(&slice->scans[i], &at);
        if (!append_scan(orders, shipment_at(orders, record), &facts))
            return SHARD_TABLE_ORDER_BYTES;
    }
    return SHARD_TABLE_NONE;
}

static enum shard_table apply_scanned(struct orders *orders, struct position position,
                                      const struct event *event,
                                      const struct slice_shipment_scanned *slice)
{
    uint32_t number = order_known(orders, scanned_order(slice));
    enum shard_table full = append_scans(orders, order_at(orders, number), slice);
    order_touch(orders, number, position, event);
    return full;
}

enum shard_table shipment_apply(struct orders *orders, struct position position,
                                const struct event *event, const struct slice *slice)
{
    if (slice->kind == SLICE_SHIPMENT)
        return apply_made(orders, position, event, (const void *)slice);
    if (slice->kind == SLICE_SHIPMENT_MOVED)
        return apply_moved(orders, position, event, (const void *)slice);
    return apply_scanned(orders, position, event, (const void *)slice);
}

/* ---- answers ----------------------------------------------------------------------------------- */

uint32_t shipment_answer_bytes(const struct orders *orders, const struct shipment *shipment,
                               enum shipment_detail detail)
{
    uint32_t bytes = (uint32_t)sizeof(struct child_shipment) + sum_of(shipment->text_bytes);
    if (detail != SHIPMENT_BRIEF)
        bytes += shipment->line_count * (uint32_t)sizeof(struct child_line);
    if (detail != SHIPMENT_WHOLE)
        return bytes_padded(bytes);
    for (uint32_t at = shipment->scans; at != 0; at = scan_at(orders, at)->next) {
        const struct kept_scan *scan = scan_at(orders, at);
        bytes += (uint32_t)sizeof(struct parcel_scan) + scan->code_bytes + scan->place_bytes;
    }
    return bytes_padded(bytes);
}

static void answer_scans(const struct orders *orders, const struct shipment *shipment,
                         struct parcel_scan *out, char *texts)
{
    for (uint32_t record = shipment->scans; record != 0; out++) {
        const struct kept_scan *scan = scan_at(orders, record);
        *out = (struct parcel_scan){
            .at_ns = scan->at_ns, .code_bytes = scan->code_bytes, .place_bytes = scan->place_bytes};
        texts = text_put(text_put(texts, scan_code(scan)), scan_place(scan));
        record = scan->next;
    }
}

void *shipment_answer(const struct orders *orders, const struct shipment *shipment,
                      enum shipment_detail detail, void *out)
{
    struct child_shipment *child = out;
    struct text texts = {texts_of(shipment), sum_of(shipment->text_bytes)};
    bool as_made = detail == SHIPMENT_AS_MADE;
    *child = (struct child_shipment){
        .head = {.bytes = shipment_answer_bytes(orders, shipment, detail),
                 .kind = CHILD_SHIPMENT,
                 .state = as_made ? SHIPMENT_PLANNED : shipment->state,
                 .id_bytes = shipment->text_bytes[SHIPMENT_ID],
                 .note_bytes = shipment->text_bytes[SHIPMENT_CARRIER]},
        .created_ns = shipment->created_ns,
        .changed_ns = as_made ? shipment->created_ns : shipment->changed_ns,
        .eta_ns = shipment->eta_ns,
        .line_count = detail != SHIPMENT_BRIEF ? shipment->line_count : 0,
        .scan_count = detail == SHIPMENT_WHOLE ? shipment->scan_count : 0,
        .warehouse = shipment->warehouse,
        .tracking_bytes = shipment->text_bytes[SHIPMENT_TRACKING],
        .method_bytes = shipment->text_bytes[SHIPMENT_METHOD],
        .of_return = shipment->of_return,
    };
    memcpy(child->lines, shipment->lines, child->line_count * sizeof child->lines[0]);
    struct parcel_scan *scans = (void *)(child->lines + child->line_count);
    char *end = text_put((char *)(scans + child->scan_count), texts);
    if (detail == SHIPMENT_WHOLE)
        answer_scans(orders, shipment, scans, end);
    return (char *)out + child->head.bytes;
}

uint32_t shipments_answer_bytes(const struct orders *orders, const struct order *order)
{
    uint32_t bytes = 0;
    for (uint32_t record = 0; (record = shipment_next(orders, order, record)) != 0;)
        bytes += shipment_answer_bytes(orders, shipment_at(orders, record), SHIPMENT_BRIEF);
    return bytes;
}

uint32_t shipments_answer(const struct orders *orders, const struct order *order, void *out)
{
    uint32_t count = 0;
    for (uint32_t record = 0; (record = shipment_next(orders, order, record)) != 0; count++)
        out = shipment_answer(orders, shipment_at(orders, record), SHIPMENT_BRIEF, out);
    return count;
}

/* ---- looking at all of it ---------------------------------------------------------------------- */

/* Sums over all shipments of one line. */
struct line_sums {
    uint32_t planned;
    uint32_t shipped;
    uint32_t delivered;
    uint32_t lost;
};

static void sum_line(struct line_sums *sums, enum shipment_state state, uint32_t units)
{
    enum shipment_units where = shipment_state_units(state);
    sums->planned += where == COUNTED_PLANNED ? units : 0;
    sums->shipped += where >= COUNTED_SHIPPED ? units : 0;
    sums->delivered += where == COUNTED_DELIVERED ? units : 0;
    sums->lost += where == COUNTED_LOST ? units : 0;
}

static struct line_sums sums_of(const struct orders *orders, const struct order *order,
                                uint32_t line)
{
    struct line_sums sums = {0};
    for (uint32_t record = 0; (record = shipment_next(orders, order, record)) != 0;) {
        const struct shipment *shipment = shipment_at(orders, record);
        for (uint32_t i = 0; i < shipment->line_count && !shipment->of_return; i++)
            if (shipment->lines[i].line == line)
                sum_line(&sums, (enum shipment_state)shipment->state, shipment->lines[i].units);
    }
    return sums;
}

const char *shipments_audit(const struct orders *orders, const struct order *order,
                            int64_t *committed)
{
    for (uint32_t record = 0; (record = shipment_next(orders, order, record)) != 0;) {
        const struct shipment *shipment = shipment_at(orders, record);
        if (shipment->of_return && shipment_state_is_unsent((enum shipment_state)shipment->state))
            *committed += (int64_t)shipment_units(shipment);
    }
    for (uint32_t i = 0; i < order->line_count; i++) {
        struct line_sums sums = sums_of(orders, order, i + 1);
        struct line_progress line = order_line_progress(orders, order, i);
        if (sums.planned != line.planned || sums.shipped != line.shipped ||
            sums.delivered != line.delivered || sums.lost != line.lost)
            return "what a line's shipments say of it";
        if (line.cancelled + line.shipped + line.planned > order_line_placed(order, i))
            return "no more is shipped than was ordered";
        if (line.returned > line.returning || line.returning > line.delivered)
            return "returned <= delivered";
    }
    return NULL;
}

/* ---- images ------------------------------------------------------------------------------------ */

static const struct slice_shipment *part_slice(const struct part_shipment *part)
{
    return (const void *)(part + 1);
}

static void image_one(const struct shipment *shipment, struct text order, struct record *record,
                      struct pile *out)
{
    uint32_t line_bytes = shipment->line_count * (uint32_t)sizeof(struct child_line);
    struct text texts = {texts_of(shipment), sum_of(shipment->text_bytes)};
    uint32_t bytes =
        (uint32_t)sizeof(struct slice_shipment) + line_bytes + order.bytes + texts.bytes;
    struct part_shipment *part = record_part(out, record, PART_SHIPMENT, sizeof *part + bytes);
    struct slice_shipment *slice = (void *)(part + 1);
    part->changed_ns = shipment->changed_ns;
    part->state = shipment->state;
    *slice = (struct slice_shipment){
        .head = {bytes_padded(bytes), record->slot, SLICE_SHIPMENT},
        .digest = shipment->digest,
        .created_ns = shipment->created_ns,
        .eta_ns = shipment->eta_ns,
        .line_count = shipment->line_count,
        .warehouse = shipment->warehouse,
        .of_return = shipment->of_return,
        .order_bytes = (uint8_t)order.bytes,
    };
    memcpy(slice->text_bytes, shipment->text_bytes, sizeof slice->text_bytes);
    memcpy(slice->lines, shipment->lines, line_bytes);
    text_put(text_put((char *)(slice->lines + shipment->line_count), order), texts);
}

static void image_scans(const struct orders *orders, const struct shipment *shipment,
                        struct text order, struct record *record, struct pile *out)
{
    struct text id = shipment_text(shipment, SHIPMENT_ID);
    uint32_t bytes = (uint32_t)sizeof(struct slice_shipment_scanned) + order.bytes + id.bytes;
    uint32_t text_bytes = 0;
    for (uint32_t at = shipment->scans; at != 0; at = scan_at(orders, at)->next)
        text_bytes += (uint32_t)scan_at(orders, at)->code_bytes + scan_at(orders, at)->place_bytes;
    bytes += shipment->scan_count * (uint32_t)sizeof(struct parcel_scan) + text_bytes;
    struct part_scans *part = record_part(out, record, PART_SCANS, sizeof *part + bytes);
    struct slice_shipment_scanned *slice = (void *)(part + 1);
    *slice = (struct slice_shipment_scanned){
        .head = {bytes_padded(bytes), record->slot, SLICE_SHIPMENT_SCANNED},
        .scan_count = shipment->scan_count,
        .text_bytes = (uint16_t)text_bytes,
        .order_bytes = (uint8_t)order.bytes,
        .shipment_bytes = (uint8_t)id.bytes,
    };
    char *names = (char *)(slice->scans + shipment->scan_count);
    text_put(text_put(names, order), id);
    char *at = names + order.bytes + id.bytes;
    struct parcel_scan *scans = slice->scans;
    for (uint32_t number = shipment->scans; number != 0; scans++) {
        const struct kept_scan *scan = scan_at(orders, number);
        *scans = (struct parcel_scan){
            .at_ns = scan->at_ns, .code_bytes = scan->code_bytes, .place_bytes = scan->place_bytes};
        at = text_put(text_put(at, scan_code(scan)), scan_place(scan));
        number = scan->next;
    }
}

void shipments_image(const struct orders *orders, const struct order *order, struct text id,
                     struct record *record, struct pile *out)
{
    for (uint32_t number = 0; (number = shipment_next(orders, order, number)) != 0;) {
        const struct shipment *shipment = shipment_at(orders, number);
        image_one(shipment, id, record, out);
        if (shipment->scan_count > 0)
            image_scans(orders, shipment, id, record, out);
    }
}

static bool holds_slice(const struct part *part, const struct slice *slice, enum slice_kind kind)
{
    uint64_t before = (uint64_t)((const char *)slice - (const char *)part);
    return part->bytes >= before + sizeof *slice && slice->bytes == part->bytes - before &&
           slice->kind == kind && slice_valid(slice);
}

bool shipment_part_valid(const struct part_shipment *part)
{
    return part->head.bytes >= sizeof *part && part->state > 0 && part->state < SHIPMENT_STATES &&
           holds_slice(&part->head, &part_slice(part)->head, SLICE_SHIPMENT);
}

bool scans_part_valid(const struct part_scans *part)
{
    return holds_slice(&part->head, (const void *)(part + 1), SLICE_SHIPMENT_SCANNED);
}

/* Its lines are in the order's sums already. */
enum shard_table shipment_load(struct orders *orders, const struct part_shipment *part)
{
    const struct slice_shipment *slice = part_slice(part);
    struct order *order = order_at(orders, order_known(orders, made_order(slice)));
    uint32_t record = make(orders, order, slice);
    if (record == 0)
        return SHARD_TABLE_ORDER_BYTES;
    struct shipment *shipment = shipment_at(orders, record);
    shipment->state = part->state;
    shipment->changed_ns = part->changed_ns;
    if (shipment->of_return && shipment_state_is_unsent((enum shipment_state)part->state))
        orders->committed_units += (int64_t)shipment_units(shipment);
    return SHARD_TABLE_NONE;
}

enum shard_table scans_load(struct orders *orders, const struct part_scans *part)
{
    const struct slice_shipment_scanned *slice = (const void *)(part + 1);
    return append_scans(orders, order_at(orders, order_known(orders, scanned_order(slice))), slice);
}

static void scans_give(struct orders *orders, uint32_t record)
{
    for (uint32_t next; record != 0; record = next) {
        const struct kept_scan *scan = scan_at(orders, record);
        next = scan->next;
        memory_give(&orders->records, record, scan_bytes(scan->code_bytes, scan->place_bytes));
    }
}

void shipments_give(struct orders *orders, uint32_t record)
{
    for (uint32_t next; record != 0; record = next) {
        const struct shipment *shipment = shipment_at(orders, record);
        next = shipment->next;
        scans_give(orders, shipment->scans);
        memory_give(&orders->records, record,
                    record_bytes(shipment->line_count, sum_of(shipment->text_bytes)));
    }
}
