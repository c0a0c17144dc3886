#include "io/walk.h"

#include <stdio.h>
#include <string.h>

/* A scan that finds little says so with a short page, instead of keeping everybody waiting. */
enum { ASKS_MAX = 64 };

static bool is_merged(const struct walk *walk)
{
    return walk->customer_bytes > 0;
}

/* ---- cursors: "SHARDS.SHARD.PLACE", of a customer "NANOSECONDS.ORDER" ----------------------------- */

static bool take_number(struct text *text, uint64_t *value)
{
    uint32_t i = 0;
    *value = 0;
    for (; i < text->bytes && i < 20 && text->at[i] >= '0' && text->at[i] <= '9'; i++)
        *value = *value * 10 + (uint64_t)(text->at[i] - '0');
    bool is_good = i > 0 && (i == text->bytes || text->at[i] == '.');
    i += i < text->bytes;
    *text = (struct text){text->at + i, text->bytes - i};
    return is_good;
}

/* Of orders of that very moment, those have come that lie on lower shards, and on the same one those
 * up to the last one. */
static bool read_merged(struct walk *walk, struct text cursor, const uint8_t *slot_shard)
{
    uint64_t ns;
    if (!take_number(&cursor, &ns) || ns == 0 || !id_valid(cursor))
        return false;
    uint32_t home = slot_shard[hash_slot(key_hash(cursor))];
    for (uint32_t shard = 0; shard < walk->shard_count; shard++)
        walk->heads[shard].before_ns = shard < home ? ns : ns + 1;
    struct walk_head *head = &walk->heads[home];
    head->id_bytes = (uint8_t)cursor.bytes;
    memcpy(head->id, cursor.at, cursor.bytes);
    return true;
}

static bool read_cursor(struct walk *walk, struct text cursor, const uint8_t *slot_shard)
{
    uint64_t shard_count, shard;
    if (cursor.bytes == 0)
        return true;
    if (is_merged(walk))
        return read_merged(walk, cursor, slot_shard);
    bool is_good = take_number(&cursor, &shard_count) && take_number(&cursor, &shard) &&
                   take_number(&cursor, &walk->cursor) && cursor.bytes == 0 &&
                   shard_count == walk->shard_count && shard < shard_count;
    walk->shard = is_good ? (uint32_t)shard : 0;
    return is_good;
}

struct text walk_cursor(const struct walk *walk, char out[WALK_CURSOR_BYTES_MAX])
{
    int bytes = 0;
    if (walk->is_end || (is_merged(walk) && walk->last_bytes == 0))
        return (struct text){out, 0};
    if (is_merged(walk))
        bytes = snprintf(out, WALK_CURSOR_BYTES_MAX, "%llu.%.*s", (unsigned long long)walk->last_ns,
                         walk->last_bytes, walk->last);
    else
        bytes = snprintf(out, WALK_CURSOR_BYTES_MAX, "%u.%u.%llu", walk->shard_count, walk->shard,
                         (unsigned long long)walk->cursor);
    return (struct text){out, (uint32_t)bytes};
}

bool walk_begin(struct walk *walk, const struct command *list, uint32_t limit, struct text cursor,
                const uint8_t *slot_shard, uint32_t shard_count)
{
    memset(walk, 0, sizeof *walk + shard_count * sizeof walk->heads[0]);
    if (list->op == OP_CELL_LIST) {
        walk->asked.cells = *(const struct cell_list *)(const void *)list;
    } else {
        walk->asked.orders = *(const struct order_list *)(const void *)list;
        walk->customer_bytes = walk->asked.orders.customer_bytes;
        const char *texts = order_list_texts((const void *)list);
        if (walk->asked.orders.cell_count > 0)
            walk->cell = order_list_cells((const void *)list)[0];
        memcpy(walk->customer, texts, walk->customer_bytes);
        memcpy(walk->tracking, texts + walk->customer_bytes, walk->asked.orders.tracking_bytes);
    }
    walk->left = limit;
    walk->shard_count = shard_count;
    return read_cursor(walk, cursor, slot_shard);
}

/* ---- asking ------------------------------------------------------------------------------------ */

static void append_text(struct pile *pile, const char *at, uint32_t bytes)
{
    memcpy(pile->at + pile->used_bytes, at, bytes);
    pile->used_bytes += bytes;
}

static void pad(struct pile *pile, uint32_t begin)
{
    struct command *command = (void *)(pile->at + begin);
    while (pile->used_bytes % 8 != 0)
        pile->at[pile->used_bytes++] = 0;
    command->bytes = pile->used_bytes - begin;
}

