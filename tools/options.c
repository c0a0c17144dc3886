#include "tools/options.h"

#include "tools/version.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

const struct option *option_nearest(const struct usage *usage, const char *name)
{
    const struct option *nearest = NULL;
    uint32_t length = (uint32_t)strlen(name), best = length < 6 ? 1 + length / 2 : 4;
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        uint32_t away = distance(name, option->name);
        if (away < best) {
            best = away;
            nearest = option;
        }
    }
    return nearest;
}

const struct option *option_find(const struct usage *usage, const char *name)
{
    for (const struct option *option = usage->options; option->name != NULL; option++)
        if (strcmp(option->name, name) == 0)
            return option;
    return NULL;
}

static int unknown(const struct usage *usage, const char *name)
{
    const struct option *nearest = option_nearest(usage, name);
    fprintf(usage_errors(usage), "%s: unknown option %s%s", usage->command,
            *name == '-' ? "" : "--", name);
    if (nearest != NULL)
        fprintf(usage_errors(usage), "; did you mean --%s?", nearest->name);
    fprintf(usage_errors(usage), " (usage: %s %s; --help lists the options)\n", usage->command,
            usage->arguments);
    return 2;
}

static const char *print_number(const struct option *option, uint64_t number,
                                char out[OPTION_VALUE_BYTES_MAX]);

void option_print_wanted(const struct option *option, FILE *out)
{
    char least[OPTION_VALUE_BYTES_MAX], most[OPTION_VALUE_BYTES_MAX];
    switch (option->kind) {
    case OPTION_CHOICE:
        fputs("one of", out);
        for (const char *const *choice = option->choices; *choice != NULL; choice++)
            fprintf(out, " %s", *choice);
        return;
    case OPTION_BYTES:
        fputs("a size such as 512M or 4G", out);
        break;
    case OPTION_DURATION:
        fputs("a duration such as 500ms, 30s or 5m", out);
        break;
    case OPTION_COUNT:
        fputs("a number", out);
        break;
    case OPTION_FLAG:
        fputs("yes or no", out);
        return;
    case OPTION_TEXT:
        fputs("a text", out);
        return;
    case OPTION_TEXTS:
        fputs("this is once too often", out);
        return;
    }
    if (option->max != 0)
        fprintf(out, " (%s to %s)", print_number(option, option->min, least),
                print_number(option, option->max, most));
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

static const struct unit *units_of(const struct option *option)
{
    return option->kind == OPTION_BYTES      ? byte_units
           : option->kind == OPTION_DURATION ? duration_units
                                             : count_units;
}

static const char *print_number(const struct option *option, uint64_t number,
                                char out[OPTION_VALUE_BYTES_MAX])
{
    const struct unit *best = units_of(option);
    for (const struct unit *unit = best; unit->suffix != NULL; unit++)
        if (number % unit->factor == 0 && (number > 0 || unit->factor <= 1000000000))
            best = unit;
    snprintf(out, OPTION_VALUE_BYTES_MAX, "%llu%s", (unsigned long long)(number / best->factor),
             number == 0 && option->kind != OPTION_DURATION ? "" : best->suffix);
    return out;
}

uint64_t option_number(const struct option *option)
{
    switch (option->kind) {
    case OPTION_TEXT:
    case OPTION_TEXTS:
        return 0;
    case OPTION_FLAG:
        return *(const bool *)option->into;
    case OPTION_COUNT:
    case OPTION_BYTES:
    case OPTION_DURATION:
    case OPTION_CHOICE:
        break;
    }
    return option->into_bytes == 4 ? *(const uint32_t *)option->into
                                   : *(const uint64_t *)option->into;
}

const char *option_value(const struct option *option, char out[OPTION_VALUE_BYTES_MAX])
{
    switch (option->kind) {
    case OPTION_TEXT:
        return *(const char *const *)option->into;
    case OPTION_TEXTS:
        return NULL;
    case OPTION_FLAG:
        return option_number(option) ? "yes" : "no";
    case OPTION_CHOICE:
        return option->choices[option_number(option)];
    case OPTION_COUNT:
    case OPTION_BYTES:
    case OPTION_DURATION:
        break;
    }
    return print_number(option, option_number(option), out);
}

static bool store(const struct option *option, uint64_t number)
{
    if (option->into_bytes == 4 && number > UINT32_MAX)
        return false;
    if (option->into_bytes == 4)
        *(uint32_t *)option->into = (uint32_t)number;
    else
        *(uint64_t *)option->into = number;
    return true;
}

static bool set_choice(const struct option *option, const char *value)
{
    for (uint64_t i = 0; option->choices[i] != NULL; i++)
        if (strcmp(option->choices[i], value) == 0)
            return store(option, i);
    return false;
}

static bool set_flag(const struct option *option, const char *value)
{
    bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0)
        return false;
    *(bool *)option->into = yes;
    return true;
}

