#include "io/mailbox.h"
#include "tests/unit/random.h"
#include "tests/unit/test.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/turn.h"

enum { SMALL = 4096, LARGE = 1 << 20, STRESS_MESSAGES = 200000 };

_Static_assert(MESSAGE_BYTES_MAX <= LARGE / 4, "the largest message fits the stress's ring");

static struct mailbox *open_mailbox(uint32_t capacity_bytes)
{
    size_t bytes = mailbox_bytes(capacity_bytes);
    void *memory = aligned_alloc(128, (bytes + 127) & ~(size_t)127);
    assert_non_null(memory);
    memset(memory, 0, bytes);
    return mailbox_init(memory, capacity_bytes);
}

/* A message whose every byte follows from its number. */
static struct message *fill(struct message *message, uint64_t number, uint32_t bytes)
{
    memset(message, (int)(number & 0xff), bytes);
    message->bytes = bytes;
    message->kind = MESSAGE_SETTLE;
    message->from = 3;
    message->seen = number;
    return message;
}

static bool is_whole(const struct message *message, uint64_t number, uint32_t bytes)
{
    const uint8_t *body = (const uint8_t *)(message + 1);
    uint32_t body_bytes = bytes - (uint32_t)sizeof *message;
    if ((uintptr_t)message % 8 != 0 || message->bytes != bytes || message->seen != number)
        return false;
    for (uint32_t i = 0; i < body_bytes; i++)
        if (body[i] != (uint8_t)number)
            return false;
    return true;
}

static void nothing_is_seen_before_it_is_published(void **state)
{
    (void)state;
    struct mailbox *mailbox = open_mailbox(SMALL);
    uint64_t space[16];
    assert_true(mailbox_put(mailbox, fill((void *)space, 1, 64)));
    assert_true(mailbox_empty(mailbox));
    assert_null(mailbox_read(mailbox, mailbox_end(mailbox)));
    mailbox_publish(mailbox);
    assert_false(mailbox_empty(mailbox));
    assert_true(is_whole(mailbox_read(mailbox, mailbox_end(mailbox)), 1, 64));
    assert_null(mailbox_read(mailbox, mailbox_end(mailbox)));
    free(mailbox);
}

/* Around the end of the ring too, where a skip stands. */
static void what_is_looked_at_ahead_is_what_will_be_read(void **state)
{
    (void)state;
    struct mailbox *mailbox = open_mailbox(SMALL);
    const struct message *ahead[4];
    uint64_t space[SMALL / 32];
    for (uint64_t number = 0; number < 100; number += 3) {
        for (uint64_t i = 0; i < 3; i++)
            assert_true(mailbox_put(mailbox, fill((void *)space, number + i, 312)));
        mailbox_publish(mailbox);
        uint64_t end = mailbox_end(mailbox);
        assert_int_equal(mailbox_look(mailbox, end, ahead, 2), 2);
        assert_int_equal(mailbox_look(mailbox, end, ahead, 4), 3);
        for (uint64_t i = 0; i < 3; i++) {
            assert_true(is_whole(ahead[i], number + i, 312));
            assert_ptr_equal(mailbox_read(mailbox, end), ahead[i]);
        }
        assert_int_equal(mailbox_look(mailbox, end, ahead, 4), 0);
        mailbox_release(mailbox);
    }
    free(mailbox);
}

static void reading_stops_at_the_end_asked_for(void **state)
{
    (void)state;
    struct mailbox *mailbox = open_mailbox(SMALL);
    uint64_t space[16];
    (void)mailbox_put(mailbox, fill((void *)space, 1, 32));
    mailbox_publish(mailbox);
    uint64_t end = mailbox_end(mailbox);
    (void)mailbox_put(mailbox, fill((void *)space, 2, 32));
    mailbox_publish(mailbox);
    assert_true(is_whole(mailbox_read(mailbox, end), 1, 32));
    assert_null(mailbox_read(mailbox, end));
    assert_true(is_whole(mailbox_read(mailbox, mailbox_end(mailbox)), 2, 32));
    free(mailbox);
}

