#include "tools/config.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

/* What inih is given, line by line, and what it makes of it. Twice: to look, and to take over. */
struct reading {
    const struct usage *usage;
    const char *path;
    FILE *file;
    uint32_t line;
    bool wrong;
    bool looking;
    uint32_t seen_in[OPTIONS_MAX]; /* line; 0: not seen */
};

static bool refuse(struct reading *reading, const char *what)
{
    if (!reading->wrong)
        fprintf(usage_errors(reading->usage), "%s: %s:%u: %s\n", reading->usage->command,
                reading->path, reading->line, what);
    reading->wrong = true;
    return false;
}

static bool refuse_name(struct reading *reading, const char *name)
{
    char what[256];
    const struct option *nearest = option_nearest(reading->usage, name);
    snprintf(what, sizeof what, "unknown option %.64s%s%s%s", name,
             nearest == NULL ? "" : "; did you mean ", nearest == NULL ? "" : nearest->name,
             nearest == NULL ? "" : "?");
    return refuse(reading, what);
}

/* The library knows sections, lines that go on in the next, and cuts what is too long; here each of
 * these would be a mistake that nobody notices. */
static char *next_line(char *line, int capacity, void *stream)
{
    struct reading *reading = stream;
    if (reading->wrong || fgets(line, capacity, reading->file) == NULL)
        return NULL;
    reading->line++;
    size_t bytes = strcspn(line, "\n");
    size_t blanks = strspn(line, " \t\r");
    bool says_something = blanks < bytes && strchr("#;", line[blanks]) == NULL;
    if (line[bytes] != '\n' && !feof(reading->file))
        refuse(reading, "this line is too long");
    else if (says_something && line[blanks] == '[')
        refuse(reading, "there are no sections; every line is `name = value`");
    else if (says_something && blanks > 0)
        refuse(reading, "a line must not begin with a blank");
    else if (says_something && strpbrk(line, "=:") == NULL)
        refuse(reading, "this is no `name = value`");
    return reading->wrong ? NULL : line;
}

static bool look_at(struct reading *reading, const struct option *option, const char *value)
{
    char what[256];
    uint32_t *seen = &reading->seen_in[option - reading->usage->options];
    if (option->line_only) {
        snprintf(what, sizeof what, "%s can only stand on the command line", option->name);
        return refuse(reading, what);
    }
    if (*seen != 0) {
        snprintf(what, sizeof what, "%s stands in line %u already", option->name, *seen);
        return refuse(reading, what);
    }
    *seen = reading->line;
    struct option probe = *option;
    uint64_t nowhere;
    probe.into = &nowhere;
    if (*value != '\0' && option_set(&probe, value))
        return true;
    fprintf(usage_errors(reading->usage), "%s: %s:%u: %s = %s: ", reading->usage->command,
            reading->path, reading->line, option->name, value);
    option_print_wanted(option, usage_errors(reading->usage));
    fputc('\n', usage_errors(reading->usage));
    reading->wrong = true;
    return false;
}

static bool take(struct reading *reading, const struct option *option, const char *value)
{
    uint8_t *source = &reading->usage->sources[option - reading->usage->options];
    if (*source > OPTION_BY_FILE)
        return true;
    const char *kept = option->kind == OPTION_TEXT ? strdup(value) : value; /* kept for good */
    *source = OPTION_BY_FILE;
    return kept != NULL && option_set(option, kept);
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    (void)section;
    struct reading *reading = user;
    const struct option *option = option_find(reading->usage, name);
    if (option == NULL)
        return refuse_name(reading, name);
    return reading->looking ? look_at(reading, option, value) : take(reading, option, value);
}

static bool read_through(struct reading *reading, bool looking)
{
    reading->looking = looking;
    reading->line = 0;
    rewind(reading->file);
    return ini_parse_stream(next_line, reading, on_pair, reading) == 0 && !reading->wrong &&
           !ferror(reading->file);
}

bool config_read(const struct usage *usage, const char *path)
{
    struct reading reading = {.usage = usage, .path = path, .file = fopen(path, "re")};
    if (reading.file == NULL) {
        fprintf(usage_errors(usage), "%s: cannot read %s: %s\n", usage->command, path,
                strerror(errno));
        return false;
    }
    bool read = read_through(&reading, true) && read_through(&reading, false);
    if (!read && !reading.wrong)
        fprintf(usage_errors(usage), "%s: cannot read %s\n", usage->command, path);
    fclose(reading.file);
    return read;
}

void config_dump(const struct usage *usage)
{
    static const char *const sources[] = {"default", "file", "environment", "command line"};
    char value[OPTION_VALUE_BYTES_MAX];
    for (const struct option *option = usage->options; option->name != NULL; option++) {
        const char *is = option_value(option, value);
        uint8_t source = usage->sources[option - usage->options];
        bool says_nothing =
            option->otherwise != NULL && source == OPTION_BY_DEFAULT && option_number(option) == 0;
        if (option->line_only)
            continue;
        if (option->group != NULL)
            printf("%s# %s\n", option == usage->options ? "" : "\n", option->group);
        if (is == NULL || says_nothing)
            printf("# %s: %s\n", option->name, option->otherwise ? option->otherwise : "none");
        else
            printf("%s = %s ; %s\n", option->name, is, sources[source]);
    }
}
