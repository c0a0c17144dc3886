/* tools/log.h - the verbs of `spate log`, each in its own file, and what they share. */
#ifndef SPATE_TOOLS_LOG_H
#define SPATE_TOOLS_LOG_H

#include "tools/options.h"

/* Options and one directory, which is argv[0] then: -1, or an exit code after saying what is wrong. */
int log_arguments(const struct usage *usage, int argc, char **argv);

/* argv[0] is the verb. */
int log_dump(int argc, char **argv);
int log_compact(int argc, char **argv);
int log_backup(int argc, char **argv);
int log_export(int argc, char **argv);
int log_salvage(int argc, char **argv);

/* `verify --state`: whether every snapshot, and the log from its beginning, lead to the same state, and
 * to the one that was noted when all was quiet. The exit code. */
int log_verify_state(const char *command, const char *directory);

#endif