static void a_full_mailbox_refuses_and_what_is_released_makes_room(void **state)
{
    (void)state;
    struct mailbox *mailbox = open_mailbox(SMALL);
    uint64_t space[128];
    for (uint64_t i = 0; i < 4; i++)
        assert_true(mailbox_put(mailbox, fill((void *)space, i, 1024)));
    assert_false(mailbox_put(mailbox, fill((void *)space, 4, 16)));
    mailbox_publish(mailbox);
    assert_true(is_whole(mailbox_read(mailbox, mailbox_end(mailbox)), 0, 1024));
    assert_false(mailbox_put(mailbox, fill((void *)space, 4, 16)));
    mailbox_release(mailbox);
    assert_true(mailbox_put(mailbox, fill((void *)space, 4, 1024)));
    assert_false(mailbox_put(mailbox, fill((void *)space, 5, 16)));
    free(mailbox);
}

static void messages_keep_their_bytes_and_order_over_many_turns_of_the_ring(void **state)
{
    (void)state;
    struct mailbox *mailbox = open_mailbox(SMALL);
    uint64_t space[SMALL / 4 / 8];
    uint64_t put = 0, read = 0;
    uint64_t writing = 7, reading = 7;
    uint32_t bytes = 16 + 8 * random_below(&writing, 127);
    while (read < 10000) {
        while (mailbox_put(mailbox, fill((void *)space, put, bytes))) {
            put++;
            bytes = 16 + 8 * random_below(&writing, 127);
        }
        mailbox_publish(mailbox);
        const struct message *message;
        while ((message = mailbox_read(mailbox, mailbox_end(mailbox))) != NULL)
            assert_true(is_whole(message, read++, 16 + 8 * random_below(&reading, 127)));
        mailbox_release(mailbox);
        assert_int_equal(put, read);
    }
    free(mailbox);
}

/* --- two threads --- */

static uint32_t stress_bytes(uint64_t *random)
{
    uint32_t most = random_below(random, 64) == 0 ? MESSAGE_BYTES_MAX : 256;
    return 16 + 8 * random_below(random, (most - 16) / 8 + 1);
}

static void *write_all(void *mailbox)
{
    uint64_t random = 11;
    struct message *message = malloc(MESSAGE_BYTES_MAX);
    for (uint64_t number = 0; number < STRESS_MESSAGES; number++) {
        (void)fill(message, number, stress_bytes(&random));
        while (!mailbox_put(mailbox, message)) {
            mailbox_publish(mailbox);
            sched_yield();
        }
        if (number % 37 == 0)
            mailbox_publish(mailbox);
    }
    mailbox_publish(mailbox);
    free(message);
    return NULL;
}

static void a_reader_beside_a_writer_gets_every_message_whole_and_in_order(void **state)
{
    (void)state;
    struct mailbox *mailbox = open_mailbox(LARGE);
    uint64_t random = 11;
    uint64_t number = 0;
    bool whole = true;
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_all, mailbox), 0);
    while (number < STRESS_MESSAGES) {
        uint64_t end = mailbox_end(mailbox);
        const struct message *message;
        while ((message = mailbox_read(mailbox, end)) != NULL)
            whole &= is_whole(message, number++, stress_bytes(&random));
        mailbox_release(mailbox);
        if (mailbox_empty(mailbox))
            sched_yield();
    }
    pthread_join(writer, NULL);
    assert_true(whole);
    assert_true(mailbox_empty(mailbox));
    free(mailbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_seen_before_it_is_published),
        cmocka_unit_test(reading_stops_at_the_end_asked_for),
        cmocka_unit_test(what_is_looked_at_ahead_is_what_will_be_read),
        cmocka_unit_test(a_full_mailbox_refuses_and_what_is_released_makes_room),
        cmocka_unit_test(messages_keep_their_bytes_and_order_over_many_turns_of_the_ring),
        cmocka_unit_test(a_reader_beside_a_writer_gets_every_message_whole_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
