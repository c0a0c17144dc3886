/* tools/config.h - the file that options may also stand in: lines of `name = value`, and # comments.
 *
 * Its names are those of the command line. Whatever it says that means nothing is refused with file
 * and line. Nothing of it is taken over before all of it was looked at. */
#ifndef SPATE_TOOLS_CONFIG_H
#define SPATE_TOOLS_CONFIG_H

#include "core/check.h"
#include "tools/options.h"

/* Reads it for the options that nothing above it has given; usage->sources must be there. false: what
 * is wrong has been said (usage->errors). */
bool config_read(const struct usage *usage, const char *path) MUST_LOOK;

/* Every option with its value and where that is from, as a file that config_read takes. */
void config_dump(const struct usage *usage);

#endif
