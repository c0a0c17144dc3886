/* An order's part of an image: with and without everything that it may have, and with bits turned over. */
#include <stdlib.h>

#include "core/answer.h"
#include "core/image.h"
#include "core/order_record.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

enum { RECORD_ROOM = 4096, PIECES = 16, TEXTS = 4, NAMES = 3 };

struct drawn {
    _Alignas(8) uint8_t record[RECORD_ROOM];
    uint32_t used_bytes; /* before the zeros up to a multiple of 8 */
};

/* An order that has these of PART_HAS_...; what its numbers say is drawn. */
struct draft {
    uint32_t has;
    uint32_t line_count;
    uint32_t adjustment_count;
    const char *texts[ORDER_TEXTS];
    const char *created_by;
    const char *other; /* NULL: nobody else */
};

static struct record *record_of(struct drawn *drawn)
{
    return (void *)drawn->record;
}

static struct part_order *part_of(struct drawn *drawn)
{
    return (void *)(record_of(drawn) + 1);
}

static struct text written(const char *at)
{
    return (struct text){at != NULL ? at : "", at != NULL ? (uint32_t)strlen(at) : 0};
}

static char *draw_bytes(char *at, uint64_t count, uint64_t *random)
{
    for (uint64_t i = 0; i < count; i++)
        *at++ = (char)random_next(random);
    return at;
}

static char *write_texts(struct part_order *part, char *at, const struct draft *draft)
{
    for (uint32_t i = 0; i < ORDER_TEXTS; i++) {
        struct text text = written(draft->texts[i]);
        part->text_bytes[i] = (uint8_t)text.bytes;
        at = text_put(at, text);
    }
    struct text created_by = written(draft->created_by), other = written(draft->other);
    part->created_by_bytes = (uint8_t)created_by.bytes;
    at = text_put(at, created_by);
    if (draft->other == NULL)
        return at;
    part->has |= PART_HAS_OTHER;
    *at = (char)other.bytes;
    return text_put(at + 1, other);
}

static void draw(struct drawn *drawn, const struct draft *draft, uint64_t *random)
{
    memset(drawn, 0, sizeof *drawn);
    struct part_order *part = part_of(drawn);
    part->head.kind = PART_ORDER;
    part->created_ns = random_next(random);
    part->position = random_next(random) >> 1 | 1 << 16;
    part->time_ns = random_next(random) >> 1;
    part->digest = (uint32_t)random_next(random);
    part->version = random_next(random) % (ORDER_VERSION_MAX + 1u);
    part->line_count = (uint16_t)draft->line_count;
    part->currency = random_next(random) & ORDER_CURRENCY_MAX;
    part->adjustment_count = (uint8_t)draft->adjustment_count;
    part->states = ORDER_PENDING_PAYMENT | ORDER_IN_REVIEW << 4;
    part->has = (uint8_t)draft->has;
    uint32_t before_lines_bytes =
        order_before_lines_bytes(draft->has, draft->adjustment_count, draft->line_count);
    char *at = draw_bytes((char *)(part + 1), before_lines_bytes, random);
    for (uint32_t i = 0; i < draft->line_count; i++, at += sizeof(struct order_line)) {
        struct order_line line = {(uint32_t)random_next(random), (uint32_t)random_next(random),
                                  random_next(random) % WAREHOUSES_MAX | kept_capped};
        memcpy(at, &line, sizeof line);
    }
    if (draft->has & PART_HAS_PROGRESS)
        at = draw_bytes(at, draft->line_count * sizeof(struct line_progress), random);
    at = write_texts(part, at, draft);
    drawn->used_bytes = (uint32_t)(at - (char *)drawn->record);
    part->head.bytes = bytes_padded((uint32_t)(at - (char *)part));
    record_of(drawn)->bytes = (uint32_t)sizeof(struct record) + part->head.bytes;
    record_of(drawn)->slot = (uint16_t)hash_slot(key_hash(written(draft->texts[ORDER_ID])));
}

