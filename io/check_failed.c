#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *claim)
{
    fprintf(stderr, "spate: %s:%d: this must hold and does not: %s\n", file, line, claim);
    abort();
}
