#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/connection.h"

/* A world that does nothing by itself: it remembers what was submitted, the test completes it. */
struct env {
    struct env_op ops[64];
    uint32_t count;
    uint32_t given_back;
    uint32_t disused;
};

void env_submit(struct env *env, const struct env_op *op)
{
    CHECK(env->count < 64);
    env->ops[env->count++] = *op;
}

void env_give_back(struct env *env, uint32_t buffer)
{
    (void)buffer;
    env->given_back++;
}

void env_disuse(struct env *env, void *at, uint64_t bytes)
{
    env->disused++;
    memset(at, 0xdb, bytes);
}

enum { BUFFER_BYTES = 4096, FILE_NUMBER = 7 };

struct fixture {
    struct env env;
    struct connections connections;
    uint8_t buffers[4 * BUFFER_BYTES];
    void *memory;
};

static int set_up(void **state)
{
    struct connections_options options = {.count_max = 2,
                                          .frame_bytes_max = 8192,
                                          .receive_bytes = 4 * BUFFER_BYTES,
                                          .http_bytes = 64,
                                          .pipelined_max = 256};
    struct fixture *f = calloc(1, sizeof *f);
    f->memory = calloc(1, connections_bytes(&options));
    connections_init(&f->connections, f->memory, &options);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    free(f->memory);
    free(f);
    return 0;
}

/* The last operation of a kind that was submitted; NULL if there was none. */
static const struct env_op *submitted(const struct fixture *f, enum env_op_kind kind)
{
    for (uint32_t i = f->env.count; i-- > 0;)
        if (f->env.ops[i].kind == kind)
            return &f->env.ops[i];
    return NULL;
}

static uint32_t how_many(const struct fixture *f, enum env_op_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->env.count; i++)
        count += f->env.ops[i].kind == kind;
    return count;
}

static void complete(struct fixture *f, enum env_op_kind kind, int32_t result, uint32_t flags)
{
    const struct env_op *op = submitted(f, kind);
    assert_non_null(op);
    struct env_done done = {.user = op->user, .result = result, .flags = flags};
    connection_done(&f->connections, &f->env, &done, f->buffers, BUFFER_BYTES);
}

static struct connection *open_one(struct fixture *f)
{
    return connection_open(&f->connections, &f->env, FILE_NUMBER, PROTOCOL_BINARY);
}

static void write_out(struct fixture *f, struct connection *c, const char *text)
{
    uint32_t bytes = (uint32_t)strlen(text);
    memcpy(connection_room(&f->connections, c), text, bytes);
    connection_wrote(&f->connections, c, bytes);
    assert_ptr_equal(connection_next_touched(&f->connections), c);
}

static void no_more_connections_than_allowed(void **state)
{
    struct fixture *f = *state;
    assert_non_null(open_one(f));
    assert_non_null(open_one(f));
    assert_null(open_one(f));
}

static void received_bytes_stand_in_the_input_and_the_buffer_goes_back_at_once(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    memcpy(f->buffers + 2 * BUFFER_BYTES, "hello", 5);
    complete(f, ENV_RECEIVE, 5, ENV_FLAG_BUFFER | ENV_FLAG_MORE | 2u << ENV_BUFFER_SHIFT);
    assert_int_equal(f->env.given_back, 1);
    assert_ptr_equal(connection_next_ready(&f->connections), c);
    assert_int_equal(c->input_bytes - c->input_read, 5);
    assert_memory_equal(c->input + c->input_read, "hello", 5);
    assert_int_equal(how_many(f, ENV_RECEIVE), 1); /* MORE: still armed */
}

static void a_receive_that_ends_is_armed_again_even_after_success(void **state)
{
    struct fixture *f = *state;
    open_one(f);
    complete(f, ENV_RECEIVE, 5, ENV_FLAG_BUFFER);
    assert_int_equal(how_many(f, ENV_RECEIVE), 2);
    complete(f, ENV_RECEIVE, -ENOBUFS, 0);
    assert_int_equal(how_many(f, ENV_RECEIVE), 3);
}

static void a_flood_is_held_back_and_resumes_when_its_input_is_used(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    for (int i = 0; i < 4; i++)
        complete(f, ENV_RECEIVE, BUFFER_BYTES, ENV_FLAG_BUFFER | ENV_FLAG_MORE);
    const struct env_op *stop = submitted(f, ENV_STOP);
    assert_non_null(stop);
    assert_int_equal(stop->offset, submitted(f, ENV_RECEIVE)->user);
    complete(f, ENV_STOP, 0, 0);
    complete(f, ENV_RECEIVE, -ECANCELED, 0);
    assert_int_equal(how_many(f, ENV_RECEIVE), 1);
    connection_consume(&f->connections, &f->env, c, BUFFER_BYTES);
    assert_int_equal(how_many(f, ENV_RECEIVE), 2);
}