/* ---- a shard's orders, and nothing else of it ---------------------------------------------------- */

static const struct shard_options options = {.order_count_max = 4, .order_bytes_max = 16 << 10};
static struct orders *orders;
static void *orders_memory;

static int set_up(void **state)
{
    (void)state;
    orders = malloc(sizeof *orders);
    orders_memory = aligned_alloc(64, (orders_bytes(&options) + 63) & ~(size_t)63);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(orders);
    free(orders_memory);
    return 0;
}

/* Loads it as the only order; what is written of it then. */
static const struct record *loaded(struct drawn *drawn, struct drawn *out)
{
    uint64_t at = 0;
    memset(orders, 0, sizeof *orders);
    memset(orders_memory, 0, orders_bytes(&options));
    orders_init(orders, orders_memory, &options);
    assert_int_equal(order_load(orders, part_of(drawn)), SHARD_TABLE_NONE);
    memset(out, 0, sizeof *out);
    struct pile pile = {.at = out->record, .capacity_bytes = sizeof out->record};
    assert_true(orders_image(orders, &at, &pile));
    return record_of(out);
}

static bool is_valid(struct drawn *drawn)
{
    return record_valid(record_of(drawn), record_of(drawn)->bytes);
}

static const char *const id = "2020111100", *const customer = "c7788123";

/* Each of them with and without: pay_by, windows, large lines, progress; adjustments; texts; names. */
static struct draft draft_of(uint32_t pieces, uint32_t texts, uint32_t names)
{
    static const char *const created_by[NAMES] = {"0011", "0011", NULL};
    static const char *const other[NAMES] = {"0022", "", NULL};
    struct draft draft = {
        .has = pieces | (pieces % 2 ? PART_HAS_TIMER : PART_HAS_PREFER),
        .line_count = 1 + pieces % 3,
        .adjustment_count = texts,
        .texts = {[ORDER_ID] = id, [ORDER_CUSTOMER] = customer},
        .created_by = created_by[names],
        .other = other[names],
    };
    for (uint32_t i = ORDER_CHANNEL; i < ORDER_TEXTS; i++)
        draft.texts[i] = texts > 0 && i % texts == 0 ? "web" : NULL;
    return draft;
}

static void a_plain_order_of_two_lines_takes_104_bytes(void **state)
{
    (void)state;
    struct drawn drawn, again;
    uint64_t random = 1;
    const struct draft draft = {.has = PART_HAS_TIMER,
                                .line_count = 2,
                                .texts = {[ORDER_ID] = id, [ORDER_CUSTOMER] = customer}};
    draw(&drawn, &draft, &random);
    assert_true(is_valid(&drawn));
    assert_int_equal(loaded(&drawn, &again)->bytes, 104);
}

static void what_is_loaded_is_written_again_byte_for_byte(void **state)
{
    (void)state;
    struct drawn drawn, again;
    uint64_t random = 2;
    for (uint32_t pieces = 0; pieces < PIECES; pieces++)
        for (uint32_t texts = 0; texts < TEXTS; texts++)
            for (uint32_t names = 0; names < NAMES; names++) {
                const struct draft draft = draft_of(pieces, texts, names);
                draw(&drawn, &draft, &random);
                assert_true(is_valid(&drawn));
                assert_memory_equal(loaded(&drawn, &again), drawn.record, RECORD_ROOM);
            }
}

static void what_is_left_of_an_order_is_its_two_totals(void **state)
{
    (void)state;
    struct drawn drawn, again;
    uint64_t random = 3;
    struct draft draft = {.adjustment_count = REMAINDER_TOTALS,
                          .texts = {[ORDER_ID] = id, [ORDER_CUSTOMER] = customer}};
    draw(&drawn, &draft, &random);
    assert_true(is_valid(&drawn));
    assert_memory_equal(loaded(&drawn, &again), drawn.record, RECORD_ROOM);
    assert_true(
        order_at(orders, order_find(orders, written(id), key_hash(written(id))))->is_remainder);
    for (draft.has = 1; draft.has < PIECES; draft.has++) {
        draw(&drawn, &draft, &random);
        assert_false(is_valid(&drawn));
    }
    draft.has = 0;
    draft.adjustment_count = 1;
    draw(&drawn, &draft, &random);
    assert_false(is_valid(&drawn));
}

