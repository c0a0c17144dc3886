#include "tests/unit/test.h"
#include "tools/log_progress.h"

#include <pty.h>
#include <string.h>
#include <unistd.h>

static const uint64_t SECOND = 1000000000;

struct fixture {
    int read;
    struct log_progress progress;
    char said[1024];
};

static struct fixture on_a_terminal(void)
{
    struct fixture f = {.progress.command = "spate log x"};
    assert_int_equal(openpty(&f.read, &f.progress.file, NULL, NULL, NULL), 0);
    return f;
}

static struct fixture in_a_pipe(void)
{
    struct fixture f = {.progress.command = "spate log x"};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    f.read = ends[0];
    f.progress.file = ends[1];
    return f;
}

/* All that has been said since the last look; a terminal hands it over in its own time, so a mark of ours
 * says where it ends. */
static const char *said(struct fixture *f)
{
    size_t used = 0;
    assert_int_equal(write(f->progress.file, "!", 1), 1);
    do {
        ssize_t got = read(f->read, f->said + used, sizeof f->said - 1 - used);
        assert_true(got > 0);
        used += (size_t)got;
    } while (f->said[used - 1] != '!');
    f->said[used - 1] = 0;
    return f->said;
}

static void done_with(struct fixture *f)
{
    close(f->read);
    close(f->progress.file);
}

static void a_terminal_sees_at_once_what_is_being_done(void **state)
{
    (void)state;
    struct fixture f = on_a_terminal();
    log_progress_say(&f.progress, 5 * SECOND, "reading", 0, 900);
    assert_string_equal(said(&f), "spate log x: reading: 0 of 900\033[K\r");
    done_with(&f);
}

static void a_terminal_sees_one_line_over_itself_with_rate_and_time_left(void **state)
{
    (void)state;
    struct fixture f = on_a_terminal();
    log_progress_say(&f.progress, 5 * SECOND, "reading", 100, 900);
    (void)said(&f);
    log_progress_say(&f.progress, 5 * SECOND + SECOND / 2, "reading", 150, 900);
    assert_string_equal(said(&f), "");
    log_progress_say(&f.progress, 7 * SECOND, "reading", 300, 900);
    assert_string_equal(said(&f),
                        "spate log x: reading: 300 of 900, 100 a second, about 6 s left\033[K\r");
    done_with(&f);
}

static void nothing_of_it_stands_on_the_terminal_in_the_end(void **state)
{
    (void)state;
    struct fixture f = on_a_terminal();
    log_progress_say(&f.progress, 5 * SECOND, "reading", 0, 900);
    (void)said(&f);
    log_progress_end(&f.progress);
    assert_string_equal(said(&f), "\033[K");
    log_progress_end(&f.progress);
    assert_string_equal(said(&f), "");
    done_with(&f);
}

static void a_pipe_gets_plain_lines_and_none_of_what_is_soon_over(void **state)
{
    (void)state;
    struct fixture f = in_a_pipe();
    log_progress_say(&f.progress, 5 * SECOND, "reading", 0, 900);
    log_progress_say(&f.progress, 5 * SECOND + SECOND / 2, "reading", 400, 900);
    assert_string_equal(said(&f), "");
    log_progress_say(&f.progress, 6 * SECOND, "reading", 600, 900);
    assert_string_equal(said(&f),
                        "spate log x: reading: 600 of 900, 600 a second, about 0 s left\n");
    log_progress_end(&f.progress);
    assert_string_equal(said(&f), "");
    done_with(&f);
}

static void what_comes_next_has_a_rate_of_its_own(void **state)
{
    (void)state;
    struct fixture f = in_a_pipe();
    log_progress_say(&f.progress, 5 * SECOND, "reading", 0, 900);
    log_progress_say(&f.progress, 6 * SECOND, "writing", 10, 50);
    assert_string_equal(said(&f), "spate log x: writing: 10 of 50\n");
    log_progress_say(&f.progress, 8 * SECOND, "writing", 20, 50);
    assert_string_equal(said(&f), "spate log x: writing: 20 of 50, 5 a second, about 6 s left\n");
    done_with(&f);
}

static void where_the_end_is_not_known_none_is_foretold(void **state)
{
    (void)state;
    struct fixture f = in_a_pipe();
    log_progress_say(&f.progress, 5 * SECOND, "reading", 10, 0);
    log_progress_say(&f.progress, 6 * SECOND, "reading", 600, 0);
    assert_string_equal(said(&f), "spate log x: reading: 600\n");
    done_with(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_terminal_sees_at_once_what_is_being_done),
        cmocka_unit_test(a_terminal_sees_one_line_over_itself_with_rate_and_time_left),
        cmocka_unit_test(nothing_of_it_stands_on_the_terminal_in_the_end),
        cmocka_unit_test(a_pipe_gets_plain_lines_and_none_of_what_is_soon_over),
        cmocka_unit_test(what_comes_next_has_a_rate_of_its_own),
        cmocka_unit_test(where_the_end_is_not_known_none_is_foretold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