static void output_leaves_only_when_it_is_due_and_one_send_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    write_out(f, c, "first");
    uint64_t first = c->output_written;
    assert_null(submitted(f, ENV_SEND));
    connection_due(&f->connections, &f->env, c, first);
    assert_int_equal(submitted(f, ENV_SEND)->bytes, 5);
    write_out(f, c, "second");
    connection_due(&f->connections, &f->env, c, c->output_written);
    assert_int_equal(how_many(f, ENV_SEND), 1);
    complete(f, ENV_SEND, 5, 0);
    assert_int_equal(how_many(f, ENV_SEND), 2);
    assert_int_equal(submitted(f, ENV_SEND)->bytes, 6);
    assert_memory_equal(submitted(f, ENV_SEND)->data, "second", 6);
}

static void what_a_short_send_left_is_sent_next(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    write_out(f, c, "answer");
    connection_due(&f->connections, &f->env, c, c->output_written);
    complete(f, ENV_SEND, 2, 0);
    assert_int_equal(submitted(f, ENV_SEND)->bytes, 4);
    assert_memory_equal(submitted(f, ENV_SEND)->data, "swer", 4);
}

static void a_connection_ends_only_after_its_last_answer_has_left(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    c->open_commands = 1;
    complete(f, ENV_RECEIVE, 0, 0); /* the peer sends no more */
    assert_ptr_equal(connection_next_ready(&f->connections), c);
    connection_rest(&f->connections, &f->env, c);
    assert_null(submitted(f, ENV_SHUTDOWN));
    c->open_commands = 0;
    write_out(f, c, "answer");
    connection_due(&f->connections, &f->env, c, c->output_written);
    assert_null(submitted(f, ENV_SHUTDOWN));
    complete(f, ENV_SEND, 6, 0);
    assert_non_null(submitted(f, ENV_SHUTDOWN));
}

static void what_still_comes_is_dropped_until_the_peer_ends_or_time_is_up(void **state)
{
    struct fixture *f = *state;
    for (uint32_t ends = 0; ends < 2; ends++) {
        f->env.count = 0;
        struct connection *c = open_one(f);
        write_out(f, c, "no");
        connection_linger(&f->connections, &f->env, c, 1000);
        connection_due(&f->connections, &f->env, c, c->output_written);
        complete(f, ENV_SEND, 2, 0);
        complete(f, ENV_RECEIVE, 100, ENV_FLAG_BUFFER | ENV_FLAG_MORE);
        assert_int_equal(c->input_read, c->input_bytes);
        connection_lingered(&f->connections, &f->env, c, 999);
        assert_null(submitted(f, ENV_SHUTDOWN));
        if (ends)
            complete(f, ENV_RECEIVE, 0, 0);
        connection_rest(&f->connections, &f->env, c);
        connection_lingered(&f->connections, &f->env, c, 1000);
        assert_non_null(submitted(f, ENV_SHUTDOWN));
    }
}

static void it_is_closed_after_its_last_completion_and_a_late_answer_finds_nobody(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    uint64_t token = connection_token(&f->connections, c);
    assert_ptr_equal(connection_find(&f->connections, token), c);
    complete(f, ENV_RECEIVE, -ECONNRESET, 0);
    complete(f, ENV_SHUTDOWN, -ENOTCONN, 0);
    assert_null(submitted(f, ENV_CLOSE));
    complete(f, ENV_CANCEL, -ENOENT, 0);
    assert_int_equal(submitted(f, ENV_CLOSE)->file, FILE_NUMBER);
    assert_null(connection_find(&f->connections, token));
    struct connection *next = open_one(f);
    assert_ptr_equal(next, c); /* the same number, another generation */
    assert_null(connection_find(&f->connections, token));
}

