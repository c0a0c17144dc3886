#include "tests/unit/test.h"
#include "tools/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct values {
    bool quiet;
    const char *data;
    uint64_t orders;
    uint64_t shards;
    uint64_t memory;
    uint64_t deadline_ns;
    uint64_t sync;
};

static struct values values;
static const char *const modes[] = {"none", "dsync", "auto", NULL};
static const struct option rows[] = {
    {.name = "quiet", .help = "says less", .kind = OPTION_FLAG, .into = &values.quiet},
    {.name = "data",
     .value_name = "DIR",
     .help = "where",
     .kind = OPTION_TEXT,
     .into = &values.data},
    {.name = "shards",
     .value_name = "N",
     .help = "threads",
     .kind = OPTION_COUNT,
     .into = &values.shards,
     .min = 1,
     .max = 64},
    {.name = "orders",
     .value_name = "N",
     .help = "how many",
     .kind = OPTION_COUNT,
     .into = &values.orders},
    {.name = "memory",
     .value_name = "SIZE",
     .help = "in all",
     .kind = OPTION_BYTES,
     .into = &values.memory},
    {.name = "deadline",
     .value_name = "TIME",
     .help = "until",
     .kind = OPTION_DURATION,
     .into = &values.deadline_ns},
    {.name = "sync",
     .value_name = "MODE",
     .help = "how",
     .kind = OPTION_CHOICE,
     .into = &values.sync,
     .choices = modes},
    {0},
};
static const struct usage usage = {
    .command = "spate test", .arguments = "FILE [OPTION...]", .summary = "Tests.", .options = rows};
static const struct values defaults = {.shards = 2, .memory = 512u << 20, .sync = 2};

/* Parses words, and gives what went to stdout or stderr in the meantime. */
struct parsed {
    char *argv[32];
    int argc;
    int positional_count;
    int ended;
    char said[4096];
};

static void parse_onto(int stream, struct parsed *parsed)
{
    FILE *file = tmpfile();
    int kept = dup(stream);
    fflush(NULL);
    dup2(fileno(file), stream);
    parsed->ended = options_read(&usage, parsed->argc, parsed->argv, &parsed->positional_count);
    fflush(NULL);
    dup2(kept, stream);
    close(kept);
    rewind(file);
    parsed->said[fread(parsed->said, 1, sizeof parsed->said - 1, file)] = '\0';
    fclose(file);
}

static struct parsed parse(int stream, const char *words)
{
    static char copy[512];
    struct parsed parsed = {.argc = 1};
    values = defaults;
    parsed.argv[0] = copy;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        parsed.argv[parsed.argc++] = word;
    parse_onto(stream, &parsed);
    return parsed;
}

static void every_kind_of_value_arrives_with_its_unit(void **state)
{
    (void)state;
    struct parsed p = parse(1, "--quiet --data dir --shards=4 in --orders 2M --memory 3G "
                               "--deadline 250us --sync dsync out");
    assert_int_equal(p.ended, -1);
    assert_true(values.quiet);
    assert_string_equal(values.data, "dir");
    assert_int_equal(values.shards, 4);
    assert_int_equal(values.orders, 2000000);
    assert_int_equal(values.memory, 3ull << 30);
    assert_int_equal(values.deadline_ns, 250000);
    assert_int_equal(values.sync, 1);
    assert_int_equal(p.positional_count, 2);
    assert_string_equal(p.argv[0], "in");
    assert_string_equal(p.argv[1], "out");
}

static void what_is_not_given_keeps_its_default(void **state)
{
    (void)state;
    struct parsed p = parse(1, "file");
    assert_int_equal(p.ended, -1);
    assert_memory_equal(&values, &defaults, sizeof defaults);
}

static void two_dashes_end_the_options(void **state)
{
    (void)state;
    struct parsed p = parse(1, "-- --data");
    assert_int_equal(p.ended, -1);
    assert_string_equal(p.argv[0], "--data");
}

static void a_usage_error_ends_with_2_and_names_the_option(void **state)
{
    (void)state;
    static const char *const wrong[][3] = {
        {"--shard 4 f", "--shard", "did you mean --shards?"},
        {"--frobnicate f", "--frobnicate", "--help"},
        {"-x f", "-x", "unknown"},
        {"--shards 0 f", "--shards", "1 to 64"},
        {"--shards 65 f", "--shards", "1 to 64"},
        {"--shards 99999999999999999999 f", "--shards", "a number"},
        {"--shards -1 f", "--shards", "a number"},
        {"--memory 5X f", "--memory", "a size"},
        {"--memory 99999999999999G f", "--memory", "a size"},
        {"--deadline 5 f", "--deadline", "a duration"},
        {"--sync maybe f", "--sync", "one of none dsync auto"},
        {"f --data", "--data", "wants a value"},
        {"--quiet=no f", "--quiet", "takes no value"},
    };
    for (uint32_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct parsed p = parse(2, wrong[i][0]);
        if (p.ended != 2 || !strstr(p.said, wrong[i][1]) || !strstr(p.said, wrong[i][2]))
            fail_msg("%s: ended %d, said %s", wrong[i][0], p.ended, p.said);
    }
}

static void help_goes_to_stdout_with_every_option(void **state)
{
    (void)state;
    struct parsed p = parse(1, "--help");
    assert_int_equal(p.ended, 0);
    for (uint32_t i = 0; rows[i].name != NULL; i++)
        assert_true(strstr(p.said, rows[i].name) && strstr(p.said, rows[i].help));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_arrives_with_its_unit),
        cmocka_unit_test(what_is_not_given_keeps_its_default),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_usage_error_ends_with_2_and_names_the_option),
        cmocka_unit_test(help_goes_to_stdout_with_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
