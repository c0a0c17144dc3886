#include "io/check_failed.h"

#include <stdio.h>
#include <stdlib.h>

const struct atomic64 *check_failed_seq;

_Noreturn void check_failed(const char *file, int line, const char *claim)
{
    fprintf(stderr, "spate: %s:%d: this must hold and does not: %s", file, line, claim);
    uint64_t next = check_failed_seq != NULL ? atomic_load(check_failed_seq) : 0;
    if (next > 0)
        fprintf(stderr, " (last commit sequence: %llu)", (unsigned long long)next - 1);
    fputc('\n', stderr);
    abort();
}
