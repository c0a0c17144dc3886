/* tools/options.h - the options of a subcommand: one table, from which they are read and --help is
 * printed, so that the two cannot differ. */
#ifndef SPATE_TOOLS_OPTIONS_H
#define SPATE_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_COUNT,    /* uint64_t; plain or with k, M, G (decimal) */
    OPTION_BYTES,    /* uint64_t; plain or with K, M, G (binary) */
    OPTION_DURATION, /* uint64_t ns; with ns, us, ms, s, m, h */
    OPTION_CHOICE,   /* uint64_t; index into choices */
};

struct option {
    const char *name;       /* without the dashes */
    const char *value_name; /* NULL for a flag */
    const char *help;
    enum option_kind kind;
    void *into;
    uint64_t min;
    uint64_t max;
    const char *const *choices; /* ends with NULL */
};

struct usage {
    const char *command;   /* "spate serve" */
    const char *arguments; /* "TRACE --target ADDR:PORT [OPTION...]" */
    const char *summary;
    const struct option *options; /* ends with a NULL name */
};

/* Reads argv[1..argc); `--` ends the options. Positional arguments are moved to the front of argv and counted. -1: all read;
 * otherwise the program is to end with this code: 0 after --help or --version, 2 after a wrong option, which has
 * been named on stderr. */
int options_read(const struct usage *usage, int argc, char **argv, int *positional_count);

#endif
