#include "tools/version.h"

#include <stdio.h>

#include <llhttp.h>
#include <xxhash.h>

#include "tools/revision.h"

void version_print(void)
{
    printf("spate %s (%s)\ncompiler: %s\nfeatures: io_uring, llhttp %d.%d.%d, xxhash %d.%d.%d\n",
           SPATE_VERSION, SPATE_REVISION, __VERSION__, LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR,
           LLHTTP_VERSION_PATCH, XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
}

const char *version_text(void)
{
    return SPATE_VERSION " (" SPATE_REVISION ")";
}
