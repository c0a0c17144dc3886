/* tools/version.h - what this program was built from. */
#ifndef SPATE_TOOLS_VERSION_H
#define SPATE_TOOLS_VERSION_H

/* Version, revision, compiler and features, on stdout. */
void version_print(void);

#endif