/* Nothing of it is made up, and nothing of it is left out. */
static void a_bit_turned_over_is_refused_or_loaded_as_it_stands(void **state)
{
    (void)state;
    struct drawn drawn, again;
    uint64_t random = 4;
    uint32_t refused = 0, taken = 0;
    for (uint32_t pieces = 0; pieces < PIECES; pieces++) {
        const struct draft draft = draft_of(pieces, pieces % TEXTS, pieces % NAMES);
        draw(&drawn, &draft, &random);
        uint32_t bytes = record_of(&drawn)->bytes;
        for (uint32_t bit = 0; bit < drawn.used_bytes * 8; bit++) {
            drawn.record[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (!record_valid(record_of(&drawn), bytes)) {
                refused++;
            } else {
                taken++;
                const struct record *record = loaded(&drawn, &again);
                assert_int_equal(record->bytes, bytes);
                assert_memory_equal(record + 1, record_of(&drawn) + 1, bytes - sizeof *record);
            }
            drawn.record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_in_range(refused, 1000, UINT32_MAX);
    assert_in_range(taken, 1000, UINT32_MAX);
}

static void what_no_order_has_is_refused(void **state)
{
    (void)state;
    struct drawn whole, drawn;
    uint64_t random = 5;
    const struct draft draft = draft_of(PIECES - 1, 3, 0);
    draw(&whole, &draft, &random);
    struct part_order *part = part_of(&drawn);
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        drawn = whole;                                                                             \
        assert_true(is_valid(&drawn));                                                             \
        change;                                                                                    \
        assert_false(is_valid(&drawn));                                                            \
    } while (0)
    REFUSED(part->line_count = ORDER_LINES_MAX + 1);
    REFUSED(part->line_count = UINT16_MAX);
    REFUSED(part->adjustment_count = UINT8_MAX);
    REFUSED(part->has |= 128);
    REFUSED(part->states &= 15);
    REFUSED(part->states &= 0xf0);
    REFUSED(part->states = ORDER_REJECTED | ORDER_REJECTED
                                                << 4); /* whose lines have no warehouse */
    REFUSED(part->version = ORDER_VERSION_MAX + 1);
    REFUSED(part->currency = ORDER_CURRENCY_MAX + 1);
    REFUSED(part->position = 1);
    REFUSED(part->position |= UINT64_C(1) << 63);
    REFUSED(part->created_by_bytes = UINT8_MAX);
    REFUSED(part->text_bytes[ORDER_ID] = 0);
    REFUSED(part->text_bytes[ORDER_ID] = ID_BYTES_MAX + 1);
    REFUSED(part->text_bytes[ORDER_SHIP_TO] = UINT8_MAX);
    REFUSED(part->text_bytes[ORDER_CUSTOMER] = 0; part->text_bytes[ORDER_SHIP_TO] += 8);
    REFUSED(drawn.record[drawn.used_bytes - sizeof "0022"] = UINT8_MAX); /* its length */
    REFUSED(memcpy(drawn.record + drawn.used_bytes - 4, "0011", 4));     /* who made it */
    REFUSED(record_of(&drawn)->slot ^= 1);
#undef REFUSED
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_order_of_two_lines_takes_104_bytes),
        cmocka_unit_test(what_is_loaded_is_written_again_byte_for_byte),
        cmocka_unit_test(what_is_left_of_an_order_is_its_two_totals),
        cmocka_unit_test(a_bit_turned_over_is_refused_or_loaded_as_it_stands),
        cmocka_unit_test(what_no_order_has_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
