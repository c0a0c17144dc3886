/* tools/options.h - the options of a subcommand: one table, from which they are read, and --help, man
 * pages, the shell's completion and the sample file are printed, so that these cannot differ.
 *
 * A value given on the command line wins over the environment, that over the file (tools/config.h),
 * that over the default, which is what stands in `into` before anything is read. */
#ifndef SPATE_TOOLS_OPTIONS_H
#define SPATE_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_TEXTS,    /* struct option_texts: each time it is given, one more */
    OPTION_COUNT,    /* a number; plain or with k, M, G (decimal) */
    OPTION_BYTES,    /* a number; plain or with K, M, G (binary) */
    OPTION_DURATION, /* ns; with ns, us, ms, s, m, h */
    OPTION_CHOICE,   /* a number: the index into choices */
};

enum { OPTION_TEXTS_MAX = 512 };
struct option_texts {
    uint32_t count;
    uint32_t capacity; /* 0: OPTION_TEXTS_MAX */
    const char *at[OPTION_TEXTS_MAX];
};

struct option {
    const char *name;       /* without the dashes */
    const char *value_name; /* NULL for a flag */
    const char *help;
    enum option_kind kind;
    void *into;
    uint8_t into_bytes; /* of a number: 4 for uint32_t; 0: it is a uint64_t */
    uint64_t min;
    uint64_t max;
    const char *const *choices; /* ends with NULL */
    const char *group;          /* heading; NULL: that of the row above */
    const char *otherwise;      /* what happens while it is 0 or NULL: "sized by --memory" */
    bool line_only;             /* makes sense on the command line alone */
    bool reloads;               /* SIGHUP takes a new value over */
};

enum option_source { OPTION_BY_DEFAULT, OPTION_BY_FILE, OPTION_BY_ENVIRONMENT, OPTION_BY_LINE };

enum { OPTIONS_MAX = 128, OPTION_VALUE_BYTES_MAX = 32 };

struct usage {
    const char *command;   /* "spate serve" */
    const char *arguments; /* "TRACE --target ADDR:PORT [OPTION...]" */
    const char *summary;
    const struct option *options; /* ends with a NULL name; at most OPTIONS_MAX */
    const char *environment; /* "SPATE_": a name in capitals behind it is read too; NULL: none is */
    uint8_t *sources;        /* one for each option: where its value is from; NULL: nobody asks */
    FILE *errors;            /* where what is wrong is said; NULL: on stderr */
};

static inline FILE *usage_errors(const struct usage *usage)
{
    return usage->errors != NULL ? usage->errors : stderr;
}

/* Reads argv[1..argc); `--` ends the options. Positional arguments are moved to the front of argv and
 * counted. Then the environment, for what was not given. -1: all read; otherwise the program is to end
 * with this code: 0 after --help or --version, 2 after a wrong option, which has been named.
 * --help=man is the manual's page, --help=words what a shell may complete, --help=sample a file. */
int options_read(const struct usage *usage, int argc, char **argv, int *positional_count);

/* Prints a page on stdout: NULL for --help, "man", "words", "sample"; the exit code. */
int options_print(const struct usage *usage, const char *page);

/* The option of this name; NULL. */
const struct option *option_find(const struct usage *usage, const char *name);
/* The one that was probably meant; NULL. */
const struct option *option_nearest(const struct usage *usage, const char *name);

/* False: this is no value for it, and nothing has changed. The text has to stay where it is. */
bool option_set(const struct option *option, const char *value);
/* "a number (1 to 64)": what it would take. */
void option_print_wanted(const struct option *option, FILE *out);

/* A number's value; 0 for a text. */
uint64_t option_number(const struct option *option);
/* Its value as it could be given, with the largest unit that leaves no rest; NULL: it has none. */
const char *option_value(const struct option *option, char out[OPTION_VALUE_BYTES_MAX]);

#endif
