/* tools/version.h - what this program was built from. */
#ifndef SPATE_TOOLS_VERSION_H
#define SPATE_TOOLS_VERSION_H

/* Version, revision, compiler and features, on stdout. */
void version_print(void);

/* "0.1.0 (revision)" */
const char *version_text(void);

#endif
