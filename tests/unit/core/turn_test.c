#include "core/turn.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

enum { SHARDS = 3, PILE_BYTES = 1 << 18 };

static struct pile pile_open(uint32_t bytes)
{
    struct pile pile = {.at = malloc(bytes), .capacity_bytes = bytes};
    assert_non_null(pile.at);
    memset(pile.at, 0xa5, bytes);
    return pile;
}

static void turn_open(struct turn *turn)
{
    *turn = (struct turn){
        .events = pile_open(PILE_BYTES), .answers = pile_open(PILE_BYTES), .shard_count = SHARDS};
    for (uint32_t i = 0; i < SHARDS; i++)
        turn->outbox[i] = pile_open(PILE_BYTES);
}

static void turn_close(struct turn *turn)
{
    free(turn->events.at);
    free(turn->answers.at);
    for (uint32_t i = 0; i < SHARDS; i++)
        free(turn->outbox[i].at);
}

static void appended_bytes_are_zero_and_a_multiple_of_eight(void **state)
{
    (void)state;
    struct pile pile = pile_open(256);
    static const uint8_t zeros[64];
    uint32_t used = 0;
    for (uint32_t bytes = 1; bytes <= 20; bytes++) {
        uint8_t *at = pile_append(&pile, bytes);
        assert_ptr_equal(at, pile.at + used);
        used += (bytes + 7) / 8 * 8;
        assert_int_equal(pile.used_bytes, used);
        assert_memory_equal(at, zeros, (bytes + 7) / 8 * 8);
        if (pile.capacity_bytes - used < 24)
            pile.used_bytes = used = 0;
    }
    free(pile.at);
}

static void a_turn_has_room_until_one_of_its_piles_has_none(void **state)
{
    (void)state;
    struct turn turn;
    turn_open(&turn);
    assert_true(turn_has_room(&turn));
    struct {
        struct pile *pile;
        uint32_t bytes;
    } piles[] = {
        {&turn.events, EVENT_BYTES_MAX},      {&turn.answers, ANSWER_BYTES_MAX},
        {&turn.outbox[0], MESSAGE_BYTES_MAX}, {&turn.outbox[1], MESSAGE_BYTES_MAX},
        {&turn.outbox[2], MESSAGE_BYTES_MAX},
    };
    for (uint32_t i = 0; i < sizeof piles / sizeof piles[0]; i++) {
        piles[i].pile->used_bytes = PILE_BYTES - piles[i].bytes;
        assert_true(turn_has_room(&turn));
        piles[i].pile->used_bytes += 8;
        assert_false(turn_has_room(&turn));
        piles[i].pile->used_bytes = 0;
    }
    turn_close(&turn);
}

static void a_message_has_its_head(void **state)
{
    (void)state;
    struct turn turn;
    turn_open(&turn);
    const struct message *first = turn_send(&turn, 1, 2, MESSAGE_BUSY, 21);
    const struct message *second = turn_send(&turn, 1, 2, MESSAGE_SETTLE, sizeof *second);
    assert_int_equal(first->bytes, 24);
    assert_int_equal(first->kind, MESSAGE_BUSY);
    assert_int_equal(first->from, 1);
    assert_int_equal(first->seen, 0);
    assert_ptr_equal(second, (const char *)first + first->bytes);
    assert_int_equal(turn.outbox[2].used_bytes, first->bytes + second->bytes);
    assert_int_equal(turn.outbox[0].used_bytes + turn.outbox[1].used_bytes, 0);
    turn_close(&turn);
}

static void assert_result(const struct result *result)
{
    assert_int_equal(result->bytes, 40);
    assert_int_equal(result->code, CODE_FULL);
    assert_int_equal(result->kind, RESULT_SKU);
    assert_int_equal(result->request, 77);
    assert_int_equal(result->seq, 0);
}

static void an_answer_goes_to_where_the_question_came_from(void **state)
{
    (void)state;
    struct turn turn;
    turn_open(&turn);
    struct origin here = {.token = 5, .shard = 1}, there = {.token = 6, .shard = 2};

    assert_result(turn_answer(&turn, 1, here, 77, CODE_FULL, RESULT_SKU, 33));
    const struct answer *answer = (const void *)turn.answers.at;
    assert_int_equal(answer->token, 5);
    assert_result((const void *)(answer + 1));
    assert_int_equal(turn.answers.used_bytes, 48);

    assert_result(turn_answer(&turn, 1, there, 77, CODE_FULL, RESULT_SKU, 33));
    const struct message_result *message = (const void *)turn.outbox[2].at;
    assert_int_equal(message->head.kind, MESSAGE_RESULT);
    assert_int_equal(message->head.from, 1);
    assert_int_equal(message->head.bytes, sizeof *message + 40);
    assert_int_equal(message->token, 6);
    assert_result((const void *)(message + 1));
    assert_int_equal(turn.answers.used_bytes, 48);
    turn_close(&turn);
}

