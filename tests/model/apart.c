/* The slices of a history's journal, applied slot by slot: the slots in any order, and in a slot
 * whatever causality allows. It must come to the state that it came to live. */
#include "tests/model/history.h"

#include "core/shape.h"

struct piece {
    size_t event; /* where it stands in the journal */
    const struct slice *slice;
    struct position position;
    uint64_t order; /* a digest of the order whose event it is; 0: an event of the slot's own */
};

struct pieces {
    struct piece *at;
    uint32_t count;
    uint32_t first[SLOT_COUNT + 1]; /* of each slot; the end behind the last */
};

typedef void visit_piece(struct pieces *pieces, const struct piece *piece);

static const struct event *event_at(const struct history *h, size_t at)
{
    return (const void *)(h->shop->journal.at + at);
}

static uint64_t order_of(const struct event *event)
{
    struct text id = shape_order(event_slices(event));
    return id.bytes > 0 ? key_hash(id) | 1 : 0;
}

static void visit_event(struct pieces *pieces, const struct event *event, struct piece piece,
                        visit_piece *visit)
{
    piece.order = order_of(event);
    piece.slice = event_slices(event);
    for (uint32_t i = 0; i < event->slice_count; i++, piece.slice = slice_next(piece.slice))
        visit(pieces, &piece);
}

static void visit_all(const struct history *h, struct pieces *pieces, visit_piece *visit)
{
    for (size_t at = 0; at < h->shop->journal.used;) {
        uint64_t head[2];
        memcpy(head, h->shop->journal.at + at, sizeof head);
        at += sizeof head;
        for (uint16_t index = 0; index < head[1]; index++) {
            struct piece piece = {.event = at, .position = {head[0], index}};
            visit_event(pieces, event_at(h, at), piece, visit);
            at += event_at(h, at)->bytes;
        }
    }
}

static void count_piece(struct pieces *pieces, const struct piece *piece)
{
    pieces->first[piece->slice->slot + 1]++;
    pieces->count++;
}

static void put_piece(struct pieces *pieces, const struct piece *piece)
{
    pieces->at[pieces->first[piece->slice->slot]++] = *piece;
}

/* By slot; in a slot, as they stand in the journal. */
static struct pieces gather(const struct history *h)
{
    struct pieces pieces = {.count = 0};
    visit_all(h, &pieces, count_piece);
    pieces.at = malloc((pieces.count + 1) * sizeof *pieces.at);
    if (pieces.at == NULL)
        exit(71);
    for (uint32_t slot = 0; slot < SLOT_COUNT; slot++)
        pieces.first[slot + 1] += pieces.first[slot];
    visit_all(h, &pieces, put_piece);
    memmove(pieces.first + 1, pieces.first, SLOT_COUNT * sizeof pieces.first[0]);
    pieces.first[0] = 0;
    return pieces;
}

static bool takes_free_units(const struct slice *slice)
{
    return slice->kind == SLICE_STOCK_RESERVE || slice->kind == SLICE_STOCK_TAKE;
}

/* Slices that two orders send to a SKU's slot, unless the second may need what the first gave back. */
static bool may_change_places(const struct piece *a, const struct piece *b)
{
    return a->order != 0 && b->order != 0 && a->order != b->order &&
           a->slice->kind >= SLICE_STOCK_RESERVE && a->slice->kind < SLICE_RETRY &&
           b->slice->kind >= SLICE_STOCK_RESERVE && b->slice->kind < SLICE_RETRY &&
           (takes_free_units(a->slice) || !takes_free_units(b->slice));
}

static void shuffle(struct history *h, struct piece *pieces, uint32_t count)
{
    for (uint32_t round = 0; round < 4; round++)
        for (uint32_t i = 1; i < count; i++) {
            if (draw(h, 2) == 0 || !may_change_places(&pieces[i - 1], &pieces[i]))
                continue;
            struct piece piece = pieces[i];
            pieces[i] = pieces[i - 1];
            pieces[i - 1] = piece;
        }
}

/* As an event with this slice alone. */
static void apply_piece(const struct history *h, struct shop *again, const struct piece *piece)
{
    static _Alignas(8) char bytes[EVENT_BYTES_MAX];
    const struct event *whole = event_at(h, piece->event);
    struct event *event = (void *)bytes;
    size_t head_bytes = (size_t)((const char *)event_slices(whole) - (const char *)whole);
    memcpy(bytes, whole, head_bytes);
    memcpy(bytes + head_bytes, piece->slice, piece->slice->bytes);
    event->bytes = (uint32_t)head_bytes + piece->slice->bytes;
    event->slice_count = 1;
    h->tally->slices[piece->slice->kind]++;
    for (uint32_t i = 0; i < again->shard_count; i++)
        if (shard_recover(again->shards[i], &(struct recorded){piece->position, event}, 1) !=
            SHARD_TABLE_NONE)
            disagree(h, "a table is too small for the journal");
}

void compare_apart(struct history *h)
{
    struct pieces pieces = gather(h);
    struct shop *again = shop_open_with(&h->shop->options[0], 1 + (uint32_t)draw(h, 4), 1);
    uint32_t first = (uint32_t)draw(h, SLOT_COUNT);
    uint32_t step = 1 + 2 * (uint32_t)draw(h, SLOT_COUNT / 2); /* odd: it comes to every slot */
    for (uint32_t i = 0; i < SLOT_COUNT; i++) {
        uint32_t slot = (first + i * step) % SLOT_COUNT;
        struct piece *of_slot = pieces.at + pieces.first[slot];
        uint32_t count = pieces.first[slot + 1] - pieces.first[slot];
        shuffle(h, of_slot, count);
        for (uint32_t p = 0; p < count; p++)
            apply_piece(h, again, &of_slot[p]);
    }
    if (shop_hash(again) != shop_hash(h->shop))
        disagree(h, "slices applied slot by slot lead to another state");
    free(pieces.at);
    shop_close(again);
}
