/* tools/slo.h - what a run has promised: "p50<1ms,p99.9<5ms,max<50ms,errors<0.1%". */
#ifndef SPATE_TOOLS_SLO_H
#define SPATE_TOOLS_SLO_H

#include "io/histogram.h"

#include <stdbool.h>
#include <stdint.h>

enum { SLO_TERMS_MAX = 16 };
#define SLO_ERRORS UINT32_MAX

struct slo_term {
    uint32_t per_million; /* of response times; SLO_ERRORS: the term is about errors */
    double limit;         /* ns, or errors per order */
    const char *text;     /* as it was written, text_bytes long */
    int text_bytes;
    double found; /* by slo_judge, likewise */
    bool kept;
};

struct slo {
    struct slo_term terms[SLO_TERMS_MAX];
    uint32_t count;
};

/* False: it cannot be read from *fault on. The text must outlive the slo. */
bool slo_read(struct slo *slo, const char *text, const char **fault);

/* Says of every promise what came of it; whether all were kept. */
bool slo_judge(struct slo *slo, const struct histogram *response, double error_share);
void slo_print(const struct slo *slo);

#endif