static void a_connection_at_rest_gives_its_pages_back_once_and_goes_on_afterwards(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    memcpy(f->buffers, "hello", 5);
    complete(f, ENV_RECEIVE, 5, ENV_FLAG_BUFFER | ENV_FLAG_MORE);
    assert_ptr_equal(connection_next_ready(&f->connections), c);
    for (int i = 0; i < 3; i++) /* its input is not used up yet */
        connections_cool(&f->connections, &f->env);
    assert_int_equal(f->env.disused, 0);
    connection_consume(&f->connections, &f->env, c, 5);
    write_out(f, c, "answer");
    connection_due(&f->connections, &f->env, c, c->output_written);
    connections_cool(&f->connections, &f->env); /* its output is on the way */
    complete(f, ENV_SEND, 6, 0);
    connections_cool(&f->connections, &f->env);
    assert_int_equal(f->env.disused, 0);
    for (int i = 0; i < 3; i++)
        connections_cool(&f->connections, &f->env);
    assert_int_equal(f->env.disused, 1);

    complete(f, ENV_RECEIVE, 5, ENV_FLAG_BUFFER | ENV_FLAG_MORE);
    assert_memory_equal(c->input + c->input_read, "hello", 5);
    write_out(f, c, "again");
    connection_due(&f->connections, &f->env, c, c->output_written);
    assert_memory_equal(submitted(f, ENV_SEND)->data, "again", 5);
}

static void look(struct fixture *f, uint64_t watermark, uint64_t clock_ns)
{
    connections_waited(&f->connections, &f->env, watermark, clock_ns);
}

static void who_waits_is_looked_at_when_its_sequence_is_durable(void **state)
{
    struct fixture *f = *state;
    struct connection *one = open_one(f), *other = open_one(f);
    connection_wait(&f->connections, one, 10, 1000);
    connection_wait(&f->connections, other, 12, 1000);
    look(f, 9, 1);
    assert_null(connection_next_ready(&f->connections));
    look(f, 11, 2);
    assert_ptr_equal(connection_next_ready(&f->connections), one);
    assert_null(connection_next_ready(&f->connections));
    look(f, 12, 3);
    assert_ptr_equal(connection_next_ready(&f->connections), other);
    look(f, 20, 4);
    assert_null(connection_next_ready(&f->connections));
}

static void who_has_waited_too_long_is_looked_at_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    connection_wait(&f->connections, c, 10, 1000);
    look(f, 9, 999);
    assert_null(connection_next_ready(&f->connections));
    look(f, 9, 1000);
    assert_ptr_equal(connection_next_ready(&f->connections), c);
}

static void more_input_does_not_begin_the_wait_anew(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    connection_wait(&f->connections, c, 10, 1000);
    complete(f, ENV_RECEIVE, 5, ENV_FLAG_BUFFER | ENV_FLAG_MORE);
    assert_ptr_equal(connection_next_ready(&f->connections), c);
    connection_wait(&f->connections, c, 10, 5000);
    look(f, 9, 1000);
    assert_ptr_equal(connection_next_ready(&f->connections), c);
}

static void who_breaks_off_while_waiting_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct connection *c = open_one(f);
    connection_wait(&f->connections, c, 10, 1000);
    complete(f, ENV_RECEIVE, -ECONNRESET, 0);
    complete(f, ENV_SHUTDOWN, 0, 0);
    complete(f, ENV_CANCEL, 0, 0);
    assert_int_equal(how_many(f, ENV_CLOSE), 0); /* it still stands in the list */
    look(f, 9, 1);
    assert_int_equal(how_many(f, ENV_CLOSE), 1);
    assert_null(connection_next_ready(&f->connections));
    look(f, 20, 2);
    assert_int_equal(how_many(f, ENV_CLOSE), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(no_more_connections_than_allowed),
        TEST(received_bytes_stand_in_the_input_and_the_buffer_goes_back_at_once),
        TEST(a_receive_that_ends_is_armed_again_even_after_success),
        TEST(a_flood_is_held_back_and_resumes_when_its_input_is_used),
        TEST(output_leaves_only_when_it_is_due_and_one_send_at_a_time),
        TEST(what_a_short_send_left_is_sent_next),
        TEST(a_connection_ends_only_after_its_last_answer_has_left),
        TEST(what_still_comes_is_dropped_until_the_peer_ends_or_time_is_up),
        TEST(a_connection_at_rest_gives_its_pages_back_once_and_goes_on_afterwards),
        TEST(who_waits_is_looked_at_when_its_sequence_is_durable),
        TEST(who_has_waited_too_long_is_looked_at_all_the_same),
        TEST(more_input_does_not_begin_the_wait_anew),
        TEST(who_breaks_off_while_waiting_is_forgotten),
        TEST(it_is_closed_after_its_last_completion_and_a_late_answer_finds_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