static uint16_t slot_of(const uint8_t *slot_shard, uint32_t shard)
{
    uint16_t slot = 0;
    while (slot_shard[slot] != shard)
        slot++;
    return slot;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static bool ask_for_cells(struct walk *walk, const uint8_t *slot_shard, struct pile *command)
{
    struct cell_list *list = pile_append(command, sizeof *list);
    *list = walk->asked.cells;
    list->slot = slot_of(slot_shard, walk->shard);
    list->cursor = walk->cursor;
    return true;
}

/* `head`: NULL without a customer. */
static bool ask_shard(struct walk *walk, const uint8_t *slot_shard, const struct walk_head *head,
                      struct pile *command)
{
    uint32_t begin = command->used_bytes;
    struct order_list *list = pile_append(command, sizeof *list);
    *list = walk->asked.orders;
    list->slot = slot_of(slot_shard, walk->shard);
    list->cursor = walk->cursor;
    list->limit = (uint16_t)(head != NULL ? 1 : walk->left);
    append_text(command, (const char *)&walk->cell, list->cell_count * (uint32_t)sizeof walk->cell);
    if (head != NULL) {
        list->created_before_ns = earlier(list->created_before_ns, head->before_ns);
        list->after_bytes = head->id_bytes;
        append_text(command, walk->customer, walk->customer_bytes);
        append_text(command, head->id, head->id_bytes);
    }
    append_text(command, walk->tracking, list->tracking_bytes);
    pad(command, begin);
    walk->fetches = false;
    return true;
}

static bool fetch(struct walk *walk, const struct walk_head *head, struct pile *command)
{
    uint32_t begin = command->used_bytes;
    struct order_get *get = pile_append(command, sizeof *get);
    get->head.op = OP_ORDER_GET;
    get->id_bytes = head->id_bytes;
    append_text(command, head->id, head->id_bytes);
    pad(command, begin);
    walk->fetches = true;
    return true;
}

static bool next_merged(struct walk *walk, const uint8_t *slot_shard, struct pile *command)
{
    const struct walk_head *newest = NULL;
    for (uint32_t shard = 0; shard < walk->shard_count; shard++) {
        const struct walk_head *head = &walk->heads[shard];
        if (head->is_end)
            continue;
        if (head->created_ns == 0) {
            walk->shard = shard;
            return ask_shard(walk, slot_shard, head, command);
        }
        if (newest == NULL || head->created_ns > newest->created_ns)
            newest = head;
    }
    walk->is_end = newest == NULL;
    if (newest == NULL || walk->left == 0)
        return false;
    walk->shard = (uint32_t)(newest - walk->heads);
    return fetch(walk, newest, command);
}

bool walk_next(struct walk *walk, const uint8_t *slot_shard, struct pile *command)
{
    if (tasks_left(&walk->tasks, walk->shard_count)) {
        tasks_ask(&walk->tasks, slot_of(slot_shard, walk->tasks.shard), command);
        return true;
    }
    if (is_merged(walk))
        return next_merged(walk, slot_shard, command);
    walk->is_end = walk->shard == walk->shard_count;
    if (walk->is_end || walk->left == 0 || walk->asks++ == ASKS_MAX)
        return false;
    return walk->asked.head.op == OP_CELL_LIST ? ask_for_cells(walk, slot_shard, command)
                                               : ask_shard(walk, slot_shard, NULL, command);
}

/* ---- answers ----------------------------------------------------------------------------------- */

static void take_head(struct walk_head *head, const struct result_orders *orders)
{
    const struct result_order *order = (const void *)(orders + 1);
    struct text id = {(const char *)order, 0};
    if (orders->order_count > 0) {
        head->created_ns = order->stage_ns[STAGE_CREATED];
        id = result_order_text(order, ORDER_ID);
    } else {
        head->is_end = orders->is_end;
        id.bytes = orders->after_bytes;
    }
    head->id_bytes = (uint8_t)id.bytes;
    memcpy(head->id, id.at, id.bytes);
}

static const void *take_merged(struct walk *walk, const struct result *result, uint32_t *count)
{
    struct walk_head *head = &walk->heads[walk->shard];
    if (!walk->fetches) {
        if (result->kind == RESULT_ORDERS)
            take_head(head, (const void *)result);
        else
            head->is_end = true; /* what it went on from has gone */
        return NULL;
    }
    walk->last_ns = head->created_ns;
    walk->last_bytes = head->id_bytes;
    memcpy(walk->last, head->id, head->id_bytes);
    head->created_ns = 0;
    if (result->kind != RESULT_ORDER)
        return NULL;
    walk->left--;
    *count = 1;
    return (const void *)result;
}

static void go_on_from(struct walk *walk, uint32_t count, uint64_t cursor, bool is_end)
{
    walk->left -= count < walk->left ? count : walk->left;
    walk->cursor = is_end ? 0 : cursor;
    walk->shard += is_end;
}

static const void *take_cells(struct walk *walk, const struct result_cells *cells, uint32_t *count)
{
    if (walk->asked.cells.wanted != CELLS_MISSING)
        *count = cells->cell_count;
    else
        tasks_begin(&walk->tasks, cells);
    go_on_from(walk, *count, cells->cursor, cells->is_end);
    return cells->cells;
}

static const void *take_task(struct walk *walk, const struct result *result, uint32_t *count)
{
    *count = tasks_take(&walk->tasks, result, walk->shard_count);
    walk->left -= *count < walk->left ? *count : walk->left;
    return walk->tasks.tasks;
}

const void *walk_take(struct walk *walk, const struct result *result, uint32_t *count)
{
    *count = 0;
    if (walk->tasks.at < walk->tasks.cell_count)
        return take_task(walk, result, count);
    if (is_merged(walk))
        return take_merged(walk, result, count);
    if (result->kind == RESULT_CELLS)
        return take_cells(walk, (const void *)result, count);
    const struct result_orders *orders = (const void *)result;
    if (result->kind != RESULT_ORDERS)
        return NULL;
    *count = orders->order_count;
    go_on_from(walk, *count, orders->cursor, orders->is_end);
    return (const void *)(orders + 1);
}