static bool add_text(struct option_texts *texts, const char *value)
{
    uint32_t capacity = texts->capacity > 0 ? texts->capacity : OPTION_TEXTS_MAX;
    if (texts->count == capacity)
        return false;
    texts->at[texts->count++] = value;
    return true;
}

bool option_set(const struct option *option, const char *value)
{
    uint64_t number;
    switch (option->kind) {
    case OPTION_TEXT:
        *(const char **)option->into = value;
        return true;
    case OPTION_TEXTS:
        return add_text(option->into, value);
    case OPTION_CHOICE:
        return set_choice(option, value);
    case OPTION_FLAG:
        return set_flag(option, value);
    case OPTION_COUNT:
    case OPTION_BYTES:
    case OPTION_DURATION:
        break;
    }
    bool fits = read_number(value, units_of(option), &number) &&
                (option->max == 0 || (number >= option->min && number <= option->max));
    return fits && store(option, number);
}

static void note_source(const struct usage *usage, const struct option *option,
                        enum option_source source)
{
    if (usage->sources != NULL)
        usage->sources[option - usage->options] = (uint8_t)source;
}

static int wrong_value(const struct usage *usage, const char *name, const struct option *option,
                       const char *value)
{
    fprintf(usage_errors(usage), "%s: %s %s: ", usage->command, name, value);
    option_print_wanted(option, usage_errors(usage));
    fputc('\n', usage_errors(usage));
    return 2;
}

/* Reads one option; *used arguments of argv. -1: read. */
static int read_option(const struct usage *usage, int argc, char **argv, int *used)
{
    char name[64];
    const char *equals = strchr(argv[0], '=');
    size_t length = equals != NULL ? (size_t)(equals - argv[0]) : strlen(argv[0]);
    snprintf(name, sizeof name, "%.*s", (int)length - 2, argv[0] + 2);
    if (strcmp(name, "help") == 0)
        return options_print(usage, equals != NULL ? equals + 1 : NULL);
    if (strcmp(name, "version") == 0) {
        version_print();
        return 0;
    }
    const struct option *option = option_find(usage, name);
    if (option == NULL)
        return unknown(usage, name);
    note_source(usage, option, OPTION_BY_LINE);
    if (option->kind == OPTION_FLAG && equals != NULL) {
        fprintf(usage_errors(usage), "%s: --%s takes no value\n", usage->command, name);
        return 2;
    }
    if (option->kind == OPTION_FLAG) {
        *(bool *)option->into = true;
        return -1;
    }
    const char *value = equals != NULL ? equals + 1 : argc > 1 ? argv[1] : NULL;
    *used = equals != NULL ? 1 : 2;
    if (value == NULL) {
        fprintf(usage_errors(usage), "%s: --%s wants a value\n", usage->command, name);
        return 2;
    }
    if (option_set(option, value))
        return -1;
    snprintf(name, sizeof name, "--%s", option->name);
    return wrong_value(usage, name, option, value);
}

static int read_line(const struct usage *usage, int argc, char **argv, int *positional_count)
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

static void name_in_environment(const struct usage *usage, const struct option *option,
                                char out[80])
{
    snprintf(out, 80, "%s%s", usage->environment, option->name);
    for (uint32_t i = 0; out[i] != '\0'; i++)
        out[i] = out[i] == '-' ? '_' : (char)toupper((unsigned char)out[i]);
}

static int read_environment(const struct usage *usage)
{
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        bool given =
            usage->sources != NULL && usage->sources[option - usage->options] == OPTION_BY_LINE;
        char name[80];
        name_in_environment(usage, option, name);
        const char *value = given || option->line_only ? NULL : getenv(name);
        if (value == NULL)
            continue;
        if (!option_set(option, value))
            return wrong_value(usage, name, option, value);
        note_source(usage, option, OPTION_BY_ENVIRONMENT);
    }
    return -1;
}

int options_read(const struct usage *usage, int argc, char **argv, int *positional_count)
{
    uint8_t sources[OPTIONS_MAX] = {0};
    struct usage noted = *usage;
    if (noted.sources == NULL)
        noted.sources = sources;
    int end = read_line(&noted, argc, argv, positional_count);
    if (end < 0 && usage->environment != NULL)
        end = read_environment(&noted);
    return end;
}
