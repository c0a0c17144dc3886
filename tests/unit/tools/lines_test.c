#include "tests/unit/test.h"
#include "tools/lines_writer.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct lines lines;
static struct lines_writer writer;
static int ends[2];

static int set_up(void **state)
{
    (void)state;
    memset(&lines, 0, sizeof lines);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    lines.level.value = ENV_INFO;
    lines.bell = -1;
    writer = (struct lines_writer){.lines = &lines, .shard_count = 2, .file = ends[1]};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* What the writer has written since the last time. */
static const char *written(void)
{
    static char out[65536];
    lines_drain(&writer);
    ssize_t bytes = read(ends[0], out, sizeof out - 1);
    out[bytes > 0 ? bytes : 0] = '\0';
    return out;
}

static void lines_come_out_in_order_of_time_whoever_said_them(void **state)
{
    (void)state;
    lines_put(&lines, 1, ENV_INFO, 30, "third");
    lines_put(&lines, 0, ENV_INFO, 10, "first");
    lines_put(&lines, 2, ENV_INFO, 20, "second");
    lines_put(&lines, 0, ENV_INFO, 40, "fourth");
    assert_string_equal(written(), "first\nsecond\nthird\nfourth\n");
    assert_string_equal(written(), "");
}

static void what_finds_no_room_is_counted_and_nobody_waits(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < LINES_RING + 7; i++)
        lines_put(&lines, 0, ENV_INFO, i, "x");
    assert_int_equal(lines_lost(&lines), 7);
    const char *out = written();
    assert_int_equal(strlen(out), LINES_RING * 2 + strlen("7 lines were lost here\n"));
    assert_non_null(strstr(out, "7 lines were lost here\n"));
    lines_put(&lines, 0, ENV_INFO, 100, "room again");
    assert_string_equal(written(), "room again\n");
}

static void what_is_less_urgent_than_asked_for_is_not_put(void **state)
{
    (void)state;
    lines_put(&lines, 0, ENV_DEBUG, 1, "no");
    atomic_store(&lines.level, ENV_WARNING);
    lines_put(&lines, 0, ENV_INFO, 2, "no");
    lines_put(&lines, 0, ENV_WARNING, 3, "yes");
    assert_string_equal(written(), "yes\n");
}

static void a_line_cannot_pretend_to_be_two(void **state)
{
    (void)state;
    lines_put(&lines, 0, ENV_INFO, 1, "a\nlevel=error b\r\x1b[31m\x7f");
    assert_string_equal(written(), "a\\x0alevel=error b\\x0d\\x1b[31m\\x7f\n");
}

static void logfmt_quotes_what_it_must(void **state)
{
    (void)state;
    writer.form = LINES_LOGFMT;
    lines_put(&lines, 1, ENV_ERROR, 1605052800000000000, "say \"a\\b\"\n");
    lines_put(&lines, 2, ENV_INFO, 1605052800000000001, "x");
    assert_string_equal(
        written(),
        "ts=2020-11-11T00:00:00Z level=error actor=shard-1 msg=\"say \\\"a\\\\b\\\"\\x0a\"\n"
        "ts=2020-11-11T00:00:00.000000001Z level=info actor=main msg=\"x\"\n");
}

static void every_line_of_bytes_is_json(void **state)
{
    (void)state;
    char text[LINE_BYTES_MAX + 64];
    writer.form = LINES_JSON;
    for (uint32_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)(1 + (i * 7) % 255);
    text[sizeof text - 1] = '\0';
    lines_put(&lines, 0, ENV_WARNING, 1605052800000000000, text);
    lines_put(&lines, 0, ENV_WARNING, 1605052800000000001, "\x01\x1f\"\\");
    const char *out = written();
    json_t *first = json_loads(out, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(first);
    assert_string_equal(json_string_value(json_object_get(first, "level")), "warning");
    assert_string_equal(json_string_value(json_object_get(first, "actor")), "shard-0");
    json_t *second = json_loads(strchr(out, '\n'), 0, NULL);
    assert_non_null(second);
    assert_string_equal(json_string_value(json_object_get(second, "msg")), "\x01\x1f\"\\");
    json_decref(first);
    json_decref(second);
}

enum { SPEAKERS = 3, WORDS = 20000 };

static void *speak(void *argument)
{
    uint32_t actor = (uint32_t)(uintptr_t)argument;
    for (uint32_t i = 0; i < WORDS; i++) {
        char text[32];
        snprintf(text, sizeof text, "%u %u", actor, i);
        lines_put(&lines, actor, ENV_INFO, i, text);
    }
    return NULL;
}

static void nothing_is_torn_or_out_of_order_while_all_speak_at_once(void **state)
{
    (void)state;
    pthread_t threads[SPEAKERS];
    FILE *file = tmpfile();
    char text[64];
    uint32_t next[SPEAKERS] = {0}, actor, word;
    uint64_t heard = 0, told_lost = 0;
    unsigned long long lost;
    writer.file = fileno(file);
    for (uintptr_t i = 0; i < SPEAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, speak, (void *)i), 0);
    for (uint32_t i = 0; i < 2000; i++)
        lines_drain(&writer);
    for (uint32_t i = 0; i < SPEAKERS; i++)
        pthread_join(threads[i], NULL);
    lines_drain(&writer);
    rewind(file);
    while (fgets(text, sizeof text, file) != NULL) {
        if (sscanf(text, "%llu lines were lost", &lost) == 1 && strstr(text, "lost") != NULL) {
            told_lost += lost;
            continue;
        }
        assert_int_equal(sscanf(text, "%u %u", &actor, &word), 2);
        assert_true(actor < SPEAKERS && word >= next[actor]);
        next[actor] = word + 1;
        heard++;
    }
    fclose(file);
    assert_int_equal(heard + lines_lost(&lines), SPEAKERS * WORDS);
    assert_int_equal(told_lost, lines_lost(&lines));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_come_out_in_order_of_time_whoever_said_them),
        TEST(what_finds_no_room_is_counted_and_nobody_waits),
        TEST(what_is_less_urgent_than_asked_for_is_not_put),
        TEST(a_line_cannot_pretend_to_be_two),
        TEST(logfmt_quotes_what_it_must),
        TEST(every_line_of_bytes_is_json),
        TEST(nothing_is_torn_or_out_of_order_while_all_speak_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
