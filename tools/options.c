#include "tools/options.h"

#include "tools/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const struct usage *usage)
{
    printf("usage: %s %s\n\n%s\n", usage->command, usage->arguments, usage->summary);
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", option->name, option->value_name ? " " : "",
                 option->value_name ? option->value_name : "");
        printf("%s  %-26s %s\n", option == usage->options ? "\n" : "", left, option->help);
    }
    printf("  %-26s %s\n  %-26s %s\n", "--help", "show this", "--version",
           "what this was built from");
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Edits that turn one word into the other. */
static uint32_t distance(const char *a, const char *b)
{
    uint32_t row[64];
    uint32_t length = (uint32_t)strnlen(b, 63);
    for (uint32_t i = 0; i <= length; i++)
        row[i] = i;
    for (uint32_t i = 0; a[i] != 0; i++) {
        uint32_t diagonal = row[0];
        row[0] = i + 1;
        for (uint32_t j = 0; j < length; j++) {
            uint32_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            row[j + 1] = smaller(replaced, 1 + smaller(row[j], row[j + 1]));
        }
    }
    return row[length];
}

static int unknown(const struct usage *usage, const char *name)
{
    const char *nearest = NULL;
    uint32_t best = 4;
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        uint32_t away = distance(name, option->name);
        if (away < best) {
            best = away;
            nearest = option->name;
        }
    }
    fprintf(stderr, "%s: unknown option %s%s", usage->command, *name == '-' ? "" : "--", name);
    if (nearest != NULL)
        fprintf(stderr, "; did you mean --%s?", nearest);
    fprintf(stderr, " (--help lists them)\n");
    return 2;
}

static int wrong_value(const struct usage *usage, const struct option *option, const char *value)
{
    fprintf(stderr, "%s: --%s %s: ", usage->command, option->name, value);
    switch (option->kind) {
    case OPTION_CHOICE:
        fputs("one of", stderr);
        for (const char *const *choice = option->choices; *choice != NULL; choice++)
            fprintf(stderr, " %s", *choice);
        break;
    case OPTION_BYTES:
        fprintf(stderr, "a size such as 512M or 4G");
        break;
    case OPTION_DURATION:
        fprintf(stderr, "a duration such as 500ms, 30s or 5m");
        break;
    case OPTION_COUNT:
    case OPTION_FLAG:
    case OPTION_TEXT:
        fprintf(stderr, "a number");
        break;
    }
    if (option->kind != OPTION_CHOICE && option->max != 0)
        fprintf(stderr, " (%llu to %llu)", (unsigned long long)option->min,
                (unsigned long long)option->max);
    fputc('\n', stderr);
    return 2;
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

static const struct unit count_units[] = {
    {"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0}};
static const struct unit byte_units[] = {{"", 1},        {"K", 1 << 10},           {"M", 1 << 20},
                                         {"G", 1 << 30}, {"T", UINT64_C(1) << 40}, {NULL, 0}};
static const struct unit duration_units[] = {{"ns", 1},
                                             {"us", 1000},
                                             {"ms", 1000000},
                                             {"s", 1000000000},
                                             {"m", UINT64_C(60) * 1000000000},
                                             {"h", UINT64_C(3600) * 1000000000},
                                             {NULL, 0}};

static bool read_number(const char *value, const struct unit *units, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    if (end == value || errno != 0 || value[0] == '-')
        return false;
    for (; units->suffix != NULL; units++)
        if (strcmp(end, units->suffix) == 0)
            return !__builtin_mul_overflow(number, units->factor, out);
    return false;
}

static bool read_choice(const struct option *option, const char *value)
{
    for (uint64_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], value) == 0) {
            *(uint64_t *)option->into = i;
            return true;
        }
    }
    return false;
}

static bool read_value(const struct option *option, const char *value)
{
    static const struct unit *const units[] = {[OPTION_COUNT] = count_units,
                                               [OPTION_BYTES] = byte_units,
                                               [OPTION_DURATION] = duration_units};
    if (option->kind == OPTION_TEXT) {
        *(const char **)option->into = value;
        return true;
    }
    if (option->kind == OPTION_CHOICE)
        return read_choice(option, value);
    uint64_t number;
    if (!read_number(value, units[option->kind], &number) ||
        (option->max != 0 && (number < option->min || number > option->max)))
        return false;
    *(uint64_t *)option->into = number;
    return true;
}

/* Reads one option; *used arguments of argv. -1: read. */
static int read_option(const struct usage *usage, int argc, char **argv, int *used)
{
    char name[64];
    const char *equals = strchr(argv[0], '=');
    size_t length = equals != NULL ? (size_t)(equals - argv[0]) : strlen(argv[0]);
    snprintf(name, sizeof name, "%.*s", (int)length - 2, argv[0] + 2);
    if (strcmp(name, "help") == 0) {
        print_help(usage);
        return 0;
    }
    if (strcmp(name, "version") == 0) {
        version_print();
        return 0;
    }
    const struct option *option = usage->options;
    while (option->name != NULL && strcmp(option->name, name) != 0)
        option++;
    if (option->name == NULL)
        return unknown(usage, name);
    if (option->kind == OPTION_FLAG && equals != NULL) {
        fprintf(stderr, "%s: --%s takes no value\n", usage->command, name);
        return 2;
    }
    if (option->kind == OPTION_FLAG) {
        *(bool *)option->into = true;
        return -1;
    }
    const char *value = equals != NULL ? equals + 1 : argc > 1 ? argv[1] : NULL;
    *used = equals != NULL ? 1 : 2;
    if (value == NULL) {
        fprintf(stderr, "%s: --%s wants a value\n", usage->command, name);
        return 2;
    }
    return read_value(option, value) ? -1 : wrong_value(usage, option, value);
}

int options_read(const struct usage *usage, int argc, char **argv, int *positional_count)
{
    bool ended = false;
    *positional_count = 0;
    for (int i = 1; i < argc;) {
        if (!ended && strcmp(argv[i], "--") == 0) {
            ended = true;
            i++;
            continue;
        }
        if (ended || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[(*positional_count)++] = argv[i++];
            continue;
        }
        if (argv[i][1] != '-')
            return unknown(usage, argv[i]);
        int used = 1;
        int end = read_option(usage, argc - i, argv + i, &used);
        if (end >= 0)
            return end;
        i += used;
    }
    return -1;
}
