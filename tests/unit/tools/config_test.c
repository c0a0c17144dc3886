#include "tests/unit/test.h"
#include "tools/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct values {
    bool quiet;
    const char *data;
    const char *file;
    uint64_t memory;
    uint64_t deadline_ns;
    uint32_t shards;
    uint32_t sync;
};

static struct values values;
static uint8_t sources[8];
static const char *const modes[] = {"none", "dsync", NULL};
static const struct option rows[] = {
    {.name = "quiet", .help = "says less", .kind = OPTION_FLAG, .into = &values.quiet},
    {.name = "data",
     .value_name = "DIR",
     .help = "where",
     .into = &values.data,
     .kind = OPTION_TEXT},
    {.name = "file",
     .value_name = "FILE",
     .help = "this file",
     .kind = OPTION_TEXT,
     .into = &values.file,
     .line_only = true},
    {.name = "memory",
     .value_name = "SIZE",
     .help = "all",
     .kind = OPTION_BYTES,
     .into = &values.memory},
    {.name = "pay-deadline",
     .value_name = "TIME",
     .help = "until",
     .kind = OPTION_DURATION,
     .into = &values.deadline_ns},
    {.name = "shards",
     .value_name = "N",
     .help = "threads",
     .kind = OPTION_COUNT,
     .into = &values.shards,
     .into_bytes = 4,
     .min = 1,
     .max = 64},
    {.name = "sync",
     .value_name = "MODE",
     .help = "how",
     .kind = OPTION_CHOICE,
     .into = &values.sync,
     .into_bytes = 4,
     .choices = modes},
    {0},
};
static const struct usage usage = {
    "spate test", "", "Tests.", rows, .environment = "SPATE_TEST_", .sources = sources};

/* Command line and file, one after the other; what went to stdout and stderr. */
struct outcome {
    int ended;
    bool read;
    char said[4096];
};

static char path[] = "/tmp/config_test.XXXXXX";

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A file's texts are kept for good: by us, until the end. */
static struct {
    const char *at[64];
    uint32_t count;
} kept;

static struct outcome settle(const char *line, const char *text)
{
    static char words[256];
    char *argv[16] = {words};
    int argc = 1, positional;
    struct outcome outcome = {0};
    assert_true(kept.count < 64);
    kept.at[kept.count++] = values.data;
    values = (struct values){.shards = 2, .memory = 1 << 20};
    memset(sources, 0, sizeof sources);
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    write_file(text);
    FILE *said = tmpfile();
    int kept_out = dup(1), kept_err = dup(2);
    fflush(NULL);
    dup2(fileno(said), 1);
    dup2(fileno(said), 2);
    outcome.ended = options_read(&usage, argc, argv, &positional);
    outcome.read = outcome.ended < 0 && config_read(&usage, path);
    if (outcome.read)
        config_dump(&usage);
    fflush(NULL);
    dup2(kept_out, 1);
    dup2(kept_err, 2);
    close(kept_out);
    close(kept_err);
    rewind(said);
    outcome.said[fread(outcome.said, 1, sizeof outcome.said - 1, said)] = '\0';
    fclose(said);
    return outcome;
}

static void the_line_wins_over_the_environment_and_that_over_the_file(void **state)
{
    (void)state;
    setenv("SPATE_TEST_SHARDS", "5", 1);
    setenv("SPATE_TEST_PAY_DEADLINE", "5s", 1);
    struct outcome o = settle("--shards 7", "shards = 3\npay-deadline = 3s\nmemory = 3M\n");
    unsetenv("SPATE_TEST_SHARDS");
    unsetenv("SPATE_TEST_PAY_DEADLINE");
    assert_true(o.read);
    assert_int_equal(values.shards, 7);
    assert_int_equal(values.deadline_ns, 5000000000);
    assert_int_equal(values.memory, 3 << 20);
    assert_int_equal(values.sync, 0);
    assert_non_null(strstr(o.said, "shards = 7 ; command line"));
    assert_non_null(strstr(o.said, "pay-deadline = 5s ; environment"));
    assert_non_null(strstr(o.said, "memory = 3M ; file"));
    assert_non_null(strstr(o.said, "sync = none ; default"));
}

static void comments_blank_lines_and_both_signs_are_taken(void **state)
{
    (void)state;
    struct outcome o =
        settle("", "# one\n\n; two\n   \ndata: /a b/c ; why\r\nquiet=yes\nsync = dsync");
    assert_true(o.read);
    assert_string_equal(values.data, "/a b/c");
    assert_true(values.quiet);
    assert_int_equal(values.sync, 1);
}

static void what_was_dumped_can_be_read(void **state)
{
    (void)state;
    struct outcome o = settle("", "data = d\nshards = 4\nmemory = 1025K\npay-deadline = 90s\n");
    assert_true(o.read);
    struct values before = values;
    struct outcome again = settle("", o.said);
    assert_true(again.read);
    assert_string_equal(values.data, before.data);
    assert_int_equal(values.shards, before.shards);
    assert_int_equal(values.memory, before.memory);
    assert_int_equal(values.deadline_ns, before.deadline_ns);
}

static void a_wrong_file_is_refused_with_its_line_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"shards = 3\nmemroy = 2M\n", ":2: unknown option memroy; did you mean memory?"},
        {"shards = 3\n\nfrobnicate = 1", ":3: unknown option frobnicate"},
        {"shards = 65\n", ":1: shards = 65: a number (1 to 64)"},
        {"shards =\n", ":1: shards = : a number"},
        {"sync = maybe\n", ":1: sync = maybe: one of none dsync"},
        {"quiet = 1\n", ":1: quiet = 1: yes or no"},
        {"shards = 3\nshards = 4\n", ":2: shards stands in line 1 already"},
        {"shards = 3\n memory = 2M\n", ":2: a line must not begin with a blank"},
        {"[serve]\nshards = 3\n", ":1: there are no sections"},
        {"shards = 3\njust words\n", ":2: this is no `name = value`"},
        {"shards = 3\nfile = x\n", ":2: file can only stand on the command line"},
    };
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct outcome o = settle("", wrong[i][0]);
        if (o.read || !strstr(o.said, wrong[i][1]) || !strstr(o.said, path) || values.shards != 2)
            fail_msg("%s: read %d, said %s", wrong[i][0], o.read, o.said);
    }
    char text[600] = "shards = 3\ndata = ";
    memset(text + strlen(text), 'x', 500);
    struct outcome o = settle("", text);
    assert_false(o.read);
    assert_non_null(strstr(o.said, ":2: this line is too long"));
}

static void a_wrong_value_in_the_environment_is_named(void **state)
{
    (void)state;
    setenv("SPATE_TEST_SHARDS", "none", 1);
    struct outcome o = settle("", "");
    unsetenv("SPATE_TEST_SHARDS");
    assert_int_equal(o.ended, 2);
    assert_non_null(strstr(o.said, "SPATE_TEST_SHARDS"));
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    assert_false(config_read(&usage, "/nonexistent/spate.conf"));
}

static int make_path(void **state)
{
    (void)state;
    return mkstemp(path) < 0;
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_wins_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(comments_blank_lines_and_both_signs_are_taken),
        cmocka_unit_test(what_was_dumped_can_be_read),
        cmocka_unit_test(a_wrong_file_is_refused_with_its_line_and_changes_nothing),
        cmocka_unit_test(a_wrong_value_in_the_environment_is_named),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
