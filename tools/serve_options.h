/* tools/serve_options.h - what `spate serve` can be told, read and checked. */
#ifndef SPATE_TOOLS_SERVE_OPTIONS_H
#define SPATE_TOOLS_SERVE_OPTIONS_H

#include "core/check.h"
#include "core/rules.h"
#include "io/callers.h"
#include "io/networks.h"
#include "io/server.h"
#include "tools/cores.h"
#include "tools/options.h"

/* Tables that --memory sizes together; what is not 0 was asked for by itself. */
struct serve_sizes {
    uint64_t orders;
    uint64_t order_bytes;
    uint64_t skus;
    uint64_t cells;
    uint64_t retries;
};

struct serve_options {
    struct server_options server;
    struct serve_sizes sizes;
    uint64_t memory_bytes;
    const char *callers_path;
    const char *rules_path;
    const char *trust;
    struct networks trusted;
    const char *config_path;
    uint32_t pin; /* enum pinning */
    uint64_t spin_ns;
    uint32_t awake;     /* 1: yes */
    uint32_t log_level; /* enum env_level */
    uint32_t log_form;  /* enum lines_form */
    FILE *errors;       /* where what is wrong is said */
    bool test_config;
    bool dump_config;
};

/* Reads the command line, the environment and the file, sizes what --memory sizes, and looks whether
 * it all fits together. -1: it does; otherwise the program is to end with this code, and what there
 * is to say has been said to `errors`. argv stays as it is, so that it can be read again. */
int serve_options_read(struct serve_options *options, int argc, char **argv,
                       FILE *errors) MUST_LOOK;

/* The callers' file of these options, into `callers`; 0, or the exit code after saying what is wrong. */
int serve_callers_read(const struct serve_options *options, struct callers *callers) MUST_LOOK;

/* A text of rules that has been looked at; one byte more tells that a file is too long. */
struct serve_rules {
    struct text text;
    char at[RULES_BYTES_MAX + 1];
};

/* The rules' file of these options; 0, or the exit code after saying FILE:LINE:COLUMN: what is wrong. */
int serve_rules_read(const struct serve_options *options, struct serve_rules *rules) MUST_LOOK;

/* Options that differ in `fresh`, and that SIGHUP cannot take over; how many. */
enum { SERVE_ROWS_MAX = 64 };
struct serve_kept {
    const char *name;
    char value[OPTION_VALUE_BYTES_MAX]; /* the one that holds */
};
uint32_t serve_options_kept(struct serve_options *holding, struct serve_options *fresh,
                            struct serve_kept out[SERVE_ROWS_MAX]);

/* What the capacities cost, a line for each; false behind the last. */
bool serve_sizes_line(const struct serve_options *options, uint32_t number, char out[160]);

#endif
