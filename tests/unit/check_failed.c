/* What a broken CHECK does in a unit test: it says so and ends the program. */
#include <stdio.h>
#include <stdlib.h>

#include "core/check.h"

void check_failed(const char *file, int line, const char *claim)
{
    fprintf(stderr, "%s:%d: CHECK(%s)\n", file, line, claim);
    abort();
}