static void requests_are_told_from_effects(void **state)
{
    (void)state;
    assert_true(message_is_request(&(struct message){.kind = MESSAGE_COMMAND}));
    assert_true(message_is_request(&(struct message){.kind = MESSAGE_HOLD}));
    static const enum message_kind effects[] = {MESSAGE_RESULT, MESSAGE_GRANTED, MESSAGE_SHORT,
                                                MESSAGE_BUSY,   MESSAGE_SETTLE,  MESSAGE_UNHOLD,
                                                MESSAGE_SLICES};
    for (uint32_t i = 0; i < sizeof effects / sizeof effects[0]; i++)
        assert_false(message_is_request(&(struct message){.kind = (uint16_t)effects[i]}));
}

/* ---- what is in the answers -------------------------------------------------------------------- */

static void every_code_has_its_facts_and_no_other_number_has(void **state)
{
    (void)state;
    uint32_t count = 0;
#define X(id, number, name_of, status_of, again, title_of)                                         \
    assert_int_equal(id, number);                                                                  \
    assert_string_equal(code_facts(number)->name, name_of);                                        \
    assert_string_equal(code_facts(number)->title, title_of);                                      \
    assert_int_equal(code_facts(number)->status, status_of);                                       \
    assert_int_equal(code_facts(number)->retryable, again);                                        \
    count++;
    CODES(X)
#undef X
    for (uint32_t code = 0; code < 100000; code++)
        count -= code_facts(code) != NULL;
    assert_int_equal(count, 0);
    assert_null(code_facts(UINT32_MAX));
}

static void names_of_codes_and_states_are_different(void **state)
{
    (void)state;
    for (uint32_t a = 0; a < CODE_LIMIT_NUMBER; a++)
        for (uint32_t b = 0; b < a; b++)
            if (code_facts(a) != NULL && code_facts(b) != NULL)
                assert_string_not_equal(code_facts(a)->name, code_facts(b)->name);
    for (uint32_t a = 0; a <= ORDER_STATES; a++)
        for (uint32_t b = 1; b < a; b++)
            assert_string_not_equal(order_state_name((enum order_state)a),
                                    order_state_name((enum order_state)b));
}

static void the_parts_of_an_order_are_where_they_were_put(void **state)
{
    (void)state;
    static const char *const texts[ORDER_TEXTS + 2] = {"O-1", "c1",   "",        "sh",   "alipay",
                                                       "",    "a-77", "express", "jane", "joe"};
    _Alignas(8) uint8_t bytes[512] = {0};
    struct result_order *order = (void *)bytes;
    order->line_count = 2;
    order->adjustment_count = 1;
    struct adjustment *adjustment = (void *)(order->lines + 2);
    adjustment->amount = -5;
    char *at = (char *)(adjustment + 1);
    for (uint32_t i = 0; i < ORDER_TEXTS + 2; at += strlen(texts[i]), i++)
        memcpy(at, texts[i], strlen(texts[i]));
    for (uint32_t i = 0; i < ORDER_TEXTS; i++)
        order->text_bytes[i] = (uint8_t)strlen(texts[i]);
    order->created_by_bytes = 4;
    order->modified_by_bytes = 3;
    assert_int_equal(result_order_adjustments(order)->amount, -5);
    for (uint32_t i = 0; i < ORDER_TEXTS + 2; i++) {
        struct text text = result_order_text(order, i);
        assert_int_equal(text.bytes, strlen(texts[i]));
        assert_memory_equal(text.at, texts[i], text.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_are_zero_and_a_multiple_of_eight),
        cmocka_unit_test(a_turn_has_room_until_one_of_its_piles_has_none),
        cmocka_unit_test(a_message_has_its_head),
        cmocka_unit_test(an_answer_goes_to_where_the_question_came_from),
        cmocka_unit_test(requests_are_told_from_effects),
        cmocka_unit_test(every_code_has_its_facts_and_no_other_number_has),
        cmocka_unit_test(names_of_codes_and_states_are_different),
        cmocka_unit_test(the_parts_of_an_order_are_where_they_were_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
