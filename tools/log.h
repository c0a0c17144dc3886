/* tools/log.h - what the verbs of `spate log` share. */
#ifndef SPATE_TOOLS_LOG_H
#define SPATE_TOOLS_LOG_H

#include "persist/start.h"
#include "tools/options.h"

/* Options and one directory: -1, or an exit code after saying what is wrong. */
int log_arguments(const struct usage *usage, int argc, char **argv);

/* Reads the whole log of a directory, changes nothing, and shows every group to the visitor. 0, or an
 * exit code after saying what is wrong. */
int log_read(const char *command, const char *directory, struct start_visitor *visitor,
             struct start *start, struct start_report *report);

int log_dump(int argc, char **argv);

#endif
